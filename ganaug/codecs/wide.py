"""Series kept in a DataFrame: a row for each, a column for each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ganaug.codecs.checks import check_names
from ganaug.codecs.frames import FrameContainer
from ganaug.codecs.plain import Array, State
from ganaug.codecs.storable import check_storable
from ganaug.exceptions import InvalidDataError, InvalidTypeError, ModelFileError

__all__ = ["WideFrame"]


@dataclass(frozen=True)
class WideFrame:
    """Columns are steps; with two levels, the first names the channel and the second the step."""

    columns: pd.Index

    @classmethod
    def of(cls, X: Any) -> WideFrame:
        """The columns of a DataFrame, if they can be series.

        Raises
        ------
        InvalidDataError
            If the channels do not have the same steps, one channel after the other, or columns share a name.
        InvalidTypeError
            If the names cannot be stored in a model file.
        """
        columns = X.columns
        if not columns.is_unique:
            raise InvalidDataError("columns of the DataFrame occur more than once; give every step its own name")
        frame = cls(columns)
        fault = frame._fault()
        if fault is not None:
            raise InvalidDataError(fault)
        check_storable(FrameContainer(columns), "the names of the columns")
        return frame

    def _fault(self) -> str | None:
        if self.columns.nlevels == 1:
            return None
        if self.columns.nlevels > 2:
            return f"the columns have {self.columns.nlevels} levels; give one (steps) or two (channels, steps)"
        channels = self.columns.get_level_values(0).unique()
        steps = self.columns.get_level_values(1)[: len(self.columns) // max(len(channels), 1)]
        if list(self.columns) != [(channel, step) for channel in channels for step in steps]:
            return "the channels (first level of the columns) must have the same steps, one channel after the other"
        return None

    @property
    def flat(self) -> bool:
        """Whether there are no channels, just steps."""
        return self.columns.nlevels == 1

    def open(self, X: Any) -> Array:
        """An array (n, length) or (n, channels, length); mixed dtypes become their common one."""
        odd = [name for name, dtype in X.dtypes.items() if not pd.api.types.is_numeric_dtype(dtype)]
        if odd:
            raise InvalidTypeError(f"column {odd[0]!r} has dtype {X.dtypes[odd[0]]}; steps of a series are numbers")
        if X.isna().any(axis=None):
            row, column = map(int, np.argwhere(X.isna().to_numpy())[0])
            raise InvalidDataError(
                f"Input X contains NaN: series {row} (index {X.index[row]!r}), column {self.columns[column]!r}; "
                "fill gaps (for example by interpolation) or drop the series"
            )
        plain = [getattr(dtype, "numpy_dtype", dtype) for dtype in X.dtypes]
        values: Array = X.to_numpy(dtype=np.result_type(*plain) if plain else np.float64)
        if self.flat:
            return values
        return values.reshape(len(X), self.columns.get_level_values(0).nunique(), -1)

    def check(self, given: WideFrame, owner: str) -> None:
        """Compare with the columns of another DataFrame; raises InvalidDataError where they differ."""
        check_names(self.columns, given.columns, len(self.columns), len(given.columns), owner)

    def close(self, array: Array) -> Any:
        """The DataFrame of (n, channels, length)."""
        frame = pd.DataFrame(array.reshape(len(array), -1))
        frame.columns = self.columns
        return frame

    def get_state(self) -> State:
        """Config and arrays."""
        return FrameContainer(self.columns).get_state()

    @classmethod
    def from_state(cls, config: dict[str, Any], arrays: dict[str, Array], shape: tuple[int, ...]) -> WideFrame:
        """What `get_state` took apart; raises ModelFileError if it does not fit series of that shape."""
        frame = cls(FrameContainer.from_state(config, arrays).columns)
        fits = len(shape) == 2 and len(frame.columns) == shape[0] * shape[1] and frame.columns.is_unique
        channels = 1 if frame.flat else frame.columns.get_level_values(0).nunique()
        if not fits or frame._fault() is not None or channels != shape[0]:
            raise ModelFileError(f"the stored columns do not fit series of shape {shape}")
        return frame
