"""The codec of tables with any number of columns: thousands of numbers become factors."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ganaug.codecs.factors import Factors
from ganaug.codecs.pickling import PickledByState
from ganaug.codecs.plain import Array, State
from ganaug.codecs.table import TableCodec
from ganaug.exceptions import InvalidDataError, ModelFileError
from ganaug.seeding import child_seed
from ganaug.types import Block, FloatArray

__all__ = ["WideTableCodec"]


class WideTableCodec(PickledByState):
    """A `TableCodec` whose numbers, where there are very many, are reduced to factors.

    Parameters
    ----------
    keep_range : bool, default=True
        As in `TableCodec`.
    most_numbers : int, default=512
        With more columns of numbers than this, a generator learns their
        principal components (at most 64), and each column's remaining
        variation is drawn as independent noise when decoding.

    Attributes
    ----------
    table : TableCodec
        What encodes each column.
    factors : Factors or None
        None where the table is not wide.
    """

    def __init__(self, keep_range: bool = True, most_numbers: int = 512) -> None:
        self.keep_range = keep_range
        self.most_numbers = most_numbers

    def fit(self, X: Any, y: npt.ArrayLike | None = None, seed: int = 0) -> WideTableCodec:
        """Learn the columns, and the factors if there are many; see `TableCodec.fit`."""
        self.table = TableCodec(self.keep_range).fit(X, y, seed)
        self.factors: Factors | None = None
        if self._n_scalars > self.most_numbers:
            rows = self.table.encode(X)
            if len(rows) > 1:
                self.factors = Factors.fit(rows[:, : self._n_scalars], child_seed(seed, "factors"))
        self._learnt()
        return self

    def _learnt(self) -> None:
        self.n_features_, self.feature_names_ = self.table.n_features_, self.table.feature_names_

    @property
    def _n_scalars(self) -> int:
        return sum(block.width for block in self.table.blocks if block.tag == "scalar")

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks of the encoded matrix, covering ``0..width`` in order."""
        if self.factors is None:
            return self.table.blocks
        shift = self.factors.count - self._n_scalars
        groups = (Block(b.tag, b.start + shift, b.stop + shift) for b in self.table.blocks if b.tag == "onehot")
        return (Block("scalar", 0, self.factors.count), *groups)

    @property
    def width(self) -> int:
        """Columns of the encoded matrix."""
        return self.table.width + (0 if self.factors is None else self.factors.count - self._n_scalars)

    def encode(self, X: Any, owner: str = "WideTableCodec") -> FloatArray:
        """Encode a table; see `TableCodec.encode`. (n, d) -> (n, width), float32."""
        rows = self.table.encode(X, owner=owner)
        if self.factors is None:
            return rows
        k = self._n_scalars
        return np.concatenate([self.factors.encode(rows[:, :k]), rows[:, k:]], axis=1)

    def decode(self, Z: npt.ArrayLike) -> Any:
        """Decode any finite numbers of shape (n, width); see `TableCodec.decode`."""
        if self.factors is None:
            return self.table.decode(Z)
        matrix = np.asarray(Z, np.float32)
        if matrix.ndim != 2 or matrix.shape[1] != self.width:
            raise InvalidDataError(f"cannot decode an array of shape {matrix.shape}; give (n, {self.width})")
        k = self.factors.count
        return self.table.decode(np.concatenate([self.factors.decode(matrix[:, :k]), matrix[:, k:]], axis=1))

    def column_summary(self) -> list[dict[str, Any]]:
        """One dict for each column; see `TableCodec.column_summary`."""
        return self.table.column_summary()

    def get_state(self) -> State:
        """Config (JSON) and arrays; no training row is among them."""
        config, arrays = self.table.get_state()
        wide = {"most_numbers": self.most_numbers, "seed": None if self.factors is None else self.factors.seed}
        own = {} if self.factors is None else self.factors.get_state()
        return {"table": config, "wide": wide}, {**arrays, **own}

    @classmethod
    def from_state(cls, config: dict[str, Any], arrays: dict[str, Array]) -> WideTableCodec:
        """The codec that `get_state` took apart.

        Raises
        ------
        ModelFileError
            If the state is of a newer version, incomplete, or does not fit together.
        """
        try:
            own = {k: v for k, v in arrays.items() if k.startswith("factors.")}
            table = TableCodec.from_state(config["table"], {k: v for k, v in arrays.items() if k not in own})
            codec = cls(table.keep_range, config["wide"]["most_numbers"])
            codec.table, codec.factors = table, None
            if config["wide"]["seed"] is not None:
                codec.factors = Factors.from_state(config["wide"]["seed"], own, codec._n_scalars)
        except (KeyError, TypeError, AttributeError) as error:
            raise ModelFileError(f"the stored codec of a table cannot be read: {error!r}") from error
        codec._learnt()
        return codec
