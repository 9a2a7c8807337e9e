"""Python values, arrays and pickles as JSON and arrays, without code."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ganaug.encoding.dtype_state import dtype_from, dtype_state, zone_from, zone_state
from ganaug.exceptions import InvalidDataError, InvalidTypeError, ModelFileError
from ganaug.utils.types import Array, Arrays, Config, State

__all__ = [
    "ANY_DTYPE",
    "AS_IT_IS",
    "BLANK",
    "LEVELS",
    "NUMPY_DTYPE",
    "OBJECT_LEVELS",
    "TIME_ZONE",
    "WHOLE_NUMBER",
    "WHOLE_NUMBERS",
    "YES_OR_NO",
    "PickledByState",
    "StateMixin",
    "StoredField",
    "blank_of",
    "from_json",
    "json_field",
    "missing_in",
    "object_array",
    "pack_arrays",
    "pack_values",
    "to_json",
    "unpack_arrays",
    "unpack_values",
]

# --------------------------------------------------------------------------------------
# Scalars as JSON and arrays: levels of a column, names of columns, labels of classes.
#
# Nothing is pickled: text becomes UTF-8 bytes and offsets, numbers stay arrays, and anything else is written item by
# item with the name of its type.


_WRITE: dict[type, tuple[str, Callable[[Any], Any]]] = {
    bool: ("bool", bool),
    int: ("int", int),
    float: ("float", float.hex),
    str: ("str", str),
    bytes: ("bytes", bytes.hex),
    tuple: ("tuple", lambda v: [to_json(item) for item in v]),
    type(None): ("none", lambda v: None),
    type(pd.NA): ("na", lambda v: None),
    type(pd.NaT): ("nat", lambda v: None),
    decimal.Decimal: ("decimal", str),
    uuid.UUID: ("uuid", str),
    dt.datetime: ("datetime", lambda v: _moment(v)),
    dt.date: ("date", dt.date.isoformat),
    dt.time: ("time", lambda v: [v.replace(tzinfo=None).isoformat(), v.fold, zone_state(v.tzinfo)]),
    dt.timedelta: ("timedelta", lambda v: [v.days, v.seconds, v.microseconds]),
    np.datetime64: ("datetime64", lambda v: [v.dtype.str, int(v.view(np.int64))]),
    np.timedelta64: ("timedelta64", lambda v: [v.dtype.str, int(v.view(np.int64))]),
    pd.Timestamp: ("Timestamp", lambda v: [int(v.to_datetime64().view(np.int64)), v.unit, zone_state(v.tz)]),
    pd.Timedelta: ("Timedelta", lambda v: [int(v.to_timedelta64().astype(np.int64)), v.unit]),
    pd.Period: ("Period", lambda v: [v.ordinal, v.freqstr]),
    pd.Interval: ("Interval", lambda v: [to_json(v.left), to_json(v.right), v.closed]),
}


def _moment(value: dt.datetime) -> Any:
    """With a zone: the moment in UTC, and the zone. A local time can be two moments, or none."""
    if value.tzinfo is None:
        return value.isoformat() if value.fold == 0 else [value.isoformat(), None]
    return [value.astimezone(dt.UTC).replace(tzinfo=None).isoformat(), zone_state(value.tzinfo)]


def _datetime(parts: list[Any]) -> dt.datetime:
    if isinstance(parts, str):
        return dt.datetime.fromisoformat(parts)
    moment, zone = dt.datetime.fromisoformat(parts[0]), zone_from(parts[1])
    return moment.replace(fold=1) if zone is None else moment.replace(tzinfo=dt.UTC).astimezone(zone)


def _time(parts: list[Any]) -> dt.time:
    if isinstance(parts, str):
        return dt.time.fromisoformat(parts)
    return dt.time.fromisoformat(parts[0]).replace(fold=parts[1], tzinfo=zone_from(parts[2]))


def _timestamp(parts: list[Any]) -> pd.Timestamp:
    if isinstance(parts[0], str):  # of an earlier version: a local time and what its zone printed
        return pd.Timestamp(parts[0]).as_unit(parts[1]).tz_localize(zone_from(parts[2]))
    moment = pd.Timestamp(np.int64(parts[0]).view(f"M8[{parts[1]}]"))
    zone = zone_from(parts[2])
    return moment if zone is None else moment.tz_localize("UTC").tz_convert(zone)


_READ: dict[str, Callable[[Any], Any]] = {
    "bool": bool,
    "int": int,
    "float": lambda v: np.nan if v == "nan" else float.fromhex(v),  # one NaN, so that it is found as a key
    "str": str,
    "bytes": bytes.fromhex,
    "tuple": lambda v: tuple(from_json(item) for item in v),
    "none": lambda v: None,
    "na": lambda v: pd.NA,
    "nat": lambda v: pd.NaT,
    "decimal": decimal.Decimal,
    "uuid": uuid.UUID,
    "datetime": _datetime,
    "date": dt.date.fromisoformat,
    "time": _time,
    "timedelta": lambda v: dt.timedelta(*v),
    "datetime64": lambda v: np.int64(v[1]).view(v[0]),
    "timedelta64": lambda v: np.int64(v[1]).view(v[0]),
    "Timestamp": _timestamp,
    "Timedelta": lambda v: pd.Timedelta(np.timedelta64(v[0], v[1])),
    "Period": lambda v: pd.Period(ordinal=v[0], freq=v[1]),
    "Interval": lambda v: pd.Interval(from_json(v[0]), from_json(v[1]), v[2]),
    "numpy": lambda v: np.dtype(v[0]).type(from_json(v[1])),
}


def to_json(value: object) -> list[Any]:
    """One scalar as ``[type name, JSON value]``.

    Raises
    ------
    InvalidTypeError
        For what is not a scalar, or cannot come back as it is: an Enum is code, which no model file holds.
    """
    if isinstance(value, np.generic) and type(value) not in _WRITE:
        item = value.item()
        if not isinstance(item, np.generic):  # a long double, which has more digits than Python's float
            return ["numpy", [value.dtype.str, to_json(item)]]
    if type(value) not in _WRITE:
        advice = next((advice for known, advice in _ADVICE if isinstance(value, known)), "make it text or a number")
        raise InvalidTypeError(
            f"a value of type {type(value).__name__!r} ({value!r:.60}) cannot be learnt; "
            f"the argument must be a string or a real number, a date, None or a tuple of such: {advice}"
        )
    tag, write = _WRITE[type(value)]
    return [tag, write(value)]


_ADVICE: list[tuple[Any, str]] = [
    (enum.Enum, "take its name, as in column.map(lambda member: member.name, na_action='ignore')"),
    ((list, set, frozenset, dict, np.ndarray), "spread nested values over columns"),
    (dt.datetime, "make it a datetime of Python or pandas, as pd.to_datetime(column) does"),
    (str, "make it a plain str, as in column.map(str)"),
]


def from_json(item: list[Any]) -> Any:
    """The scalar that `to_json` wrote."""
    try:
        return _READ[item[0]](item[1])
    except (KeyError, IndexError, TypeError, ValueError, OverflowError, decimal.InvalidOperation) as error:
        raise ModelFileError(f"cannot read the stored value {item!r}") from error


def object_array(values: Iterable[Any]) -> Array:
    """An object array of one dimension, whatever the values are (tuples too)."""
    items = list(values)
    out = np.empty(len(items), dtype=object)
    for i, value in enumerate(items):
        out[i] = value
    return out


def blank_of(missing: Array) -> Any:
    """Which of None, NaN, NA, NaT and Decimal("NaN") stands for missing most often; None if nothing is missing."""
    seen = Counter(_BLANKS.get(type(value), "nan") for value in missing)
    return _BLANK_VALUES[seen.most_common(1)[0][0]] if seen else None


_BLANKS = {type(None): "none", type(pd.NA): "na", type(pd.NaT): "nat", decimal.Decimal: "decimal"}
_BLANK_VALUES = {"none": None, "na": pd.NA, "nat": pd.NaT, "nan": np.nan, "decimal": decimal.Decimal("NaN")}


def missing_in(raw: Any) -> Array:
    """Which entries are missing. (n,) -> (n,) bool.

    Raises
    ------
    InvalidDataError
        For a signalling NaN, which cannot even be compared.
    """
    try:
        return np.asarray(pd.isna(raw), dtype=bool)
    except decimal.InvalidOperation as error:
        raise InvalidDataError("holds a signalling NaN (sNaN); replace it with None") from error


def pack_values(values: pd.Index) -> State:
    """Config and arrays of an index of scalars.

    Parameters
    ----------
    values : Index
        Of any dtype but a MultiIndex.

    Returns
    -------
    config : dict
        Can be written as JSON.
    arrays : dict of str to ndarray
        1-D arrays, none of object dtype.
    """
    dtype = values.dtype
    pack = next((pack for known, pack in _PACK if isinstance(dtype, known)), None)
    if pack is not None:
        return pack(values)
    if isinstance(dtype, np.dtype) and dtype.kind in "mM":
        return {"form": "time", "dtype": dtype.str}, {"values": values.to_numpy().view(np.int64)}
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return {"form": "array"}, {"values": np.ascontiguousarray(values.to_numpy())}
    items = values.to_numpy(dtype=object)
    if all(type(v) is str for v in items):
        encoded = [v.encode("utf-8", "surrogatepass") for v in items]
        offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
        text = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        return {"form": "text", "dtype": dtype_state(dtype)}, {"text": text, "offsets": offsets}
    return {"form": "items", "dtype": dtype_state(dtype), "items": [to_json(v) for v in items]}, {}


def _pack_parts(parts: dict[str, pd.Index], **more: object) -> State:
    """Several indexes as one state; their arrays are told apart by a prefix."""
    config: Config = dict(more)
    arrays: Arrays = {}
    for name, part in parts.items():
        config[name], own = pack_values(part)
        arrays |= {f"{name}_{key}": array for key, array in own.items()}
    return config, arrays


def _part(config: Config, arrays: Arrays, name: str) -> pd.Index:
    own = {k.removeprefix(f"{name}_"): a for k, a in arrays.items() if k.startswith(f"{name}_")}
    return unpack_values(config[name], own)


def _pack_zoned(values: Any) -> State:
    plain = pd.DatetimeIndex(values).tz_convert(None).to_numpy()
    config = {"form": "zoned", "unit": values.dtype.unit, "tz": zone_state(values.dtype.tz)}
    return config, {"values": plain.view(np.int64)}


def _pack_category(values: Any) -> State:
    config, arrays = _pack_parts({"categories": values.categories}, form="category", ordered=bool(values.ordered))
    return config, arrays | {"codes": np.asarray(values.codes, dtype=np.int64)}


_PACK: list[tuple[Any, Callable[[Any], State]]] = [
    (pd.IntervalDtype, lambda v: _pack_parts({"left": v.left, "right": v.right}, form="interval", closed=v.closed)),
    (pd.DatetimeTZDtype, _pack_zoned),
    (pd.CategoricalDtype, _pack_category),
]


def unpack_values(config: Config, arrays: Arrays) -> pd.Index:
    """The index that `pack_values` took apart."""
    try:
        return _UNPACK[config["form"]](config, arrays)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ModelFileError(f"stored values cannot be read: {error}") from error


def _interval(config: Config, arrays: Arrays) -> pd.Index:
    left, right = _part(config, arrays, "left"), _part(config, arrays, "right")
    return pd.IntervalIndex.from_arrays(left, right, closed=config["closed"])


def _zoned(config: Config, arrays: Arrays) -> pd.Index:
    times = pd.DatetimeIndex(arrays["values"].view(f"M8[{config['unit']}]"))
    return times.tz_localize("UTC").tz_convert(zone_from(config["tz"]))


def _category(config: Config, arrays: Arrays) -> pd.Index:
    dtype = pd.CategoricalDtype(_part(config, arrays, "categories"), ordered=config["ordered"])
    return pd.CategoricalIndex(pd.Categorical.from_codes(arrays["codes"], dtype=dtype))


def _text(config: Config, arrays: Arrays) -> pd.Index:
    data, offsets = arrays["text"].tobytes(), arrays["offsets"].tolist()
    parts = (data[a:b].decode("utf-8", "surrogatepass") for a, b in pairwise(offsets))
    return pd.Index(object_array(parts), dtype=dtype_from(config["dtype"]))


_UNPACK: dict[str, Callable[[dict[str, Any], Arrays], pd.Index]] = {
    "interval": _interval,
    "zoned": _zoned,
    "category": _category,
    "text": _text,
    "time": lambda config, arrays: pd.Index(arrays["values"].view(config["dtype"])),
    "array": lambda config, arrays: pd.Index(arrays["values"]),
    "items": lambda config, arrays: pd.Index(
        object_array(from_json(item) for item in config["items"]), dtype=dtype_from(config["dtype"])
    ),
}


# --------------------------------------------------------------------------------------
# The arrays of thousands of columns joined into a few, so that a model file has few entries.


def pack_arrays(parts: Iterable[Arrays]) -> Arrays:
    """Join 1-D arrays of the same name and dtype over all parts.

    Parameters
    ----------
    parts : iterable of dict of str to ndarray
        One dict for each column; an array is 1-D and not of object dtype.

    Returns
    -------
    dict of str to ndarray
        For each ``name:dtype`` the joined ``.data``, and of which part (``.part``)
        and of what length (``.length``) each piece is.
    """
    pieces: dict[str, list[tuple[int, Array]]] = {}
    for index, part in enumerate(parts):
        for name, array in part.items():
            pieces.setdefault(f"{name}:{array.dtype.str[1:]}", []).append((index, array))
    out: Arrays = {}
    for key, found in pieces.items():
        out[f"{key}.data"] = np.concatenate([array for _, array in found])
        out[f"{key}.part"] = np.array([index for index, _ in found], dtype=np.int64)
        out[f"{key}.length"] = np.array([len(array) for _, array in found], dtype=np.int64)
    return out


def unpack_arrays(packed: Arrays, n_parts: int) -> list[Arrays]:
    """The dicts that `pack_arrays` joined."""
    parts: list[Arrays] = [{} for _ in range(n_parts)]
    try:
        for key in (k.removesuffix(".data") for k in packed if k.endswith(".data")):
            stops = np.cumsum(packed[f"{key}.length"])
            if len(packed[f"{key}.data"]) != (stops[-1] if len(stops) else 0):
                raise ModelFileError(f"array {key!r} is truncated")
            split = np.split(packed[f"{key}.data"], stops[:-1])
            for index, array in zip(packed[f"{key}.part"].tolist(), split, strict=True):
                parts[index][key.rpartition(":")[0]] = array
    except (KeyError, IndexError, ValueError) as error:
        raise ModelFileError(f"the stored arrays do not fit each other: {error}") from error
    return parts


# --------------------------------------------------------------------------------------
# Objects as config and arrays: which attributes are stored, and how.


@dataclass(frozen=True)
class StoredField:
    """How the state of an object holds one of its attributes.

    Attributes
    ----------
    write : callable ``value -> (JSON value, arrays)``
    read : callable ``(JSON value, arrays) -> value``
    """

    write: Callable[[Any], tuple[Any, Arrays]]
    read: Callable[[Any, Arrays], Any]


def json_field(write: Callable[[Any], Any] = lambda v: v, read: Callable[[Any], Any] = lambda v: v) -> StoredField:
    """A field that needs no arrays."""
    return StoredField(lambda value: (write(value), {}), lambda found, arrays: read(found))


def _read_blank(item: list[Any]) -> object:
    blank = from_json(item)
    return np.nan if isinstance(blank, float) else blank  # so that it is the NaN of numpy


AS_IT_IS = json_field()
WHOLE_NUMBER = json_field(int, int)
WHOLE_NUMBERS = json_field(list, lambda found: tuple(map(int, found)))
YES_OR_NO = json_field(bool, bool)
ANY_DTYPE = json_field(dtype_state, dtype_from)
NUMPY_DTYPE = json_field(lambda dtype: dtype.str, np.dtype)
TIME_ZONE = json_field(zone_state, zone_from)
BLANK = json_field(to_json, _read_blank)
LEVELS = StoredField(pack_values, unpack_values)
OBJECT_LEVELS = StoredField(
    lambda levels: pack_values(pd.Index(levels, dtype=object)),
    lambda found, arrays: unpack_values(found, arrays).to_numpy(dtype=object),
)


class StateMixin:
    """`get_state` and `from_state` of a dataclass that declares which of its fields are stored.

    ``CONFIG`` names the fields of the config, in the order of the file, and ``ARRAYS`` those that are arrays. A field
    of the config that a file of an earlier version lacks takes its default.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from ganaug.encoding.serialization import AS_IT_IS, StateMixin
    >>> @dataclass
    ... class Scale(StateMixin):
    ...     low: float
    ...     unit: str = "m"
    ...     CONFIG = {"low": AS_IT_IS, "unit": AS_IT_IS}
    >>> Scale(2.0).get_state()
    ({'low': 2.0, 'unit': 'm'}, {})
    >>> Scale.from_state({"low": 3.0}, {})
    Scale(low=3.0, unit='m')
    """

    CONFIG: ClassVar[Mapping[str, StoredField]] = {}
    ARRAYS: ClassVar[tuple[str, ...]] = ()

    def get_state(self) -> State:
        """Everything learnt: a config that JSON can hold, and arrays."""
        config: Config = {}
        arrays: Arrays = {}
        for name, field in self.CONFIG.items():
            config[name], own = field.write(getattr(self, name))
            arrays |= own
        return config, arrays | {name: getattr(self, name) for name in self.ARRAYS}

    @classmethod
    def from_state(cls, config: Config, arrays: Arrays) -> Self:
        """The object that `get_state` took apart.

        Raises
        ------
        ModelFileError, KeyError, TypeError, ValueError
            If the state is incomplete or does not fit together.
        """
        optional = {field.name for field in fields(cls) if field.default is not MISSING}  # type: ignore[arg-type]
        read = {
            name: field.read(config[name], arrays)
            for name, field in cls.CONFIG.items()
            if name in config or name not in optional
        }
        found = cls(**read, **{name: arrays[name] for name in cls.ARRAYS})
        found._check_state()
        return found

    def _check_state(self) -> None:
        """Raise ModelFileError where what was read does not fit together."""


# --------------------------------------------------------------------------------------
# Pickles of codecs hold their state.


class PickledByState:
    """Pickle, deepcopy and skops see the config and arrays of ``get_state``.

    A fitted codec holds objects of pandas, whose pickles change with its
    versions, and which skops refuses to write.
    """

    def __getstate__(self) -> dict[str, Any]:
        if not hasattr(self, "classes_") and not hasattr(self, "n_features_"):  # not fitted
            return dict(self.__dict__)
        config, arrays = self.get_state()  # type: ignore[attr-defined]
        return {"config": config, "arrays": arrays}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "config" in state:
            state = dict(vars(type(self).from_state(**state)))  # type: ignore[attr-defined]
        self.__dict__.update(state)
