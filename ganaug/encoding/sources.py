"""What a fit is given: folders of images, datasets, arrays and tables, read into samples and labels."""

from __future__ import annotations

import bisect
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ganaug.encoding.containers import is_tensor, listed, of_unequal_length
from ganaug.encoding.pil_images import (
    ImageHeader,
    checked_size,
    in_order,
    is_pil_image,
    learned_mode,
    open_image,
    read_image_header,
    resize_image,
    sized_sample,
)
from ganaug.encoding.sample_arrays import stack_samples
from ganaug.encoding.table_checks import refuse_foreign
from ganaug.encoding.targets import (
    check_labels,
    class_names_of,
    dataset_kind,
    known_targets,
    length_of,
    resolve_targets,
    split_item,
    tell_synthetic,
    unwrap_label,
)
from ganaug.exceptions import DataWarning, GanaugError, InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.utils.determinism import warn
from ganaug.utils.types import Array

__all__ = [
    "FolderImages",
    "ImageFiles",
    "Source",
    "class_names_of",
    "file_of",
    "image_reader",
    "item_reader",
    "list_folder",
    "list_names",
    "mode_of",
    "named_files",
    "open_files",
    "place_of",
    "read_files",
    "read_folder",
    "read_item",
    "resolve_samples",
    "resolve_targets",
    "told_folder",
]

# --------------------------------------------------------------------------------------
# A folder of class folders of images.


_ENDINGS = frozenset([".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"])
_SHOWN = 3

# Reasons why a file is left out. No warning is raised for the first two.
HIDDEN = "hidden (the name begins with a dot)"
NO_IMAGE = "no image by the ending"
LOOSE = "image(s) outside of the class folders"
_PARTS = {"train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"}
BROKEN = "link(s) that lead nowhere"
SPECIAL = "no regular file (a pipe, socket or device)"
LOOP = "link(s) to a folder that is read already"
_QUIET = (HIDDEN, NO_IMAGE)


@dataclass(frozen=True)
class ImageFiles:
    """The image files of a folder of class folders.

    Attributes
    ----------
    classes : dict of str to list of Path
        Name of the class folder to its files, both sorted.
    left_out : dict of str to list of Path
        Why to what is not among them.
    twice : list of (Path, Path)
        Files of different classes that are one and the same file.
    """

    classes: dict[str, list[Path]]
    left_out: dict[str, list[Path]] = field(default_factory=dict)
    twice: list[tuple[Path, Path]] = field(default_factory=list)


@dataclass(frozen=True)
class FolderImages:
    """The images of a folder of class folders.

    Attributes
    ----------
    images : ndarray of shape (n, H, W) or (n, H, W, channels)
        Sorted by class, folder and name, as torchvision's `ImageFolder` has them.
    labels : ndarray of shape (n,), dtype str
        The names of the class folders.
    mode : str
        PIL's mode of the images as they stand there.
    profile : bytes or None
        The ICC profile, if all files have the same.
    files : ImageFiles
    """

    images: Any
    labels: Array
    mode: str
    profile: bytes | None
    files: ImageFiles


def read_folder(
    path: str | os.PathLike[str], image_size: tuple[int, int] | None = None, *, stored: bool = False
) -> FolderImages:
    """All images of a folder with one folder for each class.

    Parameters
    ----------
    path : str or path-like
        Images may lie at any depth in a class's folder. Files and folders whose name begins with a dot are left out,
        and so are files that are no images by their ending. Links are followed, but no folder is read twice for a
        class. Images are turned upright as their EXIF data say.
    image_size : (height, width), default=None
        What every image is resized to.
    stored : bool, default=False
        Whether many images may stay in a temporary file, as `StoredSamples`.

    Returns
    -------
    FolderImages

    Raises
    ------
    InvalidDataError
        If there is no such folder, no class folder, a class without an image, a folder that cannot be listed, a
        broken file, pixels that are not finite, or images of different size or mode. It names the files.

    Warns
    -----
    DataWarning
        For images that are not learnt as they are (palettes and other modes whose numbers cannot be averaged,
        animations, colours of 16 bits), images and links that are left out, files that stand in two classes, and
        class folders that look like the parts of a set ("train", "test"). It names some of them, and says what they
        become.
    """
    found, files, labels = told_folder(path)
    stack, mode, profiles = read_files(files, image_size, stored)
    return FolderImages(stack, labels, mode, profiles.pop() if len(profiles) == 1 else None, found)


def told_folder(path: str | os.PathLike[str]) -> tuple[ImageFiles, list[Path], Array]:
    """What `list_folder` finds, with all files and their labels in order; warns of what is odd about them."""
    found = list_folder(path)
    _tell_left_out(found.left_out)
    if found.twice:
        warn(
            f"{len(found.twice)} file(s) stand in two classes, for example {found.twice[0][0]} and "
            f"{found.twice[0][1]}: the same image is learnt under both labels; remove one of them",
            DataWarning,
        )
    nested = [len({file.parent for file in inside}) > 1 for inside in found.classes.values()]
    if all(nested) and {name.lower() for name in found.classes} <= _PARTS:
        largest = max(found.classes, key=lambda name: len(found.classes[name]))
        warn(
            f"the folders {', '.join(map(repr, found.classes))} of {path} are taken for the classes, and look like "
            f"parts of a set with a folder for each class in them: give one part, {str(Path(path) / largest)!r}",
            DataWarning,
        )
    labels = np.repeat(list(found.classes), [len(inside) for inside in found.classes.values()])
    return found, [file for inside in found.classes.values() for file in inside], labels


def read_files(
    files: list[Path], image_size: tuple[int, int] | None = None, stored: bool = False
) -> tuple[Any, str, set[bytes | None]]:
    """The images of some files in one array, the mode that they are learnt in, and their ICC profiles."""
    modes, profiles, images = open_files(files, image_size)
    stack = stack_samples(images, len(files), "images", lambda i: str(files[i]), stored=stored)
    return stack, modes[0], set(profiles)


def open_files(
    files: list[Path], image_size: tuple[int, int] | None = None
) -> tuple[list[str], list[bytes | None], Iterator[Any]]:
    """Of some files the modes in which they are learnt, the ICC profiles, and the images, read when their turn comes.

    Errors and warnings are those of `read_folder`.
    """
    modes, profiles, read = image_reader(files, image_size)
    return modes, profiles, in_order(read, list(zip(files, modes, strict=True)))


def image_reader(
    files: list[Path], image_size: tuple[int, int] | None = None, n_jobs: int | None = None
) -> tuple[list[str], list[bytes | None], Callable[[tuple[Path, str]], Any]]:
    """The same, with a function that reads the image of a file in its mode."""
    kinds = list(in_order(read_image_header, files, n_jobs))
    modes = _modes(kinds, shrunk=image_size is not None)
    _tell_changes(files, kinds, modes)
    return modes, [kind.profile for kind in kinds], partial(_image_of, image_size)


def _image_of(size: tuple[int, int] | None, item: tuple[Path, str]) -> Any:
    file, mode = item
    image = open_image(file, mode)
    if image.mode == "F" and not np.isfinite(np.asarray(image)).all():
        raise InvalidDataError(f"{file} holds NaN or infinity; fill in these pixels or remove the image")
    return image if size is None else resize_image(image, size)


def _tell_left_out(left_out: dict[str, list[Path]]) -> None:
    """Say which files are not read, but for those that nobody would expect to be."""
    for reason, left in left_out.items():
        if reason not in _QUIET:
            warn(f"{len(left)} {reason} left out: {list_names(left)}", DataWarning)


def _modes(kinds: list[ImageHeader], *, shrunk: bool) -> list[str]:
    """The mode in which each image is learnt."""
    modes = [kind.learnt for kind in kinds]
    if "RGBA" in modes:  # some palettes have transparency and others not: to one who looks there is no difference
        modes = ["RGBA" if kind.mode == "P" else mode for kind, mode in zip(kinds, modes, strict=True)]
    return ["L" if mode == "1" and shrunk else mode for mode in modes]


def _tell_changes(files: list[Path], kinds: list[ImageHeader], modes: list[str]) -> None:
    """Say which images are not learnt as they are in their files."""
    changed: dict[tuple[str, str], list[Path]] = {}
    for file, kind, mode in zip(files, kinds, modes, strict=True):
        if kind.mode != mode and not (kind.mode.startswith("I;16") and mode == "I;16"):
            changed.setdefault((kind.mode, mode), []).append(file)
    for (old, new), some in changed.items():
        told = f"{len(some)} image(s) of mode {old} are converted to {new}, and synthetic images are {new}: "
        warn(told + list_names(some), DataWarning)
    animated = [file for file, kind in zip(files, kinds, strict=True) if kind.animated]
    if animated:
        shown = list_names(animated)
        warn(f"of {len(animated)} animation(s) or files of several pages only the first is read: {shown}", DataWarning)
    deep = [file for file, kind in zip(files, kinds, strict=True) if kind.deep]
    if deep:
        warn(
            f"{len(deep)} image(s) have colours of 16 bits, of which pillow reads 8, and synthetic images have 8: "
            f"{list_names(deep)}; read them into an array (n, H, W, 3) yourself if all 16 matter",
            DataWarning,
        )


def list_names(paths: Iterable[Path]) -> str:
    """The first of some paths, and how many more there are."""
    listed = [str(path) for path in paths]
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more


def list_folder(path: str | os.PathLike[str]) -> ImageFiles:
    """The image files of each class folder; see `read_folder`."""
    root = Path(path)
    if not root.is_dir():
        raise InvalidDataError(
            f"{root} is {'a file' if root.exists() else 'not there'}; give a folder of class folders"
        )
    left_out: dict[str, list[Path]] = {}
    # a link to the folder itself, or to a parent, would make one class of all classes
    real = Path(os.path.realpath(root))
    around = {_identity(place) for place in (real, *real.parents)}
    folders, loose = [], False
    for entry in _entries(root):
        reason = _reason(entry, loose=True)
        if reason is None and _is_folder(entry):
            reason = LOOP if _identity(entry.path) in around else None
        if reason is None:
            folders.append(Path(entry.path))
            continue
        loose = loose or reason == LOOSE
        left_out.setdefault(reason, []).append(Path(entry.path))
    if not folders:
        what = "images without labels" if loose else "no images"
        raise InvalidDataError(f"{root} holds {what}; give a folder that has one folder of images for each class")
    for folder in folders:
        try:
            folder.name.encode()
        except UnicodeEncodeError as error:
            raise InvalidDataError(
                f"the class folder {folder.name!r} of {root} has a name that is no text (UTF-8); rename it"
            ) from error
    classes = {folder.name: _images_in(folder, around, left_out) for folder in folders}
    bare = [name for name, files in classes.items() if not files]
    if bare:
        endings = " ".join(sorted(_ENDINGS))
        skipped = [path for paths in left_out.values() for path in paths if path.relative_to(root).parts[0] in bare]
        also = f"; left out: {list_names(skipped)}" if skipped else ""
        if any(path.suffix.lower() in (".parquet", ".pq") for path in skipped):
            also += ". Tables in Parquet files are no images: give them to TabularGAN or GANOversampler"
        raise InvalidDataError(
            f"the class folder(s) {', '.join(map(repr, bare[:5]))} of {root} hold no image ({endings}); "
            f"add images or remove the folder{also}"
        )
    return ImageFiles(classes, left_out, _in_two_classes(classes))


def _images_in(folder: Path, around: set[tuple[int, int]], left_out: dict[str, list[Path]]) -> list[Path]:
    found: list[Path] = []
    seen = set(around)
    # links come last: a folder that is reached both ways is listed under its own path
    places: list[Path] = [folder]
    links: list[Path] = []
    while places or links:
        folder = places.pop() if places else links.pop(0)
        if _identity(folder) in seen:
            left_out.setdefault(LOOP, []).append(folder)
            continue
        seen.add(_identity(folder))
        for entry in _entries(folder):
            place, reason = Path(entry.path), _reason(entry, loose=False)
            if reason is not None:
                left_out.setdefault(reason, []).append(place)
            elif not _is_folder(entry):
                found.append(place)
            else:
                (links if entry.is_symlink() else places).append(place)
    return sorted(found, key=lambda file: (str(file.parent), file.name))  # as ImageFolder has them


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise InvalidDataError(f"the folder {folder} cannot be listed: {error.strerror}; make it readable") from error


def _reason(entry: os.DirEntry[str], *, loose: bool) -> str | None:
    """Why an entry is neither an image nor a folder of them."""
    if entry.name.startswith("."):
        return HIDDEN
    if _is_folder(entry):
        return None
    try:
        mode = entry.stat().st_mode
    except OSError:
        return BROKEN
    if not _is_image(entry.name):
        return NO_IMAGE
    if not stat.S_ISREG(mode):
        return SPECIAL
    return LOOSE if loose else None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links in a circle
        return False


def _is_image(name: str) -> bool:
    return Path(name).suffix.lower() in _ENDINGS


def _identity(path: str | os.PathLike[str]) -> tuple[int, int]:
    """What all names of one file or folder share."""
    found = os.stat(path)
    return found.st_dev, found.st_ino


def _in_two_classes(classes: dict[str, list[Path]]) -> list[tuple[Path, Path]]:
    owner: dict[tuple[int, int], tuple[str, Path]] = {}
    twice = []
    for name, files in classes.items():
        for file in files:
            first, path = owner.setdefault(_identity(file), (name, file))
            if first != name:
                twice.append((path, file))
    return twice


# --------------------------------------------------------------------------------------
# Arrays, datasets and folders of users as arrays of samples and labels.


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
    X: object,
    y: object = None,
    *,
    image_size: tuple[int, int] | None = None,
    stored: bool = False,
    unequal: bool = False,
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
    stored : bool, default=False
        Whether many samples of bytes may stay in a temporary file, as `StoredSamples`.
    unequal : bool, default=False
        Whether a list of arrays of unequal length is given back as a list, for a codec of series.

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
    refuse_foreign(X, "X")
    size = checked_size(image_size)
    if isinstance(X, (str, os.PathLike)):
        if y is not None:
            raise InvalidParameterError("y was given, but the labels of a folder are the names of its class folders")
        found = read_folder(X, size, stored=stored)
        return found.images, found.labels, Source("folder", tuple(found.files.classes), found.mode)
    if unequal and of_unequal_length(X) is not None and not _holds_pairs(X):
        return of_unequal_length(X), y, Source("list")
    X = X if listed(X) is None else listed(X)
    if isinstance(X, (list, tuple)) and _holds_pairs(X):
        return _read_dataset(X, y, size, stored)
    if isinstance(X, (list, tuple)):
        items = X if size is None else [sized_sample(item, size, f"item {i}") for i, item in enumerate(X)]
        stack = stack_samples(items, len(X), "series" if unequal else "images")
        return stack, y, Source("list", mode=mode_of(items[0]))
    if is_tensor(X) or isinstance(X, (np.ndarray, pd.DataFrame)) or hasattr(X, "__array__"):
        if size is not None:
            raise InvalidParameterError("image_size= resizes PIL images and folders; resize arrays before")
        return X, y, Source("array")
    if is_pil_image(X):
        raise InvalidTypeError("X is a single PIL image; give a list of images")
    return _read_dataset(X, y, size, stored)


def _holds_pairs(X: Any) -> bool:
    """Whether a list is a dataset: its items are tuples of a sample and a label."""
    return len(X) > 0 and all(
        isinstance(item, tuple)
        and len(item) == 2
        and (is_pil_image(item[0]) or len(getattr(item[0], "shape", ())) > 0)
        and np.ndim(item[1]) == 0
        for item in X
    )


def _read_dataset(dataset: object, y: object, size: tuple[int, int] | None, stored: bool) -> tuple[Any, Any, Source]:
    n = length_of(dataset)
    tell_synthetic(dataset)
    labels = known_targets(dataset) if y is None else resolve_targets(dataset, y)
    names = class_names_of(dataset, labels)
    classes = None if names is None else tuple(names)
    whole = _whole(dataset)
    if whole is not None and labels is not None and size is None:
        return whole, labels, Source("dataset", classes)
    read: list[Any] = []
    modes: list[str | None] = []

    def samples() -> Iterator[Any]:
        # items that were made of files may be read side by side; whatever else makes them may have to stay here
        n_jobs = None if n and file_of(dataset, 0) is not None else 1
        for sample, label in in_order(item_reader(dataset, labels, size, labelled=y is None), range(n), n_jobs):
            read.append(label)
            modes.append(mode_of(sample))
            yield sample

    before = _drawn_by_transforms()
    X = stack_samples(samples(), n, "images", lambda i: place_of(dataset, i), stored=stored)
    if _drawn_by_transforms() != before and not getattr(dataset, "untransformed", False):
        warn(
            f"reading the {type(dataset).__name__} drew random numbers, so its transform changes samples at random: "
            "what is learnt differs from fit to fit, whatever random_state is. Fit on the same dataset without the "
            "random part, and give BlendedDataset the one with it",
            DataWarning,
        )
    found = labels if labels is not None else check_labels(read, n, f"the {type(dataset).__name__}")
    return X, found, Source("dataset", classes, modes[0])


def _drawn_by_transforms() -> bytes | None:
    """Where the stream stands from which torchvision's transforms draw: only to be compared, nothing depends on it."""
    torch = sys.modules.get("torch")
    return None if torch is None else bytes(torch.get_rng_state().numpy().tobytes())


def item_reader(
    dataset: object, labels: Array | None, size: tuple[int, int] | None, *, labelled: bool
) -> Callable[[int], tuple[Any, Any]]:
    """What reads the sample and the label of a place of a dataset; ``labelled``: whether its items have to have one."""
    return partial(_item_of, dataset, labels, size, labelled)


def _item_of(
    dataset: object, labels: Array | None, size: tuple[int, int] | None, labelled: bool, i: int
) -> tuple[Any, Any]:
    where = place_of(dataset, i)
    sample, label = split_item(read_item(dataset, i, where), where, labelled, None if labels is None else labels[i])
    if labelled:
        _check_label(label, labels, i, where)
    return sample if size is None else sized_sample(sample, size, where), label


def mode_of(sample: Any) -> str | None:
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


def read_item(dataset: Any, i: int, where: str) -> Any:
    """An item of a dataset; what it raises becomes an InvalidDataError that names it."""
    try:
        return dataset[i]
    except (GanaugError, Warning):
        raise
    except Exception as error:  # decoders of broken files raise whatever they ran into, and transforms too
        raise InvalidDataError(f"{where} cannot be read: {type(error).__name__}: {error}; repair or drop it") from error


def _check_label(label: object, labels: Array | None, i: int, where: str) -> None:
    if labels is None:
        return
    same = unwrap_label(label) == labels[i]
    if not (isinstance(same, (bool, np.bool_)) and same):
        raise InvalidDataError(
            f"{where} carries the label {label!r}, but the dataset's own list says {labels[i].item()!r}; "
            "give the labels that are meant as y="
        )


def place_of(dataset: object, i: int) -> str:
    """How messages name an item: with its file, where that is known."""
    file = file_of(dataset, i)
    return f"item {i} of the {type(dataset).__name__}" + ("" if file is None else f" ({file})")


def file_of(dataset: Any, i: int) -> str | None:
    """The file of an item, where that is known."""
    kind = dataset_kind(dataset)
    if kind == "Subset":
        return file_of(dataset.dataset, int(dataset.indices[i]))
    if kind == "ConcatDataset":
        part = bisect.bisect_right(dataset.cumulative_sizes, i)
        return file_of(dataset.datasets[part], i - ([0, *dataset.cumulative_sizes][part]))
    pairs = getattr(dataset, "samples", None)
    if not isinstance(pairs, list) or len(pairs) != length_of(dataset) or not isinstance(pairs[i], (tuple, list)):
        return None
    return str(pairs[i][0]) if pairs[i] and isinstance(pairs[i][0], (str, os.PathLike)) else None


def named_files(folder: Path) -> dict[str, Path]:
    """The image files of a folder by their path below it, without the ending."""
    if not folder.is_dir():
        raise InvalidDataError(f"{folder} is {'a file' if folder.exists() else 'not there'}; give a folder of images")
    left_out: dict[str, list[Path]] = {}
    real = Path(os.path.realpath(folder))
    found: dict[str, Path] = {}
    for file in _images_in(folder, {_identity(place) for place in real.parents}, left_out):
        name = file.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise InvalidDataError(f"{found[name]} and {file} have one name but for the ending; rename one")
        found[name] = file
    _tell_left_out(left_out)
    if not found:
        raise InvalidDataError(f"{folder} holds no image ({' '.join(sorted(_ENDINGS))}); add some")
    return found
