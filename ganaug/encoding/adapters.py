"""Which adapter a column has, and the adapters of Arrow's dtypes."""

from __future__ import annotations

import decimal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ganaug.encoding.dtype_state import arrow, arrow_array
from ganaug.encoding.dtypes import (
    CategoricalAdapter,
    CategoricalAdapterBase,
    ColumnValues,
    DtypeAdapter,
    FloatAdapter,
    IntegerAdapter,
    MaskedAdapter,
    ObjectAdapter,
    RawColumn,
    SparseAdapter,
    TextAdapter,
    TimeAdapter,
    TimesInUnit,
    is_missing,
    midnights,
    recode,
)
from ganaug.encoding.object_columns import (
    TIMES,
    DecimalAdapter,
    DecimalAdapterBase,
    ObjectNumberAdapter,
    ObjectTimeAdapter,
    decimals,
    exponent_for,
    in_units,
    mixed_types,
    rescale,
)
from ganaug.encoding.serialization import (
    ANY_DTYPE,
    AS_IT_IS,
    LEVELS,
    WHOLE_NUMBER,
    StoredField,
    missing_in,
    object_array,
)
from ganaug.exceptions import InvalidDataError, InvalidTypeError
from ganaug.utils.types import Array, DoubleArray, DType

__all__ = [
    "ADAPTERS",
    "ArrowCategoricalAdapter",
    "ArrowDecimalAdapter",
    "ArrowTimeAdapter",
    "DtypeAdapter",
    "adapter_of",
    "arrow_kind",
    "floats_of",
]

# --------------------------------------------------------------------------------------
# Columns that pandas keeps in Arrow and that are neither plain numbers nor text.


_NEEDED = "columns kept by pyarrow need"
_DAY = 86_400


def _pa() -> ModuleType:
    return arrow(_NEEDED)


def _missing(array: Any) -> Array:
    return np.array(array.is_null().to_numpy(zero_copy_only=False), dtype=bool)


def _mask(cells: ColumnValues) -> Array:
    return np.zeros(len(cells), dtype=bool) if cells.missing is None else cells.missing


def _column(array: object) -> Any:
    return pd.arrays.ArrowExtensionArray(array)


@dataclass(frozen=True)
class ArrowTimeAdapter(TimesInUnit):
    """Arrow's timestamps, dates, times of day and durations, which are counts of a unit."""

    days: bool | None = None

    CONFIG: ClassVar[Mapping[str, StoredField]] = {"dtype": ANY_DTYPE, "days": AS_IT_IS}

    @classmethod
    def fit(cls, raw: Any) -> Self:
        """The adapter of a column."""
        own = cls(raw.dtype)
        return cls(raw.dtype, own._has_days(raw, own._type.tz) if own.family == "zoned" else None)

    @property
    def _type(self) -> Any:
        return self.dtype.pyarrow_dtype

    @property
    def family(self) -> str:
        """As of pandas' own times."""
        types, kind = _pa().types, self._type
        if types.is_time(kind):
            return "clock"
        return "zoned" if types.is_timestamp(kind) and kind.tz is not None else f"time {self.counted.kind}"

    @property
    def counted(self) -> DType:
        """The unit, as numpy's dtype of it."""
        types, kind = _pa().types, self._type
        if types.is_date(kind):
            return np.dtype("M8[D]" if types.is_date32(kind) else "M8[ms]")
        return np.dtype(f"{'M8' if types.is_timestamp(kind) else 'm8'}[{kind.unit}]")

    def read(self, raw: object) -> ColumnValues:
        """Counts of the unit."""
        array = arrow_array(raw)
        counts = array.view(f"int{array.type.bit_width}").fill_null(0).to_numpy(zero_copy_only=False)
        return ColumnValues(np.array(counts, dtype=np.int64), is_missing(_missing(array)))

    @property
    def limits(self) -> tuple[int, int]:
        """What its bits hold, or a day."""
        if self.family == "clock":
            return 0, int(np.timedelta64(_DAY, "s").astype(self.counted).astype(np.int64)) - 1
        held = np.iinfo(f"int{self._type.bit_width}")
        return int(held.min), int(held.max)

    def write(self, cells: ColumnValues) -> Any:
        """The column."""
        stored = cells.values.clip(*self.limits).astype(f"int{self._type.bit_width}")
        if self.days:
            stored = midnights(stored.view(self.counted), self._type.tz).view(np.int64)
        return _column(_pa().array(stored, mask=_mask(cells)).view(self._type))


@dataclass(frozen=True)
class ArrowDecimalAdapter(DecimalAdapterBase):
    """Arrow's decimals of any width, learnt as whole numbers of ``10 ** exponent``."""

    exponent: int

    CONFIG: ClassVar[Mapping[str, StoredField]] = {"dtype": ANY_DTYPE, "exponent": WHOLE_NUMBER}

    @classmethod
    def fit(cls, raw: Any) -> Self:
        """The adapter of a column."""
        values = [value for value in arrow_array(raw).to_pylist() if value is not None]
        return cls(raw.dtype, exponent_for(values, -raw.dtype.pyarrow_dtype.scale))

    @property
    def remark(self) -> str | None:
        """What a user should know of it."""
        if self.exponent == -self.dtype.pyarrow_dtype.scale:
            return None
        return (
            f"holds numbers of more than 18 digits; the digits below 1E{self.exponent:+d} are zeros in synthetic rows"
        )

    def read(self, raw: object) -> ColumnValues:
        """Whole numbers of the exponent."""
        array = arrow_array(raw)
        missing = _missing(array)
        units = np.zeros(len(array), dtype=np.int64)
        units[~missing] = in_units([value for value in array.to_pylist() if value is not None], self.exponent)
        return ColumnValues(units, is_missing(missing))

    def read_as(self, given: Any, raw: object) -> ColumnValues:
        """Decimals kept in another way."""
        return rescale(given.read(raw), given.exponent, self.exponent)

    @property
    def limits(self) -> tuple[int, int]:
        """What the digits of the dtype hold."""
        kind = self.dtype.pyarrow_dtype
        most = min(10 ** (kind.precision - kind.scale - self.exponent) - 1, np.iinfo(np.int64).max)
        return -most, most

    def write(self, cells: ColumnValues) -> Any:
        """The column."""
        kind = self.dtype.pyarrow_dtype
        values = object_array(decimals(cells.values.clip(*self.limits), self.exponent, [-kind.scale]))
        values[_mask(cells)] = None
        return _column(_pa().array(values, type=kind))


@dataclass(frozen=True)
class ArrowCategoricalAdapter(CategoricalAdapterBase):
    """Arrow's dictionaries, bytes and nulls: categorical, over the values that occur."""

    levels: pd.Index

    CONFIG: ClassVar[Mapping[str, StoredField]] = {"levels": LEVELS, "dtype": ANY_DTYPE}

    @classmethod
    def fit(cls, raw: Any) -> Self:
        """The adapter of a column, with the values that occur in it."""
        found = [value for value in _values(raw).unique().to_pylist() if value is not None]
        return cls(raw.dtype, pd.Index(object_array(sorted(found)), dtype=object, tupleize_cols=False))

    def read(self, raw: Any) -> ColumnValues:
        """Codes into the levels."""
        if isinstance(raw.dtype, pd.CategoricalDtype):
            return recode(np.asarray(raw.codes), pd.Index(raw.dtype.categories, dtype=object), self.levels)
        values = _values(raw) if isinstance(raw.dtype, pd.ArrowDtype) else _pa().array(raw, from_pandas=True)
        coded = values.dictionary_encode()
        codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        return recode(codes, pd.Index(object_array(coded.dictionary.to_pylist()), dtype=object), self.levels)

    def write(self, cells: ColumnValues) -> Any:
        """The column."""
        pa, kind = _pa(), self.dtype.pyarrow_dtype
        inner = kind.value_type if pa.types.is_dictionary(kind) else kind
        if pa.types.is_null(kind):
            return _column(pa.nulls(len(cells)))
        levels = pa.array(list(self.levels), type=inner)
        codes = pa.array(cells.values, mask=_mask(cells))
        if inner is kind:
            return _column(levels.take(codes))
        return _column(pa.DictionaryArray.from_arrays(codes.cast(kind.index_type), levels, ordered=kind.ordered))


def _values(raw: object) -> Any:
    """The array of Arrow, a dictionary replaced by its values."""
    array = arrow_array(raw)
    return array.dictionary_decode() if _pa().types.is_dictionary(array.type) else array


# Test in pyarrow.types -> name of the adapter in `ganaug.encoding.adapters`.
_KINDS = {
    "is_boolean": "masked",
    "is_integer": "masked",
    "is_floating": "masked",
    "is_string": "text",
    "is_large_string": "text",
    "is_timestamp": "arrow-time",
    "is_date": "arrow-time",
    "is_time": "arrow-time",
    "is_duration": "arrow-time",
    "is_decimal": "arrow-decimal",
    "is_binary": "arrow-choice",
    "is_large_binary": "arrow-choice",
    "is_fixed_size_binary": "arrow-choice",
    "is_null": "arrow-choice",
}
# Types of values that a dictionary may have: they can be sorted and stored.
_IN_DICTIONARIES: list[str] = [test for test in _KINDS if test != "is_null"]


def arrow_kind(raw: Any) -> str:
    """The name of the adapter of a column kept in Arrow.

    Raises
    ------
    InvalidTypeError
        For lists, structs and whatever else is no scalar.
    """
    types, kind = _pa().types, raw.dtype.pyarrow_dtype

    def among(tests: Any, kind: object) -> str | None:
        return next((test for test in tests if getattr(types, test)(kind)), None)

    if types.is_dictionary(kind) and among(_IN_DICTIONARIES, kind.value_type):
        return "arrow-choice"
    found = among(_KINDS, kind)
    if found is None:
        advice = "spread nested values over columns" if types.is_nested(kind) else "cast it to a number, text or date"
        raise InvalidTypeError(f"has dtype {raw.dtype}, which is not understood; {advice}")
    return _KINDS[found]


# --------------------------------------------------------------------------------------
# The table from dtypes to adapters, and the adapter of a column.


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


def _object(raw: object) -> DtypeAdapter:
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


def floats_of(raw: object) -> DoubleArray | None:
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
