"""What somebody meets in the first minutes: plots in a notebook, ``TabularGAN.load``, examples without a checkout."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import cases, printed_by

import ganaug
from ganaug import ImageGAN, ImageTranslator, SeriesGAN, TabularGAN, plots
from ganaug.exceptions import ModelFileError

pytestmark = pytest.mark.usefixtures("small_forests")

ROOT = Path(__file__).resolve().parents[1]
PNG = b"\x89PNG\r\n\x1a\n"

# ---- plots in a notebook ------------------------------------------------------------------------


def _frame():
    return pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)), columns=list("abc"))


DRAWN = {
    "several columns": lambda: plots.marginals(_frame(), _frame()),
    "one column": lambda: plots.marginals(_frame()[["a"]], _frame()[["a"]]),
    "pairs": lambda: plots.pairs(_frame(), _frame()),
    "images": lambda: plots.image_grid(np.zeros((5, 8, 8), np.uint8)),
    "series": lambda: plots.series_grid(np.zeros((3, 2, 16))),
    "classes": lambda: plots.class_counts([0, 0, 1], [0, 0, 1, 1]),
    "report": lambda: ganaug.quality_report(_frame(), _frame(), verbose=False).plot(),
}


@pytest.mark.parametrize("what", DRAWN)
def test_a_plot_shows_itself_in_a_notebook(what):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    before = pyplot.get_fignums()
    # IPython asks the last value of a cell for this method
    assert DRAWN[what]()._repr_png_().startswith(PNG)
    assert pyplot.get_fignums() == before, "pyplot would keep the figure alive"


def test_axes_of_the_caller_stay_what_they_are():
    figure_of = pytest.importorskip("matplotlib.figure").Figure
    axes = figure_of().subplots(1, 3)
    drawn = plots.marginals(_frame(), _frame(), ax=axes)
    assert [id(ax) for ax in drawn.ravel()] == [id(ax) for ax in axes]
    assert drawn._repr_png_().startswith(PNG)


# ---- load of each class -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    rng = np.random.default_rng(0)
    images, y = rng.integers(0, 256, (24, 8, 8), dtype=np.uint8), np.repeat([0, 1], [16, 8])
    quick = {"max_steps": 2, "batch_size": 4, "random_state": 0, "device": "cpu", "verbose": False}
    fitted = [
        TabularGAN(max_steps=2, random_state=0, verbose=False).fit(rng.normal(size=(24, 2)), y),
        ImageGAN(**quick, channels=4).fit(images, y),
        SeriesGAN(**quick, channels=4).fit(rng.normal(size=(24, 1, 16)), y),
        ImageTranslator(**quick, source=0, target=1, width=8, depth=1).fit(images, y),
    ]
    for gan in fitted:
        gan.save(folder / type(gan).__name__)
    return {type(gan): folder / type(gan).__name__ for gan in fitted}


@cases("kind", [TabularGAN, ImageGAN, SeriesGAN, ImageTranslator])
def test_each_class_loads_its_own_files_and_no_others(saved, kind):
    found = kind.load(saved[kind])
    assert type(found) is kind
    assert found.get_params() == ganaug.load(saved[kind]).get_params()
    for other, path in saved.items():
        if other is not kind:
            with pytest.raises(ModelFileError, match=f"holds a fitted {other.__name__}") as error:
                kind.load(path)
            advised = re.search(r"read it with (\w+)\.load", str(error.value)).group(1)
            assert type(getattr(ganaug, advised).load(path)) is other  # the advice, followed


# ---- examples without a checkout ----------------------------------------------------------------


def test_an_installed_package_has_its_examples(tmp_path):
    """Copied without the checkout around it, as an installation has it, the package still loads them."""
    shutil.copytree(ROOT / "ganaug", tmp_path / "site" / "ganaug")
    code = (
        f"import ganaug; assert ganaug.__file__.startswith({str(tmp_path)!r}); "
        "from ganaug.datasets import load_example; from ganaug.encoding import csv_rows; "
        "print([load_example(name)[0].shape for name in csv_rows.EXAMPLES])"
    )
    said = printed_by(code, tmp_path, [str(tmp_path / "site")])
    assert said.strip() == "[(5000, 30), (1150, 28, 28), (482, 3, 128), (3772, 28)]"
