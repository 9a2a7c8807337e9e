"""How columns are left out and computed again: groups as states, equations, lookups, flags, missing values."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pandas as pd

from ganaug.encoding.dtypes import (
    ColumnValues,
    DtypeAdapter,
    IntegerAdapter,
    MaskedAdapter,
    NumericAdapterBase,
    SparseAdapter,
    TimesInUnit,
    is_missing,
)
from ganaug.encoding.quantiles import inner_bounds, is_shared, nearby_values, rounded_median
from ganaug.encoding.serialization import from_json, to_json
from ganaug.rules.base_rule import names_from_json, names_json
from ganaug.rules.equations import Equation
from ganaug.rules.kinds import Determined, MissingWith, OneHot, rule_from_json
from ganaug.rules.table_view import Bits, ColumnView, Floats, Ints, Precision, TableView, as_stored, count_of, number_of
from ganaug.utils.types import Array

if TYPE_CHECKING:
    from ganaug.rules.table_view import TableView

__all__ = ["Columns", "Flag", "Formula", "Lookup", "Mask", "Restored", "States", "as_written"]

Label = Hashable
Columns = dict[Label, Any]


class Restored:
    """Columns of a table while it is computed from a rewritten one.

    Parameters
    ----------
    view : TableView
        Of the rewritten table.
    adapters : dict of name to dtype adapter
        Of the original columns.
    """

    def __init__(self, view: TableView, adapters: dict[Hashable, Any]) -> None:
        self.view, self.adapters, self.n_rows = view, adapters, view.n_rows
        self._columns: dict[Hashable, ColumnView] = {}
        self.missing: dict[Hashable, Bits] = {}

    def stored(self, label: Label, adapter: object = None) -> ColumnView:
        """A column of the rewritten table."""
        return ColumnView(label, self.view.raw(label), adapter)

    def put(self, name: Hashable, values: Array, missing: Bits | None) -> None:
        """A column that was computed, as it will be written; where it has to be missing it is."""
        adapter = self.adapters[name]
        if adapter.family != "choice":
            values = as_stored(values, adapter)
        forced = self.missing.get(name)
        if forced is not None:
            missing = forced if missing is None else missing | forced
        if missing is not None and missing.any() and can_miss(adapter):
            blank = -1 if adapter.family == "choice" else 0
            values = np.where(missing, np.asarray(blank, dtype=values.dtype), values)
        else:
            missing = None
        self._columns[name] = ColumnView.of_cells(name, ColumnValues(values, missing), adapter)

    def column(self, name: Hashable) -> ColumnView:
        """A column of the original table: computed already, or the rewritten table's own."""
        if name not in self._columns:
            own = self.stored(name, self.adapters[name])
            if name in self.missing:
                self.put(name, own.cells.values, own.cells.missing)
            else:
                self._columns[name] = own
        return self._columns[name]

    def write(self, name: Hashable) -> Any:
        """The array of a column, in its own dtype."""
        return self.adapters[name].write(self.column(name).cells)


def can_miss(adapter: DtypeAdapter) -> bool:
    """Whether a column of this dtype can hold missing values."""
    if isinstance(adapter, (IntegerAdapter, SparseAdapter)):
        return bool(adapter.inner.kind == "f")
    return not (adapter.family == "choice" and _fixed_text(adapter))


def _fixed_text(adapter: DtypeAdapter) -> bool:
    return isinstance(adapter.dtype, np.dtype) and adapter.dtype.kind == "U"


def as_written(values: Floats, adapter: NumericAdapterBase, precision: Precision) -> Array:
    """Numbers (times in days), rounded, as the adapter of their dtype takes them. (n,)."""
    if adapter.family != "real":
        return precision.whole(values)
    rounded = precision.round(values)
    if adapter.inner.kind in "iub":
        return np.asarray(np.rint(rounded).astype(np.int64))
    return rounded


@dataclass(frozen=True)
class States:
    """A one-hot group as one categorical column of the patterns of zeros and ones that occur.

    Patterns of exceptions, and of members that are missing, are patterns as well if several rows share them.
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
    def fit(cls, rule: OneHot, view: TableView) -> Self:
        """The patterns that occur: all that keep the rule, and others that rows share."""
        packed, matrix = cls._packed(rule.columns, view)
        _, first, counts = np.unique(packed, return_index=True, return_counts=True)
        complete = (matrix[first] >= 0).all(1)
        kept = (complete & rule.holds(view)[first]) | is_shared(counts)
        return cls(rule.columns, matrix[np.sort(first[kept] if kept.any() else first)])

    @staticmethod
    def _packed(members: tuple[Hashable, ...], view: TableView) -> tuple[Array, Ints]:
        columns = [view.column(name) for name in members]
        values = [np.where(c.missing, -1, c.cells.values != 0) if c.n_missing else c.cells.values != 0 for c in columns]
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
            adapter = work.adapters[name]
            dtype = np.float64 if adapter.inner.kind == "f" else np.int64
            one = count_of(1, adapter) or 1
            work.put(name, np.where(absent, 0, values * one).astype(dtype), absent if absent.any() else None)

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
    low, high : float
        The range seen, rounded inwards, where numbers are to stay within it; infinite otherwise.
    mark : str
        What the names of further columns end in; see `free_mark`.
    """

    rule: Equation
    precision: Precision
    exceptions: bool
    extra: bool
    gone: bool
    blank: bool
    fill: float
    low: float = -np.inf
    high: float = np.inf
    mark: str = ""
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
        return missing_flag(self.rule.target, self.mark)

    @property
    def other(self) -> str:
        """Name of the column that tells exceptions from values of rows that cannot be computed, if there are both."""
        return f"{self.rule.target} is an exception{self.mark}"

    @property
    def labels(self) -> tuple[Hashable, ...]:
        """Names of the columns that the rewritten table may hold for it."""
        return (self.rule.target, self.other, self.flag)

    @classmethod
    def fit(cls, rule: Equation, view: TableView, keep_range: bool = False) -> Self:
        """What the equation does not give, and the range of what it gives."""
        column = view.column(rule.target)
        expected = rule.compute(rule.read(view))
        computed = np.isfinite(expected)
        broken = ~rule.holds(view)
        present = column.number[~column.missing]
        low, high = -np.inf, np.inf
        if keep_range and len(present):
            distinct, counts = np.unique(present, return_counts=True)
            low, high = (distinct[0], distinct[-1]) if column.is_coarse else inner_bounds(distinct, counts)
        return cls(
            rule,
            column.usual,
            exceptions=bool(broken.any()),
            extra=bool((~column.missing & ~computed).any()),
            gone=bool((column.missing & computed).any()),
            blank=column.n_missing > 0,
            fill=rounded_median(present) if len(present) else 0.0,
            mark=free_mark(view),
            low=float(low),
            high=float(high),
        )

    def in_range(self, view: TableView) -> Bits:
        """Rows whose value is within the range seen, or missing. (n,)."""
        values = view.column(self.rule.target).number
        slack = 1e-9 * max(abs(end) for end in (self.low, self.high, 0.0) if np.isfinite(end))
        return np.asarray(~((values < self.low - slack) | (values > self.high + slack)))

    def rewrite(self, view: TableView) -> Columns:
        """Nothing, or what the equation does not give."""
        target = self.rule.target
        column = view.column(target)
        columns: Columns = {}
        computed = np.isfinite(self.rule.compute(self.rule.read(view)))
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
        expected = self.rule.compute(self.rule.read(view))
        computed = np.isfinite(expected)
        keep = ~computed | column.missing | self._own(view, column, computed)
        values = as_written(np.where(computed, expected, 0.0), column.adapter, self.precision)
        values = np.where(keep, column.cells.values, values).astype(column.cells.values.dtype)
        plain = ColumnValues(as_stored(values, column.adapter), column.cells.missing)
        return {column.name: ColumnView.of_cells(column.name, plain, column.adapter)}

    def restore(self, work: Restored) -> None:
        """The column, rounded as its numbers are."""
        target, adapter = self.rule.target, work.adapters[self.rule.target]
        expected = self.rule.compute(self.rule.read(work))
        computed = np.isfinite(expected)
        lost = ~computed
        filled = np.where(computed, expected, self.fill) if lost.any() else expected
        values = as_written(filled, adapter, self.precision)
        if self.exceptions or self.extra:
            stored = work.stored(target)
            chosen = ~stored.missing & ((computed & self.exceptions) | (lost & self.extra))
            if self.exceptions and self.extra:
                chosen &= lost | (work.stored(self.other).codes(["no", "yes"]) == 1)
            if chosen.any():
                plain = as_written(np.where(chosen, stored.number, 0.0), adapter, self.precision)
                same = stored.cells.values.dtype == plain.dtype and stored.scale == self.precision.scale
                values = np.where(chosen, stored.cells.values if same else plain, values)
            lost = lost & ~chosen
        missing = lost if self.blank else None
        if self.gone:
            said = work.stored(self.flag).codes(["no", "yes"]) == 1
            missing = said | lost
        work.put(target, values, missing)

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        own = {name: getattr(self, name) for name in ("exceptions", "extra", "gone", "blank", "fill")}
        ends = [end if np.isfinite(end) else None for end in (self.low, self.high)]
        own |= {"mark": self.mark} if self.mark else {}
        return {"rule": self.rule.to_json(), "precision": self.precision.to_json(), "range": ends, **own}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """What `to_json` wrote."""
        rule: Any = rule_from_json(stored["rule"])
        rest = {name: stored[name] for name in ("exceptions", "extra", "gone", "blank", "fill")}
        rest["mark"] = stored.get("mark", "")
        low, high = stored.get("range", (None, None))  # files of earlier versions have none
        rest |= {"low": -np.inf if low is None else float(low), "high": np.inf if high is None else float(high)}
        return cls(rule, Precision.from_json(stored["precision"]), **rest)


def missing_flag(name: Hashable, mark: str) -> str:
    """Name of the column of a rewritten table that says where another one is missing."""
    return f"{name} is missing{mark}"


def free_mark(view: TableView) -> str:
    """What the names of further columns end in, so that no column of the table has such a name: mostly nothing."""
    mark = ""
    while any(f"{name} is {what}{mark}" in view for name in view.names for what in ("missing", "an exception")):
        mark += " (rule)"
    return mark


def _yes_or_no(rows: Bits) -> pd.Categorical:
    return pd.Categorical.from_codes(rows.astype(np.int64), categories=pd.Index(["no", "yes"], dtype=object))


def _sparse_column(column: ColumnView, rows: Bits) -> object:
    """A column's values at some rows, and missing elsewhere, in a dtype that can be so."""
    if isinstance(column.adapter, MaskedAdapter):
        return column.adapter.write(ColumnValues(np.where(rows, column.cells.values, 0), is_missing(~rows)))
    if isinstance(column.adapter, TimesInUnit):
        times = column.cells.values.view(column.adapter.counted)
        return np.where(rows, times, np.array("NaT", dtype=times.dtype))
    return np.where(rows, column.number, np.nan)


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
        values = np.zeros(len(levels) + 1, dtype=column.cells.values.dtype)
        missing = np.ones(len(levels) + 1, dtype=bool)
        values[codes], missing[codes] = column.cells.values, column.missing
        if not levels or (values[codes] != column.cells.values).any() or (missing[codes] != column.missing).any():
            return None
        if not by.n_missing:  # whatever most rows have
            common = np.bincount(codes).argmax()
            values[-1], missing[-1] = values[common], missing[common]
        if not column.is_coarse:  # a number that few rows have is kept roughly
            distinct, counts = np.unique(column.cells.present(), return_counts=True)
            at = np.searchsorted(distinct, values).clip(0, len(distinct) - 1)
            single = ~missing & ~is_shared(counts)[at]
            grid = column.precision.grid
            step = grid.step if grid is not None and column.is_whole else 0
            values = values.copy()
            values[single] = nearby_values(values[single], distinct, step)
        if not by.is_coarse:
            shared = is_shared(np.bincount(codes[codes >= 0], minlength=len(levels)))
            if not shared.any():
                return None
            levels = [level for level, stays in zip(levels, shared.tolist(), strict=True) if stays]
            values, missing = values[np.append(shared, True)], missing[np.append(shared, True)]
        return cls(rule, tuple(levels), values, missing)

    def rewrite(self, view: TableView) -> Columns:
        """Nothing."""
        return {}

    def restore(self, work: Restored) -> None:
        """The column."""
        by = work.column(self.rule.by)
        codes = by.codes(list(self.levels))
        if by.is_numeric and ((codes < 0) & ~by.missing).any():  # a number between those that are known
            known = [number_of(level, by.adapter) for level in self.levels]
            codes = np.where((codes < 0) & ~by.missing, _nearest(by.number, known), codes)
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


def _nearest(values: Floats, levels: list[float]) -> Ints:
    """Places of the levels that are nearest. (n,)."""
    known = np.asarray(levels, dtype=np.float64)
    order = np.argsort(known, kind="stable")
    middles = (known[order][1:] + known[order][:-1]) / 2
    return np.asarray(order[np.searchsorted(middles, np.nan_to_num(values))], dtype=np.int64)


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
        adapter = work.adapters[self.rule.by]
        pair = [self.other, self.rule.values[0]]
        if adapter.family == "choice":
            place = pd.Index(adapter.levels, dtype=object)
            table = np.array([place.get_loc(value) for value in pair], dtype=np.int64)
        else:
            counts = [count_of(value, adapter) for value in pair]
            table = np.asarray(counts, dtype=np.float64 if adapter.inner.kind == "f" else np.int64)
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
    mark : str
        What the names of flags end in; see `free_mark`.
    """

    pairs: tuple[tuple[Hashable, Hashable], ...]
    said: tuple[MissingWith, ...]
    stored: tuple[Hashable, ...]
    mark: str = ""
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
        flag = missing_flag(name, self.mark)
        if flag in work.view:
            return np.asarray(work.stored(flag).codes(["no", "yes"]) == 1)
        return np.zeros(work.n_rows, dtype=bool)

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        pairs, said = [names_json(pair) for pair in self.pairs], [rule.to_json() for rule in self.said]
        marked = {"mark": self.mark} if self.mark else {}
        return {"pairs": pairs, "said": said, "stored": names_json(self.stored), **marked}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """What `to_json` wrote."""
        said: Any = tuple(rule_from_json(rule) for rule in stored["said"])
        pairs: Any = tuple(tuple(names_from_json(pair)) for pair in stored["pairs"])
        return cls(pairs, said, tuple(names_from_json(stored["stored"])), stored.get("mark", ""))
