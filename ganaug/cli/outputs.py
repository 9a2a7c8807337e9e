"""Outputs: checked before the work begins, put in place when it is done, whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganaug.cli.faults import Fault, Usage, system_fault
from ganaug.files import remove_leftovers, replacing, temporary_beside
from ganaug.interrupts import main_thread_interrupts

__all__ = ["check_output", "whole_file", "whole_folder"]

WRITE_BITS = 0o222


def check_output(path: str, inputs: list[str], *, force: bool, folder: bool = False) -> None:
    """Refuse, before anything is computed, an output that could not or must not be written.

    Parameters
    ----------
    path : str
        Of the output.
    inputs : list of str
        Files and folders that are read; none of them is ever written, under whatever name.
    force : bool
        Whether an existing file may be replaced.
    folder : bool, default=False
        Whether the output is a folder.

    Raises
    ------
    Usage, Fault
        If it is an input, is there already, or has no folder that can be written to.
    """
    target = Path(os.path.realpath(path))  # through symbolic links: what they point at would be replaced
    for given in inputs:
        source = Path(os.path.realpath(given))
        same = target == source or (target.exists() and source.exists() and os.path.samefile(target, source))
        if same:
            raise Usage(f"{path}: the output is the input {given}; name another file")
        if folder and (source in target.parents or target in source.parents):
            raise Usage(f"{path}: the output and the input {given} lie within each other; name another folder")
    if target.is_dir() and not folder:
        raise Fault("is a folder; name a file in it", path)
    if target.exists() and (folder or not force):
        raise Fault("is there already" + ("; name another folder" if folder else "; --force replaces it"), path)
    if target.exists() and not target.is_file():
        raise Fault("is no ordinary file", path)
    if target.exists() and not target.stat().st_mode & WRITE_BITS:
        raise Fault("is read-only", path)
    if not target.parent.is_dir():
        raise Fault(f"the folder {os.path.dirname(path) or target.parent} does not exist; create it first", path)
    remove_leftovers(target.parent)
    probe = temporary_beside(target)
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise system_fault(error, path, f": the folder {target.parent} cannot be written to") from error


@contextmanager
def whole_file(path: str) -> Iterator[Path]:
    """A temporary file beside the output, which takes its place when the block ends well, and goes if not.

    Yields
    ------
    Path
        Where to write; not there yet, of the same suffix as the output.
    """
    target = Path(os.path.realpath(path))
    try:
        with replacing(target) as temporary:
            yield temporary
            _last_call()
    except OSError as error:
        kept = "the file that was there is as it was" if target.exists() else "nothing was written"
        raise system_fault(error, path, f"; {kept}") from error


@contextmanager
def whole_folder(path: str) -> Iterator[Path]:
    """The same for a folder, which must not be there."""
    target = Path(os.path.realpath(path))
    remove_leftovers(target.parent)
    temporary = temporary_beside(target)
    try:
        temporary.mkdir()
        yield temporary
        _last_call()
        os.rename(temporary, target)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError):
            raise system_fault(error, path, "; nothing was written") from error
        raise


def _last_call() -> None:
    """Raise what a signal raised earlier, if that got lost on the way."""
    with main_thread_interrupts() as interrupt:
        if interrupt.requested:
            raise KeyboardInterrupt
