"""Synthetic samples, each beside the real one that is nearest to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ganaug.encoding.containers import CONTAINERS, container_of
from ganaug.metrics.features import n_rows, take_rows
from ganaug.metrics.nearest import nearest
from ganaug.metrics.privacy import NEAR
from ganaug.summaries.columns import number_text
from ganaug.summaries.pixels import as_pixels, png_uri
from ganaug.summaries.sides import Places, Sides
from ganaug.utils.isolation import isolated
from ganaug.utils.seeding import numpy_generator

__all__ = ["neighbours", "series_lines"]

MOST_SAMPLES, MOST_COLUMNS = 24, 60
MOST_POINTS, MOST_CHANNELS = 120, 3
MOST_TEXT = 40


@isolated
def neighbours(
    sides: Sides, copies: Sequence[int] = (), *, seed: int = 0, n_samples: int = MOST_SAMPLES
) -> dict[str, Any]:
    """Some synthetic samples with their nearest real samples.

    Parameters
    ----------
    sides : Sides
    copies : sequence of int
        Row numbers of synthetic samples to take first (a third of all at most).
    seed : int
    n_samples : int, default=24
        As many of each class as can be.

    Returns
    -------
    dict
        "columns" (of tables, at most 60) and "samples", each with "class", "synthetic_row", "real_row" (row numbers as
        given), "ratio" (the distance over that from the real sample to its own nearest other one), "copy" (whether
        that is at most 0.1) and "synthetic" and "real": lists of text (tables), an image as a data: address,
        or lines of numbers, one for each channel (series).
    """
    rng = numpy_generator(seed, "neighbours")
    at = _chosen(sides, copies, n_samples, rng)
    real_at, ratios = _nearest(sides, at)
    columns = [c.name for c in sides.columns[:MOST_COLUMNS]]
    shown = _SHOWN[sides.kind]
    fake, real = shown(sides, sides.synthetic.X, at), shown(sides, sides.real.X, real_at)
    samples = [
        {
            "class": sides.labels[sides.synthetic.y[place]] if sides.labels else "",
            "synthetic_row": int(sides.synthetic.number[place]),
            "real_row": int(sides.real.number[real_place]),
            "ratio": None if ratio is None else round(ratio, 4),
            "copy": ratio is not None and ratio <= NEAR,
            "synthetic": one,
            "real": other,
        }
        for place, real_place, ratio, one, other in zip(at, real_at, ratios, fake, real, strict=True)
    ]
    return {"columns": columns, "samples": samples}


def _chosen(sides: Sides, copies: Sequence[int], n_samples: int, rng: np.random.Generator) -> Places:
    known = {int(number): place for place, number in enumerate(sides.synthetic.number)}
    first = [known[row] for row in copies if row in known][: n_samples // 3]
    by_class = [rng.permutation(np.flatnonzero(sides.synthetic.y == k)).tolist() for k in range(sides.n_classes)]
    chosen = dict.fromkeys(first)
    while len(chosen) < n_samples and any(by_class):
        for rows in by_class:
            if rows and len(chosen) < n_samples:
                chosen[rows.pop()] = None
    order = sorted(chosen, key=lambda place: (sides.synthetic.y[place], place not in first, place))
    return np.array(order, np.intp)


def _nearest(sides: Sides, places: Places) -> tuple[Places, list[float | None]]:
    """Places of the nearest real samples, and how near: relative to how far these are from their own nearest others."""
    features = sides.real.features
    distances, found = nearest(sides.synthetic.features[places], features, 1)
    own, _ = nearest(features[found[:, 0]], features, 2)  # each is its own nearest, or has an equal
    others = own[:, -1] if own.shape[1] > 1 else np.zeros(len(places))
    ratios = zip(distances[:, 0].tolist(), others.tolist(), strict=True)
    return found[:, 0], [distance / other if other > 0 else None for distance, other in ratios]


# ------------------------------------------------------------------------------------------ what is shown


def _cells(sides: Sides, X: Any, places: Places) -> list[list[str]]:
    kind, opened = container_of(take_rows(X, places))
    table = CONTAINERS[kind].open(opened)
    n = min(MOST_COLUMNS, table.n_columns)
    columns = [[_cell(value) for value in pd.Series(table.get(j)).astype(object)] for j in range(n)]
    return [list(cells) for cells in zip(*columns, strict=True)]


def _cell(value: Any) -> str:
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return "(missing)"
    if isinstance(value, (float, np.floating)) and np.isfinite(value):
        return number_text(float(value))
    text = str(value)
    return text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 1]}…"


def _images(sides: Sides, X: Any, places: Places) -> list[str]:
    few = take_rows(sides.real.X, np.arange(min(200, n_rows(sides.real.X))))
    return [png_uri(pixels) for pixels in as_pixels(take_rows(X, places), few)]


def _lines(sides: Sides, X: Any, places: Places) -> list[list[list[float]]]:
    return series_lines(take_rows(X, places))


def series_lines(X: Any) -> list[list[list[float]]]:
    """Series (n, C, L) as lists of at most 3 channels of at most 120 points."""
    array: npt.NDArray[Any] = np.asarray(X.detach().cpu() if hasattr(X, "detach") else X)
    step = -(-array.shape[-1] // MOST_POINTS)
    return [[[float(f"{v:.4g}") for v in channel[::step]] for channel in one[:MOST_CHANNELS]] for one in array]


_SHOWN: dict[str, Callable[[Sides, Any, Places], list[Any]]] = {"table": _cells, "image": _images, "series": _lines}
