"""`compare_images` and `compare_series`: every arm on every split of every data set, one generator for all arms."""

from __future__ import annotations

import io
import itertools
import math
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ganaug.estimators import ImageGAN, SeriesGAN, load
from ganaug.exceptions import DataWarning, InvalidDataError, InvalidParameterError, InvalidTypeError, ModelFileError
from ganaug.experiments.comparison import ImageComparison
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
from ganaug.experiments.images.arms import (
    ARMS,
    SERIES_ARMS,
    Arm,
    Asked,
    Split,
    as_tensors,
    chosen_arms,
    read_split,
    synthetic_counts,
    training_set,
)
from ganaug.experiments.images.cnn import CLASSIFIERS, Schedule, Setup, applies, augmentation, features_of, train
from ganaug.experiments.scores import SCORES, class_scores, class_shares, rare_classes, recalls
from ganaug.metrics import evaluate
from ganaug.runtime.compute import one_thread
from ganaug.runtime.interrupts import main_thread_interrupts
from ganaug.utils import validation
from ganaug.utils.determinism import child_seed, isolated, numpy_generator, root_seed, warn
from ganaug.utils.files import Sealed, sealed_length, write_whole
from ganaug.utils.types import IntArray

__all__ = [
    "GeneratedSamples",
    "compare_images",
    "compare_series",
    "generator_quality",
    "is_stored",
    "read_samples",
    "sampled",
    "store_samples",
]

# --------------------------------------------------------------------------------------
# A generator fitted once for all arms: as many of its samples as any of them could want, and how good they are.


class GeneratedSamples(NamedTuple):
    """A generator's samples: of every class as many as the largest one has real ones."""

    X: npt.NDArray[Any]  # (n, ...), as the generator gives them; those of a class in random order
    codes: IntArray  # (n,)
    seconds_fit: float  # NaN where the model was there already
    seconds_sample: float
    note: str  # what the generator warned of

    def first(self, counts: npt.ArrayLike) -> IntArray:
        """Places of the first so many samples of each class."""
        return np.concatenate([np.flatnonzero(self.codes == code)[:n] for code, n in enumerate(np.asarray(counts))])


def sampled(generator: object, split: Split, seed: int, model: Path | None = None) -> GeneratedSamples:
    """Fit a clone of the generator and draw its samples; ``model`` is where it is, or is to be, saved."""
    with recorded_warnings() as notes:
        fitted, seconds_fit = _fitted(generator, split, seed, model)
        began = time.perf_counter()
        n = int(split.counts.max())
        parts = []
        for code, label in enumerate(split.labels):
            own = child_seed(seed, "sample", code)
            X = np.asarray(fitted.sample(n, label=label, random_state=own % 2**31)[0])
            # some generators order their samples, so that the first ones are not a fair part of all
            parts.append(X[numpy_generator(own, "order").permutation(len(X))])
    X = np.concatenate(parts)
    if X.shape[1:] != split.X_train.shape[1:]:
        raise InvalidDataError(
            f"the generator makes samples {X.shape[1:]}, and real ones are {split.X_train.shape[1:]}"
        )
    codes = np.repeat(np.arange(len(parts)), n)
    return GeneratedSamples(X, codes, seconds_fit, time.perf_counter() - began, "; ".join(notes))


def _fitted(generator: object, split: Split, seed: int, model: Path | None) -> tuple[Any, float]:
    if model is not None and model.exists():
        try:
            return load(model), math.nan
        except ModelFileError:
            model.unlink()
    own = seeded(generator, child_seed(seed, "generator"))
    parameters = own.get_params() if hasattr(own, "get_params") else {}
    if model is not None and parameters.get("checkpoint", "") is None:
        own.set_params(checkpoint=str(model.with_suffix(".checkpoint")))
    began = time.perf_counter()
    own.fit(split.X_train, split.labels[split.y_train])
    seconds = time.perf_counter() - began
    if model is not None and hasattr(own, "save"):
        own.save(model)
    return own, seconds


# ---- On disk ---------------------------------------------------------------------------------------


def store_samples(generator: object, split: Split, seed: int, path: Path) -> None:
    """Fit a clone on the training samples, save it beside ``path`` if it can be, and write its samples to ``path``.

    A model that an earlier, interrupted run saved is sampled as it is, and a training that was killed goes on from
    its checkpoint, if the generator keeps one.

    Raises
    ------
    KeyboardInterrupt
        At Ctrl-C; what is not finished is not kept.
    """
    with main_thread_interrupts() as interrupt:
        made = sampled(generator, split, seed, path.with_suffix(".safetensors"))
    if interrupt.requested:  # an unfinished GAN must not be taken for a finished one
        path.with_suffix(".safetensors").unlink(missing_ok=True)
        raise KeyboardInterrupt
    arrays, file = io.BytesIO(), io.BytesIO()
    np.savez(arrays, **made._asdict())
    sealed = Sealed(file)
    sealed.write(arrays.getvalue())
    sealed.close()
    write_whole(path, file.getvalue())


def is_stored(path: Path) -> bool:
    """Whether `store_samples` wrote the file, and it is as it was written; a `DataWarning` says where it is not."""
    try:
        sealed_length(path, required=True)
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        warn(f"the cached samples in {path} are damaged or altered ({error}); they are made again", DataWarning)
        return False
    return True


def read_samples(path: Path) -> GeneratedSamples:
    """What `store_samples` wrote."""
    with np.load(path) as stored:
        X, codes, note = stored["X"], stored["codes"], str(stored["note"])
        return GeneratedSamples(X, codes, float(stored["seconds_fit"]), float(stored["seconds_sample"]), note)


# ---- How good they are -----------------------------------------------------------------------------

# Test samples, which neither generator nor classifier saw, against synthetic ones: in the classifier's features.
QUALITIES = ["frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage"]
# Training samples against synthetic ones, by their pixels: whether any are copies.
COPIES = ["near_copies", "closest_record_ratio"]
# The classifier whose features these are: what a careful user has without synthetic samples.
REFERENCE = Arm(sampler="balanced", augment=True)
_MEASURED = ("value", "low", "high", "floor", "n_real", "n_synthetic", "enough")


def generator_quality(kind: str, split: Split, samples: GeneratedSamples, setup: Setup) -> list[Row]:
    """Distances, precision and its kin, and near copies, over all and for each class.

    Features are those of a `SmallCNN` trained on the real training samples with a weighted sampler and augmentation.
    Real and synthetic samples are compared in equal shares of classes. The floor is what two halves of the real
    samples get against each other, so of half as many samples: a distance below it is as good as can be told.

    Returns
    -------
    list of dict
        "metric", "label" (empty for all), and "value", "low", "high", "floor", "n_real", "n_synthetic", "enough" as
        `ganaug.metrics.evaluate` gives them.
    """
    reader, x, _ = as_tensors(kind, split)
    network = train(training_set(x, split.y_train, REFERENCE, None, len(split.labels), setup.seed), REFERENCE, setup)
    rows = samples.first([np.bincount(split.y_test).max()] * len(split.labels))
    fake, labels = samples.X[rows], split.labels[samples.codes[rows]]
    common: dict[str, Any] = {"max_rows": 2000, "n_resamples": 20, "random_state": setup.seed}

    def features(X: object) -> Any:
        return features_of(network, reader(np.asarray(X)))

    y_train, y_test = split.labels[split.y_train], split.labels[split.y_test]
    found = evaluate(split.X_test, fake, y_test, labels, metrics=QUALITIES, features=features, **common)
    found |= evaluate(split.X_train, fake, y_train, labels, metrics=COPIES, kind=kind, **common)
    return [
        {"metric": metric, "label": label} | {name: _plain(part[name]) for name in _MEASURED}
        for metric, entry in found.items()
        for label, part in ({"": entry} | {str(label): part for label, part in entry["by_class"].items()}).items()
    ]


def _plain(value: object) -> Any:
    return value.item() if isinstance(value, np.generic) else value


# --------------------------------------------------------------------------------------
# `compare_images` and `compare_series`: every arm on every split of every data set.


# Raised when the same settings would give other figures: files of an earlier protocol are then left unread.
PROTOCOL = 1
Augment = Sequence[str] | Mapping[str, Sequence[str]]
# (data set, seed, generator) -> label -> real and synthetic samples
Examples = dict[tuple[str, int, str], dict[str, tuple[npt.NDArray[Any], npt.NDArray[Any]]]]
SHOWN = 8  # samples of each class that a comparison keeps, to be looked at


@isolated
def compare_images(
    datasets: Mapping[str, Any],
    generators: Mapping[str, Any] | None = None,
    arms: Asked | None = None,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    epochs: int = 20,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    width: int = 32,
    augment: Augment = ("translation",),
    quality: bool = True,
    device: str = "cpu",
    n_jobs: int | None = None,
    cache: Cache = None,
    finished_only: bool = False,
    verbose: bool | str = "auto",
) -> ImageComparison:
    """Judge ways to train on imbalanced images by what a small network recognises afterwards.

    For each data set and seed a generator is fitted once, to the training images; each arm then trains the same
    five-convolution network and is judged on the test images, each class weighing the same.

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
        Passes over the real training images. It sets the number of steps, which is the same for every arm: one with
        more images sees each less often.
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
        A folder, made if it is not there, for models, synthetic samples and finished trials; an interrupted run goes on
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
    given = {"ImageGAN": ImageGAN(curate=True, verbose=False)} if generators is None else generators
    plan = _Plan("image", datasets, given, chosen_arms(arms, ARMS), ("cnn",), seeds, schedule, augment, quality)
    return plan.run(cache, finished_only, n_jobs, verbose)


@isolated
def compare_series(
    datasets: Mapping[str, Any],
    generators: Mapping[str, Any] | None = None,
    arms: Asked | None = None,
    *,
    classifiers: Sequence[str] = ("cnn", "features"),
    seeds: Sequence[int] = (0, 1, 2),
    epochs: int = 30,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    width: int = 16,
    augment: Augment = ("shift", "scale"),
    quality: bool = True,
    device: str = "cpu",
    n_jobs: int | None = None,
    cache: Cache = None,
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
    augment : list of str, or dict of data set to list of str, default=("shift", "scale")
        For arms that ask for augmentation, which none of `SERIES_ARMS` does.
    seeds, epochs, batch_size, learning_rate, width, quality, device, n_jobs, cache, finished_only, verbose
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
    given = {"SeriesGAN": SeriesGAN(curate=True, verbose=False)} if generators is None else generators
    names = tuple(validation.choice("classifiers", name, CLASSIFIERS) for name in classifiers)
    plan = _Plan("series", datasets, given, chosen_arms(arms, SERIES_ARMS), names, seeds, schedule, augment, quality)
    return plan.run(cache, finished_only, n_jobs, verbose)


# ---- The run ---------------------------------------------------------------------------------------


@dataclass
class _Plan:
    """What `compare_images` and `compare_series` were given, and how it is carried out."""

    kind: str
    datasets: Mapping[str, Any]
    generators: Mapping[str, Any]
    arms: dict[str, Arm]
    classifiers: tuple[str, ...]
    seeds: Sequence[int]
    schedule: Schedule
    augment: Augment
    quality: bool

    def __post_init__(self) -> None:
        self.datasets = named("datasets", self.datasets)
        self.generators = named("generators", self.generators) if self.generators != {} else {}
        for name, generator in self.generators.items():
            if isinstance(generator, type) or not (hasattr(generator, "fit") and hasattr(generator, "sample")):
                raise InvalidTypeError(f"generators[{name!r}]={generator!r} must be an instance with fit and sample")
        self.seeds = tuple(dict.fromkeys(root_seed(seed) for seed in self.seeds))
        for what in ("seeds", "classifiers"):
            if not getattr(self, what):
                raise InvalidParameterError(f"{what} is empty; name at least one")
        if any(arm.uses_generator for arm in self.arms.values()) and not self.generators:
            raise InvalidParameterError("generators is empty, and some arms need one")
        if isinstance(self.augment, str):
            raise InvalidParameterError(f"augment={self.augment!r} must be a list of names")
        for name in self.datasets:
            augmentation(self.augmented(name))

    def run(self, cache: Cache, finished_only: bool, n_jobs: int | None, verbose: bool | str) -> ImageComparison:
        """Run all trials."""
        examples: Examples = {}
        with ExitStack() as stack:
            # generators' samples pass through files in any case
            folder = cache_folder(cache, finished_only) or Path(stack.enter_context(tempfile.TemporaryDirectory()))

            def batches() -> Iterator[Batch]:
                for name, seed in itertools.product(self.datasets, self.seeds):
                    batch = _SplitTrials(self, name, seed, folder)
                    yield Batch(batch.trials(), batch.prepare)
                    examples.update(batch.examples())

            total = len(list(self.arm_trials())) + bool(self.quality) * len(self.generators)
            total *= len(self.datasets) * len(self.seeds)
            rows = run_trials(batches(), total, n_jobs=n_jobs, finished_only=finished_only, verbose=verbose)
        return ImageComparison(rows, examples, kind=self.kind)

    def augmented(self, dataset: str) -> tuple[str, ...]:
        """Names of the standard augmentation of a data set."""
        return tuple(self.augment.get(dataset, ()) if isinstance(self.augment, Mapping) else self.augment)

    def arm_trials(self) -> Iterator[tuple[str, Arm, tuple[str, ...], str]]:
        """Name, arm, classifiers and generator (empty if it needs none) of each trial of a split."""
        for name, arm in self.arms.items():
            classifiers = tuple(classifier for classifier in self.classifiers if applies(classifier, arm))
            for generator in self.generators if arm.uses_generator else [""]:
                if classifiers:
                    yield name, arm, classifiers, generator


class _SplitTrials:
    """All trials on one split, and the generators whose samples they take."""

    def __init__(self, plan: _Plan, dataset: str, seed: int, folder: Path) -> None:
        self.plan, self.dataset, self.seed, self.folder = plan, dataset, seed, folder
        self.split: Split | None = None
        self.error, self.digest = "", ""
        self.samples: dict[str, Path] = {}
        try:
            source = plan.datasets[dataset]
            self.split = read_split(source(seed) if callable(source) else source)
        except Exception as error:
            self.error = error_text(error)
            return
        self.digest = data_digest(*self.split[:4])
        for name, generator in plan.generators.items():
            key = ["pool", PROTOCOL, self.digest, described(generator), child_seed(seed, dataset, name)]
            self.samples[name] = trial_path(folder, dataset, f"pool_{name}", seed, 0, key).with_suffix(".npz")

    def trials(self) -> Iterator[Trial]:
        """Of the arms, then of the quality of generators; without a split, of the arms, with its error."""
        plan, split = self.plan, self.split
        for name, arm, classifiers, generator in plan.arm_trials():
            parts = self._parts(generator, name, described(arm))
            if split is not None and not (arm.uses_generator and synthetic_counts(split.counts, arm).any()):
                parts["samples"] = None
            yield _ArmTrial(**parts, name=name, arm=arm, classifiers=classifiers)
        for generator in plan.generators if plan.quality and split is not None else ():
            yield _QualityTrial(**self._parts(generator, "quality", "quality"))

    def _parts(self, generator: str, title: str, extra: object) -> dict[str, Any]:
        plan, samples = self.plan, self.samples.get(generator)
        seed, augment = child_seed(self.seed, self.dataset, "classifier"), plan.augmented(self.dataset)
        steps = plan.schedule.steps(0 if self.split is None else len(self.split.y_train))
        key = [self.digest, plan.kind, plan.classifiers, vars(plan.schedule), augment, seed, PROTOCOL, extra]
        key.append("" if samples is None else samples.name)
        path = trial_path(self.folder, self.dataset, f"{title}_{generator}", self.seed, 0, key)
        names = {"dataset": self.dataset, "seed": self.seed, "generator": generator}
        parts = {"setup": Setup(plan.schedule, augment, steps, seed), "split": self.split, "samples": samples}
        return parts | {"path": path, "error": self.error, "kind": plan.kind, "names": names}

    def prepare(self, trials: list[Trial]) -> list[Trial]:
        """Fit the generators whose samples are wanted; the trials of one that fails fail, until the next call."""
        errors: dict[Path | None, str] = {}
        wanted = [getattr(trial, "samples", None) for trial in trials]
        for name, path in self.samples.items():
            try:
                if path in wanted and self.split is not None and not is_stored(path):
                    seed = child_seed(self.seed, self.dataset, name)
                    store_samples(self.plan.generators[name], self.split, seed, path)
            except Exception as error:
                errors[path] = error_text(error)
        return [replace(trial, error=errors.get(path, "")) for trial, path in zip(trials, wanted, strict=True)]

    def examples(self) -> Examples:
        """A few real and synthetic samples of each class, for each generator whose samples are there."""
        found = {}
        for name, path in self.samples.items():
            if self.split is not None and is_stored(path):
                samples, (X, codes, *_) = read_samples(path), self.split
                found[self.dataset, self.seed, name] = {
                    str(label): (X[codes == code][:SHOWN].copy(), samples.X[samples.codes == code][:SHOWN].copy())
                    for code, label in enumerate(self.split.labels)
                }
        return found


# ---- Trials ----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _SampleTrial(Trial):
    """A trial on a split of samples, and on samples of a generator (in a file) if it needs any."""

    names: Row  # data set, seed and generator
    kind: str
    setup: Setup
    split: Split
    samples: Path | None


@dataclass(frozen=True, kw_only=True)
class _ArmTrial(_SampleTrial):
    """An arm, and the classifiers to train."""

    name: str
    arm: Arm
    classifiers: tuple[str, ...]

    def rows(self) -> list[Row]:
        """A row for each classifier."""
        split, n_classes, pool = self.split, len(self.split.labels), None
        about: Row = {"n_real": len(split.y_train), "counts": split.counts.tolist()}
        about["labels"] = [str(label) for label in split.labels]
        rows = []
        with one_thread():
            reader, x, x_test = as_tensors(self.kind, split)
            if self.samples is not None:
                stored = read_samples(self.samples)
                about |= {"note": stored.note, "seconds_generator": stored.seconds_fit}
                about |= {"seconds_sample": stored.seconds_sample}
                places = stored.first(synthetic_counts(split.counts, self.arm))
                pool = reader(stored.X[places]), stored.codes[places]
            seed = child_seed(self.setup.seed, "material")
            items = training_set(x, split.y_train, self.arm, pool, n_classes, seed)
            about["n_synthetic"] = int(items.synthetic.sum())
            for classifier in self.classifiers:
                began = time.perf_counter()
                predicted = CLASSIFIERS[classifier](items, self.arm, x_test, self.setup)
                about["seconds_fit"] = time.perf_counter() - began
                hit = recalls(class_shares(split.y_test, predicted, n_classes))
                scores = class_scores(split.y_test, predicted, n_classes)
                scores["rare_recall"] = float(hit[rare_classes(split.counts)].mean())
                rows.append(self._row(classifier, recalls=hit.tolist(), **scores, **about))
        return rows

    def _row(self, classifier: str, **found: object) -> Row:
        own: Row = {"dataset": self.names["dataset"], "seed": self.names["seed"], "classifier": classifier}
        own |= {"generator": self.names["generator"], "arm": self.name, "kind": self.arm.kind}
        numbers = [*SCORES, "rare_recall", "seconds_fit", "seconds_generator", "seconds_sample"]
        own |= dict.fromkeys(numbers, float("nan")) | {"n_real": 0, "n_synthetic": 0, "steps": self.setup.steps}
        return own | {"recalls": [], "labels": [], "counts": [], "error": "", "note": ""} | found

    def failed(self, error: str) -> list[Row]:
        """A row for each classifier."""
        return [self._row(classifier, error=error) for classifier in self.classifiers]

    def example(self) -> Row:
        """Any row."""
        return self._row("")


class _QualityTrial(_SampleTrial):
    """How good a generator's samples are."""

    def rows(self) -> list[Row]:
        """A row for each metric, and for each metric and class."""
        assert self.samples is not None
        with one_thread():
            found = generator_quality(self.kind, self.split, read_samples(self.samples), self.setup)
        return [self.names | row for row in found]

    def failed(self, error: str) -> list[Row]:
        """A row that says so; the results say it too."""
        return [self.names | {"metric": "", "label": "", "value": float("nan"), "error": error}]
