"""Tables kept as scipy sparse matrices or arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from ganaug.codecs.plain import Array, State, Table
from ganaug.exceptions import DataWarning, InvalidDataError
from ganaug.surroundings import warn

__all__ = ["SparseContainer"]

_HUGE = 2**30


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
            raise InvalidDataError(f"Expected a 2D sparse array, got {X.ndim}D. Reshape your data.")
        n_rows, n_columns = X.shape
        if n_rows * n_columns * 4 > _HUGE:
            warn(
                f"a sparse table of {n_rows} x {n_columns} takes {n_rows * n_columns * 4 / _HUGE:.1f} GB when "
                "it is encoded, for generators are dense; select columns or reduce dimensions first",
                DataWarning,
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
        made: Any = sp.csc_array(parts, shape=shape) if self.array else sp.csc_matrix(parts, shape=shape)
        return made.asformat(self.format)

    def get_state(self) -> State:
        """Config and arrays."""
        return {"format": self.format, "array": self.array, "dtype": self.dtype.str}, {}

    @classmethod
    def from_state(cls, config: dict[str, Any], arrays: dict[str, Array]) -> SparseContainer:
        """The container that `get_state` took apart."""
        return cls(config["format"], config["array"], np.dtype(config["dtype"]))
