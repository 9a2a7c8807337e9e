"""Which synthetic rows are kept."""

from ganaug.curation.curator import LIKE_THE_CLASS, RULES, SAMPLES_LIKE_THE_CLASS, Curator, View
from ganaug.curation.drawing import Tally, draw_curated
from ganaug.curation.judge import Judge
from ganaug.curation.looks import LooksCurator

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
