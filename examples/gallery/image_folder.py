"""
From a folder of images to a DataLoader
=======================================

Clothes in one folder for each class, few sneakers among them. `BlendedDataset` keeps the real pictures first and
unchanged, and adds synthetic ones of the rare classes after them. Put your own folder in the place of the one written
here.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from ganaug import BlendedDataset, ImageGAN, plots
from ganaug.datasets import load_example

COUNTS = {"Shirt": 150, "Sneaker": 30, "T-shirt/top": 150, "Trouser": 150}

folder = tempfile.TemporaryDirectory()
images, labels = load_example("fashion_mnist", "train")
for label, n in COUNTS.items():
    place = Path(folder.name) / label.replace("/", " or ")
    place.mkdir()
    for i, image in enumerate(images[labels == label][:n]):
        Image.fromarray(image).save(place / f"{i}.png")

# %%
# A dataset of torchvision, as in any training. ``ImageGAN`` takes it as it is, and learns all classes together, so that
# the sneakers borrow from the others what an edge and a surface look like. 400 steps of narrow networks keep this page
# quick; leave the parameters out, or give ``max_time="10min"``, for real work.

to_tensor = v2.Compose([v2.Grayscale(), v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True)])
real = ImageFolder(folder.name, transform=to_tensor)
gan = ImageGAN(max_steps=400, channels=8, max_channels=32, random_state=0, verbose=False).fit(real)

figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
plots.history(gan, curves=["quality", "diversity"], ax=ax)

# %%
# The losses of a GAN say little, and ``quality`` is near 1 long before the pictures are. Look at what it makes: in the
# first line sneakers of the folder, then synthetic ones. Silhouettes come first, texture much later.

sneakers = images[labels == "Sneaker"][:8]
made, _ = gan.sample(16, label=real.class_to_idx["Sneaker"], random_state=0)
figure, axes = plt.subplots(2, 1, figsize=(8, 3.6), height_ratios=[1, 2], layout="constrained")
plots.image_grid(sneakers, ax=axes[0]).set_title("real", fontsize=9)
plots.image_grid(made, ax=axes[1]).set_title("synthetic", fontsize=9)

# %%
# All classes, and what was refused: images too near to a training image, far outside the class, or of another class to
# the eyes of a small classifier.

every, classes = gan.sample(dict.fromkeys(real.class_to_idx.values(), 8), random_state=1)
figure, ax = plt.subplots(figsize=(8, 5), layout="constrained")
plots.image_grid(every, labels=[real.classes[int(k)] for k in classes], ax=ax)
print({real.classes[int(k)]: counts for k, counts in gan.curation_.items()})

# %%
# The blend, in a DataLoader with workers. Items are a function of the seed and their number, whatever the workers.

train = BlendedDataset(real, gan, seed=0)
print(f"{len(real)} real pictures and {int(train.is_synthetic.sum())} synthetic ones: {train.counts}")
loader = DataLoader(train, batch_size=64, shuffle=True, num_workers=2)
batch, targets = next(iter(loader))
print(f"a batch: {tuple(batch.shape)}, {batch.dtype}; classes {torch.bincount(targets).tolist()}")
folder.cleanup()

# %%
# Synthetic pictures of thirty sneakers are variations of thirty sneakers. Whether they help a network more than
# ordinary augmentation does is a question for `ganaug.experiments.compare_images`, on your pictures.
