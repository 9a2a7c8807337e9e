"""The pictures: what `Comparison` found, drawn. The only file here that knows of matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ganaug.exceptions import MissingDependencyError

__all__ = ["critical_difference", "heat_map", "score_against_cost"]


def _axes(ax: Any, width: float, height: float) -> Any:
    """The axes given, or those of a new figure, in inches."""
    if ax is not None:
        return ax
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("pictures need matplotlib: pip install 'ganaug[plot]'") from error
    return Figure(figsize=(width, height), layout="constrained").subplots()


def critical_difference(found: dict[str, Any], title: str, ax: Any = None) -> Any:
    """Mean ranks on a line; a bar joins those nearer to one another than the critical difference.

    Parameters
    ----------
    found : dict
        Of `ganaug.experiments.statistics.nemenyi`.
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
    ax = _axes(ax, 7.0, 1.2 + 0.25 * (half + len(groups)))
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
    ax = _axes(ax, 2.5 + 0.9 * columns, 1.2 + 0.22 * rows)
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
    ax = _axes(ax, 6.0, 4.0)
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
