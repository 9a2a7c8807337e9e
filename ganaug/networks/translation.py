"""The four networks of a CycleGAN: two that translate images, two that judge patches of them."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganaug.networks.convolutions import LEAKY_GAIN, Convolution, activate

__all__ = ["DiscriminatorPair", "PatchDiscriminator", "Translator", "Translators", "cycle_players", "patch_halvings"]

# Sides from which translators halve once more, and down to which a discriminator halves.
LARGE = 48
PATCHES = 4


class TranslationBlock(nn.Module):
    """``x + W2 act(norm(W1 x))``, the residual block of Johnson et al. (2016) without the second normalisation."""

    def __init__(self, width: int, rng: torch.Generator, depth: int) -> None:
        super().__init__()
        self.first = Convolution(width, width, 3, rng, 2, gain=LEAKY_GAIN)
        self.second = Convolution(width, width, 3, rng, 2, gain=1 / math.sqrt(depth))

    def forward(self, x: Tensor) -> Tensor:  # (B, width, H, W) -> (B, width, H, W)
        result: Tensor = x + self.second(activate(F.instance_norm(self.first(x))))
        return result


class Translator(nn.Module):
    """``x + f(x)``: an encoder, residual blocks and a decoder that say what to change (Zhu et al. 2017, appendix 7.2).

    Starts near the identity, which is where a translation between classes of one kind of image begins.
    The encoder works on squares of 2 x 2 pixels, because convolutions over full resolution cost most and see
    least. Instance normalisation and no batch normalisation: a translation must depend on its own image alone,
    whatever else is in the batch; the sums that go round it carry the brightness that it takes away.

    Parameters
    ----------
    channels : int
        Of the images.
    rng : torch.Generator
        Source of the weights.
    width : int
        Channels at half resolution; twice as many after each halving.
    depth : int
        Residual blocks.
    halvings : int
        Of the sides, after the first.
    """

    def __init__(self, channels: int, rng: torch.Generator, *, width: int, depth: int, halvings: int) -> None:
        super().__init__()
        widths = [width * 2**i for i in range(halvings + 1)]
        steps = list(pairwise(widths))
        self.stem = Convolution(4 * channels, width, 3, rng, 2, gain=LEAKY_GAIN)
        self.downs = nn.ModuleList(Convolution(n, m, 3, rng, 2, gain=LEAKY_GAIN, stride=(2, 2)) for n, m in steps)
        self.blocks = nn.ModuleList(TranslationBlock(widths[-1], rng, depth) for _ in range(depth))
        self.ups = nn.ModuleList(Convolution(m, n, 3, rng, 2, gain=LEAKY_GAIN) for n, m in reversed(steps))
        self.change = Convolution(width, 4 * channels, 3, rng, 2, gain=0.1)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) -> (B, C, H, W)
        height, width = x.shape[2:]
        even = F.pad(x, (0, width % 2, 0, height % 2), mode="replicate")
        h = activate(self.stem(F.pixel_unshuffle(even, 2)))
        skips = []
        for down in self.downs:
            skips.append(h)
            h = activate(F.instance_norm(down(h)))
        for block in self.blocks:
            h = block(h)
        for up, skip in zip(self.ups, reversed(skips), strict=True):
            h = up(F.interpolate(h, size=skip.shape[2:], mode="nearest"))
            h = skip + activate(F.instance_norm(h))
        return x + F.pixel_shuffle(self.change(h), 2)[:, :, :height, :width]


class PatchDiscriminator(nn.Module):
    """A logit for each of some overlapping patches (PatchGAN; Isola et al. 2017): style, not the whole picture.

    No normalisation: the objective's penalty keeps the slopes small.

    Parameters
    ----------
    channels, rng
        As for `Translator`.
    width : int
        Channels after the first halving, and after the second twice as many, up to four times.
    halvings : int
        Of the sides.
    """

    def __init__(self, channels: int, rng: torch.Generator, *, width: int, halvings: int) -> None:
        super().__init__()
        widths = [channels, *(width * min(4, 2**i) for i in range(halvings))]
        self.downs = nn.ModuleList(
            Convolution(n, m, 4, rng, 2, gain=LEAKY_GAIN, stride=(2, 2), padding=(1, 1)) for n, m in pairwise(widths)
        )
        self.mix = Convolution(widths[-1], widths[-1], 3, rng, 2, gain=LEAKY_GAIN)
        self.logit = Convolution(widths[-1], 1, 1, rng, 2)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) -> (B, patches)
        for down in self.downs:
            x = activate(down(x))
        logits: Tensor = self.logit(activate(self.mix(x))).flatten(1)
        return logits


class Translators(nn.Module):
    """The way there and the way back."""

    def __init__(self, to_target: Translator, to_source: Translator) -> None:
        super().__init__()
        self.to_target, self.to_source = to_target, to_source


class DiscriminatorPair(nn.Module):
    """A discriminator for each of the two classes."""

    def __init__(self, of_target: PatchDiscriminator, of_source: PatchDiscriminator) -> None:
        super().__init__()
        self.of_target, self.of_source = of_target, of_source


def patch_halvings(shape: tuple[int, ...]) -> int:
    """Halvings after which few patches are left, each of which sees a good part of the image. (C, H, W) -> int."""
    return max(1, min(4, math.ceil(math.log2(min(shape[1:]) / PATCHES))))


def cycle_players(
    shape: tuple[int, ...], rng: torch.Generator, *, width: int, depth: int
) -> tuple[Translators, DiscriminatorPair]:
    """Fresh networks for images of one shape, on the CPU.

    Parameters
    ----------
    shape : tuple of int
        (C, H, W).
    rng : torch.Generator
        Source of the weights.
    width, depth : int
        As of `Translator`; the discriminators are as wide.

    Returns
    -------
    Translators, Judges
    """
    channels, shorter = shape[0], min(shape[1:])
    halvings = 1 if shorter < LARGE else 2
    ways = [Translator(channels, rng, width=width, depth=depth, halvings=halvings) for _ in range(2)]
    judges = [PatchDiscriminator(channels, rng, width=width, halvings=patch_halvings(shape)) for _ in range(2)]
    return Translators(*ways), DiscriminatorPair(*judges)
