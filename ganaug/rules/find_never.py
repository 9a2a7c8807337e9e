"""Finding values of two columns that never stand together, though chance would bring them together often."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
from scipy.special import gammaln

from ganaug.rules.evidence import Work, needed
from ganaug.rules.simple_rules import Never
from ganaug.rules.table_view import Bits, Floats, Ints, TableView

__all__ = ["find_never"]

LEAST_ROWS = 100
_MOST_LEVELS = 64
_LN2 = float(np.log(2.0))


def find_never(
    view: TableView, names: list[Hashable], grouped: dict[Hashable, int], settled: set[frozenset[Hashable]], work: Work
) -> list[Never]:
    """Pairs of columns with combinations of which chance would make many rows, and there is none.

    Parameters
    ----------
    view : TableView
    names : list of hashable
        Categories and flags.
    grouped : dict of hashable to int
        Flags of one-hot groups, and which group: of those only 1 counts, and never two of one group.
    settled : set of frozenset
        Pairs of which another rule says all.
    work : Work
    """
    n = view.n_rows
    names = [name for name in names if 2 <= len(view.column(name).distinct) <= _MOST_LEVELS]
    if n < LEAST_ROWS or len(names) < 2 or not work.afford(20.0 * n * len(names), "combinations that never occur"):
        return []
    codes = [_codes(view, name) for name in names]
    sizes = [len(view.column(name).distinct) for name in names]
    counts = [np.bincount(own, minlength=size + 1)[:size] for own, size in zip(codes, sizes, strict=True)]
    bar = needed(sum(sizes) ** 2 / 2)
    told = _Told(sizes)
    strength: dict[tuple[int, int], float] = {}
    for i in range(len(names)):
        for j in range(i + 1, len(names)):
            pair = names[i], names[j]
            if grouped.get(pair[0], -1) == grouped.get(pair[1], -2):
                continue
            if not work.afford(6.0 * n, "combinations that never occur"):
                break
            table = np.bincount(codes[i] * (sizes[j] + 1) + codes[j], minlength=(sizes[i] + 1) * (sizes[j] + 1))
            empty = table.reshape(sizes[i] + 1, -1)[: sizes[i], : sizes[j]] == 0
            if frozenset(pair) in settled:
                told.add(i, j, empty)
                continue
            bits = _bits(n, counts[i], counts[j])
            never = empty & (bits > bar)
            # of a flag in a group, 0 says that another one is 1
            never[:1] &= pair[0] not in grouped
            never[:, :1] &= pair[1] not in grouped
            if never.any():
                told.add(i, j, never)
                strength[i, j] = float(bits[never].max())
    for i, j in sorted(strength, key=lambda pair: (strength[pair], pair)):  # the weakest follow from the others
        told.add(i, j, told.apart[i][j] & ~told.follows(i, j))
    found = []
    for i, j in strength:
        rest = told.apart[i][j]
        if rest.any():
            levels = view.column(names[i]).levels, view.column(names[j]).levels
            rows = [(levels[0][a], levels[1][b]) for a, b in np.argwhere(rest).tolist()]
            found.append(Never((names[i], names[j]), rows)._with(certain=False))
    return found


class _Told:
    """Which values of two columns do not go together, as far as rules say."""

    def __init__(self, sizes: list[int]) -> None:
        self.sizes = sizes
        self.apart: dict[int, dict[int, Bits]] = {k: {} for k in range(len(sizes))}

    def add(self, i: int, j: int, never: Bits) -> None:
        """Values of the columns i and j that never stand together. (size of i, size of j)."""
        self.apart[i][j], self.apart[j][i] = never, never.T

    def follows(self, i: int, j: int) -> Bits:
        """What follows from rules of both columns with a third one: no value of it goes with both."""
        out = np.zeros((self.sizes[i], self.sizes[j]), dtype=bool)
        for k, left in self.apart[i].items():
            right = self.apart[j].get(k)
            if right is not None and k not in (i, j):
                together = (~left).astype(np.float32) @ (~right).astype(np.float32).T
                out |= together == 0
        return out


def _codes(view: TableView, name: Hashable) -> Ints:
    """Places among the values that occur; missing comes last. (n,)."""
    column = view.column(name)
    own = np.searchsorted(column.distinct, column.cells.values)
    return np.asarray(np.where(column.missing, len(column.distinct), own), dtype=np.int64)


def _bits(n: int, rows: Ints, columns: Ints) -> Floats:
    """Bits by which it surprises that none of n rows has two values, were they shuffled. (a,), (b,) -> (a, b)."""
    r, c = rows[:, None].astype(np.float64), columns[None, :].astype(np.float64)
    free = n - r - c
    with np.errstate(invalid="ignore"):
        chance = gammaln(n - r + 1) + gammaln(n - c + 1) - gammaln(n + 1) - gammaln(np.maximum(free, 0) + 1)
    return np.asarray(np.where(free >= 0, -chance / _LN2, np.inf))
