"""Whether synthetic rows lie where real ones do, and whether they go everywhere that real ones go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ganaug.metrics.neighbours import distances_in_chunks, nearest, neighbours_for, radii
from ganaug.metrics.resampling import Floats
from ganaug.surroundings import own_surroundings

__all__ = ["Surroundings", "coverage", "density", "distinct_neighbours", "precision", "recall", "surroundings"]


@dataclass(frozen=True)
class Surroundings:
    """Row by row, what precision, recall, density and coverage are the means of.

    Attributes
    ----------
    inside : (m,) float
        Whether a synthetic row lies in the ball of a real one (to its k-th nearest other real row).
    crowd : (m,) float
        In how many such balls it lies, over k.
    reached : (n,) float
        Whether a real row lies in the ball of a synthetic one.
    visited : (n,) float
        Whether a synthetic row lies in the real row's ball.
    k : int
    """

    inside: Floats
    crowd: Floats
    reached: Floats
    visited: Floats
    k: int


def surroundings(real: npt.ArrayLike, fake: npt.ArrayLike, k: int | None = None) -> Surroundings:
    """What `precision`, `recall`, `density` and `coverage` are the means of, in one pass."""
    real, fake = np.asarray(real, float), np.asarray(fake, float)
    k = neighbours_for(min(len(real), len(fake))) if k is None else k
    around_real, around_fake = radii(real, k), radii(fake, k)
    crowd = np.empty(len(fake))
    reached, visited = np.zeros(len(real), bool), np.zeros(len(real), bool)
    for part, distances in distances_in_chunks(fake, real):
        within = distances <= around_real
        crowd[part] = within.sum(1) / k
        visited |= within.any(0)
        reached |= (distances <= around_fake[part, None]).any(0)
    return Surroundings((crowd > 0).astype(float), crowd, reached.astype(float), visited.astype(float), k)


@own_surroundings
def precision(real: npt.ArrayLike, fake: npt.ArrayLike, k: int | None = None) -> float:
    """Share of synthetic rows that lie among real ones; higher is better.

    mean_j [exists i: |f_j - r_i| <= distance of r_i to its k-th nearest other real row]

    Parameters
    ----------
    real : array-like of shape (n, d)
        Features that Euclidean distances compare well.
    fake : array-like of shape (m, d)
    k : int, optional
        5, and a fifth of the rows below 25 of them.

    Returns
    -------
    float
        A share of rows, in [0, 1]. Real rows against real ones get less than 1, the less the more
        columns there are. Under 50 rows a side it says little.

    References
    ----------
    Kynkaanniemi et al. (2019), arXiv:1904.06991.

    Examples
    --------
    >>> from ganaug.metrics import precision
    >>> precision([[0.0], [1.0], [2.0]], [[0.5], [9.0]], k=1)
    0.5
    """
    return float(surroundings(real, fake, k).inside.mean())


@own_surroundings
def recall(real: npt.ArrayLike, fake: npt.ArrayLike, k: int | None = None) -> float:
    """Share of real rows that lie among synthetic ones; higher is better.

    mean_i [exists j: |f_j - r_i| <= distance of f_j to its k-th nearest other synthetic row]

    Rows thrown anywhere have large balls and reach every real row: read it with `precision`.

    Parameters
    ----------
    real : array-like of shape (n, d)
    fake : array-like of shape (m, d)
    k : int, optional
        As for `precision`.

    Returns
    -------
    float
        A share of rows, in [0, 1]. Under 50 rows a side it says little.

    References
    ----------
    Kynkaanniemi et al. (2019), arXiv:1904.06991.

    Examples
    --------
    >>> from ganaug.metrics import recall
    >>> recall([[0.0], [9.0]], [[0.0], [1.0], [2.0]], k=1)
    0.5
    """
    return float(surroundings(real, fake, k).reached.mean())


@own_surroundings
def density(real: npt.ArrayLike, fake: npt.ArrayLike, k: int | None = None) -> float:
    """How crowded with real rows the places of synthetic ones are; higher is better.

    1/(k m) sum_j #{i: |f_j - r_i| <= distance of r_i to its k-th nearest other real row}

    Parameters
    ----------
    real : array-like of shape (n, d)
    fake : array-like of shape (m, d)
    k : int, optional
        As for `precision`.

    Returns
    -------
    float
        In [0, n / k], without units: about 1 for rows of the same distribution, more where synthetic rows
        keep to the crowded places (then `coverage` falls), 0 far away. Under 50 rows a side it says little.

    References
    ----------
    Naeem et al. (2020), arXiv:2002.09797.

    Examples
    --------
    >>> from ganaug.metrics import density
    >>> density([[0.0], [1.0], [2.0]], [[1.0], [9.0]], k=1)
    1.5
    """
    return float(surroundings(real, fake, k).crowd.mean())


@own_surroundings
def coverage(real: npt.ArrayLike, fake: npt.ArrayLike, k: int | None = None) -> float:
    """Share of real rows with a synthetic one nearby; higher is better.

    mean_i [exists j: |f_j - r_i| <= distance of r_i to its k-th nearest other real row]

    Parameters
    ----------
    real : array-like of shape (n, d)
    fake : array-like of shape (m, d)
    k : int, optional
        As for `precision`.

    Returns
    -------
    float
        A share of rows, in [0, 1]: about ``1 - 2^-k`` (0.97 for k = 5) for as many rows of the same
        distribution; fewer synthetic rows than real ones cannot cover them. Under 50 rows a side it says little.

    References
    ----------
    Naeem et al. (2020), arXiv:2002.09797.

    Examples
    --------
    >>> from ganaug.metrics import coverage
    >>> coverage([[0.0], [1.0], [9.0], [10.0]], [[0.5], [0.6]], k=1)
    0.5
    """
    return float(surroundings(real, fake, k).visited.mean())


@own_surroundings
def distinct_neighbours(
    real: npt.ArrayLike, fake: npt.ArrayLike, unseen: npt.ArrayLike, random_state: int = 0
) -> float:
    """Mode collapse: how many different real rows are someone's nearest; higher is better.

    #{nearest real row of q synthetic rows} / #{nearest real row of q unseen real rows}, q = min(m, u)

    Parameters
    ----------
    real : array-like of shape (n, d)
        Features.
    fake : array-like of shape (m, d)
    unseen : array-like of shape (u, d)
        Other real rows, held out.
    random_state : int, default=0
        For which q rows of the larger sample are taken.

    Returns
    -------
    float
        A ratio of counts, in (0, n]: about 1 for rows of the same distribution, about 0.65 for a bootstrap
        of them, ``modes / q`` where a generator repeats a few samples. Under 30 rows it says little.

    References
    ----------
    The counting of modes of Srivastava et al. (2017), arXiv:1705.07761, with each real row as a mode.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug.metrics import distinct_neighbours
    >>> rng = np.random.default_rng(0)
    >>> real, unseen, collapsed = rng.normal(size=(50, 2)), rng.normal(size=(50, 2)), np.zeros((50, 2))
    >>> distinct_neighbours(real, collapsed, unseen) < 0.05
    True
    """
    real, fake, unseen = (np.asarray(a, float) for a in (real, fake, unseen))
    q = min(len(fake), len(unseen))
    rng = np.random.default_rng(random_state)
    hits = []
    for rows in (fake, unseen):
        chosen = rows if len(rows) == q else rows[rng.choice(len(rows), q, replace=False)]
        hits.append(len(np.unique(nearest(chosen, real, 1)[1])))
    return hits[0] / hits[1]
