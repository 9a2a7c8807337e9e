"""A limit on the networks that a model file can ask for.

The sizes of networks stand in a file's config, and their weights beside it. An altered config could ask for a million
layers, or for a layer of a terabyte, before the weights are compared with it. Within a `TensorBudget` such a network is
refused while it is being built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from ganaug.exceptions import ModelFileError
from ganaug.utils.types import Array

__all__ = ["TensorBudget"]

# Beside the weights: buffers that are computed, and the calls that it takes to make a layer.
SPARE_VALUES, SPARE_CALLS = 2**20, 2000
VALUES_FOR_EACH, CALLS_FOR_EACH = 8, 40


class TensorBudget(TorchFunctionMode):
    """Within the block, torch makes no more and no larger tensors than networks with these weights need.

    Parameters
    ----------
    weights : iterable of ndarray
        The arrays of the file.

    Raises
    ------
    ModelFileError
        Within the block, where more is asked for.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from ganaug.utils.tensor_budget import TensorBudget
    >>> with TensorBudget([np.zeros((3, 4))]):
    ...     torch.zeros(3, 4, dtype=torch.float32).shape
    torch.Size([3, 4])
    """

    def __init__(self, weights: Iterable[Array]) -> None:
        super().__init__()
        sizes = [array.size for array in weights]
        self.largest = SPARE_VALUES + max(sizes, default=0)
        self.values = SPARE_VALUES * 4 + VALUES_FOR_EACH * sum(sizes)
        self.calls = SPARE_CALLS + CALLS_FOR_EACH * len(sizes)

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call a function of torch, and count what it gives."""
        self.calls -= 1
        found = func(*args, **(kwargs or {}))  # memory is taken where it is written to, and not before
        if isinstance(found, torch.Tensor):
            size = found.numel()
            self.values -= size
            if size > self.largest:
                raise ModelFileError(f"its config asks for an array of {size:,} values, which the file does not hold")
        if self.calls < 0 or self.values < 0:
            raise ModelFileError("its config asks for larger networks than the file holds")
        return found
