"""Numbers as people write them: thousands, signs, currencies and units, taken apart and put together again.

`1,021.94`, `1.021,94`, `1 021`, `$1,200.50`, `12,50 €`, `45.5%`, `(1,200)`, `1.5E+03`, `12 kg`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple, cast

__all__ = ["INFINITE", "NumberColumn", "NumberParts", "format_exponent", "group_digits", "most_common", "parse_number"]

INFINITE = re.compile(r" *[-+]?inf(?:inity)? *", re.IGNORECASE)
SPACES = " \u00a0\u202f\u2009"  # plain, not to be broken, narrow, thin
GROUPS = ",.'\u2019" + SPACES
MINUS = "-\u2212\u2013"
_CURRENCY = "$¢£¤¥฿" + "".join(map(chr, range(0x20A0, 0x20C1)))
_CODES = (
    *("USD", "EUR", "GBP", "JPY", "CNY", "CHF", "CAD", "AUD", "NZD", "SEK", "NOK", "DKK", "PLN", "CZK"),
    *("HUF", "RON", "BGN", "TRY", "RUB", "UAH", "INR", "BRL", "MXN", "ZAR", "KRW", "SGD", "HKD", "TWD"),
    *("THB", "IDR", "MYR", "PHP", "VND", "ILS", "SAR", "AED", "EGP", "NGN", "KES", "ARS", "CLP", "COP"),
    *("PEN", "BTC", "ETH", "Rs", "Rs.", "RM", "Rp", "kr", "kr.", "zł", "Kč", "Ft", "Fr", "Fr.", "руб", "руб."),
    *("р.", "лв"),
)
# Units that may follow a number without a space; after a space any short word may.
_UNITS = (
    *("kg", "g", "mg", "µg", "ug", "t", "lb", "lbs", "oz", "km", "m", "cm", "mm", "µm", "nm", "mi", "ft"),
    *("in", "l", "L", "ml", "mL", "cl", "s", "ms", "µs", "min", "h", "hr", "hrs", "Hz", "kHz", "MHz", "GHz"),
    *("W", "kW", "MW", "kWh", "V", "kV", "mV", "A", "mA", "K", "C", "F", "Pa", "hPa", "kPa", "MPa", "bar"),
    *("psi", "kB", "KB", "MB", "GB", "TB", "B", "k", "M", "x", "px", "pt", "mph", "bps", "kbps", "kcal"),
    *("cal", "J", "kJ", "Ω", "ppm", "ppb", "bpm"),
)
# Digits alone, as many in every value, with gaps between: rather a telephone number.
_PHONE_DIGITS = 7


def _any_of(words: tuple[str, ...]) -> str:
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


_SPACE, _SIGN, _END = f"[{SPACES}]", f"[{MINUS[1:]}+(-]", f"[{MINUS[1:]})-]"
_BEFORE = rf"(?:[A-Z]{{0,3}}[{_CURRENCY}]|%|(?:{_any_of(_CODES)}))"
_AFTER = rf"(?:[{_CURRENCY}%‰]|°[CF]?|(?:{_any_of(_CODES + _UNITS)})(?:/[^\W\d_]{{1,4}}|[²³])?)"
_WORD = rf"{_SPACE}(?:[^\W\d_]|°)(?:[^\W\d_]|[{_CURRENCY}%/²³.·]){{0,11}}"


class NumberParts(NamedTuple):
    """One number taken apart.

    Attributes
    ----------
    template : str
        All that is written around the digits, which stand as ``{}``.
    unit : str
        The same without signs and spaces.
    sign : str
        "-", "+" or "".
    whole, behind : str
        Digits before the decimals, without separators, and the decimals; ``behind`` is None without a decimal sign.
    group : str
        What separates thousands.
    indian : bool
        Whether they are grouped as in 12,34,567.
    exponent : str
        With its letter.
    """

    template: str
    unit: str
    sign: str
    whole: str
    behind: str | None
    group: str = ""
    indian: bool = False
    exponent: str = ""

    @property
    def value(self) -> float:
        """The number."""
        found = float(f"{self.whole or 0}.{self.behind or 0}{self.exponent}")
        return -found if self.sign == "-" else found


@lru_cache(maxsize=2)
def _plain(decimal: str) -> re.Pattern[str]:
    point = re.escape(decimal)
    return re.compile(rf" *(-?)(?:(0|[1-9][0-9]{{0,17}})(?:{point}([0-9]*))?|{point}([0-9]+))([eE][+-]?[0-9]+)? *")


@lru_cache(maxsize=2)
def _decorated(decimal: str) -> re.Pattern[str]:
    point, groups = re.escape(decimal), GROUPS.replace(decimal, "")
    western = rf"[1-9][0-9]{{0,2}}(?P<group>[{groups}])[0-9]{{3}}(?:(?P=group)[0-9]{{3}}){{0,4}}"
    indian = r"(?P<indian>[1-9][0-9]?(?:,[0-9]{2}){1,6},[0-9]{3})" if decimal == "." else r"(?P<indian>(?!))"
    digits = (
        rf"(?:(?P<whole>{western}|{indian}|0|[1-9][0-9]{{0,17}})(?:{point}(?P<behind>[0-9]*))?|{point}(?P<bare>[0-9]+))"
    )
    return re.compile(
        rf"{_SPACE}*(?P<before>(?:{_SIGN}{_SPACE}?)?(?:{_BEFORE}{_SPACE}?)?(?:{_SIGN}{_SPACE}?)?)"
        rf"{digits}(?P<exponent>[eE][+-]?[0-9]+)?"
        rf"(?P<after>(?:{_SPACE}?{_END})?(?:{_SPACE}?{_AFTER}|{_WORD})?(?:{_SPACE}?{_END})?){_SPACE}*"
    )


_AROUND = {"": "{}", "-": "-{}"}
_NO_UNIT = str.maketrans("", "", SPACES + MINUS + "+()")


def parse_number(text: str, decimal: str) -> NumberParts | None:
    """A number taken apart, or None if the text is none.

    A text with leading zeros, as "00123", is a name, and so is one with more digits than a float holds.

    Examples
    --------
    >>> from ganaug.cli.number_formats import parse_number
    >>> parse_number("($1,200.50)", ".").value, parse_number("12,50 €", ",").template, parse_number("007", ".")
    (-1200.5, '{} €', None)
    """
    plain = _plain(decimal).fullmatch(text)
    if plain is not None:
        sign, whole, behind, bare, exponent = plain.groups("")
        decimals = bare or (behind if plain[3] is not None else None)
        return NumberParts(_AROUND[sign], "", sign, whole, decimals, exponent=exponent)
    found = _decorated(decimal).fullmatch(text)
    if found is None:
        return None
    before, after = found["before"], found["after"]
    signs = "".join(char for char in before + after if char in MINUS or char in "+()")
    if (len(signs) > 1 and signs != "()") or signs in ("(", ")"):
        return None
    sign = "" if not signs else "+" if signs == "+" else "-"
    unit = f"{before.translate(_NO_UNIT)} {after.translate(_NO_UNIT)}".strip()
    group = "," if found["indian"] else found["group"] or ""
    whole = (found["whole"] or "").replace(group, "") if group else found["whole"] or ""
    decimals = found["bare"] or found["behind"]
    exponent = found["exponent"] or ""
    return NumberParts(f"{before}{{}}{after}", unit, sign, whole, decimals, group, bool(found["indian"]), exponent)


def most_common(found: Counter[str]) -> str:
    """What was found most often; of equals the first in order, for a set has none."""
    return max(sorted(found), key=found.__getitem__, default="")


def group_digits(digits: str, group: str, least: int, indian: bool) -> str:
    """Digits of a whole number with what separates thousands, from so many digits on.

    Examples
    --------
    >>> from ganaug.cli.number_formats import group_digits
    >>> group_digits("1234567", " ", 4, False), group_digits("1234567", ",", 4, True)
    ('1 234 567', '12,34,567')
    >>> group_digits("1234", ".", 5, False)
    '1234'
    """
    if not group or len(digits) < least:
        return digits
    head, parts = digits[:-3], [digits[-3:]]
    step = 2 if indian else 3
    while head:
        head, part = head[:-step], head[-step:]
        parts.insert(0, part)
    return group.join(parts)


def format_exponent(value: float, digits: int | None, sample: str) -> str:
    """A number with an exponent that is written as the sample is, such as "e-05" or "E3"."""
    mantissa, exponent = f"{value:.{digits}e}".split("e") if digits is not None else _shortest(value)
    power, shown = int(exponent), sample[1:].lstrip("+-")
    sign = "-" if power < 0 else "+" if sample[1] in "+-" else ""
    return f"{mantissa}{sample[0]}{sign}{abs(power):0{len(shown) if shown.startswith('0') or len(shown) > 1 else 1}d}"


def _shortest(value: float) -> list[str]:
    """Mantissa and exponent with as few digits as tell the number from all others."""
    return next(text for n in range(17) if float(text := f"{value:.{n}e}") == value).split("e")


class NumberColumn:
    """Whether all values of a column are numbers with this sign before the decimals, and how they are written.

    Parameters
    ----------
    decimal : str
        "." or ",".
    """

    def __init__(self, decimal: str) -> None:
        self.decimal = decimal
        self.digits: set[int] = set()  # decimals; -1 where there is no decimal sign
        self.fractional = False
        self.example = ""  # a value with decimals
        self._read = True  # whether every text was a number
        self._units: set[str] = set()
        self._signs: set[str] = set()
        self._groups: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._lengths: set[int] = set()  # digits of whole numbers
        self._exponents: Counter[str] = Counter()
        self._templates: dict[str, Counter[str]] = {sign: Counter() for sign in ("+", "-", "0")}

    def see(self, values: Iterable[str]) -> None:
        """Update with further values."""
        if not self._read:
            return
        plain = _plain(self.decimal).fullmatch
        alike: dict[Any, list[Any]] = {}  # what is written in the same way is looked at once
        for value in values:
            found = plain(value)
            if found is None or found[5]:
                parts = parse_number(value, self.decimal)
                if parts is None:
                    self._read = False
                    return
                self._see(parts, 1)
                decimals = parts.behind
            else:
                sign, whole, behind, bare, _ = found.groups()
                decimals = behind if bare is None else bare
                zeros = decimals is None or not decimals.strip("0")
                key = (sign, len(whole or ""), whole in ("0", None) and zeros, zeros, decimals and len(decimals))
                alike.setdefault(key, [0, value])[0] += 1
            if decimals is not None and (not self.example or value < self.example):
                self.example = value  # always the same, though a set has no order
        for count, value in alike.values():
            self._see(cast(NumberParts, parse_number(value, self.decimal)), count)

    def rule_out(self) -> None:
        """Note that the column cannot be numbers with this decimal sign."""
        self._read = False

    def _see(self, parts: NumberParts, count: int) -> None:
        template, unit, sign, whole, behind, group, indian, exponent = parts
        zero = not (whole.strip("0") or (behind or "").strip("0"))
        self.digits.add(-1 if behind is None else len(behind))
        self.fractional = self.fractional or bool((behind or "").strip("0"))
        self._exponents[exponent] += count
        self._lengths.add(len(whole))
        if not zero:
            self._signs.add(sign)
        if unit or not zero:
            self._units.add(unit)
        self._templates["0" if zero else sign or "+"][template] += count
        if group:
            self._groups[group] += count
            kind = "indian" if indian else "western" if len(whole) > 5 else "either"
            self._kinds[kind] += count
        self._kinds["grouped 4" if group and len(whole) == 4 else "other"] += count
        if not group and not exponent and len(whole) > 3:
            self._kinds["bare 4" if len(whole) == 4 else "bare 5"] += count

    @property
    def possible(self) -> bool:
        """Whether they can be numbers."""
        spaces = {" " if group in SPACES else group for group in self._groups}
        one_way = len(spaces) < 2 and len(self._units) < 2 and not (self._kinds["indian"] and self._kinds["western"])
        return self._read and one_way and not self._looks_like_names()

    def _looks_like_names(self) -> bool:
        """Telephone numbers: with a plus, though nothing is negative, or blocks of digits that are always as many."""
        bare = self.digits <= {-1} and not (self._units - {""}) and "-" not in self._signs
        blocks = bool(self._groups) and not set(self._groups) & {",", "'", "\u2019"}
        same = len(self._lengths) == 1 and min(self._lengths) >= _PHONE_DIGITS
        plus = "+" in self._signs and (bare or "" in self._signs)
        return plus or (bare and blocks and same)

    @property
    def whole(self) -> bool:
        """Whether they are whole numbers: none has decimals but zeros, and some have none."""
        return not self.fractional and -1 in self.digits and not any(self._exponents)

    @property
    def uses_decimal(self) -> bool:
        """Whether the decimal sign occurs."""
        return bool(self.digits - {-1})

    @property
    def grouping(self) -> str:
        """What separates thousands, most often."""
        return most_common(self._groups)

    @property
    def uneven(self) -> bool:
        """Whether some long numbers have no separator, though others have: then it rather separates decimals."""
        return bool(self._groups) and self._kinds["bare 5"] > 0

    def style(self) -> dict[str, Any]:
        """The fields of a `ColumnFormat` for these numbers."""
        with_exponent = [one for one in self._exponents if one]
        scientific_all = bool(with_exponent) and not self._exponents[""]
        fixed = len(self.digits) == 1 and min(self.digits) > 0 and (scientific_all or not with_exponent)
        around = {sign: most_common(found) for sign, found in self._templates.items() if found}
        positive = around.get("+") or around.get("0", "{}")
        return {
            "decimal": self.decimal if self.uses_decimal else "," if self.grouping == "." else ".",
            "digits": min(self.digits) if fixed else None,
            "whole": -1 in self.digits,
            "group": self.grouping,
            "group_from": 5 if self._kinds["bare 4"] and not self._kinds["grouped 4"] else 4,
            "indian": self._kinds["indian"] > 0,
            # one of a large number says whether a plus is written
            "exponent": max(with_exponent, key=lambda one: (one[1] != "-", self._exponents[one], one))
            if scientific_all
            else "",
            "positive": positive,
            "negative": around.get("-", f"-{positive}"),
            "zero": around.get("0", positive.replace("+", "")),
        }
