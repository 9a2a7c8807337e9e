"""What a user of the command line sees: errors of one line, progress and messages."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

from ganaug.exceptions import GanaugWarning, InvalidDataError, InvalidParameterError

__all__ = [
    "FileError",
    "UsageError",
    "did_you_mean",
    "one_line",
    "progress",
    "report_rules",
    "short_warnings",
    "system_error",
    "tell",
    "verbosity",
]

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
    from ganaug.callbacks import ProgressBar, wants_progress

    if not wants_progress(verbosity(args)):
        yield lambda n: None
        return
    bar = ProgressBar(title)
    try:
        yield lambda n: bar(cast(Any, SimpleNamespace(step=n, max_steps=total, record={})))
    finally:
        bar.close()
