"""torchvision's base of image datasets, under one name for all its versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torchvision.datasets import VisionDataset

__all__ = ["ItemDataset"]

# Its stubs say what it holds; at run time it takes no parameters before torchvision 0.27 or so.
if TYPE_CHECKING:
    ItemDataset = VisionDataset[Any]
else:
    ItemDataset = VisionDataset
