"""`compare`: run every (data set, oversampler, fold) once, in parallel, and go on where an earlier run stopped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from sklearn.utils.parallel import Parallel, delayed

from ganaug.exceptions import InvalidParameterError, InvalidTypeError
from ganaug.experiments.cells import CLASS_WEIGHT, Cell, one_core, run_cell
from ganaug.experiments.classifiers import default_classifiers
from ganaug.experiments.comparison import Comparison
from ganaug.experiments.planning import Place, TrainConfig
from ganaug.experiments.samplers import default_oversamplers
from ganaug.experiments.scores import METRICS
from ganaug.runtime.parallel import side_by_side
from ganaug.utils.isolation import isolated
from ganaug.utils.seeding import root_seed

__all__ = ["compare"]

MODES = ("both", "synthetic")

Row = dict[str, Any]


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
    cache: str | os.PathLike[str] | None = None,
    finished_only: bool = False,
    verbose: bool | str = "auto",
) -> Comparison:
    """Judge oversamplers by what classifiers learn from their rows, under repeated stratified cross-validation.

    Only the training part of a fold is resampled; test folds keep the real rows
    and the real class ratio. All oversamplers see the same folds, and a
    classifier gets the same seed beside each of them. The unit of work, a cell,
    is one oversampler on one training fold, resampled once for all classifiers.

    Parameters
    ----------
    datasets : dict of str to (X, y), or to a function that returns (X, y)
        ``X`` a DataFrame or a two-dimensional array, ``y`` labels of two or
        more classes. A function is called when its turn comes, so that not all
        sets are held at once.
    oversamplers : dict of str to sampler, None or "class_weight", optional
        Anything with ``fit_resample(X, y)``. None leaves the training rows as
        they are; so does "class_weight", and weights the classes in the
        classifier. Default: `default_oversamplers`.
    classifiers : dict of str to classifier, optional
        Each is put behind imputation, scaling and one-hot encoding, fitted on
        the resampled training rows. A ``Pipeline`` is taken as it is. Labels
        that are no numbers reach it as 0 to K - 1, in sorted order. Default:
        `default_classifiers`.
    metrics : sequence of str, optional
        Of "average_precision", "roc_auc", "balanced_accuracy", "f1", "g_mean",
        "log_loss", "calibration_error", "f1_tuned"; all by default. Without
        "f1_tuned", whose threshold takes a second resampling and fit in every
        cell, a run takes half as long.
    n_splits, n_repeats : int, default=3 and 2
        Folds, and how often the rows are shuffled and split anew.
    train_on : {"both", "synthetic"} or both of them, default="both"
        "both": real rows and the new ones. "synthetic": of each class that got
        new rows, only those. With nothing and with class weights no row is new,
        and they train on the real ones, for comparison. Given both, each cell
        is resampled once for the two.
    random_state : int, default=0
        Seeds of folds, samplers and classifiers derive from it and from their
        names, so that figures depend neither on ``n_jobs`` nor on what else is
        compared. They are given to each parameter ``random_state`` that is None.
    n_jobs : int, optional
        Cells at the same time, as in joblib. Each runs on one core.
    cache : path, optional
        A folder, made if it is not there. Each finished cell is stored in it,
        and taken from it by later calls with the same data, parameters, seeds
        and versions, so that an interrupted run goes on where it stopped.
        Failures are stored as well; delete a cell's file to try it again. For
        what comes from ganaug, its source code counts as the version.
    finished_only : bool, default=False
        Compute nothing and return what ``cache`` holds, to look at a run that
        is under way.
    verbose : bool or "auto", default="auto"
        A progress bar; "auto" shows it on a terminal and in notebooks.

    Returns
    -------
    Comparison
        ``results`` is a DataFrame with a row for each data set, oversampler,
        classifier, ``train_on``, repeat and fold; what failed is a row with its ``error``.

    Raises
    ------
    InvalidParameterError, InvalidTypeError
        For parameters that cannot work. What goes wrong with a data set, a
        sampler or a classifier is recorded instead.

    Notes
    -----
    "f1_tuned": a quarter of the training rows is held out, sampler and classifier
    are fitted anew on the other three, and the threshold with the best F1 on the
    quarter is applied to the classifier of the whole training fold. So no
    synthetic row derives from the rows that tune the threshold.

    Within a call, numpy and scikit-learn use one thread in each process.

    Examples
    --------
    >>> import ganaug
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from ganaug.experiments import NeighborSampler
    >>> found = ganaug.experiments.compare(
    ...     {"made up": make_classification(n_samples=120, weights=[0.8], random_state=0)},
    ...     {"none": None, "weights": "class_weight", "SMOTE": NeighborSampler("smote")},
    ...     {"lr": LogisticRegression()},
    ...     metrics=["roc_auc", "balanced_accuracy"],
    ...     n_repeats=1,
    ... )
    >>> len(found.results)  # 3 oversamplers, 3 folds
    9
    >>> sorted(found.ranks("balanced_accuracy").columns)
    ['SMOTE', 'none', 'weights']
    """
    samplers = _checked_samplers(default_oversamplers() if oversamplers is None else oversamplers)
    judges = _checked_classifiers(default_classifiers() if classifiers is None else classifiers)
    chosen = _choice("metrics", METRICS if metrics is None else metrics, METRICS)
    modes = _choice("train_on", [train_on] if isinstance(train_on, str) else train_on, MODES)
    _check_counts(datasets, n_splits, n_repeats)
    seed, folder = root_seed(random_state), _folder(cache, finished_only)
    side_by_side(2, n_jobs)  # refuses what is no number of jobs
    plan = TrainConfig(dict(datasets), samplers, judges, chosen, modes, n_splits, n_repeats, seed, folder)
    done: dict[Place, list[Row]] = {}
    show = _bar(plan.n_cells, False if finished_only else verbose)
    try:
        with one_core():
            tasks = plan.missing(done)
            for place, rows in () if finished_only else _streamed(tasks, n_jobs):
                done[place] = rows
                show(len(done))
            for _ in tasks:  # what is finished behind the last missing cell
                pass
        show(len(done))
    finally:
        show(None)
    return Comparison([row for place in sorted(done) for row in done[place]], chosen)


def _streamed(tasks: Iterable[tuple[Place, Cell, Any, Any]], n_jobs: int | None) -> Iterator[tuple[Place, list[Row]]]:
    """Results as they come; all at the end where joblib's backend cannot hand them out earlier."""
    try:
        parallel = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    except ValueError:
        parallel = Parallel(n_jobs=n_jobs)
    yield from parallel(delayed(_run)(*task) for task in tasks)


def _run(place: Place, cell: Cell, X: Any, y: Any) -> tuple[Place, list[Row]]:
    return place, run_cell(cell, X, y)


def _bar(total: int, verbose: bool | str) -> Callable[[int | None], None]:
    """A function that moves the progress bar, or (None) leaves it as it stands."""
    if not verbose:
        return lambda n: None
    from ganaug.callbacks import ProgressBar, wants_progress  # torch comes with it

    if not wants_progress(verbose):
        return lambda n: None
    bar = ProgressBar("cells")

    def show(n: int | None) -> None:
        if n is None:
            bar.close()
        else:
            bar(cast(Any, SimpleNamespace(step=n, max_steps=total, record={})))

    return show


# ---- What was asked for --------------------------------------------------------------------------


def _checked_samplers(given: Any) -> dict[str, Any]:
    for name, sampler in _named("oversamplers", given).items():
        if sampler is None or (isinstance(sampler, str) and sampler == CLASS_WEIGHT):
            continue
        if isinstance(sampler, type) or not hasattr(sampler, "fit_resample"):
            raise InvalidTypeError(
                f"oversamplers[{name!r}]={sampler!r} must be an instance with fit_resample(X, y), "
                f"None, or {CLASS_WEIGHT!r}"
            )
    return dict(given)


def _checked_classifiers(given: Any) -> dict[str, Any]:
    for name, classifier in _named("classifiers", given).items():
        if isinstance(classifier, type) or not hasattr(classifier, "fit"):
            raise InvalidTypeError(f"classifiers[{name!r}]={classifier!r} must be an instance of a classifier")
    return dict(given)


def _named(what: str, given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise InvalidTypeError(f"{what} must be a dict of names to what they stand for")
    if not given:
        raise InvalidParameterError(f"{what} is empty; name at least one")
    return given


def _choice(what: str, given: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    chosen, known = tuple(dict.fromkeys(given)), tuple(known)
    unknown = [name for name in chosen if name not in known]
    if unknown or not chosen:
        raise InvalidParameterError(f"{what}: {unknown or 'none given'}; choose from {', '.join(known)}")
    return chosen


def _check_counts(datasets: Any, n_splits: Any, n_repeats: Any) -> None:
    _named("datasets", datasets)
    for name, value, least in (("n_splits", n_splits, 2), ("n_repeats", n_repeats, 1)):
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise InvalidParameterError(f"{name}={value!r} must be an integer of at least {least}")


def _folder(cache: Any, needed: bool) -> Path | None:
    if cache is None:
        if needed:
            raise InvalidParameterError("finished_only=True needs the cache= in which the finished cells are")
        return None
    folder = Path(cache).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder
