"""What speaks against chance: bits of evidence, models of order, a limit on the work; and values that never meet."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln, ndtr, ndtri
from scipy.stats import rankdata

from ganaug.rules.base_rule import Never
from ganaug.rules.table_view import Bits, Floats, Ints, TableView

__all__ = [
    "Work",
    "copula_violations",
    "distinct_rows",
    "find_never",
    "independent_violations",
    "needed",
    "surplus_bits",
]

# --------------------------------------------------------------------------------------
# What speaks against chance: bits of evidence, two null models of order, and the work that may be spent.


# Chance explains one rule of a kind in 2**10 tables, however many candidates there were.
BITS_BEYOND = 10.0
# Elements of an array that numpy works on in a second of one core, by and large.
_PER_SECOND = 1.5e8


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


def distinct_rows(columns: list[npt.NDArray[np.generic]]) -> int:
    """Number of different rows of some columns, each of shape (n,)."""
    codes = np.zeros(len(columns[0]), dtype=np.int64)
    for values in columns:
        _, own = np.unique(values, return_inverse=True)
        codes = codes * (int(own.max(initial=0)) + 1) + own
        _, codes = np.unique(codes, return_inverse=True)
    return int(codes.max(initial=-1)) + 1


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
    return float((drawn[0] > drawn[1]).mean()), float((drawn[0] == drawn[1]).mean())


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
_LN2 = float(np.log(2.0))


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
        Pairs of which another rule says all.
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
    elsewhere: dict[tuple[int, int], Bits] = {}  # what another rule says of missing cells
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
