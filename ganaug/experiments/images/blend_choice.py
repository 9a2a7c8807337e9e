"""`choose_blend`: train a few arms on inner splits, and recommend a blend, or none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit

from ganaug.encoding.sources import resolve_samples
from ganaug.exceptions import InvalidDataError, InvalidParameterError
from ganaug.experiments.harness import one_core
from ganaug.experiments.images.arms import (
    ARMS,
    SERIES_ARMS,
    Arm,
    Asked,
    Split,
    as_tensors,
    chosen_arms,
    read_split,
    synthetic_counts,
    training_set,
)
from ganaug.experiments.images.cnn import Schedule, Setup, augmentation, by_cnn
from ganaug.experiments.images.trials import GeneratedSamples, sampled
from ganaug.runtime.compute import one_thread, run_tasks
from ganaug.selection.candidates import Blend
from ganaug.selection.choosing import best_blend, evidence
from ganaug.utils import validation
from ganaug.utils.determinism import Seed, child_seed, isolated, numpy_generator, root_seed
from ganaug.utils.types import IntArray

__all__ = ["BlendChoice", "choose_blend"]

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

# kind -> the arms that are tried unless others are given: what costs nothing, then what costs a generator. Of
# pictures, those that were best on some set of docs/image_comparison_gpu.md, and their relatives.
CANDIDATES: dict[str, list[str]] = {
    "image": [
        "augmentation",
        "weighted sampler + augmentation",
        "logit adjustment + augmentation",
        "Mixup-DRW + augmentation",
        "half synthetic + weighted sampler + augmentation",
        "half synthetic + logit adjustment + augmentation",
        "half synthetic until 0.7, then logit adjustment + augmentation",
        "half synthetic + Mixup until 0.8, then Mixup-DRW + augmentation",
    ],
    "series": ["nothing", "weights", "blend 0.25", "blend 0.5", "blend 1", "blend 0.5 + weights"],
}
KNOWN = {"image": ARMS, "series": SERIES_ARMS}
RESAMPLES = 64


@dataclass(frozen=True)
class BlendChoice:
    """What `choose_blend` recommends.

    Attributes
    ----------
    name : str
        Of the arm.
    arm : Arm
        How to train.
    share : float
        Synthetic samples, as a share of what each class lacks to the largest; 0 is none.
    sampling_strategy : dict of label to int
        The wanted total of each class that gets some: what `BlendedDataset` takes.
    evidence : DataFrame
        A row for each arm: "arm", "share", "score" (ACSA on held-out samples, mean over the splits), "score_error",
        and "gain" over ``reference``, "gain_error" and "needed", NaN for the other arms without synthetic samples.
    reference : str
        The best arm without synthetic samples.
    verdict : str
        One sentence.
    """

    name: str
    arm: Arm
    share: float
    sampling_strategy: dict[Any, int]
    evidence: pd.DataFrame
    reference: str
    verdict: str


@isolated
def choose_blend(
    X: object,
    y: object = None,
    generator: object = None,
    arms: Asked | None = None,
    *,
    cv: int = 3,
    val_fraction: float | None = None,
    kind: str = "image",
    epochs: int = 20,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    width: int = 32,
    augment: Sequence[str] = ("translation",),
    device: str = "cpu",
    n_jobs: int | None = None,
    random_state: Seed = None,
) -> BlendChoice:
    """Find out, on training samples alone, whether synthetic ones help a network, and how many.

    On each inner split the generator is fitted once, to the training part; each arm trains a small network, which is
    judged on the held-out part by the mean accuracy over the classes (ACSA). A blend is recommended if it beats the
    best arm without synthetic samples by more than noise, by the rule of `AugmentedClassifier`: see
    ``ganaug.selection.choosing.evidence``. If none does, the best arm without is recommended.

    Parameters
    ----------
    X : images or series, or a map-style dataset
        See `ImageGAN`. Of a dataset each item is read once: leave random augmentation out.
    y : array-like of shape (n,), optional
        Labels; those of a dataset are found.
    generator : estimator
        Cloned and fitted on every split: one that was fitted on all samples has seen those held out.
    arms : list of str, or dict of str to Arm, optional
        As in `compare_images`; at least one without synthetic samples.
    cv : int, default=3
        Folds.
    val_fraction : float, optional
        Instead of folds, a single split that holds this share of each class out: a third of the time, and less sure.
    kind : {"image", "series"}, default="image"
    epochs : int, default=20
    batch_size : int, default=64
    learning_rate : float, default=2e-3
    width : int, default=32
    augment : list of str, default=("translation",)
        As in `compare_images`.
    device : str, default="cpu"
        Of the networks that are trained in the arms' ways. The generator has its own.
    n_jobs : int, optional
        Arms at the same time.
    random_state : int, RandomState, Generator or None, default=None

    Returns
    -------
    BlendChoice

    Raises
    ------
    InvalidParameterError, InvalidDataError
        If a class has fewer samples than there are folds, or parameters cannot work.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug import SmoothedBootstrap
    >>> from ganaug.experiments import choose_blend
    >>> y = np.repeat([0, 1], [40, 8])
    >>> X = np.random.default_rng(0).normal(size=(48, 1, 16)) + y[:, None, None]
    >>> names = ["nothing", "blend 1"]
    >>> choice = choose_blend(
    ...     X, y, SmoothedBootstrap(), names, kind="series", cv=2, epochs=1, width=2, random_state=0
    ... )  # fmt: skip
    >>> choice.evidence["arm"].tolist()
    ['nothing', 'blend 1']
    """
    validation.choice("kind", kind, KNOWN)
    known = chosen_arms(CANDIDATES[kind] if arms is None else arms, KNOWN[kind])
    bare = [name for name, arm in known.items() if not arm.uses_generator]
    if not bare or not all(arm.real for arm in known.values()):
        raise InvalidParameterError("arms: give at least one without synthetic samples, and none without real ones")
    if not (hasattr(generator, "fit") and hasattr(generator, "sample")):
        raise InvalidParameterError(f"generator={generator!r} must be an estimator with fit and sample")
    schedule = Schedule(epochs, batch_size, learning_rate, width, device).checked()
    augmentation(augment)
    samples, labels = _arrays(X, y)
    seed = root_seed(random_state)
    n_classes, rarest = len(np.unique(labels)), int(np.unique(labels, return_counts=True)[1].min())
    as_is, resampled = [], []
    for number, (fit, held) in enumerate(_splits(labels, cv, val_fraction, rarest, seed)):
        split = read_split((samples[fit], labels[fit], samples[held], labels[held]))
        own = child_seed(seed, "split", number)
        pool = sampled(generator, split, own)
        setup = Setup(schedule, tuple(augment), schedule.steps(len(fit)), child_seed(own, "classifier"))
        tasks = [(kind, split, pool, arm, setup) for arm in known.values()]
        hits = np.stack(run_tasks(_hits, tasks, n_jobs), axis=1)
        as_is.append(_acsa(hits, split.y_test, n_classes))
        resampled.append(_resampled(hits, split.y_test, n_classes, own))
    return _judged(known, bare, np.stack(as_is), np.stack(resampled), labels, rarest)


def _arrays(X: object, y: object) -> tuple[Array, Array]:
    found, labels, _ = resolve_samples(X, y)
    if labels is None:
        raise InvalidDataError("there are no labels; give y=")
    samples = found.detach().cpu().numpy() if isinstance(found, torch.Tensor) else np.asarray(found)
    return samples, np.asarray(labels)


def _splits(
    labels: Array, cv: int, val_fraction: float | None, rarest: int, seed: int
) -> Iterator[tuple[Array, Array]]:
    state = child_seed(seed, "splits") % 2**31
    folds = validation.integer("cv", cv, 2) if val_fraction is None else 2
    if rarest < folds:
        raise InvalidDataError(f"the smallest class has {rarest} samples, too few for {folds} parts that all hold one")
    if val_fraction is None:
        return StratifiedKFold(folds, shuffle=True, random_state=state).split(labels, labels)
    share = validation.number("val_fraction", val_fraction, 0, 1, open_low=True, open_high=True)
    return StratifiedShuffleSplit(1, test_size=share, random_state=state).split(labels, labels)


def _hits(kind: str, split: Split, pool: GeneratedSamples, arm: Arm, setup: Setup) -> npt.NDArray[np.bool_]:
    """Which held-out samples an arm's network recognises. (n,)."""
    with one_thread(), one_core():
        reader, x, x_test = as_tensors(kind, split)
        made = (reader(pool.X), pool.codes) if arm.uses_generator else None
        items = training_set(x, split.y_train, arm, made, len(split.labels), child_seed(setup.seed, "material"))
        found: npt.NDArray[np.bool_] = by_cnn(items, arm, x_test, setup) == split.y_test
        return found


def _acsa(hits: npt.NDArray[np.bool_], truth: IntArray, n_classes: int) -> Floats:
    """(n, arms) -> (arms,)."""
    found: Floats = np.mean([hits[truth == code].mean(0) for code in range(n_classes)], axis=0)
    return found


def _resampled(hits: npt.NDArray[np.bool_], truth: IntArray, n_classes: int, seed: int) -> Floats:
    """The same with the samples of each class drawn again, with replacement. (n, arms) -> (RESAMPLES, arms)."""
    rng = numpy_generator(seed, "resample")
    total = np.zeros((RESAMPLES, hits.shape[1]))
    for code in range(n_classes):
        rows = np.flatnonzero(truth == code)
        total += hits[rows[rng.integers(len(rows), size=(RESAMPLES, len(rows)))]].mean(1)
    return total / n_classes


def _judged(
    arms: dict[str, Arm], bare: list[str], as_is: Floats, resampled: Floats, labels: Array, rarest: int
) -> BlendChoice:
    names = list(arms)
    scores = dict(zip(names, as_is.mean(0), strict=True))
    reference = max(bare, key=lambda name: scores[name])
    # the reference first: that is what gains are measured from
    order = [names.index(reference), *(i for i, name in enumerate(names) if name not in bare)]
    blends = [Blend(arms[names[i]].share if arms[names[i]].uses_generator else 0.0) for i in order]
    table = evidence(blends, as_is[:, order], resampled[:, :, order], rarest)
    chosen = names[order[best_blend(table)]]
    whole = evidence([Blend(0.0)] * len(names), as_is, resampled, rarest)[["score", "score_error"]]
    shown = pd.DataFrame({"arm": names, "share": [a.share if a.uses_generator else 0.0 for a in arms.values()]})
    shown = shown.join(whole).join(table[["gain", "gain_error", "needed"]].set_axis(pd.Index(order)))
    arm = arms[chosen]
    classes, counts = np.unique(labels, return_counts=True)
    added = synthetic_counts(counts.astype(np.int64), arm) if arm.uses_generator else np.zeros(len(classes), np.int64)
    strategy = {label: int(n + new) for label, n, new in zip(classes.tolist(), counts, added, strict=True) if new}
    share = arm.share if arm.uses_generator else 0.0
    return BlendChoice(chosen, arm, share, strategy, shown, reference, _verdict(shown, chosen, reference))


def _verdict(table: pd.DataFrame, chosen: str, reference: str) -> str:
    rows = table.set_index("arm")
    own, best = rows.loc[chosen], rows.loc[reference]
    if chosen != reference:
        return (
            f"{chosen}: ACSA {own['score']:.3f} +- {own['score_error']:.3f} against {best['score']:.3f} of the best "
            f"way without synthetic samples, {reference} (gain {own['gain']:.3f}, needed {own['needed']:.3f})."
        )
    blends = rows.drop(reference).dropna(subset=["gain"])
    if not len(blends):
        return f"No synthetic samples: no blend was tried; {reference} has ACSA {best['score']:.3f}."
    near = str((blends["gain"] - blends["needed"]).idxmax())
    return (
        f"No synthetic samples: no blend beat {reference} (ACSA {best['score']:.3f}) by more than noise; the nearest "
        f"was {near} (gain {blends['gain'][near]:.3f}, needed {blends['needed'][near]:.3f})."
    )
