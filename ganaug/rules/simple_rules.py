"""Rules that are guards alone: grids of values, and combinations that never occur."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from ganaug.encoding.serialization import from_json, to_json
from ganaug.exceptions import InvalidParameterError
from ganaug.rules.base_rule import Rule, label, named, names_from_json, names_json, number_text, numeric, value_text
from ganaug.rules.table_view import Bits, TableView

__all__ = ["Grid", "Never"]

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

    column: Any
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
        Where ``members`` is a list: the combinations, with a value of each column.

    Notes
    -----
    `find_rules` looks at pairs of categories and flags. A combination is told where chance would make so many rows of
    it that none at all is a surprise (in 1 of 1000 tables of unrelated columns), and guards: rows that have it are
    refused.

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
        object.__setattr__(self, "combinations", tuple(rows))

    @property
    def columns(self) -> tuple[Hashable, ...]:
        """The columns."""
        return tuple(self.members)

    def _found(self, view: TableView) -> list[Bits]:
        """The rows of each combination. Each of shape (n,)."""
        codes, places = [], []
        for k, name in enumerate(self.members):
            levels = list(dict.fromkeys(row[k] for row in self.combinations))
            codes.append(view.column(name).codes(levels))
            places.append({level: place for place, level in enumerate(levels)})
        return [
            np.logical_and.reduce([own == place[value] for own, place, value in zip(codes, places, row, strict=True)])
            for row in self.combinations
        ]

    def keeps(self, view: TableView) -> Bits:
        """Which rows keep it; see ``Rule.keeps``. (n,)."""
        return np.asarray(~np.logical_or.reduce(self._found(view)))

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
