"""`AugmentedClassifier` beside every fixed treatment of imbalance, on the metric that it is asked to maximise.

    python examples/benchmarks/treatments.py --write

Sets of ../shared/data that its priors (prior_gains.py) do not know, drawn down to about a thousand rows, half to train.
Each classifier is trained bare, at the class's share, with a tuned threshold, with class weights, on SMOTE's rows and
on a GAN's, and as `AugmentedClassifier` with both oversamplers. Rows of an oversampler are made once for each training
part. A finished set is a file of out/treatments, and a later call goes on from there.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import shlex
import sys
import time
import warnings

import numpy as np
import pandas as pd
from common import OUT, ROOT, machine
from prior_gains import Remembered, classifiers
from sklearn.base import clone
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedShuffleSplit

PAGE = ROOT / "docs" / "augmented_classifier.md"
BEGIN, END = "<!-- treatments: written by examples/benchmarks/treatments.py -->", "<!-- end of treatments -->"
SETS = ["ionosphere", "horse_colic", "phoneme", "satimage", "sick_euthyroid", "coil_2000"]
METRICS = ["average_precision", "balanced_accuracy"]
FAMILIES = ["boosting", "linear", "forest"]
OURS = "AugmentedClassifier"
NEAR = 0.01


def one_set(name, rows, n_splits):
    """Every score of a set."""
    from compare import load

    from ganaug import AugmentedClassifier
    from ganaug.experiments import NeighborSampler
    from ganaug.experiments.treatments import at_prior, class_weighted, tuned

    X, y = load(name, rows)
    y, found = np.asarray(y).astype(int), []
    for fold, (train, test) in enumerate(StratifiedShuffleSplit(n_splits, test_size=0.5, random_state=0).split(X, y)):
        X_train, X_test = (X.iloc[part].reset_index(drop=True) for part in (train, test))
        y_train, y_test = y[train], y[test]
        gan, smote = _remembered_gan(), Remembered(NeighborSampler("smote"))
        for family in FAMILIES:
            bare = classifiers(X_train)[family]
            if "random_state" in bare[-1].get_params():
                bare[-1].set_params(random_state=fold)
            arms = {
                "bare": clone(bare).fit(X_train, y_train),
                "threshold at the share": at_prior(clone(bare), X_train, y_train, fold)[0],
                "class weights": class_weighted(clone(bare), X_train, y_train, fold)[0],
                "SMOTE": clone(bare).fit(*smote.fit_resample(X_train, y_train)),
                "GAN": clone(bare).fit(*gan.fit_resample(X_train, y_train)),
            }
            arms["tuned threshold"] = tuned(clone(bare), X_train, y_train, fold)[0]
            trained = Trained()
            for metric in METRICS:
                began = time.perf_counter()
                own = AugmentedClassifier(
                    bare,
                    [("GAN", gan), ("SMOTE", smote)],
                    scoring=metric,
                    treatments="auto",
                    random_state=fold,
                    verbose=False,
                )
                with trained:
                    own.fit(X_train, y_train)
                seconds = time.perf_counter() - began + trained.saved
                chosen = own.evidence_.loc[own.evidence_["chosen"], "treatment"].iloc[0]
                for arm, model in {**arms, OURS: own}.items():
                    score = float(_score(metric, model, X_test, y_test))
                    row = {"set": name, "fold": fold, "classifier": family, "metric": metric, "arm": arm}
                    mine = {"chosen": chosen, "seconds": seconds} if arm == OURS else {}
                    found.append({**row, "score": score, **mine})
    return found


class Trained:
    """Keeps the answers on the inner folds, which are the same whatever metric is asked for, and the time they took."""

    def __init__(self):
        self.known, self.saved, self.original = {}, 0.0, None

    def __enter__(self):
        from ganaug.selection import stages

        self.saved, self.original = 0.0, stages.predict_held_out
        stages.predict_held_out = self.predict_held_out

    def __exit__(self, *_):
        from ganaug.selection import stages

        stages.predict_held_out = self.original

    def predict_held_out(self, estimator, oversampler, blends, X, y, parts, seed, n_jobs, weights, first):
        key = (type(oversampler).__name__, tuple(blends), len(parts), first)
        if key in self.known:
            self.saved += self.known[key][1]
        else:
            began = time.perf_counter()
            found = self.original(estimator, oversampler, blends, X, y, parts, seed, n_jobs, weights, first)
            self.known[key] = found, time.perf_counter() - began
        return self.known[key][0]


def _remembered_gan():
    """A GANOversampler, judged last as any other, whose rows are made once for each training part."""
    from ganaug import GANOversampler

    memory = Remembered(GANOversampler(verbose=False))

    class Gan(GANOversampler):
        def __sklearn_clone__(self):
            return self

        def fit_resample(self, X, y):
            return memory.fit_resample(X, y)

    return Gan(verbose=False)


def _score(metric, model, X, y):
    """A fitted model's score; a model that is no estimator of scikit-learn's is scored by what it says."""
    if metric == "average_precision":
        from sklearn.metrics import average_precision_score

        return average_precision_score(y, model.predict_proba(X)[:, 1])
    return get_scorer(metric)._score_func(y, model.predict(X))


def section(results, options, asked):
    """What was reached, in Markdown."""
    from ganaug.experiments import to_markdown

    parts = []
    for metric in METRICS:
        one = results[results["metric"] == metric]
        cells = one.pivot_table(index=["set", "classifier"], columns="arm", values="score")
        ranks = cells.rank(axis=1, ascending=False).mean()
        losses = cells.sub(cells["bare"], axis=0)
        best = cells.drop(columns=OURS).max(axis=1)
        table = pd.DataFrame(
            {
                "mean": cells.mean(),
                "mean rank": ranks,
                "within 0.01 of the best fixed treatment": (cells.ge(best - NEAR, axis=0)).mean(),
                "worst cell against bare": losses.min(),
                "worst set against bare": losses.groupby("set").mean().min(),
            }
        ).sort_values("mean rank")
        chosen = one.loc[one["arm"] == OURS, "chosen"].value_counts()
        parts.append(
            f"### {metric.replace('_', ' ').capitalize()}\n\n{to_markdown(table, 3)}\n\nWhat it chose: "
            + "; ".join(f"{name} ({n})" for name, n in chosen.items())
        )
    sets = ", ".join(options.sets)
    head = (
        f"## All treatments\n\n`AugmentedClassifier` with a GAN and SMOTE to choose from, beside fixed treatments. "
        f"{len(options.sets)} sets that neither its priors nor its rules have seen ({sets}), at most {options.rows} "
        f"rows of each; boosting, logistic regression and random forest; the mean of {options.splits} random split(s) "
        f"into halves is a cell. Its median time is {results['seconds'].median():.1f} s on a busy machine, with rows "
        f"of the oversamplers kept between calls.\n\n```bash\n{asked}\n```\n\n"
        f"{datetime.date.today().isoformat()}, {machine()}."
    )
    return "\n\n".join([head, *parts])


def main(arguments=None):
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", metavar="NAME", default=SETS, help="two-class sets of ../shared/data")
    parser.add_argument("--rows", type=int, default=900, help="most rows of a set (default: 900)")
    parser.add_argument("--splits", type=int, default=1, help="random splits into halves (default: 1)")
    parser.add_argument("--write", action="store_true", help=f"write its part of {PAGE.relative_to(ROOT)}")
    options = parser.parse_args(arguments)
    from ganaug.utils.files import write_whole

    cache = OUT / "treatments"
    cache.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in options.sets:
        path = cache / f"{name}-{options.rows}-{options.splits}.json"
        if not path.exists():
            began = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = one_set(name, options.rows, options.splits)
            write_whole(path, json.dumps(found).encode())
            print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
        rows += json.loads(path.read_text())
    asked = shlex.join(["python", "examples/benchmarks/treatments.py", *(arguments or sys.argv[1:])])
    text = section(pd.DataFrame(rows), options, asked)
    print(text)
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        written = f"{BEGIN}\n\n{text}\n\n{END}\n"
        known = re.search(f"{re.escape(BEGIN)}.*{re.escape(END)}\n", page, re.DOTALL)
        page = page.replace(known[0], written) if known else f"{page.rstrip()}\n\n{written}"
        PAGE.write_text(page, encoding="utf-8")
        print(f"Wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
