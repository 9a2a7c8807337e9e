"""Whether synthetic samples hold numbers on the scale of the real ones, and what they lack if not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import v2

from ganaug.datasets.matching import RealItem, first_view, format_like, probe_item
from ganaug.datasets.synthetic import SyntheticDataset, Transform
from ganaug.encoding.profiles import ValueProfile, difference, value_profile
from ganaug.exceptions import InvalidDataError
from ganaug.pools.formats import Array, Sample
from ganaug.utils.types import IntArray

__all__ = ["check_scale"]

# Items that are read at first, and before anything is refused: of pictures, and of samples of few values.
READ, READ_BEFORE_REFUSAL = 16, 64
READ_SMALL, READ_SMALL_BEFORE_REFUSAL = 128, 1024
SMALL = 256  # values of a sample that is small
DRAWN = 32  # samples that are looked at where a generator says nothing of what it was fitted on


def check_scale(
    dataset: Any,
    synthetic: SyntheticDataset,
    real: RealItem,
    asked: Transform | str | None,
    groups: Iterable[tuple[ValueProfile | None, IntArray]],
) -> None:
    """Refuse synthetic samples on another scale than the real ones, or give them the normalisation that they lack.

    Parameters
    ----------
    dataset : dataset
        The real one.
    synthetic : SyntheticDataset
        As it hands samples out. Its transform is set if the real dataset normalises and the generator's data was not.
    real : RealItem
        An item of ``dataset``.
    asked : callable, None or "auto"
        The transform that the user gave.
    groups : iterable of (profile, indices)
        What each generator was fitted on, and the real items of its classes.

    Raises
    ------
    InvalidDataError
        Naming both ranges, with what to do. See `ganaug.encoding.profiles.difference` for the rule.
    """
    own = real.transform is not None and synthetic.transform is real.transform
    for profile, items in groups:
        if not len(items):
            continue
        scale = _ScaleOfClass(dataset, synthetic, real, profile, items)
        why = scale.difference(own)
        if why is None:
            continue
        if asked != "auto" or not scale.adapt(own):
            raise InvalidDataError(_refusal(why, profile, real, asked))
        own = False


@dataclass(frozen=True)
class _ScaleOfClass:
    """Compares what one generator makes with the real items of its classes."""

    dataset: Any
    synthetic: SyntheticDataset
    real: RealItem
    profile: ValueProfile | None  # the values that the generator was fitted on, if it knows them
    items: IntArray  # indices of the real items

    def difference(self, own: bool) -> str | None:
        """Why the scales differ, or None; ``own``: of what the real dataset's transform is given, which both have."""
        synthetic, sample = self.synthetic, self.real.sample
        if own and self.profile is None and synthetic.sample_dtype.kind != "f":
            return None
        made = self.profile if own or synthetic.transform is None else None
        if made is None and self.profile is not None:
            made = self._profile_of(self._levels(self.profile))
        if made is None or made.low == made.high:
            made = self._profile_of(self._drawn(own))
        if made is None:
            return None
        if own and synthetic.sample_dtype.kind != "f" and difference(made, self._profile_of([self.real.raw])) is None:
            return None  # one item tells bytes from flags
        size = int(np.prod(first_view(sample).shape)) if hasattr(first_view(sample), "shape") else SMALL
        why = None
        for number in (READ_SMALL, READ_SMALL_BEFORE_REFUSAL) if size < SMALL else (READ, READ_BEFORE_REFUSAL):
            why = difference(made, self._profile_of(self._real_samples(number, own)))
            if why is None:
                break
        return why

    def adapt(self, own: bool) -> bool:
        """Try another part of the real dataset's transform; whether it brings synthetic samples to the scale."""
        synthetic, real = self.synthetic, self.real
        before = synthetic.item_format, synthetic.transform
        one_view = first_view(real.sample) is real.sample
        if own and one_view and getattr(real.sample, "dtype", None) == getattr(real.raw, "dtype", None):
            # the generator learnt what the transform made, which is of the type that it is given
            synthetic.hand_out(format_like(real.sample, synthetic.is_image), None)
        elif synthetic.transform is None and (tail := _normalisation(real.transform)) is not None:
            synthetic.hand_out(synthetic.item_format, tail)
        else:
            return False
        if self.difference(False) is None:
            return True
        synthetic.hand_out(*before)
        return False

    def _real_samples(self, number: int, raw: bool) -> list[Sample]:
        """Some real samples, or what their transform is given."""
        dataset, form = self.dataset, self.real.form
        at = self.items[np.unique(np.linspace(0, len(self.items) - 1, number).astype(np.int64))].tolist()
        if raw:
            return [probe_item(dataset, index, form.label).raw for index in at]
        several = getattr(dataset, "__getitems__", None)
        found = several(at) if callable(several) else [dataset[index] for index in at]
        return [first_view(item[form.views[0]]) for item in found]

    def _levels(self, profile: ValueProfile) -> list[Sample]:
        """Samples of one value each, of those that the generator was fitted on, as they are handed out."""
        shape, dtype = self.synthetic.sample_shape, self.synthetic.sample_dtype
        levels = profile.levels(shape[0])  # (C, K)
        number = levels.shape[1]
        stored = np.broadcast_to(levels.T.reshape(number, -1, *(1,) * (len(shape) - 1)), (number, *shape))
        return self.synthetic.handed_out((np.rint(stored) if dtype.kind in "iu" else stored).astype(dtype))

    def _drawn(self, raw: bool) -> list[Sample]:
        """Some synthetic samples, or what their transform is given."""
        data = self.synthetic
        number = len(data) if data.pool_path is not None else min(len(data), data.block_size)
        stored = data.stored(np.unique(np.linspace(0, number - 1, DRAWN).astype(np.int64)))
        return data.item_format(stored) if raw else data.handed_out(stored)

    def _profile_of(self, samples: list[Sample]) -> ValueProfile | None:
        found = [_channels_first(first_view(sample), self.synthetic.is_image) for sample in samples]
        arrays = [array for array in found if array is not None]
        if not arrays or len({array.shape[0] for array in arrays}) > 1:
            return None
        if len({array.shape for array in arrays}) == 1:
            return value_profile(np.stack(arrays))
        flat = np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1)
        return value_profile(flat[None, :, :, None] if arrays[0].ndim >= 3 else flat[None])


def _channels_first(sample: Sample, image: bool) -> Array | None:
    """A sample as (C, ...), or None where its numbers are no values."""
    if isinstance(sample, Image.Image):
        if sample.mode in {"P", "PA"}:
            return None
        array = np.asarray(sample)
        return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    moved = isinstance(sample, np.ndarray)
    if isinstance(sample, torch.Tensor):
        sample = sample.detach().cpu()
        sample = (sample.float() if sample.is_floating_point() else sample).numpy()
    if not isinstance(sample, np.ndarray) or sample.ndim == 0 or sample.dtype.kind not in "biuf":
        return None
    if image and sample.ndim == 2:
        return sample[None]
    return np.moveaxis(sample, -1, 0) if image and moved and sample.ndim == 3 else sample


def _normalisation(transform: object) -> Transform | None:
    """What a pipeline of torchvision does from its first Normalize on; None if it has none."""
    steps = getattr(transform, "transforms", None)
    steps = list(transform) if steps is None and isinstance(transform, torch.nn.Sequential) else steps
    if not isinstance(steps, (list, tuple)):
        return None
    first = next((i for i, step in enumerate(steps) if type(step).__name__ == "Normalize"), None)
    return None if first is None else v2.Compose(list(steps[first:]))


def _refusal(why: str, profile: ValueProfile | None, real: RealItem, asked: Transform | str | None) -> str:
    fitted = "" if profile is None else f"; the generator was fitted on values {profile}"
    remedy = "transform= leaves synthetic samples on another scale; give one that ends on that of the real ones"
    if asked == "auto" or asked is None:
        remedy = (
            "Fit the generator on this dataset (or on one with the same transform), or say with transform= what "
            "synthetic samples lack, for example transform=v2.Normalize(mean, std)"
        )
    after = " after the dataset's transform" if real.transform is not None else ""
    return (
        f"real samples{after} and synthetic ones are on different scales: {why}{fitted}. {remedy}. Where that is "
        "meant, give check_values=False"
    )
