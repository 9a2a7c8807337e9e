"""What a GAN must know of one kind of data: a codec, networks, and four choices of the training.

`Modality` has six methods, all of them abstract; everything else of an estimator is the same for tables, images,
series and whatever else is described by one. An instance is handed to `ganaug.estimators.GAN`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator

from ganaug.augmentation import Augmentation, Pipe, direct
from ganaug.estimators.fitting import (
    VALIDATION_ROWS,
    Constraints,
    Measure,
    Settings,
    forest_judge,
    snapshot_measure,
)
from ganaug.exceptions import InvalidParameterError
from ganaug.filtering import RowFilter, View
from ganaug.networks import NetworkPair
from ganaug.runtime.compute import Precision, Team, full
from ganaug.training.train_state import Decode, TrainConfig, undecoded
from ganaug.utils.determinism import child_seed
from ganaug.utils.types import Array, Arrays, Config, FloatArray, IntArray, State

__all__ = [
    "Codec",
    "Design",
    "Draw",
    "Filter",
    "Modality",
    "Smoother",
    "Task",
    "check_networks",
    "network_decoder",
    "round_trip",
    "row_filter",
    "row_score",
    "to_storage",
    "training_config",
]

# Rows that a generator makes for one look at it: of each condition at least, and of all together at most.
FEWEST_LOOKED_AT, MOST_LOOKED_AT = 100, 1200

Samples = Array
# The sizes of networks as JSON values.
Design = dict[str, Any]


class Draw(Protocol):
    """``draw(condition, n, purpose)``: n samples of a condition as the generator makes them, before any is refused."""

    def __call__(self, condition: int, n: int, purpose: str, raw: bool = False) -> Samples:
        """``raw`` ones are not rounded as decoding rounds them."""


class Codec(ABC):
    """Samples to arrays that networks learn from, and back. Knows what the data means, and nothing of GANs.

    The codecs of ganaug have the same methods without being subclasses.

    Attributes
    ----------
    width : int
        Values of an encoded sample.
    n_features_ : int
        Values of a sample, as `n_features_in_` of the estimator.
    feature_names_ : list of str or None
        Names of the columns, where the data has any.

    Notes
    -----
    Where networks see something else than what is stored (floats for bytes), a codec also has ``shape``, that of a
    sample as networks see it, ``to_network(samples)`` and ``from_network(samples)``. Where decoded samples may be a
    list, ``as_array(samples)`` makes one array of them.
    """

    width: int
    n_features_: int
    feature_names_: list[str] | None = None

    @abstractmethod
    def fit(self, X: object, codes: IntArray | None = None, seed: int = 0) -> Self:
        """Learn what is needed to encode X, and set the attributes; refuse what is no such data, saying why."""

    def fit_encode(self, X: object, codes: IntArray | None = None, seed: int = 0) -> Samples:
        """`fit` and `encode` in one; override it where that is faster."""
        return self.fit(X, codes, seed).encode(X)

    @abstractmethod
    def encode(self, X: object, owner: str = "") -> Samples:
        """Samples as an array of shape (n, ...); ``owner`` is the estimator that an error should name."""

    @abstractmethod
    def decode(self, samples: Samples) -> Any:
        """The counterpart of `encode`, for any finite values."""

    @abstractmethod
    def get_state(self) -> State:
        """What was learnt as config (JSON) and arrays, without any training sample."""

    @classmethod
    @abstractmethod
    def from_state(cls, config: Config, arrays: Arrays) -> Self:
        """The counterpart of `get_state`."""

    def round_trip(self, samples: Samples) -> Samples:
        """Encoded samples as they will be once decoded: rounded, snapped to values that exist."""
        return self.encode(self.decode(samples))


def network_decoder(codec: object) -> Decode:
    """From encoded samples, as they are stored, to the networks' floats."""
    decoder: Decode = getattr(codec, "to_network", undecoded)
    return decoder


def to_storage(codec: object, samples: FloatArray) -> Samples:
    """From what a generator made to encoded samples as they are stored."""
    stored: Samples = codec.from_network(samples) if hasattr(codec, "from_network") else samples
    return stored


def round_trip(codec: object, samples: Samples) -> Samples:
    """Encoded samples as they will be once decoded; those of images, which rounding hardly moves, as they are."""
    seen: Samples = codec.round_trip(samples) if hasattr(codec, "round_trip") else samples
    return seen


class Filter(Protocol):
    """What refuses synthetic samples: `ganaug.filtering.RowFilter` for rows, or a class with the same methods.

    Attributes
    ----------
    copies_unchecked : bool
        Whether copies should be refused, but what they are compared with is not there.
    """

    copies_unchecked: bool

    @property
    def holds_samples(self) -> bool:
        """Whether there is a trace of every training sample."""

    def verdict(self, x: Samples, condition: int, /) -> npt.NDArray[np.int8]:
        """Which rule refuses each sample: its place in `ganaug.filtering.RULES` plus one, or 0 to keep."""

    def get_state(self, keep_copies_check: bool = False) -> State:
        """Config (JSON) and arrays; without traces of training samples unless asked for."""


class Smoother(Protocol):
    """What gives a generator's samples back the variation that the networks leave out."""

    def smoothed(self, samples: Samples, condition: int, seed: int, /) -> Samples:
        """Other samples in the place of these."""

    def arrays(self) -> Arrays:
        """What a file keeps of it."""


@dataclass(frozen=True)
class Task:
    """One training, as the methods of a `Modality` see it.

    Attributes
    ----------
    owner : str
        Class of the estimator.
    settings : Settings
        The estimator's checked parameters.
    codec
        Fitted.
    x : ndarray of shape (n, ...)
        Encoded samples.
    y : ndarray of shape (n,), int64
        Their conditions: the classes, or 1 for the class in focus and 0 for all others.
    n_conditions : int
    sampled : list of int
        Conditions that will be sampled.
    train : ndarray of int64
        Rows that the networks see.
    validation : list of ndarray of int64
        For each condition the rows that a snapshot is measured by; of a small class those that the networks see.
    seed : int
    device : torch.device
    team : callable
        Who works on the parts of a batch.
    design : dict
        Sizes of the networks: parameters of the modality, or those of the training that is continued.
    first_process : callable
        From a number that may differ between the processes of one training to that of the first.
    steps, latent_dim : int
        Of the training at most, and of the generator's noise; for `Modality.filter` and `Modality.validation_score`.
    """

    owner: str
    settings: Settings
    codec: Any
    x: Samples
    y: IntArray
    n_conditions: int
    sampled: list[int]
    train: IntArray
    validation: Sequence[IntArray]
    seed: int
    device: torch.device
    team: Team
    design: Design
    first_process: Callable[[float], float]
    steps: int = 0
    latent_dim: int = 0


def training_config(
    task: Task,
    steps: int,
    *,
    ema_half_life: float,
    penalty_every: int = 4,
    penalty_scale: float | None = None,
    pipe: Pipe = direct,
    precision: Precision = full,
    parts: int = 1,
) -> TrainConfig:
    """The numbers of a training as they suit all modalities so far; see `ganaug.training.train_state.TrainConfig`.

    Parameters
    ----------
    task : Task
        Its settings decide the rest.
    steps : int
        Of training.
    ema_half_life : float
        Steps after which a weight's share in the averaged generator has halved.
    penalty_every : int
        Steps between two penalties.
    penalty_scale : float, optional
        Factor on the penalties; by default the parameter ``penalty``.
    pipe : callable
        What real and synthetic samples pass through on their way to the discriminator.
    precision : callable
        Opened around passes of the networks.
    parts : int
        Into which a batch is split.
    """
    settings = task.settings
    return TrainConfig(
        max_steps=steps,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        discriminator_learning_rate=settings.learning_rate,
        betas=(0.0, 0.99),
        decay_from=0.5,
        ema_half_life=ema_half_life,
        penalty_every=penalty_every,
        penalty_scale=settings.penalty if penalty_scale is None else penalty_scale,
        log_every=max(1, steps // 60),
        look_every=max(1, steps // 60) * 3,
        max_time=settings.max_time,
        pipe=pipe,
        precision=precision,
        parts=parts,
        team=task.team,
    )


def check_networks(pair: NetworkPair, what: str) -> NetworkPair:
    """The same pair, if all weights of both networks can be trained, and a gradient leads to them.

    Parameters
    ----------
    pair : NetworkPair
    what : str
        The parameter that chose them; messages say it.

    Raises
    ------
    InvalidParameterError
        Naming the network, and the weight if it is one.
    """
    for role, network in pair._asdict().items():
        weights = {name: own.requires_grad for name, own in network.named_parameters()}
        fixed = [name for name, trained in weights.items() if not trained]
        if fixed or not weights:
            told = (
                f"{len(fixed)} of {len(weights)} weights with requires_grad=False, {fixed[0]!r} for one"
                if fixed
                else ""
            )
            raise InvalidParameterError(
                f"{what}: its {role} has {told or 'no weights'}; all weights of a network are trained, so "
                "make them parameters with requires_grad_(True), and keep what is to stay by register_buffer"
            )
    if any(type(network).__module__.partition(".")[0] != "ganaug" for network in pair):
        _check_gradients(pair, what)
    return pair


def _check_gradients(pair: NetworkPair, what: str) -> None:
    """Refuse networks of somebody else that lose the gradient on the way: their weights would stay as they are."""
    modes = [network.training for network in pair]
    labels = torch.zeros(2, dtype=torch.int64)
    try:
        generator, discriminator = (network.eval() for network in pair)
        z = torch.zeros(2, pair.generator.latent_dim, dtype=torch.float32)
        made = generator(z, labels, torch.Generator().manual_seed(0))
        points = made.detach().requires_grad_(True)
        logit = discriminator(points, labels)
        lost = not made.requires_grad, not logit.requires_grad
        ends = None if lost[1] else torch.autograd.grad(logit.sum(), points, allow_unused=True)[0]
    except Exception:  # what cannot be called so is said by the training
        return
    finally:
        for network, mode in zip(pair, modes, strict=True):
            network.train(mode)
    if lost[0] or ends is None:
        role, of = ("generator", "samples to its weights") if lost[0] else ("discriminator", "logit to its samples")
        raise InvalidParameterError(
            f"{what}: its {role} has no gradient from its {of}, so that nothing could be learnt; leave out .detach(), "
            "torch.no_grad() and numpy on the way"
        )


def row_filter(task: Task, view: View | None = None) -> RowFilter | None:
    """A filter of encoded rows (n, d) that refuses what the parameter ``curate`` says."""
    if not task.settings.curate:
        return None
    curator = RowFilter(task.settings.curate, task.settings.min_probability, view)
    return curator.fit(task.x, task.y, task.n_conditions, task.sampled, child_seed(task.seed, "curator"))


def row_score(task: Task) -> Measure:
    """Energy quality of a generator's rows (n, d) against those held out; see `fitting.snapshot_measure`.

    A forest of the real rows judges whether the class of the generator's is recognised.
    """
    own = child_seed(task.seed, "judge")
    decode = network_decoder(task.codec)
    judge = forest_judge(task.x, task.y, task.n_conditions, child_seed(task.seed, "class judge"), decode)
    each = max(FEWEST_LOOKED_AT, min(VALIDATION_ROWS, MOST_LOOKED_AT // max(1, len(task.sampled))))
    return snapshot_measure(
        task.x,
        task.validation,
        task.sampled,
        task.latent_dim,
        task.device,
        own,
        decode=decode,
        judge=judge,
        n_fake=each,
    )


class Modality(BaseEstimator, ABC):
    """One kind of data. Six methods say what differs between tables, images and all else; a GAN needs no more.

    A subclass has parameters as every scikit-learn estimator, stored by ``__init__`` under their own names. One whose
    `filter` is not a `row_filter` also says how a file is read into it (``_read_filter``).

    Attributes
    ----------
    design : tuple of str
        Names of those parameters that set the sizes of the networks: what `networks` is called with.
    constraints : dict of str to callable
        For each parameter a check ``(name, value) -> value`` that raises what `fit` should say of a wrong one.
    reads_datasets : bool
        Whether `fit` also takes torch datasets, folders and lists of samples, as for images.
    reads_unequal : bool
        Whether the codec also takes lists of arrays of unequal length, as of series.
    stores_samples : bool
        Whether the codec also takes ``ganaug.encoding.sample_arrays.StoredSamples``, and gives them back encoded.
    parallel : bool
        Whether batches are split between the threads and processes that there are; needs ``codec.shape``.
    batches_ahead : int
        Batches whose rows are drawn at once.
    collapse_grace_steps : int
        Steps up to which a generator whose samples are all alike is untrained, and not collapsed.
    scoring : dict
        Parameters of ``ganaug.estimators.scoring.second_discriminator`` other than its own.
    """

    design: ClassVar[tuple[str, ...]] = ()
    constraints: ClassVar[Constraints] = {}
    reads_datasets: ClassVar[bool] = False
    reads_unequal: ClassVar[bool] = False
    stores_samples: ClassVar[bool] = False
    parallel: ClassVar[bool] = False
    batches_ahead: ClassVar[int] = 64
    collapse_grace_steps: ClassVar[int] = 0
    scoring: ClassVar[Mapping[str, Any]] = {}

    @abstractmethod
    def codec(self, mode: str | None = None) -> Any:
        """A `Codec`, not yet fitted. ``mode`` is PIL's of images that were read from files."""

    @abstractmethod
    def networks(self, codec: Any, n_conditions: int, rng: torch.Generator, **design: Any) -> NetworkPair:
        """Fresh networks on the CPU, their weights drawn from ``rng``, of the sizes in ``design``."""

    @abstractmethod
    def config(self, task: Task) -> tuple[Design, TrainConfig]:
        """The sizes of the networks (``task.design``, if it leaves nothing open) and the numbers of the training."""

    @abstractmethod
    def augmentation(self, codec: Any, counts: IntArray, device: torch.device) -> Augmentation:
        """What happens to real samples before the discriminator sees them; ``counts`` are those of the conditions."""

    @abstractmethod
    def filter(self, task: Task) -> Filter | None:
        """What refuses synthetic samples, fitted; None keeps all."""

    @abstractmethod
    def validation_score(self, task: Task, found: Filter | None) -> Measure:
        """A function of a generator that measures a snapshot by ``task.validation``; see `row_score`."""

    # ---- what only tables, images and series need so far ---------------------------------------

    # Whether the generator is trained against the discriminator of `networks`, or against one of `_players`.
    _own_discriminator: bool = True

    def _players(self, pair: NetworkPair, task: Task, rng: torch.Generator) -> NetworkPair:
        """What is trained: networks of ``task.design``, or the generator against another discriminator, on the CPU."""
        return pair

    def _augmentation(self, task: Task, counts: IntArray, pair: NetworkPair) -> Augmentation:
        """`augmentation`, or one that knows the networks."""
        return self.augmentation(task.codec, counts, task.device)

    def _connect(self, found: Filter, codec: Any, device: torch.device) -> None:
        """Give a filter what it does not keep, before each draw."""

    def _read_filter(self, config: Config, arrays: Arrays, codec: Any, n_conditions: int) -> Filter:
        """The counterpart of the ``get_state`` of what `filter` returns; by default that of a `row_filter`."""
        return RowFilter.from_state(config, arrays, codec.width, n_conditions)

    def _smoother(self, task: Task, counts: IntArray, draw: Draw, found: Filter | None) -> Smoother | None:
        """What smooths the samples of the trained generator that ``draw`` draws from, and ``found`` will filter."""
        return None

    def _read_smoother(self, arrays: Arrays, codec: Any, sampled: Sequence[int]) -> Smoother | None:
        """The smoother of these arrays, of a saved model."""
        return None

    @classmethod
    def _of(cls, owner: object) -> Self:
        """A modality of ganaug, whose parameters are those of its estimator."""
        found = cls.__new__(cls)
        for name in cls.constraints:
            setattr(found, name, getattr(owner, name))
        return found
