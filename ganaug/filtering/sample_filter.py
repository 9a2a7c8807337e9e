"""Filters of images, series and volumes by a classifier's judgement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from ganaug.augmentation import diff_augment
from ganaug.exceptions import InvalidDataError
from ganaug.filtering.forest import SHARE_STEP
from ganaug.filtering.rows import MIN_ROWS, RULES, RowFilter
from ganaug.networks import IMAGE_ARCHITECTURES, DiscriminatorNetwork
from ganaug.runtime.compute import as_tensor, widest
from ganaug.training.train_state import ClassBatches, Decode, FlatAdam, SampleRows, paced
from ganaug.utils.determinism import child_seed, isolated
from ganaug.utils.types import Array, Arrays, BoolArray, Config, DoubleArray, FloatArray, IntArray, State

__all__ = ["AuxiliaryClassifier", "SampleFilter"]

CPU = torch.device("cpu")
BATCH = 64
# Width at full resolution: a quarter of the cost of a small generator.
CHANNELS = 8
WIDTH = 64


class AuxiliaryClassifier:
    """A classifier of real samples, which the generator is not trained against.

    It learns from class-balanced batches of shifted and partly covered samples, for some
    seconds. Its last hidden layer compares samples better than their values do. With a single
    class there is nothing to learn, and it stays as it was drawn: random features.

    Parameters
    ----------
    network : DiscriminatorNetwork
        With an auxiliary head.
    shape : tuple of int
        Of a sample, (C, *spatial).
    """

    def __init__(self, network: DiscriminatorNetwork, shape: Sequence[int]) -> None:
        self.network = network.eval().requires_grad_(False)
        self.shape = tuple(shape)

    @classmethod
    def fit(
        cls,
        x: Array | SampleRows,
        y: IntArray,
        n_classes: int,
        shape: Sequence[int],
        *,
        decode: Decode,
        steps: int | Iterable[float],
        at_once: int,
        seed: int,
        device: torch.device = CPU,
        architecture: str = "residual",
    ) -> AuxiliaryClassifier:
        """Learn to name the class.

        Parameters
        ----------
        x : ndarray of shape (n, C, *spatial), or SampleRows
            Encoded samples, or what gives them on the device.
        y : ndarray of shape (n,), int64
            Their classes.
        n_classes : int
        shape : sequence of int
            Of a sample.
        decode : callable
            From encoded samples to floats.
        steps : int or iterable of float
            Of `BATCH` samples; or the progress, from 0 to 1, of each, see `paced`.
        at_once : int
            Samples in one pass, later.
        seed : int
        device : torch.device
            Where it learns and classifies.
        architecture : str
            A name in `IMAGE_ARCHITECTURES`; one that is saved has the default.
        """
        network = _network(n_classes, shape, child_seed(seed, "network"), architecture).to(device)
        rng = torch.Generator(device).manual_seed(child_seed(seed, "training"))
        counts = np.bincount(y, minlength=n_classes)
        if (counts > 0).sum() > 1:
            present = as_tensor(counts > 0).to(widest(device))
            weights = (present / present.sum()).to(device)
            held: SampleRows = as_tensor(x).to(device) if isinstance(x, np.ndarray) else x
            table = ClassBatches(held, as_tensor(y).to(device), weights, load=decode)
            pipe = diff_augment(["translation", "cutout"], probability=0.5, ramp=0.0, fade=(1.0, 1.0))
            optimizer = FlatAdam(network, 2e-3, (0.9, 0.99))
            batches = table.batches(BATCH, rng)
            for progress in paced(steps, None, device) if isinstance(steps, int) else steps:
                samples, labels = next(batches)
                features = network.features(pipe(samples, 0.5, rng), labels)
                loss = network.head.class_loss(features, labels)
                assert loss is not None
                optimizer.step(loss.mean(), 1 - progress)
        classifier = cls(network, shape)
        classifier.at_once, classifier.device = at_once, device
        return classifier

    at_once = 256
    device = CPU

    def features(self, samples: Tensor) -> Tensor:
        """The last hidden layer. (B, C, *spatial) -> (B, `WIDTH`), wherever the samples are."""
        nobody = torch.zeros(len(samples), dtype=torch.long, device=samples.device)
        network = self.network.to(samples.device)
        return network.features(samples, nobody)

    def probabilities(self, samples: Tensor) -> Tensor:
        """Of the classes. (B, C, *spatial) -> (B, n_classes), wherever the samples are."""
        result: Tensor = self._classes(self.features(samples)).softmax(1)
        return result

    @torch.inference_mode()
    def features_and_shares(self, x: Array, decode: Decode) -> tuple[FloatArray, FloatArray]:
        """Features and probabilities of the classes. (n, C, *spatial) -> (n, `WIDTH`), (n, n_classes)."""
        features, shares = np.empty((len(x), WIDTH), np.float32), np.empty((len(x), self.n_classes), np.float32)
        for start in range(0, len(x), self.at_once):
            at = slice(start, start + self.at_once)
            now = self.features(decode(as_tensor(x[at]).to(self.device)))
            features[at] = now.cpu().numpy()
            shares[at] = self._classes(now).softmax(1).cpu().numpy()
        return features, shares

    @property
    def n_classes(self) -> int:
        """How many classes it tells apart."""
        return int(self._classes.out_features)

    @property
    def _classes(self) -> Any:
        return self.network.head.classes

    def get_state(self) -> Arrays:
        """Its weights."""
        return {k: v.cpu().numpy().copy() for k, v in self.network.state_dict().items()}

    @classmethod
    def from_state(cls, arrays: Arrays, n_classes: int, shape: Sequence[int], at_once: int) -> AuxiliaryClassifier:
        """The counterpart of `get_state`; raises RuntimeError where the weights do not fit."""
        network = _network(n_classes, shape, 0)
        network.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in arrays.items()})
        classifier = cls(network, shape)
        classifier.at_once = at_once
        return classifier


def _network(n_classes: int, shape: Sequence[int], seed: int, architecture: str = "residual") -> DiscriminatorNetwork:
    rng = torch.Generator().manual_seed(seed)
    build = IMAGE_ARCHITECTURES[architecture]
    return build(
        shape, n_classes, rng, conditioning="auxiliary", channels=CHANNELS, max_channels=WIDTH, latent_dim=1
    ).discriminator


# A sample is a copy if it is nearer to a training sample than this share of the usual distance between neighbours.
COPY_DISTANCE = 0.25
# Distances are compared along so many random directions, of samples averaged to at most `MOST_CELLS` a side.
N_DIRECTIONS = 64
MOST_CELLS = {1: 256, 2: 32, 3: 16}
# Samples of a class from which the usual distance between neighbours is taken.
MOST_NEIGHBOURS = 1000
# Distances that are worked out together.
MOST_DISTANCES = 2**22
# Unseen samples of a class that the rule against other classes may refuse, at most.
MOST_REFUSED = 0.1

_ARRAYS = {"sketches": (2, "float32"), "of_class": (1, "int64"), "reach": (1, "float32"), "bar": (1, "float32")}


class SampleFilter:
    """Judge encoded samples of given conditions by how they look to an `AuxiliaryClassifier`.

    Parameters
    ----------
    rules : iterable of str
        Any of "copies" (much nearer to a training sample than its neighbours are), "outliers" (far outside the
        class's samples in some direction of the classifier's features) and "other_class" (the classifier gives the
        class less than ``min_probability``).
    min_probability : float
        Class-balanced probability that the class must get; less where the classifier gives less to every tenth
        real sample of that class which it has not learnt from.
    classifier : AuxiliaryClassifier
    codec : ImageCodec or SeriesCodec
        Whose `to_network` makes the classifier's floats of encoded samples.
    seed : int
        Of the random directions.
    """

    def __init__(
        self, rules: Iterable[str], min_probability: float, classifier: AuxiliaryClassifier, codec: Any, seed: int
    ) -> None:
        self.rules = tuple(rule for rule in RULES if rule in tuple(rules))
        self.min_probability = min_probability
        self.classifier, self.codec, self.seed = classifier, codec, seed
        self.sketches: FloatArray = np.zeros((0, N_DIRECTIONS), np.float32)
        self.of_class: IntArray = np.zeros(0, np.int64)
        n = classifier.n_classes
        self.reach: FloatArray = np.zeros(n, np.float32)  # distances below this are those of copies
        self.bar: FloatArray = np.zeros(n, np.float32)  # probabilities below this are those of other classes
        self.outside: RowFilter | None = None  # the rule against outliers, once fitted
        self._directions: Tensor | None = None
        self.copies_unchecked = False  # the sketches that the rule needs stayed where they were made

    def fit(self, x: Array, y: IntArray, conditions: Sequence[int], unseen: Sequence[IntArray]) -> SampleFilter:
        """Learn what the training samples look like.

        Parameters
        ----------
        x : ndarray of shape (n, C, *spatial)
            Encoded samples.
        y : ndarray of shape (n,), int64
            Their conditions.
        conditions : sequence of int
            Those that will be filtered.
        unseen : sequence of ndarray of int64
            Rows of each condition that the classifier has not learnt from, if there are any.
        """
        if "copies" in self.rules:
            mine = np.flatnonzero(np.isin(y, conditions))
            self.sketches, self.of_class = self._sketched(x, mine), y[mine]
            for condition in conditions:
                self.reach[condition] = COPY_DISTANCE * _usual_distance(self.sketches[self.of_class == condition])
        if "outliers" in self.rules:
            features, _ = self.classifier.features_and_shares(x, self.codec.to_network)
            self.outside = RowFilter(("outliers",), 0.0)
            self.outside.fit(features, y, self.classifier.n_classes, conditions, child_seed(self.seed, "outliers"))
        if "other_class" in self.rules and self.classifier.n_classes > 1:
            for condition in conditions:
                if (y == condition).sum() < MIN_ROWS:
                    continue
                _, shares = self.classifier.features_and_shares(x[unseen[condition]], self.codec.to_network)
                low = np.quantile(shares[:, condition], MOST_REFUSED) if len(shares) >= MIN_ROWS else 0.0
                low = np.floor(float(low) / SHARE_STEP) * SHARE_STEP
                self.bar[condition] = min(self.min_probability, float(low))
        return self

    def verdict(self, x: Array, condition: int) -> npt.NDArray[np.int8]:
        """Which rule refuses each sample: its place in `RULES` plus one, or 0 to keep. (n, ...) -> (n,)."""
        verdicts = np.zeros(len(x), np.int8)
        if not self.rules:
            return verdicts
        features, shares = self.classifier.features_and_shares(x, self.codec.to_network)
        tests: dict[str, BoolArray] = {
            "other_class": shares[:, condition] < self.bar[condition],
            "outliers": np.zeros(len(x), bool)
            if self.outside is None
            else self.outside.verdict(features, condition) > 0,
            "copies": self._copies(x, condition),
        }
        for rule, refused in tests.items():  # the last one has the last word
            if rule in self.rules:
                verdicts[refused] = RULES.index(rule) + 1
        return verdicts

    @property
    def holds_samples(self) -> bool:
        """Whether there is a trace of every training sample: its sketch."""
        return len(self.sketches) > 0

    def _copies(self, x: Array, condition: int) -> BoolArray:
        own = self.sketches[self.of_class == condition]
        if not len(own) or self.reach[condition] == 0:
            return np.zeros(len(x), bool)
        return _nearest(self._sketched(x), own) < self.reach[condition]

    @torch.inference_mode()
    def _sketched(self, x: Array, rows: IntArray | None = None) -> FloatArray:
        """Small versions of the samples, or of some, along random directions. (n, C, *spatial) -> (m, N_DIRECTIONS)."""
        n = len(x) if rows is None else len(rows)
        # small results between large ones would keep the memory of those from being used again
        found = np.empty((n, N_DIRECTIONS), np.float32)
        for start in range(0, n, 1024):
            part = x[start : start + 1024] if rows is None else x[rows[start : start + 1024]]
            small = shrink_samples(self.codec.to_network(as_tensor(part))).flatten(1)
            if self._directions is None:
                rng = torch.Generator().manual_seed(child_seed(self.seed, "directions"))
                shape = (small.shape[1], N_DIRECTIONS)
                self._directions = torch.empty(shape, dtype=torch.float32).normal_(generator=rng) / N_DIRECTIONS**0.5
            found[start : start + 1024] = (small @ self._directions).numpy()
        return found

    def get_state(self, keep_copies_check: bool = False) -> State:
        """Config (JSON) and arrays; without the sketches of training samples unless asked for."""
        drop = self.holds_samples and not keep_copies_check
        outside, bounds = (None, {}) if self.outside is None else self.outside.get_state()
        config = {
            "rules": list(self.rules),
            "min_probability": self.min_probability,
            "seed": self.seed,
            "at_once": self.classifier.at_once,
            "outside": outside,
            "copies_unchecked": self.copies_unchecked or drop,
        }
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        if drop:
            arrays |= {
                "sketches": self.sketches[:0],
                "of_class": self.of_class[:0],
                "reach": np.zeros_like(self.reach),
            }
        arrays |= {f"outside.{k}": v for k, v in bounds.items()}
        return config, arrays | {f"judge.{k}": v for k, v in self.classifier.get_state().items()}

    @classmethod
    def from_state(
        cls,
        config: Config,
        arrays: Arrays,
        codec: Any,
        n_conditions: int,
    ) -> SampleFilter:
        """The counterpart of `get_state`.

        Raises
        ------
        InvalidDataError, RuntimeError
            If the arrays do not fit one another, the codec or the conditions.
        """
        odd = [k for k, form in _ARRAYS.items() if (arrays[k].ndim, arrays[k].dtype.name) != form]
        if odd:
            raise InvalidDataError(f"arrays of the curator have the wrong dtype or number of axes: {odd}")

        def of(name: str) -> Arrays:
            return {k.removeprefix(f"{name}."): v for k, v in arrays.items() if k.startswith(f"{name}.")}

        classifier = AuxiliaryClassifier.from_state(of("judge"), n_conditions, codec.shape, config["at_once"])
        self = cls(config["rules"], config["min_probability"], classifier, codec, config["seed"])
        self.copies_unchecked = bool(config.get("copies_unchecked", False))
        for name in _ARRAYS:
            setattr(self, name, arrays[name])
        if config["outside"] is not None:
            self.outside = RowFilter.from_state(config["outside"], of("outside"), WIDTH, n_conditions)
        fits = {
            "sketches": self.sketches.shape == (len(self.of_class), N_DIRECTIONS),
            "of_class": not len(self.of_class) or 0 <= self.of_class.min() <= self.of_class.max() < n_conditions,
            "reach": self.reach.shape == (n_conditions,),
            "bar": self.bar.shape == (n_conditions,),
        }
        if not all(fits.values()):
            raise InvalidDataError(f"arrays of the curator do not fit: {[k for k, v in fits.items() if not v]}")
        return self

    def __getstate__(self) -> dict[str, Any]:  # no networks in a pickle: arrays of numpy age better
        config, arrays = self.get_state()
        return {"config": config, "arrays": arrays, "codec": self.codec, "n_conditions": self.classifier.n_classes}

    @isolated
    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(vars(type(self).from_state(**state)))


_POOL: dict[int, Any] = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}


def shrink_samples(x: Tensor, most: int | None = None) -> Tensor:
    """Samples averaged to at most so many cells a side. (B, C, *spatial) -> (B, C, *smaller)."""
    dims = x.ndim - 2
    limit = MOST_CELLS[dims] if most is None else most
    size = [min(n, limit) for n in x.shape[2:]]
    result: Tensor = x if size == list(x.shape[2:]) else _POOL[dims](x, size)
    return result


def _usual_distance(rows: FloatArray) -> float:
    """Median distance of a row to its nearest neighbour; 0 if there is none."""
    if len(rows) < 2:
        return 0.0
    some = rows[:: max(1, len(rows) // MOST_NEIGHBOURS)]
    return float(np.median(_nearest(some, rows, second=True)))


def _nearest(rows: FloatArray, others: FloatArray, second: bool = False) -> DoubleArray:
    """Distance of each row to the nearest (or second nearest: the first is itself) of the others."""
    found = np.empty(len(rows), np.float64)
    b = as_tensor(others)
    at_once = min(512, max(1, MOST_DISTANCES // max(1, len(others))))
    for start in range(0, len(rows), at_once):
        a = as_tensor(rows[start : start + at_once])
        # not by expanding the square, which is imprecise for near samples
        distances = torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
        found[start : start + at_once] = (distances.kthvalue(2, dim=1).values if second else distances.amin(1)).numpy()
    return found
