"""The passes of a residual perceptron, written out: what autograd does for it, in a third of the calls.

With the small layers of a table half the time of a step went to bookkeeping: some thirty nodes for each pass forward
and as many back, each with tensors of its own. Here a pass is one node. Which derivatives there are:

- of the features in the weights (`_Teaches`) and in the input (`_Reaches`): nodes of their own, because autograd asks a
  node for all derivatives or none, and a step of one player wants only one kind of each network's;
- of the derivative in the input, once more, in the weights (`_Slope`): penalties on slopes are made of it. Between
  its bends the network is linear, so nothing flows back through the forward pass.

A network is told by its weights in a row: those of the first layer (weight, bias), then of each block (weight, bias,
second weight); see `ResidualBlock`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["bent", "features", "slope"]

BEND = 0.2  # of the leaky rectifier below zero
_BENT = torch.ops.aten.leaky_relu_backward.default

Weights = Sequence[Tensor]


def bent(slope: Tensor, x: Tensor) -> Tensor:
    """``slope * act'(x)`` for the leaky ReLU, of which ``x`` is input or result. All (B, width)."""
    result: Tensor = _BENT(slope, x, BEND, False)
    return result


def features(x: Tensor, shift: Tensor | None, weights: Weights) -> Tensor:
    """The last hidden layer, differentiable in all its arguments, and in ``x`` and then in the weights.

    Parameters
    ----------
    x : Tensor of shape (B, n_in)
    shift : Tensor of shape (B, width), optional
        Is added to the first layer's result.
    weights : sequence of Tensor
        As above.

    Returns
    -------
    Tensor of shape (B, width)
    """
    kept: list[Tensor] = []
    if not torch.is_grad_enabled():
        return _forward(x, shift, weights, kept)
    result: Tensor = _Teaches.apply(kept, x.detach(), shift, *weights)
    if x.requires_grad:
        reached: Tensor = _Reaches.apply(result, x, kept, *weights)
        return reached
    return result


def slope(of_features: Tensor, x: Tensor, shift: Tensor | None, weights: Weights) -> Tensor:
    """The gradient at ``x`` of what has this gradient at the features, differentiable in both. -> (B, n_in)."""
    kept: list[Tensor] = []
    with torch.no_grad():
        result = _forward(x, shift, weights, kept)
    at_input: Tensor = _Slope.apply(of_features, result, kept, *weights)
    return at_input


def _blocks(kept: Weights, weights: Weights) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Weights and both activations of each block, the last block first."""
    for place in range(len(kept) // 2 - 1, -1, -1):
        first, _, second = weights[2 + 3 * place : 5 + 3 * place]
        yield first, second, kept[2 * place], kept[2 * place + 1]


def _forward(x: Tensor, shift: Tensor | None, weights: Weights, kept: list[Tensor]) -> Tensor:
    """The features; both activations of each block go to ``kept``, of which the sign is the input's."""
    stream = torch.addmm(weights[1], x, weights[0].t())
    if shift is not None:
        stream += shift
    for place in range(2, len(weights), 3):
        first, bias, second = weights[place : place + 3]
        outer = F.leaky_relu(stream, BEND)
        inner = F.leaky_relu_(torch.addmm(bias, outer, first.t()), BEND)
        stream.addmm_(inner, second.t())
        kept += (outer, inner)
    return F.leaky_relu_(stream, BEND)


class _Teaches(torch.autograd.Function):
    """The features as a function of the weights, and of the shift."""

    @staticmethod
    def forward(ctx: Any, kept: list[Tensor], x: Tensor, shift: Tensor | None, *weights: Tensor) -> Tensor:
        result = _forward(x, shift, weights, kept)
        ctx.kept = kept
        ctx.save_for_backward(result, x, *weights)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        result, x, *weights = ctx.saved_tensors
        slope = bent(slope, result)
        grads: list[Tensor] = []
        for first, second, outer, inner in _blocks(ctx.kept, weights):
            within = bent(slope @ second, inner)
            grads = [within.t() @ outer, within.sum(0), slope.t() @ inner, *grads]
            slope.add_(bent(within @ first, outer))
        return None, None, slope if ctx.needs_input_grad[2] else None, slope.t() @ x, slope.sum(0), *grads


class _Reaches(torch.autograd.Function):
    """Adds to the features the way back to the input."""

    @staticmethod
    def forward(ctx: Any, result: Tensor, x: Tensor, kept: list[Tensor], *weights: Tensor) -> Tensor:
        ctx.kept = kept
        ctx.save_for_backward(result, *weights)
        return result.view_as(result)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        result, *weights = ctx.saved_tensors
        return slope, _Slope.apply(slope, result.detach(), ctx.kept, *weights), None, *(None for _ in weights)


class _Slope(torch.autograd.Function):
    """From the gradient at the features to that at the input, differentiable in the former and in the weights."""

    @staticmethod
    def forward(ctx: Any, slope: Tensor, result: Tensor, kept: list[Tensor], *weights: Tensor) -> Tensor:
        slope = bent(slope, result)
        passed: list[Tensor] = []
        for first, second, outer, inner in _blocks(kept, weights):
            within = bent(slope @ second, inner)
            passed += (slope, within)
            slope = slope + bent(within @ first, outer)
        ctx.kept, ctx.passed = kept, passed
        ctx.save_for_backward(slope, result, *weights)
        return slope @ weights[0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, second: Tensor) -> tuple[Tensor | None, ...]:
        slope, result, *weights = ctx.saved_tensors
        grads: list[Tensor | None] = [slope.t() @ second, None]
        second = second @ weights[0].t()
        blocks = reversed(list(_blocks(ctx.kept, weights)))
        for place, (first, last, outer, inner) in enumerate(blocks, 1):
            before, within = ctx.passed[len(ctx.passed) - 2 * place :][:2]
            at_outer = bent(second, outer)
            at_inner = bent(at_outer @ first.t(), inner)
            grads += (within.t() @ at_outer, None, before.t() @ at_inner)
            second.addmm_(at_inner, last.t())
        return bent(second, result), None, None, *grads
