"""
Fraud in a pipeline
===================

Card payments, a few of them fraudulent. `GANOversampler` stands in an imbalanced-learn pipeline, where `SMOTE` would
stand, so that it resamples training folds only, and is compared with what costs nothing.
"""

import matplotlib.pyplot as plt
import pandas as pd
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.preprocessing import StandardScaler

from ganaug import GANOversampler, plots
from ganaug.datasets import load_example


X, y = load_example("card_fraud")
# A fifth of the frauds: the whole table has more of them than fraud has in the world.
kept = y.index[y == 0].append(y.index[y == 1][::5])
X, y = X.loc[kept].drop(columns="Time"), y.loc[kept]
print(f"{len(X):,} payments with {X.shape[1]} columns, {y.sum()} frauds")

# %%
# One line balances the table. The original rows come first, untouched; ``is_synthetic_`` marks the new ones.

oversampler = GANOversampler(random_state=0)
X_res, y_res = oversampler.fit_resample(X, y)
made = X_res[oversampler.is_synthetic_]
print(f"{len(made):,} new frauds; candidates refused: {oversampler.curation_[1]}")

# %%
# Do they look like frauds? The real ones are filled, the synthetic ones outlined.

frauds = X[y == 1]
figure, axes = plt.subplots(2, 3, figsize=(10, 5), layout="constrained")
plots.marginals(frauds, made, columns=["V4", "V10", "V11", "V12", "V14", "V17"], ax=axes.ravel())

# %%
# Look at the ends of the columns: synthetic values pile up where real frauds are few. Nor is it enough that each column
# is right on its own. Below the diagonal are real frauds, above it synthetic ones; the upper triangle should be the
# mirror image of the lower one, and is so only loosely. Not all of these rows are plausible frauds.

figure, axes = plt.subplots(4, 4, figsize=(8, 7.5), layout="constrained")
plots.pairs(frauds, made, columns=["V4", "V10", "V14", "V17"], ax=axes.ravel())

# %%
# Does it help a classifier? Average precision and AUC do not move with the decision threshold, recall and precision do.

ways = {
    "nothing": [],
    "class weights": [],
    "SMOTE": [SMOTE(random_state=0)],
    "GANOversampler": [GANOversampler(random_state=0)],
}
folds = StratifiedKFold(2, shuffle=True, random_state=0)
found = {}
for name, steps in ways.items():
    model = LogisticRegression(max_iter=1000, class_weight="balanced" if name == "class weights" else None)
    pipe = make_pipeline(StandardScaler(), *steps, model)
    scores = cross_validate(pipe, X, y, cv=folds, scoring=["average_precision", "roc_auc", "recall", "precision"])
    found[name] = {key.removeprefix("test_"): values.mean() for key, values in scores.items() if "test" in key}
pd.DataFrame(found).T.round(3)

# %%
# Balancing buys recall with precision, whatever makes the rows; class weights do the same without any row. Where the
# first two columns do not rise, only the threshold has moved: see `the user guide <../guide/thresholds.html>`__.
