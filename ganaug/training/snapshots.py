"""What every training watches itself by: the best generator so far, collapse and divergence."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor, nn

from ganaug.training.loop import Event
from ganaug.training.train_state import TrainState

__all__ = ["BestSnapshot", "LastSnapshot", "stop_when_diverged"]

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
        event.record.update(self.look(event.train_state))
        # The first third is left alone: an untrained generator is narrow, too.
        if self._collapsed >= COLLAPSED_LOOKS and event.step > max(event.max_steps / 3, self.untrained):
            return "mode_collapse"
        if self.patience is not None and self._since_best >= self.patience:
            return "no_improvement"
        return None

    def look(self, train_state: TrainState) -> dict[str, float]:
        """Measure the averaged generator, and remember it if it is the best so far."""
        seen = self.measure(train_state.average)
        diversity = seen.get("diversity", 1.0)
        self._since_best += 1
        if seen["quality"] >= self.quality:
            self.weights = train_state.average_flat.clone()
            self.step, self.quality, self.diversity = train_state.step, seen["quality"], diversity
            self._since_best = 0
        self._collapsed = self._collapsed + 1 if diversity < COLLAPSED_BELOW else 0
        return seen


class LastSnapshot(BestSnapshot):
    """Look at the samples now and then, and remember the generator that was looked at last.

    For networks of which no number of a few samples tells a finished one from a good beginning. What is remembered is
    for a training that diverges.
    """

    def __init__(self, measure: Callable[[nn.Module], dict[str, float]]) -> None:
        super().__init__(measure)
        self.seen: dict[str, float] = {}

    def __call__(self, event: Event) -> str | None:
        """Measure, unless the networks have diverged, and keep them."""
        if event.looks and stop_when_diverged(event) is None:
            event.record.update(self.look(event.train_state))
        return None

    def look(self, train_state: TrainState) -> dict[str, float]:
        """Measure the averaged networks, and remember them."""
        self.seen = self.measure(train_state.average)
        self.weights, self.step = train_state.average_flat.clone(), train_state.step
        self.quality, self.diversity = self.seen["quality"], self.seen.get("diversity", 1.0)
        return self.seen


def stop_when_diverged(event: Event) -> str | None:
    """End a training whose numbers are no longer finite, or whose logits left all bounds."""
    numbers = [v for k, v in event.record.items() if k.endswith(("_loss", "_logit", "_norm"))]
    if all(map(math.isfinite, numbers)) and all(abs(v) < 1e6 for v in numbers):
        return None
    return "diverged"
