"""Summaries of real and synthetic samples as plain numbers and text, for plots and reports."""

from ganaug.summaries.column_charts import (
    Side,
    Sides,
    column_summaries,
    correlation_maps,
    label_text,
    pair_summaries,
    read_sides,
    sides_of,
)
from ganaug.summaries.neighbourhoods import embedding, neighbours

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
