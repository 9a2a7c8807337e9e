"""Every parameter of every estimator has a constraint, and what breaks it is refused by name; generated from them."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from helpers import cases

from ganaug import GanaugError, ImageGAN, ImageTranslator, SeriesGAN, SmoothedBootstrap, TabularGAN

ESTIMATORS = [TabularGAN, ImageGAN, SeriesGAN, ImageTranslator, SmoothedBootstrap]
# Checked by the codec or against the labels, a path, or a switch that any value turns on or off.
ELSEWHERE = {"layout", "source", "target", "checkpoint", "warm_start", "keep_range"}


def constraints(estimator):
    modality = getattr(estimator, "_modality", None)
    return {**estimator._constraints, **({} if modality is None else modality.constraints)}


CASES = [(kind, name) for kind in ESTIMATORS for name in constraints(kind()) if name not in ELSEWHERE]


@cases(("kind", "name"), CASES, ids=lambda value: getattr(value, "__name__", value))
def test_what_no_parameter_can_be_is_refused_by_name(kind, name):
    X = np.zeros((20, 8, 8), np.uint8) if kind in (ImageGAN, ImageTranslator) else np.zeros((20, 1, 16))
    X = X[:, 0] if kind in (TabularGAN, SmoothedBootstrap) else X
    for wrong in (object(), "nonsense", -1, [object()]):
        if name in ("verbose", "random_state") and wrong == -1:
            continue  # any integer is a switch; negative seeds are refused where they are used
        with pytest.raises(GanaugError) as caught:
            kind(**{name: wrong}).prepare(X, np.arange(20) % 2)
        assert name in str(caught.value)


@cases("kind", ESTIMATORS)
def test_no_parameter_is_without_a_constraint(kind):
    parameters = set(inspect.signature(kind).parameters)
    assert set(constraints(kind())) <= parameters
    assert parameters - set(constraints(kind())) <= ELSEWHERE
