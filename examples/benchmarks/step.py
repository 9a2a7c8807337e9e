"""How long one step of a tabular training takes, against its arithmetic alone.

    python examples/benchmarks/step.py

Counts the matrix products of the step (a quarter of the steps have a penalty and more of them), runs them by
themselves after each step, by the library that the step takes for each, and divides the one time by the other. All on
one core; the seconds are those of the processor, and both are taken from the least disturbed tenth, so that a busy
machine slows both alike.
"""

from __future__ import annotations

import argparse
import collections
import statistics
import sys
import time
from types import SimpleNamespace

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

PRODUCTS = ("mm", "addmm", "addmm_")
ONEDNN = "_linear_pointwise"  # of the passes that networks write out: x @ weight.T


class Products(TorchDispatchMode):
    """Counts matrix products by their shape, and all operations."""

    def __init__(self):
        super().__init__()
        self.shapes, self.operations = collections.Counter(), 0

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        self.operations += 1
        name = function._overloadpacket.__name__
        if name in PRODUCTS:
            left, right = arguments[-2:]
            self.shapes[left.shape[0], left.shape[1], right.shape[1], False] += 1
        elif name == ONEDNN:
            left, right = arguments[0], arguments[2 if function._overloadname == "binary" else 1]
            self.shapes[left.shape[0], left.shape[1], right.shape[0], True] += 1
        return function(*arguments, **(options or {}))


def train_state(rows, columns, batch_size, width, depth):
    """Everything that a step of ``TabularGAN`` on such a table needs."""
    from ganaug import TabularGAN
    from ganaug.networks import TABULAR_ARCHITECTURES
    from ganaug.objectives import OBJECTIVES
    from ganaug.runtime.compute import alone
    from ganaug.training.train_state import ClassBatches, TrainState
    from ganaug.utils.types import Block

    rng = torch.Generator().manual_seed(0)
    blocks = [Block("scalar", 0, columns)]
    pair = TABULAR_ARCHITECTURES["mlp"](blocks, 2, rng, width=width, depth=depth)
    gan = TabularGAN(batch_size=batch_size)
    task = SimpleNamespace(settings=gan._settings(), codec=SimpleNamespace(width=columns), design={}, team=alone)
    _, plan = gan._modality.config(task)
    labels = torch.arange(rows) % 2
    table = ClassBatches(torch.randn(rows, columns, generator=rng), labels, torch.tensor([0.5, 0.5]))
    return TrainState.start(pair, plan), table, OBJECTIVES[gan.objective], plan, rng


def products(shapes):
    """All products of a step, one after the other; those that are not oneDNN's into memory that is there already."""
    from ganaug.networks.layers import product

    operands = [
        (torch.randn(m, k), torch.randn(n, k), None if onednn else torch.empty(m, n))
        for (m, k, n, onednn), count in shapes.items()
        for _ in range(count)
    ]

    def multiply():
        with torch.inference_mode():
            for left, right, out in operands:
                if out is None:
                    product(left, right)
                else:
                    torch.mm(left, right.t(), out=out)

    return multiply


def undisturbed(values):
    """What a tenth of the steps stayed below: those that other processes disturbed least."""
    return float(np.quantile(values, 0.1))


def measure(steps, **sizes):
    """Seconds of steps and of their products, with and without the penalty."""
    from ganaug.runtime.compute import one_thread
    from ganaug.training.loop import gradient_functions, train_step

    with one_thread():
        one, table, objective, plan, rng = train_state(**sizes)
        gradients = gradient_functions(one, objective, plan, torch.device("cpu"))
        batches = table.batches(plan.batch_size, rng)
        kinds = {}
        for number in range(2 * plan.penalty_every):  # the first steps warm up and are counted, not timed
            with Products() as counted:
                train_step(one, objective, *next(batches), plan, 1.0, rng, gradients)
            kinds[number % plan.penalty_every == 0] = counted
            one.step += 1
        seconds = {kind: [] for kind in kinds}
        alone = {kind: [] for kind in kinds}
        multiply = {kind: products(counted.shapes) for kind, counted in kinds.items()}
        for _ in range(steps):
            kind = one.step % plan.penalty_every == 0
            began = time.process_time()
            train_step(one, objective, *next(batches), plan, 1.0, rng, gradients)
            one.average_flat.lerp_(one.generator.flat, 1 - 0.5 ** (1 / plan.ema_half_life))
            between = time.process_time()
            multiply[kind]()
            seconds[kind].append(between - began)
            alone[kind].append(time.process_time() - between)
            one.step += 1
    share = 1 / plan.penalty_every

    def mean(values, best):
        return share * best(values[True]) + (1 - share) * best(values[False])

    operations = mean({kind: [counted.operations] for kind, counted in kinds.items()}, min)
    number = mean({k: [sum(c.shapes.values())] for k, c in kinds.items()}, min)
    gflop = mean({k: [sum(2e-9 * np.prod(s[:3]) * n for s, n in c.shapes.items())] for k, c in kinds.items()}, min)
    return {
        "step": mean(seconds, undisturbed),
        "median": mean(seconds, statistics.median) / mean(alone, statistics.median),
        "products": mean(alone, undisturbed),
        "number": number,
        "operations": operations,
        "gflop": gflop,
    }


def main(arguments=None):
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=800, help="timed for each setting (default: 800)")
    parser.add_argument("--batch-size", type=int, nargs="+", default=None, help="default: TabularGAN's own, and 128")
    options = parser.parse_args(arguments)
    from ganaug import TabularGAN

    gan = TabularGAN()
    sizes = options.batch_size or sorted({gan.batch_size, 128})
    head = "| batch | encoded columns | operations | products | GFLOP | step, ms | products alone, ms | ratio |"
    print(head + "\n" + "| ---: " * 8 + "|")
    for batch_size in sizes:
        for columns in (20, 60):
            found = measure(
                options.steps,
                rows=2_000,
                columns=columns,
                batch_size=batch_size,
                width=gan.width,
                depth=gan.depth,
            )
            print(
                f"| {batch_size} | {columns} | {found['operations']:.0f} | {found['number']:.0f} "
                f"| {found['gflop']:.3f} | {1e3 * found['step']:.2f} | {1e3 * found['products']:.2f} "
                f"| {found['step'] / found['products']:.2f} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
