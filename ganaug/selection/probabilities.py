"""Probabilities of classes: means of several classifiers', and scores of many resamples or thresholds at once.

Rows drawn again are numbers of how often each row was drawn, so that a resample is a line of a matrix. Quick scores are
for two classes labelled 0 and 1 only, as scikit-learn gives them one by one; everything else is left to its scorers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.metaestimators import available_if

from ganaug.utils.determinism import numpy_generator
from ganaug.utils.types import Array, IntArray

__all__ = [
    "OF_LABELS",
    "OF_PROBABILITIES",
    "OF_RANKING",
    "AveragedClassifier",
    "balanced_draws",
    "count_scores",
    "decisions_of",
    "joined",
    "label_scores",
    "probability_scores",
    "ranking_scores",
]

# --------------------------------------------------------------------------------------
# Classifiers that speak as one, by the mean of their probabilities, and balanced draws that some are trained on.


Floats = npt.NDArray[np.float64]

# Where a mean probability is 0 or 1, its logit counts as that of this distance.
FINITE = 1e-9


def decisions_of(probabilities: Floats) -> Floats:
    """What speaks for each class, as ``decision_function`` says it: of two classes the second's logit."""
    logits = logit(np.clip(np.asarray(probabilities, dtype=np.float64), FINITE, 1 - FINITE))
    return np.asarray(logits[:, 1] if logits.shape[1] == 2 else logits)


class AveragedClassifier(ClassifierMixin, BaseEstimator):
    """Fitted classifiers of the same classes; what it says is the mean of their probabilities.

    The errors that classifiers make because they were trained on other rows or other weights cancel in part, as in
    bagging (Breiman 1996).

    Parameters
    ----------
    members : list of fitted classifiers
        With ``predict_proba`` and the same ``classes_``, which are not trained again.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from ganaug.selection.probabilities import AveragedClassifier
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    >>> members = [GaussianNB().fit(X, y), GaussianNB(priors=[0.9, 0.1]).fit(X, y)]
    >>> AveragedClassifier(members).predict_proba([[1.5]]).round(2).tolist()
    [[0.7, 0.3]]
    """

    def __init__(self, members: list[ClassifierMixin]) -> None:
        self.members = members

    def __sklearn_is_fitted__(self) -> bool:
        return True

    @property
    def classes_(self) -> Array:
        """Labels, in the order of the probabilities."""
        return np.asarray(self.members[0].classes_)

    @property
    def n_features_in_(self) -> int:
        """Columns of the rows that the members were trained on."""
        return int(self.members[0].n_features_in_)

    def predict_proba(self, X: object) -> Floats:
        """Mean of the members' probabilities, of shape (n_samples, n_classes)."""
        return np.mean([one.predict_proba(X) for one in self.members], axis=0, dtype=np.float64)

    def predict(self, X: object) -> Array:
        """The most probable class of each row."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    @available_if(lambda self: all(hasattr(one, "decision_function") for one in self.members))
    def decision_function(self, X: object) -> Floats:
        """Logits of the mean probabilities: of two classes the second's, else one for each class."""
        return decisions_of(self.predict_proba(X))


def balanced_draws(y: Array, n_draws: int, seed: int) -> list[IntArray]:
    """Rows of draws in which each class has as many rows as the smallest one, without replacement.

    With several classifiers, each trained on one draw, plentiful rows are not lost (X.-Y. Liu, J. Wu, Z.-H. Zhou,
    Exploratory undersampling for class-imbalance learning, 2009).

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels.
    n_draws : int
    seed : int

    Returns
    -------
    list of ndarray of int
        In the order of the rows.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug.selection.probabilities import balanced_draws
    >>> y = np.array([0, 0, 0, 0, 1, 1])
    >>> [y[rows].tolist() for rows in balanced_draws(y, 2, seed=0)]
    [[0, 0, 1, 1], [0, 0, 1, 1]]
    """
    places = [np.flatnonzero(y == label) for label in np.unique(y)]
    size = min(map(len, places))
    found = []
    for draw in range(n_draws):
        rng = numpy_generator(seed, "draw", draw)
        found.append(np.sort(np.concatenate([rng.choice(rows, size, replace=False) for rows in places])))
    return found


def joined(members: Sequence[ClassifierMixin]) -> ClassifierMixin:
    """One classifier for several; a single one stays as it is."""
    return members[0] if len(members) == 1 else AveragedClassifier(list(members))


# --------------------------------------------------------------------------------------
# Scores of many resamples or thresholds of the same answers at once, as scikit-learn gives them one by one.


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
