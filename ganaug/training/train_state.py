"""The state of a training, its parameters, and the class-balanced batches that it draws."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ganaug.augmentation import Augmentation, Pipe, direct, unchanged
from ganaug.networks import DiscriminatorNetwork, GeneratorNetwork, NetworkPair
from ganaug.runtime.devices import Precision, full
from ganaug.runtime.distributed import ALONE, Ranks
from ganaug.runtime.threads import Team, alone
from ganaug.training.optimizer import FlatAdam, flatten

__all__ = ["Decode", "Table", "TrainConfig", "TrainState", "class_probabilities", "undecoded"]

# --------------------------------------------------------------------------------------
# What the game is played with: real samples, drawn class by class.


Decode = Callable[[Tensor], Tensor]


def undecoded(x: Tensor) -> Tensor:
    """The samples as they lie in memory."""
    return x


@dataclass
class Table:
    """The real samples on the training device, and how often each class is drawn.

    Attributes
    ----------
    load : callable
        From stored samples to the network's: images lie in memory as bytes and
        are turned into floats a batch at a time.
    ahead : int
        Batches for which rows are drawn at once. Only after a multiple of
        these is all that is random still to come in the generator's state.
    """

    x: Tensor  # (n, ...)
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
            share = torch.rand(self.ahead * size, device=labels.device, generator=rng, dtype=torch.float64)
            rows = self.order[self.starts[labels] + (share * self.counts[labels]).long()]
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
        Whether a step is recorded on the GPU and played from there (`ganaug.training.cuda_graphs`).
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
