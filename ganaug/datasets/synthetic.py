"""Synthetic samples as a dataset, and how it follows the epochs of a training."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import index as as_index
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torchvision.datasets import VisionDataset

from ganaug.exceptions import DataWarning, InvalidParameterError, InvalidTypeError
from ganaug.pools.formats import Array, ItemFormat, Sample, default_format
from ganaug.pools.generators import ClassGenerators
from ganaug.pools.pool import ItemPool
from ganaug.utils import types
from ganaug.utils.determinism import isolated, root_seed, warn
from ganaug.utils.types import IntArray

__all__ = [
    "SCHEDULES",
    "EpochWatch",
    "ItemDataset",
    "Schedule",
    "SyntheticDataset",
    "item_index",
    "length_asked_by",
    "schedule_of",
]

# --------------------------------------------------------------------------------------
# What changes from epoch to epoch: the share of synthetic items, and whether anybody says which epoch
# it is.


# epoch -> share in [0, 1] of the synthetic items that are in the dataset
Schedule = Callable[[int], float]

# name -> share in an epoch, given the first epoch without synthetic items. They only fall: a training ends
# best on real data (SYNAuG, Ye-Bin et al. 2023, fine-tunes on it last).
SCHEDULES: dict[str, Callable[[int, int], float]] = {
    "constant": lambda epoch, end: 1.0,
    "cosine": lambda epoch, end: 0.5 + 0.5 * math.cos(math.pi * min(1.0, epoch / end)),
    "linear": lambda epoch, end: max(0.0, 1.0 - epoch / end),
    "stop": lambda epoch, end: float(epoch < end),
}


def schedule_of(schedule: object, epochs: object) -> Schedule:
    """A function epoch -> share, from a name in `SCHEDULES` (None is "constant") or a function.

    Every name but "constant" needs ``epochs``, from which epoch on the share is 0.

    Examples
    --------
    >>> from ganaug.datasets.synthetic import schedule_of
    >>> [schedule_of("linear", 4)(epoch) for epoch in range(6)]
    [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """
    if callable(schedule):
        given: Schedule = schedule
        return given
    name = types.choice("schedule", "constant" if schedule is None else schedule, SCHEDULES)
    if name != "constant" and epochs is None:
        raise InvalidParameterError(
            f"schedule={name!r} needs schedule_epochs=, the epoch from which on there are no synthetic items"
        )
    end = types.integer("schedule_epochs", 1 if epochs is None else epochs, 1)
    return partial(_share, name, end)


def _share(name: str, end: int, epoch: int) -> float:
    return SCHEDULES[name](epoch, end)


# A pass is over when this share of the items was handed out: drop_last leaves some out.
WHOLE = 0.9

# function that asks for the length, and the module that it stands in -> what that means
ASKERS = {
    ("__iter__", "torch.utils.data.sampler"): "sampler",
    ("random_split", "torch.utils.data.dataset"): "split",
    ("_num_samples", "sklearn.utils.validation"): "split",
}

MESSAGE = (
    "this dataset was gone through twice and is to change from epoch to epoch (schedule=, refresh_every=), but "
    "set_epoch was never called, so that it stays as in epoch 0. Before each epoch: dataset.set_epoch(epoch). In "
    "Lightning, in a Callback: def on_train_epoch_end(self, trainer, module): "
    "dataset.set_epoch(trainer.current_epoch + 1); or give the DataLoader batch_sampler=ShareBatchSampler(dataset, "
    "batch_size), which Lightning tells the epoch, and which passes it on"
)


def item_index(index: object) -> int:
    """The number of an item; anything that is no integer is an error that says how to take several.

    Examples
    --------
    >>> from ganaug.datasets.synthetic import item_index
    >>> item_index(3)
    3
    """
    try:
        return as_index(index)  # type: ignore[arg-type]
    except TypeError as error:
        raise InvalidTypeError(
            f"index {index!r} is a {type(index).__name__}; items are asked for by integers, one at a time, and several "
            "with torch.utils.data.Subset(dataset, indices)"
        ) from error


def length_asked_by() -> str | None:
    """Who asks for the length of a dataset: who is to "split" it, a "sampler" that begins a pass, or None.

    To be called in ``__len__``. Neither tells the dataset anything else.
    """
    frame = sys._getframe(2)
    return ASKERS.get((frame.f_code.co_name, frame.f_globals.get("__name__", "")))


class EpochWatch:
    """Counts, over all workers, how often each of n items was handed out; warns once of a second pass in epoch 0."""

    def __init__(self, n: int) -> None:
        # in shared memory: workers write, each other places; the last one says whether to watch no longer
        self._seen = torch.zeros(n + 1, dtype=torch.uint8, device="cpu").share_memory_()
        self._since = 0

    def see(self, indices: Sequence[int]) -> None:
        """Items that are handed out now."""
        if self._seen[-1]:
            return
        seen = self._seen.numpy()
        at = np.array([index for index in indices if index < len(seen) - 1], np.int64)
        seen[at] += seen[at] < 2
        self._since += len(at)
        if self._since * 8 >= len(seen):  # now and then, for it looks at all of them
            self._since = 0
            if (seen[:-1] == 2).mean() >= WHOLE:
                self._warn()

    def begin(self) -> None:
        """A pass begins."""
        if not self._seen[-1] and (self._seen[:-1] > 0).float().mean() >= WHOLE:
            self._warn()

    def stop(self) -> None:
        """Watch no longer."""
        self._seen[-1] = 1

    def _warn(self) -> None:
        self.stop()
        warn(MESSAGE, DataWarning)


# --------------------------------------------------------------------------------------
# A dataset of synthetic items: item ``i`` depends on the seed and on ``i``, and on nothing else.


Transform: TypeAlias = Callable[[Any], Any]

# torchvision's base class; at run time it takes no parameters before torchvision 0.27 or so.
if TYPE_CHECKING:
    ItemDataset: TypeAlias = VisionDataset[Any]
else:
    ItemDataset = VisionDataset


class SyntheticDataset(ItemDataset):
    """A map-style dataset of a generator's samples, as torchvision's datasets are.

    Item *i* is a pure function of ``(seed, i)``: it is the same for every number of workers, start method, batch size
    and order. The items of a label are drawn in blocks of ``block_size``, each in one call of the generator from a seed
    of its own.

    By default all of them are drawn at once, by the process that makes the dataset, into a *pool*: a file that every
    worker maps into its memory. So no worker calls a generator (a forked worker could not use its GPU), an item costs
    no more than one of a dataset in memory, and pickling the dataset (for spawned workers) copies a path. A pickle
    holds neither the generator nor the pool. Without a pool a pickle that is kept holds the generator as its own pickle
    does, which cannot refuse copies; workers get all of it.

    Parameters
    ----------
    generator : fitted generator, or dict of label to fitted generator
        Anything with ``sample(n, label=..., random_state=...) -> (X, y)``, such as `TabularGAN`, an image or series
        GAN, a fitted `GANOversampler` or its ``generators_``.
    n_or_counts : int or dict of label to int
        How many items; a dict says how many of each label, in its order, by label or by the name of the class if the
        generator was fitted on named ones. A number is divided among the labels by their training frequencies.
    transform : callable, default=None
        Takes the sample, as ``output`` says, and returns what the item holds.
    target_transform : callable, default=None
        The same for the label.
    seed : int, default=0
        Of the items.
    pool : bool, default=True
        False draws a block when it is asked for, in the process that asks, and keeps those used last (up to 256 MB). It
        starts at once and writes no file, for items that are read in order or only in part; the items are the same.
    cache_dir : path-like, default=None
        The folder of the pool. None is the system's temporary folder, and the file is removed with the dataset. In a
        folder given, the file stays, and is used again by a later dataset of the same generator, counts and seed;
        nothing there is ever removed.
    output : {"auto", "image", "tensor", "array", "pil"}, default="auto"
        What ``transform`` gets, and the item holds without one: an image as `torchvision.tv_tensors.Image` (uint8,
        (C, H, W)), as a plain tensor, as an ndarray (H, W, C), or as a PIL image. "auto" is "image" for images and
        "tensor" for series and tables.
    layout : {"auto", "NHW", "NHWC", "NCHW", "plain"}, default="auto"
        The axes of the generator's images, if they cannot be told from the shape. "plain" samples are no images: they
        are returned as they come.
    refresh_every : int, default=None
        After so many epochs, `set_epoch` has new items drawn. None keeps the same ones.
    block_size : int, default=64
        Items drawn in one call. Other sizes give other items.
    class_to_idx : dict of label to int, default=None
        The targets of the labels (or of the names of the classes). None keeps whole numbers as they are, and numbers
        other labels in sorted order.

    Attributes
    ----------
    targets : ndarray of shape (n,), int64
        Of every item; -1 if the generator was fitted without labels (as in torchvision's STL10).
    classes : list of str
        Names of the labels, by target.
    class_to_idx : dict of str to int
        Name to target.
    counts : dict of label to int
        Items of each label; they stand in this order.
    sample_shape, sample_dtype, is_image
        Of the samples as they are stored, (C, H, W) for images.
    generation : int
        How many times the items were renewed.
    pool_path : Path or None
        The pool's file.

    Raises
    ------
    InvalidParameterError, InvalidTypeError, InvalidDataError
        If the generator is not fitted, does not know a label, or makes what is no array of numbers.
    ModelPathError
        If the pool cannot be written, for example because the disk is full. The partial file is removed.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug import SmoothedBootstrap, SyntheticDataset
    >>> X, y = np.random.default_rng(0).normal(size=(40, 3)), np.repeat([0, 1], [30, 10])
    >>> generator = SmoothedBootstrap(random_state=0).fit(X, y)
    >>> data = SyntheticDataset(generator, {1: 20}, seed=0)
    >>> len(data), data[0][0].shape, data[0][1]
    (20, torch.Size([3]), 1)
    """

    def __init__(
        self,
        generator: object,
        n_or_counts: int | Mapping[Any, int],
        transform: Transform | None = None,
        target_transform: Transform | None = None,
        seed: int = 0,
        *,
        pool: bool = True,
        cache_dir: str | os.PathLike[str] | None = None,
        output: str = "auto",
        layout: str = "auto",
        refresh_every: int | None = None,
        block_size: int = 64,
        class_to_idx: Mapping[Any, int] | None = None,
    ) -> None:
        super().__init__(None, transform=transform, target_transform=target_transform)
        generators = generator if isinstance(generator, ClassGenerators) else ClassGenerators(generator)
        self.seed = root_seed(seed, "seed")
        self.counts = generators.counts(n_or_counts, self.seed)
        self.refresh_every = None if refresh_every is None else types.integer("refresh_every", refresh_every, 1)
        self.block_size = types.integer("block_size", block_size, 1)
        self._set_targets(generators, class_to_idx)
        self._watch = None if self.refresh_every is None else EpochWatch(len(self.targets))
        self._pool = items = ItemPool(generators, self.counts, self.seed, self.block_size, layout)
        self.sample_shape, self.sample_dtype, self.is_image = items.sample_shape, items.sample_dtype, items.is_image
        self.item_format = default_format(output, self.sample_shape, self.sample_dtype, self.is_image)
        if pool and len(self):
            items.store(cache_dir)

    def __len__(self) -> int:
        if self._watch is not None and length_asked_by() == "sampler":
            self._watch.begin()
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Sample, Any]:
        """The sample and its target.

        Parameters
        ----------
        index : int
            Negative numbers count from the end.
        """
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Sample, Any]]:
        """Several items at once: read in one go, or drawn in one call for each block."""
        at = self._checked(indices)
        if self._watch is not None:
            self._watch.see(at.tolist())
        targets = self.targets[at].tolist()
        if self.target_transform is not None:
            targets = [self.target_transform(target) for target in targets]
        return list(zip(self.samples(at), targets, strict=True))

    def samples(self, indices: Sequence[int] | IntArray) -> list[Sample]:
        """The samples of items, transformed, without their targets; an array of indices is not checked."""
        at = indices if isinstance(indices, np.ndarray) else self._checked(indices)
        return self.handed_out(self.stored(at))

    def handed_out(self, stored: Array) -> list[Sample]:
        """Samples as items hold them, of samples of shape ``(n, *sample_shape)`` as they are stored."""
        found = self._formed(stored)
        return found if self.transform is None else [self.transform(sample) for sample in found]

    def stored(self, at: IntArray) -> Array:
        """Samples as they are stored, in an array of their own."""
        return self._pool.read(at)

    @isolated
    def _formed(self, stored: Array) -> list[Sample]:
        """Samples in the form in which they are handed out; transforms then run in the caller's surroundings."""
        return self.item_format(stored)

    def hand_out(self, item_format: ItemFormat, transform: Transform | None) -> None:
        """Set how samples are handed out, and the transform that they go through."""
        self.item_format, self.transform = item_format, transform

    def get_labels(self) -> IntArray:
        """`targets`, as samplers ask for them, such as ImbalancedDatasetSampler.

        Returns
        -------
        ndarray of shape (n,), int64
        """
        return self.targets

    @property
    def generation(self) -> int:
        """How many times the items were renewed."""
        return self._pool.generation

    @property
    def pool_path(self) -> Path | None:
        """The file that the items are in."""
        return self._pool.path

    def set_epoch(self, epoch: int) -> None:
        """Tell the epoch that begins; if ``refresh_every`` asks for it, new items are drawn.

        Call it between epochs, in the main process. Persistent workers see the new items too.

        Parameters
        ----------
        epoch : int
            From 0 on. The same epoch has the same items, whatever came before.
        """
        epoch = types.integer("epoch", epoch, 0)
        if self._watch is not None:
            self._watch.stop()  # the caller knows how
        if self.refresh_every is not None:
            self._pool.renew(epoch // self.refresh_every)

    def refresh(self) -> None:
        """Have new items drawn now.

        Raises
        ------
        ModelPathError
            If the new pool cannot be written; the earlier items stay.
        InvalidParameterError
            In a copy made by pickling, which has no generator.
        """
        self._pool.renew(self.generation + 1)

    def _set_targets(self, generators: ClassGenerators, class_to_idx: Mapping[Any, int] | None) -> None:
        labels: list[Any] = list(generators.labels or [])
        if class_to_idx is None:
            whole = all(isinstance(label, int) for label in labels)
            order = labels if whole else sorted(labels, key=lambda label: (str(type(label)), label))
            class_to_idx = {label: int(label) if whole else i for i, label in enumerate(order)}
        numbers = {generators.label_of(label): target for label, target in class_to_idx.items()}
        missing = [label for label in self.counts if label is not None and label not in numbers]
        if missing:
            raise InvalidParameterError(f"class_to_idx has no target for {', '.join(map(repr, missing))}")
        targets = [-1 if label is None else numbers[label] for label in self.counts]
        self.targets: IntArray = np.repeat(np.array(targets, np.int64), list(self.counts.values()))
        by_target = sorted(numbers.items(), key=lambda pair: pair[1])
        self.class_to_idx = {generators.class_names.get(label, str(label)): int(i) for label, i in by_target}
        self.classes = list(self.class_to_idx)

    def _checked(self, indices: Sequence[int]) -> IntArray:
        at = np.array([item_index(index) for index in indices], np.int64)
        if len(at) and not (-len(self) <= at.min() and at.max() < len(self)):
            raise IndexError(f"index out of range: the dataset has {len(self)} items")
        return np.where(at < 0, at + len(self), at)

    def extra_repr(self) -> str:
        """What VisionDataset's repr shows beside the length."""
        return f"Seed: {self.seed}\nGeneration: {self.generation}"
