"""Which cells there are, in which order, and which of them are finished."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from ganaug.exceptions import InvalidDataError
from ganaug.experiments.cache import cell_path, data_digest, described, read_cell
from ganaug.experiments.cells import Cell
from ganaug.experiments.tables import as_frame
from ganaug.utils.seeding import child_seed

__all__ = ["Place", "TrainConfig"]

Row = dict[str, Any]
Place = tuple[int, int, int, int]  # data set, oversampler, repeat, fold: the order of the results


@dataclass(frozen=True)
class TrainConfig:
    """What `compare` was asked for, checked."""

    datasets: dict[str, Any]
    samplers: dict[str, Any]
    classifiers: dict[str, Any]
    metrics: tuple[str, ...]
    train_on: tuple[str, ...]
    n_splits: int
    n_repeats: int
    seed: int
    folder: Path | None

    @property
    def n_cells(self) -> int:
        """Finished or not."""
        return len(self.datasets) * len(self.samplers) * self.n_splits * self.n_repeats

    def missing(self, done: dict[Place, list[Row]]) -> Iterator[tuple[Place, Cell, Any, Any]]:
        """Each cell that is to be computed, with its data; finished ones, and those without data, go into ``done``."""
        settings = [described([self.metrics, self.train_on, self.classifiers]), self.n_splits, self.seed]
        samplers = {name: described(sampler) for name, sampler in self.samplers.items()}
        for number, (dataset, source) in enumerate(self.datasets.items()):
            try:
                X, y = _loaded(source)
                folds = self._folds(dataset, y)
                digest = data_digest(X, y)
            except Exception as error:
                said = f"{type(error).__name__}: {error}"
                done.update(self._failed(number, dataset, said))
                continue
            for repeat, fold in np.ndindex(self.n_repeats, self.n_splits):
                for place, name in enumerate(self.samplers):
                    key = [digest, samplers[name], *settings]
                    cell = self._cell(dataset, name, repeat, fold, folds[repeat][fold], key)
                    where = (number, place, repeat, fold)
                    rows = None if cell.path is None else read_cell(cell.path, cell.row("", ""))
                    if rows is None:
                        yield where, cell, X, y
                    else:
                        done[where] = rows

    def _cell(self, dataset: str, name: str, repeat: int, fold: int, rows: Any, key: Any) -> Cell:
        return Cell(
            dataset=dataset,
            oversampler=name,
            repeat=repeat,
            fold=fold,
            sampler=self.samplers[name],
            classifiers=self.classifiers,
            metrics=self.metrics,
            train_on=self.train_on,
            train=rows[0],
            test=rows[1],
            seed=child_seed(self.seed, dataset, "fold", repeat, fold),
            path=None if self.folder is None else cell_path(self.folder, dataset, name, repeat, fold, key),
        )

    def _folds(self, dataset: str, y: np.ndarray) -> list[list[tuple[Any, Any]]]:
        """Repeat, fold -> (training rows, test rows)."""
        found = []
        for repeat in range(self.n_repeats):
            seed = child_seed(self.seed, dataset, "folds", repeat) % 2**31
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # classes of fewer rows than folds are missing from some
                found.append(list(StratifiedKFold(self.n_splits, shuffle=True, random_state=seed).split(y, y)))
        return found

    def _failed(self, number: int, dataset: str, said: str) -> dict[Place, list[Row]]:
        failed = {}
        for place, name in enumerate(self.samplers):
            for repeat, fold in np.ndindex(self.n_repeats, self.n_splits):
                cell = self._cell(dataset, name, repeat, fold, (None, None), None)
                rows = [cell.row(judge, mode, error=said) for judge in self.classifiers for mode in self.train_on]
                failed[number, place, repeat, fold] = rows
        return failed


def _loaded(source: Any) -> tuple[Any, np.ndarray]:
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
