"""Metrics of columns and of pairs of columns, as functions of a `Comparison`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ganaug.metrics import dependence
from ganaug.metrics.columns import compared_codes, compared_numbers
from ganaug.metrics.comparison import Comparison
from ganaug.metrics.resampling import Estimate, Floats, estimate, uniform

__all__ = ["contingency", "correlation", "ks", "missing_rate", "mixed", "total_variation"]


def _each_column(c: Comparison, kind: str, compared: Callable[..., Callable[[Floats, Floats], float]]) -> Estimate:
    places = c.places(kind)
    distances = [compared(c.real.columns[j], c.synthetic.columns[j]) for j in places]
    equal = tuple(map(uniform, c.sizes))
    by_column = {c.kinds[j].name: d(*equal) for j, d in zip(places, distances, strict=True)}

    def mean(w_real: Floats, w_fake: Floats) -> float:
        return float(np.mean([d(w_real, w_fake) for d in distances]))

    return estimate(mean, c.sizes, **c.options(details={"columns": by_column}))


def ks(c: Comparison) -> Estimate:
    """Mean `ks_distance` over the columns of numbers."""
    return _each_column(c, "number", compared_numbers)


def total_variation(c: Comparison) -> Estimate:
    """Mean `total_variation` over the category columns."""
    return _each_column(c, "category", compared_codes)


def missing_rate(c: Comparison) -> Estimate:
    """Mean `missing_rate_difference` over the columns that miss values on either side; 0 if none does."""
    absent: list[tuple[str, Floats, Floats]] = []
    for j, kind in enumerate(c.kinds):
        real, fake = (_missing(rows.columns[j]) for rows in (c.real, c.synthetic))
        if real.any() or fake.any():
            absent.append((kind.name, real, fake))
    by_column = {name: abs(float(a.mean() - b.mean())) for name, a, b in absent}
    if not absent:
        return Estimate(0.0, 0.0, 0.0, details={"columns": {}}, remark="no value is missing on either side")

    def mean(w_real: Floats, w_fake: Floats) -> float:
        return float(np.mean([abs(w_real @ a - w_fake @ b) for _, a, b in absent]))

    return estimate(mean, c.sizes, **c.options(details={"columns": by_column}))


def _missing(column: npt.NDArray[Any]) -> Floats:
    return (np.isnan(column) if column.dtype.kind == "f" else column == -1).astype(float)


# ------------------------------------------------------------------------------------------ dependence


def _kept(real: Floats, fake: Floats) -> float:
    """Slope through the origin of the synthetic dependences on the real ones: 1 all kept, 0 all lost."""
    strength = float((real**2).sum())
    return float((real * fake).sum() / strength) if strength > 1e-12 else 1.0


def _strength(real: Floats) -> float:
    return float(np.sqrt((real**2).mean())) if real.size else 0.0


def correlation(c: Comparison) -> Estimate:
    """`correlation_distance` of the columns of numbers; which pairs differ most."""
    places, real, fake = c.paired_numbers()
    real, fake = dependence.ranks(real), dependence.ranks(fake)
    pairs = dependence.upper(len(places))

    def distance(w_real: Floats, w_fake: Floats) -> float:
        one, two = dependence.correlations(real, w_real), dependence.correlations(fake, w_fake)
        return float(np.abs(one[pairs] - two[pairs]).mean())

    one, two = (dependence.correlations(X, uniform(len(X)))[pairs] for X in (real, fake))
    worst = np.argsort(-np.abs(one - two), kind="stable")[:10]
    named = [(c.kinds[places[pairs[0][i]]].name, c.kinds[places[pairs[1][i]]].name, one[i], two[i]) for i in worst]
    details = {
        "kept": _kept(one, two),
        "strength": _strength(one),
        "pairs": [{"first": a, "second": b, "real": float(r), "synthetic": float(s)} for a, b, r, s in named],
    }
    return estimate(distance, c.sizes, **c.options((0.0, 2.0), details=details))


def contingency(c: Comparison) -> Estimate:
    """`contingency_distance` of the category columns and the class."""
    names, real, fake = c.paired_categories()
    first, second = dependence.upper(len(names))
    compared, one, two = [], [], []
    for i, j in zip(first, second, strict=True):
        joint = dependence.joint_codes(np.append(real[i], fake[i]), np.append(real[j], fake[j]))
        parts = joint[: len(c.real)], joint[len(c.real) :]
        compared.append(compared_codes(*parts))
        levels = [int(max(real[k].max(), fake[k].max())) + 2 for k in (i, j)]
        one.append(dependence.association(parts[0], uniform(len(c.real)), *levels))
        two.append(dependence.association(parts[1], uniform(len(c.synthetic)), *levels))

    def mean(w_real: Floats, w_fake: Floats) -> float:
        return float(np.mean([d(w_real, w_fake) for d in compared]))

    details = {"kept": _kept(np.array(one), np.array(two)), "strength": _strength(np.array(one))}
    return estimate(mean, c.sizes, **c.options(details=details))


def mixed(c: Comparison) -> Estimate:
    """Mean difference of the correlation ratios (of ranks) of pairs of a category, or the class, and a number.

    mean_{a,b} |eta_real(a, b) - eta_fake(a, b)|, eta as in `correlation_ratio`.
    """
    _, real_codes, fake_codes = c.paired_categories()
    _, real, fake = c.paired_numbers()
    real, fake = dependence.ranks(real), dependence.ranks(fake)

    def distance(w_real: Floats, w_fake: Floats) -> float:
        one = dependence.correlation_ratios(real_codes, real, w_real)
        return float(np.abs(one - dependence.correlation_ratios(fake_codes, fake, w_fake)).mean())

    one = dependence.correlation_ratios(real_codes, real, uniform(len(real)))
    two = dependence.correlation_ratios(fake_codes, fake, uniform(len(fake)))
    details = {"kept": _kept(one, two), "strength": _strength(one)}
    return estimate(distance, c.sizes, **c.options(details=details))
