"""Commands that assess: ``ganaug report``, ``ganaug rules``, ``ganaug compare`` and ``ganaug advise``."""

from __future__ import annotations

import argparse
import json
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganaug.cli import options
from ganaug.cli.console import FileError, UsageError, atomic_file, check_output, did_you_mean, tell, verbosity

if TYPE_CHECKING:
    import pandas as pd

    from ganaug.experiments import Comparison
    from ganaug.rules import Rule
    from ganaug.selection import AugmentedClassifier

# --------------------------------------------------------------------------------------
# ``ganaug report``: whether synthetic rows are good, and whether they copy real ones.


REPORT_HELP = "judge synthetic rows beside the real ones: a page in HTML, or figures in JSON"
REPORT_EXAMPLE = """examples:
  ganaug report train.csv new.csv --target fraud --output report.html
  ganaug report train.csv new.csv --holdout test.csv --target fraud --output report.html
  ganaug report train.csv balanced.csv --mark-column synthetic --target fraud --output report.html
  ganaug report train.csv fraud.safetensors --target fraud --output report.json
  ganaug report train.csv new.csv --target fraud --classifier hgb --output report.html"""

MODELS = (".safetensors", ".ganaug")
_SYNTHETIC = {"1", "true", "yes"}
ESTIMATORS = ("hgb", "logistic", "forest", "knn")


def report_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("data", metavar="REAL", help="a CSV or Parquet file of real rows, or a folder of such files")
    parser.add_argument(
        "samples", metavar="SYNTHETIC", help="a file or folder of synthetic rows, or a model that makes them"
    )
    options.sample_rows(parser)
    options.target(parser)
    options.output(parser, "where to write: .html or .json")
    parser.add_argument(
        "--holdout", metavar="FILE", help="real rows that the generator did not see: what a classifier is tested on"
    )
    parser.add_argument("--title", metavar="TEXT", help="stands on top")
    parser.add_argument(
        "--classifier",
        choices=ESTIMATORS,
        help="judge the treatments of imbalance for this classifier, as ganaug advise does, and show what each gains",
    )
    parser.add_argument("--hide-real", action="store_true", help="show no single real row beside the synthetic ones")
    parser.add_argument("--mark-column", metavar="NAME", help="of SYNTHETIC only the rows in which this column is 1")
    options.reading(parser)
    options.general(parser)


def _refuse_images(path: str, instead: str, *more: str) -> None:
    """Say what is for images, where folders of them are given."""
    from ganaug.encoding.row_sources import is_table_folder

    for one in (path, *more):
        if Path(one).is_dir() and any(Path(one).iterdir()) and not is_table_folder(one):
            raise UsageError(f"{one} is a folder without tables, which this command is for; images go to {instead}")


def report(args: argparse.Namespace) -> None:
    """Read, judge, write."""
    from ganaug.cli import table_files

    _refuse_images(args.data, "quality_report", args.samples)
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
    if args.classifier:
        given["classifier"] = _judged(args, args.classifier, X, y)

    found = import_module("ganaug.report").quality_report(samples, X, y, **given)
    with atomic_file(args.output) as temporary:
        if args.output.lower().endswith(".json"):
            temporary.write_text(json.dumps(found.to_dict(), indent=1, default=_plain) + "\n", encoding="utf-8")
        else:
            found.to_html(temporary)
    tell(args, f"{args.output}: written")


def _samples(args: argparse.Namespace, table: object, columns: list[str]) -> str | tuple[pd.DataFrame, pd.Series[Any]]:
    """A model, or rows and labels with the columns of the real ones."""
    if args.samples.lower().endswith(MODELS):
        return args.samples
    if args.mark_column in [*columns, args.target]:
        raise UsageError(
            f"--mark-column {args.mark_column!r} is a column of {args.data} too; name the one that says which rows of "
            f"{args.samples} are synthetic, or leave it out if all of them are"
        )
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


def _plain(value: object) -> object:
    """What JSON does not know: numpy's numbers and arrays."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


# --------------------------------------------------------------------------------------
# ``ganaug rules``: which rules all rows of a table keep, and how often another table breaks them.


RULES_HELP = "find the rules that all rows of a table keep, such as 'closed >= opened' or 'gross = net + vat'"
RULES_EXAMPLE = """examples:
  ganaug rules train.csv
  ganaug rules train.csv --target fraud --check new.csv
  ganaug rules train.csv --json > rules.json"""


def rules_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("data", metavar="DATA", help="a CSV or Parquet file, or a folder of such files")
    options.target(parser, required=False)
    options.sample_rows(parser)
    parser.add_argument("--check", metavar="FILE", help="say how often the rows of this file break the rules of DATA")
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    options.reading(parser)
    options.general(parser)


def rules(args: argparse.Namespace) -> None:
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


def _without(frame: pd.DataFrame, target: str | None, path: str) -> pd.DataFrame:
    if target is None:
        return frame
    if target not in frame.columns:
        raise FileError(f"no column {target!r}{did_you_mean(target, frame.columns)}", path)
    return frame.drop(columns=target)


def _row(rule: Rule) -> dict[str, Any]:
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


# --------------------------------------------------------------------------------------
# ``ganaug compare``: whether a GAN helps on this table, beside the cheap alternatives.


COMPARE_HELP = "compare oversamplers on a table by what classifiers learn from their rows"
COMPARE_EXAMPLE = """examples:
  ganaug compare train.csv --target fraud --output results.md
  ganaug compare train.csv --target fraud --output results.csv --oversamplers none,SMOTE,GANOversampler \\
      --classifiers 'random forest,logistic regression' --splits 3 --repeats 2 --jobs -1 --cache cells"""


def compare_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
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


def compare(args: argparse.Namespace) -> None:
    """Read, compare, write."""
    from ganaug.cli import table_files

    _refuse_images(args.data, "ganaug.experiments.compare_images")
    if args.target is None:
        raise UsageError("--target is missing: name the column of the labels")
    if not args.output.lower().endswith((".md", ".csv")):
        raise UsageError(f"{args.output}: the suffix says what to write; give .md or .csv")
    check_output(args.output, [args.data], force=args.force)
    if args.cache and not Path(args.cache).is_dir() and Path(args.cache).exists():
        raise FileError("is no folder", args.cache)
    from ganaug.estimators import TabularGAN
    from ganaug.exceptions import DataWarning
    from ganaug.utils.determinism import warn

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
    for text in _warned(found):
        warn(text, DataWarning)
    tell(args, f"{args.output}: {found!r}")


def _compared(args: argparse.Namespace, X: object, y: object) -> Comparison:
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


# The notes of a trial have semicolons between, and within.
_NOTES, _WARNING = re.compile(r"; (?=\w+Warning: )"), re.compile(r"\w+Warning: (.*)", re.DOTALL)


def _warned(found: Comparison) -> list[str]:
    """What ganaug warned of in trials, each once, with the name of the oversampler."""
    notes = found.results[["oversampler", "note"]].drop_duplicates()
    told = [(name, part) for name, note in notes.itertuples(index=False) for part in _NOTES.split(note)]
    return list(dict.fromkeys(f"{name}: {said[1]}" for name, part in told if (said := _WARNING.match(part))))


def _summary(found: Comparison) -> str:
    from ganaug.experiments import to_markdown

    parts = [f"# {found.results['dataset'].iloc[0]}", "", to_markdown(found.summary()), ""]
    parts += ["Means over folds and classifiers, and mean ranks (1 is best). Test folds keep the real rows and ratio."]
    failed = found.failures
    if len(failed):
        parts += ["", f"{len(failed)} of {len(found.results)} failed, the first with: {failed['error'].iloc[0]}"]
    if told := _warned(found):
        parts += ["", "What was warned of:", "", *(f"- {text}" for text in told)]
    return "\n".join(parts) + "\n"


# --------------------------------------------------------------------------------------
# ``ganaug advise``: which treatment of imbalance helps a classifier on this table, with the evidence.


ADVISE_HELP = (
    "find out which treatment of imbalance helps a classifier: thresholds, class weights, oversamplers, or none"
)
ADVISE_EXAMPLE = """examples:
  ganaug advise train.csv --target fraud
  ganaug advise train.csv --target fraud --estimator logistic --scoring balanced_accuracy
  ganaug advise train.csv --target fraud --oversamplers GANOversampler,SMOTE --max-time 5min --json > advice.json"""

PICTURES = (".png", ".svg", ".pdf")
COLUMNS = ["treatment", "score", "gain", "gain_error", "needed", "expected", "expected_error", "folds"]


def advise_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
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
    parser.add_argument("--plot", metavar="FILE", help="draw what each treatment gains into this .png, .svg or .pdf")
    parser.add_argument("--force", "-f", action="store_true", help="replace FILE if it is there already")
    options.reading(parser)
    options.general(parser)


def advise(args: argparse.Namespace) -> None:
    """Read, judge, print."""
    from ganaug.cli import table_files

    _refuse_images(args.data, "ganaug.experiments.compare_images")
    if args.target is None:
        raise UsageError("--target is missing: name the column of the labels")
    if args.plot:
        if not args.plot.lower().endswith(PICTURES):
            raise UsageError(f"--plot {args.plot}: the suffix says how to draw it; give {', '.join(PICTURES)}")
        check_output(args.plot, [args.data], force=args.force)
        from ganaug.plots import blend_curve
        from ganaug.utils.axes import new_figure

        figure = new_figure(6.0, 4.0)  # what it needs is missed before the classifier is judged, which takes minutes
    table = table_files.read_table(args.data, args)
    X, y = table_files.split(table, args.target, many_classes=args.many_classes)
    model = _judged(
        args,
        args.estimator,
        X,
        y,
        samplers=args.oversamplers,
        scoring=args.scoring,
        cv=args.splits,
        treatments=args.treatments.split(",") if args.treatments else "auto",
        max_time=args.max_time,
        n_jobs=args.jobs,
    )
    if args.json:
        rows = json.loads(model.evidence_.to_json(orient="records"))
        print(json.dumps({"verdict": model.verdict_, "evidence": rows}, indent=1))
    else:
        shown = model.evidence_[COLUMNS].copy()
        shown.insert(0, "", ["->" if chosen else "" for chosen in model.evidence_["chosen"]])
        print(f"{model.verdict_}\n\n{shown.to_string(index=False, float_format='{:.4f}'.format, na_rep='-')}")
    if args.plot:
        blend_curve(model, figure.add_subplot())
        with atomic_file(args.plot) as temporary:
            figure.savefig(temporary, dpi=150)
        tell(args, f"{args.plot}: written")


def _judged(
    args: argparse.Namespace, name: str, X: pd.DataFrame, y: object, samplers: str = "GANOversampler", **parameters: Any
) -> AugmentedClassifier:
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline

    from ganaug.experiments import default_oversamplers
    from ganaug.experiments.treatments import preprocessing
    from ganaug.selection import AugmentedClassifier

    known = {name: one for name, one in default_oversamplers().items() if hasattr(one, "fit_resample")}
    classifier = {
        "hgb": HistGradientBoostingClassifier,
        "logistic": lambda: LogisticRegression(max_iter=1000),
        "forest": RandomForestClassifier,
        "knn": KNeighborsClassifier,
    }[name]()
    model = AugmentedClassifier(
        make_pipeline(preprocessing(X), classifier),
        list(options.choose_by_name("oversamplers", samplers, known).items()),
        **parameters,
        random_state=args.seed or 0,
        verbose=verbosity(args),
    )
    return model.fit(X, y)


COMMANDS = {
    "report": options.Command(REPORT_HELP, REPORT_EXAMPLE, report_options, report),
    "rules": options.Command(RULES_HELP, RULES_EXAMPLE, rules_options, rules),
    "compare": options.Command(COMPARE_HELP, COMPARE_EXAMPLE, compare_options, compare),
    "advise": options.Command(ADVISE_HELP, ADVISE_EXAMPLE, advise_options, advise),
}
