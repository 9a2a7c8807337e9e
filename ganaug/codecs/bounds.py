"""Numbers that stand near those of a column and are none of them: what a model may keep of a column's extremes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ganaug.codecs.plain import Array

__all__ = [
    "beside",
    "inward",
    "inward_whole",
    "is_coarse",
    "is_shared",
    "near_middle",
    "outward",
    "outward_whole",
    "simple_between",
]

Float64 = npt.NDArray[np.float64]

# A value that so many rows share is no trace of one of them; of more rows than these a sample is looked at, in which
# rows repeat.
SHARED, SHARED_IN_SAMPLE, MOST_ROWS = 4, 12, 100_000
# A bound stands at most this share of the range from the extreme, and cuts off at most one row and one in `ROWS`.
PART, ROWS = 128, 2000
# Numbers on a grid of no more points than this are coarse by themselves: their extremes are kept.
COARSE = 256


def is_shared(counts: Array) -> npt.NDArray[np.bool_]:
    """Which values of a column, that occur so often, may be kept as they are. (m,) -> (m,)."""
    shared: npt.NDArray[np.bool_] = counts >= (SHARED if counts.sum() <= MOST_ROWS else SHARED_IN_SAMPLE)
    return shared


def simple_between(low: Float64, high: Float64) -> Float64:
    """Numbers above ``low`` and up to ``high`` with few binary digits: multiples of the largest power of two that fits.

    Examples
    --------
    >>> import numpy as np
    >>> simple_between(np.array([0.3, 10.1]), np.array([0.9, 10.2])).tolist()
    [0.5, 10.125]
    """
    step = np.exp2(np.floor(np.log2(np.maximum(high - low, np.finfo(np.float64).tiny))))
    return np.asarray(np.minimum((np.floor(low / step) + 1) * step, high), np.float64)


def inward(distinct: Float64, counts: Array) -> tuple[float, float]:
    """Rounded bounds inside the range of floats.

    Parameters
    ----------
    distinct : ndarray of shape (m,), float64
        Increasing.
    counts : ndarray of shape (m,), int
        How often each occurs.

    Returns
    -------
    low, high : float
        Neither is one of the values, unless several rows have it (`is_shared`) or nothing lies between two of them.
    """
    low = _inward_float(distinct, counts)
    high = -_inward_float(-distinct[::-1], counts[::-1])
    return (low, high) if low < high else (float(distinct[0]), float(distinct[-1]))


def _inward_float(distinct: Float64, counts: Array) -> float:
    first = float(distinct[0])
    if len(distinct) < 2 or is_shared(counts)[0]:
        return first
    part = distinct[-1] / PART - first / PART
    for limit in (distinct[_last_cut(counts)], distinct[1]):  # between the first two there is no other value
        width = min(part, float(limit) - first)
        found = simple_between(np.array([first + width / 4]), np.array([first + 3 * width / 4]))[0]
        if found > first and found not in distinct[: _last_cut(counts) + 1]:
            return float(found)
    return first


def inward_whole(distinct: Array, counts: Array, step: int) -> tuple[int, int]:
    """The same for whole numbers ``distinct[0] + k * step``, of any integer dtype; the bounds are such numbers too."""
    first, last = int(distinct[0]), int(distinct[-1])
    span, shared = last - first, is_shared(counts)
    if is_coarse(distinct, step):
        return first, last
    cut = distinct[: _last_cut(counts) + 1].tolist()
    low = first if shared[0] else _inward_int(cut, step, span)
    cut = [-value for value in distinct[: -_last_cut(counts[::-1]) - 2 : -1].tolist()]
    high = last if shared[-1] else -_inward_int(cut, step, span)
    return (low, high) if low < high else (first, last)


def outward(distinct: Float64, counts: Array) -> tuple[float, float]:
    """Rounded bounds just outside the range of floats, which all of them keep; an extreme that rows share stays."""
    return _outward_float(distinct, counts), -_outward_float(-distinct[::-1], counts[::-1])


def _outward_float(distinct: Float64, counts: Array) -> float:
    first = float(distinct[0])
    if len(distinct) < 2 or is_shared(counts)[0]:
        return first
    width = float(distinct[-1] / PART - first / PART)
    return min(first, -float(simple_between(np.array([width / 4 - first]), np.array([3 * width / 4 - first]))[0]))


def outward_whole(distinct: Array, counts: Array, step: int) -> tuple[int, int]:
    """The same for whole numbers ``distinct[0] + k * step``; the bounds are such numbers too."""
    ends, shared, coarse = [], is_shared(counts)[[0, -1]].tolist(), is_coarse(distinct, step)
    first, last = int(distinct[0]), int(distinct[-1])
    width = step << (max(1, (last - first) // PART // step).bit_length() - 1)
    for sign, end, stays in ((1, first, shared[0]), (-1, last, shared[1])):
        below = (sign * end - sign * end % step) // width * width + sign * end % step
        ends.append(end if stays or coarse else sign * (below if below < sign * end else below - width))
    return ends[0], ends[1]


def near_middle(values: Float64) -> float:
    """A number near the median: the median itself only if rows share it. (n,), n > 0."""
    distinct, counts = np.unique(values, return_counts=True)
    place = int(np.searchsorted(np.cumsum(counts), (counts.sum() + 1) // 2))
    if len(distinct) < 2 or is_shared(counts)[place]:
        return float(distinct[place])
    left = distinct[[min(place, len(distinct) - 2)]]
    gap = distinct[[min(place, len(distinct) - 2) + 1]] - left
    return float(simple_between(left + gap / 4, left + 3 * gap / 4)[0])


def beside(values: Array, distinct: Array, step: int = 0) -> Array:
    """Numbers near some of a column, rounded to a 256th of its range at least, and none of its own where there is room.

    Parameters
    ----------
    values : ndarray of shape (m,)
    distinct : ndarray of shape (k,)
        The column's values, increasing; at least two.
    step : int, default=0
        Whole numbers stay of the form ``distinct[0] + k * step``.
    """
    low, high = distinct[0], distinct[-1]
    if step:
        width = step << (max(1, (int(high) - int(low)) // PART // step).bit_length() - 1)
        found = low + (values - low) // width * width
    else:
        width = np.exp2(np.floor(np.log2(high / PART - low / PART)))
        found = np.floor(values / width) * width
    for _ in range(2 * PART):
        taken = np.isin(found, distinct) | (found < low)
        if not taken.any():
            return np.asarray(found)
        found = np.where(taken, found + (step or width / 4), found)
        found = np.where(found > high, low, found)
    return np.asarray(found)


def is_coarse(distinct: Array, step: int) -> bool:
    """Whether whole numbers, of this distance and in increasing order, can only be a few hundred."""
    return int(distinct[-1]) - int(distinct[0]) <= COARSE * step


def _inward_int(values: list[int], step: int, span: int) -> int:
    first = values[0]
    steps = min(span // PART, values[-1] - first) // step
    offset, taken = first % step, set(values)
    candidates = [first]
    while steps:
        width = step << (steps.bit_length() - 1)
        candidates.append(((first - offset) // width + 1) * width + offset)
        steps >>= 1
    return next((c for c in candidates if c not in taken), candidates[min(1, len(candidates) - 1)])


def _last_cut(counts: Array) -> int:
    """The first value that no bound cuts off."""
    upto, most = 0, 1 + int(counts.sum()) // ROWS
    for place, count in enumerate(counts[: most + 1].tolist()):
        upto += count
        if upto > most:
            return max(1, place)
    return len(counts) - 1
