"""A generator fitted once for all arms: as many of its samples as any of them could want, and how good they are."""

from __future__ import annotations

import io
import math
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ganaug.estimators import load
from ganaug.exceptions import DataWarning, InvalidDataError, ModelFileError
from ganaug.experiments.harness import Row, recorded_warnings, seeded
from ganaug.experiments.images.arms import Arm, Split, as_tensors, training_set
from ganaug.experiments.images.cnn import Setup, features_of, train
from ganaug.metrics import evaluate
from ganaug.runtime.interrupts import main_thread_interrupts
from ganaug.utils.files import Sealed, sealed_length, write_whole
from ganaug.utils.isolation import warn
from ganaug.utils.seeding import child_seed, numpy_generator
from ganaug.utils.types import IntArray

__all__ = ["GeneratedSamples", "generator_quality", "is_stored", "read_samples", "sampled", "store_samples"]


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


def sampled(generator: Any, split: Split, seed: int, model: Path | None = None) -> GeneratedSamples:
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


def _fitted(generator: Any, split: Split, seed: int, model: Path | None) -> tuple[Any, float]:
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


def store_samples(generator: Any, split: Split, seed: int, path: Path) -> None:
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
SHOWN = ("value", "low", "high", "floor", "n_real", "n_synthetic", "enough")


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

    def features(X: Any) -> Any:
        return features_of(network, reader(np.asarray(X)))

    y_train, y_test = split.labels[split.y_train], split.labels[split.y_test]
    found = evaluate(split.X_test, fake, y_test, labels, metrics=QUALITIES, features=features, **common)
    found |= evaluate(split.X_train, fake, y_train, labels, metrics=COPIES, kind=kind, **common)
    return [
        {"metric": metric, "label": label} | {name: _plain(part[name]) for name in SHOWN}
        for metric, entry in found.items()
        for label, part in ({"": entry} | {str(label): part for label, part in entry["by_class"].items()}).items()
    ]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
