"""An estimator around the two-sided game: images of a plentiful class become images of a rare one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from multiprocessing.context import get_spawning_popen
from numbers import Integral
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganaug.callbacks import wants_progress
from ganaug.encoding import LabelCodec
from ganaug.encoding.containers import check_lengths
from ganaug.encoding.image_codec import ImageCodec
from ganaug.encoding.sources import resolve_samples
from ganaug.estimators import translation_state
from ganaug.estimators.distilling import numpy_of
from ganaug.estimators.fitting import Conditions, Prepared, history_frame
from ganaug.estimators.translation_training import (
    FlipCheck,
    TranslationSampling,
    judged,
    play,
    side_by_side,
    two_classes,
)
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError, TrainingWarning
from ganaug.networks.translation import cycle_players
from ganaug.objectives import OBJECTIVES
from ganaug.runtime.devices import resolve_device
from ganaug.runtime.threads import Team, one_thread
from ganaug.training.cyclegan import CycleTrainConfig, CycleTrainState, shifted
from ganaug.training.loop import Watcher
from ganaug.training.train_state import Decode, Table
from ganaug.utils import validation
from ganaug.utils.isolation import isolated, warn
from ganaug.utils.seeding import child_seed, root_seed
from ganaug.utils.state import write_state

__all__ = ["ImageTranslator"]

# Shifts of what the discriminators see, in shares of the sides. Few images have few silhouettes: moved ones are
# as true. It cannot leak, because a translation that moved would not find its way back.
SEEN_SHIFT = 0.1
# Of the objectives, which were tuned on rows of a table.
PENALTY = 0.3


class ImageTranslator(TranslationSampling):
    """CycleGAN that translates images of a plentiful class into a rare one.

    Two generators learn the ways between the two classes without pairs of images; what they may change is held by
    the way back, which must restore the original (Zhu et al. 2017). Where the classes are of one kind (healthy
    and ill, intact and defective), the rare class inherits the variety of the plentiful one, which twenty images
    of its own cannot teach. A classifier trained on real images refuses translations that did not arrive.

    Parameters
    ----------
    source : label, optional
        The plentiful class to translate from. None takes the most frequent one.
    target : label, optional
        The rare class to translate into. None takes the rarest one, or the ``focus`` of `fit`.
    objective : {"least-squares", "relativistic", "non-saturating", "minimax", "wasserstein", "hinge"}
        What translators and discriminators play for; the default is that of the paper.
    max_steps : int, default=1000
        Steps of training.
    max_time : float, str or None, default=None
        Seconds, or for example "90s" or "5min", after which the training ends with what it has. A result that the
        clock has cut short does not repeat.
    batch_size : int, default=8
        Images of each class for each step.
    learning_rate : float, default=1e-3
        Of all networks; falls to zero over the second half of the steps.
    width, depth : int, default=32 and 3
        Channels at half resolution, and residual blocks of each translator.
    cycle_weight : float, default=10
        How strongly there and back must restore an image. On the scale of the paper's images of 256 x 256; smaller
        ones, whose pixels would be held too fast by it, are held less.
    identity_weight : float, default=5
        How strongly an image that is in the class already must stay as it is, on the same scale.
    penalty : float, default=1.0
        Factor on the objective's gradient penalties. More is steadier and smoother.
    min_probability : float, default=0.5
        Probability of the target class, of two equally frequent ones, that a classifier trained on real images must
        give to a translation; those with less are made anew from other images. 0 accepts all.
    layout : {"auto", "NHW", "NHWC", "NCHW"}, default="auto"
        Of the images, as in `ganaug.encoding.image_codec.ImageCodec`.
    callbacks : list of callable, optional
        Called at each logged step; one that returns a string ends the training.
    random_state : int, RandomState, Generator or None, default=None
        An integer makes training and samples repeat on the same machine.
    device : str, default="auto"
        "cpu", "cuda", ...; "auto" takes the fastest there is.
    verbose : bool or "auto", default="auto"
        Progress bar: "auto" shows it on a terminal and in notebooks.

    Attributes
    ----------
    source_, target_ : label
        The two classes.
    classes_, class_counts_ : ndarray
        All labels and their images.
    history_ : DataFrame
        One row for each logged step: losses (with "cycle_loss" and "identity_loss", the mean absolute errors), mean
        logits, and where translations were looked at "accepted" (the share that the check takes for the target
        class), "quality" (energy quality of translations against the target's images, 1 is perfect) and
        "diversity" (their spread over that of the target's images).
    n_steps_, stop_reason_
        Steps done, and "max_steps", "max_time", "interrupted", "diverged", or what a callback said.
    quality_, accepted_ : float
        Of the translator that was kept; ``accepted_`` is NaN without a check.
    curation_ : dict
        After ``sample``: the target with its counts of translations drawn, kept, refused ("other_class") and
        taken anyway.

    Notes
    -----
    **Source images.** Sampling starts from real images of the source class. The fitted estimator keeps them in memory
    (bytes, for 8-bit images). `save`, pickles and deep copies do not hold them, because a model that leaves its process
    holds no training data: hand some over with ``set_sources(X)``, the same or others of the source class, before
    `sample` (of a fitted over-sampler: ``sampler.generators_[label].set_sources(X)``); `translate` needs none. The
    weights do tell something of the target's images: they were trained to leave those as they are.

    Each image is translated once before any is translated again; from then on they are shifted by up to a tenth of
    their sides first, so that samples differ.

    Networks have instance normalisation and no batch normalisation: a translation depends on its own image alone.

    References
    ----------
    Zhu et al. (2017), Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks. Mao et al.
    (2017), Least Squares Generative Adversarial Networks. Isola et al. (2017), Image-to-Image Translation with
    Conditional Adversarial Networks. Shrivastava et al. (2017), Learning from Simulated and Unsupervised Images
    through Adversarial Training.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug import ImageTranslator
    >>> rng = np.random.default_rng(0)
    >>> y = np.where(np.arange(60) < 50, "dark", "bright")
    >>> X = rng.integers(0, 100, size=(60, 8, 8), dtype=np.uint8)
    >>> X[50:] += 150
    >>> translator = ImageTranslator(max_steps=5, width=4, min_probability=0, random_state=0).fit(X, y)
    >>> translator.source_, translator.target_
    ('dark', 'bright')
    >>> X_new, y_new = translator.sample(3)
    >>> X_new.shape, X_new.dtype, set(y_new.tolist())
    ((3, 8, 8), dtype('uint8'), {'bright'})
    >>> translator.translate(X[:2]).shape
    (2, 8, 8)
    """

    def __init__(
        self,
        *,
        source: Any = None,
        target: Any = None,
        objective: str = "least-squares",
        max_steps: int = 1000,
        max_time: float | str | None = None,
        batch_size: int = 8,
        learning_rate: float = 1e-3,
        width: int = 32,
        depth: int = 3,
        cycle_weight: float = 10.0,
        identity_weight: float = 5.0,
        penalty: float = 1.0,
        min_probability: float = 0.5,
        layout: str = "auto",
        callbacks: list[Watcher] | None = None,
        random_state: Any = None,
        device: str = "auto",
        verbose: bool | str = "auto",
    ) -> None:
        self.source = source
        self.target = target
        self.objective = objective
        self.max_steps = max_steps
        self.max_time = max_time
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.width = width
        self.depth = depth
        self.cycle_weight = cycle_weight
        self.identity_weight = identity_weight
        self.penalty = penalty
        self.min_probability = min_probability
        self.layout = layout
        self.callbacks = callbacks
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    # ---- fit ---------------------------------------------------------------------------------

    @isolated
    def fit(self, X: Any, y: Any = None, focus: Any = None) -> ImageTranslator:
        """Train the translators and the check.

        Parameters
        ----------
        X : ndarray, tensor, list of images, dataset, or path of a folder of class folders
            Of shape (n, H, W), (n, H, W, C) or (n, C, H, W), sides of 8 to 256 pixels. Not changed. Images of
            classes other than source and target only help to find the range of the pixels.
        y : array-like of shape (n,), optional
            Labels; of a dataset or a folder they are its own.
        focus : label, optional
            The target, where ``target`` is None. What `GANOversampler` trains for.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError, InvalidDataError, InvalidTypeError
            Naming the parameter, image or class, and what to do.

        Warns
        -----
        TrainingWarning
            If the training diverged or was interrupted.
        """
        self.fit_prepared(self.prepare(X, y), focus=focus)
        if self._warning:
            warn(self._warning, TrainingWarning)
        return self

    @isolated
    def prepare(self, X: Any, y: Any = None) -> Prepared:
        """Read images and labels, which the translators of several classes can then share.

        Parameters
        ----------
        X, y
            As in `fit`.

        Returns
        -------
        Prepared
        """
        self._check_parameters()
        X, y, source = resolve_samples(X, y)
        if y is None:
            raise InvalidDataError("ImageTranslator translates between two classes: give the labels y")
        check_lengths(X, y, "images")
        labels = LabelCodec().fit(y)
        codes = labels.encode(y)
        codec = ImageCodec(self.layout, source.mode).fit(X)
        x = codec.encode(X, owner=type(self).__name__)
        return Prepared(codec, labels, x, codes, codec.n_features_, codec.feature_names_, source.classes)

    @isolated
    def fit_prepared(self, prepared: Prepared, *, focus: Any = None, title: str | None = None) -> ImageTranslator:
        """Train on prepared images. What `fit` does after reading them; raises no warnings.

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
        device: torch.device = settings["device"]
        source, target = two_classes(prepared.labels, prepared.y, self.source, self.target, focus)
        seed = root_seed(self.random_state)
        codec = prepared.codec
        images = [prepared.x[prepared.y == code] for code in (source, target)]
        with one_thread(), side_by_side(device) as work:
            check = None
            if settings["min_probability"] > 0:
                own = child_seed(seed, "check")
                check = FlipCheck(codec.shape).fit(images[0], images[1], codec.to_network, own, device)
            design = {"width": int(self.width), "depth": int(self.depth)}
            rng = torch.Generator().manual_seed(child_seed(seed, "networks"))
            translators, judges = cycle_players(codec.shape, rng, **design)
            rng = torch.Generator(device).manual_seed(child_seed(seed, "training"))
            plan = self._plan(settings, work)
            a, b = (_batches(x, codec.to_network, int(self.batch_size), device, rng) for x in images)
            train_state = CycleTrainState.start(translators.to(device), judges.to(device), plan)
            played = play(
                train_state,
                a,
                b,
                OBJECTIVES[self.objective],
                plan,
                measure=judged(images, codec, check, float(self.min_probability), device, child_seed(seed, "judge")),
                callbacks=self.callbacks or (),
                title=(title or type(self).__name__) if wants_progress(self.verbose) else None,
                rng=rng,
            )
        conditions = Conditions(prepared.labels.classes_, target)
        self._keep_codecs(prepared, conditions, seed)
        self.design_, self.check_, self._source_code = design, check, source
        self.source_, self.target_ = self._name(source), self._name(target)
        self._sources = images[0]
        self.weights_ = {k: numpy_of(v) for k, v in train_state.average.state_dict().items()}
        self.__dict__.pop("_translators", None)
        self.history_ = history_frame(played.history)
        self.n_steps_, self.stop_reason_ = train_state.step, played.stop_reason
        self.quality_, self.accepted_ = played.quality, played.accepted
        self._warning = played.warning
        return self

    def _check_parameters(self) -> dict[str, Any]:
        validation.choice("objective", self.objective, OBJECTIVES)
        for name in ("max_steps", "batch_size", "width", "depth"):
            validation.integer(name, getattr(self, name), 1)
        for name in ("cycle_weight", "identity_weight", "penalty"):
            validation.number(name, getattr(self, name), 0)
        validation.number("learning_rate", self.learning_rate, 0, open_low=True)
        if self.callbacks is not None and not all(map(callable, self.callbacks)):
            raise InvalidTypeError("callbacks must be a list of callables that take an event")
        if not (isinstance(self.verbose, (bool, Integral)) or self.verbose == "auto"):
            raise InvalidParameterError(f"verbose={self.verbose!r} must be True, False or 'auto'")
        if not isinstance(self.random_state, (np.random.RandomState, np.random.Generator)):
            root_seed(self.random_state)  # a generator would be drawn from
        return {
            "max_time": validation.seconds("max_time", self.max_time),
            "min_probability": validation.number("min_probability", self.min_probability, 0, 1, open_high=True),
            "device": resolve_device(self.device),
        }

    def _plan(self, settings: dict[str, Any], work: Team) -> CycleTrainConfig:
        steps = int(self.max_steps)
        return CycleTrainConfig(
            max_steps=steps,
            learning_rate=float(self.learning_rate),
            betas=(0.5, 0.99),
            decay_from=0.5,
            ema_half_life=min(100.0, steps / 20),
            penalty_every=4,
            penalty_scale=PENALTY * float(self.penalty),
            log_every=max(1, steps // 60),
            look_every=max(1, steps // 60) * 3,
            cycle_weight=float(self.cycle_weight),
            identity_weight=float(self.identity_weight),
            pipe=lambda x, progress, rng: shifted(x, SEEN_SHIFT, rng),
            team=work,
            pool_size=max(50, int(self.batch_size)),
            max_time=settings["max_time"],
        )

    # ---- state -------------------------------------------------------------------------------

    @isolated
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to one file that `ganaug.load` reads.

        Parameters
        ----------
        path : str or path-like
            The file, for example "pneumonia.safetensors"; written whole or not at all.

        Raises
        ------
        ModelFileError
            If the folder does not exist or cannot be written to.

        Notes
        -----
        safetensors and JSON: weights of translators and check, the range of the pixels, labels and parameters. No
        code and no images: after loading, `set_sources` gives those to sample from. Callbacks are left out.
        """
        self._check_fitted()
        write_state(path, type(self).__name__, *translation_state.saved_parts(self))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a fitted estimator of this class that `save` wrote; `ganaug.load` reads any class.

        Parameters
        ----------
        path : str or path-like
            The file.

        Returns
        -------
        ImageTranslator
            Samples and scores as the original did.

        Raises
        ------
        ModelFileError
            As `ganaug.load`; also if the file holds an estimator of another class.
        """
        from ganaug.estimators.saving import load_as  # saving imports the estimators

        return load_as(cls, path)

    def __getstate__(self) -> dict[str, Any]:
        state = self._whole_state()
        if "_sources" in state and get_spawning_popen() is None:  # but for a process that this one starts
            state["_sources"] = None
        return state

    def _whole_state(self) -> dict[str, Any]:
        """The state with what a pickle leaves out; see `ganaug.runtime.parallel`."""
        state: dict[str, Any] = dict(super().__getstate__())
        state.pop("_translators", None)  # built again from weights_
        if "history_" in state:  # plain arrays, for a pickle of pandas ages and skops refuses it
            state["history_"] = {name: np.asarray(column) for name, column in state["history_"].items()}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        import pandas as pd

        if "history_" in state:
            state = {**state, "history_": pd.DataFrame(state["history_"])}
        super().__setstate__(state)


def _batches(
    images: npt.NDArray[Any], load: Decode, size: int, device: torch.device, rng: torch.Generator
) -> Iterator[Tensor]:
    """Endless batches of stored images of one class, as the networks see them."""
    labels = torch.zeros(len(images), dtype=torch.long, device=device)
    alone = torch.ones(1, dtype=torch.float32, device=device)
    table = Table(torch.from_numpy(images).to(device), labels, alone, load=load)
    return (x for x, _ in table.batches(size, rng))
