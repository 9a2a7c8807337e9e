"""The pictures: what `Comparison` found, drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ganaug.utils.axes import axes_or_new

__all__ = ["arm_intervals", "critical_difference", "heat_map", "sample_page", "score_against_cost"]


def critical_difference(found: dict[str, Any], title: str, ax: Any = None) -> Any:
    """Mean ranks on a line; a bar joins those nearer to one another than the critical difference.

    Parameters
    ----------
    found : dict
        Of `ganaug.experiments.scores.nemenyi`.
    title : str
        Shown above.
    ax : matplotlib axes, optional
        Drawn into; by default those of a new figure, which is not registered with pyplot.

    Returns
    -------
    axes
        As in Demsar (2006), figure 1.
    """
    means, cd = found["mean_ranks"], found["critical_difference"]
    k = len(means)
    half, groups = (k + 1) // 2, cliques(means.to_numpy(), cd)
    ax = axes_or_new(ax, 7.0, 1.2 + 0.25 * (half + len(groups)))
    ax.axis("off")
    ax.set_title(f"{title}: mean rank over {found['N']} blocks (1 is best)", fontsize=10)
    ax.set_xlim(1 - 0.35 * (k - 1), k + 0.35 * (k - 1))
    ax.hlines(0, 1, k, color="black", linewidth=1)
    for tick in range(1, k + 1):
        ax.vlines(tick, 0, 0.15, color="black", linewidth=1)
        ax.text(tick, 0.25, str(tick), ha="center", va="bottom", fontsize=8)
    ax.hlines(1.2, 1, 1 + cd, color="firebrick", linewidth=2)
    ax.text(1 + cd / 2, 1.3, f"critical difference {cd:.2f}", ha="center", va="bottom", fontsize=8, color="firebrick")
    for row, (first, last) in enumerate(groups):
        ax.hlines(-0.25 - 0.25 * row, means.iloc[first] - 0.03, means.iloc[last] + 0.03, color="black", linewidth=3)
    top = -0.25 - 0.25 * len(groups)
    for place, (name, rank) in enumerate(means.items()):
        left = place < half
        depth = top - 0.5 * ((place if left else k - 1 - place) + 0.5)
        edge = 1 - 0.05 * (k - 1) if left else k + 0.05 * (k - 1)
        ax.plot([rank, rank, edge], [0, depth, depth], color="black", linewidth=0.7)
        ax.text(edge, depth, f" {name} ({rank:.2f}) ", ha="right" if left else "left", va="center", fontsize=8)
    ax.set_ylim(top - 0.5 * half - 0.3, 2.0)
    return ax


def cliques(ranks: np.ndarray, cd: float) -> list[tuple[int, int]]:
    """Longest runs (first, last) of sorted mean ranks no further apart than the critical difference."""
    runs: list[tuple[int, int]] = []
    for first in range(len(ranks)):
        last = int(np.flatnonzero(ranks - ranks[first] <= cd).max())
        if last > first and (not runs or last > runs[-1][1]):
            runs.append((first, last))
    return runs


def heat_map(table: pd.DataFrame, title: str, higher_is_better: bool, ax: Any = None) -> Any:
    """Differences as colours, blue where they are for the better; parameters as in `critical_difference`."""
    rows, columns = table.shape
    ax = axes_or_new(ax, 2.5 + 0.9 * columns, 1.2 + 0.22 * rows)
    values = table.to_numpy(float)
    # the few largest would leave the others without colour
    limit = float(np.nanquantile(np.abs(values), 0.95)) if np.isfinite(values).any() else 0.0
    limit = limit or 1e-9
    colours = "RdBu" if higher_is_better else "RdBu_r"
    image = ax.imshow(values, cmap=colours, vmin=-limit, vmax=limit, aspect="auto")
    ax.figure.colorbar(image, ax=ax, extend="both")
    ax.set_xticks(range(columns), [str(name) for name in table.columns], rotation=30, ha="right", fontsize=8)
    ax.set_yticks(range(rows), [str(name) for name in table.index], fontsize=7)
    ax.set_title(title, fontsize=10)
    return ax


def score_against_cost(scores: pd.Series[Any], seconds: pd.Series[Any], metric: str, ax: Any = None) -> Any:
    """A point for each oversampler: seconds (logarithmic) across, score up; parameters as in `critical_difference`."""
    ax = axes_or_new(ax, 6.0, 4.0)
    cost = seconds.reindex(scores.index).clip(lower=1e-4)
    ax.scatter(cost, scores, color="tab:blue")
    for name in scores.index:
        ax.annotate(str(name), (cost[name], scores[name]), xytext=(4, 4), textcoords="offset points", fontsize=8)
    ax.set_xscale("log")
    ax.margins(x=0.3, y=0.1)  # room for the names
    ax.set_xlabel("seconds of resampling and fitting, mean")
    ax.set_ylabel(f"{metric}, mean over cells")
    ax.grid(alpha=0.3)
    return ax


def arm_intervals(table: pd.DataFrame, kinds: list[str], title: str, ax: Any = None) -> Any:
    """A point for each arm with its interval, coloured by kind; parameters as in `critical_difference`.

    Parameters
    ----------
    table : DataFrame
        A row for each arm, from the top down; columns "mean" and "interval" (half of it, or NaN).
    kinds : list of {"baseline", "blend", "synthetic"}
        Of the rows.
    """
    colours = {"baseline": "tab:gray", "blend": "tab:blue", "synthetic": "tab:orange"}
    ax = axes_or_new(ax, 7.0, 1.0 + 0.28 * len(table))
    places = -np.arange(len(table))
    for place, kind, mean, width in zip(places, kinds, table["mean"], table["interval"].fillna(0), strict=True):
        ax.errorbar(mean, place, xerr=width, fmt="o", color=colours[kind], capsize=3)
    ax.set_yticks(places, [str(name) for name in table.index], fontsize=8)
    ax.set_title(title, fontsize=10)
    ax.grid(axis="x", alpha=0.3)
    return ax


def sample_page(classes: dict[str, tuple[Any, Any]], title: str, kind: str = "image", ax: Any = None) -> Any:
    """For each class a row of real samples and one of synthetic ones; parameters as in `critical_difference`.

    Parameters
    ----------
    classes : dict of label to (real, synthetic)
        Arrays of images (n, H, W), (n, H, W, C) or (n, C, H, W), or of series (n, channels, length).
    kind : {"image", "series"}
    """
    rows = [samples for pair in classes.values() for samples in pair]
    width = max(len(samples) for samples in rows)
    ax = axes_or_new(ax, 1.5 + 0.6 * width, 0.6 + 0.6 * len(rows))
    low = min(float(samples.min()) for samples in rows if len(samples))
    high = max(float(samples.max()) for samples in rows if len(samples))
    for row, samples in enumerate(rows):
        for column, sample in enumerate(samples):
            _DRAWN[kind](ax, (np.asarray(sample, float) - low) / ((high - low) or 1.0), column, row)
    names = [f"{label}, {what}" for label in classes for what in ("real", "synthetic")]
    ax.set_yticks(np.arange(len(rows)) + 0.5, names, fontsize=7)
    ax.set_xticks([])
    ax.set_xlim(0, width)
    ax.set_ylim(len(rows), 0)
    ax.hlines(np.arange(2, len(rows), 2), 0, width, color="black", linewidth=0.7)
    ax.set_title(title, fontsize=10)
    return ax


def _draw_image(ax: Any, image: np.ndarray, column: int, row: int) -> None:
    """An image of values in [0, 1] in its unit square."""
    if image.ndim == 3 and image.shape[0] in (1, 3) and image.shape[2] not in (1, 3):
        image = np.moveaxis(image, 0, 2)
    flat = image if image.ndim == 2 else image if image.shape[2] == 3 else image.mean(2)
    ax.imshow(flat, cmap="gray", vmin=0, vmax=1, extent=(column, column + 0.96, row + 0.98, row + 0.02), aspect="auto")


def _draw_series(ax: Any, series: np.ndarray, column: int, row: int) -> None:
    """A series of values in [0, 1] in its unit square, a line for each channel."""
    series = np.atleast_2d(series)
    across = column + 0.05 + 0.9 * np.linspace(0, 1, series.shape[1])
    ax.plot(across, row + 0.95 - 0.9 * series.T, linewidth=0.6)


_DRAWN = {"image": _draw_image, "series": _draw_series}
