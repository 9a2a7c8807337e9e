"""Finding pairs of columns of which one is never greater than the other, and numbers confined by a category."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from ganaug.rules.base_rule import comparable
from ganaug.rules.evidence import (
    Work,
    copula_violations,
    distinct_rows,
    independent_violations,
    needed,
    surplus_bits,
)
from ganaug.rules.kinds import Order, Within
from ganaug.rules.table_view import Bits, ColumnView, Floats, TableView

__all__ = ["find_orders", "find_within", "without_steps"]

LEAST_ROWS = 100
# With fewer rows an order is a guess, which guards and does not rewrite, but where a guard would refuse too many rows.
SURE_ROWS = 300
_MOST_REFUSED = 0.05
_LEAST_DISTINCT = 4
_MOST_SPREAD_RATIO = 30.0
_TIES = 0.01
_EXCEPTIONS = 0.001
_CLIFF = 30
_FIRST = 256
_QUANTILES = 64

LEAST_WITHIN_ROWS = 200
_MOST_LEVELS = 50
# Share of rows that lies in the interval of another category: intervals of which one ends where the next begins
_MOST_OVERLAP = 0.02


def find_orders(view: TableView, names: list[Hashable], work: Work, rng: np.random.Generator) -> list[Order]:
    """Orders that neither independence nor a Gaussian copula explains."""
    found: list[Order] = []
    if view.n_rows < LEAST_ROWS:
        return found
    groups: dict[str, list[ColumnView]] = {}
    for name in names:
        column = view.column(name)
        if column.is_numeric and len(column.distinct) >= _LEAST_DISTINCT:
            groups.setdefault(column.measure, []).append(column)
    for columns in groups.values():
        found += _orders(columns, work, rng)
    return found


def _orders(columns: list[ColumnView], work: Work, rng: np.random.Generator) -> list[Order]:
    d, n = len(columns), len(columns[0])
    if d < 2 or not work.afford(float(d) * n + 1.2 * d * d * min(n, _FIRST), "order"):
        return []
    values = np.stack([column.number for column in columns], axis=1)
    spans = np.array([np.subtract(*np.nanpercentile(values[:, j], [95, 5])) for j in range(d)])
    decimals = [_decimals(column) for column in columns]
    quantiles = np.stack([np.nanquantile(values[:, j], (np.arange(_QUANTILES) + 0.5) / _QUANTILES) for j in range(d)])
    first = values[: min(n, _FIRST)]
    found = []
    for i in range(d):
        above = (first[:, i, None] > first).mean(0) <= 4 * _EXCEPTIONS
        above[i] = False
        for j in np.flatnonzero(above).tolist():
            if decimals[i] != decimals[j]:
                continue
            low, high = sorted((spans[i], spans[j]))
            if high > _MOST_SPREAD_RATIO * low or not np.isfinite(low):
                continue
            by_chance = float((quantiles[i][:, None] > quantiles[j]).mean())
            if n * by_chance < 5 or not work.afford(60.0 * n, "order"):
                continue
            rule = _order(columns[i], columns[j], d * d, rng)
            if rule is not None:
                found.append(rule)
    return found


def _decimals(column: ColumnView) -> Any:
    """How its numbers are written: columns that are written differently are seldom compared."""
    precision = column.precision
    if column.is_time:
        return "time"
    if precision.grid is not None:
        return precision.grid.decimals + round(np.log10(precision.scale))
    return "float"


def _order(low: ColumnView, high: ColumnView, candidates: float, rng: np.random.Generator) -> Order | None:
    known = ~(low.missing | high.missing)
    n = int(known.sum())
    if n < LEAST_ROWS:
        return None
    a, b = (side[known] for side in comparable(low, high))
    broken = float((a > b).mean())
    if broken > _EXCEPTIONS:
        return None
    if broken and not _cliff(b - a):
        return None
    x, y = low.number[known], high.number[known]
    rows = distinct_rows([x, y])
    bar = needed(candidates)
    if surplus_bits(rows, broken, independent_violations(x, y)) <= bar:
        return None
    ties = float((a == b).mean())
    violations, twin_ties = copula_violations(x, y, rng)
    touching = ties >= _TIES and ties > 2 * twin_ties and violations > 0
    if surplus_bits(rows, broken, violations) <= bar and not touching:
        return None
    strict = ties == 0 and broken == 0 and n * twin_ties >= 10
    rule = Order(low.name, high.name, strict=strict)
    return rule._with(certain=n >= SURE_ROWS or violations >= _MOST_REFUSED)


def _cliff(gaps: Any) -> bool:
    """Whether many rows lie as near above 0 as the few that broke the order lie below: errors, and no thin tail."""
    below = -gaps[gaps < 0]
    return bool(((gaps >= 0) & (gaps <= np.median(below))).sum() >= _CLIFF * len(below))


def without_steps(orders: list[Order]) -> list[Order]:
    """Without the orders that follow from two others."""
    above: dict[Hashable, set[Hashable]] = {}
    for rule in orders:
        above.setdefault(rule.low, set()).add(rule.high)
    kept = []
    for rule in orders:
        between = above[rule.low] - {rule.high}
        if not any(rule.high in above.get(other, ()) for other in between):
            kept.append(rule)
    return kept


def find_within(
    view: TableView, categories: list[Hashable], numbers: list[Hashable], work: Work, rng: np.random.Generator
) -> list[Within]:
    """Numbers that their row's category confines to an interval of its own.

    Sure, and therefore rewritten, where chance would break at least half of the rows: to refuse those would cost most
    of what a generator draws.
    """
    found: list[Within] = []
    n = view.n_rows
    if n < LEAST_WITHIN_ROWS:
        return found
    half = rng.permutation(n) < n // 2
    bar = needed(max(len(categories) * len(numbers), 1))
    for by in categories:
        category = view.column(by)
        levels = category.levels
        if not 2 <= len(levels) <= _MOST_LEVELS or len(levels) > n / 20:
            continue
        codes = category.codes(levels)
        for name in numbers:
            if name == by or not work.afford(40.0 * n, "intervals of categories"):
                continue
            values = view.column(name).number
            if len(view.column(name).distinct) <= max(_LEAST_DISTINCT, len(levels)):
                continue
            by_chance = _confined(codes, values, len(levels), half, bar)
            if by_chance > 0:
                found.append(Within(name, by)._with(certain=bool(by_chance > 0.5)))
    return found


def _confined(codes: Any, values: Floats, n_levels: int, half: Bits, bar: float) -> float:
    """Share of rows outside of their interval if the categories were shuffled; 0 if they are not confined."""
    known = np.isfinite(values) & (codes >= 0)
    if known.sum() < LEAST_WITHIN_ROWS:
        return 0.0
    counts = np.bincount(codes[known], minlength=n_levels)
    large = np.flatnonzero(counts >= 20)
    if len(large) < 2 or counts[large].sum() < 0.95 * known.sum():
        return 0.0
    codes, values, half = codes[known], values[known], half[known]
    low, high = np.full(n_levels, np.inf), np.full(n_levels, -np.inf)
    np.minimum.at(low, codes[half], values[half])
    np.maximum.at(high, codes[half], values[half])
    # Rows that another category's interval holds as well: none where the intervals only touch.
    order = large[np.argsort(low[large])]
    ends = np.maximum.accumulate(high[order])
    shared = np.zeros(len(values), dtype=bool)
    place = np.full(n_levels, -1)
    place[order] = np.arange(len(order))
    at = place[codes]
    inner = at >= 0
    below = np.where(at > 0, ends[np.maximum(at - 1, 0)], -np.inf)
    above = np.where(at < len(order) - 1, low[order][np.minimum(at + 1, len(order) - 1)], np.inf)
    shared[inner] = (values[inner] < below[inner]) | (values[inner] > above[inner])
    if shared[inner].mean() > _MOST_OVERLAP:
        return 0.0
    test = ~half & inner
    margin = 0.02 * (high - low)
    outside = (values < (low - margin)[codes]) | (values > (high + margin)[codes])
    shares = np.bincount(codes, minlength=n_levels) / len(codes)
    by_chance = 1.0 - sum(
        share * float(((values >= a) & (values <= b)).mean())
        for share, a, b in zip(shares[large], low[large], high[large], strict=True)
    )
    broken = float(outside[test].mean()) if test.any() else 1.0
    # of new rows, so many lie beyond the extremes of the old ones whatever the distribution is
    learnt = np.bincount(codes[half], minlength=n_levels)
    beyond = float((shares * np.minimum(2.0 / (learnt + 1), 1.0)).sum())
    proven = (
        broken <= max(0.05, 1.5 * beyond)
        and by_chance > 0.25
        and surplus_bits(int(test.sum()), broken, by_chance) > bar
    )
    return by_chance if proven else 0.0
