"""
Thresholds and calibration
==========================

What balancing does to a classifier's decisions and probabilities, and what does the same without a single new row.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.base import clone
from sklearn.calibration import calibration_curve
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score
from sklearn.model_selection import TunedThresholdClassifierCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ganaug import AugmentedClassifier, GANOversampler, TabularGAN
from ganaug.datasets import load_example
from ganaug.experiments import calibration_error


X, y = load_example("thyroid_sick")
y = (y == "sick").astype(int)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
bare = make_pipeline(
    make_column_transformer(
        (
            make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
            make_column_selector(dtype_include="number"),
        ),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    ),
    LogisticRegression(max_iter=2000),
)

# %%
# The same logistic regression in four ways: as it is; with its threshold moved by scikit-learn; on balanced rows; on
# balanced rows with its probabilities restored on held-out real ones. 500 steps in place of 1,000 keep this page quick.

oversampler = GANOversampler(generator=TabularGAN(max_steps=500, verbose=False), random_state=0)
X_res, y_res = oversampler.fit_resample(X_train, y_train)
models = {
    "as it is": clone(bare).fit(X_train, y_train),
    "moved threshold": TunedThresholdClassifierCV(bare, scoring="balanced_accuracy").fit(X_train, y_train),
    "balanced": clone(bare).fit(X_res, y_res),
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
print(f"{y_test.mean():.3f} of the test rows are sick")
pd.DataFrame(found).T.round(3)

# %%
# Compare the mean probability with the share of sick that there are: balancing raises it, and on held-out real rows
# that can be undone. A moved threshold changes no probability at all.

figure, ax = plt.subplots(figsize=(5.5, 5), layout="constrained")
ax.plot([0, 1], [0, 1], color="#999999", linewidth=1, label="perfect")
for name in ("as it is", "balanced", "balanced, calibrated"):
    share, mean = calibration_curve(y_test, models[name].predict_proba(X_test)[:, 1], n_bins=8, strategy="quantile")
    ax.plot(mean, share, "o-", markersize=4, label=name)
ax.set(xlabel="predicted probability", ylabel="share of sick", title="test rows, real, at their own class ratio")
ax.legend(frameon=False)
