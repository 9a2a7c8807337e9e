"""A style-based generator after StyleGAN2 (Karras et al. 2019, 2020), with the residual discriminator."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganaug.networks.convolutions import (
    LARGEST_BASE,
    LEAKY_GAIN,
    Convolution,
    Level,
    activate,
    enlarge,
    fast_layout,
    per_map,
    pyramid,
)
from ganaug.networks.layers import GeneratorNetwork, NetworkPair, embedding, linear
from ganaug.networks.residual import ResidualDiscriminator, Stacks

__all__ = ["StyleGenerator", "style"]

N_AVERAGED = 256  # noises from which the centre of a class's styles is estimated


def normalised(x: Tensor) -> Tensor:
    """Rows scaled to a mean square of 1. (B, n) -> (B, n)."""
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)


class Mapping(nn.Module):
    """Noise and a class to a style. (B, latent_dim), (B,) -> (B, latent_dim)."""

    def __init__(self, n_classes: int, latent_dim: int, depth: int, rng: torch.Generator) -> None:
        super().__init__()
        self.classes = embedding(n_classes, latent_dim, rng)
        self.layers = nn.ModuleList(
            linear(latent_dim if i else 2 * latent_dim, latent_dim, rng, gain=LEAKY_GAIN) for i in range(depth)
        )

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        w = torch.cat([normalised(z), normalised(self.classes[labels])], dim=1)
        for layer in self.layers:
            w = activate(layer(w))
        return w


class Modulated(nn.Module):
    """A convolution whose input channels a style scales (Karras et al. 2020, section 2.2).

    The activations are scaled before and after instead of the weights: the same
    numbers (equations 1 to 3), but one convolution for the batch instead of one for each sample.
    """

    def __init__(
        self, n_in: int, n_out: int, kernel: int, n_style: int, rng: torch.Generator, dims: int, demodulate: bool
    ) -> None:
        super().__init__()
        self.style = linear(n_style, n_in, rng, gain=0.5)
        self.convolution = Convolution(n_in, n_out, kernel, rng, dims, bias=False)
        self.bias = nn.Parameter(torch.zeros(n_out, dtype=torch.float32))
        self.demodulate = demodulate

    def forward(self, x: Tensor, w: Tensor) -> Tensor:  # (B, n_in, *spatial), (B, n_style) -> (B, n_out, *spatial)
        scale = 1 + self.style(w)
        y: Tensor = self.convolution(x * per_map(scale, x))
        bias = self.bias.view(-1, *(1,) * (x.ndim - 2))
        if not self.demodulate:
            return y + bias
        power = self.convolution.weight.flatten(2).square().sum(2)  # (n_out, n_in)
        norm = LEAKY_GAIN * torch.rsqrt(scale.square() @ power.t() + 1e-8)
        return torch.addcmul(bias, y, per_map(norm, y))


class Layer(nn.Module):
    """Modulated convolution, interpolation to the level's size, noise, rectifier."""

    def __init__(self, n_in: int, level: Level, n_style: int, rng: torch.Generator) -> None:
        super().__init__()
        self.size = level.size
        self.convolution = Modulated(n_in, level.channels, 3, n_style, rng, len(level.size), demodulate=True)
        self.strength = nn.Parameter(torch.zeros((), dtype=torch.float32))

    def forward(self, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        x = self.convolution(x, w)
        if x.shape[2:] != self.size:  # after the convolution, where there are fewer cells to convolve
            x = enlarge(x, self.size)
        return activate(torch.addcmul(x, self.strength, noise.view(x.shape[0], 1, *self.size)))


class StyleGenerator(GeneratorNetwork):
    """Noise and a class to a sample. (B, latent_dim), (B,) -> (B, C, *spatial).

    Attributes
    ----------
    truncation : float
        How far a sample's style may lie from the centre of its class when sampling
        (`eval` mode): 1 as it falls, towards 0 more typical and less diverse. The centre is
        the mean style of 256 fixed noises, computed when it is needed: a running
        mean would be a buffer, which belongs to other weights than the averaged ones.
    mixing : float
        Share of the samples in training whose fine layers follow the style of a second noise.
    """

    typical: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        levels: Sequence[Level],
        n_classes: int,
        rng: torch.Generator,
        *,
        latent_dim: int,
        bounded: bool,
        mapping_depth: int,
        mixing: float,
    ) -> None:
        super().__init__()
        dims, base = len(levels[0].size), levels[0]
        self.latent_dim, self.bounded, self.n_classes = latent_dim, bounded, n_classes
        self.truncation, self.mixing = 1.0, mixing
        self.mapping = Mapping(n_classes, latent_dim, mapping_depth, rng)
        self.start = nn.Parameter(torch.empty(base.channels, *base.size, dtype=torch.float32).normal_(generator=rng))
        layers, colours = [], []
        for low, level in zip([base, *levels[:-1]], levels, strict=True):
            layers += [Layer(low.channels, level, latent_dim, rng), Layer(level.channels, level, latent_dim, rng)]
            colours.append(Modulated(level.channels, shape[0], 1, latent_dim, rng, dims, demodulate=False))
        self.layers, self.colours = nn.ModuleList(layers[1:]), nn.ModuleList(colours)
        self.cells = [math.prod(level.size) for level in levels for _ in range(2)][1:]
        fixed = torch.empty(N_AVERAGED, latent_dim, dtype=torch.float32).normal_(
            generator=torch.Generator().manual_seed(0)
        )
        self.register_buffer("typical", fixed, persistent=False)

    def forward(self, z: Tensor, labels: Tensor, rng: torch.Generator) -> Tensor:
        noise = self.noise(z, rng)
        return self.synthesised(self.styles(z, labels, rng), noise)

    def truncated(self, z: Tensor, labels: Tensor, rng: torch.Generator, truncation: float) -> Tensor:
        """Styles nearer to the mean style of the class (Karras et al. 2019, appendix B)."""
        noise = self.noise(z, rng)
        return self.synthesised([self.style(z, labels, truncation)] * (len(self.layers) + 1), noise)

    def inner_noise(self, rng: torch.Generator) -> Tensor:
        """What `noise` gives for one sample, on the CPU as ``rng``. (cells of all layers,)."""
        one = torch.zeros(1, self.latent_dim, dtype=torch.float32)
        return torch.cat(list(self.noise(one, rng)), dim=1)[0]

    def at(self, z: Tensor, labels: Tensor, noise: Tensor, truncation: float = 1.0) -> Tensor:
        """The same noise in every sample, as StyleGAN's constant noise."""
        parts = noise.expand(z.shape[0], -1).split(self.cells, dim=1)
        return self.synthesised([self.style(z, labels, truncation)] * (len(self.layers) + 1), parts)

    def synthesised(self, styles: Sequence[Tensor], noise: Sequence[Tensor]) -> Tensor:
        """Samples of a style for each layer and the last colours, and noise for each layer. -> (B, C, *spatial)."""
        x = fast_layout(self.start.expand(styles[0].shape[0], *self.start.shape))
        x = self.layers[0](x, styles[0], noise[0])
        image: Tensor = self.colours[0](x, styles[1])
        for level, colour in enumerate(self.colours[1:], start=1):
            for place in (2 * level - 1, 2 * level):
                x = self.layers[place](x, styles[place], noise[place])
            image = enlarge(image, x.shape[2:]) + colour(x, styles[2 * level + 1])
        return torch.tanh(image) if self.bounded else image

    def noise(self, z: Tensor, rng: torch.Generator) -> Sequence[Tensor]:
        """Noise for each layer. [(B, cells)].

        One draw with a row for each sample, so that a sample's noise does not
        depend on how many follow it; in multiples of 16, torch's unit for drawing normal numbers.
        """
        total = sum(self.cells)
        drawn = torch.empty(len(z), -(-total // 16) * 16, device=z.device, dtype=z.dtype).normal_(generator=rng)
        return drawn[:, :total].split(self.cells, dim=1)

    def styles(self, z: Tensor, labels: Tensor, rng: torch.Generator) -> list[Tensor]:
        """A style for each layer, and one for the last colours. [(B, latent_dim)]."""
        n = len(self.layers) + 1
        if self.training and self.mixing > 0:
            other = torch.empty_like(z).normal_(generator=rng)
            w, other = self.mapping(torch.cat([z, other]), torch.cat([labels, labels])).chunk(2)
            draws = torch.rand(2, len(z), 1, dtype=torch.float32, device=z.device, generator=rng)
            cut = torch.where(draws[0] < self.mixing, 1 + (draws[1] * (n - 1)).long(), n)
            return [torch.where(cut <= place, other, w) for place in range(n)]
        return [self.style(z, labels, 1.0 if self.training else self.truncation)] * n

    def style(self, z: Tensor, labels: Tensor, truncation: float) -> Tensor:
        """One style for all layers, so far from the centre of its class. (B, latent_dim)."""
        w = self.mapping(z, labels)
        if truncation != 1:
            classes = torch.arange(self.n_classes, device=z.device).repeat_interleave(N_AVERAGED)
            every = self.mapping(self.typical.repeat(self.n_classes, 1), classes)
            centres = every.view(self.n_classes, N_AVERAGED, -1).mean(1)
            w = torch.lerp(centres[labels], w, truncation)
        return w


def style(
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
    mapping_depth: int = 2,
    mixing: float = 0.5,
    blocks: int = 1,
    top_blocks: int = 1,
    expansion: float = 1.0,
) -> NetworkPair:
    """A style-based generator: mapping network, modulated convolutions, noise, style mixing, truncation.

    Path-length regularisation, learning rates by layer and the standard deviation over a
    minibatch are left out; the last would let a discriminator's logit depend on the rest of the batch.

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
        Feature maps at full resolution, and the most there are; they double at each halving.
    latent_dim : int, default=64
        Dimensions of the noise and of a style.
    bounded : bool, default=True
        Whether samples pass a tanh, for data in [-1, 1].
    base : int, default=7
        Cells along an axis that are not halved any more.
    mapping_depth : int, default=2
        Layers of the mapping network; 2 is what StyleGAN2-ADA takes for small images.
    mixing : float, default=0.5
        Share of the samples in training that mix two styles.
    blocks, top_blocks, expansion : int, int and float, default=1
        Residual blocks of the discriminator at each resolution, at the full one, and their relative width inside.

    Returns
    -------
    NetworkPair
        Generator and discriminator, on the CPU. ``generator.truncation`` may be set before sampling.

    Raises
    ------
    InvalidParameterError
        If the shape or the widths cannot work.

    Examples
    --------
    >>> import torch
    >>> from ganaug.networks import IMAGE_ARCHITECTURES
    >>> rng = torch.Generator().manual_seed(0)
    >>> generator = IMAGE_ARCHITECTURES["style"]((3, 24, 40), 2, rng).generator.eval()
    >>> generator.truncation = 0.7
    >>> generator(torch.zeros(1, 64), torch.tensor([1]), rng).shape
    torch.Size([1, 3, 24, 40])
    """
    levels = pyramid(shape, channels, max_channels, base)
    generator = StyleGenerator(
        shape, levels, n_classes, rng,
        latent_dim=latent_dim, bounded=bounded, mapping_depth=mapping_depth, mixing=mixing,
    )  # fmt: skip
    discriminator = ResidualDiscriminator(
        shape,
        levels,
        n_classes,
        rng,
        conditioning=conditioning,
        width=max_channels,
        stacks=Stacks(blocks, top_blocks, expansion),
    )
    return NetworkPair(generator, discriminator)
