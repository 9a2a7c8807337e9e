"""The tabs of figures: classes, columns, pairs of columns, measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganaug.report.lights import LIGHTS
from ganaug.report.markup import cell, chart, esc, heading, legend, light, number, prose, select, table
from ganaug.report.overview import found, map_tools, map_words
from ganaug.report.words import HELP

__all__ = ["classes", "columns", "measures", "together"]

Content = Mapping[str, Any]

_BAR = 90  # pixels
_HEADS = ("Measure", "Value", "95% interval", "Real against real", "Better", "Judged by")


def classes(content: Content) -> str:
    """Every class in a line, and behind it all that is known of it."""
    made = content["classes"]
    if not made:
        return ""
    most = max(max(c["n_real"], c["n_synthetic"]) for c in made)
    families = list(content["lights"])
    rows = []
    for i, c in enumerate(made):
        lights = "".join(cell(light(c["lights"][name])) for name in families)
        rows.append(
            f'<tr><th scope="row"><a href="#class-{i}" data-goes="class-{i}">{esc(c["label"])}</a></th>'
            f"{_count(c['n_real'], most, '')}{_count(c['n_synthetic'], most, ' syn')}{lights}</tr>"
        )
    absent = [c["label"] for c in content["data"]["classes"] if not c["n_synthetic"]]
    note = f"Not generated, and therefore not judged: {', '.join(absent[:20])}." if absent else ""
    overview = table(
        "Class by class",
        ["Class", "Real", "Synthetic", *map(str.capitalize, families)],
        rows,
        note=note,
        numbers=(1, 2),
    )
    of_column = {column["name"]: j for j, column in enumerate(content["columns"])}
    codes = {label: k for k, label in enumerate(content["embedding"]["labels"])}
    sections = "".join(_class(content, i, c, of_column, codes) for i, c in enumerate(made))
    lead = (
        "Each class by itself: its own samples against its own real ones. A class with few of them gets no light, "
        "because nothing could be told from it."
    )
    return f"{heading('Classes', lead)}{overview}{sections}"


def _count(n: int, most: int, kind: str) -> str:
    width = max(2, round(_BAR * (n / most) ** 0.5)) if n else 0  # by the root: a rare class is to be seen
    bar = f'<span class="bar{kind}" style="width:{width}px"></span>' if n else ""
    return f'<td class="num">{n:,}<span class="bars" aria-hidden="true">{bar}</span></td>'


def _class(content: Content, i: int, c: Mapping[str, Any], of_column: dict[str, int], codes: dict[str, int]) -> str:
    label = c["label"]
    worst = light(max(c["lights"].values(), key=LIGHTS.index))
    shown = [of_column[name] for name in c["worst_columns"] if name in of_column]
    charts = "".join(
        f'<li><h4 class="small">{esc(content["columns"][j]["name"])}</h4>{chart("ofclass", j, codes[label])}</li>'
        for j in shown
        if content["columns"][j]["by_class"]
    )
    drawn = f'{legend("bars")}<ul class="grid columns">{charts}</ul>'
    off = f'<p class="sub">Columns that are furthest off in this class</p>{drawn}' if charts else ""
    advice = f"<p>{prose(c['advice'])}</p>" if c["advice"] else ""
    entries = {
        name: {**entry["by_class"][label], "family": entry["family"]}
        for name, entry in content["metrics"].items()
        if label in entry["by_class"]
    }
    held_out = f", {c['n_holdout']:,} held out" if c["n_holdout"] else ""
    return (
        f'<details class="card" id="class-{i}"><summary><h3>{esc(label)}</h3><span class="soft small">'
        f"{c['n_real']:,} real, {c['n_synthetic']:,} synthetic{held_out}</span>{worst}</summary>"
        f'{advice}{found(c["findings"])}{off}<p class="sub">Measures of this class</p>'
        f"{_measures(f'Measures of class {label}', entries)}</details>"
    )


def columns(content: Content) -> str:
    """Each column's values; drawn when it comes into view."""
    made = content["columns"]
    if not made:
        return ""
    labels = content["embedding"]["labels"]
    generated = [(k, label) for k, label in enumerate(labels) if any(c["label"] == label for c in content["classes"])]
    choose = select("column-class", "Class", [(-1, "all classes"), *generated]) if made[0]["by_class"] else ""
    order = select(
        "column-order", "Order", [("worst", "furthest off first"), ("given", "as in the table"), ("name", "by name")]
    )
    cards = "".join(_column(j, column) for j, column in enumerate(made))
    n = content["data"]["shape"][0]
    only = f" Of {n:,} columns the {len(made)} furthest off are shown." if n > len(made) else ""
    lead = (
        "What values each column has, and how often. The distance is 0 where both sides are equal, 1 where they have "
        f"nothing in common.{only}"
    )
    search = (
        '<label>Find a column<input type="search" id="column-filter" placeholder="part of its name" '
        'autocomplete="off" spellcheck="false" aria-controls="column-list"></label>'
    )
    count = f'<span class="count" id="column-count" role="status" aria-live="polite">{len(made)} columns</span>'
    return (
        f'{heading("Columns", lead)}<div class="tools">{search}{choose}{order}{count}</div>{legend("bars")}'
        f'<ul class="grid columns" id="column-list">{cards}</ul>'
    )


def _column(j: int, column: Mapping[str, Any]) -> str:
    real, synthetic = column["middle"]
    typical = "most frequent" if column["kind"] == "category" else "median"
    said = f"{typical} {real} → {synthetic}"
    if max(column["missing"]) > 0:
        said += f"; missing {column['missing'][0]:.1%} → {column['missing'][1]:.1%}"
    over = column["distance"] - (column["floor"] or 0.0) if column["distance"] is not None else -1.0
    floor = f" (chance {number(column['floor'], 2)})" if column["floor"] is not None else ""
    return (
        f'<li class="card" data-column="{j}" data-over="{over:.5f}"><div class="head"><h3>{esc(column["name"])}</h3>'
        f"{light(column['light'])}</div>"
        f'<p class="small soft">distance <span class="distance">{number(column["distance"], 2)}</span>{floor}; '
        f"{esc(said)}</p>"
        f"{chart('column', j)}</li>"
    )


def together(content: Content) -> str:
    """Pairs of columns, correlations, and the map with its switches."""
    lead = "Whether what belongs together in a real sample belongs together in a synthetic one."
    switches = f'<p class="small soft">{map_words(content)}</p>{map_tools(content)}{legend("points")}'
    return (
        f'<div class="stack">{heading("Together", lead)}{_correlations(content)}{_pairs(content)}<div class="card">'
        f'<h3>Map of all samples</h3>{switches}<div class="narrow">{chart("map", 1, tall=True)}</div></div></div>'
    )


def _correlations(content: Content) -> str:
    if not content["correlations"]:
        return ""
    words = (
        "The stronger the colour, the closer two columns go together: blue the same way, orange opposite ways. Both "
        "squares should look alike."
    )
    return (
        f'<div class="card"><h3>Rank correlations</h3><p class="small soft">{words}</p>'
        f"{chart('correlations', 0, tall=True)}</div>"
    )


def _pairs(content: Content) -> str:
    cards = "".join(
        f'<div class="card"><div class="head"><h3>{esc(pair["first"])} and {esc(pair["second"])}</h3>'
        f'<span class="small soft">{esc(pair["why"])}</span></div>{chart("pair", i, tall=True)}</div>'
        for i, pair in enumerate(content["pairs"])
    )
    if not cards:
        return ""
    words = "Those that depend on one another most among the real rows, and those whose dependence came out worst."
    return f'<div><h3>Pairs of columns</h3><p class="lead">{words}</p><div class="grid pairs">{cards}</div></div>'


def measures(content: Content) -> str:
    """All figures over all samples."""
    lead = (
        "Every figure with what it must be read beside. Those of single classes are under Classes, their sources "
        "under How to read this."
    )
    return f"{heading('Measures', lead)}{_measures('Measures over all samples', content['metrics'])}"


def _named(name: str) -> str:
    """A measure's name; what it is shows where one points at it."""
    return f'<abbr title="{esc(HELP[name])}">{esc(name.replace("_", " "))}</abbr>'


def _measures(caption: str, entries: Mapping[str, Mapping[str, Any]]) -> str:
    rows, family = [], None
    for name, entry in entries.items():
        if entry["family"] != family:
            family = entry["family"]
            rows.append(f'<tr class="group"><th colspan="{len(_HEADS)}" scope="rowgroup">{esc(family)}</th></tr>')
        interval = "–" if entry["low"] is None else f"{number(entry['low'])} to {number(entry['high'])}"
        weak = "" if entry["enough"] else ' <span class="few">few</span>'
        rows.append(
            f'<tr><th scope="row">{_named(name)}</th>{cell(number(entry["value"]) + weak, "num")}'
            f"{cell(interval, 'num')}{cell(number(entry['floor']), 'num')}"
            f"{cell(entry['direction'].split()[0])}{cell(esc(entry['note'].removeprefix('judged by ')), 'note')}</tr>"
        )
    return table(caption, _HEADS, rows, numbers=(1, 2, 3))
