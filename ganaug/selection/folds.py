"""Inner folds: each oversampler is fitted once, and every blend of what it made is tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold, check_cv
from sklearn.utils import _safe_indexing

from ganaug.estimators import options
from ganaug.exceptions import InvalidParameterError
from ganaug.parallel import run_tasks, side_by_side
from ganaug.seeding import child_seed
from ganaug.selection.blends import NONE, Blend, Pool, blended, pooled
from ganaug.selection.responses import Responses, record
from ganaug.types import IntArray

__all__ = ["Fold", "fitted", "held_out", "seeded", "splits"]


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


def splits(cv: Any, X: Any, y: npt.NDArray[Any], sizes: IntArray, seed: int) -> list[tuple[IntArray, IntArray]]:
    """Training and held-out rows of each fold; none where a class has a single row.

    Parameters
    ----------
    cv : int, splitter or iterable of (train, test)
        An integer is a number of shuffled, stratified folds, or as many as
        the smallest class has rows.

    Raises
    ------
    InvalidParameterError
        If it is none of these, or a fold would train without one of the classes.
    """
    if isinstance(cv, Integral):
        wanted = min(options.integer("cv", cv, 2), int(sizes.min()))
        if wanted < 2:
            return []
        cv = StratifiedKFold(wanted, shuffle=True, random_state=child_seed(seed, "folds") % 2**31)
    try:
        found = [(np.asarray(a), np.asarray(b)) for a, b in check_cv(cv, y, classifier=True).split(X, y)]
    except (TypeError, ValueError) as error:
        raise InvalidParameterError(f"cv={cv!r} cannot split these rows: {error}") from error
    if not found or any(len(np.unique(y[train])) < len(sizes) or not len(test) for train, test in found):
        raise InvalidParameterError("cv: every training part must hold every class, and every test part a row")
    return found


def held_out(
    estimator: Any,
    oversampler: Any,
    blends: Sequence[Blend],
    X: Any,
    y: npt.NDArray[Any],
    parts: Sequence[tuple[IntArray, IntArray]],
    seed: int,
    n_jobs: int | None,
) -> list[Fold]:
    """Try every blend in every fold.

    Parameters
    ----------
    estimator, oversampler : estimator
        Cloned for each fold.
    parts : sequence of (train, test)

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
        (estimator, oversampler, blends, X, y, train, test, child_seed(seed, "fold", i))
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
) -> Fold:
    X_train, y_train, X_test = _safe_indexing(X, train), y[train], _safe_indexing(X, test)
    pool = Pool(X_train, y_train, len(train), np.zeros(0))
    answers: dict[Blend, Responses] = {}
    # None comes first: what it refuses is refused before a GAN has been trained for minutes.
    for blend in blends:
        if blend.share > 0 and pool.X is X_train:
            pool = pooled(seeded(oversampler, seed), X_train, y_train, seed)
        if blend.share > 0 and not len(pool.turn):
            answers[blend] = answers[NONE]  # the classes were balanced already
            continue
        answers[blend] = record(fitted(estimator, pool, blend, seed), X_test)
    return Fold(test, [answers[blend] for blend in blends])


def fitted(estimator: Any, pool: Pool, blend: Blend, seed: int) -> Any:
    """A clone of the classifier, trained on a blend."""
    X, y, weights = blended(pool, blend)
    own = seeded(estimator, seed)
    return own.fit(X, y) if weights is None else own.fit(X, y, sample_weight=weights)


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
