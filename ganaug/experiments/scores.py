"""What is measured on a test fold. Two classes: the rarer one is positive. More: means over the classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from ganaug.utils.isolation import isolated

__all__ = ["METRICS", "Metric", "Predictions", "best_threshold", "calibration_error", "scored"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
N_BINS = 15


@dataclass(frozen=True)
class Predictions:
    """Of a classifier on n test rows of K classes.

    Attributes
    ----------
    truth, predicted : (n,) int
        Class codes, 0 to K - 1.
    ranking : (n, K) float
        Higher means more likely of that class: probabilities, or values of a decision function.
    proba : (n, K) float or None
        Probabilities, if the classifier has any.
    positive : int or None
        Code of the rarer of two classes; None with more.
    threshold : float
        On ``ranking[:, positive]``, tuned on training rows; NaN if it was not.
    """

    truth: Codes
    predicted: Codes
    ranking: Floats
    proba: Floats | None
    positive: int | None
    threshold: float = float("nan")

    @property
    def n_classes(self) -> int:
        """K."""
        return int(self.ranking.shape[1])


def average_precision(p: Predictions) -> float:
    """AP = sum_i (R_i - R_{i-1}) P_i over thresholds i, in [0, 1]; of more classes, the mean of one against rest."""
    return _one_against_rest(p, average_precision_score)


def roc_auc(p: Predictions) -> float:
    """P(ranking of a positive row > of a negative one), ties half, in [0, 1]; of more classes, the mean as above."""
    return _one_against_rest(p, roc_auc_score)


def balanced_accuracy(p: Predictions) -> float:
    """Mean of the classes' recalls, in [0, 1]."""
    return float(np.mean(_recalls(p)))


def f1(p: Predictions) -> float:
    """F1 = 2 P R / (P + R), in [0, 1], of the positive class; of more classes, the mean (macro)."""
    return _f1(p.truth, p.predicted, p)


def g_mean(p: Predictions) -> float:
    """(prod_k R_k)^(1/K), the geometric mean of the classes' recalls, in [0, 1] (Kubat and Matwin, ICML 1997)."""
    recalls = _recalls(p)
    return float(np.prod(recalls) ** (1 / len(recalls)))


def log_loss(p: Predictions) -> float:
    """-mean log p(true class), in nats, in [0, 34.5]: probabilities are kept from 0 by 1e-15."""
    if p.proba is None:
        return float("nan")
    own = p.proba[np.arange(len(p.truth)), p.truth]
    return float(-np.log(np.clip(own, 1e-15, 1)).mean())


def expected_calibration_error(p: Predictions) -> float:
    """`calibration_error` of the positive class; of more classes, of the predicted one (is it right?)."""
    if p.proba is None:
        return float("nan")
    if p.positive is not None:
        return calibration_error(p.truth == p.positive, p.proba[:, p.positive])
    top = p.proba.argmax(axis=1)
    return calibration_error(p.truth == top, p.proba.max(axis=1))


def f1_tuned(p: Predictions) -> float:
    """F1 of the positive class at the threshold tuned on training rows; two classes only."""
    if p.positive is None or np.isnan(p.threshold):
        return float("nan")
    chosen = p.ranking[:, p.positive] >= p.threshold
    return _f1(p.truth, np.where(chosen, p.positive, 1 - p.positive), p)


class Metric(NamedTuple):
    """A figure of a test fold."""

    score: Callable[[Predictions], float]
    higher_is_better: bool


METRICS: dict[str, Metric] = {
    "average_precision": Metric(average_precision, True),
    "roc_auc": Metric(roc_auc, True),
    "balanced_accuracy": Metric(balanced_accuracy, True),
    "f1": Metric(f1, True),
    "g_mean": Metric(g_mean, True),
    "log_loss": Metric(log_loss, False),
    "calibration_error": Metric(expected_calibration_error, False),
    "f1_tuned": Metric(f1_tuned, True),
}


def scored(predictions: Predictions, metrics: tuple[str, ...]) -> dict[str, float]:
    """Metric name to value; NaN where it is not defined."""
    return {name: float(METRICS[name].score(predictions)) for name in metrics}


@isolated
def calibration_error(happened: npt.ArrayLike, probability: npt.ArrayLike, n_bins: int = N_BINS) -> float:
    """How far predicted probabilities are from what happened.

    ECE = sum_b (n_b / n) |mean of happened in b - mean of probability in b|

    over bins b of equal width, (0, 1/n_bins], ..., the first with 0 in it.

    Parameters
    ----------
    happened : array-like of bool, shape (n,)
        Whether it did.
    probability : array-like of float, shape (n,)
        Predicted, in [0, 1].
    n_bins : int, default=15
        Number of bins.

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


def best_threshold(positive: npt.NDArray[np.bool_], ranking: Floats) -> float:
    """The value t that makes F1 of ``ranking >= t`` largest; between two rows, and in the middle of equals.

    F1(t) = 2 TP / (rows at or above t + positives)
    """
    order = np.argsort(-ranking, kind="stable")
    values, hits = ranking[order], np.cumsum(positive[order])
    ends = np.flatnonzero(np.append(values[:-1] != values[1:], True))  # the last row of each value
    if not positive.any():
        return float("nan")
    quality = 2 * hits[ends] / (ends + 1 + positive.sum())
    best = np.flatnonzero(quality >= quality.max() - 1e-12)
    place = ends[best[(len(best) - 1) // 2]]
    below = values[place + 1] if place + 1 < len(values) else values[place]
    return float((values[place] + below) / 2)


def _one_against_rest(p: Predictions, score: Callable[..., float]) -> float:
    codes = range(p.n_classes) if p.positive is None else [p.positive]
    present = [k for k in codes if 0 < (p.truth == k).sum() < len(p.truth)]
    values = [float(score(p.truth == k, p.ranking[:, k])) for k in present]
    return float(np.mean(values)) if values else float("nan")


def _recalls(p: Predictions) -> Floats:
    """Of the classes that the fold has."""
    return np.array([(p.predicted[p.truth == k] == k).mean() for k in np.unique(p.truth)])


def _f1(truth: Codes, predicted: Codes, p: Predictions) -> float:
    if p.positive is not None:
        return float(f1_score(truth == p.positive, predicted == p.positive, zero_division=0))
    return float(f1_score(truth, predicted, average="macro", zero_division=0))
