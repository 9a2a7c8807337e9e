"""What a measure gives, and how sure of it one can be: rows drawn again, as weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ganaug.seeding import numpy_generator

__all__ = ["LEVEL", "Estimate", "Floats", "Statistic", "estimate", "mean_estimate", "uniform"]

Floats = npt.NDArray[np.float64]
Statistic = Callable[..., float]  # weights of each sample's rows, each summing to one, to a number

# The share of the resampled values that lies within an interval.
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A measure with its interval.

    Attributes
    ----------
    value, low, high : float
        NaN where there is none.
    floor : float or None
        What real rows get, where the measure knows better than two halves of the real rows.
    details : dict
        Finer figures: column by column, row numbers.
    by_class : dict
        Class code to `Estimate`, where the measure gives them in one go.
    remark : str
        What a reader should know of this one value.
    """

    value: float
    low: float = float("nan")
    high: float = float("nan")
    floor: float | None = None
    details: dict[str, Any] = field(default_factory=dict)
    by_class: Mapping[int, Estimate] = field(default_factory=dict)
    remark: str = ""


def uniform(n: int) -> Floats:
    """Equal weights of n rows, summing to one."""
    return np.full(n, 1 / max(1, n))


def estimate(
    statistic: Statistic,
    sizes: tuple[int, ...],
    *,
    seed: int,
    n_resamples: int,
    bounds: tuple[float, float] = (-np.inf, np.inf),
    **more: Any,
) -> Estimate:
    """A statistic and its bootstrap interval (Efron 1979), centred at the value.

    Rows are drawn with replacement from each sample; the interval is as wide as the middle 95 % of the
    statistic's values over such draws, and is moved by their bias: a distance between samples that repeat
    rows is larger than one between samples that do not, so the plain percentiles would leave the value out.

    Parameters
    ----------
    statistic : callable
        From one vector of weights per sample, each summing to one, to a number.
    sizes : tuple of int
        Rows of each sample.
    seed : int
    n_resamples : int
        0 gives no interval.
    bounds : (float, float)
        Of the statistic; the interval is cut to them.
    **more
        Of `Estimate`.

    Returns
    -------
    Estimate
    """
    value = float(np.clip(statistic(*map(uniform, sizes)), *bounds))  # weights add up to one but for rounding
    if n_resamples < 2 or min(sizes) < 2:
        return Estimate(value, **more)
    rng = numpy_generator(seed, "resampling")
    draws = np.array([statistic(*(_weights(rng, n) for n in sizes)) for _ in range(n_resamples)])
    draws = draws[np.isfinite(draws)]  # nothing can be said of a draw that is one row over and over
    if len(draws) < 2:
        return Estimate(value, **more)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail]) - draws.mean() + value
    return Estimate(value, float(max(low, bounds[0])), float(min(high, bounds[1])), **more)


def mean_estimate(values: npt.ArrayLike, **options: Any) -> Estimate:
    """The mean of one number for each row, and its interval over rows drawn again."""
    values = np.asarray(values, float)
    return estimate(lambda weights: float(weights @ values), (len(values),), **options)


def _weights(rng: np.random.Generator, n: int) -> Floats:
    return np.bincount(rng.integers(n, size=n), minlength=n) / n
