"""Judge the default ``GANOversampler`` beside six ways to treat imbalance, on public tables.

    python examples/benchmarks/compare.py --write

43 sets, 5 classifiers, 3 folds x 2 repeats; training on real and new rows, and on new rows alone. A finished cell
(an oversampler on one fold of a set) is a file of out/compare, and a later call goes on from there; cells of
GANOversampler count as long as ganaug's code is the same. ``--write-only`` writes the page from what is finished.
``tar xJf examples/benchmarks/cells/compare.tar.xz -C out`` spares those of all others, which do not depend on it;
compare_default.tar.xz holds those of the default that the page is about; ``--beside FOLDER`` prints how the default
differs from the one whose cells lie in a folder, fold by fold.

Sets: all tabular ones but those that share rows or patients with another one that is here (SHARED below). One of more
than 3,000 rows is drawn down to about as many: each class in proportion, but at least 30 rows of it, or all that it
has. Sets of more than two classes stay so: F1 is then macro, AUC and average precision the mean of one class against
the rest.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import json
import shlex
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from common import OUT, ROOT, load_average, machine, versions
from datasets import reader

PAGE, IMAGES = ROOT / "docs" / "comparison.md", ROOT / "docs" / "images"
OURS = "GANOversampler"
SHARED = {
    "abalone_19": "abalone",
    "ann_thyroid": "thyroid_sick",
    "car_eval_4": "car_eval_34",
    "ecoli_multi": "ecoli",
    "sick_euthyroid": "thyroid_sick",
    "yeast_multi": "yeast_me2",
}
RANKED = ["roc_auc", "average_precision", "balanced_accuracy", "f1", "g_mean"]
AGAINST_SMOTE = ("roc_auc", "average_precision", "balanced_accuracy")
NAMES = {
    "roc_auc": "AUC",
    "average_precision": "average precision",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1",
    "g_mean": "G-mean",
    "log_loss": "log loss",
    "calibration_error": "calibration error",
    "f1_tuned": "F1, tuned threshold",
    "balanced_accuracy_tuned": "balanced accuracy, tuned threshold",
    "g_mean_tuned": "G-mean, tuned threshold",
}


# ---- What is compared ---------------------------------------------------------------------------


def set_names():
    return [name for name in reader().list_sets("tabular") if name not in SHARED]


def load(name, most=3_000, least=30):
    """A set, drawn down to about ``most`` rows."""
    return drawn_down(name, *reader().load_tabular(name), most, least)


def drawn_down(name, X, y, most, least=30):
    """About ``most`` rows: each class in proportion, but at least 30 rows of it, or all that it has."""
    from ganaug.utils.determinism import numpy_generator

    if len(X) > most:
        rng = numpy_generator(0, "subset", name)
        kept = []
        for label in sorted(y.unique()):
            rows = np.flatnonzero(y == label)
            n = min(len(rows), max(least, round(len(rows) * most / len(X))))
            kept.append(rng.choice(rows, n, replace=False))
        rows = np.sort(np.concatenate(kept))
        X, y = X.iloc[rows].reset_index(drop=True), y.iloc[rows].reset_index(drop=True)
    return X, y


def classifiers():
    from ganaug.experiments import default_classifiers

    return {name: judge for name, judge in default_classifiers().items() if name != "MLP"}


def run(options, finished_only=False):
    from ganaug.experiments import METRICS, TREATMENTS, compare, default_oversamplers

    samplers = default_oversamplers()
    known = samplers | {name: name for name in TREATMENTS}
    return compare(
        {name: functools.partial(load, name, options.rows) for name in options.sets},
        {name: known[name] for name in options.oversamplers or samplers},
        classifiers(),
        metrics=[name for name in METRICS if not (options.quick and name.endswith("_tuned"))],
        n_repeats=options.repeats,
        train_on=options.train_on,
        n_jobs=options.jobs,
        cache=options.cache,
        finished_only=finished_only,
    )


def complete(found, options):
    """The part of the sets whose every cell is there, and the names of the others."""
    results = found.results
    wanted = results["oversampler"].nunique() if len(results) else 0
    wanted *= 3 * options.repeats * len(classifiers()) * len(options.train_on)
    counts = results["dataset"].value_counts() if len(results) else pd.Series(dtype=int)
    whole = [name for name in options.sets if counts.get(name, 0) == wanted > 0]
    return found.select(dataset=whole) if whole else None, sorted(set(options.sets) - set(whole))


# ---- The page -----------------------------------------------------------------------------------


def named(frame):
    return frame.rename(columns=NAMES).rename(index=NAMES)


def rank_table(found):
    from ganaug.experiments import to_markdown

    summary = found.summary()
    metrics = [metric for metric in found.metrics if metric in summary]
    ranks = pd.DataFrame({metric: summary[metric, "rank"] for metric in metrics})
    means = pd.DataFrame({metric: summary[metric, "mean"] for metric in metrics})
    means["seconds"] = summary["seconds"].sum(axis=1)
    means["failed"] = summary["failed", "rows"]
    return (
        f"Mean rank (1 is best):\n\n{to_markdown(named(ranks), 2, bold='min')}\n\nMean:\n\n{to_markdown(named(means))}"
    )


def against(found, baseline):
    """A line for each metric: ours minus the baseline."""
    from ganaug.experiments import to_markdown

    lines = {}
    for metric in found.metrics:
        cells = found.wilcoxon(metric, baseline).loc[OURS]
        sets = found.wilcoxon(metric, baseline, unit="dataset").loc[OURS]
        line = {"difference": cells["difference"], "median": cells["median"]}
        line["win/tie/loss"] = "/".join(str(int(cells[name])) for name in ("wins", "ties", "losses"))
        lines[metric] = line | {"over cells p_holm": cells["p_holm"], "over sets p_holm": sets["p_holm"]}
    return to_markdown(named(pd.DataFrame(lines).T.infer_objects()), 4)


def in_short(found):
    """The default beside the best of the others, and beside SMOTE."""
    lines = []

    def say(ahead, text):
        lines.append(f"- {'ahead' if ahead else '**not ahead**'}: {text}")

    summary = found.summary()
    for metric in RANKED:
        ranks = summary[metric, "rank"].sort_values()
        others = ranks.drop([OURS, "none"])
        text = f"{ranks[OURS]:.2f}, and the best other one, {others.index[0]}, {others.iloc[0]:.2f}"
        text += f" (nothing at all: {ranks['none']:.2f})"
        say(ranks[OURS] < others.iloc[0], f"best mean rank on {NAMES[metric]}: {text}")
    for metric in AGAINST_SMOTE:
        line = found.wilcoxon(metric, "SMOTE").loc[OURS]
        text = f"{line['difference']:+.4f} {NAMES[metric]} over SMOTE, p = {line['p_holm']:.2g} after Holm"
        say(line["difference"] > 0 and line["p_holm"] < 0.01, text)
        for judge, value in found.by_classifier(metric, "SMOTE")[OURS].items():
            if value < 0:
                say(False, f"no loss to SMOTE under any classifier: {value:+.4f} {NAMES[metric]} under {judge}")
    return "\n".join(lines)


def by_classifier(found, baseline):
    from ganaug.experiments import to_markdown

    table = pd.DataFrame({metric: found.by_classifier(metric, baseline)[OURS] for metric in RANKED})
    return to_markdown(named(table), 4)


def tests(found):
    lines = []
    for metric in RANKED:
        over = [found.friedman(metric, unit)["p"] for unit in ("cell", "dataset")]
        cd = found.nemenyi(metric, unit="dataset")["critical_difference"]
        text = (
            f"p = {over[0]:.2g} over cells, {over[1]:.2g} over sets; Nemenyi's critical difference over sets {cd:.2f}"
        )
        lines.append(f"- {NAMES[metric]}: {text}")
    return "Friedman's test:\n\n" + "\n".join(lines)


def pictures(found):
    """Draw them into docs/images, and return the Markdown that shows them."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    axes = {}
    for metric in AGAINST_SMOTE:
        axes[f"ranks_{metric}"] = found.plot_critical_difference(metric, unit="dataset")
        axes[f"differences_{metric}"] = found.plot_differences(metric, OURS, baseline="SMOTE")
    axes["cost"] = found.plot_cost("roc_auc")
    shown = []
    for name, ax in axes.items():
        ax.figure.savefig(IMAGES / f"compare_{name}.png", dpi=110)
        shown.append(f"![{ax.get_title() or 'AUC against seconds'}](images/compare_{name}.png)")
    return "\n\n".join(shown)


def set_table(options, names):
    from ganaug.experiments import to_markdown

    lines = {}
    for name in names:
        X, y = load(name, options.rows)
        sizes = y.value_counts()
        kinds = f"{X.shape[1]} ({len(X.select_dtypes('category').columns)})"
        lines[name] = {"rows": len(X), "columns": kinds, "classes": len(sizes), "smallest class": int(sizes.min())}
    return to_markdown(pd.DataFrame(lines).T)


def page(found, left_out, options, command):
    from ganaug.experiments import to_markdown

    names = list(dict.fromkeys(found.results["dataset"]))
    real = found.select(train_on="both") if "both" in options.train_on else found
    failures = found.failures.groupby(["oversampler", "dataset"]).agg(rows=("error", "size"), first=("error", "first"))
    failures["first"] = failures["first"].str.replace("\n", " ").str[:120]
    parts = [
        "# Comparison",
        f"The default `GANOversampler` beside six ways to treat imbalance, on {len(names)} public tables (listed at "
        f"the end), with {found.results['classifier'].nunique()} classifiers, 3 folds x {options.repeats} "
        "repeats. Only training folds are resampled; a cell is the mean over the folds of one set and classifier. How "
        "it is measured stands in [experiments.md](experiments.md); how large sets are drawn down, in the script.\n"
        "The defaults were chosen on most of these sets, on folds of another split ([method.md](method.md)), so a set "
        "that had no part in\nit may gain less.",
        f"```bash\n{command}\n```",
        f"{datetime.date.today().isoformat()}, {options.jobs or 1} cells at a time on: {machine()}.\n"
        f"{versions('ganaug', 'torch', 'scikit-learn', 'imbalanced-learn', 'pandas', 'numpy')}.",
    ]
    if left_out:
        parts.append(f"Not finished, and not in the figures: {', '.join(left_out)}.")
    parts += ["## In short", in_short(real), "## Ranks and means", rank_table(real), tests(real)]
    for baseline in ("SMOTE", "none"):
        parts += [f"## {OURS} minus {baseline}", against(real, baseline), by_classifier(real, baseline)]
    parts += ["## Pictures", pictures(real)]
    if len(options.train_on) > 1:
        alone = found.select(train_on="synthetic")
        parts += [
            "## Trained on synthetic rows alone",
            "Each class that got new rows is represented by those only (by copies of real rows after random "
            "oversampling); nothing and class weights train on the real rows, for comparison.",
            rank_table(alone),
            f"{OURS} minus SMOTE:",
            against(alone, "SMOTE"),
        ]
    parts += ["## Failures", to_markdown(failures) if len(failures) else "None."]
    parts += ["## Sets", "In brackets: categorical columns.", set_table(options, names)]
    return "\n\n".join(parts) + "\n"


def beside(real, folder):
    """The default minus an earlier one, whose finished cells lie in a folder: table of metric x figures."""
    from scipy.stats import wilcoxon

    key, files = ["dataset", "classifier", "repeat", "fold"], sorted(Path(folder).glob(f"*-{OURS}-*.json"))
    rows = pd.DataFrame([row for file in files for row in json.loads(file.read_text(encoding="utf-8"))["rows"]])
    earlier = rows[rows["train_on"] == "both"].set_index(key)[RANKED]
    today = real.results[real.results["oversampler"] == OURS].set_index(key)[RANKED]
    by_set = (today - earlier).dropna().groupby("dataset").mean()
    figures = {
        NAMES[metric]: {
            "sets": len(d),
            "difference": d.mean(),
            "standard error": d.sem(),
            "sets won": int((d > 0).sum()),
            "p (Wilcoxon, sets)": wilcoxon(d).pvalue,
        }
        for metric, d in by_set.items()
    }
    return pd.DataFrame(figures).T


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", metavar="NAME", help="only these (default: 43 tabular sets)")
    parser.add_argument(
        "--oversamplers", nargs="+", metavar="NAME", help="only these (default: all seven); also prior, tuned"
    )
    parser.add_argument("--repeats", type=int, default=2, help="of the 3 folds (default: 2)")
    parser.add_argument("--rows", type=int, default=3_000, help="most rows of a set (default: 3000)")
    parser.add_argument("--jobs", type=int, default=None, help="cells at a time (default: 1)")
    parser.add_argument("--train-on", nargs="+", choices=["both", "synthetic"], default=["both", "synthetic"])
    parser.add_argument("--quick", action="store_true", help="without decisions at tuned thresholds: half the time")
    parser.add_argument("--cache", default=OUT / "compare", help="folder of the finished cells (default: out/compare)")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)} and its pictures")
    parser.add_argument("--write-only", action="store_true", help="the same, from what is finished; compute nothing")
    parser.add_argument("--beside", metavar="FOLDER", help="print the differences to an earlier default's cells")
    options = parser.parse_args(arguments)
    known = set_names()
    unknown = set(options.sets or []) - {*known, *SHARED}
    if unknown:
        parser.error(f"unknown sets {sorted(unknown)}; those known are {', '.join(known)}")
    options.sets = options.sets or known
    if options.oversamplers and (options.write or options.write_only):
        parser.error("the page is about all oversamplers: leave out --oversamplers, or --write")
    if load_average() > 0.5 and not options.write_only:
        print(f"The machine is busy (load {load_average():.1f}): the seconds will be too many.")

    started = time.perf_counter()
    found, left_out = complete(run(options, finished_only=options.write_only), options)
    if found is None:
        print("No set is finished.")
        return 1
    print(f"{found}, {(time.perf_counter() - started) / 60:.0f} minutes")
    for mode in options.train_on:
        summary = found.select(train_on=mode).summary()
        print(f"\ntrain_on={mode}, mean ranks:\n{summary.xs('rank', axis=1, level=1).round(2).to_string()}")
        print(f"means:\n{summary.xs('mean', axis=1, level=1).round(3).to_string()}")
    if options.beside:
        print(f"\n{OURS} minus the one of {options.beside}:")
        print(beside(found.select(train_on="both"), options.beside).round(4).to_string())
    if options.write or options.write_only:
        asked = shlex.join(["python", "examples/benchmarks/compare.py", *(arguments or sys.argv[1:])])
        PAGE.write_text(page(found, left_out, options, asked), encoding="utf-8")
        print(f"Wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
