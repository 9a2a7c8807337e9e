"""CSV files read batch by batch: types that hold all values of all files, and not only those of the first lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from ganaug.encoding.dtype_state import arrow_datasets
from ganaug.exceptions import InvalidDataError

__all__ = ["csv_format", "first_line"]

# pyarrow tells a type checker nothing: a column, and what reads files.
ArrowColumn: TypeAlias = Any
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
