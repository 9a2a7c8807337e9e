"""A report on one sheet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ganaug.plots.column_plots import draw_column
from ganaug.plots.training_plots import class_counts
from ganaug.utils.axes import REAL, SYNTHETIC, grid_or_new

__all__ = ["overview"]

Content = Mapping[str, Any]

# Measures that are shares, and can stand on one axis.
_SHARES = (
    "ks_distance", "total_variation", "two_sample_auc", "precision", "recall", "coverage", "near_copies",
    "authenticity", "membership_auc", "train_synthetic_test_real",
)  # fmt: skip


def overview(content: Content, ax: Any = None) -> Any:
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


def _measures(content: Content, ax: Any) -> None:
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


def _worst_column(content: Content, ax: Any) -> None:
    columns = [column for column in content["columns"] if column["distance"] is not None]
    if not columns:
        _families(content, ax)
        return
    worst = max(columns, key=lambda column: column["distance"])
    draw_column(worst, ax)
    ax.set_title(f"furthest off: {worst['name']} ({worst['distance']:.2f})".replace("$", r"\$"), fontsize=9)


def _families(content: Content, ax: Any) -> None:
    ax.set_axis_off()
    lines = [f"{light['question']}  {light['light'].upper()}" for light in content["lights"].values()]
    ax.text(0, 0.9, "\n\n".join(lines), va="top", fontsize=9)


def _classes(content: Content, ax: Any) -> None:
    classes = content["classes"]
    if not classes:
        _families(content, ax)
        return
    counts: Callable[[str], dict[str, int]] = lambda key: {c["label"]: c[key] for c in classes}  # noqa: E731
    real, fake = counts("n_real"), counts("n_synthetic")
    class_counts(real, {label: real[label] + fake[label] for label in real}, ax)
    ax.get_legend().get_texts()[0].set_text("real")
    ax.get_legend().get_texts()[1].set_text("synthetic")
    ax.set_title("classes", fontsize=9)
