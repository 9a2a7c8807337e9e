"""Rows of any container, for those who need not know what is in them: count, name, put one under the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from ganaug.codecs.checks import conversion_of, full_name
from ganaug.exceptions import InvalidDataError, InvalidTypeError

__all__ = ["check_lengths", "check_rows", "column_names", "modality_of", "n_columns", "n_rows", "stacked"]


def check_rows(X: Any) -> None:
    """Refuse what has no rows.

    Raises
    ------
    InvalidTypeError, InvalidDataError
        If X is no container of rows, or an empty one.
    """
    advice = conversion_of(X, "X")
    if advice is not None:
        raise InvalidTypeError(f"cannot give back a {full_name(X)}; {advice}")
    if not (getattr(X, "shape", None) or isinstance(X, (list, tuple))):
        raise InvalidTypeError(
            f"X is a {type(X).__name__}; give a DataFrame, an array, a sparse matrix, a tensor or a list of rows"
        )
    if n_rows(X) == 0:
        raise InvalidDataError("X has 0 rows, while a minimum of 1 is required; check how they were selected")


def check_lengths(X: Any, y: Any, samples: str = "rows") -> None:
    """Refuse labels that are more or fewer than the samples, before any of them is looked at.

    Raises
    ------
    InvalidDataError
        Naming both numbers.
    """
    n, n_labels = _length(X), _length(y)
    if None not in (n, n_labels) and n != n_labels:
        raise InvalidDataError(f"X has {n} {samples} and y has {n_labels} labels; they must be as many")


def _length(values: Any) -> int | None:
    """None where it is not told; what it is then is for others to say."""
    if isinstance(values, (str, bytes, Mapping)):
        return None
    try:
        return int(values.shape[0]) if getattr(values, "shape", ()) else len(values)
    except TypeError:
        return None


def n_rows(X: Any) -> int:
    """Number of rows."""
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def n_columns(X: Any) -> int:
    """Number of columns, or of values of an image or series."""
    return prod(int(size) for size in X.shape[1:]) if hasattr(X, "shape") else len(X[0])


def modality_of(X: Any) -> str:
    """What X holds: "table", "image" or "series" (volumes too).

    Raises
    ------
    InvalidDataError
        If it has another number of dimensions than any of these.
    """
    ndim = getattr(X, "ndim", 2)
    if ndim == 3:
        return "image" if str(X.dtype).endswith("uint8") else "series"
    if ndim not in _MODALITIES:
        raise InvalidDataError(
            f"X has {ndim} dimensions; a table has 2, series (n, channels, length) or grey uint8 images (n, H, W) 3, "
            "images with channels 4, volumes (n, C, D, H, W) 5. Reshape it, or give a generator= that takes it as it is"
        )
    return _MODALITIES[ndim]


_MODALITIES = {2: "table", 4: "image", 5: "series"}


def column_names(X: Any) -> list[str] | None:
    """Names of the columns, if all of them are strings."""
    names = list(getattr(X, "columns", []))
    return names if names and all(isinstance(name, str) for name in names) else None


def stacked(parts: Sequence[Any]) -> Any:
    """Rows of one or several containers of one kind, with the dtypes of the first; always a copy."""
    first: Any = parts[0]
    if hasattr(first, "todense"):
        return type(first)(sparse.vstack(parts, format=first.format), dtype=first.dtype)
    if isinstance(first, pd.DataFrame):
        frames = [p if isinstance(p, pd.DataFrame) else pd.DataFrame(p, columns=first.columns) for p in parts]
        frame = pd.concat(frames, ignore_index=True)
        return frame if frame.dtypes.equals(first.dtypes) else frame.astype(first.dtypes)
    if hasattr(first, "detach"):
        import torch

        return torch.cat([torch.as_tensor(part, dtype=first.dtype, device=first.device) for part in parts])
    if isinstance(first, (list, tuple)):
        return [row for part in parts for row in part]
    return np.concatenate(parts).astype(first.dtype, copy=False)
