"""Real and synthetic samples as plots and reports show them, and data for charts of columns and pairs of columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ganaug.metrics import column_metrics
from ganaug.metrics.features import ColumnKind, Floats, n_rows, take_rows, uniform
from ganaug.metrics.sample_pair import Reading, read_samples
from ganaug.utils.determinism import isolated, numpy_generator

__all__ = [
    "BINS",
    "MOST_LEVELS",
    "MOST_SHOWN",
    "Places",
    "Side",
    "Sides",
    "column_summaries",
    "correlation_maps",
    "frequent_levels",
    "label_text",
    "number_text",
    "pair_summaries",
    "read_sides",
    "sides_of",
    "span",
    "whole",
]

# --------------------------------------------------------------------------------------
# Real and synthetic samples as plots and reports show them.


Places = npt.NDArray[np.intp]
Kept = tuple[Sequence[int], Sequence[int]]

# Rows of each side that charts are made from.
MOST_SHOWN = 20_000


@dataclass(frozen=True)
class Side:
    """Real rows, or synthetic ones.

    Attributes
    ----------
    X : container
        As given, at most `MOST_SHOWN` rows.
    columns : list of (n,) arrays
        Of a table: float64 with NaN, or codes with -1 for missing. Else empty.
    features : (n, d) float64
        Vectors whose Euclidean distances are compared.
    y : (n,) int
        Class codes; zeros without classes.
    number : (n,) int
        Row numbers in what the caller gave.
    weights : (n,) float64
        They sum to one, and give both sides the class shares of the real rows.
    """

    X: object
    columns: Sequence[npt.NDArray[Any]]
    features: Floats
    y: Places
    number: Places
    weights: Floats

    def __len__(self) -> int:
        return len(self.number)

    def some(self, n: int, rng: np.random.Generator) -> Places:
        """At most n sorted positions, drawn by the weights."""
        n = min(n, int((self.weights > 0).sum()))
        return np.sort(rng.choice(len(self), n, replace=False, p=self.weights))


@dataclass(frozen=True)
class Sides:
    """Both sides.

    Attributes
    ----------
    kind : {"table", "image", "series"}
    real, synthetic : Side
    columns : tuple of ColumnKind
        Empty but for tables.
    dates : frozenset of str
        Names of columns of seconds that were dates.
    labels : list of str
        Of the classes, by code; empty without classes.
    """

    kind: str
    real: Side
    synthetic: Side
    columns: tuple[ColumnKind, ...]
    dates: frozenset[str]
    labels: list[str]

    @property
    def n_classes(self) -> int:
        """Number of classes; 1 without any."""
        return max(1, len(self.labels))


def label_text(label: object) -> str:
    """A class label as text."""
    return str(label.item() if isinstance(label, np.generic) else label)


@isolated
def read_sides(
    X: object, y: object, X_syn: object, y_syn: object, *, seed: int = 0, most: int = MOST_SHOWN, keep: Kept = ((), ())
) -> Sides:
    """Read real rows and synthetic ones.

    Parameters
    ----------
    X, X_syn : tables, images or series
        Of n and m rows.
    y, y_syn : array-like of shape (n,) and (m,), or None
        Classes are used if both are given.
    seed, most, keep
        As of `sides_of`.

    Raises
    ------
    InvalidDataError
        If they do not match.
    """
    known = y is not None and y_syn is not None
    labels = {"real": y if known else None, "synthetic": y_syn if known else None}
    reading = read_samples({"real": X, "synthetic": X_syn}, labels, seed=seed)
    return sides_of(reading, X, X_syn, seed=seed, most=most, keep=keep)


def sides_of(
    reading: Reading, X: object, X_syn: object, *, seed: int = 0, most: int = MOST_SHOWN, keep: Kept = ((), ())
) -> Sides:
    """Both sides of samples that were read already.

    Parameters
    ----------
    reading : Reading
    X, X_syn : tables, images or series
        The samples that were read.
    seed : int
        For the choice of rows if there are more than ``most``.
    most : int, default=20000
        Rows of each side.
    keep : (sequence of int, sequence of int)
        Row numbers, real and synthetic, that are always included.
    """
    n_classes = max(1, len(reading.classes))
    rows = reading.rows["real"], reading.rows["synthetic"]
    codes = [np.zeros(len(one), np.intp) if one.y is None else one.y for one in rows]
    shares = _class_shares(codes[0], codes[1], n_classes)
    sides = []
    for name, one, own, samples, kept in zip(("real", "synthetic"), rows, codes, (X, X_syn), keep, strict=True):
        if len(one) > most:
            drawn = numpy_generator(seed, "shown", name).choice(len(one), most, replace=False)
            places = np.union1d(drawn, np.flatnonzero(np.isin(one.number, np.asarray(kept, np.intp))))
            one, own = one.take(places), own[places]
        whole = len(one) == n_rows(samples)
        shown = samples if whole else take_rows(samples, one.number)
        sides.append(Side(shown, one.columns, one.features, own, one.number, _weights(own, shares)))
    return Sides(reading.kind, sides[0], sides[1], reading.columns, _dates(X), _texts(reading.classes))


def _texts(classes: pd.Index) -> list[str]:
    texts = [label_text(label) for label in classes]
    return texts if len(set(texts)) == len(texts) else [repr(label) for label in classes]  # 1 beside "1"


def _class_shares(codes: Places, codes_syn: Places, n_classes: int) -> Floats:
    """Share of each generated class among the real rows of these classes."""
    counts = np.bincount(codes, minlength=n_classes) * (np.bincount(codes_syn, minlength=n_classes) > 0)
    return counts / max(1, counts.sum())


def _weights(codes: Places, shares: Floats) -> Floats:
    counts = np.bincount(codes, minlength=len(shares))
    weights = (shares / np.maximum(1, counts))[codes]
    total = weights.sum()
    made: Floats = weights / total if total > 0 else np.full(len(codes), 1 / max(1, len(codes)))
    return made


def _dates(X: object) -> frozenset[str]:
    if not hasattr(X, "dtypes") or not hasattr(X, "columns"):
        return frozenset()
    kinds = zip(X.columns, X.dtypes, strict=True)
    return frozenset(str(name) for name, dtype in kinds if pd.api.types.is_datetime64_any_dtype(dtype))


# --------------------------------------------------------------------------------------
# Data for charts of single columns, pairs of columns and correlations, real beside synthetic.


BINS = 24
# Values of a numeric column, or levels of a category, that are shown one by one; further levels are "other".
MOST_LEVELS = 12
MOST_TEXT = 60
OTHER, MISSING = "(other)", "(missing)"


@dataclass(frozen=True)
class _Binned:
    """The bin of each row of a column; missing values have the bin after the last one."""

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
    """Shares of the values of each column.

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
    """Edges of equal bins; for whole numbers of a whole width, so that each bin holds as many of them."""
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
    """The most frequent levels of both sides, and the position of each row's level among them.

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
    """Range of an axis: nearly all real values, and synthetic ones up to half the range beyond."""
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
    """Whether there are values, all of them whole numbers."""
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
    """A number as text with about four digits and without exponent, or a date."""
    if date:
        return str((pd.Timestamp(0) + pd.Timedelta(seconds=value)).date())
    size = abs(value)
    if size >= 1e15 or 0 < size < 1e-6:
        digits, power = f"{value:.3e}".split("e")
        return f"{float(digits):g} × 10{str(int(power)).translate(_RAISED)}"
    if value == int(value) or size >= 1000:
        return f"{value:,.0f}"
    return f"{float(f'{value:.4g}'):.10f}".rstrip("0").rstrip(".")


def _text(level: object) -> str:
    text = str(level)
    return text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 1]}…"


# ------------------------------------------------------------------------------------------ pairs of columns

# Columns that are compared in pairs, and rows for it.
MOST_COLUMNS, MOST_ROWS = 40, 3000
MAPPED_COLUMNS, MOST_MAPPED = 30, 500
POINTS = 250
SHOWN_LEVELS = 8
# Whole numbers with at most so many values are jittered, for their points would overlap.
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
    """Some rows of a side; columns are taken on access."""

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
    # every column depends on an identifier
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
        # the axis of a constant has a range around it
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
    """Levels shown, the last for all others, and the position of each row's level."""
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
