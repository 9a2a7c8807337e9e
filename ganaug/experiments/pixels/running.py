"""`compare_images` and `compare_series`: every arm on every split, resumable cell by cell."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from sklearn.utils.parallel import Parallel, delayed

from ganaug.callbacks import ProgressBar, wants_progress
from ganaug.estimators import ImageGAN, SeriesGAN
from ganaug.exceptions import InvalidParameterError, InvalidTypeError
from ganaug.experiments.cache import write_cell
from ganaug.experiments.pixels.arms import ARMS, SERIES_ARMS, chosen_arms
from ganaug.experiments.pixels.cells import ArmCell, QualityCell, Row, run_cell
from ganaug.experiments.pixels.comparison import ImageComparison
from ganaug.experiments.pixels.makers import MAKERS
from ganaug.experiments.pixels.planning import Place, TrainConfig, Turn
from ganaug.experiments.pixels.pools import fill_pool, is_filled
from ganaug.experiments.pixels.samples import Split
from ganaug.experiments.pixels.training import SAMPLERS, Schedule, augmentation
from ganaug.runtime.parallel import side_by_side
from ganaug.utils import validation
from ganaug.utils.isolation import isolated
from ganaug.utils.seeding import root_seed

__all__ = ["compare_images", "compare_series"]


@isolated
def compare_images(
    datasets: Mapping[str, Any],
    generators: Mapping[str, Any] | None = None,
    arms: Any = None,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    epochs: int = 20,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    width: int = 32,
    augment: Any = ("translation",),
    quality: bool = True,
    device: str = "cpu",
    n_jobs: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    finished_only: bool = False,
    verbose: bool | str = "auto",
) -> ImageComparison:
    """Judge ways to train on imbalanced images by what a small network recognises afterwards.

    For each data set and seed a generator is fitted once, to the training
    images; each arm then trains the same five-convolution network and is judged on
    the test images, each class weighing the same.

    Parameters
    ----------
    datasets : dict of str to (X_train, y_train, X_test, y_test), or to a function that returns it
        Images of 8 to 256 pixels a side, (n, H, W), (n, H, W, C) or (n, C, H, W), in any dtype of numbers. A function
        is called with the seed, so that each seed can draw its own split; see `long_tailed`.
    generators : dict of str to estimator, optional
        With ``fit(X, y)`` and ``sample(n, label=, random_state=)``; not fitted itself. Default: `ImageGAN`.
    arms : list of str, or dict of str to Arm, optional
        Names in `ARMS`, or arms of your own. Default: all of `ARMS`.
    seeds : sequence of int, default=(0, 1, 2)
        Of splits, generators and classifiers. Intervals are over these.
    epochs : int, default=20
        Passes over the real training images. It sets the number of steps, which
        is the same for every arm: one with more images sees each less often.
    batch_size : int, default=64
    learning_rate : float, default=2e-3
        Of Adam, at its height; rises over 5 % of the steps and falls along a cosine to 0.
    width : int, default=32
        Feature maps of the first convolution.
    augment : list of str, or dict of data set to list of str, default=("translation",)
        Standard augmentation, for arms that have it: names in `ganaug.augmentation.POLICIES`. "translation" moves by
        up to an eighth of each side. Add "flip" for pictures in which left and right mean nothing.
    quality : bool, default=True
        Whether the generators' samples are judged too, see `generator_quality`.
    device : str, default="cpu"
        Of the classifiers. Figures repeat on a CPU.
    n_jobs : int, optional
        Arms at the same time, as in joblib, each on one core. Generators are fitted one after the other.
    cache : path, optional
        A folder, made if it is not there, for models, synthetic samples and finished cells; an interrupted run goes on
        from it. Files are named by data, parameters and seeds and, for what comes from a generator of ganaug, its
        source code.
    finished_only : bool, default=False
        Compute nothing and return what ``cache`` holds.
    verbose : bool or "auto", default="auto"
        A progress bar; "auto" shows it on a terminal and in notebooks.

    Returns
    -------
    ImageComparison

    Raises
    ------
    InvalidParameterError, InvalidTypeError
        For parameters that cannot work. What goes wrong with a data set, a generator or an arm is recorded instead.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug import SmoothedBootstrap
    >>> from ganaug.experiments import compare_images
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 40)
    >>> X = rng.integers(0, 100, (80, 8, 8), dtype=np.uint8) + (100 * y[:, None, None]).astype(np.uint8)
    >>> found = compare_images(
    ...     {"made up": (X[:46], y[:46], X[20:], y[20:])},
    ...     {"bootstrap": SmoothedBootstrap()},
    ...     ["nothing", "weighted sampler", "blend 1 + augmentation"],
    ...     seeds=[0], epochs=2, batch_size=16, width=2, quality=False,
    ... )  # fmt: skip
    >>> found.results["arm"].tolist()
    ['nothing', 'weighted sampler', 'blend 1 + augmentation']
    """
    schedule = Schedule(epochs, batch_size, learning_rate, width, device).checked()
    known = chosen_arms(arms, ARMS, SAMPLERS, MAKERS)
    given = {"ImageGAN": ImageGAN(curate=True, verbose=False)} if generators is None else generators
    plan = _plan("image", datasets, given, known, ("cnn",), seeds, schedule, augment, quality)
    return _carried_out(plan, cache, finished_only, n_jobs, verbose)


@isolated
def compare_series(
    datasets: Mapping[str, Any],
    generators: Mapping[str, Any] | None = None,
    arms: Any = None,
    *,
    classifiers: Sequence[str] = ("cnn", "features"),
    seeds: Sequence[int] = (0, 1, 2),
    epochs: int = 30,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    width: int = 16,
    augment: Any = ("shift", "scale"),
    quality: bool = True,
    device: str = "cpu",
    n_jobs: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    finished_only: bool = False,
    verbose: bool | str = "auto",
) -> ImageComparison:
    """Judge ways to train on imbalanced series; the counterpart of `compare_images`.

    Parameters
    ----------
    datasets : dict of str to (X_train, y_train, X_test, y_test), or to a function of the seed that returns it
        Series (n, channels, length) or (n, length).
    generators : dict of str to estimator, optional
        Default: `SeriesGAN`.
    arms : list of str, or dict of str to Arm, optional
        Names in `SERIES_ARMS`, or arms of your own. Default: all of them.
    classifiers : list of {"cnn", "features"}, default=("cnn", "features")
        "cnn": five convolutions. "features": logistic regression on level, spread, extremes, quartiles, steps and
        spectrum of each channel, for arms that need no training in batches.
    seeds : sequence of int, default=(0, 1, 2)
    epochs : int, default=30
    batch_size : int, default=64
    learning_rate : float, default=2e-3
    width : int, default=16
    augment : list of str, or dict of data set to list of str, default=("shift", "scale")
        For arms that ask for augmentation, which none of `SERIES_ARMS` does.
    quality, device, n_jobs, cache, finished_only, verbose
        As in `compare_images`.

    Returns
    -------
    ImageComparison

    Raises
    ------
    InvalidParameterError, InvalidTypeError
        As in `compare_images`.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug import SmoothedBootstrap
    >>> from ganaug.experiments import compare_series
    >>> y = np.repeat([0, 1], 40)
    >>> X = np.random.default_rng(0).normal(size=(80, 1, 16)) + y[:, None, None]
    >>> found = compare_series(
    ...     {"made up": (X[:46], y[:46], X[20:], y[20:])},
    ...     {"bootstrap": SmoothedBootstrap()},
    ...     ["nothing", "SMOTE", "blend 1"],
    ...     classifiers=["features"], seeds=[0, 1], quality=False,
    ... )  # fmt: skip
    >>> found.summary("acsa").shape
    (3, 3)
    """
    schedule = Schedule(epochs, batch_size, learning_rate, width, device).checked()
    known = chosen_arms(arms, SERIES_ARMS, SAMPLERS, MAKERS)
    given = {"SeriesGAN": SeriesGAN(curate=True, verbose=False)} if generators is None else generators
    judges = tuple(validation.choice("classifiers", name, ("cnn", "features")) for name in classifiers)
    plan = _plan("series", datasets, given, known, judges, seeds, schedule, augment, quality)
    return _carried_out(plan, cache, finished_only, n_jobs, verbose)


# ---- What was asked for --------------------------------------------------------------------------


def _plan(
    kind: str,
    datasets: Any,
    generators: Any,
    arms: Any,
    judges: tuple[str, ...],
    seeds: Any,
    schedule: Schedule,
    augment: Any,
    quality: bool,
) -> TrainConfig:
    for what, given in (("datasets", datasets), ("generators", generators)):
        if not isinstance(given, Mapping) or not all(isinstance(name, str) and name for name in given):
            raise InvalidTypeError(f"{what} must be a dict of names to what they stand for")
    for name, generator in generators.items():
        if isinstance(generator, type) or not (hasattr(generator, "fit") and hasattr(generator, "sample")):
            raise InvalidTypeError(f"generators[{name!r}]={generator!r} must be an instance with fit and sample")
    roots = tuple(dict.fromkeys(root_seed(seed) for seed in seeds))
    for what, given in (("datasets", datasets), ("seeds", roots), ("classifiers", judges)):
        if not given:
            raise InvalidParameterError(f"{what} is empty; name at least one")
    if any(arm.uses_generator for arm in arms.values()) and not generators:
        raise InvalidParameterError("generators is empty, and some arms need one")
    changes = {name: tuple(augment.get(name, ()) if isinstance(augment, Mapping) else augment) for name in datasets}
    if isinstance(augment, str):
        raise InvalidParameterError(f"augment={augment!r} must be a list of names")
    for names in changes.values():
        augmentation(names)
    return TrainConfig(kind, dict(datasets), dict(generators), arms, judges, roots, schedule, changes, bool(quality))


# ---- The run -------------------------------------------------------------------------------------


def _carried_out(
    plan: TrainConfig, cache: Any, finished_only: bool, n_jobs: int | None, verbose: bool | str
) -> ImageComparison:
    side_by_side(2, n_jobs)  # refuses what is no number of jobs
    if finished_only and cache is None:
        raise InvalidParameterError("finished_only=True needs the cache= in which the finished cells are")
    done: dict[Place, list[Row]] = {}
    bar = ProgressBar("cells") if not finished_only and wants_progress(verbose) else None
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()) if cache is None else cache).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        if bar is not None:
            stack.callback(bar.close)
        shown: dict[Any, Any] = {}
        for turn in plan.turns(folder, done):
            if not finished_only:
                _work(turn, done, n_jobs, lambda: _show(bar, len(done), plan.n_cells))
            shown |= turn.shown()
    rows = [row | {"table": place[2]} for place in sorted(done) for row in done[place]]
    return ImageComparison(rows, shown, kind=plan.kind)


def _work(turn: Turn, done: dict[Place, list[Row]], n_jobs: int | None, show: Any) -> None:
    """Fit what is not fitted, then run what is not finished."""
    show()
    broken = {}
    for name in dict.fromkeys(cell.generator for _, cell in turn.missing if cell.generator):
        path, seed = turn.pools[name]
        if not is_filled(path):
            try:
                fill_pool(turn.generators[name], turn.split, seed, path)
            except Exception as error:
                broken[name] = f"{type(error).__name__}: {error}"[:500]
    # a generator's failure is not stored: the next call tries again
    done |= {place: cell.failed(broken[cell.generator]) for place, cell in turn.missing if cell.generator in broken}
    cells = [(place, cell, turn.split) for place, cell in turn.missing if cell.generator not in broken]
    for place, rows in _streamed(cells, n_jobs):
        done[place] = rows
        show()


def _streamed(cells: Iterable[tuple[Place, Any, Split]], n_jobs: int | None) -> Iterable[tuple[Place, list[Row]]]:
    """Results as they come; all at the end where joblib's backend cannot hand them out earlier."""
    try:
        parallel = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    except ValueError:
        parallel = Parallel(n_jobs=n_jobs)
    yield from parallel(delayed(_run)(*cell) for cell in cells)


def _run(place: Place, cell: ArmCell | QualityCell, split: Split) -> tuple[Place, list[Row]]:
    rows = run_cell(cell, split)
    write_cell(cell.path, rows)
    return place, rows


def _show(bar: Any, n: int, total: int) -> None:
    if bar is not None:
        bar(cast(Any, SimpleNamespace(step=n, max_steps=total, record={})))
