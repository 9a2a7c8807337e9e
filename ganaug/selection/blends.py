"""Blends of real and synthetic rows: which there are, and the rows and weights of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.utils import _safe_indexing
from sklearn.utils.class_weight import compute_sample_weight

from ganaug.encoding.containers import n_rows
from ganaug.exceptions import InvalidParameterError, InvalidTypeError
from ganaug.utils import validation
from ganaug.utils.seeding import child_seed, numpy_generator

__all__ = ["NONE", "Blend", "Pool", "blend_rows", "candidates", "pool_samples"]

SHARES = (0.25, 0.5, 1.0)
WEIGHTS = (1.0, 0.5)


class Blend(NamedTuple):
    """How synthetic rows join the real ones.

    Attributes
    ----------
    share : float
        Share of the oversampler's new rows that are used: 0 is none, 1 all the
        way to the class sizes that it aims at.
    weight : float
        Weight of a synthetic row; a real one weighs 1.
    class_weight : {None, "balanced"}
        "balanced": every class weighs the same.

    Examples
    --------
    >>> from ganaug.selection import Blend
    >>> Blend(0.5).weight
    1.0
    """

    share: float
    weight: float = 1.0
    class_weight: str | None = None

    def __str__(self) -> str:
        if self.share == 0:
            return "None" if self.class_weight is None else "Class weights and no synthetic rows"
        rows = "full balance" if self.share == 1 else f"{self.share:g} of full balance"
        return rows if self.weight == 1 else f"{rows} with synthetic rows at weight {self.weight:g}"


NONE = Blend(0.0)


def candidates(blend: Any, weighs: bool, balances: bool | None = None) -> tuple[list[Blend], bool]:
    """The blends to judge, none first; and whether the last one is an order, not a question.

    Parameters
    ----------
    blend : "auto", float, Blend, or list of float and Blend
        As the user gave it.
    weighs : bool
        Whether the estimator takes weights of rows.
    balances : bool, optional
        Whether it can weigh classes the same; by default if it takes weights of rows.

    Raises
    ------
    InvalidParameterError
        If it is none of these, or needs weights that the estimator does not take.
    """
    balances = weighs if balances is None else balances
    weights = WEIGHTS if weighs else WEIGHTS[:1]
    if isinstance(blend, str):
        validation.choice("blend", blend, ["auto"])
        given = [Blend(0.0, 1.0, "balanced")] if balances else []
        given += [Blend(share, weight) for share in SHARES for weight in weights]
    elif isinstance(blend, (Real, Blend)):
        return list(dict.fromkeys([NONE, _checked(blend, weighs, balances)])), True
    elif isinstance(blend, Iterable):
        given = [
            one
            for item in blend
            for one in (
                [_checked(item, weighs, balances)]
                if isinstance(item, Blend)
                else [Blend(_checked(item, weighs, balances).share, weight) for weight in weights]
            )
        ]
        if not given:
            raise InvalidParameterError("blend is empty; give 'auto', or at least one share in [0, 1]")
    else:
        raise InvalidParameterError(f"blend={blend!r} must be 'auto', a share in [0, 1], a Blend, or a list of them")
    # shares of 0 are none, at any weight
    return list(dict.fromkeys([NONE, *(one if one.share else one._replace(weight=1.0) for one in given)])), False


def _checked(item: Any, weighs: bool, balances: bool) -> Blend:
    one = item if isinstance(item, Blend) else Blend(validation.number("blend", item, 0, 1))
    validation.number("blend: share", one.share, 0, 1)
    validation.number("blend: weight", one.weight, 0, open_low=True)
    if one.class_weight is not None:
        validation.choice("blend: class_weight", one.class_weight, ["balanced"])
    if not weighs and one.weight != 1:
        raise InvalidParameterError(f"blend={one!r} needs an estimator whose fit has a parameter sample_weight")
    if not balances and one.class_weight is not None:
        raise InvalidParameterError(
            f"blend={one!r} needs an estimator with a parameter class_weight, or whose fit takes sample_weight"
        )
    return one if one.share else one._replace(weight=1.0)


@dataclass(frozen=True)
class Pool:
    """Real rows, then every synthetic one.

    Attributes
    ----------
    X, y
        The rows and their labels.
    n_real : int
        How many of them are real.
    turn : ndarray of shape (n_synthetic,)
        In (0, 1), evenly spread within each class in random order. A blend of
        share s takes the rows whose turn is below s, so that a smaller blend is
        part of every larger one.
    weights : ndarray of shape (n_real,) or None
        Of the real rows, where the user gave some. A synthetic row weighs what a real one of its class does on average.
    """

    X: Any
    y: npt.NDArray[Any]
    n_real: int
    turn: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64] | None = None


def pool_samples(
    oversampler: Any, X: Any, y: npt.NDArray[Any], seed: int, weights: npt.NDArray[np.float64] | None = None
) -> Pool:
    """Fit the oversampler, once, and keep all that it makes.

    Raises
    ------
    InvalidTypeError
        If it drops or reorders real rows.
    """
    X_all, y_all = oversampler.fit_resample(X, y)
    labels = np.asarray(y_all).reshape(-1)
    n = len(y)
    if n_rows(X_all) != len(labels) or len(labels) < n or not np.array_equal(labels[:n], y):
        raise InvalidTypeError(
            f"oversampler={type(oversampler).__name__} must return the rows it was given, in their order, and new "
            "ones after them; samplers that drop rows cannot be blended"
        )
    turn = np.zeros(len(labels) - n)
    for code, label in enumerate(np.unique(labels)):
        here = np.flatnonzero(labels[n:] == label)
        # some samplers order their rows, so that the first ones are not a fair part of all
        order = numpy_generator(child_seed(seed, "order", code)).permutation(len(here))
        turn[here] = (order + 0.5) / max(1, len(here))
    return Pool(X_all, labels, n, turn, weights)


def blend_rows(pool: Pool, blend: Blend) -> tuple[Any, npt.NDArray[Any], npt.NDArray[np.float64] | None]:
    """Rows, labels and weights (None: all 1) that a blend trains on."""
    chosen = np.flatnonzero(pool.turn < blend.share) + pool.n_real
    rows = np.concatenate([np.arange(pool.n_real), chosen])
    X = pool.X if len(rows) == len(pool.y) else _safe_indexing(pool.X, rows)
    y = pool.y[rows]
    if blend.class_weight is None and blend.weight == 1 and pool.weights is None:
        return X, y, None
    weights = np.where(rows < pool.n_real, 1.0, blend.weight)
    if pool.weights is not None:
        weights *= _usual_weights(pool)[rows]
    if blend.class_weight is not None:
        weights = weights * compute_sample_weight(blend.class_weight, y)
    return X, y, weights


def _usual_weights(pool: Pool) -> npt.NDArray[np.float64]:
    """The weights given of the real rows, and of each synthetic one the mean of its class."""
    assert pool.weights is not None
    real = pool.y[: pool.n_real]
    usual = np.concatenate([pool.weights, np.ones(len(pool.y) - pool.n_real)])
    for label in np.unique(pool.y[pool.n_real :]):
        own = pool.weights[real == label]
        usual[pool.n_real :][pool.y[pool.n_real :] == label] = own.mean() if len(own) else 1.0
    return usual
