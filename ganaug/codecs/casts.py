"""Dtypes by name, and casts between them that lose nothing unsaid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ganaug.arrow import arrow
from ganaug.codecs.plain import Array, Plain
from ganaug.exceptions import InvalidDataError, ModelFileError

__all__ = ["clip_to", "dtype_from", "dtype_name", "native_of", "to_native"]

_ARROW = "arrow:"


def dtype_name(dtype: Any) -> str:
    """A name from which `dtype_from` finds the dtype again."""
    if isinstance(dtype, np.dtype):
        return dtype.str
    if isinstance(dtype, pd.ArrowDtype):
        return f"{_ARROW}{dtype.pyarrow_dtype}"
    # str(StringDtype) leaves the storage out, and with it the missing value
    if isinstance(dtype, pd.StringDtype) and dtype.na_value is pd.NA:
        return f"string[{dtype.storage}]"
    return str(dtype)


def dtype_from(name: str) -> Any:
    """The numpy or pandas dtype of a name."""
    try:
        if name.startswith(_ARROW):
            return _arrow_dtype(name.removeprefix(_ARROW))
        return np.dtype(name) if name[:1] in "<>|=" else pd.api.types.pandas_dtype(name)
    except (TypeError, ValueError, AttributeError) as error:
        raise ModelFileError(f"cannot read the stored dtype {name!r}") from error


def _arrow_dtype(name: str) -> Any:
    return pd.ArrowDtype(arrow("the columns that this codec learnt need").type_for_alias(name))


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
