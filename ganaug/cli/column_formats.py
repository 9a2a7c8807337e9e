"""How the columns of a file are written: formats, and how they are recognised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from ganaug.cli import date_formats
from ganaug.cli.number_formats import (
    INFINITE,
    MINUS,
    SPACES,
    NumberColumn,
    NumberParts,
    format_exponent,
    group_digits,
    most_common,
    parse_number,
)

__all__ = ["FORMATS", "MISSING", "TRUTHS", "ColumnFormat", "ColumnGuess", "format_for", "settle_formats"]

# ---- reading and writing the values of one column --------------------------------------------------

# What marks a missing value among numbers, dates and booleans. Among texts only an empty field does.
MISSING = frozenset(
    {"", "NA", "N/A", "#N/A", "NaN", "nan", "NAN", "null", "NULL", "None", "none", "<NA>", "NaT", "?", "-", "."}
)
TRUTHS = {"true": "false", "True": "False", "TRUE": "FALSE"}
# Takes the signs, spaces and place of the digits out of what stands around a number.
NO_SIGNS = str.maketrans("", "", SPACES + MINUS + "+(){}")


@dataclass(frozen=True)
class ColumnFormat:
    """How a column is written.

    Attributes
    ----------
    kind : str
        One of `FORMATS`.
    missing : str
        What stands for a missing value.
    decimal : str
        Of numbers: "." or ","; of dates and times: before the fraction of a second.
    digits : int or None
        Of numbers: decimals of each, if all have as many; of dates and times: those of the second, negative where
        zeros at the end are left out.
    whole : bool
        Of numbers: whether whole ones are written without decimals; of dates and times: whole seconds.
    pattern : str
        Of dates and times: as in ``strftime``, up to the second (``%-d``, ``%-m``, ``%-H``: without a leading zero).
        Of durations: one of `ganaug.cli.date_formats.DURATIONS`. Of booleans: what stands for true.
    suffix : str
        Of dates: what stands behind each; ``%z``, ``%:z`` and ``%Z``: the offset or abbreviation of ``zone``.
    zone : str
        Of dates: the time zone whose offsets stand behind them, where these differ.
    group : str
        Of numbers: what separates thousands.
    group_from : int
        Of numbers: digits of the shortest ones in which it does.
    indian : bool
        Of numbers: whether they are grouped as in 12,34,567.
    positive, negative, zero : str
        Of numbers: what is written around the digits.
    exponent : str
        Of numbers: an exponent as they are written, if each has one.
    """

    kind: str
    missing: str = ""
    decimal: str = "."
    digits: int | None = None
    whole: bool = False
    pattern: str = ""
    suffix: str = ""
    zone: str = ""
    group: str = ""
    group_from: int = 4
    indian: bool = False
    positive: str = "{}"
    negative: str = "-{}"
    zero: str = "{}"
    exponent: str = ""

    @property
    def plain(self) -> bool:
        """Whether numbers are written as Python does it, apart from the decimal sign."""
        return (self.positive, self.negative, self.zero, self.group, self.exponent) == ("{}", "-{}", "{}", "", "")

    def read(self, texts: Sequence[str]) -> pd.Series[Any]:
        """Values of texts; raises ValueError for one that is written otherwise (see `fits`)."""
        return FORMATS[self.kind][0](self, texts)

    def write(self, values: pd.Series[Any]) -> list[str]:
        """Texts of values."""
        return FORMATS[self.kind][1](self, values)

    def fits(self, text: str) -> bool:
        """Whether a text can be read."""
        try:
            self.read([text])
        except (ValueError, OverflowError):
            return False
        return True

    def get_state(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)

    def missing_token(self, texts: Sequence[str]) -> Counter[str]:
        """How often which of the signs for a missing value occurs."""
        if self.kind == "text":
            return Counter()
        return Counter(text for text in texts if text in MISSING)


def _masked(
    texts: Sequence[str], convert: Callable[[str], Any], dtype: Any, blank: Any = 0
) -> tuple[np.ndarray, np.ndarray]:
    lost = np.fromiter((text in MISSING for text in texts), bool, len(texts))
    values = np.fromiter(
        (blank if out else convert(text) for text, out in zip(texts, lost, strict=True)), dtype, len(texts)
    )
    return values, lost


def _read_integers(own: ColumnFormat, texts: Sequence[str]) -> pd.Series[Any]:
    values, lost = _masked(texts, lambda text: _integer(own, text), np.int64)
    return pd.Series(pd.arrays.IntegerArray(values, lost)) if lost.any() else pd.Series(values)


def _integer(own: ColumnFormat, text: str) -> int:
    if text.isascii() and text.strip(" ").removeprefix("-").isdecimal() and own.plain:
        return int(text)
    parts = _parts(own, text)
    if parts.exponent or (parts.behind or "").strip("0"):
        raise ValueError(f"{text!r} is not a whole number")
    return int(parts.whole or 0) * (-1 if parts.sign == "-" else 1)


def _read_numbers(own: ColumnFormat, texts: Sequence[str]) -> pd.Series[Any]:
    values, lost = _masked(texts, lambda text: _number(own, text), np.float64)
    values[lost] = np.nan
    return pd.Series(values)


def _number(own: ColumnFormat, text: str) -> float:
    if own.decimal == "." and own.plain and "_" not in text:
        try:
            return float(text)
        except ValueError:
            pass
    return _parts(own, text).value


def _parts(own: ColumnFormat, text: str) -> NumberParts:
    """The number in a text that has the same separators and unit as the column."""
    parts = parse_number(text, own.decimal)
    if parts is None:
        raise ValueError(f"{text!r} is not a number")
    group = parts.group if own.group not in SPACES or parts.group not in SPACES else own.group
    unit = own.positive.translate(NO_SIGNS)
    if group not in ("", own.group) or parts.template.translate(NO_SIGNS) not in ("", unit):
        raise ValueError(f"{text!r} is written otherwise")
    return parts


def _read_booleans(own: ColumnFormat, texts: Sequence[str]) -> pd.Series[Any]:
    known = {own.pattern: True, TRUTHS[own.pattern]: False}
    values, lost = _masked(texts, lambda text: _one_of(known, text), bool)
    return pd.Series(pd.arrays.BooleanArray(values, lost)) if lost.any() else pd.Series(values)


def _one_of(known: dict[str, bool], text: str) -> bool:
    if text not in known:
        raise ValueError(f"{text!r} is neither true nor false")
    return known[text]


def _read_dates(own: ColumnFormat, texts: Sequence[str]) -> pd.Series[Any]:
    plain = pd.Series([None if text in MISSING else text for text in texts], dtype=object)
    return date_formats.read(plain, own)


def _read_times(own: ColumnFormat, texts: Sequence[str]) -> pd.Series[Any]:
    return _read_dates(own, texts) - date_formats.MIDNIGHT


def _read_durations(own: ColumnFormat, texts: Sequence[str]) -> pd.Series[Any]:
    values, lost = _masked(texts, lambda text: date_formats.parse_duration(own.pattern, text), np.int64)
    found = values.astype("timedelta64[us]")
    found[lost] = np.timedelta64("NaT")
    return pd.Series(found)


def _read_texts(own: ColumnFormat, texts: Sequence[str]) -> pd.Series[Any]:
    values = [text or None for text in texts]
    return pd.Series(values, dtype=None if any(texts) else object)


def _write_integers(own: ColumnFormat, values: pd.Series[Any]) -> list[str]:
    if own.plain and values.dtype.kind in "iu" and isinstance(values.dtype, np.dtype):
        return list(map(str, values.tolist()))
    write = str if own.plain else lambda value: _decorated(own, value, str(abs(value)))
    return [own.missing if pd.isna(value) else write(int(value)) for value in values.tolist()]


def _write_numbers(own: ColumnFormat, values: pd.Series[Any]) -> list[str]:
    given = values.to_numpy(dtype=np.float64, na_value=np.nan).tolist()
    if own.exponent:
        return [own.missing if value != value else _with_exponent(own, value) for value in given]
    if not own.plain:
        return [own.missing if value != value else _decorated(own, value, _digits(own, abs(value))) for value in given]
    texts = [own.missing if value != value else _digits(own, value) for value in given]
    return texts if own.decimal == "." else [text.replace(".", own.decimal) for text in texts]


def _digits(own: ColumnFormat, value: float) -> str:
    if own.digits is not None:
        return f"{value:.{own.digits}f}"
    return repr(value).removesuffix(".0") if own.whole else repr(value)


def _with_exponent(own: ColumnFormat, value: float) -> str:
    return _around(own, value).replace(
        "{}", format_exponent(abs(value), own.digits, own.exponent).replace(".", own.decimal)
    )


def _decorated(own: ColumnFormat, value: float, digits: str) -> str:
    """Digits with separators and what stands around them."""
    whole, point, behind = digits.partition(".")
    rounded = value if digits.strip("0.") else 0.0  # no minus before zeros
    shown = group_digits(whole, own.group, own.group_from, own.indian) if whole.isdecimal() else whole
    return _around(own, rounded).replace("{}", shown + point.replace(".", own.decimal) + behind)


def _around(own: ColumnFormat, value: float) -> str:
    return own.zero if value == 0 else own.negative if value < 0 else own.positive


def _write_booleans(own: ColumnFormat, values: pd.Series[Any]) -> list[str]:
    words = {True: own.pattern, False: TRUTHS[own.pattern]}
    return [own.missing if pd.isna(value) else words[bool(value)] for value in values.tolist()]


def _write_dates(own: ColumnFormat, values: pd.Series[Any]) -> list[str]:
    return date_formats.write(values, own)


def _write_times(own: ColumnFormat, values: pd.Series[Any]) -> list[str]:
    return date_formats.write(date_formats.MIDNIGHT + (values - values.dt.floor("D")), own)


def _write_durations(own: ColumnFormat, values: pd.Series[Any]) -> list[str]:
    lost = values.isna().tolist()
    whole = values.fillna(pd.Timedelta(0)).astype("timedelta64[us]").astype(np.int64).tolist()
    return [
        own.missing if out else date_formats.format_duration(value, own.pattern, own.digits, own.whole, own.decimal)
        for value, out in zip(whole, lost, strict=True)
    ]


def _write_texts(own: ColumnFormat, values: pd.Series[Any]) -> list[str]:
    return [own.missing if pd.isna(value) else str(value) for value in values.tolist()]


Reader = Callable[[ColumnFormat, Sequence[str]], "pd.Series[Any]"]
Writer = Callable[[ColumnFormat, "pd.Series[Any]"], list[str]]

# kind of column -> function that reads its texts, function that writes them
FORMATS: dict[str, tuple[Reader, Writer]] = {
    "integer": (_read_integers, _write_integers),
    "number": (_read_numbers, _write_numbers),
    "boolean": (_read_booleans, _write_booleans),
    "date": (_read_dates, _write_dates),
    "time of day": (_read_times, _write_times),
    "duration": (_read_durations, _write_durations),
    "text": (_read_texts, _write_texts),
}


def format_for(values: pd.Series[Any]) -> ColumnFormat:
    """How to write a column that was never text."""
    dtype: Any = values.dtype
    if pd.api.types.is_bool_dtype(dtype):
        return ColumnFormat("boolean", pattern="True")
    if pd.api.types.is_integer_dtype(dtype):
        return ColumnFormat("integer")
    if pd.api.types.is_float_dtype(dtype):
        return ColumnFormat("number")
    if pd.api.types.is_timedelta64_dtype(dtype):
        return ColumnFormat("duration", pattern="days", digits=-6, whole=True)
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return format_for_dates(values.dropna())
    return ColumnFormat("text")


def format_for_dates(values: pd.Series[Any]) -> ColumnFormat:
    """As in ISO 8601, with as much of the time as there is."""
    zone = "" if values.dt.tz is None else "+00:00"
    if not zone and bool((values == values.dt.normalize()).all()):
        return ColumnFormat("date", pattern="%Y-%m-%d")
    fractions = bool((values.dt.microsecond != 0).any())
    return ColumnFormat("date", pattern="%Y-%m-%d %H:%M:%S", digits=6 if fractions else None, suffix=zone)


# ---- detecting the format of a column: every format is tried on every value, the first left is taken ----

# Values kept to tell fractions and time zones: of each column, and of each offset.
_KEPT = 1000
_SIGNS = {".": "point", ",": "comma"}


class ColumnGuess:
    """The formats that a column can have, given the values seen so far."""

    def __init__(self) -> None:
        self.empty = True
        self.numbers = {decimal: NumberColumn(decimal) for decimal in ".,"}
        self.truths = set(TRUTHS)
        self.dates: list[date_formats.DatePattern] | None = None
        self.durations = list(date_formats.DURATIONS)
        self._kept: set[str] = set()
        self._by_tail: dict[str, set[str]] = {}
        self._fractions: set[str] = set()

    def see(self, texts: Iterable[str]) -> None:
        """Rule out what the texts are not."""
        values = set(texts) - MISSING
        if any(numbers.possible for numbers in self.numbers.values()):  # told with its line when the file is read
            values -= {value for value in values if value[-1:] in "fyFY" and INFINITE.fullmatch(value)}
        if not values:
            return
        self.empty = False
        for numbers in self.numbers.values():
            numbers.see(values)
        self.truths = {word for word in self.truths if values <= {word, TRUTHS[word]}}
        if self.dates is None:
            self.dates = date_formats.candidates(next(iter(values)))
        if self.dates:
            self.dates = date_formats.matching(self.dates, values)
            self._keep(values)
        self.durations = date_formats.matching_durations(self.durations, values)
        if self.durations:
            self._fractions |= date_formats.duration_fractions(self.durations[0], values)

    def _keep(self, values: set[str]) -> None:
        """Some values with every offset, and all fractions."""
        for pattern in (self.dates or ())[:1]:
            self._fractions |= date_formats.fractions(pattern, values)
            match = pattern.regex().fullmatch
            for value in sorted(values) if pattern.tail else ():
                found = match(value)
                some = self._by_tail.setdefault(found["tail"] if found else "", set())
                if len(some) < _KEPT:
                    some.add(value)
        if len(self._kept) < _KEPT:
            self._kept |= values

    # ---- numbers ---------------------------------------------------------------------------------

    @property
    def ambiguous(self) -> str:
        """The sign that may stand before decimals or between thousands, if there is one."""
        if not all(numbers.possible for numbers in self.numbers.values()):
            return ""
        return next((sign for sign, numbers in self.numbers.items() if numbers.uses_decimal), "")

    @property
    def sure(self) -> str:
        """The sign that must stand before decimals in this file, if the column tells."""
        if self.ambiguous or self.empty:
            return self.ambiguous if self.ambiguous and self.numbers[_other(self.ambiguous)].uneven else ""
        left = [one for one in self.numbers.values() if one.possible]
        told = len(left) == 1 and (left[0].uses_decimal or left[0].grouping in (".", ","))
        return left[0].decimal if told else ""

    def number(self, decimal: str) -> ColumnFormat | None:
        """The format of numbers with this sign before the decimals, if they can be that."""
        numbers = self.numbers[decimal]
        if self.empty or not numbers.possible:
            return None
        style = numbers.style()
        if numbers.whole:
            return ColumnFormat("integer", **{**style, "digits": None, "whole": False})
        return ColumnFormat("number", **style)

    # ---- all others ------------------------------------------------------------------------------

    def readings(self) -> dict[str, date_formats.DatePattern]:
        """The patterns of dates that are left, by what they mean: of two, as in 03/04/2024, neither can be trusted."""
        left = [pattern for pattern in self.dates or () if date_formats.enough(pattern, len(self._kept))]
        return {date_formats.meaning(pattern): pattern for pattern in reversed(left)}  # of the same meaning the first

    def date(self, pattern: date_formats.DatePattern) -> tuple[ColumnFormat, str]:
        """The format of dates with this pattern, and a remark about it."""
        kind = "date" if date_formats.has_day(pattern) else "time of day"
        style = {**_fraction_style(self._fractions), "pattern": pattern.text}
        if not pattern.tail:
            return ColumnFormat(kind, **style), ""
        tails = Counter({tail: len(some) for tail, some in self._by_tail.items()})
        plain = ColumnFormat(kind, **style, suffix=most_common(tails))
        if len(tails) == 1:
            return plain, ""
        seen = {
            tail: date_formats.read(pd.Series(sorted(some), dtype=object), plain)
            for tail, some in self._by_tail.items()
        }
        zone = date_formats.fitting_zone(seen, pattern.tail)
        if zone:
            return ColumnFormat(kind, **style, suffix=pattern.tail, zone=zone), ""
        return plain, (
            f"no time zone explains the offsets {', '.join(sorted(tails)[:5])}; they are read, and synthetic rows are "
            f"written with {plain.suffix.strip()}, the most frequent"
        )

    def settle(self, decimal: str, reading: str | None) -> tuple[ColumnFormat, str]:
        """The format, and a remark about it.

        Parameters
        ----------
        decimal : str
            What separates decimals if the column does not tell.
        reading : str or None
            Which of several `readings` is right.
        """
        if self.empty:
            return ColumnFormat("number"), ""
        readings = self.readings()
        chosen = next(iter(readings.values())) if len(readings) == 1 else readings.get(reading or "")
        if chosen is not None:
            return self.date(chosen)
        if self.durations:
            style = _fraction_style(self._fractions)
            return ColumnFormat("duration", pattern=self.durations[0], **style), ""
        number = self.number(decimal) or self.number(_other(decimal))
        if number is not None:
            return number, ""
        if self.truths:
            return ColumnFormat("boolean", pattern=min(self.truths)), ""
        if readings:
            return ColumnFormat("text"), (
                f"{min(self._kept)!r} may be {' or '.join(sorted(readings))}, and no value tells; it is kept as text, "
                "of which only values that occur are drawn. Write the year first, as in 2024-01-31"
            )
        return ColumnFormat("text"), ""


def _other(decimal: str) -> str:
    return "," if decimal == "." else "."


def _fraction_style(found: set[str]) -> dict[str, Any]:
    """The fields of a `ColumnFormat` for fractions of a second."""
    lengths = {len(one) - 1 for one in found if one}
    if not lengths:
        return {}
    sign = next(one[0] for one in sorted(found) if one)
    digits = max(lengths) if len(lengths) == 1 else -max(lengths)
    return {"digits": digits, "whole": "" in found, "decimal": sign}


def settle_formats(
    names: list[str], guesses: list[ColumnGuess], decimal: str | None, delimiter: str
) -> tuple[list[ColumnFormat], dict[str, str]]:
    """The formats of all columns of a file.

    Whether a comma or a point separates decimals is told by the column, else by the
    other columns, else by the delimiter: a file with semicolons has them because commas
    separate decimals. The order of day and month is told in the same way.

    Parameters
    ----------
    names : list of str
        Of the columns.
    guesses : list of Guess
    decimal : str or None
        What the user says.
    delimiter : str
        Between the fields.

    Returns
    -------
    formats : list of Format
    remarks : dict of str to str
        Column to what was guessed, or could not be told.
    """
    sure = {guess.sure for guess in guesses} - {""} if decimal is None else {decimal}
    orders = {next(iter(found)) for guess in guesses if len(found := guess.readings()) == 1}
    day_first = {meaning.index("%d") < meaning.index("%m") for meaning in orders if _ordered(meaning)}
    formats, remarks = [], {}
    for name, guess in zip(names, guesses, strict=True):
        if decimal is not None:
            guess.numbers[_other(decimal)].rule_out()
        sign, said = guess.ambiguous, ""
        own = next(iter(sure)) if len(sure) == 1 else "."
        if sign and guess.sure:
            own = guess.sure
        elif sign and len(sure) != 1:
            own, said = _guessed(guess, sign, delimiter)
        readings = [one for one in guess.readings() if _ordered(one)]
        reading = None
        if len(readings) == 2 and len(day_first) == 1:
            first = next(iter(day_first))
            reading = next(one for one in readings if (one.index("%d") < one.index("%m")) == first)
            said = f"days and months are told apart as in the other columns of dates: {reading}"
        form, told = guess.settle(own, reading)
        if "%y" in form.pattern:
            told = f"years of two digits are read as 1969 to 2068, by the pattern {form.pattern}. {told}".strip()
        remark = told or (said if form.kind in ("number", "integer", "date") else "")
        if remark:
            remarks[name] = remark
        formats.append(form)
    return formats, remarks


def _ordered(meaning: str) -> bool:
    """Whether a pattern of dates has its year at the end, so that day and month can be confused."""
    return "%d" in meaning and "%m" in meaning and not meaning.startswith(("%Y", "%y"))


def _guessed(guess: ColumnGuess, sign: str, delimiter: str) -> tuple[str, str]:
    """The decimal sign of a column that allows both, and a remark about the guess."""
    numbers = guess.numbers[sign]
    some_without = -1 in numbers.digits  # 1,234 beside 567: thousands, for decimals would be as many
    if sign == ".":
        own, doubtful = ".", delimiter == ";"
    else:
        own, doubtful = "," if delimiter == ";" and not some_without else ".", True
    role = "before the decimals" if own == sign else "between thousands"
    said = (
        f"the {_SIGNS[sign]} in {numbers.example!r} is taken to stand {role}, which is a guess; --decimal {own} "
        f"confirms it, --decimal {_other(own)} says the opposite"
    )
    return own, said if doubtful else ""
