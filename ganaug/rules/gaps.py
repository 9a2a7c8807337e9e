"""Columns that others bound or fix: distances from a bound, positions between two, values where it is said so."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ganaug.encoding.dtypes import ColumnValues, NumericAdapterBase
from ganaug.encoding.quantiles import (
    inner_bounds,
    inner_bounds_int,
    is_shared,
    nearby_values,
    outer_bounds,
    outer_bounds_int,
    simple_between,
)
from ganaug.encoding.serialization import from_json, to_json
from ganaug.rules.base_rule import common_factors, names_from_json, names_json
from ganaug.rules.derived import FixedWhere
from ganaug.rules.kinds import Within, rule_from_json
from ganaug.rules.steps import Columns, Restored, as_written
from ganaug.rules.table_view import Bits, ColumnView, Floats, Ints, Precision, TableView, as_stored, count_of
from ganaug.utils.types import Array

__all__ = ["Fixed", "Gap"]

# A column that lies below so much of what bounds it, in so many rows, is kept as it is.
_FAR, _MOSTLY = 0.5, 0.9
# So is one that comes near its bound (a part of its standard deviation) in so few rows, and whose distance from the
# bound varies at least so much as the column: a gap would only blur its common values. A value of so many rows is one.
_NEAR, _SELDOM, _VARIES, _COMMON = 0.1, 0.02, 0.75, 0.05


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
    lower_shifts: dict[Hashable, Any] = field(default_factory=dict)
    upper_shifts: dict[Hashable, Any] = field(default_factory=dict)
    steady: bool = False
    kind: ClassVar[str] = "gap"

    @classmethod
    def fit(cls, view: TableView, name: Hashable, bounds: dict[str, Any], exceptions: bool, keep_range: bool) -> Self:
        """What bounds a column, in the way that suits its numbers."""
        column = view.column(name)
        others = [view.column(other) for other in (*bounds["lowers"], *bounds["uppers"])]
        within: Within | None = bounds.get("within")
        factors = {} if within is not None else _factors([column, *others])
        whole = bool(factors)
        scale = column.scale * factors[name] if whole else 1.0
        own = column.cells.values * factors[name] if whole else column.number
        low, high = _ends(column, own[~column.missing], factors.get(name, 0), keep_range)
        least, most = bounds["limits"]
        if whole:
            least, most = (np.ceil(least * scale), np.floor(most * scale))
        low, high = max(low, least), min(high, most)
        shifts = [_shifts(own, scale, whole, up) for own, up in zip(bounds["shifts"], (True, False), strict=True)]
        decimals = _decimals([column, *others])
        if decimals is not None and any(abs(round(v, decimals) - v) > 1e-12 for own in shifts for v in own.values()):
            decimals = None
        draft = cls(
            name,
            tuple(bounds["lowers"]),
            tuple(bounds["uppers"]),
            tuple(bounds["strict"]),
            within,
            int(low) if whole else float(low),
            int(high) if whole else float(high),
            (float(least), float(most)),
            exceptions=exceptions or bool(within is not None and within.exceptions),
            whole=whole,
            factors=factors,
            scale=scale,
            decimals=decimals,
            precision=column.precision,
            keep_range=keep_range,
            lower_shifts=shifts[0],
            upper_shifts=shifts[1],
        )
        if draft.below and draft.lowers == draft.uppers and within is None and not draft.exceptions:
            base = [view.column(other) for other in draft.lowers]
            draft = replace(draft, steady=len(base) == 1 and not (base[0].missing & ~column.missing).any())
        apart = _far_below(draft, view) or _hardly_bound(draft, view)
        return replace(draft, as_it_is=apart).measured(view)

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

    @property
    def by_place(self) -> bool:
        """Whether it is a position from 0 to 1, and no distance."""
        return self.below and self.above and not self.steady

    def shift(self, name: Hashable) -> float:
        """How far from a column the bound lies that it is, on a column that is bounded on one side."""
        shifts = self.lower_shifts if self.below else self.upper_shifts
        return float(shifts.get(name, 0) / self.scale)

    @property
    def _all_shifts(self) -> tuple[dict[Hashable, Any], dict[Hashable, Any]]:
        return self.lower_shifts, self.upper_shifts

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
        for names, shifts, sign, constant in (
            (self.lowers, self.lower_shifts, 1, self.low),
            (self.uppers, self.upper_shifts, -1, self.high),
        ):
            bound = np.full(table.n_rows, none, dtype=dtype)
            for name in names:
                column = table.column(name)
                values = self._own(column)
                if shifts.get(name):
                    values = values + shifts[name]
                    values = values if self.decimals is None or self.whole else np.round(values, self.decimals)
                values = sign * values
                if column.cells.missing is not None:
                    values = np.where(column.missing, none, values)
                bound = np.maximum(bound, values)
            if self.within is not None:
                limits = self.within.limits(table.column(self.within.category), inner and self.keep_range)
                bound = np.maximum(bound, sign * limits[sign < 0])
            bound = np.where(bound == none, np.asarray(sign * constant, dtype=dtype), bound)
            ends.append(sign * bound)
        return ends[0], ends[1]

    def measured(self, view: TableView) -> Self:
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
        if self.by_place:
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
        elif self.by_place:
            values = low + gap * np.maximum(high - low, 0)
        elif self.steady:
            values = low + self._as_far(gap, work.column(self.lowers[0]).missing)
        elif self.below:
            values = low + gap
        else:
            values = high - gap
        if self.keep_range and len(values):
            values = np.minimum(np.maximum(values, self.low), self.high)
        plain = self._plain(values, adapter)
        moved = self._inside(plain, low, high, adapter, work)
        if self.exceptions and not self.as_it_is:  # those keep their distance
            inside = (gap >= 0) & (gap <= 1) if self.by_place else gap >= 0
            moved = np.where(inside, moved, plain)
        plain = moved
        work.put(self.column, plain, missing)

    def _as_far(self, gap: Array, free: Bits) -> Array:
        """The distances, but as far into the whole range in rows without a bound, of which the table had none."""
        if not free.any():
            return gap
        [base] = self.lowers
        width = self.upper_shifts.get(base, 0) - self.lower_shifts.get(base, 0)
        further = np.clip(gap / max(width, 1e-300), 0, 1) * (self.high - self.low)
        return np.where(free, np.rint(further).astype(np.int64) if self.whole else further, gap)

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
        shifts = [list(map(list, zip(names_json(own), own.values(), strict=True))) for own in self._all_shifts]
        stored |= {"shifts": shifts, "steady": self.steady} if any(shifts) else {}
        stored["within"] = None if self.within is None else self.within.to_json()
        stored["factors"] = [[to_json(name), factor] for name, factor in self.factors.items()]
        return stored

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """What `to_json` wrote."""
        own = dict(stored)
        for name in ("lowers", "uppers", "strict"):
            own[name] = tuple(names_from_json(stored[name]))
        shifts = own.pop("shifts", ([], []))
        own["lower_shifts"], own["upper_shifts"] = ({from_json(name): by for name, by in side} for side in shifts)
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


def _far_below(gap: Gap, view: TableView) -> bool:
    """Whether numbers that are bounded from above only lie in the lower half of what they may be in most rows."""
    column = view.column(gap.column)
    if gap.below or not gap.above or column.is_time:
        return False
    bound = np.fmin.reduce([view.column(name).number + gap.shift(name) for name in gap.uppers])
    low = gap.low / gap.scale
    known = np.isfinite(column.number) & (bound > low)
    share = (column.number[known] - low) / (bound[known] - low)
    return bool(len(share) and np.quantile(share, _MOSTLY) < _FAR)


def _hardly_bound(gap: Gap, view: TableView) -> bool:
    """Whether numbers with a bound on one side stay away from it in most rows, and do not follow it.

    Rows that lie on the bound with a value that many rows share, such as 0, do not count: it is a state of its own.
    """
    column = view.column(gap.column)
    if gap.below == gap.above or gap.within is not None or column.is_time:
        return False
    names, sign, pick = (gap.lowers, 1, np.fmax) if gap.below else (gap.uppers, -1, np.fmin)
    bound = pick.reduce([view.column(name).number + gap.shift(name) for name in names])
    known = np.isfinite(column.number) & np.isfinite(bound)
    own, distance = column.number[known], sign * (column.number - bound)[known]
    _, at, counts = np.unique(own, return_inverse=True, return_counts=True)
    far = distance[(distance != 0) | (counts[at] < _COMMON * len(own))]
    if not len(far):
        return False
    spread = float(own.std())
    return bool(np.mean(far < _NEAR * spread) <= _SELDOM and far.std() >= _VARIES * spread)


def _ends(column: ColumnView, values: npt.NDArray[Any], factor: int, keep_range: bool) -> tuple[float, float]:
    """The range of a column, rounded so that no end is a value of a few rows: of ``factor`` times its whole numbers."""
    if not len(values):
        return 0, 0
    distinct, counts = np.unique(values, return_counts=True)
    if column.is_coarse:
        return distinct[0].item(), distinct[-1].item()
    if not factor:
        return inner_bounds(distinct, counts) if keep_range else outer_bounds(distinct, counts)
    step = (1 if column.precision.grid is None else column.precision.grid.step) * factor
    return (inner_bounds_int if keep_range else outer_bounds_int)(distinct, counts, step)


def _factors(columns: list[ColumnView]) -> dict[Hashable, int]:
    """How many common units make one of each column's, if all are counted; else nothing."""
    found = common_factors(columns)
    return {column.name: factor for column, factor in zip(columns, found, strict=True)} if found else {}


def _decimals(columns: list[ColumnView]) -> int | None:
    """Decimals of differences."""
    grids = [column.precision.grid for column in columns]
    if any(grid is None for grid in grids) or any(column.scale != 1 for column in columns):
        return None
    return max(grid.decimals for grid in grids if grid is not None)


def _shifts(shifts: dict[Hashable, float], scale: float, whole: bool, up: bool) -> dict[Hashable, Any]:
    """Distances of bounds that are not 0, in counts, rounded to the side that is allowed."""
    if not whole:
        return {name: float(by) for name, by in shifts.items() if by}
    counts = {name: by * scale for name, by in shifts.items()}
    slack = {name: 1e-6 + 4e-15 * abs(by) for name, by in counts.items()}
    rounded = {n: int(np.ceil(by - slack[n]) if up else np.floor(by + slack[n])) for n, by in counts.items()}
    return {name: by for name, by in rounded.items() if by}


# --------------------------------------------------------------------------------------
# Values that another column fixes.


# Parts of the column that says where, each with numbers of its own for rows that need another value; and how many.
_PARTS, _CHOICES, _LEAST_IN_PART = 8, 16, 20
# Columns by which such a row picks one.
_HASHED = 16


@dataclass(frozen=True)
class Fixed:
    """A column that has a value where others say so, and where it is said exactly, nowhere else.

    Nothing is rewritten. The other column decides: rows that have the value though they should not get another one, a
    number that is common among rows like them, which their own cells pick.

    Attributes
    ----------
    rules : tuple of FixedWhere
        All of one column. Of those of one value a single one, if it is exact.
    own : bool
        Whether no other step computes the column.
    marks : tuple
        Levels, or numbers between which the parts of the other column lie, that say which row of ``others`` is taken.
    others : ndarray of shape (parts, choices)
        Values, as the column stores them, for rows that must not have the one that is fixed.
    precision : Precision or None
        Of numbers between two of them; None where only these themselves will do.
    """

    rules: tuple[FixedWhere, ...]
    own: bool
    marks: tuple[Any, ...]
    others: Array
    precision: Precision | None = None
    kind: ClassVar[str] = "fixed"

    @property
    def targets(self) -> tuple[Hashable, ...]:
        """The column."""
        return (self.rules[0].column,)

    @property
    def needs(self) -> tuple[Hashable, ...]:
        """The columns that say where."""
        return tuple(rule.by for rule in self.rules)

    @classmethod
    def fit(cls, rules: tuple[FixedWhere, ...], view: TableView) -> Self | None:
        """None if the column has no other value that a row can be given, or none can be given the one that is said."""
        exact = [rule for rule in rules if rule.exactly]
        column = view.column(rules[0].column)
        if not all(rule.has(column).any() for rule in rules):
            return None
        if any(abs(_stored(rule, column)) >= 2.0**63 for rule in rules):  # beyond the integers that restored rows have
            return None
        if not exact:
            return cls(rules, True, (), np.zeros((0, 0), dtype=column.cells.values.dtype))
        by = view.column(exact[0].by)
        free = ~(np.logical_or.reduce([rule.has(column) for rule in rules]) | column.missing | by.missing)
        usable = _usable(column, free, [_stored(rule, column) for rule in rules]) if free.any() else np.zeros(0)
        if not len(usable):
            return None
        marks = _marks(by, free)
        others = np.tile(_spread(column.cells.values[free], usable), (len(marks) + 1, 1))
        _, counts = np.unique(column.cells.values[free], return_counts=True)
        coarse = column.is_coarse or not column.is_numeric or is_shared(counts).all()
        step = cls(rules, True, marks, others, None if coarse else column.usual)
        parts = step._part(by)
        for part in range(len(others)):
            rows = free & (parts == part)
            if rows.sum() >= _LEAST_IN_PART:
                others[part] = _spread(column.cells.values[rows], usable)
        return step

    def rewrite(self, view: TableView) -> Columns:
        """The column as it is."""
        return {self.targets[0]: view.raw(self.targets[0])} if self.own else {}

    def restore(self, work: Restored) -> None:
        """The column with the value where it is said, and another one where it is not."""
        [name] = self.targets
        column = work.column(name)
        values = column.cells.values.copy()
        said = [rule.says(work.column(rule.by)) for rule in self.rules]
        for rule, own in zip(self.rules, said, strict=True):
            if own.any():
                values[own & ~column.missing] = _stored(rule, column)
        told = np.logical_or.reduce(said)
        exact = [rule for rule in self.rules if rule.exactly]
        for rule in exact:
            by = work.column(rule.by)
            wrong = rule.has(column) & ~told & ~(by.missing if rule.values is not None else False)
            rows = np.flatnonzero(wrong)
            if len(rows):
                part = self._part(work.column(exact[0].by).take(rows))
                values[rows] = self._other(part, _lots(work.view, rows), column)
        work.put(name, values, column.cells.missing)

    def _other(self, part: Ints, lots: Floats, column: ColumnView) -> Array:
        """Values of those parts that are not the one that is fixed. (k,), (k,) -> (k,)."""
        at = (lots * _CHOICES).astype(np.int64)
        plain = self.others[part, at]
        if self.precision is None:
            return plain
        further = self.others[part, np.minimum(at + 1, _CHOICES - 1)]
        number = plain + (lots * _CHOICES - at) * (further.astype(np.float64) - plain)
        between = as_written(number / column.scale, column.adapter, self.precision)
        between = as_stored(between, column.adapter).astype(plain.dtype)
        return np.where(np.isin(between, [_stored(rule, column) for rule in self.rules]), plain, between)

    def _part(self, by: ColumnView) -> Ints:
        if by.is_choice or not self.marks:
            return by.codes(list(self.marks)) + 1
        return np.asarray(np.searchsorted(self.marks, np.nan_to_num(by.number)), dtype=np.int64)

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        flat = [float(v).hex() if self.others.dtype.kind == "f" else int(v) for v in self.others.ravel()]
        return {
            "rules": [rule.to_json() for rule in self.rules],
            "own": self.own,
            "marks": [to_json(mark) for mark in self.marks],
            "others": [list(self.others.shape), self.others.dtype.str, flat],
            "precision": None if self.precision is None else self.precision.to_json(),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """What `to_json` wrote."""
        rules: Any = tuple(rule_from_json(rule) for rule in stored["rules"])
        shape, dtype, flat = stored["others"]
        values = [float.fromhex(v) if isinstance(v, str) else v for v in flat]
        marks = tuple(from_json(mark) for mark in stored["marks"])
        precision = None if stored["precision"] is None else Precision.from_json(stored["precision"])
        return cls(rules, stored["own"], marks, np.asarray(values, dtype=dtype).reshape(shape), precision)


def _stored(rule: FixedWhere, column: ColumnView) -> float:
    """The value of a rule as its column stores it."""
    if not column.is_choice:
        count = count_of(rule.value, column.adapter)
        assert count is not None  # some row has it
        return count
    codes = np.arange(len(column.adapter.levels))
    return int(rule.has(ColumnView.of_cells(column.name, ColumnValues(codes), column.adapter)).argmax())


def _usable(column: ColumnView, free: Bits, fixed: list[Any]) -> Array:
    """Values that rows may be given: those that rows share, or numbers near others; never one that is fixed."""
    own = column.cells.values[free]
    values, counts = np.unique(own, return_counts=True)
    if not column.is_coarse:
        alone = ~is_shared(counts)
        distinct = np.unique(column.cells.present())
        step = column.precision.grid.step if column.is_whole and column.precision.grid is not None else 0
        near = nearby_values(values[alone], distinct, step)
        if column.family == "real":
            near = as_written(near.astype(np.float64), column.adapter, column.precision).astype(values.dtype)
        low, high = inner_bounds(values, counts) if len(values) > 1 else (values[0], values[-1])
        values = np.unique(np.concatenate([values[~alone], near[(near >= low) & (near <= high)]]))
    return values[~np.isin(values, fixed)]


def _spread(values: Array, usable: Array) -> Array:
    """Usable values near the quantiles of some rows' values. (n,), (k,) -> (choices,)."""
    places = ((np.arange(_CHOICES) + 0.5) / _CHOICES * len(values)).astype(np.int64)
    wanted = np.sort(values)[places]
    at = np.searchsorted(usable, wanted).clip(0, len(usable) - 1)
    below = np.maximum(at - 1, 0)
    nearer = np.abs(wanted - usable[below]) < np.abs(usable[at] - wanted)
    return np.asarray(usable[np.where(nearer, below, at)])


def _marks(by: ColumnView, free: Bits) -> tuple[Any, ...]:
    """What tells parts of a column apart: its common levels, or numbers between which its rows lie."""
    if by.is_choice:
        codes = by.codes(by.levels)[free]
        counts = np.bincount(codes, minlength=len(by.levels))
        common = [i for i in np.argsort(-counts, kind="stable").tolist() if counts[i] >= _LEAST_IN_PART]
        return tuple(by.levels[i] for i in common[: 4 * _PARTS])
    if not by.is_numeric:
        return ()
    values = np.sort(by.number[free])
    cuts = values[(np.arange(1, _PARTS) / _PARTS * len(values)).astype(np.int64)]
    distinct = np.unique(values)
    at = np.searchsorted(distinct, cuts)
    at = np.unique(np.concatenate([at, at + 1]))  # before and after each: a count of 2 is a part of its own
    at = at[(at > 0) & (at < len(distinct))]
    left, gap = distinct[at - 1], distinct[at] - distinct[at - 1]
    return tuple(simple_between(left + gap / 4, left + 3 * gap / 4).tolist()) if len(at) else ()


def _lots(view: TableView, rows: Ints) -> Floats:
    """A number from 0 to 1 for each of some rows, which follows from what is in the row. (k,) -> (k,)."""
    found: Array = np.zeros(len(rows), dtype=np.uint64)
    for name in view.names[:: -(-len(view.names) // _HASHED)]:
        own = pd.util.hash_pandas_object(pd.Series(view.raw(name)[rows]), index=False)
        found = np.asarray(found * np.uint64(31) + own.to_numpy(np.uint64), dtype=np.uint64)
    return np.asarray((found >> np.uint64(32)) / 2.0**32, dtype=np.float64)
