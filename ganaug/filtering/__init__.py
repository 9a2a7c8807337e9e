"""Which synthetic rows are kept."""

from ganaug.filtering.rejection import Tally, draw_curated
from ganaug.filtering.rows import LIKE_THE_CLASS, RULES, SAMPLES_LIKE_THE_CLASS, Curator, View
from ganaug.filtering.samples import Judge, LooksCurator

__all__ = [
    "LIKE_THE_CLASS",
    "RULES",
    "SAMPLES_LIKE_THE_CLASS",
    "Curator",
    "Judge",
    "LooksCurator",
    "Tally",
    "View",
    "draw_curated",
]
