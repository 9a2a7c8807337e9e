"""The filter of synthetic rows, rejection sampling by it, and what is told of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from ganaug.exceptions import InvalidDataError, InvalidParameterError, TrainingWarning
from ganaug.filtering.forest import SHARE_STEP, ArrayForest, bar_for, chance_kept, odds_of
from ganaug.utils.determinism import child_seed, numpy_generator, warn
from ganaug.utils.types import Arrays, BoolArray, Config, DoubleArray, FloatArray, IntArray, State

__all__ = [
    "AUTO",
    "LIKE_THE_CLASS",
    "MIN_ROWS",
    "RULES",
    "SAMPLES_LIKE_THE_CLASS",
    "FilterCounts",
    "RowFilter",
    "TakenAnyway",
    "View",
    "check_rules",
    "rejection_sample",
]

# --------------------------------------------------------------------------------------
# The filter of synthetic rows.
#
# A filter is fitted to the encoded training rows and judges encoded synthetic
# ones by up to three rules: with hashes of the training rows, bounds and a forest.
# Hashes are for the process that fitted, and leave it only when asked; bounds are
# rounded; the forest is one that learnt on synthetic rows alone (`RowFilter.distil`).


# The most serious first. If too few rows pass, rows are taken that only the last rule refuses.
RULES = ("copies", "rules", "outliers", "other_class")
# What `sample` refuses by default: rows like the class remain. "other_class" moves classes apart where they overlap,
# which helps a classifier that is trained on the rows (`GANOversampler`), and makes them unlike the class.
LIKE_THE_CLASS = ("copies", "outliers", "rules")
SAMPLES_LIKE_THE_CLASS = ("copies", "outliers")  # of images and series, which have no columns

# Two rows in one cell of this width (of a normal score) in every column are copies.
CELL = 0.02
# If more real rows than this are duplicates, an equal row is no copy: the data has few values.
REPEATS_ALLOWED = 0.05
# Up to this width, a row must also be plausible in each single column.
MAX_AXES = 256
N_DIRECTIONS = 32
# A row is an outlier beyond all rows seen in a direction and beyond what, over all directions together, this
# share of rows would reach by chance, were the class normal: the range of 20 rows alone would refuse most real
# rows that it has not seen.
BY_CHANCE = 0.1
# A class of fewer rows has seen too little to say what is far outside it, or what is another class.
MIN_ROWS = 12
# Where classes are well separated, ENOUGH is too little: a row is then asked for what this share of the class's own
# unseen rows stay below, but never for all of the votes. docs/method.md tells what else was tried.
AUTO, ENOUGH, REFUSED_OF_REAL, SURE = "auto", 0.6, 0.25, 0.95
# Rows that get less are not all refused, but kept with a probability (odds of their votes / odds asked for) ** power.
# Odds with a power leave the direction in which the classes differ as it is, and a threshold does not. The power is
# the largest of these with which this share of the class's own unseen rows would be kept, and so the smaller the more
# the classes overlap.
POWERS, KEPT_OF_REAL = (4.0, 3.5, 3.0, 2.5, 2.0, 1.75, 1.5, 1.25, 1.0, 0.75, 0.5, 0.25), 0.55
# An upper bound on how much a projection changes by rounding.
NEAR = 1e-3
# Bounds are multiples of a power of two, of this share of a class's standard deviation or less.
BOUND_STEP = 0.25
# Rows that are checked together, so that they stay in the processor's cache.
JUDGED_AT_ONCE, HASHED_AT_ONCE = 8192, 512
# Rows of which a view is made together.
SEEN_AT_ONCE = 32_768
_ALL_BUT_16 = np.uint64(48)

# The arrays of a saved filter: number of axes and dtype.
_ARRAYS = {
    "hashes": (1, "int64"),
    "hash_factors": (1, "int64"),
    "directions": (2, "float32"),
    "bounds": (3, "float32"),
    "few": (1, "bool"),
    "least": (1, "float32"),
    "powers": (1, "float32"),
    "forest.value": (2, "float32"),
    "forest.threshold": (1, "float32"),
    **dict.fromkeys(("forest.feature", "forest.left", "forest.right", "forest.roots"), (1, "int32")),
}


# From encoded rows to what is judged of them, and which of them break a rule of the table. (n, d) -> (n, k), (n,)
View = Callable[[FloatArray], "tuple[FloatArray, BoolArray]"]


class RowFilter:
    """Judge encoded rows of given conditions.

    Parameters
    ----------
    rules : iterable of str
        Any of "copies" (equal to a training row), "rules" (a rule of the table is broken, by what ``view`` says),
        "outliers" (far outside the class's rows in some direction) and "other_class" (a forest gives the
        class less than ``min_probability``).
    min_probability : float or "auto"
        Share of the forest's class-balanced votes that the class must get. "auto" is 0.6 of them, or more where the
        classes are well separated: what a quarter of the class's own rows stay below, judged by trees that never saw
        them. It thins out what gets less instead of refusing all of it, the more gently the more the classes overlap.
    view : callable, optional
        Makes of encoded rows what is judged; not part of the state. By default they are judged as they are.
    """

    def __init__(self, rules: Iterable[str], min_probability: float | str, view: View | None = None) -> None:
        self.rules = tuple(rule for rule in RULES if rule in tuple(rules))
        self.min_probability = min_probability
        self.hashes: npt.NDArray[np.uint64] = np.zeros(0, np.uint64)
        self.hash_factors: npt.NDArray[np.uint64] = np.zeros(0, np.uint64)
        self.directions: FloatArray = np.zeros((0, 0), np.float32)
        self.bounds: FloatArray = np.zeros((0, 2, 0), np.float32)
        self.forest: ArrayForest | None = None
        self.few: BoolArray = np.zeros(0, bool)
        self.least: FloatArray = np.zeros(0, np.float32)
        self.powers: FloatArray = np.zeros(0, np.float32)
        self.view = view
        self.copies_unchecked = False  # the hashes that the rule needs stayed where they were made

    def fit(self, x: FloatArray, y: IntArray, n_conditions: int, conditions: Sequence[int], seed: int) -> RowFilter:
        """Learn what the training rows look like.

        Parameters
        ----------
        x : ndarray of shape (n, d), float32
            Encoded training rows.
        y : ndarray of shape (n,), int64
            Their conditions.
        n_conditions : int
        conditions : sequence of int
            Those that will be judged.
        seed : int
        """
        x = self._seen(x)
        width = x.shape[1]
        if "copies" in self.rules:
            rng = numpy_generator(seed, "hash")
            self.hash_factors = rng.integers(1, 2**63, (width,), dtype=np.uint64) | np.uint64(1)
            mine = np.isin(y, conditions)
            hashes = np.unique(self._hash(x)[mine])
            repeats = 1 - len(hashes) / max(1, mine.sum())
            self.hashes = hashes if repeats <= REPEATS_ALLOWED else hashes[:0]
            self.__dict__.pop("_beginnings", None)
        if "outliers" in self.rules:
            self.directions = _directions(x, numpy_generator(seed, "directions"))
            self.bounds = np.full((n_conditions, 2, self.directions.shape[1]), np.inf, np.float32)
            self.bounds[:, 0] = -np.inf
            for condition in conditions:
                rows = np.flatnonzero(y == condition)
                if len(rows) < MIN_ROWS:
                    continue
                parts = np.split(rows, range(JUDGED_AT_ONCE, len(rows), JUDGED_AT_ONCE))
                self.bounds[condition] = _plausible_range(np.concatenate([self._project(x[part]) for part in parts]))
        counts = np.bincount(y, minlength=n_conditions)
        self.few = counts < MIN_ROWS
        if "other_class" in self.rules and n_conditions > 1 and counts.min() > 0 and width > 0:
            self.forest = ArrayForest.fit(x, y, child_seed(seed, "forest"))
            self.least = np.array([self._at_least(votes) for votes in self.forest.unseen], np.float32)
            if self.min_probability == AUTO:
                asked = zip(self.forest.unseen, self.least.tolist(), strict=True)
                self.powers = np.array([_power(votes, least) for votes, least in asked], np.float32)
        return self

    def distil(self, candidates: Sequence[FloatArray], seed: int) -> RowFilter:
        """Put a forest that has seen no training row in the place of the one that has.

        Parameters
        ----------
        candidates : sequence of ndarray of shape (m, d), float32
            Synthetic rows of each condition, as they will be judged. The new forest learns the old one's votes on
            them, and refuses as many of each condition.
        seed : int

        Returns
        -------
        self
        """
        if self.forest is None or not len(self.least):
            return self
        candidates = [self._seen(rows) for rows in candidates]
        x = np.concatenate(candidates)
        votes = self.forest.predict_proba(x)
        new = ArrayForest.distilled(x, votes, child_seed(seed, "distilled"))
        again, start = new.predict_proba(x), 0
        for condition, rows in enumerate(candidates):
            own = slice(start, start + len(rows))
            start += len(rows)
            if not len(rows):
                continue
            if self.thins:
                power, before = float(self.powers[condition]), votes[own, condition]
                kept = float(chance_kept(before, float(self.least[condition]), power).mean())
                self.least[condition] = bar_for(again[own, condition], power, kept)
                continue
            refused = float((votes[own, condition] < self.least[condition]).mean())
            bar = 1.0 if refused == 1 else 0.0 if refused == 0 else np.quantile(again[own, condition], refused)
            self.least[condition] = np.rint(bar / SHARE_STEP) * SHARE_STEP
        self.forest = new
        return self

    def verdict(self, x: FloatArray, condition: int, lots: FloatArray | None = None) -> npt.NDArray[np.int8]:
        """Which rule refuses each row: its place in `RULES` plus one, or 0 to keep. (n, d) -> (n,).

        ``lots`` are uniform numbers, one for each row, by which a curator that `thins` keeps some of the rows below
        its bar. Without them it refuses all of these.
        """
        said = np.zeros(len(x), np.int8)
        bars = None if lots is None else self._bars(lots, condition)
        for start in range(0, len(x), JUDGED_AT_ONCE):
            part, own = x[start : start + JUDGED_AT_ONCE], said[start : start + JUDGED_AT_ONCE]
            left = np.arange(len(part))
            if self.view is not None:
                part, broken = self.view(part)
                if "rules" in self.rules and broken.any():
                    own[broken] = RULES.index("rules") + 1
                    left, part = left[~broken], part[~broken]
            asked = None if bars is None else bars[start : start + JUDGED_AT_ONCE]
            # the most expensive test is the last one, and does not see rows that the others refuse
            for rule in [rule for rule in self.rules if rule in _TESTS]:
                if rule == "other_class" and asked is not None:
                    refused = self._other_class(part, condition, asked[left])
                else:
                    refused = _TESTS[rule](self, part, condition)
                own[left[refused]] = np.where(own[left[refused]], own[left[refused]], RULES.index(rule) + 1)
                # testing a few rows twice is cheaper than copying all others
                if 8 * np.count_nonzero(refused) > len(part):
                    left, part = left[~refused], part[~refused]
        return said

    def _seen(self, x: FloatArray) -> FloatArray:
        if self.view is None or not len(x):
            return x if self.view is None else self.view(x)[0]
        # a part at a time, because a view makes a table of it
        parts = (self.view(x[start : start + SEEN_AT_ONCE])[0] for start in range(0, len(x), SEEN_AT_ONCE))
        first = next(parts)
        seen = np.empty((len(x), first.shape[1]), first.dtype)
        for start, part in zip(range(0, len(x), SEEN_AT_ONCE), chain([first], parts), strict=True):
            seen[start : start + len(part)] = part
        return seen

    def _copies(self, x: FloatArray, condition: int) -> BoolArray:
        if not len(self.hashes):
            return np.zeros(len(x), bool)
        own = self._hash(x)
        # bisection only for the few hashes that begin like a known one
        same: BoolArray = self._beginnings.take((own >> _ALL_BUT_16).view(np.int64), mode="wrap")
        like = np.flatnonzero(same)
        same[like] = self.hashes.take(np.searchsorted(self.hashes, own[like]), mode="clip") == own[like]
        return same

    def _outliers(self, x: FloatArray, condition: int) -> BoolArray:
        low, high = self.bounds[condition]
        # BLAS is ten times as fast but rounds differently: rows near a bound are computed again
        along = self.directions.T @ x.T
        outside = _beyond(along, low + NEAR, high - NEAR)
        near = np.flatnonzero(outside)
        near = near[~_beyond(along[:, near], low - NEAR, high + NEAR)]
        outside[near] = _beyond(self._project(x[near]).T, low, high)
        return outside

    def _other_class(self, x: FloatArray, condition: int, bars: FloatArray | None = None) -> BoolArray:
        if self.forest is None or self.few[condition]:
            return np.zeros(len(x), bool)
        return ~self.forest.votes_reach(x, condition, float(self.least[condition]) if bars is None else bars)

    @property
    def thins(self) -> bool:
        """Whether rows below the bar are thinned out, and not all refused."""
        return len(getattr(self, "powers", ())) > 0  # a pickle of an earlier version has none

    def _bars(self, lots: FloatArray, condition: int) -> FloatArray | None:
        """What each row must get, so that it is kept with the probability that `chance_kept` says."""
        if not self.thins:
            return None
        odds = odds_of(self.least[condition]) * lots ** (1 / self.powers[condition])
        return np.asarray(odds / (1 + odds), np.float32)

    def _at_least(self, votes: DoubleArray) -> float:
        """What a row of a class must get, from what rows of the class got whose trees never saw them."""
        if self.min_probability != AUTO:
            return float(self.min_probability)
        return max(ENOUGH, min(SURE, float(np.quantile(votes, REFUSED_OF_REAL)))) if len(votes) >= MIN_ROWS else ENOUGH

    @property
    def holds_samples(self) -> bool:
        """Whether there is a trace of every training row: its hash."""
        return len(self.hashes) > 0

    @cached_property
    def _beginnings(self) -> BoolArray:
        """For each beginning of 16 bits, whether a known hash has it."""
        has = np.zeros(2**16, bool)
        has[self.hashes >> _ALL_BUT_16] = True
        return has

    def _hash(self, x: FloatArray) -> npt.NDArray[np.uint64]:
        total = np.empty(len(x), np.uint64)
        for start in range(0, len(x), HASHED_AT_ONCE):
            cells = x[start : start + HASHED_AT_ONCE] / CELL
            mixed = np.floor(cells, out=cells).astype(np.int64).view(np.uint64)
            mixed *= self.hash_factors
            mixed ^= mixed >> np.uint64(29)
            mixed.sum(1, out=total[start : start + HASHED_AT_ONCE])
        return total

    def _project(self, x: FloatArray) -> FloatArray:
        # einsum without BLAS: its result must not depend on the number of threads
        along: FloatArray = np.einsum("nd,dk->nk", x, self.directions, optimize=False)
        return along

    def __getstate__(self) -> dict[str, Any]:
        return {
            **{k: v for k, v in self.__dict__.items() if k not in ("_beginnings", "view")},  # made again
            "view": None,
            "hashes": self.hashes[:0],
            "hash_factors": self.hash_factors[:0],
            "copies_unchecked": self.copies_unchecked or self.holds_samples,
        }

    def get_state(self, keep_copies_check: bool = False) -> State:
        """Config (JSON) and arrays; without the hashes of training rows unless asked for."""
        if self.holds_samples and not keep_copies_check:
            without = type(self)(self.rules, self.min_probability)
            without.__dict__.update(self.__getstate__())
            return without.get_state()
        arrays: Arrays = {
            "hashes": self.hashes.view(np.int64),
            "hash_factors": self.hash_factors.view(np.int64),
            "directions": self.directions,
            "bounds": self.bounds,
            "few": self.few,
        }
        config: Config = {
            "rules": list(self.rules),
            "min_probability": self.min_probability,
            "forest_depth": None,
            "copies_unchecked": self.copies_unchecked,
        }
        if len(self.least):
            arrays["least"] = self.least
        if self.thins:
            arrays["powers"] = self.powers
        if self.forest is not None:
            config["forest_depth"] = self.forest.depth
            arrays |= {f"forest.{name}": getattr(self.forest, name) for name in ArrayForest.ARRAYS}
        return config, arrays

    @classmethod
    def from_state(cls, config: Config, arrays: Arrays, width: int, n_conditions: int) -> RowFilter:
        """The counterpart of `get_state`, for encoded rows of ``width`` columns and so many conditions.

        Raises
        ------
        InvalidDataError
            If the arrays do not fit one another, the width or the conditions.
        """
        self = cls(config["rules"], config["min_probability"])
        odd = [k for k, a in arrays.items() if k in _ARRAYS and (a.ndim, a.dtype.name) != _ARRAYS[k]]
        if odd:
            raise InvalidDataError(f"arrays of the curator have the wrong dtype or number of axes: {odd}")
        self.hashes = arrays["hashes"].view(np.uint64)
        self.hash_factors = arrays["hash_factors"].view(np.uint64)
        self.directions, self.bounds, self.few = arrays["directions"], arrays["bounds"], arrays["few"]
        self.copies_unchecked = bool(config.get("copies_unchecked", False))
        if config["forest_depth"] is not None:
            # before format 2 there was one number for all classes, in the config
            one = config["min_probability"]
            self.least = arrays["least"] if "least" in arrays else np.full(n_conditions, one, np.float32)
            self.powers = arrays.get("powers", self.powers)  # earlier versions refused all rows below the bar
        if config["forest_depth"] is not None:
            parts = {name: arrays[f"forest.{name}"] for name in ArrayForest.ARRAYS}
            self.forest = ArrayForest(depth=config["forest_depth"], **parts)
            self.forest.check(width, n_conditions)
        n_directions = self.directions.shape[1]
        fits = {
            "hash_factors": self.hash_factors.shape in ((width,), (0,)),
            "directions": self.directions.shape in ((width, n_directions), (0, 0)),
            "bounds": self.bounds.shape in ((n_conditions, 2, n_directions), (0, 2, 0)),
            "few": self.few.shape == (n_conditions,),
            "least": self.least.shape in ((n_conditions,), (0,))
            and bool(((self.least >= 0) & (self.least <= 1)).all()),
            "powers": self.powers.shape in ((n_conditions,), (0,))
            and bool(((self.powers >= min(POWERS)) & (self.powers <= max(POWERS))).all()),
        }
        if not all(fits.values()):
            raise InvalidDataError(
                f"arrays of the curator have the wrong shape: {[k for k, v in fits.items() if not v]}"
            )
        return self


def _power(votes: DoubleArray, least: float) -> float:
    """The largest with which enough real rows are kept that get these votes from trees that never saw them."""
    if len(votes) < MIN_ROWS:
        return 1.0
    enough = [power for power in POWERS if chance_kept(votes, least, power).mean() >= KEPT_OF_REAL]
    return max(enough, default=min(POWERS))


def _beyond(along: FloatArray, low: FloatArray, high: FloatArray) -> BoolArray:
    """Which rows leave the bounds in some direction. (k, n), (k,), (k,) -> (n,)."""
    outside = (along < low[:, None]) | (along > high[:, None])
    return np.asarray(outside.any(0))


def _directions(x: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Random directions and, for a table that is not too wide, each column of numbers. (n, d) -> (d, k)."""
    width = x.shape[1]
    draws = rng.standard_normal((width, N_DIRECTIONS)) / max(1.0, math.sqrt(width))
    numbers = [j for j in range(width) if ((x[:, j] != 0) & (x[:, j] != 1)).any()] if width <= MAX_AXES else []
    return np.concatenate([np.eye(width)[:, numbers], draws], axis=1).astype(np.float32)


def _plausible_range(along: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Bounds outside of the range seen of each column, or of a wider prediction interval. (n, k) -> (k,), (k,).

    Rounded outwards: an extreme is one row's own projection.
    """
    n, k = along.shape
    quantile = float(stdtrit(n - 1, 1 - 0.5 * BY_CHANCE / k)) * math.sqrt(1 + 1 / n)
    # of many rows a few columns at a time: a standard deviation holds the deviations of all
    parts = np.array_split(along, max(1, min(k // 8, along.size // 2**20)), axis=1)
    centre = np.concatenate([part.mean(0, dtype=np.float64) for part in parts])
    spread = np.concatenate([part.std(0, ddof=1, dtype=np.float64) for part in parts])
    low, high = (
        np.minimum(along.min(0), centre - quantile * spread),
        np.maximum(along.max(0), centre + quantile * spread),
    )
    step = np.exp2(np.floor(np.log2(BOUND_STEP * np.maximum(spread, 2.0**-20))))
    return (np.ceil(low / step - 1) * step).astype(np.float32), (np.floor(high / step + 1) * step).astype(np.float32)


_TESTS: dict[str, Callable[[RowFilter, FloatArray, int], BoolArray]] = {
    "copies": RowFilter._copies,
    "outliers": RowFilter._outliers,
    "other_class": RowFilter._other_class,
}


def check_rules(curate: bool | str | Iterable[str]) -> tuple[str, ...]:
    """The rules that a ``curate`` parameter names: True for all, False for none, or names in `RULES`.

    Raises
    ------
    InvalidParameterError
        Listing the valid names.
    """
    if isinstance(curate, bool):
        return RULES if curate else ()
    names = (curate,) if isinstance(curate, str) else tuple(curate) if isinstance(curate, Iterable) else (curate,)
    unknown = [name for name in names if name not in RULES]
    if unknown:
        raise InvalidParameterError(
            f"curate={curate!r} names no such rule: {unknown}; give True, False, or any of {list(RULES)}"
        )
    return names


# --------------------------------------------------------------------------------------
# Draw candidates until enough of them are kept, and count what became of the others.


ROUNDS = 8
# Two rounds are nearly always enough. Refused rows of later rounds are kept, in case too few rows pass; each round
# draws at least as many rows as are missing.
EASY_ROUNDS = 2


@dataclass
class FilterCounts:
    """How many candidates were drawn and what became of them.

    Attributes
    ----------
    drawn, kept : int
        Candidates up to the last one needed, and rows returned.
    rejected : dict
        Rule to number of candidates it refused (each counts once, for the first rule).
        ``drawn + taken_anyway`` is ``kept`` plus all of these.
    taken_anyway : int
        Refused rows that were returned all the same, because the bound on
        drawing again was reached.
    copies_unchecked : bool
        Whether the rule against copies was asked for, but has nothing to compare with: a loaded model does not hold
        traces of its training samples.
    rounds : list of int
        Candidates asked for in each round.
    places : ndarray of shape (kept, 2), int32
        Of each sample returned: the round in which it was drawn, and its place among the candidates of that round.
    faults : ndarray of shape (kept,), int8
        Of each sample returned: 0, or the place in `RULES` plus one of the rule that refused it; empty where none did.
    """

    drawn: int = 0
    kept: int = 0
    rejected: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RULES, 0))
    taken_anyway: int = 0
    copies_unchecked: bool = False
    rounds: list[int] = field(default_factory=list, compare=False)
    places: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, 2), np.int32), compare=False)
    faults: npt.NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8), compare=False)

    def row(self) -> dict[str, int | None]:
        """As one flat row of a table; None counts what could not be looked for."""
        rejected: dict[str, int | None] = {**self.rejected}
        if self.copies_unchecked:
            rejected["copies"] = None
        return {"drawn": self.drawn, "kept": self.kept, **rejected, "taken_anyway": self.taken_anyway}


def rejection_sample(
    draw: Callable[[int, int], Iterable[FloatArray]],
    row_filter: RowFilter | None,
    condition: int,
    n: int,
    seed: int = 0,
) -> tuple[FloatArray, FilterCounts]:
    """Exactly ``n`` rows, drawn again where a rule refuses them, at most `ROUNDS` times.

    Parameters
    ----------
    draw : callable ``(n, round) -> iterable of (m, d)``
        Draws candidates, in parts of as many as it likes. Each is judged before the next one is drawn.
    row_filter : RowFilter or None
        None keeps everything.
    condition : int
    n : int
    seed : int
        Of the lots of a curator that thins out.

    Returns
    -------
    rows : ndarray of shape (n, d), float32
        In the order of drawing; if the rounds did not suffice, refused rows fill up the end.
    counts : FilterCounts
    """
    unchecked, thins = getattr(row_filter, "copies_unchecked", False), getattr(row_filter, "thins", False)
    counts, rows = (
        FilterCounts(copies_unchecked=unchecked),
        np.zeros(0, np.float32),
    )  # as many and as large as the first part's, once it is here
    counts.places = np.zeros((n, 2), np.int32)
    refused: list[FloatArray] = []
    faults: list[npt.NDArray[np.int8]] = []
    refused_at: list[npt.NDArray[np.int32]] = []
    missing = n
    for round_ in range(ROUNDS if row_filter is not None else 1):
        if round_ and not missing:
            break
        rate = counts.kept / counts.drawn if counts.drawn else 1.0
        spare = min(1.2, 1 + 3 / math.sqrt(max(1, missing)))
        count = missing if round_ == 0 else math.ceil(min(missing / max(rate, 0.1) * spare, 4 * n))
        counts.rounds.append(count)
        rng = numpy_generator(seed, "lots", round_)
        first = 0  # place of the part's first candidate in the round
        for part in draw(count, round_):
            if not counts.drawn:
                rows = np.empty((n, *part.shape[1:]), part.dtype)
            lots = (rng.random(len(part), np.float32),) if thins else ()
            said = np.zeros(len(part), np.int8) if row_filter is None else row_filter.verdict(part, condition, *lots)
            good = np.flatnonzero(said == 0)[:missing]
            missing -= len(good)
            if not missing and len(good):  # what was drawn beyond the last row needed does not count
                said = said[: good[-1] + 1]
            part.take(good, axis=0, out=rows[counts.kept : counts.kept + len(good)], mode="clip")
            counts.places[counts.kept : counts.kept + len(good)] = _places(round_, first + good)
            counts.drawn += len(said)
            counts.kept += len(good)
            for place, rule in enumerate(RULES, 1):
                counts.rejected[rule] += int((said == place).sum())
            if not missing:
                break
            if round_ >= EASY_ROUNDS:
                bad = _least_evil(said)[:missing]
                refused.append(part[bad])
                faults.append(said[bad])
                refused_at.append(_places(round_, first + bad))
            first += len(part)
        if not refused:
            continue
        pool, found, found_at = np.concatenate(refused), np.concatenate(faults), np.concatenate(refused_at)
        best = _least_evil(found)[:missing]  # no more of them than could be needed
        refused, faults, refused_at = [pool[best]], [found[best]], [found_at[best]]
    if missing:
        rows[counts.kept :], counts.places[counts.kept :] = refused[0], refused_at[0]
        counts.faults = np.zeros(n, np.int8)
        counts.faults[counts.kept :] = faults[0]
        counts.taken_anyway = missing
        counts.kept = n
    return rows, counts


def _places(round_: int, places: IntArray) -> npt.NDArray[np.int32]:
    """Places in a round, with the round before each. (n,) -> (n, 2)."""
    return np.stack([np.full(len(places), round_), places], axis=1).astype(np.int32)


def _least_evil(said: npt.NDArray[np.int8]) -> IntArray:
    """Places of refused rows, another class's first: a copy tells a secret, an outlier teaches nonsense."""
    bad = np.flatnonzero(said)
    return bad[np.argsort(-said[bad], kind="stable")]


# --------------------------------------------------------------------------------------
# What is told of refused rows that were returned all the same.


class TakenAnyway:
    """Copies and broken rules among the rows that a call returns, gathered over all of its draws and told once.

    Outliers, and rows that another class might have, are what a poor generator makes: they are only counted.

    Attributes
    ----------
    returned, copies, broken : int
        Rows returned, those that are copies, and those that break a rule of the table.
    rules : Counter
        Rule, as text, to how many break it.
    """

    def __init__(self) -> None:
        self.returned = self.copies = self.broken = 0
        self.rules: Counter[str] = Counter()

    def add(self, n: int, faults: npt.NDArray[np.int8], broken: Callable[[IntArray], Mapping[str, int]]) -> None:
        """Count n more rows with their faults; ``broken`` says which rules some places break, and how often."""
        places = np.flatnonzero(faults == RULES.index("rules") + 1)
        self.returned += n
        self.copies += int((faults == RULES.index("copies") + 1).sum())
        self.broken += len(places)
        if len(places):
            self.rules.update(broken(places))

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """A block in which calls add to this and tell nothing themselves."""
        token = _gatherer.set(self)
        try:
            yield
        finally:
            _gatherer.reset(token)

    @contextmanager
    def telling(self) -> Iterator[TakenAnyway]:
        """A block at whose end there is a warning if anything is to be told; what an outer one gathers, it tells."""
        outer = _gatherer.get()
        try:
            yield outer or self
        except GeneratorExit:  # the caller stopped in the middle
            self._tell()
            raise
        self._tell()

    def _tell(self) -> None:
        said = []
        if self.broken:
            names = [f"{rule!r} ({count:,})" for rule, count in self.rules.most_common(_NAMED)]
            names += [f"and {len(self.rules) - _NAMED} more"] if len(self.rules) > _NAMED else []
            said.append(
                f"{self.broken:,} of the {self.returned:,} rows returned break rules of the table, which hardly any "
                f"candidate kept: {', '.join(names)}. Train longer, leave out a rule that is an accident of the data "
                "(rules=[...], from rules_), or drop these rows: rules_.allows(X) is False for them"
            )
        if self.copies:
            said.append(
                f"{self.copies:,} of the {self.returned:,} samples returned are copies of training samples, as hardly "
                "any candidate was none. Train longer or on more samples, and do not hand these out as synthetic"
            )
        if said:
            warn("; ".join(said), TrainingWarning)


_NAMED = 5
_gatherer: ContextVar[TakenAnyway | None] = ContextVar("gatherer", default=None)
