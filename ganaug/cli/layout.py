"""What a table looks like on disk, apart from its rows. A model file remembers it for ``ganaug sample``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from ganaug.cli.dialects import Dialect
from ganaug.cli.faults import Fault
from ganaug.cli.formats import FORMATS, Format, format_of

__all__ = ["Layout"]

_VERSION = 1


@dataclass(frozen=True)
class Layout:
    """Columns and how they are written.

    Attributes
    ----------
    formats : dict of str to Format
        In the order of the columns.
    dialect : Dialect
        Of CSV.
    target : str or None
        The column of the labels.
    schema : str or None
        Arrow's, packed by `ganaug.cli.parquet_files`, if the table was a Parquet file.
    """

    formats: dict[str, Format]
    dialect: Dialect
    target: str | None = None
    schema: str | None = None

    @classmethod
    def of_frame(cls, frame: pd.DataFrame, target: str | None = None) -> Layout:
        """For a table that comes from no file."""
        return cls({str(name): format_of(frame[name]) for name in frame.columns}, Dialect(), target)

    def get_state(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "version": _VERSION,
            "columns": [[name, one.get_state()] for name, one in self.formats.items()],
            "dialect": self.dialect.get_state(),
            "target": self.target,
            "schema": self.schema,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], path: str) -> Layout:
        """The layout that `get_state` took apart."""
        try:
            formats = {str(name): Format(**one) for name, one in state["columns"]}
            if not all(one.kind in FORMATS for one in formats.values()):
                raise ValueError("a kind of column that this version does not know")
            return cls(formats, Dialect(**state["dialect"]), state["target"], state["schema"])
        except (KeyError, TypeError, ValueError) as error:
            raise Fault(f"what it says of the columns cannot be read: {error}", path) from error
