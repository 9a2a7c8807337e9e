"""The table codec: what goes in comes out, and whatever comes out could have gone in."""

import datetime as dt
import decimal
import json

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from helpers import cases
from helpers import numpy_rng as rng

from ganaug.encoding import TableCodec
from ganaug.encoding.containers import SparseContainer
from ganaug.exceptions import DataWarning, InvalidDataError, InvalidTypeError, ModelFileError

N = 300


def round_trip(X, **options):
    codec = TableCodec(**options).fit(X)
    Z = codec.encode(X)
    assert Z.dtype == np.float32 and Z.flags.c_contiguous and Z.shape == (len(X), codec.width)
    return codec, Z, codec.decode(Z)


def restored(codec):
    config, arrays = codec.get_state()
    assert all(array.dtype.kind != "O" and array.ndim == 1 for array in arrays.values())
    return TableCodec.from_state(json.loads(json.dumps(config)), arrays)


def garbage(codec, n=400):
    """What a generator might say at its worst."""
    Z = rng(9).normal(size=(n, codec.width)) * rng(10).choice([0.1, 3.0, 1e4, 1e30], size=(n, 1))
    Z[:2] = np.array([[-1e38], [1e38]])
    return Z


def holes(values, missing=None, every=7):
    out = pd.Series(values)
    out[::every] = missing
    return out


def exact_columns():
    r = rng()
    yield "bool", pd.Series(r.random(N) < 0.1)
    yield "bool constant", pd.Series(np.ones(N, dtype=bool))
    for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"):
        info = np.iinfo(name)
        yield name, pd.Series(r.integers(max(info.min, -100), 101, N).astype(name))
        yield f"{name} ends", pd.Series(r.choice(np.array([info.min, 3, info.max], dtype=name), N))
    for name in ("Int8", "Int64", "UInt16", "UInt64"):
        yield name, holes(pd.array(r.integers(0, 90, N), dtype=name), pd.NA)
    yield "boolean", holes(pd.array(r.random(N) < 0.4, dtype="boolean"), pd.NA)
    yield "Float64", holes(pd.array(r.integers(0, 500, N) / 4, dtype="Float64"), pd.NA)
    yield "large ids", pd.Series(2**60 + r.permutation(N) * 1001)
    for name in ("float16", "float32", "float64"):
        yield f"{name} halves", holes(pd.Series(r.integers(-20, 20, N) / 2, dtype=name), np.nan)
    yield "decimals", pd.Series(r.integers(0, 9000, N) / 100)
    yield "float32 decimals", pd.Series((r.integers(0, 9000, N) / 100).astype("float32"))
    yield "str", holes(pd.Series(r.choice(["a", "bé", "", "名"], N), dtype="str"))
    yield "string", holes(pd.Series(r.choice(["a", "b"], N), dtype="string"), pd.NA)
    yield "many texts", pd.Series(r.choice([f"v{i}" for i in range(90)], N)).astype("str")
    yield "category", pd.Series(pd.Categorical(r.choice(list("abc"), N), categories=list("zcba"), ordered=True))
    yield "category holes", holes(pd.Series(r.choice(list("abc"), N)).astype("category"))
    yield "category int", pd.Series(r.choice([3, 1, 2], N)).astype("category")
    yield "category many", pd.Series(r.integers(0, 80, N)).astype("category")
    yield "category bool", pd.Series(r.random(N) < 0.5).astype("category")
    yield "category interval", pd.cut(pd.Series(r.random(N)), 5)
    yield "category dates", pd.Series(pd.to_datetime(r.choice(["2020-01-01", "2021-01-01"], N))).astype("category")
    yield "object mixed", pd.Series(r.choice(np.array([True, 1, 1.0, "1", None], dtype=object), N), dtype=object)
    yield "object text", holes(pd.Series(r.choice(np.array(["a", "b"], dtype=object), N), dtype=object), None)
    yield "object NA", holes(pd.Series(r.choice(np.array(["a", "b"], dtype=object), N), dtype=object), pd.NA)
    yield "object int", holes(pd.Series(r.integers(0, 99, N), dtype=object), None)
    yield "object float", holes(pd.Series(r.integers(0, 99, N) / 2, dtype=object), np.nan)
    yield "object bool", holes(pd.Series(r.random(N) < 0.5, dtype=object), np.nan)
    dates = np.array([dt.date(2020, 1, 1 + i) for i in range(9)], dtype=object)
    yield "object dates", pd.Series(r.choice(dates, N), dtype=object)
    prices = np.array([decimal.Decimal("1.10"), decimal.Decimal("2")], dtype=object)
    yield "object decimals", pd.Series(r.choice(prices, N), dtype=object)
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(r.integers(0, 200, N), unit="D")
    for unit in ("s", "ms", "us", "ns"):
        yield f"datetime {unit}", holes(pd.Series(days).astype(f"datetime64[{unit}]"), pd.NaT)
    yield "datetime zoned", holes(pd.Series(days.tz_localize("Europe/Paris")), pd.NaT)
    yield "timedelta", holes(pd.Series(pd.to_timedelta(r.integers(0, 99, N), unit="h")), pd.NaT)
    yield "constant", pd.Series(np.full(N, 1.25))
    yield "constant holes", holes(pd.Series(np.full(N, 1.25)), np.nan)
    yield "constant text", pd.Series(["x"] * N, dtype="str")
    yield "all NaN", pd.Series(np.full(N, np.nan))
    yield "all None", pd.Series([None] * N, dtype=object)
    yield "all NA", pd.Series([pd.NA] * N, dtype="Int64")
    yield "all NaT", pd.Series([pd.NaT] * N, dtype="datetime64[ns]")
    yield "Sparse", pd.Series(pd.arrays.SparseArray(r.choice([0.0, 0.0, 2.5], N), fill_value=0.0))
    yield "Sparse bool", pd.Series(pd.arrays.SparseArray(r.random(N) < 0.1))
    yield "object surrogates", pd.Series(["\ud800", "y"] * (N // 2), dtype=object)
    yield "object bytes", pd.Series([b"x", b"y"] * (N // 2), dtype=object)
    yield "object tuples", pd.Series([(1, "a"), (2, "b")] * (N // 2), dtype=object)
    yield "many texts holes", holes(pd.Series(r.choice([f"v{i}" for i in range(90)], N)).astype("str"))
    yield "Sparse int", pd.Series(pd.arrays.SparseArray(r.choice([0, 0, 2], N)))


EXACT = dict(exact_columns())
# Those of so many values that no model keeps their extremes.
FINE = {"Float64", "large ids", "decimals", "float32 decimals", "datetime zoned"}


def inner(values):
    """Which values are certainly within the bounds that a model keeps: all but the few smallest and largest."""
    values = np.asarray(values, dtype=np.float64)
    ordered = np.sort(values[~np.isnan(values)])
    few = min(3 + len(values) // 2000, len(ordered) - 1)  # a value of four rows is kept
    return ~((values < ordered[few]) | (values > ordered[-1 - few]))


def assert_near(back, real, rtol=0.0, atol=0.0):
    """Equal within the bounds of each column of a matrix; outside, off by a hundredth of the range at most."""
    back, real = np.asarray(back, np.float64), np.asarray(real, np.float64)
    for mine, column in zip(back.T, real.T, strict=True):
        inside = inner(column)
        np.testing.assert_allclose(mine[inside], column[inside], rtol=rtol, atol=atol)
        np.testing.assert_allclose(mine, column, rtol=rtol, atol=atol + np.ptp(column[~np.isnan(column)]) / 100)


@cases("name", EXACT)
def test_column_comes_back(name):
    column = EXACT[name]
    X = pd.DataFrame({name: column, "other": rng(1).normal(size=N)})
    before = X.copy(deep=True)
    codec, Z, back = round_trip(X)
    pd.testing.assert_frame_equal(X, before)
    if name in FINE:
        numbers = column if column.dtype.kind == "f" else column.rank().astype("float64")
        same = inner(numbers)
        assert same.mean() > 0.9
        pd.testing.assert_series_equal(back[name][same], column[same], check_names=False, rtol=1e-6)
    else:
        pd.testing.assert_series_equal(back[name], column, check_names=False)
    again = restored(codec)
    np.testing.assert_array_equal(again.encode(X), Z)
    made = codec.decode(garbage(codec))
    pd.testing.assert_frame_equal(again.decode(garbage(codec)), made)
    assert made[name].dtype == column.dtype
    known = set(map(repr, column.dropna()))
    if column.isna().sum() == 0:
        assert not made[name].isna().any()
    if codec.column_summary()[0]["kind"] != "number":
        assert set(map(repr, made[name].dropna())) <= known
    elif len(known) > 0:
        assert made[name].min() >= column.min() and made[name].max() <= column.max()
    empty = codec.decode(Z[:0])
    assert len(empty) == 0 and empty[name].dtype == column.dtype


@cases("dtype", ["float16", "float32", "float64", "Float32", "Float64"])
@cases("n", [40, 5000])
def test_floats_come_back_nearly(dtype, n):
    values = rng().lognormal(0, 1, n)
    X = pd.DataFrame({"v": pd.Series(values).astype(dtype)})
    codec, _, back = round_trip(X)
    assert back.v.dtype == dtype
    assert_near(back.astype(float), X.astype(float), rtol=1e-2 if dtype == "float16" else 1e-4)
    made = codec.decode(garbage(codec)).v
    assert made.min() >= X.v.min() and made.max() <= X.v.max()


def test_normal_scores_decode_to_the_observed_distribution():
    X = pd.DataFrame({"v": rng().gamma(2, size=4000), "age": rng(1).integers(18, 60, 4000)})
    codec = TableCodec().fit(X)
    assert codec.width == 2
    made = codec.decode(rng(2).normal(size=(4000, 2)))
    for name in X:
        assert abs(made[name].mean() - X[name].mean()) < 0.05 * X[name].std() + 0.02
        assert abs(made[name].std() / X[name].std() - 1) < 0.06


def test_range_may_be_left():
    X = pd.DataFrame({"v": rng().normal(size=500), "i": rng(1).integers(0, 10**6, 500).astype("uint32")})
    codec = TableCodec(keep_range=False).fit(X)
    made = codec.decode(np.array([[-4.5, -4.5], [4.5, 4.5], [1e30, 1e30], [-1e30, -1e30]]))
    assert made.v[0] < X.v.min() and made.v[1] > X.v.max() and np.isfinite(made.v).all()
    assert made.i[1] > X.i.max() and made.i.dtype == np.uint32
    far = codec.encode(pd.DataFrame({"v": [99.0, -99.0], "i": np.array([0, 2**32 - 1], dtype="uint32")}))
    assert np.abs(far).max() <= 5 and far[0, 0] > 3 > -3 > far[1, 0]


@cases("values", [[-1.7e308, 1.7e308, 0.5], [1e-320, 3e-320, 5e-300], [-(2**63), 2**63 - 1, 7]])
def test_extreme_numbers(values):
    X = pd.DataFrame({"v": np.array(values * 9 + [values[2] + i for i in range(20)])})
    codec, _, back = round_trip(X)
    assert back.v.dtype == X.v.dtype and (back.v[:2] == X.v[:2]).all()
    made = codec.decode(garbage(codec)).v
    assert np.isfinite(made.astype(float)).all() and made.between(X.v.min(), X.v.max()).all()


def test_spikes_and_missing_are_states():
    n = 1000
    v = np.where(rng().random(n) < 0.4, 0.0, rng(1).gamma(2, size=n))
    v[:100], v[100:150] = 999.0, np.nan
    X = pd.DataFrame({"v": v})
    codec, Z, back = round_trip(X)
    facts = codec.column_summary()[0]
    assert facts["spikes"] == [0.0, 999.0] and facts["missing"] and facts["n_states"] == 4
    assert [(b.tag, b.start, b.stop) for b in codec.blocks] == [("scalar", 0, 1), ("onehot", 1, 5)]
    assert (Z[:, 1:].sum(axis=1) == 1).all()
    np.testing.assert_array_equal(back.v.isna(), X.v.isna())
    np.testing.assert_array_equal(back.v == 0, X.v == 0)
    assert Z[X.v == 0, 0].max() < Z[(X.v > 0), 0].min()


def test_blocks_cover_the_width():
    X = pd.DataFrame(EXACT)
    codec = TableCodec().fit(X)
    stops = [0, *(b.stop for b in codec.blocks)]
    assert [b.start for b in codec.blocks] == stops[:-1] and stops[-1] == codec.width
    assert [b.tag for b in codec.blocks].count("scalar") == 1 and codec.blocks[0].tag == "scalar"
    assert codec.n_features_ == X.shape[1] and codec.feature_names_ == list(X)
    assert len(json.dumps(codec.column_summary(), default=str)) > 100


def test_100_000_levels_take_bounded_width():
    n, k = 150_000, 100_000
    values = rng().integers(0, k, n)
    values[: n // 4] = 5
    X = pd.DataFrame({"v": pd.Series(values).astype(str), "a": rng(1).normal(size=n)})
    y = rng(2).integers(0, 2, n)
    codec = TableCodec().fit(X, y)
    assert codec.width <= 24
    assert codec.decode(codec.encode(X.iloc[-20_000:])).v.tolist() == X.v.iloc[-20_000:].tolist()
    made = codec.decode(rng(3).normal(size=(2000, codec.width)))
    assert set(made.v) <= set(X.v) and made.v.nunique() > 200


def matrices():
    A = np.where(rng().random((60, 5)) < 0.6, 0, rng(1).integers(1, 50, (60, 5))).astype(float)
    A[:, 4] = rng(2).normal(size=60)
    yield "float64", A
    yield "float32", A.astype(np.float32)
    yield "int", A.astype(int)
    yield "fortran", np.asfortranarray(A)
    yield "strided", np.repeat(A, 2, axis=1)[::-1, ::2]
    yield "object", A.astype(object)
    yield "text", rng().choice(["aa", "b"], (60, 3))
    yield "bool", A > 0
    yield "days", np.datetime64("2020-01-01") + rng().integers(0, 99, (60, 2)).astype("m8[D]")
    for fmt in ("csr", "csc", "coo", "lil"):
        yield f"{fmt}_matrix", sp.csr_matrix(A).asformat(fmt)
        yield f"{fmt}_array", sp.csr_array(A.astype(np.float32)).asformat(fmt)
    yield "list", A.tolist()
    yield "list mixed", [[1, "a", None], [2, "b", 1.5]] * 20
    yield "tensor", torch.tensor(A)
    yield "tensor32", torch.tensor(A, dtype=torch.float32)
    yield "tensor int", torch.tensor(A.astype(int))
    yield "tensor bf16", torch.tensor(A.astype(int)).to(torch.bfloat16)


MATRICES = dict(matrices())


@cases("name", MATRICES)
def test_container_comes_back(name):
    X = MATRICES[name]
    codec = TableCodec().fit(X)
    back = restored(codec).decode(codec.encode(X))
    assert type(back) is type(X)
    if isinstance(X, list):
        if name == "list":
            assert_near(back, X, atol=1e-6)
        else:
            assert back == X
        assert [type(v) for v in back[1]] == [type(v) for v in X[1]]
        return
    assert back.dtype == X.dtype and back.shape == X.shape
    if sp.issparse(X):
        assert back.format == X.format
        X, back = X.toarray(), back.toarray()
    if isinstance(X, torch.Tensor):
        X, back = X.double().numpy(), back.double().numpy()
    if X.dtype.kind == "f":
        assert_near(back, X, rtol=1e-5, atol=1e-6)
    elif name == "object":
        assert_near(back.astype(float), X.astype(float), rtol=1e-5, atol=1e-6)
    else:
        np.testing.assert_array_equal(back, X)
    assert codec.decode(codec.encode(MATRICES[name])[:0]).shape == (0, X.shape[1])


@cases(
    "columns",
    [
        [3, 1],
        [("a", 1), "b"],
        [1.5, None],
        pd.MultiIndex.from_tuples([("a", 1), ("a", 2)], names=["x", None]),
        pd.RangeIndex(5, 9, 2),
        pd.Index(["p", "q"], name="who"),
        pd.to_datetime(["2020-01-01", "2021-01-01"]),
    ],
)
def test_names_come_back(columns):
    X = pd.DataFrame(rng().normal(size=(30, 2)), columns=columns, index=range(100, 130))
    codec, _, back = round_trip(X)
    pd.testing.assert_index_equal(back.columns, X.columns, exact=True)
    pd.testing.assert_index_equal(restored(codec).decode(codec.encode(X)).columns, X.columns, exact=True)
    pd.testing.assert_index_equal(back.index, pd.RangeIndex(30))


def test_read_only_and_memmap(tmp_path):
    A = rng().normal(size=(50, 3))
    A.flags.writeable = False
    held = np.memmap(tmp_path / "a", dtype=np.float64, mode="w+", shape=A.shape)
    held[:] = A
    for X in (A, held, pd.DataFrame(A)):
        codec = TableCodec().fit(X)
        assert_near(codec.decode(codec.encode(X)), A, atol=1e-6)


def test_seed_and_sample():
    X = pd.DataFrame({"v": rng().normal(size=120_000), "d": rng(1).integers(0, 10**6, 120_000) / 100})
    first, second = (TableCodec().fit(X, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.encode(X[:500]), second.encode(X[:500]))
    facts = {fact["name"]: fact for fact in first.column_summary()}
    low, high, nearly = facts["v"]["low"], facts["v"]["high"], np.ptp(X.v) / 100
    assert X.v.min() < low < X.v.min() + nearly and X.v.max() - nearly < high < X.v.max()
    assert (first.decode(first.encode(X[:500])).d.mul(100) % 1).round(6).isin([0, 1]).all()


def test_numeric_dtypes_may_change_without_loss():
    X = pd.DataFrame({"f": rng().normal(size=40), "i": rng(1).integers(0, 99, 40), "c": ["a", "b"] * 20})
    codec = TableCodec().fit(X)
    given = X.assign(f=np.arange(40), i=X.i.astype(float), c=X.c.astype("category"))
    np.testing.assert_array_equal(codec.encode(given)[:, 1], codec.encode(X)[:, 1])
    with pytest.raises(InvalidDataError, match="column 'i': has values that are not whole"):
        codec.encode(X.assign(i=X.i + 0.5))
    with pytest.raises(InvalidDataError, match="column 'i': has missing values but had none"):
        codec.encode(X.assign(i=holes(X.i.astype(float), np.nan)))
    with pytest.raises(InvalidDataError, match="column 'f': has dtype .* but had float64"):
        codec.encode(X.assign(f="x"))
    with pytest.raises(InvalidDataError, match="column 'c': has values that did not occur.*'zebra'"):
        codec.encode(X.assign(c="zebra"))


def test_other_columns_are_refused():
    X = pd.DataFrame(rng().normal(size=(30, 3)), columns=list("abc"))
    codec = TableCodec().fit(X)
    with pytest.raises(InvalidDataError, match="(?s)unseen at fit time:\n- d\n.*now missing:\n- a\n"):
        codec.encode(X.rename(columns={"a": "d"}))
    with pytest.raises(InvalidDataError, match="same order"):
        codec.encode(X[["b", "a", "c"]])
    with pytest.raises(InvalidDataError, match="X has 2 features, but TabularGAN is expecting 3 features as input"):
        codec.encode(X.to_numpy()[:, :2], owner="TabularGAN")
    with pytest.raises(InvalidDataError, match="shape"):
        codec.decode(np.zeros((3, 7)))
    with pytest.raises(InvalidDataError, match="diverged"):
        codec.decode(np.full((2, codec.width), np.nan))


@cases(
    ("X", "error", "words"),
    [
        (np.zeros(5), InvalidDataError, "Reshape your data"),
        (pd.Series([1, 2]), InvalidDataError, "Reshape your data"),
        (np.zeros((2, 2, 2)), InvalidDataError, "dim 3"),
        (np.zeros((0, 3)), InvalidDataError, r"0 sample\(s\) \(shape=\(0, 3\)\) while a minimum of 1 is required"),
        (np.zeros((3, 0)), InvalidDataError, r"0 feature\(s\) \(shape=\(3, 0\)\) while a minimum of 1 is required"),
        (np.zeros((3, 1), dtype=complex), InvalidDataError, "Complex data not supported"),
        (np.array([[1, 2], [np.inf, 3]]), InvalidDataError, "infinity.* in column 0"),
        (pd.DataFrame({"a": [1.0, -np.inf], "b": [1, 2]}), InvalidDataError, "infinity.* in column 'a'"),
        (pd.DataFrame({"a": pd.array([1.0, np.inf], dtype="Float64")}), InvalidDataError, "column 'a'"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), InvalidDataError, "'a'.*more than once"),
        (pd.DataFrame({"a": [[1], [2]]}), InvalidTypeError, "column 'a'.*argument must be a string or a real number"),
        (np.array([[{"a": 1}], [2.0]], dtype=object), InvalidTypeError, "argument must be .* string.* number"),
        (pd.DataFrame({"a": [object(), object()]}), InvalidTypeError, "column 'a'"),
        (pd.DataFrame({"p": pd.period_range("2020", periods=3)}), InvalidTypeError, "column 'p'.*period"),
        ([[1, 2], [3]], InvalidDataError, "rows differ in length"),
        ({"a": 1}, InvalidTypeError, "cannot read a table from 'dict'"),
    ],
)
def test_what_cannot_be_learnt_is_refused(X, error, words):
    with pytest.raises(error, match=words):
        TableCodec().fit(X)


@cases(
    ("column", "words"),
    [
        ([f"user{i}" for i in range(60)], "identifier"),
        (np.arange(60) + 5, "identifier"),
        (rng().permutation(60), "identifier"),
        ([f"a rather long remark, number {i}, that a customer wrote" for i in range(60)], "free text"),
    ],
)
def test_suspicious_columns_are_named(column, words):
    with pytest.warns(DataWarning, match=f"column 'it' looks like .*{words}.*drop it"):
        TableCodec().fit(pd.DataFrame({"it": column}))


@cases(
    "written",
    [
        "{0},{1:03d}", "1,0{0:02d}.{1:02d}", "${0}.5", "{0},5 €", "{0}.{1}%", "({0}.5)", "0{0}/04/2024"[1:],
        "2024-03-31T01:{0:02d}:{1:02d}+01:00", "14:{0:02d}", "2:{0:02d}:{1:02d}",
    ],
)  # fmt: skip
def test_numbers_and_dates_as_text_are_no_identifiers(written):
    column = [written.format(i, (i * 37) % 60) for i in range(60)]
    with pytest.warns(
        DataWarning, match="column 'it' holds numbers or dates as text, such as .*; make numbers"
    ) as told:
        TableCodec().fit(pd.DataFrame({"it": column}))
    assert not any("drop" in str(one.message) for one in told)


def test_dates_as_text_are_told_where_days_repeat_and_few_values_are_categories():
    days = pd.date_range("2024-01-01", periods=40).strftime("%Y-%m-%d")
    amounts = [f"{i},50" for i in range(40)]
    for column in (np.repeat(days, 25), np.repeat(amounts, 25)):
        with pytest.warns(DataWarning, match="'it' holds numbers or dates as text.*pd.to_datetime.*end >= start"):
            TableCodec().fit(pd.DataFrame({"it": column}))
    for column in (
        np.repeat(days[:12], 25),
        np.repeat([f"{5 * i}%" for i in range(21)], 9),
        np.repeat([f"A-{i}" for i in range(50)], 9),
    ):
        TableCodec().fit(pd.DataFrame({"it": column}))  # a warning would be an error


@cases("written", ["{:05d}", "+49 30 {:05d}", "A-{}", "123-45-{:04d}", "10.0.0.{}", "c0ffee{}"])
def test_identifiers_with_digits_are_still_identifiers(written):
    with pytest.warns(DataWarning, match="column 'it' looks like an identifier .*; drop it"):
        TableCodec().fit(pd.DataFrame({"it": [written.format(i) for i in range(60)]}))


def test_ordinary_columns_are_not_suspected():
    TableCodec().fit(pd.DataFrame({"f": rng().normal(size=80), "g": np.arange(80.0), "i": rng(1).integers(0, 99, 80)}))


def test_large_sparse_warns():
    X = sp.csr_array((300_000, 1000))
    with pytest.warns(DataWarning, match="GB"):
        SparseContainer.open(X)


@cases("n", [1, 2, 3])
def test_very_few_rows(n):
    X = pd.DataFrame({"f": rng().normal(size=n), "c": list("abc")[:n], "d": pd.date_range("2020", periods=n)})
    codec, _, back = round_trip(X)
    pd.testing.assert_frame_equal(back[["c", "d"]], X[["c", "d"]])
    assert_near(back[["f"]], X[["f"]], rtol=1e-6)
    codec.decode(garbage(codec))


@pytest.mark.parametrize("name", ["int64", "double", "bool", "string", "large_string"])
def test_pyarrow_dtypes(name):
    pyarrow = pytest.importorskip("pyarrow")
    values = {"bool": [True, False, None], "string": ["a", "b", None]}
    column = pd.Series(values.get(name.removeprefix("large_"), [1, 2, None]) * 20)
    X = pd.DataFrame({"v": column.astype(pd.ArrowDtype(pyarrow.type_for_alias(name)))})
    codec, Z, back = round_trip(X)
    pd.testing.assert_frame_equal(back, X)
    pd.testing.assert_frame_equal(restored(codec).decode(Z), X)


@cases("harm", ["version", "column", "array", "length", "levels"])
def test_harmed_state_is_refused(harm):
    X = pd.DataFrame({"c": ["a", "b"] * 20, "f": rng().normal(size=40)})
    config, arrays = TableCodec().fit(X).get_state()
    if harm == "version":
        config["version"] = 99
    elif harm == "column":
        del config["columns"][0]["model"]
    elif harm == "array":
        arrays = {k: v for k, v in arrays.items() if not k.startswith("knots")}
    elif harm == "length":
        arrays = {k: v[:-1] if k.endswith("data") else v for k, v in arrays.items()}
    else:
        config["columns"][0]["model"][1]["n_levels"] = 7
    with pytest.raises(ModelFileError):
        TableCodec.from_state(config, arrays).decode(np.zeros((1, 3)))


# ---- many levels


def zipf(levels, n, power=1.2):
    share = 1 / np.arange(1, levels + 1) ** power
    return rng().choice([f"level {k:05}" for k in range(levels)], n, p=share / share.sum())


@cases(("levels", "n"), [(33, 600), (60, 600), (60, 200), (40, 120)])
def test_whatever_a_generator_says_of_many_levels_is_a_level(levels, n):
    frame = pd.DataFrame({"c": [f"v{k % levels}" for k in range(n)], "x": rng().normal(size=n)})
    codec = TableCodec().fit(frame)
    model = codec._columns[0].model
    assert model.n_top < levels  # also where all are frequent
    states = np.repeat(np.arange(model.n_states), 20)
    made = model.decode(rng(1).normal(size=(len(states), 4)).astype(np.float32), states)
    assert set(made.values.tolist()) <= set(range(levels))
    pd.testing.assert_frame_equal(codec.decode(codec.encode(frame))[["c"]], frame[["c"]])
    pd.testing.assert_frame_equal(restored(codec).decode(garbage(codec)), codec.decode(garbage(codec)))


@cases(("levels", "power"), [(400, 1.2), (1500, 1.0), (3000, 1.5)])
def test_levels_take_as_much_room_among_the_codes_as_they_have_rows(levels, power):
    shops = zipf(levels, 20_000, power)
    frame = pd.DataFrame({"shop": shops, "x": rng(1).normal(size=len(shops))})
    codec = TableCodec().fit(frame, (rng(2).random(len(shops)) < 0.3).astype(int))
    model = codec._columns[0].model
    counts = frame["shop"].value_counts()
    others = counts.iloc[model.n_top :]
    Z = rng(3).normal(size=(20_000, 4)).astype(np.float32)  # what a generator says that has learnt nothing of a level
    made = codec._columns[0].adapter.write(model.decode(Z, np.full(len(Z), model.n_top)))
    drawn = pd.Series(made).value_counts().reindex(others.index).fillna(0) / len(Z)
    real = others / others.sum()
    rare = others <= others.median()
    assert drawn[rare].sum() < 1.1 * real[rare].sum() + 0.02
    assert (drawn - real).abs().sum() / 2 < 0.55
    exact = codec.decode(codec.encode(frame))["shop"]
    assert (exact == frame["shop"]).all()  # and no two share a code


def test_a_hundred_thousand_levels_take_bounded_width_and_memory():
    import tracemalloc

    names = pd.Series([f"n{k % 100_000}" for k in range(250_000)])
    frame = pd.DataFrame({"c": names, "x": rng().normal(size=len(names))})
    tracemalloc.start()
    codec = TableCodec().fit(frame)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert codec.width <= 16 + 2 + 4 + 1 and peak < 300e6, peak
    model = codec._columns[0].model
    assert all(len(np.unique(dimension)) == len(dimension) for dimension in model.codes.T)


def test_a_column_of_one_shared_value_and_a_rare_one():
    X = pd.DataFrame({"a": np.array([1e16] * 8 + [-2e16], np.float32)})
    codec = TableCodec().fit(X)
    Z = np.linspace(-4, 4, 50, dtype=np.float32)[:, None] * np.ones((1, codec.width), np.float32)
    assert set(codec.decode(Z)["a"]) == {np.float32(1e16)}
    np.testing.assert_array_equal(codec.round_trip(Z), codec.encode(codec.decode(Z)))


# ---- what is common in one class only


def test_a_value_that_is_common_in_a_rare_class_only_is_a_state_of_its_own(rng):
    y = np.repeat([0, 1], [3900, 100])
    amount = rng.gamma(2, 30, 4000).round(2)
    amount[-45:] = 99.99
    X = pd.DataFrame({"amount": amount})
    assert 99.99 in TableCodec().fit(X, y)._columns[0].model.spikes
    assert 99.99 not in TableCodec().fit(X)._columns[0].model.spikes
    holed = X.assign(amount=X["amount"].mask(rng.random(4000) < 0.2))
    assert 99.99 in TableCodec().fit(holed, y)._columns[0].model.spikes
    assert not len(TableCodec().fit(X.assign(amount=rng.normal(size=4000)), y)._columns[0].model.spikes)


def test_levels_that_a_rare_class_has_often_are_states_or_have_room(rng):
    y = np.repeat([0, 1], [3800, 200])
    kind = np.where(y == 1, rng.integers(50, 60, 4000), rng.integers(0, 50, 4000))
    X = pd.DataFrame({"kind": [f"k{k}" for k in kind], "x": rng.normal(size=4000)})
    with_classes, without = (TableCodec().fit(X, labels)._columns[0] for labels in (y, None))
    own = {f"k{k}" for k in range(50, 60)}
    for column, wanted in ((with_classes, 10), (without, 0)):
        frequent = {str(column.adapter.levels[code]) for code in column.model.observed[: column.model.n_top]}
        assert len(own & frequent) >= wanted and (wanted or not own & frequent)


def test_numbers_that_are_nearly_zero_are_numbers_like_others(rng):
    X = pd.DataFrame({"a": rng.random(300) * 1e-310, "b": rng.normal(size=300)})
    codec = TableCodec().fit(X)
    encoded = codec.encode(X)
    assert np.isfinite(encoded).all() and np.unique(encoded[:, 0]).size > 250
    assert codec.decode(encoded)["a"].between(X["a"].min(), X["a"].max()).all()
