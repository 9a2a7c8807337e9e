"""Residual convolutions without normalisation, for series, images and volumes: the default architecture."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganaug.exceptions import InvalidParameterError
from ganaug.networks.convolutions import (
    LARGEST_BASE,
    LEAKY_GAIN,
    Convolution,
    Level,
    activate,
    enlarge,
    fast_layout,
    flat,
    grid,
    per_map,
    pyramid,
    shrink,
)
from ganaug.networks.layers import CONDITIONINGS, DiscriminatorNetwork, GeneratorNetwork, NetworkPair, embedding, linear

__all__ = ["ResidualDiscriminator", "ResidualGenerator", "Stacks", "residual"]


class ConvolutionBlock(nn.Module):
    """``x + W3 act(W2 act(W1 x))`` with kernels of 1, 3 and 1, after R3GAN (Huang et al. 2024).

    The convolution in the middle is not grouped: on a CPU a group of 16
    channels costs as much as the whole. The last one starts at zero and the others
    are scaled down with the number of blocks (Zhang et al. 2019, fixup), so that a deep
    stack starts as the identity and needs no normalisation.
    """

    def __init__(self, channels: int, middle: int, rng: torch.Generator, dims: int, n_blocks: int) -> None:
        super().__init__()
        gain = LEAKY_GAIN * n_blocks**-0.25  # three layers in a branch: L^(-1 / (2 * 3 - 2))
        self.first = Convolution(channels, middle, 1, rng, dims, gain=gain)
        self.middle = Convolution(middle, middle, 3, rng, dims, gain=gain)
        self.last = Convolution(middle, channels, 1, rng, dims, gain=0.0, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, *spatial) -> (B, C, *spatial)
        change: Tensor = self.last(activate(self.middle(activate(self.first(x)))))
        return change.add_(x)


@dataclass(frozen=True)
class Stacks:
    """How many residual blocks there are at each resolution, and how wide they are inside."""

    blocks: int
    top_blocks: int
    expansion: float

    def along(self, levels: Sequence[Level], rng: torch.Generator) -> nn.ModuleList:
        """The blocks of every resolution, the lowest first."""
        counts = [self.blocks] * (len(levels) - 1) + [self.top_blocks]
        stacks = nn.ModuleList()
        for level, count in zip(levels, counts, strict=True):
            middle, dims = max(1, round(self.expansion * level.channels)), len(level.size)
            stacks.append(
                nn.Sequential(*(ConvolutionBlock(level.channels, middle, rng, dims, sum(counts)) for _ in range(count)))
            )
        return stacks


class Modulation(nn.Module):
    """Scale and shift of every feature map from a code (Perez et al. 2018, FiLM)."""

    def __init__(self, n_code: int, channels: int, rng: torch.Generator) -> None:
        super().__init__()
        self.scale = linear(n_code, channels, rng, gain=0.5)
        self.shift = linear(n_code, channels, rng, gain=0.5)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:  # (B, C, *spatial), (B, n_code) -> (B, C, *spatial)
        return torch.addcmul(x + per_map(self.shift(code), x), x, per_map(self.scale(code), x))


class ResidualGenerator(GeneratorNetwork):
    """Noise and a class to a sample. (B, latent_dim), (B,) -> (B, C, *spatial).

    The class embedding is as long as the noise and stands beside it. With
    ``shared_levels`` the class enters only above that many of the lowest
    resolutions, as scale and shift, so that the common shape of all classes
    is learnt from all of them (UTLO; Khorram et al. 2024).
    """

    def __init__(
        self,
        shape: Sequence[int],
        levels: Sequence[Level],
        n_classes: int,
        rng: torch.Generator,
        *,
        latent_dim: int,
        bounded: bool,
        stacks: Stacks,
        shared_levels: int,
    ) -> None:
        super().__init__()
        dims, base = len(levels[0].size), levels[0]
        self.latent_dim, self.bounded = latent_dim, bounded
        self.levels, self.shared_levels = tuple(levels), shared_levels
        self.classes = embedding(n_classes, latent_dim, rng)
        n_code = 2 * latent_dim
        n_first = latent_dim if shared_levels else n_code
        self.first = linear(n_first, base.channels * math.prod(base.size), rng)
        self.stacks = stacks.along(levels, rng)
        self.widths = nn.ModuleList(
            Convolution(low.channels, high.channels, 1, rng, dims) for low, high in itertools.pairwise(levels)
        )
        entry = levels[min(shared_levels, len(levels) - 1)]
        self.entry = Modulation(n_code, entry.channels, rng) if shared_levels else None
        self.last = Convolution(levels[-1].channels, shape[0], 3, rng, dims)

    def forward(self, z: Tensor, labels: Tensor, rng: torch.Generator) -> Tensor:
        code = torch.cat([z, self.classes[labels]], dim=1)
        base = self.levels[0]
        x = self.first(z if self.entry is not None else code)
        x = self.stacks[0](grid(x, base.size))
        for place, level in enumerate(self.levels[1:], start=1):
            # the change of width commutes with interpolation, and is cheaper before it
            x = enlarge(self.widths[place - 1](x), level.size)
            if self.entry is not None and place == self.shared_levels:
                x = self.entry(x, code)
            x = self.stacks[place](x)
        x = self.last(activate(x))
        return torch.tanh(x) if self.bounded else x


class ResidualDiscriminator(DiscriminatorNetwork):
    """A sample and the class it claims to a logit. (B, C, *spatial), (B,) -> (B,).

    Where the class joins the input ("concat"), it does so as a bias of its own on
    each of the first feature maps. That is what constant planes of its one-hot
    code amount to, without making them.
    """

    def __init__(
        self,
        shape: Sequence[int],
        levels: Sequence[Level],
        n_classes: int,
        rng: torch.Generator,
        *,
        conditioning: str,
        width: int,
        stacks: Stacks,
    ) -> None:
        super().__init__()
        dims, base = len(levels[0].size), levels[0]
        self.levels = tuple(levels[::-1])  # the highest first
        self.head = CONDITIONINGS[conditioning](width, n_classes, rng)
        self.first = Convolution(shape[0], levels[-1].channels, 3, rng, dims)
        self.classes = embedding(n_classes, levels[-1].channels, rng) if self.head.class_is_input else None
        self.stacks = stacks.along(levels, rng)[::-1]
        self.widths = nn.ModuleList(
            Convolution(high.channels, low.channels, 1, rng, dims) for high, low in itertools.pairwise(self.levels)
        )
        self.last = linear(base.channels * math.prod(base.size), width, rng, gain=LEAKY_GAIN)

    def features(self, x: Tensor, labels: Tensor) -> Tensor:
        """The last hidden layer. (B, C, *spatial), (B,) -> (B, width)."""
        x = self.first(fast_layout(x))
        if self.classes is not None:
            x = x + per_map(self.classes[labels], x)
        x = self.stacks[0](x)
        for place, level in enumerate(self.levels[1:], start=1):
            x = self.stacks[place](self.widths[place - 1](shrink(x, level.size)))
        return activate(self.last(flat(activate(x))))


def residual(
    shape: Sequence[int],
    n_classes: int,
    rng: torch.Generator,
    *,
    conditioning: str = "projection",
    channels: int = 16,
    max_channels: int = 128,
    latent_dim: int = 64,
    bounded: bool = True,
    base: int = LARGEST_BASE,
    blocks: int = 1,
    top_blocks: int = 1,
    expansion: float = 1.0,
    shared_levels: int = 0,
) -> NetworkPair:
    """Residual networks after R3GAN, shaped for speed on a CPU.

    Parameters
    ----------
    shape : sequence of int
        Of a sample: channels, then 1, 2 or 3 spatial sizes, of any length.
    n_classes : int
        Number of conditions, at least 1.
    rng : torch.Generator
        Source of the initial weights, on the CPU.
    conditioning : str, default="projection"
        A name in `CONDITIONINGS`.
    channels, max_channels : int, default=16 and 128
        Feature maps at full resolution, where nearly all the time goes, and the
        most there are; they double at each halving.
    latent_dim : int, default=64
        Dimensions of the noise.
    bounded : bool, default=True
        Whether samples pass a tanh, for data in [-1, 1].
    base : int, default=7
        Cells along an axis that are not halved any more.
    blocks, top_blocks : int, default=1
        Residual blocks at each resolution below the full one, and at the full one. With ``top_blocks=0`` only the
        first (or last) convolution stands there; a step of training then takes two thirds of the time.
    expansion : float, default=1
        Width of a block's inner layers relative to its outer ones. Half of it takes two thirds of the time.
    shared_levels : int, default=0
        Lowest resolutions which the class does not reach; at most one less than there are.

    Returns
    -------
    NetworkPair
        Generator and discriminator, on the CPU.

    Raises
    ------
    InvalidParameterError
        If the shape, the widths or ``shared_levels`` cannot work.

    Examples
    --------
    >>> import torch
    >>> from ganaug.networks import IMAGE_ARCHITECTURES
    >>> rng = torch.Generator().manual_seed(0)
    >>> generator, discriminator = IMAGE_ARCHITECTURES["residual"]((3, 20, 31), 2, rng)
    >>> labels = torch.tensor([0, 1])
    >>> images = generator(torch.zeros(2, 64), labels, rng)
    >>> images.shape, discriminator(images, labels).shape
    (torch.Size([2, 3, 20, 31]), torch.Size([2]))
    """
    levels, stacks = pyramid(shape, channels, max_channels, base), Stacks(blocks, top_blocks, expansion)
    if not 0 <= shared_levels < len(levels):
        raise InvalidParameterError(
            f"shared_levels={shared_levels}: samples of size {tuple(shape[1:])} have {len(levels)} resolutions, "
            f"so 0 to {len(levels) - 1} of them can do without the class"
        )
    generator = ResidualGenerator(
        shape, levels, n_classes, rng,
        latent_dim=latent_dim, bounded=bounded, stacks=stacks, shared_levels=shared_levels,
    )  # fmt: skip
    discriminator = ResidualDiscriminator(
        shape, levels, n_classes, rng, conditioning=conditioning, width=max_channels, stacks=stacks
    )
    return NetworkPair(generator, discriminator)
