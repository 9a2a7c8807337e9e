"""What the transforms of whole batches share: finding images and labels, drawing from the pool, matching the real."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.transforms.bytes_of import fitted_to
from ganaug.transforms.checks import integer
from ganaug.transforms.classes import ClassNames
from ganaug.transforms.pool import SamplePool
from ganaug.transforms.sources import as_pool
from ganaug.transforms.workers import WorkerStream
from ganaug.utils.types import IntArray

__all__ = ["FromPool"]

# The labels of the batch that is being transformed. torchvision hands make_params the images only, and wants
# forward left alone; an attribute of the transform would be shared by threads.
_LABELS: ContextVar[Tensor] = ContextVar("labels of the batch")

# What says where in an image something is: it would be wrong for the synthetic image in its place.
_TIED = tuple(
    getattr(tv_tensors, name) for name in ("BoundingBoxes", "KeyPoints", "Mask", "Video") if hasattr(tv_tensors, name)
)


class FromPool(v2.Transform):
    """What both transforms share: finding images and labels in a batch, drawing, matching dtype and range."""

    def __init__(
        self,
        source: Any,
        *,
        classes: Sequence[Any] | None,
        missing: str,
        mean: float | Sequence[float] | None,
        std: float | Sequence[float] | None,
        resize: bool,
        pool_size: int,
        seed: int | None,
        labels_getter: Callable[[Any], Any] | str,
    ) -> None:
        super().__init__()
        if not (labels_getter == "default" or callable(labels_getter)):
            raise InvalidParameterError(f"labels_getter={labels_getter!r} must be 'default' or a callable")
        self.mean, self.std = _normalisation(mean, std)
        self.resize = bool(resize)
        self.labels_getter = labels_getter
        self._stream = WorkerStream(seed)
        self._names = ClassNames(classes, missing)
        self.pool = as_pool(source, integer("pool_size", pool_size, 1), self._stream.seed)

    @property
    def pool(self) -> SamplePool:
        """What images are drawn from; may be set anew between epochs."""
        return self._pool

    @pool.setter
    def pool(self, pool: SamplePool) -> None:
        if not isinstance(pool, SamplePool):
            raise InvalidTypeError(f"pool is a {type(pool).__name__}; give a SamplePool")
        self._names.check(pool)
        self._pool = pool

    # ---- torchvision's protocol -----------------------------------------------------------------

    def __call__(self, *inputs: Any) -> Any:
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

    def _needs_transform_list(self, flat_inputs: list[Any]) -> list[bool]:
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

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
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
        params = self._drawn(labels, self._stream.next())
        params["relabel"] = params["relabel"] and any(item is labels for item in flat_inputs)
        return params

    _get_params = make_params  # its name before torchvision 0.21

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
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
        out[where] = self._made(real, self._matched(params["picks"], real), params)
        return tv_tensors.wrap(out, like=inpt) if isinstance(inpt, tv_tensors.Image) else out

    _transform = transform  # its name before torchvision 0.21

    # ---- drawing --------------------------------------------------------------------------------

    @abstractmethod
    def _drawn(self, labels: Tensor, rng: np.random.Generator) -> dict[str, Any]:
        """What is random about a batch with these labels."""

    def _check_normalised(self, real: Tensor) -> None:
        """See that ``mean=`` and ``std=`` are what was done to the batch."""
        if self.mean is None or self.std is None:
            return
        low, high = (float(v) for v in torch.aminmax(real.float()))
        black = max((0 - mean) / std for mean, std in zip(*_of_equal_length(self.mean, self.std), strict=True))
        white = max((1 - mean) / std for mean, std in zip(*_of_equal_length(self.mean, self.std), strict=True))
        least = min((0 - mean) / std for mean, std in zip(*_of_equal_length(self.mean, self.std), strict=True))
        bare = low >= -0.01 and high <= 1.01 and high - low > 0.1 and black < -0.25
        width = white - least
        if bare or low < least - 0.25 * width or high > white + 0.25 * width:
            raise InvalidDataError(
                f"mean= and std= say that the batch is normalised, to {least:.3g} to {white:.3g}, but its images are "
                f"from {low:.3g} to {high:.3g}; leave mean= and std= out, or put the transform where v2.Normalize was "
                "applied with them"
            )

    @abstractmethod
    def _made(self, real: Tensor, synthetic: Tensor, params: dict[str, Any]) -> Tensor:
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
        shape = (1, -1, 1, 1)
        mean, std = (
            torch.tensor(v, dtype=torch.float32, device=real.device).reshape(shape) for v in (self.mean, self.std)
        )
        for values in (mean, std):
            if values.shape[1] not in (1, channels):
                raise InvalidParameterError(
                    f"mean= and std= have {values.shape[1]} entries and the images {channels} channels"
                )
        self._check_normalised(real)
        return ((floats - mean) / std).to(real.dtype)


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


def _default_labels(batch: Any) -> Any:
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


def _of_equal_length(one: tuple[float, ...], other: tuple[float, ...]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    length = max(len(one), len(other))
    return one * length if len(one) == 1 else one, other * length if len(other) == 1 else other


def _normalisation(mean: Any, std: Any) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
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
