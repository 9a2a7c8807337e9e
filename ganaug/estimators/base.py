"""What every GAN estimator shares: fit, sample, score, save. A modality adds its codec and its networks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from multiprocessing.context import get_spawning_popen
from numbers import Integral
from typing import Any, Self

import numpy as np
import torch

from ganaug.callbacks import wants_progress
from ganaug.encoding import LabelCodec
from ganaug.encoding.containers import check_lengths
from ganaug.estimators.fitting import Conditions, Prepared, history_frame, play
from ganaug.estimators.network_state import RebuildingMixin, plain_parameters, saved_parts
from ganaug.estimators.sampling import ScoringMixin
from ganaug.estimators.validation_set import hold_out, scaled
from ganaug.exceptions import (
    DataWarning,
    InvalidDataError,
    InvalidParameterError,
    InvalidTypeError,
    ModelFileError,
    TrainingWarning,
)
from ganaug.filtering import FilterCounts, rejection_sample
from ganaug.filtering.rows import check_rules
from ganaug.networks import CONDITIONINGS, NetworkPair
from ganaug.objectives import OBJECTIVES
from ganaug.runtime.devices import resolve_device
from ganaug.runtime.threads import Team, alone, machine_threads
from ganaug.training.checkpoints import Checkpoint, digest
from ganaug.training.cuda_graphs import can_be_captured
from ganaug.training.train_state import Table, TrainState, class_probabilities
from ganaug.utils import validation
from ganaug.utils.files import check_path, check_writable
from ganaug.utils.isolation import isolated, warn
from ganaug.utils.seeding import child_seed, numpy_generator, root_seed
from ganaug.utils.state import write_state
from ganaug.utils.types import IntArray

__all__ = ["BaseGAN"]

# Parts for each thread of a team that are drawn before the first of them is judged.
EACH = 4
# What says how a training runs, and not what comes of it: a checkpoint may be gone on with under other values.
_NO_MATTER = {
    "callbacks", "checkpoint", "checkpoint_every", "curate", "device", "min_probability", "noise_floor",
    "random_state", "scope", "verbose",
}  # fmt: skip


class BaseGAN(RebuildingMixin, ScoringMixin):
    """Estimator around one game; see `TabularGAN` for the parameters.

    A modality implements the abstract hooks of `Modality`.
    """

    history_: Any

    # ---- fit ---------------------------------------------------------------------------------

    @isolated
    def fit(self, X: Any, y: Any = None, *, focus: Any = None) -> BaseGAN:
        """Train generator and discriminator.

        Parameters
        ----------
        X : DataFrame, array, sparse matrix or tensor of shape (n_samples, n_features)
            Real rows. Not changed. Images and series: (n_samples, ...), or a list, a torch Dataset, or the path of
            a folder of class folders.
        y : array-like of shape (n_samples,), optional
            Labels. None trains without classes, unless X holds them itself.
        focus : label, optional
            Condition on this class against all others together, instead of on
            every class. Only this class can be sampled then.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError, InvalidDataError, InvalidTypeError
            Naming the parameter, column or class, and what to do.

        Warns
        -----
        TrainingWarning
            If the training diverged, collapsed or was interrupted.
        """
        self._check_parameters()
        self.fit_prepared(self.prepare(X, y), focus=focus)
        if self._warning:
            warn(self._warning, TrainingWarning)
        return self

    @isolated
    def prepare(self, X: Any, y: Any = None) -> Prepared:
        """Fit the codecs and encode the samples, which several trainings can then share.

        Parameters
        ----------
        X, y
            As in `fit`.

        Returns
        -------
        Prepared
        """
        self._check_parameters()
        if getattr(self, "checkpoint", None) is not None:  # told now, and not when it is to be written
            check_writable(check_path(self.checkpoint))
        X, y, names = self._resolved(X, y)
        check_lengths(X, y)
        seed = root_seed(self.random_state)
        if self._continues():
            codec, labels = self.codec_, self.label_codec_
            if (y is None) != (labels is None):
                raise InvalidDataError("warm_start=True needs y as in the earlier fit: with labels or without")
        else:
            labels = None if y is None else LabelCodec().fit(y)
            codec = None
        codes = None if labels is None else labels.encode(y)
        if codec is None:
            codec = self._make_codec()
            x = codec.fit_encode(X, codes, seed=child_seed(seed, "codec"))
        else:
            x = codec.encode(X, owner=type(self).__name__)
        if codes is None:
            codes = np.zeros(len(x), np.int64)
        check_lengths(x, codes)
        if len(x) < 2:
            raise InvalidDataError(f"n_samples={len(x)}: a GAN cannot learn from 1 sample; give at least 2 rows")
        return Prepared(codec, labels, x, codes, codec.n_features_, codec.feature_names_, names)

    @isolated
    def fit_prepared(self, prepared: Prepared, *, focus: Any = None, title: str | None = None) -> BaseGAN:
        """Train on prepared data. What `fit` does after encoding; raises no warnings.

        Parameters
        ----------
        prepared : Prepared
            From `prepare`.
        focus : label, optional
            As in `fit`.
        title : str, optional
            Title of the progress bar.

        Returns
        -------
        self
        """
        settings = self._check_parameters()
        ranks, device = self._ranks(settings["device"])
        conditions = Conditions.of(prepared.labels, focus)
        y = conditions.of_codes(prepared.y)
        earlier = self.n_steps_ if self._continues() else 0
        with self._computing(), self._team(device) as work:
            checkpoint = self._checkpoint(prepared, y, conditions, device)
            seed = ranks.seed(self._seed_of_fit() if checkpoint is None else checkpoint.seed, device)
            known = None if checkpoint is None else checkpoint.design
            if checkpoint is not None:
                checkpoint.check_design(partial(self._networks_of, prepared.codec, conditions.count))
            design, plan = self._designed(settings, prepared, conditions.count, earlier, device, work, known)
            plan = replace(plan, ranks=ranks, parts=-(-plan.parts // ranks.count) * ranks.count)
            plan = replace(plan, replays=can_be_captured(plan, device))
            if checkpoint is not None:
                checkpoint.design = design
            train_rows, judge_rows = hold_out(y, settings["validation_fraction"], numpy_generator(seed, "hold out"))
            pair = self._make_networks(
                prepared.codec, conditions.count, torch.Generator().manual_seed(child_seed(seed, "networks")), **design
            )
            if self._continues():
                self._go_on(pair, conditions, design)
            rng = torch.Generator(device).manual_seed(child_seed(seed, "training", earlier))
            placed = NetworkPair(self._placed(pair.generator, device), self._placed(pair.discriminator, device))
            train_state = TrainState.start(placed, plan, earlier)
            counts = np.bincount(y[train_rows], minlength=conditions.count)
            shares = class_probabilities(counts.tolist(), settings["class_power"])
            table = Table(
                torch.from_numpy(prepared.x[train_rows]).to(device),
                torch.from_numpy(y[train_rows]).to(device),
                torch.tensor(shares, dtype=torch.float32, device=device),
                self._augmentation(prepared.codec, counts, device),
                self._loads(prepared.codec),
                self._ahead,
            )
            asked = [conditions.of_label_code(code) for code in conditions.sampled()]
            curator = self._curator(
                settings, prepared, y, train_rows, judge_rows, conditions, plan, earlier, child_seed(seed, "curator")
            )
            played = play(
                train_state,
                table,
                OBJECTIVES[self.objective],
                plan,
                measure=scaled(
                    self._measure(
                        prepared,
                        judge_rows,
                        asked,
                        curator,
                        pair.generator.latent_dim,
                        device,
                        child_seed(seed, "judge"),
                    ),
                    partial(self._untrained_generator, prepared.codec, conditions.count, design, device, seed),
                ),
                patience=settings["patience"],
                callbacks=self.callbacks or (),
                title=(title or type(self).__name__) if wants_progress(self.verbose) else None,
                rng=rng,
                checkpoint=checkpoint,
                untrained=self._untrained,
            )
        self.design_ = design
        self._keep(prepared, conditions, counts_of(y, conditions.count), train_state, played, curator, seed)
        return self

    def _untrained_generator(
        self, codec: Any, n_conditions: int, design: dict[str, Any], device: torch.device, seed: int
    ) -> Any:
        """What every training from this seed begins with, whether this one does or goes on from an earlier one."""
        rng = torch.Generator().manual_seed(child_seed(seed, "networks"))
        made = self._make_networks(codec, n_conditions, rng, **design).generator
        return self._placed(made, device).eval().requires_grad_(False)

    def _networks_of(self, codec: Any, n_conditions: int, design: dict[str, Any]) -> NetworkPair:
        """Networks of a design that a file describes."""
        if set(design) != set(self._design()):
            raise ModelFileError(f"its design names {sorted(design)}")
        return self._make_networks(codec, n_conditions, torch.Generator().manual_seed(0), **design)

    def _seed_of_fit(self) -> int:
        # a fit that goes on keeps its held-out rows
        return self._seed if self._continues() else root_seed(self.random_state)

    def _checkpoint(
        self, prepared: Prepared, y: IntArray, conditions: Conditions, device: torch.device
    ) -> Checkpoint | None:
        """The file in which the training is kept while it runs, with what an earlier run left in it."""
        path = getattr(self, "checkpoint", None)
        if path is None:
            return None
        settings = {k: v for k, v in plain_parameters(self).items() if k not in _NO_MATTER}
        settings |= {"device": device.type, "focus": conditions.focus}
        if isinstance(self.random_state, Integral):
            settings["random_state"] = int(self.random_state)
        earlier = list(self.weights_.values()) if self._continues() else []
        target = check_path(path)
        if conditions.focus is not None:  # each class has a training and a file of its own
            target = target.with_name(f"{target.stem}.class-{conditions.focus}{target.suffix}")
        every = validation.interval("checkpoint_every", getattr(self, "checkpoint_every", "60s"))
        return Checkpoint(target, every, settings, digest(prepared.x, y, *earlier), self._seed_of_fit())

    def _keep(
        self,
        prepared: Prepared,
        conditions: Conditions,
        counts: IntArray,
        train_state: TrainState,
        played: Any,
        curator: Any,
        seed: int,
    ) -> None:
        before = self.history_ if self._continues() else None
        self._keep_codecs(prepared, conditions, seed)
        self.condition_counts_ = counts
        history = history_frame(played.history)
        if before is not None:
            import pandas as pd

            history = pd.concat([before, history], ignore_index=True)
        self.history_ = history
        self.n_steps_, self.stop_reason_ = played.n_steps, played.stop_reason
        self.best_step_, self.quality_ = played.best_step, played.quality
        self.curator_ = curator
        self._keep_weights(train_state)
        self._warning = played.warning

    def _continues(self) -> bool:
        return bool(self.warm_start) and hasattr(self, "weights_")

    # ---- draw --------------------------------------------------------------------------------

    def _drawn(self, code: int, n: int, seed: int) -> tuple[Any, FilterCounts]:
        """Exactly n encoded samples of a label, curated."""
        condition = self.conditions_.of_label_code(code)
        device = resolve_device(self.device)

        def candidates(count: int, round_: int) -> Iterator[Any]:
            return self._generate(condition, count, child_seed(seed, "round", round_), device, work)

        if n == 0:
            return self._empty(), FilterCounts()
        with self._computing(), self._team(device) as work:
            return rejection_sample(candidates, self.curator_, condition, n)

    def _generate(self, condition: int, n: int, seed: int, device: torch.device, work: Team) -> Iterator[Any]:
        """Some samples at a time: what they are made of is in memory once, and still in the processor's cache."""
        generator = self._networks(device).generator
        most = self._at_once(self.codec_)

        @torch.inference_mode()
        def part(start: int) -> Any:
            size = min(most, n - start)
            rng = torch.Generator(device).manual_seed(child_seed(seed, start))
            z = torch.empty(size, generator.latent_dim, dtype=torch.float32, device=device).normal_(generator=rng)
            labels = torch.full((size,), condition, dtype=torch.long, device=device)
            rows = self._stored(self.codec_, generator.draw(z, labels, rng).cpu().numpy())
            rows = self._smoothed(rows, condition, child_seed(seed, "kernel", start))
            # Judged as it will be seen: after all that changes it.
            return rows if self.curator_ is None else self._as_seen(self.codec_, rows)

        at_once = most if work is alone else most * EACH * machine_threads()
        for start in range(0, n, at_once):
            yield from work(part, range(start, min(n, start + at_once), most))

    # ---- parameters and state ----------------------------------------------------------------

    def _check_parameters(self) -> dict[str, Any]:
        """Checked and converted parameters, for those that are not used as they are."""
        validation.choice("objective", self.objective, OBJECTIVES)
        validation.choice("architecture", self.architecture, self._architectures)
        validation.choice("conditioning", self.conditioning, CONDITIONINGS)
        validation.integer("batch_size", self.batch_size, 2)
        if self.callbacks is not None and not all(map(callable, self.callbacks)):
            raise InvalidTypeError("callbacks must be a list of callables that take an event")
        if not (isinstance(self.verbose, (bool, Integral)) or self.verbose == "auto"):
            raise InvalidParameterError(f"verbose={self.verbose!r} must be True, False or 'auto'")
        if not isinstance(self.random_state, (np.random.RandomState, np.random.Generator)):
            root_seed(self.random_state)  # a generator would be drawn from
        return {
            "max_steps": None if self.max_steps is None else validation.integer("max_steps", self.max_steps, 1),
            "max_time": validation.seconds("max_time", self.max_time),
            "learning_rate": validation.number("learning_rate", self.learning_rate, 0, 1e6, open_low=True),
            "penalty": validation.number("penalty", self.penalty, 0),
            "class_power": validation.number("class_power", self.class_power, 0, 1),
            "validation_fraction": validation.number("validation_fraction", self.validation_fraction, 0, 0.5),
            "patience": None if self.patience is None else validation.integer("patience", self.patience, 1),
            "curate": check_rules(self.curate),
            "min_probability": self._least_probability(),
            "device": resolve_device(self.device),
        }

    def _least_probability(self) -> float | str:
        return validation.number("min_probability", self.min_probability, 0, 1)

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
        self._check_fitted()
        if not isinstance(keep_copies_check, (bool, np.bool_)):
            raise InvalidParameterError(f"keep_copies_check={keep_copies_check!r} must be True or False")
        write_state(path, type(self).__name__, *saved_parts(self, bool(keep_copies_check)))
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

    def __getstate__(self) -> dict[str, Any]:
        if get_spawning_popen() is not None:  # for a process that this one starts: nothing is kept
            return self._whole_state()
        state = self._bare_state()
        if "weights_" in state:
            state["weights_"], state["_discriminator"] = self._published_weights(), "second"
        return state

    def _bare_state(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())
        state.pop("_network_pair", None)  # built again from weights_
        state.pop("_second_weights", None)
        if "history_" in state:  # plain arrays, for a pickle of pandas ages and skops refuses it
            state["history_"] = {name: np.asarray(column) for name, column in state["history_"].items()}
        return state

    def _whole_state(self) -> dict[str, Any]:
        """The state with what a pickle leaves out; see `ganaug.runtime.parallel`."""
        state = self._bare_state()
        if state.get("curator_") is not None:
            state["_curator_parts"] = state.pop("curator_").get_state(keep_copies_check=True)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        import pandas as pd

        state, parts = dict(state), state.get("_curator_parts")
        state.pop("_curator_parts", None)
        if "history_" in state:
            state["history_"] = pd.DataFrame(state["history_"])
        if "weights_" in state:
            state = {"_discriminator": "stored", "_second_weights": None, **state}  # pickles of earlier versions
        super().__setstate__(state)
        if parts is not None:
            config, arrays = parts
            self.curator_ = self._curator_of(config, arrays, self.codec_, self.conditions_.count)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a fitted estimator of this class that `save` wrote; `ganaug.load` reads any class.

        Parameters
        ----------
        path : str or path-like
            The file.

        Returns
        -------
        estimator
            Samples and scores as the original did.

        Raises
        ------
        ModelFileError
            As `ganaug.load`; also if the file holds an estimator of another class.
        """
        from ganaug.estimators.saving import load_as  # saving imports the estimators

        return load_as(cls, path)


def counts_of(y: IntArray, n: int) -> IntArray:
    """Rows of each condition."""
    return np.bincount(y, minlength=n).astype(np.int64)
