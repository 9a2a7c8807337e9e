"""Parameters and data of an `AugmentedClassifier`, checked; rows are left as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.utils import assert_all_finite, column_or_1d, indexable
from sklearn.utils.multiclass import check_classification_targets

from ganaug.estimators import options
from ganaug.estimators.rows import check_lengths, check_rows
from ganaug.exceptions import InvalidDataError, InvalidTypeError
from ganaug.oversampling import GANOversampler
from ganaug.selection.finishing import CALIBRATIONS

__all__ = ["calibration", "classifier", "data", "groups", "sampler"]


def classifier(given: Any) -> Any:
    """What is cloned and trained."""
    if isinstance(given, type):
        raise InvalidTypeError(f"estimator={given.__name__} is a class; write estimator={given.__name__}()")
    if given is None:
        return HistGradientBoostingClassifier()
    if not (hasattr(given, "fit") and hasattr(given, "predict")):
        raise InvalidTypeError(f"estimator={given!r} must be a classifier, with fit and predict")
    return given


def sampler(given: Any, verbose: bool | str) -> Any:
    """What makes the rows."""
    if given is None:
        return GANOversampler(verbose=verbose)
    if isinstance(given, type) or not hasattr(given, "fit_resample"):
        raise InvalidTypeError(f"oversampler={given!r} must be a sampler with fit_resample, such as GANOversampler()")
    return given


def calibration(given: Any) -> str | None:
    """Name of a calibration, or None."""
    if isinstance(given, (bool, np.bool_)):
        return "sigmoid" if given else None
    return options.choice("calibrate", given, CALIBRATIONS)


def data(X: Any, y: Any) -> tuple[Any, npt.NDArray[Any]]:
    """Rows as they are, but indexable, and labels as a vector.

    Raises
    ------
    InvalidDataError, InvalidTypeError, ValueError
        If X holds no rows, or y no label for each of them.
    """
    if y is None:
        raise InvalidDataError("AugmentedClassifier requires y to be passed, but the target y is None; give the labels")
    if not hasattr(X, "shape"):
        X = np.asarray(X)
    check_rows(X)
    check_lengths(X, y)
    assert_all_finite(y, input_name="y")
    labels = column_or_1d(y, warn=True)
    check_classification_targets(labels)
    X, labels = indexable(X, labels)
    return X, labels


def groups(given: Any, n: int) -> npt.NDArray[Any] | None:
    """The group of each row, or None.

    Raises
    ------
    InvalidDataError
        If they are not as many as the rows, or one is missing.
    """
    if given is None:
        return None
    found = np.asarray(given)
    if found.shape != (n,):
        raise InvalidDataError(f"groups has shape {found.shape}, and X has {n} rows; give a group for each row")
    if pd.isna(found).any():
        raise InvalidDataError(
            f"groups: {int(pd.isna(found).sum())} rows have none; give each a group, if only its own"
        )
    return np.unique(found.astype(str) if found.dtype == object else found, return_inverse=True)[1]
