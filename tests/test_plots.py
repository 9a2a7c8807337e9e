"""Pictures: what is drawn is what the data says, into the axes given, and pyplot is left alone."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from helpers import cases

from ganaug import GanaugError, plots, quality_report
from ganaug.plots.sample_plots import draw_column

pytestmark = pytest.mark.usefixtures("small_forests")

Figure = pytest.importorskip("matplotlib.figure").Figure


def drawn(axes):
    """Draw the figure: what cannot be drawn fails here."""
    first = np.ravel(np.asarray(axes, dtype=object))[0]
    first.figure.canvas.draw()
    return first.figure


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(0)

    def table(n, shift):
        return pd.DataFrame(
            {
                "amount $_x^": rng.normal(size=n) + shift,
                "kind": rng.choice(["a", "b<c>"], n),
                "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 90, n), unit="D"),
                "count": rng.poisson(2, n),
                "some": np.where(rng.random(n) < 0.3, np.nan, rng.random(n)),
            }
        )

    return table(120, 0), table(80, 2)


def test_nothing_is_registered_with_pyplot(tables):
    plots.marginals(*tables)
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


def test_marginals_draw_shares(tables):
    axes = plots.marginals(*tables)
    assert axes.shape == (2, 3)
    drawn(axes)
    one = plots.marginals(*tables, columns=["kind"])
    real = tables[0]["kind"].value_counts(normalize=True)
    labels = [label.get_text() for label in one.get_yticklabels()]
    assert [bar.get_width() for bar in one.patches[: len(labels)]] == pytest.approx([real[x] for x in labels], abs=1e-4)
    figure = Figure()
    own = figure.subplots(1, 2)
    assert plots.marginals(*tables, columns=["count", "some"], ax=own).tolist() == [own.tolist()]
    drawn(own)


def test_pairs_draw_real_below_and_synthetic_above(tables):
    axes = plots.pairs(*tables, columns=["amount $_x^", "some"])
    points = axes[1, 0].collections[0].get_offsets()
    there = tables[0].dropna()
    assert len(points) == len(tables[0])
    shown = points[~np.isnan(np.ma.getdata(points)).any(1)]
    assert np.sort(np.asarray(shown[:, 0])) == pytest.approx(np.sort(there["amount $_x^"].to_numpy()))
    drawn(axes)


def test_history_draws_losses_and_quality():
    record = pd.DataFrame(
        {"step": [10, 20, 30], "generator_loss": [1.0, 0.5, 0.4], "x_logit": [0.0] * 3, "quality": [np.nan, 0.8, 0.9]}
    )
    ax = plots.history(record)
    (line,) = ax.lines
    assert line.get_xdata().tolist() == [10, 20, 30] and line.get_ydata().tolist() == [1.0, 0.5, 0.4]
    right = next(one for one in ax.figure.axes if one is not ax)
    assert right.lines[0].get_xdata().tolist() == [20, 30]
    own = Figure().subplots()
    assert plots.history(record, ["x_logit"], ax=own) is own and len(own.figure.axes) == 1
    drawn(ax)


@cases("shape", [(5, 9, 12), (5, 9, 12, 3), (5, 3, 9, 12), (5, 1, 9, 12)])
def test_an_image_grid_holds_the_images(shape):
    images = (np.random.default_rng(0).random(shape) * 255).astype(np.uint8)
    ax = plots.image_grid(images, labels=["$a"] * 5, nearest=images[::-1], n_columns=3)
    sheet = ax.get_images()[0].get_array()
    first = images[0] if shape[-1] == 3 else images[0].transpose(1, 2, 0) if len(shape) == 4 else images[0][..., None]
    rows = [i for i in range(len(sheet) - 8) if (sheet[i : i + 9, 0:12] == np.broadcast_to(first, (9, 12, 3))).all()]
    assert len(rows) == 1
    drawn(ax)


def test_series_are_drawn_over_their_nearest():
    series = np.random.default_rng(0).normal(size=(5, 2, 30))
    axes = plots.series_grid(series, nearest=series + 1, labels=range(5), n_columns=3)
    assert axes.shape == (2, 3)
    assert axes[0, 1].lines[0].get_ydata() == pytest.approx(series[1, 0] + 1)
    assert axes[0, 1].lines[2].get_ydata() == pytest.approx(series[1, 0])
    assert [text.get_text() for text in axes[0, 0].get_legend().get_texts()] == ["nearest real", "synthetic"]
    drawn(axes)


def test_a_blend_curve_rings_what_was_chosen():
    evidence = pd.DataFrame(
        {
            "share": [0, 0, 0.5, 1, 0.5, 1],
            "weight": [1, 1, 1, 1, 0.5, 0.5],
            "class_weight": ["", "balanced", "", "", "", ""],
            "gain": [0, 0.01, 0.02, 0.01, 0.015, 0.03],
            "gain_error": [0.0] + [0.01] * 5,
            "chosen": [False] * 5 + [True],
        }
    )
    ax = plots.blend_curve(evidence)
    ring = ax.collections[-1].get_offsets()
    assert np.asarray(ring).tolist() == [[1.0, 0.03]]
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert {"synthetic rows", "at 0.5 of a real row's weight", "class weights", "chosen"} == set(names)
    drawn(ax)


def test_class_counts_say_what_was_added():
    ax = plots.class_counts(np.array(["a"] * 5 + ["b"] * 2), pd.Series(["a"] * 5 + ["b"] * 5))
    assert [bar.get_width() for bar in ax.patches] == [5, 2, 0, 3]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    drawn(ax)


@pytest.mark.parametrize("labelled", [True, False])
def test_a_report_is_drawn_on_one_sheet(tables, labelled):
    y = [np.arange(len(X)) % 2 for X in tables] if labelled else [None, None]
    report = quality_report((tables[1], y[1]), tables[0], y[0], title="$x", verbose=False)
    axes = report.plot()
    assert axes.shape == (2, 2)
    drawn(axes)
    own = Figure().subplots(2, 2)
    assert report.plot(ax=own)[0, 0] is own[0, 0]


def test_a_date_axis_shows_dates(tables):
    from ganaug.summaries import column_summaries, read_sides

    sides = read_sides(tables[0], None, tables[1], None)
    ax = draw_column(column_summaries(sides, [2])[0], Figure().subplots())
    assert ax.get_xticklabels()[0].get_text().startswith("2024-0")


@cases(
    ("call", "said"),
    [
        (lambda a, b: plots.marginals(a, b, columns=["no"]), "no column"),
        (lambda a, b: plots.marginals(a, b, columns="kind"), "must be a list"),
        (lambda a, b: plots.marginals(a, b, columns=["kind"], ax=Figure().subplots(2)), "as many"),
        (lambda a, b: plots.pairs(a, b, columns=["kind", "some"]), "columns of numbers"),
        (lambda a, b: plots.history(object()), "no history_"),
        (lambda a, b: plots.history(pd.DataFrame({"step": [1]}), ["x"]), r"no \['x'\]"),
        (lambda a, b: plots.image_grid(np.zeros((3, 8, 8)), labels=[1]), "as many"),
        (lambda a, b: plots.series_grid(np.zeros((0, 1, 8))), "no sample"),
        (lambda a, b: plots.class_counts([]), "no label"),
        (lambda a, b: plots.blend_curve(object()), "no evidence"),
    ],
)
def test_errors_say_what_to_give(tables, call, said):
    with pytest.raises(GanaugError, match=said):
        call(*tables)
