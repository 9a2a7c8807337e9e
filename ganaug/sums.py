"""Arrays in files that end with a checksum: what was altered or cut short is found before it is used.

The files stay readable as numpy's: the checksum stands behind the array, where nobody looks for it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

__all__ = ["Sealed", "array_header", "sealed_length"]

# What the last bytes of a file are: this, and 64 hexadecimal digits.
_SEAL = b"\nganaug sha256 "
_LENGTH = len(_SEAL) + 64
_AT_ONCE = 2**22


class Sealed:
    """A file opened for writing whose bytes are counted into a checksum; `close` writes it.

    Parameters
    ----------
    file : binary file
        Open for writing; it stays open.

    Examples
    --------
    >>> import io
    >>> from ganaug.sums import Sealed
    >>> file = io.BytesIO()
    >>> sealed = Sealed(file)
    >>> sealed.write(b"abc")
    3
    >>> sealed.close()
    >>> file.getvalue()[:3], len(file.getvalue())
    (b'abc', 82)
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._sum = file, hashlib.sha256()

    def write(self, data: Any) -> int:
        """Write bytes."""
        self._sum.update(data)
        return self._file.write(data)

    def close(self) -> None:
        """Write the checksum of all that was written."""
        self._file.write(_SEAL + self._sum.hexdigest().encode())


def sealed_length(path: Path, *, compare: bool = True, required: bool = False) -> int:
    """How many bytes of a file are its own, and not its checksum's.

    Parameters
    ----------
    path : Path
        The file; one of an earlier version has no checksum.
    compare : bool, default=True
        Whether to read all of it and compare the checksum: about a second for a gigabyte.
    required : bool, default=False
        Whether a file without a checksum is refused.

    Raises
    ------
    ValueError
        If the checksum does not fit, or is missing.
    OSError
        If the file cannot be read.
    """
    size = os.stat(path).st_size
    with open(path, "rb") as file:
        file.seek(max(0, size - _LENGTH))
        end = file.read(_LENGTH)
        if len(end) < _LENGTH or not end.startswith(_SEAL):
            if required or b"ganaug sha256" in end:
                raise ValueError("it has no checksum at its end")
            return size
        if compare:
            file.seek(0)
            found, left = hashlib.sha256(), size - _LENGTH
            while left:
                data = file.read(min(left, _AT_ONCE))
                if not data:
                    raise ValueError("it became shorter while it was read")
                found.update(data)
                left -= len(data)
            if found.hexdigest().encode() != end[len(_SEAL) :]:
                raise ValueError("its checksum does not match its contents")
    return size - _LENGTH


def array_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype of the array that begins here, in numpy's format 1.0, its rows one after the other.

    Raises
    ------
    ValueError
        If there is none. (numpy raises many other errors at headers that were altered.)
    """
    try:
        version = npy.read_magic(file)
        shape, by_columns, dtype = npy.read_array_header_1_0(file)
    except (ValueError, SyntaxError, TokenError, TypeError, MemoryError, RecursionError, OverflowError) as error:
        raise ValueError(f"it has no header of an array ({error})") from error
    whole = all(type(side) is int and side >= 0 for side in shape)
    if version != (1, 0) or by_columns or not whole or dtype.hasobject or not dtype.itemsize:
        raise ValueError(f"an array of shape {shape} and dtype {dtype} is none of a pool")
    return shape, dtype
