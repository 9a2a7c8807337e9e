"""One cell: an oversampler on one training fold, and every classifier judged on the test fold."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from ganaug.exceptions import GanaugWarning, InvalidDataError
from ganaug.experiments.cache import write_cell
from ganaug.experiments.classifiers import fit_classifier, preprocessing, seeded
from ganaug.experiments.scores import Predictions, best_threshold, scored
from ganaug.experiments.tables import as_frame, rows_of
from ganaug.runtime.interrupts import Interrupt, main_thread_interrupts
from ganaug.utils.seeding import child_seed

__all__ = ["CLASS_WEIGHT", "Cell", "one_core", "run_cell"]

CLASS_WEIGHT = "class_weight"
INNER_FOLDS = 4  # a quarter of the training rows is held out to tune the threshold

Row = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """What is to be done.

    Attributes
    ----------
    dataset, oversampler : str
        Names.
    repeat, fold : int
        Of the cross-validation.
    sampler : sampler, None or "class_weight"
        Cloned and seeded, never fitted itself.
    classifiers : dict
        Name to classifier.
    metrics, train_on : tuple of str
        As in `compare`.
    train, test : int arrays
        Row numbers.
    seed : int
        Of the fold: the same for all oversamplers, so that their classifiers share it.
    path : Path or None
        Where the rows are stored.
    """

    dataset: str
    oversampler: str
    repeat: int
    fold: int
    sampler: Any
    classifiers: dict[str, Any]
    metrics: tuple[str, ...]
    train_on: tuple[str, ...]
    train: Any
    test: Any
    seed: int
    path: Path | None

    @property
    def resamples(self) -> bool:
        """Whether the training rows change."""
        return self.sampler is not None and not isinstance(self.sampler, str)

    def row(self, classifier: str, train_on: str, **found: Any) -> Row:
        """One row of the results."""
        row: Row = {"dataset": self.dataset, "oversampler": self.oversampler, "classifier": classifier}
        row |= {"train_on": train_on, "repeat": self.repeat, "fold": self.fold}
        row |= dict.fromkeys([*self.metrics, "seconds_resample", "seconds_fit"], float("nan"))
        return row | {"rows_train": 0, "error": "", "note": ""} | found


def run_cell(cell: Cell, X: Any, y: np.ndarray) -> list[Row]:
    """Every row of a cell, stored as soon as it is finished. Failures are rows; only Ctrl-C is raised."""
    with main_thread_interrupts() as interrupt, one_core():
        try:
            rows = list(_rows(cell, X, y, interrupt))
        except Exception as error:
            rows = [cell.row(name, mode, error=_said(error)) for name in cell.classifiers for mode in cell.train_on]
        _stop_if_asked(interrupt)
    if cell.path is not None:
        write_cell(cell.path, rows)
    return rows


def _rows(cell: Cell, X: Any, y: np.ndarray, interrupt: Interrupt) -> Iterator[Row]:
    classes, sizes = np.unique(y, return_counts=True)
    positive = len(sizes) - 1 - int(sizes[::-1].argmin()) if len(classes) == 2 else None
    outer = _Resampled(cell, X, y, cell.train, child_seed(cell.seed, "sampler", cell.oversampler))
    _stop_if_asked(interrupt)  # before an unfinished GAN is judged
    inner, held, trouble = None, None, ""
    if "f1_tuned" in cell.metrics and positive is not None:
        inner, held, trouble = _inner(cell, X, y)
        _stop_if_asked(interrupt)
    for name, prototype in cell.classifiers.items():
        same: Row | None = None
        for mode in cell.train_on:
            if same is not None and not cell.resamples:
                yield same | {"train_on": mode}  # no row is synthetic: the real ones are what there is
                continue
            try:
                seed = child_seed(cell.seed, "classifier", name)
                found, fitting = _judge(cell, outer, prototype, mode, seed, cell.test, classes, positive)
                threshold = float("nan")
                if inner is not None:
                    on_held, _ = _judge(cell, inner, prototype, mode, seed, held, classes, positive)
                    threshold = best_threshold(on_held.truth == positive, on_held.ranking[:, positive])
                scores = scored(Predictions(**(vars(found) | {"threshold": threshold})), cell.metrics)
                note = "; ".join(filter(None, [*outer.notes, fitting.pop("note"), trouble]))
                same = cell.row(name, mode, **scores, seconds_resample=outer.seconds, **fitting, note=note)
            except Exception as error:
                same = cell.row(name, mode, seconds_resample=outer.seconds, error=_said(error))
            yield same
            _stop_if_asked(interrupt)


def _inner(cell: Cell, X: Any, y: np.ndarray) -> tuple[_Resampled | None, Any, str]:
    """Three quarters of the training rows, resampled afresh, and the quarter that their sampler never saw."""
    try:
        with _noted():
            folds = StratifiedKFold(INNER_FOLDS, shuffle=True, random_state=child_seed(cell.seed, "inner") % 2**31)
            fit, held = next(folds.split(cell.train, y[cell.train]))
        seed = child_seed(cell.seed, "inner sampler", cell.oversampler)
        return _Resampled(cell, X, y, cell.train[fit], seed), cell.train[held], ""
    except Exception as error:
        return None, None, f"no threshold: {_said(error)}"


class _Resampled:
    """The training rows after the oversampler, and as the classifiers take them."""

    def __init__(self, cell: Cell, X: Any, y: np.ndarray, rows: Any, seed: int) -> None:
        self.X, self.y, self.notes, self.seconds = X, y, [], 0.0
        self.rows: Any = rows_of(X, rows)
        self.labels = y[rows]
        self.is_synthetic = np.zeros(len(rows), dtype=bool)
        self._matrices: dict[str, Any] = {}
        if cell.resamples:
            sampler = seeded(cell.sampler, seed)
            started = time.perf_counter()
            with _noted() as self.notes:
                resampled, labels = sampler.fit_resample(self.rows, self.labels)
            self.seconds = time.perf_counter() - started
            labels = np.asarray(labels)
            self.is_synthetic = _synthetic(sampler, self.labels, labels)
            self.rows, self.labels = resampled, labels

    @cached_property
    def parts(self) -> dict[str, Any]:
        """Mode to the rows to train on."""
        made = np.isin(self.labels, np.unique(self.labels[self.is_synthetic]))
        return {"both": np.arange(len(self.labels)), "synthetic": np.flatnonzero(self.is_synthetic | ~made)}

    def matrices(self, mode: str) -> tuple[Any, Any]:
        """The preprocessing fitted on the rows of a mode, and those rows through it."""
        if mode not in self._matrices:
            frame = as_frame(rows_of(self.rows, self.parts[mode]), getattr(self.X, "columns", None))
            fitted = preprocessing(frame)
            self._matrices[mode] = fitted, fitted.fit_transform(frame)
        return self._matrices[mode]


def _synthetic(sampler: Any, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Which rows are new: as the sampler says, or all that follow the original ones."""
    said = getattr(sampler, "is_synthetic_", None)
    if said is not None:
        return np.asarray(said, dtype=bool)
    if len(after) >= len(before) and np.array_equal(after[: len(before)], before):
        return np.arange(len(after)) >= len(before)
    return np.zeros(len(after), dtype=bool)


def _judge(
    cell: Cell, data: _Resampled, prototype: Any, mode: str, seed: int, test: Any, classes: Any, positive: int | None
) -> tuple[Predictions, Row]:
    if cell.resamples and mode == "synthetic" and not data.is_synthetic.any():
        raise InvalidDataError("the sampler made no rows that can be told from the real ones")
    classifier, rows = seeded(prototype, seed), rows_of(data.X, test)
    # labels that are no numbers become 0 to K - 1: scikit-learn's forests take texts "1", "2" for numbers when weighted
    known = classes if np.issubdtype(classes.dtype, np.number) else np.arange(len(classes))
    labels = known[np.searchsorted(classes, data.labels[data.parts[mode]])]
    with _noted() as notes:
        if isinstance(classifier, Pipeline):  # it prepares the table itself
            X_train, X_test = rows_of(data.rows, data.parts[mode]), rows
        else:
            fitted, X_train = data.matrices(mode)
            X_test = fitted.transform(as_frame(rows))
        started = time.perf_counter()
        note = fit_classifier(classifier, X_train, labels, cell.sampler == CLASS_WEIGHT)
        seconds = time.perf_counter() - started
        found = _predicted(classifier, X_test, np.searchsorted(classes, data.y[test]), known, positive)
    note = "; ".join(filter(None, [note, *notes]))
    return found, {"seconds_fit": seconds, "rows_train": len(labels), "note": note}


def _predicted(classifier: Any, X: Any, truth: Any, classes: np.ndarray, positive: int | None) -> Predictions:
    columns = np.searchsorted(classes, classifier.classes_)
    if hasattr(classifier, "predict_proba"):
        proba = np.zeros((len(truth), len(classes)))
        proba[:, columns] = classifier.predict_proba(X)
        return Predictions(truth, proba.argmax(axis=1), proba, proba, positive)
    values = np.asarray(classifier.decision_function(X))
    values = np.column_stack([-values, values]) if values.ndim == 1 else values
    ranking = np.full((len(truth), len(classes)), values.min() - 1.0)
    ranking[:, columns] = values
    return Predictions(truth, np.searchsorted(classes, classifier.predict(X)), ranking, None, positive)


@contextmanager
def one_core() -> Iterator[None]:
    """One thread for numpy and scikit-learn within the block: sums in several threads round otherwise."""
    with ThreadpoolController().limit(limits=1):
        yield


@contextmanager
def _noted() -> Iterator[list[str]]:
    """Collect what ganaug warns of within the block, as text; other warnings are silent."""
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield notes
    kinds = (GanaugWarning,)
    notes += dict.fromkeys(f"{w.category.__name__}: {w.message}"[:300] for w in caught if issubclass(w.category, kinds))


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:500]


def _stop_if_asked(interrupt: Interrupt) -> None:
    if interrupt.requested:
        raise KeyboardInterrupt
