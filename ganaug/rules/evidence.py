"""What speaks against chance: bits of evidence, two null models of order, and the work that may be spent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from ganaug.rules.table_view import Bits, Floats

__all__ = ["Work", "copula_violations", "distinct_rows", "independent_violations", "needed", "surplus_bits"]

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
