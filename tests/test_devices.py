"""Which device is taken, and what is said of one that is not there."""

from __future__ import annotations

import pytest
import torch

from ganaug.exceptions import InvalidParameterError, InvalidTypeError
from ganaug.runtime.compute import resolve_device


@pytest.fixture
def machine(monkeypatch):
    """Pretend to a machine with that many CUDA devices, and MPS or not."""

    def pretend(cuda=0, mps=False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend


@pytest.mark.parametrize("device", ["auto", None])
@pytest.mark.parametrize(
    ("cuda", "mps", "expected"), [(0, False, "cpu"), (0, True, "mps"), (1, False, "cuda"), (2, True, "cuda")]
)
def test_auto_takes_the_fastest(machine, device, cuda, mps, expected):
    machine(cuda, mps)
    assert resolve_device(device) == torch.device(expected)


@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:0", "cuda:1", "mps", torch.device("cuda", 1)])
def test_devices_that_are_there(machine, device):
    machine(cuda=2, mps=True)
    assert resolve_device(device) == torch.device(device)


@pytest.mark.parametrize("device", ["cuda", "cuda:2", "mps", "gpu", "", "cuda:x", "meta", "CPU", torch.device("cuda")])
def test_an_absent_device_is_named_with_those_there(machine, device):
    machine(cuda=0)
    with pytest.raises(InvalidParameterError) as caught:
        resolve_device(device)
    assert f"device={str(device)!r}" in str(caught.value)
    assert "there are 'cpu'" in str(caught.value)


def test_an_absent_index_is_named_with_those_there(machine):
    machine(cuda=2)
    with pytest.raises(InvalidParameterError, match=r"device='cuda:2' .*'cuda:0', 'cuda:1'"):
        resolve_device("cuda:2")


@pytest.mark.parametrize("device", [0, 1.5, ["cpu"]])
def test_other_types_are_refused(device):
    with pytest.raises(InvalidTypeError, match="device="):
        resolve_device(device)
