"""Changes to real (and, for images, fake) samples on their way to the discriminator."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ganaug.types import Block

__all__ = ["Augmentation", "jitter", "unchanged"]

Augmentation = Callable[[Tensor, Tensor, torch.Generator], Tensor]


def unchanged(x: Tensor, labels: Tensor, rng: torch.Generator) -> Tensor:
    """The samples as they are."""
    return x


def jitter(blocks: Sequence[Block], scale: Tensor) -> Augmentation:
    """Gaussian noise on the scalar columns of real rows, more of it for scarcer classes.

    A discriminator that sees the same 20 rows in every batch learns their
    addresses; a little noise turns each address into a neighbourhood
    (instance noise; Sonderby et al. 2017, Arjovsky and Bottou 2017).

    Parameters
    ----------
    blocks : sequence of Block
        Layout of the encoded row.
    scale : Tensor of shape (n_classes,)
        Standard deviation for each class, in units of the encoded columns.

    Returns
    -------
    callable ``(x, labels, rng) -> x``
    """
    width = max((b.stop for b in blocks), default=0)
    scalar = torch.zeros(width, device=scale.device)
    for block in blocks:
        if block.tag == "scalar":
            scalar[block.start : block.stop] = 1.0

    def add_noise(x: Tensor, labels: Tensor, rng: torch.Generator) -> Tensor:  # (B, width) -> (B, width)
        noise = torch.empty_like(x).normal_(generator=rng)
        return torch.addcmul(x, noise * scalar, scale[labels].unsqueeze(1))

    return add_noise
