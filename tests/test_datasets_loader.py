"""The benchmark of the loader measures what it says, at a size that makes its figures meaningless."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "examples" / "benchmarks"


@pytest.fixture
def loader(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for name in ("common", "loader"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("loader")


def result(capsys):
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("RESULT ")]
    return json.loads(said[-1].removeprefix("RESULT "))


def test_the_children_measure(loader, capsys):
    for kind in loader.KINDS:
        loader.main(["--items", "130", "--rounds", "2", "--time", kind, "0"])
        seconds = result(capsys)
        assert len(seconds["plain"]) == len(seconds["blended"]) == 2 and min(seconds["plain"]) > 0
    loader.main(["--items", "130", "--epochs", "3", "--memory", "0"])
    memory = result(capsys)["memory"]
    assert len(memory) == 3 and min(memory) > 50e6


def test_figures_and_page(loader, tmp_path, monkeypatch):
    times = {("TensorDataset", 0): {"plain": [1.0, 2.0, 1.0], "blended": [1.1, 2.06, 1.03]}}
    assert loader.overhead(times["TensorDataset", 0]) == pytest.approx(0.03)
    assert loader.growth([90e6] * 5 + [100e6] * 45) == 0
    assert loader.growth([100e6] * 25 + [110e6] * 25) == pytest.approx(0.1)
    monkeypatch.setattr(loader, "PAGE", tmp_path / "benchmarks.md")
    loader.PAGE.write_text("# Benchmarks\n\nkept\n", encoding="utf-8")
    times["other", 2] = {"error": "boom", "output": ""}
    for items in (1_000, 2_000):
        loader.write(loader.markdown(times, {0: {"memory": [1e8] * 50}}, "python it.py", items))
    page = loader.PAGE.read_text(encoding="utf-8")
    assert "kept" in page and page.count("## Datasets in a loader") == 1 and "2,000 images" in page
    assert "| TensorDataset | 0 | 1.00 | 1.10 | +3.0% |" in page and "failed: boom" in page
    assert "| 0 | 50 | 100 | 100 | +0.0% |" in page
