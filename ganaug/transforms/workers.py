"""Random streams in the workers of a DataLoader: each its own, each epoch again, all from the loader's generator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import CellType, FunctionType, ModuleType
from typing import Any

import numpy as np
from torch.utils.data import get_worker_info

from ganaug.exceptions import InvalidParameterError
from ganaug.utils.determinism import child_seed, numpy_generator, root_seed

__all__ = ["WorkerStream", "seed_worker", "worker_seed"]

_SEED_BOUND = 2**63
# numpy's and Python's generators are seeded with 32 bits by albumentations' own convention
_SHORT_SEED_BOUND = 2**32
# A dataset nests a wrapper or two, a pipeline a composition or two; the lists of both are short.
_DEPTH, _ENTRIES = 10, 100


def worker_seed() -> int | None:
    """The seed of this worker in this epoch, or None in the main process.

    A DataLoader draws it again for each epoch from its ``generator=`` (from torch's global one if it has none), so
    seeding that repeats everything. Workers that persist keep theirs, and their streams go on instead.
    """
    info = get_worker_info()
    return None if info is None else int(info.seed) % _SEED_BOUND


class WorkerStream:
    """A private random generator for each call, of this worker and epoch; ``seed`` None takes fresh entropy."""

    def __init__(self, seed: int | None) -> None:
        self.seed = root_seed(seed, "seed")
        self.calls = 0

    def next(self) -> np.random.Generator:
        """The generator of the next call."""
        own = worker_seed()
        where = ("main",) if own is None else ("worker", own)
        self.calls += 1
        return numpy_generator(self.seed, *where, self.calls)


def seed_worker(worker_id: int) -> None:
    """Give the albumentations transforms of a DataLoader's worker a random stream of their own.

    In albumentations 2.0.8 every forked worker replays the same random stream, and does so again in each epoch, with
    and without a seed: augmentation is several times less varied than it seems. This reseeds every transform that the
    worker's dataset holds, from the seed that the DataLoader gave the worker.

    Parameters
    ----------
    worker_id : int
        As DataLoader passes it. Not needed: the worker's seed contains it.

    Raises
    ------
    InvalidParameterError
        If called outside a worker, or if no albumentations transform is found: as an attribute of the dataset, in a
        list, in a wrapped dataset, or in the closure of a function. Global variables of a module are not searched.

    Notes
    -----
    The streams repeat if the loader has a seeded ``generator=``. `SyntheticSwap` and `SyntheticMix` use the worker's
    seed by themselves; the other transforms of the pipeline need this function.

    Examples
    --------
    >>> import albumentations as A
    >>> import numpy as np
    >>> import torch
    >>> from torch.utils.data import DataLoader, Dataset
    >>> from ganaug.transforms import seed_worker
    >>> class Greys(Dataset):
    ...     transform = A.Compose([A.RandomBrightnessContrast(p=1.0)])
    ...     def __len__(self):
    ...         return 4
    ...     def __getitem__(self, i):
    ...         return self.transform(image=np.full((8, 8, 3), 128, np.uint8))["image"]
    >>> loader = DataLoader(
    ...     Greys(), num_workers=2, worker_init_fn=seed_worker, generator=torch.Generator().manual_seed(0)
    ... )
    """
    info = get_worker_info()
    if info is None:
        raise InvalidParameterError(
            "seed_worker runs in the workers of a DataLoader: DataLoader(..., num_workers=2, "
            "worker_init_fn=seed_worker); in the main process seed the pipeline with A.Compose(..., seed=...)"
        )
    found = list(_seedable(info.dataset))
    if not found:
        raise InvalidParameterError(
            f"worker_init_fn=seed_worker: found no albumentations transform in the {type(info.dataset).__name__}; "
            "keep the pipeline in an attribute of the dataset, such as dataset.transform, or leave seed_worker out"
        )
    seed = int(info.seed) % _SEED_BOUND
    for place, transform in enumerate(found):
        transform.set_random_seed(child_seed(seed, "transform", place) % _SHORT_SEED_BOUND)


def _seedable(root: object) -> Iterator[Any]:
    """Everything below an object that has ``set_random_seed``, outermost only, in the order of attributes."""
    seen: set[int] = set()

    def below(item: object, depth: int) -> Iterator[Any]:
        if depth > _DEPTH or id(item) in seen or isinstance(item, (type, ModuleType)):
            return
        seen.add(id(item))
        if callable(getattr(item, "set_random_seed", None)):
            yield item  # a composition seeds its parts
            return
        for part in _parts(item):
            yield from below(part, depth + 1)

    return below(root, 0)


def _parts(item: object) -> list[object]:
    if isinstance(item, (Mapping, list, tuple)):
        entries = item.values() if isinstance(item, Mapping) else item
        return list(entries) if len(item) <= _ENTRIES else []
    if isinstance(item, FunctionType):
        return [value for cell in item.__closure__ or () for value in _contents(cell)]
    own: list[object] = []  # bound methods and functools.partial keep what they call outside ``__dict__``
    if type(item).__name__ in {"method", "partial"}:
        own = [getattr(item, name) for name in ("__self__", "func", "args", "keywords") if hasattr(item, name)]
    # what the class holds counts too: a pipeline often stands there
    shared = [value for value in vars(type(item)).values() if callable(getattr(value, "set_random_seed", None))]
    return own + shared + list(getattr(item, "__dict__", {}).values())


def _contents(cell: CellType) -> list[object]:
    try:
        return [cell.cell_contents]
    except ValueError:  # a name that has no value yet
        return []
