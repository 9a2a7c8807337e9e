"""What a fitted generator says of its training and of the candidates that it refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ganaug.exceptions import GanaugError
from ganaug.filtering.rows import check_rules
from ganaug.metrics.diagnosis import Made
from ganaug.summaries import label_text

__all__ = ["curation_rows", "generator_facts", "histories", "how_made"]

MOST_STEPS = 200
_SHOWN = ("n_steps_", "stop_reason_", "best_step_", "quality_")


def _parts(generator: Any) -> Iterator[tuple[str, Any]]:
    """(title, generator) of each training: one, or one for each class."""
    if not hasattr(generator, "generators_"):
        yield "", generator
        return
    of: dict[int, tuple[list[str], Any]] = {}
    for label, one in generator.generators_.items():
        of.setdefault(id(one), ([], one))[0].append(label_text(label))
    for labels, one in of.values():
        yield (f"class {labels[0]}" if len(labels) == 1 else f"{len(labels)} classes"), one


def how_made(generator: Any, curation: Mapping[str, Mapping[str, int | None]]) -> Made:
    """What advice depends on: the curation rules in use, and how long and why not longer the training was."""
    if generator is None:
        return Made()
    parts = [one for _, one in _parts(generator)]
    steps = [int(one.n_steps_) for one in parts if hasattr(one, "n_steps_")]
    reasons = [str(one.stop_reason_) for one in parts if hasattr(one, "stop_reason_")]
    reason = next((reason for reason in reasons if reason != "max_steps"), "max_steps" if reasons else "")
    return Made(_rules([generator, *parts]), curation, min(steps, default=None), reason)


def _rules(generators: list[Any]) -> tuple[str, ...] | None:
    """Names of the rules that the first of these with any parameter for them uses."""
    for one in generators:
        curate = getattr(one, "curate", None)
        if curate is None:
            continue
        try:
            return tuple(check_rules(curate))
        except GanaugError:  # a word of a generator of another kind
            return (str(curate),)
    return None


def generator_facts(generator: Any) -> dict[str, Any]:
    """Its name, the parameters that differ from the defaults, and how each training ended."""
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


def _differs(value: Any, usual: Any) -> bool:
    return type(value) is not type(usual) or repr(value) != repr(usual)


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 200 else f"{text[:199]}…"


def histories(generator: Any) -> list[dict[str, Any]]:
    """The history of each training: "title", "step" and "curves" (name to numbers), thinned to 200 steps."""
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
    """One row for each label: candidates drawn, kept, and refused by each rule; None where a rule could not judge."""
    return [
        {"class": label, **{name: None if n is None else int(n) for name, n in row.items()}}
        for label, row in curation.items()
    ]


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float):
        return float(f"{value:.5g}") if np.isfinite(value) else None
    return value if isinstance(value, (int, str, type(None))) else str(value)
