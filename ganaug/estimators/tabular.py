"""Tables as a modality, the GAN for them, and the marginals of a class, to which a column's values are moved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from operator import itemgetter
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from sklearn.utils import Tags

from ganaug.augmentation import Augmentation, jitter
from ganaug.encoding.quantiles import FastSearch, quantile_pairs
from ganaug.encoding.table import argmax_rows
from ganaug.estimators.custom import register
from ganaug.estimators.fitting import Constraints, Measure, Seed
from ganaug.estimators.gan import BaseGAN, or_auto
from ganaug.estimators.modality import (
    Design,
    Draw,
    Filter,
    Modality,
    Task,
    row_filter,
    row_score,
    training_config,
)
from ganaug.estimators.smoothing import ClassKernel
from ganaug.exceptions import InvalidParameterError, ModelFileError
from ganaug.filtering import LIKE_THE_CLASS, RULES, RowFilter, View
from ganaug.filtering.rows import AUTO
from ganaug.networks import CONDITIONINGS, TABULAR_ARCHITECTURES, NetworkPair
from ganaug.rules import Rules, as_rule
from ganaug.rules.base_rule import GUARDED
from ganaug.rules.codec import RuledTableCodec, checked_rules, is_function, without_pairs
from ganaug.training.loop import Watcher
from ganaug.training.train_state import TrainConfig
from ganaug.utils import types
from ganaug.utils.determinism import child_seed
from ganaug.utils.state import expect
from ganaug.utils.types import Arrays, Block, BoolArray, Config, DoubleArray, FloatArray, IntArray

__all__ = ["ClassMarginals", "TableModality", "TableSmoother", "TabularGAN"]

# --------------------------------------------------------------------------------------
# The marginals of a class: what a generator makes of each column, moved to what the class's own rows have there.


# Rows of a class that have a state, from which on it is made as often; of fewer it is only not made more often.
_SHARED = 4
# Rows that the generator's own share of a state counts as.
_PRIOR_ROWS = 10.0
_ROUNDS, _STEEPEST = 24, 12.0
# Rows that are not refused are compared with the class again, so often at most (and where states rule each other out):
# not if they are few, nor where nearly all stay and every group is near.
_REFUSED_ROUNDS, _RULED_OUT_ROUNDS, _GENTLY, _FEWEST_KEPT, _MOSTLY_KEPT, _NEAR = 6, 12, 0.7, 100, 0.9, 0.02

# ``active(rows)``: which numbers of encoded rows decoding reads. (n, width) -> (n, d).
Active = Callable[[FloatArray], BoolArray]
# A column, its knots, and how far each of these is moved.
Curve = tuple[int, FastSearch, DoubleArray]


class ClassMarginals:
    """Move each column of encoded rows of a class to where the class has it.

    A generator learns how columns depend on each other better than the shape of each. Numbers go through a monotone
    curve of their own, by which their quantiles become those of the class (quantile mapping: the dependence between
    columns, the copula, stays), and each state of a one-hot group gets an offset on its logit, by which it comes as
    often as in the class.

    Parameters
    ----------
    conditions : ndarray of shape (k,), int64
        Conditions that are moved.
    made, wanted : ndarray of shape (k, d, m), float32
        For each number the knots of its curve, increasing; NaN where there are fewer (`quantile_pairs`): ``made`` of
        rows of the generator, ``wanted`` of those of the class at the same quantiles.
    offsets : ndarray of shape (k, width), float32
        Added to encoded rows of which one-hot groups hold logits. Zero for numbers.
    never : ndarray of shape (p, 2), int64
        Pairs of states, as columns of the encoded row, of which a row has none (`without_pairs`).
    groups : list of slice
        Columns of each one-hot group.

    References
    ----------
    Panofsky and Brier (1968), Some Applications of Statistics to Meteorology (quantile mapping). Sklar (1959),
    Fonctions de repartition a n dimensions et leurs marges. Menon et al. (2021), Long-Tail Learning via Logit
    Adjustment.
    """

    ARRAYS = ("made", "wanted", "offsets")

    never: IntArray = np.zeros((0, 2), np.int64)  # a pickle of an earlier version has none
    groups: Sequence[slice] = ()

    def __init__(
        self,
        conditions: IntArray,
        made: FloatArray,
        wanted: FloatArray,
        offsets: FloatArray,
        never: IntArray,
        groups: Sequence[slice],
    ) -> None:
        self.conditions, self.made, self.wanted, self.offsets = conditions, made, wanted, offsets
        self.never, self.groups = never, groups

    @classmethod
    def fit(
        cls,
        x: FloatArray,
        y: IntArray,
        conditions: Sequence[int],
        blocks: Sequence[Block],
        active: Active,
        drawn: Callable[[int], FloatArray],
        kept: Callable[[int, FloatArray], BoolArray] | None = None,
        never: IntArray | None = None,
    ) -> ClassMarginals:
        """Compare rows of each class with a generator's own.

        Parameters
        ----------
        x : ndarray of shape (n, width), float32
            Encoded rows of the training data.
        y : ndarray of shape (n,), int64
            Their conditions.
        conditions : sequence of int
            Those that will be drawn.
        blocks : sequence of Block
            Layout of the encoded row.
        active : callable
            Which numbers of encoded rows decoding reads. (n, width) -> (n, d).
        drawn : callable
            ``drawn(condition)``: rows of the generator, whose one-hot groups hold logits. (m, width).
        kept : callable, optional
            ``kept(condition, rows)``: which of its rows, moved, will not be refused. (m, width) -> (m,). What is
            compared with the class are these.
        never : ndarray of shape (p, 2), int64, optional
            See `ClassMarginals`.
        """
        never, groups = cls.never if never is None else never, _groups(blocks)
        fits = [_Fit(x[y == condition], drawn(condition), blocks, active, never) for condition in conditions]
        checks = [None if kept is None else partial(kept, condition) for condition in conditions]
        curves = [fit.settled(check) for check, fit in zip(checks, fits, strict=True)]
        most = max((knots.shape[1] for own, _ in curves for knots in own), default=0)
        d = sum(block.width for block in blocks if block.tag == "scalar")
        made, wanted = np.full((2, len(conditions), d, most), np.nan, np.float32)
        for place, (own, _) in enumerate(curves):
            for column, knots in enumerate(own):
                made[place, column, : knots.shape[1]], wanted[place, column, : knots.shape[1]] = knots
        offsets = np.stack([offsets for _, offsets in curves])
        return cls(np.asarray(conditions, np.int64), made, wanted, offsets, never, groups)

    def moved(self, rows: FloatArray, condition: int) -> FloatArray:
        """Rows of a class with its marginals. (n, width) -> (n, width)."""
        if condition not in self.conditions:
            return rows
        place = int(np.flatnonzero(self.conditions == condition)[0])
        return without_pairs(_moved(rows, self.offsets[place], self._searches[place]), self.never, self.groups)

    @cached_property
    def _searches(self) -> list[list[Curve]]:
        sides = zip(self.made, self.wanted, strict=True)
        return [
            _searches(np.stack([a[np.isfinite(a)], b[np.isfinite(b)]]) for a, b in zip(*pair, strict=True))
            for pair in sides
        ]

    def arrays(self) -> Arrays:
        """What a file keeps of it."""
        own = {name: getattr(self, name) for name in self.ARRAYS}
        return own | ({"never": self.never} if len(self.never) else {})

    @classmethod
    def of_arrays(cls, arrays: Arrays, blocks: Sequence[Block], conditions: Sequence[int]) -> ClassMarginals:
        """The counterpart of `arrays`, for rows of this layout.

        Raises
        ------
        ModelFileError
            If the arrays fit neither one another nor the layout.
        """
        k, d = len(conditions), sum(block.width for block in blocks if block.tag == "scalar")
        most = arrays["made"].shape[-1] if arrays["made"].ndim == 3 else 0
        made, wanted = (expect(arrays, name, (k, d, most), np.float32) for name in ("made", "wanted"))
        offsets = expect(arrays, "offsets", (k, max((b.stop for b in blocks), default=0)), np.float32)
        known = np.isfinite(made)
        with np.errstate(invalid="ignore"):
            rising = (~(np.diff(made, axis=2) <= 0)).all() and (known[..., :-1] >= known[..., 1:]).all()
        if not (rising and np.array_equal(known, np.isfinite(wanted)) and np.isfinite(offsets).all()):
            raise ModelFileError("the marginals of a class are no curves")
        groups, never = _groups(blocks), np.asarray(arrays.get("never", cls.never))
        states = np.concatenate([np.arange(group.start, group.stop) for group in groups] or [cls.never[:, 0]])
        if never.dtype != np.int64 or never.ndim != 2 or never.shape[1] != 2 or not np.isin(never, states).all():
            raise ModelFileError("the states that never stand together are none of this layout")
        return cls(np.asarray(conditions, np.int64), made, wanted, offsets, never, groups)


class TableSmoother:
    """What is done to rows of a generator before they are decoded: noise of a kernel, then the class's marginals.

    Parameters
    ----------
    kernel : ClassKernel or None
    marginals : ClassMarginals or None
    """

    def __init__(self, kernel: ClassKernel | None, marginals: ClassMarginals | None) -> None:
        self.kernel, self.marginals = kernel, marginals

    def smoothed(self, rows: FloatArray, condition: int, seed: int) -> FloatArray:
        """Rows with noise, and moved. (n, width) -> (n, width)."""
        if self.kernel is not None:
            rows = self.kernel.smoothed(rows, condition, seed)
        return rows if self.marginals is None else self.marginals.moved(rows, condition)

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """What a file keeps of it."""
        own = {} if self.kernel is None else self.kernel.arrays()
        return own | ({} if self.marginals is None else self.marginals.arrays())

    @classmethod
    def of_arrays(cls, arrays: Arrays, blocks: Sequence[Block], conditions: Sequence[int]) -> TableSmoother:
        """The counterpart of `arrays`; a part that is not there, as in files of earlier versions, does nothing."""
        kernel = ClassKernel.of_arrays(arrays, blocks, conditions) if "roots" in arrays else None
        marginals = ClassMarginals.of_arrays(arrays, blocks, conditions) if "made" in arrays else None
        return cls(kernel, marginals)


def _groups(blocks: Sequence[Block]) -> list[slice]:
    return [slice(block.start, block.stop) for block in blocks if block.tag == "onehot"]


def _searches(curves: Iterable[FloatArray]) -> list[Curve]:
    """Of the columns that are moved, their knots and how far each of these is moved."""
    sides = [(column, *knots.astype(np.float64)) for column, knots in enumerate(curves) if knots.shape[1]]
    return [(column, FastSearch(made), wanted - made) for column, made, wanted in sides]


def _moved(rows: FloatArray, offsets: FloatArray, curves: list[Curve]) -> FloatArray:
    """Between two knots on a line, beyond the last ones as far from them as before. (n, width) -> (n, width)."""
    found = rows + offsets
    for column, search, shifts in curves:
        numbers = found[:, column].astype(np.float64)
        numbers += search.interp(numbers, shifts)
        found[:, column] = numbers
    return found


class _Fit:
    """The curves and offsets of one class, from its rows and those of the generator."""

    def __init__(
        self, real: FloatArray, fake: FloatArray, blocks: Sequence[Block], active: Active, never: IntArray
    ) -> None:
        self.real, self.fake, self.active = real, fake, active
        self.repaired = partial(without_pairs, pairs=never, groups=_groups(blocks))
        self.rounds = _RULED_OUT_ROUNDS if len(never) else _REFUSED_ROUNDS
        self.numbers = range(sum(block.width for block in blocks if block.tag == "scalar"))
        self.groups = _groups(blocks)
        self.counts = [np.bincount(argmax_rows(real[:, g]), minlength=g.stop - g.start) for g in self.groups]
        self.own = active(real)

    def settled(self, kept: Callable[[FloatArray], BoolArray] | None) -> tuple[list[FloatArray], FloatArray]:
        """Knots of each number and offsets (width,) with which the rows that are kept are nearest to the class."""
        offsets = np.zeros(self.fake.shape[1], np.float32)
        for group, counts in zip(self.groups, self.counts, strict=True):
            offsets[group] = _offsets(self.fake[:, group], counts)
        curves = self._curves(offsets, np.ones(len(self.fake), dtype=bool))
        tried: list[tuple[float, list[FloatArray], FloatArray]] = []
        while kept is not None and len(tried) < self.rounds:
            rows = self.repaired(_moved(self.fake, offsets, _searches(curves)))
            stay = kept(rows)
            if stay.sum() < _FEWEST_KEPT:
                break
            pushes, distances = self._pushes(rows[stay])
            tried.append((float(distances.sum()), curves, offsets))
            if distances.max(initial=0.0) < _NEAR and stay.mean() > _MOSTLY_KEPT:
                break
            offsets = (offsets + _GENTLY * pushes).clip(-_STEEPEST, _STEEPEST).astype(np.float32)
            curves = self._curves(offsets, stay)
        _, curves, offsets = min(tried, key=itemgetter(0), default=(0.0, curves, offsets))
        return curves, offsets

    def _curves(self, offsets: FloatArray, stay: BoolArray) -> list[FloatArray]:
        others = self.active(self.repaired(self.fake + offsets)) & stay[:, None]
        return [quantile_pairs(self.fake[others[:, j], j], self.real[self.own[:, j], j]) for j in self.numbers]

    def _pushes(self, rows: FloatArray) -> tuple[FloatArray, DoubleArray]:
        """By how much to change the offsets, and the distance of each group from the class."""
        pushes, distances = np.zeros(rows.shape[1], np.float32), []
        for group, counts in zip(self.groups, self.counts, strict=True):
            made = np.bincount(argmax_rows(rows[:, group]), minlength=len(counts)) / len(rows)
            target = _target(counts, made)
            pushes[group] = np.log((target + 0.5 / len(rows)) / (made + 0.5 / len(rows)))
            distances.append(float(np.abs(target - made).sum() / 2))
        return pushes, np.array(distances)


def _target(counts: IntArray, made: DoubleArray) -> DoubleArray:
    """How often each state is to be made: as in the class, and never more often if it has fewer than `_SHARED` rows.

    Those together no more often than in the class either, or than `_SHARED` rows are.
    """
    n = int(counts.sum())
    target = (counts + _PRIOR_ROWS * made) / (n + _PRIOR_ROWS)
    rare = counts < _SHARED
    target[rare] = np.minimum(made[rare], _SHARED / max(n, 1))
    together = max(_SHARED, int(counts[rare].sum())) / max(n, 1)
    target[rare] *= min(1.0, together / max(float(target[rare].sum()), 1e-12))
    return np.asarray(target / target.sum())


def _offsets(logits: FloatArray, counts: IntArray) -> FloatArray:
    """What to add to the logits of a group's states so that they are the largest as often as wanted. (m, s) -> (s,)."""
    m = len(logits)
    offsets = np.zeros(logits.shape[1], np.float64)
    target = _target(counts, np.bincount(argmax_rows(logits), minlength=len(offsets)) / m)
    best, least = offsets, np.inf
    for step in range(_ROUNDS):
        share = np.bincount(argmax_rows(logits + offsets.astype(np.float32)), minlength=len(target)) / m
        off = float(np.abs(share - target).sum())
        if off < least:
            best, least = offsets, off
        if off < 1 / m:
            break
        push = np.log((target + 0.5 / m) / (share + 0.5 / m))
        offsets = (offsets + push * (1.0 if step < _ROUNDS // 2 else 0.4)).clip(-_STEEPEST, _STEEPEST)
    return np.asarray(best - best.mean(), np.float32)


# --------------------------------------------------------------------------------------
# Tables as a modality, and the GAN for them.


# Encoded columns up to which the penalty is taken as it is.
WIDTH_OF_ONE_PENALTY = 64
# Synthetic rows of all classes, and at least of each, to which the kernel is fitted; of each, or all, for marginals.
CANDIDATES, FEWEST_CANDIDATES, ENOUGH_CANDIDATES, MOST_CANDIDATES = 4000, 200, 2000, 10_000


def _checked_switch(name: str, value: object) -> object:
    if value not in (True, False):
        raise InvalidParameterError(f"{name}={value!r} must be True or False")
    return value


class TableModality(Modality):
    """Rows of numbers, categories, dates and missing values; see `TabularGAN` for the parameters."""

    design = ("architecture", "conditioning", "width", "depth", "latent_dim")
    constraints: ClassVar[Constraints] = {
        "architecture": partial(types.choice, known=TABULAR_ARCHITECTURES),
        "conditioning": partial(types.choice, known=CONDITIONINGS),
        "width": partial(types.integer, low=1),
        "depth": partial(types.integer, low=1),
        "latent_dim": partial(types.integer, low=1),
        "jitter": partial(types.number, low=0),
        "smoothing": partial(types.number, low=0),
        "rules": lambda _, value: checked_rules(value),
        "keep_range": _checked_switch,
        "match_marginals": or_auto(_checked_switch),
    }

    architecture: str
    conditioning: str
    width: int
    depth: int
    latent_dim: int
    jitter: float
    smoothing: float
    rules: Any
    keep_range: bool
    match_marginals: bool | str

    def codec(self, mode: str | None = None) -> RuledTableCodec:
        """Numbers to normal scores, categories to one-hot groups, rules kept by rewriting the table."""
        return RuledTableCodec(keep_range=bool(self.keep_range), rules=self.rules)

    def networks(self, codec: RuledTableCodec, n_conditions: int, rng: torch.Generator, **design: Any) -> NetworkPair:
        """Residual perceptrons."""
        build = TABULAR_ARCHITECTURES[design.pop("architecture")]
        return build(codec.blocks, n_conditions, rng, **design)

    def config(self, task: Task) -> tuple[Design, TrainConfig]:
        """A penalty that grows with the width of the table."""
        steps = task.settings.max_steps or 1
        # Rows of many columns lie far apart, so that a critic with slopes too small for the penalty
        # still tells them all from each other: the squared slope at a given logit falls with the width.
        scale = task.settings.penalty * max(1.0, task.codec.width / WIDTH_OF_ONE_PENALTY)
        return task.design, training_config(task, steps, ema_half_life=min(200.0, steps / 8), penalty_scale=scale)

    def augmentation(self, codec: RuledTableCodec, counts: IntArray, device: torch.device) -> Augmentation:
        """Noise on the numbers of real rows, more for scarcer classes."""
        scale = self.jitter * np.maximum(counts, 1) ** -0.2
        return jitter(codec.blocks, torch.tensor(scale, dtype=torch.float32, device=device))

    def filter(self, task: Task) -> RowFilter | None:
        """Of rows as the table shows them, with the columns that rules leave out for the networks."""
        return row_filter(task, self._view(task.codec))

    def validation_score(self, task: Task, found: Filter | None) -> Measure:
        """Energy quality of encoded rows."""
        return row_score(task)

    def _read_filter(self, config: Config, arrays: Arrays, codec: RuledTableCodec, n_conditions: int) -> RowFilter:
        # it sees the whole table, and not the one that rules rewrite
        return RowFilter.from_state(config, arrays, codec.full.width, n_conditions)

    def _connect(self, found: Filter, codec: RuledTableCodec, device: torch.device) -> None:
        if isinstance(found, RowFilter):  # one that was copied has no view
            found.view = self._view(codec)

    def _view(self, codec: RuledTableCodec) -> View | None:
        """What a filter sees in the place of encoded rows."""
        functions = self._functions(codec)
        if not (codec.rewrites or codec.guards or functions):
            return None
        return partial(codec.judged, more=functions)

    def _functions(self, codec: RuledTableCodec) -> list[Callable[[Any], Any]]:
        """Rules that are functions, where the codec comes from a file, which holds none."""
        given = checked_rules(self.rules)
        return [] if codec.functions or isinstance(given, str) else [rule for rule in given if is_function(rule)]

    def _smoother(self, task: Task, counts: IntArray, draw: Draw, found: Filter | None) -> TableSmoother | None:
        asked, blocks = task.sampled, task.codec.blocks
        each = max(FEWEST_CANDIDATES, CANDIDATES // len(asked))
        kernel = None
        if self.smoothing > 0:
            # fitted to the generator's own rows, so that it tells no more of the training rows than they do
            rows = np.concatenate([draw(condition, each, "kernel") for condition in asked])
            conditions = np.repeat(np.array(asked, np.int64), each)
            sizes = counts[asked].tolist()
            kernel = ClassKernel.fit(rows, conditions, asked, blocks, float(self.smoothing), sizes)
        if not self.match_marginals:
            return None if kernel is None else TableSmoother(kernel, None)

        def drawn(condition: int) -> FloatArray:
            enough = max(each, min(ENOUGH_CANDIDATES, MOST_CANDIDATES // len(asked)))
            rows: FloatArray = draw(condition, enough, "marginals", raw=True)
            own = child_seed(task.seed, "marginals", condition)
            return rows if kernel is None else kernel.smoothed(rows, condition, own)

        kept, never = partial(_not_refused, found, task.codec), task.codec.forbidden_pairs(task.x)
        marginals = ClassMarginals.fit(task.x, task.y, asked, blocks, task.codec.active, drawn, kept, never)
        return TableSmoother(kernel, marginals)

    def _read_smoother(self, arrays: Arrays, codec: RuledTableCodec, sampled: Sequence[int]) -> TableSmoother:
        return TableSmoother.of_arrays(arrays, codec.blocks, sampled)


def _not_refused(found: Filter | None, codec: RuledTableCodec, condition: int, rows: FloatArray) -> BoolArray:
    """Rows that are like the class and keep the rules of the table; what another class's forest says does not count."""
    if found is None:
        return np.ones(len(rows), dtype=bool)
    said = found.verdict(codec.round_trip(rows), condition)
    places = [RULES.index(rule) + 1 for rule in ("outliers", "rules")]
    return ~np.isin(said, places)


@register
class TabularGAN(BaseGAN):
    """Class-conditional GAN for tables of numbers, categories, dates and missing values.

    Parameters
    ----------
    objective : {"relativistic", "non-saturating", "minimax", "least-squares", "wasserstein", "hinge"}
        Losses of the two networks. The default, paired relativistic logits
        with R1 and R2 penalties (Huang et al. 2024), is the one that does not
        collapse on small classes.
    architecture : {"mlp"}
        Residual multilayer perceptrons.
    conditioning : {"projection", "concat", "auxiliary"}
        How the discriminator is told the class.
    max_steps : int, default=1000
        Steps of training. The cost grows with the steps and not with the rows. On small tables 500 steps of networks
        half as wide (``max_steps=500, width=64``) take about a third of the time, and cost classifiers a little.
    max_time : float, str or None, default=None
        Seconds, or for example "90s" or "5min", that a fit may take: after encoding and rules, the training ends with
        what it has, and what smooths and refuses samples comes on top (1.2 s of 1 s on 20,000 rows). For each GAN of a
        `GANOversampler`, whose drawing is not counted. A result that was cut short by the clock does not repeat.
    batch_size : int, default=128
        Real rows for each step.
    learning_rate : float, default=1e-3
        Of both networks; falls to zero over the second half of the steps.
    width, depth : int, default=128 and 2
        Units of a layer, and residual blocks of each network.
    latent_dim : int, default=64
        Dimensions of the noise that becomes a row.
    penalty : float, default=1.0
        Factor on the objective's gradient penalties. A larger one makes training steadier and samples smoother.
    class_power : float, default=0.0
        Classes are drawn in proportion to ``rows ** class_power``: 0 draws them
        evenly, 1 as often as they occur.
    jitter : float, default=0.3
        Noise on the numbers of real rows of a class of n rows:
        ``jitter * n ** -0.2`` in units of a normal score.
    smoothing : float, default=0.5
        Noise on the numbers of synthetic rows, shaped like the class: a Gaussian kernel with
        its covariance, this factor times as wide as Silverman's rule says. From few rows a GAN learns
        clusters that are too tight; 0 does not smooth.
    validation_fraction : float, default=0.2
        Share of each class with at least 100 rows that is held out (at most 400
        rows) to choose the best snapshot. Smaller classes are validated on
        their training rows.
    patience : int or None, default=None
        Evaluations (20 in a whole training) without improvement after which to stop.
    curate : bool or list of str, default=("copies", "outliers", "rules")
        Rules that refuse a sample, which is then drawn again: "copies" equal to
        a training row in every column, "outliers" far outside the class's rows, rows that break one of the table's
        "rules" (those of ``rules`` that the encoding does not keep by itself), and rows that a forest assigns to an
        "other_class". True is all, False none. "other_class" is not a default, because it
        moves classes apart where they overlap: the rows help a classifier (`GANOversampler` uses it), but are
        less like the class.
    rules : "auto", None, or list of rules and callables, default="auto"
        What all rows of the table keep: sums, products, orders, one-hot groups, columns determined by others, values
        missing together. "auto" finds them in the data (`find_rules`), None has none. Rules of your own are
        objects such as ``Order("start", "end")``, or a callable that takes the table and returns a mask of the rows
        that keep it; they replace what would be found, and ``[*find_rules(X), ...]`` adds to it. Synthetic rows keep
        them by construction wherever the table can be rewritten so that they cannot be broken; the rest is refused
        by ``curate``. A model file holds no functions: ``save`` says which it leaves out.
    min_probability : float or "auto", default="auto"
        Where ``curate`` holds "other_class": class-balanced probability that the forest of "other_class" must give
        to the row's own class. A number is a threshold; less keeps more of the rows where classes overlap: more
        recall, less precision. "auto" asks for 0.6, or more where classes are well separated (what a quarter of the
        class's real rows stay below, each judged by trees that never saw it), and thins out what gets less: a row is
        kept with a probability of (odds it gets / odds asked for) to a power, which is the smaller the more the classes
        overlap, so that 55 % of those real rows would be kept.
    keep_range : bool, default=True
        Whether numbers and dates stay within the range seen in training.
    match_marginals : bool or "auto", default="auto"
        Whether each column of the rows of a class is moved to the values that the class has there: its numbers by a
        monotone curve (quantile mapping), its categories, missing values and frequent numbers by an offset on their
        logits; combinations that never occur are not made. How columns depend on each other stays as the networks
        learnt it. "auto" is True. What the rule "other_class" refuses does not count: it thins out rows that are
        like the class first (on 24 tables a classifier of them was as good or better: docs/method.md).
    callbacks : list of callable, optional
        Each is called with an `Event` at every logged step; if it returns a
        string, training stops and the string becomes `stop_reason_`.
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights and the encoding of the
        earlier fit, for ``max_steps`` more. After loading or copying, the
        discriminator is that of `score_samples`, which has to learn the
        training data again.
    random_state : int, RandomState, Generator or None, default=None
        An integer makes fit and samples repeat on the same machine.
    device : str, default="auto"
        "auto" (CUDA, then MPS, then CPU), or a device of torch.
    verbose : bool or "auto", default="auto"
        Progress bar: "auto" shows it on a terminal and in notebooks.

    Attributes
    ----------
    classes_ : ndarray or None
        Labels.
    history_ : DataFrame
        One row for each logged step: losses, gradient norms, mean logits, and
        "quality" and "diversity" where samples were evaluated.
    n_steps_, best_step_ : int
        Steps done, and the step of the snapshot that was kept (0: none was better than the start).
    quality_ : float
        Energy quality of the kept snapshot on held-out rows, on a scale on which the untrained generator has 0
        and unseen real rows have 1 (a little more by chance). It is multiplied by the share of its class that a judge
        recognises in the samples ("recognised" in `history_`; 1 where it knows the classes no better than by chance):
        samples of no class have a quality near 0, however real they look.
    stop_reason_ : str
        "max_steps", "max_time", "no_improvement", "interrupted", "diverged",
        "mode_collapse", or what a callback returned.
    curation_ : dict
        After ``sample``: for each label ("all" without labels) the candidates
        drawn and kept, and those that each rule refused. ``"copies": None``
        means that copies were not checked, because the model was loaded or
        copied: what they are compared with stays in the process that fitted,
        unless it was saved by ``save(..., keep_copies_check=True)``.
    rules_ : Rules
        The rules that are kept; empty where the table has none.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    References
    ----------
    Goodfellow et al. (2014), Generative Adversarial Nets. Huang et al. (2024),
    The GAN is dead; long live the GAN! Miyato and Koyama (2018), cGANs with
    Projection Discriminator.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug import TabularGAN
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> y = np.where(np.arange(200) < 30, "fraud", "fine")
    >>> gan = TabularGAN(max_steps=20, random_state=0).fit(X, y)
    >>> X_new, y_new = gan.sample(5, label="fraud")
    >>> X_new.shape, set(y_new.tolist())
    ((5, 3), {'fraud'})
    """

    _kind = TableModality
    _constraints: ClassVar[Constraints] = {
        **BaseGAN._constraints,
        "max_steps": partial(types.integer, low=1),
        "min_probability": or_auto(BaseGAN._constraints["min_probability"]),
    }

    def __init__(
        self,
        *,
        objective: str = "relativistic",
        architecture: str = "mlp",
        conditioning: str = "projection",
        max_steps: int = 1000,
        max_time: float | str | None = None,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        width: int = 128,
        depth: int = 2,
        latent_dim: int = 64,
        penalty: float = 1.0,
        class_power: float = 0.0,
        jitter: float = 0.3,
        smoothing: float = 0.5,
        validation_fraction: float = 0.2,
        patience: int | None = None,
        curate: bool | str | Iterable[str] = LIKE_THE_CLASS,
        rules: object = "auto",
        min_probability: float | str = "auto",
        keep_range: bool = True,
        match_marginals: bool | str = AUTO,
        callbacks: list[Watcher] | None = None,
        warm_start: bool = False,
        random_state: Seed = None,
        device: str = "auto",
        verbose: bool | str = "auto",
    ) -> None:
        self.objective = objective
        self.architecture = architecture
        self.conditioning = conditioning
        self.max_steps = max_steps
        self.max_time = max_time
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.width = width
        self.depth = depth
        self.latent_dim = latent_dim
        self.penalty = penalty
        self.class_power = class_power
        self.jitter = jitter
        self.smoothing = smoothing
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.curate = curate
        self.rules = rules
        self.min_probability = min_probability
        self.keep_range = keep_range
        self.match_marginals = match_marginals
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.sparse = True
        return tags

    def _selects_rows(self, X: object) -> bool:
        return True

    @property
    def rules_(self) -> Rules:
        """The rules that are kept; empty where the table has none."""
        self._check_fitted()
        found: Rules = self.codec_.rules_
        more = [as_rule(rule)._with(kept=GUARDED) for rule in TableModality._of(self)._functions(self.codec_)]
        return Rules([*found, *more], found.grids, found.skipped) if more else found

    def _left_out(self) -> tuple[str, ...]:
        return self.rules_.dropped

    def _take_own_state(self, config: Config, arrays: Arrays) -> None:
        super()._take_own_state(config, arrays)
        if self.rules == "auto" and self.codec_.given:  # the file holds the rules that were given, in the codec
            self.rules = list(self.codec_.rules_)
