"""Containers of tables: each opens into columns and closes again over new ones.

One class for each kind, one line for each in `CONTAINERS`. The rest of the codec
sees a `Table`: numbered columns of equal length.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from ganaug.codecs.plain import Array, State
from ganaug.codecs.values import from_json, pack_values, to_json, unpack_values
from ganaug.exceptions import DataWarning, InvalidDataError, InvalidTypeError

__all__ = ["CONTAINERS", "Container", "Table", "container_of", "is_tensor"]

_HUGE = 2**30


@dataclass(frozen=True)
class Table:
    """Columns by number; ``names`` where the container has them."""

    n_rows: int
    n_columns: int
    get: Callable[[int], Any]
    names: pd.Index | None = None


def _matrix(X: Array) -> Table:
    if X.ndim == 1:
        raise InvalidDataError(
            "Expected 2D array, got 1D array instead. Reshape your data either using array.reshape(-1, 1) if your "
            "data has a single feature or array.reshape(1, -1) if it contains a single sample."
        )
    if X.ndim != 2:
        raise InvalidDataError(f"Found array with dim {X.ndim}, while dim <= 2 is required: a table of rows, columns")
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
        raise InvalidDataError("the rows differ in length; give every row the same number of columns") from error
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


@dataclass(frozen=True)
class SparseContainer:
    """A scipy sparse matrix or array. Encoding makes it dense one column at a time."""

    format: str
    array: bool
    dtype: np.dtype[Any]

    @classmethod
    def fit(cls, X: Any) -> SparseContainer:
        """Note class, format and dtype."""
        return cls(X.format, isinstance(X, sp.sparray), X.dtype)

    @staticmethod
    def open(X: Any) -> Table:
        """Dense columns, made when asked for."""
        if X.ndim != 2:
            raise InvalidDataError(f"Expected a 2D sparse array, got {X.ndim}D. Reshape your data to rows and columns.")
        n_rows, n_columns = X.shape
        if n_rows * n_columns * 4 > _HUGE:
            warnings.warn(
                f"a sparse table of {n_rows} x {n_columns} takes {n_rows * n_columns * 4 / _HUGE:.1f} GB when it is "
                "encoded, for generators are dense; select columns or reduce dimensions first",
                DataWarning,
                stacklevel=2,
            )
        by_column = sp.csc_array(X)
        by_column.sum_duplicates()

        def get(j: int) -> Array:
            a, b = by_column.indptr[j], by_column.indptr[j + 1]
            out = np.zeros(n_rows, dtype=by_column.dtype)
            out[by_column.indices[a:b]] = by_column.data[a:b]
            return out

        return Table(n_rows, n_columns, get)

    def close(self, columns: Sequence[Any], n_rows: int) -> Any:
        """A sparse table of the same class, format and dtype."""
        rows = [np.flatnonzero(column) for column in columns]
        data = [np.asarray(column)[at] for column, at in zip(columns, rows, strict=True)]
        indptr = np.cumsum([0, *map(len, rows)])
        parts = (np.concatenate(data).astype(self.dtype), np.concatenate(rows), indptr)
        shape = (n_rows, len(columns))
        made = sp.csc_array(parts, shape=shape) if self.array else sp.csc_matrix(parts, shape=shape)
        return made.asformat(self.format)

    def get_state(self) -> State:
        """Config and arrays."""
        return {"format": self.format, "array": self.array, "dtype": self.dtype.str}, {}

    @classmethod
    def from_state(cls, config: dict[str, Any], arrays: dict[str, Array]) -> SparseContainer:
        """The container that `get_state` took apart."""
        return cls(config["format"], config["array"], np.dtype(config["dtype"]))


@dataclass(frozen=True)
class FrameContainer:
    """A DataFrame. Comes back with a RangeIndex."""

    columns: pd.Index

    @classmethod
    def fit(cls, X: Any) -> FrameContainer:
        """Note the columns' names."""
        return cls(X.columns)

    @staticmethod
    def open(X: Any) -> Table:
        """Arrays behind the columns."""
        if not X.columns.is_unique:
            twice = list(dict.fromkeys(X.columns[X.columns.duplicated()].tolist()))
            raise InvalidDataError(f"columns {twice!r} occur more than once; give every column its own name")
        dtypes = X.dtypes.to_list()
        if dtypes and isinstance(dtypes[0], np.dtype) and dtypes[0].kind in "iufb" and len(set(dtypes)) == 1:
            values = X.to_numpy()
            return Table(*X.shape, lambda j: values[:, j], X.columns)

        def get(j: int) -> Any:
            column = X.iloc[:, j]
            return column.to_numpy() if isinstance(column.dtype, np.dtype) else column.array

        return Table(*X.shape, get, X.columns)

    def close(self, columns: Sequence[Any], n_rows: int) -> Any:
        """A DataFrame."""
        dtypes = {c.dtype for c in columns} if all(isinstance(c, np.ndarray) for c in columns) else set()
        if len(dtypes) == 1 and next(iter(dtypes)).kind in "iufb":
            # laid out the way pandas keeps a block, so that nothing is copied again
            frame = pd.DataFrame(np.stack(columns).T, copy=False)
        else:
            frame = pd.DataFrame(dict(enumerate(columns)), index=pd.RangeIndex(n_rows))
            wrong = [j for j, c in enumerate(columns) if frame.dtypes.iloc[j] != c.dtype]
            for j in wrong:  # pandas reads text into object arrays unasked
                frame[j] = pd.Series(columns[j], dtype=columns[j].dtype)
        frame.columns = self.columns
        return frame

    def get_state(self) -> State:
        """Config and arrays."""
        names = [to_json(name) for name in self.columns.names]
        if isinstance(self.columns, pd.MultiIndex):
            return {"multi": [to_json(key) for key in self.columns], "names": names}, {}
        if isinstance(self.columns, pd.RangeIndex):
            span = [self.columns.start, self.columns.stop, self.columns.step]
            return {"range": span, "names": names}, {}
        config, arrays = pack_values(self.columns)
        return {"index": config, "names": names}, arrays

    @classmethod
    def from_state(cls, config: dict[str, Any], arrays: dict[str, Array]) -> FrameContainer:
        """The container that `get_state` took apart."""
        names = [from_json(name) for name in config["names"]]
        if "multi" in config:
            return cls(pd.MultiIndex.from_tuples([from_json(key) for key in config["multi"]], names=names))
        if "range" in config:
            return cls(pd.RangeIndex(*config["range"], name=names[0]))
        return cls(unpack_values(config["index"], arrays).set_names(names))


CONTAINERS: dict[str, Any] = {
    "frame": FrameContainer,
    "sparse": SparseContainer,
    "tensor": TensorContainer,
    "array": ArrayContainer,
    "list": ListContainer,
}

Container = Any  # any of CONTAINERS; they share fit, open, close, get_state and from_state


def is_tensor(X: Any) -> bool:
    """Whether X is a torch tensor, without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(X, torch.Tensor)


_MATCHES: list[tuple[Callable[[Any], bool], str]] = [
    (lambda X: isinstance(X, pd.DataFrame), "frame"),
    (sp.issparse, "sparse"),
    (is_tensor, "tensor"),
    (lambda X: isinstance(X, (list, tuple)), "list"),
    (lambda X: isinstance(X, np.ndarray), "array"),
    (lambda X: hasattr(X, "__array__") or hasattr(X, "__array_interface__"), "array-like"),
]


def container_of(X: Any) -> tuple[str, Any]:
    """The kind of container, and X as that kind opens it.

    Raises
    ------
    InvalidTypeError
        If X is no table.
    """
    kind = next((name for matches, name in _MATCHES if matches(X)), None)
    if isinstance(X, pd.Series):
        raise InvalidDataError(
            "Expected a 2D table, got a Series. Reshape your data: series.to_frame() makes a table of one column."
        )
    if kind == "array-like":
        return "array", np.asarray(X)
    if kind is None:
        raise InvalidTypeError(
            f"cannot read a table from {type(X).__name__!r}; give a DataFrame, a 2D array, a scipy sparse matrix, "
            "a torch tensor or a list of rows"
        )
    return kind, X
