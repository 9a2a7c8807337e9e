"""Tables as columns of numbers and of category codes, read alike from every sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ganaug.encoding.adapters import floats_of
from ganaug.encoding.column_values import Table
from ganaug.encoding.containers import CONTAINERS, container_of
from ganaug.encoding.table_checks import check_names, check_size, each_column
from ganaug.exceptions import InvalidDataError, InvalidTypeError
from ganaug.metrics.nearest import Floats

__all__ = ["MAX_LEVELS", "ColumnKind", "TableReader"]

# In joint shares and in features the levels beyond the most frequent ones are one.
MAX_LEVELS = 20

Values = npt.NDArray[Any]


@dataclass(frozen=True)
class ColumnKind:
    """What a column is.

    Attributes
    ----------
    name : str
    kind : {"number", "category"}
        Dates and durations are numbers: seconds. Booleans and text are categories.
    levels : pandas.Index or None
        Of a category, the most frequent first.
    """

    name: str
    kind: Literal["number", "category"]
    levels: pd.Index | None = None


class TableReader:
    """Reads tables by the columns of the first one.

    Attributes
    ----------
    columns : tuple of ColumnKind
    """

    def fit(self, X: Any) -> TableReader:
        """Note the columns' names, kinds and levels. Of a table of shape (n, d), d > 0."""
        table = _open(X)
        check_size(table)
        self._names = table.names
        names = range(table.n_columns) if table.names is None else table.names
        kinds = [kind for _, kind in each_column(table, lambda raw, j: _kind_of(_series(raw), str(names[j])))]
        self.columns: tuple[ColumnKind, ...] = tuple(kinds)
        return self

    def read(self, X: Any) -> list[Values]:
        """Columns of a table of the same names and order.

        Returns
        -------
        list of ndarray of shape (n,)
            float64 with NaN for missing; or int64 codes into the levels, -1 for missing and the number of
            levels for any value that the first table does not have.
        """
        table = _open(X)
        check_names(self._names, table.names, len(self.columns), table.n_columns, "evaluate")
        return [read for _, read in each_column(table, lambda raw, j: _read(_series(raw), self.columns[j]))]


def _open(X: Any) -> Table:
    kind, X = container_of(X)
    opened: Table = CONTAINERS[kind].open(X)
    return opened


def _series(raw: Any) -> pd.Series:
    if isinstance(raw, pd.arrays.SparseArray):
        raw = np.asarray(raw)
    series = pd.Series(raw, dtype=raw.dtype)
    return series


def _kind_of(column: pd.Series, name: str) -> ColumnKind:
    holds = _holds(column)
    if holds != "category":
        return ColumnKind(name, "number")
    try:
        counts = column.astype(object).value_counts()  # the most frequent first, equals as they came
    except TypeError as error:
        raise InvalidTypeError(f"holds nested values, which cannot be compared: {error}") from error
    return ColumnKind(name, "category", counts.index)


def _holds(column: pd.Series) -> str:
    dtype = column.dtype
    if pd.api.types.is_bool_dtype(dtype):
        return "category"
    if isinstance(dtype, pd.ArrowDtype) or pd.api.types.is_object_dtype(dtype):
        return "category" if _floats(column) is None else "float"
    if pd.api.types.is_numeric_dtype(dtype):
        return "number"
    if dtype.kind in "mM":
        return "date"
    return "category"


def _floats(column: pd.Series) -> Floats | None:
    """Numbers of what Arrow keeps and of objects, read as the codec does; what it refuses is a category."""
    try:
        return floats_of(np.asarray(column) if column.dtype == object else column.array)
    except InvalidTypeError:
        return None


def _read(column: pd.Series, kind: ColumnKind) -> Values:
    return _read_codes(column, kind) if kind.kind == "category" else _read_numbers(column)


def _read_numbers(column: pd.Series) -> Floats:
    holds = _holds(column)
    if holds == "float":
        found = _floats(column)
        if found is not None and np.isinf(found).any():
            raise InvalidDataError("contains infinity; replace it with a finite number or NaN")
        return np.full(len(column), np.nan) if found is None else found
    if holds == "date":
        since = column if column.dtype.kind == "m" else _since_epoch(column)
        return since.dt.total_seconds().to_numpy(dtype=np.float64, na_value=np.nan)
    try:
        numbers = pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise InvalidDataError(f"is a number in the real rows and is not here: {error}") from error
    if np.isinf(numbers).any():
        raise InvalidDataError("contains infinity; replace it with a finite number or NaN")
    return numbers


def _since_epoch(column: pd.Series) -> pd.Series:
    dates = pd.to_datetime(column, utc=True)
    return dates - pd.Timestamp("1970-01-01", tz="UTC").as_unit("s")


def _read_codes(column: pd.Series, kind: ColumnKind) -> npt.NDArray[np.int64]:
    levels = kind.levels if kind.levels is not None else pd.Index([])
    values = column.astype(object)
    codes = levels.get_indexer(pd.Index(values, dtype=object)).astype(np.int64)
    missing = values.isna().to_numpy()
    return np.where(missing, -1, np.where(codes < 0, len(levels), codes))
