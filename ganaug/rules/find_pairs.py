"""Finding rules of two or three columns: orders, copies, and products."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ganaug.encoding.quantiles import outer_bounds, simple_between
from ganaug.rules.base_rule import comparable
from ganaug.rules.equations import LEAST_SHARE, Copy, Monotone, Product
from ganaug.rules.evidence import (
    Work,
    complete,
    copula_violations,
    distinct_rows,
    independent_violations,
    needed,
    surplus_bits,
)
from ganaug.rules.find_equations import (
    BITS_PER_DIGIT,
    LEAST_ROWS,
    PROBES,
    Numbers,
    Span,
    alike,
    is_exact,
    line_of,
    nice_numbers,
    offsets,
    proven,
    surprise_of,
    unique,
    windows,
)
from ganaug.rules.kinds import Order, Within
from ganaug.rules.table_view import Bits, ColumnView, Floats, Ints, TableView

if TYPE_CHECKING:
    import numpy.typing as npt

    from ganaug.rules.table_view import Ints

__all__ = [
    "find_copies",
    "find_curves",
    "find_orders",
    "find_products",
    "find_within",
    "without_repeats",
    "without_steps",
]

# --------------------------------------------------------------------------------------
# Finding pairs of columns of which one is never greater than the other, and numbers confined by a
# category.


LEAST_ORDER_ROWS = 100
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
# bits that an order of columns with different decimals must be worth beyond others
_WRITTEN_DIFFERENTLY = 60

LEAST_WITHIN_ROWS = 200
_MOST_LEVELS = 50
# Share of rows that lies in the interval of another category: intervals of which one ends where the next begins
_MOST_OVERLAP = 0.02


def find_orders(
    view: TableView, names: list[Hashable], work: Work, rng: np.random.Generator, whole: TableView | None = None
) -> list[Order]:
    """Orders that neither independence nor a Gaussian copula explains.

    Where the rows of ``view`` are too few to say so, as chance would break the order in few rows only, those of
    ``whole`` are asked.
    """
    found: list[Order] = []
    if view.n_rows < LEAST_ORDER_ROWS:
        return found
    groups: dict[str, list[ColumnView]] = {}
    for name in names:
        column = view.column(name)
        if column.is_numeric and len(column.distinct) >= _LEAST_DISTINCT:
            groups.setdefault(column.measure, []).append(column)
    for columns in groups.values():
        found += _orders(columns, work, rng, whole)
    return found


def _orders(columns: list[ColumnView], work: Work, rng: np.random.Generator, whole: TableView | None) -> list[Order]:
    d, n = len(columns), len(columns[0])
    if d < 2 or not work.afford(float(d) * n + 1.2 * d * d * min(n, _FIRST), "order"):
        return []
    values = np.stack([column.number for column in columns], axis=1)
    spans = np.array([np.subtract(*np.nanpercentile(values[:, j], [95, 5])) for j in range(d)])
    decimals = [_decimals(column) for column in columns]
    quantiles = np.stack([np.nanquantile(values[:, j], (np.arange(_QUANTILES) + 0.5) / _QUANTILES) for j in range(d)])
    first = values[: min(n, _FIRST)]
    pairs: list[tuple[int, int]] = []
    for i in range(d):
        above = (first[:, i, None] > first).mean(0) <= 4 * _EXCEPTIONS
        above[i] = False
        for j in np.flatnonzero(above).tolist():
            low, high = sorted((spans[i], spans[j]))
            by_chance = float((quantiles[i][:, None] > quantiles[j]).mean())
            if high / _MOST_SPREAD_RATIO <= low and np.isfinite(low) and n * by_chance >= 5:
                pairs.append((i, j))

    # columns that are written differently are seldom compared
    def candidates(pair: tuple[int, int]) -> float:
        alike = decimals[pair[0]] == decimals[pair[1]]
        return float(d * d) if alike else 2.0**_WRITTEN_DIFFERENTLY * d * d

    found: dict[tuple[int, int], Order] = {}
    pairs.sort(key=lambda pair: decimals[pair[0]] != decimals[pair[1]])
    for own in [columns] if whole is None else [columns, [whole.column(column.name) for column in columns]]:
        for pair in pairs:
            if pair not in found and work.afford(60.0 * len(own[0]), "order"):
                rule = _order(own[pair[0]], own[pair[1]], candidates(pair), rng)
                found |= {} if rule is None else {pair: rule}
    return [found[pair] for pair in sorted(found)]


def _decimals(column: ColumnView) -> str | None:
    """How its numbers are written."""
    precision = column.precision
    if column.is_time:
        return "time"
    if precision.grid is not None:
        return precision.grid.decimals + round(np.log10(precision.scale))
    return "float"


def _order(low: ColumnView, high: ColumnView, candidates: float, rng: np.random.Generator) -> Order | None:
    known = ~(low.missing | high.missing)
    n = int(known.sum())
    if n < LEAST_ORDER_ROWS:
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


def _cliff(gaps: npt.NDArray[Any]) -> bool:
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


def _confined(codes: Ints, values: Floats, n_levels: int, half: Bits, bar: float) -> float:
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


# --------------------------------------------------------------------------------------
# Finding columns that are others, in another unit or rounded.


def find_copies(numbers: Numbers, work: Work, rng: np.random.Generator, rounded: bool) -> list[Copy]:
    """Columns that are others, times a factor and plus an offset, the finer one being the original.

    With ``rounded`` copies in which something was lost, without it those from which the original could be computed.
    """
    d = len(numbers)
    proofs: list[tuple[tuple[Any, ...], int, int, Copy]] = []
    for i, j in alike(numbers, work):
        sizes = [len(numbers.columns[k].distinct) for k in (i, j)]
        if rounded == (min(sizes) >= 0.98 * max(sizes)):
            continue
        for target, source in ((j, i), (i, j)):
            if sizes[0 if target == i else 1] > 1.03 * min(sizes) or not work.afford(
                50.0 * len(numbers.values), "copies"
            ):
                continue
            proof = _copy(numbers, target, source, d * d, rng)
            if proof is not None:
                digits, rule = proof
                loose = any(absolute for absolute, _ in rule.units[1:])
                proofs.append(((loose, digits, target < source, target, source), target, source, rule))
    found: list[Copy] = []
    group = list(range(d))
    targets: set[int] = set()
    for _, target, source, rule in sorted(proofs, key=lambda proof: proof[0]):
        if group[target] != group[source] and target not in targets:
            found.append(rule)
            targets.add(target)
            group = [group[source] if own == group[target] else own for own in group]
    return found


def _copy(
    numbers: Numbers, coarse: int, fine: int, candidates: float, rng: np.random.Generator
) -> tuple[int, Copy] | None:
    y, x = numbers.values[:, coarse], numbers.values[:, fine]
    known = complete(x, y)
    if known.sum() < LEAST_ROWS:
        return None
    line = line_of(x[known], y[known])
    if line is None:
        return None
    names = numbers.columns[coarse].name, numbers.columns[fine].name
    unit, finer = numbers.largest_unit(coarse), numbers.largest_unit(fine)
    rest = y[known] - line * x[known]
    off = float(np.quantile(np.abs(rest - np.median(rest)), 0.9))
    if off > 3 * (unit + abs(line) * finer) + 1e-6 * abs(line) * float(np.std(x[known])):
        return None
    # first those that give the copy to its last digit: fico_high = fico_low + 4, and not fico_high = fico_low
    for loosely in (False, True):
        for scale, digits in unique(_scales(line, x[known], y[known], unit)):
            rest = y[known] - scale * x[known]
            middle = float(np.median(rest))
            for offset, more in offsets(middle, unit):
                rule = Copy(*names, scale=scale, offset=offset)
                cost = BITS_PER_DIGIT * (digits + more)
                allowed = unit + (abs(scale) * finer if loosely else 0.0)
                kept = np.abs(rest - offset) <= 2.2 * allowed + 1e-9 * np.abs(y[known])
                if kept.mean() < LEAST_SHARE - 0.02:
                    continue
                proof = proven(rule, numbers, candidates, rng, cost, (loosely,))
                if proof is not None:
                    return digits + more, proof
    return None


def _scales(line: float, x: Floats, y: Floats, unit: float) -> Iterator[tuple[float, int]]:
    """Factors near a slope, and the shortest that gives nearly all rows to the last digit: 2.2046 pounds a kilogram."""
    yield from nice_numbers(line)
    with np.errstate(all="ignore"):
        ends = np.sort(np.stack([(y - unit) / x, (y + unit) / x]), axis=0)[:, x != 0]
    if ends.shape[1]:
        for share in (1.0, 0.998):
            low, high = float(np.quantile(ends[0], share)), float(np.quantile(ends[1], 1 - share))
            near = [(scale, digits) for scale, digits in nice_numbers((low + high) / 2) if low <= scale <= high]
            yield from near[:1]


# --------------------------------------------------------------------------------------
# Finding columns that are products, ratios or squares of others.


def find_products(numbers: Numbers, work: Work, rng: np.random.Generator) -> list[Product]:
    """Products and ratios of two columns, squares included, up to rounding and a constant factor."""
    places = [
        j for j, c in enumerate(numbers.columns) if c.is_number and len(c.distinct) > 1 and _mostly_nonzero(numbers, j)
    ]
    numbers = numbers.at(places)
    if len(numbers) < 2 or len(numbers.values) < LEAST_ROWS:
        return []
    found: list[Product] = []
    span = Span()
    for own in windows(max(len(numbers), 3), work, 3.0 * PROBES, "products"):
        part = numbers.at(own[own < len(numbers)])
        proofs = []
        triples = [(1, triple) for triple in _product_triples(part, rng, work, 1)]
        triples += [(2, triple) for triple in _product_triples(part, rng, work, 2)]
        for power, (z, x, y) in triples:
            if not work.afford(300.0 * len(numbers.values), "products"):
                break
            proof = _product(part, z, x, y, power, 2 * len(numbers) ** 3, rng)
            if proof is not None:
                proofs.append((_plainness(proof, part), proof))
        for _, proof in sorted(proofs, key=lambda pair: pair[0]):
            vector = _powers(proof)
            if not span.covers(vector):
                span.add(vector)
                found.append(proof)
    return found


def _powers(rule: Product) -> dict[Any, float]:
    """A product as a sum of logarithms."""
    vector: dict[Any, float] = {rule.result: -1.0}
    for names, power in ((rule.factors, 1.0), (rule.over, -1.0)):
        for name in names:
            vector[name] = vector.get(name, 0.0) + power
    return vector


def without_repeats(products: list[Product], copies: list[Copy]) -> list[Product]:
    """Without products that repeat for a copy what another one tells about its original."""
    span = Span()
    for copy in copies:
        if not copy.offset:
            span.add({copy.target: 1.0, copy.inputs[0]: -1.0})
    kept = []
    for rule in products:
        if not span.covers(_powers(rule)):
            span.add(_powers(rule))
            kept.append(rule)
    return kept


def _mostly_nonzero(numbers: Numbers, place: int) -> bool:
    values = numbers.values[:, place]
    known = np.isfinite(values)
    return bool(known.sum() >= LEAST_ROWS and (values[known] != 0).mean() > 0.2)


def _product_triples(numbers: Numbers, rng: np.random.Generator, work: Work, power: int) -> list[tuple[int, int, int]]:
    """Columns z, x, y with z = k * x**power * y in some rows, whatever the constant k; the most surprising first."""
    rows = numbers.probes(rng, nonzero=True)
    V = numbers.values[rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        L = np.log(np.abs(V))
        R = numbers.unit(V) / np.abs(V)
    bad = ~np.isfinite(L) | (R > 0.5 + 1e-9)
    R = -np.log1p(-np.minimum(R, 0.5))  # what rounding does to a logarithm: 0.1 may be 0.05, half of it
    L, R = np.where(bad, np.nan, L), np.where(bad, np.nan, R)
    found: list[tuple[float, tuple[int, int, int]]] = []
    for i in range(len(numbers)):
        D = power * L[:4, i, None, None] + L[:4, :, None] - L[:4, None, :]  # (r, j, k)
        T = power * R[:4, i, None, None] + R[:4, :, None] + R[:4, None, :]
        close: Bits = np.asarray(~(np.abs(D[1:] - D[0]) > 1.1 * (T[1:] + T[0]) + 1e-12).any(0))
        if power == 1:
            close[:i] = False
        else:
            close[i] = False
        close[:, i] = False
        np.fill_diagonal(close, False)
        j, k = np.nonzero(close)
        if not len(j) or not work.afford(4.0 * 2 * PROBES * len(j), "products"):
            continue
        centre, keep = _centres(L[: 2 * PROBES], R[: 2 * PROBES], i, j, k, power)
        j, k, centre = j[keep], k[keep], centre[keep]
        if not len(j) or not work.afford(30.0 * len(rows) * len(j), "products"):
            continue
        x, y, z = V[:, [i]], V[:, j], V[:, k]
        surprise = np.full(len(j), 2.0)
        finest = (_finest_centres(L, R, i, j, k, power, centre, result) for result in (True, False))
        for constant, slack in ((centre, 1.0), *((one, 1.2) for one in finest)):  # it is not known to the last digit
            with np.errstate(all="ignore"):
                expected = np.abs(x**power * y) * np.exp(-constant)
                errors = [R[:, k] * np.abs(z), power * R[:, [i]] * expected, R[:, j] * expected]
                errors = [slack * error for error in errors]
                share = surprise_of(np.where(np.isfinite(L[:, k]), expected, np.nan), np.abs(z), errors)
            surprise = np.minimum(surprise, share)
        pairs = zip(surprise.tolist(), j.tolist(), k.tolist(), strict=True)
        found += [(share, (b, i, a)) for share, a, b in pairs if share <= 1]
    return [triple for _, triple in sorted(found)]


def _centres(L: Floats, R: Floats, i: int, j: Ints, k: Ints, power: int) -> tuple[Floats, Bits]:
    """The constant of each relation as a logarithm, and whether all rows but one agree on it."""
    D = power * L[:, i, None] + L[:, j] - L[:, k]
    T = power * R[:, i, None] + R[:, j] + R[:, k]
    known = np.isfinite(D)
    enough = known.sum(0) >= min(4, len(L))
    centre = np.zeros(len(j))
    if enough.any():
        centre[enough] = np.nanmedian(D[:, enough], axis=0)
    finest = np.where(known, T, np.inf).min(0)
    with np.errstate(invalid="ignore"):
        keep = enough & ((np.abs(D - centre) > 1.1 * T + finest + 1e-12).sum(0) <= 1)
    return centre, keep


def _finest_centres(L: Floats, R: Floats, i: int, j: Ints, k: Ints, power: int, centre: Floats, result: bool) -> Floats:
    """The same constants, from all rows and mostly from those in which least is rounded, or the result least. (m,)."""
    D = power * L[:, i, None] + L[:, j] - L[:, k]
    with np.errstate(invalid="ignore", divide="ignore"):
        rounded = power * R[:, i, None] + R[:, j] + R[:, k]
        near = np.abs(D - centre) <= 1.1 * rounded + 1e-12
        weight = np.where(near, 1.0 / np.maximum(R[:, k] if result else rounded, 1e-15) ** 2, 0.0)
        found = np.nansum(np.where(near, D, 0.0) * weight, axis=0) / weight.sum(0)
    return np.where(np.isfinite(found), found, centre)


def _product(
    numbers: Numbers, z: int, x: int, y: int, power: int, candidates: float, rng: np.random.Generator
) -> Product | None:
    """The relation solved for the column that was computed: the one whose own rounding suffices."""
    names = [numbers.columns[k].name for k in (z, x, y)]
    a, b, c = (numbers.values[:, k] for k in (z, x, y))
    with np.errstate(all="ignore"):
        ratios = a / (b**power * c)
    ratios = ratios[np.isfinite(ratios) & (ratios != 0)]
    if len(ratios) < LEAST_ROWS:
        return None
    k = float(np.median(ratios))
    best: Product | None = None
    for scale, digits in unique(((v, n) for v, n in nice_numbers(k, 4) if abs(v / k - 1) < 0.02)):
        cost = 0.0 if scale == 1 else BITS_PER_DIGIT * (digits + 1)
        bases = [names[1]] * power
        forms = [Product(names[0], [*bases, names[2]], scale=scale)]
        if x != y:
            forms.append(Product(names[2], [names[0]], bases, 1 / scale))
            if power == 1:
                forms.append(Product(names[1], [names[0]], [names[2]], 1 / scale))
        for form in forms:
            proof = proven(form, numbers, candidates, rng, cost)
            if proof is not None and (best is None or _plainness(proof, numbers) < _plainness(best, numbers)):
                best = proof
        if best is not None:
            return best
    return best


def _plainness(rule: Product, numbers: Numbers) -> tuple[Any, ...]:
    """Sorts rules: the result alone rounded, no factor, as many decimals as its parts, few exceptions, a product.

    Then the later column. Where nothing was rounded decimals tell nothing.
    """
    tight = all(absolute == 0 for absolute, _ in rule.units[1:])
    place = {column.name: j for j, column in enumerate(numbers.columns)}
    steps = [numbers.columns[place[name]].usual.step for name in rule.columns]
    computed = (steps[0] > min(steps[1:]) and not is_exact(rule, numbers), len(rule.over)) if tight else ()
    broken = rule.exceptions * 1000 // max(rule.support, 1)
    return (not tight, rule.scale != 1, *computed[:1], broken, *computed[1:], -place[rule.result])


# --------------------------------------------------------------------------------------
# Finding columns that follow another one along a curve.


LEAST_CURVE_ROWS = 200
_MAX_KNOTS = 64
# of what its neighbours differ, a point on a smooth curve lies off the line between them
_SMOOTH = 0.05


def find_curves(numbers: Numbers, whole: TableView, work: Work) -> list[Monotone]:
    """Columns that rise or fall with another along one curve that is no line, drawn through all rows."""
    found: list[Monotone] = []
    taken: set[int] = set()
    for i, j in alike(numbers, work):
        if i in taken or j in taken or not work.afford(60.0 * len(numbers.values), "curves"):
            continue
        coarse, fine = sorted((j, i), key=lambda k: (len(numbers.columns[k].distinct), -k))
        rule = _curve(numbers, coarse, fine)
        if rule is not None and whole.n_rows > len(numbers.values):
            rule = _curve(Numbers.of(whole, list(rule.columns)), 0, 1)
        if rule is not None:
            found.append(rule)
            taken.add(coarse)
    return found


def _curve(numbers: Numbers, coarse: int, fine: int) -> Monotone | None:
    x, y = numbers.values[:, fine], numbers.values[:, coarse]
    known: Bits = complete(x, y)
    x, y = x[known], y[known]
    if len(x) < LEAST_CURVE_ROWS:
        return None
    grid, first = np.unique(x, return_index=True)
    if len(grid) < 50 or len(np.unique(y)) < 20:
        return None
    order = np.lexsort((y, x))
    steps = np.diff(y[order])
    slack = 2 * float(numbers.absolute[coarse]) + 1e-9 * float(np.abs(y).max())
    if not ((steps >= -slack).all() or (steps <= slack).all()):
        return None
    heights = y[first]
    between = np.interp(grid[1:-1], grid[::2], heights[::2])[::2]  # the others, from every second point
    off = np.abs(heights[1:-1][::2] - between)
    if np.median(off) > _SMOOTH * np.median(np.abs(heights[2:] - heights[:-2])) + slack:
        return None
    knots_x, knots_y = _beside_rows(grid, heights, _knots(grid, heights))
    worst = float(np.abs(np.interp(grid, knots_x, knots_y) - heights).max())
    off = np.abs(np.interp(x, knots_x, knots_y) - y)
    if worst > 0.01 * float(y.max() - y.min()) or np.median(off) > 0.01 * float(np.std(y)):
        return None
    tolerance = float(f"{1.2 * float(off.max()) + slack:.1e}") or slack
    names = numbers.columns[coarse].name, numbers.columns[fine].name
    return Monotone(*names, (tuple(knots_x.tolist()), tuple(knots_y.tolist())), tolerance)


def _knots(x: Floats, y: Floats) -> Ints:
    """Places of at most so many points of a curve that lines between them stay near it. (m,)."""
    at = np.unique(np.linspace(0, len(x) - 1, 9).astype(np.int64))
    while True:
        off = np.abs(np.interp(x, x[at], y[at]) - y)
        worst = float(off.max())
        if len(at) >= min(_MAX_KNOTS, len(x)) or worst == 0:
            return at
        at = np.sort(np.append(at, int(off.argmax())))


def _beside_rows(x: Floats, y: Floats, at: Ints) -> tuple[Floats, Floats]:
    """Points of the same curve near those at some places, and none of a row. (m,), (m,)."""
    left = np.minimum(at, len(x) - 2)
    step = x[left + 1] - x[left]
    knots = simple_between(x[left] + step / 128, x[left] + step / 32)
    once = np.ones(len(x), dtype=np.int64)
    knots[0], last = outer_bounds(x, once)
    keep = (at < len(x) - 1) & (np.arange(len(at)) > 0)
    knots = np.concatenate([knots[:1], knots[keep], [last]])
    left = np.concatenate([[0], left[keep], [len(x) - 2]])
    heights = y[left] + (knots - x[left]) / (x[left + 1] - x[left]) * (y[left + 1] - y[left])
    level = np.isin(heights, y)  # where the curve is flat: a little nearer to its other end
    return knots, np.where(level, heights + (np.median(y) - heights) / 256, heights)
