"""A classifier that takes synthetic rows only where they help."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import _safe_indexing, assert_all_finite, column_or_1d, get_tags, indexable
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, has_fit_parameter, validate_data

from ganaug.estimators import options
from ganaug.estimators.rows import check_rows
from ganaug.exceptions import DataWarning, FewSamplesWarning, InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.interrupts import main_thread_interrupts
from ganaug.oversampling import GANOversampler
from ganaug.seeding import child_seed, root_seed
from ganaug.selection.blends import Blend, Pool, candidates, pooled
from ganaug.selection.finishing import CALIBRATIONS, Finish
from ganaug.selection.folds import fitted, held_out, seeded, splits
from ganaug.selection.judging import Judge, best_blend, evidence, out_of_fold
from ganaug.selection.metric import Metric
from ganaug.selection.responses import record
from ganaug.selection.verdict import judged, unjudged
from ganaug.types import IntArray

__all__ = ["AugmentedClassifier"]


def _can(method: str) -> Any:
    """The method exists where the estimator has it, or calibration makes it."""

    def check(self: AugmentedClassifier) -> bool:
        if method == "predict_proba" and self.calibrate is not False:
            return True
        getattr(getattr(self, "estimator_", None) or self._prototype(), method)
        return True

    return available_if(check)


class AugmentedClassifier(ClassifierMixin, BaseEstimator):
    """Classifier that finds out by cross-validation how many synthetic rows help it, none among the answers.

    Parameters
    ----------
    estimator : classifier, optional
        What is trained; a Pipeline is welcome, and meets the rows as they are,
        with categories and missing values. None is
        ``HistGradientBoostingClassifier()``.
    oversampler : sampler, optional
        What makes the rows: any over-sampler with ``fit_resample`` that appends
        to what it was given. None is ``GANOversampler()``. It is fitted once in
        each inner fold, whatever the number of blends, and once on all rows if
        any of its rows are used.
    blend : "auto", float, Blend, or list of these
        What is tried. A share in [0, 1] is the part of the oversampler's rows
        used: 0 none, 1 all the way to balance. A list is compared with none,
        and each share with synthetic rows at full and at half weight, if the
        estimator's ``fit`` takes ``sample_weight``. "auto" tries 0.25, 0.5 and
        1, and also "balanced" class weights without synthetic rows. A single
        number or `Blend` is an order: it is not compared, unless a threshold or
        calibration needs the inner folds anyway.
    scoring : str or callable, default="average_precision"
        What a blend must be better at; as in scikit-learn. Where two classes
        hold no label 1, metrics by name take the rarer class as the positive one.
    cv : int, splitter or iterable, default=3
        Inner folds. An integer is lowered to the rows of the smallest class.
    threshold : False, "tune", or a scorer, default=False
        "tune" moves the threshold of ``predict``, for two classes, to where
        held-out rows score best on ``scoring``, or on balanced accuracy if
        ``scoring`` does not look at labels. A scorer or its name is tuned for
        in place of these.
    calibrate : bool, "sigmoid" or "isotonic", default=False
        Whether balancing's effect on probabilities is undone, by a map learnt
        on held-out real rows. True is "sigmoid", which keeps the ranking of two classes.
    n_jobs : int, optional
        Inner folds worked on at the same time. The result does not depend on it.
    random_state : int, RandomState, Generator or None, default=None
        An integer makes the result repeat. It also seeds the estimator and the
        oversampler where their own ``random_state`` is None.
    verbose : bool or "auto", default="auto"
        Progress bars of the default oversampler.

    Attributes
    ----------
    blend_ : Blend
        ``share``, ``weight`` and ``class_weight`` of what was chosen.
    evidence_ : DataFrame
        A row for each blend: share, weight, class_weight, score, score_error,
        gain (over none), gain_error, needed (the gain that is more than noise),
        chosen. The numbers are NaN where nothing was judged.
    verdict_ : str
        What was chosen and why, in a sentence.
    estimator_, oversampler_
        Fitted on all rows; ``oversampler_`` is None if no synthetic row was used.
    threshold_ : float or None
        Of the second class's probability (or decision), if it was tuned.
    n_splits_ : int
        Inner folds that were used; 0 if nothing was judged.
    classes_, n_features_in_, feature_names_in_
        As in scikit-learn.

    Notes
    -----
    The chosen blend is the one whose gain exceeds by most what it needs::

        chosen = argmax over blends of (gain - c * gain_error);  none has 0

    where ``gain`` is the mean over folds of the difference to none,
    ``gain_error`` its standard error, and ``c >= 1`` makes up for choosing the
    best of several; see ``docs/choosing_the_blend.md``. Cost: one training of
    the oversampler for each fold and at most one more, and of the classifier
    one for each blend and fold.

    A class with a single row leaves nothing to hold out: no synthetic row is
    used, no threshold moved, and the verdict says so.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from ganaug import AugmentedClassifier, GANOversampler, TabularGAN
    >>> X, y = make_classification(n_samples=200, weights=[0.8], random_state=0)
    >>> oversampler = GANOversampler(generator=TabularGAN(max_steps=5))
    >>> model = AugmentedClassifier(LogisticRegression(), oversampler, blend=[0.5], cv=2, random_state=0).fit(X, y)
    >>> model.predict_proba(X).shape
    (200, 2)
    >>> model.evidence_[["share", "weight", "class_weight"]].to_numpy().tolist()
    [[0.0, 1.0, ''], [0.5, 1.0, ''], [0.5, 0.5, '']]
    """

    classes_: npt.NDArray[Any]
    blend_: Blend
    evidence_: pd.DataFrame
    verdict_: str
    threshold_: float | None

    def __init__(
        self,
        estimator: Any = None,
        oversampler: Any = None,
        *,
        blend: Any = "auto",
        scoring: Any = "average_precision",
        cv: Any = 3,
        threshold: Any = False,
        calibrate: bool | str = False,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: bool | str = "auto",
    ) -> None:
        self.estimator = estimator
        self.oversampler = oversampler
        self.blend = blend
        self.scoring = scoring
        self.cv = cv
        self.threshold = threshold
        self.calibrate = calibrate
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        own = get_tags(self._prototype())
        tags.input_tags, tags.classifier_tags = own.input_tags, own.classifier_tags
        return tags

    def fit(self, X: Any, y: Any) -> AugmentedClassifier:
        """Judge the blends, choose one, and train on all rows with it.

        Parameters
        ----------
        X : DataFrame, array or sparse matrix of shape (n_samples, n_features)
            Real rows, as the estimator takes them. Not changed.
        y : array-like of shape (n_samples,)
            Labels.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError, InvalidDataError, InvalidTypeError
            Naming the parameter. Errors of the estimator come as they are.
        """
        estimator, oversampler = self._prototype(), self._sampler()
        blends, fixed = candidates(self.blend, has_fit_parameter(estimator, "sample_weight"))
        calibration = self._calibration()
        X, labels = self._checked(X, y)
        classes, codes = np.unique(labels, return_inverse=True)
        sizes: IntArray = np.bincount(codes)
        seed = root_seed(self.random_state)
        metric = Metric("scoring", self.scoring, classes, sizes)
        asked = fixed and calibration is None and self.threshold is False
        why = self._no_judgement(classes, sizes, asked)
        parts = [] if why else splits(self.cv, X, labels, sizes, seed)
        chosen, finish = len(blends) - 1 if fixed and len(classes) > 1 else 0, None
        if parts:
            table, chosen, finish = self._judged(
                estimator, oversampler, blends, fixed, X, labels, parts, metric, calibration, sizes, seed
            )
            verdict = judged(table, blends, chosen, fixed, metric.name)
        else:
            table, verdict = _no_evidence(blends), unjudged(blends[chosen], why)
        table["chosen"] = np.arange(len(blends)) == chosen

        pool, sampler = Pool(X, labels, len(labels), np.zeros(0)), None
        if blends[chosen].share > 0:
            sampler = seeded(oversampler, child_seed(seed, "all"))
            pool = pooled(sampler, X, labels, child_seed(seed, "all"))
        self.estimator_ = fitted(estimator, pool, blends[chosen], child_seed(seed, "all"))
        self.oversampler_ = sampler
        self.classes_, self.n_splits_ = classes, len(parts)
        self.blend_, self.evidence_, self.verdict_ = blends[chosen], table, verdict
        self._finish: Finish | None = finish
        self.threshold_ = None if finish is None else finish.threshold
        return self

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Labels of rows, by the tuned threshold or calibrated probabilities if there are any."""
        X = self._rows(X)
        if self._finish is None:
            return np.asarray(self.estimator_.predict(X))
        return self._finish(record(self.estimator_, X)).labels

    @_can("predict_proba")
    def predict_proba(self, X: Any) -> npt.NDArray[Any]:
        """Probabilities of the classes, in the order of ``classes_``; calibrated if it was asked for."""
        X = self._rows(X)
        if self._finish is None or not self._finish.maps:
            return np.asarray(self.estimator_.predict_proba(X))
        found = self._finish(record(self.estimator_, X)).probabilities
        return np.asarray(found)

    @_can("decision_function")
    def decision_function(self, X: Any) -> npt.NDArray[Any]:
        """Decisions of the fitted estimator: neither calibrated nor moved by the threshold."""
        return np.asarray(self.estimator_.decision_function(self._rows(X)))

    # ---- choosing ----------------------------------------------------------------------------

    def _judged(
        self,
        estimator: Any,
        oversampler: Any,
        blends: list[Blend],
        fixed: bool,
        X: Any,
        y: npt.NDArray[Any],
        parts: list[tuple[IntArray, IntArray]],
        metric: Metric,
        calibration: str | None,
        sizes: IntArray,
        seed: int,
    ) -> tuple[pd.DataFrame, int, Finish | None]:
        """Evidence, the place of the chosen blend, and what its answers need."""
        with warnings.catch_warnings(), main_thread_interrupts() as interrupt:
            # A fold has fewer rows than the whole: what is true of the whole is said when all rows are trained on.
            for told in (FewSamplesWarning, DataWarning, UndefinedMetricWarning):
                warnings.simplefilter("ignore", told)
            folds = held_out(estimator, oversampler, blends, X, y, parts, seed, self.n_jobs)
            if interrupt.requested:
                raise KeyboardInterrupt
            rows, bare = out_of_fold(folds, 0)
            judge = Judge(metric, calibration, self._threshold_metric(metric, bare, X, y, rows, sizes))
            table = evidence(blends, *judge.scores(folds, X, y, seed, self.n_jobs), int(sizes.min()))
            chosen = len(blends) - 1 if fixed else best_blend(table)
            rows, said = out_of_fold(folds, chosen)
            return table, chosen, judge.finish(said, _safe_indexing(X, rows), y[rows])

    def _threshold_metric(
        self, metric: Metric, bare: Any, X: Any, y: npt.NDArray[Any], rows: IntArray, sizes: IntArray
    ) -> Metric | None:
        if self.threshold is False:
            return None
        if not isinstance(self.threshold, str) or self.threshold != "tune":
            return Metric("threshold", self.threshold, bare.classes, sizes)
        if metric.sees_labels(bare, _safe_indexing(X, rows), y[rows]):
            return metric
        return Metric("threshold", "balanced_accuracy", bare.classes, sizes)

    def _no_judgement(self, classes: npt.NDArray[Any], sizes: IntArray, asked: bool) -> str:
        """Why nothing can or need be judged; empty if it can."""
        if len(classes) > 2 and self.threshold is not False:
            raise InvalidParameterError(
                f"threshold={self.threshold!r} needs two classes, and y has {len(classes)}; leave it False"
            )
        if len(classes) == 1:
            return f"y has one class only ({classes[0]!r}), so there is nothing to balance"
        if asked:
            return "as asked; nothing was judged"
        if sizes.min() < 2:
            label = classes[int(sizes.argmin())]
            return f"class {str(label)!r} has 1 row, so that no fold can hold one out; nothing was judged"
        return ""

    # ---- parameters and data -----------------------------------------------------------------

    def _prototype(self) -> Any:
        if isinstance(self.estimator, type):
            name = self.estimator.__name__
            raise InvalidTypeError(f"estimator={name} is a class; write estimator={name}()")
        return HistGradientBoostingClassifier() if self.estimator is None else self.estimator

    def _sampler(self) -> Any:
        given = self.oversampler
        if given is None:
            return GANOversampler(verbose=self.verbose)
        if isinstance(given, type) or not hasattr(given, "fit_resample"):
            raise InvalidTypeError(
                f"oversampler={given!r} must be a sampler with fit_resample, such as GANOversampler()"
            )
        return given

    def _calibration(self) -> str | None:
        if isinstance(self.calibrate, (bool, np.bool_)):
            return "sigmoid" if self.calibrate else None
        return options.choice("calibrate", self.calibrate, CALIBRATIONS)

    def _checked(self, X: Any, y: Any) -> tuple[Any, npt.NDArray[Any]]:
        """Rows as they are, but indexable, and labels as a vector."""
        if y is None:
            raise InvalidDataError("AugmentedClassifier requires y to be passed, but the target y is None")
        if not hasattr(X, "shape"):
            X = np.asarray(X)
        check_rows(X)
        assert_all_finite(y, input_name="y")
        labels = column_or_1d(y, warn=True)
        check_classification_targets(labels)
        X, labels = indexable(X, labels)
        validate_data(self, X, skip_check_array=True)
        return X, labels

    def _rows(self, X: Any) -> Any:
        check_is_fitted(self, "estimator_")
        return validate_data(self, X, reset=False, skip_check_array=True)


def _no_evidence(blends: list[Blend]) -> pd.DataFrame:
    table = evidence(blends, np.full((1, len(blends)), np.nan), np.full((1, 2, len(blends)), np.nan), 1)
    table["gain"] = np.nan
    return table
