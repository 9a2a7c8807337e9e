"""The game: one loop for every modality, objective and architecture.

The loop knows tensors. What varies reaches it as functions and numbers: the
objective's pair of losses and penalties, the augmentation of samples, the
precision, and the watchers that decide when to look, what to keep and when to stop.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from ganaug.augmentation import Pipe
from ganaug.batches import Table, class_probabilities
from ganaug.descent import Player, flatten
from ganaug.networks import DiscriminatorNetwork, GeneratorNetwork, Players
from ganaug.objectives import PENALTIES, Objective, slope_of
from ganaug.precision import Precision, full
from ganaug.ranks import ALONE, Ranks
from ganaug.threads import Team, alone

__all__ = [
    "Course",
    "Event",
    "Game",
    "Pipe",
    "Plan",
    "Player",
    "Table",
    "Watcher",
    "class_probabilities",
    "flatten",
    "play_step",
    "train",
]


def direct(x: Tensor, progress: float, rng: torch.Generator) -> Tensor:
    """The samples as they are."""
    return x


@dataclass(frozen=True)
class Plan:
    """The numbers of a training.

    Attributes
    ----------
    max_steps : int
        Steps of the discriminator in all, those of an earlier fit included.
    batch_size : int
        Real samples per step, and as many fake ones.
    learning_rate, discriminator_learning_rate : float
        Of Adam, before the schedule.
    betas : tuple of float
        Of Adam.
    decay_from : float
        Share of the training after which the learning rate falls, by a cosine, to zero.
    ema_half_life : float
        Steps after which a weight's share in the averaged generator has halved.
    penalty_every : int
        A penalty is taken every so many steps, times as much (lazy
        regularisation; Karras et al. 2020).
    penalty_scale : float
        Factor on the objective's penalty weights.
    log_every, look_every : int
        Steps between rows of the history, and between looks at the samples.
    max_time : float or None
        Seconds after which the training ends. The schedule then follows the clock.
    pipe : callable ``(samples, progress, rng) -> samples``
        What real and fake samples alike pass through on their way to the
        discriminator; differentiable. Penalties are taken on the samples before it.
    precision : callable
        Opened around passes of the trunks; logits, losses and penalties are in full precision.
    parts : int
        Into which a batch is split. The result depends on it a little, and not on who works on which.
    team : callable ``(function, parts) -> list``
        Who works on the parts.
    ranks : Ranks
        The processes that share the parts.
    """

    max_steps: int
    batch_size: int
    learning_rate: float
    discriminator_learning_rate: float
    betas: tuple[float, float]
    decay_from: float
    ema_half_life: float
    penalty_every: int
    penalty_scale: float
    log_every: int
    look_every: int
    max_time: float | None = None
    pipe: Pipe = direct
    precision: Precision = full
    parts: int = 1
    team: Team = alone
    ranks: Ranks = ALONE


@dataclass
class Game:
    """Everything that changes while a game is played."""

    generator: Player[GeneratorNetwork]
    discriminator: Player[DiscriminatorNetwork]
    average: GeneratorNetwork  # the generator with averaged weights: the one that samples
    average_flat: Tensor
    step: int = 0

    @classmethod
    def start(cls, players: Players, plan: Plan, step: int = 0) -> Game:
        """The players at the outset, or where an earlier game left them."""
        average = copy.deepcopy(players.generator).eval().requires_grad_(False)
        return cls(
            Player(players.generator, plan.learning_rate, plan.betas),
            Player(players.discriminator, plan.discriminator_learning_rate, plan.betas),
            average,
            flatten(average),
            step,
        )


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


@dataclass
class Part:
    """Some samples of a batch, that are worked on by themselves.

    Attributes
    ----------
    share : float
        Of the batch.
    rng : torch.Generator
        For all that is random about these samples.
    fake, on_real : Tensor
        What the discriminator's step leaves for the generator's: the fake samples, and the logits of the real ones.
    """

    real: Tensor
    labels: Tensor
    share: float
    rng: torch.Generator
    fake: Tensor = field(init=False)
    on_real: Tensor = field(init=False)


def parted(real: Tensor, labels: Tensor, parts: int, rng: torch.Generator) -> list[Part]:
    """A batch in so many parts. Each has random numbers of its own, so that it matters not which comes first."""
    if parts == 1:
        return [Part(real, labels, 1.0, rng)]
    seeds = torch.empty(parts, dtype=torch.int64).random_(generator=rng).tolist()
    cut = zip(real.tensor_split(parts), labels.tensor_split(parts), seeds, strict=True)
    return [Part(x, y, len(x) / len(real), torch.Generator().manual_seed(seed)) for x, y, seed in cut]


def play_step(
    game: Game,
    objective: Objective,
    real: Tensor,
    labels: Tensor,
    plan: Plan,
    progress: float,
    rng: torch.Generator,
) -> dict[str, Tensor]:
    """One step of each player. Returns what the history records.

    The fake samples, and the logits of the real ones, serve both players: a
    second pass of either network for the generator's step costs a third of the
    whole and measured no better.
    """
    rate = cosine_tail(progress, plan.decay_from)
    parts = plan.ranks.parts(parted(real, labels, plan.parts, rng))
    results = plan.team(lambda part: discriminator_slope(game, objective, part, plan, progress), parts)
    record, gradient = together(results, parts)
    record["discriminator_gradient_norm"] = game.discriminator.follow(plan.ranks.summed(gradient), rate)
    if game.step % objective.generator_every == 0:
        results = plan.team(lambda part: generator_slope(game, objective, part, plan, progress), parts)
        more, gradient = together(results, parts)
        record |= more
        record["generator_gradient_norm"] = game.generator.follow(plan.ranks.summed(gradient), rate)
    return record


def together(results: list[tuple[dict[str, Tensor], Tensor]], parts: list[Part]) -> tuple[dict[str, Tensor], Tensor]:
    """Records and gradients of the parts of a batch as those of the whole, always added in the same order."""
    if len(results) == 1 and parts[0].share == 1.0:
        return results[0]
    gradient = results[0][1] * parts[0].share
    for part, (_, own) in zip(parts[1:], results[1:], strict=True):
        gradient.add_(own, alpha=part.share)
    return {k: torch.cat([own[k].reshape(-1) for own, _ in results]) for k in results[0][0]}, gradient


def discriminator_slope(
    game: Game, objective: Objective, part: Part, plan: Plan, progress: float
) -> tuple[dict[str, Tensor], Tensor]:
    """Where the discriminator goes to tell real from fake better: what is recorded, and its gradient."""
    network, real, labels, rng = game.discriminator.network, part.real, part.labels, part.rng
    shape = (len(real), game.generator.network.latent_dim)
    z = torch.empty(shape, device=real.device, dtype=real.dtype).normal_(generator=rng)
    with plan.precision():
        fake = game.generator.network(z, labels, rng)
    part.fake = fake.to(real.dtype)
    fake, twice = part.fake.detach(), torch.cat([labels, labels])
    features = trunk(network, plan.pipe(torch.cat([real, fake]), progress, rng), twice, plan)
    on_real, on_fake = network.head(features, twice).chunk(2)
    part.on_real = on_real.detach()
    loss = objective.discriminator(on_real, on_fake).mean()
    class_loss = network.head.class_loss(features, twice)
    total = loss if class_loss is None else loss + class_loss.mean()
    if game.step % plan.penalty_every == 0:
        critic = Critic(network, labels, plan.pipe, progress, rng)
        for name, weight in objective.penalties.items():
            penalty = PENALTIES[name](critic, real, fake, rng)
            total = total + plan.penalty_scale * plan.penalty_every * weight * penalty.mean()
    record = {"discriminator_loss": loss.detach(), "real_logit": part.on_real, "fake_logit": on_fake.detach()}
    return record, game.discriminator.slope(total)


@dataclass(frozen=True)
class Critic:
    """The discriminator as a function of the samples alone, for as many batches as it is given."""

    network: DiscriminatorNetwork
    labels: Tensor
    pipe: Pipe
    progress: float
    rng: torch.Generator

    def __call__(self, points: Tensor) -> Tensor:
        """Logits. (k * B, ...) -> (k * B,)."""
        logits: Tensor = self.network(self.pipe(points, self.progress, self.rng), self._labels(points))
        return logits

    def slope(self, points: Tensor) -> Tensor:
        """Their gradient with respect to the samples: the network's own where nothing stands before it."""
        if self.pipe is direct:
            return self.network.slope(points, self._labels(points))
        return slope_of(self, points)

    def _labels(self, points: Tensor) -> Tensor:
        return self.labels.repeat(len(points) // len(self.labels))


def generator_slope(
    game: Game, objective: Objective, part: Part, plan: Plan, progress: float
) -> tuple[dict[str, Tensor], Tensor]:
    """Where the generator goes to pass for real better: what is recorded, and its gradient."""
    network, labels = game.discriminator.network, part.labels
    features = trunk(network, plan.pipe(part.fake, progress, part.rng), labels, plan)
    loss = objective.generator(part.on_real, network.head(features, labels)).mean()
    class_loss = network.head.class_loss(features, labels)
    total = loss if class_loss is None else loss + class_loss.mean()
    return {"generator_loss": loss.detach()}, game.generator.slope(total)


def trunk(network: DiscriminatorNetwork, x: Tensor, labels: Tensor, plan: Plan) -> Tensor:
    """The discriminator's features, computed in the plan's precision. (B, ...), (B,) -> (B, width)."""
    with plan.precision():
        features = network.features(x, labels)
    return features.to(x.dtype)


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
    began = time.perf_counter() - course.seconds
    while game.step < plan.max_steps:
        seconds = plan.ranks.first(time.perf_counter() - began, device)
        done = (game.step - first) / (plan.max_steps - first)
        progress = max(done, seconds / plan.max_time if plan.max_time else 0.0)
        course.record |= play_step(game, objective, *next(batches), plan, progress, rng)
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
