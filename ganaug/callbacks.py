"""Watchers of a training: show it, log it, judge it, stop it.

A watcher is any callable that takes an `Event`; the reason it returns, if any,
ends the training.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganaug.exceptions import MissingDependencyError
from ganaug.training.loop import Event
from ganaug.training.train_state import Game

__all__ = ["BestSnapshot", "ProgressBar", "TensorBoardLogger", "say", "stop_when_diverged", "wants_progress"]

# Fake samples this close together, relative to real ones, are one mode drawn again and again.
COLLAPSED_BELOW = 0.35
# A collapse that passes by itself is none: it must show at this many looks in a row.
COLLAPSED_LOOKS = 4


class BestSnapshot:
    """Look at the samples now and then, and remember the generator that made the best ones.

    Parameters
    ----------
    measure : callable ``(generator) -> dict``
        Must return "quality" (higher is better) and may return "diversity"
        (mean distance among fake samples over that among real ones; 1 is right).
    patience : int or None
        Looks without improvement after which the training ends; None never ends it.
    untrained : int
        Steps up to which a narrow generator is not collapsed, but untrained.

    Attributes
    ----------
    weights : Tensor or None
        The best averaged generator's parameters in one vector.
    step, quality, diversity : float
        Where it was and what was measured there.
    """

    def __init__(
        self, measure: Callable[[nn.Module], dict[str, float]], patience: int | None = None, untrained: int = 0
    ) -> None:
        self.measure = measure
        self.untrained = untrained
        self.patience = patience
        self.weights: Tensor | None = None
        self.step = 0
        self.quality = -math.inf
        self.diversity = math.nan
        self._since_best = 0
        self._collapsed = 0

    def __call__(self, event: Event) -> str | None:
        """Measure, and keep the snapshot if it is the best so far."""
        if not event.looks:
            return None
        event.record.update(self.look(event.game))
        # The first third is left alone: an untrained generator is narrow, too.
        if self._collapsed >= COLLAPSED_LOOKS and event.step > max(event.max_steps / 3, self.untrained):
            return "mode_collapse"
        if self.patience is not None and self._since_best >= self.patience:
            return "no_improvement"
        return None

    def look(self, game: Game) -> dict[str, float]:
        """Measure the averaged generator, and remember it if it is the best so far."""
        seen = self.measure(game.average)
        diversity = seen.get("diversity", 1.0)
        self._since_best += 1
        if seen["quality"] >= self.quality:
            self.weights = game.average_flat.clone()
            self.step, self.quality, self.diversity = game.step, seen["quality"], diversity
            self._since_best = 0
        self._collapsed = self._collapsed + 1 if diversity < COLLAPSED_BELOW else 0
        return seen


def stop_when_diverged(event: Event) -> str | None:
    """End a training whose numbers are no longer finite, or whose logits left all bounds."""
    numbers = [v for k, v in event.record.items() if k.endswith(("_loss", "_logit", "_norm"))]
    if all(map(math.isfinite, numbers)) and all(abs(v) < 1e6 for v in numbers):
        return None
    return "diverged"


class ProgressBar:
    """A tqdm bar with the newest quality, on standard error.

    Parameters
    ----------
    title : str
        What is being trained.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._bar: Any = None

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


@torch.no_grad()
def finite(weights: Tensor) -> bool:
    """Whether every weight is a finite number."""
    return bool(torch.isfinite(weights).all())
