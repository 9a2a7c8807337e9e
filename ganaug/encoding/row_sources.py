"""Rows from anywhere: datasets, folders, files, readers and iterators, read batch after batch in a fixed order.

Whatever the source, its batches have one schema of Arrow, and `BatchedRows.frame` makes of any of them a DataFrame with
the dtypes that the whole table has in memory.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias
from urllib.parse import unquote

import pandas as pd

from ganaug.encoding.csv_rows import (
    ONE_TYPE,
    csv_format,
    first_line,
    in_words,
    joined_heads,
    one_schema,
    refuse_twice,
    with_levels,
    without_values,
)
from ganaug.encoding.dtype_state import arrow_datasets
from ganaug.exceptions import GanaugError, InvalidDataError, InvalidTypeError
from ganaug.utils.files import path_error

__all__ = [
    "AnyRows",
    "ArrowColumn",
    "ArrowTable",
    "BatchedRows",
    "is_table_folder",
    "is_table_path",
    "open_rows",
    "places_of",
    "rows_from",
]

# pyarrow tells a type checker nothing: a table or record batch, one of its columns, its schema, a type or field, and
# what reads or writes files; and what `open_rows` takes.
ArrowTable: TypeAlias = Any
ArrowColumn: TypeAlias = Any
ArrowSchema: TypeAlias = Any
ArrowType: TypeAlias = Any
ArrowTool: TypeAlias = Any
AnyRows: TypeAlias = Any

_NEEDS = "rows that are read batch by batch need"
PARQUET, TEXT = (".parquet", ".pq"), (".csv", ".csv.gz", ".tsv", ".tsv.gz")
_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
# Rows of a batch; smaller ones are joined.
AT_ONCE = 65_536
# Rows after which freed memory is given back.
_RELEASE = 1_000_000
# The folder of rows in which the column of the folder's name is missing.
_NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"


def _pa() -> ModuleType:
    return arrow_datasets(_NEEDS)


@dataclass(frozen=True)
class BatchedRows:
    """A table that is read batch by batch, as often as needed and always in the same order.

    Attributes
    ----------
    schema : pyarrow.Schema
        Of every batch; without columns that pandas keeps as an index.
    read : callable
        Makes an iterator of the record batches, of any sizes.
    name : str
        What messages call it.
    dtypes : dict of str to dtype
        What pandas has for columns whose dtype Arrow's type does not say.
    """

    schema: ArrowSchema
    read: Callable[[], Iterator[Any]]
    name: str
    dtypes: dict[str, Any] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self.schema.names)

    def batches(self) -> Iterator[Any]:
        """The rows as tables of Arrow, each of `AT_ONCE` rows or more, but for the last; ordered levels in one order.

        Raises
        ------
        InvalidDataError
            Where a file cannot be read, or the levels of an ordered category are in another order than elsewhere.
        """
        for table in self._as_read():
            for j, levels in self._orders.items():
                ordered = [_in_order(chunk, levels) for chunk in table.column(j).chunks]
                table = table.set_column(
                    j, table.schema.field(j), _pa().chunked_array(ordered, table.schema.field(j).type)
                )
            yield table

    @cached_property
    def _orders(self) -> dict[int, list[object]]:
        """The levels of ordered categories, by place of the column, in the order that all rows have in common."""
        types = _pa().types
        found: dict[int, list[object]] = {
            j: [] for j, one in enumerate(self.schema) if types.is_dictionary(one.type) and one.type.ordered
        }
        for table in self._as_read() if found else ():
            for j in found:
                for chunk in table.column(j).chunks:
                    found[j] = _joined_order(
                        found[j], chunk.dictionary.to_pylist(), f"{self.name}: column {self.columns[j]!r}"
                    )
        return found

    def _as_read(self) -> Iterator[Any]:
        pa = _pa()
        held: list[Any] = []
        size = n_read = 0
        found = self.read()
        while True:
            try:
                batch = next(found, None)
            except GanaugError:
                raise
            except (pa.ArrowException, OSError, ValueError) as error:
                raise InvalidDataError(f"{self.name} cannot be read: {first_line(error)}") from error
            if batch is None:
                break
            if batch.num_rows:
                held.append(_without_missing_levels(_as_schema(batch, self.schema, self.name)))
                size += batch.num_rows
            if size >= AT_ONCE:
                yield pa.Table.from_batches(held, self.schema)
                held, size, n_read = [], 0, n_read + size
            if n_read >= _RELEASE:  # else pyarrow keeps what it has freed, some hundred megabytes
                pa.default_memory_pool().release_unused()
                n_read = 0
        if held:
            yield pa.Table.from_batches(held, self.schema)
        del held, batch
        pa.default_memory_pool().release_unused()

    def frame(self, table: ArrowTable, missing: Sequence[bool] | None = None) -> pd.DataFrame:
        """A DataFrame of a table of Arrow.

        Parameters
        ----------
        table : pyarrow.Table
            With the schema of the rows, or some of its columns.
        missing : sequence of bool, optional
            Whether the column has a missing value somewhere, which changes the dtype that pandas has for it.
        """
        n = table.num_rows
        if missing is not None and n:  # one row more, in which these are missing; it is cut off again
            table = _with_a_row(table, missing)
        frame = table.to_pandas().iloc[:n].reset_index(drop=True)
        for name, dtype in self.dtypes.items():
            if name in frame and frame[name].dtype != dtype:
                frame[name] = frame[name].astype(dtype)
        return frame

    def joined(self, tables: Sequence[Any]) -> ArrowTable:
        """One table of Arrow of several."""
        return _pa().concat_tables(tables)

    def rename(self, name: str) -> BatchedRows:
        """The same rows, which messages call otherwise."""
        return replace(self, name=name)


def _joined_order(known: list[object], own: list[object], what: str) -> list[object]:
    """The levels of two parts in the order of both: a new one stands behind the one before it in its own part."""
    places = {level: place for place, level in enumerate(known)}
    common = [places[level] for level in own if level in places]
    if common != sorted(common):
        raise InvalidDataError(
            f"{what} is an ordered category whose levels stand in one order in some rows, {known[:5]}, and in another "
            f"in others, {own[:5]}; write all parts with one CategoricalDtype, or the column as text"
        )
    joined = list(known)
    for before, level in zip([None, *own], own, strict=False):
        if level not in places and level is not None:
            joined.insert(joined.index(before) + 1 if before in joined else 0, level)
    return joined


def _in_order(chunk: ArrowColumn, levels: list[object]) -> ArrowColumn:
    """A column of an ordered category with all its levels."""
    pa, kind, own = _pa(), chunk.type, chunk.dictionary.to_pylist()
    if own == levels:
        return chunk
    places = pa.array([None if level is None else levels.index(level) for level in own], kind.index_type)
    return pa.DictionaryArray.from_arrays(places.take(chunk.indices), pa.array(levels, kind.value_type), ordered=True)


def _with_a_row(table: ArrowTable, missing: Sequence[bool]) -> ArrowTable:
    """The table and its first row again, in which the columns named are missing."""
    pa = _pa()
    last = [
        pa.nulls(1, column.type) if lost else column.slice(0, 1).combine_chunks()
        for column, lost in zip(table.columns, missing, strict=True)
    ]
    return pa.concat_tables([table, pa.Table.from_arrays(last, schema=table.schema)])


def _as_schema(batch: ArrowTable, schema: ArrowSchema, name: str) -> ArrowTable:
    """A record batch with exactly the columns and types of a schema."""
    pa = _pa()
    if batch.schema.equals(schema):
        return batch
    columns = []
    for one in schema:
        at = batch.schema.get_all_field_indices(one.name)
        if len(at) != 1:
            raise InvalidDataError(f"{name}: {'no' if not at else 'more than one'} column {one.name!r} in some rows")
        column = batch.column(at[0])
        try:
            empty = column.null_count == len(column)  # of which no type matters
            same = column.type.equals(one.type)
            columns.append(column if same else pa.nulls(len(column), one.type) if empty else column.cast(one.type))
        except pa.ArrowException as error:
            raise InvalidDataError(
                f"{name}: column {one.name!r} is {in_words(column.type)} in some rows and {in_words(one.type)} in "
                f"others, and cannot be made one of them ({first_line(error)}); {ONE_TYPE}"
            ) from error
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _without_missing_levels(batch: ArrowTable) -> ArrowTable:
    """A record batch in which no category has a missing level; a value is then missing by itself.

    Folders named ``name=__HIVE_DEFAULT_PARTITION__`` are such levels, and Arrow joins none to other ones.
    """
    pa, columns = _pa(), list(batch.columns)
    for j, column in enumerate(columns):
        if not isinstance(column, pa.DictionaryArray) or not column.dictionary.null_count:
            continue
        levels = column.dictionary.drop_null()
        n, places = 0, []
        for known in column.dictionary.is_valid().to_pylist():
            places.append(n if known else None)
            n += known
        codes = pa.array(places, column.type.index_type).take(column.indices)
        columns[j] = pa.DictionaryArray.from_arrays(codes, levels, ordered=column.type.ordered)
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


# --------------------------------------------------------------------------------------
# What kind of rows it is, and how they are opened.


def is_table_path(rows: object) -> bool:
    """Whether it is a path, or a list of paths."""
    if isinstance(rows, (str, os.PathLike)):
        return True
    return isinstance(rows, (list, tuple)) and bool(rows) and all(isinstance(one, (str, os.PathLike)) for one in rows)


def _of(library: str, *names: str) -> Callable[[object], bool]:
    """Whether an object is of one of these classes, without importing the library."""

    def test(rows: object) -> bool:
        kinds = [kind for kind in type(rows).__mro__ if kind.__module__.partition(".")[0] == library]
        return any(kind.__name__ in names for kind in kinds)

    return test


def _is_iterator(rows: object) -> bool:
    return hasattr(rows, "__next__") and hasattr(rows, "__iter__")


def _is_frames(rows: object) -> bool:
    return isinstance(rows, (list, tuple)) and bool(rows) and all(isinstance(one, pd.DataFrame) for one in rows)


def rows_from(rows: object, *, labelled: bool) -> bool:
    """Whether these are rows that `open_rows` reads, and no table in memory that is learnt from as it is.

    Parameters
    ----------
    rows : object
    labelled : bool
        Whether the labels are a column of it. If so, tables of other libraries are read, too, and without it only
        what can be nothing else.
    """
    return any(fits(rows) for fits, _, always in _SOURCES if always or labelled)


def places_of(rows: AnyRows) -> list[Path]:
    """The files and folders on this machine that rows are read from, without symbolic links.

    Of a dataset, which tells only its files, these are the folders that hold them.
    """
    if is_table_path(rows):
        given = list(rows) if isinstance(rows, (list, tuple)) else [rows]
        return [Path(os.path.realpath(one)) for one in given]
    found = [place for child in getattr(rows, "children", ()) for place in places_of(child)]
    if _of("pyarrow", "FileSystemDataset")(rows) and rows.filesystem.type_name == "local":
        for folder in dict.fromkeys(Path(os.path.realpath(file)).parent for file in rows.files):
            named = [one for one in (folder, *folder.parents) if "=" not in one.name]
            found.append(named[0] if named else folder)
    return list(dict.fromkeys(found))


@contextmanager
def open_rows(rows: AnyRows) -> Iterator[BatchedRows]:
    """Rows from anywhere, to be read several times within the block.

    Parameters
    ----------
    rows : pyarrow Dataset, Table, RecordBatch or RecordBatchReader, path, DataFrame, dask or polars frame, or iterator
        A path is that of a Parquet or CSV file, or of a folder of such files with the same columns (at any depth,
        ``name=value`` folders being columns); a list holds several files. A reader or an iterator (of DataFrames,
        tables or record batches) is read once, into a temporary file.

    Yields
    ------
    BatchedRows

    Raises
    ------
    InvalidTypeError
        If it is nothing of that.
    InvalidDataError
        If there are no rows, a file is broken, or columns differ. It names the file and the column.
    """
    opener = next((make for fits, make, _ in _SOURCES if fits(rows)), None)
    if opener is None:
        raise InvalidTypeError(
            f"rows of type {type(rows).__name__!r} cannot be read batch by batch; give a pyarrow Dataset, "
            "RecordBatchReader or Table, the path of a Parquet or CSV file or of a folder of them, a DataFrame, a dask "
            "or polars frame, or an iterator of DataFrames"
        )
    with tempfile.TemporaryDirectory(prefix="ganaug-rows-", ignore_cleanup_errors=True) as folder:
        found = opener(rows, Path(folder))
        refuse_twice(found.columns, found.name)
        if not found.columns:
            raise InvalidDataError(f"{found.name} has no columns")
        yield replace(found, schema=_readable(_columns_only(found.schema)))


def _readable(schema: ArrowSchema) -> ArrowSchema:
    """With types that pandas and Parquet have: no views of text, no unsigned codes of dictionaries."""
    pa = _pa()
    is_view = getattr(pa.types, "is_string_view", lambda kind: False)

    def readable(kind: ArrowType) -> ArrowType:
        if pa.types.is_dictionary(kind):
            codes = pa.int64() if pa.types.is_unsigned_integer(kind.index_type) else kind.index_type
            return pa.dictionary(codes, readable(kind.value_type), kind.ordered)
        return pa.large_string() if is_view(kind) else kind

    return pa.schema([one.with_type(readable(one.type)) for one in schema], metadata=schema.metadata)


def _columns_only(schema: ArrowSchema) -> ArrowSchema:
    """Without the columns that are an index in pandas, which no table in memory has among its columns either."""
    remark = (schema.metadata or {}).get(b"pandas")
    if remark is None:
        return schema
    said = json.loads(remark)
    index = [name for name in said.get("index_columns", []) if isinstance(name, str)]
    kept = [one for one in schema if one.name not in index]
    said["index_columns"] = []
    return _pa().schema(kept, metadata={**schema.metadata, b"pandas": json.dumps(said).encode()})


def _dataset(dataset: AnyRows, folder: Path, name: str = "the dataset") -> BatchedRows:
    """A dataset of pyarrow, its files one after the other."""
    limits = {"batch_size": AT_ONCE, "batch_readahead": 2, "fragment_readahead": 1}

    def read() -> Iterator[Any]:
        try:
            fragments = list(dataset.get_fragments())
        except ValueError:  # it has a filter
            yield from dataset.to_batches(**limits)
            return
        for fragment in fragments:
            try:
                file = _parquet_file(fragment, dataset.schema)
                if file is None:
                    yield from fragment.to_batches(schema=dataset.schema, **limits)
                    continue
                with file:
                    yield from file.iter_batches(AT_ONCE, row_groups=[group.id for group in fragment.row_groups])
            except (_pa().ArrowException, OSError) as error:
                path = getattr(fragment, "path", None) or name
                raise InvalidDataError(f"{path} cannot be read: {first_line(error)}") from error

    return BatchedRows(dataset.schema, read, name)


def _parquet_file(fragment: ArrowTool, schema: ArrowSchema) -> ArrowTool | None:
    """The Parquet file of a dataset, opened by itself if it has exactly these columns and types, else None.

    A dataset's scan reads ahead, and holds some hundred megabytes more than this.
    """
    pa = _pa()
    if not isinstance(fragment, pa.dataset.ParquetFileFragment):
        return None
    try:
        file = pa.parquet.ParquetFile(fragment.open(), pre_buffer=False)
    except (pa.ArrowException, OSError):
        return None  # a scan says what is wrong with it, or knows how to open it
    own = file.schema_arrow
    if own.names == schema.names and own.types == schema.types:
        return file
    file.close(force=True)  # folders have columns, too; and some types of files are converted
    return None


def _files(rows: AnyRows, folder: Path) -> BatchedRows:
    """The files of a path, or of several."""
    paths = [Path(one) for one in rows] if isinstance(rows, (list, tuple)) else [Path(rows)]
    name = str(rows) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    files = [file for path in paths for file in _tables_under(path)]
    parquet = [file for file in files if file.name.lower().endswith(PARQUET)]
    if not files:
        raise InvalidDataError(f"{name}: no Parquet or CSV file is there; give a folder of .parquet or .csv files")
    if len(parquet) not in (0, len(files)):
        raise InvalidDataError(f"{name} holds Parquet and CSV files; give a folder of either")
    ds = _pa().dataset
    base = str(paths[0]) if len(paths) == 1 and paths[0].is_dir() else None
    kind: ArrowType = ds.ParquetFileFormat() if parquet else csv_format(files, name)
    schema = one_schema({file: _schema_of(kind, file) for file in files}, name)
    behind, levels = _columns_of_folders(files, base)
    options = {}
    if base is not None and len(behind):
        partitioning = ds.HivePartitioning(behind, dictionaries=levels)
        options = {"partitioning": partitioning, "partition_base_dir": base}
    own = [one for one in schema if one.name not in behind.names]
    try:
        factory = ds.FileSystemDatasetFactory(
            _pa().fs.LocalFileSystem(), [str(file) for file in files], kind, ds.FileSystemFactoryOptions(**options)
        )
        dataset = factory.finish(_pa().schema([*own, *behind], metadata=schema.metadata))
    except (_pa().ArrowException, OSError) as error:
        raise InvalidDataError(f"{name} cannot be read: {first_line(error)}") from error
    return _dataset(dataset, folder, name)


def _columns_of_folders(files: list[Path], base: str | None) -> tuple[Any, dict[str, Any]]:
    """The columns that stand in the names of folders, as in ``year=2026``, and the values of each."""
    pa = _pa()
    values: dict[str, dict[str, None]] = {}
    for file in files if base is not None else ():
        for part in file.parent.relative_to(str(base)).parts:
            column, sign, value = part.partition("=")
            if sign:
                values.setdefault(column, {})[unquote(value)] = None
    levels = {}
    for column, found in values.items():
        kept = pa.array([value for value in found if value != _NULL_FOLDER], pa.string())
        try:
            levels[column] = kept.cast(pa.int32())
        except pa.ArrowException:
            levels[column] = kept
    return pa.schema([(column, pa.dictionary(pa.int32(), own.type)) for column, own in levels.items()]), levels


def _tables_under(path: Path) -> list[Path]:
    """The Parquet and CSV files of a path, sorted."""
    if not path.exists():
        raise InvalidDataError(f"{path} does not exist; give the path of a Parquet or CSV file, or of a folder of them")
    if path.is_file():
        if not path.name.lower().endswith((*PARQUET, *TEXT)):
            raise InvalidDataError(f"{path}: the suffix says how to read it; give .parquet, .csv, .csv.gz or .tsv")
        return [path]
    found = []
    for root, folders, names in os.walk(path):
        folders[:] = sorted(one for one in folders if not one.startswith((".", "_")))
        found += [Path(root) / one for one in names if one.lower().endswith((*PARQUET, *TEXT)) and one[0] not in "._"]
    return sorted(found, key=str)


def is_table_folder(path: str | os.PathLike[str]) -> bool:
    """Whether a folder holds tables and no images: Parquet or CSV files at any depth.

    Raises
    ------
    InvalidDataError
        If it holds Parquet files and images; tables in text may lie beside images.
    """
    tables: list[str] = []
    image: str | None = None
    for _, folders, names in os.walk(path):
        folders[:] = [one for one in folders if not one.startswith((".", "_"))]
        for name in names:
            if name.startswith((".", "_")):
                continue
            if name.lower().endswith(_IMAGES):
                image = image or name
            elif name.lower().endswith((*PARQUET, *TEXT)):
                tables.append(name)
    parquet = next((name for name in tables if name.lower().endswith(PARQUET)), None)
    if image and parquet:
        raise InvalidDataError(
            f"{os.fspath(path)} holds images ({image}) and Parquet files ({parquet}); give a folder of either"
        )
    return bool(tables) and image is None


def _schema_of(kind: ArrowType, file: Path) -> ArrowSchema:
    try:
        return _columns_only(kind.inspect(str(file), _pa().fs.LocalFileSystem()))
    except (_pa().ArrowException, OSError) as error:
        raise InvalidDataError(f"{file} is no file of this kind that can be read: {first_line(error)}") from error


# --------------------------------------------------------------------------------------
# Tables in memory, and what can be read once only.


def _table(rows: AnyRows, folder: Path) -> BatchedRows:
    """A table or record batch of Arrow."""
    table = rows if hasattr(rows, "combine_chunks") else _pa().Table.from_batches([rows])
    return BatchedRows(table.schema, lambda: iter(table.to_batches(max_chunksize=AT_ONCE)), "the table")


def _spooled(parts: Iterable[Any], folder: Path, name: str) -> BatchedRows:
    """DataFrames, tables and record batches, written to temporary files; a new one where the types change."""
    pa = _pa()
    spool = _Spool(folder)
    heads: dict[str, pd.Series[Any]] = {}
    hollow: set[str] = set()  # columns without any value so far
    for place, part in enumerate(parts):
        if isinstance(part, pd.DataFrame):
            table = _of_frame(part, name)
            if len(part):
                empty = without_values(table)
                hollow = hollow if heads else empty
                heads, hollow = joined_heads(heads, part.iloc[:1].reset_index(drop=True), hollow, empty), hollow & empty
        elif hasattr(part, "to_batches") or hasattr(part, "to_pandas"):
            table = part if hasattr(part, "to_batches") else pa.Table.from_batches([part])
        else:
            said = "a pair; name the column of the labels instead" if isinstance(part, tuple) else "no table"
            raise InvalidTypeError(
                f"{name}: item {place} is a {type(part).__name__}, {said}; each must be a DataFrame, a RecordBatch or "
                "a Table"
            )
        if table.num_rows:
            spool.add(table)
    spool.close()
    if not spool.schemas:
        raise InvalidDataError(
            f"{name} has no rows; a reader or an iterator can be read once only, so give a new one, a dataset or a "
            "folder"
        )

    def read() -> Iterator[Any]:
        for file in spool.schemas:
            with pa.OSFile(str(file)) as opened, pa.ipc.open_stream(opened) as reader:
                yield from reader

    named = {f"part {place}": schema for place, schema in enumerate(spool.schemas.values())}
    dtypes = {column: head.dtype for column, head in heads.items()}
    schema = one_schema(named, name, list(spool.empty.values()))
    return BatchedRows(with_levels(schema, dtypes), read, name, dtypes)


class _Spool:
    """Temporary files of tables; small ones are joined, and where the types change a new file begins."""

    def __init__(self, folder: Path) -> None:
        self.schemas: dict[Path, Any] = {}
        self.empty: dict[Path, set[str]] = {}  # of each file, the columns without any value
        self._folder = folder
        self._held: list[Any] = []
        self._size = 0
        self._schema: ArrowSchema = None
        self._writer: ArrowTool = None

    def add(self, table: ArrowTable) -> None:
        """Write a table, or keep it until there are enough rows."""
        if self._schema is not None and not table.schema.equals(self._schema):
            self.close()
        self._schema = self._schema or table.schema
        self._held.append(table)
        self._size += table.num_rows
        if self._size >= AT_ONCE:
            self._write()

    def _write(self) -> None:
        try:
            self._write_held()
        except OSError as error:
            raise path_error(error, f"the rows cannot be kept in the temporary folder {self._folder.parent}") from error

    def _write_held(self) -> None:
        pa = _pa()
        if self._writer is None:
            file = self._folder / f"{len(self.schemas)}.arrow"
            self.schemas[file], self.empty[file] = self._schema, set(self._schema.names)
            options = pa.ipc.IpcWriteOptions(compression="lz4" if pa.Codec.is_available("lz4") else None)
            self._writer = pa.ipc.new_stream(str(file), self._schema, options=options)
        whole = pa.concat_tables(self._held).unify_dictionaries().combine_chunks()
        self.empty[list(self.empty)[-1]] &= without_values(whole)
        self._writer.write_table(whole, max_chunksize=AT_ONCE)
        self._held, self._size = [], 0

    def close(self) -> None:
        """Write what is left."""
        if self._held:
            self._write()
        if self._writer is not None:
            self._writer.close()
        self._writer = self._schema = None


def _of_frame(frame: pd.DataFrame, name: str) -> ArrowTable:
    pa = _pa()
    odd = [column for column in frame.columns if not isinstance(column, str)]
    if odd:
        raise InvalidDataError(f"{name}: the name {odd[0]!r} of a column is no text; rename it with X.columns = [...]")
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise InvalidDataError(f"{name}: column {twice!r} occurs more than once; give it another name")
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    # an extension dtype of the user's own need not know Arrow, and then raises the last two
    except (pa.ArrowException, TypeError, NotImplementedError) as error:
        said = ", ".join(str(one) for one in error.args)
        raise InvalidTypeError(f"{name}: a column cannot be kept by pyarrow ({said}); give it one type") from error


def _reader(rows: AnyRows, folder: Path) -> BatchedRows:
    def parts() -> Iterator[Any]:
        try:
            yield from rows
        except (_pa().ArrowException, OSError) as error:
            raise InvalidDataError(f"the reader cannot be read: {first_line(error)}") from error

    return _spooled(parts(), folder, "the reader")


def _dask(rows: AnyRows, folder: Path) -> BatchedRows:
    """The partitions of a dask DataFrame, one after the other."""
    parts = (rows.partitions[place].compute() for place in range(rows.npartitions))
    return _spooled(parts, folder, "the dask frame")


def _polars(rows: AnyRows, folder: Path) -> BatchedRows:
    """A frame of polars; a lazy one by way of a Parquet file, so that it is never whole in memory."""
    if hasattr(rows, "sink_parquet") and not hasattr(rows, "to_arrow"):
        rows.sink_parquet(folder / "0.parquet")
        return _files(folder / "0.parquet", folder).rename("the polars frame")
    return _table(rows.to_arrow(), folder).rename("the polars frame")


# (test, opener, whether it is read batch by batch even if the labels are not named as a column). The first that fits.
_SOURCES: list[tuple[Callable[[Any], bool], Callable[[Any, Path], BatchedRows], bool]] = [
    (is_table_path, _files, True),
    (_of("pyarrow", "Dataset"), _dataset, True),
    (_of("pyarrow", "Scanner"), lambda rows, folder: _reader(rows.to_reader(), folder), True),
    (_of("pyarrow", "RecordBatchReader"), _reader, True),
    (_of("pyarrow", "Table", "RecordBatch"), _table, False),
    (lambda rows: isinstance(rows, pd.DataFrame), lambda rows, folder: _spooled([rows], folder, "the frame"), False),
    (_is_frames, lambda rows, folder: _spooled(rows, folder, "the list"), True),
    (_of("dask", "DataFrame"), _dask, False),
    (_of("dask_expr", "DataFrame"), _dask, False),
    (_of("polars", "DataFrame", "LazyFrame"), _polars, False),
    (_is_iterator, lambda rows, folder: _spooled(rows, folder, "the iterator"), True),
]
