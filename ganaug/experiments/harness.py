"""Trials: each is computed once, on one core and in any process, stored, and read again by later calls."""

from __future__ import annotations

import itertools
import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from ganaug.exceptions import GanaugWarning, InvalidParameterError, InvalidTypeError
from ganaug.experiments.cache import Row, read_trial, write_trial
from ganaug.runtime.parallel import side_by_side
from ganaug.utils.seeding import child_seed

__all__ = [
    "Batch",
    "Cache",
    "Trial",
    "cache_folder",
    "error_text",
    "named",
    "one_core",
    "recorded_warnings",
    "run_trials",
    "seeded",
]
Cache = str | os.PathLike[str] | None


@dataclass(frozen=True, kw_only=True)
class Trial(ABC):
    """One way to treat imbalance on one split of one data set, with all classifiers that are trained on it.

    A subclass holds all that its rows depend on, so that the order and the process in which trials are computed
    change nothing.

    Attributes
    ----------
    path : Path or None
        Where its rows are stored; None stores nothing.
    error : str
        Why it cannot be computed; empty if it can.
    """

    path: Path | None
    error: str = ""

    @abstractmethod
    def rows(self) -> list[Row]:
        """Compute it. An exception becomes the error of its rows."""

    @abstractmethod
    def failed(self, error: str) -> list[Row]:
        """The rows of a trial in which something went wrong."""

    def example(self) -> Row | None:
        """A row whose columns stored ones must have; None accepts any."""
        return None

    def stored(self) -> list[Row] | None:
        """Its rows if they are known: those of an earlier run, or that it cannot be computed."""
        if self.error:
            return self.failed(self.error)
        return None if self.path is None else read_trial(self.path, self.example())


class Batch(NamedTuple):
    """Trials that may run at the same time.

    ``prepare``, if there is one, is called in the main process with the trials that are not finished, and returns
    what is to be run instead of each.
    """

    trials: Iterable[Trial]
    prepare: Callable[[list[Trial]], list[Trial]] | None = None


def run_trials(
    batches: Iterable[Batch],
    total: int,
    *,
    n_jobs: int | None = None,
    finished_only: bool = False,
    verbose: bool | str = "auto",
) -> list[Row]:
    """Compute the trials that are not stored yet, and return the rows of all in their order.

    Parameters
    ----------
    batches : iterable of Batch
        One after the other; the next is asked for when all rows of the one before are there.
    total : int
        Number of trials, for the progress bar.
    n_jobs : int, optional
        Trials at the same time, as in joblib.
    finished_only : bool, default=False
        Whether to compute nothing.
    verbose : bool or "auto", default="auto"
        Whether to show a progress bar.
    """
    side_by_side(2, n_jobs)  # refuses what is no number of jobs
    done: dict[int, list[Row]] = {}
    places = itertools.count()

    def unfinished(trials: Iterable[Trial]) -> Iterator[tuple[int, Trial]]:
        for trial in trials:
            place, rows = next(places), trial.stored()
            if rows is None:
                yield place, trial
            else:
                done[place] = rows

    with _progress_bar(total, False if finished_only else verbose) as show:
        for batch in batches:
            missing: Iterable[tuple[int, Trial]] = unfinished(batch.trials)
            if finished_only or batch.prepare is not None:
                missing = list(missing)
            if finished_only:
                continue
            show(len(done))
            if batch.prepare is not None and missing:
                prepared = batch.prepare([trial for _, trial in missing])
                missing = [(place, trial) for (place, _), trial in zip(missing, prepared, strict=True)]
            with one_core():
                for place, rows in _streamed(missing, n_jobs):
                    done[place] = rows
                    show(len(done))
            show(len(done))
    return [row for place in sorted(done) for row in done[place]]


def _streamed(trials: Iterable[tuple[int, Trial]], n_jobs: int | None) -> Iterator[tuple[int, list[Row]]]:
    """Results as they come; all at the end where joblib's backend cannot return them earlier."""
    try:
        parallel = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    except ValueError:
        parallel = Parallel(n_jobs=n_jobs)
    yield from parallel(delayed(_run)(*trial) for trial in trials)


def _run(place: int, trial: Trial) -> tuple[int, list[Row]]:
    if trial.error:  # it may succeed another time, so nothing is stored
        return place, trial.failed(trial.error)
    try:
        with one_core():
            rows = trial.rows()
    except Exception as error:
        rows = trial.failed(error_text(error))
    if trial.path is not None:
        write_trial(trial.path, rows)
    return place, rows


@contextmanager
def _progress_bar(total: int, verbose: bool | str) -> Iterator[Callable[[int], None]]:
    if verbose:
        from ganaug.callbacks import ProgressBar, wants_progress  # imports torch

        if wants_progress(verbose):
            bar = ProgressBar("trials")
            try:
                yield lambda n: bar(cast(Any, SimpleNamespace(step=n, max_steps=total, record={})))
            finally:
                bar.close()
            return
    yield lambda n: None


# ---- Within a trial ------------------------------------------------------------------------------


@contextmanager
def one_core() -> Iterator[None]:
    """One thread for numpy and scikit-learn within the block: sums over several threads are rounded differently."""
    with ThreadpoolController().limit(limits=1):
        yield


@contextmanager
def recorded_warnings() -> Iterator[list[str]]:
    """Collect ganaug's warnings within the block, as text; other warnings are silenced."""
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield notes
    own = [w for w in caught if issubclass(w.category, GanaugWarning)]
    notes += dict.fromkeys(f"{w.category.__name__}: {w.message}"[:300] for w in own)


def error_text(error: BaseException) -> str:
    """Class and message, as it stands in the column "error"."""
    return f"{type(error).__name__}: {error}"[:500]


def seeded(estimator: Any, seed: int) -> Any:
    """A clone in which every ``random_state`` that is None is an integer derived from ``seed`` and its name."""
    own = clone(estimator, safe=not hasattr(estimator, "get_params"))
    if not hasattr(own, "get_params"):
        return own
    unset = [
        name
        for name, value in sorted(own.get_params(deep=True).items())
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    ]
    return own.set_params(**{name: child_seed(seed, name) % 2**31 for name in unset})


# ---- Parameters of every comparison ----------------------------------------------------------------


def named(what: str, given: Any) -> dict[str, Any]:
    """A dict of names to whatever they stand for, which must not be empty."""
    if not isinstance(given, Mapping) or not all(isinstance(name, str) and name for name in given):
        raise InvalidTypeError(f"{what} must be a dict of names to what they stand for")
    if not given:
        raise InvalidParameterError(f"{what} is empty; name at least one")
    return dict(given)


def cache_folder(cache: Cache, finished_only: bool) -> Path | None:
    """The folder of stored trials, made if it is not there."""
    if cache is None:
        if finished_only:
            raise InvalidParameterError("finished_only=True needs the cache= in which the finished trials are")
        return None
    folder = Path(cache).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder
