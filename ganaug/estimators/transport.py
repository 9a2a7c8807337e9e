"""Fitted generators on their way between the processes of one call, which see more than a pickle holds."""

from __future__ import annotations

from typing import Any

__all__ = ["carried", "unpacked"]


class _Carried:
    """A generator whose pickle is taken apart with all that it holds in memory.

    A pickle may be kept, and must not hold traces of training samples. What a worker sends back to the process that
    started it is not kept, and must not lack them: the result of a call does not depend on the number of processes.
    """

    def __init__(self, generator: Any) -> None:
        self.generator = generator

    def __getstate__(self) -> dict[str, Any]:
        return {"kind": type(self.generator), "state": self.generator._whole_state()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.generator = state["kind"].__new__(state["kind"])
        self.generator.__setstate__(state["state"])


def carried(generator: Any) -> Any:
    """What a task gives back in place of a generator."""
    return _Carried(generator) if hasattr(generator, "_whole_state") else generator


def unpacked(result: Any) -> Any:
    """The generator again."""
    return result.generator if isinstance(result, _Carried) else result
