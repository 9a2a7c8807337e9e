"""Columns that are counted: times and Decimals as numbers (days, and the amounts themselves), and back, exactly."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd

from ganaug.encoding.column_values import ColumnValues, clip_to
from ganaug.encoding.dtypes import ObjectNumberAdapter, TimesInUnit
from ganaug.utils.types import Array

__all__ = ["as_stored", "count_of", "number_of", "scale_of"]

_PER_DAY = {"W": 1 / 7, "D": 1.0, "h": 24.0, "m": 1440.0, "s": 86400.0, "ms": 864e5, "us": 864e8, "ns": 864e11}
_NANOSECONDS = 864e11
_MIDNIGHT = dt.datetime(2000, 1, 1)


def scale_of(adapter: Any) -> float | None:
    """Counts in one of the numbers that rules compute with; None for what is not counted so (text, months).

    Times are computed with in days, Decimals as they are; all other numbers are counts of 1.
    """
    if isinstance(adapter, TimesInUnit):
        name, count = np.datetime_data(adapter.counted)
        return _PER_DAY[name] / count if name in _PER_DAY else None
    if adapter.family == "decimal":
        return float(10.0**-adapter.exponent)
    return 1.0 if adapter.family == "real" else None


def as_stored(values: Array, adapter: Any) -> Array:
    """Values as they are read again once they are written: no larger than the dtype holds, float32 rounded."""
    if adapter.limits is not None:
        return values.clip(*adapter.limits)
    if isinstance(adapter, ObjectNumberAdapter):
        return np.asarray(adapter.read(adapter.write(ColumnValues(values))).values)
    if adapter.family == "real":
        return np.asarray(clip_to(values, adapter.inner).astype(adapter.inner).astype(values.dtype))
    return values


def number_of(value: Any, adapter: Any) -> float:
    """A value that a user gave, as the number that rules compare a column's with.

    Raises
    ------
    TypeError, ValueError
        If it is of another kind.
    """
    if isinstance(adapter, TimesInUnit):
        return float(_moment_or_duration(value, adapter) / np.timedelta64(1, "ns")) / _NANOSECONDS
    if adapter.family == "choice":
        raise TypeError("text cannot be compared")
    return float(value)


def count_of(value: Any, adapter: Any) -> int | float | None:
    """A value as a column stores it; None if no row of the column can have it.

    Raises
    ------
    TypeError, ValueError
        If it is of another kind.
    """
    if isinstance(adapter, TimesInUnit):
        exact = _moment_or_duration(value, adapter)
        counts = exact.astype(adapter.counted.str.replace("M8", "m8"))
        return int(counts.astype(np.int64)) if counts == exact else None
    number = float(value)
    if adapter.family != "decimal":
        return number
    count = round(number * 10.0**-adapter.exponent)
    return count if abs(count / 10.0**-adapter.exponent - number) <= 1e-12 * abs(number) else None


def _moment_or_duration(value: Any, adapter: Any) -> Any:
    """Since 1970, or of a day's beginning, or the duration, as numpy's timedelta64."""
    if isinstance(value, (bool, int, float, np.number)) and not isinstance(value, np.timedelta64):
        raise TypeError("a number is neither a date nor a duration")
    if adapter.family == "clock":
        if isinstance(value, str):
            value = dt.time.fromisoformat(value)
        if isinstance(value, dt.time):
            value = dt.datetime.combine(_MIDNIGHT.date(), value.replace(tzinfo=None)) - _MIDNIGHT
    if adapter.family in ("clock", "time m"):
        return pd.Timedelta(value).to_timedelta64()
    moment: Any = pd.Timestamp(value)
    zone = _zone(adapter)
    if moment.tzinfo is None and zone is not None:
        moment = moment.tz_localize(zone)
    if moment.tzinfo is not None:
        moment = moment.tz_convert(None)
    return moment.to_datetime64() - np.datetime64(0, "s").astype(moment.to_datetime64().dtype)


def _zone(adapter: Any) -> Any:
    """The time zone of a column."""
    own = getattr(adapter, "zone", None) or getattr(adapter.dtype, "tz", None)
    return own or getattr(getattr(adapter.dtype, "pyarrow_dtype", None), "tz", None)
