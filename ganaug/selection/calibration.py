"""From a classifier's answers to calibrated probabilities and a tuned threshold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

from ganaug.exceptions import InvalidParameterError
from ganaug.selection.fold_predictions import ClassifierOutput, ScorerAdapter
from ganaug.selection.probabilities import OF_LABELS, count_scores
from ganaug.utils.determinism import numpy_generator
from ganaug.utils.types import Array

__all__ = ["CALIBRATIONS", "Calibrator", "Sigmoid", "fit_calibrator", "steady_threshold"]

Floats = npt.NDArray[np.float64]
Map = Callable[[Floats], Floats]  # scores to probabilities

# Thresholds tried; more of them follow the chance of the rows at hand.
THRESHOLDS = 50
# In units of the scores' spread. The slope stays above it, so that a calibration never turns a ranking round.
FLATTEST = 1e-3
NEWTON_STEPS = 50
THRESHOLD_RESAMPLES = 64


@dataclass(frozen=True)
class Sigmoid:
    """p = 1 / (1 + exp(-(slope * s + intercept))), with slope > 0.

    Attributes
    ----------
    slope, intercept : float
        Where s is the logit of a probability, balancing alone moves the
        intercept, by the logarithm of the change of the odds of the classes
        (Saerens et al. 2002); the slope corrects over- and underconfidence.
    """

    slope: float
    intercept: float

    def __call__(self, s: Floats) -> Floats:
        """Probabilities of scores s."""
        return np.asarray(expit(self.slope * s + self.intercept))


def fit_sigmoid(s: Floats, hit: npt.NDArray[np.bool_]) -> Sigmoid:
    """The most likely sigmoid, under Platt's (1999) soft targets, which keep it finite on separable rows."""
    positive, negative = int(hit.sum()), int((~hit).sum())
    target = np.where(hit, (positive + 1) / (positive + 2), 1 / (negative + 2))
    centre, scale = float(s.mean()), float(s.std()) or 1.0
    u, one = (s - centre) / scale, np.ones(len(s))
    slope, intercept = _most_likely(np.column_stack([u, one]), target, 0 * u)
    if slope < FLATTEST:
        slope, intercept = FLATTEST, _most_likely(one[:, None], target, FLATTEST * u)[0]
    return Sigmoid(float(slope / scale), float(intercept - slope * centre / scale))


def _most_likely(A: Floats, target: Floats, offset: Floats) -> Floats:
    """Of p = expit(A theta + offset), the theta with the least cross entropy; Newton's method, never uphill."""

    def loss(theta: Floats) -> float:
        z = A @ theta + offset
        return float(np.mean(np.logaddexp(0, z) - target * z))

    theta = np.zeros(A.shape[1])
    now = loss(theta)
    for _ in range(NEWTON_STEPS):
        p = expit(A @ theta + offset)
        curvature = (A * (p * (1 - p))[:, None]).T @ A + 1e-9 * len(A) * np.eye(len(theta))
        step = np.linalg.solve(curvature, A.T @ (p - target))
        while (then := loss(theta - step)) > now:
            step = step / 2
        theta, gained, now = theta - step, now - then, then
        if gained < 1e-12:
            break
    return theta


def fit_isotonic(s: Floats, hit: npt.NDArray[np.bool_]) -> Map:
    """The most likely non-decreasing steps; they tie what they cannot tell apart."""
    steps = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(s, hit.astype(float))
    predict: Map = steps.predict
    return predict


CALIBRATIONS: dict[str, Callable[[Floats, npt.NDArray[np.bool_]], Map]] = {
    "sigmoid": fit_sigmoid,
    "isotonic": fit_isotonic,
}


@dataclass(frozen=True)
class Calibrator:
    """What is done to a classifier's answers before the user sees them.

    Attributes
    ----------
    n_rows : int
        Rows that it was fitted on: a probability of 0 counts as half a row among them.
    maps : tuple of callable
        Score to probability: one map for two classes, else one for each class; empty without calibration.
    threshold : float or None
        Of the margin (after calibration, if there is one) from which on the second of two classes is predicted.
    """

    n_rows: int
    maps: tuple[Map, ...] = ()
    threshold: float | None = None

    def __call__(self, predictions: ClassifierOutput) -> ClassifierOutput:
        """Calibrated answers, and the labels that follow from them."""
        if self.maps:
            p = np.column_stack([one(s) for one, s in zip(self.maps, _scores(predictions, self.n_rows), strict=True)])
            if p.shape[1] == 1:
                p = np.column_stack([1 - p[:, 0], p[:, 0]])
            else:
                total = p.sum(1, keepdims=True)
                p = np.where(total > 0, p / np.where(total > 0, total, 1), 1 / p.shape[1])
            predictions = replace(predictions, probabilities=p, labels=predictions.classes[p.argmax(1)])
        if self.threshold is not None:
            above = np.asarray(predictions.margin) >= self.threshold
            predictions = replace(predictions, labels=predictions.classes[above.astype(int)])
        return predictions


def fit_calibrator(
    predictions: ClassifierOutput,
    X: object,
    y: Array,
    calibration: str | None,
    metric: ScorerAdapter | None,
    share: float | None = None,
    steady: bool = False,
) -> Calibrator:
    """Learn from answers on rows that the classifier did not train on.

    Parameters
    ----------
    predictions : ClassifierOutput
        On real rows X with labels y.
    calibration : {None, "sigmoid", "isotonic"}
    metric : ScorerAdapter or None
        What the threshold is chosen for; None leaves it.
    share : float, optional
        Threshold of the second class's probability, if there is no metric.
    steady : bool, default=False
        Whether the threshold is a `steady_threshold`, where the metric has one, and not the best cut of these rows.

    Raises
    ------
    InvalidParameterError
        If the classifier gives labels only.
    """
    calibrator = Calibrator(len(y))
    if (calibration or metric) and predictions.margin is None:
        raise InvalidParameterError(
            "threshold and calibrate need an estimator with predict_proba or decision_function; this one has neither"
        )
    if calibration:
        positives = predictions.classes[1:] if len(predictions.classes) == 2 else predictions.classes
        scores = _scores(predictions, len(y))
        fit = CALIBRATIONS[calibration]
        calibrator = replace(calibrator, maps=tuple(fit(s, y == c) for s, c in zip(scores, positives, strict=True)))
    if share is not None:
        calibrator = replace(calibrator, threshold=share)
    if metric:
        said = calibrator(predictions)
        at = steady_threshold(said, y, metric) if steady else None
        calibrator = replace(calibrator, threshold=_best_threshold(said, X, y, metric) if at is None else at)
    return calibrator


def steady_threshold(predictions: ClassifierOutput, y: Array, metric: ScorerAdapter) -> float | None:
    """Where to decide for the second of two classes, found so that few held-out rows do not settle it.

    On the scale of the scores, halfway between two answers. The one is where the metric is best if probabilities are
    what a sigmoid of the scores says, two numbers that all rows tell: with q the sigmoid and r the share of the second
    class, balanced accuracy is best at q >= r, accuracy at q >= 1/2, and F1 where 2 * (sum of q above the cut) /
    (number above + sum of all q) is greatest (Lipton, Elkan and Naryanaswamy 2014). The other is the mean of the best
    cuts of `THRESHOLD_RESAMPLES` resamples within each class, in the manner of bagging (Breiman 1996).

    Parameters
    ----------
    predictions : ClassifierOutput
        On rows with labels y, of two classes.
    metric : ScorerAdapter

    Returns
    -------
    float or None
        A margin; None for metrics other than these three.
    """
    second = y == predictions.classes[1]
    margin = np.asarray(predictions.margin, dtype=np.float64)
    if metric.scoring not in OF_LABELS or second.all() or not second.any() or np.ptp(margin) == 0:
        return None
    name, first = str(metric.scoring), metric.positive is not None and metric.positive == predictions.classes[0]
    (s,) = _scores(predictions, len(y))
    likely = fit_sigmoid(s, second)
    q = likely(s)
    cut = {"balanced_accuracy": float(second.mean()), "accuracy": 0.5}.get(name)
    if cut is None:
        cut = 1 - _best_of_f1(1 - q) if first else _best_of_f1(q)
    by_all = (logit(cut) - likely.intercept) / likely.slope
    cuts = _cuts(s, second)
    bins = np.searchsorted(cuts, s, side="right")  # so many cuts are reached
    rng = numpy_generator(0, "threshold")
    above: list[Floats] = []
    sizes: list[float] = []
    for rows in (second, ~second):
        counts = np.bincount(bins[rows], minlength=len(cuts) + 1)
        drawn = rng.multinomial(counts.sum(), counts / counts.sum(), size=THRESHOLD_RESAMPLES)
        above.append(drawn[:, ::-1].cumsum(axis=1)[:, -2::-1].astype(np.float64))
        sizes.append(float(counts.sum()))
    (right, false), (positive, negative) = above, sizes
    if first:
        right, false, positive, negative = negative - false, positive - right, negative, positive
    scores = count_scores(name, right, false, positive, negative)
    by_few = float(cuts[scores.argmax(axis=1)].mean())
    at = (np.clip(by_all, s.min(), s.max()) + by_few) / 2
    if predictions.probabilities is None:
        return float(at)
    half = 0.5 / (len(y) + 1)
    return float((expit(at) - half) / (1 - 2 * half))


def _best_of_f1(q: Floats) -> float:
    """The cut of probabilities at which the expected F1 is greatest."""
    q = np.sort(q)[::-1]
    gained = 2 * np.cumsum(q) / (np.arange(1, len(q) + 1) + q.sum())
    place = int(gained.argmax())
    return float(q[place : place + 2].mean())


def _scores(predictions: ClassifierOutput, n_rows: int) -> list[Floats]:
    """What calibration maps to a probability: of two classes the second's, else each one's."""
    if predictions.probabilities is not None:
        # strictly monotone, and finite where a forest is certain
        half = 0.5 / (n_rows + 1)
        columns = logit(half + (1 - 2 * half) * np.asarray(predictions.probabilities, dtype=np.float64)).T
        return list(columns[1:] if len(columns) == 2 else columns)
    decisions = np.asarray(predictions.decisions, dtype=np.float64)
    return [decisions] if decisions.ndim == 1 else list(decisions.T)


def _best_threshold(predictions: ClassifierOutput, X: object, y: Array, metric: ScorerAdapter) -> float:
    """Between two margins that occur: where the metric is best; among equals, the middle one."""
    margin = np.asarray(predictions.margin, dtype=np.float64)
    values = np.unique(margin)
    usual = 0.0 if predictions.probabilities is None else 0.5
    if len(values) < 2:
        return usual
    tried = np.sort(np.append(_cuts(margin, y == predictions.classes[1]), usual))
    scores = metric.of_thresholds(predictions, y, tried)
    if scores is None:
        scores = np.array([metric(Calibrator(len(y), (), float(t))(predictions), X, y) for t in tried])
    if not np.isfinite(scores).any():
        return usual
    best = tried[scores >= np.nanmax(scores) - 1e-12]
    return float(best[len(best) // 2])


def _cuts(margin: Floats, second: npt.NDArray[np.bool_]) -> Floats:
    """Values between margins, of which there are two at least, beside those of the rarer class, where rates change."""
    values = np.unique(margin)
    rare = np.unique(margin[second if second.mean() <= 0.5 else ~second])
    places = np.searchsorted(values, rare)
    cuts = np.unique(np.concatenate([places, places + 1]))
    cuts = cuts[(cuts > 0) & (cuts < len(values))]
    if len(cuts) > THRESHOLDS:
        cuts = cuts[np.linspace(0, len(cuts) - 1, THRESHOLDS).round().astype(int)]
    return np.asarray((values[cuts - 1] + values[cuts]) / 2)
