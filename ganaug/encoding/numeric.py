"""Numbers: columns (dates too) as normal scores and states of spikes and missing, and channels of series scaled."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ganaug.encoding.dtypes import NEVER_MISSING, ColumnModel, ColumnValues
from ganaug.encoding.quantiles import (
    Curve,
    DecimalGrid,
    float_grid,
    inner_bounds,
    inner_bounds_int,
    integer_step,
    is_coarse,
    is_common,
    is_shared,
    simple_between,
)
from ganaug.encoding.sample_arrays import stored_array
from ganaug.exceptions import InvalidDataError, ModelFileError
from ganaug.utils.determinism import numpy_generator
from ganaug.utils.types import Array, Arrays, BoolArray, Config, DoubleArray, DType, State

__all__ = ["KNEE", "MOST_LEVELS", "NumericModel", "Signals", "levels_of", "snapped"]

_MAX_SAMPLE = 100_000
# up to this many distinct values, each five times on average, become states instead of a curve
_MAX_DISCRETE, _MIN_PER_VALUE = 10, 5
_SPIKE_SHARE, _SPIKE_ROWS, _MAX_SPIKES, _SPIKE_OVER_MEDIAN = 0.05, 5, 8, 4
# values that are knots of a curve because so many rows of a class share them
_MAX_COMMON = 64
_UINT_TOP = 18446744073709549568.0  # the largest float64 below 2**64


@dataclass(frozen=True)
class NumericModel(ColumnModel):
    """Encoding of a column of float64, int64 or uint64.

    The states are, in this order: the curve (if any value is neither spike nor
    missing), each spike, missing. With one state only no indicator is needed, so
    a constant column costs no width.

    Attributes
    ----------
    curve : Curve or None
        Over floats, or over distances of integers from ``low``.
    spikes : ndarray of shape (k,)
        Increasing, in the column's own numbers, hence exact.
    low, high : int or float
        Between which the curve's values are kept: the range seen, rounded inwards unless the column is coarse.
    step : int
        Integers on the curve are ``low + k * step``.
    grid : Grid or None
        The same for floats.
    exact : bool
        Whether the curve's knots are values of the column that hardly repeat, as before format 2.
    """

    curve: Curve | None
    spikes: Array
    missing: bool
    low: float | int
    high: float | int
    step: int
    grid: DecimalGrid | None
    keep_range: bool
    exact: bool = False

    @property
    def n_scalars(self) -> int:
        """One if there is a curve."""
        return int(self.curve is not None)

    @property
    def n_states(self) -> int:
        """Curve, spikes and missing."""
        return self.n_scalars + len(self.spikes) + int(self.missing)

    @classmethod
    def fit(
        cls,
        cells: ColumnValues,
        dtype: DType,
        seed: int,
        column: int,
        keep_range: bool,
        discrete: bool,
        labels: Array | None = None,
    ) -> NumericModel:
        """Learn the column.

        Parameters
        ----------
        cells : ColumnValues
        dtype : dtype
            The numpy dtype of the column, which says how fine its numbers are.
        seed : int
            For the sample of a long column.
        column : int
            Its place in the table, so that each column has its own sample.
        keep_range : bool
            As in `TableCodec`.
        discrete : bool
            Whether every value becomes a state, however few rows have it.
        labels : ndarray of shape (n,), optional
            Class codes, with which values that are common in one class only are states as well.
        """
        values = cells.present()
        has_missing = cells.missing is not None
        distinct, counts = _distinct(values, seed, column)
        is_spike = _spikes(distinct, counts, discrete)
        if labels is not None and not is_spike.all():
            present = labels if cells.missing is None else labels[~cells.missing]
            is_spike |= np.isin(distinct, _class_spikes(values, present, seed, column))
        if is_spike.all() and not discrete and is_shared(counts).any() and not _is_coarse(distinct, dtype):
            # some of a few values occur in single rows: these count for the nearest of the others
            distinct, counts, is_spike = (part[is_shared(counts)] for part in (distinct, counts, is_spike))
        spikes, rest, rest_counts = distinct[is_spike], distinct[~is_spike], counts[~is_spike]
        if len(rest) == 0:
            return cls(None, spikes, has_missing, 0, 0, 1, None, keep_range)
        low, high, step = rest[0].item(), rest[-1].item(), 1
        inside = values
        if len(values) > _MAX_SAMPLE:  # a step found in the sample must hold for all
            inside = values[(values >= low) & (values <= high) & ~np.isin(values, spikes)]
        steps = Curve.takes_steps(rest_counts, keep_range)
        if rest.dtype.kind == "f":
            grid = float_grid(rest, dtype)
            if grid is not None and len(values) > _MAX_SAMPLE and not grid.holds(inside, dtype):
                grid = None
            coarse = grid is not None and is_coarse(grid.whole(rest[[0, -1]]), grid.step)
            low, high = _inward_floats(rest, rest_counts, grid)
            distances = rest * _scale(low, high)
        else:
            deltas = rest.view(np.uint64) - rest.view(np.uint64)[0]
            step = integer_step(deltas)
            if step > 1 and len(values) > _MAX_SAMPLE:
                step = integer_step(inside.view(np.uint64) - rest.view(np.uint64)[0])
            grid = None
            coarse = is_coarse(rest, step)
            low, high = inner_bounds_int(rest, rest_counts, step)
            distances = _distances_from(low, rest)
        ends = [low * _scale(low, high), high * _scale(low, high)] if rest.dtype.kind == "f" else [0, high - low]
        if steps:
            curve = Curve.steps(distances, rest_counts, coarse)
        else:
            curve = Curve.fit(distances, rest_counts, *map(float, ends))
            if rest.dtype.kind == "f" and grid is None:  # on a grid they are rounded to what they were
                classes = labels if labels is None or cells.missing is None else labels[~cells.missing]
                curve = curve.with_knots(_common(values, classes, seed, column) * _scale(low, high))
        return cls(curve, spikes, has_missing, low, high, step, grid, keep_range)

    def encode(self, cells: ColumnValues) -> tuple[Array, Array]:
        """Scores (n, n_scalars) float32 and states (n,) int64.

        A value that is no spike in a column without a curve takes the nearest spike's state.
        """
        values, n = cells.values, len(cells)
        if cells.missing is not None and not self.missing:
            raise InvalidDataError(NEVER_MISSING)
        states = np.zeros(n, dtype=np.int64)
        if len(self.spikes):
            at = np.searchsorted(self.spikes, values).clip(0, len(self.spikes) - 1)
            if self.curve is None:
                left = np.maximum(at - 1, 0)
                near = self.spikes.astype(np.float64)
                nearer = np.abs(values - near[left]) < np.abs(near[at] - values)
                states[:] = np.where(nearer, left, at)
            else:
                hit = self.spikes[at] == values
                states[hit] = at[hit] + 1
        scores = np.zeros((n, self.n_scalars), dtype=np.float32)
        if self.curve is not None:
            scores[:, 0] = self.curve.encode(self._distances(values))
        if cells.missing is not None:
            scores[cells.missing] = 0
            states[cells.missing] = self.n_states - 1
        return scores, states

    def decode(self, scores: Array, states: Array) -> ColumnValues:
        """The column of any finite scores and any states in 0..n_states."""
        if self.curve is None:
            spikes = self.spikes if len(self.spikes) else np.zeros(1, dtype=self.spikes.dtype)
            values = spikes[np.minimum(states, len(spikes) - 1)]
        else:
            values = self._numbers(self.curve.decode(scores[:, 0].astype(np.float64), self.keep_range))
            if len(self.spikes):
                spike = (states > 0) & (states <= len(self.spikes))
                values[spike] = self.spikes[states[spike] - 1]
        if not self.missing:
            return ColumnValues(values)
        missing = states == self.n_states - 1
        values[missing] = 0
        return ColumnValues(values, missing)

    def round_trip(self, scores: Array, states: Array) -> tuple[Array, Array]:
        """The encoding of what they decode to, which needs no decoding where numbers are not rounded."""
        curve = self.curve
        if curve is None:
            return scores, states
        rounded = curve.edges is None and (self.grid is not None or self.spikes.dtype.kind != "f")
        if rounded or not self.keep_range:
            return self.encode(self.decode(scores, states))
        seen = curve.round_trip(scores[:, 0].astype(np.float64))
        special = states > 0
        if special.any():
            seen[special] = self._special[states[special] - 1]
        return seen.astype(np.float32)[:, None], states

    @cached_property
    def _special(self) -> DoubleArray:
        """Scores of rows in the states of the spikes, and of a missing value."""
        if self.curve is None or not len(self.spikes):
            return np.zeros(1)
        return np.append(self.curve.encode(self._distances(self.spikes)), 0.0)

    def _distances(self, values: Array) -> DoubleArray:
        if values.dtype.kind == "f":
            return np.asarray(values * _scale(self.low, self.high), dtype=np.float64)
        return _distances_from(self.low, values)

    def _numbers(self, distances: DoubleArray) -> Array:
        if self.spikes.dtype.kind == "f":
            distances = distances / _scale(self.low, self.high)
            if self.grid is not None:
                distances = self.grid.snap(distances)
            if self.keep_range:
                distances = distances.clip(self.low, self.high)
            return distances
        dtype = self.spikes.dtype
        steps = np.rint(distances / self.step) * self.step
        base = np.asarray(self.low, dtype=dtype).view(np.uint64)
        lowest, highest = self.low, self.high
        if not self.keep_range:
            lowest, highest = np.iinfo(dtype).min, np.iinfo(dtype).max
        up = np.minimum(steps.clip(0, _UINT_TOP).astype(np.uint64), np.uint64(highest - int(self.low)))
        down = np.minimum((-steps).clip(0, _UINT_TOP).astype(np.uint64), np.uint64(int(self.low) - lowest))
        return np.ascontiguousarray(base + up - down).view(dtype)

    def possible(self) -> tuple[Array, bool]:
        """All values where each is a state, else the smallest and the largest one of those seen."""
        if self.curve is None:
            return self.spikes, True
        ends = np.append(self.spikes, np.array([self.low, self.high], dtype=self.spikes.dtype))
        return np.array([ends.min(), ends.max()], dtype=ends.dtype), False

    def summary(self) -> dict[str, Any]:
        """Human-facing facts."""
        return {
            "spikes": self.spikes.tolist(),
            "missing": self.missing,
            "low": self.low,
            "high": self.high,
            "exact": self.exact,
        }

    def get_state(self) -> State:
        """Config and arrays."""
        arrays = {} if self.curve is None else self.curve.get_state()[1]
        config = {
            "curve": self.curve is not None,
            "missing": self.missing,
            "range": [self.low, self.high],
            "step": self.step,
            "grid": None if self.grid is None else self.grid.to_json(),
            "keep_range": self.keep_range,
            "native": self.spikes.dtype.str,
            "exact": self.exact,
        }
        return config, arrays | {f"spikes_{self.spikes.dtype.kind}": self.spikes}

    @classmethod
    def from_state(cls, config: Config, arrays: Arrays) -> NumericModel:
        """The model that `get_state` took apart."""
        curve = Curve.from_state({}, arrays) if config["curve"] else None
        native = np.dtype(config["native"])
        spikes = arrays[f"spikes_{native.kind}"]
        grid = None if config["grid"] is None else DecimalGrid(**config["grid"])
        low, high = config["range"]
        # before format 2 the knots of a curve were values of the column
        exact = bool(config.get("exact", curve is not None and curve.edges is None))
        return cls(curve, spikes, config["missing"], low, high, config["step"], grid, config["keep_range"], exact)


def _distances_from(low: float, values: Array) -> DoubleArray:
    """Of integers; unsigned differences are exact over the whole range of int64, where float64 is not."""
    base = np.asarray(low, dtype=values.dtype).view(np.uint64)
    out = (values.view(np.uint64) - base).astype(np.float64)
    below = values < low
    if below.any():
        out[below] = -(base - values[below].view(np.uint64)).astype(np.float64)
    return np.asarray(out, dtype=np.float64)


def _is_coarse(distinct: Array, dtype: DType) -> bool:
    """Whether values stand on a grid of a few hundred points."""
    if distinct.dtype.kind == "f":
        grid = float_grid(distinct, dtype)
        return grid is not None and is_coarse(grid.whole(distinct[[0, -1]]), grid.step)
    return is_coarse(distinct, integer_step(distinct.view(np.uint64) - distinct.view(np.uint64)[0]))


def _inward_floats(distinct: Array, counts: Array, grid: DecimalGrid | None) -> tuple[float, float]:
    """Bounds inside the range of floats, on their grid if they have one."""
    if grid is None:
        return inner_bounds(distinct, counts)
    low, high = grid.snap(np.array(inner_bounds_int(grid.whole(distinct), counts, grid.step)) / 10.0**grid.decimals)
    return float(low), float(high)


def _scale(low: float, high: float) -> float:
    """A power of two that keeps the range of the values from overflowing."""
    return 1.0 if high * 0.5 - low * 0.5 < 1e307 else 0.125


def _distinct(values: Array, seed: int, column: int) -> tuple[Array, Array]:
    """Distinct values and counts, of a sample if there are many rows, but never without the extremes."""
    n = len(values)
    if n > _MAX_SAMPLE:
        rows = numpy_generator(seed, "quantiles", column).integers(0, n, _MAX_SAMPLE)
        distinct, counts = _runs(np.sort(np.append(values[rows], [values.min(), values.max()])))
        # rare values of a discrete column must not be lost to sampling
        return _runs(np.sort(values)) if len(distinct) <= 2 * _MAX_DISCRETE else (distinct, counts)
    return _runs(np.sort(values))


def _runs(ordered: Array) -> tuple[Array, Array]:
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)])
    return ordered[starts], np.diff(np.append(starts, len(ordered)))


def _class_spikes(values: Array, labels: Array, seed: int, column: int) -> Array:
    """Values that are spikes within a class: 99.99 among frauds. The commonest of all classes, so many at most."""
    found: list[Array] = []
    shares: list[Array] = []
    for label in np.unique(labels):
        own = values[labels == label]
        if len(own) < _SPIKE_ROWS or len(own) == len(values):
            continue
        distinct, counts = _distinct(own, seed, column)
        chosen = _chosen(counts)
        found.append(distinct[chosen])
        shares.append(counts[chosen] / counts.sum())
    if not found:
        return values[:0]
    ordered = np.concatenate(found)[np.argsort(-np.concatenate(shares), kind="stable")]
    _, first = np.unique(ordered, return_index=True)
    return ordered[np.sort(first)[:_MAX_SPIKES]]


def _common(values: Array, labels: Array | None, seed: int, column: int) -> Array:
    """Values that enough rows of a class share, increasing; the commonest, so many at most."""
    found: list[tuple[float, float]] = []
    for own in [values] if labels is None else [values[labels == label] for label in np.unique(labels)]:
        distinct, counts = _distinct(own, seed, column)
        common = is_common(counts)
        found += zip((-counts[common] / len(own)).tolist(), distinct[common].tolist(), strict=True)
    return np.unique(np.array([value for _, value in sorted(found)[:_MAX_COMMON]], dtype=np.float64))


def _spikes(distinct: Array, counts: Array, discrete: bool) -> BoolArray:
    """Which distinct values become states of their own."""
    n, m = int(counts.sum()), len(distinct)
    few = m <= _MAX_DISCRETE and n >= _MIN_PER_VALUE * m
    if discrete or m <= 1 or few:
        return np.ones(m, dtype=bool)
    out = np.zeros(m, dtype=bool)
    out[_chosen(counts)] = True
    return out


def _chosen(counts: Array) -> Array:
    """Places of the values that stand out: a share of all rows, and far more than most values have."""
    chosen = np.flatnonzero(counts >= max(_SPIKE_ROWS, _SPIKE_SHARE * counts.sum()))
    if len(chosen):
        chosen = chosen[counts[chosen] >= _SPIKE_OVER_MEDIAN * np.median(counts)]
    return np.asarray(chosen[np.argsort(-counts[chosen], kind="stable")[:_MAX_SPIKES]])


# --------------------------------------------------------------------------------------
# Scaling of channels to about unit scale, and back.


KNEE = 4.0  # scales; beyond, values count by their logarithm
_MOST_VALUES = 1_000_000  # values of a channel that quantiles are taken from
_MARGIN = 0.05


@dataclass(frozen=True)
class Signals:
    r"""The scale of each channel.

    A value :math:`v` becomes :math:`u = (v - c) / s` with the median :math:`c`; beyond :math:`|u| = 4` it grows by
    the logarithm only, :math:`\pm (4 + \log(1 + |u| - 4))`, which is smooth and can be undone. The scale :math:`s`
    is half the width of the central 68 % of the values (a normal variable's standard deviation), and at least a
    quarter of the distance from the median within which 99.9 % lie. So ordinary signals have unit scale, the
    peaks of spiky ones (an electrocardiogram is flat for most of its length) reach 4, and a single glitch a
    thousand times larger neither sets the scale nor blows up the networks.

    What is decoded stays between ``low`` and ``high``: the range seen, widened at each end by about ``range / (n - 1)``
    for ``n`` series (at most 5 %), to a number of few digits, so that no series' own extreme is kept. That share is
    the unbiased estimate of how far a uniform variable reaches beyond the extremes of n draws; some margin there must
    be, since the next series of a continuous signal exceeds the largest of n with probability 1 / (n + 1). An end that
    two series share is a bound (a saturated sensor, a rectified or normalised signal) and gets no margin, and a margin
    never changes a sign. Centre and scale are rounded, too.

    Attributes
    ----------
    centre, scale, low, high : ndarray of shape (C,), float64
        A constant channel has scale 1, and low = high.
    """

    centre: Array
    scale: Array
    low: Array
    high: Array

    @classmethod
    def fit(cls, signals: Array, seed: int) -> Signals:
        """The scales of (n, C, *spatial), finite or NaN, each channel with a value."""
        flat = signals.reshape(*signals.shape[:2], -1)  # (n, C, L)
        chosen = flat
        if len(flat) * flat.shape[2] > _MOST_VALUES:
            n = max(1, _MOST_VALUES // flat.shape[2])
            chosen = flat[np.sort(numpy_generator(seed, "quantiles").choice(len(flat), n, replace=False))]
        columns = []
        for channel in range(flat.shape[1]):
            low, high = _range_of(flat[:, channel])
            values = chosen[:, channel].astype(np.float64).ravel()
            values = values[~np.isnan(values)]
            centre, scale = _centre_and_scale(values if len(values) else np.array([low, high]))
            if low < high:  # no value of a series
                scale = float(np.ldexp(np.rint(np.ldexp(scale, -_exponent(scale))), _exponent(scale)))
                centre = float(np.clip(_rounded(centre, scale / 64), low, high))
            columns.append((centre, scale, low, high))
        return cls(*np.array(columns, dtype=np.float64).T.copy())

    def encode(self, signals: Array) -> Array:
        """(n, C, *spatial) of any amplitude -> about unit scale, float64."""
        column = (-1,) + (1,) * (signals.ndim - 2)
        with np.errstate(over="ignore"):  # infinity is clipped
            u = (signals.astype(np.float64) - self.centre.reshape(column)) / self.scale.reshape(column)
        far = np.abs(u) > KNEE
        if far.any():
            u[far] = np.sign(u[far]) * (KNEE + np.log1p(np.minimum(np.abs(u[far]), 1e300) - KNEE))
        return u

    def decode(self, u: Array) -> Array:
        """About unit scale -> (n, C, *spatial) within ``low`` and ``high``, float64."""
        column = (-1,) + (1,) * (u.ndim - 2)
        u = u.astype(np.float64)
        far = np.abs(u) > KNEE
        with np.errstate(over="ignore"):  # infinity is clipped
            if far.any():
                u[far] = np.sign(u[far]) * (KNEE + np.expm1(np.abs(u[far]) - KNEE))
            u *= self.scale.reshape(column)
            u += self.centre.reshape(column)
        return u.clip(self.low.reshape(column), self.high.reshape(column), out=u)

    def get_state(self) -> Arrays:
        """Arrays."""
        return {"centre": self.centre, "scale": self.scale, "low": self.low, "high": self.high}

    @classmethod
    def from_state(cls, arrays: Arrays, channels: int) -> Signals:
        """What `get_state` took apart; raises ModelFileError if it does not fit together."""
        signals = cls(*(stored_array(arrays, name, (channels,)) for name in ("centre", "scale", "low", "high")))
        inside = (signals.low <= signals.centre) & (signals.centre <= signals.high)
        if not (inside & (signals.scale > 0)).all():
            raise ModelFileError("the stored scales of the series do not fit together")
        return signals


def _range_of(channel: Array) -> tuple[float, float]:
    """The range of (n, L), and the margin beyond it."""
    channel = channel[~np.isnan(channel).all(1)]
    lows, highs = np.nanmin(channel, 1).astype(np.float64), np.nanmax(channel, 1).astype(np.float64)
    low, high = float(lows.min()), float(highs.max())
    share = min(_MARGIN, 1 / max(len(channel) - 1, 1))
    margin = (high - low) * share
    wider_low = -_beyond(-low, margin) if (lows == low).sum() == 1 else low
    wider_high = _beyond(high, margin) if (highs == high).sum() == 1 else high
    return (max(wider_low, 0.0) if low >= 0 else wider_low), (min(wider_high, 0.0) if high <= 0 else wider_high)


def _beyond(extreme: float, margin: float) -> float:
    """A number of few digits between half a margin and a whole one above."""
    if extreme + margin / 2 == extreme:
        return extreme
    return float(simple_between(np.array([extreme + margin / 2]), np.array([extreme + margin]))[0])


def _exponent(scale: float) -> int:
    """What leaves a number six binary digits before the point."""
    return int(np.frexp(scale)[1]) - 6


def _rounded(value: float, step: float) -> float:
    """A multiple of a power of two near a value, at most half a step off."""
    power = float(np.exp2(np.floor(np.log2(step)))) if step > 0 else 0.0
    return float(np.rint(value / power) * power) if power > 0 and np.isfinite(value / power) else value


def _centre_and_scale(values: Array) -> tuple[float, float]:
    """Median and scale of the values of a channel."""
    left, centre, right = np.quantile(values, [0.1587, 0.5, 0.8413])
    distances = np.abs(values - centre)
    scale = max((right - left) / 2, np.quantile(distances, 0.999) / KNEE)
    if scale == 0:  # all but one in a thousand are the same
        scale = distances.max() / KNEE
    return float(centre), float(scale) if scale > 0 else 1.0


# --------------------------------------------------------------------------------------
# Channels of few values.


MOST_LEVELS = 32  # different values of a channel that is discrete
_EACH = 10  # values for each of them, at least
WHOLE = np.zeros(0)  # the levels of a channel of whole numbers, too many to keep


def levels_of(channel: Array) -> Array | None:
    """What values of a channel may be, increasing; `WHOLE`; or None if it is continuous. (n, L) -> (k,)."""
    values = channel[~np.isnan(channel)]
    levels = np.unique(values[: 50 * MOST_LEVELS])
    levels = levels if len(levels) > MOST_LEVELS else np.unique(values)
    if 1 < len(levels) <= MOST_LEVELS and len(values) >= _EACH * len(levels):
        if min((channel == level).any(1).sum() for level in levels) > 1:  # none is a single series' own
            return levels.astype(np.float64)
    whole = channel.dtype.kind == "f" and len(values) > 0 and bool((values == np.rint(values)).all())
    return WHOLE if whole else None


def snapped(values: Array, levels: Array) -> Array:
    """The nearest levels, of two at the same distance the lower; whole numbers for `WHOLE`."""
    if not len(levels):
        return np.rint(values)
    nearest: Array = levels[np.searchsorted((levels[1:] + levels[:-1]) / 2, values)]
    return nearest
