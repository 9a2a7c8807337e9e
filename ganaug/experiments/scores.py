"""Scores of experiments, the statistics that compare them, and tables of them in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from ganaug.exceptions import InvalidDataError, InvalidParameterError
from ganaug.utils.determinism import isolated

__all__ = [
    "METRICS",
    "SCORES",
    "TUNABLE",
    "Predictions",
    "best_threshold",
    "calibration_error",
    "class_scores",
    "class_shares",
    "friedman",
    "half_width",
    "higher_is_better",
    "holm",
    "nemenyi",
    "ranked",
    "rare_classes",
    "recalls",
    "scored",
    "to_markdown",
    "wilcoxon",
]

# --------------------------------------------------------------------------------------
# Scores of predictions on test items.


Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
N_BINS = 15
# A class with at most this share of the largest one's training items is rare.
RARE = 0.1
# Decision metrics that are also judged at a threshold tuned for them: "f1_tuned" and so on.
TUNABLE = ("f1", "balanced_accuracy", "g_mean")


# ---- By class: each class weighs the same ----------------------------------------------------------


def class_shares(truth: npt.ArrayLike, predicted: npt.ArrayLike, n_classes: int) -> Floats:
    """Of the items of each class (row), the share taken for each class (column). (n,), (n,) -> (K, K).

    The row of a class without items is NaN.
    """
    counts = np.zeros((n_classes, n_classes))
    np.add.at(counts, (np.asarray(truth), np.asarray(predicted)), 1)
    sizes = counts.sum(1, keepdims=True)
    return np.divide(counts, sizes, out=np.full_like(counts, np.nan), where=sizes > 0)


def recalls(shares: Floats) -> Floats:
    """Share of each class's items that is recognised, of the classes that have items. (K, K) -> (K,)."""
    hit = np.diag(shares)
    return hit[~np.isnan(hit)]


def balanced_accuracy(shares: Floats) -> float:
    """Mean of the classes' recalls, in [0, 1]."""
    return float(recalls(shares).mean())


def g_mean(shares: Floats) -> float:
    """(prod_k R_k)^(1/K), the geometric mean of the classes' recalls, in [0, 1] (Kubat and Matwin, ICML 1997)."""
    hit = recalls(shares)
    return float(np.prod(hit) ** (1 / len(hit)))


def _macro_f1(shares: Floats) -> float:
    # 2 TP / (2 TP + FP + FN), where TP + FN = 1 and TP + FP is the column's sum
    return float((2 * np.diag(shares) / (1 + shares.sum(0))).mean())


def _g_mean_ovr(shares: Floats) -> float:
    hit = np.diag(shares)
    specificity = 1 - (shares.sum(0) - hit) / (len(shares) - 1)
    return float(np.sqrt(hit * specificity).mean())


# name -> from `class_shares`; all in [0, 1], higher is better
SCORES: dict[str, Callable[[Floats], float]] = {
    "acsa": balanced_accuracy,
    "macro_f1": _macro_f1,
    "g_mean": g_mean,
    "g_mean_ovr": _g_mean_ovr,
}


@isolated
def class_scores(truth: npt.ArrayLike, predicted: npt.ArrayLike, n_classes: int) -> dict[str, float]:
    """Scores of predictions, as they would be on a test set with equally many items of each class.

    With R the shares of class c's items that were taken for k, TPR_c = R_cc and
    TNR_c = 1 - sum over k != c of R_kc / (K - 1)::

        acsa       = mean of TPR_c                  average class-specific accuracy, or balanced accuracy
        macro_f1   = mean of 2 TPR_c / (1 + sum over k of R_kc)
        g_mean     = (product of TPR_c)^(1 / K)      as in GAMO (Mullick et al. 2019)
        g_mean_ovr = mean of sqrt(TPR_c TNR_c)       as in DeepSMOTE (Dablain et al. 2023)

    The two geometric means are not comparable: the first is 0 where a single class is never recognised.

    Parameters
    ----------
    truth : array-like of shape (n,)
        Integers from 0 to K - 1; every class must be there.
    predicted : array-like of shape (n,)
    n_classes : int
        K.

    Returns
    -------
    dict
        Each in [0, 1], higher is better.

    Raises
    ------
    InvalidDataError
        If a class has no item.

    Examples
    --------
    >>> from ganaug.experiments import class_scores
    >>> class_scores([0, 0, 0, 0, 1], [0, 0, 0, 1, 1], 2)["acsa"]
    0.875
    """
    shares = class_shares(truth, predicted, n_classes)
    absent = np.isnan(shares[:, 0])
    if absent.any():
        raise InvalidDataError(
            f"there is no test item of the class at place {int(absent.argmax())}; every class needs one"
        )
    return {name: score(shares) for name, score in SCORES.items()}


def rare_classes(counts: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Classes with at most a tenth of the largest one's items; the smallest one if there is none. (K,) -> (K,)."""
    sizes = np.asarray(counts)
    found: npt.NDArray[np.bool_] = sizes <= RARE * sizes.max()
    return found if found.any() else sizes == sizes.min()


# ---- Of a classifier with rankings and probabilities -------------------------------------------------


@dataclass(frozen=True)
class Predictions:
    """Of a classifier on n test rows of K classes."""

    truth: Codes  # (n,), class codes, 0 to K - 1
    predicted: Codes  # (n,)
    ranking: Floats  # (n, K), higher means more likely of that class: probabilities, or values of a decision function
    proba: Floats | None  # (n, K), if the classifier has any
    positive: int | None  # code of the rarer of two classes; None with more
    # on ranking[:, positive], by what was tuned on training rows: "balanced_accuracy", "f1", "g_mean"
    thresholds: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def shares(self) -> Floats:
        """See `class_shares`."""
        return class_shares(self.truth, self.predicted, self.ranking.shape[1])


def average_precision(p: Predictions) -> float:
    """AP = sum_i (R_i - R_{i-1}) P_i over thresholds i, in [0, 1]; of more classes, the mean of one against rest."""
    return _one_against_rest(p, average_precision_score)


def roc_auc(p: Predictions) -> float:
    """P(ranking of a positive row > of a negative one), ties half, in [0, 1]; of more classes, the mean as above."""
    return _one_against_rest(p, roc_auc_score)


def f1(p: Predictions) -> float:
    """F1 = 2 P R / (P + R), in [0, 1], of the positive class; of more classes, the mean (macro)."""
    how = {"average": "macro"} if p.positive is None else {"pos_label": p.positive}
    return float(f1_score(p.truth, p.predicted, zero_division=0, **how))


def at_tuned_threshold(metric: str) -> Callable[[Predictions], float]:
    """The score of a decision metric at the threshold tuned for it on training rows; two classes only."""

    def score(p: Predictions) -> float:
        threshold = p.thresholds.get(metric, np.nan)
        if p.positive is None or np.isnan(threshold):
            return float("nan")
        chosen = np.where(p.ranking[:, p.positive] >= threshold, p.positive, 1 - p.positive)
        return METRICS[metric].score(replace(p, predicted=chosen))

    return score


def log_loss(p: Predictions) -> float:
    """-mean log p(true class), in nats, in [0, 34.5]: probabilities are kept from 0 by 1e-15."""
    if p.proba is None:
        return float("nan")
    own = p.proba[np.arange(len(p.truth)), p.truth]
    return float(-np.log(np.clip(own, 1e-15, 1)).mean())


def expected_calibration_error(p: Predictions) -> float:
    """`calibration_error` of the positive class; of more classes, of the most probable one (is it right?)."""
    if p.proba is None:
        return float("nan")
    if p.positive is not None:
        return calibration_error(p.truth == p.positive, p.proba[:, p.positive])
    top = p.proba.argmax(axis=1)
    return calibration_error(p.truth == top, p.proba.max(axis=1))


class ScoreFunction(NamedTuple):
    """A score of predictions, and its direction."""

    score: Callable[[Predictions], float]
    higher_is_better: bool = True


METRICS: dict[str, ScoreFunction] = {
    "average_precision": ScoreFunction(average_precision),
    "roc_auc": ScoreFunction(roc_auc),
    "balanced_accuracy": ScoreFunction(lambda p: balanced_accuracy(p.shares)),
    "f1": ScoreFunction(f1),
    "g_mean": ScoreFunction(lambda p: g_mean(p.shares)),
    "log_loss": ScoreFunction(log_loss, False),
    "calibration_error": ScoreFunction(expected_calibration_error, False),
    **{f"{metric}_tuned": ScoreFunction(at_tuned_threshold(metric)) for metric in TUNABLE},
}


def scored(predictions: Predictions, metrics: tuple[str, ...]) -> dict[str, float]:
    """Metric name to value; NaN where it is not defined."""
    return {name: float(METRICS[name].score(predictions)) for name in metrics}


def higher_is_better(column: str) -> bool:
    """Whether more of a column of the results is better; of seconds and unknown ones less is."""
    return METRICS[column].higher_is_better if column in METRICS else False


@isolated
def calibration_error(happened: npt.ArrayLike, probability: npt.ArrayLike, n_bins: int = N_BINS) -> float:
    """How far predicted probabilities are from what happened.

    ECE = sum_b (n_b / n) |mean of happened in b - mean of probability in b|

    over bins b of equal width, (0, 1/n_bins], ..., the first with 0 in it.

    Parameters
    ----------
    happened : array-like of bool, shape (n,)
    probability : array-like of float, shape (n,)
        Predicted, in [0, 1].
    n_bins : int, default=15

    Returns
    -------
    float
        In [0, 1]; 0 is best. It is biased upwards on few rows, for every classifier alike.

    References
    ----------
    M. Pakdaman Naeini et al., AAAI (2015); bins as in C. Guo et al., ICML (2017).

    Examples
    --------
    >>> from ganaug.experiments import calibration_error
    >>> calibration_error([True, False, False, False], [0.25, 0.25, 0.25, 0.25])
    0.0
    >>> round(calibration_error([True, True], [0.9, 0.8]), 3)  # |1 - 0.9| / 2 + |1 - 0.8| / 2
    0.15
    """
    happened, probability = np.asarray(happened, float), np.asarray(probability, float)
    bins = np.clip(np.ceil(probability * n_bins).astype(int) - 1, 0, n_bins - 1)
    gaps = np.bincount(bins, happened - probability, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(happened))


def best_threshold(positive: npt.NDArray[np.bool_], ranking: Floats, metric: str = "f1") -> float:
    """The value t that makes a metric of ``ranking >= t`` largest; between two rows, and in the middle of equals.

    f1                = 2 TP / (rows at or above t + positives)
    balanced_accuracy = (TP / positives + TN / negatives) / 2
    g_mean            = sqrt(TP / positives * TN / negatives)

    NaN without a row of both classes (for F1, of the positive one).
    """
    negatives = float((~positive).sum())
    if not positive.any() or (metric != "f1" and not negatives):
        return float("nan")
    order = np.argsort(-ranking, kind="stable")
    values, hits = ranking[order], np.cumsum(positive[order])
    ends = np.flatnonzero(np.append(values[:-1] != values[1:], True))  # the last row of each value
    recall = hits[ends] / positive.sum()
    if metric == "f1":
        quality = 2 * hits[ends] / (ends + 1 + positive.sum())
    else:
        other = 1 - (ends + 1 - hits[ends]) / negatives
        quality = (recall + other) / 2 if metric == "balanced_accuracy" else np.sqrt(recall * other)
    best = np.flatnonzero(quality >= quality.max() - 1e-12)
    place = ends[best[(len(best) - 1) // 2]]
    below = values[place + 1] if place + 1 < len(values) else values[place]
    return float((values[place] + below) / 2)


def _one_against_rest(p: Predictions, score: Callable[..., float]) -> float:
    codes = range(p.ranking.shape[1]) if p.positive is None else [p.positive]
    present = [k for k in codes if 0 < (p.truth == k).sum() < len(p.truth)]
    values = [float(score(p.truth == k, p.ranking[:, k])) for k in present]
    return float(np.mean(values)) if values else float("nan")


# --------------------------------------------------------------------------------------
# Ranks, tests and intervals over many data sets, after J.


def ranked(values: pd.DataFrame, higher_is_better: bool = True) -> pd.DataFrame:
    """Rank of each column within each row: 1 is best, equals share the mean, and what is missing is last.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug.experiments.scores import ranked
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
    >>> from ganaug.experiments.scores import holm
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
    >>> from ganaug.experiments.scores import half_width
    >>> round(half_width([0.80, 0.81, 0.82]), 4)
    0.0248
    """
    known = np.asarray(values, float)
    n = len(known)
    if n < 2:
        return float("nan")
    return float(stats.t.ppf(0.5 + level / 2, n - 1) * known.std(ddof=1) / np.sqrt(n))


# --------------------------------------------------------------------------------------
# A DataFrame as a table in Markdown, for the documents.


def to_markdown(frame: pd.DataFrame, digits: int = 3, *, bold: str | None = None) -> str:
    """Write a table in Markdown, the index first.

    Parameters
    ----------
    frame : DataFrame
        Column names of several levels are joined by a space.
    digits : int, default=3
        Of floats. A column named "p", or beginning with ``p_``, shows two significant ones.
    bold : {"max", "min"}, optional
        Which value of every column is set in bold.

    Returns
    -------
    str
        Without a newline at the end.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug.experiments import to_markdown
    >>> print(to_markdown(pd.DataFrame({"AUC": [0.91, 0.875]}, index=["SMOTE", "none"]), bold="max"))
    |  | AUC |
    |---|---:|
    | SMOTE | **0.910** |
    | none | 0.875 |
    """
    names = [" ".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in frame.columns]
    corner = " / ".join(str(name) for name in frame.index.names if name is not None)
    lines = [f"| {corner} | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    columns = [_texts(frame.iloc[:, i], name, digits, bold) for i, name in enumerate(names)]
    for label, *cells in zip(frame.index, *columns, strict=True):
        first = ", ".join(map(str, label)) if isinstance(label, tuple) else str(label)
        lines.append(f"| {first} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _texts(column: pd.Series[Any], name: str, digits: int, bold: str | None) -> list[str]:
    last = name.split(" ")[-1]
    is_p = last == "p" or last.startswith("p_")
    texts = [_text(value, digits, is_p) for value in column]
    if bold and pd.api.types.is_numeric_dtype(column.dtype) and column.notna().any():
        best = column.max() if bold == "max" else column.min()
        texts = [f"**{t}**" if value == best else t for t, value in zip(texts, column, strict=True)]
    return texts


def _text(value: object, digits: int, is_p: bool) -> str:
    if not isinstance(value, (float, np.floating)):
        return str(value).replace("|", "\\|")
    if np.isnan(value):
        return ""
    return f"{value:.2g}" if is_p else f"{value:.{digits}f}"
