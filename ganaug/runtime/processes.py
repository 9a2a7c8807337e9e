"""Several processes: tasks by joblib, and trainings that torch's processes share."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from ganaug.exceptions import InvalidParameterError

__all__ = ["ALONE", "Ranks", "carried", "run_tasks", "side_by_side", "together_with", "unpacked"]

# --------------------------------------------------------------------------------------
# Work in several processes by joblib, and fitted generators on their way between them.


# --------------------------------------------------------------------------------------
# One class per task, through joblib: processes, threads, dask or ray, with one and the same result.


def run_tasks(function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], n_jobs: int | None) -> list[Any]:
    """Call ``function(*task)`` for every task and return the results in the order of the tasks.

    The backend is joblib's: its default processes, or what
    `joblib.parallel_config` says.

    Parameters
    ----------
    function : callable
        Picklable where the backend needs it; must depend on its arguments only.
    tasks : sequence of tuple
        Arguments of each call.
    n_jobs : int or None
        As in scikit-learn: None is 1 unless a `joblib.parallel_config` says
        otherwise, -1 is all processors.

    Returns
    -------
    list
        The results.

    Raises
    ------
    InvalidParameterError
        If ``n_jobs`` is no number of jobs.
    """
    from sklearn.utils.parallel import Parallel, delayed

    _check(n_jobs)
    results: list[Any] = Parallel(n_jobs=n_jobs)(delayed(function)(*task) for task in tasks)
    return results


def side_by_side(n_tasks: int, n_jobs: int | None) -> bool:
    """Whether `run_tasks` would work on several of so many tasks at the same time."""
    import joblib

    _check(n_jobs)
    return n_tasks > 1 and joblib.effective_n_jobs(n_jobs) > 1


def _check(n_jobs: Any) -> None:
    if n_jobs is None or (isinstance(n_jobs, Integral) and not isinstance(n_jobs, bool) and n_jobs != 0):
        return
    raise InvalidParameterError(f"n_jobs={n_jobs!r} must be None, a positive number, or -1 for all processors")


# --------------------------------------------------------------------------------------
# Fitted generators on their way between the processes of one call, which see more than a pickle
# holds.


class _Carried:
    """A generator whose pickle is taken apart with all that it holds in memory.

    A pickle may be kept, and must not hold traces of training samples. What a worker sends back to the process that
    started it is not kept, and must not lack them: the result of a call does not depend on the number of processes.
    """

    def __init__(self, generator: Any) -> None:
        self.generator = generator

    def __getstate__(self) -> dict[str, Any]:
        return {"kind": type(self.generator), "state": self.generator._whole_state()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.generator = state["kind"].__new__(state["kind"])
        self.generator.__setstate__(state["state"])


def carried(generator: Any) -> Any:
    """What a task gives back in place of a generator."""
    return _Carried(generator) if hasattr(generator, "_whole_state") else generator


def unpacked(result: Any) -> Any:
    """The generator again."""
    return result.generator if isinstance(result, _Carried) else result


# --------------------------------------------------------------------------------------
# Several processes that play one game together, each on its share of every batch.


Part = TypeVar("Part")


@dataclass(frozen=True)
class Ranks:
    """The place of a process among those of a `torchrun`; alone by default.

    Every process holds all data and both networks, and draws the same batches.
    It works on its parts of each batch; gradients are summed over all, so that all
    take the same steps.

    Attributes
    ----------
    own, count : int
        The place of this process, and how many there are.
    """

    own: int = 0
    count: int = 1

    def parts(self, parts: list[Part]) -> list[Part]:
        """Those parts of a batch that this process works on."""
        return parts[self.own :: self.count]

    def summed(self, tensor: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.count > 1:
            dist.all_reduce(tensor)
        return tensor

    def averaged(self, row: dict[str, float], device: torch.device) -> dict[str, float]:
        """The mean of numbers that all processes have under the same names."""
        if self.count == 1:
            return row
        # single precision is what every device has
        values = self.summed(torch.tensor(list(row.values()), dtype=torch.float32, device=device)) / self.count
        return dict(zip(row, values.tolist(), strict=True))

    def first(self, value: float, device: torch.device) -> float:
        """The first process's number."""
        if self.count == 1:
            return value
        told = torch.tensor([value], dtype=torch.float32, device=device)
        dist.broadcast(told, 0)
        return float(told)

    def seed(self, seed: int, device: torch.device) -> int:
        """The first process's seed."""
        if self.count == 1:
            return seed
        told = torch.tensor([seed], dtype=torch.int64, device=device)
        dist.broadcast(told, 0)
        return int(told)

    def agreed(self, reason: str | None) -> str | None:
        """What the first process that has a reason says; all stop, or none."""
        if self.count == 1:
            return reason
        said: list[str | None] = [None] * self.count
        dist.all_gather_object(said, reason)
        return next((one for one in said if one), None)


ALONE = Ranks()


def together_with(device: torch.device) -> tuple[Ranks, torch.device]:
    """The processes of the `torchrun` that started this one, and which of the devices of that kind is this one's.

    A process group that there is already is used; else one is made.

    Parameters
    ----------
    device : torch.device
        A CUDA device without an index becomes the one of the process's local rank.
    """
    if not dist.is_available() or device.type not in ("cpu", "cuda"):
        return Ranks(), device
    launched = dist.is_torchelastic_launched() and int(os.environ.get("WORLD_SIZE", "1")) > 1
    if not dist.is_initialized() and not launched:
        return Ranks(), device
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Ranks(dist.get_rank(), dist.get_world_size()), device
