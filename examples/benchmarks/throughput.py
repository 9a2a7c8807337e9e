"""What an ImageGAN's training costs beside a bare loop over the same networks.

    python examples/benchmarks/throughput.py --write

The bare loop is what one would write by hand: the same generator and discriminator, the same losses, penalties as
often, torch.optim.Adam and an average of the weights, and nothing else. ``ImageGAN.fit`` also draws classes evenly,
turns bytes into floats, logs, keeps a history, and looks at its samples as often as in a training of 2,000 steps. Both
in turn in one process. On one core seconds are of the processor, so that what else the machine does matters little.
With ``--cores 2`` they are by the clock, of a machine that should do nothing else: ``fit`` works on two halves of a
batch side by side, the bare loop leaves the second core to torch. The share is the median over the rounds of
neighbouring measurements.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import shlex
import statistics
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from common import machine, measure, report, versions
from loader import PAGE, write

LEAST = 0.8  # of the bare loop's images a second
TRAINING = 2000  # steps, of which only the first are made
SIZES = {"28 x 28 x 1": (1, 28, 28), "32 x 32 x 3": (3, 32, 32)}


def pictures(shape, n=2000):
    """Bytes of ten classes; what they show does not matter to the clock."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n, *shape), np.uint8), np.arange(n) % 10


def clock_of(cores):
    """Seconds of the processor on one core, by the clock on several."""
    return time.process_time if cores == 1 else time.perf_counter


class Stopwatch:
    """Seconds between the first logged step and the one that ends the training."""

    def __init__(self, logged, clock):
        self.logged, self.clock, self.times, self.steps = logged, clock, [], []

    def __call__(self, event):
        self.times.append(self.clock())
        self.steps.append(event.step)
        return "measured" if len(self.times) > self.logged else None


def fitted_speed(gan_class, shape, batch_size, architecture, clock):
    """Images a second of ``fit``, over as many steps as lie between two looks."""
    X, y = pictures(shape)
    watch = Stopwatch(3, clock)
    gan_class(
        max_steps=TRAINING,
        batch_size=batch_size,
        architecture=architecture,
        callbacks=[watch],
        random_state=0,
        verbose=False,
        device="cpu",
        layout="NCHW",
    ).fit(X, y)
    steps = watch.steps[-1] - watch.steps[0]
    return batch_size * steps / (watch.times[-1] - watch.times[0]), steps


def bare_speed(shape, batch_size, architecture, steps, clock):
    """Images a second of the loop alone."""
    from ganaug.estimators.convolutional import preset_channels
    from ganaug.networks import IMAGE_ARCHITECTURES

    X, y = pictures(shape)
    rng = torch.Generator().manual_seed(0)
    build = IMAGE_ARCHITECTURES[architecture]
    generator, discriminator = build(
        shape, 10, rng, bounded=True, channels=preset_channels(shape), max_channels=64, latent_dim=64,
        conditioning="projection",
    )  # fmt: skip
    average = build(
        shape, 10, rng, bounded=True, channels=preset_channels(shape), max_channels=64, latent_dim=64,
        conditioning="projection",
    ).generator  # fmt: skip
    networks = [network.to(memory_format=torch.channels_last) for network in (generator, discriminator, average)]
    generator, discriminator, average = networks
    by_discriminator, by_generator = (
        torch.optim.Adam(network.parameters(), 2e-3, betas=(0.0, 0.99)) for network in (discriminator, generator)
    )
    weights, averages = list(generator.parameters()), list(average.parameters())
    images, labels = torch.from_numpy(X).float().div(127.5).sub(1), torch.from_numpy(y)

    def step(number):
        rows = torch.randint(len(images), (batch_size,), generator=rng)
        real, own = images[rows], labels[rows]
        fake = generator(torch.randn(batch_size, 64, generator=rng), own, rng)
        twice = torch.cat([own, own])
        on_real, on_fake = discriminator(torch.cat([real, fake.detach()]), twice).chunk(2)
        loss = F.softplus(on_fake - on_real).mean()
        if number % 4 == 0:
            points = torch.cat([real, fake.detach()])
            slopes = discriminator.input_gradient(points, twice)
            loss = loss + 4 * slopes.square().flatten(1).sum(1).mean()
        by_discriminator.zero_grad()
        loss.backward()
        by_discriminator.step()
        loss = F.softplus(on_real.detach() - discriminator(fake, own)).mean()
        by_generator.zero_grad()
        loss.backward()
        by_generator.step()
        with torch.no_grad():
            torch._foreach_lerp_(averages, weights, 0.01)

    for number in range(8):
        step(number)
    began = clock()
    for number in range(steps):
        step(number)
    return batch_size * steps / (clock() - began)


def compare(size, rounds, batch_size, architecture, cores):
    """In a child on so many cores: both, in turn."""
    from ganaug import ImageGAN
    from ganaug.runtime.compute import one_thread

    torch.set_num_threads(cores)
    found, clock = {"fit": [], "bare": []}, clock_of(cores)
    for _ in range(rounds):
        speed, steps = fitted_speed(ImageGAN, SIZES[size], batch_size, architecture, clock)
        found["fit"].append(speed)
        with one_thread() if cores == 1 else contextlib.nullcontext():
            found["bare"].append(bare_speed(SIZES[size], batch_size, architecture, steps, clock))
    report(found)


def share(result):
    """Of the bare loop's speed: the median of neighbouring measurements."""
    return statistics.median(fit / bare for fit, bare in zip(result["fit"], result["bare"], strict=True))


def markdown(results, command, batch_size, cores):
    where = "on one core, in seconds of the processor" if cores == 1 else f"on {cores} cores, by the clock"
    lines = [
        "## A training of ImageGAN" if cores == 1 else f"## The same on {cores} cores",
        "",
        f"Images a second in a training of `ImageGAN` with batches of {batch_size}, against a bare loop over the same "
        f"networks with the same losses, penalties, optimiser and average; both in turn {where}. "
        "*Share*: the median of neighbouring measurements.",
        "",
        "| architecture | images | `fit`, images/s | bare loop, images/s | share |",
        "|---|---|---:|---:|---:|",
    ]
    for (architecture, size), result in results.items():
        if "error" in result:
            lines.append(f"| {architecture} | {size} | failed: {result['error']} | | |")
            continue
        fit, bare = (statistics.median(result[name]) for name in ("fit", "bare"))
        lines.append(f"| {architecture} | {size} | {fit:.0f} | {bare:.0f} | {share(result):.0%} |")
    today = datetime.date.today().isoformat()
    return "\n".join([*lines, "", f"`{command}`, {today}, {machine()}; {versions('torch', 'numpy')}."])


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each (default: 5)")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--architectures", nargs="+", default=["residual", "dcgan", "style"])
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--cores", type=int, default=1, help="default: 1")
    parser.add_argument("--write", action="store_true", help=f"write docs/{PAGE.name}")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)  # the children
    options = parser.parse_args(arguments)
    if options.one:
        return compare(options.one[1], options.rounds, options.batch_size, options.one[0], options.cores)
    size = ["--rounds", options.rounds, "--batch-size", options.batch_size, "--cores", options.cores]
    results = {}
    for architecture in options.architectures:
        for name in options.sizes:
            command = [sys.executable, __file__, *size, "--one", architecture, name]
            results[architecture, name] = measure(command, cores=options.cores)
            print(architecture, name, results[architecture, name], flush=True)
    words = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "examples/benchmarks/throughput.py", *words])
    text = markdown(results, command, options.batch_size, options.cores)
    print(text)
    if options.write:
        place = "throughput" if options.cores == 1 else f"throughput on {options.cores} cores"
        write(text, f"<!-- {place} -->", f"<!-- end of {place} -->")
    fine = all("error" not in result and share(result) >= LEAST for result in results.values())
    print("Within the limit." if fine else "Beyond the limit.")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
