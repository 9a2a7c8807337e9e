"""Does it help on images? A small network trained in 14 ways on long-tailed image sets of ../shared/data.

    python examples/benchmarks/images.py --write

For each set and seed, one ``ImageGAN`` is fitted to the long-tailed training images; each arm then trains the same
network with the same number of steps and is judged on the official test images, each class weighing the same. A
finished cell, a trained GAN and its samples are files of out/images, and a later call goes on from there; what comes
of a GAN counts as long as ganaug's code is the same. ``--write-only`` writes the page from what is finished.

Sets, with the training images of each class:

- fashion_mnist: 2000, 1000, 500, 375, 250, 175, 100, 50, 30, 20 (DeepSMOTE's split, at half its size)
- cifar10: the same ratio on the subset of 500 a class, so 5 in the rarest
- usps: the same ratio from its largest class, so 12 in the rarest; usps_20: at least 20
- pneumoniamnist: 2000 with pneumonia, 20 normal
- fashion_mnist_full: all 20,000, to see how far synthetic images alone carry a classifier

The classifier is 16 maps wide and trains for as many steps as a small machine can bear, which is not until nothing more
is to be gained (docs/image_log.md). ``--width 32`` and ``--epochs`` ask for more.

``--gpu`` trains longer, on a GPU: classifiers 32 maps wide for twice as many epochs, GANs for their default 2,000
steps. It has a page of its own.

With ``--steps`` (the default) the GANs repeat; with ``--minutes`` they train by the clock, and don't.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import shlex
import sys
import time

import pandas as pd
import torch
from common import OUT, ROOT, machine, versions
from datasets import reader

PAGE, IMAGES = ROOT / "docs" / "image_comparison.md", ROOT / "docs" / "images"
PAGE_GPU = PAGE.with_name("image_comparison_gpu.md")
TAIL = [2000, 1000, 500, 375, 250, 175, 100, 50, 30, 20]
MOVED, MIRRORED = ("translation",), ("translation", "flip")
# name -> (set, images of each class, standard augmentation, epochs: 700 to 1,900 steps of 64 images)
SETS = {
    "fashion_mnist": ("fashion_mnist", TAIL, MIRRORED, 20),
    "usps_20": ("usps", [max(20, round(1194 * n / 2000)) for n in TAIL], MOVED, 20),
    "pneumoniamnist": ("pneumoniamnist", [20, 2000], MOVED, 24),
    "cifar10": ("cifar10", [n // 4 for n in TAIL], MIRRORED, 50),
    "usps": ("usps", [round(1194 * n / 2000) for n in TAIL], MOVED, 20),
    "fashion_mnist_full": ("fashion_mnist", [2000] * 10, MIRRORED, 6),
}
# All of `ganaug.experiments.ARMS` take half as long again; those left out are variations of these.
ASKED = [
    "nothing",
    "augmentation",
    "weighted sampler + augmentation",
    "logit adjustment + augmentation",
    "Mixup-DRW + augmentation",
    "Mixup + weighted sampler + augmentation",
    "SMOTE + augmentation",
    "blend 0.5 + augmentation",
    "blend 1 + augmentation",
    "half synthetic + weighted sampler + augmentation",
    "half synthetic until 0.7, then weighted sampler + augmentation",
    "half synthetic + logit adjustment + augmentation",
    "half synthetic + Mixup + weighted sampler + augmentation",
    "synthetic only + augmentation",
]
# On a GPU: without arms that were far behind, and with two that leave synthetic images for a real long tail.
LONGER = [
    *(name for name in ASKED if name not in ("nothing", "blend 1 + augmentation", "synthetic only + augmentation")),
    "half synthetic until 0.7, then logit adjustment + augmentation",
    "half synthetic + Mixup until 0.8, then Mixup-DRW + augmentation",
    "synthetic only + augmentation",
]
# balanced sets have nothing to blend: synthetic images alone against real ones
BALANCED = ["augmentation", "synthetic only + augmentation"]
REFERENCE = "augmentation"
QUALITIES = ["frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage", "near_copies"]


def split(name, seed):
    from ganaug.experiments import long_tailed

    source, counts, *_ = SETS[name]
    X, y, X_test, y_test = reader().load_images(source)
    return (*long_tailed(X, y, counts, seed), X_test, y_test)


def run(options, name, finished_only=False):
    """One set."""
    from ganaug import ImageGAN
    from ganaug.experiments import compare_images

    limits = {"max_time": f"{options.minutes}min"} if options.minutes else {"max_steps": options.steps}
    arms = BALANCED if len(set(SETS[name][1])) == 1 else options.arms or (LONGER if options.gpu else ASKED)
    return compare_images(
        {name: functools.partial(split, name)},
        {"ImageGAN": ImageGAN(**limits, device=options.device, verbose=False)},
        arms,
        seeds=options.seeds,
        epochs=options.epochs or SETS[name][3] * (2 if options.gpu else 1),
        width=options.width,
        augment=SETS[name][2],
        quality=not options.quick,
        device=options.device,
        n_jobs=options.jobs,
        cache=options.cache,
        finished_only=finished_only,
    )


# ---- The page, for images and for series ----------------------------------------------------------------


def verdicts(found):
    """A line for each set and classifier: the best blend beside the best arm without synthetic samples."""
    lines = []
    for name, part in found.items():
        for (_, judge), row in part.best("acsa").iterrows():
            text = f"{row['blend']} {row['blend_mean']:.3f}, {row['other']} {row['other_mean']:.3f}"
            width = "" if pd.isna(row["interval"]) else f" ± {row['interval']:.3f}"
            gain = f"{row['difference']:+.3f}{width}"
            sign = "ahead" if row["verdict"] == "better" else "**not ahead**"
            lines.append(f"- {sign} on {name} ({judge}): {text}; difference {gain}, {row['verdict']}")
    return "\n".join(lines) or "Nothing yet."


def alone(found, reference):
    """Synthetic samples alone against real ones."""
    from ganaug.experiments import to_markdown

    parts = [part.synthetic_accuracy(reference) for part in found.values()]
    table = pd.concat([part for part in parts if len(part)] or parts[:1])
    return to_markdown(table) if len(table) else "Not measured."


def quality_table(part):
    """Mean over seeds of each measure, over all classes and for the rarest, beside the real-against-real floor."""
    from ganaug.experiments import to_markdown

    table = part.quality
    if table.empty or "value" not in table or table["value"].isna().all():
        return ""
    whole = table[table["label"] == ""]
    means = whole.groupby("metric")[["value", "floor", "n_real", "n_synthetic"]].mean()
    sizes = part.per_class.groupby("label")["count"].min()
    if len(sizes):
        rare = table[table["label"] == sizes.idxmin()].groupby("metric")[["value", "floor"]].mean()
        means[[f"class {sizes.idxmin()}", "its floor"]] = rare
    means[["n_real", "n_synthetic"]] = means[["n_real", "n_synthetic"]].astype(int)
    return to_markdown(means.reindex([name for name in QUALITIES if name in means.index]))


def pictures(name, part, prefix):
    """Draw them into docs/images, and return the Markdown that shows them."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    axes = {}
    for judge in dict.fromkeys(part.results["classifier"]):
        axes[f"{prefix}_{name}_{judge}_acsa"] = part.plot(name, "acsa", classifier=judge)
    if part.samples:
        axes[f"{prefix}_{name}_samples"] = part.plot_samples(name)
    shown = []
    for file, ax in axes.items():
        ax.figure.savefig(IMAGES / f"{file}.png", dpi=110)
        shown.append(f"![{ax.get_title()}](images/{file}.png)")
    return "\n\n".join(shown)


def section(name, part, prefix):
    """All of one set."""
    from ganaug.experiments import to_markdown

    results = part.results
    fit = results["seconds_generator"].dropna()
    spent = f"A GAN took {fit.mean():.0f} s, " if len(fit) else ""
    text = f"{spent}a classifier {results['seconds_fit'].mean():.0f} s; {results['seed'].nunique()} seeds."
    parts = [f"## {name}", text]
    for judge in dict.fromkeys(results["classifier"]):
        parts += [f"Classifier: {judge}.", part.to_markdown(name, judge), "Accuracy of each class:"]
        parts.append(to_markdown(part.by_class(name, judge), 2) if len(part.per_class) else "Not measured.")
    parts.append(quality_table(part))
    parts.append(pictures(name, part, prefix))
    failed = part.failures
    if len(failed):
        lines = [f"- {row['arm']}, seed {row['seed']}: {row['error'][:200]}" for _, row in failed.iterrows()]
        parts += ["Failures:", "\n".join(lines)]
    return "\n\n".join(text for text in parts if text)


def where():
    """The machine, with its GPU if it has one."""
    return f"{torch.cuda.get_device_name()}, {machine()}" if torch.cuda.is_available() else machine()


def page(found, title, intro, command, reference, prefix):
    parts = [
        f"# {title}",
        intro,
        f"```bash\n{command}\n```",
        f"{datetime.date.today().isoformat()}, on: {where()}.\n{versions('ganaug', 'torch', 'scikit-learn', 'numpy')}.",
        "## Does the best blend beat every arm without synthetic samples?",
        "On ACSA, by more than the interval of the difference over the seeds. Which arm is best is known only from the "
        "test samples, on both sides.",
        verdicts(found),
        "## Synthetic samples alone",
        f"Classification accuracy score: ACSA of a classifier of synthetic samples only, beside `{reference}` on the "
        "real ones.",
        alone(found, reference),
    ]
    parts += [section(name, part, prefix) for name, part in found.items()]
    return "\n\n".join(parts) + "\n"


def carry_out(options, arguments, script, run_set, write):
    """Run the sets one after the other, say what was found, and write the page."""
    found, started = {}, time.perf_counter()
    for name in options.sets:
        part = run_set(options, name, options.write_only)
        if part.results.empty:
            print(f"{name}: nothing finished")
            continue
        found[name] = part
        print(f"\n{name} ({(time.perf_counter() - started) / 60:.0f} minutes so far): {part}")
        print(part.summary("acsa").round(4).to_string(), flush=True)
        if len(part.failures):
            print(part.failures[["arm", "seed", "error"]].to_string(), flush=True)
    print(verdicts(found))
    if (options.write or options.write_only) and found:
        asked = shlex.join(["python", f"examples/benchmarks/{script}", *(arguments or sys.argv[1:])])
        print(f"Wrote {write(found, asked)}")
    return 0


def write_page(found, asked):
    intro = (
        f"The same network of five convolutions, trained in {len(next(iter(found.values())).summary('acsa'))} ways on "
        "long-tailed training images and judged on the official test images, each class weighing the same; mean over "
        "the seeds ± half of Student's 95 % interval. All arms take the same number of steps, so one with more images "
        "sees each of them less often. *Blend 0.5*: half of the synthetic images that full balance would take, from "
        "one `ImageGAN` fitted to the same training images. *Half synthetic*: as many synthetic images of every class, "
        "and half of each batch is synthetic; with logit adjustment, each by the frequencies of its own source. "
        "`g_mean` is the root of the product of recalls (GAMO), `g_mean_ovr` the mean of one-against-rest √(TPR·TNR) "
        "(DeepSMOTE). Sets and splits stand in the script."
    )
    left = [name for name in SETS if name not in found]
    intro += f" Not run yet: {', '.join(left)}." if left else ""
    if "--gpu" in asked:
        title, prefix, to = "Images, trained longer: does it help?", "images_gpu", PAGE_GPU
    else:
        title, prefix, to = "Images: does it help?", "images", PAGE
    to.write_text(page(found, title, intro, asked, REFERENCE, prefix), encoding="utf-8")
    return to


def parser_of(text, sets, default, page_path, cache, epochs, width, steps):
    """Options that images and series share."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=list(sets), default=default, metavar="NAME", help=f"of {[*sets]}")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="default: 0 1 2")
    parser.add_argument("--arms", nargs="+", default=None, metavar="NAME", help="only these (default: all)")
    parser.add_argument(
        "--epochs", type=int, default=epochs, help=f"of every classifier (default: {epochs or 'by set'})"
    )
    parser.add_argument("--width", type=int, default=width, help=f"of every classifier (default: {width})")
    parser.add_argument("--steps", type=int, default=steps, help=f"of every GAN (default: {steps})")
    parser.add_argument("--minutes", type=float, default=None, help="of every GAN, instead of steps")
    parser.add_argument("--device", default="cpu", help="of GANs and classifiers (default: cpu, on which they repeat)")
    parser.add_argument("--quick", action="store_true", help="do not measure the samples' quality")
    parser.add_argument("--jobs", type=int, default=None, help="arms at a time (default: 1)")
    parser.add_argument("--cache", type=type(OUT), default=cache, help=f"folder (default: {cache.relative_to(ROOT)})")
    parser.add_argument("--write", action="store_true", help=f"write docs/{page_path.name} and its pictures")
    parser.add_argument("--write-only", action="store_true", help="write it from what is finished; run nothing")
    return parser


def main(arguments=None):
    parser = parser_of(__doc__, SETS, list(SETS), PAGE, OUT / "images", epochs=None, width=16, steps=1000)
    parser.add_argument("--gpu", action="store_true", help=f"train longer, on a GPU; its page is docs/{PAGE_GPU.name}")
    options = parser.parse_args(arguments)
    if options.gpu:
        options.device, options.width, options.steps = "cuda", 32, 2000
    return carry_out(options, arguments, "images.py", run, write_page)


if __name__ == "__main__":
    sys.exit(main())
