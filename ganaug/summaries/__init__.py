"""What there is to see of real and synthetic samples, as plain numbers and text: for plots and reports to draw."""

from ganaug.summaries.columns import column_summaries
from ganaug.summaries.embedding import embedding
from ganaug.summaries.neighbours import neighbours
from ganaug.summaries.pairs import correlation_maps, pair_summaries
from ganaug.summaries.sides import Side, Sides, label_text, read_sides

__all__ = [
    "Side",
    "Sides",
    "column_summaries",
    "correlation_maps",
    "embedding",
    "label_text",
    "neighbours",
    "pair_summaries",
    "read_sides",
]
