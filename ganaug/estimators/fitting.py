"""One game from encoded samples to the weights worth keeping."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ganaug.batches import Table
from ganaug.callbacks import BestSnapshot, ProgressBar, stop_when_diverged
from ganaug.checkpoints import Checkpoint
from ganaug.game import Game, Plan
from ganaug.interrupts import Ending, deferred_endings, main_thread_interrupts
from ganaug.objectives import Objective
from ganaug.training import Course, Event, Watcher, train

__all__ = ["Played", "play"]

# What each early end means and what to do about it, said in a warning.
_ADVICE = {
    "diverged": (
        "the training diverged at step {step}; the generator of step {best} was kept. "
        "Lower learning_rate or raise penalty; objective='relativistic' is the steadiest."
    ),
    "mode_collapse": (
        "the generator collapsed to a few modes (diversity {diversity:.2f} of the real rows' 1); the one of step "
        "{best} was kept. Raise penalty or lower learning_rate; objective='relativistic' is the steadiest."
    ),
    "interrupted": "interrupted at step {step}; the best generator so far, that of step {best}, was kept.",
}


@dataclass(frozen=True)
class Played:
    """What a game leaves behind."""

    history: list[dict[str, float]]
    stop_reason: str
    n_steps: int
    best_step: int
    quality: float
    warning: str | None


def play(
    game: Game,
    table: Table,
    objective: Objective,
    plan: Plan,
    *,
    measure: Callable[[nn.Module], dict[str, float]],
    patience: int | None,
    callbacks: Iterable[Watcher],
    title: str | None,
    rng: torch.Generator,
    checkpoint: Checkpoint | None = None,
    untrained: int = 0,
) -> Played:
    """Train, watch, and leave the best averaged generator in ``game.average``.

    Parameters
    ----------
    title : str or None
        Title of the progress bar; None shows none.
    checkpoint : Checkpoint, optional
        Where the training is kept while it runs, and may be gone on with.
    untrained : int
        Steps up to which a narrow generator is not collapsed, but untrained.

    Returns
    -------
    Played
        Its ``warning`` says what went wrong, if the training diverged,
        collapsed or was interrupted. It is text and not a warning raised here,
        because this may run in a worker whose warnings nobody sees.
    """
    best = BestSnapshot(measure, patience, untrained)
    course = None if checkpoint is None else checkpoint.restore(game, best, rng)
    if course is None:
        best.look(game)  # what there is to fall back on: the untrained generator, or the earlier fit's
    bar = ProgressBar(title) if title is not None and plan.ranks.own == 0 else None
    endings = nullcontext(Ending()) if checkpoint is None else deferred_endings()
    with main_thread_interrupts() as interrupt, endings as ending:

        def stop_when_interrupted(event: Event) -> str | None:
            return "interrupted" if interrupt.requested else None

        def at_rest(course: Course) -> None:
            if checkpoint is not None and plan.ranks.own == 0:
                checkpoint.save(game, course, best, rng, now=interrupt.requested or ending.requested)
            ending.deliver()

        # Divergence is looked for first: nothing of a diverged network should be measured.
        guards: Sequence[Watcher] = [stop_when_diverged, best, stop_when_interrupted]
        shown: list[Watcher] = [*callbacks, *([bar] if bar else [])]
        try:
            history, reason = train(game, table, objective, plan, [*guards, *shown], rng, course, at_rest)
        finally:
            if bar is not None:
                bar.close()
    if reason != "diverged" and "quality" not in history[-1]:  # it ended between two looks
        history[-1].update(best.look(game))
    if best.weights is not None:
        game.average_flat.copy_(best.weights)
    if checkpoint is not None and plan.ranks.own == 0 and reason != "interrupted":  # that one may be gone on with
        checkpoint.finish()
    advice = _ADVICE.get(reason)
    warning = advice and advice.format(step=game.step, best=best.step, diversity=best.diversity)
    return Played(history, reason, game.step, best.step, best.quality, warning)


def history_frame(rows: list[dict[str, float]]) -> Any:
    """The history as a DataFrame with the step as an integer column."""
    import pandas as pd

    frame = pd.DataFrame(rows)
    if "step" in frame:
        frame["step"] = frame["step"].astype("int64")
    return frame
