"""Dtypes of choices: text, categories and mixed objects become codes into a table of levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from ganaug.codecs.casts import dtype_from, dtype_state
from ganaug.codecs.plain import Array, Plain, State, is_missing
from ganaug.codecs.values import blank_of, from_json, missing_in, object_array, pack_values, to_json, unpack_values
from ganaug.exceptions import InvalidDataError

__all__ = ["CategoryFace", "ChoiceFace", "ObjectFace", "TextFace", "recode"]


class ChoiceFace:
    """What all faces of choices share."""

    family: ClassVar[str] = "choice"
    exact: ClassVar[bool] = True

    def read(self, raw: Any) -> Plain:
        """Codes into the levels."""
        raise NotImplementedError

    def read_as(self, given: Any, raw: Any) -> Plain:
        """Read a column of another dtype of choices."""
        return self.read(raw)


@dataclass(frozen=True)
class CategoryFace(ChoiceFace):
    """pandas' category dtype. The whole dtype is kept, unused categories and order included."""

    dtype: pd.CategoricalDtype

    @property
    def levels(self) -> pd.Index:
        """The categories."""
        return self.dtype.categories

    @classmethod
    def fit(cls, raw: Any) -> CategoryFace:
        """The face of a column."""
        return cls(raw.dtype)

    def read(self, raw: Any) -> Plain:
        """Codes into the levels."""
        if isinstance(raw.dtype, pd.CategoricalDtype):
            return recode(np.asarray(raw.codes), raw.dtype.categories, self.levels)
        return recode(*_factorize(raw), self.levels)

    def write(self, plain: Plain) -> Any:
        """The column."""
        return pd.Categorical.from_codes(plain.values, dtype=self.dtype)

    def get_state(self) -> State:
        """Config and arrays."""
        config, arrays = pack_values(self.levels)
        return {"levels": config, "ordered": bool(self.dtype.ordered)}, arrays

    @classmethod
    def from_state(cls, config: dict[str, Any], arrays: dict[str, Array]) -> CategoryFace:
        """The face that `get_state` took apart."""
        levels = unpack_values(config["levels"], arrays)
        return cls(pd.CategoricalDtype(levels, ordered=config["ordered"]))


@dataclass(frozen=True)
class TextFace(ChoiceFace):
    """pandas' ``str`` and ``string``, text kept by pyarrow, and numpy's fixed-width strings."""

    dtype: Any
    levels: pd.Index

    @classmethod
    def fit(cls, raw: Any) -> TextFace:
        """The face of a column, with the texts that occur in it."""
        found = _factorize(raw)[1]
        return cls(raw.dtype, pd.Index(np.sort(found.to_numpy(dtype=object)), dtype=object))

    def read(self, raw: Any) -> Plain:
        """Codes into the levels."""
        if isinstance(raw.dtype, pd.CategoricalDtype):
            return recode(np.asarray(raw.codes), raw.dtype.categories, self.levels)
        return recode(*_factorize(raw), self.levels)

    def write(self, plain: Plain) -> Any:
        """The column."""
        if isinstance(self.dtype, np.dtype):
            return self.levels.to_numpy()[plain.values].astype(self.dtype)
        levels = pd.array(self.levels.to_numpy(), dtype=self.dtype)
        return levels.take(plain.values, allow_fill=True)

    def get_state(self) -> State:
        """Config and arrays."""
        config, arrays = pack_values(self.levels)
        return {"levels": config, "dtype": dtype_state(self.dtype)}, arrays

    @classmethod
    def from_state(cls, config: dict[str, Any], arrays: dict[str, Array]) -> TextFace:
        """The face that `get_state` took apart."""
        return cls(dtype_from(config["dtype"]), unpack_values(config["levels"], arrays))


@dataclass(frozen=True)
class ObjectFace(ChoiceFace):
    """An object column of text, or of scalars of several types (True, 1 and 1.0 stay apart).

    ``blank`` is what stands for missing: whichever of None, NaN, NA and NaT was seen most.
    """

    levels: Array
    blank: Any
    typed: bool

    dtype: ClassVar[Any] = np.dtype(object)

    @classmethod
    def fit(cls, raw: Any) -> ObjectFace:
        """The face of a column, with the values that occur in it."""
        raw = np.asarray(raw, dtype=object)
        missing = missing_in(raw)
        blank = blank_of(raw[missing])
        typed = pd.api.types.infer_dtype(raw, skipna=True) != "string"
        if not typed:
            found = np.sort(_factorize(raw)[1].to_numpy(dtype=object))
            return cls(found, blank, typed)
        distinct = {(type(v), v): v for v in raw[~missing]}
        items = sorted(distinct.values(), key=lambda v: (type(v).__name__, str(v)))
        for value in items:
            to_json(value)  # refuses what could not be saved
        return cls(object_array(items), blank, typed)

    def read(self, raw: Any) -> Plain:
        """Codes into the levels."""
        if not self.typed:
            return recode(*_factorize(raw), pd.Index(self.levels, dtype=object))
        raw = np.asarray(raw, dtype=object)
        missing = missing_in(raw)
        place = {(type(v), v): i for i, v in enumerate(self.levels)}
        codes = np.full(len(raw), -1, dtype=np.int64)
        codes[~missing] = [place.get((type(v), v), -2) for v in raw[~missing]]
        unseen = codes == -2
        if unseen.any():
            raise _unseen(list(dict.fromkeys(map(repr, raw[unseen]))))
        return Plain(codes, is_missing(missing))

    def write(self, plain: Plain) -> Any:
        """The column."""
        return object_array([*self.levels, self.blank])[plain.values]

    def get_state(self) -> State:
        """Config and arrays."""
        config, arrays = pack_values(pd.Index(self.levels, dtype=object))
        return {"levels": config, "blank": to_json(self.blank), "typed": self.typed}, arrays

    @classmethod
    def from_state(cls, config: dict[str, Any], arrays: dict[str, Array]) -> ObjectFace:
        """The face that `get_state` took apart."""
        levels = unpack_values(config["levels"], arrays).to_numpy(dtype=object)
        blank = from_json(config["blank"])
        return cls(levels, np.nan if isinstance(blank, float) else blank, config["typed"])


def _factorize(raw: Any) -> tuple[Array, pd.Index]:
    codes, levels = pd.factorize(raw)
    return codes, pd.Index(levels, dtype=levels.dtype)  # else objects that are text become ``str``


def recode(codes: Array, given: pd.Index, levels: pd.Index) -> Plain:
    """Codes into ``given`` become codes into ``levels``; only levels that occur must be known."""
    if given is levels or (given.dtype == levels.dtype and given.equals(levels)):
        moved = codes.astype(np.int64)
    else:
        table = np.append(levels.get_indexer(given), -1)
        moved = table[codes].astype(np.int64)
        unknown = (moved < 0) & (codes >= 0)
        if unknown.any():
            raise _unseen([repr(given[code]) for code in np.unique(codes[unknown])])
    return Plain(moved, is_missing(codes < 0))


def _unseen(values: list[str]) -> InvalidDataError:
    shown = ", ".join(values[:5]) + (f" and {len(values) - 5} more" if len(values) > 5 else "")
    return InvalidDataError(
        f"has values that did not occur in the data given to fit: {shown}; drop these rows or fit again with them"
    )
