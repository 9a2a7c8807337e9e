"""Metrics of columns and of pairs of columns: as functions of arrays, and of a `SamplePair`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri
from scipy.stats import rankdata

from ganaug.metrics.features import Estimate, Floats, estimate, uniform
from ganaug.metrics.sample_pair import SamplePair
from ganaug.utils.determinism import isolated, numpy_generator

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
    "measure_contingency",
    "measure_correlation",
    "measure_ks",
    "measure_missing_rate",
    "measure_mixed",
    "measure_total_variation",
    "missing_rate_difference",
    "ranks",
    "squared_association",
    "squared_ratios",
    "total_variation",
    "upper",
]

# ---- one column of real rows against the same column of synthetic ones ------------------------------

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


# ---- pairs of columns of real rows against the same pairs of synthetic ones ------------------------


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


def squared_association(codes: Codes, n_first: int, n_second: int) -> Callable[[Floats], float]:
    """Square of `association` without what chance adds, as a function of the weights: 0 on average without dependence.

    (phi^2 - (r - 1)(s - 1)/(n - 1)) / (min(r, s) - 1), r and s levels and n rows (Bergsma 2013, J. Korean Stat.
    Soc. 42).
    """
    found = np.unique(codes)
    r, s = len(np.unique(found // n_second)), len(np.unique(found % n_second))
    smaller, chance = min(r, s) - 1, (r - 1) * (s - 1) / max(1, len(codes) - 1)

    def squared(weights: Floats) -> float:
        phi2 = association(codes, weights, n_first, n_second) ** 2 * smaller
        return float((phi2 - chance) / smaller)

    return squared if smaller >= 1 else lambda weights: 0.0


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


# ---- of a pair of samples --------------------------------------------------------------------------

# A distance that so few tables' worst column would reach by chance is no chance.
BY_CHANCE = 0.01
# Draws from which the distances of categories that chance makes are known.
CHANCE_DRAWS = 60
# The mean over so many columns hardly moves from draw to draw: of very many, fewer draws are enough.
MOST_DISTANCES, FEWEST_RESAMPLES = 100_000, 20


def _each_column(
    c: SamplePair,
    kind: str,
    compared: Callable[..., Callable[[Floats, Floats], float]],
    chance: Callable[[SamplePair, int, float], float],
) -> Estimate:
    places = c.places(kind)
    distances = [compared(c.real.columns[j], c.synthetic.columns[j]) for j in places]
    equal = tuple(map(uniform, c.sizes))
    level = BY_CHANCE / max(1, len(c.kinds))
    details = {
        "columns": {c.kinds[j].name: d(*equal) for j, d in zip(places, distances, strict=True)},
        "chance": {c.kinds[j].name: min(1.0, chance(c, j, level)) for j in places},
    }

    def mean(w_real: Floats, w_fake: Floats) -> float:
        return float(np.mean([d(w_real, w_fake) for d in distances]))

    few = min(c.n_resamples, max(FEWEST_RESAMPLES, MOST_DISTANCES // max(1, len(places))))
    return estimate(mean, c.sizes, **(c.options(details=details) | {"n_resamples": few}))


def _numbers_by_chance(c: SamplePair, j: int, level: float) -> float:
    """What two samples of one distribution exceed with a probability of at most ``level``.

    sqrt(ln(2 / level) / 2) sqrt(1/n + 1/m), n and m values that are there (Smirnov 1948, Ann. Math. Statist. 19).
    """
    n, m = (max(1, int((~np.isnan(rows.columns[j])).sum())) for rows in (c.real, c.synthetic))
    return float(np.sqrt(np.log(2 / level) / 2 * (1 / n + 1 / m)))


def _codes_by_chance(c: SamplePair, j: int, level: float) -> float:
    """The same of categories: mean and spread of draws from the shares of both samples together, as if normal."""
    real, fake = (rows.columns[j][rows.columns[j] >= 0] for rows in (c.real, c.synthetic))
    if not len(real) or not len(fake):
        return 0.0
    counts = np.bincount(np.concatenate([real, fake]))
    shares = counts[counts > 0] / counts.sum()
    rng = numpy_generator(c.seed, "chance of categories", j)
    one, two = (rng.multinomial(len(codes), shares, CHANCE_DRAWS) / len(codes) for codes in (real, fake))
    drawn = np.abs(one - two).sum(1) / 2
    # of two levels the distance is one normal deviate, whichever its sign: the spread of that, not of its size
    spread = max(float(drawn.std()), float(np.sqrt((drawn**2).mean())) if len(shares) == 2 else 0.0)
    middle = 0.0 if len(shares) == 2 else float(drawn.mean())
    far = float(ndtri(1 - level / 2))
    return middle + far * spread + _unseen_by_chance(c, j, real, fake, far)


def _unseen_by_chance(c: SamplePair, j: int, real: Codes, fake: Codes, far: float) -> float:
    """How much of a sample may have levels that no real row has, because the real rows are few.

    As much as the real rows have levels that one row has alone (Good 1953, Biometrika 40), and what chance adds.
    """
    levels = c.kinds[j].levels
    if levels is None or not (fake >= len(levels)).any():
        return 0.0
    n, m = len(real), len(fake)
    alone = (np.bincount(real) == 1).sum() / n
    return float(alone + far * np.sqrt(max(alone, 1 / n) * (1 / n + 1 / m)))


def measure_ks(c: SamplePair) -> Estimate:
    """Mean `ks_distance` over the columns of numbers; each column's, and what chance hardly exceeds in it."""

    def compared(real: Floats, fake: Floats) -> Callable[[Floats, Floats], float]:
        return compared_numbers(real, _on_steps(real, fake))

    return _each_column(c, "number", compared, _numbers_by_chance)


# Values so near to a real one, in standard deviations, differ in their decimals alone.
SAME = 0.01


def _on_steps(real: Floats, fake: Floats) -> Floats:
    """Synthetic values moved to the real one that they all but equal, where the real column has few values.

    Else 0.999 and 1.001 in the place of 1 would be a distance of a half. (`two_sample_auc` sees such decimals.)
    """
    present = real[~np.isnan(real)]
    values = np.unique(present)
    if len(values) == 0 or 2 * len(values) > len(present):
        return fake
    right = np.clip(np.searchsorted(values, fake), 0, len(values) - 1)
    below, above = values[np.maximum(right - 1, 0)], values[right]
    near = np.where(np.abs(fake - below) < np.abs(fake - above), below, above)
    return np.where(np.abs(fake - near) <= SAME * present.std(), near, fake)


def measure_total_variation(c: SamplePair) -> Estimate:
    """Mean `total_variation` over the category columns; each column's, and what chance hardly exceeds in it.

    And under "absent" the most frequent level that chance would give to some synthetic rows, and none has.
    """
    found = _each_column(c, "category", compared_codes, _codes_by_chance)
    absent = {c.kinds[j].name: level for j in c.places("category") if (level := _absent(c, j)) is not None}
    found.details["absent"] = absent
    return found


def _absent(c: SamplePair, j: int) -> tuple[str, float] | None:
    """The level, and the share of the real values that have it."""
    real, fake = (rows.columns[j][rows.columns[j] >= 0].astype(np.int64) for rows in (c.real, c.synthetic))
    levels = c.kinds[j].levels
    if levels is None or not len(real) or not len(fake):
        return None
    counts = np.bincount(real, minlength=len(levels) + 1)[: len(levels)]
    counts[np.unique(fake[fake < len(levels)])] = 0
    at = int(counts.argmax())
    # that all rows of a level are among the real ones, of both together
    chance = (len(real) / (len(real) + len(fake))) ** float(counts[at])
    if chance * len(levels) * len(c.kinds) > BY_CHANCE:
        return None
    return str(levels[at]), float(counts[at] / len(real))


def measure_missing_rate(c: SamplePair) -> Estimate:
    """Mean `missing_rate_difference` over the columns that miss values on either side; 0 if none does."""
    absent: list[tuple[str, Floats, Floats]] = []
    for j, kind in enumerate(c.kinds):
        real, fake = (_missing(rows.columns[j]) for rows in (c.real, c.synthetic))
        if real.any() or fake.any():
            absent.append((kind.name, real, fake))
    if not absent:
        return Estimate(0.0, 0.0, 0.0, details={"columns": {}}, remark="no value is missing on either side")
    far = float(ndtri(1 - BY_CHANCE / (2 * len(c.kinds))))
    sizes = sum(1 / n for n in c.sizes)
    details: dict[str, dict[str, float]] = {"columns": {}, "chance": {}}
    for name, real, fake in absent:
        details["columns"][name] = abs(float(real.mean() - fake.mean()))
        both = (real.sum() + fake.sum() + 1) / (len(real) + len(fake) + 2)  # none among few is not none at all
        details["chance"][name] = far * float(np.sqrt(both * (1 - both) * sizes))

    def mean(w_real: Floats, w_fake: Floats) -> float:
        return float(np.mean([abs(w_real @ a - w_fake @ b) for _, a, b in absent]))

    return estimate(mean, c.sizes, **c.options(details=details))


def _missing(column: npt.NDArray[Any]) -> Floats:
    return (np.isnan(column) if column.dtype.kind == "f" else column == -1).astype(float)


# ---- dependences between columns -------------------------------------------------------------------

# Tables of counts are made pair by pair, which is slow: of many pairs no interval is needed, either.
MOST_TABLES = 3000
# What is left of the dependences: weights of real rows, weights of synthetic ones -> (share kept, strength).
Kept = Callable[[Floats, Floats], tuple[float, float]]


def _kept_of(kept: Kept, c: SamplePair, n_resamples: int | None = None) -> dict[str, float]:
    """How much of the real dependences the synthetic rows keep, with its interval, and how strong those are."""
    value, strength = kept(*map(uniform, c.sizes))
    options = c.options((-np.inf, np.inf)) | ({} if n_resamples is None else {"n_resamples": n_resamples})
    found = estimate(lambda *weights: kept(*weights)[0], c.sizes, **options)
    return {"kept": value, "kept_low": found.low, "kept_high": found.high, "strength": strength}


def _slope(real: Floats, fake: Floats, noise: float | Floats) -> tuple[float, float]:
    """Slope through the origin of the synthetic dependences on the real ones, and these' root mean square.

    1 is all kept, 0 all lost. ``noise`` is the variance that chance alone gives the real ones: it would count as
    dependence that no generator can keep.
    """
    if real.size == 0:
        return 1.0, 0.0
    power = float((real**2 - noise).mean())
    return (float((real * fake).mean() / power) if power > 1e-12 else 1.0), float(np.sqrt(max(0.0, power)))


def _slope_of_squares(real: Floats, fake: Floats, noise: Floats) -> tuple[float, float]:
    """The same of squares without what chance makes of them, which is 0 on average where there is no dependence."""
    slope, _ = _slope(real, fake, noise)
    return float(np.sqrt(max(0.0, slope))), float(np.sqrt(max(0.0, real.mean()))) if real.size else 0.0


def _noise_of_squares(squares: Floats, freedom: Floats, n: Floats, most: Floats | float = 1.0) -> Floats:
    """Variance that chance gives the square of an association: chi^2/n of so many degrees of freedom, over ``most``.

    2 (freedom + 2 n s)/n^2 with s the square times ``most`` (noncentral chi^2).
    """
    found: Floats = 2 * (freedom + 2 * n * np.clip(squares * most, 0, None)) / np.maximum(1, n * most) ** 2
    return found


def measure_correlation(c: SamplePair) -> Estimate:
    """`correlation_distance` of the columns of numbers; which pairs differ most."""
    places, real, fake = c.paired_numbers()
    real, fake = ranks(real), ranks(fake)
    pairs = upper(len(places))
    present = (~np.isnan(real)).astype(float)
    noise = 1 / np.maximum(1.0, (present.T @ present)[pairs] - 1)

    def both(w_real: Floats, w_fake: Floats) -> tuple[Floats, Floats]:
        one, two = correlations(real, w_real), correlations(fake, w_fake)
        return one[pairs], two[pairs]

    def distance(w_real: Floats, w_fake: Floats) -> float:
        one, two = both(w_real, w_fake)
        return float(np.abs(one - two).mean())

    one, two = both(*map(uniform, c.sizes))
    worst = np.argsort(-np.abs(one - two), kind="stable")[:10]
    named = [(c.kinds[places[pairs[0][i]]].name, c.kinds[places[pairs[1][i]]].name, one[i], two[i]) for i in worst]
    details = {
        **_kept_of(lambda *weights: _slope(*both(*weights), noise), c),
        "pairs": [{"first": a, "second": b, "real": float(r), "synthetic": float(s)} for a, b, r, s in named],
        **_kept_within(c),
    }
    return estimate(distance, c.sizes, **c.options((0.0, 2.0), details=details))


# A class of fewer rows has no correlations of its own.
LEAST_WITHIN = 10


def _kept_within(c: SamplePair) -> dict[str, float]:
    """How much is left of the correlations within the classes, all classes together; nothing with one class.

    Correlations of ranks within each class: where classes are well separated, columns that were shuffled within the
    classes are still correlated in the whole.
    """
    if c.real.y is None or c.synthetic.y is None or len(np.unique(c.synthetic.y)) < 2:
        return {}
    counts, counts_fake = (np.bincount(y, minlength=len(c.labels) + 1) for y in (c.real.y, c.synthetic.y))
    large = np.flatnonzero(np.minimum(counts, counts_fake) >= LEAST_WITHIN)
    if not len(large):
        return {}
    _, of_real, of_fake = c.paired_numbers()
    ranked = []
    for rows, table in ((c.real, of_real), (c.synthetic, of_fake)):
        own = np.full(table.shape, np.nan)
        for code in large:
            own[rows.y == code] = ranks(table[rows.y == code])
        ranked.append(own)
    real, fake = ranked
    pairs, n = upper(of_real.shape[1]), counts[large]
    noise = float((n**2 / (n - 1)).sum() / n.sum() ** 2)

    def kept(w_real: Floats, w_fake: Floats) -> tuple[float, float]:
        one, two = correlations(real, w_real), correlations(fake, w_fake)
        return _slope(one[pairs], two[pairs], noise)

    return {f"{name}_within": value for name, value in _kept_of(kept, c).items()}


def measure_contingency(c: SamplePair) -> Estimate:
    """`contingency_distance` of the category columns and the class."""
    names, real, fake = c.paired_categories()
    first, second = upper(len(names))
    levels = [int(max(a.max(), b.max())) + 2 for a, b in zip(real, fake, strict=True)]
    associations, compared = [], []
    for i, j in zip(first, second, strict=True):
        joint = joint_codes(np.append(real[i], fake[i]), np.append(real[j], fake[j]))
        parts = joint[: len(c.real)], joint[len(c.real) :]
        compared.append(compared_codes(*parts))
        associations.append([squared_association(codes, levels[i], levels[j]) for codes in parts])

    def mean(w_real: Floats, w_fake: Floats) -> float:
        return float(np.mean([d(w_real, w_fake) for d in compared]))

    found = np.array([len(np.unique(codes)) - 1.0 for codes in real])
    smaller, freedom = np.maximum(1, np.minimum(found[first], found[second])), found[first] * found[second]

    def kept(w_real: Floats, w_fake: Floats) -> tuple[float, float]:
        one = np.array([of_real(w_real) for of_real, _ in associations])
        two = np.array([of_fake(w_fake) for _, of_fake in associations])
        return _slope_of_squares(one, two, _noise_of_squares(one, freedom, np.array(float(len(c.real))), smaller))

    few = min(c.n_resamples, MOST_TABLES // max(1, len(compared)))
    return estimate(mean, c.sizes, **c.options(details=_kept_of(kept, c, n_resamples=few)))


def measure_mixed(c: SamplePair) -> Estimate:
    """Mean difference of the correlation ratios (of ranks) of pairs of a category, or the class, and a number.

    mean_{a,b} |eta_real(a, b) - eta_fake(a, b)|, eta as in `correlation_ratio`.
    """
    _, real_codes, fake_codes = c.paired_categories()
    _, real, fake = c.paired_numbers()
    real, fake = ranks(real), ranks(fake)
    freedom = np.array([len(np.unique(codes)) - 1.0 for codes in real_codes])[:, None]
    there = (~np.isnan(real)).sum(0).astype(float)

    def distance(w_real: Floats, w_fake: Floats) -> float:
        one = correlation_ratios(real_codes, real, w_real)
        return float(np.abs(one - correlation_ratios(fake_codes, fake, w_fake)).mean())

    def kept(w_real: Floats, w_fake: Floats) -> tuple[float, float]:
        one = squared_ratios(real_codes, real, w_real)
        two = squared_ratios(fake_codes, fake, w_fake)
        return _slope_of_squares(one.ravel(), two.ravel(), _noise_of_squares(one, freedom, there).ravel())

    return estimate(distance, c.sizes, **c.options(details=_kept_of(kept, c)))
