"""A scorer under the labels that it can read, with errors that name the parameter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.dummy import DummyClassifier
from sklearn.metrics import check_scoring, get_scorer

from ganaug.exceptions import InvalidParameterError, InvalidTypeError
from ganaug.selection.responses import Recorded, Responses

__all__ = ["Metric"]


class Metric:
    """One number for recorded answers; greater is better.

    scikit-learn's metrics by name take class 1 as the positive one, and refuse
    two classes of which none is 1. For these the rarer class is the positive one.

    Parameters
    ----------
    parameter : str
        Name of the parameter that gave it.
    scoring : str or callable
        As in scikit-learn.
    classes, sizes : ndarray of shape (k,)
        Labels and their numbers of rows.

    Raises
    ------
    InvalidParameterError, InvalidTypeError
        If there is no such scorer, or it is no callable.
    """

    def __init__(self, parameter: str, scoring: Any, classes: npt.NDArray[Any], sizes: npt.NDArray[np.int64]) -> None:
        self.parameter = parameter
        self.scoring = scoring
        try:
            self.scorer = get_scorer(scoring) if isinstance(scoring, str) else scoring
        except ValueError as error:
            raise InvalidParameterError(f"{parameter}: {error}") from error
        if not callable(self.scorer):
            raise InvalidTypeError(
                f"{parameter}={scoring!r} must be the name of a scorer or a callable(estimator, X, y)"
            )
        try:  # refuses a metric in the place of a scorer
            check_scoring(DummyClassifier(), self.scorer)
        except ValueError as error:
            raise InvalidParameterError(f"{parameter}: {error}") from error
        own = isinstance(scoring, str) and len(classes) == 2 and 1 not in classes.tolist()
        self.positive = classes[int(np.argmin(sizes))] if own else None

    @property
    def name(self) -> str:
        """For sentences: "average precision"."""
        given = self.scoring
        return given.replace("_", " ") if isinstance(given, str) else getattr(given, "__name__", "score")

    def __call__(self, responses: Responses, X: Any, y: npt.NDArray[Any]) -> float:
        """The score of answers on rows X with labels y.

        Raises
        ------
        InvalidParameterError
            If the scorer cannot judge these.
        """
        if self.positive is not None:
            responses, y = responses.binary(self.positive), (y == self.positive).astype(int)
        try:
            return float(self.scorer(Recorded(responses), X, y))
        except (AttributeError, TypeError, ValueError) as error:
            raise InvalidParameterError(
                f"{self.parameter}={self.scoring!r} cannot judge this classifier on {len(responses.classes)} classes: "
                f"{error}"
            ) from error

    def sees_labels(self, responses: Responses, X: Any, y: npt.NDArray[Any]) -> bool:
        """Whether the labels predicted matter, so that a threshold does."""
        first, second = responses.classes[:2]
        wrong = np.where(y == first, second, first)
        return self(replace(responses, labels=y), X, y) != self(replace(responses, labels=wrong), X, y)
