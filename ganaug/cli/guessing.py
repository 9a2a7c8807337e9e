"""Which format a column of text has: every format is tried on every value, and the first that is left holds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from ganaug.cli import dates
from ganaug.cli.formats import MISSING, TRUTHS, Format, number_pattern

__all__ = ["Guess", "settled"]

_INTEGER = re.compile(r" *-?(?:0|[1-9]\d{0,17}) *")
_INFINITE = re.compile(r" *[-+]?inf(?:inity)? *", re.IGNORECASE)


@dataclass
class _Numbers:
    """Whether all values are numbers with this sign before the decimals, and how they are written."""

    decimal: str
    possible: bool = True
    digits: set[int] = field(default_factory=set)
    exponents: bool = False

    def see(self, values: Iterable[str]) -> None:
        match = number_pattern(self.decimal).fullmatch
        for value in values:
            found = match(value)
            if found is None:
                self.possible = False
                return
            behind, bare, exponent = found.groups()
            self.digits.add(-1 if behind is None and bare is None else len(behind or bare or ""))
            self.exponents |= exponent is not None

    def format(self) -> Format:
        fixed = len(self.digits) == 1 and min(self.digits) > 0 and not self.exponents
        return Format(
            "number", decimal=self.decimal, digits=min(self.digits) if fixed else None, whole=-1 in self.digits
        )


class Guess:
    """What one column can be, in the light of the values seen so far."""

    def __init__(self) -> None:
        self.empty = True
        self.integers = True
        self.numbers = {decimal: _Numbers(decimal) for decimal in ".,"}
        self.truths = set(TRUTHS)
        self.dates: list[dates.Pattern] | None = None
        self._days: set[str] = set()

    def see(self, texts: Iterable[str]) -> None:
        """Rule out what the texts are not."""
        values = set(texts) - MISSING
        if self.numbers["."].possible or self.numbers[","].possible:  # told with its line when the file is read
            infinite = {value for value in values if value[-1:] in "fyFY" and _INFINITE.fullmatch(value)}
            self.integers &= not infinite
            values -= infinite
        if not values:
            return
        if self.dates is None:
            self.dates = dates.candidates(next(iter(values)))
        self.empty = False
        self.integers = self.integers and all(map(_INTEGER.fullmatch, values))
        for numbers in self.numbers.values():
            if numbers.possible:
                numbers.see(values)
        self.truths = {word for word in self.truths if values <= {word, TRUTHS[word]}}
        if self.dates:
            self.dates = dates.matching(self.dates, values)
            if len(self._days) < 1000:
                self._days |= values

    def is_decimal(self, decimal: str) -> bool:
        """Whether it can only be numbers, with this sign before the decimals of some."""
        return self.numbers[decimal].possible and not self.integers and not self.empty

    def surely_comma(self) -> bool:
        """Whether its commas cannot be those of thousands."""
        return self.is_decimal(",") and bool(self.numbers[","].digits - {-1, 3})

    def settle(self, commas: bool) -> Format:
        """The format, given whether commas separate decimals in this file."""
        if self.empty:
            return Format("number")
        likely = [pattern for pattern in self.dates or () if dates.enough(pattern, len(self._days))]
        if len(likely) == 1:  # of two, as in 03/04/2024, neither can be trusted
            return Format("date", pattern=likely[0].text, digits=likely[0].digits, suffix=likely[0].suffix)
        if self.integers:
            return Format("integer")
        if self.is_decimal("."):
            return self.numbers["."].format()
        if self.is_decimal(",") and commas:
            return self.numbers[","].format()
        if self.truths:
            return Format("boolean", pattern=min(self.truths))
        return Format("text")


def settled(guesses: list[Guess], decimal: str | None) -> list[Format]:
    """The formats of all columns of a file.

    Commas separate decimals if --decimal says so, or if in some column they cannot
    separate thousands and in none a point separates decimals.
    """
    commas = any(guess.surely_comma() for guess in guesses) and not any(guess.is_decimal(".") for guess in guesses)
    if decimal is not None:
        commas = decimal == ","
        for guess in guesses:
            guess.numbers["." if commas else ","].possible = False
    return [guess.settle(commas) for guess in guesses]
