"""Networks as the training sees them, class conditioning, layers that all architectures share, and `mlp` of tables.

`mlp` is made of these layers alone: residual perceptrons. Architectures with convolutions are in files of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganaug.utils.types import Block

__all__ = [
    "CONDITIONINGS",
    "Auxiliary",
    "Concat",
    "DiscriminatorNetwork",
    "GeneratorNetwork",
    "MLPDiscriminator",
    "MLPGenerator",
    "NetworkPair",
    "Projection",
    "ResidualBlock",
    "bent",
    "embedding",
    "linear",
    "mlp",
    "product",
]

# --------------------------------------------------------------------------------------
# Networks as the training sees them, class conditioning, and the layers that all architectures share.


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
    # Whether `input_gradient` is that with respect to something else than the samples.
    bounds_features = False

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


# --------------------------------------------------------------------------------------
# Residual perceptrons for tables.


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
    NetworkPair
        Generator and discriminator, on the CPU.
    """
    n_in = max((b.stop for b in blocks), default=0)
    generator = MLPGenerator(
        blocks, n_classes, rng, width=width, depth=depth, latent_dim=latent_dim, temperature=temperature
    )
    discriminator = MLPDiscriminator(n_in, n_classes, rng, width=width, depth=depth, conditioning=conditioning)
    return NetworkPair(generator, discriminator)
