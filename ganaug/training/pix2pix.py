"""What a training on pairs of images adds to the common step: its batches, its state and its two gradients.

pix2pix (Isola et al. 2017). ``G`` makes a target of what it is given, ``D`` tells real pairs from made ones. What
keeps a made image at its own target, and not at any that would pass, is the reconstruction: ``|y - G(x)|``, added
to the loss of the generator with a weight of its own (equations 3 and 4).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ganaug.networks.unet import PairDiscriminator, PairGenerator
from ganaug.objectives import PENALTIES, Objective
from ganaug.training.cyclegan import weight_scale
from ganaug.training.gradients import Handover, Part, RecordAndGradient
from ganaug.training.loop import train_step
from ganaug.training.train_state import FlatAdam, Table, TrainConfig, TrainState, flatten

__all__ = ["PairBatches", "PairTrainConfig", "PairTrainState", "pair_step"]

# Rows of a training set, and a generator, to what the networks are given and its targets.
MakePairs = Callable[[Tensor, torch.Generator], tuple[Tensor, Tensor]]


@dataclass(frozen=True, kw_only=True)
class PairTrainConfig(TrainConfig):
    """The numbers of a training.

    Attributes
    ----------
    reconstruction_weight : float
        Of the mean absolute error; on the scale of the paper's images (see `ganaug.training.cyclegan.weight_scale`).
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
    rows : Table
        Numbers of the training pairs.
    make : callable ``(rows, rng) -> given, target``
        The pairs themselves, (B, c, H, W) and (B, C, H, W); holes are drawn here.
    """

    rows: Table
    make: MakePairs

    @classmethod
    def of(cls, n: int, make: MakePairs, device: torch.device) -> PairBatches:
        """Batches of n pairs, each of which is drawn as often as the others."""
        numbers = torch.arange(n, device=device)
        alone = torch.ones(1, dtype=torch.float32, device=device)
        return cls(Table(numbers, torch.zeros_like(numbers), alone), make)

    @property
    def ahead(self) -> int:
        """Batches whose rows are drawn at once."""
        return self.rows.ahead

    def batches(self, size: int, rng: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Endless pairs of batches: what is given, and the targets."""
        for rows, _ in self.rows.batches(size, rng):
            yield self.make(rows, rng)


class PairGradients:
    """Who works out the gradients of a step; a `ganaug.training.gradients.GradientFunctions`.

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
            for name, weight in objective.penalties.items():
                penalty = PENALTIES[name](critic, target, fake, rng)
                total = total + plan.penalty_scale * plan.penalty_every * weight * penalty.mean()
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
