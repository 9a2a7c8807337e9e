"""Strided convolutions up and down (DCGAN; Radford et al. 2016), and down from the features of a frozen encoder."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
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
)
from ganaug.networks.layers import CONDITIONINGS, DiscriminatorNetwork, GeneratorNetwork, NetworkPair, embedding, linear

__all__ = ["DCGANDiscriminator", "DCGANGenerator", "EncoderDiscriminator", "dcgan"]

_TRANSPOSED: dict[int, Any] = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def strided(low: Sequence[int], high: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Kernel, stride and padding between two sizes: 4 and 2 where an axis is halved (rounding up), else 3 and 1."""
    halved = [m < n for m, n in zip(low, high, strict=True)]
    return {
        "kernel": tuple(4 if h else 3 for h in halved),
        "stride": tuple(2 if h else 1 for h in halved),
        "padding": tuple(1 + n % 2 if h else 1 for h, n in zip(halved, high, strict=True)),
    }


class Up(nn.Module):
    """A transposed convolution from one size to the next. (B, n_in, *low) -> (B, n_out, *high).

    It begins as one that repeats cells and then convolves: along an axis that is doubled its kernel of 4 is one of 3
    cells, each taken twice and summed. Weights drawn one by one leave a checkerboard (Odena et al. 2016), of which
    training rids itself slowly.
    """

    def __init__(
        self, n_in: int, n_out: int, low: Sequence[int], high: Sequence[int], rng: torch.Generator, gain: float
    ) -> None:
        super().__init__()
        how = strided(low, high)
        self.stride, self.padding = how["stride"], how["padding"]
        self.missing = tuple(n % 2 if m < n else 0 for m, n in zip(low, high, strict=True))
        taps = n_in * 3 ** len(self.stride)  # that meet in one cell
        weight = torch.empty(n_in, n_out, *(3,) * len(self.stride), dtype=torch.float32).normal_(
            0.0, gain / math.sqrt(taps), generator=rng
        )
        for axis, stride in enumerate(self.stride, start=2):
            if stride == 2:
                none = torch.zeros_like(weight.narrow(axis, 0, 1))
                weight = torch.cat([weight, none], axis) + torch.cat([none, weight], axis)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(n_out, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        up = _TRANSPOSED[len(self.stride)]
        result: Tensor = up(x, self.weight, self.bias, self.stride, self.padding, self.missing)
        return result


def pixel_norm(x: Tensor) -> Tensor:
    """Every cell's features scaled to a mean square of 1 (Karras et al. 2018, section 4.2). (B, C, ...), same."""
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)


class DCGANGenerator(GeneratorNetwork):
    """Noise and a class to a sample. (B, latent_dim), (B,) -> (B, C, *spatial).

    Where the paper has batch normalisation, each cell's features are normalised on
    their own. Batch statistics would tie a sample to its neighbours in the batch, and
    the running ones, which replace them when sampling, are buffers: the averaged generator,
    whose weights no batch has ever met, would sample with another network's statistics.
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
    ) -> None:
        super().__init__()
        self.latent_dim, self.bounded, self.base = latent_dim, bounded, levels[0].size
        self.classes = embedding(n_classes, latent_dim, rng)
        self.first = linear(2 * latent_dim, levels[0].channels * math.prod(self.base), rng)
        widths = [*(level.channels for level in levels[:-1]), shape[0]]
        self.ups = nn.ModuleList(
            Up(widths[i], widths[i + 1], levels[i].size, levels[i + 1].size, rng, math.sqrt(2.0))
            for i in range(len(levels) - 1)
        )

    def forward(self, z: Tensor, labels: Tensor, rng: torch.Generator) -> Tensor:
        x = grid(self.first(torch.cat([z, self.classes[labels]], dim=1)), self.base)
        for up in self.ups:
            x = up(pixel_norm(x).relu_())
        return torch.tanh(x) if self.bounded else x


class DCGANDiscriminator(DiscriminatorNetwork):
    """A sample and the class it claims to a logit. (B, C, *spatial), (B,) -> (B,).

    Without the paper's batch normalisation: a penalty on the slope at each sample
    has no meaning where samples mix (Gulrajani et al. 2017, section 4).
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
    ) -> None:
        super().__init__()
        dims = len(shape) - 1
        self.head = CONDITIONINGS[conditioning](width, n_classes, rng)
        down = levels[::-1]
        widths = [shape[0], *(level.channels for level in down[1:])]
        self.classes = embedding(n_classes, widths[1], rng) if self.head.class_is_input else None
        self.downs = nn.ModuleList()
        for i, (high, low) in enumerate(itertools.pairwise(down)):
            how = strided(low.size, high.size)
            self.downs.append(
                Convolution(
                    widths[i], widths[i + 1], how["kernel"], rng, dims,
                    gain=LEAKY_GAIN, stride=how["stride"], padding=how["padding"],
                )
            )  # fmt: skip
        self.last = linear(widths[-1] * math.prod(levels[0].size), width, rng, gain=LEAKY_GAIN)

    def features(self, x: Tensor, labels: Tensor) -> Tensor:
        """The last hidden layer. (B, C, *spatial), (B,) -> (B, width)."""
        x = self.downs[0](fast_layout(x))
        if self.classes is not None:
            x = x + per_map(self.classes[labels], x)  # constant planes of the class, without making them
        for down in self.downs[1:]:
            x = down(activate(x))
        return activate(self.last(flat(activate(x))))


def dcgan(
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
) -> NetworkPair:
    """Plain strided convolutions with kernels of 4, conditional, without batch normalisation.

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
        Half as many feature maps as there are at half the resolution, and the most
        there are; they double at each halving. At full resolution there is only the sample itself.
    latent_dim : int, default=64
        Dimensions of the noise.
    bounded : bool, default=True
        Whether samples pass a tanh, for data in [-1, 1].
    base : int, default=7
        Cells along an axis that are not halved any more.

    Returns
    -------
    NetworkPair
        Generator and discriminator, on the CPU.

    Raises
    ------
    InvalidParameterError
        If the shape or the widths cannot work.

    Examples
    --------
    >>> import torch
    >>> from ganaug.networks import IMAGE_ARCHITECTURES
    >>> generator, _ = IMAGE_ARCHITECTURES["dcgan"]((2, 187), 3, torch.Generator().manual_seed(0))
    >>> generator(torch.zeros(1, 64), torch.tensor([2]), torch.Generator()).shape
    torch.Size([1, 2, 187])
    """
    levels = pyramid(shape, channels, max_channels, base)
    if len(levels) == 1:
        levels = levels * 2  # too small to be halved: one convolution at its only size
    return NetworkPair(
        DCGANGenerator(shape, levels, n_classes, rng, latent_dim=latent_dim, bounded=bounded),
        DCGANDiscriminator(shape, levels, n_classes, rng, conditioning=conditioning, width=max_channels),
    )


# --------------------------------------------------------------------------------------
# A discriminator that does not look at images, but at what a frozen encoder makes of them.

# Cells a side of the features of a scale up to which they go into a linear layer.
_FEW_CELLS = 4


class _Frozen:
    """An encoder whose weights stay; no part of the networks that hold it, so that it is neither trained nor saved.

    Parameters
    ----------
    encoder : Module or callable
        From images (B, C, H, W) to a tensor (B, F) or (B, F, h, w), or a list or tuple of such. A module is copied.
    """

    def __init__(self, encoder: Callable[[Tensor], object]) -> None:
        self.module = copy.deepcopy(encoder).eval().requires_grad_(False) if isinstance(encoder, nn.Module) else None
        self.encode = encoder if self.module is None else self.module
        self.device = torch.device("cpu")

    def __call__(self, x: Tensor) -> list[Tensor]:
        if self.module is not None and x.device != self.device:
            self.module.to(x.device)
            self.device = x.device
        try:
            made = self.encode(x)
        except Warning:  # of a process that makes errors of warnings
            raise
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise InvalidParameterError(
                f"encoder cannot take a batch of images of shape {tuple(x.shape)}, float32 from -1 to 1, on {x.device} "
                f"({reason}); wrap it in a function or module that converts them first"
            ) from error
        maps: list[Any] = list(made) if isinstance(made, (list, tuple)) else [made]
        for one in maps:
            if not (isinstance(one, Tensor) and one.ndim in (2, 4) and len(one) == len(x) and one.is_floating_point()):
                what = f"shape {tuple(one.shape)}" if isinstance(one, Tensor) else f"type {type(one).__name__}"
                raise InvalidParameterError(
                    f"encoder made something of {what} of {len(x)} images; it must return features (n, F) or feature "
                    "maps (n, F, height, width) in a tensor of floats, or a list of such tensors"
                )
        if not maps:
            raise InvalidParameterError("encoder returned an empty list; it must return features, or a list of them")
        return [one.float() if one.ndim == 4 else one.float()[:, :, None, None] for one in maps]


class EncoderDiscriminator(DiscriminatorNetwork):
    """Image and class to a logit, by an encoder's features at several scales. (B, C, H, W), (B,) -> (B,).

    After Projected GANs (Sauer et al. 2021): features of all scales are mixed by random weights that stay as they are,
    within a scale and from each lower resolution to the next, so that no scale can be left out; each mixture has a
    small network of its own, which is trained. The logits of the scales are added, where the paper adds their losses;
    and penalties, which the paper does without, are taken on the slope in the mixtures, not through the encoder.

    Parameters
    ----------
    encoder : Module or callable
        From images as networks see them to features; see `ganaug.ImageGAN`.
    some : Tensor of shape (n, C, H, W)
        Real images, by which the features of the encoder are put on one scale.
    n_classes : int
        Number of conditions.
    rng : torch.Generator
        Source of all weights, on the CPU.
    conditioning : str
        A name in `CONDITIONINGS`.
    width : int
        Feature maps of a mixture, and of the last hidden layer of each scale.

    Raises
    ------
    InvalidParameterError
        If the encoder cannot take the images, or returns something else than features that depend on them.
    """

    bounds_features = True

    def __init__(
        self,
        encoder: Callable[[Tensor], object],
        some: Tensor,
        n_classes: int,
        rng: torch.Generator,
        *,
        conditioning: str,
        width: int,
    ) -> None:
        super().__init__()
        self._encoder = _Frozen(encoder)
        maps = self._looked_at(some)
        # the highest resolution first, whatever the order in which the encoder returns them
        self._order = sorted(range(len(maps)), key=lambda i: -math.prod(maps[i].shape[2:]))
        maps = [maps[i].cpu() for i in self._order]
        self.head = CONDITIONINGS[conditioning](width * len(maps), n_classes, rng)
        self.classes = embedding(n_classes, width, rng) if self.head.class_is_input else None
        self.scales = nn.ModuleList()
        for i, one in enumerate(maps):
            middle, spread = one.mean((0, 2, 3)), one.std((0, 2, 3), correction=0)
            self._keep(f"middle{i}", middle[:, None, None])
            self._keep(f"spread{i}", (spread + 1e-3 * spread.mean() + 1e-6)[:, None, None])
            self._keep(f"across{i}", _normal((width, one.shape[1], 1, 1), rng))
            self._keep(f"down{i}", _normal((width, width, 3, 3), rng))
            self.scales.append(_small(one.shape[2:], width, rng))

    def _keep(self, name: str, values: Tensor) -> None:
        self.register_buffer(name, values, persistent=False)

    def _looked_at(self, some: Tensor) -> list[Tensor]:
        """What the encoder makes of real images, checked."""
        some = some.detach().clone().requires_grad_(True)
        maps = self._encoder(some)
        (slope,) = (
            torch.autograd.grad(torch.cat([one.flatten() for one in maps]).sum(), some, allow_unused=True)
            if any(one.requires_grad for one in maps)
            else (None,)
        )
        if slope is None:
            raise InvalidParameterError(
                "encoder returned features without a gradient to the images, from which the generator learns; use "
                "torch operations, without torch.no_grad() or detach()"
            )
        if not all(bool(torch.isfinite(one).all()) for one in (*maps, slope)):
            raise InvalidParameterError("encoder returned NaN or infinity, or a slope that is, for real images")
        return [one.detach() for one in maps]

    def _mixtures(self, x: Tensor) -> list[Tensor]:
        """Of each scale, the lowest resolution first. (B, C, H, W) -> (B, width, h, w) each."""
        maps = self._encoder(x)
        found: list[Tensor] = []
        for i in reversed(range(len(self.scales))):
            plain = (maps[self._order[i]] - self.get_buffer(f"middle{i}")) / self.get_buffer(f"spread{i}")
            mixed = F.conv2d(plain, self.get_buffer(f"across{i}"))
            if found:
                mixed = (mixed + enlarge(found[-1], mixed.shape[2:])) / math.sqrt(2.0)
            found.append(F.conv2d(mixed, self.get_buffer(f"down{i}"), padding=1))
        return found

    def _judged(self, mixtures: list[Tensor], labels: Tensor) -> Tensor:
        if self.classes is not None:
            mixtures = [one + per_map(self.classes[labels], one) for one in mixtures]
        return torch.cat([scale(one) for scale, one in zip(reversed(self.scales), mixtures, strict=True)], dim=1)

    def features(self, x: Tensor, labels: Tensor) -> Tensor:
        """The last hidden layers of all scales. (B, C, H, W), (B,) -> (B, scales * width)."""
        return self._judged(self._mixtures(x), labels)

    def input_gradient(self, x: Tensor, labels: Tensor) -> Tensor:
        """The gradient of the logit with respect to the mixtures, which is what penalties bound. (B, values)."""
        with torch.no_grad():
            mixtures = self._mixtures(x)
        mixtures = [one.detach().requires_grad_(True) for one in mixtures]
        logit = self.head(self._judged(mixtures, labels), labels)
        slopes = torch.autograd.grad(logit.sum(), mixtures, create_graph=True)
        return torch.cat([slope.flatten(1) for slope in slopes], dim=1)


class _Flat(nn.Module):
    """(B, C, h, w) -> (B, C * h * w)."""

    def forward(self, x: Tensor) -> Tensor:
        return flat(x)


class _Bent(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return activate(x)


def _small(size: Sequence[int], width: int, rng: torch.Generator) -> nn.Sequential:
    """The trained network of a scale: strided convolutions and a linear layer. (B, width, h, w) -> (B, width)."""
    parts: list[nn.Module] = []
    sides = tuple(size)
    while max(sides) > _FEW_CELLS:
        lower = tuple(-(-side // 2) for side in sides)
        how = strided(lower, sides)
        parts += [
            Convolution(
                width, width, how["kernel"], rng, 2, gain=LEAKY_GAIN, stride=how["stride"], padding=how["padding"]
            ),
            _Bent(),
        ]
        sides = lower
    return nn.Sequential(*parts, _Flat(), linear(width * math.prod(sides), width, rng, gain=LEAKY_GAIN), _Bent())


def _normal(shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    """Weights of a convolution that keep the variance."""
    return torch.empty(shape, dtype=torch.float32).normal_(0.0, 1 / math.sqrt(math.prod(shape[1:])), generator=rng)
