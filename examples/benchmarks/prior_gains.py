"""What treatments of imbalance gained on public data sets: the priors of `AugmentedClassifier`.

    python examples/benchmarks/prior_gains.py --write

For each two-class set of ../shared/data, drawn down to a few hundred rows, and each kind of classifier, every treatment
is judged on the inner folds as `AugmentedClassifier` does it. A gain counts in parts of what the bare classifier leaves
to gain (1 minus its score, at least 0.1). The mean m over sets is drawn towards 0 by m^2 / (m^2 + e^2), where e is its
standard error over sets. The spread is the standard deviation of the gains, less half of what their own errors would
explain of it (half, because those are the larger of two estimates, and never below half of it all), and e on top. A
finished set is a file of out/prior_gains, and a later call goes on from there.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import time
import warnings

import numpy as np
import pandas as pd
from common import OUT, ROOT, machine
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

TABLE = ROOT / "ganaug" / "selection" / "prior_gains.json"
SETS = [
    "cleveland_0_vs_4", "hepatitis", "ecoli", "haberman", "vowel0", "german_credit", "oil", "yeast_me2",
    "winequality_red_4", "solar_flare_m0",
]  # fmt: skip
METRICS = ["accuracy", "average_precision", "balanced_accuracy", "f1", "roc_auc"]
LEAST_SPREAD = 0.02


def classifiers(frame):
    """One of each kind, behind imputation, scaling and one-hot encoding."""
    from ganaug.experiments.treatments import preprocessing

    kinds = {
        "boosting": HistGradientBoostingClassifier(),
        "linear": LogisticRegression(max_iter=1000),
        "forest": RandomForestClassifier(),
        "neighbors": KNeighborsClassifier(),
    }
    return {name: make_pipeline(preprocessing(frame), one) for name, one in kinds.items()}


def gains_of(name, rows):
    """Every treatment's gain on a set: metric, kind of classifier, kind of treatment, gain and its error."""
    from compare import load

    from ganaug import GANOversampler
    from ganaug.experiments import NeighborSampler
    from ganaug.selection.candidates import TREATMENTS, candidates, finishes, scale, treatments_of
    from ganaug.selection.choosing import BlendScorer, evidence
    from ganaug.selection.fold_predictions import (
        FoldPredictions,
        ScorerAdapter,
        Weighting,
        predict_held_out,
        split_folds,
    )

    X, y = load(name, rows)
    y = np.asarray(y).astype(int)
    sizes = np.bincount(y)
    parts = split_folds(3, X, y, sizes, 0)
    samplers = [Remembered(GANOversampler(verbose=False)), Remembered(NeighborSampler("smote"))]
    tested, found = np.unique(np.concatenate([test for _, test in parts])), []
    for family, estimator in classifiers(X).items():
        weighting = Weighting.of(estimator)
        blends = candidates("auto", weighting.rows is not None, weighting.balances)[0]
        treatments = treatments_of(blends, len(samplers))
        folds = {
            i: predict_held_out(estimator, None if i < 0 else samplers[i], own, X, y, parts, 0, None)
            for i in (-1, 0, 1)
            if (own := list(dict.fromkeys(one.blend for one in treatments if one.sampler == i)))
        }
        answers = [
            FoldPredictions(test, [said for own in folds.values() for said in own[f].answers])
            for f, (_, test) in enumerate(parts)
        ]
        order = [one for i in folds for one in treatments if one.sampler == i]
        for scoring in METRICS:
            metric = ScorerAdapter("scoring", scoring, np.array([0, 1]), sizes)
            moves = TREATMENTS[:2] if scoring in {"accuracy", "balanced_accuracy", "f1"} else ()
            judged = [(i, one) for i, base in enumerate(order) for one in finishes(base, moves)]
            places = [(i, one.threshold) for i, one in judged]
            table = evidence(
                [one.blend for _, one in judged],
                *BlendScorer(metric, None, None).scores(answers, X, y, 0, None, places, tested),
                int(sizes.min()),
            )
            unit = scale(scoring, table["score"][0])
            for (_, one), gain, error in zip(judged, table["gain"], table["gain_error"], strict=True):
                if one != order[0]:
                    kind = one.kind([True, False])
                    numbers = {"gain": gain / unit, "error": error / unit}
                    found.append({"set": name, "metric": scoring, "family": family, "kind": kind, **numbers})
    return found


class Remembered:
    """An oversampler whose rows are made once for each training part, whatever classifier asks."""

    def __init__(self, sampler, known=None):
        self.sampler, self.known = sampler, {} if known is None else known

    def get_params(self, deep=True):
        return {"sampler": self.sampler, "known": self.known}

    def set_params(self, **parameters):
        return self

    def __sklearn_clone__(self):
        return self

    def fit_resample(self, X, y):
        key = (len(y), int(np.flatnonzero(y).sum()))
        if key not in self.known:
            self.known[key] = self.sampler.set_params(random_state=0).fit_resample(X, y)
        return self.known[key]


def table_of(found):
    """Mean, spread and number of sets by metric, kind of classifier ("other": all of them) and kind of treatment."""
    tables = {}
    for metric, own in found.groupby("metric"):
        for family in [*sorted(own["family"].unique()), "other"]:
            rows = own if family == "other" else own[own["family"] == family]
            for kind, one in rows.groupby("kind"):
                own_means = one.groupby("set")["gain"].mean()
                n, mean = len(own_means), own_means.mean()
                unsure = own_means.var(ddof=1) / n  # the sets might have been others
                total = ((one["gain"] - mean) ** 2).mean()
                spread = max(total - (one["error"] ** 2).mean() / 2, total / 4, LEAST_SPREAD**2)
                numbers = [round(mean**3 / (mean**2 + unsure), 4), round(float(np.sqrt(spread + unsure)), 4), n]
                tables.setdefault(metric, {}).setdefault(family, {})[kind] = numbers
    return tables


def main(arguments=None):
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", metavar="NAME", default=SETS, help="two-class sets of ../shared/data")
    parser.add_argument("--rows", type=int, default=700, help="most rows of a set (default: 700)")
    parser.add_argument("--finished", action="store_true", help="take the sets that are finished, run no other")
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.relative_to(ROOT)}")
    options = parser.parse_args(arguments)
    from ganaug.utils.files import write_whole

    cache = OUT / "prior_gains"
    cache.mkdir(parents=True, exist_ok=True)
    rows, done = [], []
    for name in options.sets:
        path = cache / f"{name}-{options.rows}.json"
        if not path.exists():
            if options.finished:
                continue
            began = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = gains_of(name, options.rows)
            write_whole(path, json.dumps(found).encode())
            print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
        rows += json.loads(path.read_text())
        done.append(name)
    gains = table_of(pd.DataFrame(rows))
    lines = [
        f"{metric:18} {family:10} {kind:20} {mean:+.4f} {spread:.4f}"
        for metric, by_family in gains.items()
        for family, kinds in by_family.items()
        for kind, (mean, spread, _) in kinds.items()
    ]
    print("\n".join(lines))
    if options.write:
        source = (
            f"examples/benchmarks/prior_gains.py, {datetime.date.today().isoformat()}, {machine()}; at most "
            f"{options.rows} rows of each of the public sets {', '.join(done)}. [mean, spread, number of sets] of "
            "gains in parts of what the bare classifier leaves to gain."
        )
        TABLE.write_text(json.dumps({"source": source, "gains": gains}, indent=1) + "\n", encoding="utf-8")
        print(f"Wrote {TABLE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
