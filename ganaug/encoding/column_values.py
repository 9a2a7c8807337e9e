"""A column between its dtype and its encoding: the values, casts that lose nothing, and what encodes them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ganaug.encoding.serialization import StateMixin
from ganaug.exceptions import InvalidDataError
from ganaug.utils.types import Array, DType

__all__ = ["NEVER_MISSING", "ColumnModel", "ColumnValues", "Table", "clip_to", "is_missing", "native_of", "to_native"]


NEVER_MISSING = "has missing values but had none in the data given to fit; fill or drop them"


@dataclass(frozen=True)
class ColumnValues:
    """A column without its dtype.

    Attributes
    ----------
    values : ndarray of shape (n,), dtype float64, int64 or uint64
        Numbers, or codes into the levels of a choice column. Where ``missing``
        is True a number is 0 and a code -1.
    missing : ndarray of shape (n,), dtype bool, or None
        None where nothing is missing.
    """

    values: Array
    missing: Array | None = None

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Array) -> ColumnValues:
        """The same column at some rows only."""
        return ColumnValues(self.values[rows], None if self.missing is None else self.missing[rows])

    def present(self) -> Array:
        """The values that are not missing."""
        return self.values if self.missing is None else self.values[~self.missing]


def is_missing(mask: Array) -> Array | None:
    """The mask, or None where it is False throughout."""
    return mask if mask.any() else None


@dataclass(frozen=True)
class Table:
    """Columns by number; ``names`` where the container has them."""

    n_rows: int
    n_columns: int
    get: Callable[[int], Any]
    names: pd.Index | None = None


class ColumnModel(StateMixin, ABC):
    """The encoding of one column: some scores, and one of several states.

    Subclasses are frozen dataclasses with a ``fit`` of their own.
    """

    missing: bool

    @property
    @abstractmethod
    def n_scalars(self) -> int:
        """Scores of a row."""

    @property
    @abstractmethod
    def n_states(self) -> int:
        """States that a row can be in; with more than one, each has an indicator."""

    @property
    def scored_state(self) -> int:
        """The state whose rows have scores that count."""
        return 0

    @abstractmethod
    def encode(self, cells: ColumnValues) -> tuple[Array, Array]:
        """Scores (n, n_scalars) float32 and states (n,) int64."""

    @abstractmethod
    def decode(self, scores: Array, states: Array) -> ColumnValues:
        """The column of any finite scores and any states in 0..n_states."""

    @abstractmethod
    def round_trip(self, scores: Array, states: Array) -> tuple[Array, Array]:
        """The encoding of what they decode to."""

    @abstractmethod
    def possible(self) -> tuple[Array, bool]:
        """All values that can come out, or the smallest and the largest; and whether these are all."""

    @abstractmethod
    def summary(self) -> dict[str, Any]:
        """Facts for the user."""


def native_of(dtype: DType) -> DType:
    """float64, int64 or uint64, whichever holds the dtype exactly."""
    if dtype.kind == "f":
        return np.dtype(np.float64)
    return np.dtype(np.uint64 if dtype.kind == "u" and dtype.itemsize == 8 else np.int64)


def clip_to(values: Array, dtype: DType) -> Array:
    """Values that a cast to the dtype can neither wrap around nor make infinite."""
    if dtype.kind == "f" and dtype.itemsize < values.dtype.itemsize:
        return values.clip(np.finfo(dtype).min, np.finfo(dtype).max)
    if dtype.kind not in "iu":
        return values
    info = np.iinfo(dtype)
    own = np.iinfo(values.dtype)
    return values.clip(max(info.min, own.min), min(info.max, own.max))


def to_native(cells: ColumnValues, native: DType) -> ColumnValues:
    """Numbers given in another dtype than in fit, where nothing is lost by it."""
    values = cells.values
    if values.dtype == native:
        return cells
    with np.errstate(invalid="ignore"):
        out = values.astype(native)
    if native.kind != "f" and not np.array_equal(out.astype(values.dtype), values):
        raise InvalidDataError("has values that are not whole or too large, but held integers in fit")
    return ColumnValues(out, cells.missing)
