"""A random forest as plain arrays: fitted by scikit-learn, saved and read without a pickle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ganaug.exceptions import InvalidDataError
from ganaug.utils.determinism import numpy_generator
from ganaug.utils.types import Array, BoolArray, DoubleArray, FloatArray, IntArray

__all__ = ["FEWEST_TREES", "MANY_CLASSES", "SHARE_STEP", "ArrayForest", "bar_for", "chance_kept", "fewer", "odds_of"]

# Rows that are traversed together, so that they stay in the processor's cache.
_CHUNK = 4096
# Trees that are traversed together, between two checks of which rows are decided.
_ASKED_EVERY = 8
# Standard deviations by which the votes left must miss what would change an answer.
SURE = 2.0
# A tree draws at least so many rows of each class, with replacement: fewer make a stump.
LEAST_ROWS = 20
# Rows of a class whose votes are recorded.
MOST_WATCHED = 500
# Rows in a leaf of a forest that repeats another's votes, at least, and columns that each of its splits may take: half
# of them, or of many so many. With fewer rows the votes of single training rows come through, with more the classes
# run into one another.
DISTILLED_LEAF, DISTILLED_COLUMNS = 12, 16
# Beyond so many classes trees, candidates and samples to measure by become fewer, down to so many trees: each tree has
# a number for each class at every node, so that memory and time would grow with the square of the classes.
MANY_CLASSES, FEWEST_TREES = 50, 8


def fewer(number: int, n_classes: int, least: int) -> int:
    """A number of trees, or of rows of each class, that falls with the classes where there are many.

    Examples
    --------
    >>> from ganaug.filtering.forest import fewer
    >>> [fewer(40, n_classes, least=8) for n_classes in (2, 50, 100, 1000)]
    [40, 40, 20, 8]
    """
    return number if n_classes <= MANY_CLASSES else max(min(number, least), number * MANY_CLASSES // n_classes)


class ArrayForest:
    """Class probabilities from a forest whose trees lie in flat arrays.

    Parameters
    ----------
    feature, left, right : ndarray of shape (n_nodes,), int32
        Split column and children of each node of all trees; a leaf is its own child.
    threshold : ndarray of shape (n_nodes,), float32
        A row goes left where its value is at most this.
    value : ndarray of shape (n_nodes, n_classes), float32
        Class probabilities at the node.
    roots : ndarray of shape (n_trees,), int32
        First node of each tree.
    depth : int
        Of the deepest tree.

    Attributes
    ----------
    unseen : list of ndarray
        After ``fit``, for each class: what share of the votes some of its rows get for it, from the trees that did
        not draw them. Not saved.
    """

    unseen: Sequence[DoubleArray] = ()

    ARRAYS = ("feature", "left", "right", "threshold", "value", "roots")

    def __init__(
        self,
        feature: Array,
        left: Array,
        right: Array,
        threshold: Array,
        value: Array,
        roots: Array,
        depth: int,
    ) -> None:
        self.feature, self.left, self.right = feature, left, right
        self.threshold, self.value, self.roots, self.depth = threshold, value, roots, depth

    @classmethod
    def fit(
        cls, x: FloatArray, y: IntArray, seed: int, *, n_trees: int = 40, max_depth: int = 12, max_rows: int = 6000
    ) -> ArrayForest:
        """Fit to encoded rows; each tree sees as many rows of every class as the smallest one has.

        A forest that only weighs classes equally gives most unseen rows of a
        rare class to the plentiful one, whose rows fill its leaves; a balanced
        sample for each tree (Chen, Liaw and Breiman 2004) does not.

        Parameters
        ----------
        x : ndarray of shape (n, d), float32
        y : ndarray of shape (n,), int64
            Classes ``0..k-1``, each with a row.
        seed : int
        n_trees, max_depth, max_rows : int
            Size of the forest, `fewer` trees of many classes, and the most rows that a tree sees; bounds on time and
            memory.
        """
        from sklearn.tree import DecisionTreeClassifier

        of_class = [np.flatnonzero(y == c) for c in range(int(y.max()) + 1)]
        smallest = min(map(len, of_class))
        size = min(max(smallest, LEAST_ROWS), max(1, max_rows // len(of_class)))
        trees = []
        watched = [members[:: math.ceil(len(members) / MOST_WATCHED)] for members in of_class]
        votes, asked = [np.zeros(len(members)) for members in watched], [np.zeros(len(members)) for members in watched]
        for place in range(fewer(n_trees, len(of_class), FEWEST_TREES)):
            rng = numpy_generator(seed, "tree", place)
            rows = np.concatenate([rng.choice(members, size) for members in of_class])
            tree = DecisionTreeClassifier(
                max_features="sqrt", max_depth=max_depth, min_samples_leaf=2, random_state=int(rng.integers(2**31))
            )
            trees.append(tree.fit(x[rows], y[rows], check_input=False).tree_)
            for c, members in enumerate(watched):
                unseen = ~np.isin(members, rows)
                if unseen.any():
                    votes[c][unseen] += tree.predict_proba(x[members[unseen]], check_input=False)[:, c]
                    asked[c] += unseen
        forest = cls._of_trees(trees)
        forest.unseen = [v[n > 0] / n[n > 0] for v, n in zip(votes, asked, strict=True)]
        return forest

    @classmethod
    def distilled(
        cls, x: FloatArray, votes: FloatArray, seed: int, *, n_trees: int = 20, max_depth: int = 12
    ) -> ArrayForest:
        """A forest that repeats votes on the rows they were given for, and knows nothing else.

        A forest fitted to training rows gives them more votes for their class than it gives to unseen ones, which
        tells them apart. One that learns its votes on synthetic rows, many to a leaf, does not.

        Parameters
        ----------
        x : ndarray of shape (n, d), float32
        votes : ndarray of shape (n, k), float32
            Of the classes, for each row.
        seed : int
        n_trees, max_depth : int
            Size of the forest, `fewer` trees of many classes; each tree sees half of the rows.
        """
        from sklearn.tree import DecisionTreeRegressor

        trees, width = [], x.shape[1]
        columns = max(math.isqrt(width), min(-(-width // 2), DISTILLED_COLUMNS))
        for place in range(fewer(n_trees, votes.shape[1], FEWEST_TREES)):
            rng = numpy_generator(seed, "tree", place)
            rows = rng.permutation(len(x))[: max(1, len(x) // 2)]
            tree = DecisionTreeRegressor(
                max_features=columns,
                max_depth=max_depth,
                min_samples_leaf=DISTILLED_LEAF,
                random_state=int(rng.integers(2**31)),
            )
            trees.append(tree.fit(x[rows], votes[rows], check_input=False).tree_)
        return cls._of_trees(trees)

    @classmethod
    def _of_trees(cls, trees: Sequence[Any]) -> ArrayForest:
        """The arrays of scikit-learn's trees."""
        parts: dict[str, list[Array]] = {name: [] for name in cls.ARRAYS}
        start = 0
        depth = 0
        for tree in trees:
            own = np.arange(tree.node_count)
            leaf = tree.children_left < 0
            parts["feature"].append(np.where(leaf, 0, tree.feature))
            parts["left"].append(start + np.where(leaf, own, tree.children_left))
            parts["right"].append(start + np.where(leaf, own, tree.children_right))
            parts["threshold"].append(np.where(leaf, 0.0, _rounded_down(tree.threshold)))
            counts = tree.value.reshape(tree.node_count, -1)  # of a classifier or of a regressor
            parts["value"].append(counts / counts.sum(1, keepdims=True))
            parts["roots"].append(np.array([start]))
            start += tree.node_count
            depth = max(depth, tree.max_depth)
        dtypes = {"threshold": np.float32, "value": np.float32}
        arrays = {k: np.concatenate(v).astype(dtypes.get(k, np.int32)) for k, v in parts.items()}
        return cls(depth=int(depth), **arrays)

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in (*self.ARRAYS, "depth")}  # and not what is made of them

    def check(self, width: int, n_classes: int) -> None:
        """Whether the arrays are a forest over rows of ``width`` columns and so many classes.

        Raises
        ------
        InvalidDataError
            If a node points outside the arrays, or the arrays do not fit one another.
        """
        n = len(self.feature)
        nodes = (self.left, self.right, self.roots)
        sound = (
            0 <= self.depth <= n
            and self.value.shape == (n, n_classes)
            and all(len(part) == n for part in (self.left, self.right, self.threshold))
            and all(len(part) and part.min() >= 0 and part.max() < n for part in nodes)
            and self.feature.min() >= 0
            and self.feature.max() < width
        )
        if not sound:
            raise InvalidDataError("the trees of the curator do not fit together")

    def predict_proba(self, x: FloatArray) -> FloatArray:
        """Class probabilities. (n, d) -> (n, n_classes), float32."""
        total = np.zeros((len(x), self.value.shape[1]))
        for start in range(0, len(x), _CHUNK):
            part = _Part(x[start : start + _CHUNK])
            for first in range(0, len(self.roots), _ASKED_EVERY):
                for leaves in self._leaves(part, first):
                    total[start : start + _CHUNK] += self.value.take(leaves, axis=0, mode="wrap")
        return (total / len(self.roots)).astype(np.float32)

    def votes_reach(self, x: FloatArray, of_class: int, share: float | FloatArray) -> BoolArray:
        """Whether a class gets at least this share of the votes, or each row its own share. (n, d) -> (n,).

        What `predict_proba` says, in two thirds of the time: a row is followed through no more trees once those left
        cannot change its answer, or hardly would (it is another for two rows in a thousand).
        """
        enough, votes, n_trees = np.zeros(len(x), bool), self.value[:, of_class].copy(), len(self.roots)
        shares = np.broadcast_to(np.asarray(share, np.float32), (len(x),))
        for start in range(0, len(x), _CHUNK):
            part, wanted = _Part(x[start : start + _CHUNK]), shares[start : start + _CHUNK]
            total = np.zeros(len(part.rows))
            for first in range(0, n_trees, _ASKED_EVERY):
                for leaves in self._leaves(part, first):
                    total += votes.take(leaves, mode="wrap")
                asked = min(first + _ASKED_EVERY, n_trees)
                if asked == n_trees:
                    enough[start + part.rows] = (total / n_trees).astype(np.float32) >= wanted
                    break
                low, high = _undecided(wanted.astype(np.float64), asked, n_trees)
                enough[start + part.rows[total > high]] = True
                stay = np.flatnonzero((total >= low) & (total <= high))
                part.rows, total, wanted = part.rows[stay], total[stay], wanted[stay]
        return enough

    def _leaves(self, part: _Part, first: int) -> IntArray:
        """Where the rows of a part end in some trees, from the ``first`` on. -> (trees, rows).

        Several trees and thousands of rows at once, for the calls to numpy cost as much as what they do;
        `take` on flat arrays is four times as fast as indexing in two dimensions. What `ArrayForest.check` saw needs
        no bounds checked: "wrap" never wraps here, and is the fastest mode.
        """
        offset, threshold, children = self._slots
        roots = 2 * self.roots[first : first + _ASKED_EVERY].astype(np.int64)
        slot, row = np.repeat(roots, len(part.rows)), np.tile(part.rows, len(roots))
        at, seen, bound = np.empty_like(slot), np.empty(len(slot), np.float32), np.empty(len(slot), np.float32)
        right = np.empty(len(slot), bool)
        for _ in range(self.depth):
            offset.take(slot, mode="wrap", out=at)
            at += row
            part.cells.take(at, mode="wrap", out=seen)
            threshold.take(slot, mode="wrap", out=bound)
            slot += np.greater(seen, bound, out=right)
            children.take(slot, mode="wrap", out=at)
            slot, at = at, slot
        return (slot >> 1).reshape(len(roots), -1)

    @cached_property
    def _slots(self) -> tuple[IntArray, FloatArray, IntArray]:
        """Where the split column begins, threshold, the slots of the children: two slots a node, one a way out."""
        children = 2 * np.stack([self.left, self.right], axis=1).ravel().astype(np.int64)
        return np.repeat(self.feature.astype(np.int64) * _CHUNK, 2), np.repeat(self.threshold, 2), children


def _undecided(share: DoubleArray, asked: int, n_trees: int) -> tuple[DoubleArray, DoubleArray]:
    """Bounds on the partial sums of votes outside which the remaining trees cannot change the decision. (n,), (n,)."""
    left, wanted = n_trees - asked, n_trees * share
    # the error of the total extrapolated from the votes so far, in standard deviations of a binomial share
    off = SURE * np.sqrt(share * (1 - share) * n_trees * left / asked)
    # a little room for rounding
    low = np.maximum(wanted - left - 1e-3, (wanted - off) * asked / n_trees)
    return low, np.minimum(wanted + 1e-3, (wanted + off) * asked / n_trees)


class _Part:
    """Rows that are judged together, and which of them are still open."""

    def __init__(self, x: FloatArray) -> None:
        cells = np.empty((x.shape[1], _CHUNK), np.float32)
        cells[:, : len(x)] = x.T
        self.cells = cells.ravel()  # column by column: near the root all rows look at one column
        self.rows = np.arange(len(x))


def _rounded_down(threshold: DoubleArray) -> FloatArray:
    """The largest float32 not above: a float32 value is then on the same side of both."""
    near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)


# --------------------------------------------------------------------------------------
# Thinning out by votes.


# The share of votes that a class must get is a multiple of this.
SHARE_STEP = 1 / 256


def odds_of(votes: npt.NDArray[Any] | float) -> DoubleArray:
    """Of shares of the votes, which are never none and never all."""
    votes = np.clip(np.asarray(votes, np.float64), SHARE_STEP, 1 - SHARE_STEP)
    return votes / (1 - votes)


def chance_kept(votes: npt.NDArray[Any], least: float, power: float) -> DoubleArray:
    """With what probability rows are kept that get these votes."""
    return np.minimum(1.0, (odds_of(votes) / odds_of(least)) ** power)


def bar_for(votes: npt.NDArray[Any], power: float, kept: float) -> float:
    """The share of the votes to ask for, so that such a share of the rows that get these is kept."""
    low, high = 1, round(1 / SHARE_STEP) - 1  # in steps; the higher, the fewer are kept
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (
            (middle, high) if chance_kept(votes, middle * SHARE_STEP, power).mean() >= kept else (low, middle - 1)
        )
    return low * SHARE_STEP
