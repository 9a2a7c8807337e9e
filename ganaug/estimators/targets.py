"""The target of a sampler: labels, a column of them, or one-vs-all; read into codes and written back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ganaug.codecs import LabelCodec
from ganaug.exceptions import InvalidDataError
from ganaug.types import IntArray

__all__ = ["TargetCodec"]


class TargetCodec:
    """A `LabelCodec` that also takes what imbalanced-learn does.

    A column (n, 1) holds labels, and comes back as a DataFrame if it was one,
    else as a vector. A matrix (n, k) of zeros and ones is one-vs-all: the
    label of a row is the place of its one.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels that occur, sorted.
    sizes_ : dict
        Label, as a plain Python value, to number of rows; in the order of ``classes_``.
    """

    classes_: npt.NDArray[Any]

    def fit(self, y: Any) -> tuple[Any, IntArray]:
        """Learn the labels.

        Parameters
        ----------
        y : array-like of shape (n,), (n, 1) or (n, k)

        Returns
        -------
        vector : array-like of shape (n,)
            The labels, in the container of ``y`` if it is a vector.
        codes : ndarray of shape (n,), int64
            Their places in ``classes_``.

        Raises
        ------
        InvalidDataError
            If y is missing, has missing values, or names no class or several for a row.
        """
        if y is None:
            raise InvalidDataError("GANOversampler requires y to be passed, but the target y is None; give the labels")
        self._columns = list(y.columns) if isinstance(y, pd.DataFrame) else None
        self._n_columns, self._dtype = 0, "int64"
        self._kind = "list" if isinstance(y, list) else "tensor" if hasattr(y, "detach") else "array"
        vector = self._vector(y)
        self._labels = LabelCodec().fit(vector)
        self.classes_ = self._labels.classes_
        codes = self._labels.encode(vector)
        labels = pd.Index(self.classes_).tolist()
        self.sizes_ = dict(zip(labels, np.bincount(codes).tolist(), strict=True))
        return vector, codes

    def code(self, label: Any) -> int:
        """The place of a label in ``classes_``."""
        return list(self.sizes_).index(label)

    def _vector(self, y: Any) -> Any:
        nested = isinstance(y, (list, tuple)) and len(y) > 0 and isinstance(y[0], (list, tuple, np.ndarray))
        if not nested and getattr(y, "ndim", 1) != 2:
            return y
        if hasattr(y, "todense"):
            y = y.todense()
        try:
            matrix = np.asarray(y.detach().cpu() if hasattr(y, "detach") else y)
        except ValueError as error:
            raise InvalidDataError("the rows of y differ in length; give one label for each row") from error
        if matrix.ndim == 2 and matrix.shape[1] == 1:
            return y.iloc[:, 0] if isinstance(y, pd.DataFrame) else matrix[:, 0]
        if not np.isin(matrix, (0, 1)).all() or (matrix.sum(1) > 1).any():
            raise InvalidDataError(
                f"y of shape {matrix.shape} is not one-vs-all: a row may hold a single 1 and zeros beside it. "
                "Multilabel and multioutput targets are not supported."
            )
        if (matrix.sum(1) == 0).any():
            row = int(np.argmin(matrix.sum(1)))
            raise InvalidDataError(f"row {row} of the one-vs-all y names no class; drop it or give it a 1")
        self._n_columns, self._dtype = matrix.shape[1], matrix.dtype.str
        return matrix.argmax(1)

    def decode(self, codes: IntArray) -> Any:
        """The target that has these codes, in the container given to `fit`."""
        y = self._labels.decode(codes)
        if self._n_columns:
            y = np.eye(self._n_columns, dtype=self._dtype)[y]
            if self._kind == "list":
                return y.tolist()
            if self._kind == "tensor":
                import torch

                return torch.from_numpy(y)
        if self._columns is not None:
            frame = pd.DataFrame(y)
            if list(frame.columns) != self._columns:
                frame.columns = pd.Index(self._columns)
            return frame
        return y
