"""How good a generator's samples are, on features of a classifier of real training samples, beside the floor."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganaug.experiments.pixels.arms import Arm
from ganaug.experiments.pixels.judges import Judging
from ganaug.experiments.pixels.makers import material
from ganaug.experiments.pixels.pools import SampledPool
from ganaug.experiments.pixels.samples import Split, seen
from ganaug.experiments.pixels.training import augmentation, features_of, train
from ganaug.metrics import evaluate

__all__ = ["QUALITIES", "generator_quality"]

# Test samples, which neither generator nor classifier saw, against synthetic ones: in the classifier's features.
QUALITIES = ("frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage")
# Training samples against synthetic ones, by their pixels: whether any are copies.
COPIES = ("near_copies", "closest_record_ratio")
# The classifier whose features these are: what a careful user has without synthetic samples.
REFERENCE = Arm(sampler="balanced", augment=True)
SHOWN = ("value", "low", "high", "floor", "n_real", "n_synthetic", "enough")
MAX_ROWS, RESAMPLES = 2000, 20


def generator_quality(kind: str, split: Split, pool: SampledPool, judging: Judging) -> list[dict[str, Any]]:
    """Distances, precision and its kin, and near copies, over all and for each class.

    Features are those of a `SmallCNN` trained on the real training samples with a weighted sampler and
    augmentation. Real and synthetic samples are compared in equal shares of classes. The floor is what
    two halves of the real samples get against each other, so of half as many samples: a distance below
    it is as good as can be told.

    Parameters
    ----------
    kind : {"image", "series"}
    split : Split
    pool : SampledPool
    judging : Judging

    Returns
    -------
    list of dict
        "metric", "label" (empty for all), and "value", "low", "high", "floor", "n_real", "n_synthetic",
        "enough" as `ganaug.metrics.evaluate` gives them.
    """
    reader, x, _ = seen(kind, split)
    own = material(x, split.y_train, REFERENCE, None, len(split.labels), judging.seed)
    steps = judging.schedule.steps(judging.n_real)
    network = train(own, REFERENCE, judging.schedule, augmentation(judging.augment), steps, judging.seed)
    tests = int(np.bincount(split.y_test).max())
    rows = np.concatenate([np.flatnonzero(pool.codes == code)[:tests] for code in range(len(split.labels))])
    fake, labels = pool.X[rows], split.labels[pool.codes[rows]]
    common: dict[str, Any] = {"max_rows": MAX_ROWS, "n_resamples": RESAMPLES, "random_state": judging.seed}

    def features(X: Any) -> Any:
        return features_of(network, reader(np.asarray(X)))

    found = evaluate(
        split.X_test, fake, split.labels[split.y_test], labels, metrics=list(QUALITIES), features=features, **common
    )
    found |= evaluate(
        split.X_train, fake, split.labels[split.y_train], labels, metrics=list(COPIES), kind=kind, **common
    )
    return [row for metric, entry in found.items() for row in _rows(metric, entry)]


def _rows(metric: str, entry: dict[str, Any]) -> list[dict[str, Any]]:
    parts = {"": entry} | {str(label): part for label, part in entry["by_class"].items()}
    return [{"metric": metric, "label": label} | {n: _plain(part[n]) for n in SHOWN} for label, part in parts.items()]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
