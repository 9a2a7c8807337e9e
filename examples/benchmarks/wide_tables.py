"""Tables of thousands of columns: how many factors, what a classifier makes of them, and what a file tells.

    python examples/benchmarks/wide_tables.py --per 2 8 16
    python examples/benchmarks/wide_tables.py --per 2 8 16 --classifiers --sets golub_leukemia

A table of more than 512 numbers is learnt as factors: the directions between its classes, and principal components, one
for so many rows (``--per``; the library has 8). Of 3 folds the training part is cut until the rarest class is a sixth
of it (12 rows at least, for fewer get no GAN). *told*: the AUC with which training rows are told from all others by
the share of them that lies within the factors; 0.5 is chance. ``--classifiers`` resamples each fold by the default
``GANOversampler`` as well, and asks logistic regression, a forest and neighbours on the test part: half a minute of a
core for each fold.
"""

from __future__ import annotations

import argparse
import sys
from unittest import mock

import numpy as np
import pandas as pd
from datasets import reader
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ganaug import GANOversampler
from ganaug.encoding import CompactTableCodec, compact

SETS = ["golub_leukemia", "gordon_lung", "christensen_tissue"]


def two_classes(name):
    """A set with its rarest class against all others."""
    X, y = reader().load_tabular(name)
    y = np.asarray(y.astype(str))
    labels, counts = np.unique(y, return_counts=True)
    return X, (y == labels[counts.argmin()]).astype(np.int64)


def folds(X, y, n_folds):
    """Training rows, imbalanced, and test rows."""
    splits = StratifiedKFold(3, shuffle=True, random_state=0).split(X, y)
    for number, (train, test) in zip(range(n_folds), splits, strict=False):
        rare, rest = train[y[train] == 1], train[y[train] == 0]
        kept = np.random.default_rng(number).permutation(rare)[: max(12, len(rest) // 5)]
        yield np.sort(np.concatenate([rest, kept])), test


def told(X, y, train):
    """How many factors there are, and the AUC of what they hold of the rows that they were learnt from."""
    codec = CompactTableCodec().fit(X.iloc[train], y[train])
    factors = codec.factors
    centred = codec.table.encode(X)[:, : len(factors.mean)] - factors.mean
    held = np.square(centred @ factors.basis).sum(1) / np.square(centred).sum(1)
    return factors.count, roc_auc_score(np.isin(np.arange(len(X)), train), held)


def judged(X, y, X_test, y_test):
    """Scores of three classifiers, their mean."""
    models = [
        make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500)),
        RandomForestClassifier(200, random_state=0),
        make_pipeline(StandardScaler(), KNeighborsClassifier()),
    ]
    scores = [model.fit(X, y).predict_proba(X_test)[:, 1] for model in models]
    return {
        "AUC": np.mean([roc_auc_score(y_test, p) for p in scores]),
        "average precision": np.mean([average_precision_score(y_test, p) for p in scores]),
        "balanced accuracy": np.mean([balanced_accuracy_score(y_test, p > 0.5) for p in scores]),
    }


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS, metavar="NAME", help=f"of {SETS}")
    parser.add_argument("--per", nargs="+", type=int, default=[8], metavar="N", help="rows for each factor (8)")
    parser.add_argument("--folds", type=int, default=3, help="of three (3)")
    parser.add_argument("--classifiers", action="store_true", help="resample and train classifiers as well")
    options = parser.parse_args(arguments)
    found = []
    for name in options.sets:
        X, y = two_classes(name)
        for train, test in folds(X, y, options.folds):
            rows, labels = X.iloc[train], y[train]
            if options.classifiers:
                found.append({"set": name, "rows per factor": "no GAN", **judged(rows, labels, X.iloc[test], y[test])})
            for per in options.per:
                with mock.patch.object(compact, "_ROWS_PER_FACTOR", per):
                    count, auc = told(X, y, train)
                    row = {"set": name, "rows per factor": per, "rows": len(train), "factors": count, "told": auc}
                    if options.classifiers:
                        more = GANOversampler(random_state=0, verbose=False).fit_resample(rows, labels)
                        row |= judged(*more, X.iloc[test], y[test])
                found.append(row)
                print({k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}, flush=True)
    table = pd.DataFrame(found).groupby(["set", "rows per factor"], sort=False).mean()
    print(table.round(3).to_string())
    return 0


if __name__ == "__main__":
    sys.exit(main())
