"""The encoding that networks learn: no more columns than the table has facts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ganaug.codecs.factors import Factors
from ganaug.codecs.joints import Joints
from ganaug.codecs.pickling import PickledByState
from ganaug.codecs.plain import Array, State
from ganaug.codecs.table import TableCodec
from ganaug.exceptions import InvalidDataError, ModelFileError
from ganaug.seeding import child_seed
from ganaug.types import Block, FloatArray

__all__ = ["CompactTableCodec"]


class CompactTableCodec(PickledByState):
    """A `TableCodec` whose encoded matrix is made compact.

    Categories and missing values that determine one another become one group
    of states; more than ``most_numbers`` columns of numbers become factors.

    Parameters
    ----------
    keep_range : bool, default=True
        As in `TableCodec`.
    most_numbers : int, default=512
        With more columns of numbers than this, a generator learns their
        principal components (at most 64), and each column's remaining
        variation is drawn as independent noise when decoding.
    whole : sequence of column names, optional
        Categories that are one block of states however many they have. Given for a table that was looked at before:
        no column is then warned of again.

    Attributes
    ----------
    table : TableCodec
        What encodes each column.
    joints : Joints
        Its one-hot groups, joined.
    factors : Factors or None
        None where the table is not wide.
    """

    def __init__(self, keep_range: bool = True, most_numbers: int = 512, whole: Sequence[Any] | None = None) -> None:
        self.keep_range = keep_range
        self.most_numbers = most_numbers
        self.whole = whole

    def fit(self, X: Any, y: npt.ArrayLike | None = None, seed: int = 0) -> CompactTableCodec:
        """Learn the columns and what can be made compact; see `TableCodec.fit`."""
        self.table = TableCodec(self.keep_range).fit(X, y, seed, whole=self.whole)
        rows = self.table.encode(X)
        self.joints = Joints.fit(rows, self.table.blocks)
        self.factors: Factors | None = None
        if self._n_scalars > self.most_numbers and len(rows) > 1:
            self.factors = Factors.fit(rows[:, : self._n_scalars], child_seed(seed, "factors"))
        self._learnt()
        return self

    def _learnt(self) -> None:
        self.n_features_, self.feature_names_ = self.table.n_features_, self.table.feature_names_

    @property
    def _n_scalars(self) -> int:
        return sum(block.width for block in self.table.blocks if block.tag == "scalar")

    @property
    def _n_numbers(self) -> int:
        return self._n_scalars if self.factors is None else self.factors.count

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks of the encoded matrix, covering ``0..width`` in order."""
        at = self._n_numbers
        blocks = [Block("scalar", 0, at)] if at else []
        for width in self.joints.widths:
            blocks.append(Block("onehot", at, at + width))
            at += width
        return tuple(blocks)

    @property
    def width(self) -> int:
        """Columns of the encoded matrix."""
        return self._n_numbers + sum(self.joints.widths)

    def encode(self, X: Any, owner: str = "CompactTableCodec") -> FloatArray:
        """Encode a table; see `TableCodec.encode`. (n, d) -> (n, width), float32."""
        rows = self.table.encode(X, owner=owner)
        if self.factors is None and self.joints.trivial:
            return rows
        numbers = rows[:, : self._n_scalars]
        if self.factors is not None:
            numbers = self.factors.encode(numbers)
        return np.concatenate([numbers, self.joints.encode(rows)], axis=1)

    def decode(self, Z: npt.ArrayLike) -> Any:
        """Decode any finite numbers of shape (n, width); see `TableCodec.decode`."""
        matrix = np.asarray(Z, np.float32)
        if matrix.ndim != 2 or matrix.shape[1] != self.width:
            raise InvalidDataError(f"cannot decode an array of shape {matrix.shape}; give (n, {self.width})")
        if self.factors is None and self.joints.trivial:
            return self.table.decode(matrix)
        numbers, hot = matrix[:, : self._n_numbers], matrix[:, self._n_numbers :]
        if self.factors is not None:
            numbers = self.factors.decode(numbers)
        return self.table.decode(np.concatenate([numbers, self.joints.decode(hot)], axis=1))

    def as_seen(self, Z: FloatArray) -> FloatArray:
        """What `encode` makes of what `decode` makes of a matrix; see `TableCodec.as_seen`."""
        if self.factors is not None:
            return self.encode(self.decode(Z))
        if self.joints.trivial:
            return self.table.as_seen(Z)
        numbers, hot = Z[:, : self._n_numbers], Z[:, self._n_numbers :]
        rows = self.table.as_seen(np.concatenate([numbers, self.joints.decode(hot)], axis=1))
        return np.concatenate([rows[:, : self._n_scalars], self.joints.encode(rows)], axis=1)

    def possible_values(self, place: int) -> tuple[pd.Series, bool]:
        """Values that a column can have; see `TableCodec.possible_values`."""
        return self.table.possible_values(place)

    def column_summary(self) -> list[dict[str, Any]]:
        """One dict for each column; see `TableCodec.column_summary`."""
        return self.table.column_summary()

    def get_state(self) -> State:
        """Config (JSON) and arrays; no training row is among them."""
        config, arrays = self.table.get_state()
        compact = {
            "most_numbers": self.most_numbers,
            "joints": self.joints.get_state(),
            "seed": None if self.factors is None else self.factors.seed,
        }
        own = {} if self.factors is None else self.factors.get_state()
        return {"table": config, "compact": compact}, {**arrays, **own}

    @classmethod
    def from_state(cls, config: dict[str, Any], arrays: dict[str, Array]) -> CompactTableCodec:
        """The codec that `get_state` took apart.

        Raises
        ------
        ModelFileError
            If the state is of a newer version, incomplete, or does not fit together.
        """
        try:
            own = {k: v for k, v in arrays.items() if k.startswith("factors.")}
            table = TableCodec.from_state(config["table"], {k: v for k, v in arrays.items() if k not in own})
            compact = config["compact"]
            codec = cls(table.keep_range, compact["most_numbers"])
            codec.table, codec.factors = table, None
            codec.joints = Joints.from_state(compact["joints"], table.blocks)
            if compact["seed"] is not None:
                codec.factors = Factors.from_state(compact["seed"], own, codec._n_scalars)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ModelFileError(f"the stored codec of a table cannot be read: {error}") from error
        codec._learnt()
        return codec
