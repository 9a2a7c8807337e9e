"""
Classes trained by a dask cluster
=================================

Each rare class is a task of its own, and joblib hands tasks to whatever backend it is told: here to dask. The result is
the same, to the last digit, as in one process.
"""

import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from distributed import Client, LocalCluster

from ganaug import GANOversampler, TabularGAN, plots
from ganaug.datasets import load_example


# %%
# A table of four movements, two of them rare: mean, spread and extremes of three channels of acceleration.

signals, y = load_example("smartphone_motion", "train")
signals = signals / 1000  # thousandths of g
X = np.concatenate([signals.mean(2), signals.std(2), signals.min(2), signals.max(2)], axis=1)
X = pd.DataFrame(X, columns=[f"{what} of {axis}" for what in ("mean", "spread", "least", "most") for axis in "xyz"])
print(X.shape, {str(label): int((y == label).sum()) for label in np.unique(y)})

# %%
# Two workers in this process; for a real cluster, ``Client("scheduler-address:8786")`` is all that changes.

sampler = GANOversampler(generator=TabularGAN(max_steps=300, verbose=False), random_state=0)
with (
    LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
    Client(cluster) as client,
    joblib.parallel_config("dask"),
):
    print(f"{len(client.scheduler_info()['workers'])} workers")
    X_res, y_res = sampler.fit_resample(X, y)

# %%
# The same without a cluster.

X_alone, y_alone = sampler.fit_resample(X, y)
assert X_res.equals(X_alone)
assert np.array_equal(y_res, y_alone)
print("equal to the last digit")

# %%
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
plots.class_counts(y, y_res, ax=ax)

# %%
# Standing up, in four of the twelve columns: the real movements below the diagonal, the synthetic ones above it.

new = sampler.is_synthetic_ & (y_res == "sit to stand")
figure, axes = plt.subplots(4, 4, figsize=(8, 7.5), layout="constrained")
columns = ["spread of x", "most of x", "spread of y", "most of y"]
plots.pairs(X[y == "sit to stand"], X_res[new], columns=columns, ax=axes.ravel())
