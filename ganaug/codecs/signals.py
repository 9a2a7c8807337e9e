"""Channels of any amplitude at about unit scale, and back within the range they had."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ganaug.codecs.bounds import simple_between
from ganaug.codecs.plain import Array
from ganaug.codecs.stacks import stored
from ganaug.exceptions import ModelFileError
from ganaug.seeding import numpy_generator

__all__ = ["Signals"]

_KNEE = 4.0  # scales; beyond, values count by their logarithm
_MOST = 1_000_000  # values of a channel that quantiles are taken from
_MARGIN = 0.05


@dataclass(frozen=True)
class Signals:
    r"""The scale of each channel.

    A value :math:`v` becomes :math:`u = (v - c) / s` with the median :math:`c`; beyond :math:`|u| = 4` it grows by
    the logarithm only, :math:`\pm (4 + \log(1 + |u| - 4))`, which is smooth and can be undone. The scale :math:`s`
    is half the width of the central 68 % of the values (a normal variable's standard deviation), and at least a
    quarter of the distance from the median within which 99.9 % lie. So ordinary signals have unit scale, the
    peaks of spiky ones (an electrocardiogram is flat for most of its length) reach 4, and a single glitch a
    thousand times larger neither sets the scale nor blows up the networks.

    What is decoded stays between ``low`` and ``high``: the range seen, widened at each end by about ``range / (n - 1)``
    for ``n`` series (at most 5 %), to a number of few digits, so that no series' own extreme is kept. That share is
    the unbiased estimate of how far a uniform variable reaches beyond the extremes of n draws; some margin there must
    be, since the next series of a continuous signal exceeds the largest of n with probability 1 / (n + 1). An end that
    two series share is a bound (a saturated sensor, a rectified or normalised signal) and gets no margin, and a margin
    never changes a sign. Centre and scale are rounded, too.

    Attributes
    ----------
    centre, scale, low, high : ndarray of shape (C,), float64
        A constant channel has scale 1, and low = high.
    """

    centre: Array
    scale: Array
    low: Array
    high: Array

    @classmethod
    def fit(cls, signals: Array, seed: int) -> Signals:
        """The scales of (n, C, *spatial), all finite."""
        flat = signals.reshape(*signals.shape[:2], -1)  # (n, C, L)
        chosen = flat
        if len(flat) * flat.shape[2] > _MOST:
            n = max(1, _MOST // flat.shape[2])
            chosen = flat[np.sort(numpy_generator(seed, "quantiles").choice(len(flat), n, replace=False))]
        columns = []
        for channel in range(flat.shape[1]):
            low, high = _bounds(flat[:, channel])
            centre, scale = _scale(chosen[:, channel].astype(np.float64).ravel())
            if low < high:  # no value of a series
                scale = float(np.ldexp(np.rint(np.ldexp(scale, -_exponent(scale))), _exponent(scale)))
                centre = float(np.clip(_rounded(centre, scale / 64), low, high))
            columns.append((centre, scale, low, high))
        return cls(*np.array(columns, dtype=np.float64).T.copy())

    def encode(self, signals: Array) -> Array:
        """(n, C, *spatial) of any amplitude -> about unit scale, float64."""
        column = (-1,) + (1,) * (signals.ndim - 2)
        with np.errstate(over="ignore"):  # infinity is clipped
            u = (signals.astype(np.float64) - self.centre.reshape(column)) / self.scale.reshape(column)
        far = np.abs(u) > _KNEE
        if far.any():
            u[far] = np.sign(u[far]) * (_KNEE + np.log1p(np.minimum(np.abs(u[far]), 1e300) - _KNEE))
        return u

    def decode(self, u: Array) -> Array:
        """About unit scale -> (n, C, *spatial) within ``low`` and ``high``, float64."""
        column = (-1,) + (1,) * (u.ndim - 2)
        u = u.astype(np.float64)
        far = np.abs(u) > _KNEE
        with np.errstate(over="ignore"):  # infinity is clipped
            if far.any():
                u[far] = np.sign(u[far]) * (_KNEE + np.expm1(np.abs(u[far]) - _KNEE))
            u *= self.scale.reshape(column)
            u += self.centre.reshape(column)
        return u.clip(self.low.reshape(column), self.high.reshape(column), out=u)

    def get_state(self) -> dict[str, Array]:
        """Arrays."""
        return {"centre": self.centre, "scale": self.scale, "low": self.low, "high": self.high}

    @classmethod
    def from_state(cls, arrays: dict[str, Array], channels: int) -> Signals:
        """What `get_state` took apart; raises ModelFileError if it does not fit together."""
        signals = cls(*(stored(arrays, name, (channels,)) for name in ("centre", "scale", "low", "high")))
        inside = (signals.low <= signals.centre) & (signals.centre <= signals.high)
        if not (inside & (signals.scale > 0)).all():
            raise ModelFileError("the stored scales of the series do not fit together")
        return signals


def _bounds(channel: Array) -> tuple[float, float]:
    """The range of (n, L), and the margin beyond it."""
    lows, highs = channel.min(1).astype(np.float64), channel.max(1).astype(np.float64)
    low, high = float(lows.min()), float(highs.max())
    share = min(_MARGIN, 1 / max(len(channel) - 1, 1))
    margin = (high - low) * share
    wider_low = -_beyond(-low, margin) if (lows == low).sum() == 1 else low
    wider_high = _beyond(high, margin) if (highs == high).sum() == 1 else high
    return (max(wider_low, 0.0) if low >= 0 else wider_low), (min(wider_high, 0.0) if high <= 0 else wider_high)


def _beyond(extreme: float, margin: float) -> float:
    """A number of few digits between half a margin and a whole one above."""
    if extreme + margin / 2 == extreme:
        return extreme
    return float(simple_between(np.array([extreme + margin / 2]), np.array([extreme + margin]))[0])


def _exponent(scale: float) -> int:
    """What leaves a number six binary digits before the point."""
    return int(np.frexp(scale)[1]) - 6


def _rounded(value: float, step: float) -> float:
    """A multiple of a power of two near a value, at most half a step off."""
    power = float(np.exp2(np.floor(np.log2(step)))) if step > 0 else 0.0
    return float(np.rint(value / power) * power) if power > 0 and np.isfinite(value / power) else value


def _scale(values: Array) -> tuple[float, float]:
    """Median and scale of the values of a channel."""
    left, centre, right = np.quantile(values, [0.1587, 0.5, 0.8413])
    distances = np.abs(values - centre)
    scale = max((right - left) / 2, np.quantile(distances, 0.999) / _KNEE)
    if scale == 0:  # all but one in a thousand are the same
        scale = distances.max() / _KNEE
    return float(centre), float(scale) if scale > 0 else 1.0
