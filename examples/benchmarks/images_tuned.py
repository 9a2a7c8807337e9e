"""Does it help on images when every arm is tuned? Learning rate, epochs and augmentation of each, chosen beforehand.

    python examples/benchmarks/images_tuned.py --write

The sets, the network and the arms of images.py, where all arms share one setting. Here each arm has its own, chosen on
images that it did not see, and is then trained with it on all training images and judged on the official test images.

Tuning, for each set: the training images of the first two seeds are split class by class, 30 % of each class (5 images
at least, or half of a class of fewer than 10) for validation and the rest for fitting. A GAN is fitted to the fitting
part alone. Every arm then trains with the settings of a small grid, and the setting with the highest ACSA on the
validation images, mean over the two seeds, is taken; where two are equal, the one nearer to that of images.py. The
search goes coordinate by coordinate, seven settings an arm, and not through the whole grid of 27:

- augmentation: none, the set's standard one (of images.py), that and a box cut out (a quarter of the image)
- learning rate, at its height: a third of 0.002, 0.002, three times that
- epochs: half as many as in images.py, as many, twice as many

Every arm has the same grid; nothing of the GANs, of the share of synthetic images or of Mixup is tuned for any. What
is finished is files of out/images_tuned, and a later call goes on from there; what comes of a GAN counts as long as
ganaug's code is the same. ``--write-only`` writes the page from what is finished; an arm with unfinished cells is left
out, and named.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import sys
import time
from typing import NamedTuple

import numpy as np
import pandas as pd
from common import OUT, ROOT, versions
from images import SETS, carry_out, section, split, where

PAGE = ROOT / "docs" / "image_comparison_tuned.md"
ARMS = [
    "augmentation",
    "weighted sampler + augmentation",
    "logit adjustment + augmentation",
    "Mixup-DRW + augmentation",
    "Mixup + weighted sampler + augmentation",
    "half synthetic + weighted sampler + augmentation",
    "half synthetic until 0.7, then weighted sampler + augmentation",
    "half synthetic + logit adjustment + augmentation",
    "half synthetic + Mixup + weighted sampler + augmentation",
]
TUNED = [name for name, (_, counts, *_) in SETS.items() if len(set(counts)) > 1]
HELD, LEAST = 0.3, 5  # share of each class that validates, and images of it at least
RATE = 2e-3


class Setting(NamedTuple):
    """How an arm trains; rate and epochs are factors on those of images.py."""

    augmentation: str = "standard"
    rate: float = 1.0
    epochs: float = 1.0


# In the order of the search; the setting of images.py first, so that it wins where scores are equal. Epochs come last
# because the longest trainings are then made once.
GRID = {"augmentation": ["standard", "none", "cutout"], "rate": [1.0, 1 / 3, 3.0], "epochs": [1.0, 0.5, 2.0]}


# ---- Tuning ----------------------------------------------------------------------------------------------


def validation(name, seed):
    """The training images of a seed as (X_fit, y_fit, X_held, y_held); test images are left alone."""
    from ganaug.experiments import long_tailed

    X, y, *_ = split(name, seed)
    labels, counts = np.unique(y, return_counts=True)
    held = [min(max(LEAST, round(HELD * n)), n // 2) for n in counts.tolist()]
    rows = np.arange(len(y))
    fit, _ = long_tailed(rows, y, dict(zip(labels.tolist(), (counts - held).tolist(), strict=True)), seed)
    rest = np.setdiff1d(rows, fit)
    return X[fit], y[fit], X[rest], y[rest]


def search(arms, score):
    """The setting of each arm, found coordinate by coordinate.

    ``score`` takes a dict of arms to settings and returns ACSA by (arm, setting): NaN of a training that failed, and
    nothing of one that is not finished. Returns the settings, all scores, and the arms that lack some.
    """
    chosen, scores, unfinished = dict.fromkeys(arms, Setting()), {}, []
    for field, values in GRID.items():
        wanted = {arm: [best._replace(**{field: value}) for value in values] for arm, best in chosen.items()}
        scores |= score({arm: [one for one in tried if (arm, one) not in scores] for arm, tried in wanted.items()})
        for arm, tried in wanted.items():
            if any((arm, one) not in scores for one in tried):
                unfinished.append(arm)
                del chosen[arm]
            else:  # the first of equals, which is the one so far; a failed one is never taken
                chosen[arm] = max(tried, key=lambda one, arm=arm: np.nan_to_num(scores[arm, one], nan=-1.0))
    return chosen, scores, unfinished


def by_setting(settings):
    """A dict of arms to lists of settings, turned round."""
    turned = {}
    for arm, tried in settings.items():
        for one in tried:
            turned.setdefault(one, []).append(arm)
    return turned


def gan(options):
    from ganaug import ImageGAN

    return ImageGAN(max_steps=options.steps, device=options.device, verbose=False)


def train(options, name, arms, setting, seeds, finished_only, tuning=False):
    """Arms with one setting: tuning, on the validation part, and otherwise on the test images."""
    from ganaug.experiments import compare_images

    source = (
        {f"{name} tuning": functools.partial(validation, name)} if tuning else {name: functools.partial(split, name)}
    )
    standard, epochs = SETS[name][2:]
    augment = {"none": (), "standard": standard, "cutout": (*standard, "cutout")}[setting.augmentation]
    began = time.perf_counter()
    part = compare_images(
        source,
        {"ImageGAN": gan(options)},
        arms,
        seeds=seeds,
        epochs=max(1, round(setting.epochs * (options.epochs or epochs))),
        learning_rate=setting.rate * RATE,
        width=options.width,
        augment=augment,
        quality=False,
        device=options.device,
        n_jobs=options.jobs,
        cache=options.cache,
        finished_only=finished_only,
    )
    if not finished_only:
        what = f"{name}, {'tuning' if tuning else 'judging'}: {len(arms)} arms, {words(options, name, setting)}"
        print(f"{what}; {time.perf_counter() - began:.0f} s", flush=True)
    return part


def tune(options, name, finished_only):
    """The setting of each arm, scores on the validation images, arms that are not finished, and failed trainings."""
    failed = []

    def score(settings):
        found = {}
        for setting, arms in by_setting(settings).items():
            part = train(options, name, arms, setting, options.tune_seeds, finished_only, tuning=True)
            if part.results.empty:
                continue
            for arm, rows in part.results.groupby("arm"):
                if len(rows) == len(options.tune_seeds):
                    found[arm, setting] = rows["acsa"].mean(skipna=False)
            failed.extend(f"{row['arm']}, {setting}: {row['error'][:200]}" for _, row in part.failures.iterrows())
        return found

    return *search(options.arms, score), failed


def run(tuned, options, name, finished_only=False):
    """One set: tune, which goes into ``tuned``, then train on all training images. Returns an `ImageComparison`."""
    from ganaug.experiments import ImageComparison

    tuned[name] = chosen, scores, unfinished, failed = tune(options, name, finished_only)
    for arm, setting in chosen.items():
        before, after = scores[arm, Setting()], scores[arm, setting]
        print(f"{name}, {arm}: {words(options, name, setting)}; validation {before:.3f} -> {after:.3f}", flush=True)
    for text in failed:
        print(f"{name}: failed in tuning: {text}", flush=True)
    parts = [
        train(options, name, arms, setting, options.seeds, finished_only)
        for setting, arms in by_setting({arm: [one] for arm, one in chosen.items()}).items()
    ]
    parts = [part for part in parts if len(part.results)]
    counts = {arm: len(rows) for part in parts for arm, rows in part.results.groupby("arm")}
    finished = [arm for arm in options.arms if counts.get(arm) == len(options.seeds)]
    unfinished.extend(arm for arm in chosen if arm not in finished)
    whole = ImageComparison([], {key: shown for part in parts for key, shown in part.samples.items()})
    if finished:
        whole.results = _in_order([part.results for part in parts], finished)
        whole.per_class = _in_order([part.per_class for part in parts], finished)
    return whole


def _in_order(tables, arms):
    """Tables below one another, with the rows of these arms, arm by arm."""
    table = pd.concat(tables)
    return pd.concat([table[table["arm"] == arm] for arm in arms], ignore_index=True)


# ---- The page --------------------------------------------------------------------------------------------


def words(options, name, setting):
    """A setting, as it is written on the page."""
    epochs = max(1, round(setting.epochs * (options.epochs or SETS[name][3])))
    return f"augmentation {setting.augmentation}, rate {setting.rate * RATE:.2g}, {epochs} epochs"


def sides(part):
    """Arms with and without synthetic images; one that failed on any seed is in neither."""
    whole = part.results.groupby("arm", sort=False).filter(lambda rows: rows["acsa"].notna().all())
    kinds = dict(zip(whole["arm"], whole["kind"], strict=True))
    return ([arm for arm, kind in kinds.items() if kind == side] for side in ("blend", "baseline"))


def judged(part, blend, others):
    """An arm against others: where it stands with each, in words, and (ahead of all, behind any)."""
    ahead, behind, lines = True, False, []
    for other in others:
        row = part.against(other).loc[(slice(None), slice(None), blend), :].iloc[0]
        width = row["interval"]  # NaN of a single seed, which tells nothing
        ahead, behind = ahead and row["difference"] > width, behind or row["difference"] < -width
        lines.append(f"{row['difference']:+.3f}" + ("" if np.isnan(width) else f" ± {width:.3f}") + f" to {other}")
    return "; ".join(lines), bool(ahead), bool(behind)


def goal(found, tuned):
    """The verdict, and a line for each set."""
    lines, ahead, behind = [], [], []
    for name, part in found.items():
        blends, others = sides(part)
        if not blends or not others:
            lines.append(f"- {name}: nothing to compare, because arms of one side failed or are not finished")
            continue
        means = part.summary("acsa")["mean"].droplevel(["dataset", "classifier"])
        best = means[blends].idxmax()
        text, above, below = judged(part, best, others)
        ahead += [name] * above
        behind += [name] * below
        word = "ahead of every arm without" if above else "**behind**" if below else "**not ahead**"
        lines.append(f"- {name}, {word}: {best} {means[best]:.3f}; {text}")
        chosen, scores, *_ = tuned[name]
        picked = [max(side, key=lambda arm: np.nan_to_num(scores[arm, chosen[arm]])) for side in (blends, others)]
        text, *_ = judged(part, picked[0], picked[1:])
        lines.append(f"- {name}, arms that were best on the validation images: {picked[0]}; {text}")
    reached = "reached" if ahead and not behind else "**not reached**"
    return f"The goal is {reached}: ahead on {len(ahead)} of {len(found)} sets, behind on {len(behind)}.", lines


def settings(options, name, part, tuned):
    """The setting of each arm."""
    from ganaug.experiments import to_markdown

    chosen, scores, unfinished, failed = tuned
    rows = {}
    for arm in dict.fromkeys(part.results["arm"]):
        one = chosen[arm]
        epochs = max(1, round(one.epochs * (options.epochs or SETS[name][3])))
        row = {"augmentation": one.augmentation, "learning rate": f"{one.rate * RATE:.2g}", "epochs": str(epochs)}
        row |= {
            "validation ACSA": f"{scores[arm, one]:.3f}",
            "with the setting of images.py": f"{scores[arm, Setting()]:.3f}",
        }
        rows[arm] = row
    text = ["The setting of each arm, and its ACSA on the validation images:"]
    text.append(to_markdown(pd.DataFrame.from_dict(rows, orient="index").rename_axis("arm")))
    own = [chosen[arm] for arm in rows]
    edges = [sum(one.rate == rate for one in own) for rate in (min(GRID["rate"]), max(GRID["rate"]))]
    longest = sum(one.epochs == max(GRID["epochs"]) for one in own)
    text.append(
        f"At the edge of the grid, so that more may be to be gained beyond: the longest training in {longest} of "
        f"{len(own)} arms, the lowest rate in {edges[0]}, the highest in {edges[1]}."
    )
    if unfinished:
        text.append(f"Not finished, and left out: {', '.join(unfinished)}.")
    if failed:
        text.append("Failed in tuning:\n\n" + "\n".join(f"- {line}" for line in failed))
    return "\n\n".join(text)


def write_page(tuned, options, found, asked):
    verdict, lines = goal(found, tuned)
    n = len(options.tune_seeds)
    parts = [
        "# Images, every arm tuned: does it help?",
        "The arms, sets and network of [the other comparison](image_comparison.md), where all arms share one setting. "
        "Here each arm trains with its own learning rate, number of epochs and strength of augmentation, found on "
        f"validation images: {HELD:.0%} of the training images of each class, {LEAST} at least, split off for "
        f"{'one seed' if n == 1 else f'each of {n} seeds'}; the GAN of the tuning saw the others only. The search is "
        "coordinate by coordinate, first augmentation (*none*; the *standard* one, which is moving by up to an eighth "
        "and, on photographs, mirroring; *cutout*, which also hides a quarter of the image), then the learning rate (a "
        "third, once and three times 0.002), then epochs (half, once and twice those of the other page): seven "
        "settings an arm, not all 27. So an arm may train without the augmentation in its "
        "name. The highest mean ACSA on the validation images decides, and where it is equal "
        "the setting of the other page. Nothing else is tuned, for arms with synthetic images as little as for those "
        f"without. Then each arm trains with its setting on all training images, over {len(options.seeds)} seeds, and "
        "is judged on the official test images; mean ± half of Student's 95 % interval. The validation images are few "
        "of the rarest classes, so near settings are hardly told apart. Classifiers are "
        f"{options.width} maps wide, GANs of {options.steps} steps.",
        f"```bash\n{asked}\n```",
        f"{datetime.date.today().isoformat()}, on: {where()}.\n{versions('ganaug', 'torch', 'scikit-learn', 'numpy')}.",
        "## Is the best arm with synthetic images ahead of every arm without?",
        "Wanted: on one set at least, on ACSA and by more than the interval of the difference over the seeds, and "
        "behind any on none. Which arm with synthetic images is best is known only from the test images; a second line "
        "for each set compares the arms that were best on the validation images, one of either side.",
        verdict,
        "\n".join(lines),
    ]
    for name, part in found.items():
        parts += [section(name, part, "images_tuned"), settings(options, name, part, tuned[name])]
    PAGE.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return PAGE


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = ["usps_20", "pneumoniamnist"]
    parser.add_argument("--sets", nargs="+", choices=TUNED, default=default, metavar="NAME", help=f"of {TUNED}")
    parser.add_argument(
        "--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4], help="of the judging (default: 0 to 4)"
    )
    parser.add_argument("--tune-seeds", nargs="+", type=int, default=[0, 1], help="of the tuning (default: 0 1)")
    parser.add_argument(
        "--arms", nargs="+", choices=ARMS, default=ARMS, metavar="NAME", help="only these (default: all)"
    )
    parser.add_argument("--epochs", type=int, default=None, help="in the middle of the grid (default: by set)")
    parser.add_argument("--width", type=int, default=16, help="of every classifier (default: 16)")
    parser.add_argument("--steps", type=int, default=1000, help="of every GAN (default: 1000)")
    parser.add_argument("--device", default="cpu", help="of GANs and classifiers (default: cpu, on which they repeat)")
    parser.add_argument("--jobs", type=int, default=None, help="arms at a time (default: 1)")
    parser.add_argument(
        "--cache", type=type(OUT), default=OUT / "images_tuned", help="folder (default: out/images_tuned)"
    )
    parser.add_argument("--write", action="store_true", help=f"write docs/{PAGE.name} and its pictures")
    parser.add_argument("--write-only", action="store_true", help="write it from what is finished; run nothing")
    options = parser.parse_args(arguments)
    for name in ("seeds", "tune_seeds", "arms"):
        setattr(options, name, list(dict.fromkeys(getattr(options, name))))
    tuned = {}
    write = functools.partial(write_page, tuned, options)
    return carry_out(options, arguments, "images_tuned.py", functools.partial(run, tuned), write)


if __name__ == "__main__":
    sys.exit(main())
