"""A fitted generator as a plain torch module: latents and classes in, images or series in their own units out."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganaug.networks import GeneratorNetwork
from ganaug.utils.types import Array

__all__ = ["GeneratorModule", "PiecewiseLinear", "PixelValues", "SignalValues", "generator_module"]


class GeneratorModule(nn.Module):
    """A trained generator with all that turns its output into images or series; a function of latent and class.

    It holds the weights, one fixed noise for an architecture that has noise inside, and the ranges of the channels; it
    knows no estimator and no training sample. It runs on the CPU or wherever it is moved to, in `eval` mode, and
    `torch.export.export` and ``torch.onnx.export(..., dynamo=True)`` take it.

    Attributes
    ----------
    latent_dim : int
        Length of a latent.
    n_classes : int
        Indices of classes run from 0 to ``n_classes - 1``.
    rounded : bool
        Whether images or series of integers come rounded: uint8 where they had 8 bits, else int32 (int64 where that
        is too small). Set it to False before exporting for float32 in the same range.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from ganaug import ImageGAN
    >>> X = np.random.default_rng(0).integers(0, 256, size=(40, 8, 8, 3), dtype=np.uint8)
    >>> gan = ImageGAN(max_steps=2, batch_size=8, channels=2, max_channels=4, random_state=0).fit(X, np.arange(40) % 2)
    >>> module = gan.generator_module_
    >>> module(torch.zeros(3, module.latent_dim), torch.tensor([0, 1, 1])).shape
    torch.Size([3, 8, 8, 3])
    """

    noise: Tensor

    def __init__(
        self, generator: GeneratorNetwork, noise: Tensor, values: nn.Module, dtype: torch.dtype | None, n_classes: int
    ) -> None:
        super().__init__()
        self.generator, self.values = generator, values
        self.latent_dim, self.n_classes = generator.latent_dim, n_classes
        self.dtype, self.rounded = dtype, dtype is not None
        self.register_buffer("noise", noise)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Samples in the layout of the training data. (B, latent_dim) float32, (B,) int64 -> (B, ...)."""
        if latents.requires_grad:
            return self._made(latents, labels)
        with torch.no_grad():
            return self._made(latents, labels)

    def _made(self, latents: Tensor, labels: Tensor) -> Tensor:
        made: Tensor = self.values(self.generator.at(latents, labels, self.noise))
        if self.rounded and self.dtype is not None:
            return made.round().to(self.dtype)
        return made.to(torch.float32)


class PiecewiseLinear(nn.Module):
    """`numpy.interp` for increasing ``x`` as sums of clamped pieces, which every exporter knows. (...) -> (...)."""

    def __init__(self, x: Array, y: Array) -> None:
        super().__init__()
        steps = np.diff(x)
        slopes = np.divide(np.diff(y), steps, out=np.zeros_like(steps), where=steps > 0)
        self.start = float(y[0])
        self.pieces = [(float(a), float(step), float(slope)) for a, step, slope in zip(x, steps, slopes, strict=False)]

    def forward(self, values: Tensor) -> Tensor:
        """As `numpy.interp`: beyond the ends the values there. (...) -> (...)."""
        result = torch.full_like(values, self.start)
        for at, step, slope in self.pieces:
            result = result + slope * (values - at).clamp(0.0, step)
        return result


class PixelValues(nn.Module):
    """From a network's images (B, C, H, W) within [-1, 1] to pixels in the layout of the training data.

    Parameters
    ----------
    middle, half, low, high : ndarray of shape (C,)
        Of the range of each channel.
    bends : dict of int to tuple
        For each channel with outliers: centre and scale of its core, middle and half of the bent range, and for either
        tail (sign -1 and 1) the room and the logarithms that `PiecewiseLinear` takes.
    layout : {"NHW", "NHWC", "NCHW"}
    exact : bool
        Whether to work in float64; images of 8 bits do not need it.
    """

    centre: Tensor
    reach: Tensor
    low: Tensor
    high: Tensor

    def __init__(
        self, ends: tuple[Array, Array, Array, Array], bends: dict[int, Any], layout: str, *, exact: bool
    ) -> None:
        super().__init__()
        self.kind = torch.float64 if exact else torch.float32
        for name, end in zip(("centre", "reach", "low", "high"), ends, strict=True):
            self.register_buffer(name, torch.from_numpy(np.array(end)).to(self.kind).view(-1, 1, 1))
        self.layout, self.bends = layout, bends
        self.tails = nn.ModuleDict(
            {
                f"{c} {sign}": PiecewiseLinear(room, logs)
                for c, bend in bends.items()
                for sign, (room, logs) in bend[4].items()
            }
        )

    def forward(self, unit: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, H, W), (B, H, W, C) or (B, C, H, W)."""
        unit = unit.to(self.kind).clamp(-1, 1)
        pixels = unit * self.reach + self.centre
        if self.bends:
            channels = [self._bent(c, unit[:, c]) if c in self.bends else pixels[:, c] for c in range(unit.shape[1])]
            pixels = torch.stack(channels, dim=1)
        pixels = torch.minimum(torch.maximum(pixels, self.low), self.high)
        if self.layout == "NHWC":
            return pixels.permute(0, 2, 3, 1)
        return pixels[:, 0] if self.layout == "NHW" else pixels

    def _bent(self, channel: int, unit: Tensor) -> Tensor:
        """The counterpart of the codec's bend: linear in the core, by the logarithm beyond it. (B, H, W), same."""
        centre, scale, middle, half, _ = self.bends[channel]
        u = unit * half + middle
        for sign in (-1, 1):
            tail = self.tails[f"{channel} {sign}"]
            u = torch.where(sign * u > 1, sign * torch.exp(tail(sign * u)), u)
        return centre + scale * u


class SignalValues(nn.Module):
    """From a network's series (B, C, *spatial) of about unit scale to values; beyond the knee by the exponential.

    Parameters
    ----------
    centre, scale, low, high : ndarray of shape (C,)
    knee : float
        Scales beyond which values count by their logarithm.
    dims : int
        Spatial axes.
    flat : bool
        Whether the axis of the one channel is left out.
    """

    centre: Tensor
    scale: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, ends: tuple[Array, Array, Array, Array], knee: float, dims: int, *, flat: bool) -> None:
        super().__init__()
        for name, end in zip(("centre", "scale", "low", "high"), ends, strict=True):
            self.register_buffer(name, torch.from_numpy(np.array(end, np.float64)).view(-1, *(1,) * dims))
        self.knee, self.flat = knee, flat

    def forward(self, unit: Tensor) -> Tensor:
        """(B, C, *spatial) -> the same, or (B, length)."""
        u = unit.to(torch.float64)
        beyond = (u.abs() - self.knee).clamp(0.0, 700.0)
        u = u.clamp(-self.knee, self.knee) + torch.sign(u) * torch.expm1(beyond)
        values = torch.minimum(torch.maximum(u * self.scale + self.centre, self.low), self.high)
        return values[:, 0] if self.flat else values


def generator_module(
    generator: GeneratorNetwork, noise: Tensor, values: nn.Module, dtype: np.dtype[Any], n_classes: int
) -> GeneratorModule:
    """A module of a generator on the CPU and what decodes its samples, in `eval` mode and without gradients.

    Parameters
    ----------
    generator : GeneratorNetwork
        Is moved into the module.
    noise : Tensor of shape (k,)
        That `GeneratorNetwork.at` takes.
    values : nn.Module
        From a network's samples to values: `PixelValues`, `SignalValues`.
    dtype : dtype
        Of the training data.
    n_classes : int
        Conditions.
    """
    module = GeneratorModule(generator, noise, values, _torch_integer(dtype), n_classes)
    return module.eval().requires_grad_(False)


def _torch_integer(dtype: np.dtype[Any]) -> torch.dtype | None:
    """The dtype of rounded output, or None for floats."""
    if dtype.kind == "f":
        return None
    if dtype in (np.uint8, np.bool_):
        return torch.uint8
    return torch.int32 if np.can_cast(dtype, np.int32) else torch.int64
