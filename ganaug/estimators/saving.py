"""Reading what `save` wrote, whatever was saved."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numpy as np

from ganaug.estimators import network_state, translation_state
from ganaug.estimators.base import BaseGAN
from ganaug.estimators.images import ImageGAN
from ganaug.estimators.series import SeriesGAN
from ganaug.estimators.tabular import TabularGAN
from ganaug.estimators.translator import ImageTranslator
from ganaug.exceptions import GanaugError, ModelFileError, TraceWarning
from ganaug.utils.isolation import isolated, warn
from ganaug.utils.state import read_state
from ganaug.utils.tensor_budget import TensorBudget

__all__ = ["load", "load_as", "read"]

T = TypeVar("T")

# kind in the file -> what makes an estimator of its parts; to make a new one loadable, add one line
_KINDS: dict[str, Callable[[dict[str, Any], dict[str, Any]], Any]] = {
    "ImageGAN": partial(network_state.restored, ImageGAN),
    "ImageTranslator": partial(translation_state.restored, ImageTranslator),
    "SeriesGAN": partial(network_state.restored, SeriesGAN),
    "TabularGAN": partial(network_state.restored, TabularGAN),
}


@isolated
def load(path: str | os.PathLike[str]) -> Any:
    """Read an estimator that its ``save`` wrote.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    estimator
        Of the class that was saved; samples and scores as the original did.

    Warns
    -----
    TraceWarning
        If the file was written before format 2 and holds traces of single training samples; it says how to write one
        without them.

    Raises
    ------
    ModelFileError
        If the file is truncated, foreign, of a newer version, or its contents
        do not fit together. Nothing in the file is ever executed.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import ganaug
    >>> gan = ganaug.TabularGAN(max_steps=5, random_state=0).fit(np.eye(20))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "gan.safetensors")
    ...     gan.save(path)
    ...     again = ganaug.load(path)
    >>> bool(np.array_equal(gan.sample(9, random_state=1)[0], again.sample(9, random_state=1)[0]))
    True
    """
    gan, version = read(path)
    found = _traces(gan) if version < 2 else []
    if found:
        exact = [str(c["name"]) for c in getattr(gan.codec_, "column_summary", list)() if c.get("exact")]
        stay = f" Exact values of {', '.join(exact)} stay in it; only a new fit is without them." if exact else ""
        warn(
            f"{os.fspath(path)} was written by an earlier version of ganaug and holds {' and '.join(found)}: who has "
            "it can tell who was in the training. Write one without them, ganaug.load(path).save(new_path), and "
            f"delete this one.{stay}",
            TraceWarning,
        )
    return gan


def _traces(gan: Any) -> list[str]:
    """What a file of an earlier format held of single training samples, and a new one does not."""
    if not isinstance(gan, BaseGAN):
        return []
    found = ["the discriminator that saw the training samples"] if gan._discriminator == "stored" else []
    if gan.curator_ is not None and gan.curator_.holds_samples:
        found.append("a hash or sketch of each of them")
    return found


def read(path: str | os.PathLike[str]) -> tuple[Any, int]:
    """The estimator in a file, without a warning, and the format in which the file was written."""
    state = read_state(path)
    if state.kind not in _KINDS:
        raise ModelFileError(f"{os.fspath(path)} holds a {state.kind!r}; this version knows {sorted(_KINDS)}")
    try:
        with TensorBudget(state.arrays.values()):
            found = _KINDS[state.kind](state.config, state.arrays)
        _try(found)
    except GanaugError as error:
        reason = " ".join(str(error).split())
        raise ModelFileError(f"{os.fspath(path)} is damaged or was altered, save it again: {reason}") from error
    except Exception as error:  # whatever altered values lead to, in one line
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise ModelFileError(
            f"{os.fspath(path)} is damaged or was altered, save it again: its parts do not fit together ({reason})"
        ) from error
    return found, state.format_version


def load_as(kind: type[T], path: str | os.PathLike[str]) -> T:
    """Read an estimator of one class; what the ``load`` of each class does.

    Raises
    ------
    ModelFileError
        As `load`; also if the file holds an estimator of another class.
    """
    found = load(path)
    if not isinstance(found, kind):
        held = type(found).__name__
        raise ModelFileError(
            f"{os.fspath(path)} holds a fitted {held}, not a {kind.__name__}; read it with {held}.load or ganaug.load"
        )
    return found


def _try(found: Any) -> None:
    """Its labels and one sample to and fro: what no check saw fails here, and not later in the user's hands."""
    labels, codec = found.label_codec_, found.codec_
    if labels is not None:
        codes = np.arange(len(labels.classes_))
        if not np.array_equal(labels.encode(labels.decode(codes)), codes):
            raise ModelFileError("its labels do not come back as they went in")
    found._counts(1, None, lambda: 0)()  # the shares of the classes
    if isinstance(found, ImageTranslator):
        one = codec.from_network(np.zeros((1, *codec.shape), np.float32))
        found.translate(codec.decode(one))
        return
    with found._computing():
        row, _ = found._drawn(found.conditions_.sampled()[0], 1, 0)
    found.score_samples(codec.decode(row))
