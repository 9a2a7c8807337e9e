"""What commands say and write: errors of one line, progress, messages; outputs that are put in place whole."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from ganaug.exceptions import GanaugWarning, InvalidDataError, InvalidParameterError
from ganaug.runtime.interrupts import main_thread_interrupts
from ganaug.utils.files import remove_leftovers, replacing, replacing_folder, temporary_beside

if TYPE_CHECKING:
    from ganaug.estimators.gan import BaseGAN
    from ganaug.oversampling import GANOversampler

__all__ = [
    "FileError",
    "UsageError",
    "atomic_file",
    "atomic_folder",
    "check_output",
    "did_you_mean",
    "load_model",
    "one_line",
    "progress",
    "report_rules",
    "save_model",
    "save_only",
    "short_warnings",
    "system_error",
    "tell",
    "verbosity",
]

# --------------------------------------------------------------------------------------
# What a user of the command line sees: errors of one line, progress and messages.


# ---- errors: one line that names file, line and column ---------------------------------------------

SHOWN = 10


class FileError(InvalidDataError):
    """Something is wrong with a file.

    Parameters
    ----------
    said : str
        What, as the rest of a sentence.
    path : path-like
        The file, as the user named it.
    line : int, optional
        Counted from 1, as editors do.
    column : str, optional
        Name of the column.
    """

    def __init__(
        self, said: str, path: str | os.PathLike[str], line: int | None = None, column: str | None = None
    ) -> None:
        places = [f"line {line}"] if line is not None else []
        places += [f"column {column!r}"] if column is not None else []
        where = f"{', '.join(places)}: " if places else ""
        # libraries that are quoted say more in further lines
        super().__init__(f"{os.fspath(path)}: {where}{'; '.join(part.strip() for part in said.splitlines())}")


class UsageError(InvalidParameterError):
    """The command was given options that cannot go together."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """What a wrong name was likely meant to be, else what there is.

    Examples
    --------
    >>> from ganaug.cli.console import did_you_mean
    >>> did_you_mean("targett", ["age", "target"])
    "; did you mean 'target'?"
    """
    known = list(known)
    folded = {one.strip().casefold(): one for one in reversed(known)}
    near = difflib.get_close_matches(name.strip().casefold(), folded, n=1)
    if near:
        return f"; did you mean {folded[near[0]]!r}?"
    more = ", ..." if len(known) > SHOWN else ""
    return f"; there are {', '.join(map(repr, known[:SHOWN]))}{more}" if known else "; there are none"


def system_error(error: OSError, path: str | os.PathLike[str], also: str = "") -> FileError:
    """What the operating system refused."""
    reason = (error.strerror or str(error)).strip()
    return FileError(f"{reason}{also}", path)


# ---- messages while a command works: on standard error, and only if it is a terminal ---------------


def one_line(text: object) -> str:
    """A text of several lines as one."""
    return " ".join(str(text).split())


def tell(args: argparse.Namespace, text: str) -> None:
    """Say what was done, if somebody looks or asked for it."""
    if not args.quiet and (args.verbose or sys.stderr.isatty()):
        print(f"ganaug: {text}", file=sys.stderr)


def report_rules(args: argparse.Namespace, estimator: object) -> None:
    """Say how many rules of the table synthetic rows keep, if that was asked for."""
    rules = getattr(estimator, "rules_", None)
    if rules is None or not args.verbose:
        return
    guarded = sum(rule.kept == "guarded" for rule in rules)
    how = f", {len(rules) - guarded} of them by construction and {guarded} by refusing rows" if len(rules) else ""
    tell(args, f"{len(rules)} rules of the table found and kept{how}; 'ganaug rules {args.data}' prints them")


def verbosity(args: argparse.Namespace) -> bool | str:
    """The ``verbose`` of estimators: progress bars on a terminal, and none if they are not wanted."""
    return False if args.quiet else "auto"


@contextmanager
def short_warnings(quiet: bool, everything: bool) -> Iterator[None]:
    """Within the block a warning of ganaug is one line, said once, and those of other libraries are kept back."""
    shown: set[str] = set()

    def show(message: object, category: type[Warning], *_: object, **__: object) -> None:
        said = one_line(message)
        if not quiet and said not in shown and (everything or issubclass(category, GanaugWarning)):
            print(f"ganaug: warning: {said}", file=sys.stderr)
            shown.add(said)

    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = show
        yield


@contextmanager
def progress(args: argparse.Namespace, title: str, total: int) -> Iterator[Any]:
    """A function that moves a bar to a number of rows."""
    from ganaug.utils.determinism import wants_progress

    if not wants_progress(verbosity(args)):
        yield lambda n: None
        return
    from ganaug.callbacks import ProgressBar  # imports torch

    bar = ProgressBar(title)
    try:
        yield lambda n: bar(cast(Any, SimpleNamespace(step=n, max_steps=total, record={})))
    finally:
        bar.close()


# --------------------------------------------------------------------------------------
# What commands write: outputs checked before the work, put in place whole; model files that remember their data.


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
