"""Traffic lights: what each family of measures comes to, and from which values on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganaug.metrics import Finding, diagnosis
from ganaug.metrics.registry import FAMILIES

__all__ = ["FAMILY_OF", "LIGHTS", "QUESTIONS", "column_light", "thresholds", "traffic_lights"]

# The best first; "unsure": too few rows to say, "none": not measured.
LIGHTS = ("none", "good", "unsure", "warn", "bad")

QUESTIONS = {
    "fidelity": "Do they look like real ones?",
    "diversity": "Are all kinds of real ones among them?",
    "privacy": "Are they free of copies of real ones?",
    "utility": "Does a classifier learn from them?",
}
# What a finding is about.
FAMILY_OF: dict[str, tuple[str, ...]] = {
    "collapse": ("diversity",),
    "untrained": ("fidelity", "diversity"),
    "copying": ("privacy",),
    "dependence": ("fidelity",),
    "marginals": ("fidelity",),
    "unlike": ("fidelity",),
    "told apart": ("fidelity",),
    "missing": ("fidelity",),
    "membership": ("privacy",),
    "traces": ("privacy",),
    "utility": ("utility",),
}
# A generator that repeats a few samples makes nothing that looks like the whole.
_CLOUDS = {"collapse": ("fidelity",)}


def traffic_lights(results: Mapping[str, Mapping[str, Any]], findings: Sequence[Finding]) -> dict[str, str]:
    """Family to one of `LIGHTS`.

    The worst finding about a family; green without any; "unsure" if none of its measures has rows enough; "none"
    if none was taken.
    """
    lights = {}
    for family in FAMILIES:
        entries = [entry for entry in results.values() if entry["family"] == family and entry["value"] is not None]
        said = [f.severity for f in findings if family in FAMILY_OF.get(f.topic, ()) and f.severity != "good"]
        if any(f.severity == "bad" and family in _CLOUDS.get(f.topic, ()) for f in findings):
            said.append("warn")
        if not entries:
            lights[family] = "none"
        elif said:
            lights[family] = "bad" if "bad" in said else "warn"
        else:
            lights[family] = "good" if any(entry["enough"] for entry in entries) else "unsure"
    return lights


def column_light(distance: float | None, floor: float | None) -> str:
    """Of one column's distance, beside what real columns get against real ones on average."""
    if distance is None:
        return "none"
    over = distance - (floor or 0.0)
    return "bad" if over > diagnosis.COLUMNS_BAD else "warn" if over > diagnosis.COLUMNS_WARN else "good"


def thresholds() -> dict[str, dict[str, str]]:
    """Family to what turns its light amber and red, in words, from the values that `diagnose` goes by."""
    d = diagnosis
    return {
        "fidelity": {
            "warn": (
                f"single columns differ by more than {d.COLUMNS_WARN:.2f} above what two halves of the real rows "
                f"differ by; under {d.KEPT_WARN:.0%} of the dependence between columns is left; a random forest tells "
                f"synthetic from real rows with an AUC above {d.TOLD_APART:.2f}; values are missing "
                f"{d.MISSING_WARN:.0%} more or less often; or of the share of real rows that lie where real rows lie "
                f"the samples reach under {d.UNLIKE_WARN:.0%}"
            ),
            "bad": (
                f"single columns differ by more than {d.COLUMNS_BAD:.2f} above chance; under {d.KEPT_BAD:.0%} of the "
                f"dependence is left; or of the share of real rows that lie where real rows lie the samples reach "
                f"under {d.UNLIKE_BAD:.0%}"
            ),
        },
        "diversity": {
            "warn": f"the samples cover under {d.THIN_COVERAGE:.0%} of the real rows that real rows cover",
            "bad": (
                f"the samples lie under {d.COLLAPSED_SPACING:.0%} as far from one another as real rows do; and their "
                f"nearest real rows are so few different ones, of those that unseen real rows have, that the product "
                f"of both shares is under {d.COLLAPSED_NEIGHBOURS:.0%}"
            ),
        },
        "privacy": {
            "warn": (
                f"over {d.COPIES_WARN:.0%} of the samples are ten times nearer to a training row than any other real "
                f"row is; or an attacker tells who was in the training data with an AUC above {d.MEMBERSHIP_WARN:.2f}; "
                "or the model tells of categories or scores that single training samples stand out by"
            ),
            "bad": (
                f"over {d.COPIES_BAD:.0%} are; or under {d.AUTHENTIC_BAD:.0%} of what real rows get are more than "
                f"noisy copies; or the attacker's AUC is above {d.MEMBERSHIP_BAD:.2f}; or the model holds something by "
                "which single training samples can be rebuilt or recognised"
            ),
        },
        "utility": {
            "warn": "adding the samples makes no clear difference: the interval of the gain holds 0",
            "bad": "adding them lowers the average precision on held-out real rows: the interval is below 0",
        },
    }
