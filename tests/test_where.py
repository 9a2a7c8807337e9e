"""``sample(n, where=...)``: conditions on columns, of every kind and in every container."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import cases
from scipy import sparse

from ganaug import GANOversampler, ImageGAN, SeriesGAN, SmoothedBootstrap, TabularGAN, load
from ganaug.exceptions import InvalidDataError, InvalidParameterError
from ganaug.rules import Order

FEW = {"max_steps": 5, "random_state": 0}
N = 400
MAY, JUNE = pd.Timestamp("2024-05-01"), pd.Timestamp("2024-06-01")


def table():
    rng = np.random.default_rng(0)
    days = pd.to_timedelta(rng.integers(0, 300, N), unit="D")
    X = pd.DataFrame(
        {
            "age": rng.integers(18, 90, N),
            "sex": pd.Categorical(rng.choice(["F", "M"], N)),
            "day": pd.Timestamp("2024-01-01") + days,
            "x": rng.normal(size=N),
            "flag": rng.random(N) < 0.3,
            "city": rng.choice(["a", "b", "c"], N),
            "items": pd.array(rng.integers(0, 50, N), dtype="Int64"),
            "stay": pd.to_timedelta(rng.integers(0, 300, N), unit="h"),
            "f32": rng.gamma(2, 1, N).astype(np.float32),
            "there": pd.Timestamp("2024-01-01", tz="Europe/Rome") + days[::-1],
            "yes": pd.array(rng.random(N) < 0.5, dtype="boolean"),
            "size": pd.Categorical(rng.choice(["lo", "mid", "hi"], N), categories=["lo", "mid", "hi"], ordered=True),
            "kind": pd.Categorical(rng.integers(0, 4, N)),
        }
    )
    for column, last in {"city": 60, "items": 80, "x": 40, "day": 50}.items():
        X.loc[:last, column] = None
    return X, (np.arange(N) % 4 == 0).astype(int)


@pytest.fixture(scope="module")
def gan():
    return TabularGAN(**FEW).fit(*table())


CONDITIONS = {
    "at least": ("age", (60, None), lambda s: s >= 60),
    "at most": ("age", (None, 40), lambda s: s <= 40),
    "between": ("items", (10, 20), lambda s: s.between(10, 20)),
    "to infinity": ("age", (50, float("inf")), lambda s: s >= 50),
    "level": ("sex", "F", lambda s: s == "F"),
    "levels": ("city", ["a", "b"], lambda s: s.isin(["a", "b"])),
    "set": ("city", {"a"}, lambda s: s == "a"),
    "array": ("age", np.arange(20, 40), lambda s: s.between(20, 39)),
    "range": ("age", range(20, 40), lambda s: s.between(20, 39)),
    "series": ("age", pd.Series([30, 31, 32, 33]), lambda s: s.between(30, 33)),
    "missing": ("x", None, lambda s: s.isna()),
    "NaN": ("x", np.nan, lambda s: s.isna()),
    "NA": ("items", pd.NA, lambda s: s.isna()),
    "NaT": ("day", pd.NaT, lambda s: s.isna()),
    "level or missing": ("city", ["a", None], lambda s: s.isna() | (s == "a")),
    "number": ("items", 5, lambda s: s == 5),
    "float32": ("f32", (0.5, 2), lambda s: s.between(0.5, 2)),
    "True": ("flag", True, lambda s: s),
    "boolean": ("yes", False, lambda s: ~s),
    "dates as text": ("day", ("2024-05-01", "2024-06-01"), lambda s: s.between(MAY, JUNE)),
    "timestamps": ("day", (MAY, None), lambda s: s >= MAY),
    "date": ("day", (dt.date(2024, 5, 1), None), lambda s: s >= MAY),
    "datetime64": ("day", (np.datetime64("2024-05-01"), None), lambda s: s >= MAY),
    "many days": ("day", pd.date_range(MAY, JUNE), lambda s: s.between(MAY, JUNE)),
    "days as text": ("day", [f"2024-05-{day:02d}" for day in range(1, 32)], lambda s: s.dt.month == 5),
    "local": ("there", (MAY, None), lambda s: s >= MAY.tz_localize("Europe/Rome")),
    "other zone": ("there", (MAY.tz_localize("UTC"), None), lambda s: s >= MAY.tz_localize("UTC")),
    "durations": ("stay", ("1D", "5D"), lambda s: s.between(pd.Timedelta("1D"), pd.Timedelta("5D"))),
    "ordered": ("size", ("mid", None), lambda s: s.isin(["mid", "hi"])),
    "numbers as levels": ("kind", (2, None), lambda s: s.astype(int) >= 2),
    "function": ("age", lambda s: s % 2 == 0, lambda s: s % 2 == 0),
    "function with NA": ("items", lambda s: s > 20, lambda s: s > 20),
}


@cases("name", CONDITIONS)
def test_every_kind_of_condition(gan, name):
    column, wanted, check = CONDITIONS[name]
    frame, y = gan.sample(30, label=1, where={column: wanted}, random_state=0)
    assert len(frame) == len(y) == 30
    assert (y == 1).all()
    assert check(frame[column]).fillna(False).all()
    assert (frame.dtypes == table()[0].dtypes).all()


def test_several_columns_and_classes(gan):
    where = {"age": (60, 80), "sex": "F", "x": (0, None)}
    frame, y = gan.sample({1: 20, 0: 10}, where=where, random_state=0)
    assert y.tolist() == [1] * 20 + [0] * 10
    assert (frame["age"].between(60, 80) & (frame["sex"] == "F") & (frame["x"] >= 0)).all()
    assert set(gan.curation_) == {0, 1}
    for counts, n in ((gan.curation_[1], 20), (gan.curation_[0], 10)):
        assert counts["kept"] == n
        assert counts["where"] > 0
        assert counts["drawn"] >= n + counts["where"]
    free, _ = gan.sample(40, where=where)  # labels as often as in training
    assert len(free) == 40
    assert len(gan.sample({0: 0, 1: 2}, where=where)[0]) == 2
    assert len(gan.sample(0, where=where)[0]) == 0


def test_what_all_rows_meet_costs_nothing(gan):
    gan.sample(20, label=1, where={"age": (0, None)})
    assert gan.curation_[1]["where"] == 0


def test_same_seed_same_rows_and_stored_models_agree(gan, tmp_path):
    where = {"sex": "F", "day": ("2024-03-01", None)}
    want, _ = gan.sample(25, where=where, random_state=3)
    gan.save(tmp_path / "gan.safetensors")
    for other in (gan, load(tmp_path / "gan.safetensors"), pickle.loads(pickle.dumps(gan)), copy.deepcopy(gan)):
        pd.testing.assert_frame_equal(other.sample(25, where=where, random_state=3)[0], want)
    other, _ = gan.sample(25, where=where, random_state=4)
    assert not other.equals(want)
    one, two = (gan.sample(25, where=where)[0] for _ in range(2))
    assert not one.equals(two)


def test_rules_hold_under_conditions():
    rng = np.random.default_rng(0)
    start = rng.uniform(0, 365, N)
    X = pd.DataFrame({"start": start, "end": start + rng.gamma(2, 3, N), "kind": rng.choice(list("ab"), N)})
    gan = TabularGAN(**FEW, rules=[Order("start", "end")]).fit(X)
    frame, _ = gan.sample(60, where={"end": (200, None), "kind": "a"}, random_state=0)
    assert (frame["end"] >= 200).all()
    assert (frame["end"] >= frame["start"]).all()


# ---- containers and types


@cases(
    "to",
    [lambda a: a, lambda a: a.astype(np.float32), torch.from_numpy, sparse.csr_matrix, lambda a: a.tolist()],
    ids=["f8", "f4", "tensor", "csr", "list"],
)
def test_columns_of_arrays_are_named_by_their_place(to):
    plain = np.random.default_rng(0).normal(size=(80, 3)).round(1)
    rows, _ = TabularGAN(**FEW).fit(to(plain)).sample(20, where={2: (0.5, None), 0: (None, 0)}, random_state=0)
    rows = rows.toarray() if sparse.issparse(rows) else np.asarray(rows)
    assert (rows[:, 2] >= 0.5).all()
    assert (rows[:, 0] <= 0).all()
    with pytest.raises(InvalidParameterError, match="no column 'x'"):
        TabularGAN(**FEW).fit(to(plain)).sample(2, where={"x": 1})


def test_types_of_databases():
    rng = np.random.default_rng(0)
    days = [dt.date(2024, 1, 1) + dt.timedelta(days=int(d)) for d in rng.integers(0, 300, N)]
    X = pd.DataFrame({"paid": [Decimal(int(v)) / 100 for v in rng.integers(100, 90000, N)], "day": days})
    X["n"] = pd.array(rng.integers(0, 30, N), dtype="int64[pyarrow]")
    X["when"] = pd.array(pd.to_datetime(pd.Series(days)), dtype="timestamp[us][pyarrow]")
    gan = TabularGAN(**FEW).fit(X)
    where = {"paid": (Decimal(300), None), "day": ("2024-03-01", dt.date(2024, 9, 1)), "n": (10, None)}
    frame, _ = gan.sample(20, where=where | {"when": (None, "2024-08-01")}, random_state=0)
    assert all(value >= 300 for value in frame["paid"])
    assert all(dt.date(2024, 3, 1) <= day <= dt.date(2024, 9, 1) for day in frame["day"])
    assert (frame["n"] >= 10).all()
    assert (frame["when"] <= pd.Timestamp("2024-08-01")).all()
    with pytest.raises(InvalidParameterError, match="column 'day' holds .* cannot be compared with 'Monday'"):
        gan.sample(2, where={"day": "Monday"})


# ---- refused


@cases(
    ("where", "said"),
    [
        ({"nope": 1}, "there is no column 'nope'; the columns are"),
        ({}, "must be a dict of column to condition"),
        ([("age", 3)], "must be a dict of column to condition"),
        ({"age": (91, None)}, "no row can meet 'age from 91 to any': column 'age' runs from 18 to 89"),
        ({"age": (None, 10)}, "column 'age' runs from 18 to 89"),
        ({"age": 60.5}, "no row can meet 'age = 60.5': column 'age' .* in whole numbers"),
        ({"age": (30.2, 30.8)}, "column 'age' .* in whole numbers"),
        ({"sex": "Q"}, "no row can meet 'sex = Q': column 'sex' has the values"),
        ({"city": []}, "column 'city' has the values"),
        ({"city": "zz"}, "column 'city' has the values"),
        ({"age": None}, "column 'age' has no missing values"),
        ({"age": [None]}, "column 'age' has no missing values"),
        ({"age": (70, 60)}, "'age' is .* no value is within"),
        ({"age": (1, 2, 3)}, r"'age' is \(1, 2, 3\); give \(low, high\)"),
        ({"age": (None, None)}, "'age' is .* one of which may be None"),
        ({"age": "old"}, "column 'age' holds int64, such as 18, which cannot be compared with 'old'"),
        ({"age": 6j}, "column 'age' .* cannot be compared"),
        ({"age": {"a": 1}}, "'age' is .* give a value, a list of values"),
        ({"day": "soon"}, "column 'day' .* cannot be compared with 'soon'"),
        ({"day": 5}, "column 'day' .* cannot be compared with 5"),
        ({"day": (MAY.tz_localize("UTC"), None)}, "column 'day' .* cannot be compared"),
        ({"day": ("2030-01-01", None)}, "no row can meet 'day from 2030-01-01 .*': column 'day' runs from 2024"),
        ({"stay": 5}, "column 'stay' .* cannot be compared with 5"),
        ({"size": ("huge", None)}, "column 'size' has no level 'huge'; its levels are"),
        ({"size": ("hi", "lo")}, "'size' is .* no value is within"),
        ({"x": (50, 60)}, "column 'x' runs from"),
    ],
    ids=str,
)
def test_what_no_row_can_meet_is_refused_by_name(gan, where, said):
    with pytest.raises(InvalidParameterError, match=said):
        gan.sample(5, where=where)


@cases("answer", [5, np.ones(3, bool), "yes", None])
def test_a_function_must_return_a_mask(gan, answer):
    with pytest.raises(InvalidDataError, match="function for column 'age' returned .* for 512 rows"):
        gan.sample(5, where={"age": lambda _: answer})


def test_tries_are_bounded_and_counted(gan, monkeypatch):
    monkeypatch.setattr("ganaug.estimators.where.FEWEST_TRIES", 2000)
    monkeypatch.setattr("ganaug.estimators.where.TRIES", 100)
    with pytest.raises(
        InvalidDataError,
        match=r"only 0 of 3 rows after 2,000 candidates \(x from 0.5 to 0.500001: 0.0%, sex in \['F', 'M'\]: 100.0%",
    ):
        gan.sample(3, label=0, where={"x": (0.5, 0.500001), "sex": ["F", "M"]}, random_state=0)
    gan.sample(3, label=0, where={"x": (0.4, 0.6)}, random_state=0)  # wider, as it advises


@pytest.mark.parametrize("kind", [ImageGAN, SeriesGAN])
def test_images_and_series_have_no_columns(kind):
    shape = (24, 1, 8, 8) if kind is ImageGAN else (24, 2, 16)
    X = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8 if kind is ImageGAN else np.float32)
    gan = kind(max_steps=1, random_state=0, verbose=False).fit(X)
    with pytest.raises(InvalidParameterError, match="where is for tables: images and series have no columns"):
        gan.sample(2, where={0: 1})


# ---- oversamplers


class Repeater:
    """A generator of another library, which knows no conditions."""

    def fit(self, X, y):
        self.rows = X[y == 1]
        return self

    def sample(self, n, label=None, random_state=None):
        return self.rows.iloc[[0] * n], None


def test_an_oversampler_passes_conditions_on():
    X, y = table()
    sampler = GANOversampler(generator=TabularGAN(max_steps=5), random_state=0).fit(X, y)
    frame, labels = sampler.sample(20, where={"age": (60, None), "sex": "F"}, random_state=0)
    assert ((frame["age"] >= 60) & (frame["sex"] == "F")).all()
    assert (labels == 1).all()
    assert sampler.curation_[1]["where"] > 0
    again, _ = sampler.sample(20, where={"age": (60, None), "sex": "F"}, random_state=0)
    pd.testing.assert_frame_equal(frame, again)
    with pytest.raises(InvalidParameterError, match="no column 'nope'"):
        sampler.sample(2, where={"nope": 1})


def test_an_oversampler_says_which_generator_knows_no_conditions():
    X, y = table()
    sampler = GANOversampler(generator=Repeater()).fit(X, y)
    with pytest.raises(InvalidParameterError, match=r"Repeater\.sample, which draws class 1, has no such parameter"):
        sampler.sample(2, where={"age": (60, None)})
    assert len(sampler.sample(2)[0]) == 2


def test_a_bootstrap_takes_conditions_too():
    X, y = table()
    frame, _ = SmoothedBootstrap(random_state=0).fit(X, y).sample(20, label=1, where={"age": (60, None)})
    assert (frame["age"] >= 60).all()
