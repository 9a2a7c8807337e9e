"""A table written to a folder of Parquet files, part after part, that is there whole at the end or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from ganaug.encoding.dtype_state import arrow_datasets
from ganaug.encoding.row_sources import PARQUET, TEXT, ArrowColumn, ArrowTable, ArrowTool, ArrowType, BatchedRows
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError, ModelPathNotFoundError
from ganaug.utils.files import check_writable, path_error, replacing_folder

__all__ = ["RowFiles", "checked_folder", "row_files"]

_NEEDS = "Parquet files need"
# Rows of a row group, which a reader holds at once.
_ROW_GROUP = 131_072


def checked_folder(path: object) -> Path:
    """The path of a folder that can be made.

    Raises
    ------
    InvalidTypeError, InvalidParameterError, ModelPathError
        If it is no path, is there already, looks like a file, or its parent cannot be written to.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise InvalidTypeError(
            f"path={path!r} is a {type(path).__name__}; give the name of a folder that is not there yet"
        )
    folder = Path(path)
    if not str(folder) or folder.name.lower().endswith((*PARQUET, *TEXT)):
        raise InvalidParameterError(f"path={str(path)!r} is to be a folder of Parquet files; name it without a suffix")
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
    kind = field.type
    if pa.types.is_dictionary(kind):
        category = values.astype("category").cat
        codes = pa.array(category.codes.to_numpy(), mask=category.codes.to_numpy() < 0).cast(kind.index_type)
        levels = pa.array(category.categories, from_pandas=True).cast(kind.value_type)
        return pa.DictionaryArray.from_arrays(codes, levels, ordered=kind.ordered)
    try:
        return pa.array(values, kind, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError):
        try:  # a day is cut out of a time, a decimal rounded; the values are on the column's grid
            return pa.array(values, from_pandas=True).cast(kind, safe=False)
        except pa.ArrowException as error:
            raise InvalidDataError(
                f"column {field.name!r}: synthetic values of dtype {values.dtype} cannot be written as {kind}: {error}"
            ) from error


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
