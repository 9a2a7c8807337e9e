"""One thread for the calling thread, and for no other.

Splitting a sum over threads changes its rounding, so a result that must not depend
on ``n_jobs``, on the backend or on the machine's thread count is computed on one
thread. `torch.set_num_threads` is not used: the number that it stores is the whole
process's, and every thread that starts later takes it over. What OpenMP and MKL keep
is each thread's own.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

__all__ = ["one_thread"]


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one CPU thread in the calling thread, within the block.

    Other threads keep theirs, before, during and after, and so does the BLAS of
    numpy. Blocks can be nested, and can overlap in different threads in any order.
    Enter and leave it in the same thread.

    Examples
    --------
    >>> import torch
    >>> from ganaug.threads import one_thread
    >>> with one_thread():
    ...     torch.get_num_threads()
    1
    """
    # torch sets each thread's number at that thread's first parallel operation:
    # asking makes it do so now, and not inside the block, over what is set here
    torch.get_num_threads()
    with _openmp().limit(limits=1):
        # MKL goes by OpenMP's number, unless MKL_NUM_THREADS or torch.set_num_threads gave it another
        before = _set_mkl_threads(1)
        try:
            yield
        finally:
            _set_mkl_threads(before)


@cache
def _openmp() -> ThreadpoolController:
    """The OpenMP libraries of the process, torch's among them; found once, in some 4 ms."""
    return ThreadpoolController().select(user_api="openmp")


@cache
def _mkl_setter() -> Any:
    """MKL's function for the calling thread, or None where torch has no MKL or hides it."""
    try:
        # torch's own MKL, which the lookup finds among the libraries that this one needs
        setter = ctypes.CDLL(torch._C.__file__).MKL_Set_Num_Threads_Local
    except (OSError, AttributeError):
        return None
    setter.argtypes, setter.restype = [ctypes.c_int], ctypes.c_int
    return setter


def _set_mkl_threads(number: int) -> int:
    """Set MKL's number for this thread (0: what holds for the process), and return the last one."""
    setter = _mkl_setter()
    return 0 if setter is None else int(setter(number))
