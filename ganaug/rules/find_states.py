"""Finding one-hot groups, categories that determine others, columns missing together, and numbers that a date says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ganaug.rules.derived import EPOCH, FAR, PARTS, Age, DatePart, days_as_dates
from ganaug.rules.equations import LEAST_SHARE, Equation, PerCategory
from ganaug.rules.evidence import Work, complete, needed, subset_bits
from ganaug.rules.find_equations import BITS_PER_DIGIT, Numbers, line_of, nice_numbers, offsets, proven, unique
from ganaug.rules.find_equations import LEAST_ROWS as LEAST_COUNTED
from ganaug.rules.kinds import Determined, MissingWith, OneHot
from ganaug.rules.table_view import Bits, ColumnView, Floats, Ints, TableView

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["find_dates", "find_determined", "find_missing", "find_one_hot", "find_per_category", "without_detours"]

LEAST_ROWS = 50
LEAST_DETERMINED_ROWS = 100
LEAST_MISSING = 5
_CONFIRMED = 5
_SAID = 0.5
_MOST_LEVELS = 512
_AT_ONCE = 8192
_NODES, _DEEPEST = 4000, 200
# Lengths of a year: by the calendar, and those by which days are divided.
_YEARS: tuple[float | None, ...] = (None, 365.25, 365.0, 365.2425)
_LEAST_AGES, _MOST_AGE = 5, 200.0
# of orders of two years half have the right one by chance
_MOST_PERMUTED = 0.8


# ---- one-hot groups


def find_one_hot(view: TableView, rows: int, work: Work) -> list[OneHot]:
    """Groups of flags of which exactly one, or at most one, is set; and flags that count.

    Parameters
    ----------
    rows : int
        Different rows of the table: repeated ones prove nothing.
    """
    columns = [view.column(name) for name in view.names]
    alike: dict[bytes, list[ColumnView]] = {}  # members of a group are missing together
    for column in columns:
        if column.is_flag:
            alike.setdefault(np.packbits(column.missing).tobytes() if column.n_missing else b"", []).append(column)
    return [rule for flags in alike.values() for rule in _groups_of(flags, rows, work)]


def _groups_of(flags: list[ColumnView], rows: int, work: Work) -> list[OneHot]:
    """The groups among flags that are missing in the same rows."""
    known = ~flags[0].missing
    n, k = int(known.sum()), len(flags)
    if k < 2 or n < LEAST_ROWS or not work.afford(float(n) * k * (8 + k / 30), "one-hot groups"):
        return []
    B = np.stack([column.cells.values[known] != 0 for column in flags], axis=1)
    both = np.zeros((k, k), dtype=np.float32)
    for start in range(0, n, _AT_ONCE):
        part = B[start : start + _AT_ONCE].astype(np.float32)
        both += part.T @ part
    finder = _Groups(B, both.astype(np.float64), rows * n // len(known), flags)
    found = []
    free = set(range(k))
    for exactly in (True, False):
        for start in range(k):
            if start not in free:
                continue
            group = finder.exact(start, free) if exactly else finder.exclusive(start, free)
            if group:
                found.append(OneHot([flags[j].name for j in sorted(group)], at_most=not exactly))
                free -= set(group)
    return found + [OneHot([flags[j].name for j in chain], ordered=True) for chain in finder.chains(free)]


class _Groups:
    """Flags (n, k) and how often two of them are set together."""

    def __init__(self, B: Bits, both: Floats, rows: int, flags: list[ColumnView]) -> None:
        self.B, self.both, self.n = B, both, len(B)
        self.counts = np.diag(both)
        self.share = self.counts / self.n
        # two flags that are never set together
        self.apart = both == 0
        self.rows = min(rows, self.n)
        self.names = [str(column.name) for column in flags]
        self.bar = needed(len(flags)) - needed(1)

    def bits(self, group: list[int], exactly: bool) -> float:
        """Evidence against flags that are set independently of each other."""
        p = self.share[group]
        with np.errstate(divide="ignore"):
            none = float(np.prod(1 - p))
        one = none * float(np.sum(p / (1 - p)))
        chance = one if exactly else one + none
        return float(self.rows * -np.log2(min(max(chance, 1e-300), 1.0)))

    def enough(self, group: list[int], exactly: bool) -> bool:
        """Whether chance cannot explain it, and every member adds to that."""
        bar = 10.0 + self.bar * len(group)
        return self.bits(group, exactly) > bar

    def near(self, start: int, candidates: Iterable[int]) -> list[int]:
        """Candidates, the ones that are named most alike and stand closest first."""

        def alike(j: int) -> tuple[int, int]:
            a, b = self.names[start], self.names[j]
            same = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
            return -same, abs(j - start)

        return sorted(candidates, key=alike)

    def exact(self, start: int, free: set[int]) -> list[int]:
        """Flags with ``start`` of which one is set in every row; empty if there is no such group."""
        k = len(self.counts)
        nodes = _NODES
        usable = np.zeros(k, dtype=bool)
        usable[[j for j in free if j != start]] = True
        rank = np.full(k, k)
        rank[self.near(start, np.flatnonzero(usable & self.apart[start]).tolist())] = np.arange(
            int((usable & self.apart[start]).sum())
        )

        def search(group: list[int], covered: Floats, left: Bits, depth: int) -> list[int]:
            nonlocal nodes
            while True:
                missing = self.n - float(covered.sum())
                if missing == 0:
                    return group
                row = int(np.argmin(covered))  # the first row in which none of them is set
                options = np.flatnonzero(left & self.B[row])
                nodes -= 1
                if float(self.counts[left].sum()) < missing or not len(options) or nodes <= 0:
                    return []
                options = options[np.argsort(rank[options])]
                if len(options) > 1:
                    break
                j = int(options[0])
                group, covered, left = [*group, j], covered + self.B[:, j], left & self.apart[j]
            for j in options.tolist() if depth < _DEEPEST else []:
                found = search([*group, j], covered + self.B[:, j], left & self.apart[j], depth + 1)
                if found:
                    return found
            return []

        group = search([start], self.B[:, start].astype(np.float64), usable & self.apart[start], 0)
        return group if len(group) > 1 and self.enough(group, True) else []

    def exclusive(self, start: int, free: set[int]) -> list[int]:
        """Flags with ``start`` of which at most one is set; empty if chance would do."""
        group = [start]
        apart = self.apart[start].copy()
        before = 0.0
        none, odds = 1 - self.share[start], self.share[start] / (1 - self.share[start])
        for j in self.near(start, (j for j in free if j != start and apart[j])):
            p = float(self.share[j])
            chance = none * (1 - p) * (1 + odds + p / (1 - p))
            bits = -self.rows * float(np.log2(min(chance, 1.0)))
            if apart[j] and bits > before + 2 * self.bar + 2:
                group.append(j)
                apart &= self.apart[j]
                before, none, odds = bits, none * (1 - p), odds + p / (1 - p)
        return group if len(group) > 1 and self.enough(group, False) else []

    def chains(self, free: set[int]) -> list[list[int]]:
        """Runs of at least three flags of which each is set only where the one before it is."""
        order = sorted(free, key=lambda j: (-self.counts[j], j))
        chains: list[list[int]] = []
        taken: set[int] = set()
        for start in order:
            if start in taken:
                continue
            chain = [start]
            for j in order:
                inside = self.both[chain[-1], j] == self.counts[j] < self.counts[chain[-1]]
                if j not in taken and j != start and inside:
                    surprise = float(self.counts[j]) * -np.log2(self.share[chain[-1]])
                    surprise *= self.rows / self.n
                    if surprise > 10.0 + 2 * self.bar:
                        chain.append(j)
            if len(chain) >= 3:
                chains.append(chain)
                taken |= set(chain)
        return chains


# ---- categories that determine other columns


def find_determined(
    view: TableView, by: list[Hashable], columns: list[Hashable], work: Work, rng: np.random.Generator
) -> list[Determined]:
    """Columns of which every category of another one has a single value, and this on rows it was not learnt on."""
    n = view.n_rows
    if n < LEAST_DETERMINED_ROWS:
        return []
    half = rng.permutation(n) < n // 2
    states: dict[Hashable, tuple[Ints, int]] = {}
    for name in dict.fromkeys((*by, *columns)):
        column = view.column(name)
        size = len(column.distinct)
        if 2 <= size <= _MOST_LEVELS:
            states[name] = (_codes(column), size + (column.n_missing > 0))
    bar = needed(max(len(by) * len(columns), 1))
    found: list[Determined] = []
    for target in columns:
        for source in by:
            if source == target or source not in states or target not in states:
                continue
            a, n_a = states[source]
            b, n_b = states[target]
            if n_a < n_b or n_a > n / 5:
                continue
            if not work.afford(4.0 * n + n_a, "categories that determine others"):
                return found
            if _functional(a, b, n_a, half, bar):
                found.append(Determined(target, source))
    return found


def _codes(column: ColumnView) -> Ints:
    """Places among the values that occur; missing comes last. (n,)."""
    codes = np.searchsorted(column.distinct, column.cells.values)
    if column.n_missing:
        codes = np.where(column.missing, len(column.distinct), codes)
    return np.asarray(codes, dtype=np.int64)


def _functional(a: Ints, b: Ints, n_a: int, half: Bits, bar: float) -> bool:
    first = np.full(n_a, -1, dtype=np.int64)
    first[a] = b
    if (first[a] != b).any():
        return False
    learnt = np.full(n_a, -1, dtype=np.int64)
    learnt[a[half]] = b[half]
    told = ~half & (learnt[a] >= 0)
    if not told.any():
        return False
    shares = np.bincount(b) / len(b)
    confirmed = np.bincount(b[told], minlength=len(shares))
    # bits by which each value that was told rightly surprises one who knows only how common it is
    bits = float(-(confirmed * np.log2(np.maximum(shares, 1e-12))).sum())
    rare = int(np.sum(confirmed)) - int(confirmed.max())
    return bits > bar + n_a * 0.5 and rare >= _CONFIRMED and int((confirmed >= _CONFIRMED).sum()) >= 2


def without_detours(rules: list[Determined]) -> list[Determined]:
    """One source for each column: of columns that determine each other the first one, and no detours."""
    pairs = {(rule.by, rule.column) for rule in rules}
    twins = {rule.column for rule in rules if (rule.column, rule.by) in pairs}
    kept: dict[Hashable, Determined] = {}
    sources: set[Hashable] = set()
    for rule in rules:
        if rule.column in twins and (rule.column, rule.by) in pairs and rule.column in sources:
            continue
        nearer = kept.get(rule.column)
        # the nearest source is the one that the other sources determine
        if nearer is None or ((nearer.by, rule.by) in pairs and (rule.by, nearer.by) not in pairs):
            kept[rule.column] = rule
            sources.add(rule.by)
    return list(kept.values())


# ---- missing values


def find_missing(view: TableView, names: list[Hashable], flags: list[Hashable], work: Work) -> list[MissingWith]:
    """Columns that are missing together, wherever another one is, or where a category says so."""
    n = view.n_rows
    if n < LEAST_ROWS:
        return []
    holed = [view.column(name) for name in names if LEAST_MISSING <= view.column(name).n_missing <= n - LEAST_MISSING]
    if not holed or not work.afford(float(n) * (len(holed) ** 2 / 4 + 4 * len(flags)), "missing values"):
        return []
    masks: dict[bytes, list[ColumnView]] = {}
    for column in holed:
        masks.setdefault(np.packbits(column.missing).tobytes(), []).append(column)
    classes = list(masks.values())
    found: list[MissingWith] = []
    for members in classes:
        if subset_bits(n, members[0].n_missing, members[0].n_missing) > needed(len(holed) ** 2):
            found += [MissingWith(other.name, members[0].name) for other in members[1:]]
    first = [members[0] for members in classes]
    M = np.stack([column.missing for column in first], axis=1).astype(np.float32)
    both, counts = M.T @ M, M.sum(0)
    inside = [
        (i, j)
        for i in range(len(first))
        for j in range(len(first))
        if i != j
        and both[i, j] == counts[i]
        and subset_bits(n, int(counts[j]), int(counts[i])) > needed(len(first) ** 2)
    ]
    pairs = set(inside)
    for i, j in inside:
        if not any((i, k) in pairs and (k, j) in pairs for k in range(len(first)) if k not in (i, j)):
            found.append(MissingWith(first[j].name, first[i].name, exactly=False))
    for name in flags:
        said = _said_by(view.column(name), first, needed(len(flags) * len(first)))
        exact = [rule for rule in said if rule.exactly]
        found += exact or said  # TSH is missing where TSH_measured is f; what else is missing there is another fact
    return found


def _said_by(by: ColumnView, columns: list[ColumnView], bar: float) -> list[MissingWith]:
    levels = by.levels
    if not 2 <= len(levels) <= 20 or by.n_missing:
        return []
    codes = by.codes(levels)
    sizes = np.bincount(codes, minlength=len(levels))
    found = []
    for column in columns:
        if column.name == by.name:
            continue
        holes = np.bincount(codes[column.missing], minlength=len(levels))
        saying = (holes == sizes) & (sizes > 0)
        rows = int(sizes[saying].sum())
        if not saying.any() or saying.all() or rows < max(LEAST_MISSING, _SAID * column.n_missing):
            continue
        if subset_bits(len(codes), column.n_missing, rows) <= bar:
            continue
        values: list[Any] = [levels[i] for i in np.flatnonzero(saying).tolist()]
        found.append(MissingWith(column.name, by.name, values, exactly=rows == column.n_missing))
    return found


# ---- what dates say


def find_dates(view: TableView, names: list[Hashable], work: Work, rng: np.random.Generator) -> list[Equation]:
    """Numbers that are a part of a date, or an age on a day that all rows share, or on the date of another column."""
    columns = [view.column(name) for name in names]
    dates = [column for column in columns if column.is_date and len(column.distinct) > 2]
    counts = [c for c in columns if c.is_number and len(c.distinct) > 1 and c.precision.grid is not None and _whole(c)]
    found: list[Equation] = []
    numbers = Numbers.of(view, [column.name for column in (*dates, *counts)])
    candidates = 16.0 * len(dates) ** 2 * len(counts)
    for count in counts:
        if not work.afford(60.0 * len(count) * len(dates) ** 2, "parts of dates"):
            break
        proofs = [
            proven(rule, numbers, candidates, rng, loosely=(False,), most_permuted=_MOST_PERMUTED)
            for rule in _guesses(count, dates)
        ]
        # days divided by 365.25 and birthdays are hardly ever another age
        best = min((proof for proof in proofs if proof is not None), key=lambda proof: proof.exceptions, default=None)
        found += [] if best is None else [best]
    return found


def _whole(column: ColumnView) -> bool:
    values = column.cells.present()
    return bool(column.is_whole or (values == np.floor(values)).all())


def _guesses(count: ColumnView, dates: list[ColumnView]) -> Iterator[Equation]:
    """What a column may be by its first rows; all rows then prove it."""
    for date in dates:
        known = np.flatnonzero(np.isfinite(count.number) & np.isfinite(date.number))
        if len(known) < LEAST_COUNTED:
            continue
        first, days = count.number[known], date.number[known]
        for part, of in PARTS.items():
            off = first - of(days_as_dates(days))
            offset = float(np.median(off))
            if (off == offset).mean() >= 0.99 and abs(offset) <= 7 and np.ptp(first) > 0:
                yield DatePart(count.name, date.name, part, int(offset))
    if len(count.distinct) < _LEAST_AGES or np.abs(count.number[np.isfinite(count.number)]).max() > _MOST_AGE:
        return
    for date in dates:
        for year in _YEARS:
            day = _common_day(count.number, date.number, year)
            if day is not None:
                yield Age(count.name, date.name, day=day, year=year)
            for late in dates:
                if late is not date:
                    rule = Age(count.name, date.name, late.name, year=year)
                    off = rule.compute([date.number, late.number]) - count.number
                    off = off[np.isfinite(off)]
                    if len(off) >= LEAST_COUNTED and (off == 0).mean() >= 0.99:
                        yield rule


def _common_day(ages: Floats, born: Floats, year: float | None) -> dt.date | None:
    """The day on which all have their age, the one that stands out in the calendar if there are several; else None."""
    known = np.isfinite(ages) & np.isfinite(born) & (np.abs(born) < FAR)
    ages, dates = ages[known].astype(np.int64), days_as_dates(born[known])
    if len(ages) < LEAST_COUNTED:
        return None
    if year is None:
        months, day = dates.astype("M8[M]"), PARTS["day"](dates)
        # a birthday of 29 February is on 1 March in other years
        reached, over = (
            ((months + 12 * (ages + more)).astype("M8[D]") + (day - 1)).astype(np.int64) for more in (0, 1)
        )
    else:
        reached, over = (dates.astype(np.int64) + np.ceil((ages + more) * year).astype(np.int64) for more in (0, 1))
    low, high = int(reached.max()), int(over.min()) - 1
    if high < low:  # unless a few are wrong
        few = int(0.004 * len(ages))
        low, high = int(np.partition(reached, -1 - few)[-1 - few]), int(np.partition(over, few)[few]) - 1
    if high < low:
        return None
    days = [EPOCH + dt.timedelta(days=int(day)) for day in range(low, min(high, low + 400) + 1)]
    return min(days, key=lambda day: (_unevenness(day), abs((day - days[len(days) // 2]).days)))


def _unevenness(day: dt.date) -> int:
    """0 for the ends of a year, 1 for those of a month, 2 for other days."""
    after = day + dt.timedelta(days=1)
    if (day.month, day.day) in ((1, 1), (12, 31)):
        return 0
    return 1 if 1 in (day.day, after.day) else 2


# ---- numbers that are others times a factor, and plus a constant, of a category

LEAST_PER_LEVEL, LEAST_COVERED, _MOST_AFFINE_LEVELS = 12, 0.95, 30
# Correlation of two columns within the two commonest categories, in so many of their rows, and how finely a factor may
# be written.
_NEARLY_LINE, _LINE_ROWS, _FACTOR_DIGITS = 0.99, 500, 4


def find_per_category(
    view: TableView,
    categories: list[Hashable],
    names: list[Hashable],
    work: Work,
    rng: np.random.Generator,
) -> list[PerCategory]:
    """Numbers that are another column times a factor, and plus a constant, of their row's category."""
    numbers = Numbers.of(view, names)
    numbers = numbers.at([j for j, c in enumerate(numbers.columns) if c.is_number and not c.is_flag])
    n, d = numbers.values.shape
    if d < 2 or n < LEAST_ROWS:
        return []
    found: list[PerCategory] = []
    taken: set[Hashable] = set()
    for name in categories:
        by = view.column(name)
        codes = by.codes(by.levels)
        counts = np.bincount(codes[codes >= 0], minlength=len(by.levels))
        large = counts >= LEAST_PER_LEVEL
        if not 2 <= large.sum() <= _MOST_AFFINE_LEVELS or counts[large].sum() < LEAST_COVERED * n:
            continue
        if not work.afford(4.0 * n + 4.0 * _LINE_ROWS * d + 0.4 * d * d * _LINE_ROWS, "equations of categories"):
            return found
        both, one = np.ones((d, d), dtype=bool), np.zeros((d, d), dtype=bool)
        for level in np.argsort(-counts, kind="stable")[:2].tolist():
            close, flat = _lines(numbers.values[np.flatnonzero(codes == level)[:_LINE_ROWS]])
            both &= close | flat
            one |= close
        for i, j in np.argwhere(np.triu(both & one, 1)).tolist():
            pair = {numbers.columns[k].name for k in (i, j)}
            if name in pair or taken & pair or not work.afford(30.0 * n, "equations of categories"):
                continue
            proofs = [
                proof
                for target, source in ((j, i), (i, j))
                if (proof := _per_category(numbers, target, source, by, codes, large, len(categories), rng))
            ]
            if proofs:  # what was computed, to the last digit, with short factors; or the later one
                _, rule = min(proofs, key=lambda proof: proof[0])
                found.append(rule)
                taken.add(rule.column)
    return found


def _lines(values: Floats) -> tuple[Bits, Bits]:
    """Which columns are nearly a line in some rows, and of which one is constant there. (n, d) -> (d, d), (d, d)."""
    known = np.isfinite(values)
    counts = np.maximum(known.sum(0), 1)
    centred = np.where(known, values - np.where(known, values, 0.0).sum(0) / counts, 0.0)
    both = known.astype(np.float64)
    squares = (centred**2).T @ both
    with np.errstate(divide="ignore", invalid="ignore"):
        close = np.abs(centred.T @ centred) / np.sqrt(squares * squares.T)
    flat = np.abs(centred).max(0, initial=0.0) <= 1e-9 * np.abs(np.where(known, values, 0.0)).max(0, initial=0.0)
    enough = both.T @ both >= LEAST_PER_LEVEL
    return np.asarray(enough & (close > _NEARLY_LINE)), np.asarray(enough & (flat[:, None] != flat))


def _per_category(
    numbers: Numbers,
    target: int,
    source: int,
    by: ColumnView,
    codes: Ints,
    large: Bits,
    candidates: int,
    rng: np.random.Generator,
) -> tuple[tuple[bool, float], PerCategory] | None:
    """The rule with the factors of all large categories, if these give the target and differ; else None.

    And, before it, whether the target was rounded, and how many digits the factors take.
    """
    y, x = numbers.values[:, target], numbers.values[:, source]
    unit = numbers.largest_unit(target)
    said: dict[Any, tuple[float, float]] = {}
    cost = 0.0
    for level in np.flatnonzero(large).tolist():
        own = (codes == level) & np.isfinite(x) & np.isfinite(y)
        if not own.any():
            continue
        factor = _factor(x[own], y[own], unit) if own.sum() >= LEAST_PER_LEVEL else None
        if factor is None:
            return None
        said[by.levels[level]] = factor[:2]
        cost += BITS_PER_DIGIT * factor[2]
    if len(said) < 2 or len(set(said.values())) < 2 or not any(factor for factor, _ in said.values()):
        return None
    rule = PerCategory(numbers.columns[target].name, numbers.columns[source].name, by.name, said)
    places = by.codes(list(said))
    values = np.column_stack([y, x, np.where(places < 0, np.nan, places.astype(np.float64))])
    columns = [numbers.columns[target], numbers.columns[source], by]
    units = np.append(numbers.absolute[[target, source]], 0.0), np.append(numbers.relative[[target, source]], 0.0)
    tests = float(len(numbers)) ** 2 * candidates
    proof: PerCategory | None = proven(rule, Numbers(columns, values, *units), tests, rng, cost, (False,))
    if proof is None:
        return None
    exact = np.abs(proof.compute([values[:, 1], values[:, 2]]) - y) <= 1e-9 * np.abs(y)
    known = complete(*values.T)
    return (bool(exact[known].mean() < LEAST_SHARE), cost), proof


def _factor(x: Floats, y: Floats, unit: float) -> tuple[float, float, float] | None:
    """The factor and the constant of one category, and how many digits they take; None if there are none."""
    slack = 2.2 * unit + 1e-9 * float(np.abs(y).max())
    if np.ptp(y) <= 1e-9 * max(float(np.abs(y).max()), 1e-300):
        return 0.0, float(y[0]), 2.0
    line = line_of(x, y)
    if not line:
        return None
    wide = slack / max(float(np.quantile(np.abs(x - np.median(x)), 0.9)), 1e-300)
    for factor, digits in unique(nice_numbers(line, _FACTOR_DIGITS)):
        if abs(factor - line) > wide + 1e-9 * abs(line):
            continue
        rest = y - factor * x
        for constant, more in offsets(float(np.median(rest)), unit):
            if (np.abs(rest - constant) <= slack / 2).mean() >= LEAST_SHARE:
                return factor, constant, float(digits + more)
    return None
