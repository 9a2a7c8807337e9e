"""Rules of all kinds on columns of every dtype: found, kept in every synthetic row, and kept by a model from a file."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from helpers import cases, tabular_gan

from ganaug import TabularGAN, find_rules, load
from ganaug.exceptions import InvalidDataError
from ganaug.rules import Bound, Copy, Determined, MissingWith, OneHot, Order, Product, Rewriter, Sum, Within

pa = pytest.importorskip("pyarrow")

N = 300


def objects(values):
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return pd.Series(out, dtype=object)


def held(values, kind):
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.array(list(values), kind)))


def decimals(cents):
    return objects([Decimal(int(c)).scaleb(-2) for c in cents])


# From whole cents to a column: of numbers of two decimals, or of whole numbers.
MONEY = {
    "float64": lambda c: pd.Series(c / 100),
    "Float64": lambda c: pd.Series(c / 100, dtype="Float64"),
    "double of Arrow": lambda c: pd.Series(c / 100, dtype="double[pyarrow]"),
    "floats as objects": lambda c: objects([int(v) / 100 for v in c]),
    "Decimal": decimals,
    "decimal128": lambda c: held(decimals(c), pa.decimal128(12, 4)),
    "wide decimal": lambda c: held(decimals(c), pa.decimal128(38, 10)),
}
WHOLE = {
    "int64": lambda c: pd.Series(c),
    "int32": lambda c: pd.Series(c, dtype=np.int32),
    "uint64": lambda c: pd.Series(c, dtype=np.uint64),
    "Int64": lambda c: pd.Series(c, dtype="Int64"),
    "int64 of Arrow": lambda c: pd.Series(c, dtype="int64[pyarrow]"),
    "ints as objects": lambda c: objects([int(v) for v in c]),
    "whole Decimals": lambda c: objects([Decimal(int(v)) for v in c]),
    "Decimals of thousands": lambda c: objects([Decimal(int(v)).scaleb(3) for v in c]),
}
FLAGS = {
    "bool": lambda f: pd.Series(f),
    "boolean": lambda f: pd.Series(f, dtype="boolean"),
    "bool of Arrow": lambda f: pd.Series(f, dtype="bool[pyarrow]"),
    "int8": lambda f: pd.Series(f, dtype=np.int8),
    "float32": lambda f: pd.Series(f, dtype=np.float32),
    "Sparse": lambda f: pd.Series(pd.arrays.SparseArray(f.astype(np.int8), fill_value=0)),
    "Decimal": lambda f: decimals(100 * f),
    "whole Decimals": lambda f: objects([Decimal(int(v)) for v in f]),
    "decimal128": lambda f: held(decimals(100 * f), pa.decimal128(5, 2)),
}
TEXTS = {
    "str": lambda t: pd.Series(t, dtype="str"),
    "object": lambda t: objects(list(t)),
    "category": lambda t: pd.Series(t, dtype="category"),
    "string of Arrow": lambda t: pd.Series(t, dtype="string[pyarrow]"),
    "dictionary": lambda t: pd.Series(
        pd.arrays.ArrowExtensionArray(pa.array(list(t), pa.string()).dictionary_encode())
    ),
}
DAY = dt.datetime(2020, 1, 1)
ROME = ZoneInfo("Europe/Rome")


def moments(minutes):
    return [DAY + dt.timedelta(minutes=int(m)) for m in minutes]


def days(minutes):
    return [(DAY + dt.timedelta(days=int(m))).date() for m in minutes]


def spans(minutes):
    return [dt.timedelta(minutes=int(m)) for m in minutes]


def clocks(minutes):
    return [(DAY + dt.timedelta(minutes=int(m))).time() for m in minutes]


# From whole minutes (days where the type knows nothing finer) to a column.
TIMES = {
    "M8[ns]": lambda m: pd.Series(moments(m)).astype("M8[ns]"),
    "M8[s]": lambda m: pd.Series(moments(m)).astype("M8[s]"),
    "zoned": lambda m: pd.Series(moments(m)).dt.tz_localize("UTC").dt.tz_convert("Europe/Rome"),
    "datetime": lambda m: objects(moments(m)),
    "datetime of a zone": lambda m: objects([v.replace(tzinfo=dt.UTC).astimezone(ROME) for v in moments(m)]),
    "Timestamp": lambda m: objects([pd.Timestamp(v) for v in moments(m)]),
    "datetime64": lambda m: objects([np.datetime64(v, "s") for v in moments(m)]),
    "date": lambda m: objects(days(m)),
    "timestamp of Arrow": lambda m: held(moments(m), pa.timestamp("us")),
    "zoned timestamp of Arrow": lambda m: held(
        [v.replace(tzinfo=dt.UTC) for v in moments(m)], pa.timestamp("ms", "Europe/Rome")
    ),
    "date32": lambda m: held(days(m), pa.date32()),
    "date64": lambda m: held(days(m), pa.date64()),
    "m8[ns]": lambda m: pd.Series(spans(m)).astype("m8[ns]"),
    "timedelta": lambda m: objects(spans(m)),
    "Timedelta": lambda m: objects([pd.Timedelta(v) for v in spans(m)]),
    "duration of Arrow": lambda m: held(spans(m), pa.duration("s")),
    "time": lambda m: objects(clocks(m)),
    "time32": lambda m: held(clocks(m), pa.time32("s")),
    "time64": lambda m: held(clocks(m), pa.time64("us")),
}
LEVELS = ["Rome", "Lyon", "Bonn", "Oslo"]


def with_holes(column, gone):
    """The column, missing in some rows, or None where its dtype has no missing values."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iub":
        return None
    if column.dtype == object:
        return objects([None if hole else value for hole, value in zip(gone, column, strict=True)])
    return column.mask(gone)


def ordered(rng, cast, most):
    low = rng.integers(0, most // 2, N)
    high = low + rng.integers(0, most // 2, N) * (rng.random(N) < 0.9)
    return {"low": cast(low), "high": cast(high)}, [Order("low", "high")]


def confined(rng, cast, most):
    """Four intervals of a grade that touch; a fee of each town; what is missing where a word says so."""
    grade, town, gone = rng.integers(0, 4, N), rng.integers(0, 4, N), rng.random(N) < 0.3
    own = cast(np.array([3, 40, 11, 75])[town] * (most // 100))
    columns = {
        "grade": pd.Series(np.array(list("ABCD"))[grade]),
        "rate": cast(grade * (most // 4) + rng.integers(0, most // 4, N)),
        "town": pd.Series(np.array(LEVELS)[town]),
        "fee": own,
    }
    rules = [Within("rate", "grade"), Determined("fee", "town")]
    holed = with_holes(cast(rng.integers(0, most, N)), gone)
    if holed is not None:
        columns |= {"late": holed, "told": pd.Series(np.where(gone, "no", "yes"))}
        rules.append(MissingWith("late", "told", ["no"]))
    return columns, rules


def of_numbers(cast, whole=True):
    rng = np.random.default_rng(5)
    net, tax, price, number = (rng.integers(1, most, N) for most in (9000, 2500, 400, 30))
    columns = {"net": cast(net), "tax": cast(tax), "gross": cast(net + tax), "price": cast(price)}
    columns |= {"number": pd.Series(number), "amount": cast(price * number), "twin": cast(net), "step": cast(tax * 25)}
    rules = [Sum("gross", ["net", "tax"]), Product("amount", ["price", "number"]), Copy("twin", "net")]
    rules.append(Copy("step", "tax", 25))
    for part, own in (ordered(rng, cast, 9000), confined(rng, cast, 8000)):
        columns |= part
        rules += own
    return pd.DataFrame(columns), rules


def of_times(name):
    cast, rng = TIMES[name], np.random.default_rng(6)
    most = 1440 if "time" in name and "stamp" not in name and "date" not in name and "delta" not in name else 30_000
    columns, rules = ordered(rng, cast, most)
    part, own = confined(rng, cast, most)
    columns |= part
    columns |= {"twin": cast(np.asarray(rng.integers(0, 1, N)) + 5)}
    day = rng.integers(0, most, N)
    columns |= {"first": cast(day), "twin": cast(day)}
    return pd.DataFrame(columns), [*rules, *own, Copy("twin", "first")]


TABLES = {
    **{f"money: {name}": lambda cast=cast: of_numbers(cast) for name, cast in MONEY.items()},
    **{f"whole: {name}": lambda cast=cast: of_numbers(cast) for name, cast in WHOLE.items()},
    **{f"times: {name}": lambda name=name: of_times(name) for name in TIMES},
}


def of_flags(name):
    rng = np.random.default_rng(7)
    level, count = rng.integers(0, 4, N), rng.integers(0, 4, N)
    columns = {f"is_{k}": FLAGS[name](level == k) for k in range(4)}
    columns |= {f"over_{k}": FLAGS[name](count > k) for k in range(3)}
    rules = [OneHot([f"is_{k}" for k in range(4)]), OneHot([f"over_{k}" for k in range(3)], ordered=True)]
    return pd.DataFrame({**columns, "x": rng.normal(size=N)}), rules


def of_texts(name):
    rng, cast = np.random.default_rng(8), TEXTS[name]
    town, gone = rng.integers(0, 4, N), rng.random(N) < 0.3
    land = np.array(["Italy", "France", "North", "North"])
    columns = {"town": cast(np.array(LEVELS)[town]), "land": cast(land[town]), "told": cast(np.where(gone, "n", "y"))}
    columns |= {"late": pd.Series(rng.normal(size=N)).mask(gone), "rate": town * 10 + rng.uniform(0, 9, N)}
    rules = [Determined("land", "town"), MissingWith("late", "told", ["n"]), Within("rate", "town")]
    return pd.DataFrame(columns), rules


TABLES |= {f"flags: {name}": lambda name=name: of_flags(name) for name in FLAGS}
TABLES |= {f"texts: {name}": lambda name=name: of_texts(name) for name in TEXTS}


def says(rule):
    return rule.kind, frozenset(rule.columns)


@pytest.mark.parametrize("name", TABLES)
def test_rules_of_all_kinds_are_found_and_restored_on_every_dtype(name):
    X, planted = TABLES[name]()
    found = find_rules(X)
    assert {says(rule) for rule in planted} <= {says(rule) for rule in found}, str(found)
    rewriter, rng = Rewriter().fit(X, list(found)), np.random.default_rng(0)
    frame = rewriter.rewrite(X)
    mixed = pd.concat([frame[name].iloc[rng.permutation(N)].reset_index(drop=True) for name in frame], axis=1)
    rows = rewriter.restore(mixed)
    assert (rows.dtypes == X.dtypes).all()
    kept = [rule for rule in rewriter.rules_ if rule.kept == "rewritten"]
    assert len(kept) > len(planted) / 2
    for rule in kept:
        assert rule.holds(rows).all(), str(rule)
    config, arrays = rewriter.get_state()
    again = Rewriter.from_state(json.loads(json.dumps(config)), arrays)
    pd.testing.assert_frame_equal(again.restore(mixed), rows)


# Through a GAN and a file: one dtype of each kind of column, and the others where there is time.
ONE = {
    *("money: float64", "money: decimal128", "whole: Int64", "whole: Decimals of thousands", "flags: boolean"),
    *(
        "times: zoned",
        "times: date",
        "times: Timedelta",
        "times: time64",
        "times: timestamp of Arrow",
        "texts: category",
    ),
}
assert TABLES.keys() > ONE


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in ONE)) for name in TABLES])
def test_rules_of_all_kinds_are_kept_by_a_gan_and_its_file(name, tmp_path):
    X, planted = TABLES[name]()
    found = find_rules(X)
    y = np.arange(len(X)) % 3 == 0
    gan = tabular_gan(max_steps=5, smoothing=0).fit(X, y)
    rows, _ = gan.sample({True: 80, False: 80}, random_state=1)
    assert (rows.dtypes == X.dtypes).all()
    for column in X:
        assert set(map(type, rows[column])) <= set(map(type, X[column])), column
    for rule in (*planted, *found.grids):
        learnt = rule.learn(X)
        assert learnt.exceptions == 0
        assert learnt.holds(rows).all(), str(learnt)
    assert gan.rules_.holds(rows).all()
    gan.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded.rules_ == gan.rules_
    again, _ = loaded.sample(50, random_state=2)
    assert (again.dtypes == X.dtypes).all() and gan.rules_.holds(again).all()
    if "high" in X:
        middle = sorted(X["high"])[N // 2]
        wanted = str(middle) if name.startswith("times") else float(middle)
        rows, _ = gan.sample(20, random_state=0, where={"high": (wanted, None), "fee": X["fee"].iloc[3]})
        assert all(value >= middle for value in rows["high"]) and gan.rules_.holds(rows).all()


@cases("name", ["money: Decimal", "money: decimal128", "whole: Decimals of thousands"])
def test_sums_of_decimals_are_exact(name):
    X, _ = TABLES[name]()
    rewriter = Rewriter().fit(X, [Sum("gross", ["net", "tax"]), Order("low", "high")])
    rewritten = rewriter.rewrite(X)
    pd.testing.assert_frame_equal(rewriter.restore(rewritten)[["net", "tax", "gross"]], X[["net", "tax", "gross"]])
    rows, _ = tabular_gan(max_steps=5).fit(X, np.arange(N) % 2).sample(100, random_state=3)
    assert [a + b for a, b in zip(rows["net"], rows["tax"], strict=True)] == list(rows["gross"])
    config, arrays = rewriter.get_state()
    again = Rewriter.from_state(json.loads(json.dumps(config)), arrays)
    pd.testing.assert_frame_equal(again.restore(rewritten), rewriter.restore(rewritten))


def test_decimals_of_different_scales_and_other_numbers_are_compared_as_numbers():
    rng = np.random.default_rng(0)
    cents, more = rng.integers(0, 9000, N), rng.integers(0, 900, N)
    X = pd.DataFrame({"a": decimals(cents), "b": held(decimals(cents + more), pa.decimal128(18, 6))})
    X["c"] = (cents + 2 * more) / 100
    rules = [Order("a", "b"), Order("b", "c")]
    rewriter = Rewriter().fit(X, rules)
    assert {rule.kept for rule in rewriter.rules_} == {"rewritten"}
    frame = rewriter.rewrite(X)
    mixed = pd.DataFrame({name: frame[name].array[rng.permutation(N)] for name in frame}).astype(frame.dtypes.to_dict())
    assert rewriter.rules_.holds(rewriter.restore(mixed)).all()


def test_bounds_and_intervals_of_the_user_speak_of_dates_times_and_decimals():
    clock = pd.DataFrame({"t": objects([dt.time(8), dt.time(21), None]), "d": objects([Decimal("1.5"), None, None])})
    assert Bound("t", low=dt.time(9)).holds(clock).tolist() == [False, True, True]
    assert Bound("t", low="09:00").holds(clock).tolist() == [False, True, True]
    assert Bound("d", high=Decimal("1.4")).holds(clock).tolist() == [False, True, True]
    days_ = pd.DataFrame({"on": objects([dt.date(2020, 5, 1), dt.date(2021, 5, 1)]), "year": ["x", "y"]})
    ends = {"x": (dt.date(2020, 1, 1), dt.date(2020, 12, 31)), "y": ("2020-01-01", "2020-12-31")}
    rule = Within("on", "year", ends)
    assert rule.holds(days_).tolist() == [True, False]
    assert type(rule).from_json(json.loads(json.dumps(rule.to_json()))).holds(days_).tolist() == [True, False]
    learnt = rule.learn(days_)
    assert type(rule).from_json(json.loads(json.dumps(learnt.to_json()))).holds(days_).tolist() == [True, False]
    missing = MissingWith("d", "t", [dt.time(21)], exactly=False)
    assert str(missing) == "d is missing wherever t is 21:00:00" and missing.holds(clock).all()


def test_times_that_no_rule_can_compute_with_are_left_alone_and_refused_by_name():
    months = np.arange("2000-01", "2050-01", dtype="M8[M]")[:N]
    late = objects([np.datetime64(month + 2) for month in months])
    X = pd.DataFrame({"first": objects([np.datetime64(month) for month in months]), "last": late})
    assert len(find_rules(X)) == 0
    with pytest.raises(InvalidDataError, match=r"'first' holds times in datetime64\[M\].*convert it, or drop the rule"):
        TabularGAN(max_steps=1, rules=[Order("first", "last")]).fit(X)
    with pytest.raises(InvalidDataError, match="holds text or categories"):
        Order("a", "b").holds(pd.DataFrame({"a": ["x"], "b": [Decimal(1)]}))
    with pytest.raises(InvalidDataError, match="cannot be compared"):
        Order("a", "b").holds(pd.DataFrame({"a": objects([dt.date(2020, 1, 1)]), "b": [Decimal(1)]}))


@cases("kind", [dt.datetime, pd.Timestamp, Decimal])
def test_rows_of_which_a_column_is_wholly_missing_are_rewritten_and_a_model_of_such_is_loaded(kind, tmp_path):
    rng = np.random.default_rng(0)
    low = rng.integers(0, 20_000, N)
    make = (lambda v: Decimal(int(v))) if kind is Decimal else lambda v: kind(2020, 1, 1) + dt.timedelta(hours=int(v))
    X = pd.DataFrame({"low": objects([make(v) for v in low]), "high": objects([make(v) for v in low + 1 + low[::-1]])})
    X.loc[rng.random(N) < 0.97, ["low", "high"]] = None
    X["x"] = rng.normal(size=N)
    rule = Order("low", "high")
    rewriter = Rewriter().fit(X, [rule])
    few = X[X["low"].isna()].head(3)
    assert rewriter.rewrite(few).dtypes.equals(rewriter.rewrite(X).dtypes)
    assert rewriter.restore(rewriter.rewrite(few))["high"].isna().all()
    gan = TabularGAN(max_steps=2, random_state=0, verbose=False, rules=[rule]).fit(X, np.arange(N) % 5 // 4)
    gan.save(tmp_path / "a.model")
    assert rule.holds(load(tmp_path / "a.model").sample(20, random_state=0)[0]).all()


def _zoned(kind, days, zone):
    """Midnights of a zone."""
    moments = (pd.Timestamp("2023-01-01") + pd.to_timedelta(days, unit="D")).tz_localize(
        zone, nonexistent="shift_forward", ambiguous=np.ones(len(days), bool)
    )
    if kind == "arrow":
        return pd.Series(moments).astype(pd.ArrowDtype(pa.timestamp("us", zone)))
    return pd.Series(moments) if kind == "pandas" else objects([value.to_pydatetime() for value in moments])


def _stays(start, nights, kind, zone):
    return pd.DataFrame({"in": _zoned(kind, start, zone), "nights": nights, "out": _zoned(kind, start + nights, zone)})


@cases("kind", ["pandas", "datetimes", "arrow"])
def test_days_of_a_zone_whose_clocks_change_add_up(kind):
    rng = np.random.default_rng(0)
    X = _stays(rng.integers(0, 700, N), rng.integers(1, 15, N), kind, "Europe/Paris")
    rules = find_rules(X)
    assert str(rules) == "out = in + nights" and rules[0].holds(X).all()
    rewriter = Rewriter(keep_range=False).fit(X, rules)
    pd.testing.assert_frame_equal(rewriter.restore(rewriter.rewrite(X)), X)


def test_days_of_a_zone_whose_clocks_change_stay_days(tmp_path):
    rng = np.random.default_rng(0)
    X = _stays(
        rng.integers(0, 700, N), rng.integers(1, 15, N), "pandas", "Africa/Cairo"
    )  # where they change at midnight
    tabular_gan(max_steps=1).fit(X).save(path := tmp_path / "days.ganaug")
    found = load(path).sample(100, random_state=0)[0]
    pd.testing.assert_series_equal(found.dtypes, X.dtypes)
    came, went = found["in"].dt.tz_localize(None), found["out"].dt.tz_localize(None)
    assert set(came.dt.hour) <= {0, 1} and (came.dt.hour == 0).mean() > 0.95  # some days there begin at one
    np.testing.assert_array_equal((went.dt.floor("D") - came.dt.floor("D")).dt.days, found["nights"])


def test_a_gap_between_times_of_two_units_is_kept():
    rng = np.random.default_rng(0)
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 500, N), unit="D").as_unit("ns")
    end = start + pd.to_timedelta(rng.integers(0, 250_000, N), unit="s")
    X = pd.DataFrame({"start": objects(list(start)), "end": end.as_unit("ns")})
    rewriter = Rewriter(keep_range=False).fit(X, [Order("start", "end")])
    again = rewriter.restore(rewriter.rewrite(X))
    assert ((again["end"] - pd.to_datetime(again["start"])) == (end - start)).all()
