"""Tables in CSV: read twice, to find out and to take; real rows written as they stood, new ones like them."""

from __future__ import annotations

import gzip
import io
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd

from ganaug.cli.column_formats import ColumnFormat, ColumnGuess, settle_formats
from ganaug.cli.console import FileError
from ganaug.cli.file_layout import (
    Dialect,
    FileLayout,
    check_encoding,
    find_dialect,
    find_encoding,
    open_text,
    raw_records,
    records,
)
from ganaug.cli.number_formats import INFINITE

__all__ = ["CsvTable", "CsvWriter"]

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

    def raw_rows(self) -> Iterator[str]:
        """The rows as they are written."""
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
        self._file.writelines(f"{row}{end}{dialect.newline}" for row in table.raw_rows())

    def write(self, frame: pd.DataFrame, synthetic: bool = True) -> None:
        """Rows of a DataFrame with the columns of the layout."""
        columns = [form.write(frame[name]) for name, form in self._layout.formats.items()]
        if self._mark:
            columns.append([MARKS[synthetic]] * len(frame))
        self._guarded(zip(*columns, strict=True))

    def _guarded(self, rows: Any) -> None:
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
