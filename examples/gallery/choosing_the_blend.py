"""
Choosing the blend
==================

How many synthetic rows does *this* classifier want on *this* table? `AugmentedClassifier` tries several shares, none
among them, by inner cross-validation with one GAN for each fold, and takes what gains more than noise.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from ganaug import AugmentedClassifier, GANOversampler, plots

DATA = Path(__file__).resolve().parents[1] / "data"

table = pd.read_csv(DATA / "thyroid_sick.csv")
X, y = table.drop(columns="class"), table["class"]
X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=0.5, stratify=y, random_state=0)

numbers, texts = make_column_selector(dtype_include="number"), make_column_selector(dtype_exclude="number")
linear = make_pipeline(
    make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore"), texts),
    ),
    LogisticRegression(max_iter=2000),
)
boosted = make_pipeline(
    make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), texts), remainder="passthrough"
    ),
    HistGradientBoostingClassifier(random_state=0),
)

# %%
# Three trainings of the GAN for each classifier, one for each inner fold, and one more where a share is chosen.

fitted = {}
for name, estimator in {"logistic regression": linear, "gradient boosting": boosted}.items():
    model = AugmentedClassifier(estimator, GANOversampler(verbose=False), threshold="tune", random_state=0)
    fitted[name] = model.fit(X_train, y_train)
    print(f"{name}: {model.verdict_}")

# %%
# The evidence: what each share gained over none on held-out real rows, with its standard error.

figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
for ax, (name, model) in zip(axes, fitted.items(), strict=True):
    plots.blend_curve(model, ax=ax)
    ax.set_title(f"{name}: {model.blend_.share:g} of full balance", fontsize=10)

# %%
fitted["logistic regression"].evidence_.round(3)

# %%
# And on rows that nobody has seen yet, beside the bare classifier. The tuned threshold accounts for most of what
# balanced accuracy gains.

found = {}
for name, (bare, model) in {
    name: (estimator.fit(X_train, y_train), fitted[name])
    for name, estimator in {"logistic regression": linear, "gradient boosting": boosted}.items()
}.items():
    for kind, one in {"bare": bare, "AugmentedClassifier": model}.items():
        sick = list(one.classes_).index("sick")
        found[name, kind] = {
            "average precision": average_precision_score(y_test == "sick", one.predict_proba(X_test)[:, sick]),
            "balanced accuracy": balanced_accuracy_score(y_test, one.predict(X_test)),
        }
pd.DataFrame(found).T.round(3)
