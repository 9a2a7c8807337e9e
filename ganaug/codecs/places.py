"""Where numbers fall among sorted ones, several times as fast as by bisection."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ganaug.types import IntArray

__all__ = ["Places"]

Float64 = npt.NDArray[np.float64]

_BUCKETS = 4096
# With so many knots in one bucket (they lie very unevenly) or so few numbers, bisection is as fast.
_MOST_IN_BUCKET, _FEW_NUMBERS = 24, 256
# Numbers looked up together: what is made of them stays in the processor's cache.
_AT_ONCE = 8192


class Places:
    """`numpy.searchsorted` and `numpy.interp` for many numbers and the same knots.

    Bisection of random numbers mispredicts every other branch. A table of evenly spaced buckets says instead at which
    knot to begin, and a few comparisons lead on from there.

    Parameters
    ----------
    knots : ndarray of shape (m,), float64
        Not decreasing, at least one.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug.codecs.places import Places
    >>> Places(np.array([0.0, 1.0, 4.0])).below(np.linspace(-1.0, 5.0, 7)).tolist()
    [0, 0, 1, 2, 2, 2, 3]
    """

    def __init__(self, knots: Float64) -> None:
        self.knots, self.low = knots, float(knots[0])
        span = float(knots[-1]) - self.low
        self.most = _MOST_IN_BUCKET + 1
        if not (0 < span < np.inf and np.isfinite(_BUCKETS / span)):
            return
        self.scale = _BUCKETS / span
        edges = self.low + np.arange(_BUCKETS + 2) / self.scale
        # from half a bucket lower, so that no rounding of a bucket's number leads past the right knot
        self.first = np.searchsorted(knots, edges[:-1] - 0.5 / self.scale)
        self.most = int((np.searchsorted(knots, edges[1:] + 0.5 / self.scale) - self.first).max())
        self.after = np.append(knots, np.inf)

    def below(self, numbers: Float64) -> IntArray:
        """How many knots are below each number, as `numpy.searchsorted` tells. (n,) -> (n,)."""
        if self.most > _MOST_IN_BUCKET or len(numbers) < _FEW_NUMBERS:
            return np.searchsorted(self.knots, numbers)
        counts = np.empty(len(numbers), np.int64)
        for start in range(0, len(numbers), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            counts[part] = self._count(numbers[part], np.less)
        return counts

    def interpolated(self, numbers: Float64, values: Float64) -> Float64:
        """`numpy.interp` of values at the knots. (n,), (m,) -> (n,)."""
        if self.most > _MOST_IN_BUCKET or len(numbers) < max(_FEW_NUMBERS, len(values)):
            return np.asarray(np.interp(numbers, self.knots, values), np.float64)
        with np.errstate(over="ignore", divide="ignore"):
            slopes = np.append(np.diff(values) / np.diff(self.knots), 0.0)  # and no further than the last knot
        if not np.isfinite(slopes).all():  # knots that lie too close
            return np.asarray(np.interp(numbers, self.knots, values), np.float64)
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

    def _count(self, numbers: Float64, compare: np.ufunc) -> IntArray:
        """How many knots are less than each number, or less or equal."""
        with np.errstate(over="ignore"):
            bucket = numbers - self.low
            bucket *= self.scale
        at = self.first.take(bucket.clip(0, _BUCKETS, out=bucket).astype(np.int64), mode="wrap")
        for _ in range(self.most):
            at += compare(self.after.take(at, mode="wrap"), numbers)
        return at
