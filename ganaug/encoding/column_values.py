"""What every table and every column becomes between its owner's form and its encoding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import pandas as pd

__all__ = ["NEVER_MISSING", "Array", "ColumnValues", "State", "Table", "is_missing"]

Array = npt.NDArray[Any]
State = tuple[dict[str, Any], dict[str, Array]]

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
