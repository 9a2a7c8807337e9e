"""Commands that make synthetic rows and images: ``ganaug resample``, ``fit``, ``sample`` and ``paint``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganaug.cli import options
from ganaug.cli.console import (
    FileError,
    UsageError,
    check_output,
    did_you_mean,
    load_model,
    progress,
    report_rules,
    save_model,
    save_only,
    tell,
    verbosity,
)
from ganaug.cli.options import CONDITIONS, MISSING, split_condition

if TYPE_CHECKING:
    from ganaug.cli.column_formats import ColumnFormat
    from ganaug.cli.file_layout import FileLayout
    from ganaug.estimators.gan import BaseGAN

_DATA = "a CSV or Parquet file, a folder of such files, or a folder with a folder of images for each class"

# --------------------------------------------------------------------------------------
# ``ganaug resample``: add synthetic rows until the classes have the sizes wanted.


RESAMPLE_HELP = "add synthetic rows to the rare classes of a table, or images to those of a folder"
RESAMPLE_EXAMPLE = """examples:
  ganaug resample train.csv --target fraud --output balanced.csv
  ganaug resample train.csv --target fraud --output more.parquet --strategy 0.3 --mark-column synthetic
  ganaug resample train.csv --target kind --output more.csv --strategy '{"rare": 500, "rarer": 200}'
  ganaug resample train/ --target fraud --output balanced/ --rows-per-file 1000000
  ganaug resample photos/ --output balanced_photos/"""


def resample_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("data", metavar="DATA", help=_DATA)
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
    parser.add_argument(
        "--rows-per-file",
        type=options.count(1),
        metavar="N",
        help="read DATA batch by batch, which need not fit in memory, and write a new folder of Parquet files of N "
        "rows (1000000 if DATA is a folder of tables)",
    )
    parser.add_argument(
        "--shared", action="store_true", help="one GAN for all classes, also where one class needs rows"
    )
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


def resample(args: argparse.Namespace) -> None:
    """Read, train, write."""
    from ganaug.cli import table_files

    if args.rows_per_file is not None or table_files.is_folder(args.data):
        _resample_folder(args)
        return
    if Path(args.data).is_dir():
        from ganaug.cli.image_folders import resample_folder

        resample_folder(args)
        return
    _resample_table(args)


def _resample_folder(args: argparse.Namespace) -> None:
    """Rows that are read batch by batch, and a folder of Parquet files."""
    from ganaug.cli import table_files

    if args.target is None:
        raise UsageError("--target is missing: name the column of the labels")
    check_output(args.output, [args.data], force=False, folder=True)
    if args.save is not None:
        check_output(args.save, [args.data, args.output], force=args.force)
    seed = options.choose_seed(args)
    options.training_parameters(args, _tabular())  # what is wrong with them is told before the table is read
    selected = table_files.select(args, seed)
    if args.mark_column in [*selected.X.columns, args.target]:
        raise UsageError(f"--mark-column {args.mark_column!r}: {args.data} has a column of that name")
    sampler = options.oversampler(args, selected.y.unique()).set_params(random_state=seed)
    sampler.fit(selected, None)
    written = sampler.write(
        args.data, args.output, rows_per_file=args.rows_per_file or 1_000_000, mark=args.mark_column
    )
    report_rules(args, sampler)
    added = {str(label): n for label, n in sampler.sampling_strategy_.items() if n}
    n_rows, new = int(selected.counts.sum()), sum(added.values())
    tell(args, f"{written}: {n_rows + new} rows, {new} of them synthetic {json.dumps(added)}; seed {seed}")
    if args.save is not None:
        save_only(sampler, args, {"layout": table_files.layout_of(selected).get_state()})


def _tabular() -> type:
    from ganaug.estimators import TabularGAN

    return TabularGAN


def _resample_table(args: argparse.Namespace) -> None:
    from ganaug.cli import table_files

    if args.target is None:
        raise UsageError("--target is missing: name the column of the labels")
    table_files.check_suffix(args.output)
    check_output(args.output, [args.data], force=args.force)
    if args.save is not None:
        check_output(args.save, [args.data, args.output], force=args.force)
    options.training_parameters(args, _tabular())  # what is wrong with them is told before the table is read
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


# --------------------------------------------------------------------------------------
# ``ganaug fit``: train a GAN on a table or a folder of images, and save it.


FIT_HELP = "train a GAN on a table or a folder of images, and save it for 'ganaug sample'"
FIT_EXAMPLE = """examples:
  ganaug fit train.csv --target fraud --output fraud.safetensors
  ganaug fit train.csv --target kind --class rare --output rare.safetensors
  ganaug fit photos/ --output photos.safetensors"""


def fit_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("data", metavar="DATA", help=_DATA)
    options.target(parser, required=False)
    options.output(parser, "the model file, for example fraud.safetensors: numbers and words, no code, no rows")
    parser.add_argument("--class", dest="focus", metavar="LABEL", help="learn this class against the rest, only")
    options.training(parser)
    options.image_size(parser)
    options.reading(parser)
    options.general(parser)


def fit(args: argparse.Namespace) -> None:
    """Read, train, save."""
    from ganaug.cli import table_files

    is_folder = Path(args.data).is_dir()
    if args.output.lower().endswith((*table_files.TEXT, *table_files.PARQUET)):
        raise UsageError(f"{args.output}: a model is no table; name it, for example, model.safetensors")
    # a folder of images is not harmed by a model in it
    check_output(args.output, [] if is_folder else [args.data], force=args.force)
    if is_folder and not table_files.is_folder(args.data):
        from ganaug.cli.image_folders import fit_folder

        fit_folder(args)
        return
    if args.focus is not None and args.target is None:
        raise UsageError("--class needs --target, the column of the labels")
    parameters = options.training_parameters(args, _tabular())
    X, y, layout, seed = _read_table(args) if not is_folder else _read_folder(args)
    focus = None
    if args.focus is not None and args.target is not None:
        labels = y.unique() if y is not None else X.y.unique()
        focus = table_files.label_of(args.focus, labels, args.target, layout.formats[args.target])
    gan = _tabular()(**parameters, random_state=seed, verbose=verbosity(args)).fit(X, y, focus=focus)
    if gan.stop_reason_ == "interrupted":  # a handler of somebody else's was asked
        raise FileError("the training was interrupted", args.data)
    report_rules(args, gan)
    save_model(gan, args.output, {"layout": layout.get_state()})
    quality = f"quality {gan.quality_:.3f} (0 is untrained, 1 is as real rows)"
    tell(args, f"{args.output}: {gan.n_steps_} steps, {quality}, ended by {gan.stop_reason_}; seed {seed}")


def _read_table(args: argparse.Namespace) -> tuple[Any, Any, Any, int]:
    """Rows and labels of a file, how it is written, and a seed."""
    from ganaug.cli import table_files

    table = table_files.read_table(args.data, args)
    X, y = (table.frame, None)
    if args.target is not None:
        X, y = table_files.split(table, args.target, many_classes=args.many_classes)
    return X, y, replace(table.layout, target=args.target), options.choose_seed(args)


def _read_folder(args: argparse.Namespace) -> tuple[Any, Any, Any, int]:
    """The same of a folder: the rows that are learnt from, with their labels."""
    from ganaug.cli import table_files

    seed = options.choose_seed(args)
    selected = table_files.select(args, seed)
    return selected, None, table_files.layout_of(selected), seed


# --------------------------------------------------------------------------------------
# ``ganaug sample``: any number of rows from a saved GAN, in constant memory.


SAMPLE_HELP = "draw synthetic rows or images from a saved GAN"
SAMPLE_EXAMPLE = """examples:
  ganaug sample fraud.safetensors -n 100000 --output new.parquet
  ganaug sample fraud.safetensors -n 500 --label fraud --output new.csv
  ganaug sample fraud.safetensors -n 100 --where "age>=60" --where "sex=F" --output new.csv
  ganaug sample kinds.safetensors --counts '{"rare": 500, "rarer": 200}' --output new.csv"""

_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_BETWEEN = ".."


def sample_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
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


def sample(args: argparse.Namespace) -> None:
    """Load, draw, write."""
    from ganaug.cli import table_files
    from ganaug.cli.file_layout import layout_of

    if (args.rows is None) == (args.counts is None):
        raise UsageError("give either -n N or --counts JSON")
    if args.counts is not None and args.label is not None:
        raise UsageError("give either --label or --counts, not both")
    as_table = args.output.lower().endswith((*table_files.TEXT, *table_files.PARQUET))
    check_output(args.output, [args.model], force=args.force, folder=not as_table)
    gan, notes = load_model(args.model)
    if args.device:
        gan.set_params(device=args.device)
    n, label, seed = args.rows, None, options.choose_seed(args)
    layout = layout_of(notes, args.model)
    form = None if layout is None else layout.formats.get(layout.target or "")
    if args.counts is not None:
        n = {table_files.label_of(text, _labels(gan), None, form): count for text, count in args.counts.items()}
    if args.label is not None:
        label = table_files.label_of(args.label, _labels(gan), None, form)
    total = sum(n.values()) if isinstance(n, dict) else n
    shape = getattr(gan.codec_, "shape", None)  # tables have none
    where = parse_conditions(args.where, gan, layout) if args.where else None
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


def _labels(gan: BaseGAN) -> Any:
    if gan.classes_ is None:
        raise UsageError("the model was trained without classes; leave --label and --counts out")
    return gan.classes_


def _write_table(
    args: argparse.Namespace, gan: BaseGAN, layout: FileLayout | None, chunks: Iterator[Any], total: int
) -> None:
    from ganaug.cli import table_files
    from ganaug.cli.file_layout import FileLayout

    if layout is None:
        example = _frame(*gan.sample(1, random_state=0))
        layout = FileLayout.of_frame(example, None if gan.classes_ is None else example.columns[-1])
    done = 0
    with table_files.table_writer(args.output, layout) as writer, progress(args, "sample", total) as move:
        for X, y in chunks:
            frame = _frame(X, y, layout.target)
            writer.write(frame)
            done += len(frame)
            move(done)


def _frame(X: object, y: object, target: str | None = None) -> Any:
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


# ---- --where: texts such as `age>=60` become what `sample(where=...)` takes ------------------------


def parse_conditions(texts: list[str], gan: BaseGAN, layout: FileLayout | None) -> dict[Any, Any]:
    """What the texts of --where say, for ``sample`` of a model.

    Parameters
    ----------
    texts : list of str
    gan : fitted estimator
    layout : Layout or None
        How the columns are written in files, if the model remembers it.

    Raises
    ------
    Usage
        For a column that is not there, and a value that it cannot have.
    """
    if not hasattr(gan.codec_, "column_summary"):
        raise UsageError("--where is for tables: images and series have no columns")
    places = {summary["name"]: place for place, summary in enumerate(gan.codec_.column_summary())}
    shown = {(f"x{name}" if isinstance(name, int) else str(name)): name for name in places}
    found: dict[Any, Any] = {}
    for text in texts:
        column, sign, value = _split(text, shown, None if layout is None else layout.target)
        name = shown[column]
        possible = gan.codec_.possible_values(places[name])
        read = _reader(possible, None if layout is None else layout.formats.get(column))
        said = _said(text, sign, value, read, single=possible[0].dtype == "float32")
        found[name] = said if name not in found else _both(text, found[name], said)
    return found


def _split(text: str, known: dict[str, Any], target: str | None) -> tuple[str, str, str]:
    """Column, sign and value; a column may have signs in its name."""
    stripped = text.lstrip()
    for name in sorted(known, key=len, reverse=True):
        parts = split_condition(stripped, len(name)) if stripped.startswith(name) else None
        if parts is not None:
            return name, *parts
    first = next(place for place in range(1, len(text)) if text[:place].strip(" <>=!") and split_condition(text, place))
    name = text[:first].strip()
    if name == target:
        raise UsageError(f"--where {text!r}: {name!r} is the column of the labels; use --label or --counts for it")
    raise UsageError(f"--where {text!r}: no column {name!r}{did_you_mean(name, known)}")


def _reader(possible: tuple[Any, bool], form: ColumnFormat | None) -> Callable[[str], Any]:
    """Reads a value as it is written in the file, or as Python shows it."""
    import numpy as np
    import pandas as pd

    values, every = possible
    dtype = getattr(getattr(values.dtype, "categories", values).dtype, "kind", "O")
    levels = {str(level): level for level in values.tolist()} if every else {}

    def read(text: str) -> Any:
        if form is not None and form.kind != "text" and form.fits(text):
            found = form.read([text]).iloc[0]
            return found.item() if isinstance(found, np.generic) else found
        if text in levels:
            return levels[text]
        if dtype == "b" and text.lower() in _TRUTHS:
            return _TRUTHS[text.lower()]
        if dtype in "iufmM":
            make: Any = {"m": pd.Timedelta, "M": pd.Timestamp}.get(dtype, float)
            try:
                return int(text) if dtype in "iu" and text.lstrip("+-").isdecimal() else make(text)
            except (ValueError, TypeError):
                return text
        return text  # the library says what is wrong with it

    return read


def _said(text: str, sign: str, value: str, read: Callable[[str], Any], single: bool) -> Any:
    """The condition that a sign and a value make."""
    if sign == "is":
        return None if MISSING[value] else lambda column: column.notna()
    if sign == "in" and _BETWEEN not in value:
        return [read(one.strip()) for one in value.split("|")]
    if sign in ("=", "==", "in") and _BETWEEN in value:
        low, _, high = (part.strip() for part in value.partition(_BETWEEN))
        if not low and not high:
            raise UsageError(f"--where {text!r}: give at least one end, as in 60..80, 60.. or ..80")
        return (read(low) if low else None, read(high) if high else None)
    other = read(value)
    signs: dict[str, Callable[[], Any]] = {
        ">=": lambda: (other, None),
        "<=": lambda: (None, other),
        ">": lambda: (_next(text, other, 1, single), None),
        "<": lambda: (None, _next(text, other, -1, single)),
        "!=": lambda: lambda column: column.notna() & (column != other),
    }
    return signs.get(sign, lambda: other)()


def _next(text: str, value: object, way: int, single: bool) -> Any:
    """The nearest value that is greater (``way`` 1), or smaller (-1); in single precision if the column is."""
    import numpy as np
    import pandas as pd

    if isinstance(value, int) and not isinstance(value, bool):
        return value + way
    if isinstance(value, float):
        of = np.float32 if single else np.float64
        return np.nextafter(of(value), of(way * np.inf)).item()
    if isinstance(value, (pd.Timestamp, pd.Timedelta)):
        return value + way * pd.Timedelta(1, "us")
    raise UsageError(f"--where {text!r}: < and > need numbers, dates or durations; for other columns use =, != or in")


def _both(text: str, one: object, other: object) -> Any:
    """Two conditions on a column, which must be ends of an interval."""
    if not (isinstance(one, tuple) and isinstance(other, tuple)):
        raise UsageError(
            f"--where {text!r}: the column has another condition already; say both in one, such as {CONDITIONS}"
        )
    ends = [[end for end in pair if end is not None] for pair in zip(one, other, strict=True)]
    return tuple(choose(own) if own else None for choose, own in zip((max, min), ends, strict=True))


# --------------------------------------------------------------------------------------
# ``ganaug paint``: defects of a few images, painted into many that have none.


PAINT_HELP = "paint the defects of a few images into many images that have none, with masks and boxes of the new ones"
PAINT_EXAMPLE = """examples:
  ganaug paint scratched/ intact/ --masks masks/ --output painted/
  ganaug paint scratched/ intact/ --boxes boxes.csv --output painted/ -n 500 --defects 1..3
  ganaug paint scratched/ intact/ --masks masks/ --output painted/ --mode morph --size 0.5..2 --place uniform"""


def paint_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("defective", metavar="DEFECTIVE", help="a folder of images with defects, all of one size")
    parser.add_argument(
        "intact", metavar="INTACT", help="a folder of images without, of any size: what is painted into"
    )
    parser.add_argument(
        "--masks", metavar="FOLDER", help="masks of DEFECTIVE under the same names, black where there is no defect"
    )
    parser.add_argument(
        "--boxes", metavar="FILE", help="instead of masks a CSV file with the columns file,left,top,right,bottom"
    )
    parser.add_argument(
        "--output", "-o", required=True, metavar="FOLDER", help="a new folder: images, masks, boxes.csv"
    )
    parser.add_argument(
        *("-n", "--images"), type=options.count(1), metavar="N", help="how many (default: each image of INTACT once)"
    )
    group = parser.add_argument_group("what is painted")
    group.add_argument(
        "--mode",
        choices=["blend", "morph", "gan", "paste"],
        help="real defects with a blended seam (blend, the default) or as they are (paste), mixtures of two (morph), "
        "or what a GAN learns from such mixtures (gan)",
    )
    group.add_argument(
        "--defects", type=options.span(int), metavar="N", help="in each image: a number, or 1..3 (default: 1)"
    )
    group.add_argument(
        "--size", type=options.span(float), metavar="F", help="factor on the size of a defect (default: 0.8..1.25)"
    )
    group.add_argument(
        "--strength", type=options.span(float), metavar="F", help="factor on what it adds (default: 0.8..1.2)"
    )
    group.add_argument(
        "--place", choices=["seen", "uniform"], help="near the places of real defects (the default), or anywhere"
    )
    group.add_argument(
        "--turn",
        choices=["any", "right", "mirror", "none"],
        help="by any angle and mirrored (the default), by right angles and mirrored, only mirrored, not at all",
    )
    group.add_argument(
        "--min-contrast",
        type=options.share,
        metavar="X",
        help="how well a defect must be seen, as a share of what real ones reach; 0 takes any (default: 0.5)",
    )
    group.add_argument("--max-steps", type=options.count(1), metavar="N", help="steps of training of --mode gan")
    group.add_argument("--device", metavar="NAME", help="of --mode gan: cpu, cuda, cuda:1, mps; fastest by default")
    options.general(parser)


def paint(args: argparse.Namespace) -> None:
    """Read, learn the defects, paint, write."""
    from ganaug.cli.image_folders import paint_folder

    paint_folder(args)


COMMANDS = {
    "resample": options.Command(RESAMPLE_HELP, RESAMPLE_EXAMPLE, resample_options, resample),
    "fit": options.Command(FIT_HELP, FIT_EXAMPLE, fit_options, fit),
    "sample": options.Command(SAMPLE_HELP, SAMPLE_EXAMPLE, sample_options, sample),
    "paint": options.Command(PAINT_HELP, PAINT_EXAMPLE, paint_options, paint),
}
