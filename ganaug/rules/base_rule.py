"""What every rule has; rules of distances of two columns, of grids of values, of combinations that never occur."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pandas as pd

from ganaug.encoding.serialization import from_json, to_json
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.rules.table_view import Bits, ColumnView, Floats, Ints, TableView, is_missing_value, view_of
from ganaug.utils.determinism import isolated

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "GUARDED",
    "REWRITTEN",
    "Apart",
    "Grid",
    "Never",
    "Rule",
    "check_alike",
    "common_factors",
    "comparable",
    "label",
    "named",
    "names_json",
    "number_text",
    "value_text",
]

# --------------------------------------------------------------------------------------
# What every rule has: its columns, the rows it was checked on, and whether the rows of a table keep it.


REWRITTEN, GUARDED = "rewritten", "guarded"


@dataclass(frozen=True)
class Rule(ABC):
    """A rule that rows of a table keep or break.

    A class of your own is a frozen dataclass with `columns`, `keeps` and ``__str__``; it guards, and is stored in no
    model file, which holds no code.

    Attributes
    ----------
    support : int
        Rows on which the rule was checked: those in which none of its columns is missing.
    exceptions : int
        How many of them break it.
    certain : bool
        Whether it is beyond doubt: given by the user, or found on so many rows that chance cannot explain it.
    kept : str
        How it is kept: "rewritten" (no row can break it), "guarded" (rows that break it are refused), or "" for
        a rule that nobody has looked at yet. `find_rules` proposes, a `Rewriter` decides.
    """

    support: int = field(default=0, init=False, compare=False, repr=False)
    exceptions: int = field(default=0, init=False, compare=False, repr=False)
    certain: bool = field(default=True, init=False, compare=False, repr=False)
    kept: str = field(default="", init=False, compare=False, repr=False)

    kind: ClassVar[str] = ""

    @property
    @abstractmethod
    def columns(self) -> tuple[Hashable, ...]:
        """Names of the columns that it speaks of."""

    @abstractmethod
    def keeps(self, view: TableView) -> Bits:
        """Which rows of a table keep it; those in which one of its columns is missing do. (n,).

        Parameters
        ----------
        view : TableView
            ``view.column(name)`` has ``number`` (floats, NaN where missing; times in days), ``missing``, and
            ``codes(values)``: the place of each row's value in a list of values, or -1.
        """

    @property
    def share(self) -> float:
        """Share of the rows it was checked on that keep it; NaN if there were none."""
        return 1.0 - self.exceptions / self.support if self.support else float("nan")

    @isolated
    def holds(self, X: object) -> Bits:
        """Which rows keep the rule.

        Parameters
        ----------
        X : table of shape (n, d)
            With the rule's columns among its own.

        Returns
        -------
        ndarray of shape (n,), dtype bool
            A row in which one of the columns is missing keeps the rule.

        Raises
        ------
        InvalidDataError
            If a column is not there, or of a kind that the rule does not speak of.
        """
        view = view_of(X)
        self.check(view)
        return self.keeps(view)

    def allows(self, view: TableView) -> Bits:
        """Which new rows a guard lets pass: those that keep the rule, as narrowly as it was seen. (n,)."""
        self.check(view)
        return self.keeps(view)

    def learn(self, X: object) -> Self:
        """The same rule with all that it takes from data: tolerances, intervals, `support` and `exceptions`.

        Parameters
        ----------
        X : table of shape (n, d)

        Returns
        -------
        Rule
            Another one; this one stays as it is.
        """
        view = view_of(X)
        self.check(view)
        return self._learn(view)._measured(view)

    def check(self, view: TableView) -> None:
        """Raise InvalidDataError if a column is not there or of the wrong kind."""
        for name in self.columns:
            view.column(name)

    def _learn(self, view: TableView) -> Self:
        return self

    def _applies(self, view: TableView) -> Bits:
        missing = [view.column(name).missing for name in self.columns]
        return ~np.logical_or.reduce(missing) if missing else np.ones(view.n_rows, dtype=bool)

    def _measured(self, view: TableView) -> Self:
        applies = self._applies(view)
        broken = ~self.keeps(view)
        return self._with(support=int(applies.sum()), exceptions=int(broken.sum()))

    def _with(self, **changed: object) -> Self:
        other = copy.copy(self)
        for name, value in changed.items():
            object.__setattr__(other, name, value)
        return other

    # ---- as JSON

    def to_json(self) -> dict[str, Any]:
        """JSON values, from which ``ganaug.rules.rule_from_json`` makes the rule again."""
        common = {"kind": self.kind, "support": self.support, "exceptions": self.exceptions}
        return {**common, "certain": self.certain, "kept": self.kept, **self._to_json()}

    def _to_json(self) -> dict[str, Any]:
        raise InvalidTypeError(
            f"the rule {str(self)!r} is of the class {type(self).__name__!r}, and a model file holds no code"
        )

    @classmethod
    def _from_json(cls, stored: dict[str, Any]) -> Self:  # noqa: ARG003 - those that can be stored read it
        raise InvalidTypeError(f"no file holds rules of the class {cls.__name__!r}")

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """The rule that `to_json` wrote."""
        rule = cls._from_json(stored)
        return rule._with(**{name: stored[name] for name in ("support", "exceptions", "certain", "kept")})


def label(name: Hashable) -> str:
    """A column as a formula names it."""
    if isinstance(name, str):
        return name if name.strip() else f"column {name!r}"
    return f"column {name}"


def number_text(value: float) -> str:
    """A number as people write it: 60, 0.01, 1.5."""
    if float(value).is_integer() and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.6g}"


def value_text(value: Any) -> str:
    """A value of a column as a formula writes it: text in quotes."""
    if value is None:
        return "missing"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.bool_, np.timedelta64)):
        return number_text(float(value))
    return str(value)


def named(parameter: str, value: Any) -> list[Hashable]:
    """A list of column names given by the user.

    Raises
    ------
    InvalidParameterError
        If it is none, empty, or names a column twice.
    """
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise InvalidParameterError(f"{parameter}={value!r} is no list of column names; write [{value!r}]")
    names = list(value)
    if not names:
        raise InvalidParameterError(f"{parameter} is empty; name at least one column")
    if len(set(names)) < len(names):
        twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        raise InvalidParameterError(f"{parameter} names {twice!r} more than once; name every column once")
    return names


def names_json(names: Iterable[Hashable]) -> list[Any]:
    """Column names as JSON."""
    return [to_json(name) for name in names]


def names_from_json(stored: list[Any]) -> list[Hashable]:
    """Column names that `names_json` wrote."""
    return [from_json(name) for name in stored]


def numeric(view: TableView, name: Hashable, rule: str, times: bool = True) -> ColumnView:
    """A column that a rule computes or compares with.

    Raises
    ------
    InvalidDataError
        If it holds text.
    """
    column = view.column(name)
    if column.is_number or (times and column.is_time) or column.is_blank:
        return column
    what = "text or categories" if column.is_choice else "dates or durations"
    if not (column.is_choice or column.is_time):
        what = f"times in {getattr(column.adapter, 'counted', column.family)}, of which no day has a fixed number"
    wanted = "numbers, dates or durations" if times else "numbers"
    raise InvalidDataError(f"column {name!r} holds {what}, but {rule} needs {wanted}; convert it, or drop the rule")


def check_alike(view: TableView, rule: Rule) -> None:
    """Raise InvalidDataError if the two columns of a rule are not there or cannot be compared."""
    low, high = (numeric(view, name, str(rule)) for name in rule.columns)
    if low.measure != high.measure and not (low.is_blank or high.is_blank):
        raise InvalidDataError(
            f"columns {low.name!r} ({low.adapter.dtype}) and {high.name!r} ({high.adapter.dtype}) cannot be "
            f"compared, as the rule {rule} wants; convert one of them, or drop the rule"
        )


def comparable(a: ColumnView, b: ColumnView) -> tuple[Ints, Ints] | tuple[Floats, Floats]:
    """The values of two columns on one scale: exact counts where both are counted, else floats."""
    factors = common_factors([a, b])
    if factors:
        return a.cells.values * factors[0], b.cells.values * factors[1]
    return a.number, b.number


def common_factors(columns: list[ColumnView]) -> list[int]:
    """How many common units make one of each column's, if all are counted in such; else nothing."""
    counted = all(c.is_whole and c.cells.values.dtype == np.int64 for c in columns)
    if not counted or len({c.is_time for c in columns}) > 1:
        return []
    fine = max(c.scale for c in columns)
    factors = [round(fine / c.scale) for c in columns]
    if any(abs(factor * c.scale / fine - 1) > 1e-9 for factor, c in zip(factors, columns, strict=True)):
        return []
    tops = [float(np.abs(c.cells.values).max(initial=0)) * f for c, f in zip(columns, factors, strict=True)]
    return factors if max(tops) < 2.0**61 else []


# --------------------------------------------------------------------------------------
# The rule that a column's numbers come in steps, which every encoding keeps by itself.


@dataclass(frozen=True)
class Grid(Rule):
    """A column's numbers come in steps: whole numbers, quarters, multiples of 25.

    Parameters
    ----------
    column : hashable
        Numbers, dates or durations.
    step : float
        Distance of two neighbours; of dates and durations in days.
    base : float, default=0
        A number on the grid.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug.rules import Grid
    >>> rule = Grid("price", 0.25)
    >>> print(rule, rule.holds(pd.DataFrame({"price": [1.25, 1.3]})))
    price in steps of 0.25 [ True False]
    """

    column: Hashable
    step: float
    base: float = 0.0

    kind: ClassVar[str] = "grid"

    @property
    def columns(self) -> tuple[Hashable, ...]:
        """The column."""
        return (self.column,)

    def check(self, view: TableView) -> None:
        """Raise InvalidDataError if the column is not there or holds text."""
        numeric(view, self.column, str(self))

    def keeps(self, view: TableView) -> Bits:
        """Which rows keep it; see ``Rule.keeps``. (n,)."""
        column = view.column(self.column)
        steps = (column.number - self.base) / self.step
        slack = 1e-6 + column.precision.epsilon * np.abs(steps)
        return ~(np.abs(steps - np.rint(steps)) > slack)

    def __str__(self) -> str:
        if self.step == 1:
            return f"{label(self.column)} in whole numbers"
        return f"{label(self.column)} in steps of {number_text(self.step)}"

    def _to_json(self) -> dict[str, Any]:
        return {"names": names_json(self.columns), "step": float(self.step), "base": float(self.base)}

    @classmethod
    def _from_json(cls, stored: dict[str, Any]) -> Self:
        [column] = names_from_json(stored["names"])
        return cls(column, stored["step"], stored["base"])


# --------------------------------------------------------------------------------------
# The rule that two columns differ by no less, or no more, than a constant.


_DURATIONS = (("day", 1.0), ("hour", 24.0), ("minute", 1440.0), ("second", 86400.0))


@dataclass(frozen=True)
class Apart(Rule):
    """One column is greater than another by no less, or no more, than a constant.

    Parameters
    ----------
    low : hashable
        The column that is subtracted: numbers, dates or durations.
    high : hashable
        The column that it is subtracted from, of the same kind.
    least, most : float, timedelta or None, default=None
        The smallest and the largest difference that are allowed; of dates and durations in days, or as a duration,
        text such as "2h" included. One of them at least. They may be negative.

    Raises
    ------
    InvalidParameterError
        If both columns are one, if a difference is neither a finite number nor a duration, or if there is none.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug.rules import Apart
    >>> rule = Apart("born", "hired", least=16)
    >>> print(rule, rule.holds(pd.DataFrame({"born": [1980, 1990], "hired": [1996, 2005]})))
    hired >= born + 16 [ True False]
    """

    low: Hashable
    high: Hashable
    least: Any = None
    most: Any = None
    # whether the columns hold times, whose differences are printed as such
    _times: bool = field(default=False, init=False, compare=False, repr=False)

    kind: ClassVar[str] = "apart"

    def __post_init__(self) -> None:
        if self.low == self.high:
            raise InvalidParameterError(f"{self.low!r} is compared with itself; name two columns")
        for name in ("least", "most"):
            object.__setattr__(self, name, _difference(name, getattr(self, name)))
        if self.least is None and self.most is None:
            raise InvalidParameterError("least and most are both None; give one of them")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise InvalidParameterError(f"least={self.least!r} is greater than most={self.most!r}; swap them")

    @property
    def columns(self) -> tuple[Hashable, ...]:
        """The column that is subtracted, and the other one."""
        return (self.low, self.high)

    def check(self, view: TableView) -> None:
        """Raise InvalidDataError if the columns are not there or cannot be compared."""
        check_alike(view, self)

    def limits(self, scale: float = 1.0, whole: bool = False) -> tuple[float, float]:
        """The smallest and the largest difference, in so many parts of a number; infinite where there is none."""
        least = -np.inf if self.least is None else self.least * scale
        most = np.inf if self.most is None else self.most * scale
        if whole:
            least, most = (end + sign * (1e-6 + 4e-15 * abs(end)) for end, sign in ((least, -1), (most, 1)))
            return (np.ceil(least) if np.isfinite(least) else least), (np.floor(most) if np.isfinite(most) else most)
        return least, most

    def _learn(self, view: TableView) -> Self:
        return self._with(_times=any(view.column(name).is_time for name in self.columns))

    def keeps(self, view: TableView) -> Bits:
        """Which rows keep it; see ``Rule.keeps``. (n,)."""
        a, b = view.column(self.low), view.column(self.high)
        low, high = comparable(a, b)
        if low.dtype.kind == "i":
            least, most = self.limits(a.scale * common_factors([a, b])[0], whole=True)
            slack = np.zeros(len(low))
        else:
            least, most = self.limits()
            epsilon = max(a.precision.epsilon, b.precision.epsilon)
            slack = epsilon * (np.abs(low) + np.abs(high))
        off = high - low
        return np.asarray(~((off < least - slack) | (off > most + slack)) | a.missing | b.missing)

    def __str__(self) -> str:
        low, high = label(self.low), label(self.high)
        least, most = (None if end is None else self._ends_at(low, end) for end in (self.least, self.most))
        if least is not None and most is not None:
            return f"{least} <= {high} <= {most}"
        return f"{high} >= {least}" if most is None else f"{high} <= {most}"

    def _ends_at(self, low: str, end: float) -> str:
        if not end:
            return low
        text = number_text(abs(end))
        if self._times:
            even = [(unit, per) for unit, per in _DURATIONS if abs(end * per) > 0.5 and _is_even(end * per)]
            unit, per_day = [*even, _DURATIONS[0]][0]
            text = number_text(float(f"{abs(end) * per_day:.9g}"))
            text += f" {unit}" if text == "1" else f" {unit}s"
        return f"{low} {'-' if end < 0 else '+'} {text}"

    def _to_json(self) -> dict[str, Any]:
        return {"names": names_json(self.columns), "least": self.least, "most": self.most, "times": self._times}

    @classmethod
    def _from_json(cls, stored: dict[str, Any]) -> Self:
        low, high = names_from_json(stored["names"])
        return cls(low, high, stored["least"], stored["most"])._with(_times=bool(stored["times"]))


def _is_even(amount: float) -> bool:
    return abs(amount - round(amount)) < 1e-6


def _difference(name: str, value: Any) -> float | None:
    """A number, or a duration in days."""
    if value is None:
        return None
    try:
        if isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.bool_, np.timedelta64)):
            found = float(value)
        else:
            found = pd.Timedelta(value) / pd.Timedelta(days=1)
    except (TypeError, ValueError) as error:
        raise InvalidParameterError(f"{name}={value!r} is neither a number nor a duration") from error
    if not np.isfinite(found):
        raise InvalidParameterError(f"{name}={value!r} is not finite; leave it None for no limit")
    return found


# --------------------------------------------------------------------------------------
# The rule that some values of columns never stand together.


_SHOWN = 3


@dataclass(frozen=True)
class Never(Rule):
    """Some values of two or more columns never stand together in a row.

    Parameters
    ----------
    members : dict of column to value, or list of hashable
        The columns. A dict is one combination.
    combinations : list of tuple, optional
        Where ``members`` is a list: the combinations, with a value of each column. None is a missing cell.

    Raises
    ------
    InvalidParameterError
        If there is one column only, or a combination without a value of each.

    Notes
    -----
    `find_rules` looks at pairs of categories and flags, a missing cell among their values. A combination is told where
    chance would make so many rows of it that none at all is a surprise (in 1 of 1000 tables of unrelated columns), and
    guards: rows that have it are refused.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug.rules import Never
    >>> rule = Never({"sex": "male", "pregnant": "yes"})
    >>> print(rule)
    never sex = "male" with pregnant = "yes"
    >>> rule.holds(pd.DataFrame({"sex": ["male", "female"], "pregnant": ["yes", "yes"]}))
    array([False,  True])
    """

    members: Any
    combinations: Any = None

    kind: ClassVar[str] = "never"

    def __post_init__(self) -> None:
        given = self.combinations
        if isinstance(self.members, Mapping):
            if given is not None:
                raise InvalidParameterError("combinations goes with a list of columns; the dict has a value of each")
            given = [tuple(self.members.values())]
        members = named("members", self.members)
        if len(members) < 2:
            raise InvalidParameterError(f"members={self.members!r} is one column; a combination has two at least")
        rows = [tuple(row) if isinstance(row, (list, tuple)) else row for row in given or ()]
        if not rows or not all(isinstance(row, tuple) and len(row) == len(members) for row in rows):
            raise InvalidParameterError(
                f"combinations={given!r} is no list of tuples with a value of each of {len(members)} columns"
            )
        object.__setattr__(self, "members", tuple(members))
        rows = [tuple(None if is_missing_value(value) else value for value in row) for row in rows]
        object.__setattr__(self, "combinations", tuple(rows))

    @property
    def columns(self) -> tuple[Hashable, ...]:
        """The columns."""
        return tuple(self.members)

    def _places(self, k: int, view: TableView) -> tuple[list[Any], Ints]:
        """The values of a column that combinations name, and which of them each row has; -1 for none. (n,)."""
        levels = sorted(dict.fromkeys(row[k] for row in self.combinations), key=lambda level: level is None)
        column = view.column(self.members[k])
        codes = column.codes([level for level in levels if level is not None])
        if None in levels:
            codes = np.where(column.missing, len(levels) - 1, codes)
        return levels, codes

    def _found(self, view: TableView) -> list[Bits]:
        """The rows of each combination. Each of shape (n,)."""
        codes, places = [], []
        for k in range(len(self.members)):
            levels, own = self._places(k, view)
            codes.append(own)
            places.append({level: place for place, level in enumerate(levels)})
        return [
            np.logical_and.reduce([own == place[value] for own, place, value in zip(codes, places, row, strict=True)])
            for row in self.combinations
        ]

    def keeps(self, view: TableView) -> Bits:
        """Which rows keep it; see ``Rule.keeps``. (n,)."""
        return np.asarray(~np.logical_or.reduce(self._found(view)))

    def _applies(self, view: TableView) -> Bits:
        told = {name for k, name in enumerate(self.members) if any(row[k] is None for row in self.combinations)}
        missing = [view.column(name).missing for name in self.members if name not in told]
        return ~np.logical_or.reduce(missing) if missing else np.ones(view.n_rows, dtype=bool)

    def unknown(self, view: TableView) -> tuple[Hashable, Any] | None:
        """A column and a value of it that no row has, so that a combination refuses nothing; None if there is none."""
        for k, name in enumerate(self.members):
            levels, codes = self._places(k, view)
            lost = np.setdiff1d(np.arange(len(levels)), codes)
            if len(lost):
                return name, levels[int(lost[0])]
        return None

    def confirmed(self, view: TableView) -> Self | None:
        """The combinations that no row of a table has; None if all of them occur."""
        kept = [row for row, found in zip(self.combinations, self._found(view), strict=True) if not found.any()]
        return type(self)(self.members, kept)._with(certain=self.certain) if kept else None

    def __str__(self) -> str:
        groups: dict[Any, list[Any]] = {}
        for first, *rest in self.combinations:
            groups.setdefault((first, *rest[:-1]), []).append(rest[-1])
        texts, left = [], len(self.combinations)
        for values, last in list(groups.items())[:_SHOWN]:
            pairs = [
                f"{label(name)} = {value_text(value)}" for name, value in zip(self.members[:-1], values, strict=True)
            ]
            shown = last if len(last) <= _SHOWN + 1 else last[:_SHOWN]
            left -= len(last)
            ends = " or ".join(map(value_text, shown)) + (f" or {len(last) - len(shown)} others" * (shown is not last))
            texts.append(f"{' and '.join(pairs)} with {label(self.members[-1])} = {ends}")
        return "never " + "; ".join(texts) + (f"; and {left} more combinations" if left else "")

    def _to_json(self) -> dict[str, Any]:
        rows = [[to_json(value) for value in row] for row in self.combinations]
        return {"names": names_json(self.columns), "combinations": rows}

    @classmethod
    def _from_json(cls, stored: dict[str, Any]) -> Self:
        rows = [tuple(from_json(value) for value in row) for row in stored["combinations"]]
        return cls(names_from_json(stored["names"]), rows)
