"""The command line: every command on real files, with bad input, and interrupted; a whole output or none."""

from __future__ import annotations

import errno
import gc
import json
import os
import pkgutil
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import joblib
import numpy as np
import pandas as pd
import pytest
from helpers import DEFAULT_HANDLERS as HANDLERS
from helpers import cases, process

import ganaug
from ganaug import GANOversampler, TabularGAN
from ganaug.cli import assess, main

ROOT = Path(__file__).resolve().parents[1]
THYROID = ROOT / "examples" / "data" / "thyroid_sick.csv"
QUICK = ["--max-steps", "3", "--set", "curate=false", "--seed", "0"]


@pytest.fixture
def train(here):
    """120 rows with everything that a CSV file can hold, 30 of them of the rare class."""
    rng = np.random.default_rng(0)
    lines = ["id;amount;when;n;note;fraud"]
    for i in range(120):
        n = "" if i % 7 == 0 else str(int(rng.integers(0, 9)))
        day = f"{int(rng.integers(1, 29)):02d}.{int(rng.integers(1, 13)):02d}.2024"
        note = ["grün", "blau; hell", ""][i % 3]
        amount = f"{rng.normal(100, 20):.2f}".replace(".", ",")
        quoted = f'"{note}"' if ";" in note else note
        lines.append(f"{i % 40:05d};{amount};{day};{n};{quoted};{'yes' if i % 4 == 0 else 'no'}")
    path = here / "train.csv"
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode("cp1252"))
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model of the same kind of table, trained once."""
    folder = tmp_path_factory.mktemp("model")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=60).round(2), "b": rng.integers(0, 5, 60), "y": ["u", "v", "v"] * 20})
    frame.to_csv(folder / "t.csv", index=False)
    path = folder / "model.safetensors"
    assert main(["fit", str(folder / "t.csv"), "-t", "y", "-o", str(path), *QUICK]) == 0
    return path


def left(folder, *names):
    """What lies in a folder, beside the names."""
    return sorted(path.name for path in folder.iterdir() if path.name not in names)


# ---- the words -------------------------------------------------------------------------------------


def run(*words, **options):
    return subprocess.run(
        [sys.executable, "-m", "ganaug", *map(str, words)], capture_output=True, text=True, timeout=120, **options
    )


def test_version_and_help_import_nothing_heavy():
    code = (
        "import sys; from ganaug.cli import main; code = main(['resample', '--help']);"
        "print(code, sorted({'torch', 'pandas', 'numpy', 'sklearn', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "0 []"
    import ganaug

    assert run("--version").stdout == f"ganaug {ganaug.__version__}\n"


def test_a_report_of_two_files_needs_no_torch(here):
    """Its import takes most of the memory of such a report."""
    rng, y = np.random.default_rng(0), np.arange(60) % 2
    for name in ("real.csv", "made.csv"):
        pd.DataFrame({"a": rng.normal(y), "b": rng.choice(["p", "q"], 60), "y": y}).to_csv(name, index=False)
    words = ["report", "real.csv", "made.csv", "-t", "y", "-o", "r.html"]
    code = (
        "import sys; from ganaug.cli import main\n"
        "from ganaug.metrics import distributions; from ganaug.report import build\n"
        f"distributions.N_TREES = build.RESAMPLES = 4; print(main({words}), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "0 False", done.stderr
    assert "<html" in Path("r.html").read_text()


@cases("command", ["resample", "fit", "sample", "paint", "report", "compare", "advise"])
def test_every_command_shows_an_example(command, capsys):
    assert main([command, "--help"]) == 0
    assert f"ganaug {command} " in capsys.readouterr().out.split("examples:")[1]


@cases(
    ("words", "said"),
    [
        ([], "required: COMMAND"),
        (["resampel"], "invalid choice: 'resampel'"),
        (["resample", "t.csv", "-t", "y"], "required: --output/-o"),
        (["resample", "t.csv", "-o", "o.csv"], "--target is missing"),
        (["resample", "t.csv", "-t", "y", "-o", "o.xlsx"], "o.xlsx: the suffix says how to write it"),
        (["resample", "t.csv", "-t", "y", "-o", "o.csv", "--strategy", "most"], "'most' is none of auto"),
        (["resample", "t.csv", "-t", "y", "-o", "o.csv", "--strategy", '{"a": "b"}'], "the count of class 'a' is 'b'"),
        (["resample", "t.csv", "-t", "y", "-o", "o.csv", "--seed", "-1"], "'-1' is no whole number"),
        (["resample", "t.csv", "-t", "y", "-o", "o.csv", "--set", "width"], "'width' is not NAME=VALUE"),
        (["resample", "t.csv", "-t", "y", "-o", "o.csv", "--delimiter", "ab"], "'ab' is no single character"),
        (["fit", "t.csv", "-o", "m.csv"], "a model is no table"),
        (["fit", "t.csv", "-o", "m.safetensors", "--class", "x"], "--class needs --target"),
        (["sample", "m.safetensors", "-o", "o.csv"], "give either -n N or --counts JSON"),
        (["sample", "m.safetensors", "-o", "o.csv", "--counts", "{}"], "is no JSON object"),
        (["sample", "m.safetensors", "-o", "o.csv", "-n", "1", "--where", "age"], "'age' is no condition such as"),
        (["sample", "m.safetensors", "-o", "o.csv", "-n", "1", "--where", ">=3"], "'>=3' is no condition such as"),
        (["sample", "m.safetensors", "-o", "o.csv", "-n", "1", "--where", "age>="], "such as 'age>=60', 'sex=F'"),
        (["sample", "m.safetensors", "-o", "o.csv", "-n", "1", "--where", "age is old"], "is no condition such as"),
        (["fit", "t.csv", "-o", "m.safetensors", "--rules", "some"], "argument --rules: invalid choice: 'some'"),
        (["paint", "a", "b", "-o", "o"], "give either --masks FOLDER or --boxes FILE"),
        (["paint", "a", "b", "-o", "o", "--masks", "m", "--boxes", "b.csv"], "give either --masks FOLDER or --boxes"),
        (["paint", "a", "b", "-o", "o", "--masks", "m", "--defects", "3..1"], "'3..1' is no whole number above 0"),
        (["paint", "a", "b", "-o", "o", "--masks", "m", "--size", "0..2"], "argument --size: '0..2' is no number"),
        (
            ["paint", "a", "b", "-o", "o", "--masks", "m", "--strength", "nan"],
            "argument --strength: 'nan' is no number",
        ),
        (["paint", "a", "b", "-o", "o", "--masks", "m", "--min-contrast", "-1"], "'-1' is no number of at least 0"),
        (["paint", "a", "b", "-o", "o", "--masks", "m", "--device", "tpu"], "ganaug: --device='tpu'"),
        (["paint", "a", "a/", "-o", "o", "--masks", "m"], "a/: the images without defects are those with"),
        (["paint", "a", "b", "-o", "b/o", "--masks", "m"], "lie within each other"),
        (["report", "t.csv", "s.csv", "-t", "y", "-o", "r.pdf"], "give .html or .json"),
        (["advise", "t.csv"], "--target is missing"),
        (["advise", "t.csv", "-t", "y", "--estimator", "tree"], "invalid choice: 'tree'"),
        (["compare", "t.csv", "-t", "y", "-o", "r.html"], "give .md or .csv"),
        (["compare", "t.csv", "-t", "y", "-o", "r.md", "--splits", "1"], "'1' is no whole number of at least 2"),
    ],
)
def test_misuse_is_code_2_and_one_line(here, capsys, words, said):
    assert main(words) == 2
    err = capsys.readouterr().err
    assert said in err and err.startswith("ganaug") and err.count("\n") == 1
    assert not left(here)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["resample", "rows", "-t", "z", "-o", "o"], "ganaug: --target='z' is no column of rows"),
        (
            ["resample", "rows", "-t", "y", "-o", "o", "--mark-column", "a"],
            "ganaug: --mark-column 'a': rows has a column",
        ),
        (
            ["resample", "rows", "-t", "y", "-o", "o", "--mark-column", "y"],
            "ganaug: --mark-column 'y': rows has a column",
        ),
        (["resample", "rows", "-t", "y", "-o", "o", "--strategy", "2.5"], "ganaug: --strategy=2.5 cannot be met"),
        (["resample", "rows", "-t", "y", "-o", "o", "--jobs", "0"], "ganaug: --jobs=0 must be None"),
        (["advise", "rows/0.csv", "-t", "y", "--scoring", "best"], "ganaug: --scoring: 'best' is not a valid"),
        (
            ["report", "rows/0.csv", "rows/0.csv", "-t", "y", "-o", "r.html", "--mark-column", "a"],
            "ganaug: --mark-column 'a' is a column of rows/0.csv too",
        ),
    ],
)
def test_errors_of_the_library_name_the_option(here, capsys, words, said):
    Path("rows").mkdir()
    Path("rows/0.csv").write_text("a,y\n" + "".join(f"{i / 8},{'np'[i > 25]}\n" for i in range(40)))
    assert main(words) in (1, 2)
    err = capsys.readouterr().err
    assert err.startswith(said) and err.count("\n") == 1
    assert left(here) == ["rows"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["resample", "cv", "-t", "y", "-o", "o.csv"], "ganaug: cv: line 3: the quote that is opened"),
        (["report", "y", "y", "-t", "y", "-o", "r.html", "--mark-column", "a"], "ganaug: --mark-column 'a' is"),
        (["report", "y", "y", "-t", "y", "-o", "r.html", "--mark-column", "b"], "ganaug: y: no column 'b'"),
        (["resample", "where", "-t", "y", "-o", "o"], "ganaug: where: column 'a' is"),
    ],
)
def test_errors_of_a_file_that_is_called_as_a_parameter_name_the_file(here, capsys, words, said):
    table = "a,y\n" + "".join(f"{i / 8},{'np'[i > 25]}\n" for i in range(40))
    Path("where").mkdir()
    Path("where/0.csv").write_text(table)
    Path("where/1.csv").write_text("b,y\n1,n\n")
    Path("y").write_text(table)
    Path("cv").write_text('a,y\n1,n\n2,"n')
    assert main(words) in (1, 2)
    err = capsys.readouterr().err
    assert err.startswith(said) and err.count("\n") == 1


# ---- resample --------------------------------------------------------------------------------------


def test_resample_keeps_the_real_rows_and_the_way_they_are_written(train, capsys):
    before = train.read_bytes()
    assert main(["resample", "train.csv", "-t", "fraud", "-o", "out.csv", *QUICK]) == 0
    assert capsys.readouterr() == ("", "")  # quiet, as nobody looks
    after = Path("out.csv").read_bytes()
    assert train.read_bytes() == before and after.startswith(before)
    new = after[len(before) :].decode("cp1252").split("\r\n")[:-1]
    assert len(new) == 60
    for row in new:
        key, amount, day, n, note, fraud = row.replace("blau; hell", "blau").split(";")
        assert len(key) == 5 and key.isdecimal()
        assert len(amount.partition(",")[2]) == 2
        assert pd.to_datetime(day, format="%d.%m.%Y").year == 2024
        assert n == "" or n.isdecimal()
        assert note in ("grün", '"blau"', "") and fraud == "yes"
    assert not left(train.parent, "train.csv", "out.csv")


def test_resample_does_what_the_library_does(here):
    words = ["resample", str(THYROID), "-t", "class", "-o", "out.csv", "--strategy", "0.1", "--max-steps", "5"]
    words += ["--set", "width=16", "--set", "depth=1"]
    assert main([*words, "--seed", "7", "--device", "cpu"]) == 0
    got = pd.read_csv("out.csv")
    assert (got["class"] == "sick").sum() == 354
    from ganaug.cli.table_files import CsvTable

    frame = CsvTable(str(THYROID)).frame
    gan = TabularGAN(max_steps=5, width=16, depth=1, verbose=False)
    sampler = GANOversampler(sampling_strategy=0.1, generator=gan, random_state=7)
    X, _ = sampler.fit_resample(frame.drop(columns="class"), frame["class"])
    X.to_csv("library.csv", index=False)
    pd.testing.assert_frame_equal(got.drop(columns="class"), pd.read_csv("library.csv"))


def test_resample_marks_counts_and_saves(train, capsys):
    pq = pytest.importorskip("pyarrow.parquet")
    words = ["resample", "train.csv", "-t", "fraud", "-o", "out.parquet", "--strategy", '{"yes": 50}']
    assert main([*words, "--mark-column", "new", "--save", "yes.safetensors", "--verbose", *QUICK]) == 0
    err = capsys.readouterr().err
    assert 'out.parquet: 140 rows, 20 of them synthetic {"yes": 20}; seed 0' in err
    assert "cp1252, fields end at ';'" in err and "date: when" in err
    rows = pq.read_table("out.parquet").to_pandas()
    assert rows["new"].tolist() == [False] * 120 + [True] * 20
    assert set(rows["fraud"][120:]) == {"yes"} and rows["id"].str.len().eq(5).all()
    assert main(["sample", "yes.safetensors", "-n", "3", "--label", "yes", "-o", "more.csv"]) == 0
    assert Path("more.csv").read_bytes().startswith(b"id;amount;when;n;note;fraud\r\n")


def test_several_classes_at_a_time(here):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [40, 20, 14])
    pd.DataFrame({"a": rng.normal(size=74), "b": rng.normal(size=74), "y": y}).to_csv("t.csv", index=False)
    for jobs, name in (("1", "one.csv"), ("2", "two.csv")):
        with joblib.parallel_config("threading"):  # processes of its own would import torch, which takes long
            assert main(["resample", "t.csv", "-t", "y", "-o", name, "--jobs", jobs, *QUICK]) == 0
    assert Path("one.csv").read_bytes() == Path("two.csv").read_bytes()
    assert pd.read_csv("one.csv")["y"].value_counts().tolist() == [40, 40, 40]
    words = ["resample", "t.csv", "-t", "y", "-o", "three.csv", "--save", "m.safetensors", *QUICK]
    assert main(words) == 1  # two GANs and one file
    assert not Path("m.safetensors").exists() and len(pd.read_csv("three.csv")) == 120
    assert main([*words, "--shared", "--force"]) == 0
    assert Path("m.safetensors").exists()


def test_few_rows_are_a_warning_of_one_line(here, capsys):
    pd.DataFrame({"a": range(30), "y": [0] * 25 + [1] * 5}).to_csv("t.csv", index=False)
    assert main(["resample", "t.csv", "-t", "y", "-o", "o.csv", *QUICK]) == 0
    err = capsys.readouterr().err.splitlines()
    assert any(line.startswith("ganaug: warning: class 1 has 5 rows") for line in err)
    assert main(["resample", "t.csv", "-t", "y", "-o", "o.csv", "--force", "--quiet", *QUICK]) == 0
    assert capsys.readouterr().err == ""


# ---- fit and sample --------------------------------------------------------------------------------


def test_sample_writes_what_was_asked_for(model, here):
    assert main(["sample", str(model), "--counts", '{"v": 3, "u": 2}', "-o", "a.csv", "--seed", "1"]) == 0
    rows = pd.read_csv("a.csv")
    assert rows.columns.tolist() == ["a", "b", "y"] and rows["y"].tolist() == ["v"] * 3 + ["u"] * 2
    assert rows["b"].dtype == np.int64 and (rows["a"].round(2) == rows["a"]).all()
    assert main(["sample", str(model), "--counts", '{"v": 3, "u": 2}', "-o", "b.csv", "--seed", "1"]) == 0
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()
    assert main(["sample", str(model), "-n", "0", "-o", "c.csv"]) == 0
    assert Path("c.csv").read_text() == "a,b,y\n"


def test_sample_streams_row_groups(model, here):
    pq = pytest.importorskip("pyarrow.parquet")
    words = ["sample", str(model), "-n", "1000", "--label", "u", "--chunk-size", "300", "--seed", "1"]
    assert main([*words, "-o", "a.parquet"]) == 0 and main([*words, "-o", "a.csv"]) == 0
    file = pq.ParquetFile("a.parquet")
    assert [file.metadata.row_group(i).num_rows for i in range(4)] == [300, 300, 300, 100]
    rows = file.read().to_pandas()
    pd.testing.assert_frame_equal(rows, pd.read_csv("a.csv"), check_dtype=False)
    file.close()


@pytest.mark.parametrize("copies", [None, 0])
def test_sample_says_that_copies_were_not_looked_for(model, here, monkeypatch, capsys, copies):
    def made(self, n, label=None, **_):
        rows = self.sample(n, random_state=0)
        self.curation_ = {"u": {"drawn": 3, "kept": 3, "copies": copies}}
        yield rows

    monkeypatch.setattr(TabularGAN, "iter_samples", made)
    assert main(["sample", str(model), "-n", "3", "-o", "a.csv", "--verbose", "--seed", "1"]) == 0
    said = ", not compared with the training rows, of which the model file holds no trace" if copies is None else ""
    assert capsys.readouterr().err == f"ganaug: a.csv: 3 synthetic{said}; seed 1\n"


def test_sample_never_holds_more_than_a_chunk(model, here, monkeypatch):
    """However many rows: what is handed to the writer is one chunk, and it is dropped before the next is made."""
    alive = []

    def endless(self, n, label=None, *, chunk_size, where=None, random_state=None):
        import weakref

        for _ in range(n // chunk_size):
            frame = pd.DataFrame({"a": np.zeros(chunk_size), "b": np.zeros(chunk_size, np.int64)})
            alive.append(weakref.ref(frame))
            yield frame, pd.Series(["u"] * chunk_size)
            del frame
            assert sum(ref() is not None for ref in alive) <= 1

    monkeypatch.setattr(TabularGAN, "iter_samples", endless)
    assert main(["sample", str(model), "-n", "50000", "--chunk-size", "1000", "-o", "a.csv"]) == 0
    assert len(alive) == 50 and len(pd.read_csv("a.csv")) == 50000


def test_a_model_that_python_saved(here):
    X = np.random.default_rng(0).normal(size=(40, 2))
    TabularGAN(max_steps=2, random_state=0).fit(X).save("plain.safetensors")
    TabularGAN(max_steps=2, random_state=0).fit(X, [0, 1] * 20).save("labels.safetensors")
    assert main(["sample", "plain.safetensors", "-n", "4", "-o", "a.csv"]) == 0
    assert pd.read_csv("a.csv").columns.tolist() == ["x0", "x1"]
    assert main(["sample", "labels.safetensors", "-n", "4", "--label", "1", "-o", "b.csv"]) == 0
    assert pd.read_csv("b.csv")["y"].tolist() == [1] * 4


def test_fit_without_labels_and_of_one_class(train, capsys):
    assert main(["fit", "train.csv", "-o", "all.safetensors", *QUICK]) == 0
    assert main(["sample", "all.safetensors", "-n", "2", "-o", "a.csv"]) == 0
    assert Path("a.csv").read_text("cp1252").splitlines()[0] == "id;amount;when;n;note;fraud"
    assert main(["fit", "train.csv", "-t", "fraud", "--class", "yes", "-o", "yes.safetensors", *QUICK]) == 0
    assert main(["sample", "yes.safetensors", "-n", "2", "-o", "b.csv"]) == 0
    assert pd.read_csv("b.csv", sep=";", encoding="cp1252")["fraud"].tolist() == ["yes"] * 2
    assert main(["sample", "yes.safetensors", "-n", "2", "--label", "no", "-o", "c.csv"]) == 1
    assert main(["sample", "yes.safetensors", "-n", "2", "--label", "yess", "-o", "c.csv"]) == 2
    assert "no class 'yess'; did you mean 'yes'?" in capsys.readouterr().err
    assert main(["sample", "all.safetensors", "-n", "2", "--label", "yes", "-o", "c.csv"]) == 2
    assert not Path("c.csv").exists()


def test_a_damaged_model(model, here, capsys):
    Path("m.safetensors").write_bytes(model.read_bytes()[:-50])
    assert main(["sample", "m.safetensors", "-n", "2", "-o", "a.csv"]) == 1
    assert main(["sample", "none.safetensors", "-n", "2", "-o", "a.csv"]) == 1
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 2 and "m.safetensors" in err[0] and "none.safetensors" in err[1]
    assert left(here) == ["m.safetensors"]


# ---- report and compare ----------------------------------------------------------------------------


class _Report:
    def __init__(self, samples, X, y, **more):
        self.samples, self.X, self.y, self.more = samples, X, y, more

    def to_html(self, path):
        Path(path).write_text(f"<p>{len(self.samples[1])}", encoding="utf-8")

    def to_dict(self):
        return {"rows": np.int64(len(self.X)), "columns": np.array(self.X.columns)}


@pytest.fixture
def reports(monkeypatch):
    made = []
    module = ModuleType("ganaug.report")
    module.quality_report = lambda *given, **more: made.append(_Report(*given, **more)) or made[-1]
    monkeypatch.setitem(sys.modules, "ganaug.report", module)
    return made


def test_report_of_marked_rows(train, reports):
    words = ["resample", "train.csv", "-t", "fraud", "-o", "out.csv", "--mark-column", "new", *QUICK]
    assert main(words) == 0
    words = ["report", "train.csv", "out.csv", "-t", "fraud", "--mark-column", "new"]
    assert main([*words, "-o", "r.html"]) == 0 and main([*words, "-o", "r.json"]) == 0
    assert Path("r.html").read_text() == "<p>60"
    assert json.loads(Path("r.json").read_text()) == {"rows": 120, "columns": ["id", "amount", "when", "n", "note"]}
    X, y = reports[0].samples
    assert X.columns.equals(reports[0].X.columns) and set(y) == {"yes"}
    assert X["when"].dtype.kind == "M" and str(X["n"].dtype) == str(reports[0].X["n"].dtype)


def test_report_of_a_model(model, here, reports):
    assert main(["report", str(model.parent / "t.csv"), str(model), "-t", "y", "-o", "r.json"]) == 0
    assert reports[0].samples == str(model), "the report reads it, and says what the file gives away"


def test_report_judges_treatments_for_a_classifier(train, reports, monkeypatch):
    monkeypatch.setattr(assess, "_judged", lambda args, name, X, y: (name, list(X.columns), len(y)))
    shutil.copy("train.csv", "new.csv")
    assert main(["report", "train.csv", "new.csv", "-t", "fraud", "-o", "r.html", "--classifier", "knn"]) == 0
    assert reports[0].more["classifier"] == ("knn", list(reports[0].X.columns), len(reports[0].X))


def test_report_takes_a_holdout_a_title_a_seed_and_hides_real_rows(train, reports, capsys):
    rows = Path("train.csv").read_bytes().splitlines(keepends=True)
    Path("new.csv").write_bytes(b"".join(rows[:41]))
    Path("test.csv").write_bytes(b"".join([rows[0], *rows[41:71]]))
    words = ["report", "train.csv", "new.csv", "-t", "fraud", "-o", "r.html"]
    assert main(words) == 0 and reports[0].more == {}
    asked = ["--holdout", "test.csv", "--title", "Frauds of May", "--seed", "7", "--hide-real", "--force"]
    assert main([*words, *asked]) == 0
    more = reports[1].more
    assert (more["title"], more["random_state"], more["hide_real"]) == ("Frauds of May", 7, True)
    assert (
        more["X_holdout"].columns.equals(reports[1].X.columns)
        and len(more["X_holdout"]) == len(more["y_holdout"]) == 30
    )
    assert more["X_holdout"]["when"].dtype.kind == "M"
    Path("bad.csv").write_bytes(Path("test.csv").read_bytes().replace(b"amount", b"amounts", 1))
    assert main([*words, "--force", "--holdout", "bad.csv"]) == 1
    assert "bad.csv: no column 'amount'; did you mean 'amounts'?" in capsys.readouterr().err


def test_a_page_by_the_command_line(here, capsys, small_forests):
    rng = np.random.default_rng(0)
    for name in ("real", "new", "held"):
        y = np.arange(90) % 2
        table = pd.DataFrame({"code": rng.normal(size=90).round(5), "x": (rng.normal(size=90) + y).round(3), "y": y})
        table.to_csv(f"{name}.csv", index=False)
    words = ["report", "real.csv", "new.csv", "-t", "y", "--holdout", "held.csv", "--title", "Trial <1>", "--hide-real"]
    assert main([*words, "--seed", "3", "-o", "r.html"]) == 0 and main([*words, "-o", "r.json"]) == 0
    page, content = Path("r.html").read_text(), json.loads(Path("r.json").read_text())
    assert "<h1>Trial &lt;1&gt;</h1>" in page and "90</b> held out" in page and content["hides_real"]
    assert "tested_on" not in content["metrics"]["augmentation_gain"]["details"]
    assert "membership_auc" in content["metrics"]


def test_report_names_what_does_not_fit(train, reports, capsys):
    Path("s.csv").write_text("id;amout;when;n;note;fraud\n1;2;;4;5;6\n")
    Path("t.csv").write_text("id;amount;when;n;note;fraud\n1;x;;;5;6\n")
    Path("m.csv").write_text("id;amount;when;n;note;fraud;new\n1;2;;;5;6;0\n")
    for name, said in (
        ("s.csv", "ganaug: s.csv: no column 'amount'; did you mean 'amout'?"),
        ("t.csv", "ganaug: t.csv: line 2, column 'amount': 'x' is no number, as all others are"),
        ("m.csv", "ganaug: m.csv: column 'new': marks no row as synthetic"),
    ):
        more = ["--mark-column", "new"] if name == "m.csv" else []
        assert main(["report", "train.csv", name, "-t", "fraud", "-o", "r.html", *more]) == 1
        assert capsys.readouterr().err == said + "\n"
    assert not Path("r.html").exists()


def test_compare(train, capsys):
    words = ["compare", "train.csv", "-t", "fraud", "--oversamplers", "none,SMOTE,GANOversampler", *QUICK]
    words += ["--classifiers", "decision tree", "--metrics", "roc_auc", "--splits", "2", "--cache", "cells"]
    assert main([*words, "-o", "r.csv"]) == 0
    results = pd.read_csv("r.csv")
    assert len(results) == 6 and results["error"].isna().all()
    assert results["dataset"].unique().tolist() == ["train.csv"]
    assert len(left(train.parent / "cells")) == 6
    written = {path: path.stat().st_mtime_ns for path in Path("cells").iterdir()}
    assert main([*words, "-o", "r.md"]) == 0
    assert {path: path.stat().st_mtime_ns for path in Path("cells").iterdir()} == written  # from the cache
    assert "| GANOversampler |" in Path("r.md").read_text()
    assert "warned of" not in Path("r.md").read_text()
    lines = Path("train.csv").read_bytes().splitlines()
    Path("numbered.csv").write_bytes(
        b"\n".join([b"number;" + lines[0]] + [b"%d;" % i + line for i, line in enumerate(lines[1:])])
    )
    words[1] = "numbered.csv"
    assert main([*words, "-o", "n.md"]) == 0
    for told in (Path("n.md").read_text(), capsys.readouterr().err):
        assert told.count("GANOversampler: column 'number' looks like an identifier") == 1
        assert "no two alike); drop it before fitting" in told
    assert main([*words, "--classifiers", "tree", "-o", "x.md"]) == 2
    assert "--classifiers 'tree': unknown ['tree']; choose from logistic regression" in capsys.readouterr().err


def test_advise(train, capsys):
    words = ["advise", "train.csv", "-t", "fraud", "-e", "logistic", "--scoring", "balanced_accuracy", "--splits", "2"]
    words += ["--oversamplers", "SMOTE", "--seed", "1"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert said.split("\n")[0].count("balanced accuracy") == 1 and "Threshold at the class's share" in said
    assert sum(line.startswith("->") for line in said.splitlines()) <= 1
    assert main([*words, "--json", "--treatments", "prior,class_weight"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["threshold"] for row in found["evidence"]] == ["", "prior", ""]
    assert sum(row["chosen"] for row in found["evidence"]) == 1 and "bare classifier" in found["verdict"]
    assert main([*words, "--treatments", "prior", "--plot", "train.csv.png"]) == 0
    assert Path("train.csv.png").read_bytes().startswith(b"\x89PNG")
    assert main([*words, "--plot", "train.csv.png"]) == 1 and "train.csv.png" in capsys.readouterr().err
    for wrong, text in [
        (["--oversamplers", "SMOTTE"], "--oversamplers 'SMOTTE': unknown"),
        (["--treatments", "luck"], "treatments='luck'"),
        (["--plot", "a.html"], "give .png, .svg, .pdf"),
        (["--scoring", "best"], "scoring: 'best'"),
    ]:
        assert main([*words, *wrong]) == 2
        err = capsys.readouterr().err
        assert text in err and err.count("\n") == 1


def test_a_picture_without_matplotlib_is_refused_before_anything_is_judged(train, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["advise", "train.csv", "-t", "fraud", "--treatments", "prior", "--plot", "new.png"]) == 1
    out, err = capsys.readouterr()
    assert not out and "pictures need matplotlib: pip install" in err


# ---- bad input -------------------------------------------------------------------------------------

ROWS = "".join(f"{i},{'ab'[i % 2]}\n" for i in range(30))


@cases(
    ("content", "said"),
    [
        ("age,target\n" + ROWS, "no column 'y'; there are 'age', 'target'"),
        ("", "is empty"),
        ("a,y\n", "has a header and no rows"),
        ("a,y\n" + ROWS + "1,a,2\n", "line 32 has 3 fields, the header 2"),
        ("a,y\n" + ROWS + "1,\n2,\n", "line 32, column 'y': 2 rows have no label; fill or drop them"),
        ("a,y\n1,a\n2,a\n", "column 'y': holds one class only, a, in all 2 rows"),
        ("y\na\nb\n", "has no column beside 'y'"),
        (b"a,y\n\xc3\xa9,a\n\xe9,b\n", "line 3: mixed encodings"),
    ],
)
@cases("command", ["resample", "fit", "compare"])
def test_bad_tables(here, capsys, command, content, said):
    Path("t.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    output = {"resample": "o.csv", "fit": "o.safetensors", "compare": "o.md"}[command]
    quick = ["--oversamplers", "none", "--classifiers", "decision tree"] if command == "compare" else []
    code = main([command, "t.csv", "-t", "y", "-o", output, *quick, *QUICK])
    err = capsys.readouterr().err
    assert code == 1 and said in err and err.count("\n") == 1
    assert err.startswith("ganaug: t.csv: ")
    assert left(here) == ["t.csv"]


@cases("command", ["resample", "fit", "compare", "report"])
@cases(
    ("cells", "said", "goes_on"),
    [
        (
            [i / 7 for i in range(60)],
            "60 distinct numbers in 60 rows, some with decimals, which is a continuous",
            False,
        ),
        ([f"{1000 + i:,}" for i in range(60)], "60 distinct numbers in 60 rows, which looks like a measurement", True),
        ([f"{i % 12}.0" for i in range(60)], "12 distinct numbers in 60 rows, which looks like a measurement", True),
        (["0.5", "1.5"] * 30, "2 distinct numbers in 60 rows, some with decimals", False),
    ],
)
def test_a_target_of_many_numbers_is_questioned(here, capsys, command, cells, said, goes_on):
    pd.DataFrame({"a": np.arange(60) % 7, "y": cells}).to_csv("t.csv", index=False)
    output = {"resample": "o.csv", "fit": "o.safetensors", "compare": "o.md", "report": "o.json"}[command]
    words = [command, "t.csv", *(["t.csv"] if command == "report" else []), "-t", "y", "-o", output]
    assert main(words) == 2
    err = capsys.readouterr().err.splitlines()
    assert said in err[-1] and "make a column of classes first" in err[-1]
    assert ("--many-classes" in err[-1]) == goes_on and left(here) == ["t.csv"]
    if command == "fit" and goes_on:  # as the message says
        assert main([*words, "--many-classes", *QUICK]) == 0


def test_few_numbers_are_classes(here, capsys):
    for name, cells in (("digits", [i % 10 for i in range(120)]), ("years", [2000 + i % 3 for i in range(120)])):
        pd.DataFrame({"a": np.arange(120) % 7, "y": cells}).to_csv("t.csv", index=False)
        assert main(["fit", "t.csv", "-t", "y", "-o", f"{name}.safetensors", *QUICK]) == 0
    assert capsys.readouterr().err == ""


def test_labels_are_named_as_they_stand_in_the_file(here):
    """Whatever numbers they are read as; and dates and times that are labels are names."""
    for cells, label in ((["5%", "10%"], "10%"), (["1,000", "2,000"], "2,000"), (["08:00", "14:05"], "14:05"),
                         (["2024-01", "2024-02"], "2024-02"), (["1,0", "2,0"], "2,0")):  # fmt: skip
        rows = "".join(f"{i % 7};{cells[i % 3 == 0]}\n" for i in range(60))
        Path("t.csv").write_text(f"a;y\n{rows}")
        quick = [*QUICK, "--quiet", "--force"]
        assert main(["resample", "t.csv", "-t", "y", "-o", "o.csv", "--strategy", json.dumps({label: 30}), *quick]) == 0
        assert [row.split(";")[1] for row in Path("o.csv").read_text().splitlines()[61:]] == [label] * 10
        assert main(["fit", "t.csv", "-t", "y", "--class", label, "-o", "m.safetensors", *quick]) == 0
        assert main(["sample", "m.safetensors", "-n", "3", "--label", label, "-o", "s.csv", *quick[-4:]]) == 0
        assert [row.split(";")[1] for row in Path("s.csv").read_text().splitlines()[1:]] == [label] * 3


@cases("command", ["resample", "fit", "compare", "report"])
def test_labels_that_differ_in_case_and_spaces_are_told_once(here, reports, capsys, command):
    Path("t.csv").write_text("a,y\n" + "".join(f"{i % 9},{['yes', ' yes', 'Yes', 'no'][i % 4]}\n" for i in range(80)))
    output = {"resample": "o.csv", "fit": "o.safetensors", "compare": "o.md", "report": "o.json"}[command]
    words = [command, "t.csv", *(["t.csv"] if command == "report" else []), "-t", "y", "-o", output]
    words += ["--oversamplers", "none", "--classifiers", "decision tree"] if command == "compare" else []
    assert main([*words, *([] if command == "report" else QUICK)]) == 0
    warned = [line for line in capsys.readouterr().err.splitlines() if "case or spaces" in line]
    assert warned == [
        "ganaug: warning: classes that differ in nothing but case or spaces: ' yes', 'Yes', 'yes'. Each is a class of "
        "its own; if they are meant to be one, write them alike, for example by y.str.strip().str.lower()"
    ]


@cases("command", ["resample", "fit", "compare"])
@cases(
    ("words", "said"),
    [
        (
            ["--max-time", "0"],
            "--max-time: max_time='0' must be None, a positive number of seconds, or a string such as",
        ),
        (["--max-time", "-5"], "'90s', '5min' or '1.5h'"),
        (["--max-time=-5"], "'90s', '5min' or '1.5h'"),
        (["--max-time", "soon"], "'90s', '5min' or '1.5h'"),
        (["--max-time", "5 weeks"], "'90s', '5min' or '1.5h'"),
        (["--set", "objective=hinges"], "--set objective: objective='hinges' is unknown; choose one of: 'minimax'"),
        (["--set", "width=0"], "--set width: width=0 must be an integer of at least 1"),
        (["--set", "width=abc"], "--set width: width='abc' must be an integer of at least 1"),
        (["--set", "max_time=[]"], "--set max_time: max_time=[] must be None, a positive number"),
        (["--set", "learning_rate=1e308"], "--set learning_rate: learning_rate=1e+308 must be a number in (0, 1e+06]"),
        (["--set", "keep_range=perhaps"], "--set keep_range: keep_range='perhaps' must be True or False"),
        (["--set", "curate=[1]"], "--set curate: curate=[1] names no such rule"),
        (["--set", "device=[]"], "--set device: device=[] is a list"),
        (["--device", "tpu"], "--device: device='tpu' is not on this machine"),
    ],
)
def test_bad_values_are_misuse(train, capsys, command, words, said):
    """Told before the table is read, with the option's name."""
    output = {"resample": "o.csv", "fit": "o.safetensors", "compare": "o.md"}[command]
    assert main([command, "nowhere.csv", "-t", "fraud", "-o", output, *words]) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1 and left(train.parent) == ["train.csv"]


@cases("given", ["5", "5.5", "0.5 s", "90s", "5 min", "2 minutes", "1.5h", ".5h"])
def test_times_that_are_right(train, given):
    words = ["fit", "train.csv", "-t", "fraud", "-o", "o.safetensors", "--force", "--max-time", given]
    assert main([*words, *QUICK]) == 0


@cases("given", ["False", "false", "None"])
def test_python_words_are_understood_by_set(train, given):
    name = "patience" if given == "None" else "keep_range"
    words = ["fit", "train.csv", "-t", "fraud", "-o", "o.safetensors", "--force", "--set", f"{name}={given}"]
    assert main([*words, *QUICK]) == 0
    assert getattr(ganaug.load("o.safetensors"), name) in (False, None)


def test_names_of_columns_and_classes_are_put_right(train, capsys):
    assert main(["resample", "train.csv", "-t", "Frud", "-o", "o.csv"]) == 1
    assert capsys.readouterr().err == "ganaug: train.csv: no column 'Frud'; did you mean 'fraud'?\n"
    assert main(["resample", "train.csv", "-t", "fraud", "-o", "o.csv", "--strategy", '{"yse": 80}']) == 2
    assert "no class 'yse' in column 'fraud'; did you mean 'yes'?" in capsys.readouterr().err
    assert main(["resample", "train.csv", "-t", "fraud", "-o", "o.csv", "--set", "objectiv=hinge"]) == 2
    assert "TabularGAN has no such parameter; did you mean 'objective'?" in capsys.readouterr().err
    assert main(["resample", "train.csv", "-t", "fraud", "-o", "o.csv", "--set", "objective=hinges"]) == 2
    assert "'hinges'" in capsys.readouterr().err
    assert main(["resample", "train.csv", "-t", "fraud", "-o", "o.csv", "--mark-column", "n"]) == 2
    assert main(["resample", "train.csv", "-t", "fraud", "-o", "o.csv", "--strategy", '{"yes": 3}']) == 2
    assert "the total of class 'yes'=3 must be an integer of at least 30" in capsys.readouterr().err
    assert main(["resample", "train.csv", "-t", "fraud", "-o", "o.csv", "--strategy", "1.5"]) == 2
    assert "the ratio of the smaller class to the larger is 1.5, not in (0, 1]" in capsys.readouterr().err
    assert main(["resample", "train.csv", "-t", "fraud", "-o", "o.csv", "--device", "tpu"]) == 2
    assert left(train.parent) == ["train.csv"]


@pytest.mark.parametrize("way", ["same", "dots", "symlink", "hardlink"])
def test_the_input_is_never_the_output(train, way, capsys):
    before = train.read_bytes()
    if way == "symlink":
        os.symlink("train.csv", "other.csv")
    if way == "hardlink":
        os.link("train.csv", "other.csv")
    output = {"same": "train.csv", "dots": f"../{train.parent.name}/train.csv"}.get(way, "other.csv")
    assert main(["resample", "train.csv", "-t", "fraud", "-o", output, "--force", *QUICK]) == 2
    assert "the output is the input train.csv; name another file" in capsys.readouterr().err
    assert train.read_bytes() == before


def test_outputs_that_cannot_be(train, capsys):
    def refused(output, *more):
        assert main(["resample", "train.csv", "-t", "fraud", "-o", output, *more, *QUICK]) == 1
        return capsys.readouterr().err

    Path("there.csv").write_text("before")
    assert refused("there.csv") == "ganaug: there.csv: is there already; --force replaces it\n"
    os.chmod("there.csv", 0o444)
    assert refused("there.csv", "--force") == "ganaug: there.csv: is read-only\n"
    Path("folder.csv").mkdir()
    assert refused("folder.csv") == "ganaug: folder.csv: is a folder; name a file in it\n"
    assert refused("no/o.csv") == "ganaug: no/o.csv: the folder no does not exist; create it first\n"
    assert "/proc/o.csv: " in refused("/proc/o.csv")
    assert main(["resample", "folder.csv", "-o", "new", *QUICK]) == 1  # a folder without images
    assert main(["resample", "nowhere.csv", "-t", "y", "-o", "o.csv"]) == 1
    assert capsys.readouterr().err.endswith("ganaug: nowhere.csv: No such file or directory\n")
    assert main(["report", "folder.csv", "train.csv", "-t", "y", "-o", "o.html"]) == 1
    assert capsys.readouterr().err.startswith("ganaug: folder.csv: no Parquet or CSV file is there; give a folder of")
    assert Path("there.csv").read_text() == "before" and left(train.parent) == ["folder.csv", "there.csv", "train.csv"]


def test_force_replaces_and_keeps_the_mode(train):
    Path("o.csv").write_text("before")
    os.chmod("o.csv", 0o640)
    assert main(["resample", "train.csv", "-t", "fraud", "-o", "o.csv", "--force", *QUICK]) == 0
    assert Path("o.csv").stat().st_mode & 0o777 == 0o640 and Path("o.csv").read_bytes().startswith(train.read_bytes())


@pytest.mark.parametrize("output", ["o.csv", "o.parquet"])
def test_a_disk_that_fills_up(model, here, monkeypatch, capsys, output):
    from ganaug.cli import table_files

    def full(self, frame, synthetic=True):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(table_files.CsvWriter, "write", full)
    monkeypatch.setattr(table_files.ParquetWriter, "write", full)
    assert main(["sample", str(model), "-n", "10", "-o", output]) == 1
    assert capsys.readouterr().err == f"ganaug: {output}: No space left on device; nothing was written\n"
    assert not left(here)


@pytest.mark.parametrize("output", ["o.csv", "o.csv.gz", "o.parquet"])
def test_a_system_that_refuses_to_write_on(model, here, capsys, output):
    """The real thing: the system ends the file in the middle, through every buffer on the way."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, before[1]))
        code = main(["sample", str(model), "-n", "5000", "-o", output])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    err = capsys.readouterr().err
    assert code == 1 and err.startswith(f"ganaug: {output}: ") and "; nothing was written" in err
    assert "File too large" in err and err.count("\n") == 1 and not left(here)


def test_devices_are_left_alone(model, here, capsys):
    os.symlink("/dev/null", "o.csv")
    assert main(["sample", str(model), "-n", "10", "-o", "o.csv", "--force"]) == 1
    assert "is no ordinary file" in capsys.readouterr().err


def test_an_unforeseen_error_is_one_line_too(train, monkeypatch, capsys):
    monkeypatch.setattr(GANOversampler, "fit_resample", lambda *_: 1 // 0)
    words = ["resample", "train.csv", "-t", "fraud", "-o", "o.csv"]
    assert main(words) == 1
    err = capsys.readouterr().err
    assert err.startswith("ganaug: unexpected ZeroDivisionError: ") and "--debug" in err and err.count("\n") == 1
    assert main([*words, "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


# ---- interrupted -----------------------------------------------------------------------------------


@pytest.fixture
def default_handlers():
    before = {number: signal.signal(number, how) for number, how in HANDLERS.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


ENDS = {signal.SIGINT: (130, "interrupted"), signal.SIGTERM: (143, "terminated"),
        signal.SIGHUP: (129, "the terminal was closed")}  # fmt: skip


@pytest.mark.parametrize("number", HANDLERS)
@pytest.mark.parametrize("output", ["o.csv", "o.parquet"])
def test_a_signal_in_the_middle_of_writing(model, here, monkeypatch, capsys, default_handlers, number, output):
    code, said = ENDS[number]
    whole = TabularGAN.iter_samples

    def pressed(self, *given, **named):
        for i, chunk in enumerate(whole(self, *given, **named)):
            if i == 3:
                os.kill(os.getpid(), number)
            yield chunk

    Path(output).write_text("before")
    monkeypatch.setattr(TabularGAN, "iter_samples", pressed)
    assert main(["sample", str(model), "-n", "100", "--chunk-size", "10", "-o", output, "--force"]) == code
    assert capsys.readouterr().err == f"ganaug: {said}\n"
    assert left(here) == [output] and Path(output).read_text() == "before"
    assert {n: signal.getsignal(n) for n in HANDLERS} == HANDLERS


class Swallower:
    """Python drops what is raised in a destructor."""

    def __init__(self, number):
        self.number = number

    def __del__(self):
        os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("number", HANDLERS)
@pytest.mark.parametrize("where", ["estimators.fitting.train", "estimators.TabularGAN.sample"])
def test_a_signal_that_python_drops(train, monkeypatch, capsys, default_handlers, number, where):
    """In training, and after all training is done."""
    code, said = ENDS[number]
    lost = []
    module, _, name = where.rpartition(".")
    whole = getattr(pkgutil.resolve_name(f"ganaug.{module}"), name)

    def pressed(*given, **named):
        Swallower(number)
        gc.collect()
        return whole(*given, **named)

    monkeypatch.setattr(sys, "unraisablehook", lost.append)
    monkeypatch.setattr(f"ganaug.{where}", pressed)
    before = left(train.parent)
    assert main(["resample", "train.csv", "-t", "fraud", "-o", "o.csv", "--max-steps", "20"]) == code
    assert len(lost) == 1
    assert f"ganaug: {said}" in capsys.readouterr().err
    assert left(train.parent) == before


def test_ctrl_c_while_a_text_is_carried_out(tmp_path):
    """Python counts it as unhandled, whoever catches it; most often it strikes where a dataclass is imported."""
    program = """
import signal, sys
from ganaug.cli import assess, main
from ganaug.cli.main import COMMANDS
command = COMMANDS["resample"]
run = lambda args: exec("signal.raise_signal(signal.SIGINT)", {"signal": signal})
COMMANDS["resample"] = command._replace(run=run)
sys.exit(main(["resample", "a.csv", "-t", "y", "-o", "b.csv"]))
"""
    (tmp_path / "program.py").write_text(program)
    # as `python -m ganaug`: only a module's end is judged by it
    done = subprocess.run([sys.executable, "-m", "program"], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (130, "ganaug: interrupted\n")


def command(*words):
    sys.exit(main([*map(str, words)]))


def test_ctrl_c_while_it_trains(train):
    """In a process of its own, as a user does it."""
    said = train.parent.parent / f"{train.parent.name}.said"
    words = ["resample", "train.csv", "-t", "fraud", "-o", "o.csv", "--max-steps", "1000000", "--verbose"]
    with process(said, command, *words) as own:
        until = time.monotonic() + 60
        while not (said.is_file() and "120 rows" in said.read_text()):  # it has read the table, and goes on to train
            assert own.is_alive() and time.monotonic() < until
            time.sleep(0.02)
        time.sleep(0.3)
        os.kill(own.pid, signal.SIGINT)
        own.join(60)
    err = said.read_text()
    assert own.exitcode == 130 and err.splitlines()[-1] == "ganaug: interrupted"
    assert "Traceback" not in err and left(train.parent) == ["train.csv"]


def writes(folder, process, size=0):
    """The temporary file that a process writes to, once it holds so many bytes."""
    until = time.monotonic() + 60
    while not (found := [path for path in folder.glob(".ganaug-*.csv") if path.stat().st_size > size]):
        assert process.is_alive() and time.monotonic() < until
        time.sleep(0.02)
    return found[0]


@pytest.fixture
def writing(model, here):
    """A process that writes rows without end into o.csv, which holds something already; and its temporary file."""
    Path("o.csv").write_text("before")
    words = ["sample", model, "-n", 100_000_000, "-o", "o.csv", "--force", "--chunk-size", 2000]
    with process(here.parent / f"{here.name}.said", command, *words) as own:
        yield own, writes(here, own, 10_000)


@pytest.mark.parametrize("number", HANDLERS)
def test_a_signal_to_a_process_that_writes(writing, here, number):
    """Of the real thing the output is as it was, nothing is left beside it, and the exit code says what came."""
    own, _ = writing
    code, said = ENDS[number]
    os.kill(own.pid, number)
    own.join(60)
    assert own.exitcode == code
    assert (here.parent / f"{here.name}.said").read_text() == f"ganaug: {said}\n"
    assert left(here) == ["o.csv"] and Path("o.csv").read_text() == "before"


def test_what_a_killed_process_left_goes_with_the_next_run(model, writing, here):
    own, temporary = writing
    assert main(["sample", str(model), "-n", "3", "-o", "a.csv"]) == 0
    assert temporary.exists()  # it is written to, as yet
    own.kill()
    own.join(60)
    assert left(here) == [temporary.name, "a.csv", "o.csv"]
    assert main(["sample", str(model), "-n", "3", "-o", "b.csv"]) == 0
    assert left(here) == ["a.csv", "b.csv", "o.csv"] and Path("o.csv").read_text() == "before"


def test_a_closed_terminal_is_ignored_under_nohup(model, here):
    words = ["sample", model, "-n", 20_000, "-o", "o.csv", "--chunk-size", 500]
    said = here.parent / f"{here.name}.said"
    with process(said, command, *words, handlers={signal.SIGHUP: signal.SIG_IGN}) as own:
        writes(here, own)
        os.kill(own.pid, signal.SIGHUP)
        own.join(60)
    assert own.exitcode == 0 and len(pd.read_csv("o.csv")) == 20_000
