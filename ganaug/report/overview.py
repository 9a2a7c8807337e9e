"""The first and the last tab: what there is to know in a minute, and how to read the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganaug.report.markup import chart, esc, heading, icon, legend, light, prose, select, table
from ganaug.report.words import NAMES

__all__ = ["found", "guide", "map_tools", "map_words", "overview"]

Content = Mapping[str, Any]


def overview(content: Content) -> str:
    """Summary, lights, findings, map, and how far to trust it."""
    verdict = content["severity"]
    cards = "".join(
        f'<div class="card question"><span class="small soft name">{esc(name)}</span><b>{esc(one["question"])}</b>'
        f"{light(one['light'])}</div>"
        for name, one in content["lights"].items()
    )
    trust = "".join(f"<li>{prose(text)}</li>" for text in content["trust"])
    return (
        f'<div class="stack"><div class="card verdict"><span class="badge {verdict}">{icon(verdict)}</span>'
        f'<div><h2 class="hidden-text">Summary</h2><p>{prose(content["summary"])}</p></div></div>'
        f'<div class="grid four">{cards}</div>{_figures(content)}<div class="grid two">'
        f'<div class="card"><h2>What was found, and what to do</h2>{found(content["findings"])}</div>'
        f'<div class="grid">{_map_card(content)}'
        f'<div class="card"><h2>How far to trust these figures</h2><ul class="plain small">{trust}</ul></div>'
        "</div></div></div>"
    )


def _figures(content: Content) -> str:
    """A line of figures, each with its words."""
    items = "".join(
        f'<li title="{esc(one["help"])}"><b>{esc(one["value"])}</b> {esc(one["what"])}'
        + (f' <span class="soft">({esc(one["beside"])})</span>' if one["beside"] else "")
        + "</li>"
        for one in content["figures"]
    )
    return f'<div class="card"><h2 class="hidden-text">Figures</h2><ul class="figures small">{items}</ul></div>'


def found(findings: list[dict[str, Any]]) -> str:
    """Findings as a list."""
    if not findings:
        return ""
    items = []
    for finding in findings:
        advice = f'<p class="do"><b>What to do:</b> {prose(finding["advice"])}</p>' if finding["advice"] else ""
        said = {"good": "Good", "warn": "Look closer", "bad": "Problem"}[finding["severity"]]
        items.append(
            f'<li><span class="mark {finding["severity"]}">{icon(finding["severity"])}</span><div>'
            f'<p><span class="hidden-text">{said}: </span>{prose(finding["text"])}</p>{advice}</div></li>'
        )
    return f'<ol class="findings">{"".join(items)}</ol>'


def _map_card(content: Content) -> str:
    return (
        f'<div class="card"><h2>On one map</h2><p class="small soft">{map_words(content)}</p>{legend("points")}'
        f"{chart('map', 0, tall=True)}</div>"
    )


def map_words(content: Content) -> str:
    """What the map is made of."""
    embedding = content["embedding"]
    if embedding["method"] == "PCA" and embedding["explained"] is not None:
        return f"Two principal components, {embedding['explained']:.0%} of the real variance. Near is alike."
    return f"Made by {esc(embedding['method'])}. Near is alike; distances between groups mean little."


def map_tools(content: Content) -> str:
    """Switches of the larger map."""
    labels = content["embedding"]["labels"]
    choose = select("map-class", "Class", [(-1, "all classes"), *enumerate(labels)]) if len(labels) > 1 else ""
    return (
        f'<div class="tools">{choose}<label class="check"><input type="checkbox" id="map-real" checked> real</label>'
        '<label class="check"><input type="checkbox" id="map-synthetic" checked> synthetic</label></div>'
    )


def guide(content: Content) -> str:
    """What the lights, charts and figures mean."""
    things = NAMES[content["kind"]]
    rows = [
        f'<tr><th scope="row">{esc(name)}</th><td>{esc(one["question"])}</td><td>{_any_of(one["when"]["warn"])}</td>'
        f"<td>{_any_of(one['when']['bad'])}</td></tr>"
        for name, one in content["lights"].items()
    ]
    sources: dict[str, list[str]] = {}
    for name, entry in content["metrics"].items():
        sources.setdefault(entry["source"], []).append(name.replace("_", " "))
    cited = "".join(f"<li>{esc(', '.join(names))}: {esc(source)}</li>" for source, names in sources.items())
    lights = " ".join(light(name) for name in ("good", "warn", "bad", "unsure", "none"))
    lead = (
        "A light is green unless something was found. The thresholds come from samples of which it is known what is "
        "wrong with them, on several data sets; they are a guide, and the figures say how near it was."
    )
    charts = (
        f"Real {things} are filled, round or solid, and blue; synthetic ones are outlined, crosses or dashed, orange.",
        f"Shares are of the values that are there. Synthetic {things} are weighted so that the classes have the shares "
        "that they have among the real ones. The first and the last bar also hold what lies beyond.",
        "A column's light goes by its distance above its own floor, where chance cannot be the reason, and by how many "
        "values are missing.",
        "The distance beside a column is the largest gap between the cumulative shares (numbers), or half the sum of "
        "the gaps (categories): 0 is equal, 1 has nothing in common.",
        "Points of whole numbers are moved a little, so as not to hide one another.",
    )
    figures = (
        "The interval holds 95% of what other draws of as many samples would give.",
        f"Real against real is what two halves of the real {things} get against one another: no generator can be "
        f"expected to do better, and few {things} make it worse.",
        'A figure marked "few" rests on too little to show small differences.',
    )
    turns = table("When a light turns", ["", "Question", "Look closer, when any", "Problem, when any"], rows)
    return (
        f'<div class="stack">{heading("How to read this", lead)}<p>{lights}</p>{turns}{_listed("Charts", charts)}'
        f"{_listed('Figures', figures)}"
        f'<div class="card"><h3>Sources of the measures</h3><ul class="plain small">{cited}</ul></div></div>'
    )


def _any_of(conditions: list[str]) -> str:
    """Conditions of which one is enough."""
    return f'<ul class="plain small">{"".join(f"<li>{esc(text)}</li>" for text in conditions)}</ul>'


def _listed(title: str, texts: tuple[str, ...]) -> str:
    items = "".join(f"<li>{esc(text)}</li>" for text in texts)
    return f'<div class="card"><h3>{title}</h3><ul class="plain">{items}</ul></div>'
