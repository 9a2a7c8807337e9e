"""Columns that look as if they should not be learnt from: identifiers and free text."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ganaug.codecs.plain import Plain

__all__ = ["suspicion"]

_MIN_ROWS = 50
_UNIQUE_SHARE = 0.9
_LONG = 40
_DROP = "; drop it before fitting"
# Amounts with separators, signs or a currency; dates and times with at least two parts. Not plain digits, nor
# three blocks of digits that no calendar has.
_AMOUNT = r"[-+(]?[^\w\s.,:/-]? ?\d{1,3}(?:([., '])\d{3})*(?:[.,]\d+)? ?(?:[^\w\s.,:/-]|[A-Z]{3})?\)?-?"
_DATE = r"(?:\d{4}[-/.]\d\d?[-/.]\d\d?|\d\d?[-/.]\d\d?[-/.](?:\d{4}|\d\d))(?:[T ,].*)?|-?\d+:[0-5]\d(?::[0-5]\d.*)?"
_WRITTEN = re.compile(rf"(?=.*\d.*\D|.*\D.*\d)(?:{_AMOUNT}|{_DATE})")


def suspicion(face: Any, plain: Plain) -> str | None:
    """What is wrong with a column and what to do, as the rest of a sentence; None if nothing is."""
    values = plain.present()
    if len(values) < _MIN_ROWS:
        return None
    if face.family == "choice":
        levels = face.levels
        texts = [v for v in levels[:1000] if isinstance(v, str)]
        long = bool(texts) and np.mean([len(t) >= _LONG and " " in t.strip() for t in texts]) > 0.5
        if long and len(levels) > 0.5 * len(values):
            return f"looks like free text (long and hardly ever repeated){_DROP}"
        if len(texts) and len(levels) > _UNIQUE_SHARE * len(values):
            if np.mean([_WRITTEN.fullmatch(text) is not None for text in texts]) > _UNIQUE_SHARE:
                return (
                    f"holds numbers or dates as text, such as {texts[0]!r}; make numbers or dates of them before "
                    "fitting, for as text only values that occur are drawn"
                )
            return f"looks like an identifier (nearly every row has a value of its own){_DROP}"
        return None
    if face.family == "real" and values.dtype.kind in "iu" and _counts_up(values):
        return f"looks like an identifier (whole numbers that count up, no two alike){_DROP}"
    return None


def _counts_up(values: Any) -> bool:
    if bool((values[1:] > values[:-1]).all()):
        return True
    span = int(values.max()) - int(values.min())
    return span == len(values) - 1 and len(np.unique(values)) == len(values)
