"""The share of synthetic items over the epochs of a training."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from ganaug.exceptions import InvalidParameterError
from ganaug.utils import validation

__all__ = ["SCHEDULES", "Schedule", "schedule_of"]

# epoch -> share in [0, 1] of the synthetic items that are in the dataset
Schedule = Callable[[int], float]


def _constant(epoch: int, end: int) -> float:
    return 1.0


def _linear(epoch: int, end: int) -> float:
    return max(0.0, 1.0 - epoch / end)


def _cosine(epoch: int, end: int) -> float:
    return 0.5 + 0.5 * math.cos(math.pi * min(1.0, epoch / end))


def _stop(epoch: int, end: int) -> float:
    return float(epoch < end)


# name -> share in an epoch, given the first epoch without synthetic items. They only fall: a training ends
# best on real data (SYNAuG, Ye-Bin et al. 2023, fine-tunes on it last).
SCHEDULES: dict[str, Callable[[int, int], float]] = {
    "constant": _constant,
    "cosine": _cosine,
    "linear": _linear,
    "stop": _stop,
}


def schedule_of(schedule: Any, epochs: Any) -> Schedule:
    """A function epoch -> share, from a name or a function.

    Parameters
    ----------
    schedule : str, callable or None
        A name in `SCHEDULES`, or a function of the epoch; None is "constant".
    epochs : int or None
        The epoch from which on the share is 0; needed by every name but "constant".

    Raises
    ------
    InvalidParameterError
        For an unknown name, or missing or useless ``epochs``.

    Examples
    --------
    >>> from ganaug.datasets.schedules import schedule_of
    >>> [schedule_of("linear", 4)(epoch) for epoch in range(6)]
    [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """
    if callable(schedule):
        given: Schedule = schedule
        return given
    name = validation.choice("schedule", "constant" if schedule is None else schedule, SCHEDULES)
    if name != "constant" and epochs is None:
        raise InvalidParameterError(
            f"schedule={name!r} needs schedule_epochs=, the epoch from which on there are no synthetic items"
        )
    end = validation.integer("schedule_epochs", 1 if epochs is None else epochs, 1)
    return partial(_share, name, end)


def _share(name: str, end: int, epoch: int) -> float:
    return SCHEDULES[name](epoch, end)
