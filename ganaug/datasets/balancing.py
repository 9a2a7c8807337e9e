"""Blends made and taken apart: fit and blend in one call, batches with a fixed share, a validation part."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from sklearn.base import clone
from torch.utils.data import BatchSampler, SequentialSampler, Subset

from ganaug.datasets.blended import BlendedDataset
from ganaug.datasets.matching import RealItem, described, dtype_name, probe_item, same_kind
from ganaug.encoding.on_disk import forget_images, resolve_resumed
from ganaug.encoding.sample_arrays import looks_like_image
from ganaug.encoding.sources import file_of, resolve_samples
from ganaug.encoding.table_checks import name_classes
from ganaug.encoding.targets import class_names_of, label_place, length_of, resolve_targets
from ganaug.exceptions import DataWarning, InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.utils import types
from ganaug.utils.determinism import child_seed, numpy_generator, root_seed, say, wants_progress, warn

__all__ = ["ShareBatchSampler", "balance", "split_real"]

# --------------------------------------------------------------------------------------
# Fit and blend in one call.


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
    dataset: object,
    generator: object = None,
    *,
    targets: object = None,
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
        more than twice the other; else it is a series (channels, length), for `SeriesGAN`. With a ``checkpoint`` the
        same call goes on where it was broken off; images of a dataset that knows its files are not decoded again.
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
    seed = root_seed(seed, "seed")
    labels = resolve_targets(dataset, targets)
    real = probe_item(dataset, place=None if targets is None else label_place(dataset, labels))
    estimator = _prototype(generator, real)
    _check_mode(real, kwargs.get("transform", "auto"))
    raw = dataset if real.transform is None else RawItems(dataset, real.form.label)
    size = image_size if image_size is not None else _size_made(real)
    beside = estimator._decoded_beside() if hasattr(type(estimator), "_decoded_beside") else None
    decoded: Path | None = None
    if beside is None:
        X, y, source = resolve_samples(raw, labels, image_size=size)
    else:
        X, y, source, decoded = resolve_resumed(raw, labels, beside, image_size=size)
    if getattr(estimator, "random_state", 0) is None:
        estimator.set_params(random_state=child_seed(seed, "training") % 2**31)
    estimator.fit(X, y)
    del X  # some systems remove no file that is read
    if decoded is not None and estimator.stop_reason_ != "interrupted":
        forget_images(decoded)
    name_classes(estimator, source.classes)
    return BlendedDataset(dataset, estimator, targets=targets, seed=seed, **kwargs)


def _prototype(given: object, real: RealItem) -> Any:
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


def _check_mode(real: RealItem, transform: object) -> None:
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

    untransformed = True  # the numbers that the transform draws are drawn for nothing

    def __init__(self, dataset: object, place: object) -> None:
        self.dataset, self.place = dataset, place
        self.classes = class_names_of(dataset)

    def __len__(self) -> int:
        return length_of(self.dataset)

    @cached_property
    def samples(self) -> list[tuple[str | None, None]]:
        """The files of the items, where they are known."""
        return [(file_of(self.dataset, i), None) for i in range(len(self))]

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        real = probe_item(self.dataset, index, self.place)
        if real.transform is None:
            raise InvalidDataError(
                f"item {index} of the {type(self.dataset).__name__} does not go through the transform that item 0 goes "
                "through (does the dataset keep transformed samples?); fit the generator yourself, and give it to "
                "BlendedDataset"
            )
        return real.raw, real.label


# --------------------------------------------------------------------------------------
# Ways to take a blend apart: batches with a fixed share of synthetic items, parts for training and for validation.


class ShareBatchSampler(BatchSampler):
    """Batches of a `BlendedDataset`, each with the same share of synthetic items.

    An epoch draws every real item once, in random order. Synthetic items are drawn without replacement until all were
    drawn, then all over again.

    Parameters
    ----------
    dataset : BlendedDataset
    batch_size : int
        Items of a batch, real and synthetic together.
    share : float, default=None
        The synthetic share of each batch, in [0, 1); rounded to whole items, and at least one item is real. None is
        the share that the dataset has in this epoch.
    seed : int, default=0
        Of the order.
    drop_last : bool, default=False
        Whether a last batch with fewer real items is left out; otherwise it has fewer synthetic ones too.
    num_replicas, rank : int, default=1 and 0
        With several processes, each takes every ``num_replicas``-th batch, beginning with its ``rank``; all take as
        many, for which up to ``num_replicas - 1`` batches are left out.

    Raises
    ------
    InvalidParameterError, InvalidTypeError
        If ``dataset`` is no BlendedDataset, or a number is out of its range.

    Notes
    -----
    Each epoch has an order of its own: an iteration goes on to the next epoch unless `set_epoch` says which one it is,
    to the dataset as well. Everything happens in the main process, so workers may be persistent.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from torch.utils.data import DataLoader, TensorDataset
    >>> from ganaug import BlendedDataset, SmoothedBootstrap
    >>> from ganaug.datasets import ShareBatchSampler
    >>> X, y = torch.zeros(40, 3), torch.arange(40) // 30
    >>> train = BlendedDataset(TensorDataset(X, y), SmoothedBootstrap(random_state=0).fit(X, y))
    >>> loader = DataLoader(train, batch_sampler=ShareBatchSampler(train, batch_size=10, share=0.2))
    >>> [int(train.is_synthetic[batch].sum()) for batch in loader.batch_sampler]
    [2, 2, 2, 2, 2]
    """

    def __init__(
        self,
        dataset: BlendedDataset,
        batch_size: int,
        share: float | None = None,
        seed: int = 0,
        drop_last: bool = False,
        num_replicas: int = 1,
        rank: int = 0,
    ) -> None:
        if not isinstance(dataset, BlendedDataset):
            raise InvalidTypeError(
                f"dataset is a {type(dataset).__name__}; give a BlendedDataset, which knows which items are synthetic"
            )
        types.integer("batch_size", batch_size, 1)
        super().__init__(_EpochSampler(dataset, self.set_epoch), int(batch_size), bool(drop_last))
        self.dataset = dataset
        self.share = None if share is None else types.number("share", share, 0, 1, open_high=True)
        self.seed = root_seed(seed, "seed")
        self.num_replicas = types.integer("num_replicas", num_replicas, 1)
        self.rank = types.integer("rank", rank, 0)
        if self.rank >= self.num_replicas:
            raise InvalidParameterError(f"rank={rank} must be less than num_replicas={num_replicas}")
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch the next iteration is; the dataset is told too.

        Lightning calls the ``set_epoch`` of a loader's ``batch_sampler.sampler``, which calls this.

        Parameters
        ----------
        epoch : int
            From 0 on.
        """
        self.epoch = types.integer("epoch", epoch, 0)
        self.dataset.set_epoch(self.epoch)

    def __len__(self) -> int:
        n_real, per_batch = self.dataset.n_real, self.batch_size - self._synthetic()
        batches = n_real // per_batch if self.drop_last else -(-n_real // per_batch)
        return batches // self.num_replicas

    def __iter__(self) -> Iterator[list[int]]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        self.dataset.begin_pass()
        own, made = self.dataset.n_real, len(self.dataset) - self.dataset.n_real
        synthetic = self._synthetic()
        per_batch = self.batch_size - synthetic
        real = numpy_generator(self.seed, "epoch", epoch, "real").permutation(own)
        batches = len(self) * self.num_replicas
        rng, length = numpy_generator(self.seed, "epoch", epoch, "synthetic"), batches * synthetic
        rounds = [rng.permutation(made) for _ in range(-(-length // made))] if made else []
        drawn = own + np.concatenate([*rounds, np.zeros(0, np.int64)])
        mixing = numpy_generator(self.seed, "epoch", epoch, "mixing")
        for number in range(batches):
            mine = real[number * per_batch : (number + 1) * per_batch]
            fewer = round(synthetic * len(mine) / per_batch)
            beside = drawn[number * synthetic : number * synthetic + fewer]
            batch = mixing.permutation(np.concatenate([mine, beside]))
            if number % self.num_replicas == self.rank:
                yield batch.tolist()

    def _synthetic(self) -> int:
        """Synthetic items of a full batch."""
        total = len(self.dataset)
        made = total - self.dataset.n_real
        if made == 0:
            return 0
        share = made / total if self.share is None else self.share
        return min(round(share * self.batch_size), self.batch_size - 1)


class _EpochSampler(SequentialSampler):
    """The ``batch_sampler.sampler``, whose ``set_epoch`` frameworks call."""

    def __init__(self, dataset: BlendedDataset, set_epoch: Callable[[int], None]) -> None:
        super().__init__(dataset)
        self.set_epoch = set_epoch


class TrainingPart(Subset[Any]):
    """Some real items of a blend, ``real``, and after them all synthetic ones of the epoch."""

    dataset: BlendedDataset

    def __init__(self, dataset: BlendedDataset, real: Sequence[int]) -> None:
        self.dataset, self.real = dataset, list(real)

    @property
    def indices(self) -> Sequence[int]:  # type: ignore[override]
        """Of the blend's items; fewer where a schedule leaves fewer synthetic ones."""
        n_real = self.dataset.n_real
        return [*self.real, *range(n_real, n_real + int(self.dataset.is_synthetic.sum()))]

    def __len__(self) -> int:
        return len(self.real) + int(self.dataset.is_synthetic.sum())

    def __getitem__(self, index: Any) -> Any:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        length, own = len(self), len(self.real)
        strange = next((index for index in indices if not -length <= index < length), None)
        if strange is not None:
            raise IndexError(f"index {strange} is out of range: the part has {length} items")
        places = (index % length for index in indices)
        at = [self.real[place] if place < own else self.dataset.n_real + place - own for place in places]
        return self.dataset.__getitems__(at)

    def set_epoch(self, epoch: int) -> None:
        """As `BlendedDataset.set_epoch`."""
        self.dataset.set_epoch(epoch)


def split_real(
    dataset: object, fractions: Sequence[float], seed: int = 0, *, stratify: bool = True
) -> list[Subset[Any]]:
    """Split a blend at random so that synthetic items are in its first part only.

    Parameters
    ----------
    dataset : BlendedDataset
    fractions : sequence of float
        Shares of the real items, above 0, which sum to 1: ``[0.8, 0.2]``.
    seed : int, default=0
        Of the split.
    stratify : bool, default=True
        Whether every class is divided in these shares, else all real items together.

    Returns
    -------
    list of Subset
        The first holds its real items and all synthetic ones, by the schedule; the others hold real items only.

    Raises
    ------
    InvalidTypeError
        If it is no BlendedDataset.
    InvalidParameterError
        If the fractions do not sum to 1, or a part would be empty.

    Notes
    -----
    The generator of the blend may have been fitted on the items of the other parts. For a fair figure split the real
    dataset first, fit the generator on the training part, and blend into that.

    Examples
    --------
    >>> import torch
    >>> from torch.utils.data import TensorDataset
    >>> from ganaug import BlendedDataset, SmoothedBootstrap
    >>> from ganaug.datasets import split_real
    >>> X, y = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)), torch.arange(40) // 30
    >>> blend = BlendedDataset(TensorDataset(X, y), SmoothedBootstrap(random_state=0).fit(X, y))
    >>> train, validation = split_real(blend, [0.8, 0.2])
    >>> len(train), len(validation), max(validation.indices) < blend.n_real
    (52, 8, True)
    """
    if not isinstance(dataset, BlendedDataset):
        raise InvalidTypeError(
            f"dataset is a {type(dataset).__name__}; give a BlendedDataset (others have nothing to keep out)"
        )
    try:
        shares = np.asarray(list(fractions), np.float64)
    except (TypeError, ValueError):
        shares = np.zeros(0)
    if len(shares) < 2 or not (shares > 0).all() or not np.isclose(shares.sum(), 1):
        raise InvalidParameterError(f"fractions={fractions!r} must be two or more numbers above 0 that sum to 1")
    rng = numpy_generator(root_seed(seed, "seed"), "split")
    codes = pd.factorize(dataset.targets[: dataset.n_real])[0] if stratify else np.zeros(dataset.n_real, np.int64)
    parts: list[list[int]] = [[] for _ in shares]
    ends = np.cumsum(shares)
    for code in np.unique(codes).tolist():
        own = rng.permutation(np.flatnonzero(codes == code))
        cuts = np.rint(ends[:-1] * len(own)).astype(int)
        for part, piece in zip(parts, np.split(own, cuts), strict=True):
            part += piece.tolist()
    empty = next((i for i, part in enumerate(parts) if not part), None)
    if empty is not None:
        raise InvalidParameterError(
            f"fractions={list(fractions)!r} leave part {empty} without an item: there are {dataset.n_real} real ones"
        )
    return [TrainingPart(dataset, sorted(parts[0])), *(Subset(dataset, sorted(part)) for part in parts[1:])]
