"""Measures of synthetic samples: fidelity, diversity, privacy, utility. Real samples come before fake ones."""

from ganaug.metrics.column_metrics import (
    contingency_distance,
    correlation_distance,
    correlation_ratio,
    ks_distance,
    missing_rate_difference,
    total_variation,
)
from ganaug.metrics.diagnosis import Finding, diagnose
from ganaug.metrics.distributions import (
    coverage,
    density,
    distinct_neighbours,
    energy_quality,
    frechet_distance,
    kernel_distance,
    mean_distance,
    precision,
    recall,
    two_sample_auc,
)
from ganaug.metrics.evaluation import METRICS, Metric, evaluate
from ganaug.metrics.features import as_features
from ganaug.metrics.privacy import (
    Copies,
    authenticity,
    closest_record_ratio,
    membership_auc,
    near_copies,
    neighbour_distance_ratio,
)

__all__ = [
    "METRICS",
    "Copies",
    "Finding",
    "Metric",
    "as_features",
    "authenticity",
    "closest_record_ratio",
    "contingency_distance",
    "correlation_distance",
    "correlation_ratio",
    "coverage",
    "density",
    "diagnose",
    "distinct_neighbours",
    "energy_quality",
    "evaluate",
    "frechet_distance",
    "kernel_distance",
    "ks_distance",
    "mean_distance",
    "membership_auc",
    "missing_rate_difference",
    "near_copies",
    "neighbour_distance_ratio",
    "precision",
    "recall",
    "total_variation",
    "two_sample_auc",
]
