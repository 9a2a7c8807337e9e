"""What the numbers of `evaluate` mean, in words: what is wrong, how sure, and what to do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ganaug.surroundings import own_surroundings

__all__ = ["RULES", "SEVERITIES", "VERDICTS", "Finding", "diagnose", "trace_findings"]

Severity = Literal["good", "warn", "bad"]
SEVERITIES: tuple[Severity, ...] = ("bad", "warn", "good")
# Topics that name what became of a generator; the first finding is the first of these that holds.
VERDICTS = ("collapse", "untrained", "copying", "dependence", "marginals", "unlike", "good")

# What a bad verdict brings about by itself, and is therefore not said beside it.
FOLLOWS = {
    "collapse": ("dependence", "marginals", "unlike", "told apart", "missing"),
    "untrained": ("dependence", "marginals", "unlike", "told apart", "missing"),
    "dependence": ("unlike", "told apart"),
    "marginals": ("unlike", "told apart"),
}

# The thresholds were set on five cases (unseen rows; two rows per class repeated; training rows with a thousandth of
# noise; columns shuffled; uniform noise) and GANs of one step on the 27 tables that examples/benchmarks/diagnoses.py
# names, and are tested on the others there (docs/diagnoses.md). "Of the floor" is relative to what real rows get.

# Collapse: rows lie close to one another (0 to 0.45 of real rows' spacing; all other cases 0.86 and more, a bootstrap
# 0.4), and few real rows are anyone's neighbour (their share times the spacing: 0.03 at most; few rows redrawn 0.1).
COLLAPSED_SPACING, COLLAPSED_NEIGHBOURS = 0.6, 0.06
# On the way there: real rows reached or covered.
THIN_COVERAGE = 0.7
# Untrained: the columns are wrong each on its own, by so much above the floor, and rows lie where no real row lies.
STRANGE_PRECISION, STRANGE_COVERAGE, STRANGE_COLUMNS = 0.4, 0.4, 0.08
# Strange, but no reason was found: the interval's upper end.
UNLIKE_WARN, UNLIKE_BAD = 0.75, 0.5
# Columns: Kolmogorov-Smirnov or total-variation distance above the floor.
COLUMNS_WARN, COLUMNS_BAD = 0.08, 0.2
# Copying: rows ten times nearer to a training row than any other real row is, and that by more than chance; or few
# rows that are no noisy copies (0 of the floor; unseen rows 0.9 and more).
COPIES_WARN, COPIES_BAD, FLOOR_ROWS = 0.02, 0.1, 500
AUTHENTIC_BAD = 0.4
# An attacker's AUC, where its interval is above a half (copies 0.79 to 0.87; others up to 0.6).
MEMBERSHIP_WARN, MEMBERSHIP_BAD = 0.6, 0.7
# Dependence: how much of the real correlations is left (shuffled 0 to 0.2, unseen rows 0.8 and more), where there is
# any to speak of: so strong on average, without what chance makes.
KEPT_WARN, KEPT_BAD = 0.7, 0.4
SPEAKS = 0.1
DEPENDENCES = ("correlation_distance", "mixed_dependence_distance", "contingency_distance")
# Else the joint shares above the floor, while each column is right.
JOINT_WARN, JOINT_BAD = 0.1, 0.2
# A forest tells synthetic rows from real ones. Repeats alone make 0.7 to 0.8.
TOLD_APART = 0.9
MISSING_WARN = 0.1
# Of the best average precision that there can be: above it nothing is left to gain.
NOTHING_TO_GAIN = 0.98


@dataclass(frozen=True)
class Finding:
    """One thing that the numbers say.

    Attributes
    ----------
    severity : {"good", "warn", "bad"}
    topic : str
        One of `VERDICTS`, or "told apart", "missing", "membership", "traces", "utility", "few rows".
    text : str
        What was found, with its numbers.
    advice : str
        What to do about it; empty where nothing is to be done.
    """

    severity: Severity
    topic: str
    text: str
    advice: str = ""


class _Facts:
    """Numbers of the metrics; NaN, of which no comparison holds, where there are none."""

    def __init__(self, entries: Mapping[str, Mapping[str, Any]]) -> None:
        self.entries = entries

    def get(self, metric: str, part: str = "value") -> float:
        found = self.entries.get(metric, {})
        return float(found.get(part, found.get("details", {}).get(part, float("nan"))))

    def of_floor(self, metric: str, part: str = "value") -> float:
        """Share of what real rows get."""
        floor = self.get(metric, "floor")
        return self.get(metric, part) / floor if floor > 0 else float("nan")

    def over_floor(self, metric: str) -> float:
        floor = self.get(metric, "floor")
        return self.get(metric) - (floor if floor == floor else 0.0)

    def columns_off(self) -> float:
        """How much worse than by chance single columns are, the worse of numbers and categories."""
        over = [self.over_floor(name) for name in ("ks_distance", "total_variation") if name in self.entries]
        return max(over, default=float("nan"))

    def kept(self) -> tuple[float, float]:
        """How much of the dependence is left, where least, and how much at most; of the kinds that real rows have."""
        kept = []
        for name in DEPENDENCES:
            share, most = self.get(name, "kept"), self.get(name, "kept_high")
            if self.get(name, "strength") > SPEAKS:
                kept.append((share if most != most else most, share))
        most, share = min(kept, default=(float("nan"), float("nan")))
        return share, most


@own_surroundings
def diagnose(results: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """Say what the numbers mean.

    Parameters
    ----------
    results : dict
        What `evaluate` gave; the more metrics, the more can be said.

    Returns
    -------
    list of Finding
        The verdict first, one of: "collapse" (a few samples over and over), "untrained" (unlike real rows in
        every way), "copying" (training rows repeated), "dependence" (columns right, but not together),
        "marginals" (single columns off), "unlike" (rows where no real row lies, for none of these reasons),
        "good"; several may hold. Then the rest, the worst first, but for what the verdict brings about. Where
        the whole is not to blame, classes with rows enough are judged one by one.

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
    found = [finding for rule in RULES if (finding := rule(_Facts(results))) is not None]
    if not {finding.topic for finding in found if finding.severity == "bad"} & FOLLOWS.keys():
        told = {finding.topic for finding in found if finding.topic in VERDICTS}
        found += [finding for finding in _of_classes(results) if finding.topic not in told]
    follows = {topic for cause in found if cause.severity == "bad" for topic in FOLLOWS.get(cause.topic, ())}
    found = [finding for finding in found if finding.topic not in follows]
    if not any(finding.severity == "bad" or finding.topic in VERDICTS for finding in found):
        found.append(_good(_Facts(results)))
    verdict = [finding for topic in VERDICTS for finding in found if finding.topic == topic]
    rest = [finding for finding in found if finding.topic not in VERDICTS]
    return _worst_first(verdict) + _worst_first(rest)


def _worst_first(found: list[Finding]) -> list[Finding]:
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def _repeats(facts: _Facts) -> bool:
    neighbours, spacing = facts.get("distinct_neighbours"), facts.get("distinct_neighbours", "spacing")
    return spacing < COLLAPSED_SPACING and neighbours * spacing < COLLAPSED_NEIGHBOURS


def _learnt_nothing(facts: _Facts) -> bool:
    """Whether columns are wrong each on its own, and rows lie where no real row lies or no dependence is right."""
    columns, inside, covered = facts.columns_off(), facts.of_floor("precision"), facts.of_floor("coverage")
    if columns < STRANGE_COLUMNS or _repeats(facts):
        return False
    kept = facts.kept()[0]
    strange = inside < STRANGE_PRECISION and covered < STRANGE_COVERAGE
    wrong = kept < KEPT_BAD or (columns > COLUMNS_BAD and not kept >= KEPT_BAD)
    return strange or (wrong and covered < THIN_COVERAGE)


def _collapse(facts: _Facts) -> Finding | None:
    if _repeats(facts):
        neighbours = facts.get("distinct_neighbours")
        text = (
            f"Mode collapse: the generator repeats a few samples. Its rows have {neighbours:.0%} as many different "
            f"nearest real rows as unseen real rows have, and lie {facts.get('distinct_neighbours', 'spacing'):.0%} as "
            f"far from one another as real rows do; they cover {facts.get('coverage'):.0%} of the real rows."
        )
        advice = (
            "Train with objective='relativistic' or 'wasserstein' and a larger penalty, a larger batch_size, or fewer "
            "steps; do not use these samples."
        )
        return Finding("bad", "collapse", text, advice)
    if facts.of_floor("coverage") < THIN_COVERAGE and facts.of_floor("precision") >= THIN_COVERAGE:
        text = (
            f"Parts of the real data are missing among the samples: they cover {facts.get('coverage'):.0%} of the "
            f"real rows (real rows cover {facts.get('coverage', 'floor'):.0%} of one another)."
        )
        return Finding("warn", "collapse", text, "Draw more samples, or train for more steps.")
    return None


def _untrained(facts: _Facts) -> Finding | None:
    if not _learnt_nothing(facts):
        return None
    columns, (kept, _) = facts.columns_off(), facts.kept()
    text = (
        f"The samples look untrained: {facts.get('precision'):.0%} of them lie where real rows lie "
        f"(of real rows {facts.get('precision', 'floor'):.0%})"
        + (f", single columns are off by {columns:.2f} more than chance" if columns == columns else "")
        + (f", {max(0.0, kept):.0%} of the dependence is left." if kept < KEPT_BAD else ".")
    )
    advice = "Train for more steps (max_steps), look at history_ for a training that ended early, and at the scaling."
    return Finding("bad", "untrained", text, advice)


def _surely_over(facts: _Facts, metric: str) -> float:
    """How much a share is over its floor; 0 where two standard errors of the difference may be chance."""
    share, floor = facts.get(metric), facts.get(metric, "floor")
    n, m = min(facts.get(metric, "n_real"), FLOOR_ROWS), facts.get(metric, "looked_at")
    if not floor >= 0:
        return facts.over_floor(metric)
    seen = (floor * n + 1) / (n + 2)  # none among few is not none at all
    error = math.sqrt(share * (1 - share) / m + seen * (1 - seen) / n)
    return share - floor if share - floor > 2 * error else 0.0


def _copying(facts: _Facts) -> Finding | None:
    over, authentic = _surely_over(facts, "near_copies"), facts.of_floor("authenticity", "high")
    authentic = facts.of_floor("authenticity") if authentic != authentic else authentic
    noisy = authentic < AUTHENTIC_BAD and facts.over_floor("authenticity") < -COPIES_BAD
    if not (over > COPIES_WARN or noisy):
        return None
    text = (
        f"The samples copy training rows: {facts.get('near_copies'):.0%} are ten times nearer to a training row than "
        f"any other real row is, and {facts.get('authenticity'):.0%} are more than noisy copies "
        f"(of real rows {facts.get('authenticity', 'floor'):.0%})."
    )
    advice = (
        "Do not publish them. Refuse copies when sampling (curate=True), train for fewer steps, hold rows out "
        "(validation_fraction), or use more training rows; near_copies lists the row numbers."
    )
    return Finding("bad" if over > COPIES_BAD or noisy else "warn", "copying", text, advice)


def _membership(facts: _Facts) -> Finding | None:
    auc = facts.get("membership_auc")
    low = facts.get("membership_auc", "low")
    if not auc > MEMBERSHIP_WARN or low <= 0.5:
        return None
    text = (
        f"Who was in the training data can be guessed from the samples: an attack has an AUC of {auc:.2f} (chance 0.5)."
    )
    return Finding(
        "bad" if auc > MEMBERSHIP_BAD else "warn", "membership", text, "Share neither samples nor generator."
    )


def _dependence(facts: _Facts) -> Finding | None:
    if facts.columns_off() >= COLUMNS_BAD or _repeats(facts):
        return None  # then nothing can be said of pairs of columns
    (least, most), joint = facts.kept(), facts.over_floor("contingency_distance")
    if not (most < KEPT_WARN or (joint > JOINT_WARN and facts.columns_off() < COLUMNS_WARN)):
        return None
    lost = least < KEPT_BAD or joint > JOINT_BAD
    how = (
        f"{max(0.0, least):.0%} of the dependence is left" if least == least else f"joint shares are off by {joint:.2f}"
    )
    text = f"The columns are right one by one but do not go together as in the real rows: {how}."
    advice = (
        "Train for more steps or with a wider network; look for columns that were shuffled or generated one by one, "
        "and at the pairs listed under correlation_distance."
    )
    return Finding("bad" if lost else "warn", "dependence", text, advice)


def _marginals(facts: _Facts) -> Finding | None:
    off = facts.columns_off()
    if not off > COLUMNS_WARN:
        return None
    by_column = {
        name: distance
        for metric in ("ks_distance", "total_variation")
        for name, distance in facts.entries.get(metric, {}).get("details", {}).get("columns", {}).items()
    }
    worst = ", ".join(
        f"{name!r} ({by_column[name]:.2f})" for name in sorted(by_column, key=lambda k: -by_column[k])[:3]
    )
    text = f"Single columns are off: by {off:.2f} more than chance on average; the worst are {worst}."
    advice = "Train for more steps; look at the marginals of these columns."
    return Finding("bad" if off > COLUMNS_BAD else "warn", "marginals", text, advice)


def _unlike(facts: _Facts) -> Finding | None:
    inside = facts.of_floor("precision", "high")
    inside = facts.of_floor("precision") if inside != inside else inside
    if not inside < UNLIKE_WARN:
        return None
    text = (
        f"Many samples are unlike any real row: {facts.get('precision'):.0%} of them lie where real rows lie "
        f"(of real rows {facts.get('precision', 'floor'):.0%})."
    )
    advice = "Train for more steps, or refuse rows far outside (curate=True)."
    return Finding("bad" if inside < UNLIKE_BAD else "warn", "unlike", text, advice)


def _told_apart(facts: _Facts) -> Finding | None:
    auc = facts.get("two_sample_auc")
    if not auc > TOLD_APART:
        return None
    text = f"A random forest tells synthetic rows from real ones with an AUC of {auc:.2f} (chance 0.5)."
    return Finding(
        "warn", "told apart", text, "Look at the marginals and at the nearest real rows for what gives them away."
    )


def _missing(facts: _Facts) -> Finding | None:
    over = facts.over_floor("missing_rate_difference")
    if not over > MISSING_WARN:
        return None
    text = (
        f"Values are missing more or less often than in the real rows: by {facts.get('missing_rate_difference'):.0%}."
    )
    return Finding("warn", "missing", text, "Train for more steps, or fill missing values before.")


def _utility(facts: _Facts) -> Finding | None:
    gain, low, high = (facts.get("augmentation_gain", part) for part in ("value", "low", "high"))
    if gain != gain:
        return None
    before = facts.get("train_synthetic_test_real", "floor")
    sure = f"{gain:+.3f} average precision (95 %: {low:+.3f} to {high:+.3f})"
    if low > 0:
        return Finding("good", "utility", f"Adding the samples to the real rows helps this classifier: {sure}.")
    if high < 0:
        advice = "Add fewer (the blend can be chosen by AugmentedClassifier), or none: class weights may do."
        return Finding("bad", "utility", f"Adding the samples to the real rows harms this classifier: {sure}.", advice)
    if before >= NOTHING_TO_GAIN:
        return Finding("good", "utility", f"There is nothing to gain: real rows alone reach {before:.3f}; {sure}.")
    text = f"Adding the samples to the real rows makes no clear difference to this classifier: {sure}."
    return Finding(
        "warn", "utility", text, "Compare with class weights and a moved threshold; let AugmentedClassifier choose."
    )


def _few_rows(facts: _Facts) -> Finding | None:
    entries = facts.entries.values()
    if not entries or all(entry["enough"] for entry in entries):
        return None
    n = min(min(entry["n_real"], entry["n_synthetic"]) for entry in entries)
    share = sum(not entry["enough"] for entry in entries)
    text = f"There are few rows to judge by ({n}): {share} of {len(facts.entries)} metrics cannot support much."
    return Finding("warn", "few rows", text, "Read the intervals, not the values; collect more real rows if you can.")


def _good(facts: _Facts) -> Finding:
    parts = [
        f"{facts.get(metric):.0%} {words}"
        for metric, words in (
            ("precision", "of the samples lie where real rows lie"),
            ("coverage", "of the real rows have a sample nearby"),
            ("near_copies", "are near copies"),
        )
        if facts.get(metric) == facts.get(metric)
    ]
    if facts.get("near_copies", "floor") > COPIES_WARN:
        parts[-1] += f", as {facts.get('near_copies', 'floor'):.0%} of the real rows are of others"
    return Finding("good", "good", "; ".join(["Nothing is seen to be wrong with the samples", *parts]) + ".")


# A class alone is looked at for these.
CLASS_RULES = {"collapse": _collapse, "copying": _copying}


def _of_classes(results: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    labels = dict.fromkeys(label for entry in results.values() for label in entry.get("by_class", {}))
    few = []
    for label in labels:
        of_class = {name: entry["by_class"][label] for name, entry in results.items() if label in entry["by_class"]}
        judged = {name: entry for name, entry in of_class.items() if entry["enough"]}
        for rule in CLASS_RULES.values():
            finding = rule(_Facts(judged))
            if finding is not None:
                yield Finding(finding.severity, finding.topic, f"Class {label!r}: {finding.text}", finding.advice)
        rows = [entry["n_real"] for entry in of_class.values() if "n_test" not in entry["details"]]
        if rows and not judged:
            few.append(f"class {label!r} has {min(rows)} rows")
    if few:
        text = f"Some classes cannot be judged on their own: {', '.join(few)}."
        yield Finding("warn", "few rows", text, "No measure of so few rows says much; look at the samples themselves.")


RULES: tuple[Callable[[_Facts], Finding | None], ...] = (
    _collapse,
    _untrained,
    _copying,
    _dependence,
    _marginals,
    _unlike,
    _told_apart,
    _missing,
    _membership,
    _utility,
    _few_rows,
)


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
    >>> from ganaug.metrics.diagnosis import trace_findings
    >>> found = trace_findings({"source": "file", "copies_check": True})
    >>> found[0].severity, found[0].advice[:8]
    ('bad', 'Load it ')
    """
    holder = "The model file" if traces.get("source") == "file" else "The model"
    return _worst_first(
        [
            Finding(severity, "traces", f"{holder} {text(traces[key])}.", advice)
            for key, (severity, text, advice) in _TRACES.items()
            if traces.get(key)
        ]
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
