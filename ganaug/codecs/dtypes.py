"""Which face a column has: one table from dtype to face."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from ganaug.codecs.choices import CategoryFace, ObjectFace, TextFace
from ganaug.codecs.faces import FloatFace, IntegerFace, MaskedFace, ObjectNumberFace, SparseFace, TimeFace
from ganaug.exceptions import InvalidDataError, InvalidTypeError

__all__ = ["FACES", "Face", "face_of"]

Face = Any  # any of FACES; they share fit, read, write, get_state, from_state, family and dtype

FACES: dict[str, Any] = {
    "float": FloatFace,
    "integer": IntegerFace,
    "masked": MaskedFace,
    "object-number": ObjectNumberFace,
    "sparse": SparseFace,
    "time": TimeFace,
    "category": CategoryFace,
    "text": TextFace,
    "object": ObjectFace,
}

_NUMPY_KINDS = {"f": "float", "i": "integer", "u": "integer", "b": "integer", "m": "time", "M": "time"}
_NUMPY_KINDS |= {"U": "text"}

_MASKED_DTYPES = (
    *(pd.Int8Dtype, pd.Int16Dtype, pd.Int32Dtype, pd.Int64Dtype),
    *(pd.UInt8Dtype, pd.UInt16Dtype, pd.UInt32Dtype, pd.UInt64Dtype),
    pd.Float32Dtype,
    pd.Float64Dtype,
    pd.BooleanDtype,
)


def _arrow(raw: Any) -> str:
    kind = raw.dtype.kind
    if kind in "iufb":
        return "masked"
    if raw.dtype.type is str:
        return "text"
    raise _not_understood(raw)


def _sparse(raw: Any) -> str:
    if np.dtype(raw.dtype.subtype).kind in "iufb":
        return "sparse"
    raise _not_understood(raw)


_PANDAS: list[tuple[Any, Callable[[Any], str]]] = [
    (pd.CategoricalDtype, lambda raw: "category"),
    (pd.StringDtype, lambda raw: "text"),
    (pd.DatetimeTZDtype, lambda raw: "time"),
    (_MASKED_DTYPES, lambda raw: "masked"),
    (pd.SparseDtype, _sparse),
    (pd.ArrowDtype, _arrow),
]


def _object(raw: Any) -> Face:
    """Numbers in an object column are numbers; anything else is a choice among what was seen."""
    holds = pd.api.types.infer_dtype(raw, skipna=True)
    if holds == "complex":
        raise InvalidDataError("Complex data not supported")
    if holds in ("integer", "floating", "mixed-integer-float"):
        present = raw[~np.asarray(pd.isna(raw), dtype=bool)]
        try:
            native = np.int64 if holds == "integer" else np.float64
            with np.errstate(over="raise"):
                present.astype(native)
            return ObjectNumberFace.of(raw, np.dtype(native))
        except (OverflowError, FloatingPointError):
            return ObjectFace.fit(raw)
    try:
        return ObjectFace.fit(raw)
    except TypeError as error:
        nested = ", ".join(sorted({type(v).__name__ for v in raw if v.__hash__ is None})) or str(error)
        raise InvalidTypeError(
            f"holds nested values ({nested}); the argument must be a string or a real number in each cell, "
            "so spread nested values over columns"
        ) from error


def face_of(raw: Any) -> Face:
    """The face of a column.

    Parameters
    ----------
    raw : ndarray or ExtensionArray of shape (n,)
        The column as its container holds it.

    Returns
    -------
    Face
        It can ``read`` the column into a `Plain` and ``write`` one back.

    Raises
    ------
    InvalidDataError
        For complex numbers.
    InvalidTypeError
        For dtypes and cells that are not scalars.
    """
    dtype = raw.dtype
    if isinstance(dtype, np.dtype):
        if dtype.kind == "c":
            raise InvalidDataError("Complex data not supported")
        if dtype.kind == "O":
            return _object(raw)
        if dtype.kind not in _NUMPY_KINDS or dtype in (np.dtype("M8"), np.dtype("m8")):
            raise _not_understood(raw)
        return FACES[_NUMPY_KINDS[dtype.kind]].fit(raw)
    for known, name in _PANDAS:
        if isinstance(dtype, known):
            return FACES[name(raw)].fit(raw)
    raise _not_understood(raw)


def _not_understood(raw: Any) -> InvalidTypeError:
    return InvalidTypeError(
        f"has dtype {raw.dtype}, which is not understood; convert it to a number, text, category or date"
    )
