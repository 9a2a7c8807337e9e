"""Tables in files, CSV and Parquet: read, split into rows and labels, written."""

from __future__ import annotations

import argparse
import base64
import gzip
import io
import os
import warnings
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd

from ganaug.cli.column_formats import ColumnFormat, ColumnGuess, format_for, settle_formats
from ganaug.cli.console import FileError, UsageError, atomic_file, did_you_mean, system_error, tell
from ganaug.cli.file_layout import (
    Dialect,
    FileLayout,
    check_encoding,
    dtype_remarks,
    find_dialect,
    find_encoding,
    open_text,
    raw_records,
    records,
)
from ganaug.cli.number_formats import INFINITE
from ganaug.encoding.dtype_state import arrow
from ganaug.encoding.labels import warn_of_similar_names
from ganaug.encoding.large_tables import SelectedRows, sampled_rows, selected_from
from ganaug.encoding.row_sources import is_table_folder
from ganaug.exceptions import DataWarning
from ganaug.utils.determinism import child_seed

__all__ = [
    "CsvTable",
    "CsvWriter",
    "ParquetTable",
    "ParquetWriter",
    "check_suffix",
    "is_folder",
    "label_of",
    "layout_of",
    "read_table",
    "select",
    "split",
    "table_writer",
]

# --------------------------------------------------------------------------------------
# Tables in CSV: read twice, to find out and to take; real rows written as they stood, new ones like them.


_AT_ONCE = 20_000
_LABELS = ("integer", "number", "boolean", "text")
MARKS = ("0", "1")  # real, synthetic


class CsvTable:
    """A table read from a CSV file.

    Parameters
    ----------
    path : str
        The file; compressed by gzip, too.
    encoding, delimiter, decimal : str or None
        None is found out.
    like : Layout or None
        Of another file: columns of the same name are read as there.
    target : str or None
        The column of the labels: dates and times in it are names.

    Attributes
    ----------
    frame : DataFrame
        Integers, floats, booleans, dates and texts; missing values where fields are empty.
    layout : Layout
        How it was written.
    remarks : dict of str to str
        Column to what was guessed about it.

    Raises
    ------
    Fault
        Naming file, line and column.
    """

    def __init__(
        self,
        path: str,
        encoding: str | None = None,
        delimiter: str | None = None,
        decimal: str | None = None,
        like: FileLayout | None = None,
        target: str | None = None,
    ) -> None:
        self.path = path
        found = check_encoding(encoding) if encoding else find_encoding(path)
        with open_text(path, found) as file:
            dialect = find_dialect(file, path, found, delimiter)
        names, n_rows, guesses = self._look(dialect)
        if not n_rows:
            raise FileError("has a header and no rows", path)
        formats, self.remarks = settle_formats(names, guesses, decimal, dialect.delimiter)
        formats = [
            ColumnFormat("text") if name == target and form.kind not in _LABELS else form
            for name, form in zip(names, formats, strict=True)
        ]
        if like is not None:
            formats = [like.formats.get(name, own) for name, own in zip(names, formats, strict=True)]
            self.remarks = {name: said for name, said in self.remarks.items() if name not in like.formats}
        self._lines = array("q")
        self.frame, formats = self._take(dialect, names, formats)
        self.layout = FileLayout(dict(zip(names, formats, strict=True)), dialect)

    def line(self, row: int) -> int | None:
        """The line on which a row begins."""
        return self._lines[row]

    def raw_rows(self) -> Iterator[tuple[str, str]]:
        """The rows as they are written, and their ends."""
        return self._again(raw_records)

    def texts(self) -> Iterator[list[str]]:
        """The fields of every row, as they are written."""
        return (fields for _, fields in self._again(records))

    def _again(self, reader: Callable[..., Iterator[Any]]) -> Iterator[Any]:
        """The rows, read once more."""
        dialect, n = self.layout.dialect, -1  # the header is no row
        with open_text(self.path, dialect.encoding) as file:
            for row in reader(file, dialect, self.path):
                n += 1
                if n:
                    yield row
        if n != len(self.frame):
            raise FileError(f"changed while it was worked on: it had {len(self.frame)} rows, and has {n}", self.path)

    def _look(self, dialect: Dialect) -> tuple[list[str], int, list[ColumnGuess]]:
        """Names of the columns, number of rows, and what each column can be."""
        n_rows = 0
        with open_text(self.path, dialect.encoding) as file:
            rows = records(file, dialect, self.path)
            line, names = next(rows)
            _check_names(names, self.path, line)
            guesses = [ColumnGuess() for _ in names]
            for _, columns in _chunks(rows, names, self.path):
                n_rows += len(columns[0])
                for guess, texts in zip(guesses, columns, strict=True):
                    guess.see(texts)
        return names, n_rows, guesses

    def _take(
        self, dialect: Dialect, names: list[str], formats: list[ColumnFormat]
    ) -> tuple[pd.DataFrame, list[ColumnFormat]]:
        parts: list[list[pd.Series[Any]]] = [[] for _ in names]
        signs: list[Counter[str]] = [Counter() for _ in names]
        with open_text(self.path, dialect.encoding) as file:
            rows = records(file, dialect, self.path)
            next(rows)
            for lines, columns in _chunks(rows, names, self.path):
                self._lines.extend(lines)
                for j, texts in enumerate(columns):
                    parts[j].append(self._read(names[j], formats[j], texts, lines))
                    signs[j] += formats[j].missing_token(texts)
        frame = pd.DataFrame({j: _joined(part) for j, part in enumerate(parts)})
        frame.columns = pd.Index(names)
        most_common = [sign.most_common(1)[0][0] if sign else "" for sign in signs]
        return frame, [replace(one, missing=sign) for one, sign in zip(formats, most_common, strict=True)]

    def _read(self, name: str, form: ColumnFormat, texts: Sequence[str], lines: Sequence[int]) -> pd.Series[Any]:
        try:
            values = form.read(texts)
        except (ValueError, OverflowError) as error:
            row = next((i for i, text in enumerate(texts) if not form.fits(text)), None)
            if row is None:
                raise FileError(f"cannot be read: {error}", self.path, column=name) from error
            if INFINITE.fullmatch(texts[row]):
                raise FileError(
                    f"{texts[row]!r} is infinite; leave the field empty", self.path, lines[row], name
                ) from error
            raise FileError(
                f"{texts[row]!r} is no {form.kind}, as all others are", self.path, lines[row], name
            ) from error
        if form.kind == "number" and bool(np.isinf(values.to_numpy()).any()):
            row = int(np.isinf(values.to_numpy()).argmax())
            raise FileError(f"{texts[row]!r} is infinite; leave the field empty", self.path, lines[row], name)
        return values


def _check_names(names: list[str], path: str, line: int) -> None:
    first: dict[str, int] = {}
    for place, name in enumerate(names, 1):
        if name in first:
            raise FileError(f"occurs twice in the header, as field {first[name]} and {place}", path, line, name)
        first[name] = place


def _chunks(
    rows: Iterator[tuple[int, list[str]]], names: list[str], path: str
) -> Iterator[tuple[list[int], list[tuple[str, ...]]]]:
    """Lines and columns of many records at a time, every one of them as long as the header."""
    while chunk := list(islice(rows, _AT_ONCE)):
        for line, fields in chunk:
            if len(fields) != len(names):
                many = "s" * (len(fields) != 1)
                raise FileError(f"line {line} has {len(fields)} field{many}, the header {len(names)}", path)
        yield [line for line, _ in chunk], list(zip(*(fields for _, fields in chunk), strict=True))


def _joined(parts: list[pd.Series[Any]]) -> pd.Series[Any]:
    if len(parts) == 1:
        return parts[0]
    # a chunk without missing values is of plain integers, one with them is not
    return pd.concat(parts, ignore_index=True)


class CsvWriter:
    """Writes a table in CSV, chunk by chunk.

    Parameters
    ----------
    path : Path
        A new file.
    shown : str
        The file as the user named it; ".gz" at its end compresses it.
    layout : Layout
        How to write.
    mark : str or None
        Name of a further column: 1 in synthetic rows, 0 in real ones.
    """

    def __init__(self, path: Path, shown: str, layout: FileLayout, mark: str | None) -> None:
        if shown.lower().endswith((".tsv", ".tab", ".tsv.gz")):
            layout = replace(layout, dialect=replace(layout.dialect, delimiter="\t"))
        self._shown, self._layout, self._mark = shown, layout, mark
        self._raw = open(path, "xb")  # noqa: SIM115
        # without the time, so that the same rows make the same file
        packed = gzip.GzipFile("", "wb", fileobj=self._raw, mtime=0) if shown.lower().endswith(".gz") else None
        self._packed = packed
        encoding = layout.dialect.encoding
        self._file: TextIO = io.TextIOWrapper(packed or self._raw, encoding=encoding, newline="")
        self._writer = layout.dialect.writer(self._file)
        self._guarded([[*layout.formats, *([mark] if mark else [])]])

    def write_real(self, table: Any) -> None:
        """All rows of a table; of a CSV file as they stand there."""
        if not isinstance(table, CsvTable):
            self.write(table.frame, synthetic=False)
            return
        dialect = self._layout.dialect
        if dialect != table.layout.dialect:
            more = [MARKS[0]] if self._mark else []
            self._guarded([*texts, *more] for texts in table.texts())
            return
        quote = '"' if dialect.quote_all else ""
        end = f"{dialect.delimiter}{quote}{MARKS[0]}{quote}" if self._mark else ""
        self._file.writelines(f"{row}{end}{newline}" for row, newline in table.raw_rows())

    def write(self, frame: pd.DataFrame, synthetic: bool = True) -> None:
        """Rows of a DataFrame with the columns of the layout."""
        columns = [form.write(frame[name]) for name, form in self._layout.formats.items()]
        if self._mark:
            columns.append([MARKS[synthetic]] * len(frame))
        self._guarded(zip(*columns, strict=True))

    def _guarded(self, rows: object) -> None:
        try:
            self._writer.writerows(rows)
        except UnicodeEncodeError as error:
            wrong = error.object[error.start : error.end]
            raise FileError(f"{wrong!r} cannot be written in {error.encoding}", self._shown) from error

    def close(self) -> None:
        """Write what is left."""
        try:
            self._file.close()
        finally:
            if self._packed is not None:
                self._packed.close()
            self._raw.close()


# --------------------------------------------------------------------------------------
# Tables in Parquet: the types of Arrow in pandas' words, and back; written a row group at a time.


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


def _is_text(kind: object) -> bool:
    types = arrow(_NEEDS).types
    return any(is_one(kind) for is_one in (types.is_string, types.is_large_string, types.is_string_view))


def _is_plain(kind: object) -> bool:
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

    def _marks(self, n: int, synthetic: bool) -> object:
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
        kept = dict(schema.metadata or {})
        kept |= dtype_remarks(kept.pop(b"pandas", b""))
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


# --------------------------------------------------------------------------------------
# Folders of tables: read batch by batch, or a sample of their rows.


class SampledTable:
    """So many rows of a folder of tables, drawn at random; attributes as those of `CsvTable`."""

    def __init__(self, path: str, args: argparse.Namespace) -> None:
        _check_dialect(path, args)
        self.path = path
        self.frame, total = sampled_rows(path, args.sample_rows, args.seed or 0)
        self.layout = FileLayout.of_frame(self.frame)
        if total > len(self.frame):
            tell(args, f"{path}: {len(self.frame)} of {total} rows, drawn at random; --sample-rows sets how many")

    def line(self, row: int) -> int | None:
        """Rows of several files have no lines."""
        return None


def is_folder(path: str) -> bool:
    """Whether it is a folder of tables, and none of images."""
    return os.path.isdir(path) and is_table_folder(path)


def select(args: argparse.Namespace, seed: int) -> SelectedRows:
    """The rows of DATA that are learnt from, read batch by batch.

    Raises
    ------
    Usage
        If the labels look like measurements, or options say how one CSV file is read.
    """
    _check_dialect(args.data, args)
    found = selected_from(args.data, args.target, lambda: child_seed(seed, "rows"))
    if found.y is not None:
        _question(found.y, args.data, args.many_classes)
        warn_of_similar_names(found.y.unique())
    return found


def layout_of(selected: SelectedRows) -> FileLayout:
    """How new rows are written: the labels last."""
    frame = selected.X if selected.target is None else selected.X.assign(**{selected.target: selected.y})
    return FileLayout.of_frame(frame, selected.target)


def _check_dialect(path: str, args: argparse.Namespace) -> None:
    for name in ("delimiter", "encoding", "decimal"):
        if getattr(args, name, None) is not None:
            raise UsageError(
                f"--{name} is for a single CSV file; those that are read batch by batch ({path}) have commas (tabs in "
                ".tsv), decimal points and UTF-8"
            )


# --------------------------------------------------------------------------------------
# Tables by the suffix of their file: read, split into rows and labels, written.


Table = CsvTable | ParquetTable | SampledTable

PARQUET = (".parquet", ".pq")
TEXT = (".csv", ".tsv", ".tab", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")  # .tsv and .tab: with tabs
# A target of so many different numbers is questioned; of fewer, if there are few rows of each.
_MANY_CLASSES, _SOME_CLASSES, _ROWS_OF_A_CLASS = 50, 10, 10
_WRITERS: dict[str, Any] = {**dict.fromkeys(PARQUET, ParquetWriter), **dict.fromkeys(TEXT, CsvWriter)}


def _ends(path: str, suffixes: tuple[str, ...]) -> bool:
    return path.lower().endswith(suffixes)


def check_suffix(path: str) -> None:
    """Refuse an output of which it is not known how to write it."""
    if not _ends(path, (*PARQUET, *TEXT)):
        raise UsageError(f"{path}: the suffix says how to write it; give .csv, .csv.gz, .tsv or .parquet")


def read_table(path: str, args: argparse.Namespace, like: FileLayout | None = None) -> Table:
    """The table in a file, CSV unless its suffix says Parquet.

    Raises
    ------
    Fault
        Naming file, line and column.
    """
    if os.path.isdir(path):
        if not hasattr(args, "sample_rows"):
            raise FileError("is a folder; name a file", path)
        return SampledTable(path, args)
    if os.path.exists(path) and not os.path.isfile(path):
        raise FileError("is no ordinary file, and cannot be read twice; save it to one", path)
    if _ends(path, PARQUET):
        table: Table = ParquetTable(path)
    else:
        table = CsvTable(path, args.encoding, args.delimiter, args.decimal, like, args.target)
        for name, said in table.remarks.items():
            warnings.warn(f"{path}: column {name!r}: {said}", DataWarning, stacklevel=2)
    if args.verbose:
        tell(args, _described(table))
    return table


def _described(table: Table) -> str:
    kinds: dict[str, list[str]] = {}
    for name, form in table.layout.formats.items():
        kinds.setdefault(form.kind, []).append(name)
    dialect = table.layout.dialect
    written = "Parquet" if table.layout.schema else f"{dialect.encoding}, fields end at {dialect.delimiter!r}"
    columns = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds.items())
    return f"{table.path}: {len(table.frame)} rows ({written}), columns read as {columns}"


def split(
    table: Table, target: str, n_classes: int = 2, many_classes: bool = False
) -> tuple[pd.DataFrame, pd.Series[Any]]:
    """Rows without the labels, and the labels.

    Raises
    ------
    Fault
        If there is no such column, no other one, a label is missing, or there are too few classes.
    Usage
        If the labels look like measurements, unless ``many_classes``.
    """
    frame, path = table.frame, table.path
    if target not in frame.columns:
        raise FileError(f"no column {target!r}{did_you_mean(target, frame.columns)}", path)
    if frame.shape[1] < 2:
        raise FileError(f"has no column beside {target!r}; is the delimiter right? --delimiter sets it", path)
    y = frame[target].rename(target)
    lost = np.flatnonzero(y.isna().to_numpy())
    if len(lost):
        rows = f"{len(lost)} row{'s have' if len(lost) > 1 else ' has'} no label; fill or drop them"
        raise FileError(rows, path, table.line(int(lost[0])), target)
    if isinstance(y.dtype, pd.CategoricalDtype):
        y = y.astype(y.cat.categories.dtype)
    if y.nunique() < n_classes:
        raise FileError(f"holds one class only, {y.iloc[0]!s}, in all {len(y)} rows", path, column=target)
    _question(y, path, many_classes)
    if many_classes and y.dtype.kind == "f":
        y = y.astype(np.int64)  # the library questions floats, too
    warn_of_similar_names(y.unique())
    return frame.drop(columns=target), y


def _question(y: pd.Series[Any], path: str, many_classes: bool) -> None:
    """Refuse a target that looks like a measurement."""
    if y.dtype.kind not in "iuf":
        return
    n, whole = y.nunique(), bool((y % 1 == 0).all())
    said = f"--target {y.name}: in {path} it holds {n} distinct numbers in {len(y)} rows"
    advice = "make a column of classes first, for example one that says whether the number is above a threshold"
    if not whole:
        raise UsageError(f"{said}, some with decimals, which is a continuous target and no classes; {advice}")
    few_of_each = n > _SOME_CLASSES and n * _ROWS_OF_A_CLASS > len(y)
    if (n > _MANY_CLASSES or few_of_each) and not many_classes:
        raise UsageError(
            f"{said}, which looks like a measurement; {advice}, or give --many-classes if each number is a class"
        )


def label_of(text: str, labels: Any, column: str | None = None, form: ColumnFormat | None = None) -> Any:
    """The label that a word of the command line means: as it stands in a file of this format, or as Python shows it.

    Raises
    ------
    Usage
        If there is none such.
    """
    known = {str(label): label for label in pd.Index(labels).tolist()}
    numbers = {str(int(label)): label for label in known.values() if isinstance(label, float)}  # 1 for 1.0
    truths = {str(label).lower(): label for label in known.values() if isinstance(label, bool)}
    found = {**numbers, **truths, **known, **_as_in_the_file(labels, form)}
    if text not in found:
        where = f" in column {column!r}" if column else ""
        raise UsageError(f"no class {text!r}{where}{did_you_mean(text, known)}")
    return found[text]


def _as_in_the_file(labels: object, form: ColumnFormat | None) -> dict[str, Any]:
    """Labels by what stands in the file, where that is another text."""
    if form is None or form.kind not in ("integer", "number"):
        return {}
    values = pd.Series(labels)
    return dict(zip(form.write(values), values.tolist(), strict=True))


@contextmanager
def table_writer(path: str, layout: FileLayout, mark: str | None = None) -> Iterator[Any]:
    """A writer of a table that is there, whole, when the block has ended well, and not at all if it has not."""
    suffix = next(one for one in sorted(_WRITERS, key=len, reverse=True) if path.lower().endswith(one))
    with atomic_file(path) as temporary:
        writer = _WRITERS[suffix](temporary, path, layout, mark)
        try:
            yield writer
        except BaseException:
            with suppress(OSError, ValueError):  # the first fault is the one to tell
                writer.close()
            raise
        writer.close()
