"""Checks of a table before it is learnt from: names, sizes, types that can be saved, identifiers."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import pandas as pd

from ganaug.encoding.column_values import ColumnValues, Table
from ganaug.encoding.dtype_state import zone_state
from ganaug.encoding.dtypes import CategoricalAdapterBase, DtypeAdapter
from ganaug.exceptions import GanaugError, InvalidDataError, InvalidTypeError
from ganaug.utils.types import STORED_DTYPES, State

__all__ = [
    "check_columns",
    "check_names",
    "check_size",
    "check_storable",
    "conversion_of",
    "describe",
    "each_column",
    "full_name",
    "identifier_warning",
    "refuse_infinities",
]

# --------------------------------------------------------------------------------------
# Checks of a table's names and size, and the names of columns in messages.


Found = TypeVar("Found")

_SHOWN = 5
# A method of a foreign table -> the code that converts it to pandas. The first match counts.
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

    Parameters
    ----------
    seen, given : Index or None
        Names of the columns in fit, and now; None where the container has none.
    n_seen, n_given : int
        Numbers of columns.
    owner : str
        The estimator that messages speak of.

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


def refuse_infinities(table: Table, adapters: Sequence[DtypeAdapter]) -> None:
    """Refuse infinite numbers and name the columns that hold them."""
    bad = []
    for j in range(len(adapters)):
        if adapters[j].family == "real":
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


def each_column(table: Table, do: Callable[[Any, int], Found]) -> Iterator[tuple[int, Found]]:
    """Do something with each column; errors of ganaug gain the column's name."""
    for j in range(table.n_columns):
        try:
            result = do(table.get(j), j)
        except GanaugError as error:
            raise type(error)(f"{describe(table.names, j)}: {error}") from error
        yield j, result


def full_name(value: object) -> str:
    """The type with its library: "'polars.DataFrame'"."""
    kind = type(value)
    return repr(f"{kind.__module__.partition('.')[0]}.{kind.__name__}")


def conversion_of(value: object, name: str) -> str | None:
    """What to do with a table or column of another library; None if it is not known to be one.

    Examples
    --------
    >>> class Frame:
    ...     def to_pandas(self): ...
    >>> from ganaug.encoding.table_checks import conversion_of
    >>> conversion_of(Frame(), "X")
    'convert it with X = X.to_pandas()'
    """
    found = next((line for method, line in _CONVERSIONS.items() if hasattr(type(value), method)), None)
    return None if found is None else f"convert it with {name} = {found.format(name)}"


# --------------------------------------------------------------------------------------
# Identifier warnings: columns that should not be learnt from, identifiers and free text.


_MIN_ROWS = 50
_UNIQUE_SHARE = 0.9
_LONG = 40
_DROP = "; drop it before fitting"
# Amounts with separators, signs or a currency; dates and times with at least two parts. Not plain digits, nor
# three groups of digits that are no date.
_AMOUNT = r"[-+(]?[^\w\s.,:/-]? ?\d{1,3}(?:([., '])\d{3})*(?:[.,]\d+)? ?(?:[^\w\s.,:/-]|[A-Z]{3})?\)?-?"
_DATE = r"(?:\d{4}[-/.]\d\d?[-/.]\d\d?|\d\d?[-/.]\d\d?[-/.](?:\d{4}|\d\d))(?:[T ,].*)?|-?\d+:[0-5]\d(?::[0-5]\d.*)?"
_WRITTEN = re.compile(rf"(?=.*\d.*\D|.*\D.*\d)(?:{_AMOUNT}|{_DATE})")


def identifier_warning(adapter: DtypeAdapter, cells: ColumnValues) -> str | None:
    """Why a column should not be learnt from and what to do, as the rest of a sentence; None if it is fine."""
    values = cells.present()
    if len(values) < _MIN_ROWS:
        return None
    if isinstance(adapter, CategoricalAdapterBase):
        levels = adapter.levels
        texts = [v for v in levels[:1000] if isinstance(v, str)]
        long = bool(texts) and np.mean([len(t) >= _LONG and " " in t.strip() for t in texts]) > 0.5
        if long and len(levels) > 0.5 * len(values):
            return f"looks like free text (long and hardly ever repeated){_DROP}"
        if len(texts) and len(levels) > _UNIQUE_SHARE * len(values):
            if np.mean([_WRITTEN.fullmatch(text) is not None for text in texts]) > _UNIQUE_SHARE:
                return (
                    f"holds numbers or dates as text, such as {texts[0]!r}; make numbers or dates of them before "
                    "fitting, for as text only values that occur are drawn"
                )
            return f"looks like an identifier (nearly every row has a value of its own){_DROP}"
        return None
    if adapter.family == "real" and values.dtype.kind in "iu" and _counts_up(values):
        return f"looks like an identifier (whole numbers that count up, no two alike){_DROP}"
    return None


def _counts_up(values: Any) -> bool:
    if bool((values[1:] > values[:-1]).all()):
        return True
    span = int(values.max()) - int(values.min())
    return span == len(values) - 1 and len(np.unique(values)) == len(values)


# --------------------------------------------------------------------------------------
# What is learnt can be saved: the state of each part is written and read once before training.


class Stored(Protocol):
    """What has a state."""

    def get_state(self) -> State:
        """Config and arrays."""
        ...


# A model file has room for 50 million characters in its config.
_MOST_TEXT = 40_000_000


def check_storable(part: Stored, where: str) -> int:
    """Write the state of a part of a codec as `ganaug.utils.state` would, read it, and compare.

    Parameters
    ----------
    part : object
        With ``get_state`` and ``from_state``.
    where : str
        How messages name it: "column 'amount'".

    Returns
    -------
    int
        The characters that it takes in a model file's config.

    Raises
    ------
    InvalidDataError, InvalidTypeError
        If it could not be saved, or would come back as something else. The message begins with ``where``.
    """
    try:
        config, arrays = part.get_state()
        text = json.dumps(config, allow_nan=False)
        odd = [name for name, array in arrays.items() if array.dtype.name not in STORED_DTYPES]
        if odd:
            raise TypeError(f"numbers of dtype {arrays[odd[0]].dtype}")
        again = type(part).from_state(json.loads(text), arrays)  # type: ignore[attr-defined]
        changed = [name for name, value in _learnt(part) if not _same(value, getattr(again, name))]
        if changed:
            raise TypeError(f"its {changed[0].strip('_')} would come back otherwise")
    except (InvalidDataError, InvalidTypeError) as error:
        raise type(error)(f"{where}: {error}") from error
    except (GanaugError, TypeError, ValueError, OverflowError, AttributeError, KeyError) as error:
        raise InvalidTypeError(
            f"{where} cannot be stored in a model file ({error}); convert it to plain numbers, text or dates"
        ) from error
    return len(text)


def check_columns(adapters: Iterable[DtypeAdapter], names: Iterable[str]) -> None:
    """`check_storable` of the adapters of all columns.

    Raises
    ------
    InvalidDataError, InvalidTypeError
        Naming the column.
    """
    total, largest, known = 0, (0, ""), set()
    for adapter, name in zip(adapters, names, strict=True):
        key = (
            (type(adapter), adapter.dtype)
            if isinstance(adapter.dtype, np.dtype) and adapter.dtype.kind in "biuf"
            else None
        )
        if key in known:  # thousands of columns of one dtype
            continue
        size = check_storable(adapter, name)
        if key is not None and not hasattr(adapter, "blank"):
            known.add(key)
        total, largest = total + size, max(largest, (size, name))
    if total > _MOST_TEXT:
        raise InvalidDataError(
            f"{largest[1]} has more different values than a model file has room for; drop it, or make it text"
        )


def _learnt(part: Any) -> list[tuple[str, Any]]:
    names = [field.name for field in dataclasses.fields(part)] if dataclasses.is_dataclass(part) else list(vars(part))
    return [(name, getattr(part, name)) for name in names]


def _same(one: object, other: Any) -> bool:
    """Whether two learnt values are equal, type by type."""
    if isinstance(one, (pd.Index, np.ndarray)):
        # a RangeIndex equals an Index of the same integers
        kinds = {pd.Index if isinstance(side, pd.RangeIndex) else type(side) for side in (one, other)}
        return len(kinds) == 1 and _same_values(one, other)
    if isinstance(one, pd.CategoricalDtype):
        return one.ordered == other.ordered and _same(one.categories, other.categories)
    if isinstance(one, (np.dtype, pd.api.extensions.ExtensionDtype)):
        return bool(one == other)
    if isinstance(one, dt.tzinfo):
        return zone_state(one) == zone_state(other)
    if one is None or one is pd.NA or one is pd.NaT:
        return one is other
    return type(one) is type(other) and bool(one == other or (one != one and other != other))


def _same_values(one: Any, other: Any) -> bool:
    if len(one) != len(other) or one.dtype != other.dtype:
        return False
    if isinstance(one, pd.Index):
        return list(one.names) == list(other.names) and one.equals(other) and _same_types(one, other)
    if one.dtype.kind != "O":
        return np.array_equal(one, other, equal_nan=one.dtype.kind in "fmM")
    return all(map(_same, one, other))


def _same_types(one: pd.Index, other: pd.Index) -> bool:
    if isinstance(one, pd.MultiIndex):
        levels = range(one.nlevels)
        return all(_same_values(one.get_level_values(i), other.get_level_values(i)) for i in levels)
    return one.dtype != object or list(map(type, one)) == list(map(type, other))
