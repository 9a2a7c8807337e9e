"""Small generators and data that several test files use."""

from __future__ import annotations

import numpy as np
import torch

from ganaug import ImageGAN, SeriesGAN, TabularGAN

_CONVOLUTIONAL = {"channels": 2, "max_channels": 4, "latent_dim": 4, "random_state": 0, "verbose": False}


def tabular_gan(**parameters) -> TabularGAN:
    """Fast to train, and no good."""
    return TabularGAN(**{"max_steps": 20, "width": 16, "depth": 1, "random_state": 0, "verbose": False, **parameters})


def image_gan(**parameters) -> ImageGAN:
    """Fast to train, and no good."""
    return ImageGAN(**{**_CONVOLUTIONAL, "max_steps": 20, **parameters})


def series_gan(**parameters) -> SeriesGAN:
    """Fast to train, and no good."""
    return SeriesGAN(**{**_CONVOLUTIONAL, "max_steps": 20, "batch_size": 8, **parameters})


def checkpointed(path=None, kind=ImageGAN, **parameters):
    """A generator that keeps a checkpoint every 16 of its 50 steps."""
    return kind(**{**_CONVOLUTIONAL, "max_steps": 50, "checkpoint": path, "checkpoint_every": 16, **parameters})


def random_images() -> tuple[np.ndarray, np.ndarray]:
    """60 images of 8 x 8 pixels in two classes, 40 and 20."""
    own = np.random.default_rng(0)
    return own.integers(0, 255, size=(60, 8, 8), dtype=np.uint8), np.repeat([0, 1], [40, 20])


def torch_rng(seed: int = 0, device: str = "cpu") -> torch.Generator:
    """torch's generator of this seed."""
    return torch.Generator(device).manual_seed(seed)


def numpy_rng(seed: int = 0) -> np.random.Generator:
    """numpy's generator of this seed."""
    return np.random.default_rng(seed)


def two_classes(n=400, rare=0.1, shift=1.0, seed=0, d=2):
    """Gaussian rows, and labels of which this share is rare and lies ``shift`` further along each column."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < rare).astype(int)
    return rng.normal(size=(n, d)) + shift * y[:, None], y
