"""A folder of class folders of images."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ganaug.encoding.pil_images import ImageHeader, open_image, read_image_header, resize_image
from ganaug.encoding.sample_arrays import stack_samples
from ganaug.exceptions import DataWarning, InvalidDataError
from ganaug.utils.isolation import warn
from ganaug.utils.types import Array

__all__ = ["FolderImages", "ImageFiles", "list_folder", "list_names", "read_folder"]

_ENDINGS = frozenset([".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"])
_SHOWN = 3

# Reasons why a file is left out. No warning is raised for the first two.
HIDDEN = "hidden (the name begins with a dot)"
NO_IMAGE = "no image by the ending"
LOOSE = "image(s) outside of the class folders"
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


def read_folder(path: str | os.PathLike[str], image_size: tuple[int, int] | None = None) -> FolderImages:
    """All images of a folder with one folder for each class.

    Parameters
    ----------
    path : str or path-like
        Images may lie at any depth in a class's folder. Files and folders whose name begins with a dot are left out,
        and so are files that are no images by their ending. Links are followed, but no folder is read twice for a
        class. Images are turned upright as their EXIF data say.
    image_size : (height, width), default=None
        What every image is resized to.

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
        animations, colours of 16 bits), images and links that are left out, and files that stand in two classes. It
        names some of the files, and says what they become.
    """
    found = list_folder(path)
    files = [file for inside in found.classes.values() for file in inside]
    labels = np.repeat(list(found.classes), [len(inside) for inside in found.classes.values()])
    for reason, left in found.left_out.items():
        if reason not in _QUIET:
            _warn(f"{len(left)} {reason} left out: {list_names(left)}")
    if found.twice:
        _warn(
            f"{len(found.twice)} file(s) stand in two classes, for example {found.twice[0][0]} and "
            f"{found.twice[0][1]}: the same image is learnt under both labels; remove one of them"
        )
    kinds = [read_image_header(file) for file in files]
    modes = _modes(kinds, shrunk=image_size is not None)
    _tell_changes(files, kinds, modes)

    def images() -> Iterator[Any]:
        for file, mode in zip(files, modes, strict=True):
            image = open_image(file, mode)
            if image.mode == "F" and not np.isfinite(np.asarray(image)).all():
                raise InvalidDataError(f"{file} holds NaN or infinity; fill in these pixels or remove the image")
            yield image if image_size is None else resize_image(image, image_size)

    stack = stack_samples(images(), len(files), "images", lambda i: str(files[i]))
    profiles = {kind.profile for kind in kinds}
    return FolderImages(stack, labels, modes[0], profiles.pop() if len(profiles) == 1 else None, found)


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
        _warn(
            f"{len(some)} image(s) of mode {old} are converted to {new}, and synthetic images are {new}: "
            f"{list_names(some)}"
        )
    animated = [file for file, kind in zip(files, kinds, strict=True) if kind.animated]
    if animated:
        shown = list_names(animated)
        _warn(f"of {len(animated)} animation(s) or files of several pages only the first is read: {shown}")
    deep = [file for file, kind in zip(files, kinds, strict=True) if kind.deep]
    if deep:
        _warn(
            f"{len(deep)} image(s) have colours of 16 bits, of which pillow reads 8, and synthetic images have 8: "
            f"{list_names(deep)}; read them into an array (n, H, W, 3) yourself if all 16 matter"
        )


def _warn(text: str) -> None:
    warn(text, DataWarning)


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
