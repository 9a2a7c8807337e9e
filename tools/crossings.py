"""How many files of the package the data crosses in one call, counted while it runs.

    python tools/crossings.py

Prints for each call the number of files in which a function ran, how often the running file changed, and the most
frames of the package on top of each other. Every call is made once before it is counted, so that imports do not count.
"""

from __future__ import annotations

import argparse
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import numpy as np

PACKAGE = Path(__file__).resolve().parents[1] / "ganaug"
# What a call may cross at most.
LIMITS = {"GANOversampler().fit_resample": 42, "TabularGAN.sample": 26, "ImageGAN.fit": 33}


class Crossings(NamedTuple):
    """What one call ran through."""

    files: Counter[str]  # file -> functions that were called in it
    changes: int
    depth: int


def count(call: Callable[[], object], package: Path = PACKAGE) -> Crossings:
    """Run a call, and count the files of the package in which its functions are, in all threads."""
    files: Counter[str] = Counter()
    root, lock = f"{package}/", threading.Lock()
    state = {"last": "", "changes": 0, "deepest": 0}

    def watch(frame: FrameType, event: str, _: object) -> None:
        name = frame.f_code.co_filename
        if event not in ("call", "return") or not name.startswith(root):
            return
        back = frame.f_back
        with lock:
            if event == "call":
                files[name.removeprefix(root)] += 1
                state["deepest"] = max(state["deepest"], _depth(frame, root))
            elif back is not None and back.f_code.co_filename.startswith(root):
                name = back.f_code.co_filename  # where the run goes on
            if name != state["last"]:
                state["changes"] += bool(state["last"])
                state["last"] = name

    threading.setprofile(watch)
    sys.setprofile(watch)
    try:
        call()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
    return Crossings(files, state["changes"], state["deepest"])


def _depth(frame: FrameType | None, root: str) -> int:
    depth = 0
    while frame is not None:
        depth += frame.f_code.co_filename.startswith(root)
        frame = frame.f_back
    return depth


def calls() -> dict[str, Callable[[], object]]:
    """Small calls of the kinds that people make most."""
    import ganaug

    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [160, 40])
    X = rng.normal(size=(200, 4)) + y[:, None]
    images = rng.integers(0, 256, (40, 16, 16), dtype=np.uint8)
    own = {"max_steps": 3, "random_state": 0, "verbose": 0, "device": "cpu"}
    sampler = ganaug.GANOversampler(generator=ganaug.TabularGAN(**own), random_state=0)
    gan = ganaug.TabularGAN(**own).fit(X, y)
    image_gan = ganaug.ImageGAN(**own, channels=4, max_channels=8, batch_size=8)
    return {
        "GANOversampler().fit_resample": lambda: sampler.fit_resample(X, y),
        "TabularGAN.sample": lambda: gan.sample(5, random_state=1),
        "ImageGAN.fit": lambda: image_gan.fit(images, np.repeat([0, 1], 20)),
    }


def main() -> int:
    """Count and print; 1 if a call crosses more files than it may."""
    reader = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    reader.add_argument("--files", action="store_true", help="list the files")
    args = reader.parse_args()
    worst = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, call in calls().items():
            call()
            found = count(call)
            worst = max(worst, len(found.files) - LIMITS[name])
            print(
                f"{name}: {len(found.files)} files (limit {LIMITS[name]}), {found.changes:,} changes of file, "
                f"{found.depth} frames deep"
            )
            for file, times in sorted(found.files.items()) if args.files else ():
                print(f"  {file}: {times}")
    return int(worst > 0)


if __name__ == "__main__":
    sys.exit(main())
