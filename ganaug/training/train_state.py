"""The state of a training: networks with their optimizers, its parameters, and the batches that it draws."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ganaug.augmentation import Augmentation, Pipe, direct, unchanged
from ganaug.encoding.sample_arrays import STORED_FROM
from ganaug.networks import DiscriminatorNetwork, GeneratorNetwork, NetworkPair
from ganaug.runtime.compute import ALONE, Precision, Ranks, Team, alone, full, widest
from ganaug.utils.types import IntArray

__all__ = [
    "UNBOUNDED",
    "ClassBatches",
    "Decode",
    "FetchedRows",
    "FlatAdam",
    "SampleRows",
    "TrainConfig",
    "TrainState",
    "adam",
    "class_probabilities",
    "flatten",
    "paced",
    "samples_on",
    "undecoded",
]

# `max_steps` of a training that only the clock ends.
UNBOUNDED = 1_000_000_000
# Share of a limit on time that is the training's, however long what it needs beforehand takes.
LEAST_TIME = 0.1
# Steps of a small training that are timed, behind the first one.
TIMED = 2

# --------------------------------------------------------------------------------------
# One step down a gradient, for all parameters of a network at once.


Network = TypeVar("Network", bound=nn.Module)


class FlatAdam(Generic[Network]):
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
        self._plain = not any(channels_last(p) for p in self.parameters)
        self.mean = torch.zeros_like(self.flat)
        self.square = torch.zeros_like(self.flat)
        self.learning_rate, self.betas, self.steps = learning_rate, betas, 0
        self.rate = learning_rate

    def step(self, loss: Tensor, rate: float) -> Tensor:
        """One step of Adam down the gradient of ``loss``; returns the gradient."""
        return self.apply_gradient(self.gradient_of(loss), rate)

    def gradient_of(self, loss: Tensor) -> Tensor:
        """The gradient of ``loss`` in one vector."""
        grads = torch.autograd.grad(loss, self.parameters, materialize_grads=True)
        if not self._plain:
            grads = tuple(in_order(g, p) for g, p in zip(grads, self.parameters, strict=True))
        return torch.cat([g.reshape(-1) for g in grads])

    def in_one_vector(self, found: Sequence[Mapping[Tensor, Tensor]]) -> Tensor:
        """The sum of gradients by parameter in one vector."""
        parts = [torch.cat([one[p].reshape(-1) for p in self.parameters]) for one in found]
        return parts[0] if len(parts) == 1 else torch.stack(parts).sum(0)

    def apply_gradient(self, gradient: Tensor, rate: float) -> Tensor:
        """One step of Adam down a gradient, which is returned."""
        self.rate = self.learning_rate * rate
        adam(self.flat, gradient, self.mean, self.square, self.steps, self.rate, self.betas)
        self.steps += 1
        return gradient


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
    if fade_mean:
        mean.lerp_(gradient, 1 - fade_mean)
    else:
        mean = gradient  # without momentum, as R3GAN trains: an operation less
    square.mul_(fade_square).addcmul_(gradient, gradient, value=1 - fade_square)
    bias_mean, bias_square = (1 - fade ** (steps + 1) for fade in betas)
    # as at the end of their section 2: the corrections of bias in the step size, not in the vectors
    root = math.sqrt(bias_square)
    weights.addcdiv_(mean, square.sqrt().add_(eps * root), value=-rate * root / bias_mean)


def flatten(network: nn.Module) -> Tensor:
    """Move all parameters into one vector, of which they become views. Returns the vector."""
    parameters = list(network.parameters())
    flat = torch.cat([in_order(p.detach(), p).reshape(-1) for p in parameters])
    start = 0
    for p in parameters:
        shape = in_order(p, p).shape
        view = flat[start : start + p.numel()].view(shape)
        p.data = view.permute(0, 3, 1, 2) if channels_last(p) else view
        start += p.numel()
    return flat


def channels_last(p: Tensor) -> bool:
    """Whether the kernels of a convolution lie in memory channel by channel: those make images lie so, too.

    Of kernels of one channel, or one cell, only the strides say so; and torch goes by them.
    """
    if p.ndim != 4:
        return False
    _, channels, height, width = p.shape
    return p.stride() == (channels * height * width, 1, channels * width, channels)


def in_order(values: Tensor, like: Tensor) -> Tensor:
    """A view of ``values`` whose axes apply_gradient one another as those of ``like`` do in memory."""
    return values.permute(0, 2, 3, 1) if channels_last(like) else values


# --------------------------------------------------------------------------------------
# The state of a training, its parameters, and the class-balanced batches that it draws.


# --------------------------------------------------------------------------------------
# What the game is played with: real samples, drawn class by class.


Decode = Callable[[Tensor], Tensor]


def undecoded(x: Tensor) -> Tensor:
    """The samples as they lie in memory."""
    return x


class SampleRows(Protocol):
    """Samples by their places."""

    def __getitem__(self, places: Tensor, /) -> Tensor:
        """(B,) int64 -> (B, ...), on the training device."""


class FetchedRows:
    """Samples that stay where they are, in a file or in the processor's memory, until a batch of them is drawn.

    Parameters
    ----------
    x : ndarray or StoredSamples of shape (n, ...)
    rows : ndarray of int64
        Those of ``x`` that can be drawn.
    device : torch.device
        Where batches go.
    """

    def __init__(self, x: Any, rows: IntArray, device: torch.device) -> None:
        self.x, self.rows, self.device = x, rows, device

    def __getitem__(self, places: Tensor) -> Tensor:
        return torch.from_numpy(self.x[self.rows[places.cpu().numpy()]]).to(self.device)


def samples_on(x: Any, rows: IntArray, device: torch.device) -> SampleRows:
    """Some of the samples on a device; on a processor, and where they are many, they stay and are fetched by batches.

    Parameters
    ----------
    x : ndarray or StoredSamples of shape (n, ...)
    rows : ndarray of int64
    device : torch.device
    """
    if device.type == "cpu" or not isinstance(x, np.ndarray) or x.nbytes > STORED_FROM:
        return FetchedRows(x, rows, device)
    return torch.from_numpy(x[rows]).to(device)


@dataclass
class ClassBatches:
    """The real samples, and how often each class is drawn.

    Attributes
    ----------
    load : callable
        From stored samples to the network's: images lie in memory as bytes and
        are turned into floats a batch at a time.
    ahead : int
        Batches for which rows are drawn at once. Only after a multiple of
        these is all that is random still to come in the generator's state.
    """

    x: SampleRows  # (n, ...)
    labels: Tensor  # (n,) int64
    class_weights: Tensor  # (n_classes,) float, sums to 1
    augment: Augmentation = unchanged
    load: Decode = undecoded
    ahead: int = 64  # drawing for many steps at once costs no more than for one
    order: Tensor = field(init=False)
    starts: Tensor = field(init=False)
    counts: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.order = torch.argsort(self.labels, stable=True)
        self.counts = torch.bincount(self.labels, minlength=len(self.class_weights))
        self.starts = torch.cumsum(self.counts, 0) - self.counts

    def batches(self, size: int, rng: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Endless batches ``(x, labels)``: a class by its weight, then one of its rows evenly."""
        while True:
            labels = torch.multinomial(self.class_weights, self.ahead * size, replacement=True, generator=rng)
            kind = widest(labels.device)
            share = torch.rand(self.ahead * size, device=labels.device, generator=rng, dtype=kind)
            counts = self.counts[labels]
            # in single precision a share just below 1 of many rows is rounded to all of them
            rows = self.order[self.starts[labels] + torch.minimum((share * counts).long(), counts - 1)]
            for now, now_rows in zip(labels.split(size), rows.split(size), strict=True):
                yield self.augment(self.load(self.x[now_rows]), now, rng), now


def class_probabilities(counts: Sequence[int], power: float) -> list[float]:
    """How often each class is drawn: proportional to ``count ** power``.

    ``power=0`` draws the classes evenly, ``power=1`` as often as they occur.
    A class without rows is never drawn.

    Examples
    --------
    >>> from ganaug.training.train_state import class_probabilities
    >>> class_probabilities([90, 10], power=0)
    [0.5, 0.5]
    """
    weights = [float(n) ** power if n else 0.0 for n in counts]
    return [w / sum(weights) for w in weights]


# --------------------------------------------------------------------------------------
# What a game is played with: its numbers, and all that changes while it is played.


@dataclass(frozen=True)
class TrainConfig:
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
    replays : bool
        Whether a step is recorded on the GPU and played from there (`ganaug.training.loop`).
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
    replays: bool = False

    def since(self, began: float, device: torch.device) -> TrainConfig:
        """The same, with the time since ``began`` (of `time.perf_counter`) taken off a limit on time."""
        if self.max_time is None:
            return self
        left = self.max_time - (time.perf_counter() - began)
        return replace(self, max_time=self.ranks.first(max(LEAST_TIME * self.max_time, left), device))


def paced(
    steps: int, seconds: float | None, device: torch.device, agreed: Callable[[float], float] = float
) -> Iterator[float]:
    """The progress of each step of a small training: ``steps`` of them, or as many as fit into the time.

    Parameters
    ----------
    steps : int
    seconds : float or None
        Time that there is; None is any.
    device : torch.device
        That works on the steps.
    agreed : callable
        From the seconds that a step took to those that all processes of a training go by.

    Examples
    --------
    >>> import torch
    >>> from ganaug.training.train_state import paced
    >>> list(paced(4, None, torch.device("cpu"))), len(list(paced(10**9, 0.0, torch.device("cpu"))))
    ([0.0, 0.25, 0.5, 0.75], 3)
    """
    step, began = 0, 0.0
    while step < steps:
        yield step / steps
        step += 1
        if seconds is not None and step in (1, 1 + TIMED):
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            now = time.perf_counter()
            if step == 1:  # which also warmed up
                began = now
            else:
                each = max(agreed((now - began) / TIMED), 1e-9)
                steps = min(steps, max(step, int(seconds / each)))


@dataclass
class TrainState:
    """Everything that changes while a game is played."""

    generator: FlatAdam[GeneratorNetwork]
    discriminator: FlatAdam[DiscriminatorNetwork]
    average: GeneratorNetwork  # the generator with averaged weights: the one that samples
    average_flat: Tensor
    step: int = 0

    @classmethod
    def start(cls, pair: NetworkPair, plan: TrainConfig, step: int = 0) -> TrainState:
        """The players at the outset, or where an earlier game left them."""
        average = copy.deepcopy(pair.generator).eval().requires_grad_(False)
        return cls(
            FlatAdam(pair.generator, plan.learning_rate, plan.betas),
            FlatAdam(pair.discriminator, plan.discriminator_learning_rate, plan.betas),
            average,
            flatten(average),
            step,
        )
