"""How large the networks are and how many steps they get, from pixels and minutes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import torch

from ganaug.game import Game, Plan
from ganaug.networks import Players
from ganaug.objectives import Objective
from ganaug.replay import UNRECORDED, Replayed, can_be_replayed
from ganaug.slopes import PLAIN, Slopes
from ganaug.training import play_step

__all__ = ["Forecast", "preset_channels", "seconds_per_step", "within"]

# Cells of a sample up to which networks are so wide at full resolution; beyond the last, NARROWEST.
WIDTHS = ((400, 32), (1300, 16), (5000, 12))
NARROWEST = 8
# Fewer steps teach too little, whatever the width: the networks are made narrower first.
FEWEST_STEPS = 800
# Share of the time that is spent on steps, and not on looking at the samples.
SHARE_OF_STEPS = 0.9


def preset_channels(shape: Sequence[int]) -> int:
    """Feature maps at full resolution for samples (C, *spatial).

    Examples
    --------
    >>> from ganaug.estimators.planning import preset_channels
    >>> preset_channels((1, 28, 28)), preset_channels((3, 128, 128))
    (16, 8)
    """
    cells = prod(shape[1:])
    return next((width for most, width in WIDTHS if cells <= most), NARROWEST)


@dataclass(frozen=True)
class Forecast:
    """What a training is expected to be.

    Attributes
    ----------
    channels : int
        Feature maps at full resolution.
    steps : int
        Of training.
    """

    channels: int
    steps: int


def within(seconds: float, per_step: float, channels: int, *, fixed: bool) -> Forecast:
    """Steps that fit into the time, of networks made narrower where they would be too few.

    Parameters
    ----------
    seconds : float
        There are.
    per_step : float
        Seconds that a step takes with ``channels``.
    channels : int
        Feature maps at full resolution.
    fixed : bool
        Whether the width must stay.

    Examples
    --------
    >>> from ganaug.estimators.planning import within
    >>> within(300, 0.2, 16, fixed=False)
    Forecast(channels=16, steps=1350)
    >>> within(60, 0.2, 16, fixed=False)
    Forecast(channels=4, steps=1080)
    """
    while not fixed and channels > 4 and SHARE_OF_STEPS * seconds / per_step < FEWEST_STEPS:
        channels, per_step = channels // 2, per_step / 2
    return Forecast(channels, max(1, int(SHARE_OF_STEPS * seconds / per_step)))


def seconds_per_step(players: Players, objective: Objective, plan: Plan, shape: Sequence[int]) -> float:
    """How long a step takes, found by two of them on noise, after what makes them fast; the players are spent."""
    game = Game.start(players, plan)
    device = game.average_flat.device
    rng = torch.Generator(device).manual_seed(0)
    real = torch.empty((plan.batch_size, *shape), dtype=torch.float32, device=device).uniform_(-1, 1, generator=rng)
    labels = torch.zeros(plan.batch_size, dtype=torch.long, device=device)
    every, plan = plan.penalty_every, replace(plan, penalty_every=2)
    slopes: Slopes = Replayed(plan, device) if can_be_replayed(plan, device) else PLAIN
    before = [1] if slopes is PLAIN else [0, 1] * (UNRECORDED + 1)
    taken = []
    for step in (*before, 0, 1):  # a penalty falls due at step 0
        game.step = step
        began = time.perf_counter()
        play_step(game, objective, real, labels, plan, 0.5, rng, slopes)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        taken.append(time.perf_counter() - began)
    return (taken[-2] + (every - 1) * taken[-1]) / every
