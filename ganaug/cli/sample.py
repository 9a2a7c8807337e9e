"""``ganaug sample``: any number of rows from a saved GAN, in constant memory."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from ganaug.cli import options
from ganaug.cli.console import Usage, progress, tell
from ganaug.cli.table_files import check_output

HELP = "draw synthetic rows or images from a saved GAN"
EXAMPLE = """examples:
  ganaug sample fraud.safetensors -n 100000 --output new.parquet
  ganaug sample fraud.safetensors -n 500 --label fraud --output new.csv
  ganaug sample fraud.safetensors -n 100 --where "age>=60" --where "sex=F" --output new.csv
  ganaug sample kinds.safetensors --counts '{"rare": 500, "rarer": 200}' --output new.csv"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.set_defaults(run=run)
    parser.add_argument("model", metavar="MODEL", help="a file that 'ganaug fit', or save() in Python, wrote")
    parser.add_argument("-n", "--rows", type=options.count(0), metavar="N", help="how many")
    parser.add_argument("--label", metavar="LABEL", help="all of this class (otherwise as often as in training)")
    parser.add_argument(
        "--counts", type=options.counts, metavar="JSON", help="a JSON object of class to number of rows"
    )
    parser.add_argument(
        "--where",
        type=options.condition,
        action="append",
        default=[],
        metavar="CONDITION",
        help="only rows that meet it, such as age>=60, sex=F, age=60..80, 'city in Rome|Bonn', 'income is missing'; "
        "may be repeated",
    )
    options.output(parser, "where to write; its suffix says how: .csv, .csv.gz, .tsv, .parquet (images: a new folder)")
    parser.add_argument(
        *("--chunk-size", "--rows-at-once"),
        type=options.count(1),
        default=65536,
        metavar="N",
        help="rows made at a time: what bounds the memory (default 65536)",
    )
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda, cuda:1, mps; fastest by default")
    options.general(parser)


def run(args: argparse.Namespace) -> None:
    """Load, draw, write."""
    if (args.rows is None) == (args.counts is None):
        raise Usage("give either -n N or --counts JSON")
    if args.counts is not None and args.label is not None:
        raise Usage("give either --label or --counts, not both")
    from ganaug.cli import table_files
    from ganaug.cli.conditions import conditions_of
    from ganaug.cli.fit import layout_of, load_model

    as_table = args.output.lower().endswith((*table_files.TEXT, *table_files.PARQUET))
    check_output(args.output, [args.model], force=args.force, folder=not as_table)
    gan, notes = load_model(args.model)
    if args.device:
        gan.set_params(device=args.device)
    n, label, seed = args.rows, None, options.seed_of(args)
    layout = layout_of(notes, args.model)
    form = None if layout is None else layout.formats.get(layout.target or "")
    if args.counts is not None:
        n = {table_files.label_of(text, _labels(gan), None, form): count for text, count in args.counts.items()}
    if args.label is not None:
        label = table_files.label_of(args.label, _labels(gan), None, form)
    total = sum(n.values()) if isinstance(n, dict) else n
    shape = getattr(gan.codec_, "shape", None)  # tables have none
    where = conditions_of(args.where, gan, layout) if args.where else None
    if shape is None:
        table_files.check_suffix(args.output)
        chunks = gan.iter_samples(n, label, chunk_size=args.chunk_size, random_state=seed, where=where)
        _write_table(args, gan, layout, chunks, total)
    else:
        from ganaug.cli.image_folders import sample_folder

        sample_folder(args, gan, notes, n, label, seed, total)
    unchecked = any(counts.get("copies", 0) is None for counts in getattr(gan, "curation_", {}).values())
    copies = ", not compared with the training rows, of which the model file holds no trace" if unchecked else ""
    tell(args, f"{args.output}: {total} synthetic{copies}; seed {seed}")


def _labels(gan: Any) -> Any:
    if gan.classes_ is None:
        raise Usage("the model was trained without classes; leave --label and --counts out")
    return gan.classes_


def _write_table(args: argparse.Namespace, gan: Any, layout: Any, chunks: Iterator[Any], total: int) -> None:
    from ganaug.cli import table_files
    from ganaug.cli.file_layout import Layout

    if layout is None:
        example = _frame(*gan.sample(1, random_state=0))
        layout = Layout.of_frame(example, None if gan.classes_ is None else example.columns[-1])
    done = 0
    with table_files.opened_writer(args.output, layout) as writer, progress(args, "sample", total) as move:
        for X, y in chunks:
            frame = _frame(X, y, layout.target)
            writer.write(frame)
            done += len(frame)
            move(done)


def _frame(X: Any, y: Any, target: str | None = None) -> Any:
    """Rows and labels as one table, whatever container the model was trained on."""
    import numpy as np
    import pandas as pd

    rows = X.toarray() if hasattr(X, "toarray") else X
    frame = rows.copy() if isinstance(rows, pd.DataFrame) else pd.DataFrame(np.asarray(rows))
    frame.columns = pd.Index([f"x{name}" if isinstance(name, int) else str(name) for name in frame.columns])
    if y is not None:
        name = target or str(getattr(y, "name", None) or "y")
        while target is None and name in frame.columns:
            name += "_"
        frame[name] = np.asarray(y) if not isinstance(y, pd.Series) else y.to_numpy()
    return frame
