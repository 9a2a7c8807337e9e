"""Conditions of ``ganaug sample --where``: words such as ``age>=60`` become what ``sample(where=...)`` takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from ganaug.cli.console import Usage, did_you_mean
from ganaug.cli.options import CONDITIONS, MISSING, taken_apart

__all__ = ["conditions_of"]

_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_BETWEEN = ".."


def conditions_of(texts: list[str], gan: Any, layout: Any) -> dict[Any, Any]:
    """What the texts of --where say, for ``sample`` of a model.

    Parameters
    ----------
    texts : list of str
    gan : fitted estimator
    layout : Layout or None
        How the columns are written in files, if the model remembers it.

    Raises
    ------
    Usage
        For a column that is not there, and a value that it cannot have.
    """
    if not hasattr(gan.codec_, "column_summary"):
        raise Usage("--where is for tables: images and series have no columns")
    places = {summary["name"]: place for place, summary in enumerate(gan.codec_.column_summary())}
    shown = {(f"x{name}" if isinstance(name, int) else str(name)): name for name in places}
    found: dict[Any, Any] = {}
    for text in texts:
        column, sign, value = _split(text, shown, None if layout is None else layout.target)
        name = shown[column]
        possible = gan.codec_.possible_values(places[name])
        read = _reader(possible, None if layout is None else layout.formats.get(column))
        said = _said(text, sign, value, read, single=possible[0].dtype == np.float32)
        found[name] = said if name not in found else _both(text, found[name], said)
    return found


def _split(text: str, known: dict[str, Any], target: str | None) -> tuple[str, str, str]:
    """Column, sign and value; a column may have signs in its name."""
    stripped = text.lstrip()
    for name in sorted(known, key=len, reverse=True):
        parts = taken_apart(stripped, len(name)) if stripped.startswith(name) else None
        if parts is not None:
            return name, *parts
    first = next(place for place in range(1, len(text)) if text[:place].strip(" <>=!") and taken_apart(text, place))
    name = text[:first].strip()
    if name == target:
        raise Usage(f"--where {text!r}: {name!r} is the column of the labels; use --label or --counts for it")
    raise Usage(f"--where {text!r}: no column {name!r}{did_you_mean(name, known)}")


def _reader(possible: tuple[Any, bool], form: Any) -> Callable[[str], Any]:
    """Reads a value as it stands in the file, or as Python shows it."""
    values, every = possible
    dtype = getattr(getattr(values.dtype, "categories", values).dtype, "kind", "O")
    levels = {str(level): level for level in values.tolist()} if every else {}

    def read(text: str) -> Any:
        if form is not None and form.kind != "text" and form.fits(text):
            found = form.read([text]).iloc[0]
            return found.item() if isinstance(found, np.generic) else found
        if text in levels:
            return levels[text]
        if dtype == "b" and text.lower() in _TRUTHS:
            return _TRUTHS[text.lower()]
        if dtype in "iufmM":
            make: Any = {"m": pd.Timedelta, "M": pd.Timestamp}.get(dtype, float)
            try:
                return int(text) if dtype in "iu" and text.lstrip("+-").isdecimal() else make(text)
            except (ValueError, TypeError):
                return text
        return text  # the library says what is wrong with it

    return read


def _said(text: str, sign: str, value: str, read: Callable[[str], Any], single: bool) -> Any:
    """The condition that a sign and a value make."""
    if sign == "is":
        return None if MISSING[value] else lambda column: column.notna()
    if sign == "in" and _BETWEEN not in value:
        return [read(one.strip()) for one in value.split("|")]
    if sign in ("=", "==", "in") and _BETWEEN in value:
        low, _, high = (part.strip() for part in value.partition(_BETWEEN))
        if not low and not high:
            raise Usage(f"--where {text!r}: give at least one end, as in 60..80, 60.. or ..80")
        return (read(low) if low else None, read(high) if high else None)
    other = read(value)
    signs: dict[str, Callable[[], Any]] = {
        ">=": lambda: (other, None),
        "<=": lambda: (None, other),
        ">": lambda: (_next(text, other, 1, single), None),
        "<": lambda: (None, _next(text, other, -1, single)),
        "!=": lambda: lambda column: column.notna() & (column != other),
    }
    return signs.get(sign, lambda: other)()


def _next(text: str, value: Any, way: int, single: bool) -> Any:
    """The nearest value that is greater (``way`` 1), or smaller (-1); in single precision if the column is."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value + way
    if isinstance(value, float):
        of = np.float32 if single else np.float64
        return np.nextafter(of(value), of(way * np.inf)).item()
    if isinstance(value, (pd.Timestamp, pd.Timedelta)):
        return value + way * pd.Timedelta(1, "us")
    raise Usage(f"--where {text!r}: < and > need numbers, dates or durations; for other columns use =, != or in")


def _both(text: str, one: Any, other: Any) -> Any:
    """Two conditions on a column, which must be ends of an interval."""
    if not (isinstance(one, tuple) and isinstance(other, tuple)):
        raise Usage(
            f"--where {text!r}: the column has another condition already; say both in one, such as {CONDITIONS}"
        )
    ends = [[end for end in pair if end is not None] for pair in zip(one, other, strict=True)]
    return tuple(choose(own) if own else None for choose, own in zip((max, min), ends, strict=True))
