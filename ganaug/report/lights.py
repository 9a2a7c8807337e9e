"""Traffic lights: what the findings come to for each family and column, and the thresholds in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganaug.metrics import Finding
from ganaug.metrics.diagnosis import COLUMN_METRICS, columns_over
from ganaug.metrics.limits import JUDGED_BY, LIMITS, Severity, families_of, worst
from ganaug.metrics.registry import FAMILIES

__all__ = ["LIGHTS", "QUESTIONS", "column_light", "column_lights", "severity_of", "thresholds", "traffic_lights"]

# The best first; "unsure": too few rows to say, "none": not measured.
LIGHTS = ("none", "good", "unsure", "warn", "bad")

QUESTIONS = {
    "fidelity": "Do they look like real ones?",
    "diversity": "Are all kinds of real ones among them?",
    "privacy": "Are they free of copies of real ones?",
    "utility": "Does a classifier learn from them?",
}


def traffic_lights(results: Mapping[str, Mapping[str, Any]], findings: Sequence[Finding]) -> dict[str, str]:
    """Family to one of `LIGHTS`.

    The worst finding about a family; green without any; "unsure" if none of its measures has rows enough; "none"
    if none was taken.
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
    """Of the whole report: that of its worst finding."""
    return worst([finding.severity for finding in findings])


def column_light(distance: float | None, floor: float | None, chance: float | None = None) -> str:
    """Of one column's distance, beside the floor of that column and what chance hardly exceeds in it."""
    if distance is None:
        return "none"
    if chance is not None and distance <= chance:
        return "good"
    judged = LIMITS["column"].judge("column", distance - (floor or 0.0))
    return "good" if judged is None else judged[0]


def column_lights(results: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Column to its light: the worse of its values and of how many are missing, by the thresholds of the findings."""
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
    """Family to what turns its light amber ("warn") and red ("bad"), each in words, by the thresholds of `diagnose`."""
    said: dict[str, dict[Severity, list[str]]] = {}
    for family in FAMILIES:
        limits = [LIMITS[name] for name in JUDGED_BY[family]]
        said[family] = {s: [words for one in limits if (words := one.words(s))] for s in ("warn", "bad")}
    for severity, words in _TRACES.items():
        said["privacy"][severity].append(words)
    said["fidelity"]["bad"].append("the samples are those of a collapsed or an untrained generator")
    said["diversity"]["bad"].append("the dependence between columns is lost, or the generator untrained")
    return said
