"""What the ways to translate images have in common: what each must say, and how a network is run over many images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ganaug.encoding import LabelCodec
from ganaug.encoding.image_codec import ImageCodec
from ganaug.estimators.fitting import Conditions, Measure, Prepared, Seed
from ganaug.filtering import FilterCounts
from ganaug.runtime.threads import Team, machine_threads, team
from ganaug.training.cyclegan import shift_images
from ganaug.training.loop import Batches, Step
from ganaug.training.train_state import TrainState
from ganaug.utils.types import Array, Arrays, Config, State

if TYPE_CHECKING:
    from ganaug.estimators.translator import ImageTranslator

__all__ = [
    "MEASURED",
    "Translating",
    "TranslationMethod",
    "TranslationTask",
    "in_passes",
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
    config: Any
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
    def prepare(self, X: object, y: object, mask: object) -> Prepared:
        """What `ImageTranslator.fit` was given, encoded."""

    @abstractmethod
    def fit_labels(self, y: object) -> LabelCodec | None:
        """The labels, where there are any."""

    @abstractmethod
    def begin(self, task: TranslationTask) -> Translating:
        """Networks, batches, step and measure."""

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
    def translate(self, images: object, to: object, mask: object, random_state: Seed) -> Any:
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
