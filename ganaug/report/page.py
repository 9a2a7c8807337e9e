"""The dict of a report as one HTML page without external files, by the templates beside this file."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from itertools import groupby
from typing import Any

import jinja2
from markupsafe import Markup, escape

from ganaug.report.wording import HELP, LIGHT_WORDS, LIGHTS, NAMES, TRAINED_ON
from ganaug.summaries.column_charts import number_text

__all__ = ["embedded", "number", "page"]

Content = Mapping[str, Any]

# Template to its title.
TABS = {
    "overview": "Overview",
    "classes": "Classes",
    "columns": "Columns",
    "together": "Together",
    "samples": "Samples and copies",
    "measures": "Measures",
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
    empty = {"classes": not content["classes"], "columns": not content["columns"], "training": not content["generator"]}
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


def _as_people_write(value: Any) -> str:
    """A number of any size, text, or a dash for None."""
    if value is None:
        return "–"
    return number_text(float(value)) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def _prose(value: Any) -> Markup:
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


def embedded(value: Any) -> str:
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
