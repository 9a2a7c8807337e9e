"""Samples among samples: two-dimensional maps, and synthetic samples beside their nearest real ones."""

from __future__ import annotations

import base64
import struct
import warnings
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ganaug.encoding.containers import CONTAINERS, container_of
from ganaug.metrics.features import n_rows, take_rows
from ganaug.metrics.nearest import Floats, nearest
from ganaug.metrics.privacy import NEAR
from ganaug.summaries.column_charts import number_text
from ganaug.summaries.sides import Places, Sides
from ganaug.utils.determinism import isolated, numpy_generator

__all__ = ["as_pixels", "embedding", "neighbours", "png_uri", "series_lines"]

# --------------------------------------------------------------------------------------
# Two-dimensional maps of real and synthetic samples.


POINTS = 500
NEIGHBOURS = 15


@isolated
def embedding(sides: Sides, *, seed: int = 0, points: int = POINTS) -> dict[str, Any]:
    """Coordinates of real and synthetic samples on a map fitted to the real ones.

    Parameters
    ----------
    sides : Sides
    seed : int
    points : int, default=500
        Of each side, at most.

    Returns
    -------
    dict
        "method" ("UMAP" where umap-learn is installed, else "PCA"), "explained" (share of the real samples' variance
        on the two axes; None of UMAP), "real" and "synthetic": [xs, ys, class codes] each.
    """
    rng = numpy_generator(seed, "embedding")
    places = [side.some(points, rng) for side in (sides.real, sides.synthetic)]
    real, fake = (side.features[at] for side, at in zip((sides.real, sides.synthetic), places, strict=True))
    method, explained, made = _mapped(real, fake, int(rng.integers(2**31)))
    parts = [
        [_short(xy[:, 0]), _short(xy[:, 1]), side.y[at].tolist()]
        for xy, side, at in zip(made, (sides.real, sides.synthetic), places, strict=True)
    ]
    return {"method": method, "explained": explained, "real": parts[0], "synthetic": parts[1]}


def _mapped(real: Floats, fake: Floats, seed: int) -> tuple[str, float | None, tuple[Floats, Floats]]:
    drawn = _umap(real, fake, seed)
    if drawn is not None:
        return "UMAP", None, drawn
    from sklearn.decomposition import PCA

    # a constant column is the second axis of a one-column table
    wide = [np.column_stack([X, np.zeros(len(X))]) if X.shape[1] < 2 else X for X in (real, fake)]
    if not wide[0].std(0).any():
        return "PCA", None, (wide[0][:, :2], wide[1][:, :2])
    pca = PCA(2, svd_solver="full").set_output(transform="default").fit(wide[0])
    return "PCA", round(float(pca.explained_variance_ratio_.sum()), 4), (pca.transform(wide[0]), pca.transform(wide[1]))


def _umap(real: Floats, fake: Floats, seed: int) -> tuple[Floats, Floats] | None:
    """Two coordinates of each row by UMAP fitted to the real rows; None without umap-learn or with few rows.

    umap-learn is optional and not a dependency of any extra.

    References
    ----------
    McInnes, Healy and Melville (2018), arXiv:1802.03426.
    """
    if len(real) <= NEIGHBOURS:
        return None
    with warnings.catch_warnings():
        # it warns that a seed means one thread, and of its compiler's deprecations
        warnings.simplefilter("ignore")
        try:
            from umap import UMAP
        except ImportError:
            return None
        made = UMAP(n_neighbors=NEIGHBOURS, random_state=seed, n_jobs=1).fit(real)
        return np.asarray(made.embedding_, float), np.asarray(made.transform(fake), float)


def _short(values: Floats) -> list[float]:
    return [float(f"{value:.4g}") for value in values]


# --------------------------------------------------------------------------------------
# Synthetic samples beside their nearest real samples, as text, PNG or lines.


Pixels = npt.NDArray[np.uint8]
MOST_SAMPLES, MOST_COLUMNS = 24, 60
MOST_POINTS, MOST_CHANNELS = 120, 3
MOST_TEXT = 40
# Pixels of a side of a thumbnail at most.
MOST_PIXELS = 96


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
    """Positions of the nearest real samples, and distances relative to those of their own nearest neighbours."""
    features = sides.real.features
    distances, found = nearest(sides.synthetic.features[places], features, 1)
    own, _ = nearest(features[found[:, 0]], features, 2)  # the nearest is the sample itself
    others = own[:, -1] if own.shape[1] > 1 else np.zeros(len(places))
    ratios = zip(distances[:, 0].tolist(), others.tolist(), strict=True)
    return found[:, 0], [distance / other if other > 0 else None for distance, other in ratios]


# ------------------------------------------------------------------------------------------ what is shown


def _cells(sides: Sides, X: object, places: Places) -> list[list[str]]:
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


def _images(sides: Sides, X: object, places: Places) -> list[str]:
    few = take_rows(sides.real.X, np.arange(min(200, n_rows(sides.real.X))))
    return [png_uri(pixels) for pixels in as_pixels(take_rows(X, places), few)]


def _lines(sides: Sides, X: object, places: Places) -> list[list[list[float]]]:
    return series_lines(take_rows(X, places))


def series_lines(X: object) -> list[list[list[float]]]:
    """Series (n, C, L) as lists of at most 3 channels of at most 120 points."""
    array: npt.NDArray[Any] = np.asarray(X.detach().cpu() if hasattr(X, "detach") else X)
    step = -(-array.shape[-1] // MOST_POINTS)
    return [[[float(f"{v:.4g}") for v in channel[::step]] for channel in one[:MOST_CHANNELS]] for one in array]


def as_pixels(images: object, reference: object = None, most: int = MOST_PIXELS) -> Pixels:
    """Images (n, H, W), (n, H, W, C), (n, C, H, W) or volumes as (n, H, W, 3) of 8 bits.

    Parameters
    ----------
    images : array
        8-bit values stay; of others the range of ``reference`` becomes 0 to 255.
    reference : array, optional
        The images themselves by default.
    most : int, default=96
        Pixels of a side at most.
    """
    images = _array(images)
    low, high = 0.0, 255.0
    if images.dtype != np.uint8:
        from_ = images if reference is None else _array(reference)
        low, high = (float(q) for q in np.quantile(from_, [0.0, 1.0])) if from_.size else (0.0, 1.0)
        high = high if high > low else low + 1.0
    images = _channels_last(images)
    for axis in (1, 2):
        step = -(-images.shape[axis] // most)
        images = images[:, ::step] if axis == 1 else images[:, :, ::step]
    scaled = np.clip(np.rint((images.astype(np.float64) - low) / (high - low) * 255), 0, 255).astype(np.uint8)
    return scaled[..., :3] if scaled.shape[-1] >= 3 else np.repeat(scaled[..., :1], 3, axis=-1)


def _array(images: object) -> npt.NDArray[Any]:
    return np.asarray(images.detach().cpu() if hasattr(images, "detach") else images)


def _channels_last(images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if images.ndim == 5:  # a volume's middle slice, (n, C, D, H, W)
        images = images[:, :, images.shape[2] // 2]
    if images.ndim == 3:
        return images[..., None]
    return images if images.shape[-1] in (1, 3, 4) else images.transpose(0, 2, 3, 1)


def png_uri(pixels: Pixels) -> str:
    """One image (H, W, 3) as a data: address that any browser shows.

    PNG is a header, zlib-compressed lines, each after a filter byte 0, and an end; see its specification, ISO 15948.
    """
    height, width, _ = pixels.shape
    lines = np.zeros((height, 1 + 3 * width), np.uint8)
    lines[:, 1:] = pixels.reshape(height, -1)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    )
    made = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )
    return "data:image/png;base64," + base64.b64encode(made).decode("ascii")


_SHOWN: dict[str, Callable[[Sides, Any, Places], list[Any]]] = {"table": _cells, "image": _images, "series": _lines}
