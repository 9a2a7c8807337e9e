"""What a model gives away of single training samples, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ganaug.metrics.limits import SEVERITIES, Finding, Severity

__all__ = ["trace_findings"]


def trace_findings(traces: Mapping[str, Any]) -> list[Finding]:
    """What a model gives away of single training samples, in words: one finding for each kind of trace.

    Parameters
    ----------
    traces : mapping
        As `ganaug.estimators.traces.traces` returns it; empty where there is no model.

    Returns
    -------
    list of Finding
        Of the topic "traces", the worst first; empty if nothing is given away.

    Examples
    --------
    >>> from ganaug.metrics.trace_words import trace_findings
    >>> found = trace_findings({"source": "file", "copies_check": True})
    >>> found[0].severity, found[0].advice[:8]
    ('bad', 'Load it ')
    """
    holder = "The model file" if traces.get("source") == "file" else "The model"
    return sorted(
        (
            Finding(severity, "traces", f"{holder} {text(traces[key])}.", advice)
            for key, (severity, text, advice) in _TRACES.items()
            if traces.get(key)
        ),
        key=lambda finding: SEVERITIES.index(finding.severity),
    )


def _names(names: Any) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(f"{name!r}" for name in list(names)[:5])
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")


# What `traces` may find -> how bad that is, what it means, and what to do. The advice is followed in tests.
_TRACES: dict[str, tuple[Severity, Callable[[Any], str], str]] = {
    "copies_check": (
        "bad",
        lambda _: (
            "holds a hash or sketch of every training sample: anybody who has it can tell who was in the training "
            "data, and rebuild images, series and rows of few values"
        ),
        "Load it and save it again, gan.save(new_path), without keep_copies_check=True; delete this one.",
    ),
    "training_rows": (
        "bad",
        lambda n: f"holds {n:,} training samples as they are, because a smoothed bootstrap is made of them",
        "Share what it samples after a look at the copies, not the model; or join the class with others until it has "
        "rows enough for a GAN.",
    ),
    "exact_columns": (
        "bad",
        lambda names: f"states exact values of single training rows in {_names(names)}",
        "Fit again with this version of ganaug, save that, and delete this one: no saving removes them.",
    ),
    "trained_discriminator": (
        "warn",
        lambda _: "holds the discriminator that saw the training samples, whose scores tell many of them from others",
        "Load it and save it again, gan.save(new_path); delete this one.",
    ),
    "single_levels": (
        "warn",
        lambda counts: f"names categories that only one training row has, in {_names(counts)}",
        "Join rare categories into one before fitting, or drop the column.",
    ),
    "factors": (
        "warn",
        lambda _: (
            "holds principal components of a table with more than 512 columns of numbers, which can tell who was "
            "in the training data"
        ),
        "Keep at most 512 columns of numbers before fitting.",
    ),
}
