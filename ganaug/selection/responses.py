"""What a classifier said of held-out rows, kept so that any scorer can judge it later, and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.metaestimators import available_if

from ganaug.exceptions import InvalidParameterError

__all__ = ["Recorded", "Responses", "joined", "record"]


@dataclass(frozen=True)
class Responses:
    """Answers of one classifier, row by row.

    Attributes
    ----------
    classes : ndarray of shape (k,)
    labels : ndarray of shape (n,)
        What ``predict`` said.
    probabilities : ndarray of shape (n, k) or None
    decisions : ndarray of shape (n,) or (n, k) or None
        None where the classifier has no such method.
    """

    classes: npt.NDArray[Any]
    labels: npt.NDArray[Any]
    probabilities: npt.NDArray[Any] | None
    decisions: npt.NDArray[Any] | None

    def take(self, rows: npt.NDArray[Any]) -> Responses:
        """The answers on some rows."""
        return replace(
            self,
            labels=self.labels[rows],
            probabilities=None if self.probabilities is None else self.probabilities[rows],
            decisions=None if self.decisions is None else self.decisions[rows],
        )

    def binary(self, positive: Any) -> Responses:
        """The same with ``positive`` as class 1 and the other one as class 0."""
        flip = positive == self.classes[0]
        return Responses(
            np.array([0, 1]),
            (self.labels == positive).astype(int),
            self.probabilities[:, ::-1] if flip and self.probabilities is not None else self.probabilities,
            -self.decisions if flip and self.decisions is not None else self.decisions,
        )

    @property
    def margin(self) -> npt.NDArray[Any] | None:
        """Of two classes: how much speaks for the second, on whichever scale the classifier has."""
        return self.decisions if self.probabilities is None else self.probabilities[:, 1]


def record(estimator: Any, X: Any) -> Responses:
    """Ask a fitted classifier everything it can tell of X."""
    ask = {name: getattr(estimator, name, None) for name in ("predict_proba", "decision_function")}
    said = {name: None if method is None else np.asarray(method(X)) for name, method in ask.items()}
    return Responses(
        np.asarray(estimator.classes_),
        np.asarray(estimator.predict(X)),
        said["predict_proba"],
        said["decision_function"],
    )


def joined(parts: Sequence[Responses]) -> Responses:
    """Answers of several folds, one under the other."""
    first = parts[0]
    if any(not np.array_equal(part.classes, first.classes) for part in parts):
        raise InvalidParameterError("cv: every training part must hold every class")
    return Responses(
        first.classes,
        np.concatenate([part.labels for part in parts]),
        _stacked([part.probabilities for part in parts]),
        _stacked([part.decisions for part in parts]),
    )


def _stacked(arrays: list[npt.NDArray[Any] | None]) -> npt.NDArray[Any] | None:
    present = [array for array in arrays if array is not None]
    return np.concatenate(present) if len(present) == len(arrays) else None


class Recorded(ClassifierMixin, BaseEstimator):
    """A fitted classifier that repeats what it said, for scorers that ask for one."""

    def __init__(self, responses: Responses) -> None:
        self.responses = responses
        self.classes_ = responses.classes

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The recorded labels, whatever X."""
        return self.responses.labels

    @available_if(lambda self: self.responses.probabilities is not None)
    def predict_proba(self, X: Any) -> Any:
        """The recorded probabilities, whatever X."""
        return self.responses.probabilities

    @available_if(lambda self: self.responses.decisions is not None)
    def decision_function(self, X: Any) -> Any:
        """The recorded decisions, whatever X."""
        return self.responses.decisions
