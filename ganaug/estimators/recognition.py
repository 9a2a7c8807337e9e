"""Whether the class of a generator's samples is recognised by a judge of real ones, as a part of `quality_`.

The energy distance hardly sees whether two classes were exchanged where they differ little: it compares whole
distributions, and most of what varies in them does not tell the classes apart. A judge looks at nothing else. It
learns from half of the real samples and is asked about the other half (or from trees about the rows that they
did not see), so that what it gives to real samples is what it would give to unseen ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier
from torch import Tensor

from ganaug.training.train_state import Decode, undecoded
from ganaug.utils.determinism import child_seed, numpy_generator
from ganaug.utils.types import Array, DoubleArray, IntArray

__all__ = ["ClassJudge", "ClassScale", "even_halves", "even_rows", "forest_judge", "halves_judge"]

# Samples of all classes together that a judge learns from and is tried on, and at least of each class.
MOST_ROWS, FEWEST_OF_CLASS = 2000, 64
# A class of fewer samples, or one that a judge gives hardly more than any other, is not judged.
MIN_ROWS, LEAST_TOLD = 10, 0.05
# Standard errors by which the judge may be mistaken.
SURE = 2.0
# Of what a judge gives to real samples more than to a mixture this share is enough: its borders follow the real
# samples closely, and those of a good generator are a little smoother.
ENOUGH = 0.8
TREES, LEAST_LEAF = 32, 5

Probabilities = Callable[[Tensor], Tensor]  # networks' samples (B, ...) -> (B, n_conditions)


@dataclass(frozen=True)
class ClassScale:
    """What a judge gives to each class: to samples of it, and to samples of all classes evenly mixed.

    Attributes
    ----------
    own, mixed, error : ndarray of shape (n_conditions,), float64
        Mean probability of a class for unseen real samples of it and of an even mixture of all; the standard error of
        the first.
    told : ndarray of shape (n_conditions,), bool
        Which classes it recognises.
    """

    own: DoubleArray
    mixed: DoubleArray
    error: DoubleArray
    told: Array

    @classmethod
    def of(cls, shares: Array, y: IntArray, n_conditions: int) -> ClassScale:
        """From probabilities (n, n_conditions) for real samples that the judge had not seen, and their classes."""
        counts = np.bincount(y, minlength=n_conditions)
        present = np.flatnonzero(counts)
        means = np.stack([shares[y == k].mean(0) for k in present])  # (present, n_conditions)
        own, error = np.zeros(n_conditions), np.full(n_conditions, np.inf)
        for place, k in enumerate(present):
            own[k] = means[place, k]
            if counts[k] >= MIN_ROWS:
                error[k] = shares[y == k, k].std(ddof=1) / np.sqrt(counts[k])
        mixed = means.mean(0)
        told = own - mixed > np.maximum(LEAST_TOLD, SURE * error)
        return cls(own, mixed, error, told)

    def share(self, condition: int, given: Array) -> float | None:
        """How much of a class is in samples to which a judge gave these probabilities of it; None: cannot be said.

        0 for samples of all classes, evenly mixed; 1 where they get `ENOUGH` of what real ones get beyond that, or less
        by no more than chance explains.

        Examples
        --------
        >>> import numpy as np
        >>> from ganaug.estimators.recognition import ClassScale
        >>> y = np.repeat([0, 1], 50)
        >>> scale = ClassScale.of(np.where(y[:, None] == [0, 1], 0.9, 0.1), y, 2)
        >>> scale.share(1, np.full(50, 0.9)), round(scale.share(1, np.full(50, 0.6)), 2)
        (1.0, 0.31)
        """
        if not self.told[condition]:
            return None
        if not np.isfinite(given).all():
            return 0.0
        chance = SURE * np.hypot(self.error[condition], np.std(given) / np.sqrt(len(given)))
        found = (np.mean(given) + chance - self.mixed[condition]) / (self.own[condition] - self.mixed[condition])
        return float(np.clip(found / ENOUGH, 0.0, 1.0))


@dataclass(frozen=True)
class ClassJudge:
    """A judge, and what it gives to real samples.

    Attributes
    ----------
    probabilities : callable
        Of the classes, for samples as networks see them. (B, ...) -> (B, n_conditions).
    scale : ClassScale
    """

    probabilities: Probabilities
    scale: ClassScale

    def share(self, condition: int, given: Sequence[Tensor]) -> float | None:
        """`ClassScale.share` of what `probabilities` gave, in parts."""
        return self.scale.share(condition, torch.cat(list(given))[:, condition].double().cpu().numpy())


def even_rows(y: IntArray, n_conditions: int, seed: int, most: int = MOST_ROWS) -> IntArray:
    """Rows in order, as many of each class as there are or as fit into ``most``."""
    each = max(FEWEST_OF_CLASS, most // n_conditions)
    rng = numpy_generator(seed, "judged rows")
    return np.sort(np.concatenate([rng.permutation(np.flatnonzero(y == k))[:each] for k in range(n_conditions)]))


def even_halves(y: IntArray, seed: int) -> Array:
    """Half of each class by chance: True or False for each row."""
    rng, half = numpy_generator(seed, "halves"), np.zeros(len(y), bool)
    for k in np.unique(y):
        half[rng.permutation(np.flatnonzero(y == k))[::2]] = True
    return half


def forest_judge(x: Array, y: IntArray, n_conditions: int, seed: int, decode: Decode = undecoded) -> ClassJudge | None:
    """A judge of rows: trees, each tried on the rows that it did not see.

    Parameters
    ----------
    x : ndarray of shape (n, ...)
        Encoded samples.
    y : ndarray of shape (n,), int64
        Their conditions.
    n_conditions, seed : int
    decode : callable
        From encoded samples to the networks' floats.

    Returns
    -------
    ClassJudge or None
        None where there is one class, or none is recognised.
    """
    rows = even_rows(y, n_conditions, seed)
    x, y = _floats(decode(torch.from_numpy(x[rows]))), y[rows]
    if len(np.unique(y)) < 2 or not x.shape[1]:
        return None
    forest = RandomForestClassifier(
        TREES,
        min_samples_leaf=LEAST_LEAF,
        class_weight="balanced",
        bootstrap=True,
        n_jobs=1,
        random_state=child_seed(seed, "forest") % 2**32,
    ).fit(x, y)
    votes, seen = np.zeros((len(x), n_conditions)), np.zeros(len(x))
    for tree, inside in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        unseen = np.ones(len(x), bool)
        unseen[inside] = False
        votes[np.ix_(unseen, forest.classes_)] += tree.predict_proba(x[unseen])
        seen += unseen
    known = seen > 0
    scale = ClassScale.of(votes[known] / seen[known, None], y[known], n_conditions)

    def probabilities(samples: Tensor) -> Tensor:
        found = np.full((len(samples), n_conditions), np.nan)
        array = _floats(samples)
        fine = np.isfinite(array).all(1)
        if fine.any():
            found[np.ix_(fine, forest.classes_)] = forest.predict_proba(array[fine])
            found[np.ix_(fine, np.setdiff1d(np.arange(n_conditions), forest.classes_))] = 0.0
        return torch.from_numpy(found)

    return ClassJudge(probabilities, scale) if scale.told.any() else None


def _floats(samples: Tensor) -> Array:
    array: Array = samples.flatten(1).float().cpu().numpy()
    return array


def halves_judge(
    fitted: Callable[[IntArray, int], Probabilities],
    asked: Callable[[Probabilities, IntArray], Array],
    y: IntArray,
    n_conditions: int,
    seed: int,
) -> ClassJudge | None:
    """A judge of two halves: each is tried on the half that it did not see, and samples get the mean of both.

    Parameters
    ----------
    fitted : callable ``(rows, seed) -> probabilities``
        Learns from these real samples.
    asked : callable ``(probabilities, rows) -> (n, n_conditions)``
        What it gives to these real samples.
    y : ndarray of shape (n,), int64
        Conditions of all real samples.
    n_conditions, seed : int

    Returns
    -------
    ClassJudge or None
        None where there is one class, or none is recognised.
    """
    rows = even_rows(y, n_conditions, seed)
    half = even_halves(y[rows], seed)
    if min(len(np.unique(y[rows][half])), len(np.unique(y[rows][~half]))) < 2:
        return None
    judges, shares = [], np.zeros((len(rows), n_conditions))
    for place, own in enumerate((half, ~half)):
        judges.append(fitted(rows[own], child_seed(seed, "half", place)))
        shares[~own] = asked(judges[-1], rows[~own])
    scale = ClassScale.of(shares, y[rows], n_conditions)

    def probabilities(samples: Tensor) -> Tensor:
        return torch.stack([judge(samples) for judge in judges]).mean(0)

    return ClassJudge(probabilities, scale) if scale.told.any() else None
