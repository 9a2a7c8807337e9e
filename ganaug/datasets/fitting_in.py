"""How synthetic samples are made to stand beside real ones: through which face and transform, or why they cannot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from ganaug.datasets.faces import default_face
from ganaug.datasets.probing import Look, described, first_view, kind_of, same_kind
from ganaug.datasets.synthetic import SyntheticDataset
from ganaug.encoding.pil_images import channels_of, learned_mode
from ganaug.encoding.targets import could_be_label
from ganaug.exceptions import InvalidDataError

__all__ = ["check_beside", "check_modes", "entry_like", "fit_in", "label_like"]

# Real items that are read to tell whether their sizes differ among themselves.
READ = 4


def fit_in(synthetic: SyntheticDataset, look: Look, transform: Any) -> None:
    """Set the face and transform of synthetic items after a real one.

    Parameters
    ----------
    synthetic : SyntheticDataset
        It is changed.
    look : Look
        At a real item.
    transform : callable, None or "auto"
        "auto" is the real dataset's own, where the generator makes what that is given. A generator that learnt
        from transformed items makes what stands in a batch already, and goes without.

    Raises
    ------
    InvalidDataError
        If the generator makes neither.
    """
    shape, dtype, image = synthetic.sample_shape, synthetic.sample_dtype, synthetic.is_image
    raw, sample = look.raw, first_view(look.sample)
    if transform is None or (transform == "auto" and _family(raw) != dtype.kind == _family(sample)):
        if sample is not look.sample:
            raise InvalidDataError(
                f"the real dataset's samples are several views, {described(look.sample)}, and the generator learnt "
                "one that the transform made; fit it on the dataset without its transform, or give transform= what "
                f"makes {len(look.sample)} views of a synthetic image"
            )
        raw, transform = look.sample, None
    if transform != "auto" and _family(raw) != dtype.kind:
        # what makes the one of the other is the transform given; check_beside looks at the result
        synthetic.hand_out(default_face("auto", shape, dtype, image), transform)
        return
    if _family(raw) != dtype.kind:
        raise InvalidDataError(
            f"the real dataset's samples are {described(raw)}{_after(look)}, but the generator makes "
            f"{_words(shape, dtype)}; fit it on these data, or give a transform= that makes one of the other"
        )
    channels = _channels(raw, image)
    if transform == "auto" and image and channels is not None and channels != shape[0]:
        raise InvalidDataError(
            f"the real dataset's images have {channels} channel(s): {described(raw)}; the generator makes {shape[0]}: "
            f"{_words(shape, dtype)}. Fit it on these data, or convert one of them"
        )
    synthetic.hand_out(kind_of(raw, image), look.transform if transform == "auto" else transform)


def check_modes(look: Look, modes: set[str | None]) -> None:
    """Refuse a generator of images whose channels are other colours than those of real PIL images: CMYK beside RGBA.

    Parameters
    ----------
    look : Look
        At a real item.
    modes : set of str
        PIL's modes of the images that the generators were fitted on.

    Raises
    ------
    InvalidDataError
        It names both modes.
    """
    own = learned_mode(look.raw.mode) if isinstance(look.raw, Image.Image) else None
    other = next((mode for mode in sorted(map(str, modes)) if own is not None and mode != own), None)
    if other is not None and channels_of(other) == channels_of(str(own)):
        raise InvalidDataError(
            f"the real dataset's images are of mode {look.raw.mode}, and the generator learnt images of mode {other}, "
            f"whose channels mean something else; fit it on these images, or convert one of them, for example with "
            f'image.convert("{other}") in the dataset\'s loader'
        )


def check_beside(real: Any, synthetic: Any, look: Look) -> None:
    """Refuse synthetic samples that cannot stand in one batch with real ones.

    Parameters
    ----------
    real : dataset
    synthetic : object
        A sample, transformed.
    look : Look
        At the first item of ``real``.

    Raises
    ------
    InvalidDataError
        It names both.
    """
    if same_kind(look.sample, synthetic):
        return
    # sizes that differ among real items are the business of the user's collate function
    if same_kind(look.sample, synthetic, sizes=False):
        if any(not same_kind(look.sample, other) for other in _few(real, look.form.views)):
            return
    raise InvalidDataError(
        f"real and synthetic items cannot stand in one batch: a real sample is {described(look.sample)}, a "
        f"synthetic one {described(synthetic)}. Give the real dataset a transform that brings "
        "both to one type and size (synthetic items go through it too), or say with transform= what synthetic items go "
        "through"
    )


def _few(real: Any, views: Sequence[Any]) -> Iterator[Any]:
    for index in np.unique(np.linspace(0, len(real) - 1, READ).astype(int)).tolist():
        item = real[index]
        yield tuple(item[view] for view in views) if len(views) > 1 else item[views[0]]


def label_like(label: Any, value: Any) -> Any:
    """A label written as the real dataset's items hold theirs: as an int, a tensor, a numpy number, or text.

    Parameters
    ----------
    label : object
        Of a real item.
    value : int, str, bool or float
        The label to write.

    Raises
    ------
    InvalidDataError
        If it cannot be written so.
    """
    try:
        if isinstance(label, torch.Tensor) and label.numel() == 1:
            return torch.full(label.shape, value, dtype=label.dtype, device=label.device)
        if isinstance(label, np.ndarray) and label.size == 1:
            return np.full(label.shape, value, label.dtype)
        if isinstance(label, (np.generic, bool, int, float, str)) and isinstance(label, str) == isinstance(value, str):
            return type(label)(value)
    except (TypeError, ValueError, RuntimeError):
        pass
    raise InvalidDataError(
        f"the labels of the real dataset's items are {described(label)} ({label!r}), which cannot be made of the "
        f"target {value!r}; give target_transform=, which makes it of the target"
    )


def entry_like(entry: Any, value: Any) -> Any:
    """The value of a further entry as real items hold theirs: one number or text as `label_like`, else as it is."""
    if not could_be_label(entry):
        return value
    try:
        return label_like(entry, value)
    except InvalidDataError as error:
        raise InvalidDataError(
            f"fill= gives {value!r} for an entry that real items hold as {described(entry)}, such as {entry!r}; give "
            "one of that kind"
        ) from error


def _family(value: Any) -> str | None:
    """The kind of a sample's dtype, as numpy names it."""
    if isinstance(value, Image.Image):
        return "f" if value.mode == "F" else "b" if value.mode == "1" else "i" if value.mode == "I" else "u"
    if isinstance(value, torch.Tensor):
        # numpy lacks bfloat16
        return "f" if value.dtype.is_floating_point else np.dtype(str(value.dtype).removeprefix("torch.")).kind
    return value.dtype.kind if isinstance(value, (np.ndarray, np.generic)) else None


def _channels(raw: Any, image: bool) -> int | None:
    """Channels of a real image; None where they cannot be told."""
    if isinstance(raw, Image.Image):
        return None if raw.mode in {"P", "PA"} else channels_of(learned_mode(raw.mode))
    if not image or not hasattr(raw, "shape"):
        return None
    if len(raw.shape) == 2:
        return 1
    return int(raw.shape[0] if isinstance(raw, torch.Tensor) else raw.shape[-1])


def _after(look: Look) -> str:
    return f" (transformed: {described(look.sample)})" if look.transform is not None else ""


def _words(shape: tuple[int, ...], dtype: np.dtype[Any]) -> str:
    return f"samples of shape {shape} and dtype {dtype}"
