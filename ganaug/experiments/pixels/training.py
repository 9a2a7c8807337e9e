"""One classifier, trained as an arm says. The only thing that differs between arms is what its fields say.

Every arm takes the same number of steps of the same batch size, from the same first weights, at the same learning
rates: as many as ``epochs`` passes over the real items take. An arm with more items sees each of them less often.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from ganaug.augmentation import POLICIES, Pipe, diff_augment
from ganaug.exceptions import InvalidDataError, InvalidParameterError
from ganaug.experiments.pixels.arms import Arm
from ganaug.experiments.pixels.makers import Material
from ganaug.experiments.pixels.networks import SmallCNN
from ganaug.networks.convolutions import fast_layout
from ganaug.runtime.devices import resolve_device
from ganaug.training.cuda_graphs import CapturedFunction, CaptureMemory
from ganaug.training.optimizer import FlatAdam
from ganaug.utils import validation
from ganaug.utils.seeding import child_seed, numpy_generator
from ganaug.utils.types import FloatArray, IntArray

__all__ = ["SAMPLERS", "Schedule", "augmentation", "features_of", "logits_of", "train"]

# Of the effective number of items, (1 - beta) / (1 - beta^n); as Cao et al. (2019) have it.
BETA = 0.9999
# Share of the steps in which the learning rate rises to its height; it then falls along a cosine to 0.
WARM_UP = 0.05
# Batches whose items are drawn at once.
AHEAD = 64
AT_ONCE = 512

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast every arm trains.

    Attributes
    ----------
    epochs : int, default=20
        Passes over the real items that would take as many steps.
    batch_size : int, default=64
    learning_rate : float, default=2e-3
        Of Adam, at its height.
    width : int, default=32
        Of `SmallCNN`.
    device : str, default="cpu"
        Figures repeat on a CPU; on a GPU nearly. "auto" takes the fastest there is.
    """

    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 2e-3
    width: int = 32
    device: str = "cpu"

    def checked(self) -> Schedule:
        """Itself, if it can work."""
        for name, least in (("epochs", 1), ("batch_size", 2), ("width", 1)):
            validation.integer(name, getattr(self, name), least)
        validation.number("learning_rate", self.learning_rate, 0, open_low=True)
        return replace(self, device=str(resolve_device(self.device)))

    def steps(self, n_real: int) -> int:
        """Steps of a training on so many real items."""
        return max(1, math.ceil(n_real / self.batch_size)) * self.epochs


def augmentation(names: Sequence[str]) -> Pipe:
    """Standard augmentation: each of the changes named, to every item of every batch.

    Parameters
    ----------
    names : sequence of str
        Of `ganaug.augmentation.POLICIES`: "translation" moves by up to an eighth of each side, as cropping
        after padding does; "flip" mirrors left and right, which digits, text and organs do not bear.
    """
    if isinstance(names, str) or not set(names) <= set(POLICIES):
        raise InvalidParameterError(f"augment={names!r} must be a list of names out of {', '.join(sorted(POLICIES))}")
    return diff_augment(list(names), probability=1.0, ramp=0.0, fade=(1.0, 1.0))


# ---- Which items make a batch --------------------------------------------------------------------


def _shuffled(codes: IntArray, synthetic: Mask, size: int, rng: np.random.Generator) -> Iterator[IntArray]:
    """Every item once, then every item once again; a batch may reach over the end."""
    left = np.zeros(0, np.int64)
    while True:
        while len(left) < size:
            left = np.concatenate([left, rng.permutation(len(codes))])
        yield left[:size]
        left = left[size:]


def _balanced(codes: IntArray, synthetic: Mask, size: int, rng: np.random.Generator) -> Iterator[IntArray]:
    """Each class with the same probability, then one of its items."""
    yield from _drawn(1.0 / np.bincount(codes)[codes], size, rng)


def _halved(codes: IntArray, synthetic: Mask, size: int, rng: np.random.Generator) -> Iterator[IntArray]:
    """Each class with the same probability, then real or synthetic by a coin, then one of these.

    A thousand synthetic items would otherwise drown the twenty real ones of their class.
    """
    half = 2 * codes + synthetic
    sides = np.bincount(codes[np.unique(half, return_index=True)[1]])
    yield from _drawn(1.0 / (np.bincount(half)[half] * sides[codes]), size, rng)


def _by_source(codes: IntArray, synthetic: Mask, size: int, rng: np.random.Generator) -> Iterator[IntArray]:
    """Half a batch of real items and half of synthetic ones, each of them shuffled; all of one kind if there is one."""
    sides = [rows for rows in (np.flatnonzero(~synthetic), np.flatnonzero(synthetic)) if len(rows)]
    sizes = [size] if len(sides) == 1 else [size - size // 2, size // 2]
    streams = [_shuffled(codes[rows], synthetic[rows], n, rng) for rows, n in zip(sides, sizes, strict=True)]
    while True:
        yield np.concatenate([rows[next(stream)] for rows, stream in zip(sides, streams, strict=True)])


def _drawn(weights: npt.NDArray[np.float64], size: int, rng: np.random.Generator) -> Iterator[IntArray]:
    while True:
        yield from rng.choice(len(weights), (AHEAD, size), p=weights / weights.sum())


SAMPLERS: dict[str, Callable[[IntArray, Mask, int, np.random.Generator], Iterator[IntArray]]] = {
    "shuffled": _shuffled,
    "balanced": _balanced,
    "halves": _halved,
    "sources": _by_source,
}


class _Phase:
    """What is drawn from, until synthetic items leave or after."""

    def __init__(
        self,
        rows: IntArray,
        material: Material,
        arm: Arm,
        sampler: str,
        size: int,
        seed: int,
        device: torch.device,
    ) -> None:
        codes = material.codes[rows]
        if not len(rows):
            raise InvalidDataError("there is nothing to train on")
        counts = np.bincount(codes, minlength=material.n_classes)
        sides = [codes[material.synthetic[rows] == side] for side in (False, True)]
        priors = torch.stack([_log_prior(side, material.n_classes) for side in sides])
        self.offset = (arm.adjust * priors).to(device)  # (2, K)
        effective = (1 - BETA) / (1 - BETA ** np.maximum(counts, 1))
        self.class_weights = torch.from_numpy(effective / effective.mean()).float().to(device)
        rng = numpy_generator(seed, "batches")
        self._rows, self._batches = rows, SAMPLERS[sampler](codes, material.synthetic[rows], size, rng)

    def batch(self) -> IntArray:
        """Places of the next items."""
        return self._rows[next(self._batches)]


def _log_prior(codes: IntArray, n_classes: int) -> Tensor:
    """Log share of each class, one item at least. (n,) -> (K,)."""
    counts = np.maximum(np.bincount(codes, minlength=n_classes), 1)
    return torch.from_numpy(np.log(counts / max(1, len(codes)))).float()


def _phases(material: Material, arm: Arm, size: int, seed: int, device: torch.device) -> tuple[_Phase, _Phase]:
    everything = np.arange(len(material.codes))
    first = _Phase(everything, material, arm, arm.sampler, size, child_seed(seed, "first"), device)
    if arm.synthetic_until == 1:
        return first, first
    real = np.flatnonzero(~material.synthetic)
    return first, _Phase(real, material, arm, arm.late_sampler, size, child_seed(seed, "last"), device)


# ---- The training --------------------------------------------------------------------------------


def train(material: Material, arm: Arm, schedule: Schedule, pipe: Pipe, steps: int, seed: int) -> SmallCNN:
    """Train a classifier.

    Parameters
    ----------
    material : Material
    arm : Arm
    schedule : Schedule
    pipe : callable
        Of `augmentation`.
    steps : int
    seed : int
        The first weights depend on nothing else.

    Returns
    -------
    SmallCNN
        In evaluation mode.
    """
    device = torch.device(schedule.device)
    dims = material.x.ndim - 2
    rng = torch.Generator().manual_seed(child_seed(seed, "weights"))
    network = SmallCNN(material.x.shape[1], material.n_classes, dims, rng, schedule.width).to(device)
    if dims == 2:
        network = network.to(memory_format=torch.channels_last)
    optimizer = FlatAdam(network.train(), schedule.learning_rate, (0.9, 0.999))
    first, last = _phases(material, arm, schedule.batch_size, child_seed(seed, "batches"), device)
    draws, chance = numpy_generator(seed, "mixup"), torch.Generator(device).manual_seed(child_seed(seed, "augment"))
    items = _Items(network, optimizer, material, arm, pipe, chance, device)
    source = _Replayed(items, device) if device.type == "cuda" else items
    for step in range(steps):
        progress = step / steps
        phase = last if progress >= arm.synthetic_until else first
        rows = torch.from_numpy(phase.batch())
        slope = source.slope(phase, progress >= arm.reweight_from, rows, *_mixed(arm.mixup, len(rows), draws))
        optimizer.apply_gradient(slope, _rate(progress))
    return network.eval()


class _Items:
    """What the loss of a batch is worked out from: all items, and the network that is to tell them apart."""

    def __init__(
        self,
        network: SmallCNN,
        optimizer: FlatAdam[SmallCNN],
        material: Material,
        arm: Arm,
        pipe: Pipe,
        chance: torch.Generator,
        device: torch.device,
    ) -> None:
        self.network, self.optimizer, self.arm, self.pipe, self.chance = network, optimizer, arm, pipe, chance
        weights = torch.from_numpy(np.where(material.synthetic, arm.weight, 1.0)).float()
        source = torch.from_numpy(material.synthetic).long()
        parts = (material.x, torch.from_numpy(material.codes), source, weights)
        self.x, self.labels, self.source, self.weights = (part.to(device) for part in parts)

    def slope(self, phase: _Phase, reweighted: bool, rows: Tensor, shares: Tensor, partner: Tensor) -> Tensor:
        """The gradient over the items in these rows, each mixed with its partner by these two shares, if it has one."""
        x, y, weight = self.x[rows], self.labels[rows], self.weights[rows]
        x = self.pipe(x, 0.5, self.chance) if self.arm.augment else x
        offset = phase.offset[self.source[rows]]
        importance = phase.class_weights if reweighted else torch.ones_like(phase.class_weights)
        if not len(partner):
            return self.optimizer.gradient_of(_loss(self.network(fast_layout(x)) + offset, y, weight * importance[y]))
        share, other = shares
        x, offset = (share * part + other * part[partner] for part in (x, offset))
        logits = self.network(fast_layout(x)) + offset
        loss = share * _loss(logits, y, weight * importance[y])
        y, weight = y[partner], weight[partner]
        return self.optimizer.gradient_of(loss + other * _loss(logits, y, weight * importance[y]))


class _Replayed:
    """The gradients of `_Items` on a GPU: recorded once for each phase, and replayed."""

    def __init__(self, items: _Items, device: torch.device) -> None:
        self.items, self.device, self.deck = items, device, CaptureMemory(device)
        self.tapes: dict[tuple[_Phase, bool], CapturedFunction[Tensor]] = {}

    def slope(self, phase: _Phase, reweighted: bool, *given: Tensor) -> Tensor:
        """See `_Items.slope`."""
        if (phase, reweighted) not in self.tapes:
            items, own = self.items, [part.to(self.device, copy=True) for part in given]
            self.tapes[phase, reweighted] = CapturedFunction(
                lambda: items.slope(phase, reweighted, *own), own, items.chance, self.deck
            )
        return self.tapes[phase, reweighted](*given)


def _loss(logits: Tensor, y: Tensor, weight: Tensor) -> Tensor:  # (B, K), (B,), (B,) -> ()
    """Weighted mean of the cross-entropies."""
    losses = F.cross_entropy(logits, y, reduction="none")
    return (weight * losses).sum() / weight.sum().clamp_min(1e-12)


def _mixed(alpha: float, size: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Lambda ~ Beta(alpha, alpha) and what is left of 1, and whom each item is mixed with; nobody without Mixup."""
    if not alpha:
        return torch.ones(2, dtype=torch.float32), torch.zeros(0, dtype=torch.long)
    share = float(rng.beta(alpha, alpha))
    return torch.tensor([share, 1 - share], dtype=torch.float32), torch.from_numpy(rng.permutation(size))


def _rate(progress: float) -> float:
    """Share of the learning rate's height."""
    return min(1.0, (progress + 0.002) / WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * progress))


# ---- What it says --------------------------------------------------------------------------------


def logits_of(network: SmallCNN, x: Tensor) -> FloatArray:
    """(n, C, *spatial) -> (n, K)."""
    return _in_parts(network, x, network.forward)


def features_of(network: SmallCNN, x: Tensor) -> FloatArray:
    """What the last layer sees. (n, C, *spatial) -> (n, 4 width)."""
    return _in_parts(network, x, network.features)


@torch.inference_mode()
def _in_parts(network: SmallCNN, x: Tensor, function: Callable[[Tensor], Tensor]) -> FloatArray:
    device = next(network.parameters()).device
    parts = [function(fast_layout(part.to(device))).cpu().numpy() for part in x.split(AT_ONCE)]
    found: FloatArray = np.concatenate(parts)
    return found
