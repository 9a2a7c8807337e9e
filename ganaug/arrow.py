"""pyarrow, which is optional: the only file that imports it."""

from __future__ import annotations

from typing import Any

from ganaug.exceptions import InvalidTypeError, MissingDependencyError, ModelFileError

__all__ = ["arrow", "arrow_array", "type_from", "type_state"]

_NEEDED = "the columns that this model learnt need"
# Types that have parameters and no alias: their name in pyarrow -> what tells them and their arguments.
_ARGUMENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "timestamp": ("is_timestamp", ("unit", "tz")),
    "decimal128": ("is_decimal128", ("precision", "scale")),
    "decimal256": ("is_decimal256", ("precision", "scale")),
    "decimal32": ("is_decimal32", ("precision", "scale")),
    "decimal64": ("is_decimal64", ("precision", "scale")),
    "binary": ("is_fixed_size_binary", ("byte_width",)),
    "dictionary": ("is_dictionary", ("index_type", "value_type", "ordered")),
}


def arrow(needed_by: str) -> Any:
    """The package pyarrow, with ``pyarrow.parquet``.

    Parameters
    ----------
    needed_by : str
        What needs it, as the start of a sentence: "Parquet files need".

    Raises
    ------
    MissingDependencyError
        If it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependencyError(f"{needed_by} pyarrow: pip install 'ganaug[parquet]'") from error
    return pyarrow


def type_state(kind: Any) -> Any:
    """A type of Arrow as JSON: its alias, or its name and arguments.

    Raises
    ------
    InvalidTypeError
        If it cannot be written so.
    """
    pa = arrow(_NEEDED)
    for name, (test, arguments) in _ARGUMENTS.items():
        if getattr(pa.types, test, _never)(kind):
            values = [getattr(kind, argument) for argument in arguments]
            state = [name, *(type_state(v) if isinstance(v, pa.DataType) else v for v in values)]
            return state if state[0] != "timestamp" or kind.tz is not None else str(kind)
    try:
        if pa.type_for_alias(str(kind)) == kind:
            return str(kind)
    except ValueError:
        pass
    raise InvalidTypeError(f"has Arrow's type {kind}, which cannot be stored; cast it to another one")


def type_from(state: Any) -> Any:
    """The type that `type_state` wrote."""
    pa = arrow(_NEEDED)
    try:
        if isinstance(state, str):
            return pa.type_for_alias(state)
        name, *arguments = state
        if name not in _ARGUMENTS:
            raise ValueError("it is unknown")
        if name == "dictionary":
            arguments[:2] = map(type_from, arguments[:2])
        return getattr(pa, name)(*arguments)
    except (TypeError, ValueError, AttributeError, pa.ArrowException) as error:
        raise ModelFileError(f"cannot read the stored type of Arrow {state!r}: {error}") from error


def arrow_array(column: Any) -> Any:
    """One array of Arrow, of a column that pandas keeps in it."""
    pa = arrow("columns kept by pyarrow need")
    held = column.__arrow_array__()
    if not isinstance(held, pa.ChunkedArray):
        return held
    return held.chunk(0) if held.num_chunks == 1 else pa.concat_arrays(held.chunks or [pa.array([], held.type)])


def _never(kind: Any) -> bool:
    return False
