"""Containers of rows: frames, arrays and sparse matrices, read and put together again."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import scipy.sparse as sp

from ganaug.encoding.dtypes import Table
from ganaug.encoding.serialization import (
    AS_IT_IS,
    NUMPY_DTYPE,
    StateMixin,
    StoredField,
    from_json,
    pack_values,
    to_json,
    unpack_values,
)
from ganaug.encoding.table_checks import check_names, check_storable, conversion_of, full_name
from ganaug.exceptions import DataWarning, InvalidDataError, InvalidTypeError, ModelFileError
from ganaug.utils.determinism import warn
from ganaug.utils.types import Array, Arrays, Config, DType, State

__all__ = [
    "CONTAINERS",
    "ArrayContainer",
    "Container",
    "FrameContainer",
    "ListContainer",
    "SparseContainer",
    "TensorContainer",
    "WideFrame",
    "check_lengths",
    "check_rows",
    "column_names",
    "concatenate",
    "container_of",
    "is_tensor",
    "known_length",
    "listed",
    "modality_of",
    "n_columns",
    "n_rows",
    "of_unequal_length",
]


class Container(StateMixin, ABC):
    """What a table was kept in; opens such a table, and puts columns together as another one."""

    @classmethod
    @abstractmethod
    def fit(cls, X: object) -> Self:
        """Note what is needed to make such a container again."""

    @staticmethod
    @abstractmethod
    def open(X: object) -> Table:
        """Its columns."""

    @abstractmethod
    def close(self, columns: Sequence[Any], n_rows: int) -> object:
        """The container of columns."""


# --------------------------------------------------------------------------------------
# Tables kept as arrays, tensors or lists of rows.


def is_tensor(X: object) -> bool:
    """Whether X is a torch tensor, without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(X, torch.Tensor)


def _matrix(X: Array) -> Table:
    if X.ndim == 1:
        raise InvalidDataError(
            "Expected 2D array, got 1D array instead. Reshape your data either using array.reshape(-1, 1) if "
            "your data has a single feature or array.reshape(1, -1) if it contains a single sample."
        )
    if X.ndim == 0:
        raise InvalidDataError("Expected 2D array, got scalar array instead. Reshape your data.")
    if X.ndim != 2:
        raise InvalidDataError(f"Found array with dim {X.ndim}, while dim <= 2 is required.")
    return Table(X.shape[0], X.shape[1], lambda j: X[:, j])


def _stack(columns: Sequence[Any], n_rows: int, dtype: DType) -> Array:
    out = np.empty((n_rows, len(columns)), dtype=dtype)
    for j, column in enumerate(columns):
        out[:, j] = column
    return out


@dataclass(frozen=True)
class ArrayContainer(Container):
    """A 2-D ndarray."""

    dtype: DType

    CONFIG: ClassVar[Mapping[str, StoredField]] = {"dtype": NUMPY_DTYPE}

    @classmethod
    def fit(cls, X: Any) -> Self:
        """Note the dtype."""
        return cls(X.dtype)

    @staticmethod
    def open(X: object) -> Table:
        """Views of the columns."""
        if isinstance(X, np.ma.MaskedArray):
            raise InvalidTypeError("a masked array cannot be given back; use X.filled(np.nan)")
        return _matrix(np.asarray(X))

    def close(self, columns: Sequence[Any], n_rows: int) -> object:
        """A C-contiguous array."""
        return _stack(columns, n_rows, self.dtype)


class ListContainer(ArrayContainer):
    """A list of rows."""

    @classmethod
    def fit(cls, X: object) -> Self:
        """Note the dtype numpy finds for it."""
        return cls(_from_list(X).dtype)

    @staticmethod
    def open(X: object) -> Table:
        """Columns of the array made of it."""
        return _matrix(_from_list(X))

    def close(self, columns: Sequence[Any], n_rows: int) -> object:
        """A list of lists of Python scalars."""
        return _stack(columns, n_rows, self.dtype).tolist()


def _from_list(X: object) -> Array:
    try:
        out = np.asarray(X)
    except ValueError as error:
        raise InvalidDataError(
            "the rows differ in length; give each row the same columns. Series of unequal length are for SeriesGAN"
        ) from error
    if out.dtype.kind in "US" or (out.dtype.kind == "O" and out.ndim == 2):
        return np.array(X, dtype=object)  # numpy would turn [1, "a"] into text
    return out


class TensorContainer(ArrayContainer):
    """A 2-D torch tensor; comes back on the CPU."""

    @classmethod
    def fit(cls, X: Any) -> Self:
        """Note the dtype."""
        name = str(X.dtype).removeprefix("torch.")
        return cls(np.dtype("V2") if name == "bfloat16" else np.dtype(name))

    @staticmethod
    def open(X: Any) -> Table:
        """Columns of a copy on the CPU."""
        X = X.detach().cpu()
        return _matrix((X.float() if str(X.dtype) == "torch.bfloat16" else X).numpy())

    def close(self, columns: Sequence[Any], n_rows: int) -> object:
        """A tensor."""
        import torch

        if self.dtype.kind == "V":
            return torch.from_numpy(_stack(columns, n_rows, np.dtype(np.float32))).to(torch.bfloat16)
        return torch.from_numpy(_stack(columns, n_rows, self.dtype))


# --------------------------------------------------------------------------------------
# Tables kept as pandas DataFrames.


@dataclass(frozen=True)
class FrameContainer(Container):
    """A DataFrame. Comes back with a RangeIndex."""

    columns: pd.Index

    @classmethod
    def fit(cls, X: Any) -> Self:
        """Note the columns' names."""
        return cls(X.columns)

    @staticmethod
    def open(X: Any) -> Table:
        """Arrays behind the columns."""
        if not X.columns.is_unique:
            twice = list(dict.fromkeys(X.columns[X.columns.duplicated()].tolist()))
            raise InvalidDataError(f"columns {twice!r} occur more than once; give every column its own name")
        dtypes = X.dtypes.to_list()
        if dtypes and isinstance(dtypes[0], np.dtype) and dtypes[0].kind in "iufb" and len(set(dtypes)) == 1:
            values = X.to_numpy()
            return Table(X.shape[0], X.shape[1], lambda j: values[:, j], X.columns)

        def get(j: int) -> Any:
            column = X.iloc[:, j]
            return column.to_numpy() if isinstance(column.dtype, np.dtype) else column.array

        return Table(X.shape[0], X.shape[1], get, X.columns)

    def close(self, columns: Sequence[Any], n_rows: int) -> object:
        """A DataFrame."""
        dtypes = {c.dtype for c in columns} if all(isinstance(c, np.ndarray) for c in columns) else set()
        if len(dtypes) == 1 and next(iter(dtypes)).kind in "iufb":
            # in the layout of a pandas block, so that nothing is copied again
            frame = pd.DataFrame(np.stack(columns).T, copy=False)
        else:
            # with an explicit dtype, because pandas converts object arrays to text
            series = {j: pd.Series(column, dtype=column.dtype) for j, column in enumerate(columns)}
            frame = pd.DataFrame(series, index=pd.RangeIndex(n_rows))
        frame.columns = self.columns
        return frame

    def get_state(self) -> State:
        """Config and arrays."""
        names = [to_json(name) for name in self.columns.names]
        if isinstance(self.columns, pd.MultiIndex):
            columns = self.columns.remove_unused_levels()
            levels: list[Any] = []
            arrays: Arrays = {}
            for i, (level, codes) in enumerate(zip(columns.levels, columns.codes, strict=True)):
                config, own = pack_values(level)
                levels.append(config)
                arrays |= {f"level{i}_{key}": array for key, array in own.items()}
                arrays[f"codes{i}"] = np.asarray(codes, dtype=np.int64)
            return {"levels": levels, "names": names}, arrays
        if isinstance(self.columns, pd.RangeIndex):
            span = [self.columns.start, self.columns.stop, self.columns.step]
            return {"range": span, "names": names}, {}
        config, arrays = pack_values(self.columns)
        return {"index": config, "names": names}, arrays

    @classmethod
    def from_state(cls, config: Config, arrays: Arrays) -> FrameContainer:
        """The container that `get_state` took apart."""
        names = [from_json(name) for name in config["names"]]
        if "levels" in config:
            levels: list[Any] = [
                unpack_values(level, {k.removeprefix(f"level{i}_"): a for k, a in arrays.items()})
                for i, level in enumerate(config["levels"])
            ]
            codes: list[Any] = [arrays[f"codes{i}"] for i in range(len(levels))]
            return cls(pd.MultiIndex(levels, codes, names=names))
        if "multi" in config:  # of an earlier version
            return cls(pd.MultiIndex.from_tuples([from_json(key) for key in config["multi"]], names=names))
        if "range" in config:
            return cls(pd.RangeIndex(*config["range"]).set_names(names))
        return cls(unpack_values(config["index"], arrays).set_names(names))


# --------------------------------------------------------------------------------------
# Tables kept as scipy sparse matrices or arrays.


_HUGE = 2**30


@dataclass(frozen=True)
class SparseContainer(Container):
    """A scipy sparse matrix or array. Encoding makes it dense one column at a time."""

    format: str
    array: bool
    dtype: DType

    CONFIG: ClassVar[Mapping[str, StoredField]] = {"format": AS_IT_IS, "array": AS_IT_IS, "dtype": NUMPY_DTYPE}

    @classmethod
    def fit(cls, X: Any) -> Self:
        """Note class, format and dtype."""
        return cls(X.format, isinstance(X, sp.sparray), X.dtype)

    @staticmethod
    def open(X: Any) -> Table:
        """Dense columns, made when asked for."""
        if X.ndim != 2:
            raise InvalidDataError(f"Expected a 2D sparse array, got {X.ndim}D. Reshape your data.")
        n_rows, n_columns = X.shape
        if n_rows * n_columns * 4 > _HUGE:
            warn(
                f"a sparse table of {n_rows} x {n_columns} takes {n_rows * n_columns * 4 / _HUGE:.1f} GB when "
                "it is encoded, for generators are dense; select columns or reduce dimensions first",
                DataWarning,
            )
        by_column = sp.csc_array(X)
        by_column.sum_duplicates()

        def get(j: int) -> Array:
            a, b = by_column.indptr[j], by_column.indptr[j + 1]
            out = np.zeros(n_rows, dtype=by_column.dtype)
            out[by_column.indices[a:b]] = by_column.data[a:b]
            return out

        return Table(n_rows, n_columns, get)

    def close(self, columns: Sequence[Any], n_rows: int) -> object:
        """A sparse table of the same class, format and dtype."""
        rows = [np.flatnonzero(column) for column in columns]
        data = [np.asarray(column)[at] for column, at in zip(columns, rows, strict=True)]
        indptr = np.cumsum([0, *map(len, rows)])
        parts = (np.concatenate(data).astype(self.dtype), np.concatenate(rows), indptr)
        shape = (n_rows, len(columns))
        made: Any = sp.csc_array(parts, shape=shape) if self.array else sp.csc_matrix(parts, shape=shape)
        return made.asformat(self.format)


# --------------------------------------------------------------------------------------
# The container of a table.


CONTAINERS: dict[str, type[Container]] = {
    "frame": FrameContainer,
    "sparse": SparseContainer,
    "tensor": TensorContainer,
    "array": ArrayContainer,
    "list": ListContainer,
}

_MATCHES: list[tuple[Callable[[object], bool], str]] = [
    (lambda X: isinstance(X, pd.DataFrame), "frame"),
    (sp.issparse, "sparse"),
    (is_tensor, "tensor"),
    (lambda X: isinstance(X, (list, tuple)), "list"),
    (lambda X: isinstance(X, np.ndarray), "array"),
    (lambda X: hasattr(X, "__array__") or hasattr(X, "__array_interface__"), "array-like"),
]


def container_of(X: object) -> tuple[str, Any]:
    """The kind of container, and X as that kind opens it.

    Raises
    ------
    InvalidTypeError
        If X is no table.
    """
    if isinstance(X, (pd.Series, pd.Index)):
        raise InvalidDataError(
            "Expected a 2D table, got one column of pandas. Reshape your data: to_frame() makes it a table."
        )
    kind = next((name for matches, name in _MATCHES if matches(X)), None)
    advice = conversion_of(X, "X")
    if kind in ("array-like", None) and advice is not None:
        raise InvalidTypeError(f"cannot give back a {full_name(X)}; {advice}")
    if kind == "array-like":
        return "array", np.asarray(X)
    if kind is None:
        raise InvalidTypeError(
            f"cannot read a table from {type(X).__name__!r}; give a DataFrame, a 2D array, "
            "a scipy sparse matrix, a torch tensor or a list of rows"
        )
    return kind, X


# --------------------------------------------------------------------------------------
# Rows of any container: their number, their names, and their concatenation.


def check_rows(X: object) -> None:
    """Refuse what has no rows.

    Raises
    ------
    InvalidTypeError, InvalidDataError
        If X is no container of rows, or an empty one.
    """
    advice = conversion_of(X, "X")
    if advice is not None:
        raise InvalidTypeError(f"cannot give back a {full_name(X)}; {advice}")
    if not (getattr(X, "shape", None) or isinstance(X, (list, tuple))):
        raise InvalidTypeError(
            f"X is a {type(X).__name__}; give a DataFrame, an array, a sparse matrix, a tensor or a list of rows "
            "(ganaug.balance takes datasets of images and series)"
        )
    if isinstance(X, (list, tuple)) and len(X) and type(X[0]).__module__.startswith("PIL."):
        raise InvalidTypeError(
            "X is a list of PIL images; give np.stack([np.asarray(image) for image in X]), or a dataset of them to "
            "ganaug.balance"
        )
    if n_rows(X) == 0:
        raise InvalidDataError("X has 0 rows, while a minimum of 1 is required; check how they were selected")


def check_lengths(X: object, y: object, samples: str = "rows") -> None:
    """Refuse labels whose number differs from that of the samples.

    Raises
    ------
    InvalidDataError
        Naming both numbers.
    """
    n, n_labels = known_length(X), known_length(y)
    if None not in (n, n_labels) and n != n_labels:
        raise InvalidDataError(f"X has {n} {samples} and y has {n_labels} labels; they must be as many")


def known_length(values: Any) -> int | None:
    """The number of samples; None if there is none, which is reported elsewhere."""
    if isinstance(values, (str, bytes, Mapping)):
        return None
    try:
        return int(values.shape[0]) if getattr(values, "shape", ()) else len(values)
    except TypeError:
        return None


def n_rows(X: Any) -> int:
    """Number of rows."""
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def n_columns(X: Any) -> int:
    """Number of columns, or of values of an image or series."""
    if hasattr(X, "shape") and len(X.shape) > 1:
        return prod(int(size) for size in X.shape[1:])
    return prod(map(int, X[0].shape)) if hasattr(X[0], "shape") else len(X[0])


def modality_of(X: Any) -> str:
    """What X holds: "table", "image" or "series" (volumes too).

    Raises
    ------
    InvalidDataError
        If it has another number of dimensions than any of these.
    """
    items = listed(X)
    if items is not None and of_unequal_length(items) and all(getattr(item, "ndim", 0) in (1, 2) for item in items):
        images = all(item.ndim == 2 and str(getattr(item, "dtype", "")).endswith("uint8") for item in items)
        return "image" if images else "series"
    # a list of arrays of equal size is what these are when they are stacked
    one = X if items is None else items[0]
    ndim = getattr(X, "ndim", 2) if items is None else 1 + getattr(one, "ndim", 1)
    if ndim == 3:
        return "image" if str(one.dtype).endswith("uint8") else "series"
    if ndim not in _MODALITIES:
        raise InvalidDataError(
            f"X has {ndim} dimensions; a table has 2, series (n, channels, length) or grey uint8 images (n, H, W) 3, "
            "images with channels 4, volumes (n, C, D, H, W) 5. Reshape it, or give a generator= that takes it as it is"
        )
    return _MODALITIES[ndim]


_MODALITIES = {2: "table", 4: "image", 5: "series"}


def listed(X: object) -> list[Any] | None:
    """The arrays of a list, a tuple or a one-dimensional array of objects; None for anything else, and for no items."""
    if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1:
        return (
            list(X) if len(X) and all(hasattr(item, "shape") or isinstance(item, (list, tuple)) for item in X) else None
        )
    return list(X) if isinstance(X, (list, tuple)) and len(X) else None


def of_unequal_length(X: object) -> list[Any] | None:
    """The items of a list of arrays whose shapes differ, series of unequal length perhaps; None for anything else."""
    items = listed(X)
    return items if items is not None and len(set(_shapes(items))) > 1 else None


def _shapes(items: list[Any]) -> list[tuple[int, ...]]:
    """Of each array or list of numbers; none of what has no shape, such as an image of PIL."""
    found: list[tuple[int, ...]] = []
    for item in items:
        if isinstance(item, (list, tuple)):
            inner = {len(row) if isinstance(row, (list, tuple)) or np.ndim(row) else -1 for row in item}
            found.append((len(item),) if inner <= {-1} else (len(item), max(inner)))
        else:
            found.append(tuple(map(int, getattr(item, "shape", ()))))
    return found


def column_names(X: object) -> list[str] | None:
    """Names of the columns, if all of them are strings."""
    names = list(getattr(X, "columns", []))
    return names if names and all(isinstance(name, str) for name in names) else None


def concatenate(parts: Sequence[Any]) -> Any:
    """Rows of one or several containers of one kind, with the dtypes of the first; always a copy."""
    first: Any = parts[0]
    if hasattr(first, "todense"):
        return type(first)(sp.vstack(parts, format=first.format), dtype=first.dtype)
    if isinstance(first, pd.DataFrame):
        frames = [p if isinstance(p, pd.DataFrame) else pd.DataFrame(p, columns=first.columns) for p in parts]
        frame = pd.concat(frames, ignore_index=True)
        return frame if frame.dtypes.equals(first.dtypes) else frame.astype(first.dtypes)
    if hasattr(first, "detach"):
        import torch

        return torch.cat([torch.as_tensor(part, dtype=first.dtype, device=first.device) for part in parts])
    if isinstance(first, (list, tuple)) or listed(first) is not None:
        return [_own(row) for part in parts for row in part]
    return np.concatenate(parts).astype(first.dtype, copy=False)


def _own(row: Any) -> Any:
    """A copy of an array or tensor; a list of numbers as it is."""
    if hasattr(row, "detach"):
        return row.detach().clone()
    return row.copy() if isinstance(row, np.ndarray) else row


# --------------------------------------------------------------------------------------
# Wide frames: a row for each series, a column for each step.


@dataclass(frozen=True)
class WideFrame:
    """Columns are steps; with two levels, the first names the channel and the second the step."""

    columns: pd.Index

    @classmethod
    def of(cls, X: Any) -> WideFrame:
        """The columns of a DataFrame, if they can be series.

        Raises
        ------
        InvalidDataError
            If the channels do not have the same steps, one channel after the other, or columns share a name.
        InvalidTypeError
            If the names cannot be stored in a model file.
        """
        columns = X.columns
        if not columns.is_unique:
            raise InvalidDataError("columns of the DataFrame occur more than once; give every step its own name")
        frame = cls(columns)
        fault = frame._fault()
        if fault is not None:
            raise InvalidDataError(fault)
        check_storable(FrameContainer(columns), "the names of the columns")
        return frame

    def _fault(self) -> str | None:
        if self.columns.nlevels == 1:
            return None
        if self.columns.nlevels > 2:
            return f"the columns have {self.columns.nlevels} levels; give one (steps) or two (channels, steps)"
        channels = self.columns.get_level_values(0).unique()
        steps = self.columns.get_level_values(1)[: len(self.columns) // max(len(channels), 1)]
        if list(self.columns) != [(channel, step) for channel in channels for step in steps]:
            return "the channels (first level of the columns) must have the same steps, one channel after the other"
        return None

    @property
    def flat(self) -> bool:
        """Whether there are no channels, just steps."""
        return self.columns.nlevels == 1

    def open(self, X: Any) -> Array:
        """An array (n, length) or (n, channels, length); mixed dtypes become their common one."""
        odd = [name for name, dtype in X.dtypes.items() if not pd.api.types.is_numeric_dtype(dtype)]
        if odd:
            raise InvalidTypeError(f"column {odd[0]!r} has dtype {X.dtypes[odd[0]]}; steps of a series are numbers")
        sparse = [name for name, dtype in X.dtypes.items() if isinstance(dtype, pd.SparseDtype)]
        if sparse:
            raise InvalidTypeError(f"column {sparse[0]!r} of the series is sparse; give X.sparse.to_dense()")
        plain = [getattr(dtype, "numpy_dtype", dtype) for dtype in X.dtypes]
        common = np.result_type(*plain) if plain else np.dtype(np.float64)
        if X.isna().any(axis=None):  # gaps
            common = common if common.kind == "f" else np.result_type(common, np.float32)
        values: Array = X.to_numpy(dtype=common, na_value=np.nan) if common.kind == "f" else X.to_numpy(dtype=common)
        if self.flat:
            return values
        return values.reshape(len(X), self.columns.get_level_values(0).nunique(), -1)

    def check(self, given: WideFrame, owner: str) -> None:
        """Compare with the columns of another DataFrame; raises InvalidDataError where they differ."""
        check_names(self.columns, given.columns, len(self.columns), len(given.columns), owner)

    def close(self, array: Array) -> object:
        """The DataFrame of (n, channels, length)."""
        frame = pd.DataFrame(array.reshape(len(array), -1))
        frame.columns = self.columns
        return frame

    def get_state(self) -> State:
        """Config and arrays."""
        return FrameContainer(self.columns).get_state()

    @classmethod
    def from_state(cls, config: Config, arrays: Arrays, shape: tuple[int, ...]) -> WideFrame:
        """What `get_state` took apart; raises ModelFileError if it does not fit series of that shape."""
        frame = cls(FrameContainer.from_state(config, arrays).columns)
        fits = len(shape) == 2 and len(frame.columns) == shape[0] * shape[1] and frame.columns.is_unique
        channels = 1 if frame.flat else frame.columns.get_level_values(0).nunique()
        if not fits or frame._fault() is not None or channels != shape[0]:
            raise ModelFileError(f"the stored columns do not fit series of shape {shape}")
        return frame
