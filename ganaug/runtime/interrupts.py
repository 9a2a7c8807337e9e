"""Signals as a wish to stop soon, not as an end in the middle of a step; tasks that a cluster gives up, as errors."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = [
    "Ending",
    "InsistentInterrupt",
    "Interrupt",
    "deferred_endings",
    "lost_tasks_raise",
    "main_thread_interrupts",
]


class Interrupt:
    """Whether Ctrl-C was pressed."""

    def __init__(self) -> None:
        # not an Event: its lock would block forever if a second signal came while the first one set it
        self._came: int | None = None

    @property
    def requested(self) -> bool:
        """Whether it was; readable from any thread."""
        return self._came is not None

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        """Handle SIGINT: the first time note it, the second time raise."""
        if self._came is not None:
            raise KeyboardInterrupt
        self._came = signum


class InsistentInterrupt(Interrupt):
    """A signal raises at once, and again wherever the main thread asks whether it came.

    Raised within a destructor or a callback from C it would be lost, for Python drops it there.

    Parameters
    ----------
    errors : dict of int to exception type
        What each signal raises.

    Examples
    --------
    >>> import signal
    >>> from ganaug.runtime.interrupts import InsistentInterrupt
    >>> interrupt = InsistentInterrupt({signal.SIGINT: KeyboardInterrupt})
    >>> interrupt.requested
    False
    """

    def __init__(self, errors: Mapping[int, type[BaseException]]) -> None:
        super().__init__()
        self._errors = errors

    @property
    def requested(self) -> bool:
        """False, or whether it came in a thread that is not the main one; the main one learns it by the error."""
        if self._came is not None and threading.current_thread() is threading.main_thread():
            raise self._errors[self._came]
        return self._came is not None

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        self._came = signum
        raise self._errors[signum]


@contextmanager
def main_thread_interrupts() -> Iterator[Interrupt]:
    """Let the first Ctrl-C ask for an end, and only the second one raise, within the block.

    This holds in the main thread, and where Python's own handler was in place:
    a handler of somebody else's is left alone, and the `Interrupt` is then never
    set. A block within another one, in whichever thread, shares its `Interrupt`,
    so that one Ctrl-C ends all that the outer block began.

    The code that opens the outermost block asks ``requested`` after it, too: the wish may
    have come too late for the loop inside to see it.

    Yields
    ------
    Interrupt

    Raises
    ------
    KeyboardInterrupt
        At the second Ctrl-C.

    Examples
    --------
    >>> from ganaug.runtime.interrupts import main_thread_interrupts
    >>> with main_thread_interrupts() as interrupt:
    ...     interrupt.requested
    False
    """
    outer = signal.getsignal(signal.SIGINT)
    if isinstance(outer, Interrupt):
        yield outer
        return
    interrupt = Interrupt()
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or outer is not signal.default_int_handler:
        yield interrupt
        return
    try:
        signal.signal(signal.SIGINT, interrupt)
        yield interrupt
    finally:
        # what was installed within the block and left there was meant to stay
        if signal.getsignal(signal.SIGINT) is interrupt:
            signal.signal(signal.SIGINT, outer)


class Ending:
    """Whether the system asked the process to end, and how it ends then."""

    def __init__(self) -> None:
        self._came: int | None = None

    @property
    def requested(self) -> bool:
        """Whether it did."""
        return self._came is not None

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        """Handle a signal: the first time note it, the second time end at once."""
        if self._came is not None:
            self.deliver()
        self._came = signum

    def deliver(self) -> None:
        """End the process as the signal would have done, if one came."""
        if self._came is not None:
            signal.signal(self._came, signal.SIG_DFL)
            signal.raise_signal(self._came)


@contextmanager
def deferred_endings() -> Iterator[Ending]:
    """Hold back the signals by which a system ends a process, so that what was done can be written first.

    These are SIGTERM (a cluster's scheduler, a container that is stopped) and SIGHUP (a
    terminal that was closed). In the main thread only, and only where nobody else handles
    or ignores them. The caller writes and calls `Ending.deliver` in the block; at its end that is done in any case.

    Yields
    ------
    Ending

    Examples
    --------
    >>> from ganaug.runtime.interrupts import deferred_endings
    >>> with deferred_endings() as ending:
    ...     ending.requested
    False
    """
    ending = Ending()
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    in_main = threading.current_thread() is threading.main_thread()
    held = [number for number in numbers if in_main and signal.getsignal(number) is signal.SIG_DFL]
    try:
        for number in held:
            signal.signal(number, ending)
        yield ending
    finally:
        for number in held:
            if signal.getsignal(number) is ending:
                signal.signal(number, signal.SIG_DFL)
        ending.deliver()


@contextmanager
def lost_tasks_raise(backend: Any) -> Iterator[None]:
    """Raise the error of a task that a cluster of dask gave up, within the block; joblib waits for it without end.

    Parameters
    ----------
    backend : joblib's backend
        Nothing is done where it is not that of dask.
    """
    name = "submit" if hasattr(backend, "submit") else "apply_async"  # before joblib 1.5
    send = getattr(backend, name, None)
    if send is None or not hasattr(backend, "client") or name in vars(backend):
        yield
        return

    def submit(task: Any, callback: Any = None) -> Any:
        found = send(task, callback)

        def tell(done: Any) -> None:
            if callback is not None and not done.cancelled() and done.exception() is not None:
                callback(done.exception())

        found.add_done_callback(tell)
        return found

    setattr(backend, name, submit)
    try:
        yield
    finally:
        delattr(backend, name)
