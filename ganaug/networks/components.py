"""Perceptrons on components of series, such as their cosines: the default for smooth curves.

Which components there are, and how each is spread, is known before the training starts. So the generator ends, and the
discriminator begins, with a fixed layer between series and the normal scores of their components, and what is trained
between them is small, and a fit takes a quarter of the time of strided convolutions. What components leave out, the
noise of each step, is put back by the noise floor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from scipy.special import ndtri
from torch import Tensor, nn

from ganaug.exceptions import InvalidParameterError
from ganaug.networks.layers import (
    GeneratorNetwork,
    MLPDiscriminator,
    NetworkPair,
    ResidualBlock,
    embedding,
    linear,
)
from ganaug.utils.types import FloatArray

__all__ = ["ComponentDiscriminator", "ComponentGenerator", "ComponentScores", "components"]

DEPTH = 2  # residual blocks of each network
# Pairs of quantiles along which a component becomes a normal score, and the scores that each is the mean of at least.
KNOTS, PER_KNOT = 16, 8


class ComponentScores(nn.Module):
    """Samples to normal scores of their components, and back: fixed, learnt from the data before the training.

    A component's values go through a curve that is straight between a few quantiles, so that heavy tails, and a class
    that hardly varies beside one that varies much, lie within the reach of a network's outputs.

    Parameters
    ----------
    shape : sequence of int
        Of a sample.
    n_components : int
        Components.
    """

    mean: Tensor
    basis: Tensor
    knots: Tensor
    normal: Tensor

    def __init__(self, shape: Sequence[int], n_components: int) -> None:
        super().__init__()
        self.shape, width = tuple(shape), math.prod(shape)
        self.register_buffer("mean", torch.zeros(width, dtype=torch.float32))
        self.register_buffer("basis", torch.zeros(n_components, width, dtype=torch.float32))
        knots = torch.linspace(-2, 2, KNOTS, dtype=torch.float32)
        self.register_buffer("knots", knots.repeat(n_components, 1))
        self.register_buffer("normal", knots.clone(), persistent=False)

    def learn(self, mean: FloatArray, basis: FloatArray, scores: FloatArray, weights: FloatArray | None = None) -> None:
        """Take over what was found in the data.

        Parameters
        ----------
        mean : ndarray of shape (width,)
            Of the samples.
        basis : ndarray of shape (n_components, width)
            Orthogonal rows, each as long as the standard deviation along it.
        scores : ndarray of shape (n, n_components)
            Components of the samples, in these units.
        weights : ndarray of shape (n,), optional
            Positive, how much each sample counts among the quantiles. None is all alike.
        """
        self.mean.copy_(torch.from_numpy(mean))
        self.basis.copy_(torch.from_numpy(basis))
        self.knots.copy_(
            torch.from_numpy(_knots(scores, np.ones(len(scores), np.float32) if weights is None else weights))
        )

    def forward(self, samples: Tensor) -> Tensor:
        """(B, *shape) -> (B, n_components)."""
        basis = self.basis
        values = (samples.flatten(1) - self.mean) @ (basis / basis.square().sum(1, keepdim=True).clamp(min=1e-12)).T
        return _along(values, self.knots, self.normal.to(values.dtype).expand_as(self.knots))

    def jittered(self, samples: Tensor, scale: Tensor, rng: torch.Generator) -> Tensor:
        """With normal noise on the scores, and all that no component holds as it is. (B, *shape), (B, 1)."""
        normal = self(samples)
        noise = torch.empty_like(normal).normal_(generator=rng)
        return samples + self.back(torch.addcmul(normal, noise, scale)) - self.back(normal)

    def back(self, normal: Tensor) -> Tensor:
        """(B, n_components) -> (B, *shape)."""
        values = _along(normal, self.normal.to(normal.dtype).expand_as(self.knots), self.knots)
        return torch.addmm(self.mean, values, self.basis).view(-1, *self.shape)


def _knots(scores: FloatArray, weights: FloatArray) -> FloatArray:
    """Values of each component at the normal scores of `ComponentScores`. (n, r), (n,) -> (r, KNOTS).

    Means of several scores each, so that none is that of one sample; straight lines between them and beyond.
    """
    at = np.linspace(-2, 2, KNOTS)
    found = np.empty((scores.shape[1], KNOTS))
    for component, values in enumerate(scores.T):
        order = np.argsort(values, kind="stable")
        share = weights[order].astype(np.float64) / weights.sum(dtype=np.float64)
        below = np.cumsum(share)
        normal = ndtri((below - share / 2).clip(1e-9, 1 - 1e-9))
        parts = _parts(below)
        own = np.array([part.mean() for part in np.split(values[order], parts)])
        places = np.array([part.mean() for part in np.split(normal, parts)])
        inside = np.interp(at, places, own)
        low, high = (own[1] - own[0]) / (places[1] - places[0]), (own[-1] - own[-2]) / (places[-1] - places[-2])
        inside += low * np.minimum(at - places[0], 0) + high * np.maximum(at - places[-1], 0)
        found[component] = np.maximum.accumulate(inside)
    least = 1e-3 * np.maximum(scores.std(0), 1e-6)[:, None]  # so that there is a way back
    steps = np.maximum(np.diff(found, axis=1), least)
    return np.concatenate([found[:, :1], found[:, :1] + np.cumsum(steps, 1)], 1).astype(np.float32)


def _parts(below: FloatArray) -> list[int]:
    """Where parts of about equal weight, and of `PER_KNOT` samples at least if there are so many, begin. (n,)."""
    n = len(below)
    known, least = max(2, min(KNOTS, n // PER_KNOT)), max(1, min(PER_KNOT, n // 2))
    found = [0]
    for start in np.searchsorted(below, np.arange(1, known) / known, side="right").tolist():
        start = max(start, found[-1] + least)
        if start <= n - least:
            found.append(start)
    return found[1:] or [n // 2]


def _along(x: Tensor, at: Tensor, values: Tensor) -> Tensor:
    """A straight line from each knot to the next, and on beyond the ends. (B, r), (r, k), (r, k) -> (B, r).

    As a sum of rectifiers, which has a gradient everywhere and can be exported.
    """
    slopes = values.diff(dim=1) / at.diff(dim=1).clamp(min=1e-12)
    bends = slopes.diff(dim=1)
    beyond = F.relu(x.unsqueeze(-1) - at[:, 1:-1])
    line = values[:, 0] + (x - at[:, 0]) * slopes[:, 0]
    return line + (beyond * bends).sum(-1)


class ComponentGenerator(GeneratorNetwork):
    """Noise and a class to a sample. (B, latent_dim), (B,) -> (B, *shape)."""

    def __init__(
        self,
        shape: Sequence[int],
        n_classes: int,
        rng: torch.Generator,
        *,
        n_components: int,
        width: int,
        latent_dim: int,
    ) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.first = linear(latent_dim, width, rng)
        self.classes = embedding(n_classes, width, rng)
        self.body = nn.Sequential(*(ResidualBlock(width, rng, DEPTH) for _ in range(DEPTH)))
        self.last = linear(width, n_components, rng)
        self.scores = ComponentScores(shape, n_components)

    def forward(self, z: Tensor, labels: Tensor, rng: torch.Generator) -> Tensor:
        hidden = self.body(self.first(z) + F.embedding(labels, self.classes))
        return self.scores.back(self.last(F.leaky_relu(hidden, 0.2)))


class ComponentDiscriminator(MLPDiscriminator):
    """A sample and the class it claims to a logit. (B, *shape), (B,) -> (B,). Penalties bound slopes in the scores."""

    bounds_features = True

    def __init__(
        self,
        shape: Sequence[int],
        n_classes: int,
        rng: torch.Generator,
        *,
        n_components: int,
        width: int,
        conditioning: str,
    ) -> None:
        super().__init__(n_components, n_classes, rng, width=width, depth=DEPTH, conditioning=conditioning)
        self.scores = ComponentScores(shape, n_components)

    def features(self, x: Tensor, labels: Tensor) -> Tensor:
        """The last hidden layer. (B, *shape), (B,) -> (B, width)."""
        return super().features(self.scores(x), labels)

    def input_gradient(self, x: Tensor, labels: Tensor) -> Tensor:
        """The gradient of the logit with respect to the scores. (B, *shape), (B,) -> (B, n_components)."""
        return super().input_gradient(self.scores(x), labels)

    def take_fixed(self, generator: GeneratorNetwork) -> None:
        """The components of a generator."""
        if isinstance(generator, ComponentGenerator):
            self.scores.load_state_dict(generator.scores.state_dict())


def components(
    shape: Sequence[int],
    n_classes: int,
    rng: torch.Generator,
    *,
    conditioning: str = "projection",
    channels: int = 16,  # noqa: ARG001
    max_channels: int = 64,
    latent_dim: int = 64,
    bounded: bool = False,
    components: int = 32,
) -> NetworkPair:
    """Residual perceptrons on components of samples, which `ComponentScores.learn` is to be given.

    Parameters
    ----------
    shape : sequence of int
        Of a sample.
    n_classes : int
        Number of conditions, at least 1.
    rng : torch.Generator
        Source of the initial weights, on the CPU.
    conditioning : str, default="projection"
        A name in `CONDITIONINGS`.
    channels : int
        Not used; other architectures have it.
    max_channels : int, default=64
        Half of the units of a layer.
    latent_dim : int, default=64
        Dimensions of the noise.
    bounded : bool, default=False
        Not possible here.
    components : int, default=32
        How many there are.

    Returns
    -------
    NetworkPair
        Generator and discriminator, on the CPU.

    Raises
    ------
    InvalidParameterError
        If samples are bounded, as images are.
    """
    if bounded:
        raise InvalidParameterError('architecture="components" is for series, not for samples within bounds')
    own = {"n_components": components, "width": 2 * max_channels}
    generator = ComponentGenerator(shape, n_classes, rng, latent_dim=latent_dim, **own)
    discriminator = ComponentDiscriminator(shape, n_classes, rng, conditioning=conditioning, **own)
    return NetworkPair(generator, discriminator)
