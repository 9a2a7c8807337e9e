"""The file of a pool: two arrays in numpy's format, labels first, images after, the latter mapped, and a checksum."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from ganaug.exceptions import InvalidTypeError, ModelFileError, ModelPathNotFoundError
from ganaug.transforms.bytes_of import ByteImages
from ganaug.utils.files import Sealed, array_header, check_path, path_error, replacing, sealed_length
from ganaug.utils.types import IntArray

__all__ = ["is_pool_file", "read_pool", "write_pool"]

MAGIC = b"\x93NUMPY"

# Written with one call: a few megabytes, so that a mapped pool of any size can be copied.
_ROWS_AT_ONCE = 256


def is_pool_file(path: Path) -> bool:
    """Whether a file starts as a pool does, and not as a saved generator."""
    try:
        with open(path, "rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise path_error(error, f"could not read {path}") from error


def write_pool(
    path: str | os.PathLike[str],
    images: ByteImages,
    labels: Sequence[Any],
    order: IntArray,
    names: Sequence[str] | None = None,
) -> Path:
    """Write ``images[order]``, their labels, and the names of these, in one step; returns the file's absolute path."""
    target = Path(os.path.realpath(check_path(path)))
    if not target.parent.is_dir():
        raise ModelPathNotFoundError(errno.ENOENT, f"the folder {target.parent} does not exist; create it first")
    kinds = {type(label) for label in labels}
    if len(kinds) != 1 or not kinds <= {bool, int, str}:
        raise InvalidTypeError(
            f"a file of a pool has labels of one kind, integers, strings or booleans; got "
            f"{', '.join(sorted(kind.__name__ for kind in kinds))}"
        )
    try:
        # Written, not mapped: a full disk is then an error, where a mapped file would kill the process.
        with replacing(target) as temporary, open(temporary, "xb") as plain:
            file = Sealed(plain)
            npy.write_array(file, _with_names(np.array(labels), names), allow_pickle=False)
            shape = (len(order), *images.shape[1:])
            npy.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
            for start in range(0, len(order), _ROWS_AT_ONCE):
                file.write(images[order[start : start + _ROWS_AT_ONCE]].tobytes())
            file.close()
    except OSError as error:
        kept = "the file that was there is as it was" if target.exists() else "nothing was written"
        raise path_error(error, f"could not write the pool to {target} ({kept})") from error
    return target


def _with_names(labels: npt.NDArray[Any], names: Sequence[str] | None) -> npt.NDArray[Any]:
    """Labels, or pairs of label and name."""
    if names is None:
        return labels
    named = np.array(names, dtype=np.str_)
    pairs = np.empty(len(labels), [("label", labels.dtype), ("name", named.dtype)])
    pairs["label"], pairs["name"] = labels, named
    return pairs


def read_pool(path: str | os.PathLike[str], *, trusted: bool = False) -> tuple[Path, ByteImages, npt.NDArray[Any]]:
    """The file's absolute path, its images, mapped and read-only, and their labels, or pairs of label and name.

    Parameters
    ----------
    path : str or path-like
        What `write_pool` wrote.
    trusted : bool, default=False
        Leave out the checksum, for which every byte is read: another process of this program compared it.

    Raises
    ------
    ModelFileError
        If it is no pool, was cut short or altered.
    """
    found = Path(os.path.realpath(check_path(path)))
    if not is_pool_file(found):
        raise ModelFileError(f"{found} is no pool of images; SamplePool.generate(generator).save(path) makes one")
    try:
        length = sealed_length(found, compare=not trusted)
        with open(found, "rb") as file:
            labels = _labels(file, length)
            shape, dtype = array_header(file)
            start = file.tell()
        if dtype != np.uint8 or len(shape) != 4 or len(labels) != shape[0] or not shape[0]:
            raise ValueError(f"its arrays are {labels.dtype} {labels.shape} and {dtype} {shape}")
        if start + int(np.prod([int(side) for side in shape], dtype=object)) != length:
            raise ValueError(f"it has {length} bytes, which images of shape {shape} do not fill")
        images = np.memmap(found, dtype=np.uint8, mode="r", offset=start, shape=shape)
    except OSError as error:
        raise path_error(error, f"could not read {found}") from error
    except (ValueError, EOFError) as error:
        raise ModelFileError(f"{found} is no pool of images, or was cut short; write it again: {error}") from error
    return found, images, labels


def _labels(file: Any, length: int) -> npt.NDArray[Any]:
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
