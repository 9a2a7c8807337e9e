"""Does it help? Data sets, ways to treat imbalance and classifiers, with the statistics to judge them.

`compare` is for tables, `compare_images` and `compare_series` for what torch trains on. What needs torch is imported
by its first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from ganaug.experiments.comparison import Comparison, ImageComparison
from ganaug.experiments.scores import METRICS, calibration_error, class_scores, to_markdown
from ganaug.experiments.tables import compare
from ganaug.experiments.treatments import (
    TREATMENTS,
    NeighborSampler,
    Treatment,
    default_classifiers,
    default_oversamplers,
)

if TYPE_CHECKING:
    from ganaug.experiments.images import (
        ARMS,
        SERIES_ARMS,
        Arm,
        BlendChoice,
        choose_blend,
        compare_images,
        compare_series,
        long_tailed,
    )

__all__ = [
    "ARMS",
    "METRICS",
    "SERIES_ARMS",
    "TREATMENTS",
    "Arm",
    "BlendChoice",
    "Comparison",
    "ImageComparison",
    "NeighborSampler",
    "Treatment",
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


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'ganaug.experiments' has no attribute {name!r}")
    value = getattr(importlib.import_module("ganaug.experiments.images"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
