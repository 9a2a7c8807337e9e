"""Numbers, Decimals, dates, times and durations of Python, pandas or numpy in object columns, as SQL drivers do."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from ganaug.encoding.dtype_state import zone_from, zone_state
from ganaug.encoding.dtypes import (
    ColumnValues,
    NumericAdapterBase,
    RawColumn,
    TimesInUnit,
    clip_to,
    is_missing,
    midnights,
)
from ganaug.encoding.serialization import (
    ANY_DTYPE,
    AS_IT_IS,
    BLANK,
    TIME_ZONE,
    WHOLE_NUMBER,
    WHOLE_NUMBERS,
    YES_OR_NO,
    StoredField,
    blank_of,
    json_field,
    missing_in,
    object_array,
)
from ganaug.exceptions import InvalidDataError, InvalidTypeError, ModelFileError
from ganaug.utils.types import Array, DType

__all__ = [
    "TIMES",
    "DecimalAdapter",
    "DecimalAdapterBase",
    "ObjectNumberAdapter",
    "ObjectTimeAdapter",
    "decimals",
    "exponent_for",
    "in_units",
    "mixed_types",
    "rescale",
]

# --------------------------------------------------------------------------------------
# Integers and floats.


@dataclass(frozen=True)
class ObjectNumberAdapter(NumericAdapterBase):
    """Integers and floats of Python or numpy in an object column; ``dtype`` is their native dtype.

    ``whole`` and ``broken`` are the types, by name, of numbers without and with a fraction: 1 and 2.5 in one column
    stay an int and a float.
    """

    blank: object = None
    whole: str | None = None
    broken: str | None = None

    CONFIG: ClassVar[Mapping[str, StoredField]] = {
        "dtype": ANY_DTYPE,
        "blank": BLANK,
        "whole": AS_IT_IS,
        "broken": AS_IT_IS,
    }

    @classmethod
    def of(cls, raw: Array, dtype: DType) -> ObjectNumberAdapter:
        """The adapter of an object column whose numbers fit the dtype."""
        missing = missing_in(raw)
        values = raw[~missing]
        with np.errstate(invalid="ignore"):  # an infinity, which is refused by its column's name later
            fraction = values.astype(dtype) % 1 != 0
        return cls(dtype, blank_of(raw[missing]), _usual_type(values[~fraction]), _usual_type(values[fraction]))

    def read(self, raw: Any) -> ColumnValues:
        """Numbers."""
        missing = missing_in(raw)
        values = np.where(missing, 0, raw) if missing.any() else raw
        return ColumnValues(np.array(values.astype(self.dtype)), is_missing(missing))

    def write(self, cells: ColumnValues) -> RawColumn:
        """The column."""
        usual = "int" if self.dtype.kind in "iu" else "float"
        whole, broken = self.whole or self.broken or usual, self.broken or self.whole or usual
        if whole == broken:
            out = _as_type(cells.values, whole)
        else:
            fraction = cells.values % 1 != 0
            out = _as_type(cells.values, whole)
            out[fraction] = _as_type(cells.values[fraction], broken)
        if cells.missing is not None:
            out[cells.missing] = self.blank
        return out

    def _check_state(self) -> None:
        for name in (self.whole, self.broken):
            if name not in (None, "int", "float") and np.dtype(name).kind not in "iuf":
                raise ModelFileError(f"{name!r} is no type of numbers")


def _usual_type(values: Array) -> str | None:
    """The type that most of the numbers have: "int", "float", or the name of numpy's."""
    if not len(values):
        return None
    kind = Counter(map(type, values)).most_common(1)[0][0]
    return np.dtype(kind).str if issubclass(kind, np.generic) else str(kind.__name__)


def _as_type(values: Array, name: str) -> Array:
    """An object array of numbers of that type."""
    if name in ("int", "float"):
        return values.astype(np.int64 if name == "int" and values.dtype.kind == "f" else values.dtype).astype(object)
    dtype = np.dtype(name)
    out = np.empty(len(values), dtype=object)
    out[:] = list(clip_to(values, dtype).astype(dtype))
    return out


# --------------------------------------------------------------------------------------
# Decimals, dates, times and durations.


# Any number of so many digits fits an int64.
_DIGITS = 18
# Zeros appended to a rounded number, to give it as many decimals as the others have.
_MOST_ZEROS = 30
# A context of its own, because that of the thread may round.
_EXACT = decimal.Context(prec=100_000, Emin=-999_999, Emax=999_999, traps=[])


def _scaled(value: decimal.Decimal, power: int) -> decimal.Decimal:
    """The value times ten to the power, exactly."""
    sign, digits, exponent = value.as_tuple()
    return decimal.Decimal((sign, digits, int(exponent) + power))


def exponent_for(values: Sequence[decimal.Decimal], finest: int) -> int:
    """The smallest exponent, not below the finest, at which every value is a whole number that an int64 holds.

    Raises
    ------
    InvalidDataError
        If a value is infinite.
    """
    top = finest
    for value in values:
        if not value.is_finite():
            raise InvalidDataError(f"holds {value}; replace it with a finite number or None")
        if value:
            top = max(top, value.adjusted() - _DIGITS + 1)
    return top


def in_units(values: Sequence[decimal.Decimal], exponent: int) -> Array:
    """Whole numbers of ``10 ** exponent``, rounded to the nearest. (n,) -> (n,) int64.

    Raises
    ------
    InvalidDataError
        If one is infinite, or larger than what was seen in fit by so much that no int64 holds it.
    """
    try:
        return np.array([int(_EXACT.to_integral_value(_scaled(value, -exponent))) for value in values], dtype=np.int64)
    except (OverflowError, ValueError) as error:
        worst = next((value for value in values if not value.is_finite()), max(values, key=abs))
        raise InvalidDataError(f"holds {worst}; replace it with a finite number of ordinary size") from error


def decimals(units: Array, exponent: int, written: Sequence[int]) -> list[decimal.Decimal]:
    """Decimals of whole numbers of ``10 ** exponent``, each with the fewest decimals that hold it out of those written.

    Parameters
    ----------
    units : ndarray of shape (n,), dtype int64
    exponent : int
    written : sequence of int
        Exponents that Decimals may have, the largest first.
    """
    steps = [(power, 10 ** (power - exponent)) for power in written if exponent <= power <= exponent + _DIGITS]
    smallest = max(min(written), exponent - _MOST_ZEROS)
    zeros = 10 ** max(0, exponent - smallest)
    out = []
    for unit in units.tolist():
        found = next(((power, step) for power, step in steps if unit % step == 0), None)
        number, power = (unit * zeros, min(smallest, exponent)) if found is None else (unit // found[1], found[0])
        sign, digits = int(number < 0), tuple(map(int, str(abs(number))))
        out.append(decimal.Decimal((sign, digits, power)))
    return out


def rescale(cells: ColumnValues, given: int, own: int) -> ColumnValues:
    """Convert whole numbers to another exponent."""
    if given == own:
        return cells
    numbers = [decimal.Decimal(unit) for unit in cells.values.tolist()]
    return ColumnValues(in_units([_scaled(number, given) for number in numbers], own), cells.missing)


class DecimalAdapterBase(NumericAdapterBase):
    """What Decimals of Python and of Arrow share: they are learnt as whole numbers of ``10 ** exponent``."""

    exponent: int

    @property
    def family(self) -> str:
        """All Decimals are of one family."""
        return "decimal"

    @property
    def exact(self) -> bool:
        """Whole numbers are whole numbers."""
        return True

    @property
    def inner(self) -> DType:
        """Of the whole numbers."""
        return np.dtype(np.int64)


@dataclass(frozen=True)
class DecimalAdapter(DecimalAdapterBase):
    """Decimals in an object column, with their numbers of decimals; and integers of more than 64 bits.

    Attributes
    ----------
    exponent : int
        What is learnt are whole numbers of ``10 ** exponent``.
    written : tuple of int
        The exponents that occurred, the largest first: -2 is two decimals.
    whole : bool
        Whether values without decimals are ints.
    blank : object
        What stands for missing.
    """

    dtype: DType = field(default=np.dtype(object), kw_only=True)
    exponent: int
    written: tuple[int, ...]
    whole: bool
    blank: object

    CONFIG: ClassVar[Mapping[str, StoredField]] = {
        "exponent": WHOLE_NUMBER,
        "written": WHOLE_NUMBERS,
        "whole": YES_OR_NO,
        "blank": BLANK,
    }

    @classmethod
    def fit(cls, raw: Any) -> Self:
        """The adapter of a column."""
        missing = missing_in(raw)
        given = raw[~missing]
        values = _as_decimals(given)
        exponent_for(values, 0)  # refuses infinities, which have no exponent
        written = tuple(sorted({int(value.as_tuple().exponent) for value in values}, reverse=True))
        whole = sum(type(v) is int for v in given) * 2 > sum(v.as_tuple().exponent == 0 for v in values)
        return cls(exponent_for(values, written[-1]), written, whole, blank_of(raw[missing]))

    @property
    def remark(self) -> str | None:
        """What a user should know of it."""
        if self.exponent <= self.written[-1]:
            return None
        return (
            f"holds numbers of more than {_DIGITS} digits; the digits below 1E{self.exponent:+d} are not learnt, and "
            "are zeros in synthetic rows. If it is an identifier, drop it or make it text"
        )

    def read(self, raw: Any) -> ColumnValues:
        """Whole numbers of the exponent."""
        missing = missing_in(raw)
        _check_types(raw[~missing], {decimal.Decimal, int}, "Decimal")
        units = np.zeros(len(raw), dtype=np.int64)
        units[~missing] = in_units(_as_decimals(raw[~missing]), self.exponent)
        return ColumnValues(units, is_missing(missing))

    def read_as(self, given: Any, raw: object) -> ColumnValues:
        """Decimals kept in another way."""
        return rescale(given.read(raw), given.exponent, self.exponent)

    def write(self, cells: ColumnValues) -> RawColumn:
        """The column."""
        values: list[Any] = decimals(cells.values, self.exponent, self.written)
        if self.whole:
            values = [int(value) if value.as_tuple().exponent == 0 else value for value in values]
        return _with_blanks(values, cells, self.blank)


def _as_decimals(values: Iterable[decimal.Decimal | int]) -> list[decimal.Decimal]:
    return [value if type(value) is decimal.Decimal else decimal.Decimal(value) for value in values]


def _check_types(values: Iterable[object], known: set[type], name: str) -> None:
    odd = sorted({type(value).__name__ for value in values if type(value) not in known})
    if odd:
        raise InvalidDataError(f"holds {', '.join(odd)} but held {name} in fit; convert it back")


def _with_blanks(values: list[Any], cells: ColumnValues, blank: object) -> Array:
    out = object_array(values)
    if cells.missing is not None:
        out[cells.missing] = blank
    return out


# --------------------------------------------------------------------------------------
# Dates, times and durations.


@dataclass(frozen=True)
class _Times:
    """One type of times: as numpy's datetime64 or timedelta64, and back."""

    type: type
    counted: str  # "M" for instants, "m" for durations
    read: Callable[[list[Any]], Array]
    write: Callable[[Array, dt.tzinfo | None], list[Any]]
    low: Any = None
    high: Any = None


def _utc(value: dt.datetime) -> dt.datetime:
    return value if value.tzinfo is None else value.astimezone(dt.UTC).replace(tzinfo=None)


def _datetimes(times: Array, zone: dt.tzinfo | None) -> list[Any]:
    local: list[Any] = times.tolist()
    if zone is None:
        return local
    return [value.replace(tzinfo=dt.UTC).astimezone(zone) for value in local]


def _durations(values: list[Any]) -> Array:
    counts = [(v.days * 86_400 + v.seconds) * 1_000_000 + v.microseconds for v in values]
    return np.array(counts, dtype=np.int64).view("m8[us]")


def _clocks(values: list[Any]) -> Array:
    seconds = [(v.hour * 60 + v.minute) * 60 + v.second for v in values]
    counts = np.array(seconds, dtype=np.int64) * 1_000_000 + np.array([v.microsecond for v in values], dtype=np.int64)
    return counts.view("m8[us]")


def _times_of_day(times: Array, zone: dt.tzinfo | None) -> list[Any]:
    midnight = dt.datetime(2000, 1, 1)
    return [(midnight + duration).time().replace(tzinfo=zone) for duration in times.tolist()]


def _timestamps(times: Array, zone: dt.tzinfo | None) -> list[Any]:
    index = pd.DatetimeIndex(times)
    return list(index if zone is None else index.tz_localize("UTC").tz_convert(zone))


def _finest(values: list[Any]) -> Array:
    """Timestamps or Timedeltas in the finest of their units."""
    unit = max((value.unit for value in values), key=["s", "ms", "us", "ns"].index)
    return np.array([value.as_unit(unit).to_numpy() for value in values])


TIMES: dict[str, _Times] = {
    "date": _Times(
        dt.date,
        "M",
        lambda values: np.array(values, dtype="M8[D]"),
        lambda times, zone: times.tolist(),
        np.datetime64(dt.date.min),
        np.datetime64(dt.date.max),
    ),
    "datetime": _Times(
        dt.datetime,
        "M",
        lambda values: np.array([_utc(value) for value in values], dtype="M8[us]"),
        _datetimes,
        np.datetime64(dt.datetime(1, 1, 2)),  # a day within, for the offset of a zone
        np.datetime64(dt.datetime(9999, 12, 30, 23, 59, 59, 999_999)),
    ),
    "time": _Times(
        dt.time, "m", _clocks, _times_of_day, np.timedelta64(0, "us"), np.timedelta64(86_400_000_000 - 1, "us")
    ),
    "timedelta": _Times(dt.timedelta, "m", _durations, lambda times, zone: times.tolist()),
    "Timestamp": _Times(pd.Timestamp, "M", _finest, _timestamps),
    "Timedelta": _Times(pd.Timedelta, "m", _finest, lambda times, zone: list(pd.TimedeltaIndex(times))),
    "datetime64": _Times(np.datetime64, "M", np.array, lambda times, zone: list(times)),
    "timedelta64": _Times(np.timedelta64, "m", np.array, lambda times, zone: list(times)),
}


UNIT = json_field(str, lambda unit: np.dtype(unit).str)


@dataclass(frozen=True)
class ObjectTimeAdapter(TimesInUnit):
    """Objects of one of the types of `TIMES`, learnt as counts of the finest unit that they have.

    Attributes
    ----------
    kind : str
        A key of `TIMES`.
    unit : str
        numpy's dtype of the counts.
    zone : tzinfo or None
        Of instants. All of a column have the same.
    blank : object
        What stands for missing.
    """

    dtype: DType = field(default=np.dtype(object), kw_only=True)
    kind: str
    unit: str
    zone: dt.tzinfo | None
    blank: object
    days: bool | None = None

    CONFIG: ClassVar[Mapping[str, StoredField]] = {
        "kind": AS_IT_IS,
        "unit": UNIT,
        "zone": TIME_ZONE,
        "blank": BLANK,
        "days": AS_IT_IS,
    }

    @property
    def family(self) -> str:
        """Times of day are no durations, and zoned times no local ones."""
        if self.kind == "time":
            return "clock"
        return "zoned" if self.zone is not None else f"time {self.counted.kind}"

    @property
    def counted(self) -> DType:
        """The unit, as numpy's dtype of it."""
        return np.dtype(self.unit)

    @property
    def limits(self) -> tuple[int, int] | None:
        """Counts of the first and the last time that its type has."""
        kind = TIMES[self.kind]
        if kind.low is None:
            return None
        low, high = (end.astype(self.counted).astype(np.int64) for end in (kind.low, kind.high))
        return int(low), int(high)

    @classmethod
    def of(cls, raw: Array, kind: str) -> Self:
        """The adapter of an object column of that type.

        Raises
        ------
        InvalidDataError
            If they have several time zones, or a duration of more than 290,000 years.
        InvalidTypeError
            If the zone cannot be stored.
        """
        missing = missing_in(raw)
        values = list(raw[~missing])
        zone = _only_zone(values)
        own = cls(kind, _read(kind, values).dtype.str, zone, blank_of(raw[missing]))
        return replace(own, days=own._has_days(raw, zone)) if own.family == "zoned" else own

    def read(self, raw: Any) -> ColumnValues:
        """Counts of the unit."""
        missing = missing_in(raw)
        values = list(raw[~missing])
        _check_types(values, {TIMES[self.kind].type}, self.kind)
        if any((getattr(value, "tzinfo", None) is None) != (self.zone is None) for value in values):
            raise InvalidDataError(f"mixes times with a zone and local ones; those in fit had the zone {self.zone}")
        times = _read(self.kind, values) if values else np.zeros(0, self.counted)
        counts = np.zeros(len(raw), dtype=np.int64)
        counts[~missing] = times.astype(self.counted).view(np.int64)
        return ColumnValues(counts, is_missing(missing))

    def write(self, cells: ColumnValues) -> RawColumn:
        """The column."""
        counts = cells.values.astype(np.int64)
        if self.limits is not None:
            counts = counts.clip(*self.limits)
        if self.days:
            counts = midnights(counts.view(self.counted), self.zone).view(np.int64)
        return _with_blanks(TIMES[self.kind].write(counts.view(self.counted), self.zone), cells, self.blank)

    def _check_state(self) -> None:
        if self.counted.kind != TIMES[self.kind].counted:
            raise ModelFileError(f"{self.unit} does not count objects of type {self.kind}")


def _read(kind: str, values: list[Any]) -> Array:
    try:
        return TIMES[kind].read(values)
    except (OverflowError, pd.errors.OutOfBoundsDatetime, pd.errors.OutOfBoundsTimedelta) as error:
        raise InvalidDataError(
            f"holds times that are out of reach of one unit ({error}); round or split them"
        ) from error


def _only_zone(values: list[Any]) -> dt.tzinfo | None:
    """The time zone of all values; None if they have none."""
    zones = {id(zone): zone for zone in (getattr(value, "tzinfo", None) for value in values)}
    states = {json.dumps(zone_state(zone)): zone for zone in zones.values()}
    if len(states) > 1:
        shown = ", ".join(sorted(str(zone) for zone in states.values())[:3])
        raise InvalidDataError(
            f"has times of several zones ({shown}); make them one with pd.to_datetime(column, utc=True)"
        )
    # a zone of pytz has one object for each of its offsets
    return zone_from(json.loads(next(iter(states)))) if states else None


def mixed_types(types: set[type]) -> InvalidTypeError:
    """The error about a column of several types of numbers or times."""
    names = ", ".join(sorted(kind.__name__ for kind in types))
    return InvalidTypeError(
        f"mixes {names}, which would be learnt as categories and not as numbers or times; make them one type, for "
        "example with astype(float) or pd.to_datetime(column)"
    )
