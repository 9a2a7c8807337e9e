"""PIL images: told apart without importing PIL, opened from files, made into arrays."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

from ganaug.codecs.plain import Array
from ganaug.exceptions import InvalidDataError, MissingDependencyError

__all__ = ["is_picture", "open_picture", "picture_array", "resized"]

# The indices of a palette mean nothing side by side, and resizing them would mix colours at random.
_WITHOUT_PALETTE = {"P": "RGB", "PA": "RGBA"}
_SMOOTH = {"1": "L", **_WITHOUT_PALETTE}  # PIL resizes these by picking single pixels


def is_picture(X: Any) -> bool:
    """Whether X is a PIL image, without importing PIL."""
    image = sys.modules.get("PIL.Image")
    return image is not None and isinstance(X, image.Image)


def picture_array(image: Any) -> tuple[Array, str]:
    """A PIL image as (H, W) or (H, W, channels), and its mode; a palette becomes colours."""
    if image.mode in _WITHOUT_PALETTE:
        image = image.convert(_WITHOUT_PALETTE[image.mode])
    return np.asarray(image), image.mode


def resized(image: Any, size: tuple[int, int]) -> Any:
    """A PIL image of another (height, width), smoothed where it shrinks."""
    height, width = size
    if image.size == (width, height):
        return image
    from PIL.Image import Resampling

    if image.mode in _SMOOTH:
        image = image.convert(_SMOOTH[image.mode])
    return image.resize((width, height), Resampling.BILINEAR)


def open_picture(path: str | os.PathLike[str]) -> Any:
    """A PIL image, wholly read, so that no file stays open.

    Raises
    ------
    InvalidDataError
        If the file cannot be read or is no image; it names the file.
    MissingDependencyError
        If pillow is missing, which torchvision brings.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingDependencyError("images are read by pillow; pip install pillow") from error
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except Warning:  # of a process that makes errors of warnings
        raise
    except Exception as error:  # decoders of broken files raise whatever they ran into
        raise InvalidDataError(f"{os.fspath(path)} cannot be read as an image: {error}; repair or remove it") from error
