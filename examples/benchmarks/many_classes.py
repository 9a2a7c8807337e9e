"""Tables of many small classes: seconds, memory and size of the model, with a GAN for each class and with one for all.

    python examples/benchmarks/many_classes.py --write

Each table has one class of 600 rows and many of 15, of 8 numbers that are normal about a centre of the class. A process
of its own fits `GANOversampler` and draws 15 rows of each small class. *Recognised*: of fresh rows of the small
classes, the share that the nearest of those synthetic rows names rightly, and in brackets the nearest of the real ones.
"""

from __future__ import annotations

import argparse
import datetime
import pickle
import shlex
import sys
import time
import warnings

from common import load_average, machine, measure, peak_memory, report, versions
from speed import PAGE, write

START, END = "<!-- many classes -->", "<!-- end of many classes -->"
CLASSES, EACH, PLENTIFUL, COLUMNS = [10, 100, 300, 1000], 15, 600, 8
MOST_PER_CLASS = 10
HEADINGS = ["classes", "scope", "fit (s)", "draw (s)", "beyond the imports (MB)", "pickle (kB a class)", "recognised"]


def table(k, seed):
    """Rows of k small classes and a plentiful one, 0."""
    import numpy as np

    centres = 2 * np.random.default_rng(0).normal(size=(k + 1, COLUMNS))
    y = np.r_[np.zeros(PLENTIFUL, int), np.repeat(np.arange(1, k + 1), EACH)]
    return centres[y] + 0.5 * np.random.default_rng(seed).normal(size=(len(y), COLUMNS)), y


def one(k, scope):
    """Fit and draw, measured."""
    from sklearn.neighbors import KNeighborsClassifier

    from ganaug import GANOversampler, TabularGAN

    warnings.simplefilter("ignore")
    X, y = table(k, 1)
    wanted = dict.fromkeys(range(1, k + 1), 2 * EACH)
    sampler = GANOversampler(generator=TabularGAN(verbose=False), scope=scope, sampling_strategy=wanted, random_state=0)
    bare, start = peak_memory(), time.process_time()
    sampler.fit(X, y)
    fitted = time.process_time()
    new, labels = sampler.sample(dict.fromkeys(range(1, k + 1), EACH))
    drawn = time.process_time()
    peak, fresh = peak_memory(), table(k, 2)
    small, real = fresh[1] > 0, y > 0
    nearest = [KNeighborsClassifier(1).fit(*rows) for rows in ((new, labels), (X[real], y[real]))]
    report(
        {
            "fit": fitted - start,
            "draw": drawn - fitted,
            "memory": (peak - bare) / 1e6,
            "size": len(pickle.dumps(sampler)) / 1e3 / k,
            "recognised": [model.score(fresh[0][small], fresh[1][small]) for model in nearest],
        }
    )


def markdown(lines, command, load):
    """The section of docs/benchmarks.md."""
    rows = [HEADINGS, ["---:", "---", *["---:"] * (len(HEADINGS) - 2)], *lines]
    shown = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"""## Many classes

Classes of {EACH} rows beside one of {PLENTIFUL}, of {COLUMNS} numbers; `GANOversampler` with `scope="per-class"`,
which trains a GAN for each, and `"shared"`, which trains one for all and is what `"auto"`, the default, takes for
several classes.
Seconds are the processor's, on one core. *Recognised*: of fresh rows, the share that the nearest synthetic row names
rightly, and in brackets the nearest real one.

```bash
{command}
```

{datetime.date.today().isoformat()}, one core of: {machine()}; load average {load:.1f} at the start.
{versions("ganaug", "torch", "scikit-learn", "numpy")}.

{shown}
"""


def main(arguments=None):
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, nargs="+", default=CLASSES, help=f"default: {CLASSES}")
    parser.add_argument(
        "--per-class-up-to", type=int, default=MOST_PER_CLASS, help=f"classes (default: {MOST_PER_CLASS})"
    )
    parser.add_argument("--write", action="store_true", help=f"write the section of docs/{PAGE.name}")
    parser.add_argument("--child", choices=["per-class", "shared"], help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        return one(options.classes[0], options.child)
    load, lines = load_average(), []
    for k in options.classes:
        for scope in ["per-class", "shared"] if k <= options.per_class_up_to else ["shared"]:
            found = measure([sys.executable, __file__, "--child", scope, "--classes", k])
            if "error" in found:
                print(f"{k} {scope}: {found['error']}\n{found['output']}")
                return 1
            numbers = [f"{found[name]:.0f}" for name in ("fit", "draw", "memory", "size")]
            synthetic, real = found["recognised"]
            lines.append([f"{k:,}", scope, *numbers, f"{synthetic:.2f} ({real:.2f})"])
            print("; ".join(f"{h} {c}" for h, c in zip(HEADINGS, lines[-1], strict=True)), flush=True)
    if options.write:
        asked = ["--classes", *map(str, options.classes)] if options.classes != CLASSES else []
        command = shlex.join(["python", "examples/benchmarks/many_classes.py", *asked, "--write"])
        write(markdown(lines, command, load), START, END)
        print(f"Wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
