"""
Inside an albumentations pipeline
=================================

``SyntheticSwap`` is an albumentations transform: with probability ``p`` it puts a synthetic picture of the item's own
class in its place. It takes a saved generator by its path, so that a pipeline can be written to a file and read again.
"""

import tempfile
from pathlib import Path

import albumentations as A
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset

from ganaug import ImageGAN, plots
from ganaug.transforms import SyntheticMix, SyntheticSwap, seed_worker

# %%
# Handwritten digits of 8 x 8 pixels, which come with scikit-learn; 500 of them. Fit on pictures that no random
# transform has touched: a GAN learns what it sees.

digits = load_digits()
images, labels = (digits.images * 15.9).astype("uint8")[:500], digits.target[:500]
folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "digits.ganaug"
ImageGAN(max_steps=250, random_state=0, verbose=False).fit(images, labels).save(path)
print(f"{path.name}: {path.stat().st_size:,} bytes")

# %%
# The pipeline. ``label`` travels with the image, because the synthetic one must be of its class.

swap = SyntheticSwap(str(path), p=0.5)
pipeline = A.Compose([swap, A.RandomBrightnessContrast(p=0.3)])


class Digits(Dataset):
    """Pictures with their labels, through the pipeline."""

    def __len__(self):
        return len(images)

    def __getitem__(self, i):
        label = int(labels[i])
        return pipeline(image=images[i], label=label)["image"], label


loader = DataLoader(Digits(), batch_size=16, worker_init_fn=seed_worker)
batch, targets = next(iter(loader))

# %%
# ``seed_worker`` gives each worker of a DataLoader a stream of its own; albumentations 2.0 would repeat the same one in
# every worker and epoch. In the upper of two lines is what came out of the pipeline, in the lower one what went in.

figure, ax = plt.subplots(figsize=(8, 5), layout="constrained")
plots.image_grid(batch.numpy(), labels=targets.tolist(), nearest=images[:16], ax=ax)
ax.set_title("above: after the pipeline, below: the picture before", fontsize=9)
swapped = (batch.numpy() != images[:16]).any(axis=(1, 2))
print(f"{swapped.sum()} of 16 pictures are others now")

# %%
# Softer: a mixture of the picture with a synthetic one of its class.

mix = A.Compose([SyntheticMix(str(path), p=1.0)])
mixed = np.stack([mix(image=images[i], label=int(labels[i]))["image"] for i in range(16)])
figure, ax = plt.subplots(figsize=(8, 5), layout="constrained")
plots.image_grid(mixed, labels=labels[:16], nearest=images[:16], ax=ax)
ax.set_title("above: mixed, below: the picture before", fontsize=9)
folder.cleanup()
