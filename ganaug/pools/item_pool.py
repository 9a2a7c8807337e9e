"""Items of a dataset as they are stored: drawn in blocks, into a file that workers map or when they are asked for."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from pathlib import Path

import numpy as np
import torch

from ganaug.exceptions import DataWarning, InvalidDataError, InvalidParameterError
from ganaug.pools.formats import Array, DType, Shape, stored_form
from ganaug.pools.generators import ClassGenerators, DrawBlock, draw_blocks
from ganaug.pools.storage import PoolFile, unfit, write_pool
from ganaug.utils.files import path_error, remove_leftovers, temporary_beside
from ganaug.utils.isolation import isolated, warn
from ganaug.utils.seeding import child_seed
from ganaug.utils.types import IntArray

__all__ = ["ItemPool"]

# Without a file, each process keeps the blocks that it drew last, up to so many bytes.
KEPT_BYTES = 2**28


class ItemPool:
    """Synthetic items by their index; item *i* is a pure function of seed, generation and *i*.

    Until `store` is called, blocks are drawn when they are asked for, and those used last are kept.

    Parameters
    ----------
    generators : ClassGenerators
    counts : dict of label to int
        Items of each label, in their order.
    seed : int
    block_size : int
        Items drawn in one call.
    layout : str
        Of the generators' samples; see `stored_form`.
    """

    def __init__(
        self, generators: ClassGenerators, counts: Mapping[Hashable, int], seed: int, block_size: int, layout: str
    ) -> None:
        self._generators: ClassGenerators | None = generators
        self.counts, self.seed, self.block_size, self._layout = dict(counts), seed, block_size, layout
        self._blocks = list(draw_blocks(counts, block_size))
        self._starts = np.array([block.start for block in self._blocks], np.int64)
        # in shared memory, so that persistent workers see it change
        self._generation = torch.zeros(1, dtype=torch.int64, device="cpu").share_memory_()
        self._kept: OrderedDict[tuple[int, int], Array] = OrderedDict()
        self._file: tuple[int, PoolFile] | None = None
        self._folder, self._stem, self._lasting = Path(), "", False
        self.sample_shape: Shape = ()
        self.sample_dtype: DType = np.dtype(np.float32)
        self.is_image = False
        if self._blocks:
            samples, self.is_image = self._draw(self._blocks[0].label, 1, child_seed(seed, "look"))
            self.sample_shape, self.sample_dtype = samples.shape[1:], samples.dtype

    @property
    def generation(self) -> int:
        """How many times the items were renewed."""
        return int(self._generation)

    @property
    def path(self) -> Path | None:
        """The file that the items are in."""
        return None if self._file is None else self._current(self._file).path

    def store(self, cache_dir: str | os.PathLike[str] | None) -> None:
        """Draw all items into a file: a temporary one, or one that stays in the folder ``cache_dir``."""
        self._lasting = cache_dir is not None
        if cache_dir is None:
            own = temporary_beside(Path(tempfile.gettempdir()) / "pool", ".pool")
            remove_leftovers(own.parent)
            self._folder, self._stem = own.parent, own.name
        else:
            self._folder = Path(cache_dir)
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise path_error(error, f"cache_dir={str(cache_dir)!r} cannot be made a folder") from error
            self._stem = f"ganaug-pool-{self._fingerprint()}"
        self._file = 0, self._written(0)

    def renew(self, generation: int) -> None:
        """Have the items of another generation drawn; if they cannot be written, the earlier ones stay."""
        if generation == self.generation:
            return
        written = None if self._file is None else self._written(generation)
        self._generation.fill_(generation)
        self._file = None if written is None else (generation, written)  # and the earlier file is removed

    @isolated
    def read(self, at: IntArray) -> Array:
        """The items at these indices, in an array of their own."""
        if self._file is not None:
            return self._from_file(at)
        out = np.empty((len(at), *self.sample_shape), self.sample_dtype)
        owner = np.searchsorted(self._starts, at, side="right") - 1
        for number in np.unique(owner).tolist():
            mine = owner == number
            out[mine] = self._block(number)[at[mine] - self._blocks[number].start]
        return out

    # ---- drawing -----------------------------------------------------------------------------

    @isolated
    def _draw(self, label: Hashable, n: int, seed: int) -> tuple[Array, bool]:
        if self._generators is None:
            raise InvalidParameterError(
                "this SyntheticDataset is a copy made by pickling, which has no generator; call refresh or set_epoch "
                "on the dataset that it is a copy of"
            )
        return stored_form(self._generators.draw(label, n, seed), self._layout, self._generators.shape_of(label))

    def _drawn(self, block: DrawBlock, generation: int) -> Array:
        seed = child_seed(self.seed, "generation", generation, "label", block.code, "piece", block.number)
        samples, image = self._draw(block.label, block.size, seed)
        if (samples.shape[1:], samples.dtype, image) != (self.sample_shape, self.sample_dtype, self.is_image):
            raise InvalidDataError(
                f"the generator's samples of {block.label!r} have shape {samples.shape[1:]} and dtype {samples.dtype}, "
                f"those of {self._blocks[0].label!r} shape {self.sample_shape} and dtype {self.sample_dtype}; the "
                "items of a dataset must agree"
            )
        return samples

    def _block(self, number: int) -> Array:
        """A block out of those kept, or drawn."""
        key = self.generation, number
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        rows = self._kept[key] = self._drawn(self._blocks[number], key[0])
        while len(self._kept) * max(1, rows.nbytes) > KEPT_BYTES and len(self._kept) > 1:
            self._kept.popitem(last=False)
        return rows

    # ---- the file ----------------------------------------------------------------------------

    def _fingerprint(self) -> str:
        """Of what is in the file: of a few samples of each label too, for they tell generators apart."""
        about = (self.seed, self.counts, self.block_size, self.sample_shape, self.sample_dtype.str)
        found = hashlib.sha256(repr(about).encode())
        for code, (label, n) in enumerate(self.counts.items()):
            if n:
                found.update(self._draw(label, 2, child_seed(self.seed, "print", code))[0].tobytes())
        return found.hexdigest()[:16]

    def _path(self, generation: int) -> Path:
        return self._folder / f"{self._stem}-{generation}.npy"

    def _written(self, generation: int) -> PoolFile:
        """The file of a generation, written unless it is there."""
        path, shape = self._path(generation), (sum(self.counts.values()), *self.sample_shape)
        found = self._lasting and path.exists()
        reason = unfit(path, shape, self.sample_dtype) if found else None
        if reason is not None:
            warn(f"the pool {path} was damaged or altered ({reason}); its items are drawn again", DataWarning)
        if reason is not None or not found:
            write_pool(path, shape, self.sample_dtype, (self._drawn(block, generation) for block in self._blocks))
        return PoolFile(path, temporary=not self._lasting)

    def _from_file(self, at: IntArray) -> Array:
        while self._file is not None:
            file = self._current(self._file)
            try:
                found: Array = file.array[at]
                return found
            except FileNotFoundError as error:
                if self._file[0] == self.generation:  # not renewed between the two
                    raise path_error(
                        error,
                        f"the pool {file.path} is gone: it is removed with the dataset that made it. Keep that "
                        "dataset, or give it cache_dir=, whose files stay",
                    ) from error
        raise AssertionError("not reached")

    def _current(self, known: tuple[int, PoolFile]) -> PoolFile:
        """The file of this generation; in a worker, the main process may have written a new one."""
        generation = self.generation
        if known[0] != generation:
            known = self._file = generation, PoolFile(self._path(generation))
        return known[1]

    def __getstate__(self) -> dict[str, object]:
        # workers only read a file; blocks that were kept are drawn again where they are needed
        generators = self._generators if self._file is None else None
        return {**vars(self), "_generators": generators, "_kept": OrderedDict()}
