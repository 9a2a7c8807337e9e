"""CycleGAN as an estimator: images of a plentiful class become images of a rare one."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from ganaug.callbacks import wants_progress
from ganaug.encoding import LabelCodec
from ganaug.encoding.image_codec import ImageCodec
from ganaug.estimators import saving
from ganaug.estimators.base import (
    Samples,
    SavedGenerator,
    arrays_of,
    checked_callbacks,
    checked_random_state,
    checked_verbose,
)
from ganaug.estimators.custom import register
from ganaug.estimators.fitting import Conditions, Constraints, Measure, Prepared, Seed, run_training
from ganaug.estimators.label_check import LabelCheck, draw_accepted
from ganaug.exceptions import InvalidDataError, InvalidParameterError, ModelFileError, TrainingWarning
from ganaug.filtering import FilterCounts
from ganaug.metrics.distributions import energy_quality, mean_distance
from ganaug.networks.translation import Translators, cycle_players
from ganaug.objectives import OBJECTIVES
from ganaug.runtime.compute import Team, machine_threads, one_thread, resolve_device, team
from ganaug.training.checkpoints import LastSnapshot
from ganaug.training.cyclegan import CycleTrainConfig, CycleTrainState, TwoClasses, cycle_step, shift_images
from ganaug.training.loop import Watcher
from ganaug.training.train_state import ClassBatches
from ganaug.utils import validation
from ganaug.utils.determinism import child_seed, isolated, numpy_generator, root_seed, warn
from ganaug.utils.state import expect
from ganaug.utils.types import Arrays, Config, IntArray, State

__all__ = ["ImageTranslator"]

# Shifts of what the discriminators see, in shares of the sides. Few images have few silhouettes: moved ones are
# as true. They cannot leak into translations, because one that moved would not find its way back.
SEEN_SHIFT = 0.1
# Factor on the penalties of the objectives, which were tuned on rows of a table.
PENALTY = 0.3
# Images of each class by which translations are measured during the training.
MEASURED = 64
# Values in one pass of a network, and the most images.
VALUES_AT_ONCE, IMAGES_AT_ONCE = 2**20, 64

_ADVICE = {
    "diverged": (
        "the training diverged at step {step}; the translators of step {best} were kept. Lower learning_rate or "
        "raise penalty."
    ),
    "interrupted": "interrupted at step {step}; the translators of that step were kept.",
}


@register
class ImageTranslator(SavedGenerator):
    """CycleGAN that translates images of a plentiful class into a rare one.

    Two generators learn to translate between the two classes without pairs of images; how much they change is limited
    by the way back, which must restore the original (Zhu et al. 2017). Where the classes are of one kind (healthy
    and ill, intact and defective), the rare class inherits the variety of the plentiful one, which twenty images
    of its own cannot teach. A classifier trained on real images refuses translations that miss the target class.

    Parameters
    ----------
    source : label, optional
        The plentiful class to translate from. None takes the most frequent one.
    target : label, optional
        The rare class to translate into. None takes the rarest one, or the ``focus`` of `fit`.
    objective : {"least-squares", "relativistic", "non-saturating", "minimax", "wasserstein", "hinge"}
        Losses of translators and discriminators; the default is that of the paper.
    max_steps : int, default=1000
        Steps of training.
    max_time : float, str or None, default=None
        Seconds, or for example "90s" or "5min", after which the training ends with what it has. A result that was
        cut short by the clock does not repeat.
    batch_size : int, default=8
        Images of each class for each step.
    learning_rate : float, default=1e-3
        Of all networks; falls to zero over the second half of the steps.
    width, depth : int, default=32 and 3
        Channels at half resolution, and residual blocks of each translator.
    cycle_weight : float, default=10
        Weight of the cycle loss, which makes the way there and back restore an image. On the scale of the paper's
        images of 256 x 256; for smaller ones, whose pixels it would hold too tightly, it is reduced.
    identity_weight : float, default=5
        Weight of the identity loss, which leaves an image of the target class as it is; on the same scale.
    penalty : float, default=1.0
        Factor on the objective's gradient penalties. A larger one makes training steadier and images smoother.
    min_probability : float, default=0.5
        Probability of the target class, of two equally frequent ones, that a classifier trained on real images must
        give to a translation; those with less are replaced by translations of other images. 0 accepts all.
    layout : {"auto", "NHW", "NHWC", "NCHW"}, default="auto"
        Of the images, as in ``ganaug.encoding.image_codec.ImageCodec``.
    callbacks : list of callable, optional
        Called at each logged step; if one returns a string, training stops.
    random_state : int, RandomState, Generator or None, default=None
        An integer makes training and samples repeat on the same machine.
    device : str, default="auto"
        "cpu", "cuda", ...; "auto" takes the fastest available.
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
        logits, and where translations were evaluated "accepted" (the share that the check takes for the target
        class), "quality" (energy quality of translations against the target's images, 1 is perfect) and
        "diversity" (their spread over that of the target's images).
    n_steps_, stop_reason_
        Steps done, and "max_steps", "max_time", "interrupted", "diverged", or what a callback returned.
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
    weights do reveal something about the target's images: they were trained to leave those as they are.

    Each image is translated once before any is translated again; from then on images are first shifted by up to a
    tenth of their sides, so that samples differ.

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

    source_: Any
    target_: Any
    accepted_: float
    check_: LabelCheck | None
    _source_code: int
    _sources: Samples | None

    _constraints: ClassVar[Constraints] = {
        "objective": partial(validation.choice, known=OBJECTIVES),
        **dict.fromkeys(("max_steps", "batch_size", "width", "depth"), partial(validation.integer, low=1)),
        **dict.fromkeys(("cycle_weight", "identity_weight", "penalty"), partial(validation.number, low=0)),
        "learning_rate": partial(validation.number, low=0, open_low=True),
        "callbacks": checked_callbacks,
        "verbose": checked_verbose,
        "random_state": checked_random_state,
        "max_time": validation.seconds,
        "min_probability": partial(validation.number, low=0, high=1, open_high=True),
        "device": lambda _, value: resolve_device(value),
    }
    _items = "images"
    _focus_entry = "target"

    def __init__(
        self,
        *,
        source: object = None,
        target: object = None,
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
        random_state: Seed = None,
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

    # ---- fit -----------------------------------------------------------------------------------

    def fit(self, X: object, y: object = None, focus: object = None) -> Self:
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
        return super().fit(X, y, focus=focus)

    def _takes_datasets(self) -> bool:
        return True

    def _fit_labels(self, y: object) -> LabelCodec:
        if y is None:
            raise InvalidDataError("ImageTranslator translates between two classes: give the labels y")
        return LabelCodec().fit(y)

    def _fit_encode(self, X: object, codes: IntArray | None, mode: str | None) -> tuple[ImageCodec, Samples]:
        codec = ImageCodec(self.layout, mode)
        return codec, codec.fit_encode(X)

    def _train(self, prepared: Prepared, focus: object, title: str) -> None:
        settings = self._check_parameters()
        device: torch.device = settings["device"]
        labels, codec = prepared.labels, prepared.codec
        assert labels is not None
        source, target = two_classes(labels, prepared.y, self.source, self.target, focus)
        seed = root_seed(self.random_state)
        images = [prepared.x[prepared.y == code] for code in (source, target)]
        with one_thread(), _side_by_side(device) as work:
            check = None
            if settings["min_probability"] > 0:
                own = child_seed(seed, "check")
                check = LabelCheck(codec.shape).fit(images[0], images[1], codec.to_network, own, device)
            design = {"width": int(self.width), "depth": int(self.depth)}
            rng = torch.Generator().manual_seed(child_seed(seed, "networks"))
            translators, discriminators = cycle_players(codec.shape, rng, **design)
            config = self._config(settings, work)
            state = CycleTrainState.of(translators.to(device), discriminators.to(device), config)
            snapshot = LastSnapshot(self._measure(images, codec, check, device, child_seed(seed, "judge")))
            result = run_training(
                state,
                TwoClasses(*(_one_class(x, codec, device) for x in images)),
                OBJECTIVES[self.objective],
                config,
                snapshot=snapshot,
                advice=_ADVICE,
                callbacks=self.callbacks or (),
                title=title if wants_progress(self.verbose) else None,
                rng=torch.Generator(device).manual_seed(child_seed(seed, "training")),
                step=cycle_step,
            )
        self._keep_data(prepared, Conditions(labels.classes_, target), seed)
        self._keep_training(result, design, arrays_of(_by_name(state.average)))
        self._keep_classes(source, target)
        self.check_, self._sources = check, images[0]
        self.quality_, self.accepted_ = snapshot.quality, snapshot.seen.get("accepted", math.nan)

    def _keep_classes(self, source: int, target: int) -> None:
        self._source_code = source
        self.source_, self.target_ = self._name(source), self._name(target)

    def _config(self, settings: Mapping[str, Any], work: Team) -> CycleTrainConfig:
        steps = int(self.max_steps)
        return CycleTrainConfig(
            max_steps=steps,
            batch_size=int(self.batch_size),
            learning_rate=float(self.learning_rate),
            discriminator_learning_rate=float(self.learning_rate),
            betas=(0.5, 0.99),
            decay_from=0.5,
            ema_half_life=min(100.0, steps / 20),
            penalty_every=4,
            penalty_scale=PENALTY * float(self.penalty),
            log_every=max(1, steps // 60),
            look_every=max(1, steps // 60) * 3,
            cycle_weight=float(self.cycle_weight),
            identity_weight=float(self.identity_weight),
            pipe=lambda x, progress, rng: shift_images(x, SEEN_SHIFT, rng),
            team=work,
            pool_size=max(50, int(self.batch_size)),
            max_time=settings["max_time"],
        )

    def _measure(
        self, images: Sequence[Samples], codec: ImageCodec, check: LabelCheck | None, device: torch.device, seed: int
    ) -> Measure:
        """A function that measures a few translations: "quality", "diversity", and "accepted" where there is a check.

        Parameters
        ----------
        images : sequence of two ndarray (n, C, H, W)
            Encoded images of source and target.
        codec : ImageCodec
        check : LabelCheck or None
        device : torch.device
        seed : int
        """
        rng = numpy_generator(seed)
        source, target = (torch.from_numpy(rng.permutation(x)[:MEASURED]).to(device) for x in images)
        real = codec.to_network(target).flatten(1)
        spread = mean_distance(real)

        @torch.inference_mode()
        def measure(translators: Translators) -> dict[str, float]:
            fake: Tensor = translators.to_target(codec.to_network(source))
            seen = {
                "quality": energy_quality(real, fake.flatten(1), real_spread=spread),
                "diversity": mean_distance(fake.flatten(1)) / spread if spread > 0 else 1.0,
            }
            if check is not None and bool(torch.isfinite(fake).all()):
                likely = check.probabilities(codec.from_network(fake), codec.to_network, device)
                seen["accepted"] = float((likely >= float(self.min_probability)).mean())
            return seen

        return measure

    # ---- sample and translate ------------------------------------------------------------------

    @isolated
    def set_sources(self, X: object, y: object = None) -> Self:
        """Give the images to sample from, after loading or instead of those of `fit`.

        Parameters
        ----------
        X : images
            As in `fit`: container, layout, dtype and size.
        y : array-like of shape (n,), optional
            Labels, of which only the images of `source_` are taken. Without labels all of X are.

        Returns
        -------
        self

        Raises
        ------
        InvalidDataError
            If there is no image of the source class, or they are unlike those of `fit`.

        Examples
        --------
        >>> import os, tempfile
        >>> import numpy as np
        >>> import ganaug
        >>> X = np.random.default_rng(0).integers(0, 256, size=(40, 8, 8), dtype=np.uint8)
        >>> y = np.arange(40) % 4 == 0
        >>> translator = ganaug.ImageTranslator(max_steps=2, width=4, min_probability=0).fit(X, y)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "translator.safetensors")
        ...     translator.save(path)
        ...     again = ganaug.load(path)
        >>> len(again.set_sources(X, y).sample(5)[0])
        5
        """
        self._check_fitted()
        images = self.codec_.encode(X, owner=type(self).__name__)
        if y is not None:
            codes = self._labels_of_fit().encode(y)
            if len(codes) != len(images):
                raise InvalidDataError(f"X has {len(images)} images and y has {len(codes)} labels; give as many")
            images = images[codes == self._source_code]
        if len(images) == 0:
            raise InvalidDataError(f"there is no image of the source class {self.source_!r} to translate from")
        self._sources = images
        return self

    @isolated
    def translate(self, images: object, to: object = None) -> Any:
        """Translate images, one for one, without a check.

        Parameters
        ----------
        images : images
            As in `fit`: container, layout, dtype and size.
        to : label, optional
            `target_`, the default, or `source_` for the way back.

        Returns
        -------
        images
            In the container, layout, dtype and range of those of `fit`.

        Raises
        ------
        InvalidDataError
            If they are unlike the images of `fit`; it says how.
        InvalidParameterError
            If ``to`` is neither of the two classes.
        """
        self._check_fitted()
        ways = {self._source_code: "to_source", self.conditions_.focus: "to_target"}
        code = self.conditions_.focus if to is None else code_of(self._labels_of_fit(), "to", to)
        if code not in ways:
            raise InvalidParameterError(f"to={to!r} is neither the target {self.target_!r} nor {self.source_!r}")
        encoded = self.codec_.encode(images, owner=type(self).__name__)
        with one_thread(), _side_by_side(resolve_device(self.device)) as work:
            return self.codec_.decode(self._way(ways[code], work)(encoded))

    def _draw(self, code: int, n: int, seed: int) -> tuple[Samples, FilterCounts]:
        sources = self._sources
        if n == 0:
            return self._empty(), FilterCounts(rejected={"other_class": 0})
        if sources is None:
            raise InvalidDataError(
                "a saved or copied ImageTranslator holds no images to sample from; hand some of the source class "
                f"{self.source_!r} over first: set_sources(X), or set_sources(X, y) with the labels"
            )
        device, check = resolve_device(self.device), self.check_
        likely = None if check is None else lambda x: check.probabilities(x, self.codec_.to_network, device)
        with one_thread(), _side_by_side(device) as work:
            images, tally = draw_accepted(
                self._way("to_target", work), sources, likely, float(self.min_probability), n, child_seed(seed, "draw")
            )
        if tally.taken_anyway:
            warn(
                f"the check took {tally.drawn - tally.rejected['other_class']} of {tally.drawn} translations for "
                f"{self.target_!r}; {tally.taken_anyway} of the {n} images returned are refused ones. Train longer "
                f"(max_steps={self.max_steps}), name a source class that is more like {self.target_!r}, or lower "
                f"min_probability={self.min_probability}.",
                TrainingWarning,
            )
        return images, tally

    def _way(self, name: str, work: Team) -> Callable[[Samples], Samples]:
        """Encoded images to their translations, one way."""
        device, codec = resolve_device(self.device), self.codec_
        network = self._networks(device)[name]
        most = max(1, min(IMAGES_AT_ONCE, VALUES_AT_ONCE // codec.width))

        @torch.inference_mode()
        def translate_some(batch: Samples) -> Samples:
            done: Samples = codec.from_network(network(codec.to_network(torch.from_numpy(batch).to(device))).cpu())
            return done

        def translate(images: Samples) -> Samples:
            batches = [images[at : at + most] for at in range(0, len(images), most)]
            return np.concatenate([self._empty(), *work(translate_some, batches)])

        return translate

    def _code(self, label: object) -> int:
        code = int(self._labels_of_fit().encode([label])[0])
        if code != self.conditions_.focus:
            raise InvalidDataError(
                f"this translator makes images of class {self.target_!r}, not of {label!r}; fit another one with "
                f"target={label!r}"
            )
        return code

    def _labels_of_fit(self) -> LabelCodec:
        assert self.label_codec_ is not None
        return self.label_codec_

    # ---- networks, files and pickles -----------------------------------------------------------

    def _new_networks(self, seed: int = 0) -> dict[str, nn.Module]:
        translators, _ = cycle_players(self.codec_.shape, torch.Generator().manual_seed(seed), **self.design_)
        return _by_name(translators)

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
        self._write(path)

    def _read_codec(self, config: Config, arrays: Arrays) -> ImageCodec:
        return ImageCodec.from_state(config, arrays)

    def _check_design(self, design: dict[str, Any]) -> None:
        if set(design) != {"width", "depth"} or any(type(size) is not int for size in design.values()):
            raise ModelFileError(f"design {design} is none of a translator")
        for name, size in design.items():
            self._constraints[name](name, size)

    def _own_state(self, keep_copies_check: bool, as_it_is: bool) -> State:
        check = self.check_
        config = {"source": self._source_code, "check": check is not None}
        arrays = saving.add_prefix("check", {} if check is None else check.get_state())
        # an array, because JSON has no NaN
        return config, arrays | {"judged": np.array([self.quality_, self.accepted_], np.float64)}

    def _take_own_state(self, config: Config, arrays: Arrays) -> None:
        source, target, counts = config["source"], config["target"], self.class_counts_
        if type(source) is not int or target is None or not 0 <= source < len(counts) or source == target:
            raise ModelFileError(f"source={source!r} or target={target!r} is no class, or both are one")
        if min(counts[source], counts[target]) == 0:
            raise ModelFileError("the counts of its classes are none")
        self._keep_classes(source, target)
        self._sources = None
        own = saving.take_prefix(arrays, "check")
        self.check_ = LabelCheck.from_state(own, self.codec_.shape) if config["check"] is True else None
        self.quality_, self.accepted_ = map(float, expect(arrays, "judged", (2,), np.float64))

    def _try_out(self) -> None:
        super()._try_out()
        one = self.codec_.from_network(np.zeros((1, *self.codec_.shape), np.float32))
        self.translate(self.codec_.decode(one))

    def _published_state(self) -> dict[str, Any]:
        state = self._bare_state()
        return state | {"_sources": None} if "_sources" in state else state


def _by_name(translators: Translators) -> dict[str, nn.Module]:
    """The two networks by the names that their weights begin with."""
    return dict(translators.named_children())


def _one_class(images: Samples, codec: ImageCodec, device: torch.device) -> ClassBatches:
    """Encoded images of one class, to draw batches from."""
    labels = torch.zeros(len(images), dtype=torch.long, device=device)
    alone = torch.ones(1, dtype=torch.float32, device=device)
    return ClassBatches(torch.from_numpy(images).to(device), labels, alone, load=codec.to_network)


def _side_by_side(device: torch.device) -> AbstractContextManager[Team]:
    """Who does all whose result must repeat: on a CPU one for each core, each on one thread."""
    return team(machine_threads() if device.type == "cpu" else 1)


# ---- between which two classes to translate ----------------------------------------------------


def code_of(labels: LabelCodec, name: str, label: object) -> int | None:
    """The code of a label given as the parameter of that name; None for None.

    Raises
    ------
    InvalidParameterError
        If no image has it.
    """
    if label is None:
        return None
    try:
        return int(labels.encode([label])[0])
    except InvalidDataError as error:
        raise InvalidParameterError(f"{name}={label!r}: {error}") from error


def two_classes(labels: LabelCodec, y: IntArray, source: object, target: object, focus: object) -> tuple[int, int]:
    """Codes of source and target.

    Parameters
    ----------
    labels : LabelCodec
    y : ndarray of shape (n,), int64
        Codes of all images.
    source, target : label or None
        As given to the estimator. None is the most frequent class, and the rarest.
    focus : label or None
        The target, as given to `fit`.

    Raises
    ------
    InvalidDataError
        If there is one class only, or one of the two has less than 2 images.
    InvalidParameterError
        If a label is unknown, or they contradict one another.
    """
    counts = np.bincount(y, minlength=len(labels.classes_)).astype(np.int64)
    if len(counts) < 2:
        raise InvalidDataError(
            f"y has 1 class only ({labels.classes_[0]!r}); a translation needs images of two classes"
        )
    from_code, to_code = code_of(labels, "source", source), code_of(labels, "target", target)
    wanted = code_of(labels, "focus", focus)
    if wanted is not None and to_code not in (None, wanted):
        raise InvalidParameterError(
            f"focus={focus!r} and target={target!r} are two classes; leave target=None to train for either"
        )
    to_code = to_code if wanted is None else wanted
    if to_code is None:
        to_code = _found(counts, np.argmin, but=from_code)
    if from_code is None:
        from_code = _found(counts, np.argmax, but=to_code)
    if from_code == to_code:
        raise InvalidParameterError(
            f"source and target are one class, {labels.classes_[to_code]!r}; name two, or leave one of them None"
        )
    for name, code in (("source", from_code), ("target", to_code)):
        if counts[code] < 2:
            raise InvalidDataError(
                f"the {name} class {labels.classes_[code]!r} has {counts[code]} image; what is typical of it cannot "
                "be learnt from one, give at least 2 (20 or more for anything but that one look)"
            )
    return from_code, to_code


def _found(counts: IntArray, pick: Callable[[Any], Any], but: int | None) -> int:
    """The class that ``pick`` takes by its count, out of all but one."""
    codes = np.array([code for code in range(len(counts)) if code != but])
    return int(codes[pick(counts[codes])])
