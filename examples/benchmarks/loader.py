"""What a BlendedDataset costs: time of an epoch over that of a plain dataset of equal size, and memory over 50 epochs.

    python examples/benchmarks/loader.py --write

Half of the blended items are synthetic. Both datasets go through the same transforms and loader, in turn, so that
what else the machine does falls on both; the figure is the median of the ratios of neighbouring epochs. Memory is
that of the process and its workers, pages shared by several of them divided among them.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import os
import re
import shlex
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from common import ROOT, load_average, machine, measure, report, versions

PAGE = ROOT / "docs" / "image_speed.md"
START, END = "<!-- loader -->", "<!-- end of loader -->"
LIMIT = 0.05  # of the time of an epoch
GROWTH = 0.02  # of memory between the fifth epoch and the last


class Noise:
    """A generator that is fitted already: random images of two classes."""

    classes_, class_counts_ = np.array([0, 1]), np.array([1, 1])

    def sample(self, n=1, label=None, random_state=None):
        return np.random.default_rng(random_state).integers(0, 256, (n, 32, 32, 3), np.uint8), np.full(n, label)


def pictures(n, rare):
    """As CIFAR: arrays in memory, handed to the transform as PIL images."""
    import torch
    from PIL import Image
    from torchvision.datasets import VisionDataset
    from torchvision.transforms import v2

    class Pictures(VisionDataset):
        def __init__(self):
            steps = [v2.RandomHorizontalFlip(), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
            super().__init__(None, transform=v2.Compose([*steps, v2.Normalize([0.5] * 3, [0.5] * 3)]))
            self.data, _ = Noise().sample(n, random_state=0)
            self.targets = [0] * (n - rare) + [1] * rare

        def __len__(self):
            return len(self.data)

        def __getitem__(self, index):
            return self.transform(Image.fromarray(self.data[index])), self.targets[index]

    return Pictures()


def tensors(n, rare):
    """The cheapest dataset that there is."""
    import torch
    from torch.utils.data import TensorDataset

    images, _ = Noise().sample(n, random_state=0)
    images = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
    return TensorDataset(images, torch.tensor([0] * (n - rare) + [1] * rare))


KINDS = {"CIFAR-like, PIL and v2 transforms": pictures, "TensorDataset": tensors}


# ---- In the children ----------------------------------------------------------------------------


def loader_of(dataset, workers, **options):
    from torch.utils.data import DataLoader

    return DataLoader(dataset, batch_size=64, shuffle=True, num_workers=workers, **options)


def epoch(loader):
    """Seconds of an epoch: of the processor without workers, by the clock with them."""
    clock = time.process_time if loader.num_workers == 0 else time.perf_counter
    started = clock()
    for _ in loader:
        pass
    return clock() - started


def time_epochs(kind, items, workers, rounds):
    """Seconds of epochs of the plain and the blended dataset, in turn."""
    from ganaug import BlendedDataset

    half = items // 2
    plain = KINDS[kind](items, half)
    # the real half has one item of class 1, and gets as many synthetic ones as there are real ones
    blended = BlendedDataset(KINDS[kind](half, 1), Noise(), {1: half + 1})
    assert len(blended) == len(plain)
    loaders = [loader_of(data, workers, persistent_workers=workers > 0) for data in (plain, blended)]
    seconds = [[epoch(loader) for loader in loaders] for _ in range(rounds + 1)][1:]
    report({"plain": [one for one, _ in seconds], "blended": [two for _, two in seconds]})


def own_memory():
    """Bytes of this process and of its children; shared pages are divided among those that share them."""
    found, me = 0, os.getpid()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int(re.search(r"^PPid:\s+(\d+)", (folder / "status").read_text(), re.MULTILINE)[1])
            if me in (parent, int(folder.name)):
                pages = (folder / "smaps_rollup").read_text()
                found += 1024 * int(re.search(r"^Pss:\s+(\d+)", pages, re.MULTILINE)[1])
        except (OSError, TypeError):  # gone meanwhile
            continue
    return found


def watch_memory(items, workers, epochs):
    """Memory after each epoch, with new synthetic items in each."""
    from ganaug import BlendedDataset

    blended = BlendedDataset(pictures(items // 2, 1), Noise(), {1: items // 2 + 1}, refresh_every=1)
    loader, memory = loader_of(blended, workers, persistent_workers=workers > 0), []
    # else a worker's first full collection copies all pages that hold Python objects: once, with any dataset
    gc.freeze()
    for number in range(epochs):
        blended.set_epoch(number)
        epoch(loader)
        gc.collect()
        memory.append(own_memory())
    report({"memory": memory})


# ---- The page -----------------------------------------------------------------------------------


def overhead(result):
    """Median of the ratios of neighbouring epochs, less 1."""
    return statistics.median(b / p for p, b in zip(result["plain"], result["blended"], strict=True)) - 1


def growth(memory):
    """How much more there is in the last epochs than in those after the fifth, as a share."""
    few = max(1, len(memory) // 10)
    return statistics.median(memory[-few:]) / statistics.median(memory[min(5, len(memory) - 1) :][:few]) - 1


def markdown(times, memories, command, items):
    """The section of the page."""
    lines = [
        "## Datasets in a loader",
        "",
        f"An epoch over a `BlendedDataset` of {items:,} images of 32 x 32 x 3, half of them synthetic, against one "
        "over a plain dataset of as many: batches of 64, shuffled, both loaders in turn in one run.",
        "",
        "| real dataset | workers | plain, s | blended, s | overhead |",
        "|---|---|---|---|---|",
    ]
    for (kind, workers), result in times.items():
        if "error" in result:
            lines.append(f"| {kind} | {workers} | failed: {result['error']} | | |")
            continue
        plain, blended = (statistics.median(result[name]) for name in ("plain", "blended"))
        lines.append(f"| {kind} | {workers} | {plain:.2f} | {blended:.2f} | {overhead(result):+.1%} |")
    lines += [
        "",
        "Memory of the process and its workers, with the synthetic items renewed in every epoch:",
        "",
        "| workers | epochs | after the 6th, MB | at the end, MB | growth |",
        "|---|---|---|---|---|",
    ]
    for workers, result in memories.items():
        if "error" in result:
            lines.append(f"| {workers} | failed: {result['error']} | | | |")
            continue
        memory = result["memory"]
        early, late = memory[min(5, len(memory) - 1)] / 1e6, memory[-1] / 1e6
        lines.append(f"| {workers} | {len(memory)} | {early:.0f} | {late:.0f} | {growth(memory):+.1%} |")
    today = datetime.date.today().isoformat()
    lines += ["", f"`{command}`, {today}, {machine()}; {versions('torch', 'torchvision', 'numpy')}."]
    return "\n".join(lines)


def write(section, start=START, end=END):
    """Put the section into the page, in the place of an earlier one."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else "# Images: speed\n"
    block = f"{start}\n{section}\n{end}\n"
    if start in page:
        page = re.sub(f"{start}.*?{end}\n", lambda _: block, page, flags=re.DOTALL)
    else:
        page = f"{page.rstrip()}\n\n{block}"
    PAGE.write_text(page, encoding="utf-8")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=10_000, help="items of an epoch (default: 10,000)")
    parser.add_argument("--rounds", type=int, default=11, help="epochs of each dataset (default: 11)")
    parser.add_argument("--epochs", type=int, default=50, help="epochs over which memory is watched (default: 50)")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2], help="(default: 0 2)")
    parser.add_argument("--write", action="store_true", help="write docs/image_speed.md")
    parser.add_argument("--time", nargs=2, help=argparse.SUPPRESS)  # the children
    parser.add_argument("--memory", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.time:
        return time_epochs(options.time[0], options.items, int(options.time[1]), options.rounds)
    if options.memory is not None:
        return watch_memory(options.items, options.memory, options.epochs)

    if load_average() > 0.5:
        print(f"The machine is busy (load {load_average():.1f}): figures with workers will be unsteady.")
    size = ["--items", options.items, "--rounds", options.rounds, "--epochs", options.epochs]
    times, memories = {}, {}
    for workers in options.workers:
        for kind in KINDS:
            child = [sys.executable, __file__, *size, "--time", kind, workers]
            times[kind, workers] = measure(child, cores=1 + (workers > 0))
            print(kind, workers, times[kind, workers], flush=True)
        memories[workers] = measure([sys.executable, __file__, *size, "--memory", workers], cores=1 + (workers > 0))
    words = sys.argv[1:] if arguments is None else arguments
    section = markdown(times, memories, shlex.join(["python", "examples/benchmarks/loader.py", *words]), options.items)
    print(section)
    if options.write:
        write(section)
    fine = all("error" not in result for result in [*times.values(), *memories.values()])
    fine = fine and all(overhead(result) < LIMIT for result in times.values())
    fine = fine and all(growth(result["memory"]) < GROWTH for result in memories.values())
    print("Within the limits." if fine else "Beyond the limits.")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
