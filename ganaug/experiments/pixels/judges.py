"""The classifiers whose scores tell arms apart."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ganaug.experiments.pixels.arms import Arm
from ganaug.experiments.pixels.makers import Material
from ganaug.experiments.pixels.training import Schedule, augmentation, logits_of, train
from ganaug.utils.types import IntArray

__all__ = ["JUDGES", "Judging", "applies", "series_features"]

# Bins that the magnitudes of a series' spectrum are averaged into.
BINS = 8


@dataclass(frozen=True)
class Judging:
    """What all arms of a data set share.

    Attributes
    ----------
    schedule : Schedule
    augment : sequence of str
        See `augmentation`.
    n_real : int
        Real training items, which set the number of steps.
    seed : int
        Of the classifier: the same for all arms.
    """

    schedule: Schedule
    augment: Sequence[str]
    n_real: int
    seed: int


def by_cnn(material: Material, arm: Arm, x_test: Tensor, judging: Judging) -> IntArray:
    """The classes that `SmallCNN` gives to test items."""
    steps = judging.schedule.steps(judging.n_real)
    network = train(material, arm, judging.schedule, augmentation(judging.augment), steps, judging.seed)
    return logits_of(network, x_test).argmax(1)


def by_features(material: Material, arm: Arm, x_test: Tensor, judging: Judging) -> IntArray:
    """Those that logistic regression on `series_features` gives; a balanced sampler becomes class weights."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    balanced = "balanced" if arm.sampler == "balanced" else None
    scaler = StandardScaler().set_output(transform="default")
    model = make_pipeline(scaler, LogisticRegression(class_weight=balanced, max_iter=300))
    weights = np.where(material.synthetic, arm.weight, 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 300 steps of lbfgs are what each arm gets
        model.fit(series_features(material.x), material.codes, logisticregression__sample_weight=weights)
    found: IntArray = model.predict(series_features(x_test))
    return found


def series_features(x: Tensor) -> npt.NDArray[np.float64]:
    """Level, spread, extremes, quartiles, steps, spectrum of each channel. (n, C, length) -> (n, C * 16) at most."""
    values = x.double().numpy()
    quartiles = np.quantile(values, [0.25, 0.5, 0.75], axis=2)
    steps = np.abs(np.diff(values, axis=2)).mean(2)
    spectrum = np.abs(np.fft.rfft(values - values.mean(2, keepdims=True), axis=2))[:, :, 1:] / values.shape[2]
    # low frequencies in narrow bins, high ones in wide ones
    edges = np.unique(np.geomspace(1, spectrum.shape[2] + 1, BINS + 1).astype(int)) - 1
    bins = np.add.reduceat(spectrum, edges[:-1], axis=2)
    parts = [values.mean(2), values.std(2), values.min(2), values.max(2), *quartiles, steps, *np.moveaxis(bins, 2, 0)]
    return np.concatenate(parts, axis=1)


JUDGES: dict[str, Callable[[Material, Arm, Tensor, Judging], IntArray]] = {"cnn": by_cnn, "features": by_features}


def applies(judge: str, arm: Arm) -> bool:
    """Whether a classifier can be trained so: only `SmallCNN` is trained batch after batch."""
    return judge == "cnn" or not arm.needs_loop
