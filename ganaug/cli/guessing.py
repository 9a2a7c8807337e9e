"""Which format a column of text has: every format is tried on every value, and the first that is left holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pandas as pd

from ganaug.cli import dates, durations, zones
from ganaug.cli.formats import MISSING, TRUTHS, Format
from ganaug.cli.number_formats import INFINITE, Numbers, usual

__all__ = ["Guess", "settled"]

# Values kept to tell fractions and time zones: of each column, and of each offset.
_KEPT = 1000
_SIGNS = {".": "point", ",": "comma"}


class Guess:
    """What one column can be, in the light of the values seen so far."""

    def __init__(self) -> None:
        self.empty = True
        self.numbers = {decimal: Numbers(decimal) for decimal in ".,"}
        self.truths = set(TRUTHS)
        self.dates: list[dates.Pattern] | None = None
        self.durations = list(durations.PATTERNS)
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
            self.dates = dates.candidates(next(iter(values)))
        if self.dates:
            self.dates = dates.matching(self.dates, values)
            self._keep(values)
        self.durations = durations.matching(self.durations, values)
        if self.durations:
            self._fractions |= durations.fractions(self.durations[0], values)

    def _keep(self, values: set[str]) -> None:
        """Some values with every offset, and all fractions."""
        for pattern in (self.dates or ())[:1]:
            self._fractions |= dates.fractions(pattern, values)
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

    def number(self, decimal: str) -> Format | None:
        """The format of numbers with this sign before the decimals, if they can be that."""
        numbers = self.numbers[decimal]
        if self.empty or not numbers.possible:
            return None
        style = numbers.style()
        if numbers.whole:
            return Format("integer", **{**style, "digits": None, "whole": False})
        return Format("number", **style)

    # ---- all others ------------------------------------------------------------------------------

    def readings(self) -> dict[str, dates.Pattern]:
        """The patterns of dates that are left, by what they mean: of two, as in 03/04/2024, neither can be trusted."""
        left = [pattern for pattern in self.dates or () if dates.enough(pattern, len(self._kept))]
        return {dates.meaning(pattern): pattern for pattern in reversed(left)}  # of the same meaning the first

    def date(self, pattern: dates.Pattern) -> tuple[Format, str]:
        """The format of dates with this pattern, and what is to be said of it."""
        kind = "date" if dates.has_day(pattern) else "time of day"
        style = {**_fraction_style(self._fractions), "pattern": pattern.text}
        if not pattern.tail:
            return Format(kind, **style), ""
        tails = Counter({tail: len(some) for tail, some in self._by_tail.items()})
        plain = Format(kind, **style, suffix=usual(tails))
        if len(tails) == 1:
            return plain, ""
        seen = {tail: dates.read(pd.Series(sorted(some), dtype=object), plain) for tail, some in self._by_tail.items()}
        zone = zones.fitting_zone(seen, pattern.tail)
        if zone:
            return Format(kind, **style, suffix=pattern.tail, zone=zone), ""
        return plain, (
            f"no time zone explains the offsets {', '.join(sorted(tails)[:5])}; they are read, and synthetic rows are "
            f"written with {plain.suffix.strip()}, the most frequent"
        )

    def settle(self, decimal: str, reading: str | None) -> tuple[Format, str]:
        """The format, and what is to be said of it.

        Parameters
        ----------
        decimal : str
            What separates decimals if the column does not tell.
        reading : str or None
            Which of several `readings` is right.
        """
        if self.empty:
            return Format("number"), ""
        readings = self.readings()
        chosen = next(iter(readings.values())) if len(readings) == 1 else readings.get(reading or "")
        if chosen is not None:
            return self.date(chosen)
        if self.durations:
            style = _fraction_style(self._fractions)
            return Format("duration", pattern=self.durations[0], **style), ""
        number = self.number(decimal) or self.number(_other(decimal))
        if number is not None:
            return number, ""
        if self.truths:
            return Format("boolean", pattern=min(self.truths)), ""
        if readings:
            return Format("text"), (
                f"{min(self._kept)!r} may be {' or '.join(sorted(readings))}, and no value tells; it is kept as text, "
                "of which only values that occur are drawn. Write the year first, as in 2024-01-31"
            )
        return Format("text"), ""


def _other(decimal: str) -> str:
    return "," if decimal == "." else "."


def _fraction_style(found: set[str]) -> dict[str, Any]:
    """What a `Format` says of fractions of the second."""
    lengths = {len(one) - 1 for one in found if one}
    if not lengths:
        return {}
    sign = next(one[0] for one in sorted(found) if one)
    digits = max(lengths) if len(lengths) == 1 else -max(lengths)
    return {"digits": digits, "whole": "" in found, "decimal": sign}


def settled(
    names: list[str], guesses: list[Guess], decimal: str | None, delimiter: str
) -> tuple[list[Format], dict[str, str]]:
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


def _guessed(guess: Guess, sign: str, delimiter: str) -> tuple[str, str]:
    """What separates decimals in a column that allows both, and what to say of it."""
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
