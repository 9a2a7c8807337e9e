"""Metrics of columns and of pairs of columns, as functions of a `Comparison`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from ganaug.metrics import column_measures
from ganaug.metrics.column_measures import compared_codes, compared_numbers
from ganaug.metrics.held_out import Comparison
from ganaug.metrics.nearest import Estimate, Floats, estimate, uniform
from ganaug.utils.seeding import numpy_generator

__all__ = ["contingency", "correlation", "ks", "missing_rate", "mixed", "total_variation"]


# A distance that so few tables' worst column would reach by chance is no chance.
BY_CHANCE = 0.01
# Draws from which the distances of categories that chance makes are known.
CHANCE_DRAWS = 60
# The mean over so many columns hardly moves from draw to draw: of very many, fewer draws are enough.
MOST_DISTANCES, FEWEST_RESAMPLES = 100_000, 20


Codes = npt.NDArray[np.int64]


def _each_column(
    c: Comparison,
    kind: str,
    compared: Callable[..., Callable[[Floats, Floats], float]],
    chance: Callable[[Comparison, int, float], float],
) -> Estimate:
    places = c.places(kind)
    distances = [compared(c.real.columns[j], c.synthetic.columns[j]) for j in places]
    equal = tuple(map(uniform, c.sizes))
    level = BY_CHANCE / max(1, len(c.kinds))
    details = {
        "columns": {c.kinds[j].name: d(*equal) for j, d in zip(places, distances, strict=True)},
        "chance": {c.kinds[j].name: min(1.0, chance(c, j, level)) for j in places},
    }

    def mean(w_real: Floats, w_fake: Floats) -> float:
        return float(np.mean([d(w_real, w_fake) for d in distances]))

    few = min(c.n_resamples, max(FEWEST_RESAMPLES, MOST_DISTANCES // max(1, len(places))))
    return estimate(mean, c.sizes, **(c.options(details=details) | {"n_resamples": few}))


def _numbers_by_chance(c: Comparison, j: int, level: float) -> float:
    """What two samples of one distribution exceed with a probability of at most ``level``.

    sqrt(ln(2 / level) / 2) sqrt(1/n + 1/m), n and m values that are there (Smirnov 1948, Ann. Math. Statist. 19).
    """
    n, m = (max(1, int((~np.isnan(rows.columns[j])).sum())) for rows in (c.real, c.synthetic))
    return float(np.sqrt(np.log(2 / level) / 2 * (1 / n + 1 / m)))


def _codes_by_chance(c: Comparison, j: int, level: float) -> float:
    """The same of categories: mean and spread of draws from the shares of both samples together, as if normal."""
    real, fake = (rows.columns[j][rows.columns[j] >= 0] for rows in (c.real, c.synthetic))
    if not len(real) or not len(fake):
        return 0.0
    counts = np.bincount(np.concatenate([real, fake]))
    shares = counts[counts > 0] / counts.sum()
    rng = numpy_generator(c.seed, "chance of categories", j)
    one, two = (rng.multinomial(len(codes), shares, CHANCE_DRAWS) / len(codes) for codes in (real, fake))
    drawn = np.abs(one - two).sum(1) / 2
    # of two levels the distance is one normal deviate, whichever its sign: the spread of that, not of its size
    spread = max(float(drawn.std()), float(np.sqrt((drawn**2).mean())) if len(shares) == 2 else 0.0)
    middle = 0.0 if len(shares) == 2 else float(drawn.mean())
    far = float(ndtri(1 - level / 2))
    return middle + far * spread + _unseen_by_chance(c, j, real, fake, far)


def _unseen_by_chance(c: Comparison, j: int, real: Codes, fake: Codes, far: float) -> float:
    """How much of a sample may have levels that no real row has, because the real rows are few.

    As much as the real rows have levels that one row has alone (Good 1953, Biometrika 40), and what chance adds.
    """
    levels = c.kinds[j].levels
    if levels is None or not (fake >= len(levels)).any():
        return 0.0
    n, m = len(real), len(fake)
    alone = (np.bincount(real) == 1).sum() / n
    return float(alone + far * np.sqrt(max(alone, 1 / n) * (1 / n + 1 / m)))


def ks(c: Comparison) -> Estimate:
    """Mean `ks_distance` over the columns of numbers; each column's, and what chance hardly exceeds in it."""

    def compared(real: Floats, fake: Floats) -> Callable[[Floats, Floats], float]:
        return compared_numbers(real, _on_steps(real, fake))

    return _each_column(c, "number", compared, _numbers_by_chance)


# Values so near to a real one, in standard deviations, differ in their decimals alone.
SAME = 0.01


def _on_steps(real: Floats, fake: Floats) -> Floats:
    """Synthetic values moved to the real one that they all but equal, where the real column has few values.

    Else 0.999 and 1.001 in the place of 1 would be a distance of a half. (`two_sample_auc` sees such decimals.)
    """
    present = real[~np.isnan(real)]
    values = np.unique(present)
    if len(values) == 0 or 2 * len(values) > len(present):
        return fake
    right = np.clip(np.searchsorted(values, fake), 0, len(values) - 1)
    below, above = values[np.maximum(right - 1, 0)], values[right]
    near = np.where(np.abs(fake - below) < np.abs(fake - above), below, above)
    return np.where(np.abs(fake - near) <= SAME * present.std(), near, fake)


def total_variation(c: Comparison) -> Estimate:
    """Mean `total_variation` over the category columns; each column's, and what chance hardly exceeds in it."""
    return _each_column(c, "category", compared_codes, _codes_by_chance)


def missing_rate(c: Comparison) -> Estimate:
    """Mean `missing_rate_difference` over the columns that miss values on either side; 0 if none does."""
    absent: list[tuple[str, Floats, Floats]] = []
    for j, kind in enumerate(c.kinds):
        real, fake = (_missing(rows.columns[j]) for rows in (c.real, c.synthetic))
        if real.any() or fake.any():
            absent.append((kind.name, real, fake))
    if not absent:
        return Estimate(0.0, 0.0, 0.0, details={"columns": {}}, remark="no value is missing on either side")
    far = float(ndtri(1 - BY_CHANCE / (2 * len(c.kinds))))
    sizes = sum(1 / n for n in c.sizes)
    details: dict[str, dict[str, float]] = {"columns": {}, "chance": {}}
    for name, real, fake in absent:
        details["columns"][name] = abs(float(real.mean() - fake.mean()))
        both = (real.sum() + fake.sum() + 1) / (len(real) + len(fake) + 2)  # none among few is not none at all
        details["chance"][name] = far * float(np.sqrt(both * (1 - both) * sizes))

    def mean(w_real: Floats, w_fake: Floats) -> float:
        return float(np.mean([abs(w_real @ a - w_fake @ b) for _, a, b in absent]))

    return estimate(mean, c.sizes, **c.options(details=details))


def _missing(column: npt.NDArray[Any]) -> Floats:
    return (np.isnan(column) if column.dtype.kind == "f" else column == -1).astype(float)


# ------------------------------------------------------------------------------------------ dependence


# Tables of counts are made pair by pair, which is slow: of many pairs no interval is needed, either.
MOST_TABLES = 3000
# What is left of the dependences: weights of real rows, weights of synthetic ones -> (share kept, strength).
Kept = Callable[[Floats, Floats], tuple[float, float]]


def _kept_of(kept: Kept, c: Comparison, n_resamples: int | None = None) -> dict[str, float]:
    """How much of the real dependences the synthetic rows keep, with its interval, and how strong those are."""
    value, strength = kept(*map(uniform, c.sizes))
    options = c.options((-np.inf, np.inf)) | ({} if n_resamples is None else {"n_resamples": n_resamples})
    found = estimate(lambda *weights: kept(*weights)[0], c.sizes, **options)
    return {"kept": value, "kept_low": found.low, "kept_high": found.high, "strength": strength}


def _slope(real: Floats, fake: Floats, noise: float | Floats) -> tuple[float, float]:
    """Slope through the origin of the synthetic dependences on the real ones, and these' root mean square.

    1 is all kept, 0 all lost. ``noise`` is the variance that chance alone gives the real ones: it would count as
    dependence that no generator can keep.
    """
    if real.size == 0:
        return 1.0, 0.0
    power = float((real**2 - noise).mean())
    return (float((real * fake).mean() / power) if power > 1e-12 else 1.0), float(np.sqrt(max(0.0, power)))


def _slope_of_squares(real: Floats, fake: Floats, noise: Floats) -> tuple[float, float]:
    """The same of squares without what chance makes of them, which is 0 on average where there is no dependence."""
    slope, _ = _slope(real, fake, noise)
    return float(np.sqrt(max(0.0, slope))), float(np.sqrt(max(0.0, real.mean()))) if real.size else 0.0


def _noise_of_squares(squares: Floats, freedom: Floats, n: Floats, most: Floats | float = 1.0) -> Floats:
    """Variance that chance gives the square of an association: chi^2/n of so many degrees of freedom, over ``most``.

    2 (freedom + 2 n s)/n^2 with s the square times ``most`` (noncentral chi^2).
    """
    found: Floats = 2 * (freedom + 2 * n * np.clip(squares * most, 0, None)) / np.maximum(1, n * most) ** 2
    return found


def correlation(c: Comparison) -> Estimate:
    """`correlation_distance` of the columns of numbers; which pairs differ most."""
    places, real, fake = c.paired_numbers()
    real, fake = column_measures.ranks(real), column_measures.ranks(fake)
    pairs = column_measures.upper(len(places))
    present = (~np.isnan(real)).astype(float)
    noise = 1 / np.maximum(1.0, (present.T @ present)[pairs] - 1)

    def both(w_real: Floats, w_fake: Floats) -> tuple[Floats, Floats]:
        one, two = column_measures.correlations(real, w_real), column_measures.correlations(fake, w_fake)
        return one[pairs], two[pairs]

    def distance(w_real: Floats, w_fake: Floats) -> float:
        one, two = both(w_real, w_fake)
        return float(np.abs(one - two).mean())

    one, two = both(*map(uniform, c.sizes))
    worst = np.argsort(-np.abs(one - two), kind="stable")[:10]
    named = [(c.kinds[places[pairs[0][i]]].name, c.kinds[places[pairs[1][i]]].name, one[i], two[i]) for i in worst]
    details = {
        **_kept_of(lambda *weights: _slope(*both(*weights), noise), c),
        "pairs": [{"first": a, "second": b, "real": float(r), "synthetic": float(s)} for a, b, r, s in named],
        **_kept_within(c),
    }
    return estimate(distance, c.sizes, **c.options((0.0, 2.0), details=details))


# A class of fewer rows has no correlations of its own.
LEAST_WITHIN = 10


def _kept_within(c: Comparison) -> dict[str, float]:
    """How much is left of the correlations within the classes, all classes together; nothing with one class.

    Those of ranks within each class: where the classes lie apart, columns that were shuffled within them go together
    in the whole.
    """
    if c.real.y is None or c.synthetic.y is None or len(np.unique(c.synthetic.y)) < 2:
        return {}
    counts, counts_fake = (np.bincount(y, minlength=len(c.labels) + 1) for y in (c.real.y, c.synthetic.y))
    large = np.flatnonzero(np.minimum(counts, counts_fake) >= LEAST_WITHIN)
    if not len(large):
        return {}
    _, of_real, of_fake = c.paired_numbers()
    ranked = []
    for rows, table in ((c.real, of_real), (c.synthetic, of_fake)):
        own = np.full(table.shape, np.nan)
        for code in large:
            own[rows.y == code] = column_measures.ranks(table[rows.y == code])
        ranked.append(own)
    real, fake = ranked
    pairs, n = column_measures.upper(of_real.shape[1]), counts[large]
    noise = float((n**2 / (n - 1)).sum() / n.sum() ** 2)

    def kept(w_real: Floats, w_fake: Floats) -> tuple[float, float]:
        one, two = column_measures.correlations(real, w_real), column_measures.correlations(fake, w_fake)
        return _slope(one[pairs], two[pairs], noise)

    return {f"{name}_within": value for name, value in _kept_of(kept, c).items()}


def contingency(c: Comparison) -> Estimate:
    """`contingency_distance` of the category columns and the class."""
    names, real, fake = c.paired_categories()
    first, second = column_measures.upper(len(names))
    levels = [int(max(a.max(), b.max())) + 2 for a, b in zip(real, fake, strict=True)]
    pairs, compared = [], []
    for i, j in zip(first, second, strict=True):
        joint = column_measures.joint_codes(np.append(real[i], fake[i]), np.append(real[j], fake[j]))
        parts = joint[: len(c.real)], joint[len(c.real) :]
        compared.append(compared_codes(*parts))
        pairs.append((*parts, (levels[i], levels[j])))

    def mean(w_real: Floats, w_fake: Floats) -> float:
        return float(np.mean([d(w_real, w_fake) for d in compared]))

    found = np.array([len(np.unique(codes)) - 1.0 for codes in real])
    smaller, freedom = np.maximum(1, np.minimum(found[first], found[second])), found[first] * found[second]

    def kept(w_real: Floats, w_fake: Floats) -> tuple[float, float]:
        one = np.array([column_measures.squared_association(a, w_real, *sizes) for a, _, sizes in pairs])
        two = np.array([column_measures.squared_association(b, w_fake, *sizes) for _, b, sizes in pairs])
        return _slope_of_squares(one, two, _noise_of_squares(one, freedom, np.array(float(len(c.real))), smaller))

    few = min(c.n_resamples, MOST_TABLES // max(1, len(pairs)))
    return estimate(mean, c.sizes, **c.options(details=_kept_of(kept, c, n_resamples=few)))


def mixed(c: Comparison) -> Estimate:
    """Mean difference of the correlation ratios (of ranks) of pairs of a category, or the class, and a number.

    mean_{a,b} |eta_real(a, b) - eta_fake(a, b)|, eta as in `correlation_ratio`.
    """
    _, real_codes, fake_codes = c.paired_categories()
    _, real, fake = c.paired_numbers()
    real, fake = column_measures.ranks(real), column_measures.ranks(fake)
    freedom = np.array([len(np.unique(codes)) - 1.0 for codes in real_codes])[:, None]
    there = (~np.isnan(real)).sum(0).astype(float)

    def distance(w_real: Floats, w_fake: Floats) -> float:
        one = column_measures.correlation_ratios(real_codes, real, w_real)
        return float(np.abs(one - column_measures.correlation_ratios(fake_codes, fake, w_fake)).mean())

    def kept(w_real: Floats, w_fake: Floats) -> tuple[float, float]:
        one = column_measures.squared_ratios(real_codes, real, w_real)
        two = column_measures.squared_ratios(fake_codes, fake, w_fake)
        return _slope_of_squares(one.ravel(), two.ravel(), _noise_of_squares(one, freedom, there).ravel())

    return estimate(distance, c.sizes, **c.options(details=_kept_of(kept, c)))
