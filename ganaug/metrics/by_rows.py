"""Metrics of whole rows, as functions of a `Comparison`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ganaug.exceptions import InvalidDataError
from ganaug.metrics import privacy, sample_measures
from ganaug.metrics.held_out import SHARE, Comparison, Rows, at_most
from ganaug.metrics.nearest import Estimate, Floats, estimate, mean_estimate, nearest, pairwise_rows, radii
from ganaug.metrics.sample_measures import compared_by_kernel, compared_by_moments
from ganaug.utils.seeding import numpy_generator

__all__ = [
    "authentic", "closest_record", "copies", "coverage", "density", "distinct", "frechet", "kernel", "membership",
    "neighbour_ratio", "precision", "recall", "two_sample",
]  # fmt: skip

CLASSIFIED_ROWS, KERNEL_ROWS, PRIVACY_ROWS, FLOOR_ROWS = 1000, 1000, 1500, 500
# Wider features are reduced to the real rows' principal components before covariances are compared.
MAX_MOMENTS, REDUCED = 128, 64
N_DISTINCT, SPACED_ROWS = 3, 1000
N_TREES = 50
# From this AUC on it is looked up by which columns a forest tells the samples apart.
TELLING = 0.8


def _some(c: Comparison, most: int) -> tuple[Rows, Rows]:
    rng = numpy_generator(c.seed, "some")
    return at_most(c.real, most, rng), at_most(c.synthetic, most, rng)


def two_sample(c: Comparison) -> Estimate:
    """`two_sample_auc` on features; where it is high, by which columns the forest tells them apart."""
    real, fake = _some(c, CLASSIFIED_ROWS)
    n = len(real)
    scores = sample_measures.held_out_scores(real.features, fake.features, random_state=c.seed % 2**32, n_trees=N_TREES)

    def auc(w_real: Floats, w_fake: Floats) -> float:
        return privacy.weighted_auc(scores[:n], scores[n:], w_real, w_fake)

    found = estimate(auc, (n, len(fake)), **c.options())
    if found.value <= TELLING or not c.widths:
        return found
    seed = c.seed % 2**32
    shares = sample_measures.gives_away(real.features, fake.features, random_state=seed, n_trees=N_TREES)
    ends = np.cumsum(c.widths)
    columns = {
        kind.name: round(float(shares[end - width : end].sum()), 4)
        for kind, width, end in zip(c.kinds, c.widths, ends, strict=True)
    }
    return replace(found, details={"columns": columns})


def frechet(c: Comparison) -> Estimate:
    """`frechet_distance` of the features."""
    real, fake, remark = c.real.features, c.synthetic.features, ""
    if real.shape[1] > MAX_MOMENTS:
        from sklearn.decomposition import PCA

        pca = PCA(min(REDUCED, *real.shape), svd_solver="randomized", random_state=c.seed % 2**32)
        pca.set_output(transform="default").fit(real)
        remark = f"on the {pca.n_components_} largest principal components of {real.shape[1]} features"
        real, fake = pca.transform(real), pca.transform(fake)
    return estimate(compared_by_moments(real, fake), c.sizes, **c.options((0.0, np.inf), remark=remark))


def kernel(c: Comparison) -> Estimate:
    """`kernel_distance` of the features."""
    real, fake = _some(c, KERNEL_ROWS)
    compared = compared_by_kernel(real.features, fake.features)
    return estimate(compared, (len(real), len(fake)), **c.options((-np.inf, np.inf)))


# ------------------------------------------------------------------------------------------ diversity


def _around(c: Comparison) -> sample_measures.Surroundings:
    def make() -> sample_measures.Surroundings:
        real, fake = _some(c, pairwise_rows(c.real.features.shape[1]))
        return sample_measures.surroundings(real.features, fake.features)

    return c.once("around", make)


def _mean_of(part: str, bounds: tuple[float, float] = SHARE) -> Callable[[Comparison], Estimate]:
    def measure(c: Comparison) -> Estimate:
        around = _around(c)
        return mean_estimate(getattr(around, part), **c.options(bounds, remark=f"k = {around.k}"))

    return measure


def distinct(c: Comparison) -> Estimate:
    """`distinct_neighbours`, against the held-out rows or, without any, one half of the real rows against the other.

    Beside it the spacing of the synthetic rows: their mean distance to the nearest other one over that of as many real
    rows. Where a few samples are repeated it is small; where rows are thrown anywhere it is above 1.
    """
    most = pairwise_rows(c.real.features.shape[1])
    values, spacings = [], []
    for split in range(N_DISTINCT):
        rng = numpy_generator(c.seed, "distinct", split)
        real = at_most(c.real, most, rng).features
        spacings.append(_spacing(real, c.synthetic.features, rng))
        if c.unseen is not None and len(c.unseen) >= 2:
            unseen = at_most(c.unseen, most, rng).features
        else:
            order = rng.permutation(len(real))
            real, unseen = real[order[: len(real) // 2]], real[order[len(real) // 2 :]]
        fake, n_hit = c.synthetic.features, min(len(c.synthetic), len(unseen))
        values.append(sample_measures.distinct_neighbours(real, fake, unseen, random_state=int(rng.integers(2**32))))
    value, spread = float(np.mean(values)), float(np.std(values))
    more: dict[str, Any] = {
        "remark": f"where {n_hit} rows are looked up",
        "details": {"spacing": float(np.mean(spacings))},
    }
    if c.n_resamples == 0:
        return Estimate(value, **more)
    return Estimate(value, max(0.0, min(values) - spread), max(values) + spread, **more)


def _spacing(real: Floats, fake: Floats, rng: np.random.Generator) -> float:
    n = min(len(real), len(fake), SPACED_ROWS)
    apart = [float(radii(rows[rng.choice(len(rows), n, replace=False)], 1).mean()) for rows in (real, fake)]
    return apart[1] / apart[0] if apart[0] > 0 else 1.0


precision, recall, coverage = (_mean_of(part) for part in ("inside", "reached", "visited"))
density = _mean_of("crowd", (0.0, np.inf))


# ------------------------------------------------------------------------------------------ privacy


def _looked_at(c: Comparison) -> Rows:
    return c.once("looked at", lambda: at_most(c.synthetic, PRIVACY_ROWS, numpy_generator(c.seed, "privacy")))


def _closest(c: Comparison) -> privacy.Closest:
    return c.once("closest", lambda: privacy.closest(c.train.features, _looked_at(c).features))


def _others(c: Comparison) -> privacy.Closest:
    """Of training rows, each as if it had been held out: of halves of them, half as many would be anyone's copy."""

    def make() -> privacy.Closest:
        n = len(c.train)
        rows = numpy_generator(c.seed, "others").choice(n, min(n, FLOOR_ROWS), replace=False)
        return privacy.closest_others(c.train.features, rows)

    return c.once("others", make)


def _of_others(c: Comparison, value: Callable[[privacy.Closest], Floats]) -> float | None:
    return float(value(_others(c)).mean()) if len(c.train) > 2 else None


def _by_chance(c: Comparison) -> float:
    """Share of near copies among rows whose columns are drawn one by one: where columns have few values, many meet."""
    rng = numpy_generator(c.seed, "chance")
    rows = c.train.features
    drawn = [rng.integers(len(rows), size=min(len(rows), FLOOR_ROWS)) for _ in c.widths]
    ends = np.cumsum(c.widths)
    parts = [rows[places, end - width : end] for places, end, width in zip(drawn, ends, c.widths, strict=True)]
    return float(privacy.closest(rows, np.concatenate(parts, axis=1)).near.mean())


def closest_record(c: Comparison) -> Estimate:
    """`closest_record_ratio`; the interval is over the synthetic rows."""
    mine = _closest(c).distance
    if c.unseen is not None and len(c.unseen) >= 2:
        unseen = at_most(c.unseen, PRIVACY_ROWS, numpy_generator(c.seed, "unseen"))
        theirs = nearest(unseen.features, c.train.features, 1)[0][:, 0]
    else:
        theirs = _others(c).distance
    order, middle = np.argsort(mine, kind="stable"), float(np.median(theirs))

    def ratio(weights: Floats) -> float:
        if middle == 0:  # as in `closest_record_ratio`
            return float(weights @ mine / theirs.mean()) if theirs.any() else 1.0
        reached = np.cumsum(weights[order])
        around = [mine[order[np.searchsorted(reached, 0.5 + off)]] for off in (-1e-9, 1e-9)]
        return float(np.mean(around)) / middle

    details = {"median": float(np.median(mine)), "median_of_unseen": middle}
    return estimate(ratio, (len(mine),), **c.options((0.0, np.inf), details=details))


def neighbour_ratio(c: Comparison) -> Estimate:
    """`neighbour_distance_ratio`."""
    return mean_estimate(_closest(c).ratio, **c.options(floor=_of_others(c, lambda found: found.ratio)))


def copies(c: Comparison) -> Estimate:
    """Share of rows that `near_copies` lists, and the list by row numbers as given."""
    found, looked = _closest(c), _looked_at(c)
    rows = np.flatnonzero(found.near)
    rows = rows[np.argsort(found.distance[rows], kind="stable")]
    pairs = [
        {
            "synthetic": int(looked.number[j]),
            "real": int(c.train.number[found.row[j]]),
            "distance": float(found.distance[j]),
        }
        for j in rows
    ]
    looked_up = (
        f"{len(looked)} of {len(c.synthetic)} synthetic rows looked at" if len(looked) < len(c.synthetic) else ""
    )
    details, floor = {"rows": pairs, "looked_at": len(looked)}, _of_others(c, lambda found: found.near.astype(float))
    if c.widths and floor is not None and found.near.mean() > floor:
        floor = max(floor, _by_chance(c))
    options = c.options(details=details, remark=looked_up, floor=floor)
    return mean_estimate(found.near.astype(float), **options)


def authentic(c: Comparison) -> Estimate:
    """`authenticity`."""
    return mean_estimate(privacy.authentic(_closest(c)), **c.options(floor=_of_others(c, privacy.authentic)))


def membership(c: Comparison) -> Estimate:
    """`membership_auc` of as many training rows as there are unseen ones."""
    if c.unseen is None:
        raise InvalidDataError("membership_auc needs held-out rows: give X_holdout")
    rng = numpy_generator(c.seed, "membership")
    unseen = at_most(c.unseen, PRIVACY_ROWS, rng)
    members = at_most(c.train, max(len(unseen), 50), rng)
    near, far = (-nearest(rows.features, c.offered.features, 1)[0][:, 0] for rows in (members, unseen))

    def auc(w_members: Floats, w_unseen: Floats) -> float:
        return privacy.weighted_auc(near, far, w_members, w_unseen)

    return estimate(auc, (len(members), len(unseen)), **c.options(floor=0.5))
