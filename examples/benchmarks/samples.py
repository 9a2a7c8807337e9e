"""What each architecture makes of a long-tailed Fashion-MNIST: a page of real and synthetic images of every class.

    python examples/benchmarks/samples.py --write

Trains an ``ImageGAN`` of each architecture on [2000, 1000, 500, 375, 250, 175, 100, 50, 30, 20] images of the ten
classes, and a CycleGAN that turns T-shirts (class 0) into shirts (class 6), and draws their samples as they come,
unpicked. A trained GAN is a file of out/samples, and is not trained again.
"""

from __future__ import annotations

import argparse
import datetime
import shlex
import sys
import time

from common import OUT, ROOT, machine, versions
from images import split

PAGE, IMAGES = ROOT / "docs" / "image_samples.md", ROOT / "docs" / "images"
EACH = 12
# architecture -> steps: about the same time for each
ARCHITECTURES = {"residual": 1000, "dcgan": 2500, "style": 1000, "cyclegan": 1000}
SOURCE, TARGET = 0, 6


def trained(architecture, steps, folder):
    """The GAN, from its file where it is one, and the seconds of the processor that it took."""
    import ganaug

    X, y, *_ = split("fashion_mnist", 0)
    path = folder / f"{architecture}_{steps}.ganaug"
    folder.mkdir(parents=True, exist_ok=True)
    if path.exists():
        return ganaug.load(path), None, X, y
    began = time.process_time()
    common = {"max_steps": steps, "random_state": 0, "verbose": False}
    if architecture == "cyclegan":
        gan = ganaug.ImageTranslator(source=SOURCE, target=TARGET, **common).fit(X, y)
    else:
        gan = ganaug.ImageGAN(architecture=architecture, **common).fit(X, y)
    seconds = time.process_time() - began
    gan.save(path)
    return gan, seconds, X, y


def classes_of(gan, X, y):
    """A few real and a few synthetic images of each class, or of the one that a CycleGAN makes."""
    if hasattr(gan, "source"):
        real = X[y == TARGET]
        parts = {f"{TARGET} ({len(real)})" + " " * i: real[i * EACH : (i + 1) * EACH] for i in range(3)}
        return {
            name: (own, gan.sample(EACH, label=TARGET, random_state=i)[0])
            for i, (name, own) in enumerate(parts.items())
        }
    return {
        f"{label} ({(y == label).sum()})": (X[y == label][:EACH], gan.sample(EACH, label=label, random_state=0)[0])
        for label in gan.classes_
    }


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architectures", nargs="+", choices=ARCHITECTURES, default=list(ARCHITECTURES))
    parser.add_argument("--steps", type=int, default=None, help=f"of every GAN (default: {ARCHITECTURES})")
    parser.add_argument("--cache", type=type(OUT), default=OUT / "samples", help="folder (default: out/samples)")
    parser.add_argument("--write", action="store_true", help=f"write docs/{PAGE.name} and its pictures")
    options = parser.parse_args(arguments)
    from ganaug.experiments import comparison

    asked = shlex.join(["python", "examples/benchmarks/samples.py", *(arguments or sys.argv[1:])])
    parts = [
        "# Images: samples",
        "Fashion-MNIST with a long tail (training images of each class in brackets), real images above synthetic ones, "
        "unpicked. *Energy quality*: of held-out images; 1 is perfect.",
        f"```bash\n{asked}\n```",
        f"{datetime.date.today().isoformat()}, on: {machine()}.\n{versions('ganaug', 'torch', 'numpy')}.",
    ]
    for architecture in options.architectures:
        gan, seconds, X, y = trained(architecture, options.steps or ARCHITECTURES[architecture], options.cache)
        spent = "" if seconds is None else f", {seconds:.0f} s of a processor"
        text = f"{gan.n_steps_} steps{spent}; energy quality {gan.quality_:.3f}."
        print(f"{architecture}: {text}", flush=True)
        if options.write:
            IMAGES.mkdir(parents=True, exist_ok=True)
            ax = comparison.sample_page(classes_of(gan, X, y), f"{architecture}, {gan.n_steps_} steps")
            ax.figure.savefig(IMAGES / f"samples_{architecture}.png", dpi=80)
            parts.append(f"## {architecture}\n\n{text}\n\n![{ax.get_title()}](images/samples_{architecture}.png)")
    if options.write:
        PAGE.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
        print(f"Wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
