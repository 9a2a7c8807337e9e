"""Does it help on series? Two classifiers trained in 11 ways on ecg5000 and hapt of ../shared/data.

    python examples/benchmarks/series.py --write

For each set and seed, one ``SeriesGAN`` is fitted to the training series; each arm then trains a network of five
one-dimensional convolutions and, where it needs no training in batches, logistic regression on simple features.
Finished cells, GANs and samples are files of out/series, and a later call goes on from there.

Splits: ecg5000 is halved again for each seed, class by class (its own training part has 2 series of the rarest class),
so that the rarest has 12 to train on. hapt keeps its own split, by person; only trainings differ between seeds.
"""

from __future__ import annotations

import functools
import sys

import numpy as np
from common import OUT, ROOT
from datasets import reader
from images import carry_out, page, parser_of

PAGE = ROOT / "docs" / "series_networks.md"
REFERENCE = "nothing"


def ecg5000(seed):
    from ganaug.experiments import long_tailed

    X, y = reader().load_series("ecg5000")
    rows = np.arange(len(y))
    halves = np.bincount(y) // 2
    train, _ = long_tailed(rows, y, halves.tolist(), seed)
    test = np.setdiff1d(rows, train)
    return X[train], y[train], X[test], y[test]


def hapt(seed):
    X, y, part = reader().load_series("hapt", with_split=True)
    return X[part == 0], y[part == 0], X[part == 1], y[part == 1]


SETS = {"ecg5000": ecg5000, "hapt": hapt}


def run(options, name, finished_only=False):
    """One set."""
    from ganaug import SeriesGAN
    from ganaug.experiments import compare_series

    limits = {"max_time": f"{options.minutes}min"} if options.minutes else {"max_steps": options.steps}
    return compare_series(
        {name: functools.partial(SETS[name])},
        {
            "SeriesGAN": SeriesGAN(
                **limits, noise_floor=not options.no_noise_floor, device=options.device, verbose=False
            )
        },
        options.arms,
        seeds=options.seeds,
        epochs=options.epochs,
        width=options.width,
        quality=not options.quick,
        device=options.device,
        n_jobs=options.jobs,
        cache=options.cache,
        finished_only=finished_only,
    )


def write_page(found, asked):
    intro = (
        "Classifiers trained on imbalanced series in many ways, judged on held-out series, each class weighing the "
        "same: ACSA is balanced accuracy, `rare_recall` the mean accuracy on classes with at most a tenth of the "
        "largest one's training series. Mean over the seeds ± half of Student's 95 % interval. *cnn*: five "
        "one-dimensional convolutions, the same number of steps for every arm. *features*: logistic regression on "
        "level, spread, quartiles, steps and spectrum of each channel. *Weights*: a weighted sampler for the "
        "network, class weights for the regression. SMOTE interpolates raw series. Splits stand in the script."
    )
    PAGE.write_text(
        page(found, "Series under networks and simple features: does it help?", intro, asked, REFERENCE, "series"),
        encoding="utf-8",
    )
    return PAGE


def main(arguments=None):
    parser = parser_of(__doc__, SETS, list(SETS), PAGE, OUT / "series", epochs=30, width=16, steps=2000)
    parser.add_argument("--no-noise-floor", action="store_true", help="leave the synthetic series without noise")
    options = parser.parse_args(arguments)
    return carry_out(options, arguments, "series.py", run, write_page)


if __name__ == "__main__":
    sys.exit(main())
