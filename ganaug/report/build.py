"""`quality_report`: from samples to the dict that all views of a report show."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from ganaug import __version__
from ganaug.encoding.series_codec import of_equal_length
from ganaug.encoding.sources import resolve_samples
from ganaug.encoding.table_checks import refuse_foreign
from ganaug.exceptions import InvalidParameterError
from ganaug.metrics import Finding, diagnose
from ganaug.metrics.diagnosis import SEVERITIES, VERDICTS, class_findings, columns_over, trace_findings
from ganaug.metrics.evaluation import METRICS, measure
from ganaug.metrics.features import kind_of, n_rows
from ganaug.metrics.sample_pair import read_samples
from ganaug.report import wording
from ganaug.report.inputs import (
    Drawn,
    curation_rows,
    draw,
    evidence_rows,
    generator_facts,
    histories,
    how_made,
    labels_like,
    opened,
)
from ganaug.report.measured import AUTO, RuleCount, count_rules, given_counts, with_utility
from ganaug.report.result import QualityReport
from ganaug.report.wording import QUESTIONS, column_lights, severity_of, thresholds, traffic_lights
from ganaug.summaries import (
    Sides,
    column_summaries,
    correlation_maps,
    embedding,
    label_text,
    neighbours,
    pair_summaries,
    sides_of,
)
from ganaug.utils.determinism import isolated, root_seed, say, wants_progress

__all__ = ["quality_report"]

FORMAT = 1
# Rows of each sample per metric, and resamples for intervals: a report should take less than a minute.
MAX_ROWS, RESAMPLES = 2500, 60
# Columns shown at most, the worst first; the metrics hold the distances of all.
MOST_COLUMNS = 300
MOST_COPIES = 200
WORST_OF_CLASS = 6
Results = dict[str, dict[str, Any]]


@isolated
def quality_report(
    generator_or_samples: object,
    X: object,
    y: object = None,
    *,
    X_holdout: object = None,
    y_holdout: object = None,
    n_samples: object = None,
    random_state: int | np.random.RandomState | np.random.Generator | None = 0,
    title: str | None = None,
    hide_real: bool = False,
    rules: object = AUTO,
    broken_rules: Sequence[tuple[str, float, float]] | None = None,
    classifier: object = None,
    verbose: bool | str = "auto",
) -> QualityReport:
    """Report whether synthetic samples are good, copy real ones or help a classifier, and what to do about it.

    Parameters
    ----------
    generator_or_samples : fitted generator, path of a model file, samples, or (samples, labels)
        A `TabularGAN`, `ImageGAN`, `SeriesGAN`, `GANOversampler` or anything with ``sample(n, label=...,
        random_state=...) -> (X, y)``; the path of what one saved; or what one made: ``X_syn``, or the pair
        ``(X_syn, y_syn)``. For a generator, privacy includes what its file, pickle or copy gives away about single
        training samples.
    X : table, images or series of n rows
        The real samples that the generator was trained on. Not changed.
    y : array-like of shape (n,), optional
        Their classes. Each class then has a section of its own.
    X_holdout : the same of u rows, optional
        Real samples that the generator did not see. An attack on membership needs them, and they are the best test of
        whether a classifier gains. Without them the classifier is tested on part of ``X``: with samples of a second
        generator that is fitted to the other part, if that takes seconds, else with the samples given.
    y_holdout : array-like of shape (u,), optional
    n_samples : int or dict of label to int, optional
        How many to draw from a generator, in total or of each class. By default as many as there are real ones, but
        at most 4,000 rows, 2,000 series or 1,500 images in total, and about 200 of each class at least.
    random_state : int, RandomState, Generator or None, default=0
        The same integer gives the same report.
    title : str, optional
        The heading of the report.
    hide_real : bool, default=False
        Leave out everything that shows a single real sample: nearest real samples, real points on maps, near copies.
        Counts, shares and quantiles remain.
    rules : "auto", None, Rules or list of rules, default="auto"
        The rules of a table to count violations of: "auto" takes the generator's (``rules_``) or else those that
        `find_rules` finds in ``X``; None counts none.
    broken_rules : sequence of (str, float, float), optional
        Further rules that you counted yourself: in words, with the shares of real and of synthetic rows that break
        each.
    classifier : fitted AugmentedClassifier, optional
        Its verdict and what each treatment was worth on its folds get a part of the report.
    verbose : bool or "auto", default="auto"
        Whether to print progress on standard error; "auto" prints on a terminal and in notebooks.

    Returns
    -------
    QualityReport
        Print it for a summary in words; `to_html`, `to_dict`, `to_frame` and `plot` show more.

    Raises
    ------
    InvalidParameterError, InvalidDataError, InvalidTypeError
        If the samples do not match the real ones, or there are none.
    ModelFileError, ModelPathNotFoundError
        If the path holds no model.

    Notes
    -----
    The metrics are those of `ganaug.metrics.evaluate` on at most 2,500 rows of each side (near copies are looked for
    among 50,000 training rows), with 60 resamples for the intervals; the words are those of
    `ganaug.metrics.diagnose`. 50,000 rows of 15 columns take under a minute on two cores.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug import quality_report
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(200, 3)), np.repeat(["no", "yes"], 100)
    >>> copies = X[:150] + 1e-6
    >>> report = quality_report((copies, y[:150]), X, y, verbose=False)
    >>> report.findings[0].topic, report.lights["privacy"]
    ('copying', 'bad')
    >>> len(report.to_dict()["copies"]) > 0
    True
    """
    if title is not None and not isinstance(title, str):
        raise InvalidParameterError(f"title={title!r} is no text")
    counts, treatments = given_counts(broken_rules), evidence_rows(classifier)
    tell = say if wants_progress(verbose) else _silent
    source, given_away = opened(generator_or_samples)
    X, y = _resolved(X, y, source)
    X_holdout, y_holdout = _resolved(X_holdout, y_holdout, source)
    seed = root_seed(random_state)
    drawn = draw(source, y, kind_of(X), n_samples, seed, given_away)
    refuse_foreign(drawn.X, "X_syn")
    X, drawn.X, X_holdout = of_equal_length({"X": X, "X_syn": drawn.X, "X_holdout": X_holdout}).values()
    tell(f"quality_report: comparing {n_rows(drawn.X):,} synthetic {wording.NAMES[kind_of(X)]} with {n_rows(X):,} real")
    labels = (y, drawn.y) if drawn.y is not None and y is not None else (None, None)
    given = {"real": y, "synthetic": drawn.y, "holdout": y_holdout if X_holdout is not None else None}
    if labels[0] is None:
        given = dict.fromkeys(given)
    reading = read_samples({"real": X, "synthetic": drawn.X, "holdout": X_holdout}, given, seed=seed)
    whole = reading.comparison(seed=seed, n_resamples=RESAMPLES, max_rows=MAX_ROWS)
    results = measure(whole, max_rows=MAX_ROWS)
    tell("quality_report: trying whether a classifier gains")
    results, why_not = with_utility(results, whole, reading, (X, y), drawn)
    if kind_of(X) == "table":
        tell("quality_report: counting broken rules")
        counts = [*counts, *count_rules(X, drawn.X, rules, drawn.generator, seed)]
    tell("quality_report: putting together what is shown")
    copies = _copies(results)[:MOST_COPIES]
    keep = [row["real"] for row in copies], [row["synthetic"] for row in copies]
    sides = sides_of(reading, X, drawn.X, seed=seed, keep=keep)
    data = _counted((X, drawn.X, X_holdout), tuple(given.values()))
    if getattr(reading.made, "has_gaps", False):
        data["gaps"] = True
    content = _content(results, sides, drawn, data, seed, title, counts, why_not) | {"treatments": treatments}
    return QualityReport(_plain(without_real(content) if hide_real else content))


def _silent(text: str) -> None:
    """Print nothing."""


def _resolved(X: object, y: object, source: object) -> tuple[Any, Any]:
    """The arrays of a torch or torchvision dataset, with the labels that a generator has for its classes."""
    refuse_foreign(X, "X")
    if X is None or hasattr(X, "shape") or isinstance(X, (list, tuple)):
        return X, y
    X, y, found = resolve_samples(X, y)
    return X, labels_like(source, y, found.classes)


def _counted(samples: tuple[Any, Any, Any], labels: tuple[Any, Any, Any]) -> dict[str, Any]:
    """Numbers of real, synthetic and held-out samples, in total and of each class."""
    sides = ("n_real", "n_synthetic", "n_holdout")
    counts = dict(zip(sides, map(_counts, labels), strict=True))
    X = samples[0]
    return {
        **{side: 0 if one is None else n_rows(one) for side, one in zip(sides, samples, strict=True)},
        "shape": [int(size) for size in X.shape[1:]] if hasattr(X, "shape") else [len(X[0])],
        "classes": [
            {"label": label, **{side: counts[side].get(label, 0) for side in sides}} for label in counts["n_real"]
        ],
    }


def _counts(labels: object) -> dict[str, int]:
    if labels is None:
        return {}
    values = pd.Series(np.asarray(labels.detach().cpu() if hasattr(labels, "detach") else labels)).astype(object)
    counts = values.value_counts()
    try:
        counts = counts.sort_index()
    except TypeError:
        counts = counts.loc[sorted(counts.index, key=str)]
    return {label_text(label): int(n) for label, n in counts.items()}


def without_real(content: dict[str, Any]) -> dict[str, Any]:
    """The same dict without real samples and without near copies of them."""
    samples = [{**s, "real": None} for s in content["neighbours"]["samples"] if not s["copy"]]
    points: dict[str, dict[str, Any]] = {"points": {"real": [[], []]}}
    return {
        **content,
        "hides_real": True,
        "neighbours": {**content["neighbours"], "samples": samples},
        "embedding": {**content["embedding"], "real": [[], [], []]},
        "pairs": [{**pair, **points.get(pair["kind"], {})} for pair in content["pairs"]],
    }


def _content(
    results: Results,
    sides: Sides,
    drawn: Drawn,
    data: dict[str, Any],
    seed: int,
    title: str | None,
    counts: Sequence[RuleCount],
    why_not: str,
) -> dict[str, Any]:
    made_by = how_made(drawn.generator, drawn.curation)
    broken = [(count.rule, count.real, count.synthetic) for count in counts if count.broken]
    findings = _with_classes(sides.kind, diagnose(results, made_by, broken), data)
    of_classes = {label_text(k): found for k, found in class_findings(results, made_by).items()}
    of_samples, rules = traffic_lights(results, findings), thresholds()
    at = next((i for i, finding in enumerate(findings) if finding.topic not in VERDICTS), len(findings))
    rest = [*trace_findings(drawn.traces), *findings[at:]]
    findings[at:] = sorted(rest, key=lambda finding: SEVERITIES.index(finding.severity))
    lights = traffic_lights(results, findings)
    metrics = {
        name: {**entry, "by_class": {label_text(k): each for k, each in entry["by_class"].items()}, **_about(name)}
        for name, entry in results.items()
    }
    made = [c for c in data["classes"] if c["n_synthetic"]]
    copies = _copies(results)
    is_table = sides.kind == "table"
    worst = results.get("correlation_distance", {}).get("details", {}).get("pairs", [])[:3]
    return {
        "format": FORMAT,
        "ganaug": __version__,
        "title": title or _title(sides.kind, drawn),
        "kind": sides.kind,
        "verdict": findings[0].topic,
        "severity": severity_of(findings),
        "summary": wording.summary(sides.kind, data["n_synthetic"], findings, of_samples, made, why_not),
        "figures": wording.key_figures(results, sides.kind),
        "lights": {
            name: {
                "light": light,
                "question": QUESTIONS[name],
                "amber": "; ".join(rules[name]["warn"]),
                "red": "; ".join(rules[name]["bad"]),
                "when": rules[name],
            }
            for name, light in lights.items()
        },
        "findings": [asdict(finding) for finding in findings],
        "trust": [
            *([drawn.note] if drawn.note else []),
            *wording.trust(sides.kind, {**data, "classes": made}, results, why_not),
        ],
        "data": data,
        "metrics": metrics,
        "classes": [
            _class_section(c, sides.kind, metrics, of_classes.get(c["label"], []), lights["utility"]) for c in made
        ],
        "columns": _columns(sides, metrics) if is_table else [],
        "pairs": pair_summaries(sides, wanted=[(p["first"], p["second"]) for p in worst], seed=seed)
        if is_table
        else [],
        "correlations": correlation_maps(sides) if is_table else {},
        "embedding": {**embedding(sides, seed=seed), "labels": sides.labels},
        "neighbours": neighbours(sides, [row["synthetic"] for row in copies], seed=seed),
        "copies": {
            "rows": copies[:MOST_COPIES],
            "count": len(copies),
            "looked_at": int(results["near_copies"]["details"].get("looked_at", 0)),
        },
        "histories": histories(drawn.generator),
        "curation": curation_rows(drawn.curation),
        "generator": generator_facts(drawn.generator),
        "traces": drawn.traces,
        "rules": [asdict(count) for count in sorted(counts, key=lambda one: one.real - one.synthetic)],
        "hides_real": False,
    }


def _title(kind: str, drawn: Drawn) -> str:
    made = f" of {type(drawn.generator).__name__}" if drawn.generator is not None else ""
    return f"Synthetic {wording.NAMES[kind]}{made} beside real ones"


def _with_classes(kind: str, findings: list[Finding], data: Mapping[str, Any]) -> list[Finding]:
    """Replace the list of small classes that `diagnose` gives by findings with advice."""
    small = wording.small_classes(kind, [c for c in data["classes"] if c["n_synthetic"]])
    if small:
        findings = [f for f in findings if "cannot be judged on their own" not in f.text]
    last = max((i for i, f in enumerate(findings) if f.severity != "good" or i == 0), default=0)
    return [*findings[: last + 1], *small, *findings[last + 1 :]]


def _about(name: str) -> dict[str, Any]:
    metric = METRICS[name]
    return {
        "units": metric.units,
        "source": metric.source,
        "range": list(metric.range),
        "rows_needed": metric.rows,
        "help": wording.HELP[name],
    }


def _class_section(
    counts: Mapping[str, Any], kind: str, metrics: Mapping[str, Any], findings: Sequence[Finding], utility: str
) -> dict[str, Any]:
    """The section of one class, judged by its own samples if there are enough."""
    label = counts["label"]
    own = _of_class(metrics, label)
    over, lights = columns_over(own), traffic_lights(own, findings)
    if lights["utility"] == "good":  # utility is judged for all classes together
        lights["utility"] = utility
    return {
        **counts,
        "lights": lights,
        "findings": [asdict(finding) for finding in findings],
        "advice": wording.advice_for_class(kind, label, counts["n_real"]),
        "worst_columns": sorted(over, key=lambda name: -over[name])[:WORST_OF_CLASS],
    }


def _distances(entries: Mapping[str, Mapping[str, Any]], part: str = "columns") -> dict[str, float]:
    """Column name to its distance, or to the floor of that distance."""
    details = [entries.get(metric, {}).get("details", {}) for metric in ("ks_distance", "total_variation")]
    return {name: value for one in details for name, value in one.get(part, {}).items()}


def _columns(sides: Sides, metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    distances, floors, lights = _distances(metrics), _distances(metrics, "floors"), column_lights(metrics)
    by_class = [_distances(_of_class(metrics, label)) for label in sides.labels]
    over = {c.name: distances.get(c.name, 0.0) - floors.get(c.name, 0.0) for c in sides.columns}
    order = sorted(range(len(sides.columns)), key=lambda j: (-over[sides.columns[j].name], j))
    shown = sorted(order[:MOST_COLUMNS])
    summaries = column_summaries(sides, shown)
    for summary in summaries:
        name = summary["name"]
        summary["distance"], summary["floor"] = distances.get(name), floors.get(name)
        summary["light"] = lights.get(name, "none")
        summary["by_class_distance"] = [found.get(name) for found in by_class] if summary["by_class"] else []
    return summaries


def _of_class(metrics: Mapping[str, Any], label: str) -> dict[str, Any]:
    return {name: entry["by_class"][label] for name, entry in metrics.items() if label in entry["by_class"]}


def _copies(results: Results) -> list[dict[str, Any]]:
    """Row numbers of near copies with their distances, the closest first."""
    found: list[dict[str, Any]] = results["near_copies"]["details"].get("rows", [])
    return found


def _plain(value: object) -> Any:
    """The same in JSON types: finite numbers, text, lists, dicts, None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (bool, int, str, type(None))) else str(value)
