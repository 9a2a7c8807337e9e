"""A monotone, piecewise linear map between a column's values and normal scores."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from ganaug.codecs.bounds import is_shared, simple_between
from ganaug.codecs.places import Places
from ganaug.codecs.plain import Array, State
from ganaug.exceptions import ModelFileError

__all__ = ["Curve", "normal_scores"]

Float64 = npt.NDArray[np.float64]

# no score of a value seen is below this, or above its negative; nearer to 0, extremes would be drawn too often
_LOW = -4.0
_EDGE = float(ndtr(_LOW))
# beyond the observed range scores grow on, but not without bound
_FAR = 5.0
# shares at which knots are wanted: evenly spaced in scores, because the tails need them
_KNOTS = ndtr(np.linspace(_LOW, -_LOW, 257))
# rows between two knots, at least: a knot for every row would be the column itself
_ROWS_A_KNOT = 4
# Runs of rare levels that are longer than this part of the range are not drawn together.
_LONG_RUN = 64
# with this many distinct values, each repeated this often, values are steps rather than a curve;
# up to the first number even where values may leave the range seen
_FEW_LEVELS, _MAX_LEVELS, _MIN_REPEATS = 64, 1001, 4


def normal_scores(shares: Array) -> Float64:
    """Normal scores of shares in [0, 1], within -4 and 4."""
    # to float32 and back: what is stored is exactly what was used
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

    values: Float64
    scores: Float64
    edges: Float64 | None

    @staticmethod
    def takes_steps(counts: Array, keep_range: bool = True) -> bool:
        """Whether values that occur so often are steps rather than a curve."""
        most = _MAX_LEVELS if keep_range else _FEW_LEVELS
        return bool(len(counts) <= most and counts.sum() >= _MIN_REPEATS * len(counts))

    @classmethod
    def steps(cls, distinct: Float64, counts: Array, coarse: bool) -> Curve:
        """Fit to distinct values (increasing) that repeat; all are kept if ``coarse``, else those that rows share."""
        if not coarse:
            distinct, counts = _pooled(distinct, counts)
        total, upto = counts.sum(), np.cumsum(counts)
        return cls(distinct, normal_scores((upto - 0.5 * counts) / total), normal_scores(upto[:-1] / total))

    @classmethod
    def fit(cls, distinct: Float64, counts: Array, low: float, high: float) -> Curve:
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
        # a bound has the rows that it cuts off, and itself, on both sides
        share_low = 0.5 * max(1, counts[distinct <= low].sum()) / total
        share_high = 1 - 0.5 * max(1, counts[distinct >= high].sum()) / total
        inside &= (shares > share_low) & (shares < share_high)
        ends = ([low], [share_low]) if low == high else ([low, high], [share_low, share_high])
        knots = np.concatenate([ends[0][:1], values[inside], ends[0][1:]])
        scores = normal_scores(np.concatenate([ends[1][:1], shares[inside], ends[1][1:]]))
        rising = np.append(True, np.diff(scores) > 0)  # shares of millions of rows may have one score
        return cls(knots[rising], scores[rising], None)

    def _tails(self) -> tuple[float, float]:
        """Score per value beyond either end, taken from the outer tenth of the knots."""
        if len(self.values) < 2:
            return 1.0, 1.0
        k = max(1, len(self.values) // 10)
        with np.errstate(over="ignore"):
            low = (self.scores[k] - self.scores[0]) / (self.values[k] - self.values[0])
            high = (self.scores[-1] - self.scores[-1 - k]) / (self.values[-1] - self.values[-1 - k])
        return float(low), float(high)

    def encode(self, values: Float64) -> Float64:
        """Scores of values; values outside the knots get scores up to 5 in size."""
        out = self._from_values.interpolated(values, self.scores)
        below, above = values < self.values[0], values > self.values[-1]
        if below.any() or above.any():
            low, high = self._tails()
            out[below] += np.maximum(low * (values[below] - self.values[0]), -_FAR - self.scores[0])
            out[above] += np.minimum(high * (values[above] - self.values[-1]), _FAR - self.scores[-1])
        return np.asarray(out, dtype=np.float64)

    def decode(self, scores: Float64, keep_range: bool) -> Float64:
        """Values of scores, all between the first and the last knot if ``keep_range``."""
        if self.edges is not None:
            return self.values.take(self._from_scores.below(scores))
        out = self._from_scores.interpolated(scores, self.values)
        if not keep_range:
            low, high = self._tails()
            below, above = scores < self.scores[0], scores > self.scores[-1]
            out[below] += (np.maximum(scores[below], -_FAR) - self.scores[0]) / low
            out[above] += (np.minimum(scores[above], _FAR) - self.scores[-1]) / high
        return np.asarray(out, dtype=np.float64)

    def as_seen(self, scores: Float64) -> Float64:
        """What the values of scores would be encoded as, where each is within the range seen."""
        if self.edges is not None:
            return self.scores.take(self._from_scores.below(scores))
        return scores.clip(self.scores[0], self.scores[-1])

    @cached_property
    def _from_values(self) -> Places:
        return Places(self.values)

    @cached_property
    def _from_scores(self) -> Places:
        """Of the edges, where the column takes steps; a single step has none."""
        return Places(self.scores if self.edges is None or not len(self.edges) else self.edges)

    def get_state(self) -> State:
        """Config and arrays."""
        single = self.values.astype(np.float32)
        knots = single if np.array_equal(single, self.values) else self.values
        arrays: dict[str, Array] = {"knots": knots, "scores": self.scores.astype(np.float32)}
        if self.edges is not None:
            arrays["edges"] = self.edges.astype(np.float32)
        return {}, arrays

    @classmethod
    def from_state(cls, config: dict[str, Any], arrays: dict[str, Array]) -> Curve:
        """The curve that `get_state` took apart."""
        edges = arrays.get("edges")
        values, scores = (arrays[key].astype(np.float64) for key in ("knots", "scores"))
        if not len(values) == len(scores) > 0 or (edges is not None and len(edges) != len(values) - 1):
            raise ModelFileError("the stored knots of a column do not fit each other")
        return cls(values, scores, None if edges is None else edges.astype(np.float64))


def _boundaries(total: int) -> npt.NDArray[np.int64]:
    """Numbers of rows below each knot: about evenly spaced in scores, symmetrical, and never too close."""
    half, last = [], _ROWS_A_KNOT // 2 - _ROWS_A_KNOT
    for rows in np.rint(_KNOTS[: len(_KNOTS) // 2 + 1] * total).astype(np.int64).tolist():
        if last + _ROWS_A_KNOT <= rows <= (total - _ROWS_A_KNOT) // 2 and rows > 0:
            half.append(rows)
            last = rows
    left = np.array(half, np.int64)
    return np.concatenate([left, total - left[::-1]])


def _beside(distinct: Float64, place: int) -> float:
    """A number between a level and its neighbour above, or below the highest level."""
    first, part = (place, (4, 12)) if place + 1 < len(distinct) else (place - 1, (13, 15))
    low, gap = distinct[[first]], distinct[first + 1] - distinct[first]
    return float(simple_between(low + part[0] * gap / 16, low + part[1] * gap / 16)[0])


def _pooled(distinct: Float64, counts: Array) -> tuple[Float64, Array]:
    """Levels and counts with each run of rare levels as a few numbers between them, of several rows each.

    A long run, such as the tail of a skewed column, is not drawn together: each of its levels moves towards the next.
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
