"""How close the distribution of synthetic samples is to that of real ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganaug.surroundings import own_surroundings

__all__ = ["energy_quality", "mean_distance", "two_sample_auc"]


@own_surroundings
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


@own_surroundings
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


@own_surroundings
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
