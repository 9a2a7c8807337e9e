"""HTML from text: everything that a user may have written passes `esc`."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = [
    "ICONS",
    "WORDS",
    "cell",
    "chart",
    "esc",
    "heading",
    "icon",
    "legend",
    "light",
    "number",
    "prose",
    "select",
    "table",
]

WORDS = {
    "good": "Good",
    "warn": "Look closer",
    "bad": "Problem",
    "unsure": "Too few to say",
    "none": "Not measured",
}
# Each light has a shape of its own: colour is never the only sign.
_SHAPES = {
    "good": '<circle cx="8" cy="8" r="7"/><path d="m4.8 8.3 2.3 2.3 4.2-4.8" class="in"/>',
    "warn": '<path d="M8 1 15.5 14.5H.5z"/><path d="M8 6v4M8 12v.4" class="in"/>',
    "bad": '<path d="M5 .8h6L15.2 5v6L11 15.2H5L.8 11V5z"/><path d="m5.4 5.4 5.2 5.2m0-5.2-5.2 5.2" class="in"/>',
    "unsure": (
        '<circle cx="8" cy="8" r="7" class="out"/>'
        '<path d="M5.9 6.2a2.1 2.1 0 1 1 3 1.9q-.9.4-.9 1.4M8 12v.3" class="out"/>'
    ),
    "none": '<path d="M3 8h10" class="out"/>',
}
ICONS = (
    '<svg width="0" height="0" style="position:absolute" aria-hidden="true"><style>.in{fill:none;stroke:var(--card);'
    "stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}.out{fill:none;stroke:currentColor;stroke-width:1.7;"
    "stroke-linecap:round}"
    "</style>"
    + "".join(
        f'<symbol id="i-{name}" viewBox="0 0 16 16" fill="currentColor">{shape}</symbol>'
        for name, shape in _SHAPES.items()
    )
    + "</svg>"
)


def esc(value: Any) -> str:
    """Text for between tags and within quoted attributes."""
    return html.escape(str(value), quote=True)


def prose(value: Any) -> str:
    """Text in which `this` is a name."""
    parts = str(value).split("`")
    if len(parts) % 2 == 0:  # a lone backtick is part of a name
        return esc(value)
    return "".join(f"<code>{esc(part)}</code>" if i % 2 else esc(part) for i, part in enumerate(parts))


def icon(name: str) -> str:
    """The shape of a light."""
    return f'<svg aria-hidden="true"><use href="#i-{name}"/></svg>'


def light(name: str) -> str:
    """A light with its word."""
    return f'<span class="light {name}">{icon(name)}{WORDS[name]}</span>'


_SIGNS = {
    "bars": (
        '<rect class="b-real" x="2" y="2" width="18" height="9"/>',
        '<rect class="b-syn" x="2" y="2" width="18" height="9"/>',
    ),
    "points": ('<circle class="p-real" cx="11" cy="6" r="3.5"/>', '<path class="p-syn" d="M8 3l6 6m0 -6l-6 6"/>'),
    "lines": ('<path class="l-real" d="M1 6h20"/>', '<path class="l-syn" d="M1 6h20"/>'),
}


def legend(kind: str, names: tuple[str, str] = ("real", "synthetic")) -> str:
    """What is drawn how: of "bars", "points" or "lines"."""
    pairs = zip(_SIGNS[kind], names, strict=True)
    signs = (
        f'<span><svg viewBox="0 0 22 12" aria-hidden="true">{sign}</svg>{esc(name)}</span>' for sign, name in pairs
    )
    return f'<p class="legend">{"".join(signs)}</p>'


def chart(name: str, *places: int, tall: bool = False) -> str:
    """Where the script draws a chart."""
    kind = "chart tall" if tall else "chart"
    return f'<div class="{kind}" data-chart="{":".join(map(str, (name, *places)))}"></div>'


def heading(title: str, lead: str) -> str:
    """The title of a tab, and what it is about; both are markup."""
    return f'<div><h2>{title}</h2><p class="lead">{lead}</p></div>'


def number(value: float | None, digits: int = 3) -> str:
    """A figure as people write it, or a dash: no exponents, no minus before a zero, and none so small that it is 0."""
    if value is None:
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        least = 10.0**-digits
        return f"{0:.{digits}f}" if abs(value) < least / 1000 else f"{'−' if value < 0 else ''}<{least:.{digits}f}"
    return text


def cell(value: Any, kind: str = "") -> str:
    """A cell of markup."""
    return f'<td class="{kind}">{value}</td>' if kind else f"<td>{value}</td>"


def table(
    caption: str,
    heads: Sequence[str],
    rows: Iterable[str],
    *,
    note: str = "",
    kind: str = "",
    numbers: Sequence[int] = (),
) -> str:
    """A table in a box that scrolls; ``rows`` are markup, ``caption``, ``note`` and ``heads`` are text."""
    small = f"<span>{prose(note)}</span>" if note else ""
    head = "".join(
        f'<th scope="col"{" class=num" if i in numbers else ""}>{esc(title)}</th>' for i, title in enumerate(heads)
    )
    return (
        f'<div class="scroll {kind}" tabindex="0" role="region" aria-label="{esc(caption)}"><table class="{kind}">'
        f"<caption>{esc(caption)}{small}</caption><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
        "</table></div>"
    )


def select(name: str, title: str, options: Iterable[tuple[Any, str]]) -> str:
    """A list to choose from."""
    inside = "".join(f'<option value="{esc(value)}">{esc(text)}</option>' for value, text in options)
    return f'<label>{esc(title)}<select id="{name}">{inside}</select></label>'
