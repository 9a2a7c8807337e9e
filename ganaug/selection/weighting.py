"""How weights of rows and of classes reach a classifier, also the last step of a Pipeline."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import _check_sample_weight, has_fit_parameter

from ganaug.exceptions import InvalidDataError, InvalidParameterError

__all__ = ["Weighting", "checked_weights"]


class Weighting(NamedTuple):
    """What a classifier takes.

    Attributes
    ----------
    rows : str or None
        Parameter of its ``fit`` that takes a weight for each row: "sample_weight", or for a Pipeline that of its last
        step, "logisticregression__sample_weight". None: there is none.
    classes : str or None
        Constructor parameter that takes ``"balanced"``: "class_weight", or "logisticregression__class_weight".

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from ganaug.selection.weighting import Weighting
    >>> Weighting.of(make_pipeline(StandardScaler(), LogisticRegression())).rows
    'logisticregression__sample_weight'
    """

    rows: str | None
    classes: str | None

    @classmethod
    def of(cls, estimator: Any) -> Weighting:
        """What an estimator takes, which need not be fitted."""
        steps = getattr(estimator, "steps", None)
        if not isinstance(steps, list) or not steps:
            own = estimator.get_params(deep=False) if hasattr(estimator, "get_params") else {}
            rows = "sample_weight" if has_fit_parameter(estimator, "sample_weight") else None
            return cls(rows, "class_weight" if "class_weight" in own else None)
        name, last = steps[-1]
        if not hasattr(last, "fit"):  # "passthrough"
            return cls(None, None)
        inner = cls.of(last)
        # where a step resamples, the weights would be those of other rows
        resampled = any(hasattr(step, "fit_resample") for _, step in steps)
        return cls(*(f"{name}__{one}" if one else None for one in (None if resampled else inner.rows, inner.classes)))

    @property
    def balances(self) -> bool:
        """Whether classes can be made to weigh the same."""
        return self.rows is not None or self.classes is not None


def checked_weights(sample_weight: Any, X: Any, weighting: Weighting, estimator: Any) -> npt.NDArray[np.float64] | None:
    """A weight for each row, or None where none were given.

    Raises
    ------
    InvalidDataError
        If they are no numbers, negative, not finite, all zero, or not as many as the rows.
    InvalidParameterError
        If the estimator takes no weights.
    """
    if sample_weight is None:
        return None
    try:
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    except (TypeError, ValueError) as error:
        raise InvalidDataError(f"sample_weight: {error}") from error
    if not weights.any():  # older versions of scikit-learn let it pass
        raise InvalidDataError("sample_weight: every weight is 0, so there is no row to train on")
    if weighting.rows is None:
        raise InvalidParameterError(
            f"sample_weight was given, but the fit of estimator={type(estimator).__name__} takes no weights of rows; "
            "leave sample_weight out, or take an estimator that has them, such as HistGradientBoostingClassifier"
        )
    return np.asarray(weights, dtype=np.float64)
