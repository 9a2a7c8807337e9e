"""Nearest neighbours, and the spread of a measure over resamples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from ganaug.utils.determinism import numpy_generator

__all__ = [
    "LEVEL",
    "Estimate",
    "Floats",
    "K",
    "Statistic",
    "distances_in_chunks",
    "estimate",
    "mean_estimate",
    "nearest",
    "neighbours_for",
    "pairwise_rows",
    "radii",
    "uniform",
    "weighted_auc",
]

# ---- nearest rows by Euclidean distance, in chunks -------------------------------------------------


# Neighbours that make a row's surroundings (Naeem et al. 2020), and the rows that each must stand for.
K = 5
ROWS_PER_NEIGHBOUR = 5
# Products of numbers in one comparison of all pairs: about two seconds of one core.
MOST_PRODUCTS = 8e8
_CHUNK = 256
# Numbers that differences of rows hold at once: 16 MB of them.
MOST_AT_ONCE = 2_000_000


def neighbours_for(n: int) -> int:
    """How many neighbours n rows can give: 5, and fewer below 25 rows."""
    return max(1, min(K, n // ROWS_PER_NEIGHBOUR))


def pairwise_rows(width: int, most: int = 5000) -> int:
    """So many rows on each side are compared pair by pair where they have so many columns."""
    return int(min(most, max(200, (MOST_PRODUCTS / max(1, width)) ** 0.5)))


def nearest(queries: Floats, rows: Floats, k: int, *, itself: bool = False) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Distances to the k nearest rows and their places; increasing. (n, d), (m, d) -> (n, k), (n, k).

    With ``itself`` the queries are the rows, and none is its own neighbour (an equal row may be). Fewer
    than k columns come back where there are fewer rows.
    """
    k = min(k, len(rows) - itself)
    if k < 1 or len(queries) == 0:
        return np.full((len(queries), max(k, 0)), np.inf), np.zeros((len(queries), max(k, 0)), np.intp)
    from sklearn.neighbors import NearestNeighbors

    # The search expands |a - b|^2, which far from the origin loses its digits: move the rows there first.
    centre = rows.mean(0)
    finder = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(rows - centre)
    places = finder.kneighbors(None if itself else queries - centre, return_distance=False)
    # Those found are computed again, because the expansion loses the digits of small distances.
    exact = np.empty(places.shape)
    few = int(min(_CHUNK, max(1, MOST_AT_ONCE // max(1, k * rows.shape[1]))))
    for start in range(0, len(queries), few):
        part = slice(start, start + few)
        exact[part] = np.sqrt(((queries[part, None, :] - rows[places[part]]) ** 2).sum(2))
    order = np.argsort(exact, axis=1, kind="stable")
    return np.take_along_axis(exact, order, 1), np.take_along_axis(places, order, 1)


def radii(rows: Floats, k: int) -> Floats:
    """Distance of each row to its k-th nearest other one. (n, d) -> (n,)."""
    distances, _ = nearest(rows, rows, k, itself=True)
    return distances[:, -1] if distances.shape[1] else np.zeros(len(rows))


def distances_in_chunks(queries: Floats, rows: Floats) -> Iterator[tuple[slice, Floats]]:
    """Yield (slice of the queries, exact distances to all rows)."""
    for start in range(0, len(queries), _CHUNK):
        part = slice(start, start + _CHUNK)
        yield part, cdist(queries[part], rows)


# ---- what a measure gives, and how sure of it one can be: rows drawn again, as weights -------------


Floats = npt.NDArray[np.float64]
Statistic = Callable[..., float]  # weights of each sample's rows, each summing to one, to a number

# The share of the resampled values that lies within an interval.
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A measure with its interval.

    Attributes
    ----------
    value, low, high : float
        NaN where there is none.
    floor : float or None
        What real rows get, where the measure knows better than two halves of the real rows.
    details : dict
        Finer figures: column by column, row numbers.
    by_class : dict
        Class code to `Estimate`, where the measure gives them in one go.
    remark : str
        What a reader should know of this one value.
    """

    value: float
    low: float = float("nan")
    high: float = float("nan")
    floor: float | None = None
    details: dict[str, Any] = field(default_factory=dict)
    by_class: Mapping[int, Estimate] = field(default_factory=dict)
    remark: str = ""


def uniform(n: int) -> Floats:
    """Equal weights of n rows, summing to one."""
    return np.full(n, 1 / max(1, n))


def estimate(
    statistic: Statistic,
    sizes: tuple[int, ...],
    *,
    seed: int,
    n_resamples: int,
    bounds: tuple[float, float] = (-np.inf, np.inf),
    **more: Any,
) -> Estimate:
    """A statistic and its bootstrap interval (Efron 1979), centred at the value.

    Rows are drawn with replacement from each sample; the interval is as wide as the middle 95 % of the
    statistic's values over such draws, and is moved by their bias: a distance between samples that repeat
    rows is larger than one between samples that do not, so the plain percentiles would leave the value out.

    Parameters
    ----------
    statistic : callable
        From one vector of weights per sample, each summing to one, to a number.
    sizes : tuple of int
        Rows of each sample.
    seed : int
    n_resamples : int
        0 gives no interval.
    bounds : (float, float)
        Of the statistic; the interval is cut to them.
    **more
        Of `Estimate`.

    Returns
    -------
    Estimate
    """
    value = float(np.clip(statistic(*map(uniform, sizes)), *bounds))  # weights add up to one but for rounding
    if n_resamples < 2 or min(sizes) < 2:
        return Estimate(value, **more)
    rng = numpy_generator(seed, "resampling")
    draws = np.array([statistic(*(_weights(rng, n) for n in sizes)) for _ in range(n_resamples)])
    draws = draws[np.isfinite(draws)]  # nothing can be said of a draw that is one row over and over
    if len(draws) < 2:
        return Estimate(value, **more)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail]) - draws.mean() + value
    return Estimate(value, float(max(low, bounds[0])), float(min(high, bounds[1])), **more)


def mean_estimate(values: npt.ArrayLike, **options: Any) -> Estimate:
    """The mean of one number for each row, and its interval over rows drawn again."""
    values = np.asarray(values, float)
    return estimate(lambda weights: float(weights @ values), (len(values),), **options)


def _weights(rng: np.random.Generator, n: int) -> Floats:
    return np.bincount(rng.integers(n, size=n), minlength=n) / n


def weighted_auc(positive: Floats, negative: Floats, w_positive: Floats, w_negative: Floats) -> float:
    """P(positive > negative) + 1/2 P(equal) over rows of given weights."""
    order = np.argsort(negative, kind="stable")
    below = np.concatenate([[0.0], np.cumsum(w_negative[order])])
    left = below[np.searchsorted(negative[order], positive, "left")]
    right = below[np.searchsorted(negative[order], positive, "right")]
    return float(w_positive @ (left + right) / 2 / (w_positive.sum() * w_negative.sum()))
