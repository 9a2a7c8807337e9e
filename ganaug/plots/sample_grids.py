"""Images and series, with or without the real ones that are nearest to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ganaug.exceptions import InvalidDataError
from ganaug.metrics.features import n_rows
from ganaug.summaries import label_text
from ganaug.summaries.pixels import as_pixels
from ganaug.utils.axes import REAL, SYNTHETIC, axes_or_new, grid_or_new
from ganaug.utils.isolation import isolated

__all__ = ["image_grid", "series_grid"]

GAP = 2
Pixels = npt.NDArray[np.uint8]


@isolated
def image_grid(
    images: Any, labels: Sequence[Any] | None = None, nearest: Any = None, *, n_columns: int = 8, ax: Any = None
) -> Any:
    """Draw images side by side, their nearest real ones beneath them.

    Parameters
    ----------
    images : array of shape (n, H, W), (n, H, W, C) or (n, C, H, W)
        8-bit, or floats of any range.
    labels : sequence of length n, optional
        Stand above the images.
    nearest : array of the same shape, optional
        Drawn beneath each image.
    n_columns : int, default=8
    ax : matplotlib axes, optional
        By default those of a new figure, which is not registered with pyplot.

    Returns
    -------
    axes

    Raises
    ------
    InvalidDataError
        If labels or nearest images are not as many as the images.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug import plots
    >>> images = np.random.default_rng(0).random((5, 12, 12))
    >>> plots.image_grid(images, labels=list("abcde"), nearest=images[::-1]).get_images()[0].get_array().shape[-1]
    3
    """
    n = _checked(images, labels, nearest)
    across, lines = min(n_columns, n), -(-n // min(n_columns, n))
    rows = [as_pixels(images, images)] + ([] if nearest is None else [as_pixels(nearest, images)])
    height, width = rows[0].shape[1:3]
    margin = max(GAP, height // 4) if labels is not None else GAP
    cell = margin + len(rows) * (height + GAP), width + GAP
    sheet = np.full((lines * cell[0], across * cell[1], 3), 255, np.uint8)
    ax = axes_or_new(ax, 0.9 * across + 0.2, 0.9 * lines * cell[0] / cell[1] + 0.2)
    for i in range(n):
        top, left = (i // across) * cell[0] + margin, (i % across) * cell[1]
        for k, pixels in enumerate(rows):
            start = top + k * (height + GAP)
            sheet[start : start + height, left : left + width] = pixels[i]
        if labels is not None:
            name = label_text(labels[i]).replace("$", r"\$")
            ax.text(left + width / 2, top - 1, name, ha="center", va="bottom", fontsize=7)
    ax.imshow(sheet, interpolation="nearest")
    ax.set_axis_off()
    if nearest is not None:
        ax.set_title("above synthetic, below the nearest real", fontsize=8)
    return ax


@isolated
def series_grid(
    series: Any, labels: Sequence[Any] | None = None, nearest: Any = None, *, n_columns: int = 4, ax: Any = None
) -> Any:
    """Draw series side by side, their nearest real ones as grey-blue lines beneath.

    Parameters
    ----------
    series : array of shape (n, channels, length)
    labels : sequence of length n, optional
        The titles.
    nearest : array of the same shape, optional
    n_columns : int, default=4
    ax : axes or sequence of n axes, optional
        By default those of a new figure.

    Returns
    -------
    ndarray of axes of shape (lines, n_columns)

    Raises
    ------
    InvalidDataError
        If labels or nearest series are not as many as the series.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug import plots
    >>> series = np.random.default_rng(0).normal(size=(3, 2, 40)).cumsum(-1)
    >>> plots.series_grid(series, labels=["a", "b", "b"], n_columns=2).shape
    (2, 2)
    """
    n = _checked(series, labels, nearest)
    fake, real = (
        None if X is None else np.asarray(X.detach().cpu() if hasattr(X, "detach") else X) for X in (series, nearest)
    )
    across = min(n_columns, n)
    if ax is None:
        axes = grid_or_new(None, -(-n // across), across, 2.6, 1.7)
        for unused in axes.ravel()[n:]:
            unused.set_axis_off()
    else:
        axes = grid_or_new(ax, 1, n, 0, 0)
    for i, one in enumerate(axes.ravel()[:n]):
        if real is not None:
            one.plot(real[i].T, color=REAL, linewidth=1.0, alpha=0.8, label="nearest real")
        one.plot(
            np.asarray(fake)[i].T,
            color=SYNTHETIC,
            linewidth=1.1,
            linestyle="--" if real is not None else "-",
            label="synthetic",
        )
        one.tick_params(labelsize=7)
        if labels is not None:
            one.set_title(label_text(labels[i]).replace("$", r"\$"), fontsize=8)
    if real is not None:
        handles, names = axes.ravel()[0].get_legend_handles_labels()
        first = dict(zip(names, handles, strict=True))  # one of each, whatever the channels
        axes.ravel()[0].legend(first.values(), first.keys(), fontsize=7, frameon=False)
    return axes


def _checked(samples: Any, labels: Sequence[Any] | None, nearest: Any) -> int:
    n = n_rows(samples)
    if n < 1:
        raise InvalidDataError("there is no sample to draw")
    for name, others in (("labels", labels), ("nearest", nearest)):
        if others is not None and n_rows(others) != n:
            raise InvalidDataError(f"{name} has {n_rows(others)} entries for {n} samples; give as many")
    return n
