"""A dataset of synthetic items: item ``i`` depends on the seed and on ``i``, and on nothing else."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from operator import index as as_index
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torchvision.datasets import VisionDataset

from ganaug.datasets.epochs import EpochWatch, length_asked_by
from ganaug.exceptions import DataWarning, InvalidDataError, InvalidParameterError
from ganaug.pools.formats import Array, DType, ItemFormat, Sample, Shape, default_format, stored_form
from ganaug.pools.generators import ClassGenerators, DrawBlock, draw_blocks
from ganaug.pools.storage import PoolFile, unfit, write_pool
from ganaug.utils import validation
from ganaug.utils.files import path_error, remove_leftovers, temporary_beside
from ganaug.utils.isolation import isolated, warn
from ganaug.utils.seeding import child_seed, root_seed
from ganaug.utils.types import IntArray

__all__ = ["ItemDataset", "SyntheticDataset"]

Transform: TypeAlias = Callable[[Any], Any]

# torchvision's base class; at run time it takes no parameters before torchvision 0.27 or so.
if TYPE_CHECKING:
    ItemDataset: TypeAlias = VisionDataset[Any]
else:
    ItemDataset = VisionDataset

# Without a pool, each process keeps the blocks that it drew last, up to so many bytes.
KEPT_BYTES = 2**28


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
        self._generators: ClassGenerators | None = generators
        self.seed = root_seed(seed)
        self.counts = generators.counts(n_or_counts, self.seed)
        self.refresh_every = None if refresh_every is None else validation.integer("refresh_every", refresh_every, 1)
        self.block_size = validation.integer("block_size", block_size, 1)
        self._blocks = list(draw_blocks(self.counts, self.block_size))
        self._starts = np.array([block.start for block in self._blocks], np.int64)
        self._layout = layout
        self._set_targets(generators, class_to_idx)
        self._watch = None if self.refresh_every is None else EpochWatch(len(self.targets))
        # in shared memory, so that workers that persist see it change
        self._generation = torch.zeros(1, dtype=torch.int64, device="cpu").share_memory_()
        self._kept: OrderedDict[tuple[int, int], Array] = OrderedDict()
        self.sample_shape, self.sample_dtype, self.is_image = self._looked_at()
        self.item_format = default_format(output, self.sample_shape, self.sample_dtype, self.is_image)
        self._pool: tuple[int, PoolFile] | None = None
        self._home, self._stem, self._lasting = Path(), "", cache_dir is not None
        if pool and len(self):
            self._home, self._stem = self._place(cache_dir)
            self._pool = 0, self._made(0)

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

    # ---- epochs ------------------------------------------------------------------------------

    @property
    def generation(self) -> int:
        """How many times the items were renewed."""
        return int(self._generation)

    @property
    def pool_path(self) -> Path | None:
        """The file that the items are in."""
        return None if self._pool is None else self._current().path

    def set_epoch(self, epoch: int) -> None:
        """Tell the epoch that begins; if ``refresh_every`` asks for it, new items are drawn.

        Call it between epochs, in the main process. Persistent workers see the new items too.

        Parameters
        ----------
        epoch : int
            From 0 on. The same epoch has the same items, whatever came before.
        """
        epoch = validation.integer("epoch", epoch, 0)
        if self._watch is not None:
            self._watch.stop()  # whoever calls this knows how
        if self.refresh_every is not None:
            self._renew(epoch // self.refresh_every)

    def refresh(self) -> None:
        """Have new items drawn now.

        Raises
        ------
        ModelPathError
            If the new pool cannot be written; the earlier items stay.
        InvalidParameterError
            In a copy made by pickling, which has no generator.
        """
        self._renew(self.generation + 1)

    def _renew(self, generation: int) -> None:
        if generation == self.generation:
            return
        made = None if self._pool is None else self._made(generation)
        self._generation.fill_(generation)
        self._pool = None if made is None else (generation, made)  # and the earlier file is removed

    # ---- the samples -------------------------------------------------------------------------

    @isolated
    def stored(self, at: IntArray) -> Array:
        """Samples as they are stored, in an array of their own."""
        if self._pool is not None:
            return self._from_pool(at)
        out = np.empty((len(at), *self.sample_shape), self.sample_dtype)
        owner = np.searchsorted(self._starts, at, side="right") - 1
        for number in np.unique(owner).tolist():
            mine = owner == number
            out[mine] = self._block(number)[at[mine] - self._blocks[number].start]
        return out

    def _from_pool(self, at: IntArray) -> Array:
        while True:
            pool = self._current()
            try:
                found: Array = pool.array[at]
                return found
            except FileNotFoundError as error:
                if self._pool is not None and self._pool[0] != self.generation:
                    continue  # renewed between the two
                raise path_error(
                    error,
                    f"the pool {pool.path} is gone: it is removed with the dataset that made it. Keep that dataset, or "
                    "give it cache_dir=, whose files stay",
                ) from error

    def _current(self) -> PoolFile:
        """The pool of this generation; in a worker, the main process may have written a new one."""
        assert self._pool is not None
        generation = self.generation
        if self._pool[0] != generation:
            self._pool = generation, PoolFile(self._path(generation))
        return self._pool[1]

    def _block(self, number: int) -> Array:
        """A block out of those kept, or drawn."""
        key = self.generation, number
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        rows = self._drawn(self._blocks[number], key[0])
        self._kept[key] = rows
        size = max(1, rows.nbytes)
        while len(self._kept) * size > KEPT_BYTES and len(self._kept) > 1:
            self._kept.popitem(last=False)
        return rows

    @isolated
    def _drawn(self, block: DrawBlock, generation: int) -> Array:
        if self._generators is None:
            raise InvalidParameterError(
                "this SyntheticDataset is a copy made by pickling, which has no generator; call refresh or set_epoch "
                "on the dataset that it is a copy of"
            )
        seed = child_seed(self.seed, "generation", generation, "label", block.code, "piece", block.number)
        samples, image = self._draw(block.label, block.size, seed)
        if (samples.shape[1:], samples.dtype, image) != (self.sample_shape, self.sample_dtype, self.is_image):
            raise InvalidDataError(
                f"the generator's samples of {block.label!r} have shape {samples.shape[1:]} and dtype {samples.dtype}, "
                f"those of {self._blocks[0].label!r} shape {self.sample_shape} and dtype {self.sample_dtype}; the "
                "items of a dataset must agree"
            )
        return samples

    @isolated
    def _draw(self, label: Hashable, n: int, seed: int) -> tuple[Array, bool]:
        assert self._generators is not None
        return stored_form(self._generators.draw(label, n, seed), self._layout, self._generators.shape_of(label))

    def _looked_at(self) -> tuple[Shape, DType, bool]:
        """Shape, dtype and nature of the samples, from one of them."""
        if not self._blocks:
            return (), np.dtype(np.float32), False
        samples, image = self._draw(self._blocks[0].label, 1, child_seed(self.seed, "look"))
        return samples.shape[1:], samples.dtype, image

    # ---- the pool ----------------------------------------------------------------------------

    def _place(self, cache_dir: str | os.PathLike[str] | None) -> tuple[Path, str]:
        """The folder of the pool, and the start of its file's name."""
        if cache_dir is None:
            own = temporary_beside(Path(tempfile.gettempdir()) / "pool", ".pool")
            remove_leftovers(own.parent)
            return own.parent, own.name
        folder = Path(cache_dir)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise path_error(error, f"cache_dir={str(cache_dir)!r} cannot be made a folder") from error
        # Named by what is in it: by a few samples of each label too, for they tell generators apart.
        print_ = hashlib.sha256(
            repr((self.seed, self.counts, self.block_size, self.sample_shape, self.sample_dtype.str)).encode()
        )
        for code, (label, n) in enumerate(self.counts.items()):
            if n:
                print_.update(self._draw(label, 2, child_seed(self.seed, "print", code))[0].tobytes())
        return folder, f"ganaug-pool-{print_.hexdigest()[:16]}"

    def _path(self, generation: int) -> Path:
        return self._home / f"{self._stem}-{generation}.npy"

    def _made(self, generation: int) -> PoolFile:
        """The pool of a generation, written unless it is there."""
        path, shape = self._path(generation), (len(self), *self.sample_shape)
        found = self._lasting and path.exists()
        reason = unfit(path, shape, self.sample_dtype) if found else None
        if reason is not None:
            warn(f"the pool {path} was damaged or altered ({reason}); its items are drawn again", DataWarning)
        if reason is not None or not found:
            parts = (self._drawn(block, generation) for block in self._blocks)
            write_pool(path, shape, self.sample_dtype, parts)
        return PoolFile(path, temporary=not self._lasting)

    # ---- labels, indices, copies -------------------------------------------------------------

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
        at = np.array([as_index(index) for index in indices], np.int64)
        if len(at) and not (-len(self) <= at.min() and at.max() < len(self)):
            raise IndexError(f"index out of range: the dataset has {len(self)} items")
        return np.where(at < 0, at + len(self), at)

    def __getstate__(self) -> dict[str, object]:
        # blocks that were kept are drawn again where they are needed
        state = {**vars(self), "_kept": OrderedDict()}
        if self._pool is not None:
            state["_generators"] = None  # workers only read
        return state

    def extra_repr(self) -> str:
        """What VisionDataset's repr shows beside the length."""
        return f"Seed: {self.seed}\nGeneration: {self.generation}"
