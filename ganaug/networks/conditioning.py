"""How the discriminator learns which class a sample claims to be.

A conditioning is the last layer of a discriminator. It sees the trunk's
features and the class, and returns a logit and, where it classifies, a loss.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganaug.networks.layers import embedding, linear

__all__ = ["CONDITIONINGS", "Auxiliary", "Concat", "Projection"]


class Concat(nn.Module):
    """The class, one-hot, joins the trunk's input (Mirza and Osindero 2014)."""

    class_is_input = True

    def __init__(self, width: int, n_classes: int, rng: torch.Generator) -> None:
        super().__init__()
        self.logit = linear(width, 1, rng)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:  # (B, width), (B,) -> (B,)
        logit: Tensor = self.logit(features).squeeze(1)
        return logit

    def slope(self, labels: Tensor) -> Tensor:
        """The gradient of the logit with respect to the features, which it is linear in. (B,) -> (B, width)."""
        return self.logit.weight.expand(len(labels), -1)

    def class_loss(self, features: Tensor, labels: Tensor) -> Tensor | None:
        """Nothing: the logit alone carries the class."""
        return None


class Projection(Concat):
    """``logit = w . h + e_y . h`` (Miyato and Koyama 2018): the class meets the features, not the input."""

    class_is_input = False

    def __init__(self, width: int, n_classes: int, rng: torch.Generator) -> None:
        super().__init__(width, n_classes, rng)
        self.classes = embedding(n_classes, width, rng, scale=1 / math.sqrt(width))

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        return super().forward(features, labels) + (F.embedding(labels, self.classes) * features).sum(1)

    def slope(self, labels: Tensor) -> Tensor:
        return self.logit.weight + F.embedding(labels, self.classes)


class Auxiliary(Concat):
    """The discriminator names the class itself (AC-GAN; Odena et al. 2017)."""

    class_is_input = False

    def __init__(self, width: int, n_classes: int, rng: torch.Generator) -> None:
        super().__init__(width, n_classes, rng)
        self.classes = linear(width, n_classes, rng)

    def class_loss(self, features: Tensor, labels: Tensor) -> Tensor | None:
        """Cross-entropy of the class. (B, width), (B,) -> (B,)."""
        return F.cross_entropy(self.classes(features), labels, reduction="none")


CONDITIONINGS: dict[str, type[Concat]] = {
    "concat": Concat,
    "projection": Projection,
    "auxiliary": Auxiliary,
}
