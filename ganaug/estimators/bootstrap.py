"""What replaces a GAN where a class has too few rows to train one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from ganaug.encoding.containers import modality_of
from ganaug.encoding.image_codec import ImageCodec
from ganaug.encoding.row_selection import SelectedRows
from ganaug.encoding.series_codec import SeriesCodec
from ganaug.estimators.base import BaseGenerator, Samples, checked_random_state
from ganaug.estimators.fitting import Conditions, Constraints, Prepared, Seed
from ganaug.estimators.smoothing import ClassKernel
from ganaug.filtering import FilterCounts
from ganaug.rules import Rules
from ganaug.rules.base_rule import GUARDED
from ganaug.rules.codec import RuledTableCodec, checked_rules
from ganaug.utils import validation
from ganaug.utils.seeding import child_seed, numpy_generator, root_seed
from ganaug.utils.types import FloatArray, IntArray

__all__ = ["SmoothedBootstrap"]

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
        "bandwidth": partial(validation.number, low=0),
        "random_state": checked_random_state,
    }

    def __init__(
        self, *, bandwidth: float = 1.0, keep_range: bool = True, rules: Any = "auto", random_state: Seed = None
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
            floats = codec.to_network(torch.from_numpy(x)).numpy()
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
            drawn = _moved(self.codec_.to_network(torch.from_numpy(drawn)).numpy(), rng)
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
                found[left], left = smoothed[broken], left[:0]  # a guess from few rows is no reason to copy them
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
