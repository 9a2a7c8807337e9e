"""Samples to judge, given or drawn; facts about their generator, and what it gives away of single samples."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from ganaug.encoding.containers import concatenate, n_rows
from ganaug.encoding.table_checks import names_of_labels
from ganaug.exceptions import GanaugError, InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.metrics.diagnosis import Made
from ganaug.summaries import label_text
from ganaug.utils.determinism import child_seed

__all__ = [
    "Drawn",
    "curation_rows",
    "draw",
    "evidence_rows",
    "generator_facts",
    "histories",
    "how_made",
    "labels_like",
    "opened",
    "traces",
]

# --------------------------------------------------------------------------------------
# Samples to judge, given or drawn from a generator, and facts about the generator.


# Samples drawn of a class at least, and of all classes at most.
LEAST_OF_CLASS = 200
MOST = {"table": 4000, "image": 1500, "series": 2000}
MOST_STEPS = 200
_SHOWN = ("n_steps_", "stop_reason_", "best_step_", "quality_")


@dataclass
class Drawn:
    """Synthetic samples.

    Attributes
    ----------
    X, y : container, labels or None
    generator : object or None
        The generator that made them.
    curation : dict
        Label to counts of candidates.
    note : str
        Why classes are not compared; empty if they are, or if there are none.
    traces : dict
        What the generator, or the file it was read from, gives away about single training samples.
    """

    X: object
    y: Any = None
    generator: object = None
    curation: dict[str, dict[str, int | None]] = field(default_factory=dict)
    note: str = ""
    traces: dict[str, Any] = field(default_factory=dict)


def opened(source: object) -> tuple[object, dict[str, Any]]:
    """What a path of a model file leads to, and what the file gives away; anything else as it is."""
    if not isinstance(source, (str, os.PathLike)):
        return source, {}
    from ganaug.estimators.saving import read  # torch is for models, and takes seconds and memory

    return read(source)[0], traces(source)  # read, unlike load, does not warn of traces


def labels_like(generator: Any, y: Any, names: Sequence[str] | None) -> Any:
    """Labels as a generator has them: of two that both know the names of their classes, the names count.

    Parameters
    ----------
    generator : object
        A fitted one, or what may be compared as it is.
    y : array-like or None
        Labels, or names of classes.
    names : sequence of str or None
        The name at place ``i`` is that of label ``i``, where labels are no names.
    """
    from ganaug.pools.generators import ClassGenerators

    if y is None or getattr(generator, "classes_", None) is None or isinstance(generator, type):
        return y
    known, labels = ClassGenerators(generator), pd.Series(np.asarray(y)).astype(object)
    different = labels.drop_duplicates().tolist()
    named: dict[Any, str] = dict(names_of_labels(different, names))
    texts = {label: named.get(label, label if isinstance(label, str) else None) for label in different}
    own = {label: known.own_label(label, text) for label, text in texts.items()}
    if all(made is None for made in own.values()):
        return y
    mapped = {label: (text or label) if own[label] is None else own[label] for label, text in texts.items()}
    return y if all(made == label for label, made in mapped.items()) else labels.map(mapped)


def draw(
    source: object, y: object, kind: str, n_samples: object, seed: int, given_away: dict[str, Any] | None = None
) -> Drawn:
    """Return the samples given, or draw them from a generator.

    Parameters
    ----------
    source : generator, samples or (samples, labels)
    y : array-like or None
        Real labels.
    kind : {"table", "image", "series"}
    n_samples : int, dict of label to int, or None
    seed : int
    given_away : dict, optional
        What the file of the generator gives away.

    Raises
    ------
    InvalidTypeError, InvalidParameterError, InvalidDataError
        If ``source`` is none of these, a number is wrong, or the generator returns something else.
    """
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


def _drawn(generator: Any, y: Any, n_samples: int | dict[Any, int] | None, most: int, seed: int) -> Drawn:
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


def _labels(generator: object, counts: pd.Series) -> list[Any]:
    """Labels that the generator can sample, in the order of `classes_`."""
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


def _planned(labels: list[Any], counts: pd.Series, total: int | None, most: int) -> dict[Any, int]:
    """Number of samples of each label, in proportion to the real ones if a total is given."""
    sizes = np.array([int(counts.get(label, 0)) for label in labels], float)
    if not sizes.sum():
        has = [label.item() if isinstance(label, np.generic) else label for label in counts.index[:5]]
        places = all(isinstance(label, int) for label in labels)
        raise InvalidDataError(
            f"the generator makes classes {labels[:5]!r}, of which y has none, but {has!r}; give y the labels that the "
            "generator was fitted with (of an ImageFolder "
            f"{'[data.class_to_idx[name] for name in y]' if places else '[data.classes[i] for i in data.targets]'})"
        )
    if lacking := [label for label, size in zip(labels, sizes, strict=True) if not size]:
        raise InvalidDataError(
            f"y has no sample of the class(es) {lacking[:5]!r}, which the generator makes; give real samples of each "
            "class, or n_samples={label: n} of those that there are"
        )
    if total is None:
        least = min(LEAST_OF_CLASS, max(1, most // len(labels)))
        sizes = np.maximum(least, sizes * min(1.0, most / sizes.sum()))
    else:
        sizes = np.maximum(1, sizes * total / sizes.sum())
    return {label: round(n) for label, n in zip(labels, sizes.tolist(), strict=True)}


def _seeded(takes: Mapping[str, Any], seed: int, name: str) -> dict[str, int]:
    return {"random_state": child_seed(seed, "sample", name) % 2**31} if "random_state" in takes else {}


def _pair(made: object) -> tuple[Any, Any]:
    return made if isinstance(made, tuple) and len(made) == 2 else (made, None)


def _curation(generator: object) -> dict[str, dict[str, int | None]]:
    return {label_text(label): dict(row) for label, row in getattr(generator, "curation_", {}).items()}


# ------------------------------------------------------------------------------------------ the generator


def _parts(generator: object) -> Iterator[tuple[str, Any]]:
    """Title and generator of each training: one, or one per class."""
    if not hasattr(generator, "generators_"):
        yield "", generator
        return
    of: dict[int, tuple[list[str], Any]] = {}
    for label, one in generator.generators_.items():
        of.setdefault(id(one), ([], one))[0].append(label_text(label))
    for labels, one in of.values():
        yield (f"class {labels[0]}" if len(labels) == 1 else f"{len(labels)} classes"), one


def how_made(generator: object, curation: Mapping[str, Mapping[str, int | None]]) -> Made:
    """What advice depends on: the curation rules in use, the number of steps and why the training ended."""
    if generator is None:
        return Made()
    parts = [one for _, one in _parts(generator)]
    steps = [int(one.n_steps_) for one in parts if hasattr(one, "n_steps_")]
    reasons = [str(one.stop_reason_) for one in parts if hasattr(one, "stop_reason_")]
    reason = next((reason for reason in reasons if reason != "max_steps"), "max_steps" if reasons else "")
    return Made(_rules([generator, *parts]), curation, min(steps, default=None), reason)


def _rules(generators: list[Any]) -> tuple[str, ...] | None:
    """Names of the curation rules of the first generator that has the parameter."""
    from ganaug.filtering.rows import check_rules  # as in `draw`

    for one in generators:
        curate = getattr(one, "curate", None)
        if curate is None:
            continue
        try:
            return tuple(check_rules(curate))
        except GanaugError:  # the parameter of a foreign generator
            return (str(curate),)
    return None


def generator_facts(generator: object) -> dict[str, Any]:
    """Name of the generator, its parameters that differ from the defaults, and how each training ended."""
    if generator is None:
        return {}
    trainings = []
    for title, one in _parts(generator):
        facts = {name.rstrip("_"): _plain(getattr(one, name)) for name in _SHOWN if hasattr(one, name)}
        trainings.append({"title": title, "name": type(one).__name__, **facts})
    return {"name": type(generator).__name__, "parameters": _changed(generator), "trainings": trainings}


def _changed(generator: Any) -> dict[str, str]:
    if not hasattr(generator, "get_params"):
        return {}
    given = generator.get_params(deep=False)
    try:
        usual = type(generator)().get_params(deep=False)
    except TypeError:  # it has parameters without defaults
        usual = {}
    return {name: _short(value) for name, value in given.items() if name not in usual or _differs(value, usual[name])}


def _differs(value: object, usual: object) -> bool:
    return type(value) is not type(usual) or repr(value) != repr(usual)


def _short(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 200 else f"{text[:199]}…"


def histories(generator: object) -> list[dict[str, Any]]:
    """History of each training: "title", "step" and "curves" (name to numbers), at most 200 steps."""
    found = []
    for title, one in _parts(generator):
        history = getattr(one, "history_", None)
        if history is None or len(history) < 2:
            continue
        thin = history.iloc[:: -(-len(history) // MOST_STEPS)]
        curves = {
            str(name): [_plain(v) for v in thin[name]]
            for name in thin.columns
            if name != "step" and thin[name].dtype.kind in "fiu" and thin[name].notna().any()
        }
        steps = thin["step"].tolist() if "step" in thin else thin.index.tolist()
        found.append({"title": title, "step": [int(step) for step in steps], "curves": curves})
    return found


def curation_rows(curation: Mapping[str, Mapping[str, int | None]]) -> list[dict[str, Any]]:
    """One row per label: candidates drawn, kept, and refused by each rule; None if a rule was not applied."""
    return [
        {"class": label, **{name: None if n is None else int(n) for name, n in row.items()}}
        for label, row in curation.items()
    ]


_SHOWN_OF_TREATMENTS = (
    "treatment",
    "score",
    "gain",
    "gain_error",
    "expected",
    "expected_error",
    "folds",
    "chosen",
    "note",
)


def evidence_rows(classifier: Any) -> dict[str, Any]:
    """The verdict of an `AugmentedClassifier` and its evidence, treatment by treatment; empty without one.

    Parameters
    ----------
    classifier : fitted AugmentedClassifier or None

    Raises
    ------
    InvalidTypeError
        If it is something else, or was not fitted.
    """
    if classifier is None:
        return {}
    table, verdict = getattr(classifier, "evidence_", None), getattr(classifier, "verdict_", None)
    if not isinstance(table, pd.DataFrame) or not isinstance(verdict, str):
        name = classifier.__name__ if isinstance(classifier, type) else type(classifier).__name__
        raise InvalidTypeError(f"classifier={name} is no fitted AugmentedClassifier; fit one, or leave it out")
    rows = table.reindex(columns=list(_SHOWN_OF_TREATMENTS)).astype(object).where(table.notna(), None)
    return {"verdict": verdict, "rows": rows.to_dict("records")}


def _plain(value: object) -> object:
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float):
        return float(f"{value:.5g}") if np.isfinite(value) else None
    return value if isinstance(value, (int, str, type(None))) else str(value)


# --------------------------------------------------------------------------------------
# What a model, in memory or in a file, gives away of single training samples.


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
    >>> from ganaug.report.inputs import traces
    >>> X = np.random.default_rng(0).normal(size=(60, 2))
    >>> found = traces(TabularGAN(max_steps=5, random_state=0).fit(X))
    >>> found["copies_check"], found["training_rows"], found["findings"]
    (False, 0, [])
    """
    from ganaug.estimators.base import BaseGenerator  # as in `draw`
    from ganaug.estimators.gan import BaseGAN
    from ganaug.estimators.saving import read
    from ganaug.estimators.smoothing import SmoothedBootstrap

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
    for generator in _generators(model, BaseGenerator, DEPTH, set()):
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


def _generators(thing: object, kind: type, depth: int, seen: set[int]) -> Iterator[Any]:
    """Fitted generators in an object, each once."""
    if depth < 0 or id(thing) in seen or isinstance(thing, (str, bytes, int, float, np.ndarray, type(None))):
        return
    seen.add(id(thing))
    if isinstance(thing, kind):
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
        yield from _generators(part, kind, depth - 1, seen)


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
