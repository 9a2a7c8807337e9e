"""A device that is not there, on a processor: which tensors would lie on it, and which operations it does not have.

Tensors are marked by their memory. What is made on the device or moved there is marked; what is computed from marked
tensors is marked as well. The modes of torch see each operation: one of double precision on marked memory, which
Apple's GPUs do not have, and one that mixes marked memory with other memory, are noted with the line of the package
that asked.
"""

from __future__ import annotations

import functools
import traceback
from collections import Counter
from contextlib import ExitStack, contextmanager
from types import FunctionType
from unittest import mock

import torch
import torch._dynamo  # the modes import it at their first use, when functions that it looks at are exchanged
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from ganaug.runtime import compute

DOUBLE = {torch.float64, torch.complex128}
CPU = torch.device("cpu")
KINDS = ("cpu", "cuda", "meta", "mps")
GET_DEVICE = torch.Tensor.device.__get__
# What may be asked of torch.cuda wherever one computes.
HARMLESS = {"is_available", "device_count"}
# What may have memory of both.
ACROSS = {"aten.copy_.default", "aten._has_compatible_shallow_copy_type.default"}


def leaves_of(*values):
    """What lies in tuples, lists and dicts. Every operation is looked through: torch's own walk takes long."""
    found, left = [], list(values)
    while left:
        value = left.pop()
        if isinstance(value, (tuple, list)):
            left.extend(value)
        elif isinstance(value, dict):
            left.extend(value.values())
        else:
            found.append(value)
    return found


def _place():
    """The line of the package that is being carried out."""
    for frame in reversed(traceback.extract_stack()):
        if "/ganaug/" in frame.filename and "/tests/" not in frame.filename:
            return f"{frame.filename.rsplit('/ganaug/', 1)[1]}:{frame.lineno} {frame.line}"
    return "?"


class PretendedGenerator(torch.Generator):
    """torch's generator of the processor, that says it is of another device."""

    def __new__(cls, device="cpu"):
        own = super().__new__(cls)
        own.pretended = torch.device(device)
        return own

    @property
    def device(self):
        return self.pretended


class Pretended:
    """What is marked as lying on the device, and what was found.

    Attributes
    ----------
    found : Counter of str
        What the device could not do, with the line of the package.
    operations : Counter of str
        How often each operation was carried out on the device.
    """

    def __init__(self, kind="mps"):
        self.device = torch.device(kind)
        self.found, self.operations = Counter(), Counter()
        self._marked = {}
        self.inside = False  # whether the call of torch that is being worked out touches the device

    def marked(self, value):
        return isinstance(value, torch.Tensor) and value.untyped_storage()._cdata in self._marked

    def mark(self, value):
        if isinstance(value, torch.Tensor):
            if len(self._marked) > 4096:
                self._marked = {place: ref for place, ref in self._marked.items() if not ref.expired()}
            storage = value.untyped_storage()
            # a weak reference keeps the place of the memory from being given to other memory
            self._marked.setdefault(storage._cdata, StorageWeakRef(storage))
        return value

    def note(self, what):
        self.found[f"{what} at {_place()}"] += 1


class _Operations(TorchDispatchMode):
    """Sees what is carried out."""

    def __init__(self, own):
        super().__init__()
        self.own = own

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        own, kwargs = self.own, kwargs or {}
        tensors = [leaf for leaf in leaves_of(args, kwargs) if isinstance(leaf, torch.Tensor)]
        there = [tensor for tensor in tensors if own.marked(tensor)]
        result = func(*args, **kwargs)
        made = [leaf for leaf in leaves_of(result) if isinstance(leaf, torch.Tensor)]
        if there or (not tensors and own.inside):
            for one in made:
                own.mark(one)
            name = str(func)
            own.operations[name] += 1
            if any(one.dtype in DOUBLE for one in [*there, *made]):
                own.note(f"{name} in double precision")
            if name not in ACROSS and there and any(not own.marked(one) and one.ndim for one in tensors):
                own.note(f"{name} of memory on and off the device")
        return result


class _Calls(TorchFunctionMode):
    """Sees what is asked for: where tensors are to lie."""

    def __init__(self, own):
        super().__init__()
        self.own = own

    def __torch_function__(self, func, types, args=(), kwargs=None):
        own, kwargs = self.own, kwargs or {}
        if func == GET_DEVICE:
            return own.device if own.marked(args[0]) else CPU
        name = getattr(func, "__name__", "")
        if name in ("device", "_parse_to"):
            return func(*args, **kwargs)
        leaves = leaves_of(args, kwargs)
        named = [leaf for leaf in leaves if isinstance(leaf, torch.device) or (isinstance(leaf, str) and leaf in KINDS)]
        devices = [torch.device(one) for one in named]
        given = bool(args) and isinstance(args[0], torch.Tensor)
        if given and name in ("to", "cpu") and (devices or name == "cpu"):
            return self._moved(func, name, args, kwargs, devices)
        if given and own.marked(args[0]) and name in ("numpy", "__array__"):
            own.note(f"{name} of memory on the device")
        before, there = own.inside, any(device.type == own.device.type for device in devices)
        own.inside = there or (not devices and any(own.marked(leaf) for leaf in leaves))
        if there:
            args, kwargs = tree_map(self._here, (args, kwargs))
        try:
            result = func(*args, **kwargs)
            if there:
                tree_map(own.mark, result)
            return result
        finally:
            own.inside = before

    def _here(self, value):
        """The processor in place of the device."""
        if isinstance(value, torch.device):
            return CPU if value.type == self.own.device.type else value
        return "cpu" if isinstance(value, str) and value == self.own.device.type else value

    def _moved(self, func, name, args, kwargs, devices):
        own, tensor = self.own, args[0]
        there = name == "to" and devices[0].type == own.device.type
        here, own.inside = own.inside, False
        try:
            args, kwargs = tree_map(self._here, (args, kwargs))
            if there == own.marked(tensor):
                return func(*args, **kwargs)
            with torch._C._DisableTorchDispatch(), torch._C.DisableTorchFunction():
                copied = tensor.clone() if torch.is_grad_enabled() and tensor.requires_grad else tensor.detach().clone()
                moved = func(copied, *args[1:], **kwargs)
            if there:
                own.mark(moved)
                if moved.dtype in DOUBLE:
                    own.note(f"{name} in double precision")
            return moved
        finally:
            own.inside = here


@contextmanager
def pretended(kind="mps"):
    """Within the block, "auto" is a device of this kind, and what would be done on it is noted."""
    own = Pretended(kind)
    asks = dict(vars(torch.cuda))

    def watched(name, call):
        @functools.wraps(call)
        def asked(*args, **kwargs):
            if kind != "cuda" and "/ganaug/" in traceback.extract_stack(limit=2)[0].filename:
                own.note(f"torch.cuda.{name}")
            return call(*args, **kwargs)

        return asked

    with ExitStack() as stack:
        for name, call in asks.items():
            if isinstance(call, FunctionType) and not name.startswith("_") and name not in HARMLESS:
                stack.enter_context(mock.patch.object(torch.cuda, name, watched(name, call)))
        stack.enter_context(mock.patch.object(torch, "Generator", PretendedGenerator))
        stack.enter_context(mock.patch.object(torch.cuda, "is_available", return_value=False))
        stack.enter_context(mock.patch.object(torch.backends.mps, "is_available", return_value=kind == "mps"))
        assert compute.resolve_device("auto") == own.device
        stack.enter_context(_Operations(own))
        stack.enter_context(_Calls(own))
        yield own
