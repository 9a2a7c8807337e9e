"""Gaussian kernels in the shape of a class: what makes a row into a neighbourhood."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from ganaug.exceptions import ModelFileError
from ganaug.state import expect
from ganaug.threads import one_thread
from ganaug.types import Block, FloatArray, IntArray

__all__ = ["ClassKernel"]


class ClassKernel:
    """Smear the numbers of encoded rows by a kernel that has the covariance of their class.

    A kernel as wide as Silverman's rule says, ``bandwidth * (4 / ((d + 2) * n)) ** (1 / (d + 4))`` standard deviations
    for n rows of d numbers, and correlated as the class is: noise of its own for each column would tear apart what
    belongs together. Rows are drawn towards the centre of the class by as much as keeps its covariance.

    Parameters
    ----------
    columns : ndarray of shape (d,), int64
        Those that hold numbers.
    conditions : ndarray of shape (k,), int64
        Those that have a kernel.
    centres : ndarray of shape (k, d), float32
    roots : ndarray of shape (k, d, d), float32
        What turns white noise into that of the kernel.
    widths : ndarray of shape (k,), float32
        Of each kernel, in standard deviations of its class.

    References
    ----------
    Silverman (1986), Density Estimation for Statistics and Data Analysis, sections 4.3 and 6.4.
    """

    ARRAYS = ("columns", "conditions", "centres", "roots", "widths")

    def __init__(
        self, columns: IntArray, conditions: IntArray, centres: FloatArray, roots: FloatArray, widths: FloatArray
    ) -> None:
        self.columns, self.conditions = columns, conditions
        self.centres, self.roots, self.widths = centres, roots, widths

    @classmethod
    def fit(
        cls,
        x: FloatArray,
        y: IntArray,
        conditions: Sequence[int],
        blocks: Sequence[Block],
        bandwidth: float,
        sizes: Sequence[int] | None = None,
    ) -> ClassKernel | None:
        """Measure some of the classes.

        Parameters
        ----------
        x : ndarray of shape (n, width), float32
            Encoded rows.
        y : ndarray of shape (n,), int64
            Their conditions.
        conditions : sequence of int
            Those that will be smeared, each with a row. One of a single row takes the covariance of all rows.
        blocks : sequence of Block
            Layout of the encoded row.
        bandwidth : float
            Factor on the kernel's width.
        sizes : sequence of int, optional
            For each of ``conditions``, of how many rows the width is that of the rule; the rows given by default.
            Samples of a generator have the shape of a class, and give no row of it away, but are as many as one likes.

        Returns
        -------
        ClassKernel or None
            None where there is nothing to smear.
        """
        columns = _numbers(blocks)
        if not len(columns) or bandwidth == 0:
            return None
        numbers, d = x[:, columns], len(columns)
        centres = np.zeros((len(conditions), d), np.float32)
        roots = np.zeros((len(conditions), d, d), np.float32)
        widths = np.zeros(len(conditions), np.float32)
        with one_thread():
            for place, condition in enumerate(conditions):
                own = numbers[y == condition]
                centres[place] = own.mean(0)
                size = len(own) if sizes is None else sizes[place]
                widths[place] = bandwidth * (4 / ((d + 2) * size)) ** (1 / (d + 4))
                roots[place] = widths[place] * _root(own if len(own) > 1 else numbers)
        return cls(columns, np.asarray(conditions, np.int64), centres, roots, widths)

    def smeared(self, rows: FloatArray, condition: int, rng: torch.Generator) -> FloatArray:
        """Other rows in the place of these, of a class that has a kernel. (n, width) -> (n, width)."""
        if condition not in self.conditions:
            return rows
        place = int(np.flatnonzero(self.conditions == condition)[0])
        noise = torch.empty((len(rows), len(self.columns)), dtype=torch.float32).normal_(generator=rng)
        with one_thread():
            moved = (noise @ torch.from_numpy(self.roots[place])).numpy()
        centre = self.centres[place]
        first, d = int(self.columns[0]), len(self.columns)
        # a slice, where the columns lie side by side: several times as fast as a list of them
        side_by_side = self.columns[-1] - first == d - 1
        columns = slice(first, first + d) if side_by_side else self.columns
        moved += rows[:, columns] - centre
        moved /= np.sqrt(1 + self.widths[place] ** 2)
        moved += centre
        smeared = rows.copy()
        smeared[:, columns] = moved
        return smeared

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """What a file keeps of it."""
        return {name: getattr(self, name) for name in self.ARRAYS}

    @classmethod
    def of_arrays(
        cls, arrays: dict[str, npt.NDArray[np.generic]], blocks: Sequence[Block], conditions: Sequence[int]
    ) -> ClassKernel:
        """The counterpart of `arrays`, for rows of this layout.

        Raises
        ------
        ModelFileError
            If the arrays fit neither one another nor the layout.
        """
        wanted = _numbers(blocks)
        k, d = len(conditions), len(wanted)
        columns, own = expect(arrays, "columns", (d,), np.int64), expect(arrays, "conditions", (k,), np.int64)
        if not (np.array_equal(columns, wanted) and np.array_equal(own, list(conditions))):
            raise ModelFileError("the kernel is that of other columns or classes")
        centres = expect(arrays, "centres", (k, d), np.float32)
        roots = expect(arrays, "roots", (k, d, d), np.float32)
        widths = expect(arrays, "widths", (k,), np.float32)
        if not all(np.isfinite(part).all() for part in (centres, roots, widths)):
            raise ModelFileError("the kernel is not finite")
        return cls(columns, own, centres, roots, widths)


def _numbers(blocks: Sequence[Block]) -> IntArray:
    """Columns of an encoded row that hold numbers."""
    places = [range(b.start, b.stop) for b in blocks if b.tag == "scalar"]
    return np.fromiter((column for part in places for column in part), np.int64)


def _root(rows: FloatArray) -> FloatArray:
    """The symmetric square root of the covariance. (n, d) -> (d, d)."""
    centred = torch.from_numpy(rows.astype(np.float64) - rows.mean(0, dtype=np.float64))
    covariance = centred.T @ centred / max(1, len(rows) - 1)
    values, vectors = torch.linalg.eigh(covariance)
    root: FloatArray = ((vectors * values.clamp(min=0).sqrt()) @ vectors.T).float().numpy()
    return root
