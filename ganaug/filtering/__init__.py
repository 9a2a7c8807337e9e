"""Which synthetic rows are kept."""

from ganaug.filtering.rejection import Tally, draw_curated
from ganaug.filtering.rows import LIKE_THE_CLASS, RULES, SAMPLES_LIKE_THE_CLASS, Curator, View
from ganaug.filtering.samples import AuxiliaryClassifier, ImageFilter

__all__ = [
    "LIKE_THE_CLASS",
    "RULES",
    "SAMPLES_LIKE_THE_CLASS",
    "AuxiliaryClassifier",
    "Curator",
    "ImageFilter",
    "Tally",
    "View",
    "draw_curated",
]
