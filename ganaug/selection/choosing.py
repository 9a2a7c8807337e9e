"""Checks of what is given, scores on held-out rows, the evidence that follows from them, and the verdict in words."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.utils import _safe_indexing, assert_all_finite, column_or_1d, get_tags, indexable
from sklearn.utils.multiclass import check_classification_targets

from ganaug.encoding.containers import check_lengths, check_rows
from ganaug.encoding.table_checks import refuse_foreign
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.runtime.compute import run_tasks
from ganaug.selection.calibration import CALIBRATIONS, Calibrator, fit_calibrator
from ganaug.selection.candidates import Blend
from ganaug.selection.fold_predictions import ClassifierOutput, FoldPredictions, ScorerAdapter, concatenate_predictions
from ganaug.utils import types
from ganaug.utils.determinism import numpy_generator
from ganaug.utils.types import Array, IntArray

__all__ = [
    "EXPECTED",
    "UNEXPECTED",
    "BlendScorer",
    "best_blend",
    "calibration",
    "classifier",
    "data",
    "evidence",
    "groups",
    "no_evidence",
    "out_of_fold",
    "refuse_other_kinds",
    "surer",
    "verdict_on_evidence",
    "verdict_without_evidence",
]

# --------------------------------------------------------------------------------------
# Parameters and data of an `AugmentedClassifier`, checked; rows are left as they are.


# What is none, by `estimator_type` of its tags.
_OTHER_KINDS = {
    "regressor": "a regressor",
    "clusterer": "a clusterer",
    "outlier_detector": "a detector of outliers",
    "density_estimator": "an estimator of densities",
}


def classifier(given: object) -> BaseEstimator:
    """What is cloned and trained."""
    if isinstance(given, type):
        raise InvalidTypeError(f"estimator={given.__name__} is a class; write estimator={given.__name__}()")
    if given is None:
        return HistGradientBoostingClassifier()
    if not (hasattr(given, "fit") and hasattr(given, "predict")):
        raise InvalidTypeError(f"estimator={given!r} must be a classifier, with fit and predict")
    return given


def calibration(given: object) -> str | None:
    """Name of a calibration, or None."""
    if isinstance(given, (bool, np.bool_)):
        return "sigmoid" if given else None
    return types.choice("calibrate", given, CALIBRATIONS)


def data(X: object, y: object) -> tuple[Any, npt.NDArray[Any]]:
    """Rows as they are, but indexable, and labels as a vector.

    Raises
    ------
    InvalidDataError, InvalidTypeError, ValueError
        If X holds no rows, or y no label for each of them.
    """
    if y is None:
        raise InvalidDataError("AugmentedClassifier requires y to be passed, but the target y is None; give the labels")
    refuse_foreign(X, "X")
    if not hasattr(X, "shape"):
        X = np.asarray(X)
    check_rows(X)
    check_lengths(X, y)
    assert_all_finite(y, input_name="y")
    labels = column_or_1d(y, warn=True)
    if labels.dtype == object and not all(isinstance(label, str) for label in labels):  # or a kind of str, of numpy
        kinds = sorted({type(label).__name__ for label in labels})
        raise InvalidDataError(
            f"y has labels of type {', '.join(kinds)} in an object array, which classifiers refuse (Unknown label "
            "type); make them one type, with y.astype(str) or, where all are whole numbers, y.astype(int)"
        )
    check_classification_targets(labels)
    X, labels = indexable(X, labels)
    return X, labels


def refuse_other_kinds(estimator: BaseEstimator) -> None:
    """Refuse an estimator whose tags name another kind.

    Raises
    ------
    InvalidTypeError
        Naming the estimator, and what it is.
    """
    kind = get_tags(estimator).estimator_type
    if kind in _OTHER_KINDS:
        raise InvalidTypeError(
            f"estimator={type(estimator).__name__}() is {_OTHER_KINDS[kind]}; give a classifier, "
            "such as HistGradientBoostingClassifier()"
        )


def groups(given: object, n: int) -> npt.NDArray[Any] | None:
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


# --------------------------------------------------------------------------------------
# Which blend helps, by more than noise: held-out scores, their errors, the rule, the evidence.


Floats = npt.NDArray[np.float64]

RESAMPLES = 64
# Of a normal distribution, this share lies below one standard error.
ONE_ERROR = 0.8413
# How many errors a gain must exceed: where balancing should help, for it moves decisions towards the rare classes, and
# where it should not, for the best ranking is the same at any balance. docs/augmented_classifier.md says what other
# numbers would choose.
EXPECTED, UNEXPECTED = 1.0, 1.5


@dataclass(frozen=True)
class BlendScorer:
    """How answers are judged.

    Attributes
    ----------
    metric : ScorerAdapter
    calibration : str or None
    threshold_metric : ScorerAdapter or None
        What is done to the answers before they are judged, see `fit_calibrator`.
    """

    metric: ScorerAdapter
    calibration: str | None
    threshold_metric: ScorerAdapter | None

    def calibrator(
        self, predictions: ClassifierOutput, X: object, y: npt.NDArray[Any], threshold: str = ""
    ) -> Calibrator | None:
        """Learn from held-out rows what is to be done to answers, if anything.

        The threshold is that of an `ImbalanceTreatment`; if there is a threshold metric, it is tuned for that.
        """
        metric = self.metric if threshold == "tuned" else self.threshold_metric
        share = float(np.mean(y == predictions.classes[1])) if threshold == "prior" else None
        if self.calibration is None and metric is None and share is None:
            return None
        return fit_calibrator(predictions, X, y, self.calibration, metric, share, steady=threshold == "tuned")

    def scores(
        self,
        folds: Sequence[FoldPredictions],
        X: object,
        y: npt.NDArray[Any],
        seed: int,
        n_jobs: int | None,
        finishes: Sequence[tuple[int, str]],
        tested: IntArray,
    ) -> tuple[Floats, Floats]:
        """Every treatment's score on each fold: as it is, and with the rows drawn again.

        Calibration and threshold are learnt from the other folds, so that what
        is judged is what new rows would meet.

        Parameters
        ----------
        folds : sequence of FoldPredictions
        X, y
            All rows.
        seed : int
        n_jobs : int or None
        finishes : sequence of (int, str)
            For each treatment the place among the answers of a fold, and its threshold.
        tested : ndarray of int
            Rows that any fold holds out.

        Returns
        -------
        as_is : ndarray of shape (n_folds, n_treatments)
        resampled : ndarray of shape (n_folds, RESAMPLES, n_treatments)
        """
        tasks = [(self, fold, _others(folds, fold), X, y, tested, seed, RESAMPLES, finishes) for fold in folds]
        as_is, resampled = zip(*run_tasks(_score_fold, tasks, n_jobs), strict=True)
        return np.stack(as_is), np.stack(resampled)


def out_of_fold(folds: Sequence[FoldPredictions], blend: int) -> tuple[IntArray, ClassifierOutput]:
    """The rows held out in any fold, and what one blend's classifiers said of them."""
    return np.concatenate([fold.rows for fold in folds]), concatenate_predictions(
        [fold.answers[blend] for fold in folds]
    )


def _others(folds: Sequence[FoldPredictions], own: FoldPredictions) -> list[FoldPredictions]:
    """What the other folds said of rows that are not among this one's; nothing if there are none."""
    rest = [(fold.rows, np.flatnonzero(~np.isin(fold.rows, own.rows)), fold.answers) for fold in folds]
    others = [
        FoldPredictions(rows[keep], [said.take(keep) for said in answers]) for rows, keep, answers in rest if len(keep)
    ]
    return others


def _score_fold(
    judge: BlendScorer,
    fold: FoldPredictions,
    others: Sequence[FoldPredictions],
    X: object,
    y: npt.NDArray[Any],
    tested: IntArray,
    seed: int,
    n_resamples: int,
    finishes: Sequence[tuple[int, str]],
) -> tuple[Floats, Floats]:
    answers = [_finished(judge, fold, others, X, y, place, threshold) for place, threshold in finishes]
    X_test, y_test = _safe_indexing(X, fold.rows), y[fold.rows]
    as_is = np.array([judge.metric(said, X_test, y_test) for said in answers])
    if not np.isfinite(as_is).all():
        raise InvalidParameterError(
            f"scoring={judge.metric.scoring!r} is {as_is[~np.isfinite(as_is)][0]} on an inner fold with the classes "
            f"{np.unique(y_test).tolist()}; it may need every class in each test part of cv"
        )
    times = np.stack([_row_counts(y, tested, seed, i)[fold.rows] for i in range(n_resamples)])
    for label in np.unique(y_test):
        # a fold that lost a class keeps its own rows of it: most metrics are undefined without
        own = y_test == label
        times[np.ix_(times[:, own].sum(1) == 0, own)] = 1
    quick = [judge.metric.of_resamples(said, y_test, times.astype(float)) for said in answers]
    if all(scores is not None for scores in quick):
        return as_is, np.column_stack([np.asarray(scores) for scores in quick])
    resampled = np.empty((n_resamples, len(answers)))
    for i in range(n_resamples):
        picked = np.repeat(np.arange(len(y_test)), times[i])
        X_picked, y_picked = _safe_indexing(X_test, picked), y_test[picked]
        resampled[i] = [judge.metric(said.take(picked), X_picked, y_picked) for said in answers]
    return as_is, np.where(np.isfinite(resampled), resampled, as_is)


def _finished(
    judge: BlendScorer,
    fold: FoldPredictions,
    others: Sequence[FoldPredictions],
    X: object,
    y: Array,
    place: int,
    threshold: str,
) -> ClassifierOutput:
    """Answers on a fold, with a calibration and a threshold learnt from others; a fold alone is two halves."""
    if not others:
        order = np.argsort(y[fold.rows], kind="stable")  # every other row of each class
        halves = [np.sort(order[start::2]) for start in (0, 1)]
        if min(map(len, halves)) == 0 or any(len(np.unique(y[fold.rows[half]])) < 2 for half in halves):
            halves = [np.arange(len(fold.rows))]
        parts = [FoldPredictions(fold.rows[half], [one.take(half) for one in fold.answers]) for half in halves]
        said = [
            _finished(judge, one, parts[1 - i : 2 - i] if len(parts) > 1 else parts, X, y, place, threshold)
            for i, one in enumerate(parts)
        ]
        return concatenate_predictions(said).take(np.argsort(np.concatenate(halves)))
    rows, elsewhere = out_of_fold(others, place)
    calibrator = judge.calibrator(elsewhere, _safe_indexing(X, rows), y[rows], threshold)
    return calibrator(fold.answers[place]) if calibrator else fold.answers[place]


def _row_counts(y: npt.NDArray[Any], tested: IntArray, seed: int, i: int) -> IntArray:
    """How often each row is drawn in resample i, with replacement within each class; alike in every fold."""
    rng = numpy_generator(seed, "resample", i)
    times = np.zeros(len(y), dtype=np.int64)
    for label in np.unique(y[tested]):
        rows = tested[y[tested] == label]
        times[rows] = np.bincount(rng.integers(len(rows), size=len(rows)), minlength=len(rows))
    return times


def evidence(
    blends: Sequence[Blend], as_is: Floats, resampled: Floats, rarest: int, demand: float = 1.0
) -> pd.DataFrame:
    """One row for each blend: its score, its gain over none, and what they are worth.

    With f folds, R resamples, and d the differences to none, fold by fold::

        score      = mean over folds
        gain       = mean(d)
        gain_error = max( sd over resamples of the mean of d * sqrt(m / (m - 1)),   m rows in the rarest class
                          sd over folds of d / sqrt(f) )
        needed     = demand * c * gain_error
        c          = max(1, 84 % quantile over resamples of the greatest (gain* - gain) / sd of any blend)

    Resampling the rows within each class is steady even with three folds, and
    sees that few rare rows decide; the folds see that classifiers and
    oversamplers differ from training to training. The larger of the two is the
    error. ``c`` makes up for taking the best of several: by luck alone, one of
    them exceeds what it needs as rarely as a single one exceeds one error.

    Parameters
    ----------
    as_is : ndarray of shape (n_folds, n_blends)
        NaN where a blend was not tried on a fold: its gain is the mean over the folds where it was.
    resampled : ndarray of shape (n_folds, n_resamples, n_blends)
    rarest : int
        Rows of the smallest class.
    demand : float, default=1.0
        See `EXPECTED`.
    """
    whole = np.isfinite(as_is).all(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of blends that were tried on no fold, or on a single one
        drawn, gains = np.nanmean(resampled, axis=0), as_is - as_is[:, :1]
        drawn_gains = np.nanmean(resampled - resampled[:, :, :1], axis=0)
        small = np.sqrt(rarest / max(1, rarest - 1))
        by_rows = drawn_gains.std(0, ddof=1) * small
        errors = np.maximum(by_rows, _error_of_mean(gains))
        gain = np.nanmean(gains, axis=0)
    seen = by_rows > 0
    luck = (drawn_gains - drawn_gains.mean(0))[:, seen] / by_rows[seen]
    c = max(1.0, float(np.quantile(luck.max(1), ONE_ERROR))) if luck.size else 1.0
    score_errors = np.maximum(drawn.std(0, ddof=1) * small, _error_of_mean(as_is))
    numbers = {
        "score": np.where(whole, as_is.mean(0), as_is[:, 0].mean() + gain),
        "score_error": score_errors,
        "gain": gain,
        "gain_error": errors,
        "needed": demand * c * errors,
    }
    return no_evidence(blends).assign(**numbers)


def no_evidence(blends: Sequence[Blend]) -> pd.DataFrame:
    """The table of `evidence` where nothing was judged."""
    table = pd.DataFrame({"share": [b.share for b in blends], "weight": [b.weight for b in blends]})
    table["class_weight"] = [b.class_weight or "" for b in blends]
    return table.assign(**dict.fromkeys(["score", "score_error", "gain", "gain_error", "needed"], np.nan))


def best_blend(table: pd.DataFrame) -> int:
    """The place of the blend whose gain exceeds what it needs by most; 0, which is none, if no gain does.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug.selection.choosing import best_blend
    >>> best_blend(pd.DataFrame({"gain": [0.0, 0.04, 0.05], "needed": [0.0, 0.01, 0.03]}))
    1
    """
    sure = (table["gain"] - table["needed"]).to_numpy()
    best = int(np.nanargmax(sure))
    return best if sure[best] > 0 else 0


def _error_of_mean(scores: Floats) -> Floats:
    tried = np.isfinite(scores).sum(0)
    enough = tried > 1
    found = np.zeros(scores.shape[1])
    found[enough] = np.nanstd(scores[:, enough], axis=0, ddof=1) / np.sqrt(tried[enough])
    return found


# --------------------------------------------------------------------------------------
# The verdict: what was chosen, what it is worth, and what it would cost to be surer, in a few sentences.


# Of a normal distribution, 95 % lie within so many standard errors.
INTERVAL = 1.96


def verdict_on_evidence(table: pd.DataFrame, words: Sequence[str], chosen: int, fixed: bool, metric: str) -> str:
    """Of a choice made, or an order carried out, with evidence at hand.

    Parameters
    ----------
    table : DataFrame
        The evidence.
    words : sequence of str
        What each treatment is called.
    chosen : int
        Place of the chosen one.
    fixed : bool
        Whether it was an order.
    metric : str
        Name of the metric.
    """
    bare, own = table.iloc[0], table.iloc[chosen]
    if chosen == 0 and fixed:
        return f"None, as asked: {metric} {own['score']:.3f} +- {own['score_error']:.3f}."
    if chosen == 0:
        rest = table.iloc[1:]
        if rest["gain"].isna().all():
            return f"None: no treatment was judged beside the bare classifier ({metric} {bare['score']:.3f})."
        if not rest["gain"].abs().gt(0).any():
            why = "the classes may be balanced already" if bare["score"] != 1 else "there is nothing left to gain"
            return f"None: no treatment changed the bare classifier's {metric} ({bare['score']:.3f}); {why}."
        place = nearest(table)
        near = table.iloc[place]
        return (
            f"None: no treatment beat the bare classifier's {metric} ({bare['score']:.3f}) by more than noise; the "
            f"nearest was {_inline(words[place])} (gain {near['gain']:.3f}, needed {near['needed']:.3f}; expected "
            f"{_interval(near)})."
        )
    return (
        f"{words[chosen]}{', as asked' if fixed else ''}: {metric} {own['score']:.3f} +- {own['score_error']:.3f} "
        f"against {bare['score']:.3f} of the bare classifier (gain {own['gain']:.3f}, standard error "
        f"{own['gain_error']:.3f}; expected {_interval(own)})."
    )


def nearest(table: pd.DataFrame) -> int:
    """The place of the treatment that is nearest to being chosen."""
    rest = table.iloc[1:]
    return int(np.nanargmax((rest["gain"] - rest["needed"]).to_numpy())) + 1


def surer(table: pd.DataFrame, chosen: int, by_rows: Sequence[bool], rarest: int, n_splits: int, model: str) -> str:
    """What would halve the interval of the treatment that was chosen, or else of the nearest one.

    Parameters
    ----------
    table : DataFrame
        The evidence.
    chosen : int
        Place of the chosen treatment.
    by_rows : sequence of bool
        Of which treatments the held-out rows limit the evidence, not the number of trainings.
    rarest : int
        Rows of the smallest class.
    n_splits : int
        Inner folds.
    model : str
        Name of the classifier.
    """
    if not table["gain"].iloc[1:].abs().gt(0).any():
        return ""
    place = chosen or nearest(table)
    if by_rows[place]:
        return f" Half as wide an interval takes about {4 * rarest} rows of the smallest class (now {rarest})."
    return (
        f" Half as wide an interval takes about {4 * n_splits} folds, such as RepeatedStratifiedKFold(n_splits="
        f"{n_splits}, n_repeats=4): {3 * n_splits} more trainings of {model}, and of the oversampler if there is one."
    )


def verdict_without_evidence(words: str, why: str) -> str:
    """Of a treatment that no evidence stands behind."""
    return f"{words}: {why}."


def _interval(row: pd.Series) -> str:
    low, high = (row["expected"] + sign * INTERVAL * row["expected_error"] for sign in (-1, 1))
    return f"{row['expected']:.3f}, 95 % interval {low:.3f} to {high:.3f}"


def _inline(words: str) -> str:
    return words[0].lower() + words[1:]
