"""What the command line says when something is wrong: one line that names file, line and column."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable

from ganaug.exceptions import InvalidDataError, InvalidParameterError

__all__ = ["Fault", "Usage", "did_you_mean", "system_fault"]

SHOWN = 10


class Fault(InvalidDataError):
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
        super().__init__(f"{os.fspath(path)}: {where}{said}")


class Usage(InvalidParameterError):
    """The command was given options that cannot go together."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """What a wrong name was likely meant to be, else what there is.

    Examples
    --------
    >>> from ganaug.cli.faults import did_you_mean
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


def system_fault(error: OSError, path: str | os.PathLike[str], also: str = "") -> Fault:
    """What the operating system refused."""
    reason = (error.strerror or str(error)).strip()
    return Fault(f"{reason}{also}", path)
