"""``ganaug rules`` on files."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import planted
import pytest

from ganaug.cli import main


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.concat([kind(rng, 500)[0] for kind in (planted.sum_of_two, planted.order_of_dates)], axis=1)
    frame["fraud"] = rng.choice(["yes", "no"], 500)
    frame.to_csv(tmp_path / "train.csv", index=False)
    frame["gross"] += np.where(np.arange(500) < 40, 5.0, 0.0)
    frame.to_csv(tmp_path / "new.csv", index=False)
    frame.drop(columns="gross").to_csv(tmp_path / "narrow.csv", index=False)
    return tmp_path


def test_rules_are_printed_a_line_each(files, capsys):
    assert main(["rules", str(files / "train.csv"), "--target", "fraud"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "gross = net + vat (to 0.01)  (500 rows; rewritten)",
        "closed >= opened             (500 rows; rewritten)",
    ]


def test_another_file_is_checked_and_json_is_json(files, capsys):
    assert main(["rules", str(files / "train.csv"), "--check", str(files / "new.csv"), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["kind"], row["rows"], row["broken"]) for row in rows] == [("sum", 500, 40), ("order", 500, 0)]
    assert main(["rules", str(files / "train.csv"), "--check", str(files / "new.csv")]) == 0
    assert "checked: 40 of 500 break it" in capsys.readouterr().out


def test_a_table_without_rules_says_so(tmp_path, capsys):
    pd.DataFrame(np.random.default_rng(0).normal(size=(200, 3)), columns=list("abc")).to_csv(tmp_path / "x.csv")
    assert main(["rules", str(tmp_path / "x.csv")]) == 0
    assert capsys.readouterr().out == "no rules found\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.csv"], "nowhere.csv"),
        (["train.csv", "--target", "fraude"], "no column 'fraude'; did you mean 'fraud'"),
        (["train.csv", "--check", "narrow.csv"], "no column 'gross'"),
    ],
)
def test_what_is_wrong_is_named(files, capsys, arguments, said):
    paths = [str(files / word) if word.endswith(".csv") else word for word in arguments]
    assert main(["rules", *paths]) == 1
    assert said in capsys.readouterr().err
