"""GANs that give a classifier the samples it never saw enough of.

``import ganaug`` is light: torch, torchvision, scikit-learn and the others are
imported by the first use of a name that needs them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# public name -> module that defines it
_HOME = {
    "AugmentedClassifier": "ganaug.selection",
    "BlendedDataset": "ganaug.datasets",
    "Copy": "ganaug.rules",
    "DataWarning": "ganaug.exceptions",
    "DefectPainter": "ganaug.estimators",
    "FewSamplesWarning": "ganaug.exceptions",
    "GANOversampler": "ganaug.oversampling",
    "GanaugError": "ganaug.exceptions",
    "GanaugWarning": "ganaug.exceptions",
    "ImageGAN": "ganaug.estimators",
    "ImageTranslator": "ganaug.estimators",
    "OneHot": "ganaug.rules",
    "Order": "ganaug.rules",
    "Product": "ganaug.rules",
    "Rules": "ganaug.rules",
    "SeriesGAN": "ganaug.estimators",
    "SmoothedBootstrap": "ganaug.estimators",
    "Sum": "ganaug.rules",
    "SyntheticDataset": "ganaug.datasets",
    "TabularGAN": "ganaug.estimators",
    "TraceWarning": "ganaug.exceptions",
    "TrainingWarning": "ganaug.exceptions",
    "Within": "ganaug.rules",
    "balance": "ganaug.datasets",
    "find_rules": "ganaug.rules",
    "load": "ganaug.estimators",
    "quality_report": "ganaug.report",
}

# public as modules: ganaug.experiments.compare(...)
_MODULES = {"datasets", "experiments", "metrics", "plots", "transforms"}

__all__ = ["__version__", *_HOME]  # noqa: PLE0604

if TYPE_CHECKING:
    from ganaug.datasets import BlendedDataset, SyntheticDataset, balance
    from ganaug.estimators import (
        DefectPainter,
        ImageGAN,
        ImageTranslator,
        SeriesGAN,
        SmoothedBootstrap,
        TabularGAN,
        load,
    )
    from ganaug.exceptions import (
        DataWarning,
        FewSamplesWarning,
        GanaugError,
        GanaugWarning,
        TraceWarning,
        TrainingWarning,
    )
    from ganaug.oversampling import GANOversampler
    from ganaug.report import quality_report
    from ganaug.rules import Copy, OneHot, Order, Product, Rules, Sum, Within, find_rules
    from ganaug.selection import AugmentedClassifier


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return importlib.import_module(f"ganaug.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'ganaug' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
