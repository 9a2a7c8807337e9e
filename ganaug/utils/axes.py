"""The only file that knows of matplotlib: new axes for the plots, never registered with pyplot.

A figure that pyplot does not know is freed like any other object, and no backend, style or current figure of the caller
changes. The axes returned here show themselves in a notebook, as pyplot's figures do there.
"""

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ganaug.exceptions import InvalidParameterError, MissingDependencyError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
else:
    Axes = Figure = object  # matplotlib is optional

__all__ = ["REAL", "SYNTHETIC", "Axes", "axes_or_new", "grid_or_new", "picture"]

# Blue and orange are told apart by all but a few eyes; real is drawn filled or round, synthetic as a line or a cross.
REAL, SYNTHETIC = "#4a6fa5", "#d9622b"


def new_figure(width: float, height: float) -> Figure:
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


def picture(figure: Any) -> bytes:
    """The figure as PNG, as notebooks show it."""
    found = io.BytesIO()
    figure.savefig(found, format="png", bbox_inches="tight")
    return found.getvalue()


@cache
def _shown_axes() -> type[Any]:
    """Axes that a notebook shows as a picture; made late, since matplotlib is optional."""
    from matplotlib.axes import Axes

    class ShownAxes(Axes):
        """Axes of a new figure of ganaug."""

        def _repr_png_(self) -> bytes:
            return picture(self.figure)

    return ShownAxes


class AxesArray(np.ndarray):
    """An object array of axes of one figure, which a notebook shows as a picture.

    Indexing and iteration give the axes, as with the array that `matplotlib.pyplot.subplots` returns.
    """

    def _repr_png_(self) -> bytes | None:
        figures = {id(ax.figure): ax.figure for ax in self.ravel() if ax.figure is not None}  # None: removed axes
        return picture(next(iter(figures.values()))) if len(figures) == 1 else None


def axes_or_new(ax: Axes | None, width: float, height: float) -> Axes:
    """The axes given, or those of a new figure, in inches."""
    return new_figure(width, height).add_subplot(axes_class=_shown_axes()) if ax is None else ax


def grid_or_new(ax: object, rows: int, columns: int, width: float, height: float) -> Any:
    """Axes as an object array (rows, columns): those given, in that order, or of a new figure.

    Parameters
    ----------
    ax : array-like of Axes, or None
        As many as rows x columns; None makes a new figure.
    rows, columns : int
    width, height : float
        Of a cell of a new figure, in inches.

    Raises
    ------
    InvalidParameterError
        If another number of axes is given.
    """
    if ax is None:
        figure = new_figure(width * columns, height * rows)
        grid = figure.add_gridspec(rows, columns)
        found = np.empty((rows, columns), dtype=object)
        for row in range(rows):
            for column in range(columns):
                found[row, column] = figure.add_subplot(grid[row, column], axes_class=_shown_axes())
        return found.view(AxesArray)
    given = np.empty(rows * columns, dtype=object)
    flat = list(np.ravel(np.asarray(ax, dtype=object)))
    if len(flat) != len(given):
        raise InvalidParameterError(f"ax has {len(flat)} axes, and {rows} x {columns} are to be drawn; give as many")
    given[:] = flat
    return given.reshape(rows, columns).view(AxesArray)
