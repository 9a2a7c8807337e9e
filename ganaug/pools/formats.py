"""Formats of samples and files: what a generator returns, a pool stores and maps into memory, a dataset hands out.

Pools of any samples store what `stored_form` makes; pools of images store bytes, `to_bytes`. Workers that only read
a pool import this module, so pandas and torchvision are imported where they are needed. Files are written whole or not
at all, sealed with a checksum. Two kinds, in numpy's format: one array of items (`PoolFile`), or labels and behind them
images (`read_images`).
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import shutil
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from numpy.lib import format as npy
from torch.nn import functional as F

from ganaug.exceptions import (
    InvalidDataError,
    InvalidParameterError,
    InvalidTypeError,
    ModelFileError,
    ModelPathError,
    ModelPathNotFoundError,
)
from ganaug.utils import types
from ganaug.utils.files import Sealed, array_header, check_path, path_error, replacing, sealed_length
from ganaug.utils.types import IntArray

__all__ = [
    "Array",
    "ByteImages",
    "DType",
    "ItemFormat",
    "Label",
    "PoolFile",
    "Sample",
    "Shape",
    "check_values",
    "checked_range",
    "default_format",
    "fitted_to",
    "is_pool_file",
    "plain_label",
    "read_images",
    "stored_form",
    "to_bytes",
    "unfit",
    "write_images",
    "write_pool",
]

# --------------------------------------------------------------------------------------
# Formats of samples: what a generator returns, what a pool stores, what a dataset hands out.


Array: TypeAlias = npt.NDArray[Any]
ByteImages: TypeAlias = npt.NDArray[np.uint8]
DType: TypeAlias = np.dtype[Any]
Shape: TypeAlias = tuple[int, ...]
Sample: TypeAlias = Any  # an array, a tensor or a PIL image
Label: TypeAlias = bool | int | float | str

# Channels of an array -> modes of 8-bit PIL images that hold it as it is.
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
# What an axis of colours may have: grey, RGB, RGBA.
_COLOURS = (1, 3, 4)
# A generator's squashing may round to a hair above 1.
_SLACK = 1e-3


def plain_label(label: object) -> Label:
    """A label as a Python value: numpy's and torch's scalars compare with it but are not found by it."""
    value = label.item() if hasattr(label, "item") and getattr(label, "ndim", 0) == 0 else label
    if isinstance(value, (bool, int, float, str)):
        return value
    raise InvalidTypeError(f"label {label!r} is a {type(label).__name__}; a class is an integer, a string or a bool")


# ---- samples of any kind, as datasets store them and hand them out ----------------------------------


def stored_form(samples: object, layout: str, shape: Shape | None = None) -> tuple[Array, bool]:
    """What a generator returned, as a dataset's pool stores it, and whether the samples are images.

    Images are (n, C, H, W), floats float32, which is what networks take; integers and booleans stay as they are.

    Parameters
    ----------
    samples : ndarray, tensor, DataFrame or sparse matrix of n samples
    layout : {"auto", "NHW", "NHWC", "NCHW", "plain"}
        Where the channels of images stand; "plain" samples are no images. "auto" asks ``shape``, and without
        it takes 4 dimensions, and 3 of 8-bit integers, for images.
    shape : tuple of int, optional
        Of one sample as the generator's networks see it, channels first.
    """
    from ganaug.encoding.sample_arrays import LAYOUTS, find_layout, to_nchw

    types.choice("layout", layout, ["auto", "plain", *LAYOUTS])
    samples = samples.toarray() if hasattr(samples, "toarray") else samples
    if isinstance(samples, torch.Tensor):
        samples = samples.detach().cpu()
        samples = (samples.float() if samples.dtype == torch.bfloat16 else samples).numpy()
    ends = {np.shape(sample)[-1:] for sample in samples} if isinstance(samples, list) else set()
    if len(ends) > 1 or (ends and shape is not None and len(shape) == 2 and ends != {shape[-1:]}):
        raise InvalidDataError(
            "the generator makes series of unequal length, of which no batch can be made; fit it on an array of one "
            "length, NaN after the end of shorter series"
        )
    array: Array = np.asarray(samples)
    if array.dtype.kind not in "biuf":
        raise InvalidTypeError(
            f"the generator's samples are of dtype {array.dtype}, but a dataset's items are tensors of numbers; encode "
            "text and categories as numbers before fitting the generator"
        )
    array = array.astype(np.float32, copy=False) if array.dtype.kind == "f" else array
    if layout == "auto" and shape is not None:
        fits = [name for name, (n, move, _) in LAYOUTS.items() if n == array.ndim and move(array).shape[1:] == shape]
        layout = fits[0] if fits and len(shape) == 3 else "plain"
    elif layout == "auto" and not (array.ndim == 4 or (array.ndim == 3 and array.dtype == np.uint8)):
        layout = "plain"
    return (array, False) if layout == "plain" else (to_nchw(array, find_layout(array.shape, layout)), True)


@dataclass(frozen=True)
class ItemFormat:
    """The format in which an item is handed out."""

    kind: str  # a key of KINDS: `tv_tensors.Image` (C, H, W), plain tensor, ndarray (H, W, C), or PIL image
    image: bool = True  # whether stored samples are (C, H, W)
    flat: bool = False  # grey images without an axis of channels, (H, W)
    mode: str | None = None  # of PIL images; None is that of the number of channels
    dtype: str | None = None  # name of the dtype of tensors and arrays; None is the stored one

    def __call__(self, samples: Array) -> list[Sample]:
        """The items of stored samples; they share memory where they can."""
        return KINDS[self.kind](samples, self)


def default_format(output: str, shape: Shape, dtype: DType, image: bool) -> ItemFormat:
    """The format ``output`` for stored samples of that shape and dtype."""
    if types.choice("output", output, ["auto", *KINDS]) == "auto":
        return ItemFormat("image" if image else "tensor", image)
    if output == "pil" and not (image and dtype == np.uint8 and shape[0] in MODES):
        raise InvalidDataError(
            f"output='pil' needs 8-bit images of 1 to 4 channels, but the generator makes samples of shape {shape} "
            f"and dtype {dtype}; leave output='auto'"
        )
    return ItemFormat(output, image)


def _as_tensors(samples: Array, form: ItemFormat) -> list[Sample]:
    # one view of all and its parts, not a view of each: a tenth of the time
    tensor = torch.from_numpy(samples[:, 0] if form.flat else samples)
    return list((tensor if form.dtype is None else tensor.to(getattr(torch, form.dtype))).unbind(0))


def _as_images(samples: Array, form: ItemFormat) -> list[Sample]:
    from torchvision import tv_tensors

    # not the constructor, which takes three times as long to find that it was given a tensor
    return [tensor.as_subclass(tv_tensors.Image) for tensor in _as_tensors(samples, form)]


def _as_arrays(samples: Array, form: ItemFormat) -> list[Sample]:
    if form.flat:
        samples = samples[:, 0]
    elif form.image:
        samples = samples.transpose(0, 2, 3, 1)
    return list(np.ascontiguousarray(samples, None if form.dtype is None else np.dtype(form.dtype)))


def _as_pictures(samples: Array, form: ItemFormat) -> list[Sample]:
    from ganaug.encoding.pil_images import array_to_pil

    pixels = samples[:, 0] if samples.shape[1] == 1 else np.ascontiguousarray(samples.transpose(0, 2, 3, 1))
    return [array_to_pil(one, form.mode) for one in pixels]


# name of a kind of item -> what makes them of stored samples
KINDS: dict[str, Callable[[Array, ItemFormat], list[Sample]]] = {
    "array": _as_arrays,
    "image": _as_images,
    "pil": _as_pictures,
    "tensor": _as_tensors,
}


# ---- images as bytes, (n, C, H, W) uint8, as transforms take them -----------------------------------


def to_bytes(
    images: object,
    *,
    shape: Sequence[int] | None = None,
    layout: str = "auto",
    value_range: tuple[float, float] | None = None,
) -> ByteImages:
    """Images of any container, layout and range as uint8 ``(n, C, H, W)``.

    Parameters
    ----------
    images : array or tensor of shape (n, H, W), (n, H, W, C) or (n, C, H, W)
        uint8, bool, or floats in [0, 1] unless ``value_range`` says otherwise.
    shape : (C, H, W), optional
        What the generator says about its images; settles the layout.
    layout : {"auto", "NCHW", "NHWC"}, default="auto"
        "auto" asks ``shape``, then looks which axis has 1, 3 or 4 entries.
    value_range : (low, high), optional
        What becomes 0 and 255.
    """
    array = np.asarray(images.detach().cpu() if hasattr(images, "detach") else images)
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim != 4:
        raise InvalidDataError(
            f"the generator returned samples of shape {array.shape}; these transforms take images, "
            "(n, H, W), (n, H, W, C) or (n, C, H, W)"
        )
    elif _colours_last(array.shape, shape, layout):
        array = np.moveaxis(array, -1, 1)
    return np.ascontiguousarray(_scaled(array, value_range))


def _colours_last(found: Shape, shape: Sequence[int] | None, layout: str) -> bool:
    if layout != "auto":
        return layout == "NHWC"
    first, last = tuple(found[1:]), (found[3], found[1], found[2])
    candidates = [shape] if shape is not None else [s for s in (first, last) if s[0] in _COLOURS]
    fits = [s for s in candidates if tuple(s) in {first, last}]
    if len(fits) != 1:
        raise InvalidDataError(
            f"the generator's images have shape {found[1:]}, and which axis holds the colours cannot be told; "
            'give layout="NCHW" or layout="NHWC"'
        )
    return tuple(fits[0]) == last and last != first


def _scaled(array: Array, value_range: tuple[float, float] | None) -> ByteImages:
    if array.dtype == np.uint8 and value_range is None:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind not in "iuf" or (array.dtype.kind != "f" and value_range is None):
        raise InvalidDataError(f"the generator's images are {array.dtype}; give value_range=(low, high)")
    if not np.isfinite(array).all():
        raise InvalidDataError("the generator's images hold values that are not finite; was it trained to the end?")
    low, high = (0.0, 1.0) if value_range is None else value_range
    floats = (array.astype(np.float32) - low) / (high - low)
    if floats.size and value_range is None and (floats.min() < -_SLACK or floats.max() > 1 + _SLACK):
        raise InvalidDataError(
            f"the generator's images are floats from {array.min():g} to {array.max():g}, not in [0, 1]; "
            "give value_range=(low, high), what becomes black and white"
        )
    scaled: ByteImages = np.rint(np.clip(floats, 0, 1) * 255).astype(np.uint8)
    return scaled


def fitted_to(images: ByteImages, wanted: tuple[int, int, int], resize: bool) -> ByteImages:
    """Synthetic images in the (C, H, W) of real ones, ``wanted``: resized (bilinear, antialiased) or refused."""
    have = images.shape[1:]
    if have == wanted:
        return images
    if have[0] != wanted[0]:
        raise InvalidDataError(
            f"the real images have {wanted[0]} channels and the synthetic ones {have[0]}; "
            "train the generator on images in the mode that the pipeline uses"
        )
    if not resize:
        raise InvalidDataError(
            f"the real images are {wanted[1]} x {wanted[2]} (height x width) and the synthetic ones "
            f"{have[1]} x {have[2]}; put the transform after the step that resizes, train the generator at "
            "this size, or give resize=True"
        )
    floats = torch.from_numpy(np.array(images)).float()
    resized = F.interpolate(floats, size=wanted[1:], mode="bilinear", antialias=True, align_corners=False)
    out: ByteImages = resized.round().clamp(0, 255).to(torch.uint8).numpy()
    return out


def check_values(generator: object, value_range: tuple[float, float] | None) -> None:
    """Refuse a generator that was fitted on values of which this range makes no images.

    What it returns may lie in [0, 1] by chance, where it was fitted on -2 to 2; what it was fitted on tells.
    """
    from ganaug.encoding.table_checks import PICTURE, DataProfile, ValueProfile, difference

    profile = getattr(generator, "data_profile_", None)
    values = profile.values if isinstance(profile, DataProfile) else None
    if values is None or values.ends is None or values.high <= values.low:
        return
    stack = getattr(getattr(generator, "codec_", None), "_format", None)
    family = getattr(stack, "family", "float")
    low, high = value_range or ((0.0, 1.0) if family == "float" else (0.0, 255.0))
    if family == "boolean":
        return
    slack = 0.1 * (high - low)
    whole = ValueProfile("picture", (tuple(np.linspace(low, high, len(PICTURE)).tolist()),), (low, high))
    beyond = values.low < low - slack or values.high > high + slack
    if beyond or values.high - values.low < (high - low) / 64 or difference(values, whole) is not None:
        raise InvalidDataError(
            f"the generator was fitted on images with values {values}, and {low:g} to {high:g} is to become black to "
            "white; give SamplePool.generate value_range=(low, high), what becomes black and white, or fit on images "
            "before v2.Normalize"
        )


def checked_range(value_range: Any) -> tuple[float, float] | None:
    """The range as two numbers, low below high."""
    if value_range is None:
        return None
    try:
        low, high = (float(v) for v in value_range)
    except (TypeError, ValueError):
        low = high = 0.0
    if not (np.isfinite([low, high]).all() and low < high):
        raise InvalidParameterError(f"value_range={value_range!r} must be (low, high), two numbers, low below high")
    return low, high


# --------------------------------------------------------------------------------------
# Files of pools: written whole or not at all, sealed with a checksum, mapped into memory by every worker.


MAGIC = b"\x93NUMPY"
# Left free on a disk, so that other programs go on.
SPARE = 2**20
# Images written with one call: a few megabytes, so that a mapped pool of any size can be copied.
_ROWS_AT_ONCE = 256


def _write_array(sealed: Sealed, shape: Shape, dtype: DType, parts: Iterable[Array]) -> None:
    """Write an array part by part. Not through a map: a full disk kills a process that writes to one."""
    npy.write_array_header_1_0(sealed, {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape})
    for part in parts:
        _write(sealed, np.ascontiguousarray(part, dtype))


def _write(file: Sealed, part: Array) -> None:
    file.write(part.data)


def _read_header(file: IO[bytes], length: int) -> tuple[Shape, DType, int]:
    """Shape, dtype and place of the array that fills the rest of a file; sizes are compared before it is mapped."""
    shape, dtype = array_header(file)
    start = file.tell()
    if start + math.prod(shape) * dtype.itemsize != length:
        raise ValueError(f"it has {length} bytes, which {dtype} {shape} does not fill")
    return shape, dtype, start


# ---- one array of items, the pool of a dataset -----------------------------------------------------


class PoolFile:
    """A pool on disk; it is opened when first read, and pickles as its path.

    A ``temporary`` file goes with this object; pickled and forked copies leave it alone.
    """

    def __init__(self, path: Path, *, temporary: bool = False) -> None:
        self.path = path
        self._array: Array | None = None
        self.finalizer = weakref.finalize(self, _remove, path, os.getpid()) if temporary else None

    @property
    def array(self) -> Array:
        """The samples, read-only; pages come from the disk when they are touched."""
        if self._array is None:
            try:
                self._array = _mapped(self.path, compare=False)  # the main process wrote it or compared it
            except ValueError as error:
                raise ModelFileError(f"{self.path} is no pool of samples, or was cut short: {error}") from error
        return self._array

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path, "_array": None, "finalizer": None}


def write_pool(path: Path, shape: Shape, dtype: DType, parts: Iterable[Array]) -> None:
    """Write an array that is made part by part; ``path`` appears when it is whole, in a folder that exists.

    Each of ``parts`` is made after the one before it was written; ``shape`` and ``dtype`` are those of the whole. If
    the disk is full or cannot be written to, the error's ``errno`` says why, and nothing is left behind.
    """
    folder, needed = path.parent, math.prod(shape) * dtype.itemsize
    what = f"the pool of {shape[0]} synthetic items ({needed / 1e6:.1f} MB) could not be written to {folder}"
    advice = "free some space, give another folder as cache_dir=, or ask for fewer items; nothing was left behind"
    try:
        if shutil.disk_usage(folder).free < needed + SPARE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with replacing(path) as temporary, open(temporary, "xb", opener=_private) as file:
            sealed = Sealed(file)
            _write_array(sealed, shape, dtype, parts)
            sealed.close()
    except ModelPathError:
        raise  # of the samples' own making
    except OSError as error:
        raise path_error(error, f"{what} ({advice})") from error


def unfit(path: Path, shape: Shape, dtype: DType) -> str | None:
    """Why the file is not the pool that is expected; None if it is. Every byte of it is read."""
    try:
        array = _mapped(path, compare=True)
    except ValueError as error:
        return str(error)
    except OSError as error:
        return error.strerror or str(error)
    if (array.shape, array.dtype) != (shape, dtype):
        return f"it has {array.dtype} {array.shape} where {dtype} {shape} is expected"
    return None


def _mapped(path: Path, compare: bool) -> Array:
    length = sealed_length(path, compare=compare, required=True)
    with open(path, "rb") as file:
        shape, dtype, start = _read_header(file, length)
    if not math.prod(shape):
        return np.empty(shape, dtype)
    # a plain view: indexing a memmap costs several times as much
    return np.asarray(np.memmap(path, dtype=dtype, mode="r", offset=start, shape=shape))


def _private(name: str, flags: int) -> int:
    """Open a file that nobody else may read: the folder may be everybody's."""
    return os.open(name, flags, 0o600)


def _remove(path: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked worker holds a copy of what removes the file
        with contextlib.suppress(OSError):
            path.unlink()


# ---- labels and images, the file of a `SamplePool` --------------------------------------------------


def is_pool_file(path: Path) -> bool:
    """Whether a file starts as a pool does, and not as a saved generator."""
    try:
        with open(path, "rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise path_error(error, f"could not read {path}") from error


def write_images(
    path: str | os.PathLike[str],
    images: ByteImages,
    labels: Sequence[Label],
    order: IntArray,
    names: Sequence[str] | None = None,
) -> Path:
    """Write ``images[order]``, their labels, and the names of these; returns the file's absolute path.

    Parameters
    ----------
    path : str or path-like
        The file; one that is there is replaced when the new one is whole.
    images : ndarray of shape (n, C, H, W), uint8
    labels, names : sequence
        Of the images in their new order; without names the file holds labels alone.
    order : ndarray of shape (n,)
        Rows of ``images``.
    """
    target = Path(os.path.realpath(check_path(path)))
    if not target.parent.is_dir():
        raise ModelPathNotFoundError(errno.ENOENT, f"the folder {target.parent} does not exist; create it first")
    kinds = {type(label) for label in labels}
    if len(kinds) != 1 or not kinds <= {bool, int, str}:
        raise InvalidTypeError(
            f"a file of a pool has labels of one kind, integers, strings or booleans; got "
            f"{', '.join(sorted(kind.__name__ for kind in kinds))}"
        )
    first = np.array(labels)
    if names is not None:  # pairs of label and name
        plain, named = first, np.array(names, dtype=np.str_)
        first = np.empty(len(plain), [("label", plain.dtype), ("name", named.dtype)])
        first["label"], first["name"] = plain, named
    parts = (images[order[start : start + _ROWS_AT_ONCE]] for start in range(0, len(order), _ROWS_AT_ONCE))
    try:
        with replacing(target) as temporary, open(temporary, "xb") as file:
            sealed = Sealed(file)
            npy.write_array(sealed, first, allow_pickle=False)
            _write_array(sealed, (len(order), *images.shape[1:]), np.dtype(np.uint8), parts)
            sealed.close()
    except OSError as error:
        kept = "the file that was there is as it was" if target.exists() else "nothing was written"
        raise path_error(error, f"could not write the pool to {target} ({kept})") from error
    return target


def read_images(path: str | os.PathLike[str], *, trusted: bool = False) -> tuple[Path, ByteImages, Array]:
    """The absolute path of what `write_images` wrote, its images, mapped and read-only, and their labels (and names).

    ``trusted`` leaves out the checksum, for which every byte is read: another process of this program compared it.
    """
    found = Path(os.path.realpath(check_path(path)))
    if not is_pool_file(found):
        raise ModelFileError(f"{found} is no pool of images; SamplePool.generate(generator).save(path) makes one")
    try:
        length = sealed_length(found, compare=not trusted)
        with open(found, "rb") as file:
            labels = _read_labels(file, length)
            shape, dtype, start = _read_header(file, length)
        if dtype != np.uint8 or len(shape) != 4 or len(labels) != shape[0] or not shape[0]:
            raise ValueError(f"its arrays are {labels.dtype} {labels.shape} and {dtype} {shape}")
        images = np.memmap(found, dtype=np.uint8, mode="r", offset=start, shape=shape)
    except OSError as error:
        raise path_error(error, f"could not read {found}") from error
    except (ValueError, EOFError) as error:
        raise ModelFileError(f"{found} is no pool of images, or was cut short; write it again: {error}") from error
    return found, images, labels


def _read_labels(file: IO[bytes], length: int) -> Array:
    """The labels in front of the images; their size is compared before they are read."""
    shape, dtype = array_header(file)
    named = dtype.names == ("label", "name") and dtype["name"].kind == "U"
    if len(shape) != 1 or (dtype["label"] if named else dtype).kind not in "biuU":
        raise ValueError(f"its labels are {dtype} {shape}")
    size = shape[0] * dtype.itemsize
    if size > length - file.tell():
        raise ValueError(f"its labels would take {size} bytes, and the file has {length}")
    labels = np.frombuffer(file.read(size), dtype)
    if named or dtype.kind == "U":
        labels.tolist()  # a number that is no letter is found here
    return labels
