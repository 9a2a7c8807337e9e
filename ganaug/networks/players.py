"""What the game asks of its two networks."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ganaug.networks.conditioning import Concat

__all__ = ["DiscriminatorNetwork", "GeneratorNetwork", "Players"]


class GeneratorNetwork(nn.Module):
    """Noise and a class to a sample; ``rng`` is for noise inside the network."""

    latent_dim: int

    def forward(self, z: Tensor, labels: Tensor, rng: torch.Generator) -> Tensor:
        """Samples of the given classes. (B, latent_dim), (B,) -> (B, ...)."""
        raise TypeError(f"{type(self).__name__} has no forward")

    def draw(self, z: Tensor, labels: Tensor, rng: torch.Generator) -> Tensor:
        """The same for who decodes what it is given, and learns nothing from it: where that is cheaper."""
        samples: Tensor = self(z, labels, rng)
        return samples


class DiscriminatorNetwork(nn.Module):
    """A trunk that makes features, and a conditioning that turns them into a logit."""

    head: Concat

    def features(self, x: Tensor, labels: Tensor) -> Tensor:
        """The last hidden layer. (B, ...), (B,) -> (B, width)."""
        raise TypeError(f"{type(self).__name__} has no features")

    def slope(self, x: Tensor, labels: Tensor) -> Tensor:
        """The gradient of the logit with respect to the sample, itself differentiable. (B, ...), (B,) -> (B, ...)."""
        x = x.detach().requires_grad_(True)
        (slope,) = torch.autograd.grad(self(x, labels).sum(), x, create_graph=True)
        return slope

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:  # (B, ...), (B,) -> (B,)
        logit: Tensor = self.head(self.features(x, labels), labels)
        return logit


class Players(NamedTuple):
    """The two networks of a game."""

    generator: GeneratorNetwork
    discriminator: DiscriminatorNetwork
