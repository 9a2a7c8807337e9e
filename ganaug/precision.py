"""In which precision the networks compute, where half of it is enough and faster."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch

__all__ = ["Precision", "fastest", "full"]

# Opened around a pass of a network's trunk.
Precision = Callable[[], AbstractContextManager[None]]


def full() -> AbstractContextManager[None]:
    """Single precision throughout."""
    return nullcontext()


def fastest(device: torch.device) -> Precision:
    """bfloat16 where the device multiplies matrices in it (tensor cores, AMX), else `full`.

    A processor that has bfloat16 in its vector units only (avx512_bf16) gains
    nothing: what it saves it spends on conversions.
    """
    return partial(_half, device.type) if _multiplies_in_half(device) else full


def _half(kind: str) -> AbstractContextManager[None]:
    return torch.autocast(kind, torch.bfloat16)


def _multiplies_in_half(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    asks = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return device.type == "cpu" and asks is not None and bool(asks())
