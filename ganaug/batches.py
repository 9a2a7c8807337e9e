"""What the game is played with: real samples, drawn class by class."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ganaug.augmentation import Augmentation, unchanged

__all__ = ["Load", "Table", "as_stored", "class_probabilities"]

Load = Callable[[Tensor], Tensor]


def as_stored(x: Tensor) -> Tensor:
    """The samples as they lie in memory."""
    return x


@dataclass
class Table:
    """The real samples on the training device, and how often each class is drawn.

    Attributes
    ----------
    load : callable
        From stored samples to the network's: images lie in memory as bytes and
        are turned into floats a batch at a time.
    ahead : int
        Batches for which rows are drawn at once. Only after a multiple of
        these is all that is random still to come in the generator's state.
    """

    x: Tensor  # (n, ...)
    labels: Tensor  # (n,) int64
    class_weights: Tensor  # (n_classes,) float, sums to 1
    augment: Augmentation = unchanged
    load: Load = as_stored
    ahead: int = 64  # drawing for many steps at once costs no more than for one
    order: Tensor = field(init=False)
    starts: Tensor = field(init=False)
    counts: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.order = torch.argsort(self.labels, stable=True)
        self.counts = torch.bincount(self.labels, minlength=len(self.class_weights))
        self.starts = torch.cumsum(self.counts, 0) - self.counts

    def batches(self, size: int, rng: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Endless batches ``(x, labels)``: a class by its weight, then one of its rows evenly."""
        while True:
            labels = torch.multinomial(self.class_weights, self.ahead * size, replacement=True, generator=rng)
            share = torch.rand(self.ahead * size, device=labels.device, generator=rng, dtype=torch.float64)
            rows = self.order[self.starts[labels] + (share * self.counts[labels]).long()]
            for now, now_rows in zip(labels.split(size), rows.split(size), strict=True):
                yield self.augment(self.load(self.x[now_rows]), now, rng), now


def class_probabilities(counts: Sequence[int], power: float) -> list[float]:
    """How often each class is drawn: proportional to ``count ** power``.

    ``power=0`` draws the classes evenly, ``power=1`` as often as they occur.
    A class without rows is never drawn.

    Examples
    --------
    >>> from ganaug.batches import class_probabilities
    >>> class_probabilities([90, 10], power=0)
    [0.5, 0.5]
    """
    weights = [float(n) ** power if n else 0.0 for n in counts]
    return [w / sum(weights) for w in weights]
