"""The sampler of imbalanced-learn that trains a GAN for each minority class."""

from __future__ import annotations

import inspect
import warnings
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from imblearn.over_sampling.base import BaseOverSampler
from imblearn.utils import check_sampling_strategy, check_target_type
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_array
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _num_samples, validate_data

from ganaug.codecs import LabelCodec
from ganaug.estimators import SmoothedBootstrap, TabularGAN, options
from ganaug.exceptions import (
    FewSamplesWarning,
    InvalidDataError,
    InvalidParameterError,
    InvalidTypeError,
    TrainingWarning,
)
from ganaug.interrupts import main_thread_interrupts
from ganaug.parallel import run_tasks
from ganaug.seeding import child_seed, root_seed

__all__ = ["GANOversampler"]

SCOPES = ("per-class", "shared")

# Number of dimensions of X -> estimator that is trained when none is given.
MODALITIES: dict[int, type[BaseEstimator]] = {2: TabularGAN}

# An interrupted training that got less far than this made no generator worth having.
USABLE_SHARE = 0.2


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
        -> (X, y)``. None is ``TabularGAN()``.
    scope : {"per-class", "shared"}, default="per-class"
        "per-class" trains one GAN for each class that needs samples, on this
        class against all others, so that the plentiful rows teach the shape of
        the data. "shared" trains one GAN on all classes: faster with many of
        them, less attentive to each.
    min_class_size : int, default=12
        A class of fewer rows gets a `SmoothedBootstrap` instead of a GAN, and a
        `FewSamplesWarning`: on so few rows a GAN learns them by heart or not at all.
    n_jobs : int, optional
        Classes trained at the same time; as in joblib, whose
        ``parallel_config`` also chooses threads, dask or ray. The result does
        not depend on it.
    random_state : int, RandomState, Generator or None, default=None
        An integer makes the result repeat on the same machine.
    verbose : bool or "auto", default="auto"
        Progress bar of each training, if ``generator`` is None: "auto" shows it on a terminal and in
        notebooks. Classes trained side by side show none.

    Attributes
    ----------
    sampling_strategy_ : dict
        Label to number of new rows.
    generators_ : dict
        Label to fitted generator, for each class that needed samples.
    is_synthetic_ : ndarray of shape (n_samples_new,), bool
        Which of the rows returned last by ``fit_resample`` are synthetic.
    curation_ : dict
        Label to counts of candidates drawn, kept and refused, of the last draw.
    classes_ : ndarray
        Labels.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Notes
    -----
    Balancing moves the decision threshold and unsettles predicted
    probabilities, whoever makes the rows. Compare with class weights and with
    a moved threshold before believing that it helped.

    Unlike other samplers of imbalanced-learn, ``fit`` trains.

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
        sampling_strategy: Any = "auto",
        generator: Any = None,
        scope: str = "per-class",
        min_class_size: int = 12,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: bool | str = "auto",
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.generator = generator
        self.scope = scope
        self.min_class_size = min_class_size
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags

    def fit(self, X: Any, y: Any) -> GANOversampler:
        """Train the generators, without resampling.

        Parameters
        ----------
        X : DataFrame, array, sparse matrix, tensor or list of shape (n_samples, n_features)
            Real rows. Not changed.
        y : array-like of shape (n_samples,)
            Labels.

        Returns
        -------
        self
        """
        check_classification_targets(y)
        X, y, _ = self._check_X_y(X, y)
        self.sampling_strategy_ = check_sampling_strategy(self.sampling_strategy, y, self._sampling_type)
        self._train(X, y)
        return self

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Train the generators and add synthetic rows until the classes have the sizes wanted.

        Parameters
        ----------
        X : DataFrame, array, sparse matrix, tensor or list of shape (n_samples, n_features)
            Real rows. Not changed.
        y : array-like of shape (n_samples,)
            Labels, or a one-vs-all indicator matrix of shape (n_samples, n_classes).

        Returns
        -------
        X_resampled : same container, columns and dtypes as ``X``
            The original rows, untouched and in their order, then the synthetic
            ones, class by class. A DataFrame's index starts anew, as
            everywhere in imbalanced-learn.
        y_resampled : same container and dtype as ``y``
            Their labels.

        Raises
        ------
        InvalidParameterError, InvalidDataError, ValueError
            Naming the parameter, column or class, and what to do.

        Warns
        -----
        FewSamplesWarning
            For each class that was too small for a GAN.
        TrainingWarning
            For each class whose training diverged, collapsed or was interrupted.
        """
        return super().fit_resample(X, y)

    def sample(self, n: int | Mapping[Any, int] = 1, label: Any = None, random_state: Any = None) -> tuple[Any, Any]:
        """Draw more synthetic rows, at any ratio, without training again.

        Parameters
        ----------
        n : int or dict of label to int, default=1
            How many; a dict says how many of each label.
        label : optional
            The class of all ``n``; may be left out where only one class has a generator.
        random_state : int, RandomState, Generator or None, default=None
            An integer gives the same rows each time; None goes on from the sampler's own stream.

        Returns
        -------
        X, y
            Synthetic rows only, in the containers of ``fit``.

        Raises
        ------
        InvalidParameterError
            For a label without a generator, or a negative count.
        """
        if not hasattr(self, "generators_"):
            raise NotFittedError(f"This {type(self).__name__} instance is not fitted yet. Call 'fit' or 'fit_resample'.")
        counts = self._asked(n, label)
        if random_state is None:
            seed = child_seed(self._seed, "sample", self._n_draws)
            self._n_draws += 1
        else:
            seed = root_seed(random_state)
        if not counts:
            raise InvalidParameterError("n is an empty dict; name at least one label with its count")
        X_new, y_new = self._draw(counts, seed)
        return X_new, self.label_codec_.decode(self.label_codec_.encode(y_new))

    # ---- what imbalanced-learn asks for ------------------------------------------------------

    def _check_X_y(self, X: Any, y: Any) -> tuple[Any, npt.NDArray[Any], bool]:
        self._modality(X)
        if isinstance(X, (list, tuple)):
            X = check_array(X, dtype=None, ensure_all_finite=False)
        if _num_samples(X) < 1:
            raise InvalidDataError("X has 0 rows, while a minimum of 1 is required")
        if isinstance(y, (list, tuple)):
            y = np.asarray(y)
        y, binarize_y = check_target_type(y, indicate_one_vs_all=True)
        y = np.asarray(y)
        if _num_samples(X) != len(y):
            raise InvalidDataError(f"X has {_num_samples(X)} rows and y has {len(y)}; they must be as many")
        validate_data(self, X=X, y=y, reset=True, skip_check_array=True)
        return X, y, binarize_y

    def _fit_resample(self, X: Any, y: npt.NDArray[Any]) -> tuple[Any, npt.NDArray[Any]]:
        self._train(X, y)
        counts = {label: int(n) for label, n in self.sampling_strategy_.items() if n > 0}
        self.is_synthetic_ = np.arange(len(y) + sum(counts.values())) >= len(y)
        if not counts:
            return _copied(X), y.copy()
        X_new, y_new = self._draw(counts, child_seed(self._seed, "resample"))
        return _stacked(X, X_new), np.concatenate([y, y_new])

    # ---- training ----------------------------------------------------------------------------

    def _modality(self, X: Any) -> type[BaseEstimator]:
        ndim = getattr(X, "ndim", 2)
        if self.generator is None and ndim not in MODALITIES:
            raise InvalidDataError(
                f"X has {ndim} dimensions; without a generator= it must have {' or '.join(map(str, MODALITIES))} "
                "(rows and columns). Reshape your data, for example by X.reshape(len(X), -1)"
            )
        return MODALITIES.get(ndim, TabularGAN)

    def _prototype(self, X: Any) -> Any:
        if self.generator is None:
            return self._modality(X)(verbose=self.verbose)
        if not (hasattr(self.generator, "fit") and hasattr(self.generator, "sample")):
            raise InvalidTypeError(
                f"generator={self.generator!r} must be an estimator with fit(X, y) and sample(n, label=...), "
                "for example TabularGAN()"
            )
        if isinstance(self.generator, type):
            raise InvalidTypeError(f"generator must be an instance: write generator={self.generator.__name__}()")
        return self.generator

    def _train(self, X: Any, y: npt.NDArray[Any]) -> None:
        options.choice("scope", self.scope, SCOPES)
        smallest = options.integer("min_class_size", self.min_class_size, 2)
        prototype = self._prototype(X)
        self._seed, self._n_draws = root_seed(self.random_state), 0
        self.label_codec_ = LabelCodec().fit(y)
        self.classes_ = self.label_codec_.classes_
        rows = Counter(self.label_codec_.encode(y).tolist())
        wanted = {
            label: int(self.label_codec_.encode([label])[0]) for label, n in self.sampling_strategy_.items() if n > 0
        }
        small = {label: code for label, code in wanted.items() if rows[code] < smallest}
        large = {label: code for label, code in wanted.items() if rows[code] >= smallest}

        prepared = None
        shared = self.scope == "shared"
        if large and hasattr(prototype, "prepare"):
            prepared = self._seeded(prototype, "data").prepare(X, y)
        jobs = [("shared", None)] if shared and large else [(f"class {label!r}", label) for label in large]
        tasks = [
            (self._seeded(prototype, 0 if label is None else large[label]), X, y, prepared, label, title)
            for title, label in jobs
        ]
        with main_thread_interrupts():
            trained = run_tasks(_trained, tasks, self.n_jobs)
        self.generators_ = dict.fromkeys(large, trained[0]) if shared and large else dict(zip(large, trained, strict=True))
        for generator in trained:
            if getattr(generator, "_warning", None):
                titles = [f"class {label!r}" for label, g in self.generators_.items() if g is generator]
                warnings.warn(f"{', '.join(titles)}: {generator._warning}", TrainingWarning, stacklevel=4)
        for label, code in large.items():
            if _barely_begun(self.generators_[label]):
                self.generators_[label] = self._bootstrap(X, y, label, code)
                warnings.warn(
                    f"class {label!r}: the training was interrupted before it was of use; "
                    "a smoothed bootstrap stands in for the GAN",
                    TrainingWarning,
                    stacklevel=4,
                )
        for label, code in small.items():
            self.generators_[label] = self._bootstrap(X, y, label, code)
            warnings.warn(
                f"class {label!r} has {rows[code]} row{'s' * (rows[code] > 1)}, fewer than min_class_size={smallest}: "
                "its new rows are a smoothed bootstrap of the real ones, not made by a GAN. "
                "Collect more rows, or lower min_class_size.",
                FewSamplesWarning,
                stacklevel=4,
            )
        self.generators_ = {label: self.generators_[label] for label in wanted}

    def _seeded(self, prototype: Any, key: int | str) -> Any:
        """A clone of the prototype with a seed of its own, if it takes one."""
        own = clone(prototype)
        if "random_state" in own.get_params(deep=False):
            own.set_params(random_state=child_seed(self._seed, "class", key) % 2**31)
        return own

    def _bootstrap(self, X: Any, y: npt.NDArray[Any], label: Any, code: int) -> Any:
        return self._seeded(SmoothedBootstrap(), code).fit(X, y, focus=label)

    # ---- drawing -----------------------------------------------------------------------------

    def _asked(self, n: Any, label: Any) -> dict[Any, int]:
        if isinstance(n, Mapping):
            if label is not None:
                raise InvalidParameterError("give either a dict of counts or a label, not both")
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
            options.integer(f"the count of class {one!r}", count, 0)
        return asked

    def _draw(self, counts: Mapping[Any, int], seed: int) -> tuple[Any, npt.NDArray[Any]]:
        """New rows and their labels, class by class."""
        parts, labels = [], []
        self.curation_: dict[Any, Any] = {}
        for label, n in counts.items():
            generator = self.generators_[label]
            own_seed = child_seed(seed, "class", int(self.label_codec_.encode([label])[0])) % 2**31
            rows, _ = generator.sample(n, label=label, random_state=own_seed)
            parts.append(rows)
            labels.append(np.full(n, label, dtype=self.classes_.dtype))
            self.curation_ |= getattr(generator, "curation_", {})
        stacked = parts[0]
        for part in parts[1:]:
            stacked = _stacked(stacked, part)
        return stacked, np.concatenate(labels)


def _trained(generator: Any, X: Any, y: Any, prepared: Any, label: Any, title: str) -> Any:
    """Train one generator: for a label against the rest, or (None) for all classes."""
    if prepared is not None:
        return generator.fit_prepared(prepared, focus=label, title=title)
    if label is not None and "focus" in inspect.signature(generator.fit).parameters:
        return generator.fit(X, y, focus=label)
    return generator.fit(X, y)


def _barely_begun(generator: Any) -> bool:
    if getattr(generator, "stop_reason_", None) != "interrupted":
        return False
    return bool(generator.n_steps_ < USABLE_SHARE * generator.max_steps)


def _stacked(first: Any, second: Any) -> Any:
    """Rows of two containers of one kind, with the dtypes of the first."""
    if sparse.issparse(first):
        return type(first)(sparse.vstack([first, second], format=first.format), dtype=first.dtype)
    if hasattr(first, "iloc"):
        import pandas as pd

        return pd.concat([first, second], ignore_index=True).astype(first.dtypes)
    if hasattr(first, "detach"):
        import torch

        return torch.cat([first, second])
    return np.concatenate([first, second])


def _copied(X: Any) -> Any:
    return X.clone() if hasattr(X, "detach") else X.copy()
