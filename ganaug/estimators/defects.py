"""Defects: read and checked, cut out of images as patches, turned and bent, mixed, and painted into other images.

A defect is kept as what it adds to a background, its residual, and a mask. The background of a region is what the
pixels around it go over into most smoothly (the solution of Laplace's equation), so that a residual added to the
background of another image is Poisson image editing (Perez et al. 2003): no seam is left.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.linalg import spsolve

from ganaug.encoding.sample_arrays import to_array
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.utils import types
from ganaug.utils.types import Array, BoolArray, DoubleArray, FloatArray

__all__ = [
    "PLACES",
    "Cut",
    "Painted",
    "Place",
    "aligned",
    "bounds_of",
    "box_mask",
    "canvas_of",
    "cut_defects",
    "fill_smoothly",
    "likeness",
    "masks_of",
    "mixed",
    "paint_patch",
    "places_of",
    "span",
    "turned",
]

# Pixels around a mask that the seam takes, over which a painted defect goes over into its background.
FEATHER = 2
# Parts of one mask that are so many pixels apart belong to one defect.
JOINED = 2
# From where on an interpolated mask counts as defect. Lower than one half, or thin scratches tear when turned.
INSIDE = 0.4
# The same for mixtures, which are moved several times, and would grow each time.
HALF = 0.5
# Amplitude of the bending of mixed defects, as a share of their longer side.
BEND = 0.08
_CROSS = ndimage.generate_binary_structure(2, 1)
_SQUARE = ndimage.generate_binary_structure(2, 2)


@dataclass(frozen=True)
class Cut:
    """One defect of a real image.

    Attributes
    ----------
    residual : ndarray of shape (C, h, w), float32
        Pixels minus the background estimated from around, zero away from the mask.
    pixels : ndarray of shape (C, h, w), float32
        As they are.
    mask : ndarray of shape (h, w), bool
    centre : tuple of float
        Row and column of the middle of its box, as shares of the image's sides.
    contrast : float
        `Painted.contrast` of the real defect.
    """

    residual: FloatArray
    pixels: FloatArray
    mask: BoolArray
    centre: tuple[float, float]
    contrast: float


@dataclass(frozen=True)
class Painted:
    """A window of an image with a defect painted in.

    Attributes
    ----------
    rows, columns : slice
        Where the window is.
    pixels : ndarray of shape (C, h, w), float32
        The new pixels of the window.
    mask : ndarray of shape (h, w), bool
        The defect.
    contrast : float
        Mean absolute difference from the background over the mask, in units of the background's own roughness.
    """

    rows: slice
    columns: slice
    pixels: FloatArray
    mask: BoolArray
    contrast: float


# ---- backgrounds -------------------------------------------------------------------------------


def fill_smoothly(pixels: FloatArray, hole: BoolArray) -> FloatArray:
    """The pixels with a hole filled by the solution of Laplace's equation, from the pixels around it.

    Parameters
    ----------
    pixels : ndarray of shape (C, H, W)
    hole : ndarray of shape (H, W), bool
        Not everywhere True.

    Returns
    -------
    ndarray of shape (C, H, W), float32

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug.estimators.defects import fill_smoothly
    >>> slope = np.tile(np.arange(5, dtype=np.float32), (1, 5, 1))
    >>> hole = np.zeros((5, 5), bool)
    >>> hole[1:4, 2] = True
    >>> bool(np.allclose(fill_smoothly(np.where(hole, 99, slope), hole), slope, atol=1e-4))
    True
    """
    filled: FloatArray = pixels.astype(np.float32)
    n = int(hole.sum())
    if not n:
        return filled
    height, width = hole.shape
    number = np.full(hole.shape, -1)
    number[hole] = np.arange(n)
    at = np.argwhere(hole)
    degree, known = np.zeros(n), np.zeros((n, len(pixels)))
    rows, columns = [np.arange(n)], [np.arange(n)]
    for step in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        y, x = (at + step).T
        there = np.flatnonzero((y >= 0) & (y < height) & (x >= 0) & (x < width))
        degree[there] += 1
        neighbour = number[y[there], x[there]]
        inside = neighbour >= 0
        rows.append(there[inside])
        columns.append(neighbour[inside])
        known[there[~inside]] += pixels[:, y[there[~inside]], x[there[~inside]]].T
    entries = np.concatenate([degree, np.full(sum(map(len, rows[1:])), -1.0)])
    system = sparse.csc_array((entries, (np.concatenate(rows), np.concatenate(columns))), shape=(n, n))
    filled[:, hole] = np.asarray(spsolve(system, known)).reshape(n, -1).T
    return filled


def _roughness(pixels: FloatArray, around: BoolArray) -> float:
    """Mean absolute difference of pixels from the mean of their neighbourhood."""
    smooth = np.stack([ndimage.uniform_filter(channel, 3) for channel in pixels])
    return float(np.abs(pixels - smooth)[:, around].mean()) if around.any() else 0.0


def _contrast(pixels: FloatArray, background: FloatArray, mask: BoolArray, around: BoolArray, unit: float) -> float:
    """How far a defect is from its background; ``unit`` keeps that of a smooth background finite."""
    return float(np.abs(pixels - background)[:, mask].mean()) / (_roughness(pixels, around) + unit)


# ---- out of images -----------------------------------------------------------------------------


def bounds_of(mask: BoolArray) -> tuple[int, int, int, int]:
    """The box around a mask: first row, first column, last row + 1, last column + 1."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _grown(box: tuple[int, int, int, int], by: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    top, left, bottom, right = box
    height, width = shape[-2:]
    return slice(max(0, top - by), min(height, bottom + by)), slice(max(0, left - by), min(width, right + by))


def box_mask(pixels: FloatArray, box: tuple[int, int, int, int]) -> BoolArray:
    """What of a box (first row, first column, last row + 1, last column + 1) is the defect.

    The pixels that differ most from what the box's surroundings go over into, by Otsu's threshold (1979); the whole
    box's ellipse where these are hardly any.
    """
    top, left, bottom, right = box
    inside = np.zeros(pixels.shape[1:], bool)
    inside[top:bottom, left:right] = True
    rows, columns = _grown(box, 4, pixels.shape)
    window, hole = pixels[:, rows, columns], inside[rows, columns]
    found = np.zeros_like(inside)
    if not hole.all():
        distance = np.abs(window - fill_smoothly(window, hole)).mean(0)
        own = hole & (distance > _otsu(distance[hole]))
        found[rows, columns] = ndimage.binary_opening(own, _CROSS) if own.sum() > 40 else own
    if found.sum() >= max(3, 0.02 * inside.sum()):
        return found
    y, x = np.indices(inside.shape)
    middle, half = ((top + bottom - 1) / 2, (left + right - 1) / 2), ((bottom - top) / 2, (right - left) / 2)
    return np.asarray(((y - middle[0]) / half[0]) ** 2 + ((x - middle[1]) / half[1]) ** 2 <= 1)


def _otsu(values: FloatArray) -> float:
    """The threshold between two groups of numbers with the largest variance between them."""
    ordered = np.sort(values.astype(np.float64))
    n = len(ordered)
    if n < 2:
        return -1.0
    below = np.arange(1, n)
    sums = np.cumsum(ordered)[:-1]
    between = below * (n - below) * (sums / below - (ordered.sum() - sums) / (n - below)) ** 2
    return float(ordered[int(np.argmax(between))])


def cut_defects(pixels: FloatArray, mask: BoolArray, unit: float) -> Iterator[Cut]:
    """The defects of an image, one for each part of its mask.

    Parameters
    ----------
    pixels : ndarray of shape (C, H, W), float32
    mask : ndarray of shape (H, W), bool
        Neither empty nor everywhere True.
    unit : float
        The smallest difference of pixels that can be seen.

    Yields
    ------
    Cut
    """
    parts, n = ndimage.label(ndimage.binary_dilation(mask, _SQUARE, JOINED), _SQUARE)
    hole = ndimage.binary_dilation(mask, _SQUARE, FEATHER)
    if hole.all():
        hole = mask
    for number in range(1, n + 1):
        own = mask & (parts == number)
        box = bounds_of(own)
        margin = FEATHER + 2
        rows, columns = _grown(box, margin, pixels.shape)
        while hole[rows, columns].all():
            margin *= 2
            rows, columns = _grown(box, margin, pixels.shape)
        window, inside = pixels[:, rows, columns], own[rows, columns]
        background = fill_smoothly(window, hole[rows, columns])
        around = ~hole[rows, columns]
        contrast = _contrast(window, background, inside, around, unit)
        top, left, bottom, right = box
        near, across = _grown(box, FEATHER + 1, pixels.shape)
        lines = slice(near.start - rows.start, near.stop - rows.start)
        posts = slice(across.start - columns.start, across.stop - columns.start)
        residual = (window - background) * ndimage.binary_dilation(inside, _SQUARE, FEATHER)
        yield Cut(
            residual[:, lines, posts],
            window[:, lines, posts].copy(),
            inside[lines, posts],
            ((top + bottom) / 2 / pixels.shape[1], (left + right) / 2 / pixels.shape[2]),
            contrast,
        )


# ---- patches: values and a soft mask, (C + 1, h, w) ----------------------------------------------


def canvas_of(patch: FloatArray, side: int) -> FloatArray:
    """A patch in the middle of a square of that side, by its mask's box; what reaches beyond the square is cut off."""
    top, left, bottom, right = bounds_of(patch[-1] >= INSIDE)
    canvas = np.zeros((len(patch), side, side), np.float32)
    y, x = side // 2 - (top + bottom) // 2, side // 2 - (left + right) // 2
    rows, columns = (
        slice(max(0, at), min(side, at + length)) for at, length in zip((y, x), patch.shape[1:], strict=True)
    )
    canvas[:, rows, columns] = patch[:, rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]
    return canvas


def turned(patch: FloatArray, angle: float, mirror: bool, factor: tuple[float, float] | float) -> FloatArray:
    """A patch turned by an angle, mirrored, and made larger by a factor (of rows and columns before the turn).

    Parameters
    ----------
    patch : ndarray of shape (C + 1, h, w), float32
        The soft mask last.
    angle : float
        In radians.
    mirror : bool
    factor : float or pair of float

    Returns
    -------
    ndarray of shape (C + 1, h', w'), float32
        Cut to its mask and the seam around it.
    """
    factors = np.broadcast_to(np.asarray(factor, np.float64), (2,))
    if (factors < 0.7).any():  # or fine lines fall between the pixels that are looked at
        sigma = 0.4 * np.maximum(1 / factors - 1, 0)
        patch = np.stack([ndimage.gaussian_filter(channel, sigma) for channel in patch])
    height, width = np.array(patch.shape[1:]) * factors
    cosine, sine = np.cos(angle), np.sin(angle)
    side = (
        int(np.ceil(abs(height * cosine) + abs(width * sine))) + 2,
        int(np.ceil(abs(height * sine) + abs(width * cosine))) + 2,
    )
    back = np.array([[cosine, sine], [-sine, cosine]]) / factors[:, None]
    if mirror:
        back[1] = -back[1]
    middle = (np.array(patch.shape[1:]) - 1) / 2
    offset = middle - back @ ((np.array(side) - 1) / 2)
    out = np.stack([ndimage.affine_transform(one, back, offset, side, order=1, mode="constant") for one in patch])
    if not (out[-1] >= INSIDE).any():
        out[-1] /= max(float(out[-1].max()), 1e-6)
    return _trimmed(out.astype(np.float32))


def _trimmed(patch: FloatArray) -> FloatArray:
    """Cut to the mask and the seam around it, or padded to have one."""
    by = FEATHER + 1
    padded = np.pad(patch, ((0, 0), (by, by), (by, by)))
    top, left, bottom, right = bounds_of(padded[-1] >= INSIDE)
    return padded[:, top - by : bottom + by, left - by : right + by]


def aligned(patch: FloatArray, factor: float) -> FloatArray:
    """A patch made larger by a factor, its longer axis turned to lie along a row, by the moments of its mask."""
    at = np.argwhere(patch[-1] >= INSIDE).astype(np.float64)
    at -= at.mean(0)
    (yy, xy), (_, xx) = at.T @ at / len(at)
    return turned(patch, 0.5 * np.arctan2(2 * xy, xx - yy), False, factor)


def likeness(patches: list[FloatArray]) -> DoubleArray:
    """How well each aligned patch can be mixed with each: 1 with itself, 0 where one is dark and the other bright.

    Returns
    -------
    ndarray of shape (n, n)
        Falls with the difference of the logarithms of lengths and thicknesses.
    """
    looks, tints = [], []
    for patch in patches:
        inside = patch[-1] >= INSIDE
        length = int(inside.any(0).sum())
        looks.append((np.log(length), np.log(inside.sum() / length)))
        tints.append((patch[:-1] * patch[-1]).mean((1, 2)))
    distance = ((np.array(looks)[:, None] - np.array(looks)[None]) ** 2).sum(-1)
    tint = np.array(tints, np.float64)
    alike = tint @ tint.T > 0
    np.fill_diagonal(alike, True)
    return np.asarray(alike * np.exp(-4 * distance))


def _straight(patch: FloatArray) -> tuple[FloatArray, DoubleArray]:
    """An aligned patch with its columns moved so that its middle line is straight, and how far they were moved."""
    inside = patch[-1] >= min(HALF, float(patch[-1].max()))
    filled = np.flatnonzero(inside.any(0))
    rows = np.arange(inside.shape[0])[:, None]
    middle = (inside * rows).sum(0)[filled] / inside.sum(0)[filled]
    line = ndimage.gaussian_filter1d(np.interp(np.arange(inside.shape[1]), filled, middle), 1.0)
    moved = line - (inside.shape[0] - 1) / 2
    by = int(np.ceil(np.abs(moved).max())) + 1
    padded = np.pad(patch, ((0, 0), (by, by), (0, 0)))
    return _trimmed(_moved(padded, moved)), np.asarray(moved)


def _moved(patch: FloatArray, down: DoubleArray, across: DoubleArray | float = 0.0) -> FloatArray:
    """A patch of which each pixel comes from so many rows below and columns to the right."""
    y, x = np.indices(patch.shape[1:])
    places = np.stack([y + down, x + across])
    out = np.stack([ndimage.map_coordinates(channel, places, order=1, mode="constant") for channel in patch])
    return out.astype(np.float32)


def _signed_distance(mask: BoolArray) -> DoubleArray:
    """Positive inside."""
    return np.asarray(
        np.where(mask, ndimage.distance_transform_edt(mask) - 0.5, 0.5 - ndimage.distance_transform_edt(~mask))
    )


def _spread(patch: FloatArray) -> FloatArray:
    """The values of a patch, continued beyond its mask by those of the nearest pixel of the mask."""
    _, (rows, columns) = ndimage.distance_transform_edt(patch[-1] < 0.7, return_indices=True)
    return np.asarray(patch[:-1, rows, columns])


def mixed(one: FloatArray, other: FloatArray, share: float, rng: np.random.Generator) -> FloatArray:
    """A defect between two aligned ones, bent a little.

    Both are straightened along their middle lines and stretched to sides between theirs. Then the signed distances of
    their masks, their values and their middle lines are averaged, and the mixture is bent along the line.

    Parameters
    ----------
    one, other : ndarray of shape (C + 1, h, w), float32
        From `aligned`.
    share : float
        Of ``other``.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (C + 1, h', w'), float32
    """
    (first, line), (second, other_line) = _straight(one), _straight(other)
    if rng.integers(2):
        second, other_line = second[:, :, ::-1], other_line[::-1]
    if rng.integers(2):
        second, other_line = second[:, ::-1], -other_line
    sides = (1 - share) * np.array(first.shape[1:]) + share * np.array(second.shape[1:])
    size = tuple(np.maximum(np.rint(sides), 5).astype(int))
    first, second = _resized(first, size), _resized(second, size)
    distance = (1 - share) * _signed_distance(first[-1] >= HALF) + share * _signed_distance(second[-1] >= HALF)
    if not (distance > 0).any():
        distance = _signed_distance(first[-1] >= HALF)
    made = np.empty_like(first)
    made[:-1] = (1 - share) * _spread(first) + share * _spread(second)
    made[:-1] *= np.clip(1 + distance / FEATHER, 0, 1)
    made[-1] = np.clip(distance + 0.5, 0, 1)
    columns = np.linspace(0, 1, size[1])
    line, other_line = (np.interp(columns, np.linspace(0, 1, len(own)), own) for own in (line, other_line))
    return _bent(made, (1 - share) * line + share * other_line, rng)


def _resized(patch: FloatArray, size: tuple[int, ...]) -> FloatArray:
    zoom = [new / old for new, old in zip(size, patch.shape[1:], strict=True)]
    out = np.stack([ndimage.zoom(channel, zoom, order=1, grid_mode=True, mode="nearest") for channel in patch])
    return out.astype(np.float32)


def _bent(patch: FloatArray, line: DoubleArray, rng: np.random.Generator) -> FloatArray:
    """The patch along a line, and then with its pixels moved a little, along a smooth random field."""
    longer = max(patch.shape[1:])
    by = int(np.ceil(BEND * longer + np.abs(line).max())) + 1
    padded = np.pad(patch, ((0, 0), (by, by), (by, by)))
    fields = []
    for _ in range(2):
        field = ndimage.gaussian_filter(rng.standard_normal(padded.shape[1:]), 0.2 * longer, mode="reflect")
        field -= field.mean()
        fields.append(BEND * longer * rng.uniform() * field / max(np.abs(field).max(), 1e-9))
    out = _moved(padded, fields[0] - np.pad(line, by, mode="edge"), fields[1])
    return _trimmed(out) if (out[-1] >= INSIDE).any() else patch


# ---- into images -------------------------------------------------------------------------------


def paint_patch(
    pixels: FloatArray,
    patch: FloatArray,
    at: tuple[int, int],
    strength: float,
    seamless: bool,
    unit: float,
    ends: tuple[float, float],
) -> Painted:
    """A defect painted into an image.

    Parameters
    ----------
    pixels : ndarray of shape (C, H, W), float32
        Not changed.
    patch : ndarray of shape (C + 1, h, w), float32
        Residual (pixels, if not ``seamless``) and soft mask; not larger than the image.
    at : pair of int
        Row and column of the patch's first pixel; the patch may not reach beyond the image.
    strength : float
        Factor on the residual. Below 1 the background shows through instead, so that it keeps its texture.
    seamless : bool
        Whether the defect is added to the background and goes over into it, or is pasted as it is.
    unit : float
        The smallest difference of pixels that can be seen.
    ends : pair of float
        Smallest and largest value of a pixel.

    Returns
    -------
    Painted
    """
    inside = patch[-1] >= INSIDE
    height, width = inside.shape
    box = (at[0], at[1], at[0] + height, at[1] + width)
    rows, columns = _grown(box, 2, pixels.shape)
    window = pixels[:, rows, columns]
    mask = np.zeros(window.shape[1:], bool)
    own = (
        slice(at[0] - rows.start, at[0] - rows.start + height),
        slice(at[1] - columns.start, at[1] - columns.start + width),
    )
    mask[own] = inside
    alpha = np.clip(1 - ndimage.distance_transform_edt(~mask) / (FEATHER + 1), 0, 1).astype(np.float32)
    hole = alpha > 0 if not (alpha > 0).all() else mask
    background = fill_smoothly(window, hole)
    if seamless:
        aim = background.copy()
        aim[:, own[0], own[1]] += max(strength, 1.0) * patch[:-1]
        made = window + alpha * min(strength, 1.0) * (aim - window)
    else:
        aim = window.copy()
        aim[:, own[0], own[1]] = patch[:-1]
        made = window + mask * strength * (aim - window)
    made = np.where(alpha > 0, made.clip(*ends), window)
    return Painted(rows, columns, made, mask, _contrast(made, background, mask, ~hole, unit))


# --------------------------------------------------------------------------------------
# What a `DefectPainter` is given, read and checked: masks, boxes, spans to draw from, places.


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
    if getattr(masks, "ndim", None) == 1:
        raise InvalidDataError(
            "masks have one axis and look like labels, which balance and GANOversampler hand to a generator; a "
            "DefectPainter learns from masks: give fit(images, masks, backgrounds=...) one for each image, and the "
            "fitted painter to BlendedDataset(dataset, painter)"
        )
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
