"""Promises that hold for all data of a kind: hypothesis looks for data that break them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import cases
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ganaug.encoding import CompactTableCodec, LabelCodec, TableCodec
from ganaug.encoding.image_codec import ImageCodec
from ganaug.encoding.quantiles import FastSearch
from ganaug.encoding.serialization import from_json, pack_arrays, pack_values, to_json, unpack_arrays, unpack_values
from ganaug.encoding.series_codec import SeriesCodec
from ganaug.utils.determinism import child_seed
from ganaug.utils.state import read_state, write_state

# Bounded, and the same examples in every run.
bounded = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
pytestmark = pytest.mark.filterwarnings("ignore::ganaug.exceptions.DataWarning")  # of identifiers

UTC, PLUS_TWO = dt.UTC, dt.timezone(dt.timedelta(hours=2))
TEXT = st.text(max_size=4)
MIXED = st.one_of(st.booleans(), st.integers(-3, 3), st.sampled_from([0.5, 1.0, 2.0]), st.sampled_from(["a", "1", ""]))


def numbers(dtype: str) -> Callable[[int], st.SearchStrategy[Any]]:
    """Columns of a numpy dtype of numbers, over all of its range."""
    kind = np.dtype(dtype)
    elements: dict[str, Any] = {"allow_infinity": False} if kind.kind == "f" else {}
    return lambda n: hnp.arrays(kind, n, elements=hnp.from_dtype(kind, **elements)).map(pd.Series)


def masked(dtype: str, inner: str) -> Callable[[int], st.SearchStrategy[Any]]:
    """Columns of a nullable dtype of pandas."""

    finite: dict[str, Any] = {"allow_infinity": False} if np.dtype(inner).kind == "f" else {}

    def columns(n: int) -> st.SearchStrategy[Any]:
        values = hnp.arrays(inner, n, elements=hnp.from_dtype(np.dtype(inner), **finite))
        return st.tuples(values, hnp.arrays(bool, n)).map(
            lambda parts: pd.Series(parts[0]).astype(dtype).mask(parts[1])
        )

    return columns


def listed(values: st.SearchStrategy[Any], dtype: Any = object, blank: Any = None) -> Callable[[int], Any]:
    """Columns of values, some of them missing if there is a ``blank``."""

    def columns(n: int) -> st.SearchStrategy[Any]:
        cells = values if blank is None else st.one_of(values, st.just(blank))
        return st.lists(cells, min_size=n, max_size=n).map(lambda items: pd.Series(items, dtype=dtype))

    return columns


def times(dtype: str) -> Callable[[int], st.SearchStrategy[Any]]:
    """Columns of instants or durations, NaT among them."""
    return lambda n: hnp.arrays(np.int64, n, elements=st.integers(-(2**40), 2**40)).map(
        lambda counts: pd.Series(counts.view(dtype)).mask(counts % 7 == 3)
    )


def categories(n: int) -> st.SearchStrategy[Any]:
    """Columns of categories, some of which do not occur, with an order or without."""
    codes = hnp.arrays(np.int8, n, elements=st.integers(-1, 2))
    return st.tuples(codes, st.booleans()).map(
        lambda parts: pd.Series(pd.Categorical.from_codes(parts[0], ["b", "a", "c", "d"], ordered=parts[1]))
    )


def moments(zone: dt.tzinfo | None) -> Callable[[int], Any]:
    """Columns of Python's datetimes, None among them."""
    inside = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1))
    return listed(st.one_of(st.none(), inside.map(lambda value: value.replace(tzinfo=zone))))


NUMBERS = {
    **{dtype: numbers(dtype) for dtype in ("float64", "float32", "float16", "int64", "uint64", "int8", "uint16")},
    **{dtype: masked(dtype, dtype.lower()) for dtype in ("Int64", "UInt8", "Float32", "Float64")},
    "datetime64[ns]": times("M8[ns]"),
    "timedelta64[us]": times("m8[us]"),
}
CATEGORIES = {
    "bool": lambda n: hnp.arrays(bool, n).map(pd.Series),
    "boolean": masked("boolean", "bool"),
    "category": categories,
    "str": listed(TEXT, "str", np.nan),
    "string": listed(TEXT, "string", pd.NA),
    "objects of several types": listed(MIXED),
    "objects, some missing": listed(st.one_of(st.none(), TEXT)),
}
OBJECTS = {
    "Decimal": listed(st.decimals(-1000, 1000, places=2)),
    "date": listed(st.one_of(st.none(), st.dates(dt.date(1900, 1, 1), dt.date(2200, 1, 1)))),
    "time": listed(st.times()),
    "timedelta": listed(st.timedeltas(dt.timedelta(-999), dt.timedelta(999))),
    "datetime": moments(None),
    "datetime with a zone": moments(PLUS_TWO),
}
KINDS = NUMBERS | CATEGORIES | OBJECTS


@st.composite
def tables(draw: Any, kinds: dict[str, Any] = KINDS) -> pd.DataFrame:
    """One to four columns of any dtype, 1 to 40 rows."""
    n = draw(st.integers(1, 40))
    names = draw(st.lists(st.sampled_from(sorted(kinds)), min_size=1, max_size=4))
    return pd.DataFrame({f"{j}: {name}": draw(kinds[name](n)) for j, name in enumerate(names)})


def kind_of(column: str) -> str:
    return column.partition(": ")[2]


def through_json(state: Any) -> Any:
    """A state as a model file gives it back."""
    config, arrays = state
    return json.loads(json.dumps(config, allow_nan=False)), {name: array.copy() for name, array in arrays.items()}


def check_valid(back: pd.DataFrame, X: pd.DataFrame) -> None:
    """Columns, dtypes and levels of a table, and numbers within its range."""
    assert list(back.columns) == list(X.columns) and (back.dtypes == X.dtypes).all()
    for name in X.columns:
        seen, made = X[name].dropna(), back[name].dropna()
        if kind_of(name) in CATEGORIES:
            assert {(type(v), v) for v in made} <= {(type(v), v) for v in seen}
        elif len(seen):
            assert not len(made) or (seen.min() <= made.min() and made.max() <= seen.max())
        if not X[name].isna().any() and len(seen):
            assert not back[name].isna().any()


# ------------------------------------------------------------------------------------------ tables


@bounded
@given(tables())
def test_what_is_encoded_and_decoded_is_such_a_table(X):
    before = X.copy(deep=True)
    codec = TableCodec().fit(X)
    back = codec.decode(codec.encode(X))
    check_valid(back, X)
    pd.testing.assert_frame_equal(X, before)
    pd.testing.assert_frame_equal(back.isna(), X.isna())
    for name in X.columns:
        if kind_of(name) in CATEGORIES:  # exactly, whatever the other columns are
            pd.testing.assert_series_equal(back[name], X[name])


@bounded
@given(tables(), st.integers(0, 2**32 - 1), st.sampled_from([0.1, 1.0, 30.0]))
def test_anything_finite_decodes_to_a_table(X, seed, spread):
    codec = CompactTableCodec().fit(X)
    Z = spread * np.random.default_rng(seed).standard_normal((50, codec.width)).astype(np.float32)
    made = codec.decode(Z)
    check_valid(made, X)
    np.testing.assert_allclose(codec.round_trip(Z), codec.encode(made), atol=1e-5)  # and it could have been given


@bounded
@given(tables(), st.integers(0, 9))
def test_fit_and_encode_in_one_go_is_both(X, seed):
    y = np.arange(len(X)) % 2
    for kind in (TableCodec, CompactTableCodec):
        codec = kind()
        once = codec.fit_encode(X, y, seed)
        again = kind().fit(X, y, seed)
        assert once.dtype == np.float32 and once.flags.c_contiguous
        np.testing.assert_array_equal(once, again.encode(X))
        assert json.dumps(codec.get_state()[0]) == json.dumps(again.get_state()[0])


@bounded
@given(tables())
def test_the_state_of_a_table_is_all_that_was_learnt(X):
    codec = CompactTableCodec().fit(X)
    again = CompactTableCodec.from_state(*through_json(codec.get_state()))
    Z = codec.encode(X)
    np.testing.assert_array_equal(again.encode(X), Z)
    pd.testing.assert_frame_equal(again.decode(Z), codec.decode(Z))
    config, arrays = again.get_state()
    assert json.dumps(config) == json.dumps(codec.get_state()[0])
    for name, array in codec.get_state()[1].items():
        np.testing.assert_array_equal(arrays[name], array)


# ------------------------------------------------------------------------------------------ samples


@bounded
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 3), st.integers(8, 12), st.integers(8, 12), st.just(3))))
def test_images_of_bytes_come_back(X):
    codec = ImageCodec("NHWC")
    Z = codec.fit_encode(X)
    np.testing.assert_array_equal(Z, ImageCodec("NHWC").fit(X).encode(X))
    np.testing.assert_array_equal(codec.decode(Z), X)


@bounded
@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 4), st.integers(1, 2), st.integers(8, 20)),
        elements=st.floats(-1e9, 1e9, allow_subnormal=False),
    )
)
def test_series_come_back_within_their_range(X):
    codec = SeriesCodec()
    Z = codec.fit_encode(X, seed=3)
    np.testing.assert_array_equal(Z, SeriesCodec().fit(X, seed=3).encode(X))
    back = codec.decode(Z)
    width = np.ptp(X, axis=(0, 2)).max()
    assert back.shape == X.shape and back.dtype == X.dtype
    assert np.abs(back - X).max() <= 1e-3 * width + 1e-6 * np.abs(X).max()
    again = SeriesCodec.from_state(*through_json(codec.get_state()))
    np.testing.assert_array_equal(again.decode(Z), back)


# ------------------------------------------------------------------------------------------ labels


LABELS = {
    "text": st.lists(st.text(max_size=3), min_size=1, max_size=20),
    "integers": st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=20),
    "booleans": st.lists(st.booleans(), min_size=1, max_size=20),
    "bytes": st.lists(st.binary(max_size=3), min_size=1, max_size=20),
    "dates": st.lists(st.dates(), min_size=1, max_size=20),
}


@pytest.mark.filterwarnings("ignore::ganaug.exceptions.LabelWarning")  # of names that are nearly alike
@cases("name", LABELS)
def test_labels_come_back(name):
    @bounded
    @given(LABELS[name])
    def come_back(y):
        for given_as in (list(y), pd.Series(y, dtype="str" if name == "text" else None)):
            codec = LabelCodec().fit(given_as)
            codes = codec.encode(given_as)
            back = codec.decode(codes)
            assert type(back) is type(given_as) and list(back) == list(y)
            assert (np.diff(np.unique(codes)) == 1).all() and codes.min() == 0
            again = LabelCodec.from_state(*through_json(codec.get_state()))
            np.testing.assert_array_equal(again.encode(given_as), codes)
            assert list(again.decode(codes)) == list(y)

    come_back()


# ------------------------------------------------------------------------------------------ search


@bounded
@given(
    hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e100, 1e100)).map(np.sort),
    hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e101, 1e101)),
)
def test_the_fast_search_is_that_of_numpy(knots, numbers):
    numbers = np.tile(np.concatenate([numbers, knots, np.nextafter(knots, np.inf), np.nextafter(knots, -np.inf)]), 80)
    search = FastSearch(knots)
    np.testing.assert_array_equal(search.searchsorted(numbers), np.searchsorted(knots, numbers))
    knots = np.unique(knots)
    values = np.linspace(-1.0, 1.0, len(knots))
    with np.errstate(over="ignore"):
        found = FastSearch(knots).interp(numbers, values)
        np.testing.assert_allclose(found, np.interp(numbers, knots, values), atol=1e-9)


# ------------------------------------------------------------------------------------------ storage


SCALARS = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.text(),
        st.binary(),
        st.decimals(allow_nan=False),
        st.dates(),
        st.times(),
        st.datetimes(timezones=st.sampled_from([None, UTC, PLUS_TWO])),
        st.timedeltas(),
        st.uuids(),
    ),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=5,
)


@bounded
@given(SCALARS)
def test_a_scalar_is_the_same_behind_json(value):
    again = from_json(json.loads(json.dumps(to_json(value))))
    assert type(again) is type(value) and again == value
    if isinstance(value, Decimal):
        assert again.as_tuple() == value.as_tuple()  # 1.0 is not 1.00


@bounded
@given(st.lists(SCALARS, max_size=6))
def test_levels_are_the_same_behind_a_file(values):
    index = pd.Index(np.array([*values, None], dtype=object)[:-1], dtype=object, tupleize_cols=False)
    config, arrays = through_json(pack_values(index))
    again = unpack_values(config, arrays)
    assert list(again) == list(index) and list(map(type, again)) == list(map(type, index))


ARRAYS = st.dictionaries(
    st.text(st.characters(exclude_characters=":", exclude_categories=["Cs"]), min_size=1, max_size=5),
    hnp.arrays(st.sampled_from(["int64", "float32", "bool"]), st.integers(0, 4)),
    max_size=3,
)


@bounded
@given(st.lists(ARRAYS, max_size=4))
def test_packed_arrays_are_the_same_when_they_are_unpacked(parts):
    again = unpack_arrays(pack_arrays(parts), len(parts))
    assert [sorted(part) for part in again] == [sorted(part) for part in parts]
    for one, other in zip(parts, again, strict=True):
        for name, array in one.items():
            assert array.dtype == other[name].dtype
            np.testing.assert_array_equal(other[name], array)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@settings(bounded, suppress_health_check=[*HealthCheck])  # one folder for all examples is meant
@given(
    st.dictionaries(TEXT, JSON, max_size=3),
    st.dictionaries(
        st.text(st.characters(codec="ascii"), min_size=1, max_size=5).filter(lambda name: name != "__metadata__"),
        hnp.arrays(st.sampled_from(["int64", "float32", "bool"]), hnp.array_shapes(min_side=0, max_dims=3, max_side=3)),
        max_size=3,
    ),
)
def test_a_model_file_holds_what_was_written(tmp_path, config, arrays):
    write_state(tmp_path / "model", "kind", config, arrays)
    state = read_state(tmp_path / "model", "kind")
    assert json.dumps(state.config) == json.dumps(config) and list(state.arrays) == list(arrays)
    for name, array in arrays.items():
        assert state.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(state.arrays[name], array)
    first = (tmp_path / "model").read_bytes()
    write_state(tmp_path / "model", "kind", config, arrays)
    assert (tmp_path / "model").read_bytes() == first  # the same state is the same bytes


# ------------------------------------------------------------------------------------------ seeds


KEYS = st.lists(st.integers(-(2**31), 2**31) | st.text(min_size=1, max_size=4), min_size=1, max_size=3)


@bounded
@given(st.integers(0, 2**63 - 1), st.lists(KEYS, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_a_childs_seed_depends_on_its_parent_and_name_alone(seed, names, random):
    distinct = [list(name) for name in dict.fromkeys(tuple((type(key), key) for key in name) for name in names)]
    children = [[key for _, key in name] for name in distinct]
    seeds = {repr(name): child_seed(seed, *name) for name in children}
    assert len(set(seeds.values())) == len(children) and all(0 <= one < 2**63 for one in seeds.values())
    random.shuffle(children)
    assert all(child_seed(seed, *name) == seeds[repr(name)] for name in children)
