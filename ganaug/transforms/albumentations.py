"""Albumentations transforms of one item. The only file here that imports albumentations.

Four hooks of its 2.0 are used and nothing else: ``get_params_dependent_on_data``,
``apply``, ``should_apply`` and ``get_transform_init_args_names``.
"""

from __future__ import annotations

import os
import random
import sys
from abc import abstractmethod
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from ganaug.estimators.painter import DefectPainter
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError, MissingDependencyError
from ganaug.pools.formats import Array, ByteImages, fitted_to
from ganaug.pools.pool import PoolLabels, SamplePool, pool_at
from ganaug.transforms.painting import paint_item, tell_of_value
from ganaug.transforms.workers import worker_seed
from ganaug.utils.determinism import child_seed
from ganaug.utils.types import BoolArray, DoubleArray, IntArray, integer, number

__all__ = ["PaintDefects", "SyntheticMix", "SyntheticSwap"]

Params: TypeAlias = dict[str, Any]

_QUIET = "NO_ALBUMENTATIONS_UPDATE"
# What says where in an image something is: it would be wrong for the synthetic image in its place.
_TIED = ("mask", "masks", "bboxes", "keypoints")


def _imported() -> ModuleType:
    """albumentations, imported without asking the network for its newest version.

    It does so in every process that imports it, each worker included, waits up to two seconds where there is no
    network, and then warns. Nobody who imports ganaug asked for that. The variable that prevents it is set for the
    duration of the import only, and not at all if the user has set it to something.
    """
    ours = _QUIET not in os.environ and "albumentations" not in sys.modules
    if ours:
        os.environ[_QUIET] = "1"
    try:
        import albumentations
    except Exception as error:  # a broken OpenCV or pydantic beneath it raises all sorts
        raise MissingDependencyError(
            f"The albumentations transforms of ganaug need albumentations, which could not be imported ({error}): "
            "pip install 'albumentations>=2.0,<3'"
        ) from error
    finally:
        if ours:
            os.environ.pop(_QUIET, None)
    if not hasattr(albumentations, "ImageOnlyTransform") or albumentations.__version__.startswith(("0.", "1.")):
        raise MissingDependencyError(
            f"The albumentations transforms of ganaug need albumentations 2, found {albumentations.__version__}: "
            "pip install 'albumentations>=2.0,<3'"
        )
    return albumentations


_ImageOnlyTransform: Any = _imported().ImageOnlyTransform
_DualTransform: Any = _imported().DualTransform


def _another(data: Params, key: str) -> bool:
    """Whether an entry is an array of the image's sides that shows something else: a mask, a map, another camera."""
    image, value = data.get("image"), data[key]
    if not isinstance(image, np.ndarray) or not isinstance(value, np.ndarray) or min(image.ndim, value.ndim) < 2:
        return False
    return value.shape[:2] == image.shape[:2] and not np.array_equal(value, image)


def own_random(transform: _PoolTransform | PaintDefects) -> random.Random:
    """A stream for one decision, of this worker and epoch: forked workers all hold the same ``py_random``."""
    drawn = int(transform.py_random.getrandbits(62))
    own = worker_seed()
    return random.Random(drawn if own is None else child_seed(own, drawn))


def decided(transform: _PoolTransform | PaintDefects, force_apply: bool) -> bool:
    """Whether an item is touched; decided by this worker's own stream."""
    if force_apply or transform.p in {0.0, 1.0}:
        return bool(force_apply or transform.p == 1.0)
    return bool(own_random(transform).random() < transform.p)


# No InitSchema: with one, albumentations turns an error in a parameter into a warning and takes the default.
class _PoolTransform(_ImageOnlyTransform):
    """What both transforms share; `SyntheticSwap` says what the parameters are."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        class_key: str = "label",
        classes: Sequence[object] | None = None,
        missing: str = "error",
        resize: bool = False,
        pool_size: int = 256,
        pool_seed: int = 0,
        p: float = 0.5,
    ) -> None:
        super().__init__(p=number("p", p, 0, 1))
        if not isinstance(path, (str, os.PathLike)):
            raise InvalidTypeError(
                f"path is a {type(path).__name__}; give the path of a saved generator (generator.save(path)) or of a "
                "saved pool (SamplePool.generate(generator).save(path)): a transform that A.to_dict can write down, "
                "and a worker can open, holds no generator"
            )
        if not isinstance(class_key, str) or class_key in {"image", "images", *_TIED}:
            raise InvalidParameterError(
                f"class_key={class_key!r} must name what holds the class: transform(image=..., label=...)"
            )
        self._names = PoolLabels(classes, missing)
        self._known: SamplePool | None = None
        # every argument under its own name: that is how albumentations serialises
        self.path, self.class_key, self.resize = os.fspath(path), class_key, bool(resize)
        self.classes, self.missing = self._names.classes, missing
        self.pool_size, self.pool_seed = integer("pool_size", pool_size, 1), integer("pool_seed", pool_seed, 0)

    def preload(self) -> SamplePool:
        """Open or draw the pool now, in this process; forked workers then share it.

        Called again, it looks whether the file has changed since.
        """
        pool = pool_at(self.path, self.pool_size, self.pool_seed)
        if pool is not self._known:
            self._names.check(pool)
            self._known = pool
        return pool

    @property
    def targets(self) -> dict[str, Callable[..., Any]]:
        """The targets: an image, or several of the same class."""
        return {"image": self.apply, "images": self.apply_to_images}

    @property
    def available_keys(self) -> set[str]:
        """The keys that ``A.Compose(strict=True)`` lets pass."""
        # Not targets_as_params, which would do this too: ReplayCompose warns of everything that has some.
        return {*super().available_keys, self.class_key}

    def should_apply(self, force_apply: bool = False) -> bool:
        """Whether this item is touched; decided by this worker's own stream."""
        return decided(self, force_apply)

    def get_params_dependent_on_data(self, params: Params, data: Params) -> Params:
        """What ReplayCompose keeps: the row of the pool, -1 for an image that stays real."""
        tied = [key for key in _TIED if data.get(key) is not None]
        tied += [key for key in data if key not in {"images", self.class_key, *_TIED} and _another(data, key)]
        if tied:
            raise InvalidDataError(
                f"{type(self).__name__} puts a whole image in the place of another, and {', '.join(tied)} "
                "would not fit it any more"
            )
        if data.get(self.class_key) is None:
            raise InvalidDataError(
                f"{type(self).__name__} needs the class of the image: transform(image=image, {self.class_key}=...)"
            )
        pool = self._known or self.preload()
        code = self._names.code(data[self.class_key], pool)
        rng = own_random(self)
        return {"synthetic": -1 if code < 0 else pool.row(code, rng.random()), **self._extra(rng)}

    def apply(self, img: Array, synthetic: int, **params: object) -> Array:
        """The image, replaced by or mixed with a row of the pool."""
        if synthetic < 0:
            return img
        pool = self._known or self.preload()
        if synthetic >= len(pool):
            raise InvalidDataError(f"{self.path} has {len(pool)} images and number {synthetic} was to be replayed")
        made = self._replacement(img, self._matched(pool.take(np.array([synthetic])), img), params)
        return np.ascontiguousarray(made)

    def _extra(self, rng: random.Random) -> Params:
        return {}

    @abstractmethod
    def _replacement(self, real: Array, synthetic: Array, params: Params) -> Array:
        """What comes out, of an item's image and a synthetic one of its shape."""

    def _matched(self, images: ByteImages, img: Array) -> Array:
        """One image of the pool (1, C, H, W) in the shape and dtype of the item."""
        if img.ndim not in (2, 3):
            raise InvalidDataError(f"the image has shape {img.shape}; it must be (H, W) or (H, W, C)")
        height, width = img.shape[:2]
        made = fitted_to(images, (1 if img.ndim == 2 else img.shape[2], height, width), self.resize)[0]
        made = np.moveaxis(made, 0, -1).reshape(img.shape)
        if img.dtype == np.uint8:
            return made
        if img.dtype.kind != "f":
            raise InvalidTypeError(f"the image is {img.dtype}; it must be uint8 or a float in [0, 1]")
        if img.size and (img.min() < -0.01 or img.max() > 1.01):
            raise InvalidDataError(
                f"the image is a float from {img.min():.3g} to {img.max():.3g}, not in [0, 1]; "
                f"put {type(self).__name__} before A.Normalize"
            )
        return (made.astype(np.float32) / 255).astype(img.dtype)

    def __getstate__(self) -> Params:
        # a spawned worker opens the file itself
        return {**self.__dict__, "_known": None}


class SyntheticSwap(_PoolTransform):
    """Swap an image for a synthetic one of its class.

    ``transform(image=image, label=3)``, alone or in ``A.Compose``. Serialisable: ``A.to_dict``,
    ``A.from_dict``, ``A.save`` and ``A.ReplayCompose``, whose record holds a number of an image, not the image.

    Parameters
    ----------
    path : str or path-like
        Of a saved pool (`SamplePool.save`; mapped, so that workers share it: the better choice), or of a saved
        generator (`ImageGAN.save`), which makes ``pool_size`` images of each class at the first use in each process.
        Call `preload` before a DataLoader forks, or every worker makes them again in every epoch.
    class_key : str, default="label"
        The argument of the call that holds the item's class.
    classes : sequence, optional
        ``dataset.classes``: what the labels 0, 1, ... stand for, if the generator was trained on names, or on a
        dataset with named classes, which may have had other numbers.
    missing : {"error", "keep"}, default="error"
        What happens to a class of which there are no images: an error, or the image stays real.
    resize : bool, default=False
        Whether a synthetic image of another size is resized or an error.
    pool_size : int, default=256
        Images of each class, if ``path`` is that of a generator.
    pool_seed : int, default=0
        For drawing those.
    p : float, default=0.5
        Probability of a swap. Choose it by validation, 0 among the candidates.

    Raises
    ------
    InvalidParameterError, InvalidTypeError, InvalidDataError, ModelFileError
        For a generator instead of its path, an unknown class, another size, other channels, a missing file.

    Notes
    -----
    Images are uint8 or floats in [0, 1], (H, W) or (H, W, C): put it first, before ``A.Normalize``, with ``A.Resize``
    before it if needed.

    All randomness comes from the pipeline's own (``A.Compose(seed=)``), and in a DataLoader's worker from the worker's
    seed too. So workers and epochs differ, though albumentations 2.0.8 gives them all the same stream, and repeat if
    the loader has a seeded ``generator=``. For the other transforms of the pipeline use ``DataLoader(...,
    worker_init_fn=ganaug.transforms.seed_worker)``.

    ``A.from_dict`` knows the class once it was imported: ``from ganaug.transforms import SyntheticSwap``.

    Examples
    --------
    >>> import os, tempfile
    >>> import albumentations as A
    >>> import numpy as np
    >>> from ganaug.transforms import SamplePool, SyntheticSwap
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "synthetic.pool")
    ...     _ = SamplePool(np.full((2, 3, 8, 8), 9, np.uint8), [0, 1]).save(path)
    ...     transform = A.Compose([SyntheticSwap(path, p=1.0), A.HorizontalFlip()], seed=0)
    ...     out = transform(image=np.zeros((8, 8, 3), np.uint8), label=1)
    >>> int(out["image"].max()), out["label"]
    (9, 1)
    """

    def _replacement(self, real: Array, synthetic: Array, params: Params) -> Array:
        return synthetic


class SyntheticMix(_PoolTransform):
    """Mix an image with a synthetic one of its class: ``w * real + (1 - w) * synthetic``.

    Parameters
    ----------
    path : str or path-like
        As in `SyntheticSwap`.
    alpha : float, default=0.4
        ``w`` is drawn from Beta(alpha, alpha), as in mixup; both images are of one class, so the label stays.
    class_key, classes, missing, resize, pool_size, pool_seed
        As in `SyntheticSwap`.
    p : float, default=0.5
        Probability of a mixture.

    Raises
    ------
    InvalidParameterError, InvalidTypeError, InvalidDataError, ModelFileError
        As `SyntheticSwap`.

    References
    ----------
    Zhang, Cisse, Dauphin, Lopez-Paz: mixup: Beyond Empirical Risk Minimization. ICLR 2018.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from ganaug.transforms import SamplePool, SyntheticMix
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "synthetic.pool")
    ...     _ = SamplePool(np.full((2, 1, 8, 8), 200, np.uint8), ["cat", "dog"]).save(path)
    ...     out = SyntheticMix(path, alpha=1.0, p=1.0)(image=np.zeros((8, 8), np.uint8), label="dog")
    >>> out["image"].shape, bool(out["image"].max() <= 200)
    ((8, 8), True)
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        alpha: float = 0.4,
        class_key: str = "label",
        classes: Sequence[object] | None = None,
        missing: str = "error",
        resize: bool = False,
        pool_size: int = 256,
        pool_seed: int = 0,
        p: float = 0.5,
    ) -> None:
        super().__init__(path, class_key, classes, missing, resize, pool_size, pool_seed, p)
        self.alpha = number("alpha", alpha, 0, open_low=True)

    def _extra(self, rng: random.Random) -> Params:
        return {"weight": rng.betavariate(self.alpha, self.alpha)}

    def _replacement(self, real: Array, synthetic: Array, params: Params) -> Array:
        weight = params["weight"]
        mixed = weight * real.astype(np.float32) + (1 - weight) * synthetic.astype(np.float32)
        return (mixed if real.dtype.kind == "f" else np.rint(mixed)).astype(real.dtype)


class PaintDefects(_DualTransform):
    """Paint defects into an image; its mask and its bounding boxes get them too.

    ``transform(image=image, mask=mask, bboxes=bboxes)``, alone or in ``A.Compose``. Serialisable: ``A.to_dict``,
    ``A.from_dict``, ``A.save`` and ``A.ReplayCompose``, whose record holds a seed.

    Parameters
    ----------
    path : str or path-like
        Of a saved painter (`DefectPainter.save`).
    n, size, strength, place
        As in `DefectPainter.paint`; pairs as lists or tuples.
    value : int, default=1
        What a defect's pixels become in the mask (255 where masks are of 0 and 255), and the label of its box, where
        boxes have labels: one for each, and numbers, for of names a transform sees only the codes. Where images without
        boxes occur, put labels in a fifth column of ``bboxes``, not in ``label_fields``.
    p : float, default=0.5
        Probability that an image gets defects.

    Raises
    ------
    InvalidParameterError, InvalidTypeError, InvalidDataError, ModelFileError
        For a painter instead of its path, channels or a dtype that the painter was not fitted on, a missing file.

    Notes
    -----
    Images are of the dtype that the painter was fitted on: put it before ``A.Normalize``. Of ``masks``, one for each
    instance, there is one more afterwards, with all new defects. Randomness as in `SyntheticSwap`.

    Examples
    --------
    >>> import os, tempfile
    >>> import albumentations as A
    >>> import numpy as np
    >>> from ganaug import DefectPainter
    >>> from ganaug.transforms import PaintDefects
    >>> plain = np.random.default_rng(0).integers(90, 110, size=(8, 32, 32), dtype=np.uint8)
    >>> bad, masks = plain[:4].copy(), np.zeros((4, 32, 32), bool)
    >>> masks[:, 10:14, 8:20] = True
    >>> bad[masks] = 220
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "painter.safetensors")
    ...     DefectPainter(random_state=0).fit(bad, masks).save(path)
    ...     transform = A.Compose([PaintDefects(path, p=1.0)], seed=0)
    ...     out = transform(image=plain[5], mask=np.zeros((32, 32), np.uint8))
    >>> bool(out["mask"].any()), bool(out["image"][out["mask"] == 1].mean() > 150)
    (True, True)
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        n: int | Sequence[int] = 1,
        size: float | Sequence[float] = (0.8, 1.25),
        strength: float | Sequence[float] = (0.8, 1.2),
        place: str | Sequence[int] = "seen",
        value: int = 1,
        p: float = 0.5,
    ) -> None:
        super().__init__(p=number("p", p, 0, 1))
        if not isinstance(path, (str, os.PathLike)):
            raise InvalidTypeError(
                f"path is a {type(path).__name__}; give the path of a saved painter (painter.save(path)), which a "
                "worker can open and A.to_dict can write down"
            )
        # every argument under its own name: that is how albumentations serialises
        self.path, self.n, self.size, self.strength, self.place = os.fspath(path), n, size, strength, place
        self.value = integer("value", value, 0)
        self._painter: DefectPainter | None = None
        self._last: tuple[int, tuple[Array, BoolArray, IntArray]] | None = None

    @property
    def targets(self) -> dict[str, Callable[..., Any]]:
        """The targets."""
        return {
            "image": self.apply,
            "mask": self.apply_to_mask,
            "masks": self.apply_to_masks,
            "bboxes": self.apply_to_bboxes,
            "keypoints": self.apply_to_keypoints,
        }

    def should_apply(self, force_apply: bool = False) -> bool:
        """Whether this item is touched; decided by this worker's own stream."""
        return decided(self, force_apply)

    def get_params_dependent_on_data(self, params: Params, data: Params) -> Params:
        """What ReplayCompose keeps: a seed."""
        if data.get("image") is None:
            raise InvalidDataError("PaintDefects needs an image: transform(image=image, ...)")
        others = [key for key, kind in self._additional_targets.items() if kind == "image" and _another(data, key)]
        if others:
            raise InvalidDataError(
                f"PaintDefects paints into one image, and {', '.join(others)} would lack the defect or show another; "
                "call the transform for each image, or leave it out of additional_targets"
            )
        seed = own_random(self).getrandbits(31)
        self._paint(data["image"], seed)
        return {"defect_seed": seed}

    def apply(self, img: Array, defect_seed: int, **params: object) -> Array:
        """The image with defects."""
        made = np.moveaxis(self._paint(img, defect_seed)[0], 0, -1)
        return np.ascontiguousarray(made.reshape(img.shape))

    def apply_to_mask(self, mask: Array, defect_seed: int, **params: object) -> Array:
        """The mask with the defects' pixels set."""
        known = self._known(defect_seed)[1]
        if mask.shape[:2] != known.shape:
            raise InvalidDataError(
                f"the mask has {mask.shape[0]} x {mask.shape[1]} pixels and its image {known.shape[0]} x "
                f"{known.shape[1]}; resize both before defects are painted"
            )
        new = known.reshape(mask.shape[:2] + (1,) * (mask.ndim - 2))
        tell_of_value(mask, self.value)
        return np.where(new, np.asarray(self.value, mask.dtype), mask)

    def apply_to_masks(self, masks: Array, defect_seed: int, **params: object) -> Array:
        """The masks, and one more."""
        new = self._known(defect_seed)[1] * self.value
        return np.concatenate([masks, new.astype(masks.dtype).reshape(1, *new.shape, *[1] * (masks.ndim - 3))])

    def apply_to_bboxes(self, bboxes: Array, defect_seed: int, **params: object) -> Array:
        """The boxes, and the new ones; sides are shares of the image's."""
        _, mask, boxes = self._known(defect_seed)
        fields = getattr(getattr(self.get_processor("bboxes"), "params", None), "label_fields", None)
        if fields and not len(bboxes):
            # it encodes no labels where there are none, and could not decode those of new boxes
            raise InvalidDataError(
                f"the image has no boxes yet, and albumentations cannot add labels to the empty {fields[0]!r}; put "
                "the label in a fifth column of bboxes, np.zeros((0, 5)), and leave label_fields out"
            )
        self._check_labels(bboxes, fields or ())
        rows: DoubleArray = np.full((len(boxes), max(4, bboxes.shape[1])), float(self.value))
        rows[:, :4] = boxes / np.array(mask.shape[::-1] * 2)
        return np.concatenate([bboxes.reshape(-1, rows.shape[1]), rows.astype(bboxes.dtype)])

    def _check_labels(self, bboxes: Array, fields: Sequence[str]) -> None:
        """Refuse labels of boxes of which it is not known what those of a new box are."""
        known = getattr(getattr(self.get_processor("bboxes"), "label_manager", None), "metadata", {}).get("bboxes", {})
        named = [field for field in fields if field in known and not known[field].is_numerical]
        if named:
            raise InvalidDataError(
                f"the labels {named[0]!r} of boxes are names, of which a transform sees no more than codes; give "
                "numbers, and value= for those of defects"
            )
        if len(fields) > 1 or (not fields and bboxes.shape[1] > 5):
            told = list(fields) or f"{bboxes.shape[1] - 4} further columns"
            raise InvalidDataError(f"boxes have {told} beside their sides; a new box gets one label, so keep one")

    def apply_to_keypoints(self, keypoints: Array, **params: object) -> Array:
        """As they are: nothing moves."""
        return keypoints

    def _paint(self, img: Array, seed: int) -> tuple[Array, BoolArray, IntArray]:
        if self._last is None or self._last[0] != seed:
            if img.ndim not in (2, 3):
                raise InvalidDataError(f"the image has shape {img.shape}; it must be (H, W) or (H, W, C)")
            self._painter = self._painter or DefectPainter.load(self.path)
            spans = {"n": self.n, "size": self.size, "strength": self.strength, "place": self.place}
            pixels = img[None] if img.ndim == 2 else np.moveaxis(img, -1, 0)
            self._last = seed, paint_item(self._painter, pixels, spans, seed)
        return self._last[1]

    def _known(self, seed: int) -> tuple[Array, BoolArray, IntArray]:
        if self._last is None or self._last[0] != seed:
            raise InvalidDataError("PaintDefects replays an image before its mask and boxes; give image= first")
        return self._last[1]

    def __getstate__(self) -> Params:
        # a spawned worker opens the file itself
        return {**self.__dict__, "_painter": None, "_last": None}
