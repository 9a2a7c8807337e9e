"""What a metric is given: real, synthetic and held-out rows, read and made comparable once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ganaug.metrics.features import MAX_LEVELS, ColumnKind
from ganaug.metrics.nearest import Floats
from ganaug.utils.seeding import child_seed, numpy_generator

__all__ = ["SHARE", "Rows", "SamplePair", "at_most"]

Places = npt.NDArray[np.intp]
T = TypeVar("T")

SHARE = (0.0, 1.0)

# Pairs of columns grow with the square: of wider tables so many columns of a kind are compared in pairs.
MAX_PAIRED = 60


@dataclass(frozen=True)
class Rows:
    """Some rows of a sample.

    Attributes
    ----------
    features : (n, d) float64
    columns : list of (n,) arrays
        Of a table, as `TableReader` gives them; else empty.
    y : (n,) int or None
        Class codes.
    number : (n,) int
        Row numbers in what the caller gave.
    """

    features: Floats
    columns: list[npt.NDArray[Any]]
    y: Places | None
    number: Places

    def __len__(self) -> int:
        return len(self.features)

    def take(self, rows: Places) -> Rows:
        """Rows by their places."""
        y = None if self.y is None else self.y[rows]
        return Rows(self.features[rows], [column[rows] for column in self.columns], y, self.number[rows])

    def of_classes(self, codes: Sequence[int]) -> Rows:
        """The rows of some classes; all, where classes are not known."""
        return self if self.y is None else self.take(np.flatnonzero(np.isin(self.y, codes)))


@dataclass(frozen=True)
class SamplePair:
    """Real rows against synthetic ones.

    Attributes
    ----------
    real, synthetic : Rows
        Of the same classes in the same shares, at most ``max_rows`` of them.
    train : Rows
        All real rows of these classes: what a synthetic row could be a copy of.
    unseen : Rows or None
        Held-out rows of these classes.
    teach, test : Rows or None
        All real and all held-out rows, whatever their class: what classifiers learn from and are tested on.
    offered : Rows
        All synthetic rows, in the shares in which they were given.
    kinds : tuple of ColumnKind
        Empty but for tables.
    widths : tuple of int
        Of a table, how many features each column makes, where that is known.
    labels : tuple
        Class code to label; empty without classes.
    classifier : object or None
        An unfitted scikit-learn classifier; None for the default.
    seed, n_resamples : int
    remark : str
    cache : dict
        What several metrics need and one computes.
    """

    real: Rows
    synthetic: Rows
    train: Rows
    unseen: Rows | None
    teach: Rows
    test: Rows | None
    offered: Rows
    kinds: tuple[ColumnKind, ...]
    widths: tuple[int, ...]
    labels: tuple[Any, ...]
    classifier: Any
    seed: int
    n_resamples: int
    remark: str = ""
    cache: dict[str, Any] = field(default_factory=dict, compare=False)

    def at_most(self, most: int) -> tuple[Rows, Rows]:
        """Real and synthetic rows, at most so many of each."""
        rng = numpy_generator(self.seed, "some")
        return at_most(self.real, most, rng), at_most(self.synthetic, most, rng)

    def halves(self, split: int) -> SamplePair:
        """Half of the real rows in the place of the synthetic ones; no intervals."""
        rows = numpy_generator(self.seed, "halves", split).permutation(len(self.real))
        cut = len(rows) // 2
        one, two = self.real.take(np.sort(rows[:cut])), self.real.take(np.sort(rows[cut:]))
        seed = child_seed(self.seed, "half", split)
        return replace(self, real=one, synthetic=two, train=one, unseen=None, n_resamples=0, seed=seed, cache={})

    def of_class(self, code: int, most: int) -> SamplePair:
        """One class alone, at most so many rows of it."""
        rng = numpy_generator(self.seed, "class", code)
        train = self.train.of_classes([code])
        unseen = None if self.unseen is None else self.unseen.of_classes([code])
        return replace(
            self,
            real=at_most(train, most, rng),
            synthetic=at_most(self.offered.of_classes([code]), most, rng),
            train=train,
            unseen=unseen,
            labels=(),
            seed=child_seed(self.seed, "class", code),
            remark="",
            cache={},
        )

    @property
    def sizes(self) -> tuple[int, int]:
        """Real and synthetic rows."""
        return len(self.real), len(self.synthetic)

    def options(self, bounds: tuple[float, float] = SHARE, **more: Any) -> dict[str, Any]:
        """Of `ganaug.metrics.nearest.estimate`."""
        return {"seed": self.seed, "n_resamples": self.n_resamples, "bounds": bounds, **more}

    def places(self, kind: str) -> list[int]:
        """Which columns are of a kind."""
        return [j for j, column in enumerate(self.kinds) if column.kind == kind]

    def paired_numbers(self) -> tuple[list[int], Floats, Floats]:
        """Columns of numbers, at most `MAX_PAIRED` of them: which, real (n, d), synthetic (m, d)."""
        places = self._some(self.places("number"))
        real, fake = (
            np.column_stack([rows.columns[j] for j in places]) if places else np.zeros((len(rows), 0))
            for rows in (self.real, self.synthetic)
        )
        return places, real, fake

    def paired_categories(self) -> tuple[list[str], list[Places], list[Places]]:
        """Category columns, rare levels as one, and the class if there are several: names, real, synthetic codes."""
        places = self._some(self.places("category"))
        names = [self.kinds[j].name for j in places]
        real, fake = ([np.minimum(rows.columns[j], MAX_LEVELS) for j in places] for rows in (self.real, self.synthetic))
        several = len(self.labels) > 1 and self.offered.y is not None and len(np.unique(self.offered.y)) > 1
        if several and self.real.y is not None and self.synthetic.y is not None:
            names, real, fake = [*names, "(class)"], [*real, self.real.y], [*fake, self.synthetic.y]
        return names, real, fake

    def once(self, key: str, make: Callable[[], T]) -> T:
        """What ``make`` gives, made at the first call only."""
        if key not in self.cache:
            self.cache[key] = make()
        made: T = self.cache[key]
        return made

    def _some(self, places: list[int]) -> list[int]:
        if len(places) <= MAX_PAIRED:
            return places
        chosen = numpy_generator(self.seed, "columns").choice(len(places), MAX_PAIRED, replace=False)
        return [places[i] for i in np.sort(chosen)]


def at_most(rows: Rows, most: int, rng: np.random.Generator) -> Rows:
    """At most so many rows, in their order."""
    return rows if len(rows) <= most else rows.take(np.sort(rng.choice(len(rows), most, replace=False)))
