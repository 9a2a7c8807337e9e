"""Parts of a blend of which only the first has synthetic items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from torch.utils.data import Subset

from ganaug.datasets.blended import BlendedDataset
from ganaug.exceptions import InvalidParameterError, InvalidTypeError
from ganaug.utils.seeding import numpy_generator, root_seed

__all__ = ["TrainingPart", "split_real"]


class TrainingPart(Subset[Any]):
    """Some real items of a blend, and after them all synthetic ones of the epoch.

    Parameters
    ----------
    dataset : BlendedDataset
    real : sequence of int
        Its real items.
    """

    def __init__(self, dataset: BlendedDataset, real: Sequence[int]) -> None:
        self.dataset, self.real = dataset, list(real)

    @property
    def indices(self) -> Sequence[int]:  # type: ignore[override]
        """Of the blend's items; fewer where a schedule leaves fewer synthetic ones."""
        blend: Any = self.dataset
        return [*self.real, *range(blend.n_real, blend.n_real + int(blend.is_synthetic.sum()))]

    def __len__(self) -> int:
        blend: Any = self.dataset
        return len(self.real) + int(blend.is_synthetic.sum())

    def __getitem__(self, index: Any) -> Any:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        blend: Any = self.dataset
        length, own = len(self), len(self.real)
        at = []
        for index in indices:
            if not -length <= index < length:
                raise IndexError(f"index {index} is out of range: the part has {length} items")
            place = index % length
            at.append(self.real[place] if place < own else blend.n_real + place - own)
        found: list[Any] = blend.__getitems__(at)
        return found

    def set_epoch(self, epoch: int) -> None:
        """As `BlendedDataset.set_epoch`."""
        blend: Any = self.dataset
        blend.set_epoch(epoch)


def split_real(dataset: Any, fractions: Sequence[float], seed: int = 0, *, stratify: bool = True) -> list[Subset[Any]]:
    """Split a blend at random so that synthetic items are in its first part only.

    Parameters
    ----------
    dataset : BlendedDataset
    fractions : sequence of float
        Shares of the real items, above 0, which sum to 1: ``[0.8, 0.2]``.
    seed : int, default=0
        Of the split.
    stratify : bool, default=True
        Whether every class is divided in these shares, else all real items together.

    Returns
    -------
    list of Subset
        The first holds its real items and all synthetic ones; the others hold real items only. A schedule goes on
        to work in the first.

    Raises
    ------
    InvalidTypeError
        If it is no BlendedDataset.
    InvalidParameterError
        If the fractions do not sum to 1, or a part would be empty.

    Notes
    -----
    The generator of the blend may have been fitted on the items of the other parts. For a fair figure split the real
    dataset first, fit the generator on the training part, and blend into that.

    Examples
    --------
    >>> import torch
    >>> from torch.utils.data import TensorDataset
    >>> from ganaug import BlendedDataset, SmoothedBootstrap
    >>> from ganaug.datasets import split_real
    >>> X, y = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)), torch.arange(40) // 30
    >>> blend = BlendedDataset(TensorDataset(X, y), SmoothedBootstrap(random_state=0).fit(X, y))
    >>> train, validation = split_real(blend, [0.8, 0.2])
    >>> len(train), len(validation), max(validation.indices) < blend.n_real
    (52, 8, True)
    """
    if not isinstance(dataset, BlendedDataset):
        raise InvalidTypeError(
            f"dataset is a {type(dataset).__name__}; give a BlendedDataset (others have nothing to keep out)"
        )
    shares = _shares(fractions)
    rng = numpy_generator(root_seed(seed), "split")
    codes = pd.factorize(dataset.targets[: dataset.n_real])[0] if stratify else np.zeros(dataset.n_real, np.int64)
    parts: list[list[int]] = [[] for _ in shares]
    ends = np.cumsum(shares)
    for code in np.unique(codes).tolist():
        own = rng.permutation(np.flatnonzero(codes == code))
        cuts = np.rint(ends[:-1] * len(own)).astype(int)
        for part, piece in zip(parts, np.split(own, cuts), strict=True):
            part += piece.tolist()
    empty = next((i for i, part in enumerate(parts) if not part), None)
    if empty is not None:
        raise InvalidParameterError(
            f"fractions={list(fractions)!r} leave part {empty} without an item: there are {dataset.n_real} real ones"
        )
    return [TrainingPart(dataset, sorted(parts[0])), *(Subset(dataset, sorted(part)) for part in parts[1:])]


def _shares(fractions: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    try:
        shares = np.asarray(list(fractions), np.float64)
    except (TypeError, ValueError):
        shares = np.zeros(0)
    if len(shares) < 2 or not (shares > 0).all() or not np.isclose(shares.sum(), 1):
        raise InvalidParameterError(f"fractions={fractions!r} must be two or more numbers above 0 that sum to 1")
    return shares
