"""Images of any layout and range as 8-bit pixels, and these as PNG, without an image library."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["as_pixels", "png_uri"]

Pixels = npt.NDArray[np.uint8]
# A side of more pixels is thinned: on the page it is a thumbnail.
MOST_PIXELS = 96


def as_pixels(images: Any, reference: Any = None, most: int = MOST_PIXELS) -> Pixels:
    """Images (n, H, W), (n, H, W, C), (n, C, H, W) or volumes as (n, H, W, 3) of 8 bits.

    Parameters
    ----------
    images : array
        8-bit values stay; of others the range of ``reference`` becomes 0 to 255.
    reference : array, optional
        The images themselves by default.
    most : int, default=96
        Pixels of a side at most.
    """
    images = _array(images)
    low, high = 0.0, 255.0
    if images.dtype != np.uint8:
        from_ = images if reference is None else _array(reference)
        low, high = (float(q) for q in np.quantile(from_, [0.0, 1.0])) if from_.size else (0.0, 1.0)
        high = high if high > low else low + 1.0
    images = _channels_last(images)
    for axis in (1, 2):
        step = -(-images.shape[axis] // most)
        images = images[:, ::step] if axis == 1 else images[:, :, ::step]
    scaled = np.clip(np.rint((images.astype(np.float64) - low) / (high - low) * 255), 0, 255).astype(np.uint8)
    return scaled[..., :3] if scaled.shape[-1] >= 3 else np.repeat(scaled[..., :1], 3, axis=-1)


def _array(images: Any) -> npt.NDArray[Any]:
    return np.asarray(images.detach().cpu() if hasattr(images, "detach") else images)


def _channels_last(images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if images.ndim == 5:  # a volume's middle slice, (n, C, D, H, W)
        images = images[:, :, images.shape[2] // 2]
    if images.ndim == 3:
        return images[..., None]
    return images if images.shape[-1] in (1, 3, 4) else images.transpose(0, 2, 3, 1)


def png_uri(pixels: Pixels) -> str:
    """One image (H, W, 3) as a data: address that any browser shows.

    PNG is a header, zlib-compressed lines, each after a filter byte 0, and an end; see its specification, ISO 15948.
    """
    height, width, _ = pixels.shape
    lines = np.zeros((height, 1 + 3 * width), np.uint8)
    lines[:, 1:] = pixels.reshape(height, -1)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    )
    made = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )
    return "data:image/png;base64," + base64.b64encode(made).decode("ascii")
