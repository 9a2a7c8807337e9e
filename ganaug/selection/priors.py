"""What is known of a treatment's gain before the data at hand are looked at, and how evidence is combined with it.

`prior_gains.json` holds, by metric, kind of classifier and kind of treatment, the mean and the spread of the gains on
public data sets, in parts of what the bare classifier leaves to gain. examples/benchmarks/prior_gains.py writes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm

__all__ = ["Belief", "beliefs_of", "expected_improvement", "family_of", "room", "scale", "with_prior"]

Floats = npt.NDArray[np.float64]

# The best value of a metric; the gains of a treatment grow with the distance to it.
BEST = {
    "accuracy": 1.0,
    "average_precision": 1.0,
    "balanced_accuracy": 1.0,
    "f1": 1.0,
    "roc_auc": 1.0,
}
LEAST_SCALE = 0.1  # where less is left to gain, treatments still harm


class Belief(NamedTuple):
    """A normal prior of a gain, in parts of what there is to gain.

    Attributes
    ----------
    mean, spread : float
    """

    mean: float
    spread: float


def family_of(estimator: Any) -> str:
    """The kind of a classifier, as the table knows it; a Pipeline's is that of its last step.

    Examples
    --------
    >>> from sklearn.ensemble import HistGradientBoostingClassifier
    >>> from ganaug.selection.priors import family_of
    >>> family_of(HistGradientBoostingClassifier())
    'boosting'
    """
    while isinstance(getattr(estimator, "steps", None), list) and estimator.steps:
        estimator = estimator.steps[-1][1]
    name = type(estimator).__name__
    families = {
        "boosting": ("Boost", "LGBM", "XGB"),
        "forest": ("Forest", "ExtraTrees", "Bagging"),
        "neighbors": ("Neighbors",),
        "linear": ("Logistic", "Linear", "Ridge", "SGD", "Perceptron"),
    }
    found = (family for family, parts in families.items() if any(part in name for part in parts))
    own = next(found, None)
    if own is None and hasattr(getattr(estimator, "estimator", None), "fit"):  # of a search, say
        return family_of(estimator.estimator)
    return own or "other"


@cache
def _table() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files("ganaug.selection").joinpath("prior_gains.json").read_text("utf-8"))
    return found


def beliefs_of(scoring: Any, estimator: Any) -> dict[str, Belief] | None:
    """Priors by kind of treatment; None where nothing is known of the metric."""
    by_family = _table()["gains"].get(scoring) if isinstance(scoring, str) and scoring in BEST else None
    if by_family is None:
        return None
    own = by_family.get(family_of(estimator), by_family["other"])
    return {kind: Belief(*numbers[:2]) for kind, numbers in own.items()}


def room(scoring: str, score: float) -> float:
    """What is left to gain above a score."""
    return BEST[scoring] - score


def scale(scoring: str, score: float) -> float:
    """The unit of known gains: what is left to gain above a score, but not less than `LEAST_SCALE`."""
    return max(room(scoring, score), LEAST_SCALE)


def with_prior(
    table: pd.DataFrame, kinds: Sequence[str], beliefs: Mapping[str, Belief] | None, scoring: Any
) -> pd.DataFrame:
    """Evidence with two columns more, ``expected`` and ``expected_error``, and ``needed`` by the prior.

    With gain g, its error e and the prior's mean m and spread s (times what there is to gain)::

        expected_error = 1 / sqrt(1 / e^2 + 1 / s^2)
        expected       = expected_error^2 * (g / e^2 + m / s^2)
        needed         = the g at which expected is k times expected_error, at least 0

    where k errors are what the evidence alone asks for. With a very wide prior it is the rule of `evidence`; without
    one ``expected`` is the gain itself, and ``needed`` stays.

    Parameters
    ----------
    table : DataFrame
        The evidence.
    kinds : sequence of str
        Kind of each treatment.
    beliefs : dict of kind to Belief, or None
    scoring : str
    """
    gain, error = table["gain"].to_numpy(dtype=float), table["gain_error"].to_numpy(dtype=float)
    if beliefs is None:
        return table.assign(expected=gain, expected_error=error)
    unit = scale(scoring, float(table["score"].iloc[0]))
    prior = [beliefs.get(kind, Belief(0.0, 0.1)) for kind in kinds]
    mean = np.array([one.mean for one in prior]) * unit
    spread = np.array([one.spread for one in prior]) * unit
    sure = error == 0  # answers that differ in nothing
    e = np.where(sure, 1.0, error)
    asked = np.where(sure, 0.0, table["needed"].to_numpy(dtype=float) / e)
    variance = 1 / (1 / e**2 + 1 / spread**2)
    expected = np.where(sure, gain, variance * (gain / e**2 + mean / spread**2))
    needed = np.where(sure, 0.0, np.maximum(0, e**2 * (asked / np.sqrt(variance) - mean / spread**2)))
    return table.assign(needed=needed, expected=expected, expected_error=np.where(sure, 0.0, np.sqrt(variance)))


def expected_improvement(mean: float | Floats, error: float | Floats, over: float) -> float:
    """How much is won on average by taking the best of these, where one gains ``over`` already: E max(0, g - over)."""
    gap, error = np.atleast_1d(mean) - over, np.maximum(np.atleast_1d(error), 1e-12)
    found = gap * norm.cdf(gap / error) + error * norm.pdf(gap / error)
    return float(np.nanmax(found)) if np.isfinite(found).any() else 0.0
