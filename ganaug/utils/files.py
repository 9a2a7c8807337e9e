"""Files: paths that are checked, atomic writing, and checksums.

Nothing here imports what is slow to import: the command line checks its outputs before anything else.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tokenize import TokenError
from typing import IO, TYPE_CHECKING

from ganaug.exceptions import InvalidTypeError, ModelPathError, ModelPathNotFoundError

if TYPE_CHECKING:
    from ganaug.utils.types import DType

__all__ = [
    "Sealed",
    "array_header",
    "check_path",
    "check_writable",
    "path_error",
    "remove_leftovers",
    "replacing",
    "replacing_folder",
    "sealed_length",
    "temporary_beside",
    "write_whole",
]

# --------------------------------------------------------------------------------------
# Atomic writing: a file is written whole or not at all, and temporary files of killed processes are removed.


# Temporary files that belong to no known process are removed after so many seconds without a change.
VERY_OLD = 30 * 24 * 3600.0
# `.ganaug-<host>-<pid>-<start>-<random><suffix>`
_TEMPORARY = re.compile(r"\.ganaug-([0-9a-f]{8})-([0-9]{1,10})-([0-9a-f]{1,16})-[0-9a-f]{8}(\..*)?", re.DOTALL)
# Names of earlier versions, which do not say which process wrote them.
_UNSIGNED = re.compile(r"\.ganaug-([0-9a-f]{16}|[a-z0-9_]{8})(\..*)?", re.DOTALL)
_LONGEST_SUFFIX = 32


def check_path(path: str | os.PathLike[str], name: str = "path") -> Path:
    """The path of a file, which may not exist yet; ``name`` is that of the parameter.

    Raises
    ------
    InvalidTypeError, ModelPathError
        If it is no path, or that of a folder.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise InvalidTypeError(f"{name}={path!r} is a {type(path).__name__}; give the name of a file")
    found = Path(path)
    if found.is_dir():
        raise ModelPathError(
            errno.EISDIR, f"{found} is a folder; name a file in it, such as {found / 'model.safetensors'}"
        )
    return found


def check_writable(path: Path) -> None:
    """Refuse a path that cannot be written to, before a long computation whose result it will hold.

    Raises
    ------
    ModelPathNotFoundError, ModelPathError
        If its folder does not exist or nothing can be written there, or the file is read-only.
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise ModelPathNotFoundError(errno.ENOENT, f"the folder {target.parent} does not exist; create it first")
    probe = temporary_beside(target)
    try:
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise path_error(error, f"nothing can be written to the folder {target.parent}; name another") from error


def path_error(error: OSError, what: str) -> ModelPathError:
    """What the operating system refused, as an error of ganaug with the same ``errno``."""
    reason = error.strerror or str(error)
    if isinstance(error, FileNotFoundError):
        return ModelPathNotFoundError(error.errno or errno.ENOENT, f"{what}: {reason}")
    return ModelPathError(error.errno or errno.EIO, f"{what}: {reason}")


def write_whole(target: Path, data: bytes) -> None:
    """Put ``data`` at ``target`` in one step.

    Raises
    ------
    ModelPathNotFoundError, ModelPathError
        If the folder does not exist, or the system refuses to write; what was there is as it was.
    """
    folder = Path(os.path.realpath(target)).parent
    if not folder.is_dir():
        raise ModelPathNotFoundError(errno.ENOENT, f"the folder {folder} does not exist; create it, then save again")
    try:
        with replacing(target) as temporary, open(temporary, "xb") as file:
            file.write(data)
    except OSError as error:
        kept = "the file that was there is as it was" if target.exists() else "nothing was written"
        raise path_error(error, f"could not save to {target} ({kept})") from error


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A temporary file beside ``target`` that takes its place when the block ends well, and is removed if not.

    Every file of ganaug is written in this way. What a killed process left in the folder is removed first.

    Parameters
    ----------
    target : Path
        The file, there or to be, in a folder that exists. Through a symbolic link, what it points at is replaced.

    Yields
    ------
    Path
        Where to write, in any way; not there yet.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from ganaug.utils.files import replacing
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     target = Path(folder) / "notes.txt"
    ...     with replacing(target) as temporary:
    ...         _ = temporary.write_text("whole")
    ...     target.read_text(), len(list(Path(folder).iterdir()))
    ('whole', 1)
    """
    target = Path(os.path.realpath(target))
    remove_leftovers(target.parent)
    temporary = temporary_beside(target, target.suffix or ".tmp")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """The same for a folder, which must not be there yet.

    Yields
    ------
    Path
        A new, empty folder beside the target.
    """
    target = Path(os.path.realpath(target))
    remove_leftovers(target.parent)
    temporary = temporary_beside(target)
    try:
        temporary.mkdir()
        yield temporary
        os.rename(temporary, target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def temporary_beside(target: Path, suffix: str = ".tmp") -> Path:
    """A name for a temporary file or folder beside ``target``, which `remove_leftovers` knows as this process's.

    Parameters
    ----------
    target : Path
        What it will become, or any other path in the folder.
    suffix : str, default=".tmp"
        How the name ends, with its dot; cut where it is very long.

    Returns
    -------
    Path
        Of at most 93 characters, whatever the length of the target's name; nothing is there yet.

    Examples
    --------
    >>> from pathlib import Path
    >>> from ganaug.utils.files import temporary_beside
    >>> temporary_beside(Path("out/rows.csv"), ".csv").suffix
    '.csv'
    """
    pid = os.getpid()
    name = f".ganaug-{_host()}-{pid}-{_start(pid) or 0:x}-{secrets.token_hex(4)}"
    # not tempfile, whose files only their owner can read
    return target.parent / (name + suffix[:_LONGEST_SUFFIX])


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files and folders that killed processes left in a folder.

    Those of a process on this machine go if it is dead, or if its number is now another
    process's. Those of other machines, and all that do not say whose they are, go when
    they are a month old. Symbolic links are left alone, and so is what cannot be removed.

    Parameters
    ----------
    folder : Path
        Where outputs are written. One that cannot be read is passed over.
    """
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if entry.name.startswith(".ganaug-")]
    except OSError:
        return
    for entry in found:
        with contextlib.suppress(OSError):
            if entry.is_symlink() or not _is_left(entry):
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)  # does not follow links
            elif entry.is_file(follow_symlinks=False):
                os.unlink(entry.path)


def _is_left(entry: os.DirEntry[str]) -> bool:
    """Whether the process that wrote it is gone."""
    signed = _TEMPORARY.fullmatch(entry.name)
    if signed is None and _UNSIGNED.fullmatch(entry.name) is None:
        return False
    if signed is not None and signed[1] == _host():
        dead = _is_dead(int(signed[2]), int(signed[3], 16))
        if dead is not None:
            return dead
    return time.time() - entry.stat(follow_symlinks=False).st_mtime > VERY_OLD


def _is_dead(pid: int, start: int) -> bool | None:
    """Whether the process with that number and start is gone; None where that cannot be known."""
    if sys.platform == "win32":
        return None  # os.kill would end it there
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass  # there, and somebody else's
    now = _start(pid)
    # Without both starts, nothing tells this process from a later one of the same number.
    return None if not start or now is None else now != start


def _start(pid: int) -> int | None:
    """When a process started, in the system's ticks since it was booted; -1 if it has ended, None if not known."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # its name may hold spaces and parentheses
            fields = file.read().rpartition(b")")[2].split()
        return -1 if fields[0] in (b"Z", b"X") else int(fields[19])
    except (OSError, ValueError, IndexError):
        return None


def _host() -> str:
    """An identifier of this machine and container, within which process numbers are unique."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    name = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    return hashlib.sha256(f"{name} {space}".encode()).hexdigest()[:8]


# --------------------------------------------------------------------------------------
# Files that end with a checksum, so that changed or truncated files are detected. numpy still reads such a file,
# because the checksum comes after the array.


# The last bytes of a file: this, and 64 hexadecimal digits.
_SEAL = b"\nganaug sha256 "
_LENGTH = len(_SEAL) + 64
_AT_ONCE = 2**22


class Sealed:
    """A file opened for writing whose bytes are counted into a checksum; `close` writes it.

    Parameters
    ----------
    file : binary file
        Open for writing; it stays open.

    Examples
    --------
    >>> import io
    >>> from ganaug.utils.files import Sealed
    >>> file = io.BytesIO()
    >>> sealed = Sealed(file)
    >>> sealed.write(b"abc")
    3
    >>> sealed.close()
    >>> file.getvalue()[:3], len(file.getvalue())
    (b'abc', 82)
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._sum = file, hashlib.sha256()

    def write(self, data: bytes | memoryview) -> int:
        """Write bytes."""
        self._sum.update(data)
        return self._file.write(data)

    def close(self) -> None:
        """Write the checksum of all that was written."""
        self._file.write(_SEAL + self._sum.hexdigest().encode())


def sealed_length(path: Path, *, compare: bool = True, required: bool = False) -> int:
    """How many bytes of a file are its own, and not its checksum's.

    Parameters
    ----------
    path : Path
        The file; one of an earlier version has no checksum.
    compare : bool, default=True
        Whether to read all of it and compare the checksum: about a second for a gigabyte.
    required : bool, default=False
        Whether a file without a checksum is refused.

    Raises
    ------
    ValueError
        If the checksum does not fit, or is missing.
    OSError
        If the file cannot be read.
    """
    size = os.stat(path).st_size
    with open(path, "rb") as file:
        file.seek(max(0, size - _LENGTH))
        end = file.read(_LENGTH)
        if len(end) < _LENGTH or not end.startswith(_SEAL):
            if required or b"ganaug sha256" in end:
                raise ValueError("it has no checksum at its end")
            return size
        if compare:
            file.seek(0)
            found, left = hashlib.sha256(), size - _LENGTH
            while left:
                data = file.read(min(left, _AT_ONCE))
                if not data:
                    raise ValueError("it became shorter while it was read")
                found.update(data)
                left -= len(data)
            if found.hexdigest().encode() != end[len(_SEAL) :]:
                raise ValueError("its checksum does not match its contents")
    return size - _LENGTH


def array_header(file: IO[bytes]) -> tuple[tuple[int, ...], DType]:
    """Shape and dtype of the array that begins here, in numpy's format 1.0, its rows one after the other.

    Raises
    ------
    ValueError
        If there is none. (numpy raises many other errors at headers that were altered.)
    """
    from numpy.lib import format as npy

    try:
        version = npy.read_magic(file)
        shape, by_columns, dtype = npy.read_array_header_1_0(file)
    except (ValueError, SyntaxError, TokenError, TypeError, MemoryError, RecursionError, OverflowError) as error:
        raise ValueError(f"it has no header of an array ({error})") from error
    whole = all(type(side) is int and side >= 0 for side in shape)
    if version != (1, 0) or by_columns or not whole or dtype.hasobject or not dtype.itemsize:
        raise ValueError(f"an array of shape {shape} and dtype {dtype} is none of a pool")
    return shape, dtype
