"""What a `DefectPainter` is given, read and checked: masks, boxes, spans to draw from, places."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ganaug.encoding.sample_arrays import to_array
from ganaug.estimators.defects import box_mask
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.utils import types
from ganaug.utils.types import Array, BoolArray, DoubleArray

__all__ = ["PLACES", "Place", "masks_of", "places_of", "span"]

Box = tuple[int, int, int, int]  # first row, first column, last row + 1, last column + 1
# Draws row and column of the centre of a defect in image ``i``; the array holds the centres of real ones, as shares.
Place = Callable[[int, np.random.Generator, DoubleArray], tuple[float, float]]

# Standard deviation of a place around one where a real defect was, in shares of the sides.
PLACE_SPREAD = 0.08


def span(name: str, value: object, check: Callable[[str, Any], Any]) -> tuple[Any, Any]:
    """A number, or the smallest and the largest of those to draw from."""
    if not isinstance(value, (tuple, list)):
        one = check(name, value)
        return one, one
    if len(value) != 2:
        raise InvalidParameterError(f"{name}={value!r} must be a number, or a pair: the smallest and the largest")
    low, high = (check(name, end) for end in value)
    if low > high:
        raise InvalidParameterError(f"{name}={value!r} must have the smaller number first")
    return low, high


def masks_of(masks: object, boxes: object, pixels: Array) -> BoolArray:
    """Masks of images (n, C, H, W), as given or made of boxes."""
    if (masks is None) == (boxes is None):
        what = "neither masks nor boxes" if masks is None else "both masks and boxes"
        raise InvalidParameterError(f"{what} were given; give one of them, which says where the defects are")
    found = _read_masks(masks, pixels) if boxes is None else _read_boxes(boxes, pixels)
    for i, mask in enumerate(found):
        if mask.all():
            raise InvalidDataError(
                f"the mask of image {i} is the whole image, which leaves no background; leave the image out"
            )
    return found


def _read_masks(masks: object, pixels: Array) -> BoolArray:
    array = _numbers(masks, "masks")
    shape = (len(pixels), *pixels.shape[2:])
    if array.ndim == 4 and 1 in (array.shape[1], array.shape[-1]):
        array = array[:, 0] if array.shape[1] == 1 else array[..., 0]
    if array.shape != shape:
        raise InvalidDataError(f"masks have shape {array.shape}; images of these sizes need {shape}")
    if array.dtype != np.bool_ and not np.isin(array, (0, 1)).all():
        raise InvalidDataError(
            f"masks hold numbers from {array.min():g} to {array.max():g}; they must be booleans, or 0 and 1: "
            "give masks > 0"
        )
    found: BoolArray = array.astype(bool)
    for i, mask in enumerate(found):
        if not mask.any():
            raise InvalidDataError(f"the mask of image {i} is empty; give the image as a background, or leave it out")
    return found


def _read_boxes(boxes: object, pixels: Array) -> BoolArray:
    try:
        each = list(boxes)  # type: ignore[call-overload]
    except TypeError as error:
        raise InvalidTypeError(f"boxes={boxes!r}; give an array (n, 4), or a list of them") from error
    if len(each) != len(pixels):
        raise InvalidDataError(f"there are boxes of {len(each)} images and {len(pixels)} images; give as many")
    height, width = pixels.shape[2:]
    found, largest = np.zeros((len(pixels), height, width), bool), 0.0
    for i, one in enumerate(each):
        array = np.atleast_2d(_numbers(one, f"boxes of image {i}"))
        form = getattr(getattr(one, "format", None), "name", "XYXY")  # of tv_tensors.BoundingBoxes
        if form != "XYXY":
            raise InvalidDataError(
                f"the boxes of image {i} are {form}; give left, top, right, bottom: "
                'v2.functional.convert_bounding_box_format(boxes, new_format="XYXY")'
            )
        if array.ndim != 2 or array.shape[1] != 4 or not len(array):
            raise InvalidDataError(f"the boxes of image {i} have shape {array.shape}; give at least one, of 4 numbers")
        for left, top, right, bottom in array.tolist():
            if not (0 <= left < right <= width and 0 <= top < bottom <= height):
                raise InvalidDataError(
                    f"box {(left, top, right, bottom)} of image {i} must be left, top, right, bottom within {width} x "
                    f"{height} pixels, right and bottom being larger"
                )
            box: Box = (int(top), int(left), math.ceil(bottom), math.ceil(right))
            found[i] |= box_mask(pixels[i].astype(np.float32), box)
            largest = max(largest, right, bottom)
    if largest <= 1:
        raise InvalidDataError(
            f"no box reaches beyond the first pixel: boxes are in pixels, and these seem to be shares of the sides; "
            f"multiply them by [{width}, {height}, {width}, {height}]"
        )
    return found


def _numbers(values: object, what: str) -> Array:
    """An array of finite numbers or booleans."""
    try:
        array = np.asarray(to_array(values))
    except (ValueError, TypeError) as error:
        raise InvalidDataError(f"{what} are no array: {error}") from error
    if array.dtype.kind not in "biuf":
        raise InvalidTypeError(f"{what} are of dtype {array.dtype}; give numbers or booleans")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InvalidDataError(f"{what} contain NaN or infinity")
    return array


def places_of(place: object, pixels: Array) -> Place:
    """What draws row and column of a defect's centre in image ``i``."""
    sides = pixels.shape[2:]
    if isinstance(place, str):
        draw = PLACES[types.choice("place", place, PLACES)]
        return lambda _, rng, real: draw(sides, rng, real)
    array = _numbers(place, "place")
    if array.dtype == np.bool_:
        if array.shape not in (sides, (len(pixels), *sides)):
            raise InvalidDataError(f"place has shape {array.shape}; give booleans of shape {sides}, one for each pixel")
        regions = np.broadcast_to(array, (len(pixels), *sides))
        for i, region in enumerate(regions):
            if not region.any():
                raise InvalidDataError(f"place allows no pixel of image {i}; leave the image out")
        return lambda i, rng, _: tuple(rng.choice(np.argwhere(regions[i])).tolist())
    if array.shape not in ((2,), (len(pixels), 2)):
        raise InvalidDataError(f"place has shape {array.shape}; give row and column, (2,) or ({len(pixels)}, 2)")
    if (array < 0).any() or (array >= np.array(sides)).any():
        raise InvalidDataError(f"place lies outside of the images of {sides[0]} x {sides[1]} pixels")
    centres = np.broadcast_to(array, (len(pixels), 2))
    return lambda i, rng, _: (float(centres[i, 0]), float(centres[i, 1]))


def _seen_place(sides: tuple[int, ...], rng: np.random.Generator, real: DoubleArray) -> tuple[float, float]:
    near = real[rng.integers(len(real))] + PLACE_SPREAD * rng.standard_normal(2)
    return float(near[0] * sides[0]), float(near[1] * sides[1])


def _any_place(sides: tuple[int, ...], rng: np.random.Generator, *_: DoubleArray) -> tuple[float, float]:
    return float(rng.uniform(0, sides[0])), float(rng.uniform(0, sides[1]))


PLACES: dict[str, Callable[[tuple[int, ...], np.random.Generator, DoubleArray], tuple[float, float]]] = {
    "seen": _seen_place,
    "uniform": _any_place,
}
