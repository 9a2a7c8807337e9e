"""Numbers and categories of a table, seen in one way by the samplers and by the classifiers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ganaug.exceptions import InvalidTypeError

__all__ = ["as_frame", "as_numbers", "as_texts", "number_columns", "rows_of", "stacked_rows"]

MISSING = "<missing>"


def as_frame(X: Any, columns: Any = None) -> pd.DataFrame:
    """A table as a DataFrame; one that is none gets ``columns``, or numbers, as names."""
    if isinstance(X, pd.DataFrame):
        return X
    if not isinstance(X, np.ndarray) or X.ndim != 2:
        raise InvalidTypeError(f"X is a {type(X).__name__}; give a DataFrame or a two-dimensional array")
    frame = pd.DataFrame(X, columns=columns)
    return frame.infer_objects() if X.dtype == object else frame


def rows_of(X: Any, rows: Any) -> Any:
    """Some rows of a DataFrame or array, by position."""
    return X.iloc[rows].reset_index(drop=True) if isinstance(X, pd.DataFrame) else X[rows]


def stacked_rows(first: Any, second: Any) -> Any:
    """One table under the other, in the container of the first."""
    if isinstance(first, pd.DataFrame):
        return pd.concat([first, as_frame(second, first.columns)], ignore_index=True)
    return np.concatenate([first, np.asarray(second, dtype=first.dtype)])


def number_columns(frame: pd.DataFrame) -> list[bool]:
    """Which columns are numbers or dates; booleans, texts and categories are not."""
    return [_is_number(dtype) for dtype in frame.dtypes]


def _is_number(dtype: Any) -> bool:
    is_bool = pd.api.types.is_bool_dtype(dtype)
    return _is_date(dtype) or (pd.api.types.is_numeric_dtype(dtype) and not is_bool)


def _is_date(dtype: Any) -> bool:
    return bool(pd.api.types.is_datetime64_any_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype))


def as_numbers(frame: pd.DataFrame) -> np.ndarray:
    """Numbers as float64, dates as their integers; missing values are NaN."""
    columns = []
    for position in range(frame.shape[1]):
        column = frame.iloc[:, position]
        if _is_date(column.dtype):
            columns.append(column.astype("int64").to_numpy(float, copy=True))
            columns[-1][column.isna().to_numpy()] = np.nan
        else:
            columns.append(column.to_numpy(dtype=float, na_value=np.nan))
    return np.column_stack(columns) if columns else np.zeros((len(frame), 0))


def as_texts(frame: pd.DataFrame) -> np.ndarray:
    """Categories as texts; a missing one is a category of its own."""
    texts = np.empty(frame.shape, dtype=object)
    for position in range(frame.shape[1]):
        column = frame.iloc[:, position]
        values = column.astype(object).map(str, na_action="ignore").to_numpy(dtype=object)
        texts[:, position] = np.where(column.isna().to_numpy(), MISSING, values)
    return texts
