"""Generators as datasets see them: which labels they can make, and a piece of samples from a seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from ganaug.encoding.profiles import DataProfile, ValueProfile, class_names
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.utils import validation
from ganaug.utils.seeding import numpy_generator

__all__ = ["Piece", "Source", "pieces_of"]

# Labels listed in an error message.
LISTED = 20


@dataclass(frozen=True)
class Piece:
    """A run of items of one label that is drawn in one call, from a seed of its own.

    Attributes
    ----------
    label : object
        Of all its items.
    code, number : int
        The place of the label, and of the piece within it: they make its seed.
    start, size : int
        Its items are ``start:start + size`` of the dataset.
    """

    label: Any
    code: int
    number: int
    start: int
    size: int


def pieces_of(counts: Mapping[Any, int], size: int) -> Iterator[Piece]:
    """The items of a dataset, label by label, in pieces of at most ``size``."""
    start = 0
    for code, (label, count) in enumerate(counts.items()):
        for number, first in enumerate(range(0, count, size)):
            yield Piece(label, code, number, start + first, min(size, count - first))
        start += count


class Source:
    """A fitted generator, or one for each label.

    Parameters
    ----------
    generator : object with ``sample``, or dict of label to such an object

    Attributes
    ----------
    labels : list or None
        What it can make; None if it was fitted without labels.
    class_names : dict of label to str
        What its classes are called, as far as it was told when it was fitted.

    Raises
    ------
    InvalidTypeError
        If it cannot sample.
    InvalidParameterError
        If it is not fitted.
    """

    def __init__(self, generator: Any) -> None:
        self.generator = generator
        if isinstance(generator, Mapping):
            if not generator:
                raise InvalidParameterError("generator is an empty dict; give a fitted generator for each label")
            for label, one in generator.items():
                _check_generator(one, f"generator[{label!r}]")
            self.labels: list[Any] | None = [_plain(label) for label in generator]
            self.class_names: dict[Any, str] = {}
        else:
            _check_generator(generator, "generator")
            self.labels = _labels_of(generator)
            self.class_names = class_names(generator)
        self._inner: dict[Any, Any] = {}  # the label that a generator of a dict has for its key

    @property
    def name(self) -> str:
        """As messages say it."""
        return "the dict of generators" if isinstance(self.generator, Mapping) else type(self.generator).__name__

    def can_make(self, label: Any) -> bool:
        """Whether the label is one of those it learnt."""
        return self.labels is not None and label in self.labels

    def own_label(self, label: Any, name: str | None) -> Any:
        """Its label for a class of the real dataset, or None if it has not learnt that class.

        Parameters
        ----------
        label : object
            As the real dataset's items carry it.
        name : str or None
            The name of the class, if it has one. Where the generator knows names too, only they count.
        """
        if isinstance(self.generator, Mapping):
            key = next((key for key in (label, name) if self.can_make(key)), None)
            names = {} if key is None else class_names(self.generator[key])
            if names and name is not None:
                self._inner[key] = _named(names, name)
                key = None if self._inner[key] is None else key
            return key
        if self.class_names and name is not None:
            return _named(self.class_names, name)
        return next((own for own in (label, name) if own is not None and self.can_make(own)), None)

    def called(self, label: Any) -> Any:
        """A label, given by itself or by the name of its class."""
        named = _named(self.class_names, label) if isinstance(label, str) and not self.can_make(label) else None
        return label if named is None else named

    def profile_of(self, label: Any) -> ValueProfile | None:
        """The values of the samples that the generator of a label was fitted on, if it tells."""
        generator = self.generator[label] if isinstance(self.generator, Mapping) else self.generator
        profile = getattr(generator, "data_profile_", None)
        if profile is None and isinstance(getattr(generator, "generators_", None), Mapping):  # of an over-sampler
            profile = getattr(generator.generators_.get(label), "data_profile_", None)
        return profile.values if isinstance(profile, DataProfile) else None

    def known(self) -> str:
        """Its labels, for an error message."""
        if self.labels is None:
            return "none, for it was fitted without labels"
        listed = ", ".join(_shown(label, self.class_names.get(label)) for label in self.labels[:LISTED])
        return listed + (", ..." if len(self.labels) > LISTED else "")

    def counts(self, asked: Any, seed: int) -> dict[Any, int]:
        """How many of which label, in the order of the items.

        Parameters
        ----------
        asked : int or dict of label to int
            A number is divided among the labels at random by their training frequencies, as ``sample`` does.
        seed : int
            Of that division.

        Raises
        ------
        InvalidParameterError
            For a negative count, an unknown label, or a number where the frequencies are not known.
        """
        if isinstance(asked, Mapping):
            asked = {self.called(_plain(label)): n for label, n in asked.items()}
            wanted = {label: validation.integer(f"the count of {label!r}", n, 0) for label, n in asked.items()}
            self.check_labels(wanted)
            return wanted
        total = validation.integer("n_or_counts", asked, 0)
        if self.labels is None:
            return {None: total}
        shares = self._frequencies()
        drawn = numpy_generator(seed, "labels").multinomial(total, shares)
        return dict(zip(self.labels, drawn.tolist(), strict=True))

    def check_labels(self, wanted: Mapping[Any, int]) -> None:
        """Refuse labels that the generator cannot make."""
        strange = [label for label, n in wanted.items() if n and not self.can_make(label)]
        if strange:
            raise InvalidParameterError(
                f"{self.name} cannot make {', '.join(map(repr, strange[:LISTED]))}: the classes that it learnt are "
                f"{self.known()}. Fit it on these data, leave the class out of the counts, or give a dict of label "
                "to generator"
            )

    def draw(self, label: Any, n: int, seed: int) -> Any:
        """The samples of a label, in the generator's own container.

        Raises
        ------
        InvalidDataError
            If it returns another number of samples.
        InvalidParameterError
            If it lives on a GPU that this process cannot use.
        """
        generator: Any = self.generator
        named = {} if label is None else {"label": label}
        if isinstance(generator, Mapping):
            generator = generator[label]
            if getattr(generator, "classes_", label) is None:
                named = {}  # fitted on the rows of this label alone
            elif label in self._inner:
                named = {"label": self._inner[label]}
        try:
            # 31 bits: any library takes them
            samples, _ = generator.sample(n, **named, random_state=seed % 2**31)
        except NotFittedError as error:
            raise _not_fitted(generator, "generator") from error
        except RuntimeError as error:
            if "re-initialize CUDA" not in str(error):
                raise
            raise InvalidParameterError(
                "a generator on a GPU cannot be called in a forked worker; leave pool=True, so that the main process "
                'calls it, or give the DataLoader multiprocessing_context="spawn"'
            ) from error
        found = samples.shape[0] if hasattr(samples, "shape") else len(samples)
        if found != n:
            raise InvalidDataError(
                f"{type(generator).__name__}.sample returned {found} samples of {label!r} when asked for {n}; "
                "mend the generator"
            )
        return samples

    def shape_of(self, label: Any) -> tuple[int, ...] | None:
        """The shape of a sample as the networks see it, channels first, if the generator tells."""
        generator: Any = self.generator
        generator = generator[label] if isinstance(generator, Mapping) else generator
        shape = getattr(getattr(generator, "codec_", None), "shape", None)
        return None if shape is None else tuple(shape)

    def mode_of(self, label: Any) -> str | None:
        """PIL's mode of the images that the generator of a label was fitted on, if they were such."""
        generator: Any = self.generator
        generator = generator[label] if isinstance(generator, Mapping) else generator
        mode = getattr(getattr(generator, "codec_", None), "mode", None)
        return mode if isinstance(mode, str) else None

    def _frequencies(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        counts = getattr(self.generator, "class_counts_", None)
        if counts is None:
            raise InvalidParameterError(
                f"{self.name} does not know how frequent its classes are; give a dict of label to number"
            )
        counts = np.asarray(counts, np.float64)
        drawn = getattr(getattr(self.generator, "conditions_", None), "sampled", None)
        if drawn is not None:  # a generator with a class in focus draws no other
            counts = counts * np.isin(np.arange(len(counts)), drawn())
        return counts / counts.sum()


def _named(names: Mapping[Any, str], name: str) -> Any:
    return next((label for label, own in names.items() if own == name), None)


def _shown(label: Any, name: str | None) -> str:
    return repr(label) if name is None else f"{label!r} ({name})"


def _labels_of(generator: Any) -> list[Any] | None:
    found = getattr(generator, "generators_", None)  # an over-sampler
    if found is None:
        found = getattr(generator, "classes_", None)
    return None if found is None else [_plain(label) for label in found]


def _plain(label: Any) -> Any:
    return label.item() if hasattr(label, "item") else label


def _check_generator(generator: Any, name: str) -> None:
    if isinstance(generator, type):
        raise InvalidTypeError(f"{name}={generator.__name__} is a class; write {generator.__name__}() and fit it")
    if not callable(getattr(generator, "sample", None)):
        raise InvalidTypeError(
            f"{name} is a {type(generator).__name__}, which has no sample(n, label=..., random_state=...); "
            "give a fitted generator, for example ImageGAN().fit(train_set), or a dict of label to generator"
        )
    if hasattr(generator, "__sklearn_is_fitted__") or hasattr(generator, "get_params"):
        try:
            check_is_fitted(generator)
        except NotFittedError as error:
            raise _not_fitted(generator, name) from error


def _not_fitted(generator: Any, name: str) -> InvalidParameterError:
    kind = type(generator).__name__
    return InvalidParameterError(
        f"{name} is a {kind} that is not fitted; call its fit first, or ganaug.balance(dataset, {kind}(...)), "
        "which fits and blends"
    )
