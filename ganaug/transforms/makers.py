"""Who draws the images of each class, and how many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError

__all__ = ["counts_of", "makers_of", "plain_label"]


def plain_label(label: Any) -> Any:
    """A label as a Python value: numpy's and torch's scalars compare with it but are not found by it."""
    value = label.item() if hasattr(label, "item") and getattr(label, "ndim", 0) == 0 else label
    if isinstance(value, (bool, int, float, str)):
        return value
    raise InvalidTypeError(f"label {label!r} is a {type(label).__name__}; a class is an integer, a string or a bool")


def makers_of(generator: Any, labels: Sequence[Any] | None) -> dict[Any, Any]:
    """Label to the generator that draws it, for the classes asked for or, by default, all that can be drawn."""
    each = getattr(generator, "generators_", generator)  # those of an over-sampler
    if isinstance(each, Mapping):
        makers = {plain_label(label): maker for label, maker in each.items()}
        for maker in makers.values():
            _check_maker(maker)
    else:
        _check_maker(generator)
        known = getattr(generator, "classes_", None)
        if known is None and labels is None:
            raise InvalidDataError(
                f"the {type(generator).__name__} knows no classes: it is not fitted, or was fitted without labels; "
                "fit(X, y), or give labels= if it can sample them"
            )
        if known is None:
            known = labels
        elif hasattr(generator, "conditions_"):  # one with a class in focus, or a translator, draws no other
            known = [known[code] for code in generator.conditions_.sampled()]
        makers = {plain_label(label): generator for label in list(() if known is None else known)}
    asked = list(makers) if labels is None else [plain_label(label) for label in labels]
    strange = [label for label in asked if label not in makers]
    if strange or not asked:
        what = f"class {strange[0]!r}" if strange else "no class at all"
        raise InvalidParameterError(f"labels= asks for {what}; the generator makes {list(makers)}")
    return {label: makers[label] for label in asked}


def _check_maker(generator: Any) -> None:
    if isinstance(generator, type) or not callable(getattr(generator, "sample", None)):
        raise InvalidTypeError(
            f"{generator!r} has no sample(n, label=..., random_state=...); give a fitted generator, or a dict of "
            "label to generator"
        )


def counts_of(n: int | Mapping[Any, int], labels: list[Any]) -> dict[Any, int]:
    """Images of each class, checked: ``n`` of all ``labels``, or as a dict says."""
    counts = {plain_label(k): v for k, v in n.items()} if isinstance(n, Mapping) else dict.fromkeys(labels, n)
    for label, count in counts.items():
        if label not in labels:
            raise InvalidParameterError(f"n asks for class {label!r}; the generator makes {labels}")
        if not isinstance(count, (int, np.integer)) or isinstance(count, bool) or count < 1:
            raise InvalidParameterError(f"n={count!r} for class {label!r} must be an integer of at least 1")
    if not counts:
        raise InvalidParameterError("n={} asks for no class at all")
    return {label: int(count) for label, count in counts.items()}
