"""The game: one loop for every modality, objective and architecture.

The loop knows tensors. What varies reaches it as functions and numbers: the
objective's pair of losses and penalties, the augmentation of samples, the
precision, and the watchers that decide when to look, what to keep and when to stop.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from ganaug.objectives import Objective
from ganaug.training.cuda_graphs import Replayed
from ganaug.training.gradients import PLAIN, Slopes, parted, together
from ganaug.training.train_state import Game, Plan, Table

__all__ = ["Course", "Event", "Watcher", "cosine_tail", "play_step", "summary", "train"]


@dataclass
class Event:
    """What a watcher sees.

    Attributes
    ----------
    step, max_steps : int
        Steps done, and the most there can be.
    seconds : float
        Since the training began.
    record : dict
        The history's newest row. A watcher may add to it.
    game : Game
        The players. `game.average` is the generator that would be kept now.
    looks : bool
        Whether this is a step at which the samples are to be looked at.
    """

    step: int
    max_steps: int
    seconds: float
    record: dict[str, float]
    game: Game
    looks: bool


class Watcher(Protocol):
    """Called at every logged step; a string returned ends the training and is its reason."""

    def __call__(self, event: Event, /) -> str | None:
        """Look at the training."""


def cosine_tail(progress: float, decay_from: float) -> float:
    """1 until ``decay_from``, then a half cosine down to 0 at ``progress = 1``."""
    tail = max(0.0, progress - decay_from) / max(1e-9, 1.0 - decay_from)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, tail)))


def play_step(
    game: Game,
    objective: Objective,
    real: Tensor,
    labels: Tensor,
    plan: Plan,
    progress: float,
    rng: torch.Generator,
    slopes: Slopes = PLAIN,
) -> dict[str, Tensor]:
    """One step of each player. Returns what the history records.

    The fake samples, and the logits of the real ones, serve both players: a
    second pass of either network for the generator's step costs a third of the
    whole and measured no better.
    """
    rate = cosine_tail(progress, plan.decay_from)
    parts = plan.ranks.parts(parted(real, labels, plan.parts, rng))
    results = plan.team(lambda part: slopes.discriminator(game, objective, part, plan, progress), parts)
    record, gradient = together(results, parts)
    record["discriminator_gradient_norm"] = game.discriminator.follow(plan.ranks.summed(gradient), rate)
    if game.step % objective.generator_every == 0:
        results = plan.team(lambda part: slopes.generator(game, objective, part, plan, progress), parts)
        more, gradient = together(results, parts)
        record |= more
        record["generator_gradient_norm"] = game.generator.follow(plan.ranks.summed(gradient), rate)
    return record


@dataclass
class Course:
    """How far a training has come, beside its players.

    Attributes
    ----------
    first : int
        The step at which it began: an earlier fit had its own schedule.
    seconds : float
        That it took before this sitting.
    history : list of dict
        One row per logged step.
    record : dict
        What the latest step recorded; of a player that moves less often, its latest.
    """

    first: int
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    record: dict[str, Tensor] = field(default_factory=dict)


def train(
    game: Game,
    table: Table,
    objective: Objective,
    plan: Plan,
    watchers: Sequence[Watcher],
    rng: torch.Generator,
    course: Course | None = None,
    at_rest: Callable[[Course], None] | None = None,
) -> tuple[list[dict[str, float]], str]:
    """Play until a watcher stops it or the steps are used up.

    Parameters
    ----------
    course : Course, optional
        Of a training that goes on where it was broken off.
    at_rest : callable, optional
        Called where game, course and ``rng`` are all that is needed to go on:
        every ``table.ahead`` steps.

    Returns
    -------
    history : list of dict
        One row per logged step.
    stop_reason : str
        "max_steps", "max_time", or what a watcher said.
    """
    course = course or Course(game.step)
    history, first = course.history, course.first
    batches, device = table.batches(plan.batch_size, rng), game.average_flat.device
    slopes: Slopes = Replayed(plan, device) if plan.replays else PLAIN
    began = time.perf_counter() - course.seconds
    while game.step < plan.max_steps:
        seconds = plan.ranks.first(time.perf_counter() - began, device)
        done = (game.step - first) / (plan.max_steps - first)
        progress = max(done, seconds / plan.max_time if plan.max_time else 0.0)
        course.record |= play_step(game, objective, *next(batches), plan, progress, rng, slopes)
        half_life = min(plan.ema_half_life, 0.1 * (game.step + 1))
        game.average_flat.lerp_(game.generator.flat, 1 - 0.5 ** (1 / half_life))
        game.step += 1
        out_of_time = plan.max_time is not None and seconds >= plan.max_time
        last = out_of_time or game.step == plan.max_steps
        if last or game.step % plan.log_every == 0:
            history.append(plan.ranks.averaged(summary(game.step, course.record), device))
            looks = last or game.step % plan.look_every == 0
            event = Event(game.step, plan.max_steps, seconds, history[-1], game, looks)
            said = [watch(event) for watch in watchers]
            reason = plan.ranks.agreed(next((r for r in said if r), "max_time" if out_of_time else None))
            if reason:
                return history, reason
        if at_rest is not None and (game.step - first) % table.ahead == 0:
            course.seconds = time.perf_counter() - began
            at_rest(course)
    return history, "max_steps"


def summary(step: int, record: dict[str, Any]) -> dict[str, float]:
    """One row of the history: means of losses and logits, norms of gradients."""
    row: dict[str, float] = {"step": step}
    for name, value in record.items():
        row[name] = float(value.norm() if name.endswith("_norm") else value.mean())
    return row
