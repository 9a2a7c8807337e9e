"""Arms of `strongest.py` that the package does not have: plain SMOTE, ensembles, and samplers of smote_variants.

In a module of its own, so that stored cells know them by one name, whoever imports this. What the figures depend on
is `__version__`: raise it when an arm changes what it does.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from imblearn.ensemble import BalancedRandomForestClassifier, EasyEnsembleClassifier
from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import StratifiedKFold, TunedThresholdClassifierCV
from sklearn.tree import DecisionTreeClassifier

__version__ = "1"


# ---- Samplers -----------------------------------------------------------------------------------


class RawSMOTE(BaseEstimator):
    """imbalanced-learn's SMOTE on the columns as they are, SMOTENC or SMOTEN where there are categories.

    Missing numbers become medians, a missing category is a category.
    """

    def __init__(self, k_neighbors=5, random_state=None):
        self.k_neighbors = k_neighbors
        self.random_state = random_state

    def fit_resample(self, X, y):
        numbers = X.select_dtypes("number")
        texts = X.drop(columns=numbers.columns)
        medians = numbers.astype(float).median().fillna(0.0)
        codes = {name: pd.factorize(texts[name], use_na_sentinel=False) for name in texts}
        matrix = np.column_stack([numbers.astype(float).fillna(medians), *(code for code, _ in codes.values())])
        how = {"k_neighbors": min(self.k_neighbors, int(min(np.bincount(y))) - 1), "random_state": self.random_state}
        if not codes:
            sampler = SMOTE(**how)
        elif not len(numbers.columns):
            sampler = SMOTEN(**how)
        else:
            sampler = SMOTENC(list(range(numbers.shape[1], matrix.shape[1])), **how)
        made, labels = sampler.fit_resample(matrix, y)
        made = pd.DataFrame(made[len(y) :], columns=[*numbers, *codes])
        for name, (_, levels) in codes.items():
            made[name] = pd.Series(levels.take(made[name].round().astype(int))).astype(X[name].dtype)
        for name in numbers:
            whole = pd.api.types.is_integer_dtype(X[name].dtype)
            made[name] = (made[name].round() if whole else made[name]).astype(X[name].dtype)
        return pd.concat([X, made[X.columns]], ignore_index=True), labels


class Original(BaseEstimator):
    """A sampler of smote_variants on standardised numbers."""

    def __init__(self, name, random_state=None):
        self.name = name
        self.random_state = random_state

    def fit_resample(self, X, y):
        import logging

        import smote_variants

        logging.getLogger("smote_variants").setLevel(logging.ERROR)
        numbers = X.astype(float)
        numbers = numbers.fillna(numbers.median())
        spread = numbers.std(ddof=0).replace(0.0, 1.0)
        matrix = ((numbers - numbers.mean()) / spread).to_numpy()
        sampler = getattr(smote_variants, self.name)(random_state=self.random_state)
        made, labels = sampler.sample(matrix, np.asarray(y))
        # some drop or move rows: what they hand back is what they are judged by
        made = pd.DataFrame(made, columns=X.columns) * spread + numbers.mean()
        return made, np.asarray(labels).astype(y.dtype)


# ---- Ways to fit: (classifier, X, y, seed) -> fitted, note ----


def tuned(classifier, X, y, seed):
    """As the package's "tuned", in 3 folds and at 50 thresholds instead of 5 and 100, which took 7 s a training set."""
    folds = StratifiedKFold(3, shuffle=True, random_state=seed % 2**31)
    return TunedThresholdClassifierCV(classifier, scoring="balanced_accuracy", cv=folds, thresholds=50).fit(X, y), ""


# ---- Ensembles: (classifier, X, y, seed) -> fitted, note; the classifier that is handed in is not used ----


def balanced_forest(classifier, X, y, seed):
    """imbalanced-learn's, with its defaults: 100 trees."""
    return BalancedRandomForestClassifier(random_state=seed % 2**31).fit(X, y), ""


def easy_ensemble(classifier, X, y, seed):
    """imbalanced-learn's, with its defaults: 10 AdaBoosts of 50 stumps."""
    return EasyEnsembleClassifier(random_state=seed % 2**31).fit(X, y), ""


def self_paced(classifier, X, y, seed):
    return SelfPaced(random_state=seed % 2**31).fit(X, y), ""


class SelfPaced(ClassifierMixin, BaseEstimator):
    """Self-paced ensemble of trees for two classes, after the paper (Z. Liu et al., ICDE 2020).

    Each tree learns the rarer class and as many others, drawn by bins of how wrong the trees so far are about them:
    p_l ~ 1 / (h_l + tan(pi i / (2 n))) of bin l with mean error h_l, for tree i of n. Bins of easy rows are cut down
    first, and all bins count alike at the end.
    """

    def __init__(self, n_estimators=50, bins=20, random_state=None):
        self.n_estimators = n_estimators
        self.bins = bins
        self.random_state = random_state

    def fit(self, X, y):
        rng = np.random.default_rng(self.random_state)
        self.classes_, codes = np.unique(y, return_inverse=True)
        sizes = np.bincount(codes)
        self.rare_ = int(sizes.argmin())
        few, many = np.flatnonzero(codes == self.rare_), np.flatnonzero(codes != self.rare_)
        rows, said, self.trees_ = rng.choice(many, len(few), replace=False), np.zeros(len(many)), []
        for i in range(1, self.n_estimators + 1):
            part = np.concatenate([few, rows])
            seed = int(rng.integers(2**31))
            self.trees_.append(DecisionTreeClassifier(random_state=seed).fit(X[part], codes[part] == self.rare_))
            said += self.trees_[-1].predict_proba(X[many])[:, 1]
            wrong = said / i
            place = np.minimum((wrong / max(wrong.max(), 1e-12) * self.bins).astype(int), self.bins - 1)
            counts = np.bincount(place, minlength=self.bins)
            means = np.bincount(place, wrong, minlength=self.bins) / np.maximum(counts, 1)
            weights = np.where(counts > 0, 1 / (means + np.tan(np.pi * i / (2 * self.n_estimators)) + 1e-12), 0.0)
            chances = weights[place] / counts[place]
            rows = rng.choice(many, len(few), replace=False, p=chances / chances.sum())
        return self

    def predict_proba(self, X):
        rare = np.mean([tree.predict_proba(X)[:, 1] for tree in self.trees_], axis=0)
        both = [rare, 1 - rare] if self.rare_ == 0 else [1 - rare, rare]
        return np.column_stack(both)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
