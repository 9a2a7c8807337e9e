"""One cell: an arm on one split, and every classifier judged on the test samples; or a generator's quality."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ganaug.experiments.cells import one_core
from ganaug.experiments.pixels.arms import Arm
from ganaug.experiments.pixels.judges import JUDGES, Judging
from ganaug.experiments.pixels.makers import material, wanted
from ganaug.experiments.pixels.pools import read_pool
from ganaug.experiments.pixels.quality import generator_quality
from ganaug.experiments.pixels.samples import Split, seen
from ganaug.experiments.pixels.scores import SCORES, class_scores, rare_classes, recalls
from ganaug.runtime.threads import one_thread
from ganaug.utils.seeding import child_seed

__all__ = ["ArmCell", "QualityCell", "run_cell"]

Row = dict[str, Any]


@dataclass(frozen=True)
class _Cell:
    """What is to be done.

    Attributes
    ----------
    dataset, generator : str
        Names; a cell that needs no generator has an empty one.
    seed : int
    kind : {"image", "series"}
    judging : Judging
    path : Path
        Where the rows are stored.
    pool : Path or None
        Of the generator's samples.
    """

    dataset: str
    generator: str
    seed: int
    kind: str
    judging: Judging
    path: Path
    pool: Path | None


@dataclass(frozen=True)
class ArmCell(_Cell):
    """An arm, and the classifiers to train."""

    name: str
    arm: Arm
    judges: tuple[str, ...]
    table: ClassVar = "results"

    def rows(self, split: Split) -> list[Row]:
        """A row for each classifier."""
        reader, x, x_test = seen(self.kind, split)
        pool = None
        note, seconds = "", {"seconds_generator": float("nan"), "seconds_sample": float("nan")}
        if self.pool is not None:
            stored = read_pool(self.pool)
            note, seconds = (
                stored.note,
                {"seconds_generator": stored.seconds_fit, "seconds_sample": stored.seconds_sample},
            )
            needed = wanted(split.counts, self.arm)
            rows = np.concatenate([np.flatnonzero(stored.codes == code)[:n] for code, n in enumerate(needed)])
            pool = reader(stored.X[rows]), stored.codes[rows]
        made = material(x, split.y_train, self.arm, pool, len(split.labels), child_seed(self.judging.seed, "material"))
        found = []
        for judge in self.judges:
            began = time.perf_counter()
            predicted = JUDGES[judge](made, self.arm, x_test, self.judging)
            spent = time.perf_counter() - began
            scores = self._scores(split, predicted)
            found.append(
                self.row(
                    judge, seconds_fit=spent, n_synthetic=int(made.synthetic.sum()), note=note, **scores, **seconds
                )
            )
        return found

    def _scores(self, split: Split, predicted: Any) -> Row:
        n_classes = len(split.labels)
        hit = recalls(split.y_test, predicted, n_classes)
        each: Row = {"recalls": hit.tolist(), "labels": [str(label) for label in split.labels]}
        each |= {"counts": split.counts.tolist(), "n_real": len(split.y_train)}
        each["rare_recall"] = float(hit[rare_classes(split.counts)].mean())
        return class_scores(split.y_test, predicted, n_classes) | each

    def row(self, judge: str, **found: Any) -> Row:
        """One row of the results."""
        own: Row = {"dataset": self.dataset, "seed": self.seed, "classifier": judge, "generator": self.generator}
        own |= {"arm": self.name, "kind": _kind(self.arm)}
        own |= dict.fromkeys(
            [*SCORES, "rare_recall", "seconds_fit", "seconds_generator", "seconds_sample"], float("nan")
        )
        own |= {"n_real": 0, "n_synthetic": 0, "steps": self.judging.schedule.steps(self.judging.n_real)}
        return own | {"recalls": [], "labels": [], "counts": [], "error": "", "note": ""} | found

    def failed(self, said: str) -> list[Row]:
        """Rows that say what went wrong."""
        return [self.row(judge, error=said) for judge in self.judges]


def _kind(arm: Arm) -> str:
    return "baseline" if not arm.uses_generator else "blend" if arm.real else "synthetic"


@dataclass(frozen=True)
class QualityCell(_Cell):
    """How good a generator's samples are."""

    table: ClassVar = "quality"

    def rows(self, split: Split) -> list[Row]:
        """A row for each metric, and for each metric and class."""
        assert self.pool is not None
        found = generator_quality(self.kind, split, read_pool(self.pool), self.judging)
        return [self._row(row) for row in found]

    def _row(self, found: Row) -> Row:
        return {"dataset": self.dataset, "seed": self.seed, "generator": self.generator} | found

    def failed(self, said: str) -> list[Row]:
        """No rows; ``results`` says what went wrong with the generator."""
        return [self._row({"metric": "", "label": "", "value": float("nan"), "error": said})]


def run_cell(cell: ArmCell | QualityCell, split: Split) -> list[Row]:
    """Every row of a cell, on one core. Failures are rows; only Ctrl-C is raised."""
    try:
        with one_thread(), one_core():
            return cell.rows(split)
    except Exception as error:
        return cell.failed(f"{type(error).__name__}: {error}"[:500])
