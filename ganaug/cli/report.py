"""``ganaug report``: whether synthetic rows are good, and whether they copy real ones."""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from typing import Any

from ganaug.cli import options
from ganaug.cli.console import FileError, UsageError, did_you_mean, tell
from ganaug.cli.outputs import atomic_file, check_output

HELP = "judge synthetic rows beside the real ones: a page in HTML, or figures in JSON"
EXAMPLE = """examples:
  ganaug report train.csv new.csv --target fraud --output report.html
  ganaug report train.csv new.csv --holdout test.csv --target fraud --output report.html
  ganaug report train.csv balanced.csv --mark-column synthetic --target fraud --output report.html
  ganaug report train.csv fraud.safetensors --target fraud --output report.json"""

MODELS = (".safetensors", ".ganaug")
_SYNTHETIC = {"1", "true", "yes"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.set_defaults(run=run)
    parser.add_argument("data", metavar="REAL", help="a CSV or Parquet file of real rows")
    parser.add_argument("samples", metavar="SYNTHETIC", help="a file of synthetic rows, or a model that makes them")
    options.target(parser)
    options.output(parser, "where to write: .html or .json")
    parser.add_argument(
        "--holdout", metavar="FILE", help="real rows that the generator did not see: what a classifier is tested on"
    )
    parser.add_argument("--title", metavar="TEXT", help="stands on top")
    parser.add_argument("--hide-real", action="store_true", help="show no single real row beside the synthetic ones")
    parser.add_argument("--mark-column", metavar="NAME", help="of SYNTHETIC only the rows in which this column is 1")
    options.reading(parser)
    options.general(parser)


def run(args: argparse.Namespace) -> None:
    """Read, judge, write."""
    from ganaug.cli import table_files

    if args.target is None:
        raise UsageError("--target is missing: name the column of the labels")
    if not args.output.lower().endswith((".html", ".htm", ".json")):
        raise UsageError(f"{args.output}: the suffix says how to write it; give .html or .json")
    inputs = [args.data, args.samples, *([args.holdout] if args.holdout else [])]
    check_output(args.output, inputs, force=args.force)
    table = table_files.read_table(args.data, args)
    X, y = table_files.split(table, args.target, many_classes=args.many_classes)
    samples = _samples(args, table, list(X.columns))
    asked = {"title": args.title, "random_state": args.seed, "hide_real": args.hide_real or None}
    given = {name: value for name, value in asked.items() if value is not None}
    if args.holdout:
        given["X_holdout"], given["y_holdout"] = _alike(args, args.holdout, table, list(X.columns))

    found = import_module("ganaug.report").quality_report(samples, X, y, **given)
    with atomic_file(args.output) as temporary:
        if args.output.lower().endswith(".json"):
            temporary.write_text(json.dumps(found.to_dict(), indent=1, default=_plain) + "\n", encoding="utf-8")
        else:
            found.to_html(temporary)
    tell(args, f"{args.output}: written")


def _samples(args: argparse.Namespace, table: Any, columns: list[str]) -> Any:
    """A model, or rows and labels with the columns of the real ones."""
    if args.samples.lower().endswith(MODELS):
        return args.samples
    frame, y = _alike(args, args.samples, table, [*columns, *([args.mark_column] if args.mark_column else [])])
    if args.mark_column:
        marks = frame[args.mark_column].astype(str).str.lower().isin(_SYNTHETIC)
        if not marks.any():
            raise FileError("marks no row as synthetic", args.samples, column=args.mark_column)
        frame, y = frame[marks].reset_index(drop=True), y[marks].reset_index(drop=True)
    return frame[columns], y


def _alike(args: argparse.Namespace, path: str, table: Any, columns: list[str]) -> tuple[Any, Any]:
    """Rows and labels of another file, read like the one of real rows: these columns of it."""
    from ganaug.cli import table_files

    other = table_files.read_table(path, args, table.layout)
    for name in (*columns, args.target):
        if name not in other.frame.columns:
            raise FileError(f"no column {name!r}{did_you_mean(name, other.frame.columns)}", path)
    frame, y = table_files.split(other, args.target, n_classes=1, many_classes=True)
    return frame[columns], y


def _plain(value: Any) -> Any:
    """What JSON does not know: numpy's numbers and arrays."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
