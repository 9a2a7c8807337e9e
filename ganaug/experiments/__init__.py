"""Does it help? Data sets, ways to treat imbalance and classifiers, with the statistics to judge them.

`compare` is for tables, `compare_images` and `compare_series` for what torch trains on. Names of the
latter are imported by their first use: torch comes with them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ganaug.experiments.classifiers import default_classifiers
from ganaug.experiments.comparison import Comparison
from ganaug.experiments.markdown import to_markdown
from ganaug.experiments.running import compare
from ganaug.experiments.samplers import NeighborSampler, default_oversamplers
from ganaug.experiments.scores import METRICS, calibration_error

if TYPE_CHECKING:
    from ganaug.experiments.pixels import (
        ARMS,
        SERIES_ARMS,
        Arm,
        BlendChoice,
        ImageComparison,
        choose_blend,
        class_scores,
        compare_images,
        compare_series,
        long_tailed,
    )

__all__ = [
    "ARMS",
    "METRICS",
    "SERIES_ARMS",
    "Arm",
    "BlendChoice",
    "Comparison",
    "ImageComparison",
    "NeighborSampler",
    "calibration_error",
    "choose_blend",
    "class_scores",
    "compare",
    "compare_images",
    "compare_series",
    "default_classifiers",
    "default_oversamplers",
    "long_tailed",
    "to_markdown",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'ganaug.experiments' has no attribute {name!r}")
    value = getattr(importlib.import_module("ganaug.experiments.pixels"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
