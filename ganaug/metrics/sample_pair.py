"""What a metric is given, a `SamplePair`: real, synthetic and held-out rows, read and made comparable once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, overload

import numpy as np
import numpy.typing as npt
import pandas as pd

from ganaug.encoding.series_codec import of_equal_length
from ganaug.encoding.table_checks import refuse_foreign
from ganaug.exceptions import InvalidDataError
from ganaug.metrics.features import (
    MAX_LEVELS,
    ColumnKind,
    Floats,
    TableMap,
    TableReader,
    check_alike,
    feature_map,
    kind_of,
    n_rows,
    take_rows,
)
from ganaug.utils.determinism import child_seed, numpy_generator

__all__ = [
    "MOST_READ",
    "SHARE",
    "THINGS",
    "Reading",
    "Rows",
    "SamplePair",
    "TakenColumns",
    "at_most",
    "matched_counts",
    "read_samples",
]

# --------------------------------------------------------------------------------------
# What a metric is given: real, synthetic and held-out rows, read and made comparable once.


Places = npt.NDArray[np.intp]
T = TypeVar("T")
# What the samples of a kind are called.
THINGS = {"table": "rows", "image": "images", "series": "series"}

SHARE = (0.0, 1.0)

# Pairs of columns grow with the square: of wider tables so many columns of a kind are compared in pairs.
MAX_PAIRED = 60


class TakenColumns(Sequence[npt.NDArray[Any]]):
    """Some rows of columns, taken when a column is asked for: thousands of small arrays take more memory than values.

    Parameters
    ----------
    columns : sequence of (n,) arrays
    rows : (m,) int
        Places in each of them.
    """

    _columns: Sequence[npt.NDArray[Any]]
    _rows: Places

    def __init__(self, columns: Sequence[npt.NDArray[Any]], rows: Places) -> None:
        self._columns, self._rows = columns, rows
        if isinstance(columns, TakenColumns):  # rows of rows
            self._columns, self._rows = columns._columns, columns._rows[rows]

    def __len__(self) -> int:
        return len(self._columns)

    @overload
    def __getitem__(self, place: int) -> npt.NDArray[Any]: ...
    @overload
    def __getitem__(self, place: slice) -> list[npt.NDArray[Any]]: ...
    def __getitem__(self, place: int | slice) -> npt.NDArray[Any] | list[npt.NDArray[Any]]:
        if isinstance(place, slice):
            return [column[self._rows] for column in self._columns[place]]
        return self._columns[place][self._rows]


@dataclass(frozen=True)
class Rows:
    """Some rows of a sample.

    Attributes
    ----------
    features : (n, d) float64
    columns : sequence of (n,) arrays
        Of a table, as `TableReader` gives them; else empty.
    y : (n,) int or None
        Class codes.
    number : (n,) int
        Row numbers in what the caller gave.
    """

    features: Floats
    columns: Sequence[npt.NDArray[Any]]
    y: Places | None
    number: Places

    def __len__(self) -> int:
        return len(self.features)

    def take(self, rows: Places) -> Rows:
        """Rows by their places."""
        y = None if self.y is None else self.y[rows]
        return Rows(self.features[rows], TakenColumns(self.columns, rows), y, self.number[rows])

    def of_classes(self, codes: Sequence[int]) -> Rows:
        """The rows of some classes; all, where classes are not known."""
        return self if self.y is None else self.take(np.flatnonzero(np.isin(self.y, codes)))


@dataclass(frozen=True)
class SamplePair:
    """Real rows against synthetic ones.

    Attributes
    ----------
    real, synthetic : Rows
        Of the same classes in the same shares, at most ``max_rows`` of them.
    train : Rows
        All real rows of these classes: what a synthetic row could be a copy of.
    unseen : Rows or None
        Held-out rows of these classes.
    teach, test : Rows or None
        All real and all held-out rows, whatever their class: what classifiers learn from and are tested on.
    offered : Rows
        All synthetic rows, in the shares in which they were given.
    kinds : tuple of ColumnKind
        Empty but for tables.
    widths : tuple of int
        Of a table, how many features each column makes, where that is known.
    labels : tuple
        Class code to label; empty without classes.
    classifier : object or None
        An unfitted scikit-learn classifier; None for the default.
    seed, n_resamples : int
    things : str
        What the samples are called: "rows", "images" or "series".
    remark : str
    cache : dict
        What several metrics need and one computes.
    """

    real: Rows
    synthetic: Rows
    train: Rows
    unseen: Rows | None
    teach: Rows
    test: Rows | None
    offered: Rows
    kinds: tuple[ColumnKind, ...]
    widths: tuple[int, ...]
    labels: tuple[Any, ...]
    classifier: object
    seed: int
    n_resamples: int
    things: str = "rows"
    remark: str = ""
    cache: dict[str, Any] = field(default_factory=dict, compare=False)

    def at_most(self, most: int) -> tuple[Rows, Rows]:
        """Real and synthetic rows, at most so many of each."""
        rng = numpy_generator(self.seed, "some")
        return at_most(self.real, most, rng), at_most(self.synthetic, most, rng)

    def halves(self, split: int) -> SamplePair:
        """Half of the real rows in the place of the synthetic ones; no intervals."""
        rows = numpy_generator(self.seed, "halves", split).permutation(len(self.real))
        cut = len(rows) // 2
        one, two = self.real.take(np.sort(rows[:cut])), self.real.take(np.sort(rows[cut:]))
        seed = child_seed(self.seed, "half", split)
        return replace(self, real=one, synthetic=two, train=one, unseen=None, n_resamples=0, seed=seed, cache={})

    def of_class(self, code: int, most: int) -> SamplePair:
        """One class alone, at most so many rows of it."""
        rng = numpy_generator(self.seed, "class", code)
        train = self.train.of_classes([code])
        unseen = None if self.unseen is None else self.unseen.of_classes([code])
        return replace(
            self,
            real=at_most(train, most, rng),
            synthetic=at_most(self.offered.of_classes([code]), most, rng),
            train=train,
            unseen=unseen,
            labels=(),
            seed=child_seed(self.seed, "class", code),
            remark="",
            cache={},
        )

    @property
    def sizes(self) -> tuple[int, int]:
        """Real and synthetic rows."""
        return len(self.real), len(self.synthetic)

    def options(self, bounds: tuple[float, float] = SHARE, **more: object) -> dict[str, Any]:
        """Of `ganaug.metrics.features.estimate`."""
        return {"seed": self.seed, "n_resamples": self.n_resamples, "bounds": bounds, **more}

    def places(self, kind: str) -> list[int]:
        """Which columns are of a kind."""
        return [j for j, column in enumerate(self.kinds) if column.kind == kind]

    def paired_numbers(self) -> tuple[list[int], Floats, Floats]:
        """Columns of numbers, at most `MAX_PAIRED` of them: which, real (n, d), synthetic (m, d)."""
        places = self._some(self.places("number"))
        real, fake = (
            np.column_stack([rows.columns[j] for j in places]) if places else np.zeros((len(rows), 0))
            for rows in (self.real, self.synthetic)
        )
        return places, real, fake

    def paired_categories(self) -> tuple[list[str], list[Places], list[Places]]:
        """Category columns, rare levels as one, and the class if there are several: names, real, synthetic codes."""
        places = self._some(self.places("category"))
        names = [self.kinds[j].name for j in places]
        real, fake = ([np.minimum(rows.columns[j], MAX_LEVELS) for j in places] for rows in (self.real, self.synthetic))
        several = len(self.labels) > 1 and self.offered.y is not None and len(np.unique(self.offered.y)) > 1
        if several and self.real.y is not None and self.synthetic.y is not None:
            names, real, fake = [*names, "(class)"], [*real, self.real.y], [*fake, self.synthetic.y]
        return names, real, fake

    def once(self, key: str, make: Callable[[], T]) -> T:
        """What ``make`` gives, made at the first call only."""
        if key not in self.cache:
            self.cache[key] = make()
        made: T = self.cache[key]
        return made

    def _some(self, places: list[int]) -> list[int]:
        if len(places) <= MAX_PAIRED:
            return places
        chosen = numpy_generator(self.seed, "columns").choice(len(places), MAX_PAIRED, replace=False)
        return [places[i] for i in np.sort(chosen)]


def at_most(rows: Rows, most: int, rng: np.random.Generator) -> Rows:
    """At most so many rows, in their order."""
    return rows if len(rows) <= most else rows.take(np.sort(rng.choice(len(rows), most, replace=False)))


# --------------------------------------------------------------------------------------
# From what a caller gives to features, columns and class codes, and from these to a `SamplePair`.


Codes = npt.NDArray[np.intp]

# Rows of a sample that are read at all: every metric looks at these or at fewer.
MOST_READ = 50_000


@dataclass(frozen=True)
class Reading:
    """Real, synthetic and held-out samples, read alike once for whatever is measured or shown of them.

    Attributes
    ----------
    kind : {"table", "image", "series"}
    made : feature map, fitted to the real rows
    table : TableReader or None
        What reads the columns; None of images and series.
    classes : pandas.Index
        Labels as given, by code; empty without classes.
    labels : tuple
        The same as plain numbers and text.
    rows : dict of str to Rows
        "real", "synthetic" and, where given, "holdout": at most `MOST_READ` of each.
    """

    kind: str
    made: Any
    table: TableReader | None
    classes: pd.Index
    labels: tuple[Any, ...]
    rows: dict[str, Rows]

    @property
    def columns(self) -> tuple[ColumnKind, ...]:
        """Names and kinds of the columns; empty but for tables."""
        return () if self.table is None else self.table.columns

    def read(self, X: object, y: object = None, numbers: Codes | None = None, name: str = "X_syn") -> Rows:
        """Further samples, with their labels where there are classes.

        Parameters
        ----------
        X : as the real ones
        y : array-like of shape (n,), optional
        numbers : (n,) int, optional
            Row numbers in what the caller gave; 0 to n - 1 by default.
        name : str, default="X_syn"
            How messages call them.
        """
        columns = self.table.read(X) if self.table is not None else []
        of_table = isinstance(self.made, TableMap)
        vectors = self.made.of_columns(columns) if of_table else self.made.transform(X, name)
        codes = None if y is None else _codes_of(y, self.classes, "y_syn")
        return Rows(vectors, columns, codes, np.arange(n_rows(X)) if numbers is None else numbers)

    def with_rows(self, **rows: Rows | None) -> Reading:
        """The same with other rows: of "real", "synthetic" or "holdout"."""
        chosen = {**self.rows, **rows}
        return replace(self, rows={name: one for name, one in chosen.items() if one is not None})

    def comparison(self, *, classifier: object = None, seed: int, n_resamples: int, max_rows: int) -> SamplePair:
        """What metrics take: classes in equal shares, at most ``max_rows`` of each side."""
        teach, offered, test = self.rows["real"], self.rows["synthetic"], self.rows.get("holdout")
        generated = [] if offered.y is None else np.unique(offered.y).tolist()
        train = teach.of_classes(generated) if offered.y is not None else teach
        unseen = test
        if test is not None and offered.y is not None:
            unseen = test.of_classes(generated) if test.y is not None else None
        rng = numpy_generator(seed, "matched")
        real, synthetic = _matched(train, offered, rng)
        remark = ""
        if len(real) < len(train) or len(synthetic) < len(offered):
            remark = f"classes were brought to equal shares by leaving {THINGS[self.kind]} out"
        return SamplePair(
            real=at_most(real, max_rows, rng),
            synthetic=at_most(synthetic, max_rows, rng),
            train=train,
            unseen=unseen,
            teach=teach,
            test=test,
            offered=offered,
            kinds=self.columns,
            things=THINGS[self.kind],
            widths=self.made.widths if isinstance(self.made, TableMap) else (),
            labels=self.labels,
            classifier=classifier,
            seed=seed,
            n_resamples=n_resamples,
            remark=remark,
        )


_ARGUMENTS = {"real": "X_real", "synthetic": "X_syn", "holdout": "X_holdout"}


def read_samples(
    samples: dict[str, Any],
    labels: dict[str, Any],
    *,
    kind: str = "auto",
    features: Callable[[Any], Any] | None = None,
    seed: int = 0,
) -> Reading:
    """Read "real", "synthetic" and, where it is not None, "holdout"; ``labels`` has None for those without.

    Raises
    ------
    InvalidDataError
        Where columns, shapes, numbers of labels or classes do not fit one another.
    """
    for name, X in samples.items():
        refuse_foreign(X, _ARGUMENTS[name])
    alike = of_equal_length({_ARGUMENTS[name]: X for name, X in samples.items()})
    samples = dict(zip(samples, alike.values(), strict=True))
    real = samples["real"]
    kind = kind_of(real, kind)
    made = feature_map(real, kind, features)
    table: TableReader | None = made.reader if isinstance(made, TableMap) else None
    if kind == "table" and table is None:
        table = TableReader().fit(real)
    classes, codes = _class_codes(samples, labels)
    reading = Reading(kind, made, table, classes, tuple(_plain(label) for label in classes), {})
    for name, X in samples.items():
        if X is None:
            continue
        check_alike(real, X, _ARGUMENTS[name])
        numbers = np.arange(n_rows(X))
        if len(numbers) < 2:
            raise InvalidDataError(f"{_ARGUMENTS[name]} has {len(numbers)} row(s); two are needed to compare anything")
        if len(numbers) > MOST_READ:
            rng = numpy_generator(seed, "read", name)
            numbers = np.sort(rng.choice(len(numbers), MOST_READ, replace=False))
            X = take_rows(X, numbers)
        if name == "real":
            made.fit(X)
        rows = reading.read(X, None, numbers, _ARGUMENTS[name])
        y = codes.get(name)
        reading.rows[name] = rows if y is None else replace(rows, y=y[numbers])
    return reading


def _matched(real: Rows, fake: Rows, rng: np.random.Generator) -> tuple[Rows, Rows]:
    if real.y is None or fake.y is None:
        return real, fake
    n_classes = 1 + int(max(real.y.max(), fake.y.max()))
    counts = [np.bincount(rows.y, minlength=n_classes) for rows in (real, fake) if rows.y is not None]
    wanted = matched_counts(*counts)
    one, two = (_thinned(rows, target, rng) for rows, target in zip((real, fake), wanted, strict=True))
    return one, two


def matched_counts(real: npt.NDArray[np.int64], fake: npt.NDArray[np.int64]) -> tuple[Codes, Codes]:
    """Rows of each class to keep so that both samples have the classes in the same shares.

    Either the real rows are thinned to the shares of the synthetic ones or the other way round: whichever leaves
    more rows in the smaller sample. Each class of both keeps a row at least. (K,), (K,) -> (K,), (K,).
    """

    def thinned(counts: npt.NDArray[np.int64], like: npt.NDArray[np.int64]) -> Codes:
        there = like > 0
        scale = (counts[there] / like[there]).min()
        kept = np.floor(like * scale + 1e-9).astype(np.intp)
        return np.where(there, np.maximum(kept, 1), 0)

    options = [(thinned(real, fake), fake.astype(np.intp)), (real.astype(np.intp), thinned(fake, real))]
    return max(options, key=lambda pair: min(int(side.sum()) for side in pair))


def _thinned(rows: Rows, target: Codes, rng: np.random.Generator) -> Rows:
    if rows.y is None:
        return rows
    kept = []
    for code, count in enumerate(target):
        members = np.flatnonzero(rows.y == code)
        kept.append(members if count >= len(members) else rng.choice(members, count, replace=False))
    return rows.take(np.sort(np.concatenate(kept)))


def _class_codes(samples: dict[str, Any], labels: dict[str, Any]) -> tuple[pd.Index, dict[str, Codes]]:
    """Labels in order, and for each sample that has them its codes."""
    if labels["real"] is None or labels["synthetic"] is None:
        if labels["real"] is not labels["synthetic"]:
            raise InvalidDataError("give both y_real and y_syn, or neither")
        return pd.Index([], dtype=object), {}
    given = {}
    for name, y in labels.items():
        if y is None:
            continue
        column = _as_array(y)
        if column.ndim != 1 or len(column) != n_rows(samples[name]):
            raise InvalidDataError(
                f"{_ARGUMENTS[name].replace('X', 'y')} has shape {column.shape}; give one label "
                f"for each of the {n_rows(samples[name])} rows of {_ARGUMENTS[name]}"
            )
        given[name] = column
    seen = pd.Index(pd.Series(given["real"]).astype(object).dropna().unique())
    try:
        seen = seen.sort_values()
    except TypeError:
        seen = pd.Index(sorted(seen, key=str), dtype=object)
    return seen, {name: _codes_of(y, seen, _ARGUMENTS[name].replace("X", "y")) for name, y in given.items()}


def _as_array(y: object) -> npt.NDArray[Any]:
    return np.asarray(y.detach().cpu() if hasattr(y, "detach") else y)


def _codes_of(y: object, classes: pd.Index, name: str) -> Codes:
    """Where each label stands among the classes."""
    series = pd.Series(_as_array(y)).astype(object)
    found = classes.get_indexer(pd.Index(series, dtype=object))
    if (found < 0).any():
        strange = series[found < 0].unique().tolist()[:5]
        raise InvalidDataError(f"{name} has labels that no real row has (or missing ones): {strange!r}")
    return found.astype(np.intp)


def _plain(label: object) -> Any:
    label = label.item() if isinstance(label, np.generic) else label
    return label if isinstance(label, (str, int, float, bool)) else str(label)
