"""The dict as one page of HTML, which needs nothing else. What it draws, it draws from the same dict."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

from ganaug.report import figures, overview, samples
from ganaug.report.markup import ICONS, esc
from ganaug.report.words import NAMES

__all__ = ["page"]

Content = Mapping[str, Any]

# id -> (title, what is in it); a tab without content is left out.
TABS: dict[str, tuple[str, Callable[[Content], str]]] = {
    "overview": ("Overview", overview.overview),
    "classes": ("Classes", figures.classes),
    "columns": ("Columns", figures.columns),
    "together": ("Together", figures.together),
    "samples": ("Samples and copies", samples.samples),
    "measures": ("Measures", figures.measures),
    "training": ("Training", samples.training),
    "guide": ("How to read this", overview.guide),
}


def page(content: Content) -> str:
    """The whole page.

    Parameters
    ----------
    content : dict
        As `QualityReport.to_dict` gives it.
    """
    made = {name: (title, section(content)) for name, (title, section) in TABS.items()}
    made = {name: parts for name, parts in made.items() if parts[1]}
    links = "".join(
        f'<li><a href="#{name}" data-panel="{name}" id="tab-{name}">{esc(title)}</a></li>'
        for name, (title, _) in made.items()
    )
    panels = "".join(
        f'<section class="panel" id="{name}" aria-labelledby="tab-{name}">{body}</section>'
        for name, (_, body) in made.items()
    )
    script = _file("charts.js") + _file("page.js")
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n{_policy(script)}\n'
        f'<meta name="color-scheme" content="light dark">\n<title>{esc(content["title"])}</title>\n'
        f"<style>\n{_file('page.css')}</style>\n</head>\n<body>\n"
        f'<a class="skip" href="#overview">Skip to the report</a>{ICONS}\n<div class="wrap">{_header(content)}</div>\n'
        f'<nav class="tabs" aria-label="Parts of the report"><div class="wrap"><ul>{links}</ul></div></nav>\n'
        "<noscript><div class=wrap><p class=lead>The charts are drawn by a script, which is switched off here; all "
        "words and figures are on this page.</p></div></noscript>\n"
        f'<main class="wrap">{panels}</main>\n{_footer(content)}\n'
        f'<script type="application/json" id="report-data">{embedded(_drawn(content))}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def embedded(value: Any) -> str:
    """JSON that cannot end the script element it stands in, nor open a comment in it."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    # lone halves of surrogate pairs, which no encoding can write
    return text.encode("utf-8", "replace").decode("utf-8")


def _policy(script: str) -> str:
    """Only this page's own script runs, and nothing is fetched from anywhere."""
    own = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return (
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        f"style-src 'unsafe-inline'; script-src 'sha256-{own}'; base-uri 'none'; form-action 'none'\">"
    )


def _file(name: str) -> str:
    return resources.files("ganaug.report").joinpath(name).read_text(encoding="utf-8")


def _drawn(content: Content) -> dict[str, Any]:
    """What the script draws from."""
    kept = ("name", "kind", "levels", "edges", "real", "synthetic", "middle", "low", "high", "by_class", "distance",
            "by_class_distance")  # fmt: skip
    is_series = content["kind"] == "series"
    pairs = content["neighbours"]["samples"] if is_series else []
    return {
        "columns": [{name: column[name] for name in kept} for column in content["columns"]],
        "pairs": content["pairs"],
        "correlations": content["correlations"],
        "embedding": content["embedding"],
        "histories": content["histories"],
        "series": [{"synthetic": one["synthetic"], "real": one["real"]} for one in pairs],
    }


def _header(content: Content) -> str:
    data, things = content["data"], NAMES[content["kind"]]
    facts = [(data["n_real"], f"real {things}"), (data["n_synthetic"], "synthetic")]
    facts += [(data["n_holdout"], "held out")] if data["n_holdout"] else []
    if content["kind"] == "table":
        facts.append((data["shape"][0], "columns"))
    made = "".join(f"<span><b>{n:,}</b> {esc(what)}</span>" for n, what in facts)
    if content["kind"] != "table":
        made += f"<span><b>{' × '.join(map(str, data['shape']))}</b> each</span>"
    if data["classes"]:
        made += f"<span><b>{len(data['classes']):,}</b> classes</span>"
    return f'<header><h1>{esc(content["title"])}</h1><p class="facts">{made}</p></header>'


def _footer(content: Content) -> str:
    things = NAMES[content["kind"]]
    shows = (
        f"This page shows no single real one of the {things}, but counts, shares and quantiles: keep it where these "
        "may be kept."
        if content["hides_real"]
        else f"This page shows real {things}: keep it where they may be kept."
    )
    return (
        f'<footer><div class="wrap">Made by ganaug {esc(content["ganaug"])}. {shows} It holds all it needs and asks '
        "nothing of the network.</div></footer>"
    )
