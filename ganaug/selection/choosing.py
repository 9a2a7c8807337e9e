"""The choice: try every blend on inner folds, judge, and say why."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import _safe_indexing

from ganaug.exceptions import DataWarning, FewSamplesWarning, InvalidParameterError
from ganaug.interrupts import main_thread_interrupts
from ganaug.selection.blends import Blend
from ganaug.selection.finishing import Finish
from ganaug.selection.folds import fewest_groups, held_out, splits
from ganaug.selection.judging import EXPECTED, UNEXPECTED, Judge, best_blend, evidence, no_evidence, out_of_fold
from ganaug.selection.metric import Metric
from ganaug.selection.verdict import judged, unjudged
from ganaug.types import IntArray

__all__ = ["Choice", "choose"]


class Choice(NamedTuple):
    """What came out.

    Attributes
    ----------
    place : int
        Of the chosen blend.
    evidence : DataFrame
    verdict : str
    finish : Finish or None
        What is done to the answers of the classifier trained on all rows.
    n_splits : int
        Inner folds; 0 if nothing was judged.
    """

    place: int
    evidence: pd.DataFrame
    verdict: str
    finish: Finish | None
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
    metric = Metric("scoring", scoring, classes, sizes)
    tuned = None if threshold is False or threshold == "tune" else Metric("threshold", threshold, classes, sizes)
    place = len(blends) - 1 if fixed and len(classes) > 1 else 0
    why = _unjudged_because(classes, sizes, fixed and calibration is None and threshold is False)
    if not why and groups is not None and isinstance(cv, Integral) and fewest_groups(y, groups) < 2:
        why = "a class occurs in one group only, so that no fold can hold one out, and nothing was judged"
    parts = [] if why else splits(cv, X, y, sizes, seed, groups)
    if not parts:
        return Choice(place, _marked(no_evidence(blends), place), unjudged(blends[place], why), None, 0)
    with warnings.catch_warnings(), main_thread_interrupts() as interrupt:
        # A fold has fewer rows than the whole: what is true of the whole is said when all rows are trained on.
        for told in (FewSamplesWarning, DataWarning, UndefinedMetricWarning):
            warnings.simplefilter("ignore", told)
        folds = held_out(estimator, oversampler, blends, X, y, parts, seed, n_jobs, weights)
        if interrupt.requested:
            raise KeyboardInterrupt
        rows, said = out_of_fold(folds, 0)
        sees_labels = threshold is not False and metric.sees_labels(said, _safe_indexing(X, rows), y[rows])
        if threshold == "tune":
            tuned = metric if sees_labels else Metric("threshold", "balanced_accuracy", classes, sizes)
        judge = Judge(metric, calibration, tuned if sees_labels else None)
        moves_decisions = threshold is False and metric.sees_labels(said, _safe_indexing(X, rows), y[rows])
        demand = EXPECTED if moves_decisions else UNEXPECTED
        table = evidence(blends, *judge.scores(folds, X, y, seed, n_jobs), int(sizes.min()), demand)
        place = place if fixed else best_blend(table)
        rows, said = out_of_fold(folds, place)
        finish = replace(judge, threshold_metric=tuned).finish(said, _safe_indexing(X, rows), y[rows])
    verdict = judged(table, blends, place, fixed, metric.name)
    return Choice(place, _marked(table, place), verdict, finish, len(parts))


def _unjudged_because(classes: npt.NDArray[Any], sizes: IntArray, ordered: bool) -> str:
    """Why nothing can or need be judged; empty if it can."""
    if len(classes) == 1:
        return f"y has one class only, {classes.tolist()[0]!r}, so there is nothing to balance"
    if ordered:
        return "as asked, and nothing was judged"
    if sizes.min() < 2:
        label = classes.tolist()[int(sizes.argmin())]
        return f"class {label!r} has 1 row, so that no fold can hold one out, and nothing was judged"
    return ""


def _marked(table: pd.DataFrame, place: int) -> pd.DataFrame:
    return table.assign(chosen=np.arange(len(table)) == place)
