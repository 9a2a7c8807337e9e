"""Text out of bytes: which encoding a file has, and where it breaks off."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TextIO, cast

from ganaug.cli.faults import Fault, Usage, system_fault

__all__ = ["check_encoding", "find_encoding", "opened_text"]

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
        raise Usage(f"--encoding {name}: unknown; for example utf-8, utf-16, latin-1, cp1252") from error
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
            raise Fault(f"is {foreign}", path)
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
    raise Fault("holds zero bytes and is no text", path)


def _by_lines(path: str, encoding: str) -> str:
    good = bad = 0
    fault, western = "", "cp1252"
    with _opened_bytes(path) as file:
        for number, line in enumerate(file, 1):
            if b"\0" in line:
                raise Fault("holds a zero byte and is no text", path, number)
            if line.isascii():
                continue
            try:
                line.decode("utf-8")
                good = good or number
            except UnicodeDecodeError as error:
                if line.translate(None, _CONTROLS) != line:
                    raise Fault("holds control characters and is no text", path, number) from error
                if not bad:
                    bad, fault = number, f"byte {error.start + 1} of the line, 0x{line[error.start]:02x}"
                western = western if _fits(line, western) else "latin-1"
    if not bad:
        return encoding
    if good:
        raise Fault(
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
def opened_text(path: str, encoding: str) -> Iterator[TextIO]:
    """The file as text, its ends of lines as they are."""
    with _opened_bytes(path) as file:
        text = io.TextIOWrapper(file, encoding=encoding, newline="")
        try:
            yield text
        except UnicodeDecodeError as error:
            raise Fault(f"is not {encoding}: {error.reason}", path, _broken_line(path, encoding)) from error


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
        raise Fault(f"is compressed and damaged: {error}", path) from error
    except OSError as error:
        raise system_fault(error, path) from error
