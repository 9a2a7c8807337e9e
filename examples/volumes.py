"""Volumes and short videos whose class is recognised: balls beside cubes, and discs that move one way or the other.

    python examples/volumes.py

Both are made here, 240 of each, 60 of them of the rare class. A `SeriesGAN` learns them, and a judge that was trained
on other real ones says for which class it takes the samples. Strided convolutions ("dcgan") cost much less than
residual ones in three dimensions, where a cell has 27 neighbours.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from ganaug import SeriesGAN
from ganaug.filtering import AuxiliaryClassifier

SIDE = 10


def solids(labels, rng):
    """Balls and cubes of one volume at any place, (n, 1, 10, 10, 10) float32."""
    grid = np.stack(np.meshgrid(*[np.arange(SIDE)] * 3, indexing="ij"))
    made = np.zeros((len(labels), 1, SIDE, SIDE, SIDE), np.float32)
    for volume, label in zip(made, labels, strict=True):
        reach = rng.uniform(2.2, 3.2)  # half an edge
        off = np.abs(grid - rng.uniform(reach, SIDE - 1 - reach, 3)[:, None, None, None])
        distance = off.max(0) if label == "cube" else np.sqrt((off**2).sum(0)) / 1.24
        volume[0] = 1 / (1 + np.exp(4 * (distance - reach)))
    return made + rng.normal(0, 0.05, made.shape).astype(np.float32)


def videos(labels, rng):
    """A disc that crosses the picture to the right or to the left, (n, 1, 8 pictures, 10, 10) float32."""
    rows, columns = np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij")
    made = np.zeros((len(labels), 1, 8, SIDE, SIDE), np.float32)
    for video, label in zip(made, labels, strict=True):
        radius, height, speed = rng.uniform(1.5, 2.5), rng.uniform(2.5, 6.5), rng.uniform(0.6, 0.9)
        way = speed * (np.arange(8) - 3.5)
        for picture, place in zip(video[0], (SIDE - 1) / 2 + (way if label == "right" else -way), strict=True):
            distance = np.sqrt((rows - height) ** 2 + (columns - place) ** 2)
            picture[:] = 1 / (1 + np.exp(3 * (distance - radius)))
    return made + rng.normal(0, 0.05, made.shape).astype(np.float32)


KINDS = {"solids": (solids, "ball", "cube"), "videos": (videos, "right", "left")}


def judged(kind, steps, judge_steps, judge_rows=1000):
    """Train on one kind; the estimator, the shares of samples and of real ones that a judge recognises, and seconds."""
    make, common, rare = KINDS[kind]
    rng = np.random.default_rng(0)
    y = np.repeat([common, rare], [180, 60])
    X = make(y, rng)
    began = time.process_time()
    gan = SeriesGAN(architecture="dcgan", channels=16, batch_size=32, max_steps=steps, random_state=0).fit(X, y)
    spent = time.process_time() - began

    other = np.repeat([common, rare], judge_rows // 2)
    judge = AuxiliaryClassifier.fit(
        gan.codec_.encode(make(other, rng)),
        (other == rare).astype(np.int64),
        2,
        X.shape[1:],
        decode=torch.Tensor.float,
        steps=judge_steps,
        at_once=256,
        seed=1,
        architecture="dcgan",
    )

    def recognised(X, y):
        _, shares = judge.features_and_shares(gan.codec_.encode(X), torch.Tensor.float)
        right = shares.argmax(1) == (y == rare)
        return {label: float(right[y == label].mean()) for label in (common, rare)}

    unseen = np.repeat([common, rare], 150)
    samples = gan.sample({common: 150, rare: 150}, random_state=0)
    return gan, recognised(*samples), recognised(make(unseen, rng), unseen), spent


def main(arguments=None):
    """Both kinds, and what the judge says of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000, help="of each training (default: 1000)")
    parser.add_argument("--kinds", nargs="+", choices=sorted(KINDS), default=sorted(KINDS))
    parser.add_argument("--judge-steps", type=int, default=400, help="of the judge's training (default: 400)")
    options = parser.parse_args(arguments)
    for kind in options.kinds:
        gan, samples, real, spent = judged(kind, options.steps, options.judge_steps)
        print(f"{kind}: {spent:.0f} s of processor time, quality {gan.quality_:.2f}")
        for label, share in samples.items():
            print(
                f"  {label}: the judge recognises {share:.0%} of the samples, and {real[label]:.0%} of unseen real ones"
            )


if __name__ == "__main__":
    main()
