"""Networks as the training sees them, class conditioning, layers that all architectures share, and `mlp` of tables.

`mlp` is made of these layers alone: residual perceptrons. Architectures with convolutions are in files of their own.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
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
# What the game asks of its two networks.


class GeneratorNetwork(nn.Module):
    """Noise and a class to a sample; ``rng`` is for noise inside the network."""

    latent_dim: int

    @property
    def writes_out(self) -> bool:
        """Whether `passed` is there, and does what `forward` does."""
        return False

    def passed(self, z: Tensor, labels: Tensor, rng: torch.Generator) -> GeneratorPass:
        """A pass forward that finds its way back without autograd. (B, latent_dim), (B,)."""
        raise TypeError(f"{type(self).__name__} has no pass written out")

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

    @property
    def writes_out(self) -> bool:
        """Whether `passed` is there, and does what `forward` and `input_gradient` do."""
        return False

    def take_fixed(self, generator: GeneratorNetwork) -> None:
        """What a generator holds that is not trained and its discriminator needs; most have nothing such."""

    def passed(self, x: Tensor, labels: Tensor) -> DiscriminatorPass:
        """A pass forward that finds its way back without autograd. (B, ...), (B,)."""
        raise TypeError(f"{type(self).__name__} has no pass written out")

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

    def gradients(self, labels: Tensor, on_logits: Tensor, on_readout: Tensor) -> Gradients:
        """Of the parameters, from the derivatives of a loss by the logits and by `input_gradient`. (B,), (B, width)."""
        return {self.logit.weight: on_readout.sum(0, keepdim=True), self.logit.bias: on_logits.sum(0, keepdim=True)}

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

    def gradients(self, labels: Tensor, on_logits: Tensor, on_readout: Tensor) -> Gradients:
        found = super().gradients(labels, on_logits, on_readout)
        return found | {self.classes: by_row(self.classes, labels, on_readout)}


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


def _onednn() -> Any:
    """The product by oneDNN, or None where torch's own is the faster one: MKL's, on Intel's processors."""
    # On AMD's, MKL leaves half of the vector units idle. Nothing public leads to oneDNN without a copy to and fro.
    try:
        with Path("/proc/cpuinfo").open() as lines:
            processor = next((line for line in lines if line.startswith("vendor_id")), "")
    except OSError:  # Windows; on a Mac torch has no MKL
        processor = os.environ.get("PROCESSOR_IDENTIFIER", "")
    there = torch.backends.mkldnn.is_available() and "GenuineIntel" not in processor
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None) if there else None


_ONEDNN = _onednn()


def product(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, slope: float = 1.0, plus: Tensor | None = None
) -> Tensor:
    """``x @ weight.T + bias``, without a way back for gradients. (B, n_in), (n_out, n_in), (n_out,) -> (B, n_out).

    What is below zero is multiplied by ``slope``, as a leaky ReLU does; or ``plus`` (B, n_out) is added: not both.
    """
    result: Tensor
    if _ONEDNN is None or x.device.type != "cpu" or x.dtype != torch.float32 or not x.numel():
        result = F.linear(x, weight, bias)
        if plus is not None:
            return result + plus
        return result if slope == 1 else F.leaky_relu(result, slope, inplace=True)
    if plus is not None:  # one pass over the result less
        result = _ONEDNN.binary(x, plus, weight, bias, "add")
    elif slope == 1:
        result = _ONEDNN(x, weight, bias, "none", [], "")
    else:
        result = _ONEDNN(x, weight, bias, "leaky_relu", [slope], "")
    return result


# Sides below which oneDNN's way to a product takes longer than what it saves.
_SMALLEST_SIDE = 64


def sum_of_outer(slope: Tensor, x: Tensor) -> Tensor:
    """``slope.T @ x``: the gradient of a layer's weights. (B, n_out), (B, n_in) -> (n_out, n_in)."""
    smallest = min(*slope.shape, x.shape[1])
    if _ONEDNN is None or x.dtype != torch.float32 or x.device.type != "cpu" or smallest < _SMALLEST_SIDE:
        return slope.t() @ x
    return product(slope.t().contiguous(), x.t())


# --------------------------------------------------------------------------------------
# Passes written out: forward and back through residual perceptrons, without autograd.


Gradients = dict[Tensor, Tensor]  # of each parameter


class BlocksPass:
    """Rows on their way through residual blocks and the activation behind them, and back.

    Between its bends a perceptron is linear. So where a row's loss depends on one number, its gradient at each layer is
    that number's times the derivative of the loss, and how the number's gradient at the row depends on the weights is
    a pass forward (Pearlmutter 1994): one product for each layer serves a loss and a penalty on that gradient.

    Parameters
    ----------
    blocks : sequence of ResidualBlock
    x : Tensor of shape (B, width)

    Attributes
    ----------
    features : Tensor of shape (B, width)
    """

    def __init__(self, blocks: Sequence[ResidualBlock], x: Tensor) -> None:
        self.weights = [(block.first.weight, block.first.bias, block.second.weight) for block in blocks]
        self.seen: list[tuple[Tensor, Tensor]] = []  # of each block what its two layers see
        for first, bias, second in self.weights:
            outer = F.leaky_relu(x, 0.2)
            inner = product(outer, first, bias, slope=0.2)
            self.seen.append((outer, inner))
            x = product(inner, second, plus=x)
        self.features = F.leaky_relu(x, 0.2)
        self.slopes: list[tuple[Tensor, Tensor]] = []  # of each block the gradients at what its two layers make

    def back(self, slope: Tensor) -> Tensor:
        """The gradient at ``x`` for one at the features. (B, width) -> (B, width)."""
        slope = bent(slope, self.features)  # an activation has the sign of what it was made of
        for (first, _, second), (outer, inner) in zip(reversed(self.weights), reversed(self.seen), strict=True):
            middle = bent(product(slope, second.t()), inner)
            self.slopes.append((middle, slope))
            slope = bent(product(middle, first.t()), outer).add_(slope)
        self.slopes.reverse()
        return slope

    def gradients(self, weights: Tensor | None, push: Tensor | None) -> tuple[Gradients, Tensor | None]:
        """Gradients of the parameters, after `back`, and what becomes of ``push`` on its way to the features.

        Parameters
        ----------
        weights : Tensor of shape (B,), optional
            Factor of each row on what `back` was given. All 1 by default.
        push : Tensor of shape (B, width), optional
            The gradient of another loss with respect to what `back` returned.
        """
        found: Gradients = {}
        for (first, bias, second), (outer, inner), (middle, slope) in zip(
            self.weights, self.seen, self.slopes, strict=True
        ):
            on_outer = on_inner = None
            if push is not None:
                on_outer = bent(push, outer)
                on_inner = bent(product(on_outer, first), inner)
                push = product(on_inner, second, plus=push)
            found[first] = sum_of_outer(middle, weighed(outer, weights, on_outer))
            found[bias] = middle.sum(0) if weights is None else weights @ middle
            found[second] = sum_of_outer(slope, weighed(inner, weights, on_inner))
        return found, None if push is None else bent(push, self.features)


def weighed(x: Tensor, weights: Tensor | None, plus: Tensor | None) -> Tensor:
    """``weights[:, None] * x + plus``. (B, d), (B,), (B, d) -> (B, d)."""
    if weights is None:
        return x if plus is None else x + plus
    return x * weights.unsqueeze(1) if plus is None else torch.addcmul(plus, x, weights.unsqueeze(1))


class DiscriminatorPass:
    """Rows on their way through a discriminator of residual perceptrons, and back.

    Parameters
    ----------
    network : MLPDiscriminator
    x : Tensor of shape (B, n_in)
    labels : Tensor of shape (B,), int64

    Attributes
    ----------
    logits : Tensor of shape (B,)
    """

    def __init__(self, network: MLPDiscriminator, x: Tensor, labels: Tensor) -> None:
        self.network, self.samples, self.labels, self.n_in = network, x, labels, x.shape[1]
        self._seen = network.with_class(x, labels)
        hidden = product(self._seen, network.first.weight, network.first.bias)
        self.body = BlocksPass(residual_blocks(network.body), hidden)
        self.readout = network.head.input_gradient(labels)
        self.logits = (self.body.features * self.readout).sum(1) + network.head.logit.bias
        self._inner: Tensor | None = None

    def input_gradient(self) -> Tensor:
        """Of each row's logit, with respect to the row. (B, n_in)."""
        if self._inner is None:
            self._inner = self.body.back(self.readout)
        return product(self._inner, self.network.first.weight[:, : self.n_in].t())

    def gradients(self, on_logits: Tensor, on_slope: Tensor | None = None) -> Gradients:
        """Of the parameters, from the derivatives of a loss with respect to the logits and to `input_gradient`.

        Parameters
        ----------
        on_logits : Tensor of shape (B,)
        on_slope : Tensor of shape (B, n_in), optional
        """
        first, head = self.network.first, self.network.head
        if self._inner is None:
            self._inner = self.body.back(self.readout)
        push = None if on_slope is None else product(on_slope, first.weight[:, : self.n_in])
        found, pushed = self.body.gradients(on_logits, push)
        if on_slope is not None:
            on_slope = F.pad(on_slope, (0, self._seen.shape[1] - self.n_in))
        found[first.weight] = sum_of_outer(self._inner, weighed(self._seen, on_logits, on_slope))
        found[first.bias] = on_logits @ self._inner
        return found | head.gradients(self.labels, on_logits, weighed(self.body.features, on_logits, pushed))


class GeneratorPass:
    """Noise on its way through a generator of residual perceptrons, and back.

    Parameters
    ----------
    network : MLPGenerator
    z, labels : Tensor of shape (B, latent_dim), and of shape (B,), int64
    rng : torch.Generator

    Attributes
    ----------
    samples : Tensor of shape (B, width)
    """

    def __init__(self, network: MLPGenerator, z: Tensor, labels: Tensor, rng: torch.Generator) -> None:
        self.network, self.z, self.labels = network, z, labels
        hidden = product(z, network.first.weight, network.first.bias, plus=F.embedding(labels, network.classes))
        self.body = BlocksPass(residual_blocks(network.body), hidden)
        self.samples = network.heads(product(self.body.features, network.last.weight, network.last.bias), rng)

    def gradients(self, on_rows: Tensor) -> Gradients:
        """Of the parameters, from the derivative of a loss with respect to the rows. (B, width)."""
        first, last = self.network.first, self.network.last
        on_raw = self.network.heads.back(on_rows, self.samples)
        inner = self.body.back(product(on_raw, last.weight.t()))
        found, _ = self.body.gradients(None, None)
        found |= {last.weight: sum_of_outer(on_raw, self.body.features), last.bias: on_raw.sum(0)}
        found |= {first.weight: sum_of_outer(inner, self.z), first.bias: inner.sum(0)}
        return found | {self.network.classes: by_row(self.network.classes, self.labels, inner)}


def residual_blocks(body: nn.Sequential) -> list[ResidualBlock]:
    """Those of a network's body."""
    return [block for block in body if isinstance(block, ResidualBlock)]


def as_built(network: nn.Module, body: nn.Sequential) -> bool:
    """Whether nothing but what is written out happens in a network: no other layers, hooks or forward."""
    known = (type(network), nn.Linear, nn.Sequential, ResidualBlock, OneHotHeads, Concat, Projection)
    held = [(name, found) for m in network.modules() for name, found in vars(m).items()]
    hooked = any(found and (name == "forward" or name.endswith("_hooks")) for name, found in held)
    return not hooked and all(type(m) in known for m in network.modules()) and {*map(type, body)} <= {ResidualBlock}


def by_row(like: Tensor, rows: Tensor, values: Tensor) -> Tensor:
    """The gradient of ``like[rows]``. (n, d), (B,), (B, d) -> (n, d)."""
    return torch.zeros_like(like).index_add_(0, rows, values)


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
        soft = torch.softmax(self._grouped(self.perturbed(raw, rng), -1e9) / self.temperature, dim=2)
        return torch.where(self.hot, soft.flatten(1).index_select(1, self.put), raw)

    def _grouped(self, x: Tensor, value: float) -> Tensor:
        """(B, width) -> (B, groups, states), ``value`` where a group has fewer."""
        return F.pad(x, (0, 1), value=value).index_select(1, self.take.flatten()).view(-1, *self.take.shape)

    def back(self, slope: Tensor, samples: Tensor) -> Tensor:
        """From the gradient at what `forward` made, ``samples``, to that at its input. (B, width), (B, width)."""
        if not self.any:
            return slope
        soft, own = self._grouped(samples, 0.0), self._grouped(slope, 0.0)
        own = soft * (own - (own * soft).sum(2, keepdim=True)) / self.temperature
        return torch.where(self.hot, own.flatten(1).index_select(1, self.put), slope)

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

    @property
    def writes_out(self) -> bool:
        return type(self) is MLPGenerator and as_built(self, self.body)

    def passed(self, z: Tensor, labels: Tensor, rng: torch.Generator) -> GeneratorPass:
        return GeneratorPass(self, z, labels, rng)

    def forward(self, z: Tensor, labels: Tensor, rng: torch.Generator) -> Tensor:
        hidden = self.body(self.first(z) + F.embedding(labels, self.classes))
        return self.heads(self.last(F.leaky_relu(hidden, 0.2)), rng)

    def draw(self, z: Tensor, labels: Tensor, rng: torch.Generator) -> Tensor:
        """Rows whose groups hold logits: the largest counts, as in decoding. (B, latent_dim), (B,) -> (B, width)."""
        # on a CPU some rows at a time: what the layers hand on stays in the processor's cache
        at_once = ROWS_IN_CACHE if z.device.type == "cpu" else max(1, len(z))
        parts = zip(z.split(at_once), labels.split(at_once), strict=True)
        raw = self._raw if self.writes_out else partial(self.at, noise=z)
        return torch.cat([self.heads.perturbed_(raw(own, own_labels), rng) for own, own_labels in parts])

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
        for block in residual_blocks(self.body):
            hidden = block.unlearnt(hidden)
        return product(F.leaky_relu(hidden, 0.2, inplace=True), self.last.weight, self.last.bias)


class MLPDiscriminator(DiscriminatorNetwork):
    """An encoded row and the class it claims to a logit. (B, width), (B,) -> (B,)."""

    def __init__(
        self, n_in: int, n_classes: int, rng: torch.Generator, *, width: int, depth: int, conditioning: str
    ) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.head = CONDITIONINGS[conditioning](width, n_classes, rng)
        extra = n_classes if self.head.class_is_input else 0
        self.first = linear(n_in + extra, width, rng, gain=math.sqrt(2.0))
        self.body = nn.Sequential(*(ResidualBlock(width, rng, depth) for _ in range(depth)))

    @property
    def writes_out(self) -> bool:  # a subclass may have changed what is written out
        return type(self) is MLPDiscriminator and as_built(self, self.body)

    def passed(self, x: Tensor, labels: Tensor) -> DiscriminatorPass:
        return DiscriminatorPass(self, x, labels)

    def features(self, x: Tensor, labels: Tensor) -> Tensor:
        """The last hidden layer. (B, n_in), (B,) -> (B, width)."""
        return F.leaky_relu(self.body(self.first(self.with_class(x, labels))), 0.2)

    def with_class(self, x: Tensor, labels: Tensor) -> Tensor:
        """What the first layer sees."""
        if not self.head.class_is_input:
            return x
        return torch.cat([x, F.one_hot(labels, self.n_classes).to(x.dtype)], dim=1)

    def input_gradient(self, x: Tensor, labels: Tensor) -> Tensor:
        """The gradient of the logit in closed form: between its bends the network is linear.

        Autograd's second derivative goes back through the forward pass too, where nothing but zeros flows.
        """
        n_in, blocks = x.shape[1], residual_blocks(self.body)
        with torch.no_grad():
            inputs = [self.first(self.with_class(x, labels))]
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
