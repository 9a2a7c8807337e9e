"""What is said while a command works: on standard error, a line each, and nothing unless somebody looks."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

from ganaug.exceptions import GanaugWarning

__all__ = ["one_line", "progress", "said_warnings", "tell", "tell_rules", "verbosity"]


def one_line(text: object) -> str:
    """A text of several lines as one."""
    return " ".join(str(text).split())


def tell(args: argparse.Namespace, text: str) -> None:
    """Say what was done, if somebody looks or asked for it."""
    if not args.quiet and (args.verbose or sys.stderr.isatty()):
        print(f"ganaug: {text}", file=sys.stderr)


def tell_rules(args: argparse.Namespace, estimator: Any) -> None:
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
def said_warnings(quiet: bool, everything: bool) -> Iterator[None]:
    """Within the block a warning of ganaug is one line, said once, and those of other libraries are kept back."""
    shown: set[str] = set()

    def show(message: Any, category: type[Warning], *_: Any, **__: Any) -> None:
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
