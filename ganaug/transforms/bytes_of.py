"""What a generator returns, as 8-bit images: (n, C, H, W) uint8, whatever layout and range it had."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ganaug.exceptions import InvalidDataError, InvalidParameterError

__all__ = ["ByteImages", "fitted_to", "to_bytes"]

ByteImages: TypeAlias = npt.NDArray[np.uint8]

# What an axis of colours may have: grey, RGB, RGBA.
_COLOURS = (1, 3, 4)
# A generator's squashing may round to a hair above 1.
_SLACK = 1e-3


def to_bytes(
    images: Any,
    *,
    shape: Sequence[int] | None = None,
    layout: str = "auto",
    value_range: tuple[float, float] | None = None,
) -> ByteImages:
    """Images of any container, layout and range as uint8 ``(n, C, H, W)``.

    Parameters
    ----------
    images : array or tensor of shape (n, H, W), (n, H, W, C) or (n, C, H, W)
        uint8, bool, or floats in [0, 1] unless ``value_range`` says otherwise.
    shape : (C, H, W), optional
        What the generator says of its images; settles the layout.
    layout : {"auto", "NCHW", "NHWC"}, default="auto"
        "auto" asks ``shape``, then looks which axis has 1, 3 or 4 entries.
    value_range : (low, high), optional
        What becomes 0 and 255.

    Raises
    ------
    InvalidDataError
        If the layout or the range cannot be told, or a value is not finite.
    """
    array = np.asarray(images.detach().cpu() if hasattr(images, "detach") else images)
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4:
        if _colours_last(array.shape, shape, layout):
            array = np.moveaxis(array, -1, 1)
    else:
        raise InvalidDataError(
            f"the generator returned samples of shape {array.shape}; these transforms take images, "
            "(n, H, W), (n, H, W, C) or (n, C, H, W)"
        )
    return np.ascontiguousarray(_scaled(array, value_range))


def _colours_last(found: tuple[int, ...], shape: Sequence[int] | None, layout: str) -> bool:
    if layout != "auto":
        return layout == "NHWC"
    first, last = tuple(found[1:]), (found[3], found[1], found[2])
    candidates = [shape] if shape is not None else [s for s in (first, last) if s[0] in _COLOURS]
    fits = [s for s in candidates if tuple(s) in {first, last}]
    if len(fits) != 1:
        raise InvalidDataError(
            f"the generator's images have shape {found[1:]}, and which axis holds the colours cannot be told; "
            'give layout="NCHW" or layout="NHWC"'
        )
    return tuple(fits[0]) == last and last != first


def _scaled(array: npt.NDArray[Any], value_range: tuple[float, float] | None) -> ByteImages:
    if array.dtype == np.uint8 and value_range is None:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind not in "iuf" or (array.dtype.kind != "f" and value_range is None):
        raise InvalidDataError(f"the generator's images are {array.dtype}; give value_range=(low, high)")
    if not np.isfinite(array).all():
        raise InvalidDataError("the generator's images hold values that are not finite; was it trained to the end?")
    low, high = (0.0, 1.0) if value_range is None else value_range
    floats = (array.astype(np.float32) - low) / (high - low)
    if floats.size and value_range is None and (floats.min() < -_SLACK or floats.max() > 1 + _SLACK):
        raise InvalidDataError(
            f"the generator's images are floats from {array.min():g} to {array.max():g}, not in [0, 1]; "
            "give value_range=(low, high), what becomes black and white"
        )
    scaled: ByteImages = np.rint(np.clip(floats, 0, 1) * 255).astype(np.uint8)
    return scaled


def fitted_to(images: ByteImages, wanted: tuple[int, int, int], resize: bool) -> ByteImages:
    """Synthetic images in the channels and size of real ones.

    Parameters
    ----------
    images : ndarray of shape (n, C, H, W), uint8
    wanted : (C, H, W)
        Of the real images.
    resize : bool
        Whether another height or width is changed (bilinear, antialiased) or an error.

    Raises
    ------
    InvalidDataError
        Naming both shapes.
    """
    have = images.shape[1:]
    if have == wanted:
        return images
    if have[0] != wanted[0]:
        raise InvalidDataError(
            f"the real images have {wanted[0]} channels and the synthetic ones {have[0]}; "
            "train the generator on images in the mode that the pipeline uses"
        )
    if not resize:
        raise InvalidDataError(
            f"the real images are {wanted[1]} x {wanted[2]} (height x width) and the synthetic ones "
            f"{have[1]} x {have[2]}; put the transform after the step that resizes, train the generator at "
            "this size, or give resize=True"
        )
    import torch
    from torch.nn import functional as F

    floats = torch.from_numpy(np.array(images)).float()
    resized = F.interpolate(floats, size=wanted[1:], mode="bilinear", antialias=True, align_corners=False)
    out: ByteImages = resized.round().clamp(0, 255).to(torch.uint8).numpy()
    return out


def check_values(generator: Any, value_range: tuple[float, float] | None) -> None:
    """Refuse a generator that was fitted on values of which this range makes no images.

    What it returns may lie in [0, 1] by chance, where it was fitted on -2 to 2; what it was fitted on tells.

    Raises
    ------
    InvalidDataError
        Naming both ranges.
    """
    from ganaug.encoding.profiles import PICTURE, DataProfile, ValueProfile, difference

    profile = getattr(generator, "data_profile_", None)
    values = profile.values if isinstance(profile, DataProfile) else None
    if values is None or values.ends is None or values.high <= values.low:
        return
    stack = getattr(getattr(generator, "codec_", None), "_format", None)
    family = getattr(stack, "family", "float")
    low, high = value_range or ((0.0, 1.0) if family == "float" else (0.0, 255.0))
    if family == "boolean":
        return
    slack = 0.1 * (high - low)
    whole = ValueProfile("picture", (tuple(np.linspace(low, high, len(PICTURE)).tolist()),), (low, high))
    beyond = values.low < low - slack or values.high > high + slack
    if beyond or values.high - values.low < (high - low) / 64 or difference(values, whole) is not None:
        raise InvalidDataError(
            f"the generator was fitted on images with values {values}, and {low:g} to {high:g} is to become black to "
            "white; give value_range=(low, high), what becomes black and white, or fit it on images before v2.Normalize"
        )


def check_range(value_range: Any) -> tuple[float, float] | None:
    """The range as two numbers, low below high."""
    if value_range is None:
        return None
    try:
        low, high = (float(v) for v in value_range)
    except (TypeError, ValueError):
        low = high = 0.0
    if not (np.isfinite([low, high]).all() and low < high):
        raise InvalidParameterError(f"value_range={value_range!r} must be (low, high), two numbers, low below high")
    return low, high
