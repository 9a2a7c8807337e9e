"""The commands and their exit codes; errors become one line."""

from __future__ import annotations

import argparse
import re
import signal
import sys
import threading
import traceback
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from ganaug import __version__
from ganaug.cli import assess, generate
from ganaug.cli.console import FileError, UsageError, one_line, short_warnings
from ganaug.cli.options import Parser
from ganaug.exceptions import GanaugError, InvalidParameterError
from ganaug.runtime.interrupts import InsistentInterrupt

__all__ = ["main"]

OK, FAILED, MISUSED, HUNG_UP, INTERRUPTED, TERMINATED = 0, 1, 2, 129, 130, 143

COMMANDS = generate.COMMANDS | assess.COMMANDS


def parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    top = Parser(
        prog="ganaug",
        description="Gives a classifier the rows it never saw enough of: GANs for imbalanced tables and images.",
        epilog="'ganaug COMMAND --help' lists the options of a command.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"ganaug {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    for name, command in COMMANDS.items():
        own = commands.add_parser(
            name,
            help=command.help,
            description=f"{command.help[:1].upper()}{command.help[1:]}.",
            epilog=command.example,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        own.set_defaults(run=command.run)
        command.add_options(own)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after ``ganaug``; those of this process by default.

    Returns
    -------
    int
        0 if all went well, 1 if not, 2 if the command was misused, 130 after Ctrl-C, 143 after a
        request to end (SIGTERM), 129 if the terminal was closed (SIGHUP).

    Examples
    --------
    >>> from ganaug.cli import main
    >>> main(["resample", "no.csv", "--target", "y", "--output", "new.csv"])
    1
    """
    try:
        args = parser().parse_args(argv)
    except SystemExit as end:  # argparse has said why
        return end.code if isinstance(end.code, int) else MISUSED
    try:
        with _raising_signals(), short_warnings(args.quiet, args.verbose):
            args.run(args)
    except (KeyboardInterrupt, SystemExit, Exception) as error:
        if args.debug:
            traceback.print_exc()
        said, code = _describe_error(error, vars(args).values())
        _forget_interrupt()
        with suppress(OSError):
            print(f"ganaug: {said}", file=sys.stderr)
        return code
    return OK


def _forget_interrupt() -> None:
    """Make Python forget a Ctrl-C that was caught.

    One that struck while a dataclass or a named tuple was being made, as many imports do, counts as unhandled for
    good, and `python -m ganaug` would end by the signal, not with its exit code. Making another one resets that.
    """
    namedtuple("Forgotten", "")


def _describe_error(error: BaseException, given: Iterable[object]) -> tuple[str, int]:
    """What went wrong in one line, and the exit code; ``given`` are the arguments of the command."""
    kinds: list[tuple[Any, Callable[[Any], str], int]] = [
        (KeyboardInterrupt, lambda _: "interrupted", INTERRUPTED),
        (_Terminated, lambda _: "terminated", TERMINATED),
        (_HungUp, lambda _: "the terminal was closed", HUNG_UP),
        (InvalidParameterError, str, MISUSED),  # the parameters of the library are given by options
        (GanaugError, lambda e: getattr(e, "strerror", None) or str(e), FAILED),
        (MemoryError, lambda _: "out of memory", FAILED),
        (OSError, lambda e: f"{e.filename}: {e.strerror}" if e.filename else str(e), FAILED),
        (BaseException, lambda e: f"unexpected {type(e).__name__}: {e} (--debug shows where)", FAILED),
    ]
    said, code = next((words(error), code) for kind, words, code in kinds if isinstance(error, kind))
    # the command's own errors name options, and begin with files, which may be called as a parameter is
    library = isinstance(error, GanaugError) and not isinstance(error, (UsageError, FileError))
    library = library and not said.startswith(tuple(f"{path}: " for path in given if isinstance(path, str)))
    return one_line(_with_option(said) if library else said), code


# Parameters of the library by which its errors name what an option gave.
_OPTIONS = {
    "checkpoint": "--set checkpoint",
    "cv": "--splits",
    "device": "--device",
    "mark": "--mark-column",
    "max_time": "--max-time",
    "n_jobs": "--jobs",
    "random_state": "--seed",
    "rows_per_file": "--rows-per-file",
    "sampling_strategy": "--strategy",
    "scoring": "--scoring",
    "treatments": "--treatments",
    "where": "--where",
    "y": "--target",
}


def _with_option(said: str) -> str:
    """An error that begins with a parameter, such as ``mark='a' is``, with the option that gave it."""
    name = re.match(r"\w+(?==|: |\[)", said)
    if name is None:
        return said
    return _OPTIONS.get(name[0], name[0]) + said[name.end() :].replace(" random_state=", " --seed ")


class _Terminated(SystemExit):
    """The process was asked to end."""


class _HungUp(SystemExit):
    """The terminal or connection that the process belongs to was closed."""


@contextmanager
def _raising_signals() -> Iterator[None]:
    """Ctrl-C, a request to end and a closed terminal raise at once, so that no half output is left behind.

    Ctrl-C has a handler of its own: with Python's, the estimators would take the first one as a wish to stop
    training early and continue with what there is. What it raises may get lost, so the loops ask for it, as they do
    in Python, and so does `atomic_file`.
    """
    errors: dict[int, type[BaseException]] = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: _Terminated}
    if hasattr(signal, "SIGHUP"):  # not on Windows
        errors[signal.SIGHUP] = _HungUp
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupt = InsistentInterrupt(errors)
    before = {number: signal.getsignal(number) for number in errors}
    defaults = (signal.default_int_handler, signal.SIG_DFL)
    mine = [number for number in errors if before[number] in defaults]  # not what is ignored
    try:
        for number in mine:
            signal.signal(number, interrupt)
        yield
    finally:
        for number in mine:
            signal.signal(number, before[number])
