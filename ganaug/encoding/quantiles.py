"""Quantiles of numbers: fast search, decimal grids, and bounds that describe no single row."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from ganaug.exceptions import ModelFileError
from ganaug.utils.types import Array, Arrays, BoolArray, Config, DoubleArray, DType, FloatArray, IntArray, State

__all__ = [
    "Curve",
    "DecimalGrid",
    "FastSearch",
    "float_grid",
    "inner_bounds",
    "inner_bounds_int",
    "integer_step",
    "is_coarse",
    "is_common",
    "is_shared",
    "nearby_values",
    "normal_scores",
    "outer_bounds",
    "outer_bounds_int",
    "quantile_pairs",
    "rounded_median",
    "simple_between",
]

# --------------------------------------------------------------------------------------
# Fast search among sorted numbers, several times as fast as bisection.


_BUCKETS = 4096
# With more knots than this in a bucket (very uneven knots), or fewer numbers, bisection is as fast.
_MOST_IN_BUCKET, _FEW_NUMBERS = 24, 256
# Numbers that are looked up together, so that intermediate results stay in the processor's cache.
_AT_ONCE = 8192


class FastSearch:
    """`numpy.searchsorted` and `numpy.interp` for many numbers and the same knots.

    Bisection of random numbers mispredicts every second branch. Here a table of evenly spaced buckets gives the knot
    to begin at, and a few comparisons find the right one.

    Parameters
    ----------
    knots : ndarray of shape (m,), float64
        Not decreasing, at least one.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug.encoding.quantiles import FastSearch
    >>> FastSearch(np.array([0.0, 1.0, 4.0])).searchsorted(np.linspace(-1.0, 5.0, 7)).tolist()
    [0, 0, 1, 2, 2, 2, 3]
    """

    def __init__(self, knots: DoubleArray) -> None:
        self.knots, self.low = knots, float(knots[0])
        span = float(knots[-1]) - self.low
        self.most = _MOST_IN_BUCKET + 1
        if not (0 < span < np.inf and np.isfinite(_BUCKETS / span)):
            return
        self.scale = _BUCKETS / span
        edges = self.low + np.arange(_BUCKETS + 2) / self.scale
        # from half a bucket lower, so that rounding a bucket's number never skips the right knot
        self.first = np.searchsorted(knots, edges[:-1] - 0.5 / self.scale)
        self.most = int((np.searchsorted(knots, edges[1:] + 0.5 / self.scale) - self.first).max())
        self.after = np.append(knots, np.inf)

    def searchsorted(self, numbers: DoubleArray) -> IntArray:
        """How many knots are below each number, as `numpy.searchsorted` counts them. (n,) -> (n,)."""
        if self.most > _MOST_IN_BUCKET or len(numbers) < _FEW_NUMBERS:
            return np.searchsorted(self.knots, numbers)
        counts = np.empty(len(numbers), np.int64)
        for start in range(0, len(numbers), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            counts[part] = self._count(numbers[part], np.less)
        return counts

    def interp(self, numbers: DoubleArray, values: DoubleArray) -> DoubleArray:
        """`numpy.interp` of values at the knots. (n,), (m,) -> (n,)."""
        if self.most > _MOST_IN_BUCKET or len(numbers) < max(_FEW_NUMBERS, len(values)):
            return _interp(numbers, self.knots, values)
        with np.errstate(over="ignore", divide="ignore"):
            slopes = np.append(np.diff(values) / np.diff(self.knots), 0.0)  # and no further than the last knot
        if not np.isfinite(slopes).all():  # knots that lie too close
            return _interp(numbers, self.knots, values)
        out = np.empty(len(numbers), np.float64)
        for start in range(0, len(numbers), _AT_ONCE):
            part = numbers[start : start + _AT_ONCE].clip(self.knots[0], self.knots[-1])
            at = self._count(part, np.less_equal)
            at -= 1
            part -= self.knots.take(at, mode="wrap")
            part *= slopes.take(at, mode="wrap")
            part += values.take(at, mode="wrap")
            out[start : start + _AT_ONCE] = part
        return out

    def _count(self, numbers: DoubleArray, compare: np.ufunc) -> IntArray:
        """How many knots are less than each number, or less or equal."""
        with np.errstate(over="ignore"):
            bucket = numbers - self.low
            bucket *= self.scale
        at = self.first.take(bucket.clip(0, _BUCKETS, out=bucket).astype(np.int64), mode="wrap")
        for _ in range(self.most):
            at += compare(self.after.take(at, mode="wrap"), numbers)
        return at


def _interp(numbers: DoubleArray, knots: DoubleArray, values: DoubleArray) -> DoubleArray:
    """`numpy.interp`, and where knots are as near as 1e-310, so that no slope can be written, without slopes."""
    found = np.asarray(np.interp(numbers, knots, values), np.float64)
    lost = np.isinf(found)
    if lost.any():
        at = np.searchsorted(knots, numbers[lost], side="right").clip(1, len(knots) - 1)
        share = (numbers[lost] - knots[at - 1]) / (knots[at] - knots[at - 1])
        found[lost] = values[at - 1] + share * (values[at] - values[at - 1])
    return found


# --------------------------------------------------------------------------------------
# The decimal grid of a column: whole numbers, two decimals, steps of 0.5, full days.


_MAX_DECIMALS = 6
_PROBE = 64


@dataclass(frozen=True)
class DecimalGrid:
    """Floats of the form ``(base + k * step) / 10**decimals`` with whole ``k``, and ``base`` in ``0..step - 1``."""

    decimals: int
    base: int
    step: int

    def snap(self, values: DoubleArray) -> DoubleArray:
        """The nearest grid points, exactly as the decimal number would be parsed."""
        unit = 10.0**self.decimals
        k = np.rint((values * unit - self.base) / self.step) * self.step + self.base
        return np.asarray(k / unit, dtype=np.float64)

    def whole(self, values: Array) -> IntArray:
        """Values of the grid as whole numbers of its last decimal."""
        return np.asarray(np.rint(values * 10.0**self.decimals), np.int64)

    def holds(self, values: Array, dtype: DType) -> bool:
        """Whether all values, in the column's own dtype, stand on the grid."""
        return bool(np.array_equal(self.snap(values).astype(dtype), values.astype(dtype)))

    def to_json(self) -> dict[str, Any]:
        """The three numbers."""
        return asdict(self)


def float_grid(distinct: Array, dtype: DType) -> DecimalGrid | None:
    """Find the coarsest decimal grid that holds every value.

    Parameters
    ----------
    distinct : ndarray of shape (m,), dtype float64
        The values, each once.
    dtype : dtype
        The column's own float dtype: 0.1 as float32 is on the grid of one decimal.

    Returns
    -------
    Grid or None
        None where six decimals do not suffice.
    """
    probe = distinct[:: max(1, len(distinct) // _PROBE)]
    top = float(max(abs(distinct[0]), abs(distinct[-1]))) if len(distinct) else 0.0
    # beyond 2**53 a scaled value is no longer a whole float64
    most = next((d for d in range(_MAX_DECIMALS, -1, -1) if top * 10.0**d < 2.0**53), None)
    if most is None or not _fits(probe, most, dtype):
        return None
    for decimals in range(most + 1):
        if _fits(probe, decimals, dtype) and _fits(distinct, decimals, dtype):
            whole = np.rint(distinct * 10.0**decimals).astype(np.int64)
            step = integer_step(np.abs(whole - whole[0]).astype(np.uint64))
            return DecimalGrid(decimals, int(whole[0]) % step, step)
    return None


def _fits(values: Array, decimals: int, dtype: DType) -> bool:
    unit = 10.0**decimals
    return bool(np.array_equal((np.rint(values * unit) / unit).astype(dtype), values.astype(dtype)))


def integer_step(deltas: Array) -> int:
    """The greatest common divisor of unsigned distances, at least 1."""
    if len(deltas) > _PROBE and np.gcd.reduce(deltas[:: len(deltas) // _PROBE]) == 1:
        return 1
    return max(1, int(np.gcd.reduce(deltas))) if len(deltas) else 1


# --------------------------------------------------------------------------------------
# Rounded bounds: numbers near the extremes of a column that reveal no single row, which a model may keep.


# A value that so many rows share reveals none of them. Of columns with more than `MOST_ROWS` rows a sample with
# replacement is used, in which rows repeat.
SHARED, SHARED_IN_SAMPLE, MOST_ROWS = 4, 12, 100_000
# A bound is at most this part of the range away from the extreme, and excludes at most one row and one in `ROWS`.
PART, ROWS = 128, 2000
# Extremes on a grid of at most so many points reveal little: they are kept.
COARSE = 256


def is_shared(counts: Array) -> BoolArray:
    """Which values of a column, that occur so often, may be kept as they are. (m,) -> (m,)."""
    shared: BoolArray = counts >= (SHARED if counts.sum() <= MOST_ROWS else SHARED_IN_SAMPLE)
    return shared


def simple_between(low: DoubleArray, high: DoubleArray) -> DoubleArray:
    """Numbers above ``low`` and up to ``high`` with few binary digits: multiples of the largest power of two that fits.

    Examples
    --------
    >>> import numpy as np
    >>> simple_between(np.array([0.3, 10.1]), np.array([0.9, 10.2])).tolist()
    [0.5, 10.125]
    """
    step = np.exp2(np.floor(np.log2(np.maximum(high - low, np.finfo(np.float64).tiny))))
    with np.errstate(over="ignore"):  # where nothing lies between, it is ``high``
        return np.asarray(np.minimum((np.floor(low / step) + 1) * step, high), np.float64)


def inner_bounds(distinct: DoubleArray, counts: Array) -> tuple[float, float]:
    """Rounded bounds inside the range of floats.

    Parameters
    ----------
    distinct : ndarray of shape (m,), float64
        Increasing.
    counts : ndarray of shape (m,), int
        How often each occurs.

    Returns
    -------
    low, high : float
        Neither is one of the values, unless several rows have it (`is_shared`) or nothing lies between two of them.
    """
    low = _inward_float(distinct, counts)
    high = -_inward_float(-distinct[::-1], counts[::-1])
    return (low, high) if low < high else (float(distinct[0]), float(distinct[-1]))


def _inward_float(distinct: DoubleArray, counts: Array) -> float:
    first = float(distinct[0])
    if len(distinct) < 2 or is_shared(counts)[0]:
        return first
    part = distinct[-1] / PART - first / PART
    for limit in (distinct[_last_cut(counts)], distinct[1]):  # between the first two there is no other value
        width = min(part, float(limit) - first)
        found = simple_between(np.array([first + width / 4]), np.array([first + 3 * width / 4]))[0]
        if found > first and found not in distinct[: _last_cut(counts) + 1]:
            return float(found)
    return first


def inner_bounds_int(distinct: Array, counts: Array, step: int) -> tuple[int, int]:
    """The same for whole numbers ``distinct[0] + k * step``, of any integer dtype; the bounds are such numbers too."""
    first, last = int(distinct[0]), int(distinct[-1])
    span, shared = last - first, is_shared(counts)
    if is_coarse(distinct, step):
        return first, last
    cut = distinct[: _last_cut(counts) + 1].tolist()
    low = first if shared[0] else _inward_int(cut, step, span)
    cut = [-value for value in distinct[: -_last_cut(counts[::-1]) - 2 : -1].tolist()]
    high = last if shared[-1] else -_inward_int(cut, step, span)
    return (low, high) if low < high else (first, last)


def outer_bounds(distinct: DoubleArray, counts: Array) -> tuple[float, float]:
    """Rounded bounds just outside the range of floats, which all of them keep; an extreme that rows share stays."""
    return _outward_float(distinct, counts), -_outward_float(-distinct[::-1], counts[::-1])


def _outward_float(distinct: DoubleArray, counts: Array) -> float:
    first = float(distinct[0])
    if len(distinct) < 2 or is_shared(counts)[0]:
        return first
    width = float(distinct[-1] / PART - first / PART)
    return min(first, -float(simple_between(np.array([width / 4 - first]), np.array([3 * width / 4 - first]))[0]))


def outer_bounds_int(distinct: Array, counts: Array, step: int) -> tuple[int, int]:
    """The same for whole numbers ``distinct[0] + k * step``; the bounds are such numbers too."""
    ends, shared, coarse = [], is_shared(counts)[[0, -1]].tolist(), is_coarse(distinct, step)
    first, last = int(distinct[0]), int(distinct[-1])
    width = step << (max(1, (last - first) // PART // step).bit_length() - 1)
    for sign, end, stays in ((1, first, shared[0]), (-1, last, shared[1])):
        below = (sign * end - sign * end % step) // width * width + sign * end % step
        ends.append(end if stays or coarse else sign * (below if below < sign * end else below - width))
    return ends[0], ends[1]


def rounded_median(values: DoubleArray) -> float:
    """A number near the median: the median itself only if rows share it. (n,), n > 0."""
    distinct, counts = np.unique(values, return_counts=True)
    place = int(np.searchsorted(np.cumsum(counts), (counts.sum() + 1) // 2))
    if len(distinct) < 2 or is_shared(counts)[place]:
        return float(distinct[place])
    left = distinct[[min(place, len(distinct) - 2)]]
    gap = distinct[[min(place, len(distinct) - 2) + 1]] - left
    return float(simple_between(left + gap / 4, left + 3 * gap / 4)[0])


def nearby_values(values: Array, distinct: Array, step: int = 0) -> Array:
    """Numbers near given ones, rounded to a 256th of the column's range or less, and none of the column if possible.

    Parameters
    ----------
    values : ndarray of shape (m,)
    distinct : ndarray of shape (k,)
        The column's values, increasing; at least two.
    step : int, default=0
        Whole numbers stay of the form ``distinct[0] + k * step``.
    """
    low, high = distinct[0], distinct[-1]
    if step:
        width = step << (max(1, (int(high) - int(low)) // PART // step).bit_length() - 1)
        found = low + (values - low) // width * width
    else:
        width = np.exp2(np.floor(np.log2(high / PART - low / PART)))
        found = np.floor(values / width) * width
    for _ in range(2 * PART):
        taken = np.isin(found, distinct) | (found < low)
        if not taken.any():
            return np.asarray(found)
        found = np.where(taken, found + (step or width / 4), found)
        found = np.where(found > high, low, found)
    return np.asarray(found)


def is_coarse(distinct: Array, step: int) -> bool:
    """Whether whole numbers, of this distance and in increasing order, can only be a few hundred."""
    return int(distinct[-1]) - int(distinct[0]) <= COARSE * step


def _inward_int(values: list[int], step: int, span: int) -> int:
    first = values[0]
    steps = min(span // PART, values[-1] - first) // step
    offset, taken = first % step, set(values)
    candidates = [first]
    while steps:
        width = step << (steps.bit_length() - 1)
        candidates.append(((first - offset) // width + 1) * width + offset)
        steps >>= 1
    return next((c for c in candidates if c not in taken), candidates[min(1, len(candidates) - 1)])


def _last_cut(counts: Array) -> int:
    """The first value that no bound cuts off."""
    upto, most = 0, 1 + int(counts.sum()) // ROWS
    for place, count in enumerate(counts[: most + 1].tolist()):
        upto += count
        if upto > most:
            return max(1, place)
    return len(counts) - 1


# --------------------------------------------------------------------------------------
# A monotone, piecewise linear map between a column's values and normal scores.


# scores of values seen lie between this and its negative; nearer to 0, extremes would be drawn too often
_LOW = -4.0
_EDGE = float(ndtr(_LOW))
# beyond the observed range scores go on to this bound
_FAR = 5.0
# shares of the knots, evenly spaced in scores, because the tails need many
_KNOTS = ndtr(np.linspace(_LOW, -_LOW, 257))
# least number of rows between two knots: a knot for every row would store the column itself
_ROWS_A_KNOT = 4
# Runs of rare levels that are longer than this part of the range are not pooled.
_LONG_RUN = 64
# with this many distinct values, each repeated this often, values are steps rather than a curve;
# up to the first number even where values may leave the range seen
_FEW_LEVELS, _MAX_LEVELS, _MIN_REPEATS = 64, 1001, 4


def normal_scores(shares: Array) -> DoubleArray:
    """Normal scores of shares in [0, 1], within -4 and 4."""
    # to float32 and back, so that the stored scores are exactly those used
    return np.asarray(ndtri(_EDGE + (1 - 2 * _EDGE) * shares).astype(np.float32), dtype=np.float64)


@dataclass(frozen=True)
class Curve:
    """Knots of the map, and the edges between steps where the column takes steps.

    Attributes
    ----------
    values, scores : ndarray of shape (m,), dtype float64
        Strictly increasing both.
    edges : ndarray of shape (m - 1,), dtype float64, or None
        If given, a score decodes to the knot between whose edges it lies. The
        edges are the scores of the cumulative shares, so normal scores decode
        to the very shares that were observed.
    """

    values: DoubleArray
    scores: DoubleArray
    edges: DoubleArray | None

    @staticmethod
    def takes_steps(counts: Array, keep_range: bool = True) -> bool:
        """Whether values that occur so often are steps rather than a curve."""
        most = _MAX_LEVELS if keep_range else _FEW_LEVELS
        return bool(len(counts) <= most and counts.sum() >= _MIN_REPEATS * len(counts))

    @classmethod
    def steps(cls, distinct: DoubleArray, counts: Array, coarse: bool) -> Curve:
        """Fit to distinct values (increasing) that repeat; all are kept if ``coarse``, else those that rows share."""
        if not coarse:
            distinct, counts = _pooled(distinct, counts)
        total, upto = counts.sum(), np.cumsum(counts)
        return cls(distinct, normal_scores((upto - 0.5 * counts) / total), normal_scores(upto[:-1] / total))

    @classmethod
    def fit(cls, distinct: DoubleArray, counts: Array, low: float, high: float) -> Curve:
        """Fit to distinct values (increasing) without keeping any that few rows have.

        A knot stands between two neighbours, at a number with few digits, and at least `_ROWS_A_KNOT` rows from the
        next one. Only a value that so many rows share may be a knot itself.

        Parameters
        ----------
        distinct : ndarray of shape (m,), float64
        counts : ndarray of shape (m,), int
            How often each occurs.
        low, high : float
            The first and the last knot, within the range of the values.
        """
        total, upto = int(counts.sum()), np.cumsum(counts)
        at = np.unique(np.searchsorted(upto, _boundaries(total)))
        at = at[at < len(distinct) - 1]
        shared = is_shared(counts)[at]
        left, gap = distinct[at], distinct[at + 1] - distinct[at]
        values = np.where(shared, left, simple_between(left + gap / 4, left + 3 * gap / 4))
        shares = np.where(shared, upto[at] - 0.5 * counts[at], upto[at]) / total
        inside = (shared | ((values > left) & (values < distinct[at + 1]))) & (values > low) & (values < high)
        # half of the rows up to a bound are counted on each of its sides
        share_low = 0.5 * max(1, counts[distinct <= low].sum()) / total
        share_high = 1 - 0.5 * max(1, counts[distinct >= high].sum()) / total
        inside &= (shares > share_low) & (shares < share_high)
        ends = ([low], [share_low]) if low == high else ([low, high], [share_low, share_high])
        knots = np.concatenate([ends[0][:1], values[inside], ends[0][1:]])
        scores = normal_scores(np.concatenate([ends[1][:1], shares[inside], ends[1][1:]]))
        rising = np.append(True, np.diff(scores) > 0)  # shares of millions of rows may have one score
        return cls(knots[rising], scores[rising], None)

    def with_knots(self, values: DoubleArray) -> Curve:
        """The same map, from which these values (increasing, between its ends) come back exactly."""
        new = values[(values > self.values[0]) & (values < self.values[-1]) & ~np.isin(values, self.values)]
        scores = np.interp(new, self.values, self.scores).astype(np.float32)
        places = np.searchsorted(self.values, new)
        values, scores = np.insert(self.values, places, new), np.insert(self.scores, places, scores)
        is_new, step = np.isin(values, new), np.diff(scores) > 0
        kept = ~is_new | (np.append(True, step) & np.append(step, True))  # between two scores there may be none
        return Curve(values[kept], scores[kept], self.edges)

    def _tails(self) -> tuple[float, float]:
        """Score per value beyond either end, taken from the outer tenth of the knots."""
        if len(self.values) < 2:
            return 1.0, 1.0
        k = max(1, len(self.values) // 10)
        with np.errstate(over="ignore"):
            low = (self.scores[k] - self.scores[0]) / (self.values[k] - self.values[0])
            high = (self.scores[-1] - self.scores[-1 - k]) / (self.values[-1] - self.values[-1 - k])
        return float(low), float(high)

    def encode(self, values: DoubleArray) -> DoubleArray:
        """Scores of values; values outside the knots get scores up to 5 in size."""
        out = self._from_values.interp(values, self.scores)
        below, above = values < self.values[0], values > self.values[-1]
        if below.any() or above.any():
            low, high = self._tails()
            out[below] += np.maximum(low * (values[below] - self.values[0]), -_FAR - self.scores[0])
            out[above] += np.minimum(high * (values[above] - self.values[-1]), _FAR - self.scores[-1])
        return np.asarray(out, dtype=np.float64)

    def decode(self, scores: DoubleArray, keep_range: bool) -> DoubleArray:
        """Values of scores, all between the first and the last knot if ``keep_range``."""
        if self.edges is not None:
            return self.values.take(self._from_scores.searchsorted(scores))
        out = self._from_scores.interp(scores, self.values)
        if not keep_range:
            low, high = self._tails()
            below, above = scores < self.scores[0], scores > self.scores[-1]
            out[below] += (np.maximum(scores[below], -_FAR) - self.scores[0]) / low
            out[above] += (np.minimum(scores[above], _FAR) - self.scores[-1]) / high
        return np.asarray(out, dtype=np.float64)

    def round_trip(self, scores: DoubleArray) -> DoubleArray:
        """What the values of scores would be encoded as, where each is within the range seen."""
        if self.edges is not None:
            return self.scores.take(self._from_scores.searchsorted(scores))
        return scores.clip(self.scores[0], self.scores[-1])

    @cached_property
    def _from_values(self) -> FastSearch:
        return FastSearch(self.values)

    @cached_property
    def _from_scores(self) -> FastSearch:
        """Of the edges, where the column takes steps; a single step has none, and every score is below its end."""
        if self.edges is None:
            return FastSearch(self.scores)
        return FastSearch(self.edges if len(self.edges) else np.array([np.inf]))

    def get_state(self) -> State:
        """Config and arrays."""
        with np.errstate(over="ignore"):  # numbers beyond float32 are kept as they are
            single = self.values.astype(np.float32)
        knots = single if np.array_equal(single, self.values) else self.values
        arrays: Arrays = {"knots": knots, "scores": self.scores.astype(np.float32)}
        if self.edges is not None:
            arrays["edges"] = self.edges.astype(np.float32)
        return {}, arrays

    @classmethod
    def from_state(cls, config: Config, arrays: Arrays) -> Curve:
        """The curve that `get_state` took apart."""
        edges = arrays.get("edges")
        values, scores = (arrays[key].astype(np.float64) for key in ("knots", "scores"))
        if not len(values) == len(scores) > 0 or (edges is not None and len(edges) != len(values) - 1):
            raise ModelFileError("the stored knots of a column do not fit each other")
        return cls(values, scores, None if edges is None else edges.astype(np.float64))


def _boundaries(total: int) -> IntArray:
    """Numbers of rows below each knot: about evenly spaced in scores, symmetrical, and never too close."""
    half, last = [], _ROWS_A_KNOT // 2 - _ROWS_A_KNOT
    for rows in np.rint(_KNOTS[: len(_KNOTS) // 2 + 1] * total).astype(np.int64).tolist():
        if last + _ROWS_A_KNOT <= rows <= (total - _ROWS_A_KNOT) // 2 and rows > 0:
            half.append(rows)
            last = rows
    left = np.array(half, np.int64)
    return np.concatenate([left, total - left[::-1]])


def _beside(distinct: DoubleArray, place: int) -> float:
    """A number between a level and its neighbour above, or below the highest level."""
    first, part = (place, (4, 12)) if place + 1 < len(distinct) else (place - 1, (13, 15))
    low, gap = distinct[[first]], distinct[first + 1] - distinct[first]
    return float(simple_between(low + part[0] * gap / 16, low + part[1] * gap / 16)[0])


def _pooled(distinct: DoubleArray, counts: Array) -> tuple[DoubleArray, Array]:
    """Levels and counts with each run of rare levels as a few numbers between them, of several rows each.

    A long run, such as the tail of a skewed column, is not pooled: each of its levels moves towards the next one.
    """
    shared, longest = is_shared(counts), (distinct[-1] - distinct[0]) / _LONG_RUN
    if shared.all() or not shared.any():
        return distinct, counts
    values: list[float] = []
    sizes: list[int] = []
    run: list[int] = []  # rare levels since the last shared one
    for place in range(len(distinct) + 1):
        ends = place == len(distinct)
        if not ends and not shared[place]:
            run.append(place)
            continue
        left_over = 0
        if run and distinct[run[-1]] - distinct[max(0, run[0] - 1)] > longest:
            for member in run:
                moved = _beside(distinct, member)
                if not values or moved > values[-1]:
                    values.append(moved)
                    sizes.append(int(counts[member]))
                else:
                    left_over += int(counts[member])
        elif run:
            rows = int(counts[run].sum())
            groups = rows // _ROWS_A_KNOT
            upto = np.cumsum(counts[run])
            for members in np.split(np.array(run), np.searchsorted(upto, rows * np.arange(1, groups) / max(1, groups))):
                if groups and len(members) > 1:
                    middle = members[len(members) // 2 - 1], members[len(members) // 2]
                    gap = distinct[middle[1]] - distinct[middle[0]]
                    ends_of = distinct[[middle[0]]] + gap / 4, distinct[[middle[0]]] + 3 * gap / 4
                    values.append(float(simple_between(*ends_of)[0]))
                    sizes.append(int(counts[members].sum()))
                else:
                    left_over += int(counts[members].sum())
        if not ends:
            values.append(float(distinct[place]))
            sizes.append(int(counts[place]))
        if left_over:
            sizes[-1] += left_over
        run = []
    return np.array(values), np.array(sizes)


# --------------------------------------------------------------------------------------
# Quantile mapping: pairs of numbers between which a curve moves one distribution to another.


# Rows whose mean is a knot, at least, and knots of a column, at most: a knot tells nothing of a single row.
_ROWS_A_MEAN, _MOST_MEANS = 8, 64
# Rows of a class that share a value, from which on it comes back exactly and as often: these, or fewer that are more of
# the class.
_COMMON = ((8, 1 / _MOST_MEANS), (5, 1 / 20))


def is_common(counts: Array) -> BoolArray:
    """Which values, that so many rows of a class have, come back exactly and as often. (m,) -> (m,).

    Those of at least eight rows and one in 64, or of at least five and one in 20.
    """
    enough = [counts >= max(rows, share * counts.sum()) for rows, share in _COMMON]
    common: BoolArray = is_shared(counts) & np.logical_or.reduce(enough)
    return common


def quantile_pairs(made: FloatArray, wanted: FloatArray) -> FloatArray:
    """Pairs of numbers at the same quantiles of two samples, at most 192; none where there are too few rows.

    Each is the mean of at least eight numbers of its sample. A number that enough of ``wanted`` share (`is_common`) has
    two pairs, between which a curve through all of them is flat; of fewer than 16 rows only these are left.

    Parameters
    ----------
    made, wanted : ndarray of shape (m,) and (n,), float32

    Returns
    -------
    ndarray of shape (2, k), float32
        Of ``made``, strictly increasing, and of ``wanted``, never decreasing.

    Examples
    --------
    >>> import numpy as np
    >>> made, wanted = np.arange(100.0), np.repeat([10.0, 20.0, 30.0], [50, 10, 40])
    >>> quantile_pairs(made, wanted).astype(int).tolist()
    [[0, 49, 50, 59, 60, 99], [10, 10, 20, 20, 30, 30]]
    """
    n, m = len(wanted), len(made)
    k = min(n // _ROWS_A_MEAN, m // _ROWS_A_MEAN, _MOST_MEANS)
    ours, theirs = np.sort(made.astype(np.float64)), np.sort(wanted.astype(np.float64))
    starts = np.flatnonzero(np.append(True, np.diff(theirs) > 0)[:n])
    sizes = np.diff(np.append(starts, n))
    shared = is_common(sizes)
    if k < 2 and not shared.any():  # what a class of a dozen rows shares is common, too
        return np.zeros((2, 0), np.float32)
    pairs, upto = [], 0
    for start, size in zip([*starts[shared].tolist(), n], [*sizes[shared].tolist(), 0], strict=True):
        pieces = (start - upto) * k // n
        if pieces:
            pairs.append([_means(ours[upto * m // n : start * m // n], pieces), _means(theirs[upto:start], pieces)])
        first, last = start * m // n, (start + size) * m // n - 1
        if last > first:
            pairs.append([ours[[first, last]], theirs[[start, start]]])
        upto = start + size
    found = np.concatenate([np.zeros((2, 0)), *pairs], axis=1).astype(np.float32)
    return found[:, np.diff(found[0], prepend=-np.inf) > 0]


def _means(ordered: DoubleArray, k: int) -> DoubleArray:
    """Means of k runs of as many numbers each, in order. (n,) -> (k,)."""
    ends = np.linspace(0, len(ordered), k + 1).round().astype(np.int64)
    return np.asarray(np.add.reduceat(ordered, ends[:-1]) / np.diff(ends))
