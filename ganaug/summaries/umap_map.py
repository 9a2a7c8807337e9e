"""The only file that knows of umap-learn, which is used where it is installed and never asked for."""

from __future__ import annotations

import warnings

import numpy as np

from ganaug.metrics.nearest import Floats

__all__ = ["umap_coordinates"]

NEIGHBOURS = 15


def umap_coordinates(real: Floats, fake: Floats, seed: int) -> tuple[Floats, Floats] | None:
    """Two coordinates of each row by UMAP fitted to the real rows; None without umap-learn or with few rows.

    References
    ----------
    McInnes, Healy and Melville (2018), arXiv:1802.03426.
    """
    if len(real) <= NEIGHBOURS:
        return None
    with warnings.catch_warnings():
        # it warns of its one thread, which the seed is there for, and its compiler of the future
        warnings.simplefilter("ignore")
        try:
            from umap import UMAP
        except ImportError:
            return None
        made = UMAP(n_neighbors=NEIGHBOURS, random_state=seed, n_jobs=1).fit(real)
        return np.asarray(made.embedding_, float), np.asarray(made.transform(fake), float)
