"""Columns that others bound, as their distance from the bound or their position between two."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ganaug.encoding.dtypes import NumericAdapterBase
from ganaug.encoding.quantiles import outer_bounds
from ganaug.encoding.serialization import from_json, to_json
from ganaug.rules.base_rule import names_from_json, names_json
from ganaug.rules.kinds import Within, rule_from_json
from ganaug.rules.steps import Columns, Restored, as_written
from ganaug.rules.table_view import Bits, ColumnView, Ints, Precision, TableView
from ganaug.utils.types import Array

__all__ = ["Gap"]


@dataclass(frozen=True)
class Gap:
    """A column as its distance from others that bound it, or as its position between them.

    Attributes
    ----------
    lowers, uppers : tuple of hashable
        Columns that it is never below, or above.
    strict : tuple of hashable
        Those that it never equals either.
    within : Within or None
        Intervals of a category.
    low, high : float
        Constants that bound it as well: what replaces a bound that is missing. The range seen, rounded inwards
        (outwards without ``keep_range``) so that no value of a single row is kept.
    limits : tuple of float
        Constants that the user gave, which no row may leave.
    exceptions : bool
        Whether some rows lie outside.
    whole : bool
        Whether it is counted in integers; ``factors`` says how many of them make one unit of each column.
    scale : float
        How many of them are one of the numbers that rules compute with: a day, of dates and durations.
    decimals : int or None
        Of the gap.
    as_it_is : bool
        Whether the column is kept as its own values, for they lie far below what bounds them (5 of 3,000 would be lost
        in the noise of a gap of 2,995), or hardly ever come near it (a gap would blur values that are common). Those of
        new rows that are beyond it are moved there.
    most : float or None
        The largest gap of rows that have a bound, rounded outwards, where other rows have none and their gap is from a
        constant: new rows may get such a gap and a bound. None where all rows have one, or both sides are bounded.
    """

    column: Hashable
    lowers: tuple[Hashable, ...]
    uppers: tuple[Hashable, ...]
    strict: tuple[Hashable, ...]
    within: Within | None
    low: float
    high: float
    limits: tuple[float, float]
    exceptions: bool
    whole: bool
    factors: dict[Hashable, int]
    scale: float
    decimals: int | None
    precision: Precision
    keep_range: bool
    as_it_is: bool = False
    most: float | None = None
    kind: ClassVar[str] = "gap"

    @property
    def targets(self) -> tuple[Hashable, ...]:
        """The column."""
        return (self.column,)

    @property
    def needs(self) -> tuple[Hashable, ...]:
        """The columns that bound it."""
        category = () if self.within is None else (self.within.category,)
        return (*self.lowers, *self.uppers, *category)

    @property
    def below(self) -> bool:
        """Whether anything bounds it from below."""
        return bool(self.lowers) or self.within is not None

    @property
    def above(self) -> bool:
        """Whether anything bounds it from above."""
        return bool(self.uppers) or self.within is not None

    def _own(self, column: ColumnView) -> Array:
        if not self.whole:
            return column.number
        factor = self.factors[column.name]
        return column.cells.values if factor == 1 else column.cells.values * factor

    def _bounds(self, table: TableView | Restored, inner: bool = True) -> tuple[Array, Array]:
        """The bounds of each row, the constants where a column is missing; ``inner`` those of new rows."""
        dtype = np.int64 if self.whole else np.float64
        none = np.iinfo(np.int64).min // 2 if self.whole else -np.inf
        ends = []
        for names, sign, constant in ((self.lowers, 1, self.low), (self.uppers, -1, self.high)):
            bound = np.full(table.n_rows, none, dtype=dtype)
            for name in names:
                column = table.column(name)
                values = sign * self._own(column)
                if column.cells.missing is not None:
                    values = np.where(column.missing, none, values)
                bound = np.maximum(bound, values)
            if self.within is not None:
                limits = self.within.limits(table.column(self.within.category), inner and self.keep_range)
                bound = np.maximum(bound, sign * limits[sign < 0])
            bound = np.where(bound == none, np.asarray(sign * constant, dtype=dtype), bound)
            ends.append(sign * bound)
        return ends[0], ends[1]

    def measured(self, view: TableView) -> Gap:
        """The same with ``most``."""
        if self.as_it_is or self.below == self.above or self.within is not None:
            return self
        gap, known = self._gaps(view)
        if known.all() or not known.any():
            return self
        distinct, counts = np.unique(gap[known].astype(np.float64), return_counts=True)
        return replace(self, most=outer_bounds(distinct, counts)[1])

    def _gaps(self, view: TableView) -> tuple[Array, Bits]:
        """The gap of each row, and which rows have a value and a bound. (n,), (n,)."""
        column = view.column(self.column)
        low, high = self._bounds(view)
        own = self._own(column)
        bounded = np.logical_or.reduce([~view.column(name).missing for name in (*self.lowers, *self.uppers)])
        return own - low if self.below else high - own, bounded & ~column.missing

    def in_range(self, view: TableView) -> Bits:
        """Rows of the original table whose gap is one that rows with a bound have. (n,)."""
        if self.most is None:
            return np.ones(view.n_rows, dtype=bool)
        gap, known = self._gaps(view)
        return np.asarray(~known | (gap <= self.most + 1e-9 * abs(self.most)))

    def rewrite(self, view: TableView) -> Columns:
        """One column of the same name: a gap (of the same kind of number) or a position from 0 to 1."""
        column = view.column(self.column)
        own = self._own(column)
        if self.as_it_is or not (self.below or self.above):
            return {self.column: view.raw(self.column)}
        low, high = self._bounds(view)
        if self.below and self.above:
            width = (high - low).astype(np.float64)
            with np.errstate(divide="ignore", invalid="ignore"):
                place = np.where(width > 0, (own - low) / width, 0.5)
            if self.within is not None:  # extremes that are cut off are no exceptions
                least, most = self._bounds(view, inner=False)
                place = np.where((own >= least) & (own <= most), place.clip(0, 1), place)
            return {self.column: np.where(column.missing, np.nan, place)}
        gap = own - low if self.below else high - own
        if not self.whole:
            gap = np.where(column.missing, np.nan, gap)
            return {self.column: gap if self.decimals is None else np.round(gap, self.decimals)}
        if column.is_time:
            return {self.column: _durations(gap, column.missing, self.scale)}
        return {self.column: with_missing(gap, column.cells.missing)}

    def restore(self, work: Restored) -> None:
        """The column: bounded first, rounded, and bounded again."""
        adapter = work.adapters[self.column]
        stored = work.stored(self.column)
        low, high = self._bounds(work)
        gap = stored.cells.values if self.whole and stored.is_whole else stored.number
        if stored.is_time and self.whole and stored.scale != self.scale and (self.below or self.above):
            finer, coarser = round(stored.scale / self.scale), round(self.scale / stored.scale)
            gap = gap // finer if finer else gap * coarser
        missing = stored.missing if stored.n_missing else None
        if missing is not None and gap.dtype.kind == "f":
            gap = np.where(missing, 0.0, gap)
        if self.as_it_is or not (self.below or self.above):
            values = gap if not self.whole else self._own(work.stored(self.column, adapter))
        elif self.below and self.above:
            values = low + gap * np.maximum(high - low, 0)
        elif self.below:
            values = low + gap
        else:
            values = high - gap
        if self.keep_range and len(values):
            values = np.minimum(np.maximum(values, self.low), self.high)
        plain = self._plain(values, adapter)
        moved = self._inside(plain, low, high, adapter, work)
        if self.exceptions and not self.as_it_is:  # those keep their distance
            inside = (gap >= 0) & (gap <= 1) if self.below and self.above else gap >= 0
            moved = np.where(inside, moved, plain)
        plain = moved
        work.put(self.column, plain, missing)

    def _plain(self, values: Array, adapter: NumericAdapterBase) -> Array:
        """Rounded, in the column's own counts."""
        if self.whole:
            factor = self.factors[self.column]
            counts = values if factor == 1 else values / factor
            grid = self.precision.grid
            if counts.dtype.kind == "i" and (grid is None or grid.step == 1):
                return counts
            base, step = (0, 1) if grid is None else (grid.base, grid.step)
            return np.asarray(np.rint((counts - base) / step).astype(np.int64) * step + base)
        return as_written(np.asarray(values, dtype=np.float64), adapter, self.precision)

    def _inside(self, plain: Array, low: Array, high: Array, adapter: NumericAdapterBase, work: Restored) -> Array:
        """Values moved to the nearest ones that can be written and lie inside."""
        # times and Decimals are compared as days and numbers where they are not counted
        scale = self.factors[self.column] if self.whole else 1 / self.precision.scale
        least, most = self.limits
        if self.above or np.isfinite(most):
            bound = np.minimum(high, most) if self.above else np.full(len(plain), most)
            plain = self._moved(plain, bound, scale, -1, adapter, self._strict(self.uppers, work, bound))
        if self.below or np.isfinite(least):
            bound = np.maximum(low, least) if self.below else np.full(len(plain), least)
            plain = self._moved(plain, bound, scale, 1, adapter, self._strict(self.lowers, work, bound))
        return plain

    def _strict(self, names: tuple[Hashable, ...], work: Restored, bound: Array) -> Bits | bool:
        """Where the bound itself is not allowed."""
        found: Bits | bool = False
        for name in names:
            if name in self.strict:
                column = work.column(name)
                found = found | ((self._own(column) == bound) & ~column.missing)
        return found

    def _moved(
        self, plain: Array, bound: Array, scale: float, sign: int, adapter: NumericAdapterBase, strict: Any
    ) -> Array:
        """Values on the wrong side of a bound, moved to the first one on the right side that can be written."""
        written = _as_written(plain, adapter)
        wrong = (sign * (written * scale - bound) < 0) | (strict & (written * scale == bound))
        if not wrong.any():
            return plain
        strict = np.broadcast_to(strict, wrong.shape)[wrong]
        limit = bound[wrong]
        nearest = self._plain(limit, adapter)
        step: Any = 0 if self.precision.grid is None else self.precision.grid.step / 10.0**self.precision.grid.decimals
        if adapter.inner.kind != "f":
            step = max(int(step), 1)
        for _ in range(3):
            seen = _as_written(nearest, adapter)
            outside = (sign * (seen * scale - limit) < 0) | (strict & (seen * scale == limit))
            if not outside.any():
                break
            if step:
                further = nearest + sign * step
                further = as_written(further, adapter, self.precision) if adapter.inner.kind == "f" else further
            else:
                kind = adapter.inner if adapter.inner.kind == "f" else np.dtype(np.float64)
                further = np.nextafter(nearest.astype(kind), np.asarray(sign * np.inf, kind)).astype(np.float64)
            nearest = np.where(outside, further, nearest)
        moved = plain.copy()
        moved[wrong] = nearest
        return moved

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        simple = ("low", "high", "limits", "exceptions", "whole", "scale", "decimals", "keep_range", "as_it_is")
        stored = {name: getattr(self, name) for name in simple}
        stored |= {name: names_json(getattr(self, name)) for name in ("lowers", "uppers", "strict")}
        stored["column"], stored["precision"] = to_json(self.column), self.precision.to_json()
        stored["limits"] = [None if np.isinf(limit) else limit for limit in self.limits]
        stored |= {} if self.most is None else {"most": self.most}
        stored["within"] = None if self.within is None else self.within.to_json()
        stored["factors"] = [[to_json(name), factor] for name, factor in self.factors.items()]
        return stored

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """What `to_json` wrote."""
        own = dict(stored)
        for name in ("lowers", "uppers", "strict"):
            own[name] = tuple(names_from_json(stored[name]))
        low, high = stored["limits"]
        own["limits"] = (-np.inf if low is None else low, np.inf if high is None else high)
        own["column"], own["precision"] = from_json(stored["column"]), Precision.from_json(stored["precision"])
        own["within"] = None if stored["within"] is None else rule_from_json(stored["within"])
        own["factors"] = {from_json(name): factor for name, factor in stored["factors"]}
        return cls(**own)


def _as_written(plain: Array, adapter: NumericAdapterBase) -> Array:
    """Numbers as they will be read again: float32 loses digits."""
    if adapter.inner.kind == "f" and adapter.inner.itemsize < 8:
        return np.asarray(plain.astype(adapter.inner).astype(np.float64))
    return plain


_UNITS = {1.0: "s", 24.0: "s", 1440.0: "s", 86400.0: "s", 864e5: "ms", 864e8: "us", 864e11: "ns"}


def _durations(counts: Ints, missing: Bits, scale: float) -> Array:
    """Counts of a unit, of which so many are a day, as timedelta64."""
    unit = _UNITS.get(scale, "s")
    factor = round(86400.0 / scale) if unit == "s" else 1
    found = (counts * factor).view(f"m8[{unit}]")
    if missing.any():
        found = np.where(missing, np.array("NaT", dtype=found.dtype), found)
    return found


def with_missing(values: Array, missing: Bits | None) -> Any:
    """Whole or real numbers as a column that can be encoded: nullable only where it has to be."""
    if missing is None or not missing.any():
        return values
    if values.dtype.kind == "f":
        return np.where(missing, np.nan, values)
    return pd.arrays.IntegerArray(np.where(missing, 0, values), missing.copy())
