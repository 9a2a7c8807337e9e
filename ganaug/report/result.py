"""`QualityReport`: a dict, and ways to show it, such as one HTML page by the templates beside this file."""

from __future__ import annotations

import base64
import copy
import hashlib
import html
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from itertools import groupby
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup, escape

from ganaug.metrics import Finding
from ganaug.metrics.limits import Judged
from ganaug.report.wording import HELP, LIGHT_WORDS, LIGHTS, NAMES, QUESTIONS, TRAINED_ON
from ganaug.summaries.column_charts import number_text
from ganaug.utils.files import check_path, write_whole

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["QualityReport", "embedded", "number", "page"]

# --------------------------------------------------------------------------------------
# The dict of a report as one HTML page without external files, by the templates beside this file.


Content = Mapping[str, Any]

# Template to its title.
TABS = {
    "overview": "Overview",
    "classes": "Classes",
    "columns": "Columns",
    "together": "Together",
    "samples": "Samples and copies",
    "measures": "Measures",
    "treatments": "Treatments",
    "training": "Training",
    "guide": "How to read this",
}
# Charts of a history, in the order of GROUPS in page.js, and how the names of their curves end.
_CURVES = {
    "Losses": ("_loss",),
    "Logits": ("_logit",),
    "Quality": ("quality", "diversity", "_auc"),
    "Gradient norms": ("_norm",),
}
_BAR = 90  # pixels


def page(content: Content) -> str:
    """The whole page.

    Parameters
    ----------
    content : dict
        As `QualityReport.to_dict` gives it.
    """
    script = _file("charts.js") + _file("page.js")
    own = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    empty = {
        "classes": not content["classes"],
        "columns": not content["columns"],
        "training": not content["generator"],
        "treatments": not content.get("treatments"),
    }
    gain = content["metrics"].get("augmentation_gain", {"details": {}})
    return (
        _environment()
        .get_template("page.html")
        .render(
            report=content,
            things=NAMES[content["kind"]],
            tabs=[(name, title) for name, title in TABS.items() if not empty.get(name)],
            # the policy of the page allows this script only, and no requests
            script_hash=own,
            script=Markup(script),
            style=Markup(_file("page.css")),
            data=Markup(embedded(_drawn(content))),
            treatments=gain["details"].get("treatments", {}),
            gains=_gains(content.get("treatments", {})),
            **_of_classes(content),
            curves=list(_curves(content["histories"])),
            sources=_sources(content["metrics"]),
        )
    )


@cache
def _environment() -> jinja2.Environment:
    """The templates; everything except `Markup` is escaped."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("ganaug.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "bar": _bar_width,
        "groups": _families,
        "in_any": lambda names, dicts: [name for name in names if any(name in one for one in dicts)],
        "number": number,
        "numbered": lambda texts: list(enumerate(texts)),
        "of_class": _of_class,
        "over": lambda column: f"{-1.0 if column['distance'] is None else _over(column):.5f}",
        "people": _as_people_write,
        "percent": lambda share, digits=0: f"{share:.{digits}%}",
        "prose": _prose,
        "thousands": lambda n: f"{n:,}",
        "without": lambda text, start: text.removeprefix(start),
        "worst": lambda lights: max(lights, key=LIGHTS.index),
    }
    made.globals |= {"WORDS": LIGHT_WORDS, "HELP": HELP, "TRAINED_ON": TRAINED_ON}
    return made


def _file(name: str) -> str:
    return resources.files("ganaug.report").joinpath("templates", name).read_text(encoding="utf-8")


# ------------------------------------------------------------------------------------------ text and figures


def number(value: float | None, digits: int = 3) -> str:
    """A figure without exponent, or a dash for None; small values are not rounded to zero."""
    if value is None:
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        least = 10.0**-digits
        if abs(value) < least / 1000:
            return f"{0:.{digits}f}"
        return f"<{least:.{digits}f}" if value > 0 else number_text(float(f"{value:.1g}"))
    return text


def _as_people_write(value: object) -> str:
    """A number of any size, text, or a dash for None."""
    if value is None:
        return "–"
    return number_text(float(value)) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def _prose(value: object) -> Markup:
    """Text in which words between backticks are names."""
    parts = str(value).split("`")
    if len(parts) % 2 == 0:  # a lone backtick is part of a name
        return escape(value)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if i % 2 else escape(part) for i, part in enumerate(parts)
    )


def _bar_width(n: int, most: int) -> int:
    return max(2, round(_BAR * (n / most) ** 0.5))  # the root keeps rare classes visible


# ------------------------------------------------------------------------------------------ what templates are given


def _of_classes(content: Content) -> dict[str, Any]:
    """For the tab of classes: their sizes and charts, and those without synthetic samples."""
    places = {column["name"]: j for j, column in enumerate(content["columns"])}
    labels = content["embedding"]["labels"]
    made = {one["label"] for one in content["classes"]}
    absent = [one["label"] for one in content["data"]["classes"] if not one["n_synthetic"]]
    charts = []
    for one in content["classes"]:
        worst = [places[name] for name in one["worst_columns"] if name in places]
        shown = [j for j in worst if content["columns"][j]["by_class"]]
        charts.append({"columns": shown, "code": labels.index(one["label"]) if shown else 0})
    return {
        "class_sizes": [n for one in content["classes"] for n in (one["n_real"], one["n_synthetic"])],
        "class_charts": charts,
        "absent": f"Not generated, and therefore not judged: {', '.join(absent[:20])}." if absent else "",
        "generated": [(k, label) for k, label in enumerate(labels) if label in made],
    }


def _of_class(metrics: Mapping[str, Mapping[str, Any]], label: str) -> dict[str, Any]:
    return {
        name: {**entry["by_class"][label], "family": entry["family"]}
        for name, entry in metrics.items()
        if label in entry["by_class"]
    }


def _families(entries: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, list[tuple[str, Any]]]]:
    """Measures grouped by family."""
    return [(family, list(group)) for family, group in groupby(entries.items(), key=lambda item: item[1]["family"])]


def _over(column: Mapping[str, Any]) -> float:
    return float(column["distance"]) - float(column["floor"] or 0.0)


def _gains(treatments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Where each chart has its gain, the ends of its 95 % interval and no gain, from 0 to 100."""
    judged = [one for one in treatments.get("rows", []) if one["gain"] is not None]
    reach = [(one["gain"], 1.96 * (one["gain_error"] or 0.0)) for one in judged]
    low = min([0.0, *(gain - error for gain, error in reach)])
    span = max([0.0, *(gain + error for gain, error in reach)]) - low or 1.0
    at = lambda value: round(100 * (value - low) / span, 1)  # noqa: E731
    places = [{"none": at(0.0), "low": at(g - e), "gain": at(g), "high": at(g + e)} for g, e in reach]
    return [{**one, "at": place} for one, place in zip(judged, places, strict=True)]


def _curves(histories: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Title and place of each chart of a training."""
    for i, history in enumerate(histories):
        for group, (title, endings) in enumerate(_CURVES.items()):
            if any(name.endswith(endings) for name in history["curves"]):
                yield " of ".join(filter(None, (title, history["title"]))), f"{i}:{group}"


def _sources(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Source to the measures it defines."""
    sources: dict[str, list[str]] = {}
    for name, entry in metrics.items():
        sources.setdefault(entry["source"], []).append(name.replace("_", " "))
    return sources


def embedded(value: object) -> str:
    """JSON that cannot end its script element or open a comment."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    # lone surrogates cannot be encoded
    return text.encode("utf-8", "replace").decode("utf-8")


def _drawn(content: Content) -> dict[str, Any]:
    """The data that the script draws."""
    kept = ("name", "kind", "levels", "edges", "real", "synthetic", "middle", "low", "high", "by_class", "distance",
            "by_class_distance")  # fmt: skip
    shown: Iterable[Any] = content["neighbours"]["samples"] if content["kind"] == "series" else ()
    return {
        "columns": [{name: column[name] for name in kept} for column in content["columns"]],
        "pairs": content["pairs"],
        "correlations": content["correlations"],
        "embedding": content["embedding"],
        "histories": content["histories"],
        "series": [{"synthetic": one["synthetic"], "real": one["real"]} for one in shown],
    }


# --------------------------------------------------------------------------------------
# `QualityReport`: a dict, and ways to show it.


_MARKS = {"good": "ok", "warn": "look", "bad": "PROBLEM", "unsure": "too few to say", "none": "not measured"}
_VALUES = (
    "value", "low", "high", "floor", "direction", "family", "n_real", "n_synthetic", "enough", "note",
)  # fmt: skip


class QualityReport:
    """Result of `quality_report`. Printing it gives a summary in words, a notebook shows the page.

    Parameters
    ----------
    content : dict
        As `to_dict` returns it.

    Attributes
    ----------
    summary : str
        One paragraph in plain words.
    lights : dict
        "fidelity", "diversity", "privacy" and "utility" to "good", "warn", "bad", "unsure" (too few rows) or "none"
        (not measured).
    findings : list of Finding
        What was found and what to do about it, the verdict first.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug import quality_report
    >>> rng = np.random.default_rng(0)
    >>> report = quality_report(rng.normal(size=(80, 2)), rng.normal(size=(100, 2)), verbose=False)
    >>> report.lights["privacy"], report.findings[0].topic
    ('good', 'good')
    """

    def __init__(self, content: dict[str, Any]) -> None:
        self._content = content

    @property
    def summary(self) -> str:
        """One paragraph in plain words."""
        return str(self._content["summary"])

    @property
    def lights(self) -> dict[str, str]:
        """Family of measures to its traffic light."""
        return {name: light["light"] for name, light in self._content["lights"].items()}

    @property
    def findings(self) -> list[Finding]:
        """What was found and what to do about it, the verdict first."""
        return [
            Finding(**{**one, "judged": tuple(Judged(**j) for j in one["judged"]), "columns": tuple(one["columns"])})
            for one in self._content["findings"]
        ]

    def to_dict(self) -> dict[str, Any]:
        """Everything, in types that `json.dumps` takes.

        Returns
        -------
        dict
            "title", "kind", "verdict" (the first finding's topic), "severity" (the worst finding's), "summary",
            "figures" (those of the overview), "lights", "findings", "trust" (text), "data" (counts and classes),
            "metrics", "classes", "columns", "pairs", "correlations", "embedding", "neighbours", "copies", "histories",
            "curation", "generator", "traces" (what the generator gives away about single training samples), "rules"
            (those of the table, with the shares of real and synthetic rows that break each), "treatments" (of the
            classifier that was given: "verdict" and "rows") and "hides_real". A copy.
        """
        return copy.deepcopy(self._content)

    def to_frame(self) -> pd.DataFrame:
        """All figures as a table.

        Returns
        -------
        DataFrame
            One row per metric for all samples (no class) and for each class: "metric", "class", "value",
            "low", "high" (95%), "floor" (real against real), "direction", "family", "n_real", "n_synthetic",
            "enough", "note".
        """
        import pandas as pd

        rows = []
        for name, entry in self._content["metrics"].items():
            for label, one in [(None, entry), *entry["by_class"].items()]:
                rows.append({"metric": name, "class": label, **{key: one[key] for key in _VALUES}})
        frame = pd.DataFrame(rows, columns=["metric", "class", *_VALUES])
        numbers = ["value", "low", "high", "floor"]
        return frame.assign(**{name: frame[name].astype(float) for name in numbers})

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """Make the report one HTML page without external files, and write it if a path is given.

        Parameters
        ----------
        path : str or path-like, optional
            The file. An error leaves an existing file as it was. None writes nothing.

        Returns
        -------
        str
            The page.

        Raises
        ------
        ModelPathError
            If it cannot be written there.

        Notes
        -----
        The page shows real samples beside synthetic ones. Do not share it if they are private, or make the report with
        ``hide_real=True``.
        """
        made = page(self._content)
        if path is not None:
            write_whole(check_path(path), made.encode("utf-8"))
        return made

    def plot(self, ax: object = None) -> Any:
        """Draw an overview with matplotlib: the map, the worst column, the measures, and the classes or the training.

        Parameters
        ----------
        ax : sequence of 4 axes, optional
            By default those of a new figure, which is not registered with pyplot.

        Returns
        -------
        ndarray of axes, shape (2, 2)

        Raises
        ------
        MissingDependencyError
            Without matplotlib.
        """
        from ganaug.plots.sample_plots import overview

        return overview(self._content, ax)

    def _repr_html_(self) -> str:
        # an iframe keeps the styles and scripts of page and notebook apart
        return (
            f'<iframe title="{html.escape(self._content["title"])}" sandbox="allow-scripts allow-modals" '
            'style="width:100%;height:720px;border:0;border-radius:8px" '
            f'srcdoc="{html.escape(self.to_html())}"></iframe>'
        )

    def __str__(self) -> str:
        lines = [self._content["title"], "", self.summary, ""]
        lines += [f"{QUESTIONS[name]:42} {_MARKS[light]}" for name, light in self.lights.items()]
        told = [one for one in self._content["figures"] if one["name"] == "two_sample_auc"]
        lines += [f"A forest tells them apart with an AUC of {one['value']} ({one['beside']})." for one in told]
        lines.append("")
        for finding in self.findings:
            lines.append(f"[{_MARKS[finding.severity]}] {finding.text}")
            lines += [f"    {finding.advice}"] if finding.advice else []
        return "\n".join(lines)

    def __repr__(self) -> str:
        lights = ", ".join(f"{name}={light!r}" for name, light in self.lights.items())
        return f"<QualityReport {self._content['title']!r}: {lights}>"
