"""Time zones by what they are: a key, a fixed offset, UTC. Never by what they print, for two zones may print alike."""

from __future__ import annotations

import datetime as dt
import importlib
import sys
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ganaug.exceptions import InvalidTypeError, ModelFileError

__all__ = ["zone_from", "zone_state"]

# In the files of ganaug 0.x a zone was its printed name, which pandas reads, and this one, which nobody does.
_PRINTED = {"tzutc()": "UTC"}
_MICROSECOND = dt.timedelta(microseconds=1)


@dataclass(frozen=True)
class _Kind:
    """One kind of zone: how to tell it, what is stored of it (None: nothing that would do), and how it comes back."""

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


def _by_name(name: str) -> Any:
    import pandas as pd

    return pd.DatetimeTZDtype("ns", name).tz


def _same_clock(one: dt.tzinfo, other: dt.tzinfo | None) -> bool:
    """Whether two zones tell the same time: equal, or with the same offsets at noon of every week of 200 years."""
    if other is None or one is other or one == other:
        return other is not None
    start = dt.datetime(1900, 1, 1, 12, tzinfo=dt.UTC)
    moments = (start + dt.timedelta(weeks=week) for week in range(200 * 52))
    return all(moment.astimezone(one).utcoffset() == moment.astimezone(other).utcoffset() for moment in moments)


# ---------------------------------------------------------------- the kinds


def _offset(zone: Any) -> list[Any]:
    """Microseconds, and the name where it is not the usual one."""
    offset, name = zone.utcoffset(None), zone.tzname(None)
    return [offset // _MICROSECOND, None if name == dt.timezone(offset).tzname(None) else name]


def _of_offset(microseconds: int, name: str | None) -> dt.timezone:
    offset = dt.timedelta(microseconds=microseconds)
    return dt.timezone(offset) if name is None else dt.timezone(offset, name)


def _dateutil() -> Any:
    return importlib.import_module("dateutil.tz")  # pandas needs it, too


def _of_dateutil(name: str) -> Callable[[Any], bool]:
    """Whether a zone is of a class of dateutil; where it is not imported, nothing is."""

    def fits(zone: Any) -> bool:
        module = sys.modules.get("dateutil.tz")
        return module is not None and isinstance(zone, getattr(module, name))

    return fits


def _file_key(zone: Any) -> list[Any] | None:
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


def _is_pytz(zone: Any) -> bool:
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
