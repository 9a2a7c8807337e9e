"""What watches a training: progress bar, TensorBoard, the best generator so far, divergence, and checkpoints."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ganaug.exceptions import (
    InvalidParameterError,
    MissingDependencyError,
    ModelFileError,
    ModelPathError,
    TrainingWarning,
)
from ganaug.training.loop import Event, TrainProgress
from ganaug.training.train_state import UNBOUNDED, TrainState
from ganaug.utils.determinism import warn
from ganaug.utils.files import check_path, check_writable
from ganaug.utils.state import ModelState, TensorBudget, expect, read_state, write_state

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = [
    "BestSnapshot",
    "Checkpoint",
    "Deadline",
    "LastSnapshot",
    "OutOfTimeError",
    "ProgressBar",
    "TensorBoardLogger",
    "digest",
    "stop_when_diverged",
]

# --------------------------------------------------------------------------------------
# Watchers of a training: show it, log it, judge it, stop it.


class OutOfTimeError(RuntimeError):
    """A training took longer than whoever asked for it can wait."""


class Deadline:
    """Break a training off at a point of time, for a result that would come too late.

    Parameters
    ----------
    at : float
        As of `time.time`, which processes have in common.
    """

    def __init__(self, at: float) -> None:
        self.at = at

    def __call__(self, event: Event) -> None:
        """Look at the clock."""
        if time.time() > self.at:
            raise OutOfTimeError(f"step {event.step}")


class ProgressBar:
    """A tqdm bar with the newest quality, on standard error.

    Parameters
    ----------
    title : str
        What is being trained.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._bar: tqdm[Any] | None = None

    def __call__(self, event: Event) -> None:
        """Move the bar to the event's step."""
        if self._bar is None:
            from tqdm.auto import tqdm

            total = None if event.max_steps == UNBOUNDED else event.max_steps
            self._bar = tqdm(total=total, desc=self.title, unit="step", leave=True)
        self._bar.update(event.step - self._bar.n)
        if "quality" in event.record:
            self._bar.set_postfix(quality=f"{event.record['quality']:.3f}")

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()


class TensorBoardLogger:
    """Write the history to TensorBoard while it grows.

    Needs ``pip install ganaug[tensorboard]``.

    Parameters
    ----------
    log_dir : str or Path
        Folder of the event files.

    Raises
    ------
    MissingDependencyError
        At the first call, if tensorboard is not installed.

    Examples
    --------
    >>> from ganaug import TabularGAN
    >>> from ganaug.callbacks import TensorBoardLogger
    >>> gan = TabularGAN(callbacks=[TensorBoardLogger("runs/fraud")])
    """

    def __init__(self, log_dir: str | Path) -> None:
        self.log_dir = log_dir
        self._writer: Any = None

    def __call__(self, event: Event) -> None:
        """Write the newest row."""
        if self._writer is None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise MissingDependencyError(
                    "TensorBoardLogger needs tensorboard: pip install 'ganaug[tensorboard]'"
                ) from error
            self._writer = SummaryWriter(str(self.log_dir))
        for name, value in event.record.items():
            if name != "step":
                self._writer.add_scalar(name, value, int(event.step))
        self._writer.flush()

    def __getstate__(self) -> dict[str, Any]:
        # An open file does not travel to a worker process; it opens its own.
        return {"log_dir": self.log_dir, "_writer": None}


# --------------------------------------------------------------------------------------
# Snapshots of the best generator, and checkpoints from which a training resumes.


# --------------------------------------------------------------------------------------
# What every training watches itself by: the best generator so far, collapse and divergence.


# Fake samples this close together, relative to real ones, are one mode drawn again and again.
COLLAPSED_BELOW = 0.35
# A collapse that passes by itself is none: it must show at this many looks in a row.
COLLAPSED_LOOKS = 4


class BestSnapshot:
    """Look at the samples now and then, and remember the generator that made the best ones.

    Parameters
    ----------
    measure : callable ``(generator) -> dict``
        Must return "quality" (higher is better) and may return "diversity"
        (mean distance among fake samples over that among real ones; 1 is right).
    patience : int or None
        Looks without improvement after which the training ends; None never ends it.
    untrained : int
        Steps up to which a narrow generator is not collapsed, but untrained.

    Attributes
    ----------
    weights : Tensor or None
        The best averaged generator's parameters in one vector.
    step, quality, diversity : float
        Where it was and what was measured there.
    """

    def __init__(
        self, measure: Callable[[nn.Module], dict[str, float]], patience: int | None = None, untrained: int = 0
    ) -> None:
        self.measure = measure
        self.untrained = untrained
        self.patience = patience
        self.weights: Tensor | None = None
        self.step = 0
        self.quality = -math.inf
        self.diversity = math.nan
        self._since_best = 0
        self._collapsed = 0

    def __call__(self, event: Event) -> str | None:
        """Measure, and keep the snapshot if it is the best so far."""
        if not event.looks:
            return None
        event.record.update(self.look(event.train_state))
        # The first third is left alone: an untrained generator is narrow, too.
        if self._collapsed >= COLLAPSED_LOOKS and event.step > max(event.max_steps / 3, self.untrained):
            return "mode_collapse"
        if self.patience is not None and self._since_best >= self.patience:
            return "no_improvement"
        return None

    def look(self, train_state: TrainState) -> dict[str, float]:
        """Measure the averaged generator, and remember it if it is the best so far."""
        seen = self.measure(train_state.average)
        diversity = seen.get("diversity", 1.0)
        self._since_best += 1
        if seen["quality"] >= self.quality:
            self.weights = train_state.average_flat.clone()
            self.step, self.quality, self.diversity = train_state.step, seen["quality"], diversity
            self._since_best = 0
        self._collapsed = self._collapsed + 1 if diversity < COLLAPSED_BELOW else 0
        return seen


class LastSnapshot(BestSnapshot):
    """Look at the samples now and then, and remember the generator that was looked at last.

    For networks of which no number of a few samples tells a finished one from a good beginning. What is remembered is
    for a training that diverges.
    """

    def __init__(self, measure: Callable[[nn.Module], dict[str, float]]) -> None:
        super().__init__(measure)
        self.seen: dict[str, float] = {}

    def __call__(self, event: Event) -> str | None:
        """Measure, unless the networks have diverged, and keep them."""
        if event.looks and stop_when_diverged(event) is None:
            event.record.update(self.look(event.train_state))
        return None

    def look(self, train_state: TrainState) -> dict[str, float]:
        """Measure the averaged networks, and remember them."""
        self.seen = self.measure(train_state.average)
        self.weights, self.step = train_state.average_flat.clone(), train_state.step
        self.quality, self.diversity = self.seen["quality"], self.seen.get("diversity", 1.0)
        return self.seen


def stop_when_diverged(event: Event) -> str | None:
    """End a training whose numbers are no longer finite, or whose logits left all bounds."""
    numbers = [v for k, v in event.record.items() if k.endswith(("_loss", "_logit", "_norm"))]
    if all(map(math.isfinite, numbers)) and all(abs(v) < 1e6 for v in numbers):
        return None
    return "diverged"


# --------------------------------------------------------------------------------------
# A training that is killed goes on where it was, to the same result.


Arrays = dict[str, npt.NDArray[Any]]

KIND = "checkpoint"


# Samples whose bytes are hashed together.
DIGESTED = 4096


def digest(*arrays: npt.NDArray[Any]) -> str:
    """A fingerprint of arrays: their dtypes, shapes and bytes."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype.str}{array.shape}".encode())
        rows = array if array.ndim else array[None]
        for start in range(0, len(rows), DIGESTED):
            found.update(np.ascontiguousarray(rows[start : start + DIGESTED]).data)
    return found.hexdigest()


class Checkpoint:
    """The file that a training leaves behind while it runs.

    It holds the networks, the state of their optimisers, the average, the best
    snapshot, the generator of random numbers and the history, no sample of
    the data, but the discriminator that sees them and tells them from others; it is
    written whole or not at all, and removed at the end. Where it
    cannot be written (a full disk, a folder that was removed) the training goes on,
    after one warning, and each later turn tries again.

    Parameters
    ----------
    path : str or path-like
        The file.
    every : int or float
        An integer is a number of steps, a float of seconds.
    settings : mapping
        JSON values that decide the result. A file with others is refused.
    data : str
        Fingerprint of the samples.
    seed : int
        Of the training, if it begins now.

    Attributes
    ----------
    seed : int
        Of the training, as the file has it if there is one.
    design : dict or None
        Of the networks, as the file has it; to be set where there is no file.

    Raises
    ------
    ModelPathError, ModelFileError
        If the file cannot be read or could not be written, is damaged, was altered or holds something else.
        Never is such a file replaced: remove it, and the training starts from the beginning.
    InvalidParameterError
        If it was left by a training on other data or with other settings.
    """

    def __init__(
        self, path: str | os.PathLike[str], every: int | float, settings: Mapping[str, Any], data: str, seed: int
    ) -> None:
        self.path: Path = check_path(path)
        check_writable(self.path)
        self.every, self._warned = every, False
        # as JSON gives them back
        self.settings: dict[str, Any] = json.loads(json.dumps(dict(settings), sort_keys=True))
        self.data = data
        self._saved_at, self._saved_step = time.perf_counter(), -1
        self._left = self._found()
        self.seed: int = seed if self._left is None else self._left.config["seed"]
        self.design: dict[str, Any] | None = None if self._left is None else self._left.config["design"]

    def check_design(self, build: Callable[[dict[str, Any]], Any]) -> None:
        """Build the networks of the design that the file describes, if there is one, before it is believed.

        Raises
        ------
        ModelFileError
            If it is no design, or asks for more than the file holds.
        """
        if self._left is not None:
            with self._believing(), TensorBudget(self._left.arrays.values()):
                build(self._left.config["design"])

    @contextmanager
    def _believing(self) -> Iterator[None]:
        """Whatever altered values lead to is said in one line."""
        try:
            yield
        except Exception as error:  # in one line
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise ModelFileError(
                f"checkpoint={str(self.path)!r} was altered: its parts do not fit together ({reason}). Nothing was "
                "done to the file; remove it, and the training starts from the beginning"
            ) from error

    def _found(self) -> ModelState | None:
        """What an earlier run left, if it was a run of the same training."""
        if not self.path.exists():
            return None
        try:
            state = read_state(self.path, KIND)
            _check(state.config)
        except ModelFileError as error:
            raise ModelFileError(
                f"checkpoint={str(self.path)!r}: {error}. Nothing was done to the file; remove it, and the training "
                "starts from the beginning"
            ) from error
        theirs = state.config["settings"]
        other = sorted(k for k in {*theirs, *self.settings} if theirs.get(k) != self.settings.get(k))
        what = ", ".join(f"{k}={theirs.get(k)!r} (now {self.settings.get(k)!r})" for k in other)
        if state.config["data"] != self.data:
            what = "other data" + (f" and {what}" if what else "")
        if what:
            raise InvalidParameterError(
                f"checkpoint={str(self.path)!r} was left by a training with {what}; to go on with it set that "
                "back, or remove the file or name another to start from the beginning"
            )
        return state

    def save(
        self,
        train_state: TrainState,
        train_progress: TrainProgress,
        best: BestSnapshot,
        rng: torch.Generator,
        now: bool = False,
    ) -> None:
        """Write the file, if it is time to."""
        steps = train_state.step - max(self._saved_step, train_progress.first)
        seconds = time.perf_counter() - self._saved_at
        if now or (steps if isinstance(self.every, int) else seconds) >= self.every:
            self.write(train_state, train_progress, best, rng)

    def write(
        self, train_state: TrainState, train_progress: TrainProgress, best: BestSnapshot, rng: torch.Generator
    ) -> None:
        """Write the file."""
        columns = list(dict.fromkeys(k for row in train_progress.history for k in row))
        config = {
            "settings": self.settings,
            "data": self.data,
            "seed": self.seed,
            "design": self.design,
            "step": train_state.step,
            "adam": {name: getattr(train_state, name).steps for name in _PLAYERS},
            "first": train_progress.first,
            "columns": columns,
            "best": {k: getattr(best, k) for k in _BEST_COUNTS},
        }
        arrays: Arrays = {
            "seconds": np.array(train_progress.seconds),
            "rng": rng.get_state().numpy(),
            "best.measured": np.array([best.quality, best.diversity]),
            **{f"record.{k}": _array(v) for k, v in train_progress.record.items()},
            **{f"game.{k}": _array(v) for k, v in _moving(train_state).items()},
        }
        if best.weights is not None:
            arrays["best.weights"] = _array(best.weights)
        for column in columns:
            rows = [place for place, row in enumerate(train_progress.history) if column in row]
            arrays[f"rows.{column}"] = np.array(rows, np.int64)
            arrays[f"history.{column}"] = np.array([train_progress.history[place][column] for place in rows])
        self._saved_at, self._saved_step = time.perf_counter(), train_state.step
        try:
            write_state(self.path, KIND, config, arrays)
        except ModelPathError as error:
            if not self._warned:
                self._warned = True
                warn(
                    f"the checkpoint was not written at step {train_state.step}: {error}; training goes on",
                    TrainingWarning,
                )

    def restore(self, train_state: TrainState, best: BestSnapshot, rng: torch.Generator) -> TrainProgress | None:
        """Put everything back where `write` found it; None, and nothing done, if there is no file.

        Raises
        ------
        ModelFileError
            If the file's arrays do not fit the networks.
        """
        if self._left is None:
            return None
        config, arrays = self._left.config, self._left.arrays
        self._left = None
        with self._believing():
            return self._restored(config, arrays, train_state, best, rng)

    def _restored(
        self,
        config: Mapping[str, Any],
        arrays: Arrays,
        train_state: TrainState,
        best: BestSnapshot,
        rng: torch.Generator,
    ) -> TrainProgress:
        for name, tensor in _moving(train_state).items():
            with torch.no_grad():
                own = torch.from_numpy(expect(arrays, f"game.{name}", tuple(tensor.shape)))
                if own.dtype != tensor.dtype:
                    raise ModelFileError(f"its array 'game.{name}' is {own.dtype}")
                tensor.copy_(own)
        for name in _PLAYERS:
            getattr(train_state, name).steps = config["adam"][name]
        train_state.step = config["step"]
        rng.set_state(torch.from_numpy(arrays["rng"]))
        device = train_state.average_flat.device
        for name, value in config["best"].items():
            setattr(best, name, value)
        best.quality, best.diversity = arrays["best.measured"].tolist()
        if "best.weights" in arrays:
            best.weights = torch.from_numpy(expect(arrays, "best.weights", tuple(train_state.average_flat.shape))).to(
                device
            )
        rows: dict[int, dict[str, float]] = {}
        for column in config["columns"]:
            values = arrays[f"history.{column}"].tolist()
            for place, value in zip(arrays[f"rows.{column}"].tolist(), values, strict=True):
                rows.setdefault(place, {})[column] = value
        record = {k.removeprefix("record."): v for k, v in arrays.items() if k.startswith("record.")}
        self._saved_step = train_state.step
        return TrainProgress(
            first=config["first"],
            seconds=float(arrays["seconds"]),
            history=[rows[place] for place in sorted(rows)],
            record={k: torch.from_numpy(v).to(device) for k, v in record.items()},
        )

    def finish(self) -> None:
        """Remove the file: the training is over."""
        with contextlib.suppress(OSError):
            self.path.unlink()


_PLAYERS = ("generator", "discriminator")
# Entries of the config, with their types.
_ENTRIES: dict[str, type] = {
    "settings": dict, "data": str, "seed": int, "design": dict, "step": int, "adam": dict, "first": int,
    "columns": list, "best": dict,
}  # fmt: skip
_BEST_COUNTS = ("step", "_since_best", "_collapsed")


def _check(config: Mapping[str, Any]) -> None:
    """Refuse a config that `Checkpoint.write` did not write."""
    odd = [name for name, kind in _ENTRIES.items() if type(config.get(name)) is not kind]
    if not odd:
        counts = [config["seed"], config["step"], config["first"], *config["adam"].values(), *config["best"].values()]
        fits = all(type(count) is int and abs(count) < 2**64 for count in counts)
        fits = fits and set(config["adam"]) == set(_PLAYERS) and set(config["best"]) == set(_BEST_COUNTS)
        fits = fits and 0 <= config["first"] <= config["step"] and all(type(name) is str for name in config["columns"])
        odd = [] if fits else ["step"]
    if odd:
        raise ModelFileError(f"its entry {odd[0]!r} is not one of a checkpoint; the file was altered")


def _moving(train_state: TrainState) -> dict[str, Tensor]:
    """Every tensor that a step changes."""
    found = {"average": train_state.average_flat}
    for name in _PLAYERS:
        optimizer = getattr(train_state, name)
        found |= {f"{name}.{part}": getattr(optimizer, part) for part in ("flat", "mean", "square")}
        found |= {f"{name}.buffer.{k}": v for k, v in optimizer.network.named_buffers()}
    found |= {f"average.buffer.{k}": v for k, v in train_state.average.named_buffers()}
    return found


def _array(tensor: Tensor) -> npt.NDArray[Any]:
    return tensor.detach().cpu().numpy()
