"""The judges: classifiers, what they need done to a table first, and how they are given class weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import has_fit_parameter

from ganaug.experiments.tables import as_numbers, as_texts, number_columns
from ganaug.utils.seeding import child_seed

__all__ = ["default_classifiers", "fit_classifier", "preprocessing", "seeded"]

MAX_LEVELS = 50  # one-hot columns of one category column; the rarest levels share the last


def default_classifiers() -> dict[str, Any]:
    """What `compare` judges by unless told otherwise: name to classifier, with scikit-learn's defaults.

    Examples
    --------
    >>> from ganaug.experiments import default_classifiers
    >>> len(default_classifiers())
    6
    """
    return {
        "logistic regression": LogisticRegression(max_iter=1000),
        "kNN": KNeighborsClassifier(),
        "decision tree": DecisionTreeClassifier(),
        "random forest": RandomForestClassifier(),
        "HistGradientBoosting": HistGradientBoostingClassifier(),
        "MLP": MLPClassifier(),
    }


def preprocessing(frame: Any) -> ColumnTransformer:
    """Impute, scale and one-hot encode: median and standard score of numbers, indicators of categories.

    A missing category is a category of its own, as is any that was not seen in training (all zeros).
    """
    is_number = np.array(number_columns(frame), dtype=bool)
    numbers = make_pipeline(
        FunctionTransformer(as_numbers),
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
    )
    categories = make_pipeline(
        FunctionTransformer(as_texts),
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MAX_LEVELS, sparse_output=False),
    )
    parts = [
        ("numbers", numbers, np.flatnonzero(is_number).tolist()),
        ("categories", categories, np.flatnonzero(~is_number).tolist()),
    ]
    return ColumnTransformer(parts, sparse_threshold=0.0).set_output(transform="default")


def seeded(estimator: Any, seed: int) -> Any:
    """A clone in which every ``random_state`` that is None is an integer derived from ``seed`` and its name."""
    own = clone(estimator, safe=not hasattr(estimator, "get_params"))
    if not hasattr(own, "get_params"):
        return own
    free = [
        name
        for name, value in sorted(own.get_params(deep=True).items())
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    ]
    return own.set_params(**{name: child_seed(seed, name) % 2**31 for name in free})


def fit_classifier(classifier: BaseEstimator, X: Any, y: np.ndarray, weighted: bool) -> str:
    """Fit it, with balanced class weights if asked; what could not be done is returned as text.

    Weights go in as ``class_weight="balanced"`` where the classifier, or a step
    of it, has that parameter, else as ``sample_weight`` of its ``fit``. One that takes
    neither is fitted without: that is all that class weights can do for it.
    """
    if not weighted:
        classifier.fit(X, y)
        return ""
    settable = [name for name in classifier.get_params(deep=True) if name.split("__")[-1] == "class_weight"]
    if settable:
        classifier.set_params(**dict.fromkeys(settable, "balanced"))
        classifier.fit(X, y)
        return ""
    last, prefix = classifier, ""
    while isinstance(last, Pipeline):
        name, last = last.steps[-1]
        prefix += f"{name}__"
    if has_fit_parameter(last, "sample_weight"):
        classifier.fit(X, y, **{f"{prefix}sample_weight": compute_sample_weight("balanced", y)})
        return ""
    classifier.fit(X, y)
    return f"not applicable: {type(last).__name__} takes no weights, and was fitted without"
