"""The discriminator that a model keeps: one that has never seen a training sample.

The discriminator of the game has seen every training sample hundreds of times, and its logit tells them from unseen
ones (an AUC of 0.8 on 300 rows). What is saved, copied and asked for scores is a network of the same shape that learnt,
after the game, to tell the generator's samples from broken ones. It is made of samples alone, so that it tells no more
than samples do; and since the broken samples are worse than any generator's, it knows better what is unlike the data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ganaug.runtime.devices import resolve_device
from ganaug.runtime.threads import alone
from ganaug.training.loop import cosine_decay
from ganaug.training.optimizer import FlatAdam
from ganaug.utils.seeding import child_seed
from ganaug.utils.types import Block, FloatArray

__all__ = ["Corrupt", "broken_rows", "broken_samples", "numpy_of", "second_discriminator"]

Corrupt = Callable[[Tensor, torch.Generator], Tensor]

# Steps, as a share of the game's and at most; samples of each kind in a step, and in all.
SHARE, STEPS, BATCH, SAMPLES = 0.15, 150, 128, 8192
RATE, BETAS = 2e-3, (0.9, 0.99)


def second_discriminator(
    gan: Any, *, share: float = SHARE, steps: int = STEPS, batch: int = BATCH, samples: int = SAMPLES
) -> dict[str, FloatArray]:
    """Train a discriminator of a fitted generator's samples against broken ones.

    Parameters
    ----------
    gan : fitted estimator
        Its design, generator and seed decide the result; its own discriminator does not.
    share : float
        Steps as a share of the game's.
    steps, batch, samples : int
        The most steps; samples of each kind in a step; samples that are drawn for all of them.

    Returns
    -------
    dict of str to ndarray
        The weights.
    """
    device, count = resolve_device(gan.device), gan.conditions_.count
    seed = child_seed(gan._seed, "second discriminator", gan.n_steps_)
    rng = torch.Generator().manual_seed(child_seed(seed, "training"))
    load = gan._loads(gan.codec_)
    with gan._computing():
        each = max(batch // 4, samples // count)
        drawn = [
            np.concatenate(list(gan._generate(c, each, child_seed(seed, "condition", c), device, alone)))
            for c in range(count)
        ]
        x = torch.from_numpy(np.concatenate(drawn))
        labels = torch.arange(count).repeat_interleave(each)
        broken = gan._corruption(gan.codec_)
        pair = gan._make_networks(
            gan.codec_, count, torch.Generator().manual_seed(child_seed(seed, "network")), **gan.design_
        )
        network = gan._placed(pair.discriminator, device)
        optimizer = FlatAdam(network, RATE, BETAS)
        truth = torch.tensor([1.0, 0.0], dtype=torch.float32, device=device).repeat_interleave(batch)
        n_steps = min(steps, max(20, int(share * gan.n_steps_)))
        for step in range(n_steps):
            good, other = torch.randint(len(x), (2, batch), generator=rng)
            made = broken(load(x[other]), rng)
            claimed = torch.cat([labels[good], labels[other]]).to(device)
            pair = torch.cat([load(x[good]), made]).to(device)
            features = network.features(pair, claimed)
            loss = F.binary_cross_entropy_with_logits(network.head(features, claimed), truth)
            naming = network.head.class_loss(features[:batch], claimed[:batch])
            optimizer.step(loss if naming is None else loss + naming.mean(), cosine_decay(step / n_steps, 0.3))
    return {k: numpy_of(v) for k, v in network.state_dict().items()}


def broken_rows(blocks: Sequence[Block]) -> Corrupt:
    """What breaks encoded rows (B, width): columns of other rows, numbers anywhere in the range, noise.

    A third of the rows each: columns exchanged, a random share of them; all exchanged, and the numbers uniform; some
    exchanged, and noise on the numbers.
    """
    widths = [1] * sum(b.width for b in blocks if b.tag == "scalar")
    numbers = len(widths)
    widths += [b.width for b in blocks if b.tag != "scalar"]
    starts = np.cumsum([0, *widths])[:-1]
    of_column = torch.from_numpy(np.repeat(np.arange(len(widths)), widths))
    columns = torch.arange(len(of_column))

    def broken(x: Tensor, rng: torch.Generator) -> Tensor:
        n, third = len(x), len(x) // 3
        share = torch.rand(n, 1, dtype=torch.float32, generator=rng)
        share[:third] = 1.0
        exchanged = torch.rand(n, len(widths), dtype=torch.float32, generator=rng) < share
        source = torch.where(exchanged, torch.randint(n, (n, len(widths)), generator=rng), torch.arange(n)[:, None])
        rows = x[source[:, of_column], columns]
        if numbers:
            low, high = x[:, :numbers].amin(0), x[:, :numbers].amax(0)
            rows[:third, :numbers] = low + (high - low) * torch.rand(third, numbers, dtype=torch.float32, generator=rng)
            noise = torch.empty(third, numbers, dtype=torch.float32).normal_(generator=rng)
            rows[third : 2 * third, :numbers] += (
                2 * torch.rand(third, 1, dtype=torch.float32, generator=rng) ** 2 * noise
            )
        for start, width in zip(starts[numbers:].tolist(), widths[numbers:], strict=True):
            state = torch.randint(width, (third,), generator=rng)
            rows[:third, start : start + width] = F.one_hot(state, width).to(rows.dtype)
        return rows[torch.randperm(n, generator=rng)]

    return broken


def broken_samples(x: Tensor, rng: torch.Generator) -> Tensor:
    """Images and series (B, C, *spatial) broken: blended, joined of two, covered by noise, made of noise.

    A quarter of the samples each.
    """
    n, quarter = len(x), max(1, len(x) // 4)
    other = x[torch.randperm(n, generator=rng)]
    ones = (1,) * (x.ndim - 1)
    spread = x.std(0, keepdim=True) + 1e-3 * x.std()
    noise = torch.empty(x.shape, dtype=torch.float32).normal_(generator=rng)
    made = x.clone()
    blend = (0.3 + 0.4 * torch.rand(n, dtype=torch.float32, generator=rng)).view(-1, *ones)
    made[:quarter] = (blend * x + (1 - blend) * other)[:quarter]
    length = x.shape[-1]
    cut = torch.randint(1, length, (n, 1), generator=rng)
    left = (torch.arange(length) < cut).view(n, *(1,) * (x.ndim - 2), length)
    made[quarter : 2 * quarter] = torch.where(left, x, other)[quarter : 2 * quarter]
    covered = slice(2 * quarter, 3 * quarter)
    strength = torch.rand(n, dtype=torch.float32, generator=rng).view(-1, *ones)
    made[covered] = (x + strength * x.std() * noise)[covered]
    made[3 * quarter :] = (x.mean(0, keepdim=True) + spread * noise)[3 * quarter :]
    return made[torch.randperm(n, generator=rng)]


def numpy_of(tensor: Tensor) -> FloatArray:
    """An array of its own, on the CPU."""
    array: FloatArray = tensor.detach().cpu().numpy().copy()
    return array
