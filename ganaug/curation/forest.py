"""A random forest as plain arrays: fitted by scikit-learn, saved and read without a pickle."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ganaug.exceptions import InvalidDataError
from ganaug.seeding import numpy_generator
from ganaug.types import FloatArray, IntArray

__all__ = ["ArrayForest"]

_CHUNK = 8192
# A tree draws at least so many rows of each class, with repetition: fewer make a stump.
LEAST_ROWS = 20


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
    """

    ARRAYS = ("feature", "left", "right", "threshold", "value", "roots")

    def __init__(
        self,
        feature: npt.NDArray[Any],
        left: npt.NDArray[Any],
        right: npt.NDArray[Any],
        threshold: npt.NDArray[Any],
        value: npt.NDArray[Any],
        roots: npt.NDArray[Any],
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
            Size of the forest, and the most rows that a tree sees; bounds on time and memory.
        """
        from sklearn.tree import DecisionTreeClassifier

        of_class = [np.flatnonzero(y == c) for c in range(int(y.max()) + 1)]
        smallest = min(map(len, of_class))
        size = min(max(smallest, LEAST_ROWS), max(1, max_rows // len(of_class)))
        trees = []
        for place in range(n_trees):
            rng = numpy_generator(seed, "tree", place)
            rows = np.concatenate([rng.choice(members, size) for members in of_class])
            tree = DecisionTreeClassifier(
                max_features="sqrt", max_depth=max_depth, min_samples_leaf=2, random_state=int(rng.integers(2**31))
            )
            trees.append(tree.fit(x[rows], y[rows]).tree_)
        parts: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in cls.ARRAYS}
        start = 0
        depth = 0
        for tree in trees:
            own = np.arange(tree.node_count)
            leaf = tree.children_left < 0
            parts["feature"].append(np.where(leaf, 0, tree.feature))
            parts["left"].append(start + np.where(leaf, own, tree.children_left))
            parts["right"].append(start + np.where(leaf, own, tree.children_right))
            parts["threshold"].append(np.where(leaf, 0.0, _rounded_down(tree.threshold)))
            counts = tree.value[:, 0, :]
            parts["value"].append(counts / counts.sum(1, keepdims=True))
            parts["roots"].append(np.array([start]))
            start += tree.node_count
            depth = max(depth, tree.max_depth)
        dtypes = {"threshold": np.float32, "value": np.float32}
        arrays = {k: np.concatenate(v).astype(dtypes.get(k, np.int32)) for k, v in parts.items()}
        return cls(depth=int(depth), **arrays)

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
            self._add_votes(np.ascontiguousarray(x[start : start + _CHUNK]), total[start : start + _CHUNK])
        return (total / len(self.roots)).astype(np.float32)

    def _add_votes(self, x: FloatArray, total: npt.NDArray[np.float64]) -> None:
        # One tree after the other: its nodes stay in the cache, and `take` on flat arrays is four
        # times as fast as indexing in two dimensions. What `check` saw needs no bounds checked ("clip").
        cells, first_cell = x.ravel(), np.arange(len(x)) * x.shape[1]
        children = np.stack([self.left, self.right], axis=1).ravel().astype(np.int64)
        feature = self.feature.astype(np.int64)
        for root in self.roots:
            node = np.full(len(x), root, np.int64)
            for _ in range(self.depth):
                seen = cells.take(first_cell + feature.take(node, mode="clip"), mode="clip")
                right = seen > self.threshold.take(node, mode="clip")
                node = children.take(2 * node + right, mode="clip")
            total += self.value.take(node, axis=0, mode="clip")


def _rounded_down(threshold: npt.NDArray[np.float64]) -> FloatArray:
    """The largest float32 not above: a float32 value is then on the same side of both."""
    near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)
