"""``ganaug resample``: add synthetic rows until the classes have the sizes wanted."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from ganaug.cli import options
from ganaug.cli.console import UsageError, report_rules, tell
from ganaug.cli.outputs import check_output, save_only

HELP = "add synthetic rows to the rare classes of a table, or images to those of a folder"
EXAMPLE = """examples:
  ganaug resample train.csv --target fraud --output balanced.csv
  ganaug resample train.csv --target fraud --output more.parquet --strategy 0.3 --mark-column synthetic
  ganaug resample train.csv --target kind --output more.csv --strategy '{"rare": 500, "rarer": 200}'
  ganaug resample photos/ --output balanced_photos/"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.set_defaults(run=run)
    parser.add_argument("data", metavar="DATA", help="a CSV or Parquet file, or a folder with a folder for each class")
    options.target(parser)
    options.output(parser, "where to write; its suffix says how: .csv, .csv.gz, .tsv, .parquet (or a new folder)")
    parser.add_argument(
        "--strategy",
        type=strategy,
        default="auto",
        metavar="S",
        help="auto (as many rows in every class; the default), minority, not minority, all, a ratio such as 0.5 "
        "(of two classes), or a JSON object of class to wanted total",
    )
    parser.add_argument(
        "--mark-column", metavar="NAME", help="add a column that is 1 in synthetic rows, 0 in real ones"
    )
    parser.add_argument("--shared", action="store_true", help="one GAN for all classes, instead of one for each")
    parser.add_argument("--jobs", "-j", type=int, metavar="N", help="classes trained at the same time; -1: all cores")
    parser.add_argument("--save", metavar="FILE", help="keep the trained GAN for 'ganaug sample', if there is only one")
    options.training(parser)
    options.image_size(parser)
    options.reading(parser)
    options.general(parser)


def strategy(text: str) -> Any:
    """The type of --strategy: a word, a ratio, or a JSON object."""
    if text.lstrip().startswith("{"):
        return options.counts(text)
    try:
        return float(text)
    except ValueError:
        pass
    words = ("auto", "minority", "not minority", "not majority", "all")
    if text not in words:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(words)}, no ratio and no JSON object")
    return text


def run(args: argparse.Namespace) -> None:
    """Read, train, write."""
    if Path(args.data).is_dir():
        from ganaug.cli.image_folders import resample_folder

        resample_folder(args)
        return
    _resample_table(args)


def _resample_table(args: argparse.Namespace) -> None:
    from ganaug.cli import table_files

    if args.target is None:
        raise UsageError("--target is missing: name the column of the labels")
    table_files.check_suffix(args.output)
    check_output(args.output, [args.data], force=args.force)
    if args.save is not None:
        check_output(args.save, [args.data, args.output], force=args.force)
    from ganaug.estimators import TabularGAN

    options.training_parameters(args, TabularGAN)  # what is wrong with them is told before the table is read
    table = table_files.read_table(args.data, args)
    X, y = table_files.split(table, args.target, many_classes=args.many_classes)
    if args.mark_column in table.frame.columns:
        raise UsageError(f"--mark-column {args.mark_column!r}: {args.data} has a column of that name")
    sampler, seed = options.oversampler(args, y, form=table.layout.formats[args.target]), options.choose_seed(args)
    sampler.set_params(random_state=seed)
    X_res, y_res = sampler.fit_resample(X, y)
    new = X_res[sampler.is_synthetic_].assign(**{args.target: y_res[sampler.is_synthetic_]})
    layout = replace(table.layout, target=args.target)
    with table_files.table_writer(args.output, layout, args.mark_column) as writer:
        writer.write_real(table)
        if len(new):
            writer.write(new.reset_index(drop=True))
    report_rules(args, sampler)
    added = {str(label): n for label, n in sampler.sampling_strategy_.items() if n}
    tell(args, f"{args.output}: {len(X_res)} rows, {len(new)} of them synthetic {json.dumps(added)}; seed {seed}")
    if args.save is not None:
        save_only(sampler, args, {"layout": layout.get_state()})
