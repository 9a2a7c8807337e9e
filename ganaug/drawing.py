"""The only file that knows of matplotlib: new axes for the plots, never registered with pyplot."""

from __future__ import annotations

from typing import Any

from ganaug.exceptions import InvalidParameterError, MissingDependencyError

__all__ = ["REAL", "SYNTHETIC", "axes_or_new", "grid_or_new"]

# Blue and orange are told apart by all but a few eyes; real is drawn filled or round, synthetic as a line or a cross.
REAL, SYNTHETIC = "#4a6fa5", "#d9622b"


def new_figure(width: float, height: float) -> Any:
    """An empty figure, in inches.

    Raises
    ------
    MissingDependencyError
        Without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("pictures need matplotlib: pip install 'ganaug[plot]'") from error
    return Figure(figsize=(width, height), layout="constrained")


def axes_or_new(ax: Any, width: float, height: float) -> Any:
    """The axes given, or those of a new figure, in inches."""
    return new_figure(width, height).subplots() if ax is None else ax


def grid_or_new(ax: Any, rows: int, columns: int, width: float, height: float) -> Any:
    """Axes as an object array (rows, columns): those given, in that order, or of a new figure of cells in inches.

    Raises
    ------
    InvalidParameterError
        If another number of axes is given.
    """
    import numpy as np

    if ax is None:
        return new_figure(width * columns, height * rows).subplots(rows, columns, squeeze=False)
    given = np.empty(rows * columns, dtype=object)
    flat = list(np.ravel(np.asarray(ax, dtype=object)))
    if len(flat) != len(given):
        raise InvalidParameterError(f"ax has {len(flat)} axes, and {rows} x {columns} are to be drawn; give as many")
    given[:] = flat
    return given.reshape(rows, columns)
