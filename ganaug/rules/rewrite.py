"""Tables rewritten so that their rules cannot be broken: the plan, and the rewriter."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ganaug.encoding.adapters import ADAPTERS
from ganaug.encoding.containers import CONTAINERS, container_of
from ganaug.encoding.serialization import from_json, pack_arrays, to_json, unpack_arrays
from ganaug.exceptions import GanaugError, InvalidDataError, ModelFileError
from ganaug.rules.base_rule import GUARDED, REWRITTEN, Apart, Rule
from ganaug.rules.derived import FixedWhere
from ganaug.rules.equations import LEAST_SHARE, Copy, Equation, Monotone, PerCategory, Product, Sum
from ganaug.rules.find import Rules
from ganaug.rules.gaps import Fixed, Gap
from ganaug.rules.kinds import Bound, Determined, MissingWith, OneHot, Order, Within, as_rule, is_stored
from ganaug.rules.steps import Flag, Formula, Lookup, Mask, Restored, States, free_mark
from ganaug.rules.table_view import Bits, ColumnView, TableView, view_of
from ganaug.utils.determinism import numpy_generator
from ganaug.utils.types import Array, State

__all__ = ["STEPS", "RewritePlan", "Rewriter"]

# --------------------------------------------------------------------------------------
# Which rules rewrite which columns, so that none is computed from itself and no two rules contradict
# each other.


STEPS: dict[str, Any] = {step.kind: step for step in (States, Formula, Gap, Lookup, Flag, Mask, Fixed)}

_MOST_PATTERNS = 4096
_MOST_EXCEPTIONS = 0.001


class RewritePlan:
    """Steps that compute columns, in an order in which each finds what it needs.

    Parameters
    ----------
    view : TableView
    keep_range : bool
        Whether values stay within the range of the table.
    """

    def __init__(self, view: TableView, keep_range: bool) -> None:
        self.view, self.keep_range = view, keep_range
        self.steps: dict[Hashable, Any] = {}  # of each column that is computed
        self.needs: dict[Hashable, set[Hashable]] = {}
        self.fixed: dict[Hashable, Fixed] = {}  # what is done to a column once it is there
        self.mask = Mask((), (), ())
        self._pairs: list[tuple[Hashable, Hashable]] = []
        self._said: list[MissingWith] = []
        self._bounds: dict[Hashable, dict[str, Any]] = {}
        self._orders: list[Order] = []

    def add(self, rule: Rule) -> bool:
        """Whether the plan keeps a rule by construction from now on."""
        take: Any = _TAKERS.get(type(rule))
        if take is None and isinstance(rule, Equation) and is_stored(rule):  # a step is stored with its rule
            take = RewritePlan._equation
        return rule.certain and take is not None and bool(take(self, rule))

    # ---- the graph

    def _reaches(self, start: Hashable, goal: Hashable) -> bool:
        """Whether computing ``start`` needs ``goal``."""
        seen: set[Hashable] = set()
        waiting = [start]
        while waiting:
            name = waiting.pop()
            if name == goal:
                return True
            if name not in seen:
                seen.add(name)
                waiting.extend(self.needs.get(name, ()))
        return False

    def _admits(self, target: Hashable, needed: Iterable[Hashable]) -> bool:
        """Whether a free column can be computed from these."""
        free = target not in self.steps and target not in self._bounds
        return free and not any(self._reaches(name, target) for name in needed)

    def _set(self, step: Any) -> bool:
        for name in step.targets:
            self.steps[name] = step
            self.needs.setdefault(name, set()).update(step.needs)
        return True

    # ---- kinds of rules

    def _one_hot(self, rule: OneHot) -> bool:
        if any(not self._admits(name, ()) for name in rule.columns):
            return False
        if any(name in needed for needed in self.needs.values() for name in rule.columns):
            return False
        step = States.fit(rule, self.view)
        if len(step.patterns) > min(_MOST_PATTERNS, max(self.view.n_rows / 4, len(rule.columns) + 1)):
            return False
        return self._set(step)

    def _equation(self, rule: Equation) -> bool:
        for form in (rule, *_solved(rule)):
            if self._admits(form.target, form.inputs) and self._numeric(form):
                learnt = form.learn(self.view)
                if learnt.support and learnt.exceptions <= max((1 - LEAST_SHARE) * learnt.support, rule.exceptions):
                    return self._set(Formula.fit(learnt, self.view, self.keep_range))
        return False

    def _numeric(self, rule: Equation) -> bool:
        columns = [self.view.column(name) for name in rule.numbers]
        return not any(column.is_choice for column in columns)

    def _copy(self, rule: Copy) -> bool:
        if not any(self.view.column(name).is_choice for name in rule.columns):
            return self._equation(rule)
        return self._determined(Determined(rule.column, rule.of).learn(self.view))

    def _determined(self, rule: Determined) -> bool:
        if rule.exceptions or not self._admits(rule.column, (rule.by,)):
            return False
        step = Lookup.fit(rule, self.view)
        return step is not None and self._set(step)

    def _order(self, rule: Order) -> bool:
        # below what is bounded from above already, it goes down; else up from the lower one
        down = bool(self._bounds.get(rule.high, {}).get("uppers")) and not self._bounds.get(rule.low)
        for low_first in (not down, down):
            base, name = (rule.low, rule.high) if low_first else (rule.high, rule.low)
            if name in self.steps or self._reaches(base, name):
                continue
            bounds = self._bounds_of(name)
            bounds["lowers" if low_first else "uppers"].append(base)
            if rule.strict:
                bounds["strict"].append(base)
            self.needs.setdefault(name, set()).add(base)
            self._orders.append(rule)
            return True
        return False

    def _apart(self, rule: Apart) -> bool:
        if rule.exceptions:
            return False
        # the higher one is computed, unless it cannot be
        for base, name, (least, most) in (
            (rule.low, rule.high, (rule.least, rule.most)),
            (rule.high, rule.low, (_negative(rule.most), _negative(rule.least))),
        ):
            own = self._bounds.get(name, {})
            others = {*own.get("lowers", ()), *own.get("uppers", ())} - {base}
            # between two columns that may come too near each other nothing can lie
            if name in self.steps or others or "within" in own or self._reaches(base, name):
                continue
            bounds = self._bounds_of(name)
            for side, shift, pick in (("lowers", least, max), ("uppers", most, min)):
                if shift is not None:
                    shifts, ordered = bounds["shifts"][side == "uppers"], base in bounds[side]
                    shifts[base] = pick(shift, shifts.get(base, 0.0 if ordered else shift))
                    bounds[side] += [] if ordered else [base]
            self.needs.setdefault(name, set()).add(base)
            if (least or -1.0) >= 0 and name == rule.high:
                self._orders.append(Order(base, name).learn(self.view))
            return True
        return False

    def _bounds_of(self, name: Hashable) -> dict[str, Any]:
        unbounded = {"lowers": [], "uppers": [], "strict": [], "limits": [-np.inf, np.inf], "shifts": ({}, {})}
        return self._bounds.setdefault(name, unbounded)

    def _within(self, rule: Within) -> bool:
        name, own = rule.column, self._bounds.get(rule.column, {})
        if name in self.steps or "within" in own or self._reaches(rule.category, name):
            return False
        bounds = self._bounds_of(name)
        bounds["within"] = rule
        self.needs.setdefault(name, set()).add(rule.category)
        return True

    def _bound(self, rule: Bound) -> bool:
        name = rule.column
        if name in self.steps or rule.exceptions:
            return False
        low, high = rule.limits(self.view.column(name))
        bounds = self._bounds_of(name)
        limits = bounds["limits"]
        bounds["limits"] = [max(limits[0], low), min(limits[1], high)]
        return True

    def _missing(self, rule: MissingWith) -> bool:
        if rule.exceptions:
            return False
        if rule.values is None:
            self._pairs.append((rule.by, rule.column))
            if rule.exactly:
                self._pairs.append((rule.column, rule.by))
            return True
        if self._admits(rule.by, (rule.column,)) and not self._needed(rule.by):
            flag = Flag.fit(rule, self.view)
            if flag is not None:
                return self._set(flag)
        if rule.exactly or rule.by in self.steps or rule.by in self._bounds:
            return False
        self._said.append(rule)
        return True

    def _fixed(self, rule: FixedWhere) -> bool:
        if rule.exceptions:
            return False
        for form in (rule, rule.reversed()):
            if form is None or form.column in self.steps or self._reaches(form.by, form.column):
                continue
            bounds, known = self._bounds.get(form.column, {}), self.fixed.get(form.column)
            # of a column that others bound, those must not be that the value knows nothing of
            alien = {*bounds.get("lowers", ())} - {form.by} or bounds.get("uppers") or "within" in bounds
            rules = (*(known.rules if known else ()), form)
            same = [other for other in rules if other.value == form.value]
            several = len(same) > 1 and any(other.exactly for other in same)
            step = None if alien or several else Fixed.fit(rules, self.view)
            if step is not None:
                self.fixed[form.column] = step
                self.needs.setdefault(form.column, set()).add(form.by)
                return True
        return False

    def _needed(self, name: Hashable) -> bool:
        return any(name in needed for needed in self.needs.values()) or any(r.by == name for r in self._said)

    # ---- the end

    def ordered(self) -> list[Any]:
        """The steps, each after those whose columns it needs; what is missing is settled first."""
        self._close()
        for name, bounds in self._bounds.items():
            exceptions = any(rule.exceptions for rule in self._orders if name in rule.columns)
            self.steps[name] = Gap.fit(self.view, name, bounds, exceptions, self.keep_range)
        self._settle_missing()
        done: set[Hashable] = set()
        steps: list[Any] = [self.mask] if self.mask.pairs or self.mask.said else []

        def visit(name: Hashable) -> None:
            if name in done:
                return
            own = [step for step in (self.steps.get(name), self.fixed.get(name)) if step is not None]
            done.update((name, *(target for step in own for target in step.targets)))
            for needed in [needed for step in own for needed in step.needs]:
                visit(needed)
            steps.extend(replace(step, own=len(own) == 1) if isinstance(step, Fixed) else step for step in own)

        for name in self.view.names:
            visit(name)
        return steps

    def _close(self) -> None:
        """Bounds that follow from others, where a column between them is computed later or may be missing."""
        above: dict[Hashable, set[Hashable]] = {}
        for rule in self._orders:
            above.setdefault(rule.low, set()).add(rule.high)
        changed = True
        while changed and len(above) < 200:
            changed = False
            for reached in above.values():
                further = set().union(*(above.get(name, set()) for name in reached)) - reached
                if further:
                    reached |= further
                    changed = True
        for low, highs in above.items():
            for high in sorted(highs - {low}, key=str):  # two orders may go round in a circle
                self._bound_by(low, high)

    def _bound_by(self, low: Hashable, high: Hashable) -> None:
        known = (low in self._bounds.get(high, {}).get("lowers", ())) or (
            high in self._bounds.get(low, {}).get("uppers", ())
        )
        if known:
            return
        rule = Order(low, high).learn(self.view)
        if rule.exceptions > _MOST_EXCEPTIONS * rule.support:
            return
        for name, base, side in ((high, low, "lowers"), (low, high, "uppers")):
            computed = name in self._bounds or (name not in self.steps and base in self.steps)
            if computed and not self._reaches(base, name):
                self._bounds_of(name)[side].append(base)
                self.needs.setdefault(name, set()).add(base)
                self._orders.append(rule)
                return

    def _settle_missing(self) -> None:
        """Where columns are missing follows from the columns that are stored as they are."""
        sides = {name for pair in self._pairs for name in pair} | {rule.column for rule in self._said}
        pairs = list(self._pairs)
        for name in list(sides):
            step = self.steps.get(name)
            if isinstance(step, Formula) and not step.extra:
                pairs += [(needed, name) for needed in step.needs]
        sides |= {name for pair in pairs for name in pair}
        stored = [
            name for name in self.view.names if name in sides and isinstance(self.steps.get(name), (Gap, type(None)))
        ]
        self.mask = Mask(tuple(dict.fromkeys(pairs)), tuple(self._said), tuple(stored), free_mark(self.view))


def _negative(value: float | None) -> float | None:
    return None if value is None else -value


def _solved(rule: Equation) -> list[Equation]:
    """The same equation, solved for its other columns, the last one first."""
    if isinstance(rule, Sum):
        return [
            _solved_sum(rule, place)
            for place in range(len(rule.parts) - 1, -1, -1)
            if abs(rule.coefficients[place]) == 1
        ]
    if isinstance(rule, Product):
        return [
            _solved_product(rule, name)
            for name in reversed(rule.inputs)
            if (*rule.factors, *rule.over).count(name) == 1
        ]
    if isinstance(rule, Copy):
        return [Copy(rule.of, rule.column, 1 / rule.scale, -rule.offset / rule.scale)]
    return []


def _solved_sum(rule: Sum, place: int) -> Sum:
    own = rule.coefficients[place]
    parts = {rule.total: 1 / own}
    parts |= {
        name: -f / own for k, (name, f) in enumerate(zip(rule.parts, rule.coefficients, strict=True)) if k != place
    }
    return Sum(rule.parts[place], parts, offset=-rule.offset / own)


def _solved_product(rule: Product, name: Hashable) -> Product:
    factors, over = ([other for other in side if other != name] for side in (rule.factors, rule.over))
    if name in rule.factors:  # result = scale * name * factors / over
        return Product(name, [rule.result, *over], factors, 1 / rule.scale)
    return Product(name, factors, [rule.result, *over], rule.scale)


_TAKERS: dict[type, Any] = {
    OneHot: RewritePlan._one_hot,
    Copy: RewritePlan._copy,
    Within: RewritePlan._within,
    Bound: RewritePlan._bound,
    Order: RewritePlan._order,
    Apart: RewritePlan._apart,
    Determined: RewritePlan._determined,
    MissingWith: RewritePlan._missing,
    FixedWhere: RewritePlan._fixed,
}


# --------------------------------------------------------------------------------------
# A table rewritten so that what is learnt from it cannot break its rules.


_VERSION = 1
_ADAPTER_NAMES = {adapter: name for name, adapter in ADAPTERS.items()}
# Those that leave columns out come before those that bound what is left.
_FIRST = (OneHot, Copy, Sum, Product, PerCategory, Monotone, Determined, Within, Order, Apart, Bound)
_TURN = {kind: turn for turn, kind in enumerate(_FIRST)}
_TRIED_ROWS = 2000
_LAST = {FixedWhere: len(_TURN) + 1}


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
    may differ from the original within what the rule allows. Otherwise rows come back as they were, but for what few
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

    def fit(self, X: object, rules: Iterable[Any]) -> Rewriter:
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
        order = sorted(range(len(learnt)), key=lambda i: (_TURN | _LAST).get(type(learnt[i]), len(_TURN)))
        self._kind, self._container, self._names = kind, CONTAINERS[kind].fit(X), list(view.names)
        for with_fixed in (True, False):  # a fixed value that other rules cannot bear is only guarded
            plan = RewritePlan(view, self.keep_range)
            taken = {i for i in order if (with_fixed or not isinstance(learnt[i], FixedWhere)) and plan.add(learnt[i])}
            steps = plan.ordered()
            self._set(steps, {name: view.column(name).adapter for name in _touched(steps)})
            marked = [rule._with(kept=REWRITTEN if i in taken else GUARDED) for i, rule in enumerate(learnt)]
            tried = self._tried(view, marked)
            others = [(was, rule) for was, rule in zip(marked, tried, strict=True) if not isinstance(rule, FixedWhere)]
            lost = {name for was, rule in others if rule.kept != was.kept for name in rule.columns}
            if not lost.intersection(plan.fixed):
                break
        grids, skipped = getattr(rules, "grids", ()), getattr(rules, "skipped", ())
        self.rules_ = Rules(tried, grids, skipped)
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
        # not by pd.DataFrame of a dict, which takes objects for dates
        shuffled = _frame({name: frame[name].array[rng.permutation(len(frame))] for name in frame}, len(frame))
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

    def rewrite(self, X: object) -> pd.DataFrame:
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
        seen.replace(
            {name: column for name in self._adapters if (column := self._typed(view.column(name))) is not None}
        )
        for step in self._steps:
            found |= step.rewrite(seen)
            if isinstance(step, Formula):
                seen.replace(step.seen(seen))
        left = {name for step in self._steps for name in step.targets}
        labels = {step.rule.target: step.labels for step in self._steps if isinstance(step, Formula)}
        columns: dict[Hashable, Any] = {}
        for name in self._names:
            if name not in left:
                columns[name] = view.raw(name)
                continue
            columns |= {label: found[label] for label in labels.get(name, (name,)) if label in found}
        return _frame(columns, view.n_rows)

    def _typed(self, column: ColumnView) -> ColumnView | None:
        """A column of objects that is wholly missing, as what it was in fit; None for any other."""
        adapter = self._adapters[column.name]
        if not (column.is_choice and column.is_blank and adapter.dtype == np.dtype(object)):
            return None
        return ColumnView(column.name, np.full(len(column), None, dtype=object), adapter)

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

    def out_of_range(self, X: object) -> dict[str, Bits]:
        """Rows of the original table in which a computed column, or a gap, leaves the range of `fit`, if it is kept.

        What is left of 100 per cent may be negative. (n, d) -> range, as text, to (n,).
        """
        view = view_of(X)
        said: dict[str, Formula | Gap] = {f"{step.rule}": step for step in self._steps if isinstance(step, Formula)}
        gaps = [step for step in self._steps if isinstance(step, Gap) and step.most is not None]
        said |= {f"distance of {gap.column}": gap for gap in gaps}
        return {f"{text} within the range seen": ~step.in_range(view) for text, step in said.items()}

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
