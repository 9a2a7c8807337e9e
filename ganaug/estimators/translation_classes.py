"""Between which two classes to translate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ganaug.codecs import LabelCodec
from ganaug.exceptions import InvalidDataError, InvalidParameterError
from ganaug.types import IntArray

__all__ = ["code_of", "two_classes"]


def code_of(labels: LabelCodec, name: str, label: Any) -> int | None:
    """The code of a label given as the parameter of that name; None for None.

    Raises
    ------
    InvalidParameterError
        If no image has it.
    """
    if label is None:
        return None
    try:
        return int(labels.encode([label])[0])
    except InvalidDataError as error:
        raise InvalidParameterError(f"{name}={label!r}: {error}") from error


def two_classes(labels: LabelCodec, y: IntArray, source: Any, target: Any, focus: Any) -> tuple[int, int]:
    """Codes of source and target.

    Parameters
    ----------
    labels : LabelCodec
    y : ndarray of shape (n,), int64
        Codes of all images.
    source, target : label or None
        As given to the estimator. None is the most frequent class, and the rarest.
    focus : label or None
        The target, as given to `fit`.

    Raises
    ------
    InvalidDataError
        If there is one class only, or one of the two has less than 2 images.
    InvalidParameterError
        If a label is unknown, or they contradict one another.
    """
    counts = np.bincount(y, minlength=len(labels.classes_)).astype(np.int64)
    if len(counts) < 2:
        raise InvalidDataError(
            f"y has 1 class only ({labels.classes_[0]!r}); a translation needs images of two classes"
        )
    from_code, to_code = code_of(labels, "source", source), code_of(labels, "target", target)
    wanted = code_of(labels, "focus", focus)
    if wanted is not None and to_code not in (None, wanted):
        raise InvalidParameterError(
            f"focus={focus!r} and target={target!r} are two classes; leave target=None to train for either"
        )
    to_code = to_code if wanted is None else wanted
    if to_code is None:
        to_code = _found(counts, np.argmin, but=from_code)
    if from_code is None:
        from_code = _found(counts, np.argmax, but=to_code)
    if from_code == to_code:
        raise InvalidParameterError(
            f"source and target are one class, {labels.classes_[to_code]!r}; name two, or leave one of them None"
        )
    for name, code in (("source", from_code), ("target", to_code)):
        if counts[code] < 2:
            raise InvalidDataError(
                f"the {name} class {labels.classes_[code]!r} has {counts[code]} image; what is typical of it cannot "
                "be learnt from one, give at least 2 (20 or more for anything but that one look)"
            )
    return from_code, to_code


def _found(counts: IntArray, pick: Callable[[Any], Any], but: int | None) -> int:
    """The class that ``pick`` takes by its count, out of all but one."""
    codes = np.array([code for code in range(len(counts)) if code != but])
    return int(codes[pick(counts[codes])])
