"""One training, from encoded samples to the weights worth keeping: its conditions, held-out rows, measure and judge.

The energy distance hardly sees whether two classes were exchanged where they differ little: it compares whole
distributions, and most of what varies in them does not tell the classes apart. A judge of the class looks at nothing
else. It learns from half of the real samples and is asked about the other half (or from trees about the rows that they
did not see), so that what it gives to real samples is what it would give to unseen ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from sklearn.ensemble import RandomForestClassifier
from torch import Tensor, nn

from ganaug.callbacks import BestSnapshot, Checkpoint, ProgressBar, stop_when_diverged
from ganaug.encoding import LabelCodec
from ganaug.encoding.sample_arrays import LAYOUTS
from ganaug.encoding.table_checks import DataProfile, ValueProfile, names_of_labels, value_profile
from ganaug.exceptions import InvalidDataError, InvalidParameterError
from ganaug.filtering.forest import FEWEST_TREES, fewer
from ganaug.metrics.distributions import energy_quality, mean_distance
from ganaug.objectives import Objective
from ganaug.runtime.compute import as_tensor
from ganaug.runtime.interrupts import Ending, deferred_endings, main_thread_interrupts
from ganaug.training.loop import Batches, Event, Step, TrainProgress, Watcher, train
from ganaug.training.train_state import Decode, TrainConfig, TrainState, undecoded
from ganaug.utils.determinism import Seed, child_seed, numpy_generator
from ganaug.utils.types import Array, DoubleArray, FloatArray, IntArray

if TYPE_CHECKING:
    from ganaug.estimators.modality import Codec

__all__ = [
    "Check",
    "ClassJudge",
    "ClassScale",
    "Conditions",
    "Constraints",
    "Measure",
    "Prepared",
    "Seed",
    "Settings",
    "TrainResult",
    "even_halves",
    "even_rows",
    "forest_judge",
    "halves_judge",
    "history_frame",
    "hold_out",
    "profile_of",
    "rescale_quality",
    "run_training",
    "snapshot_measure",
]

# --------------------------------------------------------------------------------------
# Whether the class of a generator's samples is recognised by a judge of real ones, as a part of `quality_`.


# Samples of all classes together that a judge learns from and is tried on, and at least of each class.
MOST_ROWS, FEWEST_OF_CLASS = 2000, 64
# A class of fewer samples, or one that a judge gives hardly more than any other, is not judged.
MIN_ROWS, LEAST_TOLD = 10, 0.05
# Standard errors by which the judge may be mistaken.
SURE = 2.0
# Of what a judge gives to real samples more than to a mixture this share is enough: its borders follow the real
# samples closely, and those of a good generator are a little smoother.
ENOUGH = 0.8
TREES, LEAST_LEAF = 32, 5
# Samples of a class that a generator is measured by, where there are many classes.
LEAST_MEASURED = 32

Probabilities = Callable[[Tensor], Tensor]  # networks' samples (B, ...) -> (B, n_conditions)


@dataclass(frozen=True)
class ClassScale:
    """What a judge gives to each class: to samples of it, and to samples of all classes evenly mixed.

    Attributes
    ----------
    own, mixed, error : ndarray of shape (n_conditions,), float64
        Mean probability of a class for unseen real samples of it and of an even mixture of all; the standard error of
        the first.
    told : ndarray of shape (n_conditions,), bool
        Which classes it recognises.
    """

    own: DoubleArray
    mixed: DoubleArray
    error: DoubleArray
    told: Array

    @classmethod
    def of(cls, shares: Array, y: IntArray, n_conditions: int) -> ClassScale:
        """From probabilities (n, n_conditions) for real samples that the judge had not seen, and their classes."""
        counts = np.bincount(y, minlength=n_conditions)
        present = np.flatnonzero(counts)
        means = np.stack([shares[y == k].mean(0) for k in present])  # (present, n_conditions)
        own, error = np.zeros(n_conditions), np.full(n_conditions, np.inf)
        for place, k in enumerate(present):
            own[k] = means[place, k]
            if counts[k] >= MIN_ROWS:
                error[k] = shares[y == k, k].std(ddof=1) / np.sqrt(counts[k])
        mixed = means.mean(0)
        told = own - mixed > np.maximum(LEAST_TOLD, SURE * error)
        return cls(own, mixed, error, told)

    def share(self, condition: int, given: Array) -> float | None:
        """How much of a class is in samples to which a judge gave these probabilities of it; None: cannot be said.

        0 for samples of all classes, evenly mixed; 1 where they get `ENOUGH` of what real ones get beyond that, or less
        by no more than chance explains.

        Examples
        --------
        >>> import numpy as np
        >>> from ganaug.estimators.fitting import ClassScale
        >>> y = np.repeat([0, 1], 50)
        >>> scale = ClassScale.of(np.where(y[:, None] == [0, 1], 0.9, 0.1), y, 2)
        >>> scale.share(1, np.full(50, 0.9)), round(scale.share(1, np.full(50, 0.6)), 2)
        (1.0, 0.31)
        """
        if not self.told[condition]:
            return None
        if not np.isfinite(given).all():
            return 0.0
        chance = SURE * np.hypot(self.error[condition], np.std(given) / np.sqrt(len(given)))
        found = (np.mean(given) + chance - self.mixed[condition]) / (self.own[condition] - self.mixed[condition])
        return float(np.clip(found / ENOUGH, 0.0, 1.0))


@dataclass(frozen=True)
class ClassJudge:
    """A judge, and what it gives to real samples.

    Attributes
    ----------
    probabilities : callable
        Of the classes, for samples as networks see them. (B, ...) -> (B, n_conditions).
    scale : ClassScale
    """

    probabilities: Probabilities
    scale: ClassScale

    def share(self, condition: int, given: Sequence[Tensor]) -> float | None:
        """`ClassScale.share` of what `probabilities` gave, in parts."""
        return self.scale.share(condition, torch.cat(list(given))[:, condition].cpu().double().numpy())


def even_rows(y: IntArray, n_conditions: int, seed: int, most: int = MOST_ROWS) -> IntArray:
    """Rows in order, as many of each class as there are or as fit into ``most``."""
    each = max(FEWEST_OF_CLASS, most // n_conditions)
    rng = numpy_generator(seed, "judged rows")
    return np.sort(np.concatenate([rng.permutation(np.flatnonzero(y == k))[:each] for k in range(n_conditions)]))


def even_halves(y: IntArray, seed: int) -> Array:
    """Half of each class by chance: True or False for each row."""
    rng, half = numpy_generator(seed, "halves"), np.zeros(len(y), bool)
    for k in np.unique(y):
        half[rng.permutation(np.flatnonzero(y == k))[::2]] = True
    return half


def forest_judge(x: Array, y: IntArray, n_conditions: int, seed: int, decode: Decode = undecoded) -> ClassJudge | None:
    """A judge of rows: trees, each tried on the rows that it did not see.

    Parameters
    ----------
    x : ndarray of shape (n, ...)
        Encoded samples.
    y : ndarray of shape (n,), int64
        Their conditions.
    n_conditions, seed : int
    decode : callable
        From encoded samples to the networks' floats.

    Returns
    -------
    ClassJudge or None
        None where there is one class, or none is recognised.
    """
    rows = even_rows(y, n_conditions, seed)
    x, y = _floats(decode(as_tensor(x[rows]))), y[rows]
    if len(np.unique(y)) < 2 or not x.shape[1]:
        return None
    forest = RandomForestClassifier(
        fewer(TREES, n_conditions, FEWEST_TREES),
        min_samples_leaf=LEAST_LEAF,
        class_weight="balanced",
        bootstrap=True,
        n_jobs=1,
        random_state=child_seed(seed, "forest") % 2**32,
    ).fit(x, y)
    votes, seen = np.zeros((len(x), n_conditions)), np.zeros(len(x))
    for tree, inside in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        unseen = np.ones(len(x), bool)
        unseen[inside] = False
        votes[np.ix_(unseen, forest.classes_)] += tree.predict_proba(x[unseen], check_input=False)
        seen += unseen
    known = seen > 0
    scale = ClassScale.of(votes[known] / seen[known, None], y[known], n_conditions)

    def probabilities(samples: Tensor) -> Tensor:
        found = np.full((len(samples), n_conditions), np.nan)
        array = _floats(samples)
        fine = np.isfinite(array).all(1)
        if fine.any():
            # what the forest's own `predict_proba` says to the bit, without its checks and threads
            said = sum(tree.predict_proba(array[fine], check_input=False) for tree in forest.estimators_)
            found[np.ix_(fine, forest.classes_)] = said / len(forest.estimators_)
            found[np.ix_(fine, np.setdiff1d(np.arange(n_conditions), forest.classes_))] = 0.0
        return as_tensor(found)

    return ClassJudge(probabilities, scale) if scale.told.any() else None


def _floats(samples: Tensor) -> Array:
    array: Array = samples.flatten(1).float().cpu().numpy()
    return array


def halves_judge(
    fitted: Callable[[IntArray, int], Probabilities],
    asked: Callable[[Probabilities, IntArray], Array],
    y: IntArray,
    n_conditions: int,
    seed: int,
) -> ClassJudge | None:
    """A judge of two halves: each is tried on the half that it did not see, and samples get the mean of both.

    Parameters
    ----------
    fitted : callable ``(rows, seed) -> probabilities``
        Learns from these real samples.
    asked : callable ``(probabilities, rows) -> (n, n_conditions)``
        What it gives to these real samples.
    y : ndarray of shape (n,), int64
        Conditions of all real samples.
    n_conditions, seed : int

    Returns
    -------
    ClassJudge or None
        None where there is one class, or none is recognised.
    """
    rows = even_rows(y, n_conditions, seed)
    half = even_halves(y[rows], seed)
    if min(len(np.unique(y[rows][half])), len(np.unique(y[rows][~half]))) < 2:
        return None
    judges, shares = [], np.zeros((len(rows), n_conditions))
    for place, own in enumerate((half, ~half)):
        judges.append(fitted(rows[own], child_seed(seed, "half", place)))
        shares[~own] = asked(judges[-1], rows[~own])
    scale = ClassScale.of(shares, y[rows], n_conditions)

    def probabilities(samples: Tensor) -> Tensor:
        return torch.stack([judge(samples) for judge in judges]).mean(0)

    return ClassJudge(probabilities, scale) if scale.told.any() else None


# --------------------------------------------------------------------------------------
# One training, from encoded samples to the weights worth keeping, and its conditions, held-out rows and measure.


# A check of a parameter: ``(name, value) -> value``, converted; raises what `fit` says about a wrong one.
Check = Callable[[str, Any], object]
Constraints = Mapping[str, Check]
Measure = Callable[[Any], dict[str, float]]

# ---- parameters --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Settings:
    """Checked parameters of a GAN, converted to plain types; their names are those of `TabularGAN`."""

    objective: str
    max_steps: int | None
    max_time: float | None
    batch_size: int
    learning_rate: float
    penalty: float
    class_power: float
    validation_fraction: float
    patience: int | None
    curate: tuple[str, ...]
    min_probability: float | str
    device: torch.device
    verbose: bool | int | str


# ---- data: encoded once, used by the GAN of every class ----------------------------------------


# Samples, and their values together, that the profile of the training data is made of.
MOST_PROFILED, MOST_VALUES = 256, 2_000_000


@dataclass(frozen=True)
class Prepared:
    """Encoded samples and labels with the codecs that made them.

    Attributes
    ----------
    codec, labels
        The fitted codecs of the samples and of the labels (None without labels).
    x : ndarray of shape (n, ...)
        Encoded samples.
    y : ndarray of shape (n,), int64
        Codes of the labels; zeros without labels.
    names : sequence of str or None
        The name at place ``i`` is that of class ``i``.
    sizes : ndarray of shape (n_classes,), int64, or None
        Rows of each class in the whole table, where ``x`` holds some of them only.
    decoded : tuple of Path
        The files beside a checkpoint that hold the images, and are removed with it.
    seconds : float
        What it took, which ``max_time`` counts as well.
    """

    codec: Any
    labels: LabelCodec | None
    x: FloatArray
    y: IntArray
    names: Sequence[str] | None = None
    sizes: IntArray | None = None
    decoded: tuple[Path, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class Conditions:
    """What the networks are conditioned on, as opposed to the labels that the user gave.

    Without a focus the conditions are the classes. With one there are two: 1
    for the class in focus, 0 for all others together, which teach the shape of the data.

    Attributes
    ----------
    classes : ndarray or None
        The labels.
    focus : int or None
        Code of the class in focus.
    """

    classes: Array | None
    focus: int | None = None

    @classmethod
    def of(cls, labels: LabelCodec | None, focus: object = None) -> Conditions:
        """The conditions of a label codec, with a label in focus or none.

        Raises
        ------
        InvalidParameterError
            If the focus is not one of the labels.
        """
        if labels is None:
            if focus is not None:
                raise InvalidParameterError(f"focus={focus!r} needs labels; give y to fit")
            return cls(None)
        code = None if focus is None else int(labels.encode([focus])[0])
        return cls(labels.classes_, code)

    @property
    def count(self) -> int:
        """How many conditions there are."""
        if self.classes is None:
            return 1
        return len(self.classes) if self.focus is None else 2

    def of_codes(self, y: IntArray) -> IntArray:
        """Conditions of label codes. (n,) -> (n,)."""
        return y if self.focus is None else (y == self.focus).astype(np.int64)

    def sampled(self) -> list[int]:
        """Label codes that can be sampled."""
        if self.focus is not None:
            return [self.focus]
        return list(range(self.count))

    def asked(self) -> list[int]:
        """Conditions that can be sampled."""
        return [self.of_label_code(code) for code in self.sampled()]

    def of_label_code(self, code: int) -> int:
        """The condition that makes samples of a label.

        Raises
        ------
        InvalidDataError
            If the networks were trained for another label only.
        """
        if self.focus is None:
            return code
        assert self.classes is not None
        if code != self.focus:
            names = np.asarray(self.classes).tolist()
            raise InvalidDataError(
                f"this generator was trained for class {names[self.focus]!r} against the rest and cannot "
                f"sample class {names[code]!r}; fit it without focus, or use the generator of that class"
            )
        return 1


def profile_of(prepared: Prepared) -> DataProfile:
    """What a blend compares: the values of the samples, as a generator hands them out, and the names of the classes."""
    labels = [] if prepared.labels is None else list(prepared.labels.classes_)
    return DataProfile(_values_of(prepared.codec, prepared.x), names_of_labels(labels, prepared.names))


def _values_of(codec: Codec, x: FloatArray) -> ValueProfile | None:
    most = min(MOST_PROFILED, max(16, MOST_VALUES // max(1, codec.width)))
    some = np.unique(np.linspace(0, len(x) - 1, most).astype(np.int64))
    samples = getattr(codec, "as_array", undecoded)(codec.decode(x[some]))
    if hasattr(samples, "dtypes") and hasattr(samples, "columns"):
        if not all(getattr(dtype, "kind", "O") in "biuf" for dtype in samples.dtypes):
            return None  # text, categories and dates are no numbers of a tensor
    elif hasattr(samples, "detach"):
        samples = samples.float() if samples.is_floating_point() else samples
    elif hasattr(samples, "toarray"):
        samples = samples.toarray()
    array = np.asarray(samples)
    shape = tuple(getattr(codec, "given_shape", getattr(codec, "shape", array.shape[1:])))
    moves = [move for axes, move, _ in LAYOUTS.values() if axes == array.ndim and len(shape) == 3]
    fitting = next((move for move in moves if move(array).shape[1:] == shape), None)
    return value_profile(array.reshape(-1, *shape) if fitting is None else fitting(array))


# ---- held-out rows, and how a snapshot of a generator is measured by them ----------------------


# A class of fewer rows trains on all of them and is measured by them too: a fifth of 60 rows
# would measure worse than it teaches.
HOLD_OUT_FROM = 100
VALIDATION_ROWS = 400
# A real difference smaller than this from what an untrained generator makes cannot be measured.
LEAST_TO_LEARN = 0.01


def hold_out(y: IntArray, fraction: float, rng: np.random.Generator) -> tuple[IntArray, list[IntArray]]:
    """Split rows into those to train on and, for each condition, those to validate by.

    Parameters
    ----------
    y : ndarray of shape (n,), int64
        Conditions.
    fraction : float
        Share of each condition to hold out, at most `VALIDATION_ROWS` rows. A
        condition with fewer than `HOLD_OUT_FROM` rows is validated by its training rows.
    rng : numpy Generator

    Returns
    -------
    train : ndarray of int64
        Rows to train on, in order.
    validation : list of ndarray of int64
        Rows to validate each condition by.
    """
    held: list[IntArray] = []
    validation: list[IntArray] = []
    for condition in range(int(y.max()) + 1):
        rows = rng.permutation(np.flatnonzero(y == condition))
        n_held = min(int(fraction * len(rows)), VALIDATION_ROWS) if len(rows) >= HOLD_OUT_FROM else 0
        held.append(rows[:n_held])
        validation.append(rows[:n_held] if n_held else rows[:VALIDATION_ROWS])
    train = np.setdiff1d(np.arange(len(y)), np.concatenate(held))
    return train, validation


def snapshot_measure(
    x: FloatArray,
    validation: Sequence[IntArray],
    conditions: Sequence[int],
    latent_dim: int,
    device: torch.device,
    seed: int,
    *,
    decode: Decode = undecoded,
    features: Callable[[Tensor], Tensor] = undecoded,
    judge: ClassJudge | None = None,
    n_fake: int = VALIDATION_ROWS,
    at_once: int = VALIDATION_ROWS,
) -> Measure:
    """A function that measures a generator by rows it has not seen.

    "quality" is the mean over ``conditions`` of the energy quality of fresh
    samples against the rows to validate by, "diversity" the smallest ratio of the
    spread of fake samples to that of real ones, "recognised" the mean share of a class that a ``judge`` finds
    in samples of it, where there is one. Every snapshot gets the same
    noise, so that differences come from the weights.

    Parameters
    ----------
    x : ndarray of shape (n, ...)
        Encoded samples.
    validation : sequence of ndarray of int64
        Rows of ``x`` to validate each condition by.
    conditions : sequence of int
        Those that count.
    latent_dim : int
        Dimensions of the generator's noise.
    device : torch.device
        Of the generator.
    seed : int
    decode : callable
        From encoded samples to the networks' floats.
    features : callable
        From these to rows, the distances between which are compared. (B, ...) -> (B, d).
    judge : ClassJudge, optional
        Of the networks' floats.
    n_fake, at_once : int
        Samples to make for each condition, `fewer` of many, and in one pass of the networks.
    """
    n_fake = fewer(n_fake, len(conditions), LEAST_MEASURED)
    rng = torch.Generator().manual_seed(seed)
    cases = []
    for condition in conditions:
        rows = validation[condition]
        if len(rows) < 2:
            continue
        with torch.inference_mode():
            stored = as_tensor(x[rows]).split(at_once)
            real = torch.cat([features(decode(part.to(device))) for part in stored])
        z = torch.randn(n_fake, latent_dim, dtype=torch.float32, generator=rng).to(device)
        labels = torch.full((n_fake,), condition, dtype=torch.long, device=device)
        cases.append((condition, real, mean_distance(real), z, labels))

    @torch.inference_mode()
    def measure(generator: nn.Module) -> dict[str, float]:
        inner_noise = torch.Generator(device).manual_seed(seed)
        qualities: list[float] = []
        diversities: list[float] = []
        recognised: list[float | None] = []
        for condition, real, spread, z, labels in cases:
            parts, given = [], []
            for noise, claimed in zip(z.split(at_once), labels.split(at_once), strict=True):
                made = generator(noise, claimed, inner_noise)
                parts.append(features(made))
                if judge is not None:
                    given.append(judge.probabilities(made))
            fake = torch.cat(parts)
            recognised.append(None if judge is None else judge.share(condition, given))
            qualities.append(energy_quality(real, fake, real_spread=spread))
            diversities.append(mean_distance(fake) / spread if spread > 0 else 1.0)
        if not qualities:
            return {"quality": 0.0}
        seen = {"quality": float(np.mean(qualities)), "diversity": min(diversities)}
        if any(share is not None for share in recognised):  # a class that no judge knows counts as it is
            seen["recognised"] = float(np.mean([1.0 if share is None else share for share in recognised]))
        return seen

    return measure


def rescale_quality(measure: Measure, untrained: Callable[[], nn.Module]) -> Measure:
    """The same measure with a "quality" of 0 for an untrained generator and 1 for unseen real samples.

    q' = 1 - (1 - q) / (1 - q_untrained), which grows with q, so that the same snapshot is the best one. ``untrained``
    makes that generator. Where a judge said how much of its class is "recognised" in the samples, q' above 0 is
    multiplied by that: samples of no class have a quality near 0, however real they are.
    """
    start = measure(untrained())["quality"]
    room = max(LEAST_TO_LEARN, 1 - start)

    def rescaled(generator: nn.Module) -> dict[str, float]:
        seen = measure(generator)
        quality = 1 - (1 - seen["quality"]) / room
        return {**seen, "quality": quality * seen.get("recognised", 1.0) if quality > 0 else quality}

    return rescaled


# ---- one training ------------------------------------------------------------------------------


@dataclass(frozen=True)
class TrainResult:
    """What a training leaves behind, beside the weights.

    Attributes
    ----------
    history : DataFrame
        One row for each logged step.
    stop_reason : str
    n_steps : int
    warning : str or None
        What went wrong. It is text and not a warning raised here, because a training may run in a worker whose
        warnings nobody sees.
    """

    history: pd.DataFrame
    stop_reason: str
    n_steps: int
    warning: str | None


def run_training(
    state: TrainState,
    batches: Batches,
    objective: Objective,
    config: TrainConfig,
    *,
    snapshot: BestSnapshot,
    advice: Mapping[str, str],
    callbacks: Iterable[Watcher],
    title: str | None,
    rng: torch.Generator,
    checkpoint: Checkpoint | None = None,
    step: Step | None = None,
) -> TrainResult:
    """Train, watch, and leave the networks of the snapshot in ``state.average``.

    Parameters
    ----------
    state : TrainState
        Networks, optimizers and averages.
    batches : Batches
        Real samples.
    objective : Objective
        The losses.
    config : TrainConfig
        Numbers of the training.
    snapshot : BestSnapshot
        Evaluates samples now and then, and remembers the weights to keep.
    advice : dict of str to str
        For each reason to stop that is a failure, what to tell the user; may name {step}, {best} and {diversity}.
    callbacks : iterable of callable
        Of the user.
    title : str or None
        Title of the progress bar; None shows none.
    rng : torch.Generator
        For all that is random in the training.
    checkpoint : Checkpoint, optional
        The file in which the training is kept while it runs, and from which it may be continued.
    step : callable, optional
        One step of all networks; see `train`.
    """
    progress = None if checkpoint is None else checkpoint.restore(state, snapshot, rng)
    if progress is None:
        snapshot.look(state)  # to fall back on: the untrained generator, or that of the earlier fit
    bar = ProgressBar(title) if title is not None and config.ranks.own == 0 else None
    endings = nullcontext(Ending()) if checkpoint is None else deferred_endings()
    written = checkpoint is None  # an interrupted training is to go on from where it was, not from the last minute
    with main_thread_interrupts() as interrupt, endings as ending:

        def stop_when_interrupted(event: Event) -> str | None:
            return "interrupted" if interrupt.requested else None

        def ends() -> bool:
            return interrupt.requested and written and config.ranks.count == 1

        def at_rest(progress: TrainProgress) -> None:
            nonlocal written
            if checkpoint is not None and config.ranks.own == 0:
                written = interrupt.requested
                checkpoint.save(state, progress, snapshot, rng, now=written or ending.requested)
            ending.deliver()

        # The first one that gives a reason names it; all of them are called.
        guards: Sequence[Watcher] = [stop_when_diverged, snapshot, stop_when_interrupted]
        shown: list[Watcher] = [*callbacks, *([bar] if bar else [])]
        try:
            history, reason = train(
                state, batches, objective, config, [*guards, *shown], rng, progress, at_rest, step, ends
            )
        finally:
            if bar is not None:
                bar.close()
    if reason != "diverged" and "quality" not in history[-1]:  # it ended between two evaluations
        history[-1].update(snapshot.look(state))
    if snapshot.weights is not None:
        state.average_flat.copy_(snapshot.weights)
    if checkpoint is not None and config.ranks.own == 0 and reason != "interrupted":  # that one may be continued
        checkpoint.finish()
    text = advice.get(reason)
    warning = text and text.format(step=state.step, best=snapshot.step, diversity=snapshot.diversity)
    return TrainResult(history_frame(history), reason, state.step, warning)


def history_frame(rows: list[dict[str, float]]) -> pd.DataFrame:
    """The history as a DataFrame with the step as an integer column."""
    frame = pd.DataFrame(rows)
    if "step" in frame:
        frame["step"] = frame["step"].astype("int64")
    return frame
