"""Smaller and larger images: averages of neighbours, and linear interpolation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["enlarge", "shrink"]

_AVERAGE: dict[int, Any] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
_INTERPOLATION = {1: "linear", 2: "bilinear", 3: "trilinear"}


class _Linear(torch.autograd.Function):
    """A linear map and its transpose, each the derivative of the other.

    PyTorch's own pooling sends zeros back through the forward pass when it is
    differentiated twice, as its rectifiers do (see `ganaug.networks.convolutions`).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, there: Callable[[Tensor], Tensor], back: Callable[[Tensor], Tensor]) -> Tensor:
        ctx.maps = there, back
        return there(x)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None]:
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
