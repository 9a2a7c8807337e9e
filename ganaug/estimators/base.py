"""What every GAN estimator shares: fit, sample, score, save. A modality adds its codec and its networks."""

from __future__ import annotations

import os
import warnings
from abc import abstractmethod
from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ganaug.augmentation import Augmentation
from ganaug.callbacks import wants_progress
from ganaug.codecs import LabelCodec
from ganaug.curation import Curator, Tally, draw_curated
from ganaug.curation.curator import check_rules
from ganaug.devices import resolve_device
from ganaug.estimators import options
from ganaug.estimators.fitting import history_frame, play
from ganaug.estimators.judging import hold_out, snapshot_measure
from ganaug.estimators.parts import saved_parts
from ganaug.estimators.prepared import Conditions, Prepared
from ganaug.estimators.scoring import ScoringMixin
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError, TrainingWarning
from ganaug.networks import CONDITIONINGS, Players
from ganaug.objectives import OBJECTIVES
from ganaug.seeding import child_seed, numpy_generator, root_seed
from ganaug.state import write_state
from ganaug.threads import one_thread
from ganaug.training import Game, Plan, Table, class_probabilities
from ganaug.types import FloatArray, IntArray

__all__ = ["BaseGAN"]

Request = Mapping[Any, int]
Samples = tuple[Any, Any]

# Rows made by one pass of the generator: enough to fill a core, little enough for any memory.
DRAWN_AT_ONCE = 8192


class BaseGAN(ScoringMixin):
    """Estimator around one game; see `TabularGAN` for the parameters.

    A modality implements `_make_codec`, `_design`, `_make_players` and `_augmentation`.
    """

    _architectures: ClassVar[Mapping[str, Callable[..., Players]]]
    history_: Any

    # ---- fit ---------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, *, focus: Any = None) -> BaseGAN:
        """Train generator and discriminator.

        Parameters
        ----------
        X : DataFrame, array, sparse matrix or tensor of shape (n_samples, n_features)
            Real rows. Not changed.
        y : array-like of shape (n_samples,), optional
            Labels. None trains without classes.
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
            warnings.warn(self._warning, TrainingWarning, stacklevel=2)
        return self

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
            codec = self._make_codec().fit(X, codes, seed=child_seed(seed, "codec"))
        x = codec.encode(X, owner=type(self).__name__)
        if codes is None:
            codes = np.zeros(len(x), np.int64)
        if len(codes) != len(x):
            raise InvalidDataError(f"X has {len(x)} rows and y has {len(codes)}; they must be as many")
        if len(x) < 2:
            raise InvalidDataError(f"n_samples={len(x)}: a GAN cannot learn from 1 sample; give at least 2 rows")
        return Prepared(codec, labels, x, codes, codec.n_features_, codec.feature_names_)

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
        # a fit that goes on keeps its held-out rows
        seed = self._seed if self._continues() else root_seed(self.random_state)
        device: torch.device = settings["device"]
        conditions = Conditions.of(prepared.labels, focus)
        y = conditions.of_codes(prepared.y)
        earlier = self.n_steps_ if self._continues() else 0
        plan = self._plan(settings, earlier, prepared.x.shape[1])

        train_rows, judge_rows = hold_out(y, settings["validation_fraction"], numpy_generator(seed, "hold out"))
        with one_thread():
            design = self._design()
            players = self._make_players(
                prepared.codec, conditions.count, torch.Generator().manual_seed(child_seed(seed, "networks")), **design
            )
            if self._continues():
                self._go_on(players, conditions)
            rng = torch.Generator(device).manual_seed(child_seed(seed, "training", earlier))
            game = Game.start(Players(players.generator.to(device), players.discriminator.to(device)), plan, earlier)
            counts = np.bincount(y[train_rows], minlength=conditions.count)
            table = Table(
                torch.from_numpy(prepared.x[train_rows]).to(device),
                torch.from_numpy(y[train_rows]).to(device),
                torch.tensor(class_probabilities(counts.tolist(), settings["class_power"]), device=device),
                self._augmentation(prepared.codec, counts, device),
            )
            asked = [conditions.of_label_code(code) for code in conditions.sampled()]
            played = play(
                game,
                table,
                OBJECTIVES[self.objective],
                plan,
                measure=snapshot_measure(
                    prepared.x, judge_rows, asked, players.generator.latent_dim, device, child_seed(seed, "judge")
                ),
                patience=settings["patience"],
                callbacks=self.callbacks or (),
                title=(title or type(self).__name__) if wants_progress(self.verbose) else None,
                rng=rng,
            )
            curator = None
            if settings["curate"]:
                curator = Curator(settings["curate"], settings["min_probability"])
                curator.fit(prepared.x, y, conditions.count, asked, child_seed(seed, "curator"))
        self._keep(prepared, conditions, counts_of(y, conditions.count), game, played, curator, seed)
        self.design_ = design
        return self

    def _keep(
        self,
        prepared: Prepared,
        conditions: Conditions,
        counts: IntArray,
        game: Game,
        played: Any,
        curator: Curator | None,
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
        self.weights_ = {f"generator.{k}": numpy_of(v) for k, v in game.average.state_dict().items()}
        network = game.discriminator.network
        self.weights_ |= {f"discriminator.{k}": numpy_of(v) for k, v in network.state_dict().items()}
        self._warning = played.warning
        self.__dict__.pop("_players", None)

    def _continues(self) -> bool:
        return bool(self.warm_start) and hasattr(self, "weights_")

    # ---- draw --------------------------------------------------------------------------------

    def _drawn(self, code: int, n: int, seed: int) -> tuple[FloatArray, Tally]:
        """Exactly n encoded samples of a label, curated."""
        condition = self.conditions_.of_label_code(code)
        device = resolve_device(self.device)

        def candidates(count: int, round_: int) -> FloatArray:
            rows = self._generate(condition, count, child_seed(seed, "round", round_), device)
            if self.curator_ is None:
                return rows
            # Judged as it will be seen: rounded, snapped, with its real categories.
            canonical: FloatArray = self.codec_.encode(self.codec_.decode(rows))
            return canonical

        if n == 0:
            return self._empty(), Tally()
        with one_thread():
            return draw_curated(candidates, self.curator_, condition, n)

    @torch.inference_mode()
    def _generate(self, condition: int, n: int, seed: int, device: torch.device) -> FloatArray:
        generator = self._networks(device).generator
        parts = []
        for start in range(0, n, DRAWN_AT_ONCE):
            size = min(DRAWN_AT_ONCE, n - start)
            rng = torch.Generator(device).manual_seed(child_seed(seed, start))
            z = torch.empty(size, generator.latent_dim, device=device).normal_(generator=rng)
            labels = torch.full((size,), condition, dtype=torch.long, device=device)
            parts.append(generator(z, labels, rng).cpu().numpy())
        return np.concatenate(parts)

    # ---- networks ----------------------------------------------------------------------------

    def _networks(self, device: torch.device) -> Players:
        """The players, rebuilt from the weights; built once for each process and device."""
        cached = self.__dict__.get("_players")
        if cached is not None and cached[0] == device:
            players: Players = cached[1]
            return players
        players = self._rebuilt()
        for network in players:
            network.to(device).eval().requires_grad_(False)
        self._players = (device, players)
        return players

    def _rebuilt(self) -> Players:
        # from the design of the fit: the parameters may have been set anew since
        rng = torch.Generator().manual_seed(0)
        players = self._make_players(self.codec_, self.conditions_.count, rng, **self.design_)
        self._load_weights(players)
        return players

    def _double_discriminator(self) -> nn.Module:
        return self._rebuilt().discriminator.double().eval().requires_grad_(False)

    def _go_on(self, players: Players, conditions: Conditions) -> None:
        if conditions.focus != self.conditions_.focus:
            raise InvalidParameterError("warm_start=True needs the focus of the earlier fit")
        changed = [name for name, value in self._design().items() if value != self.design_[name]]
        if changed:
            raise InvalidParameterError(
                f"warm_start=True goes on with the networks of the earlier fit, but {', '.join(changed)} "
                "changed since; set it back, or warm_start=False"
            )
        self._load_weights(players)

    def _load_weights(self, players: Players) -> None:
        for name, network in players._asdict().items():
            own = {k.removeprefix(f"{name}."): v for k, v in self.weights_.items() if k.startswith(f"{name}.")}
            network.load_state_dict({k: torch.tensor(v) for k, v in own.items()})

    # ---- parameters and state ----------------------------------------------------------------

    def _check_parameters(self) -> dict[str, Any]:
        """Checked and converted parameters, for those that are not used as they are."""
        options.choice("objective", self.objective, OBJECTIVES)
        options.choice("architecture", self.architecture, self._architectures)
        options.choice("conditioning", self.conditioning, CONDITIONINGS)
        options.integer("batch_size", self.batch_size, 2)
        if self.callbacks is not None and not all(map(callable, self.callbacks)):
            raise InvalidTypeError("callbacks must be a list of callables that take an event")
        if not (isinstance(self.verbose, (bool, Integral)) or self.verbose == "auto"):
            raise InvalidParameterError(f"verbose={self.verbose!r} must be True, False or 'auto'")
        if not isinstance(self.random_state, (np.random.RandomState, np.random.Generator)):
            root_seed(self.random_state)  # a generator would be drawn from
        return {
            "max_steps": options.integer("max_steps", self.max_steps, 1),
            "max_time": options.seconds("max_time", self.max_time),
            "learning_rate": options.number("learning_rate", self.learning_rate, 0, open_low=True),
            "penalty": options.number("penalty", self.penalty, 0),
            "class_power": options.number("class_power", self.class_power, 0, 1),
            "validation_fraction": options.number("validation_fraction", self.validation_fraction, 0, 0.5),
            "patience": None if self.patience is None else options.integer("patience", self.patience, 1),
            "curate": check_rules(self.curate),
            "min_probability": options.number("min_probability", self.min_probability, 0, 1),
            "device": resolve_device(self.device),
        }

    def _plan(self, settings: dict[str, Any], earlier: int, width: int) -> Plan:
        steps = settings["max_steps"]
        return Plan(
            max_steps=earlier + steps,
            batch_size=self.batch_size,
            learning_rate=settings["learning_rate"],
            discriminator_learning_rate=settings["learning_rate"],
            betas=(0.0, 0.99),
            decay_from=0.5,
            ema_half_life=min(200.0, steps / 8),
            penalty_every=4,
            penalty_scale=self._penalty_scale(width),
            log_every=max(1, steps // 60),
            look_every=max(1, steps // 60) * 3,
            max_time=settings["max_time"],
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to one file that `ganaug.load` reads.

        Parameters
        ----------
        path : str or path-like
            The file, for example "fraud.safetensors"; written whole or not at all.

        Raises
        ------
        ModelFileError
            If the folder does not exist or cannot be written to.

        Notes
        -----
        safetensors and JSON: weights, encodings (quantiles, category names,
        frequent values), rules of curation (hashes, bounds, a forest) and
        parameters. No code and no training rows. Callbacks are left out.
        """
        self._check_fitted()
        write_state(path, type(self).__name__, *saved_parts(self))

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())
        state.pop("_players", None)  # built again from weights_
        if "history_" in state:  # plain arrays, for a pickle of pandas ages and skops refuses it
            state["history_"] = {name: np.asarray(column) for name, column in state["history_"].items()}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        import pandas as pd

        if "history_" in state:
            state = {**state, "history_": pd.DataFrame(state["history_"])}
        super().__setstate__(state)

    @abstractmethod
    def _make_codec(self) -> Any:
        """A codec, not yet fitted."""

    @abstractmethod
    def _penalty_scale(self, width: int) -> float:
        """Factor on the objective's penalties for encoded samples of so many columns."""

    @abstractmethod
    def _design(self) -> dict[str, Any]:
        """The parameters that shape the networks, as `_make_players` takes them."""

    @abstractmethod
    def _make_players(self, codec: Any, n_conditions: int, rng: torch.Generator, **design: Any) -> Players:
        """Fresh networks on the CPU."""

    @abstractmethod
    def _augmentation(self, codec: Any, counts: IntArray, device: torch.device) -> Augmentation:
        """What happens to real samples before the discriminator sees them."""


def counts_of(y: IntArray, n: int) -> IntArray:
    """Rows of each condition."""
    return np.bincount(y, minlength=n).astype(np.int64)


def numpy_of(tensor: Tensor) -> FloatArray:
    """An array of its own, on the CPU."""
    array: FloatArray = tensor.detach().cpu().numpy().copy()
    return array
