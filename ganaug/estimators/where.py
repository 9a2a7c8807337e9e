"""Conditions on columns of synthetic rows: ``sample(n, where={"age": (60, None), "sex": "F"})``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ganaug.curation import Tally
from ganaug.exceptions import InvalidDataError, InvalidParameterError
from ganaug.seeding import child_seed

__all__ = ["Where", "drawn_where"]

Bits = npt.NDArray[np.bool_]

# Rows that are drawn for one that meets the conditions, at most; but no fewer than the first number in all, and no more
# than the second.
TRIES, FEWEST_TRIES, MOST_TRIES = 500, 100_000, 2_000_000
# Rows of one draw.
AT_ONCE, LEAST_AT_ONCE = 65_536, 512


@dataclass(frozen=True)
class _Condition:
    """What one column must be."""

    name: Any
    place: int
    text: str
    test: Callable[[pd.Series], Any]

    def holds(self, table: pd.DataFrame) -> Bits:
        found = self.test(table.iloc[:, self.place])
        return np.asarray(pd.Series(found).fillna(False), dtype=bool)


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
    >>> from ganaug.codecs import CompactTableCodec
    >>> X = pd.DataFrame({"age": range(20, 80), "sex": ["F", "M"] * 30})
    >>> where = Where({"age": (60, None), "sex": "F"}, CompactTableCodec().fit(X))
    >>> int(where.holds(X).sum())
    10
    """

    def __init__(self, given: Any, codec: Any) -> None:
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
            condition = _condition(name, place, wanted)
            values, every = codec.possible_values(place)
            _refuse_impossible(condition, wanted, values, every, summaries[place]["missing"])
            self.conditions.append(condition)

    def holds(self, table: Any) -> Bits:
        """Which rows of a table, in whatever container, meet all conditions."""
        frame = _frame(table)
        return np.logical_and.reduce([condition.holds(frame) for condition in self.conditions])

    def shares(self, table: Any) -> str:
        """How many rows meet each condition, in words."""
        frame = _frame(table)
        return ", ".join(f"{c.text}: {c.holds(frame).mean():.1%}" for c in self.conditions)


def drawn_where(
    draw: Callable[[int, int], tuple[Any, Tally]], decode: Callable[[Any], Any], where: Where, n: int, seed: int
) -> tuple[Any, Tally, int]:
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
    tally : Tally
        Of all draws.
    refused : int
        Rows that did not meet the conditions.

    Raises
    ------
    InvalidDataError
        If the bound on drawing is reached before there are enough; it tells how many meet each condition.
    """
    most = min(MOST_TRIES, max(FEWEST_TRIES, TRIES * n))
    kept, found, tried, total, round_, shares = [], 0, 0, Tally(), 0, ""
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
        good, shares = np.flatnonzero(where.holds(table))[: n - found], where.shares(table)
        kept.append(rows[good])
        found += len(good)
        tried += count
        round_ += 1
        total.drawn += tally.drawn
        total.kept += tally.kept
        total.taken_anyway += tally.taken_anyway
        total.copies_unchecked |= tally.copies_unchecked
        for rule, count in tally.rejected.items():
            total.rejected[rule] += count
    refused, total.kept = total.kept - n, n
    return np.concatenate(kept), total, refused


def _frame(table: Any) -> pd.DataFrame:
    if isinstance(table, pd.DataFrame):
        return table
    dense = table.toarray() if hasattr(table, "toarray") else np.asarray(table)
    return pd.DataFrame(dense)


def _is_missing(value: Any) -> bool:
    return (
        value is None
        or value is pd.NA
        or value is pd.NaT
        or (isinstance(value, (float, np.floating)) and value != value)
    )


def _condition(name: Any, place: int, wanted: Any) -> _Condition:
    if callable(wanted):
        return _Condition(name, place, f"{name} as the function asks", wanted)
    if isinstance(wanted, tuple):
        if len(wanted) != 2 or all(end is None for end in wanted):
            raise InvalidParameterError(f"where: {name!r} is {wanted!r}; give (low, high), one of which may be None")
        low, high = wanted
        if low is not None and high is not None and not low <= high:
            raise InvalidParameterError(f"where: {name!r} is {wanted!r}, which no value is within; give (low, high)")
        text = f"{name} from {'any' if low is None else low} to {'any' if high is None else high}"
        return _Condition(name, place, text, lambda column: _within(column, low, high))
    if _is_many(wanted):
        values = list(wanted)
        return _Condition(name, place, f"{name} in {values}", lambda column: column.isin(values))
    if _is_missing(wanted):
        return _Condition(name, place, f"{name} missing", lambda column: column.isna())
    return _Condition(name, place, f"{name} = {wanted}", lambda column: column == wanted)


def _within(column: pd.Series, low: Any, high: Any) -> Any:
    values = column.astype(column.cat.categories.dtype) if isinstance(column.dtype, pd.CategoricalDtype) else column
    found = values.notna()
    try:
        if low is not None:
            found &= values >= low
        if high is not None:
            found &= values <= high
    except TypeError as error:
        raise InvalidParameterError(
            f"where: column {column.name!r} of dtype {column.dtype} cannot be compared with {(low, high)!r}; give a "
            "value, or a list of values"
        ) from error
    return found


def _refuse_impossible(condition: _Condition, wanted: Any, values: pd.Series, every: bool, missing: bool) -> None:
    """Raise where the column has no such value.

    Parameters
    ----------
    values : Series
        All values of the column if ``every``, else the smallest and the largest one.
    missing : bool
        Whether it has missing values.
    """
    if callable(wanted):
        return
    if not isinstance(wanted, (tuple, list, set, frozenset)) and _is_missing(wanted):
        if not missing:
            raise InvalidParameterError(f"where: no row can meet it: column {condition.name!r} has no missing values")
        return
    if every:
        possible, has = bool(np.asarray(condition.test(values)).any()), f"has the values {values.tolist()[:10]}"
    else:
        ends = [wanted] if isinstance(wanted, tuple) else [(v, v) for v in (wanted if _is_many(wanted) else [wanted])]
        possible = any(
            (low is None or bool(_within(values.iloc[1:], low, None).any()))
            and (high is None or bool(_within(values.iloc[:1], None, high).any()))
            for low, high in ends
        )
        has = f"runs from {values.iloc[0]} to {values.iloc[1]}"
    if not possible:
        raise InvalidParameterError(f"where: no row can meet {condition.text!r}: column {condition.name!r} {has}")


def _is_many(wanted: Any) -> bool:
    return isinstance(wanted, (list, set, frozenset))
