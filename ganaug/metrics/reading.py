"""From what a caller gives to a `SamplePair`: features, columns, class codes, and equal shares of classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ganaug.exceptions import InvalidDataError
from ganaug.metrics.features import TableMap, TableReader, check_alike, feature_map, kind_of, n_rows, take_rows
from ganaug.metrics.sample_pair import Rows, SamplePair, at_most
from ganaug.utils.seeding import numpy_generator

__all__ = ["MOST_READ", "matched_counts", "read_comparison"]

Codes = npt.NDArray[np.intp]

# Rows of a sample that are read at all: every metric looks at these or at fewer.
MOST_READ = 50_000


def read_comparison(
    samples: dict[str, Any],
    labels: dict[str, Any],
    *,
    kind: str,
    features: Callable[[Any], Any] | None,
    classifier: Any,
    seed: int,
    n_resamples: int,
    max_rows: int,
) -> SamplePair:
    """Read "real", "synthetic" and, where it is not None, "holdout"; ``labels`` has None for those without.

    Raises
    ------
    InvalidDataError
        Where columns, shapes, numbers of labels or classes do not fit one another.
    """
    real = samples["real"]
    kind = kind_of(real, kind)
    made = feature_map(real, kind, features)
    reader: TableReader | None = made.reader if isinstance(made, TableMap) else None
    if kind == "table" and reader is None:
        reader = TableReader().fit(real)
    classes, codes = _class_codes(samples, labels)
    read: dict[str, Rows] = {}
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
        columns = reader.read(X) if reader is not None else []
        vectors = made.of_columns(columns) if isinstance(made, TableMap) else made.transform(X)
        y = codes.get(name)
        read[name] = Rows(vectors, columns, None if y is None else y[numbers], numbers)
    return _compared(
        read,
        kinds=reader.columns if reader is not None else (),
        widths=made.widths if isinstance(made, TableMap) else (),
        labels=classes,
        classifier=classifier,
        seed=seed,
        n_resamples=n_resamples,
        max_rows=max_rows,
    )


_ARGUMENTS = {"real": "X_real", "synthetic": "X_syn", "holdout": "X_holdout"}


def _compared(read: dict[str, Rows], *, max_rows: int, **more: Any) -> SamplePair:
    teach, offered, test = read["real"], read["synthetic"], read.get("holdout")
    generated = [] if offered.y is None else np.unique(offered.y).tolist()
    train = teach.of_classes(generated) if offered.y is not None else teach
    unseen = test
    if test is not None and offered.y is not None:
        unseen = test.of_classes(generated) if test.y is not None else None
    rng = numpy_generator(more["seed"], "matched")
    real, synthetic = _matched(train, offered, rng)
    remark = ""
    if len(real) < len(train) or len(synthetic) < len(offered):
        remark = "classes were brought to equal shares by leaving rows out"
    return SamplePair(
        real=at_most(real, max_rows, rng),
        synthetic=at_most(synthetic, max_rows, rng),
        train=train,
        unseen=unseen,
        teach=teach,
        test=test,
        offered=offered,
        remark=remark,
        **more,
    )


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


def _class_codes(samples: dict[str, Any], labels: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Codes]]:
    """Labels in order, and for each sample that has them its codes."""
    if labels["real"] is None or labels["synthetic"] is None:
        if labels["real"] is not labels["synthetic"]:
            raise InvalidDataError("give both y_real and y_syn, or neither")
        return (), {}
    given = {}
    for name, y in labels.items():
        if y is None:
            continue
        column = np.asarray(y.detach().cpu() if hasattr(y, "detach") else y)
        if column.ndim != 1 or len(column) != n_rows(samples[name]):
            raise InvalidDataError(
                f"{_ARGUMENTS[name].replace('X', 'y')} has shape {column.shape}; give one label "
                f"for each of the {n_rows(samples[name])} rows of {_ARGUMENTS[name]}"
            )
        given[name] = pd.Series(column).astype(object)
    seen = pd.Index(given["real"].dropna().unique())
    try:
        seen = seen.sort_values()
    except TypeError:
        seen = pd.Index(sorted(seen, key=str), dtype=object)
    codes = {}
    for name, series in given.items():
        found = seen.get_indexer(pd.Index(series, dtype=object))
        if (found < 0).any():
            strange = series[found < 0].unique().tolist()[:5]
            raise InvalidDataError(
                f"{_ARGUMENTS[name].replace('X', 'y')} has labels that no real row has (or missing ones): {strange!r}"
            )
        codes[name] = found.astype(np.intp)
    return tuple(_plain(label) for label in seen), codes


def _plain(label: Any) -> Any:
    label = label.item() if isinstance(label, np.generic) else label
    return label if isinstance(label, (str, int, float, bool)) else str(label)
