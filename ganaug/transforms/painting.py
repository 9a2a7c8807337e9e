"""A transform of one item in the manner of torchvision v2: image, masks, boxes and labels get a painted defect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from ganaug.encoding.sample_arrays import from_nchw, to_nchw
from ganaug.estimators.painter import DefectPainter
from ganaug.exceptions import DataWarning, InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.transforms.workers import WorkerStream
from ganaug.utils.determinism import warn
from ganaug.utils.types import Array, BoolArray, IntArray, integer, number

__all__ = ["RandomPaintDefects", "paint_item"]

Picture: TypeAlias = Image.Image | Tensor
Found: TypeAlias = tuple[Array, BoolArray, IntArray]  # pixels (C, H, W), mask, boxes


def paint_item(painter: DefectPainter, pixels: Array, options: Mapping[str, Any], seed: int) -> Found:
    """One image (C, H, W) with defects, the mask (H, W) and the boxes (n, 4) of those."""
    batch = np.ascontiguousarray(from_nchw(pixels[None], painter.layout_))
    if painter.layout_ == "NHW" and len(pixels) != 1:
        raise InvalidDataError(f"the image has {len(pixels)} channels, and the painter was fitted on grey images")
    images, masks, boxes = painter.paint(batch, **options, return_boxes=True, random_state=seed)
    return to_nchw(images, painter.layout_)[0], masks[0], boxes[0]


def check_painter(painter: object) -> DefectPainter:
    """A fitted painter."""
    if not isinstance(painter, DefectPainter):
        raise InvalidTypeError(f"painter is a {type(painter).__name__}; give a fitted DefectPainter")
    if not hasattr(painter, "bank_"):
        raise InvalidParameterError("the painter is not fitted; call painter.fit(images, masks) first")
    return painter


class RandomPaintDefects(v2.Transform):
    """Paint defects into an image with a probability; its mask, boxes and labels get them too.

    ``transform(image)``, ``transform(image, target)`` or a dict, as every transform of torchvision v2 takes them.

    Parameters
    ----------
    painter : DefectPainter
        Fitted.
    p : float, default=0.5
        Probability that an image gets defects.
    n, size, strength, place
        As in `DefectPainter.paint`.
    value : int, default=1
        What a defect's pixels become in a ``tv_tensors.Mask`` (255 where masks are of 0 and 255), and its label beside
        ``tv_tensors.BoundingBoxes``.
    labels_key : str, default="labels"
        Under which key of a dict the labels of boxes are; each new box adds one. Labels elsewhere stay.
    seed : int, optional
        None takes torch's own seed of each process.

    Raises
    ------
    InvalidParameterError, InvalidTypeError, InvalidDataError
        For a painter that is not fitted, a batch instead of an image, other channels or another dtype.

    Notes
    -----
    The image is a ``tv_tensors.Image``, a PIL image, or the first tensor; of the dtype that the painter was fitted on.
    A mask of instances (n, H, W) gets one more of them, with all new defects; a mask (H, W) or (1, H, W) has its
    pixels changed.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from torchvision import tv_tensors
    >>> from ganaug import DefectPainter
    >>> from ganaug.transforms import RandomPaintDefects
    >>> plain = np.random.default_rng(0).integers(90, 110, size=(8, 3, 32, 32), dtype=np.uint8)
    >>> bad, masks = plain[:4].copy(), np.zeros((4, 32, 32), bool)
    >>> masks[:, 10:14, 8:20] = True
    >>> bad[:, :, 10:14, 8:20] = 220
    >>> transform = RandomPaintDefects(DefectPainter(random_state=0).fit(bad, masks), p=1.0, seed=0)
    >>> mask = tv_tensors.Mask(torch.zeros(32, 32, dtype=torch.uint8))
    >>> image, mask = transform(tv_tensors.Image(torch.from_numpy(plain[5])), mask)
    >>> type(image).__name__, bool(mask.any()), bool(image[:, mask == 1].float().mean() > 150)
    ('Image', True, True)
    """

    def __init__(
        self,
        painter: DefectPainter,
        p: float = 0.5,
        n: int | tuple[int, int] = 1,
        size: float | tuple[float, float] = (0.8, 1.25),
        strength: float | tuple[float, float] = (0.8, 1.2),
        place: str | tuple[int, int] = "seen",
        value: int = 1,
        labels_key: str = "labels",
        seed: int | None = None,
    ) -> None:
        super().__init__()
        self.painter, self.p = check_painter(painter), number("p", p, 0, 1)
        self.options = {"n": n, "size": size, "strength": strength, "place": place}
        self.value, self.labels_key = integer("value", value, 0), labels_key
        self._stream = WorkerStream(seed)

    def forward(self, *inputs: object) -> object:
        """The item, with defects or as it is.

        Parameters
        ----------
        *inputs : image, masks, boxes, or nests of them
            Of one item.
        """
        sample = inputs if len(inputs) > 1 else inputs[0]
        rng = self._stream.next()
        if rng.random() >= self.p:
            return sample
        flat, spec = tree_flatten(sample)
        at = _image_at(flat)
        labels = _labels_in(sample, self.labels_key)
        new, mask, boxes = paint_item(self.painter, _pixels(flat[at]), self.options, int(rng.integers(2**31)))
        beside = [item for item in flat if isinstance(item, tv_tensors.BoundingBoxes)]
        made = [
            _like(item, new)
            if i == at
            else self._labelled(labels, len(boxes))
            if labels is not None and item is labels and beside
            else self._tied(item, mask, boxes)
            for i, item in enumerate(flat)
        ]
        return tree_unflatten(made, spec)

    def _labelled(self, labels: Tensor, n: int) -> Tensor:
        return torch.cat([labels, labels.new_full((n, *labels.shape[1:]), self.value)])

    def _tied(self, item: object, mask: BoolArray, boxes: IntArray) -> object:
        """A mask or boxes with the new defects; anything else as it is."""
        kind = next((kind for kind in _TIES if isinstance(item, kind)), None)
        return item if kind is None else _TIES[kind](item, mask, boxes, self.value)


def _with_mask(item: tv_tensors.Mask, mask: BoolArray, _: IntArray, value: int) -> Tensor:
    here = torch.from_numpy(mask).to(item.device)
    plain = item.as_subclass(Tensor)
    if plain.shape[-2:] != here.shape:
        raise InvalidDataError(
            f"the mask has {_sides(plain.shape)} pixels and its image {_sides(here.shape)}; resize both before defects "
            "are painted"
        )
    if plain.dtype != torch.bool and not plain.is_floating_point() and value > torch.iinfo(plain.dtype).max:
        raise InvalidParameterError(f"value={value} is more than a mask of {plain.dtype} holds; give one of more bits")
    if plain.ndim == 3 and len(plain) != 1:
        made = torch.cat([plain, (here * value).to(plain.dtype)[None]])
    else:
        tell_of_value(plain.cpu().numpy(), value)
        made = torch.where(here, torch.tensor(value, dtype=plain.dtype, device=plain.device), plain)
    return tv_tensors.wrap(made, like=item)


def tell_of_value(mask: Array, value: int) -> None:
    """Warn where the pixels of defects are 255 so far, and those of new ones are to be another number."""
    if value != 255 and mask.dtype.kind in "iu" and mask.size and mask.max() == 255 and np.isin(mask, (0, 255)).all():
        warn(
            f"a mask holds 0 and 255, and new defects become {value} in it; if 255 is a defect there, give value=255",
            DataWarning,
        )


def _sides(shape: Sequence[int]) -> str:
    return f"{shape[-2]} x {shape[-1]}"


def _with_boxes(item: tv_tensors.BoundingBoxes, _: BoolArray, boxes: IntArray, *_value: int) -> Tensor:
    edges = torch.from_numpy(boxes).to(item.device, torch.float32)  # a centre may lie between pixels
    kind = tv_tensors.BoundingBoxFormat.XYXY
    own = tv_tensors.BoundingBoxes(edges, format=kind, canvas_size=item.canvas_size)
    same = F.convert_bounding_box_format(own, new_format=item.format).as_subclass(Tensor)
    return tv_tensors.wrap(torch.cat([item.as_subclass(Tensor), same.to(item.dtype)]), like=item)


# What says where in an image something is -> how it gets the new defects.
_TIES: dict[type, Callable[..., Any]] = {tv_tensors.Mask: _with_mask, tv_tensors.BoundingBoxes: _with_boxes}


def _is_picture(item: object) -> bool:
    return isinstance(item, (tv_tensors.Image, Image.Image))


def _is_plain(item: object) -> bool:
    return type(item) is Tensor and item.ndim > 1


def _image_at(flat: list[Any]) -> int:
    """Which item is the image."""
    for wanted in (
        lambda x: isinstance(x, (tv_tensors.Image, Image.Image)),
        lambda x: type(x) is Tensor and x.ndim > 1,
    ):
        found = [i for i, item in enumerate(flat) if wanted(item)]
        if found:
            return found[0]
    raise InvalidTypeError("RandomPaintDefects found no image; give a tv_tensors.Image, a PIL image or a tensor")


def _pixels(image: Picture) -> Array:
    """(C, H, W) of an image."""
    if isinstance(image, Image.Image):
        array = np.asarray(image)
        return array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)
    if image.ndim != 3:
        raise InvalidDataError(
            f"RandomPaintDefects takes one image (C, H, W), got shape {tuple(image.shape)}; use it before the batch"
        )
    return np.asarray(image.detach().cpu().as_subclass(Tensor).numpy())


def _like(image: Picture, pixels: Array) -> Picture:
    """Pixels as the image was."""
    if isinstance(image, Image.Image):
        array = np.ascontiguousarray(pixels[0] if image.mode in ("L", "F", "I") else np.moveaxis(pixels, 0, -1))
        return Image.fromarray(array)
    made = torch.from_numpy(np.ascontiguousarray(pixels)).to(image.device)
    return tv_tensors.wrap(made, like=image) if isinstance(image, tv_tensors.Image) else made


def _labels_in(sample: object, key: str) -> Tensor | None:
    """The tensor under that key of the first dict; labels of boxes that are none are refused."""
    found = sample if isinstance(sample, (tuple, list)) else (sample,)
    dicts = [one for one in found if isinstance(one, Mapping)]
    for one in dicts:
        if any(isinstance(each, tv_tensors.BoundingBoxes) for each in one.values()) and key in one:
            if not isinstance(one[key], Tensor):
                raise InvalidTypeError(
                    f"the labels of boxes ({key!r}) are a {type(one[key]).__name__}, to which those of new boxes "
                    "cannot be added; give a tensor of integers"
                )
    return next((one[key] for one in dicts if isinstance(one.get(key), Tensor)), None)
