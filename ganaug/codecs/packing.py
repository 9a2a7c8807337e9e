"""The arrays of thousands of columns as a handful, so that a model file stays a list of few entries."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ganaug.codecs.plain import Array
from ganaug.exceptions import ModelFileError

__all__ = ["pack_arrays", "unpack_arrays"]


def pack_arrays(parts: Iterable[dict[str, Array]]) -> dict[str, Array]:
    """Join 1-D arrays of the same name and dtype over all parts.

    Parameters
    ----------
    parts : iterable of dict of str to ndarray
        One dict for each column; an array is 1-D and not of object dtype.

    Returns
    -------
    dict of str to ndarray
        For each ``name:dtype`` the joined ``.data``, and of which part (``.part``)
        and of what length (``.length``) each piece is.
    """
    pieces: dict[str, list[tuple[int, Array]]] = {}
    for index, part in enumerate(parts):
        for name, array in part.items():
            pieces.setdefault(f"{name}:{array.dtype.str[1:]}", []).append((index, array))
    out: dict[str, Array] = {}
    for key, found in pieces.items():
        out[f"{key}.data"] = np.concatenate([array for _, array in found])
        out[f"{key}.part"] = np.array([index for index, _ in found], dtype=np.int64)
        out[f"{key}.length"] = np.array([len(array) for _, array in found], dtype=np.int64)
    return out


def unpack_arrays(packed: dict[str, Array], n_parts: int) -> list[dict[str, Array]]:
    """The dicts that `pack_arrays` joined."""
    parts: list[dict[str, Array]] = [{} for _ in range(n_parts)]
    try:
        for key in (k.removesuffix(".data") for k in packed if k.endswith(".data")):
            stops = np.cumsum(packed[f"{key}.length"])
            if len(packed[f"{key}.data"]) != (stops[-1] if len(stops) else 0):
                raise ModelFileError(f"array {key!r} is truncated")
            split = np.split(packed[f"{key}.data"], stops[:-1])
            for index, array in zip(packed[f"{key}.part"].tolist(), split, strict=True):
                parts[index][key.rpartition(":")[0]] = array
    except (KeyError, IndexError, ValueError) as error:
        raise ModelFileError(f"the stored arrays do not fit each other: {error}") from error
    return parts
