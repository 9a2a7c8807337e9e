"""How well the classes are told apart, each class weighing the same, and intervals over seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from ganaug.exceptions import InvalidDataError
from ganaug.utils.isolation import isolated

__all__ = ["SCORES", "class_scores", "half_width", "rare_classes", "recalls"]

Floats = npt.NDArray[np.float64]

# A class with at most this share of the largest one's training items is rare.
RARE = 0.1


def _shares(truth: npt.ArrayLike, predicted: npt.ArrayLike, n_classes: int) -> Floats:
    """Of the items of each class (row), the share taken for each class (column). (n,), (n,) -> (K, K)."""
    counts = np.zeros((n_classes, n_classes))
    np.add.at(counts, (np.asarray(truth), np.asarray(predicted)), 1)
    sizes = counts.sum(1)
    if not sizes.all():
        raise InvalidDataError(
            f"there is no test item of the class at place {int(sizes.argmin())}; every class needs one"
        )
    shares: Floats = counts / sizes[:, None]
    return shares


def _acsa(shares: Floats) -> float:
    return float(np.diag(shares).mean())


def _macro_f1(shares: Floats) -> float:
    # 2 TP / (2 TP + FP + FN), where TP + FN = 1 and TP + FP is the column's sum
    return float((2 * np.diag(shares) / (1 + shares.sum(0))).mean())


def _g_mean(shares: Floats) -> float:
    return float(np.prod(np.diag(shares)) ** (1 / len(shares)))


def _g_mean_ovr(shares: Floats) -> float:
    hit = np.diag(shares)
    specificity = 1 - (shares.sum(0) - hit) / (len(shares) - 1)
    return float(np.sqrt(hit * specificity).mean())


# name -> from the shares of `_shares`; all in [0, 1], higher is better
SCORES: dict[str, Callable[[Floats], float]] = {
    "acsa": _acsa,
    "macro_f1": _macro_f1,
    "g_mean": _g_mean,
    "g_mean_ovr": _g_mean_ovr,
}


@isolated
def class_scores(truth: npt.ArrayLike, predicted: npt.ArrayLike, n_classes: int) -> dict[str, float]:
    """Scores of predictions, as they would be on a test set with equally many items of each class.

    With R the shares of class c's items that were taken for k, TPR_c = R_cc and
    TNR_c = 1 - sum over k != c of R_kc / (K - 1)::

        acsa       = mean of TPR_c                  average class-specific accuracy, or balanced accuracy
        macro_f1   = mean of 2 TPR_c / (1 + sum over k of R_kc)
        g_mean     = (product of TPR_c)^(1 / K)      as in GAMO (Mullick et al. 2019)
        g_mean_ovr = mean of sqrt(TPR_c TNR_c)       as in DeepSMOTE (Dablain et al. 2023)

    The two geometric means are not comparable: the first is 0 where a single class is never recognised.

    Parameters
    ----------
    truth : array-like of shape (n,)
        Integers from 0 to K - 1; every class must be there.
    predicted : array-like of shape (n,)
    n_classes : int
        K.

    Returns
    -------
    dict
        Each in [0, 1], higher is better.

    Raises
    ------
    InvalidDataError
        If a class has no item.

    Examples
    --------
    >>> from ganaug.experiments.pixels import class_scores
    >>> class_scores([0, 0, 0, 0, 1], [0, 0, 0, 1, 1], 2)["acsa"]
    0.875
    """
    shares = _shares(truth, predicted, n_classes)
    return {name: score(shares) for name, score in SCORES.items()}


def recalls(truth: npt.ArrayLike, predicted: npt.ArrayLike, n_classes: int) -> Floats:
    """Accuracy on each class. (n,), (n,) -> (K,)."""
    return np.diag(_shares(truth, predicted, n_classes)).copy()


def rare_classes(counts: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Classes with at most a tenth of the largest one's items; the smallest one if there is none. (K,) -> (K,)."""
    sizes = np.asarray(counts)
    found: npt.NDArray[np.bool_] = sizes <= RARE * sizes.max()
    return found if found.any() else sizes == sizes.min()


def half_width(values: Sequence[float] | npt.ArrayLike, level: float = 0.95) -> float:
    """Half of Student's interval of the mean: t s / sqrt(n); NaN for a single value.

    Examples
    --------
    >>> from ganaug.experiments.pixels.scores import half_width
    >>> round(half_width([0.80, 0.81, 0.82]), 4)
    0.0248
    """
    known = np.asarray(values, float)
    n = len(known)
    if n < 2:
        return float("nan")
    return float(stats.t.ppf(0.5 + level / 2, n - 1) * known.std(ddof=1) / np.sqrt(n))
