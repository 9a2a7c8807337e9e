"""The tabs of single samples and copies, and of what the generator says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ganaug.report.markup import cell, chart, esc, heading, legend, number, table
from ganaug.report.words import NAMES

__all__ = ["samples", "training"]

Content = Mapping[str, Any]

# Charts of a history, in the order of GROUPS in page.js, and how the names of their curves end.
_CURVES = {
    "Losses": ("_loss",),
    "Logits": ("_logit",),
    "Quality": ("quality", "diversity", "_auc"),
    "Gradient norms": ("_norm",),
}


def samples(content: Content) -> str:
    """Some samples, each beside its nearest real one, and the list of near copies."""
    things = NAMES[content["kind"]]
    lead = (
        f"Synthetic {things}, each beside the real one that is nearest to it. They should be alike as two real "
        "ones are alike, and not the same. The ratio is the distance between them, relative to that from the real "
        "one to its own nearest other one: at 0.1 and below it is called a near copy."
    )
    if content["hides_real"]:
        lead = (
            f"Some synthetic {things}; real ones, and near copies of them, are not shown. The ratio is the distance to "
            "the nearest real one, relative to that from it to its own nearest other one."
        )
    return (
        f'<div class="stack">{heading("Samples and copies", lead)}{_SHOWN[content["kind"]](content)}'
        f"{_copies(content, things)}</div>"
    )


def _title(sample: Mapping[str, Any]) -> str:
    label = f"class {esc(sample['class'])}, " if sample["class"] else ""
    ratio = "" if sample["ratio"] is None else f"ratio {sample['ratio']:.2f}"
    copied = ", <b>near copy</b>" if sample["copy"] else ""
    return f"{label}{ratio}{copied}"


def _rows(content: Content) -> str:
    found = content["neighbours"]
    has_classes = any(sample["class"] for sample in found["samples"])
    heads = ["", *(["Class"] if has_classes else []), "Ratio", *found["columns"]]
    rows = []
    for sample in found["samples"]:
        cells = []
        for kind in ("synthetic", "real") if sample["real"] is not None else ("synthetic",):
            pairs = zip(
                sample[kind], sample["real" if kind == "synthetic" else "synthetic"] or sample[kind], strict=True
            )
            values = "".join(
                f'<td class="differs">{esc(a)}</td>' if a != b and kind == "synthetic" else f"<td>{esc(a)}</td>"
                for a, b in pairs
            )
            ratio = f"{number(sample['ratio'], 2)}{' <b>near copy</b>' if sample['copy'] else ''}"
            lead = (cell(esc(sample["class"])) if has_classes else "") + cell(ratio)
            blank = cell("") * (2 if has_classes else 1)
            name = f"{'synthetic' if kind == 'synthetic' else 'real'} {sample[f'{kind}_row']:,}"
            cells.append(
                f'<tr class="{kind}"><th scope="row" class="stick">{name}</th>'
                f"{lead if kind == 'synthetic' else blank}{values}</tr>"
            )
        rows += cells
    note = "Values that differ are underlined. Numbers after 'synthetic' and 'real' are row numbers, from 0."
    if content["hides_real"]:
        note = "Numbers after 'synthetic' are row numbers, from 0."
    more = content["data"]["shape"][0] - len(found["columns"])
    note += f" {more} more columns are not shown." if more > 0 else ""
    title = "Synthetic rows" if content["hides_real"] else "Synthetic rows and their nearest real rows"
    return table(title, heads, rows, note=note, kind="wide")


def _images(content: Content) -> str:
    cards = "".join(
        f'<li class="card"><p class="small">{_title(sample)}</p><div class="duo">'
        f'<figure class="syn"><img src="{esc(sample["synthetic"])}" alt="synthetic image {sample["synthetic_row"]}">'
        f"<figcaption>synthetic {sample['synthetic_row']:,}</figcaption></figure>"
        f"{_nearest_image(sample)}</div></li>"
        for sample in content["neighbours"]["samples"]
    )
    return f'<ul class="grid samples">{cards}</ul>'


def _nearest_image(sample: Mapping[str, Any]) -> str:
    if sample["real"] is None:
        return ""
    return (
        f'<figure><img src="{esc(sample["real"])}" alt="its nearest real image, {sample["real_row"]}">'
        f"<figcaption>real {sample['real_row']:,}</figcaption></figure>"
    )


def _series(content: Content) -> str:
    cards = "".join(
        f'<li class="card"><p class="small">{_title(sample)}</p>{chart("series", i)}'
        f'<p class="small soft">synthetic {sample["synthetic_row"]:,}, real {sample["real_row"]:,}</p></li>'
        for i, sample in enumerate(content["neighbours"]["samples"])
    )
    return f'{legend("lines", ("nearest real", "synthetic"))}<ul class="grid samples lines">{cards}</ul>'


_SHOWN: dict[str, Callable[[Content], str]] = {"table": _rows, "image": _images, "series": _series}


def _copies(content: Content, things: str) -> str:
    copies = content["copies"]
    if not copies["count"]:
        words = f"None among the {copies['looked_at']:,} synthetic {things} that were looked at."
        return f'<div class="card"><h3>Near copies</h3><p>{words}</p></div>'
    rows = ["<tr>" + "".join(cell(text, "num") for text in _copy(row)) + "</tr>" for row in copies["rows"]]
    note = (
        f"{copies['count']:,} of {copies['looked_at']:,} synthetic {things} looked at are ten times nearer to a real "
        "one than any other real one is. Row numbers count from 0."
    )
    note += f" The first {len(rows)} are listed." if copies["count"] > len(rows) else ""
    return table("Near copies", ["Synthetic", "Real", "Distance"], rows, note=note, kind="low", numbers=(0, 1, 2))


def _copy(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return f"{row['synthetic']:,}", f"{row['real']:,}", f"{row['distance']:.3g}"


# ------------------------------------------------------------------------------------------ training


def training(content: Content) -> str:
    """The generator, its history, and the candidates that it refused; empty where samples alone were given."""
    generator = content["generator"]
    if not generator:
        return ""
    lead = (
        "The losses of a GAN do not fall as those of a classifier do: two players push against one another. Look "
        "whether they settle, and at the quality measured on the way."
    )
    given = "".join(
        f"<dt>{esc(name)}</dt><dd><code>{esc(value)}</code></dd>" for name, value in generator["parameters"].items()
    )
    facts = f'<dl class="pairs-of"><dt>generator</dt><dd>{esc(generator["name"])}</dd>{given}</dl>'
    about = '<p class="small soft">Parameters that are not the default.</p>' if given else ""
    return (
        f'<div class="stack">{heading("Training", lead)}<div class="card"><h3>Generator</h3>{about}{facts}</div>'
        f"{_ends(generator)}{_histories(content)}{_curation(content)}</div>"
    )


def _ends(generator: Mapping[str, Any]) -> str:
    known = [
        name
        for name in ("n_steps", "stop_reason", "best_step", "quality")
        if any(name in t for t in generator["trainings"])
    ]
    if not known:
        return ""
    rows = [
        f'<tr><th scope="row">{esc(t["title"] or "all samples")}</th>{cell(esc(t["name"]))}'
        + "".join(cell(esc("–" if t.get(name) is None else t[name])) for name in known)
        + "</tr>"
        for t in generator["trainings"]
    ]
    return table("How training ended", ["", "By", *(name.replace("_", " ") for name in known)], rows)


def _histories(content: Content) -> str:
    charts = "".join(
        f'<div class="card"><h3>{esc(" of ".join(filter(None, (title, history["title"]))))}</h3>'
        f"{chart('history', i, g, tall=True)}</div>"
        for i, history in enumerate(content["histories"])
        for g, (title, endings) in enumerate(_CURVES.items())
        if any(name.endswith(endings) for name in history["curves"])
    )
    return f'<div class="grid pairs">{charts}</div>' if charts else ""


def _count(n: int | None) -> str:
    return "not checked" if n is None else f"{n:,}"


def _curation(content: Content) -> str:
    if not content["curation"]:
        return ""
    names = [name for name in content["curation"][0] if name != "class"]
    rows = [
        f'<tr><th scope="row">{esc(row["class"])}</th>'
        + "".join(cell(_count(row.get(name, 0)), "num") for name in names)
        + "</tr>"
        for row in content["curation"]
    ]
    note = "Candidates drawn, those kept, and those refused because of each rule."
    if any(row.get("copies", 0) is None for row in content["curation"]):
        note += " Copies were not looked for: a saved model does not hold what they would be compared with."
    heads = ["Class", *(name.replace("_", " ") for name in names)]
    return table("Curation", heads, rows, note=note, numbers=range(1, len(names) + 1))
