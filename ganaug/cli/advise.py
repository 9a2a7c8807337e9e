"""``ganaug advise``: which treatment of imbalance helps a classifier on this table, with the evidence."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ganaug.cli import options
from ganaug.cli.console import UsageError, verbosity

HELP = "find out which treatment of imbalance helps a classifier: thresholds, class weights, oversamplers, or none"
EXAMPLE = """examples:
  ganaug advise train.csv --target fraud
  ganaug advise train.csv --target fraud --estimator logistic --scoring balanced_accuracy
  ganaug advise train.csv --target fraud --oversamplers GANOversampler,SMOTE --max-time 5min --json > advice.json"""

ESTIMATORS = ("hgb", "logistic", "forest", "knn")
COLUMNS = ["treatment", "score", "gain", "gain_error", "needed", "expected", "expected_error", "folds"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.set_defaults(run=run)
    parser.add_argument("data", metavar="DATA", help="a CSV or Parquet file")
    options.target(parser)
    parser.add_argument(
        *("--estimator", "-e"),
        choices=ESTIMATORS,
        default="hgb",
        help="the classifier: boosted trees (default), logistic regression, random forest or nearest neighbours",
    )
    parser.add_argument(
        "--scoring",
        default="average_precision",
        metavar="NAME",
        help="what must become better, a scorer of scikit-learn (default average_precision)",
    )
    parser.add_argument("--treatments", metavar="NAMES", help="with commas between; all by default")
    parser.add_argument(
        "--oversamplers", default="GANOversampler", metavar="NAMES", help="with commas between (default GANOversampler)"
    )
    parser.add_argument("--splits", type=options.count(2), default=3, metavar="N", help="folds (default 3)")
    parser.add_argument("--max-time", metavar="TIME", help="judge no longer than this, such as 90s or 5min")
    parser.add_argument("--jobs", "-j", type=int, metavar="N", help="folds at the same time; -1: all cores")
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    options.reading(parser)
    options.general(parser)


def run(args: argparse.Namespace) -> None:
    """Read, judge, print."""
    from ganaug.cli import table_files

    if args.target is None:
        raise UsageError("--target is missing: name the column of the labels")
    table = table_files.read_table(args.data, args)
    X, y = table_files.split(table, args.target, many_classes=args.many_classes)
    model = _judged(args, X, y)
    if args.json:
        rows = json.loads(model.evidence_.to_json(orient="records"))
        print(json.dumps({"verdict": model.verdict_, "evidence": rows}, indent=1))
    else:
        shown = model.evidence_[COLUMNS].copy()
        shown.insert(0, "", ["->" if chosen else "" for chosen in model.evidence_["chosen"]])
        print(f"{model.verdict_}\n\n{shown.to_string(index=False, float_format='{:.4f}'.format, na_rep='-')}")


def _judged(args: argparse.Namespace, X: Any, y: Any) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline

    from ganaug.experiments import default_oversamplers
    from ganaug.experiments.classifiers import preprocessing
    from ganaug.selection import AugmentedClassifier

    known = {name: one for name, one in default_oversamplers().items() if hasattr(one, "fit_resample")}
    classifier = {
        "hgb": HistGradientBoostingClassifier,
        "logistic": lambda: LogisticRegression(max_iter=1000),
        "forest": RandomForestClassifier,
        "knn": KNeighborsClassifier,
    }[args.estimator]()
    model = AugmentedClassifier(
        make_pipeline(preprocessing(X), classifier),
        list(options.choose_by_name("oversamplers", args.oversamplers, known).items()),
        scoring=args.scoring,
        cv=args.splits,
        treatments=args.treatments.split(",") if args.treatments else "auto",
        max_time=args.max_time,
        n_jobs=args.jobs,
        random_state=args.seed or 0,
        verbose=verbosity(args),
    )
    return model.fit(X, y)
