"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from pathlib import Path

from ganaug.exceptions import InvalidTypeError, ModelPathError, ModelPathNotFoundError

__all__ = ["checked_path", "path_error", "write_whole"]


def checked_path(path: str | os.PathLike[str]) -> Path:
    """The path of a file, there or to be.

    Raises
    ------
    InvalidTypeError, ModelPathError
        If it is no path, or that of a folder.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise InvalidTypeError(f"path={path!r} is a {type(path).__name__}; give the name of a file")
    found = Path(path)
    if found.is_dir():
        raise ModelPathError(
            errno.EISDIR, f"{found} is a folder; name a file in it, such as {found / 'model.safetensors'}"
        )
    return found


def path_error(error: OSError, what: str) -> ModelPathError:
    """What the operating system refused, as an error of ganaug with the same ``errno``."""
    reason = error.strerror or str(error)
    if isinstance(error, FileNotFoundError):
        return ModelPathNotFoundError(error.errno or errno.ENOENT, f"{what}: {reason}")
    return ModelPathError(error.errno or errno.EIO, f"{what}: {reason}")


def write_whole(target: Path, data: bytes) -> None:
    """Put ``data`` at ``target`` in one step."""
    # through a symbolic link, or it would be replaced by a file
    target = Path(os.path.realpath(target))
    folder = target.parent
    if not folder.is_dir():
        raise ModelPathNotFoundError(errno.ENOENT, f"the folder {folder} does not exist; create it, then save again")
    # a short name of its own: the target's may be as long as the system allows
    temporary = folder / f".ganaug-{secrets.token_hex(8)}.tmp"
    try:
        # not tempfile, whose files nobody else may read
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            kept = "the file that was there is as it was" if target.exists() else "nothing was written"
            raise path_error(error, f"could not save to {target} ({kept})") from error
        raise
