"""
A saved generator
=================

Train once, draw wherever and as often as you like. The file holds numbers and words, no code and no training rows.
"""

import json
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import ganaug
from ganaug import TabularGAN, plots
from ganaug.datasets import load_example


X, y = load_example("card_fraud")
X = X.drop(columns="Time")
gan = TabularGAN(random_state=0, verbose=False).fit(X, y)

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "fraud.ganaug"
gan.save(path)
print(f"{path.stat().st_size / 1024:,.0f} KiB for {X.memory_usage().sum() / 1024:,.0f} KiB of training rows")

# %%
# It is a file of safetensors: a length, a header of JSON, arrays. Reading it runs no code.

with path.open("rb") as file:
    header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
print(f"{len(header) - 1} arrays, {sorted(header['__metadata__'])}")

# %%
# The loaded one draws the very same rows, given the same seed.

same = ganaug.load(path)
first, _ = gan.sample(200, label=1, random_state=7)
again, _ = same.sample(200, label=1, random_state=7)
assert first.equals(again)
first.iloc[:3, :8].round(3)

# %%
# Any number of rows in constant memory: chunk by chunk.

amounts = []
for rows, _ in same.iter_samples(20_000, label=1, chunk_size=5_000, random_state=0):
    amounts.append(rows["Amount"].to_numpy())
print([len(chunk) for chunk in amounts])

# %%
# The amounts of 20,000 synthetic frauds beside the real ones. An amount that is common in the whole table or among
# frauds, such as exactly 1 or 99.99, comes back exactly and about as often as it should.

real, made = X.loc[y == 1, "Amount"].to_numpy(), np.concatenate(amounts)
figure, axes = plt.subplots(1, 2, figsize=(10, 3.5), layout="constrained")
plots.marginals(pd.DataFrame({"Amount": real}), pd.DataFrame({"Amount": made}), ax=axes[0])
bins = np.geomspace(0.5, 2500, 30)
axes[1].hist([real, made], bins, density=False, weights=[np.full(len(a), 1 / len(a)) for a in (real, made)])
axes[1].set(xscale="log", xlabel="Amount, logarithmic", ylabel="share")
axes[1].legend(["real", "synthetic"], frameon=False)
for value in (0.0, 1.0, 99.99):
    shares = (real == value).mean(), (made == value).mean()
    print(f"exactly {value}: {shares[0]:.1%} of real frauds, {shares[1]:.1%} of synthetic ones")
folder.cleanup()
