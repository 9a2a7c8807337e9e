"""Columns that pandas keeps in Arrow and that are neither plain numbers nor text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ganaug.encoding.column_values import ColumnValues, clip_to, is_missing
from ganaug.encoding.dtype_state import arrow, arrow_array
from ganaug.encoding.dtypes import CategoricalAdapterBase, NumericAdapterBase, TimesInUnit, recode
from ganaug.encoding.object_columns import decimals, exponent_for, in_units, rescale
from ganaug.encoding.serialization import ANY_DTYPE, LEVELS, WHOLE_NUMBER, StoredField, object_array
from ganaug.exceptions import InvalidTypeError
from ganaug.utils.types import Array, DType

__all__ = ["ArrowCategoricalAdapter", "ArrowDecimalAdapter", "ArrowTimeAdapter", "arrow_kind"]

_NEEDED = "columns kept by pyarrow need"
_DAY = 86_400


def _pa() -> Any:
    return arrow(_NEEDED)


def _missing(array: Any) -> Array:
    return np.array(array.is_null().to_numpy(zero_copy_only=False), dtype=bool)


def _mask(cells: ColumnValues) -> Array:
    return np.zeros(len(cells), dtype=bool) if cells.missing is None else cells.missing


def _column(array: Any) -> Any:
    return pd.arrays.ArrowExtensionArray(array)


class ArrowTimeAdapter(TimesInUnit):
    """Arrow's timestamps, dates, times of day and durations, which are counts of a unit."""

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

    def read(self, raw: Any) -> ColumnValues:
        """Counts of the unit."""
        array = arrow_array(raw)
        counts = array.view(f"int{array.type.bit_width}").fill_null(0).to_numpy(zero_copy_only=False)
        return ColumnValues(np.array(counts, dtype=np.int64), is_missing(_missing(array)))

    def write(self, cells: ColumnValues) -> Any:
        """The column."""
        counts = clip_to(cells.values, np.dtype(f"int{self._type.bit_width}"))
        if self.family == "clock":
            counts = counts.clip(0, np.timedelta64(_DAY, "s").astype(self.counted).astype(np.int64) - 1)
        stored = counts.astype(f"int{self._type.bit_width}")
        return _column(_pa().array(stored, mask=_mask(cells)).view(self._type))


@dataclass(frozen=True)
class ArrowDecimalAdapter(NumericAdapterBase):
    """Arrow's decimals of any width, learnt as whole numbers of ``10 ** exponent``."""

    exponent: int

    CONFIG: ClassVar[Mapping[str, StoredField]] = {"dtype": ANY_DTYPE, "exponent": WHOLE_NUMBER}

    @property
    def family(self) -> str:
        """Decimals stand in for Decimals."""
        return "decimal"

    @property
    def exact(self) -> bool:
        """Whole numbers are whole numbers."""
        return True

    @property
    def inner(self) -> DType:
        """Of the whole numbers."""
        return np.dtype(np.int64)

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

    def read(self, raw: Any) -> ColumnValues:
        """Whole numbers of the exponent."""
        array = arrow_array(raw)
        missing = _missing(array)
        units = np.zeros(len(array), dtype=np.int64)
        units[~missing] = in_units([value for value in array.to_pylist() if value is not None], self.exponent)
        return ColumnValues(units, is_missing(missing))

    def read_as(self, given: Any, raw: Any) -> ColumnValues:
        """Decimals kept in another way."""
        return rescale(given.read(raw), given.exponent, self.exponent)

    def write(self, cells: ColumnValues) -> Any:
        """The column."""
        kind = self.dtype.pyarrow_dtype
        most = min(10 ** (kind.precision - kind.scale - self.exponent) - 1, np.iinfo(np.int64).max)
        values = object_array(decimals(cells.values.clip(-most, most), self.exponent, [-kind.scale]))
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


def _values(raw: Any) -> Any:
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

    def among(tests: Any, kind: Any) -> str | None:
        return next((test for test in tests if getattr(types, test)(kind)), None)

    if types.is_dictionary(kind) and among(_IN_DICTIONARIES, kind.value_type):
        return "arrow-choice"
    found = among(_KINDS, kind)
    if found is None:
        advice = "spread nested values over columns" if types.is_nested(kind) else "cast it to a number, text or date"
        raise InvalidTypeError(f"has dtype {raw.dtype}, which is not understood; {advice}")
    return _KINDS[found]
