"""Privacy: copies, membership, and what a model gives away in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from ganaug.exceptions import InvalidDataError
from ganaug.metrics.features import Estimate, Floats, estimate, mean_estimate, nearest, weighted_auc
from ganaug.metrics.limits import SEVERITIES, Finding, Severity
from ganaug.metrics.sample_pair import Rows, SamplePair, at_most
from ganaug.utils.determinism import isolated, numpy_generator

__all__ = [
    "NEAR",
    "Closest",
    "Copies",
    "authenticity",
    "closest",
    "closest_others",
    "closest_record_ratio",
    "measure_authentic",
    "measure_closest_record",
    "measure_copies",
    "measure_membership",
    "measure_neighbour_ratio",
    "membership_auc",
    "near_copies",
    "neighbour_distance_ratio",
    "trace_findings",
]

# ---- what a model gives away of single training samples, in words ----------------------------------


def trace_findings(traces: Mapping[str, Any]) -> list[Finding]:
    """What a model gives away of single training samples, in words: one finding for each kind of trace.

    Parameters
    ----------
    traces : mapping
        As `ganaug.report.inputs.traces` returns it; empty where there is no model.

    Returns
    -------
    list of Finding
        Of the topic "traces", the worst first; empty if nothing is given away.

    Examples
    --------
    >>> from ganaug.metrics.privacy import trace_findings
    >>> found = trace_findings({"source": "file", "copies_check": True})
    >>> found[0].severity, found[0].advice[:8]
    ('bad', 'Load it ')
    """
    holder = "The model file" if traces.get("source") == "file" else "The model"
    return sorted(
        (
            Finding(severity, "traces", f"{holder} {text(traces[key])}.", advice)
            for key, (severity, text, advice) in _TRACES.items()
            if traces.get(key)
        ),
        key=lambda finding: SEVERITIES.index(finding.severity),
    )


def _names(names: Any) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(f"{name!r}" for name in list(names)[:5])
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")


# What `traces` may find -> how bad that is, what it means, and what to do. The advice is followed in tests.
_TRACES: dict[str, tuple[Severity, Callable[[Any], str], str]] = {
    "copies_check": (
        "bad",
        lambda _: (
            "holds a hash or sketch of every training sample: anybody who has it can tell who was in the training "
            "data, and rebuild images, series and rows of few values"
        ),
        "Load it and save it again, gan.save(new_path), without keep_copies_check=True; delete this one.",
    ),
    "training_rows": (
        "bad",
        lambda n: f"holds {n:,} training samples as they are, because a smoothed bootstrap is made of them",
        "Share what it samples after a look at the copies, not the model; or join the class with others until it has "
        "rows enough for a GAN.",
    ),
    "exact_columns": (
        "bad",
        lambda names: f"states exact values of single training rows in {_names(names)}",
        "Fit again with this version of ganaug, save that, and delete this one: no saving removes them.",
    ),
    "trained_discriminator": (
        "warn",
        lambda _: "holds the discriminator that saw the training samples, whose scores tell many of them from others",
        "Load it and save it again, gan.save(new_path); delete this one.",
    ),
    "single_levels": (
        "warn",
        lambda counts: f"names categories that only one training row has, in {_names(counts)}",
        "Join rare categories into one before fitting, or drop the column.",
    ),
    "factors": (
        "warn",
        lambda _: (
            "holds principal components of a table with more than 512 columns of numbers, which can tell who was "
            "in the training data"
        ),
        "Keep at most 512 columns of numbers before fitting.",
    ),
}


# ---- whether synthetic rows give away the rows that the generator was trained on -------------------

PRIVACY_ROWS, FLOOR_ROWS = 1500, 500
# A synthetic row is a near copy of a real one if the real row's nearest other real row is ten times as far.
NEAR = 0.1


@dataclass(frozen=True)
class Closest:
    """Each synthetic row and the training row closest to it.

    Attributes
    ----------
    distance : (m,) float
    row : (m,) int
        Of the training row.
    second : (m,) float
        Distance to the second closest; inf if there is one row only.
    own : (m,) float
        How far that closest training row is from its own nearest other one.
    """

    distance: Floats
    row: npt.NDArray[np.intp]
    second: Floats
    own: Floats

    @property
    def ratio(self) -> Floats:
        """Closest over second closest distance; 1 where both are 0: an equal pair gives nobody away."""
        second = np.where(self.second > 0, self.second, 1)
        return np.where(self.second > 0, self.distance / second, 1.0)

    @property
    def near(self) -> npt.NDArray[np.bool_]:
        """Which synthetic rows are near copies. Of a real row that has an equal, none is."""
        near: npt.NDArray[np.bool_] = (self.distance <= NEAR * self.own) & (self.own > 0)
        return near


@dataclass(frozen=True)
class Copies:
    """Near copies by row number.

    Attributes
    ----------
    synthetic, real : (c,) int
        Row numbers of each pair, the closest first.
    distance : (c,) float
        Between them.
    """

    synthetic: npt.NDArray[np.intp]
    real: npt.NDArray[np.intp]
    distance: Floats


def closest(train: npt.ArrayLike, fake: npt.ArrayLike) -> Closest:
    """What the functions of this module are made of, in one pass. (n, d), (m, d)."""
    train, fake = np.asarray(train, float), np.asarray(fake, float)
    return _closest(train, fake, np.full(len(fake), -1))


def closest_others(train: npt.ArrayLike, rows: npt.NDArray[np.intp]) -> Closest:
    """The same for some of the training rows, as if each had been held out: what real rows get. (n, d), (m,)."""
    train = np.asarray(train, float)
    return _closest(train, train[rows], rows)


def _closest(train: Floats, queries: Floats, out: npt.NDArray[np.intp]) -> Closest:
    """For each query the closest training rows, were its row ``out`` not among them."""
    distances, places = _without(*nearest(queries, train, 3), out)
    second = distances[:, 1] if distances.shape[1] > 1 else np.full(len(queries), np.inf)
    hit, back = np.unique(places[:, 0], return_inverse=True)
    around, who = nearest(train[hit], train, 3)  # of those that were hit only
    own, _ = _without(*_without(around[back], who[back], places[:, 0]), out)
    other = np.where(np.isfinite(own[:, 0]), own[:, 0], 0.0)  # the only training row has no other
    return Closest(distances[:, 0], places[:, 0], second, other)


def _without(
    distances: Floats, places: npt.NDArray[np.intp], out: npt.NDArray[np.intp]
) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Neighbours but for one; the nearest first, those that are left out last, at no distance. (m, k), (m, k), (m,)."""
    far = np.where(places == out[:, None], np.inf, distances)
    order = np.argsort(far, axis=1, kind="stable")
    return np.take_along_axis(far, order, 1), np.take_along_axis(places, order, 1)


@isolated
def near_copies(train: npt.ArrayLike, fake: npt.ArrayLike) -> Copies:
    """The synthetic rows that all but repeat a training row; fewer are better.

    Row j copies its closest training row r if |f_j - r| <= 0.1 min_{r' != r} |r' - r|: ten times closer than any
    other real row. Where a real row has an equal, no row counts as its copy: the data has few values.

    Parameters
    ----------
    train : array-like of shape (n, d)
        Features of the training rows.
    fake : array-like of shape (m, d)

    Returns
    -------
    Copies
        Row numbers into both, the closest pair first. Each row is judged on its own; with under 20 training
        rows the rows next to one another are far apart and more pairs count.

    References
    ----------
    The local distance ratio of Alaa et al. (2022), arXiv:2102.08921, with a stricter threshold.

    Examples
    --------
    >>> from ganaug.metrics import near_copies
    >>> near_copies([[0.0], [1.0], [2.0]], [[0.5], [2.001]]).synthetic.tolist()
    [1]
    """
    found = closest(train, fake)
    rows = np.flatnonzero(found.near)
    rows = rows[np.argsort(found.distance[rows], kind="stable")]
    return Copies(rows, found.row[rows], found.distance[rows])


@isolated
def closest_record_ratio(train: npt.ArrayLike, fake: npt.ArrayLike, unseen: npt.ArrayLike | None = None) -> float:
    """Distance to the closest training record (DCR), against that of unseen real rows; higher is safer.

    median_j min_i |f_j - r_i| / median_u min_i |h_u - r_i| with h the unseen rows; means where a median is 0.

    Parameters
    ----------
    train : array-like of shape (n, d)
        Features of the training rows.
    fake : array-like of shape (m, d)
    unseen : array-like of shape (u, d), optional
        Real rows that were held out. None compares with the distance of each training row to its nearest other.

    Returns
    -------
    float
        A ratio of distances, in [0, inf): 1 is as far from the training rows as unseen real rows are, 0 is
        copies. Much above 1 the rows are no longer like the real ones. Under 30 rows it says little.

    References
    ----------
    Zhao et al. (2021), CTAB-GAN, arXiv:2102.08369, there without the comparison.

    Examples
    --------
    >>> from ganaug.metrics import closest_record_ratio
    >>> closest_record_ratio([[0.0], [4.0]], [[0.25], [4.25]], [[1.0], [3.0]])
    0.25
    """
    train, fake = np.asarray(train, float), np.asarray(fake, float)
    mine = nearest(fake, train, 1)[0][:, 0]
    if unseen is None:
        theirs = nearest(train, train, 1, itself=True)[0][:, 0]
    else:
        theirs = nearest(np.asarray(unseen, float), train, 1)[0][:, 0]
    return ratio_of_middles(mine, theirs)


def ratio_of_middles(mine: Floats, theirs: Floats) -> float:
    """Ratio of medians, or of means where the lower median is 0 (most rows have an equal); 1 if nothing differs."""
    for middle in (np.median, np.mean):
        if middle(theirs) > 0:
            return float(middle(mine) / middle(theirs))
    return 1.0


@isolated
def neighbour_distance_ratio(train: npt.ArrayLike, fake: npt.ArrayLike) -> float:
    """Nearest-neighbour distance ratio (NNDR); higher is safer.

    mean_j |f_j - r_(1)| / |f_j - r_(2)| with r_(1), r_(2) the closest and second closest training rows.

    Parameters
    ----------
    train : array-like of shape (n, d)
        Features of the training rows.
    fake : array-like of shape (m, d)

    Returns
    -------
    float
        A ratio of distances, in [0, 1]: near 1 no single training row stands out, near 0 each synthetic row
        has one of its own. Compare it with what unseen real rows get. Under 30 rows it says little.

    References
    ----------
    Zhao et al. (2021), CTAB-GAN, arXiv:2102.08369.

    Examples
    --------
    >>> from ganaug.metrics import neighbour_distance_ratio
    >>> neighbour_distance_ratio([[0.0], [4.0]], [[1.0], [2.0]])
    0.6666666666666666
    """
    return float(closest(train, fake).ratio.mean())


@isolated
def authenticity(train: npt.ArrayLike, fake: npt.ArrayLike) -> float:
    """Share of synthetic rows that are no noisy copies of a training row; higher is better.

    mean_j [|f_j - r| > min_{r' != r} |r' - r|] with r the training row closest to f_j.

    Parameters
    ----------
    train : array-like of shape (n, d)
        Features of the training rows.
    fake : array-like of shape (m, d)

    Returns
    -------
    float
        A share of rows, in [0, 1]: unseen real rows get about 0.5 to 0.7, copies 0. Where real rows have
        equals, equal rows count as no copies. Under 30 rows it says little.

    References
    ----------
    Alaa et al. (2022), arXiv:2102.08921, section 3.3.

    Examples
    --------
    >>> from ganaug.metrics import authenticity
    >>> authenticity([[0.0], [1.0], [3.0]], [[0.1], [4.5], [7.0]])
    0.3333333333333333
    """
    found = closest(train, fake)
    return float(authentic(found).mean())


def authentic(found: Closest) -> Floats:
    """1 for each synthetic row that is no noisy copy, else 0."""
    return ((found.distance > found.own) | (found.own == 0)).astype(float)


@isolated
def membership_auc(train: npt.ArrayLike, unseen: npt.ArrayLike, fake: npt.ArrayLike) -> float:
    """How well an attacker tells training rows from unseen ones by the synthetic rows; lower is better.

    P(d(r) < d(h)) + 1/2 P(d(r) = d(h)), the AUC, with d the distance to the closest synthetic row, r a training row and
    h an unseen one.

    Parameters
    ----------
    train : array-like of shape (n, d)
        Features of the training rows (members).
    unseen : array-like of shape (u, d)
        Features of real rows that were held out.
    fake : array-like of shape (m, d)

    Returns
    -------
    float
        A probability, in [0, 1]: 0.5 is a coin, 1 gives every member away. Its standard error is about
        ``0.29 sqrt(1/n + 1/u)``: with 50 rows each, 0.6 is still chance.

    References
    ----------
    Chen et al. (2020), GAN-Leaks, arXiv:1909.03935, the attack on a full black box.

    Examples
    --------
    >>> from ganaug.metrics import membership_auc
    >>> membership_auc([[0.0], [1.0]], [[0.4], [1.6]], [[0.1], [1.1]])
    1.0
    """
    rows = np.asarray(fake, float)
    scores = [-nearest(np.asarray(a, float), rows, 1)[0][:, 0] for a in (train, unseen)]
    ranks = rankdata(np.concatenate(scores))
    n, u = map(len, scores)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * u))


# ---- of a pair of samples --------------------------------------------------------------------------


def _looked_at(c: SamplePair) -> Rows:
    return c.once("looked at", lambda: at_most(c.synthetic, PRIVACY_ROWS, numpy_generator(c.seed, "privacy")))


def _closest_real(c: SamplePair) -> Closest:
    return c.once("closest", lambda: closest(c.train.features, _looked_at(c).features))


def _others(c: SamplePair) -> Closest:
    """Of training rows, each as if it had been held out: of halves of them, half as many would be anyone's copy."""

    def make() -> Closest:
        n = len(c.train)
        rows = numpy_generator(c.seed, "others").choice(n, min(n, FLOOR_ROWS), replace=False)
        return closest_others(c.train.features, rows)

    return c.once("others", make)


def _of_others(c: SamplePair, value: Callable[[Closest], Floats]) -> float | None:
    return float(value(_others(c)).mean()) if len(c.train) > 2 else None


def _by_chance(c: SamplePair) -> float:
    """Share of near copies among rows whose columns are drawn one by one: where columns have few values, many meet."""
    rng = numpy_generator(c.seed, "chance")
    rows = c.train.features
    drawn = [rng.integers(len(rows), size=min(len(rows), FLOOR_ROWS)) for _ in c.widths]
    ends = np.cumsum(c.widths)
    parts = [rows[places, end - width : end] for places, end, width in zip(drawn, ends, c.widths, strict=True)]
    return float(closest(rows, np.concatenate(parts, axis=1)).near.mean())


def measure_closest_record(c: SamplePair) -> Estimate:
    """`closest_record_ratio`; the interval is over the synthetic rows."""
    mine = _closest_real(c).distance
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


def measure_neighbour_ratio(c: SamplePair) -> Estimate:
    """`neighbour_distance_ratio`."""
    return mean_estimate(_closest_real(c).ratio, **c.options(floor=_of_others(c, lambda found: found.ratio)))


def measure_copies(c: SamplePair) -> Estimate:
    """Share of rows that `near_copies` lists, and the list by row numbers as given."""
    found, looked = _closest_real(c), _looked_at(c)
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


def measure_authentic(c: SamplePair) -> Estimate:
    """`authenticity`."""
    return mean_estimate(authentic(_closest_real(c)), **c.options(floor=_of_others(c, authentic)))


def measure_membership(c: SamplePair) -> Estimate:
    """`membership_auc` of as many training rows as there are unseen ones."""
    if c.unseen is None:
        raise InvalidDataError("membership_auc needs held-out rows: give X_holdout")
    rng = numpy_generator(c.seed, "membership")
    unseen = at_most(c.unseen, PRIVACY_ROWS, rng)
    members = at_most(c.train, max(len(unseen), 50), rng)
    near, far = (-nearest(rows.features, c.offered.features, 1)[0][:, 0] for rows in (members, unseen))

    def auc(w_members: Floats, w_unseen: Floats) -> float:
        return weighted_auc(near, far, w_members, w_unseen)

    return estimate(auc, (len(members), len(unseen)), **c.options(floor=0.5))
