"""Scalars as JSON and arrays: levels of a column, names of columns, labels of classes.

Nothing is pickled: text becomes UTF-8 bytes and offsets, numbers stay arrays,
and what is neither is written item by item with the name of its type.
"""

from __future__ import annotations

import datetime as dt
import decimal
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from ganaug.codecs.casts import dtype_from, dtype_name
from ganaug.codecs.plain import Array, State
from ganaug.exceptions import InvalidTypeError, ModelFileError

__all__ = [
    "blank_of",
    "dtype_from",
    "dtype_name",
    "from_json",
    "object_array",
    "pack_values",
    "to_json",
    "unpack_values",
]

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
    dt.datetime: ("datetime", dt.datetime.isoformat),
    dt.date: ("date", dt.date.isoformat),
    dt.time: ("time", dt.time.isoformat),
    dt.timedelta: ("timedelta", lambda v: [v.days, v.seconds, v.microseconds]),
    pd.Timestamp: ("Timestamp", lambda v: [v.tz_localize(None).isoformat(), v.unit, v.tz and str(v.tz)]),
    pd.Timedelta: ("Timedelta", lambda v: [int(v.to_timedelta64().astype(np.int64)), v.unit]),
    pd.Interval: ("Interval", lambda v: [to_json(v.left), to_json(v.right), v.closed]),
}


def _timestamp(parts: list[Any]) -> pd.Timestamp:
    return pd.Timestamp(parts[0]).as_unit(parts[1]).tz_localize(parts[2])


_READ: dict[str, Callable[[Any], Any]] = {
    "bool": bool,
    "int": int,
    "float": float.fromhex,
    "str": str,
    "bytes": bytes.fromhex,
    "tuple": lambda v: tuple(from_json(item) for item in v),
    "none": lambda v: None,
    "na": lambda v: pd.NA,
    "nat": lambda v: pd.NaT,
    "decimal": decimal.Decimal,
    "datetime": dt.datetime.fromisoformat,
    "date": dt.date.fromisoformat,
    "time": dt.time.fromisoformat,
    "timedelta": lambda v: dt.timedelta(*v),
    "Timestamp": _timestamp,
    "Timedelta": lambda v: pd.Timedelta(np.timedelta64(v[0], v[1])),
    "Interval": lambda v: pd.Interval(from_json(v[0]), from_json(v[1]), v[2]),
    "numpy": lambda v: np.dtype(v[0]).type(from_json(v[1])),
}


def to_json(value: Any) -> list[Any]:
    """One scalar as ``[type name, JSON value]``; raises InvalidTypeError for what is not a scalar."""
    if isinstance(value, np.generic) and not isinstance(value, (np.datetime64, np.timedelta64)):
        return ["numpy", [value.dtype.str, to_json(value.item())]]
    try:
        tag, write = _WRITE[type(value)]
    except KeyError:
        raise InvalidTypeError(
            f"a value of type {type(value).__name__!r} cannot be learnt; "
            "the argument must be a string or a real number, a date, None or a tuple of such"
        ) from None
    return [tag, write(value)]


def from_json(item: list[Any]) -> Any:
    """The scalar that `to_json` wrote."""
    try:
        return _READ[item[0]](item[1])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ModelFileError(f"cannot read the stored value {item!r}") from error


def object_array(values: Iterable[Any]) -> Array:
    """An object array of one dimension, whatever the values are (tuples too)."""
    items = list(values)
    out = np.empty(len(items), dtype=object)
    for i, value in enumerate(items):
        out[i] = value
    return out


def blank_of(missing: Array) -> Any:
    """Which of None, NaN, NA and NaT stands for missing most often; None if nothing is missing."""
    seen = Counter(_BLANKS.get(type(value), "nan") for value in missing)
    return _BLANK_VALUES[seen.most_common(1)[0][0]] if seen else None


_BLANKS = {type(None): "none", type(pd.NA): "na", type(pd.NaT): "nat"}
_BLANK_VALUES = {"none": None, "na": pd.NA, "nat": pd.NaT, "nan": np.nan}


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
    if isinstance(dtype, pd.IntervalDtype):
        intervals: Any = values
        left, left_arrays = pack_values(intervals.left)
        right, right_arrays = pack_values(intervals.right)
        arrays = {f"left_{k}": a for k, a in left_arrays.items()}
        arrays |= {f"right_{k}": a for k, a in right_arrays.items()}
        return {"form": "interval", "left": left, "right": right, "closed": intervals.closed}, arrays
    if isinstance(dtype, pd.DatetimeTZDtype):
        plain = pd.DatetimeIndex(values).tz_convert(None).to_numpy()
        return {"form": "zoned", "unit": dtype.unit, "tz": str(dtype.tz)}, {"values": plain.view(np.int64)}
    if isinstance(dtype, np.dtype) and dtype.kind in "mM":
        return {"form": "time", "dtype": dtype.str}, {"values": values.to_numpy().view(np.int64)}
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return {"form": "array"}, {"values": np.ascontiguousarray(values.to_numpy())}
    items = values.to_numpy(dtype=object)
    if all(type(v) is str for v in items):
        encoded = [v.encode("utf-8", "surrogatepass") for v in items]
        offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
        text = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        return {"form": "text", "dtype": dtype_name(dtype)}, {"text": text, "offsets": offsets}
    return {"form": "items", "dtype": dtype_name(dtype), "items": [to_json(v) for v in items]}, {}


def unpack_values(config: dict[str, Any], arrays: dict[str, Array]) -> pd.Index:
    """The index that `pack_values` took apart."""
    try:
        return _UNPACK[config["form"]](config, arrays)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ModelFileError(f"stored values cannot be read: {error}") from error


def _interval(config: dict[str, Any], arrays: dict[str, Array]) -> pd.Index:
    def side(name: str) -> pd.Index:
        own = {k.removeprefix(f"{name}_"): a for k, a in arrays.items() if k.startswith(f"{name}_")}
        return unpack_values(config[name], own)

    return pd.IntervalIndex.from_arrays(side("left"), side("right"), closed=config["closed"])


def _zoned(config: dict[str, Any], arrays: dict[str, Array]) -> pd.Index:
    times = pd.DatetimeIndex(arrays["values"].view(f"M8[{config['unit']}]"))
    return times.tz_localize("UTC").tz_convert(config["tz"])


def _text(config: dict[str, Any], arrays: dict[str, Array]) -> pd.Index:
    data, offsets = arrays["text"].tobytes(), arrays["offsets"].tolist()
    parts = (data[a:b].decode("utf-8", "surrogatepass") for a, b in pairwise(offsets))
    return pd.Index(object_array(parts), dtype=dtype_from(config["dtype"]))


_UNPACK: dict[str, Callable[[dict[str, Any], dict[str, Array]], pd.Index]] = {
    "interval": _interval,
    "zoned": _zoned,
    "text": _text,
    "time": lambda config, arrays: pd.Index(arrays["values"].view(config["dtype"])),
    "array": lambda config, arrays: pd.Index(arrays["values"]),
    "items": lambda config, arrays: pd.Index(
        object_array(from_json(item) for item in config["items"]), dtype=dtype_from(config["dtype"])
    ),
}
