"""A monotone, piecewise linear map between a column's values and normal scores."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

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
_KNOTS = ndtr(np.linspace(_LOW, -_LOW, 1001))
# with this many distinct values, each repeated this often, values are steps rather than a curve;
# up to the first number even where values may leave the range seen
_FEW_LEVELS, _MAX_LEVELS, _MIN_REPEATS = 64, len(_KNOTS), 4


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

    @classmethod
    def fit(cls, distinct: Float64, counts: Array, keep_range: bool = True) -> Curve:
        """Fit to distinct values (increasing) and how often each occurs."""
        total = counts.sum()
        upto = np.cumsum(counts)
        shares = (upto - 0.5 * counts) / total
        most = _MAX_LEVELS if keep_range else _FEW_LEVELS
        if len(distinct) <= most and total >= _MIN_REPEATS * len(distinct):
            return cls(distinct, normal_scores(shares), normal_scores(upto[:-1] / total))
        if len(distinct) > len(_KNOTS):
            # evenly spaced in scores, not in ranks: the tails need the knots
            pick = np.unique(np.searchsorted(upto, _KNOTS * total).clip(0, len(distinct) - 1))
            pick[0], pick[-1] = 0, len(distinct) - 1
            distinct, shares = distinct[pick], shares[pick]
        return cls(distinct, normal_scores(shares), None)

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
