"""``ganaug rules``: which rules all rows of a table keep, and how often another table breaks them."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ganaug.cli import options
from ganaug.cli.console import FileError, did_you_mean, tell

HELP = "find the rules that all rows of a table keep, such as 'closed >= opened' or 'gross = net + vat'"
EXAMPLE = """examples:
  ganaug rules train.csv
  ganaug rules train.csv --target fraud --check new.csv
  ganaug rules train.csv --json > rules.json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.set_defaults(run=run)
    parser.add_argument("data", metavar="DATA", help="a CSV or Parquet file")
    options.target(parser, required=False)
    parser.add_argument("--check", metavar="FILE", help="say how often the rows of this file break the rules of DATA")
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    options.reading(parser)
    options.general(parser)


def run(args: argparse.Namespace) -> None:
    """Read, find, print."""
    from ganaug.cli import table_files
    from ganaug.rules import Rewriter, find_rules

    table = table_files.read_table(args.data, args)
    frame = _without(table.frame, args.target, args.data)
    found = find_rules(frame, random_state=args.seed or 0)
    rules = Rewriter().fit(frame, found).rules_
    for what in found.skipped:
        tell(args, f"{args.data}: too much work, and not looked for: {what}")
    rows = [_row(rule) for rule in rules]
    if args.check is not None:
        other = table_files.read_table(args.check, args, table.layout).frame
        for name in frame.columns:
            if name not in other.columns:
                raise FileError(f"no column {name!r}{did_you_mean(name, other.columns)}", args.check)
        broken = rules.check(other[list(frame.columns)])
        for row, n, of in zip(rows, broken["broken"].tolist(), broken["checked"].tolist(), strict=True):
            row |= {"checked": of, "broken": n}
    print(json.dumps(rows, indent=1) if args.json else _lines(rows))


def _without(frame: Any, target: str | None, path: str) -> Any:
    if target is None:
        return frame
    if target not in frame.columns:
        raise FileError(f"no column {target!r}{did_you_mean(target, frame.columns)}", path)
    return frame.drop(columns=target)


def _row(rule: Any) -> dict[str, Any]:
    columns = [str(name) for name in rule.columns]
    counts = {"rows": rule.support, "exceptions": rule.exceptions}
    return {"rule": str(rule), "kind": rule.kind, "columns": columns, **counts, "kept": rule.kept}


def _lines(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "no rules found"
    lines = []
    for row in rows:
        said = f"{row['rows']} rows"
        if row["exceptions"]:
            said += f", {row['exceptions']} of which break it"
        if "broken" in row:
            said += f"; checked: {row['broken']} of {row['checked']} break it"
        lines.append((row["rule"], f"{said}; {row['kept']}"))
    width = min(max(len(rule) for rule, _ in lines), 60)
    return "\n".join(f"{rule:<{width}}  ({said})" for rule, said in lines)
