"""What GANs for images, series and volumes share."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from math import prod
from typing import Any, ClassVar

import numpy as np
import torch

from ganaug.augmentation import Augmentation, Pipe, diff_augment, direct, unchanged
from ganaug.callbacks import say, wants_progress
from ganaug.encoding.sources import resolve_samples
from ganaug.estimators.base import BaseGAN
from ganaug.estimators.distilling import Corrupt, broken_samples
from ganaug.estimators.fitting import Conditions, Prepared, preset_channels, seconds_per_step, within
from ganaug.estimators.modality import Measure, Placed
from ganaug.estimators.validation_set import looks, snapshot_measure
from ganaug.filtering import AuxiliaryClassifier, FilterCounts, SampleFilter
from ganaug.networks import IMAGE_ARCHITECTURES, NetworkPair
from ganaug.objectives import OBJECTIVES
from ganaug.runtime.devices import fastest, resolve_device
from ganaug.runtime.distributed import Ranks, together_with
from ganaug.runtime.threads import Team, machine_threads, team
from ganaug.training.loop import Watcher
from ganaug.training.train_state import Decode, TrainConfig
from ganaug.utils import validation
from ganaug.utils.seeding import child_seed
from ganaug.utils.types import FloatArray, IntArray

__all__ = ["SCOPES", "ConvolutionalGAN"]

SCOPES = ("shared", "per-class")

# Values of a sample in one pass of a network: what a core's cache and any memory can bear.
VALUES_AT_ONCE = 300_000
# Samples of a batch that one thread works on at a time.
PART = 32
# Steps without a limit on time or steps.
STEPS = 2000
MOST_STEPS = 1_000_000_000
# Draws of each real sample from which augmentation pays: below it costs more than learning by heart would.
REPEATS = 100
# Of the network that judges samples.
JUDGE_STEPS = 300
# Samples of all classes together, and at least of each, that a snapshot is judged by.
MOST_JUDGED, FEWEST_JUDGED = 1024, 32
# Samples (and share of the training) after which a weight's share in the averaged generator has halved.
HALF_LIFE, HALF_LIFE_SHARE = 20_000, 0.1


class ConvolutionalGAN(BaseGAN):
    """A GAN over samples ``(C, *spatial)``; see `ImageGAN` for the parameters."""

    _architectures: ClassVar = IMAGE_ARCHITECTURES
    _ahead: ClassVar[int] = 16
    _untrained: ClassVar[int] = 400
    _second: ClassVar = {"share": 0.15, "steps": 200, "batch": 32, "samples": 512}
    # Changes that real and synthetic samples alike pass through before they are judged.
    _policy: ClassVar[Sequence[str]]
    # PIL's mode of the images read last, which their arrays do not tell.
    _mode: str | None = None

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
        augment: Any = "auto",
        scope: str = "shared",
        class_power: float = 0.0,
        validation_fraction: float = 0.1,
        patience: int | None = None,
        curate: bool | str | Iterable[str] = True,
        min_probability: float = 0.3,
        checkpoint: Any = None,
        checkpoint_every: int | str = "60s",
        callbacks: list[Watcher] | None = None,
        warm_start: bool = False,
        random_state: Any = None,
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

    def _check_parameters(self) -> dict[str, Any]:
        if self.channels is not None:
            validation.integer("channels", self.channels, 1)
        validation.integer("max_channels", self.max_channels, 1)
        validation.integer("latent_dim", self.latent_dim, 1)
        validation.integer("penalty_every", self.penalty_every, 1)
        validation.choice("scope", self.scope, SCOPES)
        validation.interval("checkpoint_every", self.checkpoint_every)
        self._pipe(0)
        return super()._check_parameters()

    # ---- samples -----------------------------------------------------------------------------

    def _resolved(self, X: Any, y: Any) -> tuple[Any, Any, Sequence[str] | None]:
        samples, labels, source = resolve_samples(X, y)
        self._mode = source.mode
        return samples, labels, source.classes

    def _loads(self, codec: Any) -> Decode:
        load: Decode = codec.to_network
        return load

    def _stored(self, codec: Any, samples: FloatArray) -> Any:
        return codec.from_network(samples)

    def _as_seen(self, codec: Any, rows: Any) -> Any:
        return rows  # rounding moves an image by less than anyone sees

    def _at_once(self, codec: Any) -> int:
        return max(8, min(8192, VALUES_AT_ONCE // int(prod(codec.shape))))

    # ---- networks ----------------------------------------------------------------------------

    def _design(self) -> dict[str, Any]:
        return {
            "architecture": self.architecture,
            "conditioning": self.conditioning,
            "channels": self.channels,
            "max_channels": self.max_channels,
            "latent_dim": self.latent_dim,
        }

    def _make_networks(self, codec: Any, n_conditions: int, rng: torch.Generator, **design: Any) -> NetworkPair:
        build = IMAGE_ARCHITECTURES[design.pop("architecture")]
        return build(codec.shape, n_conditions, rng, bounded=codec.bounded, **design)

    def _placed(self, network: Placed, device: torch.device) -> Placed:
        flat = max(p.ndim for p in network.parameters()) == 4
        # kernels that lie channel by channel make images lie so, which convolutions like
        return network.to(device, memory_format=torch.channels_last if flat else None)  # type: ignore[call-overload]

    def _drawn(self, code: int, n: int, seed: int) -> tuple[Any, FilterCounts]:
        if self.curator_ is not None:  # it judges where the samples are made
            self.curator_.classifier.device = resolve_device(self.device)
        return super()._drawn(code, n, seed)

    # ---- training ----------------------------------------------------------------------------

    def _team(self, device: torch.device) -> AbstractContextManager[Team]:
        return team(machine_threads() if device.type == "cpu" else 1)

    def _ranks(self, device: torch.device) -> tuple[Ranks, torch.device]:
        return together_with(device)

    def _designed(
        self,
        settings: dict[str, Any],
        prepared: Prepared,
        n_conditions: int,
        earlier: int,
        device: torch.device,
        work: Team,
        known: dict[str, Any] | None,
    ) -> tuple[dict[str, Any], TrainConfig]:
        began = time.perf_counter()
        shape, seconds, steps = prepared.codec.shape, settings["max_time"], settings["max_steps"]
        design = dict(known) if known is not None else self._design()
        if known is None and design["channels"] is None:
            design["channels"] = self.design_["channels"] if self._continues() else preset_channels(shape)
        plan = self._numbers(settings, len(prepared.y), steps or STEPS, device, work)
        if seconds is not None and steps is None:
            rng = torch.Generator().manual_seed(0)
            spent = self._make_networks(prepared.codec, n_conditions, rng, **design)
            placed = NetworkPair(self._placed(spent.generator, device), self._placed(spent.discriminator, device))
            per_step = seconds_per_step(placed, OBJECTIVES[self.objective], plan, shape)
            per_step = self._ranks(device)[0].first(per_step, device)  # all processes build the same networks
            fixed = known is not None or self.channels is not None or self._continues()
            found = within(seconds, per_step, design["channels"], fixed=fixed)
            design["channels"] = found.channels
            plan = replace(self._numbers(settings, len(prepared.y), found.steps, device, work), max_steps=MOST_STEPS)
            steps = found.steps
        if wants_progress(self.verbose):
            say(self._expectation(shape, n_conditions, design, steps or STEPS, seconds))
        if seconds is not None:  # what was spent until the first step is part of it
            plan = replace(plan, max_time=max(0.1 * seconds, seconds - (time.perf_counter() - began)))
        return design, replace(plan, max_steps=earlier + plan.max_steps)

    def _expectation(
        self, shape: Sequence[int], n_conditions: int, design: dict[str, Any], steps: int, seconds: float | None
    ) -> str:
        size = " x ".join(map(str, shape))
        limit = "" if seconds is None else f" in {seconds:.0f} s"
        classes = f"{n_conditions} classes, " if n_conditions > 1 else ""
        return (
            f"{type(self).__name__}: {size}, {classes}{design['architecture']} networks {design['channels']} channels "
            f"wide; about {steps:,} steps of {self.batch_size} samples{limit}"
        )

    def _numbers(
        self, settings: dict[str, Any], n_samples: int, steps: int, device: torch.device, work: Team
    ) -> TrainConfig:
        batch = int(self.batch_size)
        return TrainConfig(
            max_steps=steps,
            batch_size=batch,
            learning_rate=settings["learning_rate"],
            discriminator_learning_rate=settings["learning_rate"],
            betas=(0.0, 0.99),
            decay_from=0.5,
            ema_half_life=max(1.0, min(HALF_LIFE / batch, HALF_LIFE_SHARE * steps)),
            penalty_every=int(self.penalty_every),
            penalty_scale=settings["penalty"],
            log_every=max(1, steps // 60),
            look_every=max(1, steps // 60) * 3,
            max_time=settings["max_time"],
            pipe=self._pipe(steps * batch / n_samples),
            precision=fastest(device),
            parts=max(1, batch // PART) if device.type == "cpu" else 1,
            team=work,
        )

    def _corruption(self, codec: Any) -> Corrupt:
        return broken_samples

    def _augmentation(self, codec: Any, counts: IntArray, device: torch.device) -> Augmentation:
        return unchanged

    def _pipe(self, repeats: float) -> Pipe:
        """What samples pass through where each real one is drawn so many times on average."""
        if self.augment == "auto":
            return diff_augment(self._policy) if repeats > REPEATS else direct
        return direct if self.augment is None or self.augment is False else diff_augment(self.augment)

    # ---- what judges the samples -------------------------------------------------------------

    def _curator(
        self,
        settings: dict[str, Any],
        prepared: Prepared,
        y: IntArray,
        train: IntArray,
        judge: Sequence[IntArray],
        conditions: Conditions,
        plan: TrainConfig,
        earlier: int,
        seed: int,
    ) -> SampleFilter:
        codec, steps = prepared.codec, min(plan.max_steps - earlier, STEPS)
        look = AuxiliaryClassifier.fit(
            prepared.x[train],
            y[train],
            conditions.count,
            codec.shape,
            load=codec.to_network,
            steps=min(JUDGE_STEPS, max(5, steps // 5)),
            at_once=self._at_once(codec),
            seed=child_seed(seed, "judge"),
            device=self._ranks(settings["device"])[1],
        )
        curator = SampleFilter(settings["curate"], settings["min_probability"], look, codec, child_seed(seed, "sketch"))
        asked = [conditions.of_label_code(code) for code in conditions.sampled()]
        unseen = [np.setdiff1d(rows, train) for rows in judge]
        return curator.fit(prepared.x, y, asked, unseen)

    def _curator_of(
        self, config: dict[str, Any], arrays: dict[str, Any], codec: Any, n_conditions: int
    ) -> SampleFilter:
        return SampleFilter.from_state(config, arrays, codec, n_conditions)

    def _measure(
        self,
        prepared: Prepared,
        judge: Sequence[IntArray],
        asked: Sequence[int],
        curator: SampleFilter,
        latent_dim: int,
        device: torch.device,
        seed: int,
    ) -> Measure:
        load, at_once = prepared.codec.to_network, self._at_once(prepared.codec)
        n_fake = max(FEWEST_JUDGED, MOST_JUDGED // len(asked))
        some = np.concatenate([judge[condition] for condition in asked])
        some = some[:: max(1, len(some) // at_once)]
        face = looks(curator.classifier, load(torch.from_numpy(prepared.x[some]).to(device)))
        return snapshot_measure(
            prepared.x, judge, asked, latent_dim, device, seed, load=load, face=face, n_fake=n_fake, at_once=at_once
        )
