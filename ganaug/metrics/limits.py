"""Findings, and the thresholds of all figures in numbers and words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from ganaug.exceptions import InvalidTypeError

__all__ = [
    "LIMITS",
    "SEVERITIES",
    "Finding",
    "Judged",
    "Limit",
    "Severity",
    "about",
    "check_results",
    "families_of",
    "never_drawn",
    "worst",
]

Severity = Literal["good", "warn", "bad"]
SEVERITIES: tuple[Severity, ...] = ("bad", "warn", "good")


@dataclass(frozen=True)
class Judged:
    """A figure and the threshold it was compared with.

    Attributes
    ----------
    name : str
        In `LIMITS`.
    value : float
    limit : float
        The threshold that the value exceeds, or falls below.
    told : str
        The value as it is written in the text of the finding.
    """

    name: str
    value: float
    limit: float
    told: str


@dataclass(frozen=True)
class Finding:
    """One result of a diagnosis.

    Attributes
    ----------
    severity : {"good", "warn", "bad"}
    topic : str
        One of ``ganaug.metrics.diagnosis.VERDICTS``, or "told apart", "missing", "membership", "traces", "utility",
        "class skew".
    text : str
        What was found, with its numbers.
    advice : str
        What to do about it; may be empty.
    judged : tuple of Judged
        The figures behind it, all of which are in the text; may be empty.
    label : str
        The class it is about; empty if it is about all samples.
    columns : tuple of str
        The columns it is about, the worst first.
    """

    severity: Severity
    topic: str
    text: str
    advice: str = ""
    judged: tuple[Judged, ...] = ()
    label: str = ""
    columns: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Limit:
    """Thresholds of one figure.

    Attributes
    ----------
    says : str
        The condition in words, with "{}" for the threshold.
    warn, bad : float or None
    above : bool
        Whether values above the thresholds are bad, or values below.
    form : str
        Format specification of the value.
    """

    says: str
    warn: float | None
    bad: float | None
    above: bool = True
    form: str = ".0%"

    def judge(self, name: str, value: float) -> tuple[Severity, Judged] | None:
        """Severity and figure; None if the value is within the thresholds or NaN."""
        severities: tuple[tuple[Severity, float | None], ...] = (("bad", self.bad), ("warn", self.warn))
        for severity, limit in severities:
            if limit is not None and self._beyond(value, limit):
                return severity, Judged(name, float(value), limit, self.told(value))
        return None

    def told(self, value: float) -> str:
        """The value as text, with enough digits to show on which side of each threshold it lies."""
        limits = [limit for limit in (self.warn, self.bad) if limit is not None]
        kind = self.form[-1]
        digits = int(self.form[1:-1])
        scale = 100.0 if kind == "%" else 1.0
        for more in range(4):
            text = f"{value:.{digits + more}{kind}}"
            shown = float(text.rstrip("%")) / scale
            if all(self._beyond(shown, limit) == self._beyond(value, limit) for limit in limits):
                break
        return text

    def words(self, severity: Severity) -> str:
        """The condition of a severity in words; empty if there is none."""
        limit = self.bad if severity == "bad" else self.warn
        return "" if limit is None else self.says.format(self._short(limit))

    def _short(self, limit: float) -> str:
        if self.form.endswith("%"):
            return f"{100 * limit:g}%"
        return f"{limit:g}"

    def _beyond(self, value: float, limit: float) -> bool:
        return value > limit if self.above else value < limit


# The thresholds of columns, copies, dependence and collapse were set on five cases (unseen rows; two rows per class
# repeated; training rows with a thousandth of noise; columns shuffled; uniform noise) and GANs of one step on the 27
# tables that examples/benchmarks/diagnoses.py names, and are tested on the others there (docs/diagnoses.md).
LIMITS: dict[str, Limit] = {
    # A single column: Kolmogorov-Smirnov or total-variation distance above its own floor, where chance cannot be it.
    "column": Limit(
        "a column is further than {} above what two halves of the real rows differ by",
        0.08, 0.2, form=".2f",
    ),
    "absent": Limit("a value of over {} of the real rows never occurs among the samples", 0.01, None, form=".1%"),
    "missing": Limit("a column misses values {} more or less often than the real one, above chance", 0.1, None),
    # How much of the real dependence is left: shuffled 0 to 0.2, unseen rows 0.8 and more.
    "kept": Limit("under {} of the dependence between columns is left", 0.7, 0.4, above=False),
    # MergedGroup shares of pairs of categories, above the floor, while each column is right.
    "joint": Limit(
        "pairs of categories come further than {} above chance from their real shares",
        0.1, 0.2, form=".2f",
    ),
    # Of the share of real rows that lie where real rows lie.
    "inside": Limit(
        "of the real rows that lie among other real rows, the samples reach under {}",
        0.75, 0.5, above=False,
    ),
    # Repeats alone make 0.7 to 0.8.
    "told apart": Limit("a random forest tells synthetic from real rows with an AUC above {}", 0.9, None, form=".2f"),
    "rules": Limit("a rule that the real rows keep is broken by over {} more of the samples", 0.001, 0.02, form=".1%"),
    # Collapse: rows lie close to one another (0 to 0.45 of real rows' spacing; all other cases 0.86 and more), and few
    # real rows are anyone's neighbour: the product of both shares is 0.03 at most; few rows redrawn have 0.1.
    "variety": Limit(
        "the variety of the samples is under {}: how far they lie apart, times how many different real rows are "
        "nearest to one, both as shares of what real rows get", None, 0.06, above=False,
    ),
    "clustered": Limit(
        "of the real rows that real rows cover, the samples, which lie near a few of them only, cover under {}",
        None, 0.1, above=False,
    ),
    "coverage": Limit("of the real rows that real rows cover, the samples cover under {}", 0.7, None, above=False),
    # Untrained: wrong on all of these at once.
    "untrained columns": Limit(
        "single columns are off by more than {} above chance on average",
        None, 0.08, form=".2f",
    ),
    "untrained inside": Limit(
        "of the real rows that lie among other real rows, the samples reach under {}",
        None, 0.4, above=False,
    ),
    "untrained kept": Limit("under {} of the dependence between columns is left", None, 0.4, above=False),
    "untrained far": Limit("single columns are off by more than {} above chance on average", None, 0.2, form=".2f"),
    # Rows ten times nearer to a training row than any other real row is, by more than chance.
    "copies": Limit("over {} more of the samples than by chance are near copies of training rows", 0.02, 0.1),
    # Of the floor (copies 0; unseen rows 0.9 and more).
    "authentic": Limit("under {} of what real rows get are more than noisy copies", None, 0.4, above=False),
    # An attacker's AUC, where its interval is above a half (copies 0.79 to 0.87; others up to 0.6).
    "membership": Limit("an attacker tells who was in the training data with an AUC above {}", 0.6, 0.7, form=".2f"),
    # Upper end of the gain's interval, and how far training on synthetic rows alone surely stays behind.
    "harm": Limit(
        "adding the samples surely lowers the average precision on real rows (the interval of the gain ends under {})",
        0.0, -0.01, above=False, form=".3f",
    ),
    "behind": Limit(
        "a classifier trained on the samples alone surely loses more than {} average precision",
        0.1, None, form=".2f",
    ),
}  # fmt: skip

# Topic of a finding to the families of measures it is about; for bad findings also those of IF_BAD_ALSO.
FAMILY_OF: dict[str, tuple[str, ...]] = {
    "collapse": ("diversity",),
    "untrained": ("fidelity", "diversity"),
    "copying": ("privacy",),
    "rules": ("fidelity",),
    "dependence": ("fidelity",),
    "marginals": ("fidelity",),
    "unlike": ("fidelity",),
    "class skew": ("fidelity",),
    "told apart": ("fidelity",),
    "missing": ("fidelity",),
    "membership": ("privacy",),
    "traces": ("privacy",),
    "utility": ("utility",),
}
# Repeated samples do not look like the real data, and shuffled columns miss the kinds of rows that there are.
IF_BAD_ALSO: dict[str, tuple[str, ...]] = {"collapse": ("fidelity",), "dependence": ("diversity",)}

# Family to the figures of its findings, in order.
JUDGED_BY: dict[str, tuple[str, ...]] = {
    "fidelity": ("column", "absent", "missing", "kept", "joint", "inside", "told apart", "rules"),
    "diversity": ("variety", "clustered", "coverage"),
    "privacy": ("copies", "authentic", "membership"),
    "utility": ("harm", "behind"),
}


def families_of(finding: Finding) -> tuple[str, ...]:
    """Families of measures that a finding is about."""
    also = IF_BAD_ALSO.get(finding.topic, ()) if finding.severity == "bad" else ()
    return FAMILY_OF.get(finding.topic, ()) + also


def about(results: Mapping[str, Mapping[str, object]], findings: Iterable[Finding]) -> list[Finding]:
    """The findings, in which the samples are called what they are: images and series are no rows.

    Parameters
    ----------
    results : dict
        Results of `evaluate`, whose "samples" says so.
    findings : iterable of Finding
        In which they are called rows.
    """
    things = next((str(entry["samples"]) for entry in results.values() if "samples" in entry), "rows")
    words = {"rows": things, "row": things if things == "series" else things.removesuffix("s")}

    def said(text: str) -> str:
        parts = re.split(r"('[^']*'|`[^`]*`)", text)  # names, at the odd places, stay
        return "".join(
            part if i % 2 else re.sub(r"\brows?\b", lambda found: words[found[0]], part) for i, part in enumerate(parts)
        )

    return [replace(one, text=said(one.text), advice=said(one.advice)) for one in findings]


def worst(severities: list[Severity]) -> Severity:
    """The worst severity; "good" if there is none."""
    return min(severities, key=SEVERITIES.index, default="good")


class _Measured(Protocol):
    """Figures of `evaluate` by name."""

    entries: Mapping[str, Mapping[str, Any]]


def never_drawn(facts: _Measured) -> Finding | None:
    """Categories that the real rows have and no sample has, though chance would give them to some."""
    found = facts.entries.get("total_variation", {}).get("details", {}).get("absent", {})
    names = sorted(found, key=lambda name: -found[name][1])
    judged = LIMITS["absent"].judge("absent", found[names[0]][1]) if names else None
    if judged is None:
        return None
    others = "".join(f"; {name!r} is never {found[name][0]!r}" for name in names[1:3])
    more = f"; and in {len(names) - 3} more columns a value is missing as well" if len(names) > 3 else ""
    text = (
        f"Values that real rows have never occur among the samples: {names[0]!r} is never {found[names[0]][0]!r}, as "
        f"{judged[1].told} of the real rows are{others}{more}."
    )
    advice = "Draw more samples, train for more steps, or give more real rows that have these values."
    return Finding(judged[0], "marginals", text, advice, (judged[1],), columns=tuple(names))


def check_results(results: object, known: bool = True) -> None:
    """Refuse what is no result of `evaluate`, such as the tables themselves.

    Parameters
    ----------
    results : object
        Handed to `diagnose`.
    known : bool
        Whether what was handed in as `made` tells how the samples were made, or is None.
    """
    line = "diagnose(evaluate(X_real, X_syn, y_real, y_syn))"
    if not isinstance(results, Mapping):
        raise InvalidTypeError(
            f"results must be the dict of metrics that evaluate returns, not a {type(results).__name__}; of two tables "
            f"write {line}"
        )
    for name, entry in results.items():
        if not isinstance(entry, Mapping) or not {"value", "enough"} <= set(entry):
            raise InvalidTypeError(
                f"results[{name!r}] is no result of evaluate, which has 'value' and 'enough' among its keys; hand in "
                f"what evaluate returned as it is: {line}"
            )
    if not known:
        raise InvalidTypeError(f"made must be a ganaug.metrics.diagnosis.Made or None; of two tables write {line}")
