"""Numbers that a date says: a person's age, the year of an order, the day of the week."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from ganaug.exceptions import InvalidDataError, InvalidParameterError
from ganaug.rules.base_rule import label, names_from_json, names_json
from ganaug.rules.equations import Equation
from ganaug.rules.table_view import Floats, Ints, TableView

__all__ = ["EPOCH", "FAR", "PARTS", "Age", "DatePart", "days_as_dates"]

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
