"""The training loop: one for every modality, objective and architecture.

The loop knows tensors. What varies reaches it as functions and numbers: the
objective's pair of losses and penalties, the augmentation of samples, the
precision, and the watchers that decide when to look, what to keep and when to stop.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from ganaug.objectives import Objective
from ganaug.training.cuda_graphs import ReplayedGradients
from ganaug.training.gradients import PLAIN, GradientFunctions, reduce_gradients, split_batch
from ganaug.training.train_state import TrainConfig, TrainState

__all__ = ["Batches", "Event", "Step", "TrainProgress", "Watcher", "cosine_decay", "summary", "train", "train_step"]


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
    train_state : Game
        The players. `train_state.average` is the generator that would be kept now.
    looks : bool
        Whether this is a step at which the samples are to be looked at.
    """

    step: int
    max_steps: int
    seconds: float
    record: dict[str, float]
    train_state: TrainState
    looks: bool

    @property
    def game(self) -> TrainState:
        """The earlier name of `train_state`."""
        return self.train_state


class Watcher(Protocol):
    """Called at every logged step; a string returned ends the training and is its reason."""

    def __call__(self, event: Event, /) -> str | None:
        """Look at the training."""


def cosine_decay(progress: float, decay_from: float) -> float:
    """1 until ``decay_from``, then a half cosine down to 0 at ``progress = 1``."""
    tail = max(0.0, progress - decay_from) / max(1e-9, 1.0 - decay_from)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, tail)))


def train_step(
    train_state: TrainState,
    objective: Objective,
    real: Tensor,
    labels: Tensor,
    plan: TrainConfig,
    progress: float,
    rng: torch.Generator,
    gradients: GradientFunctions = PLAIN,
) -> dict[str, Tensor]:
    """One step of the discriminator and one of the generator. Returns what the history records.

    The fake samples, and the logits of the real ones, serve both: a
    second pass of either network for the generator's step costs a third of the
    whole and measured no better.
    """
    rate = cosine_decay(progress, plan.decay_from)
    parts = plan.ranks.parts(split_batch(real, labels, plan.parts, rng))
    results = plan.team(lambda part: gradients.discriminator(train_state, objective, part, plan, progress), parts)
    record, gradient = reduce_gradients([result for result, _ in results], parts)
    record["discriminator_gradient_norm"] = train_state.discriminator.apply_gradient(plan.ranks.summed(gradient), rate)
    if train_state.step % objective.generator_every == 0:
        handed = [(part, handover) for part, (_, handover) in zip(parts, results, strict=True)]
        results = plan.team(
            lambda own: gradients.generator(train_state, objective, own[0], own[1], plan, progress), handed
        )
        more, gradient = reduce_gradients(results, parts)
        record |= more
        record["generator_gradient_norm"] = train_state.generator.apply_gradient(plan.ranks.summed(gradient), rate)
    return record


Step = Callable[..., dict[str, Tensor]]


@dataclass
class TrainProgress:
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


class Batches(Protocol):
    """Real samples, batch by batch."""

    @property
    def ahead(self) -> int:
        """Batches drawn at once: only after a multiple of these is all that is random still to come in ``rng``."""

    def batches(self, size: int, rng: torch.Generator, /) -> Iterator[tuple[Tensor, Tensor]]:
        """Endless pairs of tensors, as the step takes them."""


def train(
    train_state: TrainState,
    table: Batches,
    objective: Objective,
    plan: TrainConfig,
    watchers: Sequence[Watcher],
    rng: torch.Generator,
    train_progress: TrainProgress | None = None,
    at_rest: Callable[[TrainProgress], None] | None = None,
    step: Step | None = None,
) -> tuple[list[dict[str, float]], str]:
    """Play until a watcher stops it or the steps are used up.

    Parameters
    ----------
    train_progress : Course, optional
        Of a training that goes on where it was broken off.
    at_rest : callable, optional
        Called where game, course and ``rng`` are all that is needed to go on:
        every ``table.ahead`` steps.
    step : callable, optional
        One step of all networks, with the parameters of `train_step`, which is the default, up to ``rng``.

    Returns
    -------
    history : list of dict
        One row per logged step.
    stop_reason : str
        "max_steps", "max_time", or what a watcher said.
    """
    train_progress = train_progress or TrainProgress(train_state.step)
    history, first = train_progress.history, train_progress.first
    batches, device = table.batches(plan.batch_size, rng), train_state.average_flat.device
    if step is None:
        step = partial(train_step, gradients=ReplayedGradients(plan, device) if plan.replays else PLAIN)
    began = time.perf_counter() - train_progress.seconds
    while train_state.step < plan.max_steps:
        seconds = plan.ranks.first(time.perf_counter() - began, device)
        done = (train_state.step - first) / (plan.max_steps - first)
        progress = max(done, seconds / plan.max_time if plan.max_time else 0.0)
        train_progress.record |= step(train_state, objective, *next(batches), plan, progress, rng)
        half_life = min(plan.ema_half_life, 0.1 * (train_state.step + 1))
        train_state.average_flat.lerp_(train_state.generator.flat, 1 - 0.5 ** (1 / half_life))
        train_state.step += 1
        out_of_time = plan.max_time is not None and seconds >= plan.max_time
        last = out_of_time or train_state.step == plan.max_steps
        if last or train_state.step % plan.log_every == 0:
            history.append(plan.ranks.averaged(summary(train_state.step, train_progress.record), device))
            looks = last or train_state.step % plan.look_every == 0
            event = Event(train_state.step, plan.max_steps, seconds, history[-1], train_state, looks)
            said = [watch(event) for watch in watchers]
            reason = plan.ranks.agreed(next((r for r in said if r), "max_time" if out_of_time else None))
            if reason:
                return history, reason
        if at_rest is not None and (train_state.step - first) % table.ahead == 0:
            train_progress.seconds = time.perf_counter() - began
            at_rest(train_progress)
    return history, "max_steps"


def summary(step: int, record: dict[str, Any]) -> dict[str, float]:
    """One row of the history: means of losses and logits, norms of gradients."""
    row: dict[str, float] = {"step": step}
    for name, value in record.items():
        row[name] = float(value.norm() if name.endswith("_norm") else value.mean())
    return row
