"""Transforms of whole batches, used as MixUp and CutMix are: real images replaced by, or mixed with, synthetic ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganaug.exceptions import InvalidParameterError
from ganaug.transforms.checks import choice, number
from ganaug.transforms.from_pool import FromPool

__all__ = ["SyntheticBlend", "SyntheticMixUp"]

DRAWS = ("same-class", "balanced")


class SyntheticBlend(FromPool):
    """Replace a share of a batch's images by synthetic ones.

    Used on whole batches, in ``collate_fn`` or after the loader, as `v2.MixUp`
    and `v2.CutMix` are, and before them.

    Parameters
    ----------
    source : fitted generator, dict of label to generator, SamplePool, str or path-like
        Where the images come from. A generator, given itself or by the path
        where it was saved, is asked once, here, for ``pool_size`` images of each class. The path of a saved
        pool maps that; with many workers or large images that is the lightest.
    share : float, default=0.25
        Mean share of the images that are replaced, in [0, 1]. No share is best
        everywhere: choose it by validation, 0 among the candidates.
    draw : {"same-class", "balanced"}, default="same-class"
        "same-class" replaces an image by one of its class: labels stay, and so
        do the frequencies of the classes. "balanced" replaces images by ones of
        classes drawn evenly from the pool, and their labels with them: rare classes become more frequent.
    p : float, default=1.0
        Probability that a batch is touched at all.
    classes : sequence, optional
        ``dataset.classes``: what the labels 0, 1, ... stand for, if the generator was trained on names, or on a
        dataset with named classes, which may have had other numbers.
    missing : {"error", "keep"}, default="error"
        What happens to labels of which the pool has no images: an error, or they stay real.
    mean, std : float or sequence of floats, optional
        As given to `v2.Normalize`, if the batch is normalised.
    resize : bool, default=False
        Whether synthetic images of another size are resized (bilinear,
        antialiased) or an error.
    pool_size : int, default=256
        Images of each class, if a generator is given.
    seed : int or None, default=0
        For the pool and the draws. In a worker the DataLoader's seed is mixed in, so that every worker and
        epoch differs, and all of it repeats if the loader has a seeded ``generator=``. In
        distributed training without workers give each rank a seed of its own.
    labels_getter : callable or "default", default="default"
        How to find the labels in the batch, as in `v2.MixUp`: by default its
        second item (after several views the first vector), or the entry of a dict whose key contains "label".

    Raises
    ------
    InvalidParameterError, InvalidTypeError, InvalidDataError
        For a share outside [0, 1], unknown classes, other channels, sizes or ranges.

    Notes
    -----
    Several views of an image, ``(view1, view2, labels)``, are replaced together, by the same synthetic image. Stacks
    of images are told by `tv_tensors.Image`, or else by having the channels and dtype of the first one.

    See Also
    --------
    ganaug.BlendedDataset : adds synthetic items to a dataset rather than to its batches.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from ganaug.transforms import SamplePool, SyntheticBlend
    >>> pool = SamplePool(np.full((20, 1, 8, 8), 255, np.uint8), np.repeat([0, 1], 10))
    >>> blend = SyntheticBlend(pool, share=0.5)
    >>> images, labels = blend(torch.zeros(8, 1, 8, 8), torch.tensor([0, 1] * 4))
    >>> int(images.amax((1, 2, 3)).sum()), labels.dtype
    (4, torch.int64)

    In a loader: ``collate_fn=lambda batch: blend(*default_collate(batch))``.
    """

    def __init__(
        self,
        source: Any,
        share: float = 0.25,
        *,
        draw: str = "same-class",
        p: float = 1.0,
        classes: Sequence[Any] | None = None,
        missing: str = "error",
        mean: float | Sequence[float] | None = None,
        std: float | Sequence[float] | None = None,
        resize: bool = False,
        pool_size: int = 256,
        seed: int | None = 0,
        labels_getter: Callable[[Any], Any] | str = "default",
    ) -> None:
        checked = number("share", share, 0, 1), choice("draw", draw, DRAWS), number("p", p, 0, 1)
        super().__init__(
            source,
            classes=classes,
            missing=missing,
            mean=mean,
            std=std,
            resize=resize,
            pool_size=pool_size,
            seed=seed,
            labels_getter=labels_getter,
        )
        self.share, self.draw, self.p = checked

    def _drawn(self, labels: Tensor, rng: np.random.Generator) -> dict[str, Any]:
        balanced = self.draw == "balanced"  # then any image may go, whatever it was
        codes = np.zeros(len(labels), np.int64) if balanced else self._codes(labels)
        eligible = np.flatnonzero(codes >= 0)
        # rounded at random, so that the mean share is right for small batches too
        count = int(self.share * len(eligible) + rng.random()) if rng.random() < self.p else 0
        rows = np.sort(rng.choice(eligible, min(count, len(eligible)), replace=False)).astype(np.int64)
        wanted = rng.integers(len(self.pool.labels), size=len(rows)) if balanced else codes[rows]
        if balanced:
            named = [self._names.batch_label(self.pool.labels[code], self.pool) for code in wanted]
            labels = labels.clone()
            where = torch.from_numpy(rows).to(labels.device)
            labels[where] = torch.tensor(named, dtype=labels.dtype, device=labels.device)
        return {
            "rows": rows,
            "picks": self.pool.pick(wanted, rng),
            "labels": labels,
            "relabel": balanced,
        }

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Which rows change, and into what: ``rows`` of the batch, ``picks`` in the pool."""
        params = super().make_params(flat_inputs)
        if self.draw == "balanced" and not params["relabel"]:
            raise InvalidParameterError(
                'draw="balanced" changes labels, and labels_getter returned a tensor that is not in the batch; '
                "let it return the tensor itself"
            )
        return params

    _get_params = make_params

    def _made(self, real: Tensor, synthetic: Tensor, params: dict[str, Any]) -> Tensor:
        return synthetic


class SyntheticMixUp(FromPool):
    """Mix each image of a batch with a synthetic one of its class; labels stay integers.

    The mixture is ``w * real + (1 - w) * synthetic`` with ``w`` from
    Beta(alpha, alpha) for each image. Both are of the same class, so the label needs no mixing, and any loss
    that takes integers works on.

    Parameters
    ----------
    source : fitted generator, SamplePool, str or path-like
        As in `SyntheticBlend`.
    alpha : float, default=0.4
        Small values give images that are nearly all real or all synthetic, 1
        all mixtures alike. 0.4 is the upper of the values that the paper found good on ImageNet.
    p : float, default=1.0
        Probability that an image is mixed.
    classes, missing, mean, std, resize, pool_size, seed, labels_getter
        As in `SyntheticBlend`.

    Raises
    ------
    InvalidParameterError, InvalidTypeError, InvalidDataError
        As `SyntheticBlend`.

    References
    ----------
    Zhang, Cisse, Dauphin, Lopez-Paz: mixup: Beyond Empirical Risk Minimization. ICLR 2018.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from ganaug.transforms import SamplePool, SyntheticMixUp
    >>> pool = SamplePool(np.full((20, 1, 8, 8), 255, np.uint8), np.repeat([0, 1], 10))
    >>> images, labels = SyntheticMixUp(pool)(torch.zeros(8, 1, 8, 8), torch.tensor([0, 1] * 4))
    >>> bool((images > 0).any()), labels.dtype
    (True, torch.int64)
    """

    def __init__(
        self,
        source: Any,
        alpha: float = 0.4,
        *,
        p: float = 1.0,
        classes: Sequence[Any] | None = None,
        missing: str = "error",
        mean: float | Sequence[float] | None = None,
        std: float | Sequence[float] | None = None,
        resize: bool = False,
        pool_size: int = 256,
        seed: int | None = 0,
        labels_getter: Callable[[Any], Any] | str = "default",
    ) -> None:
        checked = number("alpha", alpha, 0, open_low=True), number("p", p, 0, 1)
        super().__init__(
            source,
            classes=classes,
            missing=missing,
            mean=mean,
            std=std,
            resize=resize,
            pool_size=pool_size,
            seed=seed,
            labels_getter=labels_getter,
        )
        self.alpha, self.p = checked

    def _drawn(self, labels: Tensor, rng: np.random.Generator) -> dict[str, Any]:
        codes = self._codes(labels)
        rows = np.flatnonzero((codes >= 0) & (rng.random(len(codes)) < self.p))
        weights = rng.beta(self.alpha, self.alpha, len(rows)).astype(np.float32)
        return {"rows": rows, "picks": self.pool.pick(codes[rows], rng), "weights": weights, "relabel": False}

    def _made(self, real: Tensor, synthetic: Tensor, params: dict[str, Any]) -> Tensor:
        weights = torch.from_numpy(params["weights"]).to(real.device).reshape(-1, 1, 1, 1)
        mixed = weights * real.float() + (1 - weights) * synthetic.float()
        return mixed.to(real.dtype) if real.is_floating_point() else mixed.round().to(real.dtype)
