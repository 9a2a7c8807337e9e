"""A training that is killed goes on where it was, to the same result."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganaug.callbacks import BestSnapshot
from ganaug.exceptions import InvalidParameterError
from ganaug.files import checked_path
from ganaug.game import Game
from ganaug.state import State, expect, read_state, write_state
from ganaug.training import Course

__all__ = ["Checkpoint", "digest"]

Arrays = dict[str, npt.NDArray[Any]]

KIND = "checkpoint"


def digest(*arrays: npt.NDArray[Any]) -> str:
    """A fingerprint of arrays: their dtypes, shapes and bytes."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype.str}{array.shape}".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


class Checkpoint:
    """The file that a training leaves behind while it runs.

    It holds the networks, the state of their optimisers, the average, the best
    snapshot, the generator of random numbers and the history, no sample of
    the data, but the discriminator that sees them and tells them from others;
    it is written whole or not at all, and removed at the end.

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
        If the file cannot be read, or holds something else.
    InvalidParameterError
        If it was left by a training on other data or with other settings.
    """

    def __init__(
        self, path: str | os.PathLike[str], every: int | float, settings: Mapping[str, Any], data: str, seed: int
    ) -> None:
        self.path: Path = checked_path(path)
        self.every = every
        # as JSON gives them back
        self.settings: dict[str, Any] = json.loads(json.dumps(dict(settings), sort_keys=True))
        self.data = data
        self._saved_at, self._saved_step = time.perf_counter(), -1
        self._left = self._found()
        self.seed: int = seed if self._left is None else self._left.config["seed"]
        self.design: dict[str, Any] | None = None if self._left is None else self._left.config["design"]

    def _found(self) -> State | None:
        """What an earlier run left, if it was a run of the same training."""
        if not self.path.exists():
            return None
        state = read_state(self.path, KIND)
        theirs = state.config["settings"]
        other = sorted(k for k in {*theirs, *self.settings} if theirs.get(k) != self.settings.get(k))
        what = ", ".join(f"{k}={theirs.get(k)!r} (now {self.settings.get(k)!r})" for k in other)
        if state.config["data"] != self.data:
            what = "other data" + (f" and {what}" if what else "")
        if what:
            raise InvalidParameterError(
                f"checkpoint={str(self.path)!r} was left by a training with {what}; to go on with it set that "
                "back, or remove the file or name another to begin anew"
            )
        return state

    def save(self, game: Game, course: Course, best: BestSnapshot, rng: torch.Generator, now: bool = False) -> None:
        """Write the file, if it is time to."""
        steps = game.step - max(self._saved_step, course.first)
        seconds = time.perf_counter() - self._saved_at
        if now or (steps if isinstance(self.every, int) else seconds) >= self.every:
            self.write(game, course, best, rng)

    def write(self, game: Game, course: Course, best: BestSnapshot, rng: torch.Generator) -> None:
        """Write the file."""
        columns = list(dict.fromkeys(k for row in course.history for k in row))
        config = {
            "settings": self.settings,
            "data": self.data,
            "seed": self.seed,
            "design": self.design,
            "step": game.step,
            "adam": {name: getattr(game, name).steps for name in _PLAYERS},
            "first": course.first,
            "columns": columns,
            "best": {k: getattr(best, k) for k in _BEST_COUNTS},
        }
        arrays: Arrays = {
            "seconds": np.array(course.seconds),
            "rng": rng.get_state().numpy(),
            "best.measured": np.array([best.quality, best.diversity]),
            **{f"record.{k}": _array(v) for k, v in course.record.items()},
            **{f"game.{k}": _array(v) for k, v in _moving(game).items()},
        }
        if best.weights is not None:
            arrays["best.weights"] = _array(best.weights)
        for column in columns:
            rows = [place for place, row in enumerate(course.history) if column in row]
            arrays[f"rows.{column}"] = np.array(rows, np.int64)
            arrays[f"history.{column}"] = np.array([course.history[place][column] for place in rows])
        write_state(self.path, KIND, config, arrays)
        self._saved_at, self._saved_step = time.perf_counter(), game.step

    def restore(self, game: Game, best: BestSnapshot, rng: torch.Generator) -> Course | None:
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
        for name, tensor in _moving(game).items():
            with torch.no_grad():
                tensor.copy_(torch.from_numpy(expect(arrays, f"game.{name}", tuple(tensor.shape))))
        for name in _PLAYERS:
            getattr(game, name).steps = config["adam"][name]
        game.step = config["step"]
        rng.set_state(torch.from_numpy(arrays["rng"]))
        device = game.average_flat.device
        for name, value in config["best"].items():
            setattr(best, name, value)
        best.quality, best.diversity = arrays["best.measured"].tolist()
        if "best.weights" in arrays:
            best.weights = torch.from_numpy(expect(arrays, "best.weights", tuple(game.average_flat.shape))).to(device)
        rows: dict[int, dict[str, float]] = {}
        for column in config["columns"]:
            values = arrays[f"history.{column}"].tolist()
            for place, value in zip(arrays[f"rows.{column}"].tolist(), values, strict=True):
                rows.setdefault(place, {})[column] = value
        record = {k.removeprefix("record."): v for k, v in arrays.items() if k.startswith("record.")}
        self._saved_step = game.step
        return Course(
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
_BEST_COUNTS = ("step", "_since_best", "_collapsed")


def _moving(game: Game) -> dict[str, Tensor]:
    """Every tensor that a step changes."""
    found = {"average": game.average_flat}
    for name in _PLAYERS:
        player = getattr(game, name)
        found |= {f"{name}.{part}": getattr(player, part) for part in ("flat", "mean", "square")}
        found |= {f"{name}.buffer.{k}": v for k, v in player.network.named_buffers()}
    found |= {f"average.buffer.{k}": v for k, v in game.average.named_buffers()}
    return found


def _array(tensor: Tensor) -> npt.NDArray[Any]:
    return tensor.detach().cpu().numpy()
