"""What other libraries hold tables and columns in, and how pandas gets them."""

from __future__ import annotations

from typing import Any

__all__ = ["conversion_of", "full_name"]

# A method that such an object has -> the line that makes pandas' own of it. The first that is there counts.
_CONVERSIONS = {
    "to_pandas": "{}.to_pandas()",  # polars, pyarrow, cuDF, Modin, pandas-on-Spark
    "toPandas": "{}.toPandas()",  # Spark
    "collect": "{}.collect().to_pandas()",  # polars' LazyFrame
    "compute": "{}.compute()",  # dask
    "to_dataframe": "{}.to_dataframe()",  # xarray
    "df": "{}.df()",  # DuckDB
}


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
    >>> from ganaug.codecs.foreign import conversion_of
    >>> conversion_of(Frame(), "X")
    'convert it with X = X.to_pandas()'
    """
    found = next((line for method, line in _CONVERSIONS.items() if hasattr(type(value), method)), None)
    return None if found is None else f"convert it with {name} = {found.format(name)}"
