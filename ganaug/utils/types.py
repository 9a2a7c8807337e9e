"""Types that several layers share: arrays, stored state, blocks of the encoded matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = [
    "STORED_DTYPES",
    "Array",
    "Arrays",
    "Block",
    "BoolArray",
    "Config",
    "DType",
    "DoubleArray",
    "FloatArray",
    "IntArray",
    "State",
    "Tag",
]

Array: TypeAlias = npt.NDArray[Any]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
FloatArray: TypeAlias = npt.NDArray[np.float32]
DoubleArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
DType: TypeAlias = np.dtype[Any]

# What `get_state` returns and `from_state` takes: values that JSON can hold, and arrays by name.
Config: TypeAlias = dict[str, Any]
Arrays: TypeAlias = dict[str, Array]
State: TypeAlias = tuple[Config, Arrays]

Tag = Literal["scalar", "onehot"]

_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
# Of arrays in a model file.
STORED_DTYPES = ("bool", *_INTEGERS, "float16", "float32", "float64", "complex64")


@dataclass(frozen=True)
class Block:
    """A run of neighbouring columns of the encoded matrix that belong together.

    Attributes
    ----------
    tag : {"scalar", "onehot"}
        "scalar": each column is a number of roughly unit scale (a normal score).
        "onehot": the columns are the indicator of one categorical state.
    start, stop : int
        The columns are ``start:stop``.
    """

    tag: Tag
    start: int
    stop: int

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.stop - self.start
