"""Balance a real table with one line, look at the new rows, and see whether they help.

    python examples/quickstart.py

Reads examples/data/thyroid_sick.csv and writes ./out/thyroid_sick_balanced.csv and ./out/thyroid_sick_marginals.png.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from imblearn.metrics import geometric_mean_score
from imblearn.over_sampling import SMOTENC, RandomOverSampler
from imblearn.pipeline import make_pipeline
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, make_scorer
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ganaug import AugmentedClassifier, GANOversampler, TabularGAN

DATA = Path(__file__).parent / "data" / "thyroid_sick.csv"
LABEL, RARE = "class", "sick"
CLASSIFIERS = {
    "LogisticRegression": LogisticRegression(max_iter=2000),
    "RandomForest": RandomForestClassifier(random_state=0),
}
SHOWN = ["age", "sex", "pregnant", "TSH", "T3", "TT4", "T4U", "FTI", "referral_source", "class", "is_synthetic"]

# The first two do not move with the decision threshold; the other three do.
METRICS = {
    "average precision": make_scorer(average_precision_score, response_method="predict_proba", pos_label=RARE),
    "ROC AUC": "roc_auc",
    "balanced accuracy": "balanced_accuracy",
    "F1": make_scorer(f1_score, pos_label=RARE),
    "G-mean": make_scorer(geometric_mean_score),
}


# ---- 1. Balance -------------------------------------------------------------------------------


def balance(X, y, oversampler):
    """The main job: one line. The rest only prints and tidies up."""
    print(f"{len(X):,} rows x {X.shape[1]} columns, {X.isna().to_numpy().mean():.1%} of the values missing")
    print("before: ", y.value_counts().to_dict())

    X_res, y_res = oversampler.fit_resample(X, y)

    print("after:  ", y_res.value_counts().to_dict(), "\n")
    # The original rows come first, untouched; is_synthetic_ says which ones are new.
    return X_res.assign(**{LABEL: y_res, "is_synthetic": oversampler.is_synthetic_})


def show_rows(balanced, n=5):
    """A few real rows of the rare class, and as many synthetic ones."""
    rare = balanced[balanced[LABEL] == RARE]
    both = rare.groupby("is_synthetic").sample(n, random_state=0)
    print(f"Real and synthetic rows of class {RARE!r}, {len(SHOWN) - 2} of {len(balanced.columns) - 2} columns:\n")
    print(both[SHOWN].to_string(index=False, na_rep="-"), "\n")


# ---- 2. Compare -------------------------------------------------------------------------------


def encode(numeric, categorical):
    """What the classifiers need: no missing values, numbers of one scale, categories as indicators."""
    return make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numeric),
        (OneHotEncoder(handle_unknown="ignore"), categorical),
    )


def fill(numeric, categorical):
    """What SMOTENC needs beforehand: it takes no missing values. GANOversampler takes the table as it is."""
    filler = make_column_transformer(
        (SimpleImputer(strategy="median"), numeric),
        (SimpleImputer(strategy="most_frequent"), categorical),
        verbose_feature_names_out=False,
    )
    return filler.set_output(transform="pandas")


def compare(X, y, oversampler, folds, n_jobs=2):
    """Cross-validated scores: one row for each classifier, way and fold."""
    numeric = X.select_dtypes("number").columns.tolist()
    categorical = X.columns.difference(numeric, sort=False).tolist()
    smote = SMOTENC(categorical, random_state=0)
    ways = {  # name -> steps that resample, class_weight
        "nothing": ([], None),
        "class weights": ([], "balanced"),
        "random oversampling": ([RandomOverSampler(random_state=0)], None),
        "SMOTENC": ([fill(numeric, categorical), smote], None),
        "GANOversampler": ([oversampler], None),
    }
    splits = StratifiedKFold(folds, shuffle=True, random_state=0)
    scores = []
    # The pipeline resamples its training fold and never the test fold. Its memory keeps what was
    # resampled, so that the second classifier trains on the same rows without a second GAN.
    with tempfile.TemporaryDirectory() as memory:
        for name, classifier in CLASSIFIERS.items():
            for way, (steps, class_weight) in ways.items():
                model = clone(classifier).set_params(class_weight=class_weight)
                pipe = make_pipeline(*steps, encode(numeric, categorical), model, memory=memory)
                found = cross_validate(pipe, X, y, scoring=METRICS, cv=splits, n_jobs=n_jobs)
                found = pd.DataFrame({metric: found[f"test_{metric}"] for metric in METRICS})
                scores.append(found.assign(classifier=name, way=way, fold=range(folds)))
    return pd.concat(scores).set_index(["classifier", "way", "fold"])


def show_scores(scores):
    """The table, and what it says."""
    for classifier, part in scores.groupby("classifier"):
        ways = part.groupby("way", sort=False)
        cells = ways.mean().map("{:.3f}".format) + " ± " + ways.std().map("{:.3f}".format)
        print(f"{classifier}, mean ± standard deviation over the folds\n\n{cells.rename_axis(None).to_string()}\n")
        conclude(part.droplevel("classifier"))


def conclude(scores):
    """Who won each metric, and where the GAN differs from its rivals in every single fold."""
    winners = scores.groupby("way").mean().idxmax()
    print("  Best:", ", ".join(f"{metric}: {way}" for metric, way in winners.items()))
    gan = scores.xs("GANOversampler", level="way")
    for rival in ("nothing", "class weights", "SMOTENC"):
        change = gan - scores.xs(rival, level="way")
        up, down = ([m for m in METRICS if (sign * change[m] > 0).all()] for sign in (1, -1))
        print(
            f"  GANOversampler against {rival}: higher in every fold on {', '.join(up) or 'no metric'}; "
            f"lower in every fold on {', '.join(down) or 'no metric'}."
        )
    print()


# ---- 3. Decide --------------------------------------------------------------------------------


def advise(X, y, oversampler, n_jobs=2):
    """What to do with this table under the better classifier: the treatment of which most is expected, or none."""
    numeric = X.select_dtypes("number").columns.tolist()
    categorical = X.columns.difference(numeric, sort=False).tolist()
    pipe = make_pipeline(encode(numeric, categorical), CLASSIFIERS["RandomForest"])
    model = AugmentedClassifier(
        pipe, oversampler, scoring="balanced_accuracy", cv=2, n_jobs=n_jobs, random_state=0, verbose=False
    ).fit(X, y)
    print("What to do with this table: AugmentedClassifier tried moved thresholds, class weights, undersampling,")
    print(
        "synthetic rows and averages on held-out real rows; the gain expected counts what is known of the treatments.\n"
    )
    for row in model.evidence_.dropna(subset="score").sort_values("expected", ascending=False).itertuples():
        print(f"  {row.score:.3f}  expected {row.expected:+.3f}  {row.treatment}{'   <- chosen' if row.chosen else ''}")
    print(f"\n  {model.verdict_}\n")


# ---- 4. Look ----------------------------------------------------------------------------------


def draw(balanced, path):
    """A picture of each column's values in real and synthetic rows of the rare class; False without matplotlib."""
    try:
        import matplotlib as mpl

        mpl.use("Agg")  # draws to files, needs no screen
        import matplotlib.pyplot as plt
    except ImportError:
        return False
    rare = balanced[balanced[LABEL] == RARE]
    synthetic = rare["is_synthetic"]
    columns = rare.drop(columns=[LABEL, "is_synthetic"])
    numeric = columns.select_dtypes("number").columns
    texts = columns.columns.difference(numeric, sort=False)
    flags = [name for name in texts if set(columns[name].dropna()) <= {"t", "f"}]
    many = texts.difference(flags, sort=False)

    figure, axes = plt.subplot_mosaic(
        [list(numeric[:4]), [*numeric[4:6], *many[:2]], ["flags"] * 4], figsize=(12, 8), dpi=100, layout="constrained"
    )
    for name in numeric[:6]:
        histogram(axes[name], columns.loc[~synthetic, name], columns.loc[synthetic, name])
    for name in many[:2]:
        values = columns[name].fillna("missing")
        shares = pd.crosstab(values, synthetic, normalize="columns")
        bars(axes[name], shares.sort_values(False, ascending=False), name)
    shares = (columns[flags] == "t").groupby(synthetic).mean().T
    bars(
        axes["flags"],
        shares,
        "share of 't' in the columns of 't' and 'f'",
        rotation=30,
        ha="right",
        rotation_mode="anchor",
    )
    handles, names = axes["flags"].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=2, frameon=False, fontsize=12)
    counts = f"{(~synthetic).sum():,} real rows, {synthetic.sum():,} synthetic ones"
    title = f"Class {RARE!r}: {counts} (missing: real, synthetic)"
    figure.suptitle(title, x=0.01, ha="left", fontsize=14)
    figure.savefig(path)
    plt.close(figure)
    return True


COLOURS = {"real": "#8a8f98", "synthetic": "#d9541e"}


def histogram(ax, real, synthetic):
    """Two densities over the same bins, without the outermost percent: an outlier would squeeze the rest."""
    low, high = real.quantile([0.01, 0.99])
    skewed = low > 0 and high > 100 * low
    bins = np.geomspace(low, high, 21) if skewed else np.linspace(low, high, 21)
    shares = [np.histogram(values.dropna(), bins)[0] / values.notna().sum() for values in (real, synthetic)]
    ax.stairs(shares[0], bins, color=COLOURS["real"], alpha=0.6, fill=True)
    ax.stairs(shares[1], bins, color=COLOURS["synthetic"], linewidth=2)
    ax.set_xscale("log" if skewed else "linear")
    ax.set_title(f"{real.name}  (missing: {real.isna().mean():.1%}, {synthetic.isna().mean():.1%})", fontsize=11)
    ax.set_yticks([])
    ax.spines[["left", "top", "right"]].set_visible(False)


def bars(ax, shares, title, **labels):
    """Two bars for each row of a table: its share in the real rows (column False) and in the synthetic ones (True)."""
    place = np.arange(len(shares))
    ax.bar(place - 0.2, shares[False], 0.4, color=COLOURS["real"], alpha=0.6, label="real")
    ax.bar(place + 0.2, shares[True], 0.4, color=COLOURS["synthetic"], label="synthetic")
    ax.set_xticks(place, shares.index, **labels)
    ax.set_title(title, fontsize=11)
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.spines[["top", "right"]].set_visible(False)


# ---- All of it --------------------------------------------------------------------------------


def main(steps=None, folds=3, rows=None, n_jobs=2, out="out"):
    """Run the demo; fewer ``steps``, ``folds`` and ``rows`` make it quick, and its figures meaningless."""
    started = time.perf_counter()
    table = pd.read_csv(DATA)
    if rows:
        table = table.groupby(LABEL).sample(frac=rows / len(table), random_state=0)
    X, y = table.drop(columns=LABEL), table[LABEL]

    oversampler = GANOversampler(random_state=0, verbose=True)  # a progress bar, also where there is no terminal
    quiet = GANOversampler(random_state=0, verbose=False)
    if steps:
        oversampler.set_params(generator=TabularGAN(max_steps=steps, verbose=True))
        quiet.set_params(generator=TabularGAN(max_steps=steps, verbose=False))
    balanced = balance(X, y, oversampler)
    show_rows(balanced)

    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    csv, png = out / "thyroid_sick_balanced.csv", out / "thyroid_sick_marginals.png"
    balanced.to_csv(csv, index=False)
    drawn = draw(balanced, png)

    print(f"Does it help? {folds}-fold cross-validation; only the training folds are resampled.\n", flush=True)
    show_scores(compare(X, y, quiet, folds, n_jobs))
    print(
        "Differences within the spread mean nothing, and one table is one table. A gain in balanced accuracy and\n"
        "G-mean that average precision and ROC AUC do not share is a moved threshold: that needs no new rows.\n"
    )
    advise(X, y, quiet, n_jobs)
    print(f"The balanced table, with a column is_synthetic: {csv}")
    print(f"Real against synthetic values: {png if drawn else 'no picture; pip install matplotlib'}")
    print(f"({time.perf_counter() - started:.0f} s)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, help="steps of each training (default: those of TabularGAN)")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--rows", type=int, help="use a part of the table")
    parser.add_argument("--n-jobs", type=int, default=2, help="folds side by side")
    parser.add_argument("--out", default="out", help="folder of the two files")
    main(**vars(parser.parse_args()))
