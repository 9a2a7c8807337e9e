"""Gradients of a training step: the discriminator's and the generator's, from a batch or a part of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ganaug.augmentation import Pipe, direct
from ganaug.networks import DiscriminatorNetwork
from ganaug.objectives import PENALTIES, Objective, input_gradient_of
from ganaug.training.train_state import TrainConfig, TrainState

__all__ = [
    "PLAIN",
    "GradientFunctions",
    "Handover",
    "Part",
    "RecordAndGradient",
    "discriminator_gradient",
    "generator_gradient",
    "reduce_gradients",
    "split_batch",
]

RecordAndGradient = tuple[dict[str, Tensor], Tensor]  # what is recorded, and the gradient


@dataclass
class Part:
    """Some samples of a batch, that are worked on by themselves.

    Attributes
    ----------
    share : float
        Of the batch.
    rng : torch.Generator
        For all that is random about these samples.
    """

    real: Tensor
    labels: Tensor
    share: float
    rng: torch.Generator


@dataclass(frozen=True)
class Handover:
    """What the discriminator's step leaves for the generator's.

    Attributes
    ----------
    fake : Tensor of shape (B, ...)
        The fake samples, through which the generator's gradient flows.
    on_real : Tensor of shape (B,)
        The discriminator's logits of the real samples, detached.
    """

    fake: Tensor
    on_real: Tensor


def split_batch(real: Tensor, labels: Tensor, parts: int, rng: torch.Generator) -> list[Part]:
    """A batch in so many parts. Each has random numbers of its own, so that it matters not which comes first."""
    if parts == 1:
        return [Part(real, labels, 1.0, rng)]
    seeds = torch.empty(parts, dtype=torch.int64, device=rng.device).random_(generator=rng).tolist()
    cut = zip(real.tensor_split(parts), labels.tensor_split(parts), seeds, strict=True)
    return [Part(x, y, len(x) / len(real), torch.Generator(rng.device).manual_seed(seed)) for x, y, seed in cut]


def reduce_gradients(results: list[RecordAndGradient], parts: list[Part]) -> RecordAndGradient:
    """Records and gradients of the parts of a batch as those of the whole, always added in the same order."""
    if len(results) == 1 and parts[0].share == 1.0:
        return results[0]
    gradient = results[0][1] * parts[0].share
    for part, (_, own) in zip(parts[1:], results[1:], strict=True):
        gradient.add_(own, alpha=part.share)
    return {k: torch.cat([own[k].reshape(-1) for own, _ in results]) for k in results[0][0]}, gradient


class GradientFunctions(Protocol):
    """Who works out the gradients of a step: first the discriminator's, then the generator's."""

    def discriminator(
        self, train_state: TrainState, objective: Objective, part: Part, plan: TrainConfig, progress: float
    ) -> tuple[RecordAndGradient, Handover]:
        """See `discriminator_gradient`."""

    def generator(
        self,
        train_state: TrainState,
        objective: Objective,
        part: Part,
        handover: Handover,
        plan: TrainConfig,
        progress: float,
    ) -> RecordAndGradient:
        """See `generator_gradient`."""


def discriminator_gradient(
    train_state: TrainState, objective: Objective, part: Part, plan: TrainConfig, progress: float
) -> tuple[RecordAndGradient, Handover]:
    """The discriminator's gradient.

    Parameters
    ----------
    train_state : TrainState
    objective : Objective
        Its loss and its penalties.
    part : Part
        Real samples, as many of which are generated.
    plan : TrainConfig
    progress : float
        Share of the training that is done, from 0 to 1.

    Returns
    -------
    (record, gradient)
        What the history records, and the gradient of the loss in one vector.
    handover : Handover
        For `generator_gradient`.
    """
    network, real, labels, rng = train_state.discriminator.network, part.real, part.labels, part.rng
    shape = (len(real), train_state.generator.network.latent_dim)
    z = torch.empty(shape, device=real.device, dtype=real.dtype).normal_(generator=rng)
    with plan.precision():
        fake = train_state.generator.network(z, labels, rng)
    made = fake.to(real.dtype)
    fake, twice = made.detach(), torch.cat([labels, labels])
    features = trunk(network, plan.pipe(torch.cat([real, fake]), progress, rng), twice, plan)
    on_real, on_fake = network.head(features, twice).chunk(2)
    loss = objective.discriminator(on_real, on_fake).mean()
    class_loss = network.head.class_loss(features, twice)
    total = loss if class_loss is None else loss + class_loss.mean()
    if train_state.step % plan.penalty_every == 0:
        critic = Critic(network, labels, plan.pipe, progress, rng)
        for name, weight in objective.penalties.items():
            penalty = PENALTIES[name](critic, real, fake, rng)
            total = total + plan.penalty_scale * plan.penalty_every * weight * penalty.mean()
    record = {"discriminator_loss": loss.detach(), "real_logit": on_real.detach(), "fake_logit": on_fake.detach()}
    return (record, train_state.discriminator.gradient_of(total)), Handover(made, record["real_logit"])


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

    def input_gradient(self, points: Tensor) -> Tensor:
        """Their gradient with respect to the samples: the network's own where nothing stands before it."""
        if self.pipe is direct:
            return self.network.input_gradient(points, self._labels(points))
        return input_gradient_of(self, points)

    def _labels(self, points: Tensor) -> Tensor:
        return self.labels.repeat(len(points) // len(self.labels))


def generator_gradient(
    train_state: TrainState,
    objective: Objective,
    part: Part,
    handover: Handover,
    plan: TrainConfig,
    progress: float,
) -> RecordAndGradient:
    """The generator's gradient: what the history records, and the gradient of its loss in one vector.

    Parameters are those of `discriminator_gradient`, and ``handover`` is what that returned for the same samples.
    """
    network, labels = train_state.discriminator.network, part.labels
    features = trunk(network, plan.pipe(handover.fake, progress, part.rng), labels, plan)
    loss = objective.generator(handover.on_real, network.head(features, labels)).mean()
    class_loss = network.head.class_loss(features, labels)
    total = loss if class_loss is None else loss + class_loss.mean()
    return {"generator_loss": loss.detach()}, train_state.generator.gradient_of(total)


def trunk(network: DiscriminatorNetwork, x: Tensor, labels: Tensor, plan: TrainConfig) -> Tensor:
    """The discriminator's features, computed in the plan's precision. (B, ...), (B,) -> (B, width)."""
    with plan.precision():
        features = network.features(x, labels)
    return features.to(x.dtype)


class _Plain:
    """They are worked out again in every step."""

    discriminator = staticmethod(discriminator_gradient)
    generator = staticmethod(generator_gradient)


PLAIN: GradientFunctions = _Plain()
