"""Which rows are held out, and how a snapshot of a generator is judged by them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from ganaug.metrics.fidelity import energy_quality, mean_distance
from ganaug.types import FloatArray, IntArray

__all__ = ["hold_out", "snapshot_measure"]

# Below so many rows a class trains on all of them and is judged by them too: a
# fifth of 60 rows judges worse than it would have taught.
HOLD_OUT_FROM = 100
JUDGED_ROWS = 400


def hold_out(y: IntArray, fraction: float, rng: np.random.Generator) -> tuple[IntArray, list[IntArray]]:
    """Split rows into those to train on and, for each condition, those to judge by.

    Parameters
    ----------
    y : ndarray of shape (n,), int64
        Conditions.
    fraction : float
        Share of each condition to hold out, at most `JUDGED_ROWS` rows. A
        condition with under `HOLD_OUT_FROM` rows is judged by its training rows.

    Returns
    -------
    train : ndarray of int64
        Rows to train on, in order.
    judge : list of ndarray of int64
        Rows to judge each condition by.
    """
    held: list[IntArray] = []
    judge: list[IntArray] = []
    for condition in range(int(y.max()) + 1):
        rows = rng.permutation(np.flatnonzero(y == condition))
        n_held = min(int(fraction * len(rows)), JUDGED_ROWS) if len(rows) >= HOLD_OUT_FROM else 0
        held.append(rows[:n_held])
        judge.append(rows[:n_held] if n_held else rows[:JUDGED_ROWS])
    train = np.setdiff1d(np.arange(len(y)), np.concatenate(held))
    return train, judge


def snapshot_measure(
    x: FloatArray,
    judge: Sequence[IntArray],
    conditions: Sequence[int],
    latent_dim: int,
    device: torch.device,
    seed: int,
) -> Callable[[nn.Module], dict[str, float]]:
    """A function that scores a generator by rows it has not seen.

    "quality" is the mean over ``conditions`` of the energy quality of fresh
    samples against the rows to judge by, "diversity" the smallest ratio of the
    spread of fake samples to that of real ones. Every snapshot gets the same
    noise, so that differences come from the weights.
    """
    rng = torch.Generator().manual_seed(seed)
    cases = []
    for condition in conditions:
        rows = judge[condition]
        if len(rows) < 2:
            continue
        real = torch.from_numpy(x[rows]).to(device)
        z = torch.randn(JUDGED_ROWS, latent_dim, generator=rng).to(device)
        labels = torch.full((JUDGED_ROWS,), condition, dtype=torch.long, device=device)
        cases.append((real, mean_distance(real), z, labels))

    @torch.inference_mode()
    def measure(generator: nn.Module) -> dict[str, float]:
        heads = torch.Generator(device).manual_seed(seed)
        qualities, diversities = [1.0][:0], [1.0][:0]
        for real, spread, z, labels in cases:
            fake = generator(z, labels, heads)
            qualities.append(energy_quality(real, fake, real_spread=spread))
            diversities.append(mean_distance(fake) / spread if spread > 0 else 1.0)
        if not qualities:
            return {"quality": 0.0}
        return {"quality": float(np.mean(qualities)), "diversity": min(diversities)}

    return measure
