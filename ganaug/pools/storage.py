"""Files of pools: written whole or not at all, sealed with a checksum, mapped into memory by every worker.

Two kinds, in numpy's format: one array of items (`PoolFile`), or labels and behind them images (`read_images`).
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import shutil
import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from ganaug.exceptions import InvalidTypeError, ModelFileError, ModelPathError, ModelPathNotFoundError
from ganaug.pools.formats import Array, ByteImages, DType, Label, Shape
from ganaug.utils.files import Sealed, array_header, check_path, path_error, replacing, sealed_length
from ganaug.utils.types import IntArray

__all__ = ["PoolFile", "is_pool_file", "read_images", "unfit", "write_images", "write_pool"]

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
