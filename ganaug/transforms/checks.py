"""Checks of parameters, imported when a transform is made: a worker that unpickles one needs no scikit-learn."""

from __future__ import annotations

from typing import Any

__all__ = ["choice", "integer", "number"]


def choice(name: str, value: Any, known: tuple[str, ...]) -> str:
    """As `ganaug.estimators.options.choice`."""
    from ganaug.estimators import options

    return options.choice(name, value, known)


def integer(name: str, value: Any, low: int) -> int:
    """As `ganaug.estimators.options.integer`."""
    from ganaug.estimators import options

    return options.integer(name, value, low)


def number(name: str, value: Any, low: float, high: float = float("inf"), *, open_low: bool = False) -> float:
    """As `ganaug.estimators.options.number`."""
    from ganaug.estimators import options

    return options.number(name, value, low, high, open_low=open_low)
