"""Codecs travel as what they would be saved as."""

from __future__ import annotations

from typing import Any

__all__ = ["PickledByState"]


class PickledByState:
    """Pickle, deepcopy and skops see the config and arrays of ``get_state``.

    A fitted codec holds objects of pandas, whose pickles change with its
    versions, and which skops refuses to write.
    """

    def __getstate__(self) -> dict[str, Any]:
        if not hasattr(self, "classes_") and not hasattr(self, "n_features_"):  # not fitted
            return dict(self.__dict__)
        config, arrays = self.get_state()  # type: ignore[attr-defined]
        return {"config": config, "arrays": arrays}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "config" in state:
            state = dict(vars(type(self).from_state(**state)))  # type: ignore[attr-defined]
        self.__dict__.update(state)
