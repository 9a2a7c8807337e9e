"""`find_rules`: which rules all rows of a table keep, beyond what chance explains; and `Rules`, which it returns."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from html import escape
from itertools import combinations
from typing import Any, overload

import numpy as np
import pandas as pd

from ganaug.exceptions import InvalidParameterError
from ganaug.rules.base_rule import GUARDED, REWRITTEN, Apart, Rule
from ganaug.rules.derived import FixedWhere, Together, ValueSet, without_told
from ganaug.rules.equations import LEAST_SHARE, Copy, Equation, Monotone
from ganaug.rules.evidence import Work, distinct_rows, find_apart, find_never
from ganaug.rules.find_equations import (
    SURE_ROWS,
    Numbers,
    find_sums,
    implied_orders,
    is_exact,
    solved_for_free,
)
from ganaug.rules.find_pairs import (
    find_copies,
    find_curves,
    find_orders,
    find_products,
    find_within,
    without_repeats,
    without_steps,
)
from ganaug.rules.find_states import (
    find_dates,
    find_determined,
    find_missing,
    find_one_hot,
    find_per_category,
    without_detours,
)
from ganaug.rules.kinds import Determined, Grid, MissingWith, Never, OneHot, Order, as_rule, is_stored, rule_from_json
from ganaug.rules.table_view import Bits, ColumnView, TableView, view_of
from ganaug.utils.determinism import Seed, isolated, numpy_generator, root_seed

__all__ = ["Rules", "find_rules"]

# --------------------------------------------------------------------------------------
# Rules of one table together: printed, tabulated, checked, stored.


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
    def holds(self, X: object, kept: str | None = None) -> Bits:
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
    def allows(self, X: object) -> Bits:
        """Which new rows no guarded rule refuses. (n,)."""
        view = view_of(X)
        found = np.ones(view.n_rows, dtype=bool)
        for rule in self:
            if rule.kept == GUARDED:
                found &= rule.allows(view)
        return found

    @isolated
    def check(self, X: object) -> pd.DataFrame:
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
            checked, broken = int(rule._applies(view).sum()), int((~rule.keeps(view)).sum())
            rows.append((rule.kind, str(rule), checked, broken, broken / max(checked, 1), 1 - rule.share))
        names = ["kind", "formula", "checked", "broken", "share", "expected"]
        frame = pd.DataFrame(rows, columns=names)
        return frame.astype({"checked": np.int64, "broken": np.int64, "share": np.float64, "expected": np.float64})

    def learn(self, X: object) -> Rules:
        """The same rules with tolerances, intervals, support and exceptions of a table."""
        view = view_of(X)
        return Rules([rule.learn(view) for rule in self], self.grids, self.skipped)

    def to_json(self) -> dict[str, Any]:
        """JSON values. Functions are left out: `dropped` names them."""
        return {
            "rules": [rule.to_json() for rule in self if is_stored(rule)],
            "grids": [grid.to_json() for grid in self.grids],
            "skipped": list(self.skipped),
        }

    @property
    def dropped(self) -> tuple[str, ...]:
        """Names of the rules that `to_json` leaves out, because they are functions."""
        return tuple(str(rule) for rule in self if not is_stored(rule))

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


# --------------------------------------------------------------------------------------
# `find_rules`: which rules all rows of a table keep, beyond what chance explains.


MAX_ROWS = 100_000
# Rows on which candidates are looked for; all rows then confirm them.
SEARCH_ROWS = 4000
_MOST_STATES = 50


@isolated
def find_rules(X: object, *, max_time: float = 2.0, random_state: Seed = 0, max_rows: int = MAX_ROWS) -> Rules:
    """Find the rules that the rows of a table keep.

    Parameters
    ----------
    X : DataFrame, ndarray, sparse matrix, tensor or list of rows, of shape (n, d)
        Without the labels. Never changed.
    max_time : float, default=2.0
        Seconds of work on one core. They are counted in operations and not measured, so that the same table gives
        the same rules everywhere; what there was no work left for stands in ``skipped`` of the result.
    random_state : int, RandomState, Generator or None, default=0
        For the permutations, halves and samples of the tests against chance.
    max_rows : int, default=100000
        Rules are looked for in so many rows; all rows then have to confirm them.

    Returns
    -------
    Rules
        Empty where there is none. ``kept`` says how each would be kept: "rewritten" if it is beyond doubt, "guarded"
        if it is a guess (few rows, or intervals of categories that chance would keep in most rows). Equations (sums,
        products, copies) may be broken by 0.5 % of the rows, as filler values are, an order by 0.1 %; other rules by
        none.

    Raises
    ------
    InvalidParameterError
        If ``max_time`` or ``max_rows`` is not positive.

    Notes
    -----
    A rule must be worth more bits than the logarithm of the number of candidates plus ten: chance alone makes one rule
    of a kind in about a thousand tables (a false discovery rate of 0.001 for each kind). Its null models: parts of an
    equation permuted; columns of an order independent, and drawn from a Gaussian copula with their own rank
    correlation; a mapping learnt on half of the rows and tested on the other. Most kinds take at least 100 rows.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from ganaug import find_rules
    >>> rng = np.random.default_rng(0)
    >>> net, vat = rng.gamma(2, 50, 300).round(2), rng.gamma(2, 8, 300).round(2)
    >>> print(find_rules(pd.DataFrame({"net": net, "vat": vat, "gross": (net + vat).round(2)})))
    gross = net + vat (to 0.01)
    """
    if not np.isfinite(max_time) or max_time <= 0:
        raise InvalidParameterError(f"max_time={max_time!r} is no positive number of seconds")
    if isinstance(max_rows, bool) or int(max_rows) != max_rows or max_rows < 1:
        raise InvalidParameterError(f"max_rows={max_rows!r} is no whole number of at least 1")
    view = view_of(X)
    seed = root_seed(random_state)
    work = Work(max_time)
    if not work.afford(2.0 * min(view.n_rows, max_rows) * len(view.names), "columns beyond the first ones"):
        return Rules([], skipped=work.skipped)
    sample = _rows(view, max_rows, seed)
    found = _find(sample, _rows(sample, SEARCH_ROWS, seed), work, seed)
    rules = _confirmed(found, sample, view)
    return Rules(_joined(_without_echoes(rules)), _grids(sample), work.skipped)


def _rows(view: TableView, most: int, seed: int) -> TableView:
    if view.n_rows <= most:
        return view
    rows = numpy_generator(seed, "rules", most).choice(view.n_rows, most, replace=False)
    return view.take(np.sort(rows))


def _find(whole: TableView, search: TableView, work: Work, seed: int) -> list[Rule]:
    """Candidates of all kinds, each kind without what another one says already."""

    def rng(kind: str) -> np.random.Generator:
        return numpy_generator(seed, "rules", kind)

    names = search.names
    flags = {name for name in names if whole.column(name).is_flag}
    states = [name for name in names if _few(search, name)]
    choices = [name for name in states if search.column(name).is_choice or name in flags]
    with work.stage(0.25) as part:  # in all rows, for a rare level is missing in fewer
        groups = find_one_hot(whole, _different_rows(search, part) * (whole.n_rows // max(search.n_rows, 1)), part)
    grouped = {name for group in groups for name in group.columns}
    with work.stage(0.15) as part:
        missing = find_missing(search, names, [name for name in states if name not in grouped], part)
    with work.stage(0.2) as part:
        by = [name for name in choices if name not in grouped]
        determined = find_determined(search, by, [n for n in states if n not in grouped], part, rng("determined"))
    more = whole if whole.n_rows > search.n_rows else None
    with work.stage(0.35) as part:
        orders = find_orders(search, [name for name in names if name not in flags], part, rng("order"), more)

    told = {rule.column for rule in determined}
    equations = _equations(whole, search, [name for name in names if name not in grouped], flags, told, work, rng)
    targets = {rule.columns[0] for rule in equations}
    copied = {rule.target for rule in equations if isinstance(rule, (Copy, Monotone))}
    settled = {pair for rule in equations for pair in implied_orders(rule, search)}
    orders = [r for r in orders if not copied.intersection(r.columns) and frozenset(r.columns) not in settled]
    determined = without_detours([rule for rule in determined if not targets.intersection(rule.columns)])
    fixed = copied | {rule.column for rule in determined}
    missing = [rule for rule in missing if rule.values is None or rule.by not in fixed]
    missing = [kept for rule in missing for kept in _one_way(rule, whole)]
    numbers = [name for name in names if name not in fixed | flags and search.column(name).is_numeric]
    known = {frozenset(rule.columns) for rule in determined}
    group_of = {name: k for k, group in enumerate(groups) for name in group.columns}
    with work.stage(0.15) as part:
        masks = [(rule.column, rule.by, rule.says(whole.column(rule.by)), rule.exactly) for rule in missing]
        never = find_never(whole, [n for n in choices if n not in copied], group_of, known, masks, part)
    with work.stage(1.0) as part:
        confined = find_within(search, [n for n in by if n not in fixed], numbers, part, rng("within"))
    orders = without_steps(orders)
    settled = {frozenset(pair) for rule in equations for pair in combinations(rule.columns, 2)}
    numbers = [name for name in numbers if name not in targets]
    with work.stage(0.2) as part:
        by = [name for name in states if name not in targets | fixed]
        per_category = find_per_category(search, by, numbers, part, rng("per category"))
    computed = {rule.columns[:2] for rule in per_category}
    settled |= {frozenset(pair) for pair in computed}
    orders = [rule for rule in orders if rule.columns not in computed and rule.columns[::-1] not in computed]
    confined = [rule for rule in confined if rule.column not in {column for column, _ in computed}]
    ordered = {(rule.low, rule.high): rule.strict for rule in orders}
    with work.stage(0.2) as part:
        apart = find_apart(search, whole, numbers, settled, ordered, part, rng("apart"))
    told = {rule.columns for rule in apart if rule.least is not None and rule.least >= 0}
    orders = [rule for rule in orders if rule.columns not in told]
    # what follows from another rule: an order of numbers from 0 on, parts of a sum, a category that determines all
    settled = known | {frozenset(rule.columns) for rule in (*orders, *apart, *confined, *missing)}
    settled |= {frozenset((rule.target, name)) for rule in (*equations, *per_category) for name in rule.inputs}
    by = [name for name in names if name not in fixed]
    free = {name for name in by if name not in targets | grouped | {rule.target for rule in per_category}}
    together = _fixed(whole, by, free, settled, work.beside(0.1), rng("fixed"))
    if together:
        together, never = without_told(together, never, whole)
    found: list[Rule] = [*groups, *equations, *per_category, *orders, *apart, *determined, *confined]
    return [*found, *missing, *together, *never]


LEAST_FIXED_ROWS = 50
# Rows that are looked at; values of a column that may be fixed, and how often they occur: in rows, as a share, and as a
# multiple of what is usual in the column; and as a share, if it is the smallest or largest number.
_FIXED_ROWS, _FEWEST_ROWS, _MOST_SPIKES, _LEAST, _LEAST_SHARE, _UNUSUAL = 10_000, 1000, 3, 5, 0.01, 3
_AT_THE_END = 0.05
_MOST_SAYING = 20


def _fixed(
    view: TableView,
    names: list[Hashable],
    free: set[Hashable],
    settled: set[frozenset[Hashable]],
    work: Work,
    rng: np.random.Generator,
) -> list[FixedWhere]:
    """Values that are common in their column, and stand exactly where another column says so, or wherever it does.

    Parameters
    ----------
    view : TableView
    names : list of hashable
        Columns that may say so.
    free : set of hashable
        Those of them that no rule computes.
    settled : set of frozenset
        Pairs of which another rule says all.
    work : Work
    rng : Generator
    """
    what, n = "values that others fix", min(view.n_rows, _FIXED_ROWS, int(work.left / (20 * max(len(names), 1))))
    if n < min(view.n_rows, _FEWEST_ROWS):
        work.skipped.extend({what}.difference(work.skipped))
    if n < min(view.n_rows, _FEWEST_ROWS) or n < LEAST_FIXED_ROWS:
        return []
    if n < view.n_rows:
        view = view.take(np.sort(rng.choice(view.n_rows, n, replace=False)))
    work.afford(10.0 * n * len(names), what)
    columns = [view.column(name) for name in names]
    columns = [c for c in columns if (c.is_choice or c.is_numeric) and len(c.distinct) > 1]
    sets = [one for place, c in enumerate(columns) for one in _value_sets(place, c, c.name in free)]
    if not any(one.fixed for one in sets):
        return []
    rows = int(min(n, work.left / (len(sets) ** 2 / 30 + 4 * len(sets))))
    if rows < min(n, _FEWEST_ROWS):
        work.skipped.extend({what}.difference(work.skipped))
        return []
    if rows < n:
        some = np.sort(rng.choice(n, rows, replace=False))
        columns = [column.take(some) for column in columns]
    return Together(columns, sets, settled, rng).rules()


def _value_sets(place: int, column: ColumnView, free: bool) -> list[ValueSet]:
    """The values of a column that rules may speak of."""
    n = len(column)
    distinct, counts = np.unique(column.cells.present(), return_counts=True)
    size, known = len(counts), int(counts.sum())
    order = np.argsort(-counts, kind="stable").tolist()
    least = max(_LEAST, _LEAST_SHARE * known)
    unusual = max(least, _UNUSUAL * float(np.median(counts)))
    common = {i for i in order[:_MOST_SPIKES] if counts[i] >= (least if i == order[0] else unusual)}
    ends = set() if column.is_choice else {i for i in (0, size - 1) if counts[i] >= least}
    fixed = common | {i for i in ends if counts[i] >= _AT_THE_END * known} if free and size > 2 else set()
    rank = (0 if size == 2 else 2 if column.is_choice else 3, size, place)
    places = range(size) if size == 2 or (column.is_choice and size <= _MOST_SAYING) else sorted(common | ends)
    levels = column.levels if places else []
    outer = {order[0], 0, size - 1}
    found = [
        ValueSet(place, levels[i], distinct[i], False, i in fixed, i in outer, i == order[0], rank) for i in places
    ]
    if _LEAST <= column.n_missing <= n - _LEAST:
        found.append(ValueSet(place, None, None, True, False, True, True, (1, 0, place)))
    return found


def _equations(
    whole: TableView,
    search: TableView,
    names: list[Hashable],
    flags: set[Hashable],
    told: set[Hashable],
    work: Work,
    rng: Callable[[str], np.random.Generator],
) -> list[Equation]:
    """Columns that are computed from others; none of them is computed from a copy."""
    with work.stage(0.1) as part:
        parts_of_dates = find_dates(search, names, part, rng("dates"))
    numbers = Numbers.of(search, names).without([rule.target for rule in parts_of_dates])
    with work.stage(0.2) as part:
        copies = find_copies(numbers, part, rng("copies"), rounded=False)
    # a copy that had to be rounded may also be a sum to the last digit: gross = net + vat, where vat = 0.19 * net
    exact = [rule for rule in copies if is_exact(rule, numbers)]
    with work.stage(0.4) as part:
        sums = find_sums(numbers.without([rule.target for rule in exact]), part, rng("sums"))
    sums = [solved_for_free(rule, told, numbers, rng("free")) for rule in sums]
    totals = {rule.target for rule in sums}
    copies = [rule for rule in copies if rule.target not in totals]
    numbers = numbers.without([rule.target for rule in copies])
    plain = numbers.without(flags)
    with work.stage(0.4) as part:
        products = find_products(plain, part, rng("products"))
    # a rounded copy may also be a part of a sum, which says more: 135 minutes are 2 hours and 15 minutes. What is
    # computed from the other part to its last digit, as vat = 0.19 * net, is a rule of its own.
    parts = {name for rule in (*sums, *products) for name in rule.columns}
    computed = totals | {rule.target for rule in products}
    with work.stage(0.2) as part:
        for rule in find_copies(plain.without(computed), part, rng("rounded"), rounded=True):
            plainly = rule.offset == 0 and not any(absolute for absolute, _ in rule.units[1:])
            if plainly or not parts.intersection(rule.columns):
                copies.append(rule)
    products = without_repeats(products, copies)
    targets = {rule.target for rule in (*copies, *sums, *products)}
    with work.stage(0.1) as part:
        curves = find_curves(plain.without(targets), whole, part)
    return [*parts_of_dates, *copies, *sums, *products, *curves]


def _few(view: TableView, name: Hashable) -> bool:
    column = view.column(name)
    if not (column.is_choice or column.is_numeric):
        return False
    size = len(column.distinct)
    most = view.n_rows // 5 if column.is_choice else min(_MOST_STATES, view.n_rows // 10)
    return 2 <= size <= most


def _different_rows(view: TableView, work: Work) -> int:
    """Rows of the table that differ, for repeated ones prove nothing; all rows where they repeat of necessity."""
    columns = [view.column(name) for name in view.names[:64]]
    if all(len(column.distinct) <= _MOST_STATES for column in columns):
        return view.n_rows
    if not work.afford(20.0 * view.n_rows * len(columns), "one-hot groups"):
        return 0
    return distinct_rows([column.cells.values for column in columns])


def _confirmed(found: list[Rule], sample: TableView, view: TableView) -> list[Rule]:
    """Candidates with what they take from the sample, if all rows keep them."""
    kept = []
    for candidate in found:
        if isinstance(candidate, Never) and view is not sample:
            confirmed = candidate.confirmed(view)
            if confirmed is None:
                continue
            candidate = confirmed
        rule = candidate._learn(sample)
        if view is not sample and not isinstance(rule, Equation):
            rule = candidate._learn(view)
        if isinstance(rule, Monotone):
            rule = rule.widened(view)
        rule = rule._measured(view)
        allowed = 1 - LEAST_SHARE if isinstance(rule, Equation) else 0.001 if isinstance(rule, Order) else 0.0
        if rule.support == 0 or rule.exceptions > allowed * rule.support:
            continue
        if isinstance(rule, (Equation, OneHot, Determined)) and rule.support < SURE_ROWS:
            # few rows of an equation may be beyond doubt all the same, if all of them keep it
            proved = isinstance(rule, Equation) and not isinstance(rule, Monotone) and not rule.exceptions
            rule = rule._with(certain=proved and candidate.certain)
        kept.append(rule._with(kept=REWRITTEN if rule.certain else GUARDED))
    return kept


def _one_way(rule: MissingWith, view: TableView) -> list[MissingWith]:
    """The rule if all rows keep it; else what is left of one that holds both ways in a sample."""
    ways = [rule]
    if rule.exactly:
        ways.append(MissingWith(rule.column, rule.by, rule.values, exactly=False)._with(certain=rule.certain))
    if rule.exactly and rule.values is None:
        ways.append(MissingWith(rule.by, rule.column, exactly=False)._with(certain=rule.certain))
    return next(([way] for way in ways if way.keeps(view).all()), [])


def _without_echoes(rules: list[Rule]) -> list[Rule]:
    """Without orders of a column and a part of it, where some rows break them: the sign of the rest says it all."""
    told = [{rule.target, name} for rule in rules if isinstance(rule, Equation) for name in rule.inputs]
    return [rule for rule in rules if not (isinstance(rule, Order) and rule.exceptions and set(rule.columns) in told)]


def _joined(rules: list[Rule]) -> list[Rule]:
    """An order, and that the two columns are no further apart than so much, as one rule."""
    ordered = {rule.columns: rule for rule in rules if isinstance(rule, Order) and not (rule.strict or rule.exceptions)}
    joined: dict[tuple[Hashable, ...], Rule] = {}
    for rule in rules:
        order = ordered.get(rule.columns)
        if isinstance(rule, Apart) and rule.least is None and order is not None and order.certain == rule.certain:
            joined[rule.columns] = rule._with(least=0.0)
    left = [rule for rule in rules if not (isinstance(rule, Order) and rule.columns in joined)]
    return [joined.get(rule.columns, rule) if isinstance(rule, Apart) else rule for rule in left]


def _grids(view: TableView) -> list[Grid]:
    """The steps of single columns that are coarser than their dtype."""
    found = []
    for name in view.names:
        column = view.column(name)
        if not column.is_numeric or column.is_flag or len(column.distinct) < 3:
            continue
        precision = column.precision
        finest = column.is_whole and precision.grid is not None and precision.grid.step == 1
        if precision.grid is not None and not (finest and column.family != "decimal"):
            base = precision.grid.base / 10.0**precision.grid.decimals / precision.scale
            found.append(Grid(name, precision.step, base)._measured(view))
    return found
