"""``ganaug compare``: whether a GAN helps on this table, beside the cheap alternatives."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ganaug.cli import options
from ganaug.cli.console import FileError, UsageError, tell, verbosity
from ganaug.cli.outputs import atomic_file, check_output

HELP = "compare oversamplers on a table by what classifiers learn from their rows"
EXAMPLE = """examples:
  ganaug compare train.csv --target fraud --output results.md
  ganaug compare train.csv --target fraud --output results.csv --oversamplers none,SMOTE,GANOversampler \\
      --classifiers 'random forest,logistic regression' --splits 3 --repeats 2 --jobs -1 --cache cells"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.set_defaults(run=run)
    parser.add_argument("data", metavar="DATA", help="a CSV or Parquet file")
    options.target(parser)
    options.output(parser, ".md: a summary; .csv: a row for each oversampler, classifier, repeat and fold")
    parser.add_argument("--oversamplers", metavar="NAMES", help="with commas between; all by default")
    parser.add_argument("--classifiers", metavar="NAMES", help="with commas between; all by default")
    parser.add_argument("--metrics", metavar="NAMES", help="with commas between; all by default")
    parser.add_argument("--splits", type=options.count(2), default=3, metavar="N", help="folds (default 3)")
    parser.add_argument("--repeats", type=options.count(1), default=1, metavar="N", help="splits again (default 1)")
    parser.add_argument("--jobs", "-j", type=int, metavar="N", help="folds at the same time; -1: all cores")
    parser.add_argument("--cache", metavar="FOLDER", help="keep what is finished; a later call goes on from it")
    options.training(parser)
    options.reading(parser)
    options.general(parser)


def run(args: argparse.Namespace) -> None:
    """Read, compare, write."""
    from ganaug.cli import table_files

    if args.target is None:
        raise UsageError("--target is missing: name the column of the labels")
    if not args.output.lower().endswith((".md", ".csv")):
        raise UsageError(f"{args.output}: the suffix says what to write; give .md or .csv")
    check_output(args.output, [args.data], force=args.force)
    if args.cache and not Path(args.cache).is_dir() and Path(args.cache).exists():
        raise FileError("is no folder", args.cache)
    from ganaug.estimators import TabularGAN

    options.training_parameters(args, TabularGAN)  # what is wrong with them is told before the table is read
    table = table_files.read_table(args.data, args)
    X, y = table_files.split(table, args.target, many_classes=args.many_classes)
    found = _compared(args, X, y)
    failed = found.failures
    if len(failed) == len(found.results):
        raise FileError(f"nothing could be compared: {failed['error'].iloc[0]}", args.data)
    with atomic_file(args.output) as temporary:
        if args.output.lower().endswith(".csv"):
            found.results.to_csv(temporary, index=False)
        else:
            temporary.write_text(_summary(found), encoding="utf-8")
    tell(args, f"{args.output}: {found!r}")


def _compared(args: argparse.Namespace, X: Any, y: Any) -> Any:
    from ganaug.estimators import TabularGAN
    from ganaug.experiments import METRICS, compare, default_classifiers, default_oversamplers
    from ganaug.oversampling import GANOversampler

    samplers = options.choose_by_name("oversamplers", args.oversamplers, default_oversamplers())
    judges = options.choose_by_name("classifiers", args.classifiers, default_classifiers())
    metrics = options.choose_by_name("metrics", args.metrics, dict(METRICS))
    own = options.training_parameters(args, TabularGAN)
    if "GANOversampler" in samplers and own != {"device": "auto"}:
        samplers["GANOversampler"] = GANOversampler(generator=TabularGAN(**own, verbose=False))
    return compare(
        {Path(args.data).name: (X, y)},
        samplers,
        judges,
        metrics=list(metrics),
        n_splits=args.splits,
        n_repeats=args.repeats,
        random_state=args.seed or 0,  # always the same, or the cache would be of no use
        n_jobs=args.jobs,
        cache=args.cache,
        verbose=verbosity(args),
    )


def _summary(found: Any) -> str:
    from ganaug.experiments import to_markdown

    parts = [f"# {found.results['dataset'].iloc[0]}", "", to_markdown(found.summary()), ""]
    parts += ["Means over folds and classifiers, and mean ranks (1 is best). Test folds keep the real rows and ratio."]
    failed = found.failures
    if len(failed):
        parts += ["", f"{len(failed)} of {len(found.results)} failed, the first with: {failed['error'].iloc[0]}"]
    return "\n".join(parts) + "\n"
