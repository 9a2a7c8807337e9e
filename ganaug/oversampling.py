"""The sampler of imbalanced-learn that trains a GAN for each minority class."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from imblearn.over_sampling.base import BaseOverSampler
from sklearn.base import BaseEstimator, clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from ganaug.encoding.containers import (
    check_lengths,
    check_rows,
    column_names,
    concatenate,
    modality_of,
    n_columns,
    n_rows,
    of_unequal_length,
)
from ganaug.encoding.large_tables import (
    SelectedRows,
    all_rows,
    checked_folder,
    labelled_rows,
    row_files,
    select_in_memory,
    selected_of,
    split_target,
)
from ganaug.encoding.row_sources import AnyRows, ArrowTable, BatchedRows, open_rows
from ganaug.encoding.sample_arrays import looks_like_image
from ganaug.encoding.table_checks import check_names
from ganaug.estimators import ImageGAN, SeriesGAN, SmoothedBootstrap, TabularGAN
from ganaug.estimators.strategy import (
    TargetCodec,
    barely_begun,
    new_rows,
    train_one,
    unpacked,
    warn_of_few_rows,
    warn_of_training,
)
from ganaug.exceptions import DataWarning, GanaugWarning, InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.filtering.forest import MANY_CLASSES
from ganaug.filtering.rows import AUTO, TakenAnyway, check_rules
from ganaug.rules import Rules
from ganaug.runtime.compute import run_tasks, side_by_side
from ganaug.runtime.interrupts import main_thread_interrupts
from ganaug.utils import types
from ganaug.utils.determinism import Seed, child_seed, isolated, root_seed, warn
from ganaug.utils.types import IntArray

__all__ = ["GANOversampler"]

SCOPES = (AUTO, "per-class", "shared")
# So many classes get a GAN each where the scope is left open; more share one.
MOST_APART = 3
# Rows that are drawn at once; more are drawn and written in parts.
AT_ONCE = 131_072

# What X holds -> estimator that is trained when none is given.
MODALITIES: dict[str, type[BaseEstimator]] = {"table": TabularGAN, "image": ImageGAN, "series": SeriesGAN}


class GANOversampler(BaseOverSampler):
    """Over-sample minority classes with rows from class-conditional GANs.

    Parameters
    ----------
    sampling_strategy : float, str, dict or callable, default="auto"
        Exactly as in imbalanced-learn. "auto" or "not majority" brings every
        class to the size of the largest, "minority" the smallest one only; a
        float (two classes) is the wanted ratio of minority to majority; a dict
        gives the wanted total of each class; a callable makes that dict from y.
    generator : estimator, optional
        What is cloned and trained: a `TabularGAN` with other parameters, or
        anything with ``fit(X, y)`` and ``sample(n, label=..., random_state=...)
        -> (X, y)``. Its ``max_steps`` and ``max_time`` hold for each training, of which "per-class" has one for each
        class that needs samples. None goes by the data: `TabularGAN` for 2-D, `ImageGAN` for 3-D uint8 (n, H, W)
        and 4-D, `SeriesGAN` for other 3-D (n, channels, length) and for 5-D.
    scope : {"auto", "per-class", "shared"}, default="auto"
        "per-class" trains one GAN for each class that needs samples, on this
        class against all others, so that the plentiful rows teach the shape of
        the data. "shared" trains one GAN on all classes, in hardly more time than one class takes.
        "auto" is "per-class" where up to three classes need samples, and "shared" where more do (of a generator of your
        own, more than 50). With "per-class" a `GanaugWarning` says what more than 50 cost. A generator of your own
        is trained for each class, by "per-class", if its ``fit`` has a parameter ``focus``, else it is shared. One
        that has a ``scope`` itself is trained by that: `ImageGAN` and `SeriesGAN` are shared unless told otherwise.
    min_class_size : int, default=12
        A class of fewer rows gets a `SmoothedBootstrap` instead of a GAN, and a
        `FewSamplesWarning`: on so few rows a GAN learns them by heart or not at all.
    curate : "auto", bool or list of str, default="auto"
        What the generators refuse, as in `TabularGAN`. "auto" leaves a generator that was given a ``curate`` of its
        own as it is, and has all others refuse everything that can be. Of tables, rows that look like an "other_class"
        are then thinned out, the more gently the more the classes overlap (``min_probability="auto"`` of `TabularGAN`),
        which helps a classifier and moves the class a little. Rows that are like their class, and no more, have
        ``curate=("copies", "outliers", "rules")``.
    n_jobs : int, optional
        Classes trained at the same time; as in joblib, whose
        ``parallel_config`` also chooses threads, dask or ray. The result does
        not depend on it.
    random_state : int, RandomState, Generator or None, default=None
        An integer makes the result repeat on the same machine. None takes the
        generator's own, if it has one. Each class trains with a seed derived from it; where neither is given, a
        generator with a ``checkpoint`` continues with the seed in that file.
    verbose : bool or "auto", default="auto"
        Progress bars, if ``generator`` is None. "auto" shows them on a terminal
        and in notebooks, unless classes train side by side.

    Attributes
    ----------
    sampling_strategy_ : dict
        Label to number of new rows.
    generators_ : dict
        Label to fitted generator, for each class that needed samples.
    is_synthetic_ : ndarray of shape (n_samples_new,), bool
        Which of the rows returned last by ``fit_resample`` are synthetic.
    rules_ : Rules
        The rules of the table that synthetic rows keep, of the generators that have any.
    curation_ : dict
        Label to counts of candidates drawn, kept and refused, of the last draw.
    classes_ : ndarray
        Labels.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Notes
    -----
    A pickle or deep copy holds no trace of a single training row, as those of its generators, but for a class of fewer
    than ``min_class_size`` rows: its `SmoothedBootstrap` is its rows.

    Balancing moves the decision threshold and unsettles predicted
    probabilities, whatever makes the rows. Compare with class weights and with
    a moved threshold before believing that it helped.

    Examples
    --------
    >>> from collections import Counter
    >>> from sklearn.datasets import make_classification
    >>> from ganaug import GANOversampler, TabularGAN
    >>> X, y = make_classification(n_samples=300, weights=[0.8], random_state=0)
    >>> sampler = GANOversampler(generator=TabularGAN(max_steps=20), random_state=0)
    >>> X_res, y_res = sampler.fit_resample(X, y)
    >>> counts = Counter(y_res.tolist())
    >>> counts[0] == counts[1]
    True
    >>> int(sampler.is_synthetic_.sum()) == len(X_res) - 300
    True
    """

    def __init__(
        self,
        *,
        sampling_strategy: object = "auto",
        generator: object = None,
        scope: str = AUTO,
        min_class_size: int = 12,
        curate: bool | str | Iterable[str] = "auto",
        n_jobs: int | None = None,
        random_state: Seed = None,
        verbose: bool | str = "auto",
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.generator = generator
        self.scope = scope
        self.min_class_size = min_class_size
        self.curate = curate
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags

    @isolated
    def fit(self, X: object, y: object) -> GANOversampler:
        """Train the generators, without resampling.

        Parameters
        ----------
        X, y
            As in `fit_resample`. Of rows that are read batch by batch, no more are held in memory than are learnt
            from; `write` then balances them.

        Returns
        -------
        self
        """
        with _all_or_nothing(self), self._read(X, y) as (X, y):
            self._train(X, y)
        return self

    @isolated
    def fit_resample(self, X: object, y: Any) -> tuple[Any, Any]:
        """Train the generators and add synthetic rows until the classes have the sizes wanted.

        Parameters
        ----------
        X : DataFrame, array, sparse matrix, tensor or list of shape (n_samples, n_features) or (n_samples, ...)
            Real rows, images or series; series of unequal length as a list of arrays, (channels, steps) or (steps,)
            each. Not changed. Tables may also be rows that are read batch by batch: a pyarrow Dataset or
            RecordBatchReader, a dask or polars frame, the path of a Parquet or CSV file or of a folder of such files
            (folders named ``name=value`` are columns), an iterator of DataFrames or record batches. They are put in
            memory here, but neither in `fit` nor in `write`.
        y : array-like of shape (n_samples,), or str
            Labels, or a one-vs-all indicator matrix of shape (n_samples, n_classes); or the name of the column that
            holds the labels, of a DataFrame or of rows that are read batch by batch.

        Returns
        -------
        X_resampled : same container, columns and dtypes as ``X`` (a DataFrame, of rows that are read batch by batch)
            The original rows, untouched and in their order, then the synthetic
            ones, class by class. A DataFrame's index starts again at 0, as
            everywhere in imbalanced-learn.
        y_resampled : same container and dtype as ``y``
            Their labels.

        Raises
        ------
        InvalidParameterError, InvalidDataError, InvalidTypeError
            Naming the parameter, column or class, and what to do. The sampler
            is then as it was before.

        Warns
        -----
        DataWarning
            If 3-D data that are not of 8 bits look like grey images; without a ``generator`` they are series.
        FewSamplesWarning
            For each class that was too small for a GAN.
        TrainingWarning
            For each class whose training diverged, collapsed or was interrupted, and if rows are returned that break a
            rule of the table.
        """
        with _all_or_nothing(self), self._read(X, y) as (X, y):
            codes = self._train(X, y)
            if isinstance(X, BatchedRows):
                X, y = all_rows(X, y)
            codes = self._target.codes(y) if codes is None else codes
            rows, new_codes = self._draw(self._missing(), child_seed(self._seed, "resample"))
            self.is_synthetic_ = np.arange(len(codes) + len(new_codes)) >= len(codes)
            return concatenate([X, *rows]), self._target.decode(np.concatenate([codes, new_codes]))

    @isolated
    def sample(
        self,
        n: int | Mapping[Any, int] = 1,
        label: object = None,
        random_state: Seed = None,
        where: Mapping[Any, Any] | None = None,
    ) -> tuple[Any, Any]:
        """Draw more synthetic rows, at any ratio, without training again.

        Parameters
        ----------
        n : int or dict of label to int, default=1
            How many; a dict says how many of each label.
        label : optional
            The class of all ``n``; may be left out where only one class has a generator.
        random_state : int, RandomState, Generator or None, default=None
            An integer gives the same rows each time; None goes on from the sampler's own stream.
        where : dict of column to condition, optional
            Only rows that meet all of these, as in `TabularGAN.sample`; the generator must have the parameter.

        Returns
        -------
        X, y
            Synthetic rows only, in the containers of ``fit``.

        Raises
        ------
        InvalidParameterError, InvalidDataError
            For a label without a generator, a negative count, a generator that knows no ``where``, and conditions that
            no row, or too few rows, can meet.
        """
        check_is_fitted(self, "generators_")
        counts = self._asked(n, label)
        conditions = {} if where is None else {"where": where}
        for one in counts if conditions else ():
            generator = self.generators_[one]
            if "where" not in inspect.signature(generator.sample).parameters:
                raise InvalidParameterError(
                    f"where is given, but {type(generator).__name__}.sample, which draws class {one!r}, has no such "
                    "parameter; leave where out and pick from the rows, or use a generator that has it, as TabularGAN"
                )
        if random_state is None:
            seed = child_seed(self._seed, "sample", self._n_draws)
            self._n_draws += 1
        else:
            seed = root_seed(random_state)
        rows, codes = self._draw(counts, seed, **conditions)
        return concatenate(rows), self._target.decode(codes)

    @isolated
    def write(
        self, rows: AnyRows, path: str | os.PathLike[str], *, rows_per_file: int = 1_000_000, mark: str | None = None
    ) -> Path:
        """Write real and synthetic rows to a folder of Parquet files, holding neither in memory.

        What is written, read back, is what ``fit_resample(rows, y)`` returns with the same ``random_state``: the real
        rows in their order, then the synthetic ones class by class, as many as ``sampling_strategy`` asked for. A
        category whose levels are numbers comes back as numbers, as from a Parquet file of pandas.

        Parameters
        ----------
        rows : DataFrame, pyarrow Dataset or RecordBatchReader, path, iterator, dask or polars frame
            The rows that were given to `fit`, the column of the labels among them. A reader or iterator that `fit` has
            read is used up: give a new one.
        path : str or path-like
            Of a folder that is not there yet; it appears when all is written, or not at all. Its files are
            ``part-000000.parquet`` and so on, whose names are in the order of the rows.
        rows_per_file : int, default=1_000_000
            Rows of each file but the last.
        mark : str, optional
            Name of a further column, the last one, that is True in synthetic rows.

        Returns
        -------
        Path
            Of the folder.

        Raises
        ------
        InvalidParameterError, InvalidDataError, InvalidTypeError
            If the folder is there already or lies where ``rows`` are read, the mark is a column, or the rows are not
            those of `fit`.
        ModelPathError
            If nothing can be written there.

        Examples
        --------
        >>> import tempfile
        >>> import pandas as pd
        >>> from sklearn.datasets import make_classification
        >>> from ganaug import GANOversampler, TabularGAN
        >>> X, y = make_classification(n_samples=300, weights=[0.8], random_state=0)
        >>> rows = pd.DataFrame(X).add_prefix("x").assign(fraud=y)
        >>> sampler = GANOversampler(generator=TabularGAN(max_steps=20), random_state=0).fit(rows, "fraud")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found = pd.read_parquet(sampler.write(rows, f"{folder}/balanced", mark="synthetic"))
        >>> bool(found.fraud.mean() == 0.5), list(found.columns[-2:])
        (True, ['fraud', 'synthetic'])
        """
        check_is_fitted(self, "generators_")
        rows_per_file = types.integer("rows_per_file", rows_per_file, 1)
        if mark is not None and not (isinstance(mark, str) and mark):
            raise InvalidParameterError(f"mark={mark!r} must be the name of a new column, or None")
        folder, target = checked_folder(path, rows), self._target_name
        with open_rows(rows) as found:
            if not isinstance(target, str) or target not in found.columns:
                raise InvalidDataError(
                    f"{found.name} has no column of the labels ({target!r} in fit); give fit the name of that column, "
                    "as in fit(rows, 'target'), and write the same rows"
                )
            features = [name for name in found.columns if name != target]
            check_names(
                pd.Index(list(self._columns())), pd.Index(features), self.n_features_in_, len(features), "write"
            )
            with row_files(folder, found, rows_per_file, mark) as files:
                counts = np.zeros(len(self.classes_), np.int64)
                for table in found.batches():
                    counts += self._class_counts(found, table, target)
                    files.write(table, synthetic=False)
                self._check_counts(counts, found.name)
                for label, new in self._chunks(self._missing(), child_seed(self._seed, "resample")):
                    codes = np.full(n_rows(new), self._target.code(label), np.int64)
                    frame = new if isinstance(new, pd.DataFrame) else pd.DataFrame(new, columns=pd.Index(features))
                    columns = {str(name): frame[name] for name in frame}
                    files.write_frame({**columns, target: pd.Series(self._target.decode(codes))})
        return folder

    def _class_counts(self, rows: BatchedRows, table: ArrowTable, target: str) -> IntArray:
        """Rows of each class in a part of the rows to write; labels that `fit` has not seen are refused."""
        try:
            codes = self._target.codes(rows.frame(table.select([target]))[target])
        except InvalidDataError as error:
            raise InvalidDataError(
                f"rows: column {target!r} of {rows.name}: {error}; write the rows that were given to fit, or fit again"
            ) from error
        return np.bincount(codes, minlength=len(self.classes_))

    def _check_counts(self, counts: IntArray, name: str) -> None:
        """Refuse rows that are not as many of each class as `fit` has seen."""
        for (label, known), count in zip(self._target.sizes_.items(), counts.tolist(), strict=True):
            if count != known:
                raise InvalidDataError(
                    f"rows: {name} has {count} rows of class {label!r}, while fit had {known}, so that the classes "
                    "would not get the sizes wanted; write the rows that were given to fit, or fit again"
                )

    def _columns(self) -> Iterable[object]:
        return getattr(self, "feature_names_in_", range(self.n_features_in_))

    @property
    def rules_(self) -> Rules:
        """The rules of the table that synthetic rows keep, of the generators that have any.

        Raises
        ------
        AttributeError
            Where no generator has rules: of images, of series, and of other makers.
        """
        check_is_fitted(self, "generators_")
        for generator in self.generators_.values():
            if hasattr(generator, "rules_"):
                found: Rules = generator.rules_
                return found
        why = (
            "none of the generators has rules"
            if self.generators_
            else "no class needs rows, so that nothing is trained"
        )
        raise AttributeError(f"this {type(self).__name__} has no rules_: {why}")

    def _fit_resample(self, X: object, y: object) -> tuple[Any, Any]:  # BaseOverSampler asks for it
        return self.fit_resample(X, y)

    # ---- training ----------------------------------------------------------------------------

    @contextmanager
    def _read(self, X: object, y: object) -> Iterator[tuple[Any, Any]]:
        """Rows and labels: as they are, split from a DataFrame, or rows that are open and the column's name."""
        if isinstance(X, pd.DataFrame) and isinstance(y, str):
            yield split_target(X, y)
        elif isinstance(X, SelectedRows) or not labelled_rows(X, y):
            yield X, y
        elif y is None:
            raise InvalidDataError(
                "y is None, while X is read batch by batch; give the name of the column of X that holds the labels, as "
                "in fit(rows, 'target')"
            )
        else:
            with open_rows(X) as rows:
                yield rows, y

    def _train(self, X: object, y: Any) -> IntArray | None:
        """Set every fitted attribute but what a draw sets, and return the codes of a y that is in memory."""
        smallest = self._check_parameters()
        prototype = self._prototype(X)
        own_seed = getattr(prototype, "random_state", None)
        if not isinstance(X, (BatchedRows, SelectedRows)):
            check_rows(X)
            check_lengths(X, y)
        seed, self._n_draws = root_seed(own_seed if self.random_state is None else self.random_state), 0
        self._seed, self._target = seed, TargetCodec()
        selects = hasattr(type(prototype), "prepare") and prototype._selects_rows(X)
        selected: SelectedRows | None = X if isinstance(X, SelectedRows) else None
        if isinstance(X, BatchedRows):
            selected = selected_of(X, y, lambda: child_seed(seed, "rows"))
        if selected is not None:
            vector, codes = self._target.fit_some(selected.y, selected.places, selected.counts), None
            X, labels = selected.X, self._target.classes_[self._target.codes(selected.y)]
        else:
            vector, codes = self._target.fit(y)
            labels = self._target.classes_[codes]
            if selects:
                selected = select_in_memory(X, vector, codes, lambda: child_seed(seed, "rows"))
        self._target_name = getattr(vector, "name", None)
        self.classes_, sizes = self._target.classes_, self._target.sizes_
        self.sampling_strategy_ = new_rows(self.sampling_strategy, self._target, codes)

        # Prepared even where no class needs a GAN: bad data is refused whatever the counts.
        data = (X, vector) if selected is None or not selects else (selected, None)
        prepared = self._seeded(prototype, None).prepare(*data) if hasattr(type(prototype), "prepare") else None
        n_features, names = n_columns(X), column_names(X)
        if prepared is not None and of_unequal_length(X) is not None:
            n_features = prepared.codec.n_features_  # of the longest
        if prepared is not None:
            del X, data, selected, vector  # what was read of a table that is not in memory takes room
        wanted = [label for label, n in self.sampling_strategy_.items() if n > 0]
        large = [label for label in wanted if sizes[label] >= smallest]
        self.generators_ = self._trained(prototype, prepared or (data[0], labels), large) if large else {}
        for label in wanted:
            if label in large and not barely_begun(self.generators_[label]):
                continue
            prepared = prepared or self._seeded(SmoothedBootstrap(), None).prepare(*data)
            bootstrap = self._seeded(SmoothedBootstrap(), label)
            self.generators_[label] = bootstrap.fit_prepared(prepared, focus=label)
            if label not in large:
                warn_of_few_rows(label, sizes[label], smallest, prepared.codec)
        self.generators_ = {label: self.generators_[label] for label in wanted}
        self.n_features_in_ = n_features
        for stale in ("feature_names_in_", "is_synthetic_", "curation_"):
            self.__dict__.pop(stale, None)
        if names is not None:
            self.feature_names_in_ = np.asarray(names, dtype=object)
        return codes

    def _check_parameters(self) -> int:
        """Hold the parameters to what they may be; returned is the smallest class that gets a GAN."""
        types.choice("scope", self.scope, SCOPES)
        smallest = types.integer("min_class_size", self.min_class_size, 2)
        if self.curate != AUTO:
            check_rules(self.curate)
        return smallest

    def _trained(self, prototype: Any, data: object, labels: list[Any]) -> dict[Any, Any]:
        """A GAN for each label, or one for all of them."""
        # Without a focus every training would be the same, so there is one.
        takes_focus = hasattr(type(prototype), "prepare") or "focus" in inspect.signature(prototype.fit).parameters
        scope = getattr(prototype, "scope", self.scope)  # the generator knows best what its data needs
        if scope == AUTO:
            most = MOST_APART if hasattr(type(prototype), "prepare") else MANY_CLASSES
            scope = "shared" if len(labels) > most else "per-class"
        elif scope == "per-class" and takes_focus and len(labels) > MANY_CLASSES:
            warn(
                f"{len(labels)} classes need rows, and each of them trains a GAN of its own, which takes {len(labels)} "
                'times as long as one and as much memory for each; scope="shared" trains one for all',
                GanaugWarning,
            )
        if scope == "per-class" and takes_focus:
            tasks = [(self._seeded(prototype, label), data, label, f"class {label!r}") for label in labels]
        else:
            tasks = [(self._seeded(prototype, None), data, None, "all classes")]
        if side_by_side(len(tasks), self.n_jobs):
            for generator, *_ in tasks:
                if getattr(generator, "verbose", None) == "auto":
                    generator.set_params(verbose=False)  # bars of several trainings would overwrite one another
        with main_thread_interrupts():
            results = [unpacked(result) for result in run_tasks(train_one, tasks, self.n_jobs)]
        for (_, _, label, title), generator in zip(tasks, results, strict=True):
            warn_of_training(title, generator)
            if label is None:
                return dict.fromkeys(labels, generator)
        return dict(zip(labels, results, strict=True))

    def _prototype(self, X: Any) -> Any:
        """What is cloned and trained."""
        given = self.generator
        if given is None:
            modality = modality_of(X)
            shape = tuple(getattr(X, "shape", ()))
            if modality == "series" and len(shape) == 3 and looks_like_image(*shape[1:]):
                warn(
                    f"X of shape {shape} and dtype {X.dtype} is taken for series (n, channels, length), and "
                    "SeriesGAN is trained; if it holds grey images (n, H, W), give generator=ImageGAN(), and if not, "
                    "generator=SeriesGAN()",
                    DataWarning,
                )
            return MODALITIES[modality](verbose=self.verbose)
        if isinstance(given, type):
            raise InvalidTypeError(f"generator={given.__name__} is a class; write generator={given.__name__}()")
        if not (hasattr(given, "fit") and hasattr(given, "sample")):
            raise InvalidTypeError(
                f"generator={given!r} must have fit(X, y) and sample(n, label=..., random_state=...), "
                "as for example TabularGAN()"
            )
        return given

    def _seeded(self, prototype: Any, label: object) -> Any:
        """A clone of the prototype with a seed of its own, if it takes one: by its label, or for all (None)."""
        own = clone(prototype, safe=False)
        parameters = own.get_params(deep=False) if hasattr(own, "get_params") else {}
        # The seed of a training that goes on is in its checkpoint; a new one in its place would be refused.
        unasked = self.random_state is None and parameters.get("random_state", 0) is None
        if "random_state" in parameters and not (unasked and parameters.get("checkpoint") is not None):
            own.set_params(random_state=self._child(self._seed, label))
        if hasattr(own, "get_params") and "curate" in own.get_params(deep=False):
            own.set_params(curate=self._curate(own))
        return own

    def _curate(self, generator: Any) -> Any:
        """What a generator is to refuse."""
        if self.curate != AUTO:
            return self.curate
        usual = inspect.signature(type(generator).__init__).parameters["curate"].default
        own = generator.curate
        same = own is usual or (isinstance(own, (list, tuple)) and set(own) == set(usual))
        return True if same else own

    def _child(self, seed: int, label: object) -> int:
        """A seed for what belongs to a label, of the 31 bits that any library takes."""
        code = -1 if label is None else self._target.code(label)
        return child_seed(seed, "class", code) % 2**31

    # ---- drawing -----------------------------------------------------------------------------

    def _asked(self, n: int | Mapping[Any, int], label: object) -> dict[Any, int]:
        if isinstance(n, Mapping):
            if label is not None:
                raise InvalidParameterError("give either a dict of counts or a label, not both")
            if not n:
                raise InvalidParameterError("n is an empty dict; name at least one label with its count")
            asked = dict(n)
        else:
            if label is None and len(self.generators_) != 1:
                raise InvalidParameterError(f"name a label, or give a dict of counts, for {list(self.generators_)}")
            asked = {next(iter(self.generators_)) if label is None else label: n}
        for one, count in asked.items():
            if one not in self.generators_:
                raise InvalidParameterError(
                    f"label={one!r} has no generator; those trained are {list(self.generators_)}. "
                    "Fit with a sampling_strategy that adds rows to this class."
                )
            types.integer("n" if count is n else f"the count of class {one!r}", count, 0)
        return asked

    def _missing(self) -> dict[Any, int]:
        """How many rows of which label the sampling strategy asks for."""
        return {label: self.sampling_strategy_[label] for label in self.generators_}

    def _draw(self, counts: Mapping[Any, int], seed: int, **conditions: object) -> tuple[list[Any], IntArray]:
        """New rows, class by class, and their codes."""
        parts, codes = [], [np.zeros(0, np.int64)]
        for label, rows in self._chunks(counts, seed, **conditions):
            parts.append(rows)
            codes.append(np.full(n_rows(rows), self._target.code(label), np.int64))
        return parts, np.concatenate(codes)

    def _chunks(self, counts: Mapping[Any, int], seed: int, **conditions: object) -> Iterator[tuple[Any, Any]]:
        """New rows, class by class, of each class `AT_ONCE` at a time."""
        self.curation_: dict[Any, Any] = {}
        with TakenAnyway().telling() as taken:
            for label, n in counts.items():
                generator, own = self.generators_[label], self._child(seed, label)
                for start in range(0, max(n, 1), AT_ONCE):
                    size = min(n - start, AT_ONCE)
                    of_chunk = child_seed(own, "rows from", start) % 2**31 if start else own
                    with taken.gathering():
                        rows, _ = generator.sample(size, label=label, random_state=of_chunk, **conditions)
                    if n_rows(rows) != size:
                        raise InvalidDataError(
                            f"{type(generator).__name__}.sample returned {n_rows(rows)} rows of class {label!r} when "
                            f"asked for {size}; fix the generator"
                        )
                    if label in getattr(generator, "curation_", {}):
                        told = generator.curation_[label]
                        self.curation_[label] = _added(self.curation_[label], told) if start else told
                    yield label, rows


def _added(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Counts of two draws together; None counts what was not looked for."""
    return {name: None if value is None else value + other[name] for name, value in one.items()}


@contextmanager
def _all_or_nothing(sampler: GANOversampler) -> Iterator[None]:
    """Give the sampler its earlier state back if the block raises."""
    before = dict(vars(sampler))
    try:
        yield
    except BaseException:
        sampler.__dict__ = before
        raise
