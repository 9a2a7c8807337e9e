"""Tables with planted rules, for the tests of `ganaug.rules`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ganaug.rules import (
    Apart,
    Copy,
    Determined,
    FixedWhere,
    MissingWith,
    Monotone,
    Never,
    OneHot,
    Order,
    PerCategory,
    Product,
    Sum,
    Within,
)

CITIES = {
    "Rome": "Italy",
    "Milan": "Italy",
    "Lyon": "France",
    "Paris": "France",
    "Bonn": "Germany",
    "Berlin": "Germany",
}
DAY = pd.Timestamp("2020-01-01")


def sum_of_two(rng, n):
    net, vat = rng.gamma(2, 50, n).round(2), rng.gamma(2, 8, n).round(2)
    return pd.DataFrame({"net": net, "vat": vat, "gross": (net + vat).round(2)}), [Sum("gross", ["net", "vat"])]


def difference(rng, n):
    new, old = rng.normal(1000, 200, n).round(2), rng.normal(1000, 250, n).round(2)
    frame = pd.DataFrame({"new": new, "old": old, "moved": (new - old).round(2)})
    return frame, [Sum("new", ["old", "moved"])]


def sum_of_five(rng, n):
    parts = pd.DataFrame(rng.gamma(2, 10, (n, 5)).round(2), columns=[f"part{k}" for k in range(5)])
    return parts.assign(all=parts.sum(axis=1).round(2)), [Sum("all", list(parts))]


def sum_with_factor(rng, n):
    minutes, hours = rng.integers(0, 60, n), rng.integers(0, 24, n)
    frame = pd.DataFrame({"minutes": minutes, "hours": hours, "total": minutes + 60 * hours})
    return frame, [Sum("total", {"minutes": 1, "hours": 60})]


def copies(rng, n):
    a = rng.normal(20, 8, n)
    frame = pd.DataFrame({"celsius": a, "milli": 1000 * a, "fahrenheit": (1.8 * a + 32).round(1)})
    return frame, [Copy("milli", "celsius", 1000), Copy("fahrenheit", "celsius", 1.8, 32)]


def product(rng, n):
    height, width = rng.integers(1, 60, n), rng.integers(1, 90, n)
    return pd.DataFrame({"h": height, "w": width, "area": height * width}), [Product("area", ["h", "w"])]


def ratio(rng, n):
    # two rounded columns, and their ratio rounded as well, as in the thyroid tables
    tt4, t4u = rng.normal(108, 25, n).round(), rng.normal(1, 0.15, n).round(2)
    frame = pd.DataFrame({"tt4": tt4, "t4u": t4u, "fti": (tt4 / t4u).round()})
    return frame, [Product("fti", ["tt4"], ["t4u"])]


def float32_product(rng, n):
    speed, time = rng.gamma(3, 20, n), rng.gamma(2, 1, n)
    frame = pd.DataFrame({"speed": speed, "time": time, "way": speed * time}).astype(np.float32)
    return frame, [Product("way", ["speed", "time"])]


def square(rng, n):
    kg, metres = rng.normal(75, 12, n).round(1), rng.normal(1.7, 0.1, n).round(2)
    frame = pd.DataFrame({"kg": kg, "metres": metres, "bmi": (kg / metres**2).round(1)})
    return frame, [Product("bmi", ["kg"], ["metres", "metres"])]


def order_of_floats(rng, n):
    start = rng.uniform(0, 365, n)
    return pd.DataFrame({"start": start, "end": start + rng.gamma(2, 3, n)}), [Order("start", "end")]


def order_of_dates(rng, n):
    opened = DAY + pd.to_timedelta(rng.integers(0, 700, n), unit="D")
    closed = opened + pd.to_timedelta(rng.geometric(1 / 15, n) - 1, unit="D")
    return pd.DataFrame({"opened": opened, "closed": closed}), [Order("opened", "closed")]


def apart(rng, n):
    day = rng.integers(0, 365, n)
    return pd.DataFrame({"came": day, "left": day + rng.integers(2, 9, n)}), [Apart("came", "left", 2, 8)]


def per_category(rng, n):
    rates = {"DE": 0.19, "FR": 0.2, "LU": 0.17}
    land, paid = rng.choice(list(rates), n, p=[0.5, 0.3, 0.2]), rng.gamma(2, 80, n).round(2)
    duty = (paid * pd.Series(land).map(rates)).round(2)
    return pd.DataFrame({"paid": paid, "land": land, "duty": duty}), [PerCategory("duty", "paid", "land", rates)]


def one_hot(rng, n):
    levels = rng.choice(5, n, p=[0.5, 0.25, 0.15, 0.07, 0.03])
    frame = pd.DataFrame({f"is_{k}": (levels == k).astype(np.int8) for k in range(5)})
    return frame, [OneHot(list(frame))]


def one_hot_at_most(rng, n):
    levels = rng.choice(4, n, p=[0.4, 0.2, 0.2, 0.2])
    frame = pd.DataFrame({f"has_{k}": levels == k for k in range(1, 4)})
    return frame, [OneHot(list(frame), at_most=True)]


def counting_flags(rng, n):
    levels = rng.integers(0, 5, n)
    frame = pd.DataFrame({f"over_{k}": (levels > k).astype(float) for k in range(4)})
    return frame, [OneHot(list(frame), ordered=True)]


def determined(rng, n):
    city = pd.Series(rng.choice(list(CITIES), n))
    frame = pd.DataFrame({"city": city, "country": city.map(CITIES), "level": city.str.len() * 1.5})
    return frame, [Determined("country", "city"), Determined("level", "city")]


def confined(rng, n):
    grade = rng.choice(list("ABCDE"), n, p=[0.3, 0.25, 0.2, 0.15, 0.1])
    low = np.array(["ABCDE".index(g) for g in grade]) * 5.0
    frame = pd.DataFrame({"grade": grade, "rate": (low + rng.uniform(0, 5, n)).round(2)})
    return frame, [Within("rate", "grade")]


def missing(rng, n):
    gone = rng.random(n) < 0.25
    t3, tsh = (np.where(gone, np.nan, values) for values in (rng.normal(size=n), rng.gamma(2, 1, n)))
    frame = pd.DataFrame({"t3": t3, "tsh": tsh})
    frame["measured"] = np.where(gone, "f", "t")
    return frame, [MissingWith("tsh", "t3"), MissingWith("t3", "measured", ["f"])]


def never(rng, n):
    sex = rng.choice(["F", "M"], n)
    frame = pd.DataFrame({"sex": sex, "pregnant": np.where((sex == "F") & (rng.random(n) < 0.3), "yes", "no")})
    return frame, [Never({"sex": "M", "pregnant": "yes"})]


def curve(rng, n):
    x = rng.uniform(1, 9, n)
    return pd.DataFrame({"size": x, "price": np.log(x)}), [Monotone("price", "size", ((1, 9), (0, 2.2)))]


def fixed(rng, n):
    claims, plan = rng.poisson(0.7, n), rng.choice(["basic", "trial", "pro", "max"], n)
    frame = pd.DataFrame({"claims": claims, "amount": np.where(claims > 0, rng.gamma(2, 100, n).round(2), 0.0)})
    frame["plan"] = plan
    frame["rebate"] = np.where(np.isin(plan, ["basic", "trial"]), 0, rng.integers(1, 40, n))
    rules = [FixedWhere("amount", 0, "claims", [0]), FixedWhere("rebate", 0, "plan", ["basic", "trial"])]
    return frame, rules


KINDS = [
    sum_of_two,
    difference,
    sum_of_five,
    sum_with_factor,
    copies,
    product,
    ratio,
    float32_product,
    square,
    order_of_floats,
    order_of_dates,
    one_hot,
    one_hot_at_most,
    counting_flags,
    determined,
    confined,
    missing,
    never,
    curve,
    apart,
    per_category,
    fixed,
]


def together(n, seed=0):
    """One table with all kinds side by side, and columns that nothing is said of."""
    rng = np.random.default_rng(seed)
    parts = [kind(rng, n) for kind in KINDS]
    noise = pd.DataFrame({"noise": rng.normal(size=n), "count": rng.poisson(4, n), "kind": rng.choice(list("xyz"), n)})
    return pd.concat([noise, *(frame for frame, _ in parts)], axis=1), [rule for _, rules in parts for rule in rules]


def says(rule):
    """Kind and columns: what a rule is about, whichever way round it is written."""
    return rule.kind, frozenset(rule.columns)
