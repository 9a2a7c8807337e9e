"""A class-conditional GAN for tables."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch

from ganaug.augmentation import Augmentation, jitter
from ganaug.estimators.base import BaseGAN
from ganaug.estimators.distilling import Corrupt, broken_rows
from ganaug.estimators.fitting import Conditions, Prepared
from ganaug.estimators.smoothing import ClassKernel
from ganaug.exceptions import InvalidParameterError
from ganaug.filtering import LIKE_THE_CLASS, FilterCounts, RowFilter, View
from ganaug.filtering.rows import AUTO
from ganaug.networks import TABULAR_ARCHITECTURES, NetworkPair
from ganaug.rules import Rules, as_rule
from ganaug.rules.base_rule import GUARDED
from ganaug.rules.codec import RuledTableCodec, checked_rules, is_function
from ganaug.runtime.devices import resolve_device
from ganaug.runtime.threads import alone
from ganaug.training.loop import Watcher
from ganaug.training.train_state import TrainConfig
from ganaug.utils import validation
from ganaug.utils.seeding import child_seed
from ganaug.utils.types import IntArray

__all__ = ["TabularGAN"]

# Encoded columns up to which the penalty is taken as it is.
WIDTH_OF_ONE_PENALTY = 64
# Synthetic rows of all classes, and at least of each, on which the forest that curates is distilled.
CANDIDATES, FEWEST_CANDIDATES = 4000, 200


class TabularGAN(BaseGAN):
    """Class-conditional GAN for tables of numbers, categories, dates and missing values.

    Parameters
    ----------
    objective : {"relativistic", "non-saturating", "minimax", "least-squares", "wasserstein", "hinge"}
        What the two networks play for. The default, paired relativistic logits
        with R1 and R2 penalties (Huang et al. 2024), is the one that does not
        collapse on small classes.
    architecture : {"mlp"}
        Residual perceptrons.
    conditioning : {"projection", "concat", "auxiliary"}
        How the discriminator learns the class.
    max_steps : int, default=1000
        Steps of training. The cost grows with the steps and not with the rows.
    max_time : float, str or None, default=None
        Seconds, or for example "90s" or "5min", after which the training ends
        with what it has. A result that the clock has cut short does not repeat.
    batch_size : int, default=128
        Real rows for each step.
    learning_rate : float, default=1e-3
        Of both networks; falls to zero over the second half of the steps.
    width, depth : int, default=128 and 2
        Units of a layer, and residual blocks of each network.
    latent_dim : int, default=64
        Dimensions of the noise that becomes a row.
    penalty : float, default=1.0
        Factor on the objective's gradient penalties. More is steadier and smoother.
    class_power : float, default=0.0
        Classes are drawn in proportion to ``rows ** class_power``: 0 draws them
        evenly, 1 as often as they occur.
    jitter : float, default=0.3
        Noise on the numbers of real rows of a class of n rows:
        ``jitter * n ** -0.2`` in units of a normal score.
    smoothing : float, default=0.5
        Noise on the numbers of synthetic rows, shaped like the class: a Gaussian kernel with
        its covariance, this factor times as wide as Silverman's rule says. From few rows a GAN learns
        clusters that are too tight; 0 leaves them so.
    validation_fraction : float, default=0.2
        Share of each class with at least 100 rows that is held out (at most 400
        rows) to choose the best snapshot. Smaller classes are judged by the
        rows that they train on.
    patience : int or None, default=None
        Looks (20 in a whole training) without improvement after which to stop.
    curate : bool or list of str, default=("copies", "outliers", "rules")
        What refuses a sample, which is then drawn again: "copies" equal to
        a training row in every column, "outliers" far outside the class's rows, rows that break one of the table's
        "rules" (those of ``rules`` that the encoding does not keep by itself), and rows that a forest assigns to an
        "other_class". True is all, False none. "other_class" is not among the default ones, because it
        moves classes apart where they overlap: the rows help a classifier (`GANOversampler` asks for it), and are
        less like the class.
    rules : "auto", None, or list of rules and callables, default="auto"
        What all rows of the table keep: sums, products, orders, one-hot groups, columns determined by others, values
        missing together. "auto" finds them in the data (`find_rules`), None has none. Rules of your own are
        objects such as ``Order("start", "end")``, or a callable that takes the table and returns a mask of the rows
        that keep it; they replace what would be found, and ``[*find_rules(X), ...]`` adds to it. Synthetic rows keep
        them by construction wherever the table can be rewritten so that they cannot be broken; the rest is refused
        by ``curate``. A model file holds no functions: ``save`` says which it leaves out.
    min_probability : float or "auto", default="auto"
        Where ``curate`` holds "other_class": class-balanced probability that the forest of "other_class" must give
        to the row's own class. "auto" is 0.6, or more where the classes lie apart: what a quarter of the class's
        real rows stay below, each judged by trees that never saw it. Less keeps more of
        the rows where classes overlap: more recall, less precision.
    keep_range : bool, default=True
        Whether numbers and dates stay within the range seen in training.
    callbacks : list of callable, optional
        Each is called with an `Event` at every logged step; a string that it
        returns ends the training and becomes `stop_reason_`.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the earlier fit's weights and encoding,
        for ``max_steps`` more. After loading or copying the discriminator is
        that of `score_samples`, which has to learn again what it knew of the
        training data.
    random_state : int, RandomState, Generator or None, default=None
        An integer makes fit and samples repeat on the same machine.
    device : str, default="auto"
        "auto" (CUDA, then MPS, then CPU), or a device of torch.
    verbose : bool or "auto", default="auto"
        Progress bar: "auto" shows it on a terminal and in notebooks.

    Attributes
    ----------
    classes_ : ndarray or None
        Labels.
    history_ : DataFrame
        One row for each logged step: losses, gradient norms, mean logits, and
        "quality" and "diversity" where samples were looked at.
    n_steps_, best_step_ : int
        Steps done, and the step of the snapshot that was kept (0: none was better than the start).
    quality_ : float
        Energy quality of the kept snapshot on held-out rows, on a scale on which the untrained generator has 0
        and unseen real rows have 1 (a little more by chance).
    stop_reason_ : str
        "max_steps", "max_time", "no_improvement", "interrupted", "diverged",
        "mode_collapse", or what a callback said.
    curation_ : dict
        After ``sample``: for each label ("all" without labels) the candidates
        drawn and kept, and those that each rule refused. ``"copies": None``
        says that copies were not looked for, because the model was loaded or
        copied: what they are compared with stays in the process that fitted,
        unless ``save(..., keep_copies_check=True)`` was asked for.
    rules_ : Rules
        The rules that are kept; empty where the table has none.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    References
    ----------
    Goodfellow et al. (2014), Generative Adversarial Nets. Huang et al. (2024),
    The GAN is dead; long live the GAN! Miyato and Koyama (2018), cGANs with
    Projection Discriminator.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug import TabularGAN
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> y = np.where(np.arange(200) < 30, "fraud", "fine")
    >>> gan = TabularGAN(max_steps=20, random_state=0).fit(X, y)
    >>> X_new, y_new = gan.sample(5, label="fraud")
    >>> X_new.shape, set(y_new.tolist())
    ((5, 3), {'fraud'})
    """

    _architectures: ClassVar = TABULAR_ARCHITECTURES

    def __init__(
        self,
        *,
        objective: str = "relativistic",
        architecture: str = "mlp",
        conditioning: str = "projection",
        max_steps: int = 1000,
        max_time: float | str | None = None,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        width: int = 128,
        depth: int = 2,
        latent_dim: int = 64,
        penalty: float = 1.0,
        class_power: float = 0.0,
        jitter: float = 0.3,
        smoothing: float = 0.5,
        validation_fraction: float = 0.2,
        patience: int | None = None,
        curate: bool | str | Iterable[str] = LIKE_THE_CLASS,
        rules: Any = "auto",
        min_probability: float | str = "auto",
        keep_range: bool = True,
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
        self.width = width
        self.depth = depth
        self.latent_dim = latent_dim
        self.penalty = penalty
        self.class_power = class_power
        self.jitter = jitter
        self.smoothing = smoothing
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.curate = curate
        self.rules = rules
        self.min_probability = min_probability
        self.keep_range = keep_range
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.sparse = True
        return tags

    def _check_parameters(self) -> dict[str, Any]:
        validation.integer("max_steps", self.max_steps, 1)
        validation.integer("width", self.width, 1)
        validation.integer("depth", self.depth, 1)
        validation.integer("latent_dim", self.latent_dim, 1)
        validation.number("jitter", self.jitter, 0)
        validation.number("smoothing", self.smoothing, 0)
        checked_rules(self.rules)
        if self.keep_range not in (True, False):
            raise InvalidParameterError(f"keep_range={self.keep_range!r} must be True or False")
        return super()._check_parameters()

    def _least_probability(self) -> float | str:
        return AUTO if self.min_probability == AUTO else super()._least_probability()

    def _plan(self, settings: dict[str, Any], codec: RuledTableCodec, earlier: int) -> TrainConfig:
        steps = settings["max_steps"]
        return TrainConfig(
            max_steps=earlier + steps,
            batch_size=self.batch_size,
            learning_rate=settings["learning_rate"],
            discriminator_learning_rate=settings["learning_rate"],
            betas=(0.0, 0.99),
            decay_from=0.5,
            ema_half_life=min(200.0, steps / 8),
            penalty_every=4,
            # Rows of many columns lie far apart, so that a critic with slopes too small for the penalty
            # still tells them all from each other: the squared slope at a given logit falls with the width.
            penalty_scale=settings["penalty"] * max(1.0, codec.width / WIDTH_OF_ONE_PENALTY),
            log_every=max(1, steps // 60),
            look_every=max(1, steps // 60) * 3,
            max_time=settings["max_time"],
        )

    def _make_codec(self) -> RuledTableCodec:
        return RuledTableCodec(keep_range=bool(self.keep_range), rules=self.rules)

    @property
    def rules_(self) -> Rules:
        """The rules that are kept; empty where the table has none."""
        self._check_fitted()
        found: Rules = self.codec_.rules_
        more = [as_rule(function)._with(kept=GUARDED) for function in self._functions(self.codec_)]
        return Rules([*found, *more], found.grids, found.skipped) if more else found

    def _left_out(self) -> tuple[str, ...]:
        return self.rules_.dropped

    def _functions(self, codec: RuledTableCodec) -> list[Any]:
        """Rules that are functions, where the codec comes from a file, which holds none."""
        given = checked_rules(self.rules)
        return [] if codec.functions or isinstance(given, str) else [rule for rule in given if is_function(rule)]

    def _view(self, codec: RuledTableCodec) -> View | None:
        functions = self._functions(codec)
        if not (codec.rewrites or codec.guards or functions):
            return None
        return partial(codec.judged, more=functions)

    def _drawn(self, code: int, n: int, seed: int) -> tuple[Any, FilterCounts]:
        if self.curator_ is not None:  # one that was copied has none
            self.curator_.view = self._view(self.codec_)
        return super()._drawn(code, n, seed)

    def _curator_of(self, config: dict[str, Any], arrays: dict[str, Any], codec: Any, n_conditions: int) -> RowFilter:
        return RowFilter.from_state(config, arrays, codec.full.width, n_conditions)

    def _design(self) -> dict[str, Any]:
        return {
            "architecture": self.architecture,
            "conditioning": self.conditioning,
            "width": self.width,
            "depth": self.depth,
            "latent_dim": self.latent_dim,
        }

    def _make_networks(
        self, codec: RuledTableCodec, n_conditions: int, rng: torch.Generator, **design: Any
    ) -> NetworkPair:
        build = TABULAR_ARCHITECTURES[design.pop("architecture")]
        return build(codec.blocks, n_conditions, rng, **design)

    def _corruption(self, codec: RuledTableCodec) -> Corrupt:
        return broken_rows(codec.blocks)

    def _augmentation(self, codec: RuledTableCodec, counts: IntArray, device: torch.device) -> Augmentation:
        scale = self.jitter * np.maximum(counts, 1) ** -0.2
        return jitter(codec.blocks, torch.tensor(scale, dtype=torch.float32, device=device))

    def _keep(self, prepared: Prepared, conditions: Conditions, *rest: Any) -> None:
        super()._keep(prepared, conditions, *rest)
        # What sampling needs beside the generator is taken from its own rows, which tell no more than they do.
        self.kernel_ = None
        asked = [conditions.of_label_code(code) for code in conditions.sampled()]
        blocks, sizes = prepared.codec.blocks, self.condition_counts_[asked].tolist()
        if self.smoothing > 0:
            rows, of = self._candidates(asked, max(FEWEST_CANDIDATES, CANDIDATES // len(asked)), "kernel")
            self.kernel_ = ClassKernel.fit(np.concatenate(rows), of, asked, blocks, float(self.smoothing), sizes)
        if self.curator_ is not None and self.curator_.forest is not None:
            every = range(conditions.count)
            rows, _ = self._candidates(every, max(FEWEST_CANDIDATES, CANDIDATES // len(every)), "forest")
            self.curator_.distil(rows, child_seed(self._seed, "forest"))

    def _candidates(self, conditions: Iterable[int], n: int, purpose: str) -> tuple[list[Any], IntArray]:
        """Rows of each condition before any is refused, and the condition of each."""
        device, conditions = resolve_device(self.device), list(conditions)
        with self._computing():
            rows = [
                np.concatenate(list(self._generate(c, n, child_seed(self._seed, purpose, c), device, alone)))
                for c in conditions
            ]
        return rows, np.repeat(np.array(conditions, np.int64), n)

    def _smoothed(self, rows: Any, condition: int, seed: int) -> Any:
        kernel = getattr(self, "kernel_", None)  # a pickle of an earlier version has none
        return rows if kernel is None else kernel.smeared(rows, condition, torch.Generator().manual_seed(seed))

    def _beside(self) -> dict[str, Any]:
        kernel = getattr(self, "kernel_", None)
        return {} if kernel is None else kernel.arrays()

    def _take_beside(self, arrays: dict[str, Any]) -> None:
        asked = [self.conditions_.of_label_code(code) for code in self.conditions_.sampled()]
        self.kernel_ = ClassKernel.of_arrays(arrays, self.codec_.blocks, asked) if arrays else None
        if self.rules == "auto" and self.codec_.given:  # the file holds the rules that were given, in the codec
            self.rules = list(self.codec_.rules_)
