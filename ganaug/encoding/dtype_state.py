"""Dtypes as JSON: numpy's, pandas', Arrow's, and time zones."""

from __future__ import annotations

import datetime as dt
import importlib
import sys
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from ganaug.exceptions import InvalidTypeError, MissingDependencyError, ModelFileError

__all__ = [
    "arrow",
    "arrow_array",
    "arrow_datasets",
    "dtype_from",
    "dtype_state",
    "type_from",
    "type_state",
    "zone_from",
    "zone_state",
]

# --------------------------------------------------------------------------------------
# pyarrow, which is optional: the only file that imports it.


_NEEDED = "the columns that this model learnt need"
# Types that have parameters and no alias: name in pyarrow -> test in pyarrow.types, and arguments.
_ARGUMENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "timestamp": ("is_timestamp", ("unit", "tz")),
    "decimal128": ("is_decimal128", ("precision", "scale")),
    "decimal256": ("is_decimal256", ("precision", "scale")),
    "decimal32": ("is_decimal32", ("precision", "scale")),
    "decimal64": ("is_decimal64", ("precision", "scale")),
    "binary": ("is_fixed_size_binary", ("byte_width",)),
    "dictionary": ("is_dictionary", ("index_type", "value_type", "ordered")),
}


def arrow(needed_by: str) -> ModuleType:
    """The package pyarrow, with ``pyarrow.parquet``.

    Parameters
    ----------
    needed_by : str
        What needs it, as the start of a sentence: "Parquet files need".

    Raises
    ------
    MissingDependencyError
        If it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependencyError(f"{needed_by} pyarrow: pip install 'ganaug[parquet]'") from error
    return pyarrow


def arrow_datasets(needed_by: str) -> ModuleType:
    """The package pyarrow, with ``.dataset``, ``.csv``, ``.compute`` and ``.fs`` too; raises as `arrow`."""
    arrow(needed_by)
    import pyarrow
    import pyarrow.compute
    import pyarrow.csv
    import pyarrow.dataset
    import pyarrow.fs

    return pyarrow


def type_state(kind: Any) -> Any:
    """A type of Arrow as JSON: its alias, or its name and arguments.

    Raises
    ------
    InvalidTypeError
        If it cannot be written so.
    """
    pa = arrow(_NEEDED)
    for name, (test, arguments) in _ARGUMENTS.items():
        if getattr(pa.types, test, _never)(kind):
            values = [getattr(kind, argument) for argument in arguments]
            state = [name, *(type_state(v) if isinstance(v, pa.DataType) else v for v in values)]
            return state if state[0] != "timestamp" or kind.tz is not None else str(kind)
    try:
        if pa.type_for_alias(str(kind)) == kind:
            return str(kind)
    except ValueError:
        pass
    raise InvalidTypeError(f"has Arrow's type {kind}, which cannot be stored; cast it to another one")


def type_from(state: Any) -> Any:
    """The type that `type_state` wrote."""
    pa = arrow(_NEEDED)
    try:
        if isinstance(state, str):
            return pa.type_for_alias(state)
        name, *arguments = state
        if name not in _ARGUMENTS:
            raise ValueError("it is unknown")
        if name == "dictionary":
            arguments[:2] = map(type_from, arguments[:2])
        return getattr(pa, name)(*arguments)
    except (TypeError, ValueError, AttributeError, pa.ArrowException) as error:
        raise ModelFileError(f"cannot read the stored type of Arrow {state!r}: {error}") from error


def arrow_array(column: Any) -> Any:
    """One array of Arrow, of a column that pandas keeps in it."""
    pa = arrow("columns kept by pyarrow need")
    held = column.__arrow_array__()
    if not isinstance(held, pa.ChunkedArray):
        return held
    return held.chunk(0) if held.num_chunks == 1 else pa.concat_arrays(held.chunks or [pa.array([], held.type)])


def _never(kind: object) -> bool:
    return False


# --------------------------------------------------------------------------------------
# Time zones as JSON: a key, a fixed offset, UTC.


# Files of ganaug 0.x hold the printed name of a zone. pandas reads these, except for this one.
_PRINTED = {"tzutc()": "UTC"}
_MICROSECOND = dt.timedelta(microseconds=1)


@dataclass(frozen=True)
class _Kind:
    """A kind of zone: its test, what is stored of it (None if that is not enough), and how it is made again."""

    fits: Callable[[Any], bool]
    write: Callable[[Any], list[Any] | None]
    read: Callable[..., dt.tzinfo | None]


def zone_state(zone: dt.tzinfo | None) -> list[Any] | None:
    """What a zone is, as JSON; None for no zone.

    Raises
    ------
    InvalidTypeError
        If it is known by no key and has no fixed offset.
    """
    if zone is None:
        return None
    for name, kind in _KINDS.items():
        if not kind.fits(zone):
            continue
        parts = kind.write(zone)
        if parts is not None and _same_clock(zone, kind.read(*parts)):
            return [name, *parts]
        break
    raise InvalidTypeError(
        f"the time zone {zone!r} of type {type(zone).__name__!r} cannot be stored, for it is known by no key and has "
        "no fixed offset; convert the times with tz_convert('UTC') (of Python objects: astimezone(datetime.UTC))"
    )


def zone_from(state: list[Any] | str | None) -> dt.tzinfo | None:
    """The zone that `zone_state` wrote, or that a file of an earlier version names.

    Raises
    ------
    ModelFileError
        If this machine does not know it.
    """
    if state is None:
        return None
    try:
        if isinstance(state, str):
            return _by_name(_PRINTED.get(state, state))
        name, *parts = state
        zone = _KINDS[name].read(*parts)
    except (KeyError, TypeError, ValueError, OSError, OverflowError, ImportError) as error:
        raise ModelFileError(f"cannot read the stored time zone {state!r}: {error}") from error
    if zone is None:
        raise ModelFileError(f"this machine does not know the time zone {state!r}; pip install tzdata brings them all")
    return zone


def _by_name(name: str) -> dt.tzinfo:
    return pd.DatetimeTZDtype("ns", name).tz


def _same_clock(one: dt.tzinfo, other: dt.tzinfo | None) -> bool:
    """Whether two zones tell the same time: equal, or with the same offsets at noon of every week of 200 years."""
    if other is None or one is other or one == other:
        return other is not None
    start = dt.datetime(1900, 1, 1, 12, tzinfo=dt.UTC)
    moments = (start + dt.timedelta(weeks=week) for week in range(200 * 52))
    return all(moment.astimezone(one).utcoffset() == moment.astimezone(other).utcoffset() for moment in moments)


# --------------------------------------------------------------------------------------
# Kinds of time zones.


def _offset(zone: Any) -> list[Any]:
    """Microseconds, and the name where it is not the usual one."""
    offset, name = zone.utcoffset(None), zone.tzname(None)
    return [offset // _MICROSECOND, None if name == dt.timezone(offset).tzname(None) else name]


def _of_offset(microseconds: int, name: str | None) -> dt.timezone:
    offset = dt.timedelta(microseconds=microseconds)
    return dt.timezone(offset) if name is None else dt.timezone(offset, name)


def _dateutil() -> ModuleType:
    return importlib.import_module("dateutil.tz")  # pandas needs it, too


def _of_dateutil(name: str) -> Callable[[Any], bool]:
    """Whether a zone is of a class of dateutil; where it is not imported, nothing is."""

    def fits(zone: object) -> bool:
        module = sys.modules.get("dateutil.tz")
        return module is not None and isinstance(zone, getattr(module, name))

    return fits


def _file_key(zone: object) -> list[Any] | None:
    """The key of a zone that dateutil has read from the database; "" for the zone of this machine."""
    path = str(getattr(zone, "_filename", "")).replace("\\", "/")
    if zone == _dateutil().gettz() and "zoneinfo/" not in path:
        return [""]
    key = path.rpartition("zoneinfo/")[2]
    return None if not key or key.startswith("/") else [key]


def _of_file(key: str) -> dt.tzinfo | None:
    if key.startswith(("/", "\\", ".", ":")) or ".." in key:  # a file of the user's, whatever it is
        raise ValueError("it is no key")
    zone: dt.tzinfo | None = _dateutil().gettz(key or None)
    return zone


def _tzoffset(microseconds: int, name: str | None) -> dt.tzinfo:
    zone: dt.tzinfo = _dateutil().tzoffset(name, dt.timedelta(microseconds=microseconds))
    return zone


def _is_pytz(zone: object) -> bool:
    return type(zone).__module__.partition(".")[0] == "pytz"


def _pytz(key: str | None, minutes: int | None) -> dt.tzinfo:
    """A zone of pytz; where it is not installed, one that tells the same time."""
    try:
        pytz = importlib.import_module("pytz")
    except ImportError:
        return zoneinfo.ZoneInfo(key) if key is not None else dt.timezone(dt.timedelta(minutes=minutes or 0))
    zone: dt.tzinfo = pytz.timezone(key) if key is not None else pytz.FixedOffset(minutes)
    return zone


def _pytz_parts(zone: Any) -> list[Any]:
    return [zone.zone, None] if zone.zone is not None else [None, zone.utcoffset(None) // dt.timedelta(minutes=1)]


_KINDS: dict[str, _Kind] = {
    "zoneinfo": _Kind(
        lambda zone: isinstance(zone, zoneinfo.ZoneInfo),
        lambda zone: None if zone.key is None else [zone.key],
        lambda key: zoneinfo.ZoneInfo(key),
    ),
    "offset": _Kind(lambda zone: isinstance(zone, dt.timezone), _offset, _of_offset),
    "dateutil-utc": _Kind(_of_dateutil("tzutc"), lambda zone: [], lambda: _dateutil().tzutc()),
    "dateutil-local": _Kind(_of_dateutil("tzlocal"), lambda zone: [], lambda: _dateutil().tzlocal()),
    "dateutil-offset": _Kind(
        _of_dateutil("tzoffset"),
        lambda zone: [zone.utcoffset(None) // _MICROSECOND, zone.tzname(None)],
        _tzoffset,
    ),
    "dateutil": _Kind(_of_dateutil("tzfile"), _file_key, _of_file),
    "pytz": _Kind(_is_pytz, _pytz_parts, _pytz),
}


# --------------------------------------------------------------------------------------
# Dtypes by name, or by what they are made of.


_ARROW = "arrow:"


def dtype_state(dtype: object) -> Any:
    """A dtype as JSON: its name where that says all, else what it is made of.

    Raises
    ------
    InvalidTypeError
        If it has a time zone, or a type of Arrow, that cannot be stored.
    """
    if isinstance(dtype, np.dtype):
        return dtype.str
    write = next((write for known, write in _WRITE if isinstance(dtype, known)), str)
    return write(dtype)


def dtype_from(state: Any) -> Any:
    """The dtype that `dtype_state` wrote."""
    try:
        if not isinstance(state, str):
            return _READ[state[0]](*state[1:])
        if state.startswith(_ARROW):
            return pd.ArrowDtype(type_from(state.removeprefix(_ARROW)))
        return np.dtype(state) if state[:1] in "<>|=" else pd.api.types.pandas_dtype(state)
    except (TypeError, ValueError, AttributeError, KeyError, IndexError) as error:
        raise ModelFileError(f"cannot read the stored dtype {state!r}") from error


def _string_state(dtype: Any) -> object:
    # str(StringDtype) leaves the storage out, and with it the missing value
    if dtype.na_value is pd.NA:
        return f"string[{dtype.storage}]"
    return "str" if dtype == pd.StringDtype(na_value=np.nan) else ["str", dtype.storage]


def _arrow_state(dtype: Any) -> object:
    state = type_state(dtype.pyarrow_dtype)
    return f"{_ARROW}{state}" if isinstance(state, str) else ["arrow", state]


_WRITE: list[tuple[Any, Callable[[Any], Any]]] = [
    (pd.ArrowDtype, _arrow_state),
    (pd.StringDtype, _string_state),
    (pd.DatetimeTZDtype, lambda dtype: ["zoned", dtype.unit, zone_state(dtype.tz)]),
    (pd.IntervalDtype, lambda dtype: ["interval", dtype_state(dtype.subtype), dtype.closed]),
]
_READ: dict[str, Callable[..., Any]] = {
    "arrow": lambda state: pd.ArrowDtype(type_from(state)),
    "str": lambda storage: pd.StringDtype(storage, na_value=np.nan),
    "zoned": lambda unit, zone: pd.DatetimeTZDtype(unit, zone_from(zone)),
    "interval": lambda subtype, closed: pd.IntervalDtype(dtype_from(subtype), closed),
}
