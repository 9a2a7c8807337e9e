"""What changes from epoch to epoch: the share of synthetic items, and whether anybody says which epoch it is."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from ganaug.exceptions import DataWarning, InvalidParameterError
from ganaug.utils import validation
from ganaug.utils.isolation import warn

__all__ = ["SCHEDULES", "EpochWatch", "Schedule", "length_asked_by", "schedule_of"]

# epoch -> share in [0, 1] of the synthetic items that are in the dataset
Schedule = Callable[[int], float]

# name -> share in an epoch, given the first epoch without synthetic items. They only fall: a training ends
# best on real data (SYNAuG, Ye-Bin et al. 2023, fine-tunes on it last).
SCHEDULES: dict[str, Callable[[int, int], float]] = {
    "constant": lambda epoch, end: 1.0,
    "cosine": lambda epoch, end: 0.5 + 0.5 * math.cos(math.pi * min(1.0, epoch / end)),
    "linear": lambda epoch, end: max(0.0, 1.0 - epoch / end),
    "stop": lambda epoch, end: float(epoch < end),
}


def schedule_of(schedule: Any, epochs: Any) -> Schedule:
    """A function epoch -> share, from a name in `SCHEDULES` (None is "constant") or a function.

    Every name but "constant" needs ``epochs``, from which epoch on the share is 0.

    Examples
    --------
    >>> from ganaug.datasets.epochs import schedule_of
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


# A pass is over when this share of the items was handed out: drop_last leaves some out.
WHOLE = 0.9

# function that asks for the length, and the module that it stands in -> what that means
ASKERS = {
    ("__iter__", "torch.utils.data.sampler"): "sampler",
    ("random_split", "torch.utils.data.dataset"): "split",
    ("_num_samples", "sklearn.utils.validation"): "split",
}

MESSAGE = (
    "this dataset was gone through twice and is to change from epoch to epoch (schedule=, refresh_every=), but "
    "set_epoch was never called, so that it stays as in epoch 0. Before each epoch: dataset.set_epoch(epoch). In "
    "Lightning, in a Callback: def on_train_epoch_end(self, trainer, module): "
    "dataset.set_epoch(trainer.current_epoch + 1); or give the DataLoader batch_sampler=ShareBatchSampler(dataset, "
    "batch_size), which Lightning tells the epoch, and which passes it on"
)


def length_asked_by() -> str | None:
    """Who asks for the length of a dataset: who is to "split" it, a "sampler" that begins a pass, or None.

    To be called in ``__len__``. Neither tells the dataset anything else.
    """
    frame = sys._getframe(2)
    return ASKERS.get((frame.f_code.co_name, frame.f_globals.get("__name__", "")))


class EpochWatch:
    """Counts, over all workers, how often each of n items was handed out; warns once of a second pass in epoch 0."""

    def __init__(self, n: int) -> None:
        # in shared memory: workers write, each other places; the last one says whether to watch no longer
        self._seen = torch.zeros(n + 1, dtype=torch.uint8, device="cpu").share_memory_()
        self._since = 0

    def see(self, indices: Sequence[int]) -> None:
        """Items that are handed out now."""
        if self._seen[-1]:
            return
        seen = self._seen.numpy()
        at = np.array([index for index in indices if index < len(seen) - 1], np.int64)
        seen[at] += seen[at] < 2
        self._since += len(at)
        if self._since * 8 >= len(seen):  # now and then, for it looks at all of them
            self._since = 0
            if (seen[:-1] == 2).mean() >= WHOLE:
                self._warn()

    def begin(self) -> None:
        """A pass begins."""
        if not self._seen[-1] and (self._seen[:-1] > 0).float().mean() >= WHOLE:
            self._warn()

    def stop(self) -> None:
        """Watch no longer."""
        self._seen[-1] = 1

    def _warn(self) -> None:
        self.stop()
        warn(MESSAGE, DataWarning)
