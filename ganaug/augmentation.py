"""Changes to real (and, for images, fake) samples on their way to the discriminator.

To add a differentiable change: write its function, add one line to `POLICIES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ganaug.exceptions import InvalidParameterError
from ganaug.utils.types import Block

__all__ = ["POLICIES", "Augmentation", "DiffAugment", "Pipe", "diff_augment", "direct", "jitter", "unchanged"]

Augmentation = Callable[[Tensor, Tensor, torch.Generator], Tensor]
Pipe = Callable[[Tensor, float, torch.Generator], Tensor]  # (samples, progress in [0, 1], rng) -> samples
Policy = Callable[[Tensor, Tensor, torch.Generator], Tensor]  # (samples, which of them, rng) -> samples


def unchanged(x: Tensor, labels: Tensor, rng: torch.Generator) -> Tensor:
    """The samples as they are."""
    return x


def jitter(blocks: Sequence[Block], scale: Tensor) -> Augmentation:
    """Gaussian noise on the scalar columns of real rows, more of it for scarcer classes.

    A discriminator that sees the same 20 rows in every batch learns their
    addresses; a little noise turns each address into a neighbourhood
    (instance noise; Sonderby et al. 2017, Arjovsky and Bottou 2017).

    Parameters
    ----------
    blocks : sequence of Block
        Layout of the encoded row.
    scale : Tensor of shape (n_classes,)
        Standard deviation for each class, in units of the encoded columns.

    Returns
    -------
    callable ``(x, labels, rng) -> x``
    """
    width = max((b.stop for b in blocks), default=0)
    scalar = torch.zeros(width, dtype=scale.dtype, device=scale.device)
    for block in blocks:
        if block.tag == "scalar":
            scalar[block.start : block.stop] = 1.0

    def add_noise(x: Tensor, labels: Tensor, rng: torch.Generator) -> Tensor:  # (B, width) -> (B, width)
        noise = torch.empty_like(x).normal_(generator=rng)
        return torch.addcmul(x, noise * scalar, scale[labels].unsqueeze(1))

    return add_noise


MOVE = 0.125  # largest shift, as a share of an axis (Zhao et al. 2020)
HIDDEN = 0.25  # share of a sample that cutout hides: a box of half its sides in two dimensions (Zhao et al. 2020)
LOUDER = 1.25  # largest factor on the amplitude


def _uniform(x: Tensor, n: int, rng: torch.Generator) -> Tensor:
    """Numbers in [0, 1). (n, B)."""
    return torch.rand(n, len(x), device=x.device, dtype=torch.float32, generator=rng)


def _along(values: Tensor, axis: int, ndim: int) -> Tensor:
    """(B, n) -> (B, 1, ..., n, ..., 1), with the n at ``axis``."""
    shape = [1] * ndim
    shape[0], shape[axis] = values.shape
    return values.view(shape)


def _per_sample(values: Tensor, x: Tensor) -> Tensor:
    """(B,) -> (B, 1, ...), in the dtype of ``x``."""
    return values.to(x.dtype).view(-1, *(1,) * (x.ndim - 1))


class _Moved(torch.autograd.Function):
    """Samples shifted by whole cells, zeros coming in. The way back is the opposite shift, at every order."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, shifts: Tensor) -> Tensor:  # (B, C, *spatial), (B, dims) int64
        ctx.save_for_backward(shifts)
        size = x.shape[2:]
        index, inside = torch.zeros(1, dtype=torch.long, device=x.device), None
        for axis, n in enumerate(size):
            source = torch.arange(n, device=x.device) - shifts[:, axis, None]  # (B, n)
            valid = _along((source >= 0) & (source < n), axis + 1, len(size) + 1)
            inside = valid if inside is None else inside & valid
            index = index * n + _along(source.clamp(0, n - 1), axis + 1, len(size) + 1)
        assert inside is not None
        places = index.flatten(1).unsqueeze(1).expand(-1, x.shape[1], -1)  # (B, C, cells)
        return x.flatten(2).gather(2, places).view(x.shape) * inside.unsqueeze(1)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        (shifts,) = ctx.saved_tensors
        return _Moved.apply(slope, -shifts), None


def translation(x: Tensor, chosen: Tensor, rng: torch.Generator) -> Tensor:
    """Shift by up to an eighth along every axis; zeros come in."""
    share = _uniform(x, x.ndim - 2, rng)
    shifts = []
    for row, n in zip(share, x.shape[2:], strict=True):
        most = round(MOVE * n)
        shifts.append(((2 * most + 1) * row).long() - most)
    moved: Tensor = _Moved.apply(x, torch.stack(shifts, dim=1) * chosen.unsqueeze(1))
    return moved


def cutout(x: Tensor, chosen: Tensor, rng: torch.Generator) -> Tensor:
    """Set a box to zero that holds a quarter of the sample, or less where it reaches over the edge."""
    centres = _uniform(x, x.ndim - 2, rng)
    hidden = _per_sample(chosen, x).bool()
    side = HIDDEN ** (1 / (x.ndim - 2))
    for axis, (row, n) in enumerate(zip(centres, x.shape[2:], strict=True), start=2):
        cells = torch.arange(n, dtype=torch.float32, device=x.device) + 0.5
        near = (cells - n * row.unsqueeze(1)).abs() < max(1, round(side * n)) / 2  # (B, n)
        hidden = hidden & _along(near, axis, x.ndim)
    return x * ~hidden


def color(x: Tensor, chosen: Tensor, rng: torch.Generator) -> Tensor:
    """Brightness by up to 0.5, saturation by a factor up to 2, contrast by 0.5 to 1.5 (Zhao et al. 2020)."""
    brightness, saturation, contrast = (
        _per_sample(share * chosen, x) for share in 2 * _uniform(x, 3, rng) - 1
    )  # each -1 to 1, 0 where not chosen
    x = x + 0.5 * brightness
    if x.shape[1] > 1:
        x = x + saturation * (x - x.mean(1, keepdim=True))
    return x + 0.5 * contrast * (x - x.mean(list(range(1, x.ndim)), keepdim=True))


def flip(x: Tensor, chosen: Tensor, rng: torch.Generator) -> Tensor:
    """Mirror the last axis (left and right of an image) of every second sample."""
    mirrored = chosen & (_uniform(x, 1, rng)[0] < 0.5)
    return torch.where(_per_sample(mirrored, x).bool(), x.flip(-1), x)


def scale(x: Tensor, chosen: Tensor, rng: torch.Generator) -> Tensor:
    """Multiply by 0.8 to 1.25, log-uniformly: the loudness of a series."""
    power = (2 * _uniform(x, 1, rng)[0] - 1) * chosen
    return x * _per_sample((math.log(LOUDER) * power).exp(), x)


POLICIES: dict[str, Policy] = {
    "color": color,
    "cutout": cutout,
    "flip": flip,
    "scale": scale,
    "shift": translation,  # what it is called for series
    "translation": translation,
}


def direct(x: Tensor, progress: float, rng: torch.Generator) -> Tensor:
    """The samples as they are."""
    return x


@dataclass(frozen=True)
class DiffAugment:
    """Random changes whose probability goes up and down in the course of a training; see `diff_augment`."""

    changes: tuple[Policy, ...]
    probability: float
    ramp: float
    fade: tuple[float, float]

    def __call__(self, x: Tensor, progress: float, rng: torch.Generator) -> Tensor:
        """Samples as the discriminator sees them."""
        now = self.strength(progress)
        return self.changed(x, now, rng) if now else x

    def strength(self, progress: float) -> float:
        """How probable each change is at a point of the training."""
        begins, ends = self.fade
        rising = progress / self.ramp if progress < self.ramp else 1.0
        falling = (ends - progress) / (ends - begins) if progress > begins and ends > begins else 1.0
        return 0.0 if progress >= ends < 1 else self.probability * max(0.0, min(rising, falling))

    def changed(self, x: Tensor, strength: float | Tensor, rng: torch.Generator) -> Tensor:
        """Each change to each sample with a probability, which may be a tensor of no dimensions."""
        for change, row in zip(self.changes, _uniform(x, len(self.changes), rng), strict=True):
            x = change(x, row < strength, rng)
        return x


def diff_augment(
    policy: Sequence[str] = ("translation", "cutout"),
    *,
    probability: float = 0.7,
    ramp: float = 0.2,
    fade: tuple[float, float] = (0.75, 0.9),
) -> DiffAugment:
    """Random changes to what the discriminator sees, real and fake alike (DiffAugment; Zhao et al. 2020).

    With a few hundred images a discriminator learns them by heart. If it never
    sees the same one twice it cannot, and because fakes are changed in the same way and
    gradients pass through the change, the generator still learns the originals.

    Yet changes leak: samples with shifted edges and cutout boxes are what the generator is asked for at
    the time. So each sample is left alone with some probability (which tells the generator which of the two is
    the original; Karras et al. 2020, ADA, found no leaks below 0.8), and the changes fade out
    before the training ends. They also wait at the outset, when there is nothing yet to learn by heart.

    Parameters
    ----------
    policy : sequence of str, default=("translation", "cutout")
        Names in `POLICIES`, in order. "translation" (for series also called "shift"), "cutout" and "scale" fit
        any kind of sample; "color" wants images; "flip" mirrors left and right, which changes what digits,
        text and many organs are.
    probability : float, default=0.7
        That a change is made to a sample, for each change on its own, at the height of the training. In [0, 1].
    ramp : float, default=0.2
        Share of the training during which the probability rises from 0.
    fade : tuple of float, default=(0.75, 0.9)
        Shares of the training at which it begins to fall, and at which it has fallen to 0.

    Returns
    -------
    callable ``(samples, progress, rng) -> samples``
        Samples are float tensors (B, C, *spatial) with 1, 2 or 3 spatial axes and are not changed in place; progress
        is in [0, 1]. Differentiable twice. Where the probability is 0 it draws nothing and returns what it was given.

    Raises
    ------
    InvalidParameterError
        If a name is unknown or a number is out of its range.

    Examples
    --------
    >>> import torch
    >>> from ganaug.augmentation import diff_augment
    >>> pipe, rng = diff_augment(["cutout"], probability=1.0), torch.Generator().manual_seed(0)
    >>> images = torch.ones(2, 1, 8, 8)
    >>> pipe(images, 0.5, rng).mean() < 1, pipe(images, 1.0, rng) is images
    (tensor(True), True)
    """
    unknown = [name for name in policy if name not in POLICIES]
    if unknown or isinstance(policy, str):
        raise InvalidParameterError(f"policy={policy!r}: give a list of names out of {', '.join(sorted(POLICIES))}")
    if not 0 <= probability <= 1:
        raise InvalidParameterError(f"probability={probability} must lie between 0 and 1")
    if not 0 <= ramp <= fade[0] <= fade[1] <= 1:
        raise InvalidParameterError(f"ramp={ramp} and fade={fade} must follow one another between 0 and 1")
    return DiffAugment(tuple(POLICIES[name] for name in policy), probability, ramp, fade)
