"""Tables in Parquet: the types of Arrow in pandas' words, and back; written a row group at a time."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ganaug.cli.column_formats import ColumnFormat, format_for
from ganaug.cli.console import FileError, system_error
from ganaug.cli.file_layout import Dialect, FileLayout
from ganaug.encoding.dtype_state import arrow

__all__ = ["ParquetTable", "ParquetWriter"]

_NEEDS = "Parquet files need"
_ROWS = 131_072  # of a row group
_TIME = ColumnFormat("time of day", pattern="%H:%M:%S", digits=-6, whole=True)  # a `ColumnFormat` of times in CSV


class ParquetTable:
    """A table read from a Parquet file; attributes as those of `CsvTable`."""

    def __init__(self, path: str) -> None:
        pa = arrow(_NEEDS)
        self.path = path
        try:
            with open(path, "rb") as file:
                self.rows = pa.parquet.ParquetFile(file).read()
            self.rows.validate(full=True)  # text that is no UTF-8, codes that a dictionary does not have
        except Exception as error:  # decoders of broken files raise whatever they ran into
            if isinstance(error, OSError) and error.errno is not None:
                raise system_error(error, path) from error
            raise FileError(f"is no Parquet file that can be read: {error}", path) from error
        names = self.rows.column_names
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise FileError("occurs twice", path, column=twice[0])
        if not self.rows.num_rows:
            raise FileError("has no rows", path)
        columns = [
            self._read(name, column, field.type)
            for name, column, field in zip(names, self.rows.columns, self.rows.schema, strict=True)
        ]
        self.frame = pd.DataFrame(dict(enumerate(columns)))
        self.frame.columns = pd.Index(names)
        formats = {
            field.name: _TIME if pa.types.is_time(field.type) else format_for(self.frame[field.name])
            for field in self.rows.schema
        }
        packed = base64.b64encode(self.rows.schema.serialize().to_pybytes()).decode()
        self.layout = FileLayout(formats, Dialect(), schema=packed)

    def line(self, row: int) -> int | None:
        """Rows of Parquet have no lines."""
        return None

    def _read(self, name: str, column: Any, kind: Any) -> pd.Series[Any]:
        pa = arrow(_NEEDS)
        if pa.types.is_dictionary(kind) and not _is_plain(kind.value_type):
            kind = kind.value_type
            column = column.cast(kind)
        known = next((read for fits, read in _readers() if fits(kind)), None)
        if known is None:
            raise FileError(f"holds {kind}, which cannot be learnt from; drop or convert it", self.path, column=name)
        try:
            values: pd.Series[Any] = known(column).rename(None)
        except (pa.ArrowException, OverflowError, UnicodeDecodeError) as error:
            raise FileError(f"holds {kind} that cannot be read: {error}", self.path, column=name) from error
        if values.dtype.kind == "f" and bool(np.isinf(values.to_numpy()).any()):
            row = int(np.isinf(values.to_numpy()).argmax())
            raise FileError(f"row {row + 1} is infinite; make it null", self.path, column=name)
        return values


def _readers() -> Iterator[tuple[Callable[[Any], bool], Callable[[Any], pd.Series[Any]]]]:
    """Which types of Arrow are read by what."""
    pa = arrow(_NEEDS)
    types = pa.types

    def texts(column: Any) -> pd.Series[Any]:
        values = column.to_pandas()
        return values if column.null_count < len(column) else values.astype(object)

    yield types.is_integer, lambda column: _nullable(column, column.type)
    yield types.is_boolean, lambda column: _nullable(column, column.type)
    yield types.is_floating, lambda column: column.to_pandas()
    yield types.is_decimal, lambda column: column.cast(pa.float64()).to_pandas()
    yield types.is_date, lambda column: column.cast(pa.timestamp("s")).to_pandas()
    yield types.is_timestamp, lambda column: column.to_pandas()
    yield types.is_duration, lambda column: column.to_pandas()
    yield types.is_time, _times
    yield _is_text, texts
    yield types.is_dictionary, lambda column: column.to_pandas()
    yield types.is_null, lambda column: pd.Series(np.full(len(column), np.nan))


def _is_text(kind: Any) -> bool:
    types = arrow(_NEEDS).types
    return any(is_one(kind) for is_one in (types.is_string, types.is_large_string, types.is_string_view))


def _is_plain(kind: Any) -> bool:
    """Whether values of a dictionary can be pandas' categories as they are."""
    return _is_text(kind) or bool(arrow(_NEEDS).types.is_integer(kind))


def _times(column: Any) -> pd.Series[Any]:
    """Times of day as durations since midnight."""
    pa = arrow(_NEEDS)
    since = column.cast(pa.time64("us"), safe=False).cast(pa.int64())
    return pd.Series(since.cast(pa.duration("us")).to_pandas())


def _nullable(column: Any, kind: Any) -> pd.Series[Any]:
    """Integers and booleans, which stay what they are where some are missing."""
    plain = kind.to_pandas_dtype()
    if not column.null_count:
        return column.to_pandas()
    name = "boolean" if np.dtype(plain).kind == "b" else np.dtype(plain).name.replace("i", "I").replace("u", "U")
    dtype: Any = pd.api.types.pandas_dtype(name)
    return pd.Series(dtype.__from_arrow__(column))


class ParquetWriter:
    """Writes a table in Parquet, chunk by chunk; parameters as those of `CsvWriter`."""

    def __init__(self, path: Path, shown: str, layout: FileLayout, mark: str | None) -> None:
        self._pa = pa = arrow(_NEEDS)
        self._shown, self._mark = shown, mark
        self._schema = _schema(layout, shown)
        if mark:
            self._schema = self._schema.append(pa.field(mark, pa.bool_()))
        self._writer = pa.parquet.ParquetWriter(path, self._schema)

    def write_real(self, table: Any) -> None:
        """All rows of a table; of a Parquet file as they stand there."""
        if not isinstance(table, ParquetTable):
            self.write(table.frame, synthetic=False)
            return
        columns = list(table.rows.columns)
        if self._mark:
            columns.append(self._marks(table.rows.num_rows, False))
        rows = self._pa.table(columns, schema=self._schema)
        self._writer.write_table(rows, row_group_size=_ROWS)

    def write(self, frame: pd.DataFrame, synthetic: bool = True) -> None:
        """Rows of a DataFrame with the columns of the layout."""
        columns = [self._column(frame[field.name], field) for field in self._schema if field.name != self._mark]
        if self._mark:
            columns.append(self._marks(len(frame), synthetic))
        self._writer.write_table(self._pa.table(columns, schema=self._schema), row_group_size=_ROWS)

    def _marks(self, n: int, synthetic: bool) -> Any:
        return self._pa.array(np.full(n, synthetic))

    def _column(self, values: pd.Series[Any], field: Any) -> Any:
        return self._encoded(values, field.type)

    def _encoded(self, values: pd.Series[Any], kind: Any) -> Any:
        pa = self._pa
        if bool(values.isna().all()):
            return pa.nulls(len(values), kind)
        if pa.types.is_dictionary(kind):
            plain = self._encoded(values.astype(object) if _is_plain(kind.value_type) else values, kind.value_type)
            found = plain.dictionary_encode()
            return pa.DictionaryArray.from_arrays(
                found.indices.cast(kind.index_type), found.dictionary, ordered=kind.ordered
            )
        if _is_text(kind):
            return pa.array(values.astype(object), kind, from_pandas=True)
        if pa.types.is_time(kind):
            since = pa.array(values - values.dt.floor("D"), from_pandas=True).cast(pa.duration("us"), safe=False)
            return since.cast(pa.int64()).cast(pa.time64("us")).cast(kind, safe=False)
        # unsafe: a day is cut out of a time, a decimal rounded; the values are on the column's grid
        return pa.array(values, from_pandas=True).cast(kind, safe=False)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


def _schema(layout: FileLayout, path: str) -> Any:
    """The types of the columns: as in the Parquet file that they come from, else by what they hold."""
    pa = arrow(_NEEDS)
    if layout.schema is not None:
        try:
            schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(layout.schema)))
        except (pa.ArrowInvalid, ValueError, OSError) as error:
            raise FileError(f"the stored types of the columns cannot be read: {error}", path) from error
        # pandas' own remarks speak of an index that there is not any more
        kept = {key: value for key, value in (schema.metadata or {}).items() if key != b"pandas"}
        return schema.with_metadata(kept or None)
    return pa.schema([pa.field(name, _type(form)) for name, form in layout.formats.items()])


def _type(form: ColumnFormat) -> Any:
    pa = arrow(_NEEDS)
    moment = pa.timestamp("us", tz=form.zone or "UTC" if form.suffix else None)
    types = {
        "integer": pa.int64(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
        "text": pa.string(),
        "time of day": pa.time64("us"),
        "duration": pa.duration("us"),
    }
    return types.get(form.kind, moment if "%M" in form.pattern else pa.date32())
