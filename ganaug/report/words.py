"""The report in words: one paragraph, and how far its figures can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganaug.metrics import Finding

__all__ = ["NAMES", "TOO_FEW", "advice_for_class", "name_list", "small_classes", "summary", "trust"]

# What the samples are called.
NAMES = {"table": "rows", "image": "images", "series": "series"}
# Below so many real samples nothing can be said of a class; below the second, little.
TOO_FEW, FEW, ENOUGH = 12, 50, 100
MOST_NAMED = 5

_OPENINGS = {
    "good": "look good: no test found anything wrong with them",
    "collapse": "have collapsed: a few samples are repeated over and over, and most real ones have no counterpart",
    "untrained": "do not look like the real ones in any way, as those of an untrained generator",
    "copying": "copy the training {things}: most of them are training {things} with a little noise",
    "dependence": "have the right values column by column, but the columns do not belong together as in the real ones",
    "marginals": "differ from the real ones in single columns",
    "unlike": "are mostly unlike any real one",
}
_MILD = {
    "collapse": "are usable with care: parts of the real data are missing among them",
    "copying": "are mostly new, but some copy training {things}",
    "dependence": "are usable with care: part of the dependence between columns is lost",
    "marginals": "are close to the real ones, but some single columns are off",
    "unlike": "are usable with care: many are unlike any real one",
}
# Not verdicts, but enough not to call the samples good without more.
DOUBTS = ("told apart", "missing", "membership")
_WORRIES = "look good on the whole, but {what}"
_UTILITY = {
    "good": "A classifier that is given them as well gets better.",
    "enough": "A classifier has nothing to gain from them: the real {things} alone are enough.",
    "warn": "Whether a classifier gains from them is not clear.",
    "bad": "Adding them to the training data makes a classifier worse.",
    "none": (
        "Whether they help a classifier was not tested, because that needs labels and real {things} which the "
        "generator did not see (X_holdout, y_holdout)."
    ),
    "unsure": "There were too few held-out {things} to tell whether a classifier gains from them.",
}
_PRIVACY = {
    "good": "No sign was found that they give training {things} away.",
    "warn": "Some may give training {things} away: look at the copies before you share them.",
    "bad": "Do not share them: training {things} can be read off them.",
}
_TRACES = {
    "bad": "Do not share the model itself: it holds traces of single training {things}.",
    "warn": "Before you share the model itself, read what it gives away of single training {things}.",
}


def summary(
    kind: str,
    n_synthetic: int,
    findings: Sequence[Finding],
    lights: Mapping[str, str],
    classes: Sequence[Mapping[str, Any]],
) -> str:
    """One paragraph for somebody who never trained a GAN."""
    things, first = NAMES[kind], findings[0]
    doubts = [f for f in findings if f.severity == "warn" and f.topic in DOUBTS]
    opening = (_MILD if first.severity == "warn" else _OPENINGS).get(first.topic, _WORRIES)
    if first.severity == "good" and doubts:
        first, opening = doubts[0], _WORRIES
    what = first.text[:1].lower() + first.text[1:].rstrip(".")
    sentences = [f"The {n_synthetic:,} synthetic {things} {opening.format(things=things, what=what)}."]
    others = {f.topic for f in findings[1:] if f.severity == "bad" and f.topic in _OPENINGS} - {first.topic}
    sentences += [f"They also {text.format(things=things)}." for topic, text in _OPENINGS.items() if topic in others]
    if first.topic != "copying" and lights["privacy"] in _PRIVACY:
        sentences.append(_PRIVACY[lights["privacy"]].format(things=things))
    traces = next((f.severity for f in findings if f.topic == "traces"), "good")
    sentences += [_TRACES[traces].format(things=things)] if traces in _TRACES else []
    if first.topic != "utility":  # else it is said already
        enough = any(f.topic == "utility" and "nothing to gain" in f.text for f in findings)
        sentences.append(_UTILITY["enough" if enough else lights["utility"]].format(things=things))
    small = sorted((c for c in classes if c["n_real"] < FEW), key=lambda c: c["n_real"])
    if small:
        more = {0: "", 1: ", and another class has few, too"}.get(
            len(small) - 1, f", and {len(small) - 1} more have few"
        )
        about = "it is" if len(small) == 1 else "them is"
        sentences.append(
            f"Class `{small[0]['label']}` has {small[0]['n_real']} real {things}{more}: what is said of {about} rough."
        )
    return " ".join(sentences)


_ADVICE = {
    "too few": (
        "A GAN learns so few by heart or not at all, and no figure about them can be trusted. Collect more, join the "
        "class with a related one, or give it a larger weight; below 12 GANOversampler uses a smoothed bootstrap "
        "instead of a GAN."
    ),
    "few": (
        "Read the intervals and look at the samples themselves. Hold real {things} out, and believe a gain only if it "
        "shows in several folds (AugmentedClassifier)."
    ),
}


def advice_for_class(kind: str, label: str, n_real: int) -> str:
    """How far the figures of a class can be trusted, and what to do; empty if there are samples enough."""
    things = NAMES[kind]
    has = f"Class `{label}` has {n_real} {things}"
    if n_real < FEW:
        return f"{has}. {_ADVICE[_size(n_real)].format(things=things)}"
    return f"{has}: enough to see a collapse or copies, too few for small differences." if n_real < ENOUGH else ""


def small_classes(kind: str, classes: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Findings on the classes that have few real samples: one on those with far too few, one on the others."""
    found = []
    for size, advice in _ADVICE.items():
        group = sorted(
            (c for c in classes if c["n_real"] < FEW and _size(c["n_real"]) == size), key=lambda c: c["n_real"]
        )
        if not group:
            continue
        names = [f"`{c['label']}` has {c['n_real']}" for c in group[:MOST_NAMED]]
        names[0] += f" {NAMES[kind]}"
        more = f", and {len(group) - len(names)} more have few" if len(group) > len(names) else ""
        text = f"{'Class' if len(group) == 1 else 'Classes:'} {', '.join(names)}{more}."
        found.append(Finding("warn", "few rows", text, advice.format(things=NAMES[kind])))
    return found


def _size(n_real: int) -> str:
    return "too few" if n_real < TOO_FEW else "few"


def name_list(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(f"`{name}`" for name in names[:MOST_NAMED])
    return shown + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")


def trust(kind: str, data: Mapping[str, Any], results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What a reader must know to believe the figures as far as they go, and no further."""
    things = NAMES[kind]
    said = [
        "Each figure has an interval that holds 95% of what other draws of as many samples would have given, and a "
        f"floor: what real {things} get against real {things}. A figure near its floor is as good as it can be."
    ]
    weak = [name for name, entry in results.items() if not entry["enough"]]
    if weak:
        said.append(
            f"{len(weak)} of {len(results)} measures had too few {things} to judge by; they are marked, and can "
            "only show what is very wrong."
        )
    few = [c["label"] for c in data["classes"] if c["n_real"] < FEW]
    if few:
        said.append(
            f"Of classes with under {FEW} real {things} the intervals are wide, with under {TOO_FEW} nothing can be "
            f"measured: {name_list(few)}."
        )
    if not data["n_holdout"]:
        said.append(
            f"No held-out {things} were given. An attack on who was in the training data, and the gain of a "
            "classifier, can only be measured with X_holdout and y_holdout."
        )
    said.append(
        "The samples are one draw from the generator; another draw, or another training with another seed, gives "
        "somewhat other figures."
    )
    return said
