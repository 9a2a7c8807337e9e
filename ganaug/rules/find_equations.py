"""Finding columns that are sums of others, and what proves an equation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.linalg

from ganaug.rules.equations import LEAST_SHARE, Equation, Sum
from ganaug.rules.evidence import Work, complete, distinct_rows, needed, permuted
from ganaug.rules.table_view import Bits, ColumnView, Floats, Ints, TableView

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

__all__ = [
    "SURE_ROWS",
    "Numbers",
    "alike",
    "find_sums",
    "implied_orders",
    "is_exact",
    "line_of",
    "offsets",
    "proven",
    "solved_for_free",
]

# With fewer rows in which no member is missing, equations are not looked for.
LEAST_ROWS = 30
# From so many rows on an equation is sure. One of fewer has to be kept by all of them and to be worth so many more bits
# than it needs, as many as that number of rows gives where chance keeps it in every other row.
SURE_ROWS = SURE_BITS = 100
# A part counts if the equation is broken in at least half of the rows once that part is permuted.
MOST_PERMUTED = 0.5
# Where inputs are rounded too, an equation is looser and has to be worth more.
MOST_PERMUTED_LOOSE = 0.2
_OWN_PART = 0.15
PROBES = 10
_SCREENED = 256
_WIDE = 160
_WINDOW = 64
_TOO_LARGE = 1e152  # the squares of some thousands are nearly beyond what a float64 holds
_PER_DAY = (24.0, 1440.0, 86400.0, 1 / 7)
_MOST_TERMS = 40
_MOST_CORNERS = 8
# correlation of columns that may stand for one another
_ALIKE = 0.95
# how finely a factor may be written, and how many bits each of its digits costs
_DIGITS = 6
BITS_PER_DIGIT = np.log2(10)


@dataclass(frozen=True)
class Numbers:
    """The columns of a table that can be computed with, at some rows.

    Attributes
    ----------
    columns : list of ColumnView
    values : ndarray of shape (n, d)
        NaN where missing.
    absolute, relative : ndarray of shape (d,)
        Half a last digit of each.
    """

    columns: list[ColumnView]
    values: Floats
    absolute: Floats
    relative: Floats

    @classmethod
    def of(cls, view: TableView, names: list[Any]) -> Numbers:
        """Those of some columns that hold numbers, durations or dates, more than one value, exactly, none too large."""
        columns = [view.column(name) for name in names]
        columns = [c for c in columns if c.is_numeric and c.exact | c.is_time and len(c.distinct) > 1]
        columns = [c for c in columns if np.nanmax(np.abs(c.number)) < _TOO_LARGE]
        values = np.stack([c.number for c in columns], axis=1) if columns else np.zeros((view.n_rows, 0))
        units = np.array([c.usual.unit for c in columns]).reshape(-1, 2)
        return cls(columns, values, units[:, 0], units[:, 1])

    def __len__(self) -> int:
        return len(self.columns)

    def without(self, names: Iterable[Hashable]) -> Numbers:
        """The others."""
        gone = set(names)
        return self.at([j for j, column in enumerate(self.columns) if column.name not in gone])

    def at(self, places: object) -> Numbers:
        """Some of the columns."""
        places = np.asarray(places, dtype=np.int64)
        columns = [self.columns[j] for j in places.tolist()]
        return Numbers(columns, self.values[:, places], self.absolute[places], self.relative[places])

    def unit(self, values: Floats) -> Floats:
        """Half a last digit of each value. (m, d) -> (m, d)."""
        return np.asarray(self.absolute + self.relative * np.abs(values))

    @cached_property
    def coarseness(self) -> Floats:
        """Half a last digit in standard deviations, to two digits. (d,)."""
        spread = np.array([float(np.nanstd(v)) or 1.0 for v in self.values.T])
        size = np.array([float(np.nanmean(np.abs(v))) for v in self.values.T])
        ratio = (self.absolute + self.relative * size) / np.where(np.isfinite(spread), spread, 1.0)
        return np.array([float(f"{one:.1e}") for one in ratio.tolist()])

    def largest_unit(self, place: int) -> float:
        """Half a last digit of a column's largest value."""
        return float(self.absolute[place] + self.relative[place] * np.nanmax(np.abs(self.values[:, place])))

    def probes(self, rng: np.random.Generator, nonzero: bool = False) -> Ints:
        """Rows in a random order, those with the fewest missing values first."""
        order = rng.permutation(len(self.values))
        bad = ~np.isfinite(self.values) | ((self.values == 0) if nonzero else False)
        order = order[np.argsort(bad[order].sum(1), kind="stable")]
        return np.asarray(order[:_SCREENED])


def proven(
    rule: Equation,
    numbers: Numbers,
    candidates: float,
    rng: np.random.Generator,
    cost: float = 0.0,
    loosely: tuple[bool, ...] = (False, True),
    most_permuted: float = MOST_PERMUTED,
) -> Any:
    """The rule with its tolerances, if it holds and each of its parts matters; else None.

    ``loosely`` says whether the rounding of the target has to suffice, that of the inputs counts too, or which is
    tried first; ``most_permuted`` is the share of rows that may keep it once a part has become another one.
    """
    places = {column.name: j for j, column in enumerate(numbers.columns)}
    columns = [numbers.columns[places[name]] for name in rule.columns]
    target, *inputs = (numbers.values[:, places[name]] for name in rule.columns)
    known = complete(target, *inputs)
    if known.sum() < LEAST_ROWS:
        return None
    target, *inputs = (values[known] for values in (target, *inputs))
    tight = (columns[0].usual.unit, *((0.0, c.usual.epsilon) for c in columns[1:]))
    loose = tuple(c.usual.unit for c in columns)
    for units, most in ((loose, MOST_PERMUTED_LOOSE) if too else (tight, most_permuted) for too in loosely):
        off, allowed = rule.residuals(target, inputs, units)
        decided = np.isfinite(off)
        if decided.sum() < LEAST_ROWS or (off[decided] <= allowed[decided]).mean() < LEAST_SHARE:
            continue
        own = units[0][0] + units[0][1] * np.abs(target[decided])
        if units is loose and np.median(own / np.maximum(allowed[decided], 1e-300)) < _OWN_PART:
            continue  # the finer column, which could not be computed again from rounded ones
        kept, telling = off <= allowed, _telling(rule, inputs)
        if kept[decided & telling].sum() < LEAST_SHARE * (decided & telling).sum():
            continue
        share, rows = _permuted_share(rule, target, inputs, units, most, rng)
        bits = min(distinct_rows([target, *inputs]), rows) * -np.log2(max(share, 0.5 / len(target)))
        if bits > needed(candidates) + cost:
            support, broken = int(decided.sum()), int((~kept[decided]).sum())
            sure = support >= SURE_ROWS or bool(not broken and bits > needed(candidates) + cost + SURE_BITS)
            return rule._with(units=units, support=support, exceptions=broken, certain=sure)
    return None


def _telling(rule: Equation, inputs: list[Floats]) -> Bits:
    """Rows in which every input matters: of ``discount = price * share`` those that have a price and a share."""
    with np.errstate(all="ignore"):
        slopes = [np.broadcast_to(slope, inputs[0].shape) for slope in rule.slopes(inputs)]
    return np.asarray(np.logical_and.reduce([slope != 0 for slope in slopes]))


def _permuted_share(
    rule: Equation, target: Floats, inputs: list[Floats], units: object, most: float, rng: np.random.Generator
) -> tuple[float, int]:
    """The largest share of rows that keeps the rule once one of its parts is permuted, as far as it matters.

    Of an input only rows count in which it matters; how many these are at least is the second result. The first is 1
    if more than ``most`` keep the rule of those in which the part has become another one: a part that is 0 in nine of
    ten rows is one all the same, if the rule needs it in the others.
    """
    with np.errstate(all="ignore"):
        slopes = [np.broadcast_to(slope, target.shape) for slope in rule.slopes(inputs)]
    worst, fewest = 0.0, len(target)
    off, allowed = rule.residuals(target, inputs, units)
    there, holds = np.isfinite(off), off <= allowed
    # a curve has no slopes
    matters = [np.ones(len(target), dtype=bool), *(slope != 0 if slope.any() else slope == 0 for slope in slopes)]
    for place, rows in enumerate(matters):
        parts = [target, *inputs]
        parts[place] = permuted(parts[place], rng)
        off, allowed = rule.residuals(parts[0], parts[1:], units)
        kept, decided = off <= allowed, np.isfinite(off) & rows
        changed = decided & there & (parts[place] != [target, *inputs][place])
        share = 1.0
        if (
            changed.sum() >= LEAST_ROWS
            and kept[changed].mean() <= most
            and holds[changed].mean() >= LEAST_SHARE - 0.005
        ):
            share = float(kept[decided].mean())
        worst, fewest = max(worst, share), min(fewest, int(decided.sum()))
        if worst == 1:
            break
    return worst, fewest


def nice_numbers(value: float, digits: int = _DIGITS) -> Iterator[tuple[float, int]]:
    """Numbers near a measured one, the shortest first, with the digits that each takes: 60, 0.01, 1/3."""
    if not np.isfinite(value) or value == 0:
        return
    for n in range(1, digits + 1):
        yield float(f"{value:.{n - 1}e}"), n
        inverse = float(f"{1 / value:.{n - 1}e}")
        yield 1 / inverse, n


def is_exact(rule: Equation, numbers: Numbers) -> bool:
    """Whether the result was not rounded in nearly all rows."""
    place = {column.name: j for j, column in enumerate(numbers.columns)}
    target, *inputs = (numbers.values[:, place[name]] for name in rule.columns)
    with np.errstate(all="ignore"):
        off = np.abs(rule.compute(inputs) - target) <= 1e-9 * np.maximum(np.abs(target), np.abs(inputs).max(0))
    known = complete(target, *inputs)
    return bool(known.any() and off[known].mean() >= LEAST_SHARE)


# ---- columns that are nearly a line


def alike(numbers: Numbers, work: Work) -> list[tuple[int, int]]:
    """Pairs of columns that are nearly a line, from the first column on."""
    d, n = len(numbers), len(numbers.values)
    if d < 2:
        return []
    if not work.afford(n * d * 20.0, "copies"):
        return []
    known = np.isfinite(numbers.values)
    middle = np.array([np.nanmedian(column) if np.isfinite(column).any() else 0.0 for column in numbers.values.T])
    centred = np.where(known, numbers.values - middle, 0.0)
    ranks = np.argsort(np.argsort(centred, axis=0), axis=0).astype(np.float32)
    ranks -= ranks.mean(0)
    ranks /= np.maximum(np.linalg.norm(ranks, axis=0), 1e-12)
    pairs: list[tuple[int, int]] = []
    step = max(1, 2**22 // max(d, 1))
    if not work.afford(0.05 * n * d * d, "copies of columns far apart"):
        return [(j - 1, j) for j in range(1, d) if abs(float(ranks[:, j - 1] @ ranks[:, j])) > 0.9]
    for start in range(0, d, step):
        close = np.abs(ranks[:, start : start + step].T @ ranks) > 0.9
        i, j = np.nonzero(close)
        pairs += [(a, b) for a, b in zip((i + start).tolist(), j.tolist(), strict=True) if a < b]
    most = 4 * d + 100
    return pairs[:most]


def offsets(middle: float, unit: float) -> Iterator[tuple[float, int]]:
    """Constants that may be added, with the digits that each takes: none, and the shortest one near a measured one."""
    yield 0.0, 0
    for digits in range(1, _DIGITS + 1):  # a constant that is added is 2024, and not the 2024.29 that is 1 / 0.000494
        offset = float(f"{middle:.{digits - 1}e}")
        if offset and abs(offset - middle) <= 2.2 * unit + 1e-9 * abs(middle):
            yield offset, digits
            return


def unique(pairs: Iterator[tuple[float, int]]) -> Iterator[tuple[float, int]]:
    seen: set[float] = set()
    for value, digits in pairs:
        if value not in seen:
            seen.add(value)
            yield value, digits


def line_of(x: Floats, y: Floats) -> float | None:
    """The slope, a few filler rows left aside."""
    keep = np.ones(len(x), dtype=bool)
    slope = 0.0
    for _ in range(3):
        dx, dy = x[keep] - x[keep].mean(), y[keep] - y[keep].mean()
        size = float(dx @ dx)
        if size == 0:
            return None
        slope = float(dx @ dy) / size
        off = y - slope * x
        off = np.abs(off - np.median(off))
        keep = off <= np.quantile(off, 0.98)
    return slope


# ---- sums


def find_sums(numbers: Numbers, work: Work, rng: np.random.Generator) -> list[Sum]:
    """Sums and differences of two columns, then longer ones and those with factors."""
    if len(numbers) < 3 or len(numbers.values) < LEAST_ROWS:
        return []
    found: list[Sum] = []
    span = Span()
    for places in windows(len(numbers), work, 3.0 * PROBES, "sums"):
        part = numbers.at(places)
        for z, x, y in _sum_triples(part, rng, work):
            vector = {part.columns[z].name: 1.0, part.columns[x].name: -1.0, part.columns[y].name: -1.0}
            if span.covers(vector) or not work.afford(150.0 * len(numbers.values), "sums"):
                continue
            rule = Sum(part.columns[z].name, [part.columns[x].name, part.columns[y].name])
            proof = proven(rule, part, len(numbers) ** 3, rng)
            if proof is not None:
                found.append(proof)
                span.add(vector)
    for proof in _durations(numbers, work, rng):
        vector = {proof.total: -1.0, **dict(zip(proof.parts, proof.coefficients, strict=True))}
        if not span.covers(vector):
            found.append(proof)
            span.add(vector)
    taken = [rule.target for rule in found]
    rest = numbers.without([*taken, *(column.name for column in numbers.columns if column.is_time)])
    for places in windows(len(rest), work, 8.0 * PROBES, "longer sums"):
        found += _long_sums(rest.at(places), span, work, rng)
    return found


def _durations(numbers: Numbers, work: Work, rng: np.random.Generator) -> list[Sum]:
    """Numbers that count the hours, minutes or seconds between two dates; days are plain differences."""
    dates = [j for j, column in enumerate(numbers.columns) if column.is_time and column.family != "time m"]
    counts = [j for j, column in enumerate(numbers.columns) if column.is_number and len(column.distinct) > 2]
    found: list[Sum] = []
    for late in dates:
        for early in dates:
            if early == late:
                continue
            between = numbers.values[:, late] - numbers.values[:, early]
            for k in counts:
                if not work.afford(20.0 * len(between), "durations"):
                    return found
                known = complete(between, numbers.values[:, k])
                line = line_of(between[known], numbers.values[known, k]) if known.sum() >= LEAST_ROWS else None
                unit = next((u for u in _PER_DAY if line and abs(line / u - 1) < 0.02), None)
                if unit is None:
                    continue
                names = [numbers.columns[place].name for place in (k, late, early)]
                rule = Sum(names[0], names[1:], [unit, -unit])
                proof = proven(rule, numbers, 3.0 * len(dates) ** 2 * len(counts), rng)
                if proof is not None:
                    found.append(proof)
    return found


class Span:
    """Linear relations that were found, of which others may be sums."""

    def __init__(self) -> None:
        self.rows: list[dict[Any, float]] = []

    def covers(self, vector: dict[Any, float]) -> bool:
        """Whether a relation follows from the others."""
        if not self.rows:
            return False
        names = list(dict.fromkeys(name for row in (*self.rows, vector) for name in row))
        matrix = np.array([[row.get(name, 0.0) for name in names] for row in self.rows])
        wanted = np.array([vector.get(name, 0.0) for name in names])
        best = np.linalg.lstsq(matrix.T, wanted, rcond=None)[0]
        return bool(np.abs(matrix.T @ best - wanted).max() < 1e-6)

    def add(self, vector: dict[Any, float]) -> None:
        """One more."""
        self.rows.append(vector)


def windows(d: int, work: Work, cost: float, what: str) -> Iterator[Ints]:
    """All columns together, or neighbours where there are too many for that."""
    if d < 3:
        return
    if d <= _WIDE and work.afford(cost * d**3, f"{what} of columns far apart"):
        yield np.arange(d)
        return
    size = min(_WINDOW, d)
    for start in range(0, max(d - size // 2, 1), size // 2):
        places = np.arange(start, min(start + size, d))
        if len(places) < 3 or not work.afford(cost * len(places) ** 3, what):
            return
        yield places


def _sum_triples(numbers: Numbers, rng: np.random.Generator, work: Work) -> list[tuple[int, int, int]]:
    """Columns z, x, y with z = x + y in some rows, the most surprising first."""
    rows = numbers.probes(rng)
    V = numbers.values[rows]  # (r, d)
    U = numbers.unit(V)
    found: list[tuple[float, tuple[int, int, int]]] = []
    for i in range(len(numbers)):
        first = slice(0, 3)
        off = np.abs(V[first, i, None, None] + V[first, :, None] - V[first, None, :])
        allowed = (U[first, i, None, None] + U[first, :, None] + U[first, None, :]) * (1 + 1e-9)
        close: Bits = np.asarray(~(off > allowed).any(0))  # (j, k)
        close[: i + 1] = False
        close[:, i] = False
        np.fill_diagonal(close, False)
        j, k = _again(close, V, U, lambda r, a, b, i=i: V[r, i, None] + V[r[:, None], a] - V[r[:, None], b], i)
        if not len(j) or not work.afford(10.0 * len(rows) * len(j), "sums"):
            continue
        x, y, z = V[:, [i]], V[:, j], V[:, k]
        surprise = surprise_of(x + y, z, [U[:, k], U[:, [i]] + 0 * y, U[:, j]])
        pairs = zip(surprise.tolist(), j.tolist(), k.tolist(), strict=True)
        found += [(share, (b, i, a)) for share, a, b in pairs if share <= 1]
    return [triple for _, triple in sorted(found)]


def _again(close: Bits, V: Floats, U: Floats, off: Callable[..., Floats], i: int) -> tuple[Ints, Ints]:
    """Pairs (j, k) that are close in the first rows and in a few more; one of these may be filler."""
    j, k = np.nonzero(close)
    r = np.arange(min(2 * PROBES, len(V)))
    keep: list[Bits] = []
    for start in range(0, len(j), 2**14):
        a, b = j[start : start + 2**14], k[start : start + 2**14]
        far = np.abs(off(r, a, b))
        keep.append((far > (U[r, i, None] + U[r[:, None], a] + U[r[:, None], b]) * (1 + 1e-9)).sum(0) <= 1)
    chosen = np.concatenate(keep) if keep else np.zeros(0, dtype=bool)
    return j[chosen], k[chosen]


def surprise_of(expected: Floats, z: Floats, errors: list[Floats]) -> Floats:
    """How often z is met by chance, with rows shifted against each other; 2 where it is not met at all. (r, m) -> (m,).

    ``errors`` are what the rounding of z and of each input may contribute; one of them alone has to suffice, or all
    together, but then they must be small.
    """
    known = np.isfinite(expected) & np.isfinite(z)
    n = np.maximum(known.sum(0), 1)
    half = len(z) // 2
    off, shifted = np.abs(z - expected), np.abs(np.roll(z, half, axis=0) - expected)
    best = np.full(z.shape[1], 2.0)
    total = errors[0] + sum(errors[1:])
    for allowed, most in (
        *((e + 1e-9 * np.abs(z), MOST_PERMUTED + 0.1) for e in errors),
        (total, MOST_PERMUTED_LOOSE + 0.1),
    ):
        with np.errstate(invalid="ignore"):
            kept = ((off <= allowed) & known).sum(0) / n
            chance = ((shifted <= allowed) & known).sum(0) / n
        met = (kept >= 0.97) & (chance <= most) & (n >= min(LEAST_ROWS, len(z)) / 2)
        best = np.where(met, np.minimum(best, chance), best)
    return best


def _long_sums(numbers: Numbers, span: Span, work: Work, rng: np.random.Generator) -> list[Sum]:
    """Columns that are linear in those before them, or in those after them, on rows without filler."""
    d = len(numbers)
    usable = np.isfinite(numbers.values).mean(0) > 0.5
    places = np.flatnonzero(usable)
    full = np.isfinite(numbers.values[:, places]).all(1)
    rows = np.flatnonzero(full)
    if len(rows) < max(2 * len(places) + 10, LEAST_ROWS) or len(places) < 3:
        return []
    found: list[Sum] = []
    done: set[Any] = set()
    for attempt in range(4):
        size = min(len(rows), 3 * len(places) + 20)
        some = rng.choice(rows, size, replace=False)
        for order in (places, places[::-1]):
            for terms, offset in _dependent(numbers, some, order):
                if not work.afford(4.0 * len(numbers.values) * (len(terms) + 2) ** 2, "longer sums"):
                    return found
                rule = _as_sum(numbers, terms, offset, d, rng)
                if rule is None or rule.target in done:
                    continue
                vector = {rule.total: 1.0, **dict(zip(rule.parts, (-f for f in rule.coefficients), strict=True))}
                if rule.offset:
                    vector[()] = -rule.offset
                if not span.covers(vector):
                    span.add(vector)
                    found.append(rule)
                    done.add(rule.target)
        if size == len(rows) and attempt:
            break
    return found


def _dependent(numbers: Numbers, rows: Ints, order: Ints) -> Iterator[tuple[dict[int, float], float]]:
    """Columns that are, but for rounding, linear in the ones before them: coefficients of each, and the offset."""
    X = numbers.values[np.ix_(rows, order)]
    middle, spread = X.mean(0), X.std(0)
    alive = spread > 0
    Z = (X - middle) / np.where(alive, spread, 1.0)
    # rounding as a standard deviation, in units of the column's own
    noise = numbers.at(order).unit(X).max(0) / np.where(alive, spread, 1.0) / np.sqrt(3) + 1e-9
    base: list[int] = []
    # a QR decomposition of the base, one column at a time: Gram and Schmidt's, twice for the last digits
    Q, R = np.zeros((len(order), len(rows))), np.zeros((len(order), len(order)))
    for k in range(len(order)):
        if not alive[k]:
            continue
        size = len(base)
        along = Q[:size] @ Z[:, k]
        rest = Z[:, k] - along @ Q[:size]
        again = Q[:size] @ rest
        along, rest = along + again, rest - again @ Q[:size]
        b = scipy.linalg.solve_triangular(R[:size, :size], along, check_finite=False) if size else along
        off = float(np.std(rest)) * np.sqrt(len(rows) / max(len(rows) - size, 1))
        rounding = float(np.sqrt(noise[k] ** 2 + np.sum((b * noise[base]) ** 2)))
        if size < 2 or off > 1.5 * rounding or off > 0.05:
            if off > 1e-7:  # a copy of the first column adds nothing
                length = float(np.linalg.norm(rest))
                Q[size], R[:size, size], R[size, size] = rest / length, along, length
                base.append(k)
            continue
        seen: set[tuple[int, ...]] = set()
        for least in (1e-6 + 4 * off / np.sqrt(len(rows)), 1e-6 + off, 2 * rounding):
            chosen = tuple(at for at, weight in zip(base, b.tolist(), strict=True) if abs(weight) > least)
            if 2 <= len(chosen) <= _MOST_TERMS and chosen not in seen:
                seen.add(chosen)
                c, *_ = scipy.linalg.lstsq(Z[:, chosen], Z[:, k], lapack_driver="gelsy", check_finite=False)
                factors = c * spread[k] / spread[list(chosen)]
                terms = {int(order[at]): float(f) for at, f in zip(chosen, factors.tolist(), strict=True)}
                yield {int(order[k]): -1.0, **terms}, float(middle[k] - factors @ middle[list(chosen)])


def _as_sum(numbers: Numbers, terms: dict[int, float], offset: float, d: int, rng: np.random.Generator) -> Sum | None:
    """The relation, solved for the column that is the total, with factors as people write them."""
    target = _total(numbers, terms)
    scale = -terms[target]
    factors = {place: factor / scale for place, factor in terms.items() if place != target}
    spread = {place: float(np.nanstd(numbers.values[:, place])) for place in factors}
    unit = numbers.largest_unit(target)
    coarse = {place: max(2.0 * unit / max(spread[place], 1e-12), 1e-6 * abs(f)) for place, f in factors.items()}
    for found, slack in (_by_all_rows(numbers, target, list(factors)), (factors, coarse)):
        nice = {place: _nicest(factor, slack[place]) for place, factor in found.items()}
        known = {place: one for place, one in nice.items() if one is not None}
        if found and len(known) == len(found):
            cost = BITS_PER_DIGIT * sum(digits for _, digits in known.values())
            proof = _with_offset(numbers, target, {p: known[p][0] for p in sorted(known)}, d, cost, rng)
            if proof is not None:
                return None if _has_needless_part(numbers, target, list(factors)) else proof
    return None


def _has_needless_part(numbers: Numbers, target: int, parts: list[int]) -> bool:
    """Whether others say the same without one of the parts: pounds are no sum of kilograms, inches and centimetres.

    Only parts that are nearly a line can stand for one another.
    """
    V = numbers.values[:, parts]
    V = V[np.isfinite(V).all(1)]
    alike: Bits = np.asarray(np.abs(np.corrcoef(V, rowvar=False)) > _ALIKE)
    np.fill_diagonal(alike, False)
    doubtful = [part for k, part in enumerate(parts) if alike[k].any()]
    if not doubtful:
        return False

    def off(own: list[int]) -> float:
        factors, _ = _by_all_rows(numbers, target, own)
        rest = numbers.values[:, target] - sum(f * numbers.values[:, place] for place, f in factors.items())
        return float(np.nanquantile(np.abs(rest - np.nanmedian(rest)), 0.99)) if factors else np.inf

    least = 1.1 * off(parts) + 0.1 * numbers.largest_unit(target)
    return any(off([other for other in parts if other != part]) <= least for part in doubtful)


def _nicest(value: float, slack: float) -> tuple[float, int] | None:
    """The shortest number that is as near, of two as short the nearer one: 1 / 1.5 rather than 0.67."""
    near = ((abs(number - value), number, digits) for number, digits in nice_numbers(value))
    found = min(((digits, off, number) for off, number, digits in near if off <= slack), default=None)
    return None if found is None else (found[2], found[0])


def _by_all_rows(numbers: Numbers, target: int, parts: list[int]) -> tuple[dict[int, float], dict[int, float]]:
    """Factors by least squares over all rows but a few that lie far off, and how far off they may be."""
    V = numbers.values[:, [*parts, target]]
    V = V[np.isfinite(V).all(1)]
    b = np.zeros(len(parts))
    for _ in range(2):
        V = V - V.mean(0)
        A, z = V[:, :-1], V[:, -1]
        gram = A.T @ A
        if len(V) < LEAST_ROWS or np.linalg.cond(gram) > 1e12:
            return {}, {}
        b = np.linalg.solve(gram, A.T @ z)
        off = np.abs(z - A @ b)
        V = V[off <= 3 * np.quantile(off, 0.9)]
    wide = 5 * float(np.std(off)) * np.sqrt(np.diag(np.linalg.inv(gram)))
    factors = dict(zip(parts, b.tolist(), strict=True))
    return factors, {place: w + 1e-9 * abs(factors[place]) for place, w in zip(parts, wide.tolist(), strict=True)}


def _with_offset(
    numbers: Numbers, target: int, factors: dict[int, float], d: int, cost: float, rng: np.random.Generator
) -> Sum | None:
    """The sum with these factors and the constant that is missing, if it is proven; else None."""
    unit = numbers.largest_unit(target)
    rest = numbers.values[:, target] - sum(f * numbers.values[:, place] for place, f in factors.items())
    rest = rest[np.isfinite(rest)]
    middle = float(np.median(rest)) if len(rest) else 0.0
    loose = unit + sum(abs(f) * numbers.largest_unit(place) for place, f in factors.items())
    if len(rest) < LEAST_ROWS or np.quantile(np.abs(rest - middle), 0.9) > 1.5 * loose + 1e-9 * abs(middle):
        return None
    names = [numbers.columns[place].name for place in factors]
    for constant, digits in offsets(middle, unit + 1e-12):
        rule = Sum(numbers.columns[target].name, names, list(factors.values()), offset=constant)
        proof: Sum | None = proven(rule, numbers, float(d) ** (len(names) + 1), rng, cost + BITS_PER_DIGIT * digits)
        if proof is not None:
            return proof
    return None


def _total(numbers: Numbers, terms: dict[int, float]) -> int:
    """The column that all others add up to, or the one whose own rounding explains most, or the last of many values."""
    for sign in (1, -1):
        alone = [place for place, factor in terms.items() if factor * sign > 0]
        if len(alone) == 1 and len(terms) > 2:
            others = [abs(f / terms[alone[0]]) for place, f in terms.items() if place != alone[0]]
            if min(others) > 0.999:
                return alone[0]
    coarsest = max(terms, key=lambda place: (float(numbers.coarseness[place]), place))
    factors, _ = _by_all_rows(numbers, coarsest, [place for place in terms if place != coarsest])
    terms = {coarsest: -1.0, **factors} if factors else terms
    rest = sum(factor * numbers.values[:, place] for place, factor in terms.items())
    off = float(np.nanquantile(np.abs(rest - np.nanmedian(rest)), 0.9))
    # by how many of its own last digits each column would be off, were it the one that is computed
    digits = {place: off / abs(factor) / numbers.largest_unit(place) for place, factor in terms.items()}
    if digits[coarsest] > _OWN_PART:
        return min(digits, key=lambda place: (round(digits[place], 1), -numbers.coarseness[place], -place))
    # it holds to a finer digit than that one shows: shipping of 0, 3.90 or 7.50 is not what was rounded
    sizes = {place: len(numbers.columns[place].distinct) for place in terms}
    return max(place for place, size in sizes.items() if size >= 0.8 * max(sizes.values()))


def solved_for_free(rule: Sum, told: set[Hashable], numbers: Numbers, rng: np.random.Generator) -> Sum:
    """A sum solved for another of its columns, where something else says its total: free = limit - balance."""
    if rule.target not in told:
        return rule
    sizes = {column.name: len(column.distinct) for column in numbers.columns}
    for part in sorted(set(rule.parts) - told, key=lambda name: -sizes[name]):
        factors = dict(zip(rule.parts, rule.coefficients, strict=True))
        own = factors.pop(part)
        others = {rule.total: 1 / own, **{name: -factor / own for name, factor in factors.items()}}
        other = Sum(part, list(others), list(others.values()), offset=-rule.offset / own)
        proof: Sum | None = proven(other, numbers, float(len(numbers)) ** len(others), rng)
        if proof is not None:
            return proof
    return rule


# ---- what follows from an equation


def implied_orders(rule: Equation, view: TableView) -> set[frozenset[Any]]:
    """Pairs of its columns whose order follows from the range of the inputs, and all pairs of a copy or curve."""
    if len(rule.columns) == 2:
        return {frozenset(rule.columns)}
    ends = [np.array([np.nanmin(v), np.nanmax(v)]) for v in (view.column(name).number for name in rule.inputs)]
    if len(ends) > _MOST_CORNERS:
        return set()
    # the equations are monotone in each input, so that the corners of their box say it all
    corners = [np.asarray(side).ravel() for side in np.meshgrid(*ends)]
    target = rule.compute(corners)
    if not np.isfinite(target).all():
        return set()
    pairs = zip(rule.inputs, corners, strict=True)
    slack = 1e-9 * np.abs(target).max()
    missing = {name: view.column(name).missing for name in rule.columns}
    gone = np.logical_or.reduce(list(missing.values()))
    return {
        frozenset((rule.target, name))
        for name, side in pairs
        if ((target >= side - slack).all() or (target <= side + slack).all())
        and not (gone & ~(missing[rule.target] | missing[name])).any()  # the equation says nothing of such rows
    }
