"""Summaries of real and synthetic samples as plain numbers and text, for plots and reports."""

from ganaug.summaries.column_charts import column_summaries, correlation_maps, pair_summaries
from ganaug.summaries.neighbourhoods import embedding, neighbours
from ganaug.summaries.sides import Side, Sides, label_text, read_sides, sides_of

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
    "sides_of",
]
