"""Arms of the comparison of images, and the long-tailed splits that they are compared on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganaug.encoding.image_codec import ImageCodec
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.utils import validation
from ganaug.utils.determinism import isolated, numpy_generator
from ganaug.utils.types import IntArray

__all__ = [
    "ARMS",
    "MAKERS",
    "SAMPLERS",
    "SERIES_ARMS",
    "Arm",
    "Asked",
    "Split",
    "TrainingSet",
    "as_tensors",
    "chosen_arms",
    "long_tailed",
    "read_split",
    "synthetic_counts",
    "training_set",
]

# --------------------------------------------------------------------------------------
# Training and test samples: drawn with a long tail, checked, and as tensors for classifiers.


Array = npt.NDArray[Any]


class Split(NamedTuple):
    """Real samples to train on and to test on, as they were given; y are places in ``labels``, which are sorted."""

    X_train: Array
    y_train: IntArray
    X_test: Array
    y_test: IntArray
    labels: Array

    @property
    def counts(self) -> IntArray:
        """Training samples of each class. (K,)."""
        return np.bincount(self.y_train, minlength=len(self.labels)).astype(np.int64)


@isolated
def long_tailed(
    X: Any, y: npt.ArrayLike, counts: Sequence[int] | Mapping[Any, int], seed: int = 0
) -> tuple[Any, npt.NDArray[Any]]:
    """Draw so many samples of each class, without replacement.

    Parameters
    ----------
    X : array or tensor of shape (n, ...)
        Not changed.
    y : array-like of shape (n,)
        Labels.
    counts : sequence of int, or dict of label to int
        How many of each label; a sequence follows the sorted labels. Labels that a dict leaves out are dropped.
    seed : int, default=0
        The same integer draws the same samples; those of one class do not depend on the other counts.

    Returns
    -------
    X : array or tensor of shape (sum of counts, ...)
        In their original order.
    y : ndarray

    Raises
    ------
    InvalidParameterError
        For an unknown label, or more samples than there are; it names the class.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug.experiments import long_tailed
    >>> X, y = long_tailed(np.zeros((20, 8, 8)), np.repeat([0, 1], 10), [8, 2])
    >>> X.shape, np.bincount(y)
    ((10, 8, 8), array([8, 2]))
    """
    labels = np.asarray(y)
    known = np.unique(labels).tolist()
    if not isinstance(counts, Mapping):
        if len(counts) != len(known):
            raise InvalidParameterError(f"counts has {len(counts)} numbers, and y has {len(known)} classes: {known}")
        counts = dict(zip(known, counts, strict=True))
    kept = []
    for label, n in counts.items():
        rows = np.flatnonzero(labels == label)
        if not 0 <= n <= len(rows):
            raise InvalidParameterError(f"counts asks for {n} samples of {label!r}, and there are {len(rows)}")
        place = known.index(label) if label in known else -1
        kept.append(numpy_generator(seed, "long tail", place).permutation(rows)[:n])
    rows = np.sort(np.concatenate(kept))
    return X[rows], labels[rows]


def read_split(given: object) -> Split:
    """(X_train, y_train, X_test, y_test), checked, labels as integers.

    Raises
    ------
    InvalidDataError
        If it is no such four, the lengths differ, or the test set lacks a class.
    """
    if not isinstance(given, (tuple, list)) or len(given) != 4:
        raise InvalidDataError(
            "a data set is a tuple (X_train, y_train, X_test, y_test), or a function of a seed to one"
        )
    X_train, y_train, X_test, y_test = (np.asarray(part) for part in given)
    for name, X, y in (("train", X_train, y_train), ("test", X_test, y_test)):
        if len(X) != len(y):
            raise InvalidDataError(f"X_{name} has {len(X)} samples and y_{name} has {len(y)}")
    if X_train.shape[1:] != X_test.shape[1:]:
        raise InvalidDataError(f"training samples have shape {X_train.shape[1:]}, test samples {X_test.shape[1:]}")
    labels = np.unique(y_train)
    if len(labels) < 2:
        raise InvalidDataError("y_train has a single class")
    missing = set(labels.tolist()) ^ set(np.unique(y_test).tolist())
    if missing:
        raise InvalidDataError(f"the classes {sorted(missing, key=str)} are in only one of y_train and y_test")
    codes = [np.searchsorted(labels, y).astype(np.int64) for y in (y_train, y_test)]
    return Split(X_train, codes[0], X_test, codes[1], labels)


# What makes float32 tensors (n, C, *spatial) of samples.
Reader = Callable[[Array], Tensor]


def image_reader(X: Array) -> Reader:
    """Pixels from 0, the darkest seen in training, to 1. Black stays 0, which is what augmentation moves in."""
    codec = ImageCodec().fit(X)

    def read(X: Array) -> Tensor:  # (n, H, W), (n, H, W, C) or (n, C, H, W) -> (n, C, H, W)
        return codec.to_network(torch.from_numpy(codec.encode(X))).float().add(1).div(2)

    return read


def series_reader(X: Array) -> Reader:
    """Each channel with mean 0 and spread 1 over the training samples."""

    def raw(X: Array) -> Tensor:  # (n, C, length) or (n, length) -> (n, C, length)
        if X.ndim not in (2, 3):
            raise InvalidDataError(f"series have shape (n, channels, length) or (n, length), not {X.shape}")
        x = torch.from_numpy(np.ascontiguousarray(X, np.float32))
        return x.unsqueeze(1) if x.ndim == 2 else x

    x = raw(X)
    mean, std = x.mean((0, 2), keepdim=True), x.std((0, 2), keepdim=True).clamp_min(1e-6)
    return lambda X: (raw(X) - mean) / std


READERS: dict[str, Callable[[Array], Reader]] = {"image": image_reader, "series": series_reader}


def as_tensors(kind: str, split: Split) -> tuple[Reader, Tensor, Tensor]:
    """The reader fitted to the training samples, and training and test samples read by it."""
    reader = READERS[kind](split.X_train)
    return reader, reader(split.X_train), reader(split.X_test)


# --------------------------------------------------------------------------------------
# Arms: ways to train on imbalanced samples, the items they train on, and the order of these.


Mask = npt.NDArray[np.bool_]
Items = tuple[Tensor, IntArray]  # samples and their classes
# (real samples, their classes, how many of each class to make, the generator's samples, seed) -> new ones
Maker = Callable[[Tensor, IntArray, IntArray, Items | None, int], Items]
# (classes, which are synthetic, batch size, rng) -> places of the items of each batch, without end
BatchSampler = Callable[[IntArray, Mask, int, np.random.Generator], Iterator[IntArray]]

Asked = Sequence[str] | Mapping[str, "Arm | str"]  # what "arms" may be: names of arms, or arms under names

NEIGHBOURS = 5
# Batches whose items are drawn at once.
AHEAD = 64


@dataclass(frozen=True)
class Arm:
    """A way to train on imbalanced data.

    Attributes
    ----------
    share : float, default=0.0
        Synthetic items, as a share of what each class lacks to the largest: 0 none, 1 full balance.
    every_class : bool, default=False
        Whether that is a share of the largest class's size instead, for every class.
    maker : {"generator", "smote"} or callable, default="generator"
        Who makes them; one of your own has the signature of ``Maker``.
    augment : bool, default=False
        Whether batches pass through the data set's standard augmentation.
    sampler : {"shuffled", "balanced", "halves", "sources"} or callable, default="shuffled"
        Every item once in an epoch; each class equally often (torch's WeightedRandomSampler with weights 1 / n);
        each class equally often, and of a class that has synthetic items these half of the time; or half of a batch
        real and half synthetic, of each every item once before it comes again. One of your own is a ``BatchSampler``.
    adjust : float, default=0.0
        tau of logit adjustment: tau log(n_c / n) is added to the logits in training (Menon et al. 2021, equation 10).
        n counts items of the same source: real ones meet the odds among real ones, synthetic ones those among these.
    mixup : float, default=0.0
        alpha of Mixup (Zhang et al. 2018), lambda drawn from Beta(alpha, alpha) for each batch; 0 is none.
    reweight_from : float, default=1.0
        Share of the training after which the loss weighs classes by their effective number (Cui et al. 2019), 1
        never: deferred re-weighting (Cao et al. 2019).
    weight : float, default=1.0
        Loss weight of a synthetic item.
    synthetic_until : float, default=1.0
        Share of the training after which only real items are trained on.
    late_sampler : str or callable, default="balanced"
        The sampler from then on.
    real : bool, default=True
        Whether real items are trained on at all. Without, every class gets as many synthetic ones as the largest
        class has: the classification accuracy score (Ravuri and Vinyals 2019).
    """

    share: float = 0.0
    every_class: bool = False
    maker: str | Maker = "generator"
    augment: bool = False
    sampler: str | BatchSampler = "shuffled"
    adjust: float = 0.0
    mixup: float = 0.0
    reweight_from: float = 1.0
    weight: float = 1.0
    synthetic_until: float = 1.0
    late_sampler: str | BatchSampler = "balanced"
    real: bool = True

    @property
    def uses_generator(self) -> bool:
        """Whether it needs a generator's samples."""
        return self.share > 0 and self.maker == "generator"

    @property
    def kind(self) -> str:
        """In the results: "baseline", "blend" (real items and a generator's) or "synthetic" (a generator's alone)."""
        return "baseline" if not self.uses_generator else "blend" if self.real else "synthetic"

    @property
    def needs_loop(self) -> bool:
        """Whether it can only be carried out by training batch after batch."""
        rows = {name: getattr(self, name) for name in ("share", "every_class", "maker", "sampler", "weight", "real")}
        return callable(self.sampler) or self != Arm(**rows)


# For pictures. The order is that of the tables; the first is what everything is compared with.
ARMS: dict[str, Arm] = {
    "nothing": Arm(),
    "weighted sampler": Arm(sampler="balanced"),
    "augmentation": Arm(augment=True),
    "weighted sampler + augmentation": Arm(sampler="balanced", augment=True),
    "logit adjustment + augmentation": Arm(adjust=1.0, augment=True),
    "Mixup-DRW + augmentation": Arm(mixup=1.0, reweight_from=0.8, augment=True),
    "Mixup + weighted sampler + augmentation": Arm(mixup=1.0, sampler="balanced", augment=True),
    "SMOTE + augmentation": Arm(share=1.0, maker="smote", augment=True),
    "blend 0.25 + augmentation": Arm(share=0.25, augment=True),
    "blend 0.5 + augmentation": Arm(share=0.5, augment=True),
    "blend 1 + augmentation": Arm(share=1.0, augment=True),
    "blend 0.5 + weighted sampler + augmentation": Arm(share=0.5, sampler="balanced", augment=True),
    "blend 0.5 + logit adjustment + augmentation": Arm(share=0.5, adjust=1.0, augment=True),
    "blend 0.5 + Mixup-DRW + augmentation": Arm(share=0.5, mixup=1.0, reweight_from=0.8, augment=True),
    "blend 1 until 0.7, then weighted sampler + augmentation": Arm(share=1.0, synthetic_until=0.7, augment=True),
    "half synthetic + weighted sampler + augmentation": Arm(
        share=1.0, every_class=True, sampler="halves", augment=True
    ),
    "half synthetic until 0.7, then weighted sampler + augmentation": Arm(
        share=1.0, every_class=True, sampler="halves", synthetic_until=0.7, augment=True
    ),
    "half synthetic + logit adjustment + augmentation": Arm(
        share=1.0, every_class=True, sampler="sources", adjust=1.0, augment=True
    ),
    "half synthetic + Mixup + weighted sampler + augmentation": Arm(
        share=1.0, every_class=True, sampler="halves", mixup=1.0, augment=True
    ),
    "half synthetic until 0.7, then logit adjustment + augmentation": Arm(
        share=1.0, every_class=True, sampler="sources", adjust=1.0, synthetic_until=0.7, late_sampler="shuffled",
        augment=True,
    ),
    "half synthetic + Mixup until 0.8, then Mixup-DRW + augmentation": Arm(
        share=1.0, every_class=True, sampler="halves", mixup=1.0, synthetic_until=0.8, late_sampler="shuffled",
        reweight_from=0.8, augment=True,
    ),
    "synthetic only + augmentation": Arm(share=1.0, real=False, augment=True),
}  # fmt: skip

# For series. Augmentation is left out: what it may do to a signal is not known in general.
SERIES_ARMS: dict[str, Arm] = {
    "nothing": Arm(),
    "weights": Arm(sampler="balanced"),
    "logit adjustment": Arm(adjust=1.0),
    "SMOTE": Arm(share=1.0, maker="smote"),
    "blend 0.25": Arm(share=0.25),
    "blend 0.5": Arm(share=0.5),
    "blend 1": Arm(share=1.0),
    "blend 0.5 + weights": Arm(share=0.5, sampler="balanced"),
    "blend 0.5 + logit adjustment": Arm(share=0.5, adjust=1.0),
    "blend 1 until 0.7, then weights": Arm(share=1.0, synthetic_until=0.7),
    "half synthetic + weights": Arm(share=1.0, every_class=True, sampler="halves"),
    "synthetic only": Arm(share=1.0, real=False),
}


def chosen_arms(given: Asked | None, known: Mapping[str, Arm]) -> dict[str, Arm]:
    """The arms asked for: all, some by name, or a dict of names to arms (or names).

    Raises
    ------
    InvalidParameterError, InvalidTypeError
        For an unknown name, or an arm that makes no sense.
    """
    if given is None:
        return dict(known)
    pairs = given.items() if isinstance(given, Mapping) else [(name, name) for name in given]
    found: dict[str, Arm] = {}
    for name, arm in pairs:
        if not isinstance(name, str) or not isinstance(arm, (str, Arm)):
            raise InvalidTypeError(f"arms[{name!r}]={arm!r} must be an Arm, under a name, or the name of one")
        if isinstance(arm, str):
            arm = known[validation.choice("arms", arm, known)]
        _check(f"arms[{name!r}]", arm)
        found[name] = arm
    if not found:
        raise InvalidParameterError("arms is empty; name at least one")
    return found


def _check(name: str, arm: Arm) -> None:
    for field in ("share", "reweight_from", "synthetic_until"):
        validation.number(f"{name}.{field}", getattr(arm, field), 0, 1)
    for field in ("adjust", "mixup", "weight"):
        validation.number(f"{name}.{field}", getattr(arm, field), 0)
    for field, known in (("sampler", SAMPLERS), ("late_sampler", SAMPLERS), ("maker", MAKERS)):
        value = getattr(arm, field)
        if not callable(value):
            validation.choice(f"{name}.{field}", value, known)
    if not arm.real and not (arm.uses_generator and arm.synthetic_until == 1):
        raise InvalidParameterError(f"{name} has no real items: give it share > 0 of a generator's, to the end")


# ---- What it trains on -----------------------------------------------------------------------------


@dataclass(frozen=True)
class TrainingSet:
    """Real and synthetic items."""

    x: Tensor  # (n, C, *spatial), float32
    codes: IntArray  # (n,), places of their classes
    synthetic: Mask  # (n,)
    n_classes: int


def synthetic_counts(counts: IntArray, arm: Arm) -> IntArray:
    """Synthetic items of each class, beside so many real ones. (K,) -> (K,)."""
    lacking = counts.max() - counts if arm.real and not arm.every_class else np.full_like(counts, counts.max())
    return np.rint(arm.share * lacking).astype(np.int64)


def training_set(x: Tensor, codes: IntArray, arm: Arm, pool: Items | None, n_classes: int, seed: int) -> TrainingSet:
    """Real items, if the arm wants them, then synthetic ones.

    Parameters
    ----------
    x, codes : Tensor of shape (n, C, *spatial), int array of shape (n,)
        Real items and their classes.
    arm : Arm
    pool : (Tensor, int array), optional
        A generator's samples and their classes.
    n_classes, seed : int
    """
    counts = synthetic_counts(np.bincount(codes, minlength=n_classes).astype(np.int64), arm)
    maker = arm.maker if callable(arm.maker) else MAKERS[arm.maker]
    new, owners = maker(x, codes, counts, pool, seed) if counts.any() else (x[:0], codes[:0])
    real = (x, codes) if arm.real else (x[:0], codes[:0])
    synthetic = np.arange(len(real[1]) + len(owners)) >= len(real[1])
    return TrainingSet(torch.cat([real[0], new]), np.concatenate([real[1], owners]), synthetic, n_classes)


def from_pool(x: Tensor, codes: IntArray, counts: IntArray, pool: Items | None, seed: int) -> Items:
    """The first so many of each class: a smaller share is part of every larger one."""
    if pool is None:
        raise InvalidParameterError("this arm needs a generator; give generators=")
    samples, owners = pool
    rows = np.concatenate([np.flatnonzero(owners == code)[:n] for code, n in enumerate(counts)])
    if len(rows) < counts.sum():
        raise InvalidDataError(f"the pool has {len(rows)} of the {counts.sum()} samples that the arm needs")
    return samples[torch.from_numpy(rows)], owners[rows]


def smote(x: Tensor, codes: IntArray, counts: IntArray, pool: Items | None, seed: int) -> Items:
    """SMOTE on raw values: x_i + u (x_j - x_i), x_j one of the 5 nearest of the class, u uniform (Chawla et al. 2002).

    A class of fewer than 6 samples has fewer neighbours, one of a single sample is copied.
    """
    made, owners = [x[:0]], [codes[:0]]
    for code in np.flatnonzero(counts).tolist():
        n = int(counts[code])
        own = x[torch.from_numpy(np.flatnonzero(codes == code))]
        if len(own) == 0:
            raise InvalidDataError(f"SMOTE has no sample of the class at place {code}")
        rng = numpy_generator(seed, "smote", code)
        first = torch.from_numpy(rng.integers(len(own), size=n))
        second, k = first, min(NEIGHBOURS, len(own) - 1)
        if k:
            distances = torch.cdist(own.flatten(1), own.flatten(1)).fill_diagonal_(torch.inf)
            nearest = distances.topk(k, largest=False).indices
            second = nearest[first, torch.from_numpy(rng.integers(k, size=n))]
        u = torch.from_numpy(rng.random(n, np.float32)).view(-1, *(1,) * (x.ndim - 1))
        made.append(own[first] + u * (own[second] - own[first]))
        owners.append(np.full(n, code))
    return torch.cat(made), np.concatenate(owners)


MAKERS: dict[str, Maker] = {"generator": from_pool, "smote": smote}


# ---- Which items make a batch --------------------------------------------------------------------


def _shuffled(codes: IntArray, synthetic: Mask, size: int, rng: np.random.Generator) -> Iterator[IntArray]:
    """Every item once, then every item once again; a batch may reach over the end."""
    left = np.zeros(0, np.int64)
    while True:
        while len(left) < size:
            left = np.concatenate([left, rng.permutation(len(codes))])
        yield left[:size]
        left = left[size:]


def _balanced(codes: IntArray, synthetic: Mask, size: int, rng: np.random.Generator) -> Iterator[IntArray]:
    """Each class with the same probability, then one of its items."""
    yield from _drawn(1.0 / np.bincount(codes)[codes], size, rng)


def _halved(codes: IntArray, synthetic: Mask, size: int, rng: np.random.Generator) -> Iterator[IntArray]:
    """Each class with the same probability, then real or synthetic by a coin, then one of these.

    A thousand synthetic items would otherwise drown the twenty real ones of their class.
    """
    half = 2 * codes + synthetic
    sides = np.bincount(codes[np.unique(half, return_index=True)[1]])
    yield from _drawn(1.0 / (np.bincount(half)[half] * sides[codes]), size, rng)


def _by_source(codes: IntArray, synthetic: Mask, size: int, rng: np.random.Generator) -> Iterator[IntArray]:
    """Half a batch of real items and half of synthetic ones, each of them shuffled; all of one kind if there is one."""
    sides = [rows for rows in (np.flatnonzero(~synthetic), np.flatnonzero(synthetic)) if len(rows)]
    sizes = [size] if len(sides) == 1 else [size - size // 2, size // 2]
    streams = [_shuffled(codes[rows], synthetic[rows], n, rng) for rows, n in zip(sides, sizes, strict=True)]
    while True:
        yield np.concatenate([rows[next(stream)] for rows, stream in zip(sides, streams, strict=True)])


def _drawn(weights: npt.NDArray[np.float64], size: int, rng: np.random.Generator) -> Iterator[IntArray]:
    while True:
        yield from rng.choice(len(weights), (AHEAD, size), p=weights / weights.sum())


SAMPLERS: dict[str, BatchSampler] = {
    "shuffled": _shuffled,
    "balanced": _balanced,
    "halves": _halved,
    "sources": _by_source,
}
