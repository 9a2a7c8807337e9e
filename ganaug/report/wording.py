"""The report's words: thresholds, traffic lights, and sentences about findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganaug.metrics import Finding
from ganaug.metrics.diagnosis import COLUMN_METRICS, columns_over
from ganaug.metrics.evaluation import FAMILIES
from ganaug.metrics.limits import JUDGED_BY, LIMITS, Severity, families_of, worst
from ganaug.metrics.sample_pair import THINGS

__all__ = [
    "HELP",
    "LIGHTS",
    "LIGHT_WORDS",
    "NAMES",
    "QUESTIONS",
    "TOO_FEW",
    "TRAINED_ON",
    "advice_for_class",
    "column_light",
    "column_lights",
    "key_figures",
    "name_list",
    "severity_of",
    "small_classes",
    "summary",
    "thresholds",
    "traffic_lights",
    "trust",
]

# --------------------------------------------------------------------------------------
# Traffic lights of families of measures and of columns, and their thresholds in words.


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


_TRACE_LIMITS: dict[Severity, str] = {
    "warn": "the model tells of categories or scores that single training samples stand out by",
    "bad": "the model holds something by which single training samples can be rebuilt or recognised",
}


def thresholds() -> dict[str, dict[Severity, list[str]]]:
    """Family to the conditions that turn its light to "warn" and "bad", in words."""
    said: dict[str, dict[Severity, list[str]]] = {}
    for family in FAMILIES:
        limits = [LIMITS[name] for name in JUDGED_BY[family]]
        said[family] = {s: [words for one in limits if (words := one.words(s))] for s in ("warn", "bad")}
    for severity, words in _TRACE_LIMITS.items():
        said["privacy"][severity].append(words)
    said["fidelity"]["bad"].append("the samples are those of a collapsed or an untrained generator")
    said["diversity"]["bad"].append("the dependence between columns is lost, or the generator untrained")
    return said


# --------------------------------------------------------------------------------------
# The words of a report: summary, advice on small classes, how far to trust the figures, help for
# measures.


NAMES = THINGS
LIGHT_WORDS = {
    "good": "Good",
    "warn": "Look closer",
    "bad": "Problem",
    "unsure": "Too few to say",
    "none": "Not measured",
}
# What a classifier was trained on, by the names of `ganaug.metrics.utility.treatments`.
TRAINED_ON = {
    "real": "real ones, without any treatment",
    "class weights": "real ones, with class weights",
    "threshold": "real ones, with a threshold at the class share",
    "SMOTE": "real ones and SMOTE",
    "real and synthetic": "real and synthetic ones",
    "real and synthetic, class weights": "real and synthetic ones, with class weights",
    "synthetic alone": "synthetic ones alone, with class weights",
}
# Numbers of real samples below which nothing, little, or less than usual can be said about a class.
TOO_FEW, FEW, ENOUGH = 12, 50, 100
MOST_NAMED = 5

_OPENINGS = {
    "good": "look good: no test found a problem with them",
    "collapse": "have collapsed: a few samples are repeated over and over, and most real ones have no counterpart",
    "untrained": "do not look like the real ones in any way, as those of an untrained generator",
    "copying": "copy the training {things}: most of them are training {things} with a little noise",
    "rules": "break rules that the real {things} keep",
    "dependence": "have the right values column by column, but the columns do not belong together as in the real ones",
    "marginals": "differ from the real ones in single columns",
    "unlike": "are mostly unlike any real one",
    "few rows": "cannot be judged: there are too few {things}, real or synthetic, to say whether they are good",
}
_TOGETHER = "have columns that do not belong together as in the real ones"
_MILD = {
    "collapse": "are usable with care: parts of the real data are missing among them",
    "copying": "are mostly new, but some copy training {things}",
    "rules": "are usable with care: a few of them break rules that the real {things} keep",
    "few rows": _OPENINGS["few rows"],
    "dependence": "are usable with care: part of the dependence between columns is lost",
    "marginals": "are close to the real ones, but some single columns are off",
    "unlike": "are usable with care: many are unlike any real one",
}
# Topics that are no verdict but are named in the headline of otherwise good samples.
DOUBTS = ("told apart", "missing", "membership", "class skew")
_WORRIES = "look good on the whole, but {what}"
_FAULTS = "are not good in every class: {what}"
_UTILITY = {
    "good": "A classifier that is given them as well gets better.",
    "same": "Adding them to the training data makes no clear difference to a classifier.",
    "enough": "A classifier has nothing to gain from them: the real {things} alone are enough.",
    "less": "A classifier learns less from them than from the real {things}.",
    "copies": "Whether a classifier gains from them cannot be told, because they copy what it was tested on.",
    "bad": "Adding them to the training data makes a classifier worse.",
    "harm": "Adding them to the training data makes a classifier slightly worse.",
    "none": "Whether they help a classifier was not measured: {why_not}.",
    "unsure": "There were too few {things} to test on to tell whether a classifier gains from them.",
}
_SEEN = (
    "That was tested on {things} that the generator had seen; with others (X_holdout, --holdout) it was not measured."
)
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
    why_not: str = "",
) -> str:
    """One paragraph for readers who never trained a GAN.

    Parameters
    ----------
    kind : {"table", "image", "series"}
    n_synthetic : int
    findings : sequence of Finding
        Of the whole report, the verdict first.
    lights : mapping
        Family of measures to its light.
    classes : sequence of mappings
        With "label" and "n_real".
    why_not : str
        Why utility was not measured, if it was not.
    """
    things, first = NAMES[kind], findings[0]
    if first.label:  # all samples come before a single class
        first = next((f for f in findings if not f.label and f.severity == first.severity), first)
    topics = {f.topic for f in findings if not f.label}
    openings = _OPENINGS | ({"dependence": _TOGETHER} if "marginals" in topics else {})
    doubts = [f for f in findings if f.severity == "warn" and f.topic in DOUBTS]
    opening = ((_MILD | {"dependence": _MILD["dependence"]}) if first.severity == "warn" else openings).get(first.topic)
    if first.severity == "good" and doubts:
        first, opening = doubts[0], None
    if opening is None or first.label:
        opening = _FAULTS if first.label and first.severity == "bad" else _WORRIES
    what = first.text[:1].lower() + first.text[1:].split(". ")[0].rstrip(".")
    sentences = [f"The {n_synthetic:,} synthetic {things} {opening.format(things=things, what=what)}."]
    others = {f.topic for f in findings if f.severity == "bad" and not f.label} - {first.topic}
    sentences += [f"They also {text.format(things=things)}." for topic, text in openings.items() if topic in others]
    if first.topic != "copying" and lights["privacy"] in _PRIVACY:
        sentences.append(_PRIVACY[lights["privacy"]].format(things=things))
    traces = next((f.severity for f in findings if f.topic == "traces"), "good")
    sentences += [_TRACES[traces].format(things=things)] if traces in _TRACES else []
    if first.topic != "utility":  # otherwise the first sentence says it
        sentences.append(_utility(findings, lights["utility"], things, why_not))
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


def _utility(findings: Sequence[Finding], light: str, things: str, why_not: str) -> str:
    """The finding about utility in one or two sentences."""
    found = next((f for f in findings if f.topic == "utility"), None)
    if found is None:
        key = "none" if light == "none" else "unsure" if light != "bad" else "bad"
        reason = (why_not or "that needs labels and {things} which the generator did not see").format(things=things)
        return _UTILITY[key].format(things=things, why_not=reason)
    of_good = next((key for key, words in _SAID.items() if words in found.text), "same")
    key = "bad" if found.severity == "bad" else of_good
    said = [_UTILITY[key].format(things=things)]
    if "that the generator" in found.text and key != "copies":
        said.append(_SEEN.format(things=things))
    return " ".join(said)


# Words by which a finding about utility is recognised.
_SAID = {
    "harm": "harms this",
    "enough": "nothing to gain",
    "copies": "cannot be told",
    "less": "learns less",
    "good": "helps this",
}


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
    """How far to trust the figures of a class, and what to do; empty if it has enough samples."""
    things = NAMES[kind]
    has = f"Class `{label}` has {n_real} {things}"
    if n_real < FEW:
        return f"{has}. {_ADVICE[_size(n_real)].format(things=things)}"
    return f"{has}: enough to see a collapse or copies, too few for small differences." if n_real < ENOUGH else ""


def small_classes(kind: str, classes: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Findings about classes with few real samples: one for those with far too few, one for the others."""
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
    """The first names and the number of the others."""
    shown = ", ".join(f"`{name}`" for name in names[:MOST_NAMED])
    return shown + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")


def trust(kind: str, data: Mapping[str, Any], results: Mapping[str, Mapping[str, Any]], why_not: str = "") -> list[str]:
    """What limits the trust that figures deserve, as sentences."""
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
    if data.get("gaps"):
        said.append(
            "Where series have gaps, their channels count as being at the real median there, and where the gaps are "
            "counts as a channel more: a gap where the other series has a value is as far as one standard deviation."
        )
    few = [c["label"] for c in data["classes"] if c["n_real"] < FEW]
    if few:
        said.append(
            f"Of classes with under {FEW} real {things} the intervals are wide, with under {TOO_FEW} nothing can be "
            f"measured: {name_list(few)}."
        )
    if not data["n_holdout"]:
        said.append(
            f"No held-out {things} were given (X_holdout and y_holdout; --holdout on the command line). An attack "
            f"on who "
            f"was in the training data needs them. {_tried(results, things, why_not)}"
        )
    said.append(
        "The samples are one draw from the generator; another draw, or another training with another seed, gives "
        "somewhat other figures."
    )
    return said


def _tried(results: Mapping[str, Mapping[str, Any]], things: str, why_not: str) -> str:
    tested_on = results.get("augmentation_gain", {}).get("details", {}).get("tested_on", "")
    if tested_on == "refitted":
        return (
            f"Whether a classifier gains was tried by training a second generator without the real {things} that the "
            "classifier was tested on."
        )
    if tested_on == "seen":
        return (
            f"Whether a classifier gains was tested on real {things} that the generator had seen, which flatters it: "
            "harm found there is harm, a gain may be less with others."
        )
    return f"Whether a classifier gains was not measured: {why_not.format(things=things)}." if why_not else ""


def key_figures(results: Mapping[str, Mapping[str, Any]], kind: str) -> list[dict[str, str]]:
    """Figures for the overview, with words and, where known, the value of real samples."""
    things = NAMES[kind]
    shown: list[dict[str, str]] = []
    for name, (what, form) in _FIGURES.items():
        entry = results.get(name)
        if entry is None or entry["value"] is None or entry["value"] != entry["value"]:
            continue
        floor = entry["floor"]
        known = name in _WITH_FLOOR and floor is not None and floor == floor
        beside = f"real against real {floor:{form}}" if known else ""
        if name == "two_sample_auc":
            beside = "chance 0.5"
        shown.append(
            {
                "name": name,
                "value": f"{entry['value']:{form}}",
                "what": what.format(things=things),
                "beside": beside,
                "help": HELP[name],
            }
        )
    return shown


_FIGURES = {
    "two_sample_auc": ("a forest tells them apart with (AUC)", ".2f"),
    "precision": ("of the synthetic {things} lie where real ones lie", ".0%"),
    "coverage": ("of the real {things} have a synthetic one nearby", ".0%"),
    "near_copies": ("of the synthetic {things} are near copies", ".1%"),
    "augmentation_gain": ("average precision gained by adding them", "+.3f"),
}
_WITH_FLOOR = ("precision", "coverage", "near_copies")

# One sentence about each measure.
HELP = {
    "ks_distance": "Largest gap between the cumulative shares of a column of numbers, on average over columns. 0 is "
    "equal.",
    "total_variation": "Half the sum of the gaps between the shares of the categories of a column, on average. 0 is "
    "equal.",
    "missing_rate_difference": "How much more or less often values are missing than in the real column, on average.",
    "correlation_distance": "How far the rank correlations of pairs of number columns are from the real ones, on "
    "average.",
    "contingency_distance": "How far the joint shares of pairs of categories are from the real ones, on average.",
    "mixed_dependence_distance": "How far it is from the real rows how much a category tells of a number, on average.",
    "two_sample_auc": "How well a random forest tells synthetic from real: 0.5 is not at all, 1 is always.",
    "frechet_distance": "Distance of means and covariances of the features. 0 is equal.",
    "kernel_distance": "Distance of the features by a polynomial kernel; about 0 for equal distributions.",
    "precision": "Share of the synthetic ones that lie among real ones.",
    "recall": "Share of the real ones that lie among synthetic ones.",
    "density": "In how crowded places of the real ones the synthetic ones lie; about 1 for equal distributions.",
    "coverage": "Share of the real ones with a synthetic one nearby.",
    "distinct_neighbours": "How many different real ones are nearest to a synthetic one, as a share of what real "
    "ones get.",
    "closest_record_ratio": "How far synthetic ones are from the nearest training one, relative to unseen real ones.",
    "neighbour_distance_ratio": "Distance to the nearest training one over that to the second nearest; 0 is a copy.",
    "near_copies": "Share of synthetic ones ten times nearer to a training one than any other real one is.",
    "authenticity": "Share of synthetic ones that are more than noisy copies of a training one.",
    "membership_auc": "How well an attacker tells who was in the training data: 0.5 is not at all, 1 is always.",
    "train_synthetic_test_real": "Average precision on real ones of a classifier trained on synthetic ones.",
    "augmentation_gain": "Average precision with real and synthetic ones in training, minus that with real ones alone.",
}
