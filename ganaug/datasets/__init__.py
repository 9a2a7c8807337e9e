"""Map-style datasets of torch and torchvision: synthetic items, and real ones with synthetic ones after them."""

from ganaug.datasets.balancing import ShareBatchSampler, balance, split_real
from ganaug.datasets.blended import BlendedDataset
from ganaug.datasets.examples import load_example
from ganaug.datasets.synthetic import SCHEDULES, SyntheticDataset

__all__ = [
    "SCHEDULES",
    "BlendedDataset",
    "ShareBatchSampler",
    "SyntheticDataset",
    "balance",
    "load_example",
    "split_real",
]
