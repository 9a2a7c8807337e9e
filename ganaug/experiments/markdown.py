"""A DataFrame as a table in Markdown, for the documents."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

__all__ = ["to_markdown"]


def to_markdown(frame: pd.DataFrame, digits: int = 3, *, bold: str | None = None) -> str:
    """Write a table in Markdown, the index first.

    Parameters
    ----------
    frame : DataFrame
        Column names of several levels are joined by a space.
    digits : int, default=3
        Of floats. A column named "p", or beginning with ``p_``, shows two significant ones.
    bold : {"max", "min"}, optional
        Which value of every column is set in bold.

    Returns
    -------
    str
        Without a newline at the end.

    Examples
    --------
    >>> import pandas as pd
    >>> from ganaug.experiments import to_markdown
    >>> print(to_markdown(pd.DataFrame({"AUC": [0.91, 0.875]}, index=["SMOTE", "none"]), bold="max"))
    |  | AUC |
    |---|---:|
    | SMOTE | **0.910** |
    | none | 0.875 |
    """
    names = [" ".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in frame.columns]
    corner = " / ".join(str(name) for name in frame.index.names if name is not None)
    lines = [f"| {corner} | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    columns = [_texts(frame.iloc[:, i], name, digits, bold) for i, name in enumerate(names)]
    for label, *cells in zip(frame.index, *columns, strict=True):
        first = ", ".join(map(str, label)) if isinstance(label, tuple) else str(label)
        lines.append(f"| {first} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _texts(column: pd.Series[Any], name: str, digits: int, bold: str | None) -> list[str]:
    last = name.split(" ")[-1]
    is_p = last == "p" or last.startswith("p_")
    texts = [_text(value, digits, is_p) for value in column]
    if bold and pd.api.types.is_numeric_dtype(column.dtype) and column.notna().any():
        best = column.max() if bold == "max" else column.min()
        texts = [f"**{t}**" if value == best else t for t, value in zip(texts, column, strict=True)]
    return texts


def _text(value: Any, digits: int, is_p: bool) -> str:
    if not isinstance(value, (float, np.floating)):
        return str(value).replace("|", "\\|")
    if np.isnan(value):
        return ""
    return f"{value:.2g}" if is_p else f"{value:.{digits}f}"
