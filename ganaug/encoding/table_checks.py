"""Checks of samples before they are learnt from: tables, and whether two sets of samples are on one scale.

A profile of values is enough to see that two sets of samples are on different scales, and holds
nothing of a single one.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import numpy as np
import pandas as pd

from ganaug.encoding.dtype_state import zone_state
from ganaug.encoding.dtypes import CategoricalAdapterBase, ColumnValues, DtypeAdapter, Table
from ganaug.exceptions import GanaugError, InvalidDataError, InvalidTypeError, ModelFileError
from ganaug.utils.types import STORED_DTYPES, Array, State

__all__ = [
    "DataProfile",
    "ValueProfile",
    "check_columns",
    "check_names",
    "check_scale",
    "check_size",
    "check_storable",
    "class_names",
    "conversion_of",
    "describe",
    "difference",
    "each_column",
    "full_name",
    "identifier_warning",
    "name_classes",
    "names_of_labels",
    "refuse_foreign",
    "refuse_infinities",
    "value_profile",
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
    "to_table": "{}.to_table().to_pandas()",  # pyarrow's datasets
    "read_pandas": "{}.read_pandas()",  # pyarrow's readers
}
# Libraries whose tables are refused also where a dataset, or whatever has a length, would do.
_LIBRARIES = {"cudf", "dask", "dask_expr", "duckdb", "ibis", "modin", "polars", "pyarrow", "pyspark", "vaex", "xarray"}


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


def refuse_foreign(value: object, name: str) -> None:
    """Refuse a table of another library where none is read, by its name and with the line that converts it.

    Raises
    ------
    InvalidTypeError

    Examples
    --------
    >>> import pyarrow as pa
    >>> from ganaug.encoding.table_checks import refuse_foreign
    >>> refuse_foreign(pa.table({"a": [1, 2]}), "X_syn")
    Traceback (most recent call last):
        ...
    ganaug.exceptions.InvalidTypeError: X_syn cannot be a 'pyarrow.Table'; convert it with X_syn = X_syn.to_pandas()
    """
    foreign = type(value).__module__.partition(".")[0] in _LIBRARIES
    is_array = hasattr(value, "shape") and not hasattr(value, "columns")  # dask's and xarray's are read as numpy's are
    advice = conversion_of(value, name) if foreign and not is_array else None
    if advice is not None:
        raise InvalidTypeError(f"{name} cannot be a {full_name(value)}; {advice}")


# --------------------------------------------------------------------------------------
# Identifier warnings: columns that should not be learnt from, identifiers and free text.


_MIN_ROWS = 50
_UNIQUE_SHARE = 0.9
_LONG = 40
# Numbers and dates written as text are told from codes and sizes, such as "10%" or "5.0", by how many there are.
_MANY_WRITTEN = 32
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
        alone = bool(texts) and len(levels) > _UNIQUE_SHARE * len(values)
        if alone or (texts and len(levels) > _MANY_WRITTEN):
            if np.mean([_WRITTEN.fullmatch(text) is not None for text in texts]) > _UNIQUE_SHARE:
                return (
                    f"holds numbers or dates as text, such as {texts[0]!r}; make numbers or dates of them before "
                    "fitting (X[column] = pd.to_datetime(X[column]), pd.to_numeric), for as text only values that "
                    "occur are drawn, and rules such as end >= start are neither found nor kept"
                )
        if alone:
            return f"looks like an identifier (nearly every row has a value of its own){_DROP}"
        return None
    if adapter.family == "real" and values.dtype.kind in "iu" and _counts_up(values):
        return f"looks like an identifier (whole numbers that count up, no two alike){_DROP}"
    return None


def _counts_up(values: Array) -> bool:
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


def _learnt(part: object) -> list[tuple[str, Any]]:
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


# --------------------------------------------------------------------------------------
# Profiles of values: enough to see that two sets of samples are on different scales, and nothing of a single one.


# Quantiles that are kept of each channel.
PICTURE = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
ROWS = (0.1, 0.5, 0.9)
# Digits that are kept: too few to reveal a single sample.
DIGITS = {"picture": 3, "rows": 2}
# More channels (columns) than this are profiled together, so that a model file stays small.
MOST_CHANNELS = 64

# Images: how many times one magnitude may be the other. The mistake to find is a factor of 255; this is its square
# root. Within 0 to 1 images may differ more, because they may be dark.
MOST_TIMES, MOST_TIMES_DARK = 16, 64
# A range counts as negative if its lowest values are below zero by this part of its width: noise and overshooting
# filters stay above that, centred values lie below.
BELOW_ZERO = 0.25
# Scales with fixed ends: (lowest, highest), and the range that the other side must stay within.
ENDED = {
    "0 to 1": ((0.0, 1.0), (-0.35, 1.35)),
    "-1 to 1": ((-1.0, 1.0), (-1.3, 1.3)),
    "-0.5 to 0.5": ((-0.5, 0.5), (-0.85, 0.85)),
    "0 to 255": ((0.0, 255.0), (-89.0, 345.0)),
}
# Values on such a scale come this near to an end, as a part of its width.
NEAR = 0.05
# Tables and series: how many times one spread of a channel (10 to 90 % quantile) may be the other, how many spreads
# its median may move, and the share of channels that must exceed one of these.
MOST_SPREADS, MOST_MOVED, MOST_CHANNELS_APART = 3.0, 1.5, 1 / 3


@dataclass(frozen=True)
class ValueProfile:
    """The values of a set of samples.

    Attributes
    ----------
    kind : {"picture", "rows"}
        Samples of at least two axes beside the channels, or series and rows of a table.
    quantiles : tuple of tuple of float
        For each channel (column), ascending: at `PICTURE` or `ROWS`. One for all where there are many.
    ends : (float, float) or None
        The lowest and the highest value of pictures.
    """

    kind: str
    quantiles: tuple[tuple[float, ...], ...]
    ends: tuple[float, float] | None

    @property
    def low(self) -> float:
        """Where values begin, outliers aside."""
        return min(levels[0] for levels in self.quantiles)

    @property
    def high(self) -> float:
        """Where values end, outliers aside."""
        return max(levels[-1] for levels in self.quantiles)

    def __str__(self) -> str:
        return f"{self.low:.3g} to {self.high:.3g}"

    def levels(self, channels: int) -> Array:
        """Typical values, ascending, for each channel: (channels, n)."""
        found = np.array(self.quantiles)
        return found if len(found) == channels else np.repeat(found[:1], channels, 0)


@dataclass(frozen=True)
class DataProfile:
    """What a generator was fitted on, as far as a blend must compare it.

    Attributes
    ----------
    values : ValueProfile or None
        None where samples are no numbers.
    class_names : tuple of (label, str)
        The names of the labels; empty where nothing names them.
    """

    values: ValueProfile | None = None
    class_names: tuple[tuple[Any, str], ...] = ()

    def get_state(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        values = self.values
        return {
            "values": None
            if values is None
            else {"kind": values.kind, "quantiles": [list(q) for q in values.quantiles], "ends": _listed(values.ends)},
            "class_names": [list(pair) for pair in self.class_names],
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> DataProfile:
        """The profile that `get_state` took apart.

        Raises
        ------
        ModelFileError
            If it is none.
        """
        try:
            names = tuple((label, name) for label, name in state["class_names"])
            if not all(isinstance(label, (int, str)) and isinstance(name, str) for label, name in names):
                raise ValueError("names that are no text")
            found = state["values"]
            return cls(None if found is None else _values_from(found), names)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(f"the stored profile of the training data cannot be read: {error!r}") from error


def _values_from(state: dict[str, Any]) -> ValueProfile:
    length = {"picture": len(PICTURE), "rows": len(ROWS)}[state["kind"]]
    quantiles = np.array(state["quantiles"], np.float64)
    ends = None if state["ends"] is None else np.array(state["ends"], np.float64)
    whole = quantiles.ndim == 2 and quantiles.shape[1] == length and 0 < len(quantiles) <= MOST_CHANNELS
    if not whole or not np.isfinite(quantiles).all() or (np.diff(quantiles, axis=1) < 0).any():
        raise ValueError(f"quantiles of shape {quantiles.shape}")
    if (state["kind"] == "picture") != (ends is not None) or not (ends is None or ends.shape == (2,)):
        raise ValueError("ends")
    if ends is not None and not (np.isfinite(ends).all() and ends[0] <= ends[1]):
        raise ValueError("ends")
    pair = None if ends is None else (float(ends[0]), float(ends[1]))
    return ValueProfile(state["kind"], tuple(map(tuple, quantiles.tolist())), pair)


def _listed(pair: tuple[float, float] | None) -> list[float] | None:
    return None if pair is None else list(pair)


def class_names(generator: object) -> dict[Any, str]:
    """Label to the name of its class, as a fitted generator knows them; empty where it does not."""
    profile = getattr(generator, "data_profile_", None)
    return dict(profile.class_names) if isinstance(profile, DataProfile) else {}


def name_classes(generator: Any, names: Sequence[str] | None) -> None:
    """Tell a fitted generator what its classes are called, which it was fitted on without their names."""
    profile = getattr(generator, "data_profile_", None)
    if names and isinstance(profile, DataProfile) and generator.classes_ is not None:
        named = names_of_labels(list(generator.classes_), names)
        generator.data_profile_ = replace(profile, class_names=named or profile.class_names)


def value_profile(samples: Array) -> ValueProfile | None:
    """The profile of samples.

    Parameters
    ----------
    samples : ndarray of shape (n, C) or (n, C, ...), booleans, integers or floats

    Returns
    -------
    ValueProfile or None
        None where there is no finite number.
    """
    if samples.ndim < 2 or samples.size == 0 or samples.dtype.kind not in "biuf":
        return None
    kind = "picture" if samples.ndim >= 4 else "rows"
    values = np.moveaxis(samples, 1, 0).reshape(samples.shape[1], -1).astype(np.float64)  # (C, n)
    if len(values) > MOST_CHANNELS:
        values = values.reshape(1, -1)
    if not np.isfinite(values).all():
        values = values[:, np.isfinite(values).all(0)]
    if values.size == 0:
        return None
    at = PICTURE if kind == "picture" else ROWS
    found = _rounded(np.quantile(values, at, axis=1).T, DIGITS[kind])
    ends = None
    if kind == "picture":
        low, high = _rounded(np.array([values.min(), values.max()]), DIGITS[kind]).tolist()
        ends = low, high
    return ValueProfile(kind, tuple(map(tuple, found.tolist())), ends)


def _rounded(values: Array, digits: int) -> Array:
    return np.array([float(f"{value:.{digits}g}") for value in values.ravel().tolist()]).reshape(values.shape)


# --------------------------------------------------------------------------------------
# Comparing two profiles.


def difference(one: ValueProfile | None, other: ValueProfile | None) -> str | None:
    """Why two sets of samples cannot be on one scale, or None.

    Parameters
    ----------
    one, other : ValueProfile or None
        None is never on another scale.

    Notes
    -----
    Pictures differ if one of these holds; quantiles at 1 and 99 % are their range.

    - One has a scale with ends (0 to 1, -1 to 1, -0.5 to 0.5, 0 to 255: no value lies beyond, and some come within
      5 % of an end), and the other has another such scale, or reaches more than about a third of the width beyond.
    - One has values far below zero (a quarter of its width), and the other none: it starts at zero, or lies in 0 to 1.
    - The larger magnitude is more than 16 times the other (64 times, where both lie in 0 to 1).
    - The gap between the ranges is wider than both, and not both in 0 to 1 or in 0 to 255.

    Darker, brighter, flatter, noisier pictures on one scale pass. Of tables and series the 10, 50 and 90 % quantiles of
    each channel are compared: more than a third of the channels must have 3 times the spread, a median that moved
    by 1.5 spreads, or values below zero where the other has none. Channels that hardly vary are not asked.
    """
    if one is None or other is None or one.kind != other.kind:
        return None
    return RULES[one.kind](one, other)


def _pictures_differ(one: ValueProfile, other: ValueProfile) -> str | None:
    pair = (one, other)
    if any(side.high <= side.low for side in pair):
        return None  # of flat pictures nothing can be told
    scales = [_scale(side) for side in pair]
    for scale, side, rival in ((scales[0], one, other), (scales[1], other, one)):
        if scale is not None:
            least, most = ENDED[scale][1]
            if rival.low < least or rival.high > most:
                return f"the values {side} are on the scale of {scale}, the values {rival} go beyond it"
    if None not in scales and scales[0] != scales[1]:
        return f"the values {one} are on the scale of {scales[0]}, the values {other} on that of {scales[1]}"
    signed = [side.low <= -BELOW_ZERO * (side.high - side.low) for side in pair]
    positive = [_positive(side) for side in pair]
    if (signed[0] and positive[1]) or (signed[1] and positive[0]):
        return (
            f"the values {one if signed[0] else other} go below zero, the values {other if signed[0] else one} do not"
        )
    sizes = [max(abs(side.low), abs(side.high)) for side in pair]
    dark = all(_within(side, -0.02, 1.02) for side in pair)
    if max(sizes) > (MOST_TIMES_DARK if dark else MOST_TIMES) * min(sizes):
        return f"the values {one if sizes[0] > sizes[1] else other} are {max(sizes) / min(sizes):.3g} times as large"
    gap = max(one.low - other.high, other.low - one.high)
    if gap > max(side.high - side.low for side in pair):
        if not dark and not all(_within(side, -0.5, 255.5) for side in pair):
            return f"the ranges {one} and {other} lie apart"
    return None


def _scale(side: ValueProfile) -> str | None:
    """The scale with ends that the values are on, if that can be told."""
    assert side.ends is not None
    low, high = side.ends
    for name, ((least, most), _) in ENDED.items():
        slack = NEAR * (most - least)
        if low < least - slack / 10 or high > most + slack / 10:
            continue
        bottom, top = low <= least + slack, high >= most - slack
        if top if least == 0 else (bottom and top) if name == "-0.5 to 0.5" else (bottom or top) and low < least / 4:
            return name
    return None


def _positive(side: ValueProfile) -> bool:
    """Whether nothing lies below zero, and that is no accident: the range starts there, or is within 0 to 1."""
    assert side.ends is not None
    return side.low >= -0.02 * (side.high - side.low) and (side.low <= 0.1 * side.high or _within(side, -0.02, 1.02))


def _within(side: ValueProfile, least: float, most: float) -> bool:
    return side.low >= least and side.high <= most


def _rows_differ(one: ValueProfile, other: ValueProfile) -> str | None:
    if len(one.quantiles) != len(other.quantiles):
        return None
    a, b = np.array(one.quantiles), np.array(other.quantiles)  # (C, 3)
    spreads = np.stack([a[:, 2] - a[:, 0], b[:, 2] - b[:, 0]])
    asked = spreads.min(0) > 0
    if not asked.any():
        return None
    a, b, spreads = a[asked], b[asked], spreads[:, asked]
    widest = spreads.max(0)
    times = widest / spreads.min(0)
    moved = np.abs(a[:, 1] - b[:, 1]) / widest
    crossed = (np.minimum(a[:, 0], b[:, 0]) <= -0.15 * widest) & (np.maximum(a[:, 0], b[:, 0]) >= 0)
    crossed &= np.abs(a[:, 0] - b[:, 0]) > 0.5 * widest
    apart = (times > MOST_SPREADS) | (moved > MOST_MOVED) | crossed
    if apart.mean() <= MOST_CHANNELS_APART:
        return None
    place = int(np.argmax(apart))
    name = f"of channel {int(np.flatnonzero(asked)[place])} " if len(asked) > 1 else ""
    ranges = [f"{levels[place, 0]:.3g} to {levels[place, 2]:.3g}" for levels in (a, b)]
    return f"the values {name}are mostly {ranges[0]} on one side and {ranges[1]} on the other"


# kind -> comparison of two profiles of that kind
RULES: Mapping[str, Callable[[ValueProfile, ValueProfile], str | None]] = {
    "picture": _pictures_differ,
    "rows": _rows_differ,
}


def names_of_labels(labels: Sequence[Any], names: Sequence[str] | None) -> tuple[tuple[Any, str], ...]:
    """The names of labels that are places in a list of names; empty unless every label has one.

    Parameters
    ----------
    labels : sequence
        Those that occur.
    names : sequence of str or None
        The name at place ``i`` is that of label ``i``.
    """
    if not names or len(set(names)) != len(names):
        return ()
    whole = [label.item() if hasattr(label, "item") else label for label in labels]
    if not all(isinstance(label, int) and not isinstance(label, bool) and 0 <= label < len(names) for label in whole):
        return ()
    return tuple((label, names[label]) for label in whole)


def check_scale(X_real: Any, X: Any, name: str) -> None:
    """Refuse floats of 0 to 1 beside integers of 0 to 255: the same images on another scale."""
    whole = ["int" in str(each.dtype) for each in (X_real, X)]
    if whole[0] == whole[1]:
        return
    ends = [float(abs(each).max()) if len(each) else 0.0 for each in (X_real, X)]
    if min(ends) > 0 and max(ends) > 20 * min(ends):
        real, other = (f"{each.dtype} up to {end:.4g}" for each, end in zip((X_real, X), ends, strict=True))
        raise InvalidDataError(f"{name} is {other}, and X_real {real}: bring both to one scale")
