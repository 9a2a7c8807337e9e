"""Dates as they are written: which pattern, read by it, written by it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection
from typing import Any, NamedTuple

import pandas as pd

__all__ = ["Pattern", "candidates", "enough", "matching", "read", "write"]

_DAYS = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d"),
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y"),
)
_TIMES = ("", *(gap + clock for gap in (" ", "T") for clock in ("%H:%M", "%H:%M:%S")))
_SUFFIXES = ("", "Z", "+00:00")
_DIGITS = {"%Y": r"\d{4}", **dict.fromkeys(("%m", "%d", "%H", "%M", "%S"), r"\d\d")}
_FRACTIONS = (None, 3, 6)
# Numbers such as 20240131 are dates only if there are so many that it cannot be chance.
_COMPACT, _COMPACT_VALUES = "%Y%m%d", 10


class Pattern(NamedTuple):
    """A way to write a date: as in strftime, digits of the second's fraction, what stands behind."""

    text: str
    digits: int | None
    suffix: str

    def regex(self) -> re.Pattern[str]:
        """What is written so, as far as digits go."""
        body = re.sub(r"%[YmdHMS]", lambda found: _DIGITS[found[0]], re.escape(self.text).replace(r"\-", "-"))
        fraction = rf"\.\d{{{self.digits}}}" if self.digits else ""
        return re.compile(body + fraction + re.escape(self.suffix))


def candidates(text: str) -> list[Pattern]:
    """Every pattern that a first value allows."""
    found = [Pattern(_COMPACT, None, "")] if re.fullmatch(r"(19|20)\d{6}", text) else []
    for day, time, digits, suffix in itertools.product(_DAYS, _TIMES, _FRACTIONS, _SUFFIXES):
        sensible = (digits is None or time.endswith("%S")) and (time or not suffix)
        if sensible and Pattern(day + time, digits, suffix).regex().fullmatch(text):
            found.append(Pattern(day + time, digits, suffix))
    return found


def matching(patterns: list[Pattern], texts: Collection[str]) -> list[Pattern]:
    """Those of the patterns by which every text is a date."""
    left = []
    for pattern in patterns:
        regex = pattern.regex()
        if not all(map(regex.fullmatch, texts)):
            continue
        try:
            read(pd.Series(list(texts), dtype=object), *pattern)
        except ValueError:  # a 13th month, a 30th of February
            continue
        left.append(pattern)
    return left


def enough(pattern: Pattern, n_values: int) -> bool:
    """Whether so many different values cannot look like dates by chance."""
    return pattern.text != _COMPACT or n_values >= _COMPACT_VALUES


def read(texts: pd.Series[Any], pattern: str, digits: int | None, suffix: str) -> pd.Series[Any]:
    """Dates of texts; those behind "Z" are in UTC, and come without a zone, as all others do."""
    whole = pattern + (".%f" if digits else "") + suffix.replace("%", "%%")
    return pd.to_datetime(texts, format=whole, errors="raise", utc=True).dt.tz_localize(None)


def write(values: pd.Series[Any], pattern: str, digits: int | None, suffix: str, missing: str) -> list[str]:
    """Texts of dates."""
    values = values if values.dt.tz is None else values.dt.tz_convert("UTC")
    lost = values.isna().tolist()
    texts = values.dt.strftime(pattern + (".%f" if digits else "")).tolist()
    cut = None if digits in (None, 6) else digits - 6
    return [missing if out else text[:cut] + suffix for text, out in zip(texts, lost, strict=True)]
