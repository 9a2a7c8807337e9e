"""Durations as they are written: `1:23:45`, `2 days 03:00:00`, `1 day, 3:00:00`."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["PATTERNS", "fractions", "matching", "microseconds", "written"]

_TIME = r"(?P<h>{hours}):(?P<m>[0-5][0-9])(?::(?P<s>[0-5][0-9])(?P<fraction>[.,][0-9]{{1,9}})?)?"
_SECONDS = r"(?P<h>{hours}):(?P<m>[0-5][0-9]):(?P<s>[0-5][0-9])(?P<fraction>[.,][0-9]{{1,9}})?"
_ANY, _TWO, _PADDED = "[0-9]{1,6}", "[0-9]{2}", "[0-9]{2,6}"
_MINUTES = r"(?P<sign>[-\u2212]?)(?P<h>{hours}):(?P<m>[0-5][0-9])(?P<s>)(?P<fraction>)"
# name -> what is written so
PATTERNS = {
    "%H:%M:%S": re.compile(r"(?P<sign>[-\u2212]?)" + _SECONDS.format(hours=_PADDED)),
    "%-H:%M:%S": re.compile(r"(?P<sign>[-\u2212]?)" + _SECONDS.format(hours="(?:0|[1-9][0-9]{0,5})")),
    "%H:%M": re.compile(_MINUTES.format(hours=_PADDED)),
    "%-H:%M": re.compile(_MINUTES.format(hours="(?:0|[1-9][0-9]{0,5})")),
    "days": re.compile(r"(?P<days>-?[0-9]{1,6}) days (?P<sign>\+?)" + _SECONDS.format(hours=_TWO)),
    "day": re.compile(r"(?:(?P<days>-?[0-9]{1,6}) days?, )?(?P<sign>)" + _SECONDS.format(hours="(?:1?[0-9]|2[0-3])")),
}
_DAY, _HOUR, _MINUTE, _SECOND = 86_400_000_000, 3_600_000_000, 60_000_000, 1_000_000


def matching(names: Iterable[str], texts: Iterable[str]) -> list[str]:
    """Those of the patterns by which every text is a duration."""
    known = list(texts)
    return [name for name in names if all(map(PATTERNS[name].fullmatch, known))]


def fractions(name: str, texts: Iterable[str]) -> set[str]:
    """The fractions of seconds that occur, with the sign before them; "" where there is none."""
    return {found["fraction"] or "" for found in map(PATTERNS[name].fullmatch, texts) if found is not None}


def microseconds(name: str, text: str) -> int:
    """What a text says.

    Raises
    ------
    ValueError
        If it is written otherwise.

    Examples
    --------
    >>> from ganaug.cli.durations import microseconds, written
    >>> microseconds("%-H:%M:%S", "1:23:45")
    5025000000
    >>> written(microseconds("days", "-1 days +22:30:00"), "days", None, True, ".")
    '-1 days +22:30:00'
    """
    found = PATTERNS[name].fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no duration")
    fraction = int((found["fraction"] or ".0")[1:7].ljust(6, "0"))
    total = int(found["h"]) * _HOUR + int(found["m"]) * _MINUTE + int(found["s"] or 0) * _SECOND + fraction
    days = int(found.groupdict().get("days") or 0)
    return days * _DAY + (-total if found["sign"] in ("-", "\u2212") and found["sign"] else total)


def written(value: int, name: str, digits: int | None, whole: bool, decimal: str) -> str:
    """The text of a duration of so many microseconds; for ``digits`` and ``whole`` see `Format`."""
    days, rest = divmod(value, _DAY) if name in ("days", "day") else (0, abs(value))
    hours, rest = divmod(rest, _HOUR)
    minute, rest = divmod(rest, _MINUTE)
    second, part = divmod(rest, _SECOND)
    sign = "-" if value < 0 else ""
    time = {
        "%H:%M:%S": f"{sign}{hours:02d}:{minute:02d}:{second:02d}",
        "%-H:%M:%S": f"{sign}{hours}:{minute:02d}:{second:02d}",
        "%H:%M": f"{sign}{hours:02d}:{minute:02d}",
        "%-H:%M": f"{sign}{hours}:{minute:02d}",
        "days": f"{days} days {'+' if days < 0 else ''}{hours:02d}:{minute:02d}:{second:02d}",
        "day": (f"{days} day{'s' if abs(days) != 1 else ''}, " if days else "") + f"{hours}:{minute:02d}:{second:02d}",
    }[name]
    if digits is None:
        return time
    fraction = f"{part:06d}".ljust(abs(digits), "0")[: abs(digits)]
    fraction = (fraction.rstrip("0") or "0") if digits < 0 else fraction
    return time if whole and not fraction.strip("0") else time + decimal + fraction
