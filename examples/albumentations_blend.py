"""Synthetic pictures of an item's own class inside an albumentations pipeline.

    python examples/albumentations_blend.py

The pictures are scikit-learn's handwritten digits (8 x 8). The transform takes a saved generator by its path, so that
the pipeline can be written to a file with ``A.to_dict`` and read again.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset

from ganaug import ImageGAN
from ganaug.transforms import SyntheticSwap, seed_worker


class Digits(Dataset):
    """Grey pictures with their labels, through a pipeline of albumentations."""

    def __init__(self, images, labels, transform):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        label = int(self.labels[i])
        return self.transform(image=self.images[i], label=label)["image"], label


def main(arguments=None):
    """Train, save, and use the generator in a pipeline."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300, help="of the GAN's training (default: 300)")
    parser.add_argument("--workers", type=int, default=2, help="of the DataLoader (default: 2)")
    options = parser.parse_args(arguments)
    import os

    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the index for a newer version otherwise
    import albumentations as A

    digits = load_digits()
    images, labels = (digits.images * 15.9).astype("uint8")[:500], digits.target[:500]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.ganaug"
        ImageGAN(max_steps=options.steps, random_state=0).fit(images, labels).save(path)
        swap = SyntheticSwap(str(path), p=0.5)
        pipeline = A.Compose([swap, A.RandomBrightnessContrast(p=0.3)])
        loader = DataLoader(
            Digits(images, labels, pipeline), batch_size=100, num_workers=options.workers, worker_init_fn=seed_worker
        )
        changed = 0
        for start, (batch, _) in zip(range(0, 500, 100), loader, strict=True):
            changed += int((batch.numpy() != images[start : start + 100]).any(axis=(1, 2)).sum())
        print(f"{changed} of 500 pictures were swapped or changed; as a dict: {list(A.to_dict(pipeline))}")
    assert np.isfinite(changed)


if __name__ == "__main__":
    main()
