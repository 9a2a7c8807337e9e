"""Images made beforehand, so that no generator runs where a batch is put together."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.transforms.bytes_of import ByteImages, check_range, check_values, to_bytes
from ganaug.transforms.makers import counts_of, makers_of, plain_label
from ganaug.transforms.storage import read_pool, write_pool
from ganaug.utils.isolation import isolated
from ganaug.utils.seeding import child_seed, root_seed
from ganaug.utils.types import IntArray

__all__ = ["SamplePool"]

LAYOUTS = ("auto", "NCHW", "NHWC")

# Images asked of the generator at once: its floats must fit into memory, the pool's bytes may be a file.
_AT_ONCE = 512
# Images that are looked at to tell bytes from flags.
LOOKED_AT = 64


class SamplePool:
    """Synthetic images of each class, 8 bits deep, in memory or in a memory-mapped file.

    Calling a generator where batches are made costs a forward pass for each
    batch in each worker, and cannot be done at all with a GPU in a forked one.
    A pool is drawn once, in the parent; workers share its pages.

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
        If there are no images, they are not uint8 of four dimensions, or have
        another number than the labels.

    Notes
    -----
    To see new images in later epochs, draw a new pool with another seed between
    epochs and set the transform's ``pool`` to it.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug.transforms import SamplePool
    >>> pool = SamplePool(np.zeros((6, 3, 8, 8), np.uint8), ["cat"] * 4 + ["dog"] * 2)
    >>> pool
    SamplePool of 6 images (3, 8, 8): 'cat' 4, 'dog' 2
    """

    def __init__(self, images: ByteImages, labels: Iterable[Any], class_names: Mapping[Any, str] | None = None) -> None:
        if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.ndim != 4:
            raise InvalidTypeError(
                "a pool holds a uint8 array of shape (n, C, H, W), got "
                + (f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__)
            )
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
        generator: Any,
        n: int | Mapping[Any, int] = 256,
        *,
        labels: Sequence[Any] | None = None,
        seed: int | None = 0,
        layout: str = "auto",
        value_range: tuple[float, float] | None = None,
    ) -> SamplePool:
        """Draw a pool from a fitted generator.

        Parameters
        ----------
        generator : ImageGAN, ImageTranslator, another, GANOversampler, or dict of label to generator
            Anything with ``classes_`` and ``sample(n, label=..., random_state=...) -> (X, y)``,
            or a collection of these.
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
        if layout not in LAYOUTS:
            raise InvalidParameterError(f"layout={layout!r} is unknown; choose one of: {', '.join(map(repr, LAYOUTS))}")
        makers = makers_of(generator, labels)
        bounds = check_range(value_range)
        from ganaug.encoding.profiles import class_names as class_names_of  # a worker needs none of what that imports

        names: dict[Any, str] = {}
        for label, maker in makers.items():
            names |= {own: name for own, name in class_names_of(maker).items() if own == label}
            check_values(maker, bounds)
        wanted = counts_of(n, list(makers))
        base = root_seed(seed)
        parts, named = [], []
        for label, count in wanted.items():
            maker = makers[label]
            shape = getattr(getattr(maker, "codec_", None), "shape", None)
            for start in range(0, count, _AT_ONCE):
                size = min(_AT_ONCE, count - start)
                # 32 bits: a generator of another library may take no more
                own = child_seed(base, "pool", str(label), start) % 2**32
                drawn, _ = maker.sample(size, label=label, random_state=own)
                parts.append(to_bytes(drawn, shape=shape, layout=layout, value_range=bounds))
                named += [label] * size
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
        found, images, labels = read_pool(path)
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
            Two arrays in numpy's format, one after the other: the labels (with their names, where these are known),
            then the images.

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
        return SamplePool.open(write_pool(path, self._images, labels, self._order, names))

    def code(self, label: Any) -> int | None:
        """The place of a class in `labels`, or None if the pool has no image of it."""
        return self._code.get(plain_label(label))

    def code_of(self, name: Any) -> int | None:
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

    def __getstate__(self) -> dict[str, Any]:
        # A spawned worker maps the file again; numpy would send it the whole contents.
        state = self.__dict__.copy()
        if self.path is not None:
            state = {"path": self.path}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_images" not in state:
            found, images, labels = read_pool(state["path"], trusted=True)  # the parent has compared its checksum
            state = {**SamplePool(images, labels).__dict__, "path": found}
        self.__dict__.update(state)
