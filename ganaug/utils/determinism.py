"""What makes results depend on the call alone: seeds that flow down as integers, isolation from other settings.

Nothing here reads or changes a global generator, and a child's seed depends on its parent's seed and its own key only,
never on the order in which children run.

Public functions are decorated with `isolated`. It resets all settings that belong to a thread: modes of torch
(default device, autocast, grad and inference mode), numpy's handling of floating-point errors, the context of
`decimal`. Settings of the whole process, such as the default dtype, are neither read nor changed, because other
threads would see it. Instead every tensor is made with an explicit dtype, which ``tests/test_house.py`` checks. The
exception is torch's precision of float32 products: if the caller has lowered it, and the processor or GPU can multiply
in less precision, there is no other way to keep results. It is "highest" during calls, and then the caller's again.
"""

from __future__ import annotations

import decimal
import functools
import inspect
import secrets
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import ModuleType
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np

from ganaug.exceptions import InvalidParameterError

__all__ = [
    "Seed",
    "child_seed",
    "isolated",
    "isolation",
    "numpy_generator",
    "root_seed",
    "say",
    "wants_progress",
    "warn",
]

# --------------------------------------------------------------------------------------
# Randomness flows down as integers: from ``random_state`` to a fit, to a class, to a stream.


_SEED_BOUND = 2**63
Seed = int | np.random.RandomState | np.random.Generator | None  # what ``random_state`` may be


def root_seed(random_state: Seed, name: str = "random_state") -> int:
    """Turn a scikit-learn ``random_state`` into one integer seed.

    Parameters
    ----------
    random_state : int, RandomState, Generator or None
        An integer is taken as it is. A generator is drawn from once, so two
        calls with the same generator differ. None takes fresh entropy from the
        operating system (and leaves numpy's global generator alone).
    name : str, default="random_state"
        Of the parameter, for the error.

    Returns
    -------
    int
        A seed in ``[0, 2**63)``.

    Raises
    ------
    InvalidParameterError
        If it is none of these, or a negative integer.

    Examples
    --------
    >>> from ganaug.utils.determinism import root_seed
    >>> root_seed(7)
    7
    """
    if random_state is None:
        return secrets.randbelow(_SEED_BOUND)
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(_SEED_BOUND))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool):
        if 0 <= random_state < _SEED_BOUND:
            return int(random_state)
    raise InvalidParameterError(
        f"{name}={random_state!r} is not a seed; give a non-negative integer, a numpy RandomState or Generator, or None"
    )


def child_seed(seed: int, *keys: int | str) -> int:
    """Derive an independent seed for the child named by ``keys``.

    Parameters
    ----------
    seed : int
        The parent's seed.
    *keys : int or str
        The child's name, for example ``("class", 3)``; no empty text.

    Returns
    -------
    int
        A seed in ``[0, 2**63)``.

    Examples
    --------
    >>> from ganaug.utils.determinism import child_seed
    >>> child_seed(0, "class", 1) != child_seed(0, "class", 2)
    True
    """
    words = [seed & 0xFFFFFFFF, seed >> 32]
    for key in keys:
        data = key.encode() if isinstance(key, str) else int(key).to_bytes(8, "little", signed=True)
        words.append(len(data))
        words.extend(data)
    high, low = np.random.SeedSequence(words).generate_state(2, np.uint32)
    return (int(high) << 32 | int(low)) % _SEED_BOUND


def numpy_generator(seed: int, *keys: int | str) -> np.random.Generator:
    """A private numpy generator for the child named by ``keys``."""
    return np.random.default_rng(child_seed(seed, *keys))


# --------------------------------------------------------------------------------------
# Isolation of public functions from settings of the calling thread, which must not change results.


P = ParamSpec("P")
R = TypeVar("R")

# numpy's defaults, as parameters of `numpy.errstate`.
_ERRORS: dict[str, Any] = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
_DEVICE_TYPES = ("cpu", "cuda", "mps", "xpu")


def isolated(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function so that it runs in `isolation`; a generator runs each of its steps in it.

    Examples
    --------
    >>> import torch
    >>> from ganaug.utils.determinism import isolated
    >>> @isolated
    ... def slope():
    ...     return torch.is_grad_enabled()
    >>> with torch.no_grad():
    ...     slope(), torch.is_grad_enabled()
    (True, False)
    """
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def steps(*args: P.args, **kwargs: P.kwargs) -> Iterator[Any]:
            generator = cast("Iterator[Any]", function(*args, **kwargs))
            while True:
                with isolation():
                    try:
                        found = next(generator)
                    except StopIteration:
                        return
                yield found  # between two steps the caller's settings apply

        wrapped: Any = steps
    else:

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            with isolation():
                return function(*args, **kwargs)

        wrapped = call
    wrapped.is_isolated = True
    return cast("Callable[P, R]", wrapped)


def isolation() -> AbstractContextManager[object]:
    """A context in which the settings of this thread are those of a new one.

    Blocks can be nested. Threads started within one start with the same settings.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug.utils.determinism import isolation
    >>> with np.errstate(all="raise"), isolation():
    ...     np.geterr()["divide"]
    'warn'
    """
    stack = ExitStack()
    with stack:  # if one cannot be entered, those before it are left
        stack.enter_context(np.errstate(**_ERRORS))
        stack.enter_context(decimal.localcontext(decimal.Context()))
        # Not imported here: without an import of torch none of its settings can have changed.
        torch = sys.modules.get("torch")
        if torch is not None:
            _enter_torch(torch, stack)
        return stack.pop_all()
    raise AssertionError("not reached")


def _enter_torch(torch: ModuleType, stack: ExitStack) -> None:
    if torch.is_inference_mode_enabled():
        stack.enter_context(torch.inference_mode(False))
    if not torch.is_grad_enabled():
        stack.enter_context(torch.enable_grad())
    for kind in _DEVICE_TYPES:
        if torch.is_autocast_enabled(kind):
            stack.enter_context(torch.autocast(kind, enabled=False))
    if _precision_of(torch) != "highest" or _lowered.calls:
        stack.enter_context(_lowered.raised(torch))
    # Only if it differs: with a default device set, each call of torch takes longer.
    if torch.get_default_device().type != "cpu":
        stack.enter_context(torch.device("cpu"))


def _precision_of(torch: ModuleType) -> str:
    try:
        return str(torch.get_float32_matmul_precision())
    except RuntimeError:  # set by torch's newer interface, in a way that has no name in this one
        return "highest"


class _Lowered:
    """The precision of float32 products that the caller lowered: the highest while any call lasts, in any thread."""

    def __init__(self) -> None:
        self.lock, self.calls, self.callers = threading.Lock(), 0, "highest"

    @contextmanager
    def raised(self, torch: ModuleType) -> Iterator[None]:
        """Set it, and set the caller's again when the last call ends."""
        with self.lock:
            if not self.calls:
                self.callers = _precision_of(torch)
                torch.set_float32_matmul_precision("highest")
            self.calls += 1
        try:
            yield
        finally:
            with self.lock:
                self.calls -= 1
                if not self.calls:
                    torch.set_float32_matmul_precision(self.callers)


_lowered = _Lowered()


def wants_progress(verbose: bool | int | str) -> bool:
    """Whether a progress bar is shown: always, never, or ("auto") on a terminal and in a notebook."""
    if verbose != "auto":
        return bool(verbose)
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def say(text: str) -> None:
    """A line on standard error, where the progress bar is."""
    sys.stderr.write(f"{text}\n")


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the line from which ganaug was called, however many of its own calls lie between."""
    frame, level = sys._getframe(0), 1
    # a block of ganaug's own that ends in a warning is left by way of contextlib
    own = ("ganaug", "contextlib")
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in own:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
