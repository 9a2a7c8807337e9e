"""Work in several processes by joblib, and fitted generators on their way between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

from ganaug.exceptions import InvalidParameterError

__all__ = ["carried", "run_tasks", "side_by_side", "unpacked"]

# --------------------------------------------------------------------------------------
# One class per task, through joblib: processes, threads, dask or ray, with one and the same result.


def run_tasks(function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], n_jobs: int | None) -> list[Any]:
    """Call ``function(*task)`` for every task and return the results in the order of the tasks.

    The backend is joblib's: its default processes, or what
    `joblib.parallel_config` says.

    Parameters
    ----------
    function : callable
        Picklable where the backend needs it; must depend on its arguments only.
    tasks : sequence of tuple
        Arguments of each call.
    n_jobs : int or None
        As in scikit-learn: None is 1 unless a `joblib.parallel_config` says
        otherwise, -1 is all processors.

    Returns
    -------
    list
        The results.

    Raises
    ------
    InvalidParameterError
        If ``n_jobs`` is no number of jobs.
    """
    from sklearn.utils.parallel import Parallel, delayed

    _check(n_jobs)
    results: list[Any] = Parallel(n_jobs=n_jobs)(delayed(function)(*task) for task in tasks)
    return results


def side_by_side(n_tasks: int, n_jobs: int | None) -> bool:
    """Whether `run_tasks` would work on several of so many tasks at the same time."""
    import joblib

    _check(n_jobs)
    return n_tasks > 1 and joblib.effective_n_jobs(n_jobs) > 1


def _check(n_jobs: Any) -> None:
    if n_jobs is None or (isinstance(n_jobs, Integral) and not isinstance(n_jobs, bool) and n_jobs != 0):
        return
    raise InvalidParameterError(f"n_jobs={n_jobs!r} must be None, a positive number, or -1 for all processors")


# --------------------------------------------------------------------------------------
# Fitted generators on their way between the processes of one call, which see more than a pickle
# holds.


class _Carried:
    """A generator whose pickle is taken apart with all that it holds in memory.

    A pickle may be kept, and must not hold traces of training samples. What a worker sends back to the process that
    started it is not kept, and must not lack them: the result of a call does not depend on the number of processes.
    """

    def __init__(self, generator: Any) -> None:
        self.generator = generator

    def __getstate__(self) -> dict[str, Any]:
        return {"kind": type(self.generator), "state": self.generator._whole_state()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.generator = state["kind"].__new__(state["kind"])
        self.generator.__setstate__(state["state"])


def carried(generator: Any) -> Any:
    """What a task gives back in place of a generator."""
    return _Carried(generator) if hasattr(generator, "_whole_state") else generator


def unpacked(result: Any) -> Any:
    """The generator again."""
    return result.generator if isinstance(result, _Carried) else result
