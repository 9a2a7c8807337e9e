"""Images in files: decoded once into a file of pixels, resumed where that was broken off, and pairs of images."""

from __future__ import annotations

import errno
import hashlib
import importlib
import io
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain, islice
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from ganaug.encoding.containers import is_tensor
from ganaug.encoding.labels import LabelCodec
from ganaug.encoding.pil_images import (
    checked_size,
    in_order,
    is_pil_image,
    open_image,
    read_image_header,
    resize_image,
)
from ganaug.encoding.sample_arrays import STORED_FROM, StoredSamples, stack_samples, to_array
from ganaug.encoding.sources import (
    FolderImages,
    Source,
    class_names_of,
    file_of,
    image_reader,
    item_reader,
    list_folder,
    list_names,
    mode_of,
    named_files,
    place_of,
    read_files,
    read_folder,
    read_item,
    resolve_samples,
    resolve_targets,
    told_folder,
)
from ganaug.encoding.targets import known_targets, length_of
from ganaug.exceptions import (
    DataWarning,
    GanaugError,
    InvalidDataError,
    InvalidParameterError,
    InvalidTypeError,
    ModelPathError,
)
from ganaug.utils.determinism import warn
from ganaug.utils.files import check_path, check_writable, path_error, write_whole
from ganaug.utils.types import Array, DType, check_jobs

__all__ = [
    "ImagePairs",
    "forget_images",
    "read_resumed",
    "resolve_pairs",
    "resolve_resumed",
    "store_images",
]

# --------------------------------------------------------------------------------------
# Images of a folder or dataset, decoded once into a file that is mapped into memory.


KIND, VERSION = "images decoded by ganaug", 1
# Bytes of pixels with a checksum of their own: so much is decoded again where something is damaged or broken off.
PART = 2**24
# Items of a dataset that each call reads to see that they are still the same.
PROBED = 8


def store_images(
    X: Any,
    path: str | os.PathLike[str],
    y: object = None,
    *,
    image_size: tuple[int, int] | None = None,
    n_jobs: int | None = None,
) -> tuple[Array, Array]:
    """Decode the images of a folder or dataset into one file, by several workers, and map it into memory.

    A training on what it returns reads batches from the file, without decoding an image again. A call that was broken
    off goes on where it was when it is made again, and one that was complete compares checksums (about a second for a
    gigabyte) and decodes again only what does not match, and 8 items of a dataset, to see whether it is still the
    same. Processes that are given the same file take turns, where the system can lock a folder: under torchrun the
    first one decodes for all of them.

    Parameters
    ----------
    X : path of a folder, or map-style dataset
        A folder of class folders, or a dataset of items ``(image, label, ...)`` that knows its labels (or ``y`` does).
        Leave random augmentation out.
    path : str or path-like
        The file, in numpy's format. Beside it lies ``path + ".json"`` with the checksums; while it is incomplete it is
        called ``path + ".part"``. Through a symbolic link, all three lie beside what it points at.
    y : array-like of shape (n,), optional
        The labels of a dataset.
    image_size : (height, width), optional
        What images are resized to.
    n_jobs : int or None, default=None
        Workers that decode, as in scikit-learn: None is 1 unless a `joblib.parallel_config` says otherwise, and -1 all
        processors. The file is the same for any number.

    Returns
    -------
    images : numpy.memmap of shape (n, H, W), (n, H, W, C) or (n, C, H, W)
        Read-only. Of PIL images the last axis has the channels, of tensors the first; dtype as decoded, mostly uint8.
    labels : ndarray of shape (n,)
        Names of the class folders, or labels of the dataset.

    Raises
    ------
    InvalidDataError
        If an image is broken, or differs in size, mode or dtype from the first one; it names it. If a label is
        missing or infinite, labels are numbers with decimals, or not one for each item. If the file holds
        other images: of another folder, of files that were changed since, of a dataset of which one of 8 items is not
        what it was, or of another ``image_size``. It is left as it is.
    InvalidTypeError, InvalidParameterError
        If X is an array or a list, ``image_size`` no pair of positive integers, or ``n_jobs`` no number of workers.
    ModelPathError
        If the file cannot be written.

    Warns
    -----
    DataWarning
        For images in the file that do not match their checksum; they are decoded again. Also as `ImageGAN.fit` does
        for folders.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from ganaug.datasets import store_images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("cat", "dog"):
    ...         (Path(folder) / "train" / name).mkdir(parents=True)
    ...         Image.new("RGB", (32, 32)).save(Path(folder) / "train" / name / "1.png")
    ...     X, y = store_images(Path(folder) / "train", Path(folder) / "images.npy", image_size=(16, 16))
    ...     X.shape, y.tolist()
    ((2, 16, 16, 3), ['cat', 'dog'])
    """
    check_jobs(n_jobs)
    size, target = checked_size(image_size), Path(os.path.realpath(check_path(path)))
    check_writable(target)
    source = _of_folder(Path(X), y, size, n_jobs) if isinstance(X, (str, os.PathLike)) else _of_items(X, y, size)
    return _decoded(source, target, n_jobs), source.labels


def resolve_resumed(
    X: object, y: object, beside: Path, *, image_size: tuple[int, int] | None = None, stored: bool = True
) -> tuple[Any, Any, Source, Path | None]:
    """What `resolve_samples` gives, from a file beside a checkpoint where images take too much memory to stay there.

    That are those of a folder, and of a dataset that knows its files and labels. Decoding that was broken off goes on
    where it was, and decoding that was complete is not repeated.

    Parameters
    ----------
    X, y, image_size
        As in `resolve_samples`.
    beside : Path
        The checkpoint.
    stored : bool, default=True
        Whether the images may stay in the file; else they are read into memory when all are decoded.

    Returns
    -------
    X, y, source
    file : Path or None
        What `forget_images` removes when the training is done.

    Raises
    ------
    InvalidDataError
        If the file holds other images, as of a dataset whose transform is random; it is left as it is.

    Warns
    -----
    DataWarning
        Where the file cannot be written; the images then stay in a temporary one.
    """
    if y is None and isinstance(X, (str, os.PathLike)):
        found, file = read_resumed(X, beside, image_size, stored=stored)
        return found.images, found.labels, Source("folder", tuple(found.files.classes), found.mode), file
    plain = isinstance(X, (str, os.PathLike, np.ndarray, pd.DataFrame, list, tuple)) or hasattr(X, "__array__")
    labels = None if plain or not length_of(X) or file_of(X, 0) is None else _known(X, y)
    if labels is None:
        return *resolve_samples(X, y, image_size=image_size, stored=stored), None
    size = checked_size(image_size)
    first = item_reader(X, labels, size, labelled=y is None)(0)[0]
    if stack_samples([first], 1, "images").nbytes * len(labels) <= STORED_FROM:
        return *resolve_samples(X, y, image_size=image_size, stored=stored), None
    images, file = _resumed(lambda: _of_items(X, y, size), beside, stored, tensor=is_tensor(first))
    if images is None:
        return *resolve_samples(X, y, image_size=image_size, stored=stored), None
    names = class_names_of(X, labels)
    return images, labels, Source("dataset", None if names is None else tuple(names), mode_of(first)), file


def read_resumed(
    path: str | os.PathLike[str],
    beside: Path | None,
    image_size: tuple[int, int] | None = None,
    *,
    stored: bool = False,
) -> tuple[FolderImages, Path | None]:
    """What `read_folder` gives, from a file beside a checkpoint as `resolve_resumed` has it, and that file."""
    size = checked_size(image_size)
    if beside is None or not _stay_in_file(list(chain.from_iterable(list_folder(path).classes.values())), size):
        return read_folder(path, size, stored=stored), None
    found, files, labels = told_folder(path)
    modes, profiles, read = image_reader(files, size)
    source = _of_files(Path(path), files, labels, size, lambda: (read, list(zip(files, modes, strict=True))))
    images, file = _resumed(lambda: source, beside, stored)
    if images is None:
        return read_folder(path, size, stored=stored), None
    profile = profiles[0] if len(set(profiles)) == 1 else None
    return FolderImages(images, labels, modes[0], profile, found), file


def _resumed(
    source: Callable[[], _ImageSource], beside: Path, stored: bool, kind: str = "images", *, tensor: bool = False
) -> tuple[Any, Path | None]:
    """The images of a source from a file beside a checkpoint, and the file; None where it cannot be written."""
    target = Path(os.path.realpath(beside.with_name(f"{beside.name}.{kind}.npy")))
    try:
        images: Any = _decoded(source(), target, None)
    except ModelPathError as error:
        forget_images(target)
        warn(f"{error}; they stay in a temporary file, so that their decoding cannot be resumed", DataWarning)
        return None, None
    images = images if stored else np.array(images)
    if tensor:
        kept = StoredSamples.mapped(images)
        if kept is not None:
            kept.tensor = True
            return kept, target
        import torch

        images = torch.from_numpy(np.array(images))
    return images, target


def _known(dataset: Any, y: object) -> Array | None:
    """The labels of a dataset, if they are known without its items."""
    return known_targets(dataset) if y is None else resolve_targets(dataset, y)


def forget_images(*files: Path) -> None:
    """Remove what `resolve_resumed` left."""
    for file in files:
        for name in (file.name, f"{file.name}.part", f"{file.name}.json"):
            try:
                file.with_name(name).unlink(missing_ok=True)
            except OSError as error:
                told = f"{file.with_name(name)} holds decoded images and cannot be removed: {error.strerror}"
                warn(told, DataWarning)


def _stay_in_file(files: list[Path], size: tuple[int, int] | None = None) -> bool:
    """Whether images are so many bytes that they do not stay in memory, going by the first of them."""
    image = open_image(files[0], read_image_header(files[0]).learnt)
    first = _pixels([image if size is None else resize_image(image, size)], 1, lambda _: str(files[0]))
    return first.dtype == np.uint8 and first.nbytes * len(files) > STORED_FROM


def _decoded(source: _ImageSource, target: Path, n_jobs: int | None) -> Array:
    """The images of a source, in a file that is complete, mapped into memory."""
    with _one_at_a_time(target):
        try:
            _ImageStore(source, target).complete(n_jobs)
        except OSError as error:
            if isinstance(error, GanaugError):
                raise
            raise path_error(error, f"the images cannot be kept in {target}") from error
    return np.load(target, mmap_mode="r")


# Makes the function that reads a place, and lists the places.
_Reader = Callable[[], tuple[Callable[[Any], Any], Sequence[Any]]]


@dataclass(frozen=True)
class _ImageSource:
    """What is decoded: what makes the function that reads a place, what that is called, and a digest of all of it."""

    reader: _Reader
    name: Callable[[int], str]
    labels: Array
    digest: str


def _of_folder(folder: Path, y: object, size: tuple[int, int] | None, n_jobs: int | None) -> _ImageSource:
    if y is not None:
        raise InvalidParameterError("y was given, but the labels of a folder are the names of its class folders")
    _, files, labels = told_folder(folder)

    def reader() -> tuple[Callable[[Any], Any], Sequence[Any]]:
        modes, _, read = image_reader(files, size, n_jobs)
        return read, list(zip(files, modes, strict=True))

    return _of_files(folder, files, labels, size, reader)


def _of_files(
    folder: Path, files: list[Path], labels: Array, size: tuple[int, int] | None, reader: _Reader
) -> _ImageSource:
    digest = _digest(size, [_told(file, file.relative_to(folder)) for file in files])
    return _ImageSource(reader, lambda i: str(files[i]), labels, digest)


def _of_items(dataset: Any, y: object, size: tuple[int, int] | None) -> _ImageSource:
    if isinstance(dataset, (np.ndarray, list, tuple)) or hasattr(dataset, "__array__"):
        raise InvalidTypeError(
            f"X is a {type(dataset).__name__}; give a folder of class folders or a map-style dataset of images. What "
            "is in memory already is stored by numpy.save, and mapped by numpy.load(..., mmap_mode='r')"
        )
    n, labels = length_of(dataset), resolve_targets(dataset, y)
    LabelCodec().fit(labels)  # refuses what `fit` would refuse after all images were decoded
    files = [file_of(dataset, i) for i in range(n)]
    told = [None if file is None else _told(Path(file), Path(file)) for file in files]
    read = item_reader(dataset, labels, size, labelled=y is None)
    some = [_probed(dataset, read, i) for i in np.linspace(0, n - 1, min(n, PROBED)).astype(int).tolist()]
    digest = _digest([type(dataset).__name__, size, labels.tolist()], told, some)
    return _ImageSource(lambda: (partial(_image_of, read), range(n)), lambda i: place_of(dataset, i), labels, digest)


def _probed(dataset: Any, read: Callable[[int], tuple[Any, Any]], i: int) -> list[Any]:
    """What tells whether an item is another one; raises InvalidDataError if it is no image."""
    image = _pixels([_image_of(read, i)], 1, lambda _: place_of(dataset, i))[0]
    if image.ndim not in (2, 3) or not image.size:
        raise InvalidDataError(
            f"{place_of(dataset, i)} has shape {image.shape}; images are (H, W), (H, W, channels) or (channels, H, W)"
        )
    return [image.dtype.str, image.shape, hashlib.sha256(np.ascontiguousarray(image).data).hexdigest()]


def _image_of(read: Callable[[int], tuple[Any, Any]], i: int) -> Any:
    return read(i)[0]


def _told(file: Path, name: Path) -> list[Any]:
    """What tells whether a file was changed."""
    try:
        found = os.stat(file)
    except OSError as error:
        raise InvalidDataError(f"{file} cannot be read: {error.strerror}; restore it, or leave it out of X") from error
    return [name.as_posix(), found.st_size, found.st_mtime_ns]


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()


@contextmanager
def _one_at_a_time(target: Path) -> Iterator[None]:
    """Wait for other processes that store images here, where the system can tell."""
    try:
        import fcntl
    except ImportError:
        with _one_at_a_time_on_windows(target.with_name(target.name + ".lock")):
            yield
        return
    lock = os.open(target.parent, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems lock no folders
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextmanager
def _one_at_a_time_on_windows(name: Path) -> Iterator[None]:
    """The same by the first byte of a file, which the system releases when its process ends, however it does."""
    try:
        locking: Any = importlib.import_module("msvcrt")
    except ImportError:  # a system without processes
        yield
        return
    while True:
        lock = open(name, "a+b", buffering=0)  # noqa: SIM115, held until the work is done
        lock.seek(0)
        try:
            locking.locking(lock.fileno(), locking.LK_NBLCK, 1)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                break  # a file system that locks nothing
        else:
            if name.exists() and os.path.samestat(os.fstat(lock.fileno()), os.stat(name)):
                break  # and not one that its last owner removed in the meantime
        lock.close()
        time.sleep(0.05)
    try:
        yield
    finally:
        lock.close()  # and releases
        with suppress(OSError):  # the next one has it open
            name.unlink(missing_ok=True)


class _ImageStore:
    """The file of the pixels, and the one with the checksums of its parts."""

    def __init__(self, source: _ImageSource, target: Path) -> None:
        self.source, self.target = source, target
        self.notes = target.with_name(target.name + ".json")
        self.partial = target.with_name(target.name + ".part")
        known, self.n = self._found(), len(source.labels)
        if known is None:
            first = _pixels([self.first], 1, source.name)
            self.shape, self.dtype = (self.n, *first.shape[1:]), first.dtype
            self.sums: list[str | None] = []
        else:
            self.shape, self.dtype = (self.n, *known["shape"][1:]), np.dtype(known["dtype"])
            self.sums = known["parts"]
        self.each = prod(self.shape[1:]) * self.dtype.itemsize
        self.per_part = max(1, PART // self.each)
        self.parts = [range(at, min(at + self.per_part, self.n)) for at in range(0, self.n, self.per_part)]
        self.sums = [*self.sums, *[None] * len(self.parts)][: len(self.parts)]
        self.header = _header(self.shape, self.dtype)

    @cached_property
    def reader(self) -> tuple[Callable[[Any], Any], Sequence[Any]]:
        """What reads an image of some items; not made where nothing is to be decoded."""
        return self.source.reader()

    @cached_property
    def first(self) -> Any:
        """The image with which all others have to agree."""
        read, items = self.reader
        return read(items[0])

    def complete(self, n_jobs: int | None) -> None:
        """Decode what is not there yet, or no longer as it was."""
        place = self.target if self.target.exists() else self.partial
        with open(place, "r+b" if place.exists() else "x+b") as file:
            damaged = [part for k, part in enumerate(self.parts) if self.sums[k] and not self._matches(file, k)]
            if damaged or (any(self.sums) and self._read(file, 0, len(self.header)) != self.header):
                self._tell(damaged, place)
            if self._read(file, 0, len(self.header)) != self.header:
                file.seek(0)
                file.write(self.header)
            missing = [k for k, own in enumerate(self.sums) if own is None]
            images: Iterator[Any] = iter(())
            if missing:
                read, items = self.reader
                images = in_order(read, [items[i] for k in missing for i in self.parts[k]], n_jobs)
            for k in missing:
                part = self.parts[k]
                some = chain([self.first], islice(images, len(part)))
                data = np.ascontiguousarray(_pixels(some, 1 + len(part), partial(self._name, part))[1:]).data
                file.seek(len(self.header) + part.start * self.each)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                self.sums[k] = hashlib.sha256(data).hexdigest()
                self._note()
            if file.seek(0, os.SEEK_END) != len(self.header) + self.n * self.each:  # Windows cuts no mapped file
                file.truncate(len(self.header) + self.n * self.each)
        if place == self.partial:
            os.replace(place, self.target)

    def _name(self, part: range, i: int) -> str:
        return self.source.name(0 if i == 0 else part[i - 1])

    def _matches(self, file: BinaryIO, k: int) -> bool:
        part = self.parts[k]
        data = self._read(file, len(self.header) + part.start * self.each, len(part) * self.each)
        if hashlib.sha256(data).hexdigest() == self.sums[k]:
            return True
        self.sums[k] = None
        return False

    def _read(self, file: BinaryIO, at: int, length: int) -> bytes:
        file.seek(at)
        return file.read(length)

    def _tell(self, damaged: list[range], place: Path) -> None:
        told = [f"images {part.start} to {part[-1]} ({self.source.name(part.start)} and on)" for part in damaged[:3]]
        more = f" and {len(damaged) - 3} more parts" if len(damaged) > 3 else ""
        warn(
            f"{place} was damaged: {', '.join(told) or 'its header'}{more} did not match the checksum, and "
            f"{'are' if damaged else 'is'} made again",
            DataWarning,
        )

    def _note(self) -> None:
        known = {"kind": KIND, "version": VERSION, "source": self.source.digest, "shape": list(self.shape)}
        write_whole(self.notes, json.dumps({**known, "dtype": self.dtype.str, "parts": self.sums}).encode())

    def _found(self) -> dict[str, Any] | None:
        """What the file of the checksums says, if there is one."""
        if not self.notes.exists():
            if self.target.exists():
                raise InvalidDataError(f"{self.target} is there, and not of store_images; name another file")
            self.partial.unlink(missing_ok=True)  # nothing is known of what it holds
            return None
        if not (self.target.exists() or self.partial.exists()):  # only the checksums were left
            return None
        remedy = f"remove {self.target.name}* in {self.target.parent}, or name another file"
        try:
            known: dict[str, Any] = json.loads(self.notes.read_bytes())
            source, shape, parts, _ = known["source"], known["shape"], known["parts"], np.dtype(known["dtype"])
            fits = known["kind"] == KIND and known["version"] == VERSION and all(type(side) is int for side in shape)
            fits = fits and len(shape) > 2 and min(shape[1:]) > 0 and all(isinstance(own, str | None) for own in parts)
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidDataError(f"{self.notes} is damaged ({error}); {remedy}") from error
        if not fits:
            raise InvalidDataError(f"{self.notes} is none that this version wrote; {remedy}")
        if source != self.source.digest:
            raise InvalidDataError(
                f"{self.target} holds other images: of another folder or dataset, of files that were changed since, of "
                f"another transform or one that is random, or of another image_size; {remedy}"
            )
        return known


def _pixels(images: Any, n: int, name: Callable[[int], str]) -> Array:
    return to_array(stack_samples(images, n, "images", name))


def _header(shape: tuple[int, ...], dtype: DType) -> bytes:
    file = io.BytesIO()
    described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, described)
    return file.getvalue()


# --------------------------------------------------------------------------------------
# Pairs of images: what is to be translated, and what it should become.


@dataclass(frozen=True)
class ImagePairs:
    """Inputs and targets, in one order.

    Attributes
    ----------
    inputs, targets : ndarray or tensor of shape (n, ...)
    modes : (str or None, str or None)
        PIL's modes of both, if they were images of PIL or files.
    decoded : tuple of Path
        The files beside a checkpoint that hold them.
    """

    inputs: object
    targets: object
    modes: tuple[str | None, str | None]
    decoded: tuple[Path, ...] = ()


def resolve_pairs(X: object, y: object = None, beside: Path | None = None) -> ImagePairs:
    """Inputs and targets of whatever holds them.

    Parameters
    ----------
    X : ndarray, tensor, list of images, map-style dataset, or path of a folder
        The inputs; a dataset without ``y`` has items (input, target, ...). Images of a folder may lie at any depth.
    y : ndarray, tensor, list of images, or path of a folder, optional
        The targets. Of a folder the files with the same path below it, whatever their endings.
    beside : Path, optional
        A checkpoint, beside which many images of folders are decoded, as in `resolve_resumed`.

    Returns
    -------
    ImagePairs

    Raises
    ------
    InvalidDataError
        If folders hold files of different names, an item is no pair, or y holds labels and no images.
    InvalidTypeError
        If X or y is none of these, or one is a folder and the other is not.
    """
    folders = [isinstance(side, (str, os.PathLike)) for side in (X, y)]
    if isinstance(X, (str, os.PathLike)) and isinstance(y, (str, os.PathLike)):
        return _paired_folders(Path(X), Path(y), beside)
    if any(folders):
        raise InvalidTypeError(
            "of two folders, one of inputs and one of targets with the same file names, one was given: "
            f"fit({'folder, ...' if folders[0] else '..., folder'}); give the path of the other, too"
        )
    pairs = isinstance(X, (list, tuple)) and len(X) > 0 and all(map(_is_pair, X))
    if y is None and (pairs or not isinstance(X, (np.ndarray, pd.DataFrame, list, tuple))) and not is_tensor(X):
        return _paired_items(X)
    if y is None:
        raise InvalidDataError(
            "pairs need targets: fit(X, y) with as many images y as X has, a dataset of pairs, or two folders"
        )
    sides = [_side(own, name) for own, name in ((X, "X"), (y, "y"))]
    return ImagePairs(sides[0][0], sides[1][0], (sides[0][1], sides[1][1]))


def _side(images: object, name: str) -> tuple[Any, str | None]:
    """Images of one side, and PIL's mode of them."""
    if isinstance(images, (list, tuple)) and images and not np.isscalar(images[0]):
        return stack_samples(images, len(images), "images"), mode_of(images[0])
    if is_pil_image(images):
        raise InvalidTypeError(f"{name} is a single PIL image; give a list of images")
    if not (is_tensor(images) or hasattr(images, "__array__") or isinstance(images, (list, tuple))):
        raise InvalidTypeError(
            f"{name} is a {type(images).__name__}; give both inputs and targets as arrays, tensors or lists of images, "
            "or one dataset of pairs"
        )
    shape = tuple(getattr(images, "shape", ())) or np.asarray(images).shape
    if len(shape) < 3:
        raise InvalidDataError(
            f"{name} has shape {shape}, which is none of images; pairs are images X and their targets y. "
            "Labels belong to task='inpaint' and 'super-resolve', and to paired=False"
        )
    return images, None


def _paired_items(dataset: object) -> ImagePairs:
    n = length_of(dataset)
    sides: tuple[list[Any], list[Any]] = ([], [])
    for i in range(n):
        where = place_of(dataset, i)
        item = read_item(dataset, i, where)
        if not _is_pair(item):
            raise InvalidDataError(f"{where} is no pair (input, target) of images; give a dataset whose items are")
        for side, image in zip(sides, item[:2], strict=True):
            side.append(image)
    stacks = [stack_samples(side, n, "images", lambda i: place_of(dataset, i)) for side in sides]
    return ImagePairs(stacks[0], stacks[1], (mode_of(sides[0][0]), mode_of(sides[1][0])))


def _is_pair(item: Any) -> bool:
    return isinstance(item, (tuple, list)) and len(item) > 1 and all(map(_could_be_image, item[:2]))


def _could_be_image(part: object) -> bool:
    return is_pil_image(part) or len(getattr(part, "shape", ())) in (2, 3)


def _paired_folders(inputs: Path, targets: Path, beside: Path | None) -> ImagePairs:
    sides = [named_files(folder) for folder in (inputs, targets)]
    for one, other, folder in ((0, 1, targets), (1, 0, inputs)):
        alone = [sides[one][name] for name in sorted(sides[one].keys() - sides[other].keys())]
        if alone:
            raise InvalidDataError(
                f"{len(alone)} image(s) have no partner of the same name in {folder}: {list_names(alone)}; "
                "rename or remove them"
            )
    names = sorted(sides[0])
    places = zip((inputs, targets), ("inputs", "targets"), sides, strict=True)
    (one, mode, file), (other, other_mode, other_file) = (
        _read_side([side[name] for name in names], folder, beside, kind) for folder, kind, side in places
    )
    decoded = tuple(own for own in (file, other_file) if own is not None)
    return ImagePairs(one, other, (mode, other_mode), decoded)


def _read_side(files: list[Path], folder: Path, beside: Path | None, kind: str) -> tuple[Any, str, Path | None]:
    """The images of one side, PIL's mode of them, and the file beside a checkpoint in which they were decoded."""
    if beside is not None and _stay_in_file(files):
        modes, _, read = image_reader(files)
        none = np.zeros(len(files), np.int64)
        source = _of_files(folder, files, none, None, lambda: (read, list(zip(files, modes, strict=True))))
        images, file = _resumed(lambda: source, beside, False, kind)
        if images is not None:
            return images, modes[0], file
    images, mode, _ = read_files(files)
    return images, mode, None
