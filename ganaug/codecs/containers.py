"""Which container a table has: one table from what X is to who opens and closes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from ganaug.codecs.arrays import ArrayContainer, ListContainer, TensorContainer, is_tensor
from ganaug.codecs.checks import conversion_of, full_name
from ganaug.codecs.frames import FrameContainer
from ganaug.codecs.sparse import SparseContainer
from ganaug.exceptions import InvalidDataError, InvalidTypeError

__all__ = ["CONTAINERS", "Container", "container_of"]

CONTAINERS: dict[str, Any] = {
    "frame": FrameContainer,
    "sparse": SparseContainer,
    "tensor": TensorContainer,
    "array": ArrayContainer,
    "list": ListContainer,
}

Container = Any  # any of CONTAINERS; they share fit, open, close, get_state and from_state


_MATCHES: list[tuple[Callable[[Any], bool], str]] = [
    (lambda X: isinstance(X, pd.DataFrame), "frame"),
    (sp.issparse, "sparse"),
    (is_tensor, "tensor"),
    (lambda X: isinstance(X, (list, tuple)), "list"),
    (lambda X: isinstance(X, np.ndarray), "array"),
    (lambda X: hasattr(X, "__array__") or hasattr(X, "__array_interface__"), "array-like"),
]


def container_of(X: Any) -> tuple[str, Any]:
    """The kind of container, and X as that kind opens it.

    Raises
    ------
    InvalidTypeError
        If X is no table.
    """
    if isinstance(X, (pd.Series, pd.Index)):
        raise InvalidDataError(
            "Expected a 2D table, got one column of pandas. Reshape your data: to_frame() makes it a table."
        )
    kind = next((name for matches, name in _MATCHES if matches(X)), None)
    advice = conversion_of(X, "X")
    if kind in ("array-like", None) and advice is not None:
        raise InvalidTypeError(f"cannot give back a {full_name(X)}; {advice}")
    if kind == "array-like":
        return "array", np.asarray(X)
    if kind is None:
        raise InvalidTypeError(
            f"cannot read a table from {type(X).__name__!r}; give a DataFrame, a 2D array, "
            "a scipy sparse matrix, a torch tensor or a list of rows"
        )
    return kind, X
