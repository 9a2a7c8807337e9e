"""pyarrow, which is optional: the only file that imports it."""

from __future__ import annotations

from typing import Any

from ganaug.exceptions import MissingDependencyError

__all__ = ["arrow"]


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
