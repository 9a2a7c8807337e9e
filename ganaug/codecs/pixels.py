"""Channels of pixels of any range in [-1, 1], and back within the range they had."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ganaug.codecs.plain import Array
from ganaug.codecs.stacks import stored
from ganaug.exceptions import ModelFileError

__all__ = ["PixelScale"]

_OUTSIDE = 0.005  # share of the values at each end that may be outliers
_MOST = 1_000_000  # values of a channel that quantiles are taken from
_KNEE = 0.1  # widths; how far beyond the core values count before their logarithm does
_LONGEST = 1.0  # a tail is given at most as much room as half of the core
_FARTHEST = 1e6  # encoded; what lies so far out of the range seen in fit is all the same


@dataclass(frozen=True)
class PixelScale:
    r"""The range of each channel.

    A channel is mapped linearly from its smallest and largest value to [-1, 1], unless few values lie so far out
    that the others would have little of it: a hot pixel, a mark for "no data". The core of a channel is where 99 %
    of its values lie. Where the range reaches beyond the core by more than the core's width, values in the
    core stay linear and those beyond it count by their logarithm, :math:`u = \pm (1 + g \log(1 + (|v| - 1) / k))`,
    in units of half the core from its middle, with :math:`k = 0.1` and :math:`g = k`, or less where the tail would
    be longer than 1. It can be undone, so that nothing is cut off, and has no jump in its slope where :math:`g = k`.

    Attributes
    ----------
    low, high : ndarray of shape (C,), float64
        Of all values.
    core_low, core_high : ndarray of shape (C,), float64
        The same as ``low`` and ``high`` where a channel is mapped linearly.
    """

    low: Array
    high: Array
    core_low: Array
    core_high: Array

    @classmethod
    def fit(cls, images: Array, *, robust: bool) -> PixelScale:
        """The ranges of (n, C, H, W), all finite; ``robust``: whether outliers are looked for."""
        channels = range(images.shape[1])
        low = np.array([images[:, c].min() for c in channels], np.float64)
        high = np.array([images[:, c].max() for c in channels], np.float64)
        core_low, core_high = low.copy(), high.copy()
        if robust:
            step = max(1, -(-images[:, 0].size // _MOST))  # images are drawn evenly, and each of them wholly
            for c in channels:
                values = images[::step, c].astype(np.float64).ravel()
                first, last = np.quantile(values, [_OUTSIDE, 1 - _OUTSIDE])
                if last > first and max(high[c] - last, first - low[c]) > last - first:
                    core_low[c], core_high[c] = first, last
        return cls(low, high, core_low, core_high)

    @property
    def robust(self) -> bool:
        """Whether any channel has outliers."""
        return bool(self._tailed.any())

    @cached_property
    def _tailed(self) -> Array:
        return (self.core_low > self.low) | (self.core_high < self.high)

    @cached_property
    def middle(self) -> Array:
        """Of the whole range."""
        middle: Array = (self.low + self.high) / 2
        return middle

    @cached_property
    def half(self) -> Array:
        """Half the width of the whole range."""
        half: Array = (self.high - self.low) / 2
        return half

    def encode(self, images: Array) -> Array:
        """(n, C, H, W) of any range -> [-1, 1], float64."""
        # a constant channel is 0, whatever it holds now
        half = np.where(self.half > 0, self.half, np.inf)[:, None, None]
        with np.errstate(over="ignore"):
            unit: Array = (images.astype(np.float64) - self.middle[:, None, None]) / half
        for c in np.flatnonzero(self._tailed):
            centre, scale, gain, middle, width = self._bent(int(c))
            with np.errstate(over="ignore"):
                u = (images[:, c].astype(np.float64) - centre) / scale
            unit[:, c] = (_squeezed(u, gain) - middle) / width
        return unit.clip(-_FARTHEST, _FARTHEST, out=unit)

    def decode(self, unit: Array) -> Array:
        """[-1, 1] -> (n, C, H, W) within ``low`` and ``high``, of the same dtype of floats."""
        ends = (self.middle, self.half, self.low, self.high)
        middle, half, low, high = (end.astype(unit.dtype)[:, None, None] for end in ends)
        values = unit.clip(-1, 1)
        tailed = {int(c): values[:, c].astype(np.float64) for c in np.flatnonzero(self._tailed)}
        values *= half
        values += middle
        for c, own in tailed.items():
            centre, scale, gain, between, width = self._bent(c)
            values[:, c] = centre + scale * _stretched(own * width + between, gain)
        return values.clip(low, high, out=values)

    def _bent(self, c: int) -> tuple[float, float, float, float, float]:
        """Centre and scale of the core; gain of the tails; middle and half of the range that results."""
        centre = (self.core_low[c] + self.core_high[c]) / 2
        scale = (self.core_high[c] - self.core_low[c]) / 2
        ends = np.array([(self.low[c] - centre) / scale, (self.high[c] - centre) / scale])
        gain = min(_KNEE, _LONGEST / float(np.log1p((np.abs(ends).max() - 1) / _KNEE)))
        first, last = _squeezed(ends, gain)
        return centre, scale, gain, (first + last) / 2, (last - first) / 2

    def get_state(self) -> dict[str, Array]:
        """Arrays: the cores only where there are outliers."""
        state = {"low": self.low, "high": self.high}
        return {**state, "core_low": self.core_low, "core_high": self.core_high} if self.robust else state

    @classmethod
    def from_state(cls, arrays: dict[str, Array], channels: int, *, robust: bool) -> PixelScale:
        """What `get_state` took apart; raises ModelFileError if it does not fit together."""
        low, high = (stored(arrays, name, (channels,)) for name in ("low", "high"))
        core_low, core_high = low, high
        if robust:
            core_low, core_high = (stored(arrays, name, (channels,)) for name in ("core_low", "core_high"))
        scale = cls(low, high, core_low, core_high)
        flat = scale._tailed & ~(core_low < core_high)
        if not ((low <= core_low) & (core_low <= core_high) & (core_high <= high)).all() or flat.any():
            raise ModelFileError("the stored ranges of pixels do not fit together")
        return scale


def _squeezed(u: Array, gain: float) -> Array:
    size = np.abs(u)
    tail = 1 + gain * np.log1p(np.maximum(np.minimum(size, 1e300) - 1, 0) / _KNEE)
    squeezed: Array = np.where(size > 1, np.sign(u) * tail, u)
    return squeezed


def _stretched(t: Array, gain: float) -> Array:
    size = np.abs(t)
    with np.errstate(over="ignore"):  # infinity is clipped
        tail = 1 + _KNEE * np.expm1(np.maximum(size - 1, 0) / gain)
    stretched: Array = np.where(size > 1, np.sign(t) * tail, t)
    return stretched
