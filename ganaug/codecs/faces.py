"""Dtypes of numbers: how each becomes plain int64, uint64 or float64, and comes back.

A face is what a column looks like to its owner. `face_of` in `dtypes` picks it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from ganaug.codecs.casts import clip_to, dtype_from, dtype_name, native_of
from ganaug.codecs.plain import Array, Plain, State, is_missing
from ganaug.codecs.values import blank_of, from_json, to_json

__all__ = [
    "FloatFace",
    "IntegerFace",
    "MaskedFace",
    "ObjectNumberFace",
    "SparseFace",
    "TimeFace",
]


@dataclass(frozen=True)
class _NumberFace:
    """What all faces of numbers share: the state is the dtype's name."""

    dtype: Any

    family: ClassVar[str] = "real"

    @property
    def exact(self) -> bool:
        """Whether every plain column comes back as it was written."""
        return False

    @property
    def inner(self) -> np.dtype[Any]:
        """The numpy dtype that says how fine the numbers are."""
        return np.dtype(getattr(self.dtype, "numpy_dtype", self.dtype))

    @property
    def discrete(self) -> bool:
        """Whether every value is a state of its own."""
        return self.inner.kind == "b"

    def get_state(self) -> State:
        """Config and arrays."""
        return {"dtype": dtype_name(self.dtype)}, {}

    @classmethod
    def from_state(cls, config: dict[str, Any], arrays: dict[str, Array]) -> Any:
        """The face that `get_state` took apart."""
        return cls(dtype_from(config["dtype"]))

    @classmethod
    def fit(cls, raw: Any) -> Any:
        """The face of a column."""
        return cls(raw.dtype)


class FloatFace(_NumberFace):
    """float16, float32, float64, long double (at float64's precision). NaN is missing."""

    @property
    def exact(self) -> bool:
        """Not in single precision."""
        return self.dtype == np.dtype(np.float64)

    def read(self, raw: Any) -> Plain:
        """Floats; infinities are refused."""
        values = np.array(raw, dtype=np.float64)
        missing = is_missing(np.isnan(values))
        if missing is not None:
            values[missing] = 0
        return Plain(values, missing)

    def write(self, plain: Plain) -> Any:
        """The column."""
        out = clip_to(plain.values, self.inner).astype(self.dtype)
        if plain.missing is not None:
            out[plain.missing] = np.nan
        return out


class IntegerFace(_NumberFace):
    """Integers of any size, and bool."""

    @property
    def exact(self) -> bool:
        """Where nothing can be too large."""
        return self.dtype == native_of(self.inner)

    def read(self, raw: Any) -> Plain:
        """Integers."""
        return Plain(np.asarray(raw).astype(native_of(self.inner)))

    def write(self, plain: Plain) -> Any:
        """The column."""
        return clip_to(plain.values, self.inner).astype(self.dtype)


class MaskedFace(_NumberFace):
    """pandas' nullable Int, UInt, Float and boolean, and the same kept by pyarrow."""

    def read(self, raw: Any) -> Plain:
        """Numbers; NA is missing."""
        native = native_of(self.inner)
        # pyarrow fills a boolean with nothing but a boolean
        values = np.array(raw.to_numpy(dtype=self.inner, na_value=self.inner.type(0))).astype(native)
        missing = np.array(raw.isna(), dtype=bool)
        if native.kind == "f":
            missing |= np.isnan(values)
            values[missing] = 0
        return Plain(values, is_missing(missing))

    def write(self, plain: Plain) -> Any:
        """The column."""
        values = clip_to(plain.values, self.inner).astype(self.inner)
        mask = np.zeros(len(values), dtype=bool) if plain.missing is None else plain.missing
        array = _MASKED[self.inner.kind](values, mask)
        return array if array.dtype == self.dtype else pd.array(array, dtype=self.dtype)


_MASKED: dict[str, Any] = {
    "i": pd.arrays.IntegerArray,
    "u": pd.arrays.IntegerArray,
    "f": pd.arrays.FloatingArray,
    "b": pd.arrays.BooleanArray,
}


@dataclass(frozen=True)
class ObjectNumberFace(_NumberFace):
    """Python ints or floats in an object column; ``dtype`` is their native dtype."""

    blank: Any = None

    @classmethod
    def of(cls, raw: Array, dtype: np.dtype[Any]) -> ObjectNumberFace:
        """The face of an object column whose numbers fit the dtype."""
        return cls(dtype, blank_of(raw[np.asarray(pd.isna(raw), dtype=bool)]))

    def read(self, raw: Any) -> Plain:
        """Numbers."""
        missing = np.asarray(pd.isna(raw), dtype=bool)
        values = np.where(missing, 0, raw) if missing.any() else raw
        return Plain(np.array(values.astype(self.dtype)), is_missing(missing))

    def write(self, plain: Plain) -> Any:
        """The column."""
        out = plain.values.astype(object)
        if plain.missing is not None:
            out[plain.missing] = self.blank
        return out

    def get_state(self) -> State:
        """Config and arrays."""
        return {"dtype": dtype_name(self.dtype), "blank": to_json(self.blank)}, {}

    @classmethod
    def from_state(cls, config: dict[str, Any], arrays: dict[str, Array]) -> ObjectNumberFace:
        """The face that `get_state` took apart."""
        return cls(dtype_from(config["dtype"]), from_json(config["blank"]))


class SparseFace(_NumberFace):
    """pandas' Sparse dtype over numbers."""

    @property
    def inner(self) -> np.dtype[Any]:
        """The dtype of the dense values."""
        return np.dtype(self.dtype.subtype)

    def _dense(self) -> FloatFace | IntegerFace:
        return FloatFace(self.inner) if self.inner.kind == "f" else IntegerFace(self.inner)

    def read(self, raw: Any) -> Plain:
        """Numbers, dense."""
        return self._dense().read(np.asarray(raw))

    def write(self, plain: Plain) -> Any:
        """The column."""
        return pd.arrays.SparseArray(self._dense().write(plain), dtype=self.dtype)

    def get_state(self) -> State:
        """Config and arrays."""
        return {"inner": self.inner.str, "fill": to_json(self.dtype.fill_value)}, {}

    @classmethod
    def from_state(cls, config: dict[str, Any], arrays: dict[str, Array]) -> SparseFace:
        """The face that `get_state` took apart."""
        inner = np.dtype(config["inner"])
        return cls(pd.SparseDtype(inner, from_json(config["fill"])))


class TimeFace(_NumberFace):
    """datetime64 (with a time zone or none) and timedelta64 of any unit. NaT is missing."""

    @property
    def exact(self) -> bool:
        """Counts are counts."""
        return True

    @property
    def family(self) -> str:  # type: ignore[override]
        """Instants and durations do not stand in for each other, nor do zoned and local times."""
        return "zoned" if isinstance(self.dtype, pd.DatetimeTZDtype) else f"time {self.dtype.kind}"

    @property
    def inner(self) -> np.dtype[Any]:
        """The counter's dtype."""
        return np.dtype(np.int64)

    @property
    def _unit(self) -> np.dtype[Any]:
        zoned = isinstance(self.dtype, pd.DatetimeTZDtype)
        return np.dtype(f"M8[{self.dtype.unit}]") if zoned else np.dtype(self.dtype)

    def read(self, raw: Any) -> Plain:
        """Counts of the dtype's unit since 1970, or of the duration."""
        if isinstance(raw.dtype, pd.DatetimeTZDtype):
            raw = pd.DatetimeIndex(raw).tz_convert(None).to_numpy()
        raw = np.asarray(raw).astype(self._unit)
        missing = np.isnat(raw)
        values = raw.view(np.int64).copy()
        values[missing] = 0
        return Plain(values, is_missing(missing))

    def write(self, plain: Plain) -> Any:
        """The column."""
        times = plain.values.astype(np.int64).view(self._unit)
        if plain.missing is not None:
            times[plain.missing] = np.asarray("NaT", dtype=self._unit)
        if isinstance(self.dtype, pd.DatetimeTZDtype):
            return pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(self.dtype.tz).array
        return times
