"""A pool: one array in one file, written whole by the main process, mapped into memory by every worker."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import shutil
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from ganaug.exceptions import ModelFileError, ModelPathError
from ganaug.utils.files import Sealed, array_header, path_error, replacing, sealed_length

__all__ = ["PoolFile", "unfit", "write_pool"]

Array = npt.NDArray[Any]

# Left free on a disk, so that other programs go on.
SPARE = 2**20


class PoolFile:
    """A pool on disk; it is opened when first read, and pickles as its path.

    Parameters
    ----------
    path : Path
        An array in numpy's format.
    temporary : bool
        Whether the file goes with this object. Pickled and forked copies leave it alone.
    """

    def __init__(self, path: Path, *, temporary: bool = False) -> None:
        self.path = path
        self._array: Array | None = None
        self.finalizer = weakref.finalize(self, _remove, path, os.getpid()) if temporary else None

    @property
    def array(self) -> Array:
        """The samples, read-only; pages come from the disk when they are touched.

        Raises
        ------
        ModelFileError
            If the file was cut short or replaced by something else.
        """
        if self._array is None:
            try:
                self._array = _mapped(self.path, compare=False)  # the main process wrote it or compared it
            except ValueError as error:
                raise ModelFileError(f"{self.path} is no pool of samples, or was cut short: {error}") from error
        return self._array

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_array": None, "finalizer": None}


def write_pool(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], parts: Iterable[Array]) -> None:
    """Write an array that is made part by part; ``path`` appears when it is whole.

    Parameters
    ----------
    path : Path
        In a folder that exists.
    shape, dtype
        Of the whole array.
    parts : iterable of ndarray
        Its rows, in order; each is made after the one before it was written.

    Raises
    ------
    ModelPathError
        If the disk is full, or the folder cannot be written to; ``errno`` says why. Nothing is left behind.
    """
    folder, needed = path.parent, math.prod(shape) * dtype.itemsize
    what = f"the pool of {shape[0]} synthetic items ({needed / 1e6:.1f} MB) could not be written to {folder}"
    advice = "free some space, give another folder as cache_dir=, or ask for fewer items; nothing was left behind"
    try:
        if shutil.disk_usage(folder).free < needed + SPARE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        # Written, not mapped: a full disk kills a process that writes to a map.
        with replacing(path) as temporary, open(temporary, "xb", opener=_private) as file:
            sealed = Sealed(file)
            npy.write_array_header_1_0(
                sealed, {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
            )
            for part in parts:
                _write(sealed, np.ascontiguousarray(part, dtype))
            sealed.close()
    except ModelPathError:
        raise  # of the samples' own making
    except OSError as error:
        raise path_error(error, f"{what} ({advice})") from error


def unfit(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> str | None:
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
    """The array in the file, of which sizes are compared before anything is mapped."""
    length = sealed_length(path, compare=compare, required=True)
    with open(path, "rb") as file:
        shape, dtype = array_header(file)
        start = file.tell()
    if start + math.prod(shape) * dtype.itemsize != length:
        raise ValueError(f"it has {length} bytes, which {dtype} {shape} does not fill")
    if not math.prod(shape):
        return np.empty(shape, dtype)
    # a plain view: indexing a memmap costs several times as much
    return np.asarray(np.memmap(path, dtype=dtype, mode="r", offset=start, shape=shape))


def _private(name: str, flags: int) -> int:
    """Open a file that nobody else may read: the folder may be everybody's."""
    return os.open(name, flags, 0o600)


def _write(file: Any, part: Array) -> None:
    file.write(part.data)


def _remove(path: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked worker holds a copy of what removes the file
        with contextlib.suppress(OSError):
            path.unlink()
