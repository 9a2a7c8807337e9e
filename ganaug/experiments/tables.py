"""`compare`: oversamplers, and other treatments of imbalance, by what classifiers learn after them from tables."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline

from ganaug.encoding.table_checks import refuse_foreign
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.experiments.comparison import Comparison
from ganaug.experiments.harness import (
    Batch,
    Cache,
    Row,
    Trial,
    cache_folder,
    data_digest,
    described,
    error_text,
    named,
    recorded_warnings,
    run_trials,
    seeded,
    trial_path,
)
from ganaug.experiments.scores import METRICS, TUNABLE, Predictions, best_threshold, scored
from ganaug.experiments.treatments import (
    TREATMENTS,
    Floats,
    Table,
    Treatment,
    as_frame,
    as_treatment,
    default_classifiers,
    default_oversamplers,
    preprocessing,
    rows_of,
)
from ganaug.runtime.interrupts import Interrupt, main_thread_interrupts
from ganaug.utils import types
from ganaug.utils.determinism import child_seed, isolated, root_seed

__all__ = ["compare"]

Labels = npt.NDArray[Any]
Places = npt.NDArray[np.intp]

MODES = ("both", "synthetic")
INNER_FOLDS = 4  # a quarter of the training rows is held out to tune the thresholds of "f1_tuned" and its kin


@isolated
def compare(
    datasets: Mapping[str, Any],
    oversamplers: Mapping[str, Any] | None = None,
    classifiers: Mapping[str, Any] | None = None,
    *,
    metrics: Sequence[str] | None = None,
    n_splits: int = 3,
    n_repeats: int = 2,
    train_on: str | Sequence[str] = "both",
    random_state: int = 0,
    n_jobs: int | None = None,
    cache: Cache = None,
    finished_only: bool = False,
    verbose: bool | str = "auto",
) -> Comparison:
    """Judge oversamplers by what classifiers learn from their rows, under repeated stratified cross-validation.

    Only the training part of a fold is resampled; test folds keep the real rows and the real class ratio. All
    oversamplers see the same folds, and a classifier gets the same seed beside each of them. The unit of work, a
    trial, is one oversampler on one training fold, resampled once for all classifiers.

    Parameters
    ----------
    datasets : dict of str to (X, y), or to a function that returns (X, y)
        ``X`` a DataFrame or a two-dimensional array, ``y`` labels of two or more classes. A function is called when
        its turn comes, so that not all sets are held at once.
    oversamplers : dict of str to sampler, None, str or Treatment, optional
        Anything with ``fit_resample(X, y)``. None leaves the training rows as they are, and so do the names in
        `TREATMENTS`: "class_weight" weights the classes in the classifier, "prior" moves its threshold to the share
        of the training rows, "tuned" to where cross-validation finds it best. A `Treatment` is a way of your own.
        Default: `default_oversamplers`.
    classifiers : dict of str to classifier, optional
        Each is put behind imputation, scaling and one-hot encoding, fitted on the resampled training rows. A
        ``Pipeline`` is taken as it is. Labels that are no numbers reach it as 0 to K - 1, in sorted order. Default:
        `default_classifiers`.
    metrics : sequence of str, optional
        Names in `METRICS`; all by default. Without "f1_tuned", "balanced_accuracy_tuned" and "g_mean_tuned", whose
        thresholds take a second resampling and fit in every trial, a run takes half as long.
    n_splits, n_repeats : int, default=3 and 2
        Folds, and how often the rows are shuffled and split again.
    train_on : {"both", "synthetic"} or both of them, default="both"
        "both": real rows and the new ones. "synthetic": of each class that got new rows, only those; where no row is
        new, the real ones, for comparison. Given both, each trial is resampled once for the two.
    random_state : int, default=0
        Seeds of folds, samplers and classifiers derive from it and from their names, so that figures depend neither
        on ``n_jobs`` nor on what else is compared. They are given to each parameter ``random_state`` that is None.
    n_jobs : int, optional
        Trials at the same time, as in joblib. Each runs on one core.
    cache : path, optional
        A folder, made if it is not there. Each finished trial is stored in it, and taken from it by later calls with
        the same data, parameters, seeds and versions, so that an interrupted run goes on where it stopped. Failures
        are stored as well; delete a trial's file to try it again. For what comes from ganaug, its source code counts
        as the version.
    finished_only : bool, default=False
        Compute nothing and return what ``cache`` holds, to look at a run that is under way.
    verbose : bool or "auto", default="auto"
        A progress bar; "auto" shows it on a terminal and in notebooks.

    Returns
    -------
    Comparison
        ``results`` is a DataFrame with a row for each data set, oversampler, classifier, ``train_on``, repeat and
        fold; what failed is a row with its ``error``.

    Raises
    ------
    InvalidParameterError, InvalidTypeError
        For parameters that cannot work. What goes wrong with a data set, a sampler or a classifier is recorded.

    Notes
    -----
    "f1_tuned", "balanced_accuracy_tuned" and "g_mean_tuned": a quarter of the training rows is held out, sampler and
    classifier are fitted again on the other three, and the threshold with the best F1 (balanced accuracy, G-mean) on
    the quarter is applied to the classifier of the whole training fold. So no synthetic row derives from the rows that
    tune the threshold, and a treatment that only moves decisions has the same value as none.

    Within a call, numpy and scikit-learn use one thread in each process.

    Examples
    --------
    >>> import ganaug
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from ganaug.experiments import NeighborSampler
    >>> found = ganaug.experiments.compare(
    ...     {"made up": make_classification(n_samples=120, weights=[0.8], random_state=0)},
    ...     {"none": None, "weights": "class_weight", "threshold": "prior", "SMOTE": NeighborSampler("smote")},
    ...     {"lr": LogisticRegression()},
    ...     metrics=["roc_auc", "balanced_accuracy"],
    ...     n_repeats=1,
    ... )
    >>> len(found.results)  # 4 oversamplers, 3 folds
    12
    >>> sorted(found.ranks("balanced_accuracy").columns)
    ['SMOTE', 'none', 'threshold', 'weights']
    """
    given = named("oversamplers", default_oversamplers() if oversamplers is None else oversamplers)
    treatments = {name: as_treatment(name, value) for name, value in given.items()}
    models = named("classifiers", default_classifiers() if classifiers is None else classifiers)
    for name, classifier in models.items():
        if isinstance(classifier, type) or not hasattr(classifier, "fit"):
            raise InvalidTypeError(f"classifiers[{name!r}]={classifier!r} must be an instance of a classifier")
    chosen = _chosen("metrics", METRICS if metrics is None else metrics, METRICS)
    modes = _chosen("train_on", [train_on] if isinstance(train_on, str) else train_on, MODES)
    sets = named("datasets", datasets)
    for name, source in sets.items():
        for part in source if isinstance(source, tuple) else ():
            refuse_foreign(part, f"datasets[{name!r}]")
    n_splits, n_repeats = types.integer("n_splits", n_splits, 2), types.integer("n_repeats", n_repeats, 1)
    seed, folder = root_seed(random_state), cache_folder(cache, finished_only)
    settings = [described([chosen, modes, models]), n_splits, seed]
    keys = {name: _key(value) for name, value in given.items()}

    def trials() -> Iterator[Trial]:
        for dataset, source in sets.items():
            nothing = np.zeros(0, np.intp)
            data: tuple[Table, Labels] = nothing, nothing
            folds, digest, error = [[(nothing, nothing)] * n_splits] * n_repeats, "", ""
            try:
                data = _loaded(source)
                seeds = [child_seed(seed, dataset, "folds", repeat) for repeat in range(n_repeats)]
                folds = [_folds(data[1], n_splits, own) for own in seeds]
                digest = data_digest(*data)
            except Exception as problem:
                error = error_text(problem)
            for repeat, fold in np.ndindex(n_repeats, n_splits):
                for name in given:
                    key = [digest, keys[name], *settings]
                    yield _TableTrial(
                        path=None if folder is None else trial_path(folder, dataset, name, repeat, fold, key),
                        error=error,
                        names=(dataset, name, repeat, fold),
                        treatment=treatments[name],
                        classifiers=models,
                        metrics=chosen,
                        train_on=modes,
                        data=data,
                        split=folds[repeat][fold],
                        seed=child_seed(seed, dataset, "fold", repeat, fold),
                    )

    total = len(sets) * len(given) * n_splits * n_repeats
    rows = run_trials([Batch(trials())], total, n_jobs=n_jobs, finished_only=finished_only, verbose=verbose)
    first, then = list(sets), list(given)
    rows.sort(key=lambda row: (first.index(row["dataset"]), then.index(row["oversampler"])))  # folds keep their order
    return Comparison(rows, chosen)


def _chosen(what: str, given: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(given))
    unknown = [name for name in chosen if name not in known]
    if unknown or not chosen:
        raise InvalidParameterError(f"{what}: {unknown or 'none given'}; choose from {', '.join(known)}")
    return chosen


def _key(given: object) -> object:
    """What a treatment does, for the name of a file; "class_weight" is known by its name in older ones."""
    return described(TREATMENTS[given] if isinstance(given, str) and given != "class_weight" else given)


def _loaded(source: Any) -> tuple[Table, Labels]:
    X, y = source() if callable(source) else source
    labels = pd.Series(np.asarray(y)) if not isinstance(y, pd.Series) else y
    frame, codes = as_frame(X), labels.to_numpy()
    if len(frame) != len(codes):
        raise InvalidDataError(f"X has {len(frame)} rows and y has {len(codes)}")
    if pd.isna(codes).any():
        raise InvalidDataError("y has missing values")
    if codes.dtype == object and pd.api.types.infer_dtype(codes) in {"integer", "boolean"}:
        codes = np.array(codes.tolist())
    if len(np.unique(codes)) < 2:
        raise InvalidDataError("y has a single class")
    return X if isinstance(X, np.ndarray) and X.dtype != object else frame.reset_index(drop=True), codes


def _folds(y: Labels, n_splits: int, seed: int) -> list[tuple[Places, Places]]:
    """Training rows and test rows of each fold."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes of fewer rows than folds are missing from some
        return list(StratifiedKFold(n_splits, shuffle=True, random_state=seed % 2**31).split(y, y))


# ---- A trial ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _TableTrial(Trial):
    """A treatment on one training fold, and every classifier judged on the test fold."""

    names: tuple[str, str, int, int]  # data set, oversampler, repeat and fold
    treatment: Treatment  # its sampler is cloned and seeded, never fitted itself
    classifiers: dict[str, Any]
    metrics: tuple[str, ...]
    train_on: tuple[str, ...]
    data: tuple[Table, Labels]  # all rows
    split: tuple[Places, Places]  # training rows and test rows
    seed: int  # of the fold: the same for all oversamplers, so that their classifiers share it

    def failed(self, error: str) -> list[Row]:
        """A row for each classifier and mode."""
        return [self._row(name, mode, error=error) for name in self.classifiers for mode in self.train_on]

    def example(self) -> Row:
        """Any row."""
        return self._row("", "")

    def _row(self, classifier: str, train_on: str, **found: object) -> Row:
        dataset, oversampler, repeat, fold = self.names
        row: Row = {"dataset": dataset, "oversampler": oversampler, "classifier": classifier, "train_on": train_on}
        row |= {"repeat": repeat, "fold": fold}
        row |= dict.fromkeys([*self.metrics, "seconds_resample", "seconds_fit"], float("nan"))
        return row | {"rows_train": 0, "error": "", "note": ""} | found

    def rows(self) -> list[Row]:
        """A row for each classifier and mode."""
        with main_thread_interrupts() as interrupt:  # at Ctrl-C an unfinished GAN must not be judged
            try:
                return list(self._rows(interrupt))
            finally:
                _stop_if_asked(interrupt)

    def _rows(self, interrupt: Interrupt) -> Iterator[Row]:
        train, test = self.split
        outer, inner, held, trouble = _TrainingRows(self, train, "sampler"), None, train, ""
        _stop_if_asked(interrupt)
        tuned = [metric for metric in TUNABLE if f"{metric}_tuned" in self.metrics]
        if tuned and outer.positive is not None:
            try:
                fit, held = self._inner_split()
                inner = _TrainingRows(self, fit, "inner sampler")
            except Exception as error:
                trouble = f"no threshold: {error_text(error)}"
            _stop_if_asked(interrupt)
        for name in self.classifiers:
            row: Row | None = None
            for mode in self.train_on:
                if row is None or self.treatment.sampler is not None:  # else no row is synthetic, in any mode
                    try:
                        found, about = outer.predictions(name, mode, test)
                        if inner is not None:
                            on_held = inner.predictions(name, mode, held)[0]
                            positive, ranking = on_held.truth == outer.positive, on_held.ranking[:, outer.positive]
                            best = {metric: best_threshold(positive, ranking, metric) for metric in tuned}
                            found = replace(found, thresholds=best)
                        note = "; ".join(filter(None, [*outer.notes, *about.pop("note"), trouble]))
                        row = self._row(name, mode, **scored(found, self.metrics), **about, note=note)
                    except Exception as error:
                        row = self._row(name, mode, error=error_text(error))
                yield row | {"train_on": mode, "seconds_resample": outer.seconds}
                _stop_if_asked(interrupt)

    def _inner_split(self) -> tuple[Places, Places]:
        """Three quarters of the training rows, and the quarter that tunes the threshold."""
        train, y = self.split[0], self.data[1]
        with recorded_warnings():
            folds = StratifiedKFold(INNER_FOLDS, shuffle=True, random_state=child_seed(self.seed, "inner") % 2**31)
            fit, held = next(folds.split(train, y[train]))
        return train[fit], train[held]


class _TrainingRows:
    """Some of a trial's training rows after its sampler, and what classifiers learn from them."""

    def __init__(self, trial: _TableTrial, rows: Places, purpose: str) -> None:
        X, y = trial.data
        self.trial, self.rows, self.labels = trial, rows_of(X, rows), y[rows]
        self.notes: list[str] = []
        self.seconds = 0.0
        self.is_synthetic = np.zeros(len(rows), dtype=bool)
        self._prepared: dict[str, tuple[ColumnTransformer, Floats]] = {}
        if trial.treatment.sampler is not None:
            sampler = seeded(trial.treatment.sampler, child_seed(trial.seed, purpose, trial.names[1]))
            started = time.perf_counter()
            with recorded_warnings() as self.notes:
                self.rows, labels = sampler.fit_resample(self.rows, self.labels)
            self.seconds = time.perf_counter() - started
            self.labels = np.asarray(labels)
            self.is_synthetic = _synthetic(sampler, y[rows], self.labels)
        made = np.isin(self.labels, np.unique(self.labels[self.is_synthetic]))
        self.parts = {"both": np.arange(len(self.labels)), "synthetic": np.flatnonzero(self.is_synthetic | ~made)}
        self.classes, sizes = np.unique(y, return_counts=True)
        # code of the rarer of two classes
        self.positive = len(sizes) - 1 - int(sizes[::-1].argmin()) if len(sizes) == 2 else None

    def predictions(self, name: str, mode: str, test: Places) -> tuple[Predictions, Row]:
        """Fit a classifier to the rows of a mode, and predict other rows; with them come costs and notes."""
        trial, classes = self.trial, self.classes
        if mode == "synthetic" and trial.treatment.sampler is not None and not self.is_synthetic.any():
            raise InvalidDataError("the sampler made no rows that can be told from the real ones")
        X, y = trial.data
        seed = child_seed(trial.seed, "classifier", name)
        classifier, X_test = seeded(trial.classifiers[name], seed), rows_of(X, test)
        # as codes if they are no numbers: scikit-learn's forests take texts "1", "2" for numbers when weighted
        known = classes if np.issubdtype(classes.dtype, np.number) else np.arange(len(classes))
        labels = known[np.searchsorted(classes, self.labels[self.parts[mode]])]
        with recorded_warnings() as notes:
            if isinstance(classifier, Pipeline):  # it prepares the table itself
                X_train = rows_of(self.rows, self.parts[mode])
            else:
                prepared, X_train = self._prepare(mode, getattr(X, "columns", None))
                X_test = prepared.transform(as_frame(X_test))
            started = time.perf_counter()
            fitted, note = trial.treatment.fit(classifier, X_train, labels, seed)
            about = {"seconds_fit": time.perf_counter() - started, "rows_train": len(labels)}
            found = self._predicted(fitted, X_test, np.searchsorted(classes, y[test]), known)
        return found, about | {"note": [note, *notes]}

    def _prepare(self, mode: str, columns: pd.Index[Any] | None) -> tuple[ColumnTransformer, Floats]:
        """The preprocessing fitted to the rows of a mode, and those rows after it."""
        if mode not in self._prepared:
            frame = as_frame(rows_of(self.rows, self.parts[mode]), columns)
            fitted = preprocessing(frame)
            self._prepared[mode] = fitted, fitted.fit_transform(frame)
        return self._prepared[mode]

    def _predicted(self, fitted: BaseEstimator, X: Table, truth: Places, known: Labels) -> Predictions:
        """What a classifier, which knows the classes by these labels, predicts for rows of these codes."""
        columns = np.searchsorted(known, fitted.classes_)
        if hasattr(fitted, "predict_proba"):
            proba = np.zeros((len(truth), len(known)))
            proba[:, columns] = fitted.predict_proba(X)
            decides = self.trial.treatment.decides
            predicted = np.searchsorted(known, fitted.predict(X)) if decides else proba.argmax(axis=1)
            return Predictions(truth, predicted, proba, proba, self.positive)
        values = np.asarray(fitted.decision_function(X))
        values = np.column_stack([-values, values]) if values.ndim == 1 else values
        ranking = np.full((len(truth), len(known)), values.min() - 1.0)
        ranking[:, columns] = values
        return Predictions(truth, np.searchsorted(known, fitted.predict(X)), ranking, None, self.positive)


def _synthetic(sampler: object, before: Labels, after: Labels) -> npt.NDArray[np.bool_]:
    """Which rows are new: as the sampler says, or all that follow the original ones."""
    own = getattr(sampler, "is_synthetic_", None)
    if own is not None:
        return np.asarray(own, dtype=bool)
    kept = len(after) >= len(before) and np.array_equal(after[: len(before)], before)
    return np.arange(len(after)) >= len(before) if kept else np.zeros(len(after), dtype=bool)


def _stop_if_asked(interrupt: Interrupt) -> None:
    if interrupt.requested:
        raise KeyboardInterrupt
