"""The table from dtypes to adapters, and the adapter of a column."""

from __future__ import annotations

import decimal
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from ganaug.encoding.arrow_columns import ArrowCategoricalAdapter, ArrowDecimalAdapter, ArrowTimeAdapter, arrow_kind
from ganaug.encoding.dtypes import (
    CategoricalAdapter,
    DtypeAdapter,
    FloatAdapter,
    IntegerAdapter,
    MaskedAdapter,
    ObjectAdapter,
    ObjectNumberAdapter,
    RawColumn,
    SparseAdapter,
    TextAdapter,
    TimeAdapter,
    TimesInUnit,
)
from ganaug.encoding.object_columns import TIMES, DecimalAdapter, ObjectTimeAdapter, mixed_types
from ganaug.encoding.serialization import missing_in
from ganaug.exceptions import InvalidDataError, InvalidTypeError
from ganaug.utils.types import DoubleArray

__all__ = ["ADAPTERS", "DtypeAdapter", "adapter_of", "floats_of"]

ADAPTERS: dict[str, type[DtypeAdapter]] = {
    "float": FloatAdapter,
    "integer": IntegerAdapter,
    "masked": MaskedAdapter,
    "object-number": ObjectNumberAdapter,
    "object-decimal": DecimalAdapter,
    "object-time": ObjectTimeAdapter,
    "sparse": SparseAdapter,
    "time": TimeAdapter,
    "category": CategoricalAdapter,
    "text": TextAdapter,
    "object": ObjectAdapter,
    "arrow-time": ArrowTimeAdapter,
    "arrow-decimal": ArrowDecimalAdapter,
    "arrow-choice": ArrowCategoricalAdapter,
}

_NUMPY_KINDS = {"f": "float", "i": "integer", "u": "integer", "b": "integer", "m": "time", "M": "time"}
_NUMPY_KINDS |= {"U": "text"}

_MASKED_DTYPES = (
    *(pd.Int8Dtype, pd.Int16Dtype, pd.Int32Dtype, pd.Int64Dtype),
    *(pd.UInt8Dtype, pd.UInt16Dtype, pd.UInt32Dtype, pd.UInt64Dtype),
    pd.Float32Dtype,
    pd.Float64Dtype,
    pd.BooleanDtype,
)


def _sparse(raw: Any) -> str:
    if np.dtype(raw.dtype.subtype).kind in "iufb":
        return "sparse"
    raise _not_understood(raw)


_PANDAS: list[tuple[Any, Callable[[Any], str]]] = [
    (pd.CategoricalDtype, lambda raw: "category"),
    (pd.StringDtype, lambda raw: "text"),
    (pd.DatetimeTZDtype, lambda raw: "time"),
    (_MASKED_DTYPES, lambda raw: "masked"),
    (pd.SparseDtype, _sparse),
    (pd.ArrowDtype, arrow_kind),
]


def _numbers(raw: Any, types: set[type]) -> DtypeAdapter:
    """The adapter of integers and floats; integers of more than 64 bits are learnt as Decimals are."""
    present = raw[~missing_in(raw)]
    whole = all(issubclass(kind, (int, np.integer)) for kind in types)
    for native in (np.int64, np.uint64) if whole else (np.float64,):
        try:
            present.astype(native)
            if native is np.uint64 and min(present) < 0:
                break
            return ObjectNumberAdapter.of(raw, np.dtype(native))
        except OverflowError:
            continue
    if types == {int}:
        return DecimalAdapter.fit(raw)
    raise InvalidDataError("holds numbers that no 64 bits can hold; make them smaller, or text if they are names")


def _of_time(name: str) -> Callable[[Any, set[type]], DtypeAdapter]:
    return lambda raw, types: ObjectTimeAdapter.of(raw, name)


def _is_number(kind: type) -> bool:
    # np.timedelta64 is a subclass of np.integer
    return kind in (int, float) or (issubclass(kind, (np.integer, np.floating)) and np.dtype(kind).kind != "m")


_TIME_TYPES = {kind.type for kind in TIMES.values()}
# Types of all values of an object column -> its adapter. Any other column is categorical.
_OBJECTS: list[tuple[Callable[[set[type]], bool], Callable[[Any, set[type]], DtypeAdapter]]] = [
    (lambda types: all(map(_is_number, types)), _numbers),
    (
        lambda types: decimal.Decimal in types and types <= {decimal.Decimal, int},
        lambda raw, types: DecimalAdapter.fit(raw),
    ),
    *((lambda types, kind=kind: types == {kind.type}, _of_time(name)) for name, kind in TIMES.items()),
]


def _object(raw: Any) -> DtypeAdapter:
    """The adapter of an object column: numbers and times are numeric, anything else is categorical."""
    raw = np.asarray(raw, dtype=object)
    types = set(map(type, raw[~missing_in(raw)]))
    if any(issubclass(kind, (complex, np.complexfloating)) for kind in types):
        raise InvalidDataError("Complex data not supported")
    found = next((make for fits, make in _OBJECTS if types and fits(types)), None)
    if found is not None:
        return found(raw, types)
    if all(kind in _TIME_TYPES or kind is decimal.Decimal or _is_number(kind) for kind in types) and types:
        raise mixed_types(types)
    try:
        return ObjectAdapter.fit(raw)
    except TypeError as error:
        if isinstance(error, InvalidTypeError):
            raise
        nested = ", ".join(sorted({type(v).__name__ for v in raw if v.__hash__ is None})) or str(error)
        raise InvalidTypeError(
            f"holds nested values ({nested}); the argument must be a string or a real number in each cell, "
            "so spread nested values over columns"
        ) from error


def adapter_of(raw: Any) -> DtypeAdapter:
    """The adapter of a column.

    Parameters
    ----------
    raw : ndarray or ExtensionArray of shape (n,)
        The column as its container holds it.

    Returns
    -------
    DtypeAdapter
        It can ``read`` the column into a `ColumnValues` and ``write`` one back.

    Raises
    ------
    InvalidDataError
        For complex numbers.
    InvalidTypeError
        For dtypes and cells that are not scalars.
    """
    dtype = raw.dtype
    if isinstance(dtype, np.dtype):
        if dtype.kind == "c":
            raise InvalidDataError("Complex data not supported")
        if dtype.kind == "O":
            return _object(raw)
        if dtype.kind not in _NUMPY_KINDS or dtype in (np.dtype("M8"), np.dtype("m8")):
            raise _not_understood(raw)
        return ADAPTERS[_NUMPY_KINDS[dtype.kind]].fit(raw)
    for known, name in _PANDAS:
        if isinstance(dtype, known):
            return ADAPTERS[name(raw)].fit(raw)
    raise _not_understood(raw)


def floats_of(raw: Any) -> DoubleArray | None:
    """The numbers of a column of any dtype, times in seconds since 1970 or midnight; None if it is categorical.

    Parameters
    ----------
    raw : ndarray or ExtensionArray of shape (n,)
        The column as its container holds it.

    Returns
    -------
    ndarray of shape (n,), dtype float64, or None
        NaN where a value is missing.

    Raises
    ------
    InvalidDataError, InvalidTypeError
        As `adapter_of`.

    Examples
    --------
    >>> from datetime import time
    >>> import numpy as np
    >>> from ganaug.encoding.adapters import floats_of
    >>> floats_of(np.array([time(0, 1), None], dtype=object))
    array([60., nan])
    """
    adapter = adapter_of(raw)
    if adapter.family == "choice":
        return None
    cells = adapter.read(raw)
    numbers = np.asarray(cells.values, dtype=np.float64)
    if isinstance(adapter, TimesInUnit):
        name, count = np.datetime_data(adapter.counted)
        one = np.ones(1, np.int64).view(f"m8[{count}{name}]")
        numbers = numbers * float((one / np.timedelta64(1, "s"))[0])
    elif isinstance(adapter, (DecimalAdapter, ArrowDecimalAdapter)):
        numbers = numbers * 10.0**adapter.exponent
    if cells.missing is not None:
        numbers[cells.missing] = np.nan
    return numbers


_ADVICE: list[tuple[Any, str]] = [
    (pd.PeriodDtype, "X[column].dt.to_timestamp() makes dates of it, astype('category') categories"),
    (pd.IntervalDtype, "astype('category') makes categories of it"),
]


def _not_understood(raw: RawColumn) -> InvalidTypeError:
    usual = "convert it to a number, text, category or date"
    advice = next((advice for known, advice in _ADVICE if isinstance(raw.dtype, known)), usual)
    return InvalidTypeError(f"has dtype {raw.dtype}, which is not understood; {advice}")
