"""Rows as vectors that Euclidean distances compare well, whatever they are; their neighbours; errors of measures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial.distance import cdist

from ganaug.encoding.adapters import floats_of
from ganaug.encoding.containers import CONTAINERS, container_of, is_tensor, listed, modality_of, of_unequal_length
from ganaug.encoding.dtypes import Table
from ganaug.encoding.series_codec import of_equal_length
from ganaug.encoding.table_checks import check_names, check_scale, check_size, each_column
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.utils.determinism import isolated, numpy_generator

__all__ = [
    "KINDS",
    "LEVEL",
    "MAX_LEVELS",
    "ColumnKind",
    "Estimate",
    "Floats",
    "K",
    "Statistic",
    "TableReader",
    "as_features",
    "distances_in_chunks",
    "estimate",
    "feature_map",
    "kind_of",
    "mean_estimate",
    "n_rows",
    "nearest",
    "neighbours_for",
    "pairwise_rows",
    "radii",
    "take_rows",
    "uniform",
    "weighted_auc",
]

# --------------------------------------------------------------------------------------
# Nearest neighbours, and the spread of a measure over resamples.


# ---- nearest rows by Euclidean distance, in chunks -------------------------------------------------


# Neighbours that make a row's surroundings (Naeem et al. 2020), and the rows that each must stand for.
K = 5
ROWS_PER_NEIGHBOUR = 5
# Products of numbers in one comparison of all pairs: about two seconds of one core.
MOST_PRODUCTS = 8e8
_CHUNK = 256
# Numbers that differences of rows hold at once: 4 MB of them, three times.
MOST_AT_ONCE = 500_000


def neighbours_for(n: int) -> int:
    """How many neighbours n rows can give: 5, and fewer below 25 rows."""
    return max(1, min(K, n // ROWS_PER_NEIGHBOUR))


def pairwise_rows(width: int, most: int = 5000) -> int:
    """So many rows on each side are compared pair by pair where they have so many columns."""
    return int(min(most, max(200, (MOST_PRODUCTS / max(1, width)) ** 0.5)))


def nearest(queries: Floats, rows: Floats, k: int, *, itself: bool = False) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Distances to the k nearest rows and their places; increasing. (n, d), (m, d) -> (n, k), (n, k).

    With ``itself`` the queries are the rows, and none is its own neighbour (an equal row may be). Fewer
    than k columns come back where there are fewer rows.
    """
    k = min(k, len(rows) - itself)
    if k < 1 or len(queries) == 0:
        return np.full((len(queries), max(k, 0)), np.inf), np.zeros((len(queries), max(k, 0)), np.intp)
    from sklearn.neighbors import NearestNeighbors

    # The search expands |a - b|^2, which far from the origin loses its digits: move the rows there first.
    centre = rows.mean(0)
    finder = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(rows - centre)
    places = finder.kneighbors(None if itself else queries - centre, return_distance=False)
    # Those found are computed again, because the expansion loses the digits of small distances.
    exact = np.empty(places.shape)
    few = int(min(_CHUNK, max(1, MOST_AT_ONCE // max(1, k * rows.shape[1]))))
    for start in range(0, len(queries), few):
        part = slice(start, start + few)
        exact[part] = np.sqrt(((queries[part, None, :] - rows[places[part]]) ** 2).sum(2))
    order = np.argsort(exact, axis=1, kind="stable")
    return np.take_along_axis(exact, order, 1), np.take_along_axis(places, order, 1)


def radii(rows: Floats, k: int) -> Floats:
    """Distance of each row to its k-th nearest other one. (n, d) -> (n,)."""
    distances, _ = nearest(rows, rows, k, itself=True)
    return distances[:, -1] if distances.shape[1] else np.zeros(len(rows))


def distances_in_chunks(queries: Floats, rows: Floats) -> Iterator[tuple[slice, Floats]]:
    """Yield (slice of the queries, exact distances to all rows)."""
    for start in range(0, len(queries), _CHUNK):
        part = slice(start, start + _CHUNK)
        yield part, cdist(queries[part], rows)


# ---- what a measure gives, and how sure of it one can be: rows drawn again, as weights -------------


Floats = npt.NDArray[np.float64]
Statistic = Callable[..., float]  # weights of each sample's rows, each summing to one, to a number

# The share of the resampled values that lies within an interval.
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A measure with its interval.

    Attributes
    ----------
    value, low, high : float
        NaN where there is none.
    floor : float or None
        What real rows get, where the measure knows better than two halves of the real rows.
    details : dict
        Finer figures: column by column, row numbers.
    by_class : dict
        Class code to `Estimate`, where the measure gives them in one go.
    remark : str
        What a reader should know of this one value.
    """

    value: float
    low: float = float("nan")
    high: float = float("nan")
    floor: float | None = None
    details: dict[str, Any] = field(default_factory=dict)
    by_class: Mapping[int, Estimate] = field(default_factory=dict)
    remark: str = ""


def uniform(n: int) -> Floats:
    """Equal weights of n rows, summing to one."""
    return np.full(n, 1 / max(1, n))


def estimate(
    statistic: Statistic,
    sizes: tuple[int, ...],
    *,
    seed: int,
    n_resamples: int,
    bounds: tuple[float, float] = (-np.inf, np.inf),
    **more: Any,
) -> Estimate:
    """A statistic and its bootstrap interval (Efron 1979), centred at the value.

    Rows are drawn with replacement from each sample; the interval is as wide as the middle 95 % of the
    statistic's values over such draws, and is moved by their bias: a distance between samples that repeat
    rows is larger than one between samples that do not, so the plain percentiles would leave the value out.

    Parameters
    ----------
    statistic : callable
        From one vector of weights per sample, each summing to one, to a number.
    sizes : tuple of int
        Rows of each sample.
    seed : int
    n_resamples : int
        0 gives no interval.
    bounds : (float, float)
        Of the statistic; the interval is cut to them.
    **more
        Of `Estimate`.

    Returns
    -------
    Estimate
    """
    value = float(np.clip(statistic(*map(uniform, sizes)), *bounds))  # weights add up to one but for rounding
    if n_resamples < 2 or min(sizes) < 2:
        return Estimate(value, **more)
    rng = numpy_generator(seed, "resampling")
    draws = np.array([statistic(*(_weights(rng, n) for n in sizes)) for _ in range(n_resamples)])
    draws = draws[np.isfinite(draws)]  # nothing can be said of a draw that is one row over and over
    if len(draws) < 2:
        return Estimate(value, **more)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail]) - draws.mean() + value
    return Estimate(value, float(max(low, bounds[0])), float(min(high, bounds[1])), **more)


def mean_estimate(values: npt.ArrayLike, **options: Any) -> Estimate:
    """The mean of one number for each row, and its interval over rows drawn again."""
    values = np.asarray(values, float)
    return estimate(lambda weights: float(weights @ values), (len(values),), **options)


def _weights(rng: np.random.Generator, n: int) -> Floats:
    return np.bincount(rng.integers(n, size=n), minlength=n) / n


def weighted_auc(positive: Floats, negative: Floats, w_positive: Floats, w_negative: Floats) -> float:
    """P(positive > negative) + 1/2 P(equal) over rows of given weights."""
    order = np.argsort(negative, kind="stable")
    below = np.concatenate([[0.0], np.cumsum(w_negative[order])])
    left = below[np.searchsorted(negative[order], positive, "left")]
    right = below[np.searchsorted(negative[order], positive, "right")]
    return float(w_positive @ (left + right) / 2 / (w_positive.sum() * w_negative.sum()))


# --------------------------------------------------------------------------------------
# Rows as vectors that Euclidean distances compare well, whatever they are: tables, images, series.


# Images are averaged to so many pixels a side (series to so many points); more of them in all are mixed to so many.
PIXELS, POINTS, MIXTURES = 16, 64, 512
FIT_ROWS = 5000
_POOLED = 512


class TableMap:
    """Numbers of unit spread, categories one-hot.

    A number is centred at the real rows' median, divided by their interquartile range (their standard deviation if
    that is 0), pressed by arcsinh, which leaves the middle as it is and makes logarithms of the tails, and
    divided by the standard deviation of what results. A missing number is the median and, where real rows miss
    some, a column tells it. Two rows that differ in a category are sqrt(2) apart, as two rows of independent numbers
    are on average; levels beyond the 20 most frequent are one level.
    """

    def __init__(self) -> None:
        self.reader = TableReader()

    def fit(self, X: object) -> TableMap:
        """Learn kinds, levels and scales."""
        columns = self.reader.fit(X).read(X)
        self._scales: list[tuple[Any, ...]] = [
            _scale(values) if kind.kind == "number" else () for kind, values in zip(self.columns, columns, strict=True)
        ]
        return self

    @property
    def columns(self) -> tuple[ColumnKind, ...]:
        """Names and kinds."""
        return self.reader.columns

    def transform(self, X: object, name: str = "X_syn") -> Floats:
        """Read, scale and set side by side."""
        return self.of_columns(self.reader.read(X))

    @property
    def widths(self) -> tuple[int, ...]:
        """How many features each column makes."""
        return tuple(
            1 + scale[-1] if kind.kind == "number" else _n_hot(kind)
            for kind, scale in zip(self.columns, self._scales, strict=True)
        )

    def of_columns(self, columns: list[npt.NDArray[Any]]) -> Floats:
        """The features of columns that were read already."""
        parts = [
            _scaled(values, *scale) if kind.kind == "number" else _one_hot(values, kind)
            for kind, values, scale in zip(self.columns, columns, self._scales, strict=True)
        ]
        return np.concatenate(parts, axis=1)


class PixelMap:
    """Averages over patches and how much they leave out, divided by the spread of the real rows' averages.

    No components are fitted: noise in a space that was fitted to the real rows looks like one of them, and the real
    rows look nearer to one another than unseen ones to them. Very many averages are mixed by a random projection
    instead, which keeps distances but for some 6 % (Johnson and Lindenstrauss 1984).

    Where a real series has gaps (NaN), each channel has a second one that tells where it has none, a gap being as much
    as a standard deviation of the channel; in the gap itself the channel is at its median.
    """

    def __init__(self, kind: str) -> None:
        self._size = POINTS if kind == "series" else PIXELS
        self._kind = kind

    def fit(self, X: object) -> PixelMap:
        """Learn centre and spread. Of at most `FIT_ROWS` rows, evenly taken."""
        X = _array(X, "X_real", gaps=self._kind == "series")
        self._gaps = _level_and_spread(X) if np.isnan(X).any() else None
        pooled = self._pooled(X[:: -(-len(X) // FIT_ROWS)] if len(X) else X)
        self._centre = pooled.mean(0)
        spread = float(np.sqrt(((pooled - self._centre) ** 2).sum(1).mean()))
        self._spread = spread if spread > 0 else 1.0
        width = pooled.shape[1]
        self._mixed = None
        if width > MIXTURES:
            self._mixed = numpy_generator(0, "mixtures").normal(size=(width, MIXTURES)) / np.sqrt(MIXTURES)
        return self

    @property
    def has_gaps(self) -> bool:
        """Whether real series have gaps."""
        return self._gaps is not None

    def transform(self, X: object, name: str = "X_syn") -> Floats:
        """Average, mix, divide; messages call the samples by their name."""
        array = _array(X, name, gaps=self._kind == "series")
        if self._gaps is None and np.isnan(array).any():
            row = int(np.flatnonzero(np.isnan(array).reshape(len(array), -1).any(1))[0])
            raise InvalidDataError(
                f"series {row} of {name} has gaps (NaN), and the series of X_real have none; fill or drop them"
            )
        made = (self._pooled(array) - self._centre) / self._spread
        return made if self._mixed is None else made @ self._mixed

    def _pooled(self, X: npt.NDArray[Any]) -> Floats:
        parts = [self._pool(X[start : start + _POOLED]) for start in range(0, len(X), _POOLED)]
        return np.concatenate(parts) if parts else np.zeros((0, 1))

    def _pool(self, X: npt.NDArray[Any]) -> Floats:
        averages = whole = _channels_last(_filled(X.astype(np.float64), self._gaps), self._kind)
        axes = range(1, whole.ndim - 1)
        for axis in axes:
            averages = _averaged(averages, axis, self._size)
        made = averages.reshape(len(X), -1)
        if averages.shape == whole.shape:
            return made
        for axis in axes:
            averages = np.repeat(averages, _widths(whole.shape[axis], self._size), axis)
        left = np.mean((whole - averages).reshape(len(X), -1) ** 2, 1)
        return np.column_stack([made, np.sqrt(left * made.shape[1])])  # as much as if it were in the averages


class GivenMap:
    """Features made by a function of the caller's."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def fit(self, X: object) -> GivenMap:
        """Nothing to learn."""
        return self

    def transform(self, X: object, name: str = "X_syn") -> Floats:
        """Call it."""
        made = self._function(X)
        made = np.asarray(made.detach().cpu() if is_tensor(made) else made, dtype=np.float64)
        if made.ndim != 2 or len(made) != n_rows(X) or not np.isfinite(made).all():
            raise InvalidParameterError(
                f"features= gave an array of shape {made.shape} for {n_rows(X)} rows; it must give finite numbers "
                "of shape (rows, columns)"
            )
        return made


KINDS: dict[str, Callable[[], Any]] = {
    "table": TableMap,
    "image": lambda: PixelMap("image"),
    "series": lambda: PixelMap("series"),
}


@isolated
def as_features(
    X_real: object,
    X_syn: object,
    kind: str = "auto",
    features: Callable[[Any], Any] | None = None,
) -> tuple[Floats, Floats]:
    """Real and synthetic rows as vectors that Euclidean distances compare well.

    All that is learnt (scales, levels, components) is learnt from the real rows.

    Parameters
    ----------
    X_real : table, images or series
        DataFrame, array, sparse matrix, tensor or list of rows (n, d), with categories, dates and missing
        values; images (n, H, W), (n, H, W, C) or (n, C, H, W); series (n, C, L), or a list of them of unequal length.
    X_syn : the same with m rows
    kind : {"auto", "table", "image", "series"}, default="auto"
        "auto" goes by the number of axes: 2 a table; 3 series, or images if of 8-bit integers; more images.
    features : callable, optional
        From rows to an array of shape (rows, columns), such as the ``features`` method of a fitted GAN. Its
        result is taken as it is.

    Returns
    -------
    real : ndarray of shape (n, k), float64
        Of a table: one column of unit spread for each number; one for each level of a category, one for
        any other value and one for missing. Of images and series: averages over 16 x 16 patches or 64 stretches,
        and how much detail these leave out; more than 512 of them are mixed by a random projection. Where real series
        have gaps, the same averages of where each channel has one.
    synthetic : ndarray of shape (m, k), float64

    Raises
    ------
    InvalidParameterError
        For an unknown kind, or features of a wrong shape.
    InvalidDataError
        Where shapes or columns of both differ.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug.metrics import as_features
    >>> real = pd.DataFrame({"amount": [1.0, 2.0, 3.0], "kind": ["a", "b", "a"]})
    >>> [made.shape for made in as_features(real, real[:2])]
    [(3, 5), (2, 5)]
    """
    X_real, X_syn = of_equal_length({"X_real": X_real, "X_syn": X_syn}).values()
    made = feature_map(X_real, kind, features).fit(X_real)
    check_alike(X_real, X_syn)
    return made.transform(X_real, "X_real"), made.transform(X_syn)


def feature_map(X: object, kind: str = "auto", features: Callable[[Any], Any] | None = None) -> Any:
    """The map for rows like these, not fitted yet."""
    if features is not None:
        if not callable(features):
            raise InvalidParameterError(f"features={features!r} cannot be called; give a function of rows, or None")
        return GivenMap(features)
    return KINDS[kind_of(X, kind)]()


def kind_of(X: Any, kind: str = "auto") -> str:
    """One of `KINDS`: the one asked for, or the one that X looks like."""
    if kind != "auto":
        if kind not in KINDS:
            raise InvalidParameterError(
                f"kind={kind!r} is unknown; choose one of 'auto', {', '.join(map(repr, KINDS))}"
            )
        return kind
    items = listed(X)
    if items is not None and (getattr(items[0], "ndim", 1) > 1 or of_unequal_length(items) is not None):
        return modality_of(items)
    axes = len(getattr(X, "shape", (0, 0)))
    if axes == 3:
        return "image" if str(X.dtype).endswith("uint8") else "series"
    return "image" if axes > 3 else "table"


def check_alike(X: object, other: object, name: str = "X_syn") -> None:
    """Refuse samples of other shapes than the real ones. Tables are compared when they are read."""
    shape, given = (tuple(getattr(a, "shape", (0, 0))) for a in (X, other))
    if len(shape) > 2 and len(given) > 2:
        check_scale(X, other, name)
    if len(shape) != len(given) or (len(shape) > 2 and shape[1:] != given[1:]):
        turned = sorted(shape[1:]) == sorted(given[1:])
        why = "bring their axes into one order" if turned else "they differ beyond the first axis"
        raise InvalidDataError(f"{name} has shape {given}, and the real samples have {shape}; {why}")


def n_rows(X: Any) -> int:
    """Number of rows."""
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def take_rows(X: Any, rows: npt.NDArray[np.intp]) -> Any:
    """Some rows, in the same container."""
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    if isinstance(X, (list, tuple)):
        return [X[i] for i in rows]
    if hasattr(X, "tocsr"):
        return X.tocsr()[rows]
    return X[rows]


def _array(X: Any, name: str, gaps: bool = False) -> npt.NDArray[Any]:
    made = np.asarray(X.detach().cpu() if is_tensor(X) else X)
    if made.ndim < 2 or made.dtype.kind not in "fiub":
        raise InvalidDataError(
            f"{name} is an array of {made.dtype} of shape {made.shape}; images and series are arrays of numbers"
        )
    if not np.isfinite(made).all() and not (gaps and not np.isinf(made).any()):
        held = "infinity" if np.isinf(made).any() else "NaN"
        raise InvalidDataError(f"{name} holds {held}; replace it (series alone may hold NaN, as gaps)")
    return made


def _level_and_spread(X: npt.NDArray[Any]) -> tuple[Floats, Floats]:
    """Median and standard deviation of each channel of series, without its gaps. (n, C, ...) -> (C, 1...), twice."""
    series = X[:, None] if X.ndim == 2 else X
    found = []
    for channel in np.moveaxis(series, 1, 0):
        present = channel[~np.isnan(channel)].astype(np.float64)  # squares of float32 may overflow
        found.append((np.median(present), present.std() or 1.0) if len(present) else (0.0, 1.0))
    shape = (-1, *[1] * (series.ndim - 2))
    level, spread = (np.asarray(own, np.float64).reshape(shape) for own in zip(*found, strict=True))
    return level, spread


def _filled(X: Floats, gaps: tuple[Floats, Floats] | None) -> Floats:
    """Series without gaps, and as many channels more that tell where they were, if real series have any."""
    if gaps is None:
        return X
    absent = np.isnan(X)
    series, absent = (one[:, None] if X.ndim == 2 else one for one in (X, absent))
    return np.concatenate([np.where(absent, gaps[0], series), absent * gaps[1]], axis=1)


def _channels_last(X: Floats, kind: str) -> Floats:
    """Of any layout: rows, then what is averaged over, then channels. (n, ...) -> (n, ..., c)."""
    if X.ndim == 2 or (X.ndim == 3 and kind != "series"):
        return X[..., None]
    return X if kind != "series" and X.shape[-1] in (1, 3, 4) else np.moveaxis(X, 1, -1)


def _averaged(X: Floats, axis: int, size: int) -> Floats:
    widths = _widths(X.shape[axis], size)
    each = widths.reshape([-1 if a == axis else 1 for a in range(X.ndim)])
    averaged: Floats = np.add.reduceat(X, np.cumsum(widths) - widths, axis=axis) / each
    return averaged


def _widths(length: int, size: int) -> npt.NDArray[np.intp]:
    """Of at most ``size`` stretches, as even as can be, that make up a length."""
    size = min(size, length)
    return np.diff(np.arange(size + 1) * length // size)


def _scale(values: Floats) -> tuple[float, float, float, bool]:
    """Median, range, spread after pressing, and whether some are missing."""
    present = values[~np.isnan(values)]
    missing = len(present) < len(values)
    if len(present) == 0:
        return 0.0, 1.0, 1.0, missing
    low, centre, high = (float(q) for q in np.quantile(present, [0.25, 0.5, 0.75]))
    reach = high - low if high > low else float(present.std())
    reach = reach if np.isfinite(reach) and reach > 0 else 1.0
    spread = float(np.arcsinh((present - centre) / reach).std())
    return centre, reach, spread if spread > 1e-12 else 1.0, missing


def _scaled(values: Floats, centre: float, reach: float, spread: float, missing: bool) -> Floats:
    absent = np.isnan(values)
    pressed = np.arcsinh((np.where(absent, centre, values) - centre) / reach) / spread
    return np.column_stack([pressed, absent.astype(float)]) if missing else pressed[:, None]


def _one_hot(codes: npt.NDArray[np.int64], kind: ColumnKind) -> Floats:
    width = _n_hot(kind)
    hot: Floats = np.eye(width)[np.where(codes < 0, width - 1, np.minimum(codes, width - 2))]
    return hot


def _n_hot(kind: ColumnKind) -> int:
    n_levels = 0 if kind.levels is None else len(kind.levels)
    return min(n_levels, MAX_LEVELS) + 2  # beyond the most frequent or unseen; missing


# ---- tables as columns of numbers and of category codes, read alike from every sample --------------

# In joint shares and in features the levels beyond the most frequent ones are one.
MAX_LEVELS = 20

Values = npt.NDArray[Any]


@dataclass(frozen=True)
class ColumnKind:
    """What a column is.

    Attributes
    ----------
    name : str
    kind : {"number", "category"}
        Dates and durations are numbers: seconds. Booleans and text are categories.
    levels : pandas.Index or None
        Of a category, the most frequent first.
    """

    name: str
    kind: Literal["number", "category"]
    levels: pd.Index | None = None


class TableReader:
    """Reads tables by the columns of the first one.

    Attributes
    ----------
    columns : tuple of ColumnKind
    """

    def fit(self, X: object) -> TableReader:
        """Note the columns' names, kinds and levels. Of a table of shape (n, d), d > 0."""
        table = _open(X)
        check_size(table)
        self._names = table.names
        names = range(table.n_columns) if table.names is None else table.names
        kinds = [kind for _, kind in each_column(table, lambda raw, j: _kind_of(_series(raw), str(names[j])))]
        self.columns: tuple[ColumnKind, ...] = tuple(kinds)
        return self

    def read(self, X: object) -> list[Values]:
        """Columns of a table of the same names and order.

        Returns
        -------
        list of ndarray of shape (n,)
            float64 with NaN for missing; or int64 codes into the levels, -1 for missing and the number of
            levels for any value that the first table does not have.
        """
        table = _open(X)
        check_names(self._names, table.names, len(self.columns), table.n_columns, "evaluate")
        return [read for _, read in each_column(table, lambda raw, j: _read(_series(raw), self.columns[j]))]


def _open(X: object) -> Table:
    kind, X = container_of(X)
    opened: Table = CONTAINERS[kind].open(X)
    return opened


def _series(raw: Any) -> pd.Series:
    if isinstance(raw, pd.arrays.SparseArray):
        raw = np.asarray(raw)
    series = pd.Series(raw, dtype=raw.dtype)
    return series


def _kind_of(column: pd.Series, name: str) -> ColumnKind:
    holds = _holds(column)
    if holds != "category":
        return ColumnKind(name, "number")
    try:
        counts = column.astype(object).value_counts()  # the most frequent first, equals as they came
    except TypeError as error:
        raise InvalidTypeError(f"holds nested values, which cannot be compared: {error}") from error
    return ColumnKind(name, "category", counts.index)


def _holds(column: pd.Series) -> str:
    dtype = column.dtype
    if pd.api.types.is_bool_dtype(dtype):
        return "category"
    if isinstance(dtype, pd.ArrowDtype) or pd.api.types.is_object_dtype(dtype):
        return "category" if _floats(column) is None else "float"
    if pd.api.types.is_numeric_dtype(dtype):
        return "number"
    if dtype.kind in "mM":
        return "date"
    return "category"


def _floats(column: pd.Series) -> Floats | None:
    """Numbers of what Arrow keeps and of objects, read as the codec does; what it refuses is a category."""
    try:
        return floats_of(np.asarray(column) if column.dtype == object else column.array)
    except InvalidTypeError:
        return None


def _read(column: pd.Series, kind: ColumnKind) -> Values:
    return _read_codes(column, kind) if kind.kind == "category" else _read_numbers(column)


def _read_numbers(column: pd.Series) -> Floats:
    holds = _holds(column)
    if holds == "float":
        found = _floats(column)
        if found is not None and np.isinf(found).any():
            raise InvalidDataError("contains infinity; replace it with a finite number or NaN")
        return np.full(len(column), np.nan) if found is None else found
    if holds == "date":
        since = column if column.dtype.kind == "m" else _since_epoch(column)
        return since.dt.total_seconds().to_numpy(dtype=np.float64, na_value=np.nan)
    try:
        numbers = pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise InvalidDataError(f"is a number in the real rows and is not here ({error}); make it one") from error
    if np.isinf(numbers).any():
        raise InvalidDataError("contains infinity; replace it with a finite number or NaN")
    return numbers


def _since_epoch(column: pd.Series) -> pd.Series:
    dates = pd.to_datetime(column, utc=True)
    return dates - pd.Timestamp("1970-01-01", tz="UTC").as_unit("s")


def _read_codes(column: pd.Series, kind: ColumnKind) -> npt.NDArray[np.int64]:
    levels = kind.levels if kind.levels is not None else pd.Index([])
    values = column.astype(object)
    codes = levels.get_indexer(pd.Index(values, dtype=object)).astype(np.int64)
    missing = values.isna().to_numpy()
    if len(levels) and not missing.all() and (codes < 0).all() and _holds(column) != "category":
        raise InvalidDataError(
            f"holds {column.dtype} here, and categories such as {levels[0]!r} in the real rows, none of which occurs; "
            "give the categories and not their codes"
        )
    return np.where(missing, -1, np.where(codes < 0, len(levels), codes))
