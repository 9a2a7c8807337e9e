"""How a CSV file is written: delimiter, quotes, ends of lines. Records out of it, with their lines."""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, TextIO

from ganaug.cli.faults import Fault

__all__ = ["Dialect", "find_dialect", "raw_records", "records"]

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
        raise Fault("is empty", path)
    ends = Counter(line[len(line.rstrip("\r\n")) :] for line in lines)
    ends.pop("", None)
    newline = ends.most_common(1)[0][0] if ends else "\n"
    if newline not in ("\n", "\r\n", "\r"):
        newline = "\n"  # empty lines between
    chosen = delimiter or max(DELIMITERS, key=lambda one: _agreement(lines, one))
    sample = _fields(lines, chosen)
    spaced = any(len(row) > 1 for row in sample) and all(one[:1] in (" ", "") for row in sample for one in row[1:])
    spaced = spaced and any(one for row in sample for one in row[1:])
    text = "".join(lines).rstrip("\r\n")
    cells = [one for row in _fields(lines, chosen, spaced) for one in row]
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
                raise Fault("the quote that is opened here is never closed", path, line) from error
            raise Fault(str(error).replace("'\"'", "a closing quote"), path, reader.line_num) from error
        if fields:
            yield line, fields


def raw_records(file: TextIO, dialect: Dialect, path: str) -> Iterator[str]:
    """Every record as it is written, without its end of line."""
    lines: list[str] = []

    def noted() -> Iterator[str]:
        for line in file:
            lines.append(line)
            yield line

    # records() keeps one line ahead of nothing: csv takes the lines of one record, no more
    for _ in records(noted(), dialect, path):  # type: ignore[arg-type]
        yield "".join(lines).lstrip("\r\n").rstrip("\r\n")
        lines.clear()
