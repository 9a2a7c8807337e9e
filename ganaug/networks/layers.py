"""Networks as the training sees them, class conditioning, and the layers that all architectures share."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = [
    "CONDITIONINGS",
    "Auxiliary",
    "Concat",
    "DiscriminatorNetwork",
    "GeneratorNetwork",
    "NetworkPair",
    "Projection",
    "ResidualBlock",
    "bent",
    "embedding",
    "linear",
    "product",
]

# --------------------------------------------------------------------------------------
# What the game asks of its two networks.


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

    def truncated(self, z: Tensor, labels: Tensor, rng: torch.Generator, truncation: float) -> Tensor:
        """`draw` with latents nearer to their mean: normal with a smaller variance (cf. Brock et al. 2019)."""
        return self.draw(z * truncation, labels, rng)

    def inner_noise(self, rng: torch.Generator) -> Tensor:
        """The noise inside the network for one sample, for `at`. (k,), and k is 0 where there is none."""
        return torch.zeros(0, dtype=torch.float32)

    def at(self, z: Tensor, labels: Tensor, noise: Tensor, truncation: float = 1.0) -> Tensor:
        """Samples as a function of latent and class, with one noise for all. (B, latent_dim), (B,), (k,) -> (B, ...).

        Differentiable in ``z``. A network with noise of its own overrides this, `inner_noise` and `truncated`.
        """
        samples: Tensor = self(z * truncation, labels, torch.Generator(z.device).manual_seed(0))
        return samples


class DiscriminatorNetwork(nn.Module):
    """A trunk that makes features, and a conditioning that turns them into a logit."""

    head: Concat

    def features(self, x: Tensor, labels: Tensor) -> Tensor:
        """The last hidden layer. (B, ...), (B,) -> (B, width)."""
        raise TypeError(f"{type(self).__name__} has no features")

    def input_gradient(self, x: Tensor, labels: Tensor) -> Tensor:
        """The gradient of the logit with respect to the sample, itself differentiable. (B, ...), (B,) -> (B, ...)."""
        x = x.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(self(x, labels).sum(), x, create_graph=True)
        return gradient

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:  # (B, ...), (B,) -> (B,)
        logit: Tensor = self.head(self.features(x, labels), labels)
        return logit


class NetworkPair(NamedTuple):
    """The two networks of a game."""

    generator: GeneratorNetwork
    discriminator: DiscriminatorNetwork


# --------------------------------------------------------------------------------------
# How the discriminator learns which class a sample claims to be.
#
# A conditioning is the last layer of a discriminator. It sees the trunk's
# features and the class, and returns a logit and, where it classifies, a loss.


class Concat(nn.Module):
    """The class, one-hot, joins the trunk's input (Mirza and Osindero 2014)."""

    class_is_input = True

    def __init__(self, width: int, n_classes: int, rng: torch.Generator) -> None:
        super().__init__()
        self.logit = linear(width, 1, rng)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:  # (B, width), (B,) -> (B,)
        logit: Tensor = self.logit(features).squeeze(1)
        return logit

    def input_gradient(self, labels: Tensor) -> Tensor:
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

    def input_gradient(self, labels: Tensor) -> Tensor:
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


# --------------------------------------------------------------------------------------
# Layers whose weights come from a private generator, so that building a network has no side effect.


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

    def input_gradient(self, slope: Tensor, x: Tensor) -> Tensor:
        """The gradient at the input ``x`` for a gradient at the output. (B, width), (B, width) -> (B, width)."""
        with torch.no_grad():
            hidden = self.first(F.leaky_relu(x, 0.2))
        return slope + bent(bent(slope @ self.second.weight, hidden) @ self.first.weight, x)


# --------------------------------------------------------------------------------------
# The product of a layer where nothing is learnt from it.


# torch's own for float32 is MKL, which leaves half of an AMD processor's vector units idle; oneDNN does not. Nothing
# public leads there without a copy to and fro. Where torch has it no longer, or never had it, MKL or the like serves.
_ONEDNN: Any = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None


def product(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, slope: float = 1.0, plus: Tensor | None = None
) -> Tensor:
    """``x @ weight.T + bias``, without a way back for gradients. (B, n_in), (n_out, n_in), (n_out,) -> (B, n_out).

    What is below zero is multiplied by ``slope``, as a leaky ReLU does; or ``plus`` (B, n_out) is added: not both.

    Examples
    --------
    >>> import torch
    >>> from ganaug.networks.layers import product
    >>> product(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]]), torch.tensor([0.5]))
    tensor([[11.5000]])
    """
    result: Tensor
    if _ONEDNN is None or x.device.type != "cpu" or not x.numel():
        result = F.linear(x, weight, bias)
        return F.leaky_relu(result, slope) if plus is None else result + plus
    if plus is not None:  # one pass over the result less
        result = _ONEDNN.binary(x, plus, weight, bias, "add")
    elif slope == 1:
        result = _ONEDNN(x, weight, bias, "none", [], "")
    else:
        result = _ONEDNN(x, weight, bias, "leaky_relu", [slope], "")
    return result
