"""`diagnose`: findings from the figures of `evaluate`, with advice."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ganaug.metrics.limits import (
    LIMITS,
    SEVERITIES,
    Finding,
    Judged,
    Severity,
    about,
    check_results,
    families_of,
    never_drawn,
    worst,
)  # fmt: skip
from ganaug.metrics.privacy import trace_findings
from ganaug.utils.determinism import isolated

__all__ = [
    "COLUMN_METRICS", "RULES", "SEVERITIES", "VERDICTS", "Finding", "Made", "class_findings", "columns_over",
    "diagnose", "trace_findings",
]  # fmt: skip

# Topics that can be a verdict. The first finding is the first of these among the worst findings.
VERDICTS = ("collapse", "untrained", "copying", "dependence", "rules", "marginals", "unlike", "few rows", "good")

# Consequences of a bad verdict, which are not reported beside it.
FOLLOWS = {
    "collapse": ("dependence", "rules", "marginals", "unlike", "told apart", "missing"),
    "untrained": ("collapse", "dependence", "rules", "marginals", "unlike", "told apart", "missing"),
    "dependence": ("unlike", "told apart"),
    "marginals": ("unlike", "told apart"),
}

# A collapse needs rows that lie close together: 0 to 0.45 of the spacing of real rows, all other cases 0.86 and more.
# Or that few different real rows are near one of them (0.12 in such a case; all others that lie so close 0.9 and more).
COLLAPSED_SPACING, OUTSIDE_SPACING, FEW_NEIGHBOURS, MOSTLY_INSIDE = 0.6, 0.3, 0.2, 0.6
_REPEATED = {"variety": "Their variety is {} of that of real rows", "clustered": "They cover {} of what real rows do"}
# Mean excess distance of single columns from which on they are wrong for any reason.
STRANGE_COLUMNS, WRONG_COLUMNS = 0.08, 0.2
STRANGE_INSIDE, STRANGE_COVERAGE, THIN_COVERAGE = 0.4, 0.4, 0.7
# Rows among which the floor of copies is counted.
FLOOR_ROWS = 500
# Mean strength, corrected for chance, from which on there is dependence worth judging.
SPEAKS = 0.1
DEPENDENCES = ("correlation_distance", "mixed_dependence_distance", "contingency_distance")
BETWEEN = dict(zip(DEPENDENCES, ("numbers", "categories and numbers", "categories"), strict=True))
COLUMN_METRICS = ("ks_distance", "total_variation")
# Average precision of real rows alone above which there is nothing to gain.
NOTHING_TO_GAIN = 0.98
# Share of refused candidates above which a curation rule is named as the cause of a class skew.
REFUSED_MUCH = 0.1
MOST_CLASSES, MOST_COLUMNS = 5, 3

# What classifiers were tested on if there were no held-out rows.
TESTED_ON = {
    "seen": "tested on real rows that the generator was trained on, which flatters it",
    "refitted": "of a second training on part of the real rows, tested on the rest",
}

# Treatments in the finding about utility, and their words.
TREATMENTS = {
    "real": "without any treatment",
    "class weights": "with class weights",
    "threshold": "with a threshold at the class share",
    "SMOTE": "with SMOTE",
    "real and synthetic": "with the samples added",
    "real and synthetic, class weights": "with both samples and class weights",
}

Broken = Sequence[tuple[str, float, float]]


@dataclass(frozen=True)
class Made:
    """How the samples were made, as far as known. Advice depends on it.

    Attributes
    ----------
    rules : tuple of str or None
        Curation rules in use; None if only samples were given.
    curation : mapping
        Label, as text, to the counts of ``curation_``.
    steps : int or None
        Steps of the training.
    stop_reason : str
        Why the training ended.
    """

    rules: tuple[str, ...] | None = None
    curation: Mapping[str, Mapping[str, int | None]] = field(default_factory=dict)
    steps: int | None = None
    stop_reason: str = ""

    @property
    def more_training(self) -> str:
        """Advice for a generator that has not learnt enough, as the start of a sentence."""
        if self.stop_reason in _ENDED:
            return _ENDED[self.stop_reason]
        done = "" if self.steps is None else f": {self.steps:,} were made"
        return f"Train for more steps (max_steps{done})"

    def uses(self, rule: str) -> bool:
        """Whether a curation rule was used."""
        return self.rules is not None and rule in self.rules


_ENDED = {
    "max_time": "Give the training more time (max_time), which ended it",
    "no_improvement": "Raise patience, which ended the training early",
    "diverged": "Lower learning_rate or raise penalty: the training diverged",
    "mode_collapse": "Raise penalty or lower learning_rate: the training ended by a collapse",
    "interrupted": "Let the training come to its end: it was interrupted",
}


class _Facts:
    """Values of metrics; NaN if a metric was not measured, so that no comparison holds."""

    def __init__(self, entries: Mapping[str, Mapping[str, Any]], made: Made, broken: Broken = ()) -> None:
        self.entries, self.made, self.broken = entries, made, broken

    def enough(self) -> _Facts:
        """Only metrics with enough rows."""
        return _Facts({name: e for name, e in self.entries.items() if e["enough"]}, self.made, self.broken)

    def get(self, metric: str, part: str = "value") -> float:
        found = self.entries.get(metric, {})
        value = found.get(part, found.get("details", {}).get(part, float("nan")))
        return float("nan") if value is None else float(value)

    def of_floor(self, metric: str, part: str = "value") -> float:
        """Value as a share of the floor, which is what real rows reach."""
        floor = self.get(metric, "floor")
        return self.get(metric, part) / floor if floor > 0 else float("nan")

    def over_floor(self, metric: str) -> float:
        floor = self.get(metric, "floor")
        return self.get(metric) - (floor if floor == floor else 0.0)

    def columns_off(self) -> float:
        """Mean excess distance of single columns, the worse of numbers and categories."""
        over = [self.over_floor(name) for name in COLUMN_METRICS if name in self.entries]
        return max(over, default=float("nan"))

    def kept(self) -> float:
        """Smallest share of dependence that is left, over the kinds that real rows have."""
        kept = [self.get(name, "kept") for name in DEPENDENCES if self.get(name, "strength") > SPEAKS]
        return min((share for share in kept if share == share), default=float("nan"))

    def surely_lost(self, within: str = "") -> float:
        """The same, over the kinds whose loss chance does not explain."""
        limit, sure = LIMITS["kept"].warn or 0.0, []
        for name in DEPENDENCES:
            share, most = self.get(name, f"kept{within}"), self.get(name, f"kept_high{within}")
            if self.get(name, f"strength{within}") > SPEAKS and (share if most != most else most) < limit:
                sure.append(max(0.0, share))
        return min(sure, default=float("nan"))


def columns_over(entries: Mapping[str, Mapping[str, Any]], metrics: Sequence[str] = COLUMN_METRICS) -> dict[str, float]:
    """Column name to the excess of its distance over its floor; at most 0 if chance may be the reason.

    Parameters
    ----------
    entries : dict
        Results of `evaluate`, for all samples or one class.
    metrics : sequence of str
        Metrics whose "details" have "columns" (distances) and possibly "floors" and "chance" (what chance rarely
        exceeds).
    """
    over: dict[str, float] = {}
    for metric in metrics:
        details = entries.get(metric, {}).get("details", {})
        floors, chance = details.get("floors", {}), details.get("chance", {})
        for name, distance in details.get("columns", {}).items():
            excess = float(distance) - float(floors.get(name, 0.0))
            over[name] = excess if distance > chance.get(name, 0.0) else min(0.0, excess)
    return over


@isolated
def diagnose(
    results: Mapping[str, Mapping[str, Any]], made: Made | None = None, broken_rules: Broken = ()
) -> list[Finding]:
    """Find out what is wrong with synthetic samples, from their figures.

    Parameters
    ----------
    results : dict
        Results of `evaluate`; more metrics allow more findings.
    made : Made, optional
        How the samples were made. Advice depends on it, and so do findings about curation.
    broken_rules : sequence of (str, float, float)
        Rules in words, with the shares of real and of synthetic rows that break each.

    Returns
    -------
    list of Finding
        The verdict first, one of: "collapse" (a few samples over and over), "untrained" (unlike real rows in
        every way), "copying" (training rows repeated), "dependence" (columns do not go together), "rules" (rules of
        the table broken), "marginals" (single columns off), "unlike" (rows where no real row lies, for none of these
        reasons), "few rows" (too few rows to say), "good"; several may hold. Then the rest, the worst first, but for
        what the verdict brings about. Classes with rows enough are judged one by one as well, and named where that adds
        anything.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug.metrics import diagnose, evaluate
    >>> rng = np.random.default_rng(0)
    >>> real = rng.normal(size=(200, 1)) + 0.3 * rng.normal(size=(200, 3))
    >>> shuffled = np.column_stack([rng.permutation(column) for column in real.T])
    >>> diagnose(evaluate(real, shuffled, metrics=["fidelity", "diversity"], n_resamples=0))[0].topic
    'dependence'
    """
    check_results(results, made is None or isinstance(made, Made))
    facts, by_class = _Facts(results, made or Made(), broken_rules), class_findings(results, made)
    found = _whole(facts, by_class)
    found += _adding(found, by_class)
    few = _classes_of_few_rows(results)
    found += [few] if few is not None else []
    if not any(f.severity == "bad" or (f.topic in VERDICTS and f is not few) for f in found):
        found.append(_good(facts, any(f.severity != "good" for f in found)))
    verdict = [one for topic in VERDICTS for one in found if one.topic == topic and one is not few]
    rest = [finding for finding in found if finding.topic not in VERDICTS or finding is few]
    return about(results, with_others(_worst_first(verdict), rest))


def with_others(verdict: Sequence[Finding], others: Sequence[Finding]) -> list[Finding]:
    """Verdicts and other findings in order: a bad finding comes before a verdict that is not bad."""
    bad, mild = ([f for f in verdict if (f.severity == "bad") == is_bad] for is_bad in (True, False))
    rest = _worst_first(list(others))
    return bad + [f for f in rest if f.severity == "bad"] + mild + [f for f in rest if f.severity != "bad"]


def _whole(facts: _Facts, by_class: Mapping[Any, list[Finding]]) -> list[Finding]:
    enough = facts.enough()
    found = [f for rule in RULES if (f := rule(facts if rule in SURE_OF_FEW else enough)) is not None]
    within = _lost_within_classes(facts, by_class)
    if within is not None and not any(f.topic in FOLLOWS and f.severity == "bad" for f in found):
        found = [f for f in found if f.topic != "dependence"] + [within]
    follows = {topic for cause in found if cause.severity == "bad" for topic in FOLLOWS.get(cause.topic, ())}
    found = [finding for finding in found if finding.topic not in follows]
    topics = {finding.topic for finding in found}
    if "few rows" in topics:  # so few cover little of the real rows, whatever they are
        found = [f for f in found if f.topic != "collapse" or f.severity == "bad"]
    if {"dependence", "marginals"} <= topics:
        found = [replace(f, text=f.text.replace(_RIGHT, _NOT_RIGHT)) if f.topic == "dependence" else f for f in found]
    return found


def _lost_within_classes(facts: _Facts, by_class: Mapping[Any, list[Finding]]) -> Finding | None:
    """Dependence lost in most classes, which differences between the classes hide in the whole."""
    lost = [f for found in by_class.values() for f in found if f.topic == "dependence" and f.severity == "bad"]
    entries = [facts.entries[name]["by_class"] for name in DEPENDENCES if name in facts.entries]
    judged = {str(label) for one in entries for label, entry in one.items() if entry["enough"]}
    if not lost or 2 * len(lost) < len(judged):
        return None
    first = lost[0]
    text = first.text.replace(_RIGHT, _WITHIN)
    return replace(first, text=f"{text.rstrip('.')} (class {first.label!r}).", label="")


def class_findings(results: Mapping[str, Mapping[str, Any]], made: Made | None = None) -> dict[Any, list[Finding]]:
    """Label to the findings about its own rows, if it has enough of them; the worst first."""
    found: dict[Any, list[Finding]] = {}
    for label in dict.fromkeys(label for entry in results.values() for label in entry.get("by_class", {})):
        own = {name: e["by_class"][label] for name, e in results.items() if label in e.get("by_class", {})}
        facts = _Facts({name: entry for name, entry in own.items() if entry["enough"]}, made or Made())
        told = [f for rule in CLASS_RULES if (f := rule(facts)) is not None]
        follows = {topic for cause in told if cause.severity == "bad" for topic in FOLLOWS.get(cause.topic, ())}
        skew = None if "marginals" in follows else _class_skew(facts, str(label))
        told = [f for f in told if f.topic not in follows] + ([skew] if skew is not None else [])
        if skew is not None and skew.severity == "bad":  # half of a column shows less of what it goes with
            told = [f for f in told if f.topic != "dependence"]
        found[label] = about(results, _worst_first([replace(f, label=str(label)) for f in told]))
    return found


def _adding(whole: list[Finding], by_class: Mapping[Any, list[Finding]]) -> list[Finding]:
    """Findings about classes that add to those about all samples, with the name of the class in front."""

    def said(finding: Finding) -> bool:
        of_all = {"class skew": "marginals"}.get(finding.topic, finding.topic)
        as_bad = [f for f in whole if SEVERITIES.index(f.severity) <= SEVERITIES.index(finding.severity)]
        if finding.topic == "class skew" and "other_class" in finding.text:
            return False  # that names a cause
        if finding.topic == "copying" or not as_bad:
            return any(f.topic == of_all for f in as_bad)
        turned = {family for f in as_bad for family in families_of(f) if f.topic in FOLLOWS or f.topic == of_all}
        return any(f.topic == of_all for f in as_bad) or set(families_of(finding)) <= turned

    named = [
        replace(f, text=f"Class {label!r}: {f.text}") for label, found in by_class.items() for f in found if not said(f)
    ]
    shown = _worst_first(named)[:MOST_CLASSES]
    more = _worst_first(named)[MOST_CLASSES:]
    if more:
        names = ", ".join(dict.fromkeys(repr(f.label) for f in more))
        severity = worst([f.severity for f in more])
        topics = {f.topic for f in more if f.severity == severity}
        for topic in sorted(topics):
            shown.append(
                Finding(
                    severity, topic, f"The same kinds of faults show in other classes, too: {names}.", "See each class."
                )
            )
    return shown


def _worst_first(found: list[Finding]) -> list[Finding]:
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def _finding(
    topic: str, judged: tuple[Severity, Judged], text: str, advice: str, columns: tuple[str, ...] = ()
) -> Finding:
    return Finding(judged[0], topic, text, advice, (judged[1],), columns=columns)


def _repeats(facts: _Facts) -> tuple[Severity, Judged] | None:
    neighbours, spacing = facts.get("distinct_neighbours"), facts.get("distinct_neighbours", "spacing")
    outside = facts.of_floor("precision") < MOSTLY_INSIDE  # then few real rows are near, whatever is drawn
    if spacing < (OUTSIDE_SPACING if outside else COLLAPSED_SPACING):
        return LIMITS["variety"].judge("variety", neighbours * spacing)
    near_few = neighbours < FEW_NEIGHBOURS and spacing < 1 and not outside  # where real rows hardly differ
    return LIMITS["clustered"].judge("clustered", facts.of_floor("coverage")) if near_few else None


def _collapse(facts: _Facts) -> Finding | None:
    judged = _repeats(facts)
    if judged is not None:
        neighbours, spacing = facts.get("distinct_neighbours"), facts.get("distinct_neighbours", "spacing")
        text = (
            f"Mode collapse: the generator repeats a few samples. {_REPEATED[judged[1].name].format(judged[1].told)}: "
            f"{neighbours:.0%} as many real rows are the nearest of one, and samples lie {spacing:.0%} as far apart."
        )
        advice = (
            "Do not use these samples. Train with objective='relativistic' or 'wasserstein' and a larger penalty, a "
            "larger batch_size, or fewer steps."
        )
        return _finding("collapse", judged, text, advice)
    judged = LIMITS["coverage"].judge("coverage", facts.of_floor("coverage"))
    if judged is None:
        return None
    text = (
        f"Parts of the real data are missing among the samples: they cover {judged[1].told} of what real rows cover "
        f"of one another ({facts.get('coverage'):.0%} instead of {facts.get('coverage', 'floor'):.0%} of real rows)."
    )
    n_real, n_synthetic = facts.get("coverage", "n_real"), facts.get("coverage", "n_synthetic")
    fewer = n_synthetic < n_real
    advice = f"Draw more samples: there are {n_synthetic:,.0f} for {n_real:,.0f} real rows." if fewer else ""
    return _finding("collapse", judged, text, advice or f"{facts.made.more_training}.")


def _untrained(facts: _Facts) -> Finding | None:
    """Single columns are wrong, and rows lie far from real rows or dependence is lost."""
    columns, inside, covered = facts.columns_off(), facts.of_floor("precision"), facts.of_floor("coverage")
    if columns < STRANGE_COLUMNS or _repeats(facts) is not None:
        return None
    kept = facts.kept()
    told = []
    if inside < STRANGE_INSIDE and covered < STRANGE_COVERAGE:
        told = [LIMITS["untrained inside"].judge("untrained inside", inside)]
    elif covered < THIN_COVERAGE:
        if kept < (LIMITS["untrained kept"].bad or 0.0):
            told = [LIMITS["untrained kept"].judge("untrained kept", max(0.0, kept))]
        elif columns > WRONG_COLUMNS and not kept >= (LIMITS["untrained kept"].bad or 0.0):
            told = [LIMITS["untrained far"].judge("untrained far", columns)]
    if not told or told[0] is None:
        return None
    first = told[0][1]
    at = LIMITS["untrained columns"].judge("untrained columns", columns)
    judged = (first, at[1]) if at is not None and first.name != "untrained far" else (first,)
    words = {
        "untrained inside": f"they lie among real rows only {first.told} as often as real rows do",
        "untrained kept": f"{first.told} of the dependence between columns is left",
        "untrained far": f"single columns are off by {first.told} more than chance on average",
    }
    more = f"single columns are off by {at[1].told} more than chance on average" if at and len(judged) > 1 else ""
    parts = [words[first.name], *([more] if more else [])]
    text = f"The samples look untrained: {', and '.join(parts)}."
    advice = f"{facts.made.more_training}, and look at history_ and at the scaling of the columns."
    return Finding("bad", "untrained", text, advice, judged)


def _surely_over(facts: _Facts, metric: str) -> float:
    """Excess of a share over its floor; 0 if it is within two standard errors."""
    share, floor = facts.get(metric), facts.get(metric, "floor")
    n, m = min(facts.get(metric, "n_real"), FLOOR_ROWS), facts.get(metric, "looked_at")
    if not floor >= 0:
        return facts.over_floor(metric)
    seen = (floor * n + 1) / (n + 2)  # none among few is not none at all
    error = math.sqrt(share * (1 - share) / m + seen * (1 - seen) / n)
    return share - floor if share - floor > 2 * error else 0.0


def _copying(facts: _Facts) -> Finding | None:
    copies = LIMITS["copies"].judge("copies", _surely_over(facts, "near_copies"))
    high = facts.of_floor("authenticity", "high")
    noisy = None
    # a repeated sample is always near some row
    if _repeats(facts) is None and facts.over_floor("authenticity") < -(LIMITS["copies"].bad or 0.0):
        noisy = LIMITS["authentic"].judge("authentic", facts.of_floor("authenticity") if high != high else high)
    told = [judged for judged in (copies, noisy) if judged is not None]
    if not told:
        return None
    words = {
        "copies": "{} of them, above chance, are ten times nearer to a training row than any other real row is",
        "authentic": "at most {} of what real rows get are more than noisy copies",
    }
    text = f"The samples copy training rows: {'; '.join(words[one.name].format(one.told) for _, one in told)}."
    if not facts.made.uses("copies"):
        what = (
            "Do not publish them. Drop the rows listed as near copies, or refuse copies when sampling (curate='copies')"
        )
    elif any(row.get("copies", 0) is None for row in facts.made.curation.values()):
        what = (
            "Do not publish them. Copies could not be refused, because a loaded or copied model does not hold what "
            "they are compared with: sample in the process that fitted it, or drop the rows listed as near copies"
        )
    else:
        what = "Do not publish them. Exact copies are refused already: drop the rows listed as near copies"
    advice = f"{what}. More training rows, more smoothing or fewer steps make fewer of them."
    return Finding(worst([severity for severity, _ in told]), "copying", text, advice, tuple(one for _, one in told))


def _membership(facts: _Facts) -> Finding | None:
    judged = LIMITS["membership"].judge("membership", facts.get("membership_auc"))
    if judged is None or facts.get("membership_auc", "low") <= 0.5:
        return None
    text = (
        "Who was in the training data can be guessed from the samples: an attack has an AUC of "
        f"{judged[1].told} (chance 0.5)."
    )
    advice = (
        "Share neither samples nor generator. Fit again with more smoothing, fewer steps, or on more rows, until the "
        "attack is at chance."
    )
    return _finding("membership", judged, text, advice)


def _rules(facts: _Facts) -> Finding | None:
    over = {text: fake - real for text, real, fake in facts.broken}
    if not over:
        return None
    order = sorted(facts.broken, key=lambda rule: rule[1] - rule[2])
    judged = LIMITS["rules"].judge("rules", order[0][2] - order[0][1])
    if judged is None:
        return None
    limit = LIMITS["rules"].warn or 0.0
    broken = [rule for rule in order if rule[2] - rule[1] > limit]
    shown = "; ".join(f"`{text}` in {fake:.1%} (real {real:.1%})" for text, real, fake in broken[:MOST_COLUMNS])
    more = f"; and {len(broken) - MOST_COLUMNS} more" if len(broken) > MOST_COLUMNS else ""
    text = (
        f"Rules that the real rows keep are broken: {shown}{more}. The worst is broken in {judged[1].told} more of the "
        "samples than of the real rows."
    )
    advice = (
        "Fit with rules='auto', or with these rules given in rules=, which keep them by construction; or drop the "
        "rows that break them."
    )
    return _finding("rules", judged, text, advice)


_RIGHT = "The columns are right one by one but do not go together as in the real rows"
_WITHIN = "Within their classes the columns do not go together as in the real rows"
_NOT_RIGHT = "The columns do not go together as in the real rows"


def _dependence(facts: _Facts) -> Finding | None:
    if facts.columns_off() >= WRONG_COLUMNS or _repeats(facts) is not None:
        return None  # then nothing can be said of pairs of columns
    over_all, within = facts.surely_lost(), facts.surely_lost("_within")
    share, part = (within, "_within") if within < over_all or over_all != over_all else (over_all, "")
    kept = LIMITS["kept"].judge("kept", share)
    strange = facts.columns_off() >= STRANGE_COLUMNS
    joint = None if strange else LIMITS["joint"].judge("joint", facts.over_floor("contingency_distance"))
    told = [judged for judged in (kept, joint) if judged is not None]
    if not told:
        return None
    lost = [name for name in DEPENDENCES if facts.get(name, f"strength{part}") > SPEAKS]
    between = [BETWEEN[name] for name in lost if max(0.0, facts.get(name, f"kept{part}")) == share]
    words = {
        "kept": f"{{}} of the dependence between {', '.join(between)} is left",
        "joint": "pairs of categories are {} further from their real shares than by chance",
    }
    how = "; ".join(words[one.name].format(one.told) for _, one in told)
    look = "Look for columns that were shuffled or generated one by one, and at the pairs that came out worst."
    advice = f"{look} {facts.made.more_training}, or with a wider network."
    severity = worst([severity for severity, _ in told])
    which = _RIGHT if kept is None or kept[1].value == over_all else _WITHIN
    so = " Kinds of rows that the real ones have are missing with it." if severity == "bad" else ""
    return Finding(severity, "dependence", f"{which}: {how}.{so}", advice, tuple(one for _, one in told))


def _off(facts: _Facts, limit: str, metrics: Sequence[str]) -> tuple[list[str], tuple[Severity, Judged] | None]:
    """Names of the columns that are off, the worst first, and the figure of the worst."""
    over = columns_over(facts.entries, metrics)
    warn = LIMITS[limit].warn or 0.0
    names = sorted((name for name, excess in over.items() if excess > warn), key=lambda name: -over[name])
    return names, LIMITS[limit].judge(limit, over[names[0]]) if names else None


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:MOST_COLUMNS])
    return shown + (f" and {len(names) - MOST_COLUMNS} more" if len(names) > MOST_COLUMNS else "")


def _marginals(facts: _Facts) -> Finding | None:
    names, judged = _off(facts, "column", COLUMN_METRICS)
    if judged is None:
        return None
    n = len(columns_over(facts.entries))
    text = (
        f"Single columns are off: {len(names)} of {n}, {_listed(names)}; {names[0]!r} is the worst, {judged[1].told} "
        "further from the real column than by chance."
    )
    advice = f"Look at the values of these columns. {facts.made.more_training}."
    return _finding("marginals", judged, text, advice, tuple(names))


def _class_skew(facts: _Facts, label: str) -> Finding | None:
    names, judged = _off(facts, "column", COLUMN_METRICS)
    if judged is None:
        return None
    row = facts.made.curation.get(label, facts.made.curation.get("all", {}))
    refused, drawn = row.get("other_class") or 0, row.get("drawn") or 0
    text = (
        f"Its rows are not like the real ones of the class in {_listed(names)}: {names[0]!r} is "
        f"{judged[1].told} further off than by chance."
    )
    if drawn and refused > REFUSED_MUCH * drawn:
        others = [rule for rule in (facts.made.rules or ()) if rule != "other_class"]
        text += (
            f" The curation rule 'other_class' does that: it refused {refused / drawn:.0%} of the candidates, those "
            "that resemble another class, and so moves the classes apart."
        )
        advice = f"Fit and sample with curate={others!r}, which leaves 'other_class' out, where such rows are wanted."
    else:
        advice = f"Look at the values of these columns in this class. {facts.made.more_training}."
    return _finding("class skew", judged, text, advice, tuple(names))


def _unlike(facts: _Facts) -> Finding | None:
    high = facts.of_floor("precision", "high")
    judged = LIMITS["inside"].judge("inside", facts.of_floor("precision") if high != high else high)
    if judged is None:
        return None
    text = (
        f"Many samples are unlike any real row: {facts.get('precision'):.0%} of them lie among real rows instead of "
        f"{facts.get('precision', 'floor'):.0%}, at most {judged[1].told} of what real rows reach."
    )
    if facts.made.uses("outliers"):
        advice = f"{facts.made.more_training}; rows far outside are refused already."
    else:
        advice = (
            f"Drop or refuse rows far outside (curate='outliers' of a GAN of this package). {facts.made.more_training}."
        )
    return _finding("unlike", judged, text, advice)


def _told_apart(facts: _Facts) -> Finding | None:
    judged = LIMITS["told apart"].judge("told apart", facts.get("two_sample_auc"))
    if judged is None:
        return None
    shares = facts.entries["two_sample_auc"]["details"].get("columns", {})
    names = tuple(sorted(shares, key=lambda name: -shares[name]))[:MOST_COLUMNS]
    by = f", mostly by {_listed(names)}" if names else ""
    text = f"A random forest tells synthetic rows from real ones with an AUC of {judged[1].told} (chance 0.5){by}."
    where = f"values, steps and decimals of {_listed(names)}" if names else "nearest real ones for what gives them away"
    return _finding("told apart", judged, text, f"Look at the {where}: something in them real rows never have.", names)


def _missing(facts: _Facts) -> Finding | None:
    names, judged = _off(facts, "missing", ("missing_rate_difference",))
    if judged is None:
        return None
    text = (
        f"Values are missing more or less often than in the real rows in {_listed(names)}; {names[0]!r} is the worst, "
        f"by {judged[1].told} of the rows more than chance."
    )
    look = "Look at where values are missing in these columns, or fill them in before fitting."
    advice = f"{look} {facts.made.more_training}."
    return _finding("missing", judged, text, advice, tuple(names))


def _utility(facts: _Facts) -> Finding | None:
    gain, low, high = (facts.get("augmentation_gain", part) for part in ("value", "low", "high"))
    if gain != gain:
        return None
    real, alone = facts.get("train_synthetic_test_real", "floor"), facts.get("train_synthetic_test_real")
    tested_on = facts.entries["augmentation_gain"]["details"].get("tested_on", "")
    how = TESTED_ON.get(tested_on, "")
    harm = LIMITS["harm"].judge("harm", high)
    end = f"{high:+.3f}" if harm is None else harm[1].told
    amount = f"{round(gain, 3) + 0.0:+.3f} average precision (95%: {low:+.3f} to {end})"
    sure = f"{amount}, {how}" if how else amount
    scores = f" Trained on real rows alone it reaches {real:.3f}, on synthetic ones alone {alone:.3f}."
    scores = (scores if real == real else "") + _treatments(facts)
    if harm is not None:
        text = f"Adding the samples to the real rows harms this classifier: {sure}.{scores}"
        advice = "Add fewer (AugmentedClassifier chooses how many), or none: class weights may do."
        return Finding(harm[0], "utility", text, advice, (harm[1],))
    if tested_on == "seen" and _copying(facts) is not None:
        text = "Whether a classifier gains cannot be told: the samples copy the very rows that it was tested on."
        return Finding("warn", "utility", text, "Give real rows that the generator did not see (X_holdout, --holdout).")
    behind = LIMITS["behind"].judge("behind", real - facts.get("train_synthetic_test_real", "high"))
    if behind is not None and not low > 0:
        text = (
            f"A classifier learns less from the samples than from real rows: at least {behind[1].told} average "
            f"precision is lost.{scores} Adding them to the real rows makes {sure}."
        )
        advice = f"{facts.made.more_training}; for classes alone, compare with class weights and a moved threshold."
        return Finding("warn", "utility", text, advice, (behind[1],))
    if real >= NOTHING_TO_GAIN:
        text = f"There is nothing to gain: real rows alone are enough. Adding the samples makes {sure}.{scores}"
        return Finding("good", "utility", text)
    if low > 0 and tested_on == "seen":
        text = f"On real rows that the generator had seen, adding the samples helps this classifier: {amount}.{scores}"
        advice = "Whether it helps on others was not measured: give real rows that the generator did not see."
        return Finding("good", "utility", text, advice)
    if low > 0:
        return Finding("good", "utility", f"Adding the samples to the real rows helps this classifier: {sure}.{scores}")
    text = f"Adding the samples to the real rows makes no clear difference to this classifier: {sure}.{scores}"
    return Finding(
        "good", "utility", text, "Compare with class weights and a moved threshold; let AugmentedClassifier choose."
    )


def _treatments(facts: _Facts) -> str:
    """Scores of the same classifier after other treatments, as a sentence; empty if none were tried."""
    found = facts.entries["augmentation_gain"]["details"].get("treatments", {})
    scores = {name: one["balanced_accuracy"] for name, one in found.items()}
    parts = [f"{scores[name]:.3f} {words}" for name, words in TREATMENTS.items() if name in scores]
    return f" Its balanced accuracy is {', '.join(parts)}." if parts else ""


def _few_rows(facts: _Facts) -> Finding | None:
    """The verdict if no measure has enough rows."""
    entries = facts.entries.values()
    if not entries or all(entry["enough"] for entry in entries):
        return None
    n = min(min(entry["n_real"], entry["n_synthetic"]) for entry in entries)
    weak = sum(not entry["enough"] for entry in entries)
    of = [entry for entry in entries if entry.get("family") != "utility"] or list(entries)
    if any(entry["enough"] for entry in of):
        return None  # `weak` ones are marked where they stand
    few = f"{weak} of {len(facts.entries)} measures have too few"
    text = f"There are too few rows to say whether the samples are good ({n}): {few}."
    return Finding("warn", "few rows", text, "Read the intervals, not values; give more real rows and more samples.")


def _good(facts: _Facts, others: bool) -> Finding:
    parts = [
        f"{facts.get(metric):.0%} {words}"
        for metric, words in (
            ("precision", "of the samples lie where real rows lie"),
            ("coverage", "of the real rows have a sample nearby"),
            ("near_copies", "are near copies"),
        )
        if facts.get(metric) == facts.get(metric)
    ]
    if facts.get("near_copies", "floor") > (LIMITS["copies"].warn or 0.0):
        parts[-1] += f", as {facts.get('near_copies', 'floor'):.0%} of the real rows are of others"
    start = f"No {'other ' if others else ''}problem was found with the samples"
    return Finding("good", "good", "; ".join([start, *parts]) + ".")


def _classes_of_few_rows(results: Mapping[str, Mapping[str, Any]]) -> Finding | None:
    few = []
    for label in dict.fromkeys(label for entry in results.values() for label in entry.get("by_class", {})):
        of_class = [entry["by_class"][label] for entry in results.values() if label in entry.get("by_class", {})]
        rows = [(e["n_real"], e["n_synthetic"]) for e in of_class if "n_test" not in e["details"]]
        if rows and not any(entry["enough"] for entry in of_class):
            n_real, n_synthetic = map(min, zip(*rows, strict=True))
            few.append(f"class {label!r} has {n_real} real and {n_synthetic} synthetic rows")
    if not few:
        return None
    text = f"Some classes cannot be judged on their own: {', '.join(few)}."
    return Finding("warn", "few rows", text, "No measure of so few rows says much; look at the samples themselves.")


Rule = Callable[[_Facts], Finding | None]
RULES: tuple[Rule, ...] = (
    _collapse, _untrained, _copying, _rules, _dependence, _marginals, never_drawn, _unlike, _told_apart, _missing,
    _membership, _utility, _few_rows,
)  # fmt: skip
# These are sure of what they find, or weigh chance, however few rows there are; the others judge by those measures only
# that have rows enough.
SURE_OF_FEW: tuple[Rule, ...] = (_collapse, _copying, _rules, _marginals, _missing, _few_rows)
# A class alone is looked at for these, and for whether single columns are off.
CLASS_RULES: tuple[Rule, ...] = (_collapse, _copying, _dependence)
