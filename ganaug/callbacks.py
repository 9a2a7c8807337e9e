"""Watchers of a training: show it, log it, judge it, stop it.

A watcher is any callable that takes an `Event`; the reason it returns, if any,
ends the training.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganaug.exceptions import MissingDependencyError
from ganaug.training.loop import Event

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["ProgressBar", "TensorBoardLogger", "say", "wants_progress"]


class ProgressBar:
    """A tqdm bar with the newest quality, on standard error.

    Parameters
    ----------
    title : str
        What is being trained.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._bar: tqdm[Any] | None = None

    def __call__(self, event: Event) -> None:
        """Move the bar to the event's step."""
        if self._bar is None:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=event.max_steps, desc=self.title, unit="step", leave=True)
        self._bar.update(event.step - self._bar.n)
        if "quality" in event.record:
            self._bar.set_postfix(quality=f"{event.record['quality']:.3f}")

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()


def wants_progress(verbose: bool | int | str) -> bool:
    """Whether a progress bar is shown: always, never, or ("auto") on a terminal and in a notebook."""
    if verbose != "auto":
        return bool(verbose)
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def say(text: str) -> None:
    """A line on standard error, where the progress bar is."""
    sys.stderr.write(f"{text}\n")


class TensorBoardLogger:
    """Write the history to TensorBoard while it grows.

    Needs ``pip install ganaug[tensorboard]``.

    Parameters
    ----------
    log_dir : str or Path
        Folder of the event files.

    Raises
    ------
    MissingDependencyError
        At the first call, if tensorboard is not installed.

    Examples
    --------
    >>> from ganaug import TabularGAN
    >>> from ganaug.callbacks import TensorBoardLogger
    >>> gan = TabularGAN(callbacks=[TensorBoardLogger("runs/fraud")])
    """

    def __init__(self, log_dir: str | Path) -> None:
        self.log_dir = log_dir
        self._writer: Any = None

    def __call__(self, event: Event) -> None:
        """Write the newest row."""
        if self._writer is None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise MissingDependencyError(
                    "TensorBoardLogger needs tensorboard: pip install 'ganaug[tensorboard]'"
                ) from error
            self._writer = SummaryWriter(str(self.log_dir))
        for name, value in event.record.items():
            if name != "step":
                self._writer.add_scalar(name, value, int(event.step))
        self._writer.flush()

    def __getstate__(self) -> dict[str, Any]:
        # An open file does not travel to a worker process; it opens its own.
        return {"log_dir": self.log_dir, "_writer": None}
