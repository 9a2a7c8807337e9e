"""Real and synthetic samples as plots and reports show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ganaug.metrics.features import ColumnKind, n_rows, take_rows
from ganaug.metrics.nearest import Floats
from ganaug.metrics.sample_pair import Reading, read_samples
from ganaug.utils.determinism import isolated, numpy_generator

__all__ = ["MOST_SHOWN", "Places", "Side", "Sides", "label_text", "read_sides", "sides_of"]

Places = npt.NDArray[np.intp]
Kept = tuple[Sequence[int], Sequence[int]]

# Rows of each side that charts are made from.
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
        Vectors whose Euclidean distances are compared.
    y : (n,) int
        Class codes; zeros without classes.
    number : (n,) int
        Row numbers in what the caller gave.
    weights : (n,) float64
        They sum to one, and give both sides the class shares of the real rows.
    """

    X: object
    columns: list[npt.NDArray[Any]]
    features: Floats
    y: Places
    number: Places
    weights: Floats

    def __len__(self) -> int:
        return len(self.number)

    def some(self, n: int, rng: np.random.Generator) -> Places:
        """At most n sorted positions, drawn by the weights."""
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


def label_text(label: object) -> str:
    """A class label as text."""
    return str(label.item() if isinstance(label, np.generic) else label)


@isolated
def read_sides(
    X: object, y: object, X_syn: object, y_syn: object, *, seed: int = 0, most: int = MOST_SHOWN, keep: Kept = ((), ())
) -> Sides:
    """Read real rows and synthetic ones.

    Parameters
    ----------
    X, X_syn : tables, images or series
        Of n and m rows.
    y, y_syn : array-like of shape (n,) and (m,), or None
        Classes are used if both are given.
    seed, most, keep
        As of `sides_of`.

    Raises
    ------
    InvalidDataError
        If they do not match.
    """
    known = y is not None and y_syn is not None
    labels = {"real": y if known else None, "synthetic": y_syn if known else None}
    reading = read_samples({"real": X, "synthetic": X_syn}, labels, seed=seed)
    return sides_of(reading, X, X_syn, seed=seed, most=most, keep=keep)


def sides_of(
    reading: Reading, X: object, X_syn: object, *, seed: int = 0, most: int = MOST_SHOWN, keep: Kept = ((), ())
) -> Sides:
    """Both sides of samples that were read already.

    Parameters
    ----------
    reading : Reading
    X, X_syn : tables, images or series
        The samples that were read.
    seed : int
        For the choice of rows if there are more than ``most``.
    most : int, default=20000
        Rows of each side.
    keep : (sequence of int, sequence of int)
        Row numbers, real and synthetic, that are always included.
    """
    n_classes = max(1, len(reading.classes))
    rows = reading.rows["real"], reading.rows["synthetic"]
    codes = [np.zeros(len(one), np.intp) if one.y is None else one.y for one in rows]
    shares = _shares(codes[0], codes[1], n_classes)
    sides = []
    for name, one, own, samples, kept in zip(("real", "synthetic"), rows, codes, (X, X_syn), keep, strict=True):
        if len(one) > most:
            drawn = numpy_generator(seed, "shown", name).choice(len(one), most, replace=False)
            places = np.union1d(drawn, np.flatnonzero(np.isin(one.number, np.asarray(kept, np.intp))))
            one, own = one.take(places), own[places]
        whole = len(one) == n_rows(samples)
        shown = samples if whole else take_rows(samples, one.number)
        sides.append(Side(shown, one.columns, one.features, own, one.number, _weights(own, shares)))
    return Sides(reading.kind, sides[0], sides[1], reading.columns, _dates(X), _texts(reading.classes))


def _texts(classes: pd.Index) -> list[str]:
    texts = [label_text(label) for label in classes]
    return texts if len(set(texts)) == len(texts) else [repr(label) for label in classes]  # 1 beside "1"


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


def _dates(X: object) -> frozenset[str]:
    if not hasattr(X, "dtypes") or not hasattr(X, "columns"):
        return frozenset()
    kinds = zip(X.columns, X.dtypes, strict=True)
    return frozenset(str(name) for name, dtype in kinds if pd.api.types.is_datetime64_any_dtype(dtype))
