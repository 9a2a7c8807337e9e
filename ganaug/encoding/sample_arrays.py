"""Samples that are arrays: axes, stacks of images or series, and images that stay in a file."""

from __future__ import annotations

import mmap
import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import Any, BinaryIO, cast

import numpy as np

from ganaug.encoding.containers import is_tensor, listed
from ganaug.encoding.dtype_state import dtype_from
from ganaug.encoding.pil_images import FewValues, is_pil_image, pil_to_array
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError, ModelFileError
from ganaug.utils.files import path_error
from ganaug.utils.types import Array, Arrays, Config, DType

__all__ = [
    "CHUNK",
    "FAMILIES",
    "LAYOUTS",
    "SIDES",
    "STORED_FROM",
    "SampleFormat",
    "StoredSamples",
    "diverged_message",
    "find_layout",
    "from_nchw",
    "looks_like_image",
    "open_samples",
    "refuse_not_finite",
    "stack_samples",
    "stored_array",
    "to_array",
    "to_nchw",
]

# --------------------------------------------------------------------------------------
# Layouts: which axis of images holds the channels.


SIDES = (8, 256)  # pixels that a side may have

_Move = Callable[[Array], Array]
# layout -> (dimensions, to NCHW, back)
LAYOUTS: dict[str, tuple[int, _Move, _Move]] = {
    "NHW": (3, lambda x: x[:, None], lambda x: x[:, 0]),
    "NHWC": (4, lambda x: x.transpose(0, 3, 1, 2), lambda x: x.transpose(0, 2, 3, 1)),
    "NCHW": (4, lambda x: x, lambda x: x),
}


def to_nchw(array: Array, layout: str) -> Array:
    """A view (n, C, H, W) of an array of that layout."""
    return LAYOUTS[layout][1](array)


def from_nchw(array: Array, layout: str) -> Array:
    """A view of that layout of (n, C, H, W)."""
    return LAYOUTS[layout][2](array)


def find_layout(shape: tuple[int, ...], asked: str, sides_allowed: tuple[int, int] = SIDES) -> str:
    """The layout of images of that shape.

    Parameters
    ----------
    shape : tuple of int
        Of the whole array.
    asked : {"auto", "NHW", "NHWC", "NCHW"}
        "auto" takes for the channels the last or the second axis, whichever leaves sides of at least 8 pixels; if
        both do, the one with at most half as many entries as the sides it leaves.
    sides_allowed : pair of int, default=(8, 256)
        The fewest and the most pixels of a side.

    Raises
    ------
    InvalidParameterError
        If ``asked`` is no layout.
    InvalidDataError
        If the shape has no such layout, could have two, or a side is too short or too long.
    """
    if asked != "auto" and asked not in LAYOUTS:
        raise InvalidParameterError(f'layout={asked!r} is unknown; give "auto", "NHW", "NHWC" or "NCHW"')
    _check_dimensions(shape)
    layout = _guess(shape) if asked == "auto" else asked
    if LAYOUTS[layout][0] != len(shape):
        raise InvalidDataError(f'layout="{layout}" needs {LAYOUTS[layout][0]} dimensions, but X has shape {shape}')
    sides = shape[2:] if layout == "NCHW" else shape[1:3]
    fewest, most = sides_allowed
    if not all(fewest <= side <= most for side in sides):
        raise InvalidDataError(
            f"X of shape {shape} holds images of {sides[0]} x {sides[1]} pixels (layout {layout}); each side must "
            f"have {fewest} to {most}. Resize or pad the images, or set layout= if the axes were misread"
        )
    if 0 in shape:
        raise InvalidDataError(f"X of shape {shape} holds no pixels; give at least one image with one channel")
    return layout


def looks_like_image(height: int, width: int, most: int = 2) -> bool:
    """Whether a sample of two axes is more likely a grey image (H, W) than a series (channels, length).

    Neither side is shorter than 8, and neither more than ``most`` times as long as the other: a series is
    nearly always far longer than it has channels.

    Examples
    --------
    >>> from ganaug.encoding.sample_arrays import looks_like_image
    >>> looks_like_image(28, 28), looks_like_image(12, 1000), looks_like_image(3, 8)
    (True, False, False)
    """
    short, long = sorted((height, width))
    return short >= SIDES[0] and long <= most * short


def _check_dimensions(shape: tuple[int, ...]) -> None:
    if len(shape) == 2:
        raise InvalidDataError(f"X of shape {shape} is a matrix; reshape flat images to (n, H, W) or (n, H, W, C)")
    if len(shape) == 5:
        raise InvalidDataError(f"X of shape {shape} holds volumes; SeriesGAN takes (n, C, D, H, W)")
    if len(shape) not in (3, 4):
        raise InvalidDataError(f"X has shape {shape}; images are (n, H, W), (n, H, W, C) or (n, C, H, W)")


def _guess(shape: tuple[int, ...]) -> str:
    if len(shape) == 3:
        return "NHW"
    readings = _readings(shape)
    possible = [reading for reading in readings if min(reading[2]) >= SIDES[0]]
    if not possible:  # too small either way: the message of the sides says so of the likelier one
        return min(readings, key=lambda reading: reading[1])[0]
    if len(possible) > 1:
        possible = [reading for reading in readings if 2 * reading[1] <= min(reading[2])]
    if len(possible) != 1:
        raise InvalidDataError(
            f'X of shape {shape} may be (n, H, W, C) or (n, C, H, W); say which with layout="NHWC" or layout="NCHW"'
        )
    return possible[0][0]


def _readings(shape: tuple[int, ...]) -> list[tuple[str, int, tuple[int, ...]]]:
    return [("NHWC", shape[3], shape[1:3]), ("NCHW", shape[1], shape[2:])]


# --------------------------------------------------------------------------------------
# Arrays, tensors and lists of samples: dtype and container, to give samples back in the same form.


FAMILIES = {"b": "boolean", "i": "integer", "u": "integer", "f": "float"}

CHUNK = 256  # samples that are cast to float64 at a time, so that memory stays near that of the data

_HUGE = 1e300  # differences of larger numbers are infinite

_LARGEST = 2**53  # integers up to here are floats without loss


@dataclass(frozen=True)
class SampleFormat:
    """Container and dtype of stacked samples.

    Attributes
    ----------
    tensor : bool
        A torch tensor, else an ndarray.
    dtype : str
        A numpy dtype as ``dtype.str``, or "bfloat16", which numpy lacks.
    """

    tensor: bool
    dtype: str

    @property
    def numpy(self) -> DType:
        """The dtype that decoded values are cast to (bfloat16: float32)."""
        return np.dtype(np.float32 if self.dtype == "bfloat16" else self.dtype)

    @property
    def family(self) -> str:
        """Boolean, integer or float."""
        return FAMILIES[self.numpy.kind]

    @property
    def name(self) -> str:
        """As messages say it."""
        return self.dtype if self.dtype == "bfloat16" else self.numpy.name

    def cast(self, values: Array) -> Array:
        """Floats as `numpy`: integers rounded, nothing wrapped around or made infinite."""
        dtype = self.numpy
        if dtype.kind == "f":
            info: Any = np.finfo(dtype)
            return values.clip(float(info.min), float(info.max)).astype(dtype)
        if dtype.kind == "b":
            return values >= 0.5
        bounds = np.iinfo(dtype)
        return np.rint(values).clip(max(bounds.min, -_LARGEST), min(bounds.max, _LARGEST)).astype(dtype)

    def close(self, array: Array) -> object:
        """The array in the container."""
        if not self.tensor:
            return array
        import torch

        tensor = torch.from_numpy(array)
        return tensor.to(torch.bfloat16) if self.dtype == "bfloat16" else tensor

    def get_state(self) -> dict[str, Any]:
        """Config."""
        return {"tensor": self.tensor, "dtype": self.dtype}

    @classmethod
    def from_state(cls, config: Config) -> SampleFormat:
        """The format that `get_state` took apart; raises ModelFileError if it is invalid."""
        tensor, dtype = config["tensor"], config["dtype"]
        known = isinstance(dtype, str) and (dtype == "bfloat16" or dtype_from(dtype).kind in FAMILIES)
        if type(tensor) is not bool or not known or (dtype == "bfloat16" and not tensor):
            raise ModelFileError(f"stored dtype {dtype!r} (tensor={tensor!r}) is none of samples")
        return cls(tensor, dtype)


# Samples of bytes that take more memory than this together stay in a file.
STORED_FROM = 2**29


@contextmanager
def _room_is_said() -> Iterator[None]:
    """What a temporary file is refused, as an error that names the folder."""
    try:
        yield
    except OSError as error:
        what = f"the images cannot be kept in the temporary folder {tempfile.tempdir or 'of the system'}"
        raise path_error(error, what) from error


class _Opened:
    """A file that is closed when nobody reads it any more."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.lock = file, threading.Lock()

    def __del__(self) -> None:
        self.file.close()


class StoredSamples:
    """Samples that lie in a file as bytes, of which rows are read when they are asked for.

    The file is not mapped into memory: pages of a map that were read count as memory of the process. It has no name,
    so that nothing is left of it when the process ends, however it does. A pickle holds the samples as an array.

    Parameters
    ----------
    file : binary file
        Sample after sample, each in C order; read without its buffer, by position.
    shape : tuple of int
        (n, ...) as they lie there.
    offset : int
        Bytes before the first sample.
    tensor : bool
        Whether they were tensors.
    layout : str or None
        That of images which are handed out as (n, C, H, W); None hands them out as they lie there.
    values : ndarray of shape (256,) or (C, 256), optional
        What the bytes stand for, also of each channel; None hands out the bytes.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug.encoding.sample_arrays import StoredSamples
    >>> samples = StoredSamples.of(np.arange(12, dtype=np.uint8).reshape(3, 2, 2))
    >>> len(samples), samples[np.array([2, 0])].tolist()
    (3, [[[8, 9], [10, 11]], [[0, 1], [2, 3]]])
    """

    def __init__(
        self,
        file: BinaryIO,
        shape: tuple[int, ...],
        offset: int = 0,
        *,
        tensor: bool = False,
        layout: str | None = None,
        values: Array | None = None,
    ) -> None:
        self._opened, self._stored, self._offset = _Opened(file), shape, offset
        self.tensor, self._layout, self.values = tensor, layout, values

    @classmethod
    def of(
        cls, samples: Iterable[Array], shape: tuple[int, ...] | None = None, *, tensor: bool = False
    ) -> StoredSamples:
        """Write samples of bytes, one after the other, to a temporary file.

        Parameters
        ----------
        samples : iterable of ndarray, uint8
            Of the same shape.
        shape : tuple of int, optional
            (n, ...); by default that of ``samples``, an array.
        tensor : bool, default=False

        Raises
        ------
        OSError
            If there is no room for them; it names the folder.
        """
        with _room_is_said():
            file = tempfile.TemporaryFile(prefix="ganaug-images-")  # noqa: SIM115, it is read as long as it is held
        found = cls(file, np.shape(cast(Array, samples)) if shape is None else shape, tensor=tensor)
        for sample in samples:
            with _room_is_said():
                file.write(np.ascontiguousarray(sample).data)
        with _room_is_said():
            file.flush()
        return found

    @classmethod
    def mapped(cls, array: object) -> StoredSamples | None:
        """Of a whole `numpy.memmap` of many bytes, read from its file while that is still the same; else None."""
        if not isinstance(array, np.memmap) or array.dtype != np.uint8 or array.nbytes <= STORED_FROM:
            return None
        whole = isinstance(array.base, mmap.mmap) and array.flags.c_contiguous and array.ndim > 1
        if not whole or array.filename is None or array.mode == "c":  # changes of a copy stand in memory only
            return None
        array.flush()
        try:
            file = open(array.filename, "rb", buffering=0)  # noqa: SIM115, it is read as long as it is held
            found = cls(file, array.shape, array.offset)
            some = np.linspace(0, len(array) - 1, 64).astype(np.int64)  # a file that was replaced has others
            return found if np.array_equal(found[some], array[some]) else None
        except (OSError, InvalidDataError):
            return None

    @classmethod
    def of_floats(
        cls, samples: Iterable[Array], shape: tuple[int, ...], *, tensor: bool = False
    ) -> tuple[StoredSamples, int, Array | None]:
        """The same of floats that have 256 values at most, as pixels of 8 bits have that were divided by 255.

        Returns
        -------
        stored : StoredSamples
            Of the same dtype when they are read.
        n : int
            How many there are.
        misfit : ndarray or None
            The first sample with which there are more values; the rest was not looked at. None if all fit.
        """
        palette, count, misfit = FewValues(), 0, None

        def coded() -> Iterator[Array]:
            nonlocal count, misfit
            for sample in samples:
                codes = palette.codes_of(sample)
                if codes is None:
                    misfit = sample
                    return
                yield codes
                count += 1

        stored = cls.of(coded(), shape, tensor=tensor)
        stored.values = palette.values
        return stored, count, misfit

    @property
    def dtype(self) -> DType:
        """Of the samples as they are handed out."""
        return np.dtype(np.uint8) if self.values is None else self.values.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, ...) as they are handed out."""
        if self._layout is None:
            return self._stored
        return tuple(to_nchw(np.broadcast_to(np.uint8(0), self._stored), self._layout).shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all samples in the file."""
        return prod(self._stored)

    def in_nchw(self, layout: str) -> StoredSamples:
        """The same samples, handed out as (n, C, H, W)."""
        view = self.__copy__()
        view._layout = layout
        return view

    def changed(self, function: Callable[[Array], Array]) -> StoredSamples:
        """The same images (n, C, H, W) with other values: a function of each pixel and its channel.

        ``function`` takes (256, C, 1, 1), and gives back as many.
        """
        assert self.values is not None
        view = self.__copy__()
        each = np.broadcast_to(self.values[:, None, None, None], (len(self.values), self.shape[1], 1, 1))
        view.values = np.ascontiguousarray(function(each)[:, :, 0, 0].T)
        return view

    def __len__(self) -> int:
        return self._stored[0]

    def __getitem__(self, rows: Any) -> Array:
        """Samples of a slice, of places or of a mask, in memory that is their own."""
        if isinstance(rows, slice) and rows.step in (None, 1):
            start, stop, _ = rows.indices(len(self))
            out = np.empty((max(0, stop - start), *self._stored[1:]), np.uint8)
            self._read(out, start)
        else:
            places = np.arange(len(self))[rows]
            if np.ndim(places) == 0:
                return self[int(places) : int(places) + 1][0]
            out = np.empty((len(places), *self._stored[1:]), np.uint8)
            for place, row in enumerate(places.tolist()):
                self._read(out[place], row)
        out = out if self._layout is None else np.ascontiguousarray(to_nchw(out, self._layout))
        if self.values is None:
            return out
        if self.values.ndim == 1:
            return self.values[out]
        return np.stack([own[out[:, c]] for c, own in enumerate(self.values)], axis=1)

    def _read(self, out: Array, row: int) -> None:
        """Fill an array from a sample on."""
        view, at = out.reshape(-1).data, self._offset + row * prod(self._stored[1:])
        while len(view):
            n = self._read_at(view, at)
            if not n:
                raise InvalidDataError("a file of images became shorter while it was read; leave it as it is")
            view, at = view[n:], at + n

    def _read_at(self, view: memoryview, at: int) -> int:
        if hasattr(os, "preadv"):  # forked processes share the place where they read
            return os.preadv(self._opened.file.fileno(), [view], at)
        with self._opened.lock:
            self._opened.file.seek(at)
            return int(self._opened.file.readinto(view))  # type: ignore[attr-defined]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self[:].astype(dtype or self.dtype, copy=False)

    def __copy__(self) -> StoredSamples:
        view = object.__new__(StoredSamples)
        view.__dict__.update(self.__dict__)
        return view

    def __reduce__(self) -> tuple[Any, ...]:
        return np.asarray, (self[:],)


def open_samples(X: object, what: str, *, stored: bool = False) -> tuple[Array, SampleFormat]:
    """An ndarray that shares memory with X where it can, and what X was.

    Parameters
    ----------
    X : ndarray, tensor, or list of arrays, tensors or PIL images of equal size
    what : str
        "images" or "series"; messages say it.
    stored : bool, default=False
        Whether `StoredSamples` are given back as such, and so large memory-mapped arrays, and large arrays of floats
        that have 256 values at most.

    Raises
    ------
    InvalidTypeError
        If X is none of these, or its dtype is neither boolean, integer nor float.
    InvalidDataError
        If list items differ in size or mode.
    """
    items = listed(X)
    if items is not None or isinstance(X, (list, tuple)):
        X = stack_samples(items or [], len(items or []), what)
    kept = X if isinstance(X, StoredSamples) else StoredSamples.mapped(X) if stored else None
    if kept is not None:
        whole: Any = kept if stored else kept[:]
        return whole, SampleFormat(kept.tensor, kept.dtype.str)
    if isinstance(X, np.ma.MaskedArray):
        raise InvalidTypeError("a masked array cannot be given back; use X.filled(...)")
    if is_tensor(X):
        return _as_bytes(*_open_tensor(X, what), stored)
    if not isinstance(X, np.ndarray) and not hasattr(X, "__array__"):
        raise InvalidTypeError(
            f"cannot read {what} from {type(X).__name__!r}; give an ndarray, a torch tensor or a list of arrays"
        )
    array = np.asarray(X)
    _check_kind(array, array.dtype.name, what)
    return _as_bytes(array, SampleFormat(False, array.dtype.str), stored)


def _as_bytes(array: Array, form: SampleFormat, stored: bool) -> tuple[Any, SampleFormat]:
    """Large arrays of floats as bytes in a file, where they have few values."""
    if stored and array.ndim > 1 and _stays(array.dtype, array.shape, form.dtype):
        with suppress(OSError):  # without room for a file they stay in memory
            found, _, misfit = StoredSamples.of_floats(array, array.shape, tensor=form.tensor)
            return (found if misfit is None else array), form
    return array, form


def _stays(dtype: DType, shape: tuple[int, ...], name: str) -> bool:
    """Whether samples of floats are so many that they had better be bytes in a file."""
    return dtype.kind == "f" and name != "bfloat16" and prod(shape) * dtype.itemsize > STORED_FROM


def _open_tensor(X: Any, what: str) -> tuple[Array, SampleFormat]:
    name = str(X.dtype).removeprefix("torch.")
    try:
        plain = X.detach().cpu()
        array = (plain.float() if name == "bfloat16" else plain).numpy()
    except (TypeError, RuntimeError) as error:  # sparse, quantised, 8-bit floats
        raise InvalidTypeError(f"cannot read {what} from a tensor of dtype {name}: {error}") from error
    _check_kind(array, name, what)
    return array, SampleFormat(True, name if name == "bfloat16" else array.dtype.str)


def _check_kind(array: Array, name: str, what: str) -> None:
    if array.dtype.kind not in FAMILIES:
        hint = " (are the items of different shapes?)" if array.dtype == object else ""
        raise InvalidTypeError(f"{what} of dtype {name} cannot be learnt{hint}; give booleans, integers or floats")
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8 and array.size:
        if array.max() > _LARGEST or array.min() < -_LARGEST:
            raise InvalidDataError(f"{what} hold integers beyond 2**53, which floats cannot tell apart; rescale them")


def stack_samples(
    items: Iterable[Any], n: int, what: str, name: Callable[[int], str] | None = None, *, stored: bool = False
) -> Any:
    """Samples one after another, as one array or tensor.

    Parameters
    ----------
    items : iterable of ndarray, tensor or PIL image
        Of the same shape, dtype and mode; read one at a time.
    n : int
        How many there are.
    what : str
        "images" or "series"; messages say it.
    name : callable, default=None
        How messages name item ``i``.
    stored : bool, default=False
        Whether samples that take more than `STORED_FROM` together may stay in a temporary file: bytes, and floats that
        have 256 values at most.

    Returns
    -------
    ndarray, tensor or StoredSamples of shape (n, ...)
        A tensor if the items are tensors. Pictures are (n, H, W) or (n, H, W, channels).

    Raises
    ------
    InvalidDataError
        If there is none, or two differ; it names both and what they are.
    """
    name = name or (lambda i: f"item {i}")
    first: tuple[Any, Array, str] | None = None

    def samples() -> Iterator[Array]:
        """They are looked at one by one; the first says how all must be."""
        nonlocal first
        for i, item in enumerate(items):
            sample, form = _opened(item, what, name(i))
            if first is None:
                first = item, sample, form
            elif form != first[2]:
                shape = first[1].shape
                kind = _likely(what, shape, sample)
                sides = slice(-2, None) if is_tensor(item) else slice(2)
                remedy = _REMEDIES[kind if kind == "series" or shape[sides] != sample.shape[sides] else "modes"]
                raise InvalidDataError(f"{kind} differ: {name(0)} is {first[2]}, {name(i)} is {form}; {remedy}")
            yield sample

    found = samples()
    begin = next(found, None)
    if begin is None or first is None:
        raise InvalidDataError(f"there are no {what}; give at least one")
    shape, as_tensor = (n, *begin.shape), is_tensor(first[0])
    if stored and begin.dtype == np.uint8 and prod(shape) > STORED_FROM:
        return StoredSamples.of(chain([begin], found), shape, tensor=as_tensor)
    rest = chain([begin], found)
    if stored and _stays(begin.dtype, shape, str(getattr(first[0], "dtype", "")).removeprefix("torch.")):
        kept, done, misfit = StoredSamples.of_floats(rest, shape, tensor=as_tensor)
        if misfit is None:
            return kept
        out, rest = np.empty(shape, begin.dtype), chain([misfit], found)
        for start in range(0, done, CHUNK):
            out[start : min(start + CHUNK, done)] = kept[start : min(start + CHUNK, done)]
    else:
        out, done = np.empty(shape, begin.dtype), 0
    for i, sample in enumerate(rest, done):
        out[i] = sample
    if not as_tensor:
        return out
    import torch

    return torch.from_numpy(out).to(first[0].dtype)


def _opened(item: object, what: str, name: str) -> tuple[Array, str]:
    """A sample as an array, and the words for what it is; two samples stack if the words agree."""
    if is_pil_image(item):
        array, mode = pil_to_array(item)
        return array, f"{array.shape[0]} x {array.shape[1]} {mode}"
    if is_tensor(item):
        array, stack = _open_tensor(item, what)
        return array, f"a tensor of shape {array.shape} and dtype {stack.name}"
    if isinstance(item, (np.ndarray, list, tuple)) or hasattr(item, "__array__"):
        try:
            array = np.asarray(item)
        except ValueError as error:
            raise InvalidDataError(f"{name} is no array: its rows differ in length") from error
        _check_kind(array, array.dtype.name, what)
        return array, f"an array of shape {array.shape} and dtype {array.dtype}"
    raise InvalidTypeError(
        f"{name} is a {type(item).__name__}; {what} must be arrays, tensors or PIL images "
        "(open paths with PIL.Image.open, or give the folder of their class folders)"
    )


_REMEDIES = {
    "images": "resize with torchvision.transforms.v2.Resize, in the transform of a dataset, or give "
    "image_size=(height, width) to store_images or balance, and --image-size to the command line",
    "modes": 'make all of one mode and dtype, for example with image.convert("RGB")',
    "series": "give SeriesGAN a list of arrays of the same channels and dtype, or cut them to one length "
    "(x[..., :length]), pad them with NaN (numpy.pad) or resample them (scipy.signal.resample)",
}


def _likely(what: str, shape: tuple[int, ...], other: Array) -> str:
    """Images, or series where that is what the samples must be: one axis, or two of which one is short and equal."""
    if what != "images" or other.dtype == np.uint8 or {len(shape), other.ndim} - {1, 2}:
        return what
    if len(shape) != other.ndim:
        return "series"
    equal = [side for side, mine in zip(shape, other.shape, strict=True) if side == mine]
    return "series" if other.ndim == 1 or (equal and min(equal) < SIDES[0]) else what


def to_array(samples: Any) -> Array:
    """An array or tensor of a network as an ndarray; half precision becomes float32."""
    if not is_tensor(samples):
        return np.asarray(samples)
    plain = samples.detach().cpu()
    array: Array = (plain.float() if plain.is_floating_point() else plain).numpy()
    return array


def refuse_not_finite(array: Array, describe: Callable[[tuple[int, ...], str], str]) -> None:
    """Refuse NaN, infinity and numbers beyond 1e300 in (n, ...).

    ``describe(index, what)`` says where the first one is, and what to do.
    """
    if array.dtype.kind != "f" or isinstance(array, StoredSamples):  # which holds none of these
        return
    limit = min(_HUGE, float(np.finfo(array.dtype).max))
    for start in range(0, len(array), CHUNK):
        bad = ~(np.abs(array[start : start + CHUNK]) <= limit)
        if bad.any():
            at = np.argwhere(bad)[0]
            index = (start + int(at[0]), *map(int, at[1:]))
            value = float(array[index])
            what = "NaN" if np.isnan(value) else "infinity" if np.isinf(value) else f"the value {value:g}"
            raise InvalidDataError(describe(index, what))


def diverged_message(index: tuple[int, ...], what: str) -> str:
    """The message about NaN and infinity that a generator made."""
    return f"cannot decode {what} (sample {index[0]}); the generator that made it has diverged"


def stored_array(arrays: Arrays, name: str, shape: tuple[int, ...]) -> Array:
    """A finite float64 array of a model file; raises ModelFileError for anything else."""
    array = arrays.get(name)
    if array is None or array.shape != shape or array.dtype != np.float64 or not np.isfinite(array).all():
        raise ModelFileError(f"the stored {name!r} is no finite float64 array of shape {shape}")
    return array
