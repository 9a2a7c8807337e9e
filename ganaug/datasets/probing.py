"""A look at one item of a real dataset: what it is made of, and what its transform is given."""

from __future__ import annotations

import copy
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import ConcatDataset, StackDataset, Subset
from torchvision import tv_tensors

from ganaug.datasets.faces import Face
from ganaug.datasets.items import ItemForm
from ganaug.encoding.targets import annotations_of, is_image, length_of, places_of, sample_place
from ganaug.exceptions import InvalidDataError, InvalidParameterError

__all__ = ["Look", "described", "first_view", "kind_of", "look_at", "same_kind"]


@dataclass(frozen=True)
class Look:
    """One item of a real dataset.

    Attributes
    ----------
    raw : object
        The sample as the dataset's transform is given it; without one, as the item holds it.
    sample, label : object
        As the item holds them; of several views a tuple.
    transform : callable or None
        What makes ``sample`` of ``raw``.
    form : ItemForm
        What makes items of the same make.
    item : tuple, list or dict
        The item itself.
    """

    raw: Any
    sample: Any
    label: Any
    transform: Callable[[Any], Any] | None
    form: ItemForm
    item: Any

    def of_views(self, count: int) -> Look:
        """The same, with all pictures of the item for so many views of one image."""
        self.form.several(count)
        return replace(self, sample=tuple(self.item[view] for view in self.form.views))


def look_at(dataset: Any, index: int = 0, place: Any = None) -> Look:
    """What an item is made of.

    Parameters
    ----------
    dataset : map-style dataset
    index : int, default=0
    place : int or key, default=None
        Where the label stands in an item, if that is known.

    Raises
    ------
    InvalidDataError
        If items have no sample and label, or hold what belongs to one real image (boxes, masks).
    InvalidParameterError
        If the parts of a ConcatDataset have different transforms.
    """
    inner, index = _innermost(dataset, index)
    where = f"item {index} of the {type(inner).__name__}"
    if isinstance(inner, StackDataset):
        probed = _probed_stack(inner, index, where, place)
    else:
        probed = _probed(inner, index)
    return _read(probed, where, place)


@dataclass(frozen=True)
class _Probed:
    """An item; what its dataset's transform was given for it; that transform; and what it made, call by call."""

    item: Any
    raw: Any = None
    transform: Callable[[Any], Any] | None = None
    made: tuple[Any, ...] = ()


def _read(probed: _Probed, where: str, place: Any) -> Look:
    item = probed.item
    tied = annotations_of(item)
    if tied:
        raise InvalidDataError(
            f"{where} holds {', '.join(tied)}, which belongs to its image: detection and segmentation cannot be "
            "blended, because synthetic images have none; wrap the dataset so that its items are (image, label)"
        )
    sample, label = places_of(item, where) if place is None else (sample_place(item, place), place)
    views = _views(probed, label) or (sample,)
    found = tuple(item[view] for view in views) if len(views) > 1 else item[views[0]]
    form = ItemForm(item, views, label, where)
    if probed.transform is None:
        return Look(first_view(found), found, item[label], None, form, item)
    transform = probed.transform if len(probed.made) == 1 else Views(probed.transform, len(probed.made))
    return Look(probed.raw, found, item[label], transform, form, item)


def _views(probed: _Probed, label: Any) -> tuple[Any, ...]:
    """Where the entries stand that the transform made: of one call, of several, or of one that made several."""
    made: tuple[Any, ...] = probed.made
    if len(made) == 1 and isinstance(made[0], (tuple, list)):
        made = tuple(made[0]) if not any(value is made[0] for value in _values(probed.item)) else made
    keys = list(probed.item) if isinstance(probed.item, Mapping) else list(range(len(probed.item)))
    places = [next((key for key in keys if probed.item[key] is one and key != label), None) for one in made]
    return () if None in places else tuple(places)


def _probed_stack(dataset: Any, index: int, where: str, place: Any) -> _Probed:
    item = dataset[index]
    sample = places_of(item, where)[0] if place is None else sample_place(item, place)
    parts = dataset.datasets
    owner = parts[sample]
    inner, at = _innermost(owner, index)
    # the part is read again: the transform is recorded there, and a second look at it harms nobody
    probed = _probed(inner, at)
    if probed.transform is None or len(probed.made) != 1:
        return _Probed(item)
    return _Probed(item, probed.raw, probed.transform, (item[sample],))


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
    """Does what a transform does, and remembers what it was given, how, and what it made."""

    def __init__(self, transform: Callable[..., Any]) -> None:
        self.transform = transform
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self.given: list[Any] = []
        self.made: list[Any] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # what was given may be changed in place by the transform
        self.calls.append((tuple(map(_copied, args)), {name: _copied(value) for name, value in kwargs.items()}))
        self.given.append(next(iter([*args, *kwargs.values()]), None))
        made = self.transform(*args, **kwargs)
        self.made.append(made)
        return made

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transform, name)


def _copied(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.clone()
    return value.copy() if isinstance(value, (Image.Image, np.ndarray)) else value


def _probed(dataset: Any, index: int) -> _Probed:
    """An item, with what its dataset's transform was given, and that transform as a function of it alone."""
    transform = getattr(dataset, "transform", None)
    if not callable(transform):
        return _Probed(dataset[index])
    recorder = _Recorder(transform)
    try:
        twin = copy.copy(dataset)  # the user's own is left as it is
        twin.transform = recorder
    except (AttributeError, TypeError):
        return _Probed(dataset[index])
    item = twin[index]
    if not recorder.calls or any(not _same(one, recorder.given[0]) for one in recorder.given):
        return _Probed(item)  # not used, or for different things: who knows what for
    args, kwargs = recorder.calls[0]
    if len(args) == 1 and not kwargs:
        return _Probed(item, args[0], transform, tuple(recorder.made))
    if not args and list(kwargs) == ["image"]:
        made = tuple(one["image"] if isinstance(one, Mapping) else one for one in recorder.made)
        return _Probed(item, kwargs["image"], Keyword(transform), made)
    return _Probed(item)


def _same(one: Any, other: Any) -> bool:
    """Whether two calls were given one thing: views of one image."""
    if one is other:
        return True
    if isinstance(one, Image.Image) and isinstance(other, Image.Image):
        return one.mode == other.mode and one.size == other.size and one.tobytes() == other.tobytes()
    if type(one) is type(other) and isinstance(one, (torch.Tensor, np.ndarray)):
        return one.shape == other.shape and bool((one == other).all())
    return False


class Keyword:
    """An albumentations transform as a function of the image."""

    def __init__(self, transform: Callable[..., Any]) -> None:
        self.transform = transform

    def __call__(self, image: Any) -> Any:
        return self.transform(image=image)["image"]


class Views:
    """Several views of one image: a transform that is applied so many times."""

    def __init__(self, transform: Callable[[Any], Any], count: int) -> None:
        self.transform, self.count = transform, count

    def __call__(self, image: Any) -> tuple[Any, ...]:
        return tuple(self.transform(_copied(image)) for _ in range(self.count))


# ---- what a sample is ---------------------------------------------------------------------------


def first_view(sample: Any) -> Any:
    """The sample itself, or the first of its views."""
    several = isinstance(sample, (tuple, list)) and len(sample) > 0 and is_image(sample[0], axes=1)
    return sample[0] if several else sample


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
    if isinstance(value, (tuple, list)) and value and len(value) <= 4:
        return f"{kind} of {', '.join(map(described, value))}"
    if not hasattr(value, "shape") or not hasattr(value, "dtype"):
        return kind
    return f"{kind} of shape {tuple(value.shape)} and dtype {str(value.dtype).removeprefix('torch.')}"


def same_kind(one: Any, other: Any, *, sizes: bool = True) -> bool:
    """Whether two samples can stand in one batch.

    Parameters
    ----------
    one, other : object
        Several views are held against each other one by one.
    sizes : bool
        Whether their sizes must agree too, not only their dtypes and numbers of axes.
    """
    if isinstance(one, (tuple, list)) and isinstance(other, (tuple, list)):
        return len(one) == len(other) and all(same_kind(a, b, sizes=sizes) for a, b in zip(one, other, strict=True))
    if isinstance(one, Image.Image) and isinstance(other, Image.Image):
        return one.mode == other.mode  # which no collate function stacks anyway
    if type(one) is not type(other) or getattr(one, "dtype", None) != getattr(other, "dtype", None):
        return False
    shapes = [tuple(value.shape) if hasattr(value, "shape") else () for value in (one, other)]
    return shapes[0] == shapes[1] if sizes else len(shapes[0]) == len(shapes[1])
