"""Drawing translations: from which images, and which of them are good enough."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch

from ganaug.curation import Tally
from ganaug.cycle import shifted
from ganaug.devices import resolve_device
from ganaug.estimators.flips import FlipCheck
from ganaug.estimators.sampling import SamplingMixin
from ganaug.estimators.translation_classes import code_of
from ganaug.exceptions import InvalidDataError, InvalidParameterError, TrainingWarning
from ganaug.networks.translation import Translators, cycle_players
from ganaug.seeding import child_seed, numpy_generator
from ganaug.surroundings import own_surroundings, warn
from ganaug.threads import Team, machine_threads, one_thread, team
from ganaug.types import FloatArray

__all__ = ["TranslationSampling", "accepted", "side_by_side", "wandering"]

Images = npt.NDArray[Any]
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

    @own_surroundings
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

    @own_surroundings
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

    def _drawn(self, code: int, n: int, seed: int) -> tuple[Any, Tally]:
        sources = self._sources
        if n == 0:
            return self._empty(), Tally(rejected={"other_class": 0})
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
) -> tuple[Images, Tally]:
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
    tally : Tally
    """
    tally = Tally(rejected={"other_class": 0})
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
