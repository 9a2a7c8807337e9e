"""Rules as tables of shops, clinics and banks have them: which column is the computed one, ages, ranges, exceptions."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest
from helpers import cases

from ganaug import Order, Product, Sum, TabularGAN, find_rules
from ganaug.exceptions import InvalidDataError, InvalidParameterError
from ganaug.rules import Age, Apart, DatePart, Rewriter, rule_from_json
from ganaug.rules.codec import RuledTableCodec

SMALL = {"max_steps": 40, "width": 32, "depth": 1, "random_state": 0, "verbose": False}
TODAY = pd.Timestamp("2025-06-30")


def texts(frame):
    return [str(rule) for rule in find_rules(frame)]


def years_between(since, until):
    """Birthdays, one row at a time."""
    pairs = zip(since, until, strict=True)
    return np.array([b.year - a.year - ((b.month, b.day) < (a.month, a.day)) for a, b in pairs])


def orders(n=1500):
    rng = np.random.default_rng(0)
    quantity, price = rng.integers(1, 12, n), (rng.gamma(2, 10, n) + 0.5).round(2)
    percent = rng.choice([0, 5, 10, 15, 20], n, p=[0.5, 0.2, 0.15, 0.1, 0.05])
    subtotal = (quantity * price).round(2)
    discount = (subtotal * percent / 100).round(2)
    shipping = np.where(subtotal > 100, 0, rng.choice([3.9, 4.9, 7.5], n))
    columns = {"quantity": quantity, "price": price, "subtotal": subtotal, "percent": percent, "discount": discount}
    return pd.DataFrame({**columns, "shipping": shipping, "total": (subtotal - discount + shipping).round(2)})


def people(n=800):
    rng = np.random.default_rng(0)
    born = TODAY - pd.to_timedelta(rng.integers(18 * 365, 90 * 365, n), unit="D")
    hired = born + pd.to_timedelta(rng.integers(17 * 365, 18 * 365 + 1000, n), unit="D")
    frame = pd.DataFrame({"born": born, "age": years_between(born, [TODAY] * n), "hired": hired})
    frame["age_hired"] = years_between(born, hired)
    return frame.assign(year=hired.year, month=hired.month, weekday=hired.day_of_week + 1)


# ---- which column is computed ------------------------------------------------------------------


def test_the_total_is_computed_and_not_the_shipping_of_four_values():
    found = texts(orders())
    assert "total = subtotal + shipping - discount (to 0.01)" in found
    assert "subtotal = quantity * price (to 0.01)" in found


def test_a_product_that_is_zero_in_half_of_the_rows_is_found():
    assert "discount = 0.01 * subtotal * percent (to 0.01)" in texts(orders())


def test_a_product_of_flags_that_are_nearly_always_zero_is_none():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"a": rng.gamma(2, 10, 1000).round(2), "b": (rng.random(1000) < 0.01) * rng.integers(2, 9, 1000)}
    )
    frame["c"] = np.where(frame["b"] > 0, rng.gamma(2, 10, 1000).round(2), 0.0)
    assert texts(frame) == []


def test_a_copy_keeps_its_offset_where_its_steps_are_wide():
    low = np.random.default_rng(0).integers(120, 165, 2000) * 5
    assert texts(pd.DataFrame({"low": low, "high": low + 4})) == ["high = low + 4"]


def test_a_sum_to_the_last_digit_says_more_than_a_copy_that_is_rounded():
    net = np.random.default_rng(0).gamma(2, 50, 400).round(2)
    vat = (0.19 * net).round(2)
    found = texts(pd.DataFrame({"net": net, "vat": vat, "gross": (net + vat).round(2)}))
    assert found == ["vat = 0.19 * net (to 0.01)", "gross = net + vat (to 0.01)"]


def test_the_result_of_a_ratio_is_the_column_that_breaks_it_least():
    rng = np.random.default_rng(0)
    seconds = rng.gamma(2, 900, 5000).astype(int) + 60
    km = rng.gamma(2, 8, 5000).round(1)
    frame = pd.DataFrame({"seconds": seconds, "km": km, "speed": (3600 * km / seconds).round(1)})
    assert texts(frame) == ["speed = 3600 * km / seconds (to 0.1)"]


def test_a_weighted_mean_in_thirds_is_found_and_is_the_computed_column():
    rng = np.random.default_rng(0)
    upper = rng.normal(125, 15, 3000).round()
    lower = np.minimum((0.62 * upper + rng.normal(0, 6, 3000)).round(), upper - 10)
    frame = pd.DataFrame({"upper": upper, "lower": lower, "mean": ((upper + 2 * lower) / 3).round()})
    assert "mean = 0.333333 * upper + 0.666667 * lower" in texts(frame)


def test_an_order_that_chance_would_break_in_few_rows_is_asked_of_all_rows():
    rng = np.random.default_rng(0)
    n = 40_000
    first = rng.normal(0, 1, n)
    second = first + 0.02 + np.abs(rng.normal(0, 0.6, n)) + (rng.random(n) < 0.9) * 2
    frame = pd.DataFrame({"first": first, "second": second})
    assert texts(frame) == ["second >= first"]


@cases("digits", [0, 2, None])
@cases("with_sum", [False, True])
def test_an_order_of_columns_with_other_decimals_is_found(digits, with_sum):
    rng = np.random.default_rng(0)
    opened = rng.uniform(0, 365, 400)
    opened = opened if digits is None else opened.round(digits)
    frame = pd.DataFrame({"opened": opened, "closed": opened + rng.gamma(2, 3, 400)})
    if with_sum:
        frame["net"], frame["vat"] = rng.gamma(2, 50, 400), rng.gamma(2, 8, 400)
        frame["gross"] = frame["net"] + frame["vat"]
    assert set(texts(frame)) == {"closed >= opened", *(["gross = net + vat"] if with_sum else [])}


# ---- dates -------------------------------------------------------------------------------------


def test_ages_and_parts_of_dates_are_found_and_computed():
    frame = people()
    rules = find_rules(frame)
    assert {str(rule) for rule in rules} == {
        "age = years from born to 2025-06-30",
        "age_hired = years from born to hired",
        "year = the year of hired",
        "month = the month of hired",
        "weekday = the weekday of hired + 1",
    } | {str(rule) for rule in rules if rule.kind in ("order", "never")}
    rewriter = Rewriter().fit(frame, rules)
    assert list(rewriter.rewrite(frame).columns) == ["born", "hired"]
    pd.testing.assert_frame_equal(rewriter.restore(rewriter.rewrite(frame)), frame)


@cases("days", [365, 365.25])
@cases("kind", ["datetime", "date", "nullable"])
def test_ages_by_division_on_other_dtypes(kind, days):
    rng = np.random.default_rng(1)
    born = pd.Series(TODAY - pd.to_timedelta(rng.integers(0, 90 * 365, 4000), unit="D"))
    age = pd.Series(((TODAY - born).dt.days // days).astype("int64"))
    if kind == "nullable":
        age = age.astype("Int64").mask(rng.random(4000) < 0.1)
    if kind == "date":
        born = born.dt.date
    [rule] = find_rules(pd.DataFrame({"born": born, "age": age}))
    assert isinstance(rule, Age) and rule.year == days and rule.exceptions == 0


def test_birthdays_of_29_february_are_on_1_march():
    born = pd.to_datetime(["2000-02-29", "2000-02-29", "2000-02-28"])
    frame = pd.DataFrame(
        {"born": born, "seen": pd.to_datetime(["2023-02-28", "2023-03-01", "2023-02-28"]), "age": [22, 23, 23]}
    )
    assert Age("age", "born", "seen").holds(frame).all()
    assert Age("age", "born", day="2023-02-28").holds(frame).tolist() == [True, False, True]


def test_parts_of_missing_and_far_dates():
    frame = pd.DataFrame({"day": [dt.date(1, 1, 1), None, dt.date(9999, 12, 31)], "year": [1, 5, 9999]})
    assert DatePart("year", "day", "year").holds(frame).all()


@cases(
    "rule",
    [
        DatePart("q", "d", "quarter"),
        DatePart("w", "d", "weekday", 1),
        Age("a", "d", day=dt.date(2020, 2, 29)),
        Age("a", "d", "e", year=365.25),
    ],
    ids=str,
)
def test_rules_of_dates_survive_as_json(rule):
    again = rule_from_json(json.loads(json.dumps(rule.to_json())))
    assert again == rule and str(again) == str(rule)


@cases(
    ("make", "said"),
    [
        (lambda: DatePart("a", "b", "century"), "century"),
        (lambda: DatePart("a", "a", "year"), "two columns"),
        (lambda: Age("a", "b"), "until"),
        (lambda: Age("a", "b", "c", day="2020-01-01"), "until"),
        (lambda: Age("a", "b", "b"), "different"),
        (lambda: Age("a", "b", day="yesterday"), "yesterday"),
        (lambda: Age("a", "b", "c", year=12), "year=12"),
    ],
)
def test_rules_of_dates_that_make_no_sense_are_refused(make, said):
    with pytest.raises(InvalidParameterError, match=said):
        make()


@cases(
    "values",
    [
        ["x", "y"],
        [1.0, 2.0],
        pd.to_datetime(["2020-01-01", "2021-01-01"]).tz_localize("UTC"),
        pd.to_timedelta([1, 2], unit="D"),
    ],
    ids=["text", "numbers", "zone", "durations"],
)
def test_columns_that_hold_no_dates_are_named(values):
    frame = pd.DataFrame({"d": values, "y": [2020, 2021]})
    with pytest.raises(InvalidDataError, match="'d'"):
        DatePart("y", "d", "year").holds(frame)


def test_dates_of_any_kind_do_not_break_the_search():
    rng = np.random.default_rng(0)
    days = pd.to_datetime("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, 400), unit="D")
    frame = pd.DataFrame({"a": days, "b": days.tz_localize("Europe/Berlin"), "n": rng.integers(0, 90, 400)})
    frame["c"] = pd.Series(days).mask(rng.random(400) < 0.5)
    assert not [rule for rule in find_rules(frame) if isinstance(rule, (Age, DatePart))]


# ---- parts that are nearly always the same ------------------------------------------------------


def invoices(n=1000):
    """Two rates of tax, and what was paid is missing where nothing was."""
    rng = np.random.default_rng(0)
    net, rate = (rng.gamma(2, 100, n) + 1).round(2), rng.choice([0.07, 0.19], n, p=[0.3, 0.7])
    status = rng.choice(["paid", "part", "open"], n, p=[0.6, 0.2, 0.2])
    frame = pd.DataFrame({"net": net, "rate": rate, "tax": (net * rate).round(2), "status": status})
    frame["gross"] = (frame["net"] + frame["tax"]).round(2)
    part = (frame["gross"] * rng.uniform(0.05, 0.95, n)).round(2)
    return frame.assign(paid=frame["gross"].where(status == "paid", part.where(status == "part")))


def counts(n=1000):
    """A total of counts of which most are 0 in nearly all rows."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.poisson([0.1, 0.5, 3, 9], (n, 4)), columns=["deaths", "severe", "hurt", "seen"])
    return frame.assign(all=frame.sum(axis=1))


def budget(n=1000):
    """Whole percentages that sum to 100, two of them seldom more than 0."""
    rng = np.random.default_rng(0)
    shares = np.floor(100 * rng.dirichlet([2, 5, 0.4, 0.1], n)).astype(int)
    shares[:, 1] += 100 - shares.sum(axis=1)
    return pd.DataFrame(shares, columns=["rent", "food", "fun", "gifts"]).astype({"gifts": "Int64"})


def limits(n=1000):
    """A limit that the grade says, of which the balance leaves something free."""
    rng = np.random.default_rng(0)
    grade = rng.integers(0, 7, n)
    limit = np.array([500, 1000, 2500, 5000, 10_000, 20_000, 50_000])[grade]
    balance = (limit * rng.beta(1, 3, n)).round(2)
    names = pd.Categorical.from_codes(grade, list("GFEDCBA"), ordered=True)
    return pd.DataFrame({"grade": names, "limit": limit, "balance": balance, "free": (limit - balance).round(2)})


@cases(
    "make, said",
    [
        (invoices, ["tax = net * rate (to 0.01)", "gross = net + tax (to 0.01)", "gross >= paid"]),
        (counts, ["all = deaths + severe + hurt + seen"]),
        (budget, ["food = 100 - rent - fun - gifts"]),
        (limits, ["free = limit - balance (to 0.01)", "limit is determined by grade"]),
    ],
)
def test_a_part_that_is_seldom_another_one_is_a_part_all_the_same(make, said):
    frame = make()
    rules = find_rules(frame)
    assert set(said) <= {str(rule) for rule in rules}
    rng = np.random.default_rng(0)
    mixed = pd.DataFrame({name: frame[name].array[rng.permutation(len(frame))] for name in frame})
    assert len(find_rules(mixed)) == 0


def test_a_ratio_is_found_whatever_rows_are_looked_at_first():
    rng = np.random.default_rng(1)
    price = rng.integers(100, 90_000, 1500)
    less = (price * rng.uniform(0, 0.3, 1500)).astype(int)
    frame = pd.DataFrame({"price": price, "less": less, "percent": (100 * less / price).round(1)})  # 0.1: half or more
    found = [[str(rule) for rule in find_rules(frame, random_state=seed)][:1] for seed in range(12)]
    assert found == [["percent = 100 * less / price (to 0.1)"]] * 12


def test_such_parts_are_kept_together():
    frame = pd.concat([invoices(), counts(), budget(), limits()], axis=1)
    y = (np.random.default_rng(1).random(len(frame)) < 0.2).astype(int)
    new, _ = TabularGAN(**SMALL).fit(frame, y).sample({0: 100, 1: 100}, random_state=1)
    assert find_rules(frame).holds(new).all()
    assert (new["all"] == new[["deaths", "severe", "hurt", "seen"]].sum(axis=1)).all()
    assert (new[["rent", "food", "fun", "gifts"]].sum(axis=1) == 100).all()
    assert ((new["net"] * new["rate"] - new["tax"]).abs() < 0.0051).all() and (new["free"] >= 0).all()


def test_a_rare_part_that_changes_nothing_is_no_part():
    rng = np.random.default_rng(0)
    a, b = rng.gamma(2, 50, 3000).round(2), rng.gamma(2, 8, 3000).round(2)
    rare = np.where(rng.random(3000) < 0.004, rng.integers(2, 9, 3000), 0)  # few enough to break no equation
    found = texts(pd.DataFrame({"a": a, "b": b, "rare": rare, "c": (a + b).round(2)}))
    assert found == ["c = a + b (to 0.01)"]


def test_units_are_converted_and_not_mixed():
    rng = np.random.default_rng(0)
    cm, kg, born = rng.normal(172, 9, 1500).round(1), rng.normal(75, 12, 1500).round(1), rng.integers(1935, 2006, 1500)
    bmi = (kg / (cm / 100) ** 2).round(1)
    frame = pd.DataFrame({"cm": cm, "inch": (cm / 2.54).round(1), "kg": kg, "lb": (kg * 2.20462).round(), "bmi": bmi})
    pounds, *rest = sorted(texts(frame), key=lambda text: "lb" not in text)
    assert pounds.startswith("lb = 2.2046") and pounds.endswith(" * kg")  # and no sum of kilograms, inches and cm
    assert sorted(rest) == ["bmi = 10000 * kg / cm**2 (to 0.1)", "inch = 0.393701 * cm (to 0.1)"]  # told once
    assert texts(pd.DataFrame({"born": born, "age": 2024 - born})) == ["age = 2024 - born"]


def test_an_order_that_an_equation_implies_is_kept_where_a_part_is_missing():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.gamma(2, 30, 500).round(2), "b": rng.gamma(2, 10, 500).round(2)})
    frame["all"] = (frame["a"] + frame["b"]).round(2)
    assert texts(frame) == ["all = a + b (to 0.01)"]
    frame.loc[rng.random(500) < 0.2, "b"] = np.nan
    assert texts(frame) == ["all = a + b (to 0.01)", "all >= a"]


def test_groups_whose_members_are_missing_together_are_groups():
    rng = np.random.default_rng(0)
    level = rng.choice(5, 1000, p=[0.5, 0.2, 0.15, 0.1, 0.05])
    frame = pd.DataFrame({f"is_{k}": pd.array(level == k, dtype="boolean") for k in range(1, 5)})
    frame.loc[rng.random(1000) < 0.1] = pd.NA
    assert "at most one of is_* (4 columns)" in texts(frame)
    rewriter = Rewriter().fit(frame, find_rules(frame))
    assert rewriter.restore(rewriter.rewrite(frame)).equals(frame)
    assert texts(frame.assign(is_0=level == 0, is_1=level == 1)) != []  # others are never missing
    mixed = pd.DataFrame({name: frame[name].array[rng.permutation(1000)] for name in frame})
    assert texts(mixed) == []


# ---- what is computed stays within the range seen ----------------------------------------------


def percentages(n=1000):
    shares = np.random.default_rng(0).dirichlet([2, 5, 1.5, 4], n)
    frame = pd.DataFrame((100 * shares).round(1), columns=["clay", "silt", "sand", "rest"])
    return frame.assign(rest=(100 - frame[["clay", "silt", "sand"]].sum(axis=1)).round(1))


def test_what_is_left_of_100_per_cent_is_never_negative():
    frame = percentages()
    codec = RuledTableCodec().fit(frame)
    rows = np.random.default_rng(0).normal(0, 1.5, (500, codec.width)).astype(np.float32)
    _, broken = codec.judged(rows)
    made = codec.decode(rows)
    off = (made < 0).any(axis=1).to_numpy()
    assert off.mean() > 0.05 and broken[off].all() and broken.mean() < 0.6
    _, real = codec.judged(codec.encode(frame))
    assert real.mean() < 0.02
    again = RuledTableCodec.from_state(*codec.get_state())
    np.testing.assert_array_equal(again.judged(rows)[1], broken)
    assert not RuledTableCodec(keep_range=False).fit(frame).judged(rows)[1].any()


def test_samples_stay_within_the_range():
    frame = percentages()
    y = (np.random.default_rng(1).random(len(frame)) < 0.3).astype(int)
    new, _ = TabularGAN(**SMALL).fit(frame, y).sample({0: 300, 1: 300}, random_state=1)
    assert new.min().min() >= 0 and np.allclose(new.sum(axis=1), 100)


# ---- all together ------------------------------------------------------------------------------


@cases("make", [orders, people, percentages])
def test_default_rows_break_no_rule_and_shuffled_columns_have_none(make):
    frame = make()
    y = (np.random.default_rng(1).random(len(frame)) < 0.2).astype(int)
    rules = find_rules(frame)
    new, _ = TabularGAN(**SMALL).fit(frame, y).sample({0: 200, 1: 200}, random_state=1)
    assert rules.holds(new).all()
    rng = np.random.default_rng(0)
    mixed = pd.DataFrame({name: frame[name].array[rng.permutation(len(frame))] for name in frame})
    assert len(find_rules(mixed)) == 0 and len(find_rules(mixed.head(60))) == 0


def test_exceptions_come_as_often_as_in_the_data(whole_judges):
    rng = np.random.default_rng(0)
    n = 20_000
    parts = {name: rng.poisson(mean, n) for name, mean in (("a", 3), ("b", 5))}
    frame = pd.DataFrame(parts).assign(total=parts["a"] + parts["b"] + (rng.random(n) < 0.002))
    y = (rng.random(n) < 0.05).astype(int)
    new, _ = TabularGAN(**SMALL).fit(frame, y).sample({0: 4000, 1: 4000}, random_state=1)
    broken = (new["total"] != new["a"] + new["b"]).mean()
    assert 0 < broken < 0.005


def test_a_small_column_below_a_large_one_is_kept_as_it_is():
    rng = np.random.default_rng(0)
    height, width = rng.integers(3, 40, 2000), rng.integers(5, 300, 2000)
    ink = np.minimum(2 + rng.poisson(4, 2000), height * width)
    frame = pd.DataFrame({"height": height, "width": width, "area": height * width, "ink": ink})
    rules = [Product("area", ["height", "width"]), Order("ink", "area")]
    rewriter = Rewriter().fit(frame, rules)
    rewritten = rewriter.rewrite(frame)
    assert rewritten["ink"].equals(frame["ink"]) and rewriter.restore(rewritten).equals(frame)
    made = rewriter.restore(rewritten.assign(ink=rewritten["ink"] * 50))
    assert (made["ink"] <= made["area"]).all() and (made["ink"] < made["area"]).any()
    again = Rewriter.from_state(*rewriter.get_state())
    assert again.restore(rewritten).equals(frame)
    assert all(rule.kept == "rewritten" for rule in rewriter.rules_)


@pytest.mark.parametrize("below", [True, False])
def test_a_column_that_hardly_ever_comes_near_its_bound_keeps_its_common_values(below):
    rng = np.random.default_rng(0)
    height = rng.integers(-50, 60, 2000)
    away = np.where(rng.random(2000) < 0.1, 90, np.minimum(60 + rng.gamma(3, 60, 2000), 400)).astype(int)
    away[:200], height[:200] = 0, 0  # on the bound, but with a value that is common
    frame = pd.DataFrame({"away": away, "height": height} if below else {"away": -away, "height": -height})
    rewriter = Rewriter().fit(frame, [Order("height", "away") if below else Order("away", "height")])
    rewritten = rewriter.rewrite(frame)
    assert rewritten.equals(frame) and rewriter.restore(rewritten).equals(frame)
    assert [rule.kept for rule in rewriter.rules_] == ["rewritten"]
    made = rewriter.restore(rewritten.assign(height=rewritten["height"] * 9))
    assert ((made["away"] >= made["height"]) if below else (made["away"] <= made["height"])).all()
    close = frame.assign(away=frame["height"] + (1 if below else -1) * rng.integers(0, 30, 2000))  # often near it
    rewriter = Rewriter().fit(close, [Order("height", "away") if below else Order("away", "height")])
    assert not rewriter.rewrite(close).equals(close)


def test_a_column_near_what_bounds_it_is_a_distance():
    rng = np.random.default_rng(0)
    a, b = rng.normal(100, 30, 1000).round(1), rng.gamma(2, 3, 1000).round(1)
    frame = pd.DataFrame({"sum": (a + b).round(1), "a": a, "b": b, "low": (a + b - rng.gamma(2, 3, 1000)).round(1)})
    rewriter = Rewriter().fit(frame, [Sum("sum", ["a", "b"]), Order("low", "sum")])
    assert np.allclose(rewriter.rewrite(frame)["low"], frame["sum"] - frame["low"])


# ---- distances that end at a constant -----------------------------------------------------------


def distances(name, n=1500):
    """A table, and the line that it has to give."""
    rng = np.random.default_rng(0)
    year, day = rng.integers(1940, 2000, n), pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 365, n), "D")
    low, price = rng.normal(10, 8, n).round(1), rng.gamma(3, 20, n).round(2)
    wide, minutes = rng.normal(50, 20, n), pd.to_timedelta(rng.integers(30, 121, n), "min")
    moment = day + pd.to_timedelta(rng.integers(0, 1440, n), "min")
    made = {
        "least": ({"born": year, "since": year + 18 + rng.exponential(12, n).astype(int)}, "since >= born + 18"),
        "decimals": ({"low": low, "high": (low + 0.5 + rng.exponential(3, n)).round(1)}, "high >= low + 0.5"),
        "days": (
            {"in": day, "out": day + pd.to_timedelta(rng.integers(1, 31, n), "D")},
            "in + 1 day <= out <= in + 30 days",
        ),
        "minutes": ({"a": moment, "b": moment + minutes}, "a + 30 minutes <= b <= a + 2 hours"),
        "around": ({"a": wide, "b": wide + rng.uniform(-5, 5, n)}, "a - 5 <= b <= a + 5"),
        "floats": (
            {"a": wide.astype(np.float32), "b": (wide + rng.uniform(2, 9, n)).astype(np.float32)},
            "a + 2 <= b <= a + 9",
        ),
        "money": ({"price": price, "total": (price + 4.9 + rng.exponential(6, n)).round(2)}, "total >= price + 4.9"),
        "holes": (
            {
                "a": pd.array(np.where(rng.random(n) < 0.1, None, year), dtype="Int64"),
                "b": np.where(rng.random(n) < 0.1, np.nan, year + rng.integers(10, 61, n)),
            },
            "a + 10 <= b <= a + 60",
        ),
    }
    columns, line = made[name]
    return pd.DataFrame(columns).assign(noise=rng.normal(size=n), kind=rng.choice(list("xyz"), n)), line


DISTANCES = ["least", "decimals", "days", "minutes", "around", "floats", "money", "holes"]


@cases("name", DISTANCES)
def test_a_distance_that_ends_at_a_constant_is_found_and_kept(name):
    frame, line = distances(name)
    found = find_rules(frame)
    [rule] = [rule for rule in found if rule.kind == "apart"]
    assert str(rule) == line
    assert rule.exceptions == 0 and rule.certain and not [other for other in found if other.kind == "order"]
    rewriter = Rewriter().fit(frame, found)
    rewritten = rewriter.rewrite(frame)
    again = rewriter.restore(rewritten)
    assert [kept.kept for kept in rewriter.rules_ if kept.kind == "apart"] == ["rewritten"]
    pd.testing.assert_series_equal(again.dtypes, frame.dtypes)
    assert (again.isna() == frame.isna()).all(axis=None)
    assert rule.holds(again).all()
    rng = np.random.default_rng(1)
    shuffled = pd.DataFrame({own: rewritten[own].array[rng.permutation(len(frame))] for own in rewritten})
    loaded = Rewriter.from_state(*rewriter.get_state())
    for one in (rewriter, loaded):
        assert rule.holds(one.restore(shuffled)).all()


def test_a_table_with_a_distance_is_sampled_and_saved_with_it(tmp_path):
    frame, line = distances("days", 600)
    y = (np.arange(600) % 4 == 0).astype(int)
    gan = TabularGAN(**SMALL).fit(frame, y)
    assert line in [str(rule) for rule in gan.rules_]
    gan.save(tmp_path / "model")
    for one in (gan, TabularGAN.load(tmp_path / "model")):
        days = one.sample(200, label=1, random_state=0)[0].eval("out - `in`").dt.days
        assert days.between(1, 30).all() and days.nunique() > 10


def test_what_thins_out_or_is_the_turn_of_a_curve_has_no_end(rng):
    n = 4000
    x = rng.normal(size=n)
    frame = pd.DataFrame({"x": x, "near": x + 0.3 * rng.normal(size=n), "heavy": x + 0.2 * rng.standard_t(3, n)})
    frame["curve"] = np.exp(x) + 0.3 * rng.random(n)  # never below x + 1, which it touches at 0
    frame["capped"] = np.maximum(x, -0.5)
    frame["size"], frame["more"] = np.exp(x), np.exp(x + 0.2 * rng.normal(size=n))
    found = [str(rule) for rule in find_rules(frame) if rule.kind == "apart"]
    assert found == []


def test_a_distance_of_the_user_is_kept_beside_an_order_of_the_same_columns(rng):
    a = rng.integers(0, 100, 300)
    frame = pd.DataFrame({"a": a, "b": a + rng.integers(2, 9, 300), "c": rng.integers(0, 300, 300)})
    for rules in ([Order("a", "b"), Apart("a", "b", most=8)], [Apart("a", "b", 2), Apart("a", "b", most=8.5)]):
        rewriter = Rewriter().fit(frame, rules)
        assert [rule.kept for rule in rewriter.rules_] == ["rewritten"] * 2
        assert rewriter.restore(rewriter.rewrite(frame)).equals(frame)
    # between two columns that may come too near each other nothing can lie
    frame["c"] = a + rng.integers(0, 30, 300)
    guarded = Rewriter().fit(frame, [Order("a", "b"), Order("a", "c"), Apart("b", "c", least=-8)])
    assert [rule.kept for rule in guarded.rules_] == ["rewritten", "rewritten", "guarded"]


# ---- factors and constants of a category ---------------------------------------------------------


def of_categories(name, n=800):
    """A table, and the column that is computed."""
    rng = np.random.default_rng(1)
    price, size = rng.gamma(3, 20, n).round(2), rng.integers(1, 100, n)
    rates, bases = {"DE": 0.19, "FR": 0.2, "LU": 0.17, "HU": 0.27}, {"S": 10, "M": 25, "L": 60}
    land, kind = rng.choice(list(rates), n, p=[0.5, 0.25, 0.15, 0.1]), rng.choice(list(bases), n)
    tax, grade = (price * pd.Series(land).map(rates)).round(2), rng.integers(1, 6, n)
    member, duty = rng.random(n) < 0.3, size * np.array([0, 25, 10])[grade % 3]
    made = {
        "rate": ({"net": price, "land": land, "tax": tax}, "tax"),
        "sum": ({"net": price, "land": land, "tax": tax, "gross": (price + tax).round(2)}, "tax"),
        "base": ({"size": size, "kind": pd.Categorical(kind), "cost": pd.Series(kind).map(bases) + 0.5 * size}, "cost"),
        "flag": ({"price": price, "member": member, "paid": np.where(member, (price * 0.9).round(2), price)}, "paid"),
        "free": ({"size": size, "grade": (grade % 3).astype(str), "duty": duty}, "duty"),
        "grade": ({"x": price, "grade": grade, "y": price * (grade + 1) / 2 + grade**2}, "y"),
        "holes": (
            {
                "net": pd.Series(price).mask(rng.random(n) < 0.05),
                "land": pd.Series(land).mask(rng.random(n) < 0.03),
                "tax": tax.mask(rng.random(n) < 0.1),
            },
            "tax",
        ),
    }
    columns, target = made[name]
    return pd.DataFrame(columns).assign(noise=rng.normal(size=n)), target


@cases("name", ["rate", "sum", "base", "flag", "free", "grade", "holes"])
def test_a_factor_of_a_category_is_found_and_kept(name):
    frame, target = of_categories(name)
    found = find_rules(frame)
    [rule] = [rule for rule in found if rule.kind == "per category"]
    assert rule.column == target and rule.exceptions == 0 and rule.certain
    assert not [other for other in found if other.kind == "order"]
    rewriter = Rewriter().fit(frame, found)
    rewritten = rewriter.rewrite(frame)
    assert {kept.kept for kept in rewriter.rules_} == {"rewritten"}
    assert target not in rewritten or frame[target].isna().any()
    again = rewriter.restore(rewritten)
    pd.testing.assert_series_equal(again.dtypes, frame.dtypes)
    assert np.allclose(again[target], frame[target], atol=1e-9, equal_nan=True)
    rng = np.random.default_rng(1)
    shuffled = pd.DataFrame({own: rewritten[own].array[rng.permutation(len(frame))] for own in rewritten})
    for one in (rewriter, Rewriter.from_state(*rewriter.get_state())):
        assert rule.holds(one.restore(shuffled)).all()


def test_factors_that_all_categories_share_and_lines_with_noise_are_none(rng):
    n = 1000
    kind, x = rng.choice(list("abc"), n), rng.gamma(3, 20, n).round(2)
    slope = pd.Series(kind).map({"a": 1.0, "b": 1.5, "c": 2.0})
    frame = pd.DataFrame({"kind": kind, "x": x, "near": (slope * x + 0.1 * rng.normal(size=n)).round(2)})
    assert len(find_rules(frame)) == 0
    same = pd.DataFrame({"kind": kind, "x": x, "double": 2 * x})
    assert texts(same) == ["double = 2 * x (to 0.02)"]


def test_a_generator_with_factors_of_a_category_is_sampled_and_saved_with_them(tmp_path):
    frame, _ = of_categories("rate", 600)
    gan = TabularGAN(**SMALL).fit(frame, (np.arange(600) % 4 == 0).astype(int))
    [rule] = gan.rules_
    assert str(rule).startswith('tax = 0.19 * net where land is "DE", 0.2 * net where "FR"')
    gan.save(tmp_path / "model")
    for one in (gan, TabularGAN.load(tmp_path / "model")):
        rows = one.sample(200, label=1, random_state=0)[0]
        assert rule.holds(rows).all() and rows["land"].nunique() > 1 and rows["tax"].nunique() > 50


@pytest.mark.parametrize("unit", ["ns", "s"])
def test_the_day_of_the_year_and_weekends_are_found_and_computed(unit, rng):
    when = pd.Series(pd.Timestamp("2022-01-01") + pd.to_timedelta(rng.integers(0, 1_440_000, 400), unit="min"))
    when = when.astype(f"M8[{unit}]")
    frame = pd.DataFrame({"when": when, "day": when.dt.day_of_year, "off": when.dt.day_of_week >= 5})
    frame["noise"] = rng.normal(size=400)
    found = find_rules(frame)
    assert [str(rule) for rule in found] == ["day = the day of the year of when", "off = whether when is on a weekend"]
    rewriter = Rewriter().fit(frame, found)
    assert list(rewriter.rewrite(frame)) == ["when", "noise"]
    assert rewriter.restore(rewriter.rewrite(frame)).equals(frame)
    assert rule_from_json(json.loads(json.dumps(found[1].to_json()))) == found[1]
