"""Channels of pixels of any range in [-1, 1], and back within the range they had."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ganaug.codecs.plain import Array
from ganaug.codecs.stacks import stored
from ganaug.exceptions import ModelFileError

__all__ = ["PixelScale"]

_SHARES = (5e-5, 5e-4, 5e-3)  # of the values beyond a knot; beyond the last one is the core
_ROOM = 0.1  # half cores; what each knot of a tail adds to it at most
_MOST = 1_000_000  # values of a channel that quantiles are taken from
_FARTHEST = 1e6  # encoded; what lies so far out of the range seen in fit is all the same
_CORE = (len(_SHARES), len(_SHARES) + 1)  # places of its ends among the knots
_KNOTS = 2 * len(_SHARES) + 2


@dataclass(frozen=True)
class PixelScale:
    r"""The range of each channel.

    A channel is mapped linearly from its smallest and largest value to [-1, 1], unless few values lie so far out
    that the others would have little of it: a hot pixel, a mark for "no data". The core of a channel is where 99 %
    of its values lie. Where the range reaches beyond the core by more than the core's width, only the core is
    linear, and the range beyond it is given room by how often values lie there: in units of half the core from its
    middle, the quantiles beyond which 0.05 %, 0.005 % and none of the values lie are at most 1.1, 1.2 and 1.3, with
    the logarithm in between. So a generator that goes a little beyond the core makes values that occur, and not
    those of a hot pixel. It can be undone, so nothing is cut off.

    Attributes
    ----------
    low, high : ndarray of shape (C,), float64
        Of all values.
    knots : ndarray of shape (C, 8), float64
        Quantiles, ``low`` and ``high`` at the ends.
    """

    low: Array
    high: Array
    knots: Array

    @classmethod
    def fit(cls, images: Array, *, robust: bool) -> PixelScale:
        """The ranges of (n, C, H, W), all finite; ``robust``: whether outliers are looked for."""
        channels = range(images.shape[1])
        low = np.array([images[:, c].min() for c in channels], np.float64)
        high = np.array([images[:, c].max() for c in channels], np.float64)
        knots = _linear(low, high)
        if robust:
            step = max(1, -(-images[:, 0].size // _MOST))  # images are drawn evenly, and each of them wholly
            for c in channels:
                values = images[::step, c].astype(np.float64).ravel()
                knots[c, 1:-1] = np.quantile(values, [*_SHARES, *(1 - share for share in reversed(_SHARES))])
        return cls(low, high, knots)

    @cached_property
    def tailed(self) -> Array:
        """Which channels have outliers, of shape (C,)."""
        first, last = (self.knots[:, place] for place in _CORE)
        return (last > first) & (np.maximum(self.high - last, first - self.low) > last - first)

    @cached_property
    def middle(self) -> Array:
        """Of the whole range, of shape (C,)."""
        middle: Array = (self.low + self.high) / 2
        return middle

    @cached_property
    def half(self) -> Array:
        """Half the width of the whole range, of shape (C,)."""
        half: Array = (self.high - self.low) / 2
        return half

    def encode(self, images: Array) -> Array:
        """(n, C, H, W) of any range -> [-1, 1], float64."""
        # a constant channel is 0, whatever it holds now
        half = np.where(self.half > 0, self.half, np.inf)[:, None, None]
        with np.errstate(over="ignore"):
            unit: Array = (images.astype(np.float64) - self.middle[:, None, None]) / half
        for c, bend in self._bends.items():
            unit[:, c] = bend.encode(images[:, c].astype(np.float64))
        return unit.clip(-_FARTHEST, _FARTHEST, out=unit)

    def decode(self, unit: Array) -> Array:
        """[-1, 1] -> (n, C, H, W) within ``low`` and ``high``, of the same dtype of floats."""
        ends = (self.middle, self.half, self.low, self.high)
        middle, half, low, high = (end.astype(unit.dtype)[:, None, None] for end in ends)
        values = unit.clip(-1, 1)
        bent = {c: bend.decode(values[:, c].astype(np.float64)) for c, bend in self._bends.items()}
        values *= half
        values += middle
        for c, own in bent.items():
            values[:, c] = own
        return values.clip(low, high, out=values)

    @cached_property
    def _bends(self) -> dict[int, _Bend]:
        return {int(c): _Bend(self.knots[c]) for c in np.flatnonzero(self.tailed)}

    def get_state(self) -> dict[str, Array]:
        """Arrays: the knots only where there are outliers."""
        state = {"low": self.low, "high": self.high}
        return {**state, "knots": self.knots} if self.tailed.any() else state

    @classmethod
    def from_state(cls, arrays: dict[str, Array], channels: int, *, robust: bool) -> PixelScale:
        """What `get_state` took apart; raises ModelFileError if it does not fit together."""
        low, high = (stored(arrays, name, (channels,)) for name in ("low", "high"))
        knots = stored(arrays, "knots", (channels, _KNOTS)) if robust else _linear(low, high)
        fits = (knots[:, 0] == low).all() and (knots[:, -1] == high).all() and (np.diff(knots, axis=1) >= 0).all()
        scale = cls(low, high, knots)
        if not fits or scale.tailed.any() != robust:
            raise ModelFileError("the stored ranges of pixels do not fit together")
        return scale


def _linear(low: Array, high: Array) -> Array:
    half = _KNOTS // 2
    return np.concatenate([np.repeat(low[:, None], half, axis=1), np.repeat(high[:, None], half, axis=1)], axis=1)


class _Bend:
    """The map of a channel with outliers: linear in the core, by the logarithm beyond it."""

    def __init__(self, knots: Array) -> None:
        first, last = (float(knots[place]) for place in _CORE)
        self._centre, self._scale = (first + last) / 2, (last - first) / 2
        u = (knots - self._centre) / self._scale
        # of the tails below and above the core: the logarithms of distances from its middle, and the room of each
        self._tails = {sign: _tail(side) for sign, side in ((-1, -u[_CORE[0] :: -1]), (1, u[_CORE[1] :]))}
        lowest, highest = -self._tails[-1][1][-1], self._tails[1][1][-1]
        self._middle, self._half = (lowest + highest) / 2, (highest - lowest) / 2

    def encode(self, values: Array) -> Array:
        """Pixels -> [-1, 1]."""
        with np.errstate(over="ignore"):
            u: Array = (values - self._centre) / self._scale
        for sign, (logs, room) in self._tails.items():
            outside = sign * u > 1
            far = np.log(np.minimum(sign * u[outside], 1e300))
            # what was not seen in fit goes on as the last piece does
            u[outside] = sign * (np.interp(far, logs, room) + _ROOM * np.maximum(far - logs[-1], 0))
        return (u - self._middle) / self._half

    def decode(self, unit: Array) -> Array:
        """[-1, 1] -> pixels."""
        u: Array = unit * self._half + self._middle
        for sign, (logs, room) in self._tails.items():
            outside = sign * u > 1
            u[outside] = sign * np.exp(np.interp(sign * u[outside], room, logs))
        return self._centre + self._scale * u


def _tail(distances: Array) -> tuple[Array, Array]:
    """Knots from the end of the core (1) outwards, each of them once: their logarithms, and where they are put."""
    distances = np.maximum(distances, 1.0)
    room = np.minimum(distances, 1 + _ROOM * np.arange(len(distances)))
    new = np.concatenate([[True], np.diff(distances) > 1e-9 * distances[1:]])
    return np.log(distances[new]), room[new]
