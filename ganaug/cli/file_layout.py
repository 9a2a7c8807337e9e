"""How a file of rows is written: encoding, CSV dialect, and the formats of its columns."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import itertools
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import IO, Any, TextIO, cast

import pandas as pd

from ganaug.cli.column_formats import FORMATS, ColumnFormat, format_for
from ganaug.cli.console import FileError, UsageError, system_error

__all__ = [
    "Dialect",
    "FileLayout",
    "check_encoding",
    "dtype_remarks",
    "find_dialect",
    "find_encoding",
    "layout_of",
    "open_text",
    "raw_records",
    "records",
]

# ---- the encoding of a file, and where it cannot be decoded ----------------------------------------

_PEEK = 4096
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f"))
# what a file is that begins so, and is no table of text
_FOREIGN = {
    b"PAR1": "a Parquet file; give it the suffix .parquet",
    b"PK\x03\x04": "a zip archive or an Excel workbook; export it as CSV",
    b"\xd0\xcf\x11\xe0": "an Excel workbook; export it as CSV",
    b"%PDF": "a PDF",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
}
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def check_encoding(name: str) -> str:
    """The encoding of this name."""
    try:
        b"".decode(name)
    except (LookupError, ValueError) as error:
        raise UsageError(f"--encoding {name}: unknown; for example utf-8, utf-16, latin-1, cp1252") from error
    return name


def find_encoding(path: str) -> str:
    """Which encoding a text file has: UTF-8 if it can be, else UTF-16, else Windows' or Latin-1.

    Raises
    ------
    Fault
        If it is no text, or some of its lines are UTF-8 and others are not.
    """
    with _opened_bytes(path) as file:
        start = file.read(_PEEK)
        foreign = next((said for magic, said in _FOREIGN.items() if start.startswith(magic)), None)
        if foreign:
            raise FileError(f"is {foreign}", path)
        marked = next((name for mark, name in _MARKS.items() if start.startswith(mark)), None)
        if marked == "utf-16":
            return marked
        if b"\0" in start and marked is None:
            return _utf16(start, path)
    return _by_lines(path, marked or "utf-8")


def _utf16(start: bytes, path: str) -> str:
    """UTF-16 without a mark: every other byte of plain text is zero."""
    even, odd = start[0::2], start[1::2]
    for name, zeros, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if zeros.count(0) > len(zeros) / 2 and others.count(0) == 0:
            return name
    raise FileError("holds zero bytes and is no text", path)


def _by_lines(path: str, encoding: str) -> str:
    good = bad = 0
    fault, western = "", "cp1252"
    with _opened_bytes(path) as file:
        for number, line in enumerate(file, 1):
            if b"\0" in line:
                raise FileError("holds a zero byte and is no text", path, number)
            if line.isascii():
                continue
            try:
                line.decode("utf-8")
                good = good or number
            except UnicodeDecodeError as error:
                if line.translate(None, _CONTROLS) != line:
                    raise FileError("holds control characters and is no text", path, number) from error
                if not bad:
                    bad, fault = number, f"byte {error.start + 1} of the line, 0x{line[error.start]:02x}"
                western = western if _fits(line, western) else "latin-1"
    if not bad:
        return encoding
    if good:
        raise FileError(
            f"mixed encodings: {fault}, is not UTF-8, but line {good} is; save the file in one encoding, "
            "or force one, for example --encoding cp1252",
            path,
            bad,
        )
    return western


def _fits(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


@contextmanager
def open_text(path: str, encoding: str) -> Iterator[TextIO]:
    """The file as text, its ends of lines as they are."""
    with _opened_bytes(path) as file:
        text = io.TextIOWrapper(file, encoding=encoding, newline="")
        try:
            yield text
        except UnicodeDecodeError as error:
            raise FileError(f"is not {encoding}: {error.reason}", path, _broken_line(path, encoding)) from error


def _broken_line(path: str, encoding: str) -> int | None:
    """The line in which decoding fails; the decoder, which works in blocks, does not tell."""
    with _opened_bytes(path) as file:
        data = file.read()
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        return data[: error.start].decode(encoding, "replace").count("\n") + 1
    return None


@contextmanager
def _opened_bytes(path: str) -> Iterator[IO[bytes]]:
    """The bytes of a file, of a compressed one as well, whatever its name."""
    try:
        with open(path, "rb") as raw:
            if raw.peek(2)[:2] != b"\x1f\x8b":
                yield raw
                return
            with gzip.open(raw) as unpacked:
                yield cast(IO[bytes], unpacked)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileError(f"is compressed and damaged: {error}", path) from error
    except OSError as error:
        raise system_error(error, path) from error


# --------------------------------------------------------------------------------------
# How a CSV file is written: delimiter, quotes, ends of lines.


DELIMITERS = ",;\t|"
_SAMPLE = 200


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written.

    Attributes
    ----------
    encoding, delimiter, newline : str
        As Python names them.
    quote_all : bool
        Whether every field stands in quotes.
    spaced : bool
        Whether a space follows every delimiter.
    """

    encoding: str = "utf-8"
    delimiter: str = ","
    newline: str = "\n"
    quote_all: bool = False
    spaced: bool = False

    def reader(self, lines: Iterable[str]) -> Any:
        """The standard library's reader."""
        # strict: a quote that is never closed would otherwise swallow the rest of the file
        return csv.reader(lines, delimiter=self.delimiter, skipinitialspace=self.spaced, strict=True)

    def writer(self, file: TextIO) -> Any:
        """The standard library's writer, or one like it that puts a space behind every delimiter."""
        if self.spaced:
            return _SpacedWriter(file, self)
        return csv.writer(
            file,
            delimiter=self.delimiter,
            lineterminator=self.newline,
            quoting=csv.QUOTE_ALL if self.quote_all else csv.QUOTE_MINIMAL,
        )

    def get_state(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


class _SpacedWriter:
    """Writes as `csv.writer` does, with a space behind every delimiter."""

    def __init__(self, file: TextIO, dialect: Dialect) -> None:
        self._file, self._dialect = file, dialect
        self._special = re.compile(f'[{re.escape(dialect.delimiter)}"\r\n]|^ ')

    def writerows(self, rows: Iterable[Iterable[str]]) -> None:
        """Write records."""
        between = self._dialect.delimiter + " "
        for row in rows:
            texts = [self._quoted(text) for text in row]
            self._file.write((between.join(texts) if texts != [""] else '""') + self._dialect.newline)

    def _quoted(self, text: str) -> str:
        if self._dialect.quote_all or self._special.search(text):
            return '"' + text.replace('"', '""') + '"'
        return text


def find_dialect(file: TextIO, path: str, encoding: str, delimiter: str | None) -> Dialect:
    """What the first lines of a file say of how it is written.

    The delimiter is the one that cuts the most records into as many fields as the header; of equals
    the one that makes more fields.
    """
    lines = list(itertools.islice(file, _SAMPLE))
    if not any(line.strip() for line in lines):
        raise FileError("is empty", path)
    ends = Counter(line[len(line.rstrip("\r\n")) :] for line in lines)
    ends.pop("", None)
    newline = ends.most_common(1)[0][0] if ends else "\n"
    if newline not in ("\n", "\r\n", "\r"):
        newline = "\n"  # empty lines between
    chosen = delimiter or max(DELIMITERS, key=lambda one: _agreement(lines, one))
    sample = _fields(lines, chosen)
    spaced = any(len(row) > 1 for row in sample) and all(one[:1] in (" ", "") for row in sample for one in row[1:])
    spaced = spaced and any(one for row in sample for one in row[1:])
    whole = _whole_records(lines, chosen, spaced)
    text = "".join(whole).rstrip("\r\n")
    cells = [one for row in _fields(whole, chosen, spaced) for one in row]
    # every field takes two quotes, and those within are doubled
    quote_all = bool(cells) and text.count('"') == sum(2 + 2 * cell.count('"') for cell in cells)
    return Dialect(encoding, chosen, newline, quote_all, spaced)


def _agreement(lines: list[str], delimiter: str) -> tuple[float, int]:
    rows = _fields(lines, delimiter)
    width = len(rows[0]) if rows else 0
    if width < 2:
        return 0.0, 0
    return sum(len(row) == width for row in rows) / len(rows), width


def _fields(lines: list[str], delimiter: str, spaced: bool = False) -> list[list[str]]:
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=spaced)
    rows: list[list[str]] = []
    with suppress(csv.Error):  # what is wrong is told, with its line, when the file is read
        rows.extend(row for row in reader if row)
    return rows[:-1] if len(rows) > 1 and len(lines) == _SAMPLE else rows  # the last may go on behind the sample


def _whole_records(lines: list[str], delimiter: str, spaced: bool) -> list[str]:
    """The lines of the sample but for those of its last record, which may go on behind it."""
    if len(lines) < _SAMPLE:
        return lines
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=spaced)
    ends = [0, 0]
    with suppress(csv.Error):
        ends += [reader.line_num for _ in reader]
    return lines[: ends[-2]]


def records(file: TextIO, dialect: Dialect, path: str) -> Iterator[tuple[int, list[str]]]:
    """Every record with the line on which it begins; empty lines are passed over.

    Raises
    ------
    Fault
        Naming the line, if a record cannot be read.
    """
    reader = dialect.reader(file)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end" in str(error):
                raise FileError("the quote that is opened here is never closed", path, line) from error
            raise FileError(str(error).replace("'\"'", "a closing quote"), path, reader.line_num) from error
        if fields:
            yield line, fields


def raw_records(file: TextIO, dialect: Dialect, path: str) -> Iterator[tuple[str, str]]:
    """Every record as it is written, and its end of line."""
    lines: list[str] = []

    def noted() -> Iterator[str]:
        for line in file:
            lines.append(line)
            yield line

    # records() keeps one line ahead of nothing: csv takes the lines of one record, no more
    for _ in records(noted(), dialect, path):  # type: ignore[arg-type]
        row = "".join(lines).lstrip("\r\n")
        text = row.rstrip("\r\n")
        yield text, row[len(text) :] or dialect.newline
        lines.clear()


# ---- what a table looks like on disk, apart from its rows -------------------------------------------

_VERSION = 1


@dataclass(frozen=True)
class FileLayout:
    """Columns and how they are written.

    Attributes
    ----------
    formats : dict of str to Format
        In the order of the columns.
    dialect : Dialect
        Of CSV.
    target : str or None
        The column of the labels.
    schema : str or None
        Arrow's, packed by `ganaug.cli.table_files`, if the table was a Parquet file.
    """

    formats: dict[str, ColumnFormat]
    dialect: Dialect
    target: str | None = None
    schema: str | None = None

    @classmethod
    def of_frame(cls, frame: pd.DataFrame, target: str | None = None) -> FileLayout:
        """For a table that comes from no file."""
        return cls({str(name): format_for(frame[name]) for name in frame.columns}, Dialect(), target)

    def get_state(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "version": _VERSION,
            "columns": [[name, one.get_state()] for name, one in self.formats.items()],
            "dialect": self.dialect.get_state(),
            "target": self.target,
            "schema": self.schema,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], path: str) -> FileLayout:
        """The layout that `get_state` took apart."""
        try:
            formats = {str(name): ColumnFormat(**one) for name, one in state["columns"]}
            if not all(one.kind in FORMATS for one in formats.values()):
                raise ValueError("a kind of column that this version does not know")
            return cls(formats, Dialect(**state["dialect"]), state["target"], state["schema"])
        except (KeyError, TypeError, ValueError) as error:
            raise FileError(f"what it says of the columns cannot be read: {error}", path) from error


def layout_of(notes: dict[str, Any], path: str) -> FileLayout | None:
    """The layout of the table that a model was trained on, if the notes in its file hold one."""
    return FileLayout.from_state(notes["layout"], path) if "layout" in notes else None


def dtype_remarks(said: bytes) -> dict[bytes, bytes]:
    """What pandas remarks on the dtypes of columns, without the index, which there is not any more."""
    with suppress(ValueError):
        found = json.loads(said)
        if isinstance(found, dict) and isinstance(found.get("columns"), list):
            return {b"pandas": json.dumps(found | {"index_columns": []}).encode()}
    return {}
