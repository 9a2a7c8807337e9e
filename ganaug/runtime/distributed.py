"""Several processes that play one game together, each on its share of every batch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

__all__ = ["ALONE", "Ranks", "together_with"]

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
