"""A GAN on data of your own kind, which a `Modality` describes; and how its files become known to `load`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, ClassVar, TypeVar

from ganaug.estimators import saving
from ganaug.estimators.base import SavedGenerator
from ganaug.estimators.fitting import Constraints, Seed
from ganaug.estimators.gan import BaseGAN, or_auto
from ganaug.estimators.modality import Modality
from ganaug.exceptions import InvalidParameterError, InvalidTypeError
from ganaug.filtering import LIKE_THE_CLASS
from ganaug.filtering.rows import AUTO
from ganaug.training.loop import Watcher
from ganaug.utils import types

__all__ = ["GAN", "register"]

Kind = TypeVar("Kind", bound=type)


class GAN(BaseGAN):
    """Class-conditional GAN on data of your own kind, described by a `Modality`.

    Parameters
    ----------
    modality : Modality
        What the data is: its codec, networks, and choices of the training.
    objective : {"relativistic", "non-saturating", "minimax", "least-squares", "wasserstein", "hinge"}
        The losses of the two networks; see `TabularGAN`.
    max_steps : int, default=1000
        Steps of training.
    max_time : float, str or None, default=None
        Seconds, or for example "90s" or "5min", for encoding and training, which ends with what it has.
    batch_size : int, default=64
        Real samples for each step.
    learning_rate : float, default=1e-3
        Of both networks; falls to zero over the second half of the steps.
    penalty : float, default=1.0
        Factor on the objective's gradient penalties.
    class_power : float, default=0.0
        Classes are drawn in proportion to ``samples ** class_power``: 0 draws them evenly, 1 as often as they occur.
    validation_fraction : float, default=0.2
        Share of each class with at least 100 samples that is held out (at most 400) to choose the best snapshot.
    patience : int or None, default=None
        Looks (20 in a whole training) without improvement after which to stop.
    curate : bool or list of str, default=("copies", "outliers", "rules")
        Rules that refuse a sample, which is then drawn again; see `TabularGAN`.
    min_probability : float or "auto", default="auto"
        Where ``curate`` holds "other_class": see `TabularGAN`.
    callbacks : list of callable, optional
        Called at each logged step; one that returns a string ends the training.
    warm_start : bool, default=False
        Whether ``fit`` continues from the earlier fit's weights and encoding, for ``max_steps`` more.
    random_state : int, RandomState, Generator or None, default=None
        An integer makes fit and samples repeat on the same machine.
    device : str, default="auto"
        "auto" (CUDA, then MPS, then CPU), or a device of torch.
    verbose : bool or "auto", default="auto"
        Progress bar: "auto" shows it on a terminal and in notebooks.

    Attributes
    ----------
    classes_, class_counts_, history_, n_steps_, best_step_, quality_, stop_reason_, curation_, n_features_in_
        As in `TabularGAN`.

    See Also
    --------
    Modality : What to write for data of one's own.
    register : Makes a modality known to `ganaug.load`.
    """

    _constraints: ClassVar[Constraints] = {
        **BaseGAN._constraints,
        "max_steps": partial(types.integer, low=1),
        "min_probability": or_auto(BaseGAN._constraints["min_probability"]),
    }

    def __init__(
        self,
        modality: Modality,
        *,
        objective: str = "relativistic",
        max_steps: int = 1000,
        max_time: float | str | None = None,
        batch_size: int = 64,
        learning_rate: float = 1e-3,
        penalty: float = 1.0,
        class_power: float = 0.0,
        validation_fraction: float = 0.2,
        patience: int | None = None,
        curate: bool | str | Iterable[str] = LIKE_THE_CLASS,
        min_probability: float | str = AUTO,
        callbacks: list[Watcher] | None = None,
        warm_start: bool = False,
        random_state: Seed = None,
        device: str = "auto",
        verbose: bool | str = "auto",
    ) -> None:
        self.modality = modality
        self.objective = objective
        self.max_steps = max_steps
        self.max_time = max_time
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.penalty = penalty
        self.class_power = class_power
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.curate = curate
        self.min_probability = min_probability
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    @property
    def _modality(self) -> Modality:
        if not isinstance(self.modality, Modality):
            raise InvalidTypeError(
                f"modality={self.modality!r} must be an instance of a subclass of ganaug.estimators.Modality"
            )
        return self.modality

    def _kind_name(self) -> str:
        return type(self._modality).__name__

    def _saved_parameters(self) -> dict[str, Any]:
        own = saving.plain_values(self._modality.get_params(deep=False))
        return super()._saved_parameters() | {"modality": own}


def register(kind: Kind) -> Kind:
    """Make a modality, or an estimator class of your own, known to `ganaug.load`; also as a decorator of the class.

    Parameters
    ----------
    kind : type
        A subclass of `Modality` (its files are read as a `GAN` on it), or of an estimator of ganaug. Files name it by
        its ``__name__``, which must stay.

    Returns
    -------
    type
        The same.

    Raises
    ------
    InvalidParameterError
        If another class has this name, or it is neither.
    """
    if not (isinstance(kind, type) and issubclass(kind, (Modality, SavedGenerator))):
        raise InvalidParameterError(f"register({kind!r}): give a subclass of Modality or of an estimator of ganaug")
    known = saving.KINDS.get(kind.__name__)
    if known is not None and (known.kind.__module__, known.kind.__qualname__) != (kind.__module__, kind.__qualname__):
        raise InvalidParameterError(f"register({kind!r}): {known.kind!r} has this name already; choose another")
    saving.KINDS[kind.__name__] = saving.Kind(kind, partial(_gan_on, kind) if issubclass(kind, Modality) else kind)
    return kind


def _gan_on(kind: type[Modality], *, modality: Mapping[str, Any], **parameters: Any) -> GAN:
    """A GAN of which a file holds the parameters."""
    return GAN(kind(**modality), **parameters)
