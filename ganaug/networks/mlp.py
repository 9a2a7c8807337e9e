"""Residual perceptrons for tables."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganaug.networks.layers import (
    CONDITIONINGS,
    DiscriminatorNetwork,
    GeneratorNetwork,
    NetworkPair,
    ResidualBlock,
    bent,
    embedding,
    linear,
    product,
)
from ganaug.utils.types import Block

__all__ = ["MLPDiscriminator", "MLPGenerator", "mlp"]

ROWS_IN_CACHE = 2048


class OneHotHeads(nn.Module):
    """Gumbel-softmax over all one-hot groups of the encoded row at once (Jang et al. 2017).

    Groups of unequal size are padded to the widest, so that one call serves all of them.
    """

    take: Tensor  # (groups, states) int64: column of each state, one past the last column where there is none
    put: Tensor  # (width,) int64: place of each column in the padded groups
    hot: Tensor  # (width,) bool: whether the column belongs to a group

    def __init__(self, blocks: Sequence[Block], temperature: float) -> None:
        super().__init__()
        groups = [b for b in blocks if b.tag == "onehot"]
        width = max((b.stop for b in blocks), default=0)
        states = max((b.width for b in groups), default=0)
        take = torch.full((len(groups), states), width, dtype=torch.long)
        for row, block in enumerate(groups):
            take[row, : block.width] = torch.arange(block.start, block.stop)
        put = torch.zeros(width, dtype=torch.long)
        put[take[take < width]] = torch.arange(take.numel())[(take < width).flatten()]
        hot = torch.zeros(width, dtype=torch.bool)
        hot[take[take < width]] = True
        self.temperature = temperature
        self.any, self.begin = bool(groups), min((b.start for b in groups), default=width)
        self.only_hot = bool(hot[self.begin :].all())  # no column of numbers lies between the groups
        self.register_buffer("take", take, persistent=False)
        self.register_buffer("put", put, persistent=False)
        self.register_buffer("hot", hot, persistent=False)

    def forward(self, raw: Tensor, rng: torch.Generator) -> Tensor:  # (B, width) -> (B, width)
        if not self.any:
            return raw
        padded = F.pad(self.perturbed(raw, rng), (0, 1), value=-1e9)[:, self.take]  # (B, groups, states)
        soft = torch.softmax(padded / self.temperature, dim=2).flatten(1)
        return torch.where(self.hot, soft[:, self.put], raw)

    def perturbed(self, raw: Tensor, rng: torch.Generator) -> Tensor:
        """Logits plus Gumbel noise: the largest of a group is a draw from its softmax. (B, width) -> (B, width)."""
        # the logarithm of an exponential variable, made faster than by `exponential_`
        noise = torch.rand(raw.shape, generator=rng, device=raw.device, dtype=raw.dtype).clamp_(min=2**-25)
        return raw - noise.log_().neg_().log_() * self.hot

    def perturbed_(self, raw: Tensor, rng: torch.Generator) -> Tensor:
        """The same in place, and nothing done for columns before the first group."""
        if not self.any:
            return raw
        noise = torch.rand(raw.shape, generator=rng, device=raw.device, dtype=raw.dtype)[:, self.begin :]
        noise = noise.clamp(min=2**-25).log_().neg_().log_()
        raw[:, self.begin :] -= noise if self.only_hot else noise.mul_(self.hot[self.begin :])
        return raw


class MLPGenerator(GeneratorNetwork):
    """Noise and a class to an encoded row. (B, latent_dim), (B,) -> (B, width)."""

    def __init__(
        self,
        blocks: Sequence[Block],
        n_classes: int,
        rng: torch.Generator,
        *,
        width: int,
        depth: int,
        latent_dim: int,
        temperature: float,
    ) -> None:
        super().__init__()
        n_out = max((b.stop for b in blocks), default=0)
        self.latent_dim = latent_dim
        self.first = linear(latent_dim, width, rng)
        self.classes = embedding(n_classes, width, rng)
        self.body = nn.Sequential(*(ResidualBlock(width, rng, depth) for _ in range(depth)))
        self.last = linear(width, n_out, rng)
        self.heads = OneHotHeads(blocks, temperature)

    def forward(self, z: Tensor, labels: Tensor, rng: torch.Generator) -> Tensor:
        hidden = self.body(self.first(z) + F.embedding(labels, self.classes))
        return self.heads(self.last(F.leaky_relu(hidden, 0.2)), rng)

    def draw(self, z: Tensor, labels: Tensor, rng: torch.Generator) -> Tensor:
        """Rows whose groups hold logits: the largest counts, as in decoding. (B, latent_dim), (B,) -> (B, width)."""
        # on a CPU some rows at a time: what the layers hand on stays in the processor's cache
        at_once = ROWS_IN_CACHE if z.device.type == "cpu" else max(1, len(z))
        parts = zip(z.split(at_once), labels.split(at_once), strict=True)
        return torch.cat([self.heads.perturbed_(self._raw(own, own_labels), rng) for own, own_labels in parts])

    def at(self, z: Tensor, labels: Tensor, noise: Tensor, truncation: float = 1.0) -> Tensor:
        """Rows whose groups hold logits without noise, so that the likeliest state of each group counts."""
        hidden = self.body(self.first(z * truncation) + F.embedding(labels, self.classes))
        rows: Tensor = self.last(F.leaky_relu(hidden, 0.2))
        return rows

    def _raw(self, z: Tensor, labels: Tensor) -> Tensor:
        if len(labels) and bool((labels == labels[0]).all()):  # a pass over the layer saved
            hidden = product(z, self.first.weight, self.first.bias + self.classes[labels[0]])
        else:
            hidden = product(z, self.first.weight, self.first.bias) + F.embedding(labels, self.classes)
        for block in self.body:
            assert isinstance(block, ResidualBlock)
            hidden = block.unlearnt(hidden)
        return product(F.leaky_relu(hidden, 0.2, inplace=True), self.last.weight, self.last.bias)


class MLPDiscriminator(DiscriminatorNetwork):
    """An encoded row and the class it claims to a logit. (B, width), (B,) -> (B,)."""

    def __init__(
        self,
        n_in: int,
        n_classes: int,
        rng: torch.Generator,
        *,
        width: int,
        depth: int,
        conditioning: str,
    ) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.head = CONDITIONINGS[conditioning](width, n_classes, rng)
        extra = n_classes if self.head.class_is_input else 0
        self.first = linear(n_in + extra, width, rng, gain=math.sqrt(2.0))
        self.body = nn.Sequential(*(ResidualBlock(width, rng, depth) for _ in range(depth)))

    def features(self, x: Tensor, labels: Tensor) -> Tensor:
        """The last hidden layer. (B, n_in), (B,) -> (B, width)."""
        if self.head.class_is_input:
            x = torch.cat([x, F.one_hot(labels, self.n_classes).to(x.dtype)], dim=1)
        return F.leaky_relu(self.body(self.first(x)), 0.2)

    def input_gradient(self, x: Tensor, labels: Tensor) -> Tensor:
        """The gradient of the logit in closed form: between its bends the network is linear.

        Autograd's second derivative goes back through the forward pass too, where nothing but zeros flows.
        """
        n_in = x.shape[1]
        if self.head.class_is_input:
            x = torch.cat([x, F.one_hot(labels, self.n_classes).to(x.dtype)], dim=1)
        blocks = [block for block in self.body if isinstance(block, ResidualBlock)]
        with torch.no_grad():
            inputs = [self.first(x)]
            for block in blocks:
                inputs.append(block(inputs[-1]))
        gradient = bent(self.head.input_gradient(labels), inputs.pop())
        for block, at in zip(reversed(blocks), reversed(inputs), strict=True):
            gradient = block.input_gradient(gradient, at)
        return gradient @ self.first.weight[:, :n_in]


def mlp(
    blocks: Sequence[Block],
    n_classes: int,
    rng: torch.Generator,
    *,
    conditioning: str = "projection",
    width: int = 128,
    depth: int = 2,
    latent_dim: int = 64,
    temperature: float = 0.5,
) -> NetworkPair:
    """Residual perceptrons for generator and discriminator.

    Parameters
    ----------
    blocks : sequence of Block
        Layout of the encoded row.
    n_classes : int
        Number of conditions, at least 1.
    rng : torch.Generator
        Source of the initial weights, on the CPU.
    conditioning : str
        A name in `CONDITIONINGS`.
    width, depth, latent_dim : int
        Units of a layer, residual blocks of each network, dimensions of the noise.
    temperature : float
        Of the Gumbel-softmax; lower is nearer to true one-hot rows.

    Returns
    -------
    Players
        Generator and discriminator, on the CPU.
    """
    n_in = max((b.stop for b in blocks), default=0)
    generator = MLPGenerator(
        blocks, n_classes, rng, width=width, depth=depth, latent_dim=latent_dim, temperature=temperature
    )
    discriminator = MLPDiscriminator(n_in, n_classes, rng, width=width, depth=depth, conditioning=conditioning)
    return NetworkPair(generator, discriminator)
