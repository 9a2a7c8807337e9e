"""The training loop, one for all modalities; the gradients of a step; and on a GPU their replay by CUDA graphs.

A step of a small network is hundreds of small operations, each of which takes the processor longer to ask for than the
GPU to carry out. A CUDA graph asks for all of them at once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from ganaug.augmentation import DiffAugment, Pipe, direct
from ganaug.networks import DiscriminatorNetwork
from ganaug.networks.layers import DiscriminatorPass, GeneratorPass
from ganaug.objectives import BY_SLOPE, PENALTIES, Objective, input_gradient_of, mean_and_slopes
from ganaug.runtime.compute import CapturedFunction, CaptureMemory, full
from ganaug.training.train_state import TrainConfig, TrainState

__all__ = [
    "PLAIN",
    "WRITTEN_OUT",
    "Batches",
    "Event",
    "GradientFunctions",
    "Handover",
    "Part",
    "RecordAndGradient",
    "ReplayedGradients",
    "Step",
    "TrainProgress",
    "Watcher",
    "can_be_captured",
    "cosine_decay",
    "discriminator_gradient",
    "generator_gradient",
    "gradient_functions",
    "reduce_gradients",
    "split_batch",
    "summary",
    "train",
    "train_step",
]

# --------------------------------------------------------------------------------------
# Gradients of a training step: the discriminator's and the generator's, from a batch or a part of one.


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
    z = latents(train_state, part)
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
        total = with_penalties(total, objective, critic, (real, fake), plan, rng)
    record = {"discriminator_loss": loss.detach(), "real_logit": on_real.detach(), "fake_logit": on_fake.detach()}
    return (record, train_state.discriminator.gradient_of(total)), Handover(made, record["real_logit"])


def latents(train_state: TrainState, part: Part) -> Tensor:
    """Noise for as many fake samples as there are real ones. (B, latent_dim)."""
    shape, real = (len(part.real), train_state.generator.network.latent_dim), part.real
    return torch.empty(shape, device=real.device, dtype=real.dtype).normal_(generator=part.rng)


def with_penalties(
    loss: Tensor,
    objective: Objective,
    critic: Callable[[Tensor], Tensor],
    samples: tuple[Tensor, Tensor],
    plan: TrainConfig,
    rng: torch.Generator,
) -> Tensor:
    """A discriminator's loss and the objective's penalties of real and of fake samples, for the steps between two.

    Parameters
    ----------
    loss : Tensor
        Without penalties.
    objective : Objective
        It names the penalties, and their weights.
    critic : callable
        Logits of samples, one each.
    samples : tuple of Tensor
        Real and fake ones.
    plan : TrainConfig
    rng : torch.Generator
    """
    for name, weight in objective.penalties.items():
        penalty = PENALTIES[name](critic, *samples, rng)
        loss = loss + plan.penalty_scale * plan.penalty_every * weight * penalty.mean()
    return loss


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
        if self.pipe is direct or self.network.bounds_features:
            return self.network.input_gradient(self.pipe(points, self.progress, self.rng), self._labels(points))
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


# --------------------------------------------------------------------------------------
# Passes that the networks write out themselves, past autograd.


@dataclass(frozen=True)
class WrittenHandover(Handover):
    """A handover with the generator's pass: no gradient flows through ``fake`` by itself."""

    made: GeneratorPass


@dataclass
class WrittenCritic:
    """The discriminator as penalties see it that ask for nothing but its slope.

    Attributes
    ----------
    own : DiscriminatorPass
        Of the step's samples. It serves a penalty at the same points, too.
    asked : list of tuple (DiscriminatorPass, Tensor)
        The passes whose slope was asked for, and the slopes.
    """

    network: DiscriminatorNetwork
    labels: Tensor
    own: DiscriminatorPass
    asked: list[tuple[DiscriminatorPass, Tensor]] = field(default_factory=list)

    def __call__(self, points: Tensor) -> Tensor:
        """Not to be asked for; see `BY_SLOPE`."""
        raise TypeError("a penalty that asks for logits is none of ganaug.objectives.BY_SLOPE")

    def input_gradient(self, points: Tensor) -> Tensor:
        """The slope at each point, a leaf for autograd. (B, ...) -> (B, ...)."""
        with torch.inference_mode():
            one = self.own
            if not torch.equal(points, one.samples):
                one = self.network.passed(points, self.labels.repeat(len(points) // len(self.labels)))
            slope = one.input_gradient()
        self.asked.append((one, slope.clone().requires_grad_(True)))
        return self.asked[-1][1]


class _WrittenOut:
    """Autograd sees nothing but the penalties as functions of the slopes, and losses whose slopes are not written."""

    def discriminator(
        self, train_state: TrainState, objective: Objective, part: Part, plan: TrainConfig, progress: float
    ) -> tuple[RecordAndGradient, Handover]:
        """See `discriminator_gradient`."""
        network, labels = train_state.discriminator.network, part.labels
        z = latents(train_state, part)
        with torch.inference_mode():
            made = train_state.generator.network.passed(z, labels, part.rng)
            own = network.passed(torch.cat([part.real, made.samples]), torch.cat([labels, labels]))
        on_real, on_fake = own.logits.clone().chunk(2)
        loss, slopes = mean_and_slopes(objective.discriminator, on_real, on_fake)
        passes: dict[DiscriminatorPass, Tensor | None] = {own: None}  # and a loss's derivative by the slope of each
        if train_state.step % plan.penalty_every == 0:
            critic = WrittenCritic(network, labels, own)
            penalty = with_penalties(loss, objective, critic, (part.real, made.samples), plan, part.rng)
            points = [slope for _, slope in critic.asked]
            for (one, _), push in zip(
                critic.asked, torch.autograd.grad(penalty, points) if points else (), strict=True
            ):
                before = passes.get(one)
                passes[one] = push if before is None else before + push
        with torch.inference_mode():
            on_logits = torch.cat(slopes)
            found = [
                one.gradients(on_logits if one is own else torch.zeros_like(one.logits), push)
                for one, push in passes.items()
            ]
        record = {"discriminator_loss": loss, "real_logit": on_real, "fake_logit": on_fake}
        gradient = train_state.discriminator.in_one_vector(found)
        return (record, gradient), WrittenHandover(made.samples, on_real, made)

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
        assert isinstance(handover, WrittenHandover)
        with torch.inference_mode():
            own = train_state.discriminator.network.passed(handover.fake, part.labels)
        loss, (_, on_fake) = mean_and_slopes(objective.generator, handover.on_real, own.logits.clone())
        with torch.inference_mode():
            found = handover.made.gradients(on_fake.unsqueeze(1) * own.input_gradient())
        return {"generator_loss": loss}, train_state.generator.in_one_vector([found])


WRITTEN_OUT: GradientFunctions = _WrittenOut()


def gradient_functions(
    train_state: TrainState, objective: Objective, plan: TrainConfig, device: torch.device
) -> GradientFunctions:
    """Who works out the gradients of a training: recordings, the networks themselves where both offer it, or autograd.

    On a processor a step of small networks spends half of its time on what autograd does around the products.
    """
    if plan.replays:
        return ReplayedGradients(plan, device)
    both = train_state.generator.network, train_state.discriminator.network
    offered = all(own.writes_out and all(weights.requires_grad for weights in own.parameters()) for own in both)
    plain = device.type == "cpu" and plan.pipe is direct and plan.precision is full
    known = all(any(PENALTIES[name] is own for own in BY_SLOPE) for name in objective.penalties)
    return WRITTEN_OUT if offered and plain and known else PLAIN


# --------------------------------------------------------------------------------------
# Steps recorded on a GPU and played from there.


def can_be_captured(plan: TrainConfig, device: torch.device) -> bool:
    """Whether a step does the same each time: on one GPU, through changes whose strength is all that varies."""
    alone = plan.parts == plan.ranks.count == 1
    return device.type == "cuda" and alone and (plan.pipe is direct or isinstance(plan.pipe, DiffAugment))


@dataclass
class ReplayedGradients:
    """Gradients from recorded operations; a `GradientFunctions`.

    They are those that would be worked out again: recorded is what is done, in which precision and by which random
    numbers. Steps of the optimiser are not recorded, so the rates may change.

    Parameters
    ----------
    plan : Plan
        For which `can_be_captured`.
    device : torch.device
        A GPU.
    """

    plan: TrainConfig
    device: torch.device
    # of each kind of step, with a penalty and without: the discriminator's and the generator's
    _tapes: dict[bool, tuple[CapturedFunction[RecordAndGradient], CapturedFunction[RecordAndGradient]]] = field(
        default_factory=dict, init=False
    )
    # what the discriminator's step of each kind left: memory that the capture of the generator's step reads
    _left: dict[bool, list[Handover]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._memory = CaptureMemory(self.device)
        self._strength = torch.zeros((), dtype=torch.float32, device=self.device)
        self._held = replace(self.plan, pipe=_held(self.plan.pipe, self._strength))

    def discriminator(
        self, train_state: TrainState, objective: Objective, part: Part, plan: TrainConfig, progress: float
    ) -> tuple[RecordAndGradient, Handover]:
        """See `discriminator_gradient`."""
        kind = train_state.step % plan.penalty_every == 0
        if kind not in self._tapes:
            self._left[kind] = []
            self._tapes[kind] = self._blank(train_state, objective, part, self._left[kind])
        if isinstance(plan.pipe, DiffAugment):
            self._strength.fill_(plan.pipe.strength(progress))
        record, gradient = self._tapes[kind][0](part.real, part.labels)
        return (dict(record), gradient), self._left[kind][-1]  # the loop adds to the record

    def generator(
        self,
        train_state: TrainState,
        objective: Objective,
        part: Part,
        handover: Handover,
        plan: TrainConfig,
        progress: float,
    ) -> RecordAndGradient:
        """See `generator_gradient`; it reads the memory in which the discriminator's step left ``handover``."""
        record, gradient = self._tapes[train_state.step % plan.penalty_every == 0][1]()
        # they may be looked at after a step in which the generator stays, and the discriminator works in this memory
        return {name: value.clone() for name, value in record.items()}, gradient.clone()

    def _blank(
        self, train_state: TrainState, objective: Objective, like: Part, left: list[Handover]
    ) -> tuple[CapturedFunction[RecordAndGradient], CapturedFunction[RecordAndGradient]]:
        own = Part(torch.empty_like(like.real), torch.empty_like(like.labels), like.share, like.rng)
        held, memory = self._held, self._memory  # and not oneself: a circle would hold the GPU's memory for long
        inputs = (own.real, own.labels)

        def discriminator() -> RecordAndGradient:
            result, handover = discriminator_gradient(train_state, objective, own, held, 0.0)
            left[:] = [handover]
            return result

        def generator() -> RecordAndGradient:
            return generator_gradient(train_state, objective, own, left[-1], held, 0.0)

        first = CapturedFunction(discriminator, inputs, own.rng, memory)
        return first, CapturedFunction(generator, (), own.rng, memory, after=first)


def _held(pipe: Pipe, strength: Tensor) -> Pipe:
    """The same changes, with a strength that lies in memory and not in the recording."""
    if not isinstance(pipe, DiffAugment):
        return pipe
    changes = pipe

    def held(x: Tensor, progress: float, rng: torch.Generator) -> Tensor:
        return changes.changed(x, strength, rng)

    return held


# --------------------------------------------------------------------------------------
# The training loop: one for every modality, objective and architecture.


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
    ends: Callable[[], bool] | None = None,
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
    ends : callable, optional
        Asked after every step whether the watchers are to be called at once, for one of them will say why to stop:
        between two logged steps of a long training minutes can pass.

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
        step = partial(train_step, gradients=gradient_functions(train_state, objective, plan, device))
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
        last = out_of_time or train_state.step == plan.max_steps or (ends is not None and ends())
        if last or train_state.step % plan.log_every == 0:
            history.append(plan.ranks.averaged(summary(train_state.step, train_progress.record), device))
            looks = last or train_state.step % plan.look_every == 0
            event = Event(train_state.step, plan.max_steps, seconds, history[-1], train_state, looks)
            said = [watch(event) for watch in watchers]
            own = next((r for r in said if r and isinstance(r, str)), "max_time" if out_of_time else None)
            reason = plan.ranks.agreed(own, device)
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
