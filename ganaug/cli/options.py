"""Options that several commands share. Nothing here imports what is slow to import."""

from __future__ import annotations

import argparse
import json
import math
import re
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar

from ganaug.cli.console import UsageError, did_you_mean, verbosity
from ganaug.exceptions import InvalidParameterError, InvalidTypeError

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from ganaug.cli.column_formats import ColumnFormat

__all__ = [
    "CONDITIONS",
    "MISSING",
    "Command",
    "Parser",
    "choose_by_name",
    "choose_seed",
    "condition",
    "count",
    "counts",
    "general",
    "image_size",
    "output",
    "oversampler",
    "reading",
    "share",
    "span",
    "split_condition",
    "target",
    "training",
    "training_parameters",
]


Number = TypeVar("Number", int, float)


class Command(NamedTuple):
    """A command as `ganaug.cli.main` offers it."""

    help: str
    example: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]


SEEDS = 2**31
CONDITIONS = "'age>=60', 'sex=F', 'age=60..80', 'city in Rome|Bonn', 'income is missing'"
_SIGN = re.compile(r"\s*(?P<sign><=|>=|!=|==|=|<|>)\s*(?P<value>.*?)\s*$|\s+(?P<word>in|is)\s+(?P<rest>.+?)\s*$", re.S)
MISSING = {"missing": True, "not missing": False}  # what a column "is"
_FACTOR = ("number", "1.5, and no two such as 0.5..2")
_PYTHON_WORDS = {"True": True, "False": False, "None": None}  # beside those of JSON


class Parser(argparse.ArgumentParser):
    """argparse, with errors of one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 2."""
        self.exit(2, f"{self.prog}: {message} ('{self.prog} --help' lists the options)\n")


def count(least: int) -> Callable[[str], int]:
    """The type of an option that is a whole number of at least ``least``."""

    def whole(text: str) -> int:
        try:
            value = int(text.replace("_", ""))
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least {least}")
        return value

    return whole


def share(text: str) -> float:
    """The type of an option that is a finite number of at least 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of at least 0")
    return value


def span(kind: type[Number]) -> Callable[[str], tuple[Number, Number]]:
    """The type of an option that is a number above 0, or two with ``..`` between: the smallest and the largest."""

    def ends(text: str) -> tuple[Number, Number]:
        low, sign, high = text.partition("..")
        try:
            found = kind(low), kind(high if sign else low)
        except ValueError:
            found = kind(0), kind(0)
        if not 0 < found[0] <= found[1] < math.inf:
            what, example = ("whole number", "2, and no two such as 1..3") if kind is int else _FACTOR
            raise argparse.ArgumentTypeError(f"{text!r} is no {what} above 0 such as {example}")
        return found

    return ends


def counts(text: str) -> dict[str, int]:
    """The type of an option that is a JSON object of label to number of rows."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"""{text!r} is no JSON object such as '{{"fraud": 500}}'""") from error
    if not isinstance(found, dict) or not found:
        raise argparse.ArgumentTypeError(f"""{text!r} is no JSON object such as '{{"fraud": 500}}'""")
    for label, n in found.items():
        if not isinstance(n, int) or isinstance(n, bool) or n < 0:
            raise argparse.ArgumentTypeError(f"the count of class {label!r} is {n!r}; give a whole number")
    return found


def condition(text: str) -> str:
    """The type of --where: a text that can be a condition."""
    for place in range(1, len(text)):
        if text[:place].strip(" <>=!") and split_condition(text, place) is not None:
            return text
    raise argparse.ArgumentTypeError(f"{text!r} is no condition such as {CONDITIONS}")


def split_condition(text: str, place: int) -> tuple[str, str] | None:
    """Sign and value of a condition whose column ends at a place."""
    found = _SIGN.match(text, place)
    if found is None:
        return None
    sign, value = found["sign"] or found["word"], found["value"] if found["sign"] else found["rest"]
    fits = bool(value) if sign != "is" else value in MISSING
    return (sign, value) if fits else None


def target(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """The column of the labels."""
    parser.add_argument(
        *("--target", "-t"),
        required=False,
        metavar="COLUMN",
        help="the column of the labels" + ("" if required else " (without it: no classes)"),
    )
    parser.add_argument(
        "--many-classes",
        action="store_true",
        help="go on where COLUMN holds many different numbers: each of them is a class",
    )


def sample_rows(parser: argparse.ArgumentParser) -> None:
    """How many rows of a folder of tables are looked at."""
    parser.add_argument(
        "--sample-rows",
        type=count(1),
        default=100_000,
        metavar="N",
        help="of a folder look at so many rows, drawn at random (default: 100000)",
    )


def reading(parser: argparse.ArgumentParser) -> None:
    """How CSV files are read."""
    group = parser.add_argument_group("reading CSV (found out unless given)")
    group.add_argument("--delimiter", type=_delimiter, metavar="CHAR", help="between fields; 'tab' for a tab")
    group.add_argument("--encoding", metavar="NAME", help="for example utf-8, utf-16, latin-1, cp1252")
    group.add_argument("--decimal", choices=[".", ","], help="before the decimals of a number")


def _delimiter(text: str) -> str:
    found = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}.get(text, text)
    if len(found) != 1 or found in '"\r\n':
        raise argparse.ArgumentTypeError(f"{text!r} is no single character")
    return found


def output(parser: argparse.ArgumentParser, what: str) -> None:
    """Where the result goes."""
    parser.add_argument("--output", "-o", required=True, metavar="FILE", help=what)
    parser.add_argument("--force", "-f", action="store_true", help="replace FILE if it is there already")


def general(parser: argparse.ArgumentParser, seeded: bool = True) -> None:
    """What every command takes."""
    group = parser.add_argument_group("general")
    if seeded:
        group.add_argument(
            *("--seed", "-s"), type=count(0), metavar="N", help="the same seed, the same result; otherwise a new one"
        )
    group.add_argument("--quiet", "-q", action="store_true", help="say nothing but what went wrong")
    group.add_argument("--verbose", "-v", action="store_true", help="say how files were read and what was done")
    group.add_argument("--debug", action="store_true", help="show the whole traceback of an error")


def training(parser: argparse.ArgumentParser) -> None:
    """How the GAN is trained."""
    group = parser.add_argument_group("training")
    group.add_argument("--max-steps", type=count(1), metavar="N", help="steps of training")
    group.add_argument(
        "--max-time",
        metavar="TIME",
        help="end each training after so long, for example 90 (seconds), 90s, 5min or 1.5h",
    )
    group.add_argument("--device", default="auto", metavar="NAME", help="cpu, cuda, cuda:1, mps; fastest by default")
    group.add_argument(
        "--rules",
        choices=["auto", "none"],
        help="whether synthetic rows keep the rules of the table ('ganaug rules' prints them); auto by default",
    )
    group.add_argument(
        "--set",
        dest="settings",
        type=_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other parameter of the GAN, for example objective=hinge or width=64; may be repeated",
    )


def image_size(parser: argparse.ArgumentParser) -> None:
    """What images are resized to."""
    parser.add_argument(
        "--image-size", type=_size, metavar="HxW", help="resize images, for example 64x64; needed if they differ"
    )


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and (width or height).isdecimal() and int(height) and int(width or height)):
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 64x64")
    return int(height), int(width or height)


def _setting(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    name, value = name.strip().replace("-", "_"), value.strip()
    if value in _PYTHON_WORDS:
        return name, _PYTHON_WORDS[value]
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def training_parameters(args: argparse.Namespace, kind: type[BaseEstimator]) -> dict[str, Any]:
    """Constructor parameters of a GAN class, those only that were given.

    Raises
    ------
    Usage
        Naming the option that is wrong.
    """
    known = sorted(set(kind().get_params(deep=False)) - {"callbacks", "random_state", "verbose", "warm_start"})
    found = dict(args.settings)
    for name in found:
        if name not in known:
            raise UsageError(f"--set {name}: {kind.__name__} has no such parameter{did_you_mean(name, known)}")
    given = {"max_steps": args.max_steps, "max_time": args.max_time, "device": args.device}
    parameters = {**{name: value for name, value in given.items() if value is not None and name in known}, **found}
    if args.rules is not None:
        if "rules" not in known:
            raise UsageError(f"--rules is for tables, and this is a {kind.__name__}")
        parameters["rules"] = None if args.rules == "none" else args.rules
    try:
        # as fit does, but before anything is read; a third-party generator may have no such check
        getattr(kind(**parameters), "_check_parameters", dict)()
    except (InvalidParameterError, InvalidTypeError) as error:
        wrong = next((name for name in parameters if str(error).startswith(f"{name}=")), None)
        option = f"--set {wrong}" if wrong in found else f"--{wrong}".replace("_", "-")
        raise UsageError(str(error) if wrong is None else f"{option}: {error}") from error
    return parameters


def choose_seed(args: argparse.Namespace) -> int:
    """The seed given, or a new one, which is then printed; 0 where a later run is to go on from a checkpoint."""
    if args.seed is None and dict(getattr(args, "settings", ())).get("checkpoint") is not None:
        return 0
    return secrets.randbelow(SEEDS) if args.seed is None else int(args.seed)


def choose_by_name(what: str, given: str | None, known: dict[str, Any]) -> dict[str, Any]:
    """The entries of ``known`` named in a comma-separated list; all of them without a list."""
    if given is None:
        return known
    names = [name.strip() for name in given.split(",") if name.strip()]
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise UsageError(f"--{what} {given!r}: unknown {unknown}; choose from {', '.join(known)}")
    return {name: known[name] for name in names}


def oversampler(
    args: argparse.Namespace, y: Any, kind: type[BaseEstimator] | None = None, form: ColumnFormat | None = None
) -> Any:
    """The sampler that the options ask for."""
    import numpy as np

    from ganaug.cli.table_files import label_of
    from ganaug.estimators import TabularGAN
    from ganaug.oversampling import GANOversampler

    kind = kind or TabularGAN
    wanted = args.strategy
    if isinstance(wanted, dict):
        wanted = {label_of(text, np.unique(y), args.target, form): n for text, n in wanted.items()}
    gan = kind(**training_parameters(args, kind), verbose=verbosity(args))
    return GANOversampler(
        sampling_strategy=wanted, generator=gan, scope="shared" if args.shared else "auto", n_jobs=args.jobs
    )
