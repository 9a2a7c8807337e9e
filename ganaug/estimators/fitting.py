"""What a fit needs: encoded data, the size of networks, the number of steps, and the training itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import torch
from torch import nn

from ganaug.callbacks import ProgressBar
from ganaug.encoding.profiles import DataProfile, ValueProfile, names_of_labels, value_profile
from ganaug.encoding.sample_arrays import LAYOUTS
from ganaug.exceptions import InvalidDataError, InvalidParameterError
from ganaug.networks import NetworkPair
from ganaug.objectives import Objective
from ganaug.runtime.interrupts import Ending, deferred_endings, main_thread_interrupts
from ganaug.training.checkpoints import Checkpoint
from ganaug.training.cuda_graphs import UNRECORDED, ReplayedGradients, can_be_captured
from ganaug.training.gradients import PLAIN, GradientFunctions
from ganaug.training.loop import Event, TrainProgress, Watcher, train, train_step
from ganaug.training.snapshots import BestSnapshot, stop_when_diverged
from ganaug.training.train_state import Table, TrainConfig, TrainState
from ganaug.utils.types import FloatArray, IntArray

__all__ = [
    "Conditions",
    "Forecast",
    "Played",
    "Prepared",
    "play",
    "preset_channels",
    "profile_of",
    "seconds_per_step",
    "within",
]

# --------------------------------------------------------------------------------------
# Data on its way into a training: encoded once, used by the GAN of every class.


# Samples, and their values together, that the profile of the training data is made of.
MOST_PROFILED, MOST_VALUES = 256, 2_000_000


@dataclass(frozen=True)
class Prepared:
    """Encoded samples and labels with the codecs that made them.

    Attributes
    ----------
    codec, labels
        The fitted codecs of the samples and of the labels (None without labels).
    x : ndarray of shape (n, ...), float32
        Encoded samples.
    y : ndarray of shape (n,), int64
        Codes of the labels; zeros without labels.
    feature_names : list of str or None
        Column names, where all of them are strings.
    names : sequence of str or None
        The name at place ``i`` is that of class ``i``.
    """

    codec: Any
    labels: Any
    x: FloatArray
    y: IntArray
    n_features: int
    feature_names: list[str] | None
    names: Sequence[str] | None = None


@dataclass(frozen=True)
class Conditions:
    """What the networks are conditioned on, as opposed to the labels that the user gave.

    Without a focus the conditions are the classes. With one there are two: 1
    for the class in focus, 0 for all others together, which teach the shape of the data.

    Attributes
    ----------
    names : list
        The label of each condition; the rest of a focus has none (None).
    focus : int or None
        Code of the class in focus.
    """

    classes: Any  # ndarray of labels, or None
    focus: int | None = None

    @classmethod
    def of(cls, labels: Any, focus: Any = None) -> Conditions:
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

    def of_label_code(self, code: int) -> int:
        """The condition that makes samples of a label.

        Raises
        ------
        InvalidDataError
            If the networks were trained for another label only.
        """
        if self.focus is None:
            return code
        if code != self.focus:
            raise InvalidDataError(
                f"this generator was trained for class {self.classes[self.focus]!r} against the rest and cannot "
                f"sample class {self.classes[code]!r}; fit it without focus, or use the generator of that class"
            )
        return 1


def profile_of(prepared: Prepared) -> DataProfile:
    """What a blend compares: the values of the samples, as a generator hands them out, and the names of the classes."""
    labels = [] if prepared.labels is None else list(prepared.labels.classes_)
    return DataProfile(_values_of(prepared.codec, prepared.x), names_of_labels(labels, prepared.names))


def _values_of(codec: Any, x: FloatArray) -> ValueProfile | None:
    most = min(MOST_PROFILED, max(16, MOST_VALUES // max(1, codec.width)))
    some = np.unique(np.linspace(0, len(x) - 1, most).astype(np.int64))
    samples = codec.decode(x[some])
    if hasattr(samples, "dtypes") and hasattr(samples, "columns"):
        if not all(getattr(dtype, "kind", "O") in "biuf" for dtype in samples.dtypes):
            return None  # text, categories and dates are no numbers of a tensor
    elif hasattr(samples, "detach"):
        samples = samples.float() if samples.is_floating_point() else samples
    elif hasattr(samples, "toarray"):
        samples = samples.toarray()
    array = np.asarray(samples)
    shape = tuple(getattr(codec, "shape", array.shape[1:]))
    moves = [move for axes, move, _ in LAYOUTS.values() if axes == array.ndim and len(shape) == 3]
    fitting = next((move for move in moves if move(array).shape[1:] == shape), None)
    return value_profile(array.reshape(-1, *shape) if fitting is None else fitting(array))


# --------------------------------------------------------------------------------------
# How large the networks are and how many steps they get, from pixels and minutes.


# Cells of a sample up to which networks are so wide at full resolution; beyond the last, NARROWEST.
WIDTHS = ((400, 32), (1300, 16), (5000, 12))
NARROWEST = 8
# Fewer steps teach too little, whatever the width: the networks are made narrower first.
FEWEST_STEPS = 800
# Share of the time that is spent on steps, and not on looking at the samples.
SHARE_OF_STEPS = 0.9


def preset_channels(shape: Sequence[int]) -> int:
    """Feature maps at full resolution for samples (C, *spatial).

    Examples
    --------
    >>> from ganaug.estimators.fitting import preset_channels
    >>> preset_channels((1, 28, 28)), preset_channels((3, 128, 128))
    (16, 8)
    """
    cells = prod(shape[1:])
    return next((width for most, width in WIDTHS if cells <= most), NARROWEST)


@dataclass(frozen=True)
class Forecast:
    """What a training is expected to be.

    Attributes
    ----------
    channels : int
        Feature maps at full resolution.
    steps : int
        Of training.
    """

    channels: int
    steps: int


def within(seconds: float, per_step: float, channels: int, *, fixed: bool) -> Forecast:
    """Steps that fit into the time, of networks made narrower where they would be too few.

    Parameters
    ----------
    seconds : float
        There are.
    per_step : float
        Seconds that a step takes with ``channels``.
    channels : int
        Feature maps at full resolution.
    fixed : bool
        Whether the width must stay.

    Examples
    --------
    >>> from ganaug.estimators.fitting import within
    >>> within(300, 0.2, 16, fixed=False)
    Forecast(channels=16, steps=1350)
    >>> within(60, 0.2, 16, fixed=False)
    Forecast(channels=4, steps=1080)
    """
    while not fixed and channels > 4 and SHARE_OF_STEPS * seconds / per_step < FEWEST_STEPS:
        channels, per_step = channels // 2, per_step / 2
    return Forecast(channels, max(1, int(SHARE_OF_STEPS * seconds / per_step)))


def seconds_per_step(pair: NetworkPair, objective: Objective, plan: TrainConfig, shape: Sequence[int]) -> float:
    """How long a step takes, found by two of them on noise, after what makes them fast; the players are spent."""
    train_state = TrainState.start(pair, plan)
    device = train_state.average_flat.device
    rng = torch.Generator(device).manual_seed(0)
    real = torch.empty((plan.batch_size, *shape), dtype=torch.float32, device=device).uniform_(-1, 1, generator=rng)
    labels = torch.zeros(plan.batch_size, dtype=torch.long, device=device)
    every, plan = plan.penalty_every, replace(plan, penalty_every=2)
    gradients: GradientFunctions = ReplayedGradients(plan, device) if can_be_captured(plan, device) else PLAIN
    before = [1] if gradients is PLAIN else [0, 1] * (UNRECORDED + 1)
    taken = []
    for step in (*before, 0, 1):  # a penalty falls due at step 0
        train_state.step = step
        began = time.perf_counter()
        train_step(train_state, objective, real, labels, plan, 0.5, rng, gradients)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        taken.append(time.perf_counter() - began)
    return (taken[-2] + (every - 1) * taken[-1]) / every


# --------------------------------------------------------------------------------------
# One game from encoded samples to the weights worth keeping.


# What each early end means and what to do about it, said in a warning.
_ADVICE = {
    "diverged": (
        "the training diverged at step {step}; the generator of step {best} was kept. "
        "Lower learning_rate or raise penalty; objective='relativistic' is the steadiest."
    ),
    "mode_collapse": (
        "the generator collapsed to a few modes (diversity {diversity:.2f} of the real rows' 1); the one of step "
        "{best} was kept. Raise penalty or lower learning_rate; objective='relativistic' is the steadiest."
    ),
    "interrupted": "interrupted at step {step}; the best generator so far, that of step {best}, was kept.",
}


@dataclass(frozen=True)
class Played:
    """What a game leaves behind."""

    history: list[dict[str, float]]
    stop_reason: str
    n_steps: int
    best_step: int
    quality: float
    warning: str | None


def play(
    train_state: TrainState,
    table: Table,
    objective: Objective,
    plan: TrainConfig,
    *,
    measure: Callable[[nn.Module], dict[str, float]],
    patience: int | None,
    callbacks: Iterable[Watcher],
    title: str | None,
    rng: torch.Generator,
    checkpoint: Checkpoint | None = None,
    untrained: int = 0,
) -> Played:
    """Train, watch, and leave the best averaged generator in ``train_state.average``.

    Parameters
    ----------
    title : str or None
        Title of the progress bar; None shows none.
    checkpoint : Checkpoint, optional
        Where the training is kept while it runs, and may be gone on with.
    untrained : int
        Steps up to which a narrow generator is not collapsed, but untrained.

    Returns
    -------
    Played
        Its ``warning`` says what went wrong, if the training diverged,
        collapsed or was interrupted. It is text and not a warning raised here,
        because this may run in a worker whose warnings nobody sees.
    """
    best = BestSnapshot(measure, patience, untrained)
    train_progress = None if checkpoint is None else checkpoint.restore(train_state, best, rng)
    if train_progress is None:
        best.look(train_state)  # what there is to fall back on: the untrained generator, or the earlier fit's
    bar = ProgressBar(title) if title is not None and plan.ranks.own == 0 else None
    endings = nullcontext(Ending()) if checkpoint is None else deferred_endings()
    with main_thread_interrupts() as interrupt, endings as ending:

        def stop_when_interrupted(event: Event) -> str | None:
            return "interrupted" if interrupt.requested else None

        def at_rest(train_progress: TrainProgress) -> None:
            if checkpoint is not None and plan.ranks.own == 0:
                checkpoint.save(train_state, train_progress, best, rng, now=interrupt.requested or ending.requested)
            ending.deliver()

        # Divergence is looked for first: nothing of a diverged network should be measured.
        guards: Sequence[Watcher] = [stop_when_diverged, best, stop_when_interrupted]
        shown: list[Watcher] = [*callbacks, *([bar] if bar else [])]
        try:
            history, reason = train(
                train_state, table, objective, plan, [*guards, *shown], rng, train_progress, at_rest
            )
        finally:
            if bar is not None:
                bar.close()
    if reason != "diverged" and "quality" not in history[-1]:  # it ended between two looks
        history[-1].update(best.look(train_state))
    if best.weights is not None:
        train_state.average_flat.copy_(best.weights)
    if checkpoint is not None and plan.ranks.own == 0 and reason != "interrupted":  # that one may be gone on with
        checkpoint.finish()
    advice = _ADVICE.get(reason)
    warning = advice and advice.format(step=train_state.step, best=best.step, diversity=best.diversity)
    return Played(history, reason, train_state.step, best.step, best.quality, warning)


def history_frame(rows: list[dict[str, float]]) -> Any:
    """The history as a DataFrame with the step as an integer column."""
    import pandas as pd

    frame = pd.DataFrame(rows)
    if "step" in frame:
        frame["step"] = frame["step"].astype("int64")
    return frame
