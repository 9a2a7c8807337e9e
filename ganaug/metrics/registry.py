"""The metrics by name. A metric: one function, one line."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

from ganaug.metrics import column_metrics as columns
from ganaug.metrics import diversity, fidelity, privacy, utility
from ganaug.metrics.nearest import Estimate
from ganaug.metrics.sample_pair import SamplePair

__all__ = ["FAMILIES", "METRICS", "NEEDS", "Metric"]

Direction = Literal["higher is better", "lower is better"]
LOWER: Direction = "lower is better"
HIGHER: Direction = "higher is better"
SHARE, TWO, GAIN = (0.0, 1.0), (0.0, 2.0), (-1.0, 1.0)
POSITIVE, REAL = (0.0, math.inf), (-math.inf, math.inf)


class Metric(NamedTuple):
    """A metric and what a reader must know of it.

    Attributes
    ----------
    measure : callable
        From a `SamplePair` to an `Estimate`.
    family : {"fidelity", "diversity", "privacy", "utility"}
    direction : {"higher is better", "lower is better"}
    range : (float, float)
    units : str
    source : str
    rows : int
        Under so many rows, real or synthetic, it says little.
    needs : tuple of str
        Names in `NEEDS`.
    least : int
        Under so many rows on a side there is no value at all.
    """

    measure: Callable[[SamplePair], Estimate]
    family: str
    direction: Direction
    range: tuple[float, float]
    units: str
    source: str
    rows: int
    needs: tuple[str, ...] = ()
    least: int = 2


def _n_categories(c: SamplePair) -> int:
    return len(c.paired_categories()[0])


# What a metric can ask for: whether a comparison has it, and what to say where it does not.
NEEDS: dict[str, tuple[Callable[[SamplePair], bool], str]] = {
    "columns": (lambda c: bool(c.kinds), "a table"),
    "numbers": (lambda c: bool(c.places("number")), "columns of numbers"),
    "categories": (lambda c: bool(c.places("category")), "columns of categories"),
    "number pair": (lambda c: len(c.places("number")) > 1, "two columns of numbers"),
    "category pair": (lambda c: bool(c.places("category")) and _n_categories(c) > 1, "two columns of categories"),
    "mixed pair": (lambda c: bool(c.places("number")) and _n_categories(c) > 0, "a column of numbers and a category"),
    "unseen": (lambda c: c.unseen is not None and len(c.unseen) > 1, "held-out rows: give X_holdout (and y_holdout)"),
    "test": (
        lambda c: c.test is not None and c.test.y is not None and len(c.labels) > 1,
        "labels of two classes and held-out rows: give y_real, y_syn, X_holdout and y_holdout",
    ),
}

_KS, _TV = "Smirnov (1948), Ann. Math. Statist. 19", "Levin, Peres and Wilmer (2009), section 4.1"
_KYN, _NAEEM = "Kynkaanniemi et al. (2019), arXiv:1904.06991", "Naeem et al. (2020), arXiv:2002.09797"
_CTAB, _ALAA = "Zhao et al. (2021), arXiv:2102.08369", "Alaa et al. (2022), arXiv:2102.08921"
_C2ST = "Lopez-Paz and Oquab (2017), arXiv:1610.06545"
_FID, _KID = "Heusel et al. (2017), arXiv:1706.08500", "Binkowski et al. (2018), arXiv:1801.01401"
_VEEGAN, _LEAKS = "Srivastava et al. (2017), arXiv:1705.07761", "Chen et al. (2020), arXiv:1909.03935"
_TSTR, _CAS = "Esteban et al. (2017), arXiv:1706.02633", "Ravuri and Vinyals (2019), arXiv:1905.10887"
_SPEARMAN, _FISHER = "Spearman (1904), Am. J. Psychol. 15", "Fisher (1925), section 45"
_RATE = "Little and Rubin (2019), Statistical Analysis with Missing Data"
_ROWS, _RATIO, _PROB = "share of rows", "ratio of distances", "probability"
_RHO, _ETA, _AP = "correlation", "correlation ratio", "average precision"
_F, _D, _P, _U = "fidelity", "diversity", "privacy", "utility"

# fmt: off
METRICS: dict[str, Metric] = {
    "ks_distance": Metric(columns.measure_ks, _F, LOWER, SHARE, _ROWS, _KS, 50, ("numbers",)),
    "total_variation": Metric(columns.measure_total_variation, _F, LOWER, SHARE, _ROWS, _TV, 50, ("categories",)),
    "missing_rate_difference": Metric(columns.measure_missing_rate, _F, LOWER, SHARE, _ROWS, _RATE, 50, ("columns",)),
    "correlation_distance": Metric(columns.measure_correlation, _F, LOWER, TWO, _RHO, _SPEARMAN, 50, ("number pair",)),
    "contingency_distance": Metric(columns.measure_contingency, _F, LOWER, SHARE, _ROWS, _TV, 100, ("category pair",)),
    "mixed_dependence_distance": Metric(columns.measure_mixed, _F, LOWER, SHARE, _ETA, _FISHER, 50, ("mixed pair",)),
    "two_sample_auc": Metric(fidelity.measure_two_sample, _F, LOWER, SHARE, _PROB, _C2ST, 50, (), 6),
    "frechet_distance": Metric(fidelity.measure_frechet, _F, LOWER, POSITIVE, "squared feature units", _FID, 100),
    "kernel_distance": Metric(fidelity.measure_kernel, _F, LOWER, REAL, "units of the kernel", _KID, 50),
    "precision": Metric(diversity.measure_precision, _D, HIGHER, SHARE, _ROWS, _KYN, 50),
    "recall": Metric(diversity.measure_recall, _D, HIGHER, SHARE, _ROWS, _KYN, 50),
    "density": Metric(diversity.measure_density, _D, HIGHER, POSITIVE, "real rows nearby over k", _NAEEM, 50),
    "coverage": Metric(diversity.measure_coverage, _D, HIGHER, SHARE, _ROWS, _NAEEM, 50),
    "distinct_neighbours": Metric(diversity.measure_distinct, _D, HIGHER, POSITIVE, "ratio of counts", _VEEGAN, 30),
    "closest_record_ratio": Metric(privacy.measure_closest_record, _P, HIGHER, POSITIVE, _RATIO, _CTAB, 30),
    "neighbour_distance_ratio": Metric(privacy.measure_neighbour_ratio, _P, HIGHER, SHARE, _RATIO, _CTAB, 30),
    "near_copies": Metric(privacy.measure_copies, _P, LOWER, SHARE, _ROWS, _ALAA, 30),
    "authenticity": Metric(privacy.measure_authentic, _P, HIGHER, SHARE, _ROWS, _ALAA, 30),
    "membership_auc": Metric(privacy.measure_membership, _P, LOWER, SHARE, _PROB, _LEAKS, 50, ("unseen",)),
    "train_synthetic_test_real": Metric(utility.tstr, _U, HIGHER, SHARE, _AP, _TSTR, 50, ("test",)),
    "augmentation_gain": Metric(utility.augmentation_gain, _U, HIGHER, GAIN, _AP, _CAS, 50, ("test",)),
}
# fmt: on

FAMILIES = tuple(dict.fromkeys(metric.family for metric in METRICS.values()))
