"""Arrays, datasets and folders of users as arrays of samples and labels."""

from __future__ import annotations

import bisect
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from ganaug.encoding.containers import is_tensor
from ganaug.encoding.folders import read_folder
from ganaug.encoding.pil_images import is_pil_image, learned_mode, resize_image
from ganaug.encoding.sample_arrays import stack_samples
from ganaug.encoding.targets import (
    check_labels,
    class_names_of,
    dataset_kind,
    known_targets,
    length_of,
    resolve_targets,
    split_item,
    unwrap_label,
)
from ganaug.exceptions import GanaugError, InvalidDataError, InvalidParameterError, InvalidTypeError

__all__ = ["Source", "class_names_of", "resolve_samples", "resolve_targets"]


@dataclass(frozen=True)
class Source:
    """Where samples came from.

    Attributes
    ----------
    kind : {"array", "list", "dataset", "folder"}
        "array" covers ndarrays, tensors and DataFrames.
    classes : tuple of str or None
        The names of the classes. Of a dataset, label ``i`` has the name at place ``i``; the labels of a folder are
        the names themselves.
    mode : str or None
        PIL's mode of the pixels, if they were images of PIL or files: RGBA and CMYK both have four channels. It
        tells how they are written, and is no part of the comparison of two sources.
    """

    kind: str
    classes: tuple[str, ...] | None = None
    mode: str | None = field(default=None, compare=False)


def resolve_samples(
    X: Any, y: Any = None, *, image_size: tuple[int, int] | None = None
) -> tuple[Any, Any | None, Source]:
    """Samples and labels of whatever holds them.

    Parameters
    ----------
    X : ndarray, tensor, DataFrame, list, map-style dataset, or path of a folder
        Arrays, tensors and DataFrames are given back as they are. A list of arrays, tensors or PIL images of equal
        size is stacked. Of a dataset each item is read once, through its transforms: leave random augmentation out.
        Items are ``(sample, label, ...)`` with a PIL image, tensor, tv_tensor or ndarray as the sample. A folder
        has one folder of images for each class.
    y : array-like of shape (n,), default=None
        The labels. Of a dataset they are found by `resolve_targets` if not given; of a folder they are the names of
        the class folders.
    image_size : (height, width), default=None
        What images of a folder, and PIL images, are resized to.

    Returns
    -------
    X : ndarray, tensor or DataFrame of shape (n, ...)
        Of items that are tensors a tensor, (n, C, H, W) as torchvision has them; of PIL images an ndarray,
        (n, H, W) or (n, H, W, C).
    y : array-like of shape (n,) or None
        None only where X holds no labels itself and ``y`` was not given.
    source : Source

    Raises
    ------
    InvalidTypeError
        If X is none of these.
    InvalidDataError
        For an empty dataset or folder, items without a label or whose label is not that of the dataset's own list,
        broken files, and samples that differ in size, mode or dtype. It names the items or files.
    InvalidParameterError
        If ``image_size`` is no pair of positive integers, or there is nothing that it could resize.

    Examples
    --------
    >>> import torch
    >>> from torch.utils.data import Subset, TensorDataset
    >>> from ganaug.encoding.sources import resolve_samples
    >>> dataset = TensorDataset(torch.zeros(4, 1, 8, 8), torch.tensor([0, 0, 1, 2]))
    >>> X, y, source = resolve_samples(Subset(dataset, [3, 0]))
    >>> X.shape, y, source.kind
    (torch.Size([2, 1, 8, 8]), array([2, 0]), 'dataset')
    """
    size = _checked_size(image_size)
    if isinstance(X, (str, os.PathLike)):
        if y is not None:
            raise InvalidParameterError("y was given, but the labels of a folder are the names of its class folders")
        found = read_folder(X, size)
        return found.images, found.labels, Source("folder", tuple(found.files.classes), found.mode)
    if isinstance(X, (list, tuple)):
        items = X if size is None else [_sized(item, size, f"item {i}") for i, item in enumerate(X)]
        stack = stack_samples(items, len(X), "images")
        return stack, y, Source("list", mode=_mode(items[0]))
    if is_tensor(X) or isinstance(X, (np.ndarray, pd.DataFrame)) or hasattr(X, "__array__"):
        if size is not None:
            raise InvalidParameterError("image_size= resizes PIL images and folders; resize arrays before")
        return X, y, Source("array")
    if is_pil_image(X):
        raise InvalidTypeError("X is a single PIL image; give a list of images")
    return _read_dataset(X, y, size)


def _read_dataset(dataset: Any, y: Any, size: tuple[int, int] | None) -> tuple[Any, Any, Source]:
    n = length_of(dataset)
    labels = known_targets(dataset) if y is None else resolve_targets(dataset, y)
    names = class_names_of(dataset, labels)
    classes = None if names is None else tuple(names)
    whole = _whole(dataset)
    if whole is not None and labels is not None and size is None:
        return whole, labels, Source("dataset", classes)
    read: list[Any] = []
    modes: list[str | None] = []

    def samples() -> Iterator[Any]:
        for i in range(n):
            where = _place(dataset, i)
            sample, label = split_item(
                _item(dataset, i, where), where, y is None, None if labels is None else labels[i]
            )
            if y is None:
                read.append(label)
                _check_label(label, labels, i, where)
            sample = sample if size is None else _sized(sample, size, where)
            modes.append(_mode(sample))
            yield sample

    X = stack_samples(samples(), n, "images", lambda i: _place(dataset, i))
    found = labels if labels is not None else check_labels(read, n, f"the {type(dataset).__name__}")
    return X, found, Source("dataset", classes, modes[0])


def _mode(sample: Any) -> str | None:
    """PIL's mode of the pixels that are learnt of a sample; None if it is no image of PIL."""
    return learned_mode(sample.mode) if is_pil_image(sample) else None


def _whole(dataset: Any) -> Any:
    """The samples of a dataset that keeps them in one tensor; None for others, and for subclasses, which may differ."""
    kind = dataset_kind(dataset)
    if kind is None or type(dataset).__name__ != kind:
        return None
    if kind == "TensorDataset":
        return dataset.tensors[0]
    inner = _whole(dataset.dataset) if kind == "Subset" else None
    return None if inner is None else inner[np.asarray(list(dataset.indices), dtype=np.int64)]


def _item(dataset: Any, i: int, where: str) -> Any:
    try:
        return dataset[i]
    except (GanaugError, Warning):
        raise
    except Exception as error:  # decoders of broken files raise whatever they ran into, and transforms too
        raise InvalidDataError(f"{where} cannot be read: {type(error).__name__}: {error}; repair or drop it") from error


def _check_label(label: Any, labels: Any, i: int, where: str) -> None:
    if labels is None:
        return
    same = unwrap_label(label) == labels[i]
    if not (isinstance(same, (bool, np.bool_)) and same):
        raise InvalidDataError(
            f"{where} carries the label {label!r}, but the dataset's own list says {labels[i].item()!r}; "
            "give the labels that are meant as y="
        )


def _place(dataset: Any, i: int) -> str:
    """How messages name an item: with its file, where that is known."""
    file = _file(dataset, i)
    return f"item {i} of the {type(dataset).__name__}" + ("" if file is None else f" ({file})")


def _file(dataset: Any, i: int) -> str | None:
    kind = dataset_kind(dataset)
    if kind == "Subset":
        return _file(dataset.dataset, int(dataset.indices[i]))
    if kind == "ConcatDataset":
        part = bisect.bisect_right(dataset.cumulative_sizes, i)
        return _file(dataset.datasets[part], i - ([0, *dataset.cumulative_sizes][part]))
    pairs = getattr(dataset, "samples", None)
    if not isinstance(pairs, list) or len(pairs) != length_of(dataset) or not isinstance(pairs[i], (tuple, list)):
        return None
    return str(pairs[i][0]) if pairs[i] and isinstance(pairs[i][0], (str, os.PathLike)) else None


def _sized(sample: Any, size: tuple[int, int], where: str) -> Any:
    if not is_pil_image(sample):
        raise InvalidParameterError(
            f"image_size= resizes PIL images, but {where} is a {type(sample).__name__}; "
            "resize with torchvision.transforms.v2.Resize"
        )
    return resize_image(sample, size)


def _checked_size(size: Any) -> tuple[int, int] | None:
    if size is None:
        return None
    pair = tuple(size) if isinstance(size, (tuple, list)) else ()
    if len(pair) != 2 or not all(isinstance(v, Integral) and not isinstance(v, bool) and int(v) > 0 for v in pair):
        raise InvalidParameterError(f"image_size={size!r} is no (height, width) of positive integers, e.g. (64, 64)")
    return int(pair[0]), int(pair[1])
