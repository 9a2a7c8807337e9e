"""What is asked of a table before anything is done with it, and how messages name its columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from ganaug.codecs.plain import Table
from ganaug.exceptions import GanaugError, InvalidDataError

__all__ = [
    "check_names",
    "check_size",
    "conversion_of",
    "describe",
    "each_column",
    "full_name",
    "refuse_infinities",
]

_SHOWN = 5
# A method that such an object has -> the line that makes pandas' own of it. The first that is there counts.
_CONVERSIONS = {
    "to_pandas": "{}.to_pandas()",  # polars, pyarrow, cuDF, Modin, pandas-on-Spark
    "toPandas": "{}.toPandas()",  # Spark
    "collect": "{}.collect().to_pandas()",  # polars' LazyFrame
    "compute": "{}.compute()",  # dask
    "to_dataframe": "{}.to_dataframe()",  # xarray
    "df": "{}.df()",  # DuckDB
}


def describe(names: pd.Index | None, column: int) -> str:
    """The column as messages name it."""
    return f"column {column}" if names is None else f"column {names[column]!r}"


def check_names(seen: pd.Index | None, given: pd.Index | None, n_seen: int, n_given: int, owner: str) -> None:
    """Compare columns with those seen in fit, as scikit-learn does: same names, same order.

    Raises
    ------
    InvalidDataError
        It lists what is missing, what is unexpected, or says that the order differs.
    """
    if seen is not None and given is not None and not seen.equals(given):
        parts = []
        for title, extra in (
            ("Feature names unseen at fit time", _sorted(given[~given.isin(seen)])),
            ("Feature names seen at fit time, yet now missing", _sorted(seen[~seen.isin(given)])),
        ):
            if len(extra):
                rows = "".join(f"- {name}\n" for name in extra[:_SHOWN])
                parts.append(f"{title}:\n{rows}" + ("- ...\n" if len(extra) > _SHOWN else ""))
        if not parts:
            parts.append("Feature names must be in the same order as they were in fit.\n")
        parts.insert(0, "The feature names should match those that were passed during fit.\n")
        raise InvalidDataError("".join(parts))
    if n_seen != n_given:
        raise InvalidDataError(f"X has {n_given} features, but {owner} is expecting {n_seen} features as input")


def _sorted(names: pd.Index) -> list[Any]:
    return sorted(names, key=str)


def check_size(table: Table, rows: bool = True) -> None:
    """Refuse a table without columns and, if ``rows``, one without rows, in scikit-learn's words."""
    shape = (table.n_rows, table.n_columns)
    if table.n_columns == 0:
        raise InvalidDataError(f"Found array with 0 feature(s) (shape={shape}) while a minimum of 1 is required.")
    if rows and table.n_rows == 0:
        raise InvalidDataError(f"Found array with 0 sample(s) (shape={shape}) while a minimum of 1 is required.")


def refuse_infinities(table: Table, faces: list[Any]) -> None:
    """Refuse infinite numbers and name the columns that hold them."""
    bad = []
    for j in range(len(faces)):
        if faces[j].family == "real":
            raw = table.get(j)
            if raw.dtype.kind in "fO" and _infinite(raw):
                bad.append(describe(table.names, j))
    if bad:
        shown = ", ".join(bad[:5]) + (f" and {len(bad) - 5} more" if len(bad) > 5 else "")
        raise InvalidDataError(
            f"Input X contains infinity or a value too large for dtype('float64') in {shown}; "
            "replace it with a finite number or NaN"
        )


def _infinite(raw: Any) -> bool:
    if isinstance(raw, np.ndarray) and raw.dtype.kind == "f":
        return bool(np.isinf(raw).any())
    if raw.dtype.kind == "f":
        return bool(np.isinf(raw.to_numpy(dtype=np.float64, na_value=np.nan)).any())
    numbers = pd.to_numeric(pd.Series(raw), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return bool(np.isinf(numbers).any())


def each_column(table: Table, do: Callable[[Any, int], Any]) -> Iterator[tuple[int, Any]]:
    """Do something with each column; errors of ganaug gain the column's name."""
    for j in range(table.n_columns):
        try:
            result = do(table.get(j), j)
        except GanaugError as error:
            raise type(error)(f"{describe(table.names, j)}: {error}") from error
        yield j, result


def full_name(value: Any) -> str:
    """The type with its library: "'polars.DataFrame'"."""
    kind = type(value)
    return repr(f"{kind.__module__.partition('.')[0]}.{kind.__name__}")


def conversion_of(value: Any, name: str) -> str | None:
    """What to do with a table or column of another library; None if it is not known to be one.

    Examples
    --------
    >>> class Frame:
    ...     def to_pandas(self): ...
    >>> from ganaug.codecs.checks import conversion_of
    >>> conversion_of(Frame(), "X")
    'convert it with X = X.to_pandas()'
    """
    found = next((line for method, line in _CONVERSIONS.items() if hasattr(type(value), method)), None)
    return None if found is None else f"convert it with {name} = {found.format(name)}"
