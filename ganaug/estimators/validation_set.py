"""Which rows are held out, and how a snapshot of a generator is judged by them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ganaug.filtering import AuxiliaryClassifier
from ganaug.filtering.sample_filter import shrink_samples
from ganaug.metrics.sample_measures import energy_quality, mean_distance
from ganaug.training.train_state import Decode, undecoded
from ganaug.utils.types import FloatArray, IntArray

__all__ = ["hold_out", "looks", "scaled", "snapshot_measure"]

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
    *,
    load: Decode = undecoded,
    face: Callable[[Tensor], Tensor] = undecoded,
    n_fake: int = JUDGED_ROWS,
    at_once: int = JUDGED_ROWS,
) -> Callable[[nn.Module], dict[str, float]]:
    """A function that scores a generator by rows it has not seen.

    "quality" is the mean over ``conditions`` of the energy quality of fresh
    samples against the rows to judge by, "diversity" the smallest ratio of the
    spread of fake samples to that of real ones. Every snapshot gets the same
    noise, so that differences come from the weights.

    Parameters
    ----------
    load : callable
        From encoded samples to floats.
    face : callable
        From these to rows, the distances between which are compared. (B, ...) -> (B, d).
    n_fake, at_once : int
        Samples to make for each condition, and in one pass of the networks.
    """
    rng = torch.Generator().manual_seed(seed)
    cases = []
    for condition in conditions:
        rows = judge[condition]
        if len(rows) < 2:
            continue
        with torch.inference_mode():
            stored = torch.from_numpy(x[rows]).split(at_once)
            real = torch.cat([face(load(part.to(device))) for part in stored])
        z = torch.randn(n_fake, latent_dim, dtype=torch.float32, generator=rng).to(device)
        labels = torch.full((n_fake,), condition, dtype=torch.long, device=device)
        cases.append((real, mean_distance(real), z, labels))

    @torch.inference_mode()
    def measure(generator: nn.Module) -> dict[str, float]:
        heads = torch.Generator(device).manual_seed(seed)
        qualities, diversities = [1.0][:0], [1.0][:0]
        for real, spread, z, labels in cases:
            passes = zip(z.split(at_once), labels.split(at_once), strict=True)
            fake = torch.cat([face(generator(noise, claimed, heads)) for noise, claimed in passes])
            qualities.append(energy_quality(real, fake, real_spread=spread))
            diversities.append(mean_distance(fake) / spread if spread > 0 else 1.0)
        if not qualities:
            return {"quality": 0.0}
        return {"quality": float(np.mean(qualities)), "diversity": min(diversities)}

    return measure


# A real difference less than this from what an untrained generator makes cannot be measured.
LEAST_TO_LEARN = 0.01


Measure = Callable[[nn.Module], dict[str, float]]


def scaled(measure: Measure, untrained: Callable[[], nn.Module]) -> Measure:
    """The same measure with a "quality" of 0 for an untrained generator and 1 for unseen real samples.

    q' = 1 - (1 - q) / (1 - q_untrained), which grows with q, so that the same snapshot is the best one. ``untrained``
    makes that generator.
    """
    start = measure(untrained())["quality"]
    room = max(LEAST_TO_LEARN, 1 - start)

    def rescaled(generator: nn.Module) -> dict[str, float]:
        seen = measure(generator)
        return {**seen, "quality": 1 - (1 - seen["quality"]) / room}

    return rescaled


# Cells a side of the small versions of samples that are compared value by value.
SMALL = 8


@torch.inference_mode()
def looks(judge: AuxiliaryClassifier, some: Tensor) -> Callable[[Tensor], Tensor]:
    """A face for images and series: what a judge sees in them, and beside it a small version, weighing as much.

    ``some`` real samples (n, C, *spatial) give the weights.
    """

    def parts(samples: Tensor) -> tuple[Tensor, Tensor]:
        return judge.features(samples), shrink_samples(samples, SMALL).flatten(1)

    scales = [part.var(0).sum().sqrt() + 1e-9 for part in parts(some)]

    def face(samples: Tensor) -> Tensor:  # (B, C, *spatial) -> (B, d)
        return torch.cat([part / scale for part, scale in zip(parts(samples), scales, strict=True)], dim=1)

    return face
