"""What a model, in memory or in a file, gives away of single training samples."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ganaug.estimators.base import BaseGenerator
from ganaug.estimators.bootstrap import SmoothedBootstrap
from ganaug.estimators.gan import BaseGAN
from ganaug.estimators.saving import read

__all__ = ["traces"]

# How deep generators may lie in an object: a sampler in a step of a pipeline in a search.
DEPTH = 8


def traces(model: object) -> dict[str, Any]:
    """What of its training data a model gives away beyond what its samples tell.

    Parameters
    ----------
    model : estimator or path
        A fitted generator, anything that holds fitted generators (a `GANOversampler`, an `AugmentedClassifier`, a
        Pipeline, a dataset, a dict of them), or the path of a model file. Of an object, what a pickle or a deep
        copy of it would hold is reported.

    Returns
    -------
    dict
        JSON values only:

        - ``"source"`` : "file" or "object";
        - ``"format"`` : int, of the file, or None for an object;
        - ``"models"`` : int, generators that were found;
        - ``"copies_check"`` : bool, whether hashes or sketches of every training sample are there;
        - ``"exact_columns"`` : list of str, columns of mostly distinct numbers of which exact values are there (models
          of formats before 2);
        - ``"single_levels"`` : dict of str to int, columns with category levels that only one training row has, and
          how many such levels;
        - ``"training_rows"`` : int, training samples that are there as they are: a `SmoothedBootstrap` is its rows;
        - ``"trained_discriminator"`` : bool, whether the discriminator is there that saw the training samples, and not
          one distilled from it on synthetic ones;
        - ``"factors"`` : bool, whether principal components of a table wider than 512 numbers are there;
        - ``"findings"`` : list of str, the same as sentences; empty if nothing is given away.

    Raises
    ------
    ModelFileError
        If the path holds no model.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug import TabularGAN
    >>> from ganaug.estimators.traces import traces
    >>> X = np.random.default_rng(0).normal(size=(60, 2))
    >>> found = traces(TabularGAN(max_steps=5, random_state=0).fit(X))
    >>> found["copies_check"], found["training_rows"], found["findings"]
    (False, 0, [])
    """
    is_path = isinstance(model, (str, os.PathLike))
    found: dict[str, Any] = {
        "source": "file" if is_path else "object",
        "format": None,
        "models": 0,
        "copies_check": False,
        "exact_columns": [],
        "single_levels": {},
        "training_rows": 0,
        "trained_discriminator": False,
        "factors": False,
    }
    if isinstance(model, (str, os.PathLike)):
        model, found["format"] = read(model)
    for generator in _generators(model, DEPTH, set()):
        found["models"] += 1
        _codec(generator.codec_, found)
        if isinstance(generator, SmoothedBootstrap):
            found["training_rows"] += sum(map(len, generator.rows_))
        if isinstance(generator, BaseGAN):
            found["copies_check"] |= is_path and _checks_copies(generator.curator_)
            found["trained_discriminator"] |= is_path and generator._discriminator == "stored"
    found["exact_columns"] = sorted(set(found["exact_columns"]))
    found["findings"] = [sentence for sentence in (say(found) for say in _SENTENCES) if sentence]
    return found


def _generators(thing: object, depth: int, seen: set[int]) -> Iterator[Any]:
    """Fitted generators in an object, each once."""
    if depth < 0 or id(thing) in seen or isinstance(thing, (str, bytes, int, float, np.ndarray, type(None))):
        return
    seen.add(id(thing))
    if isinstance(thing, BaseGenerator):
        if hasattr(thing, "conditions_"):
            yield thing
        return
    if isinstance(thing, Mapping):
        parts = list(thing.values())
    elif isinstance(thing, (list, tuple)):
        parts = list(thing)
    else:
        parts = list(getattr(thing, "__dict__", {}).values())
    for part in parts:
        yield from _generators(part, depth - 1, seen)


def _codec(codec: Any, found: dict[str, Any]) -> None:
    if not hasattr(codec, "column_summary"):
        return
    for column in codec.column_summary():
        name = str(column["name"])
        if column.get("exact"):
            found["exact_columns"].append(name)
        if column.get("once"):
            found["single_levels"][name] = max(found["single_levels"].get(name, 0), int(column["once"]))
    rewriter = getattr(codec, "rewriter", None)
    groups = set() if rewriter is None else set(rewriter.state_columns)
    for column in codec.own.column_summary() if groups else ():
        if column["name"] in groups and column.get("once"):
            found["single_levels"][f"the group of {column['name']}"] = int(column["once"])
    found["factors"] |= getattr(getattr(codec, "own", codec), "factors", None) is not None


def _checks_copies(curator: Any) -> bool:
    return bool(curator is not None and curator.holds_samples)


_SENTENCES = (
    lambda found: (
        "It holds hashes or sketches of every training sample (the check for copies): who has it can test whether a "
        "sample was in the training, and rebuild images, series and rows of few values. Save it without "
        "keep_copies_check."
        if found["copies_check"]
        else ""
    ),
    lambda found: (
        f"It holds exact values of {', '.join(found['exact_columns'])}. Only a new fit removes them."
        if found["exact_columns"]
        else ""
    ),
    lambda found: (
        "It names categories that only one training row has: "
        + ", ".join(f"{n} of {name}" for name, n in found["single_levels"].items())
        + ". Join rare categories, or drop the column, before fitting."
        if found["single_levels"]
        else ""
    ),
    lambda found: (
        f"It holds {found['training_rows']:,} training samples as they are." if found["training_rows"] else ""
    ),
    lambda found: (
        "It holds the discriminator that saw the training samples, whose scores tell many of them from others. "
        "Load it and save it again."
        if found["trained_discriminator"]
        else ""
    ),
    lambda found: (
        "It holds principal components of a table with more columns than a network can learn; where there are fewer "
        "rows than columns they tell who was in the training, and so do many samples."
        if found["factors"]
        else ""
    ),
)
