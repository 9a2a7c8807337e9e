"""Tables too large for memory: which of their rows are learnt from, and how parts of one become a folder of Parquet.

A training draws some 100,000 rows however many there are. Rows are drawn by class and position within the class
alone, from a generator of their own, so that a table in memory and one that is read batch by batch give the same ones.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from ganaug.encoding.containers import CONTAINERS, container_of, is_tensor, known_length
from ganaug.encoding.dtype_state import arrow_datasets
from ganaug.encoding.row_sources import (
    PARQUET,
    TEXT,
    AnyRows,
    ArrowColumn,
    ArrowTable,
    ArrowTool,
    ArrowType,
    BatchedRows,
    open_rows,
    places_of,
    rows_from,
)
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError, ModelPathNotFoundError
from ganaug.utils.determinism import numpy_generator
from ganaug.utils.files import check_writable, path_error, replacing_folder
from ganaug.utils.types import IntArray

__all__ = [
    "MOST_ROWS",
    "RowFiles",
    "SelectedRows",
    "all_rows",
    "check_target",
    "checked_folder",
    "labelled_rows",
    "largest_share",
    "row_files",
    "sampled_rows",
    "select_in_memory",
    "select_rows",
    "selected_from",
    "selected_of",
    "split_target",
]

# --------------------------------------------------------------------------------------
# Which rows are learnt from: all of them, or of a large table a bounded number, the same whatever holds it.


# A table or labels in any container, and a value of a column.
AnyTable: TypeAlias = Any
AnyValue: TypeAlias = Any

# Rows that are learnt from, in all. A table of no more is taken whole.
MOST_ROWS = 300_000
# Levels of a column of which a row each is among the selected ones; those that come first.
MOST_LEVELS = 1000
# Different labels from which on the column of the labels is taken for something else.
MOST_CLASSES = 20_000


@dataclass(frozen=True)
class SelectedRows:
    """Rows that are learnt from, and how many there are in all.

    Attributes
    ----------
    X : table of shape (n, d)
        In the container, or as a DataFrame with the dtypes, that the whole table has in memory.
    y : array-like of shape (n,), or None
        Their labels.
    places : ndarray of shape (n,), int64
        Place of each row's class in ``counts``.
    counts : ndarray of shape (n_classes,), int64
        Rows of each class in the whole table.
    target : str or None
        Name of the column that held the labels.
    """

    X: AnyTable
    y: AnyTable
    places: IntArray
    counts: IntArray
    target: str | None = None

    def sizes(self, codes: IntArray, n_classes: int) -> IntArray:
        """Rows of each class in the whole table, given the codes of the selected rows."""
        found = np.zeros(max(n_classes, 1), np.int64)
        found[codes] = self.counts[self.places]
        return found


def largest_share(counts: Sequence[int], most: int = MOST_ROWS) -> int:
    """The largest number of rows of each class that makes no more than ``most`` in all.

    Examples
    --------
    >>> from ganaug.encoding.large_tables import largest_share
    >>> largest_share([1000, 50, 20], most=270)
    200
    """
    left, waiting = most, sorted(int(count) for count in counts)
    for place, count in enumerate(waiting):
        share = left // (len(waiting) - place)
        if count > share:
            return max(1, share)
        left -= count
    return max(waiting, default=1)


def select_rows(counts: Sequence[int], seed: int, most: int = MOST_ROWS) -> list[IntArray | None]:
    """Which rows of each class are learnt from.

    Parameters
    ----------
    counts : sequence of int
        Rows of each class, the classes in the order in which they first occur.
    seed : int
    most : int, default=MOST_ROWS
        In all. Small classes are taken whole, and of each larger one as many rows as fit, `largest_share`.

    Returns
    -------
    list of (ndarray of int64, sorted, or None)
        Positions within the class; None means all of them.
    """
    share = largest_share(counts, most)
    return [
        None
        if count <= share
        else np.sort(numpy_generator(seed, "rows", place).choice(int(count), share, replace=False, shuffle=False))
        for place, count in enumerate(counts)
    ]


# --------------------------------------------------------------------------------------
# Rows that an encoding must have seen: those with a column's extremes, and one of each level.


class Witnesses:
    """Positions of the rows in which each column is smallest and largest, and has each level for the first time."""

    def __init__(self) -> None:
        self._lowest: dict[int, tuple[Any, int]] = {}
        self._highest: dict[int, tuple[Any, int]] = {}
        self._levels: dict[int, dict[Any, int]] = {}

    def see(self, columns: Sequence[Any], start: int) -> None:
        """Look at the columns of the rows from ``start`` on."""
        for j, raw in enumerate(columns):
            series = pd.Series(raw, copy=False)
            if not len(series):
                continue
            if _is_ordered(series.dtype):
                self._see_extremes(j, series, start)
            else:
                self._see_levels(j, series, start)

    def _see_extremes(self, j: int, series: pd.Series[Any], start: int) -> None:
        if series.hasnans and bool(series.isna().all()):
            return
        low, high = int(series.argmin()), int(series.argmax())
        for known, place, better in ((self._lowest, low, _less), (self._highest, high, _more)):
            value = series.iloc[place]
            if j not in known or better(value, known[j][0]):
                known[j] = value, start + place

    def _see_levels(self, j: int, series: pd.Series[Any], start: int) -> None:
        known = self._levels.setdefault(j, {})
        if len(known) >= MOST_LEVELS:
            return
        try:
            codes, levels = pd.factorize(series)
        except TypeError:  # cells that are no scalars, which are refused elsewhere
            return
        first = np.zeros(len(levels) + 1, np.int64)
        first[codes[::-1]] = np.arange(len(codes))[::-1]  # missing ones, whose code is -1, at the end
        for level, place in zip(levels.tolist(), first[:-1].tolist(), strict=True):
            if len(known) < MOST_LEVELS:
                known.setdefault(level, start + place)

    def positions(self) -> IntArray:
        """All of them, sorted."""
        found = {place for known in (self._lowest, self._highest) for _, place in known.values()}
        found |= {place for levels in self._levels.values() for place in levels.values()}
        return np.array(sorted(found), np.int64)


def _is_ordered(dtype: object) -> bool:
    return getattr(dtype, "kind", "O") in "iufmM" and not isinstance(dtype, pd.CategoricalDtype)


def _less(one: AnyValue, other: AnyValue) -> bool:
    return bool(one < other)


def _more(one: AnyValue, other: AnyValue) -> bool:
    return bool(one > other)


# --------------------------------------------------------------------------------------
# A table in memory.


def select_in_memory(
    X: AnyTable, y: AnyTable, codes: IntArray | None, seed: Callable[[], int], most: int | None = None
) -> SelectedRows | None:
    """The rows of a table in memory that are learnt from; None if these are all of them.

    Parameters
    ----------
    X : table of shape (n, d)
    y : array-like of shape (n,), or None
    codes : ndarray of shape (n,), int64, or None
        Codes of the labels, if there are any.
    seed : callable
        Makes the seed of the draw, if there is one.
    most : int, optional
        Rows in all, `MOST_ROWS` if not given.
    """
    most = MOST_ROWS if most is None else most
    if (known_length(X) or 0) <= most:
        return None
    codes = np.zeros(known_length(X) or 0, np.int64) if codes is None else codes
    if largest_share(np.bincount(codes).tolist(), most) >= int(np.bincount(codes).max()):
        return None
    known, first = np.unique(codes, return_index=True)
    order = known[np.argsort(first)]
    place_of = np.zeros(int(known.max()) + 1, np.int64)
    place_of[order] = np.arange(len(order))
    counts = np.bincount(codes)[order]
    witnesses = Witnesses()
    kind, opened = container_of(X)
    table = CONTAINERS[kind].open(opened)
    witnesses.see([table.get(j) for j in range(table.n_columns)], 0)
    parts = [witnesses.positions()]
    for code, chosen in zip(order, select_rows(counts.tolist(), seed(), most), strict=True):
        own = np.flatnonzero(codes == code)
        parts.append(own if chosen is None else own[chosen])
    rows = np.unique(np.concatenate(parts))
    return SelectedRows(_taken(X, rows), None if y is None else _taken(y, rows), place_of[codes[rows]], counts)


def _taken(values: AnyTable, rows: IntArray) -> AnyTable:
    """Some rows of any container."""
    if isinstance(values, (pd.DataFrame, pd.Series)):
        return values.iloc[rows].reset_index(drop=True)
    if isinstance(values, (list, tuple)):
        return [values[row] for row in rows.tolist()]
    if hasattr(values, "tocsr"):
        return values.tocsr()[rows].asformat(values.format)
    if is_tensor(values):
        import torch

        return values[torch.from_numpy(rows).to(values.device)]
    return values[rows] if hasattr(values, "__getitem__") else np.asarray(values)[rows]


def split_target(X: pd.DataFrame, y: str) -> tuple[pd.DataFrame, Any]:
    """A DataFrame without the column of the labels, and that column."""
    check_target(list(X.columns), y, "X")
    return X.drop(columns=y), X[y]


def check_target(columns: Sequence[Any], target: object, name: str) -> None:
    """Refuse a column of labels that is not there, or that is the only one.

    Raises
    ------
    InvalidDataError
        Naming the columns.
    """
    shown = ", ".join(map(repr, list(columns)[:10])) + (", ..." if len(columns) > 10 else "")
    if target not in columns:
        raise InvalidDataError(f"y={target!r} is no column of {name}; it has {shown}")
    if len(columns) < 2:
        raise InvalidDataError(f"{name} has no column beside the labels {target!r}")


def labelled_rows(X: AnyTable, y: AnyTable) -> bool:
    """Whether X holds rows that are read batch by batch, with the name of the column of the labels as y, or with None.

    Raises
    ------
    InvalidTypeError
        If y are the labels themselves.
    """
    if isinstance(X, pd.DataFrame) or not rows_from(X, labelled=isinstance(y, str)):
        return False
    if y is not None and not isinstance(y, str):
        raise InvalidTypeError(
            f"X is a {type(X).__name__}, whose rows are read batch by batch, and y a {type(y).__name__}; give the name "
            "of the column of X that holds the labels, as in fit(rows, 'target'), or a DataFrame and its labels"
        )
    return True


# --------------------------------------------------------------------------------------
# Rows that are read batch by batch.


@dataclass
class RowScan:
    """What one pass over all rows tells.

    Attributes
    ----------
    n_rows : int
    counts : dict of label to int
        Rows of each class, in the order in which they first occur; {None: n} without labels.
    missing : list of bool
        For each column, whether a value is missing somewhere.
    witnesses : Witnesses
    levels : dict of str to list
        Of columns that Arrow keeps as dictionaries, all values, in the order in which they first occur.
    """

    missing: list[bool]
    n_rows: int = 0
    counts: dict[Any, int] = field(default_factory=dict)
    witnesses: Witnesses = field(default_factory=Witnesses)
    levels: dict[str, dict[Any, None]] = field(default_factory=dict)


def scan_rows(rows: BatchedRows, target: str | None) -> RowScan:
    """Read all rows once: classes, missing values, levels and extremes.

    Raises
    ------
    InvalidDataError
        If there are none, or a label is missing.
    """
    scan = RowScan([False] * len(rows.columns))
    features = [name for name in rows.columns if name != target]
    for table in rows.batches():
        for j, column in enumerate(table.columns):
            scan.missing[j] |= column.null_count > 0
            if _is_dictionary(column):
                known = scan.levels.setdefault(rows.columns[j], {})
                for chunk in column.chunks:
                    known.update(dict.fromkeys(chunk.dictionary.to_pylist()))
        if target is None:
            scan.counts[None] = scan.counts.get(None, 0) + table.num_rows
        else:
            _count(scan, rows, table, target)
        frame = rows.frame(table.select(features))
        scan.witnesses.see([frame[name].array for name in features], scan.n_rows)
        scan.n_rows += table.num_rows
    if not scan.n_rows:
        raise InvalidDataError(
            f"{rows.name} has 0 rows, while a minimum of 1 is required; check how they were selected"
        )
    return scan


def _is_dictionary(column: ArrowColumn) -> bool:
    return hasattr(column.type, "value_type") and hasattr(column.type, "index_type")


def _count(scan: RowScan, rows: BatchedRows, table: ArrowTable, target: str) -> None:
    labels, codes = _labels(rows, table, target, scan.n_rows)
    first = np.full(len(labels), len(codes))
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    sizes = np.bincount(codes, minlength=len(labels))
    for code in [code for code in np.argsort(first).tolist() if sizes[code]]:
        scan.counts[labels[code]] = scan.counts.get(labels[code], 0) + int(sizes[code])
    if len(scan.counts) > MOST_CLASSES:
        raise InvalidDataError(
            f"{rows.name}: column {target!r} holds more than {MOST_CLASSES} different values, which looks like a "
            "measurement or an identifier; name the column of the classes"
        )


def _labels(rows: BatchedRows, table: ArrowTable, target: str, start: int) -> tuple[list[Any], IntArray]:
    """The different labels of a batch, and the place of each row's among them."""
    column = table.column(target).combine_chunks()
    if hasattr(column, "chunks"):
        column = column.chunk(0)
    coded = column if _is_dictionary(column) else column.dictionary_encode()
    labels = coded.dictionary.to_pylist()
    lost = np.asarray(coded.is_null().to_numpy(zero_copy_only=False), bool)
    codes = coded.indices.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    empty = [place for place, label in enumerate(labels) if label is None or label != label]
    if empty:
        lost |= np.isin(codes, empty)
    if lost.any():
        raise InvalidDataError(
            f"Input y contains NaN: {rows.name} has no label in column {target!r} of row {start + int(lost.argmax())}; "
            "drop the rows without a label"
        )
    return labels, codes


def selected_from(
    source: AnyRows, target: str | None, seed: Callable[[], int], most: int | None = None
) -> SelectedRows:
    """The rows of any source that are learnt from, read batch by batch in two passes.

    Parameters
    ----------
    source : object
        What `open_rows` takes.
    target : str or None
        Name of the column of the labels.
    seed : callable
        Makes the seed of the draw, if there is one.
    most : int, optional
        Rows in all, `MOST_ROWS` if not given; see `select_rows`.

    Returns
    -------
    SelectedRows
        The same for any batches, and the same that `select_in_memory` finds in the whole table.

    Raises
    ------
    InvalidDataError, InvalidTypeError
        As `open_rows`; also if there is no such column, or a label is missing.
    """
    with open_rows(source) as rows:
        return selected_of(rows, target, seed, most)


def selected_of(
    rows: BatchedRows, target: str | None, seed: Callable[[], int], most: int | None = None, *, witnesses: bool = True
) -> SelectedRows:
    """The same of rows that are open; without ``witnesses`` only those that were drawn."""
    most = MOST_ROWS if most is None else most
    if target is not None:
        check_target(rows.columns, target, rows.name)
    scan = scan_rows(rows, target)
    counts = list(scan.counts.values())
    some = sum(counts) > most and max(counts) > largest_share(counts, most)
    chosen = select_rows(counts, seed(), most) if some else [None] * len(counts)
    always = scan.witnesses.positions() if some and witnesses else np.zeros(0, np.int64)
    table, places = _collected(rows, target, scan, chosen, always)
    frame = _whole_frame(rows, table, scan)
    y = None if target is None else frame.pop(target)
    return SelectedRows(frame, y, places, np.array(counts, np.int64), target)


def sampled_rows(source: AnyRows, n: int, seed: int) -> tuple[pd.DataFrame, int]:
    """So many rows of any source, drawn at random and in their order, and how many there are in all."""
    with open_rows(source) as rows:
        found = selected_of(rows, None, lambda: seed, n, witnesses=False)
    return found.X, int(found.counts.sum())


def all_rows(rows: BatchedRows, target: str | None) -> tuple[pd.DataFrame, Any]:
    """All rows, in memory."""
    found = selected_of(rows, target, lambda: 0, most=2**62)
    return found.X, found.y


def _collected(
    rows: BatchedRows, target: str | None, scan: RowScan, chosen: Sequence[IntArray | None], witnesses: IntArray
) -> tuple[Any, IntArray]:
    """The chosen rows as one table of Arrow, and the places of their classes: the second pass."""
    place_of = {label: place for place, label in enumerate(scan.counts)}
    seen = np.zeros(len(chosen), np.int64)
    parts, places, start = [], [], 0
    for table in rows.batches():
        n = table.num_rows
        if target is None:
            own = np.zeros(n, np.int64)
        else:
            labels, codes = _labels(rows, table, target, start)
            own = np.array([place_of.get(label, -1) for label in labels], np.int64)[codes]
            if (own < 0).any():
                raise InvalidDataError(f"{rows.name} changed while it was read")
        keep = np.zeros(n, bool)
        for place in np.unique(own).tolist():
            positions, of_class = np.flatnonzero(own == place), chosen[place]
            if of_class is None:
                keep[positions] = True
            else:
                low, high = np.searchsorted(of_class, [seen[place], seen[place] + len(positions)])
                keep[positions[of_class[low:high] - seen[place]]] = True
            seen[place] += len(positions)
        low, high = np.searchsorted(witnesses, [start, start + n])
        keep[witnesses[low:high] - start] = True
        start += n
        if keep.any():
            parts.append(table if keep.all() else table.take(np.flatnonzero(keep)))
            places.append(own[keep])
    if start != scan.n_rows:
        raise InvalidDataError(f"{rows.name} had {scan.n_rows} rows and then {start}: it changed while it was read")
    return rows.joined(parts), np.concatenate(places)


def _whole_frame(rows: BatchedRows, table: ArrowTable, scan: RowScan) -> pd.DataFrame:
    """The DataFrame of some rows, with the dtypes and categories that all rows have together."""
    frame = rows.frame(table, scan.missing)
    for name, levels in scan.levels.items():
        dtype = frame[name].dtype
        if isinstance(dtype, pd.CategoricalDtype) and len(levels) != len(dtype.categories):
            kept = [level for level in levels if level is not None]
            whole = pd.Index(kept, dtype=dtype.categories.dtype)
            frame[name] = frame[name].cat.set_categories(whole, ordered=dtype.ordered)
    return frame


# --------------------------------------------------------------------------------------
# A table written to a folder of Parquet files, part after part, that is there whole at the end or not at all.


_NEEDS = "Parquet files need"
# Rows of a row group, which a reader holds at once.
_ROW_GROUP = 131_072


def checked_folder(path: object, rows: AnyRows) -> Path:
    """The path of a folder that can be made, and that is no part of the rows that are read.

    Raises
    ------
    InvalidTypeError, InvalidParameterError, ModelPathError
        If it is no path, is there already, looks like a file, or its parent cannot be written to; if it and the rows
        lie within each other.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise InvalidTypeError(
            f"path={path!r} is a {type(path).__name__}; give the name of a folder that is not there yet"
        )
    folder = Path(path)
    if not str(folder) or folder.name.lower().endswith((*PARQUET, *TEXT)):
        raise InvalidParameterError(f"path={str(path)!r} is to be a folder of Parquet files; name it without a suffix")
    target = Path(os.path.realpath(folder))  # through symbolic links
    for source in places_of(rows):
        if target == source or source in target.parents or target in source.parents:
            raise InvalidParameterError(
                f"path={str(path)!r} and {source}, which is read, lie within each other, so that synthetic rows would "
                "be among the real ones the next time; name another folder"
            )
    if folder.exists():
        raise InvalidParameterError(f"path={str(path)!r} is there already; name another folder, or remove it first")
    if not folder.absolute().parent.is_dir():
        raise ModelPathNotFoundError(
            errno.ENOENT, f"the folder {folder.absolute().parent} does not exist; create it first"
        )
    check_writable(folder)
    return folder


class RowFiles:
    """Writes tables with the columns of some rows to files of a folder.

    Parameters
    ----------
    folder : Path
        It is there.
    rows : BatchedRows
        Whose columns and types are written.
    rows_per_file : int
        The last file may have fewer.
    mark : str or None
        Name of a column that says which rows are synthetic.
    """

    def __init__(self, folder: Path, rows: BatchedRows, rows_per_file: int, mark: str | None) -> None:
        self._pa = arrow_datasets(_NEEDS)
        self._folder, self._most, self._mark = folder, rows_per_file, mark
        metadata = dict(rows.schema.metadata or {})
        if rows.dtypes:
            empty = pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in rows.dtypes.items()})
            metadata |= self._pa.Schema.from_pandas(empty, preserve_index=False).metadata
        fields = [one.with_nullable(True) for one in rows.schema]
        if mark is not None:
            if mark in rows.columns:
                raise InvalidParameterError(f"mark={mark!r} is a column of {rows.name}; give the mark another name")
            fields.append(self._pa.field(mark, self._pa.bool_()))
        self._schema = self._pa.schema(fields, metadata=metadata or None)
        self._writer: ArrowTool = None
        self._in_file = self._n_files = 0

    def write(self, table: ArrowTable, synthetic: bool) -> None:
        """Write a table of Arrow with the columns of the rows."""
        pa, columns = self._pa, list(table.columns)
        if self._mark is not None:
            columns.append(pa.array(np.full(table.num_rows, synthetic)))
        table = pa.Table.from_arrays(columns, schema=self._schema)
        start = 0
        while start < table.num_rows:
            if self._writer is None:
                path = self._folder / f"part-{self._n_files:06d}.parquet"
                self._writer = pa.parquet.ParquetWriter(str(path), self._schema)
                self._n_files, self._in_file = self._n_files + 1, 0
            n = min(self._most - self._in_file, table.num_rows - start)
            self._writer.write_table(table.slice(start, n), row_group_size=_ROW_GROUP)
            start, self._in_file = start + n, self._in_file + n
            if self._in_file == self._most:
                self.close()

    def write_frame(self, columns: Mapping[str, pd.Series[Any]]) -> None:
        """Write synthetic rows, as columns of pandas."""
        fields = [one for one in self._schema if one.name != self._mark]
        arrays = [_column(self._pa, columns[one.name], one) for one in fields]
        self.write(self._pa.Table.from_arrays(arrays, schema=self._pa.schema(fields)), True)

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _column(pa: ModuleType, values: pd.Series[Any], field: ArrowType) -> ArrowColumn:
    """A column of pandas as Arrow's type of the real rows."""
    try:
        return _as_kind(pa, values, field.type)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise InvalidDataError(
            f"rows: column {field.name!r} is {field.type}, which does not hold the synthetic values of dtype "
            f"{values.dtype} ({error}); write the rows that were given to fit, with the types that they had there"
        ) from error


def _as_kind(pa: ModuleType, values: pd.Series[Any], kind: ArrowType) -> ArrowColumn:
    if pa.types.is_dictionary(kind):
        category = values.astype("category").cat
        codes = pa.array(category.codes.to_numpy(), mask=category.codes.to_numpy() < 0).cast(kind.index_type)
        levels = _as_kind(pa, pd.Series(category.categories), kind.value_type)
        return pa.DictionaryArray.from_arrays(codes, levels, ordered=kind.ordered)
    if pd.api.types.is_numeric_dtype(values.dtype) and values.notna().any():  # of which Arrow would make anything
        truth = pa.types.is_boolean(kind) != pd.api.types.is_bool_dtype(values.dtype)
        if truth or pa.types.is_temporal(kind) or _is_text(pa, kind):
            raise TypeError("numbers, truth values, times and text are not one another")
    try:
        return pa.array(values, kind, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError):
        plain = pa.array(values, from_pandas=True)
        if _is_text(pa, plain.type) != _is_text(pa, kind):
            raise
        return plain.cast(kind)  # nothing wraps around or is cut off: the values are on the column's grid


def _is_text(pa: ModuleType, kind: ArrowType) -> bool:
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(test(kind) for test in tests)


@contextmanager
def row_files(folder: Path, rows: BatchedRows, rows_per_file: int, mark: str | None) -> Iterator[RowFiles]:
    """A writer of a folder that is there, whole, when the block has ended well, and not at all if it has not.

    Raises
    ------
    ModelPathError
        If the system refuses to write.
    """
    try:
        with replacing_folder(folder) as temporary:
            writer = RowFiles(temporary, rows, rows_per_file, mark)
            try:
                yield writer
            finally:
                writer.close()
    except OSError as error:
        raise path_error(error, f"could not write to {folder} (nothing was written)") from error
