"""Types that several layers share, and checks that parameters are of the type and range they should be.

The checks are made in ``fit``, and say what would have been right.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from ganaug.exceptions import InvalidParameterError

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
    "check_jobs",
    "choice",
    "integer",
    "interval",
    "number",
    "seconds",
]

# --------------------------------------------------------------------------------------
# Types that several layers share: arrays, stored state, blocks of the encoded matrix.


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


# --------------------------------------------------------------------------------------
# Checks of constructor parameters, made in ``fit``, that say what would have been right.


_UNITS = {
    **dict.fromkeys(("", "s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0),
}


def choice(name: str, value: object, known: Iterable[str]) -> str:
    """A name out of ``known``.

    Raises
    ------
    InvalidParameterError
        Listing the valid ones.
    """
    options = list(known)
    if isinstance(value, str) and value in options:
        return value
    raise InvalidParameterError(f"{name}={value!r} is unknown; choose one of: {', '.join(map(repr, options))}")


def integer(name: str, value: object, low: int) -> int:
    """A whole number of at least ``low``."""
    if isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= low:
        return int(value)
    raise InvalidParameterError(f"{name}={value!r} must be an integer of at least {low}")


def number(
    name: str, value: object, low: float, high: float = float("inf"), *, open_low: bool = False, open_high: bool = False
) -> float:
    """A finite real number between ``low`` and ``high``.

    Parameters
    ----------
    name : str
        The parameter, as messages call it.
    value : object
        What was given.
    low, high : float
        Bounds, allowed themselves unless they are open.
    open_low, open_high : bool, default=False
        Whether a bound itself is refused.

    Raises
    ------
    InvalidParameterError
        With the bounds.
    """
    if isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value):
        given = float(value)
        above = given > low if open_low else given >= low
        below = given < high if open_high else given <= high
        if above and below:
            return given
    bounds = f"{'(' if open_low else '['}{low:g}, {high:g}{')' if open_high or high == float('inf') else ']'}"
    raise InvalidParameterError(f"{name}={value!r} must be a number in {bounds}")


def seconds(name: str, value: object) -> float | None:
    """A time limit: None, a number of seconds, or a string such as "90", "90s", "5 min" or "1.5h".

    Raises
    ------
    InvalidParameterError
        With examples of right ones.

    Examples
    --------
    >>> from ganaug.utils.types import seconds
    >>> seconds("max_time", "5min")
    300.0
    """
    if value is None:
        return None
    if isinstance(value, str):
        match = re.fullmatch(r"\s*([0-9]+\.?[0-9]*|\.[0-9]+)\s*([a-z]*)\s*", value.lower())
        found: Any = float(match[1]) * _UNITS[match[2]] if match and match[2] in _UNITS else None
    else:
        found = value
    if isinstance(found, Real) and not isinstance(found, bool) and 0 < float(found) < math.inf:
        return float(found)
    raise InvalidParameterError(
        f"{name}={value!r} must be None, a positive number of seconds, or a string such as '90s', '5min' or '1.5h'"
    )


def interval(name: str, value: object) -> int | float:
    """How often something is done: after so many steps (an integer), or a time ("60s"), in seconds (a float).

    Examples
    --------
    >>> from ganaug.utils.types import interval
    >>> interval("checkpoint_every", 500), interval("checkpoint_every", "2min")
    (500, 120.0)
    """
    if isinstance(value, str):
        return float(seconds(name, value) or 0)
    return integer(name, value, 1)


def check_jobs(n_jobs: object) -> None:
    """Refuse what is no number of jobs; raises InvalidParameterError."""
    if n_jobs is not None and (not isinstance(n_jobs, Integral) or isinstance(n_jobs, bool) or n_jobs == 0):
        raise InvalidParameterError(f"n_jobs={n_jobs!r} must be None, a positive number, or -1 for all processors")
