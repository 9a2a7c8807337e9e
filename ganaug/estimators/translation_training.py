"""Translation between two classes: who is translated into what, training and drawing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from ganaug.callbacks import ProgressBar
from ganaug.encoding import LabelCodec
from ganaug.estimators.sampling import SamplingMixin
from ganaug.exceptions import InvalidDataError, InvalidParameterError, ModelFileError, TrainingWarning
from ganaug.filtering import FilterCounts
from ganaug.metrics.fidelity import energy_quality, mean_distance
from ganaug.networks.translation import PatchDiscriminator, Translators, cycle_players, patch_halvings
from ganaug.objectives import Objective
from ganaug.runtime.devices import resolve_device
from ganaug.runtime.interrupts import main_thread_interrupts
from ganaug.runtime.threads import Team, machine_threads, one_thread, team
from ganaug.training.cyclegan import CycleTrainConfig, CycleTrainState, shifted, train_cycle
from ganaug.training.loop import Event, Watcher, cosine_decay
from ganaug.training.optimizer import FlatAdam
from ganaug.training.snapshots import stop_when_diverged
from ganaug.utils.isolation import isolated, warn
from ganaug.utils.seeding import child_seed, numpy_generator
from ganaug.utils.state import expect
from ganaug.utils.types import FloatArray, IntArray

__all__ = [
    "FlipCheck",
    "Translated",
    "TranslationSampling",
    "accepted",
    "code_of",
    "judged",
    "play",
    "side_by_side",
    "two_classes",
    "wandering",
]

# --------------------------------------------------------------------------------------
# Between which two classes to translate.


def code_of(labels: LabelCodec, name: str, label: Any) -> int | None:
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


def two_classes(labels: LabelCodec, y: IntArray, source: Any, target: Any, focus: Any) -> tuple[int, int]:
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
        raise InvalidDataError(
            f"y has 1 class only ({labels.classes_[0]!r}); a translation needs images of two classes"
        )
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
    if from_code == to_code:
        raise InvalidParameterError(
            f"source and target are one class, {labels.classes_[to_code]!r}; name two, or leave one of them None"
        )
    for name, code in (("source", from_code), ("target", to_code)):
        if counts[code] < 2:
            raise InvalidDataError(
                f"the {name} class {labels.classes_[code]!r} has {counts[code]} image; what is typical of it cannot "
                "be learnt from one, give at least 2 (20 or more for anything but that one look)"
            )
    return from_code, to_code


def _found(counts: IntArray, pick: Callable[[Any], Any], but: int | None) -> int:
    """The class that ``pick`` takes by its count, out of all but one."""
    codes = np.array([code for code in range(len(counts)) if code != but])
    return int(codes[pick(counts[codes])])


# --------------------------------------------------------------------------------------
# The label-flip check: whether a translation has arrived in the class that it was meant for.


Decode = Callable[[Tensor], Tensor]

# Enough for two classes of small images, and a few seconds.
STEPS, BATCH, RATE = 200, 32, 2e-3
WIDTH = 16
# Shifts and noise, in shares of the sides and of the range: a few dozen images must not be learnt by heart.
SHIFT, NOISE = 0.1, 0.1
AT_ONCE = 256


class FlipCheck:
    """A small convolutional classifier of target against source, trained on real images of both, as many of each.

    It has the shape of a discriminator, whose logits it averages, but never sees a translation: what fools the
    discriminator did not learn to fool this one.

    Parameters
    ----------
    shape : tuple of int
        (C, H, W) of the images.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.weights_: dict[str, FloatArray] = {}

    def fit(
        self, source: npt.NDArray[Any], target: npt.NDArray[Any], load: Decode, seed: int, device: torch.device
    ) -> FlipCheck:
        """Learn the two classes.

        Parameters
        ----------
        source, target : ndarray of shape (n, C, H, W)
            Stored images.
        load : callable
            From stored images to the network's, as `batches.Table.load`.
        seed : int
        device : torch.device

        Returns
        -------
        self
        """
        network = self._network(torch.Generator().manual_seed(child_seed(seed, "networks"))).to(device)
        rng = torch.Generator(device).manual_seed(child_seed(seed, "training"))
        optimizer = FlatAdam(network, RATE, (0.9, 0.99))
        classes = [torch.from_numpy(images).to(device) for images in (source, target)]
        truth = torch.tensor([0.0, 1.0], dtype=torch.float32, device=device).repeat_interleave(BATCH)
        for step in range(STEPS):
            rows = [torch.randint(len(images), (BATCH,), device=device, generator=rng) for images in classes]
            x = load(torch.cat([images[at] for images, at in zip(classes, rows, strict=True)]))
            x = shifted(x, SHIFT, rng)
            x = x + NOISE * torch.empty_like(x).normal_(generator=rng)
            loss = F.binary_cross_entropy_with_logits(network(x).mean(1), truth)
            optimizer.step(loss, cosine_decay(step / STEPS, 0.5))
        self._keep({k: v.detach().cpu().numpy().copy() for k, v in network.state_dict().items()})
        return self

    @torch.inference_mode()
    def probabilities(self, images: npt.NDArray[Any], load: Decode, device: torch.device) -> FloatArray:
        """How likely each stored image is of the target class, were both as frequent. (n, C, H, W) -> (n,)."""
        network = self._placed(device)
        parts = [torch.from_numpy(images[at : at + AT_ONCE]).to(device) for at in range(0, len(images), AT_ONCE)]
        found = [network(load(part)).mean(1).sigmoid().cpu().numpy() for part in parts]
        return np.concatenate([np.zeros(0, np.float32), *found])

    def _keep(self, weights: dict[str, FloatArray]) -> None:
        self.weights_ = weights
        self.__dict__.pop("_cache", None)

    def _placed(self, device: torch.device) -> PatchDiscriminator:
        cached = self.__dict__.get("_cache")
        if cached is None or cached[0] != device:
            network = self._network(torch.Generator().manual_seed(0))
            network.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in self.weights_.items()})
            self._cache = cached = (device, network.to(device).eval().requires_grad_(False))
        placed: PatchDiscriminator = cached[1]
        return placed

    def _network(self, rng: torch.Generator) -> PatchDiscriminator:
        return PatchDiscriminator(self.shape[0], rng, width=WIDTH, halvings=patch_halvings(self.shape))

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "_cache"}

    def get_state(self) -> dict[str, FloatArray]:
        """The weights, for `from_state`."""
        return dict(self.weights_)

    @classmethod
    def from_state(cls, arrays: Mapping[str, FloatArray], shape: tuple[int, ...]) -> FlipCheck:
        """The check that has these weights.

        Raises
        ------
        ModelFileError
            If they are not those of a check of such images.
        """
        check = cls(shape)
        wanted = check._network(torch.Generator().manual_seed(0)).state_dict()
        if set(wanted) != set(arrays):
            raise ModelFileError(f"weights of the check missing or left over: {sorted(set(wanted) ^ set(arrays))[:5]}")
        for name, value in wanted.items():
            if not math.isfinite(float(np.abs(expect(arrays, name, tuple(value.shape), np.float32)).sum())):
                raise ModelFileError(f"weights {name!r} of the check are not finite")
        check._keep(dict(arrays))
        return check


# --------------------------------------------------------------------------------------
# What surrounds the two-sided game: looking at translations while it is played.


Images = npt.NDArray[Any]
Measure = Callable[[Translators], dict[str, float]]

# Images of each class by which translations are looked at during the training.
JUDGED = 64

_ADVICE = {
    "diverged": (
        "the training diverged at step {step}; the translators of step {kept} were kept. Lower learning_rate or "
        "raise penalty."
    ),
    "interrupted": "interrupted at step {step}; the translators of that step were kept.",
}


@dataclass(frozen=True)
class Translated:
    """What a game leaves behind."""

    history: list[dict[str, float]]
    stop_reason: str
    quality: float
    accepted: float
    warning: str | None


def judged(
    images: Sequence[Images],
    codec: Any,
    check: FlipCheck | None,
    min_probability: float,
    device: torch.device,
    seed: int,
) -> Measure:
    """A function that looks at a few translations: "quality", "diversity", and "accepted" where there is a check.

    Parameters
    ----------
    images : sequence of two ndarray (n, C, H, W)
        Stored images of source and target.
    """
    rng = numpy_generator(seed)
    source, target = (torch.from_numpy(rng.permutation(x)[:JUDGED]).to(device) for x in images)
    real = codec.to_network(target).flatten(1)
    spread = mean_distance(real)

    @torch.inference_mode()
    def measure(translators: Translators) -> dict[str, float]:
        fake = translators.to_target(codec.to_network(source))
        seen = {
            "quality": energy_quality(real, fake.flatten(1), real_spread=spread),
            "diversity": mean_distance(fake.flatten(1)) / spread if spread > 0 else 1.0,
        }
        if check is not None and bool(torch.isfinite(fake).all()):
            likely = check.probabilities(codec.from_network(fake), codec.to_network, device)
            seen["accepted"] = float((likely >= min_probability).mean())
        return seen

    return measure


class LastLook:
    """Look at the translations now and then, and remember the translators that were looked at last.

    The last ones are kept and not the best: no number of a few translations tells a finished texture from a
    silhouette. What is remembered is for a training that diverges.
    """

    def __init__(self, measure: Measure, train_state: CycleTrainState) -> None:
        self.measure, self.train_state = measure, train_state
        self.seen: dict[str, float] = {}
        self.look()

    def __call__(self, event: Event) -> str | None:
        """Add what is seen to the event's record."""
        if event.looks:
            event.record.update(self.look())
        return None

    def look(self) -> dict[str, float]:
        """Measure the averaged translators."""
        self.seen = self.measure(self.train_state.average)
        self.step, self.weights = self.train_state.step, self.train_state.average_flat.clone()
        return self.seen


def play(
    train_state: CycleTrainState,
    sources: Iterator[Tensor],
    targets: Iterator[Tensor],
    objective: Objective,
    plan: CycleTrainConfig,
    *,
    measure: Measure,
    callbacks: Iterable[Watcher],
    title: str | None,
    rng: torch.Generator,
) -> Translated:
    """Train, watch, and leave the averaged translators in ``train_state.average``; as `fitting.play` does."""
    last = LastLook(measure, train_state)
    bar = ProgressBar(title) if title is not None else None
    with main_thread_interrupts() as interrupt:

        def stop_when_interrupted(event: Event) -> str | None:
            return "interrupted" if interrupt.requested else None

        shown: list[Watcher] = [*callbacks, *([bar] if bar else [])]
        try:
            history, reason = train_cycle(
                train_state,
                sources,
                targets,
                objective,
                plan,
                [stop_when_diverged, _unless_diverged(last), stop_when_interrupted, *shown],
                rng,
            )
        finally:
            if bar is not None:
                bar.close()
    if reason == "diverged":
        train_state.average_flat.copy_(last.weights)
    elif "quality" not in history[-1]:  # it ended between two looks
        history[-1].update(last.look())
    advice = _ADVICE.get(reason)
    warning = advice and advice.format(step=train_state.step, kept=last.step)
    return Translated(history, reason, last.seen["quality"], last.seen.get("accepted", math.nan), warning)


def _unless_diverged(watch: Watcher) -> Watcher:
    """Nothing of a diverged network should be measured, and all watchers are called."""
    return lambda event: watch(event) if stop_when_diverged(event) is None else None


# --------------------------------------------------------------------------------------
# Drawing translations: from which images, and which of them are good enough.


Translate = Callable[[Images], Images]

# Translations made for each one wanted before refused ones are taken.
TRIES = 10
# How far an image is shifted that was translated before, in shares of its sides.
SECOND_TIME = 0.1
# Values in one pass of a network, and the most images.
VALUES_AT_ONCE, IMAGES_AT_ONCE = 2**20, 64


class TranslationSampling(SamplingMixin):
    """What a fitted translator does: take sources, translate, sample."""

    design_: dict[str, int]
    weights_: dict[str, FloatArray]
    check_: FlipCheck | None
    source_: Any
    target_: Any
    max_steps: int
    min_probability: float
    device: Any
    _source_code: int
    _sources: Images | None

    @isolated
    def set_sources(self, X: Any, y: Any = None) -> Self:
        """Give the images to sample from, after loading or instead of those of `fit`.

        Parameters
        ----------
        X : images
            As in `fit`: container, layout, dtype and size.
        y : array-like of shape (n,), optional
            Labels, of which only the images of `source_` are taken. Without labels all of X are.

        Returns
        -------
        self

        Raises
        ------
        InvalidDataError
            If there is no image of the source class, or they are unlike those of `fit`.

        Examples
        --------
        >>> import os, tempfile
        >>> import numpy as np
        >>> import ganaug
        >>> X = np.random.default_rng(0).integers(0, 256, size=(40, 8, 8), dtype=np.uint8)
        >>> y = np.arange(40) % 4 == 0
        >>> translator = ganaug.ImageTranslator(max_steps=2, width=4, min_probability=0).fit(X, y)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "translator.safetensors")
        ...     translator.save(path)
        ...     again = ganaug.load(path)
        >>> len(again.set_sources(X, y).sample(5)[0])
        5
        """
        self._check_fitted()
        images = self.codec_.encode(X, owner=type(self).__name__)
        if y is not None:
            codes = self.label_codec_.encode(y)
            if len(codes) != len(images):
                raise InvalidDataError(f"X has {len(images)} images and y has {len(codes)} labels; give as many")
            images = images[codes == self._source_code]
        if len(images) == 0:
            raise InvalidDataError(f"there is no image of the source class {self.source_!r} to translate from")
        self._sources = images
        return self

    @isolated
    def translate(self, images: Any, to: Any = None) -> Any:
        """Translate images, one for one, without a check.

        Parameters
        ----------
        images : images
            As in `fit`: container, layout, dtype and size.
        to : label, optional
            `target_`, the default, or `source_` for the way back.

        Returns
        -------
        images
            In the container, layout, dtype and range of those of `fit`.

        Raises
        ------
        InvalidDataError
            If they are unlike the images of `fit`; it says how.
        InvalidParameterError
            If ``to`` is neither of the two classes.
        """
        self._check_fitted()
        ways = {self._source_code: "to_source", self.conditions_.focus: "to_target"}
        code = self.conditions_.focus if to is None else code_of(self.label_codec_, "to", to)
        if code not in ways:
            raise InvalidParameterError(f"to={to!r} is neither the target {self.target_!r} nor {self.source_!r}")
        encoded = self.codec_.encode(images, owner=type(self).__name__)
        with one_thread(), side_by_side(resolve_device(self.device)) as work:
            return self.codec_.decode(self._way(ways[code], work)(encoded))

    def _drawn(self, code: int, n: int, seed: int) -> tuple[Any, FilterCounts]:
        sources = self._sources
        if n == 0:
            return self._empty(), FilterCounts(rejected={"other_class": 0})
        if sources is None:
            raise InvalidDataError(
                "a saved or copied ImageTranslator holds no images to sample from; hand some of the source class "
                f"{self.source_!r} over first: set_sources(X), or set_sources(X, y) with the labels"
            )
        device, check = resolve_device(self.device), self.check_
        likely = None if check is None else lambda x: check.probabilities(x, self.codec_.to_network, device)
        with one_thread(), side_by_side(device) as work:
            images, tally = accepted(
                self._way("to_target", work), sources, likely, float(self.min_probability), n, child_seed(seed, "draw")
            )
        if tally.taken_anyway:
            warn(
                f"the check took {tally.drawn - tally.rejected['other_class']} of {tally.drawn} translations for "
                f"{self.target_!r}; {tally.taken_anyway} of the {n} images returned are refused ones. Train longer "
                f"(max_steps={self.max_steps}), name a source class that is more like {self.target_!r}, or lower "
                f"min_probability={self.min_probability}.",
                TrainingWarning,
            )
        return images, tally

    def _way(self, name: str, work: Team) -> Translate:
        """Stored images to their translations, one way."""
        device, codec = resolve_device(self.device), self.codec_
        network = getattr(self._networks(device), name)
        most = max(1, min(IMAGES_AT_ONCE, VALUES_AT_ONCE // codec.width))

        @torch.inference_mode()
        def translate_some(batch: Images) -> Images:
            done: Images = codec.from_network(network(codec.to_network(torch.from_numpy(batch).to(device))).cpu())
            return done

        def translate(images: Images) -> Images:
            batches = [images[at : at + most] for at in range(0, len(images), most)]
            return np.concatenate([self._empty(), *work(translate_some, batches)])

        return translate

    def _nothing(self, codec: Any) -> Any:
        return codec.from_network(np.zeros((0, *codec.shape), np.float32))

    def _code(self, label: Any) -> int:
        code = int(self.label_codec_.encode([label])[0])
        if code != self.conditions_.focus:
            raise InvalidDataError(
                f"this translator makes images of class {self.target_!r}, not of {label!r}; fit another one with "
                f"target={label!r}"
            )
        return code

    def _networks(self, device: torch.device) -> Translators:
        """The translators, rebuilt from the weights; built once for each process and device."""
        cached = self.__dict__.get("_translators")
        if cached is None or cached[0] != device:
            translators, _ = cycle_players(self.codec_.shape, torch.Generator().manual_seed(0), **self.design_)
            translators.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in self.weights_.items()})
            self._translators = cached = (device, translators.to(device).eval().requires_grad_(False))
        found: Translators = cached[1]
        return found


def side_by_side(device: torch.device) -> AbstractContextManager[Team]:
    """Who does all whose result must repeat: on a CPU one for each core, each on one thread."""
    return team(machine_threads() if device.type == "cpu" else 1)


def wandering(sources: Images, rng: np.random.Generator) -> Iterator[Images]:
    """Endless source images one at a time (1, C, H, W): each once in random order, then again and again, shifted."""
    turn = 0
    while True:
        moves = torch.Generator().manual_seed(int(rng.integers(2**63)))
        for row in rng.permutation(len(sources)):
            image = sources[row : row + 1]
            yield shifted(torch.from_numpy(image), SECOND_TIME, moves).numpy() if turn else image
        turn += 1


def accepted(
    translate: Translate,
    sources: Images,
    probabilities: Callable[[Images], FloatArray] | None,
    min_probability: float,
    n: int,
    seed: int,
) -> tuple[Images, FilterCounts]:
    """Exactly ``n`` translations, each that the check refuses made anew from another image, at most `TRIES` n times.

    Parameters
    ----------
    translate : callable
        Stored images of the source class to stored images of the target class.
    sources : ndarray (m, C, H, W)
        Stored images of the source class.
    probabilities : callable or None
        Of the target class, for translations; None accepts all.

    Returns
    -------
    images : ndarray (n, C, H, W)
        In the order of drawing. If the tries did not suffice, the likeliest of the refused ones fill up the end.
    tally : FilterCounts
    """
    tally = FilterCounts(rejected={"other_class": 0})
    ways = wandering(sources, numpy_generator(child_seed(seed, "sources")))
    kept: list[Images] = [sources[:0]]
    spare, spare_likely = sources[:0], np.zeros(0, np.float32)
    missing = n
    while missing and tally.drawn < TRIES * n:
        rate = max(tally.kept / tally.drawn, 0.1) if tally.drawn else 1.0
        size = min(math.ceil(1.2 * missing / rate) if tally.drawn else missing, TRIES * n - tally.drawn)
        made = translate(np.concatenate([next(ways) for _ in range(size)]))
        likely = np.ones(len(made), np.float32) if probabilities is None else probabilities(made)
        good = np.flatnonzero(likely >= min_probability)[:missing]
        missing -= len(good)
        if not missing:  # what was drawn beyond the last one needed does not count
            made, likely = made[: good[-1] + 1], likely[: good[-1] + 1]
        refused = np.flatnonzero(likely < min_probability)
        kept.append(made[good])
        tally.drawn += len(made)
        tally.kept += len(good)
        tally.rejected["other_class"] += len(refused)
        spare, spare_likely = np.concatenate([spare, made[refused]]), np.concatenate([spare_likely, likely[refused]])
        best = np.argsort(-spare_likely, kind="stable")[:missing]
        spare, spare_likely = spare[best], spare_likely[best]
    tally.taken_anyway = missing
    tally.kept += missing
    return np.concatenate([*kept, spare[:missing]]), tally
