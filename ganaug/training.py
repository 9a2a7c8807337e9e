"""The game: one loop for every modality, objective and architecture.

The loop knows tensors. What varies reaches it as functions and numbers: the
objective's pair of losses and penalties, the augmentation of real samples, and
the watchers that decide when to look, what to keep and when to stop.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from ganaug.augmentation import Augmentation, unchanged
from ganaug.networks import DiscriminatorNetwork, GeneratorNetwork, Players
from ganaug.objectives import PENALTIES, Objective

Network = TypeVar("Network", bound=nn.Module)

__all__ = ["Event", "Game", "Plan", "Watcher", "class_probabilities", "train"]


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


class Player(Generic[Network]):
    """A network whose parameters lie side by side in one vector, with the state of their optimiser.

    One vector makes a step of Adam, the average and a snapshot a few operations
    each; with the small networks of a table the time goes to dispatch. Adam is
    written out for the same reason: importing `torch.optim` takes 1.7 s and 150
    MB in each worker process, because it brings torch's compiler.
    """

    def __init__(self, network: Network, learning_rate: float, betas: tuple[float, float]) -> None:
        self.network = network
        self.flat = flatten(network)
        self.parameters = list(network.parameters())
        self.gradient = torch.zeros_like(self.flat)
        self.mean = torch.zeros_like(self.flat)
        self.square = torch.zeros_like(self.flat)
        self.learning_rate, self.betas, self.steps = learning_rate, betas, 0
        self.rate = learning_rate

    def descend(self, loss: Tensor, rate: float) -> Tensor:
        """One step of Adam down the gradient of ``loss``; returns the gradient (valid until the next step)."""
        grads = torch.autograd.grad(loss, self.parameters, materialize_grads=True)
        torch.cat([g.reshape(-1) for g in grads], out=self.gradient)
        self.rate = self.learning_rate * rate
        adam(self.flat, self.gradient, self.mean, self.square, self.steps, self.rate, self.betas)
        self.steps += 1
        return self.gradient


@torch.no_grad()
def adam(
    weights: Tensor,
    gradient: Tensor,
    mean: Tensor,
    square: Tensor,
    steps: int,
    rate: float,
    betas: tuple[float, float],
    eps: float = 1e-8,
) -> None:
    """One step of Adam in place, after ``steps`` earlier ones; Kingma and Ba 2015, algorithm 1. All (n,)."""
    fade_mean, fade_square = betas
    mean.lerp_(gradient, 1 - fade_mean)
    square.mul_(fade_square).addcmul_(gradient, gradient, value=1 - fade_square)
    bias_mean, bias_square = (1 - fade ** (steps + 1) for fade in betas)
    scale = (square / bias_square).sqrt_().add_(eps)
    weights.addcdiv_(mean, scale, value=-rate / bias_mean)


def flatten(network: nn.Module) -> Tensor:
    """Move all parameters into one vector, of which they become views. Returns the vector."""
    parameters = list(network.parameters())
    flat = torch.cat([p.detach().reshape(-1) for p in parameters])
    start = 0
    for p in parameters:
        p.data = flat[start : start + p.numel()].view_as(p)
        start += p.numel()
    return flat


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


@dataclass
class Table:
    """The real samples on the training device, and how often each class is drawn."""

    x: Tensor  # (n, ...)
    labels: Tensor  # (n,) int64
    class_weights: Tensor  # (n_classes,) float, sums to 1
    augment: Augmentation = unchanged
    order: Tensor = field(init=False)
    starts: Tensor = field(init=False)
    counts: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.order = torch.argsort(self.labels, stable=True)
        self.counts = torch.bincount(self.labels, minlength=len(self.class_weights))
        self.starts = torch.cumsum(self.counts, 0) - self.counts

    def batches(self, size: int, rng: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Endless batches ``(x, labels)``: a class by its weight, then one of its rows evenly."""
        ahead = 64  # drawing for many steps at once costs no more than for one
        while True:
            labels = torch.multinomial(self.class_weights, ahead * size, replacement=True, generator=rng)
            share = torch.rand(ahead * size, device=labels.device, generator=rng, dtype=torch.float64)
            rows = self.order[self.starts[labels] + (share * self.counts[labels]).long()]
            for now, now_rows in zip(labels.split(size), rows.split(size), strict=True):
                yield self.augment(self.x[now_rows], now, rng), now


def class_probabilities(counts: Sequence[int], power: float) -> list[float]:
    """How often each class is drawn: proportional to ``count ** power``.

    ``power=0`` draws the classes evenly, ``power=1`` as often as they occur.
    A class without rows is never drawn.

    Examples
    --------
    >>> from ganaug.training import class_probabilities
    >>> class_probabilities([90, 10], power=0)
    [0.5, 0.5]
    """
    weights = [float(n) ** power if n else 0.0 for n in counts]
    return [w / sum(weights) for w in weights]


def cosine_tail(progress: float, decay_from: float) -> float:
    """1 until ``decay_from``, then a half cosine down to 0 at ``progress = 1``."""
    tail = max(0.0, progress - decay_from) / max(1e-9, 1.0 - decay_from)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, tail)))


def play_step(
    game: Game, objective: Objective, real: Tensor, labels: Tensor, plan: Plan, rate: float, rng: torch.Generator
) -> dict[str, Tensor]:
    """One step of each player. Returns what the history records.

    The fake samples, and the logits of the real ones, serve both players: a
    second pass of either network for the generator's step costs a third of the
    whole and measured no better.
    """
    shape = (len(real), game.generator.network.latent_dim)
    z = torch.empty(shape, device=real.device, dtype=real.dtype).normal_(generator=rng)
    fake = game.generator.network(z, labels, rng)
    record = discriminator_step(game, objective, real, fake.detach(), labels, plan, rate, rng)
    if game.step % objective.generator_every == 0:
        record |= generator_step(game, objective, record["real_logit"], fake, labels, rate)
    return record


def discriminator_step(
    game: Game,
    objective: Objective,
    real: Tensor,
    fake: Tensor,
    labels: Tensor,
    plan: Plan,
    rate: float,
    rng: torch.Generator,
) -> dict[str, Tensor]:
    """Teach the discriminator to tell real from fake."""
    network = game.discriminator.network
    twice = torch.cat([labels, labels])
    features = network.features(torch.cat([real, fake]), twice)
    on_real, on_fake = network.head(features, twice).chunk(2)
    loss = objective.discriminator(on_real, on_fake).mean()
    class_loss = network.head.class_loss(features, twice)
    total = loss if class_loss is None else loss + class_loss.mean()
    if game.step % plan.penalty_every == 0:
        for name, weight in objective.penalties.items():
            penalty = PENALTIES[name](critic(network, labels), real, fake, rng)
            total = total + plan.penalty_scale * plan.penalty_every * weight * penalty.mean()
    gradient = game.discriminator.descend(total, rate)
    return {
        "discriminator_loss": loss.detach(),
        "real_logit": on_real.detach(),
        "fake_logit": on_fake.detach(),
        "discriminator_gradient_norm": gradient,
    }


def generator_step(
    game: Game, objective: Objective, on_real: Tensor, fake: Tensor, labels: Tensor, rate: float
) -> dict[str, Tensor]:
    """Teach the generator to pass for real."""
    network = game.discriminator.network
    features = network.features(fake, labels)
    loss = objective.generator(on_real, network.head(features, labels)).mean()
    class_loss = network.head.class_loss(features, labels)
    total = loss if class_loss is None else loss + class_loss.mean()
    gradient = game.generator.descend(total, rate)
    return {"generator_loss": loss.detach(), "generator_gradient_norm": gradient}


def critic(network: DiscriminatorNetwork, labels: Tensor) -> Callable[[Tensor], Tensor]:
    """The discriminator as a function of the samples alone, for as many batches as it is given."""

    def logits(points: Tensor) -> Tensor:
        result: Tensor = network(points, labels.repeat(len(points) // len(labels)))
        return result

    return logits


def train(
    game: Game,
    table: Table,
    objective: Objective,
    plan: Plan,
    watchers: Sequence[Watcher],
    rng: torch.Generator,
) -> tuple[list[dict[str, float]], str]:
    """Play until a watcher stops it or the steps are used up.

    Returns
    -------
    history : list of dict
        One row per logged step.
    stop_reason : str
        "max_steps", "max_time", or what a watcher said.
    """
    history: list[dict[str, float]] = []
    record: dict[str, Tensor] = {}
    first = game.step
    batches = table.batches(plan.batch_size, rng)
    began = time.perf_counter()
    while game.step < plan.max_steps:
        seconds = time.perf_counter() - began
        done = (game.step - first) / (plan.max_steps - first)  # an earlier fit had its own schedule
        progress = max(done, seconds / plan.max_time if plan.max_time else 0.0)
        rate = cosine_tail(progress, plan.decay_from)
        record |= play_step(game, objective, *next(batches), plan, rate, rng)
        half_life = min(plan.ema_half_life, 0.1 * (game.step + 1))
        game.average_flat.lerp_(game.generator.flat, 1 - 0.5 ** (1 / half_life))
        game.step += 1
        out_of_time = plan.max_time is not None and seconds >= plan.max_time
        last = out_of_time or game.step == plan.max_steps
        if last or game.step % plan.log_every == 0:
            history.append(summary(game.step, record))
            looks = last or game.step % plan.look_every == 0
            event = Event(game.step, plan.max_steps, seconds, history[-1], game, looks)
            said = [watch(event) for watch in watchers]
            reason = next((r for r in said if r), "max_time" if out_of_time else None)
            if reason:
                return history, reason
    return history, "max_steps"


def summary(step: int, record: dict[str, Any]) -> dict[str, float]:
    """One row of the history: means of losses and logits, norms of gradients."""
    row: dict[str, float] = {"step": step}
    for name, value in record.items():
        row[name] = float(value.norm() if name.endswith("_norm") else value.mean())
    return row
