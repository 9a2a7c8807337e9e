"""Traffic lights of families of measures and of columns, and their thresholds in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganaug.metrics import Finding
from ganaug.metrics.diagnosis import COLUMN_METRICS, columns_over
from ganaug.metrics.limits import JUDGED_BY, LIMITS, Severity, families_of, worst
from ganaug.metrics.registry import FAMILIES

__all__ = ["LIGHTS", "QUESTIONS", "column_light", "column_lights", "severity_of", "thresholds", "traffic_lights"]

# From best to worst; "unsure" means too few rows to judge, "none" not measured.
LIGHTS = ("none", "good", "unsure", "warn", "bad")

QUESTIONS = {
    "fidelity": "Do they look like real ones?",
    "diversity": "Are all kinds of real ones among them?",
    "privacy": "Are they free of copies of real ones?",
    "utility": "Is a classifier as good with them?",
}


def traffic_lights(results: Mapping[str, Mapping[str, Any]], findings: Sequence[Finding]) -> dict[str, str]:
    """Family of measures to one of `LIGHTS`.

    The severity of the worst finding about the family. Without one: "good", or "unsure" if none of its measures has
    enough rows, or "none" if none was measured.
    """
    lights = {}
    for family in FAMILIES:
        entries = [e for e in results.values() if e["family"] == family and e["value"] is not None]
        said = [f.severity for f in findings if family in families_of(f)]
        if worst(said) != "good":
            lights[family] = str(worst(said))
        elif not entries:
            lights[family] = "none"
        else:
            lights[family] = "good" if any(entry["enough"] for entry in entries) else "unsure"
    return lights


def severity_of(findings: Sequence[Finding]) -> Severity:
    """Severity of the worst finding."""
    return worst([finding.severity for finding in findings])


def column_light(distance: float | None, floor: float | None, chance: float | None = None) -> str:
    """Light of one column, from its distance, its floor and the distance that chance rarely exceeds."""
    if distance is None:
        return "none"
    if chance is not None and distance <= chance:
        return "good"
    judged = LIMITS["column"].judge("column", distance - (floor or 0.0))
    return "good" if judged is None else judged[0]


def column_lights(results: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Column name to its light: the worse of its distance and its share of missing values."""
    lights: dict[str, list[Severity]] = {}
    for limit, metrics in (("column", COLUMN_METRICS), ("missing", ("missing_rate_difference",))):
        for name, over in columns_over(results, metrics).items():
            judged = LIMITS[limit].judge(limit, over)
            lights.setdefault(name, []).append("good" if judged is None else judged[0])
    return {name: worst(said) for name, said in lights.items()}


_TRACES: dict[Severity, str] = {
    "warn": "the model tells of categories or scores that single training samples stand out by",
    "bad": "the model holds something by which single training samples can be rebuilt or recognised",
}


def thresholds() -> dict[str, dict[Severity, list[str]]]:
    """Family to the conditions that turn its light to "warn" and "bad", in words."""
    said: dict[str, dict[Severity, list[str]]] = {}
    for family in FAMILIES:
        limits = [LIMITS[name] for name in JUDGED_BY[family]]
        said[family] = {s: [words for one in limits if (words := one.words(s))] for s in ("warn", "bad")}
    for severity, words in _TRACES.items():
        said["privacy"][severity].append(words)
    said["fidelity"]["bad"].append("the samples are those of a collapsed or an untrained generator")
    said["diversity"]["bad"].append("the dependence between columns is lost, or the generator untrained")
    return said
