"""So many threads for the calling thread, and for no other.

Splitting a sum over threads changes its rounding, so a result that must not depend
on ``n_jobs``, on the backend or on the process's thread count is computed on a number
of threads that depends on none of them: one, or all that the machine gives this process.
`torch.set_num_threads` is not used: the number that it stores is the whole process's,
and every thread that starts later takes it over. What OpenMP and MKL keep is each
thread's own.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any

import torch
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

__all__ = ["Team", "alone", "machine_threads", "one_thread", "team", "threads"]

Team = Callable[[Callable[[Any], Any], Sequence[Any]], list[Any]]


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Let torch compute on ``number`` CPU threads in the calling thread, within the block.

    Other threads keep theirs, before, during and after, and so does the BLAS of
    numpy. Blocks can be nested, and can overlap in different threads in any order.
    Enter and leave it in the same thread.

    Parameters
    ----------
    number : int
        At least 1.

    Examples
    --------
    >>> import torch
    >>> from ganaug.runtime.threads import threads
    >>> with threads(2):
    ...     torch.get_num_threads()
    2
    """
    # torch sets each thread's number at that thread's first parallel operation:
    # asking makes it do so now, and not inside the block, over what is set here
    torch.get_num_threads()
    with _openmp().limit(limits=number):
        # MKL goes by OpenMP's number, unless MKL_NUM_THREADS or torch.set_num_threads gave it another
        before = _set_mkl_threads(number)
        try:
            yield
        finally:
            _set_mkl_threads(before)


def one_thread() -> AbstractContextManager[None]:
    """Let torch compute on one CPU thread in the calling thread, within the block; see `threads`.

    Examples
    --------
    >>> import torch
    >>> from ganaug.runtime.threads import one_thread
    >>> with one_thread():
    ...     torch.get_num_threads()
    1
    """
    return threads(1)


def machine_threads() -> int:
    """How many cores this process may use: fixed by the machine, whatever the thread counts of libraries say."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def alone(function: Callable[[Any], Any], parts: Sequence[Any]) -> list[Any]:
    """Work on one part after the other, in this thread."""
    return [function(part) for part in parts]


@contextmanager
def team(number: int) -> Iterator[Team]:
    """So many threads that work side by side, each of them computing on one CPU thread.

    For networks this is better than to let torch split every operation over
    threads: these wait for one another at each of them, spinning, and where another
    process takes a core for a moment a step takes ten times as long. And each
    part's result is the same whoever works on it, on any number of cores.

    Examples
    --------
    >>> from ganaug.runtime.threads import team
    >>> with team(2) as work:
    ...     work(abs, [-1, -2, -3])
    [1, 2, 3]
    """
    if number == 1:
        with one_thread():
            yield alone
        return
    with ThreadPoolExecutor(number, "ganaug", initializer=_stay_at_one) as pool:
        yield lambda function, parts: list(pool.map(function, parts))


def _stay_at_one() -> None:
    """One CPU thread in the calling thread for as long as it lives."""
    torch.get_num_threads()
    _openmp().limit(limits=1)
    _set_mkl_threads(1)


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
