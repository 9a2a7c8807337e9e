"""Where an arm's synthetic samples come from, and the material that a classifier is then trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ganaug.exceptions import InvalidDataError, InvalidParameterError
from ganaug.experiments.pixels.arms import Arm
from ganaug.utils.seeding import numpy_generator
from ganaug.utils.types import IntArray

__all__ = ["MAKERS", "Material", "material", "smote", "wanted"]

NEIGHBOURS = 5


@dataclass(frozen=True)
class Material:
    """What a classifier is trained on.

    Attributes
    ----------
    x : Tensor of shape (n, C, *spatial), float32
    codes : ndarray of shape (n,), int64
    synthetic : ndarray of shape (n,), bool
    n_classes : int
    """

    x: Tensor
    codes: IntArray
    synthetic: np.ndarray
    n_classes: int


# (real samples, their classes, how many of each class, the generator's pool, seed) -> samples and their classes
Maker = Callable[[Tensor, IntArray, IntArray, "tuple[Tensor, IntArray] | None", int], "tuple[Tensor, IntArray]"]


def wanted(counts: IntArray, arm: Arm) -> IntArray:
    """Synthetic samples of each class. (K,) -> (K,)."""
    lacking = counts.max() - counts if arm.real and not arm.every_class else np.full_like(counts, counts.max())
    return np.rint(arm.share * lacking).astype(np.int64)


def material(
    x: Tensor, codes: IntArray, arm: Arm, pool: tuple[Tensor, IntArray] | None, n_classes: int, seed: int
) -> Material:
    """Real samples, if the arm wants them, then synthetic ones."""
    asked = wanted(np.bincount(codes, minlength=n_classes).astype(np.int64), arm)
    new, owners = MAKERS[arm.maker](x, codes, asked, pool, seed) if asked.any() else (x[:0], codes[:0])
    real = (x, codes) if arm.real else (x[:0], codes[:0])
    synthetic = np.arange(len(real[1]) + len(owners)) >= len(real[1])
    return Material(torch.cat([real[0], new]), np.concatenate([real[1], owners]), synthetic, n_classes)


def from_pool(
    x: Tensor, codes: IntArray, asked: IntArray, pool: tuple[Tensor, IntArray] | None, seed: int
) -> tuple[Tensor, IntArray]:
    """The first so many of each class: a smaller share is part of every larger one."""
    if pool is None:
        raise InvalidParameterError("this arm needs a generator; give generators=")
    samples, owners = pool
    rows = np.concatenate([np.flatnonzero(owners == code)[:n] for code, n in enumerate(asked)])
    if len(rows) < asked.sum():
        raise InvalidDataError(f"the pool has {len(rows)} of the {asked.sum()} samples that the arm needs")
    return samples[torch.from_numpy(rows)], owners[rows]


def smote(
    x: Tensor, codes: IntArray, asked: IntArray, pool: tuple[Tensor, IntArray] | None, seed: int
) -> tuple[Tensor, IntArray]:
    """SMOTE on raw values: x_i + u (x_j - x_i), x_j one of the 5 nearest of the class, u uniform (Chawla et al. 2002).

    A class of fewer than 6 samples has fewer neighbours, one of a single sample is copied.
    """
    made, owners = [x[:0]], [codes[:0]]
    for code in np.flatnonzero(asked).tolist():
        n = int(asked[code])
        own = x[torch.from_numpy(np.flatnonzero(codes == code))]
        if len(own) == 0:
            raise InvalidDataError(f"SMOTE has no sample of the class at place {code}")
        rng = numpy_generator(seed, "smote", code)
        first = torch.from_numpy(rng.integers(len(own), size=n))
        second, k = first, min(NEIGHBOURS, len(own) - 1)
        if k:
            distances = torch.cdist(own.flatten(1), own.flatten(1)).fill_diagonal_(torch.inf)
            nearest = distances.topk(k, largest=False).indices
            second = nearest[first, torch.from_numpy(rng.integers(k, size=n))]
        u = torch.from_numpy(rng.random(n, np.float32)).view(-1, *(1,) * (x.ndim - 1))
        made.append(own[first] + u * (own[second] - own[first]))
        owners.append(np.full(n, code))
    return torch.cat(made), np.concatenate(owners)


MAKERS: dict[str, Maker] = {"generator": from_pool, "smote": smote}
