"""Measures of single columns and of pairs of columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from ganaug.metrics.nearest import Floats, uniform
from ganaug.utils.isolation import isolated

__all__ = [
    "association",
    "compared_codes",
    "compared_numbers",
    "contingency_distance",
    "correlation_distance",
    "correlation_ratio",
    "correlation_ratios",
    "correlations",
    "joint_codes",
    "ks_distance",
    "missing_rate_difference",
    "ranks",
    "squared_association",
    "squared_ratios",
    "total_variation",
    "upper",
]

# --------------------------------------------------------------------------------------
# One column of real rows against the same column of synthetic ones.


Compared = Callable[[Floats, Floats], float]  # weights of the real and of the synthetic rows to a distance


@isolated
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


@isolated
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


@isolated
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


# --------------------------------------------------------------------------------------
# Pairs of columns of real rows against the same pairs of synthetic ones.


Codes = npt.NDArray[np.int64]


@isolated
def correlation_distance(real: npt.ArrayLike, fake: npt.ArrayLike) -> float:
    """Mean difference of the rank correlations of all pairs of columns of numbers; lower is better.

    mean_{i<j} |rho_real(i, j) - rho_fake(i, j)| with rho Spearman's correlation. Ranks, because one
    amount of a million would decide Pearson's.

    Parameters
    ----------
    real : array-like of shape (n, d)
        NaN is missing: ranks are among a column's present values, a correlation is over rows that have both.
    fake : array-like of shape (m, d)

    Returns
    -------
    float
        In [0, 2], without units: 0 is the same dependence. By chance about ``1.1 / sqrt(n)`` for n = m
        rows of weak dependence. 0 if there is no pair; a constant column correlates with nothing.

    References
    ----------
    Spearman (1904), Am. J. Psychol. 15.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug.metrics import correlation_distance
    >>> x = np.arange(10.0)
    >>> correlation_distance(np.c_[x, x], np.c_[x, -x])
    2.0
    """
    a, b = (correlations(ranks(np.asarray(X, float)), uniform(len(np.asarray(X)))) for X in (real, fake))
    pairs = upper(a.shape[0])
    return float(np.abs(a[pairs] - b[pairs]).mean()) if len(pairs[0]) else 0.0


@isolated
def contingency_distance(
    real: Sequence[npt.ArrayLike] | npt.ArrayLike, fake: Sequence[npt.ArrayLike] | npt.ArrayLike
) -> float:
    """Mean total-variation distance of the joint shares of all pairs of category columns; lower is better.

    mean_{i<j} 1/2 sum_{u,v} |share_real(i=u, j=v) - share_fake(i=u, j=v)|; missing is a value like any other.

    Parameters
    ----------
    real : array-like of shape (n, d)
        Categories.
    fake : array-like of shape (m, d)

    Returns
    -------
    float
        A share of rows, in [0, 1]: 0 is the same joint shares. By chance about ``sqrt(cells / n) / 2``.
        0 if there is no pair.

    References
    ----------
    The distance of `total_variation`, over the cells of a contingency table.

    Examples
    --------
    >>> from ganaug.metrics import contingency_distance
    >>> contingency_distance([["a", "x"], ["b", "y"]], [["a", "y"], ["b", "x"]])
    1.0
    """
    import pandas as pd

    one, two = np.asarray(real, dtype=object), np.asarray(fake, dtype=object)
    codes = [pd.factorize(np.concatenate([one[:, j], two[:, j]]))[0] for j in range(one.shape[1])]
    n, weights = len(one), (uniform(len(one)), uniform(len(two)))
    distances = []
    for i, j in zip(*upper(len(codes)), strict=True):
        joint = joint_codes(codes[i], codes[j])
        distances.append(compared_codes(joint[:n], joint[n:])(*weights))
    return float(np.mean(distances)) if distances else 0.0


@isolated
def correlation_ratio(categories: npt.ArrayLike, numbers: npt.ArrayLike) -> float:
    """How much of the spread of a number a category explains.

    eta = sqrt(SS_between / SS_total) with SS the sums of squares about the mean of the number.

    Parameters
    ----------
    categories : array-like of shape (n,)
        Missing is a category of its own.
    numbers : array-like of shape (n,)
        Rows where it is NaN are left out.

    Returns
    -------
    float
        In [0, 1], without units; 0 where the number is constant.

    References
    ----------
    Fisher (1925), Statistical Methods for Research Workers, section 45.

    Examples
    --------
    >>> from ganaug.metrics import correlation_ratio
    >>> correlation_ratio(["a", "a", "b", "b"], [1.0, 1.0, 3.0, 3.0])
    1.0
    """
    import pandas as pd

    codes = pd.factorize(np.asarray(categories, dtype=object))[0].astype(np.int64)
    column = np.asarray(numbers, float)[:, None]
    return float(correlation_ratios([codes], column, uniform(len(codes)))[0, 0])


def ranks(X: Floats) -> Floats:
    """Ranks of each column's present values, centred and of unit spread; NaN stays. (n, d) -> (n, d)."""
    if X.size == 0:
        return X.astype(float)
    ranked = np.column_stack([rankdata(column, nan_policy="omit") for column in X.T]).astype(float)
    counts = np.maximum(1, (~np.isnan(X)).sum(0))
    ranked = ranked - np.nansum(ranked, axis=0) / counts
    spread = np.sqrt(np.nansum(ranked**2, axis=0) / counts)
    return ranked / np.where(spread > 0, spread, 1)


def correlations(X: Floats, weights: Floats) -> Floats:
    """Weighted Pearson correlations over the rows that have both columns. (n, d), (n,) -> (d, d)."""
    there = (~np.isnan(X)).astype(float)
    values = np.nan_to_num(X)
    w = weights[:, None]
    count = (there * w).T @ there
    safe = np.where(count > 0, count, 1)
    mean = (values * w).T @ there / safe  # [i, j]: mean of column i where j is present too
    square = (values**2 * w).T @ there / safe - mean**2
    product = (values * w).T @ values / safe - mean * mean.T
    scale = np.sqrt(np.clip(square, 0, None) * np.clip(square.T, 0, None))
    return np.where(scale > 1e-12, product / np.where(scale > 1e-12, scale, 1), 0.0)


def correlation_ratios(categories: Sequence[Codes], X: Floats, weights: Floats) -> Floats:
    """Weighted `correlation_ratio` of each category column with each column of numbers. -> (c, d)."""
    there = (~np.isnan(X)).astype(float) * weights[:, None]
    values = np.nan_to_num(X)
    out = np.zeros((len(categories), X.shape[1]))
    mean = (there * values).sum(0) / np.maximum(there.sum(0), 1e-300)
    values = values - mean  # before squaring, or a far mean costs the digits
    total = (there * values**2).sum(0)
    for place, codes in enumerate(categories):
        own = np.eye(int(codes.max(initial=-1)) + 2)[codes + 1]  # -1, missing, comes first
        sums, counts = own.T @ (there * values), own.T @ there
        between = (sums**2 / np.where(counts > 0, counts, 1)).sum(0)
        out[place] = np.sqrt(np.clip(between / np.where(total > 1e-300, total, 1), 0, 1))
    return out


def squared_ratios(categories: Sequence[Codes], X: Floats, weights: Floats) -> Floats:
    """Squares of `correlation_ratios` without what chance adds: 0 on average without dependence. -> (c, d).

    epsilon^2 = eta^2 - (1 - eta^2) (k - 1)/(n - k), k levels and n rows (Kelley 1935, PNAS 21).
    """
    eta2 = correlation_ratios(categories, X, weights) ** 2
    n = (~np.isnan(X)).sum(0)  # (d,)
    k = np.array([len(np.unique(codes)) for codes in categories])[:, None]  # (c, 1)
    made: Floats = eta2 - (1 - eta2) * (k - 1) / np.maximum(1, n - k)
    return made


def squared_association(codes: Codes, weights: Floats, n_first: int, n_second: int) -> float:
    """Square of `association` without what chance adds: 0 on average without dependence.

    (phi^2 - (r - 1)(s - 1)/(n - 1)) / (min(r, s) - 1), r and s levels and n rows (Bergsma 2013, J. Korean Stat.
    Soc. 42).
    """
    found = np.unique(codes)
    r, s = len(np.unique(found // n_second)), len(np.unique(found % n_second))
    smaller = min(r, s) - 1
    if smaller < 1:
        return 0.0
    phi2 = association(codes, weights, n_first, n_second) ** 2 * smaller
    return float((phi2 - (r - 1) * (s - 1) / max(1, len(codes) - 1)) / smaller)


def association(codes: Codes, weights: Floats, n_first: int, n_second: int) -> float:
    """Cramer's V of a joint code made by `joint_codes`, in [0, 1]; 0 where a column is constant."""
    shares = np.bincount(codes, weights, n_first * n_second).reshape(n_first, n_second)
    expected = shares.sum(1, keepdims=True) * shares.sum(0, keepdims=True)
    chi = ((shares - expected) ** 2 / np.where(expected > 0, expected, 1)).sum()
    smaller = min((shares.sum(1) > 0).sum(), (shares.sum(0) > 0).sum()) - 1
    return float(np.sqrt(chi / smaller)) if smaller > 0 else 0.0


def joint_codes(first: Codes, second: Codes) -> Codes:
    """One code for each pair of codes; missing (-1) is a level."""
    return (first + 1) * (int(second.max(initial=-1)) + 2) + second + 1


def upper(d: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Places of the pairs i < j of d columns."""
    rows, columns = np.triu_indices(d, 1)
    return rows, columns
