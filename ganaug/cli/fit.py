"""``ganaug fit``: train a generator on a file or a folder, and save it."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from ganaug.cli import options
from ganaug.cli.console import Fault, Usage, tell, tell_rules, verbosity
from ganaug.cli.file_layout import Layout
from ganaug.cli.table_files import check_output, whole_file

__all__ = ["load_model", "save_model"]

# --------------------------------------------------------------------------------------
# What ``resample`` and ``fit`` share: words become parameters, models keep the layout of their table.


_KEY = "command_line"


def save_model(gan: Any, path: str, notes: dict[str, Any]) -> None:
    """Write a model file that also remembers what its data looked like on disk."""
    from ganaug.utils.state import read_state, write_state

    with whole_file(path) as temporary:
        gan.save(temporary)
        state = read_state(temporary)
        write_state(temporary, state.kind, {**state.config, _KEY: notes}, state.arrays)


def load_model(path: str) -> tuple[Any, dict[str, Any]]:
    """A model, and what `save_model` was given to remember; nothing if Python saved it."""
    from ganaug.estimators import load
    from ganaug.utils.state import read_state

    gan = load(path)
    notes = read_state(path).config.get(_KEY)
    return gan, notes if isinstance(notes, dict) else {}


def layout_of(notes: dict[str, Any], path: str) -> Layout | None:
    """The layout of the table that a model was trained on, if it is known."""
    return Layout.from_state(notes["layout"], path) if "layout" in notes else None


def is_folder(path: str) -> bool:
    """Whether the data is a folder of images."""
    return Path(path).is_dir()


# --------------------------------------------------------------------------------------
# ``ganaug fit``: train a GAN and save it.


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
    from ganaug.cli.fit import is_folder, save_model

    if args.output.lower().endswith((*table_files.TEXT, *table_files.PARQUET)):
        raise Usage(f"{args.output}: a model is no table; name it, for example, model.safetensors")
    # a folder of images is not harmed by a model in it
    check_output(args.output, [] if is_folder(args.data) else [args.data], force=args.force)
    if is_folder(args.data):
        from ganaug.cli.image_folders import fit_folder

        fit_folder(args)
        return
    from ganaug.estimators import TabularGAN

    if args.focus is not None and args.target is None:
        raise Usage("--class needs --target, the column of the labels")
    parameters = options.training_parameters(args, TabularGAN)
    table = table_files.read_table(args.data, args)
    X, y = (table.frame, None)
    if args.target is not None:
        X, y = table_files.split(table, args.target, many_classes=args.many_classes)
    focus = None
    if args.focus is not None and y is not None:
        focus = table_files.label_of(args.focus, y.unique(), args.target, table.layout.formats[args.target])
    seed = options.seed_of(args)
    gan = TabularGAN(**parameters, random_state=seed, verbose=verbosity(args)).fit(X, y, focus=focus)
    if gan.stop_reason_ == "interrupted":  # a handler of somebody else's was asked
        raise Fault("the training was interrupted", args.data)
    tell_rules(args, gan)
    save_model(gan, args.output, {"layout": replace(table.layout, target=args.target).get_state()})
    quality = f"quality {gan.quality_:.3f} (0 is untrained, 1 is as real rows)"
    tell(args, f"{args.output}: {gan.n_steps_} steps, {quality}, ended by {gan.stop_reason_}; seed {seed}")
