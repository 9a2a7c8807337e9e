"""Map-style datasets of torch and torchvision: synthetic items, real ones with synthetic ones behind; data in files."""

from ganaug.datasets.balancing import ShareBatchSampler, balance, split_real
from ganaug.datasets.blended import BlendedDataset
from ganaug.datasets.synthetic import SCHEDULES, SyntheticDataset
from ganaug.encoding.csv_rows import load_example
from ganaug.encoding.on_disk import store_images

__all__ = [
    "SCHEDULES",
    "BlendedDataset",
    "ShareBatchSampler",
    "SyntheticDataset",
    "balance",
    "load_example",
    "split_real",
    "store_images",
]
