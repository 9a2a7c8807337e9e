"""
Thresholds and calibration
==========================

What balancing does to a classifier's decisions and probabilities, and what does the same without a single new row.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score
from sklearn.model_selection import TunedThresholdClassifierCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import ganaug
from ganaug import AugmentedClassifier, GANOversampler, TabularGAN
from ganaug.experiments import calibration_error

DATA = Path(ganaug.__file__).parents[1] / "examples" / "data"

table = pd.read_csv(DATA / "card_fraud.csv.gz")
table = pd.concat([table[table["fraud"] == 0], table[table["fraud"] == 1].iloc[::3]])
X, y = table[["V3", "V4", "V7", "V11", "V12", "Amount"]], table["fraud"]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)

# %%
# The same logistic regression in four ways: as it is; with its threshold moved by scikit-learn; on balanced rows; on
# balanced rows with its probabilities restored on held-out real ones. 500 steps in place of 1,000 keep this page quick.

bare = make_pipeline(StandardScaler(), LogisticRegression())
oversampler = GANOversampler(generator=TabularGAN(max_steps=500, verbose=False), random_state=0)
X_res, y_res = oversampler.fit_resample(X_train, y_train)
models = {
    "as it is": make_pipeline(StandardScaler(), LogisticRegression()).fit(X_train, y_train),
    "moved threshold": TunedThresholdClassifierCV(bare, scoring="balanced_accuracy").fit(X_train, y_train),
    "balanced": make_pipeline(StandardScaler(), LogisticRegression()).fit(X_res, y_res),
    "balanced, calibrated": AugmentedClassifier(bare, oversampler, blend=1.0, calibrate=True, cv=2, random_state=0).fit(
        X_train, y_train
    ),
}
found = {}
for name, model in models.items():
    probability = model.predict_proba(X_test)[:, 1]
    found[name] = {
        "average precision": average_precision_score(y_test, probability),
        "balanced accuracy": balanced_accuracy_score(y_test, model.predict(X_test)),
        "F1": f1_score(y_test, model.predict(X_test)),
        "calibration error": calibration_error(y_test, probability),
        "mean probability": probability.mean(),
    }
print(f"{y_test.mean():.3f} of the test rows are frauds")
pd.DataFrame(found).T.round(3)

# %%
# Balancing raised the mean probability far above the share of frauds that there are; on held-out real rows that can be
# undone. A moved threshold changes no probability at all.

figure, ax = plt.subplots(figsize=(5.5, 5), layout="constrained")
ax.plot([0, 1], [0, 1], color="#999999", linewidth=1, label="perfect")
for name in ("as it is", "balanced", "balanced, calibrated"):
    share, mean = calibration_curve(y_test, models[name].predict_proba(X_test)[:, 1], n_bins=8, strategy="quantile")
    ax.plot(mean, share, "o-", markersize=4, label=name)
ax.set(xlabel="predicted probability", ylabel="share of frauds", title="test rows, real, at their own class ratio")
ax.legend(frameon=False)
