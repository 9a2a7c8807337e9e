"""Images, series and volumes as modalities: convolutional networks whose size goes by the samples and the time."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from os import PathLike
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from ganaug.augmentation import POLICIES, Augmentation, Pipe, diff_augment, direct, unchanged
from ganaug.estimators.base import to_device
from ganaug.estimators.fitting import ClassJudge, Constraints, Measure, Seed, halves_judge, snapshot_measure
from ganaug.estimators.gan import VALUES_AT_ONCE, BaseGAN, optional
from ganaug.estimators.latents import GeneratorModule, checked_classes, generator_module, nearest_latents
from ganaug.estimators.modality import Design, Filter, Modality, Task, training_config
from ganaug.exceptions import InvalidParameterError, ModelFileError
from ganaug.filtering import AuxiliaryClassifier, SampleFilter
from ganaug.filtering.sample_filter import shrink_samples
from ganaug.networks import (
    CONDITIONINGS,
    IMAGE_ARCHITECTURES,
    EncoderDiscriminator,
    GeneratorNetwork,
    NetworkPair,
)
from ganaug.networks.convolutions import LARGEST_BASE, VOLUME_BASE
from ganaug.objectives import OBJECTIVES, Objective
from ganaug.runtime.compute import UNRECORDED, as_tensor, fastest, one_thread, resolve_device
from ganaug.training.loop import (
    PLAIN,
    GradientFunctions,
    ReplayedGradients,
    Watcher,
    can_be_captured,
    train_step,
)
from ganaug.training.train_state import UNBOUNDED, TrainConfig, TrainState, paced, samples_on
from ganaug.utils import types
from ganaug.utils.determinism import child_seed, isolated, numpy_generator, root_seed, say, wants_progress
from ganaug.utils.types import Arrays, Config, FloatArray, IntArray

__all__ = ["SCOPES", "ConvolutionalGAN", "ConvolutionalModality", "Forecast", "fit_into_time", "preset_channels"]

SCOPES = ("shared", "per-class")

# Samples of a batch that one thread works on at a time.
PART = 32
# Steps without a limit on time or steps.
STEPS = 2000
# Draws of each real sample from which augmentation pays: below it costs more than learning by heart would.
REPEATS = 100
# Real images by which features of an encoder are put on one scale.
LOOKED_AT = 64
# Of the classifier that filters samples.
CLASSIFIER_STEPS = 300
# Of each of the two that judge whether the class of a snapshot's samples is recognised.
JUDGE_STEPS = 200
# Shares of a limit on time that they may take.
CLASSIFIER_TIME, JUDGE_TIME = 0.1, 0.05
# Samples of all classes together, and at least of each, that a snapshot is measured by.
MOST_MEASURED, FEWEST_MEASURED = 1024, 32
# Cells of a sample beyond which no more are measured than were trained on: few steps would take minutes to judge.
LARGE = 1300
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

    design: ClassVar[tuple[str, ...]] = (
        "architecture", "conditioning", "channels", "max_channels", "latent_dim", "base",
    )  # fmt: skip
    constraints: ClassVar[Constraints] = {
        "architecture": partial(types.choice, known=IMAGE_ARCHITECTURES),
        "conditioning": partial(types.choice, known=CONDITIONINGS),
        "channels": optional(partial(types.integer, low=1)),
        "max_channels": partial(types.integer, low=1),
        "latent_dim": partial(types.integer, low=1),
        "penalty_every": partial(types.integer, low=1),
        "augment": checked_augment,
    }
    reads_datasets = True
    parallel = True
    batches_ahead = 16
    collapse_grace_steps = 400
    scoring: ClassVar[Mapping[str, Any]] = {"share": 0.15, "steps": 200, "batch": 32, "samples": 512}
    # Functions that build networks, by name.
    architectures: ClassVar[Mapping[str, Callable[..., NetworkPair]]] = IMAGE_ARCHITECTURES
    # Names of the augmentations of real and synthetic samples for ``augment="auto"``.
    _policy: ClassVar[Sequence[str]]

    # No parameter: cells along an axis at the lowest resolution go by the number of axes.
    base: ClassVar[int | None] = None
    # Nor this, but for images.
    encoder: Callable[[Tensor], object] | None = None

    architecture: str
    conditioning: str
    channels: int | None
    max_channels: int
    latent_dim: int
    penalty_every: int
    augment: str | Sequence[str] | bool | None

    def networks(self, codec: Any, n_conditions: int, rng: torch.Generator, **design: Any) -> NetworkPair:
        """Convolutions of one, two or three dimensions."""
        build = self.architectures[design.pop("architecture")]
        base = design.pop("base", LARGEST_BASE)
        if base != LARGEST_BASE:  # an architecture from outside need not know it
            design["base"] = base
        return build(codec.shape, n_conditions, rng, bounded=codec.bounded, **design)

    def config(self, task: Task) -> tuple[Design, TrainConfig]:
        """Width and steps by the size of the samples; with a limit on time only, by a measured step."""
        shape, seconds, steps = task.codec.shape, task.settings.max_time, task.settings.max_steps
        fixed = task.design["channels"] is not None
        design = task.design if fixed else {**task.design, "channels": preset_channels(shape)}
        if design["base"] is None:
            design = {**design, "base": VOLUME_BASE if len(shape) == 4 else LARGEST_BASE}
        config = self._config(task, steps or STEPS)
        if seconds is not None and steps is None:
            rng = torch.Generator().manual_seed(0)
            spent = self.networks(task.codec, task.n_conditions, rng, **design)
            spent = self._players(spent, replace(task, design=design), rng)
            pair = NetworkPair(to_device(spent.generator, task.device), to_device(spent.discriminator, task.device))
            per_step = seconds_per_step(pair, OBJECTIVES[task.settings.objective], config, shape)
            # all processes of a training build the same networks
            found = fit_into_time(seconds, task.first_process(per_step), design["channels"], fixed=fixed)
            design, steps = {**design, "channels": found.channels}, found.steps
            config = replace(self._config(task, steps), max_steps=UNBOUNDED)
        if wants_progress(task.settings.verbose):
            say(_expectation(task, design, steps or STEPS))
        return design, config

    def _config(self, task: Task, steps: int) -> TrainConfig:
        batch, repeats = task.settings.batch_size, steps * task.settings.batch_size / len(task.y)
        return training_config(
            task,
            steps,
            ema_half_life=max(1.0, min(HALF_LIFE / batch, HALF_LIFE_SHARE * steps)),
            penalty_every=int(self.penalty_every),
            # not one that is recorded on a GPU: what an encoder does may differ from step to step
            pipe=self._pipe(repeats) if self.encoder is None else partial(self._pipe(repeats)),
            precision=fastest(task.device),
            parts=max(1, batch // PART) if task.device.type == "cpu" else 1,
        )

    @property
    def _own_discriminator(self) -> bool:  # type: ignore[override]
        return self.encoder is None

    def _players(self, pair: NetworkPair, task: Task, rng: torch.Generator) -> NetworkPair:
        """The generator against a discriminator on the features of the encoder, if there is one."""
        if self.encoder is None:
            return pair
        rows = numpy_generator(task.seed, "encoder").permutation(task.train)[:LOOKED_AT]
        some = task.codec.to_network(as_tensor(task.x[np.sort(rows)]))
        width, conditioning = task.design["max_channels"], task.design["conditioning"]
        return NetworkPair(
            pair.generator,
            EncoderDiscriminator(self.encoder, some, task.n_conditions, rng, conditioning=conditioning, width=width),
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
            samples_on(task.x, task.train, task.device),
            task.y[task.train],
            task.n_conditions,
            task.codec.shape,
            decode=task.codec.to_network,
            steps=_in_time(task, min(CLASSIFIER_STEPS, max(5, min(task.steps, STEPS) // 5)), CLASSIFIER_TIME),
            at_once=_at_once(task.codec.shape),
            seed=child_seed(seed, "judge"),
            device=task.device,
        )
        own = child_seed(seed, "sketch")
        settings = task.settings
        found = SampleFilter(settings.curate, float(settings.min_probability), classifier, task.codec, own)
        unseen = [np.setdiff1d(rows, task.train) for rows in task.validation]
        return found.fit(task.x, task.y, task.sampled, unseen)

    def validation_score(self, task: Task, found: Filter | None) -> Measure:
        """Energy quality of the classifier's features and of small versions, and whether the class is recognised."""
        assert isinstance(found, SampleFilter)
        decode, at_once = task.codec.to_network, _at_once(task.codec.shape)
        some = np.concatenate([task.validation[condition] for condition in task.sampled])
        some = some[:: max(1, len(some) // at_once)]
        features = comparison_features(found.classifier, decode(as_tensor(task.x[some]).to(task.device)))
        return snapshot_measure(
            task.x,
            task.validation,
            task.sampled,
            task.latent_dim,
            task.device,
            child_seed(task.seed, "judge"),
            decode=decode,
            features=features,
            judge=self._judge(task),
            n_fake=_measured(task),
            at_once=at_once,
        )

    def _judge(self, task: Task) -> ClassJudge | None:
        """Two small classifiers, each of half of the real samples."""
        decode, at_once = task.codec.to_network, _at_once(task.codec.shape)

        def fitted(rows: IntArray, seed: int) -> Callable[[Tensor], Tensor]:
            return AuxiliaryClassifier.fit(
                task.x[rows],
                task.y[rows],
                task.n_conditions,
                task.codec.shape,
                decode=decode,
                steps=_in_time(task, min(JUDGE_STEPS, max(5, task.steps // 2)), JUDGE_TIME),
                at_once=at_once,
                seed=seed,
                device=task.device,
                architecture="dcgan",
            ).probabilities

        @torch.inference_mode()
        def asked(probabilities: Callable[[Tensor], Tensor], rows: IntArray) -> FloatArray:
            parts = as_tensor(task.x[rows]).split(at_once)
            return torch.cat([probabilities(decode(part.to(task.device))) for part in parts]).cpu().numpy()

        seed = child_seed(task.seed, "class judge")
        return halves_judge(fitted, asked, task.y, task.n_conditions, seed)

    @abstractmethod
    def _values(self, codec: Any) -> nn.Module:
        """From a network's samples to values in their own units, as a module; see `GeneratorModule`."""

    def _read_filter(self, config: Config, arrays: Arrays, codec: Any, n_conditions: int) -> SampleFilter:
        return SampleFilter.from_state(config, arrays, codec, n_conditions)

    def _connect(self, found: Filter, codec: Any, device: torch.device) -> None:
        if isinstance(found, SampleFilter):  # it works where the samples are made
            found.classifier.device = device


def _named_pipe(augment: str | Sequence[str] | bool | None) -> Pipe:
    """What samples pass through, by the names of the changes; None and False are none."""
    return direct if augment is None or isinstance(augment, bool) else diff_augment(augment)


def _in_time(task: Task, steps: int, share: float) -> Iterator[float]:
    """Steps of a small training, or as many as fit into a share of a limit on time."""
    limit = task.settings.max_time
    return paced(steps, None if limit is None else share * limit, task.device, task.first_process)


def _measured(task: Task) -> int:
    """Samples of each class that a snapshot is measured by."""
    most = MOST_MEASURED // len(task.sampled)
    if prod(task.codec.shape[1:]) > LARGE:
        most = min(most, task.steps * task.settings.batch_size)
    return max(FEWEST_MEASURED, most)


def _at_once(shape: Sequence[int]) -> int:
    """Samples in one pass of a network."""
    return max(8, min(8192, VALUES_AT_ONCE // prod(shape)))


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
        "scope": partial(types.choice, known=SCOPES),
        "checkpoint_every": types.interval,
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

    def _check_design(self, design: Design) -> None:
        design.setdefault("base", LARGEST_BASE)  # files of earlier versions have no other
        if design["base"] not in (VOLUME_BASE, LARGEST_BASE):
            raise ModelFileError(f"design {design} has another base than {VOLUME_BASE} or {LARGEST_BASE}")
        super()._check_design(design)

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "design_" in state:
            state = {**state, "design_": {"base": LARGEST_BASE, **state["design_"]}}
        super().__setstate__(state)

    @property
    def generator_module_(self) -> GeneratorModule:
        """The generator as a plain `torch.nn.Module`, new each time, on the CPU and in `eval` mode.

        It takes latents (n, latent_dim) float32 and indices of `classes_` (n,) int64, and gives what
        ``sample(latents=...)`` gives, in layout and range of the training data: integers rounded, or as floats once its
        ``rounded`` is False. It needs no estimator, and `torch.export` and ONNX take it. After ``fit(focus=...)`` the
        index of the class in focus is 1.
        """
        if not hasattr(self, "conditions_"):  # an attribute as all that is fitted: there after fit
            raise AttributeError(f"{type(self).__name__} has no generator_module_ before fit")
        return self._new_module()

    @isolated
    def _new_module(self) -> GeneratorModule:
        generator = cast(GeneratorNetwork, self._rebuilt(self.weights_)["generator"])
        values = cast(ConvolutionalModality, self._modality)._values(self.codec_)
        noise = self._inner_noise(generator)
        return generator_module(generator, noise, values, self.codec_.dtype_, self.conditions_.count)

    @isolated
    def nearest_latents(
        self, X: object, y: object = None, *, steps: int = 200, random_state: Seed = 0
    ) -> tuple[FloatArray, FloatArray]:
        """Latents of which the generator makes samples near to real ones.

        Parameters
        ----------
        X : as in `fit`
            Samples to come near to.
        y : label, or array-like of shape (n,), optional
            The class to make each of. Needed unless only one can be sampled.
        steps : int, default=200
            Down the gradient, from each of three starts; 0 returns the nearest of 256 drawn latents.
        random_state : int, RandomState, Generator or None, default=0
            Of the drawn latents.

        Returns
        -------
        latents : ndarray of shape (n, latent_dim), float32
            For ``sample(latents=...)`` and `interpolate`.
        errors : ndarray of shape (n,), float32
            Root mean square difference of sample and target as networks see them: images reach from -1 to 1, series
            have unit scale. What a generator cannot make stays far off, whatever the steps.

        Raises
        ------
        InvalidParameterError, InvalidDataError, InvalidTypeError
            For samples unlike those of the fit, steps below 0, unknown labels, or fewer or more labels than samples.

        References
        ----------
        Abdal, Qin and Wonka (2019), Image2StyleGAN: How to Embed Images Into the StyleGAN Latent Space?
        """
        self._check_fitted()
        steps = types.integer("steps", steps, 0)
        seed = child_seed(root_seed(random_state), "nearest latents")
        rows, codes = checked_classes(self, X, y)
        device = resolve_device(self.device)
        generator = self._generator(device)
        conditions = np.array([self.conditions_.of_label_code(int(code)) for code in codes], np.int64)
        with one_thread():
            return nearest_latents(
                generator,
                self._inner_noise(generator).to(device),
                self.codec_.to_network(as_tensor(rows).to(device)),
                as_tensor(conditions).to(device),
                steps=steps,
                seed=seed,
                at_once=self._at_once(),
            )
