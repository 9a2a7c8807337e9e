"""Checks of parameters, imported when a transform is made: a worker that unpickles one needs no scikit-learn."""

from __future__ import annotations

from typing import Any

__all__ = ["choice", "integer", "number"]


def choice(name: str, value: Any, known: tuple[str, ...]) -> str:
    """As `ganaug.utils.validation.choice`."""
    from ganaug.utils import validation

    return validation.choice(name, value, known)


def integer(name: str, value: Any, low: int) -> int:
    """As `ganaug.utils.validation.integer`."""
    from ganaug.utils import validation

    return validation.integer(name, value, low)


def number(name: str, value: Any, low: float, high: float = float("inf"), *, open_low: bool = False) -> float:
    """As `ganaug.utils.validation.number`."""
    from ganaug.utils import validation

    return validation.number(name, value, low, high, open_low=open_low)
