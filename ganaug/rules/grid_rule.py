"""The rule that a column's numbers come in steps, which every encoding keeps by itself."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from ganaug.rules.base_rule import Rule, label, names_from_json, names_json, number_text, numeric
from ganaug.rules.table_view import Bits, TableView

__all__ = ["Grid"]


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
        """Which rows keep it; see `Rule.keeps`. (n,)."""
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
