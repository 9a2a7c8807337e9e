"""A look at one item of a real dataset: what it is made of, and what its transform is given."""

from __future__ import annotations

import copy
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import ConcatDataset, StackDataset, Subset
from torchvision import tv_tensors

from ganaug.codecs.targets_of import length_of, split_item
from ganaug.datasets.faces import Face
from ganaug.exceptions import InvalidDataError, InvalidParameterError

__all__ = ["Look", "described", "kind_of", "look_at", "same_kind"]


@dataclass(frozen=True)
class Look:
    """One item of a real dataset.

    Attributes
    ----------
    raw : object
        The sample as the dataset's transform is given it; without one, as the item holds it.
    sample, label : object
        As the item holds them.
    transform : callable or None
        What makes ``sample`` of ``raw``.
    build : callable
        (samples, labels) -> items of the same make.
    """

    raw: Any
    sample: Any
    label: Any
    transform: Callable[[Any], Any] | None
    build: Callable[[list[Any], list[Any]], list[Any]]


def look_at(dataset: Any, index: int = 0) -> Look:
    """What an item is made of.

    Raises
    ------
    InvalidDataError
        If items are not a sample and a label.
    InvalidParameterError
        If the parts of a ConcatDataset have different transforms.
    """
    inner, index = _innermost(dataset, index)
    if isinstance(inner, StackDataset):
        return _of_stack(inner, index)
    item, raw, transform = _probed(inner, index)
    sample, label = split_item(item, f"item {index} of the {type(inner).__name__}")
    return Look(sample if transform is None else raw, sample, label, transform, _builder(item, sample, label))


def _of_stack(dataset: Any, index: int) -> Look:
    item = dataset[index]
    sample, label = split_item(item, f"item {index} of the {type(dataset).__name__}")
    parts = dataset.datasets
    places = parts.values() if isinstance(parts, Mapping) else parts
    owner = next((part for part, value in zip(places, _values(item), strict=True) if value is sample), None)
    inner, at = _innermost(owner, index)
    # the part is read again: the transform is recorded there, and a second look at it harms nobody
    _, raw, transform = _probed(inner, at)
    return Look(sample if transform is None else raw, sample, label, transform, _builder(item, sample, label))


def _values(item: Any) -> list[Any]:
    return list(item.values() if isinstance(item, Mapping) else item)


def _innermost(dataset: Any, index: int) -> tuple[Any, int]:
    """The dataset whose items a Subset or ConcatDataset passes on, and the place of one of them."""
    while True:
        if callable(getattr(dataset, "transform", None)):
            return dataset, index
        if isinstance(dataset, Subset):
            dataset, index = dataset.dataset, int(dataset.indices[index])
        elif isinstance(dataset, ConcatDataset):
            parts = [part for part in dataset.datasets if length_of(part)]
            transforms = [getattr(_innermost(part, 0)[0], "transform", None) for part in parts]
            if any(other is not transforms[0] and other != transforms[0] for other in transforms):
                raise InvalidParameterError(
                    "the parts of the ConcatDataset have different transforms; say with transform= which of them "
                    "synthetic items go through"
                )
            part = bisect_right(dataset.cumulative_sizes, index)
            index -= dataset.cumulative_sizes[part - 1] if part else 0
            dataset = dataset.datasets[part]
        else:
            return dataset, index


class _Recorder:
    """Does what a transform does, and remembers what it was given, and how."""

    def __init__(self, transform: Callable[..., Any]) -> None:
        self.transform = transform
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # what was given may be changed in place by the transform
        self.calls.append((tuple(map(_copied, args)), {name: _copied(value) for name, value in kwargs.items()}))
        return self.transform(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transform, name)


def _copied(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.clone()
    return value.copy() if isinstance(value, (Image.Image, np.ndarray)) else value


def _probed(dataset: Any, index: int) -> tuple[Any, Any, Callable[[Any], Any] | None]:
    """An item; what its dataset's transform was given; and that transform as a function of it alone."""
    transform = getattr(dataset, "transform", None)
    if not callable(transform):
        return dataset[index], None, None
    recorder = _Recorder(transform)
    try:
        twin = copy.copy(dataset)  # the user's own is left as it is
        twin.transform = recorder
    except (AttributeError, TypeError):
        return dataset[index], None, None
    item = twin[index]
    if len(recorder.calls) != 1:  # not used, or more than once for an item: who knows what for
        return item, None, None
    args, kwargs = recorder.calls[0]
    if len(args) == 1 and not kwargs:
        return item, args[0], transform
    if not args and list(kwargs) == ["image"]:
        return item, kwargs["image"], Keyword(transform)
    return item, None, None


class Keyword:
    """An albumentations transform as a function of the image."""

    def __init__(self, transform: Callable[..., Any]) -> None:
        self.transform = transform

    def __call__(self, image: Any) -> Any:
        return self.transform(image=image)["image"]


class Builder:
    """Makes items such as the one it was made of: a tuple, list, named tuple or dict of two."""

    def __init__(self, kind: type, names: tuple[Any, Any] | None) -> None:
        self.kind, self.names = kind, names

    def __call__(self, samples: list[Any], labels: list[Any]) -> list[Any]:
        pairs = zip(samples, labels, strict=True)
        if self.names is not None:
            return [dict(zip(self.names, pair, strict=True)) for pair in pairs]
        if hasattr(self.kind, "_fields"):
            return [self.kind(*pair) for pair in pairs]
        return [list(pair) for pair in pairs] if self.kind is list else list(pairs)


def _builder(item: Any, sample: Any, label: Any) -> Builder:
    if len(item) != 2:
        raise InvalidDataError(
            f"an item of the real dataset has {len(item)} entries, but a synthetic one has two, sample and label; "
            "wrap the dataset so that its items are (sample, label)"
        )
    if not isinstance(item, Mapping):
        return Builder(type(item), None)
    first, second = item
    return Builder(dict, (first, second) if item[first] is sample else (second, first))


# ---- what a sample is ---------------------------------------------------------------------------


def kind_of(raw: Any, image: bool) -> Face:
    """The face that a stored sample must be given to be such a thing.

    Raises
    ------
    InvalidDataError
        If it is no image, tensor or array.
    """
    if isinstance(raw, Image.Image):
        return Face("pil", mode={"P": "RGB", "PA": "RGBA"}.get(raw.mode, raw.mode))
    if isinstance(raw, torch.Tensor):
        kind = "image" if isinstance(raw, tv_tensors.Image) else "tensor"
        return Face(kind, image, flat=image and raw.ndim == 2, dtype=str(raw.dtype).removeprefix("torch."))
    if isinstance(raw, np.ndarray):
        return Face("array", image, flat=image and raw.ndim == 2, dtype=raw.dtype.name)
    raise InvalidDataError(
        f"the real dataset's samples are {described(raw)}; BlendedDataset knows PIL images, tensors and arrays. Wrap "
        "the dataset so that its samples are one of these"
    )


def described(value: Any) -> str:
    """A sample in words: its type, and its shape and dtype or mode."""
    if isinstance(value, Image.Image):
        return f"a PIL image of mode {value.mode} and {value.height} x {value.width} pixels"
    kind = type(value).__name__
    kind = f"an {kind}" if kind[0] in "AEIOUaeiou" else f"a {kind}"
    if not hasattr(value, "shape") or not hasattr(value, "dtype"):
        return kind
    return f"{kind} of shape {tuple(value.shape)} and dtype {str(value.dtype).removeprefix('torch.')}"


def same_kind(one: Any, other: Any, *, sizes: bool = True) -> bool:
    """Whether two samples can stand in one batch.

    Parameters
    ----------
    one, other : object
    sizes : bool
        Whether their sizes must agree too, not only their dtypes and numbers of axes.
    """
    if isinstance(one, Image.Image) and isinstance(other, Image.Image):
        return one.mode == other.mode  # which no collate function stacks anyway
    if type(one) is not type(other) or getattr(one, "dtype", None) != getattr(other, "dtype", None):
        return False
    shapes = [tuple(value.shape) if hasattr(value, "shape") else () for value in (one, other)]
    return shapes[0] == shapes[1] if sizes else len(shapes[0]) == len(shapes[1])
