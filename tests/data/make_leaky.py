"""Write model files of format 1, which held traces of single training samples, to be kept for ever.

    python tests/data/make_leaky.py    # with the code of format 1 on the path

They are what the attacks of `tests/test_attacks.py` must succeed against. Of the images and series only what is read
off is kept (sketches and seeds), so that the files are small; they are no models that load.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ganaug import ImageGAN, SeriesGAN, TabularGAN
from ganaug.utils.state import FORMAT_VERSION, read_state, write_state

HERE = Path(__file__).resolve().parent
SMALL = {"max_steps": 3, "batch_size": 8, "random_state": 7, "device": "cpu", "verbose": False}


def table(seed: int) -> tuple[pd.DataFrame, pd.Series]:
    """120 rows of two fine numbers and a category; other rows of the same population for another seed."""
    rng = np.random.default_rng(seed)
    y = pd.Series(np.where(np.arange(120) % 4 == 0, "rare", "usual"))
    numbers = {"a": rng.normal(size=120) + (y == "rare"), "b": rng.gamma(2.0, 10.0, 120)}
    return pd.DataFrame({**numbers, "c": pd.Categorical(rng.choice(["x", "y", "z"], 120))}), y


def images(seed: int) -> np.ndarray:
    """40 grey images of 8 x 8 with smooth blots."""
    rng = np.random.default_rng(seed)
    places = np.linspace(0, 1, 8)
    centres, width = rng.uniform(0.2, 0.8, (2, 40, 1, 1)), rng.uniform(0.1, 0.4, (40, 1, 1))
    blots = np.exp(-((places[:, None] - centres[0]) ** 2 + (places - centres[1]) ** 2) / width**2)
    return (255 * blots).astype(np.uint8)


def series(seed: int) -> np.ndarray:
    """40 series of 48 steps."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(40, 1, 48)).cumsum(-1).astype(np.float32)


if __name__ == "__main__":
    if FORMAT_VERSION != 1:
        raise SystemExit("this version leaves no such traces: run it with the code of format 1")
    TabularGAN(width=8, depth=1, latent_dim=4, **SMALL).fit(*table(0)).save(HERE / "leaky_table.safetensors")
    for name, gan, X in (("images", ImageGAN, images(0)), ("series", SeriesGAN, series(0))):
        path = HERE / f"leaky_{name}.safetensors"
        gan(channels=2, max_channels=4, **SMALL).fit(X).save(path)
        state = read_state(path)
        kept = {k: a for k, a in state.arrays.items() if k.startswith("curator/") and "judge" not in k}
        write_state(path, state.kind, state.config, kept)
