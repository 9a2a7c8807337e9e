"""From a folder of pictures to a DataLoader with synthetic ones of the rare classes.

    python examples/image_folder.py

The pictures are scikit-learn's handwritten digits (8 x 8, from the UCI repository), written to a temporary folder of
class folders first, with few of the digits 1 and 7. Put your own folder in its place.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from ganaug import BlendedDataset, ImageGAN

COUNTS = {0: 150, 1: 20, 4: 150, 7: 20}  # digit -> pictures of it


def write_folder(folder):
    """One folder for each class, as ImageFolder wants it."""
    digits = load_digits()
    for digit, n in COUNTS.items():
        place = Path(folder) / f"digit {digit}"
        place.mkdir()
        for i, picture in enumerate(digits.images[digits.target == digit][:n]):
            Image.fromarray((picture * 15.9).astype("uint8")).save(place / f"{i}.png")


def main(arguments=None):
    """Train, blend, and look at a batch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=400, help="of the GAN's training (default: 400)")
    parser.add_argument("--workers", type=int, default=2, help="of the DataLoader (default: 2)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        write_folder(folder)
        transform = v2.Compose([v2.Grayscale(), v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True)])
        real = ImageFolder(folder, transform=transform)

        gan = ImageGAN(max_steps=options.steps, random_state=0).fit(real)
        train = BlendedDataset(real, gan)
        loader = DataLoader(train, batch_size=64, shuffle=True, num_workers=options.workers)
        for images, labels in loader:
            print(f"batch of {tuple(images.shape)}, {images.dtype}; labels {torch.bincount(labels).tolist()}")
        print(f"{len(real)} real pictures and {int(train.is_synthetic.sum())} synthetic ones: {train.counts}")


if __name__ == "__main__":
    main()
