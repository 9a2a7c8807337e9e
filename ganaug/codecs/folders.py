"""A folder of class folders of images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ganaug.codecs.pictures import open_picture, resized
from ganaug.codecs.plain import Array
from ganaug.codecs.stacks import stack_samples
from ganaug.exceptions import InvalidDataError

__all__ = ["list_folder", "read_folder"]

_ENDINGS = frozenset([".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"])


def read_folder(
    path: str | os.PathLike[str], image_size: tuple[int, int] | None = None
) -> tuple[Any, Array, list[str]]:
    """All images of a folder with one folder for each class.

    Parameters
    ----------
    path : str or path-like
        Images may lie at any depth in a class's folder. Files and folders whose name begins with a dot are left out,
        and so are files that are no images by their ending.
    image_size : (height, width), default=None
        What every image is resized to.

    Returns
    -------
    images : ndarray of shape (n, H, W) or (n, H, W, channels)
        In the mode of the files: uint8 for ordinary ones. Sorted by class, folder and name, as torchvision's
        `ImageFolder` has them.
    labels : ndarray of shape (n,), dtype str
        The names of the class folders.
    classes : list of str
        The same, each once, sorted.

    Raises
    ------
    InvalidDataError
        If there is no such folder, no class folder, a class without an image, a broken file, or images of
        different size or mode. It names the files.
    """
    classes = list_folder(path)
    files = [file for name in classes for file in classes[name]]
    labels = np.repeat(list(classes), [len(found) for found in classes.values()])

    def images() -> Iterator[Any]:
        for file in files:
            image = open_picture(file)
            yield image if image_size is None else resized(image, image_size)

    return stack_samples(images(), len(files), "images", lambda i: str(files[i])), labels, list(classes)


def list_folder(path: str | os.PathLike[str]) -> dict[str, list[Path]]:
    """The image files of each class folder, sorted; see `read_folder`."""
    root = Path(path)
    if not root.is_dir():
        raise InvalidDataError(
            f"{root} is {'a file' if root.exists() else 'not there'}; give a folder of class folders"
        )
    folders = sorted((f for f in root.iterdir() if f.is_dir() and not f.name.startswith(".")), key=lambda f: f.name)
    if not folders:
        loose = any(_is_image(file.name) for file in root.iterdir())
        what = "images without labels" if loose else "no images"
        raise InvalidDataError(f"{root} holds {what}; give a folder that has one folder of images for each class")
    classes = {folder.name: _images_in(folder) for folder in folders}
    bare = [name for name, files in classes.items() if not files]
    if bare:
        endings = " ".join(sorted(_ENDINGS))
        raise InvalidDataError(
            f"the class folder(s) {', '.join(map(repr, bare[:5]))} of {root} hold no image ({endings}); "
            "add images or remove the folder"
        )
    return classes


def _images_in(folder: Path) -> list[Path]:
    found = []
    for place, inner, names in os.walk(folder, followlinks=True):
        inner[:] = [name for name in inner if not name.startswith(".")]
        found += [Path(place, name) for name in names if _is_image(name)]
    return sorted(found, key=lambda file: (str(file.parent), file.name))  # as ImageFolder has them


def _is_image(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in _ENDINGS
