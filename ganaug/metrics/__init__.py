"""Measures of synthetic samples. Each is a function; real samples come before fake ones."""

from ganaug.metrics.fidelity import energy_quality, mean_distance, two_sample_auc

__all__ = ["energy_quality", "mean_distance", "two_sample_auc"]
