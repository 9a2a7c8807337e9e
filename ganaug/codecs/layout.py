"""Where each column of a table stands in the encoded matrix: scalars first, then one-hot groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ganaug.codecs.plain import Array
from ganaug.types import Block, FloatArray, IntArray

__all__ = ["Layout", "largest"]

_MANY_ROWS, _MOST_COLUMNS, _AT_ONCE = 256, 255, 8192


@dataclass(frozen=True)
class Layout:
    """Spans of the encoded matrix.

    Attributes
    ----------
    scalars, groups : list of (int, int)
        For each column of the table, its scalars ``start:stop`` and its one-hot
        group ``start:stop``, empty where it has none.
    blocks : tuple of Block
        All scalars as one block, then each group.
    width : int
        Columns in all.
    """

    scalars: list[tuple[int, int]]
    groups: list[tuple[int, int]]
    blocks: tuple[Block, ...]
    width: int

    @classmethod
    def of(cls, sizes: Sequence[tuple[int, int]]) -> Layout:
        """Lay out columns of ``(n_scalars, n_states)``; a single state needs no indicator."""
        scalars, at = [], 0
        for n_scalars, _ in sizes:
            scalars.append((at, at + n_scalars))
            at += n_scalars
        blocks = [Block("scalar", 0, at)] if at else []
        groups = []
        for _, n_states in sizes:
            size = n_states if n_states > 1 else 0
            groups.append((at, at + size))
            if size:
                blocks.append(Block("onehot", at, at + size))
            at += size
        return cls(scalars, groups, tuple(blocks), at)

    def write(self, Z: FloatArray, column: int, scores: Array, states: Array) -> None:
        """Put one column into a matrix of zeros."""
        a, b = self.scalars[column]
        if b > a:
            Z[:, a:b] = scores
        a, b = self.groups[column]
        if b > a:
            Z.reshape(-1)[np.arange(a, Z.size, self.width) + states] = 1

    def read(self, Z: Array, column: int) -> tuple[Array, Array]:
        """Scores (n, n_scalars), and of each row the state whose indicator is largest, (n,) int64."""
        a, b = self.scalars[column]
        c, d = self.groups[column]
        states = largest(Z[:, c:d]) if d > c else np.zeros(len(Z), dtype=np.int64)
        return Z[:, a:b], states


def largest(group: Array) -> IntArray:
    """The column with the largest number of each row, the first of equals. (n, k) -> (n,), int64.

    In many short rows numpy's argmax is slow; down the columns it is a maximum, a comparison and another maximum.
    """
    n, width = group.shape
    if n < _MANY_ROWS or width > _MOST_COLUMNS:
        return group.argmax(axis=1)
    places, from_end = np.empty(n, np.int64), np.arange(width, 0, -1, dtype=np.uint8)[:, None]
    for start in range(0, n, _AT_ONCE):
        columns = np.ascontiguousarray(group[start : start + _AT_ONCE].T)
        largest_first = (columns == columns.max(axis=0)).view(np.uint8)
        largest_first *= from_end
        np.subtract(width, largest_first.max(axis=0), out=places[start : start + _AT_ONCE], casting="unsafe")
    return places
