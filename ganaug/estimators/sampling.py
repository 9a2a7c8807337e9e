"""Sampling and scoring by a fitted generator."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from torch import Tensor

from ganaug.encoding.containers import check_lengths
from ganaug.estimators.fitting import Conditions, Prepared, profile_of
from ganaug.estimators.modality import Modality
from ganaug.estimators.where import Where, drawn_where
from ganaug.exceptions import InvalidParameterError
from ganaug.filtering import FilterCounts
from ganaug.networks import DiscriminatorNetwork
from ganaug.utils import validation
from ganaug.utils.isolation import isolated
from ganaug.utils.seeding import child_seed, numpy_generator, root_seed
from ganaug.utils.types import IntArray

__all__ = ["SamplingMixin", "ScoringMixin"]

# --------------------------------------------------------------------------------------
# Drawing samples: who asks for how many of which class, and what comes back.


Request = Mapping[Any, int]
Samples = tuple[Any, Any]


class SamplingMixin(BaseEstimator):
    """``sample`` and ``iter_samples`` over a method that draws encoded rows of one class."""

    codec_: Any
    label_codec_: Any
    conditions_: Conditions

    @abstractmethod
    def _drawn(self, code: int, n: int, seed: int) -> tuple[Any, FilterCounts]:
        """Exactly n encoded samples of a label code, and what became of the candidates."""

    def _nothing(self, codec: Any) -> Any:
        """No encoded samples at all."""
        if hasattr(codec, "from_network"):
            return codec.from_network(np.zeros((0, *codec.shape), np.float32))
        return np.zeros((0, codec.width), np.float32)

    def _keep_codecs(self, prepared: Prepared, conditions: Conditions, seed: int) -> None:
        """What sampling needs to know of the data, and the start of the stream of samples."""
        self.codec_, self.label_codec_ = prepared.codec, prepared.labels
        self.conditions_ = conditions
        self.classes_ = conditions.classes
        self.class_counts_ = np.bincount(prepared.y, minlength=1 if self.classes_ is None else len(self.classes_))
        self.n_features_in_ = prepared.n_features
        self.__dict__.pop("feature_names_in_", None)
        if prepared.feature_names is not None:
            self.feature_names_in_ = np.asarray(prepared.feature_names, dtype=object)
        self.data_profile_ = profile_of(prepared)
        self._seed, self._n_draws = seed, 0

    @isolated
    def sample(
        self,
        n: int | Request = 1,
        label: Any = None,
        random_state: Any = None,
        where: Mapping[Any, Any] | None = None,
    ) -> Samples:
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

        Notes
        -----
        `curation_` afterwards tells how many candidates of each label ("all" without labels) were drawn, and how
        many each rule refused; with ``where``, also how many did not meet it.
        """
        conditions = None if where is None else Where(where, self._fitted_codec())
        tallies, drawn = {}, []
        for code, count, seed in self._orders(n, label, random_state):
            found, tallies[self._name(code)] = self._met(code, count, seed, conditions)
            drawn.append((code, found))
        self.curation_ = tallies
        rows = [x for _, x in drawn]
        codes = np.concatenate([np.full(len(x), code) for code, x in drawn] or [np.zeros(0)]).astype(np.int64)
        encoded = self._empty() if not rows else rows[0] if len(rows) == 1 else np.concatenate(rows)
        return self.codec_.decode(encoded), self._labels(codes)

    def _met(self, code: int, n: int, seed: int, where: Where | None) -> tuple[Any, dict[str, Any]]:
        """Encoded samples of a label code that meet the conditions, if there are any, and what they cost."""
        if where is None or n == 0:
            rows, tally = self._drawn(code, n, seed)
            return rows, tally.row()
        rows, tally, refused = drawn_where(partial(self._drawn, code), self.codec_.decode, where, n, seed)
        return rows, tally.row() | {"where": refused}

    @isolated
    def iter_samples(
        self,
        n: int | Request,
        label: Any = None,
        *,
        chunk_size: int = 65536,
        random_state: Any = None,
        where: Mapping[Any, Any] | None = None,
    ) -> Iterator[Samples]:
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
        chunk_size = validation.integer("chunk_size", chunk_size, 1)
        conditions = None if where is None else Where(where, self._fitted_codec())
        orders = self._orders(n, label, random_state)

        @isolated
        def chunks() -> Iterator[Samples]:
            for code, count, seed in orders:
                for start in range(0, count, chunk_size):
                    size, own = min(chunk_size, count - start), child_seed(seed, "chunk", start)
                    rows, _ = self._met(code, size, own, conditions)
                    yield self.codec_.decode(rows), self._labels(np.full(len(rows), code, np.int64))

        return chunks()

    def _orders(self, n: Any, label: Any, random_state: Any) -> list[tuple[int, int, int]]:
        """What is asked for, checked: (label code, count, seed) for each class."""
        self._check_fitted()
        counts = self._counts(n, label, lambda: seed)
        if random_state is None:
            seed = child_seed(self._seed, "sample", self._n_draws)
            self._n_draws += 1
        else:
            seed = root_seed(random_state)
        return [(code, count, child_seed(seed, "class", code)) for code, count in counts().items()]

    def _counts(self, n: Any, label: Any, seed: Callable[[], int]) -> Callable[[], dict[int, int]]:
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

    def _code(self, label: Any) -> int:
        if self.label_codec_ is None:
            raise InvalidParameterError(f"label={label!r}, but the generator was fitted without labels (y=None)")
        code = int(self.label_codec_.encode([label])[0])
        self.conditions_.of_label_code(code)
        return code

    def _name(self, code: int) -> Any:
        if self.classes_ is None:
            return "all"
        label = self.classes_[code]
        return label.item() if isinstance(label, (np.number, np.bool_, np.str_)) else label

    def _labels(self, codes: IntArray) -> Any:
        return None if self.label_codec_ is None else self.label_codec_.decode(codes)

    def _fitted_codec(self) -> Any:
        self._check_fitted()
        return self.codec_

    def _empty(self) -> Any:
        return self._nothing(self.codec_)

    def _check_fitted(self) -> None:
        if not hasattr(self, "conditions_"):
            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with appropriate arguments first."
            )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "conditions_")


def _count(value: Any, label: Any) -> int:
    if isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 0:
        return int(value)
    what = "n" if label is None else f"the count of class {label!r}"
    raise InvalidParameterError(f"{what} is {value!r}; it must be an integer of at least 0")


# --------------------------------------------------------------------------------------
# A discriminator as a judge of rows.


# Decimals of a score that no order of adding changes.
DIGITS = 9


class ScoringMixin(Modality, SamplingMixin):
    """``score_samples`` and ``features`` over the discriminator that a model keeps."""

    condition_counts_: IntArray

    @isolated
    def score_samples(self, X: Any, y: Any = None) -> npt.NDArray[np.float64]:
        """A discriminator's logit: how much a row looks like the training data.

        The discriminator of the training would tell the very rows that it saw from others like them. The one that
        scores has its shape, and learns at the first call, or when the model is saved or copied, to tell the
        generator's samples from broken ones (columns exchanged, noise, values from anywhere in the range), in a tenth
        of the time of the training or less. It knows of the training rows what samples tell. Scores are the same before
        and after saving.

        Parameters
        ----------
        X : as in `fit`
            Rows to judge; same columns and dtypes as in `fit`.
        y : array-like of shape (n_samples,), optional
            The class that each row claims to be of. None averages over the
            classes by their training frequencies.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Higher is more like the training data; the sign turned, an anomaly
            score. It tells how real a row is, not which class it is of:
            compare rows, not claims. Columns of a table that a rule determines are not looked at, for the networks do
            not have them: ``gan.rules_.holds(X)`` tells which rows break a rule.

        Raises
        ------
        InvalidDataError
            For unseen columns, dtypes, categories or labels.
        """

        def logit(network: DiscriminatorNetwork, features: Tensor, labels: Tensor) -> Tensor:
            result: Tensor = network.head(features, labels).unsqueeze(1)
            return result

        return self._judged(X, y, logit)[:, 0]

    @isolated
    def features(self, X: Any, y: Any = None) -> npt.NDArray[np.float64]:
        """The last hidden layer of the discriminator of `score_samples`, for transfer learning.

        Parameters
        ----------
        X, y
            As in `score_samples`.

        Returns
        -------
        ndarray of shape (n_samples, width), float64
        """
        return self._judged(X, y, lambda network, features, labels: features)

    def _judged(
        self, X: Any, y: Any, of: Callable[[DiscriminatorNetwork, Tensor, Tensor], Tensor]
    ) -> npt.NDArray[np.float64]:
        self._check_fitted()
        check_lengths(X, y)
        rows = self.codec_.encode(X, owner=type(self).__name__)
        if y is None:
            weights = self.condition_counts_ / self.condition_counts_.sum()
            claims = [(c, np.full(len(rows), c), w) for c, w in enumerate(weights) if w > 0]
        else:
            if self.label_codec_ is None:
                raise InvalidParameterError("y was given, but the generator was fitted without labels")
            codes = self.conditions_.of_codes(self.label_codec_.encode(y))
            check_lengths(rows, codes)
            claims = [(-1, codes, 1.0)]
        # In double precision on the CPU, and rounded: a row's score must not depend on the rows beside it,
        # whose number decides in which order a matrix product adds.
        network, load, most = self._double_discriminator(), self._loads(self.codec_), self._at_once(self.codec_)

        @torch.inference_mode()
        def part(start: int) -> npt.NDArray[np.float64]:
            x = load(torch.from_numpy(rows[start : start + most])).double()
            features, total = None, torch.zeros((), dtype=torch.float32)
            for _, labels, weight in claims:
                claimed = torch.from_numpy(labels[start : start + most])
                if features is None or network.head.class_is_input:  # else the trunk sees no class
                    features = network.features(x, claimed)
                total = total + weight * of(network, features, claimed)
            return total.numpy().round(DIGITS)

        with self._computing(), self._team(torch.device("cpu")) as work:
            return np.concatenate(work(part, range(0, len(rows), most)))
