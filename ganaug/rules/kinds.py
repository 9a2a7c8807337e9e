"""Rules that confine or determine values without an equation: order, one-hot groups, categories, missing values."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np

from ganaug.encoding.quantiles import inner_bounds, is_shared, outer_bounds
from ganaug.encoding.serialization import from_json, to_json
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError, ModelFileError
from ganaug.rules.base_rule import (
    Apart,
    Grid,
    Never,
    Rule,
    check_alike,
    comparable,
    label,
    named,
    names_from_json,
    names_json,
    number_text,
    numeric,
)
from ganaug.rules.derived import Age, DatePart, FixedWhere
from ganaug.rules.equations import Copy, Monotone, PerCategory, Product, Sum
from ganaug.rules.table_view import Bits, ColumnView, Floats, TableView, mask_of, number_of

__all__ = [
    "KINDS",
    "Bound",
    "Custom",
    "Determined",
    "Grid",
    "MissingWith",
    "Never",
    "OneHot",
    "Order",
    "Within",
    "as_rule",
    "is_stored",
    "rule_from_json",
]


def _names(rule: Rule) -> list[Any]:
    return names_json(rule.columns)


@dataclass(frozen=True)
class Order(Rule):
    """One column is never greater than another.

    Parameters
    ----------
    low : hashable
        The column that is smaller or equal: numbers, dates or durations.
    high : hashable
        The column that is greater or equal, of the same kind.
    strict : bool, default=False
        Whether they are never equal either.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug import Order
    >>> X = pd.DataFrame({"opened": [1, 2, 3], "closed": [1, 5, 2]})
    >>> rule = Order("opened", "closed")
    >>> print(rule, rule.holds(X))
    closed >= opened [ True  True False]
    """

    low: Hashable
    high: Hashable
    strict: bool = False

    kind: ClassVar[str] = "order"

    def __post_init__(self) -> None:
        if self.low == self.high:
            raise InvalidParameterError(f"{self.low!r} is compared with itself; name two columns")

    @property
    def columns(self) -> tuple[Hashable, ...]:
        """The lower column and the higher one."""
        return (self.low, self.high)

    def check(self, view: TableView) -> None:
        """Raise InvalidDataError if the columns are not there or cannot be compared."""
        check_alike(view, self)

    def keeps(self, view: TableView) -> Bits:
        """Which rows keep it; see ``Rule.keeps``. (n,)."""
        a, b = view.column(self.low), view.column(self.high)
        low, high = comparable(a, b)
        return np.asarray((low < high if self.strict else low <= high) | a.missing | b.missing)

    def __str__(self) -> str:
        return f"{label(self.high)} {'>' if self.strict else '>='} {label(self.low)}"

    def _to_json(self) -> dict[str, Any]:
        return {"names": _names(self), "strict": bool(self.strict)}

    @classmethod
    def _from_json(cls, stored: dict[str, Any]) -> Self:
        low, high = names_from_json(stored["names"])
        return cls(low, high, stored["strict"])


@dataclass(frozen=True)
class Bound(Rule):
    """A column stays within constants, which belong to it.

    Parameters
    ----------
    column : hashable
        Numbers, dates or durations.
    low, high : number, date or None, default=None
        The smallest and the largest value that are allowed. One of them at least.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug.rules import Bound
    >>> rule = Bound("age", low=18)
    >>> print(rule, rule.holds(pd.DataFrame({"age": [17, 18, 40]})))
    age >= 18 [False  True  True]
    """

    column: Hashable
    low: Any = None
    high: Any = None

    kind: ClassVar[str] = "bound"

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise InvalidParameterError("low and high are both None; give one of them")
        if self.low is not None and self.high is not None and not self.low <= self.high:
            raise InvalidParameterError(f"low={self.low!r} is greater than high={self.high!r}; swap them")

    @property
    def columns(self) -> tuple[Hashable, ...]:
        """The column."""
        return (self.column,)

    def check(self, view: TableView) -> None:
        """Raise InvalidDataError if the column is not there or holds text."""
        column = numeric(view, self.column, str(self))
        self.limits(column)

    def limits(self, column: ColumnView) -> tuple[float, float]:
        """The constants on the scale of ``ColumnView.number``."""
        if column.is_blank:
            return -np.inf, np.inf
        low, high = (_constant(value, column) for value in (self.low, self.high))
        return (-np.inf if low is None else low), (np.inf if high is None else high)

    def keeps(self, view: TableView) -> Bits:
        """Which rows keep it; see ``Rule.keeps``. (n,)."""
        column = view.column(self.column)
        low, high = self.limits(column)
        return np.asarray(((column.number >= low) & (column.number <= high)) | column.missing)

    def __str__(self) -> str:
        name = label(self.column)
        if self.low is not None and self.high is not None:
            return f"{_value_text(self.low)} <= {name} <= {_value_text(self.high)}"
        return f"{name} >= {_value_text(self.low)}" if self.low is not None else f"{name} <= {_value_text(self.high)}"

    def _to_json(self) -> dict[str, Any]:
        return {"names": _names(self), "low": to_json(self.low), "high": to_json(self.high)}

    @classmethod
    def _from_json(cls, stored: dict[str, Any]) -> Self:
        [column] = names_from_json(stored["names"])
        return cls(column, from_json(stored["low"]), from_json(stored["high"]))


def _constant(value: object, column: ColumnView) -> float | None:
    if value is None:
        return None
    try:
        return number_of(value, column.adapter)
    except (TypeError, ValueError) as error:
        raise InvalidDataError(
            f"{value!r} cannot be compared with column {column.name!r} of dtype {column.adapter.dtype}; "
            "give a bound of its kind"
        ) from error


def _value_text(value: object) -> str:
    if isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.bool_)):
        return number_text(float(value))
    return str(value)


@dataclass(frozen=True)
class OneHot(Rule):
    """A group of columns of 0 and 1 of which one is 1.

    Parameters
    ----------
    members : list of hashable
        At least two columns of 0 and 1 (bool, whole or float).
    at_most : bool, default=False
        Whether none of them may be 1 either.
    ordered : bool, default=False
        Whether the group counts instead: a column is 1 only where all those before it are.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug import OneHot
    >>> X = pd.DataFrame({"kind_a": [1, 0, 1], "kind_b": [0, 1, 1]})
    >>> rule = OneHot(["kind_a", "kind_b"])
    >>> print(rule, rule.holds(X))
    exactly one of kind_a, kind_b [ True  True False]
    """

    members: Any
    at_most: bool = False
    ordered: bool = False

    kind: ClassVar[str] = "one-hot"

    def __post_init__(self) -> None:
        members = named("members", self.members)
        if len(members) < 2:
            raise InvalidParameterError(f"members={self.members!r} is one column; a group has two at least")
        object.__setattr__(self, "members", tuple(members))

    @property
    def columns(self) -> tuple[Hashable, ...]:
        """The group."""
        return tuple(self.members)

    def check(self, view: TableView) -> None:
        """Raise InvalidDataError if a column is not there or holds anything but 0 and 1."""
        for name in self.members:
            column = view.column(name)
            if column.is_blank:
                continue
            if not column.is_number or not np.isin(column.distinct, [0, column.scale]).all():
                odd = [v for v in column.levels if not column.is_number or v not in (0, 1)]
                raise InvalidDataError(
                    f"column {name!r} holds {odd[:3]!r}, but a one-hot group holds 0 and 1 only; leave it out of {self}"
                )

    def keeps(self, view: TableView) -> Bits:
        """Which rows keep it; see ``Rule.keeps``. (n,)."""
        missing = ~self._applies(view)
        if self.ordered:
            kept = np.ones(view.n_rows, dtype=bool)
            before = None
            for name in self.members:
                own = view.column(name).cells.values != 0
                if before is not None:
                    kept &= before | ~own
                before = own
            return np.asarray(kept | missing)
        ones = np.zeros(view.n_rows, dtype=np.int64)
        for name in self.members:
            ones += view.column(name).cells.values != 0
        return np.asarray((ones <= 1 if self.at_most else ones == 1) | missing)

    def __str__(self) -> str:
        names = [label(name) for name in self.members]
        texts = all(isinstance(name, str) for name in self.members)
        if self.ordered:
            return f"{' >= '.join(names if len(names) < 7 else [*names[:3], '...', names[-1]])} (0 or 1)"
        shared = _shared_start(names)
        cut = max(shared.rfind(mark) for mark in "_ -.:=") + 1
        stem = shared[:cut]
        who = (
            f"{stem}*"
            if len(names) > 3 and stem and texts
            else ", ".join(names if len(names) < 7 else [*names[:5], "..."])
        )
        who += f" ({len(names)} columns)" if len(names) > 3 else ""
        return f"{'at most' if self.at_most else 'exactly'} one of {who}"

    def _to_json(self) -> dict[str, Any]:
        return {"names": _names(self), "at_most": bool(self.at_most), "ordered": bool(self.ordered)}

    @classmethod
    def _from_json(cls, stored: dict[str, Any]) -> Self:
        return cls(names_from_json(stored["names"]), stored["at_most"], stored["ordered"])


def _shared_start(names: list[str]) -> str:
    first, last = min(names), max(names)
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:same]


@dataclass(frozen=True)
class Within(Rule):
    """A number stays in the interval of its row's category.

    Parameters
    ----------
    column : hashable
        Numbers, dates or durations.
    category : hashable
        The column that says which interval.
    intervals : dict of category to (low, high), optional
        By default the intervals that the data show; a category with fewer than five rows has none. An end that fewer
        than four rows have is rounded outwards, and new rows stay within bounds that are rounded inwards: no value
        of a single row is kept.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug import Within
    >>> rule = Within("rate", "grade", {"A": (1, 5), "B": (5, 9)})
    >>> print(rule, rule.holds(pd.DataFrame({"grade": ["A", "B"], "rate": [4.5, 9.5]})))
    rate within the interval of its grade [ True False]
    """

    column: Hashable
    category: Hashable
    intervals: Any = None
    inner: Any = field(default=None, init=False, compare=False, repr=False)
    # whether intervals that the user gave (dates, say) are numbers by now
    _as_numbers: bool = field(default=False, init=False, compare=False, repr=False)

    kind: ClassVar[str] = "within"
    least_rows: ClassVar[int] = 5

    def __post_init__(self) -> None:
        if self.column == self.category:
            raise InvalidParameterError(f"{self.column!r} is confined by itself; name two columns")
        if self.intervals is None:
            return
        if not isinstance(self.intervals, dict) or not self.intervals:
            raise InvalidParameterError("intervals is no dict of category to (low, high)")
        for level, interval in self.intervals.items():
            if len(interval) != 2 or not interval[0] <= interval[1]:
                raise InvalidParameterError(f"the interval of {level!r} is {interval!r}; give (low, high)")

    @property
    def columns(self) -> tuple[Hashable, ...]:
        """The number and the category."""
        return (self.column, self.category)

    def check(self, view: TableView) -> None:
        """Raise InvalidDataError if a column is not there or the confined one holds text."""
        numeric(view, self.column, str(self))
        view.column(self.category)

    def _learn(self, view: TableView) -> Self:
        if self.inner is not None or self._as_numbers:
            return self
        if self.intervals is not None:
            column = view.column(self.column)
            ends = {
                level: tuple(_constant(end, column) for end in interval) for level, interval in self.intervals.items()
            }
            return self._with(intervals=ends, _as_numbers=True)
        outer, inner = self._found(view)
        return self._with(intervals=outer, inner=inner)

    def _found(self, view: TableView) -> tuple[dict[Any, tuple[float, float]], dict[Any, tuple[float, float]]]:
        """Intervals that all rows keep, and those that new rows are to keep, without an end that few rows have."""
        column, category = view.column(self.column), view.column(self.category)
        levels, values = category.levels, column.number
        codes = category.codes(levels)
        known = np.isfinite(values) & (codes >= 0)
        order = np.lexsort((values[known], codes[known]))
        starts = np.searchsorted(codes[known][order], np.arange(len(levels) + 1))
        values = values[known][order]
        outer: dict[Any, tuple[float, float]] = {}
        inner: dict[Any, tuple[float, float]] = {}
        for level, start, end in zip(levels, starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            if end - start < self.least_rows:
                continue
            distinct, counts = np.unique(values[start:end], return_counts=True)
            ends = float(distinct[0]), float(distinct[-1])
            outer[level] = ends if column.is_coarse else outer_bounds(distinct, counts)
            inner[level] = ends if column.is_coarse else inner_bounds(distinct, counts)
        return outer, inner

    def limits(self, category: ColumnView, inner: bool = False) -> tuple[Floats, Floats]:
        """The interval of each row, infinite where there is none; ``inner`` for new rows. (n,), (n,)."""
        intervals = (self.inner if inner and self.inner is not None else self.intervals) or {}
        codes = category.codes(list(intervals))
        low = np.array([*(float(a) for a, _ in intervals.values()), -np.inf])
        high = np.array([*(float(b) for _, b in intervals.values()), np.inf])
        return low[codes], high[codes]

    def keeps(self, view: TableView) -> Bits:
        """Which rows keep it; see ``Rule.keeps``. (n,)."""
        return self._learn(view)._inside(view)

    def allows(self, view: TableView) -> Bits:
        """Which new rows a guard lets pass: those within the bounds that are rounded inwards. (n,)."""
        self.check(view)
        return self._learn(view)._inside(view, inner=True)

    def _inside(self, view: TableView, inner: bool = False) -> Bits:
        values = view.column(self.column).number
        low, high = self.limits(view.column(self.category), inner)
        return ~((values < low) | (values > high))

    def __str__(self) -> str:
        return f"{label(self.column)} within the interval of its {label(self.category)}"

    def _to_json(self) -> dict[str, Any]:
        intervals = None
        if self.intervals is not None:
            intervals = [[to_json(level), to_json(a), to_json(b)] for level, (a, b) in self.intervals.items()]
        inner = None if self.inner is None else [list(ends) for ends in self.inner.values()]
        return {"names": _names(self), "intervals": intervals, "inner": inner, "as_numbers": self._as_numbers}

    @classmethod
    def _from_json(cls, stored: dict[str, Any]) -> Self:
        rows = stored["intervals"]
        intervals = None if rows is None else {from_json(level): (from_json(a), from_json(b)) for level, a, b in rows}
        column, category = names_from_json(stored["names"])
        ends = stored.get("inner")
        inner = None
        if ends is not None and intervals is not None:
            inner = {level: (a, b) for level, (a, b) in zip(intervals, ends, strict=True)}
        return cls(column, category)._with(intervals=intervals, inner=inner, _as_numbers=stored["as_numbers"])


@dataclass(frozen=True)
class Determined(Rule):
    """A column is determined by a category: each category has one value.

    Parameters
    ----------
    column : hashable
        What is determined: categories or numbers.
    by : hashable
        What determines it.
    mapping : dict, optional
        Category to value. By default that which the data show, without numbers that fewer than four rows have.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug.rules import Determined
    >>> rule = Determined("country", "city", {"Rome": "Italy", "Milan": "Italy", "Lyon": "France"})
    >>> print(rule, rule.holds(pd.DataFrame({"city": ["Rome", "Lyon"], "country": ["Italy", "Italy"]})))
    country is determined by city [ True False]
    """

    column: Hashable
    by: Any
    mapping: Any = None

    kind: ClassVar[str] = "determined"

    def __post_init__(self) -> None:
        if self.column == self.by:
            raise InvalidParameterError(f"{self.column!r} is determined by itself; name two columns")

    @property
    def columns(self) -> tuple[Hashable, ...]:
        """What is determined, and by what."""
        return (self.column, self.by)

    def _learn(self, view: TableView) -> Self:
        if self.mapping is not None:
            return self
        column, by = view.column(self.column), view.column(self.by)
        levels, values = by.levels, column.levels
        if not levels or not values:
            return self._with(mapping={})
        a, b = by.codes(levels), column.codes(values)
        known = (a >= 0) & (b >= 0)
        table = np.zeros((len(levels), len(values)), dtype=np.int32)
        np.add.at(table, (a[known], b[known]), 1)
        best = table.argmax(1)
        seen = table.any(1) & (column.is_coarse | is_shared(table.sum(0))[best])
        seen &= by.is_coarse | is_shared(table.sum(1))
        return self._with(mapping={levels[i]: values[best[i]] for i in np.flatnonzero(seen).tolist()})

    def keeps(self, view: TableView) -> Bits:
        """Which rows keep it; see ``Rule.keeps``. (n,)."""
        mapping = self._learn(view).mapping
        column, by = view.column(self.column), view.column(self.by)
        wanted = list(dict.fromkeys(mapping.values()))
        place = {value: i for i, value in enumerate(wanted)}
        table = np.array([*(place[value] for value in mapping.values()), -1], dtype=np.int64)
        codes = by.codes(list(mapping))
        return np.asarray((column.codes(wanted) == table[codes]) | (codes < 0) | column.missing)

    def __str__(self) -> str:
        return f"{label(self.column)} is determined by {label(self.by)}"

    def _to_json(self) -> dict[str, Any]:
        mapping = None
        if self.mapping is not None:
            mapping = [[to_json(level), to_json(value)] for level, value in self.mapping.items()]
        return {"names": _names(self), "mapping": mapping}

    @classmethod
    def _from_json(cls, stored: dict[str, Any]) -> Self:
        pairs = stored["mapping"]
        mapping = None if pairs is None else {from_json(level): from_json(value) for level, value in pairs}
        column, by = names_from_json(stored["names"])
        return cls(column, by, mapping)


@dataclass(frozen=True)
class MissingWith(Rule):
    """A column is missing where another column says so.

    Parameters
    ----------
    column : hashable
        The column that may be missing.
    by : hashable
        The column that says where.
    values : list, optional
        It is missing where ``by`` is one of these. By default where ``by`` is missing itself.
    exactly : bool, default=True
        Whether it is missing nowhere else.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug.rules import MissingWith
    >>> rule = MissingWith("T3", "measured", values=["f"])
    >>> print(rule, rule.holds(pd.DataFrame({"T3": [1.5, None, None], "measured": ["t", "f", "t"]})))
    T3 is missing exactly where measured is f [ True  True False]
    """

    column: Hashable
    by: Any
    values: Any = None
    exactly: bool = True

    kind: ClassVar[str] = "missing"

    def __post_init__(self) -> None:
        if self.column == self.by:
            raise InvalidParameterError(f"{self.column!r} is missing with itself; name two columns")
        if self.values is not None:
            object.__setattr__(self, "values", tuple(named("values", self.values)))

    @property
    def columns(self) -> tuple[Hashable, ...]:
        """The column, and the one that says where it is missing."""
        return (self.column, self.by)

    def says(self, by: ColumnView) -> Bits:
        """Where ``by`` says that the column is missing. (n,)."""
        return by.missing if self.values is None else np.asarray(by.codes(list(self.values)) >= 0)

    def keeps(self, view: TableView) -> Bits:
        """Which rows keep it; see ``Rule.keeps``. (n,)."""
        missing, said = view.column(self.column).missing, self.says(view.column(self.by))
        return np.asarray(missing == said) if self.exactly else np.asarray(missing | ~said)

    def _applies(self, view: TableView) -> Bits:
        return np.ones(view.n_rows, dtype=bool)

    def __str__(self) -> str:
        column, by = label(self.column), label(self.by)
        if self.values is None:
            return (
                f"{column} and {by} are missing together" if self.exactly else f"{column} is missing wherever {by} is"
            )
        said = " or ".join(map(_value_text, self.values))
        return f"{column} is missing {'exactly where' if self.exactly else 'wherever'} {by} is {said}"

    def _to_json(self) -> dict[str, Any]:
        values = None if self.values is None else [to_json(value) for value in self.values]
        return {"names": _names(self), "values": values, "exactly": bool(self.exactly)}

    @classmethod
    def _from_json(cls, stored: dict[str, Any]) -> Self:
        values = stored["values"]
        values = None if values is None else [from_json(value) for value in values]
        column, by = names_from_json(stored["names"])
        return cls(column, by, values, stored["exactly"])


@dataclass(frozen=True)
class Custom(Rule):
    """Whatever a function says.

    Parameters
    ----------
    function : callable
        Takes a DataFrame (or the array, for a table that is one) and returns a mask of the rows that keep the rule.
    name : str, optional
        How the rule is printed; the function's name by default.

    Notes
    -----
    A model file holds no code: this rule is not stored with a model.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug.rules import Custom
    >>> rule = Custom(lambda frame: frame["a"] + frame["b"] < 10, "a and b stay below 10")
    >>> print(rule, rule.holds(pd.DataFrame({"a": [1, 8], "b": [2, 3]})))
    a and b stay below 10 [ True False]
    """

    function: Callable[[Any], Any]
    name: str = ""

    kind: ClassVar[str] = "custom"

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise InvalidParameterError(f"{self.function!r} is no function of a table to a mask")
        if not self.name:
            own = getattr(self.function, "__name__", type(self.function).__name__)
            object.__setattr__(self, "name", "a function of the table" if own == "<lambda>" else own)

    @property
    def columns(self) -> tuple[Hashable, ...]:
        """None: which columns the function looks at is not known."""
        return ()

    def keeps(self, view: TableView) -> Bits:
        """Which rows keep it; see ``Rule.keeps``. (n,)."""
        table = view.original()
        try:
            said = self.function(table.copy() if hasattr(table, "copy") else table)  # it may change what it is given
        except Exception as error:
            error.add_note(f"raised by the rule {self.name!r}, a function of the table that is in rules=")
            raise
        mask = mask_of(said, missing=True)
        if mask is None or len(mask) != view.n_rows:
            raise InvalidDataError(
                f"the rule {self.name!r} returned an array of shape {np.shape(said)} and dtype "
                f"{getattr(said, 'dtype', type(said).__name__)} for {view.n_rows} rows; let it return True or False "
                "for each row"
            )
        return mask

    def __str__(self) -> str:
        return self.name

    def _to_json(self) -> dict[str, Any]:
        raise InvalidTypeError(f"the rule {self.name!r} is a function, and a model file holds no code")


KINDS: dict[str, type[Rule]] = {
    rule.kind: rule
    for rule in (
        *(Order, Sum, Product, Copy, OneHot, Within, Bound, Determined, MissingWith, Monotone, Grid, Never),
        *(DatePart, Age, Apart, PerCategory, FixedWhere),
    )
}


def is_stored(rule: object) -> bool:
    """Whether a model file can hold a rule: one of the library's own, and no function."""
    return type(rule) in KINDS.values()


def rule_from_json(stored: dict[str, Any]) -> Rule:
    """The rule that `Rule.to_json` wrote.

    Raises
    ------
    ModelFileError
        If it cannot be read.
    """
    try:
        return KINDS[stored["kind"]].from_json(stored)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelFileError(f"a stored rule cannot be read: {error!r}") from error


def as_rule(given: object) -> Rule:
    """A rule that the user gave, a function included.

    Raises
    ------
    InvalidTypeError
        If it is neither.
    """
    if isinstance(given, Rule):
        return given
    if callable(given) and not isinstance(given, type):
        return Custom(given)
    raise InvalidTypeError(
        f"{given!r} is no rule; give Order, Sum, Product, Copy, OneHot, Within, Bound, Never, "
        "or a function of a table to a mask"
    )
