"""One class per task, through joblib: processes, threads, dask or ray, with one and the same result."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["run_tasks"]


def run_tasks(function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]], n_jobs: int | None) -> list[Any]:
    """Call ``function(*task)`` for every task and return the results in the order of the tasks.

    The backend is joblib's: its default processes, or what
    `joblib.parallel_config` says.

    Parameters
    ----------
    function : callable
        Picklable where the backend needs it; must depend on its arguments only.
    tasks : iterable of tuple
        Arguments of each call.
    n_jobs : int or None
        As in scikit-learn: None is 1 unless a `joblib.parallel_config` says
        otherwise, -1 is all processors.

    Returns
    -------
    list
        The results.
    """
    from sklearn.utils.parallel import Parallel, delayed

    results: list[Any] = Parallel(n_jobs=n_jobs)(delayed(function)(*task) for task in tasks)
    return results
