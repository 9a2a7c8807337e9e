"""How synthetic samples are made to match real ones: items, labels, transforms and value scales."""

from __future__ import annotations

import copy
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
from PIL import Image
from torch.utils.data import ConcatDataset, StackDataset, Subset
from torchvision import tv_tensors
from torchvision.transforms import v2

from ganaug.datasets.synthetic import SyntheticDataset, Transform
from ganaug.encoding.pil_images import channels_of, learned_mode
from ganaug.encoding.table_checks import ValueProfile, difference, value_profile
from ganaug.encoding.targets import annotations_of, could_be_label, is_image, length_of, places_of, sample_place
from ganaug.exceptions import InvalidDataError, InvalidParameterError
from ganaug.pools.formats import Array, ItemFormat, Sample, default_format
from ganaug.utils.types import IntArray

__all__ = ["ItemForm", "RealItem", "check_beside", "check_modes", "check_scale", "match_items", "probe_item"]

# --------------------------------------------------------------------------------------
# Synthetic items that match the items of a real dataset.
#
# `probe_item` finds what a real item consists of and what the dataset's transform is given; `match_items` hands
# synthetic samples out in that format, through that transform; `check_beside` refuses those that cannot stand in
# a batch with real ones; `ItemForm` puts sample, label and further entries together as the real dataset does.


Item: TypeAlias = Any  # a tuple, list or dict
Place: TypeAlias = Any  # of an entry in an item: a number or a key

# Real items that are read to tell whether their sizes differ among themselves.
READ = 4


# ---- the form of items -----------------------------------------------------------------------------


class ItemForm:
    """Makes items such as a real one: a tuple, list, named tuple or dict, with sample and label at the same places.

    The sample stands at ``views``, several places for several views of it; messages call the real item ``where``.
    """

    def __init__(self, item: Item, views: tuple[Place, ...], label: Place, where: str) -> None:
        self.kind, self.views, self.label, self.where = type(item), views, label, where
        self.named = isinstance(item, Mapping)
        self.keys = list(item) if self.named else list(range(len(item)))
        # further entries, which `fill` must say something about
        self._entries = {key: item[key] for key in self.keys if key != label and key not in views}
        self._fill: dict[Place, object] = {}

    def take_views(self, count: int) -> None:
        """Take so many views: the sample and the further pictures are what a transform made of one image."""
        pictures = [key for key in self.keys if key in self.views or key in self._pictures()]
        if len(pictures) != count:
            raise InvalidDataError(
                f"transform= makes {count} views of a synthetic image, but {self.where} holds {len(pictures)} "
                f"picture(s), at {', '.join(map(repr, pictures))}; let it make as many"
            )
        self.views = tuple(pictures)
        self._entries = {key: entry for key, entry in self._entries.items() if key not in pictures}

    def fill(self, values: Mapping[Any, object] | None) -> None:
        """Set what further entries of synthetic items hold: each a value, or a function of the item's index."""
        given = dict(values or {})
        strange = [key for key in given if key not in self._entries]
        if strange:
            raise InvalidParameterError(
                f"fill= speaks of entry {strange[0]!r}, but the further entries of {self.where} are "
                f"{', '.join(map(repr, self._entries)) or 'none'}"
            )
        missing = [key for key in self._entries if key not in given]
        pictures = [key for key in self._pictures() if key in missing]
        if pictures:
            count = len(pictures) + len(self.views)
            raise InvalidDataError(
                f"{self.where} holds further pictures beside its sample, at {', '.join(map(repr, pictures))}. If they "
                f"are views of one image, give transform= what makes all {count} of one synthetic image, for "
                f"example transform=lambda image: ({', '.join(['view(image)'] * count)}). "
                "If they belong to the real image (a mask), synthetic items have none: wrap the dataset so that its "
                "items are (sample, label)"
            )
        if missing:
            example = ", ".join(f"{key!r}: {_example_of(self._entries[key])}" for key in missing)
            raise InvalidDataError(
                f"{self.where} has {len(self.keys)} entries; say what synthetic items hold beside sample and label, "
                f"with fill={{{example}}} (a value, or a function of the item's index), or wrap the dataset so that "
                "its items are (sample, label)"
            )
        like = self._entries
        self._fill = {key: value if callable(value) else _entry_like(like[key], value) for key, value in given.items()}
        self._entries = {key: like[key] for key in given if callable(given[key])}  # no more of the real item is kept

    def _pictures(self) -> list[Place]:
        return [key for key, entry in self._entries.items() if is_image(entry)]

    def __call__(self, samples: list[Sample], labels: list[object], indices: list[int]) -> list[Item]:
        """Items of samples (of tuples of them, for several views) and labels, at these indices of the dataset."""
        if self.kind is tuple and self.keys == [0, 1] and self.label == 1:  # nearly all of them
            return list(zip(samples, labels, strict=True))
        return [self._item(*each) for each in zip(samples, labels, indices, strict=True)]

    def _item(self, sample: Sample, label: object, index: int) -> Item:
        views = sample if len(self.views) > 1 else (sample,)
        parts = {self.label: label, **dict(zip(self.views, views, strict=True))}
        for key, value in self._fill.items():
            parts[key] = _entry_like(self._entries[key], value(index)) if callable(value) else value
        if self.named:
            return {key: parts[key] for key in self.keys}
        values = [parts[key] for key in self.keys]
        if hasattr(self.kind, "_fields"):
            return self.kind(*values)
        return values if self.kind is list else tuple(values)


def _example_of(entry: object) -> str:
    return repr("") if isinstance(entry, str) else "-1" if could_be_label(entry) else "..."


def _entry_like(entry: object, value: object) -> object:
    """The value of a further entry as real items hold theirs: one number or text as `label_like`, else as it is."""
    if not could_be_label(entry):
        return value
    try:
        return label_like(entry, value)
    except InvalidDataError as error:
        raise InvalidDataError(
            f"fill= gives {value!r} for an entry that real items hold as {described(entry)}, such as {entry!r}; give "
            "one of that kind"
        ) from error


def label_like(label: object, value: Any) -> object:
    """A label written as ``label``, a real item's, is: as an int, a tensor, a numpy number, or text."""
    try:
        if isinstance(label, torch.Tensor) and label.numel() == 1:
            return torch.full(label.shape, value, dtype=label.dtype, device=label.device)
        if isinstance(label, np.ndarray) and label.size == 1:
            return np.full(label.shape, value, label.dtype)
        if isinstance(label, (np.generic, bool, int, float, str)) and isinstance(label, str) == isinstance(value, str):
            return type(label)(value)
    except (TypeError, ValueError, RuntimeError):
        pass
    raise InvalidDataError(
        f"the labels of the real dataset's items are {described(label)} ({label!r}), which cannot be made of the "
        f"target {value!r}; give target_transform=, which makes it of the target"
    )


# ---- a real item and its transform -----------------------------------------------------------------


@dataclass(frozen=True)
class RealItem:
    """One item of a real dataset."""

    raw: Sample  # the sample as the dataset's transform is given it; without one, as the item holds it
    sample: Sample  # as the item holds it; of several views a tuple
    label: object
    transform: Transform | None  # what makes ``sample`` of ``raw``
    form: ItemForm  # what makes items like it
    item: Item

    def of_views(self, count: int) -> RealItem:
        """The same, with all pictures of the item for so many views of one image."""
        self.form.take_views(count)
        return replace(self, sample=tuple(self.item[view] for view in self.form.views))


def probe_item(dataset: object, index: int = 0, place: Place = None) -> RealItem:
    """What an item of a map-style dataset consists of; ``place`` is that of the label in it, if it is known.

    Items without a sample and a label are refused, and those that hold what belongs to one real image (boxes, masks).
    """
    inner, index = _innermost(dataset, index)
    where = f"item {index} of the {type(inner).__name__}"
    call = _call_in_stack(inner, index, where, place) if isinstance(inner, StackDataset) else _recorded(inner, index)
    item = call.item
    tied = annotations_of(item)
    if tied:
        raise InvalidDataError(
            f"{where} holds {', '.join(tied)}, which belongs to its image: detection and segmentation cannot be "
            "blended, because synthetic images have none; wrap the dataset so that its items are (image, label)"
        )
    sample, label = places_of(item, where) if place is None else (sample_place(item, place), place)
    views = _view_places(call, label) or (sample,)
    found = _views_in(item, views)
    form = ItemForm(item, views, label, where)
    if call.transform is None:
        return RealItem(first_view(found), found, item[label], None, form, item)
    count = len(call.made)
    transform = call.transform if count == 1 else partial(_of_views, call.transform, count)
    return RealItem(call.raw, found, item[label], transform, form, item)


@dataclass(frozen=True)
class _TransformCall:
    """An item; what its dataset's transform was given for it; that transform; and what it made, call by call."""

    item: Item
    raw: Sample = None
    transform: Transform | None = None
    made: tuple[object, ...] = ()


def _views_in(item: Item, views: Sequence[Place]) -> Sample:
    return tuple(item[view] for view in views) if len(views) > 1 else item[views[0]]


def _view_places(call: _TransformCall, label: Place) -> tuple[Place, ...]:
    """Where the entries stand that the transform made: of one call, of several, or of one that made several."""
    item, made = call.item, call.made
    keys = list(item) if isinstance(item, Mapping) else list(range(len(item)))
    if len(made) == 1 and isinstance(made[0], (tuple, list)) and not any(item[key] is made[0] for key in keys):
        made = tuple(made[0])
    places = [next((key for key in keys if item[key] is one and key != label), None) for one in made]
    return () if None in places else tuple(places)


def _call_in_stack(dataset: Any, index: int, where: str, place: Place) -> _TransformCall:
    item = dataset[index]
    sample = places_of(item, where)[0] if place is None else sample_place(item, place)
    # the part is read again: the transform is recorded there, and reading it twice harms nobody
    call = _recorded(*_innermost(dataset.datasets[sample], index))
    if call.transform is None or len(call.made) != 1:
        return _TransformCall(item)
    return _TransformCall(item, call.raw, call.transform, (item[sample],))


def _innermost(dataset: Any, index: int) -> tuple[Any, int]:
    """The dataset whose items a Subset or ConcatDataset passes on, and the place of one of them."""
    while not callable(getattr(dataset, "transform", None)):
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
            break
    return dataset, index


def _recorded(dataset: Any, index: int) -> _TransformCall:
    """An item, with what its dataset's transform was given, and that transform as a function of it alone."""
    transform = getattr(dataset, "transform", None)
    if not callable(transform):
        return _TransformCall(dataset[index])
    recorder = _Recorder(transform)
    try:
        twin = copy.copy(dataset)  # the user's own is left as it is
        twin.transform = recorder
    except (AttributeError, TypeError):
        return _TransformCall(dataset[index])
    item = twin[index]
    if not recorder.calls or any(not _same(one, recorder.given[0]) for one in recorder.given):
        return _TransformCall(item)  # not used, or for different things: who knows what for
    args, kwargs = recorder.calls[0]
    if len(args) == 1 and not kwargs:
        return _TransformCall(item, args[0], transform, tuple(recorder.made))
    if not args and list(kwargs) == ["image"]:
        made = tuple(one["image"] if isinstance(one, Mapping) else one for one in recorder.made)
        return _TransformCall(item, kwargs["image"], partial(_of_image, transform), made)
    return _TransformCall(item)


class _Recorder:
    """Does what a transform does, and remembers what it was given, how, and what it made."""

    def __init__(self, transform: Transform) -> None:
        self.transform = transform
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self.given: list[object] = []
        self.made: list[object] = []

    def __call__(self, *args: object, **kwargs: object) -> object:
        # what was given may be changed in place by the transform
        self.calls.append((tuple(map(_copied, args)), {name: _copied(value) for name, value in kwargs.items()}))
        self.given.append(next(iter([*args, *kwargs.values()]), None))
        self.made.append(self.transform(*args, **kwargs))
        return self.made[-1]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transform, name)


def _copied(value: Sample) -> Sample:
    if isinstance(value, torch.Tensor):
        return value.clone()
    return value.copy() if isinstance(value, (Image.Image, np.ndarray)) else value


def _same(one: Any, other: Any) -> bool:
    """Whether two calls were given one thing: views of one image."""
    if one is other:
        return True
    if isinstance(one, Image.Image) and isinstance(other, Image.Image):
        return one.mode == other.mode and one.size == other.size and one.tobytes() == other.tobytes()
    if type(one) is type(other) and isinstance(one, (torch.Tensor, np.ndarray)):
        return one.shape == other.shape and bool((one == other).all())
    return False


def _of_image(transform: Callable[..., Any], image: Sample) -> Sample:
    """What an albumentations transform makes of an image."""
    return transform(image=image)["image"]


def _of_views(transform: Transform, count: int, image: Sample) -> tuple[Sample, ...]:
    """Several views of one image: a transform that is applied so many times."""
    return tuple(transform(_copied(image)) for _ in range(count))


# ---- synthetic samples like real ones --------------------------------------------------------------


def match_items(synthetic: SyntheticDataset, real: RealItem, transform: Any) -> None:
    """Set the format and the transform of synthetic items after a real one.

    The transform "auto" is the real dataset's own, where the generator makes what that is given. A generator that was
    fitted on transformed items makes what stands in a batch already, and goes without; any other is refused.
    """
    shape, dtype, image = synthetic.sample_shape, synthetic.sample_dtype, synthetic.is_image
    made = f"samples of shape {shape} and dtype {dtype}"
    raw, sample = real.raw, first_view(real.sample)
    learnt_after = _dtype_kind(raw) != dtype.kind == _dtype_kind(sample) or (
        image and _channels(raw, image) not in {None, shape[0]} and _channels(sample, image) == shape[0]
    )
    if transform is None or (transform == "auto" and learnt_after):
        if sample is not real.sample:
            raise InvalidDataError(
                f"the real dataset's samples are several views, {described(real.sample)}, and the generator learnt "
                "one that the transform made; fit it on the dataset without its transform, or give transform= what "
                f"makes {len(real.sample)} views of a synthetic image"
            )
        raw, transform = real.sample, None
    if _dtype_kind(raw) != dtype.kind:
        if transform != "auto":
            # what makes the one of the other is the transform given; check_beside looks at the result
            synthetic.hand_out(default_format("auto", shape, dtype, image), transform)
            return
        after = f" (transformed: {described(real.sample)})" if real.transform is not None else ""
        raise InvalidDataError(
            f"the real dataset's samples are {described(raw)}{after}, but the generator makes {made}; fit it on these "
            "data, or give a transform= that makes one of the other"
        )
    channels = _channels(raw, image)
    if transform == "auto" and image and channels is not None and channels != shape[0]:
        raise InvalidDataError(
            f"the real dataset's images have {channels} channel(s): {described(raw)}; the generator makes {shape[0]}: "
            f"{made}. Fit it on these data, or convert one of them"
        )
    synthetic.hand_out(format_like(raw, image), real.transform if transform == "auto" else transform)


def check_modes(real: RealItem, modes: set[str]) -> None:
    """Refuse a generator fitted on PIL images of ``modes`` whose channels are other colours: CMYK beside RGBA."""
    own = learned_mode(real.raw.mode) if isinstance(real.raw, Image.Image) else None
    other = next((mode for mode in sorted(modes) if own is not None and mode != own), None)
    if other is not None and channels_of(other) == channels_of(str(own)):
        raise InvalidDataError(
            f"the real dataset's images are of mode {real.raw.mode}, and the generator learnt images of mode {other}, "
            f"whose channels mean something else; fit it on these images, or convert one of them, for example with "
            f'image.convert("{other}") in the dataset\'s loader'
        )


def check_beside(dataset: Any, synthetic: Sample, real: RealItem) -> None:
    """Refuse a synthetic sample, transformed, that cannot stand in one batch with the items of ``dataset``."""
    if same_kind(real.sample, synthetic):
        return
    # sizes that differ among real items are the business of the user's collate function
    if same_kind(real.sample, synthetic, sizes=False):
        few = np.unique(np.linspace(0, len(dataset) - 1, READ).astype(int)).tolist()
        if any(not same_kind(real.sample, _views_in(dataset[index], real.form.views)) for index in few):
            return
    raise InvalidDataError(
        f"real and synthetic items cannot stand in one batch: a real sample is {described(real.sample)}, a synthetic "
        f"one {described(synthetic)}. Give the real dataset a transform that brings both to one type and size "
        "(synthetic items go through it too), or say with transform= what synthetic items go through"
    )


# ---- what a sample is ------------------------------------------------------------------------------


def first_view(sample: Sample) -> Sample:
    """The sample itself, or the first of its views."""
    several = isinstance(sample, (tuple, list)) and len(sample) > 0 and is_image(sample[0], axes=1)
    return sample[0] if several else sample


def format_like(raw: Sample, image: bool) -> ItemFormat:
    """The format in which stored samples are such things as ``raw``."""
    if isinstance(raw, Image.Image):
        return ItemFormat("pil", mode={"P": "RGB", "PA": "RGBA"}.get(raw.mode, raw.mode))
    if isinstance(raw, torch.Tensor):
        kind = "image" if isinstance(raw, tv_tensors.Image) else "tensor"
        return ItemFormat(kind, image, flat=image and raw.ndim == 2, dtype=dtype_name(raw))
    if isinstance(raw, np.ndarray):
        return ItemFormat("array", image, flat=image and raw.ndim == 2, dtype=raw.dtype.name)
    raise InvalidDataError(
        f"the real dataset's samples are {described(raw)}; BlendedDataset knows PIL images, tensors and arrays. Wrap "
        "the dataset so that its samples are one of these"
    )


def described(value: object) -> str:
    """A sample in words: its type, and its shape and dtype or mode."""
    if isinstance(value, Image.Image):
        return f"a PIL image of mode {value.mode} and {value.height} x {value.width} pixels"
    kind = type(value).__name__
    kind = f"an {kind}" if kind[0] in "AEIOUaeiou" else f"a {kind}"
    if isinstance(value, (tuple, list)) and value and len(value) <= 4:
        return f"{kind} of {', '.join(map(described, value))}"
    if not hasattr(value, "shape") or not hasattr(value, "dtype"):
        return kind
    return f"{kind} of shape {tuple(value.shape)} and dtype {dtype_name(value)}"


def dtype_name(value: Sample) -> str:
    """The dtype of an array or a tensor, without torch's prefix."""
    return str(value.dtype).removeprefix("torch.")


def same_kind(one: object, other: object, *, sizes: bool = True) -> bool:
    """Whether two samples, or their views one by one, can stand in one batch; ``sizes``: with equal sizes too."""
    if isinstance(one, (tuple, list)) and isinstance(other, (tuple, list)):
        return len(one) == len(other) and all(same_kind(a, b, sizes=sizes) for a, b in zip(one, other, strict=True))
    if isinstance(one, Image.Image) and isinstance(other, Image.Image):
        return one.mode == other.mode  # which no collate function stacks anyway
    if type(one) is not type(other) or getattr(one, "dtype", None) != getattr(other, "dtype", None):
        return False
    shapes = [tuple(value.shape) if hasattr(value, "shape") else () for value in (one, other)]
    return shapes[0] == shapes[1] if sizes else len(shapes[0]) == len(shapes[1])


def _dtype_kind(value: object) -> str | None:
    """The kind of a sample's dtype, as numpy names it."""
    if isinstance(value, Image.Image):
        return {"F": "f", "1": "b", "I": "i"}.get(value.mode, "u")
    if isinstance(value, torch.Tensor):
        # numpy lacks bfloat16
        return "f" if value.dtype.is_floating_point else np.dtype(dtype_name(value)).kind
    return value.dtype.kind if isinstance(value, (np.ndarray, np.generic)) else None


def _channels(raw: Sample, image: bool) -> int | None:
    """Channels of a real image; None where they cannot be told."""
    if isinstance(raw, Image.Image):
        return None if raw.mode in {"P", "PA"} else channels_of(learned_mode(raw.mode))
    if not image or not hasattr(raw, "shape"):
        return None
    if len(raw.shape) == 2:
        return 1
    return int(raw.shape[0] if isinstance(raw, torch.Tensor) else raw.shape[-1])


# --------------------------------------------------------------------------------------
# Whether synthetic samples hold numbers on the scale of the real ones, and what they lack if not.


# Items that are read at first, and before anything is refused: of pictures, and of samples of few values.
READ_FOR_SCALE, READ_BEFORE_REFUSAL = 16, 64
READ_SMALL, READ_SMALL_BEFORE_REFUSAL = 128, 1024
SMALL = 256  # values of a sample that is small
DRAWN = 32  # samples that are looked at where a generator says nothing of what it was fitted on


def check_scale(
    dataset: object,
    synthetic: SyntheticDataset,
    real: RealItem,
    asked: Transform | str | None,
    groups: Iterable[tuple[ValueProfile | None, IntArray]],
) -> None:
    """Refuse synthetic samples on another scale than the real ones, or give them the normalisation that they lack.

    Parameters
    ----------
    dataset : dataset
        The real one.
    synthetic : SyntheticDataset
        As it hands samples out. Its transform is set if the real dataset normalises and the generator's data was not.
    real : RealItem
        An item of ``dataset``.
    asked : callable, None or "auto"
        The transform that the user gave.
    groups : iterable of (profile, indices)
        What each generator was fitted on, and the real items of its classes.

    Raises
    ------
    InvalidDataError
        Naming both ranges, with what to do. See `ganaug.encoding.table_checks.difference` for the rule.
    """
    own = real.transform is not None and synthetic.transform is real.transform
    for profile, items in groups:
        if not len(items):
            continue
        scale = _ScaleOfClass(dataset, synthetic, real, profile, items)
        why = scale.difference(own)
        if why is None:
            continue
        if asked != "auto" or not scale.adapt(own):
            raise InvalidDataError(_refusal(why, profile, real, asked))
        own = False


@dataclass(frozen=True)
class _ScaleOfClass:
    """Compares what one generator makes with the real items of its classes."""

    dataset: Any
    synthetic: SyntheticDataset
    real: RealItem
    profile: ValueProfile | None  # the values that the generator was fitted on, if it knows them
    items: IntArray  # indices of the real items

    def difference(self, own: bool) -> str | None:
        """Why the scales differ, or None; ``own``: of what the real dataset's transform is given, which both have."""
        synthetic, sample = self.synthetic, self.real.sample
        if own and self.profile is None and synthetic.sample_dtype.kind != "f":
            return None
        made = self.profile if own or synthetic.transform is None else None
        if made is None and self.profile is not None:
            made = self._profile_of(self._levels(self.profile))
        if made is None or made.low == made.high:
            made = self._profile_of(self._drawn(own))
        if made is None:
            return None
        if own and synthetic.sample_dtype.kind != "f" and difference(made, self._profile_of([self.real.raw])) is None:
            return None  # one item tells bytes from flags
        size = int(np.prod(first_view(sample).shape)) if hasattr(first_view(sample), "shape") else SMALL
        why = None
        for number in (
            (READ_SMALL, READ_SMALL_BEFORE_REFUSAL) if size < SMALL else (READ_FOR_SCALE, READ_BEFORE_REFUSAL)
        ):
            why = difference(made, self._profile_of(self._real_samples(number, own)))
            if why is None:
                break
        return why

    def adapt(self, own: bool) -> bool:
        """Try another part of the real dataset's transform; whether it brings synthetic samples to the scale."""
        synthetic, real = self.synthetic, self.real
        before = synthetic.item_format, synthetic.transform
        one_view = first_view(real.sample) is real.sample
        if own and one_view and getattr(real.sample, "dtype", None) == getattr(real.raw, "dtype", None):
            # the generator learnt what the transform made, which is of the type that it is given
            synthetic.hand_out(format_like(real.sample, synthetic.is_image), None)
        elif synthetic.transform is None and (tail := _normalisation(real.transform)) is not None:
            synthetic.hand_out(synthetic.item_format, tail)
        else:
            return False
        if self.difference(False) is None:
            return True
        synthetic.hand_out(*before)
        return False

    def _real_samples(self, number: int, raw: bool) -> list[Sample]:
        """Some real samples, or what their transform is given."""
        dataset, form = self.dataset, self.real.form
        at = self.items[np.unique(np.linspace(0, len(self.items) - 1, number).astype(np.int64))].tolist()
        if raw:
            return [probe_item(dataset, index, form.label).raw for index in at]
        several = getattr(dataset, "__getitems__", None)
        found = several(at) if callable(several) else [dataset[index] for index in at]
        return [first_view(item[form.views[0]]) for item in found]

    def _levels(self, profile: ValueProfile) -> list[Sample]:
        """Samples of one value each, of those that the generator was fitted on, as they are handed out."""
        shape, dtype = self.synthetic.sample_shape, self.synthetic.sample_dtype
        levels = profile.levels(shape[0])  # (C, K)
        number = levels.shape[1]
        stored = np.broadcast_to(levels.T.reshape(number, -1, *(1,) * (len(shape) - 1)), (number, *shape))
        return self.synthetic.handed_out((np.rint(stored) if dtype.kind in "iu" else stored).astype(dtype))

    def _drawn(self, raw: bool) -> list[Sample]:
        """Some synthetic samples, or what their transform is given."""
        data = self.synthetic
        number = len(data) if data.pool_path is not None else min(len(data), data.block_size)
        stored = data.stored(np.unique(np.linspace(0, number - 1, DRAWN).astype(np.int64)))
        return data.item_format(stored) if raw else data.handed_out(stored)

    def _profile_of(self, samples: list[Sample]) -> ValueProfile | None:
        found = [_channels_first(first_view(sample), self.synthetic.is_image) for sample in samples]
        arrays = [array for array in found if array is not None]
        if not arrays or len({array.shape[0] for array in arrays}) > 1:
            return None
        if len({array.shape for array in arrays}) == 1:
            return value_profile(np.stack(arrays))
        flat = np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1)
        return value_profile(flat[None, :, :, None] if arrays[0].ndim >= 3 else flat[None])


def _channels_first(sample: Sample, image: bool) -> Array | None:
    """A sample as (C, ...), or None where its numbers are no values."""
    if isinstance(sample, Image.Image):
        if sample.mode in {"P", "PA"}:
            return None
        array = np.asarray(sample)
        return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    moved = isinstance(sample, np.ndarray)
    if isinstance(sample, torch.Tensor):
        sample = sample.detach().cpu()
        sample = (sample.float() if sample.is_floating_point() else sample).numpy()
    if not isinstance(sample, np.ndarray) or sample.ndim == 0 or sample.dtype.kind not in "biuf":
        return None
    if image and sample.ndim == 2:
        return sample[None]
    return np.moveaxis(sample, -1, 0) if image and moved and sample.ndim == 3 else sample


def _normalisation(transform: object) -> Transform | None:
    """What a pipeline of torchvision does from its first Normalize on; None if it has none."""
    steps = getattr(transform, "transforms", None)
    steps = list(transform) if steps is None and isinstance(transform, torch.nn.Sequential) else steps
    if not isinstance(steps, (list, tuple)):
        return None
    first = next((i for i, step in enumerate(steps) if type(step).__name__ == "Normalize"), None)
    return None if first is None else v2.Compose(list(steps[first:]))


def _refusal(why: str, profile: ValueProfile | None, real: RealItem, asked: Transform | str | None) -> str:
    fitted = "" if profile is None else f"; the generator was fitted on values {profile}"
    remedy = "transform= leaves synthetic samples on another scale; give one that ends on that of the real ones"
    if asked == "auto" or asked is None:
        remedy = (
            "Fit the generator on this dataset (or on one with the same transform), or say with transform= what "
            "synthetic samples lack, for example transform=v2.Normalize(mean, std)"
        )
    after = " after the dataset's transform" if real.transform is not None else ""
    return (
        f"real samples{after} and synthetic ones are on different scales: {why}{fitted}. {remedy}. Where that is "
        "meant, give check_values=False"
    )
