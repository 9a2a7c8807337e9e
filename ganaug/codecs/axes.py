"""Where the channels of images stand."""

from __future__ import annotations

from collections.abc import Callable

from ganaug.codecs.plain import Array
from ganaug.exceptions import InvalidDataError, InvalidParameterError

__all__ = ["LAYOUTS", "SIDES", "find_layout", "from_nchw", "looks_like_image", "to_nchw"]

SIDES = (8, 256)  # pixels that a side may have

_Move = Callable[[Array], Array]
# layout -> (dimensions, to NCHW, back)
LAYOUTS: dict[str, tuple[int, _Move, _Move]] = {
    "NHW": (3, lambda x: x[:, None], lambda x: x[:, 0]),
    "NHWC": (4, lambda x: x.transpose(0, 3, 1, 2), lambda x: x.transpose(0, 2, 3, 1)),
    "NCHW": (4, lambda x: x, lambda x: x),
}


def to_nchw(array: Array, layout: str) -> Array:
    """A view (n, C, H, W) of an array of that layout."""
    return LAYOUTS[layout][1](array)


def from_nchw(array: Array, layout: str) -> Array:
    """A view of that layout of (n, C, H, W)."""
    return LAYOUTS[layout][2](array)


def find_layout(shape: tuple[int, ...], asked: str) -> str:
    """The layout of images of that shape.

    Parameters
    ----------
    shape : tuple of int
        Of the whole array.
    asked : {"auto", "NHW", "NHWC", "NCHW"}
        "auto" takes for the channels the last or the second axis, whichever leaves sides of at least 8 pixels; if
        both do, the one with at most half as many entries as the sides it leaves.

    Raises
    ------
    InvalidParameterError
        If ``asked`` is no layout.
    InvalidDataError
        If the shape has no such layout, could have two, or a side is too short or too long.
    """
    if asked != "auto" and asked not in LAYOUTS:
        raise InvalidParameterError(f'layout={asked!r} is unknown; give "auto", "NHW", "NHWC" or "NCHW"')
    _check_dimensions(shape)
    layout = _guess(shape) if asked == "auto" else asked
    if LAYOUTS[layout][0] != len(shape):
        raise InvalidDataError(f'layout="{layout}" needs {LAYOUTS[layout][0]} dimensions, but X has shape {shape}')
    sides = shape[2:] if layout == "NCHW" else shape[1:3]
    if not all(SIDES[0] <= side <= SIDES[1] for side in sides):
        raise InvalidDataError(
            f"X of shape {shape} holds images of {sides[0]} x {sides[1]} pixels (layout {layout}); each side must "
            f"have {SIDES[0]} to {SIDES[1]}. Resize or pad the images, or set layout= if the axes were misread"
        )
    if 0 in shape:
        raise InvalidDataError(f"X of shape {shape} holds no pixels; give at least one image with one channel")
    return layout


def looks_like_image(height: int, width: int, most: int = 2) -> bool:
    """Whether a sample of two axes is rather a grey image (H, W) than a series (channels, length).

    Neither side is shorter than 8, and neither more than ``most`` times as long as the other: a series is
    nearly always far longer than it has channels.

    Examples
    --------
    >>> from ganaug.codecs.axes import looks_like_image
    >>> looks_like_image(28, 28), looks_like_image(12, 1000), looks_like_image(3, 8)
    (True, False, False)
    """
    short, long = sorted((height, width))
    return short >= SIDES[0] and long <= most * short


def _check_dimensions(shape: tuple[int, ...]) -> None:
    if len(shape) == 2:
        raise InvalidDataError(f"X of shape {shape} is a matrix; reshape flat images to (n, H, W) or (n, H, W, C)")
    if len(shape) == 5:
        raise InvalidDataError(f"X of shape {shape} holds volumes; SeriesGAN takes (n, C, D, H, W)")
    if len(shape) not in (3, 4):
        raise InvalidDataError(f"X has shape {shape}; images are (n, H, W), (n, H, W, C) or (n, C, H, W)")


def _guess(shape: tuple[int, ...]) -> str:
    if len(shape) == 3:
        return "NHW"
    readings = _readings(shape)
    possible = [reading for reading in readings if min(reading[2]) >= SIDES[0]]
    if not possible:  # too small either way: the message of the sides says so of the likelier one
        return min(readings, key=lambda reading: reading[1])[0]
    if len(possible) > 1:
        possible = [reading for reading in readings if 2 * reading[1] <= min(reading[2])]
    if len(possible) != 1:
        raise InvalidDataError(
            f'X of shape {shape} may be (n, H, W, C) or (n, C, H, W); say which with layout="NHWC" or layout="NCHW"'
        )
    return possible[0][0]


def _readings(shape: tuple[int, ...]) -> list[tuple[str, int, tuple[int, ...]]]:
    return [("NHWC", shape[3], shape[1:3]), ("NCHW", shape[1], shape[2:])]
