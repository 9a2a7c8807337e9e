"""Columns by dtype: their values, and adapters of numpy's and pandas' dtypes, from a column to values and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
import pandas as pd

from ganaug.encoding.serialization import (
    ANY_DTYPE,
    AS_IT_IS,
    BLANK,
    LEVELS,
    OBJECT_LEVELS,
    StateMixin,
    StoredField,
    blank_of,
    from_json,
    missing_in,
    object_array,
    pack_values,
    to_json,
    unpack_values,
)
from ganaug.exceptions import InvalidDataError, ModelFileError
from ganaug.utils.types import Array, Arrays, Config, DType, State

__all__ = [
    "NEVER_MISSING",
    "CategoricalAdapter",
    "CategoricalAdapterBase",
    "ColumnModel",
    "ColumnValues",
    "DtypeAdapter",
    "FloatAdapter",
    "IntegerAdapter",
    "MaskedAdapter",
    "NumericAdapterBase",
    "ObjectAdapter",
    "RawColumn",
    "SparseAdapter",
    "Table",
    "TextAdapter",
    "TimeAdapter",
    "TimesInUnit",
    "clip_to",
    "is_missing",
    "midnights",
    "native_of",
    "recode",
    "to_native",
]

# --------------------------------------------------------------------------------------
# A column between its dtype and its encoding: the values, casts that lose nothing, and what encodes them.


NEVER_MISSING = "has missing values but had none in the data given to fit; fill or drop them"


@dataclass(frozen=True)
class ColumnValues:
    """A column without its dtype.

    Attributes
    ----------
    values : ndarray of shape (n,), dtype float64, int64 or uint64
        Numbers, or codes into the levels of a choice column. Where ``missing``
        is True a number is 0 and a code -1.
    missing : ndarray of shape (n,), dtype bool, or None
        None where nothing is missing.
    """

    values: Array
    missing: Array | None = None

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Array) -> ColumnValues:
        """The same column at some rows only."""
        return ColumnValues(self.values[rows], None if self.missing is None else self.missing[rows])

    def present(self) -> Array:
        """The values that are not missing."""
        return self.values if self.missing is None else self.values[~self.missing]


def is_missing(mask: Array) -> Array | None:
    """The mask, or None where it is False throughout."""
    return mask if mask.any() else None


@dataclass(frozen=True)
class Table:
    """Columns by number; ``names`` where the container has them."""

    n_rows: int
    n_columns: int
    get: Callable[[int], Any]
    names: pd.Index | None = None


class ColumnModel(StateMixin, ABC):
    """The encoding of one column: some scores, and one of several states.

    Subclasses are frozen dataclasses with a ``fit`` of their own.
    """

    missing: bool

    @property
    @abstractmethod
    def n_scalars(self) -> int:
        """Scores of a row."""

    @property
    @abstractmethod
    def n_states(self) -> int:
        """States that a row can be in; with more than one, each has an indicator."""

    @property
    def scored_state(self) -> int:
        """The state whose rows have scores that count."""
        return 0

    @abstractmethod
    def encode(self, cells: ColumnValues) -> tuple[Array, Array]:
        """Scores (n, n_scalars) float32 and states (n,) int64."""

    @abstractmethod
    def decode(self, scores: Array, states: Array) -> ColumnValues:
        """The column of any finite scores and any states in 0..n_states."""

    @abstractmethod
    def round_trip(self, scores: Array, states: Array) -> tuple[Array, Array]:
        """The encoding of what they decode to."""

    @abstractmethod
    def possible(self) -> tuple[Array, bool]:
        """All values that can come out, or the smallest and the largest; and whether these are all."""

    @abstractmethod
    def summary(self) -> dict[str, Any]:
        """Facts for the user."""


def native_of(dtype: DType) -> DType:
    """float64, int64 or uint64, whichever holds the dtype exactly."""
    if dtype.kind == "f":
        return np.dtype(np.float64)
    return np.dtype(np.uint64 if dtype.kind == "u" and dtype.itemsize == 8 else np.int64)


def clip_to(values: Array, dtype: DType) -> Array:
    """Values that a cast to the dtype can neither wrap around nor make infinite."""
    if dtype.kind == "f" and dtype.itemsize < values.dtype.itemsize:
        return values.clip(np.finfo(dtype).min, np.finfo(dtype).max)
    if dtype.kind not in "iu":
        return values
    info = np.iinfo(dtype)
    own = np.iinfo(values.dtype)
    return values.clip(max(info.min, own.min), min(info.max, own.max))


def to_native(cells: ColumnValues, native: DType) -> ColumnValues:
    """Numbers given in another dtype than in fit, where nothing is lost by it."""
    values = cells.values
    if values.dtype == native:
        return cells
    with np.errstate(invalid="ignore"):
        out = values.astype(native)
    if native.kind != "f" and not np.array_equal(out.astype(values.dtype), values):
        raise InvalidDataError("has values that are not whole or too large, but held integers in fit")
    return ColumnValues(out, cells.missing)


# --------------------------------------------------------------------------------------
# Adapters of numpy's and pandas' dtypes: a column's values in, a column of the same dtype out.


RawColumn: TypeAlias = Array | pd.api.extensions.ExtensionArray  # as containers of tables hold it


@dataclass(frozen=True)
class DtypeAdapter(StateMixin, ABC):
    """Reads columns of one dtype as `ColumnValues`, and writes such values as a column of that dtype.

    ``adapter_of`` in `ganaug.encoding.adapters` picks it.
    """

    dtype: Any

    @property
    @abstractmethod
    def family(self) -> str:
        """Columns of one family can replace each other."""

    @property
    def exact(self) -> bool:
        """Whether all `ColumnValues` come back as they were written."""
        return False

    @property
    def remark(self) -> str | None:
        """What a user should know of the column, as the rest of a sentence."""
        return None

    @classmethod
    def fit(cls, raw: Any) -> Self:
        """The adapter of a column."""
        return cls(raw.dtype)

    @abstractmethod
    def read(self, raw: object) -> ColumnValues:
        """The values of a column of this dtype, or levels of a category."""

    @abstractmethod
    def read_as(self, given: object, raw: object) -> ColumnValues:
        """The values of a column of another dtype of the same family, whose own adapter is ``given``."""

    @abstractmethod
    def write(self, cells: ColumnValues) -> RawColumn:
        """A column of this dtype."""


# --------------------------------------------------------------------------------------
# Numbers: each dtype as int64, uint64 or float64, and back.


class NumericAdapterBase(DtypeAdapter):
    """What all adapters of numbers share: the state is the dtype's name."""

    CONFIG: ClassVar[Mapping[str, StoredField]] = {"dtype": ANY_DTYPE}

    @property
    def family(self) -> str:
        """Numbers can replace numbers."""
        return "real"

    @property
    def inner(self) -> DType:
        """The numpy dtype that says how fine the numbers are."""
        return np.dtype(getattr(self.dtype, "numpy_dtype", self.dtype))

    @property
    def discrete(self) -> bool:
        """Whether every value is a state of its own."""
        return self.inner.kind == "b"

    @property
    def limits(self) -> tuple[int, int] | None:
        """The smallest and the largest count that can be written; None where there is no such limit."""
        return None

    def read_as(self, given: Any, raw: object) -> ColumnValues:
        """Read a column of another dtype of the same family, whose own adapter is ``given``."""
        return to_native(given.read(raw), native_of(self.inner))


class FloatAdapter(NumericAdapterBase):
    """float16, float32, float64, long double (at float64's precision). NaN is missing."""

    @property
    def exact(self) -> bool:
        """Not in single precision."""
        return self.dtype == np.dtype(np.float64)

    def read(self, raw: object) -> ColumnValues:
        """Floats; infinities are refused."""
        values = np.array(raw, dtype=np.float64)
        missing = is_missing(np.isnan(values))
        if missing is not None:
            values[missing] = 0
        return ColumnValues(values, missing)

    def write(self, cells: ColumnValues) -> RawColumn:
        """The column."""
        out = clip_to(cells.values, self.inner).astype(self.dtype)
        if cells.missing is not None:
            out[cells.missing] = np.nan
        return out


class IntegerAdapter(NumericAdapterBase):
    """Integers of any size, and bool."""

    @property
    def exact(self) -> bool:
        """Where nothing can be too large."""
        return self.dtype == native_of(self.inner)

    def read(self, raw: object) -> ColumnValues:
        """Integers."""
        return ColumnValues(np.asarray(raw).astype(native_of(self.inner)))

    def write(self, cells: ColumnValues) -> RawColumn:
        """The column."""
        return clip_to(cells.values, self.inner).astype(self.dtype)


class MaskedAdapter(NumericAdapterBase):
    """pandas' nullable Int, UInt, Float and boolean, and the same kept by pyarrow."""

    def read(self, raw: Any) -> ColumnValues:
        """Numbers; NA is missing."""
        native = native_of(self.inner)
        # pyarrow fills a boolean with nothing but a boolean
        values = np.array(raw.to_numpy(dtype=self.inner, na_value=self.inner.type(0))).astype(native)
        missing = np.array(raw.isna(), dtype=bool)
        if native.kind == "f":
            missing |= np.isnan(values)
            values[missing] = 0
        return ColumnValues(values, is_missing(missing))

    def write(self, cells: ColumnValues) -> RawColumn:
        """The column."""
        values = clip_to(cells.values, self.inner).astype(self.inner)
        mask = np.zeros(len(values), dtype=bool) if cells.missing is None else cells.missing
        if isinstance(self.dtype, pd.ArrowDtype):
            array: Any = pd.Series(values, dtype=self.dtype).array
            array[mask] = pd.NA
            return array
        return _MASKED[self.inner.kind](values, mask)


_MASKED: dict[str, Any] = {
    "i": pd.arrays.IntegerArray,
    "u": pd.arrays.IntegerArray,
    "f": pd.arrays.FloatingArray,
    "b": pd.arrays.BooleanArray,
}


class SparseAdapter(NumericAdapterBase):
    """pandas' Sparse dtype over numbers."""

    @property
    def inner(self) -> DType:
        """The dtype of the dense values."""
        return np.dtype(self.dtype.subtype)

    def _dense(self) -> FloatAdapter | IntegerAdapter:
        return FloatAdapter(self.inner) if self.inner.kind == "f" else IntegerAdapter(self.inner)

    def read(self, raw: object) -> ColumnValues:
        """Numbers, dense."""
        return self._dense().read(np.asarray(raw))

    def write(self, cells: ColumnValues) -> RawColumn:
        """The column."""
        return pd.arrays.SparseArray(self._dense().write(cells), dtype=self.dtype)

    def get_state(self) -> State:
        """Config and arrays."""
        return {"inner": self.inner.str, "fill": to_json(self.dtype.fill_value)}, {}

    @classmethod
    def from_state(cls, config: Config, arrays: Arrays) -> SparseAdapter:
        """The adapter that `get_state` took apart."""
        inner = np.dtype(config["inner"])
        return cls(pd.SparseDtype(inner, from_json(config["fill"])))


class TimesInUnit(NumericAdapterBase):
    """What all adapters of times share: int64 counts of a unit, since 1970 or of the duration.

    Families: "zoned" instants, "time M" local times and days, "time m" durations, "clock" times of day. None can
    replace another.

    Attributes
    ----------
    days : bool or None
        True of instants that are all midnights of a zone whose clocks change: no grid of instants has them alone, so
        what is written is brought to the nearest midnight.
    """

    days: bool | None = None

    @property
    def exact(self) -> bool:
        """Counts are counts."""
        return True

    @property
    def inner(self) -> DType:
        """The counter's dtype."""
        return np.dtype(np.int64)

    @property
    @abstractmethod
    def counted(self) -> DType:
        """The unit, as numpy's datetime64 or timedelta64 of it."""

    def _has_days(self, raw: object, zone: object) -> bool | None:
        """What ``days`` is to be for a column."""
        instants = self.read(raw).present().view(self.counted)
        of_day = instants - instants.astype("M8[D]")
        if not (of_day != of_day[:1]).any():  # the clocks do not change among these
            return None
        alike = (np.array_equal(midnights(some, zone), some) for some in (instants[:1000], instants))
        return True if all(alike) else None

    def get_state(self) -> State:
        """Config and arrays; without what is None, as in files of earlier versions."""
        config, arrays = super().get_state()
        return {k: v for k, v in config.items() if v is not None or k not in ("days", "unit")}, arrays

    def read_as(self, given: Any, raw: object) -> ColumnValues:
        """Times in another unit, where nothing is lost by it."""
        cells = given.read(raw)
        times = cells.values.view(given.counted)
        counts = times.astype(self.counted)
        if not np.array_equal(counts.astype(times.dtype), times):
            raise InvalidDataError(
                f"has times that {self.counted} cannot hold, as it could those in fit; round them with dt.floor"
            )
        return ColumnValues(counts.view(np.int64), cells.missing)


def midnights(instants: Array, zone: Any) -> Array:
    """The nearest midnights of a zone, of instants of UTC."""
    local = pd.DatetimeIndex(instants).tz_localize("UTC").tz_convert(zone).tz_localize(None)
    days = (local + pd.Timedelta(hours=12)).floor("D")
    first = np.ones(len(days), dtype=bool)
    found = days.tz_localize(zone, ambiguous=first, nonexistent="shift_forward").tz_convert(None)
    return found.to_numpy().astype(instants.dtype)


# pandas' other units -> how many are a microsecond, and how many microseconds one is
_MICROSECONDS = {"s": (1, 10**6), "ms": (1, 10**3), "ns": (10**3, 1)}


@dataclass(frozen=True)
class TimeAdapter(TimesInUnit):
    """datetime64 (with a time zone or none) and timedelta64 of any unit. NaT is missing.

    They are counted in microseconds where these hold all times of the column, so that what is learnt does not depend
    on its unit. ``unit`` is None where they are counted in the dtype's own, as in files of earlier versions.
    """

    unit: str | None = None
    days: bool | None = None

    CONFIG: ClassVar[Mapping[str, StoredField]] = {"dtype": ANY_DTYPE, "unit": AS_IT_IS, "days": AS_IT_IS}

    @classmethod
    def fit(cls, raw: Any) -> Self:
        """The adapter of a column."""
        own = cls(raw.dtype)
        days = own._has_days(raw, raw.dtype.tz) if isinstance(raw.dtype, pd.DatetimeTZDtype) else None
        parts, each = own._microseconds
        if parts == each:
            return cls(raw.dtype, days=days)
        values = own.read(raw).values
        fits = not (values % parts).any() and bool((np.abs(values) <= np.iinfo(np.int64).max // each).all())
        return cls(raw.dtype, "us" if fits else None, days)

    def _check_state(self) -> None:
        if self.unit not in (None, "us"):
            raise ModelFileError(f"{self.unit!r} is no unit in which times are counted")
        if self.days is not None and (self.days is not True or self.family != "zoned"):
            raise ModelFileError(f"{self.days!r} does not say whether times of {self.dtype} are days")

    @property
    def family(self) -> str:
        """Instants and durations cannot replace each other, nor can zoned and local times."""
        return "zoned" if isinstance(self.dtype, pd.DatetimeTZDtype) else f"time {self.dtype.kind}"

    @property
    def _plain(self) -> DType:
        """The dtype without its time zone."""
        return np.dtype(f"M8[{self.dtype.unit}]" if isinstance(self.dtype, pd.DatetimeTZDtype) else self.dtype)

    @property
    def _microseconds(self) -> tuple[int, int]:
        name, count = np.datetime_data(self._plain)
        return _MICROSECONDS.get(name, (1, 1)) if count == 1 else (1, 1)

    @property
    def counted(self) -> DType:
        """The unit, as numpy's dtype of it."""
        return self._plain if self.unit is None else np.dtype(f"{self._plain.kind}8[{self.unit}]")

    @property
    def limits(self) -> tuple[int, int] | None:
        """Counts of the first and the last time, where the dtype does not hold all of them."""
        most = np.iinfo(np.int64).max // self._microseconds[0]
        return None if self.unit is None or self._microseconds[0] == 1 else (-most, most)

    def read(self, raw: Any) -> ColumnValues:
        """Counts of the unit since 1970, or of the duration; of times finer than those in fit their beginnings."""
        if isinstance(raw.dtype, pd.DatetimeTZDtype):
            raw = pd.DatetimeIndex(raw).tz_convert(None).to_numpy()
        raw = np.asarray(raw).astype(self.counted)
        missing = np.isnat(raw)
        values = raw.view(np.int64).copy()
        values[missing] = 0
        return ColumnValues(values, is_missing(missing))

    def write(self, cells: ColumnValues) -> RawColumn:
        """The column; counts that its dtype cannot hold are rounded."""
        times = cells.values.astype(np.int64)
        if self.unit is not None:
            parts, each = self._microseconds
            times = (times if self.limits is None else times.clip(*self.limits)) * parts
            times = times // each + (times % each >= each / 2)
        times = times.view(self._plain)
        if cells.missing is not None:
            times[cells.missing] = np.asarray("NaT", dtype=self._plain)
        if isinstance(self.dtype, pd.DatetimeTZDtype):
            times = midnights(times, self.dtype.tz) if self.days else times
            return pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(self.dtype.tz).array
        return times


# --------------------------------------------------------------------------------------
# Categories: text, pandas' categories and mixed objects as codes into a table of levels.


class CategoricalAdapterBase(DtypeAdapter):
    """What all adapters of categories share."""

    levels: Any  # ndarray or Index

    @property
    def family(self) -> str:
        """Categories can replace categories."""
        return "choice"

    @property
    def exact(self) -> bool:
        """Codes are codes."""
        return True

    def read_as(self, given: object, raw: object) -> ColumnValues:
        """Read a column of another dtype of categories."""
        return self.read(raw)


@dataclass(frozen=True)
class CategoricalAdapter(CategoricalAdapterBase):
    """pandas' category dtype. The whole dtype is kept, unused categories and order included."""

    dtype: pd.CategoricalDtype

    @property
    def levels(self) -> pd.Index:
        """The categories."""
        return self.dtype.categories

    def read(self, raw: Any) -> ColumnValues:
        """Codes into the levels."""
        if isinstance(raw.dtype, pd.CategoricalDtype):
            return recode(np.asarray(raw.codes), raw.dtype.categories, self.levels)
        return recode(*_factorize(raw), self.levels)

    def write(self, cells: ColumnValues) -> RawColumn:
        """The column."""
        return pd.Categorical.from_codes(cells.values, dtype=self.dtype)

    def get_state(self) -> State:
        """Config and arrays."""
        config, arrays = pack_values(self.levels)
        return {"levels": config, "ordered": bool(self.dtype.ordered)}, arrays

    @classmethod
    def from_state(cls, config: Config, arrays: Arrays) -> CategoricalAdapter:
        """The adapter that `get_state` took apart."""
        levels = unpack_values(config["levels"], arrays)
        return cls(pd.CategoricalDtype(levels, ordered=config["ordered"]))


@dataclass(frozen=True)
class TextAdapter(CategoricalAdapterBase):
    """pandas' ``str`` and ``string``, text kept by pyarrow, and numpy's fixed-width strings."""

    levels: pd.Index

    CONFIG: ClassVar[Mapping[str, StoredField]] = {"levels": LEVELS, "dtype": ANY_DTYPE}

    @classmethod
    def fit(cls, raw: Any) -> Self:
        """The adapter of a column, with the texts that occur in it."""
        found = _factorize(raw)[1]
        return cls(raw.dtype, pd.Index(np.sort(found.to_numpy(dtype=object)), dtype=object))

    def read(self, raw: Any) -> ColumnValues:
        """Codes into the levels."""
        if isinstance(raw.dtype, pd.CategoricalDtype):
            return recode(np.asarray(raw.codes), raw.dtype.categories, self.levels)
        return recode(*_factorize(raw), self.levels)

    def write(self, cells: ColumnValues) -> RawColumn:
        """The column."""
        if isinstance(self.dtype, np.dtype):
            return self.levels.to_numpy()[cells.values].astype(self.dtype)
        levels = pd.array(self.levels.to_numpy(), dtype=self.dtype)
        return levels.take(cells.values, allow_fill=True)


@dataclass(frozen=True)
class ObjectAdapter(CategoricalAdapterBase):
    """An object column of text, or of scalars of several types (True, 1 and 1.0 stay apart).

    ``blank`` is what stands for missing: whichever of None, NaN, NA and NaT was seen most.
    """

    dtype: DType = field(default=np.dtype(object), kw_only=True)
    levels: Array
    blank: object
    typed: bool

    CONFIG: ClassVar[Mapping[str, StoredField]] = {"levels": OBJECT_LEVELS, "blank": BLANK, "typed": AS_IT_IS}

    @classmethod
    def fit(cls, raw: object) -> Self:
        """The adapter of a column, with the values that occur in it."""
        raw = np.asarray(raw, dtype=object)
        missing = missing_in(raw)
        blank = blank_of(raw[missing])
        typed = pd.api.types.infer_dtype(raw, skipna=True) != "string"
        if not typed:
            found = np.sort(_factorize(raw)[1].to_numpy(dtype=object))
            return cls(found, blank, typed)
        distinct = {(type(v), v): v for v in raw[~missing]}
        items = sorted(distinct.values(), key=lambda v: (type(v).__name__, str(v)))
        for value in items:
            to_json(value)  # refuses what could not be saved
        return cls(object_array(items), blank, typed)

    def read(self, raw: object) -> ColumnValues:
        """Codes into the levels."""
        if not self.typed:
            return recode(*_factorize(raw), pd.Index(self.levels, dtype=object))
        raw = np.asarray(raw, dtype=object)
        missing = missing_in(raw)
        place = {(type(v), v): i for i, v in enumerate(self.levels)}
        codes = np.full(len(raw), -1, dtype=np.int64)
        codes[~missing] = [place.get((type(v), v), -2) for v in raw[~missing]]
        unseen = codes == -2
        if unseen.any():
            raise _unseen(list(dict.fromkeys(map(repr, raw[unseen]))))
        return ColumnValues(codes, is_missing(missing))

    def write(self, cells: ColumnValues) -> RawColumn:
        """The column."""
        return object_array([*self.levels, self.blank])[cells.values]


def _factorize(raw: Any) -> tuple[Array, pd.Index]:
    codes, levels = pd.factorize(raw)
    return codes, pd.Index(levels, dtype=levels.dtype)  # else objects that are text become ``str``


def recode(codes: Array, given: pd.Index, levels: pd.Index) -> ColumnValues:
    """Codes into ``given`` become codes into ``levels``; only levels that occur must be known."""
    if given is levels or (given.dtype == levels.dtype and given.equals(levels)):
        moved = codes.astype(np.int64)
    else:
        table = np.append(levels.get_indexer(given), -1)
        moved = table[codes].astype(np.int64)
        unknown = (moved < 0) & (codes >= 0)
        if unknown.any():
            raise _unseen([repr(given[code]) for code in np.unique(codes[unknown])])
    return ColumnValues(moved, is_missing(codes < 0))


def _unseen(values: list[str]) -> InvalidDataError:
    shown = ", ".join(values[:5]) + (f" and {len(values) - 5} more" if len(values) > 5 else "")
    return InvalidDataError(
        f"has values that did not occur in the data given to fit: {shown}; drop these rows or fit again with them"
    )
