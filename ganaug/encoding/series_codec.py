"""Series and volumes: their noise and their codec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ganaug.encoding.containers import WideFrame, listed, of_unequal_length
from ganaug.encoding.numeric import MOST_LEVELS, Signals, levels_of, snapped
from ganaug.encoding.pil_images import is_pil_image
from ganaug.encoding.sample_arrays import (
    CHUNK,
    SampleFormat,
    diverged_message,
    open_samples,
    refuse_not_finite,
    stack_samples,
    stored_array,
    to_array,
)
from ganaug.encoding.serialization import PickledByState
from ganaug.exceptions import DataWarning, InvalidDataError, InvalidTypeError, ModelFileError
from ganaug.utils.determinism import warn
from ganaug.utils.types import Array, Arrays, Config, DType, FloatArray, State

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Gaps", "SeriesCodec", "SeriesList", "ends_of", "of_equal_length"]

# --------------------------------------------------------------------------------------
# Gaps and unequal lengths.


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
# Lists of series of unequal length.


@dataclass(frozen=True)
class SeriesList:
    """Series of unequal length as a list of arrays or tensors, (steps,) or (channels, steps) each.

    To everything behind it they are one array that is padded with NaN.

    Attributes
    ----------
    array : ndarray of shape (n, length) or (n, channels, length)
        Floats: those of the series, float64 for integers (float32 where they have 8 or 16 bits, and for booleans).
    form : SampleFormat
        Container and dtype of each series.
    """

    array: Array
    form: SampleFormat

    @classmethod
    def of(cls, items: Sequence[Any], length: int = 0, name: str = "X") -> SeriesList:
        """Pad series to the longest of them, or to a length where that is more.

        Raises
        ------
        InvalidDataError, InvalidTypeError
            If one has no steps, another dtype or other channels than the first, or is no array of numbers; it names
            the series.
        """
        opened = [_one_series(item, f"series {i} of {name}") for i, item in enumerate(items)]
        first, form = opened[0]
        for i, (own, own_form) in enumerate(opened):
            if own.shape[:-1] != first.shape[:-1]:
                raise InvalidDataError(_other_channels(name, i, own.shape, [one.shape for one, _ in opened]))
            if own_form != form:
                raise InvalidDataError(
                    f"series {i} of {name} is {_worded(own_form)}, and series 0 {_worded(form)}; make all of one kind"
                )
        longest = max(length, *(own.shape[-1] for own, _ in opened), 0)
        out = np.full((len(opened), *first.shape[:-1], longest), np.nan, _padded_dtype(form))
        for i, (own, _) in enumerate(opened):
            out[i, ..., : own.shape[-1]] = own
        return cls(out, form)

    @staticmethod
    def close(array: Array, form: SampleFormat) -> list[Any]:
        """The series of a padded array, each up to its last value."""
        ends = ends_of(np.isnan(array[:, None] if array.ndim == 2 else array))
        return [form.close(own[..., :end].astype(form.numpy)) for own, end in zip(array, ends, strict=True)]


def _one_series(item: Any, name: str) -> tuple[Array, SampleFormat]:
    if isinstance(item, pd.DataFrame):
        raise InvalidTypeError(
            f"{name} is a DataFrame; give arrays (channels, steps), [x.to_numpy().T for x in X] if its rows are steps"
        )
    try:
        array, form = open_samples(np.asarray(item) if isinstance(item, (list, tuple)) else item, "series")
    except InvalidTypeError as error:
        raise InvalidTypeError(f"{name}: {error}") from error
    except (InvalidDataError, ValueError) as error:
        what = error if isinstance(error, InvalidDataError) else "its channels differ in length"
        raise InvalidDataError(f"{name}: {what}") from error
    if array.ndim not in (1, 2):
        raise InvalidDataError(f"{name} has shape {array.shape}; series in a list are (steps,) or (channels, steps)")
    if not array.size:
        raise InvalidDataError(f"{name} has shape {array.shape}, so it is empty; drop it")
    return array, form


def _padded_dtype(form: SampleFormat) -> DType:
    return form.numpy if form.family == "float" else np.result_type(form.numpy, np.float32)


def _worded(form: SampleFormat) -> str:
    return f"{'a tensor' if form.tensor else 'an array'} of {form.name}"


def _other_channels(name: str, i: int, shape: tuple[int, ...], shapes: Sequence[tuple[int, ...]]) -> str:
    told = f"series {i} of {name} has shape {shape}, and series 0 {shapes[0]}"
    if len(shape) != len(shapes[0]):
        return f"{told}; give all of them as (steps,), or all as (channels, steps)"
    if len({own[-1] for own in shapes if len(own) == 2}) == 1:
        return f"{told}; all have {shape[-1]} columns: if they are (steps, channels), give [x.T for x in {name}]"
    return f"{told}; all must have the same channels (channels, steps), NaN where one was not recorded"


def _stacked(X: Any, name: str) -> Any:
    """A list of images, or of arrays with two axes and more of one shape, as one array."""
    items = listed(X)
    if items is None or of_unequal_length(items) is not None:
        return X
    if is_pil_image(items[0]) or len(getattr(items[0], "shape", ())) > 1:
        return stack_samples(items, len(items), "images", lambda i: f"item {i} of {name}")
    return X


def of_equal_length(samples: Mapping[str, Any]) -> dict[str, Any]:
    """Samples by their names in messages; where some are lists of series of unequal length, all are (n, C, length).

    Shorter ones are padded with NaN. Lists of images, and of series of one length, become arrays; all else stays.
    """
    samples = {name: _stacked(X, name) for name, X in samples.items()}
    if all(of_unequal_length(X) is None for X in samples.values()):
        return dict(samples)
    found = {}
    for name, X in samples.items():
        items = listed(X)
        array = X if items is None else SeriesList.of(items, name=name).array
        found[name] = array[:, None] if getattr(array, "ndim", 0) == 2 and not isinstance(X, pd.DataFrame) else array
    longest = max(X.shape[-1] for X in found.values() if getattr(X, "ndim", 0) == 3)
    for name, X in found.items():
        if isinstance(X, np.ndarray) and X.dtype.kind == "f" and X.ndim == 3:
            found[name] = np.pad(X, ((0, 0), (0, 0), (0, longest - X.shape[-1])), constant_values=np.nan)
    return found


# --------------------------------------------------------------------------------------
# The two-way codec of series and volumes.


_VERSION = 3  # 2 has gaps and levels, 3 lists of series of unequal length
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
    Scaling and its margin are those of `ganaug.encoding.numeric.Signals`.

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

    bounded, things = False, "series"  # the second in messages
    feature_names_ = None

    def fit(self, X: object, codes: npt.ArrayLike | None = None, seed: int = 0) -> SeriesCodec:
        """Learn the scale of each channel, the dtype and the container.

        Parameters
        ----------
        X : ndarray, tensor, list of arrays or DataFrame
            Of shape (n, channels, length) with a length of at least 4; or (n, C, D, H, W) with sides of 8 to 256;
            or (n, length), which is one channel. A list may hold series of unequal length, (channels, steps) or
            (steps,) each. A DataFrame has a row for each series and a column for each step; with columns of two
            levels, the first names the channel. Booleans, integers or floats, NaN in gaps and
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
        frame, array, form, as_list = _opened(X)
        signals = _as_signals(array)
        missing = _checked(signals)
        shape = tuple(map(int, signals.shape[1:]))
        if missing is not None:
            for channel in np.flatnonzero(missing.all((0, 2))):
                raise InvalidDataError(f"channel {channel} of X holds no value, just NaN; drop it")
        if len(shape) == 2 and shape[0] > 4 * shape[1]:
            warn(
                f"X of shape {array.shape} is read as {shape[0]} channels of {shape[1]} steps; if it is laid out "
                "(n, length, channels), give X.transpose(0, 2, 1), or of a list [x.T for x in X]",
                DataWarning,
            )
        levels = [levels_of(signals[:, channel].reshape(len(signals), -1)) for channel in range(shape[0])]
        gaps = None if missing is None else Gaps.of(signals)
        self._set(frame, form, array.ndim == 2, shape, Signals.fit(signals, seed), levels, gaps, as_list)
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
        as_list: bool,
    ) -> SeriesCodec:
        self._as_list = as_list
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
        frame, array = self._opened_alike(X, owner)
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
                    "fill the gap (for example by interpolation), or fit again with such series"
                )
        return self._encoded(given)

    def _opened_alike(self, X: object, owner: str) -> tuple[WideFrame | None, Array]:
        """The series as an array: those of a list padded to the longest of the fit, if these were of unequal length."""
        items, length = listed(X), self.given_shape[-1]
        unequal = self.gaps_ is not None and self.gaps_.lengths is not None
        if items is not None and (unequal or of_unequal_length(items) is not None):
            array = SeriesList.of(items, length).array
            steps = sorted(ends_of(np.isnan(array[:, None] if array.ndim == 2 else array)))
            if steps[-1] > length or not (unequal or steps[0] == length):
                most = f"at most {length}" if unequal else f"{length} each"
                found = f"{steps[0]} to {steps[-1]}" if steps[0] < steps[-1] else f"{steps[0]}"
                raise InvalidDataError(
                    f"the series of X have {found} steps, but {owner} was fitted on series of "
                    f"{most}; cut them (x[..., :length]), or fit again with such series"
                )
            return None, array[..., :length]
        frame, array, _, _ = _opened(X)
        return frame, array

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
        ndarray, tensor, DataFrame or list
            In the container, shape and dtype given to fit, integers rounded, within the range seen there and its
            margin; a list, if series of unequal length were given as one. A tensor is on the CPU, a DataFrame has a
            RangeIndex.

        Raises
        ------
        InvalidDataError
            If the shape is wrong or a number is not finite.
        """
        array = self._shaped(samples)
        out = np.empty((len(array), *self.given_shape), _padded_dtype(self._format) if self._as_list else self.dtype_)
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
        if self._as_list:
            return SeriesList.close(out[:, 0] if self._flat else out, self._format)
        return self._format.close(out[:, 0] if self._flat else out)

    def as_array(self, samples: object) -> Any:
        """Decoded series as one array: a list of them is padded with NaN to the longest given to fit."""
        return SeriesList.of(samples, self.given_shape[-1]).array if isinstance(samples, list) else samples

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
            "version": _VERSION if self._as_list else 2,  # which earlier versions of ganaug read
            **({"list": True} if self._as_list else {}),
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
            as_list = config.get("list", False)
            if type(as_list) is not bool or (as_list and (gaps is None or gaps.lengths is None or frame is not None)):
                raise ModelFileError(f"stored list={as_list!r} does not fit the series")
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(f"the stored series codec cannot be read: {error}") from error
        levels = [_stored_levels(arrays, f"levels.{channel}") for channel in range(shape[0])]
        return cls()._set(frame, form, flat, tuple(shape), Signals.from_state(arrays, shape[0]), levels, gaps, as_list)


def _stored_levels(arrays: Arrays, name: str) -> Array | None:
    """Levels of a model file, None where the channel has none."""
    if name not in arrays:
        return None
    levels = stored_array(arrays, name, (np.size(arrays[name]),))
    if len(levels) == 1 or len(levels) > MOST_LEVELS or (np.diff(levels) <= 0).any():
        raise ModelFileError(f"the stored {name!r} are no levels of a channel")
    return levels


def _opened(X: object) -> tuple[WideFrame | None, Array, SampleFormat, bool]:
    """Columns of a DataFrame, the array, what it was, and whether it was a list of series of unequal length."""
    if isinstance(X, pd.DataFrame):
        frame = WideFrame.of(X)
        return frame, *open_samples(frame.open(X), "series"), False
    items = of_unequal_length(X)
    if items is not None:
        found = SeriesList.of(items)
        return None, found.array, found.form, True
    return None, *open_samples(X, "series"), False


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
        swapped = "; if it is (n, length, channels), give X.transpose(0, 2, 1), of a list [x.T for x in X], "
        swapped += "or swap the levels of the columns"
        hint = swapped if len(shape) == 2 else "; volumes and videos are (n, C, D, H, W), channels first"
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
