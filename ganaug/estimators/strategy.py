"""How many samples of which class: imbalanced-learn's targets and sampling strategies, and one training per class."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from imblearn.utils import check_sampling_strategy

from ganaug.encoding import LabelCodec
from ganaug.exceptions import (
    FewSamplesWarning,
    InvalidDataError,
    InvalidParameterError,
    InvalidTypeError,
    TrainingWarning,
)
from ganaug.runtime.compute import as_tensor
from ganaug.utils import types
from ganaug.utils.determinism import warn
from ganaug.utils.types import Array, IntArray

__all__ = [
    "TargetCodec",
    "barely_begun",
    "new_rows",
    "train_one",
    "unpacked",
    "wanted_rows",
    "warn_of_few_rows",
    "warn_of_training",
]

# ---- the target of a sampler -------------------------------------------------------------------


class TargetCodec:
    """A `LabelCodec` that also takes what imbalanced-learn does.

    A column (n, 1) holds labels, and comes back as a DataFrame if it was one,
    else as a vector. A matrix (n, k) of zeros and ones is one-vs-all: the
    label of a row is the place of its one.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels that occur, sorted.
    sizes_ : dict
        Label, as a plain Python value, to number of rows; in the order of ``classes_``.
    """

    classes_: Array

    def fit(self, y: object) -> tuple[Any, IntArray]:
        """Learn the labels.

        Parameters
        ----------
        y : array-like of shape (n,), (n, 1) or (n, k)

        Returns
        -------
        vector : array-like of shape (n,)
            The labels, in the container of ``y`` if it is a vector.
        codes : ndarray of shape (n,), int64
            Their places in ``classes_``.

        Raises
        ------
        InvalidDataError
            If y is missing, has missing values, or names no class or several for a row.
        """
        if y is None:
            raise InvalidDataError("GANOversampler requires y to be passed, but the target y is None; give the labels")
        self._columns = list(y.columns) if isinstance(y, pd.DataFrame) else None
        self._n_columns, self._dtype = 0, "int64"
        self._kind = "list" if isinstance(y, list) else "tensor" if hasattr(y, "detach") else "array"
        vector = self._vector(y)
        self._labels = LabelCodec().fit(vector)
        self.classes_ = self._labels.classes_
        codes = self._labels.encode(vector)
        labels = pd.Index(self.classes_).tolist()
        self.sizes_ = dict(zip(labels, np.bincount(codes).tolist(), strict=True))
        return vector, codes

    def fit_some(self, y: object, places: IntArray, counts: IntArray) -> Any:
        """Learn the labels from some rows of each class, of which it is known how many there are.

        Parameters
        ----------
        y : array-like of shape (n,)
        places : ndarray of shape (n,), int64
            Place of each row's class in ``counts``.
        counts : ndarray of int64
            Rows of each class, in all.

        Returns
        -------
        vector
            As `fit`. The codes of all rows are not made: they would take a byte of each.
        """
        vector, codes = self.fit(y)
        sizes = np.zeros(len(self.classes_), np.int64)
        sizes[codes] = counts[places]
        self.sizes_ = dict(zip(self.sizes_, sizes.tolist(), strict=True))
        return vector

    def codes(self, y: object) -> IntArray:
        """The places in ``classes_`` of labels that are in the container given to `fit`."""
        return self._labels.encode(y)

    def code(self, label: Any) -> int:
        """The place of a label in ``classes_``."""
        return list(self.sizes_).index(label)

    def _vector(self, y: object) -> object:
        nested = isinstance(y, (list, tuple)) and len(y) > 0 and isinstance(y[0], (list, tuple, np.ndarray))
        if not nested and getattr(y, "ndim", 1) != 2:
            return y
        if hasattr(y, "todense"):
            y = y.todense()
        try:
            matrix = np.asarray(y.detach().cpu() if hasattr(y, "detach") else y)
        except ValueError as error:
            raise InvalidDataError("the rows of y differ in length; give one label for each row") from error
        if matrix.ndim == 2 and matrix.shape[1] == 1:
            return y.iloc[:, 0] if isinstance(y, pd.DataFrame) else matrix[:, 0]
        if not np.isin(matrix, (0, 1)).all() or (matrix.sum(1) > 1).any():
            raise InvalidDataError(
                f"y of shape {matrix.shape} is not one-vs-all: a row may hold a single 1 and zeros beside it. "
                "Multilabel and multioutput targets are not supported."
            )
        if (matrix.sum(1) == 0).any():
            row = int(np.argmin(matrix.sum(1)))
            raise InvalidDataError(f"row {row} of the one-vs-all y names no class; drop it or give it a 1")
        self._n_columns, self._dtype = matrix.shape[1], matrix.dtype.str
        return matrix.argmax(1)

    def decode(self, codes: IntArray) -> Any:
        """The target that has these codes, in the container given to `fit`."""
        y = self._labels.decode(codes)
        if self._n_columns:
            y = np.eye(self._n_columns, dtype=self._dtype)[y]
            if self._kind == "list":
                return y.tolist()
            if self._kind == "tensor":
                return as_tensor(y)
        if self._columns is not None:
            frame = pd.DataFrame(y)
            if list(frame.columns) != self._columns:
                frame.columns = pd.Index(self._columns)
            return frame
        return y


# ---- how many rows each class gets -------------------------------------------------------------


# Classes listed in an error message, and characters of what was given.
LISTED, SHOWN = 20, 200
WORDS = ("auto", "minority", "not minority", "not majority", "all")


def new_rows(given: object, target: TargetCodec, codes: IntArray | None = None) -> dict[Any, int]:
    """How many rows to add to which label.

    Parameters
    ----------
    given : float, str, dict or callable
        The ``sampling_strategy`` of an over-sampler.
    target : TargetCodec
        Of the labels.
    codes : ndarray of shape (n,), int64, optional
        The labels; by default as many as ``target`` knows, class by class, made only where they are needed.

    Returns
    -------
    dict of label to int
        In the order of the labels.

    Raises
    ------
    InvalidParameterError, InvalidDataError
        If there is one class only, or the strategy cannot be met.
    """
    sizes, labels = target.sizes_, list(target.sizes_)
    known = ", ".join(f"{label!r}: {size}" for label, size in list(sizes.items())[:LISTED])
    if len(sizes) < 2:
        raise InvalidDataError(f"y has 1 class only ({known}); give rows of at least one other class")

    def all_codes() -> IntArray:
        kinds = np.arange(len(sizes), dtype=np.min_scalar_type(len(sizes)))
        return np.repeat(kinds, list(sizes.values())) if codes is None else codes

    strategy = given(target.classes_[all_codes()]) if callable(given) else given
    try:
        if isinstance(strategy, Mapping):
            for label, total in strategy.items():
                if label not in sizes:
                    raise InvalidParameterError(f"there is no class {label!r} in y")
                types.integer(f"the total of class {label!r}", total, sizes[label])
            strategy = {labels.index(label): int(total) for label, total in strategy.items()}
        found = _of_sizes(strategy, list(sizes.values())) or wanted_rows(strategy, all_codes())
    except (TypeError, ValueError) as error:
        raise InvalidParameterError(
            f"{_named(given)} cannot be met: {str(error).rstrip('.')}. The classes of y and their rows: {known}. "
            "Give 'auto', 'minority', 'not minority', 'not majority', 'all', a ratio in (0, 1] for two "
            "classes, a dict of label to wanted total (no fewer rows than there are), or a callable that makes such "
            "a dict of y."
        ) from error
    return {labels[int(code)]: int(n) for code, n in found.items()}


def _of_sizes(strategy: object, sizes: list[int]) -> dict[int, int] | None:
    """The same as `wanted_rows` of classes of these sizes; None where that may have something to say."""
    most, largest, smallest = max(sizes), sizes.index(max(sizes)), sizes.index(min(sizes))
    every = range(len(sizes))
    if isinstance(strategy, str) and strategy in WORDS:
        left_out = {"all": -1, "not minority": smallest}.get(strategy, largest)
        return {c: most - sizes[c] for c in every if (c == smallest if strategy == "minority" else c != left_out)}
    if isinstance(strategy, Mapping) and all(total <= most for total in strategy.values()):
        return {c: strategy[c] - sizes[c] for c in every if c in strategy}
    if isinstance(strategy, Real) and not isinstance(strategy, bool) and len(sizes) == 2 and 0 < float(strategy) <= 1:
        new = int(most * float(strategy) - sizes[1 - largest])
        return {1 - largest: new} if new > 0 else None
    return None


def wanted_rows(strategy: object, y: object) -> dict[Any, int]:
    """What imbalanced-learn makes of a strategy, with errors in words.

    Parameters
    ----------
    strategy : float, str, dict or callable
        The ``sampling_strategy`` of an over-sampler.
    y : ndarray of shape (n,)
        The labels.

    Returns
    -------
    dict of label to int
        New rows, in imbalanced-learn's order.

    Raises
    ------
    InvalidParameterError, InvalidTypeError, ValueError, TypeError
        If it cannot be met.
    """
    if isinstance(strategy, str) and strategy not in WORDS:
        raise InvalidParameterError(f"{strategy!r} is none of {', '.join(map(repr, WORDS))}")
    if isinstance(strategy, Real) and not isinstance(strategy, bool) and not 0 < float(strategy) <= 1:
        raise InvalidParameterError(f"the ratio of the smaller class to the larger is {strategy}, not in (0, 1]")
    found = check_sampling_strategy(strategy, y, "over-sampling")
    if not isinstance(found, Mapping):
        raise InvalidTypeError(f"it is a {type(strategy).__name__}")
    return dict(found)


def _named(given: object) -> str:
    """What was given as `sampling_strategy`; a callable by its name, for its repr is an address."""
    if callable(given):
        name = getattr(given, "__name__", type(given).__name__)
        return "what the sampling_strategy " + ("(a lambda)" if name == "<lambda>" else f"{name}()") + " returns"
    said = repr(given)
    return f"sampling_strategy={said if len(said) <= SHOWN else said[:SHOWN] + '...'}"


# ---- one training as a task of an over-sampler -------------------------------------------------


# An interrupted training that got less far than this made no generator worth having: a share of the steps that were
# asked for, or so many steps where their number was left open.
USABLE_SHARE, USABLE_STEPS = 0.2, 100


def train_one(generator: Any, data: Any, focus: object, title: str) -> Any:
    """Train one generator: for a label against the rest, or (None) for all classes. To be `unpacked`."""
    if hasattr(type(generator), "prepare"):
        return carried(generator.fit_prepared(data, focus=focus, title=title))
    return carried(generator.fit(*data) if focus is None else generator.fit(*data, focus=focus))


def barely_begun(generator: Any) -> bool:
    """Whether the training was interrupted before it was of use."""
    if getattr(generator, "stop_reason_", None) != "interrupted":
        return False
    asked = generator.max_steps
    return bool(generator.n_steps_ < (USABLE_STEPS if asked is None else USABLE_SHARE * asked))


def warn_of_training(title: str, generator: object) -> None:
    """Warn of what went wrong in a worker, whose own warnings nobody sees."""
    said = getattr(generator, "_warning", None)
    if barely_begun(generator):
        said = "the training was interrupted before it was of use; a smoothed bootstrap stands in for the GAN"
    if said:
        warn(f"{title}: {said}", TrainingWarning)


def warn_of_few_rows(label: object, rows: int, smallest: int, codec: object) -> None:
    """Warn of a class that no GAN was trained for."""
    things = getattr(codec, "things", "rows")
    counted = things if rows != 1 or things == "series" else things.removesuffix("s")
    warn(
        f"class {label!r} has {rows} {counted}, fewer than min_class_size={smallest}: "
        f"its new {things} are a smoothed bootstrap of the real ones, not made by a GAN. "
        f"Collect more {things}, or lower min_class_size.",
        FewSamplesWarning,
    )


# --------------------------------------------------------------------------------------
# Fitted generators on their way between the processes of one call, which see more than a pickle
# holds.


class _Carried:
    """A generator whose pickle is taken apart with all that it holds in memory.

    A pickle may be kept, and must not hold traces of training samples. What a worker sends back to the process that
    started it is not kept, and must not lack them: the result of a call does not depend on the number of processes.
    """

    def __init__(self, generator: Any) -> None:
        self.generator = generator

    def __getstate__(self) -> dict[str, Any]:
        return {"kind": type(self.generator), "state": self.generator._whole_state()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.generator = state["kind"].__new__(state["kind"])
        self.generator.__setstate__(state["state"])


def carried(generator: object) -> Any:
    """What a task gives back in place of a generator."""
    return _Carried(generator) if hasattr(type(generator), "_whole_state") else generator


def unpacked(result: object) -> Any:
    """The generator again."""
    return result.generator if isinstance(result, _Carried) else result
