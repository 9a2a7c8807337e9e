"""Fidelity of whole rows: how far the distribution of synthetic samples is from that of real ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganaug.exceptions import InvalidDataError
from ganaug.metrics.nearest import Estimate, Floats, estimate, uniform, weighted_auc
from ganaug.metrics.sample_pair import SamplePair
from ganaug.utils.isolation import isolated

__all__ = [
    "compared_by_kernel",
    "compared_by_moments",
    "energy_quality",
    "frechet_distance",
    "gives_away",
    "held_out_scores",
    "kernel_distance",
    "mean_distance",
    "measure_frechet",
    "measure_kernel",
    "measure_two_sample",
    "two_sample_auc",
]

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
