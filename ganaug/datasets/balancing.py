"""Fit and blend in one call."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.base import clone

from ganaug.callbacks import say, wants_progress
from ganaug.datasets.blended import BlendedDataset
from ganaug.datasets.matching import RealItem, described, dtype_name, probe_item, same_kind
from ganaug.encoding.profiles import name_classes
from ganaug.encoding.sample_arrays import looks_like_image
from ganaug.encoding.sources import resolve_samples
from ganaug.encoding.targets import class_names_of, label_place, length_of, resolve_targets
from ganaug.exceptions import DataWarning, InvalidDataError, InvalidTypeError
from ganaug.utils.isolation import warn
from ganaug.utils.seeding import child_seed, root_seed

__all__ = ["balance"]

# Axes of a sample -> the estimator that learns such ones, and its word for them; images of 2 axes are grey.
ESTIMATORS = {
    1: ("TabularGAN", "vectors"),
    2: ("SeriesGAN", "series (channels, length)"),
    3: ("ImageGAN", "images"),
    4: ("SeriesGAN", "volumes"),
}
# Modes of images whose synthetic ones have another mode.
_PALETTES = {"P": "RGB", "PA": "RGBA"}
# How many times as long as the other a side of a sample may be for a doubt whether it is an image.
_DOUBTFUL = 4


def balance(
    dataset: Any,
    generator: Any = None,
    *,
    targets: Any = None,
    image_size: tuple[int, int] | None = None,
    seed: int = 0,
    **kwargs: Any,
) -> BlendedDataset:
    """Train a generator on a dataset, and blend what it makes into it.

    Parameters
    ----------
    dataset : map-style dataset
        Its items are (sample, label). Its samples are learnt as its transform is given them, so that random
        augmentation is not learnt as if it were the data.
    generator : estimator, default=None
        What is cloned and trained; it needs ``fit(X, y)`` and ``sample``. None goes by the samples: `ImageGAN` for
        PIL images and samples of three axes, `TabularGAN` for vectors, `SeriesGAN` for volumes. A sample of two axes
        is a grey image (H, W) if it is of 8 bits or boolean, or if both sides have at least 8 entries and neither is
        more than twice the other; else it is a series (channels, length), for `SeriesGAN`.
    targets : array-like of shape (n,), default=None
        The labels, as in `BlendedDataset`.
    image_size : (height, width), default=None
        What PIL images are resized to for the training. None is the size that the dataset's transform makes of them,
        or their own if it has none.
    seed : int, default=0
        Of the training (if the generator has a ``random_state`` that is None) and of the synthetic items.
    **kwargs
        What else `BlendedDataset` takes: ``sampling_strategy``, ``schedule``, ``weight``, ...

    Returns
    -------
    BlendedDataset
        Its ``generator`` is the fitted one.

    Raises
    ------
    InvalidDataError, InvalidParameterError, InvalidTypeError
        As `BlendedDataset` and the estimator raise them.

    Warns
    -----
    DataWarning
        If samples of two axes might be grey images as well as series. It says what they were taken for.

    Examples
    --------
    >>> import torch
    >>> from torch.utils.data import TensorDataset
    >>> from ganaug import TabularGAN, balance
    >>> X = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    >>> data = TensorDataset(X, torch.arange(60) // 40)
    >>> train = balance(data, TabularGAN(max_steps=5, verbose=False))
    >>> train.counts
    {1: 20}
    """
    seed = root_seed(seed)
    labels = resolve_targets(dataset, targets)
    real = probe_item(dataset, place=None if targets is None else label_place(dataset, labels))
    estimator = _prototype(generator, real)
    _check_mode(real, kwargs.get("transform", "auto"))
    raw = dataset if real.transform is None else RawItems(dataset, real.form.label)
    size = image_size if image_size is not None else _size_made(real)
    X, y, source = resolve_samples(raw, labels, image_size=size)
    if getattr(estimator, "random_state", 0) is None:
        estimator.set_params(random_state=child_seed(seed, "training") % 2**31)
    estimator.fit(X, y)
    name_classes(estimator, source.classes)
    return BlendedDataset(dataset, estimator, targets=targets, seed=seed, **kwargs)


def _prototype(given: Any, real: RealItem) -> Any:
    if given is None:
        axes = _axes(real.raw)
        if axes not in ESTIMATORS:
            raise InvalidDataError(
                f"the dataset's samples are {described(real.raw)}; give a generator that learns a "
                f"{type(real.raw).__name__}"
            )
        name, kind = ESTIMATORS[axes]
        estimator = getattr(importlib.import_module("ganaug.estimators"), name)(curate=True)  # for a classifier
        if _is_doubtful(real.raw):
            other = "ImageGAN" if name == "SeriesGAN" else "SeriesGAN"
            warn(
                f"the dataset's samples, {described(real.raw)}, are taken for {'grey ' * (axes == 3)}{kind}, and "
                f"{name} is trained; if they are not, give generator={other}()",
                DataWarning,
            )
        elif wants_progress(estimator.verbose):
            say(f"balance: the samples are {described(real.raw)}; {name} is trained on them")
        return estimator
    if isinstance(given, type):
        raise InvalidTypeError(f"generator={given.__name__} is a class; write generator={given.__name__}()")
    if not (hasattr(given, "fit") and hasattr(given, "sample")):
        raise InvalidTypeError(
            f"generator is a {type(given).__name__}; balance trains it, so it needs fit(X, y) and sample(n, label=..., "
            "random_state=...), as for example ImageGAN()"
        )
    return clone(given, safe=False)


def _axes(raw: Any) -> int:
    """Axes of a sample, that of the channels of an image included."""
    if isinstance(raw, Image.Image):
        return 3
    axes = int(getattr(raw, "ndim", 0))
    grey = axes == 2 and (dtype_name(raw) in ("uint8", "bool") or looks_like_image(*raw.shape))
    return 3 if grey else axes


def _is_doubtful(raw: Any) -> bool:
    """Whether a sample may as well be an image as a series. Of 8 bits it is an image: series are floats."""
    if isinstance(raw, Image.Image) or getattr(raw, "ndim", 0) != 2:
        return False
    return dtype_name(raw) != "uint8" and looks_like_image(raw.shape[0], raw.shape[1], _DOUBTFUL)


def _check_mode(real: RealItem, transform: Any) -> None:
    """Refuse, before the training, images of a mode that synthetic ones cannot have, if the transform minds it."""
    mode = real.raw.mode if isinstance(real.raw, Image.Image) else None
    if mode not in _PALETTES or transform != "auto":
        return
    made = real.raw.convert(_PALETTES[mode])
    made = made if real.transform is None else real.transform(made)
    firsts = [getattr(sample, "shape", ())[:1] for sample in (real.sample, made)]
    if not same_kind(real.sample, made, sizes=False) or firsts[0] != firsts[1]:
        raise InvalidDataError(
            f"the dataset's images are of mode {mode} (a palette), whose indices mean nothing side by side, and "
            f"synthetic ones are {_PALETTES[mode]}: {described(made)} beside {described(real.sample)}. Let the "
            'dataset\'s transform begin with image.convert("RGB")'
        )


def _size_made(real: RealItem) -> tuple[int, int] | None:
    """The height and width that the dataset's transform makes of its PIL images."""
    sample = real.sample
    if real.transform is None or not isinstance(real.raw, Image.Image):
        return None
    if isinstance(sample, Image.Image):
        return sample.height, sample.width
    if not isinstance(sample, (torch.Tensor, np.ndarray)) or sample.ndim < 2:
        return None
    height, width = sample.shape[-2:] if isinstance(sample, torch.Tensor) else sample.shape[:2]
    return int(height), int(width)


class RawItems:
    """The samples of a dataset, as its transform is given them."""

    def __init__(self, dataset: Any, place: Any) -> None:
        self.dataset, self.place = dataset, place
        self.classes = class_names_of(dataset)

    def __len__(self) -> int:
        return length_of(self.dataset)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        real = probe_item(self.dataset, index, self.place)
        if real.transform is None:
            raise InvalidDataError(
                f"item {index} of the {type(self.dataset).__name__} does not go through the transform that item 0 goes "
                "through (does the dataset keep transformed samples?); fit the generator yourself, and give it to "
                "BlendedDataset"
            )
        return real.raw, real.label
