"""
A mixed table with missing values
=================================

Patients with six laboratory values and 22 categories, many of them missing. `GANOversampler` takes the table as it is,
and gives back the same kind of table.
"""

import matplotlib.pyplot as plt
import pandas as pd

from ganaug import GANOversampler, plots
from ganaug.datasets import load_example


X, y = load_example("thyroid_sick")
X.iloc[:5, [0, 1, 2, 16, 17, 19, 21, 27]]

# %%
# No encoding, no imputation. A column of strings stays one, whole numbers stay whole, and a value is missing where
# values are missing in the data.

sampler = GANOversampler(random_state=0)
X_res, y_res = sampler.fit_resample(X, y)
made = X_res[sampler.is_synthetic_]
assert (X_res.dtypes == X.dtypes).all()
assert X_res[~sampler.is_synthetic_].equals(X)
made.iloc[:5, [0, 1, 2, 16, 17, 19, 21, 27]]

# %%
# The classes before and after, and eight columns of the sick: real ones filled, synthetic ones outlined.

figure, ax = plt.subplots(figsize=(5, 3), layout="constrained")
plots.class_counts(y, y_res, ax=ax)

# %%
sick = X[y == "sick"]
columns = ["age", "TSH", "T3", "TT4", "T4U", "FTI", "sex", "on_thyroxine", "referral_source"]
figure, axes = plt.subplots(3, 3, figsize=(10, 7), layout="constrained")
plots.marginals(sick, made, columns=columns, ax=axes.ravel())

# %%
# The bulk is right. The few sick with a high ``T3`` or ``TT4`` have hardly any synthetic counterparts, perhaps because
# they look healthy to the forest that refuses rows of another class; a smaller ``min_probability`` refuses fewer.
#
# How often a value is missing, and whether values are missing together: a laboratory value that was not measured is
# missing exactly where the flag beside it says so.

missing = pd.DataFrame({"real": sick.isna().mean(), "synthetic": made.isna().mean()})
missing[missing.max(axis=1) > 0].map("{:.1%}".format)

# %%
for name, rows in {"real": sick, "synthetic": made}.items():
    wrong = (rows["T3_measured"] == "t") != rows["T3"].notna()
    print(f"{name}: the flag of T3 contradicts its value in {wrong.sum()} of {len(rows):,} rows")

# %%
# What the GAN does not know: that ``FTI`` is ``TT4 / T4U``. It learnt the relation from the rows, and holds it roughly.

figure, ax = plt.subplots(figsize=(5, 4), layout="constrained")
for name, rows, marker in (("real", sick, "o"), ("synthetic", made.iloc[: len(sick)], "x")):
    ax.scatter(100 * rows["TT4"] / rows["T4U"] / 100, rows["FTI"], s=16, marker=marker, alpha=0.6, label=name)
ax.set(xlabel="TT4 / T4U", ylabel="FTI")
ax.legend(frameon=False)
off = (made["FTI"] / (made["TT4"] / made["T4U"]) - 1).abs().median()
print(f"FTI of synthetic rows is off by {off:.1%} (median)")
