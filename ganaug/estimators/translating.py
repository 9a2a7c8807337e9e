"""What the ways to translate images share: what each must say, passes over images, sources, and what has arrived."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganaug.callbacks import Checkpoint
from ganaug.encoding import LabelCodec
from ganaug.encoding.image_codec import ImageCodec
from ganaug.estimators.fitting import Conditions, Measure, Prepared, Seed
from ganaug.exceptions import ModelFileError
from ganaug.filtering import FilterCounts
from ganaug.networks.translation import PatchDiscriminator, patch_halvings
from ganaug.runtime.compute import Team, as_tensor, machine_threads, team
from ganaug.training.loop import Batches, Step, cosine_decay
from ganaug.training.train_state import Decode, FlatAdam, TrainConfig, TrainState, paced
from ganaug.training.translation_steps import shift_images
from ganaug.utils.determinism import child_seed, numpy_generator
from ganaug.utils.state import expect
from ganaug.utils.types import Array, Arrays, Config, FloatArray, State

if TYPE_CHECKING:
    from ganaug.estimators.translator import ImageTranslator


__all__ = [
    "MEASURED",
    "TRIES",
    "LabelCheck",
    "Translating",
    "TranslationMethod",
    "TranslationTask",
    "draw_accepted",
    "in_passes",
    "iterate_sources",
    "shared_numbers",
    "side_by_side",
]

# Images by which translations are measured during the training.
MEASURED = 64
# Values in one pass of a network, and the most images.
VALUES_AT_ONCE, IMAGES_AT_ONCE = 2**20, 64
# Shifts of what the discriminators see, in shares of the sides. Few images have few silhouettes: moved ones are
# as true. They cannot leak into translations, which are compared with images that were not moved.
SEEN_SHIFT = 0.1
# Factor on the penalties of the objectives, which were tuned on rows of a table.
PENALTY = 0.3


@dataclass(frozen=True)
class TranslationTask:
    """One training, before it begins.

    Attributes
    ----------
    prepared : Prepared
        Encoded images, with what else the method prepared.
    focus : label or None
        As given to `fit`.
    settings : dict
        The estimator's parameters as their checks convert them.
    seed : int
    device : torch.device
    work : callable
        Who works on the parts of a step.
    """

    prepared: Prepared
    focus: object
    settings: Mapping[str, Any]
    seed: int
    device: torch.device
    work: Team


@dataclass(frozen=True)
class Translating:
    """What a method hands to the common training, and finds again afterwards.

    Attributes
    ----------
    conditions : Conditions
        What can be sampled.
    design : dict
        Sizes of the networks.
    state : TrainState
        ``state.average`` is the network that translates, or holds those that do.
    batches, step, config, measure
        As `ganaug.estimators.fitting.run_training` takes them.
    found : dict
        What the method wants back.
    """

    conditions: Conditions
    design: dict[str, Any]
    state: TrainState
    batches: Batches
    step: Step
    config: TrainConfig
    measure: Measure
    found: dict[str, Any] = field(default_factory=dict)


class TranslationMethod(ABC):
    """One way to learn a translation. `ImageTranslator` asks one about all that is not the same for every way.

    Parameters
    ----------
    owner : ImageTranslator
        Whose parameters it reads, and which holds all that is fitted.
    """

    # What a training that fails should tell, by the reason.
    advice: ClassVar[Mapping[str, str]]

    def __init__(self, owner: ImageTranslator) -> None:
        self.owner = owner

    @abstractmethod
    def check_parameters(self) -> None:
        """Refuse parameters that do not go together."""

    @abstractmethod
    def prepare(self, X: object, y: object, mask: object, beside: Path | None) -> Prepared:
        """What `ImageTranslator.fit` was given, encoded; images are decoded beside the checkpoint, if there is one."""

    @abstractmethod
    def fit_labels(self, y: object) -> LabelCodec | None:
        """The labels, where there are any."""

    @abstractmethod
    def begin(self, task: TranslationTask) -> Translating:
        """Networks, batches, step and measure."""

    def checkpoint(self, prepared: Prepared, focus: object, device: torch.device) -> Checkpoint | None:
        """The file in which the training is kept while it runs, with what an earlier run left in it, if any."""
        del prepared, focus, device
        return None

    @abstractmethod
    def keep(self, task: TranslationTask, training: Translating, seen: Mapping[str, float]) -> None:
        """Set the fitted attributes that only this method has; ``seen`` is what was measured last."""

    @abstractmethod
    def by_name(self, average: nn.Module) -> dict[str, nn.Module]:
        """The networks of a training's average, by the names that their weights begin with."""

    @abstractmethod
    def networks(self, seed: int) -> dict[str, nn.Module]:
        """Fresh networks of the sizes in ``design_``."""

    @abstractmethod
    def check_design(self, design: dict[str, Any]) -> None:
        """Refuse what a file calls the sizes of networks, if it is none."""

    @abstractmethod
    def own_state(self) -> State:
        """Config and arrays of what only this method keeps."""

    @abstractmethod
    def take_state(self, config: Config, arrays: Arrays) -> None:
        """The counterpart of `own_state`, of a file."""

    @abstractmethod
    def set_sources(self, X: object, y: object) -> None:
        """Keep the images to sample from."""

    @abstractmethod
    def check_label(self, label: object) -> None:
        """Refuse a label that cannot be sampled, where the common message would not do."""

    @abstractmethod
    def translate(self, images: object, to: object, mask: object, random_state: Seed) -> object:
        """Translate images, one for one."""

    @abstractmethod
    def draw(self, code: int, n: int, seed: int) -> tuple[Array, FilterCounts]:
        """Exactly n encoded samples of a label code."""

    @abstractmethod
    def try_out(self) -> None:
        """Translate one image, to find out whether a file holds what it should."""


def shared_numbers(owner: ImageTranslator, settings: Mapping[str, Any], work: Team) -> dict[str, Any]:
    """The numbers of a training that are the same for every method; see `ganaug.training.train_state.TrainConfig`."""
    steps = int(owner.max_steps)
    return {
        "max_steps": steps,
        "batch_size": int(owner.batch_size),
        "learning_rate": float(owner.learning_rate),
        "discriminator_learning_rate": float(owner.learning_rate),
        "betas": (0.5, 0.99),
        "decay_from": 0.5,
        "ema_half_life": min(100.0, steps / 20),
        "penalty_every": 4,
        "penalty_scale": PENALTY * float(owner.penalty),
        "log_every": max(1, steps // 60),
        "look_every": max(1, steps // 60) * 3,
        "pipe": lambda x, progress, rng: shift_images(x, SEEN_SHIFT, rng),
        "team": work,
        "max_time": settings["max_time"],
    }


def side_by_side(device: torch.device) -> AbstractContextManager[Team]:
    """Who does all whose result must repeat: on a CPU one for each core, each on one thread."""
    return team(machine_threads() if device.type == "cpu" else 1)


def in_passes(n: int, make: Callable[[slice], Tensor], codec: ImageCodec, work: Team) -> Array:
    """What a network makes of n images, some at a time.

    Parameters
    ----------
    n : int
    make : callable ``(places) -> Tensor of shape (B, C, H, W)``
        Of the images at these places.
    codec : ImageCodec
        Of what is made.
    work : callable
        Who works on the passes.

    Returns
    -------
    ndarray of shape (n, C, H, W)
        Encoded images.
    """
    most = max(1, min(IMAGES_AT_ONCE, VALUES_AT_ONCE // codec.width))

    @torch.inference_mode()
    def some(places: slice) -> Array:
        return codec.from_network(make(places).cpu())

    none = codec.from_network(np.zeros((0, *codec.shape), np.float32))
    return np.concatenate([none, *work(some, [slice(at, min(n, at + most)) for at in range(0, n, most)])])


# --------------------------------------------------------------------------------------
# Whether a translation has arrived in its class: a classifier of real images, and what is drawn again if not.


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

    def fit(
        self,
        source: Images,
        target: Images,
        decode: Decode,
        seed: int,
        device: torch.device,
        seconds: float | None = None,
    ) -> LabelCheck:
        """Learn the two classes.

        Parameters
        ----------
        source, target : ndarray of shape (n, C, H, W)
            Encoded images.
        decode : callable
            From encoded images to the networks' floats.
        seed : int
        device : torch.device
        seconds : float, optional
            That it may take.

        Returns
        -------
        self
        """
        network = self._network(torch.Generator().manual_seed(child_seed(seed, "networks"))).to(device)
        rng = torch.Generator(device).manual_seed(child_seed(seed, "training"))
        optimizer = FlatAdam(network, RATE, (0.9, 0.99))
        classes = [as_tensor(images).to(device) for images in (source, target)]
        truth = torch.tensor([0.0, 1.0], dtype=torch.float32, device=device).repeat_interleave(BATCH)
        for progress in paced(STEPS, seconds, device):
            rows = [torch.randint(len(images), (BATCH,), device=device, generator=rng) for images in classes]
            x = decode(torch.cat([images[at] for images, at in zip(classes, rows, strict=True)]))
            x = shift_images(x, SHIFT, rng)
            x = x + NOISE * torch.empty_like(x).normal_(generator=rng)
            loss = F.binary_cross_entropy_with_logits(network(x).mean(1), truth)
            optimizer.step(loss, cosine_decay(progress, 0.5))
        self._keep({k: v.detach().cpu().numpy().copy() for k, v in network.state_dict().items()})
        return self

    @torch.inference_mode()
    def probabilities(self, images: Images, decode: Decode, device: torch.device) -> FloatArray:
        """How likely each encoded image is of the target class, were both as frequent. (n, C, H, W) -> (n,)."""
        network = self._placed(device)
        parts = [as_tensor(images[at : at + AT_ONCE]).to(device) for at in range(0, len(images), AT_ONCE)]
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
            yield shift_images(as_tensor(image), SECOND_TIME, moves).numpy() if turn else image
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
