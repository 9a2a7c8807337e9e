"""Formats of samples: what a generator returns, what a pool stores, what a dataset hands out.

Pools of any samples store what `stored_form` makes; pools of images store bytes, `to_bytes`. Workers that only read
a pool import this module, so pandas and torchvision are imported where they are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.utils import validation

__all__ = [
    "Array", "ByteImages", "DType", "ItemFormat", "Label", "Sample", "Shape", "check_values", "checked_range",
    "default_format", "fitted_to", "plain_label", "stored_form", "to_bytes",
]  # fmt: skip

Array: TypeAlias = npt.NDArray[Any]
ByteImages: TypeAlias = npt.NDArray[np.uint8]
DType: TypeAlias = np.dtype[Any]
Shape: TypeAlias = tuple[int, ...]
Sample: TypeAlias = Any  # an array, a tensor or a PIL image
Label: TypeAlias = bool | int | float | str

# Channels of an array -> modes of 8-bit PIL images that hold it as it is.
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
# What an axis of colours may have: grey, RGB, RGBA.
_COLOURS = (1, 3, 4)
# A generator's squashing may round to a hair above 1.
_SLACK = 1e-3


def plain_label(label: Any) -> Label:
    """A label as a Python value: numpy's and torch's scalars compare with it but are not found by it."""
    value = label.item() if hasattr(label, "item") and getattr(label, "ndim", 0) == 0 else label
    if isinstance(value, (bool, int, float, str)):
        return value
    raise InvalidTypeError(f"label {label!r} is a {type(label).__name__}; a class is an integer, a string or a bool")


# ---- samples of any kind, as datasets store them and hand them out ----------------------------------


def stored_form(samples: Any, layout: str, shape: Shape | None = None) -> tuple[Array, bool]:
    """What a generator returned, as a dataset's pool stores it, and whether the samples are images.

    Images are (n, C, H, W), floats float32, which is what networks take; integers and booleans stay as they are.

    Parameters
    ----------
    samples : ndarray, tensor, DataFrame or sparse matrix of n samples
    layout : {"auto", "NHW", "NHWC", "NCHW", "plain"}
        Where the channels of images stand; "plain" samples are no images. "auto" asks ``shape``, and without
        it takes 4 dimensions, and 3 of 8-bit integers, for images.
    shape : tuple of int, optional
        Of one sample as the generator's networks see it, channels first.
    """
    from ganaug.encoding.sample_arrays import LAYOUTS, find_layout, to_nchw

    validation.choice("layout", layout, ["auto", "plain", *LAYOUTS])
    samples = samples.toarray() if hasattr(samples, "toarray") else samples
    if isinstance(samples, torch.Tensor):
        samples = samples.detach().cpu()
        samples = (samples.float() if samples.dtype == torch.bfloat16 else samples).numpy()
    array: Array = np.asarray(samples)
    if array.dtype.kind not in "biuf":
        raise InvalidTypeError(
            f"the generator's samples are of dtype {array.dtype}, but a dataset's items are tensors of numbers; encode "
            "text and categories as numbers before fitting the generator"
        )
    array = array.astype(np.float32, copy=False) if array.dtype.kind == "f" else array
    if layout == "auto" and shape is not None:
        fits = [name for name, (n, move, _) in LAYOUTS.items() if n == array.ndim and move(array).shape[1:] == shape]
        layout = fits[0] if fits and len(shape) == 3 else "plain"
    elif layout == "auto" and not (array.ndim == 4 or (array.ndim == 3 and array.dtype == np.uint8)):
        layout = "plain"
    return (array, False) if layout == "plain" else (to_nchw(array, find_layout(array.shape, layout)), True)


@dataclass(frozen=True)
class ItemFormat:
    """The format in which an item is handed out."""

    kind: str  # a key of KINDS: `tv_tensors.Image` (C, H, W), plain tensor, ndarray (H, W, C), or PIL image
    image: bool = True  # whether stored samples are (C, H, W)
    flat: bool = False  # grey images without an axis of channels, (H, W)
    mode: str | None = None  # of PIL images; None is that of the number of channels
    dtype: str | None = None  # name of the dtype of tensors and arrays; None is the stored one

    def __call__(self, samples: Array) -> list[Sample]:
        """The items of stored samples; they share memory where they can."""
        return KINDS[self.kind](samples, self)


def default_format(output: str, shape: Shape, dtype: DType, image: bool) -> ItemFormat:
    """The format ``output`` for stored samples of that shape and dtype."""
    if validation.choice("output", output, ["auto", *KINDS]) == "auto":
        return ItemFormat("image" if image else "tensor", image)
    if output == "pil" and not (image and dtype == np.uint8 and shape[0] in MODES):
        raise InvalidDataError(
            f"output='pil' needs 8-bit images of 1 to 4 channels, but the generator makes samples of shape {shape} "
            f"and dtype {dtype}; leave output='auto'"
        )
    return ItemFormat(output, image)


def _as_tensors(samples: Array, form: ItemFormat) -> list[Sample]:
    # one view of all and its parts, not a view of each: a tenth of the time
    tensor = torch.from_numpy(samples[:, 0] if form.flat else samples)
    return list((tensor if form.dtype is None else tensor.to(getattr(torch, form.dtype))).unbind(0))


def _as_images(samples: Array, form: ItemFormat) -> list[Sample]:
    from torchvision import tv_tensors

    # not the constructor, which takes thrice as long to find that it was given a tensor
    return [tensor.as_subclass(tv_tensors.Image) for tensor in _as_tensors(samples, form)]


def _as_arrays(samples: Array, form: ItemFormat) -> list[Sample]:
    if form.flat:
        samples = samples[:, 0]
    elif form.image:
        samples = samples.transpose(0, 2, 3, 1)
    return list(np.ascontiguousarray(samples, None if form.dtype is None else np.dtype(form.dtype)))


def _as_pictures(samples: Array, form: ItemFormat) -> list[Sample]:
    from ganaug.encoding.pil_images import array_to_pil

    pixels = samples[:, 0] if samples.shape[1] == 1 else np.ascontiguousarray(samples.transpose(0, 2, 3, 1))
    return [array_to_pil(one, form.mode) for one in pixels]


# name of a kind of item -> what makes them of stored samples
KINDS: dict[str, Callable[[Array, ItemFormat], list[Sample]]] = {
    "array": _as_arrays,
    "image": _as_images,
    "pil": _as_pictures,
    "tensor": _as_tensors,
}


# ---- images as bytes, (n, C, H, W) uint8, as transforms take them -----------------------------------


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
        What the generator says about its images; settles the layout.
    layout : {"auto", "NCHW", "NHWC"}, default="auto"
        "auto" asks ``shape``, then looks which axis has 1, 3 or 4 entries.
    value_range : (low, high), optional
        What becomes 0 and 255.
    """
    array = np.asarray(images.detach().cpu() if hasattr(images, "detach") else images)
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim != 4:
        raise InvalidDataError(
            f"the generator returned samples of shape {array.shape}; these transforms take images, "
            "(n, H, W), (n, H, W, C) or (n, C, H, W)"
        )
    elif _colours_last(array.shape, shape, layout):
        array = np.moveaxis(array, -1, 1)
    return np.ascontiguousarray(_scaled(array, value_range))


def _colours_last(found: Shape, shape: Sequence[int] | None, layout: str) -> bool:
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


def _scaled(array: Array, value_range: tuple[float, float] | None) -> ByteImages:
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
    """Synthetic images in the (C, H, W) of real ones, ``wanted``: resized (bilinear, antialiased) or refused."""
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
    floats = torch.from_numpy(np.array(images)).float()
    resized = F.interpolate(floats, size=wanted[1:], mode="bilinear", antialias=True, align_corners=False)
    out: ByteImages = resized.round().clamp(0, 255).to(torch.uint8).numpy()
    return out


def check_values(generator: object, value_range: tuple[float, float] | None) -> None:
    """Refuse a generator that was fitted on values of which this range makes no images.

    What it returns may lie in [0, 1] by chance, where it was fitted on -2 to 2; what it was fitted on tells.
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


def checked_range(value_range: Any) -> tuple[float, float] | None:
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
