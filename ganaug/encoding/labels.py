"""The two-way codec of class labels."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ganaug.encoding.containers import is_tensor
from ganaug.encoding.dtype_state import dtype_from, dtype_state
from ganaug.encoding.serialization import (
    PickledByState,
    from_json,
    missing_in,
    object_array,
    pack_values,
    to_json,
    unpack_values,
)
from ganaug.encoding.table_checks import check_storable, conversion_of, full_name
from ganaug.exceptions import InvalidDataError, InvalidTypeError, LabelWarning, ModelFileError
from ganaug.utils.determinism import warn
from ganaug.utils.types import Array, Arrays, Config, IntArray, State

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["LabelCodec", "warn_of_similar_names"]

# Float labels are refused if there are more classes than this, with fewer rows each.
_SOME_CLASSES, _ROWS_OF_A_CLASS = 10, 10


class LabelCodec(PickledByState):
    """Turns labels into codes ``0..n_classes`` and codes back into labels of the same container and dtype.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels that occur, sorted (in the order of the categories where y is categorical).

    Examples
    --------
    >>> from ganaug.encoding import LabelCodec
    >>> labels = LabelCodec().fit(["ok", "fraud", "ok"])
    >>> labels.encode(["fraud"]), labels.decode([1, 0])
    (array([0]), ['ok', 'fraud'])
    """

    classes_: Array

    def fit(self, y: object) -> LabelCodec:
        """Learn the labels.

        Parameters
        ----------
        y : ndarray, Series, Categorical, list or tensor of shape (n,)
            Of int, bool, str, date or category dtype; of objects that can be sorted and stored: text, numbers,
            Decimals, dates, periods, tuples, bytes. Floats only if whole.

        Raises
        ------
        InvalidDataError
            If y is empty, not 1-D, continuous or has missing values.
        InvalidTypeError
            If labels cannot be sorted, or no model file can hold them or the name of y.

        Warns
        -----
        LabelWarning
            If names of classes differ in nothing but case or spaces.
        """
        array = _open(y)
        if len(array) == 0:
            raise InvalidDataError("y is empty; give at least one label")
        _check_target(array)
        self._kind, self._dtype, self._name = _kind(y), array.dtype, getattr(y, "name", None)
        if isinstance(array.dtype, pd.CategoricalDtype):
            found = np.unique(array.codes)
            self._index = array.dtype.categories[found]
        else:
            self._index = _sorted(_distinct(array))
            _check_discrete(self._index, len(array))
        self.classes_ = _as_array(self._index)
        _check_name(self._name)
        check_storable(self, "the labels y")
        warn_of_similar_names(self.classes_)
        return self

    def encode(self, y: object) -> IntArray:
        """Codes of labels.

        Parameters
        ----------
        y : ndarray, Series, Categorical, list or tensor of shape (n,)
            Labels seen in fit.

        Returns
        -------
        ndarray of shape (n,), dtype int64
            Positions in ``classes_``.

        Raises
        ------
        InvalidDataError
            For a label not seen in fit; it lists those that were.
        """
        array = _open(y, tuples=any(isinstance(label, tuple) for label in self.classes_[:1]))
        given = _index_of(array)
        codes = self._codes(given)
        if (codes < 0).any():
            unknown = list(dict.fromkeys(str(label) for label in given[codes < 0]))[:5]
            known = [str(label) for label in self.classes_[:20]]
            if set(unknown) & set(known):  # they differ in their type only: 1 is not "1"
                unknown = list(dict.fromkeys(repr(label) for label in np.asarray(given[codes < 0]).tolist()))[:5]
                known = [repr(label) for label in np.asarray(self.classes_[:20]).tolist()]
            raise InvalidDataError(
                f"unknown label(s) {', '.join(unknown)}; the labels seen in fit are {', '.join(known)}"
            )
        return codes.astype(np.int64)

    def _codes(self, given: pd.Index) -> IntArray:
        """Places of labels of any dtype; -1 for those that are unknown. True is 1, and False is 0."""
        if given.dtype != self._index.dtype:
            given = _index_of(_as_array(given))
            if {_dtype_kind(given), _dtype_kind(self._index)} in _BOOL_AND_NUMBER:  # which pandas takes for different
                known = pd.Index(np.asarray(self.classes_, dtype=np.float64))
                return known.get_indexer(pd.Index(np.asarray(given, dtype=np.float64))).astype(np.int64)
        if given.dtype != self._index.dtype and isinstance(self._index.dtype, (pd.ArrowDtype, pd.PeriodDtype)):
            given, known = pd.Index(_as_array(given), dtype=object), pd.Index(_as_array(self._index), dtype=object)
            return known.get_indexer(given).astype(np.int64)
        return self._index.get_indexer(given).astype(np.int64)

    def decode(self, codes: npt.ArrayLike) -> Any:
        """Labels of codes, in the container and dtype of the y given to fit.

        Parameters
        ----------
        codes : array-like of shape (n,), dtype int
            Positions in ``classes_``.

        Returns
        -------
        ndarray, Series, Categorical, list or tensor of shape (n,)
            A Series has a RangeIndex and the name of the one given to fit.

        Raises
        ------
        InvalidDataError
            If a code is no position in ``classes_``.
        """
        at = np.asarray(codes, dtype=np.int64)
        if at.ndim != 1 or (len(at) and not (at.min() >= 0 and at.max() < len(self.classes_))):
            raise InvalidDataError(f"codes must be 1-D and lie in 0..{len(self.classes_) - 1}")
        if isinstance(self._dtype, np.dtype):
            values: Any = self.classes_[at].astype(self._dtype, copy=False)
        elif isinstance(self._dtype, pd.CategoricalDtype):
            places = self._dtype.categories.get_indexer(self._index)
            values = pd.Categorical.from_codes(places[at], dtype=self._dtype)
        else:
            values = pd.array(self._index[at], dtype=self._dtype)
        return _CLOSE[self._kind](values, self._name)

    def get_state(self) -> State:
        """Everything learnt, for `from_state`: a config that JSON can hold, and arrays."""
        config, arrays = pack_values(self._index)
        state: dict[str, Any] = {"version": 1, "kind": self._kind, "name": to_json(self._name), "classes": config}
        if isinstance(self._dtype, pd.CategoricalDtype):
            state["categories"], more = pack_values(self._dtype.categories)
            state["ordered"] = bool(self._dtype.ordered)
            arrays |= {f"categories_{key}": array for key, array in more.items()}
        else:
            state["dtype"] = dtype_state(self._dtype)
        return state, arrays

    @classmethod
    def from_state(cls, config: Config, arrays: Arrays) -> LabelCodec:
        """The codec that `get_state` took apart; raises ModelFileError if that is incomplete."""
        codec = cls()
        try:
            codec._kind, codec._name = config["kind"], from_json(config["name"])
            codec._index = unpack_values(config["classes"], arrays)
            if "categories" in config:
                own = {k.removeprefix("categories_"): a for k, a in arrays.items() if k.startswith("categories_")}
                levels = unpack_values(config["categories"], own)
                codec._dtype = pd.CategoricalDtype(levels, ordered=config["ordered"])
            else:
                codec._dtype = dtype_from(config["dtype"])
        except (KeyError, TypeError) as error:
            raise ModelFileError(f"the stored label codec cannot be read: {error!r}") from error
        codec.classes_ = _as_array(codec._index)
        return codec


def warn_of_similar_names(labels: Iterable[object]) -> None:
    """Warn of classes whose names differ in nothing but case or spaces, such as "yes" and " Yes"."""
    alike: dict[str, list[str]] = {}
    for label in labels:
        if isinstance(label, str):
            alike.setdefault(" ".join(label.split()).casefold(), []).append(label)
    groups = sorted(sorted(names) for names in alike.values() if len(names) > 1)
    if groups:
        shown = "; ".join(", ".join(map(repr, names)) for names in groups[:5])
        more = f" and {len(groups) - 5} more" if len(groups) > 5 else ""
        warn(
            f"classes that differ in nothing but case or spaces: {shown}{more}. Each is a class of its own; if they "
            "are meant to be one, write them alike, for example by y.str.strip().str.lower()",
            LabelWarning,
        )


_CLOSE: dict[str, Any] = {
    "array": lambda values, name: values,
    "extension": lambda values, name: values,
    "series": lambda values, name: pd.Series(values, name=name, dtype=values.dtype),
    "index": lambda values, name: pd.Index(values, name=name, dtype=values.dtype),
    "list": lambda values, name: values.tolist(),
    "tensor": lambda values, name: _tensor(values),
}


def _tensor(values: Array) -> Tensor:
    import torch

    return torch.from_numpy(values)


def _kind(y: object) -> str:
    kinds = ((pd.Series, "series"), (pd.Index, "index"), ((list, tuple), "list"))
    named = next((name for known, name in kinds if isinstance(y, known)), None)
    if named is not None:
        return named
    if isinstance(y, pd.api.extensions.ExtensionArray):
        return "extension"
    return "tensor" if is_tensor(y) else "array"


def _open(y: Any, tuples: bool = False) -> Any:
    """A 1-D ndarray or ExtensionArray; a list of ``tuples`` is one of labels."""
    if isinstance(y, pd.DataFrame):
        y = y.to_numpy()
    if isinstance(y, pd.MultiIndex):
        raise InvalidTypeError("labels cannot be a MultiIndex; give y = y.to_flat_index(), which are tuples")
    if isinstance(y, (pd.Series, pd.Index)):
        return y.to_numpy() if isinstance(y.dtype, np.dtype) else y.array
    if isinstance(y, pd.api.extensions.ExtensionArray):
        return y
    if is_tensor(y):
        if str(y.dtype) == "torch.bfloat16":
            raise InvalidTypeError("labels cannot be of dtype bfloat16, which numpy has not; give y = y.long()")
        y = y.detach().cpu().numpy()
    advice = None if isinstance(y, (np.ndarray, list, tuple)) else conversion_of(y, "y")
    if advice is not None:
        raise InvalidTypeError(f"cannot give back labels as a {full_name(y)}; {advice}")
    of_tuples = isinstance(y, (list, tuple)) and len(y) > 0 and isinstance(y[0], tuple)
    if isinstance(y, (list, tuple)):
        y = object_array(y) if tuples else _from_list(y)
    array = np.asarray(y)
    if array.ndim != 1:
        hint = " If the labels are tuples, give a Series of them." if of_tuples else ""
        if array.ndim == 0 and isinstance(y, (int, str)):
            hint = f" If it names a column, give y=X[{y!r}], and X without it."
        elif array.ndim == 2 and not of_tuples:
            one = array.shape[1] == 1
            hint = " Give y.ravel(), of a DataFrame its column." if one else " Of one-hot rows give y.argmax(axis=1)."
        raise InvalidDataError(f"y should be a 1d array, got an array of shape {array.shape} instead.{hint}")
    return array


def _from_list(y: list[Any] | tuple[Any, ...]) -> Array:
    try:
        array = np.asarray(y)
    except ValueError as error:
        raise InvalidDataError("y should be a 1d array, got rows of differing length instead.") from error
    numbers = array.ndim != 1 or array.dtype.kind not in "USO"
    return array if numbers and not any(isinstance(v, enum.Enum) for v in y) else object_array(y)


def _check_target(array: object) -> None:
    if missing_in(array).any():
        raise InvalidDataError("Input y contains NaN; drop the rows without a label")
    if isinstance(array, np.ndarray) and array.dtype.kind == "c":
        raise InvalidDataError("Complex data not supported")


def _check_discrete(labels: pd.Index, n_rows: int) -> None:
    """Refuse numbers with a fraction, which are no classes, and floats of which there are too many for classes."""
    if labels.dtype.kind != "f":
        return
    values = labels.to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        raise InvalidDataError("Input y contains infinity; drop these rows")
    n = len(values)
    if (values % 1 != 0).any():
        raise InvalidDataError(
            "Unknown label type: continuous. Maybe you are trying to fit a classifier, which expects discrete "
            f"classes on a regression target with continuous values. y holds {n} distinct numbers, some with "
            "decimals; make classes of them first, for example y > threshold or pd.cut(y, 5, labels=False), or "
            "pass y.astype(str) if each number is the name of a class"
        )
    if n > _SOME_CLASSES and n * _ROWS_OF_A_CLASS > n_rows:
        raise InvalidDataError(
            f"y holds {n} distinct floats in {n_rows} rows, which looks like a measurement; make classes of it first, "
            "for example y > threshold or pd.cut(y, 5, labels=False), or pass y.astype(int) if each number is a class"
        )


def _check_name(name: object) -> None:
    try:
        to_json(name)
    except InvalidTypeError as error:
        raise InvalidTypeError(f"the name of y: {error}") from error


# Kinds of dtypes of which one holds bools and the other one numbers.
_BOOL_AND_NUMBER = [{"b", kind} for kind in "iuf"]

# pandas makes a numeric or text index of these types, and converts others in its own ways.
_PLAIN_TYPES = (bool, int, float, str, np.number, np.bool_)
_EXCEPT = (enum.Enum, np.str_, np.timedelta64)


def _index_of(array: Any) -> pd.Index:
    """Labels as an index, tuples and dates as the objects that they are."""
    if isinstance(array, np.ndarray) and array.dtype.kind == "f" and array.dtype.itemsize not in (4, 8):
        return pd.Index(array.astype(np.float64))  # of half floats and of long doubles pandas has none
    if array.dtype != object or all(issubclass(kind, _PLAIN_TYPES) for kind in _types(array)):
        return pd.Index(array)
    return pd.Index(array, dtype=object, tupleize_cols=False)


def _dtype_kind(index: pd.Index) -> str:
    """The kind of a dtype, as numpy names it; "b" also of bools that are objects."""
    return "b" if index.inferred_type == "boolean" else index.dtype.kind


def _types(array: Iterable[object]) -> set[type]:
    kinds = set(map(type, array))
    return {object} if any(issubclass(kind, _EXCEPT) for kind in kinds) else kinds


def _distinct(array: Any) -> pd.Index:
    try:
        return _index_of(pd.unique(array))
    except TypeError as error:
        raise InvalidTypeError(f"labels cannot be compared ({error}); make them text or numbers") from error


def _sorted(index: pd.Index) -> pd.Index:
    try:
        return index.sort_values()
    except TypeError as error:
        kinds = ", ".join(sorted({type(label).__name__ for label in index}))
        message = f"labels of types {kinds} cannot be sorted; make them all text or all numbers"
        if any(isinstance(label, enum.Enum) for label in index):
            message = (
                f"labels of type {kinds} cannot be sorted, and Enums not stored; give their names: [m.name for m in y]"
            )
        raise InvalidTypeError(message) from error


def _as_array(index: pd.Index) -> Array:
    values = index.to_numpy()
    return values if values.dtype.kind != "O" or index.dtype == object else object_array(values)
