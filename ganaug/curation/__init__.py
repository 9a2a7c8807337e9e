"""Which synthetic rows are kept."""

from ganaug.curation.curator import RULES, Curator, Tally, draw_curated

__all__ = ["RULES", "Curator", "Tally", "draw_curated"]
