"""Samples to judge: those given, or drawn from a generator class by class."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from ganaug.encoding.containers import concatenate, n_rows
from ganaug.estimators.saving import read
from ganaug.estimators.traces import traces
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.summaries import label_text
from ganaug.utils.seeding import child_seed

__all__ = ["Drawn", "draw"]

# As many synthetic samples of a class as it has real ones, but at least so many, and so many of all classes.
LEAST_OF_CLASS = 200
MOST = {"table": 4000, "image": 1500, "series": 2000}


@dataclass
class Drawn:
    """Synthetic samples.

    Attributes
    ----------
    X, y : container, labels or None
    generator : object or None
        What made them.
    curation : dict
        Label to counts of candidates.
    note : str
        Why classes are not compared; empty where they are, or where there are none.
    traces : dict
        What the generator, or the file that it was read from, gives away of single training samples.
    """

    X: Any
    y: Any = None
    generator: Any = None
    curation: dict[str, dict[str, int | None]] = field(default_factory=dict)
    note: str = ""
    traces: dict[str, Any] = field(default_factory=dict)


def draw(source: Any, y: Any, kind: str, n_samples: Any, seed: int) -> Drawn:
    """Take the samples given, or draw them.

    Parameters
    ----------
    source : generator, path of a model file, samples or (samples, labels)
    y : array-like or None
        Real labels.
    kind : {"table", "image", "series"}
    n_samples : int, dict of label to int, or None
    seed : int

    Raises
    ------
    InvalidTypeError, InvalidParameterError, InvalidDataError
        For what is neither, for a wrong number, or for a generator that returns something else.
    """
    given_away: dict[str, Any] = {}
    if isinstance(source, (str, os.PathLike)):
        given_away, source = traces(source), read(source)[0]  # it tells of traces itself, so that load need not
    if isinstance(source, type):
        raise InvalidTypeError(f"{source.__name__} is a class; give a fitted generator, samples or (X_syn, y_syn)")
    if isinstance(source, tuple) and len(source) == 2:
        given = Drawn(*source)
    elif hasattr(source, "shape") or isinstance(source, list):  # a DataFrame has a method `sample`, too
        given = Drawn(source)
    elif hasattr(source, "sample"):
        given = _drawn(source, y, _checked(n_samples), MOST[kind], seed)
        given.traces = given_away or traces(source)
    else:
        raise InvalidTypeError(
            f"a {type(source).__name__} is neither a fitted generator with sample(), nor the path of a model file, nor "
            "samples, nor (X_syn, y_syn)"
        )
    if given.generator is None and n_samples is not None:
        raise InvalidParameterError(f"n_samples={n_samples!r} says how many to draw; the samples given are taken whole")
    if y is None:
        given.y = None
    elif given.y is None:
        given.note = (
            "Classes were not compared, because the labels of the synthetic samples were not given: "
            "pass (X_syn, y_syn)."
        )
    return given


def _checked(n_samples: Any) -> int | dict[Any, int] | None:
    counts = n_samples.values() if isinstance(n_samples, Mapping) else [2 if n_samples is None else n_samples]
    if not all(isinstance(n, Integral) and not isinstance(n, bool) and int(n) > 0 for n in counts) or not counts:
        raise InvalidParameterError(f"n_samples={n_samples!r} must be a positive integer, or a dict of label to such")
    return dict(n_samples) if isinstance(n_samples, Mapping) else None if n_samples is None else int(n_samples)


def _drawn(generator: Any, y: Any, n_samples: Any, most: int, seed: int) -> Drawn:
    takes = inspect.signature(generator.sample).parameters
    if y is None or "label" not in takes:
        if isinstance(n_samples, dict):
            raise InvalidParameterError("n_samples is a dict of labels; give an integer where there are no classes")
        n = n_samples or (min(most, max(LEAST_OF_CLASS, len(y))) if y is not None else most)
        X, labels = _pair(generator.sample(n, **_seeded(takes, seed, "all")))
        return Drawn(X, labels if y is not None else None, generator, _curation(generator))
    counts = pd.Series(np.asarray(y)).astype(object).value_counts()
    wanted = n_samples if isinstance(n_samples, dict) else _planned(_labels(generator, counts), counts, n_samples, most)
    parts, labels = [], []
    curation: dict[str, dict[str, int | None]] = {}
    for label, n in wanted.items():
        X, own = _pair(generator.sample(n, label=label, **_seeded(takes, seed, label_text(label))))
        if n_rows(X) != n or own is None:
            raise InvalidDataError(
                f"{type(generator).__name__}.sample returned {n_rows(X)} samples of class {label!r} "
                f"{'without labels ' if own is None else ''}when asked for {n}"
            )
        parts.append(X)
        labels += [label] * n
        curation |= _curation(generator)
    return Drawn(concatenate(parts), pd.Series(labels, dtype=object), generator, curation)


def _labels(generator: Any, counts: Any) -> list[Any]:
    """Labels that can be sampled, in the order of `classes_`."""
    if hasattr(generator, "generators_"):
        return list(generator.generators_)
    conditions: Any = getattr(generator, "conditions_", None)
    classes = getattr(generator, "classes_", None)
    if classes is None:
        known = list(counts.index)
        return sorted(known, key=str)
    if getattr(conditions, "focus", None) is not None:
        classes = [classes[code] for code in conditions.sampled()]
    return [label.item() if isinstance(label, np.generic) else label for label in classes]


def _planned(labels: list[Any], counts: Any, total: int | None, most: int) -> dict[Any, int]:
    """How many of each label: in proportion to the real ones, if a total is asked for."""
    sizes = np.array([int(counts.get(label, 0)) for label in labels], float)
    if not sizes.sum():
        raise InvalidDataError(f"the generator makes classes {labels[:5]!r}, of which y has none")
    if total is None:
        least = min(LEAST_OF_CLASS, max(1, most // len(labels)))
        sizes = np.maximum(least, sizes * min(1.0, most / sizes.sum()))
    else:
        sizes = np.maximum(1, sizes * total / sizes.sum())
    return {label: round(n) for label, n in zip(labels, sizes.tolist(), strict=True)}


def _seeded(takes: Mapping[str, Any], seed: int, name: str) -> dict[str, int]:
    return {"random_state": child_seed(seed, "sample", name) % 2**31} if "random_state" in takes else {}


def _pair(made: Any) -> tuple[Any, Any]:
    return made if isinstance(made, tuple) and len(made) == 2 else (made, None)


def _curation(generator: Any) -> dict[str, dict[str, int | None]]:
    return {label_text(label): dict(row) for label, row in getattr(generator, "curation_", {}).items()}
