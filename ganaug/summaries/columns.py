"""Columns one by one: how often which values, real beside synthetic, together and class by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ganaug.metrics.features import ColumnKind
from ganaug.metrics.nearest import Floats
from ganaug.summaries.sides import Places, Side, Sides
from ganaug.utils.isolation import isolated

__all__ = ["BINS", "MOST_LEVELS", "column_summaries", "frequent_levels", "number_text", "span", "whole"]

BINS = 24
# A column of numbers with so few values is shown value by value; of categories so many levels, then "other".
MOST_LEVELS = 12
MOST_TEXT = 60
OTHER, MISSING = "(other)", "(missing)"


@dataclass(frozen=True)
class _Binned:
    """Where each row of a column falls; the bin after the last one is for missing values."""

    levels: list[str] | None
    edges: list[float] | None
    places: tuple[Places, Places]  # real, synthetic
    ends: tuple[str, str] = ("", "")  # the first and the last value that is shown

    @property
    def n_bins(self) -> int:
        return len(self.levels) if self.levels is not None else len(self.edges or [0]) - 1


@isolated
def column_summaries(
    sides: Sides, places: Sequence[int] | None = None, *, by_class: bool = True
) -> list[dict[str, Any]]:
    """What the values of each column are.

    Parameters
    ----------
    sides : Sides
        Of tables.
    places : sequence of int, optional
        Of the columns; all by default.
    by_class : bool, default=True
        Whether to count class by class as well.

    Returns
    -------
    list of dict
        "name"; "kind" ("number", "date" or "category"); "levels" (list of str, the most frequent of
        either side first) or "edges" (of bins; the first and
        the last bin also hold what lies beyond); "real" and "synthetic" (shares of the values that are there, the
        classes weighted alike); "missing" (shares, real and synthetic); "middle" (text: medians, or the most
        frequent levels); "low" and "high" (text); and "by_class" (for each class [counts of real rows, of
        synthetic rows], missing ones last; empty without classes).
    """
    chosen = range(len(sides.columns)) if places is None else places
    return [_summary(sides, j, by_class and len(sides.labels) > 1) for j in chosen]


def _summary(sides: Sides, j: int, by_class: bool) -> dict[str, Any]:
    column = sides.columns[j]
    values = sides.real.columns[j], sides.synthetic.columns[j]
    date = column.name in sides.dates
    binned = _binned(column, *values, date, (sides.real.weights, sides.synthetic.weights))
    shares, missing, counts = [], [], []
    for side, where in zip((sides.real, sides.synthetic), binned.places, strict=True):
        weighted = np.bincount(where, side.weights, minlength=binned.n_bins + 1)
        there = weighted[:-1].sum()
        shares.append([round(float(share), 5) for share in weighted[:-1] / (there if there > 0 else 1)])
        missing.append(round(float(weighted[-1]), 5))
        counts.append(_by_class(where, side.y, binned.n_bins + 1, sides.n_classes))
    return {
        "name": column.name,
        "kind": "date" if date else column.kind,
        "levels": binned.levels,
        "edges": binned.edges,
        "real": shares[0],
        "synthetic": shares[1],
        "missing": missing,
        "middle": [
            _middle(column, side, v, date) for side, v in zip((sides.real, sides.synthetic), values, strict=True)
        ],
        "low": binned.ends[0],
        "high": binned.ends[1],
        "by_class": [[counts[0][k], counts[1][k]] for k in range(sides.n_classes)] if by_class else [],
    }


def _by_class(places: Places, codes: Places, n_bins: int, n_classes: int) -> list[list[int]]:
    flat = np.bincount(codes * n_bins + places, minlength=n_classes * n_bins)
    counts: list[list[int]] = flat.reshape(n_classes, n_bins).tolist()
    return counts


def _binned(
    column: ColumnKind, real: npt.NDArray[Any], fake: npt.NDArray[Any], date: bool, weights: tuple[Floats, Floats]
) -> _Binned:
    if column.kind == "category":
        levels, (one, two) = frequent_levels(column, (real, fake), weights, MOST_LEVELS)
        n = len(levels)
        return _Binned(levels, None, (np.where(one < 0, n, one), np.where(two < 0, n, two)))
    present = real[~np.isnan(real)], fake[~np.isnan(fake)]
    values = np.unique(present[0])
    if not date and 0 < len(values) <= MOST_LEVELS and np.isin(present[1], values).all():
        texts = [number_text(value, date) for value in values]
        if len(set(texts)) == len(texts):
            places = [np.where(np.isnan(v), len(values), np.searchsorted(values, v)) for v in (real, fake)]
            return _Binned(texts, None, (places[0].astype(np.intp), places[1].astype(np.intp)))
    edges = _edges(*present)

    def where(v: Floats) -> Places:
        inside = np.clip(np.searchsorted(edges, np.nan_to_num(v), side="right") - 1, 0, len(edges) - 2)
        return np.where(np.isnan(v), len(edges) - 1, inside).astype(np.intp)

    low, high = (number_text(_round(bound, date), date) for bound in span(*present))
    return _Binned(None, [float(f"{edge:.8g}") for edge in edges], (where(real), where(fake)), (low, high))


def _edges(real: Floats, fake: Floats) -> Floats:
    """Of equal bins; whole numbers get bins of a whole width, or some bins would hold more of them than others."""
    low, high = span(real, fake)
    width = (high - low) / BINS
    if whole(real) and width < 100:
        width = float(np.ceil((high - low + 1) / BINS))
        n_bins = int(np.ceil((high - low + 1) / width))
        return np.linspace(low - 0.5, low - 0.5 + width * n_bins, n_bins + 1, dtype=np.float64)
    return np.linspace(low, high, BINS + 1, dtype=np.float64)


def frequent_levels(
    column: ColumnKind, codes: tuple[Places, Places], weights: tuple[Floats, Floats], most: int
) -> tuple[list[str], tuple[Places, Places]]:
    """The most frequent levels of either side, and where each row's level stands among them.

    Parameters
    ----------
    column : ColumnKind
        Of a category.
    codes : (n,) and (m,) int
        Real and synthetic; -1 is missing, the number of levels any value that no real row has.
    weights : (n,) and (m,) float
    most : int
        Of so many levels, and one more, all are shown; of more these, by their shares on both sides, then "(other)".

    Returns
    -------
    texts : list of str
    places : (n,) and (m,) int
        -1 is missing.
    """
    known = [] if column.levels is None else [_text(level) for level in column.levels]
    unknown = bool((codes[1] >= len(known)).any())
    n = len(known) if len(known) <= most + 1 else most
    shares = np.zeros(len(known))
    for own, weight in zip(codes, weights, strict=True):
        there = (own >= 0) & (own < len(known))
        shares += np.bincount(own[there], weight[there], len(known))[: len(known)]
    order = np.argsort(-shares, kind="stable")[:n]
    texts = [known[k] for k in order] + ([OTHER] if n < len(known) or unknown else [])
    place = np.full(len(known) + 2, n, np.intp)  # the last one, which is -1, is missing
    place[order], place[-1] = np.arange(n), -1
    return texts, (place[np.minimum(codes[0], len(known))], place[np.minimum(codes[1], len(known))])


def span(real: Floats, fake: Floats) -> tuple[float, float]:
    """From where to where to draw: nearly all real values, and synthetic ones up to half as far beyond."""
    if len(real) == 0:
        real = fake if len(fake) else np.zeros(1)
    low, high = (float(q) for q in np.quantile(real, [0.005, 0.995]))
    reach = 0.5 * (high - low)
    if len(fake):
        fake_low, fake_high = (float(q) for q in np.quantile(fake, [0.005, 0.995]))
        low, high = min(low, max(fake_low, low - reach)), max(high, min(fake_high, high + reach))
    if whole(real):
        low, high = float(np.floor(low)), float(np.ceil(high))
    if not high > low:
        around = abs(low) * 0.05 or 0.5
        low, high = low - around, high + around
    return low, high


def whole(values: Floats) -> bool:
    """Whether all that are there are whole numbers."""
    return bool(len(values)) and bool((values == np.rint(values)).all())


def _middle(column: ColumnKind, side: Side, values: npt.NDArray[Any], date: bool) -> str:
    there = values >= 0 if column.kind == "category" else ~np.isnan(values)
    if not (side.weights * there).any():
        return MISSING
    values, weights = values[there], side.weights[there]
    if column.kind == "category":
        shares = np.bincount(values, weights)
        levels = [] if column.levels is None else list(column.levels)
        top = int(shares.argmax())
        return f"{_text(levels[top]) if top < len(levels) else OTHER} {shares[top] / weights.sum():.0%}"
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return number_text(float(values[order][np.searchsorted(reached, 0.5 * reached[-1])]), date)


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _round(value: float, date: bool) -> float:
    return value if date else float(f"{value:.4g}")


def number_text(value: float, date: bool = False) -> str:
    """A number as people write it, in four digits or so; a date as a date."""
    if date:
        return str((pd.Timestamp(0) + pd.Timedelta(seconds=value)).date())
    size = abs(value)
    if size >= 1e15 or 0 < size < 1e-6:
        digits, power = f"{value:.3e}".split("e")
        return f"{float(digits):g} × 10{str(int(power)).translate(_RAISED)}"
    if value == int(value) or size >= 1000:
        return f"{value:,.0f}"
    return f"{float(f'{value:.4g}'):.10f}".rstrip("0").rstrip(".")


def _text(level: Any) -> str:
    text = str(level)
    return text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 1]}…"
