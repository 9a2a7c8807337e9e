"""The two-sided game: two classes, a translator each way, and the way back as the teacher.

CycleGAN (Zhu et al. 2017). ``G`` turns images ``a`` of the source class into the target class, ``F`` turns
images ``b`` of the target class back; ``D_b`` and ``D_a`` tell real images of a class from translated ones.
Without pairs of images, what keeps a translation true to its original is that the way back must restore it:
``|F(G(a)) - a| + |G(F(b)) - b|`` (equation 2), and that an image which is already there must stay as it is:
``|G(b) - b| + |F(a) - a|`` (section 5.2).
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, nn

from ganaug.augmentation import Pipe
from ganaug.networks.translation import DiscriminatorPair, Translators
from ganaug.objectives import PENALTIES, Objective
from ganaug.runtime.threads import Team
from ganaug.training.loop import Event, Watcher, cosine_decay, summary
from ganaug.training.optimizer import FlatAdam, flatten
from ganaug.training.train_state import TrainState

__all__ = ["CycleTrainConfig", "CycleTrainState", "ImagePool", "shifted", "train_cycle"]

# Values of an image in the paper, for which its weights of the cycle and the identity are meant.
VALUES = 3 * 256 * 256


@dataclass(frozen=True)
class CycleTrainConfig:
    """The numbers of a training; those that `training.TrainConfig` has too mean the same.

    Attributes
    ----------
    cycle_weight, identity_weight : float
        Of the distance after the way there and back, and of that between an
        image of a class and its translation into the same class; on the scale of the paper (see `pull`).
    pool_size : int
        Earlier translations that a discriminator may be shown again.
    pipe : callable ``(images, progress, rng) -> images``
        Differentiable augmentation of what a discriminator sees, real and translated.
    team : callable ``(function, parts) -> list``
        Who works on the two ways: one after the other, or side by side with the same result.
    """

    max_steps: int
    learning_rate: float
    betas: tuple[float, float]
    decay_from: float
    ema_half_life: float
    penalty_every: int
    penalty_scale: float
    log_every: int
    look_every: int
    cycle_weight: float
    identity_weight: float
    pipe: Pipe
    team: Team
    pool_size: int = 50
    max_time: float | None = None


class ImagePool:
    """Earlier translations, of which a discriminator sees half again (Shrivastava et al. 2017; Zhu et al. 2017).

    A discriminator that sees only the newest ones forgets what it learnt of the older, and the game goes in circles.

    Parameters
    ----------
    size : int
        Images kept; at least as many as a batch has.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.images: Tensor | None = None

    def swap(self, fakes: Tensor, rng: torch.Generator) -> Tensor:
        """Half of ``fakes`` swapped, by a coin for each, for earlier ones. (B, ...) -> (B, ...)."""
        if self.images is None or len(self.images) < self.size:
            self.images = fakes if self.images is None else torch.cat([self.images, fakes])[: self.size]
            return fakes
        slots = torch.randperm(self.size, device=fakes.device, generator=rng)[: len(fakes)]
        coins = (
            torch.rand((len(slots),) + (1,) * (fakes.ndim - 1), dtype=torch.float32, device=fakes.device, generator=rng)
            < 0.5
        )
        earlier = self.images[slots]
        self.images = self.images.index_copy(0, slots, torch.where(coins, fakes, earlier))
        return torch.where(coins, earlier, fakes)


def shifted(x: Tensor, share: float, rng: torch.Generator) -> Tensor:
    """Images moved by up to ``share`` of their sides, what comes in being the border again. (B, C, H, W), any dtype."""
    n, _, *sides = x.shape
    places = []
    for side in sides:
        most = math.ceil(share * side)
        moves = torch.randint(-most, most + 1, (n, 1), device=x.device, generator=rng)
        places.append((torch.arange(side, device=x.device) + moves).clamp_(0, side - 1))
    each = torch.arange(n, device=x.device)[:, None, None]
    # (B, H, W, C): the channels come last where two index arrays surround them
    return x[each, :, places[0][:, :, None], places[1][:, None, :]].movedim(-1, 1)


def pull(images: Tensor) -> float:
    """Factor on the weights of the cycle and the identity for images of this size.

    The mean of absolute differences over N values has a gradient of length ``1 / sqrt(N)``, while that of a
    discriminator's logit does not shrink with N: with the paper's weights as they are, an image of 28 x 28
    would be held 16 times as fast as one of 256 x 256, and never leave its class.
    """
    return math.sqrt(images[0].numel() / VALUES)


@dataclass
class CycleTrainState:
    """Everything that changes while the two-sided game is played.

    Both translators are one player, and so are both discriminators: their
    losses are sums in which each network has terms of its own, so one step of Adam serves two.
    """

    generator: FlatAdam[Translators]
    discriminator: FlatAdam[DiscriminatorPair]
    average: Translators  # with averaged weights: the ones that translate
    average_flat: Tensor
    pools: tuple[ImagePool, ImagePool]
    step: int = 0

    @classmethod
    def start(cls, translators: Translators, judges: DiscriminatorPair, plan: CycleTrainConfig) -> CycleTrainState:
        """The players at the outset."""
        average = copy.deepcopy(translators).eval().requires_grad_(False)
        return cls(
            FlatAdam(translators, plan.learning_rate, plan.betas),
            FlatAdam(judges, plan.learning_rate, plan.betas),
            average,
            flatten(average),
            (ImagePool(plan.pool_size), ImagePool(plan.pool_size)),
        )


@dataclass
class Direction:
    """One direction of a step, which is worked on by itself: images ``x`` on their way to the class of ``y``.

    Attributes
    ----------
    there, back : Translator
        To the class of ``y``, and back.
    judge : PatchDiscriminator
        Of the class of ``y``.
    pool : ImagePool
        Of translations of this direction.
    rng : torch.Generator
        For all that is random on this way.
    fake, same, on_real : Tensor
        What the discriminator's step leaves for the translators': translations of ``x`` and of ``y``, and the
        logits of ``y``.
    """

    there: nn.Module
    back: nn.Module
    judge: nn.Module
    x: Tensor
    y: Tensor
    pool: ImagePool
    rng: torch.Generator
    fake: Tensor = field(init=False)
    same: Tensor = field(init=False)
    on_real: Tensor = field(init=False)


def both_directions(train_state: CycleTrainState, a: Tensor, b: Tensor, rng: torch.Generator) -> list[Direction]:
    """There and back. Each has random numbers of its own, so that it matters not which comes first."""
    ways, judges = train_state.generator.network, train_state.discriminator.network
    seeds = torch.empty(2, dtype=torch.int64, device=a.device).random_(generator=rng).tolist()
    one, other = (torch.Generator(a.device).manual_seed(seed) for seed in seeds)
    return [
        Direction(ways.to_target, ways.to_source, judges.of_target, a, b, train_state.pools[0], one),
        Direction(ways.to_source, ways.to_target, judges.of_source, b, a, train_state.pools[1], other),
    ]


def train_step(
    train_state: CycleTrainState,
    objective: Objective,
    a: Tensor,
    b: Tensor,
    plan: CycleTrainConfig,
    progress: float,
    rng: torch.Generator,
) -> dict[str, Tensor]:
    """One step of each player. (B, C, H, W) each -> what the history records."""
    rate = cosine_decay(progress, plan.decay_from)
    ways = both_directions(train_state, a, b, rng)
    record, gradient = sum_gradients(
        plan.team(lambda way: cycle_discriminator_gradient(train_state, objective, way, plan, progress), ways)
    )
    record["discriminator_gradient_norm"] = train_state.discriminator.apply_gradient(gradient, rate)
    if train_state.step % objective.generator_every == 0:
        more, gradient = sum_gradients(
            plan.team(lambda way: direction_gradient(train_state, objective, way, plan, progress), ways)
        )
        record |= more
        record["generator_gradient_norm"] = train_state.generator.apply_gradient(gradient, rate)
    return record


def sum_gradients(results: list[tuple[dict[str, Tensor], Tensor]]) -> tuple[dict[str, Tensor], Tensor]:
    """Records and gradients of both ways as one."""
    (one, gradient), (other, more) = results
    return {name: torch.stack([one[name].mean(), other[name].mean()]) for name in one}, gradient + more


def cycle_discriminator_gradient(
    train_state: CycleTrainState, objective: Objective, way: Direction, plan: CycleTrainConfig, progress: float
) -> tuple[dict[str, Tensor], Tensor]:
    """Where a discriminator goes to tell real images of its class from translated ones: record and gradient."""
    # an image that is there already takes the same pass: the identity loss needs it
    way.fake, way.same = way.there(torch.cat([way.x, way.y])).chunk(2)
    shown = way.pool.swap(way.fake.detach(), way.rng)
    on_real, on_fake = way.judge(plan.pipe(torch.cat([way.y, shown]), progress, way.rng)).chunk(2)
    way.on_real = on_real.detach()
    loss = total = objective.discriminator(on_real, on_fake).mean()
    if train_state.step % plan.penalty_every == 0:
        for name, weight in objective.penalties.items():
            penalty = PENALTIES[name](critic(way, plan, progress), way.y, shown, way.rng)
            total = total + plan.penalty_scale * plan.penalty_every * weight * penalty.mean()
    record = {"discriminator_loss": loss.detach(), "real_logit": way.on_real, "fake_logit": on_fake.detach()}
    return record, train_state.discriminator.gradient_of(total)


def critic(way: Direction, plan: CycleTrainConfig, progress: float) -> Callable[[Tensor], Tensor]:
    """A discriminator as the penalties know it: one logit for each image."""

    def logits(points: Tensor) -> Tensor:
        result: Tensor = way.judge(plan.pipe(points, progress, way.rng)).mean(1)
        return result

    return logits


def direction_gradient(
    train_state: CycleTrainState, objective: Objective, way: Direction, plan: CycleTrainConfig, progress: float
) -> tuple[dict[str, Tensor], Tensor]:
    """Where the translators go to pass for real and to find back: record and gradient."""
    fooled = objective.generator(way.on_real, way.judge(plan.pipe(way.fake, progress, way.rng))).mean()
    cycle = (way.back(way.fake) - way.x).abs().mean()
    identity = (way.same - way.y).abs().mean()
    total = fooled + pull(way.x) * (plan.cycle_weight * cycle + plan.identity_weight * identity)
    record = {"generator_loss": fooled, "cycle_loss": cycle, "identity_loss": identity}
    return {name: value.detach() for name, value in record.items()}, train_state.generator.gradient_of(total)


def train_cycle(
    train_state: CycleTrainState,
    sources: Iterator[Tensor],
    targets: Iterator[Tensor],
    objective: Objective,
    plan: CycleTrainConfig,
    watchers: Sequence[Watcher],
    rng: torch.Generator,
) -> tuple[list[dict[str, float]], str]:
    """Play until a watcher stops it or the steps are used up.

    Parameters
    ----------
    sources, targets : iterator of Tensor
        Endless batches of images of the two classes, (B, C, H, W) in [-1, 1].

    Returns
    -------
    history, stop_reason
        As `training.train` returns them.
    """
    history: list[dict[str, float]] = []
    record: dict[str, Tensor] = {}
    began = time.perf_counter()
    while train_state.step < plan.max_steps:
        seconds = time.perf_counter() - began
        progress = max(train_state.step / plan.max_steps, seconds / plan.max_time if plan.max_time else 0.0)
        record |= train_step(train_state, objective, next(sources), next(targets), plan, progress, rng)
        half_life = min(plan.ema_half_life, 0.1 * (train_state.step + 1))
        train_state.average_flat.lerp_(train_state.generator.flat, 1 - 0.5 ** (1 / half_life))
        train_state.step += 1
        out_of_time = plan.max_time is not None and seconds >= plan.max_time
        last = out_of_time or train_state.step == plan.max_steps
        if last or train_state.step % plan.log_every == 0:
            history.append(summary(train_state.step, record))
            looks = last or train_state.step % plan.look_every == 0
            # a watcher asks a game for its step, its average and that one's weights, which both games have
            event = Event(train_state.step, plan.max_steps, seconds, history[-1], cast(TrainState, train_state), looks)
            said = [watch(event) for watch in watchers]
            reason = next((r for r in said if r), "max_time" if out_of_time else None)
            if reason:
                return history, reason
    return history, "max_steps"
