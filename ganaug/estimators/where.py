"""Conditions on columns of synthetic rows: ``sample(n, where={"age": (60, None), "sex": "F"})``."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ganaug.exceptions import InvalidDataError, InvalidParameterError
from ganaug.filtering import FilterCounts
from ganaug.rules.table_view import mask_of
from ganaug.utils.determinism import child_seed

__all__ = ["Where", "drawn_where"]

Bits = npt.NDArray[np.bool_]

# Rows that are drawn for one that meets the conditions, at most; but no fewer than the first number in all, and no more
# than the second.
TRIES, FEWEST_TRIES, MOST_TRIES = 500, 100_000, 2_000_000
# Rows of one draw.
AT_ONCE, LEAST_AT_ONCE = 65_536, 512
# Containers of values of which a row must have one.
_MANY = (list, set, frozenset, range, np.ndarray, pd.Series, pd.Index, pd.api.extensions.ExtensionArray)


@dataclass(frozen=True)
class _Condition:
    """What one column must be: within one of some intervals, missing, or what a function says."""

    name: object
    place: int
    text: str
    ends: tuple[tuple[Any, Any], ...] = ()
    missing: bool = False
    function: Callable[[pd.Series], Any] | None = None

    def holds(self, table: pd.DataFrame) -> Bits:
        column = table.iloc[:, self.place]
        if self.function is not None:
            return self._said(self.function(column), len(column))
        there = column.notna().to_numpy(bool)
        found, values = ~there & self.missing, _comparable(column[there])
        for low, high in self.ends:
            found[there] |= _within(values, low, high)
        return found

    def _said(self, mask: npt.ArrayLike, n: int) -> Bits:
        found = mask_of(mask, missing=False) if n else np.zeros(0, bool)
        if found is None or len(found) != n:
            raise InvalidDataError(
                f"where: the function for column {self.name!r} returned an array of shape {np.shape(mask)} and dtype "
                f"{getattr(mask, 'dtype', type(mask).__name__)} for {n} rows; let it return True or False for each row"
            )
        return found


class Where:
    """Conditions on the columns of a table, checked against what the columns can be.

    Parameters
    ----------
    given : dict of column to condition
        A value (equal to it), a list or set of values (one of them), a pair ``(low, high)`` (at least, at most; None is
        open), None (missing), or a callable that takes the column as a Series and returns a mask.
    codec : table codec
        Fitted; it knows names, levels and ranges.

    Raises
    ------
    InvalidParameterError
        For a column that is not there, and a condition that no row can meet; it names the column.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug.encoding import CompactTableCodec
    >>> X = pd.DataFrame({"age": [20, 65, 31, 70] * 15, "sex": ["F", "F", "M", "M"] * 15})
    >>> where = Where({"age": (60, None), "sex": "F"}, CompactTableCodec().fit(X))
    >>> int(where.holds(X).sum())
    15
    """

    def __init__(self, given: object, codec: Any) -> None:
        if not isinstance(given, Mapping) or not given:
            raise InvalidParameterError(
                f"where={given!r} must be a dict of column to condition, such as {{'age': (60, None), 'sex': 'F'}}"
            )
        if not hasattr(codec, "column_summary"):
            raise InvalidParameterError("where is for tables: images and series have no columns")
        summaries = codec.column_summary()
        places = {summary["name"]: place for place, summary in enumerate(summaries)}
        self.conditions = []
        for name, wanted in given.items():
            if name not in places:
                raise InvalidParameterError(f"where: there is no column {name!r}; the columns are {list(places)[:20]}")
            place = places[name]
            values, every = codec.possible_values(place)
            condition = _condition(name, place, wanted, values)
            _refuse_impossible(condition, values, every, summaries[place]["missing"])
            self.conditions.append(condition)

    def holds(self, table: object) -> Bits:
        """Which rows of a table, in whatever container, meet all conditions."""
        frame = _frame(table)
        return np.logical_and.reduce([condition.holds(frame) for condition in self.conditions])

    def shares(self, table: object) -> str:
        """How many rows meet each condition, in words."""
        frame = _frame(table)
        return ", ".join(f"{c.text}: {c.holds(frame).mean():.1%}" for c in self.conditions)


def drawn_where(
    draw: Callable[[int, int], tuple[Any, FilterCounts]], decode: Callable[[Any], Any], where: Where, n: int, seed: int
) -> tuple[Any, FilterCounts, int]:
    """Rows that meet the conditions, drawn until there are enough of them.

    Parameters
    ----------
    draw : callable ``(n, seed) -> rows, tally``
        Draws encoded rows.
    decode : callable
        From encoded rows to a table.
    where : Where
    n, seed : int

    Returns
    -------
    rows : n encoded rows
    tally : FilterCounts
        Of all draws; "taken anyway" and faults of the rows returned.
    refused : int
        Rows that did not meet the conditions.

    Raises
    ------
    InvalidDataError
        If the bound on drawing is reached before there are enough; it tells how many meet each condition.
    """
    most = min(MOST_TRIES, max(FEWEST_TRIES, TRIES * n))
    kept, found, tried, total, round_, refused, shares = [], 0, 0, FilterCounts(), 0, 0, ""
    faults: list[npt.NDArray[np.int8]] = []
    while found < n:
        if tried >= most:
            raise InvalidDataError(
                f"where: only {found:,} of {n:,} rows after {tried:,} candidates ({shares}, of the last draw); ask for "
                "fewer rows, or widen the condition that the fewest meet"
            )
        rate = max(found / tried if tried else 1.0, 1 / TRIES)
        count = min(max(math.ceil(1.2 * (n - found) / rate), LEAST_AT_ONCE), AT_ONCE, most - tried)
        rows, tally = draw(count, child_seed(seed, "where", round_))
        table = decode(rows)
        good, shares = np.flatnonzero(where.holds(table)), where.shares(table)
        refused += len(rows) - len(good)
        good = good[: n - found]
        kept.append(rows[good])
        faults.append(tally.faults[good] if len(tally.faults) else np.zeros(len(good), np.int8))
        found += len(good)
        tried += count
        round_ += 1
        total.drawn += tally.drawn
        total.kept += tally.kept
        total.copies_unchecked |= tally.copies_unchecked
        for rule, times in tally.rejected.items():
            total.rejected[rule] += times
    total.kept, total.faults = n, np.concatenate(faults)
    total.taken_anyway = int((total.faults > 0).sum())
    return np.concatenate(kept), total, refused


def _frame(table: object) -> pd.DataFrame:
    if isinstance(table, pd.DataFrame):
        return table
    dense = table.toarray() if hasattr(table, "toarray") else np.asarray(table)
    return pd.DataFrame(dense)


def _is_missing(value: object) -> bool:
    return (
        value is None
        or value is pd.NA
        or value is pd.NaT
        or (isinstance(value, (float, np.floating)) and value != value)
    )


def _condition(name: object, place: int, wanted: Any, like: pd.Series) -> _Condition:
    """A condition as the user writes it, its values in the type of the column's own."""
    if callable(wanted):
        return _Condition(name, place, f"{name} as the function asks", function=wanted)
    if isinstance(wanted, tuple):
        if len(wanted) != 2 or all(end is None for end in wanted):
            raise InvalidParameterError(f"where: {name!r} is {wanted!r}; give (low, high), one of which may be None")
        low, high = (None if end is None else _converted(name, end, like) for end in wanted)
        text = f"{name} from {'any' if low is None else low} to {'any' if high is None else high}"
        if low is not None and high is not None and not _is_up(low, high, like):
            raise InvalidParameterError(f"where: {name!r} is {wanted!r}, which no value is within; give (low, high)")
        return _Condition(name, place, text, ((low, high),))
    if isinstance(wanted, _MANY):
        values = list(wanted)
        each = [_converted(name, value, like) for value in values if not _is_missing(value)]
        missing = len(each) < len(values)
        return _Condition(name, place, f"{name} in {values}", tuple((v, v) for v in each), missing)
    if _is_missing(wanted):
        return _Condition(name, place, f"{name} missing", missing=True)
    if isinstance(wanted, Mapping) or np.ndim(wanted) > 0:
        raise InvalidParameterError(
            f"where: {name!r} is {wanted!r}; give a value, a list of values, a pair (low, high), None for missing, or "
            "a function of the column"
        )
    value = _converted(name, wanted, like)
    return _Condition(name, place, f"{name} = {wanted}", ((value, value),))


def _converted(name: object, value: Any, like: pd.Series) -> object:
    """A value that can be compared with those of a column: dates and durations may be text.

    Raises
    ------
    InvalidParameterError
        Naming the column.
    """
    values = _comparable(like)
    if isinstance(values.dtype, pd.CategoricalDtype):
        levels = values.cat.categories.tolist()
        if value not in levels:
            raise InvalidParameterError(f"where: column {name!r} has no level {value!r}; its levels are {levels[:10]}")
        return value
    kind: str = getattr(values.dtype, "kind", "O")
    first: Any = values.iloc[0] if len(values) else None
    try:
        if isinstance(first, dt.date) and not isinstance(first, dt.datetime):
            return _moment(value).date()
        if isinstance(first, dt.time) and isinstance(value, str):
            value = dt.time.fromisoformat(value)
        if kind == "M" or isinstance(first, dt.datetime):
            zone, moment = getattr(first, "tzinfo", None), _moment(value)
            moment = moment.tz_localize(zone) if zone is not None and moment.tzinfo is None else moment
            bool(first >= moment)  # raises where one has a time zone and the other has not
            return moment
        if kind == "m":
            if isinstance(value, (bool, int, float, np.number)):
                raise ValueError("a number is no duration")
            return pd.Timedelta(value)
        if kind in "biuf" and isinstance(value, (str, bytes, complex)):
            raise TypeError("that is no number")
        if first is not None:
            bool(first >= value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidParameterError(
            f"where: column {name!r} holds {like.dtype}, such as {first}, which cannot be compared with {value!r}; "
            "give what the column could hold"
        ) from error
    return value


def _moment(value: Any) -> pd.Timestamp:
    if isinstance(value, (bool, int, float, np.number)):
        raise ValueError("a number is no date")
    moment: Any = pd.Timestamp(value)
    if moment is pd.NaT:
        raise ValueError("no date")
    return moment


def _comparable(column: pd.Series) -> pd.Series:
    """Categories as values, but for ordered ones, which have an order of their own."""
    if isinstance(column.dtype, pd.CategoricalDtype) and not column.cat.ordered:
        return column.astype(column.cat.categories.dtype)
    return column


def _within(values: pd.Series, low: object, high: object) -> Bits:
    """Which values, none of them missing, lie between two others, either of which may be None."""
    if low is high:
        return np.asarray(values == low, dtype=bool)
    found = np.ones(len(values), bool)
    for bound, sign in ((low, "ge"), (high, "le")):
        if bound is not None:
            found &= np.asarray(getattr(values, sign)(bound), dtype=bool)
    return found


def _is_up(low: Any, high: object, like: pd.Series) -> bool:
    if isinstance(like.dtype, pd.CategoricalDtype) and like.cat.ordered:
        places: list[Any] = [like.cat.categories.get_loc(end) for end in (low, high)]
        return bool(places[0] <= places[1])
    return bool(low <= high)


def _refuse_impossible(condition: _Condition, values: pd.Series, every: bool, missing: bool) -> None:
    """Raise where the column has no such value.

    Parameters
    ----------
    values : Series
        All values of the column if ``every``, else the smallest and the largest one.
    missing : bool
        Whether it has missing values.
    """
    if condition.function is not None or (condition.missing and missing):
        return
    name = condition.name
    if condition.missing and not condition.ends:
        raise InvalidParameterError(f"where: no row can meet it: column {name!r} has no missing values")
    values = _comparable(values)
    if every:
        possible = any(_within(values, low, high).any() for low, high in condition.ends)
        has = f"has the values {values.tolist()[:10]}"
    else:
        smallest, largest = values.iloc[0], values.iloc[-1]
        whole = getattr(values.dtype, "kind", "O") in "iu"
        ends = [_whole(low, high) if whole else (low, high) for low, high in condition.ends]
        possible = any(
            (low is None or low <= largest)
            and (high is None or high >= smallest)
            and (low is None or high is None or low <= high)
            for low, high in ends
        )
        has = f"runs from {smallest} to {largest}" + (" in whole numbers" if whole else "")
    if not possible:
        raise InvalidParameterError(f"where: no row can meet {condition.text!r}: column {name!r} {has}")


def _whole(low: float | None, high: float | None) -> tuple[Any, Any]:
    """The whole numbers of an interval."""
    return (
        low if low is None or math.isinf(low) else math.ceil(low),
        high if high is None or math.isinf(high) else math.floor(high),
    )
