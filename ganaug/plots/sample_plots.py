"""Real and synthetic samples as plots: columns, pairs of columns, images, series, and a report on one sheet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ganaug.encoding.containers import concatenate
from ganaug.encoding.series_codec import of_equal_length
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.metrics.features import n_rows
from ganaug.plots.training_plots import class_counts
from ganaug.summaries import Sides, column_summaries, label_text, read_sides
from ganaug.summaries.column_charts import span
from ganaug.summaries.neighbourhoods import as_pixels
from ganaug.utils.axes import REAL, SYNTHETIC, Axes, AxesArray, axes_or_new, grid_or_new
from ganaug.utils.determinism import isolated, numpy_generator
from ganaug.utils.types import Array

if TYPE_CHECKING:
    from ganaug.estimators.convolutional import ConvolutionalGAN

__all__ = ["draw_column", "image_grid", "interpolation_grid", "marginals", "overview", "pairs", "series_grid"]

# --------------------------------------------------------------------------------------
# Columns of real and of synthetic tables, one by one and two by two.


PER_LINE = 3
MOST_MARGINALS, MOST_PAIRED = 12, 5
POINTS = 400


@isolated
def marginals(real: object, synthetic: object, columns: Sequence[Any] | None = None, ax: object = None) -> Any:
    """Draw how often each value occurs, real (filled) beside synthetic (outlined).

    Parameters
    ----------
    real : table of shape (n, d)
        DataFrame, array or sparse matrix.
    synthetic : table of shape (m, d)
        With the same columns.
    columns : sequence of names or numbers, optional
        Which ones; by default the first twelve.
    ax : axes or sequence of axes, optional
        One for each column; by default those of a new figure, which is not registered with pyplot.

    Returns
    -------
    axes, or ndarray of axes of shape (lines, 3 or fewer)
        A single one for a single column.

    Raises
    ------
    InvalidParameterError
        For an unknown column, or another number of axes than columns.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug import plots
    >>> rng = np.random.default_rng(0)
    >>> axes = plots.marginals(rng.normal(size=(90, 4)), rng.normal(size=(50, 4)), columns=[0, 3])
    >>> axes.shape
    (1, 2)
    """
    sides = read_sides(real, None, synthetic, None)
    places = _places(sides, columns, MOST_MARGINALS)
    across = min(PER_LINE, len(places))
    lines = -(-len(places) // across)
    if ax is None:
        axes = grid_or_new(None, lines, across, 3.4, 2.3)
        for unused in axes.ravel()[len(places) :]:
            unused.set_axis_off()
    else:
        axes = grid_or_new(ax, 1, len(places), 0, 0)
    for one, summary in zip(axes.ravel(), column_summaries(sides, places, by_class=False), strict=False):
        draw_column(summary, one)
    axes.ravel()[0].legend(fontsize=8, frameon=False)
    return axes.ravel()[0] if len(places) == 1 else axes


def draw_column(summary: dict[str, Any], ax: Axes) -> Axes:
    """Draw one of `ganaug.summaries.column_summaries`."""
    real, fake = summary["real"], summary["synthetic"]
    if summary["levels"] is not None:
        at = np.arange(len(real))
        ax.barh(at - 0.2, real, 0.38, color=REAL, alpha=0.55, edgecolor=REAL, label="real")
        ax.barh(at + 0.2, fake, 0.38, fill=False, edgecolor=SYNTHETIC, linewidth=1.4, label="synthetic")
        ax.set_yticks(at, [_short(level) for level in summary["levels"]], fontsize=8)
        ax.invert_yaxis()
        ax.set_xlabel("share", fontsize=8)
    else:
        ax.stairs(real, summary["edges"], fill=True, color=REAL, alpha=0.55, label="real")
        ax.stairs(fake, summary["edges"], color=SYNTHETIC, linewidth=1.6, label="synthetic")
        ax.set_ylabel("share", fontsize=8)
        if summary["kind"] == "date":
            ax.set_xticks([summary["edges"][0], summary["edges"][-1]], [summary["low"], summary["high"]])
    ax.tick_params(labelsize=8)
    ax.set_title(_plain_text(_short(summary["name"], 40)), fontsize=9)
    return ax


@isolated
def pairs(real: object, synthetic: object, columns: Sequence[Any] | None = None, ax: object = None) -> AxesArray:
    """Draw columns of numbers two by two: the columns on the diagonal, real points below it, synthetic ones above.

    Parameters
    ----------
    real : table of shape (n, d)
    synthetic : table of shape (m, d)
    columns : sequence of names or numbers, optional
        Columns of numbers; by default the first five.
    ax : sequence of axes, optional
        As many as columns squared, line by line; by default those of a new figure.

    Returns
    -------
    ndarray of axes of shape (columns, columns)

    Raises
    ------
    InvalidParameterError
        For an unknown column, or one that is not of numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug import plots
    >>> rng = np.random.default_rng(0)
    >>> plots.pairs(rng.normal(size=(90, 2)), rng.normal(size=(50, 2))).shape
    (2, 2)
    """
    sides = read_sides(real, None, synthetic, None)
    numbers = [j for j, column in enumerate(sides.columns) if column.kind == "number"]
    places = numbers[:MOST_PAIRED] if columns is None else _places(sides, columns, len(columns))
    wrong = [sides.columns[j].name for j in places if j not in numbers]
    if wrong or len(places) < 2:
        raise InvalidParameterError(f"columns: pairs needs two or more columns of numbers, and got {wrong or places}")
    axes = grid_or_new(ax, len(places), len(places), 1.9, 1.8)
    rng = numpy_generator(0, "points")
    parts = [[side.columns[j][rows] for j in places] for side, rows in _drawn(sides, rng)]
    limits = [span(*(values[j][~np.isnan(values[j])] for values in parts)) for j in range(len(places))]
    summaries = column_summaries(sides, places, by_class=False)
    for i, j in np.ndindex(axes.shape):
        one, below = axes.item(i, j), i > j
        one.tick_params(labelsize=7)
        if i == j:
            draw_column({**summaries[i], "levels": None, "edges": _edges(summaries[i])}, one)
            one.set_ylabel("")
            continue
        values, marker, colour = (parts[0], "o", REAL) if below else (parts[1], "x", SYNTHETIC)
        one.scatter(values[j], values[i], s=7, marker=marker, color=colour, alpha=0.5, linewidths=0.7)
        one.set_xlim(*_wider(*limits[j]))
        one.set_ylim(*_wider(*limits[i]))
    return axes


def _drawn(sides: Sides, rng: np.random.Generator) -> list[tuple[Any, Any]]:
    return [(side, side.some(POINTS, rng)) for side in (sides.real, sides.synthetic)]


def _edges(summary: dict[str, Any]) -> list[float]:
    """Of bins; of a column with few numbers its values stand for themselves, in their order."""
    edges: list[float] = summary["edges"] or list(np.arange(len(summary["levels"]) + 1) - 0.5)
    return edges


def _wider(low: float, high: float) -> tuple[float, float]:
    return low - 0.05 * (high - low), high + 0.05 * (high - low)


def _places(sides: Sides, columns: Sequence[Any] | None, most: int) -> list[int]:
    if columns is None:
        return list(range(min(most, len(sides.columns))))
    if isinstance(columns, str) or not len(columns):
        raise InvalidParameterError(f"columns={columns!r} must be a list of names or numbers")
    names = {column.name: j for j, column in enumerate(sides.columns)}
    unknown = [c for c in columns if str(c) not in names]
    if unknown:
        raise InvalidParameterError(f"columns: no column {unknown}; there are {list(names)[:20]}")
    return [names[str(c)] for c in columns]


def _short(name: str, most: int = 18) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _plain_text(text: str) -> str:
    """Text as it is: between dollar signs matplotlib would read a formula."""
    return text.replace("$", r"\$")


# --------------------------------------------------------------------------------------
# Images and series, with or without the real ones that are nearest to them.


GAP = 2
Pixels = npt.NDArray[np.uint8]


@isolated
def image_grid(
    images: object,
    labels: Sequence[Any] | None = None,
    nearest: object = None,
    *,
    n_columns: int = 8,
    ax: Axes | None = None,
) -> Axes:
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
    series: object,
    labels: Sequence[Any] | None = None,
    nearest: object = None,
    *,
    n_columns: int = 4,
    ax: object = None,
) -> AxesArray:
    """Draw series side by side, their nearest real ones as grey-blue lines beneath.

    Parameters
    ----------
    series : array of shape (n, channels, length), or list of series of unequal length
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
    alike = of_equal_length({"series": series, "nearest": nearest})
    series, nearest = alike["series"], alike["nearest"]
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
    gan: ConvolutionalGAN,
    a: object,
    b: object,
    label: object = None,
    *,
    steps: int = 8,
    truncation: float = 1.0,
    ax: object = None,
) -> Axes | Array:
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
    (36, 50, 3)
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
        gan.interpolate(one, other, steps, own, truncation=truncation)[0]
        for one, other, own in zip(starts, ends, each, strict=True)
    ]
    draw: Callable[..., Axes | Array] = series_grid if len(gan.codec_.shape) == 2 else image_grid
    return draw(concatenate(lines), n_columns=int(steps), ax=ax)


def _numpy(samples: object) -> Array:
    return np.asarray(samples.detach().cpu() if hasattr(samples, "detach") else samples)


def _checked(samples: object, labels: Sequence[Any] | None, nearest: object) -> int:
    n = n_rows(samples)
    if n < 1:
        raise InvalidDataError("there is no sample to draw")
    for name, others in (("labels", labels), ("nearest", nearest)):
        if others is not None and n_rows(others) != n:
            raise InvalidDataError(f"{name} has {n_rows(others)} entries for {n} samples; give as many")
    return n


# --------------------------------------------------------------------------------------
# A report on one sheet.


Content = Mapping[str, Any]

# Measures that are shares, and can stand on one axis.
_SHARES = (
    "ks_distance", "total_variation", "two_sample_auc", "precision", "recall", "coverage", "near_copies",
    "authenticity", "membership_auc", "train_synthetic_test_real",
)  # fmt: skip


def overview(content: Content, ax: object = None) -> AxesArray:
    """Draw the map, the measures, the worst column and the classes of a report's dict.

    Parameters
    ----------
    content : dict
        Of `QualityReport.to_dict`.
    ax : sequence of 4 axes, optional

    Returns
    -------
    ndarray of axes, shape (2, 2)
    """
    axes = grid_or_new(ax, 2, 2, 5.0, 3.8)
    for draw, one in zip((_map, _measures, _worst_column, _classes), axes.ravel(), strict=True):
        draw(content, one)
    if ax is None:
        axes[0, 0].figure.suptitle(content["title"].replace("$", r"\$"), fontsize=11)
    return axes


def _map(content: Content, ax: Any) -> None:
    found = content["embedding"]
    ax.scatter(*found["real"][:2], s=9, color=REAL, alpha=0.5, linewidths=0, label="real")
    ax.scatter(*found["synthetic"][:2], s=11, marker="x", color=SYNTHETIC, alpha=0.7, linewidths=0.8, label="synthetic")
    ax.set_title(f"map by {found['method']}", fontsize=9)
    ax.legend(fontsize=8, frameon=False)
    ax.tick_params(labelsize=7)


def _measures(content: Content, ax: Axes) -> None:
    found = [(name, content["metrics"][name]) for name in _SHARES if name in content["metrics"]]
    found = [(name, entry) for name, entry in found if entry["value"] is not None]
    for place, (_, entry) in enumerate(found):
        if entry["low"] is not None:
            ax.hlines(place, entry["low"], entry["high"], color=SYNTHETIC, linewidth=2.5, alpha=0.5)
        ax.plot(entry["value"], place, "o", color=SYNTHETIC, markersize=5, label="synthetic" if place == 0 else None)
        if entry["floor"] is not None:
            ax.plot(
                entry["floor"],
                place,
                "|",
                color=REAL,
                markersize=12,
                markeredgewidth=2,
                label="real against real" if place == 0 else None,
            )
    signs = {"higher is better": "↑", "lower is better": "↓"}
    ax.set_yticks(range(len(found)), [f"{n.replace('_', ' ')} {signs[e['direction']]}" for n, e in found], fontsize=8)
    ax.invert_yaxis()
    ax.set_xlim(-0.03, 1.03)
    ax.set_title("measures (↑ higher, ↓ lower is better)", fontsize=9)
    ax.legend(fontsize=8, frameon=False)


def _worst_column(content: Content, ax: Axes) -> None:
    columns = [column for column in content["columns"] if column["distance"] is not None]
    if not columns:
        _families(content, ax)
        return
    worst = max(columns, key=lambda column: column["distance"])
    draw_column(worst, ax)
    ax.set_title(f"furthest off: {worst['name']} ({worst['distance']:.2f})".replace("$", r"\$"), fontsize=9)


def _families(content: Content, ax: Axes) -> None:
    ax.set_axis_off()
    lines = [f"{light['question']}  {light['light'].upper()}" for light in content["lights"].values()]
    ax.text(0, 0.9, "\n\n".join(lines), va="top", fontsize=9)


def _classes(content: Content, ax: Axes) -> None:
    classes = content["classes"]
    if not classes:
        _families(content, ax)
        return
    counts: Callable[[str], dict[str, int]] = lambda key: {c["label"]: c[key] for c in classes}  # noqa: E731
    real, fake = counts("n_real"), counts("n_synthetic")
    class_counts(real, {label: real[label] + fake[label] for label in real}, ax)
    legend = ax.get_legend()
    assert legend is not None
    for text, name in zip(legend.get_texts(), ("real", "synthetic"), strict=False):
        text.set_text(name)
    ax.set_title("classes", fontsize=9)
