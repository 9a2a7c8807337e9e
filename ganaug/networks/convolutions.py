"""Convolutions of one, two and three dimensions, resampling between resolutions, and pyramids of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

from ganaug.exceptions import InvalidParameterError

__all__ = [
    "LARGEST_BASE",
    "LEAKY_GAIN",
    "VOLUME_BASE",
    "Convolution",
    "Level",
    "activate",
    "convolve",
    "enlarge",
    "fast_layout",
    "flat",
    "grid",
    "per_map",
    "pyramid",
    "shrink",
]


class _Context(FunctionCtx):
    """What a function keeps for its gradient."""

    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]
    how: tuple[Sequence[int], Sequence[int]]  # stride and padding of a convolution
    maps: tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]  # a linear map, and its transpose


# --------------------------------------------------------------------------------------
# Smaller and larger images: averages of neighbours, and linear interpolation.


_AVERAGE: dict[int, Any] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
_INTERPOLATION = {1: "linear", 2: "bilinear", 3: "trilinear"}


class _Linear(torch.autograd.Function):
    """A linear map and its transpose, each the derivative of the other.

    PyTorch's own pooling sends zeros back through the forward pass when it is
    differentiated twice, as its rectifiers do (see `ganaug.networks.convolutions`).
    """

    @staticmethod
    def forward(
        ctx: _Context, x: Tensor, there: Callable[[Tensor], Tensor], back: Callable[[Tensor], Tensor]
    ) -> Tensor:
        ctx.maps = there, back
        return there(x)

    @staticmethod
    def backward(ctx: _Context, slope: Tensor) -> tuple[Tensor, None, None]:
        there, back = ctx.maps
        return _Linear.apply(slope, back, there), None, None


def shrink(x: Tensor, size: Sequence[int]) -> Tensor:
    """Averages of up to two neighbours along each axis that is halved, rounding up. (B, C, *from) -> (B, C, *size).

    Along an axis of odd length the last cell is kept as it is.
    """
    full = x.shape[2:]
    sides = [1 if n == m else 2 for n, m in zip(full, size, strict=True)]

    def average(wide: Tensor) -> Tensor:
        result: Tensor = _AVERAGE[len(sides)](wide, sides, sides, ceil_mode=True, count_include_pad=False)
        return result

    def spread(narrow: Tensor) -> Tensor:
        share = narrow / math.prod(sides)
        for axis, (n, m, side) in enumerate(zip(full, size, sides, strict=True), start=2):
            if n < side * m:
                share.narrow(axis, m - 1, 1).mul_(2)  # the last cell had no neighbour
        return F.interpolate(share, size=full, mode="nearest")

    return average(x) if max(sides) == 1 or not x.requires_grad else _Linear.apply(x, average, spread)


def enlarge(x: Tensor, size: Sequence[int]) -> Tensor:
    """Linear interpolation along every axis. (B, C, *from) -> (B, C, *size)."""
    return F.interpolate(x, size=tuple(size), mode=_INTERPOLATION[x.ndim - 2], align_corners=False)


# --------------------------------------------------------------------------------------
# Which sizes a convolutional network passes through, and how wide it is at each.


LARGEST_BASE = 7  # cells along an axis that are not halved any more: halving leaves 4 to 7
# The same in three dimensions: with a base of 7, as files of earlier versions have, networks of volumes of 12 cells a
# side have two resolutions, which is too shallow for shapes at any place.
VOLUME_BASE = 4


@dataclass(frozen=True)
class Level:
    """One resolution of a network.

    Attributes
    ----------
    size : tuple of int
        Cells along each spatial axis.
    channels : int
        Feature maps at this resolution.
    """

    size: tuple[int, ...]
    channels: int


def pyramid(shape: Sequence[int], channels: int, max_channels: int, base: int = LARGEST_BASE) -> list[Level]:
    """Plan the resolutions of a network, the lowest first.

    Each axis is halved, rounding up, until it has at most ``base`` cells, whatever the
    others do. So any size is met exactly, and the number of levels grows with
    the logarithm of the longest axis. Channels double at each halving.

    Parameters
    ----------
    shape : sequence of int
        Channels of a sample, then its 1, 2 or 3 spatial sizes.
    channels, max_channels : int
        Feature maps at full resolution, and the most there are anywhere.
    base : int, default=7
        Cells along an axis that are not halved any more.

    Returns
    -------
    list of Level
        The last one has the size of the sample.

    Raises
    ------
    InvalidParameterError
        If the shape or the widths cannot be those of a network.

    Examples
    --------
    >>> from ganaug.networks.convolutions import pyramid
    >>> [(level.size, level.channels) for level in pyramid((1, 20, 36), 16, 128)]
    [((5, 5), 128), ((5, 9), 64), ((10, 18), 32), ((20, 36), 16)]
    """
    if len(shape) - 1 not in (1, 2, 3) or min(shape) < 1:
        raise InvalidParameterError(
            f"shape={tuple(shape)} is not (channels, length), (channels, height, width) or "
            "(channels, depth, height, width) with at least one of each"
        )
    if min(channels, max_channels) < 1:
        raise InvalidParameterError(f"channels={channels} and max_channels={max_channels} must be at least 1")
    size, width = tuple(int(n) for n in shape[1:]), channels
    levels = [Level(size, min(width, max_channels))]
    while max(size) > base:
        size, width = tuple(-(-n // 2) if n > base else n for n in size), 2 * width
        levels.append(Level(size, min(width, max_channels)))
    return levels[::-1]


# --------------------------------------------------------------------------------------
# Convolutions in one, two and three dimensions that are cheap to differentiate twice.
#
# A penalty on the slope of the discriminator (R1, R2) differentiates its backward
# pass. PyTorch's own second derivatives are right, but slow for this use: the
# weight's part is a convolution with a kernel as large as the image, and the
# activation sends zeros back through the whole forward pass, where they are
# multiplied like any other number. Written out, the same derivatives are three
# ordinary convolutions and one mask: about twice as fast on a CPU.


SLOPE = 0.2  # of the leaky rectifier below zero
LEAKY_GAIN = math.sqrt(2 / (1 + SLOPE**2))  # keeps the variance through it (He et al. 2015, equation 15)

_CONVOLVE: dict[int, Any] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_LAYOUTS = {2: torch.channels_last, 3: torch.channels_last_3d}


def fast_layout(x: Tensor) -> Tensor:
    """The same samples with their channels side by side in memory, which convolutions on a CPU prefer."""
    layout = _LAYOUTS.get(x.ndim - 2)
    return x if layout is None else x.contiguous(memory_format=layout)


def per_map(values: Tensor, x: Tensor) -> Tensor:
    """One number for each feature map of each sample, shaped to meet ``x``. (B, C) -> (B, C, 1, ...)."""
    return values.view(*values.shape, *(1,) * (x.ndim - 2))


def _slopes(
    slope: Tensor, x: Tensor, weight: Tensor, how: tuple[Sequence[int], Sequence[int]], wanted: tuple[bool, bool, bool]
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of a convolution in its input, weight and bias, as far as they are wanted.

    Not `torch.nn.grad.conv2d_input`, which knows the input's shape but not its layout, and so loses it.
    """
    none, one = (0,) * len(how[0]), (1,) * len(how[0])
    return torch.ops.aten.convolution_backward(slope, x, weight, weight.shape[:1], *how, one, False, none, 1, wanted)


def grid(vectors: Tensor, size: Sequence[int]) -> Tensor:
    """Rows as feature maps, in the layout of `fast_layout`. (B, cells * C) -> (B, C, *size)."""
    return vectors.view(vectors.shape[0], *size, -1).movedim(-1, 1)


def flat(x: Tensor) -> Tensor:
    """Feature maps as rows; the opposite of `grid`. (B, C, *size) -> (B, cells * C)."""
    return x.movedim(1, -1).flatten(1)


class _TeachesWeight(torch.autograd.Function):
    """A convolution as a function of its weight alone: a node that only runs where the weight's gradient is wanted."""

    @staticmethod
    def forward(
        ctx: _Context, weight: Tensor, bias: Tensor | None, x: Tensor, stride: Sequence[int], padding: Sequence[int]
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.how = stride, padding
        y: Tensor = _CONVOLVE[weight.ndim - 2](x, weight, bias, stride, padding)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: _Context, slope: Tensor) -> tuple[Tensor | None, ...]:
        wanted = (False, True, ctx.needs_input_grad[1])
        x, weight = ctx.saved_tensors
        _, to_weight, to_bias = _slopes(slope, x, weight, ctx.how, wanted)
        return to_weight, to_bias if wanted[2] else None, None, None, None


class _TeachesInput(torch.autograd.Function):
    """Adds to a convolution's result the way back to its input."""

    @staticmethod
    def forward(
        ctx: _Context, y: Tensor, x: Tensor, weight: Tensor, stride: Sequence[int], padding: Sequence[int]
    ) -> Tensor:
        ctx.mark_dirty(y)
        ctx.save_for_backward(x, weight)
        ctx.how = stride, padding
        return y

    @staticmethod
    def backward(ctx: _Context, slope: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        return slope, _Transposed.apply(slope, weight, x.detach(), *ctx.how), None, None, None


class _Transposed(torch.autograd.Function):
    """The slope of a convolution in its input (of which only shape and layout count), differentiable in turn."""

    @staticmethod
    def forward(
        ctx: _Context, slope: Tensor, weight: Tensor, x: Tensor, stride: Sequence[int], padding: Sequence[int]
    ) -> Tensor:
        ctx.save_for_backward(slope, weight)
        ctx.how = stride, padding
        return _slopes(slope, x, weight, ctx.how, (True, False, False))[0]

    @staticmethod
    def backward(ctx: _Context, second: Tensor) -> tuple[Tensor | None, ...]:
        slope, weight = ctx.saved_tensors
        to_slope: Tensor | None = None
        to_weight: Tensor | None = None
        if ctx.needs_input_grad[0]:
            to_slope = _CONVOLVE[weight.ndim - 2](second, weight, None, *ctx.how)
        if ctx.needs_input_grad[1]:
            to_weight = _slopes(slope, second, weight, ctx.how, (False, True, False))[1]
        return to_slope, to_weight, None, None, None


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, stride: Sequence[int], padding: Sequence[int]) -> Tensor:
    """`torch.nn.functional.conv1d`, `conv2d` or `conv3d`, with fast second derivatives.

    The gradient of the weight can be taken once only; asked for twice, it raises.

    Parameters
    ----------
    x : Tensor of shape (B, n_in, *spatial)
    weight : Tensor of shape (n_out, n_in, *kernel)
    bias : Tensor of shape (n_out,), or None
    stride, padding : sequence of int
        One for each spatial axis.

    Returns
    -------
    Tensor of shape (B, n_out, *spatial)
    """
    device = x.device.type
    if torch.is_autocast_enabled(device):  # inside our own functions, autocast would see to one pass only
        dtype = torch.get_autocast_dtype(device)
        x, weight, bias = x.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
    if not torch.is_grad_enabled():
        y: Tensor = _CONVOLVE[weight.ndim - 2](x, weight, bias, stride, padding)
        return y
    y = _TeachesWeight.apply(weight, bias, x.detach(), stride, padding)
    return _TeachesInput.apply(y, x, weight, stride, padding) if x.requires_grad else y


class Convolution(nn.Module):
    """A convolution with weights ``N(0, gain^2 / fan_in)`` from a private generator and zero bias.

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    kernel : int or sequence of int
        Odd where the stride is 1, so that ``padding=None`` keeps the size.
    rng : torch.Generator
        Source of the weights. With ``gain=0`` nothing is drawn.
    dims : int
        Spatial axes: 1, 2 or 3.
    gain : float, default=1
        Scale of the weights.
    bias : bool, default=True
        Whether there is one.
    stride, padding : sequence of int, optional
        One for each axis.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel: int | Sequence[int],
        rng: torch.Generator,
        dims: int,
        *,
        gain: float = 1.0,
        bias: bool = True,
        stride: Sequence[int] | None = None,
        padding: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        sides = (kernel,) * dims if isinstance(kernel, int) else tuple(kernel)
        self.stride = tuple(stride or (1,) * dims)
        self.padding = tuple(k // 2 for k in sides) if padding is None else tuple(padding)
        weight = torch.zeros(n_out, n_in, *sides, dtype=torch.float32)
        if gain:
            weight.normal_(0.0, gain / math.sqrt(n_in * math.prod(sides)), generator=rng)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(n_out, dtype=torch.float32)) if bias else None

    def forward(self, x: Tensor) -> Tensor:  # (B, n_in, *spatial) -> (B, n_out, *spatial)
        return convolve(x, self.weight, self.bias, self.stride, self.padding)


class _LeakyInPlace(torch.autograd.Function):
    @staticmethod
    def forward(ctx: _Context, x: Tensor) -> Tensor:
        ctx.mark_dirty(x)
        F.leaky_relu_(x, SLOPE)
        ctx.save_for_backward(x)
        return x

    @staticmethod
    def backward(ctx: _Context, slope: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        # Detached, because a rectifier's slope does not change with its input: no zeros to send back.
        back: Tensor = torch.ops.aten.leaky_relu_backward(slope, y.detach(), SLOPE, True)
        return back


def activate(x: Tensor) -> Tensor:
    """Leaky rectifier with slope 0.2, in place: ``x``, a layer's fresh result, is overwritten."""
    result: Tensor = _LeakyInPlace.apply(x) if x.requires_grad else F.leaky_relu_(x, SLOPE)
    return result
