"""Images and series, with or without the real ones that are nearest to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ganaug.exceptions import InvalidDataError, InvalidTypeError
from ganaug.metrics.features import n_rows
from ganaug.summaries import label_text
from ganaug.summaries.nearest_samples import as_pixels
from ganaug.utils.axes import REAL, SYNTHETIC, axes_or_new, grid_or_new
from ganaug.utils.isolation import isolated

__all__ = ["image_grid", "interpolation_grid", "series_grid"]

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


@isolated
def interpolation_grid(
    gan: Any, a: Any, b: Any, label: object = None, *, steps: int = 8, truncation: float = 1.0, ax: Any = None
) -> Any:
    """Draw the way from one latent to another as a line of samples, for one pair of latents or several.

    Parameters
    ----------
    gan : fitted `ImageGAN` or `SeriesGAN`
    a, b : array of shape (latent_dim,) or (n, latent_dim), floats
        Latents at the left and the right end, a line for each pair; see ``sample(..., return_latents=True)``.
    label : optional
        The class of all samples, or one for each line. Needed unless only one can be sampled.
    steps : int, default=8
        Samples of a line, both ends among them; at least 2.
    truncation : float, default=1.0
        As in ``sample``.
    ax : axes, optional
        Of matplotlib, for series one for each sample. By default those of a new figure.

    Returns
    -------
    axes of `image_grid`, or of `series_grid`

    Raises
    ------
    InvalidTypeError
        If ``gan`` cannot interpolate.
    InvalidDataError, InvalidParameterError
        If ``a`` and ``b`` are not equally many, or as ``interpolate`` of the estimator.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug import ImageGAN, plots
    >>> X = np.random.default_rng(0).integers(0, 256, size=(60, 8, 8), dtype=np.uint8)
    >>> gan = ImageGAN(max_steps=2, batch_size=8, channels=2, max_channels=4, random_state=0).fit(X)
    >>> _, _, latents = gan.sample(6, return_latents=True)
    >>> ax = plots.interpolation_grid(gan, latents[:3], latents[3:], steps=5)
    >>> ax.get_images()[0].get_array().shape
    (30, 50, 3)
    """
    if not hasattr(gan, "interpolate"):
        raise InvalidTypeError(f"gan is a {type(gan).__name__}; give a fitted ImageGAN or SeriesGAN")
    starts, ends = (np.atleast_2d(_numpy(z)) for z in (a, b))
    if len(starts) != len(ends) or not len(starts):
        raise InvalidDataError(f"a has {len(starts)} latents and b {len(ends)}; give equally many, at least one")
    each = list(label) if isinstance(label, (list, tuple, np.ndarray)) else [label] * len(starts)
    if len(each) != len(starts):
        raise InvalidDataError(f"label has {len(each)} entries for {len(starts)} lines; give one, or one for each")
    lines = [
        _numpy(gan.interpolate(one, other, steps, own, truncation=truncation)[0])
        for one, other, own in zip(starts, ends, each, strict=True)
    ]
    draw = series_grid if len(gan.codec_.shape) == 2 else image_grid
    return draw(np.concatenate(lines), n_columns=int(steps), ax=ax)


def _numpy(samples: Any) -> Any:
    return np.asarray(samples.detach().cpu() if hasattr(samples, "detach") else samples)


def _checked(samples: Any, labels: Sequence[Any] | None, nearest: Any) -> int:
    n = n_rows(samples)
    if n < 1:
        raise InvalidDataError("there is no sample to draw")
    for name, others in (("labels", labels), ("nearest", nearest)):
        if others is not None and n_rows(others) != n:
            raise InvalidDataError(f"{name} has {n_rows(others)} entries for {n} samples; give as many")
    return n
