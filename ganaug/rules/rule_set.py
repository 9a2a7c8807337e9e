"""Rules of one table together: printed, tabulated, checked, stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any, overload

import numpy as np
import pandas as pd

from ganaug.rules.base_rule import GUARDED, Rule
from ganaug.rules.kinds import Custom, Grid, as_rule, rule_from_json
from ganaug.rules.table_view import Bits, view_of
from ganaug.utils.isolation import isolated

__all__ = ["Rules"]


class Rules(Sequence[Rule]):
    """Rules of a table, in a fixed order.

    Parameters
    ----------
    rules : iterable of Rule or callable
        A callable takes the table and returns a mask of the rows that keep it.
    grids : iterable of Grid, default=()
        The steps that single columns come in. They say nothing of how columns belong together, every
        encoding keeps them, and they are therefore not counted among the rules.
    skipped : iterable of str, default=()
        What was not looked for, because the work allowed was done.

    Attributes
    ----------
    grids, skipped : tuple
        As given.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug import Order, Rules
    >>> rules = Rules([Order("opened", "closed")])
    >>> print(rules)
    closed >= opened
    >>> int(rules.check(pd.DataFrame({"opened": [1, 2], "closed": [1, 1]}))["broken"].sum())
    1
    """

    def __init__(self, rules: Iterable[Any] = (), grids: Iterable[Grid] = (), skipped: Iterable[str] = ()) -> None:
        self._rules = tuple(as_rule(rule) for rule in rules)
        self.grids, self.skipped = tuple(grids), tuple(skipped)

    def __len__(self) -> int:
        return len(self._rules)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules)

    @overload
    def __getitem__(self, place: int) -> Rule: ...

    @overload
    def __getitem__(self, place: slice) -> Rules: ...

    def __getitem__(self, place: int | slice) -> Rule | Rules:
        return Rules(self._rules[place], self.grids, self.skipped) if isinstance(place, slice) else self._rules[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rules) and self._rules == other._rules

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return "\n".join(map(str, self._rules)) if self._rules else "no rules"

    def __repr__(self) -> str:
        return f"<{len(self)} rule{'' if len(self) == 1 else 's'}>" + (f"\n{self}" if self._rules else "")

    def _repr_html_(self) -> str:
        if not self._rules:
            return "<p>no rules</p>"
        frame = self.to_frame()
        frame["columns"] = [", ".join(map(str, names)) for names in frame["columns"]]
        return frame.map(lambda cell: escape(str(cell))).to_html(escape=False, index=False)

    def to_frame(self) -> pd.DataFrame:
        """One row for each rule.

        Returns
        -------
        DataFrame
            kind, columns (tuple), formula (what `str` says), support (rows it was checked on), exceptions
            (those that break it), holds (share that keeps it) and kept ("rewritten", "guarded" or "").
        """
        return pd.DataFrame(
            {
                "kind": [rule.kind for rule in self],
                "columns": pd.Series([rule.columns for rule in self], dtype=object),
                "formula": [str(rule) for rule in self],
                "support": np.array([rule.support for rule in self], dtype=np.int64),
                "exceptions": np.array([rule.exceptions for rule in self], dtype=np.int64),
                "holds": np.array([rule.share for rule in self], dtype=np.float64),
                "kept": [rule.kept for rule in self],
            }
        )

    @isolated
    def holds(self, X: Any, kept: str | None = None) -> Bits:
        """Which rows keep all rules.

        Parameters
        ----------
        X : table of shape (n, d)
        kept : {"rewritten", "guarded"}, optional
            Ask only the rules that are kept this way.

        Returns
        -------
        ndarray of shape (n,), dtype bool
        """
        view = view_of(X)
        found = np.ones(view.n_rows, dtype=bool)
        for rule in self:
            if kept is None or rule.kept == kept:
                found &= rule.holds(view)
        return found

    @isolated
    def allows(self, X: Any) -> Bits:
        """Which new rows no guarded rule refuses. (n,)."""
        view = view_of(X)
        found = np.ones(view.n_rows, dtype=bool)
        for rule in self:
            if rule.kept == GUARDED:
                found &= rule.allows(view)
        return found

    @isolated
    def check(self, X: Any) -> pd.DataFrame:
        """How often each rule is broken.

        Parameters
        ----------
        X : table of shape (n, d)

        Returns
        -------
        DataFrame
            One row for each rule: kind, formula, checked (rows without a missing member), broken (how many
            break it), share (broken of checked) and expected (the share of exceptions where the rule was found).
        """
        view = view_of(X)
        rows = []
        for rule in self:
            rule.check(view)
            checked, broken = int(rule._applies(view).sum()), int((~rule._holds(view)).sum())
            rows.append((rule.kind, str(rule), checked, broken, broken / max(checked, 1), 1 - rule.share))
        names = ["kind", "formula", "checked", "broken", "share", "expected"]
        frame = pd.DataFrame(rows, columns=names)
        return frame.astype({"checked": np.int64, "broken": np.int64, "share": np.float64, "expected": np.float64})

    def learn(self, X: Any) -> Rules:
        """The same rules with tolerances, intervals, support and exceptions of a table."""
        view = view_of(X)
        return Rules([rule.learn(view) for rule in self], self.grids, self.skipped)

    def to_json(self) -> dict[str, Any]:
        """JSON values. Functions are left out: `dropped` names them."""
        return {
            "rules": [rule.to_json() for rule in self if not isinstance(rule, Custom)],
            "grids": [grid.to_json() for grid in self.grids],
            "skipped": list(self.skipped),
        }

    @property
    def dropped(self) -> tuple[str, ...]:
        """Names of the rules that `to_json` leaves out, because they are functions."""
        return tuple(str(rule) for rule in self if isinstance(rule, Custom))

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Rules:
        """The rules that `to_json` wrote.

        Raises
        ------
        ModelFileError
            If one cannot be read.
        """
        rules, grids = ([rule_from_json(one) for one in stored[name]] for name in ("rules", "grids"))
        return cls(rules, [grid for grid in grids if isinstance(grid, Grid)], stored["skipped"])
