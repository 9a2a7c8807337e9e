"""What treatments of imbalance gained on public data sets: the priors of `AugmentedClassifier`.

    python examples/benchmarks/prior_gains.py --write

For each two-class set of ../shared/data of the half "choose" (`treatment_answers.py`), and each kind of classifier,
every treatment is judged twice: on the inner folds, as `AugmentedClassifier` does it, and, trained on all rows, on a
test set. A gain is the mean of the two, and counts in parts of what the bare classifier leaves to gain (1 minus its
score, at least 0.1; of the log loss, which is of calibrated answers, at least 0.02). The mean m over sets is drawn
towards 0 by m^2 / (m^2 + e^2), where e is its standard error over sets. The spread is half of the standard deviation
of gains, e included: half, because much of what sets differ in they give to all treatments alike, which does not tell
treatments apart.

"added by gan" is what a `GANOversampler` added to the gain of the treatment that was chosen, in parts of what the
choice without it leaves to gain, chosen by the priors of all other sets; "added by gan to rows" the same where SMOTE's
rows are judged too. These means are not drawn towards 0, but halfway to those of all kinds of classifiers.

The last table is the rule on these sets, each judged with the priors of the others.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import warnings

import numpy as np
import pandas as pd
from common import ROOT, machine

TABLE = ROOT / "ganaug" / "selection" / "prior_gains.json"
METRICS = ["accuracy", "average_precision", "balanced_accuracy", "f1", "neg_log_loss", "roc_auc"]
LABELS = {"accuracy", "balanced_accuracy", "f1"}
LEAST_SPREAD = 0.02
CELL = ["set", "family", "metric"]


def gains_of(name, answers):
    """Every treatment's scores and gains on a set, by metric and kind of classifier."""
    found = []
    for family, one in answers["fam"].items():
        bases, places = _bases(one["outer"])
        folds = [
            (test, [_mean(own, keys) for keys in places])
            for test, own in zip(answers["parts"], one["inner"], strict=True)
        ]
        tests = [_mean(one["outer"], keys) for keys in places]
        for metric in METRICS:
            rows = _judged(metric, bases, folds, tests, answers["y"], answers["yt"])
            found += [{"set": name, "family": family, "metric": metric, **row} for row in rows]
    return found


def _bases(known):
    """Treatments without thresholds, and of which answers each is the mean."""
    from ganaug.selection.candidates import FEW_SHARES, NONE, UNDERSAMPLED, Blend, ImbalanceTreatment

    cheap = {("bare",): NONE, ("cw",): Blend(0.0, 1.0, "balanced"), ("ubag",): UNDERSAMPLED}
    cheap = {key: blend for key, blend in cheap.items() if key in known}
    found = {(key,): ImbalanceTreatment(blend) for key, blend in cheap.items()}
    found[tuple(cheap)] = ImbalanceTreatment.average([(blend, -1) for blend in cheap.values()], -1)
    for i, sampler in enumerate(("gan", "smote")):
        own = [key for key in known if key[0] == sampler and key[-1] == 1]
        own = [key for key in own if key[1] in FEW_SHARES] if (sampler, FEW_SHARES[0], 1.0) in known else own
        found |= {(key,): ImbalanceTreatment(Blend(key[1]), i) for key in own}
        fits = [*((blend, -1) for blend in cheap.values()), *((Blend(key[1]), i) for key in own)]
        found[(*cheap, *own)] = ImbalanceTreatment.average(fits, i)
    return list(found.values()), list(found)


def _mean(own, keys):
    from ganaug.selection.fold_predictions import ClassifierOutput, average_predictions

    p = [np.column_stack([1 - own[key], own[key]]).astype(float) for key in keys]
    return average_predictions([ClassifierOutput(np.array([0, 1]), None, one, None) for one in p])


def _judged(metric, bases, folds, tests, y, y_test):
    """A row for each treatment: its gain on folds and test, and the error of the former."""
    from ganaug.selection.candidates import TREATMENTS, finishes, scale
    from ganaug.selection.choosing import BlendScorer, evidence, out_of_fold
    from ganaug.selection.fold_predictions import FoldPredictions, ScorerAdapter

    sizes, X, X_test = np.bincount(y), np.zeros((len(y), 1)), np.zeros((len(y_test), 1))
    scorer = ScorerAdapter("scoring", metric, np.array([0, 1]), sizes)
    judge = BlendScorer(scorer, "sigmoid" if metric == "neg_log_loss" else None, None)
    answers = [FoldPredictions(test, said) for test, said in folds]
    moves = TREATMENTS[:2] if metric in LABELS else ()
    judged = [(i, one) for i, base in enumerate(bases) for one in finishes(base, moves, unmoved=True)]
    tested = np.sort(np.concatenate([fold.rows for fold in answers]))
    scores = judge.scores(answers, X, y, 0, None, [(i, one.threshold) for i, one in judged], tested)
    table = evidence([one.blend for _, one in judged], *scores, int(sizes.min()))
    unit, found = scale(metric, table["score"][0]), []
    for (i, one), score, gain, error in zip(judged, table["score"], table["gain"], table["gain_error"], strict=True):
        rows, said = out_of_fold(answers, i)
        calibrator = judge.calibrator(said, X[rows], y[rows], one.threshold)
        reached = scorer(calibrator(tests[i]) if calibrator else tests[i], X_test, y_test)
        found.append(
            {
                "kind": one.kind([True, False]) or "none",
                "words": one.words(["GAN", "SMOTE"]),
                "threshold": one.threshold,
                "score": score,
                "gain": gain,
                "error": error,
                "unit": unit,
                "test": reached,
                "test_gain": reached - found[0]["test"] if found else 0.0,
            }
        )
    return found


def of_sets(gains, sets, shrunken=True):
    """Mean, shrunken or not, spread and number of sets of gains."""
    means = gains.groupby(sets).mean()
    n, mean = len(means), means.mean()
    unsure = means.var(ddof=1) / n if n > 1 else LEAST_SPREAD**2  # the sets might have been others
    total = max(((gains - mean) ** 2).mean(), LEAST_SPREAD**2)
    mean = mean**3 / (mean**2 + unsure) if mean and shrunken else mean
    return [round(float(mean), 4), round(float(np.sqrt(total + unsure)) / 2, 4), n]


def table_of(found):
    """Mean, spread and number of sets by metric, kind of classifier ("other": all of them) and kind of treatment."""
    tables = {}
    found = found[found["kind"] != "none"]
    part = (found["gain"] + found["test_gain"]) / 2 / found["unit"]
    for metric, own in found.groupby("metric"):
        for family in [*sorted(own["family"].unique()), "other"]:
            rows = own if family == "other" else own[own["family"] == family]
            for kind, one in rows.groupby("kind"):
                tables.setdefault(metric, {}).setdefault(family, {})[kind] = of_sets(part[one.index], one["set"])
    return tables


def added(found):
    """What the GAN added to each cell's choice, in parts of what was left, by the priors of other sets."""
    from ganaug.selection.candidates import ADDED, ADDED_TO_ROWS, scale

    rows = []
    for name, own in found.groupby("set"):
        known = table_of(found[found["set"] != name])
        for (_, family, metric), cell in own.groupby(CELL):
            kinds = cell["kind"].str.split(" |\\+", regex=True).str[0]
            for kind, others in {ADDED: cell[kinds != "rows"], ADDED_TO_ROWS: cell}.items():
                rest = others[kinds[others.index] != "gan"]
                with_it, without = (chosen(one, known[metric][family]) for one in (others, rest))
                left = scale(metric, cell["score"].iloc[0] + without["expected"])
                more = with_it["test"] - without["test"]
                rows.append({"set": name, "family": family, "metric": metric, "kind": kind, "added": more / left})
    return pd.DataFrame(rows)


def chosen(cell, known):
    """The treatment of which most is expected: what `AugmentedClassifier` takes when all has been tried."""
    from ganaug.selection.candidates import Belief, with_prior

    metric = cell["metric"].iloc[0]
    # where a tuned threshold is judged, all but the bare classifier is judged with it only
    kept = cell[(cell["threshold"] != "") | (cell["kind"] == "none") | (metric not in LABELS)]
    table = pd.DataFrame({"score": kept["score"], "gain": kept["gain"], "gain_error": kept["error"], "needed": 0.0})
    beliefs = {kind: Belief(*numbers[:2]) for kind, numbers in known.items()}
    table = with_prior(table, kept["kind"].tolist(), beliefs, metric)
    return kept.assign(expected=table["expected"]).loc[table["expected"].idxmax()]


def tried(found):
    """The rule on these sets, each with the priors of the others, beside some fixed treatments."""
    fixed = {
        "bare": "None",
        "threshold at the share": "Threshold at the class's share",
        "tuned threshold": "Tuned threshold",
        "class weights": "Class weights and no synthetic rows",
        "SMOTE": "Full balance by SMOTE",
        "GAN": "Full balance by GAN",
    }
    rows = []
    for name, own in found.groupby("set"):
        known = table_of(found[found["set"] != name])
        for (_, family, metric), cell in own.groupby(CELL):
            test = cell.set_index("words")["test"]
            scores = {arm: test.get(words, test["None"]) for arm, words in fixed.items()}
            scores["chosen"] = chosen(cell, known[metric][family])["test"]
            rows.append({"metric": metric, "set": name, "family": family, **scores})
    table, parts = pd.DataFrame(rows), {}
    for metric, own in table.groupby("metric"):
        scores = own.set_index(["set", "family"]).drop(columns="metric")
        gain = scores["chosen"] - scores["bare"]
        best = scores.drop(columns="chosen").max(axis=1)
        parts[metric] = {
            **scores.rank(axis=1, ascending=False).mean().round(2),
            "gain": gain.mean(),
            "worst set": gain.groupby("set").mean().min(),
            "within 0.01": (scores["chosen"] >= best - 0.01).mean(),
        }
    return pd.DataFrame(parts).T


def main(arguments=None):
    """Run and write."""
    from treatment_answers import CHOOSE, FOLDER, GAN_STEPS, ROWS, answers_of

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", metavar="NAME", default=CHOOSE, help="two-class sets of ../shared/data")
    parser.add_argument("--finished", action="store_true", help="take the sets that are finished, run no other")
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.relative_to(ROOT)}")
    options = parser.parse_args(arguments)
    rows, done = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in options.sets:
            if options.finished and not (FOLDER / f"{name}-0.pkl").exists():
                continue
            rows += gains_of(name, answers_of(name))
            done.append(name)
    found = pd.DataFrame(rows)
    gains, more = table_of(found), added(found)
    for metric, by_family in gains.items():
        for family, kinds in by_family.items():
            for kind, own in more[more["metric"] == metric].groupby("kind"):
                of_family = own[(own["family"] == family) | (family == "other")]
                both = [of_sets(one["added"], one["set"], shrunken=False) for one in (own, of_family)]
                kinds[kind] = [round((both[0][0] + both[1][0]) / 2, 4), *both[1][1:]]
            for kind, (mean, spread, _) in kinds.items():
                print(f"{metric:18} {family:10} {kind:24} {mean:+.4f} {spread:.4f}")
    print(tried(found).round(4).to_string())
    if options.write:
        source = (
            f"examples/benchmarks/prior_gains.py, {datetime.date.today().isoformat()}, {machine()}; at most {ROWS} "
            f"training rows of each of the public sets {', '.join(done)}; GANs of {GAN_STEPS} steps. [mean, spread, "
            "number of sets] of gains in parts of what the bare classifier leaves to gain."
        )
        TABLE.write_text(json.dumps({"source": source, "gains": gains}, indent=1) + "\n", encoding="utf-8")
        print(f"Wrote {TABLE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
