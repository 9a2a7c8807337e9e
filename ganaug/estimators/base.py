"""What every generator shares: fit, sample, save, load and pickling. Each kind adds its training and its draw."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from multiprocessing.context import get_spawning_popen
from numbers import Integral
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from torch import nn

from ganaug.encoding import LabelCodec
from ganaug.encoding.containers import check_lengths
from ganaug.encoding.large_tables import SelectedRows, labelled_rows, select_in_memory, selected_from, split_target
from ganaug.encoding.on_disk import forget_images, resolve_resumed
from ganaug.encoding.sources import Source, resolve_samples
from ganaug.encoding.table_checks import DataProfile
from ganaug.estimators import saving
from ganaug.estimators.fitting import Conditions, Constraints, Prepared, Seed, TrainResult, profile_of
from ganaug.estimators.modality import to_storage
from ganaug.estimators.where import Where, drawn_where
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError, ModelFileError, TrainingWarning
from ganaug.filtering import FilterCounts, TakenAnyway
from ganaug.utils import types
from ganaug.utils.determinism import child_seed, isolated, numpy_generator, root_seed, warn
from ganaug.utils.state import write_state
from ganaug.utils.types import Array, Arrays, Config, FloatArray, IntArray, State

__all__ = ["BaseGenerator", "Draw", "Request", "SavedGenerator", "checked_callbacks", "checked_verbose"]

Network = TypeVar("Network", bound=nn.Module)
Samples = Array
Request = Mapping[Any, int]
Pair = tuple[Any, Any]  # X and y
Draw = Callable[[int, int, int], tuple[Samples, FilterCounts]]


class BaseGenerator(BaseEstimator, ABC):
    """``fit``, ``sample`` and ``iter_samples`` over three steps: encode, train, draw encoded samples of one class."""

    codec_: Any
    label_codec_: LabelCodec | None
    conditions_: Conditions
    classes_: Array | None
    class_counts_: IntArray
    data_profile_: DataProfile
    random_state: Seed
    _seed: int
    _n_draws: int
    _warning: str | None = None

    # A check for each parameter of the constructor.
    _constraints: ClassVar[Constraints] = {}
    # What an error calls the samples, and how few of them there may be.
    _items: ClassVar[str] = "rows"
    _fewest: ClassVar[int] = 1

    # ---- fit -----------------------------------------------------------------------------------

    @isolated
    def fit(self, X: object, y: object = None, *, focus: object = None) -> Self:
        """Train on real samples.

        Parameters
        ----------
        X : DataFrame, array, sparse matrix or tensor of shape (n_samples, n_features)
            Real rows. Not changed. Images and series: (n_samples, ...), or a list, a torch Dataset, or the path of
            a folder of class folders. Tables: also rows that are read batch by batch and need not fit in memory: a
            pyarrow Dataset or RecordBatchReader, the path of a Parquet or CSV file or of a folder of such files, an
            iterator of DataFrames; with the name of a column as ``y`` also a dask or polars frame. Of a table of more
            than 300,000 rows a selection is learnt from, which keeps the small classes whole.
        y : array-like of shape (n_samples,), or str, optional
            Labels, or the name of the column of X that holds them. None trains without classes, unless X holds them
            itself.
        focus : label, optional
            Condition on this class against all others together, instead of on
            every class. Only this class can be sampled then.

        Returns
        -------
        self

        Raises
        ------
        InvalidParameterError, InvalidDataError, InvalidTypeError
            Naming the parameter, column or class, and what to do.

        Warns
        -----
        TrainingWarning
            If the training diverged, collapsed or was interrupted.
        """
        prepared = self._prepared(X, y, self._decoded_beside)
        self.fit_prepared(prepared, focus=focus)
        decoded = prepared.decoded
        del prepared  # some systems remove no file that is read
        self._finish(decoded)
        return self

    def _finish(self, decoded: Sequence[Path]) -> None:
        """After a training: remove decoded images, and say what went wrong."""
        if decoded and self.stop_reason_ != "interrupted":  # that one may be continued
            forget_images(*decoded)
        if self._warning:
            warn(self._warning, TrainingWarning)

    @isolated
    def prepare(self, X: object, y: object = None) -> Prepared:
        """Fit the codecs and encode the samples, which several trainings can then share.

        Parameters
        ----------
        X, y
            As in `fit`.

        Returns
        -------
        Prepared
        """
        return self._prepared(X, y)

    def _prepared(self, X: object, y: object, beside: Callable[[], Path | None] = lambda: None) -> Prepared:
        """What `prepare` returns; ``beside``: the checkpoint beside which images are decoded, if any."""
        self._check_parameters()
        began = time.perf_counter()
        decoded: tuple[Path, ...] = ()
        mode: str | None = None
        names: Sequence[str] | None = None
        selected = None
        if self._selects_rows(X):
            selected = self._selected(X, y)
            if selected is not None:
                X, y = selected.X, selected.y
            elif isinstance(X, pd.DataFrame) and isinstance(y, str):
                X, y = split_target(X, y)
        if self._takes_datasets():
            X, y, source, file = self._resolved(X, y, beside())
            decoded = () if file is None else (file,)
            mode, names = source.mode, source.classes
        check_lengths(X, y, self._items)
        labels = self._fit_labels(y)
        codes = None if labels is None else labels.encode(y)
        if selected is None and self._selects_rows(X):
            selected = select_in_memory(X, y, codes, self._row_seed)
            if selected is not None:
                X, y = selected.X, selected.y
                codes = None if labels is None else labels.encode(y)
        codec, x = self._fit_encode(X, codes, mode)
        if codes is None:
            codes = np.zeros(len(x), np.int64)
        check_lengths(x, codes, self._items)
        if len(x) < self._fewest:
            raise InvalidDataError(
                f"n_samples={len(x)}: a GAN cannot learn from 1 sample; give at least {self._fewest} rows"
            )
        n_classes = 1 if labels is None else len(labels.classes_)
        sizes = None if selected is None else selected.sizes(codes, n_classes)
        return Prepared(codec, labels, x, codes, names, sizes, decoded, time.perf_counter() - began)

    def _resolved(self, X: object, y: object, beside: Path | None) -> tuple[Any, Any, Source, Path | None]:
        if beside is not None:
            return resolve_resumed(X, y, beside, stored=self._stores_samples())
        return *resolve_samples(X, y, stored=self._stores_samples(), unequal=self._takes_unequal()), None

    def _selected(self, X: object, y: object) -> SelectedRows | None:
        """The rows that are learnt from, where X is read batch by batch, or where they were selected before."""
        if isinstance(X, SelectedRows):
            return X
        if not labelled_rows(X, y):
            return None
        assert y is None or isinstance(y, str)
        return selected_from(X, y, self._row_seed)

    def _row_seed(self) -> int:
        return child_seed(root_seed(self.random_state), "rows")

    def _selects_rows(self, X: object) -> bool:
        """Whether `fit` takes rows from anywhere, and selects those that it learns from: of tables only."""
        return False

    def _takes_datasets(self) -> bool:
        """Whether `fit` also takes torch datasets, folders and lists of samples."""
        return False

    def _stores_samples(self) -> bool:
        """Whether the codec takes many samples that stay in a file."""
        return False

    def _takes_unequal(self) -> bool:
        """Whether `fit` takes lists of series of unequal length."""
        return False

    def _decoded_beside(self) -> Path | None:
        """The checkpoint of a training, if its images may be decoded into a file beside it."""
        return None

    def _fit_labels(self, y: object) -> LabelCodec | None:
        return None if y is None else LabelCodec().fit(y)

    @abstractmethod
    def _fit_encode(self, X: object, codes: IntArray | None, mode: str | None) -> tuple[Any, Samples]:
        """A codec fitted to the samples, and the samples encoded; ``mode`` is PIL's of images read from files."""

    @isolated
    def fit_prepared(self, prepared: Prepared, *, focus: object = None, title: str | None = None) -> Self:
        """Train on prepared data. What `fit` does after encoding; raises no warnings.

        Parameters
        ----------
        prepared : Prepared
            From `prepare`.
        focus : label, optional
            As in `fit`.
        title : str, optional
            Title of the progress bar.

        Returns
        -------
        self
        """
        self._train(prepared, focus, title or type(self).__name__)
        return self

    @abstractmethod
    def _train(self, prepared: Prepared, focus: object, title: str) -> None:
        """Learn from encoded samples and set all that is fitted."""

    def _check_parameters(self) -> dict[str, Any]:
        """Hold the parameters of the constructor to their constraints; returned as the checks convert them."""
        return {name: check(name, getattr(self, name)) for name, check in self._constraints.items()}

    def _keep_data(self, prepared: Prepared, conditions: Conditions, seed: int) -> None:
        """What sampling needs to know of the data, and the start of the stream of samples."""
        self.codec_, self.label_codec_ = prepared.codec, prepared.labels
        self.conditions_ = conditions
        self.classes_ = conditions.classes
        own = np.bincount(prepared.y, minlength=1 if self.classes_ is None else len(self.classes_))
        self.class_counts_ = own if prepared.sizes is None else prepared.sizes
        self._name_features()
        self.data_profile_ = profile_of(prepared)
        self._seed, self._n_draws = seed, 0

    def _name_features(self) -> None:
        self.n_features_in_ = self.codec_.n_features_
        self.__dict__.pop("feature_names_in_", None)
        if self.codec_.feature_names_ is not None:
            self.feature_names_in_ = np.asarray(self.codec_.feature_names_, dtype=object)

    # ---- sample --------------------------------------------------------------------------------

    @abstractmethod
    def _draw(self, code: int, n: int, seed: int) -> tuple[Samples, FilterCounts]:
        """Exactly n encoded samples of a label code, and what became of the candidates."""

    @isolated
    def sample(
        self,
        n: int | Request = 1,
        label: object = None,
        random_state: Seed = None,
        where: Mapping[Any, Any] | None = None,
    ) -> tuple[Any, Any]:
        """Draw synthetic samples.

        Parameters
        ----------
        n : int or dict of label to int, default=1
            How many; a dict says how many of each label, in its order.
        label : optional
            The class of all ``n``. None draws labels by their training
            frequencies (of the class in focus, if there is one).
        random_state : int, RandomState, Generator or None, default=None
            An integer gives the same samples each time. None goes on from the
            estimator's own stream, so that two calls differ.
        where : dict of column to condition, optional
            For tables: only rows that meet all of these. A condition is a value, a list of values, a pair
            ``(low, high)`` of which either may be None, None (missing), or a callable that takes the column as a
            Series and returns a mask. Rows are drawn until enough of them meet it, 500 for each at most.

        Returns
        -------
        X : same container, columns and dtypes as in `fit`, of n rows
            Grouped by class, in the order of `classes_` or of the dict.
        y : labels of the rows, in the container of `fit`'s y; None if fitted without labels

        Raises
        ------
        InvalidParameterError, InvalidDataError
            For a negative count or an unknown label; for a condition that no row can meet, or that too few rows meet,
            with how many meet each.

        Warns
        -----
        TrainingWarning
            If rows are returned that break a rule of the table, or are copies, as hardly any candidate was better.

        Notes
        -----
        `curation_` afterwards tells how many candidates of each label ("all" without labels) were drawn, and how
        many each rule refused; with ``where``, also how many did not meet it.
        """
        return self._sampled(self._orders(n, label, random_state), where, self._draw)

    def _sampled(self, orders: Sequence[tuple[int, int, int]], where: Mapping[Any, Any] | None, draw: Draw) -> Pair:
        """X and y of orders (label code, count, seed), drawn by ``draw(code, count, seed)``."""
        conditions = None if where is None else Where(where, self._fitted_codec())
        counts: dict[Any, dict[str, Any]] = {}
        drawn = []
        with TakenAnyway().telling() as taken:
            for code, count, seed in orders:
                found, counts[self._name(code)] = self._met(draw, code, count, seed, conditions, taken)
                drawn.append((code, found))
        self.curation_ = counts
        rows = [x for _, x in drawn]
        codes = np.concatenate([np.full(len(x), code) for code, x in drawn] or [np.zeros(0)]).astype(np.int64)
        encoded = self._empty() if not rows else rows[0] if len(rows) == 1 else np.concatenate(rows)
        return self.codec_.decode(encoded), self._labels(codes)

    def _met(
        self, draw: Draw, code: int, n: int, seed: int, where: Where | None, taken: TakenAnyway
    ) -> tuple[Any, dict[str, Any]]:
        """Encoded samples of a label code that meet the conditions, if there are any, and what they cost."""
        met: dict[str, int] = {}
        if where is None or n == 0:
            rows, tally = draw(code, n, seed)
        else:
            rows, tally, met["where"] = drawn_where(partial(draw, code), self.codec_.decode, where, n, seed)
        taken.add(n, tally.faults, lambda places: self._broken_rules(rows[places]))
        return rows, tally.row() | met

    def _broken_rules(self, rows: Samples) -> Mapping[str, int]:
        """How many of some encoded samples break each rule of a table."""
        return self.codec_.broken(self.codec_.decode(rows), self.rules_) if hasattr(self, "rules_") else {}

    @isolated
    def iter_samples(
        self,
        n: int | Request,
        label: object = None,
        *,
        chunk_size: int = 65536,
        random_state: Seed = None,
        where: Mapping[Any, Any] | None = None,
    ) -> Iterator[tuple[Any, Any]]:
        """Draw any number of samples in constant memory, a chunk at a time.

        Parameters
        ----------
        n, label, random_state, where
            As in `sample`. The samples are the same for each run with the same
            seed and chunk size, but not those that `sample` returns.
        chunk_size : int, default=65536
            Rows of a chunk; the last one of a class may be smaller.

        Yields
        ------
        X, y
            As `sample` returns them, each chunk of one class.

        Examples
        --------
        >>> import numpy as np
        >>> from ganaug import TabularGAN
        >>> X = np.random.default_rng(0).normal(size=(60, 2))
        >>> gan = TabularGAN(max_steps=5, random_state=0).fit(X)
        >>> [len(chunk) for chunk, _ in gan.iter_samples(25, chunk_size=10)]
        [10, 10, 5]
        """
        chunk_size = types.integer("chunk_size", chunk_size, 1)
        conditions = None if where is None else Where(where, self._fitted_codec())
        orders = self._orders(n, label, random_state)

        @isolated
        def chunks() -> Iterator[tuple[Any, Any]]:
            with TakenAnyway().telling() as taken:
                for code, count, seed in orders:
                    for start in range(0, count, chunk_size):
                        size, own = min(chunk_size, count - start), child_seed(seed, "chunk", start)
                        rows, _ = self._met(self._draw, code, size, own, conditions, taken)
                        yield self.codec_.decode(rows), self._labels(np.full(len(rows), code, np.int64))

        return chunks()

    # ---- from labels to codes and back ---------------------------------------------------------
    def _orders(self, n: int | Request, label: object, random_state: Seed) -> list[tuple[int, int, int]]:
        """What is asked for, checked: (label code, count, seed) for each class."""
        self._check_fitted()
        counts = self._counts(n, label, lambda: seed)
        if random_state is None:
            seed = child_seed(self._seed, "sample", self._n_draws)
            self._n_draws += 1
        else:
            seed = root_seed(random_state)
        return [(code, count, child_seed(seed, "class", code)) for code, count in counts().items()]

    def _counts(self, n: int | Request, label: object, seed: Callable[[], int]) -> Callable[[], dict[int, int]]:
        """Label codes and counts; the draw of labels waits until the seed is known, after all checks."""
        if isinstance(n, Mapping):
            if label is not None:
                raise InvalidParameterError("give either a dict of counts or a label, not both")
            wanted = {self._code(key): _count(value, key) for key, value in n.items()}
            return lambda: wanted
        total = _count(n, label)
        if label is not None:
            one = {self._code(label): total}
            return lambda: one
        codes = self.conditions_.sampled()
        shares = self.class_counts_[codes] / self.class_counts_[codes].sum()

        def frequencies() -> dict[int, int]:
            drawn = numpy_generator(seed(), "labels").multinomial(total, shares)
            return {code: int(count) for code, count in zip(codes, drawn, strict=True) if count}

        return frequencies

    def _code(self, label: object) -> int:
        if self.label_codec_ is None:
            raise InvalidParameterError(f"label={label!r}, but the generator was fitted without labels (y=None)")
        if isinstance(label, (list, set)) or getattr(label, "ndim", 0) > 0:
            raise InvalidParameterError(f"label={label!r} is no single label; for several, let n be a dict of counts")
        code = int(self.label_codec_.encode([label])[0])
        self.conditions_.of_label_code(code)
        return code

    def _name(self, code: int) -> Any:
        if self.classes_ is None:
            return "all"
        label = self.classes_[code]
        return label.item() if isinstance(label, (np.number, np.bool_, np.str_)) else label

    def _labels(self, codes: IntArray) -> object:
        return None if self.label_codec_ is None else self.label_codec_.decode(codes)

    def _fitted_codec(self) -> object:
        self._check_fitted()
        return self.codec_

    def _empty(self) -> Samples:
        """No encoded samples at all."""
        shape = getattr(self.codec_, "shape", (self.codec_.width,))
        return to_storage(self.codec_, np.zeros((0, *shape), np.float32))

    def _check_fitted(self) -> None:
        if not hasattr(self, "conditions_"):
            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with appropriate arguments first."
            )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "conditions_")


def _count(value: object, label: object) -> int:
    if isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 0:
        return int(value)
    what = "n" if label is None else f"the count of class {label!r}"
    raise InvalidParameterError(f"{what} is {value!r}; it must be an integer of at least 0")


class SavedGenerator(BaseGenerator):
    """A generator of networks, of which weights, sizes and history are kept: in memory, pickles and model files.

    Networks are built again from their weights where they are needed, so that all that is fitted is JSON and arrays.
    """

    weights_: dict[str, FloatArray]
    design_: dict[str, Any]
    history_: pd.DataFrame
    n_steps_: int
    stop_reason_: str
    quality_: float
    device: str

    # Fitted attributes that are plain values, with their types.
    _plain: ClassVar[Mapping[str, type]] = {"n_steps_": int, "stop_reason_": str, "_seed": int, "_n_draws": int}
    # Entry of a file's config that holds the code of the class in focus.
    _focus_entry: ClassVar[str] = "focus"
    # Attributes that are made again where they are needed.
    _caches: ClassVar[tuple[str, ...]] = ("_network_cache",)

    def _keep_training(self, result: TrainResult, design: dict[str, Any], weights: dict[str, FloatArray]) -> None:
        self.design_, self.weights_ = design, weights
        self.history_, self._warning = result.history, result.warning
        self.n_steps_, self.stop_reason_ = result.n_steps, result.stop_reason
        for name in self._caches:
            self.__dict__.pop(name, None)

    # ---- networks ------------------------------------------------------------------------------

    @abstractmethod
    def _new_networks(self, seed: int = 0) -> dict[str, nn.Module]:
        """Fresh networks of the sizes in ``design_``, by the names that their weights begin with."""

    def _networks(self, device: torch.device) -> dict[str, nn.Module]:
        """The networks on a device, for inference; built once for each process and device."""
        cached: tuple[torch.device, dict[str, nn.Module]] | None = self.__dict__.get("_network_cache")
        if cached is None or cached[0] != device:
            networks = self._rebuilt(self.weights_)
            for network in networks.values():
                network.to(device).eval().requires_grad_(False)
            self._network_cache = cached = (device, networks)
        return cached[1]

    def _rebuilt(self, weights: Mapping[str, FloatArray]) -> dict[str, nn.Module]:
        there = {name.split(".")[0] for name in weights}  # one that was trained against an encoder has no discriminator
        networks = {name: network for name, network in self._new_networks().items() if name in there}
        load_weights(networks, weights)
        return networks

    # ---- files ---------------------------------------------------------------------------------

    def _write(
        self, path: str | os.PathLike[str], keep_copies_check: bool = False, notes: Config | None = None
    ) -> None:
        """Write the file; ``notes`` are further entries of its config, which `load` passes over."""
        self._check_fitted()
        config, arrays = saving.saved_parts(self, keep_copies_check)
        write_state(path, self._kind_name(), {**config, **(notes or {})}, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a fitted estimator of this class that `save` wrote; `ganaug.load` reads any class.

        Parameters
        ----------
        path : str or path-like
            The file.

        Returns
        -------
        estimator
            Samples and scores as the original did.

        Raises
        ------
        ModelFileError
            As `ganaug.load`; also if the file holds an estimator of another class.
        """
        return saving.load_as(cls, path)

    def _kind_name(self) -> str:
        """What a file says that it holds."""
        return type(self).__name__

    def _saved_parameters(self) -> Config:
        """Constructor parameters as JSON values."""
        plain = saving.plain_values(self.get_params(deep=False))
        # The file is read on other machines: it runs on what is there.
        return plain | {"device": "cpu" if str(self.device) == "cpu" else "auto"}

    @abstractmethod
    def _read_codec(self, config: Config, arrays: Arrays) -> object:
        """The codec of a file."""

    @abstractmethod
    def _check_design(self, design: dict[str, Any]) -> None:
        """Hold the sizes of networks to the same bounds as the parameters of that name."""

    @abstractmethod
    def _own_state(self, keep_copies_check: bool, as_it_is: bool) -> State:
        """Config and arrays of what only this kind of estimator has."""

    @abstractmethod
    def _take_own_state(self, config: Config, arrays: Arrays) -> None:
        """The counterpart of `_own_state`, of a file."""

    def _saved_weights(self, as_it_is: bool) -> dict[str, FloatArray]:
        """The weights that may leave this process, or (``as_it_is``) those that are there."""
        return self.weights_

    def _early_traces(self) -> list[str]:
        """What a file of an earlier format held of single training samples, and a new one does not."""
        return []

    def _try_out(self) -> None:
        """Do a little of everything: what no check of a file saw fails here, and not later in the user's hands."""
        labels = self.label_codec_
        if labels is not None:
            codes = np.arange(len(labels.classes_))
            if not np.array_equal(labels.encode(labels.decode(codes)), codes):
                raise ModelFileError("its labels do not come back as they went in")
        self._counts(1, None, lambda: 0)()  # the shares of the classes

    # ---- pickles and copies --------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        # for a process that this one starts nothing is left out
        return self._published_state() if get_spawning_popen() is None else self._whole_state()

    def _whole_state(self) -> dict[str, Any]:
        """The state with what a pickle leaves out; see `ganaug.runtime.compute`."""
        return self._bare_state()

    def _published_state(self) -> dict[str, Any]:
        """The state that a pickle holds, without traces of single training samples."""
        return self._bare_state()

    def _bare_state(self) -> dict[str, Any]:
        state: dict[str, Any] = {k: v for k, v in super().__getstate__().items() if k not in self._caches}
        if "history_" in state:  # plain arrays, for a pickle of pandas ages and skops refuses it
            state["history_"] = {name: np.asarray(column) for name, column in state["history_"].items()}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "history_" in state:
            state = {**state, "history_": pd.DataFrame(state["history_"])}
        super().__setstate__(state)


def load_weights(networks: Mapping[str, nn.Module], weights: Mapping[str, FloatArray]) -> None:
    """Set the weights of networks, by name of the network and of the weight."""
    for name, network in networks.items():
        own = {k.removeprefix(f"{name}."): v for k, v in weights.items() if k.startswith(f"{name}.")}
        network.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in own.items()})


def arrays_of(networks: Mapping[str, nn.Module]) -> dict[str, FloatArray]:
    """The weights of networks as arrays of their own, on the CPU."""
    return {
        f"{name}.{k}": v.detach().cpu().numpy().copy()
        for name, network in networks.items()
        for k, v in network.state_dict().items()
    }


def to_device(network: Network, device: torch.device) -> Network:
    """A network on a device; kernels of images lie channel by channel, which makes images lie so and is faster."""
    flat = max(p.ndim for p in network.parameters()) == 4
    moved: Network = network.to(device, memory_format=torch.channels_last if flat else None)  # type: ignore[call-overload]
    return moved


def checked_callbacks(name: str, value: object) -> object:
    """A list of callables, or None."""
    if value is not None and not (isinstance(value, Iterable) and all(map(callable, value))):
        raise InvalidTypeError(f"{name} must be a list of callables that take an event")
    return value


def checked_verbose(name: str, value: object) -> object:
    """A switch that may be left to the circumstances."""
    if isinstance(value, (bool, Integral)) or value == "auto":
        return value
    raise InvalidParameterError(f"{name}={value!r} must be True, False or 'auto'")


def checked_random_state(name: str, value: Seed) -> object:
    """What seeds are made of."""
    if not isinstance(value, (np.random.RandomState, np.random.Generator)):
        root_seed(value)  # a generator would be drawn from
    return value


def checked_switch(name: str, value: object) -> bool:
    """True or False."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    raise InvalidParameterError(f"{name}={value!r} must be True or False")
