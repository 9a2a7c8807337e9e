"""Series, volumes and short videos as a modality, and the GAN for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import PathLike
from typing import ClassVar

from ganaug.encoding.series_codec import KNEE, SeriesCodec
from ganaug.estimators.base import checked_switch
from ganaug.estimators.convolutional import ConvolutionalGAN, ConvolutionalModality, checked_augment
from ganaug.estimators.custom import register
from ganaug.estimators.exported import SignalValues
from ganaug.estimators.fitting import Constraints, Seed
from ganaug.estimators.modality import Draw, Filter, Task
from ganaug.estimators.smoothing import NoiseFloor
from ganaug.exceptions import InvalidParameterError
from ganaug.filtering import SAMPLES_LIKE_THE_CLASS
from ganaug.networks import IMAGE_ARCHITECTURES
from ganaug.training.loop import Watcher
from ganaug.utils import validation
from ganaug.utils.types import Arrays, IntArray

__all__ = ["SeriesGAN", "SeriesModality"]

# Whose layers know images only.
FOR_IMAGES = ("style",)


def _checked_architecture(name: str, value: object) -> str:
    known = sorted((own for own in IMAGE_ARCHITECTURES if own not in FOR_IMAGES), key=lambda own: own != "residual")
    return validation.choice(name, value, known)


def _checked_augment(name: str, value: object) -> object:
    checked_augment(name, value)
    if isinstance(value, (list, tuple)) and set(value) & {"color", "flip"}:
        raise InvalidParameterError(f"{name}={value!r}: color and flip are for images")
    return value


class SeriesModality(ConvolutionalModality):
    """Series (C, length) and volumes (C, D, H, W); see `SeriesGAN` for the parameters."""

    constraints: ClassVar[Constraints] = {
        **ConvolutionalModality.constraints,
        "architecture": _checked_architecture,
        "augment": _checked_augment,
        "noise_floor": checked_switch,
    }
    noise_floor: bool
    _policy = ("translation", "scale")

    def codec(self, mode: str | None = None) -> SeriesCodec:
        """Each channel to a robust scale, the amplitude of each series restored."""
        return SeriesCodec()

    def _values(self, codec: SeriesCodec) -> SignalValues:
        scale = codec.scale_
        ends = (scale.centre, scale.scale, scale.low, scale.high)
        return SignalValues(ends, KNEE, len(codec.shape) - 1, flat=codec.is_flat)

    def _smoother(self, task: Task, counts: IntArray, draw: Draw, found: Filter | None) -> NoiseFloor | None:
        if not self.noise_floor or task.x.ndim != 3:
            return None
        return NoiseFloor.fit(task.x, task.y, task.sampled, lambda condition, n: draw(condition, n, "noise floor"))

    def _read_smoother(self, arrays: Arrays, codec: SeriesCodec, sampled: Sequence[int]) -> NoiseFloor:
        return NoiseFloor.of_arrays(arrays, codec.shape, sampled)


@register
class SeriesGAN(ConvolutionalGAN):
    """Class-conditional GAN for series (n, channels, length), and for volumes or short videos (n, C, D, H, W).

    The networks of `ImageGAN` with convolutions in one dimension, or three. Series may have any length from 8
    on; each channel's amplitude is restored. A DataFrame with a column for each step is accepted, too.

    Parameters
    ----------
    objective : {"relativistic", "non-saturating", "minimax", "least-squares", "wasserstein", "hinge"}
        Losses of the two networks; see `ImageGAN`.
    architecture : {"residual", "dcgan"}
        Residual blocks without normalisation, or plain strided convolutions.
    conditioning : {"projection", "concat", "auxiliary"}
        How the discriminator is told the class.
    max_steps : int or None, default=None
        Steps of training. None is 2000, or as many as ``max_time`` allows.
    max_time : float, str or None, default=None
        Seconds, or for example "5min". The training plans its own width and
        steps for it, says so if ``verbose``, and ends with what it has. A
        result that was cut short by the clock does not repeat.
    batch_size : int, default=64
        Real samples for each step.
    learning_rate : float, default=2e-3
        Of both networks; falls to zero over the second half of the steps.
    channels : int or None, default=None
        Feature maps at full resolution. None goes by the size: 32 for up to 400 steps.
    max_channels : int, default=64
        The most feature maps anywhere; they double where the resolution halves.
    latent_dim : int, default=64
        Dimensions of the noise that becomes a sample.
    penalty : float, default=1.0
        Factor on the objective's gradient penalties. A larger one makes training steadier and samples smoother.
    penalty_every : int, default=4
        Steps between two penalties, whose weight grows by the same factor.
    augment : "auto", list of str, or None, default="auto"
        Differentiable augmentation of what the discriminator sees, real and synthetic samples alike: names in
        `ganaug.augmentation.POLICIES`; they fade out before the end. "auto" is shift and scale if each sample
        is drawn more than 100 times on average, else nothing.
    noise_floor : bool, default=True
        Whether to add the noise that the networks leave out: noise that is independent at each step, as sensors
        have it, is more than they can generate, and a classifier tells signals without it from real ones. How much
        of it each class and channel lacks, and at which frequencies, is measured after the training; clean signals
        stay clean. Not for volumes.
    scope : {"shared", "per-class"}, default="shared"
        What `GANOversampler` and `balance` train: one GAN on all classes, or one for each
        class that needs samples, on this class against the rest.
    class_power : float, default=0.0
        Classes are drawn in proportion to ``samples ** class_power``: 0 draws them
        evenly, 1 as often as they occur.
    validation_fraction : float, default=0.1
        Share of each class with at least 100 samples that is held out (at most 400)
        to choose the best snapshot. Smaller classes are validated on their training samples.
    patience : int or None, default=None
        Evaluations (20 in a whole training) without improvement after which to stop.
    curate : bool or list of str, default=("copies", "outliers")
        Rules that refuse a sample, which is then drawn again: "copies", "outliers", "other_class"; see `ImageGAN`.
    min_probability : float, default=0.3
        Class-balanced probability that the classifier of "other_class" must give
        to the sample's own class; less for classes that it recognises less well.
    checkpoint : str, path or None, default=None
        A file that holds the state of the training while it runs; see `ImageGAN`.
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
    classes_, class_counts_, history_, n_steps_, best_step_, quality_, stop_reason_, curation_, n_features_in_
        As in `ImageGAN`.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug import SeriesGAN
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 2, 24)).cumsum(axis=2)
    >>> y = np.where(np.arange(60) < 20, "arrhythmia", "sinus")
    >>> gan = SeriesGAN(max_steps=2, batch_size=8, channels=2, max_channels=4, random_state=0).fit(X, y)
    >>> X_new, y_new = gan.sample(5, label="arrhythmia")
    >>> X_new.shape
    (5, 2, 24)
    """

    _kind = SeriesModality

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
        noise_floor: bool = True,
        scope: str = "shared",
        class_power: float = 0.0,
        validation_fraction: float = 0.1,
        patience: int | None = None,
        curate: bool | str | Iterable[str] = SAMPLES_LIKE_THE_CLASS,
        min_probability: float = 0.3,
        checkpoint: str | PathLike[str] | None = None,
        checkpoint_every: int | str = "60s",
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
        self.noise_floor = noise_floor
