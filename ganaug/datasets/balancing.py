"""Fit and blend in one call."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.base import clone

from ganaug.codecs.profiles import name_classes
from ganaug.codecs.sources import resolve_samples
from ganaug.codecs.targets_of import class_names_of, label_place, length_of, resolve_targets
from ganaug.datasets.blended import BlendedDataset
from ganaug.datasets.probing import Look, described, look_at
from ganaug.exceptions import InvalidDataError, InvalidTypeError
from ganaug.seeding import child_seed, root_seed

__all__ = ["balance"]

# Axes of a sample -> the estimator that learns such ones; images of 2 axes are grey.
ESTIMATORS = {1: "TabularGAN", 2: "SeriesGAN", 3: "ImageGAN", 4: "SeriesGAN"}


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
        Its items are (sample, label). Its samples are learnt as its transform is
        given them, so that random augmentation is not learnt as if it were the data.
    generator : estimator, default=None
        What is cloned and trained; it needs ``fit(X, y)`` and ``sample``. None is
        `ImageGAN` for images, `SeriesGAN` for series (samples of two axes) and `TabularGAN` for vectors.
    targets : array-like of shape (n,), default=None
        The labels, as in `BlendedDataset`.
    image_size : (height, width), default=None
        What PIL images are resized to for the training. None is the size that the
        dataset's transform makes of them, or their own if it has none.
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
    look = look_at(dataset, place=None if targets is None else label_place(dataset, labels))
    estimator = _prototype(generator, look)
    raw = dataset if look.transform is None else RawItems(dataset, look.form.label)
    size = image_size if image_size is not None else _size_made(look)
    X, y, source = resolve_samples(raw, labels, image_size=size)
    if getattr(estimator, "random_state", 0) is None:
        estimator.set_params(random_state=child_seed(seed, "training") % 2**31)
    estimator.fit(X, y)
    name_classes(estimator, source.classes)
    return BlendedDataset(dataset, estimator, targets=targets, seed=seed, **kwargs)


def _prototype(given: Any, look: Look) -> Any:
    if given is None:
        kind = type(look.raw)
        grey = isinstance(look.raw, Image.Image) or _is_grey(look.raw)
        axes = 3 if grey else getattr(look.raw, "ndim", 0)
        if axes not in ESTIMATORS:
            raise InvalidDataError(
                f"the dataset's samples are {described(look.raw)}; give a generator that learns a {kind.__name__}"
            )
        return getattr(importlib.import_module("ganaug.estimators"), ESTIMATORS[axes])()
    if isinstance(given, type):
        raise InvalidTypeError(f"generator={given.__name__} is a class; write generator={given.__name__}()")
    if not (hasattr(given, "fit") and hasattr(given, "sample")):
        raise InvalidTypeError(
            f"generator is a {type(given).__name__}; balance trains it, so it needs fit(X, y) and sample(n, label=..., "
            "random_state=...), as for example ImageGAN()"
        )
    return clone(given, safe=False)


def _is_grey(raw: Any) -> bool:
    """Whether two axes are those of an image: series are floats."""
    return getattr(raw, "ndim", 0) == 2 and str(raw.dtype).removeprefix("torch.") == "uint8"


def _size_made(look: Look) -> tuple[int, int] | None:
    """The height and width that the dataset's transform makes of its PIL images."""
    if look.transform is None or not isinstance(look.raw, Image.Image):
        return None
    if isinstance(look.sample, Image.Image):
        return look.sample.height, look.sample.width
    if isinstance(look.sample, torch.Tensor) and look.sample.ndim >= 2:
        return int(look.sample.shape[-2]), int(look.sample.shape[-1])
    if isinstance(look.sample, np.ndarray) and look.sample.ndim >= 2:
        return int(look.sample.shape[0]), int(look.sample.shape[1])
    return None


class RawItems:
    """The samples of a dataset, as its transform is given them."""

    def __init__(self, dataset: Any, place: Any) -> None:
        self.dataset, self.place = dataset, place
        self.classes = class_names_of(dataset)

    def __len__(self) -> int:
        return length_of(self.dataset)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        look = look_at(self.dataset, index, self.place)
        if look.transform is None:
            raise InvalidDataError(
                f"item {index} of the {type(self.dataset).__name__} does not go through the transform that item 0 goes "
                "through (does the dataset keep transformed samples?); fit the generator yourself, and give it to "
                "BlendedDataset"
            )
        return look.raw, look.label
