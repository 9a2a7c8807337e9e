"""A small convolutional classifier, the same for every arm."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganaug.networks.base import linear

__all__ = ["SmallCNN"]

_CONVOLVE = {1: F.conv1d, 2: F.conv2d}
_NORM = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}
# Width of the kernels: series are longer than images are wide.
KERNEL = {1: 7, 2: 3}


class _Block(nn.Module):
    """Convolution, batch normalisation, rectifier."""

    def __init__(self, n_in: int, n_out: int, dims: int, stride: int, rng: torch.Generator) -> None:
        super().__init__()
        kernel = KERNEL[dims]
        std = math.sqrt(2 / (n_in * kernel**dims))  # He et al. 2015
        shape = n_out, n_in, *(kernel,) * dims
        self.weight = nn.Parameter(torch.empty(shape, dtype=torch.float32).normal_(0.0, std, generator=rng))
        self.norm = _NORM[dims](n_out, dtype=torch.float32)
        self.dims, self.stride, self.padding = dims, stride, kernel // 2

    def forward(self, x: Tensor) -> Tensor:  # (B, n_in, *spatial) -> (B, n_out, *spatial / stride)
        return F.relu(self.norm(_CONVOLVE[self.dims](x, self.weight, None, self.stride, self.padding)))


class SmallCNN(nn.Module):
    """Five convolutions, the second and the fourth halving each side, the mean over all places, and a linear layer.

    At the default width it has 0.14 million weights. Batch statistics are fine here, other than in
    a GAN: a classifier is asked about real items only.

    Parameters
    ----------
    n_channels, n_classes : int
    dims : {1, 2}
        Of a series, of an image.
    rng : torch.Generator
        Of the first weights.
    width : int, default=32
        Feature maps of the first convolution; the last one has four times as many.
    """

    def __init__(self, n_channels: int, n_classes: int, dims: int, rng: torch.Generator, width: int = 32) -> None:
        super().__init__()
        sizes = [n_channels, width, width, 2 * width, 2 * width, 4 * width]
        strides = [1, 2, 1, 2, 1]
        pairs = zip(sizes, sizes[1:], strides, strict=False)
        self.blocks = nn.Sequential(*(_Block(n_in, n_out, dims, stride, rng) for n_in, n_out, stride in pairs))
        self.head = linear(sizes[-1], n_classes, rng)

    def features(self, x: Tensor) -> Tensor:  # (B, C, *spatial) -> (B, 4 width)
        """What the last layer sees."""
        return self.blocks(x).flatten(2).mean(2)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, *spatial) -> (B, n_classes)
        """Logits."""
        return self.head(self.features(x))
