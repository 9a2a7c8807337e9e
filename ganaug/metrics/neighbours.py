"""Nearest rows by Euclidean distance, in chunks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from ganaug.metrics.resampling import Floats

__all__ = ["K", "distances_in_chunks", "nearest", "neighbours_for", "pairwise_rows", "radii"]

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
    # Those found are computed anew, for the expansion loses the digits of small distances.
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
