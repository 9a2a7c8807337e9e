"""
From a plentiful class to the rare one
======================================

`ImageTranslator` is a CycleGAN: it turns T-shirts, of which there are 300, into shirts, of which there are 60. The rare
class inherits the variety of the plentiful one, and a classifier of the translator's own refuses what did not arrive.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_score, recall_score

from ganaug import GANOversampler, ImageTranslator, plots
from ganaug.datasets import load_example


(X, y), (X_test, y_test) = load_example("fashion_mnist", "train"), load_example("fashion_mnist", "test")
X = np.concatenate([X[y == "T-shirt/top"], X[y == "Shirt"][:60]])
y = np.repeat(["T-shirt/top", "Shirt"], [300, 60])
both = np.isin(y_test, ["T-shirt/top", "Shirt"])
X_test, y_test = X_test[both], y_test[both]

# %%
# 500 steps with half of the usual width keep this page quick. ``identity_weight`` says how strongly a picture that is
# in the class already must stay as it is; a smaller one changes more pictures.

translator = ImageTranslator(max_steps=500, width=16, identity_weight=1.0, verbose=False)
sampler = GANOversampler(generator=translator, random_state=0)
X_res, y_res = sampler.fit_resample(X, y)
fitted = sampler.generators_["Shirt"]
print(sampler.curation_["Shirt"])

# %%
# T-shirts that the translator never saw, and below each its translation. Some get sleeves, blurred ones after
# so short a training, and some stay what they were.

unseen = X_test[y_test == "T-shirt/top"][:16]
figure, ax = plt.subplots(figsize=(8, 4.6), layout="constrained")
plots.image_grid(unseen, nearest=fitted.translate(unseen), ax=ax)
ax.set_title("above: T-shirts, below: their translations", fontsize=9)

# %%
# What was kept for the training set, beside real shirts.

figure, axes = plt.subplots(1, 2, figsize=(8, 4.2), layout="constrained")
plots.image_grid(X_res[sampler.is_synthetic_][:16], n_columns=4, ax=axes[0]).set_title("kept", fontsize=9)
plots.image_grid(X[y == "Shirt"][:16], n_columns=4, ax=axes[1]).set_title("real shirts", fontsize=9)

# %%
# Does it help? A small classifier, with and without the translations, and with class weights, which cost nothing.

for name, rows, labels, weight in (
    ("as they are", X, y, None),
    ("class weights", X, y, "balanced"),
    ("with translations", X_res, y_res, None),
):
    model = LogisticRegression(C=0.01, max_iter=2000, class_weight=weight)
    model.fit(rows.reshape(len(rows), -1) / 255, labels)
    found = model.predict(X_test.reshape(len(X_test), -1) / 255)
    recall = recall_score(y_test, found, pos_label="Shirt")
    precision = precision_score(y_test, found, pos_label="Shirt")
    print(f"{name:18} recall of shirts {recall:.2f}, precision {precision:.2f}")
