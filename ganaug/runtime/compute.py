"""What a computation runs on: devices and their precision, threads, and several processes.

Splitting a sum over threads changes its rounding, so a result that must not depend on ``n_jobs``, on the backend or on
the process's thread count is computed on a number of threads that depends on none of them: one, or all that the machine
gives this process. `torch.set_num_threads` is not used: the number that it stores is the whole process's, and every
thread that starts later takes it over. What OpenMP and MKL keep is each thread's own.
"""

from __future__ import annotations

import ctypes
import gc
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Generic, TypeVar

import torch
import torch.distributed as dist
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]
from torch import Tensor

from ganaug import __version__
from ganaug.exceptions import (
    InvalidDataError,
    InvalidParameterError,
    InvalidTypeError,
    MissingDependencyError,
    TrainingWarning,
)
from ganaug.runtime.interrupts import lost_tasks_raise
from ganaug.utils.determinism import warn
from ganaug.utils.types import Array, check_jobs

__all__ = [
    "ALONE",
    "UNRECORDED",
    "CaptureMemory",
    "CapturedFunction",
    "Precision",
    "Ranks",
    "Team",
    "alone",
    "as_tensor",
    "fastest",
    "full",
    "launched_together",
    "machine_threads",
    "one_thread",
    "resolve_device",
    "run_tasks",
    "side_by_side",
    "team",
    "threads",
    "together_with",
    "widest",
]

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
    >>> from ganaug.runtime.compute import resolve_device
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


def widest(device: torch.device) -> torch.dtype:
    """The floats of most digits that a device computes with: Apple's GPUs have none of double precision.

    Examples
    --------
    >>> import torch
    >>> from ganaug.runtime.compute import widest
    >>> widest(torch.device("cpu")), widest(torch.device("mps"))
    (torch.float64, torch.float32)
    """
    return torch.float32 if device.type == "mps" else torch.float64


def _multiplies_in_half(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    asks = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return device.type == "cpu" and asks is not None and bool(asks())


def as_tensor(array: Array) -> Tensor:
    """A tensor that shares the memory of an array; of one that must not be written to a copy, as torch warns of it.

    Arrays of Ray's object store, of memory maps and of joblib's workers must not be written to.
    """
    return torch.from_numpy(array if array.flags.writeable else array.copy())


# --------------------------------------------------------------------------------------
# Functions recorded on a GPU and played from there.


Result = TypeVar("Result")

# Calls before a function is recorded, in which libraries choose their ways and reserve memory.
UNRECORDED = 3


class CaptureMemory:
    """What the recordings of one training share: a stream, and memory, which no two of them use at a time.

    Parameters
    ----------
    device : torch.device
        A GPU.

    Attributes
    ----------
    lasts : bool
        Whether there was enough memory so far. Recordings keep what plain steps give back.
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.lasts = device, True
        self.stream = torch.cuda.Stream(device)
        self.pool = torch.cuda.graph_pool_handle()

    def give_up(self, why: str) -> None:
        """Go on without recordings, and say so."""
        self.lasts = False
        warn(
            f"the steps of a training on {self.device} are not recorded, because {why}: it goes on with plain ones; "
            "the result is as good, and comes later",
            TrainingWarning,
        )


class CapturedFunction(Generic[Result]):
    """A function that is worked out `UNRECORDED` times, then recorded, and from then on replayed.

    It must do the same operations each time, on memory that stays where it is, and never wait for the GPU. Its random
    numbers are others each time, as if it had not been recorded.

    Parameters
    ----------
    function : callable
        Without parameters; it reads ``inputs``. Its result is overwritten by the next call.
    inputs : sequence of Tensor
        Where it finds what changes from call to call.
    rng : torch.Generator
        That it draws from; of the same GPU.
    memory : CaptureMemory
    after : CapturedFunction, optional
        Whose function leaves something for this one, which is recorded as soon as that one is.
    """

    def __init__(
        self,
        function: Callable[[], Result],
        inputs: Sequence[Tensor],
        rng: torch.Generator,
        memory: CaptureMemory,
        after: CapturedFunction[Any] | None = None,
    ) -> None:
        self.function, self.inputs, self.rng, self.memory, self.after = function, inputs, rng, memory, after
        self.calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._result: Result

    def __call__(self, *values: Tensor) -> Result:
        """The result for inputs of these values."""
        for own, value in zip(self.inputs, values, strict=True):
            own.data.copy_(value)  # not as a change that autograd would hold against what was recorded
        self.calls += 1
        if self._graph is None and self.memory.lasts:
            ripe = self.calls > UNRECORDED if self.after is None else self.after._graph is not None
            self._graph = self._record_if_it_fits() if ripe else None
        if self._graph is None or not self.memory.lasts:
            self._forget()
            return self._worked_out()
        self._graph.replay()
        return self._result

    def _record_if_it_fits(self) -> torch.cuda.CUDAGraph | None:
        try:
            return self._record()
        except RuntimeError as error:
            why = f"that failed ({str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__})"
            if _lacks_memory(error):
                why = "too little memory is left (give a smaller batch_size, or free memory)"
        # outside of the clause, which holds the memory of what was tried; what is wrong with the steps themselves is
        # raised by the plain ones
        self.memory.give_up(why)
        if self.after is not None:  # the attempt has used up what that one left for this one
            self.after._forget()
            self.after._worked_out()
        return None

    def _forget(self) -> None:
        """Give the memory of a recording back."""
        self._graph = None
        self.__dict__.pop("_result", None)

    def _worked_out(self) -> Result:
        """In the stream of the recordings: there autograd's nodes of the weights must come into being."""
        usual = torch.cuda.current_stream(self.memory.device)
        self.memory.stream.wait_stream(usual)
        with torch.cuda.stream(self.memory.stream):
            result = self.function()
        usual.wait_stream(self.memory.stream)
        return result

    def _record(self) -> torch.cuda.CUDAGraph:
        graph, memory = torch.cuda.CUDAGraph(), self.memory
        graph.register_generator_state(self.rng)
        with (
            _uncollected(),
            torch.cuda.device(memory.device),
            # other threads may use the GPU meanwhile
            torch.cuda.graph(graph, pool=memory.pool, stream=memory.stream, capture_error_mode="thread_local"),
        ):
            self._result = self.function()
        # a recording begins with writing into the generator's memory, which may not have happened yet
        torch.cuda.current_stream(memory.device).wait_stream(memory.stream)
        return graph


def _lacks_memory(error: BaseException | None) -> bool:
    """Whether an error comes from a lack of memory: that of ending a recording hides the one that broke it off."""
    return error is not None and (isinstance(error, torch.OutOfMemoryError) or _lacks_memory(error.__context__))


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage is collected: memory of the GPU that was given back now would spoil a recording."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


# --------------------------------------------------------------------------------------
# So many threads for the calling thread, and for no other.


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
    >>> from ganaug.runtime.compute import threads
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
    >>> from ganaug.runtime.compute import one_thread
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
    part's result is the same no matter which thread works on it, on any number of cores.

    Examples
    --------
    >>> from ganaug.runtime.compute import team
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


# --------------------------------------------------------------------------------------
# One class per task, through joblib: processes, threads, dask or ray, with one and the same result.


def run_tasks(function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], n_jobs: int | None) -> list[Any]:
    """Call ``function(*task)`` for every task and return the results in the order of the tasks.

    The backend is joblib's: its default processes, or what `joblib.parallel_config` says. In a process of a `torchrun`
    they are called one after the other: each may be a training of all processes together.

    Parameters
    ----------
    function : callable
        Picklable where the backend needs it; must depend on its arguments only.
    tasks : sequence of tuple
        Arguments of each call.
    n_jobs : int or None
        As in scikit-learn: None is 1 unless a `joblib.parallel_config` says otherwise, -1 is all processors.

    Returns
    -------
    list
        The results.

    Raises
    ------
    InvalidParameterError
        If ``n_jobs`` is no number of jobs.
    MissingDependencyError
        If a worker has another version of the library, or a worker of dask has none or gave a task up.
    """
    from joblib.parallel import get_active_backend
    from sklearn.utils.parallel import Parallel, delayed

    check_jobs(n_jobs)
    if launched_together():
        return [function(*task) for task in tasks]
    backend: Any = get_active_backend()[0]
    client = getattr(backend, "client", None)
    if len(tasks) > 1:
        _ask_workers(client)
    own = _OfVersion(function)
    try:
        with lost_tasks_raise(backend):
            return list(Parallel(n_jobs=n_jobs)(delayed(own)(*task) for task in tasks))
    except Exception as error:
        if type(error).__name__ == "KilledWorker" or (isinstance(error, ImportError) and client is not None):
            _ask_workers(client)  # some may have joined since
            raise MissingDependencyError(
                f"the cluster gave up a task ({type(error).__name__}: {error}); see that all workers, those that join "
                f"later too, have ganaug {__version__} and enough memory"
            ) from error
        raise


def _ask_workers(client: Any) -> None:
    """Refuse a cluster of dask with workers that lack the library: they cannot read a task."""
    if not hasattr(client, "run"):
        return

    def lacking() -> str | None:  # travels with its code, as no function of a module does
        try:
            from ganaug import __version__ as there
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return None if there else "it has no version"

    said = {str(worker): reason for worker, reason in client.run(lacking).items() if reason is not None}
    if said:
        worker, reason = next(iter(said.items()))
        raise MissingDependencyError(
            f"{len(said)} worker(s) of the cluster cannot import ganaug, {worker} for one ({reason}); install ganaug "
            f"{__version__} for all workers"
        )


class _OfVersion:
    """A function that workers with another version of the library refuse to call."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.version = function, __version__
        self.__name__ = getattr(function, "__name__", type(function).__name__)  # dask shows it

    def __call__(self, *arguments: Any) -> Any:
        if self.version != __version__:
            raise MissingDependencyError(
                f"a worker has ganaug {__version__}, and the process that gave it work {self.version}; install the "
                "same version for all workers"
            )
        return self.function(*arguments)


def side_by_side(n_tasks: int, n_jobs: int | None) -> bool:
    """Whether `run_tasks` would work on several of so many tasks at the same time."""
    import joblib

    check_jobs(n_jobs)
    return n_tasks > 1 and not launched_together() and joblib.effective_n_jobs(n_jobs) > 1


# --------------------------------------------------------------------------------------
# Several processes that play one game together, each on its share of every batch.


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

    def agreed(self, reason: str | None, device: torch.device) -> str | None:
        """What the first process that has a reason says; all stop, or none."""
        if self.count == 1:
            return reason
        return next((one for one in self.texts(reason or "", device) if one), None)

    def texts(self, text: str, device: torch.device) -> list[str]:
        """What each process says, of `MOST_TEXT` bytes at most; as tensors on the device, and not by pickles."""
        data = text.encode()[:MOST_TEXT]
        own = torch.zeros(MOST_TEXT, dtype=torch.uint8, device=device)
        own[: len(data)] = torch.frombuffer(bytearray(data or b"\0"), dtype=torch.uint8)[: len(data)].to(device)
        said = [torch.empty_like(own) for _ in range(self.count)]
        dist.all_gather(said, own)
        return [bytes(one.tolist()).rstrip(b"\0").decode(errors="ignore") for one in said]

    def refuse_unlike(
        self, parameters: Callable[[], Mapping[str, str]], data: Callable[[], str], device: torch.device
    ) -> None:
        """Refuse to train together where processes have another version of the library, parameters or data.

        Parameters
        ----------
        parameters : callable
            All that decides the result beside the data, by name; not asked for by a process that is alone.
        data : callable
            A digest of all that is learnt from; likewise.
        device : torch.device

        Raises
        ------
        MissingDependencyError, InvalidParameterError, InvalidDataError
            In every process.
        """
        if self.count == 1:
            return
        versions = self.texts(__version__, device)
        if len(set(versions)) > 1:
            found = ", ".join(f"{version} in process {place}" for place, version in enumerate(versions))
            raise MissingDependencyError(f"ganaug is {found}; install the same version for all")
        self._refuse_other_parameters(parameters(), device)
        digests = self.texts(data(), device)
        unlike = [str(place) for place, digest in enumerate(digests) if digest != digests[0]]
        if unlike:
            raise InvalidDataError(
                f"process(es) {', '.join(unlike)} of {self.count} have other samples, labels or another order of them "
                "than process 0; all processes train on the same data, so give each of them all of it, and shuffle "
                "by a fixed seed"
            )

    def _refuse_other_parameters(self, parameters: Mapping[str, str], device: torch.device) -> None:
        names, values = json.dumps(sorted(parameters)), json.dumps(parameters, sort_keys=True)
        if self._same(values, device):
            return
        # only where they differ, one by one: a text that is sent is short
        asked = sorted(parameters) if self._same(names, device) else ["estimator"]
        unlike = {
            name: self.texts(parameters[name], device) for name in asked if not self._same(parameters[name], device)
        }
        told = "; ".join(
            f"{name} is " + ", ".join(f"{value} in process {place}" for place, value in enumerate(found))
            for name, found in unlike.items()
        )
        raise InvalidParameterError(f"{told}; all processes train one model, so give each of them the same parameters")

    def _same(self, text: str, device: torch.device) -> bool:
        """Whether all processes have this text."""
        return len(set(self.texts(hashlib.sha256(text.encode()).hexdigest(), device))) == 1


ALONE = Ranks()
# Bytes of a text that processes tell one another.
MOST_TEXT = 256


def launched_together() -> bool:
    """Whether this is one of several processes of a `torchrun`."""
    return dist.is_available() and dist.is_torchelastic_launched() and int(os.environ.get("WORLD_SIZE", "1")) > 1


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
    if not dist.is_initialized() and not launched_together():
        return Ranks(), device
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Ranks(dist.get_rank(), dist.get_world_size()), device
