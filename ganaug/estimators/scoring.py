"""Scores and features of samples, by a discriminator that has never seen a training sample.

The discriminator of the training has seen every training sample hundreds of times, and its logit tells them from
unseen ones (an AUC of 0.8 on 300 rows). What is saved, copied and asked for scores is a network of the same shape that
learns, after the training, to tell the generator's samples from corrupted ones. It is made of samples alone, so that it
tells no more than samples do; and since the corrupted samples are worse than any generator's, it knows better what is
unlike the data.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from ganaug.encoding.containers import check_lengths
from ganaug.estimators.base import BaseGenerator, arrays_of, to_device
from ganaug.estimators.modality import network_decoder
from ganaug.exceptions import InvalidParameterError
from ganaug.networks import DiscriminatorNetwork
from ganaug.runtime.compute import Team, alone, as_tensor, one_thread, resolve_device
from ganaug.training.loop import cosine_decay
from ganaug.training.train_state import FlatAdam
from ganaug.utils.determinism import child_seed, isolated
from ganaug.utils.types import Block, FloatArray, IntArray

if TYPE_CHECKING:
    from ganaug.estimators.gan import BaseGAN

__all__ = ["ScoringMixin", "corrupt_rows", "corrupt_samples", "second_discriminator"]

# Decimals of a score that no order of adding changes.
DIGITS = 9
# Steps, as a share of the training's and at most; samples of each kind in a step, and in all.
SHARE, STEPS, BATCH, SAMPLES = 0.15, 150, 128, 8192
RATE, BETAS = 2e-3, (0.9, 0.99)

Corrupt = Callable[[Tensor, torch.Generator], Tensor]


class ScoringMixin(BaseGenerator):
    """``score_samples`` and ``features`` over the discriminator that a model keeps."""

    condition_counts_: IntArray

    @abstractmethod
    def _scoring_discriminator(self) -> DiscriminatorNetwork:
        """The discriminator that scores, in double precision."""

    @abstractmethod
    def _at_once(self) -> int:
        """Samples in one pass of a network."""

    @abstractmethod
    def _team(self, device: torch.device) -> AbstractContextManager[Team]:
        """Who works on the parts of a batch."""

    @isolated
    def score_samples(self, X: object, y: object = None) -> npt.NDArray[np.float64]:
        """A discriminator's logit: how much a row looks like the training data.

        The discriminator of the training would tell the very rows that it saw from others like them. The one that
        scores has its shape, and learns at the first call, or when the model is saved or copied, to tell the
        generator's samples from broken ones (columns exchanged, noise, values from anywhere in the range), in a tenth
        of the time of the training or less. It knows of the training rows what samples tell. Scores are the same before
        and after saving.

        Parameters
        ----------
        X : as in `fit`
            Rows to judge; same columns and dtypes as in `fit`.
        y : array-like of shape (n_samples,), optional
            The class that each row claims to be of. None averages over the
            classes by their training frequencies.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Higher is more like the training data; the sign turned, an anomaly
            score. It tells how real a row is, not which class it is of:
            compare rows, not claims. Columns of a table that a rule determines are not looked at, for the networks do
            not have them: ``gan.rules_.holds(X)`` tells which rows break a rule.

        Raises
        ------
        InvalidDataError
            For unseen columns, dtypes, categories or labels.
        """

        def logit(network: DiscriminatorNetwork, features: Tensor, labels: Tensor) -> Tensor:
            result: Tensor = network.head(features, labels).unsqueeze(1)
            return result

        return self._evaluate(X, y, logit)[:, 0]

    @isolated
    def features(self, X: object, y: object = None) -> npt.NDArray[np.float64]:
        """The last hidden layer of the discriminator of `score_samples`, for transfer learning.

        Parameters
        ----------
        X, y
            As in `score_samples`.

        Returns
        -------
        ndarray of shape (n_samples, width), float64
        """
        return self._evaluate(X, y, lambda network, features, labels: features)

    def _evaluate(
        self, X: object, y: object, of: Callable[[DiscriminatorNetwork, Tensor, Tensor], Tensor]
    ) -> npt.NDArray[np.float64]:
        self._check_fitted()
        check_lengths(X, y)
        rows = self.codec_.encode(X, owner=type(self).__name__)
        if y is None:
            weights = self.condition_counts_ / self.condition_counts_.sum()
            claims = [(c, np.full(len(rows), c), w) for c, w in enumerate(weights) if w > 0]
        else:
            if self.label_codec_ is None:
                raise InvalidParameterError("y was given, but the generator was fitted without labels")
            codes = self.conditions_.of_codes(self.label_codec_.encode(y))
            check_lengths(rows, codes)
            claims = [(-1, codes, 1.0)]
        # In double precision on the CPU, and rounded: a row's score must not depend on the rows beside it,
        # whose number decides in which order a matrix product adds.
        network, decode, most = self._scoring_discriminator(), network_decoder(self.codec_), self._at_once()

        @torch.inference_mode()
        def part(start: int) -> npt.NDArray[np.float64]:
            x = decode(as_tensor(rows[start : start + most])).double()
            features, total = None, torch.zeros((), dtype=torch.float32)
            for _, labels, weight in claims:
                claimed = as_tensor(labels[start : start + most])
                if features is None or network.head.class_is_input:  # else the trunk sees no class
                    features = network.features(x, claimed)
                total = total + weight * of(network, features, claimed)
            return total.numpy().round(DIGITS)

        with one_thread(), self._team(torch.device("cpu")) as work:
            return np.concatenate(work(part, range(0, max(len(rows), 1), most)))


# ---- the discriminator that scores -------------------------------------------------------------


def second_discriminator(
    gan: BaseGAN, *, share: float = SHARE, steps: int = STEPS, batch: int = BATCH, samples: int = SAMPLES
) -> dict[str, FloatArray]:
    """Train a discriminator of a fitted generator's samples against corrupted ones.

    Parameters
    ----------
    gan : fitted estimator
        Its design, generator and seed decide the result; its own discriminator does not.
    share : float
        Steps as a share of the training's.
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
    decode = network_decoder(gan.codec_)
    with one_thread():
        each = max(batch // 4, samples // count)
        drawn = [
            np.concatenate(list(gan._generate(c, each, child_seed(seed, "condition", c), device, alone)))
            for c in range(count)
        ]
        x = torch.from_numpy(np.concatenate(drawn))
        labels = torch.arange(count).repeat_interleave(each)
        corrupt = corrupt_rows(gan.codec_.blocks) if hasattr(gan.codec_, "blocks") else corrupt_samples
        networks = gan._new_networks(child_seed(seed, "network"))
        network = cast(DiscriminatorNetwork, to_device(networks["discriminator"], device))
        network.take_fixed(gan._generator(device))
        optimizer = FlatAdam(network, RATE, BETAS)
        truth = torch.tensor([1.0, 0.0], dtype=torch.float32, device=device).repeat_interleave(batch)
        n_steps = min(steps, max(20, int(share * gan.n_steps_)))
        for step in range(n_steps):
            good, other = torch.randint(len(x), (2, batch), generator=rng)
            corrupted = corrupt(decode(x[other]), rng)
            claimed = torch.cat([labels[good], labels[other]]).to(device)
            both = torch.cat([decode(x[good]), corrupted]).to(device)
            features = network.features(both, claimed)
            loss = F.binary_cross_entropy_with_logits(network.head(features, claimed), truth)
            class_loss = network.head.class_loss(features[:batch], claimed[:batch])
            total = loss if class_loss is None else loss + class_loss.mean()
            optimizer.step(total, cosine_decay(step / n_steps, 0.3))
    weights = arrays_of({"": network})
    return {name.removeprefix("."): array for name, array in weights.items()}


def corrupt_rows(blocks: Sequence[Block]) -> Corrupt:
    """What corrupts encoded rows (B, width): columns of other rows, numbers anywhere in the range, noise.

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


def corrupt_samples(x: Tensor, rng: torch.Generator) -> Tensor:
    """Images and series (B, C, *spatial) corrupted: blended, joined of two, covered by noise, made of noise.

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
