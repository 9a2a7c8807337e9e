"""Tables by the suffix of their file: read, split into rows and labels, written."""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import pandas as pd

from ganaug.cli.column_formats import ColumnFormat
from ganaug.cli.console import FileError, UsageError, did_you_mean, tell
from ganaug.cli.csv_files import CsvTable, CsvWriter
from ganaug.cli.file_layout import FileLayout
from ganaug.cli.outputs import atomic_file
from ganaug.cli.parquet_files import ParquetTable, ParquetWriter
from ganaug.encoding.labels import warn_of_similar_names
from ganaug.exceptions import DataWarning

__all__ = [
    "check_suffix",
    "label_of",
    "read_table",
    "split",
    "table_writer",
]

Table = CsvTable | ParquetTable

PARQUET = (".parquet", ".pq")
TEXT = (".csv", ".tsv", ".tab", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")  # .tsv and .tab: with tabs
# A target of so many different numbers is questioned; of fewer, if there are few rows of each.
_MANY_CLASSES, _SOME_CLASSES, _ROWS_OF_A_CLASS = 50, 10, 10
_WRITERS: dict[str, Any] = {**dict.fromkeys(PARQUET, ParquetWriter), **dict.fromkeys(TEXT, CsvWriter)}


def _ends(path: str, suffixes: tuple[str, ...]) -> bool:
    return path.lower().endswith(suffixes)


def check_suffix(path: str) -> None:
    """Refuse an output of which it is not known how to write it."""
    if not _ends(path, (*PARQUET, *TEXT)):
        raise UsageError(f"{path}: the suffix says how to write it; give .csv, .csv.gz, .tsv or .parquet")


def read_table(path: str, args: argparse.Namespace, like: FileLayout | None = None) -> Table:
    """The table in a file, CSV unless its suffix says Parquet.

    Raises
    ------
    Fault
        Naming file, line and column.
    """
    if os.path.isdir(path):
        raise FileError("is a folder; name a file", path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise FileError("is no ordinary file, and cannot be read twice; save it to one", path)
    if _ends(path, PARQUET):
        table: Table = ParquetTable(path)
    else:
        table = CsvTable(path, args.encoding, args.delimiter, args.decimal, like, args.target)
        for name, said in table.remarks.items():
            warnings.warn(f"{path}: column {name!r}: {said}", DataWarning, stacklevel=2)
    if args.verbose:
        tell(args, _described(table))
    return table


def _described(table: Table) -> str:
    kinds: dict[str, list[str]] = {}
    for name, form in table.layout.formats.items():
        kinds.setdefault(form.kind, []).append(name)
    dialect = table.layout.dialect
    written = "Parquet" if table.layout.schema else f"{dialect.encoding}, fields end at {dialect.delimiter!r}"
    columns = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds.items())
    return f"{table.path}: {len(table.frame)} rows ({written}), columns read as {columns}"


def split(
    table: Table, target: str, n_classes: int = 2, many_classes: bool = False
) -> tuple[pd.DataFrame, pd.Series[Any]]:
    """Rows without the labels, and the labels.

    Raises
    ------
    Fault
        If there is no such column, no other one, a label is missing, or there are too few classes.
    Usage
        If the labels look like measurements, unless ``many_classes``.
    """
    frame, path = table.frame, table.path
    if target not in frame.columns:
        raise FileError(f"no column {target!r}{did_you_mean(target, frame.columns)}", path)
    if frame.shape[1] < 2:
        raise FileError(f"has no column beside {target!r}; is the delimiter right? --delimiter sets it", path)
    y = frame[target].rename(target)
    lost = np.flatnonzero(y.isna().to_numpy())
    if len(lost):
        rows = f"{len(lost)} row{'s have' if len(lost) > 1 else ' has'} no label; fill or drop them"
        raise FileError(rows, path, table.line(int(lost[0])), target)
    if isinstance(y.dtype, pd.CategoricalDtype):
        y = y.astype(y.cat.categories.dtype)
    if y.nunique() < n_classes:
        raise FileError(f"holds one class only, {y.iloc[0]!s}, in all {len(y)} rows", path, column=target)
    _question(y, path, many_classes)
    if many_classes and y.dtype.kind == "f":
        y = y.astype(np.int64)  # the library questions floats, too
    warn_of_similar_names(y.unique())
    return frame.drop(columns=target), y


def _question(y: pd.Series[Any], path: str, many_classes: bool) -> None:
    """Refuse a target that looks like a measurement."""
    if y.dtype.kind not in "iuf":
        return
    n, whole = y.nunique(), bool((y % 1 == 0).all())
    said = f"--target {y.name}: in {path} it holds {n} distinct numbers in {len(y)} rows"
    advice = "make a column of classes first, for example one that says whether the number is above a threshold"
    if not whole:
        raise UsageError(f"{said}, some with decimals, which is a continuous target and no classes; {advice}")
    few_of_each = n > _SOME_CLASSES and n * _ROWS_OF_A_CLASS > len(y)
    if (n > _MANY_CLASSES or few_of_each) and not many_classes:
        raise UsageError(
            f"{said}, which looks like a measurement; {advice}, or give --many-classes if each number is a class"
        )


def label_of(text: str, labels: Any, column: str | None = None, form: ColumnFormat | None = None) -> Any:
    """The label that a word of the command line means: as it stands in a file of this format, or as Python shows it.

    Raises
    ------
    Usage
        If there is none such.
    """
    known = {str(label): label for label in pd.Index(labels).tolist()}
    numbers = {str(int(label)): label for label in known.values() if isinstance(label, float)}  # 1 for 1.0
    truths = {str(label).lower(): label for label in known.values() if isinstance(label, bool)}
    found = {**numbers, **truths, **known, **_as_in_the_file(labels, form)}
    if text not in found:
        where = f" in column {column!r}" if column else ""
        raise UsageError(f"no class {text!r}{where}{did_you_mean(text, known)}")
    return found[text]


def _as_in_the_file(labels: Any, form: ColumnFormat | None) -> dict[str, Any]:
    """Labels by what stands in the file, where that is another text."""
    if form is None or form.kind not in ("integer", "number"):
        return {}
    values = pd.Series(labels)
    return dict(zip(form.write(values), values.tolist(), strict=True))


@contextmanager
def table_writer(path: str, layout: FileLayout, mark: str | None = None) -> Iterator[Any]:
    """A writer of a table that is there, whole, when the block has ended well, and not at all if it has not."""
    suffix = next(one for one in sorted(_WRITERS, key=len, reverse=True) if path.lower().endswith(one))
    with atomic_file(path) as temporary:
        writer = _WRITERS[suffix](temporary, path, layout, mark)
        try:
            yield writer
        except BaseException:
            with suppress(OSError, ValueError):  # the first fault is the one to tell
                writer.close()
            raise
        writer.close()
