"""Layers whose weights come from a private generator, so that building a network has no side effect."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganaug.networks.products import product

__all__ = ["ResidualBlock", "bent", "embedding", "linear"]


def linear(n_in: int, n_out: int, rng: torch.Generator, gain: float = 1.0, bias: bool = True) -> nn.Linear:
    """A linear layer with weights ``N(0, gain^2 / n_in)`` and zero bias.

    Built on the meta device because `torch.nn.Linear` otherwise draws its first
    weights from torch's global generator, and in another size because it warns
    where a table has no columns to learn.
    """
    layer = nn.Linear(1, 1, bias=bias, device="meta", dtype=torch.float32)
    layer.in_features, layer.out_features = n_in, n_out
    std = gain / math.sqrt(max(n_in, 1))
    layer.weight = nn.Parameter(torch.empty(n_out, n_in, dtype=torch.float32).normal_(0.0, std, generator=rng))
    if bias:
        layer.bias = nn.Parameter(torch.zeros(n_out, dtype=torch.float32))
    return layer


def embedding(n_rows: int, width: int, rng: torch.Generator, scale: float = 1.0) -> nn.Parameter:
    """A table of ``n_rows`` vectors drawn from ``N(0, scale^2)``. (n_rows, width)."""
    return nn.Parameter(torch.empty(n_rows, width, dtype=torch.float32).normal_(0.0, scale, generator=rng))


def bent(slope: Tensor, x: Tensor) -> Tensor:
    """``slope * act'(x)`` for the leaky ReLU, differentiable in ``slope``. (B, width), (B, width) -> (B, width)."""
    result: Tensor = torch.ops.aten.leaky_relu_backward(slope, x, 0.2, False)
    return result


class ResidualBlock(nn.Module):
    """``x + W2 act(W1 act(x))`` without normalisation, after the blocks of R3GAN (Huang et al. 2024).

    No batch statistics: a synthetic row must depend on its own noise and class
    alone. The second layer starts small (Zhang et al. 2019, fixup), so that a
    deep stack starts near the identity.
    """

    def __init__(self, width: int, rng: torch.Generator, depth: int) -> None:
        super().__init__()
        self.first = linear(width, width, rng, gain=math.sqrt(2.0))
        self.second = linear(width, width, rng, gain=1.0 / math.sqrt(depth), bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (B, width) -> (B, width)
        hidden = self.first(F.leaky_relu(x, 0.2))
        # one call for the product and the sum
        return torch.addmm(x, F.leaky_relu(hidden, 0.2, inplace=True), self.second.weight.t())

    def unlearnt(self, x: Tensor) -> Tensor:
        """The same where nothing is learnt from it. (B, width) -> (B, width)."""
        hidden = product(F.leaky_relu(x, 0.2), self.first.weight, self.first.bias, slope=0.2)
        return product(hidden, self.second.weight, plus=x)

    def slope(self, slope: Tensor, x: Tensor) -> Tensor:
        """The gradient at the input ``x`` for a gradient at the output. (B, width), (B, width) -> (B, width)."""
        with torch.no_grad():
            hidden = self.first(F.leaky_relu(x, 0.2))
        return slope + bent(bent(slope @ self.second.weight, hidden) @ self.first.weight, x)
