"""Transforms that put synthetic images where a training reads its own.

`SyntheticBlend` and `SyntheticMixUp` take whole batches, as torchvision's MixUp and CutMix do; `SyntheticSwap` and
`SyntheticMix` are albumentations transforms of one item. They draw from a `SamplePool` of images made beforehand.
`PaintDefects` (albumentations) and `RandomPaintDefects` (torchvision) paint the defects of a `DefectPainter`.

``import ganaug.transforms`` imports neither torchvision nor albumentations.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

# public name -> module that defines it
_HOME = {
    "PaintDefects": "ganaug.transforms.albumentations",
    "RandomPaintDefects": "ganaug.transforms.painting",
    "SamplePool": "ganaug.pools.pool",
    "SyntheticBlend": "ganaug.transforms.batch",
    "SyntheticMix": "ganaug.transforms.albumentations",
    "SyntheticMixUp": "ganaug.transforms.batch",
    "SyntheticSwap": "ganaug.transforms.albumentations",
    "seed_worker": "ganaug.transforms.workers",
}

__all__ = [
    "PaintDefects",
    "RandomPaintDefects",
    "SamplePool",
    "SyntheticBlend",
    "SyntheticMix",
    "SyntheticMixUp",
    "SyntheticSwap",
    "seed_worker",
]

if TYPE_CHECKING:
    from ganaug.pools.pool import SamplePool
    from ganaug.transforms.albumentations import PaintDefects, SyntheticMix, SyntheticSwap
    from ganaug.transforms.batch import SyntheticBlend, SyntheticMixUp
    from ganaug.transforms.painting import RandomPaintDefects
    from ganaug.transforms.workers import seed_worker


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'ganaug.transforms' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
