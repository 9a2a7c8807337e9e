"""Networks that translate images: those of a CycleGAN, and those of pairs with what each task gives and keeps.

CycleGAN has two translators and two discriminators of patches (Zhu et al. 2017). In pix2pix (Isola et al. 2017) one
U-Net makes the target of an input, and a discriminator is shown both side by side. Its three tasks differ only in what
the input is made of: `Translate` is given it, `Inpaint` takes the target with holes, `SuperResolve` the target shrunk.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganaug.networks.convolutions import LEAKY_GAIN, Convolution, activate

__all__ = [
    "PAIR_TASKS",
    "DiscriminatorPair",
    "Inpaint",
    "PairDiscriminator",
    "PairGenerator",
    "PairTask",
    "PatchDiscriminator",
    "SuperResolve",
    "Translate",
    "Translator",
    "Translators",
    "UNet",
    "cycle_players",
    "pair_networks",
    "patch_halvings",
    "random_holes",
]

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
    least. What it found is enlarged by repeating pixels, and the change is made of it by two convolutions at full
    resolution: one that makes four pixels of one leaves stripes and checkerboards (Odena et al. 2016).

    Instance normalisation and no batch normalisation: a translation must depend on its own image alone,
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
    fine : bool
        Whether the last convolutions work at full resolution; False makes four pixels of one, as files of earlier
        versions have it.
    """

    def __init__(
        self, channels: int, rng: torch.Generator, *, width: int, depth: int, halvings: int, fine: bool
    ) -> None:
        super().__init__()
        widths = [width * 2**i for i in range(halvings + 1)]
        steps = list(pairwise(widths))
        self.stem = Convolution(4 * channels, width, 3, rng, 2, gain=LEAKY_GAIN)
        self.downs = nn.ModuleList(Convolution(n, m, 3, rng, 2, gain=LEAKY_GAIN, stride=(2, 2)) for n, m in steps)
        self.blocks = nn.ModuleList(TranslationBlock(widths[-1], rng, depth) for _ in range(depth))
        self.ups = nn.ModuleList(Convolution(m, n, 3, rng, 2, gain=LEAKY_GAIN) for n, m in reversed(steps))
        narrow = max(8, width // 2)
        self.fine = Convolution(width + channels, narrow, 3, rng, 2, gain=LEAKY_GAIN) if fine else None
        self.change = Convolution(narrow if fine else width, channels if fine else 4 * channels, 3, rng, 2, gain=0.1)

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
        if self.fine is None:
            return x + F.pixel_shuffle(self.change(h), 2)[:, :, :height, :width]
        wide = F.interpolate(h, scale_factor=2, mode="nearest")[:, :, :height, :width]
        result: Tensor = x + self.change(activate(self.fine(torch.cat([wide, x], 1))))
        return result


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
    shape: tuple[int, ...], rng: torch.Generator, *, width: int, depth: int, fine: bool = True
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
    fine : bool
        As of `Translator`.

    Returns
    -------
    Translators, DiscriminatorPair
    """
    channels, shorter = shape[0], min(shape[1:])
    halvings = 1 if shorter < LARGE else 2
    ways = [Translator(channels, rng, width=width, depth=depth, halvings=halvings, fine=fine) for _ in range(2)]
    judges = [PatchDiscriminator(channels, rng, width=width, halvings=patch_halvings(shape)) for _ in range(2)]
    return Translators(*ways), DiscriminatorPair(*judges)


# Sides from which the U-Net does not halve any more, and the widest it gets, in times of its width.
BOTTOM = 8
WIDEST = 4
# Holes of an image at most, and their sides, in shares of those of the image.
HOLES = 3
HOLE_SIDES = (0.15, 0.5)

# --------------------------------------------------------------------------------------
# The three tasks.


@dataclass(frozen=True)
class PairTask(ABC):
    """What the generator is given, what it corrects, and what of its result is kept.

    Attributes
    ----------
    inputs, channels : int
        Channels of the images to translate, and of those that are made.
    scale : int
        Factor between the sides of both.
    """

    name: ClassVar[str]
    inputs: int
    channels: int
    scale: int = 1

    @property
    def given(self) -> int:
        """Channels of what the generator is given."""
        return self.inputs

    @abstractmethod
    def start(self, given: Tensor) -> Tensor:
        """What the generator's output is added to. (B, given, H, W) -> (B, channels, H, W)."""

    def finish(self, given: Tensor, made: Tensor) -> Tensor:
        """What is kept of the sum. (B, given, H, W), (B, channels, H, W) -> (B, channels, H, W)."""
        return made


class Translate(PairTask):
    """Inputs that are given with their targets; the result starts at the input, as far as its channels go."""

    name = "translate"

    def start(self, given: Tensor) -> Tensor:
        """The input itself, its mean over the channels, or that in every channel."""
        if self.inputs == self.channels:
            return given
        return given.mean(1, keepdim=True).expand(-1, self.channels, -1, -1)


class Inpaint(PairTask):
    """Images with holes, beside the mask of what is missing; what is known stays as it is."""

    name = "inpaint"

    @property
    def given(self) -> int:
        """The image, and the mask."""
        return self.inputs + 1

    def hide(self, target: Tensor, missing: Tensor) -> Tensor:
        """What is given: images with their holes filled by the mean of what is known, and the mask.

        Parameters
        ----------
        target : Tensor of shape (B, C, H, W)
        missing : Tensor of shape (B, 1, H, W), bool

        Returns
        -------
        Tensor of shape (B, C + 1, H, W)
        """
        known = (~missing).to(target.dtype)
        mean = (target * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True).clamp(min=1)
        return torch.cat([torch.where(missing, mean, target), missing.to(target.dtype)], 1)

    def start(self, given: Tensor) -> Tensor:
        """The image with its holes filled by the mean."""
        return given[:, :-1]

    def finish(self, given: Tensor, made: Tensor) -> Tensor:
        """What was made in the holes, and what is known everywhere else."""
        return torch.where(given[:, -1:] > 0.5, made, given[:, :-1])


class SuperResolve(PairTask):
    """Images of few pixels, enlarged by bicubic interpolation; the generator adds what that lacks."""

    name = "super-resolve"

    def shrink(self, target: Tensor) -> Tensor:
        """Means of ``scale`` x ``scale`` pixels. (B, C, H, W) -> (B, C, H / scale, W / scale)."""
        return F.avg_pool2d(target, self.scale)

    def enlarge(self, small: Tensor) -> Tensor:
        """What is given: bicubic interpolation. (B, C, h, w) -> (B, C, scale h, scale w)."""
        height, width = small.shape[2:]
        size = (self.scale * height, self.scale * width)
        return F.interpolate(small, size=size, mode="bicubic", align_corners=False).clamp(-1, 1)

    def start(self, given: Tensor) -> Tensor:
        """The interpolation."""
        return given


# name of a task -> its class: the one place where an added task is listed
PAIR_TASKS: dict[str, type[PairTask]] = {task.name: task for task in (Translate, Inpaint, SuperResolve)}


def random_holes(n: int, size: tuple[int, int], rng: torch.Generator) -> Tensor:
    """One to three rectangles or ellipses in each image, of sides between 0.15 and 0.5 of the image's.

    Parameters
    ----------
    n : int
        Images.
    size : (int, int)
        Height and width.
    rng : torch.Generator
        On the device where the holes are wanted.

    Returns
    -------
    Tensor of shape (n, 1, H, W), bool
        True where a pixel is missing. Never all of an image, and never none.
    """
    device = rng.device

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, dtype=torch.float32, device=device, generator=rng)

    low, high = HOLE_SIDES
    away = []
    for side in size:
        half = (side * (low + (high - low) * uniform(n, HOLES, 1)) / 2).clamp(min=1)
        # anywhere, so that corners are missing as often; the centre of a pixel, so that the smallest hole has one
        middle = (side * uniform(n, HOLES, 1)).floor().clamp(max=side - 1) + 0.5
        away.append((torch.arange(side, dtype=torch.float32, device=device) + 0.5 - middle) / half)
    down, across = away[0][:, :, :, None].abs(), away[1][:, :, None, :].abs()  # (n, HOLES, H, 1), (n, HOLES, 1, W)
    box = (down <= 1) & (across <= 1)
    ellipse = down.square() + across.square() <= 1
    round_ = uniform(n, HOLES, 1, 1) < 0.5
    used = torch.arange(HOLES, device=device) < 1 + (HOLES * uniform(n, 1)).floor()
    holes = torch.where(round_, ellipse, box) & used[:, :, None, None]
    return holes.any(1, keepdim=True)


# --------------------------------------------------------------------------------------
# The networks.


class PlainBlock(nn.Module):
    """``x + W2 act(W1 x)`` without normalisation, which would take brightness and contrast away (Lim et al. 2017)."""

    def __init__(self, width: int, rng: torch.Generator, depth: int) -> None:
        super().__init__()
        self.first = Convolution(width, width, 3, rng, 2, gain=LEAKY_GAIN)
        self.second = Convolution(width, width, 3, rng, 2, gain=1 / math.sqrt(depth))

    def forward(self, x: Tensor) -> Tensor:  # (B, width, H, W) -> (B, width, H, W)
        result: Tensor = x + self.second(activate(self.first(x)))
        return result


class UNet(nn.Module):
    """An encoder and a decoder that sees what the encoder saw at each resolution (Ronneberger et al. 2015).

    The decoder enlarges by repeating pixels before a convolution, and the last convolution works at full resolution:
    a transposed convolution, or one that makes four pixels of one, leaves a checkerboard (Odena et al. 2016).

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    rng : torch.Generator
        Source of the weights.
    width : int
        Channels at half resolution: half as many at full one, and twice as many after each further halving, up to
        four times.
    depth : int
        Residual blocks at the lowest resolution.
    halvings : int
        Of the sides.
    """

    def __init__(self, n_in: int, n_out: int, rng: torch.Generator, *, width: int, depth: int, halvings: int) -> None:
        super().__init__()
        widths = [max(1, width // 2), *(width * min(WIDEST, 2**i) for i in range(halvings))]
        steps = list(pairwise(widths))
        self.stem = Convolution(n_in, widths[0], 3, rng, 2, gain=LEAKY_GAIN)
        self.downs = nn.ModuleList(Convolution(n, m, 3, rng, 2, gain=LEAKY_GAIN, stride=(2, 2)) for n, m in steps)
        self.blocks = nn.ModuleList(PlainBlock(widths[-1], rng, depth) for _ in range(depth))
        self.ups = nn.ModuleList(Convolution(n + m, n, 3, rng, 2, gain=LEAKY_GAIN) for n, m in reversed(steps))
        self.change = Convolution(widths[0], n_out, 3, rng, 2, gain=0.1)

    def forward(self, x: Tensor) -> Tensor:  # (B, n_in, H, W) -> (B, n_out, H, W)
        h = activate(self.stem(x))
        skips = []
        for down in self.downs:
            skips.append(h)
            h = activate(down(h))
        for block in self.blocks:
            h = block(h)
        for up, skip in zip(self.ups, reversed(skips), strict=True):
            wide = F.interpolate(h, size=skip.shape[2:], mode="nearest")
            h = activate(up(torch.cat([skip, wide], 1)))
        change: Tensor = self.change(h)
        return change


class PairGenerator(nn.Module):
    """``finish(start + U-Net)``: begins near what needs no network, the input, its interpolation or its mean."""

    def __init__(self, unet: UNet, task: PairTask) -> None:
        super().__init__()
        self.unet = unet
        self.task = task

    def forward(self, given: Tensor) -> Tensor:  # (B, given, H, W) -> (B, channels, H, W)
        return self.task.finish(given, self.task.start(given) + self.unet(given))


class PairDiscriminator(PatchDiscriminator):
    """A logit for each patch of what was given and what is claimed to belong to it, side by side."""

    def on_pair(self, given: Tensor, target: Tensor, pipe: Callable[[Tensor], Tensor]) -> Tensor:
        """Logits of pairs that pass through a function first. (B, c, H, W), (B, C, H, W) -> (B, patches)."""
        logits: Tensor = self(pipe(torch.cat([given, target], 1)))
        return logits


def pair_networks(
    task: PairTask, shape: tuple[int, ...], rng: torch.Generator, *, width: int, depth: int
) -> tuple[PairGenerator, PairDiscriminator]:
    """Fresh networks for pairs of images, on the CPU.

    Parameters
    ----------
    task : PairTask
    shape : tuple of int
        (C, H, W) of the images that are made.
    rng : torch.Generator
        Source of the weights.
    width, depth : int
        As of `UNet`; the discriminator is as wide.
    """
    halvings = max(1, math.ceil(math.log2(min(shape[1:]) / BOTTOM)))
    unet = UNet(task.given, task.channels, rng, width=width, depth=depth, halvings=halvings)
    seen = task.given + task.channels
    discriminator = PairDiscriminator(seen, rng, width=width, halvings=patch_halvings(shape))
    return PairGenerator(unet, task), discriminator
