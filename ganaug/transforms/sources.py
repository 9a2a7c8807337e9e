"""Where a transform's images come from: a pool, a fitted generator, or the path of either."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from torch.utils.data import get_worker_info

from ganaug.exceptions import InvalidTypeError
from ganaug.transforms.pool import SamplePool
from ganaug.transforms.storage import is_pool_file
from ganaug.utils.files import check_path, path_error

__all__ = ["as_pool", "pool_at"]


def as_pool(source: Any, size: int, seed: int | None) -> SamplePool:
    """The pool that a transform draws from.

    Parameters
    ----------
    source : SamplePool, fitted generator, dict of label to generator, str or path-like
        A path may be that of a saved pool or of a saved generator.
    size, seed
        Images of each class and the seed, if a generator has to draw them.

    Raises
    ------
    InvalidTypeError
        If it is none of these.
    """
    if isinstance(source, SamplePool):
        return source
    if isinstance(source, (str, os.PathLike)):
        return pool_at(source, size, seed)
    if callable(getattr(source, "sample", None)) or isinstance(source, Mapping):
        return SamplePool.generate(source, size, seed=seed)
    raise InvalidTypeError(
        f"source is a {type(source).__name__}; give a fitted generator, a SamplePool, or the path of a saved one"
    )


def pool_at(path: str | os.PathLike[str], size: int, seed: int | None) -> SamplePool:
    """The pool of a file, opened or drawn once in each process and kept until the file changes."""
    found = os.path.realpath(check_path(path))
    try:
        status = os.stat(found)
    except OSError as error:
        raise path_error(error, f"could not read {found}") from error
    return _pool_at(found, size, seed, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4)
def _pool_at(path: str, size: int, seed: int | None, changed: int, length: int) -> SamplePool:
    if is_pool_file(check_path(path)):
        return SamplePool.open(path)
    return SamplePool.generate(_load(path), size, seed=seed)


def _load(path: str) -> Any:
    # here, because a worker that only opens a pool needs neither scikit-learn nor pandas
    from ganaug.estimators import load

    generator: Any = load(path)
    if get_worker_info() is not None and "device" in generator.get_params():
        generator.set_params(device="cpu")  # a forked process cannot use the GPU of its parent
    return generator
