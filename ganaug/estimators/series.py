"""Series, volumes and short videos as a modality, and the GAN for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from scipy.fft import dct, idct
from torch import Tensor, nn

from ganaug.augmentation import Augmentation, direct
from ganaug.encoding.containers import WideFrame
from ganaug.encoding.numeric import KNEE
from ganaug.encoding.sample_arrays import SampleFormat, open_samples
from ganaug.encoding.series_codec import Gaps, SeriesCodec, ends_of, of_equal_length
from ganaug.estimators.base import checked_switch
from ganaug.estimators.convolutional import ConvolutionalGAN, ConvolutionalModality, checked_augment, preset_channels
from ganaug.estimators.custom import register
from ganaug.estimators.fitting import Constraints, Seed
from ganaug.estimators.latents import SignalValues
from ganaug.estimators.modality import Design, Draw, Filter, Task
from ganaug.estimators.smoothing import NoiseFloor, no_floor
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError, ModelFileError
from ganaug.filtering import SAMPLES_LIKE_THE_CLASS
from ganaug.networks import SERIES_ARCHITECTURES, NetworkPair
from ganaug.networks.components import ComponentDiscriminator, ComponentGenerator
from ganaug.training.loop import Watcher
from ganaug.training.train_state import TrainConfig
from ganaug.utils import types
from ganaug.utils.determinism import child_seed, numpy_generator
from ganaug.utils.state import expect
from ganaug.utils.types import Array, Arrays, Config, FloatArray, IntArray

__all__ = ["SeriesGAN", "SeriesModality", "SeriesSmoother", "SeriesValues", "padded"]

# Noise on the components of real series of a class of one, in normal scores; less for more, as for tables.
JITTER = 0.3
# Share of the variance that components hold together, where so many are enough for it: what is beyond is noise.
VARIANCE, MOST = 0.99, 64
# Series by which they are chosen, and values of them; more would not change them much.
LOOKED_AT, VALUES_LOOKED_AT = 10_000, 10_000_000
# Series of a class by which the shares of levels are matched.
MAPPED = 512
# Series of a class from which on a channel that is flat in all of them is flat.
FLAT = 5
# Whose layers know images only.
FOR_IMAGES = ("style",)


def _checked_architecture(name: str, value: object) -> str:
    return types.choice(name, value, ["auto", *sorted(own for own in SERIES_ARCHITECTURES if own not in FOR_IMAGES)])


def _checked_augment(name: str, value: object) -> object:
    checked_augment(name, value)
    if isinstance(value, (list, tuple)) and set(value) & {"color", "flip"}:
        raise InvalidParameterError(f"{name}={value!r}: color and flip are for images")
    return value


class SeriesValues(nn.Module):
    """From a network's series to values: by `SignalValues`, to the levels of discrete channels, NaN in gaps."""

    def __init__(self, codec: SeriesCodec) -> None:
        super().__init__()
        scale, dims = codec.scale_, len(codec.shape) - 1
        self.channels, self.flat, self.gaps = len(codec.levels_), codec.is_flat, codec.gaps_
        self.values = SignalValues((scale.centre, scale.scale, scale.low, scale.high), KNEE, dims, flat=False)
        self.levels = [None if one is None else torch.from_numpy(one.copy()) for one in codec.levels_]

    def forward(self, unit: Tensor) -> Tensor:
        """(B, C + gaps, *spatial) -> (B, C, *spatial), or (B, length)."""
        found = self.values(unit[:, : self.channels])
        if any(levels is not None for levels in self.levels):
            found = torch.stack(
                [_snapped(part, own) for part, own in zip(found.unbind(1), self.levels, strict=True)], 1
            )
        if self.gaps is not None:
            found = found.masked_fill(self._missing(unit[:, self.channels :], self.gaps), torch.nan)
        return found[:, 0] if self.flat else found

    def _missing(self, masks: Tensor, gaps: Gaps) -> Tensor:
        """As `Gaps.missing`. (B, count, L) -> (B, C, L)."""
        steps = torch.arange(masks.shape[2], device=masks.device)
        before = torch.ones_like(masks[:, 0], dtype=torch.bool)
        if gaps.lengths is not None:
            before = steps < (masks[:, -1] > 0).sum(1, keepdim=True).clamp(*gaps.lengths)
        shown = [before & (masks[:, place] > 0) for place in range(len(gaps.empty))]
        bare = [~own.any(1, keepdim=True) for own in shown]
        none = torch.stack(bare).all(0) if gaps.values_needed else torch.zeros_like(before[:, :1])
        for place, empty in enumerate(gaps.empty):
            at = masks[:, place].masked_fill(~before, -torch.inf).argmax(1, keepdim=True)
            shown[place] = shown[place] | ((none if empty else bare[place]) & (steps == at))
        return torch.stack([~(before if place < 0 else shown[place]) for place in gaps.group], 1)


def _snapped(values: Tensor, levels: Tensor | None) -> Tensor:
    """The nearest levels of a channel, as `ganaug.encoding.numeric.snapped` has it."""
    if levels is None or not len(levels):
        return values if levels is None else values.round()
    levels = levels.to(values.device)
    return levels[(values.unsqueeze(-1) > (levels[1:] + levels[:-1]) / 2).sum(-1)]


class SeriesModality(ConvolutionalModality):
    """Series (C, length) and volumes (C, D, H, W); see `SeriesGAN` for the parameters."""

    constraints: ClassVar[Constraints] = {
        **ConvolutionalModality.constraints,
        "architecture": _checked_architecture,
        "augment": _checked_augment,
        "noise_floor": checked_switch,
    }
    design = (*ConvolutionalModality.design, "components")
    reads_unequal = True
    noise_floor: bool
    architectures = SERIES_ARCHITECTURES
    _policy = ("translation", "scale")
    # No parameter: components of the cosine transform, none where networks are convolutions.
    components: ClassVar[int | None] = None

    def codec(self, mode: str | None = None) -> SeriesCodec:
        """Each channel to a robust scale, the amplitude of each series restored."""
        return SeriesCodec()

    def networks(
        self, codec: SeriesCodec, n_conditions: int, rng: torch.Generator, *, components: int = 0, **design: Any
    ) -> NetworkPair:
        """Perceptrons on components, or convolutions of one or three dimensions."""
        own = {"components": components} if components else {}
        return super().networks(codec, n_conditions, rng, **design, **own)

    def config(self, task: Task) -> tuple[Design, TrainConfig]:
        """As for images; how many components there are goes by the series."""
        design = dict(task.design)
        if design["architecture"] == "auto":
            design["architecture"] = _architecture_for(task)
        if design["architecture"] != "components":
            return super().config(replace(task, design={**design, "components": 0}))
        if task.x.ndim != 3:
            raise InvalidParameterError('architecture="components" is for series, not for volumes; leave it "auto"')
        if design["components"] is None:
            design["components"] = len(CosineComponents.of(task).scale)
        if design["channels"] is None:  # nothing that a limit on time could make narrower
            design["channels"] = preset_channels(task.codec.shape)
        design, config = super().config(replace(task, design=design))
        # noise on the components takes the place of shifts, which would move a series to components that it has not
        return design, replace(config, parts=1, pipe=direct if self.augment == "auto" else config.pipe)

    def _players(self, pair: NetworkPair, task: Task, rng: torch.Generator) -> NetworkPair:
        """Networks that know the components of the series."""
        generator, discriminator = pair = super()._players(pair, task, rng)
        if isinstance(generator, ComponentGenerator) and isinstance(discriminator, ComponentDiscriminator):
            found = CosineComponents.of(task)
            generator.scores.learn(found.mean.reshape(-1), found.basis(), found.scores, found.weights)
            discriminator.take_fixed(generator)
        return pair

    def _augmentation(self, task: Task, counts: IntArray, pair: NetworkPair) -> Augmentation:
        """Noise on the components of real series, more for scarcer classes; none where networks are convolutions."""
        if not isinstance(pair.generator, ComponentGenerator):
            return super()._augmentation(task, counts, pair)
        scores, spread = pair.generator.scores, JITTER * np.maximum(counts, 1) ** -0.2
        scale = torch.tensor(spread[:, None], dtype=torch.float32, device=task.device)
        return lambda x, labels, rng: scores.jittered(x, scale[labels], rng)

    def _values(self, codec: SeriesCodec) -> SeriesValues:
        return SeriesValues(codec)

    def _smoother(self, task: Task, counts: IntArray, draw: Draw, found: Filter | None) -> NoiseFloor | None:
        if task.x.ndim != 3:
            return None
        return SeriesSmoother.of(task, draw, noise=bool(self.noise_floor))

    def _read_smoother(self, arrays: Arrays, codec: SeriesCodec, sampled: Sequence[int]) -> NoiseFloor:
        return SeriesSmoother.read(arrays, codec, sampled)


def _architecture_for(task: Task) -> str:
    """Components where a few hold what there is of the series, convolutions for jolts, noise, gaps and levels."""
    if task.x.ndim != 3:
        return "residual"
    switches = task.codec.gaps_ is not None or task.codec.encoded_levels()
    return "components" if not switches and CosineComponents.of(task).held >= VARIANCE else "dcgan"


@dataclass(frozen=True)
class CosineComponents:
    """The strongest components of the discrete cosine transform of each channel.

    Cosines are the same whatever the series. Principal components would be some fewer, but each is a mixture of the
    training series, which lie nearer to them than others do: by that alone they can be told from unseen ones.

    Attributes
    ----------
    mean : ndarray of shape (C, length)
    places : ndarray of shape (k,), int64
        Components of all channels end to end, the strongest first.
    scale : ndarray of shape (k,)
        Standard deviation of each, all classes weighing the same.
    scores : ndarray of shape (n, k), float32
        Components of the series, in these units.
    held : float
        Share of the variance that they hold.
    weights : ndarray of shape (n,), float32
        Of the series, those of each class the same together.
    """

    mean: FloatArray
    places: IntArray
    scale: FloatArray
    scores: FloatArray
    held: float
    weights: FloatArray

    @classmethod
    def of(cls, task: Task) -> CosineComponents:
        """Of the series that the networks see: as many as the design has, else those that `VARIANCE` asks for."""
        rows = task.train
        most = max(1000, min(LOOKED_AT, VALUES_LOOKED_AT // task.x[0].size))
        if len(rows) > most:
            rows = np.sort(numpy_generator(task.seed, "components").choice(rows, most, replace=False))
        series, classes = task.x[rows].astype(np.float64), task.y[rows]
        mean = series.mean(0)
        found = dct(series - mean, norm="ortho", axis=2).reshape(len(rows), -1)
        power = np.mean([np.square(found[classes == one]).mean(0) for one in np.unique(classes)], axis=0)
        order = np.argsort(-power, kind="stable")
        enough = 1 + int(np.searchsorted(np.cumsum(power[order[:MOST]])[:-1], VARIANCE * power.sum()))
        # a fit that continues on other series has the networks of the earlier one
        places = order[: task.design["components"] or enough]
        scale = np.sqrt(np.maximum(power[places], 1e-12))
        scores = (found[:, places] / scale).astype(np.float32)
        held = float(power[places].sum() / max(power.sum(), 1e-30)) if power.any() else 1.0
        weights = (1 / np.bincount(classes)[classes]).astype(np.float32)
        return cls(mean.astype(np.float32), places, scale, scores, held, weights)

    def basis(self) -> FloatArray:
        """Cosines as long as the standard deviation along them. (k, C * length)."""
        channels, length = self.mean.shape
        out = np.zeros((len(self.places), channels, length))
        channel, wave = np.divmod(self.places, length)
        out[np.arange(len(out)), channel] = idct(np.eye(length)[wave], norm="ortho", axis=1) * self.scale[:, None]
        return out.reshape(len(out), -1).astype(np.float32)


class SeriesSmoother(NoiseFloor):
    """The noise floor, as many values at each level of discrete channels and gaps as the class has, and flat channels.

    A generator makes smooth curves, which cross the threshold between two levels too rarely where a level is rare or
    comes and goes at random. After the noise, the curve of each such channel is therefore mapped so that the shares of
    the levels are those of the real series (quantile mapping). A channel that is flat in all series of a class, such as
    that of a dead sensor, is flat in new ones too.

    Parameters
    ----------
    conditions, floors : ndarray
        As in `NoiseFloor`.
    bounds : dict of int to ndarray of shape (levels - 1,)
        Encoded thresholds between the levels of a channel.
    found : dict of int to ndarray of shape (k, levels - 1), float32
        Values of each condition that become these thresholds.
    flat : ndarray of shape (k, C), float32
        Of a channel that is the same in all series of a condition: its encoded value. Infinite of one that is flat in
        each of them, at a value of its own; NaN of all others.
    """

    def __init__(
        self,
        conditions: IntArray,
        floors: FloatArray,
        bounds: dict[int, Array],
        found: dict[int, FloatArray],
        flat: FloatArray,
    ) -> None:
        super().__init__(conditions, floors)
        self.bounds, self.found, self.flat = bounds, found, flat

    @classmethod
    def of(cls, task: Task, draw: Draw, *, noise: bool) -> SeriesSmoother | None:
        """Compare real series with a generator's own."""
        x, y, codec = task.x, task.y, task.codec
        levels = codec.encoded_levels()
        bounds = {channel: at for channel, (_, at) in levels.items()}

        def levelled(condition: int, n: int) -> FloatArray:
            rows = np.array(draw(condition, n, "noise floor"), np.float32)
            for channel, (values, at) in levels.items():
                rows[:, channel] = values[np.searchsorted(at, rows[:, channel])]
            return rows

        floor = NoiseFloor.fit(x, y, task.sampled, levelled, list(bounds)) if noise else None
        flat = _flat_channels(x, y, task.sampled)
        if floor is None and not bounds and np.isnan(flat).all():
            return None
        conditions = np.asarray(task.sampled, np.int64)
        floors = no_floor(len(conditions), x.shape[1:]) if floor is None else floor.floors
        if codec.gaps_ is not None and codec.gaps_.lengths is not None:
            floors[:, -1] = 0
        own = cls(conditions, floors, {}, {}, flat)
        made = [
            own.smoothed(np.array(draw(c, MAPPED, "levels"), np.float32), c, child_seed(task.seed, c))
            for c in conditions
        ]
        found = {
            channel: np.stack(
                [_matched(x[y == c][:, channel], new[:, channel], at) for c, new in zip(conditions, made, strict=True)]
            )
            for channel, at in bounds.items()
        }
        return cls(conditions, floors, bounds, found, flat)

    def smoothed(self, rows: FloatArray, condition: int, seed: int) -> FloatArray:
        """With noise, channels of few values mapped, and flat ones flat. (n, C, length) -> (n, C, length)."""
        rows = super().smoothed(rows, condition, seed) if self.floors.any() else rows.copy()
        place = int(np.flatnonzero(self.conditions == condition)[0])
        for channel, at in self.bounds.items():
            values, own = rows[:, channel], self.found[channel][place]
            beyond = np.minimum(values - own[0], 0) + np.maximum(values - own[-1], 0)
            rows[:, channel] = np.interp(values, own, at) + beyond
        for still, value in enumerate(self.flat[place].tolist()):
            if not np.isnan(value):
                rows[:, still] = value if np.isfinite(value) else rows[:, still].mean(1, keepdims=True)
        return rows

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """What a file keeps of it."""
        flat = {} if np.isnan(self.flat).all() else {"flat": self.flat}
        return super().arrays() | {f"found.{channel}": own for channel, own in self.found.items()} | flat

    @classmethod
    def read(cls, arrays: Arrays, codec: SeriesCodec, conditions: Sequence[int]) -> SeriesSmoother:
        """The counterpart of `arrays`; raises ModelFileError if they do not fit."""
        floor = NoiseFloor.of_arrays(arrays, codec.shape, conditions)
        bounds = {channel: at for channel, (_, at) in codec.encoded_levels().items() if f"found.{channel}" in arrays}
        found = {c: expect(arrays, f"found.{c}", (len(conditions), len(at)), np.float32) for c, at in bounds.items()}
        if not all(np.isfinite(own).all() and (np.diff(own) > 0).all() for own in found.values()):
            raise ModelFileError("the stored levels of the series have shares that are none")
        size = (len(conditions), codec.shape[0])
        flat = expect(arrays, "flat", size, np.float32) if "flat" in arrays else np.full(size, np.nan, np.float32)
        return cls(floor.conditions, floor.floors, bounds, found, flat)


def _flat_channels(x: FloatArray, y: IntArray, conditions: Sequence[int]) -> FloatArray:
    """What `SeriesSmoother` keeps of them. (n, C, length), (n,) -> (len(conditions), C)."""
    flat = np.full((len(conditions), x.shape[1]), np.nan, np.float32)
    for place, condition in enumerate(conditions):
        own = x[y == condition]
        if len(own) >= FLAT:
            still = (own == own[..., :1]).all(axis=(0, 2))
            flat[place, still] = np.where((own[:, still, 0] == own[0, still, 0]).all(0), own[0, still, 0], np.inf)
    return flat


def _matched(real: FloatArray, made: FloatArray, at: Array) -> FloatArray:
    """Values of what was made below which there are as many as real ones below each threshold. -> (levels - 1,)."""
    shares = (real.ravel()[:, None] <= at).mean(0)
    values = np.quantile(made, shares)
    # a level that the class does not have is out of reach
    values = np.where(
        shares == 0, min(made.min(), at[0]) - 1, np.where(shares == 1, max(made.max(), at[-1]) + 1, values)
    )
    return (np.maximum.accumulate(values) + 1e-4 * np.arange(len(at))).astype(np.float32)


def padded(X: Any, lengths: object) -> Any:
    """Series (n, length) or (n, channels, length) as floats, NaN from their lengths on.

    Parameters
    ----------
    X : ndarray or tensor
        Padded with anything. Not changed.
    lengths : array-like of shape (n,), int
        Steps of each series, from 1 to its padded length.

    Returns
    -------
    ndarray or tensor
        Floats: those of X, float64 for integers (float32 where they have 8 or 16 bits), on the CPU.

    Raises
    ------
    InvalidDataError, InvalidTypeError
        If the lengths do not fit the series.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug.estimators.series import padded
    >>> padded(np.arange(10.0).reshape(2, 5), [5, 3])[1]
    array([ 5.,  6.,  7., nan, nan])
    """
    if isinstance(X, (pd.DataFrame, list, tuple)) or not hasattr(X, "shape"):
        remedy = "read it into one (numpy.asarray)"
        if isinstance(X, (list, tuple)):
            remedy = "leave lengths= out where each series has its own length already, else stack them (numpy.stack)"
        remedy = "leave what follows the end NaN" if isinstance(X, pd.DataFrame) else remedy
        raise InvalidTypeError(f"lengths= needs X as an array or tensor, not a {type(X).__name__}; {remedy}")
    array, form = open_samples(X, "series")
    if array.ndim not in (2, 3):
        raise InvalidDataError(f"lengths= is for series (n, channels, length) or (n, length), not {array.shape}")
    try:
        steps = np.asarray(lengths)
    except ValueError as error:
        raise InvalidDataError(f"lengths must hold one integer for each series, not lists: {error}") from error
    if steps.shape != (len(array),) or steps.dtype.kind not in "iu":
        raise InvalidDataError(
            f"lengths must hold one integer for each of the {len(array)} series; got {steps.dtype} of {steps.shape}"
        )
    odd = np.flatnonzero((steps < 1) | (steps > array.shape[-1]))
    if len(odd):
        raise InvalidDataError(
            f"lengths[{odd[0]}] is {steps[odd[0]]}, but series have 1 to {array.shape[-1]} steps; drop empty ones"
        )
    out = array.astype(array.dtype if array.dtype.kind == "f" else np.result_type(array.dtype, np.float32))
    after = np.arange(array.shape[-1]) >= steps.reshape(-1, *(1,) * (array.ndim - 1))
    out[np.broadcast_to(after, array.shape)] = np.nan
    return (form if form.name == "bfloat16" else SampleFormat(form.tensor, out.dtype.str)).close(out)


@register
class SeriesGAN(ConvolutionalGAN):
    """Class-conditional GAN for series (n, channels, length), and for volumes or short videos (n, C, D, H, W).

    The networks of `ImageGAN` with convolutions in one dimension, or three. Series may have any length from 4
    on; each channel's amplitude is restored. A DataFrame with a column for each step is accepted, too, and a list of
    series of unequal length.

    NaN is a gap, or, after the last value of all channels, what a shorter series lacks: where and how often there are
    gaps, and how long series are, is learnt for each class, and samples have NaN in the same way. A channel of at most
    32 different values, each in two series at least (a switch, a stage of sleep by number), keeps to these, and a
    channel of whole numbers to whole numbers; those between two levels count as between in size.

    Parameters
    ----------
    objective : {"relativistic", "non-saturating", "minimax", "least-squares", "wasserstein", "hinge"}
        Losses of the two networks; see `ImageGAN`.
    architecture : {"auto", "components", "residual", "dcgan"}
        "components": perceptrons of ``2 * max_channels`` units on the discrete cosine transform of the channels: on the
        components that hold 99 % of the variance, at most 64. "residual": residual blocks of convolutions without
        normalisation; "dcgan": plain strided convolutions. "auto" is "components" for smooth curves, of which 64
        hold 99 % of the variance and which have no gaps and no channels of few values; "dcgan" for all other series;
        "residual" for volumes. Components take a quarter of the time of "dcgan".
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
        Real samples for each step.
    learning_rate : float, default=2e-3
        Of both networks; falls to zero over the second half of the steps.
    channels : int or None, default=None
        Feature maps of convolutions at full resolution. None goes by the size: 32 for up to 400 steps.
    max_channels : int, default=64
        The most feature maps anywhere; they double where the resolution halves. Half of the units of perceptrons.
    latent_dim : int, default=64
        Dimensions of the noise that becomes a sample.
    penalty : float, default=1.0
        Factor on the objective's gradient penalties. A larger one makes training steadier and samples smoother.
    penalty_every : int, default=4
        Steps between two penalties, whose weight grows by the same factor.
    augment : "auto", list of str, or None, default="auto"
        Differentiable augmentation of what the discriminator sees, real and synthetic samples alike: names in
        `ganaug.augmentation.POLICIES`; they fade out before the end. "auto" is shift and scale of convolutions
        if each sample is drawn more than 100 times on average, else nothing.
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
        architecture: str = "auto",
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

    def _check_design(self, design: Design) -> None:
        count = design.setdefault("components", 0)  # files of earlier versions have convolutions only
        if type(count) is not int or count < 0 or (count > 0) != (design.get("architecture") == "components"):
            raise ModelFileError(f"design {design} has components={count!r}, which do not fit its architecture")
        super()._check_design(design)

    def _take_own_state(self, config: Config, arrays: Arrays) -> None:
        super()._take_own_state(config, arrays)
        for name, values in self.weights_.items():
            if name.endswith(".scores.knots") and values.ndim == 2 and not (np.diff(values, axis=1) >= 0).all():
                raise ModelFileError(f"weights {name!r} hold curves of components that fall")

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "design_" in state:
            state = {**state, "design_": {"components": 0, **state["design_"]}}
        super().__setstate__(state)

    def fit(self, X: object, y: object = None, *, focus: object = None, lengths: object = None) -> Self:
        """Train on real series.

        Parameters
        ----------
        X, y, focus
            As in `ImageGAN.fit`. Also a list of arrays or tensors of unequal length, (channels, steps) or (steps,)
            each, as aeon and sktime keep them; samples are then such a list, too.
        lengths : array-like of shape (n_samples,), int, optional
            Steps of each series of an array or tensor that is padded; what X holds from there on is ignored. The same
            as NaN there, which needs no lengths.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError, InvalidDataError, InvalidTypeError
            Naming the parameter, series, channel or class, and what to do.

        Notes
        -----
        Samples of series of unequal length end in NaN, but for those of a list; `SeriesGAN.lengths` counts their steps.
        A list whose series all have one length is read as an array, and samples are an array.

        Examples
        --------
        >>> import numpy as np
        >>> from ganaug import SeriesGAN
        >>> X = np.random.default_rng(0).normal(size=(30, 1, 12))
        >>> steps = np.arange(30) % 5 + 8
        >>> gan = SeriesGAN(max_steps=2, batch_size=8, channels=2, max_channels=4, random_state=0)
        >>> X_new, _ = gan.fit(X, lengths=steps).sample(4)
        >>> X_new.shape, bool((SeriesGAN.lengths(X_new) >= 8).all())
        ((4, 1, 12), True)
        >>> X_new, _ = gan.fit([x[:, :n] for x, n in zip(X, steps)]).sample(4)
        >>> type(X_new), X_new[0].shape == (1, SeriesGAN.lengths(X_new)[0])
        (<class 'list'>, True)
        """
        return super().fit(X if lengths is None else padded(X, lengths), y, focus=focus)

    @staticmethod
    def lengths(X: Any) -> IntArray:
        """Steps of each series up to the last one with a value.

        Parameters
        ----------
        X : array, tensor or DataFrame of shape (n, channels, length) or (n, length), or list
            With NaN after the end of shorter series. A DataFrame of channels has two levels of columns. A list holds
            series of unequal length.

        Returns
        -------
        ndarray of shape (n,), int64

        Raises
        ------
        InvalidDataError, InvalidTypeError
            If X holds no series.
        """
        X = of_equal_length({"X": X})["X"]
        array = WideFrame.of(X).open(X) if isinstance(X, pd.DataFrame) else open_samples(X, "series")[0]
        if array.ndim not in (2, 3):
            raise InvalidDataError(f"X has shape {array.shape}; give series (n, channels, length) or (n, length)")
        return ends_of(np.isnan(array[:, None] if array.ndim == 2 else array)).astype(np.int64)
