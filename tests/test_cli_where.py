"""``ganaug sample --where``, and what ``fit`` and ``resample`` say of rules."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from helpers import cases
from PIL import Image

from ganaug import TabularGAN, load
from ganaug.cli.main import main

QUICK = ["--max-steps", "3", "--seed", "0"]
ROWS = 300


def frame():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"age": rng.integers(18, 90, ROWS), "sex": rng.choice(["F", "M"], ROWS)})
    X["day"] = (pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, ROWS), unit="D")).strftime("%d.%m.%Y")
    X["price"] = [f"{v:.2f}".replace(".", ",") for v in rng.gamma(3, 10, ROWS)]
    X["a >= b"] = rng.normal(size=ROWS).round(3)
    X["in stock"] = rng.choice(["True", "False"], ROWS)
    X["income"] = [None if r < 0.3 else round(float(r) * 100) for r in rng.random(ROWS)]
    X["open"] = rng.integers(0, 100, ROWS)
    X["close"] = X["open"] + rng.integers(0, 9, ROWS)
    X["y"] = np.where(np.arange(ROWS) % 4 == 0, "yes", "no")
    return X


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("where")
    X = frame().assign(**{"a >= b": lambda f: f["a >= b"].map(lambda v: f"{v:.3f}".replace(".", ","))})
    X.to_csv(folder / "t.csv", index=False, sep=";")
    path = folder / "model.safetensors"
    assert main(["fit", str(folder / "t.csv"), "-t", "y", "-o", str(path), *QUICK]) == 0
    return path


def drawn(model, *conditions, n=12):
    words = [word for one in conditions for word in ("--where", one)]
    assert main(["sample", str(model), "-n", str(n), "--seed", "1", "-o", "new.csv", "--force", *words]) == 0
    new = pd.read_csv("new.csv", sep=";", decimal=",")
    assert len(new) == n
    return new.assign(day=pd.to_datetime(new["day"], format="%d.%m.%Y"))


@cases(
    ("conditions", "check"),
    [
        (["age>=60"], lambda f: f["age"] >= 60),
        (["age > 60", "age < 70"], lambda f: f["age"].between(61, 69)),
        (["age=60..80"], lambda f: f["age"].between(60, 80)),
        (["age = ..40"], lambda f: f["age"] <= 40),
        (["age in 60.."], lambda f: f["age"] >= 60),
        (["age!=60", "sex=F"], lambda f: (f["age"] != 60) & (f["sex"] == "F")),
        (["sex in F"], lambda f: f["sex"] == "F"),
        (["sex in F|M"], lambda f: f["sex"].isin(["F", "M"])),
        (["sex!=F"], lambda f: f["sex"] == "M"),
        (["age in 20|30|40|50"], lambda f: f["age"].isin([20, 30, 40, 50])),
        (["day>=01.05.2024"], lambda f: f["day"] >= "2024-05-01"),
        (["day<2024-05-01"], lambda f: f["day"] < "2024-05-01"),
        (["day=01.05.2024..2024-07-01"], lambda f: f["day"].between("2024-05-01", "2024-07-01")),
        (["price<=20,50"], lambda f: f["price"] <= 20.5),
        (["price>20.5"], lambda f: f["price"] > 20.5),
        (["a >= b>=0"], lambda f: f["a >= b"] >= 0),
        (["in stock=True"], lambda f: f["in stock"]),
        (["in stock=no"], lambda f: ~f["in stock"]),
        (["income is missing"], lambda f: f["income"].isna()),
        (["income is not missing"], lambda f: f["income"].notna()),
        (["close>=50", "open <= 60"], lambda f: (f["close"] >= 50) & (f["open"] <= 60)),
    ],
    ids=lambda given: " and ".join(given) if isinstance(given, list) else "rows",
)
def test_conditions(model, here, conditions, check):
    new = drawn(model, *conditions)
    assert check(new).all()
    assert (new["close"] >= new["open"]).all()  # a rule of the table


@cases(
    ("words", "said"),
    [
        (["agee>=60"], "--where 'agee>=60': no column 'agee'; did you mean 'age'?"),
        (["y=yes"], "'y' is the column of the labels; use --label or --counts"),
        (["age>=600"], "no row can meet 'age from 600 to any': column 'age' runs from 18 to"),
        (["age=old"], "column 'age' holds int64, such as 18, which cannot be compared with 'old'"),
        (["age=.."], "give at least one end, as in 60..80, 60.. or ..80"),
        (["age=80..60"], "'age' is (80, 60), which no value is within"),
        (["sex=Q"], "no row can meet 'sex = Q': column 'sex' has the values ['F', 'M']"),
        (["sex>F"], "< and > need numbers, dates or durations"),
        (["day>=soon"], "column 'day' holds datetime64[us]"),
        (["age is missing"], "column 'age' has no missing values"),
        (["sex=F", "sex=M"], "the column has another condition already; say both in one, such as"),
    ],
    ids=str,
)
def test_what_is_wrong_is_misuse(model, here, capsys, words, said):
    given = [word for one in words for word in ("--where", one)]
    assert main(["sample", str(model), "-n", "3", "-o", "new.csv", *given]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert not list(here.iterdir())


def test_chunks_labels_and_the_same_seed(model, here):
    words = ["sample", str(model), "--counts", '{"yes": 30, "no": 10}', "--where", "sex=F", "--seed", "4"]
    for name in ("one.csv", "two.csv"):
        assert main([*words, "--chunk-size", "8", "-o", name]) == 0
    new = pd.read_csv("one.csv", sep=";")
    assert (new["sex"] == "F").all()
    assert new["y"].value_counts().to_dict() == {"yes": 30, "no": 10}
    assert (here / "one.csv").read_bytes() == (here / "two.csv").read_bytes()


def test_too_few_rows_leave_nothing_behind(model, here, capsys, monkeypatch):
    monkeypatch.setattr("ganaug.estimators.where.FEWEST_TRIES", 1000)
    monkeypatch.setattr("ganaug.estimators.where.TRIES", 10)
    assert main(["sample", str(model), "-n", "5", "-o", "new.csv", "--where", "price=20.001..20.002"]) == 1
    err = capsys.readouterr().err
    assert re.search(r"only \d of \d rows after 1,000 candidates", err)
    assert not list(here.iterdir())


def test_models_that_python_saved(here):
    X = frame().drop(columns=["y", "price", "day"]).assign(kind=pd.Categorical(np.arange(ROWS) % 3))
    X["f"] = np.random.default_rng(0).gamma(2, 1, ROWS).astype(np.float32)
    X["when"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(ROWS), unit="D")
    TabularGAN(max_steps=3, random_state=0).fit(X).save("frame.safetensors")
    words = ["--where", "kind=2", "--where", "f>0.5", "--where", "when<=2024-08-01", "--where", "age in 60..90"]
    assert main(["sample", "frame.safetensors", "-n", "5", "-o", "new.csv", *words]) == 0
    new = pd.read_csv("new.csv", parse_dates=["when"])
    assert ((new["kind"] == 2) & (new["f"] > 0.5) & (new["when"] <= "2024-08-01") & (new["age"] >= 60)).all()
    TabularGAN(max_steps=3, random_state=0).fit(np.random.default_rng(0).normal(size=(60, 2))).save("a.safetensors")
    assert main(["sample", "a.safetensors", "-n", "5", "-o", "array.csv", "--where", "x1>0"]) == 0
    assert (pd.read_csv("array.csv")["x1"] > 0).all()


def test_images_have_no_columns(here, capsys):
    for k, name in enumerate(["a"] * 6 + ["b"] * 6):
        (here / "photos" / name).mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(k).integers(0, 255, (8, 8), np.uint8)
        Image.fromarray(pixels).save(here / "photos" / name / f"{k}.png")
    assert main(["fit", "photos", "-o", "m.safetensors", "--rules", "none", "--max-steps", "1"]) == 2
    assert "--rules is for tables" in capsys.readouterr().err
    assert main(["fit", "photos", "-o", "m.safetensors", "--max-steps", "1", "--seed", "0"]) == 0
    capsys.readouterr()
    assert main(["sample", "m.safetensors", "-n", "2", "-o", "new", "--where", "age>=60"]) == 2
    assert "--where is for tables" in capsys.readouterr().err


# ---- rules


@cases("words", [["--rules", "none"], ["--set", "rules=None"], ["--rules", "auto"], []], ids=str)
def test_rules_are_kept_or_left_alone(here, capsys, words):
    frame().to_csv("t.csv", index=False)
    assert main(["fit", "t.csv", "-t", "y", "-o", "m.safetensors", "--verbose", *QUICK, *words]) == 0
    said = next(line for line in capsys.readouterr().err.splitlines() if "rules of the table" in line)
    rules = load("m.safetensors").rules_
    if words in ([], ["--rules", "auto"]):
        assert "open <= close <= open + " in str(rules)
        assert re.search(rf"{len(rules)} rules of the table found and kept, \d of them by construction and \d by", said)
    else:
        assert len(rules) == 0
        assert "0 rules of the table found and kept; 'ganaug rules t.csv' prints them" in said


def test_resample_says_how_many_rules_it_keeps(here, capsys):
    frame().to_csv("t.csv", index=False)
    assert main(["resample", "t.csv", "-t", "y", "-o", "o.csv", "--verbose", *QUICK]) == 0
    assert "rules of the table found and kept" in capsys.readouterr().err
    new = pd.read_csv("o.csv")
    assert (new["close"] >= new["open"]).all()
    assert main(["resample", "t.csv", "-t", "y", "-o", "p.csv", *QUICK]) == 0
    assert "rules of the table" not in capsys.readouterr().err


def test_a_wrong_value_of_rules_is_misuse(here, capsys):
    assert main(["fit", "t.csv", "-o", "m.safetensors", "--set", "rules=all"]) == 2
    assert "--set rules: rules='all' must be 'auto', None, or a list of rules" in capsys.readouterr().err
