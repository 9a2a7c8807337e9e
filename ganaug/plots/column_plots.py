"""Columns of real and of synthetic tables, one by one and two by two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ganaug.exceptions import InvalidParameterError
from ganaug.summaries import Sides, column_summaries, read_sides
from ganaug.summaries.columns import span
from ganaug.utils.axes import REAL, SYNTHETIC, grid_or_new
from ganaug.utils.isolation import isolated
from ganaug.utils.seeding import numpy_generator

__all__ = ["draw_column", "marginals", "pairs"]

PER_LINE = 3
MOST_MARGINALS, MOST_PAIRED = 12, 5
POINTS = 400


@isolated
def marginals(real: Any, synthetic: Any, columns: Sequence[Any] | None = None, ax: Any = None) -> Any:
    """Draw how often each value occurs, real (filled) beside synthetic (outlined).

    Parameters
    ----------
    real : table of shape (n, d)
        DataFrame, array or sparse matrix.
    synthetic : table of shape (m, d)
        With the same columns.
    columns : sequence of names or numbers, optional
        Which ones; by default the first twelve.
    ax : axes or sequence of axes, optional
        One for each column; by default those of a new figure, which is not registered with pyplot.

    Returns
    -------
    axes, or ndarray of axes of shape (lines, 3 or fewer)
        A single one for a single column.

    Raises
    ------
    InvalidParameterError
        For an unknown column, or another number of axes than columns.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug import plots
    >>> rng = np.random.default_rng(0)
    >>> axes = plots.marginals(rng.normal(size=(90, 4)), rng.normal(size=(50, 4)), columns=[0, 3])
    >>> axes.shape
    (1, 2)
    """
    sides = read_sides(real, None, synthetic, None)
    places = _places(sides, columns, MOST_MARGINALS)
    across = min(PER_LINE, len(places))
    lines = -(-len(places) // across)
    if ax is None:
        axes = grid_or_new(None, lines, across, 3.4, 2.3)
        for unused in axes.ravel()[len(places) :]:
            unused.set_axis_off()
    else:
        axes = grid_or_new(ax, 1, len(places), 0, 0)
    for one, summary in zip(axes.ravel(), column_summaries(sides, places, by_class=False), strict=False):
        draw_column(summary, one)
    axes.ravel()[0].legend(fontsize=8, frameon=False)
    return axes.ravel()[0] if len(places) == 1 else axes


def draw_column(summary: dict[str, Any], ax: Any) -> Any:
    """Draw one of `ganaug.summaries.column_summaries`."""
    real, fake = summary["real"], summary["synthetic"]
    if summary["levels"] is not None:
        at = np.arange(len(real))
        ax.barh(at - 0.2, real, 0.38, color=REAL, alpha=0.55, edgecolor=REAL, label="real")
        ax.barh(at + 0.2, fake, 0.38, fill=False, edgecolor=SYNTHETIC, linewidth=1.4, label="synthetic")
        ax.set_yticks(at, [_short(level) for level in summary["levels"]], fontsize=8)
        ax.invert_yaxis()
        ax.set_xlabel("share", fontsize=8)
    else:
        ax.stairs(real, summary["edges"], fill=True, color=REAL, alpha=0.55, label="real")
        ax.stairs(fake, summary["edges"], color=SYNTHETIC, linewidth=1.6, label="synthetic")
        ax.set_ylabel("share", fontsize=8)
        if summary["kind"] == "date":
            ax.set_xticks([summary["edges"][0], summary["edges"][-1]], [summary["low"], summary["high"]])
    ax.tick_params(labelsize=8)
    ax.set_title(_plain_text(_short(summary["name"], 40)), fontsize=9)
    return ax


@isolated
def pairs(real: Any, synthetic: Any, columns: Sequence[Any] | None = None, ax: Any = None) -> Any:
    """Draw columns of numbers two by two: the columns on the diagonal, real points below it, synthetic ones above.

    Parameters
    ----------
    real : table of shape (n, d)
    synthetic : table of shape (m, d)
    columns : sequence of names or numbers, optional
        Columns of numbers; by default the first five.
    ax : sequence of axes, optional
        As many as columns squared, line by line; by default those of a new figure.

    Returns
    -------
    ndarray of axes of shape (columns, columns)

    Raises
    ------
    InvalidParameterError
        For an unknown column, or one that is not of numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug import plots
    >>> rng = np.random.default_rng(0)
    >>> plots.pairs(rng.normal(size=(90, 2)), rng.normal(size=(50, 2))).shape
    (2, 2)
    """
    sides = read_sides(real, None, synthetic, None)
    numbers = [j for j, column in enumerate(sides.columns) if column.kind == "number"]
    places = numbers[:MOST_PAIRED] if columns is None else _places(sides, columns, len(columns))
    wrong = [sides.columns[j].name for j in places if j not in numbers]
    if wrong or len(places) < 2:
        raise InvalidParameterError(f"columns: pairs needs two or more columns of numbers, and got {wrong or places}")
    axes = grid_or_new(ax, len(places), len(places), 1.9, 1.8)
    rng = numpy_generator(0, "points")
    parts = [[side.columns[j][rows] for j in places] for side, rows in _drawn(sides, rng)]
    limits = [span(*(values[j][~np.isnan(values[j])] for values in parts)) for j in range(len(places))]
    summaries = column_summaries(sides, places, by_class=False)
    for i, j in np.ndindex(axes.shape):
        one, below = axes[i, j], i > j
        one.tick_params(labelsize=7)
        if i == j:
            draw_column({**summaries[i], "levels": None, "edges": _edges(summaries[i])}, one)
            one.set_ylabel("")
            continue
        values, marker, colour = (parts[0], "o", REAL) if below else (parts[1], "x", SYNTHETIC)
        one.scatter(values[j], values[i], s=7, marker=marker, color=colour, alpha=0.5, linewidths=0.7)
        one.set_xlim(*_wider(*limits[j]))
        one.set_ylim(*_wider(*limits[i]))
    return axes


def _drawn(sides: Sides, rng: np.random.Generator) -> list[tuple[Any, Any]]:
    return [(side, side.some(POINTS, rng)) for side in (sides.real, sides.synthetic)]


def _edges(summary: dict[str, Any]) -> list[float]:
    """Of bins; of a column with few numbers its values stand for themselves, in their order."""
    edges: list[float] = summary["edges"] or list(np.arange(len(summary["levels"]) + 1) - 0.5)
    return edges


def _wider(low: float, high: float) -> tuple[float, float]:
    return low - 0.05 * (high - low), high + 0.05 * (high - low)


def _places(sides: Sides, columns: Sequence[Any] | None, most: int) -> list[int]:
    if columns is None:
        return list(range(min(most, len(sides.columns))))
    if isinstance(columns, str) or not len(columns):
        raise InvalidParameterError(f"columns={columns!r} must be a list of names or numbers")
    names = {column.name: j for j, column in enumerate(sides.columns)}
    unknown = [c for c in columns if str(c) not in names]
    if unknown:
        raise InvalidParameterError(f"columns: no column {unknown}; there are {list(names)[:20]}")
    return [names[str(c)] for c in columns]


def _short(name: str, most: int = 18) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _plain_text(text: str) -> str:
    """Text as it is: between dollar signs matplotlib would read a formula."""
    return text.replace("$", r"\$")
