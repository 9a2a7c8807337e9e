"""Dates, times, time zones and durations as people write them."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import numpy.typing as npt

    from ganaug.cli.column_formats import ColumnFormat

__all__ = [
    "DURATIONS",
    "MIDNIGHT",
    "TAILS",
    "DatePattern",
    "candidates",
    "duration_fractions",
    "enough",
    "fitting_zone",
    "format_duration",
    "fractions",
    "has_day",
    "matching",
    "matching_durations",
    "meaning",
    "minutes",
    "parse_duration",
    "read",
    "style_of",
    "to_local_times",
    "write",
]

# ---- what follows a date: "Z", an offset from UTC, an abbreviation; the time zone that explains them ----

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
    >>> from ganaug.cli.date_formats import minutes
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


def _offsets(values: pd.Series[Any] | pd.Index, zone: str) -> npt.NDArray[Any]:
    """Minutes from UTC at instants in UTC, (n,)."""
    there = pd.DatetimeIndex(values).tz_localize("UTC").tz_convert(zone).tz_localize(None)
    return ((there - pd.DatetimeIndex(values)) // pd.Timedelta(minutes=1)).to_numpy()


def to_local_times(values: pd.Series[Any], suffix: str, zone: str) -> tuple[pd.Series[Any], list[str]]:
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


# ---- dates: the pattern of a text, reading and writing by a pattern -------------------------------

# What to_datetime makes of a time without a day.
MIDNIGHT = pd.Timestamp("1900-01-01")

_YEAR_FIRST = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y-%-m-%-d", "%Y/%-m/%-d")
_YEAR_LAST = tuple(
    f"{day}{gap}{month}{gap}{year}" if day_first else f"{month}{gap}{day}{gap}{year}"
    for year in ("%Y", "%y")
    for day, month in (("%d", "%m"), ("%-d", "%-m"))
    for gap in "./-"
    for day_first in (True, False)
    if day_first or gap != "."
)
_SHORT = ("%y-%m-%d", "%y/%m/%d")
_NAMED = tuple(
    pattern.replace("%b", month).replace("%d", day)
    for day in ("%d", "%-d")
    for month in ("%b", "%^b", "%B")
    for pattern in ("%d-%b-%Y", "%d %b %Y", "%d%b%Y", "%d. %b %Y", "%d-%b-%y", "%b %d, %Y", "%b %d %Y")
)
_MONTHS = ("%Y-%m", "%m/%Y", "%b %Y", "%B %Y", "%b-%Y")
# Numbers such as 20240131 are dates only if there are so many that it cannot be chance.
_COMPACT, _COMPACT_VALUES = ("%Y%m%d", "%Y%m%d%H%M%S"), 10
_DAYS = (*_YEAR_FIRST, *_YEAR_LAST, *_SHORT, *_NAMED, *_MONTHS)
_CLOCKS = (
    *("%H:%M:%S", "%H:%M", "%-H:%M:%S", "%-H:%M"),
    *(
        hour + rest + half
        for hour in ("%I", "%-I")
        for rest in (":%M:%S", ":%M")
        for half in (" %p", "%p", " %P", "%P")
    ),
)
_TIMES = ("", *(gap + clock for gap in (" ", "T", ", ") for clock in _CLOCKS))
_OF_DAY = tuple(clock for clock in _CLOCKS if "%-H" not in clock)  # hours without a zero are rather a duration

_SHORT_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LONG_NAMES = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_TOKENS = {
    "%Y": "[0-9]{4}",
    "%y": "[0-9]{2}",
    "%m": "(?:0[1-9]|1[0-2])",
    "%-m": "(?:1[0-2]|[1-9])",
    "%d": "(?:0[1-9]|[12][0-9]|3[01])",
    "%-d": "(?:[12][0-9]|3[01]|[1-9])",
    "%H": "(?:[01][0-9]|2[0-3])",
    "%-H": "(?:1[0-9]|2[0-3]|[0-9])",
    "%I": "(?:0[1-9]|1[0-2])",
    "%-I": "(?:1[0-2]|[1-9])",
    "%M": "[0-5][0-9]",
    "%S": "[0-5][0-9]",
    "%p": "[AP]M",
    "%P": "[ap]m",
    "%b": f"(?:{'|'.join(_SHORT_NAMES)})",
    "%^b": f"(?:{'|'.join(_SHORT_NAMES).upper()})",
    "%B": f"(?:{'|'.join(_LONG_NAMES)})",
}
_TOKEN = re.compile(r"%[-^]?[A-Za-z]")
_FRACTION = r"(?P<fraction>[.,][0-9]{1,9})?"


class DatePattern(NamedTuple):
    """A way to write a date: as in strftime, whether a second may have a fraction, what stands behind."""

    text: str
    tail: str

    def regex(self) -> re.Pattern[str]:
        """What is written so, as far as digits go."""
        fraction = _FRACTION if self.text.endswith("%S") else "(?P<fraction>(?!))?"
        return _compiled(f"(?P<base>{_body(self.text)}){fraction}(?P<tail>{TAILS[self.tail]})")


@lru_cache(maxsize=512)
def _compiled(regex: str) -> re.Pattern[str]:
    return re.compile(regex)


@lru_cache(maxsize=512)
def _body(text: str) -> str:
    return "".join(_TOKENS.get(part) or re.escape(part) for part in _pieces(text))


def _pieces(text: str) -> Iterator[str]:
    """Tokens and what stands between them."""
    end = 0
    for found in _TOKEN.finditer(text):
        if found.start() > end:
            yield text[end : found.start()]
        yield found[0]
        end = found.end()
    if end < len(text):
        yield text[end:]


def candidates(text: str) -> list[DatePattern]:
    """Every pattern that a first value allows, padded ones before others."""
    if not any(char.isdigit() for char in text):
        return []
    found = [DatePattern(one, "") for one in (*_COMPACT, *_OF_DAY)]
    for day in _DAYS:
        start = _compiled(_body(day)).match(text)
        if start is None:
            continue
        rest = text[start.end() :]
        for time in _TIMES:
            if (time or not rest) and _compiled(_body(time)).match(rest):
                found += [DatePattern(day + time, tail) for tail in TAILS if time or not tail]
    return [pattern for pattern in found if pattern.regex().fullmatch(text)]


def matching(patterns: list[DatePattern], texts: Collection[str]) -> list[DatePattern]:
    """Those of the patterns by which every text is a date."""
    left = []
    for pattern in patterns:
        match = pattern.regex().fullmatch
        found = [match(text) for text in texts]
        if None in found:
            continue
        bases = [one["base"] for one in found if one is not None]
        try:
            _times(pd.Series(bases, dtype=object), pattern.text)
        except ValueError:  # a 30th of February
            continue
        if pattern.text != _COMPACT[0] or all(base[:2] in ("19", "20") for base in bases):
            left.append(pattern)
    return left


def enough(pattern: DatePattern, n_values: int) -> bool:
    """Whether so many different values cannot look like dates by chance."""
    return pattern.text not in _COMPACT or n_values >= _COMPACT_VALUES


def meaning(pattern: DatePattern) -> str:
    """The pattern without what makes no difference to a date."""
    return re.sub(r"%[-^]", "%", pattern.text).replace("%B", "%b")


def fractions(pattern: DatePattern, texts: Iterable[str]) -> set[str]:
    """The fractions of seconds that occur, with the sign before them; "" where there is none."""
    match = pattern.regex().fullmatch
    return {found["fraction"] or "" for found in map(match, texts) if found is not None}


def has_day(pattern: DatePattern) -> bool:
    """Whether it is more than a time of day."""
    return pattern.text not in _OF_DAY


def _times(texts: pd.Series[Any], text: str) -> pd.Series[Any]:
    """Dates of texts without fractions and zones."""
    plain = re.sub(r"%[-^]", "%", text).replace("%P", "%p")
    return pd.to_datetime(texts, format=plain, errors="raise")


def read(texts: pd.Series[Any], form: ColumnFormat) -> pd.Series[Any]:
    """Dates of texts; those with an offset are in UTC, and all come without a zone.

    Parameters
    ----------
    texts : Series of str
        None is missing.
    form : Format
        Of the column.

    Raises
    ------
    ValueError
        If a text is written otherwise.
    """
    style = style_of(form.suffix)
    if form.digits is None and not style:
        return _times(texts, form.pattern)
    match = DatePattern(form.pattern, style).regex().fullmatch
    found = [None if text is None else match(text) for text in texts.tolist()]
    if any(one is None and text is not None for one, text in zip(found, texts.tolist(), strict=True)):
        raise ValueError(f"not every value is written as {form.pattern}{form.suffix}")
    values = _times(pd.Series([None if one is None else one["base"] for one in found], dtype=object), form.pattern)
    if form.digits is not None:
        parts = [0 if one is None or not one["fraction"] else int(one["fraction"][1:7].ljust(6, "0")) for one in found]
        values = values + pd.Series(np.array(parts, dtype="timedelta64[us]"))
    if style:
        offsets = [0 if one is None else minutes(one["tail"]) for one in found]
        values = values - pd.Series(np.array(offsets, dtype="timedelta64[m]").astype("timedelta64[s]"))
    return values


def write(values: pd.Series[Any], form: ColumnFormat) -> list[str]:
    """Texts of dates."""
    values = values if values.dt.tz is None else values.dt.tz_convert("UTC").dt.tz_localize(None)
    lost = values.isna().tolist()
    local, tails = to_local_times(values, form.suffix, form.zone)
    texts = _written(local, form.pattern)
    if form.digits is not None:
        texts = [a + b for a, b in zip(texts, _fractions(local, form), strict=True)]
    return [form.missing if out else text + tail for text, tail, out in zip(texts, tails, lost, strict=True)]


def _fractions(values: pd.Series[Any], form: ColumnFormat) -> list[str]:
    """Fractions of the second, each with its sign."""
    n = abs(form.digits or 0)
    parts = [f"{int(part):06d}".ljust(n, "0")[:n] for part in values.dt.microsecond.fillna(0).tolist()]
    if (form.digits or 0) < 0:
        parts = [part.rstrip("0") or "0" for part in parts]
    return ["" if form.whole and not part.strip("0") else form.decimal + part for part in parts]


def _two(numbers: pd.Series[Any]) -> list[str]:
    return [f"{number:02d}" for number in numbers.tolist()]


def _bare(numbers: pd.Series[Any]) -> list[str]:
    return [str(number) for number in numbers.tolist()]


def _named(names: tuple[str, ...]) -> Callable[[pd.Series[Any]], list[str]]:
    return lambda values: [names[month - 1] for month in values.dt.month.tolist()]


def _hours(values: pd.Series[Any]) -> pd.Series[Any]:
    return (values.dt.hour - 1) % 12 + 1


_PARTS: dict[str, Callable[[pd.Series[Any]], list[str]]] = {
    "%Y": lambda values: [f"{year:04d}" for year in values.dt.year.tolist()],
    "%y": lambda values: _two(values.dt.year % 100),
    "%m": lambda values: _two(values.dt.month),
    "%-m": lambda values: _bare(values.dt.month),
    "%d": lambda values: _two(values.dt.day),
    "%-d": lambda values: _bare(values.dt.day),
    "%H": lambda values: _two(values.dt.hour),
    "%-H": lambda values: _bare(values.dt.hour),
    "%I": lambda values: _two(_hours(values)),
    "%-I": lambda values: _bare(_hours(values)),
    "%M": lambda values: _two(values.dt.minute),
    "%S": lambda values: _two(values.dt.second),
    "%p": lambda values: ["AM" if hour < 12 else "PM" for hour in values.dt.hour.tolist()],
    "%P": lambda values: ["am" if hour < 12 else "pm" for hour in values.dt.hour.tolist()],
    "%b": _named(_SHORT_NAMES),
    "%^b": _named(tuple(name.upper() for name in _SHORT_NAMES)),
    "%B": _named(_LONG_NAMES),
}


_PADDED = {"%Y", "%m", "%d", "%H", "%M", "%S"}


def _written(values: pd.Series[Any], pattern: str) -> list[str]:
    """Texts of the parts of dates; in English, whatever the machine's language."""
    values = values.fillna(MIDNIGHT)
    tokens = {piece for piece in _pieces(pattern) if piece in _PARTS}
    if tokens <= _PADDED and bool((values.dt.year >= 1000).all()):
        return values.dt.strftime(pattern).tolist()  # faster, and the same in every language
    columns = [_PARTS[piece](values) if piece in _PARTS else [piece] * len(values) for piece in _pieces(pattern)]
    return list(map("".join, zip(*columns, strict=True)))


# ---- durations: `1:23:45`, `2 days 03:00:00`, `1 day, 3:00:00` -----------------------------------

_SECONDS = r"(?P<h>{hours}):(?P<m>[0-5][0-9]):(?P<s>[0-5][0-9])(?P<fraction>[.,][0-9]{{1,9}})?"
_TWO_DIGITS, _PADDED_HOURS = "[0-9]{2}", "[0-9]{2,6}"
_MINUTES = r"(?P<sign>[-\u2212]?)(?P<h>{hours}):(?P<m>[0-5][0-9])(?P<s>)(?P<fraction>)"
# name -> what is written so
DURATIONS = {
    "%H:%M:%S": re.compile(r"(?P<sign>[-\u2212]?)" + _SECONDS.format(hours=_PADDED_HOURS)),
    "%-H:%M:%S": re.compile(r"(?P<sign>[-\u2212]?)" + _SECONDS.format(hours="(?:0|[1-9][0-9]{0,5})")),
    "%H:%M": re.compile(_MINUTES.format(hours=_PADDED_HOURS)),
    "%-H:%M": re.compile(_MINUTES.format(hours="(?:0|[1-9][0-9]{0,5})")),
    "days": re.compile(r"(?P<days>-?[0-9]{1,6}) days (?P<sign>\+?)" + _SECONDS.format(hours=_TWO_DIGITS)),
    "day": re.compile(r"(?:(?P<days>-?[0-9]{1,6}) days?, )?(?P<sign>)" + _SECONDS.format(hours="(?:1?[0-9]|2[0-3])")),
}
_DAY, _HOUR, _MINUTE, _SECOND = 86_400_000_000, 3_600_000_000, 60_000_000, 1_000_000


def matching_durations(names: Iterable[str], texts: Iterable[str]) -> list[str]:
    """Those of the patterns by which every text is a duration."""
    known = list(texts)
    return [name for name in names if all(map(DURATIONS[name].fullmatch, known))]


def duration_fractions(name: str, texts: Iterable[str]) -> set[str]:
    """The fractions of seconds that occur, with the sign before them; "" where there is none."""
    return {found["fraction"] or "" for found in map(DURATIONS[name].fullmatch, texts) if found is not None}


def parse_duration(name: str, text: str) -> int:
    """What a text says.

    Raises
    ------
    ValueError
        If it is written otherwise.

    Examples
    --------
    >>> from ganaug.cli.date_formats import format_duration, parse_duration
    >>> parse_duration("%-H:%M:%S", "1:23:45")
    5025000000
    >>> format_duration(parse_duration("days", "-1 days +22:30:00"), "days", None, True, ".")
    '-1 days +22:30:00'
    """
    found = DURATIONS[name].fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no duration")
    fraction = int((found["fraction"] or ".0")[1:7].ljust(6, "0"))
    total = int(found["h"]) * _HOUR + int(found["m"]) * _MINUTE + int(found["s"] or 0) * _SECOND + fraction
    days = int(found.groupdict().get("days") or 0)
    return days * _DAY + (-total if found["sign"] in ("-", "\u2212") and found["sign"] else total)


def format_duration(value: int, name: str, digits: int | None, whole: bool, decimal: str) -> str:
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
