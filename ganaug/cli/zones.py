"""What stands behind a date: "Z", an offset from UTC, an abbreviation; and the time zone that explains them."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["TAILS", "fitting_zone", "local", "minutes", "style_of"]

# Hours from UTC; those that mean one thing only.
_ABBREVIATIONS = {
    "UTC": 0,
    "GMT": 0,
    "WET": 0,
    "WEST": 1,
    "BST": 1,
    "CET": 1,
    "CEST": 2,
    "EET": 2,
    "EEST": 3,
    "MSK": 3,
    "EST": -5,
    "EDT": -4,
    "CST": -6,
    "CDT": -5,
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,
    "AKST": -9,
    "AKDT": -8,
    "JST": 9,
    "KST": 9,
    "AEST": 10,
    "AEDT": 11,
    "NZST": 12,
    "NZDT": 13,
    "SAST": 2,
}
_NAMES = "|".join(sorted(_ABBREVIATIONS, key=len, reverse=True))
# style -> what is written so
TAILS = {
    "": "",
    "Z": "Z",
    "%:z": "[+-][0-9]{2}:[0-5][0-9]",
    " %:z": " [+-][0-9]{2}:[0-5][0-9]",
    "%z": "[+-][0-9]{2}[0-5][0-9]",
    " %z": " [+-][0-9]{2}[0-5][0-9]",
    "%h": "[+-][0-9]{2}",
    "%Z": f"(?:{_NAMES})",
    " %Z": f" (?:{_NAMES})",
}
_FEW = 10
# Zones of many people first: of several with the same offsets the first is taken.
_FIRST = (
    *("Europe/Berlin", "America/New_York", "Europe/London", "America/Chicago", "America/Los_Angeles"),
    *("America/Denver", "Europe/Athens", "Europe/Lisbon", "Australia/Sydney", "Pacific/Auckland"),
    *("America/Sao_Paulo", "America/Santiago", "Asia/Jerusalem", "Africa/Cairo", "America/Anchorage"),
)


def style_of(suffix: str) -> str:
    """The style of a suffix, which may be the literal text that stands behind every date."""
    return suffix if suffix in TAILS else next((s for s, regex in TAILS.items() if re.fullmatch(regex, suffix)), "")


def minutes(tail: str) -> int:
    """The offset from UTC that a text says.

    Examples
    --------
    >>> from ganaug.cli.zones import minutes
    >>> minutes("+05:30"), minutes(" -0400"), minutes(" CEST"), minutes("Z")
    (330, -240, 120, 0)
    """
    text = tail.strip()
    if text[:1] not in ("+", "-"):
        return 60 * _ABBREVIATIONS.get(text, 0)
    digits = text[1:].replace(":", "").ljust(4, "0")
    return (int(digits[:2]) * 60 + int(digits[2:])) * (-1 if text[0] == "-" else 1)


def fitting_zone(seen: Mapping[str, Any], style: str) -> str:
    """A time zone that explains what stands behind dates, or "" if there is none.

    Parameters
    ----------
    seen : dict of str to Series
        What stands behind to instants, in UTC.
    style : str
        One of `TAILS`.
    """
    names = zoneinfo.available_timezones()
    others = sorted(name for name in names if "/" in name and not name.startswith(("Etc/", "posix/", "right/")))
    for name in (*(one for one in _FIRST if one in names), *others):
        # a few first, for most zones fail at once
        parts = [(tail, some) for n in (_FEW, None) for tail, times in seen.items() for some in (times.iloc[:n],)]
        if all((_offsets(some, name) == minutes(tail)).all() for tail, some in parts):
            if all(_tail(minutes(tail), style, name, times.iloc[0]) == tail for tail, times in seen.items()):
                return name
    return ""


def _offsets(values: Any, zone: str) -> Any:
    """Minutes from UTC at instants in UTC, (n,)."""
    there = pd.DatetimeIndex(values).tz_localize("UTC").tz_convert(zone).tz_localize(None)
    return ((there - pd.DatetimeIndex(values)) // pd.Timedelta(minutes=1)).to_numpy()


def local(values: pd.Series[Any], suffix: str, zone: str) -> tuple[pd.Series[Any], list[str]]:
    """What the clock shows where dates are written with this suffix, and what stands behind each."""
    if not zone:
        return values + pd.Timedelta(minutes=minutes(suffix)), [suffix] * len(values)
    known = values.fillna(pd.Timestamp(0))
    offsets = _offsets(known, zone).astype(np.int64)
    texts = {offset: _tail(offset, suffix, zone, known[offsets == offset].iloc[0]) for offset in set(offsets.tolist())}
    moved = values + pd.Series(offsets.astype("timedelta64[m]").astype("timedelta64[s]"), index=values.index)
    return moved, [texts[offset] for offset in offsets.tolist()]


def _tail(offset: int, suffix: str, zone: str, example: pd.Timestamp) -> str:
    sign, hours, rest = "-" if offset < 0 else "+", abs(offset) // 60, abs(offset) % 60
    styles = {
        "%:z": f"{sign}{hours:02d}:{rest:02d}",
        "%z": f"{sign}{hours:02d}{rest:02d}",
        "%h": f"{sign}{hours:02d}",
        "%Z": str(example.tz_localize("UTC").tz_convert(zone).tzname()),
    }
    return suffix.replace(suffix.strip(), styles[suffix.strip()])
