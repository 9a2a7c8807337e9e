"""Classifiers that speak as one, by the mean of their probabilities, and balanced draws that some are trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.metaestimators import available_if

from ganaug.utils.determinism import numpy_generator
from ganaug.utils.types import Array, IntArray

__all__ = ["AveragedClassifier", "balanced_draws", "decisions_of", "joined"]

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
    >>> from ganaug.selection.averages import AveragedClassifier
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
    >>> from ganaug.selection.averages import balanced_draws
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
