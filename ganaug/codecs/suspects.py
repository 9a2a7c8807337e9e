"""Columns that look as if they should not be learnt from: identifiers and free text."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganaug.codecs.plain import Plain

__all__ = ["suspicion"]

_MIN_ROWS = 50
_UNIQUE_SHARE = 0.9
_LONG = 40


def suspicion(face: Any, plain: Plain) -> str | None:
    """What is wrong with a column, as the rest of a sentence; None if nothing is."""
    values = plain.present()
    if len(values) < _MIN_ROWS:
        return None
    if face.family == "choice":
        levels = face.levels
        texts = [v for v in levels[:1000] if isinstance(v, str)]
        long = bool(texts) and np.mean([len(t) >= _LONG and " " in t.strip() for t in texts]) > 0.5
        if long and len(levels) > 0.5 * len(values):
            return "looks like free text (long and hardly ever repeated)"
        if len(texts) and len(levels) > _UNIQUE_SHARE * len(values):
            return "looks like an identifier (nearly every row has a value of its own)"
        return None
    if face.family == "real" and values.dtype.kind in "iu" and _counts_up(values):
        return "looks like an identifier (whole numbers that count up, no two alike)"
    return None


def _counts_up(values: Any) -> bool:
    if bool((values[1:] > values[:-1]).all()):
        return True
    span = int(values.max()) - int(values.min())
    return span == len(values) - 1 and len(np.unique(values)) == len(values)
