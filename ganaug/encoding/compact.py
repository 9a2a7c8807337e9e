"""Compact tables: categories merged by functional dependence, and factors of very wide tables."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ganaug.encoding.serialization import PickledByState
from ganaug.encoding.table import TableCodec
from ganaug.exceptions import InvalidDataError, ModelFileError
from ganaug.utils.determinism import child_seed, numpy_generator
from ganaug.utils.types import Array, Arrays, Block, BoolArray, Config, FloatArray, IntArray, State

__all__ = ["CompactTableCodec", "Factors", "MergedCategories"]

# --------------------------------------------------------------------------------------
# Merged categories: columns that determine one another become one group of states.


_MAX_STATES = 64
# With fewer rows two columns may agree by chance.
_MIN_ROWS = 50


@dataclass(frozen=True)
class MergedGroup:
    """Some one-hot groups and the combinations of their states that occur.

    Attributes
    ----------
    members : tuple of int
        Places among the table's one-hot groups.
    combinations : ndarray of shape (m, len(members)), int64
        States that stand together, in lexicographic order.
    """

    members: tuple[int, ...]
    combinations: IntArray

    def code(self, states: IntArray) -> IntArray:
        """The combination of each row; for an unseen one, the combination that shares most states. (n, k) -> (n,)."""
        best, most = np.zeros(len(states), np.int64), np.full(len(states), -1)
        for place, combination in enumerate(self.combinations):
            shared = (states == combination).sum(1)
            better = shared > most
            best[better], most[better] = place, shared[better]
        return best


@dataclass(frozen=True)
class MergedCategories:
    """A shorter layout of the one-hot groups of an encoded table.

    ``measured = no`` and a missing value are the same fact stored twice. Two outputs of a generator would sometimes
    contradict each other; one cannot.

    Attributes
    ----------
    groups : tuple of Block
        The table's one-hot groups.
    merged : tuple of MergedGroup
        Every group is in exactly one of them; most are alone.
    """

    groups: tuple[Block, ...]
    merged: tuple[MergedGroup, ...]

    @classmethod
    def fit(cls, z: FloatArray, blocks: Sequence[Block]) -> MergedCategories:
        """Join groups of which one determines the other in all rows. z: (n, width)."""
        groups = tuple(b for b in blocks if b.tag == "onehot")
        states = _states(z, groups)
        joined: list[tuple[list[int], IntArray, int]] = []
        for place, group in enumerate(groups):
            own = states[:, place]
            n_own = len(np.unique(own))
            for at, (members, codes, n_codes) in enumerate(joined):
                both = codes * group.width + own
                distinct, both_codes = np.unique(both, return_inverse=True)
                functional = len(distinct) == max(n_own, n_codes) and min(n_own, n_codes) > 1
                if functional and len(distinct) <= _MAX_STATES and len(z) >= _MIN_ROWS:
                    joined[at] = ([*members, place], both_codes, len(distinct))
                    break
            else:
                joined.append(([place], own, n_own))
        return cls(groups, tuple(_merge(members, states, groups) for members, _, _ in joined))

    @property
    def widths(self) -> list[int]:
        """States of each merged group."""
        return [len(group.combinations) for group in self.merged]

    @property
    def trivial(self) -> bool:
        """Whether no groups were joined."""
        return len(self.merged) == len(self.groups)

    def encode(self, z: FloatArray) -> FloatArray:
        """One-hot states of merged columns of an encoded table. (n, width of the table) -> (n, sum of widths)."""
        states = _states(z, self.groups)
        out = np.zeros((len(z), sum(self.widths)), np.float32)
        start = 0
        for group, width in zip(self.merged, self.widths, strict=True):
            own = states[:, group.members]
            codes = own[:, 0] if len(group.members) == 1 else group.code(own)
            out[np.arange(len(z)), start + codes] = 1
            start += width
        return out

    def decode(self, hot: Array) -> FloatArray:
        """One-hot groups of the table, from any finite numbers. (n, sum of widths) -> (n, sum of group widths)."""
        first = self.groups[0].start if self.groups else 0
        out = np.zeros((len(hot), sum(g.width for g in self.groups)), np.float32)
        start = 0
        rows = np.arange(len(hot))
        for group, width in zip(self.merged, self.widths, strict=True):
            states = group.combinations[hot[:, start : start + width].argmax(1)]
            for k, place in enumerate(group.members):
                out[rows, self.groups[place].start - first + states[:, k]] = 1
            start += width
        return out

    def get_state(self) -> list[list[list[int]]]:
        """Members and combinations of the groups that join anything, for JSON."""
        return [[list(j.members), *j.combinations.tolist()] for j in self.merged if len(j.members) > 1]

    @classmethod
    def from_state(cls, stored: Sequence[Sequence[Sequence[int]]], blocks: Sequence[Block]) -> MergedCategories:
        """The groups that `get_state` took apart.

        Raises
        ------
        ModelFileError
            If they name groups or states that the table does not have.
        """
        groups = tuple(b for b in blocks if b.tag == "onehot")
        taken: dict[int, MergedGroup] = {}
        for members, *combinations in stored:
            table = np.asarray(combinations, np.int64)
            sound = (
                table.ndim == 2
                and table.shape[1] == len(members) == len(set(members))
                and all(0 <= m < len(groups) and m not in taken for m in members)
                and all(0 <= s < groups[m].width for row in combinations for m, s in zip(members, row, strict=True))
            )
            if not sound:
                raise ModelFileError("the stored joint groups do not fit the table")
            group = MergedGroup(tuple(members), table)
            taken |= dict.fromkeys(members, group)
        order = [taken.get(place) or _alone(place, groups) for place in range(len(groups))]
        return cls(groups, tuple({group.members: group for group in order}.values()))


def _states(z: Array, groups: Sequence[Block]) -> IntArray:
    states = [z[:, g.start : g.stop].argmax(1) for g in groups]
    return np.stack(states, axis=1) if states else np.zeros((len(z), 0), np.int64)


def _merge(members: list[int], states: IntArray, groups: Sequence[Block]) -> MergedGroup:
    if len(members) == 1:
        return _alone(members[0], groups)
    return MergedGroup(tuple(members), np.unique(states[:, members], axis=0))


def _alone(place: int, groups: Sequence[Block]) -> MergedGroup:
    return MergedGroup((place,), np.arange(groups[place].width)[:, None])


# --------------------------------------------------------------------------------------
# Factors: thousands of numeric columns as a few dozen scores, and back.


# Rows that the factors are learnt from; more would not change them much.
_MAX_ROWS = 1000
_MAX_FACTORS = 64
# A component is a mixture of the rows that it was learnt from, so that they lie nearer to it than others do. With half
# as many as rows, rows of three gene sets were told from unseen ones with an AUC of 0.89 to 1.00 (docs/method.md).
_ROWS_PER_FACTOR = 8
# The mean of fewer rows would be hardly more than those rows.
_LEAST_IN_CLASS = 5
_CHUNK = 256


@dataclass(frozen=True)
class Factors:
    """Directions between the classes, principal components, and the residual variance of each column.

    ``z = mean + basis @ (scale * factors) + residual * noise``: probabilistic
    principal components (Tipping and Bishop 1999) with a noise of its own for
    each column, as in factor analysis. A network of a hundred units cannot generate
    the thousands of independent noises of such a table, and here it does not have to.

    Attributes
    ----------
    mean, residual : ndarray of shape (d,), float32
    basis : ndarray of shape (d, r), float32
        Orthonormal.
    scale : ndarray of shape (r,), float32
        Standard deviations along the basis.
    seed : int
        Of the noise, which is also a function of the factors themselves, so
        that decoding the same rows gives the same rows.
    """

    mean: FloatArray
    basis: FloatArray
    scale: FloatArray
    residual: FloatArray
    seed: int

    @classmethod
    def fit(cls, z: FloatArray, y: IntArray | None, seed: int) -> Factors:
        """Learn from encoded rows and the codes of their classes. (n, d), (n,); n at least 2."""
        if len(z) > _MAX_ROWS:
            rows = np.sort(numpy_generator(seed, "factors").choice(len(z), _MAX_ROWS, replace=False))
            z, y = z[rows], None if y is None else y[rows]
        n = len(z)
        mean = z.mean(0, dtype=np.float64)
        centred = z - mean
        most = max(1, n // _ROWS_PER_FACTOR)
        between = _directions(_class_means(centred, y), min(most, _MAX_FACTORS))
        rest = centred - (centred @ between) @ between.T
        basis = np.concatenate([between, _directions(rest, min(most, _MAX_FACTORS - between.shape[1]))], axis=1)
        scale = (centred @ basis).std(0, ddof=1)
        basis, scale = basis[:, scale > 0], scale[scale > 0]
        explained = ((basis * scale) ** 2).sum(1)
        total = (centred**2).sum(0) / (n - 1)
        # each factor took a degree of freedom from the residual
        freedom = (n - 1) / max(1, n - 1 - len(scale))
        residual = np.sqrt(np.maximum(total - explained, 0.0) * freedom)
        mean, basis, scale, residual = (a.astype(np.float32) for a in (mean, basis, scale, residual))
        return cls(mean, basis, scale, residual, seed)

    @property
    def count(self) -> int:
        """How many factors there are."""
        return len(self.scale)

    def encode(self, z: FloatArray) -> FloatArray:
        """Factors of encoded rows. (n, d) -> (n, r)."""
        out = np.empty((len(z), self.count), np.float32)
        for start in range(0, len(z), _CHUNK):
            part = slice(start, start + _CHUNK)
            # einsum without BLAS: a result must not depend on the number of threads
            out[part] = np.einsum("nd,dr->nr", z[part] - self.mean, self.basis, optimize=False)
        return out / self.scale

    def decode(self, factors: FloatArray) -> FloatArray:
        """Encoded rows of factors, with the columns' own noise. (n, r) -> (n, d)."""
        own = zlib.crc32(np.ascontiguousarray(factors, np.float32).tobytes())
        rng = numpy_generator(self.seed, "noise", own)
        out = np.empty((len(factors), len(self.mean)), np.float32)
        weighted = factors * self.scale
        for start in range(0, len(factors), _CHUNK):
            part = slice(start, start + _CHUNK)
            noise = rng.standard_normal(out[part].shape, dtype=np.float32)
            signal = np.einsum("nr,dr->nd", weighted[part], self.basis, optimize=False)
            out[part] = self.mean + signal + self.residual * noise
        return out

    def get_state(self) -> Arrays:
        """Arrays, none of them a training row."""
        return {
            "factors.mean": self.mean,
            "factors.basis": self.basis,
            "factors.scale": self.scale,
            "factors.residual": self.residual,
        }

    @classmethod
    def from_state(cls, seed: int, arrays: Arrays, width: int) -> Factors:
        """The factors that `get_state` took apart, for rows of ``width`` columns.

        Raises
        ------
        ModelFileError
            If the arrays do not fit.
        """
        mean, basis, scale, residual = (arrays[f"factors.{k}"] for k in ("mean", "basis", "scale", "residual"))
        shapes = [a.shape for a in (mean, basis, scale, residual)]
        if shapes != [(width,), (width, len(scale)), (len(scale),), (width,)] or not (scale > 0).all():
            raise ModelFileError("the stored factors of a wide table do not fit its columns")
        return cls(mean, basis, scale, residual, int(seed))


def _class_means(centred: FloatArray, y: IntArray | None) -> FloatArray:
    """Means of the classes that have enough rows for one. (n, d), (n,) -> (k, d)."""
    classes, counts = (np.zeros(0, np.int64),) * 2 if y is None else np.unique(y, return_counts=True)
    own = [centred[y == one].mean(0) for one in classes[counts >= _LEAST_IN_CLASS]]
    return np.array(own if len(own) > 1 else []).reshape(-1, centred.shape[1])


def _directions(rows: FloatArray, wanted: int) -> FloatArray:
    """The strongest orthonormal directions of rows whose mean is 0. (n, d) -> (d, at most wanted)."""
    # the Gram matrix of the rows is small and has the same spectrum as the covariance
    values, vectors = np.linalg.eigh(rows @ rows.T)
    order = np.argsort(-values)[:wanted]
    order = order[values[order] > 1e-9 * max(values.max(initial=0), 1e-12)]
    found: FloatArray = rows.T @ vectors[:, order] / np.sqrt(values[order])
    return found


# --------------------------------------------------------------------------------------
# The codec: merged categories and factors on top of a `TableCodec`.


class CompactTableCodec(PickledByState):
    """A `TableCodec` whose encoded matrix is made compact.

    Categories and missing values that determine one another become one group
    of states; more than ``most_numbers`` columns of numbers become factors.

    Parameters
    ----------
    keep_range : bool, default=True
        As in `TableCodec`.
    most_numbers : int, default=512
        With more columns of numbers than this, a generator learns the directions between their classes and their
        principal components (one for eight rows, 64 at most together), and each column's remaining variation is drawn
        as independent noise when decoding.
    whole : sequence of column names, optional
        Categories that are one block of states however many they have. Given for a table that was looked at before:
        no column is then warned of again.

    Attributes
    ----------
    table : TableCodec
        What encodes each column.
    categories : MergedCategories
        Its one-hot groups, joined.
    factors : Factors or None
        None where the table is not wide.
    """

    def __init__(self, keep_range: bool = True, most_numbers: int = 512, whole: Sequence[Any] | None = None) -> None:
        self.keep_range = keep_range
        self.most_numbers = most_numbers
        self.whole = whole

    def fit(self, X: object, y: npt.ArrayLike | None = None, seed: int = 0) -> CompactTableCodec:
        """Learn the columns and what can be made compact; see `TableCodec.fit`."""
        self.fit_encode(X, y, seed)
        return self

    def fit_encode(self, X: object, y: npt.ArrayLike | None = None, seed: int = 0) -> FloatArray:
        """Learn a table and encode it, reading it once; see `TableCodec.fit_encode`."""
        self.table = TableCodec(self.keep_range)
        rows = self.table.fit_encode(X, y, seed, whole=self.whole)
        self.categories = MergedCategories.fit(rows, self.table.blocks)
        self.factors: Factors | None = None
        if self._n_scalars > self.most_numbers and len(rows) > 1:
            classes = None if y is None else np.asarray(y, np.int64)
            self.factors = Factors.fit(rows[:, : self._n_scalars], classes, child_seed(seed, "factors"))
        self._learnt()
        return self._compacted(rows)

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
        for width in self.categories.widths:
            blocks.append(Block("onehot", at, at + width))
            at += width
        return tuple(blocks)

    @property
    def width(self) -> int:
        """Columns of the encoded matrix."""
        return self._n_numbers + sum(self.categories.widths)

    def encode(self, X: object, owner: str = "CompactTableCodec") -> FloatArray:
        """Encode a table; see `TableCodec.encode`. (n, d) -> (n, width), float32."""
        return self._compacted(self.table.encode(X, owner=owner))

    def _compacted(self, rows: FloatArray) -> FloatArray:
        """From the encoding of all columns. (n, table.width) -> (n, width)."""
        if self.factors is None and self.categories.trivial:
            return rows
        numbers = rows[:, : self._n_scalars]
        if self.factors is not None:
            numbers = self.factors.encode(numbers)
        return np.concatenate([numbers, self.categories.encode(rows)], axis=1)

    def decode(self, Z: npt.ArrayLike) -> Any:
        """Decode any finite numbers of shape (n, width); see `TableCodec.decode`."""
        matrix = np.asarray(Z, np.float32)
        if matrix.ndim != 2 or matrix.shape[1] != self.width:
            raise InvalidDataError(f"cannot decode an array of shape {matrix.shape}; give (n, {self.width})")
        if self.factors is None and self.categories.trivial:
            return self.table.decode(matrix)
        numbers, hot = matrix[:, : self._n_numbers], matrix[:, self._n_numbers :]
        if self.factors is not None:
            numbers = self.factors.decode(numbers)
        return self.table.decode(np.concatenate([numbers, self.categories.decode(hot)], axis=1))

    def round_trip(self, Z: FloatArray) -> FloatArray:
        """What `encode` makes of what `decode` makes of a matrix; see `TableCodec.round_trip`."""
        if self.factors is not None:
            return self.encode(self.decode(Z))
        if self.categories.trivial:
            return self.table.round_trip(Z)
        numbers, hot = Z[:, : self._n_numbers], Z[:, self._n_numbers :]
        rows = self.table.round_trip(np.concatenate([numbers, self.categories.decode(hot)], axis=1))
        return np.concatenate([rows[:, : self._n_scalars], self.categories.encode(rows)], axis=1)

    def active(self, Z: FloatArray) -> BoolArray:
        """Which numbers decoding reads, of rows whose groups hold any numbers. (n, width) -> (n, numbers)."""
        if self.factors is not None:
            return np.ones((len(Z), self._n_numbers), dtype=bool)
        if self.categories.trivial:
            return self.table.active(Z)
        numbers, hot = Z[:, : self._n_numbers], Z[:, self._n_numbers :]
        return self.table.active(np.concatenate([numbers, self.categories.decode(hot)], axis=1))

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
            "joints": self.categories.get_state(),
            "seed": None if self.factors is None else self.factors.seed,
        }
        own = {} if self.factors is None else self.factors.get_state()
        return {"table": config, "compact": compact}, {**arrays, **own}

    @classmethod
    def from_state(cls, config: Config, arrays: Arrays) -> CompactTableCodec:
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
            codec.categories = MergedCategories.from_state(compact["joints"], table.blocks)
            if compact["seed"] is not None:
                codec.factors = Factors.from_state(compact["seed"], own, codec._n_scalars)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ModelFileError(f"the stored codec of a table cannot be read: {error}") from error
        codec._learnt()
        return codec
