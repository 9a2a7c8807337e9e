"""What speaks against chance: bits of evidence and models of order; and pairs of columns found by it alone."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln, ndtr, ndtri
from scipy.stats import rankdata

from ganaug.encoding.quantiles import integer_step
from ganaug.rules.base_rule import Apart, Never, common_factors, comparable
from ganaug.rules.table_view import Bits, ColumnView, Floats, Ints, TableView
from ganaug.utils.types import Array

__all__ = [
    "Work",
    "copula_violations",
    "distinct_rows",
    "drawn_together",
    "find_apart",
    "find_never",
    "independent_violations",
    "needed",
    "row_codes",
    "subset_bits",
    "surplus_bits",
]

# --------------------------------------------------------------------------------------
# What speaks against chance: bits of evidence, two null models of order, and the work that may be spent.


# Chance explains one rule of a kind in 2**10 tables, however many candidates there were.
BITS_BEYOND = 10.0
# Elements of an array that numpy works on in a second of one core, by and large.
_PER_SECOND = 1.5e8
_LN2 = float(np.log(2.0))


class Work:
    """Work that is counted, not timed, so that the same table gives the same rules on every machine.

    Parameters
    ----------
    seconds : float
        Of one core of today.

    Attributes
    ----------
    skipped : list of str
        What there was no work left for.
    """

    def __init__(self, seconds: float) -> None:
        self.total = self.left = seconds * _PER_SECOND
        self.skipped: list[str] = []

    @contextmanager
    def stage(self, share: float) -> Iterator[Work]:
        """A share of the whole for one kind of rule; what it leaves is there for the others."""
        own = Work(0.0)
        own.left = before = min(self.left, share * self.total)
        own.skipped = self.skipped
        yield own
        self.left -= before - own.left

    def beside(self, share: float) -> Work:
        """So much work beside the whole, which takes nothing from other kinds of rules."""
        own = Work(0.0)
        own.total = own.left = share * self.total
        own.skipped = self.skipped
        return own

    def afford(self, elements: float, what: str) -> bool:
        """Whether so many operations may be done now; notes what is skipped."""
        if elements > self.left:
            if what not in self.skipped:
                self.skipped.append(what)
            return False
        self.left -= elements
        return True


def needed(candidates: float) -> float:
    """Bits by which chance must be beaten among so many candidates."""
    return float(np.log2(max(candidates, 1.0))) + BITS_BEYOND


def surplus_bits(rows: int, broken: float, expected: float) -> float:
    """Bits against a null model that breaks the rule in a share of the rows, where only some did.

    Parameters
    ----------
    rows : int
        Distinct rows.
    broken, expected : float
        Shares of rows, observed and under the null model.
    """
    expected = min(max(expected, 1e-12), 1 - 1e-12)
    if broken >= expected:
        return 0.0
    kept = (1 - broken) * np.log2((1 - broken) / (1 - expected))
    lost = broken * np.log2(broken / expected) if broken else 0.0
    return float(rows * (kept + lost))


def subset_bits(n: int, size: int, part: int) -> float:
    """Bits by which ``part`` rows all lie among ``size`` of n."""

    def choose(a: int, b: int) -> float:
        return float(gammaln(a + 1) - gammaln(b + 1) - gammaln(a - b + 1))

    return (choose(n, part) - choose(size, part)) / _LN2


def distinct_rows(columns: list[npt.NDArray[np.generic]]) -> int:
    """Number of different rows of some columns, each of shape (n,)."""
    return int(row_codes(columns).max(initial=-1)) + 1


def row_codes(columns: list[npt.NDArray[np.generic]]) -> Ints:
    """Codes of rows, the same for those that are alike. Columns of shape (n,) -> (n,)."""
    codes = np.zeros(len(columns[0]), dtype=np.int64)
    for values in columns:
        _, own = np.unique(values, return_inverse=True)
        codes = codes * (int(own.max(initial=0)) + 1) + own
        _, codes = np.unique(codes, return_inverse=True)
    return codes


def independent_violations(low: Floats, high: Floats) -> float:
    """Share of rows with ``low > high`` if the columns had nothing to do with each other. (n,), (n,)."""
    ordered = np.sort(high)
    return float(np.searchsorted(ordered, low, side="left").mean() / len(high))


def copula_violations(low: Floats, high: Floats, rng: np.random.Generator, draws: int = 8192) -> tuple[float, float]:
    """The same, and the share of ties, in a Gaussian copula with the columns' own values and rank correlation.

    Parameters
    ----------
    low, high : ndarray of shape (n,)
        Without missing values.
    """
    drawn = drawn_together(low, high, rng, draws)
    return float((drawn[0] > drawn[1]).mean()), float((drawn[0] == drawn[1]).mean())


def drawn_together(low: Floats, high: Floats, rng: np.random.Generator, draws: int) -> list[Floats]:
    """Pairs from a Gaussian copula with the columns' own values and rank correlation. (n,), (n,) -> two of (draws,)."""
    n = len(low)
    ranks = [rankdata(values) / (n + 1) for values in (low, high)]
    normal = [ndtri(rank) for rank in ranks]
    spread = np.std(normal[0]) * np.std(normal[1])
    correlation = float(np.mean((normal[0] - normal[0].mean()) * (normal[1] - normal[1].mean())) / max(spread, 1e-12))
    correlation = min(max(correlation, -1.0), 1.0)
    a, b = rng.standard_normal((2, draws))
    b = correlation * a + np.sqrt(1 - correlation**2) * b
    drawn = []
    for z, values in ((a, np.sort(low)), (b, np.sort(high))):
        drawn.append(values[np.minimum((ndtr(z) * n).astype(np.int64), n - 1)])
    return drawn


def permuted(values: Floats, rng: np.random.Generator) -> Floats:
    """The values in another order."""
    return values[rng.permutation(len(values))]


def complete(*columns: Floats) -> Bits:
    """Rows in which no number is missing. (n,)."""
    found: Bits = np.logical_and.reduce([np.isfinite(values) for values in columns])
    return found


# --------------------------------------------------------------------------------------
# Finding values of two columns that never stand together, though chance would bring them together often.


LEAST_ROWS = 100
_MOST_LEVELS = 64


def find_never(
    view: TableView,
    names: list[Hashable],
    grouped: dict[Hashable, int],
    settled: set[frozenset[Hashable]],
    masks: Sequence[tuple[Hashable, Hashable, Bits, bool]],
    work: Work,
) -> list[Never]:
    """Pairs of columns with combinations of which chance would make many rows, and there is none.

    Parameters
    ----------
    view : TableView
    names : list of hashable
        Categories and flags; a missing cell is a value of theirs.
    grouped : dict of hashable to int
        Flags of one-hot groups, and which group: of those only 1 counts, and never two of one group.
    settled : set of frozenset
        Pairs that another rule settles.
    masks : sequence of (hashable, hashable, ndarray of shape (n,), bool)
        A column that is missing where another one says so, in which rows that is, and whether nowhere else.
    work : Work
    """
    n = view.n_rows
    names = [name for name in names if 2 <= len(_levels(view, name)) <= _MOST_LEVELS]
    if n < LEAST_ROWS or len(names) < 2 or not work.afford(20.0 * n * len(names), "combinations that never occur"):
        return []
    codes = [_codes(view, name) for name in names]
    levels = [_levels(view, name) for name in names]
    sizes = [len(own) for own in levels]
    counts = [np.bincount(own, minlength=size) for own, size in zip(codes, sizes, strict=True)]
    bar = needed(sum(sizes) ** 2 / 2)
    masked = _masked(names, codes, levels, masks)
    told = _Told(sizes)
    strength: dict[tuple[int, int], float] = {}
    elsewhere: dict[tuple[int, int], Bits] = {}  # told by another rule, of missing cells
    for i in range(len(names)):
        for j in range(i + 1, len(names)):
            pair = names[i], names[j]
            if grouped.get(pair[0], -1) == grouped.get(pair[1], -2):
                continue
            if not work.afford(6.0 * n, "combinations that never occur"):
                break
            empty = (
                np.bincount(codes[i] * sizes[j] + codes[j], minlength=sizes[i] * sizes[j]).reshape(sizes[i], -1) == 0
            )
            if frozenset(pair) in settled:
                told.add(i, j, empty)
                continue
            bits = _bits(n, counts[i], counts[j])
            said = empty & masked.get((i, j), np.False_)
            never = (empty & (bits > bar)) | said
            # of a flag in a group, 0 says that another one is 1
            never[:1] &= pair[0] not in grouped
            never[:, :1] &= pair[1] not in grouped
            if never.any():
                told.add(i, j, never)
            if (never & ~said).any():
                strength[i, j], elsewhere[i, j] = float(bits[never & ~said].max()), said
    for i, j in sorted(strength, key=lambda pair: (strength[pair], pair)):  # the weakest follow from the others
        told.add(i, j, told.apart[i][j] & ~(told.follows(i, j) & ~elsewhere[i, j]))
    found = []
    for i, j in strength:
        rest = told.apart[i][j] & ~elsewhere[i, j]
        if rest.any():
            rows = [(levels[i][a], levels[j][b]) for a, b in np.argwhere(rest).tolist()]
            found.append(Never((names[i], names[j]), rows)._with(certain=False))
    return found


def _masked(
    names: list[Hashable],
    codes: list[Ints],
    levels: list[list[object]],
    masks: Sequence[tuple[Hashable, Hashable, Bits, bool]],
) -> dict[tuple[int, int], Bits]:
    """Values of two columns that are apart as a cell would have to be missing, or not to be. (size of i, size of j)."""
    found: dict[tuple[int, int], Bits] = {}
    place = {name: k for k, name in enumerate(names)}
    for column, by, says, exactly in masks:
        if column in place and by in place:
            i, j = place[column], place[by]
            said = np.zeros(len(levels[j]), dtype=bool)
            said[codes[j][says]] = True
            absent = np.array([level is None for level in levels[i]])
            apart = ~absent[:, None] & said | (absent[:, None] & ~said & exactly)
            for pair, own in (((i, j), apart), ((j, i), apart.T)):
                found[pair] = found.get(pair, False) | own
    return found


class _Told:
    """Which values of two columns do not go together, as far as rules say."""

    def __init__(self, sizes: list[int]) -> None:
        self.sizes = sizes
        self.apart: dict[int, dict[int, Bits]] = {k: {} for k in range(len(sizes))}

    def add(self, i: int, j: int, never: Bits) -> None:
        """Values of the columns i and j that never stand together. (size of i, size of j)."""
        self.apart[i][j], self.apart[j][i] = never, never.T

    def follows(self, i: int, j: int) -> Bits:
        """What follows from rules of both columns with a third one: no value of it goes with both."""
        out = np.zeros((self.sizes[i], self.sizes[j]), dtype=bool)
        for k, left in self.apart[i].items():
            right = self.apart[j].get(k)
            if right is not None and k not in (i, j):
                together = (~left).astype(np.float32) @ (~right).astype(np.float32).T
                out |= together == 0
        return out


def _levels(view: TableView, name: Hashable) -> list[object]:
    """The values that occur; None, a missing cell, comes last."""
    column = view.column(name)
    return [*column.levels, *([None] if column.missing.any() else [])]


def _codes(view: TableView, name: Hashable) -> Ints:
    """Places among the values that occur; missing comes last. (n,)."""
    column = view.column(name)
    own = np.searchsorted(column.distinct, column.cells.values)
    return np.asarray(np.where(column.missing, len(column.distinct), own), dtype=np.int64)


def _bits(n: int, rows: Ints, columns: Ints) -> Floats:
    """Bits by which it surprises that none of n rows has two values, were they shuffled. (a,), (b,) -> (a, b)."""
    r, c = rows[:, None].astype(np.float64), columns[None, :].astype(np.float64)
    free = n - r - c
    with np.errstate(invalid="ignore"):
        chance = gammaln(n - r + 1) + gammaln(n - c + 1) - gammaln(n + 1) - gammaln(np.maximum(free, 0) + 1)
    return np.asarray(np.where(free >= 0, -chance / _LN2, np.inf))


# --------------------------------------------------------------------------------------
# Finding pairs of columns whose difference ends at a constant, where chance would go on.


SURE_ROWS = 300
_MOST_REFUSED = 0.05
_LEAST_DISTINCT = 8
_MOST_SPREAD_RATIO = 30.0
_MOST_DECIMALS = 4
_PROBED, _QUANTILES = 512, 32
# Columns of which one is lower by less than this part of what they differ by stay in their order.
_ALIKE = 0.1
# Share of rows beyond the end in a Gaussian copula, and of the probed rows if the columns were independent.
_BEYOND, _BEYOND_FREELY = 0.025, 0.1
# Bits that an end must be worth beyond others, for how a density goes on is a guess.
_SMOOTH = 10.0
# Rows in the outermost window: so many at least, at most, and as a part of all. A wider one would hold the whole of a
# slope, and take it for an end.
_WINDOW, _WIDEST, _PART = 12, 96, 5
# Share of the rows near the end that are in each third of the numbers.
_THIRD = 0.1
# The squares of some thousands are nearly beyond what a float64 holds.
_TOO_LARGE = 1e152
# Distances of neighbours by which the true end may lie further out than the last row.
_SLACK = 5
_PER_DAY = (1.0, 24.0, 48.0, 1440.0, 86400.0)


def find_apart(
    search: TableView,
    whole: TableView,
    names: list[Hashable],
    settled: set[frozenset[Hashable]],
    ordered: dict[tuple[Hashable, Hashable], bool],
    work: Work,
    rng: np.random.Generator,
) -> list[Apart]:
    """Pairs of columns whose difference has a hard end, other than 0 where that is known.

    Where a difference thins out, as that of two correlated columns does, it has no end: the rows near the end, were
    they to thin out as they began to, must go on beyond it.

    Parameters
    ----------
    search, whole : TableView
        A sample, and all rows that are to show the same.
    names : list of hashable
    settled : set of frozenset
        Pairs that another rule settles.
    ordered : dict of (hashable, hashable) to bool
        Pairs of which the second is known to be never less, and whether it is always greater.
    """
    groups: dict[str, list[ColumnView]] = {}
    if search.n_rows >= LEAST_ROWS:
        for name in names:
            column = search.column(name)
            if column.is_numeric and len(column.distinct) >= _LEAST_DISTINCT and _ends_far(column) < _TOO_LARGE:
                groups.setdefault(column.measure, []).append(column)
    found: list[Apart] = []
    for columns in groups.values():
        bar = needed(2.0 * len(columns) ** 2)
        for low, high in _near(columns, settled, work):
            if not work.afford(80.0 * len(low), "distances"):
                return found
            rule = _apart(low, high, bar, ordered, rng)
            if rule is not None and whole.n_rows > search.n_rows:
                if not work.afford(80.0 * whole.n_rows, "distances"):
                    return found
                rule = _apart(whole.column(low.name), whole.column(high.name), bar, ordered, rng)
            found += [] if rule is None else [rule]
    return _without_paths(found, ordered)


def _ends_far(column: ColumnView) -> float:
    return float(np.abs(column.distinct[[0, -1]].astype(np.float64)).max())


def _near(columns: list[ColumnView], settled: set[frozenset[Hashable]], work: Work) -> list[tuple[ColumnView, ...]]:
    """Pairs, the lower one first, that some rows do not take as far apart as chance would."""
    d, n = len(columns), len(columns[0])
    if d < 2 or not work.afford(d * (2.0 * n + d * (_PROBED + _QUANTILES**2)), "distances"):
        return []
    probed = np.linspace(0, n - 1, min(n, _PROBED)).astype(np.int64)
    values = np.stack([column.number for column in columns], axis=1)
    shares = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    quantiles = np.stack([np.nanquantile(column, shares) for column in values.T])
    spans = np.subtract(*np.nanpercentile(values, [95, 5], axis=0))
    places = [_places(column) for column in columns]
    first = values[probed]
    pairs: list[tuple[ColumnView, ...]] = []
    for i in range(d):
        for j in range(i + 1, d):
            narrow, wide = sorted((spans[i], spans[j]))
            pair = columns[i], columns[j]
            alike = places[i] == places[j] and narrow > 0 and wide <= _MOST_SPREAD_RATIO * narrow
            if not alike or frozenset(column.name for column in pair) in settled:
                continue
            between = first[:, j] - first[:, i]
            between = between[np.isfinite(between)]
            if len(between) < LEAST_ROWS // 2:
                continue
            free = quantiles[j] - quantiles[i][:, None]
            beyond = max(float((free < between.min()).mean()), float((free > between.max()).mean()))
            if beyond >= _BEYOND_FREELY:
                pairs.append(pair if np.median(between) >= -_ALIKE * np.ptp(between) else pair[::-1])
    return pairs


def _places(column: ColumnView) -> int | str:
    """How its numbers are written: columns that are written differently are seldom compared."""
    grid = column.precision.grid
    if column.is_time:
        return "time"
    return (
        "float"
        if grid is None or grid.decimals > _MOST_DECIMALS
        else grid.decimals + round(np.log10(column.precision.scale))
    )


def _apart(
    low: ColumnView,
    high: ColumnView,
    bar: float,
    ordered: dict[tuple[Hashable, Hashable], bool],
    rng: np.random.Generator,
) -> Apart | None:
    at = _different(low, high)
    if len(at) < LEAST_ROWS:
        return None
    a, b = (side[at] for side in comparable(low, high))
    x, y = low.number[at], high.number[at]
    between, scale, step = _differences(a, b, low, high)
    strict = ordered.get((low.name, high.name))
    ends: list[float | None] = []
    refused = 0.0
    for sign in (1.0, -1.0):
        outwards = np.argsort(sign * between, kind="stable")
        values = sign * between[outwards]
        end = float(values[0])
        beyond, spacing = _beyond(values, step)
        bits = beyond / _LN2 - np.log2(np.log2(_WIDEST))
        far = sign * end / scale
        first, second = (x + far, y) if sign > 0 else (y, x + far)
        free = independent_violations(first, second)
        proved = (
            bits > bar + _SMOOTH
            and _everywhere(x, outwards, values)
            and free >= _BEYOND_FREELY
            and surplus_bits(len(x), 0.0, free) > bar
        )
        by_copula = copula_violations(first, second, rng)[0] if proved else 0.0
        if not (by_copula >= _BEYOND and surplus_bits(len(x), 0.0, by_copula) > bar):
            ends.append(None)
            continue
        refused += by_copula
        ends.append(sign * _plain_end(end / scale, _SLACK * spacing / scale, low.is_time))
    least, most = ends
    # a plain order is looked for by itself, and says as much
    if least is not None and (
        (strict is not None and least <= 0) or (most is None and abs(least) <= 1.01 * step / scale)
    ):
        least = None
    if most is None and (least is None or least == 0):
        return None
    rule = Apart(low.name, high.name, least, most)
    return rule._with(certain=bool(len(x) >= SURE_ROWS or refused >= _MOST_REFUSED))


def _different(low: ColumnView, high: ColumnView) -> Ints:
    """Rows in which neither is missing, one of each pair of values: repeated ones prove nothing. (m,)."""
    known = np.flatnonzero(~(low.missing | high.missing))
    x, y = low.cells.values[known], high.cells.values[known]
    order = np.lexsort((y, x))
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(x[order]) != 0) | (np.diff(y[order]) != 0)
    return np.asarray(known[order[new]])


def _differences(a: Array, b: Array, low: ColumnView, high: ColumnView) -> tuple[Floats, float, float]:
    """Differences, how many of their units are one of the numbers, and the distance of neighbours or 0."""
    if a.dtype.kind == "i":
        between = b - a
        step = integer_step(np.unique(between - between.min()).astype(np.uint64))
        return between.astype(np.float64), low.scale * common_factors([low, high])[0], float(step)
    grids = [column.precision.grid for column in (low, high)]
    decimals = max((grid.decimals for grid in grids if grid is not None), default=0)
    if None in grids or low.scale != 1 or high.scale != 1:
        return b - a, 1.0, 0.0
    return np.round(b - a, decimals), 1.0, 10.0**-decimals


def _beyond(values: Floats, step: float) -> tuple[float, float]:
    """Rows to expect below the lowest of some numbers, in order, and how far apart the lowest ones are. (n,).

    Windows as wide as that of the first rows hold fewer and fewer of them towards the end, or as many. A density whose
    logarithm bends no more than in the last three windows has at least so many in the next one.
    """
    n, most, spacing = len(values), 0.0, 0.0
    size = _WINDOW
    while size <= min(n // _PART, _WIDEST):
        width = float(values[size - 1] - values[0]) + step
        width *= 1.0 if step else size / (size - 1)
        at = np.searchsorted(values, values[0] + width * np.arange(4) - step / 2)
        a, b, c = np.maximum(np.diff(at), 1).astype(np.float64).tolist()
        spacing = spacing or width / a
        a, b, c = a - np.sqrt(a), b + np.sqrt(b), max(c - np.sqrt(c), 0.0)
        if width > 0:
            most = max(most, a * min(a / b, 1.0) * min(a * c / b**2, 1.0))
        size *= 2
    return most, spacing


def _everywhere(x: Floats, outwards: Ints, values: Floats) -> bool:
    """Whether rows near the end have large numbers, middling and small ones: the turn of a curve is in one place."""
    near = outwards[: np.searchsorted(values, values[min(_WIDEST, len(x) // _PART) - 1], side="right")]
    thirds = np.searchsorted(np.quantile(x, [1 / 3, 2 / 3]), x[near])
    return bool(np.bincount(thirds, minlength=3).min() >= _THIRD * len(near))


def _plain_end(end: float, slack: float, times: bool) -> float:
    """A number of few digits (of times: of whole days, hours, minutes) from so much below an end up to it."""
    if end - slack <= 0 <= end:
        return 0.0
    units = [1 / per for per in _PER_DAY] if times else []
    if not times or abs(end) >= 10:
        largest = int(np.floor(np.log10(abs(end)))) + 1
        units = [10.0**power for power in range(largest, 0 if times else largest - 12, -1)] + units
    for unit in units:
        steps = np.floor(end / unit + 1e-9)
        found = float(steps * unit if unit >= 1 else steps / round(1 / unit))
        if found >= end - slack - 1e-9 * abs(end):
            return min(found, end) if abs(found - end) > 1e-9 * abs(end) else found
    return end


def _without_paths(found: list[Apart], ordered: dict[tuple[Hashable, Hashable], bool]) -> list[Apart]:
    """Without the ends that follow from those of two other pairs: of a and c from a and b and b and c."""
    least: dict[Hashable, dict[Hashable, float]] = {}  # of the second minus the first

    def set_least(first: Hashable, second: Hashable, by: float | None) -> None:
        if by is not None:
            own = least.setdefault(first, {})
            own[second] = max(own.get(second, -np.inf), by)

    def follows(first: Hashable, second: Hashable, by: float | None) -> bool:
        ways = (own + least.get(k, {}).get(second, -np.inf) for k, own in least.get(first, {}).items() if k != second)
        return by is not None and max(ways, default=-np.inf) >= by - 1e-9 * abs(by)

    for low, high in ordered:
        set_least(low, high, 0.0)
    for rule in found:
        set_least(rule.low, rule.high, rule.least)
        set_least(rule.high, rule.low, None if rule.most is None else -rule.most)
    kept = []
    for rule in found:
        ends = [rule.least, rule.most]
        if follows(rule.low, rule.high, rule.least):
            ends[0] = None
            del least[rule.low][rule.high]
        if rule.most is not None and follows(rule.high, rule.low, -rule.most):
            ends[1] = None
            del least[rule.high][rule.low]
        if ends == [rule.least, rule.most]:
            kept.append(rule)
        elif ends != [None, None] and ends != [0, None]:
            kept.append(Apart(rule.low, rule.high, *ends)._with(certain=rule.certain))
    return kept
