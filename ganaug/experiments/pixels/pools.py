"""A generator fitted once for all arms, and as many of its samples as any of them could want, on disk."""

from __future__ import annotations

import io
import math
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ganaug.estimators import load
from ganaug.exceptions import DataWarning, GanaugWarning, InvalidDataError, ModelFileError
from ganaug.experiments.classifiers import seeded
from ganaug.experiments.pixels.samples import Split
from ganaug.runtime.interrupts import main_thread_interrupts
from ganaug.utils.files import Sealed, sealed_length, write_whole
from ganaug.utils.isolation import warn
from ganaug.utils.seeding import child_seed, numpy_generator
from ganaug.utils.types import IntArray

__all__ = ["SampledPool", "fill_pool", "is_filled", "read_pool", "sampled"]


class SampledPool(NamedTuple):
    """A generator's samples: of every class as many as the largest one has real ones.

    Attributes
    ----------
    X : ndarray of shape (n, ...)
        As the generator gives them; those of a class in random order.
    codes : ndarray of shape (n,), int64
    seconds_fit, seconds_sample : float
        NaN where the model was there already.
    note : str
        What the generator warned of.
    """

    X: npt.NDArray[Any]
    codes: IntArray
    seconds_fit: float
    seconds_sample: float
    note: str


def fill_pool(generator: Any, split: Split, seed: int, path: Path) -> None:
    """Fit a clone on the training samples, save it beside ``path`` if it can be, and write its samples to ``path``.

    A model that an earlier, interrupted run saved is sampled as it is, and a
    training that was killed goes on from its checkpoint, if the generator keeps one.

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
    buffer = io.BytesIO()
    np.savez(buffer, **made._asdict())
    sealed = io.BytesIO()
    file = Sealed(sealed)
    file.write(buffer.getvalue())
    file.close()
    write_whole(path, sealed.getvalue())


def is_filled(path: Path) -> bool:
    """Whether `fill_pool` wrote the file, and it is as it was written.

    Warns
    -----
    DataWarning
        If it is there, and was damaged or altered.
    """
    try:
        sealed_length(path, required=True)
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        warn(f"the cached samples in {path} are damaged or altered ({error}); they are made again", DataWarning)
        return False
    return True


def read_pool(path: Path) -> SampledPool:
    """What `fill_pool` wrote."""
    with np.load(path) as stored:
        X, codes, note = stored["X"], stored["codes"], str(stored["note"])
        return SampledPool(X, codes, float(stored["seconds_fit"]), float(stored["seconds_sample"]), note)


def sampled(generator: Any, split: Split, seed: int, model: Path | None = None) -> SampledPool:
    """Fit a clone of the generator and draw its samples.

    Parameters
    ----------
    generator : estimator
        With ``fit(X, y)`` and ``sample(n, label=, random_state=) -> (X, y)``.
    split : Split
    seed : int
    model : Path, optional
        Where the fitted generator is, or is to be, saved.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted, seconds_fit = _fitted(generator, split, seed, model)
        began = time.perf_counter()
        n = int(split.counts.max())
        parts = [
            _of_class(fitted, label, n, child_seed(seed, "sample", code)) for code, label in enumerate(split.labels)
        ]
    X = np.concatenate(parts)
    if X.shape[1:] != split.X_train.shape[1:]:
        raise InvalidDataError(
            f"the generator makes samples {X.shape[1:]}, and real ones are {split.X_train.shape[1:]}"
        )
    note = "; ".join(dict.fromkeys(str(w.message)[:300] for w in caught if issubclass(w.category, GanaugWarning)))
    codes = np.repeat(np.arange(len(parts)), n)
    return SampledPool(X, codes, seconds_fit, time.perf_counter() - began, note)


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


def _of_class(generator: Any, label: Any, n: int, seed: int) -> npt.NDArray[Any]:
    X, _ = generator.sample(n, label=label, random_state=seed % 2**31)
    X = np.asarray(X)
    # some generators order their samples, so that the first ones are not a fair part of all
    return X[numpy_generator(seed, "order").permutation(len(X))]
