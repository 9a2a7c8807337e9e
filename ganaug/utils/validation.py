"""Checks of constructor parameters, made in ``fit``, that say what would have been right."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from ganaug.exceptions import InvalidParameterError

__all__ = ["choice", "integer", "interval", "number", "seconds"]

_UNITS = {
    **dict.fromkeys(("", "s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0),
}


def choice(name: str, value: object, known: Iterable[str]) -> str:
    """A name out of ``known``.

    Raises
    ------
    InvalidParameterError
        Listing the valid ones.
    """
    options = list(known)
    if isinstance(value, str) and value in options:
        return value
    raise InvalidParameterError(f"{name}={value!r} is unknown; choose one of: {', '.join(map(repr, options))}")


def integer(name: str, value: object, low: int) -> int:
    """A whole number of at least ``low``."""
    if isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= low:
        return int(value)
    raise InvalidParameterError(f"{name}={value!r} must be an integer of at least {low}")


def number(
    name: str, value: object, low: float, high: float = float("inf"), *, open_low: bool = False, open_high: bool = False
) -> float:
    """A finite real number between ``low`` and ``high``.

    Parameters
    ----------
    name : str
        The parameter, as messages call it.
    value : object
        What was given.
    low, high : float
        Bounds, allowed themselves unless they are open.
    open_low, open_high : bool, default=False
        Whether a bound itself is refused.

    Raises
    ------
    InvalidParameterError
        With the bounds.
    """
    if isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value):
        given = float(value)
        above = given > low if open_low else given >= low
        below = given < high if open_high else given <= high
        if above and below:
            return given
    bounds = f"{'(' if open_low else '['}{low:g}, {high:g}{')' if open_high or high == float('inf') else ']'}"
    raise InvalidParameterError(f"{name}={value!r} must be a number in {bounds}")


def seconds(name: str, value: object) -> float | None:
    """A time limit: None, a number of seconds, or a string such as "90", "90s", "5 min" or "1.5h".

    Raises
    ------
    InvalidParameterError
        With examples of right ones.

    Examples
    --------
    >>> from ganaug.utils.validation import seconds
    >>> seconds("max_time", "5min")
    300.0
    """
    if value is None:
        return None
    if isinstance(value, str):
        match = re.fullmatch(r"\s*([0-9]+\.?[0-9]*|\.[0-9]+)\s*([a-z]*)\s*", value.lower())
        found: Any = float(match[1]) * _UNITS[match[2]] if match and match[2] in _UNITS else None
    else:
        found = value
    if isinstance(found, Real) and not isinstance(found, bool) and 0 < float(found) < math.inf:
        return float(found)
    raise InvalidParameterError(
        f"{name}={value!r} must be None, a positive number of seconds, or a string such as '90s', '5min' or '1.5h'"
    )


def interval(name: str, value: object) -> int | float:
    """How often something is done: after so many steps (an integer), or a time ("60s"), in seconds (a float).

    Examples
    --------
    >>> from ganaug.utils.validation import interval
    >>> interval("checkpoint_every", 500), interval("checkpoint_every", "2min")
    (500, 120.0)
    """
    if isinstance(value, str):
        return float(seconds(name, value) or 0)
    return integer(name, value, 1)
