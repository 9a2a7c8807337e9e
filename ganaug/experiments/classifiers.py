"""Classifiers for tables, and how numeric and categorical columns are prepared for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from ganaug.exceptions import InvalidTypeError

__all__ = [
    "Floats",
    "Table",
    "as_frame",
    "as_numbers",
    "as_texts",
    "default_classifiers",
    "numeric_columns",
    "preprocessing",
    "rows_of",
    "stacked_rows",
]

Floats = npt.NDArray[np.float64]
Table = pd.DataFrame | npt.NDArray[Any]
Dtype = np.dtype[Any] | pd.api.extensions.ExtensionDtype

MAX_LEVELS = 50  # one-hot columns of one category column; the rarest levels share the last
MISSING = "<missing>"


def default_classifiers() -> dict[str, Any]:
    """The classifiers of `compare` unless others are given: name to classifier, with scikit-learn's defaults.

    Examples
    --------
    >>> from ganaug.experiments import default_classifiers
    >>> len(default_classifiers())
    6
    """
    return {
        "logistic regression": LogisticRegression(max_iter=1000),
        "kNN": KNeighborsClassifier(),
        "decision tree": DecisionTreeClassifier(),
        "random forest": RandomForestClassifier(),
        "HistGradientBoosting": HistGradientBoostingClassifier(),
        "MLP": MLPClassifier(),
    }


def preprocessing(frame: pd.DataFrame) -> ColumnTransformer:
    """Impute, scale and one-hot encode: median and standard score of numbers, indicators of categories.

    A missing category is a category of its own, as is any that was not seen in training (all zeros).
    """
    numeric = numeric_columns(frame)
    numbers = make_pipeline(
        FunctionTransformer(as_numbers),
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
    )
    categories = make_pipeline(
        FunctionTransformer(as_texts),
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MAX_LEVELS, sparse_output=False),
    )
    parts = [
        ("numbers", numbers, np.flatnonzero(numeric).tolist()),
        ("categories", categories, np.flatnonzero(~numeric).tolist()),
    ]
    return ColumnTransformer(parts, sparse_threshold=0.0).set_output(transform="default")


# ---- Tables ----------------------------------------------------------------------------------------


def as_frame(X: Any, columns: pd.Index[Any] | None = None) -> pd.DataFrame:
    """A table as a DataFrame; the columns of an array get the names given, or numbers."""
    if isinstance(X, pd.DataFrame):
        return X
    if not isinstance(X, np.ndarray) or X.ndim != 2:
        raise InvalidTypeError(f"X is a {type(X).__name__}; give a DataFrame or a two-dimensional array")
    frame = pd.DataFrame(X, columns=columns)
    return frame.infer_objects() if X.dtype == object else frame


def rows_of(X: Table, rows: npt.NDArray[np.intp]) -> Table:
    """Some rows of a DataFrame or array, by position."""
    return X.iloc[rows].reset_index(drop=True) if isinstance(X, pd.DataFrame) else X[rows]


def stacked_rows(first: Table, second: Table) -> Table:
    """One table under the other, in the container of the first."""
    if isinstance(first, pd.DataFrame):
        return pd.concat([first, as_frame(second, first.columns)], ignore_index=True)
    return np.concatenate([first, np.asarray(second, dtype=first.dtype)])


def numeric_columns(frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which columns are numbers or dates; booleans, texts and categories are not."""
    return np.array([_is_date(dtype) or _is_number(dtype) for dtype in frame.dtypes], dtype=bool)


def _is_number(dtype: Dtype) -> bool:
    return bool(pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype))


def _is_date(dtype: Dtype) -> bool:
    return bool(pd.api.types.is_datetime64_any_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype))


def as_numbers(frame: pd.DataFrame) -> Floats:
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


def as_texts(frame: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Categories as texts; a missing one is a category of its own."""
    texts = np.empty(frame.shape, dtype=object)
    for position in range(frame.shape[1]):
        column = frame.iloc[:, position]
        values = column.astype(object).map(str, na_action="ignore").to_numpy(dtype=object)
        texts[:, position] = np.where(column.isna().to_numpy(), MISSING, values)
    return texts
