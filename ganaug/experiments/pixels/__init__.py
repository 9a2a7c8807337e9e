"""Does it help? For images and series: the same small network, trained in many ways on imbalanced samples."""

from ganaug.experiments.pixels.arms import ARMS, SERIES_ARMS, Arm
from ganaug.experiments.pixels.choosing import BlendChoice, choose_blend
from ganaug.experiments.pixels.comparison import ImageComparison
from ganaug.experiments.pixels.running import compare_images, compare_series
from ganaug.experiments.pixels.samples import long_tailed
from ganaug.experiments.pixels.scores import class_scores

__all__ = [
    "ARMS",
    "SERIES_ARMS",
    "Arm",
    "BlendChoice",
    "ImageComparison",
    "choose_blend",
    "class_scores",
    "compare_images",
    "compare_series",
    "long_tailed",
]
