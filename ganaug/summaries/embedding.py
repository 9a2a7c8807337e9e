"""All columns, or pixels, in two: a map on which near samples are near."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganaug.metrics.nearest import Floats
from ganaug.summaries.sides import Sides
from ganaug.summaries.umap_map import umap_coordinates
from ganaug.utils.isolation import isolated
from ganaug.utils.seeding import numpy_generator

__all__ = ["embedding"]

POINTS = 500


@isolated
def embedding(sides: Sides, *, seed: int = 0, points: int = POINTS) -> dict[str, Any]:
    """Real and synthetic samples on one map, made from the real ones alone.

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
    drawn = umap_coordinates(real, fake, seed)
    if drawn is not None:
        return "UMAP", None, drawn
    from sklearn.decomposition import PCA

    # a column that never changes gives the second axis of a one-column table
    wide = [np.column_stack([X, np.zeros(len(X))]) if X.shape[1] < 2 else X for X in (real, fake)]
    if not wide[0].std(0).any():
        return "PCA", None, (wide[0][:, :2], wide[1][:, :2])
    pca = PCA(2, svd_solver="full").set_output(transform="default").fit(wide[0])
    return "PCA", round(float(pca.explained_variance_ratio_.sum()), 4), (pca.transform(wide[0]), pca.transform(wide[1]))


def _short(values: Floats) -> list[float]:
    return [float(f"{value:.4g}") for value in values]
