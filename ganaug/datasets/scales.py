"""Whether synthetic samples hold numbers on the scale of the real ones, and what they lack if not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from ganaug.datasets.probing import Look, first_view, kind_of, look_at
from ganaug.datasets.synthetic import SyntheticDataset
from ganaug.encoding.profiles import ValueProfile, difference, value_profile
from ganaug.exceptions import InvalidDataError
from ganaug.utils.types import IntArray

__all__ = ["check_scale"]

Array = npt.NDArray[Any]
Transform = Callable[[Any], Any]

# Items that are read at first, and before anything is refused: of pictures, and of samples of few values.
READ, READ_BEFORE_REFUSAL = 16, 64
READ_SMALL, READ_SMALL_BEFORE_REFUSAL = 128, 1024
SMALL = 256  # values of a sample that is small
DRAWN = 32  # samples that are looked at where a generator says nothing of what it was fitted on


def check_scale(
    real: Any,
    synthetic: SyntheticDataset,
    look: Look,
    asked: Any,
    groups: Iterable[tuple[ValueProfile | None, IntArray]],
) -> None:
    """Refuse synthetic samples on another scale than the real ones, or give them the normalisation that they lack.

    Parameters
    ----------
    real : dataset
    synthetic : SyntheticDataset
        As it hands samples out. Its transform is set if the real dataset normalises and the generator's data was not.
    look : Look
        At an item of ``real``.
    asked : callable, None or "auto"
        The transform that the user gave.
    groups : iterable of (profile, indices)
        What each generator was fitted on, and the real items of its classes.

    Raises
    ------
    InvalidDataError
        Naming both ranges, with what to do. See `ganaug.encoding.profiles.difference` for the rule.
    """
    own = look.transform is not None and synthetic.transform is look.transform
    for profile, items in groups:
        if not len(items):
            continue
        why = _why(real, synthetic, look, profile, items, own)
        if why is None:
            continue
        if asked != "auto" or not _adapted(real, synthetic, look, profile, items, own):
            raise InvalidDataError(_refusal(why, profile, look, asked))
        own = False


def _adapted(
    real: Any, synthetic: SyntheticDataset, look: Look, profile: ValueProfile | None, items: IntArray, own: bool
) -> bool:
    """Whether another part of the real dataset's transform brings synthetic samples to the scale; it is then set."""
    before, whole = synthetic.transform, first_view(look.sample) is look.sample
    face = synthetic.face
    if own and whole and getattr(look.sample, "dtype", None) == getattr(look.raw, "dtype", None):
        # the generator learnt what the transform made, which is of the type that it is given
        synthetic.hand_out(kind_of(look.sample, synthetic.is_image), None)
    elif synthetic.transform is None and (tail := _normalisation(look.transform)) is not None:
        synthetic.hand_out(face, tail)
    else:
        return False
    if _why(real, synthetic, look, profile, items, False) is None:
        return True
    synthetic.hand_out(face, before)
    return False


def _why(
    real: Any, synthetic: SyntheticDataset, look: Look, profile: ValueProfile | None, items: IntArray, own: bool
) -> str | None:
    image = synthetic.is_image
    if own and profile is None and synthetic.sample_dtype.kind != "f":
        return None
    made = profile if own or (profile is not None and synthetic.transform is None) else None
    if made is None and profile is not None:
        made = _profile(_probes(synthetic, profile), image)
    if made is None or made.low == made.high:
        made = _profile(_drawn(synthetic, own), image)
    if made is None:
        return None
    few, many = (READ_SMALL, READ_SMALL_BEFORE_REFUSAL) if _size(look.sample) < SMALL else (READ, READ_BEFORE_REFUSAL)
    if own and synthetic.sample_dtype.kind != "f" and difference(made, _profile([look.raw], image)) is None:
        return None  # one item tells bytes from flags
    for number in (few, many):
        why = difference(made, _profile(_samples(real, items, number, look, own), image))
        if why is None:
            return None
    return why


def _samples(real: Any, items: IntArray, number: int, look: Look, raw: bool) -> list[Any]:
    """Some real samples, or what their transform is given."""
    at = items[np.unique(np.linspace(0, len(items) - 1, number).astype(np.int64))].tolist()
    if raw:
        return [look_at(real, index, look.form.label).raw for index in at]
    several = getattr(real, "__getitems__", None)
    found = several(at) if callable(several) else [real[index] for index in at]
    return [first_view(item[look.form.views[0]]) for item in found]


def _probes(synthetic: SyntheticDataset, profile: ValueProfile) -> list[Any]:
    """Samples of one value each, of those that the generator was fitted on, as they are handed out."""
    shape, dtype = synthetic.sample_shape, synthetic.sample_dtype
    levels = profile.levels(shape[0])  # (C, K)
    stored = np.broadcast_to(levels.T.reshape(levels.shape[1], -1, *(1,) * (len(shape) - 1)), (levels.shape[1], *shape))
    return synthetic.handed_out((np.rint(stored) if dtype.kind in "iu" else stored).astype(dtype))


def _drawn(synthetic: SyntheticDataset, raw: bool) -> list[Any]:
    number = len(synthetic) if synthetic.pool_path is not None else min(len(synthetic), synthetic.block_size)
    stored = synthetic.stored(np.unique(np.linspace(0, number - 1, DRAWN).astype(np.int64)))
    return synthetic.face(stored) if raw else synthetic.handed_out(stored)


def _profile(samples: list[Any], image: bool) -> ValueProfile | None:
    arrays = [
        array for array in (_channels_first(first_view(sample), image) for sample in samples) if array is not None
    ]
    if not arrays or len({array.shape[0] for array in arrays}) > 1:
        return None
    if len({array.shape for array in arrays}) == 1:
        return value_profile(np.stack(arrays))
    flat = np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1)
    return value_profile(flat[None, :, :, None] if arrays[0].ndim >= 3 else flat[None])


def _channels_first(sample: Any, image: bool) -> Array | None:
    """A sample as (C, ...), or None where its numbers are no values."""
    if isinstance(sample, Image.Image):
        if sample.mode in {"P", "PA"}:
            return None
        array = np.asarray(sample)
        return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    if isinstance(sample, torch.Tensor):
        sample = sample.detach().cpu()
        array = (sample.float() if sample.is_floating_point() else sample).numpy()
        moved = False
    elif isinstance(sample, np.ndarray):
        array, moved = sample, True
    else:
        return None
    if array.ndim == 0 or array.dtype.kind not in "biuf":
        return None
    if image and array.ndim == 2:
        return array[None]
    return np.moveaxis(array, -1, 0) if image and moved and array.ndim == 3 else array


def _size(sample: Any) -> int:
    sample = first_view(sample)
    return int(np.prod(sample.shape)) if hasattr(sample, "shape") else SMALL


def _normalisation(transform: Any) -> Transform | None:
    """What a pipeline of torchvision does from its first Normalize on; None if it has none."""
    steps = getattr(transform, "transforms", None)
    steps = list(transform) if steps is None and isinstance(transform, torch.nn.Sequential) else steps
    if not isinstance(steps, (list, tuple)):
        return None
    first = next((i for i, step in enumerate(steps) if type(step).__name__ == "Normalize"), None)
    return None if first is None else Tail(list(steps[first:]))


class Tail:
    """The last steps of a pipeline."""

    def __init__(self, steps: list[Transform]) -> None:
        self.steps = steps

    def __call__(self, sample: Any) -> Any:
        for step in self.steps:
            sample = step(sample)
        return sample

    def __repr__(self) -> str:
        return " -> ".join(map(repr, self.steps))


def _refusal(why: str, profile: ValueProfile | None, look: Look, asked: Any) -> str:
    fitted = "" if profile is None else f"; the generator was fitted on values {profile}"
    if asked == "auto" or asked is None:
        remedy = (
            "Fit the generator on this dataset (or on one with the same transform), or say with transform= what "
            "synthetic samples lack, for example transform=v2.Normalize(mean, std)"
        )
    else:
        remedy = "transform= leaves synthetic samples on another scale; give one that ends on that of the real ones"
    after = " after the dataset's transform" if look.transform is not None else ""
    return (
        f"real samples{after} and synthetic ones are on different scales: {why}{fitted}. {remedy}. Where that is "
        "meant, give check_values=False"
    )
