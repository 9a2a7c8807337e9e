"""The choice of a blend: checks of what is given, the evidence and the verdict."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import _safe_indexing, assert_all_finite, column_or_1d, indexable
from sklearn.utils.multiclass import check_classification_targets

from ganaug.encoding.containers import check_lengths, check_rows
from ganaug.exceptions import DataWarning, FewSamplesWarning, InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.oversampling import GANOversampler
from ganaug.runtime.interrupts import main_thread_interrupts
from ganaug.runtime.parallel import run_tasks
from ganaug.selection.blends import Blend
from ganaug.selection.calibration import CALIBRATIONS, Calibrator, fit_calibrator
from ganaug.selection.fold_predictions import (
    ClassifierOutput,
    FoldPredictions,
    ScorerAdapter,
    concatenate_predictions,
    fewest_groups,
    predict_held_out,
    split_folds,
)
from ganaug.utils import validation
from ganaug.utils.seeding import numpy_generator
from ganaug.utils.types import IntArray

__all__ = [
    "EXPECTED",
    "UNEXPECTED",
    "BlendScorer",
    "Choice",
    "best_blend",
    "calibration",
    "choose",
    "classifier",
    "data",
    "evidence",
    "groups",
    "no_evidence",
    "out_of_fold",
    "sampler",
    "verdict_on_evidence",
    "verdict_without_evidence",
]

# ---- parameters and data of an `AugmentedClassifier`, checked; rows are left as they are -----------


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
    return validation.choice("calibrate", given, CALIBRATIONS)


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


# ---- the verdict: one sentence that says what was chosen, and why ----------------------------------


def verdict_on_evidence(table: pd.DataFrame, blends: Sequence[Blend], chosen: int, fixed: bool, metric: str) -> str:
    """Of a choice made, or an order carried out, with evidence at hand."""
    bare, own = table.iloc[0], table.iloc[chosen]
    if chosen == 0 and fixed:
        return f"None, as asked: {metric} {own['score']:.3f} +- {own['score_error']:.3f}."
    if chosen == 0:
        rest = table.iloc[1:]
        if not len(rest) or not rest["gain"].any():
            return (
                f"None: no blend changed the bare classifier's {metric} ({bare['score']:.3f}); "
                "the classes may be balanced already."
            )
        place = int(np.nanargmax((rest["gain"] - rest["needed"]).to_numpy())) + 1
        near = table.iloc[place]
        return (
            f"None: no blend beat the bare classifier's {metric} ({bare['score']:.3f}) by more than noise; the nearest "
            f"was {_inline(blends[place])} (gain {near['gain']:.3f}, needed {near['needed']:.3f})."
        )
    return (
        f"{_capital(str(blends[chosen]))}{', as asked' if fixed else ''}: {metric} {own['score']:.3f} +- "
        f"{own['score_error']:.3f} against {bare['score']:.3f} without synthetic rows "
        f"(gain {own['gain']:.3f}, standard error {own['gain_error']:.3f})."
    )


def verdict_without_evidence(blend: Blend, why: str) -> str:
    """Of a blend that no evidence stands behind."""
    return f"{_capital(str(blend))}: {why}."


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _inline(blend: Blend) -> str:
    return str(blend).replace("Class weights and no", "class weights and no")


# ---- which blend helps, by more than noise: held-out scores, their errors, the rule, the evidence ----


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

    def calibrator(self, predictions: ClassifierOutput, X: Any, y: npt.NDArray[Any]) -> Calibrator | None:
        """Learn from held-out rows what is to be done to answers, if anything."""
        if self.calibration is None and self.threshold_metric is None:
            return None
        return fit_calibrator(predictions, X, y, self.calibration, self.threshold_metric)

    def scores(
        self, folds: Sequence[FoldPredictions], X: Any, y: npt.NDArray[Any], seed: int, n_jobs: int | None
    ) -> tuple[Floats, Floats]:
        """Every blend's score on each fold: as it is, and with resampled rows.

        Calibration and threshold are learnt from the other folds, so that what
        is judged is what new rows would meet.

        Returns
        -------
        as_is : ndarray of shape (n_folds, n_blends)
        resampled : ndarray of shape (n_folds, RESAMPLES, n_blends)
        """
        tested = np.unique(np.concatenate([fold.rows for fold in folds]))
        tasks = [(self, fold, _others(folds, fold), X, y, tested, seed, RESAMPLES) for fold in folds]
        as_is, resampled = zip(*run_tasks(_score_fold, tasks, n_jobs), strict=True)
        return np.stack(as_is), np.stack(resampled)


def out_of_fold(folds: Sequence[FoldPredictions], blend: int) -> tuple[IntArray, ClassifierOutput]:
    """The rows held out in any fold, and what one blend's classifiers said of them."""
    return np.concatenate([fold.rows for fold in folds]), concatenate_predictions(
        [fold.answers[blend] for fold in folds]
    )


def _others(folds: Sequence[FoldPredictions], own: FoldPredictions) -> list[FoldPredictions]:
    """What the other folds said of rows that are not among this one's; everything if there is nothing else."""
    rest = [(fold.rows, np.flatnonzero(~np.isin(fold.rows, own.rows)), fold.answers) for fold in folds]
    others = [
        FoldPredictions(rows[keep], [said.take(keep) for said in answers]) for rows, keep, answers in rest if len(keep)
    ]
    return others or list(folds)


def _score_fold(
    judge: BlendScorer,
    fold: FoldPredictions,
    others: Sequence[FoldPredictions],
    X: Any,
    y: npt.NDArray[Any],
    tested: IntArray,
    seed: int,
    n_resamples: int,
) -> tuple[Floats, Floats]:
    answers = []
    for blend, said in enumerate(fold.answers):
        rows, elsewhere = out_of_fold(others, blend)
        calibrator = judge.calibrator(elsewhere, _safe_indexing(X, rows), y[rows])
        answers.append(calibrator(said) if calibrator else said)
    X_test, y_test = _safe_indexing(X, fold.rows), y[fold.rows]
    as_is = np.array([judge.metric(said, X_test, y_test) for said in answers])
    if not np.isfinite(as_is).all():
        raise InvalidParameterError(
            f"scoring={judge.metric.scoring!r} is {as_is[~np.isfinite(as_is)][0]} on an inner fold with the classes "
            f"{np.unique(y_test).tolist()}; it may need every class in each test part of cv"
        )
    resampled = np.empty((n_resamples, len(answers)))
    for i in range(n_resamples):
        picked = np.repeat(np.arange(len(y_test)), _row_counts(y, tested, seed, i)[fold.rows])
        # a fold that lost a class keeps its own rows of it: most metrics are undefined without
        lost = ~np.isin(y_test, y_test[picked])
        picked = np.concatenate([picked, np.flatnonzero(lost)])
        X_picked, y_picked = _safe_indexing(X_test, picked), y_test[picked]
        resampled[i] = [judge.metric(said.take(picked), X_picked, y_picked) for said in answers]
    return as_is, np.where(np.isfinite(resampled), resampled, as_is)


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
    resampled : ndarray of shape (n_folds, n_resamples, n_blends)
    rarest : int
        Rows of the smallest class.
    demand : float, default=1.0
        See `EXPECTED`.
    """
    drawn = resampled.mean(0)
    gains, drawn_gains = as_is - as_is[:, :1], drawn - drawn[:, :1]
    small = np.sqrt(rarest / max(1, rarest - 1))
    by_rows = drawn_gains.std(0, ddof=1) * small
    errors = np.maximum(by_rows, _error_of_mean(gains))
    luck = (drawn_gains - drawn_gains.mean(0))[:, by_rows > 0] / by_rows[by_rows > 0]
    c = max(1.0, float(np.quantile(luck.max(1), ONE_ERROR))) if luck.size else 1.0
    numbers = {
        "score": as_is.mean(0),
        "score_error": np.maximum(drawn.std(0, ddof=1) * small, _error_of_mean(as_is)),
        "gain": gains.mean(0),
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
    folds = len(scores)
    return scores.std(0, ddof=1) / np.sqrt(folds) if folds > 1 else np.zeros(scores.shape[1])


# ---- the choice: try every blend on inner folds, judge, and say why --------------------------------


class Choice(NamedTuple):
    """What came out.

    Attributes
    ----------
    place : int
        Of the chosen blend.
    evidence : DataFrame
    verdict : str
    calibrator : Calibrator or None
        What is done to the answers of the classifier trained on all rows.
    n_splits : int
        Inner folds; 0 if nothing was judged.
    """

    place: int
    evidence: pd.DataFrame
    verdict: str
    calibrator: Calibrator | None
    n_splits: int


def choose(
    estimator: Any,
    oversampler: Any,
    blends: Sequence[Blend],
    X: Any,
    y: npt.NDArray[Any],
    *,
    fixed: bool,
    scoring: Any,
    cv: Any,
    threshold: Any,
    calibration: str | None,
    seed: int,
    n_jobs: int | None,
    weights: npt.NDArray[np.float64] | None = None,
    groups: npt.NDArray[Any] | None = None,
) -> Choice:
    """Choose among blends; parameters as of `AugmentedClassifier`, checked.

    Parameters
    ----------
    blends : sequence of Blend
        None first.
    fixed : bool
        Whether the last blend is an order.
    weights, groups : ndarray of shape (n,), optional
        Of the rows; checked.

    Raises
    ------
    InvalidParameterError
        Naming scoring, threshold or cv.
    """
    classes, codes = np.unique(y, return_inverse=True)
    sizes: IntArray = np.bincount(codes)
    if len(classes) > 2 and threshold is not False:
        raise InvalidParameterError(
            f"threshold={threshold!r} needs two classes, and y has {len(classes)}; leave it False"
        )
    metric = ScorerAdapter("scoring", scoring, classes, sizes)
    tuned = None if threshold is False or threshold == "tune" else ScorerAdapter("threshold", threshold, classes, sizes)
    place = len(blends) - 1 if fixed and len(classes) > 1 else 0
    why = _why_no_evidence(classes, sizes, fixed and calibration is None and threshold is False)
    if not why and groups is not None and isinstance(cv, Integral) and fewest_groups(y, groups) < 2:
        why = "a class occurs in one group only, so that no fold can hold one out, and nothing was judged"
    parts = [] if why else split_folds(cv, X, y, sizes, seed, groups)
    if not parts:
        return Choice(
            place, _mark_chosen(no_evidence(blends), place), verdict_without_evidence(blends[place], why), None, 0
        )
    with warnings.catch_warnings(), main_thread_interrupts() as interrupt:
        # A fold has fewer rows than the whole: what is true of the whole is said when all rows are trained on.
        for told in (FewSamplesWarning, DataWarning, UndefinedMetricWarning):
            warnings.simplefilter("ignore", told)
        folds = predict_held_out(estimator, oversampler, blends, X, y, parts, seed, n_jobs, weights)
        if interrupt.requested:
            raise KeyboardInterrupt
        rows, said = out_of_fold(folds, 0)
        sees_labels = threshold is not False and metric.sees_labels(said, _safe_indexing(X, rows), y[rows])
        if threshold == "tune":
            tuned = metric if sees_labels else ScorerAdapter("threshold", "balanced_accuracy", classes, sizes)
        judge = BlendScorer(metric, calibration, tuned if sees_labels else None)
        moves_decisions = threshold is False and metric.sees_labels(said, _safe_indexing(X, rows), y[rows])
        demand = EXPECTED if moves_decisions else UNEXPECTED
        table = evidence(blends, *judge.scores(folds, X, y, seed, n_jobs), int(sizes.min()), demand)
        place = place if fixed else best_blend(table)
        rows, said = out_of_fold(folds, place)
        calibrator = replace(judge, threshold_metric=tuned).calibrator(said, _safe_indexing(X, rows), y[rows])
    verdict = verdict_on_evidence(table, blends, place, fixed, metric.name)
    return Choice(place, _mark_chosen(table, place), verdict, calibrator, len(parts))


def _why_no_evidence(classes: npt.NDArray[Any], sizes: IntArray, ordered: bool) -> str:
    """Why nothing can or need be judged; empty if it can."""
    if len(classes) == 1:
        return f"y has one class only, {classes.tolist()[0]!r}, so there is nothing to balance"
    if ordered:
        return "as asked, and nothing was judged"
    if sizes.min() < 2:
        label = classes.tolist()[int(sizes.argmin())]
        return f"class {label!r} has 1 row, so that no fold can hold one out, and nothing was judged"
    return ""


def _mark_chosen(table: pd.DataFrame, place: int) -> pd.DataFrame:
    return table.assign(chosen=np.arange(len(table)) == place)
