"""What fits can be saved: the state of each part is written and read once, before anything is trained."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from ganaug.codecs.zones import zone_state
from ganaug.exceptions import GanaugError, InvalidDataError, InvalidTypeError
from ganaug.types import STORED_DTYPES

__all__ = ["check_columns", "check_storable"]

# A model file has room for 50 million characters in its config.
_MOST_TEXT = 40_000_000


def check_storable(part: Any, where: str) -> int:
    """Write the state of a part of a codec as `ganaug.state` would, read it, and compare.

    Parameters
    ----------
    part : object
        With ``get_state`` and ``from_state``.
    where : str
        How messages name it: "column 'amount'".

    Returns
    -------
    int
        The characters that it takes in a model file's config.

    Raises
    ------
    InvalidDataError, InvalidTypeError
        If it could not be saved, or would come back as something else. The message begins with ``where``.
    """
    try:
        config, arrays = part.get_state()
        text = json.dumps(config, allow_nan=False)
        odd = [name for name, array in arrays.items() if array.dtype.name not in STORED_DTYPES]
        if odd:
            raise TypeError(f"numbers of dtype {arrays[odd[0]].dtype}")
        again = type(part).from_state(json.loads(text), arrays)
        changed = [name for name, value in _learnt(part) if not _same(value, getattr(again, name))]
        if changed:
            raise TypeError(f"its {changed[0].strip('_')} would come back otherwise")
    except (InvalidDataError, InvalidTypeError) as error:
        raise type(error)(f"{where}: {error}") from error
    except (GanaugError, TypeError, ValueError, OverflowError, AttributeError, KeyError) as error:
        raise InvalidTypeError(
            f"{where} cannot be stored in a model file ({error}); convert it to plain numbers, text or dates"
        ) from error
    return len(text)


def check_columns(faces: Iterable[Any], names: Iterable[str]) -> None:
    """`check_storable` of the faces of all columns.

    Raises
    ------
    InvalidDataError, InvalidTypeError
        Naming the column.
    """
    total, largest, known = 0, (0, ""), set()
    for face, name in zip(faces, names, strict=True):
        key = (type(face), face.dtype) if isinstance(face.dtype, np.dtype) and face.dtype.kind in "biuf" else None
        if key in known:  # thousands of columns of one dtype
            continue
        size = check_storable(face, name)
        if key is not None and not hasattr(face, "blank"):
            known.add(key)
        total, largest = total + size, max(largest, (size, name))
    if total > _MOST_TEXT:
        raise InvalidDataError(
            f"{largest[1]} has more different values than a model file has room for; drop it, or make it text"
        )


def _learnt(part: Any) -> list[tuple[str, Any]]:
    names = [field.name for field in dataclasses.fields(part)] if dataclasses.is_dataclass(part) else list(vars(part))
    return [(name, getattr(part, name)) for name in names]


def _same(one: Any, other: Any) -> bool:
    """Whether two learnt values are equal, type by type."""
    if isinstance(one, (pd.Index, np.ndarray)):
        # a range is whole numbers that are kept in another way
        kinds = {pd.Index if isinstance(side, pd.RangeIndex) else type(side) for side in (one, other)}
        return len(kinds) == 1 and _same_values(one, other)
    if isinstance(one, pd.CategoricalDtype):
        return one.ordered == other.ordered and _same(one.categories, other.categories)
    if isinstance(one, (np.dtype, pd.api.extensions.ExtensionDtype)):
        return bool(one == other)
    if isinstance(one, dt.tzinfo):
        return zone_state(one) == zone_state(other)
    if one is None or one is pd.NA or one is pd.NaT:
        return one is other
    return type(one) is type(other) and bool(one == other or (one != one and other != other))


def _same_values(one: Any, other: Any) -> bool:
    if len(one) != len(other) or one.dtype != other.dtype:
        return False
    if isinstance(one, pd.Index):
        return list(one.names) == list(other.names) and one.equals(other) and _same_types(one, other)
    if one.dtype.kind != "O":
        return np.array_equal(one, other, equal_nan=one.dtype.kind in "fmM")
    return all(map(_same, one, other))


def _same_types(one: pd.Index, other: pd.Index) -> bool:
    if isinstance(one, pd.MultiIndex):
        levels = range(one.nlevels)
        return all(_same_values(one.get_level_values(i), other.get_level_values(i)) for i in levels)
    return one.dtype != object or list(map(type, one)) == list(map(type, other))
