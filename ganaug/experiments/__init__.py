"""Does it help? Data sets, oversamplers and classifiers under cross-validation, with the statistics to judge it."""

from ganaug.experiments.classifiers import default_classifiers
from ganaug.experiments.comparison import Comparison
from ganaug.experiments.markdown import to_markdown
from ganaug.experiments.running import compare
from ganaug.experiments.samplers import NeighborSampler, default_oversamplers
from ganaug.experiments.scores import METRICS, calibration_error

__all__ = [
    "METRICS",
    "Comparison",
    "NeighborSampler",
    "calibration_error",
    "compare",
    "default_classifiers",
    "default_oversamplers",
    "to_markdown",
]
