"""Columns of few levels: one indicator for each observed level and one for missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ganaug.codecs.plain import NEVER_MISSING, Array, Plain, State
from ganaug.exceptions import InvalidDataError, ModelFileError

__all__ = ["ChoiceModel", "check_known", "check_observed"]


@dataclass(frozen=True)
class ChoiceModel:
    """One-hot encoding over observed level codes.

    Attributes
    ----------
    observed : ndarray of shape (k,), dtype int64
        Level codes that occurred, increasing. Levels that never occurred cost nothing and never come out.
    n_levels : int
        Levels of the column's dtype, observed or not.
    missing : bool
        Whether missing is a state.
    once : int
        Levels that one row has.
    """

    observed: Array
    n_levels: int
    missing: bool
    once: int = 0

    n_scalars = 0

    @property
    def n_states(self) -> int:
        """Observed levels and missing."""
        return len(self.observed) + int(self.missing)

    @classmethod
    def fit(cls, plain: Plain, n_levels: int) -> ChoiceModel:
        """Note which levels occur."""
        counts = np.bincount(plain.present(), minlength=n_levels)
        return cls(np.flatnonzero(counts), n_levels, plain.missing is not None, int((counts == 1).sum()))

    def encode(self, plain: Plain) -> tuple[Array, Array]:
        """No scalars, and states (n,) int64."""
        check_known(plain, self.missing)
        table = np.full(self.n_levels + 1, -1, dtype=np.int64)
        table[self.observed] = np.arange(len(self.observed))
        table[-1] = self.n_states - 1  # code -1 is missing
        return np.zeros((len(plain), 0), dtype=np.float32), table[plain.values]

    def decode(self, scores: Array, states: Array) -> Plain:
        """Level codes of any states in 0..n_states."""
        codes = np.append(self.observed, -1)[states]
        return Plain(codes, states == len(self.observed) if self.missing else None)

    def as_seen(self, scores: Array, states: Array) -> tuple[Array, Array]:
        """The encoding of what they decode to: themselves."""
        return scores, states

    def possible(self) -> tuple[Array, bool]:
        """Level codes that occur, and that these are all."""
        return self.observed, True

    def summary(self) -> dict[str, Any]:
        """Human-facing facts."""
        return {"n_levels": len(self.observed), "missing": self.missing, "once": self.once}

    def get_state(self) -> State:
        """Config and arrays."""
        return {"n_levels": self.n_levels, "missing": self.missing, "once": self.once}, {"observed": self.observed}

    @classmethod
    def from_state(cls, config: dict[str, Any], arrays: dict[str, Array]) -> ChoiceModel:
        """The model that `get_state` took apart."""
        model = cls(arrays["observed"], config["n_levels"], config["missing"], config.get("once", 0))
        check_observed(model.observed, model.n_levels)
        return model


def check_known(plain: Plain, missing: bool) -> None:
    """Refuse a missing value where training had none."""
    if plain.missing is not None and not missing:
        raise InvalidDataError(NEVER_MISSING)


def check_observed(observed: Array, n_levels: int) -> None:
    """Refuse stored level codes that point at no level."""
    if len(observed) and not (observed.min() >= 0 and observed.max() < n_levels):
        raise ModelFileError("a stored level code points at no level")
