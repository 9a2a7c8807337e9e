"""Does it help on series? ROCKET features and a tuned ridge trained in many ways on five sets of ../shared/data.

    python examples/benchmarks/series_rocket.py --write

For each seed and set, one ``SeriesGAN`` is fitted to the training series, and each arm then trains the same
classifier: 500 random convolution kernels (Dempster et al. 2020; of 9 steps, dilated by powers of two), of each the
maximum and the share of positive values, and a ridge regression on the classes. Its strength, of 10 from 0.1 to 1e5, is
the one with the best balanced accuracy of training series in leave-one-out, without and with class weights; arms with
new series take that with class weights, since a series that is left out still shows in what was made from it. The page
also tells what each arm reaches at the strength that is best on the test series, so that none loses by its tuning.

Arms without a GAN: nothing, class weights, SMOTE on values, Gaussian noise and time warping of copies at two and three
strengths, and the imbalance module of aeon, which runs beforehand in an environment of its own:

    python examples/benchmarks/series_rocket.py --splits-only
    out/aeon/bin/python examples/benchmarks/series_peers.py out/series_rocket

Arms whose series are not there are left out. A split, a fitted GAN's series and a finished cell are files of
out/series_rocket, and a later call goes on from there; they are named by data, settings and seed, not by ganaug's code,
so empty the folder after a change of it. ``--write-only`` writes the page from what is finished.

Splits, training series of each class (drawn again for each seed, all others are for testing, except where noted):

- ecg5000: 400, 400, 48, 97, 12
- hapt: 200 of each of six activities and 20 of each of six transitions, of the persons that its own split trains on;
  tested on the others
- medical_images: half of each class, 11 to 273
- ecg200: 66, 8
- basic_motions: 10, 5, 3, 2
"""

from __future__ import annotations

import argparse
import datetime
import shlex
import sys
import time
from pathlib import Path

import numpy as np
import torch
from common import OUT, ROOT, machine, versions
from datasets import reader

PAGE, IMAGES = ROOT / "docs" / "series_comparison.md", ROOT / "docs" / "images"
REFERENCE = "nothing"
GOAL = 2  # sets on which an arm with a GAN is to be ahead
KERNELS, LENGTH = 500, 9
ALPHAS = np.logspace(-1, 5, 10)
AT_ONCE = 256

# ---- Splits ------------------------------------------------------------------------------------------


def drawn(name, counts):
    def split(seed):
        from ganaug.experiments import long_tailed

        X, y = reader().load_series(name)
        rows = np.arange(len(y))
        train, _ = long_tailed(rows, y, counts or (np.bincount(y) // 2).tolist(), seed)
        test = np.setdiff1d(rows, train)
        return X[train], y[train], X[test], y[test]

    return split


def hapt(seed):
    from ganaug.experiments import long_tailed

    X, y, part = reader().load_series("hapt", with_split=True)
    train, _ = long_tailed(np.flatnonzero(part == 0), y[part == 0], [200] * 6 + [20] * 6, seed)
    return X[train], y[train], X[part == 1], y[part == 1]


SETS = {
    "ecg5000": drawn("ecg5000", [400, 400, 48, 97, 12]),
    "hapt": hapt,
    "medical_images": drawn("medical_images", None),
    "ecg200": drawn("ecg200", [66, 8]),
    "basic_motions": drawn("basic_motions", [10, 5, 3, 2]),
}

# ---- Arms without a GAN: (series, how many new ones of the class, rng) -> new ones ---------------------


def noisy(strength):
    """Copies with normal noise, a share of each channel's spread."""

    def make(own, n, rng, spread):
        copies = own[rng.integers(len(own), size=n)]
        return copies + strength * spread * rng.standard_normal(copies.shape)

    return make


def warped(strength):
    """Copies whose time runs faster and slower: its logarithm's speed is a smooth normal curve through 4 knots."""

    def make(own, n, rng, spread):
        copies, length = own[rng.integers(len(own), size=n)], own.shape[2]
        at = np.linspace(0, 3, length)
        speed = np.exp([np.interp(at, np.arange(4), strength * rng.standard_normal(4)) for _ in range(n)])
        clock = np.concatenate([np.zeros((n, 1)), np.cumsum(speed, 1)[:, :-1]], 1).reshape(n, length)
        clock *= (length - 1) / clock[:, -1:]
        return np.stack(
            [
                [np.interp(times, np.arange(length), channel) for channel in one]
                for one, times in zip(copies, clock, strict=True)
            ]
        )

    return make


def smote(own, n, rng, spread):
    """Between a series and one of its 5 nearest of the class."""
    first, k = rng.integers(len(own), size=n), min(5, len(own) - 1)
    flat = own.reshape(len(own), -1)
    distance = ((flat[:, None] - flat[None]) ** 2).sum(2)
    np.fill_diagonal(distance, np.inf)
    second = distance.argsort(1)[first, rng.integers(k, size=n)] if k else first
    return own[first] + rng.random((n, 1, 1)) * (own[second] - own[first])


MAKERS = {
    "SMOTE": smote,
    "noise 0.05": noisy(0.05),
    "noise 0.2": noisy(0.2),
    "warping 0.2": warped(0.2),
    "warping 0.5": warped(0.5),
    "warping 1": warped(1.0),
}
PEERS = ("elastic SMOTE", "elastic ADASYN", "ESMOTE", "OHIT")
# name -> share of what a class lacks to the largest; how real and synthetic ones weigh
BLENDS = {
    "GAN 0.25": (0.25, "each"),
    "GAN 0.5": (0.5, "each"),
    "GAN 1": (1.0, "each"),
    "GAN 0.5 + weights": (0.5, "classes"),
    "GAN 0.5, warping 0.5": (0.5, "warped"),
    "GAN 1, half weight + weights": (1.0, "halves"),
    "GAN only": (1.0, "alone"),
}
ARMS = ("nothing", "weights", *MAKERS, *PEERS, *BLENDS)


def balanced_by(make, X, y, rng, there=()):
    """New series of each class, as many as it lacks to the largest beside those that are there."""
    counts, spread = np.bincount(y), X.std((0, 2), keepdims=True)
    lacking = counts.max() - counts - np.bincount(np.asarray(there, int), minlength=len(counts))
    new = [make(X[y == code].astype(np.float64), lacking[code], rng, spread) for code in np.flatnonzero(lacking)]
    return np.concatenate([X[:0], *new]).astype(np.float32), np.repeat(np.arange(len(counts)), lacking)


def sample_weights(how, y, synthetic):
    """(n,), whose mean is 1."""
    if how in ("each", "warped"):
        return np.ones(len(y))
    cell = y if how != "halves" else 2 * y + synthetic
    weights = 1.0 / np.bincount(cell)[cell]
    if how == "halves":  # of a class without synthetic series, real ones count for both halves
        weights *= np.where(np.bincount(y[synthetic], minlength=y.max() + 1)[y] > 0, 1.0, 2.0)
    return weights * len(y) / weights.sum()


# ---- The classifier ----------------------------------------------------------------------------------------


class Rocket:
    """Random convolution kernels. (n, C, length) -> (n, 2 * kernels)."""

    def __init__(self, X, seed):
        rng = np.random.default_rng([seed, 7])
        self.mean, self.std = X.mean((0, 2), keepdims=True), np.maximum(X.std((0, 2), keepdims=True), 1e-6)
        channels, length = X.shape[1:]
        most = int(np.log2(max(1, (length - 1) / (LENGTH - 1))))
        groups = {}
        for _ in range(KERNELS):
            key = int(2 ** rng.integers(0, most + 1)), bool(rng.integers(2))
            weights = rng.standard_normal((channels, LENGTH))
            weights -= weights.mean(1, keepdims=True)
            used = rng.permutation(channels)[: int(2 ** rng.uniform(0, np.log2(channels + 1)))]
            weights[np.setdiff1d(np.arange(channels), used)] = 0
            groups.setdefault(key, []).append((weights, rng.uniform(-1, 1)))
        self.groups = []
        for (dilation, padded), own in sorted(groups.items()):
            weights, bias = (torch.from_numpy(np.array(part, np.float32)) for part in zip(*own, strict=True))
            self.groups.append((dilation, (LENGTH - 1) * dilation // 2 * padded, weights, bias))

    @torch.inference_mode()
    def __call__(self, X):
        out = []
        for part in torch.from_numpy(((X - self.mean) / self.std).astype(np.float32)).split(AT_ONCE):
            found = []
            for dilation, padding, weights, bias in self.groups:
                y = torch.nn.functional.conv1d(part, weights, bias, padding=padding, dilation=dilation)
                found += [y.amax(2), (y > 0).float().mean(2)]
            out.append(torch.cat(found, 1))
        return torch.cat(out).double().numpy()


def ridge(F, y, weights, F_test, n_real, n_classes):
    """For each strength: leave-one-out predictions of the real series (which come first), and those of test series."""
    share = weights / weights.sum()
    centre = share @ F
    scale = np.sqrt(share @ (F - centre) ** 2)
    scale[scale < 1e-9] = 1
    root = np.sqrt(weights)[:, None]
    targets = np.where(y[:, None] == np.arange(n_classes), 1.0, -1.0)
    level = share @ targets
    A, target = (F - centre) / scale * root, (targets - level) * root
    # A = U sqrt(values) V', by the smaller of its two products
    if len(A) > A.shape[1]:
        values, V = np.linalg.eigh(A.T @ A)
        good = values > 1e-10 * values.max()
        values, V = values[good], V[:, good]
        U, right = A @ (V / np.sqrt(values)), V * np.sqrt(values)
    else:
        values, U = np.linalg.eigh(A @ A.T)
        good = values > 1e-10 * values.max()
        values, U = values[good], U[:, good]
        right = A.T @ U
    projected, test_side = U.T @ target, (F_test - centre) / scale @ right
    found = []
    for alpha in ALPHAS * len(A) / (n_real or len(A)):  # as strong for each series, whatever their number
        shrunk = values / (values + alpha)
        leverage = U[:n_real] ** 2 @ shrunk + share[:n_real]
        wrong = (target[:n_real] - U[:n_real] @ (shrunk[:, None] * projected)) / np.maximum(1 - leverage, 1e-6)[:, None]
        left_out = (target[:n_real] - wrong) / root[:n_real] + level
        scores = test_side @ (projected / (values + alpha)[:, None]) + level
        found.append((left_out.argmax(1), scores.argmax(1)))
    return found


def judged(found, at, y_test, counts):
    """Scores with the strength at a place, and the best ACSA that any would give on the test series."""
    from ganaug.experiments.scores import class_scores, class_shares, rare_classes, recalls

    K = len(counts)
    hit = recalls(class_shares(y_test, found[at][1], K))
    scores = class_scores(y_test, found[at][1], K) | {"rare_recall": float(hit[rare_classes(counts)].mean())}
    best = max(class_scores(y_test, predicted, K)["acsa"] for _, predicted in found)
    return scores | {"recalls": hit.tolist(), "best_acsa": best, "alpha": float(ALPHAS[at])}


def tuned(found, y, n_classes):
    """The place of the strength with the best balanced accuracy of series left out."""
    from ganaug.experiments.scores import class_scores

    return int(np.argmax([class_scores(y, left_out, n_classes)["acsa"] for left_out, _ in found]))


# ---- Cells ---------------------------------------------------------------------------------------------------


class Cells:
    """All arms on one split of one set."""

    def __init__(self, options, name, seed):
        from ganaug.experiments.images.arms import read_split

        self.options, self.name, self.seed = options, name, seed
        self.split = read_split(SETS[name](seed))
        self.X = self.split.X_train.astype(np.float32)
        self.stem = options.cache / f"{name}-{seed}"
        self._features = self._strength = None

    def write_split(self):
        path = self.stem.with_name(self.stem.name + ".split.npz")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, X=self.X, y=self.split.y_train, seed=self.seed)

    def peer(self, arm):
        """What aeon made, or None."""
        path = self.stem.with_name(f"{self.stem.name}.{arm.replace(' ', '_')}.npz")
        if not path.exists():
            return None
        with np.load(path) as stored:
            return stored["X"], stored["y"], str(stored["error"])

    def pool_path(self):
        return self.stem.with_name(f"{self.stem.name}-{self.options.steps}-{self.options.channels}.pool")

    def pool(self):
        """The GAN's series, fitted now if they are not there."""
        from ganaug import SeriesGAN
        from ganaug.experiments.images.trials import is_stored, read_samples, store_samples

        o, path = self.options, self.pool_path()
        if not is_stored(path):
            gan = SeriesGAN(max_steps=o.steps, channels=o.channels, verbose=False)
            store_samples(gan, self.split, self.seed, path)
        return read_samples(path)

    def new_series(self, arm):
        """New series, their classes, and how long the GAN took."""
        counts, y = self.split.counts, self.split.y_train
        none = self.X[:0], y[:0]
        if arm in MAKERS:
            return *balanced_by(MAKERS[arm], self.X, y, np.random.default_rng([self.seed, 11])), np.nan
        if arm in PEERS:
            X, codes, error = self.peer(arm)
            if error:
                raise ValueError(error)
            return X, codes, np.nan
        if arm not in BLENDS:
            return *none, np.nan
        share, how = BLENDS[arm]
        lacking = np.full_like(counts, counts.max()) if how == "alone" else counts.max() - counts
        pool = self.pool()
        places = pool.first(np.rint(share * lacking).astype(int))
        made, codes = pool.X[places].astype(np.float32), pool.codes[places]
        if how == "warped":  # the other half
            X, y = balanced_by(MAKERS["warping 0.5"], self.X, y, np.random.default_rng([self.seed, 11]), codes)
            made, codes = np.concatenate([made, X]), np.concatenate([codes, y])
        return made, codes, pool.seconds_fit

    def path(self, arm):
        from ganaug.experiments.harness import trial_path

        o, blend = self.options, arm in BLENDS
        key = [KERNELS, ALPHAS.tolist(), [o.steps, o.channels, ""] if blend else None]
        return trial_path(o.cache, self.name, arm, self.seed, 0, key)

    def run(self, arm, finished_only):
        """The row of an arm, or None."""
        from ganaug.experiments.harness import error_text, read_trial, write_trial

        path = self.path(arm)
        rows = read_trial(path)
        if rows is not None:
            return rows[0]
        if finished_only or (arm in PEERS and self.peer(arm) is None):
            return None
        kind = ("synthetic" if arm == "GAN only" else "blend") if arm in BLENDS else "baseline"
        row = {"dataset": self.name, "seed": self.seed, "classifier": "rocket", "arm": arm, "kind": kind}
        row |= {"generator": "SeriesGAN" if arm in BLENDS else "", "error": "", "note": ""}
        began = time.perf_counter()
        try:
            row |= self.scores(arm)
        except Exception as error:
            row["error"] = error_text(error)
        write_trial(path, [row | {"seconds_fit": time.perf_counter() - began}])
        return row

    def scores(self, arm):
        y, counts = self.split.y_train, self.split.counts
        X_new, new, seconds = self.new_series(arm)
        how = "classes" if arm == "weights" else BLENDS[arm][1] if arm in BLENDS else "each"
        found = self.ridge(X_new, new, how)
        if arm in ("nothing", "weights"):
            at = tuned(found, y, len(counts))
        else:
            if self._strength is None:
                self._strength = tuned(self.ridge(X_new[:0], new[:0], "classes"), y, len(counts))
            at = self._strength
        about = {"n_real": 0 if how == "alone" else len(y), "n_synthetic": len(new), "counts": counts.tolist()}
        about |= {"labels": [str(label) for label in self.split.labels], "seconds_generator": seconds}
        return about | judged(found, at, self.split.y_test, counts)

    def ridge(self, X_new, new, how):
        """`ridge` on real and new series, or on new ones alone."""
        if self._features is None:
            rocket = Rocket(self.X, self.seed)
            self._features = rocket, rocket(self.X), rocket(self.split.X_test.astype(np.float32))
        (rocket, F, F_test), y = self._features, self.split.y_train
        n_real = 0 if how == "alone" else len(y)
        F = np.concatenate([F[:n_real], rocket(X_new)]) if len(new) else F
        y = np.concatenate([y[:n_real], new])
        weights = sample_weights("each" if how == "alone" else how, y, np.arange(len(y)) >= n_real)
        return ridge(F, y, weights, F_test, n_real, len(self.split.counts))


def computed(options, finished_only=False):
    """Name of a set -> its results."""
    from ganaug.experiments import ImageComparison

    rows = {name: [] for name in options.sets}
    for seed in options.seeds:
        for name in options.sets:
            cells, began = Cells(options, name, seed), time.perf_counter()
            for arm in options.arms:
                row = cells.run(arm, finished_only)
                if row is not None:
                    rows[name].append(row)
            if not finished_only:
                print(f"{name}, seed {seed}: {time.perf_counter() - began:.0f} s", flush=True)
    return {name: ImageComparison(own, kind="series") for name, own in rows.items() if own}


# ---- The page --------------------------------------------------------------------------------------------------


def at_best(part):
    """The same results with each arm at the strength that is best on the test series."""
    from ganaug.experiments import ImageComparison

    return ImageComparison(part.results.assign(acsa=part.results["best_acsa"]).to_dict("records"), kind="series")


def verdict(parts):
    """Whether the goal is reached, and a line for each set."""
    lines, ahead = [], 0
    for name, part in parts.items():
        for _, row in part.best("acsa").iterrows():
            width = "" if np.isnan(row["interval"]) else f" ± {row['interval']:.3f}"
            text = f"{row['blend']} {row['blend_mean']:.3f}, {row['other']} {row['other_mean']:.3f}"
            lines.append(f"- {name}: {text}; difference {row['difference']:+.3f}{width}, {row['verdict']}")
            ahead += row["verdict"] == "better"
    reached = "reached" if ahead >= GOAL else "**not reached**"
    return f"The goal is {reached}: ahead on {ahead} of {len(lines)} sets, where {GOAL} were wanted.", "\n".join(lines)


def overview(parts):
    """A row for each arm, a column for each set; the best mean in bold."""
    import pandas as pd

    from ganaug.experiments import to_markdown

    columns = {}
    for name, part in parts.items():
        table = part.summary("acsa").droplevel(["dataset", "classifier"])
        best = table["mean"].max()
        texts = {}
        for arm, row in table.iterrows():
            width = "" if np.isnan(row["interval"]) else f" ± {row['interval']:.3f}"
            text = "not made" if np.isnan(row["mean"]) else f"{row['mean']:.3f}{width}"
            texts[arm] = f"**{text}**" if row["mean"] == best else text
        columns[name] = texts
    table = pd.DataFrame(columns).reindex([arm for arm in ARMS if any(arm in own for own in columns.values())])
    return to_markdown(table.fillna("not run").rename_axis("arm"))


def solved(parts):
    """Which sets tell nothing."""
    names = [name for name, part in parts.items() if part.results["acsa"].min() > 0.995]
    return f"Solved by every arm, so that nothing can be gained: {', '.join(names)}." if names else ""


def failures(parts):
    lines = [
        f"- {name}, {row['arm']}: {row['error'].removeprefix('ValueError: ')[:120]}"
        for name, part in parts.items()
        for _, row in part.failures.drop_duplicates("arm").iterrows()
    ]
    return "What could not be made:\n\n" + "\n".join(lines) if lines else ""


def picture(options, name):
    """A few real series and the GAN's of the rarest and the largest class, first channel; Markdown, or nothing."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from ganaug.experiments.images.trials import is_stored

    cells = Cells(options, name, options.seeds[0])
    if not is_stored(cells.pool_path()):
        return ""
    pool, counts, y = cells.pool(), cells.split.counts, cells.split.y_train
    figure, axes = plt.subplots(1, 4, figsize=(12, 2.4), sharey=True, layout="constrained")
    for pair, code in zip((axes[:2], axes[2:]), (counts.argmin(), counts.argmax()), strict=True):
        for ax, X, what in zip(pair, (cells.X[y == code], pool.X[pool.codes == code]), ("real", "GAN"), strict=True):
            ax.plot(X[:8, 0].T, linewidth=0.8)
            ax.set_title(f"class {cells.split.labels[code]} ({counts[code]}), {what}", fontsize=9)
    IMAGES.mkdir(parents=True, exist_ok=True)
    figure.savefig(IMAGES / f"series_rocket_{name}.png", dpi=80)
    plt.close(figure)
    return f"![{name}: real series and the GAN's](images/series_rocket_{name}.png)"


def write_page(options, parts, asked):
    seeds = max(part.results["seed"].nunique() for part in parts.values())
    version = options.cache / "aeon.txt"
    peers = (
        f" aeon {version.read_text(encoding='utf-8').strip()} in an environment of its own." if version.exists() else ""
    )
    goal, lines = verdict(parts)
    best = {name: at_best(part) for name, part in parts.items()}
    goal_best, lines_best = verdict(best)
    seconds = np.concatenate([part.results["seconds_generator"].dropna() for part in parts.values()])
    size = " with its defaults"
    if (options.steps, options.channels) != (None, None):
        size = f" of {options.steps or 2000} steps, {options.channels or 'as many as usual'} channels wide"
    took = f" A GAN took {np.median(seconds):.0f} s of a busy core in the median." if len(seconds) else ""
    sections = [
        "# Series: does it help?",
        "One classifier, random convolution kernels (ROCKET) with a tuned ridge, trained on imbalanced series in "
        f"{len(options.arms)} ways and judged on held-out series; balanced accuracy (ACSA), mean over {seeds} seeds "
        "± half of Student's 95 % interval. *Noise*, *warping*: copies with Gaussian noise of that share of the "
        "spread, or with their time warped (the logarithm of the speed is normal with that deviation at four knots). "
        "*Elastic* SMOTE (MSM) and ADASYN (DTW), ESMOTE (TWE) and OHIT are aeon's, with distances in a window of a "
        "tenth, on channels end to end where there are several. *GAN 0.5*: half of what full balance takes, from a "
        f"`SeriesGAN`{size}. Splits, and how the strength of the ridge is tuned, stand in the script. Networks and "
        "simple features as classifiers have [a page of their own](series_networks.md).",
        f"```bash\n{asked}\n```",
        f"{datetime.date.today().isoformat()}, on: {machine()}.\n"
        f"{versions('ganaug', 'torch', 'scikit-learn', 'numpy')};{peers}{took}",
        "## Is the best arm with synthetic series of a GAN ahead of every arm without?",
        "On ACSA, by more than the interval of the difference over the seeds. Which arm is best is known only from the "
        "test series, on both sides.",
        goal,
        lines,
        "With each arm at the strength of the ridge that is best on the test series:",
        f"{goal_best}\n\n{lines_best}",
        "## All arms",
        overview(parts),
        "At the strength that is best on the test series:",
        overview(best),
        solved(parts),
        failures(parts),
        "## What the GANs make",
        *(picture(options, name) for name in parts),
    ]
    PAGE.write_text("\n\n".join(part for part in sections if part) + "\n", encoding="utf-8")
    return PAGE


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS), metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4], help="default: 0 to 4")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS), metavar="NAME", help=f"of {ARMS}")
    parser.add_argument("--steps", type=int, help="of every GAN (default: those of SeriesGAN)")
    parser.add_argument("--channels", type=int, help="of every GAN (default: those of SeriesGAN)")
    parser.add_argument("--cache", type=Path, default=OUT / "series_rocket", help="folder (default: out/series_rocket)")
    parser.add_argument("--splits-only", action="store_true", help="write the splits for series_peers.py")
    parser.add_argument("--write", action="store_true", help=f"write docs/{PAGE.name}")
    parser.add_argument("--write-only", action="store_true", help="write it from what is finished; run nothing")
    options = parser.parse_args(arguments)
    for name in options.sets if not options.write_only else ():
        for seed in options.seeds:
            Cells(options, name, seed).write_split()
    if options.splits_only:
        return 0
    found = computed(options, options.write_only)
    for part in found.values():
        print(part.summary("acsa").round(4).to_string(), flush=True)
    if found:
        print("\n".join(verdict(found)))
    if (options.write or options.write_only) and found:
        given = ["--write" if one == "--write-only" else one for one in arguments or sys.argv[1:]]
        asked = shlex.join(["python", "examples/benchmarks/series_rocket.py", *given])
        print(f"Wrote {write_page(options, found, asked)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
