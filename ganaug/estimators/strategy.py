"""How many rows each class gets: imbalanced-learn's ``sampling_strategy``, with errors that say what to give."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

from imblearn.utils import check_sampling_strategy

from ganaug.estimators import options
from ganaug.estimators.targets import TargetCodec
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.types import IntArray

__all__ = ["new_rows", "wanted_rows"]

# Classes listed in an error message, and characters of what was given.
LISTED, SHOWN = 20, 200
WORDS = ("auto", "minority", "not minority", "not majority", "all")


def new_rows(given: Any, target: TargetCodec, codes: IntArray) -> dict[Any, int]:
    """How many rows to add to which label.

    Parameters
    ----------
    given : float, str, dict or callable
        The ``sampling_strategy`` of an over-sampler.
    target : TargetCodec
        Of the labels.
    codes : ndarray of shape (n,), int64
        The labels.

    Returns
    -------
    dict of label to int
        In the order of the labels.

    Raises
    ------
    InvalidParameterError, InvalidDataError
        If there is one class only, or the strategy cannot be met.
    """
    sizes, labels = target.sizes_, list(target.sizes_)
    known = ", ".join(f"{label!r}: {size}" for label, size in list(sizes.items())[:LISTED])
    if len(sizes) < 2:
        raise InvalidDataError(f"y has 1 class only ({known}); give rows of at least one other class")
    strategy = given(target.classes_[codes]) if callable(given) else given
    try:
        if isinstance(strategy, Mapping):
            for label, total in strategy.items():
                if label not in sizes:
                    raise InvalidParameterError(f"there is no class {label!r} in y")
                options.integer(f"the total of class {label!r}", total, sizes[label])
            strategy = {labels.index(label): int(total) for label, total in strategy.items()}
        found = wanted_rows(strategy, codes)
    except (TypeError, ValueError) as error:
        raise InvalidParameterError(
            f"{_named(given)} cannot be met: {str(error).rstrip('.')}. The classes of y and their rows: {known}. "
            "Give 'auto', 'minority', 'not minority', 'not majority', 'all', a ratio in (0, 1] for two "
            "classes, a dict of label to wanted total (no fewer rows than there are), or a callable that makes such "
            "a dict of y."
        ) from error
    return {labels[int(code)]: int(n) for code, n in found.items()}


def wanted_rows(strategy: Any, y: Any) -> dict[Any, int]:
    """What imbalanced-learn makes of a strategy, with errors in words.

    Parameters
    ----------
    strategy : float, str, dict or callable
        The ``sampling_strategy`` of an over-sampler.
    y : ndarray of shape (n,)
        The labels.

    Returns
    -------
    dict of label to int
        New rows, in imbalanced-learn's order.

    Raises
    ------
    InvalidParameterError, InvalidTypeError, ValueError, TypeError
        If it cannot be met.
    """
    if isinstance(strategy, str) and strategy not in WORDS:
        raise InvalidParameterError(f"{strategy!r} is none of {', '.join(map(repr, WORDS))}")
    if isinstance(strategy, Real) and not isinstance(strategy, bool) and not 0 < float(strategy) <= 1:
        raise InvalidParameterError(f"the ratio of the smaller class to the larger is {strategy}, not in (0, 1]")
    found = check_sampling_strategy(strategy, y, "over-sampling")
    if not isinstance(found, Mapping):
        raise InvalidTypeError(f"it is a {type(strategy).__name__}")
    return dict(found)


def _named(given: Any) -> str:
    """What was given as `sampling_strategy`; a callable by its name, for its repr is an address."""
    if callable(given):
        name = getattr(given, "__name__", type(given).__name__)
        return "what the sampling_strategy " + ("(a lambda)" if name == "<lambda>" else f"{name}()") + " returns"
    said = repr(given)
    return f"sampling_strategy={said if len(said) <= SHOWN else said[:SHOWN] + '...'}"
