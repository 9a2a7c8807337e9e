"""Where the computation runs."""

from __future__ import annotations

import torch

from ganaug.exceptions import InvalidParameterError, InvalidTypeError

__all__ = ["resolve_device"]


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
    >>> from ganaug.devices import resolve_device
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
