"""Which rules rewrite which columns, so that none is computed from itself and no two rules contradict each other."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from ganaug.encoding.quantiles import inner_bounds, inner_bounds_int, outer_bounds, outer_bounds_int
from ganaug.rules.base_rule import Rule
from ganaug.rules.equations import LEAST_SHARE, Copy, Equation, Product, Sum
from ganaug.rules.gaps import Gap
from ganaug.rules.kinds import Bound, Determined, MissingWith, OneHot, Order, Within
from ganaug.rules.steps import Flag, Formula, Lookup, Mask, States
from ganaug.rules.table_view import ColumnView, TableView

__all__ = ["STEPS", "TrainConfig"]

STEPS: dict[str, Any] = {step.kind: step for step in (States, Formula, Gap, Lookup, Flag, Mask)}

_MOST_PATTERNS = 4096
_MOST_EXCEPTIONS = 0.001


class TrainConfig:
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
        self.mask = Mask((), (), ())
        self._pairs: list[tuple[Hashable, Hashable]] = []
        self._said: list[MissingWith] = []
        self._bounds: dict[Hashable, dict[str, Any]] = {}
        self._orders: list[Order] = []

    def add(self, rule: Rule) -> bool:
        """Whether the plan keeps a rule by construction from now on."""
        take: Any = _TAKERS.get(type(rule))
        if take is None and isinstance(rule, Equation):
            take = TrainConfig._equation
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

    def _admits(self, target: Hashable, needed: Any) -> bool:
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
                    return self._set(Formula.fit(learnt, self.view))
        return False

    def _numeric(self, rule: Equation) -> bool:
        columns = [self.view.column(name) for name in rule.columns]
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

    def _bounds_of(self, name: Hashable) -> dict[str, Any]:
        unbounded = {"lowers": [], "uppers": [], "strict": [], "limits": [-np.inf, np.inf]}
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

    def _needed(self, name: Hashable) -> bool:
        return any(name in needed for needed in self.needs.values()) or any(r.by == name for r in self._said)

    # ---- the end

    def ordered(self) -> list[Any]:
        """The steps, each after those whose columns it needs; what is missing is settled first."""
        self._close()
        for name, bounds in self._bounds.items():
            self.steps[name] = self._gap(name, bounds)
        self._settle_missing()
        done: set[Hashable] = set()
        steps: list[Any] = [self.mask] if self.mask.pairs or self.mask.said else []

        def visit(name: Hashable) -> None:
            if name in done or name not in self.steps:
                return
            done.add(name)
            step = self.steps[name]
            done.update(step.targets)
            for needed in step.needs:
                visit(needed)
            steps.append(step)

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
            for high in sorted(highs, key=str):
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

    def _gap(self, name: Hashable, bounds: dict[str, Any]) -> Gap:
        column = self.view.column(name)
        others = [self.view.column(other) for other in (*bounds["lowers"], *bounds["uppers"])]
        within: Within | None = bounds.get("within")
        factors = {} if within is not None else _factors([column, *others])
        whole = bool(factors)
        scale = column.per_day * factors[name] if whole else 1.0
        own = column.cells.values * factors[name] if whole else column.number
        low, high = _ends(column, own[~column.missing], factors.get(name, 0), self.keep_range)
        least, most = bounds["limits"]
        if whole:
            least, most = (np.ceil(least * scale), np.floor(most * scale))
        low, high = max(low, least), min(high, most)
        draft = Gap(
            name,
            tuple(bounds["lowers"]),
            tuple(bounds["uppers"]),
            tuple(bounds["strict"]),
            within,
            int(low) if whole else float(low),
            int(high) if whole else float(high),
            (float(least), float(most)),
            exceptions=any(rule.exceptions for rule in self._orders if name in rule.columns)
            or bool(within is not None and within.exceptions),
            whole=whole,
            factors=factors,
            per_day=scale if column.is_time else 1.0,
            decimals=_decimals([column, *others]),
            precision=column.precision,
            keep_range=self.keep_range,
        )
        return draft

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
        self.mask = Mask(tuple(dict.fromkeys(pairs)), tuple(self._said), tuple(stored))


def _ends(column: ColumnView, values: Any, factor: int, keep_range: bool) -> tuple[float, float]:
    """The range of a column, rounded so that no end is a value of a few rows: of ``factor`` times its whole numbers."""
    if not len(values):
        return 0, 0
    distinct, counts = np.unique(values, return_counts=True)
    if column.is_coarse:
        return distinct[0].item(), distinct[-1].item()
    if not factor:
        return inner_bounds(distinct, counts) if keep_range else outer_bounds(distinct, counts)
    step = (1 if column.precision.grid is None else column.precision.grid.step) * factor
    return (inner_bounds_int if keep_range else outer_bounds_int)(distinct, counts, step)


def _factors(columns: list[ColumnView]) -> dict[Hashable, int]:
    """How many common units make one of each column's, if all are counted; else nothing."""
    if not all(c.is_whole and c.cells.values.dtype == np.int64 for c in columns):
        return {}
    if len({c.is_time for c in columns}) > 1:
        return {}
    fine = max(c.per_day for c in columns)
    factors = {c.name: round(fine / c.per_day) for c in columns}
    top = max(float(np.abs(c.cells.values).max(initial=0)) * factors[c.name] for c in columns)
    return factors if top < 2.0**61 else {}


def _decimals(columns: list[ColumnView]) -> int | None:
    """Decimals of differences."""
    grids = [column.precision.grid for column in columns]
    if any(grid is None for grid in grids) or any(column.is_time for column in columns):
        return None
    return max(grid.decimals for grid in grids if grid is not None)


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
    OneHot: TrainConfig._one_hot,
    Copy: TrainConfig._copy,
    Within: TrainConfig._within,
    Bound: TrainConfig._bound,
    Order: TrainConfig._order,
    Determined: TrainConfig._determined,
    MissingWith: TrainConfig._missing,
}
