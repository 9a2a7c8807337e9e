"""Ranks, tests and intervals over many data sets, after J. Demsar, JMLR 7 (2006)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ganaug.exceptions import InvalidParameterError

__all__ = ["friedman", "half_width", "holm", "nemenyi", "ranked", "wilcoxon"]


def ranked(values: pd.DataFrame, higher_is_better: bool = True) -> pd.DataFrame:
    """Rank of each column within each row: 1 is best, equals share the mean, and what is missing is last.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug.experiments.statistics import ranked
    >>> ranked(pd.DataFrame({"a": [0.9], "b": [0.7], "c": [0.9], "d": [float("nan")]})).iloc[0].tolist()
    [1.5, 3.0, 1.5, 4.0]
    """
    return values.rank(axis=1, ascending=not higher_is_better, method="average", na_option="bottom")


def friedman(ranks: pd.DataFrame) -> dict[str, float]:
    """Test whether the columns' mean ranks are further apart than chance would put them.

    chi2 = 12 N / (k (k + 1)) (sum_j R_j^2 - k (k + 1)^2 / 4), corrected for ties
    F    = (N - 1) chi2 / (N (k - 1) - chi2), of k - 1 and (k - 1) (N - 1) degrees of freedom

    over N rows and k columns with mean ranks R_j; F is Iman and Davenport's, less conservative.

    Returns
    -------
    dict
        "chi2", "p", "F", "p_F", "N", "k".
    """
    n, k = ranks.shape
    if k < 3 or n < 2:
        raise InvalidParameterError(f"the Friedman test needs 3 oversamplers and 2 blocks; there are {k} and {n}")
    values = ranks.to_numpy(float)
    ties = sum(float((c**3 - c).sum()) for c in (np.unique(row, return_counts=True)[1] for row in values))
    correction = 1 - ties / (n * k * (k**2 - 1))
    spread = 12 * n / (k * (k + 1)) * float(((values.mean(axis=0) - (k + 1) / 2) ** 2).sum())
    chi2 = spread / correction if correction > 0 else 0.0  # all equal in every row
    rest = n * (k - 1) - chi2
    f = (n - 1) * chi2 / rest if rest > 1e-12 else float("inf")
    p, p_f = float(stats.chi2.sf(chi2, k - 1)), float(stats.f.sf(f, k - 1, (k - 1) * (n - 1)))
    return {"chi2": chi2, "p": p, "F": f, "p_F": p_f, "N": n, "k": k}


def nemenyi(ranks: pd.DataFrame, alpha: float = 0.05) -> dict[str, Any]:
    """How far apart two mean ranks must be to differ at level alpha, all pairs considered.

    CD = q sqrt(k (k + 1) / (6 N)),   q = studentised range(1 - alpha; k, infinite) / sqrt(2)

    Returns
    -------
    dict
        "critical_difference", "q", "mean_ranks" (Series, best first), "p_values" (DataFrame of pairs), "N", "k".
    """
    n, k = ranks.shape
    if k < 2 or n < 1 or not 0 < alpha < 1:
        raise InvalidParameterError(f"needs 2 oversamplers, a block and 0 < alpha < 1; there are {k}, {n} and {alpha}")
    means = ranks.mean().sort_values(kind="stable")
    unit = np.sqrt(k * (k + 1) / (6 * n))
    q = float(stats.studentized_range.ppf(1 - alpha, k, np.inf)) / np.sqrt(2)
    apart = np.abs(means.to_numpy()[:, None] - means.to_numpy()[None, :]) / unit * np.sqrt(2)
    p = np.ones((k, k))
    upper = np.triu_indices(k, 1)
    p[upper] = stats.studentized_range.sf(apart[upper], k, np.inf)
    p = np.minimum(p, p.T)
    pairs = pd.DataFrame(p, means.index, means.index)
    found = {"critical_difference": float(q * unit), "q": float(q), "mean_ranks": means, "p_values": pairs}
    return found | {"N": n, "k": k}


def holm(p_values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Holm's step-down correction: max over the smaller ones of (m - i + 1) p_(i), at most 1; NaN stays out.

    Examples
    --------
    >>> from ganaug.experiments.statistics import holm
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, float)
    corrected = np.full(p.shape, np.nan)
    valid = np.flatnonzero(~np.isnan(p))
    order = valid[np.argsort(p[valid], kind="stable")]
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1.0)
    return corrected


def wilcoxon(values: pd.DataFrame, baseline: str, higher_is_better: bool = True, tie: float = 1e-12) -> pd.DataFrame:
    """Each column against one: paired signed-rank tests, two-sided, Holm-corrected over the columns.

    Returns
    -------
    DataFrame
        A row for each other column: "difference" (mean of column minus baseline), "median", "wins", "ties", "losses"
        (a win is a better value), "n" (rows in which both have a value), "missing" (rows in which one has none), "p",
        "p_holm".
    """
    rows = []
    for name in values.columns.drop(baseline):
        difference = (values[name] - values[baseline]).to_numpy(float)
        known = difference[~np.isnan(difference)]
        gain = known if higher_is_better else -known
        moved = known[np.abs(known) > tie]
        row = {"difference": known.mean() if len(known) else np.nan}
        row |= {"median": np.median(known) if len(known) else np.nan}
        row |= {"wins": int((gain > tie).sum()), "ties": len(known) - len(moved), "losses": int((gain < -tie).sum())}
        row |= {"n": len(known), "missing": len(difference) - len(known)}
        row["p"] = float(stats.wilcoxon(moved).pvalue) if len(moved) else (1.0 if len(known) else np.nan)
        rows.append(pd.Series(row, name=name))
    found = pd.DataFrame(rows).astype(dict.fromkeys(["wins", "ties", "losses", "n", "missing"], int))
    found.index.name = f"against {baseline}"
    return found.assign(p_holm=holm(found["p"]))


def half_width(values: npt.ArrayLike, level: float = 0.95) -> float:
    """Half of Student's interval of the mean: t s / sqrt(n); NaN for a single value.

    Examples
    --------
    >>> from ganaug.experiments.statistics import half_width
    >>> round(half_width([0.80, 0.81, 0.82]), 4)
    0.0248
    """
    known = np.asarray(values, float)
    n = len(known)
    if n < 2:
        return float("nan")
    return float(stats.t.ppf(0.5 + level / 2, n - 1) * known.std(ddof=1) / np.sqrt(n))
