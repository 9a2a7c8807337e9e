"""Memory that trainings on many images take: from a memory-mapped array, and from datasets of bytes and of floats.

    python examples/benchmarks/image_memory.py --write

Images of 64 x 64 pixels in three colours are written to a ``.npy`` file, and a process of its own trains `ImageGAN` on
them for a few steps, read by ``np.load(..., mmap_mode="r")``, or item by item from a torch Dataset that gives bytes,
or floats from 0 to 1 as torchvision's ``ToTensor`` makes them. What is in memory does not depend on the number of
steps. *Beyond the imports*: what the process held at most, less what it held before.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import time
import warnings
from pathlib import Path

from common import OUT, load_average, machine, measure, peak_memory, report, versions
from speed import PAGE, write

START, END = "<!-- image memory -->", "<!-- end of image memory -->"
SIZES, SIDE, STEPS = [20_000, 200_000], 64, 8
WAYS = ["memory map", "dataset", "dataset of floats"]
HEADINGS = ["images", "bytes (MB)", "from", "fit (s)", "peak (MB)", "beyond the imports (MB)"]


def make(n, path):
    """The images on disk, if they are not there yet: noise about a shade."""
    import numpy as np

    if path.exists():
        return
    temporary = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    images = np.lib.format.open_memmap(temporary, "w+", np.uint8, (n, SIDE, SIDE, 3))
    for start in range(0, n, 2000):
        rng = np.random.default_rng(start)
        part = rng.integers(0, 64, (min(2000, n - start), SIDE, SIDE, 3), dtype=np.uint8)
        images[start : start + len(part)] = part + rng.integers(0, 192, (len(part), 1, 1, 1), dtype=np.uint8)
    images.flush()
    del images
    temporary.rename(path)


def fitted(n, path, way):
    """Train on them, measured."""
    import numpy as np
    from torch.utils.data import Dataset

    from ganaug import ImageGAN

    warnings.simplefilter("ignore")
    labels = (np.arange(n) % 10 == 0).astype(int)

    class Images(Dataset):
        """One image at a time, as a file of its own would give it."""

        targets = labels.tolist()

        def __len__(self):
            return n

        def __getitem__(self, i):
            where = 128 + i * SIDE * SIDE * 3  # behind the header of the file
            image = np.fromfile(path, np.uint8, SIDE * SIDE * 3, offset=where).reshape(SIDE, SIDE, 3)
            return image if way == "dataset" else image / np.float32(255), self.targets[i]

    gan = ImageGAN(max_steps=STEPS, batch_size=16, channels=4, max_channels=16, verbose=False, random_state=0)
    bare, start = peak_memory(), time.process_time()
    if way != "memory map":
        gan.fit(Images())
    else:
        gan.fit(np.load(path, mmap_mode="r"), labels)
    done, peak = time.process_time(), peak_memory()
    report({"fit": done - start, "peak": peak / 1e6, "memory": (peak - bare) / 1e6})


def markdown(lines, command, load):
    """The section of docs/benchmarks.md."""
    rows = [HEADINGS, ["---:", "---:", "---", *["---:"] * 3], *lines]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"""## Many images

`ImageGAN` on images of {SIDE} x {SIDE} pixels in three colours, for {STEPS} steps: from a memory-mapped array and from
datasets of bytes and of floats, item by item. Beyond 512 MB images stay in a file as bytes
([scaling out](guide/scaling_out.md)). Seconds are the processor's.

```bash
{command}
```

{datetime.date.today().isoformat()}, two cores of: {machine()}; load average {load:.1f} at the start.
{versions("ganaug", "torch", "numpy")}.

{table}
"""


def main(arguments=None):
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=SIZES, help=f"default: {SIZES}")
    parser.add_argument("--folder", type=Path, default=OUT / "image_memory", help="for the images, which are kept")
    parser.add_argument("--write", action="store_true", help=f"write the section of docs/{PAGE.name}")
    parser.add_argument("--child", choices=["make", *WAYS], help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        n = options.images[0]
        path = options.folder / f"{n}.npy"
        if options.child == "make":
            make(n, path)
            return report({})
        return fitted(n, path, options.child)
    load, lines = load_average(), []
    for n in options.images:
        for way in ["make", *WAYS]:
            command = [__file__, "--child", way, "--images", n, "--folder", options.folder]
            found = measure([sys.executable, *command], cores=2)
            if "error" in found:
                print(f"{n} {way}: {found['error']}\n{found['output']}")
                return 1
            if way != "make":
                numbers = [f"{found[name]:.0f}" for name in ("fit", "peak", "memory")]
                lines.append([f"{n:,}", f"{n * SIDE * SIDE * 3 / 1e6:.0f}", way, *numbers])
                print("; ".join(f"{h} {c}" for h, c in zip(HEADINGS, lines[-1], strict=True)), flush=True)
    if options.write:
        write(markdown(lines, "python examples/benchmarks/image_memory.py --write", load), START, END)
        print(f"Wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
