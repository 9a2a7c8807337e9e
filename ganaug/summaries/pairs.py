"""Columns two by two: the pairs that belong together most among the real rows, and those that came out worst."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ganaug.metrics import column_metrics
from ganaug.metrics.nearest import Floats, uniform
from ganaug.summaries.columns import MOST_LEVELS, frequent_levels, number_text, span, whole
from ganaug.summaries.sides import Places, Side, Sides
from ganaug.utils.isolation import isolated
from ganaug.utils.seeding import numpy_generator

__all__ = ["correlation_maps", "pair_summaries"]

# Columns that are looked at two by two, and rows that these looks take.
MOST_COLUMNS, MOST_ROWS = 40, 3000
MAPPED_COLUMNS, MOST_MAPPED = 30, 500
POINTS = 250
SHOWN_LEVELS = 8
# Points of whole numbers with so few values would hide one another.
FEW_STEPS = 40
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

Pair = tuple[int, int]


@isolated
def pair_summaries(
    sides: Sides, n_pairs: int = 4, wanted: Sequence[tuple[str, str]] = (), *, seed: int = 0
) -> list[dict[str, Any]]:
    """MergedGroup values of some pairs of columns.

    Parameters
    ----------
    sides : Sides
        Of tables.
    n_pairs : int, default=4
        Of each kind of pair: those most dependent among the real rows.
    wanted : sequence of (str, str)
        Names of pairs of numbers that come first.
    seed : int

    Returns
    -------
    list of dict
        "kind", "first", "second", "why" ("came out worst" or "strongest"), "strength" (real, synthetic), and

        - of "points" (two numbers; the strength is Spearman's): "x" and "y" (dicts of "low", "high", "text", and
          "step": 1 for few whole numbers, else 0), "real" and "synthetic" (two lists of coordinates each);
        - of "boxes" (a category and a number; the correlation ratio): "levels", "y", "real" and "synthetic"
          (for each level the 5, 25, 50, 75 and 95 % quantiles of the number, or None);
        - of "shares" (two categories; Cramer's V): "levels" (of both), "real" and "synthetic" (matrices of shares).
    """
    rng = numpy_generator(seed, "pairs")
    named = {column.name: j for j, column in enumerate(sides.columns)}
    first = [(named[a], named[b]) for a, b in wanted if a in named and b in named]
    looked = _looked_at(sides, [j for pair in first for j in pair])
    rows = tuple(side.some(MOST_ROWS, rng) for side in (sides.real, sides.synthetic))
    parts: tuple[_Part, _Part] = tuple(  # type: ignore[assignment]
        _Part(side, places) for side, places in zip((sides.real, sides.synthetic), rows, strict=True)
    )
    out = []
    for kind, (strengths, shown) in _KINDS.items():
        found = strengths(sides, looked, parts)
        here = [pair for pair in dict.fromkeys(first) if pair in found]
        order = sorted(found, key=lambda pair: -abs(found[pair][0]))
        strongest = [pair for pair in order if pair not in here][:n_pairs]
        for pair in here + strongest:
            real, fake = found[pair]
            if not np.isfinite(real):
                continue
            out.append(
                {
                    "kind": kind,
                    "first": sides.columns[pair[0]].name,
                    "second": sides.columns[pair[1]].name,
                    "why": "came out worst" if pair in here else "strongest",
                    "strength": [round(float(real), 3), round(float(fake), 3)],
                    **shown(sides, pair, parts),
                }
            )
    return out


@isolated
def correlation_maps(sides: Sides, most: int = MAPPED_COLUMNS) -> dict[str, Any]:
    """Spearman's correlations of the columns of numbers: "columns", "real" and "synthetic" (matrices).

    Of more columns than ``most``, those that depend most on others among the real rows (of 500, drawn at random, if
    there are more). Empty with under two.
    """
    places = [j for j, column in enumerate(sides.columns) if column.kind == "number"]
    if len(places) < 2:
        return {}
    rng = numpy_generator(0, "map")
    parts = [_Part(side, side.some(MOST_ROWS, rng)) for side in (sides.real, sides.synthetic)]
    if len(places) > MOST_MAPPED:  # the correlations of all pairs grow with the square
        drawn = rng.choice(len(places), MOST_MAPPED, replace=False)
        places = [places[i] for i in np.sort(drawn)]
    real = _correlations(parts[0], places)
    if len(places) > most:
        strong = np.sort(np.argsort(-np.sort(np.abs(real), 1)[:, -2], kind="stable")[:most])
        places, real = [places[i] for i in strong], real[np.ix_(strong, strong)]
    fake = _correlations(parts[1], places)
    return {
        "columns": [sides.columns[j].name for j in places],
        "real": np.round(real, 2).tolist(),
        "synthetic": np.round(fake, 2).tolist(),
    }


class _Part:
    """Some rows of a side, their columns taken when they are asked for."""

    def __init__(self, side: Side, places: npt.NDArray[np.intp]) -> None:
        self._side, self._places = side, places
        self.weights = uniform(len(places))

    def column(self, j: int) -> npt.NDArray[Any]:
        values: npt.NDArray[Any] = self._side.columns[j][self._places]
        return values


def _looked_at(sides: Sides, asked: Sequence[int]) -> list[int]:
    every = list(dict.fromkeys([*asked, *range(len(sides.columns))]))
    return sorted(every[:MOST_COLUMNS])


def _numbers(sides: Sides, looked: Sequence[int]) -> list[int]:
    return [j for j in looked if sides.columns[j].kind == "number"]


def _categories(sides: Sides, looked: Sequence[int]) -> list[int]:
    # identifiers depend on everything
    return [j for j in looked if sides.columns[j].kind == "category" and 1 < _n_levels(sides, j) <= 4 * MOST_LEVELS]


def _n_levels(sides: Sides, j: int) -> int:
    levels = sides.columns[j].levels
    return 0 if levels is None else len(levels)


def _correlations(part: _Part, places: Sequence[int]) -> Floats:
    values = np.column_stack([part.column(j) for j in places])
    found = column_metrics.correlations(column_metrics.ranks(values), part.weights)
    np.fill_diagonal(found, 1.0)
    return found


Strengths = dict[Pair, tuple[float, float]]


def _of_numbers(sides: Sides, looked: Sequence[int], parts: tuple[_Part, _Part]) -> Strengths:
    places = _numbers(sides, looked)
    if len(places) < 2:
        return {}
    real, fake = (_correlations(part, places) for part in parts)
    return {
        (places[i], places[k]): (float(real[i, k]), float(fake[i, k]))
        for i, k in zip(*column_metrics.upper(len(places)), strict=True)
    }


def _of_mixed(sides: Sides, looked: Sequence[int], parts: tuple[_Part, _Part]) -> Strengths:
    numbers, categories = _numbers(sides, looked), _categories(sides, looked)
    if not numbers or not categories:
        return {}
    found = []
    for part in parts:
        codes = [np.minimum(part.column(j), 4 * MOST_LEVELS) for j in categories]
        values = column_metrics.ranks(np.column_stack([part.column(j) for j in numbers]))
        found.append(column_metrics.correlation_ratios(codes, values, part.weights))
    return {
        (c, n): (float(found[0][i, k]), float(found[1][i, k]))
        for i, c in enumerate(categories)
        for k, n in enumerate(numbers)
    }


def _of_categories(sides: Sides, looked: Sequence[int], parts: tuple[_Part, _Part]) -> Strengths:
    places = _categories(sides, looked)
    return {(a, b): _associated(sides, a, b, parts) for i, a in enumerate(places) for b in places[i + 1 :]}


def _associated(sides: Sides, a: int, b: int, parts: tuple[_Part, _Part]) -> tuple[float, float]:
    real, fake = ([np.minimum(part.column(j), _n_levels(sides, j)) for j in (a, b)] for part in parts)
    second = max(int(side[1].max(initial=-1)) for side in (real, fake)) + 2
    first = max(int(side[0].max(initial=-1)) for side in (real, fake)) + 2
    made = []
    for side, part in ((real, parts[0]), (fake, parts[1])):
        codes = (side[0] + 1) * second + side[1] + 1
        made.append(column_metrics.association(codes, part.weights, first, second))
    return made[0], made[1]


# ------------------------------------------------------------------------------------------ what is shown


def _points(sides: Sides, pair: Pair, parts: tuple[_Part, _Part]) -> dict[str, Any]:
    columns = [[part.column(j) for j in pair] for part in parts]
    kept = [~np.isnan(x) & ~np.isnan(y) for x, y in columns]
    both = [[v[keep] for v in side] for side, keep in zip(columns, kept, strict=True)]
    x, y = (span(both[0][axis], both[1][axis]) for axis in (0, 1))
    drawn = [
        [_short(np.clip(values[:POINTS], *bounds)) for values, bounds in zip(side, (x, y), strict=True)]
        for side in both
    ]
    axes = {}
    for axis, (name, bounds, j) in enumerate(zip("xy", (x, y), pair, strict=True)):
        stepped = whole(both[0][axis]) and bounds[1] - bounds[0] <= FEW_STEPS
        # a constant has a range around it, which the steps give it, too
        ends = (float(np.ceil(bounds[0])), float(np.floor(bounds[1]))) if stepped else bounds
        axes[name] = {**_range(ends, sides, j), "step": int(stepped)}
    return {**axes, "real": drawn[0], "synthetic": drawn[1]}


def _boxes(sides: Sides, pair: Pair, parts: tuple[_Part, _Part]) -> dict[str, Any]:
    levels, codes = _levels(sides, pair[0], parts)
    made, present = [], []
    for part, own in zip(parts, codes, strict=True):
        values = part.column(pair[1])
        present.append(values[~np.isnan(values)])
        by_level = [values[(own == k) & ~np.isnan(values)] for k in range(len(levels))]
        made.append([None if len(v) < 3 else _short(np.quantile(v, QUANTILES)) for v in by_level])
    bounds = _range(span(present[0], present[1]), sides, pair[1])
    return {"levels": levels, "y": bounds, "real": made[0], "synthetic": made[1]}


def _shares(sides: Sides, pair: Pair, parts: tuple[_Part, _Part]) -> dict[str, Any]:
    (rows, firsts), (columns, seconds) = (_levels(sides, j, parts) for j in pair)
    made = []
    for first, second in zip(firsts, seconds, strict=True):
        there = (first >= 0) & (second >= 0)
        counts = np.bincount(first[there] * len(columns) + second[there], minlength=len(rows) * len(columns))
        made.append(np.round(counts.reshape(len(rows), len(columns)) / max(1, there.sum()), 4).tolist())
    return {"levels": [rows, columns], "real": made[0], "synthetic": made[1]}


def _levels(sides: Sides, j: int, parts: tuple[_Part, _Part]) -> tuple[list[str], tuple[Places, Places]]:
    """Levels shown, the last for all others, and where the rows of each part are among them."""
    codes = parts[0].column(j), parts[1].column(j)
    return frequent_levels(sides.columns[j], codes, (parts[0].weights, parts[1].weights), SHOWN_LEVELS - 1)


def _range(bounds: tuple[float, float], sides: Sides, j: int) -> dict[str, Any]:
    date = sides.columns[j].name in sides.dates
    texts = [number_text(float(f"{bound:.4g}") if not date else bound, date) for bound in bounds]
    return {"low": bounds[0], "high": bounds[1], "text": texts}


def _short(values: Floats) -> list[float]:
    return [float(f"{value:.5g}") for value in values]


_Strengths = Callable[[Sides, Sequence[int], tuple[_Part, _Part]], Strengths]
_Shown = Callable[[Sides, Pair, tuple[_Part, _Part]], dict[str, Any]]
_KINDS: dict[str, tuple[_Strengths, _Shown]] = {
    "points": (_of_numbers, _points),
    "boxes": (_of_mixed, _boxes),
    "shares": (_of_categories, _shares),
}
