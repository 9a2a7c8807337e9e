"""One training as a task of an over-sampler, and what its user is told of it."""

from __future__ import annotations

from typing import Any

from ganaug.estimators.transport import carried
from ganaug.exceptions import FewSamplesWarning, TrainingWarning
from ganaug.surroundings import warn

__all__ = ["barely_begun", "tell_few", "tell_trouble", "train_one"]

# An interrupted training that got less far than this made no generator worth having.
USABLE_SHARE = 0.2


def train_one(generator: Any, data: Any, focus: Any, title: str) -> Any:
    """Train one generator: for a label against the rest, or (None) for all classes. To be `unpacked`."""
    if hasattr(generator, "prepare"):
        return carried(generator.fit_prepared(data, focus=focus, title=title))
    return carried(generator.fit(*data) if focus is None else generator.fit(*data, focus=focus))


def barely_begun(generator: Any) -> bool:
    """Whether the training was interrupted before it was of use."""
    if getattr(generator, "stop_reason_", None) != "interrupted":
        return False
    return bool(generator.n_steps_ < USABLE_SHARE * generator.max_steps)


def tell_trouble(title: str, generator: Any) -> None:
    """Warn of what went wrong in a worker, whose own warnings nobody sees."""
    said = getattr(generator, "_warning", None)
    if barely_begun(generator):
        said = "the training was interrupted before it was of use; a smoothed bootstrap stands in for the GAN"
    if said:
        warn(f"{title}: {said}", TrainingWarning)


def tell_few(label: Any, rows: int, smallest: int) -> None:
    """Warn of a class that no GAN was trained for."""
    warn(
        f"class {label!r} has {rows} row{'s' * (rows != 1)}, fewer than min_class_size={smallest}: "
        "its new rows are a smoothed bootstrap of the real ones, not made by a GAN. "
        "Collect more rows, or lower min_class_size.",
        FewSamplesWarning,
    )
