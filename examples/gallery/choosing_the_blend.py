"""
Choosing the blend
==================

How many synthetic rows does *this* classifier want on *this* table, and for what? `AugmentedClassifier` tries two
shares, averages, and treatments without such rows, by inner cross-validation with one GAN for each fold at most, and
takes the treatment of which most is to be expected.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ganaug import AugmentedClassifier, GANOversampler, TabularGAN, plots
from ganaug.datasets import load_example


X, y = load_example("thyroid_sick")
X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=0.5, stratify=y, random_state=0)

numbers, texts = make_column_selector(dtype_include="number"), make_column_selector(dtype_exclude="number")
bare = make_pipeline(
    make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore"), texts),
    ),
    LogisticRegression(max_iter=2000),
)

# %%
# The same classifier is asked two questions: what raises its average precision, which does not move with the decision
# threshold, and what raises its balanced accuracy, which does. 500 steps in place of 1,000, and two inner folds in
# place of three, keep this page quick.

oversampler = GANOversampler(generator=TabularGAN(max_steps=500, verbose=False))
fitted = {}
for scoring in ("average_precision", "balanced_accuracy"):
    model = AugmentedClassifier(bare, oversampler, scoring=scoring, cv=2, random_state=0)
    fitted[scoring] = model.fit(X_train, y_train)
    print(f"{scoring}: {model.verdict_}")

# %%
# The evidence: what each treatment gained over none on held-out real rows, with its standard error.

figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
for ax, (scoring, model) in zip(axes, fitted.items(), strict=True):
    plots.blend_curve(model, ax=ax)
    ax.set_title(scoring.replace("_", " "))

# %%
fitted["balanced_accuracy"].evidence_.round(3)

# %%
# If the second question is answered by "yes" and the first by "no", a moved threshold was all that was needed, and it
# needs no rows. ``threshold="tune"`` moves it while the blends are judged, so that nothing is left to gain by it:

tuned = AugmentedClassifier(bare, oversampler, scoring="balanced_accuracy", threshold="tune", cv=2, random_state=0).fit(
    X_train, y_train
)
print(tuned.verdict_)

# %%
# All of them on rows that nobody has seen yet.

found = {}
models = {"bare": bare.fit(X_train, y_train), **fitted, "balanced_accuracy, tuned threshold": tuned}
for name, model in models.items():
    sick = list(model.classes_).index("sick")
    found[name] = {
        "average precision": average_precision_score(y_test == "sick", model.predict_proba(X_test)[:, sick]),
        "balanced accuracy": balanced_accuracy_score(y_test, model.predict(X_test)),
    }
pd.DataFrame(found).T.round(3)
