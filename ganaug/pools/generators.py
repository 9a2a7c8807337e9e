"""Fitted generators as pools see them: which classes they can make, and samples of one class from a seed."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from ganaug.encoding.table_checks import DataProfile, ValueProfile, class_names
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.pools.formats import Label, Sample, Shape, plain_label
from ganaug.utils import types
from ganaug.utils.determinism import numpy_generator

__all__ = ["ClassGenerators", "DrawBlock", "counts_of", "draw_blocks", "generators_of"]

# Labels listed in an error message.
LISTED = 20


@dataclass(frozen=True)
class DrawBlock:
    """A run of items of one label that is drawn in one call, from a seed of its own.

    The position of the label, ``code``, and of the block within it, ``number``, make the seed. Its items are
    ``start:start + size`` of the dataset.
    """

    label: Any
    code: int
    number: int
    start: int
    size: int


def draw_blocks(counts: Mapping[Any, int], size: int) -> Iterator[DrawBlock]:
    """The items of a dataset, label by label, in blocks of at most ``size``."""
    start = 0
    for code, (label, count) in enumerate(counts.items()):
        for number, first in enumerate(range(0, count, size)):
            yield DrawBlock(label, code, number, start + first, min(size, count - first))
        start += count


class ClassGenerators:
    """A fitted generator, or a dict of label to fitted generator.

    Attributes
    ----------
    labels : list or None
        The classes that it can make; None if it was fitted without labels.
    class_names : dict of label to str
        Names of the classes, as far as the generator knows them.
    """

    def __init__(self, generator: object) -> None:
        self.generator: Any = generator
        self.is_dict = isinstance(generator, Mapping)
        self.name = "the dict of generators" if self.is_dict else type(generator).__name__  # in messages
        self.labels: list[Hashable] | None
        self.class_names: dict[Hashable, str] = {}
        self._inner_labels: dict[Hashable, Hashable] = {}  # the label that a generator of a dict has for its key
        if isinstance(generator, Mapping):
            if not generator:
                raise InvalidParameterError("generator is an empty dict; give a fitted generator for each label")
            for label, one in generator.items():
                _check_generator(one, f"generator[{label!r}]")
            self.labels = [_plain(label) for label in generator]
            return
        _check_generator(generator, "generator")
        found = getattr(generator, "generators_", None)  # an over-sampler
        found = getattr(generator, "classes_", None) if found is None else found
        self.labels = None if found is None else [_plain(label) for label in found]
        self.class_names = class_names(generator)

    def can_make(self, label: Hashable) -> bool:
        """Whether it has learnt the label."""
        return self.labels is not None and label in self.labels

    def own_label(self, label: Hashable, name: str | None) -> Hashable:
        """Its label for a class of the real dataset, or None if it has not learnt that class.

        Where the class has a name and the generator knows names too, only they count.
        """
        if name is not None and self.class_names:
            return _label_named(self.class_names, name)
        own = next((own for own in (label, name) if own is not None and self.can_make(own)), None)
        if self.is_dict and own is not None and name is not None and (names := class_names(self.generator[own])):
            self._inner_labels[own] = _label_named(names, name)
            return None if self._inner_labels[own] is None else own
        return own

    def label_of(self, label: Hashable) -> Hashable:
        """A label that is given by itself or by the name of its class."""
        if not isinstance(label, str) or self.can_make(label):
            return label
        named = _label_named(self.class_names, label)
        return label if named is None else named

    def described_labels(self) -> str:
        """Its labels, for an error message."""
        if self.labels is None:
            return "none, for it was fitted without labels"
        names = self.class_names
        listed = [f"{label!r} ({names[label]})" if label in names else repr(label) for label in self.labels[:LISTED]]
        return ", ".join(listed) + (", ..." if len(self.labels) > LISTED else "")

    def counts(self, asked: object, seed: int) -> dict[Hashable, int]:
        """How many items of which label, in the order of the items.

        A number is divided among the labels at random from ``seed``, by their training frequencies, as ``sample`` does.
        """
        if isinstance(asked, Mapping):
            asked = {self.label_of(_plain(label)): n for label, n in asked.items()}
            wanted = {label: types.integer(f"the count of {label!r}", n, 0) for label, n in asked.items()}
            strange = [label for label, n in wanted.items() if n and not self.can_make(label)]
            if strange:
                raise InvalidParameterError(
                    f"{self.name} cannot make {', '.join(map(repr, strange[:LISTED]))}: the classes that it learnt are "
                    f"{self.described_labels()}. Fit it on these data, leave the class out of the counts, or give a "
                    "dict of label to generator"
                )
            return wanted
        total = types.integer("n_or_counts", asked, 0)
        if self.labels is None:
            return {None: total}
        frequencies = getattr(self.generator, "class_counts_", None)
        if frequencies is None:
            raise InvalidParameterError(
                f"{self.name} does not know how frequent its classes are; give a dict of label to number"
            )
        shares = np.asarray(frequencies, np.float64)
        sampled = getattr(getattr(self.generator, "conditions_", None), "sampled", None)
        if sampled is not None:  # a generator with a class in focus draws no other
            shares = shares * np.isin(np.arange(len(shares)), sampled())
        drawn = numpy_generator(seed, "labels").multinomial(total, shares / shares.sum())
        return dict(zip(self.labels, drawn.tolist(), strict=True))

    def draw(self, label: Hashable, n: int, seed: int) -> Sample:
        """The samples of a label, in the generator's own container; as many as asked, or an error."""
        generator = self._of(label)
        named = {} if label is None else {"label": self._inner_labels.get(label, label)}
        if self.is_dict and getattr(generator, "classes_", label) is None:
            named = {}  # fitted on the rows of this label alone
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
                "fix the generator"
            )
        return samples

    def profile_of(self, label: Hashable) -> ValueProfile | None:
        """The values of the samples that the generator of a label was fitted on, if it knows them."""
        generator = self._of(label)
        profile = getattr(generator, "data_profile_", None)
        if profile is None and isinstance(getattr(generator, "generators_", None), Mapping):  # of an over-sampler
            profile = getattr(generator.generators_.get(label), "data_profile_", None)
        return profile.values if isinstance(profile, DataProfile) else None

    def shape_of(self, label: Hashable) -> Shape | None:
        """The shape of a sample as the networks see it, channels first, if the generator knows it."""
        shape = getattr(getattr(self._of(label), "codec_", None), "shape", None)
        return None if shape is None else tuple(shape)

    def mode_of(self, label: Hashable) -> str | None:
        """PIL's mode of the images that the generator of a label was fitted on, if they were PIL images."""
        mode = getattr(getattr(self._of(label), "codec_", None), "mode", None)
        return mode if isinstance(mode, str) else None

    def _of(self, label: Hashable) -> Any:
        return self.generator[label] if self.is_dict else self.generator


# ---- pools of images: every class, unless some are asked for ---------------------------------------


def generators_of(generator: object, labels: Sequence[object] | None) -> dict[Label, Any]:
    """Label to the generator that draws it, for the labels asked for or, by default, all that can be drawn."""
    each: Any = getattr(generator, "generators_", generator)  # those of an over-sampler
    is_dict = isinstance(each, Mapping)
    for one in each.values() if is_dict else [generator]:
        if isinstance(one, type) or not callable(getattr(one, "sample", None)):
            raise InvalidTypeError(
                f"{one!r} has no sample(n, label=..., random_state=...); give a fitted generator, or a dict of "
                "label to generator"
            )
    known: Any = each if is_dict else getattr(generator, "classes_", None)
    if known is not None and not is_dict and hasattr(generator, "conditions_"):
        known = [known[code] for code in generator.conditions_.sampled()]  # with a class in focus, it draws no other
    known = labels if known is None else known
    if known is None:
        raise InvalidDataError(
            f"the {type(generator).__name__} knows no classes: it is not fitted, or was fitted without labels; "
            "fit(X, y), or give labels= if it can sample them"
        )
    found = {plain_label(label): each[label] if is_dict else generator for label in known}
    asked = list(found) if labels is None else [plain_label(label) for label in labels]
    strange = [label for label in asked if label not in found]
    if strange or not asked:
        what = f"class {strange[0]!r}" if strange else "no class at all"
        raise InvalidParameterError(f"labels= asks for {what}; the generator makes {list(found)}")
    return {label: found[label] for label in asked}


def counts_of(n: int | Mapping[Any, int], labels: list[Label]) -> dict[Label, int]:
    """Images of each class, checked: ``n`` of all ``labels``, or as a dict says."""
    counts = {plain_label(k): v for k, v in n.items()} if isinstance(n, Mapping) else dict.fromkeys(labels, n)
    for label, count in counts.items():
        if label not in labels:
            raise InvalidParameterError(f"n asks for class {label!r}; the generator makes {labels}")
        if not isinstance(count, (int, np.integer)) or isinstance(count, bool) or count < 1:
            raise InvalidParameterError(f"n={count!r} for class {label!r} must be an integer of at least 1")
    if not counts:
        raise InvalidParameterError("n={} asks for no class at all")
    return {label: int(count) for label, count in counts.items()}


# ---- checks ----------------------------------------------------------------------------------------


def _label_named(names: Mapping[Hashable, str], name: str) -> Hashable:
    return next((label for label, own in names.items() if own == name), None)


def _plain(label: Hashable) -> Any:
    return label.item() if hasattr(label, "item") else label


def _check_generator(generator: object, name: str) -> None:
    if isinstance(generator, type):
        raise InvalidTypeError(f"{name}={generator.__name__} is a class; write {generator.__name__}() and fit it")
    if not callable(getattr(generator, "sample", None)):
        raise InvalidTypeError(
            f"{name} is a {type(generator).__name__}, which has no sample(n, label=..., random_state=...); "
            "give a fitted generator, for example ImageGAN().fit(train_set) or ganaug.load(path), or a dict of label "
            "to generator"
        )
    if hasattr(generator, "__sklearn_is_fitted__") or hasattr(generator, "get_params"):
        try:
            check_is_fitted(generator)
        except NotFittedError as error:
            raise _not_fitted(generator, name) from error


def _not_fitted(generator: object, name: str) -> InvalidParameterError:
    kind = type(generator).__name__
    return InvalidParameterError(
        f"{name} is a {kind} that is not fitted; call its fit first, or ganaug.balance(dataset, {kind}(...)), "
        "which fits and blends"
    )
