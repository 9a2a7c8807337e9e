"""Drawing samples: who asks for how many of which class, and what comes back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from ganaug.curation import Tally
from ganaug.estimators import options
from ganaug.estimators.prepared import Conditions, Prepared, profile_of
from ganaug.estimators.where import Where, drawn_where
from ganaug.exceptions import InvalidParameterError
from ganaug.seeding import child_seed, numpy_generator, root_seed
from ganaug.surroundings import own_surroundings
from ganaug.types import IntArray

__all__ = ["SamplingMixin"]

Request = Mapping[Any, int]
Samples = tuple[Any, Any]


class SamplingMixin(BaseEstimator):
    """``sample`` and ``iter_samples`` over a method that draws encoded rows of one class."""

    codec_: Any
    label_codec_: Any
    conditions_: Conditions

    @abstractmethod
    def _drawn(self, code: int, n: int, seed: int) -> tuple[Any, Tally]:
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

    @own_surroundings
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

    @own_surroundings
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
        chunk_size = options.integer("chunk_size", chunk_size, 1)
        conditions = None if where is None else Where(where, self._fitted_codec())
        orders = self._orders(n, label, random_state)

        @own_surroundings
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
