"""Real and synthetic samples, read alike once for everything that is shown of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ganaug.exceptions import InvalidDataError
from ganaug.metrics.features import ColumnKind, TableMap, check_alike, feature_map, kind_of, n_rows, take_rows
from ganaug.metrics.nearest import Floats
from ganaug.utils.isolation import isolated
from ganaug.utils.seeding import numpy_generator

__all__ = ["MOST_SHOWN", "Places", "Side", "Sides", "label_text", "read_sides"]

Places = npt.NDArray[np.intp]
Kept = tuple[Sequence[int], Sequence[int]]

# Rows of a side that anything shown is taken from.
MOST_SHOWN = 20_000


@dataclass(frozen=True)
class Side:
    """Real rows, or synthetic ones.

    Attributes
    ----------
    X : container
        As given, at most `MOST_SHOWN` rows.
    columns : list of (n,) arrays
        Of a table: float64 with NaN, or codes with -1 for missing. Else empty.
    features : (n, d) float64
        In which distances are meant.
    y : (n,) int
        Class codes; zeros without classes.
    number : (n,) int
        Row numbers in what the caller gave.
    weights : (n,) float64
        Summing to one; such that both sides have the classes in the same shares, those of the real rows.
    """

    X: Any
    columns: list[npt.NDArray[Any]]
    features: Floats
    y: Places
    number: Places
    weights: Floats

    def __len__(self) -> int:
        return len(self.number)

    def some(self, n: int, rng: np.random.Generator) -> Places:
        """At most n places, drawn by the weights, in order."""
        n = min(n, int((self.weights > 0).sum()))
        return np.sort(rng.choice(len(self), n, replace=False, p=self.weights))


@dataclass(frozen=True)
class Sides:
    """Both sides.

    Attributes
    ----------
    kind : {"table", "image", "series"}
    real, synthetic : Side
    columns : tuple of ColumnKind
        Empty but for tables.
    dates : frozenset of str
        Names of columns of seconds that were dates.
    labels : list of str
        Of the classes, by code; empty without classes.
    """

    kind: str
    real: Side
    synthetic: Side
    columns: tuple[ColumnKind, ...]
    dates: frozenset[str]
    labels: list[str]

    @property
    def n_classes(self) -> int:
        """Number of classes; 1 without any."""
        return max(1, len(self.labels))


def label_text(label: Any) -> str:
    """A class label as a person writes it."""
    return str(label.item() if isinstance(label, np.generic) else label)


@isolated
def read_sides(
    X: Any, y: Any, X_syn: Any, y_syn: Any, *, seed: int = 0, most: int = MOST_SHOWN, keep: Kept = ((), ())
) -> Sides:
    """Read real rows and synthetic ones.

    Parameters
    ----------
    X, X_syn : tables, images or series
        Of n and m rows.
    y, y_syn : array-like of shape (n,) and (m,), or None
        Classes are known where both are given.
    seed : int
        For the rows taken where there are more than ``most``.
    keep : (sequence of int, sequence of int)
        Row numbers, real and synthetic, that are taken in any case.

    Raises
    ------
    InvalidDataError
        Where they do not fit one another.
    """
    kind = kind_of(X)
    check_alike(X, X_syn)
    labels, codes, codes_syn = _codes(X, y, X_syn, y_syn)
    made = feature_map(X, kind)
    real, numbers = _taken(X, most, seed, "real", keep[0])
    synthetic, numbers_syn = _taken(X_syn, most, seed, "synthetic", keep[1])
    made.fit(real)
    sides = []
    shares = _shares(codes, codes_syn, max(1, len(labels)))
    for rows, number, all_codes in ((real, numbers, codes), (synthetic, numbers_syn, codes_syn)):
        columns = made.reader.read(rows) if isinstance(made, TableMap) else []
        features = made.of_columns(columns) if isinstance(made, TableMap) else made.transform(rows)
        own = all_codes[number]
        sides.append(Side(rows, columns, features, own, number, _weights(own, shares)))
    kinds = made.columns if isinstance(made, TableMap) else ()
    return Sides(kind, sides[0], sides[1], kinds, _dates(X), labels)


def _taken(X: Any, most: int, seed: int, name: str, keep: Sequence[int]) -> tuple[Any, Places]:
    n = n_rows(X)
    if n < 2:
        raise InvalidDataError(f"there are {n} {name} rows; two are needed to show anything")
    if n <= most:
        return X, np.arange(n)
    drawn = numpy_generator(seed, "shown", name).choice(n, most, replace=False)
    places = np.union1d(drawn, np.asarray(keep, np.intp))
    return take_rows(X, places), places


def _codes(X: Any, y: Any, X_syn: Any, y_syn: Any) -> tuple[list[str], Places, Places]:
    if y is None or y_syn is None:
        return [], np.zeros(n_rows(X), np.intp), np.zeros(n_rows(X_syn), np.intp)
    given = [pd.Series(np.asarray(_on_cpu(labels))).astype(object) for labels in (y, y_syn)]
    seen = pd.Index(given[0].dropna().unique())
    try:
        seen = seen.sort_values()
    except TypeError:
        seen = pd.Index(sorted(seen, key=str), dtype=object)
    codes, codes_syn = (seen.get_indexer(pd.Index(labels, dtype=object)).astype(np.intp) for labels in given)
    for name, found, rows in (("y", codes, n_rows(X)), ("the labels of the synthetic rows", codes_syn, n_rows(X_syn))):
        if len(found) != rows:
            raise InvalidDataError(f"{name}: {len(found)} labels for {rows} rows; give one for each")
        if (found < 0).any():
            raise InvalidDataError(f"{name}: labels are missing, or no real row has them")
    texts = [label_text(label) for label in seen]
    if len(set(texts)) < len(texts):  # 1 beside "1"
        texts = [repr(label) for label in seen]
    return texts, codes, codes_syn


def _on_cpu(labels: Any) -> Any:
    return labels.detach().cpu() if hasattr(labels, "detach") else labels


def _shares(codes: Places, codes_syn: Places, n_classes: int) -> Floats:
    """Share of each generated class among the real rows of these classes."""
    counts = np.bincount(codes, minlength=n_classes) * (np.bincount(codes_syn, minlength=n_classes) > 0)
    return counts / max(1, counts.sum())


def _weights(codes: Places, shares: Floats) -> Floats:
    counts = np.bincount(codes, minlength=len(shares))
    weights = (shares / np.maximum(1, counts))[codes]
    total = weights.sum()
    made: Floats = weights / total if total > 0 else np.full(len(codes), 1 / max(1, len(codes)))
    return made


def _dates(X: Any) -> frozenset[str]:
    if not hasattr(X, "dtypes") or not hasattr(X, "columns"):
        return frozenset()
    kinds = zip(X.columns, X.dtypes, strict=True)
    return frozenset(str(name) for name, dtype in kinds if pd.api.types.is_datetime64_any_dtype(dtype))
