"""A small network that names the class of a sample, for samples that are no rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganaug.augmentation import diff_augment
from ganaug.batches import Load, Table
from ganaug.descent import Player
from ganaug.networks import IMAGE_ARCHITECTURES, DiscriminatorNetwork
from ganaug.seeding import child_seed
from ganaug.types import FloatArray, IntArray

__all__ = ["Judge"]

CPU = torch.device("cpu")
BATCH = 64
# Width at full resolution: a quarter of the cost of a small generator.
CHANNELS = 8
WIDTH = 64


class Judge:
    """A classifier of real samples: whoever makes synthetic ones never sees it.

    It learns from class-balanced batches of shifted and partly covered samples, for some
    seconds. Its last hidden layer compares samples better than their values do. With a single
    class there is nothing to learn, and it stays as it was drawn: random features.

    Parameters
    ----------
    network : DiscriminatorNetwork
        With an auxiliary head.
    shape : tuple of int
        Of a sample, (C, *spatial).
    """

    def __init__(self, network: DiscriminatorNetwork, shape: Sequence[int]) -> None:
        self.network = network.eval().requires_grad_(False)
        self.shape = tuple(shape)

    @classmethod
    def fit(
        cls,
        x: npt.NDArray[Any],
        y: IntArray,
        n_classes: int,
        shape: Sequence[int],
        *,
        load: Load,
        steps: int,
        at_once: int,
        seed: int,
        device: torch.device = CPU,
    ) -> Judge:
        """Learn to name the class.

        Parameters
        ----------
        x : ndarray of shape (n, C, *spatial)
            Encoded samples.
        y : ndarray of shape (n,), int64
            Their classes.
        n_classes : int
        shape : sequence of int
            Of a sample.
        load : callable
            From encoded samples to floats.
        steps : int
            Of `BATCH` samples.
        at_once : int
            Samples in one pass, later.
        seed : int
        device : torch.device
            Where it learns and judges.
        """
        network = _network(n_classes, shape, child_seed(seed, "network")).to(device)
        rng = torch.Generator(device).manual_seed(child_seed(seed, "training"))
        counts = np.bincount(y, minlength=n_classes)
        if (counts > 0).sum() > 1:
            present = torch.from_numpy(counts > 0).double()
            weights = (present / present.sum()).to(device)
            table = Table(torch.from_numpy(x).to(device), torch.from_numpy(y).to(device), weights, load=load)
            pipe = diff_augment(["translation", "cutout"], probability=0.5, ramp=0.0, fade=(1.0, 1.0))
            player = Player(network, 2e-3, (0.9, 0.99))
            batches = table.batches(BATCH, rng)
            for step in range(steps):
                samples, labels = next(batches)
                features = network.features(pipe(samples, 0.5, rng), labels)
                loss = network.head.class_loss(features, labels)
                assert loss is not None
                player.descend(loss.mean(), 1 - step / steps)
        judge = cls(network, shape)
        judge.at_once, judge.device = at_once, device
        return judge

    at_once = 256
    device = CPU

    def features(self, samples: Tensor) -> Tensor:
        """The last hidden layer. (B, C, *spatial) -> (B, `WIDTH`), wherever the samples are."""
        nobody = torch.zeros(len(samples), dtype=torch.long, device=samples.device)
        network = self.network.to(samples.device)
        return network.features(samples, nobody)

    @torch.inference_mode()
    def seen(self, x: npt.NDArray[Any], load: Load) -> tuple[FloatArray, FloatArray]:
        """Features and probabilities of the classes. (n, C, *spatial) -> (n, `WIDTH`), (n, n_classes)."""
        features, shares = [np.zeros((0, WIDTH), np.float32)], [np.zeros((0, self.n_classes), np.float32)]
        for start in range(0, len(x), self.at_once):
            now = self.features(load(torch.from_numpy(x[start : start + self.at_once]).to(self.device)))
            features.append(now.cpu().numpy())
            shares.append(self._classes(now).softmax(1).cpu().numpy())
        return np.concatenate(features), np.concatenate(shares)

    @property
    def n_classes(self) -> int:
        """How many classes it tells apart."""
        return int(self._classes.out_features)

    @property
    def _classes(self) -> Any:
        return self.network.head.classes

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Its weights."""
        return {k: v.cpu().numpy().copy() for k, v in self.network.state_dict().items()}

    @classmethod
    def from_state(
        cls, arrays: dict[str, npt.NDArray[Any]], n_classes: int, shape: Sequence[int], at_once: int
    ) -> Judge:
        """The counterpart of `get_state`; raises RuntimeError where the weights do not fit."""
        network = _network(n_classes, shape, 0)
        network.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in arrays.items()})
        judge = cls(network, shape)
        judge.at_once = at_once
        return judge


def _network(n_classes: int, shape: Sequence[int], seed: int) -> DiscriminatorNetwork:
    rng = torch.Generator().manual_seed(seed)
    build = IMAGE_ARCHITECTURES["residual"]
    return build(
        shape, n_classes, rng, conditioning="auxiliary", channels=CHANNELS, max_channels=WIDTH, latent_dim=1
    ).discriminator
