"""
A report on what was made
=========================

`quality_report` measures synthetic samples beside real ones, and says in words what is wrong with them: for a GAN that
was trained, one that was not, and rows that are copies.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

from ganaug import TabularGAN, quality_report
from ganaug.datasets import load_example


X, y = load_example("thyroid_sick")
X, X_holdout, y, y_holdout = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)

gan = TabularGAN(random_state=0, verbose=False).fit(X, y)
report = quality_report(gan, X, y, X_holdout=X_holdout, y_holdout=y_holdout, title="Thyroid, trained", verbose=False)
print(report)

# %%
# The held-out rows are not shown to the GAN: they say what real rows score against real rows, whether a classifier
# gains, and whether an attacker can tell who was in the training data. An overview as a picture:

figure, axes = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
report.plot(ax=axes.ravel())

# %%
# A training of three steps, and rows that repeat training rows with a little noise, for contrast.

untrained = TabularGAN(max_steps=3, random_state=0, verbose=False).fit(X, y)
bad = quality_report(untrained, X, y, X_holdout=X_holdout, y_holdout=y_holdout, title="Untrained", verbose=False)
print(bad.lights, bad.findings[0].text, sep="\n")

# %%
copies = X.copy()
numbers = X.select_dtypes("number").columns
copies[numbers] *= 1 + 1e-3 * np.random.default_rng(0).normal(size=copies[numbers].shape)
copied = quality_report((copies, y), X, y, X_holdout=X_holdout, y_holdout=y_holdout, title="Copies", verbose=False)
print(copied.lights, copied.findings[0].text, sep="\n")

# %%
# In a notebook the report is a page; ``report.to_html("report.html")`` writes it to one file, which needs no network.

report
