"""How single columns are rewritten and computed again: groups as states, equations, gaps, lookups, flags."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ganaug.codecs.casts import clip_to
from ganaug.codecs.faces import IntegerFace, MaskedFace, TimeFace
from ganaug.codecs.plain import Array, Plain, is_missing
from ganaug.codecs.values import from_json, to_json
from ganaug.rules.base_rule import names_from_json, names_json
from ganaug.rules.equations import Equation
from ganaug.rules.kinds import Determined, MissingWith, Within, rule_from_json
from ganaug.rules.table_view import Bits, ColumnView, Floats, Ints, Precision, TableView

__all__ = ["STEPS", "Flag", "Formula", "Gap", "Lookup", "Mask", "Restored", "States"]

Label = Hashable
Columns = dict[Label, Any]


class Restored:
    """Columns of a table while it is computed from a rewritten one.

    Parameters
    ----------
    view : TableView
        Of the rewritten table.
    faces : dict of name to dtype adapter
        Of the original columns.
    """

    def __init__(self, view: TableView, faces: dict[Hashable, Any]) -> None:
        self.view, self.faces, self.n_rows = view, faces, view.n_rows
        self._columns: dict[Hashable, ColumnView] = {}
        self.missing: dict[Hashable, Bits] = {}

    def stored(self, label: Label, face: Any = None) -> ColumnView:
        """A column of the rewritten table."""
        return ColumnView(label, self.view.raw(label), face)

    def put(self, name: Hashable, values: Array, missing: Bits | None) -> None:
        """A column that was computed, as it will be written; where it has to be missing it is."""
        face = self.faces[name]
        if face.family == "real":  # no longer than its dtype is
            values = clip_to(values, face.inner).astype(face.inner).astype(values.dtype)
        forced = self.missing.get(name)
        if forced is not None:
            missing = forced if missing is None else missing | forced
        if missing is not None and missing.any() and can_miss(face):
            blank = -1 if face.family == "choice" else 0
            values = np.where(missing, np.asarray(blank, dtype=values.dtype), values)
        else:
            missing = None
        self._columns[name] = ColumnView.of_plain(name, Plain(values, missing), face)

    def column(self, name: Hashable) -> ColumnView:
        """A column of the original table: computed already, or the rewritten table's own."""
        if name not in self._columns:
            own = self.stored(name, self.faces[name])
            if name in self.missing:
                self.put(name, own.plain.values, own.plain.missing)
            else:
                self._columns[name] = own
        return self._columns[name]

    def write(self, name: Hashable) -> Any:
        """The array of a column, in its own dtype."""
        return self.faces[name].write(self.column(name).plain)


def can_miss(face: Any) -> bool:
    """Whether a column of this dtype can hold missing values."""
    return not isinstance(face, IntegerFace) and not (face.family == "choice" and _fixed_text(face))


def _fixed_text(face: Any) -> bool:
    return isinstance(face.dtype, np.dtype) and face.dtype.kind == "U"


def as_plain(values: Floats, face: Any, precision: Precision) -> Array:
    """Numbers (times in days), rounded, as the adapter of their dtype takes them. (n,)."""
    if isinstance(face, TimeFace):
        return precision.whole(values)
    rounded = precision.round(values)
    if face.inner.kind in "iub":
        return np.asarray(np.rint(rounded).astype(np.int64))
    return rounded


def with_missing(values: Array, missing: Bits | None) -> Any:
    """Whole or real numbers as a column that can be encoded: nullable only where it has to be."""
    if missing is None or not missing.any():
        return values
    if values.dtype.kind == "f":
        return np.where(missing, np.nan, values)
    return pd.arrays.IntegerArray(np.where(missing, 0, values), missing.copy())


@dataclass(frozen=True)
class States:
    """A one-hot group as one categorical column of the patterns of zeros and ones that occur.

    Patterns of exceptions, and of members that are missing, are patterns as well.
    """

    members: tuple[Hashable, ...]
    patterns: Ints  # (m, k): 0, 1, or -1 for missing
    kind: ClassVar[str] = "states"

    @property
    def targets(self) -> tuple[Hashable, ...]:
        """Columns that it computes."""
        return self.members

    needs: ClassVar[tuple[Hashable, ...]] = ()

    @classmethod
    def fit(cls, members: tuple[Hashable, ...], view: TableView) -> Self:
        """The patterns that occur."""
        packed, matrix = cls._packed(members, view)
        _, first = np.unique(packed, return_index=True)
        return cls(members, matrix[np.sort(first)])

    @staticmethod
    def _packed(members: tuple[Hashable, ...], view: Any) -> tuple[Array, Ints]:
        columns = [view.column(name) for name in members]
        values = [np.where(c.missing, -1, c.plain.values != 0) if c.n_missing else c.plain.values != 0 for c in columns]
        matrix = np.stack([np.asarray(v, dtype=np.int8) for v in values], axis=1)
        return _as_keys(matrix), matrix.astype(np.int64)

    def rewrite(self, view: TableView) -> Columns:
        """One column, named as the first member."""
        packed, matrix = self._packed(self.members, view)
        known = _as_keys(self.patterns.astype(np.int8))
        order = np.argsort(known)
        at = np.searchsorted(known[order], packed).clip(0, len(known) - 1)
        codes = order[at]
        for row in np.flatnonzero(known[codes] != packed).tolist():  # never seen: the most similar one
            codes[row] = int((self.patterns == matrix[row]).sum(1).argmax())
        return {self.members[0]: pd.Categorical.from_codes(codes, categories=pd.RangeIndex(len(known)))}

    def restore(self, work: Restored) -> None:
        """All members."""
        codes = work.stored(self.members[0]).codes(list(range(len(self.patterns))))
        for k, name in enumerate(self.members):
            values = self.patterns[:, k][codes]
            absent = values < 0
            dtype = np.float64 if work.faces[name].inner.kind == "f" else np.int64
            work.put(name, np.where(absent, 0, values).astype(dtype), absent if absent.any() else None)

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {"members": names_json(self.members), "patterns": self.patterns.tolist()}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """What `to_json` wrote."""
        return cls(tuple(names_from_json(stored["members"])), np.asarray(stored["patterns"], dtype=np.int64))


def _as_keys(matrix: Array) -> Array:
    """Rows of -1, 0 and 1 as strings, which can be sorted and compared. (n, k) int8 -> (n,)."""
    rows = np.ascontiguousarray(matrix + np.int8(2))  # no zero byte, which a string would end at
    return rows.view(f"S{rows.shape[1]}")[:, 0]


@dataclass(frozen=True)
class Formula:
    """A column that is left out and computed from others.

    Attributes
    ----------
    exceptions : bool
        Whether some rows break the equation. The rewritten table then holds their values.
    extra : bool
        Whether the column is there in some rows where it cannot be computed. The same holds.
    gone : bool
        Whether the column is missing in some rows where it could be computed.
    blank : bool
        Whether it is ever missing.
    fill : float
        What stands for a value that cannot be computed and must not be missing.
    """

    rule: Equation
    precision: Precision
    exceptions: bool
    extra: bool
    gone: bool
    blank: bool
    fill: float
    kind: ClassVar[str] = "formula"

    @property
    def targets(self) -> tuple[Hashable, ...]:
        """The column that it computes."""
        return (self.rule.target,)

    @property
    def needs(self) -> tuple[Hashable, ...]:
        """The columns that it is computed from."""
        return self.rule.inputs

    @property
    def flag(self) -> str:
        """Name of the column that says where it is missing."""
        return f"{self.rule.target} is missing"

    @property
    def other(self) -> str:
        """Name of the column that tells exceptions from values of rows that cannot be computed, if there are both."""
        return f"{self.rule.target} is an exception"

    @property
    def labels(self) -> tuple[Hashable, ...]:
        """Names of the columns that the rewritten table may hold for it."""
        return (self.rule.target, self.other, self.flag)

    @classmethod
    def fit(cls, rule: Equation, view: TableView) -> Self:
        """What the equation does not give."""
        column = view.column(rule.target)
        expected = rule.compute([view.column(name).number for name in rule.inputs])
        computed = np.isfinite(expected)
        broken = ~rule.holds(view)
        present = column.number[~column.missing]
        return cls(
            rule,
            column.usual,
            exceptions=bool(broken.any()),
            extra=bool((~column.missing & ~computed).any()),
            gone=bool((column.missing & computed).any()),
            blank=column.n_missing > 0,
            fill=float(np.median(present)) if len(present) else 0.0,
        )

    def rewrite(self, view: TableView) -> Columns:
        """Nothing, or what the equation does not give."""
        target = self.rule.target
        column = view.column(target)
        columns: Columns = {}
        computed = np.isfinite(self.rule.compute([view.column(name).number for name in self.rule.inputs]))
        own = self._own(view, column, computed)
        if self.exceptions or self.extra:
            columns[target] = _sparse_column(column, own)
        if self.exceptions and self.extra:
            columns[self.other] = _yes_or_no(own & computed)
        if self.gone:
            columns[self.flag] = _yes_or_no(column.missing & computed)
        return columns

    def _own(self, view: TableView, column: ColumnView, computed: Bits) -> Bits:
        """Rows whose value the equation does not give. (n,)."""
        return np.asarray(~column.missing & (~computed | ~self.rule.holds(view)))

    def seen(self, view: TableView) -> dict[Hashable, ColumnView]:
        """The column as it will be restored, for those that are rewritten with it."""
        column = view.column(self.rule.target)
        expected = self.rule.compute([view.column(name).number for name in self.rule.inputs])
        computed = np.isfinite(expected)
        keep = ~computed | column.missing | self._own(view, column, computed)
        values = as_plain(np.where(computed, expected, 0.0), column.face, self.precision)
        values = np.where(keep, column.plain.values, values).astype(column.plain.values.dtype)
        written = column.face.read(column.face.write(Plain(values, column.plain.missing)))
        return {column.name: ColumnView.of_plain(column.name, written, column.face)}

    def restore(self, work: Restored) -> None:
        """The column, rounded as its numbers are."""
        target, face = self.rule.target, work.faces[self.rule.target]
        expected = self.rule.compute([work.column(name).number for name in self.rule.inputs])
        computed = np.isfinite(expected)
        lost = ~computed
        values = as_plain(np.where(computed, expected, self.fill) if lost.any() else expected, face, self.precision)
        if self.exceptions or self.extra:
            stored = work.stored(target)
            chosen = ~stored.missing & ((computed & self.exceptions) | (lost & self.extra))
            if self.exceptions and self.extra:
                chosen &= lost | (work.stored(self.other).codes(["no", "yes"]) == 1)
            if chosen.any():
                plain = as_plain(np.where(chosen, stored.number, 0.0), face, self.precision)
                exact = stored.plain.values if stored.plain.values.dtype == plain.dtype else plain
                values = np.where(chosen, exact, values)
            lost = lost & ~chosen
        missing = lost if self.blank else None
        if self.gone:
            said = work.stored(self.flag).codes(["no", "yes"]) == 1
            missing = said | lost
        work.put(target, values, missing)

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        own = {name: getattr(self, name) for name in ("exceptions", "extra", "gone", "blank", "fill")}
        return {"rule": self.rule.to_json(), "precision": self.precision.to_json(), **own}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """What `to_json` wrote."""
        rule: Any = rule_from_json(stored["rule"])
        rest = {name: stored[name] for name in ("exceptions", "extra", "gone", "blank", "fill")}
        return cls(rule, Precision.from_json(stored["precision"]), **rest)


def _yes_or_no(rows: Bits) -> pd.Categorical:
    return pd.Categorical.from_codes(rows.astype(np.int64), categories=pd.Index(["no", "yes"], dtype=object))


def _sparse_column(column: ColumnView, rows: Bits) -> Any:
    """A column's values at some rows, and missing elsewhere, in a dtype that can be so."""
    if isinstance(column.face, (TimeFace, MaskedFace)):
        return column.face.write(Plain(np.where(rows, column.plain.values, 0), is_missing(~rows)))
    return np.where(rows, column.number, np.nan)


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
        Constants that bound it as well: what stands in for a bound that is missing.
    limits : tuple of float
        Constants that the user gave, which no row may leave.
    exceptions : bool
        Whether some rows lie outside.
    whole : bool
        Whether it is counted in integers; ``factors`` says how many of them make one unit of each column.
    per_day : float
        How many of them are a day, of dates and durations.
    decimals : int or None
        Of the gap.
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
    per_day: float
    decimals: int | None
    precision: Precision
    keep_range: bool
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
        return column.plain.values if factor == 1 else column.plain.values * factor

    def _bounds(self, table: Any) -> tuple[Array, Array]:
        """The bounds of each row, the constants where a column is missing."""
        dtype = np.int64 if self.whole else np.float64
        none = np.iinfo(np.int64).min // 2 if self.whole else -np.inf
        ends = []
        for names, sign, constant in ((self.lowers, 1, self.low), (self.uppers, -1, self.high)):
            bound = np.full(table.n_rows, none, dtype=dtype)
            for name in names:
                column = table.column(name)
                values = sign * self._own(column)
                if column.plain.missing is not None:
                    values = np.where(column.missing, none, values)
                bound = np.maximum(bound, values)
            if self.within is not None:
                bound = np.maximum(bound, sign * self.within.limits(table.column(self.within.category))[sign < 0])
            bound = np.where(bound == none, np.asarray(sign * constant, dtype=dtype), bound)
            ends.append(sign * bound)
        return ends[0], ends[1]

    def rewrite(self, view: TableView) -> Columns:
        """One column of the same name: a gap (of the same kind of number) or a position from 0 to 1."""
        column = view.column(self.column)
        own = self._own(column)
        if not (self.below or self.above):
            return {self.column: view.raw(self.column)}
        low, high = self._bounds(view)
        if self.below and self.above:
            width = (high - low).astype(np.float64)
            with np.errstate(divide="ignore", invalid="ignore"):
                place = np.where(width > 0, (own - low) / width, 0.5)
            return {self.column: np.where(column.missing, np.nan, place)}
        gap = own - low if self.below else high - own
        if not self.whole:
            gap = np.where(column.missing, np.nan, gap)
            return {self.column: gap if self.decimals is None else np.round(gap, self.decimals)}
        if column.is_time:
            return {self.column: _durations(gap, column.missing, self.per_day)}
        return {self.column: with_missing(gap, column.plain.missing)}

    def restore(self, work: Restored) -> None:
        """The column: bounded first, rounded, and bounded again."""
        face = work.faces[self.column]
        stored = work.stored(self.column)
        low, high = self._bounds(work)
        gap = stored.plain.values if self.whole and stored.is_whole else stored.number
        if stored.is_time and self.whole and stored.per_day != self.per_day and (self.below or self.above):
            gap = gap // round(stored.per_day / self.per_day)
        missing = stored.missing if stored.n_missing else None
        if missing is not None and gap.dtype.kind == "f":
            gap = np.where(missing, 0.0, gap)
        if not (self.below or self.above):
            values = gap if not self.whole else self._own(work.stored(self.column, face))
        elif self.below and self.above:
            values = low + gap * np.maximum(high - low, 0)
        elif self.below:
            values = low + gap
        else:
            values = high - gap
        if self.keep_range and not (self.below and self.above):
            values = np.minimum(values, self.high) if self.below else np.maximum(values, self.low)
        plain = self._plain(values, face)
        if not self.exceptions:
            plain = self._inside(plain, low, high, face, work)
        work.put(self.column, plain, missing)

    def _plain(self, values: Array, face: Any) -> Array:
        """Rounded, in the column's own counts."""
        if self.whole:
            factor = self.factors[self.column]
            counts = values if factor == 1 else values / factor
            grid = self.precision.grid
            if counts.dtype.kind == "i" and (grid is None or grid.step == 1):
                return counts
            base, step = (0, 1) if grid is None else (grid.base, grid.step)
            return np.asarray(np.rint((counts - base) / step).astype(np.int64) * step + base)
        return as_plain(np.asarray(values, dtype=np.float64), face, self.precision)

    def _inside(self, plain: Array, low: Array, high: Array, face: Any, work: Restored) -> Array:
        """Values moved to the nearest ones that can be written and lie inside."""
        if isinstance(face, TimeFace) and not self.whole:  # compared as days, written as counts
            return plain
        scale = self.factors[self.column] if self.whole else 1
        least, most = self.limits
        if self.above or np.isfinite(most):
            bound = np.minimum(high, most) if self.above else np.full(len(plain), most)
            plain = self._moved(plain, bound, scale, -1, face, self._strict(self.uppers, work, bound))
        if self.below or np.isfinite(least):
            bound = np.maximum(low, least) if self.below else np.full(len(plain), least)
            plain = self._moved(plain, bound, scale, 1, face, self._strict(self.lowers, work, bound))
        return plain

    def _strict(self, names: tuple[Hashable, ...], work: Restored, bound: Array) -> Bits | bool:
        """Where the bound itself is not allowed."""
        found: Bits | bool = False
        for name in names:
            if name in self.strict:
                column = work.column(name)
                found = found | ((self._own(column) == bound) & ~column.missing)
        return found

    def _moved(self, plain: Array, bound: Array, scale: int, sign: int, face: Any, strict: Any) -> Array:
        """Values on the wrong side of a bound, moved to the first one on the right side that can be written."""
        written = _as_written(plain, face)
        wrong = (sign * (written * scale - bound) < 0) | (strict & (written * scale == bound))
        if not wrong.any():
            return plain
        strict = np.broadcast_to(strict, wrong.shape)[wrong]
        limit = bound[wrong]
        nearest = self._plain(limit, face)
        step: Any = 0 if self.precision.grid is None else self.precision.grid.step / 10.0**self.precision.grid.decimals
        if face.inner.kind != "f":
            step = max(int(step), 1)
        for _ in range(3):
            seen = _as_written(nearest, face)
            outside = (sign * (seen * scale - limit) < 0) | (strict & (seen * scale == limit))
            if not outside.any():
                break
            if step:
                further = nearest + sign * step
                further = as_plain(further, face, self.precision) if face.inner.kind == "f" else further
            else:
                kind = face.inner if face.inner.kind == "f" else np.dtype(np.float64)
                further = np.nextafter(nearest.astype(kind), np.asarray(sign * np.inf, kind)).astype(np.float64)
            nearest = np.where(outside, further, nearest)
        moved = plain.copy()
        moved[wrong] = nearest
        return moved

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        simple = ("low", "high", "limits", "exceptions", "whole", "per_day", "decimals", "keep_range")
        stored = {name: getattr(self, name) for name in simple}
        stored |= {name: names_json(getattr(self, name)) for name in ("lowers", "uppers", "strict")}
        stored["column"], stored["precision"] = to_json(self.column), self.precision.to_json()
        stored["limits"] = [None if np.isinf(limit) else limit for limit in self.limits]
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


def _as_written(plain: Array, face: Any) -> Array:
    """Numbers as they will be read again: float32 loses digits."""
    if face.inner.kind == "f" and face.inner.itemsize < 8:
        return np.asarray(plain.astype(face.inner).astype(np.float64))
    return plain


_UNITS = {1.0: "s", 24.0: "s", 1440.0: "s", 86400.0: "s", 864e5: "ms", 864e8: "us", 864e11: "ns"}


def _durations(counts: Ints, missing: Bits, per_day: float) -> Array:
    """Counts of a unit as timedelta64."""
    unit = _UNITS[per_day]
    factor = round(86400.0 / per_day) if unit == "s" else 1
    found = (counts * factor).view(f"m8[{unit}]")
    if missing.any():
        found = np.where(missing, np.timedelta64("NaT", unit), found)
    return found


@dataclass(frozen=True)
class Lookup:
    """A column that is left out, for another one determines it.

    Attributes
    ----------
    levels : tuple
        Values of the column that determines it.
    values : ndarray of shape (len(levels) + 1,)
        Codes or numbers of the determined one, and what it is where the other one is missing.
    missing : ndarray of shape (len(levels) + 1,), bool
    """

    rule: Determined
    levels: tuple[Any, ...]
    values: Array
    missing: Bits
    kind: ClassVar[str] = "lookup"

    @property
    def targets(self) -> tuple[Hashable, ...]:
        """The column that it computes."""
        return (self.rule.column,)

    @property
    def needs(self) -> tuple[Hashable, ...]:
        """The column that determines it."""
        return (self.rule.by,)

    @classmethod
    def fit(cls, rule: Determined, view: TableView) -> Self | None:
        """The table; None if it is no function once missing values count as values."""
        column, by = view.column(rule.column), view.column(rule.by)
        levels = by.levels
        codes = by.codes(levels)
        values = np.zeros(len(levels) + 1, dtype=column.plain.values.dtype)
        missing = np.ones(len(levels) + 1, dtype=bool)
        values[codes], missing[codes] = column.plain.values, column.missing
        if not levels or (values[codes] != column.plain.values).any() or (missing[codes] != column.missing).any():
            return None
        if not by.n_missing:  # whatever most rows have
            common = np.bincount(codes).argmax()
            values[-1], missing[-1] = values[common], missing[common]
        return cls(rule, tuple(levels), values, missing)

    def rewrite(self, view: TableView) -> Columns:
        """Nothing."""
        return {}

    def restore(self, work: Restored) -> None:
        """The column."""
        codes = work.column(self.rule.by).codes(list(self.levels))
        missing = self.missing[codes] if self.missing.any() else None
        work.put(self.rule.column, self.values[codes], missing)

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "rule": self.rule.to_json(),
            "levels": names_json(self.levels),
            "values": [float(v).hex() if self.values.dtype.kind == "f" else int(v) for v in self.values],
            "dtype": self.values.dtype.str,
            "missing": self.missing.tolist(),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """What `to_json` wrote."""
        rule: Any = rule_from_json(stored["rule"])
        values = [float.fromhex(v) if isinstance(v, str) else v for v in stored["values"]]
        missing = np.asarray(stored["missing"], dtype=bool)
        levels = tuple(names_from_json(stored["levels"]))
        return cls(rule, levels, np.asarray(values, dtype=stored["dtype"]), missing)


@dataclass(frozen=True)
class Flag:
    """A column of two values that is left out, for it only says where another one is missing."""

    rule: MissingWith
    other: Any
    kind: ClassVar[str] = "flag"

    @property
    def targets(self) -> tuple[Hashable, ...]:
        """The column that it computes."""
        return (self.rule.by,)

    @property
    def needs(self) -> tuple[Hashable, ...]:
        """The column whose missing values it tells."""
        return (self.rule.column,)

    @classmethod
    def fit(cls, rule: MissingWith, view: TableView) -> Self | None:
        """None unless there are two values, each saying the opposite."""
        by = view.column(rule.by)
        other = [level for level in by.levels if by.codes([level]).max() == 0 and level not in rule.values]
        if len(rule.values) != 1 or len(other) != 1 or by.n_missing or rule.exceptions or not rule.exactly:
            return None
        return cls(rule, other[0])

    def rewrite(self, view: TableView) -> Columns:
        """Nothing."""
        return {}

    def restore(self, work: Restored) -> None:
        """The column."""
        face = work.faces[self.rule.by]
        pair = [self.other, self.rule.values[0]]
        if face.family == "choice":
            place = pd.Index(face.levels, dtype=object)
            table = np.array([place.get_loc(value) for value in pair], dtype=np.int64)
        else:
            table = np.asarray(pair, dtype=np.float64 if face.inner.kind == "f" else np.int64)
        work.put(self.rule.by, table[work.column(self.rule.column).missing.astype(np.int64)], None)

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {"rule": self.rule.to_json(), "other": to_json(self.other)}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """What `to_json` wrote."""
        rule: Any = rule_from_json(stored["rule"])
        return cls(rule, from_json(stored["other"]))


@dataclass(frozen=True)
class Mask:
    """Columns that are missing where others are, or where a category says so.

    Attributes
    ----------
    pairs : tuple of (hashable, hashable)
        The second is missing wherever the first is.
    said : tuple of MissingWith
        With values.
    stored : tuple of hashable
        Columns whose own place in the rewritten table says where they are missing.
    """

    pairs: tuple[tuple[Hashable, Hashable], ...]
    said: tuple[MissingWith, ...]
    stored: tuple[Hashable, ...]
    kind: ClassVar[str] = "mask"

    targets: ClassVar[tuple[Hashable, ...]] = ()
    needs: ClassVar[tuple[Hashable, ...]] = ()

    def rewrite(self, view: TableView) -> Columns:
        """Nothing."""
        return {}

    def restore(self, work: Restored) -> None:
        """Settles where columns are missing before any of them is computed."""
        if not (self.pairs or self.said):
            return
        sides = {name for pair in self.pairs for name in pair} | {rule.column for rule in self.said}
        masks = {name: self._stored(work, name) for name in sides}
        for rule in self.said:
            masks[rule.column] = masks[rule.column] | rule.says(work.column(rule.by))
        for _ in range(len(self.pairs)):
            changed = False
            for source, target in self.pairs:
                joined = masks[source] | masks[target]
                if joined.sum() > masks[target].sum():
                    masks[target], changed = joined, True
            if not changed:
                break
        work.missing = {name: mask for name, mask in masks.items() if mask.any()}

    def _stored(self, work: Restored, name: Hashable) -> Bits:
        if name in self.stored:
            return np.asarray(pd.isna(work.view.raw(name)), dtype=bool)
        flag = f"{name} is missing"
        if flag in work.view:
            return np.asarray(work.stored(flag).codes(["no", "yes"]) == 1)
        return np.zeros(work.n_rows, dtype=bool)

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        pairs, said = [names_json(pair) for pair in self.pairs], [rule.to_json() for rule in self.said]
        return {"pairs": pairs, "said": said, "stored": names_json(self.stored)}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """What `to_json` wrote."""
        said: Any = tuple(rule_from_json(rule) for rule in stored["said"])
        pairs: Any = tuple(tuple(names_from_json(pair)) for pair in stored["pairs"])
        return cls(pairs, said, tuple(names_from_json(stored["stored"])))


STEPS: dict[str, Any] = {step.kind: step for step in (States, Formula, Gap, Lookup, Flag, Mask)}
