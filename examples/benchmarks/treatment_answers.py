"""What each treatment of imbalance has a classifier say of rows that it did not see, on folds and on a test set.

`prior_gains.py` (sets of the half "choose") and `treatments.py` (sets of the half "confirm") start from here, and judge
the same answers by every metric. Each set is drawn down to `ROWS` rows to train on, the classes in proportion but at
least 24 of the rare one, and up to 3,000 others to test on. The rows of an oversampler are made once for each training
part, whatever classifier asks. A finished set is a file of out/treatment_answers.
"""

from __future__ import annotations

import os
import pickle
import time

import numpy as np
from common import OUT
from curation_strength import HALVES
from datasets import reader
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from ganaug import GANOversampler, TabularGAN
from ganaug.experiments import NeighborSampler
from ganaug.experiments.treatments import preprocessing
from ganaug.selection.candidates import FEW_SHARES, NONE, UNDERSAMPLED, Blend, Pool, pool_samples
from ganaug.selection.fold_predictions import Weighting, fit_clone, split_folds
from ganaug.utils.determinism import child_seed, numpy_generator

CHOOSE = [*HALVES["choose"], "cleveland_0_vs_4", "yeast_me2"]
CONFIRM = HALVES["confirm"]
ROWS, TESTED, RAREST = 800, 3000, 24
GAN_STEPS = 450  # half of the default: a comparison of this size has to end
FOLDS = 3
FOLDER = OUT / "treatment_answers"


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


def samplers():
    """The oversamplers by name, with nothing remembered yet."""
    gan = GANOversampler(generator=TabularGAN(max_steps=GAN_STEPS), verbose=False)
    return {"smote": Remembered(NeighborSampler("smote")), "gan": Remembered(gan)}


def classifiers(frame):
    """One of each kind, behind imputation, scaling and one-hot encoding."""
    kinds = {
        "boosting": HistGradientBoostingClassifier(),
        "linear": LogisticRegression(max_iter=1000),
        "forest": RandomForestClassifier(),
        "neighbors": KNeighborsClassifier(),
    }
    return {name: make_pipeline(preprocessing(frame), one) for name, one in kinds.items()}


def parts_of(name, split=0):
    """Rows and labels to train on, and to test on."""
    X, y = reader().load_tabular(name)
    y = np.asarray(y).astype(int)
    rng, n = numpy_generator(split, "lab", name), len(y)
    wanted, train, test = min(ROWS, round(n * 0.6)), [], []
    for label in (0, 1):
        rows = rng.permutation(np.flatnonzero(y == label))
        k = round(len(rows) * wanted / n)
        if label == 1:
            k = min(max(k, RAREST), int(len(rows) * 0.6))
        train.append(rows[:k])
        test.append(rows[k:])
    share = min(1, TESTED / sum(map(len, test)))
    train = np.sort(np.concatenate(train))
    test = np.sort(np.concatenate([rows[: max(1, round(len(rows) * share))] for rows in test]))
    return X.iloc[train].reset_index(drop=True), y[train], X.iloc[test].reset_index(drop=True), y[test]


def said(estimator, X, y, X_test, seed, own):
    """Probabilities of the rare class by treatment."""
    real = Pool(X, y, len(y), np.zeros(0))
    found = {}
    plain = {("bare",): NONE, ("ubag",): UNDERSAMPLED}
    if Weighting.of(estimator).balances:
        plain["cw",] = Blend(0.0, 1.0, "balanced")
    for key, blend in plain.items():
        found[key] = fit_clone(estimator, real, blend, seed).predict_proba(X_test)[:, 1]
    for name, sampler in own.items():
        pool = pool_samples(sampler, X, y, seed)
        for share in FEW_SHARES:
            fitted = fit_clone(estimator, pool, Blend(share), seed)
            found[name, share, 1.0] = fitted.predict_proba(X_test)[:, 1]
    return {key: np.float32(one) for key, one in found.items()}


def answers_of(name, split=0):
    """Labels, folds and the answers of all classifiers under all treatments; from a file where there is one."""
    path = FOLDER / f"{name}-{split}.pkl"
    if path.exists():
        return pickle.loads(path.read_bytes())  # noqa: S301
    began = time.perf_counter()
    X, y, X_test, y_test = parts_of(name, split)
    parts = split_folds(FOLDS, X, y, np.bincount(y), split)
    own = [samplers() for _ in range(len(parts) + 1)]
    found = {"y": y, "yt": y_test, "parts": [test for _, test in parts], "fam": {}}
    for family, estimator in classifiers(X).items():
        inner = [
            said(estimator, X.iloc[a].reset_index(drop=True), y[a], X.iloc[b], child_seed(split, "fold", i), own[i])
            for i, (a, b) in enumerate(parts)
        ]
        outer = said(estimator, X, y, X_test, child_seed(split, "all"), own[-1])
        found["fam"][family] = {"inner": inner, "outer": outer}
    FOLDER.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".tmp").write_bytes(pickle.dumps(found))
    os.replace(path.with_suffix(".tmp"), path)
    print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
    return found
