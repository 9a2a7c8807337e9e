"""What surrounds the two-sided game: looking at translations while it is played."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from ganaug.callbacks import ProgressBar, stop_when_diverged
from ganaug.cycle import CycleGame, CyclePlan, play_cycle
from ganaug.estimators.flips import FlipCheck
from ganaug.interrupts import main_thread_interrupts
from ganaug.metrics.fidelity import energy_quality, mean_distance
from ganaug.networks.translation import Translators
from ganaug.objectives import Objective
from ganaug.seeding import numpy_generator
from ganaug.training import Event, Watcher

__all__ = ["Translated", "judged", "play"]

Images = npt.NDArray[Any]
Measure = Callable[[Translators], dict[str, float]]

# Images of each class by which translations are looked at during the training.
JUDGED = 64

_ADVICE = {
    "diverged": (
        "the training diverged at step {step}; the translators of step {kept} were kept. Lower learning_rate or "
        "raise penalty."
    ),
    "interrupted": "interrupted at step {step}; the translators of that step were kept.",
}


@dataclass(frozen=True)
class Translated:
    """What a game leaves behind."""

    history: list[dict[str, float]]
    stop_reason: str
    quality: float
    accepted: float
    warning: str | None


def judged(
    images: Sequence[Images],
    codec: Any,
    check: FlipCheck | None,
    min_probability: float,
    device: torch.device,
    seed: int,
) -> Measure:
    """A function that looks at a few translations: "quality", "diversity", and "accepted" where there is a check.

    Parameters
    ----------
    images : sequence of two ndarray (n, C, H, W)
        Stored images of source and target.
    """
    rng = numpy_generator(seed)
    source, target = (torch.from_numpy(rng.permutation(x)[:JUDGED]).to(device) for x in images)
    real = codec.to_network(target).flatten(1)
    spread = mean_distance(real)

    @torch.inference_mode()
    def measure(translators: Translators) -> dict[str, float]:
        fake = translators.to_target(codec.to_network(source))
        seen = {
            "quality": energy_quality(real, fake.flatten(1), real_spread=spread),
            "diversity": mean_distance(fake.flatten(1)) / spread if spread > 0 else 1.0,
        }
        if check is not None and bool(torch.isfinite(fake).all()):
            likely = check.probabilities(codec.from_network(fake), codec.to_network, device)
            seen["accepted"] = float((likely >= min_probability).mean())
        return seen

    return measure


class LastLook:
    """Look at the translations now and then, and remember the translators that were looked at last.

    The last ones are kept and not the best: no number of a few translations tells a finished texture from a
    silhouette. What is remembered is for a training that diverges.
    """

    def __init__(self, measure: Measure, game: CycleGame) -> None:
        self.measure, self.game = measure, game
        self.seen: dict[str, float] = {}
        self.look()

    def __call__(self, event: Event) -> str | None:
        """Add what is seen to the event's record."""
        if event.looks:
            event.record.update(self.look())
        return None

    def look(self) -> dict[str, float]:
        """Measure the averaged translators."""
        self.seen = self.measure(self.game.average)
        self.step, self.weights = self.game.step, self.game.average_flat.clone()
        return self.seen


def play(
    game: CycleGame,
    sources: Iterator[Tensor],
    targets: Iterator[Tensor],
    objective: Objective,
    plan: CyclePlan,
    *,
    measure: Measure,
    callbacks: Iterable[Watcher],
    title: str | None,
    rng: torch.Generator,
) -> Translated:
    """Train, watch, and leave the averaged translators in ``game.average``; as `fitting.play` for one-sided games."""
    last = LastLook(measure, game)
    bar = ProgressBar(title) if title is not None else None
    with main_thread_interrupts() as interrupt:

        def stop_when_interrupted(event: Event) -> str | None:
            return "interrupted" if interrupt.requested else None

        shown: list[Watcher] = [*callbacks, *([bar] if bar else [])]
        try:
            history, reason = play_cycle(
                game,
                sources,
                targets,
                objective,
                plan,
                [stop_when_diverged, _unless_diverged(last), stop_when_interrupted, *shown],
                rng,
            )
        finally:
            if bar is not None:
                bar.close()
    if reason == "diverged":
        game.average_flat.copy_(last.weights)
    elif "quality" not in history[-1]:  # it ended between two looks
        history[-1].update(last.look())
    advice = _ADVICE.get(reason)
    warning = advice and advice.format(step=game.step, kept=last.step)
    return Translated(history, reason, last.seen["quality"], last.seen.get("accepted", math.nan), warning)


def _unless_diverged(watch: Watcher) -> Watcher:
    """Nothing of a diverged network should be measured, and all watchers are called."""
    return lambda event: watch(event) if stop_when_diverged(event) is None else None
