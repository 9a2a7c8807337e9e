"""What `ImageTranslator(paired=True)` gains over what needs no network: a table and a page of pictures.

    python examples/benchmarks/paired.py --write

On Fashion-MNIST (28 x 28, grey) and CIFAR-10 (32 x 32, RGB), from their training images, each of three tasks is learnt,
and 1,000 test images are made from what is left of them:

- translate: Fashion-MNIST from edges (Sobel), CIFAR-10 from images with noise (standard deviation 50 of 255)
- inpaint: one to three holes, rectangles and ellipses with sides of 0.15 to 0.5 of the image's
- super-resolve: half the sides, by means of 2 x 2 pixels rounded to bytes

Each is compared with what needs no network: the input itself, holes filled by the mean of what is known, bicubic
enlargement. PSNR is the mean over test images; accuracy is that of a small network trained on the real training images.
A finished task is a file of out/paired, and is not learnt again as long as the code that decides it is the same.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import hashlib
import json
import shlex
import sys
import time

import numpy as np
import torch
from common import OUT, ROOT, machine, versions
from datasets import reader

PAGE, IMAGES = ROOT / "docs" / "paired_images.md", ROOT / "docs" / "images"
SETS = {"fashion_mnist": "Fashion-MNIST", "cifar10": "CIFAR-10"}
TASKS = ("translate", "inpaint", "super-resolve")
WITHOUT = {"translate": "the input itself", "inpaint": "mean of what is known", "super-resolve": "bicubic"}
STEPS = {"translate": 1000, "inpaint": 400, "super-resolve": 400}
EPOCHS = {"fashion_mnist": 8, "cifar10": 20}
TRAIN, TEST, SHOWN, SCALE = 5000, 1000, 10, 2


def edges(X):
    """Strength of the edges of grey images (n, H, W), uint8 -> the same."""
    from scipy import ndimage

    # one by one: of a stack, sobel would smooth from image to image
    strength = [np.hypot(ndimage.sobel(grey, axis=0), ndimage.sobel(grey, axis=1)) / 4 for grey in X.astype(np.float32)]
    return np.stack(strength).clip(0, 255).astype(np.uint8)


def noisy(X, seed):
    """Images with normal noise, uint8 -> the same."""
    noise = np.random.default_rng(seed).normal(0, 50, X.shape)
    return np.rint(X + noise).clip(0, 255).astype(np.uint8)


def channels_first(X):
    """(n, H, W) or (n, H, W, C), uint8 -> floats (n, C, H, W) in [-1, 1]."""
    return torch.from_numpy(X if X.ndim == 4 else X[..., None]).permute(0, 3, 1, 2).float() / 127.5 - 1


def as_given(x, like):
    """The counterpart of `channels_first`."""
    pixels = ((x.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return pixels if like.ndim == 4 else pixels[..., 0]


class Case:
    """One task on one set: what is given of test images, and what is made of it with and without a network."""

    def __init__(self, name, task):
        X, y, X_test, y_test = reader().load_images(name)
        self.name, self.task = name, task
        self.X, self.y, self.X_test, self.y_test = X[:TRAIN], y[:TRAIN], X_test[:TEST], y_test[:TEST]

    def prepare(self):
        """The arguments of fit, and what translate is given for the test images."""
        from ganaug.networks.translation import random_holes

        X, X_test = self.X, self.X_test
        if self.task == "translate":
            change = (lambda x, _: edges(x)) if X.ndim == 3 else noisy
            inputs = change(X_test, 1)
            return (change(X, 0), X), (inputs,), {}, inputs
        if self.task == "inpaint":
            mask = random_holes(len(X_test), X_test.shape[1:3], torch.Generator().manual_seed(1))[:, 0].numpy()
            holes = mask if X.ndim == 3 else mask[..., None]
            known = (~holes).sum((1, 2), keepdims=True)
            mean = np.where(holes, 0, X_test).sum((1, 2), keepdims=True) / known
            # what stands in a hole is not looked at; here nothing does
            return (
                (X,),
                (np.where(holes, 0, X_test).astype(np.uint8),),
                {"mask": mask},
                np.where(holes, np.rint(mean), X_test).astype(np.uint8),
            )
        x = channels_first(X_test)
        small = as_given(torch.nn.functional.avg_pool2d(x, SCALE), X_test)
        large = torch.nn.functional.interpolate(channels_first(small), scale_factor=SCALE, mode="bicubic")
        return (X,), (small,), {}, as_given(large, X_test)

    def run(self, steps):
        """Figures of the training, and the images of all kinds."""
        import ganaug

        fit, given, options, without = self.prepare()
        translator = ganaug.ImageTranslator(
            paired=True, task=self.task, scale=SCALE, max_steps=steps, random_state=0, verbose=False
        )
        began = time.process_time()
        translator.fit(*fit)
        seconds = time.process_time() - began
        made = translator.translate(*given, **options)
        figures = {
            "seconds": seconds,
            "steps": translator.n_steps_,
            "psnr_without": psnr(without, self.X_test),
            "psnr_made": psnr(made, self.X_test),
        }
        return figures, {"given": given[0], "without": without, "made": made, "real": self.X_test}


def pick(y):
    """The first test image of each class: nobody chose them."""
    return np.array([np.flatnonzero(y == label)[0] for label in np.unique(y)])[:SHOWN]


def psnr(images, real):
    """Mean over images, in dB; of images that are equal 100."""
    errors = np.square(images.astype(float) - real).reshape(len(real), -1).mean(1)
    return float((10 * np.log10(255**2 / np.maximum(errors, 255**2 / 1e10))).mean())


@functools.cache
def classifier(name):
    """A small network trained on real images; images -> classes."""
    from ganaug.experiments.images.arms import Arm, TrainingSet
    from ganaug.experiments.images.cnn import Schedule, Setup, logits_of, train

    X, y, *_ = reader().load_images(name)
    X, y = X[:TRAIN], y[:TRAIN]
    items = TrainingSet(channels_first(X), y.astype(np.int64), np.zeros(len(X), bool), 10)
    schedule = Schedule(epochs=EPOCHS[name], width=16).checked()
    network = train(items, Arm(augment=True), Setup(schedule, ["translation", "flip"], schedule.steps(len(X)), 0))
    return lambda images: logits_of(network, channels_first(images)).argmax(1)


def deciding_code():
    """A digest of the sources that decide the figures."""
    names = ("networks/translation", "networks/convolutions", "training/translation_steps", "training/loop")
    names += ("training/train_state", "objectives", "encoding/image_codec")
    parts = [(ROOT / "ganaug" / f"{name}.py").read_bytes() for name in names]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


def finished(name, task, options):
    """Figures and images of a case, from its file where there is one of the same code."""
    options.cache.mkdir(parents=True, exist_ok=True)
    steps = options.steps or STEPS[task]
    path = options.cache / f"{name}_{task}_{steps}_{deciding_code()}.npz"
    if not path.exists():
        figures, images = Case(name, task).run(steps)
        np.savez(path, figures=json.dumps(figures), **images)
    with np.load(path) as found:
        return json.loads(str(found["figures"])), {key: found[key] for key in found.files if key != "figures"}


def accuracies(name, task, images, options):
    """Of a classifier, on each kind of images; from a file where there is one for the same images."""
    kinds = ("without", "made", "real")
    digest = hashlib.sha256(b"".join(images[kind].tobytes() for kind in kinds)).hexdigest()[:16]
    path = options.cache / f"accuracy_{name}_{task}_{digest}.json"
    if not path.exists():
        judge, y = classifier(name), reader().load_images(name)[3][:TEST]
        path.write_text(json.dumps({f"accuracy_{kind}": float((judge(images[kind]) == y).mean()) for kind in kinds}))
    return json.loads(path.read_text())


def table(rows):
    """Markdown of the figures."""
    lines = [
        "| set | task | without a network | PSNR, dB | accuracy | `ImageTranslator`: PSNR, dB | accuracy "
        "| on real images | steps | processor seconds |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, task, f in rows:
        lines.append(
            f"| {SETS[name]} | {task} | {WITHOUT[task]} | {f['psnr_without']:.2f} | {f['accuracy_without']:.3f} "
            f"| **{f['psnr_made']:.2f}** | **{f['accuracy_made']:.3f}** | {f['accuracy_real']:.3f} "
            f"| {f.get('steps', STEPS[task])} | {f['seconds']:.0f} |"
        )
    return "\n".join(lines)


def draw(pictures, title, path):
    """A row for each kind of picture, each pixel as it is."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.7 + 0.62 * SHOWN, 0.3 + 0.66 * len(pictures)))
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(pictures), SHOWN)
    for row, (kind, images) in zip(grid, pictures.items(), strict=True):
        for ax, image in zip(row, images, strict=False):
            ax.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            ax.set(xticks=[], yticks=[])
        row[0].set_ylabel(kind, rotation=0, ha="right", va="center", fontsize=8)
    figure.suptitle(title, fontsize=9)
    figure.subplots_adjust(left=0.2, right=0.995, top=0.92, bottom=0.01, wspace=0.04, hspace=0.04)
    figure.savefig(path, dpi=72)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--steps", type=int, default=None, help=f"of every training (default: {STEPS})")
    parser.add_argument("--train-only", action="store_true", help="no classifier, and so no accuracy")
    parser.add_argument("--cache", type=type(OUT), default=OUT / "paired", help="folder (default: out/paired)")
    parser.add_argument("--write", action="store_true", help=f"write docs/{PAGE.name} and its pictures")
    options = parser.parse_args(arguments)
    asked = shlex.join(["python", "examples/benchmarks/paired.py", *(arguments or sys.argv[1:])])
    rows, pictures = [], {}
    for name in options.sets:
        shown = pick(reader().load_images(name)[3][:TEST])
        for task in options.tasks:
            figures, images = finished(name, task, options)
            print(f"{name}, {task}: {figures}", flush=True)
            rows.append((name, task, figures))
            kinds = {"given": "given", "without": WITHOUT[task], "made": "made", "real": "real"}
            if np.array_equal(images["given"], images["without"]):
                del kinds["without"]
            pictures[name, task] = {title: images[kind][shown] for kind, title in kinds.items()}
            if not options.train_only:
                figures |= accuracies(name, task, images, options)
                print(table(rows[-1:]).splitlines()[-1], flush=True)
    if options.write and not options.train_only:
        write(asked, rows, pictures, options)
    return 0


def write(asked, rows, pictures, options):
    """The page."""
    parts = [
        "# Images from pairs",
        "`ImageTranslator(paired=True)` (pix2pix) beside what needs no network, on 1,000 test images that it has not "
        "seen. It learnt from 5,000 training images, and the classifier whose accuracy is told from the same ones as "
        "they are. *translate*: Fashion-MNIST from edges, CIFAR-10 from images with noise of standard deviation 50; "
        "*inpaint*: one to three holes with sides of 0.15 to 0.5 of the image's; *super-resolve*: from half the sides. "
        "How it is used: [the guide](guide/images_from_pairs.md).",
        f"```bash\n{asked}\n```",
        f"{datetime.date.today().isoformat()}, on: {machine()}.\n{versions('ganaug', 'torch', 'numpy')}.",
        table(rows),
        "Each step takes 8 pairs. PSNR: mean over images; higher is nearer to the real image.",
        "The first test image of each class; nobody chose them.",
    ]
    IMAGES.mkdir(parents=True, exist_ok=True)
    for (name, task), shown in pictures.items():
        title, file = f"{SETS[name]}, {task}", f"paired_{name}_{task}.png"
        draw(shown, title, IMAGES / file)
        parts.append(f"## {title}\n\n![{title}](images/{file})")
    PAGE.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    print(f"Wrote {PAGE}")


if __name__ == "__main__":
    sys.exit(main())
