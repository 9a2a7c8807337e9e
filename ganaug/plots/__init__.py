"""Pictures by matplotlib: each takes ``ax=None`` and returns the axes. Needs ``pip install 'ganaug[plot]'``."""

from ganaug.plots.sample_plots import image_grid, interpolation_grid, marginals, pairs, series_grid
from ganaug.plots.training_plots import blend_curve, class_counts, history

__all__ = [
    "blend_curve",
    "class_counts",
    "history",
    "image_grid",
    "interpolation_grid",
    "marginals",
    "pairs",
    "series_grid",
]
