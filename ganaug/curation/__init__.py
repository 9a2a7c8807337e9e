"""Which synthetic rows are kept."""

from ganaug.curation.curator import RULES, Curator
from ganaug.curation.drawing import Tally, draw_curated
from ganaug.curation.judge import Judge
from ganaug.curation.looks import LooksCurator

__all__ = ["RULES", "Curator", "Judge", "LooksCurator", "Tally", "draw_curated"]
