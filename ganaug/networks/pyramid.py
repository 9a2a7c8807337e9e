"""Which sizes a convolutional network passes through, and how wide it is at each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganaug.exceptions import InvalidParameterError

__all__ = ["Level", "pyramid"]

LARGEST_BASE = 7  # cells along an axis that are not halved any more: halving leaves 4 to 7


@dataclass(frozen=True)
class Level:
    """One resolution of a network.

    Attributes
    ----------
    size : tuple of int
        Cells along each spatial axis.
    channels : int
        Feature maps at this resolution.
    """

    size: tuple[int, ...]
    channels: int


def pyramid(shape: Sequence[int], channels: int, max_channels: int) -> list[Level]:
    """Plan the resolutions of a network, the lowest first.

    Each axis is halved, rounding up, until it has at most 7 cells, whatever the
    others do. So any size is met exactly, and the number of levels grows with
    the logarithm of the longest axis. Channels double at each halving.

    Parameters
    ----------
    shape : sequence of int
        Channels of a sample, then its 1, 2 or 3 spatial sizes.
    channels, max_channels : int
        Feature maps at full resolution, and the most there are anywhere.

    Returns
    -------
    list of Level
        The last one has the size of the sample.

    Raises
    ------
    InvalidParameterError
        If the shape or the widths cannot be those of a network.

    Examples
    --------
    >>> from ganaug.networks.pyramid import pyramid
    >>> [(level.size, level.channels) for level in pyramid((1, 20, 36), 16, 128)]
    [((5, 5), 128), ((5, 9), 64), ((10, 18), 32), ((20, 36), 16)]
    """
    if len(shape) - 1 not in (1, 2, 3) or min(shape) < 1:
        raise InvalidParameterError(
            f"shape={tuple(shape)} is not (channels, length), (channels, height, width) or "
            "(channels, depth, height, width) with at least one of each"
        )
    if min(channels, max_channels) < 1:
        raise InvalidParameterError(f"channels={channels} and max_channels={max_channels} must be at least 1")
    size, width = tuple(int(n) for n in shape[1:]), channels
    levels = [Level(size, min(width, max_channels))]
    while max(size) > LARGEST_BASE:
        size, width = tuple(-(-n // 2) if n > LARGEST_BASE else n for n in size), 2 * width
        levels.append(Level(size, min(width, max_channels)))
    return levels[::-1]
