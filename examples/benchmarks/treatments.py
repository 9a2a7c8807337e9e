"""`AugmentedClassifier` beside every fixed treatment of imbalance, on the metric that it is asked to maximise.

    python examples/benchmarks/treatments.py --write

Sets of ../shared/data of the half "confirm", which neither the priors (prior_gains.py) nor the rules were made on, each
drawn down as in `treatment_answers.py`. Each classifier is trained bare, with class weights, on undersampled draws, on
SMOTE's rows and on a GAN's, where labels are judged also with the threshold at the class's share and with one tuned for
the metric, where probabilities are judged calibrated; and as `AugmentedClassifier` with both oversamplers. Rows of an
oversampler and classifiers are made once for each training part. Each set is split ``--splits`` times, and a cell is
the mean over the splits. A finished split of a set is a file of out/treatments, and a later call continues from there.
LightGBM is among the classifiers where it is installed. ``--time`` times one fit on 1,800 rows instead.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import pickle
import re
import shlex
import sys
import time
import warnings

import numpy as np
import pandas as pd
from common import OUT, ROOT, machine, write_part
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score, log_loss
from sklearn.pipeline import make_pipeline

from ganaug.experiments.treatments import preprocessing

PAGE = ROOT / "docs" / "augmented_classifier.md"
BEGIN, END = "<!-- treatments: written by examples/benchmarks/treatments.py -->", "<!-- end of treatments -->"
METRICS = ["average_precision", "balanced_accuracy", "f1", "neg_log_loss"]
LABELS = {"balanced_accuracy": balanced_accuracy_score, "f1": f1_score}
CACHE = OUT / "treatments"
OURS = "AugmentedClassifier"
NEAR = 0.01


def one_set(name, split=0):
    """Every score of a set."""
    from treatment_answers import GAN_STEPS, Remembered, classifiers, parts_of

    from ganaug import AugmentedClassifier, GANOversampler, TabularGAN
    from ganaug.experiments import NeighborSampler
    from ganaug.selection import Blend

    X, y, X_test, y_test = parts_of(name, split)
    kept = CACHE / f"{name}.{split}.pkl"  # rows and classifiers, so that a change of the rule costs seconds
    memory = pickle.loads(kept.read_bytes()) if kept.exists() else Trained()  # noqa: S301
    sampler = GANOversampler(generator=TabularGAN(max_steps=GAN_STEPS), verbose=False)
    gan, smote = _gan(Remembered(sampler, memory.gan)), Remembered(NeighborSampler("smote"), memory.smote)
    found = []
    fits = {
        "bare": (Blend(0.0), smote),
        "class weights": (Blend(0.0, 1.0, "balanced"), smote),
        "undersampled draws": (Blend(0.0, 1.0, "undersampled"), smote),
        "SMOTE": (Blend(1.0), smote),
        "GAN": (Blend(1.0), gan),
    }
    for family, estimator in {**with_lightgbm(X), **classifiers(X)}.items():
        if family == "neighbors":
            del fits["class weights"]  # the last one
        memory.family = family
        common = {"random_state": split, "verbose": False}
        with memory:
            for metric in METRICS:
                models = {}
                for arm, (blend, sampler) in fits.items():
                    how = {"treatments": None, "scoring": metric, "blend": blend, **common}
                    if metric == "neg_log_loss":
                        models[f"{arm}, calibrated"] = AugmentedClassifier(estimator, sampler, calibrate=True, **how)
                    else:
                        models[arm] = AugmentedClassifier(estimator, sampler, **how)
                    if metric in LABELS and arm != "bare":
                        models[f"{arm}, tuned"] = AugmentedClassifier(estimator, sampler, threshold="tune", **how)
                if metric == "neg_log_loss":
                    models["bare"] = AugmentedClassifier(estimator, smote, blend=0.0, **common)
                if metric in LABELS:
                    how = {"treatments": None, "scoring": metric, "threshold": "tune", "blend": 0.0, **common}
                    models["tuned threshold"] = AugmentedClassifier(estimator, smote, **how)
                    models["threshold at the share"] = AtShare(models["bare"])
                models[OURS] = AugmentedClassifier(
                    estimator,
                    [("GAN", gan), ("SMOTE", smote)],
                    scoring=metric,
                    calibrate=metric == "neg_log_loss",
                    treatments="auto",
                    **common,
                )
                for arm, model in models.items():
                    model.fit(X, y)
                    score = float(_score(metric, model, X_test, y_test))
                    row = {"set": name, "split": split, "classifier": family, "metric": metric, "arm": arm}
                    row["score"] = score
                    if arm == OURS:
                        table = model.evidence_
                        tried = table.loc[table["sampler"] == "GAN", "folds"].max()
                        line = table[table["chosen"]].iloc[0]
                        row |= {"chosen": _short(line["treatment"]), "gan_folds": int(tried)}
                        row |= {"expected": line["expected"], "error": line["expected_error"]}
                    found.append(row)
    kept.write_bytes(pickle.dumps(memory))
    return found


def with_lightgbm(frame):
    """LightGBM behind the same pipeline, where it is installed."""
    try:
        from lightgbm import LGBMClassifier
    except ImportError:
        return {}
    return {"LightGBM": make_pipeline(preprocessing(frame), LGBMClassifier(n_jobs=1, verbose=-1))}


def _short(words):
    """The treatment, without the parts of an average."""
    if not words.startswith("Average"):
        return re.sub(r"^[\d.]+ of full|^Full", "Part or all of full", words)
    kind = "GAN" if "GAN" in words else "SMOTE" if "SMOTE" in words else "cheap classifiers"
    return f"Average with {kind}" + (", tuned threshold" if words.endswith("tuned threshold") else "")


class AtShare:
    """A fitted classifier whose second class is predicted from its share on."""

    def __init__(self, model):
        self.model = model

    def fit(self, X, y):
        self.share = y.mean()
        return self

    def predict(self, X):
        return (self.model.predict_proba(X)[:, 1] >= self.share).astype(int)


class Trained:
    """Keeps the answers on the inner folds and the classifiers trained on all rows, which no metric changes."""

    def __init__(self):
        self.family, self.known, self.original = "", {}, ()
        self.gan, self.smote = {}, {}

    def __enter__(self):
        from ganaug.selection import classifier, stages

        self.original = stages.predict_held_out, classifier.fit_clone
        stages.predict_held_out, classifier.fit_clone = self.predict_held_out, self.fit_clone

    def __exit__(self, *_):
        from ganaug.selection import classifier, stages

        stages.predict_held_out, classifier.fit_clone = self.original
        self.original = ()

    def predict_held_out(self, estimator, oversampler, blends, X, y, parts, seed, n_jobs, weights, first):
        from ganaug.selection.fold_predictions import FoldPredictions

        found = []
        for i, part in enumerate(parts, first):
            keys = {
                blend: (self.family, type(oversampler).__name__ if blend.share else "", blend, i) for blend in blends
            }
            new = [blend for blend, key in keys.items() if key not in self.known]
            if new:
                common = (estimator, oversampler, new, X, y, [part], seed, n_jobs, weights, i)
                (fold,) = self.original[0](*common)
                assert not fold.failed, fold.failed
                self.known.update({keys[blend]: said for blend, said in zip(new, fold.answers, strict=True)})
            found.append(FoldPredictions(part[1], [self.known[keys[blend]] for blend in blends]))
        return found

    def fit_clone(self, estimator, pool, blend, seed):
        key = (self.family, blend, len(pool.y), float(np.asarray(pool.turn).sum()), _digest(pool))
        if key not in self.known:
            self.known[key] = self.original[1](estimator, pool, blend, seed)
        return self.known[key]


def _digest(pool):
    """Tells the rows of two oversamplers apart."""
    return int(pd.util.hash_pandas_object(pool.X, index=False).sum())


def _gan(memory):
    """A GANOversampler, judged last as any other, whose rows are made once for each training part."""
    from ganaug import GANOversampler

    class Gan(GANOversampler):
        def __sklearn_clone__(self):
            return self

        def fit_resample(self, X, y):
            return memory.fit_resample(X, y)

    return Gan(verbose=False)


def _score(metric, model, X, y):
    if metric in LABELS:
        return LABELS[metric](y, model.predict(X))
    p = model.predict_proba(X)[:, 1]
    return average_precision_score(y, p) if metric == "average_precision" else -log_loss(y, p)


def section(results, asked):
    """What was reached, in Markdown."""
    from treatment_answers import GAN_STEPS, ROWS

    from ganaug.experiments import to_markdown

    parts, met, taken = [], [], []
    for metric in METRICS:
        one = results[results["metric"] == metric]
        cells = one.pivot_table(index=["set", "classifier"], columns="arm", values="score")
        # who takes no class weights is trained without
        for arm in cells.columns[cells.isna().any()]:
            bare = "bare" + "".join(f", {end}" for end in arm.split(", ")[1:])
            bare = {"bare, tuned": "tuned threshold"}.get(bare, bare)
            cells[arm] = cells[arm].fillna(cells[bare])
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
        ours, chosen = table.loc[OURS], one.loc[one["arm"] == OURS]
        rival = table["mean rank"].drop(OURS)
        words = metric.removeprefix("neg_").replace("_", " ")
        met.append(
            f"- {words}: mean rank {ours['mean rank']:.2f}, of fixed treatments {rival.min():.2f} at best "
            f"({rival.idxmin()}); worst set {ours['worst set against bare']:+.3f} against bare; within 0.01 of the "
            f"best fixed treatment in {ours['within 0.01 of the best fixed treatment']:.0%} of the cells"
        )
        taken.append(agreement(one, words))
        counts = chosen["chosen"].value_counts()
        parts.append(
            f"### {words.capitalize()}\n\n{to_markdown(table, 3)}\n\nWhat it chose: "
            + "; ".join(f"{name} ({n})" for name, n in counts.items())
            + f". A GAN was trained on {chosen['gan_folds'].mean():.1f} of 3 inner folds on average."
        )
    sets, splits = results["set"].unique(), results["split"].nunique()
    names = {"boosting": "HistGradientBoosting", "linear": "logistic regression", "forest": "random forest"}
    families = [names.get(one, one) for one in results["classifier"].unique()]
    times = f", {splits} splits of each" if splits > 1 else ""
    head = (
        f"## All treatments\n\n`AugmentedClassifier` with a GAN and SMOTE to choose from, beside fixed treatments. "
        f"{len(sets)} sets that neither its priors nor its rules have seen ({', '.join(sets)}){times}, at most {ROWS} "
        f"rows of each to train on, up to 3,000 others to test; {', '.join(families[:-1])} and nearest neighbours; "
        f"a set under a classifier is a cell. GANs of {GAN_STEPS} steps. The log loss is of calibrated "
        f"answers.\n\n```bash\n{asked}\n```\n\n{datetime.date.today().isoformat()}, {machine()}."
    )
    verdicts = (
        "Where it takes a treatment, is the classifier better for it on the test rows? Of single splits, by how much "
        "it expected to gain:\n\n" + to_markdown(pd.concat(taken, axis=1).T, 3)
    )
    return "\n\n".join([head, "\n".join(met), verdicts, *parts])


def agreement(results, name):
    """How often a treatment that was taken scores above the bare classifier on the test rows."""
    where = ["set", "split", "classifier"]
    scores = results.pivot_table(index=where, columns="arm", values="score")
    ours = results[results["arm"] == OURS].set_index(where)
    bare = scores["bare"].reindex(ours.index)
    taken = ours[ours["chosen"] != "None"]
    better = taken["score"] > bare.loc[taken.index]
    far = taken["expected"] >= 0.02
    sure = taken["expected"] >= 2 * taken["error"]
    return pd.Series(
        {
            "taken": len(taken) / len(ours),
            "better": better.mean(),
            "expected to gain 0.02 and more": far.mean(),
            "better of those": better[far].mean(),
            "expected to gain twice its error": sure.mean(),
            "better of these": better[sure].mean(),
        },
        name=name,
    )


def timed():
    """Seconds of a fit on 1,800 rows, with the treatments of before and with all of them."""
    from sklearn.datasets import make_classification
    from sklearn.ensemble import HistGradientBoostingClassifier

    from ganaug import AugmentedClassifier

    X, y = make_classification(1800, 20, n_informative=6, weights=[0.92], random_state=0)
    for metric in METRICS[:2]:
        for treatments in (None, "auto"):
            model = AugmentedClassifier(
                HistGradientBoostingClassifier(),
                scoring=metric,
                treatments=treatments,
                random_state=0,
                verbose=False,
            )
            began = time.process_time()
            model.fit(X, y)
            seconds = time.process_time() - began
            print(f"{metric:18} {treatments!s:5} {seconds:6.1f} s of processors; {model.verdict_}", flush=True)


def main(arguments=None):
    """Run and write."""
    from treatment_answers import CONFIRM

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", metavar="NAME", default=CONFIRM, help="two-class sets of ../shared/data")
    parser.add_argument("--splits", type=int, default=2, metavar="N", help="how often each set is split (2)")
    parser.add_argument("--finished", action="store_true", help="take the sets that are finished, run no other")
    parser.add_argument("--time", action="store_true", help="time a fit, and nothing else")
    parser.add_argument("--write", action="store_true", help=f"write its part of {PAGE.relative_to(ROOT)}")
    options = parser.parse_args(arguments)
    from ganaug.utils.files import write_whole

    if options.time:
        timed()
        return 0
    CACHE.mkdir(parents=True, exist_ok=True)
    rows = []
    for split, name in itertools.product(range(options.splits), options.sets):
        path = CACHE / f"{name}.{split}.json"
        if not path.exists():
            if options.finished:
                continue
            began = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = one_set(name, split)
            write_whole(path, json.dumps(found).encode())
            print(f"{name}, split {split}: {time.perf_counter() - began:.0f} s", flush=True)
        rows += json.loads(path.read_text())
    asked = shlex.join(["python", "examples/benchmarks/treatments.py", *(arguments or sys.argv[1:])])
    text = section(pd.DataFrame(rows), asked)
    print(text)
    if options.write:
        write_part(PAGE, BEGIN, END, text)
        print(f"Wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
