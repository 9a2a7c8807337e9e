"""Translation without pairs: CycleGAN between a plentiful class and a rare one, and the check of what arrives."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ganaug.encoding import LabelCodec
from ganaug.encoding.image_codec import ImageCodec
from ganaug.estimators import saving
from ganaug.estimators.fitting import Conditions, Measure, Prepared, Seed
from ganaug.estimators.translating import (
    MEASURED,
    LabelCheck,
    Translating,
    TranslationMethod,
    TranslationTask,
    draw_accepted,
    in_passes,
    shared_numbers,
    side_by_side,
)
from ganaug.exceptions import InvalidDataError, InvalidParameterError, ModelFileError, TrainingWarning
from ganaug.filtering import FilterCounts
from ganaug.metrics.distributions import energy_quality, mean_distance
from ganaug.networks.translation import Translators, cycle_players
from ganaug.runtime.compute import Team, as_tensor, one_thread, resolve_device
from ganaug.training.train_state import ClassBatches
from ganaug.training.translation_steps import CycleTrainConfig, CycleTrainState, TwoClasses, cycle_step
from ganaug.utils.determinism import child_seed, numpy_generator, warn
from ganaug.utils.state import expect
from ganaug.utils.types import Array, Arrays, Config, IntArray, State

__all__ = ["UnpairedMethod", "code_of", "two_classes"]

# What files of earlier versions do not say of their networks.
_OF_EARLIER = {"fine": False}
# Share of a limit on time that the training of the check may take.
CHECK_TIME = 0.2


class UnpairedMethod(TranslationMethod):
    """CycleGAN (Zhu et al. 2017) between two classes of one set of images; see `ganaug.ImageTranslator`."""

    advice: ClassVar[Mapping[str, str]] = {
        "diverged": (
            "the training diverged at step {step}; the translators of step {best} were kept. Lower learning_rate or "
            "raise penalty."
        ),
        "interrupted": "interrupted at step {step}; the translators of that step were kept.",
    }

    def check_parameters(self) -> None:
        """Tasks are for pairs."""
        if self.owner.task != "translate":
            raise InvalidParameterError(f"task={self.owner.task!r} learns from pairs; set paired=True")
        if self.owner.checkpoint is not None:
            raise InvalidParameterError(
                "checkpoint= is for paired=True: a CycleGAN would have to keep translations of training images in it"
            )

    def prepare(self, X: object, y: object, mask: object, beside: Path | None) -> Prepared:
        """Encoded images and their labels."""
        if mask is not None:
            raise InvalidParameterError("mask= is for paired=True and task='inpaint'")
        return self.owner._prepare_labelled(X, y, beside)

    def fit_labels(self, y: object) -> LabelCodec:
        """They tell source from target."""
        if y is None:
            raise InvalidDataError("ImageTranslator translates between two classes: give the labels y")
        return LabelCodec().fit(y)

    # ---- fit -----------------------------------------------------------------------------------

    def begin(self, task: TranslationTask) -> Translating:
        """Two translators, two discriminators, and the check."""
        owner, prepared, device, seed = self.owner, task.prepared, task.device, task.seed
        labels, codec = prepared.labels, prepared.codec
        assert labels is not None
        source, target = two_classes(labels, prepared.y, owner.source, owner.target, task.focus)
        images = [prepared.x[prepared.y == code] for code in (source, target)]
        check = None
        if task.settings["min_probability"] > 0:
            own, limit = child_seed(seed, "check"), task.settings["max_time"]
            seconds = None if limit is None else CHECK_TIME * limit
            check = LabelCheck(codec.shape).fit(images[0], images[1], codec.to_network, own, device, seconds)
        design: dict[str, Any] = {"width": int(owner.width), "depth": int(owner.depth), "fine": True}
        rng = torch.Generator().manual_seed(child_seed(seed, "networks"))
        translators, discriminators = cycle_players(codec.shape, rng, **design)
        config = CycleTrainConfig(
            **shared_numbers(owner, task.settings, task.work),
            cycle_weight=float(owner.cycle_weight),
            identity_weight=float(owner.identity_weight),
            pool_size=max(50, int(owner.batch_size)),
        )
        return Translating(
            Conditions(labels.classes_, target),
            design,
            CycleTrainState.of(translators.to(device), discriminators.to(device), config),
            TwoClasses(*(_one_class(x, codec, device) for x in images)),
            cycle_step,
            config,
            self._measure(images, codec, check, device, child_seed(seed, "judge")),
            {"source": source, "target": target, "check": check, "sources": images[0]},
        )

    def keep(self, task: TranslationTask, training: Translating, seen: Mapping[str, float]) -> None:
        """The two classes, the check, and the images to sample from."""
        del task
        owner, found = self.owner, training.found
        self._keep_classes(found["source"], found["target"])
        owner.check_, owner._sources = found["check"], found["sources"]
        owner.accepted_ = seen.get("accepted", math.nan)

    def _keep_classes(self, source: int, target: int) -> None:
        owner = self.owner
        owner._source_code = source
        owner.source_, owner.target_ = owner._name(source), owner._name(target)

    def _measure(
        self, images: Sequence[Array], codec: ImageCodec, check: LabelCheck | None, device: torch.device, seed: int
    ) -> Measure:
        """A function that measures a few translations: "quality", "diversity", and "accepted" where there is a check.

        Parameters
        ----------
        images : sequence of two ndarray (n, C, H, W)
            Encoded images of source and target.
        codec : ImageCodec
        check : LabelCheck or None
        device : torch.device
        seed : int
        """
        rng = numpy_generator(seed)
        source, target = (as_tensor(rng.permutation(x)[:MEASURED]).to(device) for x in images)
        real = codec.to_network(target).flatten(1)
        spread = mean_distance(real)

        @torch.inference_mode()
        def measure(translators: Translators) -> dict[str, float]:
            fake: Tensor = translators.to_target(codec.to_network(source))
            seen = {
                "quality": energy_quality(real, fake.flatten(1), real_spread=spread),
                "diversity": mean_distance(fake.flatten(1)) / spread if spread > 0 else 1.0,
            }
            if check is not None and bool(torch.isfinite(fake).all()):
                likely = check.probabilities(codec.from_network(fake), codec.to_network, device)
                seen["accepted"] = float((likely >= float(self.owner.min_probability)).mean())
            return seen

        return measure

    # ---- sample and translate ------------------------------------------------------------------

    def set_sources(self, X: object, y: object) -> None:
        """Those of the source class, or all where there are no labels."""
        owner = self.owner
        images = owner.codec_.encode(X, owner=type(owner).__name__)
        if y is not None:
            codes = self._labels_of_fit().encode(y)
            if len(codes) != len(images):
                raise InvalidDataError(f"X has {len(images)} images and y has {len(codes)} labels; give as many")
            images = images[codes == owner._source_code]
        if len(images) == 0:
            raise InvalidDataError(f"there is no image of the source class {owner.source_!r} to translate from")
        owner._sources = images

    def translate(self, images: object, to: object, mask: object, random_state: Seed) -> object:
        """To the target class, or back."""
        owner = self.owner
        if mask is not None or random_state is not None:
            raise InvalidParameterError("mask= and random_state= are for paired=True and task='inpaint'")
        ways = {owner._source_code: "to_source", owner.conditions_.focus: "to_target"}
        code = owner.conditions_.focus if to is None else code_of(self._labels_of_fit(), "to", to)
        if code not in ways:
            raise InvalidParameterError(f"to={to!r} is neither the target {owner.target_!r} nor {owner.source_!r}")
        encoded = owner.codec_.encode(images, owner=type(owner).__name__)
        with one_thread(), side_by_side(resolve_device(owner.device)) as work:
            return owner.codec_.decode(self._way(ways[code], work)(encoded))

    def draw(self, code: int, n: int, seed: int) -> tuple[Array, FilterCounts]:
        """Translations of source images that the check accepts."""
        del code
        owner = self.owner
        sources = owner._sources
        if n == 0:
            return owner._empty(), FilterCounts(rejected={"other_class": 0})
        if sources is None:
            raise InvalidDataError(
                "a saved or copied ImageTranslator holds no images to sample from; hand some of the source class "
                f"{owner.source_!r} over first: set_sources(X), or set_sources(X, y) with the labels"
            )
        device, check = resolve_device(owner.device), owner.check_
        likely = None if check is None else lambda x: check.probabilities(x, owner.codec_.to_network, device)
        with one_thread(), side_by_side(device) as work:
            images, tally = draw_accepted(
                self._way("to_target", work), sources, likely, float(owner.min_probability), n, child_seed(seed, "draw")
            )
        if tally.taken_anyway:
            warn(
                f"the check took {tally.drawn - tally.rejected['other_class']} of {tally.drawn} translations for "
                f"{owner.target_!r}; {tally.taken_anyway} of the {n} images returned are refused ones. Train longer "
                f"(max_steps={owner.max_steps}), name a source class that is more like {owner.target_!r}, or lower "
                f"min_probability={owner.min_probability}.",
                TrainingWarning,
            )
        return images, tally

    def _way(self, name: str, work: Team) -> Callable[[Array], Array]:
        """Encoded images to their translations, one way."""
        owner = self.owner
        device, codec = resolve_device(owner.device), owner.codec_
        network = owner._networks(device)[name]

        def translate(images: Array) -> Array:
            def make(places: slice) -> Tensor:
                made: Tensor = network(codec.to_network(as_tensor(images[places]).to(device)))
                return made

            return in_passes(len(images), make, codec, work)

        return translate

    def check_label(self, label: object) -> None:
        """Only the target is made."""
        code = int(self._labels_of_fit().encode([label])[0])
        if code != self.owner.conditions_.focus:
            raise InvalidDataError(
                f"this translator makes images of class {self.owner.target_!r}, not of {label!r}; fit another one "
                f"with target={label!r}"
            )

    def _labels_of_fit(self) -> LabelCodec:
        assert self.owner.label_codec_ is not None
        return self.owner.label_codec_

    # ---- networks and files --------------------------------------------------------------------

    def by_name(self, average: nn.Module) -> dict[str, nn.Module]:
        """Those of `Translators`."""
        return dict(average.named_children())

    def networks(self, seed: int) -> dict[str, nn.Module]:
        """The way there, and the way back."""
        owner = self.owner
        translators, _ = cycle_players(
            owner.codec_.shape, torch.Generator().manual_seed(seed), **_OF_EARLIER | owner.design_
        )
        return self.by_name(translators)

    def check_design(self, design: dict[str, Any]) -> None:
        """Width and depth, and how the last convolutions work."""
        sizes = {name: size for name, size in design.items() if name != "fine"}
        odd = set(sizes) != {"width", "depth"} or any(type(size) is not int for size in sizes.values())
        if odd or design.get("fine", True) is not True:
            raise ModelFileError(f"design {design} is none of a translator")
        for name, size in sizes.items():
            self.owner._constraints[name](name, size)

    def own_state(self) -> State:
        """The source class, the check, and what was measured."""
        owner = self.owner
        check = owner.check_
        config = {"source": owner._source_code, "check": check is not None}
        arrays = saving.add_prefix("check", {} if check is None else check.get_state())
        # an array, because JSON has no NaN
        return config, arrays | {"judged": np.array([owner.quality_, owner.accepted_], np.float64)}

    def take_state(self, config: Config, arrays: Arrays) -> None:
        """The counterpart of `own_state`."""
        owner = self.owner
        source, target, counts = config["source"], config["target"], owner.class_counts_
        if type(source) is not int or target is None or not 0 <= source < len(counts) or source == target:
            raise ModelFileError(f"source={source!r} or target={target!r} is no class, or both are one")
        if min(counts[source], counts[target]) == 0:
            raise ModelFileError("the counts of its classes are none")
        self._keep_classes(source, target)
        owner._sources = None
        own = saving.take_prefix(arrays, "check")
        owner.check_ = LabelCheck.from_state(own, owner.codec_.shape) if config["check"] is True else None
        owner.quality_, owner.accepted_ = map(float, expect(arrays, "judged", (2,), np.float64))

    def try_out(self) -> None:
        """One image there."""
        codec = self.owner.codec_
        one = codec.from_network(np.zeros((1, *codec.shape), np.float32))
        self.translate(codec.decode(one), None, None, None)


def _one_class(images: Array, codec: ImageCodec, device: torch.device) -> ClassBatches:
    """Encoded images of one class, to draw batches from."""
    labels = torch.zeros(len(images), dtype=torch.long, device=device)
    alone = torch.ones(1, dtype=torch.float32, device=device)
    return ClassBatches(as_tensor(images).to(device), labels, alone, load=codec.to_network)


# ---- between which two classes to translate ----------------------------------------------------


def code_of(labels: LabelCodec, name: str, label: object) -> int | None:
    """The code of a label given as the parameter of that name; None for None.

    Raises
    ------
    InvalidParameterError
        If no image has it.
    """
    if label is None:
        return None
    try:
        return int(labels.encode([label])[0])
    except InvalidDataError as error:
        raise InvalidParameterError(f"{name}={label!r}: {error}") from error


def two_classes(labels: LabelCodec, y: IntArray, source: object, target: object, focus: object) -> tuple[int, int]:
    """Codes of source and target.

    Parameters
    ----------
    labels : LabelCodec
    y : ndarray of shape (n,), int64
        Codes of all images.
    source, target : label or None
        As given to the estimator. None is the most frequent class, and the rarest.
    focus : label or None
        The target, as given to `fit`.

    Raises
    ------
    InvalidDataError
        If there is one class only, or one of the two has less than 2 images.
    InvalidParameterError
        If a label is unknown, or they contradict one another.
    """
    counts = np.bincount(y, minlength=len(labels.classes_)).astype(np.int64)
    if len(counts) < 2:
        (only,) = np.asarray(labels.classes_).tolist()
        raise InvalidDataError(f"y has 1 class only ({only!r}); a translation needs images of two classes")
    from_code, to_code = code_of(labels, "source", source), code_of(labels, "target", target)
    wanted = code_of(labels, "focus", focus)
    if wanted is not None and to_code not in (None, wanted):
        raise InvalidParameterError(
            f"focus={focus!r} and target={target!r} are two classes; leave target=None to train for either"
        )
    to_code = to_code if wanted is None else wanted
    if to_code is None:
        to_code = _found(counts, np.argmin, but=from_code)
    if from_code is None:
        from_code = _found(counts, np.argmax, but=to_code)
    names = np.asarray(labels.classes_).tolist()
    if from_code == to_code:
        raise InvalidParameterError(
            f"source and target are one class, {names[to_code]!r}; name two, or leave one of them None"
        )
    for name, code in (("source", from_code), ("target", to_code)):
        if counts[code] < 2:
            raise InvalidDataError(
                f"the {name} class {names[code]!r} has {counts[code]} image; what is typical of it cannot "
                "be learnt from one, give at least 2 (20 or more for anything but that one look)"
            )
    return from_code, to_code


def _found(counts: IntArray, pick: Callable[[Any], Any], but: int | None) -> int:
    """The class that ``pick`` takes by its count, out of all but one."""
    codes = np.array([code for code in range(len(counts)) if code != but])
    return int(codes[pick(counts[codes])])
