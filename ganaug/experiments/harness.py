"""The harness of experiments: trials, their seeds, and the cache that makes runs resumable."""

from __future__ import annotations

import functools
import hashlib
import inspect
import itertools
import json
import math
import os
import re
import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from ganaug.exceptions import DataWarning, GanaugWarning, InvalidParameterError, InvalidTypeError
from ganaug.runtime.compute import side_by_side
from ganaug.utils.determinism import child_seed, wants_progress, warn
from ganaug.utils.files import write_whole

__all__ = [
    "Batch",
    "Cache",
    "Row",
    "Trial",
    "cache_folder",
    "data_digest",
    "described",
    "error_text",
    "named",
    "one_core",
    "read_trial",
    "recorded_warnings",
    "run_trials",
    "seeded",
    "trial_path",
    "write_trial",
]

# --------------------------------------------------------------------------------------
# Finished trials on disk: one JSON file each, under a name that depends on all that the result
# depends on.


# Raised when the same settings would give other figures: files of an earlier protocol are then left unread.
PROTOCOL = 1
PACKAGE = Path(__file__).resolve().parents[1]
# Packages of ganaug on whose sources no figure depends (for that of the experiments PROTOCOL stands).
WITHOUT_EFFECT = {"experiments", "report", "cli", "__init__", "__main__"}
# Packages on which a sampler's figures do not depend, because no lower layer imports them.
ABOVE_SAMPLERS = WITHOUT_EFFECT | {"datasets", "pools", "selection", "transforms"}
# Classes that have moved, by the names that stand in files of earlier versions.
FORMERLY = {
    "ganaug.experiments.images.arms.Arm": "ganaug.experiments.pixels.arms.Arm",
    "ganaug.experiments.treatments.NeighborSampler": "ganaug.experiments.samplers.NeighborSampler",
}

Row = dict[str, Any]


def trial_path(folder: Path, dataset: str, arm: str, repeat: int, fold: int, settings: object) -> Path:
    """Where the trial with these settings is stored, or would be.

    Parameters
    ----------
    folder : Path
    dataset, arm : str
        Names of the data set and of the treatment; the file's name begins with them.
    repeat, fold : int
        Of the cross-validation; of images and series the seed and 0.
    settings : list, dict, str or number
        All else that the result depends on, as JSON can hold it.
    """
    text = json.dumps([PROTOCOL, dataset, arm, repeat, fold, settings], sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()[:20]
    names = "-".join(re.sub(r"[^A-Za-z0-9_.]+", "_", name)[:40] for name in (dataset, arm))
    return folder / f"{names}-{repeat}-{fold}-{key}.json"


def read_trial(path: Path, like: Row | None = None) -> list[Row] | None:
    """The rows of a finished trial, or None if it is not there, or has to be computed again.

    Parameters
    ----------
    path : Path
        From `trial_path`.
    like : dict, optional
        A row: those of the file must have its columns, of its types.

    Warns
    -----
    DataWarning
        If the file is there, and is not what `write_trial` wrote for this trial.
    """
    try:
        return _checked(json.loads(path.read_bytes()), path.name, like)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        warn(f"the cached results in {path} are damaged or altered ({error}); they are computed again", DataWarning)
        return None


def write_trial(path: Path, rows: list[Row]) -> None:
    """Write a finished trial, whole or not at all."""
    plain = [{name: None if _is_nan(value) else value for name, value in row.items()} for row in rows]
    # the name of the file says what was computed, so that results are not taken for another trial's
    document = {"cell": path.name, "sha256": _checksum(path.name, plain), "rows": plain}
    write_whole(path, json.dumps(document, indent=1, allow_nan=False).encode())


def _checked(document: object, name: str, like: Row | None) -> list[Row]:
    if not isinstance(document, dict) or not {"cell", "sha256", "rows"} <= set(document):
        raise ValueError("it has no checksum, or is of an earlier version")
    if document["cell"] != name:
        raise ValueError("it holds those of another trial")
    rows = document["rows"]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("it holds no list of rows")
    if document["sha256"] != _checksum(name, rows):
        raise ValueError("its checksum does not match its contents")
    rows = [{column: math.nan if value is None else value for column, value in row.items()} for row in rows]
    for row in rows if like is not None else ():
        odd = sorted(set(row) ^ set(like or ()))
        odd += [column for column, value in (like or {}).items() if _kind(row.get(column)) != _kind(value)]
        if odd:
            raise ValueError(f"its column {odd[0]!r} is not what it should be")
    return rows


def _kind(value: object) -> str:
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def _checksum(name: str, rows: list[Row]) -> str:
    return hashlib.sha256(json.dumps([name, rows], allow_nan=False, sort_keys=True).encode()).hexdigest()


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def data_digest(*tables: Any) -> str:
    """A digest of values, columns and dtypes; equal data has equal digests, in any process."""
    digest = hashlib.sha256()
    for table in tables:
        if isinstance(table, np.ndarray) and table.dtype != object:
            digest.update(f"{table.dtype} {table.shape}".encode())
            digest.update(np.ascontiguousarray(table).tobytes())
            continue
        frame = pd.DataFrame(table)
        digest.update(repr([[str(c), str(frame[c].dtype)] for c in frame] if frame.columns.is_unique else 0).encode())
        digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return digest.hexdigest()[:20]


def described(value: object) -> Any:
    """Anything as what JSON can hold: estimators as class, version and parameters, arrays as digests."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    if isinstance(value, (np.ndarray, pd.DataFrame, pd.Series)):
        return data_digest(value)
    if isinstance(value, dict):
        return [[described(k), described(v)] for k, v in value.items()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [described(one) for one in value]
    if inspect.isroutine(value) or inspect.isclass(value):
        return _origin(value)
    parameters = value.get_params(deep=False) if hasattr(value, "get_params") else getattr(value, "__dict__", {})
    return [_origin(type(value)), {str(name): described(one) for name, one in sorted(parameters.items())}]


def _origin(thing: Any) -> str:
    """Name and version of a class or function; where there is no version, a digest of its source."""
    module = getattr(thing, "__module__", None) or ""
    name = f"{module}.{getattr(thing, '__qualname__', repr(thing))}"
    root, _, rest = module.partition(".")
    if root == PACKAGE.name:
        name = FORMERLY.get(name, name)
        home = rest.split(".")[0]
        return name if home in WITHOUT_EFFECT else f"{name} {_sources(whole=home in ABOVE_SAMPLERS)}"
    version = getattr(sys.modules.get(root), "__version__", None)
    if version is None:
        try:
            version = hashlib.sha256(inspect.getsource(thing).encode()).hexdigest()[:12]
        except (OSError, TypeError):
            version = ""
    return f"{name} {version}"


@functools.cache
def _sources(whole: bool) -> str:
    """A digest of ganaug's own sources, or only of those that a sampler's figures depend on."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        home = path.relative_to(PACKAGE).with_suffix("").parts[0]
        if home not in (WITHOUT_EFFECT if whole else ABOVE_SAMPLERS):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


# --------------------------------------------------------------------------------------
# Trials: each is computed once, on one core and in any process, stored, and read again by later
# calls.


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
        from ganaug.callbacks import ProgressBar  # imports torch

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


def seeded(estimator: object, seed: int) -> BaseEstimator:
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


def named(what: str, given: object) -> dict[str, Any]:
    """A dict of names to whatever they stand for, which must not be empty."""
    if not isinstance(given, Mapping) or not all(isinstance(name, str) and name for name in given):
        example = "{'my data': (X, y)}" if what == "datasets" else f"{{'my {what[:-1]}': ...}}"
        raise InvalidTypeError(f"{what} must be a dict of names to what they stand for, such as {example}")
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
