"""Dtypes by name, and casts between them that lose nothing unsaid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from ganaug.arrow import type_from, type_state
from ganaug.codecs.plain import Array, Plain
from ganaug.codecs.zones import zone_from, zone_state
from ganaug.exceptions import InvalidDataError, ModelFileError

__all__ = ["clip_to", "dtype_from", "dtype_state", "native_of", "to_native"]

_ARROW = "arrow:"


def dtype_state(dtype: Any) -> Any:
    """A dtype as JSON: its name where that says all, else what it is made of.

    Raises
    ------
    InvalidTypeError
        If it has a time zone, or a type of Arrow, that cannot be stored.
    """
    if isinstance(dtype, np.dtype):
        return dtype.str
    write = next((write for known, write in _WRITE if isinstance(dtype, known)), str)
    return write(dtype)


def dtype_from(state: Any) -> Any:
    """The dtype that `dtype_state` wrote."""
    try:
        if not isinstance(state, str):
            return _READ[state[0]](*state[1:])
        if state.startswith(_ARROW):
            return pd.ArrowDtype(type_from(state.removeprefix(_ARROW)))
        return np.dtype(state) if state[:1] in "<>|=" else pd.api.types.pandas_dtype(state)
    except (TypeError, ValueError, AttributeError, KeyError, IndexError) as error:
        raise ModelFileError(f"cannot read the stored dtype {state!r}") from error


def _string_state(dtype: Any) -> Any:
    # str(StringDtype) leaves the storage out, and with it the missing value
    if dtype.na_value is pd.NA:
        return f"string[{dtype.storage}]"
    return "str" if dtype == pd.StringDtype(na_value=np.nan) else ["str", dtype.storage]


def _arrow_state(dtype: Any) -> Any:
    state = type_state(dtype.pyarrow_dtype)
    return f"{_ARROW}{state}" if isinstance(state, str) else ["arrow", state]


_WRITE: list[tuple[Any, Callable[[Any], Any]]] = [
    (pd.ArrowDtype, _arrow_state),
    (pd.StringDtype, _string_state),
    (pd.DatetimeTZDtype, lambda dtype: ["zoned", dtype.unit, zone_state(dtype.tz)]),
    (pd.IntervalDtype, lambda dtype: ["interval", dtype_state(dtype.subtype), dtype.closed]),
]
_READ: dict[str, Callable[..., Any]] = {
    "arrow": lambda state: pd.ArrowDtype(type_from(state)),
    "str": lambda storage: pd.StringDtype(storage, na_value=np.nan),
    "zoned": lambda unit, zone: pd.DatetimeTZDtype(unit, zone_from(zone)),
    "interval": lambda subtype, closed: pd.IntervalDtype(dtype_from(subtype), closed),
}


def native_of(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """float64, int64 or uint64, whichever holds the dtype exactly."""
    if dtype.kind == "f":
        return np.dtype(np.float64)
    return np.dtype(np.uint64 if dtype.kind == "u" and dtype.itemsize == 8 else np.int64)


def clip_to(values: Array, dtype: np.dtype[Any]) -> Array:
    """Values that a cast to the dtype can neither wrap around nor make infinite."""
    if dtype.kind == "f" and dtype.itemsize < values.dtype.itemsize:
        return values.clip(np.finfo(dtype).min, np.finfo(dtype).max)
    if dtype.kind not in "iu":
        return values
    info = np.iinfo(dtype)
    own = np.iinfo(values.dtype)
    return values.clip(max(info.min, own.min), min(info.max, own.max))


def to_native(plain: Plain, native: np.dtype[Any]) -> Plain:
    """Numbers given in another dtype than in fit, where nothing is lost by it."""
    values = plain.values
    if values.dtype == native:
        return plain
    with np.errstate(invalid="ignore"):
        out = values.astype(native)
    if native.kind != "f" and not np.array_equal(out.astype(values.dtype), values):
        raise InvalidDataError("has values that are not whole or too large, but held integers in fit")
    return Plain(out, plain.missing)
