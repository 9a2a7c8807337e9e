"""Distances between the distributions of two samples of features."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ganaug.exceptions import InvalidDataError
from ganaug.metrics.resampling import Floats, uniform
from ganaug.surroundings import own_surroundings

__all__ = ["compared_by_kernel", "compared_by_moments", "frechet_distance", "kernel_distance"]

Compared = Callable[[Floats, Floats], float]


@own_surroundings
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


@own_surroundings
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
