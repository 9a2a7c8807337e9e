"""Whether a dataset that changes from epoch to epoch is told which epoch it is."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
import torch

from ganaug.exceptions import DataWarning
from ganaug.utils.isolation import warn

__all__ = ["PassWatch", "asked_by"]

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


def asked_by() -> str | None:
    """Who asks for the length of a dataset: who is to "split" it, a "sampler" that begins a pass, or None.

    To be called in ``__len__``. Neither tells the dataset anything else.
    """
    frame = sys._getframe(2)
    return ASKERS.get((frame.f_code.co_name, frame.f_globals.get("__name__", "")))


class PassWatch:
    """Counts, over all workers, how often items were handed out, and warns once when a second pass is seen.

    Parameters
    ----------
    n : int
        Items that every pass hands out: real ones.
    """

    def __init__(self, n: int) -> None:
        # in shared memory: workers write, each other places; the last two say whether to watch, and what was added up
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
