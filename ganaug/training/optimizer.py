"""One step down a gradient, for all parameters of a network at once."""

from __future__ import annotations

import math
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

__all__ = ["FlatAdam", "adam", "flatten"]

Network = TypeVar("Network", bound=nn.Module)


class FlatAdam(Generic[Network]):
    """A network whose parameters lie side by side in one vector, with the state of their optimiser.

    One vector makes a step of Adam, the average and a snapshot a few operations
    each; with the small networks of a table the time goes to dispatch. Adam is
    written out for the same reason: importing `torch.optim` takes 1.7 s and 150
    MB in each worker process, because it brings torch's compiler.
    """

    def __init__(self, network: Network, learning_rate: float, betas: tuple[float, float]) -> None:
        self.network = network
        self.flat = flatten(network)
        self.parameters = list(network.parameters())
        self._plain = not any(channels_last(p) for p in self.parameters)
        self.mean = torch.zeros_like(self.flat)
        self.square = torch.zeros_like(self.flat)
        self.learning_rate, self.betas, self.steps = learning_rate, betas, 0
        self.rate = learning_rate

    def step(self, loss: Tensor, rate: float) -> Tensor:
        """One step of Adam down the gradient of ``loss``; returns the gradient."""
        return self.apply_gradient(self.gradient_of(loss), rate)

    def gradient_of(self, loss: Tensor) -> Tensor:
        """The gradient of ``loss`` in one vector."""
        grads = torch.autograd.grad(loss, self.parameters, materialize_grads=True)
        if not self._plain:
            grads = tuple(in_order(g, p) for g, p in zip(grads, self.parameters, strict=True))
        return torch.cat([g.reshape(-1) for g in grads])

    def apply_gradient(self, gradient: Tensor, rate: float) -> Tensor:
        """One step of Adam down a gradient, which is returned."""
        self.rate = self.learning_rate * rate
        adam(self.flat, gradient, self.mean, self.square, self.steps, self.rate, self.betas)
        self.steps += 1
        return gradient


@torch.no_grad()
def adam(
    weights: Tensor,
    gradient: Tensor,
    mean: Tensor,
    square: Tensor,
    steps: int,
    rate: float,
    betas: tuple[float, float],
    eps: float = 1e-8,
) -> None:
    """One step of Adam in place, after ``steps`` earlier ones; Kingma and Ba 2015, algorithm 1. All (n,)."""
    fade_mean, fade_square = betas
    if fade_mean:
        mean.lerp_(gradient, 1 - fade_mean)
    else:
        mean = gradient  # without momentum, as R3GAN trains: an operation less
    square.mul_(fade_square).addcmul_(gradient, gradient, value=1 - fade_square)
    bias_mean, bias_square = (1 - fade ** (steps + 1) for fade in betas)
    # as at the end of their section 2: the corrections of bias in the step size, not in the vectors
    root = math.sqrt(bias_square)
    weights.addcdiv_(mean, square.sqrt().add_(eps * root), value=-rate * root / bias_mean)


def flatten(network: nn.Module) -> Tensor:
    """Move all parameters into one vector, of which they become views. Returns the vector."""
    parameters = list(network.parameters())
    flat = torch.cat([in_order(p.detach(), p).reshape(-1) for p in parameters])
    start = 0
    for p in parameters:
        shape = in_order(p, p).shape
        view = flat[start : start + p.numel()].view(shape)
        p.data = view.permute(0, 3, 1, 2) if channels_last(p) else view
        start += p.numel()
    return flat


def channels_last(p: Tensor) -> bool:
    """Whether the kernels of a convolution lie in memory channel by channel: those make images lie so, too.

    Of kernels of one channel, or one cell, only the strides say so; and torch goes by them.
    """
    if p.ndim != 4:
        return False
    _, channels, height, width = p.shape
    return p.stride() == (channels * height * width, 1, channels * width, channels)


def in_order(values: Tensor, like: Tensor) -> Tensor:
    """A view of ``values`` whose axes apply_gradient one another as those of ``like`` do in memory."""
    return values.permute(0, 2, 3, 1) if channels_last(like) else values
