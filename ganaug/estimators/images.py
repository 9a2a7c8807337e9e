"""Images as a modality, and the GAN for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from ganaug.encoding.image_codec import ImageCodec
from ganaug.estimators.convolutional import ConvolutionalGAN, ConvolutionalModality
from ganaug.estimators.custom import register
from ganaug.estimators.fitting import Constraints, Seed
from ganaug.estimators.latents import PixelValues
from ganaug.exceptions import InvalidParameterError, InvalidTypeError
from ganaug.filtering import SAMPLES_LIKE_THE_CLASS
from ganaug.training.loop import Watcher

__all__ = ["ImageGAN", "ImageModality"]


def checked_encoder(name: str, value: object) -> object:
    """Something to call, or None."""
    if value is not None and (not callable(value) or isinstance(value, type)):
        raise InvalidTypeError(
            f"{name} is {'the class ' + value.__name__ if isinstance(value, type) else 'a ' + type(value).__name__}; "
            "give a torch module or a function from images (n, channels, height, width) to features"
        )
    return value


class ImageModality(ConvolutionalModality):
    """Images (C, H, W); see `ImageGAN` for the parameters."""

    # the codec checks the layout
    constraints: ClassVar[Constraints] = {
        **ConvolutionalModality.constraints,
        "layout": lambda _, value: value,
        "encoder": checked_encoder,
    }
    stores_samples = True
    layout: str
    _policy = ("translation", "cutout")

    def codec(self, mode: str | None = None) -> ImageCodec:
        """Pixels to [-1, 1]; images of 8 bits stay bytes until a batch of them goes to a network."""
        return ImageCodec(self.layout, mode)

    def _values(self, codec: ImageCodec) -> PixelValues:
        scale = codec.scale_
        ends = (scale.middle, scale.half, scale.low, scale.high)
        return PixelValues(ends, scale.bends, codec.layout_, exact=codec.dtype_ not in (np.uint8, np.bool_))


@register
class ImageGAN(ConvolutionalGAN):
    """Class-conditional GAN for images: grey, RGB or any number of channels, from 8 to 256 pixels a side.

    Parameters
    ----------
    objective : {"relativistic", "non-saturating", "minimax", "least-squares", "wasserstein", "hinge"}
        Losses of the two networks. The default, paired relativistic logits
        with R1 and R2 penalties (Huang et al. 2024), covers every mode of the data.
    architecture : {"residual", "dcgan", "style"}
        "residual": blocks without normalisation after R3GAN. "dcgan": plain
        strided convolutions (Radford et al. 2016). "style": mapping network,
        modulated convolutions and noise after StyleGAN2 (Karras et al. 2020).
    conditioning : {"projection", "concat", "auxiliary"}
        How the discriminator is told the class.
    max_steps : int or None, default=None
        Steps of training. None is 2000, or as many as ``max_time`` allows.
    max_time : float, str or None, default=None
        Seconds, or for example "5min", of a fit with all that it needs first: reading ``X``, a measured step and the
        small networks that judge, which get at most a fifth. It plans its own width and steps, says so if
        ``verbose``, and ends with what it has, so that a tight limit is passed by a step and a last look. Not counted:
        the network for `score_samples` and `save`, which is trained when it is asked for.
        With ``scope="per-class"`` each class has that time. A result that was cut short by the clock does not repeat.
    batch_size : int, default=64
        Real images for each step.
    learning_rate : float, default=2e-3
        Of both networks; falls to zero over the second half of the steps.
    channels : int or None, default=None
        Feature maps at full resolution, where nearly all the time goes. None
        goes by the number of pixels: 16 at 28 x 28, 8 at 128 x 128.
    max_channels : int, default=64
        The most feature maps anywhere; they double where the resolution halves.
    latent_dim : int, default=64
        Dimensions of the noise that becomes an image.
    penalty : float, default=1.0
        Factor on the objective's gradient penalties. A larger one makes training steadier and images blurrier.
    penalty_every : int, default=4
        Steps between two penalties, whose weight grows by the same factor.
    augment : "auto", list of str, or None, default="auto"
        Differentiable augmentation of what the discriminator sees, real and synthetic images alike, so that few
        images are not memorised (Zhao et al. 2020): names in `ganaug.augmentation.POLICIES`. They
        fade out before the end. "auto" is translation and cutout if each image is drawn more than 100 times on
        average, else nothing: in shorter trainings it costs more than it gains. Mirror images ("flip") are
        not included, because they change the meaning of digits, text and many organs.
    layout : {"auto", "NHW", "NHWC", "NCHW"}, default="auto"
        Of the images given.
    encoder : torch.nn.Module or callable, optional
        What the discriminator sees images with in place of its own layers: a network trained elsewhere, from images to
        features (n, F), feature maps (n, F, height, width), or a list of those, best at several resolutions. Each has
        a small discriminator of its own behind fixed random mixtures, after Projected GANs (Sauer et al. 2021); the
        generator stays that of ``architecture``. It is called with float32 tensors (n, channels, height, width) from
        -1 to 1 and has to resize, repeat channels and normalise by itself; a gradient must pass through. A module is
        copied, set to ``eval()`` and not trained; a function may be called from several threads. Files hold no
        encoder, sampling needs none, and `score_samples` does not use it. Not together with ``checkpoint``; with
        ``warm_start`` the discriminator begins again. None: the discriminator of ``architecture``.
    scope : {"shared", "per-class"}, default="shared"
        What `GANOversampler` and `balance` train: one GAN on all classes, from which the rare
        ones learn what images look like, or one for each class that needs images, on this class against the rest.
    class_power : float, default=0.0
        Classes are drawn in proportion to ``images ** class_power``: 0 draws them
        evenly, 1 as often as they occur.
    validation_fraction : float, default=0.1
        Share of each class with at least 100 images that is held out (at most 400
        images) to choose the best snapshot. Smaller classes are validated on
        their training images.
    patience : int or None, default=None
        Evaluations (20 in a whole training) without improvement after which to stop.
    curate : bool or list of str, default=("copies", "outliers")
        Rules that refuse an image, which is then drawn again: "copies", much nearer to a
        training image than those are to each other; "outliers"; and images that a small classifier, trained
        in addition to the GAN, assigns to an "other_class". True is all, False none. `GANOversampler` and `balance`
        use all, since that helps a classifier; without "other_class" the images are more like the class.
    min_probability : float, default=0.3
        Class-balanced probability that the classifier of "other_class" must give
        to the image's own class; less for classes that it recognises less well.
    checkpoint : str, path or None, default=None
        A file that holds the state of the training while it runs. If the process is killed, the same ``fit`` on the
        same data continues from there, on a CPU to the same result bit for bit. It is removed at the end. A path that
        cannot be written to is refused before the training; if a write fails later, the training warns once and
        continues. A damaged file is refused and left as it is: remove it to start from the beginning. At SIGTERM and
        SIGHUP the file is written, and then the process ends as it would have.
        It holds no image, but the discriminator that sees them and can tell them from others: store it where the data
        may be stored. Of a folder, or a dataset that knows its files and labels, whose decoded images take more than
        512 MB, these lie beside it while the training runs (its name with ".images.npy"), so that a ``fit`` that goes
        on does not decode them again; they are removed with it. So do `balance` and the command line.
    checkpoint_every : int or str, default="60s"
        Steps, or a time such as "60s", between two writes of it.
    callbacks : list of callable, optional
        Each is called with an `Event` at every logged step; if it returns a
        string, training stops and the string becomes `stop_reason_`.
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the earlier fit, for ``max_steps`` more. After loading or copying,
        the discriminator is that of `score_samples`, which has to learn the training data again.
    random_state : int, RandomState, Generator or None, default=None
        An integer makes fit and samples repeat, on any number of cores.
    device : str, default="auto"
        "auto" (CUDA, then MPS, then CPU), or a device of torch.
    verbose : bool or "auto", default="auto"
        Progress bar: "auto" shows it on a terminal and in notebooks.

    Attributes
    ----------
    classes_ : ndarray or None
        Labels.
    class_counts_ : ndarray of shape (n_classes,)
        Images of each.
    history_ : DataFrame
        One row for each logged step: losses, gradient norms, mean logits, and
        "quality" and "diversity" where samples were evaluated.
    n_steps_, best_step_ : int
        Steps done, and the step of the snapshot that was kept (0: none was better than the start).
    quality_ : float
        Energy quality of the kept snapshot on held-out images, on a scale on which the untrained generator has 0
        and unseen real images have 1 (a little more by chance). It is multiplied by the share of its class that a judge
        recognises in the samples ("recognised" in `history_`; 1 where it knows the classes no better than by chance):
        samples of no class have a quality near 0, however real they look.
    stop_reason_ : str
        "max_steps", "max_time", "no_improvement", "interrupted", "diverged",
        "mode_collapse", or what a callback returned.
    curation_ : dict
        After ``sample``: for each label ("all" without labels) the candidates
        drawn and kept, and those that each rule refused. ``"copies": None``
        means that copies were not checked, because the model was loaded or
        copied: what they are compared with stays in the process that fitted,
        unless it was saved by ``save(..., keep_copies_check=True)``.
    n_features_in_ : int
        Values of an image.

    References
    ----------
    Huang et al. (2024), The GAN is dead; long live the GAN! Miyato and Koyama (2018), cGANs with
    Projection Discriminator. Zhao et al. (2020), Differentiable Augmentation for Data-Efficient GAN Training. Sauer et
    al. (2021), Projected GANs Converge Faster.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug import ImageGAN
    >>> rng = np.random.default_rng(0)
    >>> X = rng.integers(0, 256, size=(60, 8, 8), dtype=np.uint8)
    >>> y = np.where(np.arange(60) < 20, "defect", "fine")
    >>> gan = ImageGAN(max_steps=2, batch_size=8, channels=2, max_channels=4, random_state=0).fit(X, y)
    >>> X_new, y_new = gan.sample(5, label="defect")
    >>> X_new.shape, X_new.dtype, set(y_new.tolist())
    ((5, 8, 8), dtype('uint8'), {'defect'})
    """

    _kind = ImageModality
    encoder: Callable[[Tensor], object] | None = None  # pickles of earlier versions have none

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
        augment: str | Sequence[str] | bool | None = "auto",
        layout: str = "auto",
        scope: str = "shared",
        class_power: float = 0.0,
        validation_fraction: float = 0.1,
        patience: int | None = None,
        curate: bool | str | Iterable[str] = SAMPLES_LIKE_THE_CLASS,
        min_probability: float = 0.3,
        checkpoint: str | PathLike[str] | None = None,
        checkpoint_every: int | str = "60s",
        encoder: Callable[[Tensor], object] | None = None,
        callbacks: list[Watcher] | None = None,
        warm_start: bool = False,
        random_state: Seed = None,
        device: str = "auto",
        verbose: bool | str = "auto",
    ) -> None:
        super().__init__(
            objective=objective,
            architecture=architecture,
            conditioning=conditioning,
            max_steps=max_steps,
            max_time=max_time,
            batch_size=batch_size,
            learning_rate=learning_rate,
            channels=channels,
            max_channels=max_channels,
            latent_dim=latent_dim,
            penalty=penalty,
            penalty_every=penalty_every,
            augment=augment,
            scope=scope,
            class_power=class_power,
            validation_fraction=validation_fraction,
            patience=patience,
            curate=curate,
            min_probability=min_probability,
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
            callbacks=callbacks,
            warm_start=warm_start,
            random_state=random_state,
            device=device,
            verbose=verbose,
        )
        self.layout = layout
        self.encoder = encoder

    def _check_parameters(self) -> dict[str, Any]:
        if self.encoder is not None and self.checkpoint is not None:
            raise InvalidParameterError(
                "checkpoint cannot be given together with encoder: its file holds no encoder, so that a training that "
                "is continued might go on with another one; leave one of them out"
            )
        return super()._check_parameters()
