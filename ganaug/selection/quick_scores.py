"""Scores of many resamples or thresholds of the same answers at once, as scikit-learn gives them one by one.

Rows drawn again are numbers of how often each row was drawn, so that a resample is a line of a matrix. Only for two
classes labelled 0 and 1; everything else is left to scikit-learn's scorers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["OF_LABELS", "OF_RANKING", "label_scores", "ranking_scores"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

OF_LABELS = ("accuracy", "balanced_accuracy", "f1")
OF_RANKING = ("average_precision", "roc_auc")


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
