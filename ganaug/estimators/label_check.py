"""Whether a translation has arrived in its class: a classifier of real images, and what is drawn again if not."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ganaug.exceptions import ModelFileError
from ganaug.filtering import FilterCounts
from ganaug.networks.translation import PatchDiscriminator, patch_halvings
from ganaug.training.cyclegan import shift_images
from ganaug.training.loop import cosine_decay
from ganaug.training.train_state import Decode, FlatAdam
from ganaug.utils.determinism import child_seed, numpy_generator
from ganaug.utils.state import expect
from ganaug.utils.types import Array, FloatArray

__all__ = ["TRIES", "LabelCheck", "draw_accepted", "iterate_sources"]

Images = Array
Translate = Callable[[Images], Images]

# Enough for two classes of small images; takes a few seconds.
STEPS, BATCH, RATE = 200, 32, 2e-3
WIDTH = 16
# Shifts and noise, in shares of the sides and of the range: so that a few dozen images are not memorised.
SHIFT, NOISE = 0.1, 0.1
AT_ONCE = 256
# Translations made for each one wanted before refused ones are taken.
TRIES = 10
# How far an image is shifted that was translated before, in shares of its sides.
SECOND_TIME = 0.1


class LabelCheck:
    """A small convolutional classifier of target against source, trained on real images of both, as many of each.

    It has the architecture of a discriminator, whose logits it averages, but never sees a translation: the translators
    do not learn to fool it.

    Parameters
    ----------
    shape : tuple of int
        (C, H, W) of the images.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.weights_: dict[str, FloatArray] = {}

    def fit(self, source: Images, target: Images, decode: Decode, seed: int, device: torch.device) -> LabelCheck:
        """Learn the two classes.

        Parameters
        ----------
        source, target : ndarray of shape (n, C, H, W)
            Encoded images.
        decode : callable
            From encoded images to the networks' floats.
        seed : int
        device : torch.device

        Returns
        -------
        self
        """
        network = self._network(torch.Generator().manual_seed(child_seed(seed, "networks"))).to(device)
        rng = torch.Generator(device).manual_seed(child_seed(seed, "training"))
        optimizer = FlatAdam(network, RATE, (0.9, 0.99))
        classes = [torch.from_numpy(images).to(device) for images in (source, target)]
        truth = torch.tensor([0.0, 1.0], dtype=torch.float32, device=device).repeat_interleave(BATCH)
        for step in range(STEPS):
            rows = [torch.randint(len(images), (BATCH,), device=device, generator=rng) for images in classes]
            x = decode(torch.cat([images[at] for images, at in zip(classes, rows, strict=True)]))
            x = shift_images(x, SHIFT, rng)
            x = x + NOISE * torch.empty_like(x).normal_(generator=rng)
            loss = F.binary_cross_entropy_with_logits(network(x).mean(1), truth)
            optimizer.step(loss, cosine_decay(step / STEPS, 0.5))
        self._keep({k: v.detach().cpu().numpy().copy() for k, v in network.state_dict().items()})
        return self

    @torch.inference_mode()
    def probabilities(self, images: Images, decode: Decode, device: torch.device) -> FloatArray:
        """How likely each encoded image is of the target class, were both as frequent. (n, C, H, W) -> (n,)."""
        network = self._placed(device)
        parts = [torch.from_numpy(images[at : at + AT_ONCE]).to(device) for at in range(0, len(images), AT_ONCE)]
        found = [network(decode(part)).mean(1).sigmoid().cpu().numpy() for part in parts]
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
    def from_state(cls, arrays: Mapping[str, FloatArray], shape: tuple[int, ...]) -> LabelCheck:
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


def iterate_sources(sources: Images, rng: np.random.Generator) -> Iterator[Images]:
    """Endless source images one at a time (1, C, H, W): each once in random order, then again, shifted."""
    turn = 0
    while True:
        moves = torch.Generator().manual_seed(int(rng.integers(2**63)))
        for row in rng.permutation(len(sources)):
            image = sources[row : row + 1]
            yield shift_images(torch.from_numpy(image), SECOND_TIME, moves).numpy() if turn else image
        turn += 1


def draw_accepted(
    translate: Translate,
    sources: Images,
    probabilities: Callable[[Images], FloatArray] | None,
    min_probability: float,
    n: int,
    seed: int,
) -> tuple[Images, FilterCounts]:
    """Exactly ``n`` translations; those that the check refuses are replaced, by at most `TRIES` n translations in all.

    Parameters
    ----------
    translate : callable
        Encoded images of the source class to encoded images of the target class.
    sources : ndarray (m, C, H, W)
        Encoded images of the source class.
    probabilities : callable or None
        Of the target class, for translations; None accepts all.
    min_probability : float
        That a translation must have.
    n : int
    seed : int

    Returns
    -------
    images : ndarray (n, C, H, W)
        In the order of drawing. If the tries did not suffice, the likeliest of the refused ones fill up the end.
    counts : FilterCounts
    """
    counts = FilterCounts(rejected={"other_class": 0})
    ways = iterate_sources(sources, numpy_generator(child_seed(seed, "sources")))
    kept: list[Images] = [sources[:0]]
    spare, spare_likely = sources[:0], np.zeros(0, np.float32)
    missing = n
    while missing and counts.drawn < TRIES * n:
        rate = max(counts.kept / counts.drawn, 0.1) if counts.drawn else 1.0
        size = min(math.ceil(1.2 * missing / rate) if counts.drawn else missing, TRIES * n - counts.drawn)
        made = translate(np.concatenate([next(ways) for _ in range(size)]))
        likely = np.ones(len(made), np.float32) if probabilities is None else probabilities(made)
        good = np.flatnonzero(likely >= min_probability)[:missing]
        missing -= len(good)
        if not missing:  # what was drawn beyond the last one needed does not count
            made, likely = made[: good[-1] + 1], likely[: good[-1] + 1]
        refused = np.flatnonzero(likely < min_probability)
        kept.append(made[good])
        counts.drawn += len(made)
        counts.kept += len(good)
        counts.rejected["other_class"] += len(refused)
        spare, spare_likely = np.concatenate([spare, made[refused]]), np.concatenate([spare_likely, likely[refused]])
        best = np.argsort(-spare_likely, kind="stable")[:missing]
        spare, spare_likely = spare[best], spare_likely[best]
    counts.taken_anyway = missing
    counts.kept += missing
    return np.concatenate([*kept, spare[:missing]]), counts
