"""A table as rules read it: each column as numbers or levels, with its missing rows, its scale and its rounding."""

from __future__ import annotations

import copy
import datetime as dt
import difflib
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ganaug.encoding.adapters import adapter_of
from ganaug.encoding.containers import CONTAINERS, container_of
from ganaug.encoding.dtypes import (
    ColumnValues,
    DtypeAdapter,
    NumericAdapterBase,
    Table,
    TimesInUnit,
    clip_to,
)
from ganaug.encoding.object_columns import DecimalAdapterBase, ObjectNumberAdapter
from ganaug.encoding.quantiles import DecimalGrid, float_grid, integer_step, is_coarse
from ganaug.exceptions import GanaugError, InvalidDataError
from ganaug.utils.types import Array

__all__ = [
    "Bits",
    "ColumnView",
    "Floats",
    "Ints",
    "Precision",
    "TableView",
    "as_stored",
    "count_of",
    "is_missing_value",
    "mask_of",
    "number_of",
    "scale_of",
    "view_of",
]

# --------------------------------------------------------------------------------------
# Columns that are counted: times and Decimals as numbers (days, and the amounts themselves), and back, exactly.


_PER_DAY = {"W": 1 / 7, "D": 1.0, "h": 24.0, "m": 1440.0, "s": 86400.0, "ms": 864e5, "us": 864e8, "ns": 864e11}
_NANOSECONDS = 864e11
_MIDNIGHT = dt.datetime(2000, 1, 1)


def scale_of(adapter: DtypeAdapter) -> float | None:
    """Counts in one of the numbers that rules compute with; None for what is not counted so (text, months).

    Times are computed with in days, Decimals as they are; all other numbers are counts of 1.
    """
    if isinstance(adapter, TimesInUnit):
        name, count = np.datetime_data(adapter.counted)
        return _PER_DAY[name] / count if name in _PER_DAY else None
    if isinstance(adapter, DecimalAdapterBase):
        return float(10.0**-adapter.exponent)
    return 1.0 if adapter.family == "real" else None


def as_stored(values: Array, adapter: NumericAdapterBase) -> Array:
    """Values as they are read again once they are written: no larger than the dtype holds, float32 rounded."""
    if adapter.limits is not None:
        return values.clip(*adapter.limits)
    brought = isinstance(adapter, TimesInUnit) and (adapter.days or getattr(adapter, "unit", None) == "us")
    if isinstance(adapter, ObjectNumberAdapter) or brought:
        return np.asarray(adapter.read(adapter.write(ColumnValues(values))).values)
    if adapter.family == "real":
        return np.asarray(clip_to(values, adapter.inner).astype(adapter.inner).astype(values.dtype))
    return values


def number_of(value: Any, adapter: DtypeAdapter) -> float:
    """A value that a user gave, as the number that rules compare a column's with.

    Raises
    ------
    TypeError, ValueError
        If it is of another kind.
    """
    if isinstance(adapter, TimesInUnit):
        return float(_moment_or_duration(value, adapter) / np.timedelta64(1, "ns")) / _NANOSECONDS
    if adapter.family == "choice":
        raise TypeError("text cannot be compared")
    return float(value)


def count_of(value: Any, adapter: DtypeAdapter) -> int | float | None:
    """A value as a column stores it; None if no row of the column can have it.

    Raises
    ------
    TypeError, ValueError
        If it is of another kind.
    """
    if isinstance(adapter, TimesInUnit):
        exact = _moment_or_duration(value, adapter)
        counts = exact.astype(adapter.counted.str.replace("M8", "m8"))
        return int(counts.astype(np.int64)) if counts == exact else None
    number = float(value)
    if not isinstance(adapter, DecimalAdapterBase):
        return number
    count = round(number * 10.0**-adapter.exponent)
    return count if abs(count / 10.0**-adapter.exponent - number) <= 1e-12 * abs(number) else None


def _moment_or_duration(value: Any, adapter: TimesInUnit) -> Any:
    """Since 1970, or of a day's beginning, or the duration, as numpy's timedelta64."""
    if isinstance(value, (bool, int, float, np.number)) and not isinstance(value, np.timedelta64):
        raise TypeError("a number is neither a date nor a duration")
    if adapter.family == "clock":
        if isinstance(value, str):
            value = dt.time.fromisoformat(value)
        if isinstance(value, dt.time):
            value = dt.datetime.combine(_MIDNIGHT.date(), value.replace(tzinfo=None)) - _MIDNIGHT
    if adapter.family in ("clock", "time m"):
        return pd.Timedelta(value).to_timedelta64()
    moment: Any = pd.Timestamp(value)
    zone = _zone(adapter)
    if moment.tzinfo is None and zone is not None:
        moment = moment.tz_localize(zone)
    if moment.tzinfo is not None:
        moment = moment.tz_convert(None)
    return moment.to_datetime64() - np.datetime64(0, "s").astype(moment.to_datetime64().dtype)


def _zone(adapter: DtypeAdapter) -> object:
    """The time zone of a column."""
    own = getattr(adapter, "zone", None) or getattr(adapter.dtype, "tz", None)
    return own or getattr(getattr(adapter.dtype, "pyarrow_dtype", None), "tz", None)


# --------------------------------------------------------------------------------------
# A table as rules read it: each column once, as numbers or levels, with its missing rows and its rounding.


Bits = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_PROBE = 4096
_MOST_DIGITS = 7
_USUAL_DISTINCT, _USUAL_ROWS = 0.9, 0.97
_EXACT = 2.0**53
# rounding of float64 and float32, with room for a handful of operations
_EPSILON = {8: 4e-15, 4: 2.5e-7, 2: 2e-3}


@dataclass(frozen=True)
class Precision:
    """How finely a column's numbers are written.

    Attributes
    ----------
    grid : Grid or None
        Whole numbers, decimals, multiples of 5.
    digits : int or None
        Significant digits, where there is no grid.
    epsilon : float
        Relative rounding of the dtype.
    scale : float
        Units of the grid in one of the numbers: 86,400 for times in seconds, which are counted in days; 100 for
        Decimals of two decimals, whose units are hundredths.
    """

    grid: DecimalGrid | None = None
    digits: int | None = None
    epsilon: float = _EPSILON[8]
    scale: float = 1.0

    @property
    def step(self) -> float:
        """Distance of two neighbours on the grid; 0 without one."""
        return 0.0 if self.grid is None else self.grid.step / 10.0**self.grid.decimals / self.scale

    @property
    def unit(self) -> tuple[float, float]:
        """Half of the last digit: absolute, and relative to the value."""
        if self.digits is not None:
            return 0.0, 0.5 * 10.0 ** (1 - self.digits)
        return 0.5 * self.step, self.epsilon

    def last_digit(self, values: Floats) -> float:
        """What the last significant digit is worth, in half of the values at least."""
        known = np.abs(values[values != 0])
        return float(np.median(10.0 ** (np.floor(np.log10(known)) - (self.digits or 0) + 1))) if len(known) else 0.0

    def round(self, values: Floats) -> Floats:
        """The nearest numbers that can be written."""
        if self.grid is not None:
            return np.asarray(self.grid.snap(values * self.scale) / self.scale)
        if self.digits is None:
            return values
        with np.errstate(divide="ignore", invalid="ignore"):
            power = 10.0 ** (np.floor(np.log10(np.abs(values))) - self.digits + 1)
            power = np.where(np.isfinite(power) & (power > 1e-300), power, 1.0)
            whole = np.rint(values / power)
            # dividing by a power of ten gives the float that the decimal number would be parsed as
            return np.where(power < 1, whole / np.rint(1 / power), whole * power)

    def whole(self, values: Floats) -> Ints:
        """The same as counts of the dtype's unit, exactly."""
        grid = self.grid or DecimalGrid(0, 0, 1)
        steps = np.rint((values * self.scale - grid.base) / grid.step)
        return np.asarray(steps.astype(np.int64) * grid.step + grid.base)

    def to_json(self) -> list[Any]:
        """JSON values."""
        return [None if self.grid is None else self.grid.to_json(), self.digits, self.epsilon, self.scale]

    @classmethod
    def from_json(cls, stored: list[Any]) -> Precision:
        """What `to_json` wrote."""
        grid, digits, epsilon, scale = stored
        return cls(None if grid is None else DecimalGrid(**grid), digits, epsilon, scale)


class ColumnView:
    """One column.

    Parameters
    ----------
    name : hashable
        As the container names it; the number of a column of an array.
    raw : ndarray or ExtensionArray of shape (n,)
    adapter
        Its dtype adapter, where it is known already.
    """

    def __init__(self, name: Hashable, raw: object, adapter: Any = None) -> None:
        self.name = name
        try:
            self.adapter: Any = adapter_of(raw) if adapter is None else adapter
            self.cells: ColumnValues = self.adapter.read(raw)
            if self.cells.values.dtype.kind == "f" and np.isinf(self.cells.values).any():
                raise InvalidDataError("contains infinity; replace it with a finite number or NaN")
        except GanaugError as error:
            raise type(error)(f"column {name!r} {error}") from error

    @classmethod
    def of_cells(cls, name: Hashable, cells: ColumnValues, adapter: object) -> ColumnView:
        """A column that was read before."""
        view = cls.__new__(cls)
        view.name, view.cells, view.adapter = name, cells, adapter
        return view

    def __len__(self) -> int:
        return len(self.cells)

    def take(self, rows: Array) -> ColumnView:
        """The same column at some rows."""
        return ColumnView.of_cells(self.name, self.cells.take(rows), self.adapter)

    @property
    def family(self) -> str:
        """One of "real", "decimal", "time M", "time m", "zoned", "clock" or "choice"."""
        return str(self.adapter.family)

    @property
    def measure(self) -> str:
        """What it measures: columns of one measure can be compared. "number", or the family."""
        return "number" if self.family in ("real", "decimal") else self.family

    @property
    def is_number(self) -> bool:
        """Whether it holds numbers, Decimals among them."""
        return self.measure == "number"

    @property
    def is_time(self) -> bool:
        """Whether it holds dates, durations or times of day, in a unit of which a day has a known number."""
        return isinstance(self.adapter, TimesInUnit) and scale_of(self.adapter) is not None

    @property
    def is_date(self) -> bool:
        """Whether it holds dates without a time zone."""
        return self.is_time and self.family == "time M"

    @property
    def is_numeric(self) -> bool:
        """Whether rules can compute with it."""
        return self.is_number or self.is_time

    @property
    def is_blank(self) -> bool:
        """Whether all of it is missing: objects then tell nothing of what the column holds elsewhere."""
        return self.n_missing == len(self)

    @property
    def is_choice(self) -> bool:
        """Whether it holds text or categories."""
        return self.family == "choice"

    @cached_property
    def missing(self) -> Bits:
        """Where it is missing. (n,)."""
        if self.cells.missing is None:
            return np.zeros(len(self), dtype=bool)
        return np.asarray(self.cells.missing, dtype=bool)

    @cached_property
    def n_missing(self) -> int:
        """How many rows are missing."""
        return int(self.missing.sum())

    @cached_property
    def scale(self) -> float:
        """What is counted in one of its numbers: units of a time in a day, 100 of a Decimal's hundredths, else 1."""
        return scale_of(self.adapter) or 1.0

    @cached_property
    def number(self) -> Floats:
        """Numbers, and times in days, as floats; NaN where missing. (n,)."""
        values = self.cells.values.astype(np.float64)
        if self.scale != 1:
            values = values / self.scale
        if self.cells.missing is not None:
            values[self.cells.missing] = np.nan
        return np.asarray(values)

    @cached_property
    def is_whole(self) -> bool:
        """Whether it is counted exactly: integers, bool, times and Decimals."""
        return self.cells.values.dtype.kind in "iu" and not self.is_choice

    @cached_property
    def exact(self) -> bool:
        """Whether floats hold its numbers exactly."""
        if self.cells.values.dtype.kind == "f" or not len(self):
            return True
        values = self.cells.values
        return max(abs(int(values.min())), abs(int(values.max()))) < _EXACT

    @cached_property
    def distinct(self) -> Array:
        """Values (or codes) that occur, each once, in order."""
        return np.unique(self.cells.present())

    @cached_property
    def is_flag(self) -> bool:
        """Whether it holds 0 and 1, both, and nothing else."""
        values = self.cells.present()
        if not self.is_number or not len(values) or values.min() != 0 or values.max() != self.scale:
            return False
        return bool(((values == 0) | (values == self.scale)).all())

    @cached_property
    def levels(self) -> list[Any]:
        """The values that its codes or numbers stand for, as Python objects; those that occur, in order."""
        if self.is_choice:
            known = pd.Index(self.adapter.levels, dtype=object)
            return [known[code] for code in self.distinct.tolist()]
        if self.family != "real":
            return list(pd.Series(self.adapter.write(ColumnValues(self.distinct))))
        return [bool(v) for v in self.distinct] if self.adapter.inner.kind == "b" else list(self.distinct.tolist())

    def codes(self, levels: list[Any]) -> Ints:
        """Places of the values in a list of levels; -1 where missing or not among them. (n,)."""
        if not levels:
            return np.full(len(self), -1, dtype=np.int64)
        if self.is_choice:
            place = {_plainly(level): i for i, level in enumerate(levels)}
            own = pd.Index(self.adapter.levels, dtype=object)
            table = np.array([*(place.get(_plainly(level), -1) for level in own), -1], dtype=np.int64)
            return np.asarray(table[self.cells.values])
        values = self.cells.values
        known = self._counts(levels)
        if known.dtype.kind != values.dtype.kind:
            values, known = values.astype(np.float64), known.astype(np.float64)
        order = np.argsort(known, kind="stable")
        at = np.searchsorted(known[order], values).clip(0, len(known) - 1)
        found = np.where(known[order][at] == values, order[at], -1)
        return np.asarray(np.where(self.missing, -1, found), dtype=np.int64)

    def _counts(self, levels: list[Any]) -> Array:
        """Levels as they are stored; a number that no row has for a level of another kind. (k,)."""
        if self.family == "real":
            return np.asarray(levels, dtype=np.float64)
        if not self.is_numeric:
            raise InvalidDataError(
                f"column {self.name!r} holds times in {self.adapter.counted}, whose values no rule can name; convert "
                "it to days, or drop the rule"
            )
        counts = []
        for level in levels:
            try:
                counts.append(None if is_missing_value(level) else count_of(level, self.adapter))
            except (TypeError, ValueError):
                counts.append(None)
        none = np.iinfo(np.int64).min
        return np.array([none if count is None else count for count in counts], dtype=np.int64)

    @cached_property
    def is_coarse(self) -> bool:
        """Whether it holds text, or numbers that can only be a few hundred: its extremes describe no single row."""
        values = self.cells.present()
        if self.is_choice or not len(values):
            return True
        grid, ends = self.precision.grid, np.array([values.min(), values.max()])
        return grid is not None and is_coarse(ends if self.is_whole else grid.whole(ends), grid.step)

    @cached_property
    def precision(self) -> Precision:
        """How finely its numbers are written."""
        values = self.cells.present()
        if self.is_choice or not len(values):
            return Precision()
        if self.is_whole:
            if getattr(self.adapter, "days", None):  # an hour or so off this grid, where the clocks have changed
                a_day = round(self.scale)
                return Precision(DecimalGrid(0, int(values.min()) % a_day, a_day), scale=self.scale)
            return Precision(_whole_grid(values), scale=self.scale)
        dtype = self.adapter.inner
        epsilon = _EPSILON.get(dtype.itemsize, _EPSILON[8])
        probe = np.unique(values[:_PROBE])
        grid = float_grid(probe, dtype)
        if grid is not None and len(values) > _PROBE and not grid.holds(values, dtype):
            grid = float_grid(np.unique(values), dtype)  # more decimals further down
        by_grid = Precision(grid, None, epsilon)
        if grid is not None and grid.decimals <= 2:
            return by_grid
        for digits in range(3, _MOST_DIGITS + 1):
            guess = Precision(None, digits, epsilon)
            if all(_same(guess.round(part), part, dtype) for part in (probe[:64], probe, values)):
                return guess if grid is None or guess.last_digit(probe) > 3 * by_grid.step else by_grid
        return by_grid

    @cached_property
    def usual(self) -> Precision:
        """The rounding of nearly all numbers, where a few are finer: 107, 98, 2.9."""
        exact = self.precision
        finest = _MOST_DIGITS if exact.grid is None else exact.grid.decimals
        if self.is_whole or self.is_choice or finest == 0 or exact.digits is not None:
            return exact
        values = self.cells.present()[:_PROBE]
        distinct = np.unique(values)
        for decimals in range(min(finest, 4)):
            guess = Precision(DecimalGrid(decimals, 0, 1), None, exact.epsilon)
            dtype = self.adapter.inner
            if (guess.round(distinct).astype(dtype) == distinct.astype(dtype)).mean() < _USUAL_DISTINCT:
                continue
            if (guess.round(values).astype(dtype) == values.astype(dtype)).mean() >= _USUAL_ROWS:
                return guess
        return exact


def _whole_grid(values: Array) -> DecimalGrid:
    """The steps in which integers come, found in the first ones and confirmed by all."""
    low = int(values.min())
    if values.dtype.kind == "u" or max(abs(low), abs(int(values.max()))) > 2**62:
        return DecimalGrid(0, 0, 1)
    step = integer_step(np.unique(values[:_PROBE] - low).astype(np.uint64))
    if step > 1 and len(values) > _PROBE and ((values - low) % step).any():
        step = 1
    return DecimalGrid(0, low % step, step)


def _same(a: Floats, b: Floats, dtype: np.dtype[Any]) -> bool:
    return bool(np.array_equal(a.astype(dtype), b.astype(dtype)))


def _plainly(value: object) -> object:
    """A key by which 1, 1.0 and numpy's 1 are one level, and True and "1" are others."""
    if isinstance(value, (bool, np.bool_)):
        return bool, bool(value)
    if isinstance(value, (int, float, np.number)):
        return float, float(value)
    if isinstance(value, str):
        return str, str(value)
    return type(value).__name__, value


def is_missing_value(value: Any) -> bool:
    """Whether one scalar stands for missing."""
    missing = pd.isna(value)
    return bool(missing) if np.isscalar(missing) or isinstance(missing, (bool, np.bool_)) else False


class TableView:
    """A table, whose columns are read when they are asked for, and once.

    Parameters
    ----------
    kind : str
        Of its container.
    table : Table
    adapters : dict of name to dtype adapter
        Those that are known already.
    """

    def __init__(
        self, kind: str, table: Table, adapters: dict[Hashable, Any] | None = None, source: object = None
    ) -> None:
        self.kind, self.table, self.adapters, self._source = kind, table, adapters or {}, source
        self.names: list[Hashable] = list(range(table.n_columns) if table.names is None else table.names)
        self.n_rows = table.n_rows
        self._place = {name: j for j, name in enumerate(self.names)}
        self._columns: dict[Hashable, ColumnView] = {}

    def __contains__(self, name: Hashable) -> bool:
        return name in self._place

    def raw(self, name: Hashable) -> Any:
        """The array behind a column."""
        return self.table.get(self._place[name])

    def original(self) -> Any:
        """The table that it is a view of."""
        return self._source

    def column(self, name: Hashable) -> ColumnView:
        """A column.

        Raises
        ------
        InvalidDataError
            If there is none of this name.
        """
        found = self._columns.get(name)
        if found is not None:
            return found
        if name not in self._place:
            near = difflib.get_close_matches(str(name), [str(n) for n in self.names], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; its columns are {_listed(self.names)}"
            raise InvalidDataError(f"the table has no column {name!r}, which a rule names{hint}")
        column = self._columns[name] = ColumnView(name, self.raw(name), self.adapters.get(name))
        return column

    def take(self, rows: Array) -> TableView:
        """The same table at some rows."""
        return _SomeRows(self, rows)

    def overlaid(self) -> TableView:
        """The same table, of which columns can be replaced."""
        view = copy.copy(self)
        view._columns = {name: self.column(name) for name in self._columns}
        return view

    def replace(self, columns: dict[Hashable, ColumnView]) -> None:
        """Other values for some columns."""
        self._columns |= columns


class _SomeRows(TableView):
    """Some rows of another view, whose columns are read once for both."""

    def __init__(self, whole: TableView, rows: Array) -> None:
        super().__init__(whole.kind, whole.table, whole.adapters)
        self.n_rows, self._whole, self._rows = len(rows), whole, rows

    def column(self, name: Hashable) -> ColumnView:
        if name not in self._columns:
            self._columns[name] = self._whole.column(name).take(self._rows)
        return self._columns[name]

    def raw(self, name: Hashable) -> Any:
        return self._whole.raw(name)[self._rows]

    def original(self) -> Any:
        whole = self._whole.original()
        return whole.iloc[self._rows] if hasattr(whole, "iloc") else whole[self._rows]


def _listed(names: list[Hashable], most: int = 8) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def mask_of(said: Any, missing: bool) -> Bits | None:
    """Truth values that a function of the user's returned, missing ones as given; None where it is something else."""
    if np.ndim(said) != 1:
        return None
    values = pd.Series(said)
    if values.dtype == object:
        there = values.notna()
        if not all(isinstance(value, (bool, np.bool_)) for value in values[there]):
            return None
        return np.where(there, values, missing).astype(bool)
    return np.asarray(values.fillna(missing), dtype=bool) if pd.api.types.is_bool_dtype(values.dtype) else None


def view_of(X: object) -> TableView:
    """A table of any container that `TabularGAN` takes; a view is returned as it is.

    Raises
    ------
    InvalidTypeError, InvalidDataError
        If X is no table.
    """
    if isinstance(X, TableView):
        return X
    kind, X = container_of(X)
    return TableView(kind, CONTAINERS[kind].open(X), source=X)
