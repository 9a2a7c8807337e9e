"""Treatments of imbalance: new rows, class weights, moved thresholds, or a model of one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from imblearn.over_sampling import RandomOverSampler
from sklearn.base import BaseEstimator
from sklearn.model_selection import StratifiedKFold, TunedThresholdClassifierCV
from sklearn.pipeline import Pipeline
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import has_fit_parameter

from ganaug.exceptions import InvalidTypeError
from ganaug.experiments.classifiers import Floats, Table
from ganaug.experiments.neighbor_sampler import NeighborSampler

__all__ = ["TREATMENTS", "Treatment", "as_treatment", "default_oversamplers"]

Labels = npt.NDArray[Any]
# (classifier, X, y, seed) -> the fitted classifier, and "" or what could not be done
Fit = Callable[[BaseEstimator, Table, Labels, int], tuple[BaseEstimator, str]]

TUNING_FOLDS = 5


def plain(classifier: BaseEstimator, X: Table, y: Labels, seed: int) -> tuple[BaseEstimator, str]:
    """The classifier as it is."""
    classifier.fit(X, y)
    return classifier, ""


def class_weighted(classifier: BaseEstimator, X: Table, y: Labels, seed: int) -> tuple[BaseEstimator, str]:
    """Balanced class weights, by the parameter ``class_weight`` of the classifier or a step, else as sample weights.

    A classifier that takes neither is fitted without: that is all that class weights can do for it.
    """
    weights: dict[str, Floats] = {}
    note, last, prefix = "", classifier, ""
    while isinstance(last, Pipeline):
        name, last = last.steps[-1]
        prefix += f"{name}__"
    settable = [name for name in classifier.get_params(deep=True) if name.split("__")[-1] == "class_weight"]
    if settable:
        classifier.set_params(**dict.fromkeys(settable, "balanced"))
    elif has_fit_parameter(last, "sample_weight"):
        weights = {f"{prefix}sample_weight": compute_sample_weight("balanced", y)}
    else:
        note = f"not applicable: {type(last).__name__} takes no weights, and was fitted without"
    classifier.fit(X, y, **weights)
    return classifier, note


def at_prior(classifier: BaseEstimator, X: Table, y: Labels, seed: int) -> tuple[BaseEstimator, str]:
    """The threshold at the share of the training rows: the class with the largest P(class | x) / share is predicted.

    Of two classes, that is the positive one where its probability is at least its share.
    """
    classifier.fit(X, y)
    if not hasattr(classifier, "predict_proba"):
        return classifier, f"not applicable: {type(classifier).__name__} has no probabilities"
    return _AtShares(classifier, np.unique(y, return_counts=True)[1] / len(y)), ""


class _AtShares:
    def __init__(self, classifier: BaseEstimator, shares: Floats) -> None:
        self.classifier, self.shares, self.classes_ = classifier, shares, classifier.classes_

    def predict_proba(self, X: Table) -> Floats:
        found: Floats = self.classifier.predict_proba(X)
        return found

    def predict(self, X: Table) -> Labels:
        found: Labels = self.classes_[(self.predict_proba(X) / self.shares).argmax(axis=1)]
        return found


def tuned(classifier: BaseEstimator, X: Table, y: Labels, seed: int) -> tuple[BaseEstimator, str]:
    """The threshold with the best balanced accuracy in a cross-validation of the training rows, by scikit-learn."""
    sizes = np.unique(y, return_counts=True)[1]
    if len(sizes) != 2 or sizes.min() < 2:
        classifier.fit(X, y)
        return classifier, "not applicable: a threshold is tuned for two classes of at least two rows each"
    folds = StratifiedKFold(min(TUNING_FOLDS, int(sizes.min())), shuffle=True, random_state=seed % 2**31)
    return TunedThresholdClassifierCV(classifier, scoring="balanced_accuracy", cv=folds).fit(X, y), ""


@dataclass(frozen=True)
class Treatment:
    """What is done about imbalance: rows before a classifier is fitted, and how it is fitted and decides.

    Parameters
    ----------
    fit : callable, optional
        ``fit(classifier, X, y, seed)`` returns a fitted classifier, and an empty text or what could not be done. It
        gets a clone of the classifier, with seeds. It may fit another model instead: a balanced forest, say.
        By default the classifier is fitted as it is.
    sampler : object with ``fit_resample(X, y)``, optional
        Applied to the training rows first.
    decides : bool, default=False
        Whether the fitted classifier's ``predict`` gives the class, as where a threshold is moved. By default it is
        the most probable one.

    Examples
    --------
    >>> from imblearn.ensemble import BalancedRandomForestClassifier
    >>> from ganaug.experiments import Treatment
    >>> def balanced_forest(classifier, X, y, seed):
    ...     return BalancedRandomForestClassifier(random_state=seed % 2**31).fit(X, y), ""
    >>> treatments = {"none": None, "balanced forest": Treatment(balanced_forest)}
    """

    fit: Fit = plain
    sampler: Any = None
    decides: bool = False


# What a name stands for among the oversamplers of `compare`. A new one is a line.
TREATMENTS: dict[str, Treatment] = {
    "class_weight": Treatment(class_weighted),
    "prior": Treatment(at_prior, decides=True),
    "tuned": Treatment(tuned, decides=True),
}


def as_treatment(name: str, given: Any) -> Treatment:
    """A treatment, or what stands for one: its name, None, or a sampler."""
    if given is None or isinstance(given, Treatment):
        return given or Treatment()
    if isinstance(given, str) and given in TREATMENTS:
        return TREATMENTS[given]
    if isinstance(given, (type, str)) or not hasattr(given, "fit_resample"):
        raise InvalidTypeError(
            f"oversamplers[{name!r}]={given!r} must be an instance with fit_resample(X, y), a Treatment, None, "
            f"or one of {', '.join(map(repr, TREATMENTS))}"
        )
    return Treatment(sampler=given)


def default_oversamplers() -> dict[str, Any]:
    """What `compare` compares unless told otherwise: name to sampler.

    Examples
    --------
    >>> from ganaug.experiments import default_oversamplers
    >>> list(default_oversamplers())
    ['none', 'class weights', 'random', 'SMOTE', 'BorderlineSMOTE', 'ADASYN', 'GANOversampler']
    """
    from ganaug.oversampling import GANOversampler  # imports torch

    return {
        "none": None,
        "class weights": "class_weight",
        "random": RandomOverSampler(),
        "SMOTE": NeighborSampler("smote"),
        "BorderlineSMOTE": NeighborSampler("borderline"),
        "ADASYN": NeighborSampler("adasyn"),
        "GANOversampler": GANOversampler(verbose=False),
    }
