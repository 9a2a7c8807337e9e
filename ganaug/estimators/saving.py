"""Reading what `save` wrote, whatever was saved."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from ganaug.estimators import parts, translation_state
from ganaug.estimators.base import BaseGAN
from ganaug.estimators.images import ImageGAN
from ganaug.estimators.series import SeriesGAN
from ganaug.estimators.tabular import TabularGAN
from ganaug.estimators.translator import ImageTranslator
from ganaug.exceptions import GanaugError, ModelFileError, TraceWarning
from ganaug.state import read_state

__all__ = ["load", "read"]

# kind in the file -> what makes an estimator of its parts; to make a new one loadable, add one line
_KINDS: dict[str, Callable[[dict[str, Any], dict[str, Any]], Any]] = {
    "ImageGAN": partial(parts.restored, ImageGAN),
    "ImageTranslator": partial(translation_state.restored, ImageTranslator),
    "SeriesGAN": partial(parts.restored, SeriesGAN),
    "TabularGAN": partial(parts.restored, TabularGAN),
}


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
        warnings.warn(
            f"{os.fspath(path)} was written by an earlier version of ganaug and holds {' and '.join(found)}: who has "
            "it can tell who was in the training. Write one without them, ganaug.load(path).save(new_path), and "
            f"delete this one.{stay}",
            TraceWarning,
            stacklevel=2,
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
        gan = _KINDS[state.kind](state.config, state.arrays)
    except GanaugError as error:
        raise ModelFileError(f"{os.fspath(path)} is damaged or was altered, save it again: {error}") from error
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError, OverflowError) as error:
        raise ModelFileError(
            f"{os.fspath(path)} is damaged or was altered, save it again: its parts do not fit together ({error})"
        ) from error
    return gan, state.format_version
