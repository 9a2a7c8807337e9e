"""Transforms of whole batches, used as MixUp and CutMix are: real images replaced by, or mixed with, synthetic ones."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.pools.formats import fitted_to
from ganaug.pools.pool import PoolLabels, SamplePool, as_pool
from ganaug.transforms.workers import WorkerStream
from ganaug.utils.types import IntArray
from ganaug.utils.validation import choice, integer, number

__all__ = ["SyntheticBlend", "SyntheticMixUp"]

DRAWS = ("same-class", "balanced")

# The labels of the batch that is being transformed. torchvision hands make_params the images only, and wants
# forward left alone; an attribute of the transform would be shared by threads.
_LABELS: ContextVar[Tensor] = ContextVar("labels of the batch")

# What says where in an image something is: it would be wrong for the synthetic image in its place.
_TIED = tuple(
    getattr(tv_tensors, name) for name in ("BoundingBoxes", "KeyPoints", "Mask", "Video") if hasattr(tv_tensors, name)
)

Floats: TypeAlias = float | Sequence[float]
Channels: TypeAlias = tuple[float, ...]
Params: TypeAlias = dict[str, Any]
LabelsGetter: TypeAlias = Callable[[Any], Any] | str


class BatchTransform(v2.Transform):
    """What both transforms share: finding images and labels in a batch, drawing, matching dtype and range.

    `SyntheticBlend` says what the parameters are.
    """

    def __init__(
        self,
        source: object,
        classes: Sequence[object] | None,
        missing: str,
        mean: Floats | None,
        std: Floats | None,
        resize: bool,
        pool_size: int,
        seed: int | None,
        labels_getter: LabelsGetter,
    ) -> None:
        super().__init__()
        if not (labels_getter == "default" or callable(labels_getter)):
            raise InvalidParameterError(f"labels_getter={labels_getter!r} must be 'default' or a callable")
        self.mean, self.std = _normalisation(mean, std)
        self.resize = bool(resize)
        self.labels_getter = labels_getter
        self._stream = WorkerStream(seed)
        self._names = PoolLabels(classes, missing)
        self.pool = as_pool(source, integer("pool_size", pool_size, 1), self._stream.seed)

    @property
    def pool(self) -> SamplePool:
        """What images are drawn from; may be set again between epochs."""
        return self._pool

    @pool.setter
    def pool(self, pool: SamplePool) -> None:
        if not isinstance(pool, SamplePool):
            raise InvalidTypeError(f"pool is a {type(pool).__name__}; give a SamplePool")
        self._names.check(pool)
        self._pool = pool

    def __call__(self, *inputs: object) -> Any:
        """Transform a batch: ``transform(images, labels)``, ``transform((images, labels))`` or a dict."""
        batch = inputs if len(inputs) > 1 else inputs[0]
        getter = _default_labels if self.labels_getter == "default" else self.labels_getter
        labels = getter(batch)  # type: ignore[operator]
        if not isinstance(labels, Tensor) or labels.ndim != 1 or labels.is_floating_point():
            what = f"{labels.dtype} {tuple(labels.shape)}" if isinstance(labels, Tensor) else type(labels).__name__
            raise InvalidTypeError(
                f"{type(self).__name__} needs the batch's labels as a tensor of integers (batch_size,), got {what}; "
                "put it before v2.MixUp and v2.CutMix, which turn labels into probabilities, or give labels_getter="
            )
        token = _LABELS.set(labels)
        try:
            return super().__call__(*inputs)
        finally:
            _LABELS.reset(token)

    def _needs_transform_list(self, flat_inputs: list[object]) -> list[bool]:
        # torchvision takes the first tensor of the batch for the images, which in a dict may be the labels
        labels = _labels()
        tied = [item for item in flat_inputs if isinstance(item, _TIED)]
        if tied:
            raise InvalidTypeError(
                f"{type(self).__name__} puts whole images in the place of others, and the batch has "
                f"{type(tied[0]).__name__}, which would not fit them any more"
            )
        images = _images_of([item for item in flat_inputs if item is not labels], type(self).__name__)
        return [item is labels or any(item is image for image in images) for item in flat_inputs]

    def make_params(self, flat_inputs: list[Any]) -> Params:
        """Which rows change, and into what: ``rows`` of the batch, ``picks`` in the pool."""
        labels = _labels()
        images = [item for item in flat_inputs if item is not labels]
        if not images:
            raise InvalidDataError(
                f"{type(self).__name__} found no images (batch_size, C, H, W) in the batch; use it on whole batches, "
                "in collate_fn or after the loader"
            )
        for image in images:
            if image.ndim != 4 or len(image) != len(labels):
                raise InvalidDataError(
                    f"the batch has images of shape {tuple(image.shape)} and {len(labels)} labels; "
                    "they must be (batch_size, C, H, W) and (batch_size,)"
                )
        params = self._draw(labels, self._stream.next())
        params["relabel"] = params["relabel"] and any(item is labels for item in flat_inputs)
        return params

    _get_params = make_params  # its name before torchvision 0.21

    def transform(self, inpt: Any, params: Params) -> Any:
        """One tensor of the batch; never in place."""
        if inpt is _labels():
            return params["labels"] if params["relabel"] else inpt
        rows: IntArray = params["rows"]
        if len(rows) == 0:
            return inpt
        plain = inpt.as_subclass(Tensor)
        where = torch.from_numpy(rows).to(plain.device)
        real = plain[where]
        out = plain.clone()
        out[where] = self._replacement(real, self._matched(params["picks"], real), params)
        return tv_tensors.wrap(out, like=inpt) if isinstance(inpt, tv_tensors.Image) else out

    _transform = transform  # its name before torchvision 0.21

    @abstractmethod
    def _draw(self, labels: Tensor, rng: np.random.Generator) -> Params:
        """What is random about a batch with these labels."""

    @abstractmethod
    def _replacement(self, real: Tensor, synthetic: Tensor, params: Params) -> Tensor:
        """What takes the place of the real images, of these and of synthetic ones."""

    def _codes(self, labels: Tensor) -> IntArray:
        """The pool's class of each label; -1 for those that stay real."""
        return np.array([self._names.code(label, self._pool) for label in labels.tolist()], np.int64)

    def _matched(self, picks: IntArray, real: Tensor) -> Tensor:
        """Images of the pool (k, C, H, W), as the real ones are: size, dtype, range, device."""
        _, channels, height, width = real.shape
        images = torch.from_numpy(fitted_to(self._pool.take(picks), (channels, height, width), self.resize))
        if real.dtype == torch.uint8:
            most = int(real.max())
            if (most == 1) != (self._pool.brightest == 1) and min(most, self._pool.brightest) > 0:
                raise InvalidDataError(
                    f"the batch's images are bytes up to {most} and the pool's up to {self._pool.brightest}: one side "
                    "holds 0 and 1, the other 0 to 255; bring them to one scale (SamplePool.generate has value_range=)"
                )
            return images.to(real.device)
        if not real.is_floating_point():
            raise InvalidTypeError(f"the batch's images are {real.dtype}; they must be uint8 or floats")
        floats = images.to(real.device).float() / 255
        if self.mean is None or self.std is None:
            low, high = (float(v) for v in torch.aminmax(real))
            if low < -0.01 or high > 1.01:
                raise InvalidDataError(
                    f"the batch's images are floats from {low:.3g} to {high:.3g}, not in [0, 1]; give mean= and std= "
                    "as to v2.Normalize, or put the transform before it"
                )
            return floats.to(real.dtype)
        for values in (self.mean, self.std):
            if len(values) not in (1, channels):
                raise InvalidParameterError(
                    f"mean= and std= have {len(values)} entries and the images {channels} channels"
                )
        _check_normalised(real, self.mean, self.std)
        mean, std = (
            torch.tensor(v, dtype=torch.float32, device=real.device).reshape(1, -1, 1, 1) for v in (self.mean, self.std)
        )
        return ((floats - mean) / std).to(real.dtype)


def _check_normalised(real: Tensor, mean: Channels, std: Channels) -> None:
    """See that ``mean=`` and ``std=`` are what was done to the batch."""
    low, high = (float(v) for v in torch.aminmax(real.float()))
    black, white = ((end - np.array(mean)) / std for end in (0, 1))
    least, most = black.min(), white.max()
    bare = low >= -0.01 and high <= 1.01 and high - low > 0.1 and black.max() < -0.25
    slack = 0.25 * (most - least)
    if bare or low < least - slack or high > most + slack:
        raise InvalidDataError(
            f"mean= and std= say that the batch is normalised, to {least:.3g} to {most:.3g}, but its images are "
            f"from {low:.3g} to {high:.3g}; leave mean= and std= out, or put the transform where v2.Normalize was "
            "applied with them"
        )


def _images_of(items: list[Any], name: str) -> list[Tensor]:
    """The images of a batch, all views of them: those marked as such, or every stack like the first."""
    marked = [item for item in items if isinstance(item, tv_tensors.Image)]
    stacks = [item for item in items if isinstance(item, Tensor) and item.ndim == 4]
    images = marked or [
        item for item in stacks if item.shape[1] == stacks[0].shape[1] and item.dtype == stacks[0].dtype
    ]
    if not images:
        return []
    for item in items:
        tied = isinstance(item, Tensor) and item.ndim in (3, 4) and not any(item is image for image in images)
        if tied and len(item) == len(images[0]) and item.shape[-2:] == images[0].shape[-2:]:
            raise InvalidTypeError(
                f"{name} puts whole images in the place of others, and beside images of shape {tuple(images[0].shape)} "
                f"the batch has {item.dtype} of shape {tuple(item.shape)}. A mask would not fit them any more: leave "
                "it out. If it is a view of the same images, mark all views as tv_tensors.Image(view)"
            )
    return images


def _labels() -> Tensor:
    labels = _LABELS.get(None)
    if labels is None:
        raise InvalidParameterError("call the transform itself, not its forward: transform(images, labels)")
    return labels


def _default_labels(batch: object) -> object:
    """The second item of a batch (or, after several views, the first vector), or the entry whose key says label."""
    if isinstance(batch, (tuple, list)) and len(batch) > 1:
        views = isinstance(batch[1], Tensor) and batch[1].ndim == 4
        vectors = [item for item in batch[2:] if isinstance(item, Tensor) and item.ndim == 1] if views else []
        batch = vectors[0] if vectors else batch[1]
    if isinstance(batch, Mapping):
        keys = [key for key in batch if isinstance(key, str) and "label" in key.lower()]
        exact = [key for key in keys if key.lower() in {"labels", "label"}]
        if not keys:
            raise InvalidDataError(f"no key of the batch says label: {list(batch)}; give labels_getter=")
        return batch[(exact or keys)[0]]
    return batch


def _normalisation(
    mean: Floats | None, std: Floats | None
) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    if mean is None and std is None:
        return None, None
    if mean is None or std is None:
        raise InvalidParameterError("give both mean= and std=, as to v2.Normalize, or neither")
    try:
        means, stds = (tuple(np.atleast_1d(np.asarray(v, np.float64)).tolist()) for v in (mean, std))
    except (TypeError, ValueError):
        means, stds = (), ()
    if not means or not stds or not np.isfinite([*means, *stds]).all() or min(stds) <= 0:
        raise InvalidParameterError(f"mean={mean!r}, std={std!r} must be finite numbers, std above 0")
    return means, stds


class SyntheticBlend(BatchTransform):
    """Replace a share of a batch's images by synthetic ones.

    Used on whole batches, in ``collate_fn`` or after the loader, as `v2.MixUp` and `v2.CutMix` are, and before them.

    Parameters
    ----------
    source : fitted generator, dict of label to generator, SamplePool, str or path-like
        Where the images come from. A generator, given itself or by the path where it was saved, is asked once, here,
        for ``pool_size`` images of each class. The path of a saved pool maps that; with many workers or large images
        that is the lightest.
    share : float, default=0.25
        Mean share of the images that are replaced, in [0, 1]. No share is best everywhere: choose it by validation,
        with 0 among the candidates.
    draw : {"same-class", "balanced"}, default="same-class"
        "same-class" replaces an image by one of its class: labels stay, and so do the frequencies of the classes.
        "balanced" replaces images by ones of classes drawn evenly from the pool, and their labels with them: rare
        classes become more frequent.
    p : float, default=1.0
        Probability that a batch is touched at all.
    classes : sequence, optional
        ``dataset.classes``: what the labels 0, 1, ... stand for, if the generator was trained on names, or on a
        dataset with named classes, which may have had other numbers.
    missing : {"error", "keep"}, default="error"
        What happens to labels of which the pool has no images: an error, or they stay real.
    mean, std : float or sequence of floats, optional
        As given to `v2.Normalize`, if the batch is normalised.
    resize : bool, default=False
        Whether synthetic images of another size are resized (bilinear, antialiased) or an error.
    pool_size : int, default=256
        Images of each class, if a generator is given.
    seed : int or None, default=0
        For the pool and the draws. In a worker the DataLoader's seed is mixed in, so that every worker and epoch
        differs, and all of it repeats if the loader has a seeded ``generator=``. In distributed training without
        workers give each rank a seed of its own.
    labels_getter : callable or "default", default="default"
        How to find the labels in the batch, as in `v2.MixUp`: by default its second item (after several views the first
        vector), or the entry of a dict whose key contains "label".

    Raises
    ------
    InvalidParameterError, InvalidTypeError, InvalidDataError
        For a share outside [0, 1], unknown classes, other channels, sizes or ranges.

    Notes
    -----
    Several views of an image, ``(view1, view2, labels)``, are replaced together, by the same synthetic image. Stacks
    of images are told by `tv_tensors.Image`, or else by having the channels and dtype of the first one.

    See Also
    --------
    ganaug.BlendedDataset : adds synthetic items to a dataset rather than to its batches.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from ganaug.transforms import SamplePool, SyntheticBlend
    >>> pool = SamplePool(np.full((20, 1, 8, 8), 255, np.uint8), np.repeat([0, 1], 10))
    >>> blend = SyntheticBlend(pool, share=0.5)
    >>> images, labels = blend(torch.zeros(8, 1, 8, 8), torch.tensor([0, 1] * 4))
    >>> int(images.amax((1, 2, 3)).sum()), labels.dtype
    (4, torch.int64)

    In a loader: ``collate_fn=lambda batch: blend(*default_collate(batch))``.
    """

    def __init__(
        self,
        source: object,
        share: float = 0.25,
        *,
        draw: str = "same-class",
        p: float = 1.0,
        classes: Sequence[object] | None = None,
        missing: str = "error",
        mean: Floats | None = None,
        std: Floats | None = None,
        resize: bool = False,
        pool_size: int = 256,
        seed: int | None = 0,
        labels_getter: LabelsGetter = "default",
    ) -> None:
        checked = number("share", share, 0, 1), choice("draw", draw, DRAWS), number("p", p, 0, 1)
        super().__init__(source, classes, missing, mean, std, resize, pool_size, seed, labels_getter)
        self.share, self.draw, self.p = checked

    def _draw(self, labels: Tensor, rng: np.random.Generator) -> Params:
        balanced = self.draw == "balanced"  # then any image may go, whatever it was
        codes = np.zeros(len(labels), np.int64) if balanced else self._codes(labels)
        eligible = np.flatnonzero(codes >= 0)
        # rounded at random, so that the mean share is right for small batches too
        count = int(self.share * len(eligible) + rng.random()) if rng.random() < self.p else 0
        rows = np.sort(rng.choice(eligible, min(count, len(eligible)), replace=False)).astype(np.int64)
        wanted = rng.integers(len(self.pool.labels), size=len(rows)) if balanced else codes[rows]
        if balanced:
            named = [self._names.batch_label(self.pool.labels[code], self.pool) for code in wanted]
            labels = labels.clone()
            where = torch.from_numpy(rows).to(labels.device)
            labels[where] = torch.tensor(named, dtype=labels.dtype, device=labels.device)
        return {"rows": rows, "picks": self.pool.pick(wanted, rng), "labels": labels, "relabel": balanced}

    def make_params(self, flat_inputs: list[Any]) -> Params:
        """Which rows change, and into what: ``rows`` of the batch, ``picks`` in the pool."""
        params = super().make_params(flat_inputs)
        if self.draw == "balanced" and not params["relabel"]:
            raise InvalidParameterError(
                'draw="balanced" changes labels, and labels_getter returned a tensor that is not in the batch; '
                "let it return the tensor itself"
            )
        return params

    _get_params = make_params

    def _replacement(self, real: Tensor, synthetic: Tensor, params: Params) -> Tensor:
        return synthetic


class SyntheticMixUp(BatchTransform):
    """Mix each image of a batch with a synthetic one of its class; labels stay integers.

    The mixture is ``w * real + (1 - w) * synthetic`` with ``w`` from Beta(alpha, alpha) for each image. Both are of the
    same class, so the label needs no mixing, and any loss that takes integers works on.

    Parameters
    ----------
    source : fitted generator, SamplePool, str or path-like
        As in `SyntheticBlend`.
    alpha : float, default=0.4
        Small values give images that are nearly all real or all synthetic, 1 all mixtures alike. 0.4 is the upper of
        the values that the paper found good on ImageNet.
    p : float, default=1.0
        Probability that an image is mixed.
    classes, missing, mean, std, resize, pool_size, seed, labels_getter
        As in `SyntheticBlend`.

    Raises
    ------
    InvalidParameterError, InvalidTypeError, InvalidDataError
        As `SyntheticBlend`.

    References
    ----------
    Zhang, Cisse, Dauphin, Lopez-Paz: mixup: Beyond Empirical Risk Minimization. ICLR 2018.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from ganaug.transforms import SamplePool, SyntheticMixUp
    >>> pool = SamplePool(np.full((20, 1, 8, 8), 255, np.uint8), np.repeat([0, 1], 10))
    >>> images, labels = SyntheticMixUp(pool)(torch.zeros(8, 1, 8, 8), torch.tensor([0, 1] * 4))
    >>> bool((images > 0).any()), labels.dtype
    (True, torch.int64)
    """

    def __init__(
        self,
        source: object,
        alpha: float = 0.4,
        *,
        p: float = 1.0,
        classes: Sequence[object] | None = None,
        missing: str = "error",
        mean: Floats | None = None,
        std: Floats | None = None,
        resize: bool = False,
        pool_size: int = 256,
        seed: int | None = 0,
        labels_getter: LabelsGetter = "default",
    ) -> None:
        checked = number("alpha", alpha, 0, open_low=True), number("p", p, 0, 1)
        super().__init__(source, classes, missing, mean, std, resize, pool_size, seed, labels_getter)
        self.alpha, self.p = checked

    def _draw(self, labels: Tensor, rng: np.random.Generator) -> Params:
        codes = self._codes(labels)
        rows = np.flatnonzero((codes >= 0) & (rng.random(len(codes)) < self.p))
        weights = rng.beta(self.alpha, self.alpha, len(rows)).astype(np.float32)
        return {"rows": rows, "picks": self.pool.pick(codes[rows], rng), "weights": weights, "relabel": False}

    def _replacement(self, real: Tensor, synthetic: Tensor, params: Params) -> Tensor:
        weights = torch.from_numpy(params["weights"]).to(real.device).reshape(-1, 1, 1, 1)
        mixed = weights * real.float() + (1 - weights) * synthetic.float()
        return mixed.to(real.dtype) if real.is_floating_point() else mixed.round().to(real.dtype)
