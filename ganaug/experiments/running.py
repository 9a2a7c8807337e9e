"""Run every (data set, oversampler, fold) once, in parallel, and go on where an earlier run stopped."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from joblib import delayed as _delayed  # noqa: F401  (kept beside sklearn's)
from sklearn.model_selection import StratifiedKFold
from sklearn.utils.parallel import Parallel, delayed

from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.experiments.cache import cell_path, data_digest, described, read_cell
from ganaug.experiments.cells import CLASS_WEIGHT, Cell, one_core, run_cell
from ganaug.experiments.classifiers import default_classifiers
from ganaug.experiments.comparison import Comparison
from ganaug.experiments.samplers import default_oversamplers
from ganaug.experiments.scores import METRICS
from ganaug.experiments.tables import as_frame
from ganaug.parallel import side_by_side
from ganaug.seeding import child_seed, root_seed

__all__ = ["compare"]

MODES = ("both", "synthetic")

Row = dict[str, Any]


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

    Only the training part of a fold is resampled; test folds keep the real
    rows and the real class ratio. All oversamplers see the same folds, and a classifier
    gets the same seed beside each of them. The unit of work, a cell, is one oversampler on one training
    fold: it is resampled once for all classifiers.

    Parameters
    ----------
    datasets : dict of str to (X, y) or to a function that returns (X, y)
        ``X`` a DataFrame or a two-dimensional array, ``y`` labels of two or more classes.
        A function is called when its turn comes, so not all sets are held at once.
    oversamplers : dict of str to sampler, None or "class_weight", optional
        Anything with ``fit_resample(X, y)``; None leaves the training rows as
        they are; "class_weight" too, and weights the classes in the classifier. Default:
        `default_oversamplers`.
    classifiers : dict of str to classifier, optional
        Each is put behind imputation, scaling and one-hot encoding, which are fitted on the resampled
        training rows. A ``Pipeline`` is taken as it is. Default: `default_classifiers`.
    metrics : sequence of str, optional
        Of "average_precision", "roc_auc", "balanced_accuracy", "f1", "g_mean", "log_loss", "calibration_error",
        "f1_tuned"; all by default. Without "f1_tuned", whose threshold
        takes a second resampling and fit of every cell, a run takes half as long.
    n_splits, n_repeats : int, default=3 and 2
        Folds, and how often the rows are shuffled and split anew.
    train_on : {"both", "synthetic"} or both of them, default="both"
        "both": real rows and the new ones. "synthetic": of each class that got new rows, only the new
        ones. With nothing or with class weights no row is new: they then train on the real ones, for comparison.
        Given both, each cell is resampled once for the two.
    random_state : int, default=0
        Seeds of folds, samplers and classifiers derive from it and from their
        names, so the figures do not depend on ``n_jobs`` or on what else is compared. It is given
        to every parameter ``random_state`` that is None.
    n_jobs : int, optional
        Cells at the same time, as in joblib. Each runs on one core.
    cache : path, optional
        A folder, made if it is not there. Every finished cell is stored in it, and taken from it by later calls with the same
        data, parameters, seeds and versions; so an interrupted run goes on where it stopped. Failures
        are stored as well; delete a cell's file to try it again. Code of ganaug other than this
        subpackage counts as part of the version.
    finished_only : bool, default=False
        Compute nothing and return what ``cache`` holds, to look at a run that is under way.
    verbose : bool or "auto", default="auto"
        A progress bar; "auto" shows it on a terminal and in notebooks.

    Returns
    -------
    Comparison
        ``results`` is a DataFrame with a row for each data set, oversampler, classifier, repeat, fold (and
        ``train_on``). What failed is a row with its ``error``.

    Raises
    ------
    InvalidParameterError, InvalidTypeError
        For parameters that cannot work. What goes wrong with a data set, sampler or classifier is recorded instead.

    Notes
    -----
    ``f1_tuned``: a quarter of the training rows is held out, sampler and classifier are
    fitted anew on the other three, and the threshold with the best F1 on the quarter is applied to
    the classifier of the whole training fold. No synthetic row has seen the rows that tune it.

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
    plan = _Plan(datasets, samplers, judges, chosen, modes, n_splits, n_repeats, seed, folder)
    done: dict[tuple[Any, ...], list[Row]] = {}
    show = _bar(plan.n_cells, verbose and not finished_only)
    try:
        with one_core():
            tasks = plan.missing(done, show, skip=finished_only)
            for cell, rows in _streamed(tasks, n_jobs):
                done[cell] = rows
                show(len(done))
    finally:
        show(None)
    return Comparison([row for place in sorted(done) for row in done[place]], chosen)
