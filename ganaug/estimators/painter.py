"""Defects painted into images that have none, as an estimator."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from ganaug.encoding.sample_arrays import SampleFormat, find_layout, from_nchw, open_samples, refuse_not_finite, to_nchw
from ganaug.estimators import saving
from ganaug.estimators.base import checked_random_state, checked_verbose
from ganaug.estimators.defects import (
    INSIDE,
    Cut,
    Painted,
    aligned,
    bounds_of,
    canvas_of,
    cut_defects,
    likeness,
    masks_of,
    mixed,
    paint_patch,
    places_of,
    span,
    turned,
)
from ganaug.estimators.fitting import Constraints, Seed
from ganaug.estimators.images import ImageGAN
from ganaug.exceptions import (
    FewSamplesWarning,
    InvalidDataError,
    InvalidParameterError,
    InvalidTypeError,
    ModelFileError,
    TrainingWarning,
)
from ganaug.runtime.compute import resolve_device
from ganaug.utils import types
from ganaug.utils.determinism import child_seed, isolated, numpy_generator, root_seed, warn
from ganaug.utils.state import expect, write_state
from ganaug.utils.types import Array, Arrays, Config, DoubleArray, FloatArray, IntArray

__all__ = ["MODES", "DefectPainter"]

Span = float | tuple[float, float]

# Pixels that a side of an image may have; the networks see patches only.
SIDES = (8, 2**15)
# Patches that a painter holds where it makes new ones, and those that a GAN learns from.
BANK, LEARNT = 256, 512
# The sides that patches of new defects may have; larger defects are made smaller, and larger again when painted.
CANVASES = (16, 32, 64)
# Fewer defects are mixed with each other, and train no GAN.
FEWEST_FOR_GAN = 8
# Of places drawn for a defect, until it can be seen there.
TRIES = 8
# way to turn -> (angles as a share of a full turn, or None for any; mirrored too)
TURNS: dict[str, tuple[tuple[float, ...] | None, bool]] = {
    "any": (None, True),
    "right": ((0.0, 0.25, 0.5, 0.75), True),
    "mirror": ((0.0,), True),
    "none": ((0.0,), False),
}


def _pasted(_: DefectPainter, cuts: Sequence[Cut], *_seed: int) -> list[FloatArray]:
    return [np.concatenate([cut.pixels, cut.mask[None]]).astype(np.float32) for cut in cuts]


def _blended(_: DefectPainter, cuts: Sequence[Cut], *_seed: int) -> list[FloatArray]:
    return [np.concatenate([cut.residual, cut.mask[None]]).astype(np.float32) for cut in cuts]


def _mixtures(
    painter: DefectPainter, cuts: Sequence[Cut], seed: int, n: int = BANK, most: float = 2.0
) -> list[FloatArray]:
    patches = _blended(painter, cuts, seed)
    longest = max(math.hypot(*patch.shape[1:]) for patch in patches)
    # twice the size, if that fits: fine lines survive being moved several times
    painter.scale_ = min(most, CANVASES[-1] / longest)
    real = [aligned(patch, painter.scale_) for patch in patches]
    weights = likeness(real)
    made = []
    for number in range(n):
        rng = numpy_generator(seed, "mixture", number)
        one = int(rng.integers(len(real)))
        other = int(rng.choice(len(real), p=weights[one] / weights[one].sum()))
        made.append(mixed(real[one], real[other], rng.uniform(), rng))
    return made


def _generated(painter: DefectPainter, cuts: Sequence[Cut], seed: int) -> list[FloatArray]:
    """Patches of a GAN that learnt from mixtures of the real ones, without those in which there is no defect."""
    longest = max(math.hypot(*cut.mask.shape) for cut in cuts)
    side = next((side for side in CANVASES if 1.5 * side >= longest), CANVASES[-1])
    mixtures = _mixtures(painter, cuts, seed, LEARNT, min(1.0, 0.8 * side / longest))
    canvases = np.stack([canvas_of(patch, side) for patch in mixtures])
    canvases[:, -1] = 2 * canvases[:, -1] - 1
    top = max(float(np.abs(canvases[:, :-1]).max()), 1e-6)
    canvases[:, :-1] /= top
    gan = ImageGAN(
        layout="NCHW",
        max_steps=painter.max_steps,
        batch_size=32,
        channels=8,
        curate=["outliers"],
        random_state=child_seed(seed, "gan"),
        device=painter.device,
        verbose=painter.verbose,
    ).fit(canvases)
    painter.quality_ = float(gan.quality_)
    least = 0.5 * min((patch[-1] >= INSIDE).sum() for patch in mixtures)
    drawn = np.asarray(gan.sample(2 * BANK, random_state=child_seed(seed, "bank"))[0], np.float32)
    drawn[:, :-1] *= top
    drawn[:, -1] = np.clip((drawn[:, -1] + 1) / 2, 0, 1)
    kept = [patch for patch in drawn if (patch[-1] >= INSIDE).sum() >= max(least, 1)][:BANK]
    painter.bank_curation_ = {"drawn": 2 * BANK, "outliers": int(gan.curation_["all"]["outliers"] or 0)}
    if len(kept) < BANK // 8:
        warn(
            f"the GAN of DefectPainter made {len(kept)} patches with a defect out of {2 * BANK}: real ones are mixed "
            'instead; give it more max_steps, or mode="morph"',
            TrainingWarning,
        )
        painter.mode_ = "morph"
        return mixtures[:BANK]
    return kept


@dataclass(frozen=True)
class Mode:
    """A way to come by patches.

    Attributes
    ----------
    patches : callable (painter, cuts, seed) -> list of ndarray (C + 1, h, w)
    seamless : bool
        Whether they are residuals.
    """

    patches: Callable[[DefectPainter, Sequence[Cut], int], list[FloatArray]]
    seamless: bool


MODES: dict[str, Mode] = {
    "morph": Mode(_mixtures, True),
    "gan": Mode(_generated, True),
    "blend": Mode(_blended, True),
    "paste": Mode(_pasted, False),
}


class DefectPainter(BaseEstimator):
    """Paints defects into images that have none, with their masks and boxes; learnt from a few images with masks.

    A rare defect (a scratch, a lesion) looks much the same on any background, and of backgrounds there are plenty.
    So a painter learns what the defects add to their background, makes new ones of other shapes, sizes and places, and
    adds them to real images without a seam (Perez et al. 2003). Where a painted defect cannot be seen it is painted
    elsewhere.

    Parameters
    ----------
    mode : {"blend", "morph", "gan", "paste"}, default="blend"
        Where defects come from. "morph": between two real ones, whose residuals are averaged and whose masks are
        mixed by their signed distances after both were turned to the same axis; bent a little. "gan": of an `ImageGAN`
        on residuals and masks, trained on 512 such mixtures; needs 8 defects at least, else it is "morph", with a
        warning. In trials its defects were rounder and fainter than real ones; look at them. "blend": the real ones,
        turned and scaled, with a seam that cannot be seen. "paste": their pixels as they are (copy-paste of Ghiasi et
        al. 2021). Over all settings of docs/defect_painting.md "morph" was not told apart from "blend".
    turn : {"any", "right", "mirror", "none"}, default="any"
        How defects are turned: by any angle and mirrored, by right angles and mirrored, only mirrored, not at all.
    min_contrast : float, default=0.5
        How well a painted defect must be seen, as a share of what 90 % of the real ones reach: mean difference from
        its background over the background's roughness. It is drawn again elsewhere up to 8 times, then the
        best is taken. 0 takes the first.
    label : label, default=1
        The class of images with a painted defect, for `sample`.
    max_steps : int, default=300
        Steps of training of "gan".
    layout : {"auto", "NHW", "NHWC", "NCHW"}, default="auto"
        Of the images, as in `ImageGAN`.
    random_state : int, RandomState, Generator or None, default=None
        An integer makes fit and paintings repeat.
    device : str, default="auto"
        Of "gan".
    verbose : bool or "auto", default="auto"
        Progress bar of "gan".

    Attributes
    ----------
    mode_ : str
        The mode in use.
    n_defects_ : int
        Defects found in the masks: parts that touch, or lie up to 4 pixels apart, are one.
    bank_ : ndarray of shape (n, C + 1, S, S), float32
        The patches that are painted: residuals (pixels with "paste") and soft masks.
    contrasts_ : ndarray of shape (n_defects,)
        How well each real defect is seen.
    classes_, class_counts_ : ndarray of shape (1,)
        ``label`` and the number of images with defects.
    curation_ : dict
        After `paint` and `sample`: for ``label`` the defects drawn, kept, refused ("invisible"), and taken anyway.
    quality_ : float
        Of the GAN, with "gan".

    Notes
    -----
    ``bank_`` holds real defects with "blend" and "paste", and mixtures of them with "morph": so do files and pickles.
    The backgrounds of `fit` are not in them; give some with `set_backgrounds` to `sample` from.

    References
    ----------
    Perez, Gangnet, Blake (2003), Poisson Image Editing. Ghiasi et al. (2021), Simple Copy-Paste is a Strong Data
    Augmentation Method for Instance Segmentation. Otsu (1979), A Threshold Selection Method from Gray-Level Histograms.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug import DefectPainter
    >>> rng = np.random.default_rng(0)
    >>> plentiful = rng.integers(90, 110, size=(30, 32, 32), dtype=np.uint8)
    >>> defective, masks = plentiful[:5].copy(), np.zeros((5, 32, 32), bool)
    >>> masks[:, 10:14, 8:20] = True
    >>> defective[masks] = 230
    >>> painter = DefectPainter(random_state=0).fit(defective, masks, backgrounds=plentiful)
    >>> images, new_masks = painter.paint(plentiful)
    >>> images.shape, images.dtype, new_masks.shape, bool(new_masks.any((1, 2)).all())
    ((30, 32, 32), dtype('uint8'), (30, 32, 32), True)
    >>> bool((images[new_masks] > 150).mean() > 0.8)
    True
    >>> X, y = painter.sample(4)
    >>> X.shape, y.tolist()
    ((4, 32, 32), [1, 1, 1, 1])
    """

    mode_: str
    layout_: str
    format_: SampleFormat
    channels_: int
    scale_: float
    quality_: float
    bank_: FloatArray
    contrasts_: DoubleArray
    classes_: Array
    class_counts_: IntArray
    bank_curation_: dict[str, int]
    curation_: dict[Hashable, dict[str, int]]
    _seed: int
    _backgrounds: tuple[Array, SampleFormat] | None

    _constraints: ClassVar[Constraints] = {
        "mode": partial(types.choice, known=MODES),
        "turn": partial(types.choice, known=TURNS),
        "min_contrast": partial(types.number, low=0),
        "max_steps": partial(types.integer, low=1),
        "verbose": checked_verbose,
        "random_state": checked_random_state,
        "device": lambda _, value: resolve_device(value),
    }

    def __init__(
        self,
        mode: str = "blend",
        *,
        turn: str = "any",
        min_contrast: float = 0.5,
        label: object = 1,
        max_steps: int = 300,
        layout: str = "auto",
        random_state: Seed = None,
        device: str = "auto",
        verbose: bool | str = "auto",
    ) -> None:
        self.mode = mode
        self.turn = turn
        self.min_contrast = min_contrast
        self.label = label
        self.max_steps = max_steps
        self.layout = layout
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    # ---- fit -----------------------------------------------------------------------------------

    @isolated
    def fit(self, images: object, masks: object = None, boxes: object = None, backgrounds: object = None) -> Self:
        """Learn the defects.

        Parameters
        ----------
        images : ndarray, tensor or list of images of equal size
            With defects: (n, H, W), (n, H, W, C) or (n, C, H, W), integers or floats. Not changed. Three will do.
        masks : array-like of shape (n, H, W), bool or 0 and 1
            Where the defects are. Each image needs some.
        boxes : array-like of shape (n, 4), or list of n of shape (m, 4)
            Instead of masks: left, top, right, bottom in pixels, right and bottom being the first ones outside. What of
            a box is the defect is what differs most from the surroundings of the box.
        backgrounds : images, optional
            Without defects, of the same layout, channels and dtype, what `sample` paints into.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError, InvalidDataError, InvalidTypeError
            Naming the parameter or the image, and what to do.

        Warns
        -----
        FewSamplesWarning
            If there are too few defects for "gan", and real ones are mixed instead.
        """
        for name, check in self._constraints.items():
            check(name, getattr(self, name))
        pixels, form = self._opened(images, "images")
        self.format_, self.channels_ = form, pixels.shape[1]
        low, high = float(pixels.min()), float(pixels.max())
        if form.numpy == np.uint8:
            low, high = 0.0, 255.0
        self.range_ = (low, high)
        given = masks_of(masks, boxes, pixels)
        cuts = [
            cut
            for image, mask in zip(pixels, given, strict=True)
            for cut in cut_defects(image.astype(np.float32), mask, self._unit)
        ]
        self._backgrounds = None if backgrounds is None else self._opened(backgrounds, "backgrounds", fitted=True)
        self._seed, self._n_draws = root_seed(self.random_state), 0
        self.n_defects_ = len(cuts)
        self.contrasts_ = np.array([cut.contrast for cut in cuts])
        self.places_ = np.array([cut.centre for cut in cuts])
        self.classes_, self.class_counts_ = np.array([self.label]), np.array([len(pixels)], np.int64)
        self.scale_, self.bank_curation_, self.mode_ = 1.0, {}, self.mode
        if self.mode_ == "gan" and len(cuts) < FEWEST_FOR_GAN:
            self.mode_ = "morph"
            warn(
                f"{len(cuts)} defects are too few for a GAN, which needs {FEWEST_FOR_GAN}: mixtures of real ones are "
                'painted instead (mode="morph")',
                FewSamplesWarning,
            )
        patches = MODES[self.mode_].patches(self, cuts, child_seed(self._seed, "patches"))
        self.bank_ = _stacked(patches)
        return self

    @property
    def _unit(self) -> float:
        """The smallest difference of pixels that can be seen."""
        return max((self.range_[1] - self.range_[0]) / 255, 1e-12)

    def _opened(self, X: object, what: str, fitted: bool = False) -> tuple[Array, SampleFormat]:
        """A view (n, C, H, W) of images, checked."""
        array, form = open_samples(X, what)
        if form.family == "boolean":
            raise InvalidTypeError(f"{what} are booleans, on which a defect cannot be stronger or weaker; give numbers")
        if fitted and array.ndim != len(self.layout_):
            own = f"{what} have shape {array.shape}, the images with defects were {self.layout_}"
            raise InvalidDataError(f"{own}; give as many axes: one image is images[None], grey has no colours")
        layout = find_layout(array.shape, self.layout_ if fitted else self.layout, SIDES)
        pixels = to_nchw(array, layout)
        refuse_not_finite(
            pixels, lambda index, value: f"{what} contain {value}: image {index[0]} at {index[1:]}; fill in its pixels"
        )
        if fitted and (pixels.shape[1], form.dtype) != (self.channels_, self.format_.dtype):
            raise InvalidDataError(
                f"{what} have {pixels.shape[1]} channels of {form.name}, the images with defects {self.channels_} of "
                f"{self.format_.name}; convert one of them"
            )
        if not fitted:
            self.layout_ = layout
        return pixels, form

    @isolated
    def set_backgrounds(self, backgrounds: object) -> Self:
        """Give the images that `sample` paints into, after loading or instead of those of `fit`.

        Parameters
        ----------
        backgrounds : images
            As in `fit`.

        Returns
        -------
        self
        """
        self._check_fitted()
        self._backgrounds = self._opened(backgrounds, "backgrounds", fitted=True)
        return self

    # ---- paint ---------------------------------------------------------------------------------

    @isolated
    def paint(
        self,
        images: object,
        n: int | tuple[int, int] = 1,
        *,
        size: Span = (0.8, 1.25),
        strength: Span = (0.8, 1.2),
        place: object = "seen",
        return_boxes: bool = False,
        random_state: Seed = None,
    ) -> Any:
        """Paint defects into images.

        Parameters
        ----------
        images : images
            As in `fit`: layout, channels and dtype; of any size. Not changed.
        n : int or pair of int, default=1
            Defects in each image, or the fewest and the most.
        size : float or pair of float, default=(0.8, 1.25)
            Factor on the defect's size, or the smallest and the largest. Defects that do not fit are made smaller.
        strength : float or pair of float, default=(0.8, 1.2)
            Factor on what the defect adds to the background, or the smallest and the largest.
        place : {"seen", "uniform"}, or array, default="seen"
            "seen": near the places of real defects. "uniform": anywhere. An array of integers of shape (2,) or
            (n_images, 2) says row and column of the centre; one of booleans of shape (H, W) or (n_images, H, W) is
            where the centre may be. A defect always lies within the image.
        return_boxes : bool, default=False
            Whether boxes are returned too.
        random_state : int, RandomState, Generator or None, default=None
            An integer gives the same paintings each time. None goes on from the estimator's own stream.

        Returns
        -------
        images : in the container, layout and dtype given
        masks : ndarray or tensor of shape (n_images, H, W), bool
            Where the new defects are.
        boxes : list of ndarray of shape (n, 4), int64
            With ``return_boxes``: left, top, right, bottom as in `fit`.

        Raises
        ------
        InvalidParameterError, InvalidDataError, InvalidTypeError
            Naming the parameter or the image, and what to do.
        """
        self._check_fitted()
        pixels, form = self._opened(images, "images", fitted=True)
        asked = (
            span("n", n, partial(types.integer, low=1)),
            span("size", size, partial(types.number, low=0, open_low=True)),
            span("strength", strength, partial(types.number, low=0, open_low=True)),
        )
        places = places_of(place, pixels)
        seed = self._next_seed() if random_state is None else root_seed(random_state)
        out = np.empty(pixels.shape, form.numpy)
        masks = np.zeros((len(pixels), *pixels.shape[2:]), bool)
        boxes = []
        counts = dict.fromkeys(("drawn", "kept", "invisible", "taken_anyway"), 0)
        for i, image in enumerate(pixels):
            rng = numpy_generator(seed, "image", i)
            own = image.astype(np.float32)
            found = []
            for _ in range(int(rng.integers(asked[0][0], asked[0][1] + 1))):
                made = self._one(own, asked[1], asked[2], partial(places, i), rng, counts)
                own[:, made.rows, made.columns] = made.pixels
                masks[i, made.rows, made.columns] |= made.mask
                top, left, bottom, right = bounds_of(made.mask)
                y, x = made.rows.start, made.columns.start
                found.append((left + x, top + y, right + x, bottom + y))
            out[i] = np.where(own == image.astype(np.float32), image, form.cast(own.astype(np.float64)))
            boxes.append(np.array(found, np.int64))
        self.curation_ = {self._name: counts}
        made_images = form.close(np.ascontiguousarray(from_nchw(out, self.layout_)))
        made_masks = SampleFormat(form.tensor, "|b1").close(masks)
        return (made_images, made_masks, boxes) if return_boxes else (made_images, made_masks)

    def _one(
        self,
        pixels: FloatArray,
        size: tuple[float, float],
        strength: tuple[float, float],
        place: Callable[[np.random.Generator, DoubleArray], tuple[float, float]],
        rng: np.random.Generator,
        counts: dict[str, int],
    ) -> Painted:
        """A defect that can be seen, or the best of several."""
        sides = pixels.shape[1:]
        angles, mirrors = TURNS[self.turn]
        least = self.min_contrast * float(np.quantile(self.contrasts_, 0.1))
        low, high = min(self.range_[0], float(pixels.min())), max(self.range_[1], float(pixels.max()))
        best: Painted | None = None
        for _ in range(TRIES):
            patch = self.bank_[rng.integers(len(self.bank_))]
            angle = 2 * math.pi * (rng.uniform() if angles is None else float(rng.choice(angles)))
            mirror, factor = mirrors and bool(rng.integers(2)), math.exp(rng.uniform(*np.log(size))) / self.scale_
            power = float(rng.uniform(*strength))
            shape = turned(patch, angle, mirror, factor)
            while any(own > side for own, side in zip(shape.shape[1:], sides, strict=True)):
                ratio = min(side / own for own, side in zip(shape.shape[1:], sides, strict=True))
                factor *= min(0.95, ratio)
                shape = turned(patch, angle, mirror, factor)
            middle = place(rng, self.places_)
            y, x = (
                int(np.clip(round(centre - own / 2), 0, side - own))
                for centre, own, side in zip(middle, shape.shape[1:], sides, strict=True)
            )
            made = paint_patch(pixels, shape, (y, x), power, MODES[self.mode_].seamless, self._unit, (low, high))
            counts["drawn"] += 1
            if best is None or made.contrast > best.contrast:
                best = made
            if made.contrast >= least * min(power, 1.0):
                counts["kept"] += 1
                return made
            counts["invisible"] += 1
        assert best is not None
        counts["kept"] += 1
        counts["taken_anyway"] += 1
        return best

    @isolated
    def sample(self, n: int = 1, label: object = None, random_state: Seed = None) -> tuple[Any, Array]:
        """Images with one painted defect each, for what draws from generators, such as `BlendedDataset`.

        Parameters
        ----------
        n : int, default=1
            How many. Backgrounds are used in a random order, and again when all were used.
        label : label, optional
            The painter's own ``label``; no other is known.
        random_state : int, RandomState, Generator or None, default=None
            As in `paint`.

        Returns
        -------
        X : images
            In the container, layout and dtype of the backgrounds.
        y : ndarray of shape (n,)
            ``label``, for each.

        Raises
        ------
        InvalidDataError
            If the painter has no backgrounds.
        InvalidParameterError
            For another label, or a negative number.
        """
        self._check_fitted()
        n = types.integer("n", n, 0)
        if label is not None and label != self.label:
            raise InvalidParameterError(f"label={label!r} is unknown; this painter paints {self.label!r}")
        if self._backgrounds is None:
            raise InvalidDataError(
                "there are no backgrounds to paint into; give some to fit(..., backgrounds=) or set_backgrounds "
                "(files and pickles hold none), or call paint(images)"
            )
        seed = self._next_seed() if random_state is None else root_seed(random_state)
        pixels, form = self._backgrounds
        order = numpy_generator(seed, "backgrounds").permutation(len(pixels))
        chosen = from_nchw(pixels[np.resize(order, n)], self.layout_)
        y = np.repeat(self.classes_, n)
        if n == 0:
            return form.close(np.ascontiguousarray(chosen)), y
        return self.paint(form.close(np.ascontiguousarray(chosen)), random_state=child_seed(seed, "paint"))[0], y

    def _next_seed(self) -> int:
        self._n_draws += 1
        return child_seed(self._seed, "draw", self._n_draws - 1)

    @property
    def _name(self) -> Hashable:
        return self.classes_[0].item() if hasattr(self.classes_[0], "item") else self.classes_[0]

    # ---- files and pickles ---------------------------------------------------------------------

    @isolated
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted painter to one file that `ganaug.load` reads.

        Parameters
        ----------
        path : str or path-like
            The file, for example "scratches.safetensors"; written whole or not at all.

        Raises
        ------
        ModelFileError
            If the folder does not exist or cannot be written to.

        Notes
        -----
        It holds ``bank_``, which are real defects with "blend" and "paste", and no background.
        """
        self._check_fitted()
        config = {
            "parameters": {**saving.plain_values(self.get_params(deep=False)), "device": "auto"},
            "mode": self.mode_,
            "format": self.format_.get_state(),
            "layout": self.layout_,
            "channels": self.channels_,
            "range": list(self.range_),
            "scale": self.scale_,
            "n_images": int(self.class_counts_[0]),
            "seed": self._seed,
            "n_draws": self._n_draws,
        }
        write_state(
            path, "DefectPainter", config, {"bank": self.bank_, "contrasts": self.contrasts_, "places": self.places_}
        )

    @classmethod
    @isolated
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a painter that `save` wrote.

        Parameters
        ----------
        path : str or path-like
            The file.

        Returns
        -------
        DefectPainter
            It paints as the original did; `sample` needs `set_backgrounds`.

        Raises
        ------
        ModelFileError
            If the file is damaged or holds something else.
        """
        return saving.load_as(cls, path)

    @classmethod
    def from_saved(cls, config: Config, arrays: Arrays) -> Self:
        """What `save` took apart: the painter with these parameters, checked.

        Parameters
        ----------
        config : dict
        arrays : dict of str to ndarray

        Returns
        -------
        DefectPainter
        """
        found = cls(**config["parameters"])
        found._take(config, arrays)
        return found

    def _try_out(self) -> None:
        """Turn one patch, to find out whether a file holds what it should."""
        if not np.isfinite(turned(self.bank_[0], 0.5, True, 1 / self.scale_)).all():
            raise ModelFileError("a patch cannot be painted")

    def _take(self, config: Config, arrays: Arrays) -> None:
        for name, check in self._constraints.items():
            check(name, getattr(self, name))
        self.mode_ = types.choice("mode", config["mode"], MODES)
        self.format_, self.layout_ = SampleFormat.from_state(config["format"]), config["layout"]
        self.channels_ = types.integer("channels", config["channels"], 1)
        low, high = (types.number("range", end, -math.inf) for end in config["range"])
        self.range_, self.scale_ = (low, high), types.number("scale", config["scale"], 0, 2, open_low=True)
        self.bank_ = expect(arrays, "bank", (None, self.channels_ + 1, None, None), np.float32)
        self.contrasts_ = expect(arrays, "contrasts", (None,), np.float64)
        self.places_ = expect(arrays, "places", (len(self.contrasts_), 2), np.float64)
        if not len(self.contrasts_) or not all(np.isfinite(array).all() for array in arrays.values()):
            raise ModelFileError("its numbers are not finite, or there are none")
        if not (self.bank_[:, -1] >= INSIDE).any((1, 2)).all() or not len(self.bank_):
            raise ModelFileError("a patch has no mask")
        self.n_defects_ = len(self.contrasts_)
        self.classes_ = np.array([self.label])
        self.class_counts_ = np.array([types.integer("n_images", config["n_images"], 1)], np.int64)
        self._seed = types.integer("seed", config["seed"], 0)
        self._n_draws = types.integer("n_draws", config["n_draws"], 0)
        self.bank_curation_, self._backgrounds = {}, None

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {**state, "_backgrounds": None} if "_backgrounds" in state else state

    def _check_fitted(self) -> None:
        if not hasattr(self, "bank_"):
            raise NotFittedError("This DefectPainter instance is not fitted yet. Call 'fit' first.")

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "bank_")


def _stacked(patches: Sequence[FloatArray]) -> FloatArray:
    """Patches of different sides on one canvas."""
    side = max(max(patch.shape[1:]) for patch in patches) + 1
    return np.stack([canvas_of(patch, side) for patch in patches])


saving.KINDS[DefectPainter.__name__] = saving.Kind(DefectPainter, DefectPainter)
