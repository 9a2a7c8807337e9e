"""How the values of one column are written as text: found out, read, and written again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from ganaug.cli import dates

__all__ = ["FORMATS", "MISSING", "TRUTHS", "Format", "format_of", "number_pattern"]

# What stands for a missing value among numbers, dates and booleans. Among texts only an empty field does.
MISSING = frozenset(
    {"", "NA", "N/A", "#N/A", "NaN", "nan", "NAN", "null", "NULL", "None", "none", "<NA>", "NaT", "?", "-", "."}
)
TRUTHS = {"true": "false", "True": "False", "TRUE": "FALSE"}


@dataclass(frozen=True)
class Format:
    """How a column is written.

    Attributes
    ----------
    kind : str
        One of `FORMATS`.
    missing : str
        What stands for a missing value.
    decimal : str
        Of numbers: "." or ",".
    digits : int or None
        Of numbers: decimals of each, if all have as many; of dates: those of the second.
    whole : bool
        Of numbers: whether whole ones are written without decimals.
    pattern : str
        Of dates: as in ``strftime``, up to the second. Of booleans: what stands for true.
    suffix : str
        Of dates: what stands behind each.
    """

    kind: str
    missing: str = ""
    decimal: str = "."
    digits: int | None = None
    whole: bool = False
    pattern: str = ""
    suffix: str = ""

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


def number_pattern(decimal: str) -> re.Pattern[str]:
    """Numbers as they are written: no leading zeros, for "00123" is a name, and no more digits than a number holds."""
    point = re.escape(decimal)
    return re.compile(rf" *-?(?:(?:0|[1-9]\d{{0,17}})(?:{point}(\d*))?|{point}(\d+))(?:([eE])[+-]?\d+)? *")


def _masked(texts: Sequence[str], convert: Callable[[str], Any], dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    lost = np.fromiter((text in MISSING for text in texts), bool, len(texts))
    zero = convert("0")
    values = np.fromiter(
        (zero if out else convert(text) for text, out in zip(texts, lost, strict=True)), dtype, len(texts)
    )
    return values, lost


def _read_integers(own: Format, texts: Sequence[str]) -> pd.Series[Any]:
    values, lost = _masked(texts, _integer, np.int64)
    return pd.Series(pd.arrays.IntegerArray(values, lost)) if lost.any() else pd.Series(values)


def _integer(text: str) -> int:
    if not text.strip().removeprefix("-").isdecimal():
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def _read_numbers(own: Format, texts: Sequence[str]) -> pd.Series[Any]:
    values, lost = _masked(texts, lambda text: float(text if own.decimal == "." else _pointed(text)), np.float64)
    values[lost] = np.nan
    return pd.Series(values)


def _pointed(text: str) -> str:
    if "." in text:
        raise ValueError(f"{text!r} has a point, where a comma separates the decimals")
    return text.replace(",", ".")


def _read_booleans(own: Format, texts: Sequence[str]) -> pd.Series[Any]:
    known = {own.pattern: True, TRUTHS[own.pattern]: False, "0": False}
    values, lost = _masked(texts, lambda text: _one_of(known, text), bool)
    return pd.Series(pd.arrays.BooleanArray(values, lost)) if lost.any() else pd.Series(values)


def _one_of(known: dict[str, bool], text: str) -> bool:
    if text not in known:
        raise ValueError(f"{text!r} is neither true nor false")
    return known[text]


def _read_dates(own: Format, texts: Sequence[str]) -> pd.Series[Any]:
    plain = pd.Series([None if text in MISSING else text for text in texts], dtype=object)
    return dates.read(plain, own.pattern, own.digits, own.suffix)


def _read_texts(own: Format, texts: Sequence[str]) -> pd.Series[Any]:
    values = [text or None for text in texts]
    return pd.Series(values, dtype=None if any(texts) else object)


def _write_integers(own: Format, values: pd.Series[Any]) -> list[str]:
    if values.dtype.kind in "iu" and isinstance(values.dtype, np.dtype):
        return list(map(str, values.tolist()))
    return [own.missing if pd.isna(value) else str(int(value)) for value in values.tolist()]


def _write_numbers(own: Format, values: pd.Series[Any]) -> list[str]:
    plain = values.to_numpy(dtype=np.float64, na_value=np.nan).tolist()
    if own.digits is not None:
        texts = [own.missing if value != value else f"{value:.{own.digits}f}" for value in plain]
    else:
        texts = [own.missing if value != value else repr(value) for value in plain]
        if own.whole:
            texts = [text.removesuffix(".0") for text in texts]
    return texts if own.decimal == "." else [text.replace(".", own.decimal) for text in texts]


def _write_booleans(own: Format, values: pd.Series[Any]) -> list[str]:
    words = {True: own.pattern, False: TRUTHS[own.pattern]}
    return [own.missing if pd.isna(value) else words[bool(value)] for value in values.tolist()]


def _write_dates(own: Format, values: pd.Series[Any]) -> list[str]:
    return dates.write(values, own.pattern, own.digits, own.suffix, own.missing)


def _write_texts(own: Format, values: pd.Series[Any]) -> list[str]:
    return [own.missing if pd.isna(value) else str(value) for value in values.tolist()]


Reader = Callable[[Format, Sequence[str]], "pd.Series[Any]"]
Writer = Callable[[Format, "pd.Series[Any]"], list[str]]

# kind of column -> who reads its texts, who writes them
FORMATS: dict[str, tuple[Reader, Writer]] = {
    "integer": (_read_integers, _write_integers),
    "number": (_read_numbers, _write_numbers),
    "boolean": (_read_booleans, _write_booleans),
    "date": (_read_dates, _write_dates),
    "text": (_read_texts, _write_texts),
}


def format_of(values: pd.Series[Any]) -> Format:
    """How to write a column that was never text."""
    dtype: Any = values.dtype
    if pd.api.types.is_bool_dtype(dtype):
        return Format("boolean", pattern="True")
    if pd.api.types.is_integer_dtype(dtype):
        return Format("integer")
    if pd.api.types.is_float_dtype(dtype):
        return Format("number")
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return dates_format(values.dropna())
    return Format("text")


def dates_format(values: pd.Series[Any]) -> Format:
    """As in ISO 8601, with as much of the time as there is."""
    zone = "" if values.dt.tz is None else "+00:00"
    if not zone and bool((values == values.dt.normalize()).all()):
        return Format("date", pattern="%Y-%m-%d")
    fractions = bool((values.dt.microsecond != 0).any())
    return Format("date", pattern="%Y-%m-%d %H:%M:%S", digits=6 if fractions else None, suffix=zone)
