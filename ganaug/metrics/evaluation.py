"""The registry of metrics, and `evaluate`, which measures all that is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from ganaug.exceptions import InvalidParameterError
from ganaug.metrics import column_metrics as columns
from ganaug.metrics import distributions, privacy, utility
from ganaug.metrics.features import Estimate
from ganaug.metrics.sample_pair import SamplePair, read_samples
from ganaug.utils.determinism import isolated, root_seed

__all__ = ["FAMILIES", "METRICS", "NEEDS", "Metric", "evaluate", "measure"]

# --------------------------------------------------------------------------------------
# The metrics by name.


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
        From a ``SamplePair`` to an `Estimate`.
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
    "two_sample_auc": Metric(distributions.measure_two_sample, _F, LOWER, SHARE, _PROB, _C2ST, 50, (), 6),
    "frechet_distance": Metric(distributions.measure_frechet, _F, LOWER, POSITIVE, "squared feature units", _FID, 100),
    "kernel_distance": Metric(distributions.measure_kernel, _F, LOWER, REAL, "units of the kernel", _KID, 50),
    "precision": Metric(distributions.measure_precision, _D, HIGHER, SHARE, _ROWS, _KYN, 50),
    "recall": Metric(distributions.measure_recall, _D, HIGHER, SHARE, _ROWS, _KYN, 50),
    "density": Metric(distributions.measure_density, _D, HIGHER, POSITIVE, "real rows nearby over k", _NAEEM, 50),
    "coverage": Metric(distributions.measure_coverage, _D, HIGHER, SHARE, _ROWS, _NAEEM, 50),
    "distinct_neighbours": Metric(distributions.measure_distinct, _D, HIGHER, POSITIVE, "ratio of counts", _VEEGAN, 30),
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


# --------------------------------------------------------------------------------------
# `evaluate`: every metric that the data allows, as plain numbers.


# Splits of the real rows into two halves whose mean is the floor: of all rows, and of each class.
SPLITS, CLASS_SPLITS = 2, 1
LEAST_CLASS_ROWS = 400


@isolated
def evaluate(
    X_real: object,
    X_syn: object,
    y_real: object = None,
    y_syn: object = None,
    X_holdout: object = None,
    y_holdout: object = None,
    metrics: str | Sequence[str] = "all",
    random_state: int | np.random.RandomState | np.random.Generator | None = 0,
    *,
    kind: str = "auto",
    features: Callable[[Any], Any] | None = None,
    classifier: object = None,
    max_rows: int = 5000,
    n_resamples: int = 100,
) -> dict[str, dict[str, Any]]:
    """Compare synthetic rows with real ones.

    Parameters
    ----------
    X_real : table, images or series of n rows
        What the generator was trained on; see `as_features`.
    X_syn : the same with m rows
        What it made.
    y_real : array-like of shape (n,), optional
        Classes. Samples are then compared in equal shares of classes, and class by class.
    y_syn : array-like of shape (m,), optional
        Needed with ``y_real``; classes that it lacks are left out, but for utility.
    X_holdout : the same with u rows, optional
        Real rows that the generator did not see; membership and utility need them.
    y_holdout : array-like of shape (u,), optional
    metrics : "all" or list of str, default="all"
        Names in `METRICS`, or of families: "fidelity", "diversity", "privacy", "utility". "all" takes
        those that the data allows.
    random_state : int, RandomState, Generator or None, default=0
        The same integer gives the same numbers.
    kind : {"auto", "table", "image", "series"}, default="auto"
    features : callable, optional
        From rows to an array (rows, columns) in which distances are meant; see `as_features`.
    classifier : scikit-learn classifier, optional
        For utility, on features. By default a random forest for tables, logistic regression otherwise.
    max_rows : int, default=5000
        Rows of each sample that a metric takes, drawn at random; pairwise ones take fewer of wide features.
        Near copies are looked for among up to 50,000 training rows, for 1,500 synthetic ones.
    n_resamples : int, default=100
        For the intervals, which hold 95 %; 0 gives none (NaN).

    Returns
    -------
    dict of str to dict
        Metric to "value", "low", "high", "floor" (what real rows get against real rows: two halves of them,
        twice; about copies each row against all others), "n_real", "n_synthetic", "enough" (whether these are rows
        enough to judge by), "direction", "family", "samples" (what they are: "rows", "images" or "series"), "note" (in
        words), "details" (row numbers of copies; of measures of columns "columns", "floors" and "chance": each
        column's distance, its own floor, and what chance hardly exceeds in it) and
        "by_class" (label to the same). All are numbers, text, lists and dicts.

    Raises
    ------
    InvalidParameterError
        For an unknown metric, or one that needs what was not given.
    InvalidDataError
        Where the samples do not fit one another.

    Notes
    -----
    Where there are labels, real or synthetic rows are left out until both have the classes in the same shares; of a
    rare class few rows then remain, and its own entry in "by_class", from all its rows, says more.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug.metrics import evaluate
    >>> rng = np.random.default_rng(0)
    >>> real, fake = rng.normal(size=(200, 2)), rng.normal(size=(200, 2))
    >>> result = evaluate(real, fake, metrics=["ks_distance", "coverage"])
    >>> result["ks_distance"]["value"] < 0.2, result["coverage"]["value"] > 0.9
    (True, True)
    """
    chosen, demanded = _chosen(metrics)
    for name, number, least in (("max_rows", max_rows, 20), ("n_resamples", n_resamples, 0)):
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < least:
            raise InvalidParameterError(f"{name}={number!r} is not an integer of at least {least}")
    seed = root_seed(random_state)
    whole = read_samples(
        {"real": X_real, "synthetic": X_syn, "holdout": X_holdout},
        {"real": y_real, "synthetic": y_syn, "holdout": y_holdout if X_holdout is not None else None},
        kind=kind,
        features=features,
        seed=seed,
    ).comparison(classifier=classifier, seed=seed, n_resamples=int(n_resamples), max_rows=int(max_rows))
    return _measured_all(whole, chosen, demanded, max_rows)


def measure(whole: SamplePair, metrics: str | Sequence[str] = "all", max_rows: int = 5000) -> dict[str, dict[str, Any]]:
    """What `evaluate` returns, of samples that were read already."""
    return _measured_all(whole, *_chosen(metrics), max_rows)


def _measured_all(whole: SamplePair, chosen: list[str], demanded: bool, max_rows: int) -> dict[str, dict[str, Any]]:
    parts = _parts(whole, max_rows)
    halves = {code: _halves(part, SPLITS if part is whole else CLASS_SPLITS) for code, part in parts.items()}
    results = {}
    for name in chosen:
        metric = METRICS[name]
        lacking = _lacking(metric, whole)
        if lacking and demanded:
            raise InvalidParameterError(f"{name} needs {' and '.join(lacking)}")
        if not lacking:
            results[name] = _measured(metric, parts, halves, whole.labels)
    return results


def _chosen(metrics: str | Sequence[str]) -> tuple[list[str], bool]:
    """Names in the registry's order, and whether they were asked for by name."""
    asked = [metrics] if isinstance(metrics, str) else list(metrics)
    known = {"all", *FAMILIES, *METRICS}
    strange = [name for name in asked if name not in known]
    if strange or not asked:
        raise InvalidParameterError(f"metrics={metrics!r} has no metric {strange}; choose from {sorted(known)}")
    named = [name for name in METRICS if name in asked]
    if named:
        demanded = len(named) == len(set(asked))
        return [n for n in METRICS if n in asked or METRICS[n].family in asked or "all" in asked], demanded
    return [name for name in METRICS if METRICS[name].family in asked or "all" in asked], False


def _parts(whole: SamplePair, max_rows: int) -> dict[int | None, SamplePair]:
    """The whole under None, and each generated class under its code."""
    if whole.offered.y is None:
        return {None: whole}
    codes = np.unique(whole.offered.y).tolist()
    if len(codes) == 1:
        return {None: whole, codes[0]: whole}
    most = max(LEAST_CLASS_ROWS, max_rows // len(codes))
    return {None: whole, **{code: whole.of_class(code, most) for code in codes}}


def _halves(part: SamplePair, n_splits: int) -> list[SamplePair]:
    return [part.halves(split) for split in range(n_splits)] if len(part.real) >= 4 else []


def _lacking(metric: Metric, part: SamplePair) -> list[str]:
    return [text for has, text in (NEEDS[need] for need in metric.needs) if not has(part)]


def _measured(
    metric: Metric,
    parts: dict[int | None, SamplePair],
    halves: dict[int | None, list[SamplePair]],
    labels: tuple[Any, ...],
) -> dict[str, Any]:
    """The entry of one metric, with its classes."""
    whole = parts[None]
    found = _estimate(metric, whole)
    entry = _entry(metric, whole, found, *_floor(metric, found, halves[None]))
    by_class = {labels[code]: _entry(metric, whole, each, each.floor) for code, each in found.by_class.items()}
    for code, part in parts.items():
        if code is None or found.by_class or _lacking(metric, part):
            continue
        if part is whole:
            by_class[labels[code]] = dict(entry)
            continue
        own = _estimate(metric, part)
        by_class[labels[code]] = _entry(metric, part, own, *_floor(metric, own, halves[code]))
    return entry | {"by_class": by_class}


def _estimate(metric: Metric, part: SamplePair) -> Estimate:
    if min(part.sizes) < metric.least:
        return Estimate(float("nan"), remark=f"needs {metric.least} {part.things} on either side")
    return metric.measure(part)


def _floor(metric: Metric, found: Estimate, halves: list[SamplePair]) -> tuple[float | None, dict[str, float]]:
    """What real rows get: in all, and column by column where the measure looks at columns."""
    if found.floor is not None or math.isnan(found.value):
        return found.floor, {}
    measured = [metric.measure(half) for half in halves if min(half.sizes) >= metric.least]
    if not measured:
        return None, {}
    names = found.details.get("columns", {}) if "chance" in found.details else {}
    by_column = [each.details.get("columns", {}) for each in measured]
    floors = {name: float(np.mean([columns.get(name, 0.0) for columns in by_column])) for name in names}
    return float(np.mean([each.value for each in measured])), floors


def _entry(
    metric: Metric, part: SamplePair, found: Estimate, floor: float | None, floors: dict[str, float] | None = None
) -> dict[str, Any]:
    n_real, n_synthetic = part.sizes
    n_judged = found.details.get("n_test", min(n_real, n_synthetic))
    enough = n_judged >= metric.rows
    return {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "floor": float("nan") if floor is None else floor,
        "n_real": n_real,
        "n_synthetic": n_synthetic,
        "enough": enough,
        "direction": metric.direction,
        "family": metric.family,
        "samples": part.things,
        "note": _note(metric, part, found, enough),
        "details": found.details | ({"floors": floors} if floors else {}),
    }


def _note(metric: Metric, part: SamplePair, found: Estimate, enough: bool) -> str:
    judged, how = f"judged by {len(part.real):,} real and {len(part.synthetic):,} synthetic {part.things}", part.remark
    if "n_test" in found.details:
        judged, how = f"judged by {found.details['n_test']:,} held-out {part.things}", ""
    weak = "" if enough else f", which cannot support much: {metric.rows} or more can"
    return "; ".join(text for text in (judged + weak, how, found.remark) if text)
