"""Pools: samples by class, and the items of a dataset, made beforehand."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import get_worker_info

from ganaug.exceptions import DataWarning, InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.pools.formats import (
    Array,
    ByteImages,
    DType,
    Label,
    PoolFile,
    Shape,
    check_values,
    checked_range,
    is_pool_file,
    plain_label,
    read_images,
    stored_form,
    to_bytes,
    unfit,
    write_images,
    write_pool,
)
from ganaug.pools.generators import ClassGenerators, DrawBlock, draw_blocks
from ganaug.utils import types
from ganaug.utils.determinism import child_seed, isolated, root_seed, warn
from ganaug.utils.files import check_path, path_error, remove_leftovers, temporary_beside
from ganaug.utils.types import IntArray

__all__ = ["ItemPool", "PoolLabels", "SamplePool", "as_pool", "pool_at"]

# --------------------------------------------------------------------------------------
# Items of a dataset as they are stored: drawn in blocks, into a file that workers map or when they
# are asked for.


# Without a file, each process keeps the blocks that it drew last, up to so many bytes.
KEPT_BYTES = 2**28


class ItemPool:
    """Synthetic items by their index; item *i* is a pure function of seed, generation and *i*.

    Until `store` is called, blocks are drawn when they are asked for, and those used last are kept.

    Parameters
    ----------
    generators : ClassGenerators
    counts : dict of label to int
        Items of each label, in their order.
    seed : int
    block_size : int
        Items drawn in one call.
    layout : str
        Of the generators' samples; see `stored_form`.
    """

    def __init__(
        self, generators: ClassGenerators, counts: Mapping[Hashable, int], seed: int, block_size: int, layout: str
    ) -> None:
        self._generators: ClassGenerators | None = generators
        self.counts, self.seed, self.block_size, self._layout = dict(counts), seed, block_size, layout
        self._blocks = list(draw_blocks(counts, block_size))
        self._starts = np.array([block.start for block in self._blocks], np.int64)
        # in shared memory, so that persistent workers see it change
        self._generation = torch.zeros(1, dtype=torch.int64, device="cpu").share_memory_()
        self._kept: OrderedDict[tuple[int, int], Array] = OrderedDict()
        self._file: tuple[int, PoolFile] | None = None
        self._folder, self._stem, self._lasting = Path(), "", False
        self.sample_shape: Shape = ()
        self.sample_dtype: DType = np.dtype(np.float32)
        self.is_image = False
        if self._blocks:
            samples, self.is_image = self._draw(self._blocks[0].label, 1, child_seed(seed, "look"))
            self.sample_shape, self.sample_dtype = samples.shape[1:], samples.dtype

    @property
    def generation(self) -> int:
        """How many times the items were renewed."""
        return int(self._generation)

    @property
    def path(self) -> Path | None:
        """The file that the items are in."""
        return None if self._file is None else self._current(self._file).path

    def store(self, cache_dir: str | os.PathLike[str] | None) -> None:
        """Draw all items into a file: a temporary one, or one that stays in the folder ``cache_dir``."""
        self._lasting = cache_dir is not None
        if cache_dir is None:
            own = temporary_beside(Path(tempfile.gettempdir()) / "pool", ".pool")
            remove_leftovers(own.parent)
            self._folder, self._stem = own.parent, own.name
        else:
            self._folder = Path(cache_dir)
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise path_error(error, f"cache_dir={str(cache_dir)!r} cannot be made a folder") from error
            self._stem = f"ganaug-pool-{self._fingerprint()}"
        self._file = 0, self._written(0)

    def renew(self, generation: int) -> None:
        """Have the items of another generation drawn; if they cannot be written, the earlier ones stay."""
        if generation == self.generation:
            return
        written = None if self._file is None else self._written(generation)
        self._generation.fill_(generation)
        self._file = None if written is None else (generation, written)  # and the earlier file is removed

    @isolated
    def read(self, at: IntArray) -> Array:
        """The items at these indices, in an array of their own."""
        if self._file is not None:
            return self._from_file(at)
        out = np.empty((len(at), *self.sample_shape), self.sample_dtype)
        owner = np.searchsorted(self._starts, at, side="right") - 1
        for number in np.unique(owner).tolist():
            mine = owner == number
            out[mine] = self._block(number)[at[mine] - self._blocks[number].start]
        return out

    # ---- drawing -----------------------------------------------------------------------------

    @isolated
    def _draw(self, label: Hashable, n: int, seed: int) -> tuple[Array, bool]:
        if self._generators is None:
            raise InvalidParameterError(
                "this SyntheticDataset is a copy made by pickling, which has no generator; call refresh or set_epoch "
                "on the dataset that it is a copy of"
            )
        return stored_form(self._generators.draw(label, n, seed), self._layout, self._generators.shape_of(label))

    def _drawn(self, block: DrawBlock, generation: int) -> Array:
        seed = child_seed(self.seed, "generation", generation, "label", block.code, "piece", block.number)
        samples, image = self._draw(block.label, block.size, seed)
        if (samples.shape[1:], samples.dtype, image) != (self.sample_shape, self.sample_dtype, self.is_image):
            raise InvalidDataError(
                f"the generator's samples of {block.label!r} have shape {samples.shape[1:]} and dtype {samples.dtype}, "
                f"those of {self._blocks[0].label!r} shape {self.sample_shape} and dtype {self.sample_dtype}; the "
                "items of a dataset must agree"
            )
        return samples

    def _block(self, number: int) -> Array:
        """A block out of those kept, or drawn."""
        key = self.generation, number
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        rows = self._kept[key] = self._drawn(self._blocks[number], key[0])
        while len(self._kept) * max(1, rows.nbytes) > KEPT_BYTES and len(self._kept) > 1:
            self._kept.popitem(last=False)
        return rows

    # ---- the file ----------------------------------------------------------------------------

    def _fingerprint(self) -> str:
        """Of what is in the file: of a few samples of each label too, for they tell generators apart."""
        about = (self.seed, self.counts, self.block_size, self.sample_shape, self.sample_dtype.str)
        found = hashlib.sha256(repr(about).encode())
        for code, (label, n) in enumerate(self.counts.items()):
            if n:
                found.update(self._draw(label, 2, child_seed(self.seed, "print", code))[0].tobytes())
        return found.hexdigest()[:16]

    def _path(self, generation: int) -> Path:
        return self._folder / f"{self._stem}-{generation}.npy"

    def _written(self, generation: int) -> PoolFile:
        """The file of a generation, written unless it is there."""
        path, shape = self._path(generation), (sum(self.counts.values()), *self.sample_shape)
        found = self._lasting and path.exists()
        reason = unfit(path, shape, self.sample_dtype) if found else None
        if reason is not None:
            warn(f"the pool {path} was damaged or altered ({reason}); its items are drawn again", DataWarning)
        if reason is not None or not found:
            write_pool(path, shape, self.sample_dtype, (self._drawn(block, generation) for block in self._blocks))
        return PoolFile(path, temporary=not self._lasting)

    def _from_file(self, at: IntArray) -> Array:
        while self._file is not None:
            file = self._current(self._file)
            try:
                found: Array = file.array[at]
                return found
            except FileNotFoundError as error:
                if self._file[0] == self.generation:  # not renewed between the two
                    raise path_error(
                        error,
                        f"the pool {file.path} is gone: it is removed with the dataset that made it. Keep that "
                        "dataset, or give it cache_dir=, whose files stay",
                    ) from error
        raise AssertionError("not reached")

    def _current(self, known: tuple[int, PoolFile]) -> PoolFile:
        """The file of this generation; in a worker, the main process may have written a new one."""
        generation = self.generation
        if known[0] != generation:
            known = self._file = generation, PoolFile(self._path(generation))
        return known[1]

    def __getstate__(self) -> dict[str, object]:
        # workers only read a file; blocks that were kept are drawn again where they are needed
        generators = self._generators if self._file is None else None
        return {**vars(self), "_generators": generators, "_kept": OrderedDict()}


# --------------------------------------------------------------------------------------
# Images made beforehand, so that no generator runs where a batch is put together.


# Images asked of the generator at once: its floats must fit into memory, the pool's bytes may be a file.
_AT_ONCE = 512
# Images that are looked at to tell bytes from flags.
LOOKED_AT = 64


class SamplePool:
    """Synthetic images of each class, 8 bits deep, in memory or in a memory-mapped file.

    Calling a generator where batches are made costs a forward pass for each batch in each worker, and cannot be done at
    all with a GPU in a forked one. A pool is drawn once, in the parent; workers share its pages.

    Parameters
    ----------
    images : ndarray of shape (n, C, H, W), uint8
        Of all classes. Not copied.
    labels : sequence of length n
        The class of each image.
    class_names : dict of label to str, optional
        What the classes are called. A generator that was fitted on a dataset with named classes tells it.

    Attributes
    ----------
    labels : tuple
        The classes, in the order in which they come.
    counts : ndarray of shape (n_classes,), int64
        Images of each.
    shape : tuple
        (C, H, W).
    class_names : dict
        Label to name; empty where none is known.
    path : Path or None
        The file that is mapped.

    Raises
    ------
    InvalidDataError, InvalidTypeError
        If there are no images, they are not uint8 of four dimensions, or have another number than the labels.

    Notes
    -----
    To see new images in later epochs, draw a pool with another seed between epochs; set the transform's ``pool`` to it.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug.transforms import SamplePool
    >>> pool = SamplePool(np.zeros((6, 3, 8, 8), np.uint8), ["cat"] * 4 + ["dog"] * 2)
    >>> pool
    SamplePool of 6 images (3, 8, 8): 'cat' 4, 'dog' 2
    """

    def __init__(
        self, images: ByteImages, labels: Iterable[object], class_names: Mapping[Any, str] | None = None
    ) -> None:
        if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.ndim != 4:
            got = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
            raise InvalidTypeError(f"a pool holds a uint8 array of shape (n, C, H, W), got {got}")
        named = [plain_label(label) for label in labels]
        if len(named) != len(images) or not named:
            raise InvalidDataError(f"a pool needs images and a label for each; got {len(images)} and {len(named)}")
        self._images = images
        self.labels = tuple(dict.fromkeys(named))
        self._code = {label: code for code, label in enumerate(self.labels)}
        known = {plain_label(label): str(name) for label, name in (class_names or {}).items()}
        self.class_names = {label: known[label] for label in self.labels if label in known}
        self._code_of_name = {name: self._code[label] for label, name in self.class_names.items()}
        codes = np.array([self._code[label] for label in named])
        self._order: IntArray = np.argsort(codes, kind="stable").astype(np.int64)
        self.counts: IntArray = np.bincount(codes).astype(np.int64)
        self._starts: IntArray = np.cumsum(self.counts) - self.counts
        self.path: Path | None = None
        self._brightest: int | None = None

    @classmethod
    @isolated
    def generate(
        cls,
        generator: object,
        n: int | Mapping[Any, int] = 256,
        *,
        labels: Sequence[object] | None = None,
        seed: int | None = 0,
        layout: str = "auto",
        value_range: tuple[float, float] | None = None,
    ) -> SamplePool:
        """Draw a pool from a fitted generator.

        Parameters
        ----------
        generator : ImageGAN, ImageTranslator, another, GANOversampler, or dict of label to generator
            Anything with ``classes_`` and ``sample(n, label=..., random_state=...) -> (X, y)``, or several of these.
        n : int or dict of label to int, default=256
            Images of each class. 256 RGB images of 32 x 32 take 0.8 MB.
        labels : sequence, optional
            The classes to draw. None takes all that the generator can make.
        seed : int or None, default=0
            The same seed gives the same pool; None takes fresh entropy.
        layout : {"auto", "NCHW", "NHWC"}, default="auto"
            Of what the generator returns; needed only where it cannot be told.
        value_range : (low, high), optional
            What becomes 0 and 255, for floats outside [0, 1].

        Returns
        -------
        SamplePool

        Raises
        ------
        InvalidParameterError, InvalidDataError, InvalidTypeError
            For a generator without classes, an unknown class, or samples that are no images.

        Examples
        --------
        >>> import numpy as np
        >>> from ganaug.transforms import SamplePool
        >>> class Stripes:
        ...     classes_ = np.array([0, 1])
        ...     def sample(self, n, label=None, random_state=None):
        ...         return np.full((n, 8, 8), 90 * label, np.uint8), np.full(n, label)
        >>> SamplePool.generate(Stripes(), 5).counts
        array([5, 5])
        """
        # a worker that only opens a pool needs neither scikit-learn nor pandas
        from ganaug.encoding.table_checks import class_names as known_names
        from ganaug.pools.generators import counts_of, draw_blocks, generators_of

        types.choice("layout", layout, ("auto", "NCHW", "NHWC"))
        generators = generators_of(generator, labels)
        bounds = checked_range(value_range)
        names: dict[Label, str] = {}
        for label, one in generators.items():
            names |= {own: name for own, name in known_names(one).items() if own == label}
            check_values(one, bounds)
        base = root_seed(seed, "seed")
        parts, named = [], []
        for block in draw_blocks(counts_of(n, list(generators)), _AT_ONCE):
            one = generators[block.label]
            # 32 bits: a generator of another library may take no more
            own = child_seed(base, "pool", str(block.label), block.number * _AT_ONCE) % 2**32
            drawn, _ = one.sample(block.size, label=block.label, random_state=own)
            shape = getattr(getattr(one, "codec_", None), "shape", None)
            parts.append(to_bytes(drawn, shape=shape, layout=layout, value_range=bounds))
            named += [block.label] * block.size
        shapes = sorted({part.shape[1:] for part in parts})
        if len(shapes) > 1:
            raise InvalidDataError(f"the generators make images of several shapes (C, H, W): {shapes}")
        return cls(np.concatenate(parts), named, names)

    @classmethod
    @isolated
    def open(cls, path: str | os.PathLike[str]) -> SamplePool:
        """Map the file of a pool; its images are read when they are drawn.

        Parameters
        ----------
        path : str or path-like
            What `save` wrote.

        Returns
        -------
        SamplePool

        Raises
        ------
        ModelFileError
            If the file is missing, truncated or something else.
        """
        return cls._mapped(path)

    @classmethod
    def _mapped(cls, path: str | os.PathLike[str], trusted: bool = False) -> SamplePool:
        found, images, labels = read_images(path, trusted=trusted)
        names = None if labels.dtype.names is None else dict(zip(labels["label"], labels["name"].tolist(), strict=True))
        pool = cls(images, labels if names is None else labels["label"], names)
        pool.path = found
        return pool

    @isolated
    def save(self, path: str | os.PathLike[str]) -> SamplePool:
        """Write the pool to one file, whole or not at all.

        Parameters
        ----------
        path : str or path-like
            Two arrays in numpy's format: the labels (with their names, where these are known), then the images.

        Returns
        -------
        SamplePool
            Mapped from the file, so that the one in memory can go.

        Raises
        ------
        ModelFileError
            If the folder is missing, or the disk full; the file that was there stays.
        InvalidTypeError
            If the labels are not all integers, all strings or all booleans.

        Examples
        --------
        >>> import os, tempfile
        >>> import numpy as np
        >>> from ganaug.transforms import SamplePool
        >>> pool = SamplePool(np.zeros((2, 1, 8, 8), np.uint8), [0, 1])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     mapped = pool.save(os.path.join(folder, "synthetic.pool"))
        >>> mapped.labels
        (0, 1)
        """
        labels = [label for label, count in zip(self.labels, self.counts, strict=True) for _ in range(count)]
        whole = len(self.class_names) == len(self.labels)
        names = [self.class_names[label] for label in labels] if whole else None
        return SamplePool.open(write_images(path, self._images, labels, self._order, names))

    def code(self, label: object) -> int | None:
        """The place of a class in `labels`, or None if the pool has no image of it."""
        return self._code.get(plain_label(label))

    def code_of(self, name: object) -> int | None:
        """The place of a class in `labels`, given by its name, or by its label where names are not known."""
        if isinstance(name, str) and self._code_of_name:
            return self._code_of_name.get(name)
        return self.code(name)

    @property
    def brightest(self) -> int:
        """The largest byte of some of its images."""
        if self._brightest is None:
            self._brightest = int(self._images[:: max(1, len(self) // LOOKED_AT)].max())
        return self._brightest

    def pick(self, codes: npt.ArrayLike, rng: np.random.Generator) -> IntArray:
        """A random image for each of the classes given by their codes: its row, for `take`."""
        wanted = np.asarray(codes, np.int64)
        nth = (rng.random(len(wanted)) * self.counts[wanted]).astype(np.int64)
        rows: IntArray = self._order[self._starts[wanted] + nth]
        return rows

    def row(self, code: int, position: float) -> int:
        """The row at a position in [0, 1) of a class, without the arrays of `pick`: for one item at a time."""
        return int(self._order[self._starts[code] + int(position * self.counts[code])])

    def take(self, rows: IntArray) -> ByteImages:
        """The images of these rows: (k, C, H, W) uint8, a copy."""
        return np.array(self._images[rows])

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        _, channels, height, width = self._images.shape
        return channels, height, width

    def __len__(self) -> int:
        return len(self._images)

    def __repr__(self) -> str:
        shown = ", ".join(f"{label!r} {count}" for label, count in zip(self.labels[:10], self.counts, strict=False))
        more = ", ..." if len(self.labels) > 10 else ""
        return f"SamplePool of {len(self)} images {self.shape}: {shown}{more}"

    def __getstate__(self) -> dict[str, object]:
        # a spawned worker maps the file again; numpy would send it the whole contents
        return self.__dict__ if self.path is None else {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_images" not in state:  # the parent has compared its checksum
            state = SamplePool._mapped(state["path"], trusted=True).__dict__
        self.__dict__.update(state)


class PoolLabels:
    """Translates labels of the data into classes of a pool, and back.

    Parameters
    ----------
    classes : sequence or None
        What the labels 0, 1, ... stand for; matched by name where the pool knows names. None: labels are the pool's.
    missing : {"error", "keep"}
        What a label means of which the pool has no image: an error, or -1.
    """

    def __init__(self, classes: Sequence[object] | None, missing: str) -> None:
        if isinstance(classes, str):
            raise InvalidTypeError(f"classes={classes!r} is a string; give the list of names, dataset.classes")
        self.missing = types.choice("missing", missing, ("error", "keep"))
        self.classes = None if classes is None else [plain_label(name) for name in classes]

    def check(self, pool: SamplePool) -> None:
        """Refuse a pool of other classes."""
        if self.classes is None:
            return
        named = [pool.class_names.get(label, label) for label in pool.labels]
        strange = [name for name in named if name not in self.classes]
        shown = ", ".join(map(repr, strange[:5]))
        if strange and not any(isinstance(name, str) for name in named) and isinstance(self.classes[0], str):
            raise InvalidDataError(
                f"the generator makes {shown} and does not know what these classes are called, so that classes= cannot "
                "be matched with them; leave it out if the batches' labels are these numbers, or fit the generator on "
                "a dataset with .classes"
            )
        if strange:
            raise InvalidDataError(
                f"the generator makes {shown}, and classes= has only {', '.join(map(repr, self.classes[:10]))}: it was "
                "trained on other classes"
            )

    def code(self, label: object, pool: SamplePool) -> int:
        """The pool's code of a label; -1 if it has no image of it and that is fine."""
        name = plain_label(label)
        if self.classes is not None and not isinstance(name, str):
            if not 0 <= name < len(self.classes):
                raise InvalidDataError(f"label {name!r} has no name among the {len(self.classes)} of classes=")
            name = self.classes[int(name)]
        code = pool.code_of(name)
        if code is not None:
            return code
        if self.missing == "keep":
            return -1
        known = ", ".join(repr(pool.class_names.get(label, label)) for label in pool.labels[:10])
        known += ", ..." if len(pool.labels) > 10 else ""
        hint = 'give missing="keep" to leave its images real'
        if self.classes is None and not isinstance(name, str) and isinstance(pool.labels[0], str):
            hint = "give classes=dataset.classes"
        raise InvalidDataError(f"the pool has no images of class {name!r}, only of {known}; {hint}")

    def batch_label(self, label: Label, pool: SamplePool) -> int:
        """The integer that stands for a class of the pool in a batch."""
        if self.classes is not None:
            return self.classes.index(pool.class_names.get(label, label))
        if isinstance(label, int):
            return int(label)
        raise InvalidDataError(f"class {label!r} has no number; give classes=dataset.classes")


def as_pool(source: object, size: int, seed: int | None) -> SamplePool:
    """The pool that a transform draws from: a pool, the path of one, or what a generator or its path makes.

    ``size`` images of each class are drawn from ``seed``, if a generator has to draw them.
    """
    if isinstance(source, SamplePool):
        return source
    if isinstance(source, (str, os.PathLike)):
        return pool_at(source, size, seed)
    if callable(getattr(source, "sample", None)) or isinstance(source, Mapping):
        return SamplePool.generate(source, size, seed=seed)
    raise InvalidTypeError(
        f"source is a {type(source).__name__}; give a fitted generator, a SamplePool, or the path of a saved one"
    )


def pool_at(path: str | os.PathLike[str], size: int, seed: int | None) -> SamplePool:
    """The pool of a file, opened or drawn once in each process and kept until the file changes."""
    found = os.path.realpath(check_path(path))
    try:
        status = os.stat(found)
    except OSError as error:
        raise path_error(error, f"could not read {found}") from error
    return _pool_at(found, size, seed, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4)
def _pool_at(path: str, size: int, seed: int | None, changed: int, length: int) -> SamplePool:
    """See `pool_at`; ``changed`` and ``length`` are those of the file, so that another at its path is noticed."""
    if is_pool_file(check_path(path)):
        return SamplePool.open(path)
    return SamplePool.generate(_load(path), size, seed=seed)


def _load(path: str) -> object:
    from ganaug.estimators import load  # here, because a worker that only opens a pool needs none of it

    generator: Any = load(path)
    if get_worker_info() is not None and "device" in generator.get_params():
        generator.set_params(device="cpu")  # a forked process cannot use the GPU of its parent
    return generator
