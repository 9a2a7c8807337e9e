"""Tables kept as pandas DataFrames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ganaug.codecs.plain import Array, State, Table
from ganaug.codecs.values import from_json, pack_values, to_json, unpack_values
from ganaug.exceptions import InvalidDataError

__all__ = ["FrameContainer"]


@dataclass(frozen=True)
class FrameContainer:
    """A DataFrame. Comes back with a RangeIndex."""

    columns: pd.Index

    @classmethod
    def fit(cls, X: Any) -> FrameContainer:
        """Note the columns' names."""
        return cls(X.columns)

    @staticmethod
    def open(X: Any) -> Table:
        """Arrays behind the columns."""
        if not X.columns.is_unique:
            twice = list(dict.fromkeys(X.columns[X.columns.duplicated()].tolist()))
            raise InvalidDataError(f"columns {twice!r} occur more than once; give every column its own name")
        dtypes = X.dtypes.to_list()
        if dtypes and isinstance(dtypes[0], np.dtype) and dtypes[0].kind in "iufb" and len(set(dtypes)) == 1:
            values = X.to_numpy()
            return Table(X.shape[0], X.shape[1], lambda j: values[:, j], X.columns)

        def get(j: int) -> Any:
            column = X.iloc[:, j]
            return column.to_numpy() if isinstance(column.dtype, np.dtype) else column.array

        return Table(X.shape[0], X.shape[1], get, X.columns)

    def close(self, columns: Sequence[Any], n_rows: int) -> Any:
        """A DataFrame."""
        dtypes = {c.dtype for c in columns} if all(isinstance(c, np.ndarray) for c in columns) else set()
        if len(dtypes) == 1 and next(iter(dtypes)).kind in "iufb":
            # laid out the way pandas keeps a block, so that nothing is copied again
            frame = pd.DataFrame(np.stack(columns).T, copy=False)
        else:
            # with the dtype said, for pandas makes text of object arrays unasked
            series = {j: pd.Series(column, dtype=column.dtype) for j, column in enumerate(columns)}
            frame = pd.DataFrame(series, index=pd.RangeIndex(n_rows))
        frame.columns = self.columns
        return frame

    def get_state(self) -> State:
        """Config and arrays."""
        names = [to_json(name) for name in self.columns.names]
        if isinstance(self.columns, pd.MultiIndex):
            columns = self.columns.remove_unused_levels()
            levels: list[Any] = []
            arrays: dict[str, Array] = {}
            for i, (level, codes) in enumerate(zip(columns.levels, columns.codes, strict=True)):
                config, own = pack_values(level)
                levels.append(config)
                arrays |= {f"level{i}_{key}": array for key, array in own.items()}
                arrays[f"codes{i}"] = np.asarray(codes, dtype=np.int64)
            return {"levels": levels, "names": names}, arrays
        if isinstance(self.columns, pd.RangeIndex):
            span = [self.columns.start, self.columns.stop, self.columns.step]
            return {"range": span, "names": names}, {}
        config, arrays = pack_values(self.columns)
        return {"index": config, "names": names}, arrays

    @classmethod
    def from_state(cls, config: dict[str, Any], arrays: dict[str, Array]) -> FrameContainer:
        """The container that `get_state` took apart."""
        names = [from_json(name) for name in config["names"]]
        if "levels" in config:
            levels: list[Any] = [
                unpack_values(level, {k.removeprefix(f"level{i}_"): a for k, a in arrays.items()})
                for i, level in enumerate(config["levels"])
            ]
            codes: list[Any] = [arrays[f"codes{i}"] for i in range(len(levels))]
            return cls(pd.MultiIndex(levels, codes, names=names))
        if "multi" in config:  # of an earlier version
            return cls(pd.MultiIndex.from_tuples([from_json(key) for key in config["multi"]], names=names))
        if "range" in config:
            return cls(pd.RangeIndex(*config["range"]).set_names(names))
        return cls(unpack_values(config["index"], arrays).set_names(names))
