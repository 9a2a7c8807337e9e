"""Smoothing: Gaussian kernels for rows, the noise floor of series, and `SmoothedBootstrap` for very small classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from numpy.lib.stride_tricks import sliding_window_view

from ganaug.encoding.containers import modality_of
from ganaug.encoding.image_codec import ImageCodec
from ganaug.encoding.large_tables import SelectedRows
from ganaug.encoding.sample_arrays import CHUNK
from ganaug.encoding.series_codec import SeriesCodec
from ganaug.estimators.base import BaseGenerator, Samples, checked_random_state
from ganaug.estimators.fitting import Conditions, Constraints, Prepared, Seed
from ganaug.exceptions import ModelFileError
from ganaug.filtering import RULES, FilterCounts
from ganaug.rules import Rules
from ganaug.rules.base_rule import GUARDED
from ganaug.rules.codec import RuledTableCodec, checked_rules
from ganaug.runtime.compute import as_tensor, one_thread
from ganaug.utils import types
from ganaug.utils.determinism import child_seed, numpy_generator, root_seed
from ganaug.utils.state import expect
from ganaug.utils.types import Block, FloatArray, IntArray

__all__ = ["ClassKernel", "NoiseFloor", "SmoothedBootstrap", "no_floor"]

# --------------------------------------------------------------------------------------
# Smoothing of synthetic samples: Gaussian kernels for the rows of a table, the noise floor for series.


# ---- kernels for rows --------------------------------------------------------------------------


class ClassKernel:
    """Add Gaussian noise with the covariance of the class to the numbers of encoded rows.

    The kernel's width follows Silverman's rule, ``bandwidth * (4 / ((d + 2) * n)) ** (1 / (d + 4))`` standard
    deviations for n rows of d numbers. It is correlated as the class is, since independent noise in each column would
    break dependences. Rows are shrunk towards the class mean so that the class covariance is preserved.

    Parameters
    ----------
    columns : ndarray of shape (d,), int64
        Columns that hold numbers.
    conditions : ndarray of shape (k,), int64
        Conditions that have a kernel.
    centres : ndarray of shape (k, d), float32
        Means of their rows.
    roots : ndarray of shape (k, d, d), float32
        Square roots of the kernels' covariances, which turn white noise into theirs.
    widths : ndarray of shape (k,), float32
        Of each kernel, in standard deviations of its class.

    References
    ----------
    Silverman (1986), Density Estimation for Statistics and Data Analysis, sections 4.3 and 6.4.
    """

    ARRAYS = ("columns", "conditions", "centres", "roots", "widths")

    def __init__(
        self, columns: IntArray, conditions: IntArray, centres: FloatArray, roots: FloatArray, widths: FloatArray
    ) -> None:
        self.columns, self.conditions = columns, conditions
        self.centres, self.roots, self.widths = centres, roots, widths

    @classmethod
    def fit(
        cls,
        x: FloatArray,
        y: IntArray,
        conditions: Sequence[int],
        blocks: Sequence[Block],
        bandwidth: float,
        sizes: Sequence[int] | None = None,
    ) -> ClassKernel | None:
        """Estimate the covariance of some of the classes.

        Parameters
        ----------
        x : ndarray of shape (n, width), float32
            Encoded rows.
        y : ndarray of shape (n,), int64
            Their conditions.
        conditions : sequence of int
            Those that will be smoothed, each with a row. One of a single row takes the covariance of all rows.
        blocks : sequence of Block
            Layout of the encoded row.
        bandwidth : float
            Factor on the kernel's width.
        sizes : sequence of int, optional
            For each of ``conditions`` the n of Silverman's rule; by default the number of rows given. If these are
            samples of a generator, which reveal no single row of a class, their number means nothing.

        Returns
        -------
        ClassKernel or None
            None where there is nothing to smooth.
        """
        columns = _numbers(blocks)
        if not len(columns) or bandwidth == 0:
            return None
        numbers, d = x[:, columns], len(columns)
        centres = np.zeros((len(conditions), d), np.float32)
        roots = np.zeros((len(conditions), d, d), np.float32)
        widths = np.zeros(len(conditions), np.float32)
        with one_thread():
            for place, condition in enumerate(conditions):
                own = numbers[y == condition]
                centres[place] = own.mean(0)
                size = len(own) if sizes is None else sizes[place]
                widths[place] = bandwidth * (4 / ((d + 2) * size)) ** (1 / (d + 4))
                roots[place] = widths[place] * _root(own if len(own) > 1 else numbers)
        return cls(columns, np.asarray(conditions, np.int64), centres, roots, widths)

    def smoothed(self, rows: FloatArray, condition: int, seed: int) -> FloatArray:
        """Rows with noise added, of a class that has a kernel. (n, width) -> (n, width)."""
        if condition not in self.conditions:
            return rows
        rng = torch.Generator().manual_seed(seed)
        place = int(np.flatnonzero(self.conditions == condition)[0])
        noise = torch.empty((len(rows), len(self.columns)), dtype=torch.float32).normal_(generator=rng)
        with one_thread():
            moved = (noise @ as_tensor(self.roots[place])).numpy()
        centre = self.centres[place]
        first, d = int(self.columns[0]), len(self.columns)
        # where the columns are adjacent, a slice is several times as fast as a list of them
        side_by_side = self.columns[-1] - first == d - 1
        columns = slice(first, first + d) if side_by_side else self.columns
        moved += rows[:, columns] - centre
        moved /= np.sqrt(1 + self.widths[place] ** 2)
        moved += centre
        found = rows.copy()
        found[:, columns] = moved
        return found

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """What a file keeps of it."""
        return {name: getattr(self, name) for name in self.ARRAYS}

    @classmethod
    def of_arrays(
        cls, arrays: dict[str, npt.NDArray[np.generic]], blocks: Sequence[Block], conditions: Sequence[int]
    ) -> ClassKernel:
        """The counterpart of `arrays`, for rows of this layout.

        Raises
        ------
        ModelFileError
            If the arrays fit neither one another nor the layout.
        """
        wanted = _numbers(blocks)
        k, d = len(conditions), len(wanted)
        columns, own = expect(arrays, "columns", (d,), np.int64), expect(arrays, "conditions", (k,), np.int64)
        if not (np.array_equal(columns, wanted) and np.array_equal(own, list(conditions))):
            raise ModelFileError("the kernel is that of other columns or classes")
        centres = expect(arrays, "centres", (k, d), np.float32)
        roots = expect(arrays, "roots", (k, d, d), np.float32)
        widths = expect(arrays, "widths", (k,), np.float32)
        if not all(np.isfinite(part).all() for part in (centres, roots, widths)):
            raise ModelFileError("the kernel is not finite")
        return cls(columns, own, centres, roots, widths)


def _numbers(blocks: Sequence[Block]) -> IntArray:
    """Columns of an encoded row that hold numbers."""
    places = [range(b.start, b.stop) for b in blocks if b.tag == "scalar"]
    return np.fromiter((column for part in places for column in part), np.int64)


def _root(rows: FloatArray) -> FloatArray:
    """The symmetric square root of the covariance. (n, d) -> (d, d)."""
    centred = as_tensor(rows.astype(np.float64) - rows.mean(0, dtype=np.float64))
    covariance = centred.T @ centred / max(1, len(rows) - 1)
    values, vectors = torch.linalg.eigh(covariance)
    root: FloatArray = ((vectors * values.clamp(min=0).sqrt()) @ vectors.T).float().numpy()
    return root


# ---- noise floors for series -------------------------------------------------------------------


Floats = npt.NDArray[np.float64]

# Steps of the pieces of which spectra are taken: a quarter of a series, so that what is short is in few of them.
SHORTEST, LONGEST = 8, 32
# Bins to each side into which a smoothed Hann window spreads a pure tone.
REACH = 3
# Real or synthetic series of a class that are compared, and values of them.
MOST, FEWEST, VALUES = 1024, 32, 4_000_000
# Series of all classes that a class's estimate is shrunk by.
PRIOR = 2


class NoiseFloor:
    """Add Gaussian noise to encoded series where the real ones of their class have more of it.

    A generator with few inputs makes smooth signals: it cannot generate noise that is independent at each step. Noise
    is told from structure by the floor of the spectrum: the median of each frequency's power over short pieces of all
    series, since noise is always present and a burst or a heart beat is not. Of the difference between the floors of
    real and synthetic series, only what is wider than a pure tone counts. The estimate of a class with few series is
    shrunk towards that of all series.

    Parameters
    ----------
    conditions : ndarray of shape (k,), int64
        Conditions that have a floor.
    floors : ndarray of shape (k, C, bins), float32
        Power of the noise to add, at frequencies evenly spaced from 0 to 0.5; that of white noise is its variance.

    References
    ----------
    Martin (2001), Noise Power Spectral Density Estimation Based on Optimal Smoothing and Minimum Statistics. Serra
    (1982), Image Analysis and Mathematical Morphology (the opening, which removes what is narrow).
    """

    def __init__(self, conditions: IntArray, floors: FloatArray) -> None:
        self.conditions, self.floors = conditions, floors

    @classmethod
    def fit(
        cls,
        x: FloatArray,
        y: IntArray,
        conditions: Sequence[int],
        drawn: Callable[[int, int], FloatArray],
        stepped: Sequence[int] = (),
    ) -> NoiseFloor | None:
        """Compare real series with a generator's own.

        Parameters
        ----------
        x : ndarray of shape (n, C, length), float32
            Encoded series.
        y : ndarray of shape (n,), int64
            Their conditions.
        conditions : sequence of int
            Those that will be sampled, each with a series.
        drawn : callable
            ``drawn(condition, n)``: n synthetic series of a condition.
        stepped : sequence of int, default=()
            Channels of few values, whose rare jumps count too: their floor is the mean power, not the median.

        Returns
        -------
        NoiseFloor or None
            None where no noise is missing, or series are too short to tell it.
        """
        if x.shape[-1] < SHORTEST:
            return None
        counts = np.bincount(y).tolist()
        most = max(1, min(max(FEWEST, MOST // len(counts)), VALUES // x[0].size))
        real = np.zeros((len(counts), x.shape[1], _window(x.shape[-1]) // 2 + 1))
        for condition, count in enumerate(counts):
            if count:
                real[condition] = _floor(x[np.flatnonzero(y == condition)[:: -(-count // most)]], stepped)
        everyones = np.average(real, axis=0, weights=counts)
        floors = np.zeros((len(conditions), *everyones.shape), np.float32)
        for place, condition in enumerate(conditions):
            own = _between(real[condition], everyones, PRIOR / (counts[condition] + PRIOR))
            floors[place] = _opened(own - _floor(drawn(condition, most), stepped))
        return cls(np.asarray(conditions, np.int64), floors) if floors.any() else None

    def smoothed(self, rows: FloatArray, condition: int, seed: int) -> FloatArray:
        """The series with noise on them. (n, C, length) -> (n, C, length)."""
        rng = numpy_generator(seed, "noise")
        floor = self.floors[int(np.flatnonzero(self.conditions == condition)[0])]
        length = rows.shape[-1]
        at, known = np.fft.rfftfreq(length), np.linspace(0, 0.5, floor.shape[-1])
        gain = np.sqrt([np.interp(at, known, channel) for channel in floor])
        noisy = rows.copy()
        for start in range(0, len(rows), CHUNK):
            part = noisy[start : start + CHUNK]
            white = np.fft.rfft(rng.standard_normal(part.shape))
            part += np.fft.irfft(white * gain, n=length)
        return noisy

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """What a file keeps of it."""
        return {"conditions": self.conditions, "floors": self.floors}

    @classmethod
    def of_arrays(
        cls, arrays: dict[str, npt.NDArray[np.generic]], shape: Sequence[int], conditions: Sequence[int]
    ) -> NoiseFloor:
        """The counterpart of `arrays`, for series of shape (C, length).

        Raises
        ------
        ModelFileError
            If the arrays fit neither one another nor the shape.
        """
        own = expect(arrays, "conditions", (len(conditions),), np.int64)
        if not np.array_equal(own, list(conditions)):
            raise ModelFileError("the noise is that of other classes")
        bins = _window(shape[-1]) // 2 + 1
        floors = expect(arrays, "floors", (len(conditions), shape[0], bins), np.float32)
        if not (np.isfinite(floors).all() and (floors >= 0).all()):
            raise ModelFileError("the noise has powers that are none")
        return cls(own, floors)


def no_floor(n: int, shape: Sequence[int]) -> FloatArray:
    """The floors of n conditions without noise, for series of shape (C, length)."""
    return np.zeros((n, shape[0], _window(shape[-1]) // 2 + 1), np.float32)


def _window(length: int) -> int:
    """Length of a piece: even, and about a quarter of the series."""
    return min(LONGEST, max(SHORTEST, length // 8 * 2))


def _floor(series: FloatArray, stepped: Sequence[int] = ()) -> Floats:
    """Median power over all pieces, scaled to the mean of Gaussian noise. (n, C, length) -> (C, bins)."""
    window = _window(series.shape[-1])
    basis = _basis(window)
    floors = np.empty((series.shape[1], window // 2 + 1))
    for channel in range(series.shape[1]):
        pieces = sliding_window_view(series[:, channel], window, axis=-1)[:, :: window // 2]
        spectrum = pieces.reshape(-1, window) @ basis
        # the power of Gaussian noise is exponential, with a median of log(2) means
        power = np.abs(spectrum) ** 2
        floors[channel] = power.mean(0) if channel in stepped else np.median(power, axis=0) / np.log(2)
    floors[:, 0], floors[:, -1] = floors[:, 1], floors[:, -2]  # what has no phase is distributed otherwise
    return floors


def _between(own: Floats, everyones: Floats, share: float) -> Floats:
    """Weighted geometric mean of two powers, so that a quiet class stays quiet next to one a hundred times as loud."""
    tiny = np.finfo(np.float64).tiny
    logarithms = (1 - share) * np.log(np.maximum(own, tiny)) + share * np.log(np.maximum(everyones, tiny))
    mean: Floats = np.exp(logarithms)
    return mean


def _basis(window: int) -> npt.NDArray[np.complex128]:
    """From a piece to its spectrum without level and slope; white noise has its variance at each frequency."""
    line = np.vander(np.linspace(-1, 1, window), 2)
    straight = np.eye(window) - line @ np.linalg.pinv(line)
    basis = np.fft.rfft(straight * np.hanning(window + 2)[1:-1])
    scale = np.sqrt((np.abs(basis) ** 2).sum(0))
    return basis / np.maximum(scale, 1e-9)


def _opened(lacking: Floats) -> Floats:
    """Missing power that is wider than a tone (a morphological opening), and nowhere negative. (C, bins)."""
    ends = np.pad(lacking, ((0, 0), (1, 1)), mode="edge")
    smooth = np.maximum((ends[:, :-2] + 2 * ends[:, 1:-1] + ends[:, 2:]) / 4, 0)
    lowest = _over_neighbours(smooth, np.min)
    return np.minimum(_over_neighbours(lowest, np.max), smooth)


def _over_neighbours(power: Floats, reduce: Callable[..., Floats]) -> Floats:
    """Reduce over `REACH` bins to each side; padded by zeros below the lowest bin, mirrored above the highest."""
    below = np.pad(power, ((0, 0), (REACH, 0)))
    ends = np.pad(below, ((0, 0), (0, REACH)), mode="reflect")
    return reduce(sliding_window_view(ends, 2 * REACH + 1, axis=-1), axis=-1)


# --------------------------------------------------------------------------------------
# What replaces a GAN where a class has too few rows to train one.


# What images and series are moved by, as a share of a side; their noise, as a share of their spread.
MOVE, NOISE = 1 / 16, 0.05
# How often a row that breaks a rule gets other noise.
ATTEMPTS = 8

# What the rows are -> a codec for them, not yet fitted.
_CODECS: dict[str, Callable[[bool, Any], Any]] = {
    "table": RuledTableCodec,
    "image": lambda keep_range, rules: ImageCodec(),
    "series": lambda keep_range, rules: SeriesCodec(),
}


class SmoothedBootstrap(BaseGenerator):
    """Real rows drawn with replacement, with Gaussian noise on their numbers.

    Works from one row on. Categories and missing values are those of the drawn
    row, numbers stay within the range of all rows, so nothing is invented but
    small differences. The kernel has the class's covariance and Silverman's width,
    ``bandwidth * (4 / (d + 2)) ** (1 / (d + 4)) * n ** (-1 / (d + 4))`` standard deviations
    (Silverman 1986; Menardi and Torelli 2014 use one against
    imbalance); a class of one row borrows the covariance of all rows. Images and series are instead moved by up
    to a sixteenth of each side, their edges repeated, and get noise of a twentieth of their spread.

    **It is its training rows.** The fitted object holds every row (encoded, and so readable) in memory, in pickles and
    in deep copies, and so does a `GANOversampler` that fell back to it for a small class. It has no ``save``. Do not
    hand either on where the rows themselves may not be.

    Parameters
    ----------
    bandwidth : float, default=1.0
        Factor on the kernel's width; 0 draws copies (of images and series, moved ones).
    keep_range : bool, default=True
        Whether numbers and dates stay within the range seen in ``fit``.
    rules : "auto", None, or list of rules and callables, default="auto"
        What all rows of a table keep, as in `TabularGAN`. A row whose noise breaks a rule that the encoding does not
        keep by itself gets other noise, and after some attempts none.
    random_state : int, RandomState, Generator or None, default=None
        Makes samples repeat.

    Attributes
    ----------
    rules_ : Rules
        The rules that are kept; empty where the data has none.
    curation_ : dict
        As in `TabularGAN`; only "rules" refuses anything.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug import SmoothedBootstrap
    >>> X = np.arange(12.0).reshape(6, 2)
    >>> y = np.array([0, 0, 0, 0, 1, 1])
    >>> X_new, y_new = SmoothedBootstrap(random_state=0).fit(X, y).sample(3, label=1)
    >>> X_new.shape
    (3, 2)
    """

    _constraints: ClassVar[Constraints] = {
        "rules": lambda _, value: checked_rules(value),
        "bandwidth": partial(types.number, low=0),
        "random_state": checked_random_state,
    }

    def __init__(
        self, *, bandwidth: float = 1.0, keep_range: bool = True, rules: object = "auto", random_state: Seed = None
    ) -> None:
        self.bandwidth = bandwidth
        self.keep_range = keep_range
        self.rules = rules
        self.random_state = random_state

    def _selects_rows(self, X: object) -> bool:
        return isinstance(X, SelectedRows) or modality_of(X) == "table"

    def _fit_encode(self, X: object, codes: IntArray | None, mode: str | None) -> tuple[Any, Samples]:
        codec = _CODECS[modality_of(X)](bool(self.keep_range), self.rules)
        return codec, codec.fit_encode(X, codes, seed=child_seed(root_seed(self.random_state), "codec"))

    def _train(self, prepared: Prepared, focus: object, title: str) -> None:
        bandwidth: float = self._check_parameters()["bandwidth"]
        conditions = Conditions.of(prepared.labels, focus)
        y = conditions.of_codes(prepared.y)
        codec, x = prepared.codec, prepared.x
        self.rows_: list[FloatArray] = [x[y == condition] for condition in range(conditions.count)]
        self.kernel_: ClassKernel | None = None
        self.spreads_: list[FloatArray] = []
        if hasattr(codec, "blocks"):
            self.kernel_ = ClassKernel.fit(x, y, conditions.asked(), codec.blocks, bandwidth)
        else:
            floats = codec.to_network(as_tensor(x)).numpy()
            for condition in range(conditions.count):
                own = floats[y == condition]
                self.spreads_.append((bandwidth * NOISE * (own if len(own) > 1 else floats).std(0)).astype(np.float32))
        self._keep_data(prepared, conditions, root_seed(self.random_state))

    def _draw(self, code: int, n: int, seed: int) -> tuple[Samples, FilterCounts]:
        condition = self.conditions_.of_label_code(code)
        rows = self.rows_[condition]
        rng = numpy_generator(seed)
        drawn = rows[rng.integers(len(rows), size=n)] if n else rows[:0]
        if self.kernel_ is not None:
            return self._within_rules(drawn, condition, seed)
        if self.spreads_:
            drawn = _moved(self.codec_.to_network(as_tensor(drawn)).numpy(), rng)
            drawn = drawn + self.spreads_[condition] * rng.standard_normal(drawn.shape, dtype=np.float32)
            drawn = self.codec_.from_network(drawn)
        return drawn, FilterCounts(drawn=n, kept=n)

    def _within_rules(self, rows: FloatArray, condition: int, seed: int) -> tuple[FloatArray, FilterCounts]:
        """Rows with noise; where it breaks a rule, with other noise; at last without any, if the rule is certain."""
        assert self.kernel_ is not None
        found, left, own = rows.copy(), np.arange(len(rows)), child_seed(seed, "kernel")
        counts = FilterCounts(kept=len(rows))
        for attempt in range(ATTEMPTS):
            if not len(left):
                break
            smoothed = self.kernel_.smoothed(rows[left], condition, child_seed(own, attempt) if attempt else own)
            broken = self._broken(smoothed)
            found[left[~broken]] = smoothed[~broken]
            counts.drawn += len(left)
            counts.rejected["rules"] += int(broken.sum())
            left = left[broken]
            if len(left) and attempt == ATTEMPTS - 1 and not self._sure:
                # a guess from few rows is no reason to copy them
                counts.faults, counts.taken_anyway = np.zeros(len(rows), np.int8), len(left)
                counts.faults[left] = RULES.index("rules") + 1
                found[left], left = smoothed[broken], left[:0]
        counts.drawn += len(left)  # the real rows themselves
        return found, counts

    @property
    def _sure(self) -> bool:
        """Whether a rule that noise can break is beyond doubt."""
        return any(rule.certain for rule in self.codec_.rules_ if rule.kept == GUARDED)

    def _broken(self, rows: FloatArray) -> npt.NDArray[np.bool_]:
        codec: RuledTableCodec = self.codec_
        return codec.judged(codec.round_trip(rows))[1] if codec.guards else np.zeros(len(rows), bool)

    @property
    def rules_(self) -> Rules:
        """The rules that are kept; empty where the data has none."""
        self._check_fitted()
        return getattr(self.codec_, "rules_", Rules())


def _moved(samples: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Samples (n, C, *spatial) moved by some cells along each axis, their edges repeated."""
    for axis, size in enumerate(samples.shape[2:], start=2):
        most = round(MOVE * size)
        shifts = rng.integers(-most, most + 1, size=len(samples))
        places = (np.arange(size) - shifts[:, None]).clip(0, size - 1)  # (n, size)
        shape = [len(samples), *(1,) * (samples.ndim - 1)]
        shape[axis] = size
        samples = np.take_along_axis(samples, places.reshape(shape), axis)
    return samples
