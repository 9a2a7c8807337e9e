"""Images a second that an ImageGAN trains on with a GPU, and what share that is of the GPU's arithmetic.

    python examples/benchmarks/gpu.py --write

``fit`` replays recorded steps (`ganaug.training.loop`); *step by step* is the same training without.
Operations of a step are counted by torch's FlopCounterMode (a multiplication and an addition are two); the limit is
the rate of a product of two bfloat16 matrices of 8,192 x 8,192, measured in the same process. Both include the looks
at the samples, as often as in a training of 2,000 steps.
"""

from __future__ import annotations

import argparse
import datetime
import shlex
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from common import machine, versions
from loader import PAGE, write

TRAINING, FEWEST = 2000, 120  # steps of a whole training, and of those that are made
SIDES = (32, 64, 128)
# name -> settings: what a processor trains too, and what only a GPU would
DESIGNS = {
    "default, batch 64": {},
    "default, batch 256": {"batch_size": 256},
    "4 x as wide, batch 256": {"batch_size": 256, "channels": 64, "max_channels": 256},
}


class Stopwatch:
    """The clock at each logged step; it ends the training when enough were made."""

    def __init__(self):
        self.steps, self.times = [], []

    def __call__(self, event):
        torch.cuda.synchronize()
        self.steps.append(event.step)
        self.times.append(time.perf_counter())
        return "measured" if event.step >= FEWEST else None

    def rate(self):
        """Steps a second between the first logged step after a third of them and the last."""
        first = next(i for i, step in enumerate(self.steps) if step >= FEWEST / 3)
        return (self.steps[-1] - self.steps[first]) / (self.times[-1] - self.times[first])


def trained(side, settings, replays):
    """Steps a second."""
    from ganaug import ImageGAN
    from ganaug.estimators import gan as module

    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (1000, 3, side, side), np.uint8), np.arange(1000) % 10
    watch = Stopwatch()
    gan = ImageGAN(
        max_steps=TRAINING, callbacks=[watch], random_state=0, verbose=False, device="cuda", layout="NCHW", **settings
    )
    kept = module.can_be_captured
    if not replays:
        module.can_be_captured = lambda plan, device: False
    try:
        gan.fit(X, y)
    finally:
        module.can_be_captured = kept
    return watch.rate()


def operations(side, settings):
    """Floating-point operations of a step on average: penalties are taken in every fourth."""
    from torch.utils.flop_counter import FlopCounterMode

    from ganaug import ImageGAN
    from ganaug.estimators.convolutional import preset_channels
    from ganaug.networks import IMAGE_ARCHITECTURES, NetworkPair
    from ganaug.objectives import OBJECTIVES
    from ganaug.runtime.compute import alone
    from ganaug.training.loop import train_step
    from ganaug.training.train_state import TrainState

    gan, device = ImageGAN(verbose=False, **settings), torch.device("cuda")
    task = SimpleNamespace(settings=gan._settings(), y=range(1000), device=device, team=alone)
    plan = gan._modality._config(task, TRAINING)
    shape = (3, side, side)
    design = {name: getattr(gan, name) for name in gan._modality.design}
    design["channels"] = gan.channels or preset_channels(shape)
    build = IMAGE_ARCHITECTURES[design.pop("architecture")]
    pair = build(shape, 10, torch.Generator().manual_seed(0), bounded=True, **design)
    train_state = TrainState.start(NetworkPair(*(network.to(device) for network in pair)), plan)
    rng = torch.Generator(device).manual_seed(0)
    real = torch.empty((plan.batch_size, *shape), device=device).uniform_(-1, 1, generator=rng)
    labels = torch.zeros(plan.batch_size, dtype=torch.long, device=device)
    counts = []
    for step in range(plan.penalty_every):
        train_state.step = step
        with FlopCounterMode(display=False) as counter:
            train_step(train_state, OBJECTIVES["relativistic"], real, labels, replace(plan), 0.5, rng)
        counts.append(counter.get_total_flops())
    return statistics.mean(counts)


def peak(n=8192):
    """Operations a second of the product of two large bfloat16 matrices: the median of ten."""
    a, b = (torch.randn(n, n, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    rates = []
    for turn in range(13):
        torch.cuda.synchronize()
        began = time.perf_counter()
        a @ b
        torch.cuda.synchronize()
        if turn >= 3:
            rates.append(2 * n**3 / (time.perf_counter() - began))
    return statistics.median(rates)


def markdown(lines, limit, command):
    head = (
        "| images | networks | operations a step | step by step, images/s | `fit`, images/s | times as fast "
        "| share of the limit |\n|---|---|---:|---:|---:|---:|---:|"
    )
    return "\n".join(
        [
            "## On a GPU",
            "",
            "Images a second in a training of `ImageGAN` (residual networks, three channels, bfloat16), looks at the "
            "samples included; *step by step* without the recorded steps that `fit` replays. *Share of the limit*: "
            f"operations of the networks a second, of the {limit / 1e12:.0f} TFLOP/s of a large product of bfloat16 "
            "matrices on the same GPU.",
            "",
            head,
            *lines,
            "",
            f"`{command}`, {datetime.date.today().isoformat()}, {torch.cuda.get_device_name()}, {machine()}; "
            f"{versions('torch', 'numpy')}.",
        ]
    )


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", nargs="+", type=int, default=SIDES, help="of the images (default: 32 64 128)")
    parser.add_argument("--write", action="store_true", help=f"write docs/{PAGE.name}")
    parser.add_argument("--to", help="write the section into this file instead")
    options = parser.parse_args(arguments)
    if not torch.cuda.is_available():
        print("There is no GPU.")
        return 1
    words = sys.argv[1:] if arguments is None else arguments
    limit, lines = peak(), []
    for side in options.sides:
        for name, settings in DESIGNS.items():
            batch, count = settings.get("batch_size", 64), operations(side, settings)
            plain, rate = (trained(side, settings, replays) for replays in (False, True))
            cells = [f"{side} x {side}", name, f"{count / 1e9:.1f} G", f"{batch * plain:,.0f}", f"{batch * rate:,.0f}"]
            cells += [f"{rate / plain:.1f}", f"{count * rate / limit:.1%}"]
            lines.append("| " + " | ".join(cells) + " |")
            print(lines[-1], flush=True)
            text = markdown(lines, limit, shlex.join(["python", "examples/benchmarks/gpu.py", *words]))
            if options.to:
                Path(options.to).write_text(text + "\n", encoding="utf-8")
    if options.write:
        write(text, "<!-- gpu -->", "<!-- end of gpu -->")
    return 0


if __name__ == "__main__":
    sys.exit(main())
