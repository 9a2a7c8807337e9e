"""The default ``GANOversampler`` beside the strongest ways to treat imbalance that are known, on public tables.

    python examples/benchmarks/strongest.py --write

41 two-class tables, 8 classifiers, 3 folds x 2 repeats. Ways that add or weight rows, and moved thresholds, are judged
with every classifier; forests and ensembles that undersample are judged as themselves. A finished cell is a file of
out/strongest: the cells of all but GANOversampler do not depend on ganaug's code, so that after a change
``--arms GANOversampler`` is all that has to run; ``--write-only`` writes the page from what is finished.
``--originals`` runs samplers of smote_variants beside the short versions of the package, where it is installed.
The cells of all but GANOversampler are kept: ``tar xJf examples/benchmarks/cells/strongest.tar.xz -C out`` spares some
hours of a core.

LightGBM, XGBoost and CatBoost (pip install "ganaug[boosters]") are left out where they are not installed; the stored
cells know the classifiers, so all calls have to be made with the same ones.

Sets: those of compare.py but for two of the widest. A set of more than two classes becomes one of two: the rarest
class of at least 24 rows against all others. More than 1,000 rows are drawn down as in compare.py.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import shlex
import sys
import time

import pandas as pd
from common import OUT, ROOT, machine, versions, write_part
from compare import NAMES, drawn_down, named, rank_table, set_names
from datasets import reader

PAGE, IMAGES = ROOT / "docs" / "strongest.md", ROOT / "docs" / "images"
BEGIN, END = "<!-- strongest: written by examples/benchmarks/strongest.py -->", "<!-- end of strongest -->"
OURS = "GANOversampler"
LEFT_OUT = {"census_income_kdd", "splice"}  # 428 and 248 indicators: a third of the time of all sets
LAST = ["coil_2000", "optical_digits", "ozone_level", "reuters_corn", "us_crime", "yeast_ml8"]
LEAST = 24  # rows of a class that stands against all others
ITSELF = "itself"
# by name, because stored cells know them
METRICS = ["average_precision", "roc_auc", "balanced_accuracy", "f1", "g_mean", "log_loss", "calibration_error"]
TUNED = ["f1_tuned", "balanced_accuracy_tuned", "g_mean_tuned"]
SHOWN = ["roc_auc", "average_precision", "balanced_accuracy", "balanced_accuracy_tuned", "f1_tuned", "log_loss"]
# quality against seconds is drawn of these
FRONTIER = ["roc_auc", "average_precision", "balanced_accuracy", "balanced_accuracy_tuned"]
SECONDS = ["seconds_resample", "seconds_fit"]
# what the default is asked to be ahead by, of every other oversampler
GOALS = {"roc_auc": 0.005, "average_precision": 0.008, "balanced_accuracy_tuned": 0.0, "g_mean_tuned": 0.0}
OVERSAMPLERS = ["SMOTE, raw columns", "SMOTE", "G-SMOTE", "Gaussian SMOTE", "ProWSyn", "polynom-fit mesh"]
DECISIONS = ["balanced_accuracy", "f1", "g_mean"]
MOVED = ["threshold at the share", "tuned threshold"]
# samplers of smote_variants, and the classifiers that judge them
ORIGINALS = {
    "ProWSyn": "ProWSyn",
    "polynom-fit mesh": "polynom_fit_SMOTE_mesh",
    "polynom-fit star": "polynom_fit_SMOTE_star",
    "SMOBD": "SMOBD",
    "CCR": "CCR",
    "Lee": "Lee",
    "SMOTE-IPF": "SMOTE_IPF",
}
QUICK = ["logistic regression", "kNN", "decision tree", "HistGradientBoosting", "LightGBM"]
BESIDE = ["random forest", "HistGradientBoosting"]
FEW = ["none", *MOVED, "class weights", "SMOTE", "Gaussian SMOTE", OURS]  # of the ways, drawn with these two
SHORT = {"random forest": "RF", "HistGradientBoosting": "HGB"}
WHEN = (
    "The way with the largest mean gain over nothing; in brackets what the default `GANOversampler` gains there. Of "
    "the log loss a gain is what it falls by. Gains below 0.0005 count as nothing."
)
AGAINST = (
    "{ours} minus the other way (of log loss and calibration error less is better); in brackets p of "
    "Wilcoxon's test after Holm over the ways."
)
LINE = (
    "Means against seconds of resampling and fitting, of one training set. The line joins the ways than which none is "
    "as good in less time."
)
ENSEMBLES = (
    "Each is a classifier of its own, and is judged as that, beside ways to treat a forest and boosting; means over "
    "sets."
)


# ---- What is compared ---------------------------------------------------------------------------


def sets():
    known = [name for name in set_names() if name not in LEFT_OUT]
    return [name for name in known if name not in LAST] + LAST


def load(name, most):
    """A set of two classes, drawn down to about ``most`` rows."""
    X, y = reader().load_tabular(name)
    sizes = y.value_counts()
    rare = sizes[sizes >= LEAST].index[-1] if len(sizes) > 2 else sizes.index[-1]
    return drawn_down(name, X, (y == rare).astype(int), most)


@functools.cache
def mixed(name):
    return len(load(name, LEAST)[0].select_dtypes(exclude="number").columns) > 0


def classifiers():
    """The five of compare.py and the three boosters, or the five alone."""
    from ganaug.exceptions import MissingDependencyError
    from ganaug.experiments import default_classifiers

    try:
        found = default_classifiers(boosters=True)
        found["CatBoost"].set_params(iterations=100)  # of 1,000, which would take most of the time
    except MissingDependencyError as missing:
        print(f"Without the boosters: {missing}")
        found = default_classifiers()
    return {name: judge for name, judge in found.items() if name != "MLP"}


def arms():
    """Group -> arms, classifiers, metrics."""
    from sklearn.tree import DecisionTreeClassifier
    from strong_arms import Original, RawSMOTE, balanced_forest, easy_ensemble, self_paced, tuned

    from ganaug.experiments import NeighborSampler, Treatment, default_oversamplers

    rows = {
        "none": None,
        "class weights": "class_weight",
        "SMOTE, raw columns": RawSMOTE(),
        "SMOTE": NeighborSampler("smote"),
        "G-SMOTE": NeighborSampler("geometric"),
        "Gaussian SMOTE": NeighborSampler("gaussian"),
        "ProWSyn": NeighborSampler("prowsyn"),
        "polynom-fit mesh": NeighborSampler("mesh"),
        OURS: default_oversamplers()[OURS],
    }
    ensembles = {
        "balanced forest": Treatment(balanced_forest),
        "EasyEnsemble": Treatment(easy_ensemble),
        "SelfPacedEnsemble": Treatment(self_paced),
    }
    originals = {name: Original(known) for name, known in ORIGINALS.items()}
    moved = {"threshold at the share": "prior", "tuned threshold": Treatment(tuned, decides=True)}
    judges = classifiers()
    return {
        "rows": (rows, judges, METRICS + TUNED),
        # moved decisions of "none": at a tuned threshold they are the same
        "thresholds": (moved, judges, METRICS),
        "ensembles": (ensembles, {ITSELF: DecisionTreeClassifier()}, METRICS + TUNED),
        "originals": (originals, {name: judges[name] for name in QUICK if name in judges}, METRICS),
    }


def run(options, finished_only=False):
    """Group -> Comparison. What does not depend on ganaug's code comes first."""
    from ganaug.experiments import Comparison, compare

    found = {}
    groups = arms()
    order = ["rows", "ensembles", "thresholds"]
    passes = [(group, [name for name in groups[group][0] if name != OURS]) for group in order] + [("rows", [OURS])]
    passes = [("originals", list(groups["originals"][0]))] if options.originals else passes
    for group, names in passes:
        ways, judges, metrics = groups[group]
        names = [name for name in names if options.arms is None or name in options.arms]
        if not names:
            continue
        numbers = group == "originals"
        one = compare(
            {
                name: functools.partial(load, name, options.rows)
                for name in options.sets
                if not (numbers and mixed(name))
            },
            {name: ways[name] for name in names},
            judges,
            metrics=metrics,
            n_repeats=options.repeats,
            n_jobs=options.jobs,
            cache=options.cache,
            finished_only=finished_only,
        )
        known = [found[group].results] if group in found else []
        found[group] = Comparison(pd.concat([*known, one.results], ignore_index=True), metrics)
    return found


# ---- The page -----------------------------------------------------------------------------------


def joined(found):
    """What is judged with every classifier, as one Comparison; at a tuned threshold a moved one is as good as none."""
    from ganaug.experiments import Comparison

    rows, moved = found["rows"].results, found["thresholds"].results
    where = ["dataset", "classifier", "train_on", "repeat", "fold"]
    bare = rows.loc[rows["oversampler"] == "none", [*where, *TUNED]]
    moved = moved.merge(bare, on=where, how="left")
    order = ["none", *moved["oversampler"].unique(), *rows["oversampler"].unique()[1:]]
    results = pd.concat([rows, moved], ignore_index=True)
    results["oversampler"] = pd.Categorical(results["oversampler"], order)
    results = results.sort_values(["oversampler"], kind="stable").astype({"oversampler": str})
    return Comparison(results.reset_index(drop=True), METRICS + TUNED)


def finished(found, options):
    """Sets of which every cell of every group is there but for ours, and those of which ours is there too."""
    whole, ours = set(options.sets), set()
    for group, (ways, judges, _) in arms().items():
        if group == "originals":
            continue
        results = found[group].results
        each = len(judges) * 3 * options.repeats
        counts = results.groupby(["dataset", "oversampler"]).size() if len(results) else {}
        missing = {name: [way for way in ways if counts.get((name, way), 0) != each] for name in options.sets}
        whole &= {name for name, ways in missing.items() if not set(ways) - {OURS}}
        ours = {name for name, ways in missing.items() if OURS not in ways} if OURS in ways else ours
    return [name for name in options.sets if name in whole], whole & ours


def reference(found, other):
    """Whose differences to the others are shown: ours, or another where ours is not finished."""
    return OURS if OURS in set(found.results["oversampler"]) else other


def set_table(options, names, found):
    """A line for each set: what its regime depends on."""
    bare = found.values("roc_auc")["none"].groupby("dataset").mean()
    lines = {}
    for name in names:
        X, y = load(name, options.rows)
        rare = int(y.sum())
        kinds = len(X.select_dtypes(exclude="number").columns)
        lines[name] = {"rows": len(X), "columns": X.shape[1], "categories": kinds, "rare": rare}
        lines[name] |= {"ratio": (len(X) - rare) / rare, "AUC of none": bare[name]}
    return pd.DataFrame(lines).T


def regimes(table):
    """Regime -> names of its sets."""
    rare, ratio, auc = table["rare"], table["ratio"], table["AUC of none"]
    parts = {
        "all": table["rows"] > 0,
        "numbers only": table["categories"] == 0,
        "with categories": table["categories"] > 0,
        "fewer than 900 rows": table["rows"] < 900,
        "900 rows and more": table["rows"] >= 900,
        "fewer than 40 rare rows": rare < 40,
        "40 to 99 rare rows": (rare >= 40) & (rare < 100),
        "100 rare rows and more": rare >= 100,
        "ratio below 6": ratio < 6,
        "ratio 6 to 15": (ratio >= 6) & (ratio < 15),
        "ratio 15 and more": ratio >= 15,
        "much overlap (AUC of none below 0.8)": auc < 0.8,
        "some overlap (0.8 to 0.95)": (auc >= 0.8) & (auc < 0.95),
        "hardly any (0.95 and more)": auc >= 0.95,
    }
    return {name: list(table.index[chosen]) for name, chosen in parts.items() if chosen.any()}


def blocks(values, parts):
    """Regime or classifier -> its cells."""
    for name, names in parts.items():
        yield (
            f"{name}, {len(names)} set{'s' * (len(names) != 1)}",
            values[values.index.get_level_values("dataset").isin(names)],
        )
    for judge in values.index.get_level_values("classifier").unique():
        yield judge, values.xs(judge, level="classifier", drop_level=False)


def gains(found, parts, metric):
    """Mean of each arm minus none, a line for each regime and classifier; the best in bold."""
    sign = 1 if higher(metric) else -1
    lines = {}
    for name, cells in blocks(found.values(metric), parts):
        gain = cells.sub(cells["none"], axis=0).mean()
        best = (sign * gain).max()
        lines[name] = {
            arm: f"**{value:+.4f}**" if sign * value == best else f"{value:+.4f}" for arm, value in gain.items()
        }
    return to_table(pd.DataFrame(lines).T.drop(columns="none"))


def higher(metric):
    from ganaug.experiments import METRICS as known

    return known[metric].higher_is_better


def to_table(frame, digits=3, **how):
    from ganaug.experiments import to_markdown

    return to_markdown(named(frame), digits, **how)


def against_all(found, unit):
    """Ours minus each arm, with p after Holm over the arms."""
    lines = {}
    for metric in found.metrics:
        table = found.wilcoxon(metric, reference(found, "none"), unit)
        lines[metric] = {
            arm: "the same" if line["ties"] == line["n"] else f"{-line['difference']:+.4f} ({line['p_holm']:.1g})"
            for arm, line in table.iterrows()
        }
    return to_table(pd.DataFrame(lines))


def in_short(found, parts):
    """Goals of the default, and where it is in the last third."""
    lines = []
    rows = [name for name in found.results["oversampler"].unique() if name in OVERSAMPLERS]
    for metric, goal in GOALS.items():
        table = found.wilcoxon(metric, OURS).loc[rows]
        gain = -table["difference"]
        least = gain.idxmin()
        sure = bool(((gain > 0) & (table["p_holm"] < 0.01)).all())
        reached = gain[least] >= goal and (sure or metric.endswith("_tuned"))
        text = f"{NAMES[metric]}: {gain[least]:+.4f} over the best other oversampler, {least} (p "
        text += f"{table['p_holm'][least]:.1g}); asked for: {goal:+.3f} over each"
        lines.append(f"- {'reached' if reached else '**not reached**'}: {text}")
    for metric in SHOWN:
        values = found.values(metric)
        last = []
        for name, cells in blocks(values, parts):
            ways = [arm for arm in values if metric in DECISIONS or arm not in MOVED]
            ranks = cells[ways].rank(axis=1, ascending=not higher(metric)).mean()
            if ranks.rank()[OURS] > len(ranks) * 2 / 3:
                last.append(name)
        lines.append(f"- in the last third of the ways by mean rank, {NAMES[metric]}: {'; '.join(last) or 'nowhere'}")
    return "\n".join(lines)


def when_to_use_what(found, parts):
    """The best way in each regime, by metric."""
    lines = {}
    for metric in SHOWN:
        for name, cells in blocks(found.values(metric), parts):
            gain = cells.sub(cells["none"], axis=0).mean() * (1 if higher(metric) else -1)
            best = gain.idxmax()
            text = f"{best} {gain[best]:+.3f}" if gain[best] > 0.0005 else "none"
            if best != OURS and OURS in gain:
                text += f" (GAN {gain[OURS]:+.3f})"
            lines.setdefault(name, {})[metric] = text
    return to_table(pd.DataFrame(lines).T)


def themselves(found, alone):
    """Ensembles as they are beside ways to treat a forest and boosting: means over sets, and tests against ours."""
    from ganaug.experiments import Comparison

    ours = reference(found, "threshold at the share")
    ways = dict.fromkeys(["none", "threshold at the share", "class weights", ours])
    pairs = [(way, judge) for judge in BESIDE for way in ways]
    parts = []
    for way, judge in pairs:
        part = found.select(oversampler=way, classifier=judge).results
        parts.append(part.assign(oversampler=f"{way}, {judge}", classifier=ITSELF))
    both = Comparison(pd.concat([alone.results, *parts], ignore_index=True), found.metrics)
    summary = both.summary()
    means = pd.DataFrame({metric: summary[metric, "mean"] for metric in both.metrics})
    means["seconds"] = summary["seconds"].sum(axis=1)
    text = [to_table(means.rename(columns=NAMES))]
    ensembles = list(alone.results["oversampler"].unique())
    for judge in BESIDE:
        part = both.select(oversampler=[*ensembles, f"{ours}, {judge}"])
        lines = {
            metric: {
                arm: f"{-line['difference']:+.4f} ({line['p_holm']:.1g})"
                for arm, line in part.wilcoxon(metric, f"{ours}, {judge}", "dataset").iterrows()
            }
            for metric in SHOWN
        }
        text.append(
            f"{ours} with {judge} minus the ensemble, over sets (p after Holm):\n\n{to_table(pd.DataFrame(lines))}"
        )
    return "\n\n".join(text)


def against_seconds(every, alone):
    """Quality against seconds: ways under all classifiers, and under forest and boosting beside ensembles."""
    from ganaug.experiments.comparison import score_against_cost

    IMAGES.mkdir(parents=True, exist_ok=True)
    spent = every.results.assign(seconds=every.results[SECONDS].sum(axis=1))
    names, means, seconds = [], {}, {}
    few = spent[spent["classifier"].isin(BESIDE) & spent["oversampler"].isin(FEW)]
    for (way, judge), part in few.groupby(["oversampler", "classifier"]):
        names.append(f"{way}, {SHORT[judge]}")
        means[names[-1]], seconds[names[-1]] = part[METRICS + TUNED].mean(), part["seconds"].mean()
    for way, part in alone.results.groupby("oversampler"):
        means[way], seconds[way] = part[METRICS + TUNED].mean(), part[SECONDS].sum(axis=1).mean()
    beside = pd.DataFrame(means).T
    shown = []
    for metric in FRONTIER:
        # a moved threshold ranks as none does, and at a tuned one decides as none does
        ways = [way for way in every.results["oversampler"].unique() if metric in DECISIONS or way not in MOVED]
        own = [name for name in beside.index if metric in DECISIONS or not name.startswith(tuple(MOVED))]
        cells = every.values(metric)[ways].mean()
        pictures = {
            "all classifiers": (cells, spent.groupby("oversampler")["seconds"].mean()),
            "forest (RF) and boosting (HGB)": (beside.loc[own, metric], pd.Series(seconds)),
        }
        for number, (title, (scores, cost)) in enumerate(pictures.items()):
            ax = score_against_cost(scores, cost, metric)
            ax.set_title(f"{NAMES[metric]}, {title}", fontsize=10)
            file = f"strongest_frontier_{metric}_{number}.png"
            ax.figure.savefig(IMAGES / file, dpi=100)
            shown.append(f"![{ax.get_title()}](images/{file})")
    return "\n\n".join(shown)


def beside_originals(found, theirs):
    """Samplers of smote_variants beside ours and the short versions, on the cells that all have."""
    from ganaug.experiments import Comparison

    ours = reference(found, "SMOTE")
    own = list(dict.fromkeys(["none", "SMOTE", *[name for name in ORIGINALS if name in OVERSAMPLERS], ours]))
    renamed = theirs.results.assign(oversampler=[f"{name} of smote_variants" for name in theirs.results["oversampler"]])
    sets, judges = (theirs.results[name].unique() for name in ("dataset", "classifier"))
    part = found.select(oversampler=own, dataset=sets, classifier=judges).results
    part = part[part["repeat"].isin(theirs.results["repeat"].unique())]
    both = Comparison(pd.concat([part, renamed], ignore_index=True), METRICS[:5])
    lines = {metric: both.wilcoxon(metric, ours) for metric in both.metrics}
    lines = {
        metric: {arm: f"{-line['difference']:+.4f} ({line['p_holm']:.1g})" for arm, line in table.iterrows()}
        for metric, table in lines.items()
    }
    agree = {}
    for name in [name for name in ORIGINALS if name in own]:
        row = {metric: both.wilcoxon(metric, f"{name} of smote_variants").loc[name] for metric in both.metrics}
        agree[name] = {metric: f"{line['difference']:+.4f} ({line['p']:.1g})" for metric, line in row.items()}
    return "\n\n".join(
        [
            f"On the {len(sets)} tables without categories, with {len(judges)} classifiers ({', '.join(judges)}) and "
            f"{theirs.results['repeat'].nunique()} repeat(s) of the folds, samplers of smote_variants 1.0.1 on "
            f"standardised columns. {ours} minus the other way (p after Holm):",
            to_table(pd.DataFrame(lines)),
            "The short versions of the package minus their originals (p as it is). They are not quite the same: ours "
            "also round whole numbers, which the originals, as they are run here, do not; what else differs was not "
            "sought.",
            to_table(pd.DataFrame(agree).T),
        ]
    )


def section(found, options, command):
    names, with_ours = finished(found, options)
    left_out = [name for name in options.sets if name not in names]
    alone = found["ensembles"].select(dataset=names)
    every = joined({group: found[group].select(dataset=names) for group in ("rows", "thresholds")})
    if len(with_ours) < len(names):
        results = every.results
        every.results = results[results["oversampler"] != OURS]
    ours = reference(every, "none")
    table = set_table(options, names, every)
    parts = regimes(table)
    judges = every.results["classifier"].unique()
    failures = pd.concat([every.failures, alone.failures]).groupby(["oversampler", "dataset"])
    failures = failures.agg(rows=("error", "size"), first=("error", "first"))
    failures["first"] = failures["first"].str.replace("\n", " ").str[:120]
    text = [
        f"{len(names)} tables, at most {options.rows} rows of each, {len(judges)} classifiers ({', '.join(judges)}), 3 "
        f"folds x {options.repeats} repeat{'s' * (options.repeats > 1)}. A cell is the mean over the folds of one set "
        "and classifier.",
        f"```bash\n{command}\n```",
        f"{datetime.date.today().isoformat()}, {options.jobs or 1} cells at a time on: {machine()}.\n"
        + versions("ganaug", "torch", "scikit-learn", "imbalanced-learn", "lightgbm", "xgboost", "catboost", "pandas")
        + ".",
    ]
    text.append("Seconds are by the clock, on a machine that had other work too: good for orders of magnitude.")
    if left_out:
        text.append(f"Not finished, and not in the figures: {', '.join(left_out)}.")
    if ours == OURS:
        text += ["## In short", in_short(every, parts)]
    else:
        text.append(f"{OURS} is finished on {len(with_ours)} of these, and is not in the figures.")
    text += ["## When to use what", WHEN, when_to_use_what(every, parts)]
    text += ["## Ranks and means", rank_table(every)]
    text += [f"## {ours[0].upper()}{ours[1:]} against every way", AGAINST.format(ours=ours), against_all(every, "cell")]
    text += ["The same over sets:", against_all(every, "dataset")]
    text += ["## Quality against seconds", LINE, against_seconds(every, alone)]
    text += ["## Ensembles that undersample", ENSEMBLES, themselves(every, alone), "## Gains over nothing, by regime"]
    for metric in SHOWN:
        text.append(f"### {NAMES[metric][0].upper()}{NAMES[metric][1:]}\n\n{gains(every, parts, metric)}")
    apart = next((names for name, names in parts.items() if name.startswith("hardly any")), [])
    if apart:
        few = gains(every.select(dataset=apart), {}, "average_precision")
        text.append(f"### Average precision where the classes hardly overlap, by classifier\n\n{few}")
    theirs = found["originals"].results if "originals" in found else pd.DataFrame()
    if len(theirs) and theirs["dataset"].isin(names).any():
        counts = theirs.groupby("oversampler").size()  # samplers that are not finished are left out
        theirs = found["originals"].select(dataset=names, oversampler=list(counts.index[counts == counts.max()]))
        text += ["## Beside smote_variants", beside_originals(every, theirs)]
    text += ["## Failures", to_table(failures) if len(failures) else "None."]
    kinds = table.astype(dict.fromkeys(table.columns[:4], int)).astype({"ratio": float, "AUC of none": float})
    text += ["## Sets", to_table(kinds, 2)]
    return "\n\n".join(text)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", metavar="NAME", help="only these (default: 41 tabular sets)")
    parser.add_argument("--arms", nargs="+", metavar="NAME", help="run only these, and write no page")
    parser.add_argument("--originals", action="store_true", help="run only the samplers of smote_variants")
    parser.add_argument("--repeats", type=int, default=2, help="of the 3 folds (default: 2)")
    parser.add_argument("--rows", type=int, default=1_000, help="most rows of a set (default: 1000)")
    parser.add_argument("--jobs", type=int, default=None, help="cells at a time (default: 1)")
    parser.add_argument(
        "--cache", default=OUT / "strongest", help="folder of the finished cells (default: out/strongest)"
    )
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    parser.add_argument("--write-only", action="store_true", help="the same, from what is finished; compute nothing")
    options = parser.parse_args(arguments)
    known = sets()
    unknown = set(options.sets or []) - set(known)
    if unknown:
        parser.error(f"unknown sets {sorted(unknown)}; those known are {', '.join(known)}")
    options.sets = options.sets or known
    started = time.perf_counter()
    found = run(options, finished_only=options.write_only)
    print(f"{found}, {(time.perf_counter() - started) / 60:.0f} minutes")
    if options.originals or options.arms is not None or not finished(found, options)[0]:
        return 0
    options.originals, options.arms = True, None
    found |= run(options, finished_only=True)
    asked = [word.replace("--write-only", "--write") for word in arguments or sys.argv[1:]]
    text = section(found, options, shlex.join(["python", "examples/benchmarks/strongest.py", *asked]))
    print(text)
    if options.write or options.write_only:
        write_part(PAGE, BEGIN, END, text)
        print(f"Wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
