"""A table rewritten so that what is learnt from it cannot break its rules."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from ganaug.encoding.adapters import ADAPTERS
from ganaug.encoding.containers import CONTAINERS, container_of
from ganaug.encoding.serialization import from_json, pack_arrays, to_json, unpack_arrays
from ganaug.exceptions import GanaugError, InvalidDataError, ModelFileError
from ganaug.rules.base_rule import GUARDED, REWRITTEN, Rule
from ganaug.rules.equations import Copy, Equation, Monotone, Product, Sum
from ganaug.rules.kinds import Bound, Determined, OneHot, Order, Within, as_rule
from ganaug.rules.plan import STEPS, TrainConfig
from ganaug.rules.rule_set import Rules
from ganaug.rules.steps import Formula, Mask, Restored, States
from ganaug.rules.table_view import TableView, view_of
from ganaug.utils.seeding import numpy_generator
from ganaug.utils.types import Array, State

__all__ = ["Rewriter"]

_VERSION = 1
_ADAPTER_NAMES = {adapter: name for name, adapter in ADAPTERS.items()}
# Those that leave columns out come before those that bound what is left.
_TURN = {
    kind: turn for turn, kind in enumerate((OneHot, Copy, Sum, Product, Monotone, Determined, Within, Order, Bound))
}
_TRIED_ROWS = 2000


class Rewriter:
    """Leaves out what rules determine, and turns what they confine into what cannot break them.

    Columns that an equation or a category determines are left out; an ordered pair becomes a base and a gap; a one-hot
    group one categorical column; a confined number its position within its interval. `restore` computes the
    original columns again, rounded as they were, from any table that looks like the rewritten one.

    Parameters
    ----------
    keep_range : bool, default=True
        Whether gaps lead no further than the largest (or smallest) value of their column in `fit`.

    Attributes
    ----------
    rules_ : Rules
        With support, exceptions, and how each is kept: "rewritten" if no rewritten table breaks it (beyond the share
        that breaks it in the data), "guarded" if rows have to be asked with `Rules.holds`.
    changes : bool
        Whether anything is rewritten at all.
    state_columns : tuple of hashable
        Columns of the rewritten table that stand for a one-hot group, and want one block of states however many.

    Notes
    -----
    Rows that break a rule (at most 0.5 % for equations that were found) are not lost: an equation's column then holds
    the value of these rows, and missing values elsewhere; a gap may be negative. A generator that learns the rewritten
    table makes such rows as often as they occur.

    Where all columns of an equation are rounded (``FTI = TT4 / T4U``), the restored value is the computed one, which
    may differ from the original by as much as the rule allows. Otherwise rows come back as they were, but for what few
    rows have and no state keeps: extremes of a gap's column (unless ``keep_range`` is False) or of an interval,
    numbers of a rare category, patterns that break a one-hot group's rule.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug.rules import Order, Rewriter, Sum
    >>> X = pd.DataFrame({"net": [10.0, 20.0], "vat": [1.9, 3.8], "gross": [11.9, 23.8], "a": [1, 4], "b": [2, 9]})
    >>> rewriter = Rewriter().fit(X, [Sum("gross", ["net", "vat"]), Order("a", "b")])
    >>> rewriter.rewrite(X)
        net  vat  a  b
    0  10.0  1.9  1  1
    1  20.0  3.8  4  5
    >>> rewriter.restore(rewriter.rewrite(X)).equals(X)
    True
    """

    def __init__(self, keep_range: bool = True) -> None:
        self.keep_range = keep_range

    def fit(self, X: Any, rules: Iterable[Any]) -> Rewriter:
        """Decide how each rule is kept.

        Parameters
        ----------
        X : table of shape (n, d)
        rules : iterable of Rule or callable
            Those that are not `certain` guard and rewrite nothing.

        Returns
        -------
        Rewriter
            Itself.

        Raises
        ------
        InvalidDataError
            If a rule names a column that is not there, or one of the wrong kind.
        """
        kind, X = container_of(X)
        view = TableView(kind, CONTAINERS[kind].open(X), source=X)
        given = list(rules)
        learnt = [as_rule(rule).learn(view) for rule in given]
        plan = TrainConfig(view, self.keep_range)
        order = sorted(range(len(learnt)), key=lambda i: _TURN.get(type(learnt[i]), len(_TURN)))
        taken = {i for i in order if plan.add(learnt[i])}
        self._kind, self._container, self._names = kind, CONTAINERS[kind].fit(X), list(view.names)
        steps = plan.ordered()
        self._set(steps, {name: view.column(name).adapter for name in _touched(steps)})
        marked = [rule._with(kept=REWRITTEN if i in taken else GUARDED) for i, rule in enumerate(learnt)]
        grids, skipped = getattr(rules, "grids", ()), getattr(rules, "skipped", ())
        self.rules_ = Rules(self._tried(view, marked), grids, skipped)
        return self

    def _set(self, steps: list[Any], adapters: dict[Hashable, Any]) -> None:
        self._steps, self._adapters = steps, adapters
        self._computed = {name for step in steps for name in step.targets} | _masked(steps)
        self.changes = bool(steps)
        self.state_columns = tuple(step.members[0] for step in steps if isinstance(step, States))

    def _tried(self, view: TableView, rules: list[Rule]) -> list[Rule]:
        """Rules that a rewritten table with shuffled columns breaks are only guarded."""
        if not self.changes or not view.n_rows:
            return rules
        rng = numpy_generator(0, "rewritten")
        rows = np.sort(rng.choice(view.n_rows, min(view.n_rows, _TRIED_ROWS), replace=False))
        frame = self._rewritten(view.take(rows))
        shuffled = pd.DataFrame({name: frame[name].take(rng.permutation(len(frame))).array for name in frame.columns})
        restored = view_of(self.restore(shuffled))
        checked = []
        for rule in rules:
            if rule.kept != REWRITTEN and not _telling(rule):
                checked.append(rule)
                continue
            broken = float((~rule.holds(restored)).mean())
            most = max(3 * rule.exceptions, 2 * (rule.exceptions > 0)) / max(rule.support, 1)
            most += 2 / len(rows) if rule.exceptions else 0
            checked.append(rule._with(kept=REWRITTEN if broken <= most else GUARDED))
        return checked

    def rewrite(self, X: Any) -> pd.DataFrame:
        """The table without what the rules determine.

        Parameters
        ----------
        X : table of shape (n, d)
            With the columns of `fit`.

        Returns
        -------
        DataFrame of shape (n, d')
            Columns that no rule rewrites are as they were. A column that is left out has one of its own name only if
            rows break its equation, and categories beside it (``"<name> is an exception"``, ``"<name> is missing"``)
            if it is there, or missing, where the equation says otherwise. A gap is a whole number, a float or a
            duration; a one-hot group a category of whole numbers.
        """
        kind, X = container_of(X)
        return self._rewritten(TableView(kind, CONTAINERS[kind].open(X), source=X))

    def _rewritten(self, view: TableView) -> pd.DataFrame:
        if view.names != self._names:
            gone = [name for name in self._names if name not in view]
            said = f"columns {gone[:5]!r} are not there" if gone else "columns are others than in fit"
            raise InvalidDataError(f"the table cannot be rewritten: {said}; give the columns of fit in their order")
        found: dict[Hashable, Any] = {}
        # bounds that are computed are taken as they will be computed, rounding included
        seen = view.overlaid()
        for step in self._steps:
            found |= step.rewrite(seen)
            if isinstance(step, Formula):
                seen.replace(step.seen(seen))
        left = {name for step in self._steps for name in step.targets}
        columns: dict[Hashable, Any] = {}
        for name in self._names:
            if name not in left:
                columns[name] = view.raw(name)
                continue
            for label in (name, f"{name} is an exception", f"{name} is missing"):
                if label in found:
                    columns[label] = found[label]
        return _frame(columns, view.n_rows)

    def restore(self, frame: pd.DataFrame) -> Any:
        """The original table from a rewritten one.

        Parameters
        ----------
        frame : DataFrame of shape (n, d')
            With columns and dtypes of what `rewrite` returns, and any values.

        Returns
        -------
        table of shape (n, d)
            In the container given to `fit`, with its columns, their order and their dtypes.
        """
        view = view_of(frame)
        work = Restored(view, self._adapters)
        for step in self._steps:
            step.restore(work)
        columns = [work.write(name) if name in self._computed else view.raw(name) for name in self._names]
        return self._container.close(columns, view.n_rows)

    # ---- state

    def get_state(self) -> State:
        """Config (JSON) and arrays, none of object dtype; functions among the rules are left out."""
        own, container = self._container.get_state()
        names = list(self._adapters)
        states = [self._adapters[name].get_state() for name in names]
        config = {
            "version": _VERSION,
            "keep_range": self.keep_range,
            "container": [self._kind, own],
            "names": [to_json(name) for name in self._names],
            "faces": [
                [to_json(name), _ADAPTER_NAMES[type(self._adapters[name])], adapter]
                for name, (adapter, _) in zip(names, states, strict=True)
            ],
            "steps": [[step.kind, step.to_json()] for step in self._steps],
            "rules": self.rules_.to_json(),
        }
        return config, pack_arrays([container, *(arrays for _, arrays in states)])

    @classmethod
    def from_state(cls, config: dict[str, Any], arrays: dict[str, Array]) -> Rewriter:
        """The rewriter that `get_state` took apart.

        Raises
        ------
        ModelFileError
            If the state is of a newer version or does not fit together.
        """
        if config.get("version", 0) > _VERSION:
            raise ModelFileError("these rules were written by a newer version of ganaug; upgrade ganaug")
        try:
            rewriter = cls(config["keep_range"])
            own, *parts = unpack_arrays(arrays, len(config["faces"]) + 1)
            rewriter._kind, state = config["container"]
            rewriter._container = CONTAINERS[rewriter._kind].from_state(state, own)
            rewriter._names = [from_json(name) for name in config["names"]]
            adapters = {
                from_json(name): ADAPTERS[kind].from_state(adapter, part)
                for (name, kind, adapter), part in zip(config["faces"], parts, strict=True)
            }
            steps = [STEPS[kind].from_json(step) for kind, step in config["steps"]]
            rewriter._set(steps, adapters)
            rewriter.rules_ = Rules.from_json(config["rules"])
        except ModelFileError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, GanaugError) as error:
            raise ModelFileError(f"the stored rules cannot be read: {error!r}") from error
        return rewriter

    def __getstate__(self) -> dict[str, Any]:
        if not hasattr(self, "_steps"):
            return dict(self.__dict__)
        config, arrays = self.get_state()
        return {"config": config, "arrays": arrays}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "config" in state:
            state = dict(vars(Rewriter.from_state(**state)))
        self.__dict__.update(state)


def _telling(rule: Rule) -> bool:
    """Whether shuffled columns would break the rule if it did not follow from those that rewrite."""
    return isinstance(rule, Equation) and rule.certain


def _masked(steps: list[Any]) -> set[Hashable]:
    masks = [step for step in steps if isinstance(step, Mask)]
    pairs = {name for mask in masks for pair in mask.pairs for name in pair}
    return pairs | {rule.column for mask in masks for rule in mask.said}


def _touched(steps: list[Any]) -> list[Hashable]:
    """Columns that are computed, or computed with, whose adapters are therefore kept."""
    names = [name for step in steps for name in (*step.targets, *step.needs)]
    said = [rule.by for step in steps if isinstance(step, Mask) for rule in step.said]
    return list(dict.fromkeys((*names, *said, *sorted(_masked(steps), key=str))))


def _frame(columns: dict[Hashable, Any], n_rows: int) -> pd.DataFrame:
    series = {j: pd.Series(column, dtype=column.dtype) for j, column in enumerate(columns.values())}
    frame = pd.DataFrame(series, index=pd.RangeIndex(n_rows))
    frame.columns = pd.Index(list(columns), tupleize_cols=False)
    return frame
