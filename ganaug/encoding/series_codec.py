"""Series and volumes: their noise and their codec."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ganaug.encoding.containers import WideFrame
from ganaug.encoding.quantiles import simple_between
from ganaug.encoding.sample_arrays import (
    CHUNK,
    SampleFormat,
    diverged_message,
    open_samples,
    refuse_not_finite,
    stored_array,
    to_array,
)
from ganaug.encoding.serialization import PickledByState
from ganaug.exceptions import DataWarning, InvalidDataError, ModelFileError
from ganaug.utils.determinism import numpy_generator, warn
from ganaug.utils.types import Array, Arrays, Config, FloatArray, State

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Gaps", "SeriesCodec", "Signals", "ends_of", "snapped"]

# --------------------------------------------------------------------------------------
# Scaling of channels to about unit scale, and back.


KNEE = 4.0  # scales; beyond, values count by their logarithm
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
        """The scales of (n, C, *spatial), finite or NaN, each channel with a value."""
        flat = signals.reshape(*signals.shape[:2], -1)  # (n, C, L)
        chosen = flat
        if len(flat) * flat.shape[2] > _MOST:
            n = max(1, _MOST // flat.shape[2])
            chosen = flat[np.sort(numpy_generator(seed, "quantiles").choice(len(flat), n, replace=False))]
        columns = []
        for channel in range(flat.shape[1]):
            low, high = _bounds(flat[:, channel])
            values = chosen[:, channel].astype(np.float64).ravel()
            values = values[~np.isnan(values)]
            centre, scale = _scale(values if len(values) else np.array([low, high]))
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
        far = np.abs(u) > KNEE
        if far.any():
            u[far] = np.sign(u[far]) * (KNEE + np.log1p(np.minimum(np.abs(u[far]), 1e300) - KNEE))
        return u

    def decode(self, u: Array) -> Array:
        """About unit scale -> (n, C, *spatial) within ``low`` and ``high``, float64."""
        column = (-1,) + (1,) * (u.ndim - 2)
        u = u.astype(np.float64)
        far = np.abs(u) > KNEE
        with np.errstate(over="ignore"):  # infinity is clipped
            if far.any():
                u[far] = np.sign(u[far]) * (KNEE + np.expm1(np.abs(u[far]) - KNEE))
            u *= self.scale.reshape(column)
            u += self.centre.reshape(column)
        return u.clip(self.low.reshape(column), self.high.reshape(column), out=u)

    def get_state(self) -> Arrays:
        """Arrays."""
        return {"centre": self.centre, "scale": self.scale, "low": self.low, "high": self.high}

    @classmethod
    def from_state(cls, arrays: Arrays, channels: int) -> Signals:
        """What `get_state` took apart; raises ModelFileError if it does not fit together."""
        signals = cls(*(stored_array(arrays, name, (channels,)) for name in ("centre", "scale", "low", "high")))
        inside = (signals.low <= signals.centre) & (signals.centre <= signals.high)
        if not (inside & (signals.scale > 0)).all():
            raise ModelFileError("the stored scales of the series do not fit together")
        return signals


def _bounds(channel: Array) -> tuple[float, float]:
    """The range of (n, L), and the margin beyond it."""
    channel = channel[~np.isnan(channel).all(1)]
    lows, highs = np.nanmin(channel, 1).astype(np.float64), np.nanmax(channel, 1).astype(np.float64)
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
    scale = max((right - left) / 2, np.quantile(distances, 0.999) / KNEE)
    if scale == 0:  # all but one in a thousand are the same
        scale = distances.max() / KNEE
    return float(centre), float(scale) if scale > 0 else 1.0


# --------------------------------------------------------------------------------------
# Channels of few values, gaps and unequal lengths.


MOST_LEVELS = 32  # different values of a channel that is discrete
_EACH = 10  # values for each of them, at least
WHOLE = np.zeros(0)  # the levels of a channel of whole numbers, too many to keep


def _levels(channel: Array) -> Array | None:
    """What values of a channel may be, increasing; `WHOLE`; or None if it is continuous. (n, L) -> (k,)."""
    values = channel[~np.isnan(channel)]
    levels = np.unique(values[: 50 * MOST_LEVELS])
    levels = levels if len(levels) > MOST_LEVELS else np.unique(values)
    if 1 < len(levels) <= MOST_LEVELS and len(values) >= _EACH * len(levels):
        if min((channel == level).any(1).sum() for level in levels) > 1:  # none is a single series' own
            return levels.astype(np.float64)
    whole = channel.dtype.kind == "f" and len(values) > 0 and bool((values == np.rint(values)).all())
    return WHOLE if whole else None


def snapped(values: Array, levels: Array) -> Array:
    """The nearest levels, of two at the same distance the lower; whole numbers for `WHOLE`."""
    if not len(levels):
        return np.rint(values)
    nearest: Array = levels[np.searchsorted((levels[1:] + levels[:-1]) / 2, values)]
    return nearest


@dataclass(frozen=True)
class Gaps:
    """Where series have no value: which channels have gaps together, and how long series are.

    To the networks each group of channels with gaps is one more channel, 1 where there is a value and -1 where there is
    none; unequal lengths are the last channel, 1 before the end. Beneath a gap the line between its ends is drawn.

    Attributes
    ----------
    group : tuple of int
        Of each channel; -1 is a channel without gaps.
    empty : tuple of bool
        Of each group: whether a series was without any value in it.
    lengths : (int, int) or None
        The shortest and the longest series; None where all end at the last step.
    """

    group: tuple[int, ...]
    empty: tuple[bool, ...] = ()
    lengths: tuple[int, int] | None = None

    @classmethod
    def of(cls, signals: Array) -> Gaps:
        """Of (n, C, L) with NaN."""
        missing = np.isnan(signals)
        ends = ends_of(missing)
        missing &= np.arange(signals.shape[2]) < ends[:, None, None]
        found: list[Array] = []
        group = []
        for channel in range(signals.shape[1]):
            own = missing[:, channel]
            place = next((i for i, other in enumerate(found) if (own == other).all()), len(found))
            if own.any() and place == len(found):
                found.append(own)
            group.append(place if own.any() else -1)
        empty = tuple(bool((own.sum(1) == ends).any()) for own in found)
        unequal = bool((ends < signals.shape[2]).any())
        return cls(tuple(group), empty, (int(ends.min()), int(ends.max())) if unequal else None)

    @property
    def count(self) -> int:
        """Channels that networks have for them."""
        return len(self.empty) + (self.lengths is not None)

    @property
    def values_needed(self) -> bool:
        """Whether a series could end up without any value, which none has."""
        return min(self.group) >= 0 and all(self.empty)

    def masks(self, missing: Array) -> Array:
        """(n, C, L) -> (n, count, L), 1 or -1."""
        n, _, length = missing.shape
        ends = ends_of(missing) if self.lengths is not None else np.full(n, length)
        before = np.arange(length) < ends[:, None]
        out = np.ones((n, self.count, length), np.float32)
        for channel, place in enumerate(self.group):
            if place >= 0:
                out[:, place][missing[:, channel] & before] = -1
        if self.lengths is not None:
            out[:, -1][~before] = -1
        return out

    def missing(self, masks: Array) -> Array:
        """(n, count, L) of any numbers -> (n, C, L)."""
        n, _, length = masks.shape
        before = np.ones((n, length), bool)
        if self.lengths is not None:
            before = np.arange(length) < (masks[:, -1] > 0).sum(1).clip(*self.lengths)[:, None]
        shown = [before & (mask > 0) for mask in masks[:, : len(self.empty)].swapaxes(0, 1)]
        none = np.all([~own.any(1) for own in shown], axis=0) if self.values_needed else np.zeros(n, bool)
        for place, own in enumerate(shown):
            bare = none if self.empty[place] else ~own.any(1)
            at = np.where(before, masks[:, place], -np.inf).argmax(1)  # the likeliest step
            own[bare, at[bare]] = True
        return np.stack([~(before if place < 0 else shown[place]) for place in self.group], axis=1)

    def fault(self, missing: Array) -> tuple[int, ...] | None:
        """Where series to encode have a gap that none had in training, or None."""
        odd = missing & (np.array(self.group) < 0)[:, None]
        if self.lengths is not None:
            odd &= np.arange(missing.shape[2]) < ends_of(missing)[:, None, None]
        return tuple(map(int, np.argwhere(odd)[0])) if odd.any() else None

    def get_state(self) -> Config:
        """As JSON can hold it."""
        lengths = None if self.lengths is None else list(self.lengths)
        return {"group": list(self.group), "empty": list(self.empty), "lengths": lengths}

    @classmethod
    def from_state(cls, config: Any, channels: int, length: int) -> Gaps:
        """The counterpart of `get_state`; raises ModelFileError where it does not fit the series."""
        try:
            group, empty, lengths = config["group"], config["empty"], config["lengths"]
            fits = len(group) == channels and {*group} - {-1} == {*range(len(empty))}
            fits &= all(type(place) is int for place in group) and all(type(one) is bool for one in empty)
            if lengths is not None:
                low, high = lengths
                fits &= type(low) is int and type(high) is int and 1 <= low <= high <= length
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(f"the stored gaps of the series cannot be read: {error}") from error
        if not fits:
            raise ModelFileError("the stored gaps do not fit the series")
        return cls(tuple(group), tuple(empty), None if lengths is None else tuple(lengths))


def ends_of(missing: Array) -> Array:
    """Steps up to the last value of any channel. (n, C, L) -> (n,)."""
    some: Array = np.logical_not(missing.all(axis=1))
    ends: Array = (some * np.arange(1, some.shape[1] + 1)).max(1, initial=0)
    return ends


def _bridged(u: Array) -> None:
    """Draw lines across the gaps of encoded series, in place; a channel without a value is 0. (n, C, L)."""
    for row, channel in np.argwhere(np.isnan(u).any(2)):
        line, steps = u[row, channel], np.arange(u.shape[2])
        there = ~np.isnan(line)
        u[row, channel] = np.interp(steps, steps[there], line[there]) if there.any() else 0.0


# --------------------------------------------------------------------------------------
# The two-way codec of series and volumes.


_VERSION = 2  # 2 has gaps and levels
_SHORTEST = {2: 4, 4: 8}  # steps of a series, sides of a volume
_LONGEST_SIDE = 256  # of a volume; a series may have any length


class SeriesCodec(PickledByState):
    """Turns series (n, channels, length) and volumes (n, C, D, H, W) into about unit scale, and back.

    Each channel has its own centre and scale, so that amplitudes come back. A channel of at most 32 different values,
    each in two series at least, keeps to these: a switch stays on or off, and a float channel of whole numbers whole.
    NaN in series is a gap, or, at the end of all channels, what a shorter series lacks; both are learnt and come back.

    Attributes
    ----------
    shape : tuple of int
        (channels, length) or (C, D, H, W), as networks see them: with a channel for gaps, see `Gaps`.
    width : int
        Its product.
    given_shape : tuple of int
        (channels, length) or (C, D, H, W) of the series themselves.
    n_features_ : int
        The product of that.
    feature_names_ : None
        Steps of a series have no names.
    bounded : bool
        False: networks see values around 0 without fixed bounds, so a generator ends in a linear layer.

    Notes
    -----
    Scaling and its margin are those of `ganaug.encoding.series_codec.Signals`.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug.encoding.series_codec import SeriesCodec
    >>> X = 100 + 5 * np.sin(np.arange(40) / 3 + np.arange(6)[:, None, None])  # (6, 1, 40)
    >>> codec = SeriesCodec().fit(X)
    >>> Z = codec.encode(X)
    >>> Z.shape, Z.dtype, bool(np.abs(Z).max() < 4)
    ((6, 1, 40), dtype('float32'), True)
    >>> np.allclose(codec.decode(Z), X)
    True
    """

    bounded = False
    feature_names_ = None

    def fit(self, X: object, codes: npt.ArrayLike | None = None, seed: int = 0) -> SeriesCodec:
        """Learn the scale of each channel, the dtype and the container.

        Parameters
        ----------
        X : ndarray, tensor, list of arrays or DataFrame
            Of shape (n, channels, length) with a length of at least 4; or (n, C, D, H, W) with sides of 8 to 256;
            or (n, length), which is one channel. A DataFrame has a row for each series and a column for each step;
            with columns of two levels, the first names the channel. Booleans, integers or floats, NaN in gaps and
            after the end of series. Never changed.
        codes
            Not used; other codecs have it.
        seed : int, default=0
            For the sample of a large X from which quantiles are taken.

        Returns
        -------
        SeriesCodec
            Itself.

        Raises
        ------
        InvalidDataError
            If there is no series, one is too short or without any value, a value is infinite, or NaN in a volume; it
            names series and channel.
        InvalidTypeError
            If X holds no series, or a dtype that is no number.

        Warns
        -----
        DataWarning
            If there are far more channels than steps, as in data laid out (n, length, channels).
        """
        self._learn(X, seed)
        return self

    def fit_encode(self, X: object, codes: npt.ArrayLike | None = None, seed: int = 0) -> FloatArray:
        """Learn series and encode them, reading them once; equal to ``fit`` and ``encode``. See both."""
        return self._encoded(self._learn(X, seed))

    def _learn(self, X: object, seed: int) -> Array:
        """The series as (n, C, *spatial)."""
        frame, array, form = _opened(X)
        signals = _as_signals(array)
        missing = _checked(signals)
        shape = tuple(map(int, signals.shape[1:]))
        if missing is not None:
            for channel in np.flatnonzero(missing.all((0, 2))):
                raise InvalidDataError(f"channel {channel} of X holds no value, just NaN; drop it")
        if len(shape) == 2 and shape[0] > 4 * shape[1]:
            warn(
                f"X of shape {array.shape} is read as {shape[0]} channels of {shape[1]} steps; if it is laid out "
                "(n, length, channels), give X.transpose(0, 2, 1)",
                DataWarning,
            )
        levels = [_levels(signals[:, channel].reshape(len(signals), -1)) for channel in range(shape[0])]
        gaps = None if missing is None else Gaps.of(signals)
        self._set(frame, form, array.ndim == 2, shape, Signals.fit(signals, seed), levels, gaps)
        return signals

    def _set(
        self,
        frame: WideFrame | None,
        form: SampleFormat,
        flat: bool,
        given: tuple[int, ...],
        signals: Signals,
        levels: list[Array | None],
        gaps: Gaps | None,
    ) -> SeriesCodec:
        self._frame, self._format, self._flat, self._signals = frame, form, flat, signals
        self.given_shape, self.levels_, self.gaps_ = given, levels, gaps
        self.shape = (given[0] + (0 if gaps is None else gaps.count), *given[1:])
        self.width, self.n_features_ = prod(self.shape), prod(given)
        return self

    @property
    def dtype_(self) -> np.dtype[Any]:
        """The dtype of the series, as numpy has it."""
        return np.dtype(self._format.numpy)

    @property
    def scale_(self) -> Signals:
        """The scales of the channels."""
        return self._signals

    def encoded_levels(self) -> dict[int, tuple[Array, Array]]:
        """Of a network's channels of few values: the values, and thresholds between them. Not of lengths."""
        found = {}
        for channel, levels in enumerate(self.levels_):
            if levels is not None and len(levels):
                both = np.concatenate([levels, (levels[1:] + levels[:-1]) / 2])
                column = np.repeat(both[:, None, None], self.given_shape[0], axis=1)
                encoded = self._signals.encode(column)[:, channel, 0]
                found[channel] = encoded[: len(levels)], encoded[len(levels) :]
        for group in range(0 if self.gaps_ is None else len(self.gaps_.empty)):
            found[self.given_shape[0] + group] = np.array([-1.0, 1.0]), np.zeros(1)
        return found

    @property
    def is_flat(self) -> bool:
        """Whether series came as (n, length), without an axis for their one channel."""
        return self._flat

    def encode(self, X: object, owner: str = "SeriesCodec") -> FloatArray:
        """Encode series.

        Parameters
        ----------
        X : series
            Of the shape seen in `fit`, in any container; a DataFrame has the columns seen there.
        owner : str, default="SeriesCodec"
            The estimator that error messages speak of.

        Returns
        -------
        ndarray of shape (n, *shape), dtype float32
            C-contiguous and never a view of X.

        Raises
        ------
        InvalidDataError
            If the shape or columns differ from those in fit, or a value is NaN or infinite.
        """
        frame, array, _ = _opened(X)
        if frame is not None and self._frame is not None:
            self._frame.check(frame, owner)
        given = array[:, None] if array.ndim == 2 else array
        if given.shape[1:] != self.given_shape:
            hint = ""
            if given.ndim == 3 and given.shape[1:] == self.given_shape[::-1]:
                hint = "; it seems to be laid out (n, length, channels), give X.transpose(0, 2, 1)"
            raise InvalidDataError(
                f"X has shape {array.shape}, but {owner} was fitted on series of shape "
                f"(n, {_text(self.given_shape)}){hint}"
            )
        missing = _checked(given)
        if missing is not None:
            odd = next(iter(np.argwhere(missing)), None) if self.gaps_ is None else self.gaps_.fault(missing)
            if odd is not None:
                raise InvalidDataError(
                    f"{_not_finite(tuple(map(int, odd)), 'NaN')}: {owner} was fitted on series without gaps there; "
                    "fill the gap (for example by interpolation), or fit anew with such series"
                )
        return self._encoded(given)

    def _encoded(self, signals: Array) -> FloatArray:
        """(n, C, *spatial), checked -> the same, encoded."""
        out = np.empty((len(signals), *self.shape), np.float32)
        for at in range(0, len(signals), CHUNK):
            part = signals[at : at + CHUNK]
            u = self._signals.encode(part)
            if self.gaps_ is not None:
                _bridged(u)
                out[at : at + CHUNK, self.given_shape[0] :] = self.gaps_.masks(np.isnan(part))
            out[at : at + CHUNK, : self.given_shape[0]] = u
        return out

    def to_network(self, samples: Tensor) -> Tensor:
        """A batch of encoded series (B, *shape) as a network sees it: a float32 tensor of about unit scale."""
        return samples.float()

    def from_network(self, samples: object) -> FloatArray:
        """What a network made, (n, *shape), as `decode` takes it; refuses what is not finite."""
        return self._shaped(samples).astype(np.float32)

    def decode(self, samples: object) -> Any:
        """Series from what `encode` or `from_network` give.

        Parameters
        ----------
        samples : ndarray or tensor of shape (n, *shape) or (n, width), floats
            Of any number of series.

        Returns
        -------
        ndarray, tensor or DataFrame
            In the container, shape and dtype given to fit, integers rounded, within the range seen there and its
            margin. A tensor is on the CPU, a DataFrame has a RangeIndex.

        Raises
        ------
        InvalidDataError
            If the shape is wrong or a number is not finite.
        """
        array = self._shaped(samples)
        out = np.empty((len(array), *self.given_shape), self._format.numpy)
        for at in range(0, len(array), CHUNK):
            values = self._signals.decode(array[at : at + CHUNK, : self.given_shape[0]])
            for channel, levels in enumerate(self.levels_):
                if levels is not None:
                    values[:, channel] = snapped(values[:, channel], levels)
            out[at : at + CHUNK] = self._format.cast(values)
            if self.gaps_ is not None:
                out[at : at + CHUNK][self.gaps_.missing(array[at : at + CHUNK, self.given_shape[0] :])] = np.nan
        if self._frame is not None:
            return self._frame.close(out)
        return self._format.close(out[:, 0] if self._flat else out)

    def _shaped(self, samples: object) -> Array:
        array = to_array(samples)
        if array.ndim == 2 and array.shape[1] == self.width:
            array = array.reshape(-1, *self.shape)
        if array.shape[1:] != self.shape or array.dtype.kind not in "biuf":
            raise InvalidDataError(
                f"cannot decode {array.dtype} of shape {array.shape}; give numbers of shape (n, {_text(self.shape)})"
            )
        refuse_not_finite(array, diverged_message)
        return array

    def get_state(self) -> State:
        """Everything learnt, for `from_state`: a config that JSON can hold, and arrays. No training series."""
        columns, arrays = (None, {}) if self._frame is None else self._frame.get_state()
        config = {
            "version": _VERSION,
            "shape": list(self.given_shape),
            "gaps": None if self.gaps_ is None else self.gaps_.get_state(),
            "flat": self._flat,
            "columns": columns,
            **self._format.get_state(),
        }
        own = {f"levels.{i}": levels for i, levels in enumerate(self.levels_) if levels is not None}
        return config, {**{f"columns.{k}": v for k, v in arrays.items()}, **own, **self._signals.get_state()}

    @classmethod
    def from_state(cls, config: Config, arrays: Arrays) -> SeriesCodec:
        """The codec that `get_state` took apart.

        Raises
        ------
        ModelFileError
            If the state is of a newer version, incomplete, or does not fit together.
        """
        try:
            if config["version"] > _VERSION:
                raise ModelFileError("this series codec was written by a newer version of ganaug; upgrade ganaug")
            shape, flat, columns = config["shape"], config["flat"], config["columns"]
            whole = isinstance(shape, list) and all(type(size) is int for size in shape)
            if not whole or _fault(tuple(shape)) is not None:
                raise ModelFileError(f"stored shape {shape!r} is none of series")
            if type(flat) is not bool or (flat and not (len(shape) == 2 and shape[0] == 1)):
                raise ModelFileError(f"stored flat={flat!r} does not fit shape {shape}")
            form, frame = SampleFormat.from_state(config), None
            if columns is not None:
                own = {k.removeprefix("columns."): v for k, v in arrays.items() if k.startswith("columns.")}
                frame = WideFrame.from_state(columns, own, tuple(shape))
                if form.tensor or flat != frame.flat:
                    raise ModelFileError("the stored columns belong to no DataFrame of this shape")
            gaps = config.get("gaps")  # files of version 1 have none
            gaps = None if gaps is None or len(shape) != 2 else Gaps.from_state(gaps, *shape)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(f"the stored series codec cannot be read: {error}") from error
        levels = [_stored_levels(arrays, f"levels.{channel}") for channel in range(shape[0])]
        return cls()._set(frame, form, flat, tuple(shape), Signals.from_state(arrays, shape[0]), levels, gaps)


def _stored_levels(arrays: Arrays, name: str) -> Array | None:
    """Levels of a model file, None where the channel has none."""
    if name not in arrays:
        return None
    levels = stored_array(arrays, name, (np.size(arrays[name]),))
    if len(levels) == 1 or len(levels) > MOST_LEVELS or (np.diff(levels) <= 0).any():
        raise ModelFileError(f"the stored {name!r} are no levels of a channel")
    return levels


def _opened(X: object) -> tuple[WideFrame | None, Array, SampleFormat]:
    if isinstance(X, pd.DataFrame):
        frame = WideFrame.of(X)
        array, form = open_samples(frame.open(X), "series")
        return frame, array, form
    return None, *open_samples(X, "series")


def _as_signals(array: Array) -> Array:
    """The array as (n, C, *spatial), or an error that says what is wrong with its shape."""
    if array.ndim == 4:
        raise InvalidDataError(
            f"X has shape {array.shape}; 4-D data are images (ImageGAN). Series are (n, channels, length), "
            "volumes (n, C, D, H, W)"
        )
    if array.ndim not in (2, 3, 5):
        raise InvalidDataError(f"X has shape {array.shape}; give (n, channels, length) or (n, C, D, H, W)")
    signals = array[:, None] if array.ndim == 2 else array
    fault = _fault(signals.shape[1:])
    if len(signals) == 0 or fault is not None:
        raise InvalidDataError(f"X has shape {array.shape}: {fault or 'it holds no series; give at least one'}")
    return signals


def _fault(shape: tuple[int, ...]) -> str | None:
    """What is wrong with (C, *spatial), or None."""
    if len(shape) not in (2, 4):
        return "one series is (channels, length), one volume (C, D, H, W)"
    if shape[0] < 1:
        return "there is no channel; give at least one"
    shortest = _SHORTEST[len(shape)]
    if min(shape[1:]) < shortest:
        swapped = "; if it is (n, length, channels), give X.transpose(0, 2, 1), or swap the levels of the columns"
        hint = swapped if len(shape) == 2 else ""
        return f"a length of {min(shape[1:])} is too short, at least {shortest} is needed{hint}"
    if len(shape) == 4 and max(shape[1:]) > _LONGEST_SIDE:
        return f"a side of {max(shape[1:])} is too long for a volume, at most {_LONGEST_SIDE} is possible"
    return None


def _checked(signals: Array) -> Array | None:
    """Where a value is missing, None if nowhere; refuses infinity, and NaN in volumes. (n, C, *spatial)."""
    missing = np.isnan(signals) if signals.dtype.kind == "f" and signals.ndim == 3 else np.zeros(1, bool)
    some = bool(missing.any())
    refuse_not_finite(np.where(missing, 0, signals) if some else signals, _not_finite_or_gap)
    for series in np.flatnonzero(missing.all((1, 2))) if some else ():
        raise InvalidDataError(f"series {series} of X holds no value, just NaN; drop it")
    return missing if some else None


def _text(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))


def _not_finite(index: tuple[int, ...], what: str) -> str:
    where = f"step {index[2]}" if len(index) == 3 else f"voxel {index[2:]}"
    return f"Input X contains {what}: series {index[0]}, channel {index[1]}, {where}"


def _not_finite_or_gap(index: tuple[int, ...], what: str) -> str:
    hint = "leave NaN where there is no value" if len(index) == 3 else "fill gaps (for example by interpolation)"
    hint = "rescale X" if what.startswith("the value") else hint
    return f"{_not_finite(index, what)}; {hint} or drop the series"
