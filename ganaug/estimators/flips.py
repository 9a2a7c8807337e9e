"""The label-flip check: whether a translation has arrived in the class that it was meant for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from ganaug.cycle import shifted
from ganaug.descent import Player
from ganaug.exceptions import ModelFileError
from ganaug.networks.translation import PatchDiscriminator, patch_halvings
from ganaug.seeding import child_seed
from ganaug.state import expect
from ganaug.training import cosine_tail
from ganaug.types import FloatArray

__all__ = ["FlipCheck"]

Load = Callable[[Tensor], Tensor]

# Enough for two classes of small images, and a few seconds.
STEPS, BATCH, RATE = 200, 32, 2e-3
WIDTH = 16
# Shifts and noise, in shares of the sides and of the range: a few dozen images must not be learnt by heart.
SHIFT, NOISE = 0.1, 0.1
AT_ONCE = 256


class FlipCheck:
    """A small convolutional classifier of target against source, trained on real images of both, as many of each.

    It has the shape of a discriminator, whose logits it averages, but never sees a translation: what fools the
    discriminator did not learn to fool this one.

    Parameters
    ----------
    shape : tuple of int
        (C, H, W) of the images.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.weights_: dict[str, FloatArray] = {}

    def fit(
        self, source: npt.NDArray[Any], target: npt.NDArray[Any], load: Load, seed: int, device: torch.device
    ) -> FlipCheck:
        """Learn the two classes.

        Parameters
        ----------
        source, target : ndarray of shape (n, C, H, W)
            Stored images.
        load : callable
            From stored images to the network's, as `batches.Table.load`.
        seed : int
        device : torch.device

        Returns
        -------
        self
        """
        network = self._network(torch.Generator().manual_seed(child_seed(seed, "networks"))).to(device)
        rng = torch.Generator(device).manual_seed(child_seed(seed, "training"))
        player = Player(network, RATE, (0.9, 0.99))
        classes = [torch.from_numpy(images).to(device) for images in (source, target)]
        truth = torch.tensor([0.0, 1.0], dtype=torch.float32, device=device).repeat_interleave(BATCH)
        for step in range(STEPS):
            rows = [torch.randint(len(images), (BATCH,), device=device, generator=rng) for images in classes]
            x = load(torch.cat([images[at] for images, at in zip(classes, rows, strict=True)]))
            x = shifted(x, SHIFT, rng)
            x = x + NOISE * torch.empty_like(x).normal_(generator=rng)
            loss = F.binary_cross_entropy_with_logits(network(x).mean(1), truth)
            player.descend(loss, cosine_tail(step / STEPS, 0.5))
        self._keep({k: v.detach().cpu().numpy().copy() for k, v in network.state_dict().items()})
        return self

    @torch.inference_mode()
    def probabilities(self, images: npt.NDArray[Any], load: Load, device: torch.device) -> FloatArray:
        """How likely each stored image is of the target class, were both as frequent. (n, C, H, W) -> (n,)."""
        network = self._placed(device)
        parts = [torch.from_numpy(images[at : at + AT_ONCE]).to(device) for at in range(0, len(images), AT_ONCE)]
        found = [network(load(part)).mean(1).sigmoid().cpu().numpy() for part in parts]
        return np.concatenate([np.zeros(0, np.float32), *found])

    def _keep(self, weights: dict[str, FloatArray]) -> None:
        self.weights_ = weights
        self.__dict__.pop("_cache", None)

    def _placed(self, device: torch.device) -> PatchDiscriminator:
        cached = self.__dict__.get("_cache")
        if cached is None or cached[0] != device:
            network = self._network(torch.Generator().manual_seed(0))
            network.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in self.weights_.items()})
            self._cache = cached = (device, network.to(device).eval().requires_grad_(False))
        placed: PatchDiscriminator = cached[1]
        return placed

    def _network(self, rng: torch.Generator) -> PatchDiscriminator:
        return PatchDiscriminator(self.shape[0], rng, width=WIDTH, halvings=patch_halvings(self.shape))

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "_cache"}

    def get_state(self) -> dict[str, FloatArray]:
        """The weights, for `from_state`."""
        return dict(self.weights_)

    @classmethod
    def from_state(cls, arrays: Mapping[str, FloatArray], shape: tuple[int, ...]) -> FlipCheck:
        """The check that has these weights.

        Raises
        ------
        ModelFileError
            If they are not those of a check of such images.
        """
        check = cls(shape)
        wanted = check._network(torch.Generator().manual_seed(0)).state_dict()
        if set(wanted) != set(arrays):
            raise ModelFileError(f"weights of the check missing or left over: {sorted(set(wanted) ^ set(arrays))[:5]}")
        for name, value in wanted.items():
            if not math.isfinite(float(np.abs(expect(arrays, name, tuple(value.shape), np.float32)).sum())):
                raise ModelFileError(f"weights {name!r} of the check are not finite")
        check._keep(dict(arrays))
        return check
