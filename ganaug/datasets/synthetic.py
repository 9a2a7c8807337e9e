"""A dataset of synthetic items: item ``i`` depends on the seed and on ``i``, and on nothing else."""

from __future__ import annotations

import hashlib
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import index as as_index
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ganaug.datasets.drawing import Piece, Source, pieces_of
from ganaug.datasets.epochs import PassWatch, asked_by
from ganaug.datasets.faces import Face, default_face, stored_form
from ganaug.datasets.pool import PoolFile, unfit, write_pool
from ganaug.datasets.vision import ItemDataset
from ganaug.exceptions import DataWarning, InvalidDataError, InvalidParameterError
from ganaug.utils import validation
from ganaug.utils.files import path_error, remove_leftovers, temporary_beside
from ganaug.utils.isolation import isolated, warn
from ganaug.utils.seeding import child_seed, root_seed
from ganaug.utils.types import IntArray

__all__ = ["SyntheticDataset"]

Array = npt.NDArray[Any]

# Without a pool, each process keeps the pieces that it drew last, up to so many bytes.
KEPT_BYTES = 2**28


class SyntheticDataset(ItemDataset):
    """A map-style dataset of a generator's samples, as torchvision's datasets are.

    Item *i* is a pure function of ``(seed, i)``: it is the same for every number
    of workers, start method, batch size and order. The items of a label are drawn
    in pieces of ``block_size``, each in one call of the generator from a seed of its own.

    By default all of them are drawn at once, by the process that makes the
    dataset, into a *pool*: a file that every worker maps into its memory. So no
    worker calls a generator, which may live on a GPU that a forked worker
    could not use, an item costs no more than one of an ordinary dataset in memory, and pickling
    the dataset (for spawned workers) copies a path. A pickle holds neither the generator nor the pool. Without a pool
    a pickle that is kept holds the generator as its own pickle does, which cannot refuse copies; workers get all of it.

    Parameters
    ----------
    generator : fitted generator, or dict of label to fitted generator
        Anything with ``sample(n, label=..., random_state=...) -> (X, y)``, such as
        `TabularGAN`, an image or series GAN, a fitted `GANOversampler` or its ``generators_``.
    n_or_counts : int or dict of label to int
        How many items; a dict says how many of each label, in its order, by label or by the name of the class where
        the generator was fitted on named ones. A number is divided among the labels by their training frequencies.
    transform : callable, default=None
        Takes the sample, as ``output`` says, and returns what the item holds.
    target_transform : callable, default=None
        The same for the label.
    seed : int, default=0
        Of the items.
    pool : bool, default=True
        False draws the pieces in the process that asks for them, when it asks,
        and keeps those used last (up to 256 MB). It starts at once and writes no file, for
        items that are read in order or only in part; the items are the same.
    cache_dir : path-like, default=None
        The folder of the pool. None is the system's temporary folder, and the file
        goes with the dataset. In a folder given, the file stays, and is
        used again by a later dataset of the same generator, counts and seed; nothing there is ever removed.
    output : {"auto", "image", "tensor", "array", "pil"}, default="auto"
        What ``transform`` is given, and the item holds without one: an image as
        `torchvision.tv_tensors.Image` (uint8, (C, H, W)), as a plain tensor, as an ndarray (H, W, C), or as a PIL
        image. "auto" is "image" for images and "tensor" for series and tables.
    layout : {"auto", "NHW", "NHWC", "NCHW", "plain"}, default="auto"
        Where the channels of the generator's images stand, if that is not plain
        from their shape. "plain" samples are no images: they are handed out as they come.
    refresh_every : int, default=None
        After so many epochs, `set_epoch` has new items drawn. None keeps the same ones.
    block_size : int, default=64
        Items drawn in one call. Other sizes give other items.
    class_to_idx : dict of label to int, default=None
        The targets of the labels (or of the names of the classes). None leaves whole numbers as they
        are, and numbers other labels in sorted order.

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
        generator: Any,
        n_or_counts: int | Mapping[Any, int],
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        seed: int = 0,
        *,
        pool: bool = True,
        cache_dir: Any = None,
        output: str = "auto",
        layout: str = "auto",
        refresh_every: int | None = None,
        block_size: int = 64,
        class_to_idx: Mapping[Any, int] | None = None,
    ) -> None:
        super().__init__(None, transform=transform, target_transform=target_transform)
        self._source: Source | None = generator if isinstance(generator, Source) else Source(generator)
        self.seed = root_seed(seed)
        self.counts = self._source.counts(n_or_counts, self.seed)
        self.refresh_every = None if refresh_every is None else validation.integer("refresh_every", refresh_every, 1)
        self.block_size = validation.integer("block_size", block_size, 1)
        self._pieces = list(pieces_of(self.counts, self.block_size))
        self._starts = np.array([piece.start for piece in self._pieces], np.int64)
        self._layout, self._pooled = layout, bool(pool)
        self._number(class_to_idx)
        self._watch = None if self.refresh_every is None else PassWatch(len(self.targets))
        # in shared memory, so that workers that persist see it change
        self._generation = torch.zeros(1, dtype=torch.int64, device="cpu").share_memory_()
        self._kept: OrderedDict[tuple[int, int], Array] = OrderedDict()
        self.sample_shape, self.sample_dtype, self.is_image = self._looked_at()
        self.face = default_face(output, self.sample_shape, self.sample_dtype, self.is_image)
        self._pool: tuple[int, PoolFile] | None = None
        self._home, self._stem, self._lasting = Path(), "", cache_dir is not None
        if self._pooled and len(self):
            self._home, self._stem = self._place(cache_dir)
            self._pool = 0, self._made(0)

    def __len__(self) -> int:
        if self._watch is not None and asked_by() == "sampler":
            self._watch.begin()
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """The sample and its target.

        Parameters
        ----------
        index : int
            Negative numbers count from the end.
        """
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Any, Any]]:
        """Several items at once: read in one go, or drawn in one call for each piece."""
        at = self._checked(indices)
        if self._watch is not None:
            self._watch.see(at.tolist())
        targets = self.targets[at].tolist()
        if self.target_transform is not None:
            targets = [self.target_transform(target) for target in targets]
        return list(zip(self.samples(at), targets, strict=True))

    def samples(self, indices: Sequence[int] | IntArray) -> list[Any]:
        """The samples of items, transformed, without their targets; an array of indices is not checked."""
        at = indices if isinstance(indices, np.ndarray) else self._checked(indices)
        return self.handed_out(self.stored(at))

    def handed_out(self, stored: Array) -> list[Any]:
        """Samples as items hold them, of samples of shape ``(n, *sample_shape)`` as they are stored."""
        found = self._formed(stored)
        return found if self.transform is None else [self.transform(sample) for sample in found]

    @isolated
    def _formed(self, stored: Array) -> list[Any]:
        """Samples in the form in which they are handed out; transforms then run in the caller's surroundings."""
        return self.face(stored)

    def hand_out(self, face: Face, transform: Callable[[Any], Any] | None) -> None:
        """Set how samples are handed out, and the transform that they go through."""
        self.face, self.transform = face, transform

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

        To be called between epochs, in the main process. Workers that persist see the new items too.

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
        if self._pool is not None:
            made = self._made(generation)
            self._generation.fill_(generation)
            self._pool = generation, made  # and the earlier file is removed
        else:
            self._generation.fill_(generation)

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
            out[mine] = self._piece(number)[at[mine] - self._pieces[number].start]
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

    def _piece(self, number: int) -> Array:
        """A piece out of those kept, or drawn."""
        key = self.generation, number
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        rows = self._drawn(self._pieces[number], key[0])
        self._kept[key] = rows
        size = max(1, rows.nbytes)
        while len(self._kept) * size > KEPT_BYTES and len(self._kept) > 1:
            self._kept.popitem(last=False)
        return rows

    @isolated
    def _drawn(self, piece: Piece, generation: int) -> Array:
        if self._source is None:
            raise InvalidParameterError(
                "this SyntheticDataset is a copy made by pickling, which has no generator; call refresh or set_epoch "
                "on the dataset that it is a copy of"
            )
        seed = child_seed(self.seed, "generation", generation, "label", piece.code, "piece", piece.number)
        samples, image = self._stored_form(piece.label, piece.size, seed)
        if (samples.shape[1:], samples.dtype, image) != (self.sample_shape, self.sample_dtype, self.is_image):
            raise InvalidDataError(
                f"the generator's samples of {piece.label!r} have shape {samples.shape[1:]} and dtype {samples.dtype}, "
                f"those of {self._pieces[0].label!r} shape {self.sample_shape} and dtype {self.sample_dtype}; the "
                "items of a dataset must agree"
            )
        return samples

    @isolated
    def _stored_form(self, label: Any, n: int, seed: int) -> tuple[Array, bool]:
        assert self._source is not None
        return stored_form(self._source.draw(label, n, seed), self._layout, self._source.shape_of(label))

    def _looked_at(self) -> tuple[tuple[int, ...], np.dtype[Any], bool]:
        """Shape, dtype and nature of the samples, from one of them."""
        if not self._pieces:
            return (), np.dtype(np.float32), False
        samples, image = self._stored_form(self._pieces[0].label, 1, child_seed(self.seed, "look"))
        return samples.shape[1:], samples.dtype, image

    # ---- the pool ----------------------------------------------------------------------------

    def _place(self, cache_dir: Any) -> tuple[Path, str]:
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
                print_.update(self._stored_form(label, 2, child_seed(self.seed, "print", code))[0].tobytes())
        return folder, f"ganaug-pool-{print_.hexdigest()[:16]}"

    def _path(self, generation: int) -> Path:
        return self._home / f"{self._stem}-{generation}.npy"

    def _made(self, generation: int) -> PoolFile:
        """The pool of a generation, written unless it is there."""
        path, there = self._path(generation), False
        if self._lasting and path.exists():
            reason = unfit(path, (len(self), *self.sample_shape), self.sample_dtype)
            there = reason is None
            if reason:
                warn(f"the pool {path} was damaged or altered ({reason}); its items are drawn again", DataWarning)
        if not there:

            def parts() -> Iterator[Array]:
                return (self._drawn(piece, generation) for piece in self._pieces)

            write_pool(path, (len(self), *self.sample_shape), self.sample_dtype, parts())
        return PoolFile(path, temporary=not self._lasting)

    # ---- labels, indices, copies -------------------------------------------------------------

    def _number(self, class_to_idx: Mapping[Any, int] | None) -> None:
        """Set the targets and the names of the classes."""
        assert self._source is not None
        labels = list(self._source.labels or [])
        if class_to_idx is None:
            whole = all(isinstance(label, int) for label in labels)
            class_to_idx = {label: int(label) for label in labels} if whole else _in_order(labels)
        class_to_idx = {self._source.called(label): target for label, target in class_to_idx.items()}
        missing = [label for label in self.counts if label is not None and label not in class_to_idx]
        if missing:
            raise InvalidParameterError(f"class_to_idx has no target for {', '.join(map(repr, missing))}")
        targets = [-1 if label is None else class_to_idx[label] for label in self.counts]
        self.targets: IntArray = np.repeat(np.array(targets, np.int64), list(self.counts.values()))
        names = self._source.class_names
        order = sorted(class_to_idx.items(), key=lambda pair: pair[1])
        self.class_to_idx = {names.get(label, str(label)): int(i) for label, i in order}
        self.classes = list(self.class_to_idx)

    def _checked(self, indices: Sequence[int]) -> IntArray:
        at = np.array([as_index(index) for index in indices], np.int64)
        if len(at) and not (-len(self) <= at.min() and at.max() < len(self)):
            raise IndexError(f"index out of range: the dataset has {len(self)} items")
        return np.where(at < 0, at + len(self), at)

    def __getstate__(self) -> dict[str, Any]:
        # pieces that were kept are drawn again where they are needed
        state = {**vars(self), "_kept": OrderedDict()}
        if self._pool is not None:
            state["_source"] = None  # workers only read
        return state

    def extra_repr(self) -> str:
        """What VisionDataset's repr shows beside the length."""
        return f"Seed: {self.seed}\nGeneration: {self.generation}"


def _in_order(labels: list[Any]) -> dict[Any, int]:
    return {label: i for i, label in enumerate(sorted(labels, key=lambda label: (str(type(label)), label)))}
