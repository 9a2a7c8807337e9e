"""Training and test samples: drawn with a long tail, checked, and as tensors for classifiers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganaug.encoding.image_codec import ImageCodec
from ganaug.exceptions import InvalidDataError, InvalidParameterError
from ganaug.utils.isolation import isolated
from ganaug.utils.seeding import numpy_generator
from ganaug.utils.types import IntArray

__all__ = ["Split", "as_tensors", "long_tailed", "read_split"]

Array = npt.NDArray[Any]


class Split(NamedTuple):
    """Real samples to train on and to test on, as they were given; y are places in ``labels``, which are sorted."""

    X_train: Array
    y_train: IntArray
    X_test: Array
    y_test: IntArray
    labels: Array

    @property
    def counts(self) -> IntArray:
        """Training samples of each class. (K,)."""
        return np.bincount(self.y_train, minlength=len(self.labels)).astype(np.int64)


@isolated
def long_tailed(
    X: Any, y: npt.ArrayLike, counts: Sequence[int] | Mapping[Any, int], seed: int = 0
) -> tuple[Any, npt.NDArray[Any]]:
    """Draw so many samples of each class, without replacement.

    Parameters
    ----------
    X : array or tensor of shape (n, ...)
        Not changed.
    y : array-like of shape (n,)
        Labels.
    counts : sequence of int, or dict of label to int
        How many of each label; a sequence follows the sorted labels. Labels that a dict leaves out are dropped.
    seed : int, default=0
        The same integer draws the same samples; those of one class do not depend on the other counts.

    Returns
    -------
    X : array or tensor of shape (sum of counts, ...)
        In their original order.
    y : ndarray

    Raises
    ------
    InvalidParameterError
        For an unknown label, or more samples than there are; it names the class.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug.experiments import long_tailed
    >>> X, y = long_tailed(np.zeros((20, 8, 8)), np.repeat([0, 1], 10), [8, 2])
    >>> X.shape, np.bincount(y)
    ((10, 8, 8), array([8, 2]))
    """
    labels = np.asarray(y)
    known = np.unique(labels).tolist()
    if not isinstance(counts, Mapping):
        if len(counts) != len(known):
            raise InvalidParameterError(f"counts has {len(counts)} numbers, and y has {len(known)} classes: {known}")
        counts = dict(zip(known, counts, strict=True))
    kept = []
    for label, n in counts.items():
        rows = np.flatnonzero(labels == label)
        if not 0 <= n <= len(rows):
            raise InvalidParameterError(f"counts asks for {n} samples of {label!r}, and there are {len(rows)}")
        place = known.index(label) if label in known else -1
        kept.append(numpy_generator(seed, "long tail", place).permutation(rows)[:n])
    rows = np.sort(np.concatenate(kept))
    return X[rows], labels[rows]


def read_split(given: Any) -> Split:
    """(X_train, y_train, X_test, y_test), checked, labels as integers.

    Raises
    ------
    InvalidDataError
        If it is no such four, the lengths differ, or the test set lacks a class.
    """
    if not isinstance(given, (tuple, list)) or len(given) != 4:
        raise InvalidDataError(
            "a data set is a tuple (X_train, y_train, X_test, y_test), or a function of a seed to one"
        )
    X_train, y_train, X_test, y_test = (np.asarray(part) for part in given)
    for name, X, y in (("train", X_train, y_train), ("test", X_test, y_test)):
        if len(X) != len(y):
            raise InvalidDataError(f"X_{name} has {len(X)} samples and y_{name} has {len(y)}")
    if X_train.shape[1:] != X_test.shape[1:]:
        raise InvalidDataError(f"training samples have shape {X_train.shape[1:]}, test samples {X_test.shape[1:]}")
    labels = np.unique(y_train)
    if len(labels) < 2:
        raise InvalidDataError("y_train has a single class")
    missing = set(labels.tolist()) ^ set(np.unique(y_test).tolist())
    if missing:
        raise InvalidDataError(f"the classes {sorted(missing, key=str)} are in only one of y_train and y_test")
    codes = [np.searchsorted(labels, y).astype(np.int64) for y in (y_train, y_test)]
    return Split(X_train, codes[0], X_test, codes[1], labels)


# What makes float32 tensors (n, C, *spatial) of samples.
Reader = Callable[[Array], Tensor]


def image_reader(X: Array) -> Reader:
    """Pixels from 0, the darkest seen in training, to 1. Black stays 0, which is what augmentation moves in."""
    codec = ImageCodec().fit(X)

    def read(X: Array) -> Tensor:  # (n, H, W), (n, H, W, C) or (n, C, H, W) -> (n, C, H, W)
        return codec.to_network(torch.from_numpy(codec.encode(X))).float().add(1).div(2)

    return read


def series_reader(X: Array) -> Reader:
    """Each channel with mean 0 and spread 1 over the training samples."""

    def raw(X: Array) -> Tensor:  # (n, C, length) or (n, length) -> (n, C, length)
        if X.ndim not in (2, 3):
            raise InvalidDataError(f"series have shape (n, channels, length) or (n, length), not {X.shape}")
        x = torch.from_numpy(np.ascontiguousarray(X, np.float32))
        return x.unsqueeze(1) if x.ndim == 2 else x

    x = raw(X)
    mean, std = x.mean((0, 2), keepdim=True), x.std((0, 2), keepdim=True).clamp_min(1e-6)
    return lambda X: (raw(X) - mean) / std


READERS: dict[str, Callable[[Array], Reader]] = {"image": image_reader, "series": series_reader}


def as_tensors(kind: str, split: Split) -> tuple[Reader, Tensor, Tensor]:
    """The reader fitted to the training samples, and training and test samples read by it."""
    reader = READERS[kind](split.X_train)
    return reader, reader(split.X_train), reader(split.X_test)
