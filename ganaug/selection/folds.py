"""Inner folds: each oversampler is fitted once, and every blend of what it made is tried."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, check_cv
from sklearn.utils import _safe_indexing

from ganaug.estimators import options
from ganaug.exceptions import InvalidParameterError
from ganaug.parallel import run_tasks, side_by_side
from ganaug.seeding import child_seed
from ganaug.selection.blends import NONE, Blend, Pool, blended, pooled
from ganaug.selection.responses import Responses, record
from ganaug.selection.weighting import Weighting
from ganaug.types import IntArray

__all__ = ["Fold", "fewest_groups", "fitted", "held_out", "of_kept_rows", "seeded", "splits"]


@dataclass(frozen=True)
class Fold:
    """Rows that were held out, and what each blend's classifier said of them.

    Attributes
    ----------
    rows : ndarray of int
    answers : list of Responses
        One for each blend.
    """

    rows: IntArray
    answers: list[Responses]


def splits(
    cv: Any, X: Any, y: npt.NDArray[Any], sizes: IntArray, seed: int, groups: npt.NDArray[Any] | None = None
) -> list[tuple[IntArray, IntArray]]:
    """Training and held-out rows of each fold; none where a class has a single row or group.

    Parameters
    ----------
    cv : int, splitter or iterable of (train, test)
        An integer is a number of shuffled, stratified folds, or as many as
        the smallest class has rows; with groups, as many as each class has groups.
    groups : ndarray of shape (n,), optional
        Rows of one group are never trained on and held out in the same fold.

    Raises
    ------
    InvalidParameterError
        If it is none of these, the splits are those of other rows, or a fold would train without one of the classes.
    """
    if isinstance(cv, Integral):
        fewest = int(sizes.min()) if groups is None else fewest_groups(y, groups)
        wanted, state = min(options.integer("cv", cv, 2), fewest), child_seed(seed, "folds") % 2**31
        if wanted < 2:
            return []
        kind = StratifiedKFold if groups is None else StratifiedGroupKFold
        cv = kind(wanted, shuffle=True, random_state=state)
    try:
        found = [(np.asarray(a), np.asarray(b)) for a, b in check_cv(cv, y, classifier=True).split(X, y, groups)]
    except (TypeError, ValueError) as error:
        advice = "; give fit(X, y, groups=...)" if groups is None and "groups" in str(error) else ""
        raise InvalidParameterError(f"cv={cv!r} cannot split these rows: {error}{advice}") from error
    found = [(_places(train, len(y)), _places(test, len(y))) for train, test in found]
    if not found or any(len(np.unique(y[train])) < len(sizes) or not len(test) for train, test in found):
        raise InvalidParameterError("cv: every training part must hold every class, and every test part a row")
    return found


def fewest_groups(y: npt.NDArray[Any], groups: npt.NDArray[Any]) -> int:
    """In how many groups the class occurs that occurs in the fewest."""
    return min(len(np.unique(groups[y == label])) for label in np.unique(y))


def _places(rows: npt.NDArray[Any], n: int) -> IntArray:
    """Row numbers of one part of a split, of which there are n in all."""
    if rows.dtype == bool and rows.shape == (n,):
        return np.flatnonzero(rows)
    if not len(rows):
        return np.zeros(0, np.int64)
    if rows.dtype.kind not in "iu" or rows.ndim != 1:
        raise InvalidParameterError(
            f"cv: a part of a split has dtype {rows.dtype} and shape {rows.shape}; give row numbers"
        )
    if rows.max() >= n or rows.min() < -n:
        raise InvalidParameterError(
            f"cv is a list of splits that names row {int(rows.max())}, and X has {n} rows: it was made for other rows "
            "(inside an outer cross-validation, X is only its training part). Give a splitter, such as "
            "StratifiedKFold(3), or StratifiedGroupKFold(3) and fit(X, y, groups=...)"
        )
    return np.asarray(rows, dtype=np.int64) % n


def of_kept_rows(cv: Any, X: Any, y: npt.NDArray[Any], kept: IntArray) -> Any:
    """What splits the rows that are kept as ``cv`` splits all of them: only a list of splits names rows.

    Parameters
    ----------
    cv : int, splitter or iterable of (train, test)
    kept : ndarray of int
        Rows of X that are left, in order.
    """
    if isinstance(cv, Integral) or hasattr(cv, "split") or not isinstance(cv, Iterable) or isinstance(cv, str):
        return cv
    new_place = np.full(len(y), -1, dtype=np.int64)
    new_place[kept] = np.arange(len(kept))
    parts = [[new_place[_places(np.asarray(rows), len(y))] for rows in split] for split in cv]
    return [(train[train >= 0], test[test >= 0]) for train, test in parts]


def held_out(
    estimator: Any,
    oversampler: Any,
    blends: Sequence[Blend],
    X: Any,
    y: npt.NDArray[Any],
    parts: Sequence[tuple[IntArray, IntArray]],
    seed: int,
    n_jobs: int | None,
    weights: npt.NDArray[np.float64] | None = None,
) -> list[Fold]:
    """Try every blend in every fold.

    Parameters
    ----------
    estimator, oversampler : estimator
        Cloned for each fold.
    parts : sequence of (train, test)
    weights : ndarray of shape (n,), optional
        Of the rows, where the classifier is trained.

    Returns
    -------
    list of Fold
    """
    if side_by_side(len(parts), n_jobs):
        bars = [
            name for name, value in oversampler.get_params().items() if name.endswith("verbose") and value == "auto"
        ]
        oversampler = clone(oversampler).set_params(**dict.fromkeys(bars, False))  # they would overwrite one another
    tasks = [
        (estimator, oversampler, blends, X, y, train, test, child_seed(seed, "fold", i), weights)
        for i, (train, test) in enumerate(parts)
    ]
    return run_tasks(_try_blends, tasks, n_jobs)


def _try_blends(
    estimator: Any,
    oversampler: Any,
    blends: Sequence[Blend],
    X: Any,
    y: npt.NDArray[Any],
    train: IntArray,
    test: IntArray,
    seed: int,
    weights: npt.NDArray[np.float64] | None,
) -> Fold:
    X_train, y_train, X_test = _safe_indexing(X, train), y[train], _safe_indexing(X, test)
    own = None if weights is None else weights[train]
    pool = Pool(X_train, y_train, len(train), np.zeros(0), own)
    answers: dict[Blend, Responses] = {}
    # None comes first: what it refuses is refused before a GAN has been trained for minutes.
    for blend in blends:
        if blend.share > 0 and pool.X is X_train:
            pool = pooled(seeded(oversampler, seed), X_train, y_train, seed, own)
        if blend.share > 0 and not len(pool.turn):
            answers[blend] = answers[NONE]  # the classes were balanced already
            continue
        answers[blend] = record(fitted(estimator, pool, blend, seed), X_test)
    return Fold(test, [answers[blend] for blend in blends])


def fitted(estimator: Any, pool: Pool, blend: Blend, seed: int) -> Any:
    """A clone of the classifier, trained on a blend."""
    X, y, weights = blended(pool, blend)
    own, takes = seeded(estimator, seed), Weighting.of(estimator)
    if weights is None or takes.rows is None:
        if blend.class_weight is not None:
            own.set_params(**{str(takes.classes): blend.class_weight})
        return own.fit(X, y)
    # the weights are handed to the step by name, which a Pipeline takes only where nothing is routed
    with config_context(enable_metadata_routing=False):
        return own.fit(X, y, **{takes.rows: weights})


def seeded(prototype: Any, seed: int) -> Any:
    """A clone whose seeds are set where they were None, the same for every blend: what differs is the rows."""
    own = clone(prototype)
    parameters = own.get_params(deep=True)
    unset = [
        name
        for name, value in parameters.items()
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    ]
    return own.set_params(**{name: child_seed(seed, name) % 2**31 for name in sorted(unset)})
