"""Devices to compute on, and the precision to compute in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch

from ganaug.exceptions import InvalidParameterError, InvalidTypeError

__all__ = ["Precision", "fastest", "full", "resolve_device"]

# --------------------------------------------------------------------------------------
# Where the computation runs.


def resolve_device(device: str | torch.device | None) -> torch.device:
    """Turn the ``device`` parameter into a device that is there.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "cuda:1", ..., "mps"}, torch.device or None
        "auto" and None take CUDA where there is one, else Apple's MPS, else the CPU.

    Returns
    -------
    torch.device

    Raises
    ------
    InvalidParameterError
        If there is no such device; the message lists those that there are.
    InvalidTypeError
        If it is neither text nor a device.

    Examples
    --------
    >>> from ganaug.runtime.devices import resolve_device
    >>> resolve_device("cpu")
    device(type='cpu')
    """
    if device is None or device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    if not isinstance(device, (str, torch.device)):
        raise InvalidTypeError(
            f"device={device!r} is a {type(device).__name__}; give a string such as 'auto', or a torch.device"
        )
    try:
        found = torch.device(device)
    except RuntimeError:
        found = None
    there = _devices()
    if found is None or str(found) not in there:
        raise InvalidParameterError(
            f"device={str(device)!r} is not on this machine; there are {', '.join(map(repr, there))}, "
            "and 'auto' takes the fastest of them"
        )
    return found


def _devices() -> list[str]:
    """Every spelling that works here."""
    there = ["cpu", "cpu:0"]
    if torch.cuda.is_available():
        there += ["cuda", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        there += ["mps", "mps:0"]
    return there


# --------------------------------------------------------------------------------------
# In which precision the networks compute, where half of it is enough and faster.


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
