"""Images that become others, as an estimator: a class into another without pairs, or inputs into targets with them."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import nn

from ganaug.callbacks import LastSnapshot
from ganaug.encoding import LabelCodec
from ganaug.encoding.image_codec import ImageCodec
from ganaug.estimators.base import (
    Samples,
    SavedGenerator,
    arrays_of,
    checked_callbacks,
    checked_random_state,
    checked_switch,
    checked_verbose,
)
from ganaug.estimators.custom import register
from ganaug.estimators.fitting import Constraints, Prepared, Seed, run_training
from ganaug.estimators.paired import PairedMethod
from ganaug.estimators.translating import LabelCheck, TranslationMethod, TranslationTask, side_by_side
from ganaug.estimators.unpaired import UnpairedMethod
from ganaug.filtering import FilterCounts
from ganaug.networks.translation import PAIR_TASKS
from ganaug.objectives import OBJECTIVES, checked_objective
from ganaug.runtime.compute import one_thread, resolve_device
from ganaug.training.loop import Watcher
from ganaug.utils import types
from ganaug.utils.determinism import child_seed, isolated, root_seed, wants_progress
from ganaug.utils.files import check_path
from ganaug.utils.types import Array, Arrays, Config, IntArray, State

__all__ = ["ImageTranslator"]

# Whether there are pairs -> how a translation is learnt.
METHODS: dict[bool, type[TranslationMethod]] = {False: UnpairedMethod, True: PairedMethod}
# What is fitted and made of training images: no file and no copy holds it.
_OF_IMAGES = {"_sources", "_source_codes", "_masks"}


@register
class ImageTranslator(SavedGenerator):
    """Images that become others: a plentiful class a rare one (CycleGAN), or inputs their targets (pix2pix).

    Without pairs two generators learn to translate between two classes; how much they change is limited
    by the way back, which must restore the original (Zhu et al. 2017). Where the classes are of one kind (healthy
    and ill, intact and defective), the rare class inherits the variety of the plentiful one, which twenty images
    of its own cannot teach. A classifier trained on real images refuses translations that miss the target class.

    With ``paired=True`` a U-Net learns from inputs and their targets, by a discriminator that sees both and by the
    distance from the target (Isola et al. 2017). Where inputs are not given they are made of the targets: holes
    are to be painted ("inpaint"), fewer pixels to become more ("super-resolve").

    Parameters
    ----------
    paired : bool, default=False
        Whether images come in pairs, given or made by the task. Then there are no source and target class.
    task : {"translate", "inpaint", "super-resolve"}, default="translate"
        What pairs are made of: the images X and y of `fit`; images and the same with holes; images and the same
        with ``scale`` times fewer pixels a side. Without pairs "translate" only.
    scale : int, default=2
        For "super-resolve": how much longer the sides become. It must divide the sides of the images of `fit`.
    source : label, optional
        Without pairs: the plentiful class to translate from. None takes the most frequent one.
    target : label, optional
        Without pairs: the rare class to translate into. None takes the rarest one, or the ``focus`` of `fit`.
    objective : {"least-squares", "relativistic", "non-saturating", "minimax", "wasserstein", "hinge"}
        Losses of translators and discriminators; the default is that of the paper.
    max_steps : int, default=1000
        Steps of training.
    max_time : float, str or None, default=None
        Seconds, or for example "90s" or "5min", after which the training ends with what it has; the check of the class
        is part of it, reading the images is not. A result that was cut short by the clock does not repeat.
    batch_size : int, default=8
        Images of each class, or pairs, for each step.
    learning_rate : float, default=1e-3
        Of all networks; falls to zero over the second half of the steps.
    width, depth : int, default=32 and 3
        Channels at half resolution, and residual blocks of each translator.
    cycle_weight : float, default=10
        Without pairs: weight of the cycle loss, which makes the way there and back restore an image. On the scale of
        the paper's images of 256 x 256; for smaller ones, whose pixels it would hold too tightly, it is reduced.
    identity_weight : float, default=5
        Without pairs: weight of the identity loss, which leaves an image of the target class as it is; on that scale.
    reconstruction_weight : float, default=300
        With pairs: weight of the mean absolute error, on the same scale. Less of it gives sharper images that are
        further from their targets. The paper's 100 lost accuracy in dB on images of 32 x 32 from step 200 on.
    penalty : float, default=1.0
        Factor on the objective's gradient penalties. A larger one makes training steadier and images smoother.
    min_probability : float, default=0.5
        Without pairs: probability of the target class, of two equally frequent ones, that a classifier trained on real
        images must give to a translation; those with less are replaced by translations of other images. 0 accepts all.
    layout : {"auto", "NHW", "NHWC", "NCHW"}, default="auto"
        Of the images, inputs and targets alike, as in ``ganaug.encoding.image_codec.ImageCodec``.
    checkpoint : str, path or None, default=None
        With pairs: a file that holds the state of the training while it runs, from which the same ``fit`` on the same
        data continues if the process was killed, also while it decodes the images of folders; see `ImageGAN` (those of
        pairs lie beside it in two files, ".inputs.npy" and ".targets.npy"). It holds no image itself. A CycleGAN keeps
        earlier translations for its discriminators, which are near to images of the training data, and leaves no file.
    checkpoint_every : int or str, default="60s"
        Steps, or a time such as "60s", between two writes of it.
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
        The two classes; not with pairs.
    classes_, class_counts_ : ndarray
        All labels and their images. With pairs ``classes_`` is None where no labels were given.
    history_ : DataFrame
        One row for each logged step: losses (with "cycle_loss" and "identity_loss", or "reconstruction_loss", the
        mean absolute errors), mean logits, and where translations were evaluated "quality", "diversity" (their spread
        over that of the target's images), without pairs "accepted" (the share that the check takes for the target
        class), and with pairs "psnr".
    n_steps_, stop_reason_
        Steps done, and "max_steps", "max_time", "interrupted", "diverged", or what a callback returned.
    quality_ : float
        Of the translator that was kept. Without pairs energy quality of translations against the target's images, 1 is
        perfect. With pairs the share of the squared error that it takes away from the input, its bicubic
        enlargement, or the image with holes filled by the mean: 0 is no better than these, 1 is perfect.
    accepted_ : float
        Without pairs; NaN without a check.
    psnr_ : float
        With pairs: mean peak signal-to-noise ratio in dB, of a tenth of the pairs that was held out (below 100 pairs:
        of those that were learnt); the peak is the range of the pixels seen in `fit`.
    curation_ : dict
        After ``sample``: the target with its counts of translations drawn, kept, refused ("other_class") and
        taken anyway. With pairs none is refused.

    Notes
    -----
    **Source images.** Sampling starts from real images: of the source class, or with pairs the inputs, or the images
    themselves, painted over new holes or shrunk and enlarged again, with their labels. The fitted estimator keeps them
    in memory (bytes, for 8-bit images). `save`, pickles and deep copies do not hold them, because a model that leaves
    its process holds no training data: hand some over with ``set_sources(X)``, the same or others of the source class,
    before `sample` (of a fitted over-sampler: ``sampler.generators_[label].set_sources(X)``); `translate` needs none.
    The weights do reveal something about the target's images: they were trained to leave those as they are, or to
    restore them.

    Each image is translated once before any is translated again; from then on images are first shifted by up to a
    tenth of their sides, so that samples differ.

    A translation depends on its own image alone: networks have instance normalisation, or with pairs none.

    References
    ----------
    Zhu et al. (2017), Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks. Mao et al.
    (2017), Least Squares Generative Adversarial Networks. Isola et al. (2017), Image-to-Image Translation with
    Conditional Adversarial Networks. Ronneberger et al. (2015), U-Net: Convolutional Networks for Biomedical Image
    Segmentation. Shrivastava et al. (2017), Learning from Simulated and Unsupervised Images
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

    With pairs, here of images and their negatives:

    >>> negative = ImageTranslator(paired=True, max_steps=5, width=4, random_state=0).fit(X, 255 - X)
    >>> negative.translate(X[:2]).shape
    (2, 8, 8)
    >>> painter = ImageTranslator(paired=True, task="inpaint", max_steps=5, width=4, random_state=0).fit(X, y)
    >>> mask = np.zeros((8, 8), bool)
    >>> mask[2:5, 3:6] = True
    >>> painted = painter.translate(X[:2], mask=mask)
    >>> bool((painted[:, ~mask] == X[:2, ~mask]).all())
    True
    >>> finer = ImageTranslator(paired=True, task="super-resolve", max_steps=5, width=4, random_state=0).fit(X)
    >>> finer.translate(X[:2]).shape
    (2, 16, 16)
    """

    source_: object
    target_: object
    accepted_: float
    check_: LabelCheck | None
    psnr_: float
    input_codec_: ImageCodec
    _source_code: int
    _sources: Samples | None
    _source_codes: IntArray | None
    _masks: Array | None

    _constraints: ClassVar[Constraints] = {
        "objective": checked_objective,
        **dict.fromkeys(("max_steps", "batch_size", "width", "depth"), partial(types.integer, low=1)),
        **dict.fromkeys(
            ("cycle_weight", "identity_weight", "reconstruction_weight", "penalty"), partial(types.number, low=0)
        ),
        "paired": checked_switch,
        "task": partial(types.choice, known=PAIR_TASKS),
        "scale": partial(types.integer, low=2),
        "learning_rate": partial(types.number, low=0, open_low=True),
        "checkpoint_every": types.interval,
        "callbacks": checked_callbacks,
        "verbose": checked_verbose,
        "random_state": checked_random_state,
        "max_time": types.seconds,
        "min_probability": partial(types.number, low=0, high=1, open_high=True),
        "device": lambda _, value: resolve_device(value),
    }
    _items = "images"
    _focus_entry = "target"

    def __init__(
        self,
        *,
        paired: bool = False,
        task: str = "translate",
        scale: int = 2,
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
        reconstruction_weight: float = 300.0,
        penalty: float = 1.0,
        min_probability: float = 0.5,
        layout: str = "auto",
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: int | str = "60s",
        callbacks: list[Watcher] | None = None,
        random_state: Seed = None,
        device: str = "auto",
        verbose: bool | str = "auto",
    ) -> None:
        self.paired = paired
        self.task = task
        self.scale = scale
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
        self.reconstruction_weight = reconstruction_weight
        self.penalty = penalty
        self.min_probability = min_probability
        self.layout = layout
        self.checkpoint = checkpoint
        self.checkpoint_every = checkpoint_every
        self.callbacks = callbacks
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    # ---- fit -----------------------------------------------------------------------------------

    @isolated
    def fit(self, X: object, y: object = None, focus: object = None, *, mask: object = None) -> Self:
        """Train the networks.

        Parameters
        ----------
        X : ndarray, tensor, list of images, dataset, or path of a folder of class folders
            Of shape (n, H, W), (n, H, W, C) or (n, C, H, W), sides of 8 to 256 pixels. Not changed. Without pairs
            images of classes other than source and target only help to find the range of the pixels.
            With pairs and "translate": the inputs, a dataset of pairs (input, target, ...), or the path of a folder of
            images.
        y : array-like of shape (n,), or images, optional
            Labels; of a dataset or a folder they are its own. With pairs they are optional. With pairs and "translate":
            the targets, as many images as X, of the same size, or the path of a folder of files of the same
            names (endings may differ); None where X is a dataset of pairs.
        focus : label, optional
            The target, where ``target`` is None; with pairs the class to sample. What `GANOversampler` trains for.
        mask : array-like of bool, or of 0 and 1, optional
            For "inpaint": masks (H, W) or (m, H, W), any number, of which one at random hides a part of each image of
            each step; True, or 1, is missing. None draws one to three rectangles and ellipses with sides
            of 0.15 to 0.5 of the image's.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError, InvalidDataError, InvalidTypeError
            Naming the parameter, image, file or class, and what to do.

        Warns
        -----
        TrainingWarning
            If the training diverged or was interrupted.
        """
        self._check_parameters()
        beside = None if self.checkpoint is None else check_path(self.checkpoint, "checkpoint")
        prepared = self._method.prepare(X, y, mask, beside)
        self.fit_prepared(prepared, focus=focus)
        self._finish(prepared.decoded)
        return self

    @isolated
    def prepare(self, X: object, y: object = None, *, mask: object = None) -> Prepared:
        """Fit the codecs and encode the images, which several trainings can then share.

        Parameters
        ----------
        X, y, mask
            As in `fit`.

        Returns
        -------
        Prepared
        """
        self._check_parameters()
        return self._method.prepare(X, y, mask, None)

    @property
    def _method(self) -> TranslationMethod:
        return METHODS[bool(self.paired)](self)

    def _check_parameters(self) -> dict[str, Any]:
        settings = super()._check_parameters()
        self._method.check_parameters()
        return settings

    def _prepare_labelled(self, X: object, y: object, beside: Path | None) -> Prepared:
        """Images and their labels, as every generator prepares them; decoded beside a checkpoint, if there is one."""
        return super()._prepared(X, y, lambda: beside)

    def _takes_datasets(self) -> bool:
        return True

    def _fit_labels(self, y: object) -> LabelCodec | None:
        return self._method.fit_labels(y)

    def _fit_encode(self, X: object, codes: IntArray | None, mode: str | None) -> tuple[ImageCodec, Samples]:
        codec = ImageCodec(self.layout, mode)
        return codec, codec.fit_encode(X)

    def _train(self, prepared: Prepared, focus: object, title: str) -> None:
        began, settings, method = time.perf_counter(), self._check_parameters(), self._method
        device: torch.device = settings["device"]
        with one_thread(), side_by_side(device) as work:
            checkpoint = method.checkpoint(prepared, focus, device)
            seed = root_seed(self.random_state) if checkpoint is None else checkpoint.seed
            task = TranslationTask(prepared, focus, settings, seed, device, work)
            training = method.begin(task)
            if checkpoint is not None:
                checkpoint.design = training.design
            snapshot = LastSnapshot(training.measure)
            result = run_training(
                training.state,
                training.batches,
                OBJECTIVES[self.objective],
                training.config.since(began, device),
                snapshot=snapshot,
                advice=method.advice,
                callbacks=self.callbacks or (),
                title=title if wants_progress(self.verbose) else None,
                rng=torch.Generator(device).manual_seed(child_seed(seed, "training")),
                checkpoint=checkpoint,
                step=training.step,
            )
        self._keep_data(prepared, training.conditions, seed)
        self._keep_training(result, training.design, arrays_of(method.by_name(training.state.average)))
        self.quality_ = snapshot.quality
        method.keep(task, training, snapshot.seen)

    # ---- sample and translate ------------------------------------------------------------------

    @isolated
    def set_sources(self, X: object, y: object = None) -> Self:
        """Give the images to sample from, after loading or instead of those of `fit`.

        Parameters
        ----------
        X : images
            As in `fit`: container, layout, dtype and size.
        y : array-like of shape (n,), optional
            Labels, of which only the images of `source_` are taken. Without labels all of X are. With pairs: the labels
            of X, if `fit` was given labels.

        Returns
        -------
        self

        Raises
        ------
        InvalidDataError
            If there is no image (of the source class), or they are unlike those of `fit`.

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
        self._method.set_sources(X, y)
        return self

    @isolated
    def translate(self, images: object, to: object = None, *, mask: object = None, random_state: Seed = None) -> Any:
        """Translate images, one for one, without a check.

        Parameters
        ----------
        images : images
            As in `fit`: container, layout, dtype and size. For "super-resolve" of any size: what comes back has
            ``scale`` times the sides.
        to : label, optional
            Without pairs: `target_`, the default, or `source_` for the way back.
        mask : array-like of bool, or of 0 and 1, optional
            For "inpaint": of shape (H, W), for all images, or (n, H, W); True, or 1, is what is missing and painted.
            What stands in the image there is not looked at; all other pixels come back as they are. None paints
            over holes drawn at random (of the masks of `fit`, if it was given some): variants of real images.
        random_state : int, RandomState, Generator or None, default=None
            Of these holes. None goes on from the estimator's own stream, so that two calls differ.

        Returns
        -------
        images
            In the container, layout, dtype and range of those of `fit` (of the targets, where they were given).

        Raises
        ------
        InvalidDataError, InvalidTypeError
            If they are unlike the images of `fit`, or the mask is none of theirs; it says how.
        InvalidParameterError
            If ``to`` is neither of the two classes, or a parameter is not one of this task.
        """
        self._check_fitted()
        return self._method.translate(images, to, mask, random_state)

    def transform(self, X: object) -> object:
        """`translate`, by the name that pipelines call.

        Parameters
        ----------
        X : images
            As in `translate`.

        Returns
        -------
        images
            As `translate` returns them.
        """
        return self.translate(X)

    def _draw(self, code: int, n: int, seed: int) -> tuple[Samples, FilterCounts]:
        return self._method.draw(code, n, seed)

    def _next_seed(self) -> int:
        """The next seed of the estimator's own stream."""
        self._n_draws += 1
        return child_seed(self._seed, "sample", self._n_draws - 1)

    def _code(self, label: object) -> int:
        if self.label_codec_ is not None:
            self._method.check_label(label)
        return super()._code(label)

    # ---- networks, files and pickles -----------------------------------------------------------

    def _new_networks(self, seed: int = 0) -> dict[str, nn.Module]:
        return self._method.networks(seed)

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
        self._method.check_design(design)

    def _own_state(self, keep_copies_check: bool, as_it_is: bool) -> State:
        return self._method.own_state()

    def _take_own_state(self, config: Config, arrays: Arrays) -> None:
        self._method.take_state(config, arrays)

    def _try_out(self) -> None:
        super()._try_out()
        self._method.try_out()

    def _published_state(self) -> dict[str, Any]:
        state = self._bare_state()
        return state | dict.fromkeys(state.keys() & _OF_IMAGES)
