"""Tables kept as arrays, tensors or lists of rows."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganaug.codecs.plain import Array, State, Table
from ganaug.exceptions import InvalidDataError, InvalidTypeError

__all__ = ["ArrayContainer", "ListContainer", "TensorContainer", "is_tensor"]


def is_tensor(X: Any) -> bool:
    """Whether X is a torch tensor, without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(X, torch.Tensor)


def _matrix(X: Array) -> Table:
    if X.ndim == 1:
        raise InvalidDataError(
            "Expected 2D array, got 1D array instead. Reshape your data either using array.reshape(-1, 1) if "
            "your data has a single feature or array.reshape(1, -1) if it contains a single sample."
        )
    if X.ndim == 0:
        raise InvalidDataError("Expected 2D array, got scalar array instead. Reshape your data.")
    if X.ndim != 2:
        raise InvalidDataError(f"Found array with dim {X.ndim}, while dim <= 2 is required.")
    return Table(X.shape[0], X.shape[1], lambda j: X[:, j])


def _stack(columns: Sequence[Any], n_rows: int, dtype: np.dtype[Any]) -> Array:
    out = np.empty((n_rows, len(columns)), dtype=dtype)
    for j, column in enumerate(columns):
        out[:, j] = column
    return out


@dataclass(frozen=True)
class ArrayContainer:
    """A 2-D ndarray (of a memmap or a masked array's kin too)."""

    dtype: np.dtype[Any]

    @classmethod
    def fit(cls, X: Any) -> ArrayContainer:
        """Note the dtype."""
        return cls(X.dtype)

    @staticmethod
    def open(X: Any) -> Table:
        """Views of the columns."""
        if isinstance(X, np.ma.MaskedArray):
            raise InvalidTypeError("a masked array cannot be given back; use X.filled(np.nan)")
        return _matrix(np.asarray(X))

    def close(self, columns: Sequence[Any], n_rows: int) -> Any:
        """A C-contiguous array."""
        return _stack(columns, n_rows, self.dtype)

    def get_state(self) -> State:
        """Config and arrays."""
        return {"dtype": self.dtype.str}, {}

    @classmethod
    def from_state(cls, config: dict[str, Any], arrays: dict[str, Array]) -> Any:
        """The container that `get_state` took apart."""
        return cls(np.dtype(config["dtype"]))


class ListContainer(ArrayContainer):
    """A list of rows."""

    @classmethod
    def fit(cls, X: Any) -> ListContainer:
        """Note the dtype numpy finds for it."""
        return cls(_from_list(X).dtype)

    @staticmethod
    def open(X: Any) -> Table:
        """Columns of the array made of it."""
        return _matrix(_from_list(X))

    def close(self, columns: Sequence[Any], n_rows: int) -> Any:
        """A list of lists of Python scalars."""
        return _stack(columns, n_rows, self.dtype).tolist()


def _from_list(X: Any) -> Array:
    try:
        out = np.asarray(X)
    except ValueError as error:
        raise InvalidDataError("the rows differ in length; give each row the same columns") from error
    if out.dtype.kind in "US" or (out.dtype.kind == "O" and out.ndim == 2):
        return np.array(X, dtype=object)  # numpy would turn [1, "a"] into text
    return out


class TensorContainer(ArrayContainer):
    """A 2-D torch tensor; comes back on the CPU."""

    @classmethod
    def fit(cls, X: Any) -> TensorContainer:
        """Note the dtype."""
        name = str(X.dtype).removeprefix("torch.")
        return cls(np.dtype("V2") if name == "bfloat16" else np.dtype(name))

    @staticmethod
    def open(X: Any) -> Table:
        """Columns of a copy on the CPU."""
        X = X.detach().cpu()
        return _matrix((X.float() if str(X.dtype) == "torch.bfloat16" else X).numpy())

    def close(self, columns: Sequence[Any], n_rows: int) -> Any:
        """A tensor."""
        import torch

        if self.dtype.kind == "V":
            return torch.from_numpy(_stack(columns, n_rows, np.dtype(np.float32))).to(torch.bfloat16)
        return torch.from_numpy(_stack(columns, n_rows, self.dtype))
