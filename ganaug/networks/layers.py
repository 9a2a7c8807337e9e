"""Layers whose weights come from a private generator, so that building a network has no side effect."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["ResidualBlock", "embedding", "linear"]


def linear(n_in: int, n_out: int, rng: torch.Generator, gain: float = 1.0, bias: bool = True) -> nn.Linear:
    """A linear layer with weights ``N(0, gain^2 / n_in)`` and zero bias.

    Built on the meta device because `torch.nn.Linear` otherwise draws its first
    weights from torch's global generator, and in another size because it warns
    where a table has no columns to learn.
    """
    layer = nn.Linear(1, 1, bias=bias, device="meta")
    layer.in_features, layer.out_features = n_in, n_out
    std = gain / math.sqrt(max(n_in, 1))
    layer.weight = nn.Parameter(torch.empty(n_out, n_in).normal_(0.0, std, generator=rng))
    if bias:
        layer.bias = nn.Parameter(torch.zeros(n_out))
    return layer


def embedding(n_rows: int, width: int, rng: torch.Generator, scale: float = 1.0) -> nn.Parameter:
    """A table of ``n_rows`` vectors drawn from ``N(0, scale^2)``. (n_rows, width)."""
    return nn.Parameter(torch.empty(n_rows, width).normal_(0.0, scale, generator=rng))


class ResidualBlock(nn.Module):
    """The weights of ``x + W2 act(W1 act(x))``, without normalisation, after R3GAN (Huang et al. 2024); see `passes`.

    No batch statistics: a synthetic row must depend on its own noise and class
    alone. The second layer starts small (Zhang et al. 2019, fixup), so that a
    deep stack starts near the identity.
    """

    def __init__(self, width: int, rng: torch.Generator, depth: int) -> None:
        super().__init__()
        self.first = linear(width, width, rng, gain=math.sqrt(2.0))
        self.second = linear(width, width, rng, gain=1.0 / math.sqrt(depth), bias=False)

    @property
    def weights(self) -> tuple[Tensor, Tensor, Tensor]:
        """In the order in which `passes` takes them."""
        return self.first.weight, self.first.bias, self.second.weight
