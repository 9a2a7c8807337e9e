"""Which cells there are, in which order, and which of them are finished."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganaug.experiments.cache import cell_path, data_digest, described, read_cell
from ganaug.experiments.pixels.arms import Arm
from ganaug.experiments.pixels.cells import ArmCell, QualityCell, Row
from ganaug.experiments.pixels.judges import Judging, applies
from ganaug.experiments.pixels.makers import wanted
from ganaug.experiments.pixels.pools import is_filled, read_pool
from ganaug.experiments.pixels.samples import Split, read_split
from ganaug.experiments.pixels.training import Schedule
from ganaug.utils.seeding import child_seed

__all__ = ["Place", "TrainConfig", "Turn"]

# data set, seed, table, arm, generator: the order of the results
Place = tuple[int, int, str, int, int]
# Raised when the same settings would give other figures: files of an earlier protocol are then left unread.
PROTOCOL = 1
SHOWN = 8  # samples of each class that a comparison keeps, to be looked at
GENERATOR_LESS = ""


@dataclass(frozen=True)
class Turn:
    """All that is to be done for one split.

    Attributes
    ----------
    name, seed, split
        Of the data set.
    missing : list of (Place, cell)
        Cells that are not finished.
    pools : dict of str to (Path, int)
        For each generator, where its samples are or are to be, and its seed.
    generators : dict of str to estimator
    """

    name: str
    seed: int
    split: Split
    missing: list[tuple[Place, Any]]
    pools: dict[str, tuple[Path, int]]
    generators: dict[str, Any]

    def shown(self) -> dict[tuple[str, int, str], dict[str, Any]]:
        """A few real and synthetic samples of each class, for each generator whose samples are there."""
        found = {}
        for name, (path, _) in self.pools.items():
            if is_filled(path):
                pool, split = read_pool(path), self.split
                found[self.name, self.seed, name] = {
                    str(label): (
                        split.X_train[split.y_train == code][:SHOWN].copy(),
                        pool.X[pool.codes == code][:SHOWN].copy(),
                    )
                    for code, label in enumerate(split.labels)
                }
        return found


@dataclass(frozen=True)
class TrainConfig:
    """What was asked for, checked."""

    kind: str
    datasets: dict[str, Any]
    generators: dict[str, Any]
    arms: dict[str, Arm]
    judges: tuple[str, ...]
    seeds: tuple[int, ...]
    schedule: Schedule
    augment: dict[str, tuple[str, ...]]
    quality: bool

    @property
    def n_cells(self) -> int:
        """Finished or not."""
        arms = [arm for arm in self.arms.values() if self._judges(arm)]
        times = sum(len(self.generators) if arm.uses_generator else 1 for arm in arms)
        return len(self.datasets) * len(self.seeds) * (times + self.quality * len(self.generators))

    def _judges(self, arm: Arm) -> tuple[str, ...]:
        return tuple(judge for judge in self.judges if applies(judge, arm))

    def turns(self, folder: Path, done: dict[Place, list[Row]]) -> Iterator[Turn]:
        """One split after the other; finished cells, and those of a data set that cannot be read, go into ``done``."""
        for number, (name, source) in enumerate(self.datasets.items()):
            for turn, seed in enumerate(self.seeds):
                try:
                    split = read_split(source(seed) if callable(source) else source)
                except Exception as error:
                    said = f"{type(error).__name__}: {error}"[:500]
                    cells = self._cells(name, (number, turn), seed, None, folder, {})
                    done |= {place: cell.failed(said) for place, cell in cells if cell.table == "results"}
                    continue
                yield self._turn(name, (number, turn), seed, split, folder, done)

    def _turn(
        self, name: str, at: tuple[int, int], seed: int, split: Split, folder: Path, done: dict[Place, list[Row]]
    ) -> Turn:
        digest = data_digest(*split[:4])
        pools = {}
        for generator, estimator in self.generators.items():
            own = child_seed(seed, name, generator)
            key = ["pool", PROTOCOL, digest, described(estimator), own]
            path = cell_path(folder, name, f"pool_{generator}", seed, 0, key).with_suffix(".npz")
            pools[generator] = path, own
        missing = []
        for place, cell in self._cells(name, at, seed, split, folder, pools):
            rows = read_cell(cell.path)
            if rows is None:
                missing.append((place, cell))
            else:
                done[place] = rows
        return Turn(name, seed, split, missing, pools, self.generators)

    def _cells(
        self, name: str, at: tuple[int, int], seed: int, split: Split | None, folder: Path, pools: dict[str, Any]
    ) -> Iterator[tuple[Place, Any]]:
        digest = "" if split is None else data_digest(*split[:4])
        n_real = 0 if split is None else len(split.y_train)
        judging = Judging(self.schedule, self.augment[name], n_real, child_seed(seed, name, "classifier"))
        known = [digest, self.kind, self.judges, vars(self.schedule), self.augment[name], judging.seed, PROTOCOL]

        def common(generator: str, title: str, extra: Any) -> dict[str, Any]:
            pool = pools[generator][0] if generator and pools else None
            key = [*known, extra, "" if pool is None else pool.name]
            path = cell_path(folder, name, f"{title}_{generator}", seed, 0, key)
            return {"dataset": name, "generator": generator, "seed": seed, "kind": self.kind, "judging": judging} | {
                "path": path,
                "pool": pool,
            }

        for number, (title, arm) in enumerate(self.arms.items()):
            judges = self._judges(arm)
            if not judges:
                continue
            needs = arm.uses_generator and (split is None or wanted(split.counts, arm).any())
            for turn, generator in enumerate(self.generators if arm.uses_generator else [GENERATOR_LESS]):
                parts = common(generator, title, described(arm))
                parts |= {} if needs else {"pool": None}
                yield (*at, "results", number, turn), ArmCell(**parts, name=title, arm=arm, judges=judges)
        for turn, generator in enumerate(self.generators if self.quality else []):
            parts = common(generator, "quality", "quality")
            yield (*at, "quality", len(self.arms), turn), QualityCell(**parts)
