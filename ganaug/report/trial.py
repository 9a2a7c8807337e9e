"""Whether a classifier gains from the samples, where no held-out samples were given."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from ganaug.estimators.tabular import TabularGAN
from ganaug.metrics import evaluate
from ganaug.metrics.features import n_rows, take_rows
from ganaug.report.sampling import Drawn
from ganaug.summaries import label_text
from ganaug.utils.seeding import child_seed, numpy_generator

__all__ = ["tried_utility"]

# Of each class so much is tested on, and the rest taught; a class of fewer rows is only taught.
TESTED, LEAST_OF_CLASS = 0.3, 4
# A generator is trained a second time, without the rows that are tested on, where that takes seconds.
MOST_ROWS, MOST_COLUMNS, MOST_STEPS, LEAST_TO_TRAIN = 2000, 60, 1000, 30

Results = dict[str, dict[str, Any]]


def tried_utility(X: Any, labels: tuple[Any, Any], drawn: Drawn, seed: int, n_resamples: int) -> tuple[Results, str]:
    """Utility by a split of the real samples themselves.

    Parameters
    ----------
    X : table, images or series of n rows
        Real samples.
    labels : (array-like of shape (n,) or None, array-like or None)
        Of the real and of the synthetic samples.
    drawn : Drawn
        The synthetic samples, and what made them.
    seed, n_resamples : int

    Returns
    -------
    results : dict
        As of `evaluate`; "details" have "tested_on": "refitted" where a second generator, trained on the part that is
        taught, made the synthetic samples, and "seen" where the generator had seen what is tested on. Empty where
        nothing could be measured.
    why_not : str
        Then the reason.
    """
    y, y_syn = labels
    if y is None or y_syn is None:
        return {}, "that needs the labels of the real and of the synthetic {things}"
    codes, classes = pd.factorize(pd.Series(np.asarray(y)).astype(object), sort=False)
    if len(classes) < 2:
        return {}, "there is one class only"
    taught, tested = _parts(codes, seed)
    if len(np.unique(codes[tested])) < 2:
        return {}, f"of all classes but one there are fewer than {LEAST_OF_CLASS} real {{things}}"
    own, labels_of = _picked(X, y, taught), pd.Series(np.asarray(y_syn)).astype(object)
    X_syn, tested_on = drawn.X, "seen"
    if _is_quick(drawn.generator, X, codes[taught]):
        X_syn, labels_of, tested_on = (*_refitted(drawn.generator, *own, labels_of, seed), "refitted")
    results = evaluate(
        own[0],
        X_syn,
        own[1],
        labels_of,
        *_picked(X, y, tested),
        metrics="utility",
        random_state=seed,
        n_resamples=n_resamples,
    )
    for entry in results.values():
        for one in (entry, *entry["by_class"].values()):
            one["details"] = {**one["details"], "tested_on": tested_on}
            if tested_on == "seen":
                one["note"] = one["note"].replace("held-out rows", "real rows that the generator saw")
    return results, ""


def _parts(codes: npt.NDArray[np.int64], seed: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows to teach and rows to test on, of each class in the same shares."""
    rng = numpy_generator(seed, "tested")
    tested = []
    for code in range(int(codes.max()) + 1):
        rows = rng.permutation(np.flatnonzero(codes == code))
        n = max(1, round(TESTED * len(rows))) if len(rows) >= LEAST_OF_CLASS else 0
        tested.append(rows[:n])
    test = np.sort(np.concatenate(tested))
    return np.setdiff1d(np.arange(len(codes)), test), test


def _picked(X: Any, y: Any, rows: npt.NDArray[np.intp]) -> tuple[Any, Any]:
    return take_rows(X, rows), take_rows(y if hasattr(y, "iloc") else np.asarray(y), rows)


def _is_quick(generator: Any, X: Any, codes: npt.NDArray[np.int64]) -> bool:
    """Whether there is a GAN that can be trained again on these rows in seconds, and in the same way each time."""
    if type(generator) is not TabularGAN or generator.max_time is not None or generator.callbacks:
        return False
    n_columns = X.shape[1] if hasattr(X, "shape") else len(X[0])
    small = n_rows(X) <= MOST_ROWS and n_columns <= MOST_COLUMNS and generator.max_steps <= MOST_STEPS
    return small and int(np.bincount(codes).min()) >= LEAST_TO_TRAIN


def _refitted(generator: Any, X: Any, y: Any, y_syn: pd.Series, seed: int) -> tuple[Any, Any]:
    """As many samples of each class by the same kind of generator, which saw these rows only."""
    again = clone(generator)
    plain: dict[str, Any] = {"random_state": child_seed(seed, "again") % 2**31, "verbose": False, "warm_start": False}
    if "checkpoint" in again.get_params():
        plain["checkpoint"] = None
    again.set_params(**plain).fit(X, y)
    counts = {label: int(n) for label, n in y_syn.value_counts().items()}
    order = sorted(counts, key=label_text)
    X_syn, made = again.sample(
        {label: counts[label] for label in order}, random_state=child_seed(seed, "sample") % 2**31
    )
    return X_syn, pd.Series(np.asarray(made)).astype(object)
