"""The codec of tables: columns, their place in the encoded matrix, and how they are fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ganaug.encoding.adapters import ADAPTERS, DtypeAdapter, adapter_of
from ganaug.encoding.categorical import HighCardinalityModel, OneHotModel
from ganaug.encoding.containers import CONTAINERS, Container, container_of
from ganaug.encoding.dtypes import (
    CategoricalAdapterBase,
    ColumnModel,
    ColumnValues,
    NumericAdapterBase,
    Table,
)
from ganaug.encoding.numeric import NumericModel
from ganaug.encoding.object_columns import DecimalAdapter, ObjectNumberAdapter, ObjectTimeAdapter
from ganaug.encoding.serialization import PickledByState, missing_in, pack_arrays, unpack_arrays
from ganaug.encoding.table_checks import (
    check_columns,
    check_names,
    check_size,
    check_storable,
    describe,
    each_column,
    identifier_warning,
    refuse_infinities,
)
from ganaug.exceptions import DataWarning, InvalidDataError, ModelFileError
from ganaug.utils.determinism import child_seed, numpy_generator, warn
from ganaug.utils.types import Array, Arrays, Block, BoolArray, Config, FloatArray, IntArray, State

__all__ = ["MODELS", "Column", "Layout", "TableCodec", "argmax_rows", "fit_column", "fit_columns", "read_as"]

# --------------------------------------------------------------------------------------
# The layout of the encoded matrix: scalars first, then one-hot groups.


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
        states = argmax_rows(Z[:, c:d]) if d > c else np.zeros(len(Z), dtype=np.int64)
        return Z[:, a:b], states


def argmax_rows(group: Array) -> IntArray:
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


# --------------------------------------------------------------------------------------
# One column: its adapter (dtype) and its model (encoding), fitted and kept together.


_MAX_STATES = 32
OF_OBJECTS = (ObjectNumberAdapter, DecimalAdapter, ObjectTimeAdapter)

MODELS: dict[str, type[ColumnModel]] = {"number": NumericModel, "choice": OneHotModel, "many": HighCardinalityModel}
_MODEL_NAMES = {model: name for name, model in MODELS.items()}
_ADAPTER_NAMES = {adapter: name for name, adapter in ADAPTERS.items()}


Encoding = tuple[Array, Array]  # scores and states of a column


@dataclass(frozen=True)
class Column:
    """A fitted column."""

    adapter: DtypeAdapter
    model: ColumnModel

    @property
    def kind(self) -> str:
        """Name of the model."""
        return _MODEL_NAMES[type(self.model)]

    def encode(self, cells: ColumnValues) -> Encoding:
        """Scores (n, n_scalars) and states (n,), in few bytes: those of all columns are kept until all are fitted."""
        scores, states = self.model.encode(cells)
        return scores, states.astype(np.min_scalar_type(self.model.n_states))

    def round_trip(self, scores: Array, states: Array) -> tuple[Array, Array]:
        """The encoding of what they decode to: rounded as the dtype and the data are."""
        if self.adapter.exact:
            return self.model.round_trip(scores, states)
        return self.model.encode(self.adapter.read(self.adapter.write(self.model.decode(scores, states))))

    def get_state(self) -> State:
        """Config and arrays; those of the adapter are under ``face_``."""
        adapter, adapter_arrays = self.adapter.get_state()
        model, arrays = self.model.get_state()
        config = {"face": [_ADAPTER_NAMES[type(self.adapter)], adapter], "model": [self.kind, model]}
        return config, arrays | {f"face_{key}": array for key, array in adapter_arrays.items()}

    @classmethod
    def from_state(cls, config: Config, arrays: Arrays) -> Column:
        """The column that `get_state` took apart."""
        of_adapter = {key.removeprefix("face_"): a for key, a in arrays.items() if key.startswith("face_")}
        (adapter_kind, adapter), (model_kind, model) = config["face"], config["model"]
        column = cls(
            ADAPTERS[adapter_kind].from_state(adapter, of_adapter), MODELS[model_kind].from_state(model, arrays)
        )
        if isinstance(column.adapter, CategoricalAdapterBase):
            n_levels = getattr(column.model, "n_levels", 0)
            if len(column.adapter.levels) != n_levels:
                raise ModelFileError(f"a column of {n_levels} levels lists {len(column.adapter.levels)}")
        return column


def fit_column(
    adapter: DtypeAdapter,
    cells: ColumnValues,
    seed: int,
    number: int,
    keep_range: bool,
    whole: bool = False,
    labels: Array | None = None,
) -> Column | None:
    """Fit one column.

    Parameters
    ----------
    adapter : DtypeAdapter
    cells : ColumnValues
        What the adapter reads.
    seed : int
    number : int
        The column's place in the table.
    keep_range : bool
        As in `TableCodec`.
    whole : bool, default=False
        Whether a category is one-hot, however many levels it has.

    Returns
    -------
    Column or None
        None if there are too many levels: their codes depend on the encoding of the other columns.
    """
    if isinstance(adapter, NumericAdapterBase):
        numeric = NumericModel.fit(cells, adapter.inner, seed, number, keep_range, adapter.discrete, labels)
        return Column(adapter, numeric)
    assert isinstance(adapter, CategoricalAdapterBase)
    model = OneHotModel.fit(cells, len(adapter.levels))
    return Column(adapter, model) if whole or model.n_states <= _MAX_STATES else None


def read_as(adapter: DtypeAdapter, raw: Any) -> ColumnValues:
    """Read a column given after fit, in the dtype seen in fit or one that can replace it."""
    if raw.dtype == adapter.dtype:
        return adapter.read(raw)
    if isinstance(adapter, OF_OBJECTS) and missing_in(raw).all():
        return adapter.read(np.asarray(raw, dtype=object))  # no type left to tell by
    given = adapter_of(raw)
    if given.family != adapter.family:
        message = f"has dtype {raw.dtype} but had {adapter.dtype} in fit; convert it back with astype"
        raise InvalidDataError(message)
    return adapter.read_as(given, raw)


# --------------------------------------------------------------------------------------
# Fitting all columns: first each by itself, then those of many levels, whose codes depend on the other columns.


_MAX_CONTEXT_ROWS = 100_000


def fit_columns(
    table: Table,
    adapters: list[DtypeAdapter],
    labels: Array | None,
    seed: int,
    keep_range: bool,
    whole: Sequence[Any] | None = None,
) -> tuple[list[Column], list[Encoding]]:
    """Fit and encode every column, reading each once.

    Warns of columns that should not be learnt from.

    Parameters
    ----------
    table : Table
    adapters : list of DtypeAdapter
        One for each column.
    labels : ndarray of shape (n,), dtype int64, or None
        Class codes.
    seed : int
    keep_range : bool
        As in `TableCodec`.
    whole : sequence of column names, optional
        Categories that are one-hot, however many levels they have. If given, no warnings are raised.
    """
    names = range(table.n_columns) if table.names is None else table.names
    one_block = set() if whole is None else {j for j, name in enumerate(names) if name in whole}
    fitted: dict[int, tuple[Column, Encoding]] = {}
    waiting: dict[int, tuple[CategoricalAdapterBase, ColumnValues]] = {}
    for j, adapter in enumerate(adapters):
        cells = adapter.read(table.get(j))
        column = fit_column(adapter, cells, seed, j, keep_range, j in one_block, labels)
        if column is not None:
            fitted[j] = column, column.encode(cells)
        elif isinstance(adapter, CategoricalAdapterBase):
            waiting[j] = adapter, cells
        reason = identifier_warning(adapter, cells) if whole is None else ""
        if reason:
            warn(f"{describe(table.names, j)} {reason}", DataWarning)
        if adapter.remark:
            warn(f"{describe(table.names, j)} {adapter.remark}", DataWarning)
    if waiting:
        rows = np.arange(table.n_rows)
        if table.n_rows > _MAX_CONTEXT_ROWS:
            chosen = numpy_generator(seed, "context").choice(table.n_rows, _MAX_CONTEXT_ROWS, replace=False)
            rows = np.sort(chosen)
        context = _context(list(fitted.values()), rows)
        part = None if labels is None else labels[rows]
        for j, (of_levels, cells) in waiting.items():
            own = child_seed(seed, "many", j)
            model = HighCardinalityModel.fit(cells, len(of_levels.levels), context, rows, part, own)
            column = Column(of_levels, model)
            fitted[j] = column, column.encode(cells)
    in_order = [fitted[j] for j in range(len(adapters))]
    return [column for column, _ in in_order], [encoding for _, encoding in in_order]


def _context(fitted: list[tuple[Column, Encoding]], rows: Array) -> FloatArray:
    """The encoding, at some rows, of the columns that are fitted first."""
    layout = Layout.of([(column.model.n_scalars, column.model.n_states) for column, _ in fitted])
    Z = np.zeros((len(rows), layout.width), dtype=np.float32)
    for position, (_, (scores, states)) in enumerate(fitted):
        layout.write(Z, position, scores[rows], states[rows])
    return Z


# --------------------------------------------------------------------------------------
# The two-way codec of tables.


_VERSION = 1


class TableCodec(PickledByState):
    """Turns a table into a float32 matrix and any float matrix back into such a table.

    What comes back has the container, the columns, their order and their dtypes
    of what was fitted, with missing values where the encoded matrix says so.

    Parameters
    ----------
    keep_range : bool, default=True
        Decoded numbers stay between the smallest and the largest one seen in
        ``fit``. If False they may go beyond, linearly in the normal score.

    Attributes
    ----------
    width : int
        Columns of the encoded matrix.
    blocks : tuple of Block
        One scalar block first (if there is any scalar), then one one-hot block
        for each column with more than one state.
    n_features_ : int
        Columns of the table.
    feature_names_ : list of str or None
        Their names, where all are strings.

    Notes
    -----
    A number becomes a normal score through the column's quantiles. A value that
    holds at least 5 % of the rows and stands out becomes a state of its own, as
    does missing. Up to 32 states are one-hot; a column with more levels takes at
    most 18 states and 4 scalars. A constant column takes no width.

    Sparse input is made dense: the encoded matrix takes 4 bytes for every cell.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug.encoding import TableCodec
    >>> X = pd.DataFrame({"amount": [1.5, 2.5, None, 4.0], "kind": ["a", "b", "a", "a"]})
    >>> codec = TableCodec().fit(X)
    >>> Z = codec.encode(X)
    >>> Z.shape, codec.blocks[0].tag
    ((4, 5), 'scalar')
    >>> codec.decode(Z).equals(X)
    True
    """

    def __init__(self, keep_range: bool = True) -> None:
        self.keep_range = keep_range

    def fit(
        self, X: object, y: npt.ArrayLike | None = None, seed: int = 0, *, whole: Sequence[Any] | None = None
    ) -> TableCodec:
        """Learn the columns.

        Parameters
        ----------
        X : DataFrame, ndarray, sparse matrix, tensor or list of rows, of shape (n, d)
            Never changed. Missing values are welcome, infinities are not.
        y : array-like of shape (n,), dtype int, default=None
            Class codes. They only inform the codes of columns with many levels.
        seed : int, default=0
            For the subsample of large tables and for the codes of many levels.
        whole : sequence of column names, optional
            See `CompactTableCodec`.

        Returns
        -------
        TableCodec
            Itself.

        Raises
        ------
        InvalidDataError
            For an empty table, infinities, complex numbers, duplicate names, a y of another length; it names
            the column.
        InvalidTypeError
            For what is no table, for cells that are not scalars, and for values, names and dtypes that no model
            file can hold.
        """
        self.fit_encode(X, y, seed, whole=whole)
        return self

    def fit_encode(
        self, X: object, y: npt.ArrayLike | None = None, seed: int = 0, *, whole: Sequence[Any] | None = None
    ) -> FloatArray:
        """Learn the columns and encode them, reading the table once; equal to ``fit`` and ``encode``.

        Parameters
        ----------
        X, y, seed, whole
            As in `fit`.

        Returns
        -------
        ndarray of shape (n, width), dtype float32
        """
        kind, X = container_of(X)
        container = CONTAINERS[kind].fit(X)
        table = CONTAINERS[kind].open(X)
        check_size(table)
        labels = None if y is None else np.asarray(y, dtype=np.int64)
        if labels is not None and len(labels) != table.n_rows:
            raise InvalidDataError(f"X has {table.n_rows} rows and y has {len(labels)}; they must be as many")
        adapters = [adapter for _, adapter in each_column(table, lambda raw, j: adapter_of(raw))]
        refuse_infinities(table, adapters)
        check_storable(container, "the names of the columns" if table.names is not None else "X")
        check_columns(adapters, (describe(table.names, j) for j in range(len(adapters))))
        columns, encodings = fit_columns(table, adapters, labels, seed, self.keep_range, whole)
        self._set(kind, container, columns, table.names)
        Z = np.zeros((table.n_rows, self.width), dtype=np.float32)
        for j, (scores, states) in enumerate(encodings):
            self._layout.write(Z, j, scores, states)
        return Z

    def _set(self, kind: str, container: Container, columns: list[Column], names: pd.Index | None) -> None:
        self._kind, self._container, self._columns, self._names = kind, container, columns, names
        self._layout = Layout.of([(c.model.n_scalars, c.model.n_states) for c in columns])
        self.n_features_ = len(columns)
        strings = names is not None and all(isinstance(name, str) for name in names)
        self.feature_names_: list[str] | None = list(names) if strings and names is not None else None

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks of the encoded matrix, covering ``0..width`` in order."""
        return self._layout.blocks

    @property
    def width(self) -> int:
        """Columns of the encoded matrix."""
        return self._layout.width

    def encode(self, X: object, owner: str = "TableCodec") -> FloatArray:
        """Encode a table.

        Parameters
        ----------
        X : table of shape (n, d)
            With the columns seen in ``fit``. A numeric dtype may differ where nothing is lost by it.
        owner : str, default="TableCodec"
            The estimator that error messages speak of.

        Returns
        -------
        ndarray of shape (n, width), dtype float32
            C-contiguous.

        Raises
        ------
        InvalidDataError
            If columns or dtypes differ from those in ``fit``, or a value of a
            choice column did not occur there. It names the column and the values.
        """
        kind, X = container_of(X)
        table = CONTAINERS[kind].open(X)
        check_size(table, rows=False)
        check_names(self._names, table.names, self.n_features_, table.n_columns, owner)
        Z = np.zeros((table.n_rows, self.width), dtype=np.float32)
        adapters = [column.adapter for column in self._columns]
        refuse_infinities(table, adapters)

        def encode(raw: object, j: int) -> tuple[Array, Array]:
            column = self._columns[j]
            return column.model.encode(read_as(column.adapter, raw))

        for j, (scores, states) in each_column(table, encode):
            self._layout.write(Z, j, scores, states)
        return Z

    def decode(self, Z: npt.ArrayLike) -> Any:
        """Decode a matrix, whatever finite numbers it holds.

        Parameters
        ----------
        Z : ndarray of shape (n, width)
            Of any number of rows. In each one-hot block the largest column counts.

        Returns
        -------
        table of shape (n, d)
            In the container given to ``fit``; a DataFrame has a RangeIndex.

        Raises
        ------
        InvalidDataError
            If the width is wrong or a number is not finite.
        """
        matrix = np.asarray(Z)
        if matrix.ndim != 2 or matrix.shape[1] != self.width:
            raise InvalidDataError(f"cannot decode an array of shape {matrix.shape}; give (n, {self.width})")
        _check_finite(matrix)
        columns = []
        for j, column in enumerate(self._columns):
            scores, states = self._layout.read(matrix, j)
            columns.append(column.adapter.write(column.model.decode(scores, states)))
        return self._container.close(columns, len(matrix))

    def round_trip(self, Z: FloatArray) -> FloatArray:
        """What `encode` makes of what `decode` makes of a matrix, without making the table. (n, width) -> (n, width).

        Raises
        ------
        InvalidDataError
            If a number is not finite.
        """
        _check_finite(Z)
        seen = np.zeros_like(Z, dtype=np.float32, order="C")
        for start in range(0, len(Z), _AT_ONCE):
            part, own = Z[start : start + _AT_ONCE], seen[start : start + _AT_ONCE]
            for j, column in enumerate(self._columns):
                self._layout.write(own, j, *column.round_trip(*self._layout.read(part, j)))
        return seen

    def active(self, Z: FloatArray) -> BoolArray:
        """Which numbers decoding reads, of rows whose groups hold any numbers. (n, width) -> (n, numbers).

        Those of a row in which the column has a state that says its value, or is missing, are not read.
        """
        read = np.ones((len(Z), max((b for _, b in self._layout.scalars), default=0)), dtype=bool)
        for j, column in enumerate(self._columns):
            (a, b), (c, d) = self._layout.scalars[j], self._layout.groups[j]
            if b > a and d > c:
                read[:, a:b] = (argmax_rows(Z[:, c:d]) == column.model.scored_state)[:, None]
        return read

    def possible_values(self, place: int) -> tuple[pd.Series, bool]:
        """Values that a column can have: all of them, or the smallest and the largest one.

        Returns
        -------
        values : Series
            In the column's own dtype.
        every : bool
            Whether these are all of them.
        """
        column = self._columns[place]
        values, every = column.model.possible()
        return pd.Series(column.adapter.write(ColumnValues(values))), every

    def column_summary(self) -> list[dict[str, Any]]:
        """One dict for each column: name, dtype, kind, n_scalars, n_states and the kind's own facts."""
        names = range(self.n_features_) if self._names is None else self._names
        return [
            {
                "name": name,
                "dtype": str(column.adapter.dtype),
                "kind": column.kind,
                "n_scalars": column.model.n_scalars,
                "n_states": column.model.n_states,
                **column.model.summary(),
            }
            for name, column in zip(names, self._columns, strict=True)
        ]

    def get_state(self) -> State:
        """Everything learnt, for `from_state`.

        Returns
        -------
        config : dict
            Can be written as JSON.
        arrays : dict of str to ndarray
            1-D, none of object dtype. No training row is among them.
        """
        container, own = self._container.get_state()
        states = [column.get_state() for column in self._columns]
        config = {
            "version": _VERSION,
            "keep_range": self.keep_range,
            "container": [self._kind, container],
            "columns": [config for config, _ in states],
        }
        return config, pack_arrays([own, *(arrays for _, arrays in states)])

    @classmethod
    def from_state(cls, config: Config, arrays: Arrays) -> TableCodec:
        """The codec that `get_state` took apart.

        Raises
        ------
        ModelFileError
            If the state is of a newer version or incomplete.
        """
        if config.get("version", 0) > _VERSION:
            raise ModelFileError("this table codec was written by a newer version of ganaug; upgrade ganaug")
        try:
            codec = cls(keep_range=config["keep_range"])
            own, *parts = unpack_arrays(arrays, len(config["columns"]) + 1)
            kind, of_container = config["container"]
            container = CONTAINERS[kind].from_state(of_container, own)
            columns = [Column.from_state(c, part) for c, part in zip(config["columns"], parts, strict=True)]
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(f"the stored table codec cannot be read: {error!r}") from error
        codec._set(kind, container, columns, getattr(container, "columns", None))
        return codec


def _check_finite(matrix: Array) -> None:
    if not np.isfinite(matrix).all():
        raise InvalidDataError("cannot decode NaN or infinity; the generator that made them has diverged")
