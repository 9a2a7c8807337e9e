"""`AugmentedClassifier` beside the bare classifier, class weights and SMOTE, on the metric it is asked to maximise.

    python examples/benchmarks/augmented.py --write

Two-class sets of ../shared/data drawn down to about 1,500 rows, the five classifiers of compare.py, 3 outer folds.
Three metrics, each asked for by itself (``scoring=``); with ``--tuned``, those that look at labels also with
``threshold="tune"``, which doubles the time. A finished (set, fold) is a file of out/augmented, and a later call goes
on from there.

The inner folds of ``AugmentedClassifier`` are the same whatever it maximises, so the script trains them once for all
metrics: it remembers the oversampler's rows and the classifiers' answers, which by their seeds would come out the same.

Of every blend it keeps the evidence from the inner folds and the score on the outer test fold. So the page can also say
what stricter and laxer rules than the library's would have chosen, and what the best choice in hindsight would be.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import json
import shlex
import sys
import time
import warnings

import numpy as np
import pandas as pd
from common import OUT, ROOT, machine
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedKFold

PAGE = ROOT / "docs" / "augmented_classifier.md"
SETS = [
    "ecoli", "haberman", "yeast_me2", "german_credit", "oil", "vowel0", "winequality_red_4", "abalone",
    "solar_flare_m0", "thyroid_sick", "us_crime", "wilt", "mammography", "satimage", "car_eval_34", "telco_churn",
    "cleveland_0_vs_4", "hepatitis", "poker_8_9_vs_6", "ozone_level",
]  # fmt: skip
METRICS = ["average_precision", "balanced_accuracy", "f1"]
OF_LABELS = {"balanced_accuracy", "f1"}
BY_EVIDENCE = {"treatments": ["class_weight", "oversampling"], "shrink": False}  # treatments.py judges the rest
LOSS = 0.01  # of the metric asked for, that no set may lose
STRICTNESS = [0.0, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0]
REST = "<!-- treatments:"  # where the part of treatments.py begins
OURS, TUNED = "AugmentedClassifier", "AugmentedClassifier, threshold tuned"


class Prepared(ClassifierMixin, BaseEstimator):
    """A classifier behind imputation, scaling and one-hot encoding, that takes weights where its classifier does."""

    def __init__(self, classifier=None):
        self.classifier = classifier

    def fit(self, X, y, sample_weight=None):
        from ganaug.experiments.treatments import as_frame, preprocessing

        frame = as_frame(X)
        self.preparation_ = preprocessing(frame).fit(frame)
        self.classifier_ = clone(self.classifier)
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.classifier_.fit(self.preparation_.transform(frame), y, **weights)
        self.classes_ = self.classifier_.classes_
        return self

    def predict(self, X):
        return self.classifier_.predict(self._matrix(X))

    def predict_proba(self, X):
        return self.classifier_.predict_proba(self._matrix(X))

    def _matrix(self, X):
        from ganaug.experiments.treatments import as_frame

        return self.preparation_.transform(as_frame(X))


class Unweighted(Prepared):
    """The same for a classifier that knows no weights (kNN)."""

    def fit(self, X, y):
        return super().fit(X, y)


class Memory:
    """Remembers, within one training fold, what seeds alone decide."""

    def __init__(self):
        self.known, self.judge = {}, ""

    def pool_samples(self, function, oversampler, X, y, seed, weights=None):
        return self._once(("pool", seed, len(y)), lambda: function(oversampler, X, y, seed, weights))

    def predict_held_out(self, function, *arguments):
        key = ("held out", self.judge, type(arguments[1]).__name__)
        return self._once(key, lambda: function(*arguments))

    def fit_clone(self, function, estimator, pool, blend, seed):
        return self._once(("fitted", self.judge, blend, seed), lambda: function(estimator, pool, blend, seed))

    def _once(self, key, make):
        if key not in self.known:
            self.known[key] = make()
        return self.known[key]

    def take_over(self):
        """Stand before the functions of `ganaug.selection` that train."""
        from ganaug.selection import classifier, fold_predictions, stages

        for module, name in [
            (fold_predictions, "pool_samples"),
            (classifier, "pool_samples"),
            (stages, "predict_held_out"),
            (classifier, "fit_clone"),
        ]:
            original = getattr(module, name)
            if isinstance(original, functools.partial):  # an earlier fold's memory stands there
                original = original.args[0]
            setattr(module, name, functools.partial(getattr(self, name), original))


def one_fold(name, fold, rows, tuned):
    """Every score of a set's fold."""
    from compare import classifiers, load

    from ganaug import AugmentedClassifier
    from ganaug.experiments import NeighborSampler

    X, y = load(name, rows)
    y = np.asarray(y).astype(int)
    train, test = list(StratifiedKFold(3, shuffle=True, random_state=0).split(X, y))[fold]
    X_train, X_test = (X.iloc[part].reset_index(drop=True) for part in (train, test))
    y_train, y_test = y[train], y[test]
    memory = Memory()
    memory.take_over()
    X_smote, y_smote = NeighborSampler("smote", random_state=fold).fit_resample(X_train, y_train)
    found = []

    def score(judge, arm, metric, model):
        value = float(get_scorer(metric)(model, X_test, y_test))
        found.append({"set": name, "fold": fold, "classifier": judge, "arm": arm, "metric": metric, "score": value})

    for judge, classifier in classifiers().items():
        if "random_state" in classifier.get_params():
            classifier.set_params(random_state=fold)
        kind = Unweighted if judge == "kNN" else Prepared
        bare = kind(classifier)
        memory.judge = judge
        weighted = kind(classifier)
        if "class_weight" in classifier.get_params():
            weighted = kind(clone(classifier).set_params(class_weight="balanced"))
        arms = {
            "bare": clone(bare).fit(X_train, y_train),
            "class weights": weighted.fit(X_train, y_train),
            "SMOTE": clone(bare).fit(X_smote, y_smote),
        }
        for metric in METRICS:
            for arm, model in arms.items():
                score(judge, arm, metric, model)
            common = {"scoring": metric, "random_state": fold, "verbose": False, "threshold": False, **BY_EVIDENCE}
            model = AugmentedClassifier(bare, **common).fit(X_train, y_train)
            score(judge, OURS, metric, model)
            blends = model.evidence_.assign(needed=model.evidence_["needed"] / demand_of(metric))
            blends["test"] = [
                float(get_scorer(metric)(one.fit(X_train, y_train), X_test, y_test))
                for one in (AugmentedClassifier(bare, blend=blend, **common) for blend in blends_of(blends))
            ]
            assert chosen(blends, demand_of(metric)) == int(blends["chosen"].argmax())
            found[-1]["blends"] = blends.drop(columns="chosen").to_dict("records")
            if tuned and metric in OF_LABELS:
                score(
                    judge,
                    TUNED,
                    metric,
                    AugmentedClassifier(bare, **{**common, "threshold": "tune"}).fit(X_train, y_train),
                )
    return found


def said_of(parameters):
    """Parameters as one writes them."""
    return ", ".join(f"`{name}={value!r}`" for name, value in parameters.items()).replace("'", '"')


def demand_of(metric):
    """How many errors the library asks a gain to exceed."""
    from ganaug.selection.choosing import EXPECTED, UNEXPECTED

    return EXPECTED if metric in OF_LABELS else UNEXPECTED


def chosen(evidence, demand):
    """The place of the blend that is chosen if a gain must exceed so many errors."""
    from ganaug.selection.choosing import best_blend

    return best_blend(evidence.assign(needed=demand * evidence["needed"]))


def by_the_rule(results):
    """The library's choice among the blends, by the demand that it makes today."""
    results = results.copy()
    for row in results.index[results["arm"] == OURS]:
        blends = pd.DataFrame(results.at[row, "blends"])
        own = blends.iloc[chosen(blends, demand_of(results.at[row, "metric"]))]
        for name, value in {"score": own["test"], "share": own["share"], "class_weight": own["class_weight"]}.items():
            results.loc[row, name] = value
    return results


def blends_of(evidence):
    """The blends that a table of evidence is about."""
    from ganaug.selection import Blend

    columns = evidence[["share", "weight", "class_weight"]]
    return [Blend(share, weight, balanced or None) for share, weight, balanced in columns.itertuples(index=False)]


def rules_of(results):
    """Gain on the test folds over the bare classifier under other rules than the library's."""
    from ganaug.experiments import to_markdown

    ours = results[results["arm"] == OURS]
    parts = []
    for metric in METRICS:
        one = ours[ours["metric"] == metric]
        rows = {}
        for title, rule in {
            **{f"{c:g} errors": functools.partial(chosen, demand=c) for c in STRICTNESS},
            "the best in hindsight": lambda table: int(table["test"].argmax()),
        }.items():
            tables = [pd.DataFrame(blends) for blends in one["blends"]]
            places = [rule(table) for table in tables]
            gains = [table["test"][place] - table["test"][0] for table, place in zip(tables, places, strict=True)]
            losses = pd.Series(gains).groupby(one["set"].to_numpy()).mean()
            rows[title] = {
                "chose something": float(np.mean(np.array(places) > 0)),
                "minus bare": float(np.mean(gains)),
                "worst set": losses.min(),
                "which": losses.idxmin() if losses.min() < 0 else "",
                "sets that lose more than 0.005": int((losses < -0.005).sum()),
            }
        parts.append(f"{metric.replace('_', ' ').capitalize()}:\n\n{to_markdown(pd.DataFrame(rows).T, 4)}")
    text = (
        "How many errors must a gain exceed? The library asks for {expected} under balanced accuracy and F1, and for "
        "{unexpected} under average precision (`docs/choosing_the_blend.md`). Under others, on the same fits:"
    )
    asked = {"expected": demand_of("f1"), "unexpected": demand_of("average_precision")}
    return "\n\n".join(["## Stricter and laxer rules", text.format(**asked), *parts])


def table_of(results):
    """What was reached; means and mean ranks per metric, and our worst set."""
    from ganaug.experiments import to_markdown

    parts, said = [], []
    for metric in METRICS:
        one = results[results["metric"] == metric]
        cells = one.pivot_table(index=["set", "classifier"], columns="arm", values="score")
        arms = [a for a in ("bare", "class weights", "SMOTE", OURS, TUNED) if a in cells]
        cells = cells[arms]
        ranks = cells.rank(axis=1, ascending=False).mean()
        losses = (cells.sub(cells["bare"], axis=0)).groupby("set").mean()
        table = pd.DataFrame(
            {"mean": cells.mean(), "mean rank": ranks, "minus bare": cells.mean() - cells["bare"].mean()}
        )
        table["worst set"] = losses.min()
        table["which"] = losses.idxmin().where(losses.min() < 0, "")
        parts.append(f"## {metric.replace('_', ' ')}\n\n{to_markdown(table, 4)}")
        others = table.drop(index=[OURS, TUNED], errors="ignore")["mean rank"]
        first, kept = table["mean rank"][OURS] < others.min(), table["worst set"][OURS] >= -LOSS
        said.append(
            f"- {metric.replace('_', ' ')}: {'' if first else 'not '}the best mean rank; "
            f"{'on no set' if kept else 'on ' + table['which'][OURS]} more than {LOSS} below the bare classifier "
            f"(the worst: {table['worst set'][OURS]:+.4f})"
        )
    ours = results[results["arm"] == OURS]
    kinds = np.select([ours["share"] > 0, ours["class_weight"] != ""], ["synthetic rows", "class weights"], "nothing")
    counts = pd.crosstab(ours["metric"].to_numpy(), kinds, rownames=["metric"], colnames=[""])
    return "\n\n".join(
        ["\n".join(said), *parts, f"What it chose, times:\n\n{to_markdown(counts, 0)}", rules_of(results)]
    )


def main(arguments=None):
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", metavar="NAME", default=SETS, help="two-class sets of ../shared/data")
    parser.add_argument("--rows", type=int, default=1_500, help="most rows of a set (default: 1500)")
    parser.add_argument("--cache", default=OUT / "augmented", type=type(OUT), help="default: out/augmented")
    parser.add_argument("--tuned", action="store_true", help="with a tuned threshold too")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    options = parser.parse_args(arguments)
    options.cache.mkdir(parents=True, exist_ok=True)
    from ganaug.utils.files import write_whole

    rows = []
    for name in options.sets:
        for fold in range(3):
            path = options.cache / f"{name}-{fold}-{options.rows}{'-tuned' * options.tuned}.json"
            if not path.exists():
                began = time.perf_counter()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found = one_fold(name, fold, options.rows, options.tuned)
                write_whole(path, json.dumps(found).encode())
                print(f"{name}, fold {fold}: {time.perf_counter() - began:.0f} s", flush=True)
            rows += json.loads(path.read_text())
    results = by_the_rule(pd.DataFrame(rows))
    text = table_of(results)
    print(text)
    if options.write:
        asked = shlex.join(["python", "examples/benchmarks/augmented.py", *(arguments or sys.argv[1:])])
        head = (
            f"# AugmentedClassifier\n\n{__doc__.splitlines()[0]} {len(options.sets)} public two-class tables of "
            f"at most {options.rows} rows, five classifiers, 3 outer folds; a cell is the mean over "
            "the folds of one set and classifier. *worst set*: the lowest mean over classifiers of a set's difference "
            f"to the bare classifier.\n\n```bash\n{asked}\n```\n\n{datetime.date.today().isoformat()}, {machine()}."
        )
        part = f"This part is about blends and class weights by the evidence alone ({said_of(BY_EVIDENCE)})."
        kept = PAGE.read_text(encoding="utf-8").partition(REST)
        PAGE.write_text(f"{head}\n\n{part}\n\n{text}\n\n{kept[1]}{kept[2]}".rstrip() + "\n", encoding="utf-8")
        print(f"Wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
