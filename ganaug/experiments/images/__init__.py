"""Does it help? For images and series: the same small network, trained in many ways on imbalanced samples."""

from ganaug.experiments.images.arms import ARMS, SERIES_ARMS, Arm, long_tailed
from ganaug.experiments.images.blend_choice import BlendChoice, choose_blend
from ganaug.experiments.images.trials import compare_images, compare_series

__all__ = [
    "ARMS",
    "SERIES_ARMS",
    "Arm",
    "BlendChoice",
    "choose_blend",
    "compare_images",
    "compare_series",
    "long_tailed",
]
