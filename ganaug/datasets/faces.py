"""The two faces of a synthetic item: how the pool stores it, and how a dataset hands it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torchvision import tv_tensors

from ganaug.encoding.pil_images import array_to_pil
from ganaug.encoding.sample_arrays import LAYOUTS, find_layout, to_nchw
from ganaug.exceptions import InvalidDataError, InvalidTypeError
from ganaug.utils import validation

__all__ = ["KINDS", "Face", "default_face", "stored_form"]

Array = npt.NDArray[Any]

# Channels of an array -> modes of 8-bit PIL images that hold it as it is.
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def stored_form(samples: Any, layout: str, shape: tuple[int, ...] | None = None) -> tuple[Array, bool]:
    """What a generator made, as the pool stores it.

    Parameters
    ----------
    samples : ndarray, tensor, DataFrame or sparse matrix of n samples
    layout : {"auto", "NHW", "NHWC", "NCHW", "plain"}
        Where the channels of images stand; "plain" samples are no images. "auto" asks ``shape``, and without
        it takes 4 dimensions, and 3 of 8-bit integers, for images.
    shape : tuple of int, optional
        Of one sample as the generator's networks see it, channels first.

    Returns
    -------
    array : ndarray of shape (n, C, H, W) for images, else (n, ...)
        Floats as float32, which is what networks take; integers and booleans as they are.
    image : bool
        Whether they are images.

    Raises
    ------
    InvalidParameterError, InvalidTypeError, InvalidDataError
        If ``layout`` is unknown or does not fit, or the samples are not numbers.
    """
    validation.choice("layout", layout, ["auto", "plain", *LAYOUTS])
    array = _numbers(samples)
    if layout == "auto":
        layout = _layout(array, shape)
    if layout == "plain":
        return array, False
    return to_nchw(array, find_layout(array.shape, layout)), True


def _numbers(samples: Any) -> Array:
    if hasattr(samples, "toarray"):
        samples = samples.toarray()
    if isinstance(samples, torch.Tensor):
        samples = samples.detach().cpu()
        samples = (samples.float() if samples.dtype == torch.bfloat16 else samples).numpy()
    array = np.asarray(samples)
    if array.dtype.kind not in "biuf":
        raise InvalidTypeError(
            f"the generator's samples are of dtype {array.dtype}, but a dataset's items are tensors of numbers; encode "
            "text and categories as numbers before fitting the generator"
        )
    return array.astype(np.float32, copy=False) if array.dtype.kind == "f" else array


def _layout(array: Array, shape: tuple[int, ...] | None) -> str:
    if shape is None:
        return "auto" if array.ndim == 4 or (array.ndim == 3 and array.dtype == np.uint8) else "plain"
    fits = [name for name, (n, move, _) in LAYOUTS.items() if n == array.ndim and move(array).shape[1:] == shape]
    return fits[0] if fits and len(shape) == 3 else "plain"


@dataclass(frozen=True)
class Face:
    """How an item is handed out.

    Attributes
    ----------
    kind : {"image", "tensor", "array", "pil"}
        `tv_tensors.Image` (C, H, W), plain tensor, ndarray (H, W, C), or PIL image.
    image : bool
        Whether stored samples are (C, H, W).
    flat : bool
        Grey images without an axis of channels, (H, W).
    mode : str or None
        Of PIL images; None is that of the number of channels.
    dtype : str or None
        Name of the dtype of tensors and arrays; None is the stored one.
    """

    kind: str
    image: bool = True
    flat: bool = False
    mode: str | None = None
    dtype: str | None = None

    def __call__(self, samples: Array) -> list[Any]:
        """The items of stored samples; they share memory where they can."""
        return KINDS[self.kind](samples, self)


def default_face(output: str, shape: tuple[int, ...], dtype: np.dtype[Any], image: bool) -> Face:
    """The face for stored samples of that shape and dtype.

    Raises
    ------
    InvalidParameterError
        If ``output`` is unknown.
    InvalidDataError
        If such samples cannot have it.
    """
    if validation.choice("output", output, ["auto", *KINDS]) == "auto":
        return Face("image" if image else "tensor", image)
    if output == "pil" and not (image and dtype == np.uint8 and shape[0] in MODES):
        raise InvalidDataError(
            f"output='pil' needs 8-bit images of 1 to 4 channels, but the generator makes samples of shape {shape} "
            f"and dtype {dtype}; leave output='auto'"
        )
    return Face(output, image)


def _tensors(samples: Array, face: Face) -> list[Any]:
    # one view of all and its parts, not a view of each: a tenth of the time
    tensor = torch.from_numpy(samples[:, 0] if face.flat else samples)
    return list((tensor if face.dtype is None else tensor.to(getattr(torch, face.dtype))).unbind(0))


def _images(samples: Array, face: Face) -> list[Any]:
    # not the constructor, which takes thrice as long to find that it was given a tensor
    return [tensor.as_subclass(tv_tensors.Image) for tensor in _tensors(samples, face)]


def _arrays(samples: Array, face: Face) -> list[Any]:
    if face.flat:
        samples = samples[:, 0]
    elif face.image:
        samples = samples.transpose(0, 2, 3, 1)
    return list(np.ascontiguousarray(samples, None if face.dtype is None else np.dtype(face.dtype)))


def _pictures(samples: Array, face: Face) -> list[Any]:
    pixels = samples[:, 0] if samples.shape[1] == 1 else np.ascontiguousarray(samples.transpose(0, 2, 3, 1))
    return [array_to_pil(one, face.mode) for one in pixels]


# name of a kind of item -> what makes them of stored samples
KINDS: dict[str, Callable[[Array, Face], list[Any]]] = {
    "array": _arrays,
    "image": _images,
    "pil": _pictures,
    "tensor": _tensors,
}
