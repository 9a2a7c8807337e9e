"""The labels of a dataset, found without loading an image where that can be done."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ganaug.encoding.containers import is_tensor
from ganaug.encoding.pil_images import is_pil_image
from ganaug.encoding.table_checks import refuse_foreign
from ganaug.exceptions import DataWarning, InvalidDataError, InvalidTypeError
from ganaug.utils.determinism import warn
from ganaug.utils.types import Array

if TYPE_CHECKING:
    from torch.utils.data import ConcatDataset, Subset, TensorDataset

__all__ = [
    "annotations_of",
    "check_labels",
    "class_names_of",
    "could_be_label",
    "dataset_kind",
    "is_image",
    "known_targets",
    "label_place",
    "length_of",
    "places_of",
    "resolve_targets",
    "sample_place",
    "split_item",
    "tell_synthetic",
    "unwrap_label",
]

# Attributes in which torchvision's datasets keep labels, in order of precedence.
_COLUMNS = ("targets", "labels", "_labels")
_PAIRS = ("samples", "_samples")  # (path or image, label) pairs
_LABEL_KEYS = ("label", "labels", "target", "targets", "y")  # of items and parts that are dicts
_LABEL_WORDS = ("label", "target", "class")  # in other keys, such as "fine_label"
# Annotations that locate objects in an image: keys of dicts, and classes of torchvision.
_ANNOTATIONS = {"annotations", "bbox", "bboxes", "boxes", "keypoints", "mask", "masks", "objects", "segmentation"}
_ANNOTATION_TYPES = {"BoundingBoxes", "KeyPoints", "Mask"}
_COMPARED = 16  # items that are compared with known labels
_GIVE = "give the labels as targets= (y= in fit), one for each item"


def resolve_targets(dataset: object, targets: object = None) -> Array:
    """The label of every item of a map-style dataset, as its items carry it.

    Labels are read from ``.targets``, ``.labels``, ``._labels``, ``.samples`` or ``._samples``, and from the
    last tensor of a `TensorDataset`, through `Subset`, `ConcatDataset` and `StackDataset` in any nesting; a
    ``target_transform`` is applied. Only where there is none of these is each item read, images and all.

    Parameters
    ----------
    dataset : map-style dataset
        With ``__len__`` and ``__getitem__``; the label stands second in an item.
    targets : array-like of shape (n,), default=None
        The labels, if the caller knows them; nothing is searched then.

    Returns
    -------
    ndarray of shape (n,)
        Integers, text or whatever the labels are.

    Raises
    ------
    InvalidTypeError
        If it is no map-style dataset.
    InvalidDataError
        If it is empty, its items have no label, or ``targets`` does not fit. The message names the item.

    Warns
    -----
    DataWarning
        If the parts of a `ConcatDataset` number their classes differently, so that one code means two classes.

    Examples
    --------
    >>> import torch
    >>> from torch.utils.data import Subset, TensorDataset
    >>> from ganaug.encoding.sources import resolve_targets
    >>> dataset = TensorDataset(torch.zeros(4, 1, 8, 8), torch.tensor([0, 0, 1, 2]))
    >>> resolve_targets(Subset(dataset, [3, 0]))
    array([2, 0])
    """
    refuse_foreign(dataset, "dataset")
    if targets is not None:
        return check_labels(targets, _at_least_one(dataset), "targets")
    known = known_targets(dataset)
    return _read(dataset) if known is None else known


def known_targets(dataset: object) -> Array | None:
    """The labels if they can be told without reading an item, else None; see `resolve_targets`."""
    _at_least_one(dataset)
    return _known(dataset)


def _at_least_one(dataset: object) -> int:
    n = length_of(dataset)
    if n == 0:
        raise InvalidDataError(f"the {type(dataset).__name__} has length 0; give one with at least one item")
    return n


def class_names_of(dataset: Any, labels: Sequence[Any] | Array | None = None) -> list[str] | None:
    """The names of the classes, through Subset and ConcatDataset; None where codes have no names.

    Parameters
    ----------
    dataset : map-style dataset
        The names stand in ``.classes``, or, as the datasets library has them, in ``.features[key].names``.
    labels : sequence, default=None
        The labels of the items, if known: they tell which of several features is meant.

    Returns
    -------
    list of str or None
        The name at place ``i`` is that of label ``i``.
    """
    if getattr(dataset, "target_transform", None) is not None:
        return None  # what the items carry are not the codes that the names stand for
    names = getattr(dataset, "classes", None)
    if isinstance(names, (list, tuple)) and names and all(isinstance(name, str) for name in names):
        return list(names)
    kind = dataset_kind(dataset)
    if kind == "Subset":
        # the labels are those of some items only
        inner, at = dataset.dataset, list(dataset.indices)
        return class_names_of(inner, None if labels is None else _scattered(labels, at, length_of(inner)))
    if kind == "ConcatDataset":
        starts = [0, *dataset.cumulative_sizes]
        own = [None if labels is None else labels[a:b] for a, b in pairwise(starts)]
        parts = [class_names_of(part, mine) for part, mine in zip(dataset.datasets, own, strict=True)]
        return parts[0] if all(part == parts[0] for part in parts) else None
    named = _named_features(dataset)
    if not named:
        return None
    key = next((key for key in _LABEL_KEYS if key in named), None)
    if labels is not None:
        key = label_place(dataset, labels)
    elif key is None and len(named) == 1:
        key = next(iter(named))
    return named.get(key)


def _named_features(dataset: object) -> dict[Any, list[str]]:
    """Key to names of the classes, of a dataset that describes its columns as the datasets library does."""
    features = getattr(dataset, "features", None)
    if not isinstance(features, Mapping):
        return {}
    found = {key: getattr(feature, "names", None) for key, feature in features.items()}
    return {key: list(names) for key, names in found.items() if isinstance(names, (list, tuple)) and names}


def _scattered(labels: Iterable[object], at: list[int], n: int) -> list[Any]:
    """Labels of items at some places of a larger dataset; None elsewhere."""
    out: list[Any] = [None] * n
    for place, label in zip(at, labels, strict=True):
        out[int(place)] = label
    return out


def label_place(dataset: Any, labels: Sequence[object] | Array | None = None) -> Any:
    """The key, or place, of the label in a dataset's items.

    Parameters
    ----------
    dataset : map-style dataset
    labels : sequence, default=None
        The labels of the items, if known; None among them is not. A few items are read, and the first entry that
        agrees with all of them is taken.

    Raises
    ------
    InvalidDataError
        If there is none, or several could be it.
    """
    name = type(dataset).__name__
    if labels is None:
        return places_of(dataset[0], f"item 0 of the {name}")[1]
    known = [i for i, label in enumerate(labels) if label is not None]
    some = [known[int(i)] for i in np.unique(np.linspace(0, len(known) - 1, _COMPARED).astype(int))]
    items = [dataset[i] for i in some]
    place = places_of(items[0], f"item {some[0]} of the {name}", labels[some[0]])[1]
    keys = list(items[0]) if isinstance(items[0], Mapping) else list(range(1, len(items[0])))
    for key in [place, *keys]:
        if all(could_be_label(item[key]) and _equal(item[key], labels[i]) for i, item in zip(some, items, strict=True)):
            return key
    return place


def length_of(dataset: Any) -> int:
    """The number of items of a map-style dataset.

    Raises
    ------
    InvalidTypeError
        If it has no length or cannot be indexed.
    """
    name = type(dataset).__name__
    advice = "give a map-style torch Dataset (with __len__ and __getitem__), for example ImageFolder"
    if hasattr(dataset, "batch_sampler") and hasattr(dataset, "dataset"):
        raise InvalidTypeError(f"a {name} gives batches; give its .dataset")
    if isinstance(dataset, (str, os.PathLike)):
        raise InvalidTypeError(f"{os.fspath(dataset)!r} is a path; {advice}(path)")
    if not hasattr(dataset, "__getitem__"):
        raise InvalidTypeError(f"a {name} cannot be indexed; {advice}")
    try:
        return len(dataset)
    except (TypeError, NotImplementedError) as error:  # an IterableDataset, which inherits __getitem__
        raise InvalidTypeError(f"a {name} has no length; {advice}") from error


def split_item(item: Any, where: str, labelled: bool = True, known: object = None) -> tuple[Any, Any]:
    """Sample and label of one item.

    Parameters
    ----------
    item : tuple, list or dict
        As `places_of` reads it.
    where : str
        How messages name it, for example ``"item 3"``.
    labelled : bool, default=True
        If False, an item without a label is a sample, and the label None.
    known : object, default=None
        The label, if the caller knows it: it tells which entry the label is where several could be.

    Raises
    ------
    InvalidDataError
        If it has no label, or several entries could be it.
    """
    try:
        sample, label = places_of(item, where, known)
    except InvalidDataError:
        if labelled:
            raise
        sample, label = sample_place(item, None), None
    if sample is None:
        return item, None
    return item[sample], None if label is None else item[label]


def places_of(item: object, where: str, known: object = None) -> tuple[Any, Any]:
    """The keys of a dict, or the places in a tuple or list, at which sample and label stand.

    The sample of a tuple is its first entry (behind a number, the first picture, tensor or array). Its label is the
    second one, or, if that is a picture or a path, the first number or text after it. The label of a dict has the key
    ``label``, ``labels``, ``target``, ``targets`` or ``y``, or the only one with "label", "target" or "class" in it;
    the sample is the first picture, tensor or array beside it. Where ``known``, the label, is given, the label is an
    entry that equals it.

    Returns
    -------
    sample, label : int or key

    Raises
    ------
    InvalidDataError
        If there is no label, or several entries could be it; it names them.
    """
    if isinstance(item, Mapping):
        label = _label_key(item, where, known)
        if label is not None and len(item) > 1:
            return sample_place(item, label), label
    elif isinstance(item, (tuple, list)) and len(item) >= 2:
        places = [place for place in range(1, len(item)) if could_be_label(item[place])]
        if known is not None:
            places = [place for place in places if _equal(item[place], known)] or places
        elif 1 in places:
            places = [place for place in places if not _is_path(item[place])] or places
        elif not is_image(item[1]):
            places = []  # an odd label is told, not passed over
        found = places[0] if places else 1
        _refuse_annotations(item[found], where)
        return sample_place(item, found), found
    raise InvalidDataError(f"{where} has no label: it is {_described(item)}, not (sample, label); {_GIVE}")


def _label_key(item: Mapping[Any, Any], where: str, known: object) -> object:
    exact = [key for key in _LABEL_KEYS if key in item]
    like = [key for key in item if isinstance(key, str) and any(word in key.lower() for word in _LABEL_WORDS)]
    like = [key for key in like if key not in exact and could_be_label(item[key])]
    if known is not None:
        equal = [key for key in [*exact, *like, *item] if could_be_label(item[key]) and _equal(item[key], known)]
        if equal:
            return equal[0]
    if exact:
        _refuse_annotations(item[exact[0]], where)
        return exact[0]
    if len(like) > 1:
        raise InvalidDataError(
            f"{where} has several entries that could be the label: {', '.join(map(repr, like))}; say which is meant, "
            f"with targets=[item[{like[0]!r}] for item in dataset] (y= in fit)"
        )
    return like[0] if like else None


def sample_place(item: object, label: object) -> Any:
    """Where the sample stands; None if the item is the sample itself."""
    if isinstance(item, Mapping):
        others = [key for key in item if key != label]
        pictures = [key for key in others if is_image(item[key], axes=1)]
        return next(iter([*pictures, *others]), None)
    if not isinstance(item, (tuple, list)) or not item:
        return None
    others = [place for place in range(len(item)) if place != label]
    pictures = [place for place in others if is_image(item[place], axes=1)]
    return pictures[0] if pictures and isinstance(item[0], (int, np.integer)) else 0


def could_be_label(value: Any) -> bool:
    """Whether an entry of an item is a single number or text."""
    if isinstance(value, (tuple, list)) and len(value) == 1:
        value = value[0]
    if is_tensor(value) or isinstance(value, np.ndarray):
        return int(np.prod(value.shape)) == 1
    return isinstance(value, (str, int, float, np.generic))


def is_image(value: object, axes: int = 2) -> bool:
    """Whether an entry of an item is a picture, or a tensor or array of at least so many axes."""
    shape = getattr(value, "shape", None)
    return is_pil_image(value) or (shape is not None and len(shape) >= axes and int(np.prod(shape)) > 1)


def annotations_of(item: object) -> list[str]:
    """What an item holds that says where in its image something is, by name: boxes, masks, key points."""
    named = item if isinstance(item, Mapping) else {}
    found = [repr(key) for key in named if isinstance(key, str) and key.lower() in _ANNOTATIONS]
    for value in item.values() if isinstance(item, Mapping) else item if isinstance(item, (tuple, list)) else [item]:
        if type(value).__name__ in _ANNOTATION_TYPES:
            found.append(type(value).__name__)
        parts = value if isinstance(value, (tuple, list)) else [value]
        for part in [part for part in parts if isinstance(part, Mapping)][:1]:
            found += annotations_of(part)
    return list(dict.fromkeys(found))


def _refuse_annotations(label: object, where: str) -> None:
    found = annotations_of(label) if isinstance(label, (Mapping, list, tuple)) else annotations_of((label,))
    if found:
        raise InvalidDataError(
            f"the label of {where} is {_described(label)} with {', '.join(found)}: that is detection or segmentation, "
            "and a class is needed; give one label for each image as targets= (y= in fit)"
        )


def _equal(value: object, known: object) -> bool:
    same = unwrap_label(value) == unwrap_label(known)
    return isinstance(same, (bool, np.bool_)) and bool(same)


def _is_path(value: object) -> bool:
    return isinstance(value, os.PathLike) or (isinstance(value, str) and ("/" in value or "\\" in value))


# --------------------------------------------------------------------------------------
# Labels that a dataset lists.


def dataset_kind(dataset: object) -> str | None:
    """Which of torch's own datasets it is; nothing is imported, for what is not imported has no instances."""
    data = sys.modules.get("torch.utils.data")
    return next((name for name in _KNOWN if data is not None and isinstance(dataset, getattr(data, name))), None)


def tell_synthetic(dataset: Any) -> None:
    """Warn where items that are taken for real ones are synthetic, in a `BlendedDataset` or a Subset of one."""
    inner, at = dataset, None
    if dataset_kind(dataset) == "Subset":
        inner, at = dataset.dataset, np.asarray(list(dataset.indices), np.int64)
    flags = getattr(inner, "is_synthetic", None)
    if isinstance(flags, np.ndarray) and (count := int((flags if at is None else flags[at]).sum())):
        warn(
            f"the {type(dataset).__name__} holds {count} synthetic items, which are taken for real ones here; give its "
            "real dataset, which a BlendedDataset has as .real",
            DataWarning,
        )


def _known(dataset: object) -> Array | None:
    """The labels if they can be told without reading an item."""
    n = length_of(dataset)
    found = next((column for column in _columns(dataset) if _has(column, n)), None)
    if found is not None:
        return _transformed(check_labels(found, n, f"the labels of the {type(dataset).__name__}"), dataset)
    kind = dataset_kind(dataset)
    return _of_features(dataset) if kind is None else _KNOWN[kind](dataset)


def _of_features(dataset: Any) -> Array | None:
    """The column of the labels of a dataset of the datasets library, which reads no image."""
    features = getattr(dataset, "features", None)
    if not isinstance(features, Mapping):
        return None
    named = list(_named_features(dataset))
    key = next((key for key in _LABEL_KEYS if key in features), named[0] if len(named) == 1 else None)
    bare = getattr(dataset, "with_format", None)  # without the user's transform, which wants images
    try:
        column = list((bare(None) if callable(bare) else dataset)[key])
    except (KeyError, TypeError, IndexError, ValueError):
        return None  # it only looks like one
    n = length_of(dataset)
    return check_labels(column, n, f"the column {key!r} of the {type(dataset).__name__}") if len(column) == n else None


def _columns(dataset: object) -> Iterable[Any]:
    for name in _COLUMNS:
        yield getattr(dataset, name, None)
    for name in _PAIRS:
        pairs = getattr(dataset, name, None)
        if isinstance(pairs, (list, tuple)) and pairs and all(isinstance(p, (list, tuple)) for p in pairs):
            if all(len(pair) == 2 for pair in pairs):
                yield [label for _, label in pairs]


def _has(column: Any, n: int) -> bool:
    # a Subset that delegates attributes would give the labels of all items
    listed = isinstance(column, (list, tuple)) or (hasattr(column, "__array__") and getattr(column, "ndim", 1) > 0)
    return listed and len(column) == n


def _of_subset(dataset: Subset[Any]) -> Array | None:
    labels = _known(dataset.dataset)
    return None if labels is None else labels[np.asarray(list(dataset.indices), dtype=np.int64)]


def _of_concat(dataset: ConcatDataset[Any]) -> Array | None:
    names = [name for name in map(class_names_of, dataset.datasets) if name is not None]
    other = next((name for name in names if name != names[0]), None)
    if other is not None:
        warn(
            f"the parts of the ConcatDataset number different classes from 0: {names[0][:5]} and {other[:5]}; "
            "give targets= with one numbering, or use the parts' target_transform",
            DataWarning,
        )
    parts = [part for part in dataset.datasets if length_of(part)]
    found = [_known(part) for part in parts]
    if all(labels is None for labels in found):
        return None
    # a part without known labels is read; the others are not
    return _joined([_read(p) if labels is None else labels for p, labels in zip(parts, found, strict=True)])


def _of_tensors(dataset: TensorDataset) -> Array | None:
    if len(dataset.tensors) < 2:
        raise InvalidDataError(f"the TensorDataset holds no labels, only one tensor; {_GIVE}")
    return check_labels(dataset.tensors[-1], len(dataset), "the last tensor of the TensorDataset")


def _of_stack(dataset: Any) -> Array | None:
    parts = dataset.datasets
    if isinstance(parts, Mapping):
        part = next((parts[key] for key in _LABEL_KEYS if key in parts), None)
    else:
        part = parts[1] if len(parts) > 1 else None
    if part is None:
        raise InvalidDataError(f"the StackDataset has no second part that could be the labels; {_GIVE}")
    if dataset_kind(part) == "TensorDataset" and len(part.tensors) == 1:
        part = part.tensors[0]
    if is_tensor(part) or isinstance(part, (np.ndarray, list, tuple)):
        return check_labels(part, len(dataset), "the second part of the StackDataset")
    return check_labels(
        [unwrap_label(part[i]) for i in range(len(dataset))], len(dataset), "the second part of the StackDataset"
    )


_KNOWN: dict[str, Callable[[Any], Array | None]] = {
    "Subset": _of_subset,
    "ConcatDataset": _of_concat,
    "TensorDataset": _of_tensors,
    "StackDataset": _of_stack,
}


# --------------------------------------------------------------------------------------
# Labels that are read from the items.


def _read(dataset: Any) -> Array:
    n = length_of(dataset)
    labels = [split_item(dataset[i], f"item {i} of the {type(dataset).__name__}")[1] for i in range(n)]
    return check_labels([unwrap_label(label) for label in labels], n, f"the labels of the {type(dataset).__name__}")


def unwrap_label(label: Any) -> Any:
    """A label out of what a loader may have wrapped it in."""
    if isinstance(label, (tuple, list)) and len(label) == 1:
        label = label[0]
    if is_tensor(label) or isinstance(label, (np.ndarray, np.generic)):
        return label.item() if int(np.prod(label.shape)) == 1 else label
    return label


def _transformed(labels: Array, dataset: object) -> Array:
    change = getattr(dataset, "target_transform", None)
    if change is None:
        return labels
    changed = [unwrap_label(change(label)) for label in labels.tolist()]
    return check_labels(changed, len(labels), f"what target_transform of the {type(dataset).__name__} makes")


def check_labels(labels: Any, n: int, where: str) -> Array:
    """A vector of n labels, or an error that says where it comes from."""
    if is_tensor(labels):
        labels = labels.detach().cpu().numpy()
    array = _array(labels, where)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise InvalidDataError(
            f"{where} has shape {array.shape}, but one label for each item is needed; {_GIVE}, "
            "for example the argmax of one-hot rows"
        )
    if len(array) != n:
        raise InvalidDataError(f"{where} holds {len(array)} labels, but the dataset has {n} items")
    if array.dtype.kind == "O":
        bad = next((i for i, v in enumerate(array) if not isinstance(v, (str, int, float, np.generic))), None)
        if bad is not None:
            raise InvalidDataError(f"{where}: the label of item {bad} is {_described(array[bad])}; {_GIVE}")
    missing = np.flatnonzero(array != array)  # NaN and NaT
    if len(missing):
        raise InvalidDataError(
            f"{where}: the label of item {missing[0]} is missing ({array[missing[0]]}), as {len(missing)} of {n} are; "
            "drop these items (torch.utils.data.Subset), or make the missing ones a class of their own"
        )
    return array


def _array(labels: object, where: str) -> Array:
    if not isinstance(labels, (list, tuple)):
        return np.asarray(labels)
    labels = [unwrap_label(label) for label in labels]
    try:
        array = np.asarray(labels)
    except ValueError as error:
        raise InvalidDataError(f"{where}: the label of item 0 is {_described(labels[0])}; {_GIVE}") from error
    if array.dtype.kind in "USO" and array.ndim == 1 and not all(isinstance(label, str) for label in labels):
        array = np.empty(len(labels), dtype=object)  # numpy would turn [1, "a"] into text
        array[:] = labels
    return array


def _joined(parts: Sequence[Array]) -> Array:
    if len({part.dtype.kind in "US" for part in parts}) > 1:  # text beside numbers stays what it is
        return np.concatenate([part.astype(object) for part in parts])
    return np.concatenate(parts)


def _described(item: object) -> str:
    shape = getattr(item, "shape", None)
    text = f"a {type(item).__name__}" + ("" if shape is None else f" of shape {tuple(shape)}")
    return "None" if item is None else text
