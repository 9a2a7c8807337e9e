"""A random forest as plain arrays: fitted by scikit-learn, saved and read without a pickle."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ganaug.exceptions import InvalidDataError
from ganaug.types import FloatArray, IntArray

__all__ = ["ArrayForest"]

_CHUNK = 8192


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
        """Fit to encoded rows, every class weighing the same.

        Parameters
        ----------
        x : ndarray of shape (n, d), float32
        y : ndarray of shape (n,), int64
            Classes ``0..k-1``, each with a row.
        seed : int
        n_trees, max_depth, max_rows : int
            Size of the forest and of each tree's bootstrap; bounds on time and memory.
        """
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(
            n_trees,
            max_depth=max_depth,
            min_samples_leaf=2,
            class_weight="balanced",
            max_samples=max_rows if len(x) > max_rows else None,
            random_state=seed % 2**32,
            n_jobs=1,
        ).fit(x, y)
        parts: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in cls.ARRAYS}
        start = 0
        depth = 0
        for member in forest.estimators_:
            tree = member.tree_
            own = np.arange(tree.node_count)
            leaf = tree.children_left < 0
            parts["feature"].append(np.where(leaf, 0, tree.feature))
            parts["left"].append(start + np.where(leaf, own, tree.children_left))
            parts["right"].append(start + np.where(leaf, own, tree.children_right))
            parts["threshold"].append(np.where(leaf, 0.0, tree.threshold))
            counts = tree.value[:, 0, :]
            parts["value"].append(counts / counts.sum(1, keepdims=True))
            parts["roots"].append(np.array([start]))
            start += tree.node_count
            depth = max(depth, tree.max_depth)
        dtypes = {"threshold": np.float32, "value": np.float32}
        arrays = {k: np.concatenate(v).astype(dtypes.get(k, np.int32)) for k, v in parts.items()}
        return cls(depth=int(depth), **arrays)

    def check(self, width: int) -> None:
        """Whether the arrays are a forest over rows of ``width`` columns.

        Raises
        ------
        InvalidDataError
            If a node points outside the arrays.
        """
        n = len(self.feature)
        nodes = (self.left, self.right, self.roots)
        sound = (
            all(len(part) == n for part in (self.left, self.right, self.threshold, self.value))
            and all(len(part) and part.min() >= 0 and part.max() < n for part in nodes)
            and self.feature.min() >= 0
            and self.feature.max() < width
        )
        if not sound:
            raise InvalidDataError("the trees of the curator do not fit together")

    def predict_proba(self, x: FloatArray) -> FloatArray:
        """Class probabilities. (n, d) -> (n, n_classes), float32."""
        if not len(x):
            return np.zeros((0, self.value.shape[1]), np.float32)
        return np.concatenate([self._chunk(x[i : i + _CHUNK]) for i in range(0, len(x), _CHUNK)])

    def _chunk(self, x: FloatArray) -> FloatArray:
        rows = np.arange(len(x))[:, None]
        node = np.broadcast_to(self.roots, (len(x), len(self.roots)))
        for _ in range(self.depth):
            left = x[rows, self.feature[node]] <= self.threshold[node]
            node = np.where(left, self.left[node], self.right[node])
        mean: FloatArray = self.value[node].mean(axis=1, dtype=np.float64).astype(np.float32)
        return mean
