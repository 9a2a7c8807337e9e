"""Data on its way into a training: encoded once, used by the GAN of every class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganaug.codecs.axes import LAYOUTS
from ganaug.codecs.profiles import DataProfile, ValueProfile, names_of_labels, value_profile
from ganaug.exceptions import InvalidDataError, InvalidParameterError
from ganaug.types import FloatArray, IntArray

__all__ = ["Conditions", "Prepared", "profile_of"]

# Samples, and their values together, that the profile of the training data is made of.
MOST_PROFILED, MOST_VALUES = 256, 2_000_000


@dataclass(frozen=True)
class Prepared:
    """Encoded samples and labels with the codecs that made them.

    Attributes
    ----------
    codec, labels
        The fitted codecs of the samples and of the labels (None without labels).
    x : ndarray of shape (n, ...), float32
        Encoded samples.
    y : ndarray of shape (n,), int64
        Codes of the labels; zeros without labels.
    feature_names : list of str or None
        Column names, where all of them are strings.
    names : sequence of str or None
        The name at place ``i`` is that of class ``i``.
    """

    codec: Any
    labels: Any
    x: FloatArray
    y: IntArray
    n_features: int
    feature_names: list[str] | None
    names: Sequence[str] | None = None


@dataclass(frozen=True)
class Conditions:
    """What the networks are conditioned on, as opposed to the labels that the user gave.

    Without a focus the conditions are the classes. With one there are two: 1
    for the class in focus, 0 for all others together, which teach the shape of the data.

    Attributes
    ----------
    names : list
        The label of each condition; the rest of a focus has none (None).
    focus : int or None
        Code of the class in focus.
    """

    classes: Any  # ndarray of labels, or None
    focus: int | None = None

    @classmethod
    def of(cls, labels: Any, focus: Any = None) -> Conditions:
        """The conditions of a label codec, with a label in focus or none.

        Raises
        ------
        InvalidParameterError
            If the focus is not one of the labels.
        """
        if labels is None:
            if focus is not None:
                raise InvalidParameterError(f"focus={focus!r} needs labels; give y to fit")
            return cls(None)
        code = None if focus is None else int(labels.encode([focus])[0])
        return cls(labels.classes_, code)

    @property
    def count(self) -> int:
        """How many conditions there are."""
        if self.classes is None:
            return 1
        return len(self.classes) if self.focus is None else 2

    def of_codes(self, y: IntArray) -> IntArray:
        """Conditions of label codes. (n,) -> (n,)."""
        return y if self.focus is None else (y == self.focus).astype(np.int64)

    def sampled(self) -> list[int]:
        """Label codes that can be sampled."""
        if self.focus is not None:
            return [self.focus]
        return list(range(self.count))

    def of_label_code(self, code: int) -> int:
        """The condition that makes samples of a label.

        Raises
        ------
        InvalidDataError
            If the networks were trained for another label only.
        """
        if self.focus is None:
            return code
        if code != self.focus:
            raise InvalidDataError(
                f"this generator was trained for class {self.classes[self.focus]!r} against the rest and cannot "
                f"sample class {self.classes[code]!r}; fit it without focus, or use the generator of that class"
            )
        return 1


def profile_of(prepared: Prepared) -> DataProfile:
    """What a blend compares: the values of the samples, as a generator hands them out, and the names of the classes."""
    labels = [] if prepared.labels is None else list(prepared.labels.classes_)
    return DataProfile(_values_of(prepared.codec, prepared.x), names_of_labels(labels, prepared.names))


def _values_of(codec: Any, x: FloatArray) -> ValueProfile | None:
    most = min(MOST_PROFILED, max(16, MOST_VALUES // max(1, codec.width)))
    some = np.unique(np.linspace(0, len(x) - 1, most).astype(np.int64))
    samples = codec.decode(x[some])
    if hasattr(samples, "dtypes") and hasattr(samples, "columns"):
        if not all(getattr(dtype, "kind", "O") in "biuf" for dtype in samples.dtypes):
            return None  # text, categories and dates are no numbers of a tensor
    elif hasattr(samples, "detach"):
        samples = samples.float() if samples.is_floating_point() else samples
    elif hasattr(samples, "toarray"):
        samples = samples.toarray()
    array = np.asarray(samples)
    shape = tuple(getattr(codec, "shape", array.shape[1:]))
    moves = [move for axes, move, _ in LAYOUTS.values() if axes == array.ndim and len(shape) == 3]
    fitting = next((move for move in moves if move(array).shape[1:] == shape), None)
    return value_profile(array.reshape(-1, *shape) if fitting is None else fitting(array))
