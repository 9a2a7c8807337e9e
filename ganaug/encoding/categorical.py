"""Encodings of categories: one-hot, and shared embeddings for columns of many levels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from scipy.spatial import cKDTree

from ganaug.encoding.dtypes import NEVER_MISSING, ColumnModel, ColumnValues
from ganaug.encoding.quantiles import FastSearch, normal_scores
from ganaug.encoding.serialization import AS_IT_IS, StoredField
from ganaug.exceptions import InvalidDataError, ModelFileError
from ganaug.utils.determinism import numpy_generator
from ganaug.utils.types import Array, Arrays, Config, State

__all__ = ["HighCardinalityModel", "OneHotModel", "check_known", "check_observed"]

# --------------------------------------------------------------------------------------
# Columns of few levels: one indicator for each observed level and one for missing.


@dataclass(frozen=True)
class OneHotModel(ColumnModel):
    """One-hot encoding over observed level codes.

    Attributes
    ----------
    observed : ndarray of shape (k,), dtype int64
        Level codes that occurred, increasing. Levels that never occurred cost nothing and never come out.
    n_levels : int
        Levels of the column's dtype, observed or not.
    missing : bool
        Whether missing is a state.
    once : int
        How many levels occur in one row only.
    """

    observed: Array
    n_levels: int
    missing: bool
    once: int = 0

    CONFIG: ClassVar[Mapping[str, StoredField]] = dict.fromkeys(("n_levels", "missing", "once"), AS_IT_IS)
    ARRAYS: ClassVar[tuple[str, ...]] = ("observed",)

    @property
    def n_scalars(self) -> int:
        """None."""
        return 0

    @property
    def n_states(self) -> int:
        """Observed levels and missing."""
        return len(self.observed) + int(self.missing)

    @classmethod
    def fit(cls, cells: ColumnValues, n_levels: int) -> OneHotModel:
        """Learn which levels occur."""
        counts = np.bincount(cells.present(), minlength=n_levels)
        return cls(np.flatnonzero(counts), n_levels, cells.missing is not None, int((counts == 1).sum()))

    def encode(self, cells: ColumnValues) -> tuple[Array, Array]:
        """No scalars, and states (n,) int64."""
        check_known(cells, self.missing)
        table = np.full(self.n_levels + 1, -1, dtype=np.int64)
        table[self.observed] = np.arange(len(self.observed))
        table[-1] = self.n_states - 1  # code -1 is missing
        return np.zeros((len(cells), 0), dtype=np.float32), table[cells.values]

    def decode(self, scores: Array, states: Array) -> ColumnValues:
        """Level codes of any states in 0..n_states."""
        codes = np.append(self.observed, -1)[states]
        return ColumnValues(codes, states == len(self.observed) if self.missing else None)

    def round_trip(self, scores: Array, states: Array) -> tuple[Array, Array]:
        """The encoding of what they decode to: themselves."""
        return scores, states

    def possible(self) -> tuple[Array, bool]:
        """Level codes that occur, and that these are all."""
        return self.observed, True

    def summary(self) -> dict[str, Any]:
        """Human-facing facts."""
        return {"n_levels": len(self.observed), "missing": self.missing, "once": self.once}

    def _check_state(self) -> None:
        check_observed(self.observed, self.n_levels)


def check_known(cells: ColumnValues, missing: bool) -> None:
    """Refuse a missing value where training had none."""
    if cells.missing is not None and not missing:
        raise InvalidDataError(NEVER_MISSING)


def check_observed(observed: Array, n_levels: int) -> None:
    """Refuse stored level codes that point at no level."""
    if len(observed) and not (observed.min() >= 0 and observed.max() < n_levels):
        raise ModelFileError("a stored level code points at no level")


# --------------------------------------------------------------------------------------
# Columns of many levels at bounded width: frequent levels as states, the rest by nearest code.
#
# The code of a level is a point in four dimensions: means of the other columns (and of the labels) over its rows,
# shrunk towards the overall mean, and its frequency. Similar levels get similar codes, so a generator that is slightly
# off still decodes to a sensible level. Each level takes a share of the code space in proportion to its share of
# the classes, each of which counts alike, so a generator that is far off still produces rare levels rarely.


_TOP, _TOP_SHARE, _TOP_ROWS = 16, 0.005, 5
_DIMENSIONS = 4
_PRIOR_ROWS = 10.0
_MAX_CONTEXT = 48
_NEAR_ENOUGH = 1.0
# A level of fewer rows gets the overall mean: its own would reveal what these rows are like.
_FEWEST_ROWS = 3
_FAR = 10.0
# The part of the code space that is shared evenly by all levels.
_LEAST_ROOM = 0.02


@dataclass(frozen=True)
class HighCardinalityModel(ColumnModel):
    """States for the frequent levels, one state for all others, and a code for each level.

    The states are, in this order: each frequent level, other, missing.

    Attributes
    ----------
    observed : ndarray of shape (k,), dtype int64
        Level codes that occurred; the ``n_top`` most frequent first.
    codes : ndarray of shape (k, 4), dtype float32
        The points, distinct in every dimension, each dimension normal scores.
    once : int
        How many levels occur in one row only.
    """

    observed: Array
    codes: Array
    n_top: int
    n_levels: int
    missing: bool
    once: int = 0

    CONFIG: ClassVar[Mapping[str, StoredField]] = dict.fromkeys(("n_top", "n_levels", "missing", "once"), AS_IT_IS)
    ARRAYS: ClassVar[tuple[str, ...]] = ("observed", "codes")

    @property
    def n_scalars(self) -> int:
        """The dimensions of the codes."""
        return _DIMENSIONS

    @property
    def n_states(self) -> int:
        """Frequent levels, other and missing."""
        return self.n_top + 1 + int(self.missing)

    @property
    def scored_state(self) -> int:
        """That of all levels that are not frequent."""
        return self.n_top

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.codes[self.n_top :], leafsize=32, balanced_tree=False)

    @cached_property
    def _by_first(self) -> tuple[Array, FastSearch, Array]:
        """To find exact codes: order by the first dimension, in which they are distinct, search, columns."""
        first = self.codes[self.n_top :, 0]
        order = np.argsort(first, kind="stable")
        return order, FastSearch(first[order].astype(np.float64)), np.ascontiguousarray(self.codes[self.n_top :].T)

    @classmethod
    def fit(
        cls, cells: ColumnValues, n_levels: int, context: Array, rows: Array, labels: Array | None, seed: int
    ) -> HighCardinalityModel:
        """Learn the codes.

        Parameters
        ----------
        cells : ColumnValues
            Level codes, (n,).
        n_levels : int
            Levels of the column's dtype.
        context : ndarray of shape (m, width), dtype float32
            The other columns, encoded, of some rows.
        rows : ndarray of shape (m,), dtype int64
            Which rows these are.
        labels : ndarray of shape (m,), dtype int64, or None
            Class codes of these rows.
        seed : int
            For the projection and for breaking ties.
        """
        rng = numpy_generator(seed, "codes")
        counts = np.bincount(cells.present(), minlength=n_levels)
        part = cells.take(rows)
        usual = _usual(part, labels, counts)
        order = np.lexsort((-counts, -usual))
        observed = order[: int((counts > 0).sum())]
        common = (usual[observed[:_TOP]] >= _TOP_SHARE) & (counts[observed[:_TOP]] >= _TOP_ROWS)
        n_top = max(0, min(int(common.cumprod().sum()), len(observed) - 1))  # some level stands for the others
        features = [_mean_per_level(part, view, n_levels) for view in _views(context, labels, rng)]
        features.append(usual)
        shares = np.where(np.arange(len(observed)) < n_top, 0, usual[observed])
        codes = [_distinct_scores(feature[observed], shares, rng) for feature in features]
        points = np.stack(codes, axis=1).astype(np.float32)
        return cls(observed, points, n_top, n_levels, cells.missing is not None, int((counts == 1).sum()))

    def encode(self, cells: ColumnValues) -> tuple[Array, Array]:
        """Codes (n, 4) float32 and states (n,) int64."""
        check_known(cells, self.missing)
        place = np.full(self.n_levels + 1, -1, dtype=np.int64)
        place[self.observed] = np.arange(len(self.observed))
        at = place[cells.values]
        scores, states = self.codes[at], np.minimum(at, self.n_top)
        if cells.missing is not None:
            scores[cells.missing] = 0
            states[cells.missing] = self.n_states - 1
        return scores, states

    def decode(self, scores: Array, states: Array) -> ColumnValues:
        """Level codes of any finite scores and any states in 0..n_states."""
        at = np.minimum(states, self.n_top)
        rest = states == self.n_top
        if rest.any():
            # an exact code finds itself; for others a near level is as good as the nearest
            at[rest] = self.n_top + self._nearest(scores[rest])
        codes = self.observed[at]
        if not self.missing:
            return ColumnValues(codes)
        missing = states == self.n_states - 1
        codes[missing] = -1
        return ColumnValues(codes, missing)

    def _nearest(self, points: Array) -> Array:
        """Places among the levels that are not frequent. (n, 4) -> (n,)."""
        order, first, columns = self._by_first
        near = order.take(first.searchsorted(points[:, 0].astype(np.float64)), mode="clip")
        # column by column: numpy is slow on many rows of four
        exact = columns[0].take(near) == points[:, 0]
        for column, own in zip(columns[1:], points.T[1:], strict=True):
            exact &= column.take(near) == own
        if not exact.all():
            near[~exact] = self._tree.query(points[~exact].clip(-_FAR, _FAR), eps=_NEAR_ENOUGH)[1]
        return near

    def round_trip(self, scores: Array, states: Array) -> tuple[Array, Array]:
        """The encoding of what they decode to."""
        return self.encode(self.decode(scores, states))

    def possible(self) -> tuple[Array, bool]:
        """Level codes that occur, and that these are all."""
        return self.observed, True

    def summary(self) -> dict[str, Any]:
        """Human-facing facts."""
        return {"n_levels": len(self.observed), "missing": self.missing, "once": self.once}

    def get_state(self) -> State:
        """Everything learnt; the codes in one row."""
        config, arrays = super().get_state()
        return config, arrays | {"codes": self.codes.ravel()}

    @classmethod
    def from_state(cls, config: Config, arrays: Arrays) -> Self:
        """The model that `get_state` took apart."""
        codes = arrays["codes"].reshape(len(arrays["observed"]), _DIMENSIONS)
        return super().from_state(config, arrays | {"codes": codes})

    def _check_state(self) -> None:
        check_observed(self.observed, self.n_levels)


def _usual(cells: ColumnValues, labels: Array | None, counts: Array) -> Array:
    """How common each level is: its share in a class, over all classes alike. A rare class has its own usual levels.

    Shrunken towards its share of all rows, for that of a level of few rows would tell which class these are of.
    """
    overall = np.asarray(counts / max(1, counts.sum()))
    if labels is None or not len(labels):
        return overall
    shares = np.zeros(len(counts))
    known = cells.values >= 0
    for label in np.unique(labels[known]):
        own = cells.values[known & (labels == label)]
        shares += np.bincount(own, minlength=len(counts)) / len(own)
    balanced = (shares + overall) / (shares.sum() + 1)  # of all rows too, for these may lack levels
    weight = np.where(counts < _FEWEST_ROWS, 0, counts / (counts + _PRIOR_ROWS))
    return np.asarray(weight * balanced + (1 - weight) * overall)


def _views(context: Array, labels: Array | None, rng: np.random.Generator) -> list[Array]:
    """Three numbers for each row: the label if there is one, then random projections of the context."""
    out = []
    if labels is not None and len(labels):
        n_classes = int(labels.max()) + 1
        weights = rng.standard_normal(n_classes) if n_classes > 2 else np.arange(n_classes, dtype=np.float64)
        out.append(weights[labels])
    while len(out) < _DIMENSIONS - 1:
        row = np.zeros(len(context), dtype=np.float64)
        # column by column: a matrix product's last bits depend on the number of threads
        columns = rng.permutation(context.shape[1])[:_MAX_CONTEXT]
        for column, weight in zip(columns, rng.standard_normal(len(columns)), strict=True):
            row += weight * context[:, column]
        out.append(row)
    return out


def _mean_per_level(cells: ColumnValues, numbers: Array, n_levels: int) -> Array:
    """Mean of each level, shrunk towards the mean over all rows. Memory: one number for each level."""
    codes = cells.present()
    if cells.missing is not None:
        numbers = numbers[~cells.missing]
    if not len(numbers):
        return np.zeros(n_levels)
    sums = np.bincount(codes, weights=numbers, minlength=n_levels)
    counts = np.bincount(codes, minlength=n_levels)
    mean = numbers.mean()
    return np.where(counts < _FEWEST_ROWS, mean, (sums + _PRIOR_ROWS * mean) / (counts + _PRIOR_ROWS))


def _distinct_scores(feature: Array, rows: Array, rng: np.random.Generator) -> Array:
    """Normal scores of the share of rows below each level, so that levels of few rows take little code space.

    Ties are broken at random and no level has a share of zero, so no two levels have the same code.
    """
    order = np.lexsort((rng.permutation(len(feature)), feature))
    room = rows[order] / (rows.sum() or 1.0) + _LEAST_ROOM / len(feature)
    scores = np.empty(len(feature))
    scores[order] = normal_scores((np.cumsum(room) - 0.5 * room) / room.sum())
    return scores
