"""What networks make of images: what a classifier of samples alone is worth, at equal steps and at equal time.

    python examples/benchmarks/image_architectures.py --write

For each set and seed of ``images.py`` and each architecture of ``ImageGAN``: a fit of ``--steps`` steps, and one of
``dcgan`` with so many more as take about the time of the others (*dcgan, longer*). *Samples alone*: balanced accuracy
on the official test images of the network of ``images.py``, trained on samples and nothing else, as many of each class
as the largest has images. *Spread*: the mean distance between two samples of a class, as a share of that
between two of its real images; the least and the median over the classes. A finished cell is a line of
out/image_architectures.csv, and a later call continues from there.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import sys
import time

import numpy as np
from common import OUT, ROOT, machine, write_part
from images import SETS, split
from series_architectures import cells_of, spread

PAGE, PLACE = ROOT / "docs" / "image_log.md", OUT / "image_architectures.csv"
BEGIN, END = "<!-- images: written by examples/benchmarks/image_architectures.py -->", "<!-- end of images -->"
WAYS = {  # name -> (architecture, times the steps)
    "residual": ("residual", 1.0),
    "dcgan": ("dcgan", 1.0),
    "dcgan, longer": ("dcgan", 1.8),
    "style": ("style", 1.0),
}
ARM = "synthetic only + augmentation"


class Fitted:
    """A generator that is fitted already, for `compare_images`."""

    def __init__(self, gan=None):
        self.gan = gan

    def get_params(self, deep=False):
        return {"gan": self.gan}

    def set_params(self, **parameters):
        self.gan = parameters.get("gan", self.gan)
        return self

    def __sklearn_clone__(self):
        return self

    def fit(self, X, y):
        return self

    def sample(self, *arguments, **named):
        return self.gan.sample(*arguments, **named)


def cell(steps, name, seed, way):
    """One line of the file."""
    from ganaug import ImageGAN
    from ganaug.experiments import compare_images

    X, y, *_ = split(name, seed)
    architecture, times = WAYS[way]
    began = time.process_time()
    gan = ImageGAN(architecture=architecture, max_steps=round(times * steps), random_state=seed, verbose=False)
    gan.fit(X, y)
    seconds = time.process_time() - began
    part = compare_images(
        {name: functools.partial(split, name)},
        {way: Fitted(gan)},
        [ARM],
        seeds=[seed],
        epochs=SETS[name][3],
        width=16,
        augment=SETS[name][2],
        quality=False,
    )
    varied = [
        spread(_flat(gan.sample(60, label=one, random_state=seed)[0])) / spread(_flat(X[y == one]))
        for one in np.unique(y)
    ]
    return {
        "set": name,
        "seed": seed,
        "networks": way,
        "steps": gan.n_steps_,
        "least spread": min(varied),
        "median spread": float(np.median(varied)),
        "samples alone": float(part.results["acsa"].iloc[0]),
        "quality": gan.quality_,
        "seconds": seconds,
    }


def _flat(images):
    return np.asarray(images, np.float64).reshape(len(images), -1)


def main(arguments=None):
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = ["usps_20", "pneumoniamnist", "fashion_mnist", "cifar10"]
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=default, metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1], help="default: 0 and 1")
    parser.add_argument("--networks", nargs="+", choices=list(WAYS), default=list(WAYS), metavar="NAME")
    parser.add_argument("--steps", type=int, default=1000, help="of every GAN (default: 1000)")
    parser.add_argument("--finished", action="store_true", help="take what is finished, run nothing")
    parser.add_argument("--write", action="store_true", help=f"write its part of {PAGE.relative_to(ROOT)}")
    options = parser.parse_args(arguments)
    wanted = [(name, seed, way) for seed in options.seeds for name in options.sets for way in options.networks]
    run = functools.partial(cell, options.steps)
    found = cells_of(PLACE, wanted, ["set", "seed", "networks"], run, options.finished)
    text = section(found, options.steps)
    print(text)
    if options.write:
        write_part(PAGE, BEGIN, END, text)
    return 0


def section(cells, steps):
    """The table, in Markdown."""
    from ganaug.experiments import to_markdown

    numbers = ["steps", "least spread", "median spread", "samples alone", "quality", "seconds"]
    table = cells.groupby(["set", "networks"], sort=False)[numbers].mean().round(3)
    table.insert(0, "seeds", cells.groupby(["set", "networks"])["seed"].count())
    table.index = [f"{name}, {own}" for name, own in table.index]
    return (
        f"```bash\npython examples/benchmarks/image_architectures.py --write\n```\n\n"
        f"{datetime.date.today().isoformat()}, {machine()}; means over the seeds; {steps} steps asked for, 1.8 times "
        f"as many where longer.\n\n{to_markdown(table, 3)}"
    )


if __name__ == "__main__":
    sys.exit(main())
