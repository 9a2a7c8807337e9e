"""The marginals of a class: what a generator makes of each column, moved to what the class's own rows have there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from ganaug.encoding.quantiles import FastSearch
from ganaug.encoding.table import argmax_rows
from ganaug.estimators.smoothing import ClassKernel
from ganaug.exceptions import ModelFileError
from ganaug.utils.state import expect
from ganaug.utils.types import Arrays, Block, BoolArray, DoubleArray, FloatArray, IntArray

__all__ = ["ClassMarginals", "TableSmoother"]

# Rows whose mean is a knot, at least, and knots of a column, at most: a knot tells nothing of a single row.
_ROWS_A_KNOT, _MOST_KNOTS = 8, 64
# Rows of a class that have a state, from which on it is made as often; of fewer it is only not made more often.
_SHARED = 4
# Rows that the generator's own share of a state counts as.
_PRIOR_ROWS = 10.0
_ROUNDS, _STEEPEST = 24, 12.0
# Rows that are not refused are compared with the class again, so often at most: not if they are few, nor where nearly
# all stay and every group is near.
_REFUSED_ROUNDS, _GENTLY, _FEWEST_KEPT, _MOSTLY_KEPT, _NEAR = 6, 0.7, 100, 0.9, 0.02

# ``active(rows)``: which numbers of encoded rows decoding reads. (n, width) -> (n, d).
Active = Callable[[FloatArray], BoolArray]
# A column, its knots, and how far each of these is moved.
Curve = tuple[int, FastSearch, DoubleArray]


class ClassMarginals:
    """Move each column of encoded rows of a class to where the class has it.

    A generator learns how columns depend on each other better than the shape of each. Numbers go through a monotone
    curve of their own, by which their quantiles become those of the class (quantile mapping: the dependence between
    columns, the copula, stays), and each state of a one-hot group gets an offset on its logit, by which it comes as
    often as in the class.

    Parameters
    ----------
    conditions : ndarray of shape (k,), int64
        Conditions that are moved.
    made, wanted : ndarray of shape (k, d, m), float32
        For each number the knots of its curve, increasing; NaN where there are fewer. Each is the mean of a few rows,
        ``made`` of those of the generator, ``wanted`` of those of the class at the same quantiles.
    offsets : ndarray of shape (k, width), float32
        Added to encoded rows of which one-hot groups hold logits. Zero for numbers.

    References
    ----------
    Panofsky and Brier (1968), Some Applications of Statistics to Meteorology (quantile mapping). Sklar (1959),
    Fonctions de repartition a n dimensions et leurs marges. Menon et al. (2021), Long-Tail Learning via Logit
    Adjustment.
    """

    ARRAYS = ("made", "wanted", "offsets")

    def __init__(self, conditions: IntArray, made: FloatArray, wanted: FloatArray, offsets: FloatArray) -> None:
        self.conditions, self.made, self.wanted, self.offsets = conditions, made, wanted, offsets

    @classmethod
    def fit(
        cls,
        x: FloatArray,
        y: IntArray,
        conditions: Sequence[int],
        blocks: Sequence[Block],
        active: Active,
        drawn: Callable[[int], FloatArray],
        kept: Callable[[int, FloatArray], BoolArray] | None = None,
    ) -> ClassMarginals:
        """Compare rows of each class with a generator's own.

        Parameters
        ----------
        x : ndarray of shape (n, width), float32
            Encoded rows of the training data.
        y : ndarray of shape (n,), int64
            Their conditions.
        conditions : sequence of int
            Those that will be drawn.
        blocks : sequence of Block
            Layout of the encoded row.
        active : callable
            Which numbers of encoded rows decoding reads. (n, width) -> (n, d).
        drawn : callable
            ``drawn(condition)``: rows of the generator, whose one-hot groups hold logits. (m, width).
        kept : callable, optional
            ``kept(condition, rows)``: which of its rows, moved, will not be refused. (m, width) -> (m,). What is
            compared with the class are these.
        """
        fits = [_Fit(x[y == condition], drawn(condition), blocks, active) for condition in conditions]
        checks = [None if kept is None else partial(kept, condition) for condition in conditions]
        curves = [fit.settled(check) for check, fit in zip(checks, fits, strict=True)]
        most = max((knots.shape[1] for own, _ in curves for knots in own), default=0)
        d = sum(block.width for block in blocks if block.tag == "scalar")
        made, wanted = np.full((2, len(conditions), d, most), np.nan, np.float32)
        for place, (own, _) in enumerate(curves):
            for column, knots in enumerate(own):
                made[place, column, : knots.shape[1]], wanted[place, column, : knots.shape[1]] = knots
        offsets = np.stack([offsets for _, offsets in curves])
        return cls(np.asarray(conditions, np.int64), made, wanted, offsets)

    def moved(self, rows: FloatArray, condition: int) -> FloatArray:
        """Rows of a class with its marginals. (n, width) -> (n, width)."""
        if condition not in self.conditions:
            return rows
        place = int(np.flatnonzero(self.conditions == condition)[0])
        return _moved(rows, self.offsets[place], self._searches[place])

    @cached_property
    def _searches(self) -> list[list[Curve]]:
        sides = zip(self.made, self.wanted, strict=True)
        return [
            _searches(np.stack([a[np.isfinite(a)], b[np.isfinite(b)]]) for a, b in zip(*pair, strict=True))
            for pair in sides
        ]

    def arrays(self) -> Arrays:
        """What a file keeps of it."""
        return {name: getattr(self, name) for name in self.ARRAYS}

    @classmethod
    def of_arrays(cls, arrays: Arrays, blocks: Sequence[Block], conditions: Sequence[int]) -> ClassMarginals:
        """The counterpart of `arrays`, for rows of this layout.

        Raises
        ------
        ModelFileError
            If the arrays fit neither one another nor the layout.
        """
        k, d = len(conditions), sum(block.width for block in blocks if block.tag == "scalar")
        most = arrays["made"].shape[-1] if arrays["made"].ndim == 3 else 0
        made, wanted = (expect(arrays, name, (k, d, most), np.float32) for name in ("made", "wanted"))
        offsets = expect(arrays, "offsets", (k, max((b.stop for b in blocks), default=0)), np.float32)
        known = np.isfinite(made)
        with np.errstate(invalid="ignore"):
            rising = (~(np.diff(made, axis=2) <= 0)).all() and (known[..., :-1] >= known[..., 1:]).all()
        if not (rising and np.array_equal(known, np.isfinite(wanted)) and np.isfinite(offsets).all()):
            raise ModelFileError("the marginals of a class are no curves")
        return cls(np.asarray(conditions, np.int64), made, wanted, offsets)


class TableSmoother:
    """What is done to rows of a generator before they are decoded: noise of a kernel, then the class's marginals.

    Parameters
    ----------
    kernel : ClassKernel or None
    marginals : ClassMarginals or None
    """

    def __init__(self, kernel: ClassKernel | None, marginals: ClassMarginals | None) -> None:
        self.kernel, self.marginals = kernel, marginals

    def smoothed(self, rows: FloatArray, condition: int, seed: int) -> FloatArray:
        """Rows with noise, and moved. (n, width) -> (n, width)."""
        if self.kernel is not None:
            rows = self.kernel.smoothed(rows, condition, seed)
        return rows if self.marginals is None else self.marginals.moved(rows, condition)

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """What a file keeps of it."""
        own = {} if self.kernel is None else self.kernel.arrays()
        return own | ({} if self.marginals is None else self.marginals.arrays())

    @classmethod
    def of_arrays(cls, arrays: Arrays, blocks: Sequence[Block], conditions: Sequence[int]) -> TableSmoother:
        """The counterpart of `arrays`; a part that is not there, as in files of earlier versions, does nothing."""
        kernel = ClassKernel.of_arrays(arrays, blocks, conditions) if "roots" in arrays else None
        marginals = ClassMarginals.of_arrays(arrays, blocks, conditions) if "made" in arrays else None
        return cls(kernel, marginals)


def _searches(curves: Iterable[FloatArray]) -> list[Curve]:
    """Of the columns that are moved, their knots and how far each of these is moved."""
    sides = [(column, *knots.astype(np.float64)) for column, knots in enumerate(curves) if knots.shape[1]]
    return [(column, FastSearch(made), wanted - made) for column, made, wanted in sides]


def _moved(rows: FloatArray, offsets: FloatArray, curves: list[Curve]) -> FloatArray:
    """Between two knots on a line, beyond the last ones as far from them as before. (n, width) -> (n, width)."""
    found = rows + offsets
    for column, search, shifts in curves:
        numbers = found[:, column].astype(np.float64)
        numbers += search.interp(numbers, shifts)
        found[:, column] = numbers
    return found


class _Fit:
    """The curves and offsets of one class, from its rows and those of the generator."""

    def __init__(self, real: FloatArray, fake: FloatArray, blocks: Sequence[Block], active: Active) -> None:
        self.real, self.fake, self.active = real, fake, active
        self.numbers = range(sum(block.width for block in blocks if block.tag == "scalar"))
        self.groups = [slice(block.start, block.stop) for block in blocks if block.tag == "onehot"]
        self.counts = [np.bincount(argmax_rows(real[:, g]), minlength=g.stop - g.start) for g in self.groups]
        self.own = active(real)

    def settled(self, kept: Callable[[FloatArray], BoolArray] | None) -> tuple[list[FloatArray], FloatArray]:
        """Knots of each number and offsets (width,) with which the rows that are kept are nearest to the class."""
        offsets = np.zeros(self.fake.shape[1], np.float32)
        for group, counts in zip(self.groups, self.counts, strict=True):
            offsets[group] = _offsets(self.fake[:, group], counts)
        curves = self._curves(offsets, np.ones(len(self.fake), dtype=bool))
        tried: list[tuple[float, list[FloatArray], FloatArray]] = []
        while kept is not None and len(tried) < _REFUSED_ROUNDS:
            rows = _moved(self.fake, offsets, _searches(curves))
            stay = kept(rows)
            if stay.sum() < _FEWEST_KEPT:
                break
            pushes, distances = self._pushes(rows[stay])
            tried.append((float(distances.sum()), curves, offsets))
            if distances.max(initial=0.0) < _NEAR and stay.mean() > _MOSTLY_KEPT:
                break
            offsets = (offsets + _GENTLY * pushes).clip(-_STEEPEST, _STEEPEST).astype(np.float32)
            curves = self._curves(offsets, stay)
        _, curves, offsets = min(tried, key=itemgetter(0), default=(0.0, curves, offsets))
        return curves, offsets

    def _curves(self, offsets: FloatArray, stay: BoolArray) -> list[FloatArray]:
        others = self.active(self.fake + offsets) & stay[:, None]
        return [_knots(self.fake[others[:, j], j], self.real[self.own[:, j], j]) for j in self.numbers]

    def _pushes(self, rows: FloatArray) -> tuple[FloatArray, DoubleArray]:
        """By how much to change the offsets, and the distance of each group from the class."""
        pushes, distances = np.zeros(rows.shape[1], np.float32), []
        for group, counts in zip(self.groups, self.counts, strict=True):
            made = np.bincount(argmax_rows(rows[:, group]), minlength=len(counts)) / len(rows)
            target = _target(counts, made)
            pushes[group] = np.log((target + 0.5 / len(rows)) / (made + 0.5 / len(rows)))
            distances.append(float(np.abs(target - made).sum() / 2))
        return pushes, np.array(distances)


def _target(counts: IntArray, made: DoubleArray) -> DoubleArray:
    """How often each state is to be made: as in the class, and never more often if it has fewer than `_SHARED` rows."""
    n = int(counts.sum())
    target = (counts + _PRIOR_ROWS * made) / (n + _PRIOR_ROWS)
    rare = counts < _SHARED
    target[rare] = np.minimum(made[rare], _SHARED / max(n, 1))
    return np.asarray(target / target.sum())


def _offsets(logits: FloatArray, counts: IntArray) -> FloatArray:
    """What to add to the logits of a group's states so that they are the largest as often as wanted. (m, s) -> (s,)."""
    m = len(logits)
    offsets = np.zeros(logits.shape[1], np.float64)
    target = _target(counts, np.bincount(argmax_rows(logits), minlength=len(offsets)) / m)
    best, least = offsets, np.inf
    for step in range(_ROUNDS):
        share = np.bincount(argmax_rows(logits + offsets.astype(np.float32)), minlength=len(target)) / m
        off = float(np.abs(share - target).sum())
        if off < least:
            best, least = offsets, off
        if off < 1 / m:
            break
        push = np.log((target + 0.5 / m) / (share + 0.5 / m))
        offsets = (offsets + push * (1.0 if step < _ROUNDS // 2 else 0.4)).clip(-_STEEPEST, _STEEPEST)
    return np.asarray(best - best.mean(), np.float32)


def _knots(made: FloatArray, wanted: FloatArray) -> FloatArray:
    """Means of both between the same quantiles; none where the class has too few rows. (m,), (n,) -> (2, knots)."""
    k = min(len(wanted) // _ROWS_A_KNOT, len(made) // _ROWS_A_KNOT, _MOST_KNOTS)
    if k < 2:
        return np.zeros((2, 0), np.float32)
    knots = np.stack([_means(np.sort(side.astype(np.float64)), k) for side in (made, wanted)]).astype(np.float32)
    return knots[:, np.append(True, np.diff(knots[0]) > 0)]


def _means(ordered: DoubleArray, k: int) -> DoubleArray:
    """Means of k runs of as many numbers each, in order. (n,) -> (k,)."""
    ends = np.linspace(0, len(ordered), k + 1).round().astype(np.int64)
    return np.asarray(np.add.reduceat(ordered, ends[:-1]) / np.diff(ends))
