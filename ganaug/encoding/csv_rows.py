"""Types that hold the values of all batches and files; CSV files; the example sets of the package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from ganaug.encoding.dtype_state import arrow_datasets
from ganaug.exceptions import DataWarning, InvalidDataError, InvalidParameterError
from ganaug.utils.determinism import warn

__all__ = [
    "EXAMPLES",
    "ONE_TYPE",
    "csv_format",
    "first_line",
    "in_words",
    "joined_heads",
    "load_example",
    "one_schema",
    "refuse_twice",
    "with_levels",
    "without_values",
]

# pyarrow tells a type checker nothing: a column, a table, a schema, a type, and what reads files.
ArrowColumn: TypeAlias = Any
ArrowTable: TypeAlias = Any
ArrowSchema: TypeAlias = Any
ArrowType: TypeAlias = Any
ArrowTool: TypeAlias = Any

# What stands for a missing value in text, as in pandas.
_MISSING = ["", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
            "NA", "NULL", "NaN", "None", "n/a", "nan", "null"]  # fmt: skip
# Whole numbers that a decimal holds, and those that nothing but text does.
_WHOLE, _TOO_LONG = "^-?[0-9]{1,38}$", "^[+-]?[0-9]{39,}$"


def _pa() -> ModuleType:
    return arrow_datasets("rows that are read batch by batch need")


def first_line(error: BaseException) -> str:
    """What an error says, without its details and the full stop."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def csv_format(files: list[Path], name: str) -> ArrowTool:
    """Pyarrow's reader of these CSV files, with the types of the columns.

    Raises
    ------
    InvalidDataError
        If a file cannot be read, has other columns, or has text where another has numbers.
    """
    pa = _pa()
    kinds: dict[str, _Kinds] = {}
    first: list[str] | None = None
    parse = pa.csv.ParseOptions(delimiter="\t" if ".tsv" in files[0].name.lower() else ",", newlines_in_values=True)
    for file in files:
        try:
            with pa.csv.open_csv(str(file), parse_options=parse, convert_options=_as_text(file, parse)) as reader:
                names = list(reader.schema.names)
                if first is not None and sorted(names) != sorted(first):
                    odd = sorted(set(names) ^ set(first))
                    raise InvalidDataError(
                        f"{name}: column {odd[0] if odd else names[0]!r} is not in {file} and {files[0]} alike; "
                        "all files need the same columns"
                    )
                first = first or names
                own: dict[str, list[Any]] = {}
                for batch in reader:
                    for one, column in zip(names, batch.columns, strict=True):
                        if column.null_count < len(column):
                            own[one] = _fitting(column, own.get(one, _csv_types()))
        except (pa.ArrowException, OSError) as error:
            raise InvalidDataError(f"{file} is no CSV file that can be read: {first_line(error)}") from error
        for one, found in own.items():
            kinds.setdefault(one, _Kinds()).add(file, found)
    types = {one: kinds[one].pooled(one, name) if one in kinds else pa.int64() for one in first or ()}
    convert = pa.csv.ConvertOptions(column_types=types, null_values=_MISSING, strings_can_be_null=True)
    return pa.dataset.CsvFileFormat(parse_options=parse, convert_options=convert)


def _as_text(file: Path, parse: ArrowTool) -> ArrowTool:
    pa = _pa()
    with pa.csv.open_csv(str(file), parse_options=parse) as reader:
        names = reader.schema.names
    text = dict.fromkeys(names, pa.string())
    return pa.csv.ConvertOptions(column_types=text, null_values=_MISSING, strings_can_be_null=True)


def _csv_types() -> list[Any]:
    """What a column may be, the narrowest first; text, if it is none of it. Times are as fine as those of pandas."""
    pa = _pa()
    return [pa.int64(), pa.uint64(), pa.decimal128(38, 0), pa.float64(), pa.bool_(), pa.timestamp("us")]


def _fitting(column: ArrowColumn, kinds: list[Any]) -> list[Any]:
    """Those of some types that the texts of a column can be read as, without losing digits of whole numbers."""
    pa = _pa()
    if not kinds:
        return []
    values = column.dictionary_encode().dictionary

    def all_are(pattern: str) -> bool:
        return pa.compute.all(pa.compute.match_substring_regex(values, pattern)).as_py() is not False

    def any_is(pattern: str) -> bool:
        return pa.compute.any(pa.compute.match_substring_regex(values, pattern)).as_py() is True

    def fits(kind: Any) -> bool:
        if pa.types.is_decimal(kind) and not all_are(_WHOLE):
            return False
        if pa.types.is_floating(kind) and any_is(_TOO_LONG):
            return False
        try:
            values.cast(kind)
        except pa.ArrowException:
            return False
        return True

    return [kind for kind in kinds if fits(kind)]


@dataclass
class _Kinds:
    """What a column may be, file by file."""

    all: list[Any] = field(default_factory=_csv_types)
    numbers: Path | None = None
    text: Path | None = None

    def add(self, file: Path, found: list[Any]) -> None:
        """What it may be in one more file, in which it has values."""
        self.all = [kind for kind in self.all if kind in found]
        if _pa().float64() in found:
            self.numbers = self.numbers or file
        else:
            self.text = self.text or file

    def pooled(self, column: str, name: str) -> Any:
        """The narrowest type that holds the values of all files.

        Raises
        ------
        InvalidDataError
            If there is none but text, and one of the files has numbers.
        """
        if not self.all and self.numbers is not None and self.text is not None:
            raise InvalidDataError(
                f"{name}: column {column!r} holds numbers in {self.numbers} and something else in {self.text}; write "
                "it with one type, or give its files read as text, (pandas.read_csv(file, dtype={"
                f"{column!r}: str}}) for file in files)"
            )
        return self.all[0] if self.all else _pa().string()


# --------------------------------------------------------------------------------------
# One type of each column for all batches and files.


def refuse_twice(names: list[str], where: str) -> None:
    """Raise InvalidDataError for a column that is there more than once."""
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InvalidDataError(f"{where}: column {twice[0]!r} occurs more than once; give it another name")


def one_schema(schemas: dict[Any, Any], name: str, empty: Sequence[set[str]] = ()) -> ArrowSchema:
    """The schema to which all can be converted; a column that is missing somewhere is an error.

    Parameters
    ----------
    schemas : dict of file to schema
    name : str
    empty : sequence of set, optional
        For each of them, the columns without any value. Such a column has the type that others have for it, where the
        two have none in common, or one of them is a category.
    """
    pa = _pa()
    items = list(schemas.items())
    for _, schema in items:
        refuse_twice(schema.names, name)
    first_file, merged = items[0]
    empties = [set(one) for one in empty] or [set() for _ in items]
    hollow = empties[0]
    for (file, schema), now in zip(items[1:], empties[1:], strict=True):
        for one, other, where in ((merged, schema, file), (schema, merged, first_file)):
            lost = [column for column in one.names if column not in other.names]
            if lost:
                raise InvalidDataError(
                    f"{name}: column {lost[0]!r} is missing in {where}; all files need the same columns"
                )
        for column in merged.names:
            kinds = [one.field(column).type for one in (merged, schema)]
            if not kinds[0].equals(kinds[1]):
                is_category, at = any(map(pa.types.is_dictionary, kinds)), merged.get_field_index(column)
                both = None if is_category and (column in now or column in hollow) else _promoted(*kinds)
                if both is None and column in now:
                    both = kinds[0]
                elif both is None and column in hollow:
                    both = kinds[1]
                elif both is None:
                    raise InvalidDataError(
                        f"{name}: column {column!r} is {in_words(kinds[0])} in {first_file} and {in_words(kinds[1])} "
                        f"in {file}; {ONE_TYPE}"
                    )
                merged = merged.set(at, merged.field(at).with_type(both))
        hollow = hollow & now
    return pa.schema([one.with_nullable(True) for one in merged], metadata=merged.metadata)


ONE_TYPE = (
    "write it with one type, of a category the same one in all rows, and where all of its values are missing with the "
    "type that it has elsewhere"
)


def _promoted(one: ArrowType, other: ArrowType) -> ArrowType | None:
    """A type that holds both, if there is one."""
    pa = _pa()
    try:
        both = pa.unify_schemas([pa.schema([("x", kind)]) for kind in (one, other)], promote_options="permissive")
    except pa.ArrowException:
        return None
    return both.field("x").type


def in_words(kind: ArrowType) -> str:
    """A type of Arrow as messages call it."""
    if not _pa().types.is_dictionary(kind):
        return str(kind)
    return f"{'an ordered' if kind.ordered else 'a'} category of {kind.value_type}"


def without_values(table: ArrowTable) -> set[str]:
    """The columns in which every value is missing."""
    return {
        name for name, column in zip(table.column_names, table.columns, strict=True) if column.null_count == len(column)
    }


def with_levels(schema: ArrowSchema, dtypes: dict[str, Any]) -> ArrowSchema:
    """A schema whose categories of numbers are integers where pandas has them so."""
    pa = _pa()
    for at, one in enumerate(schema):
        dtype = dtypes.get(one.name)
        whole = isinstance(dtype, pd.CategoricalDtype) and pd.api.types.is_integer_dtype(dtype.categories.dtype)
        if whole and pa.types.is_dictionary(one.type) and pa.types.is_floating(one.type.value_type):
            schema = schema.set(at, one.with_type(pa.dictionary(one.type.index_type, pa.int64(), one.type.ordered)))
    return schema


def joined_heads(
    heads: dict[str, pd.Series[Any]], head: pd.DataFrame, hollow: set[str], empty: set[str]
) -> dict[str, pd.Series[Any]]:
    """Columns of one row with the dtypes that both have together; see `one_schema` on those without any value."""
    if not heads or set(heads) != set(head.columns):
        return heads or {str(name): head[name] for name in head.columns}
    found = {}
    for name, one in heads.items():
        other = head[name]
        is_category = any(isinstance(side.dtype, pd.CategoricalDtype) for side in (one, other))
        if is_category and (name in empty or name in hollow):  # which holds gaps, as not every dtype does
            found[name] = one if name in empty else other
        else:
            found[name] = one if one.dtype == other.dtype else _both(one, other).iloc[:1]
    return found


def _both(one: pd.Series[Any], other: pd.Series[Any]) -> pd.Series[Any]:
    """Values of two parts in a dtype that holds both; categories of one part alone are added to those of the other."""
    levels = [side.dtype.categories for side in (one, other) if isinstance(side.dtype, pd.CategoricalDtype)]
    if len(levels) == 2:
        if not one.cat.ordered and not other.cat.ordered:
            if levels[0].dtype == levels[1].dtype:
                return pd.Series(pd.api.types.union_categoricals([one, other]))
            return pd.Series(pd.Categorical([None], dtype=pd.CategoricalDtype(_all_levels(*levels))))
        if one.cat.ordered and other.cat.ordered:
            shown = " and ".join(str(own.tolist()[:5]) for own in levels)
            warn(
                f"column {one.name!r} is an ordered category with other levels in other rows, {shown}; it becomes a "
                f"column of {levels[0].dtype}: give all rows one CategoricalDtype to keep the order",
                DataWarning,
            )
    return pd.concat([one, other], ignore_index=True)


def _all_levels(one: pd.Index, other: pd.Index) -> pd.Index:
    """The levels of both; integers in one part and floats in another, as pandas has them beside gaps, are integers."""
    whole = pd.concat([pd.Series(one), pd.Series(other)], ignore_index=True).drop_duplicates()
    numbers = pd.api.types.is_float_dtype(whole.dtype) and not whole.isna().any()
    if numbers and (whole % 1 == 0).all() and whole.abs().max() < 2**53:
        whole = whole.astype("int64")
    return pd.Index(whole)


# --------------------------------------------------------------------------------------
# Examples that run wherever the package is installed.


FOLDER = Path(__file__).parents[1] / "datasets" / "data"
PARTS = ("all", "train", "test")

# name -> file, and the column of the labels in a table; README.md beside the files says whose they are
EXAMPLES = {
    "card_fraud": ("card_fraud.csv.gz", "fraud"),
    "fashion_mnist": ("fashion_mnist.npz", None),
    "smartphone_motion": ("smartphone_motion.npz", None),
    "thyroid_sick": ("thyroid_sick.csv.gz", "class"),
}


def load_example(name: str, part: str = "all") -> tuple[Any, Any]:
    """Load a small real data set that comes with the package; nothing is downloaded.

    Parameters
    ----------
    name : {"card_fraud", "fashion_mnist", "smartphone_motion", "thyroid_sick"}
        - "card_fraud": 5,000 card payments x 30 numeric columns, 492 of them frauds (label 1).
        - "fashion_mnist": 1,150 grey images of 28 x 28 pixels in four classes.
        - "smartphone_motion": 482 windows of acceleration, 3 channels x 128 values in thousandths of g, two common
          and two rare movements.
        - "thyroid_sick": 3,772 patients x 28 columns, numbers and categories with missing values, 231 of them "sick".
    part : {"all", "train", "test"}, default="all"
        The images and the series have a published training and test part; "all" is both, training part first.

    Returns
    -------
    X : DataFrame of shape (n, columns), or ndarray of shape (n, 28, 28), uint8, or (n, 3, 128), int16
        A fresh copy.
    y : Series or ndarray of shape (n,)
        Labels: 0 and 1 of "card_fraud", strings elsewhere.

    Raises
    ------
    InvalidParameterError
        For another name, or a part that the set does not have.

    Notes
    -----
    Sources, licences and what was changed stand in ``README.md`` in the folder ``ganaug/datasets/data``.

    Examples
    --------
    >>> from ganaug.datasets import load_example
    >>> X, y = load_example("thyroid_sick")
    >>> X.shape, y.value_counts().to_dict()
    ((3772, 28), {'negative': 3541, 'sick': 231})
    >>> load_example("fashion_mnist", "test")[0].shape
    (400, 28, 28)
    """
    if name not in EXAMPLES:
        raise InvalidParameterError(f"name={name!r} is no example; give one of {sorted(EXAMPLES)}")
    if part not in PARTS:
        raise InvalidParameterError(f"part={part!r} must be one of {list(PARTS)}")
    file, target = EXAMPLES[name]
    if target is None:
        chosen = PARTS[1:] if part == "all" else (part,)
        with np.load(FOLDER / file) as arrays:
            X, y = ([arrays[f"{key}_{one}"] for one in chosen] for key in "Xy")
        return np.concatenate(X), np.concatenate(y)
    if part != "all":
        raise InvalidParameterError(
            f"part={part!r}: {name!r} has no published training and test part; leave part out and split it with "
            "sklearn.model_selection.train_test_split(X, y, stratify=y)"
        )
    table = pd.read_csv(FOLDER / file)
    return table.drop(columns=target), table[target]
