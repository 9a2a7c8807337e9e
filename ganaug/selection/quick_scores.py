"""Scores of many resamples or thresholds of the same answers at once, as scikit-learn gives them one by one.

Rows drawn again are numbers of how often each row was drawn, so that a resample is a line of a matrix. Only for two
classes labelled 0 and 1; everything else is left to scikit-learn's scorers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = [
    "OF_LABELS",
    "OF_PROBABILITIES",
    "OF_RANKING",
    "count_scores",
    "label_scores",
    "probability_scores",
    "ranking_scores",
]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

OF_LABELS = ("accuracy", "balanced_accuracy", "f1")
OF_RANKING = ("average_precision", "roc_auc")
OF_PROBABILITIES = ("neg_log_loss", "neg_brier_score")


def label_scores(name: str, hit: Bools, said: Bools, times: Floats) -> Floats:
    """Scores of predicted labels.

    Parameters
    ----------
    name : str
        One of ``OF_LABELS``.
    hit : ndarray of shape (n,)
        Which rows are of class 1.
    said : ndarray of shape (n,) or (m, n)
        Which rows are taken for class 1; m times over, for one score each.
    times : ndarray of shape (n,) or (m, n)
        How often each row counts.

    Returns
    -------
    ndarray of shape (m,)
    """
    right = np.atleast_2d(times * (said & hit)).sum(1)
    false = np.atleast_2d(times * (said & ~hit)).sum(1)
    positive, negative = np.atleast_2d(times * hit).sum(1), np.atleast_2d(times * ~hit).sum(1)
    return count_scores(name, right, false, positive, negative)


def count_scores(name: str, right: Floats, false: Floats, positive: Floats | float, negative: Floats | float) -> Floats:
    """Scores of predicted labels by how many they are.

    Parameters
    ----------
    name : str
        One of ``OF_LABELS``.
    right, false : ndarray
        Rows of class 1, and of class 0, that are taken for class 1.
    positive, negative : ndarray or float
        All rows of class 1, and of class 0.
    """
    if name == "balanced_accuracy":
        return np.asarray((right / positive + 1 - false / negative) / 2)
    if name == "accuracy":
        return np.asarray((right + negative - false) / (positive + negative))
    return np.asarray(2 * right / (positive + right + false))


def ranking_scores(name: str, hit: Bools, values: Floats, times: Floats) -> Floats:
    """Scores of a ranking.

    Parameters
    ----------
    name : str
        One of ``OF_RANKING``.
    hit : ndarray of shape (n,)
        Which rows are of class 1.
    values : ndarray of shape (n,)
        What speaks for class 1.
    times : ndarray of shape (m, n)
        How often each row counts.

    Returns
    -------
    ndarray of shape (m,)
    """
    order = np.argsort(-values, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(values[order])), len(order) - 1)  # rows of equal value count together
    right = np.cumsum(times[:, order] * hit[order], axis=1)[:, ends]
    false = np.cumsum(times[:, order] * ~hit[order], axis=1)[:, ends]
    recall = right / right[:, -1:]
    if name == "average_precision":
        precision = right / np.maximum(right + false, 1e-300)
        return np.asarray((np.diff(recall, prepend=0) * precision).sum(1))
    alarms = np.diff(false / false[:, -1:], prepend=0)
    before = np.concatenate([np.zeros((len(recall), 1)), recall[:, :-1]], axis=1)
    return np.asarray((alarms * (recall + before) / 2).sum(1))


def probability_scores(name: str, hit: Bools, values: Floats, times: Floats) -> Floats:
    """Scores of the probabilities of class 1.

    Parameters
    ----------
    name : str
        One of ``OF_PROBABILITIES``.
    hit : ndarray of shape (n,)
        Which rows are of class 1.
    values : ndarray of shape (n,)
        Probabilities of class 1.
    times : ndarray of shape (m, n)
        How often each row counts.

    Returns
    -------
    ndarray of shape (m,)
    """
    own = np.where(hit, values, 1 - values)
    tiny = np.finfo(values.dtype).eps  # where scikit-learn cuts
    each = np.log(np.clip(own, tiny, 1 - tiny)) if name == "neg_log_loss" else -((1 - own) ** 2)
    return np.asarray(times @ each / times.sum(1))
