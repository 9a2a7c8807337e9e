"""Real items first and unchanged, then as many synthetic ones as each class lacks."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from ganaug.datasets.matching import (
    Item,
    check_beside,
    check_modes,
    check_scale,
    first_view,
    label_like,
    match_items,
    probe_item,
)
from ganaug.datasets.synthetic import (
    EpochWatch,
    ItemDataset,
    Schedule,
    SyntheticDataset,
    Transform,
    item_index,
    length_asked_by,
    schedule_of,
)
from ganaug.encoding.targets import class_names_of, label_place, resolve_targets, tell_synthetic
from ganaug.estimators.strategy import TargetCodec, new_rows
from ganaug.exceptions import DataWarning, InvalidParameterError
from ganaug.pools.formats import Array
from ganaug.pools.generators import ClassGenerators
from ganaug.utils import types
from ganaug.utils.determinism import warn
from ganaug.utils.types import FloatArray, IntArray

__all__ = ["BlendedDataset"]

Weights: TypeAlias = npt.NDArray[np.float64]

SPLIT = (
    "random_split (or a splitter of scikit-learn) puts synthetic items of this BlendedDataset into every part: what is "
    "measured there is not the real world. Split the real dataset first, fit the generator on the training part, and "
    "blend into that; or use ganaug.datasets.split_real(blend, fractions), which keeps synthetic items out of all but "
    "the first part"
)


class BlendedDataset(ItemDataset):
    """A real dataset, followed by synthetic items of its rare classes.

    The real items come first, exactly as the real dataset returns them. The synthetic ones follow in the same form:
    they go through the real dataset's own ``transform``, which gets what it expects (a PIL image, a tensor, an array),
    and hold their labels as real items do.

    Works with any map-style dataset of (sample, label) items: `ImageFolder`, `MNIST` and the like, `Subset`,
    `ConcatDataset`, `StackDataset`, `TensorDataset`, those of the datasets library, and your own. Items may hold
    several views of an image, and further entries (`fill`).

    Parameters
    ----------
    real : map-style dataset
        Its items are (sample, label) tuples, lists or dicts, with or without further entries. Not changed.
    generator : fitted generator, or dict of label to fitted generator
        As in `SyntheticDataset`. If it was fitted on a dataset with named classes and the real one has names too,
        classes are matched by name, whatever their numbers; else its labels are the real dataset's targets, or the
        names of its classes.
    sampling_strategy : float, str, dict or callable, default="auto"
        How many synthetic items, as in imbalanced-learn and `GANOversampler`: "auto" brings every class to the size of
        the largest; a dict gives the wanted total of each class, by target or by name.
    transform : callable, None or "auto", default="auto"
        Applied to synthetic samples. "auto" is the transform of the real dataset (or none if the generator was fitted
        on transformed samples). Real items have had theirs.
    target_transform : callable, default=None
        Applied to synthetic labels, after the real dataset's own.
    seed : int, default=0
        Of the synthetic items: each is a pure function of the seed and its index.
    targets : array-like of shape (n,), default=None
        The labels of the real items. None looks in ``.targets``, ``.labels``, ``._labels`` and ``.samples``, and reads
        the items only if they are nowhere else.
    weight : float, default=None
        The loss weight of a synthetic item; a real one has 1.
    return_weight : bool, default=None
        Whether items are (sample, label, weight), the weight as a float32 tensor. None: if a ``weight`` is given.
    schedule : {"constant", "linear", "cosine", "stop"} or callable, default=None
        The share of the synthetic items that are in the dataset, by epoch. "linear" and "cosine" fall from 1 to 0 at
        ``schedule_epochs``, "stop" is 1 until then; a function takes the epoch and returns a share in [0, 1]. The
        classes keep their proportions. None is "constant".
    schedule_epochs : int, default=None
        The epoch from which on a schedule's share is 0.
    fill : dict of int or key to object, default=None
        Further entries of synthetic items, such as an index or a path, by place or key: a value, or a function of the
        item's index.
    check_values : bool, default=True
        Whether to compare the values of synthetic samples with those of some real ones: 0 to 1 does not go with -2 to
        2. If the real dataset's transform ends with a Normalize that the generator's data had not been through,
        synthetic samples go through it; any other difference is an error.
    pool, cache_dir, layout, refresh_every, block_size
        As in `SyntheticDataset`.

    Attributes
    ----------
    targets : ndarray of shape (len(self),)
        Labels of all items of this epoch.
    is_synthetic : ndarray of shape (len(self),), bool
    weights : ndarray of shape (len(self),), float32
        Loss weights.
    classes : list of str
        Names of the classes.
    class_to_idx : dict of str to int
        Name to target; where targets are text, to the place in ``classes``.
    counts : dict of label to int
        Synthetic items of each class, at a share of 1.
    generator
        As given; None in the copies that workers have.
    n_real : int
        Real items; those from here on are synthetic.
    epoch : int
    synthetic : SyntheticDataset
        Where the synthetic samples come from, class by class.

    Raises
    ------
    InvalidParameterError, InvalidDataError, InvalidTypeError
        If the generator is not fitted, has not learnt a class that needs items, or makes samples of other channels,
        sizes, types or scales; if labels are missing; if ``sampling_strategy`` cannot be met. The message says what to
        do.
    ModelPathError
        If the pool cannot be written, for example because the disk is full.

    Warns
    -----
    DataWarning
        If labels are matched by number though generator and dataset number differently many classes; if a schedule
        never moves, because nobody calls `set_epoch`; if `random_split` or scikit-learn splits the blend, which puts
        synthetic items into each part.

    Notes
    -----
    If the length changes with the epoch, a sampler that counted before (`DistributedSampler`, `WeightedRandomSampler`)
    must be made again after `set_epoch`; a DataLoader's own shuffling and `ShareBatchSampler` count again by
    themselves.

    Examples
    --------
    >>> import torch
    >>> from torch.utils.data import DataLoader, TensorDataset
    >>> from ganaug import BlendedDataset, SmoothedBootstrap
    >>> X = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    >>> y = torch.arange(40) // 30
    >>> generator = SmoothedBootstrap(random_state=0).fit(X, y)
    >>> train = BlendedDataset(TensorDataset(X, y), generator)
    >>> len(train), train.counts, int(train.is_synthetic.sum())
    (60, {1: 20}, 20)
    >>> samples, labels = next(iter(DataLoader(train, batch_size=60, shuffle=True)))
    >>> samples.shape, labels.float().mean()
    (torch.Size([60, 3]), tensor(0.5000))
    """

    def __init__(
        self,
        real: Any,
        generator: object,
        sampling_strategy: object = "auto",
        transform: Transform | str | None = "auto",
        target_transform: Transform | None = None,
        seed: int = 0,
        *,
        targets: object = None,
        weight: float | None = None,
        return_weight: bool | None = None,
        schedule: str | Schedule | None = None,
        schedule_epochs: int | None = None,
        pool: bool = True,
        cache_dir: str | os.PathLike[str] | None = None,
        layout: str = "auto",
        refresh_every: int | None = None,
        block_size: int = 64,
        fill: Mapping[Any, object] | None = None,
        check_values: bool = True,
    ) -> None:
        super().__init__(None, target_transform=target_transform)
        self.real, self.generator = real, generator
        self._schedule: Schedule | None = schedule_of(schedule, schedule_epochs)
        self.weight = 1.0 if weight is None else types.number("weight", weight, 0)
        self._weighs = weight is not None if return_weight is None else bool(return_weight)
        tell_synthetic(real)
        labels = resolve_targets(real, targets)
        self.n_real = len(labels)
        self._name_classes(labels)
        self.counts = self._wanted(labels, sampling_strategy)
        generators = ClassGenerators(generator)
        asked = self._asked(generators, labels)
        self.synthetic = SyntheticDataset(
            generators,
            asked,
            seed=seed,
            pool=pool,
            cache_dir=cache_dir,
            layout=layout,
            refresh_every=refresh_every,
            block_size=block_size,
        )
        counts = list(self.counts.values())
        # an order of items that stand class by class, in which the first k hold the classes in their proportions
        place = np.concatenate([(np.arange(n) + 0.5) / n for n in counts] or [np.zeros(0)])
        self._order: IntArray = np.argsort(place, kind="stable")
        self._owner = np.repeat(np.arange(len(counts)), counts)[self._order]
        added = pd.Index(list(self.counts)).to_numpy() if self.counts else labels[:0]
        self._targets: Array = np.concatenate([labels, added.astype(labels.dtype)[self._owner]])
        self._labels = list(self.counts)
        if len(self._order):
            self._match(generators, dict(zip(self.counts, asked, strict=True)), transform, targets, fill, check_values)
        self._weight_of = tuple(torch.tensor(one, dtype=torch.float32, device="cpu") for one in (1.0, self.weight))
        self.epoch = 0
        # in shared memory, so that workers that persist see it change
        self._active = torch.zeros(1, dtype=torch.int64, device="cpu").share_memory_()
        moves = schedule not in (None, "constant") or refresh_every is not None
        self._warned_of_split = False
        self._watch = EpochWatch(self.n_real) if moves and len(self._order) else None
        self._begin(0)

    def __len__(self) -> int:
        asker = length_asked_by()
        if asker == "split" and int(self._active) and not self._warned_of_split:
            self._warned_of_split = True
            warn(SPLIT, DataWarning)
        elif asker == "sampler":
            self.begin_pass()
        return self.n_real + int(self._active)

    def __getitem__(self, index: int) -> Item:
        """An item: the real dataset's own, or a synthetic one like it.

        Parameters
        ----------
        index : int
            Negative numbers count from the end.
        """
        index = self._in_range(item_index(index))
        if self._watch is not None:
            self._watch.see([index])
        item = self.real[index] if index < self.n_real else self._made([index])[0]
        return self._weighed(item, index) if self._weighs else item

    def __getitems__(self, indices: Sequence[int]) -> list[Item]:
        """Several items at once; the real dataset's own ``__getitems__`` is used where it has one."""
        n, length = self.n_real, len(self)
        if indices and not (min(indices) >= 0 and max(indices) < length):
            indices = [self._in_range(index) for index in indices]
        real = [index for index in indices if index < n]
        if self._watch is not None:
            self._watch.see(real)
        several = getattr(self.real, "__getitems__", None)
        found = iter(several(real) if callable(several) and real else [self.real[index] for index in real])
        made = iter(self._made([index for index in indices if index >= n]))
        items = [next(found) if index < n else next(made) for index in indices]
        return [self._weighed(item, at) for item, at in zip(items, indices, strict=True)] if self._weighs else items

    def set_epoch(self, epoch: int) -> None:
        """Tell the epoch that begins: the schedule sets the share of synthetic items, ``refresh_every`` renews them.

        Call it between epochs, in the main process, before iterating over the loader. Persistent workers may go on.

        Parameters
        ----------
        epoch : int
            From 0 on.

        Raises
        ------
        InvalidParameterError
            If the schedule's share is outside [0, 1], or in a copy made by pickling.
        """
        epoch = types.integer("epoch", epoch, 0)
        if self._watch is not None:
            self._watch.stop()  # the caller knows how
        self._begin(epoch)

    def begin_pass(self) -> None:
        """Say that a pass over the dataset begins; samplers do."""
        if self._watch is not None:
            self._watch.begin()

    def get_labels(self) -> Array:
        """`targets`, as samplers ask for them, such as ImbalancedDatasetSampler.

        Returns
        -------
        ndarray of shape (len(self),)
        """
        return self.targets

    def _begin(self, epoch: int) -> None:
        if self._schedule is None:
            raise InvalidParameterError("this BlendedDataset is a copy for a worker; set the epoch in the main process")
        share = types.number(f"the schedule's share in epoch {epoch}", self._schedule(epoch), 0, 1)
        self.synthetic.set_epoch(epoch)
        self._active.fill_(round(share * len(self._order)))
        self.epoch = epoch

    @property
    def targets(self) -> Array:
        """Labels of all items of this epoch."""
        return self._targets[: len(self)]

    @property
    def is_synthetic(self) -> npt.NDArray[np.bool_]:
        """Which items are synthetic."""
        return np.arange(len(self)) >= self.n_real

    @property
    def weights(self) -> FloatArray:
        """Loss weights of the items."""
        return np.where(self.is_synthetic, self.weight, 1.0).astype(np.float32)

    def sample_weights(self, class_balanced: bool = True, synthetic_share: float | None = None) -> Weights:
        """Weights for `torch.utils.data.WeightedRandomSampler`.

        Parameters
        ----------
        class_balanced : bool, default=True
            Whether every class is drawn equally often, else every item.
        synthetic_share : float, default=None
            The share of synthetic items among those drawn, in [0, 1]. None leaves it as it comes.

        Returns
        -------
        ndarray of shape (len(self),)
            They sum to 1.
        """
        weights = np.ones(len(self))
        if class_balanced:
            codes, _ = pd.factorize(self.targets)
            weights = 1.0 / np.bincount(codes)[codes]
        if synthetic_share is not None:
            share = types.number("synthetic_share", synthetic_share, 0, 1)
            synthetic = self.is_synthetic
            if share > 0 and not synthetic.any():
                raise InvalidParameterError(f"synthetic_share={share:g}, but there are no synthetic items")
            for mine, part in ((synthetic, share), (~synthetic, 1 - share)):
                weights[mine] *= part / max(weights[mine].sum(), np.finfo(float).tiny)
        return weights / weights.sum()

    # ---- items -------------------------------------------------------------------------------

    def _made(self, indices: list[int]) -> list[Item]:
        """Synthetic items."""
        if not indices:
            return []
        at = np.array(indices) - self.n_real
        labels = [self._labels[owner] for owner in self._owner[at].tolist()]
        if self.target_transform is not None:
            labels = [self.target_transform(label) for label in labels]
        return self._form(self.synthetic.samples(self._order[at]), labels, indices)

    def _in_range(self, index: int) -> int:
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is out of range: the dataset has {len(self)} items")
        return index if index >= 0 else index + len(self)

    def _weighed(self, item: Item, index: int) -> Item:
        weight = self._weight_of[index >= self.n_real]
        return {**item, "weight": weight} if isinstance(item, Mapping) else (*item, weight)

    def _match(
        self,
        generators: ClassGenerators,
        own: Mapping[Hashable, Hashable],
        transform: Transform | str | None,
        targets: object,
        fill: Mapping[Any, object] | None,
        check_values: bool,
    ) -> None:
        """Make synthetic items like real ones, and see that they are.

        Parameters
        ----------
        generators : ClassGenerators
        own : dict of label to label
            The generators' own labels for those of the real dataset.
        transform, targets, fill, check_values
            As the user gave them.
        """
        labels = self._targets[: self.n_real]
        real = probe_item(self.real, place=None if targets is None else label_place(self.real, labels))
        if transform == "auto":
            modes = map(generators.mode_of, own.values())
            check_modes(real, {mode for mode in modes if mode is not None})
        match_items(self.synthetic, real, transform)
        made = self.synthetic.samples([0])[0]
        if len(real.form.views) == 1 and made is not first_view(made) and real.sample is first_view(real.sample):
            real = real.of_views(len(made))  # the user's transform makes them all
        real.form.fill(fill)
        self._form = real.form
        if self.target_transform is None:
            self._labels = [label_like(real.label, label) for label in self.counts]
        check_beside(self.real, made, real)
        if check_values:
            if generators.is_dict:  # each learnt its own class
                groups = [(generators.profile_of(mine), np.flatnonzero(labels == label)) for label, mine in own.items()]
            else:
                codes, found = pd.factorize(labels)
                known = [generators.own_label(label, self._name_of(label)) is not None for label in found.tolist()]
                profile = generators.profile_of(next(iter(own.values())))
                groups = [(profile, np.flatnonzero(np.array(known)[codes]))]
            check_scale(self.real, self.synthetic, real, transform, groups)
        self.transform = self.synthetic.transform

    # ---- classes -----------------------------------------------------------------------------

    def _name_classes(self, labels: Array) -> None:
        names = class_names_of(self.real, labels)
        found = pd.Index(labels).unique().tolist()
        coded = names is not None and all(isinstance(x, int) and 0 <= x < len(names) for x in found)
        self._names: dict[Hashable, str] = dict(enumerate(names)) if coded and names else {}
        order = sorted(found, key=lambda label: (str(type(label)), label))
        self.classes = list(self._names.values()) or [str(label) for label in order]
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        if not self._names and all(isinstance(label, int) for label in order):
            self.class_to_idx = {str(label): label for label in order}

    def _wanted(self, labels: Array, strategy: object) -> dict[Hashable, int]:
        """New items of each class that needs some."""
        target = TargetCodec()
        _, codes = target.fit(labels)
        if isinstance(strategy, Mapping):
            by_name = {name: label for label, name in self._names.items()} | {label: label for label in target.sizes_}
            strategy = {by_name.get(label, label): n for label, n in strategy.items()}
        return {label: n for label, n in new_rows(strategy, target, codes).items() if n}

    def _name_of(self, label: Hashable) -> str | None:
        return label if isinstance(label, str) else self._names.get(label)

    def _asked(self, generators: ClassGenerators, labels: Array) -> dict[Hashable, int]:
        """The counts by the generator's own labels, which may have other numbers, or be the names of the classes."""
        asked, missing = {}, []
        for label, n in self.counts.items():
            own = generators.own_label(label, self._name_of(label))
            if own is None:
                missing.append(label)
            asked[own] = n
        if missing:
            listed = ", ".join(f"{x!r}" + (f" ({self._names[x]})" if x in self._names else "") for x in missing)
            respell = " (if only their spelling differs, set the dataset's .classes)" if generators.class_names else ""
            raise InvalidParameterError(
                f"{generators.name} cannot make class {listed}, of which sampling_strategy asks for items; the classes "
                f"that it learnt are {generators.described_labels()}{respell}. Fit it on these data, give a dict of "
                "label to generator, or leave the class out with a dict as sampling_strategy"
            )
        self._warn_of_numbers(generators, labels)
        return asked

    def _warn_of_numbers(self, generators: ClassGenerators, labels: Array) -> None:
        """Warn where labels are matched by number, and the numbers do not look like the same ones."""
        if generators.labels is None or generators.is_dict or bool(generators.class_names) == bool(self._names):
            return
        own = {label for label in generators.labels if isinstance(label, int)}
        found: set[Any] = set(self._names) or {x for x in pd.Index(labels).unique().tolist() if isinstance(x, int)}
        if found and (own != found if generators.class_names else not own <= found):
            named = "the generator" if generators.class_names else "the dataset"
            warn(
                f"classes are matched by number, because only {named} knows their names, but the numbers differ: the "
                f"generator's are {generators.described_labels()}, the dataset's {sorted(found)[:20]}. Give the other "
                "one names too (dataset.classes = [...], before the fit for the generator)",
                DataWarning,
            )

    def __getstate__(self) -> dict[str, object]:
        # a schedule may be a lambda, a generator large: workers need neither
        return {**vars(self), "_schedule": None, "generator": None}

    def extra_repr(self) -> str:
        """What VisionDataset's repr shows beside the length."""
        counts = ", ".join(f"{label!r}: {n}" for label, n in self.counts.items())
        return f"Real: {self.n_real} of {type(self.real).__name__}\nSynthetic: {int(self._active)} of {{{counts}}}"
