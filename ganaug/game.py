"""What a game is played with: its numbers, and all that changes while it is played."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from torch import Tensor

from ganaug.augmentation import Pipe, direct
from ganaug.descent import Player, flatten
from ganaug.networks import DiscriminatorNetwork, GeneratorNetwork, Players
from ganaug.precision import Precision, full
from ganaug.ranks import ALONE, Ranks
from ganaug.threads import Team, alone

__all__ = ["Game", "Plan"]


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
    replays : bool
        Whether a step is recorded on the GPU and played from there (`ganaug.replay`).
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
