"""
When GANs lose
==============

Synthetic rows beside doing nothing, class weights and SMOTE, on three real tables and under three classifiers: where
they lose, by how much, and on which measure.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from ganaug import GANOversampler, TabularGAN
from ganaug.datasets import load_example
from ganaug.experiments import NeighborSampler, compare, long_tailed

METRICS = ["average_precision", "balanced_accuracy", "log_loss"]

# %%
# Two tables of the project, and scikit-learn's digits with the eights made rare.

fraud, is_fraud = load_example("card_fraud")
kept = is_fraud.index[is_fraud == 0].append(is_fraud.index[is_fraud == 1][::5])
thyroid, state = load_example("thyroid_sick")
digits = load_digits(return_X_y=True)
tables = {
    "card fraud": (fraud.loc[kept].drop(columns="Time"), is_fraud.loc[kept]),
    "thyroid": (thyroid, (state == "sick").astype(int)),
    "a digit": long_tailed(digits[0], (digits[1] == 8).astype(int), {0: 1000, 1: 50}),
}
for name, (_, y) in tables.items():
    print(f"{name:12} {len(y):5,} rows, {int(np.sum(y)):3} of the rare class")

# %%
# Only training folds are resampled; test folds are real rows at their own class ratio. All ways see the same folds, and
# class weights and SMOTE meet the same preprocessing as the GAN's rows. 500 steps in place of 1,000 keep this page
# quick.

found = compare(
    tables,
    {
        "nothing": None,
        "class weights": "class_weight",
        "SMOTE": NeighborSampler("smote"),
        "GAN": GANOversampler(generator=TabularGAN(max_steps=500, verbose=False)),
    },
    {
        "logistic": LogisticRegression(max_iter=2000),
        "tree": DecisionTreeClassifier(),
        "boosting": HistGradientBoostingClassifier(),
    },
    metrics=METRICS,
    n_splits=2,
    n_repeats=1,
    verbose=False,
)
cells = found.results.groupby(["dataset", "classifier", "oversampler"])[METRICS].mean().unstack("oversampler")

# %%
# What the GAN's rows changed against each rival: a bar to the right is a gain, to the left a loss.

figure, axes = plt.subplots(1, 3, figsize=(12, 4.5), sharey=True, layout="constrained")
labels = [f"{dataset}, {classifier}" for dataset, classifier in cells.index]
place = np.arange(len(cells))
for ax, metric in zip(axes, METRICS, strict=True):
    sign = -1 if metric == "log_loss" else 1
    for k, rival in enumerate(["nothing", "class weights", "SMOTE"]):
        change = sign * (cells[metric, "GAN"] - cells[metric, rival])
        ax.barh(place + 0.27 * (k - 1), change, 0.25, label=f"against {rival}")
    ax.axvline(0, color="#444444", linewidth=0.8)
    ax.set_title(metric.replace("_", " ") + (" (sign turned)" if sign < 0 else ""), fontsize=10)
    if metric == "log_loss":
        ax.set_xscale("symlog", linthresh=0.1)
axes[0].set_yticks(place, labels, fontsize=8)
axes[0].invert_yaxis()
axes[0].legend(fontsize=8, frameon=False)

# %%
# The same as numbers. Average precision does not move with the threshold, balanced accuracy does, and the log loss asks
# for probabilities that mean something.

cells["average_precision"].round(3)

# %%
cells["balanced_accuracy"].round(3)

# %%
cells["log_loss"].round(3)

# %%
# In how many of the nine cells the GAN's rows are worse than each rival, whatever the margin:

worse = {}
for metric in METRICS:
    sign = -1 if metric == "log_loss" else 1
    for rival in ("nothing", "class weights", "SMOTE"):
        worse[metric, rival] = int((sign * (cells[metric, "GAN"] - cells[metric, rival]) < 0).sum())
pd.Series(worse).unstack()

# %%
# `When GANs lose <../when_gans_lose.html>`__ says what to make of it.
