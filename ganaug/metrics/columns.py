"""One column of real rows against the same column of synthetic ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ganaug.metrics.resampling import Floats, uniform
from ganaug.surroundings import own_surroundings

__all__ = ["compared_codes", "compared_numbers", "ks_distance", "missing_rate_difference", "total_variation"]

Compared = Callable[[Floats, Floats], float]  # weights of the real and of the synthetic rows to a distance


@own_surroundings
def ks_distance(real: npt.ArrayLike, fake: npt.ArrayLike) -> float:
    """Kolmogorov-Smirnov distance of two samples of numbers; lower is better.

    max_t |F_real(t) - F_fake(t)| with F the share of rows at or below t, missing values left out.

    Parameters
    ----------
    real : array-like of shape (n,)
        NaN is missing.
    fake : array-like of shape (m,)
        NaN is missing.

    Returns
    -------
    float
        A share of rows, in [0, 1]: 0 is the same distribution, 1 is no overlap (or nothing but missing
        values on one side). Two samples of one distribution are about ``1.2 / sqrt(n)`` apart by chance
        if n = m, so 50 rows cannot tell 0.1 from 0.2.

    References
    ----------
    Smirnov (1948), Ann. Math. Statist. 19.

    Examples
    --------
    >>> from ganaug.metrics import ks_distance
    >>> ks_distance([1, 2, 3, 4], [3, 4, 5, 6])
    0.5
    """
    real, fake = np.asarray(real, float), np.asarray(fake, float)
    return compared_numbers(real, fake)(uniform(len(real)), uniform(len(fake)))


@own_surroundings
def total_variation(real: npt.ArrayLike, fake: npt.ArrayLike) -> float:
    """Total-variation distance of two samples of categories; lower is better.

    1/2 sum_v |share_real(v) - share_fake(v)| over values v, missing values left out.

    Parameters
    ----------
    real : array-like of shape (n,)
        Values that can be compared and hashed; None and NaN are missing.
    fake : array-like of shape (m,)

    Returns
    -------
    float
        A share of rows, in [0, 1]: 0 is the same shares, 1 is no value in common. By chance about
        ``sqrt(levels / n) / 2`` for equally frequent levels and n rows on both sides.

    References
    ----------
    Levin, Peres and Wilmer (2009), Markov Chains and Mixing Times, section 4.1.

    Examples
    --------
    >>> from ganaug.metrics import total_variation
    >>> total_variation(["a", "a", "b", "b"], ["a", "a", "a", "c"])
    0.5
    """
    import pandas as pd

    real, fake = np.asarray(real, dtype=object), np.asarray(fake, dtype=object)
    codes = pd.factorize(np.concatenate([real, fake]))[0]
    compared = compared_codes(codes[: len(real)], codes[len(real) :])
    return compared(uniform(len(real)), uniform(len(fake)))


@own_surroundings
def missing_rate_difference(real: npt.ArrayLike, fake: npt.ArrayLike) -> float:
    """How far the shares of missing values are apart; lower is better.

    Parameters
    ----------
    real : array-like of shape (n,)
        None and NaN are missing.
    fake : array-like of shape (m,)

    Returns
    -------
    float
        A share of rows, in [0, 1]: 0 where as many are missing. By chance about
        ``sqrt(p (1 - p) (1 / n + 1 / m))`` with p the share missing.

    Examples
    --------
    >>> from ganaug.metrics import missing_rate_difference
    >>> missing_rate_difference([1.0, None, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0])
    0.25
    """
    import pandas as pd

    rates = [float(np.mean(pd.isna(np.asarray(a, dtype=object)))) if np.size(a) else 0.0 for a in (real, fake)]
    return abs(rates[0] - rates[1])


def compared_numbers(real: Floats, fake: Floats) -> Compared:
    """`ks_distance` as a function of the rows' weights; sorts only once."""
    has_real, has_fake = ~np.isnan(real), ~np.isnan(fake)
    values = np.concatenate([real[has_real], fake[has_fake]])
    order = np.argsort(values, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(values[order]) != 0, True)) if len(values) else order
    order, ends = order.astype(np.int32), ends.astype(np.int32)  # of thousands of columns at once

    def distance(w_real: Floats, w_fake: Floats) -> float:
        a, b = w_real[has_real], w_fake[has_fake]
        if a.sum() == 0 or b.sum() == 0:
            return float(a.sum() != b.sum())
        steps = np.concatenate([a / a.sum(), -b / b.sum()])[order]
        return min(1.0, float(np.abs(np.cumsum(steps)[ends]).max()))

    return distance


def compared_codes(real: npt.NDArray[np.int64], fake: npt.NDArray[np.int64]) -> Compared:
    """`total_variation` of codes as a function of the rows' weights; -1 is missing."""
    n_levels = 1 + max(int(codes.max(initial=-1)) for codes in (real, fake))

    def distance(w_real: Floats, w_fake: Floats) -> float:
        a, b = (np.bincount(c + 1, w, n_levels + 1)[1:] for c, w in ((real, w_real), (fake, w_fake)))
        if a.sum() == 0 or b.sum() == 0:
            return float(a.sum() != b.sum())
        return min(1.0, float(np.abs(a / a.sum() - b / b.sum()).sum() / 2))

    return distance
