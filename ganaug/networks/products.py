"""The product of a layer where nothing is learnt from it."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["product"]

# torch's own for float32 is MKL, which leaves half of an AMD processor's vector units idle; oneDNN does not. Nothing
# public leads there without a copy to and fro. Where torch has it no longer, or never had it, MKL or the like serves.
_ONEDNN: Any = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None


def product(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, slope: float = 1.0, plus: Tensor | None = None
) -> Tensor:
    """``x @ weight.T + bias``, without a way back for gradients. (B, n_in), (n_out, n_in), (n_out,) -> (B, n_out).

    What is below zero is multiplied by ``slope``, as a leaky ReLU does; or ``plus`` (B, n_out) is added: not both.

    Examples
    --------
    >>> import torch
    >>> from ganaug.networks.products import product
    >>> product(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]]), torch.tensor([0.5]))
    tensor([[11.5000]])
    """
    result: Tensor
    if _ONEDNN is None or x.device.type != "cpu" or not x.numel():
        result = F.linear(x, weight, bias)
        return F.leaky_relu(result, slope) if plus is None else result + plus
    if plus is not None:  # one pass over the result less
        result = _ONEDNN.binary(x, plus, weight, bias, "add")
    elif slope == 1:
        result = _ONEDNN(x, weight, bias, "none", [], "")
    else:
        result = _ONEDNN(x, weight, bias, "leaky_relu", [slope], "")
    return result
