"""Scores of candidates: metrics, predictions, sample weights, and the folds on which they are measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.metrics import check_scoring, get_scorer
from sklearn.model_selection import BaseCrossValidator, StratifiedGroupKFold, StratifiedKFold, check_cv
from sklearn.utils import _safe_indexing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_sample_weight, has_fit_parameter

from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.runtime.compute import run_tasks, side_by_side
from ganaug.selection.candidates import NONE, Blend, Pool, blend_rows, pool_samples
from ganaug.selection.probabilities import (
    OF_LABELS,
    OF_PROBABILITIES,
    OF_RANKING,
    AveragedClassifier,
    balanced_draws,
    decisions_of,
    label_scores,
    probability_scores,
    ranking_scores,
)
from ganaug.utils import types
from ganaug.utils.determinism import child_seed
from ganaug.utils.types import Array, IntArray

__all__ = [
    "ClassifierOutput",
    "FoldPredictions",
    "RecordedClassifier",
    "ScorerAdapter",
    "Weighting",
    "average_predictions",
    "check_weights",
    "clone_with_seeds",
    "concatenate_predictions",
    "fewest_groups",
    "fit_clone",
    "predict_all",
    "predict_held_out",
    "restrict_splits",
    "split_folds",
]

# --------------------------------------------------------------------------------------
# A scorer under the labels that it can read, with errors that name the parameter.


class ScorerAdapter:
    """One number for recorded answers; greater is better.

    scikit-learn's metrics by name take class 1 as the positive one, and refuse
    two classes of which none is 1. For these the rarer class is the positive one.

    Parameters
    ----------
    parameter : str
        Name of the parameter that gave it.
    scoring : str or callable
        As in scikit-learn.
    classes, sizes : ndarray of shape (k,)
        Labels and their numbers of rows.
    model : str, default="this classifier"
        What messages call the classifier that is judged.

    Raises
    ------
    InvalidParameterError, InvalidTypeError
        If there is no such scorer, or it is no callable.
    """

    def __init__(
        self,
        parameter: str,
        scoring: Any,
        classes: Array,
        sizes: npt.NDArray[np.int64],
        model: str = "this classifier",
    ) -> None:
        self.parameter, self.model = parameter, model
        self.scoring = scoring
        try:
            self.scorer = get_scorer(scoring) if isinstance(scoring, str) else scoring
        except ValueError as error:
            raise InvalidParameterError(f"{parameter}: {error}") from error
        if not callable(self.scorer):
            raise InvalidTypeError(
                f"{parameter}={scoring!r} must be the name of a scorer or a callable(estimator, X, y)"
            )
        try:  # refuses a metric in the place of a scorer
            check_scoring(DummyClassifier(), self.scorer)
        except ValueError as error:
            raise InvalidParameterError(f"{parameter}: {error}") from error
        own = isinstance(scoring, str) and len(classes) == 2 and 1 not in classes.tolist()
        self.positive = classes[int(np.argmin(sizes))] if own else None

    @property
    def name(self) -> str:
        """For sentences: "average precision"."""
        given = self.scoring
        return given.replace("_", " ") if isinstance(given, str) else getattr(given, "__name__", "score")

    def __call__(self, predictions: ClassifierOutput, X: object, y: Array) -> float:
        """The score of answers on rows X with labels y.

        Raises
        ------
        InvalidParameterError
            If the scorer cannot judge these.
        """
        if self.positive is not None:
            predictions, y = predictions.binary(self.positive), (y == self.positive).astype(int)
        try:
            return float(self.scorer(RecordedClassifier(predictions), X, y))
        except (AttributeError, TypeError, ValueError) as error:
            why = str(error).replace(RecordedClassifier.__name__, self.model)
            if predictions.probabilities is None and "predict_proba" in why:
                why = "it has no predict_proba; calibrate=True gives it probabilities"
            raise InvalidParameterError(
                f"{self.parameter}={self.scoring!r} cannot judge {self.model} on {len(predictions.classes)} classes: "
                f"{why}"
            ) from error

    def of_resamples(
        self, predictions: ClassifierOutput, y: Array, times: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64] | None:
        """The scores where each row counts so many times, a line of ``times`` each; None where scikit-learn must."""
        known = self._as_binary(predictions, y)
        if known is None:
            return None
        predictions, hit = known
        if self.scoring in OF_LABELS:
            return label_scores(self.scoring, hit, predictions.labels == 1, times)
        if self.scoring in OF_PROBABILITIES and predictions.probabilities is not None:
            own = np.asarray(predictions.probabilities[:, 1], dtype=np.float64)
            return probability_scores(self.scoring, hit, own, times)
        values = predictions.decisions if predictions.decisions is not None else predictions.margin
        if self.scoring not in OF_RANKING or values is None or values.ndim != 1:
            return None
        return ranking_scores(self.scoring, hit, np.asarray(values, dtype=np.float64), times)

    def of_thresholds(
        self, predictions: ClassifierOutput, y: Array, thresholds: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64] | None:
        """The scores where the second class is predicted from a margin on; None where scikit-learn must say."""
        known = self._as_binary(predictions, y)
        if known is None or self.scoring not in OF_LABELS:
            return None
        said = np.asarray(predictions.margin) >= thresholds[:, None]
        if self.positive is not None and self.positive == predictions.classes[0]:
            said = ~said
        return label_scores(self.scoring, known[1], said, np.ones(len(y)))

    def _as_binary(
        self, predictions: ClassifierOutput, y: Array
    ) -> tuple[ClassifierOutput, npt.NDArray[np.bool_]] | None:
        """Answers on the classes 0 and 1, and which rows are of class 1; None where they are others."""
        if not isinstance(self.scoring, str) or len(predictions.classes) != 2:
            return None
        if self.positive is not None:
            predictions, y = predictions.binary(self.positive), (y == self.positive).astype(int)
        if predictions.classes.tolist() != [0, 1] or not len(y):
            return None
        hit = y == 1
        return None if hit.all() or not hit.any() else (predictions, hit)

    def sees_labels(self, predictions: ClassifierOutput, X: object, y: Array) -> bool:
        """Whether the labels predicted matter, so that a threshold does."""
        first, second = predictions.classes[:2]
        wrong = np.where(y == first, second, first)
        return self(replace(predictions, labels=y), X, y) != self(replace(predictions, labels=wrong), X, y)


# --------------------------------------------------------------------------------------
# What a classifier said of held-out rows, kept so that any scorer can judge it later, and again.


@dataclass(frozen=True)
class ClassifierOutput:
    """Answers of one classifier, row by row.

    Attributes
    ----------
    classes : ndarray of shape (k,)
    labels : ndarray of shape (n,)
        What ``predict`` said.
    probabilities : ndarray of shape (n, k) or None
    decisions : ndarray of shape (n,) or (n, k) or None
        None where the classifier has no such method.
    """

    classes: Array
    labels: Array
    probabilities: Array | None
    decisions: Array | None

    def take(self, rows: Array) -> ClassifierOutput:
        """The answers on some rows."""
        return replace(
            self,
            labels=self.labels[rows],
            probabilities=None if self.probabilities is None else self.probabilities[rows],
            decisions=None if self.decisions is None else self.decisions[rows],
        )

    def binary(self, positive: object) -> ClassifierOutput:
        """The same with ``positive`` as class 1 and the other one as class 0."""
        flip = positive == self.classes[0]
        return ClassifierOutput(
            np.array([0, 1]),
            (self.labels == positive).astype(int),
            self.probabilities[:, ::-1] if flip and self.probabilities is not None else self.probabilities,
            -self.decisions if flip and self.decisions is not None else self.decisions,
        )

    @property
    def margin(self) -> Array | None:
        """Of two classes: how much speaks for the second, on whichever scale the classifier has."""
        return self.decisions if self.probabilities is None else self.probabilities[:, 1]


def predict_all(estimator: BaseEstimator, X: object) -> ClassifierOutput:
    """Ask a fitted classifier everything it can say about X."""
    ask = {name: getattr(estimator, name, None) for name in ("predict_proba", "decision_function")}
    said = {name: None if method is None else np.asarray(method(X)) for name, method in ask.items()}
    return ClassifierOutput(
        np.asarray(estimator.classes_),
        np.asarray(estimator.predict(X)),
        said["predict_proba"],
        said["decision_function"],
    )


def concatenate_predictions(parts: Sequence[ClassifierOutput]) -> ClassifierOutput:
    """Answers of several folds, one under the other."""
    first = parts[0]
    if any(not np.array_equal(part.classes, first.classes) for part in parts):
        raise InvalidParameterError("cv: every training part must hold every class")
    return ClassifierOutput(
        first.classes,
        np.concatenate([part.labels for part in parts]),
        _stacked([part.probabilities for part in parts]),
        _stacked([part.decisions for part in parts]),
    )


def average_predictions(parts: Sequence[ClassifierOutput]) -> ClassifierOutput:
    """What an `AveragedClassifier` of these would have said of the same rows."""
    first = parts[0]
    means = np.asarray(np.mean([np.asarray(part.probabilities) for part in parts], axis=0, dtype=np.float64))
    decisions = None if any(part.decisions is None for part in parts) else decisions_of(means)
    return ClassifierOutput(first.classes, first.classes[means.argmax(axis=1)], means, decisions)


def _stacked(arrays: list[Array | None]) -> Array | None:
    present = [array for array in arrays if array is not None]
    return np.concatenate(present) if len(present) == len(arrays) else None


class RecordedClassifier(ClassifierMixin, BaseEstimator):
    """A fitted classifier that repeats what it said, for scorers that ask for one."""

    def __init__(self, predictions: ClassifierOutput) -> None:
        self.predictions = predictions
        self.classes_ = predictions.classes

    def predict(self, X: object) -> Array:
        """The recorded labels, whatever X."""
        return self.predictions.labels

    @available_if(lambda self: self.predictions.probabilities is not None)
    def predict_proba(self, X: object) -> Array | None:
        """The recorded probabilities, whatever X."""
        return self.predictions.probabilities

    @available_if(lambda self: self.predictions.decisions is not None)
    def decision_function(self, X: object) -> Array | None:
        """The recorded decisions, whatever X."""
        return self.predictions.decisions


# --------------------------------------------------------------------------------------
# How weights of rows and of classes reach a classifier, also the last step of a Pipeline.


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
    >>> from ganaug.selection.fold_predictions import Weighting
    >>> Weighting.of(make_pipeline(StandardScaler(), LogisticRegression())).rows
    'logisticregression__sample_weight'
    """

    rows: str | None
    classes: str | None

    @classmethod
    def of(cls, estimator: BaseEstimator) -> Weighting:
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


def check_weights(
    sample_weight: object, X: object, weighting: Weighting, estimator: BaseEstimator
) -> npt.NDArray[np.float64] | None:
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


# --------------------------------------------------------------------------------------
# Inner folds: each oversampler is fitted once, and every blend of what it made is tried.


@dataclass(frozen=True)
class FoldPredictions:
    """Rows that were held out, and what each blend's classifier said of them.

    Attributes
    ----------
    rows : ndarray of int
    answers : list of ClassifierOutput
        One for each blend.
    failed : dict of Blend to str
        Blends that have no answer, because the classifier could not be trained on so few rows, and why.
    """

    rows: IntArray
    answers: list[ClassifierOutput]
    failed: dict[Blend, str] = field(default_factory=dict)


Splits: TypeAlias = int | BaseCrossValidator | Iterable[tuple[IntArray, IntArray]]


def split_folds(
    cv: Splits, X: object, y: Array, sizes: IntArray, seed: int, groups: Array | None = None
) -> list[tuple[IntArray, IntArray]]:
    """Training and held-out rows of each fold; none where a class has a single row or group.

    Parameters
    ----------
    cv : int, splitter or iterable of (train, test)
        An integer is a number of shuffled, stratified folds, or as many as
        the smallest class has rows; with groups, as many as each class has groups.
    groups : ndarray of shape (n,), optional
        Rows of one group are never trained on and held out in the same fold.

    Raises
    ------
    InvalidParameterError
        If it is none of these, the splits are those of other rows, or a fold would train without one of the classes.
    """
    if isinstance(cv, Integral):
        fewest = int(sizes.min()) if groups is None else fewest_groups(y, groups)
        wanted, state = min(types.integer("cv", cv, 2), fewest), child_seed(seed, "folds") % 2**31
        if wanted < 2:
            return []
        kind = StratifiedKFold if groups is None else StratifiedGroupKFold
        cv = kind(wanted, shuffle=True, random_state=state)
    try:
        found = [(np.asarray(a), np.asarray(b)) for a, b in check_cv(cv, y, classifier=True).split(X, y, groups)]
    except (TypeError, ValueError) as error:
        advice = "; give fit(X, y, groups=...)" if groups is None and "groups" in str(error) else ""
        raise InvalidParameterError(f"cv={cv!r} cannot split these rows: {error}{advice}") from error
    found = [(_places(train, len(y)), _places(test, len(y))) for train, test in found]
    if not found or any(len(np.unique(y[train])) < len(sizes) or not len(test) for train, test in found):
        raise InvalidParameterError("cv: every training part must hold every class, and every test part a row")
    return found


def fewest_groups(y: Array, groups: Array) -> int:
    """In how many groups the class occurs that occurs in the fewest."""
    return min(len(np.unique(groups[y == label])) for label in np.unique(y))


def _places(rows: Array, n: int) -> IntArray:
    """Row numbers of one part of a split, of which there are n in all."""
    if rows.dtype == bool and rows.shape == (n,):
        return np.flatnonzero(rows)
    if not len(rows):
        return np.zeros(0, np.int64)
    if rows.dtype.kind not in "iu" or rows.ndim != 1:
        raise InvalidParameterError(
            f"cv: a part of a split has dtype {rows.dtype} and shape {rows.shape}; give row numbers"
        )
    if rows.max() >= n or rows.min() < -n:
        raise InvalidParameterError(
            f"cv is a list of splits that names row {int(rows.max())}, and X has {n} rows: it was made for other rows "
            "(inside an outer cross-validation, X is only its training part). Give a splitter, such as "
            "StratifiedKFold(3), or StratifiedGroupKFold(3) and fit(X, y, groups=...)"
        )
    return np.asarray(rows, dtype=np.int64) % n


def restrict_splits(cv: Splits, y: Array, kept: IntArray) -> Splits:
    """What splits the rows that are kept as ``cv`` splits all of them: only a list of splits names rows.

    Parameters
    ----------
    cv : int, splitter or iterable of (train, test)
    kept : ndarray of int
        Rows of X that are left, in order.
    """
    if isinstance(cv, Integral) or hasattr(cv, "split") or not isinstance(cv, Iterable) or isinstance(cv, str):
        return cv
    new_place = np.full(len(y), -1, dtype=np.int64)
    new_place[kept] = np.arange(len(kept))
    parts = [[new_place[_places(np.asarray(rows), len(y))] for rows in split] for split in cv]
    return [(train[train >= 0], test[test >= 0]) for train, test in parts]


def predict_held_out(
    estimator: BaseEstimator,
    oversampler: BaseEstimator | None,
    blends: Sequence[Blend],
    X: object,
    y: Array,
    parts: Sequence[tuple[IntArray, IntArray]],
    seed: int,
    n_jobs: int | None,
    weights: npt.NDArray[np.float64] | None = None,
    first: int = 0,
) -> list[FoldPredictions]:
    """Try every blend in every fold.

    Parameters
    ----------
    estimator, oversampler : estimator
        Cloned for each fold.
    parts : sequence of (train, test)
    first : int, default=0
        Number of the first of these folds, where earlier ones have been tried before.
    weights : ndarray of shape (n,), optional
        Of the rows, where the classifier is trained.

    Returns
    -------
    list of FoldPredictions
    """
    if oversampler is not None and side_by_side(len(parts), n_jobs):
        bars = [
            name for name, value in oversampler.get_params().items() if name.endswith("verbose") and value == "auto"
        ]
        oversampler = clone(oversampler).set_params(**dict.fromkeys(bars, False))  # they would overwrite one another
    tasks = [
        (estimator, oversampler, blends, X, y, train, test, child_seed(seed, "fold", i), weights)
        for i, (train, test) in enumerate(parts, first)
    ]
    return run_tasks(_try_blends, tasks, n_jobs)


def _try_blends(
    estimator: BaseEstimator,
    oversampler: BaseEstimator | None,
    blends: Sequence[Blend],
    X: object,
    y: Array,
    train: IntArray,
    test: IntArray,
    seed: int,
    weights: npt.NDArray[np.float64] | None,
) -> FoldPredictions:
    X_train, y_train, X_test = _safe_indexing(X, train), y[train], _safe_indexing(X, test)
    own = None if weights is None else weights[train]
    pool = Pool(X_train, y_train, len(train), np.zeros(0), own)
    answers: dict[Blend, ClassifierOutput | str] = {}
    # None comes first: what it refuses is refused before a GAN has been trained for minutes.
    for blend in blends:
        if blend.share > 0 and pool.X is X_train:
            pool = pool_samples(clone_with_seeds(oversampler, seed), X_train, y_train, seed, own)
        if blend.share > 0 and not len(pool.turn):  # the classes were balanced already
            if NONE not in answers:
                answers[NONE] = predict_all(fit_clone(estimator, pool, NONE, seed), X_test)
            answers[blend] = answers[NONE]
            continue
        try:
            answers[blend] = predict_all(fit_clone(estimator, pool, blend, seed), X_test)
        except Exception as error:
            if not blend.draws:
                raise
            answers[blend] = f"the classifier cannot be trained on so few rows: {type(error).__name__}: {error}"
    failed = {blend: said for blend, said in answers.items() if isinstance(said, str)}
    found = [said for blend in blends if not isinstance(said := answers[blend], str)]
    return FoldPredictions(test, found, failed)


def fit_clone(estimator: BaseEstimator, pool: Pool, blend: Blend, seed: int) -> ClassifierMixin:
    """A clone of the classifier, trained on a blend; of draws, the average of several."""
    if blend.draws:
        members = []
        for i, rows in enumerate(balanced_draws(pool.y[: pool.n_real], blend.draws, seed)):
            own_weights = None if pool.weights is None else pool.weights[rows]
            draw = Pool(_safe_indexing(pool.X, rows), pool.y[rows], len(rows), np.zeros(0), own_weights)
            members.append(fit_clone(estimator, draw, NONE, child_seed(seed, "draw", i)))
        return AveragedClassifier(members)
    X, y, weights = blend_rows(pool, blend)
    own, takes = clone_with_seeds(estimator, seed), Weighting.of(estimator)
    if weights is None or takes.rows is None:
        if blend.class_weight is not None:
            own.set_params(**{str(takes.classes): blend.class_weight})
        with _encoders_advised(X):
            return own.fit(X, y)
    # the weights are handed to the step by name, which a Pipeline takes only where nothing is routed
    with _encoders_advised(X), config_context(enable_metadata_routing=False):
        return own.fit(X, y, **{takes.rows: weights})


@contextmanager
def _encoders_advised(X: object) -> Iterator[None]:
    """Note on the error of a classifier that cannot take the table as it is what to put in front of it."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kinds = getattr(X, "dtypes", None)
        others = (
            []
            if kinds is None or not hasattr(kinds, "items")
            else [name for name, kind in kinds.items() if getattr(kind, "kind", "O") not in "biuf"]
        )
        if others and not getattr(error, "__notes__", None):
            error.add_note(
                f"The classifier is given the table as it is, and {len(others)} of its columns hold no numbers "
                f"({', '.join(map(repr, others[:5]))}{', ...' if len(others) > 5 else ''}). Put encoders in front of "
                "it: estimator=make_pipeline(make_column_transformer((OneHotEncoder(handle_unknown='ignore'), "
                "[categories]), remainder='passthrough'), classifier), and make numbers of dates."
            )
        raise


def clone_with_seeds(prototype: BaseEstimator, seed: int) -> BaseEstimator:
    """A clone whose seeds are set where they were None, the same for every blend: what differs is the rows."""
    own = clone(prototype)
    parameters = own.get_params(deep=True)
    unset = [
        name
        for name, value in parameters.items()
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    ]
    return own.set_params(**{name: child_seed(seed, name) % 2**31 for name in sorted(unset)})
