"""Distributions of whole rows: how far synthetic ones are from real ones, and whether they cover what these cover."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ganaug.exceptions import InvalidDataError
from ganaug.metrics.features import (
    Estimate,
    Floats,
    distances_in_chunks,
    estimate,
    mean_estimate,
    nearest,
    neighbours_for,
    pairwise_rows,
    radii,
    uniform,
    weighted_auc,
)
from ganaug.metrics.sample_pair import SHARE, SamplePair, at_most
from ganaug.utils.determinism import isolated, numpy_generator

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "Surroundings",
    "compared_by_kernel",
    "compared_by_moments",
    "coverage",
    "density",
    "distinct_neighbours",
    "energy_quality",
    "frechet_distance",
    "gives_away",
    "held_out_scores",
    "kernel_distance",
    "mean_distance",
    "measure_coverage",
    "measure_density",
    "measure_distinct",
    "measure_frechet",
    "measure_kernel",
    "measure_precision",
    "measure_recall",
    "measure_two_sample",
    "precision",
    "recall",
    "surroundings",
    "two_sample_auc",
]

# --------------------------------------------------------------------------------------
# Fidelity of whole rows: how far the distribution of synthetic samples is from that of real ones.


CLASSIFIED_ROWS, KERNEL_ROWS = 1000, 1000
# Wider features are reduced to the real rows' principal components before covariances are compared.
MAX_MOMENTS, REDUCED = 128, 64
N_TREES = 50
# From this AUC on it is looked up by which columns a forest tells the samples apart.
TELLING = 0.8

Compared = Callable[[Floats, Floats], float]


@isolated
def frechet_distance(real: npt.ArrayLike, fake: npt.ArrayLike) -> float:
    """Frechet distance of the normal distributions with the samples' moments; lower is better.

    |mu_r - mu_f|^2 + tr(S_r + S_f - 2 (S_r S_f)^(1/2)) with mu the means and S the covariances (over n - 1).
    On features of an Inception network this is the FID.

    Parameters
    ----------
    real : array-like of shape (n, d)
        Features.
    fake : array-like of shape (m, d)

    Returns
    -------
    float
        In squared units of the features, in [0, inf): 0 is the same mean and covariance. Few rows
        make it larger, by about ``d^2 / (4 n)`` for features of unit variance and n = m rows: compare
        it only with others of as many rows, and with what real rows get against real ones.

    References
    ----------
    Dowson and Landau (1982), J. Multivariate Anal. 12; Heusel et al. (2017), arXiv:1706.08500.

    Examples
    --------
    >>> from ganaug.metrics import frechet_distance
    >>> frechet_distance([[0.0], [2.0]], [[3.0], [5.0]])
    9.0
    """
    real, fake = _checked(real, fake)
    return compared_by_moments(real, fake)(uniform(len(real)), uniform(len(fake)))


@isolated
def kernel_distance(real: npt.ArrayLike, fake: npt.ArrayLike) -> float:
    """Squared maximum mean discrepancy under a polynomial kernel, unbiased; lower is better.

    mean_{i!=j} k(r_i, r_j) + mean_{i!=j} k(f_i, f_j) - 2 mean_{i,j} k(r_i, f_j), k(a, b) = (a.b / d + 1)^3.
    On features of an Inception network this is the KID.

    Parameters
    ----------
    real : array-like of shape (n, d)
        Features.
    fake : array-like of shape (m, d)

    Returns
    -------
    float
        In (-inf, inf), in units of the kernel: 0 on average for samples of one distribution, whatever
        their size, and so a little below as often as above.

    References
    ----------
    Gretton et al. (2012), JMLR 13; Binkowski et al. (2018), arXiv:1801.01401.

    Examples
    --------
    >>> from ganaug.metrics import kernel_distance
    >>> kernel_distance([[0.0], [0.0]], [[1.0], [1.0]])
    7.0
    """
    real, fake = _checked(real, fake)
    return compared_by_kernel(real, fake)(uniform(len(real)), uniform(len(fake)))


def compared_by_moments(real: Floats, fake: Floats) -> Compared:
    """`frechet_distance` as a function of the rows' weights."""
    centre = real.mean(0)  # features far from the origin would lose their digits
    one, two = real - centre, fake - centre

    def distance(w_real: Floats, w_fake: Floats) -> float:
        (mean_r, root_r), (mean_f, root_f) = _moments(one, w_real), _moments(two, w_fake)
        # tr (S_r S_f)^(1/2) with S = A'A is the sum of the singular values of A_r A_f'
        shared = np.linalg.svd(root_r @ root_f.T, compute_uv=False).sum()
        moved = ((mean_r - mean_f) ** 2).sum()
        return max(0.0, float(moved + (root_r**2).sum() + (root_f**2).sum() - 2 * shared))

    return distance


def compared_by_kernel(real: Floats, fake: Floats) -> Compared:
    """`kernel_distance` as a function of the rows' weights; a row is never paired with itself drawn again."""
    width = max(1, real.shape[1])
    within_r, within_f, across = ((a @ b.T / width + 1) ** 3 for a, b in ((real, real), (fake, fake), (real, fake)))
    np.fill_diagonal(within_r, 0)
    np.fill_diagonal(within_f, 0)

    def distance(w_real: Floats, w_fake: Floats) -> float:
        pairs_r, pairs_f = 1 - (w_real**2).sum(), 1 - (w_fake**2).sum()
        if min(pairs_r, pairs_f) <= 1e-12:
            return float("nan")
        of_real = w_real @ within_r @ w_real / pairs_r
        of_fake = w_fake @ within_f @ w_fake / pairs_f
        return float(of_real + of_fake - 2 * w_real @ across @ w_fake)

    return distance


def _moments(X: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Mean, and a matrix A of at most d rows with A'A the covariance. (n, d), (n,) -> (d,), (r, d)."""
    mean = weights @ X
    n = len(X)
    A = (X - mean) * np.sqrt(weights * n / (n - 1))[:, None]
    return mean, np.asarray(np.linalg.qr(A, mode="r")) if n > X.shape[1] else A


def _checked(real: npt.ArrayLike, fake: npt.ArrayLike) -> tuple[Floats, Floats]:
    one, two = np.asarray(real, float), np.asarray(fake, float)
    if one.ndim != 2 or two.ndim != 2 or one.shape[1] != two.shape[1] or min(len(one), len(two)) < 2:
        raise InvalidDataError(
            f"cannot compare features of shapes {one.shape} and {two.shape}: "
            "give two matrices of two or more rows and as many columns"
        )
    return one, two


@isolated
def mean_distance(a: Tensor, b: Tensor | None = None) -> float:
    """Mean Euclidean distance between rows.

    Parameters
    ----------
    a : Tensor of shape (n, d)
    b : Tensor of shape (m, d) or None
        None takes the pairs within ``a``, a row with itself left out.

    Returns
    -------
    float
        In the units of the columns; 0 if there is no pair.
    """
    import torch  # the one measure of tensors; tables need no torch

    # cdist expands |p - q|^2, which far from the origin loses its digits: move the rows there first.
    centre = a.mean(0, keepdim=True)
    if b is not None:
        return float(torch.cdist(a - centre, b - centre).mean())
    n = len(a)
    a = a - centre
    return float(torch.cdist(a, a).sum()) / (n * (n - 1)) if n > 1 else 0.0


@isolated
def energy_quality(real: Tensor, fake: Tensor, *, real_spread: float | None = None) -> float:
    """One minus the normalised energy distance of two samples; higher is better.

    ``1 - (2 E|X - Y| - E|X - X'| - E|Y - Y'|) / (2 E|X - Y|)`` with X real and Y
    fake. It needs no features, bandwidth or training, sees every kind of
    difference between distributions, and is steady with a few dozen rows.

    Parameters
    ----------
    real : Tensor of shape (n, d)
    fake : Tensor of shape (m, d)
    real_spread : float, optional
        ``E|X - X'|`` where it is known already.

    Returns
    -------
    float
        In [0, 1], without units: 1 where the samples have one distribution (a little more by chance,
        as the estimate is unbiased), 0 where they have nothing in common.

    References
    ----------
    Szekely and Rizzo (2013), Energy statistics, J. Stat. Plan. Inference 143.

    Examples
    --------
    >>> import torch
    >>> from ganaug.metrics import energy_quality
    >>> real = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    >>> energy_quality(real, real + 10) < 0.3
    True
    """
    across = mean_distance(real, fake)
    if across == 0.0:
        return 1.0
    within = mean_distance(real) if real_spread is None else real_spread
    return (within + mean_distance(fake)) / (2 * across)


@isolated
def two_sample_auc(real: npt.ArrayLike, fake: npt.ArrayLike, *, random_state: int = 0, n_folds: int = 3) -> float:
    """Area under the ROC curve of a classifier that tells synthetic rows from real ones; lower is better.

    A random forest, scored on folds it was not trained on (classifier
    two-sample test; Lopez-Paz and Oquab 2017).

    Parameters
    ----------
    real : array-like of shape (n, d)
        Real rows that the generator was not trained on.
    fake : array-like of shape (m, d)
        Synthetic rows.
    random_state : int, default=0
        Seed of folds and forest.
    n_folds : int, default=3
        Folds of the cross-validation.

    Returns
    -------
    float
        In [0, 1], a probability: 0.5 where the forest cannot tell, 1.0 where it always can. Its standard error
        is about ``0.29 sqrt(1/n + 1/m)``: with 50 rows each, 0.6 is still chance.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug.metrics import two_sample_auc
    >>> rng = np.random.default_rng(0)
    >>> two_sample_auc(rng.normal(size=(90, 2)), 9 + rng.normal(size=(90, 2)))
    1.0
    """
    from sklearn.metrics import roc_auc_score

    guess = held_out_scores(real, fake, random_state=random_state, n_folds=n_folds)
    return float(roc_auc_score(np.arange(len(guess)) < len(np.asarray(real)), guess))


def held_out_scores(
    real: npt.ArrayLike, fake: npt.ArrayLike, *, random_state: int = 0, n_folds: int = 3, n_trees: int = 100
) -> npt.NDArray[np.float64]:
    """What `two_sample_auc` ranks: probability of being real, of the real rows and then of the fake ones. (n + m,)."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    real, fake = np.asarray(real), np.asarray(fake)
    rows = np.concatenate([real, fake])
    is_real = np.r_[np.ones(len(real)), np.zeros(len(fake))]
    forest = RandomForestClassifier(n_trees, min_samples_leaf=3, class_weight="balanced", random_state=random_state)
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=random_state)
    scores: npt.NDArray[np.float64] = cross_val_predict(forest, rows, is_real, cv=folds, method="predict_proba")[:, 1]
    return scores


def gives_away(real: npt.ArrayLike, fake: npt.ArrayLike, *, random_state: int, n_trees: int) -> npt.NDArray[np.float64]:
    """How much each column helps a forest to tell real rows from fake ones; sums to 1. (d,)."""
    from sklearn.ensemble import RandomForestClassifier

    real, fake = np.asarray(real), np.asarray(fake)
    forest = RandomForestClassifier(n_trees, min_samples_leaf=3, class_weight="balanced", random_state=random_state)
    forest.fit(np.concatenate([real, fake]), np.r_[np.ones(len(real)), np.zeros(len(fake))])
    shares: npt.NDArray[np.float64] = forest.feature_importances_
    return shares


# ---- of a pair of samples --------------------------------------------------------------------------


def measure_two_sample(c: SamplePair) -> Estimate:
    """`two_sample_auc` on features; where it is high, by which columns the forest tells them apart."""
    real, fake = c.at_most(CLASSIFIED_ROWS)
    n = len(real)
    scores = held_out_scores(real.features, fake.features, random_state=c.seed % 2**32, n_trees=N_TREES)

    def auc(w_real: Floats, w_fake: Floats) -> float:
        return weighted_auc(scores[:n], scores[n:], w_real, w_fake)

    found = estimate(auc, (n, len(fake)), **c.options())
    if found.value <= TELLING or not c.widths:
        return found
    seed = c.seed % 2**32
    shares = gives_away(real.features, fake.features, random_state=seed, n_trees=N_TREES)
    ends = np.cumsum(c.widths)
    columns = {
        kind.name: round(float(shares[end - width : end].sum()), 4)
        for kind, width, end in zip(c.kinds, c.widths, ends, strict=True)
    }
    return replace(found, details={"columns": columns})


def measure_frechet(c: SamplePair) -> Estimate:
    """`frechet_distance` of the features."""
    real, fake, remark = c.real.features, c.synthetic.features, ""
    if real.shape[1] > MAX_MOMENTS:
        from sklearn.decomposition import PCA

        pca = PCA(min(REDUCED, *real.shape), svd_solver="randomized", random_state=c.seed % 2**32)
        pca.set_output(transform="default").fit(real)
        remark = f"on the {pca.n_components_} largest principal components of {real.shape[1]} features"
        real, fake = pca.transform(real), pca.transform(fake)
    return estimate(compared_by_moments(real, fake), c.sizes, **c.options((0.0, np.inf), remark=remark))


def measure_kernel(c: SamplePair) -> Estimate:
    """`kernel_distance` of the features."""
    real, fake = c.at_most(KERNEL_ROWS)
    compared = compared_by_kernel(real.features, fake.features)
    return estimate(compared, (len(real), len(fake)), **c.options((-np.inf, np.inf)))


# --------------------------------------------------------------------------------------
# Diversity: whether synthetic rows lie where real ones do, and whether they go everywhere that real ones go.


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
