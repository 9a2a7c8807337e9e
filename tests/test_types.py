"""Every type works and comes back as it was, or is refused by its column's name before anything is trained."""

from __future__ import annotations

import copy
import datetime as dt
import enum
import importlib.util
import json
import pickle
import uuid
import zoneinfo
from decimal import Decimal

import dateutil.tz
import numpy as np
import pandas as pd
import pytest
from helpers import cases, tabular_gan

import ganaug
from ganaug import GANOversampler, SeriesGAN, SmoothedBootstrap, TabularGAN
from ganaug.encoding import TableCodec
from ganaug.encoding.dtype_state import zone_from, zone_state
from ganaug.encoding.dtypes import ColumnValues, TimeAdapter
from ganaug.encoding.serialization import from_json, to_json, unpack_values
from ganaug.exceptions import DataWarning, InvalidDataError, InvalidTypeError, ModelFileError
from ganaug.metrics.features import TableReader

pa = pytest.importorskip("pyarrow")

N = 60
UTC = dt.UTC
PARIS = zoneinfo.ZoneInfo("Europe/Paris")
# Over the end of summer time: each half hour between two and three is there twice.
MOMENTS = [dt.datetime(2023, 10, 28, 23, 0) + dt.timedelta(minutes=30 * i) for i in range(13)]
DAYS = [dt.date(2020, 1, 1) + dt.timedelta(days=i * i) for i in range(17)]
PRICES = [Decimal(cents).scaleb(-2) for cents in (-1050, 0, 199, 1999, 2500, 99999, 120, 40, 77, 1010, 5)]
CLOCKS = [dt.time(0), dt.time(9, 30), dt.time(23, 59, 59), dt.time(12, 15)]

ZONES = {
    "utc": UTC,
    "key": PARIS,
    "key of UTC": zoneinfo.ZoneInfo("UTC"),
    "offset named like a region": dt.timezone(dt.timedelta(hours=2), "CET"),
    "offset named UTC": dt.timezone(dt.timedelta(hours=5), "UTC"),
    "negative offset": dt.timezone(dt.timedelta(hours=-3, minutes=-30)),
    "offset with seconds": dt.timezone(dt.timedelta(seconds=3601)),
    "offset with microseconds": dt.timezone(dt.timedelta(seconds=1, microseconds=5)),
    "named zero": dt.timezone(dt.timedelta(0), "Z"),
    "tzutc": dateutil.tz.tzutc(),
    "tzlocal": dateutil.tz.tzlocal(),
    "gettz": dateutil.tz.gettz("Europe/Paris"),
    "tzoffset": dateutil.tz.tzoffset("CET", 7200),
    "tzoffset without a name": dateutil.tz.tzoffset(None, -3601),
}
if importlib.util.find_spec("pytz"):
    import pytz

    ZONES |= {"pytz": pytz.timezone("Europe/Paris"), "pytz offset": pytz.FixedOffset(90), "pytz UTC": pytz.utc}


def objects(values, blank=None):
    """An object column in which each seventh is missing."""
    out = np.empty(N, dtype=object)
    for i in range(N):
        out[i] = blank if i % 7 == 0 else values[i % len(values)]
    return pd.Series(out, dtype=object)


def arrow(values, kind):
    cells = [None if i % 7 == 0 else values[i % len(values)] for i in range(N)]
    if pa.types.is_dictionary(kind):
        held = pa.array(cells, kind.value_type).dictionary_encode()
        held = pa.DictionaryArray.from_arrays(held.indices.cast(kind.index_type), held.dictionary, ordered=kind.ordered)
    else:
        held = pa.array(cells, kind)
    return pd.Series(pd.arrays.ArrowExtensionArray(held))


def category(values):
    return pd.Series(pd.Categorical(objects(values, blank=None)))


def moments_in(zone):
    return [moment.replace(tzinfo=UTC).astimezone(zone) for moment in MOMENTS]


ARROW = {
    "timestamp s": (MOMENTS, pa.timestamp("s")),
    "timestamp ns": (MOMENTS, pa.timestamp("ns")),
    "timestamp of a zone": (moments_in(UTC), pa.timestamp("ms", "Europe/Paris")),
    "timestamp of an offset": (moments_in(UTC), pa.timestamp("us", "+02:00")),
    "date32": (DAYS, pa.date32()),
    "date64": (DAYS, pa.date64()),
    "time32": (CLOCKS, pa.time32("s")),
    "time64": (CLOCKS, pa.time64("ns")),
    "duration": ([dt.timedelta(seconds=s) for s in (1, 60, 7200)], pa.duration("us")),
    "decimal128": (PRICES, pa.decimal128(10, 2)),
    "decimal256": (PRICES, pa.decimal256(50, 6)),
    "wide decimal": (PRICES, pa.decimal128(38, 10)),
    "dictionary": (["a", "b"], pa.dictionary(pa.int8(), pa.string())),
    "ordered dictionary": (["a", "b"], pa.dictionary(pa.int16(), pa.large_string(), True)),
    "dictionary of integers": ([5, 6, 7], pa.dictionary(pa.int32(), pa.int64())),
    "dictionary of days": (DAYS[:3], pa.dictionary(pa.int8(), pa.date32())),
    "string": (["a", "b"], pa.string()),
    "large string": (["a", "b"], pa.large_string()),
    "bool": ([True, False], pa.bool_()),
    "int8": ([1, -5, 7], pa.int8()),
    "uint64": ([1, 2**64 - 1], pa.uint64()),
    "float": ([0.5, 1.5, -2.0], pa.float32()),
    "double": ([0.5, 1.5, -2.0], pa.float64()),
    "binary": ([b"a", b"bc"], pa.binary()),
    "fixed binary": ([b"ab", b"bc"], pa.binary(2)),
}
OBJECTS = {
    "Decimal": objects(PRICES),
    "Decimal, NaN missing": objects(PRICES, np.nan),
    "Decimal, Decimal NaN missing": objects(PRICES, Decimal("NaN")),
    "Decimal without decimals": objects([Decimal(5), Decimal(70), Decimal(12)]),
    "Decimal of thousands": objects([Decimal("1E+3"), Decimal("15E+3")]),
    "Decimal, very small": objects([Decimal("1E-20"), Decimal("35E-20")]),
    "Decimal as written": objects([Decimal("1.1"), Decimal("2"), Decimal("0.25")]),
    "Decimal and int": objects([Decimal("1.5"), 2, Decimal("3.5")]),
    "date": objects(DAYS),
    "date, NaN missing": objects(DAYS, np.nan),
    "date, the first and the last": objects([dt.date.min, dt.date.max, dt.date(1000, 1, 1)]),
    "datetime": objects(MOMENTS),
    "time": objects(CLOCKS),
    "time of a zone": objects([clock.replace(tzinfo=UTC) for clock in CLOCKS]),
    "timedelta": objects([dt.timedelta(days=3, seconds=5), dt.timedelta(microseconds=-7)]),
    "Timestamp": objects([pd.Timestamp("2020-01-01"), pd.Timestamp("2021-01-01 00:00:00.123456789")], pd.NaT),
    "Timedelta": objects([pd.Timedelta(5, "ns"), pd.Timedelta(3, "h")], pd.NaT),
    "numpy days": objects([np.datetime64("2020-01-01"), np.datetime64("2021-05-05")]),
    "numpy durations": objects([np.timedelta64(5, "s"), np.timedelta64(70, "s")]),
    "int and float": objects([1, 2.5, 7]),
    "numpy integers": objects([np.int32(5), np.int32(80)]),
    "numpy floats": objects([np.float32(0.5), np.float32(0.1)]),
    "huge integers": objects([2**63 + 5, 2**64 - 1, 7]),
    "bool": objects([True, False]),
    "numpy bool": objects([np.True_, np.False_]),
    "UUID": objects([uuid.UUID(int=i) for i in range(5)]),
    "bytes": objects([b"x", b"yy"]),
    "tuple": objects([(1, "a"), (2, "b")]),
    "Period": objects([pd.Period("2020-01", "M"), pd.Period("2021-05", "M")]),
    "Interval": objects([pd.Interval(0, 1), pd.Interval(1, 2)]),
    "numpy text": objects([np.str_("a"), np.str_("b")]),
}
CATEGORIES = {
    "Period": category([pd.Period("2020-01", "M"), pd.Period("2021-05", "M")]),
    "Decimal": category([Decimal("1.10"), Decimal("2.00")]),
    "date": category(DAYS[:3]),
    "time": category(CLOCKS),
    "text and numbers": category([1, "a"]),
    "tuple": category([(1, "a"), (2, "b")]),
    "Arrow's text": pd.Series(pd.Categorical(pd.array(["a", "b"] * 30, dtype=pd.ArrowDtype(pa.string())))),
    "Arrow's decimals": pd.Series(pd.Categorical(arrow(PRICES[:3], pa.decimal128(9, 2)))),
    "intervals of zoned times": pd.Series(pd.cut(pd.DatetimeIndex(MOMENTS * 5, tz="UTC")[:N].tz_convert(PARIS), 4)),
}
EMPTY = ("Int64", "boolean", "Float32", "string", "str", "datetime64[s, Europe/Paris]", "timedelta64[us]", "category")


def columns():
    yield from ((f"object: {name}", column) for name, column in OBJECTS.items())
    yield from ((f"category: {name}", column) for name, column in CATEGORIES.items())
    for name, (values, kind) in ARROW.items():
        yield f"arrow: {name}", arrow(values, kind)
        yield f"arrow, all null: {name}", arrow([None], kind)
    yield "arrow: null", arrow([None], pa.null())
    yield from ((f"all missing: {dtype}", pd.Series([None] * N, dtype=dtype)) for dtype in (*EMPTY, "object", "float"))
    for name, zone in ZONES.items():
        times = pd.DatetimeIndex(MOMENTS).tz_localize("UTC").tz_convert(zone)
        yield f"{name}: column", pd.Series([pd.NaT if i % 7 == 0 else times[i % 13] for i in range(N)])
        yield f"{name}: categories", pd.Series([times[i % 13] for i in range(N)]).astype("category")
        yield f"{name}: datetimes", objects(moments_in(zone))
        yield f"{name}: Timestamps", objects(list(times), pd.NaT)


COLUMNS = dict(columns())


def told(value):
    """What a cell is, to the last detail."""
    zone = getattr(value, "tzinfo", None)
    offset = value.utcoffset() if isinstance(zone, dt.tzinfo) and value is not pd.NaT else None
    return type(value).__name__, repr(value), type(zone).__name__, offset


def assert_same(found, wanted):
    assert list(found.columns) == list(wanted.columns)
    for name in wanted:
        assert found[name].dtype == wanted[name].dtype, name
        if isinstance(wanted[name].dtype, pd.DatetimeTZDtype):
            assert type(found[name].dt.tz) is type(wanted[name].dt.tz), name
        assert list(map(told, found[name])) == list(map(told, wanted[name])), name


@cases("name", COLUMNS)
def test_a_column_of_every_type_comes_back(name):
    X = pd.DataFrame({name: COLUMNS[name], "z": np.random.default_rng(0).normal(size=N)})
    codec = TableCodec().fit(X)
    Z = codec.encode(X)
    assert_same(codec.decode(Z)[[name]], X[[name]])
    config, arrays = codec.get_state()
    again = TableCodec.from_state(json.loads(json.dumps(config)), arrays)
    made = codec.decode(np.random.default_rng(1).normal(size=(200, codec.width)) * 3)
    kinds = set(map(type, X[name]))
    assert made[name].dtype == X[name].dtype and set(map(type, made[name])) <= kinds
    seen = codec.encode(made)
    back = codec.decode(seen)
    for one in (again, pickle.loads(pickle.dumps(codec)), copy.deepcopy(codec)):
        assert_same(one.decode(one.encode(made)), back)
    np.testing.assert_array_equal(codec.round_trip(seen), seen)


def of_all_types():
    """A table with a column of each type, but not of each zone, and without the columns that hold nothing."""
    zones = [f"{name}:" for name in ZONES if name not in ("key", "offset named like a region", "tzutc", "gettz")]
    return pd.DataFrame(
        {name: c for name, c in COLUMNS.items() if "null: " not in name and not name.startswith(tuple(zones))}
    )


def test_a_model_of_all_types_comes_back(tmp_path):
    X = of_all_types()
    y = pd.Series(np.where(np.arange(N) % 3 == 0, "rare", "usual"), dtype="string", name="kind")
    # not "copies": where one cell is missing all are, so that rows are copies, which a loaded model cannot look for
    gan = tabular_gan(max_steps=2, curate=("rules", "outliers")).fit(X, y)
    rows, labels = gan.sample(30, random_state=5)
    assert (rows.dtypes == X.dtypes).all() and labels.dtype == y.dtype and labels.name == "kind"
    for name in X:
        assert set(map(type, rows[name])) <= set(map(type, X[name])), name
    gan.save(tmp_path / "model")
    scores = gan.score_samples(rows)
    for one in (ganaug.load(tmp_path / "model"), pickle.loads(pickle.dumps(gan)), copy.deepcopy(gan)):
        assert_same(one.sample(30, random_state=5)[0], rows)
        np.testing.assert_array_equal(one.score_samples(rows), scores)


def test_an_oversampler_of_many_types_in_two_processes():
    X = of_all_types().iloc[:, ::4]
    y = np.repeat([0, 1, 2], [30, 15, 15])
    one, two = (
        GANOversampler(generator=tabular_gan(max_steps=2, random_state=None), n_jobs=n_jobs, random_state=0)
        for n_jobs in (1, 2)
    )
    rows, _ = one.fit_resample(X, y)
    assert len(rows) == 90 and (rows.dtypes == X.dtypes).all()
    assert_same(two.fit_resample(X, y)[0], rows)
    assert_same(rows.iloc[:N], X)
    bootstrap = SmoothedBootstrap(random_state=0).fit(X, y)
    assert_same(
        pickle.loads(pickle.dumps(bootstrap)).sample(9, random_state=1)[0], bootstrap.sample(9, random_state=1)[0]
    )


def test_metrics_read_decimals_and_times_as_numbers():
    names = ["object: Decimal", "object: time", "object: timedelta", "object: date", "arrow: duration", "arrow: date64",
             "arrow: decimal256", "arrow: time64", "arrow: timestamp of a zone"]  # fmt: skip
    X = pd.DataFrame({name: COLUMNS[name] for name in names})
    reader = TableReader().fit(X)
    assert {column.kind for column in reader.columns} == {"number"}
    values = dict(zip(names, reader.read(X), strict=True))
    assert values["object: Decimal"][1] == values["arrow: decimal256"][1] == 0.0
    assert values["object: time"][1] == values["arrow: time64"][1] == 9.5 * 3600
    assert values["arrow: date64"][0] != values["arrow: date64"][0]  # a missing value
    assert values["object: date"][1] == pd.Timestamp("2020-01-02").timestamp()
    assert ganaug.metrics.evaluate(X, X.iloc[::-1])


# ---------------------------------------------------------------- numbers and times in object columns


def generated(column, n=300):
    codec = TableCodec().fit(pd.DataFrame({"v": column}))
    return codec, codec.decode(np.random.default_rng(1).normal(size=(n, codec.width)))["v"]


def test_decimals_are_numbers_with_their_decimals():
    r = np.random.default_rng(0)
    real = pd.Series([Decimal(int(c)).scaleb(-2) for c in r.gamma(2, 4000, 2000)], dtype=object)
    codec, made = generated(real)
    assert codec.column_summary()[0]["kind"] == "number"
    assert {type(v) for v in made} == {Decimal} and {v.as_tuple().exponent for v in made} == {-2}
    assert len(set(made) - set(real)) > 50 and min(real) <= min(made) and max(made) <= max(real)


def test_dates_are_numbers_and_may_be_days_never_seen():
    r = np.random.default_rng(0)
    real = pd.Series([dt.date(2020, 1, 1) + dt.timedelta(days=int(d)) for d in r.integers(0, 9000, 500)], dtype=object)
    codec, made = generated(real)
    assert codec.column_summary()[0]["kind"] == "number"
    assert {type(v) for v in made} == {dt.date} and len(set(made) - set(real)) > 50


def test_decimals_of_several_exponents_have_as_few_as_hold_them():
    _, made = generated(objects([Decimal("1.5"), Decimal("2"), Decimal("0.25"), Decimal("7.75"), Decimal("19")]))
    present = made.dropna()
    assert {v.as_tuple().exponent for v in present} <= {0, -1, -2}
    assert all(v == v.normalize() and len(v.as_tuple().digits) <= len(v.normalize().as_tuple().digits) for v in present
               if v.as_tuple().exponent < 0)  # fmt: skip


@cases(
    "values",
    [
        [Decimal(1) / Decimal(3) * 10**12, Decimal(2) / Decimal(7), Decimal("1E5")],
        [Decimal.from_float(0.1), Decimal.from_float(0.7), Decimal.from_float(123.4)],  # the whole binary fraction
        [2**70 + 1, 2**71 + 3, 5],
        [Decimal("1E400"), Decimal("3"), Decimal("1E-400")],
    ],
)
def test_more_digits_than_can_be_learnt_are_told(values):
    column = objects(values)
    with pytest.warns(DataWarning, match=r"column 'v' holds numbers of more than 18 digits; the digits below 1E"):
        codec = TableCodec().fit(pd.DataFrame({"v": column}))
    back = codec.decode(codec.encode(pd.DataFrame({"v": column})))["v"]
    for one, other in zip(column.dropna(), back.dropna(), strict=True):
        assert type(one) is type(other) and abs(one - other) <= max(values) / 10**17


def test_the_digits_of_decimals_do_not_depend_on_the_context():
    import decimal

    X = pd.DataFrame({"v": objects([Decimal("123456789.123456"), Decimal("2.000001")])})
    with decimal.localcontext(decimal.Context(prec=3)):
        codec = TableCodec().fit(X)
        back = codec.decode(codec.encode(X))
    assert_same(back, X)


def test_arrow_decimals_of_too_many_digits_are_told():
    column = arrow([Decimal("12345678901234567890.12"), Decimal("1.50")], pa.decimal128(38, 2))
    with pytest.warns(DataWarning, match="column 'v' holds numbers of more than 18 digits"):
        codec = TableCodec().fit(pd.DataFrame({"v": column}))
    made = codec.decode(np.random.default_rng(0).normal(size=(50, codec.width)))
    assert made["v"].dtype == column.dtype


def test_ranges_may_be_left_but_not_what_the_type_can_hold():
    for column in (objects([dt.date.min, dt.date.max, dt.date(1, 1, 5)]), objects(CLOCKS), objects(MOMENTS),
                   arrow(CLOCKS, pa.time64("us")), arrow(PRICES, pa.decimal128(5, 2))):  # fmt: skip
        column = pd.concat([column, column, column[column.notna()].head(1)], ignore_index=True)
        codec = TableCodec(keep_range=False).fit(pd.DataFrame({"v": column}))
        made = codec.decode(np.random.default_rng(0).normal(size=(300, codec.width)) * 100)
        assert made["v"].dtype == column.dtype


@cases(
    ("seen", "given"),
    [
        ("object: Decimal", arrow(PRICES, pa.decimal128(12, 4))),
        ("arrow: decimal128", objects(PRICES)),
        ("object: date", arrow(DAYS, pa.date32())),
        ("object: date", objects(DAYS).astype("datetime64[s]")),
        ("arrow: date32", objects(DAYS)),
        ("arrow: timestamp s", objects(MOMENTS).astype("datetime64[ns]")),
        ("arrow: timestamp of a zone", objects(moments_in(PARIS))),
        ("key: column", objects(moments_in(UTC))),
        ("object: time", arrow(CLOCKS, pa.time32("s"))),
        ("arrow: duration", pd.Series(pd.to_timedelta([1, 60, 7200] * 20, unit="s"))),
        ("object: date", pd.Series([None] * N, dtype=object)),
        ("object: Decimal", pd.Series([np.nan] * N)),
    ],
)
def test_one_dtype_stands_in_for_another_where_nothing_is_lost(seen, given):
    codec = TableCodec().fit(pd.DataFrame({"v": COLUMNS[seen]}))
    Z = codec.encode(pd.DataFrame({"v": given}))
    back = codec.decode(Z)["v"]
    assert back.dtype == COLUMNS[seen].dtype
    np.testing.assert_array_equal(back.isna(), given.isna())


@cases(
    ("seen", "given", "words"),
    [
        ("object: date", objects(MOMENTS), "column 'v': holds datetime but held date in fit"),
        ("object: Decimal", objects(["a"]), "column 'v': holds str but held Decimal in fit"),
        ("object: Decimal", objects([Decimal("Infinity")]), "column 'v': holds Infinity"),
        ("object: date", objects(MOMENTS).astype("datetime64[us]"), "column 'v': has times that .* cannot hold"),
        ("arrow: date32", pd.Series(range(N)), "column 'v': has dtype int64 but had date32"),
        ("key: datetimes", objects(MOMENTS), "column 'v': mixes times with a zone and local ones"),
        ("object: time", objects([dt.timedelta(1)]), "column 'v': holds timedelta but held time"),
    ],
)
def test_what_does_not_stand_in_is_named(seen, given, words):
    codec = TableCodec().fit(pd.DataFrame({"v": COLUMNS[seen]}))
    with pytest.raises(InvalidDataError, match=words):
        codec.encode(pd.DataFrame({"v": given}))


# ---------------------------------------------------------------- refused before the training


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class OwnZone(dt.tzinfo):
    def utcoffset(self, moment):
        return dt.timedelta(hours=1)

    def dst(self, moment):
        return dt.timedelta(0)

    def tzname(self, moment):
        return "Europe/Paris"


def of_own_zone():
    with open(f"{zoneinfo.TZPATH[0]}/Asia/Tokyo", "rb") as file:
        return zoneinfo.ZoneInfo.from_file(file, key="Europe/Paris")


def names_of(column):
    return column.map(lambda member: member.name, na_action="ignore")


REFUSED = {
    # name: (column, words of the message, what the message says to do)
    "Enum": (objects([Colour.RED, Colour.BLUE]), "Colour.*name", names_of),
    "IntEnum": (objects([Size.SMALL, Size.LARGE]), "Size.*name", names_of),
    "category of Enum": (category([Colour.RED, Colour.BLUE]), "Colour.*name", names_of),
    "category of objects": (category([1 + 0j, 2 + 0j]), "complex", lambda v: v.map(str)),
    "list": (objects([[1], [2]]), "nested.*list.*spread", None),
    "dict": (objects([{"a": 1}]), "nested.*dict.*spread", None),
    "frozenset": (objects([frozenset([1]), frozenset([2])]), "frozenset.*spread", None),
    "complex": (objects([1j, 2j]), "Complex", None),
    "Infinity": (
        objects([Decimal("Infinity"), Decimal(1)]),
        "Infinity.*None",
        lambda v: v.where(v != Decimal("Infinity"), None),
    ),
    "negative Infinity": (objects([Decimal("-Infinity")]), "Infinity", None),
    "sNaN": (objects([Decimal("sNaN"), Decimal(1)]), "sNaN", None),
    "date and datetime": (objects([DAYS[0], MOMENTS[0]]), "mixes date, datetime.*to_datetime", pd.to_datetime),
    "Decimal and float": (objects([Decimal(1), 2.5]), "mixes Decimal, float.*astype", lambda v: v.astype(float)),
    "several zones": (
        objects([MOMENTS[0].replace(tzinfo=UTC), MOMENTS[0].replace(tzinfo=PARIS)]),
        r"several zones.*utc=True",
        lambda v: pd.to_datetime(v, utc=True),
    ),
    "zoned and local": (objects([MOMENTS[0], MOMENTS[0].replace(tzinfo=UTC)]), "several zones", None),
    "a zone of the user's": (
        pd.Series(pd.DatetimeIndex(MOMENTS * 5, tz=OwnZone())[:N]),
        r"OwnZone.*tz_convert\('UTC'\)",
        lambda v: v.dt.tz_convert("UTC"),
    ),
    "a zone under a false key": (
        pd.Series(pd.DatetimeIndex(MOMENTS * 5, tz=of_own_zone())[:N]),
        "Europe/Paris.*tz_convert",
        lambda v: v.dt.tz_convert("UTC"),
    ),
    "period": (
        pd.Series(pd.period_range("2020", periods=N, freq="D")),
        "period.*to_timestamp",
        lambda v: v.dt.to_timestamp(),
    ),
    "interval": (
        pd.Series(pd.interval_range(0, 3).repeat(20)),
        r"interval.*astype\('category'\)",
        lambda v: v.astype("category"),
    ),
    "Arrow's list": (arrow([[1], [2]], pa.list_(pa.int64())), "list<.*spread", None),
    "Arrow's struct": (arrow([{"a": 1}], pa.struct([("a", pa.int64())])), "struct<.*spread", None),
    "long durations": (objects([dt.timedelta(days=999_999_999)]), "out of reach", None),
    "object()": (objects([object()]), "object.*text or a number", lambda v: v.map(lambda one: "it")),
}  # fmt: skip


def never(event):
    raise AssertionError("the training has begun")


@cases("name", REFUSED)
def test_what_cannot_come_back_is_refused_before_the_training(name):
    column, words, remedy = REFUSED[name]
    X = pd.DataFrame({"z": np.arange(N) % 7 / 2, "it": column})
    y = np.arange(N) % 2
    gan = TabularGAN(max_steps=2, random_state=0, verbose=False, callbacks=[never])
    for one in (gan, SmoothedBootstrap(), GANOversampler(generator=gan)):
        with pytest.raises((InvalidDataError, InvalidTypeError), match=f"(?s)column 'it'.*{words}"):
            one.fit(X, y)
        assert not hasattr(one, "classes_")
    if remedy is not None:
        TableCodec().fit(X.assign(it=remedy(column)))


NAMES = {
    "integers": [3, 1],
    "None": [None, "b"],
    "tuples and text": [("a", 1), "b"],
    "pairs": pd.MultiIndex.from_tuples([("a", 1), ("a", 2)], names=["x", None]),
    "pairs of zoned times and intervals": pd.MultiIndex.from_arrays(
        [pd.DatetimeIndex(MOMENTS[:2], tz=PARIS), pd.IntervalIndex.from_breaks([0, 1, 2])], names=["t", Decimal(1)]
    ),
    "pairs of categories": pd.MultiIndex.from_arrays([pd.Categorical(["a", "b"], ["c", "b", "a"]), [1.5, 2.5]]),
    "part of many pairs": pd.MultiIndex.from_product([list("abc"), [1, 2]])[3:5],
    "times": pd.to_datetime(["2020-01-01", "2021-01-01"]),
    "times of a named offset": pd.DatetimeIndex(MOMENTS[:2], tz=ZONES["offset named like a region"]),
    "periods": pd.period_range("2020", periods=2, freq="M"),
    "categories": pd.CategoricalIndex(["u", "v"], categories=["w", "v", "u"], ordered=True, name="c"),
    "days and bytes": [dt.date(2020, 1, 1), b"x"],
    "durations": pd.to_timedelta([1, 2], unit="h"),
    "Decimals": [Decimal("1.10"), Decimal(2)],
    "Arrow's text": pd.Index(["a", "b"], dtype=pd.ArrowDtype(pa.string())),
}


@cases("name", NAMES)
def test_names_of_columns_come_back(name, tmp_path):
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 2)))
    X.columns = pd.Index(NAMES[name], tupleize_cols=False) if isinstance(NAMES[name], list) else NAMES[name]
    gan = tabular_gan(max_steps=2).fit(X)
    gan.save(tmp_path / "model")
    for one in (gan, ganaug.load(tmp_path / "model"), pickle.loads(pickle.dumps(gan))):
        rows, _ = one.sample(3, random_state=0)
        pd.testing.assert_index_equal(rows.columns, X.columns, exact=True)
        assert list(map(type, rows.columns)) == list(map(type, X.columns))


@cases("names", [[Colour.RED, "b"], [Size.SMALL, 7], [frozenset("a"), "b"], [1j, 2j]])
def test_names_that_cannot_be_stored_are_refused_before_the_training(names):
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 2)))
    X.columns = pd.Index(names, dtype=object)
    with pytest.raises((InvalidDataError, InvalidTypeError), match="names of the columns"):
        TabularGAN(max_steps=2, verbose=False, callbacks=[never]).fit(X)
    wide = pd.concat([X] * 8, axis=1)
    wide.columns = pd.Index([*names, *"cdefghijklmnop"[:14]], dtype=object)
    with pytest.raises((InvalidDataError, InvalidTypeError), match="names of the columns"):
        SeriesGAN(max_steps=2, verbose=False, callbacks=[never]).fit(wide)


# ---------------------------------------------------------------- zones, and files of earlier versions


@cases("name", ZONES)
def test_a_zone_is_stored_by_what_it_is(name):
    zone = ZONES[name]
    again = zone_from(json.loads(json.dumps(zone_state(zone))))
    assert type(again) is type(zone)
    for moment in MOMENTS:
        moment = moment.replace(tzinfo=UTC)
        assert moment.astimezone(again).utcoffset() == moment.astimezone(zone).utcoffset()
        assert moment.astimezone(again).tzname() == moment.astimezone(zone).tzname()
    for value in (moments_in(zone)[7], pd.Timestamp(MOMENTS[7], tz=UTC).tz_convert(zone), dt.time(1, tzinfo=zone)):
        assert told(from_json(json.loads(json.dumps(to_json(value))))) == told(value)


@cases(
    "state",
    [["zoneinfo", "Europe/Nowhere"], ["zoneinfo", "../../etc/passwd"], ["dateutil", "/etc/passwd"], ["zoneinfo"],
     ["offset", 10**18, None], ["dateutil", "Europe/Nowhere"], ["unknown"], ["dateutil", "../passwd"], 7, "Nowhere"],
)  # fmt: skip
def test_a_zone_that_this_machine_does_not_know_is_told(state):
    with pytest.raises(ModelFileError, match=r"time zone"):
        zone_from(state)


def test_zones_of_earlier_files_are_read_by_their_names():
    stamp = ["Timestamp", ["2020-07-01T12:00:00", "us", "Europe/Paris"]]
    assert from_json(stamp) == pd.Timestamp("2020-07-01 12:00", tz=PARIS)
    assert from_json(["datetime", "2020-07-01T12:00:00+02:00"]).utcoffset() == dt.timedelta(hours=2)
    assert from_json(["time", "12:00:00"]) == dt.time(12)
    for name, offset in (("Europe/Paris", 2), ("UTC", 0), ("UTC+02:00", 2), ("tzutc()", 0)):
        config = {"form": "zoned", "unit": "s", "tz": name}
        index = unpack_values(config, {"values": np.array([1_593_600_000])})
        assert index[0].utcoffset() == dt.timedelta(hours=offset) and index[0].timestamp() == 1_593_600_000


def test_a_codec_of_an_earlier_version_is_read():
    X = pd.DataFrame({"t": pd.date_range("2020", periods=40, tz=PARIS), "d": objects(DAYS)[:40], "n": [1, 2.5] * 20})
    X["n"] = X["n"].astype(object)
    codec = TableCodec().fit(X)
    config, arrays = codec.get_state()
    unit = X["t"].dt.unit
    assert config["columns"][0]["face"] == ["time", {"dtype": ["zoned", unit, ["zoneinfo", "Europe/Paris"]]}]
    config["columns"][0]["face"][1]["dtype"] = f"datetime64[{unit}, Europe/Paris]"  # as it was written
    del config["columns"][2]["face"][1]["whole"], config["columns"][2]["face"][1]["broken"]
    again = TableCodec.from_state(config, arrays)
    assert again.decode(again.encode(X))["t"].equals(X["t"])
    assert list(again.decode(again.encode(X))["n"]) == [1.0, 2.5] * 20


def _in_unit(frame, unit):
    """The same instants."""
    return frame.assign(
        day=frame["day"].astype(f"datetime64[{unit}]"),
        zoned=frame["zoned"].astype(f"datetime64[{unit}, Europe/Berlin]"),
        took=frame["took"].astype(f"timedelta64[{unit}]"),
    )


def _of_times(seconds=10**8):
    rng = np.random.default_rng(0)
    day = np.datetime64("2015-01-01", "us") + rng.integers(-seconds, seconds, 120).astype("m8[s]")
    frame = pd.DataFrame({"day": day, "took": rng.integers(0, seconds, 120).astype("m8[s]").astype("m8[us]")})
    frame["zoned"] = frame["day"].dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin") + pd.Timedelta(hours=1)
    return frame.where(rng.random(frame.shape) > 0.1).astype(frame.dtypes)


def test_the_unit_of_a_date_changes_no_row(tmp_path):
    frame = _of_times()
    expected = tabular_gan(max_steps=1, curate=False).fit(frame).sample(60)[0]
    for unit in ("s", "ns"):
        own = _in_unit(frame, unit)
        gan = tabular_gan(max_steps=1, curate=False).fit(own)
        found = gan.sample(60)[0]
        assert found.dtypes.equals(own.dtypes) and found.equals(_in_unit(expected, unit))
        gan.save(tmp_path / "model")
        assert ganaug.load(tmp_path / "model").sample(9, random_state=0)[0].equals(gan.sample(9, random_state=0)[0])
        assert np.array_equal(gan.score_samples(own), gan.score_samples(frame))


def test_times_that_microseconds_cannot_hold_keep_their_unit():
    fine = pd.Series(np.arange(64).astype("M8[ns]"))
    far = pd.Series((np.arange(64) * 10**12 - 10**13).astype("M8[s]"))
    codec = TableCodec()
    back = codec.decode(codec.fit_encode(pd.DataFrame({"fine": fine, "far": far})))
    assert back["fine"].dtype == fine.dtype and back["far"].dtype == far.dtype
    assert set(back["fine"]) <= set(fine) and back["far"].min() >= far.min() and back["far"].max() <= far.max()
    assert ["unit" in column["face"][1] for column in codec.get_state()[0]["columns"]] == [False, False]


def test_counts_are_rounded_where_the_dtype_is_coarser():
    adapter = TimeAdapter.fit(np.array(["2020-01-01", "1960-01-01"], "M8[s]"))
    start = np.datetime64("2020-01-01", "us").astype(np.int64)
    written = adapter.write(ColumnValues(start + np.array([499_999, 500_000, -500_000, -500_001])))
    assert (written - np.datetime64("2020-01-01")).astype(int).tolist() == [0, 1, 0, -1]
    last = TimeAdapter.fit(np.array([0], "M8[ns]")).write(ColumnValues(np.array([2**62, -(2**62)])))
    assert last.astype("M8[Y]").astype(int).tolist() == [2262 - 1970, 1677 - 1970]


def test_a_codec_of_an_earlier_version_counts_times_in_their_unit():
    earlier = TimeAdapter.from_state({"dtype": TimeAdapter(np.dtype("M8[s]")).get_state()[0]["dtype"]}, {})
    raw = np.array(["2020-01-01", "NaT"], "M8[s]")
    cells = earlier.read(raw)
    with pytest.raises(ModelFileError, match="'fortnight' is no unit"):
        TimeAdapter.from_state({**earlier.get_state()[0], "unit": "fortnight"}, {})
    assert cells.values.tolist() == [1577836800, 0] and np.array_equal(earlier.write(cells), raw, equal_nan=True)
