"""Rules by which cells follow from another column: ages and parts of dates, and values fixed where it says so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from ganaug.encoding.serialization import from_json, to_json
from ganaug.exceptions import InvalidDataError, InvalidParameterError
from ganaug.rules.base_rule import Never, Rule, label, named, names_from_json, names_json, value_text
from ganaug.rules.equations import Equation
from ganaug.rules.evidence import drawn_together, needed, row_codes, subset_bits, surplus_bits
from ganaug.rules.table_view import Bits, ColumnView, Floats, Ints, TableView, is_missing_value

__all__ = [
    "EPOCH",
    "FAR",
    "PARTS",
    "Age",
    "DatePart",
    "FixedWhere",
    "Together",
    "ValueSet",
    "days_as_dates",
    "without_told",
]

Dates = npt.NDArray[np.datetime64]
EPOCH = dt.date(1970, 1, 1)
# days beyond which numpy's dates end
FAR = 2.9e6


def days_as_dates(days: Floats) -> Dates:
    """Days since 1970 as dates; NaN becomes 1970. (n,)."""
    usable = np.isfinite(days) & (np.abs(days) < FAR)
    whole: Dates = np.floor(np.where(usable, days, 0.0)).astype(np.int64).astype("M8[D]")
    return whole


def _missing_where(values: Ints, *days: Floats) -> Floats:
    """Values as floats, NaN where a date is missing or far beyond the calendar. (n,)."""
    known = np.logical_and.reduce([np.isfinite(one) & (np.abs(one) < FAR) for one in days])
    return np.where(known, values.astype(np.float64), np.nan)


def _year(dates: Dates) -> Ints:
    return np.asarray(dates.astype("M8[Y]").astype(np.int64) + 1970)


def _month(dates: Dates) -> Ints:
    return np.asarray(dates.astype("M8[M]").astype(np.int64) % 12 + 1)


def _day(dates: Dates) -> Ints:
    return np.asarray((dates - dates.astype("M8[M]")).astype(np.int64) + 1)


PARTS: dict[str, Callable[[Dates], Ints]] = {
    "year": _year,
    "quarter": lambda dates: (_month(dates) + 2) // 3,
    "month": _month,
    "day": _day,
    "weekday": lambda dates: (dates.astype(np.int64) + 3) % 7,
    "day of the year": lambda dates: (dates - dates.astype("M8[Y]")).astype(np.int64) + 1,
    "weekend": lambda dates: ((dates.astype(np.int64) + 3) % 7 >= 5).astype(np.int64),
}


class _OfDates(Equation):
    """An equation whose inputs are dates without a time zone, and whose target is a whole number."""

    def check(self, view: TableView) -> None:
        """Raise InvalidDataError if a column is not there, or of the wrong kind."""
        for name in self.inputs:
            column = view.column(name)
            if not (column.is_date or column.is_blank):
                raise InvalidDataError(
                    f"column {name!r} of dtype {column.adapter.dtype} holds no dates without a time zone, which "
                    f"{self} needs; convert it, or drop the rule"
                )
        target = view.column(self.target)
        if not (target.is_number or target.is_blank):
            raise InvalidDataError(f"column {self.target!r} holds no numbers, which {self} needs; drop the rule")

    def slopes(self, inputs: list[Floats]) -> list[Floats]:
        """None: whole numbers come out as they are."""
        return [np.asarray(0.0) for _ in inputs]


@dataclass(frozen=True)
class DatePart(_OfDates):
    """A number is the year, quarter, month, day or weekday of a date, or says whether it is on a weekend.

    Parameters
    ----------
    column : hashable
        The number.
    of : hashable
        The date.
    part : {"year", "quarter", "month", "day", "weekday", "day of the year", "weekend"}
        Which part. A weekday is 0 on Mondays, a weekend 1 on Saturdays and Sundays and 0 else.
    offset : int, default=0
        Added to it: 1 where Monday is 1.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug.rules import DatePart
    >>> X = pd.DataFrame({"sold": pd.to_datetime(["2024-05-01", "2025-01-31"]), "year": [2024, 2024]})
    >>> rule = DatePart("year", "sold", "year")
    >>> print(rule, rule.holds(X))
    year = the year of sold [ True False]
    """

    column: Hashable
    of: Hashable
    part: str = "year"
    offset: int = 0

    kind: ClassVar[str] = "date part"

    def __post_init__(self) -> None:
        if self.part not in PARTS:
            raise InvalidParameterError(f"part={self.part!r} is none of {', '.join(map(repr, PARTS))}")
        if self.column == self.of:
            raise InvalidParameterError(f"{self.column!r} is a part of itself; name two columns")
        object.__setattr__(self, "offset", int(self.offset))

    @property
    def columns(self) -> tuple[Hashable, ...]:
        """The number and the date."""
        return (self.column, self.of)

    def compute(self, inputs: list[Floats]) -> Floats:
        """The part of each date. (n,)."""
        [days] = inputs
        return _missing_where(PARTS[self.part](days_as_dates(days)) + self.offset, days)

    def __str__(self) -> str:
        if self.part == "weekend" and not self.offset:
            return f"{label(self.column)} = whether {label(self.of)} is on a weekend"
        more = f" + {self.offset}" if self.offset > 0 else f" - {-self.offset}" if self.offset else ""
        return f"{label(self.column)} = the {self.part} of {label(self.of)}{more}"

    def _to_json(self) -> dict[str, Any]:
        return {"names": names_json(self.columns), "part": self.part, "offset": self.offset, **self._learnt_json()}

    @classmethod
    def _from_json(cls, stored: dict[str, Any]) -> Self:
        column, of = names_from_json(stored["names"])
        return cls(column, of, stored["part"], stored["offset"])._take_learnt(stored)


@dataclass(frozen=True)
class Age(_OfDates):
    """A number is the whole years from one date to another one, or to a day that is the same for all rows.

    Parameters
    ----------
    column : hashable
        The years.
    since : hashable
        The earlier date: of birth.
    until : hashable, optional
        The column of the later one.
    day : date or str, optional
        The day that is the same for all rows; give it or ``until``.
    year : float, optional
        Days of a year, where days were divided. By default birthdays count.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug.rules import Age
    >>> X = pd.DataFrame({"born": pd.to_datetime(["2000-05-01", "2000-06-30"]), "age": [25, 25]})
    >>> rule = Age("age", "born", day="2025-06-01")
    >>> print(rule, rule.holds(X))
    age = years from born to 2025-06-01 [ True False]
    """

    column: Hashable
    since: Hashable
    until: Hashable = None
    day: dt.date | str | None = None
    year: float | None = None

    kind: ClassVar[str] = "age"

    def __post_init__(self) -> None:
        if (self.until is None) == (self.day is None):
            raise InvalidParameterError("give either until, a column, or day, a date")
        if len(set(self.columns)) < len(self.columns):
            raise InvalidParameterError(f"{self.column!r}, {self.since!r} and {self.until!r} are not different columns")
        if self.day is not None:
            try:
                day = dt.date.fromisoformat(str(self.day)[:10])
            except ValueError as error:
                raise InvalidParameterError(f"day={self.day!r} is no date; write it as '2025-06-30'") from error
            object.__setattr__(self, "day", day)
        if self.year is not None and not 300 < self.year < 400:
            raise InvalidParameterError(f"year={self.year!r} is no number of days of a year, such as 365.25")

    @property
    def _day(self) -> dt.date:
        assert isinstance(self.day, dt.date)
        return self.day

    @property
    def columns(self) -> tuple[Hashable, ...]:
        """The years, and the dates."""
        return (self.column, self.since) if self.until is None else (self.column, self.since, self.until)

    def compute(self, inputs: list[Floats]) -> Floats:
        """Whole years, negative where the later date is the earlier one. (n,)."""
        since = inputs[0]
        until = np.full_like(since, (self._day - EPOCH).days) if self.until is None else inputs[1]
        return _missing_where(_years(days_as_dates(since), days_as_dates(until), self.year), since, until)

    def __str__(self) -> str:
        until = self._day.isoformat() if self.until is None else label(self.until)
        of = "" if self.year is None else f" of {self.year:g} days"
        return f"{label(self.column)} = years{of} from {label(self.since)} to {until}"

    def _to_json(self) -> dict[str, Any]:
        day = None if self.day is None else self._day.isoformat()
        return {"names": names_json(self.columns), "day": day, "year": self.year, **self._learnt_json()}

    @classmethod
    def _from_json(cls, stored: dict[str, Any]) -> Self:
        column, since, *until = names_from_json(stored["names"])
        rule = cls(column, since, until[0] if until else None, stored["day"], stored["year"])
        return rule._take_learnt(stored)


def _years(since: Dates, until: Dates, year: float | None) -> Ints:
    if year is not None:
        return np.asarray(np.floor((until - since).astype(np.int64) / year).astype(np.int64))
    early = (_month(until) < _month(since)) | ((_month(until) == _month(since)) & (_day(until) < _day(since)))
    return np.asarray(_year(until) - _year(since) - early)


# --------------------------------------------------------------------------------------
# The rule that another column says where a column has a certain value.


@dataclass(frozen=True)
class FixedWhere(Rule):
    """A column has a certain value where another column says so: an amount is 0 exactly where the count is 0.

    Parameters
    ----------
    column : hashable
        The column that has the value.
    value : scalar
        The value: 0, -1, 999, "none".
    by : hashable
        The column that says where.
    values : list, optional
        It has the value where ``by`` is one of these. By default where ``by`` is missing.
    exactly : bool, default=True
        Whether it has the value nowhere else.

    Raises
    ------
    InvalidParameterError
        If both columns are one, or if a value is a missing one.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug.rules import FixedWhere
    >>> rule = FixedWhere("amount", 0, "claims", values=[0])
    >>> print(rule, rule.holds(pd.DataFrame({"amount": [0.0, 12.5, 0.0], "claims": [0, 1, 2]})))
    amount is 0 exactly where claims is 0 [ True  True False]
    """

    column: Hashable
    value: Hashable
    by: Hashable
    values: Iterable[Hashable] | None = None
    exactly: bool = True

    kind: ClassVar[str] = "fixed"

    def __post_init__(self) -> None:
        if self.column == self.by:
            raise InvalidParameterError(f"{self.column!r} is fixed by itself; name two columns")
        if is_missing_value(self.value):
            raise InvalidParameterError(f"value={self.value!r} is missing; MissingWith says where a column is missing")
        if self.values is not None:
            values = tuple(named("values", self.values))
            if any(map(is_missing_value, values)):
                raise InvalidParameterError(
                    f"values={list(values)!r} holds a missing one; leave it out to mean where {self.by!r} is missing"
                )
            object.__setattr__(self, "values", values)

    @property
    def columns(self) -> tuple[Hashable, ...]:
        """The column, and the one that says where it has the value."""
        return (self.column, self.by)

    @property
    def said(self) -> tuple[Hashable, ...]:
        """The values of ``by``; none if it is where ``by`` is missing."""
        return tuple(self.values or ())

    def check(self, view: TableView) -> None:
        """Raise InvalidDataError if a column is not there or cannot have these values."""
        for name, values in ((self.column, (self.value,)), (self.by, self.said)):
            column = view.column(name)
            try:
                column.codes(list(values))
            except (TypeError, ValueError) as error:
                if isinstance(error, InvalidDataError):
                    raise
                raise InvalidDataError(
                    f"column {name!r} of dtype {column.adapter.dtype} cannot have one of {list(values)!r}, which the "
                    f"rule {self} names; name values of its kind, or drop the rule"
                ) from error

    def says(self, by: ColumnView) -> Bits:
        """Where ``by`` says that the column has the value. (n,)."""
        return by.missing if self.values is None else np.asarray(by.codes(list(self.said)) >= 0)

    def has(self, column: ColumnView) -> Bits:
        """Where a column has the value. (n,)."""
        return np.asarray(column.codes([self.value]) >= 0)

    def keeps(self, view: TableView) -> Bits:
        """Which rows keep it; see ``Rule.keeps``. (n,)."""
        has, said = self.has(view.column(self.column)), self.says(view.column(self.by))
        return np.asarray((has == said if self.exactly else has | ~said) | ~self._applies(view))

    def _applies(self, view: TableView) -> Bits:
        known = ~view.column(self.column).missing
        return known if self.values is None else known & ~view.column(self.by).missing

    def reversed(self) -> FixedWhere | None:
        """The same of the other column, where one value goes with one value; else None."""
        if not self.exactly or len(self.said) != 1:
            return None
        return FixedWhere(self.by, self.said[0], self.column, [self.value])

    def __str__(self) -> str:
        said = "missing" if self.values is None else " or ".join(map(value_text, self.said))
        where = "exactly where" if self.exactly else "wherever"
        return f"{label(self.column)} is {value_text(self.value)} {where} {label(self.by)} is {said}"

    def _to_json(self) -> dict[str, Any]:
        values = None if self.values is None else [to_json(value) for value in self.said]
        own = {"names": names_json(self.columns), "value": to_json(self.value)}
        return {**own, "values": values, "exactly": bool(self.exactly)}

    @classmethod
    def _from_json(cls, stored: dict[str, Any]) -> Self:
        values = stored["values"]
        values = None if values is None else [from_json(value) for value in values]
        column, by = names_from_json(stored["names"])
        return cls(column, from_json(stored["value"]), by, values, stored["exactly"])


# --------------------------------------------------------------------------------------
# Finding values that a column has exactly where another one says so, or wherever it does.


_MOST_SAYING, _MOST_LEVELS = 20, 64
# "Exactly" takes so many rows that have the value, and that have not: fewer go together by correlation alone.
_LEAST_EXACT = 8
# "Wherever" takes so many rows on each side, and either so large a part of the rows that have the value, or more bits
# than needed if the other rows had another value so much less often than they do.
_LEAST_WHEREVER, _MOST_OF_THEM, _LESS_OFTEN, _NEXT = 30, 0.5, 5, 50


@dataclass(frozen=True)
class ValueSet:
    """Rows in which a column has a value, or is missing."""

    place: int
    value: Hashable
    stored: object
    missing: bool
    fixed: bool  # whether a rule may say where it has the value
    outer: bool  # whether it is the commonest value, or the smallest or largest
    commonest: bool
    rank: tuple[int, int, int]  # the first of several that go together says where the others have theirs


class Together:
    """Sets of rows, and how many rows each has beside each other one."""

    def __init__(
        self,
        columns: list[ColumnView],
        sets: list[ValueSet],
        settled: set[frozenset[Hashable]],
        rng: np.random.Generator,
    ) -> None:
        self.columns, self.sets, self.settled, self.rng = columns, sets, settled, rng
        self.n = len(columns[0])
        inside = [self._inside(one) for one in sets]
        self.inside = np.stack(inside, axis=1)
        known = [np.ones(self.n, bool) if one.missing else ~columns[one.place].missing for one in sets]
        self.outside = np.stack(known, axis=1) & ~self.inside
        own = self.inside.astype(np.float32)
        self.both = own.T @ own
        # rows that have the first, and something else than the second
        self.broken = own.T @ self.outside.astype(np.float32)
        self.bar = needed(len(sets) ** 2)
        # rows that are repeated prove nothing, but where they repeat of necessity
        few = all(len(column.distinct) <= _MOST_LEVELS for column in columns)
        self.rows = np.arange(self.n) if few else row_codes([column.cells.values for column in columns[:64]])
        self.share = len(np.unique(self.rows)) / self.n

    def _inside(self, one: ValueSet) -> Bits:
        column = self.columns[one.place]
        return column.missing if one.missing else (column.cells.values == one.stored) & ~column.missing

    def _different(self, rows: Bits) -> int:
        return len(np.unique(self.rows[rows]))

    def _name(self, i: int) -> Hashable:
        return self.columns[self.sets[i].place].name

    def _saying(self) -> list[list[int]]:
        """Sets that may say something together: the levels of a category, and any other one alone."""
        levels: dict[int, list[int]] = {}
        alone: list[list[int]] = []
        for i, one in enumerate(self.sets):
            column = self.columns[one.place]
            if column.is_choice and not one.missing and 2 < len(column.distinct) <= _MOST_SAYING:
                levels.setdefault(one.place, []).append(i)
            else:
                alone.append([i])
        return [*levels.values(), *alone]

    def rules(self) -> list[FixedWhere]:
        """Those that hold exactly, and of what these leave, those that hold wherever another column says so."""
        exact: dict[int, tuple[tuple[int, int, int], FixedWhere]] = {}
        wherever: dict[tuple[int, int], FixedWhere] = {}
        rows: dict[tuple[int, int], Bits] = {}
        targets = np.array([j for j, one in enumerate(self.sets) if one.fixed])
        told = (self.broken == 0) & (self.both > 0)
        for saying in self._saying():
            by = self.sets[saying[0]]
            for j in targets[told[saying][:, targets].any(0)].tolist():
                target = self.sets[j]
                if target.place == by.place or frozenset((self._name(j), self._name(saying[0]))) in self.settled:
                    continue
                said = [i for i in saying if told[i, j]]
                rest = [i for i in saying if i not in said]
                exactly = not self.both[rest, j].any() if len(saying) > 1 else not self.broken[j, said[0]]
                if exactly:
                    one = self.sets[said[0]]
                    turned = len(said) == 1 and one.fixed and one.rank > target.rank
                    if not turned and (j not in exact or one.rank < exact[j][0]) and self._proven(said, j, len(saying)):
                        exact[j] = one.rank, self._rule(said, j, True)
                    continue
                said = [i for i in said if self._surprise(int(self.both[i, j]), j) > self.bar]
                if said and self._proven_wherever(said, j, len(saying)):
                    wherever[said[0], j] = self._rule(said, j, False)
                    rows[said[0], j] = np.asarray(self.inside[:, said].any(1))
        found = [rule for _, (_, rule) in sorted(exact.items(), key=lambda item: item[0])]
        for place, ((i, j), rule) in enumerate(wherever.items()):
            others = [(k, own) for k, (key, own) in enumerate(rows.items()) if key[1] == j and key[0] != i]
            # where another column says it of all these rows, and of more, that says it all
            inside = any((own | ~rows[i, j]).all() and (k < place or own.sum() > rows[i, j].sum()) for k, own in others)
            if not (j in exact or i in exact or inside):
                found.append(rule)
        return found

    def _surprise(self, rows: int, j: int, often: float = 1.0) -> float:
        """Bits of so many rows that all have a value, if the share of others were ``often`` times that of all rows."""
        has, has_not = int(self.inside[:, j].sum()), int(self.outside[:, j].sum())
        return float(-rows * self.share * np.log2(1 - often * has_not / (has + has_not)))

    def _rule(self, said: list[int], j: int, exactly: bool) -> FixedWhere:
        values = None if self.sets[said[0]].missing else [self.sets[i].value for i in said]
        return FixedWhere(self._name(j), self.sets[j].value, self._name(said[0]), values, exactly)

    def _rows_of(self, said: list[int], j: int) -> tuple[Bits, Bits, Bits]:
        """Rows in which both columns are known, in which it is said, and in which the column has the value."""
        known = self.inside[:, j] | self.outside[:, j]
        if not self.sets[said[0]].missing:
            known = known & ~self.columns[self.sets[said[0]].place].missing
        return known, known & self.inside[:, said].any(1), known & self.inside[:, j]

    def _apart(self, i: int, j: int) -> bool:
        """Whether both values stand out: where one number follows another, every value goes with one of the other."""
        one, other = self.sets[i], self.sets[j]
        numbers = not (self.columns[one.place].is_choice or self.columns[other.place].is_choice)
        return not numbers or (one.outer and other.outer and (one.commonest or other.commonest))

    def _proven(self, said: list[int], j: int, levels: int) -> bool:
        """Whether chance would not let two sets of rows be the same."""
        if not self._apart(said[0], j):
            return False
        known, _, has = self._rows_of(said, j)
        if min(self._different(has), self._different(known & ~has)) < _LEAST_EXACT:
            return False
        size = int(has.sum())
        return self.share * subset_bits(int(known.sum()), size, size) > self.bar + levels

    def _proven_wherever(self, said: list[int], j: int, levels: int) -> bool:
        """Whether chance would not let one set of rows be a part of the other one, nor the columns' correlation."""
        target, by = (self.columns[self.sets[i].place] for i in (j, said[0]))
        states = by.is_choice or len(by.distinct) == 2
        if target.is_choice and not self.sets[said[0]].missing:
            return False  # of categories, combinations that never occur say so
        known, rows, has = self._rows_of(said, j)
        n, size, part = (int(which.sum()) for which in (known, has, rows))
        bar = self.bar + levels
        if self.share * subset_bits(n, size, part) <= bar:
            return False
        if part < _MOST_OF_THEM * size and self._surprise(part, j, 1 / _LESS_OFTEN) <= bar:
            return False
        if min(self._different(rows), self._different(known & ~has)) < _LEAST_WHEREVER:
            return False
        if states or self.sets[said[0]].missing:
            return True
        if not self._apart(said[0], j):
            return False
        # what lies next to the number that says so is no such thing: a value that becomes rarer bit by bit is not fixed
        distance = np.abs(by.number - by.number[rows][0])
        others = known & ~rows
        near = others & (distance <= np.sort(distance[others])[: min(_NEXT, int(others.sum()))].max())
        share = float((~has[near]).mean())
        if -part * self.share * np.log2(1 - min(share, 0.999) / _LESS_OFTEN) <= bar:
            return False
        a, b = drawn_together(by.number[known], target.number[known], self.rng, 8192)
        values = [float(column.number[which][0]) for column, which in ((by, rows), (target, has))]
        together = float(((a == values[0]) & (b != values[1])).mean())
        return surplus_bits(int(self.share * n), 0.0, together) > bar


def without_told(fixed: list[FixedWhere], never: list[Never], view: TableView) -> tuple[list[FixedWhere], list[Never]]:
    """Values that categories fix, without those of which combinations that never occur say all; and the others."""
    kept: list[FixedWhere] = []
    for rule in fixed:
        column, by = (view.column(name) for name in rule.columns)
        if not (column.is_choice and (by.is_choice or by.is_flag)):
            kept.append(rule)
            continue
        levels: list[Hashable] = [*by.levels, *([None] if rule.values is None else [])]
        said = rule.said or (None,)
        apart = {(a, b) for a in column.levels for b in levels if (a == rule.value) != (b in said)}
        rest: list[Never] = []
        told: set[tuple[Hashable, Hashable]] = set()
        for one in never:
            if set(one.members) != set(rule.columns):
                rest.append(one)
                continue
            turned = one.members != rule.columns
            pairs = [(row[1], row[0]) if turned else tuple(row) for row in one.combinations]
            told.update(apart.intersection(pairs))
            left = [row for row, pair in zip(one.combinations, pairs, strict=True) if pair not in apart]
            if left:
                rest.append(Never(one.members, left)._with(certain=one.certain))
        if told != apart:
            kept.append(rule)
            never = rest
    return kept, never
