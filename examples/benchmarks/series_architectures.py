"""What networks make of series: how much samples vary, and what a classifier of samples alone is worth.

    python examples/benchmarks/series_architectures.py --write

For each set and seed of ``series_rocket.py`` and each architecture of ``SeriesGAN``, a fit with its defaults. *Spread*:
the mean distance between two samples of a class, as a share of that between two of its real series; the least and the
median over the classes, where 1 is as real. *Samples alone*: balanced accuracy on real test series of the classifier of
``series_rocket.py`` (500 random kernels and a ridge, at the strength that is best on the test series), trained on 100
samples of each class and nothing else; *real*: the same trained on the real series. A finished cell is a line of
out/series_architectures.csv, and a later call continues from there.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import time
from functools import partial

import numpy as np
import pandas as pd
from common import OUT, ROOT, machine, write_part
from series_rocket import SETS, Rocket, ridge

PAGE, PLACE = ROOT / "docs" / "image_log.md", OUT / "series_architectures.csv"
BEGIN, END = "<!-- series: written by examples/benchmarks/series_architectures.py -->", "<!-- end of series -->"
EACH = 100
NAMES = {"components": "components", "residual": "residual convolutions", "dcgan": "strided convolutions"}


def spread(series):
    """The mean distance between two series, of at most 60."""
    flat = series[:60].reshape(len(series[:60]), -1)
    distance = np.sqrt(((flat[:, None] - flat[None]) ** 2).mean(2))
    return distance[np.triu_indices(len(flat), 1)].mean()


def worth(X, y, X_test, y_test, X_real):
    """Balanced accuracy on the test series of a classifier of these."""
    features, classes = Rocket(X_real, 0), len(np.unique(y))
    weights = (1.0 / np.bincount(y))[y] * len(y) / classes
    found = ridge(features(X), y, weights, features(X_test), 0, classes)
    hits = [[(said[y_test == code] == code).mean() for code in range(classes)] for _, said in found]
    return max(np.mean(own) for own in hits)


def cell(steps, name, seed, architecture):
    """One line of the file."""
    from ganaug import SeriesGAN

    X, y, X_test, y_test = SETS[name](seed)
    began = time.process_time()
    gan = SeriesGAN(architecture=architecture, max_steps=steps, random_state=seed, verbose=False).fit(X, y)
    seconds = time.process_time() - began
    made = [gan.sample(EACH, label=code, random_state=seed)[0] for code in np.unique(y)]
    varied = [spread(own) / spread(X[y == code]) for code, own in enumerate(made)]
    return {
        "set": name,
        "seed": seed,
        "architecture": architecture,
        "steps": gan.n_steps_,
        "least spread": min(varied),
        "median spread": float(np.median(varied)),
        "samples alone": worth(np.concatenate(made), np.repeat(np.arange(len(made)), EACH), X_test, y_test, X),
        "real": worth(X, y, X_test, y_test, X),
        "quality": gan.quality_,
        "seconds": seconds,
    }


def cells_of(place, wanted, columns, run, finished=False):
    """Lines of a CSV file, and those of ``wanted`` that it lacks, run one by one if not only ``finished`` ones count.

    ``wanted`` are tuples of what stands in ``columns``, and ``run(*one)`` makes a line.
    """
    known = pd.read_csv(place).to_dict("records") if place.exists() else []
    place.parent.mkdir(exist_ok=True)
    for one in () if finished else wanted:
        if not any(tuple(line[column] for column in columns) == one for line in known):
            known.append(run(*one))
            pd.DataFrame(known).to_csv(place, index=False)
            print(known[-1], flush=True)
    return pd.DataFrame(known)


def main(arguments=None):
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS), metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1], help="default: 0 and 1")
    parser.add_argument("--architectures", nargs="+", choices=list(NAMES), default=list(NAMES), metavar="NAME")
    parser.add_argument("--steps", type=int, help="of every GAN (default: those of SeriesGAN)")
    parser.add_argument("--finished", action="store_true", help="take what is finished, run nothing")
    parser.add_argument("--write", action="store_true", help=f"write its part of {PAGE.relative_to(ROOT)}")
    options = parser.parse_args(arguments)
    wanted = [(name, seed, own) for seed in options.seeds for name in options.sets for own in options.architectures]
    found = cells_of(PLACE, wanted, ["set", "seed", "architecture"], partial(cell, options.steps), options.finished)
    text = section(found)
    print(text)
    if options.write:
        write_part(PAGE, BEGIN, END, text)
    return 0


def section(cells):
    """The table, in Markdown."""
    from ganaug.experiments import to_markdown

    numbers = ["least spread", "median spread", "samples alone", "real", "quality", "seconds"]
    table = cells.groupby(["set", "architecture"], sort=False)[numbers].mean()
    table.index = [f"{name}, {NAMES[own]}" for name, own in table.index]
    seeds = sorted(cells["seed"].unique())
    return (
        f"```bash\npython examples/benchmarks/series_architectures.py --write\n```\n\n"
        f"{datetime.date.today().isoformat()}, {machine()}; means over seeds {', '.join(map(str, seeds))}; "
        f"{', '.join(map(str, sorted(cells['steps'].unique())))} steps at most.\n\n{to_markdown(table, 3)}"
    )


if __name__ == "__main__":
    sys.exit(main())
