"""Balance a set of signals with a SeriesGAN.

    python examples/series.py

The signals are made here: a common kind, a slow wave, and a rare one with a short burst on it, at a random place. A
classifier sees the summary of each signal.
"""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score

from ganaug import GANOversampler, SeriesGAN


def signals(n, burst, rng):
    """(n, 1, 64) float32, with or without a burst."""
    t = np.linspace(0, 1, 64)
    waves = np.sin(2 * np.pi * (t + rng.random((n, 1)))) + 0.2 * rng.normal(size=(n, 64))
    place = rng.uniform(0.2, 0.8, (n, 1))
    bursts = np.exp(-(((t - place) / 0.04) ** 2)) * np.sin(2 * np.pi * 12 * (t - place)) * rng.uniform(0.6, 1.2, (n, 1))
    return (waves + burst * bursts)[:, None].astype("float32")


def main(arguments=None):
    """Balance, and compare a classifier with and without the new signals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600, help="of the GAN's training (default: 600)")
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(0)
    X = np.concatenate([signals(400, 0, rng), signals(30, 1, rng)])
    y = np.array(["plain"] * 400 + ["burst"] * 30)
    X_test = np.concatenate([signals(300, 0, rng), signals(300, 1, rng)])
    y_test = np.array(["plain"] * 300 + ["burst"] * 300)

    sampler = GANOversampler(generator=SeriesGAN(max_steps=options.steps), random_state=0)
    X_new, y_new = sampler.fit_resample(X, y)
    print(f"{X.shape} -> {X_new.shape}; curation: {sampler.curation_}")
    for name, (rows, labels) in {"as they are": (X, y), "balanced by SeriesGAN": (X_new, y_new)}.items():
        model = RandomForestClassifier(random_state=0).fit(np.abs(np.fft.rfft(rows[:, 0])), labels)
        found = model.predict(np.abs(np.fft.rfft(X_test[:, 0])))
        print(f"{name}: balanced accuracy {balanced_accuracy_score(y_test, found):.3f}")


if __name__ == "__main__":
    main()
