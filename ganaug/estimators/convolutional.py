"""Images, series and volumes as modalities: convolutional networks whose size goes by the samples and the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from os import PathLike
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ganaug.augmentation import POLICIES, Augmentation, Pipe, diff_augment, direct, unchanged
from ganaug.callbacks import say, wants_progress
from ganaug.estimators.base import to_device
from ganaug.estimators.fitting import Constraints, Measure, Seed, snapshot_measure
from ganaug.estimators.gan import VALUES_AT_ONCE, BaseGAN, optional
from ganaug.estimators.modality import Design, Filter, Modality, Task, training_config
from ganaug.exceptions import InvalidParameterError
from ganaug.filtering import AuxiliaryClassifier, SampleFilter
from ganaug.filtering.sample_filter import shrink_samples
from ganaug.networks import CONDITIONINGS, IMAGE_ARCHITECTURES, NetworkPair
from ganaug.objectives import OBJECTIVES, Objective
from ganaug.runtime.compute import fastest
from ganaug.training.loop import (
    PLAIN,
    UNRECORDED,
    GradientFunctions,
    ReplayedGradients,
    Watcher,
    can_be_captured,
    train_step,
)
from ganaug.training.train_state import TrainConfig, TrainState
from ganaug.utils import validation
from ganaug.utils.determinism import child_seed
from ganaug.utils.types import Arrays, Config, IntArray

__all__ = ["SCOPES", "ConvolutionalGAN", "ConvolutionalModality", "Forecast", "fit_into_time", "preset_channels"]

SCOPES = ("shared", "per-class")

# Samples of a batch that one thread works on at a time.
PART = 32
# Steps without a limit on time or steps, and with a limit on time only.
STEPS = 2000
MOST_STEPS = 1_000_000_000
# Draws of each real sample from which augmentation pays: below it costs more than learning by heart would.
REPEATS = 100
# Of the classifier that filters samples.
CLASSIFIER_STEPS = 300
# Samples of all classes together, and at least of each, that a snapshot is measured by.
MOST_MEASURED, FEWEST_MEASURED = 1024, 32
# Samples (and share of the training) after which a weight's share in the averaged generator has halved.
HALF_LIFE, HALF_LIFE_SHARE = 20_000, 0.1
# Cells a side of the small versions of samples that are compared value by value.
SMALL = 8

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
    >>> from ganaug.estimators.convolutional import preset_channels
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


def fit_into_time(seconds: float, per_step: float, channels: int, *, fixed: bool) -> Forecast:
    """Steps that fit into the time, of networks made narrower where they would be too few.

    Parameters
    ----------
    seconds : float
        Time that there is.
    per_step : float
        Seconds that a step takes with ``channels``.
    channels : int
        Feature maps at full resolution.
    fixed : bool
        Whether the width must stay.

    Examples
    --------
    >>> from ganaug.estimators.convolutional import fit_into_time
    >>> fit_into_time(300, 0.2, 16, fixed=False)
    Forecast(channels=16, steps=1350)
    >>> fit_into_time(60, 0.2, 16, fixed=False)
    Forecast(channels=4, steps=1080)
    """
    while not fixed and channels > 4 and SHARE_OF_STEPS * seconds / per_step < FEWEST_STEPS:
        channels, per_step = channels // 2, per_step / 2
    return Forecast(channels, max(1, int(SHARE_OF_STEPS * seconds / per_step)))


def seconds_per_step(pair: NetworkPair, objective: Objective, plan: TrainConfig, shape: Sequence[int]) -> float:
    """Seconds that a step takes, measured on noise after a warm-up; the networks are used up."""
    train_state = TrainState.start(pair, plan)
    device = train_state.average_flat.device
    rng = torch.Generator(device).manual_seed(0)
    real = torch.empty((plan.batch_size, *shape), dtype=torch.float32, device=device).uniform_(-1, 1, generator=rng)
    labels = torch.zeros(plan.batch_size, dtype=torch.long, device=device)
    every, plan = plan.penalty_every, replace(plan, penalty_every=2)
    gradients: GradientFunctions = ReplayedGradients(plan, device) if can_be_captured(plan, device) else PLAIN
    before = [1] if gradients is PLAIN else [0, 1] * (UNRECORDED + 1)
    taken = []
    for step in (*before, 0, 1):  # a penalty falls due at step 0
        train_state.step = step
        began = time.perf_counter()
        train_step(train_state, objective, real, labels, plan, 0.5, rng, gradients)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        taken.append(time.perf_counter() - began)
    return (taken[-2] + (every - 1) * taken[-1]) / every


def checked_augment(name: str, value: object) -> object:
    """Names of augmentations, "auto", or None and False for none."""
    if value is None or value is False or (isinstance(value, str) and value == "auto"):
        return value
    if isinstance(value, (list, tuple, set, frozenset)) and all(isinstance(v, str) and v in POLICIES for v in value):
        return value
    raise InvalidParameterError(f'{name}={value!r} must be "auto", None, or a list of names out of {sorted(POLICIES)}')


# ---- the modality ------------------------------------------------------------------------------


class ConvolutionalModality(Modality):
    """Samples ``(C, *spatial)``; see `ImageGAN` for the parameters. A subclass has a codec."""

    design = ("architecture", "conditioning", "channels", "max_channels", "latent_dim")
    constraints: ClassVar[Constraints] = {
        "architecture": partial(validation.choice, known=IMAGE_ARCHITECTURES),
        "conditioning": partial(validation.choice, known=CONDITIONINGS),
        "channels": optional(partial(validation.integer, low=1)),
        "max_channels": partial(validation.integer, low=1),
        "latent_dim": partial(validation.integer, low=1),
        "penalty_every": partial(validation.integer, low=1),
        "augment": checked_augment,
    }
    reads_datasets = True
    parallel = True
    batches_ahead = 16
    collapse_grace_steps = 400
    scoring: ClassVar[Mapping[str, Any]] = {"share": 0.15, "steps": 200, "batch": 32, "samples": 512}
    # Names of the augmentations of real and synthetic samples for ``augment="auto"``.
    _policy: ClassVar[Sequence[str]]

    architecture: str
    conditioning: str
    channels: int | None
    max_channels: int
    latent_dim: int
    penalty_every: int
    augment: str | Sequence[str] | bool | None

    def networks(self, codec: Any, n_conditions: int, rng: torch.Generator, **design: Any) -> NetworkPair:
        """Convolutions of one, two or three dimensions."""
        build = IMAGE_ARCHITECTURES[design.pop("architecture")]
        return build(codec.shape, n_conditions, rng, bounded=codec.bounded, **design)

    def config(self, task: Task) -> tuple[Design, TrainConfig]:
        """Width and steps by the size of the samples; with a limit on time only, by a measured step."""
        began = time.perf_counter()
        shape, seconds, steps = task.codec.shape, task.settings.max_time, task.settings.max_steps
        fixed = task.design["channels"] is not None
        design = task.design if fixed else {**task.design, "channels": preset_channels(shape)}
        config = self._config(task, steps or STEPS)
        if seconds is not None and steps is None:
            spent = self.networks(task.codec, task.n_conditions, torch.Generator().manual_seed(0), **design)
            pair = NetworkPair(to_device(spent.generator, task.device), to_device(spent.discriminator, task.device))
            per_step = seconds_per_step(pair, OBJECTIVES[task.settings.objective], config, shape)
            # all processes of a training build the same networks
            found = fit_into_time(seconds, task.first_process(per_step), design["channels"], fixed=fixed)
            design, steps = {**design, "channels": found.channels}, found.steps
            config = replace(self._config(task, steps), max_steps=MOST_STEPS)
        if wants_progress(task.settings.verbose):
            say(_expectation(task, design, steps or STEPS))
        if seconds is not None:  # what was spent until the first step is part of it
            config = replace(config, max_time=max(0.1 * seconds, seconds - (time.perf_counter() - began)))
        return design, config

    def _config(self, task: Task, steps: int) -> TrainConfig:
        batch, repeats = task.settings.batch_size, steps * task.settings.batch_size / len(task.y)
        return training_config(
            task,
            steps,
            ema_half_life=max(1.0, min(HALF_LIFE / batch, HALF_LIFE_SHARE * steps)),
            penalty_every=int(self.penalty_every),
            pipe=self._pipe(repeats),
            precision=fastest(task.device),
            parts=max(1, batch // PART) if task.device.type == "cpu" else 1,
        )

    def _pipe(self, repeats: float) -> Pipe:
        """What samples pass through where each real one is drawn so many times on average."""
        if isinstance(self.augment, str) and self.augment == "auto":
            return diff_augment(self._policy) if repeats > REPEATS else direct
        return _named_pipe(self.augment)

    def augmentation(self, codec: Any, counts: IntArray, device: torch.device) -> Augmentation:
        """None: real and synthetic samples pass through the same changes."""
        return unchanged

    def filter(self, task: Task) -> SampleFilter:
        """By the features of a small classifier of real samples."""
        seed = child_seed(task.seed, "curator")
        classifier = AuxiliaryClassifier.fit(
            task.x[task.train],
            task.y[task.train],
            task.n_conditions,
            task.codec.shape,
            decode=task.codec.to_network,
            steps=min(CLASSIFIER_STEPS, max(5, min(task.steps, STEPS) // 5)),
            at_once=_at_once(task.codec),
            seed=child_seed(seed, "judge"),
            device=task.device,
        )
        own = child_seed(seed, "sketch")
        settings = task.settings
        found = SampleFilter(settings.curate, float(settings.min_probability), classifier, task.codec, own)
        unseen = [np.setdiff1d(rows, task.train) for rows in task.validation]
        return found.fit(task.x, task.y, task.sampled, unseen)

    def validation_score(self, task: Task, found: Filter | None) -> Measure:
        """Energy quality of the classifier's features and of small versions."""
        assert isinstance(found, SampleFilter)
        decode, at_once = task.codec.to_network, _at_once(task.codec)
        some = np.concatenate([task.validation[condition] for condition in task.sampled])
        some = some[:: max(1, len(some) // at_once)]
        features = comparison_features(found.classifier, decode(torch.from_numpy(task.x[some]).to(task.device)))
        return snapshot_measure(
            task.x,
            task.validation,
            task.sampled,
            task.latent_dim,
            task.device,
            child_seed(task.seed, "judge"),
            decode=decode,
            features=features,
            n_fake=max(FEWEST_MEASURED, MOST_MEASURED // len(task.sampled)),
            at_once=at_once,
        )

    def _read_filter(self, config: Config, arrays: Arrays, codec: Any, n_conditions: int) -> SampleFilter:
        return SampleFilter.from_state(config, arrays, codec, n_conditions)

    def _connect(self, found: Filter, codec: Any, device: torch.device) -> None:
        if isinstance(found, SampleFilter):  # it works where the samples are made
            found.classifier.device = device


def _named_pipe(augment: str | Sequence[str] | bool | None) -> Pipe:
    """What samples pass through, by the names of the changes; None and False are none."""
    return direct if augment is None or isinstance(augment, bool) else diff_augment(augment)


def _at_once(codec: Any) -> int:
    """Samples in one pass of a network."""
    return max(8, min(8192, VALUES_AT_ONCE // prod(codec.shape)))


def _expectation(task: Task, design: Design, steps: int) -> str:
    """One line that says what is going to happen."""
    size, seconds = " x ".join(map(str, task.codec.shape)), task.settings.max_time
    limit = "" if seconds is None else f" in {seconds:.0f} s"
    classes = f"{task.n_conditions} classes, " if task.n_conditions > 1 else ""
    return (
        f"{task.owner}: {size}, {classes}{design['architecture']} networks {design['channels']} channels "
        f"wide; about {steps:,} steps of {task.settings.batch_size} samples{limit}"
    )


@torch.inference_mode()
def comparison_features(classifier: AuxiliaryClassifier, some: Tensor) -> Callable[[Tensor], Tensor]:
    """What images and series are compared by: a classifier's features, and a small version, weighing as much.

    ``some`` real samples (n, C, *spatial) give the weights.
    """

    def parts(samples: Tensor) -> tuple[Tensor, Tensor]:
        return classifier.features(samples), shrink_samples(samples, SMALL).flatten(1)

    scales = [part.var(0).sum().sqrt() + 1e-9 for part in parts(some)]

    def features(samples: Tensor) -> Tensor:  # (B, C, *spatial) -> (B, d)
        return torch.cat([part / scale for part, scale in zip(parts(samples), scales, strict=True)], dim=1)

    return features


# ---- the estimator -----------------------------------------------------------------------------


class ConvolutionalGAN(BaseGAN):
    """A GAN over samples ``(C, *spatial)``; see `ImageGAN` for the parameters."""

    _constraints: ClassVar[Constraints] = {
        **BaseGAN._constraints,
        "scope": partial(validation.choice, known=SCOPES),
        "checkpoint_every": validation.interval,
    }

    def __init__(
        self,
        *,
        objective: str = "relativistic",
        architecture: str = "residual",
        conditioning: str = "projection",
        max_steps: int | None = None,
        max_time: float | str | None = None,
        batch_size: int = 64,
        learning_rate: float = 2e-3,
        channels: int | None = None,
        max_channels: int = 64,
        latent_dim: int = 64,
        penalty: float = 1.0,
        penalty_every: int = 4,
        augment: str | Sequence[str] | bool | None = "auto",
        scope: str = "shared",
        class_power: float = 0.0,
        validation_fraction: float = 0.1,
        patience: int | None = None,
        curate: bool | str | Iterable[str] = True,
        min_probability: float = 0.3,
        checkpoint: str | PathLike[str] | None = None,
        checkpoint_every: int | str = "60s",
        callbacks: list[Watcher] | None = None,
        warm_start: bool = False,
        random_state: Seed = None,
        device: str = "auto",
        verbose: bool | str = "auto",
    ) -> None:
        self.objective = objective
        self.architecture = architecture
        self.conditioning = conditioning
        self.max_steps = max_steps
        self.max_time = max_time
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.channels = channels
        self.max_channels = max_channels
        self.latent_dim = latent_dim
        self.penalty = penalty
        self.penalty_every = penalty_every
        self.augment = augment
        self.scope = scope
        self.class_power = class_power
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.curate = curate
        self.min_probability = min_probability
        self.checkpoint = checkpoint
        self.checkpoint_every = checkpoint_every
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device
        self.verbose = verbose
