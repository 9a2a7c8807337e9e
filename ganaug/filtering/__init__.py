"""Which synthetic rows are kept."""

from ganaug.filtering.rows import (
    LIKE_THE_CLASS,
    RULES,
    SAMPLES_LIKE_THE_CLASS,
    FilterCounts,
    RowFilter,
    TakenAnyway,
    View,
    rejection_sample,
)
from ganaug.filtering.sample_filter import AuxiliaryClassifier, SampleFilter

__all__ = [
    "LIKE_THE_CLASS",
    "RULES",
    "SAMPLES_LIKE_THE_CLASS",
    "AuxiliaryClassifier",
    "FilterCounts",
    "RowFilter",
    "SampleFilter",
    "TakenAnyway",
    "View",
    "rejection_sample",
]
