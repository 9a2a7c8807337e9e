"""The estimator around every GAN: one training, one draw, one file, whatever a `Modality` says about the data."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields, replace
from functools import partial
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pandas as pd
import torch
from torch import nn

from ganaug.callbacks import BestSnapshot, Checkpoint, digest
from ganaug.encoding import LabelCodec
from ganaug.estimators import saving
from ganaug.estimators.base import (
    SavedGenerator,
    arrays_of,
    checked_callbacks,
    checked_random_state,
    checked_switch,
    checked_verbose,
    load_weights,
    to_device,
)
from ganaug.estimators.fitting import (
    Check,
    Conditions,
    Constraints,
    Prepared,
    Settings,
    TrainResult,
    hold_out,
    rescale_quality,
    run_training,
)
from ganaug.estimators.latents import LatentsMixin
from ganaug.estimators.modality import (
    Design,
    Filter,
    Modality,
    Samples,
    Smoother,
    Task,
    check_networks,
    network_decoder,
    round_trip,
    to_storage,
)
from ganaug.estimators.scoring import ScoringMixin, second_discriminator
from ganaug.exceptions import DataWarning, InvalidDataError, InvalidParameterError, ModelFileError
from ganaug.filtering import FilterCounts, RowFilter, rejection_sample
from ganaug.filtering.forest import fewer
from ganaug.filtering.rows import AUTO, check_rules
from ganaug.networks import DiscriminatorNetwork, GeneratorNetwork, NetworkPair
from ganaug.objectives import OBJECTIVES, checked_objective
from ganaug.runtime.compute import (
    Ranks,
    Team,
    alone,
    as_tensor,
    machine_threads,
    one_thread,
    resolve_device,
    team,
    together_with,
)
from ganaug.training.loop import Watcher, can_be_captured
from ganaug.training.train_state import ClassBatches, TrainState, class_probabilities, samples_on
from ganaug.utils import types
from ganaug.utils.determinism import child_seed, isolated, numpy_generator, root_seed, wants_progress, warn
from ganaug.utils.files import check_path, check_writable
from ganaug.utils.state import expect
from ganaug.utils.types import Arrays, Config, FloatArray, IntArray, State

__all__ = ["BaseGAN", "optional", "or_auto"]

# Samples in one pass of a network: enough to fill a core, little enough for any memory.
AT_ONCE = 8192
# Values of samples (C, *spatial) in one pass: what a core's cache can bear.
VALUES_AT_ONCE = 300_000
# Looks at the samples in a training, and the share of a limit on time that they may take before they become rarer.
LOOKS, LOOKS_TIME = 20, 0.2
# Passes for each thread that are made before the first of them is filtered.
EACH = 4
# Synthetic rows of all conditions, at least of each, and of each of many, on which the forest of a filter is distilled.
CANDIDATES, FEWEST_CANDIDATES, LEAST_CANDIDATES = 4000, 200, 20
# Parameters that change how a training runs but not its result: a checkpoint can be continued with others.
_NO_MATTER = {
    "callbacks", "checkpoint", "checkpoint_every", "curate", "device", "min_probability", "noise_floor",
    "random_state", "scope", "verbose",
}  # fmt: skip
# Parameters that may differ between processes that train together.
_OF_ONE_PROCESS = {"callbacks", "checkpoint_every", "device", "verbose"}

# What each early end means and what to do about it, said in a warning.
_ADVICE = {
    "diverged": (
        "the training diverged at step {step}; the generator of step {best} was kept. "
        "Lower learning_rate or raise penalty; objective='relativistic' is the steadiest."
    ),
    "mode_collapse": (
        "the generator collapsed to a few modes (diversity {diversity:.2f}, that of real ones is 1); the one of step "
        "{best} was kept. Raise penalty or lower learning_rate; objective='relativistic' is the steadiest."
    ),
    "interrupted": "interrupted at step {step}; the best generator so far, that of step {best}, was kept.",
}


def optional(check: Check) -> Check:
    """The same check, which lets None pass."""
    return lambda name, value: None if value is None else check(name, value)


def or_auto(check: Check) -> Check:
    """The same check, which lets "auto" pass, and says so of what it refuses."""

    def checked(name: str, value: object) -> object:
        if isinstance(value, str) and value == AUTO:
            return AUTO
        try:
            return check(name, value)
        except InvalidParameterError as error:
            raise InvalidParameterError(f"{error}, or {AUTO!r}") from None

    return checked


class BaseGAN(LatentsMixin, ScoringMixin, SavedGenerator):
    """A GAN on the data that a `Modality` describes; see `TabularGAN` for the parameters.

    A subclass stores its parameters and names the class of its modality, which takes its own from them.
    """

    # Parameters.
    objective: str
    callbacks: list[Watcher] | None
    warm_start: bool
    verbose: bool | str
    checkpoint: str | PathLike[str] | None = None
    checkpoint_every: int | str = "60s"
    # What a fit leaves behind, beside what every generator has.
    best_step_: int
    condition_counts_: IntArray
    curator_: Filter | None
    smoother_: Smoother | None
    # Which discriminator ``weights_`` has: "trained", that of the training, which has seen the training samples and
    # stays in the memory of this process; "second", that of `second_discriminator`; "stored", that of a file of a
    # format before 2, whose scores stay as they were until it is saved again.
    _discriminator: str
    _second_weights: dict[str, FloatArray] | None

    _kind: ClassVar[type[Modality]]
    _constraints: ClassVar[Constraints] = {
        "objective": checked_objective,
        "batch_size": partial(types.integer, low=2),
        "callbacks": checked_callbacks,
        "verbose": checked_verbose,
        "random_state": checked_random_state,
        "max_steps": optional(partial(types.integer, low=1)),
        "max_time": types.seconds,
        "learning_rate": partial(types.number, low=0, high=1e6, open_low=True),
        "penalty": partial(types.number, low=0),
        "class_power": partial(types.number, low=0, high=1),
        "validation_fraction": partial(types.number, low=0, high=0.5),
        "patience": optional(partial(types.integer, low=1)),
        "curate": lambda _, value: check_rules(value),
        "min_probability": partial(types.number, low=0, high=1),
        "device": lambda _, value: resolve_device(value),
    }
    _plain: ClassVar[Mapping[str, type]] = {**SavedGenerator._plain, "best_step_": int}
    _caches = (*SavedGenerator._caches, "_second_weights", "_last_draw")
    _fewest = 2

    @property
    def _modality(self) -> Modality:
        """The modality with this estimator's parameters."""
        return self._kind._of(self)

    def _check_parameters(self) -> dict[str, Any]:
        modality = self._modality
        for name, check in modality.constraints.items():
            check(name, getattr(modality, name))
        return super()._check_parameters()

    def _settings(self) -> Settings:
        checked = self._check_parameters()
        return Settings(**{field.name: checked[field.name] for field in fields(Settings)})

    # ---- fit -----------------------------------------------------------------------------------

    def _takes_datasets(self) -> bool:
        return self._modality.reads_datasets

    def _stores_samples(self) -> bool:
        return self._modality.stores_samples and not self._continues()

    def _takes_unequal(self) -> bool:
        return self._modality.reads_unequal

    def _decoded_beside(self) -> Path | None:
        return self._writable_checkpoint() if self._stores_samples() else None

    def _writable_checkpoint(self) -> Path | None:
        """The file of the checkpoint; refused now, and not when it is to be written."""
        if self.checkpoint is None:
            return None
        target = check_path(self.checkpoint, "checkpoint")
        check_writable(target)
        return target

    def _fit_labels(self, y: object) -> LabelCodec | None:
        if not self._continues():
            return super()._fit_labels(y)
        if (y is None) != (self.label_codec_ is None):
            raise InvalidDataError("warm_start=True needs y as in the earlier fit: with labels or without")
        return self.label_codec_

    def _fit_encode(self, X: object, codes: IntArray | None, mode: str | None) -> tuple[Any, Samples]:
        self._writable_checkpoint()
        seed = root_seed(self.random_state)
        if self._continues():
            return self.codec_, self.codec_.encode(X, owner=type(self).__name__)
        codec = self._modality.codec(mode)
        return codec, codec.fit_encode(X, codes, seed=child_seed(seed, "codec"))

    def _train(self, prepared: Prepared, focus: object, title: str) -> None:
        settings, modality = self._settings(), self._modality
        began = time.perf_counter() - prepared.seconds
        ranks, device = together_with(settings.device) if modality.parallel else (Ranks(), settings.device)
        conditions = Conditions.of(prepared.labels, focus)
        codec, n_conditions = prepared.codec, conditions.count
        y = conditions.of_codes(prepared.y)
        earlier = self.n_steps_ if self._continues() else 0
        ranks.refuse_unlike(partial(self._decides, conditions), lambda: digest(prepared.x, y), device)
        with one_thread(), self._team(device) as work:
            checkpoint = self._checkpoint(prepared, y, conditions, device)
            seed = ranks.seed(self._seed_of_fit() if checkpoint is None else checkpoint.seed, device)
            design: Design | None = None if checkpoint is None else checkpoint.design
            if checkpoint is not None:
                checkpoint.check_design(partial(_networks_of, modality, codec, n_conditions))
            train_rows, validation_rows = hold_out(y, settings.validation_fraction, numpy_generator(seed, "hold out"))
            task = Task(
                owner=type(self).__name__,
                settings=settings,
                codec=codec,
                x=prepared.x,
                y=y,
                n_conditions=n_conditions,
                sampled=conditions.asked(),
                train=train_rows,
                validation=validation_rows,
                seed=seed,
                device=device,
                team=work,
                design=self._wanted_design(modality) if design is None else dict(design),
                first_process=lambda value: ranks.first(value, device),
            )
            design, config = modality.config(task)
            config = replace(
                config,
                max_steps=earlier + config.max_steps,
                ranks=ranks,
                parts=-(-config.parts // ranks.count) * ranks.count,
            )
            config = replace(config, replays=can_be_captured(config, device))
            if checkpoint is not None:
                checkpoint.design = design

            sized = replace(task, design=design)

            def untrained() -> NetworkPair:
                """What every training from this seed begins with, whether this one does or continues an earlier one."""
                own = torch.Generator().manual_seed(child_seed(seed, "networks"))
                made = check_networks(modality.networks(codec, n_conditions, own, **design), self._chose_networks())
                made = modality._players(made, sized, own)
                return NetworkPair(to_device(made.generator, device), to_device(made.discriminator, device))

            pair = untrained()
            if self._continues():
                self._warm_start(pair, conditions, design)
            task = replace(task, design=design, steps=config.max_steps - earlier, latent_dim=pair.generator.latent_dim)
            rng = torch.Generator(device).manual_seed(child_seed(seed, "training", earlier))
            state = TrainState.start(pair, config, earlier)
            found = modality.filter(task)
            measure = modality.validation_score(task, found)
            now = time.perf_counter()
            measure = rescale_quality(measure, lambda: untrained().generator.eval().requires_grad_(False))
            if settings.max_time is not None:  # what was spent until the first step is part of it
                look, config = time.perf_counter() - now, config.since(began, device)
                rarer = round(ranks.first(LOOKS * look / (LOOKS_TIME * settings.max_time), device))
                config = replace(config, look_every=max(1, rarer) * config.look_every)
            snapshot = BestSnapshot(measure, settings.patience, modality.collapse_grace_steps)
            result = run_training(
                state,
                _train_table(modality, task, pair),
                OBJECTIVES[self.objective],
                config,
                snapshot=snapshot,
                advice=_ADVICE,
                callbacks=self.callbacks or (),
                title=title if wants_progress(self.verbose) else None,
                rng=rng,
                checkpoint=checkpoint,
            )
        networks: dict[str, nn.Module] = {"generator": state.average}
        if modality._own_discriminator:
            networks["discriminator"] = state.discriminator.network
        self._keep(task, prepared, conditions, result, snapshot, networks, found)

    def _keep(
        self,
        task: Task,
        prepared: Prepared,
        conditions: Conditions,
        result: TrainResult,
        snapshot: BestSnapshot,
        networks: Mapping[str, nn.Module],
        found: Filter | None,
    ) -> None:
        """Set what is fitted, and fit what smooths and filters samples of the trained generator.

        Parameters
        ----------
        task : Task
        prepared : Prepared
        conditions : Conditions
        result : TrainResult
        snapshot : BestSnapshot
            That was kept.
        networks : dict of str to Module
            The generator of the snapshot, and the discriminator of the training, if it is that of the modality.
        found : Filter or None
            Fitted to the training data.
        """
        if self._continues():
            result = replace(result, history=pd.concat([self.history_, result.history], ignore_index=True))
        self._keep_data(prepared, conditions, task.seed)
        self.condition_counts_ = np.bincount(task.y, minlength=task.n_conditions).astype(np.int64)
        self._keep_training(result, task.design, arrays_of(networks))
        self._discriminator, self._second_weights = "trained", None
        self.best_step_, self.quality_ = snapshot.step, snapshot.quality
        self.curator_, self.smoother_ = found, None
        with one_thread():
            self.smoother_ = self._modality._smoother(task, self.condition_counts_, self._candidates, found)
        if isinstance(found, RowFilter) and found.forest is not None:
            # it learns from the generator's rows what it knows of the training rows, and tells no more than they do
            each = fewer(max(FEWEST_CANDIDATES, CANDIDATES // task.n_conditions), task.n_conditions, LEAST_CANDIDATES)
            rows = [self._candidates(condition, each, "forest") for condition in range(task.n_conditions)]
            found.distil(rows, child_seed(self._seed, "forest"))

    def _chose_networks(self) -> str:
        """The parameter that says which networks are trained, for messages."""
        name = getattr(self, "architecture", None)
        return f"modality={self._kind_name()}" if name is None else f"architecture={name!r}"

    def _wanted_design(self, modality: Modality) -> Design:
        """Sizes of networks by the parameters; what they leave open is as in the fit that is continued."""
        wanted = {name: getattr(modality, name) for name in modality.design}
        if self._continues():
            wanted |= {name: self.design_[name] for name, value in wanted.items() if value is None or value == "auto"}
        return wanted

    def _seed_of_fit(self) -> int:
        # a fit that continues another keeps its held-out rows
        return self._seed if self._continues() else root_seed(self.random_state)

    def _continues(self) -> bool:
        return bool(self.warm_start) and hasattr(self, "weights_")

    def _warm_start(self, pair: NetworkPair, conditions: Conditions, design: Design) -> None:
        """Give fresh networks the weights of the earlier fit."""
        if conditions.focus != self.conditions_.focus:
            raise InvalidParameterError("warm_start=True needs the focus of the earlier fit")
        changed = [name for name, value in design.items() if value != self.design_[name]]
        if changed:
            raise InvalidParameterError(
                f"warm_start=True goes on with the networks of the earlier fit, but {', '.join(changed)} "
                "changed since; set it back, or warm_start=False"
            )
        known = pair._asdict() if self._modality._own_discriminator else {"generator": pair.generator}
        load_weights(known, self.weights_)

    def _decides(self, conditions: Conditions) -> dict[str, str]:
        """What processes that train together must have in common beside their data, by name."""
        found = {k: saving.in_words(v) for k, v in self.get_params().items() if k not in _OF_ONE_PROCESS}
        # of others the first process's is taken: a seed drawn from a generator of random numbers, or from nowhere
        seed = repr(int(self.random_state)) if isinstance(self.random_state, Integral) else "not a number"
        earlier = f"{self.n_steps_} steps, {digest(*self.weights_.values())[:12]}" if self._continues() else "none"
        found |= {"estimator": repr(type(self).__name__), "random_state": seed, "the earlier fit": earlier}
        return found | {"checkpoint": "None" if self.checkpoint is None else "a file", "focus": str(conditions.focus)}

    def _checkpoint(
        self, prepared: Prepared, y: IntArray, conditions: Conditions, device: torch.device
    ) -> Checkpoint | None:
        """The file in which the training is kept while it runs, with what an earlier run left in it."""
        if self.checkpoint is None:
            return None
        settings = {k: v for k, v in self._saved_parameters().items() if k not in _NO_MATTER}
        settings |= {"device": device.type, "focus": conditions.focus}
        if isinstance(self.random_state, Integral):
            settings["random_state"] = int(self.random_state)
        earlier = list(self.weights_.values()) if self._continues() else []
        target = check_path(self.checkpoint, "checkpoint")
        if conditions.focus is not None:  # each class has a training and a file of its own
            target = target.with_name(f"{target.stem}.class-{conditions.focus}{target.suffix}")
        every = types.interval("checkpoint_every", self.checkpoint_every)
        return Checkpoint(target, every, settings, digest(prepared.x, y, *earlier), self._seed_of_fit())

    # ---- sample --------------------------------------------------------------------------------

    def _team(self, device: torch.device) -> AbstractContextManager[Team]:
        """Who works on the parts of a batch."""
        if not self._modality.parallel:
            return nullcontext(alone)
        return team(machine_threads() if device.type == "cpu" else 1)

    def _at_once(self) -> int:
        """Samples in one pass of a network."""
        if not self._modality.parallel:
            return AT_ONCE
        return max(8, min(AT_ONCE, VALUES_AT_ONCE // int(np.prod(self.codec_.shape))))

    def _draw(self, code: int, n: int, seed: int, truncation: float = 1.0) -> tuple[Samples, FilterCounts]:
        condition = self.conditions_.of_label_code(code)
        device = resolve_device(self.device)
        if self.curator_ is not None:
            self._modality._connect(self.curator_, self.codec_, device)

        def candidates(count: int, round_: int) -> Iterator[Samples]:
            return self._generate(condition, count, child_seed(seed, "round", round_), device, work, truncation)

        if n == 0:
            return self._empty(), FilterCounts()
        with one_thread(), self._team(device) as work:
            return rejection_sample(candidates, cast("RowFilter | None", self.curator_), condition, n, seed)

    def _generate(
        self,
        condition: int,
        n: int,
        seed: int,
        device: torch.device,
        work: Team,
        truncation: float = 1.0,
        raw: bool = False,
    ) -> Iterator[Samples]:
        """Some samples at a time: what they are made of is in memory once, and still in the processor's cache.

        With ``raw`` they are not rounded as decoding rounds them.
        """
        generator, most = self._generator(device), self._at_once()

        @torch.inference_mode()
        def part(start: int) -> Samples:
            z, rng = _latents(seed, start, min(most, n - start), generator.latent_dim, device)
            labels = torch.full((len(z),), condition, dtype=torch.long, device=device)
            plain = truncation == 1
            made = generator.draw(z, labels, rng) if plain else generator.truncated(z, labels, rng, truncation)
            rows = to_storage(self.codec_, made.cpu().numpy())
            if self.smoother_ is not None:
                rows = self.smoother_.smoothed(rows, condition, child_seed(seed, "kernel", start))
            # filtered as it will be seen: after all that changes it
            return rows if raw or self.curator_ is None else round_trip(self.codec_, rows)

        at_once = most if work is alone else most * EACH * machine_threads()
        for start in range(0, n, at_once):
            yield from work(part, range(start, min(n, start + at_once), most))

    def _latents_of(self, counts: FilterCounts, seed: int) -> FloatArray:
        device, most = resolve_device(self.device), self._at_once()
        width = self._generator(device).latent_dim
        found = np.zeros((len(counts.places), width), np.float32)
        for round_, count in enumerate(counts.rounds):
            own = child_seed(seed, "round", round_)
            mine = np.flatnonzero(counts.places[:, 0] == round_)
            places = counts.places[mine, 1]
            for start in np.unique(places // most) * most:
                z, _ = _latents(own, int(start), min(most, count - int(start)), width, device)
                here = (places >= start) & (places < start + most)
                found[mine[here]] = z.cpu().numpy()[places[here] - start]
        return found

    def _generator(self, device: torch.device) -> GeneratorNetwork:
        return cast(GeneratorNetwork, self._networks(device)["generator"])

    def _candidates(self, condition: int, n: int, purpose: str, raw: bool = False) -> Samples:
        """Samples of a condition before any is refused; for each purpose others."""
        own = child_seed(self._seed, purpose, condition)
        with one_thread():
            return np.concatenate(list(self._generate(condition, n, own, resolve_device(self.device), alone, raw=raw)))

    # ---- networks ------------------------------------------------------------------------------

    def _new_networks(self, seed: int = 0) -> dict[str, nn.Module]:
        # from the design of the fit: the parameters may have been set again since
        rng = torch.Generator().manual_seed(seed)
        return self._modality.networks(self.codec_, self.conditions_.count, rng, **self.design_)._asdict()

    def _published_weights(self) -> dict[str, FloatArray]:
        """The weights that may leave this process: of the generator, and of a discriminator that saw samples only."""
        if self._discriminator == "second":
            return self.weights_
        if self.__dict__.get("_second_weights") is None:
            self._second_weights = second_discriminator(self, **self._modality.scoring)
        own = {k: v for k, v in self.weights_.items() if k.startswith("generator.")}
        return own | {f"discriminator.{k}": v for k, v in (self._second_weights or {}).items()}

    def _scoring_discriminator(self) -> DiscriminatorNetwork:
        weights = self.weights_ if self._discriminator == "stored" else self._published_weights()
        network = cast(DiscriminatorNetwork, self._rebuilt(weights)["discriminator"])
        return network.double().eval().requires_grad_(False)

    # ---- files and pickles ---------------------------------------------------------------------

    @isolated
    def save(self, path: str | os.PathLike[str], *, keep_copies_check: bool = False) -> None:
        """Write the fitted estimator to one file that `ganaug.load` reads.

        Parameters
        ----------
        path : str or path-like
            The file, for example "fraud.safetensors"; written whole or not at all.
        keep_copies_check : bool, default=False
            Whether the file also holds what the rule "copies" compares with: of tables a hash of each distinct
            training row, of images and series 64 numbers of each sample. **Who has such a file can tell with
            certainty whether a sample was in the training, and can rebuild images, series, and rows of few values.**
            Without it a loaded model refuses no copies, and says so in `curation_`; a generator rarely makes one.

        Raises
        ------
        ModelFileError
            If the folder does not exist or cannot be written to.
        InvalidParameterError
            If ``keep_copies_check`` is neither True nor False.

        Warns
        -----
        DataWarning
            If ``rules`` holds functions, which a file cannot hold: it names them, and says how to give them again.

        Notes
        -----
        safetensors and JSON: weights, encodings (rounded quantiles, category names, values that many rows share),
        rules of curation (rounded bounds, a forest that learnt on synthetic rows) and parameters. No code and no
        trace of a single training sample; the names of categories are all there, also those that a single row has. The
        discriminator is the one of `score_samples`. Callbacks are left out. The same holds for pickles and deep copies.
        """
        self._write(path, checked_switch("keep_copies_check", keep_copies_check))
        left_out = self._left_out()
        if left_out:
            warn(
                f"the file does not hold the rules {', '.join(map(repr, left_out))}: they are functions, and a model "
                "file holds no code. Give them again after loading: "
                "gan.set_params(rules=[*gan.rules_, function])",
                DataWarning,
            )

    def _left_out(self) -> tuple[str, ...]:
        """Names of what a file does not hold, and rows were drawn with."""
        return ()

    def _read_codec(self, config: Config, arrays: Arrays) -> Any:
        return type(self._modality.codec()).from_state(config, arrays)

    def _check_design(self, design: Design) -> None:
        modality = self._modality
        if set(design) != set(modality.design):
            raise ModelFileError(f"design {design} lacks or adds to {sorted(modality.design)}")
        for name, value in design.items():
            if name in modality.constraints:
                modality.constraints[name](name, value)

    def _saved_weights(self, as_it_is: bool) -> dict[str, FloatArray]:
        return self.weights_ if as_it_is else self._published_weights()

    def _own_state(self, keep_copies_check: bool, as_it_is: bool) -> State:
        found = self.curator_
        curator, curator_arrays = (None, {}) if found is None else found.get_state(keep_copies_check)
        smoother = {} if self.smoother_ is None else self.smoother_.arrays()
        config = {"curator": curator, "discriminator": self._discriminator if as_it_is else "second"}
        arrays = {
            **saving.add_prefix("curator", curator_arrays),
            **saving.add_prefix("beside", smoother),
            "condition_counts": self.condition_counts_,
            "quality": np.array(self.quality_, np.float64),  # an array, because JSON has no infinity
        }
        return config, arrays

    def _take_own_state(self, config: Config, arrays: Arrays) -> None:
        modality, n_conditions = self._modality, self.conditions_.count
        self.curator_ = None
        if config["curator"] is not None:
            own = saving.take_prefix(arrays, "curator")
            self.curator_ = modality._read_filter(config["curator"], own, self.codec_, n_conditions)
        self.condition_counts_ = saving.checked_counts(arrays, "condition_counts", n_conditions)
        self.quality_ = float(expect(arrays, "quality", ()))
        self._discriminator = config.get("discriminator", "stored")
        if self._discriminator not in ("second", "stored"):
            raise ModelFileError(f"discriminator={self._discriminator!r} is none")
        smoother = saving.take_prefix(arrays, "beside")
        self.smoother_ = modality._read_smoother(smoother, self.codec_, self.conditions_.asked()) if smoother else None

    def _early_traces(self) -> list[str]:
        found = ["the discriminator that saw the training samples"] if self._discriminator == "stored" else []
        if self.curator_ is not None and self.curator_.holds_samples:
            found.append("a hash or sketch of each of them")
        return found

    def _try_out(self) -> None:
        super()._try_out()
        with one_thread():
            row, _ = self._draw(self.conditions_.sampled()[0], 1, 0)
        self.score_samples(self.codec_.decode(row))

    def _whole_state(self) -> dict[str, Any]:
        state = self._bare_state()
        if state.get("curator_") is not None:
            state["_curator_parts"] = state.pop("curator_").get_state(keep_copies_check=True)
        return state

    def _published_state(self) -> dict[str, Any]:
        state = self._bare_state()
        if "weights_" in state:
            state["weights_"], state["_discriminator"] = self._published_weights(), "second"
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        parts = state.pop("_curator_parts", None)
        if "weights_" in state:  # pickles of earlier versions lack some of these, or call them otherwise
            smoother = state.pop("kernel_", None) or state.pop("noise_", None)
            state = {"_discriminator": "stored", "smoother_": smoother, **state}
        super().__setstate__(state)
        if parts is not None:
            config, arrays = parts
            self.curator_ = self._modality._read_filter(config, arrays, self.codec_, self.conditions_.count)


def _latents(seed: int, start: int, n: int, width: int, device: torch.device) -> tuple[torch.Tensor, torch.Generator]:
    """Latents (n, width) of the candidates from a place of a draw on, and the rest of what is random in them."""
    rng = torch.Generator(device).manual_seed(child_seed(seed, start))
    return torch.empty(n, width, dtype=torch.float32, device=device).normal_(generator=rng), rng


def _train_table(modality: Modality, task: Task, pair: NetworkPair) -> ClassBatches:
    """The samples that the networks see, to draw class-balanced batches from."""
    y, device = task.y[task.train], task.device
    counts = np.bincount(y, minlength=task.n_conditions)
    shares = class_probabilities(counts.tolist(), task.settings.class_power)
    return ClassBatches(
        samples_on(task.x, task.train, device),
        as_tensor(y).to(device),
        torch.tensor(shares, dtype=torch.float32, device=device),
        modality._augmentation(task, counts, pair),
        network_decoder(task.codec),
        modality.batches_ahead,
    )


def _networks_of(modality: Modality, codec: object, n_conditions: int, design: Design) -> NetworkPair:
    """Networks of a design that a file describes."""
    if set(design) != set(modality.design):
        raise ModelFileError(f"its design names {sorted(design)}")
    return modality.networks(codec, n_conditions, torch.Generator().manual_seed(0), **design)
