"""Diversity: whether synthetic rows lie where real ones do, and whether they go everywhere that real ones go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ganaug.metrics.nearest import (
    Estimate,
    Floats,
    distances_in_chunks,
    mean_estimate,
    nearest,
    neighbours_for,
    pairwise_rows,
    radii,
)
from ganaug.metrics.sample_pair import SHARE, SamplePair, at_most
from ganaug.utils.isolation import isolated
from ganaug.utils.seeding import numpy_generator

__all__ = [
    "Surroundings",
    "coverage",
    "density",
    "distinct_neighbours",
    "measure_coverage",
    "measure_density",
    "measure_distinct",
    "measure_precision",
    "measure_recall",
    "precision",
    "recall",
    "surroundings",
]

N_DISTINCT, SPACED_ROWS = 3, 1000


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


@isolated
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


@isolated
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


@isolated
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


@isolated
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


@isolated
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


# ---- of a pair of samples --------------------------------------------------------------------------


def _around(c: SamplePair) -> Surroundings:
    def make() -> Surroundings:
        real, fake = c.at_most(pairwise_rows(c.real.features.shape[1]))
        return surroundings(real.features, fake.features)

    return c.once("around", make)


def _mean_of(part: str, bounds: tuple[float, float] = SHARE) -> Callable[[SamplePair], Estimate]:
    def measure(c: SamplePair) -> Estimate:
        around = _around(c)
        return mean_estimate(getattr(around, part), **c.options(bounds, remark=f"k = {around.k}"))

    return measure


def measure_distinct(c: SamplePair) -> Estimate:
    """`distinct_neighbours`, against the held-out rows or, without any, one half of the real rows against the other.

    Beside it the spacing of the synthetic rows: their mean distance to the nearest other one over that of as many real
    rows. Where a few samples are repeated it is small; where rows are thrown anywhere it is above 1.
    """
    most = pairwise_rows(c.real.features.shape[1])
    values, spacings = [], []
    for split in range(N_DISTINCT):
        rng = numpy_generator(c.seed, "distinct", split)
        real = at_most(c.real, most, rng).features
        spacings.append(_spacing(real, c.synthetic.features, rng))
        if c.unseen is not None and len(c.unseen) >= 2:
            unseen = at_most(c.unseen, most, rng).features
        else:
            order = rng.permutation(len(real))
            real, unseen = real[order[: len(real) // 2]], real[order[len(real) // 2 :]]
        fake, n_hit = c.synthetic.features, min(len(c.synthetic), len(unseen))
        values.append(distinct_neighbours(real, fake, unseen, random_state=int(rng.integers(2**32))))
    value, spread = float(np.mean(values)), float(np.std(values))
    more: dict[str, Any] = {
        "remark": f"where {n_hit} rows are looked up",
        "details": {"spacing": float(np.mean(spacings))},
    }
    if c.n_resamples == 0:
        return Estimate(value, **more)
    return Estimate(value, max(0.0, min(values) - spread), max(values) + spread, **more)


def _spacing(real: Floats, fake: Floats, rng: np.random.Generator) -> float:
    n = min(len(real), len(fake), SPACED_ROWS)
    apart = [float(radii(rows[rng.choice(len(rows), n, replace=False)], 1).mean()) for rows in (real, fake)]
    return apart[1] / apart[0] if apart[0] > 0 else 1.0


measure_precision, measure_recall, measure_coverage = (_mean_of(part) for part in ("inside", "reached", "visited"))
measure_density = _mean_of("crowd", (0.0, np.inf))
