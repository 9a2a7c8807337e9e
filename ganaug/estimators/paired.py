"""Translation with pairs: pix2pix, for inputs and targets that are given, for holes, and for more pixels."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from numbers import Integral
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from ganaug.callbacks import Checkpoint, digest
from ganaug.encoding import LabelCodec
from ganaug.encoding.containers import is_tensor
from ganaug.encoding.image_codec import ImageCodec
from ganaug.encoding.on_disk import resolve_pairs
from ganaug.encoding.sample_arrays import LAYOUTS, from_nchw, open_samples, to_nchw
from ganaug.estimators import saving
from ganaug.estimators.fitting import Conditions, Measure, Prepared, Seed, hold_out
from ganaug.estimators.translating import (
    MEASURED,
    Translating,
    TranslationMethod,
    TranslationTask,
    in_passes,
    iterate_sources,
    shared_numbers,
    side_by_side,
)
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError, ModelFileError
from ganaug.filtering import FilterCounts
from ganaug.metrics.distributions import mean_distance
from ganaug.networks.translation import PAIR_TASKS, Inpaint, PairTask, SuperResolve, pair_networks, random_holes
from ganaug.runtime.compute import as_tensor, one_thread, resolve_device
from ganaug.training.translation_steps import PairBatches, PairTrainConfig, PairTrainState, pair_step
from ganaug.utils import types
from ganaug.utils.determinism import child_seed, numpy_generator, root_seed
from ganaug.utils.files import check_path, check_writable
from ganaug.utils.state import expect
from ganaug.utils.types import Array, Arrays, BoolArray, Config, IntArray, State

__all__ = ["PairedMethod", "PairedPrepared", "checked_mask"]

# Share of the pairs that are held out to measure by, of 100 or more.
HELD_OUT = 0.1
# Parameters that change how a training runs but not its result: a checkpoint can be continued with others.
_NO_MATTER = {"callbacks", "checkpoint", "checkpoint_every", "device", "min_probability", "random_state", "verbose"}
# Images of a batch that are worked on by one thread.
EACH = 4
# Mean squared errors below are none: 100 dB.
LEAST_ERROR = 4e-10
# The least pixels along a side of an image that is to be enlarged.
FEWEST = 4


@dataclass(frozen=True, kw_only=True)
class PairedPrepared(Prepared):
    """Encoded targets, and what belongs to them.

    Attributes
    ----------
    input_codec, inputs
        Of the images to translate; those of the targets where inputs are made of these.
    masks : ndarray of shape (m, H, W), bool, or None
        Given masks of what is missing.
    """

    input_codec: ImageCodec
    inputs: Array
    masks: BoolArray | None = None


class PairedMethod(TranslationMethod):
    """pix2pix (Isola et al. 2017) on pairs; see `ganaug.ImageTranslator`."""

    advice: ClassVar[Mapping[str, str]] = {
        "diverged": (
            "the training diverged at step {step}; the translator of step {best} was kept. Lower learning_rate or "
            "raise penalty or reconstruction_weight."
        ),
        "interrupted": "interrupted at step {step}; the translator of that step was kept.",
    }

    def check_parameters(self) -> None:
        """Classes are for images without pairs."""
        for name in ("source", "target"):
            value = getattr(self.owner, name)
            if value is not None:
                raise InvalidParameterError(
                    f"{name}={value!r} names a class, but paired=True learns from pairs; leave it None"
                )

    def prepare(self, X: object, y: object, mask: object, beside: Path | None) -> PairedPrepared:
        """Inputs and targets, or images that both are made of."""
        owner = self.owner
        if owner.checkpoint is not None:  # told now, and not when it is to be written
            check_writable(check_path(owner.checkpoint, "checkpoint"))
        if mask is not None and owner.task != Inpaint.name:
            raise InvalidParameterError(f"mask= is for task='inpaint', not for task={owner.task!r}")
        if owner.task == "translate":
            return self._prepare_pairs(X, y, beside)
        prepared = owner._prepare_labelled(X, y, beside)
        codec = prepared.codec
        masks = None if mask is None else checked_mask(mask, codec.shape[1:])
        if masks is not None and not masks.any():
            raise InvalidDataError(
                "mask is False everywhere; True or 1 is what is missing, and at least one pixel must be"
            )
        if owner.task == SuperResolve.name:
            check_scale(codec.shape, int(owner.scale))
        return PairedPrepared(
            codec,
            prepared.labels,
            prepared.x,
            prepared.y,
            prepared.names,
            decoded=prepared.decoded,
            input_codec=codec,
            inputs=prepared.x[:0],
            masks=masks,
        )

    def _prepare_pairs(self, X: object, y: object, beside: Path | None) -> PairedPrepared:
        layout, found = self.owner.layout, resolve_pairs(X, y, beside)
        input_codec, codec = ImageCodec(layout, found.modes[0]), ImageCodec(layout, found.modes[1])
        inputs, targets = input_codec.fit_encode(found.inputs), codec.fit_encode(found.targets)
        if len(inputs) != len(targets):
            raise InvalidDataError(
                f"X has {len(inputs)} images and y has {len(targets)}; each image of X needs its target"
            )
        if input_codec.shape[1:] != codec.shape[1:]:
            one, other = (" x ".join(map(str, own.shape[1:])) for own in (input_codec, codec))
            raise InvalidDataError(
                f"the images of X have {one} pixels and their targets {other}; resize them to one size. For larger "
                "images of the same, task='super-resolve' needs the large ones only"
            )
        none = np.zeros(len(targets), np.int64)
        return PairedPrepared(codec, None, targets, none, decoded=found.decoded, input_codec=input_codec, inputs=inputs)

    def fit_labels(self, y: object) -> LabelCodec | None:
        """Of the images, where there are any."""
        return None if y is None else LabelCodec().fit(y)

    # ---- fit -----------------------------------------------------------------------------------

    def begin(self, task: TranslationTask) -> Translating:
        """A U-Net, a discriminator of pairs, and what makes batches of pairs."""
        owner, prepared, device, seed = self.owner, task.prepared, task.device, task.seed
        assert isinstance(prepared, PairedPrepared)
        conditions = Conditions.of(prepared.labels, task.focus)
        design: dict[str, Any] = {
            "width": int(owner.width),
            "depth": int(owner.depth),
            "task": owner.task,
            "scale": self._scale(),
        }
        kind = kind_of(design, prepared.input_codec, prepared.codec)
        generator, discriminator = pair_networks(
            kind,
            prepared.codec.shape,
            torch.Generator().manual_seed(child_seed(seed, "networks")),
            width=design["width"],
            depth=design["depth"],
        )
        config = PairTrainConfig(
            **shared_numbers(owner, task.settings, task.work),
            reconstruction_weight=float(owner.reconstruction_weight),
            parts=max(1, int(owner.batch_size) // EACH),
        )
        rows, held = hold_out(np.zeros(len(prepared.x), np.int64), HELD_OUT, numpy_generator(seed, "hold out"))
        seen, unseen = (
            TrainingPairs.of(_DOORS[owner.task].given, kind, prepared, among, device) for among in (rows, held[0])
        )
        return Translating(
            conditions,
            design,
            PairTrainState.of(generator.to(device), discriminator.to(device), config),
            PairBatches.of(len(rows), seen.make, device),
            pair_step,
            config,
            _measure(unseen, min(len(held[0]), MEASURED), device, child_seed(seed, "judge")),
        )

    @property
    def _door(self) -> _Door:
        return _DOORS[self.owner.design_["task"]](self)

    def checkpoint(self, prepared: Prepared, focus: object, device: torch.device) -> Checkpoint | None:
        """Named by the parameter; each class in focus has a file of its own."""
        owner = self.owner
        if owner.checkpoint is None:
            return None
        assert isinstance(prepared, PairedPrepared)
        code = Conditions.of(prepared.labels, focus).focus
        settings = {k: v for k, v in owner._saved_parameters().items() if k not in _NO_MATTER}
        settings |= {"device": device.type, "focus": code}
        if isinstance(owner.random_state, Integral):
            settings["random_state"] = int(owner.random_state)
        target = check_path(owner.checkpoint, "checkpoint")
        if code is not None:
            target = target.with_name(f"{target.stem}.class-{code}{target.suffix}")
        masks = [] if prepared.masks is None else [prepared.masks]
        data = digest(prepared.x, prepared.y, prepared.inputs, *masks)
        every = types.interval("checkpoint_every", owner.checkpoint_every)
        return Checkpoint(target, every, settings, data, root_seed(owner.random_state))

    def _scale(self) -> int:
        return int(self.owner.scale) if self.owner.task == SuperResolve.name else 1

    def keep(self, task: TranslationTask, training: Translating, seen: Mapping[str, float]) -> None:
        """The images to sample from, and how near held-out ones came."""
        del training
        owner, prepared = self.owner, task.prepared
        assert isinstance(prepared, PairedPrepared)
        self._keep_inputs(prepared.input_codec)
        owner._sources = prepared.inputs if owner.task == "translate" else prepared.x
        owner._source_codes, owner._masks = prepared.y, prepared.masks
        owner.psnr_ = seen.get("psnr", math.nan)

    def _keep_inputs(self, codec: ImageCodec) -> None:
        self.owner.input_codec_ = codec
        self.owner.n_features_in_ = codec.n_features_

    # ---- sample and translate ------------------------------------------------------------------

    def set_sources(self, X: object, y: object) -> None:
        """All images, with their labels if the fit had some."""
        owner = self.owner
        images = owner.input_codec_.encode(X, owner=type(owner).__name__)
        if (y is None) != (owner.label_codec_ is None):
            what = "with" if y is None else "without"
            raise InvalidDataError(f"this ImageTranslator was fitted {what} labels; give set_sources the same")
        codes = np.zeros(len(images), np.int64) if owner.label_codec_ is None else owner.label_codec_.encode(y)
        if len(codes) != len(images):
            raise InvalidDataError(f"X has {len(images)} images and y has {len(codes)} labels; give as many")
        if len(images) == 0:
            raise InvalidDataError("X holds no image to sample from; give at least one")
        owner._sources, owner._source_codes, owner._masks = images, codes, None

    def translate(self, images: object, to: object, mask: object, random_state: Seed) -> object:
        """What the task makes of images."""
        if to is not None:
            raise InvalidParameterError(f"to={to!r}: a translation of pairs has one way only; leave it None")
        own = self._door
        if not own.holes and (mask is not None or random_state is not None):
            raise InvalidParameterError("mask= and random_state= are for task='inpaint'")
        return own.translate(images, mask, random_state)

    def draw(self, code: int, n: int, seed: int) -> tuple[Array, FilterCounts]:
        """What the task makes of n images that it trained on, each once before any is used again, then shifted."""
        owner = self.owner
        if n == 0:
            return owner._empty(), FilterCounts(rejected={})
        if owner._sources is None or owner._source_codes is None:
            raise InvalidDataError(
                "a saved or copied ImageTranslator holds no images to sample from; hand some over first: "
                "set_sources(X), or set_sources(X, y) with the labels"
            )
        sources = owner._sources[owner._source_codes == code]
        if len(sources) == 0:
            raise InvalidDataError(
                f"there is no image of class {owner._name(code)!r} to sample from; set_sources(X, y)"
            )
        rows = iterate_sources(sources, numpy_generator(child_seed(seed, "sources")))
        images = np.concatenate(list(islice(rows, n)))
        made = self._door.variants(images, child_seed(seed, "holes"))
        return made, FilterCounts(drawn=n, kept=n, rejected={})

    def made(self, given: Callable[[slice], Tensor], n: int, codec: ImageCodec | None = None) -> Array:
        """Encoded images that the network makes of what it is given. ``given(places)`` is (B, c, H, W), on the CPU."""
        owner = self.owner
        device = resolve_device(owner.device)
        network = owner._networks(device)["generator"]
        with one_thread(), side_by_side(device) as work:
            return in_passes(n, lambda at: network(given(at).to(device)), codec or owner.codec_, work)

    @property
    def kind(self) -> PairTask:
        """The task, with its channels."""
        return kind_of(self.owner.design_, self.owner.input_codec_, self.owner.codec_)

    def check_label(self, label: object) -> None:
        """The common message does."""

    # ---- networks and files --------------------------------------------------------------------

    def by_name(self, average: nn.Module) -> dict[str, nn.Module]:
        """The generator."""
        return {"generator": average}

    def networks(self, seed: int) -> dict[str, nn.Module]:
        """The generator."""
        owner = self.owner
        rng, design = torch.Generator().manual_seed(seed), owner.design_
        generator, _ = pair_networks(self.kind, owner.codec_.shape, rng, width=design["width"], depth=design["depth"])
        return self.by_name(generator)

    def check_design(self, design: dict[str, Any]) -> None:
        """Sizes, task and scale."""
        sizes = {"width", "depth", "scale"}
        if set(design) != sizes | {"task"} or any(type(design[size]) is not int for size in sizes):
            raise ModelFileError(f"design {design} is none of a translator of pairs")
        for name in ("width", "depth", "task"):
            self.owner._constraints[name](name, design[name])
        if design["task"] != self.owner.task or design["scale"] != self._scale():
            raise ModelFileError(f"design {design} is none of task={self.owner.task!r}")

    def own_state(self) -> State:
        """The codec of the inputs, where they have one of their own, and what was measured."""
        owner = self.owner
        judged = {"judged": np.array([owner.quality_, owner.psnr_], np.float64)}
        if owner.input_codec_ is owner.codec_:
            return {"inputs": None}, judged
        config, arrays = owner.input_codec_.get_state()
        return {"inputs": config}, judged | saving.add_prefix("inputs", arrays)

    def take_state(self, config: Config, arrays: Arrays) -> None:
        """The counterpart of `own_state`."""
        owner, own = self.owner, config["inputs"]
        if (own is None) != (owner.task != "translate"):
            raise ModelFileError(f"inputs={own!r} are none of task={owner.task!r}")
        found = saving.take_prefix(arrays, "inputs")
        if not all(np.isfinite(array).all() for array in found.values() if array.dtype.kind == "f"):
            raise ModelFileError("the range of the inputs is not finite")
        self._keep_inputs(owner.codec_ if own is None else ImageCodec.from_state(own, found))
        if owner.input_codec_.shape[1:] != owner.codec_.shape[1:]:
            raise ModelFileError("inputs and targets differ in size")
        if owner.task == SuperResolve.name:
            check_scale(owner.codec_.shape, int(owner.scale))
        owner._sources = owner._source_codes = owner._masks = None
        owner.quality_, owner.psnr_ = map(float, expect(arrays, "judged", (2,), np.float64))

    def try_out(self) -> None:
        """One image."""
        codec = self.owner.input_codec_
        one = codec.from_network(np.zeros((1, *codec.shape), np.float32))
        self.translate(codec.decode(one), None, None, 0 if self._door.holes else None)


def kind_of(design: Mapping[str, Any], input_codec: ImageCodec, codec: ImageCodec) -> PairTask:
    """The task of a design, with the channels of these codecs."""
    return PAIR_TASKS[design["task"]](input_codec.shape[0], codec.shape[0], design["scale"])


# ---- what the networks are given, in the training --------------------------------------------------

Give = Callable[["TrainingPairs", Tensor, Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class TrainingPairs:
    """The pairs that a training sees, or those that it is measured by, on its device.

    Attributes
    ----------
    give : callable ``(pairs, rows, target, rng) -> Tensor``
        What is given for some targets.
    kind : PairTask
    input_codec, codec : ImageCodec
    inputs, targets : Tensor
        Encoded, (n, c, H, W) and (n, C, H, W); without inputs where these are made of the targets.
    masks : Tensor of shape (m, 1, H, W), bool, or None
        From which holes are drawn.
    """

    give: Give
    kind: PairTask
    input_codec: ImageCodec
    codec: ImageCodec
    inputs: Tensor
    targets: Tensor
    masks: Tensor | None

    @classmethod
    def of(
        cls, give: Give, kind: PairTask, prepared: PairedPrepared, rows: IntArray, device: torch.device
    ) -> TrainingPairs:
        """Some of the prepared pairs."""
        masks = None if prepared.masks is None else as_tensor(prepared.masks[:, None]).to(device)
        inputs = prepared.inputs[rows] if len(prepared.inputs) else prepared.inputs
        own, targets = (as_tensor(images).to(device) for images in (inputs, prepared.x[rows]))
        return cls(give, kind, prepared.input_codec, prepared.codec, own, targets, masks)

    def make(self, rows: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """What is given, and its targets. (B,) int64 -> (B, c, H, W), (B, C, H, W)."""
        target: Tensor = self.codec.to_network(self.targets[rows])
        return self.give(self, rows, target, rng), target


def _measure(pairs: TrainingPairs, n: int, device: torch.device, seed: int) -> Measure:
    """A function that measures a generator by n pairs: "quality", "psnr" and "diversity"."""
    with torch.inference_mode():
        given, target = pairs.make(torch.arange(n, device=device), torch.Generator(device).manual_seed(seed))
        start = pairs.kind.finish(given, pairs.kind.start(given))
        before = max(float((start - target).square().mean()), LEAST_ERROR)
    spread = mean_distance(target.flatten(1))

    @torch.inference_mode()
    def measure(generator: nn.Module) -> dict[str, float]:
        made = generator(given).clamp(-1, 1)
        return {
            "quality": 1 - float((made - target).square().mean()) / before,
            "psnr": psnr(made, target),
            "diversity": mean_distance(made.flatten(1)) / spread if spread > 0 else 1.0,
        }

    return measure


def psnr(made: Tensor, target: Tensor) -> float:
    """Mean peak signal-to-noise ratio in dB, of images in [-1, 1]; at most 100 of one image. (B, ...), (B, ...)."""
    errors = (made - target).flatten(1).square().mean(1).clamp(min=LEAST_ERROR)
    return float((10 * torch.log10(4 / errors)).mean())


# ---- the tasks as users meet them --------------------------------------------------------------


class _Door(ABC):
    """What a task is given in the training, what it translates, and what samples are made of."""

    holes = False  # whether there are any

    def __init__(self, method: PairedMethod) -> None:
        self.method = method
        self.owner = method.owner

    @staticmethod
    @abstractmethod
    def given(pairs: TrainingPairs, rows: Tensor, target: Tensor, rng: torch.Generator) -> Tensor:
        """What the generator is given for some targets in the training. -> (B, c, H, W)."""

    @abstractmethod
    def translate(self, images: object, mask: object, random_state: Seed) -> object:
        """What the user's images become."""

    @abstractmethod
    def variants(self, images: Array, seed: int) -> Array:
        """What encoded images, of those that were trained on, become as samples."""

    def _encoded(self, images: object) -> Array:
        encoded: Array = self.owner.input_codec_.encode(images, owner=type(self.owner).__name__)
        return encoded

    def _floats(self, images: Array) -> Tensor:
        floats: Tensor = self.owner.input_codec_.to_network(as_tensor(images))
        return floats


class _GivenPairs(_Door):
    """Inputs that were given with their targets."""

    @staticmethod
    def given(pairs: TrainingPairs, rows: Tensor, target: Tensor, rng: torch.Generator) -> Tensor:
        del target, rng
        inputs: Tensor = pairs.input_codec.to_network(pairs.inputs[rows])
        return inputs

    def translate(self, images: object, mask: object, random_state: Seed) -> object:
        del mask, random_state
        return self.owner.codec_.decode(self.variants(self._encoded(images), 0))

    def variants(self, images: Array, seed: int) -> Array:
        del seed
        return self.method.made(lambda at: self._floats(images[at]), len(images))


class _Holes(_Door):
    """Images with holes: random ones, or those of given masks."""

    holes = True

    @staticmethod
    def given(pairs: TrainingPairs, rows: Tensor, target: Tensor, rng: torch.Generator) -> Tensor:
        del rows
        if pairs.masks is None:
            missing = random_holes(len(target), (target.shape[2], target.shape[3]), rng)
        else:
            missing = pairs.masks[torch.randint(len(pairs.masks), (len(target),), device=rng.device, generator=rng)]
        return cast("Inpaint", pairs.kind).hide(target, missing)

    def translate(self, images: object, mask: object, random_state: Seed) -> object:
        codec = self.owner.codec_
        if mask is not None and random_state is None:
            images = self._blanked(images, mask)
        encoded = self._encoded(images)
        if mask is None:
            missing = self._drawn(
                len(encoded), self.owner._next_seed() if random_state is None else root_seed(random_state)
            )
        elif random_state is not None:
            raise InvalidParameterError("random_state= draws holes; leave it None where mask= is given")
        else:
            missing = checked_mask(mask, codec.shape[1:], len(encoded))
        made, form = open_samples(codec.decode(self._painted(encoded, missing)), "images")
        known, _ = open_samples(images, "images")  # as they were given, to the last bit
        hole = from_nchw(np.broadcast_to(missing[:, None], (len(missing), *codec.shape)), codec.layout_)
        return form.close(np.where(hole, made, known).astype(made.dtype))

    def _blanked(self, images: object, mask: object) -> object:
        """Images of floats with 0 in their holes, for what stands there may be no number; others as they are."""
        array, form = open_samples(images, "images")
        codec = self.owner.codec_
        if array.dtype.kind != "f" or array.ndim != LAYOUTS[codec.layout_][0]:
            return images
        if to_nchw(array, codec.layout_).shape[1:] != tuple(codec.shape):
            return images  # encoding says what is wrong with the shape
        missing = checked_mask(mask, codec.shape[1:], len(array))
        hole = from_nchw(np.broadcast_to(missing[:, None], (len(missing), *codec.shape)), codec.layout_)
        return form.close(np.where(hole, array.dtype.type(0), array))

    def variants(self, images: Array, seed: int) -> Array:
        missing = self._drawn(len(images), seed)
        return np.where(missing[:, None], self._painted(images, missing), images)

    def _painted(self, images: Array, missing: BoolArray) -> Array:
        kind = cast("Inpaint", self.method.kind)

        def given(at: slice) -> Tensor:
            return kind.hide(self._floats(images[at]), as_tensor(missing[at][:, None]))

        return self.method.made(given, len(images))

    def _drawn(self, n: int, seed: int) -> BoolArray:
        """Holes for n images: some of the masks of `fit`, or random ones. (n, H, W)."""
        masks, size = self.owner._masks, self.owner.codec_.shape[1:]
        if masks is not None:
            return np.asarray(masks[numpy_generator(seed, "masks").integers(len(masks), size=n)], np.bool_)
        rng = torch.Generator().manual_seed(child_seed(seed, "holes"))
        return random_holes(n, (size[0], size[1]), rng)[:, 0].numpy()


class _FewPixels(_Door):
    """Images that are made larger."""

    @staticmethod
    def given(pairs: TrainingPairs, rows: Tensor, target: Tensor, rng: torch.Generator) -> Tensor:
        del rows, rng
        kind = cast("SuperResolve", pairs.kind)
        return kind.enlarge(kind.shrink(target))

    def translate(self, images: object, mask: object, random_state: Seed) -> object:
        del mask, random_state
        codec, owner = self.owner.codec_, type(self.owner).__name__
        kind = cast("SuperResolve", self.method.kind)
        array, _ = open_samples(images, "images")
        if array.ndim != LAYOUTS[codec.layout_][0]:
            self._encoded(images)  # says what is wrong with its shape
        height, width = to_nchw(array, codec.layout_).shape[2:]
        if min(height, width) < FEWEST:
            raise InvalidDataError(f"X has shape {array.shape}; images to enlarge need {FEWEST} pixels a side at least")
        small, large = codec.of_size(height, width), codec.of_size(kind.scale * height, kind.scale * width)
        encoded = small.encode(images, owner=owner)

        def given(at: slice) -> Tensor:
            return kind.enlarge(small.to_network(as_tensor(encoded[at])))

        return large.decode(self.method.made(given, len(encoded), large))

    def variants(self, images: Array, seed: int) -> Array:
        del seed
        kind = cast("SuperResolve", self.method.kind)

        def given(at: slice) -> Tensor:
            return kind.enlarge(kind.shrink(self._floats(images[at])))

        return self.method.made(given, len(images))


_DOORS: dict[str, type[_Door]] = {"translate": _GivenPairs, "inpaint": _Holes, "super-resolve": _FewPixels}


# ---- checks of what is given -----------------------------------------------------------------------


def check_scale(shape: tuple[int, ...], scale: int) -> None:
    """Refuse a scale that leaves no whole number of pixels, or too few.

    Raises
    ------
    InvalidParameterError
    """
    height, width = shape[1:]
    if height % scale or width % scale or min(height, width) // scale < FEWEST:
        raise InvalidParameterError(
            f"scale={scale} does not divide images of {height} x {width} pixels into at least {FEWEST} x {FEWEST}; "
            "choose a smaller one, or crop or pad the images"
        )


def checked_mask(mask: object, size: tuple[int, ...], n: int | None = None) -> BoolArray:
    """Masks of what is missing, one for each image.

    Parameters
    ----------
    mask : array-like of bool, or of 0 and 1
        Of shape (H, W), for all images, or (n, H, W), (n, 1, H, W) or (n, H, W, 1). True, or 1, is missing.
    size : (H, W)
        Of the images.
    n : int, optional
        How many there must be. None takes any number.

    Returns
    -------
    ndarray of shape (n, H, W), bool

    Raises
    ------
    InvalidDataError
        If shape or values are others, or a mask leaves nothing of its image; it names the mask.
    InvalidTypeError
        If it is no array of numbers.
    """
    try:
        array = np.asarray(mask.detach().cpu().numpy() if is_tensor(mask) else mask)  # type: ignore[attr-defined]
    except ValueError as error:
        raise InvalidDataError(
            f"mask is no array: its parts differ in size; give ({size[0]}, {size[1]}), or one of these for each image"
        ) from error
    if array.dtype.kind not in "biuf":
        raise InvalidTypeError(f"mask of dtype {array.dtype} must hold booleans, or 0 and 1")
    height, width = size
    if array.ndim == 4 and 1 in (array.shape[1], array.shape[3]):
        array = array[:, 0] if array.shape[1] == 1 else array[..., 0]
    if array.shape == (height, width):
        array = np.broadcast_to(array, (1 if n is None else n, height, width))
    wanted = f"({'n' if n is None else n}, {height}, {width})"
    if array.ndim != 3 or array.shape[1:] != (height, width) or (n is not None and len(array) != n) or not len(array):
        raise InvalidDataError(
            f"mask has shape {array.shape}; give {wanted}, one for each image, or ({height}, {width}) for all"
        )
    odd = np.argwhere(~((array == 0) | (array == 1)))
    if len(odd):
        image, row, column = odd[0].tolist()
        raise InvalidDataError(
            f"mask {image} holds {array[image, row, column]!s} at ({row}, {column}); only True or 1 (missing) and "
            "False or 0 (known) are understood, for example mask > 127"
        )
    found = array.astype(np.bool_)
    whole = np.flatnonzero(found.all((1, 2)))
    if len(whole):
        raise InvalidDataError(f"mask {whole[0]} leaves nothing of its image; at least one pixel must be known (False)")
    return found
