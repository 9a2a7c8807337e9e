"""``ganaug fit``: train a GAN on a table or a folder of images, and save it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from ganaug.cli import options
from ganaug.cli.console import FileError, UsageError, report_rules, tell, verbosity
from ganaug.cli.outputs import check_output, save_model

HELP = "train a GAN on a table or a folder of images, and save it for 'ganaug sample'"
EXAMPLE = """examples:
  ganaug fit train.csv --target fraud --output fraud.safetensors
  ganaug fit train.csv --target kind --class rare --output rare.safetensors
  ganaug fit photos/ --output photos.safetensors"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.set_defaults(run=run)
    parser.add_argument("data", metavar="DATA", help="a CSV or Parquet file, or a folder with a folder for each class")
    options.target(parser, required=False)
    options.output(parser, "the model file, for example fraud.safetensors: numbers and words, no code, no rows")
    parser.add_argument("--class", dest="focus", metavar="LABEL", help="learn this class against the rest, only")
    options.training(parser)
    options.image_size(parser)
    options.reading(parser)
    options.general(parser)


def run(args: argparse.Namespace) -> None:
    """Read, train, save."""
    from ganaug.cli import table_files

    is_folder = Path(args.data).is_dir()
    if args.output.lower().endswith((*table_files.TEXT, *table_files.PARQUET)):
        raise UsageError(f"{args.output}: a model is no table; name it, for example, model.safetensors")
    # a folder of images is not harmed by a model in it
    check_output(args.output, [] if is_folder else [args.data], force=args.force)
    if is_folder:
        from ganaug.cli.image_folders import fit_folder

        fit_folder(args)
        return
    from ganaug.estimators import TabularGAN

    if args.focus is not None and args.target is None:
        raise UsageError("--class needs --target, the column of the labels")
    parameters = options.training_parameters(args, TabularGAN)
    table = table_files.read_table(args.data, args)
    X, y = (table.frame, None)
    if args.target is not None:
        X, y = table_files.split(table, args.target, many_classes=args.many_classes)
    focus = None
    if args.focus is not None and y is not None:
        focus = table_files.label_of(args.focus, y.unique(), args.target, table.layout.formats[args.target])
    seed = options.choose_seed(args)
    gan = TabularGAN(**parameters, random_state=seed, verbose=verbosity(args)).fit(X, y, focus=focus)
    if gan.stop_reason_ == "interrupted":  # a handler of somebody else's was asked
        raise FileError("the training was interrupted", args.data)
    report_rules(args, gan)
    save_model(gan, args.output, {"layout": replace(table.layout, target=args.target).get_state()})
    quality = f"quality {gan.quality_:.3f} (0 is untrained, 1 is as real rows)"
    tell(args, f"{args.output}: {gan.n_steps_} steps, {quality}, ended by {gan.stop_reason_}; seed {seed}")
