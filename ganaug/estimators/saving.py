"""Fitted estimators as config and arrays, and back; `load` reads any of them, by the kind that the file names."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd

from ganaug.callbacks import digest
from ganaug.encoding import LabelCodec
from ganaug.encoding.table_checks import DataProfile
from ganaug.estimators.fitting import Conditions
from ganaug.exceptions import GanaugError, ModelFileError, TraceWarning
from ganaug.utils.determinism import isolated, warn
from ganaug.utils.state import TensorBudget, expect, read_state
from ganaug.utils.types import Array, Arrays, Config, IntArray, State

if TYPE_CHECKING:
    from ganaug.estimators.base import SavedGenerator

__all__ = [
    "KINDS",
    "add_prefix",
    "in_words",
    "load",
    "load_as",
    "plain_values",
    "read",
    "saved_parts",
    "take_prefix",
]

T = TypeVar("T")

# What a file may count at most: sums of it are exact.
MOST_ROWS = 2**48


class Kind(NamedTuple):
    """What a file of one kind is read by: a class, and what makes an estimator, not yet fitted, of its parameters."""

    kind: type[Any]
    make: Callable[..., SavedGenerator]


# Name of the kind in a file -> what reads it; see `ganaug.estimators.register`.
KINDS: dict[str, Kind] = {}

# ---- to config and arrays ----------------------------------------------------------------------


def saved_parts(found: SavedGenerator, keep_copies_check: bool = False, as_it_is: bool = False) -> State:
    """Config (JSON) and arrays of a fitted estimator: no code, no training sample.

    Parameters
    ----------
    found : fitted estimator
    keep_copies_check : bool
        Whether hashes or sketches of the training samples are among them.
    as_it_is : bool
        Whether to describe the object with all that it holds, and not what may leave its process.
    """
    codec, codec_arrays = found.codec_.get_state()
    labels, label_arrays = (None, {}) if found.label_codec_ is None else found.label_codec_.get_state()
    own, own_arrays = found._own_state(keep_copies_check, as_it_is)
    history = found.history_
    config = {
        "parameters": found._saved_parameters(),
        "codec": codec,
        "labels": labels,
        "design": found.design_,
        found._focus_entry: found.conditions_.focus,
        "history": list(history.columns),
        "profile": getattr(found, "data_profile_", DataProfile()).get_state(),
        **{name: getattr(found, name) for name in found._plain},
        **own,
    }
    arrays = {
        **add_prefix("codec", codec_arrays),
        **add_prefix("labels", label_arrays),
        **add_prefix("weights", found._saved_weights(as_it_is)),
        **add_prefix("history", {name: np.asarray(history[name]) for name in history.columns}),
        "class_counts": found.class_counts_,
        **own_arrays,
    }
    return config, arrays


def plain_values(parameters: Mapping[str, object]) -> Config:
    """Parameters that JSON can hold; callbacks and generators of random numbers stay behind."""
    plain: Config = {}
    for name, value in parameters.items():
        if value is None or isinstance(value, (bool, str)):
            plain[name] = value
        elif isinstance(value, Integral):
            plain[name] = int(value)
        elif isinstance(value, Real):
            plain[name] = float(value)
        elif isinstance(value, (list, tuple, set, frozenset)) and all(isinstance(v, str) for v in value):
            plain[name] = sorted(value)
    return plain


def in_words(value: object) -> str:
    """A parameter as text that is the same in every process: numbers by value, arrays and weights by a digest.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug.estimators.saving import in_words
    >>> in_words(np.float32(3)), in_words((8, 0.5)), in_words(len)
    ('3', '[8, 0.5]', 'builtins.len')
    """
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, Real) and not isinstance(value, bool):
        return repr(int(value)) if isinstance(value, Integral) else repr(float(value)).removesuffix(".0")
    if isinstance(value, (bool, str, type(None))):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(sorted(f"{in_words(k)}: {in_words(v)}" for k, v in value.items())) + "}"
    if isinstance(value, (Sequence, Set)) and not isinstance(value, bytes):  # those of rules, too
        parts = [in_words(v) for v in value]
        return f"[{', '.join(parts if isinstance(value, Sequence) else sorted(parts))}]"
    if isinstance(value, np.ndarray):
        return f"an array {digest(value)[:12]}"
    named = value if hasattr(value, "__qualname__") else type(value)
    name = f"{named.__module__}.{named.__qualname__}"
    if is_dataclass(value) and not isinstance(value, type):  # a rule, for example
        return f"{name} {in_words({one.name: getattr(value, one.name) for one in fields(value)})}"
    weights = value.state_dict() if hasattr(value, "state_dict") and not isinstance(value, type) else {}
    return f"{name} {digest(*(w.detach().cpu().float().numpy() for w in weights.values()))[:12]}" if weights else name


def add_prefix(name: str, arrays: Mapping[str, Array]) -> Arrays:
    """Arrays with the name of what they are a part of before their own."""
    return {f"{name}/{k}": v for k, v in arrays.items()}


def take_prefix(arrays: Arrays, name: str) -> Arrays:
    """The counterpart of `add_prefix`."""
    return {k.removeprefix(f"{name}/"): v for k, v in arrays.items() if k.startswith(f"{name}/")}


# ---- and back ----------------------------------------------------------------------------------


def restore(make: Callable[..., SavedGenerator], config: Config, arrays: Arrays) -> SavedGenerator:
    """The estimator of which these are the parts.

    Parameters
    ----------
    make : callable
        From the parameters to an estimator, not yet fitted.
    config, arrays
        As `saved_parts` returned them.

    Raises
    ------
    ModelFileError, or whatever the parts raise
        If they do not fit together.
    """
    found = make(**config["parameters"])
    found._check_parameters()
    found._check_design(config["design"])
    found.design_ = config["design"]
    for name, array in arrays.items():
        if name.startswith(("codec/", "labels/")) and array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ModelFileError(f"array {name!r} is not finite")
    found.codec_ = found._read_codec(config["codec"], take_prefix(arrays, "codec"))
    labels = config["labels"]
    found.label_codec_ = None if labels is None else LabelCodec.from_state(labels, take_prefix(arrays, "labels"))
    found.classes_ = None if found.label_codec_ is None else found.label_codec_.classes_
    n_classes, focus = 1 if found.classes_ is None else len(found.classes_), config[found._focus_entry]
    if focus is not None and not (found.classes_ is not None and type(focus) is int and 0 <= focus < n_classes):
        raise ModelFileError(f"{found._focus_entry}={focus!r} is no class")
    found.conditions_ = Conditions(found.classes_, focus)
    found.class_counts_ = checked_counts(arrays, "class_counts", n_classes)
    columns = take_prefix(arrays, "history")
    dtypes = {"step": np.int64}
    names: list[str] = config["history"]
    found.history_ = pd.DataFrame({k: expect(columns, k, (None,), dtypes.get(k, np.float64)) for k in names})
    for name, kind in found._plain.items():
        setattr(found, name, checked_plain(name, config[name], kind))
    found._name_features()
    known = config.get("profile")  # earlier versions kept none
    found.data_profile_ = DataProfile() if known is None else DataProfile.from_state(known)
    found.weights_ = take_prefix(arrays, "weights")
    found._take_own_state(config, arrays)
    _check_weights(found)
    _check_whole(found, arrays, names)
    return found


def checked_plain(name: str, value: object, kind: type) -> object:
    """A text, or a number that counts something or is a seed."""
    if type(value) is not kind or (isinstance(value, int) and not 0 <= value < 2**64):
        raise ModelFileError(f"{name}={str(value)[:40]!r} is no {kind.__name__} of a fitted estimator")
    return value


def checked_counts(arrays: Arrays, name: str, n: int) -> IntArray:
    """The array of this name, if it counts rows of n classes."""
    counts = expect(arrays, name, (n,), np.int64)
    if counts.min() < 0 or counts.max() > MOST_ROWS or counts.sum() == 0:
        raise ModelFileError(f"{name} {counts.tolist()[:5]} count no rows")
    return counts


def _check_weights(found: SavedGenerator) -> None:
    """Build the networks that the config describes, and hold the file's weights against them."""
    expected = {
        f"{name}.{k}": tuple(v.shape)
        for name, network in found._new_networks().items()
        for k, v in network.state_dict().items()
    }
    if set(expected) != set(found.weights_):
        odd = sorted(set(expected) ^ set(found.weights_))
        raise ModelFileError(f"weights missing or left over: {', '.join(odd[:5])}")
    for name, shape in expected.items():
        if not np.isfinite(expect(found.weights_, name, shape, np.float32)).all():
            raise ModelFileError(f"weights {name!r} are not finite")


def _check_whole(found: SavedGenerator, arrays: Arrays, history: list[str]) -> None:
    """What was read must be what would be written: no part was cut, bent or left over."""
    config, again = saved_parts(found, keep_copies_check=True, as_it_is=True)
    if config["history"] != history:
        raise ModelFileError("the history names a column twice")
    odd = sorted(set(arrays) ^ set(again))
    odd += [k for k in arrays.keys() & again.keys() if _differ(arrays[k], again[k])]
    if odd:
        raise ModelFileError(f"array {odd[0]!r} does not fit the rest")


def _differ(one: Array, other: Array) -> bool:
    return (one.dtype, one.shape, one.tobytes()) != (other.dtype, other.shape, other.tobytes())


# ---- files -------------------------------------------------------------------------------------


@isolated
def load(path: str | os.PathLike[str]) -> Any:
    """Read an estimator that its ``save`` wrote.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    estimator
        Of the class that was saved; samples and scores as the original did.

    Warns
    -----
    TraceWarning
        If the file was written before format 2 and holds traces of single training samples; it says how to write one
        without them.

    Raises
    ------
    ModelFileError
        If the file is truncated, foreign, of a newer version, or its contents
        do not fit together. Nothing in the file is ever executed.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import ganaug
    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> gan = ganaug.TabularGAN(max_steps=5, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "gan.safetensors")
    ...     gan.save(path)
    ...     again = ganaug.load(path)
    >>> bool(np.array_equal(gan.sample(9, random_state=1)[0], again.sample(9, random_state=1)[0]))
    True
    """
    gan, version = read(path)
    found = gan._early_traces() if version < 2 else []
    if found:
        exact = [str(c["name"]) for c in getattr(gan.codec_, "column_summary", list)() if c.get("exact")]
        stay = f" Exact values of {', '.join(exact)} stay in it; only a new fit is without them." if exact else ""
        warn(
            f"{os.fspath(path)} was written by an earlier version of ganaug and holds {' and '.join(found)}: who has "
            "it can tell who was in the training. Write one without them, ganaug.load(path).save(new_path), and "
            f"delete this one.{stay}",
            TraceWarning,
        )
    return gan


def read(path: str | os.PathLike[str]) -> tuple[SavedGenerator, int]:
    """The estimator in a file, without a warning, and the format in which the file was written."""
    state = read_state(path)
    if state.kind not in KINDS:
        raise ModelFileError(
            f"{os.fspath(path)} holds a {state.kind!r}; this version knows {sorted(KINDS)}. One of your own is known "
            "once the module that calls ganaug.estimators.register(...) for it has been imported"
        )
    try:
        kind = KINDS[state.kind]
        with TensorBudget(state.arrays.values()):
            whole = getattr(kind.kind, "from_saved", None)  # of an estimator without networks
            found = whole(state.config, state.arrays) if whole else restore(kind.make, state.config, state.arrays)
        found._try_out()
    except GanaugError as error:
        reason = " ".join(str(error).split())
        raise ModelFileError(f"{os.fspath(path)} is damaged or was altered, save it again: {reason}") from error
    except Exception as error:  # whatever altered values lead to, in one line
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise ModelFileError(
            f"{os.fspath(path)} is damaged or was altered, save it again: its parts do not fit together ({reason})"
        ) from error
    return found, state.format_version


def load_as(kind: type[T], path: str | os.PathLike[str]) -> T:
    """Read an estimator of one class; what the ``load`` of each class does.

    Raises
    ------
    ModelFileError
        As `load`; also if the file holds an estimator of another class.
    """
    found = load(path)
    if not isinstance(found, kind):
        held = type(found).__name__
        raise ModelFileError(
            f"{os.fspath(path)} holds a fitted {held}, not a {kind.__name__}; read it with {held}.load or ganaug.load"
        )
    return found
