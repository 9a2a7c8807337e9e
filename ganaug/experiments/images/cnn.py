"""The classifiers that compare arms: a small convolutional network, trained as an arm says, and features of series.

Every arm takes the same number of steps of the same batch size, from the same first weights, at the same learning
rates: as many as ``epochs`` passes over the real items take. An arm with more items sees each of them less often.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.nn.utils import skip_init

from ganaug.augmentation import POLICIES, Pipe, diff_augment
from ganaug.exceptions import InvalidDataError, InvalidParameterError
from ganaug.experiments.images.arms import SAMPLERS, Arm, TrainingSet
from ganaug.networks.convolutions import fast_layout
from ganaug.networks.layers import linear
from ganaug.runtime.compute import CapturedFunction, CaptureMemory, resolve_device
from ganaug.training.train_state import FlatAdam
from ganaug.utils import types
from ganaug.utils.determinism import child_seed, numpy_generator
from ganaug.utils.types import FloatArray, IntArray

__all__ = [
    "CLASSIFIERS",
    "Schedule",
    "Setup",
    "SmallCNN",
    "applies",
    "augmentation",
    "features_of",
    "logits_of",
    "series_features",
    "train",
]

# Of the effective number of items, (1 - beta) / (1 - beta^n); as Cao et al. (2019) have it.
BETA = 0.9999
# Share of the steps in which the learning rate rises to its height; it then falls along a cosine to 0.
WARM_UP = 0.05
AT_ONCE = 512
# Bins that the magnitudes of a series' spectrum are averaged into.
BINS = 8


@dataclass(frozen=True)
class Schedule:
    """How long and how fast every arm trains."""

    epochs: int = 20  # passes over the real items that would take as many steps
    batch_size: int = 64
    learning_rate: float = 2e-3  # of Adam, at its height
    width: int = 32  # of `SmallCNN`
    device: str = "cpu"  # figures repeat on a CPU; on a GPU nearly. "auto" takes the fastest there is

    def checked(self) -> Schedule:
        """Itself, if it can work."""
        for name, least in (("epochs", 1), ("batch_size", 2), ("width", 1)):
            types.integer(name, getattr(self, name), least)
        types.number("learning_rate", self.learning_rate, 0, open_low=True)
        return replace(self, device=str(resolve_device(self.device)))

    def steps(self, n_real: int) -> int:
        """Steps of a training on so many real items."""
        return max(1, math.ceil(n_real / self.batch_size)) * self.epochs


@dataclass(frozen=True)
class Setup:
    """What all arms of a data set share."""

    schedule: Schedule
    augment: Sequence[str]  # see `augmentation`
    steps: int  # of the training
    seed: int  # of the classifier; the first weights depend on nothing else


def augmentation(names: Sequence[str]) -> Pipe:
    """Standard augmentation: each of the changes named, to every item of every batch.

    Parameters
    ----------
    names : sequence of str
        Of `ganaug.augmentation.POLICIES`: "translation" moves by up to an eighth of each side, as cropping after
        padding does; "flip" mirrors left and right, which digits, text and organs do not bear.
    """
    if isinstance(names, str) or not set(names) <= set(POLICIES):
        raise InvalidParameterError(f"augment={names!r} must be a list of names out of {', '.join(sorted(POLICIES))}")
    return diff_augment(list(names), probability=1.0, ramp=0.0, fade=(1.0, 1.0))


# ---- The network ---------------------------------------------------------------------------------

# Layers and width of the kernels: series are longer than images are wide.
_LAYERS = {1: (nn.Conv1d, nn.BatchNorm1d, 7), 2: (nn.Conv2d, nn.BatchNorm2d, 3)}


class _Block(nn.Sequential):
    """Convolution, batch normalisation, rectifier. (B, n_in, *spatial) -> (B, n_out, *spatial / stride)."""

    def __init__(self, n_in: int, n_out: int, dims: int, stride: int, rng: torch.Generator) -> None:
        convolution, norm, width = _LAYERS[dims]
        layer = skip_init(convolution, n_in, n_out, width, stride, width // 2, bias=False, dtype=torch.float32)
        nn.init.normal_(layer.weight, 0.0, math.sqrt(2 / (n_in * width**dims)), generator=rng)  # He et al. 2015
        super().__init__(layer, norm(n_out, dtype=torch.float32), nn.ReLU())


class SmallCNN(nn.Module):
    """Five convolutions, the second and the fourth halving each side, the mean over all places, and a linear layer.

    At the default width it has 0.14 million weights. Batch statistics are fine here, other than in a GAN: a
    classifier is asked about real items only.

    Parameters
    ----------
    n_channels, n_classes : int
    dims : {1, 2}
        Of a series, of an image.
    rng : torch.Generator
        Of the first weights.
    width : int, default=32
        Feature maps of the first convolution; the last one has four times as many.
    """

    def __init__(self, n_channels: int, n_classes: int, dims: int, rng: torch.Generator, width: int = 32) -> None:
        super().__init__()
        sizes = [n_channels, width, width, 2 * width, 2 * width, 4 * width]
        strides = [1, 2, 1, 2, 1]
        pairs = zip(sizes, sizes[1:], strides, strict=False)
        self.blocks = nn.Sequential(*(_Block(n_in, n_out, dims, stride, rng) for n_in, n_out, stride in pairs))
        self.head = linear(sizes[-1], n_classes, rng)

    def features(self, x: Tensor) -> Tensor:  # (B, C, *spatial) -> (B, 4 width)
        """What the last layer sees."""
        return self.blocks(x).flatten(2).mean(2)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, *spatial) -> (B, n_classes)
        """Logits."""
        return self.head(self.features(x))


# ---- Its training ----------------------------------------------------------------------------------


def train(items: TrainingSet, arm: Arm, setup: Setup) -> SmallCNN:
    """Train a classifier as an arm says; it is returned in evaluation mode."""
    schedule, seed = setup.schedule, setup.seed
    dims = items.x.ndim - 2
    rng = torch.Generator().manual_seed(child_seed(seed, "weights"))
    network = SmallCNN(items.x.shape[1], items.n_classes, dims, rng, schedule.width).to(torch.device(schedule.device))
    if dims == 2:
        network = network.to(memory_format=torch.channels_last)
    optimizer = FlatAdam(network.train(), schedule.learning_rate, (0.9, 0.999))
    phases = [_Phase(items, arm, late, setup) for late in [False, True][: 1 + (arm.synthetic_until < 1)]]
    gradients, draws = _Gradients(optimizer, items, arm, setup), numpy_generator(seed, "mixup")
    for step in range(setup.steps):
        progress = step / setup.steps
        phase = phases[progress >= arm.synthetic_until]
        rows = phase.batch()
        mixed = _mixed(arm.mixup, len(rows), draws)
        optimizer.apply_gradient(gradients(phase, progress >= arm.reweight_from, rows, *mixed), _rate(progress))
    return network.eval()


class _Phase:
    """The items that batches are drawn from: all, or real ones alone after synthetic ones have left (``late``)."""

    def __init__(self, items: TrainingSet, arm: Arm, late: bool, setup: Setup) -> None:
        self._rows = np.flatnonzero(~items.synthetic) if late else np.arange(len(items.codes))
        codes, synthetic = items.codes[self._rows], items.synthetic[self._rows]
        if not len(codes):
            raise InvalidDataError("there is nothing to train on")
        priors = torch.stack([_log_prior(codes[synthetic == side], items.n_classes) for side in (False, True)])
        device, seed = torch.device(setup.schedule.device), child_seed(setup.seed, "batches")
        self.offset = (arm.adjust * priors).to(device)  # (2, K)
        effective = (1 - BETA) / (1 - BETA ** np.maximum(np.bincount(codes, minlength=items.n_classes), 1))
        self.class_weights = torch.from_numpy(effective / effective.mean()).float().to(device)
        sampler = arm.late_sampler if late else arm.sampler
        batches = sampler if callable(sampler) else SAMPLERS[sampler]
        rng = numpy_generator(child_seed(seed, "last" if late else "first"), "batches")
        self._batches = batches(codes, synthetic, setup.schedule.batch_size, rng)

    def batch(self) -> Tensor:
        """Places of the next items."""
        return torch.from_numpy(self._rows[next(self._batches)])


def _log_prior(codes: IntArray, n_classes: int) -> Tensor:
    """Log share of each class, one item at least. (n,) -> (K,)."""
    counts = np.maximum(np.bincount(codes, minlength=n_classes), 1)
    return torch.from_numpy(np.log(counts / max(1, len(codes)))).float()


class _Gradients:
    """Gradients of the loss over batches; on a GPU captured once for each phase as a CUDA graph, and replayed."""

    def __init__(self, optimizer: FlatAdam[SmallCNN], items: TrainingSet, arm: Arm, setup: Setup) -> None:
        self.optimizer, self.arm, self.pipe = optimizer, arm, augmentation(setup.augment)
        self.device = torch.device(setup.schedule.device)
        self.chance = torch.Generator(self.device).manual_seed(child_seed(setup.seed, "augment"))
        weights = torch.from_numpy(np.where(items.synthetic, arm.weight, 1.0)).float()
        parts = items.x, torch.from_numpy(items.codes), torch.from_numpy(items.synthetic).long(), weights
        self.x, self.labels, self.source, self.weights = (part.to(self.device) for part in parts)
        self.memory = CaptureMemory(self.device) if self.device.type == "cuda" else None
        self.captured: dict[tuple[_Phase, bool], CapturedFunction[Tensor]] = {}

    def __call__(self, phase: _Phase, reweighted: bool, *batch: Tensor) -> Tensor:
        """The gradient over a batch: places of its items, shares of a mixture, and with whom each is mixed."""
        if self.memory is None:
            return self._gradient(phase, reweighted, *batch)
        key = phase, reweighted
        if key not in self.captured:
            own = [part.to(self.device, copy=True) for part in batch]
            self.captured[key] = CapturedFunction(
                lambda: self._gradient(phase, reweighted, *own), own, self.chance, self.memory
            )
        return self.captured[key](*batch)

    def _gradient(self, phase: _Phase, reweighted: bool, rows: Tensor, shares: Tensor, partner: Tensor) -> Tensor:
        x, y, weight = self.x[rows], self.labels[rows], self.weights[rows]
        x = self.pipe(x, 0.5, self.chance) if self.arm.augment else x
        offset = phase.offset[self.source[rows]]
        importance = phase.class_weights if reweighted else torch.ones_like(phase.class_weights)
        network = self.optimizer.network
        if not len(partner):
            return self.optimizer.gradient_of(_loss(network(fast_layout(x)) + offset, y, weight * importance[y]))
        share, other = shares
        x, offset = (share * part + other * part[partner] for part in (x, offset))
        logits = network(fast_layout(x)) + offset
        loss = share * _loss(logits, y, weight * importance[y])
        y, weight = y[partner], weight[partner]
        return self.optimizer.gradient_of(loss + other * _loss(logits, y, weight * importance[y]))


def _loss(logits: Tensor, y: Tensor, weight: Tensor) -> Tensor:  # (B, K), (B,), (B,) -> ()
    """Weighted mean of the cross-entropies."""
    losses = F.cross_entropy(logits, y, reduction="none")
    return (weight * losses).sum() / weight.sum().clamp_min(1e-12)


def _mixed(alpha: float, size: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Lambda ~ Beta(alpha, alpha) and what is left of 1, and whom each item is mixed with; nobody without Mixup."""
    if not alpha:
        return torch.ones(2, dtype=torch.float32), torch.zeros(0, dtype=torch.long)
    share = float(rng.beta(alpha, alpha))
    return torch.tensor([share, 1 - share], dtype=torch.float32), torch.from_numpy(rng.permutation(size))


def _rate(progress: float) -> float:
    """Share of the learning rate's height."""
    return min(1.0, (progress + 0.002) / WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * progress))


def logits_of(network: SmallCNN, x: Tensor) -> FloatArray:
    """(n, C, *spatial) -> (n, K)."""
    return _in_parts(network, x, network.forward)


def features_of(network: SmallCNN, x: Tensor) -> FloatArray:
    """What the last layer sees. (n, C, *spatial) -> (n, 4 width)."""
    return _in_parts(network, x, network.features)


@torch.inference_mode()
def _in_parts(network: SmallCNN, x: Tensor, function: Callable[[Tensor], Tensor]) -> FloatArray:
    device = next(network.parameters()).device
    parts = [function(fast_layout(part.to(device))).cpu().numpy() for part in x.split(AT_ONCE)]
    found: FloatArray = np.concatenate(parts)
    return found


# ---- Classifiers -----------------------------------------------------------------------------------


def by_cnn(items: TrainingSet, arm: Arm, x_test: Tensor, setup: Setup) -> IntArray:
    """The classes that a trained `SmallCNN` gives to test items."""
    return logits_of(train(items, arm, setup), x_test).argmax(1)


def by_features(items: TrainingSet, arm: Arm, x_test: Tensor, setup: Setup) -> IntArray:
    """Those that logistic regression on `series_features` gives; a balanced sampler becomes class weights."""
    scaler = StandardScaler().set_output(transform="default")
    balanced = "balanced" if arm.sampler == "balanced" else None
    model = make_pipeline(scaler, LogisticRegression(class_weight=balanced, max_iter=300))
    weights = np.where(items.synthetic, arm.weight, 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 300 steps of lbfgs are what each arm gets
        model.fit(series_features(items.x), items.codes, logisticregression__sample_weight=weights)
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


# (training items, arm, test items, setup) -> classes of the test items
CLASSIFIERS: dict[str, Callable[[TrainingSet, Arm, Tensor, Setup], IntArray]] = {"cnn": by_cnn, "features": by_features}


def applies(classifier: str, arm: Arm) -> bool:
    """Whether a classifier can be trained so: only `SmallCNN` is trained batch after batch."""
    return classifier == "cnn" or not arm.needs_loop
