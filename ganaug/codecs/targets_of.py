"""The labels of a dataset, found without loading an image where that can be done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ganaug.codecs.arrays import is_tensor
from ganaug.codecs.plain import Array
from ganaug.exceptions import DataWarning, InvalidDataError, InvalidTypeError
from ganaug.surroundings import warn

__all__ = [
    "bare_label",
    "checked_labels",
    "class_names_of",
    "dataset_kind",
    "known_targets",
    "length_of",
    "resolve_targets",
    "split_item",
]

# Where torchvision's datasets keep their labels, in the order in which they are believed.
_COLUMNS = ("targets", "labels", "_labels")
_PAIRS = ("samples", "_samples")  # (path or image, label) pairs
_LABEL_KEYS = ("label", "labels", "target", "targets", "y")  # of items and parts that are dicts
_GIVE = "give the labels as targets= (y= in fit), one for each item"


def resolve_targets(dataset: Any, targets: Any = None) -> Array:
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
    >>> from ganaug.codecs.sources import resolve_targets
    >>> dataset = TensorDataset(torch.zeros(4, 1, 8, 8), torch.tensor([0, 0, 1, 2]))
    >>> resolve_targets(Subset(dataset, [3, 0]))
    array([2, 0])
    """
    if targets is not None:
        return checked_labels(targets, _at_least_one(dataset), "targets")
    known = known_targets(dataset)
    return _read(dataset) if known is None else known


def known_targets(dataset: Any) -> Array | None:
    """The labels if they can be told without reading an item, else None; see `resolve_targets`."""
    _at_least_one(dataset)
    return _known(dataset)


def _at_least_one(dataset: Any) -> int:
    n = length_of(dataset)
    if n == 0:
        raise InvalidDataError(f"the {type(dataset).__name__} has length 0; give one with at least one item")
    return n


def class_names_of(dataset: Any) -> list[str] | None:
    """The names in ``.classes``, through Subset and ConcatDataset; None where codes have no names.

    Parameters
    ----------
    dataset : map-style dataset

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
        return class_names_of(dataset.dataset)
    if kind == "ConcatDataset":
        parts = [class_names_of(part) for part in dataset.datasets]
        return parts[0] if all(part == parts[0] for part in parts) else None
    return None


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
    if not hasattr(dataset, "__getitem__"):
        raise InvalidTypeError(f"a {name} cannot be indexed; {advice}")
    try:
        return len(dataset)
    except (TypeError, NotImplementedError) as error:  # an IterableDataset, which inherits __getitem__
        raise InvalidTypeError(f"a {name} has no length; {advice}") from error


def split_item(item: Any, where: str, labelled: bool = True) -> tuple[Any, Any]:
    """Sample and label of one item.

    Parameters
    ----------
    item : tuple, list or dict
        ``(sample, label, ...)``, or a dict with a key ``label``, ``labels``, ``target``, ``targets`` or ``y``,
        whose first other value is the sample.
    where : str
        How messages name it, for example ``"item 3"``.
    labelled : bool, default=True
        If False, an item without a label is a sample, and the label None.

    Raises
    ------
    InvalidDataError
        If it has no label.
    """
    if isinstance(item, Mapping):
        key = next((key for key in _LABEL_KEYS if key in item), None)
        others = [value for name, value in item.items() if name != key]
        if key is not None and others:
            return others[0], item[key]
    elif isinstance(item, (tuple, list)) and len(item) >= 2:
        return item[0], item[1]
    if not labelled:
        return (item[0] if isinstance(item, (tuple, list)) and len(item) == 1 else item), None
    raise InvalidDataError(f"{where} has no label: it is {_described(item)}, not (sample, label); {_GIVE}")


# ---------------------------------------------------------------- where labels are known


def dataset_kind(dataset: Any) -> str | None:
    """Which of torch's own datasets it is; nothing is imported, for what is not imported has no instances."""
    data = sys.modules.get("torch.utils.data")
    return next((name for name in _KNOWN if data is not None and isinstance(dataset, getattr(data, name))), None)


def _known(dataset: Any) -> Array | None:
    """The labels if they can be told without reading an item."""
    n = length_of(dataset)
    found = next((column for column in _columns(dataset) if _has(column, n)), None)
    if found is not None:
        return _transformed(checked_labels(found, n, f"the labels of the {type(dataset).__name__}"), dataset)
    kind = dataset_kind(dataset)
    return None if kind is None else _KNOWN[kind](dataset)


def _columns(dataset: Any) -> Iterable[Any]:
    for name in _COLUMNS:
        yield getattr(dataset, name, None)
    for name in _PAIRS:
        pairs = getattr(dataset, name, None)
        if isinstance(pairs, (list, tuple)) and pairs and all(isinstance(p, (list, tuple)) for p in pairs):
            if all(len(pair) == 2 for pair in pairs):
                yield [label for _, label in pairs]


def _has(column: Any, n: int) -> bool:
    # a Subset that passes attributes on would hand out the labels of all items
    listed = isinstance(column, (list, tuple)) or (hasattr(column, "__array__") and getattr(column, "ndim", 1) > 0)
    return listed and len(column) == n


def _of_subset(dataset: Any) -> Array | None:
    labels = _known(dataset.dataset)
    return None if labels is None else labels[np.asarray(list(dataset.indices), dtype=np.int64)]


def _of_concat(dataset: Any) -> Array | None:
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


def _of_tensors(dataset: Any) -> Array | None:
    if len(dataset.tensors) < 2:
        raise InvalidDataError(f"the TensorDataset holds no labels, only one tensor; {_GIVE}")
    return checked_labels(dataset.tensors[-1], len(dataset), "the last tensor of the TensorDataset")


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
        return checked_labels(part, len(dataset), "the second part of the StackDataset")
    return checked_labels(
        [bare_label(part[i]) for i in range(len(dataset))], len(dataset), "the second part of the StackDataset"
    )


_KNOWN: dict[str, Callable[[Any], Array | None]] = {
    "Subset": _of_subset,
    "ConcatDataset": _of_concat,
    "TensorDataset": _of_tensors,
    "StackDataset": _of_stack,
}


# ---------------------------------------------------------------- where they are read


def _read(dataset: Any) -> Array:
    n = length_of(dataset)
    labels = [split_item(dataset[i], f"item {i} of the {type(dataset).__name__}")[1] for i in range(n)]
    return checked_labels([bare_label(label) for label in labels], n, f"the labels of the {type(dataset).__name__}")


def bare_label(label: Any) -> Any:
    """A label out of what a loader may have wrapped it in."""
    if isinstance(label, (tuple, list)) and len(label) == 1:
        label = label[0]
    if is_tensor(label) or isinstance(label, (np.ndarray, np.generic)):
        return label.item() if int(np.prod(label.shape)) == 1 else label
    return label


def _transformed(labels: Array, dataset: Any) -> Array:
    change = getattr(dataset, "target_transform", None)
    if change is None:
        return labels
    changed = [bare_label(change(label)) for label in labels.tolist()]
    return checked_labels(changed, len(labels), f"what target_transform of the {type(dataset).__name__} makes")


def checked_labels(labels: Any, n: int, where: str) -> Array:
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
    return array


def _array(labels: Any, where: str) -> Array:
    if not isinstance(labels, (list, tuple)):
        return np.asarray(labels)
    labels = [bare_label(label) for label in labels]
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


def _described(item: Any) -> str:
    shape = getattr(item, "shape", None)
    text = f"a {type(item).__name__}" + ("" if shape is None else f" of shape {tuple(shape)}")
    return "None" if item is None else text
