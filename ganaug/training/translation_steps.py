"""Steps of the networks that translate images: of a CycleGAN without pairs, and of pix2pix with them.

CycleGAN (Zhu et al. 2017): ``G`` turns images ``a`` of the source class into the target class, ``F`` turns
images ``b`` of the target class back; ``D_b`` and ``D_a`` tell real images of a class from translated ones.
Without pairs of images, what keeps a translation true to its original is that the way back must restore it:
``|F(G(a)) - a| + |G(F(b)) - b|`` (equation 2), and that an image which is already there must stay as it is:
``|G(b) - b| + |F(a) - a|`` (section 5.2).

pix2pix (Isola et al. 2017): ``G`` makes a target of what it is given, ``D`` tells real pairs from made ones. What
keeps a made image at its own target, and not at any that would pass, is the reconstruction: ``|y - G(x)|``, added
to the loss of the generator with a weight of its own (equations 3 and 4). It is the common step with other gradients.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ganaug.networks.translation import DiscriminatorPair, PairDiscriminator, PairGenerator, Translators
from ganaug.objectives import Objective
from ganaug.training.loop import Handover, Part, RecordAndGradient, cosine_decay, train_step, with_penalties
from ganaug.training.train_state import ClassBatches, FlatAdam, TrainConfig, TrainState, flatten

__all__ = [
    "CycleTrainConfig",
    "CycleTrainState",
    "ImagePool",
    "PairBatches",
    "PairTrainConfig",
    "PairTrainState",
    "TwoClasses",
    "cycle_step",
    "pair_step",
    "shift_images",
]

# Values of an image in the paper, for which its weights of the cycle and the identity are meant.
VALUES = 3 * 256 * 256


@dataclass(frozen=True, kw_only=True)
class CycleTrainConfig(TrainConfig):
    """The numbers of a training.

    Attributes
    ----------
    cycle_weight, identity_weight : float
        Of the distance after the way there and back, and of that between an
        image of a class and its translation into the same class; on the scale of the paper (see `weight_scale`).
    pool_size : int
        Earlier translations that a discriminator may be shown again.
    """

    cycle_weight: float
    identity_weight: float
    pool_size: int = 50


@dataclass(frozen=True)
class TwoClasses:
    """Batches of images of two classes; a `ganaug.training.loop.Batches`."""

    sources: ClassBatches
    targets: ClassBatches

    @property
    def ahead(self) -> int:
        """Batches that are drawn at once."""
        return self.sources.ahead

    def batches(self, size: int, rng: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Endless pairs of batches, of the source class and of the target class. (B, C, H, W) in [-1, 1] each."""
        for (a, _), (b, _) in zip(self.sources.batches(size, rng), self.targets.batches(size, rng), strict=True):
            yield a, b


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


def shift_images(x: Tensor, share: float, rng: torch.Generator) -> Tensor:
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


def weight_scale(images: Tensor) -> float:
    """Factor on the weights of the cycle and the identity for images of this size.

    The mean of absolute differences over N values has a gradient of length ``1 / sqrt(N)``, while that of a
    discriminator's logit does not shrink with N: with the paper's weights as they are, an image of 28 x 28
    would be held 16 times as fast as one of 256 x 256, and never leave its class.
    """
    return math.sqrt(images[0].numel() / VALUES)


@dataclass
class CycleTrainState(TrainState):
    """Everything that changes in the training of two translators and two discriminators.

    Both translators have one optimizer, and so have both discriminators: their
    losses are sums in which each network has terms of its own, so one step of Adam serves two.
    """

    generator: FlatAdam[Translators]  # type: ignore[assignment]
    discriminator: FlatAdam[DiscriminatorPair]  # type: ignore[assignment]
    average: Translators  # type: ignore[assignment]  # with averaged weights: the ones that translate
    pools: list[ImagePool] = field(default_factory=list)

    @classmethod
    def of(
        cls, translators: Translators, discriminators: DiscriminatorPair, config: CycleTrainConfig
    ) -> CycleTrainState:
        """The state before the first step."""
        average = copy.deepcopy(translators).eval().requires_grad_(False)
        return cls(
            FlatAdam(translators, config.learning_rate, config.betas),
            FlatAdam(discriminators, config.discriminator_learning_rate, config.betas),
            average,
            flatten(average),
            pools=[ImagePool(config.pool_size), ImagePool(config.pool_size)],
        )


@dataclass(frozen=True)
class Direction:
    """One direction of a step, which is worked on by itself: images ``x`` on their way to the class of ``y``.

    Attributes
    ----------
    there, back : Translator
        To the class of ``y``, and back.
    discriminator : PatchDiscriminator
        Of the class of ``y``.
    x, y : Tensor
        Real images of the two classes.
    pool : ImagePool
        Of translations of this direction.
    rng : torch.Generator
        For all that is random on this way.
    """

    there: nn.Module
    back: nn.Module
    discriminator: nn.Module
    x: Tensor
    y: Tensor
    pool: ImagePool
    rng: torch.Generator


class CycleHandover(NamedTuple):
    """What the discriminator's step leaves for the translators': translations of x and of y, and the logits of y."""

    fake: Tensor
    same: Tensor
    on_real: Tensor


def both_directions(state: CycleTrainState, a: Tensor, b: Tensor, rng: torch.Generator) -> list[Direction]:
    """There and back. Each has random numbers of its own, so that it matters not which comes first."""
    ways, discriminators = state.generator.network, state.discriminator.network
    seeds = torch.empty(2, dtype=torch.int64, device=a.device).random_(generator=rng).tolist()
    one, other = (torch.Generator(a.device).manual_seed(seed) for seed in seeds)
    return [
        Direction(ways.to_target, ways.to_source, discriminators.of_target, a, b, state.pools[0], one),
        Direction(ways.to_source, ways.to_target, discriminators.of_source, b, a, state.pools[1], other),
    ]


def cycle_step(
    state: CycleTrainState,
    objective: Objective,
    a: Tensor,
    b: Tensor,
    config: CycleTrainConfig,
    progress: float,
    rng: torch.Generator,
) -> dict[str, Tensor]:
    """One step of the discriminators and one of the translators; as `ganaug.training.loop.train_step`.

    Parameters
    ----------
    state : CycleTrainState
        Changed in place.
    objective : Objective
        The losses.
    a, b : Tensor
        Images of the source class and of the target class, (B, C, H, W) each.
    config : CycleTrainConfig
    progress : float
        Share of the training that is done.
    rng : torch.Generator

    Returns
    -------
    dict of str to Tensor
        What the history records.
    """
    rate = cosine_decay(progress, config.decay_from)
    ways = both_directions(state, a, b, rng)
    results = config.team(lambda way: discriminator_gradient(state, objective, way, config, progress), ways)
    record, gradient = sum_directions([result for result, _ in results])
    record["discriminator_gradient_norm"] = state.discriminator.apply_gradient(gradient, rate)
    if state.step % objective.generator_every == 0:
        handed = [(way, handover) for way, (_, handover) in zip(ways, results, strict=True)]
        more, gradient = sum_directions(
            config.team(lambda own: translator_gradient(state, objective, own[0], own[1], config, progress), handed)
        )
        record |= more
        record["generator_gradient_norm"] = state.generator.apply_gradient(gradient, rate)
    return record


def sum_directions(results: list[RecordAndGradient]) -> RecordAndGradient:
    """Records and gradients of both directions as one."""
    (one, gradient), (other, more) = results
    return {name: torch.stack([one[name].mean(), other[name].mean()]) for name in one}, gradient + more


def discriminator_gradient(
    state: CycleTrainState, objective: Objective, way: Direction, config: CycleTrainConfig, progress: float
) -> tuple[RecordAndGradient, CycleHandover]:
    """The gradient of a discriminator that tells real images of its class from translated ones.

    Parameters
    ----------
    state : CycleTrainState
    objective : Objective
    way : Direction
    config : CycleTrainConfig
    progress : float
        Share of the training that is done.
    """
    # an image that is there already takes the same pass: the identity loss needs it
    fake, same = way.there(torch.cat([way.x, way.y])).chunk(2)
    shown = way.pool.swap(fake.detach(), way.rng)
    on_real, on_fake = way.discriminator(config.pipe(torch.cat([way.y, shown]), progress, way.rng)).chunk(2)
    loss = total = objective.discriminator(on_real, on_fake).mean()
    if state.step % config.penalty_every == 0:
        total = with_penalties(total, objective, critic(way, config, progress), (way.y, shown), config, way.rng)
    on_real = on_real.detach()
    record = {"discriminator_loss": loss.detach(), "real_logit": on_real, "fake_logit": on_fake.detach()}
    return (record, state.discriminator.gradient_of(total)), CycleHandover(fake, same, on_real)


def critic(way: Direction, config: CycleTrainConfig, progress: float) -> Callable[[Tensor], Tensor]:
    """A discriminator as the penalties know it: one logit for each image."""

    def logits(points: Tensor) -> Tensor:
        result: Tensor = way.discriminator(config.pipe(points, progress, way.rng)).mean(1)
        return result

    return logits


def translator_gradient(
    state: CycleTrainState,
    objective: Objective,
    way: Direction,
    handover: CycleHandover,
    config: CycleTrainConfig,
    progress: float,
) -> RecordAndGradient:
    """The gradient of translators that pass for real, find back, and leave alone what is there already.

    Parameters
    ----------
    state : CycleTrainState
    objective : Objective
    way : Direction
    handover : CycleHandover
        From `discriminator_gradient`.
    config : CycleTrainConfig
    progress : float
        Share of the training that is done.
    """
    logits = way.discriminator(config.pipe(handover.fake, progress, way.rng))
    fooled = objective.generator(handover.on_real, logits).mean()
    cycle = (way.back(handover.fake) - way.x).abs().mean()
    identity = (handover.same - way.y).abs().mean()
    total = fooled + weight_scale(way.x) * (config.cycle_weight * cycle + config.identity_weight * identity)
    record = {"generator_loss": fooled, "cycle_loss": cycle, "identity_loss": identity}
    return {name: value.detach() for name, value in record.items()}, state.generator.gradient_of(total)


# --------------------------------------------------------------------------------------
# With pairs.


# Rows of a training set, and a generator, to what the networks are given and its targets.
MakePairs = Callable[[Tensor, torch.Generator], tuple[Tensor, Tensor]]


@dataclass(frozen=True, kw_only=True)
class PairTrainConfig(TrainConfig):
    """The numbers of a training.

    Attributes
    ----------
    reconstruction_weight : float
        Of the mean absolute error; on the scale of the paper's images (see `weight_scale`).
    """

    reconstruction_weight: float


@dataclass
class PairTrainState(TrainState):
    """Everything that changes in the training of a generator and a discriminator of pairs."""

    generator: FlatAdam[PairGenerator]  # type: ignore[assignment]
    discriminator: FlatAdam[PairDiscriminator]  # type: ignore[assignment]
    average: PairGenerator  # type: ignore[assignment]  # with averaged weights: the one that translates

    @classmethod
    def of(cls, generator: PairGenerator, discriminator: PairDiscriminator, config: PairTrainConfig) -> PairTrainState:
        """The state before the first step."""
        average = copy.deepcopy(generator).eval().requires_grad_(False)
        return cls(
            FlatAdam(generator, config.learning_rate, config.betas),
            FlatAdam(discriminator, config.discriminator_learning_rate, config.betas),
            average,
            flatten(average),
        )


@dataclass(frozen=True)
class PairBatches:
    """Batches of pairs; a `ganaug.training.loop.Batches`.

    Attributes
    ----------
    rows : ClassBatches
        Numbers of the training pairs.
    make : callable ``(rows, rng) -> given, target``
        The pairs themselves, (B, c, H, W) and (B, C, H, W); holes are drawn here.
    """

    rows: ClassBatches
    make: MakePairs

    @classmethod
    def of(cls, n: int, make: MakePairs, device: torch.device) -> PairBatches:
        """Batches of n pairs, each of which is drawn as often as the others."""
        numbers = torch.arange(n, device=device)
        alone = torch.ones(1, dtype=torch.float32, device=device)
        return cls(ClassBatches(numbers, torch.zeros_like(numbers), alone), make)

    @property
    def ahead(self) -> int:
        """Batches whose rows are drawn at once."""
        return self.rows.ahead

    def batches(self, size: int, rng: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Endless pairs of batches: what is given, and the targets."""
        for rows, _ in self.rows.batches(size, rng):
            yield self.make(rows, rng)


class PairGradients:
    """Who works out the gradients of a step; a `ganaug.training.loop.GradientFunctions`.

    What the common step calls the labels of a part are the targets, and its samples what is given.
    """

    @staticmethod
    def discriminator(
        train_state: TrainState, objective: Objective, part: Part, plan: TrainConfig, progress: float
    ) -> tuple[RecordAndGradient, Handover]:
        """The gradient of a discriminator that tells real pairs from those that the generator made.

        Parameters
        ----------
        train_state : PairTrainState
        objective : Objective
        part : Part
        plan : PairTrainConfig
        progress : float
            Share of the training that is done.
        """
        assert isinstance(train_state, PairTrainState)
        given, target, rng = part.real, part.labels, part.rng
        network = train_state.discriminator.network
        made = train_state.generator.network(given)

        def seen(images: Tensor) -> Tensor:
            inputs = given.repeat(len(images) // len(given), 1, 1, 1)
            return network.on_pair(inputs, images, lambda x: plan.pipe(x, progress, rng))

        def critic(images: Tensor) -> Tensor:
            return seen(images).mean(1)

        fake = made.detach()
        on_real, on_fake = seen(torch.cat([target, fake])).chunk(2)
        loss = total = objective.discriminator(on_real, on_fake).mean()
        if train_state.step % plan.penalty_every == 0:
            total = with_penalties(total, objective, critic, (target, fake), plan, rng)
        on_real = on_real.detach()
        record = {"discriminator_loss": loss.detach(), "real_logit": on_real, "fake_logit": on_fake.detach()}
        return (record, train_state.discriminator.gradient_of(total)), Handover(made, on_real)

    @staticmethod
    def generator(
        train_state: TrainState,
        objective: Objective,
        part: Part,
        handover: Handover,
        plan: TrainConfig,
        progress: float,
    ) -> RecordAndGradient:
        """The gradient of a generator whose images pass for real beside their inputs, and are near their targets.

        Parameters
        ----------
        train_state : PairTrainState
        objective : Objective
        part : Part
        handover : Handover
            From `discriminator`.
        plan : PairTrainConfig
        progress : float
            Share of the training that is done.
        """
        assert isinstance(train_state, PairTrainState)
        assert isinstance(plan, PairTrainConfig)
        network, made = train_state.discriminator.network, handover.fake
        logits = network.on_pair(part.real, made, lambda x: plan.pipe(x, progress, part.rng))
        fooled = objective.generator(handover.on_real, logits).mean()
        error = (made - part.labels).abs().mean()
        total = fooled + weight_scale(made) * plan.reconstruction_weight * error
        record = {"generator_loss": fooled.detach(), "reconstruction_loss": error.detach()}
        return record, train_state.generator.gradient_of(total)


def pair_step(
    state: PairTrainState,
    objective: Objective,
    given: Tensor,
    target: Tensor,
    config: PairTrainConfig,
    progress: float,
    rng: torch.Generator,
) -> dict[str, Tensor]:
    """One step of the discriminator and one of the generator: the common step with the gradients of pairs.

    Parameters
    ----------
    state : PairTrainState
        Changed in place.
    objective : Objective
        The losses.
    given, target : Tensor
        (B, c, H, W) and (B, C, H, W).
    config : PairTrainConfig
    progress : float
        Share of the training that is done.
    rng : torch.Generator

    Returns
    -------
    dict of str to Tensor
        What the history records.
    """
    return train_step(state, objective, given, target, config, progress, rng, PairGradients())
