"""What commands write: outputs checked before the work, put in place whole; model files that remember their data."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganaug.cli.console import FileError, UsageError, system_error
from ganaug.runtime.interrupts import main_thread_interrupts
from ganaug.utils.files import remove_leftovers, replacing, replacing_folder, temporary_beside

if TYPE_CHECKING:
    from ganaug.cli.file_layout import FileLayout
    from ganaug.estimators.gan import BaseGAN
    from ganaug.oversampling import GANOversampler

__all__ = ["atomic_file", "atomic_folder", "check_output", "layout_of", "load_model", "save_model", "save_only"]

WRITE_BITS = 0o222
_KEY = "command_line"  # of what a model file remembers for the command line


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
            raise UsageError(f"{path}: the output is the input {given}; name another file")
        if folder and (source in target.parents or target in source.parents):
            raise UsageError(f"{path}: the output and the input {given} lie within each other; name another folder")
    if target.is_dir() and not folder:
        raise FileError("is a folder; name a file in it", path)
    if target.exists() and (folder or not force):
        raise FileError("is there already" + ("; name another folder" if folder else "; --force replaces it"), path)
    if target.exists() and not target.is_file():
        raise FileError("is no ordinary file", path)
    if target.exists() and not target.stat().st_mode & WRITE_BITS:
        raise FileError("is read-only", path)
    if not target.parent.is_dir():
        raise FileError(f"the folder {os.path.dirname(path) or target.parent} does not exist; create it first", path)
    remove_leftovers(target.parent)
    probe = temporary_beside(target)
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise system_error(error, path, f": the folder {target.parent} cannot be written to") from error


@contextmanager
def atomic_file(path: str) -> Iterator[Path]:
    """A temporary file beside the output, which replaces it when the block ends well, and is removed otherwise.

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
        raise system_error(error, path, f"; {kept}") from error


@contextmanager
def atomic_folder(path: str) -> Iterator[Path]:
    """The same for a folder, which must not exist yet."""
    try:
        with replacing_folder(Path(path)) as temporary:
            yield temporary
            _last_call()
    except OSError as error:
        raise system_error(error, path, "; nothing was written") from error


def _last_call() -> None:
    """Raise what a signal raised earlier, if that got lost on the way."""
    with main_thread_interrupts() as interrupt:
        if interrupt.requested:
            raise KeyboardInterrupt


def save_model(gan: BaseGAN, path: str, notes: dict[str, Any]) -> None:
    """Write a model file that also remembers what its data looked like on disk."""
    with atomic_file(path) as temporary:
        gan._write(temporary, notes={_KEY: notes})


def load_model(path: str) -> tuple[Any, dict[str, Any]]:
    """A model, and what `save_model` was given to remember; nothing if Python saved it."""
    from ganaug.estimators import load
    from ganaug.utils.state import read_config

    gan = load(path)
    notes = read_config(path).get(_KEY)
    return gan, notes if isinstance(notes, dict) else {}


def layout_of(notes: dict[str, Any], path: str) -> FileLayout | None:
    """The layout of the table that a model was trained on, if it is known."""
    from ganaug.cli.file_layout import FileLayout

    return FileLayout.from_state(notes["layout"], path) if "layout" in notes else None


def save_only(sampler: GANOversampler, args: argparse.Namespace, notes: dict[str, Any]) -> None:
    """Save the GAN, if there is exactly one."""
    different = {id(one): one for one in sampler.generators_.values() if hasattr(one, "save")}
    if len(different) != 1:
        raise FileError(
            f"not written: {len(different)} GANs were trained, and a file holds one; {args.output} is complete. "
            "--shared trains one for all classes, 'ganaug fit --class' one for a class",
            args.save,
        )
    save_model(next(iter(different.values())), args.save, notes)
