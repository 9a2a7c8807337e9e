"""What `fit_resample` promises: containers, counts, the original rows, tiny classes, any generator."""

from __future__ import annotations

import pickle
import signal
import warnings
from collections import Counter
from functools import partial
from types import SimpleNamespace

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from helpers import cases, tabular_gan
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import Pipeline, make_pipeline
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from ganaug import FewSamplesWarning, GANOversampler, SmoothedBootstrap, TabularGAN, TrainingWarning
from ganaug.estimators import strategy
from ganaug.estimators.strategy import barely_begun
from ganaug.exceptions import GanaugWarning, InvalidParameterError
from ganaug.filtering.forest import MANY_CLASSES

gan = partial(tabular_gan, max_steps=3, random_state=None)


def oversampler(**parameters):
    return GANOversampler(**{"generator": gan(), "random_state": 0, **parameters})


def three_classes(dtype=np.float64):
    """60 rows of "a", 30 of "b", 20 of "c"."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat(["a", "b", "c"], [60, 30, 20]))
    X = rng.normal(size=(110, 4)) * 10 + (y == "c")[:, None]
    return X.astype(dtype), y


def mixed(n=110):
    """A column of every dtype, missing values in most of them."""
    rng = np.random.default_rng(0)
    pick = lambda *values: rng.choice(np.array(values, dtype=object), n)  # noqa: E731
    frame = pd.DataFrame(
        {
            "float": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "float32": rng.normal(size=n).astype("float32"),
            "int": rng.integers(-5, 500, n),
            "bool": rng.random(n) < 0.3,
            "text": pd.Series(pick("x", "y", None), dtype="str"),
            "object": pick("p", "q", None),
            "category": pd.Categorical(pick("red", "green", None), categories=["red", "green", "never"]),
            "ordered": pd.Categorical(pick("low", "high"), categories=["low", "high"], ordered=True),
            "Int64": pd.array(pick(1, 2, 3, 40, None), dtype="Int64"),
            "boolean": pd.array(pick(True, False, None), dtype="boolean"),
            "date": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 400, n), unit="D"),
            "zone": (
                pd.Timestamp("2024-01-01", tz="Europe/Berlin") + pd.to_timedelta(rng.integers(0, 99, n), unit="h")
            ),
            "sparse": pd.arrays.SparseArray(np.where(rng.random(n) < 0.8, 0.0, rng.normal(size=n)), fill_value=0.0),
        }
    )
    frame.loc[::9, "date"] = pd.NaT
    return frame, pd.Series(rng.permutation(np.repeat(["a", "b", "c"], [60, 30, 20])), name="kind")


def dense(X):
    return np.asarray(X.todense()) if hasattr(X, "todense") else np.asarray(X)


# ---------------------------------------------------------------- counts


@cases(
    ("strategy", "expected"),
    [
        ("auto", {"a": 60, "b": 60, "c": 60}),
        ("not majority", {"a": 60, "b": 60, "c": 60}),
        ("minority", {"a": 60, "b": 30, "c": 60}),
        ("not minority", {"a": 60, "b": 60, "c": 20}),
        ("all", {"a": 60, "b": 60, "c": 60}),
        ({"a": 70, "c": 21}, {"a": 70, "b": 30, "c": 21}),
        ({"b": 30}, {"a": 60, "b": 30, "c": 20}),
        (lambda y: {"b": 2 * Counter(y)["b"]}, {"a": 60, "b": 60, "c": 20}),
    ],
)
def test_every_strategy_gives_the_counts_of_imbalanced_learn(strategy, expected):
    X, y = three_classes()
    sampler = oversampler(sampling_strategy=strategy)
    X_res, y_res = sampler.fit_resample(X, y)
    assert Counter(y_res.tolist()) == expected
    _, theirs = RandomOverSampler(sampling_strategy=strategy, random_state=0).fit_resample(X, y)
    assert Counter(theirs.tolist()) == expected
    assert len(X_res) == len(y_res) == len(sampler.is_synthetic_)
    assert np.array_equal(X_res[: len(X)], X) and np.array_equal(y_res[: len(y)], y)
    assert not sampler.is_synthetic_[: len(X)].any() and sampler.is_synthetic_[len(X) :].all()
    needed = [label for label in "abc" if expected[label] > Counter(y.tolist())[label]]
    assert list(sampler.generators_) == needed


@cases("ratio", [0.7, 1.0, 1])
def test_a_ratio(imbalanced, ratio):
    X, y = imbalanced
    _, y_res = oversampler(sampling_strategy=ratio).fit_resample(X, y)
    assert Counter(y_res.tolist()) == {0: 260, 1: int(ratio * 260)}


class _Strategy:
    def __call__(self, y):
        return 7


@cases(
    ("strategy", "said"),
    [
        ("bad", "'bad' is none of 'auto', 'minority', 'not minority', 'not majority', 'all'"),
        ("majority", "'majority' is none of"),
        (2.0, "larger is 2.0, not in (0, 1]"),
        (float("nan"), "larger is nan, not in (0, 1]"),
        (None, "it is a NoneType"),
        ([0, 1], "cannot be a list"),
        (lambda y: {0: 1}, "what the sampling_strategy (a lambda) returns cannot be met"),
        (_Strategy(), "what the sampling_strategy _Strategy() returns cannot be met"),
        (dict.fromkeys(range(2, 500), 3), "there is no class 2 in y"),
    ],
)
def test_a_bad_strategy_is_named_in_words(imbalanced, strategy, said):
    with pytest.raises(InvalidParameterError) as caught:
        oversampler(sampling_strategy=strategy).fit_resample(*imbalanced)
    told = str(caught.value)
    assert "Give 'auto', 'minority'" in told and " at 0x" not in told and len(told) < 900
    assert said in told


def test_a_bad_strategy_of_the_other_samplers_is_named_in_words(imbalanced):
    from ganaug.experiments import NeighborSampler

    with pytest.raises(InvalidParameterError, match="'bad' is none of 'auto'"):
        NeighborSampler(sampling_strategy="bad").fit_resample(*imbalanced)


def test_nothing_to_do_returns_a_copy(rng):
    X, y = rng.normal(size=(40, 3)), np.repeat([0, 1], 20)
    sampler = oversampler()
    X_res, y_res = sampler.fit_resample(X, y)
    assert np.array_equal(X_res, X) and np.array_equal(y_res, y)
    assert not np.shares_memory(X_res, X) and not np.shares_memory(y_res, y)
    assert sampler.generators_ == {} and not sampler.is_synthetic_.any()


# ---------------------------------------------------------------- containers


ARRAYS = {
    "float64": lambda X: X,
    "float32": lambda X: X.astype(np.float32),
    "int64": lambda X: X.astype(np.int64),
    "int8": lambda X: X.astype(np.int8),
    "bool": lambda X: X > 0,
    "fortran": np.asfortranarray,
    "list": lambda X: X.tolist(),
    "frame": lambda X: pd.DataFrame(X, columns=list("wxyz"), index=np.arange(len(X))[::-1]),
    "numbered frame": lambda X: pd.DataFrame(X, columns=[3, 1, 2, "odd"]),
    "csr matrix": sparse.csr_matrix,
    "csc matrix": sparse.csc_matrix,
    "csr array": sparse.csr_array,
    "csc array": sparse.csc_array,
    "tensor": torch.from_numpy,
    "int tensor": lambda X: torch.from_numpy(X.astype(np.int32)),
}


@cases("kind", ARRAYS)
def test_X_comes_back_in_its_container(kind):
    values, y = three_classes()
    X = ARRAYS[kind](np.where(values > 5, 0, values))
    before = pickle.dumps(X)
    X_res, _ = oversampler(generator=gan(curate=False)).fit_resample(X, y)
    assert type(X_res) is type(X)
    assert pickle.dumps(X) == before
    assert dense(X_res).shape == (180, 4) and dense(X_res).dtype == dense(X).dtype
    assert np.array_equal(dense(X_res)[:110], dense(X))
    if "frame" in kind:
        assert X_res.columns.equals(X.columns) and X_res.index.equals(pd.RangeIndex(180))
        pd.testing.assert_frame_equal(X_res[:110], X.reset_index(drop=True))
    if sparse.issparse(X):
        assert X_res.format == X.format


def test_a_mixed_frame_keeps_its_dtypes_and_gains_no_category_and_no_missing_value():
    X, y = mixed()
    before, y_before = X.copy(deep=True), y.copy(deep=True)
    sampler = oversampler()
    X_res, y_res = sampler.fit_resample(X, y)
    pd.testing.assert_frame_equal(X, before)
    pd.testing.assert_series_equal(y, y_before)
    pd.testing.assert_series_equal(X_res.dtypes, X.dtypes)
    pd.testing.assert_frame_equal(X_res[: len(X)], X)
    pd.testing.assert_series_equal(y_res[: len(y)], y)
    new = X_res[len(X) :]
    for name in X:
        if not X[name].isna().any():
            assert not new[name].isna().any(), name
        if name in ("text", "object", "category", "ordered", "boolean", "bool"):
            assert set(new[name].dropna()) <= set(X[name].dropna()), name
    assert sampler.feature_names_in_.tolist() == list(X) and sampler.n_features_in_ == X.shape[1]
    assert list(sampler.get_feature_names_out()) == list(X)
    drawn, labels = sampler.sample({"c": 3, "b": 2})
    pd.testing.assert_series_equal(drawn.dtypes, X.dtypes)
    pd.testing.assert_series_equal(labels, pd.Series(list("cccbb"), name="kind"))


TARGETS = {
    "list": lambda codes: codes.tolist(),
    "int32": lambda codes: codes.astype(np.int32),
    "bool array": lambda codes: codes == 1,
    "float array": lambda codes: codes.astype(float),
    "text array": lambda codes: np.array(["no", "yes"])[codes],
    "object array": lambda codes: np.array(["no", "yes"], dtype=object)[codes],
    "text list": lambda codes: np.array(["no", "yes"])[codes].tolist(),
    "category": lambda codes: pd.Series(pd.Categorical.from_codes(codes, ["zoo", "ant", "never"]), name="t"),
    "str": lambda codes: pd.Series(np.array(["no", "yes"])[codes], dtype="str", name="t"),
    "bool": lambda codes: pd.Series(codes == 1, name="t"),
    "Int64": lambda codes: pd.Series(codes, dtype="Int64", name="t"),
    "boolean": lambda codes: pd.Series(codes == 1, dtype="boolean"),
    "categorical": lambda codes: pd.Categorical.from_codes(codes, ["zoo", "ant"]),
    "frame": lambda codes: pd.DataFrame({"t": codes}),
    "text frame": lambda codes: pd.DataFrame({"t": np.array(["no", "yes"], dtype=object)[codes]}),
    "tensor": torch.from_numpy,
    "one-vs-all": lambda codes: np.eye(2, dtype=int)[codes],
    "one-vs-all frame": lambda codes: pd.DataFrame(np.eye(2, dtype=int)[codes], columns=["no", "yes"]),
    "one-vs-all list": lambda codes: np.eye(2, dtype=int)[codes].tolist(),
    "one-vs-all of three": lambda codes: np.eye(3, dtype=bool)[codes * 2],
    "one-vs-all tensor": lambda codes: torch.eye(2, dtype=torch.int64)[torch.from_numpy(codes)],
}


@cases(("kind", "ratio"), [*((kind, "auto") for kind in TARGETS), ("text list", 0.5), ("frame", 0.5), ("bool", 0.5)])
def test_y_comes_back_in_its_container(imbalanced, kind, ratio):
    X, codes = imbalanced
    y = TARGETS[kind](codes)
    sampler = oversampler(generator=gan(curate=False), sampling_strategy=ratio)
    _, y_res = sampler.fit_resample(X, y)
    assert np.array_equal(np.asarray(y), np.asarray(TARGETS[kind](codes)))
    assert type(y_res) is type(y)
    expected = TARGETS[kind](np.concatenate([codes, np.ones(220 if ratio == "auto" else 90, np.int64)]))
    if isinstance(y, pd.Series):
        pd.testing.assert_series_equal(y_res, expected)
    elif isinstance(y, pd.DataFrame):
        pd.testing.assert_frame_equal(y_res, expected)
    elif isinstance(y, list):
        assert y_res == expected and type(y_res[0]) is type(y[0])
    else:
        assert y_res.dtype == expected.dtype and np.array_equal(np.asarray(y_res), np.asarray(expected))
    _, y_new = sampler.sample(2)
    assert type(y_new) is type(y) and len(y_new) == 2


def test_a_column_of_labels(imbalanced):
    X, y = imbalanced
    _, y_res = oversampler().fit_resample(X, y[:, None])
    assert y_res.shape == (520,)


def test_a_generator_of_the_class_keeps_the_container_of_y(imbalanced):
    X, y = imbalanced
    sampler = oversampler().fit(X, pd.Series(y, name="t"))
    _, drawn = sampler.generators_[1].sample(2, label=1)
    pd.testing.assert_series_equal(drawn, pd.Series([1, 1], name="t"))


def test_read_only_input(imbalanced):
    X, y = (a.copy() for a in imbalanced)
    X.flags.writeable = y.flags.writeable = False
    for given in (X, pd.DataFrame(X, copy=False)):
        oversampler().fit_resample(given, y)


# ---------------------------------------------------------------- tiny classes


@cases("rows", [1, 2, 5, 10])
@cases("scope", ["per-class", "shared"])
def test_a_tiny_class_gets_a_bootstrap_and_a_warning(rows, scope):
    X, y = mixed()
    keep = np.flatnonzero(y != "c").tolist() + np.flatnonzero(y == "c")[:rows].tolist()
    X, y = X.iloc[keep], y.iloc[keep]
    sampler = oversampler(scope=scope)
    with pytest.warns(FewSamplesWarning) as caught:
        X_res, y_res = sampler.fit_resample(X, y)
    assert len(caught) == 1 and caught[0].filename == __file__
    said = str(caught[0].message)
    assert f"class 'c' has {rows} row{'' if rows == 1 else 's'}, fewer than min_class_size=12" in said
    assert "smoothed bootstrap" in said
    assert Counter(y_res) == {"a": 60, "b": 60, "c": 60}
    assert isinstance(sampler.generators_["c"], SmoothedBootstrap)
    assert isinstance(sampler.generators_["b"], TabularGAN)
    new, real = X_res[y_res == "c"][rows:], X[y == "c"]
    assert set(new["text"].dropna()) <= set(real["text"].dropna())
    assert set(new["ordered"]) <= set(real["ordered"])
    pd.testing.assert_series_equal(X_res.dtypes, X.dtypes)


@cases(
    ("shape", "kind", "said"),
    [
        ((9, 8, 8), "uint8", "has 1 image, .*Collect more images"),
        ((9, 2, 9), "float32", "has 1 series, .*its new series"),
    ],
    ids=["images", "series"],
)
def test_images_and_series_are_no_rows_in_what_is_said(shape, kind, said):
    X, y = np.arange(np.prod(shape)).reshape(shape).astype(kind), np.array([0] * 8 + [1])
    with pytest.warns(FewSamplesWarning, match=said):
        GANOversampler(random_state=0, verbose=False).fit(X, y)


def test_twenty_rows_are_enough_and_min_class_size_moves_the_border():
    X, y = three_classes()
    assert isinstance(oversampler().fit(X, y).generators_["c"], TabularGAN)
    with pytest.warns(FewSamplesWarning, match="class 'c' has 20 rows, fewer than min_class_size=21"):
        sampler = oversampler(min_class_size=21).fit(X, y)
    assert isinstance(sampler.generators_["c"], SmoothedBootstrap)


def test_only_tiny_classes(rng):
    X, y = rng.normal(size=(5, 2)), np.array([0, 0, 0, 1, 1])
    with pytest.warns(FewSamplesWarning):
        _, y_res = oversampler().fit_resample(X, y)
    assert Counter(y_res.tolist()) == {0: 3, 1: 3}


# ---------------------------------------------------------------- scope and generators


def test_shared_is_one_gan():
    X, y = three_classes()
    sampler = oversampler(scope="shared")
    _, y_res = sampler.fit_resample(X, y)
    assert sampler.generators_["b"] is sampler.generators_["c"]
    assert Counter(y_res.tolist()) == {"a": 60, "b": 60, "c": 60}
    assert set(sampler.curation_) == {"b", "c"}


def test_a_scope_that_is_left_open_goes_by_the_classes():
    X, y = many_classes(4)
    several = oversampler().fit(X, y)
    assert len(set(map(id, several.generators_.values()))) == 1 and several.generators_[1].conditions_.focus is None
    three = oversampler(sampling_strategy=dict.fromkeys((1, 2, 4), 30)).fit(X, y)
    assert {label: one.conditions_.focus for label, one in three.generators_.items()} == {1: 1, 2: 2, 4: 4}


def test_an_interrupted_training_of_open_length_is_told_by_its_steps():
    for steps, begun in ((99, True), (100, False)):
        own = SimpleNamespace(stop_reason_="interrupted", n_steps_=steps, max_steps=None)
        assert barely_begun(own) is begun


class Repeater:
    """The least that a generator needs: no scikit-learn in it."""

    trainings = 0

    def fit(self, X, y):
        type(self).trainings += 1
        self.X, self.y = np.asarray(X), y
        return self

    def sample(self, n, label, random_state):
        assert isinstance(random_state, int) and random_state < 2**31
        return np.repeat(self.X[self.y == label][:1], n, axis=0), np.full(n, label)


@cases("kind", ["float64", "frame", "csr matrix", "tensor", "list"])
def test_any_object_with_fit_and_sample(kind):
    X, y = three_classes()
    X = ARRAYS[kind](X)
    Repeater.trainings = 0
    generator = Repeater()
    if kind == "csr matrix":
        generator.fit = lambda X, y: Repeater.fit(generator, X.toarray(), y) and generator
        generator.__deepcopy__ = lambda memo: generator
    sampler = GANOversampler(generator=generator, random_state=0)
    X_res, y_res = sampler.fit_resample(X, y)
    assert type(X_res) is type(X) and Counter(y_res.tolist()) == {"a": 60, "b": 60, "c": 60}
    assert Repeater.trainings == 1  # without a focus, two trainings would be the same
    if kind != "csr matrix":
        assert not hasattr(generator, "X")  # a copy was trained


def test_a_generator_with_a_focus_is_trained_for_each_class():
    X, y = three_classes()
    sampler = GANOversampler(generator=Focused(), random_state=0).fit(X, y)
    assert {label: g.focus for label, g in sampler.generators_.items()} == {"b": "b", "c": "c"}
    shared = GANOversampler(generator=Focused(), scope="shared", random_state=0).fit(X, y)
    assert shared.generators_["b"].focus is None


class Focused(Repeater):
    """It takes a focus, and so would be trained for each class."""

    def fit(self, X, y, focus=None):
        self.focus = focus
        return super().fit(X, y)


def many_classes(n_small):
    """30 rows of class 0, and 12 of each other one."""
    y = np.repeat(np.arange(n_small + 1), [30, *[12] * n_small])
    return y[:, None] + np.random.default_rng(0).normal(size=(len(y), 2)), y


@pytest.mark.parametrize(("n_small", "trainings"), [(MANY_CLASSES, MANY_CLASSES), (MANY_CLASSES + 1, 1)])
def test_auto_shares_one_generator_of_many_classes(n_small, trainings):
    X, y = many_classes(n_small)
    Focused.trainings = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sampler = GANOversampler(generator=Focused(), scope="auto", random_state=0)
        X_res, y_res = sampler.fit_resample(X, y)
    assert Focused.trainings == trainings and len({id(g) for g in sampler.generators_.values()}) == trainings
    assert set(Counter(y_res.tolist()).values()) == {30} and len(X_res) == 30 * (n_small + 1)


@pytest.mark.parametrize(("n_small", "warned"), [(MANY_CLASSES, 0), (MANY_CLASSES + 1, 1)])
def test_a_gan_for_each_of_many_classes_is_said(n_small, warned):
    X, y = many_classes(n_small)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        each = {"scope": "per-class", "random_state": 0}
        GANOversampler(generator=Focused(), **each).fit(X, y)
        GANOversampler(generator=Repeater(), **each).fit(X, y)  # has no focus, and is shared anyway
        few = dict.fromkeys(range(1, 4), 13)
        GANOversampler(generator=Focused(), sampling_strategy=few, **each).fit(X, y)
    assert len(said) == warned
    if warned:
        assert "51 classes" in str(said[0].message) and 'scope="shared"' in str(said[0].message)
        assert said[0].category is GanaugWarning


def test_auto_is_a_gan_for_each_of_few_classes(imbalanced):
    one, other = (oversampler(scope=scope).fit_resample(*imbalanced)[0] for scope in ("auto", "per-class"))
    assert np.array_equal(one, other)


def test_a_model_of_many_classes_grows_by_kilobytes_a_class(whole_judges):
    """And not by a network, or with the square of the classes."""
    X, y = many_classes(2 * MANY_CLASSES - 1)  # twice as many with the plentiful one
    sampler = oversampler(scope="auto").fit(X, y)
    few = oversampler(scope="shared").fit(X[y <= MANY_CLASSES // 2], y[y <= MANY_CLASSES // 2])
    grown = len(pickle.dumps(sampler)) - len(pickle.dumps(few))
    assert grown < 30_000 * 1.5 * MANY_CLASSES
    assert len(sampler.generators_[1].curator_.forest.roots) == 10  # half of the trees for twice the classes
    assert len(few.generators_[1].curator_.forest.roots) == 20


def test_images_with_a_generator_that_takes_them(rng):
    X, y = rng.random((40, 2, 5, 5)), np.repeat([0, 1], [25, 15])
    X_res, y_res = GANOversampler(generator=Repeater(), random_state=0).fit_resample(X, y)
    assert X_res.shape == (50, 2, 5, 5) and Counter(y_res.tolist()) == {0: 25, 1: 25}


def test_the_generator_given_stays_as_it_was(imbalanced):
    generator = gan(random_state=5)
    oversampler(generator=generator).fit_resample(*imbalanced)
    assert vars(generator) == generator.get_params(deep=False)


def test_the_seed_of_the_generator_counts_where_the_sampler_has_none(imbalanced):
    drawn = [oversampler(generator=gan(random_state=5), random_state=None).fit_resample(*imbalanced)[0] for _ in "ab"]
    assert np.array_equal(*drawn)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_ctrl_c_ends_every_training_and_the_bootstrap_stands_in(n_jobs):
    pressed = []

    def press(event):
        if not pressed:
            pressed.append(event.step)
            signal.raise_signal(signal.SIGINT)

    X, y = three_classes()
    sampler = oversampler(generator=gan(max_steps=60, callbacks=[press]), scope="per-class", n_jobs=n_jobs)
    with joblib.parallel_config("threading"), pytest.warns(TrainingWarning) as caught:
        _, y_res = sampler.fit_resample(X, y)
    assert Counter(y_res.tolist()) == {"a": 60, "b": 60, "c": 60}
    assert {type(g) for g in sampler.generators_.values()} == {SmoothedBootstrap}
    said = sorted(str(w.message) for w in caught)
    assert [text[:9] for text in said] == ["class 'b'", "class 'c'"] and "smoothed bootstrap" in said[0]
    assert {w.filename for w in caught} == {__file__}


# ---------------------------------------------------------------- sample


def test_sample_goes_on_and_repeats():
    X, y = three_classes()
    sampler = oversampler().fit(X, y)
    copy = pickle.loads(pickle.dumps(sampler))
    first, labels = sampler.sample(5, label="b")
    second, _ = sampler.sample(5, label="b")
    assert labels.tolist() == ["b"] * 5
    assert not np.array_equal(first, second)
    assert np.array_equal(first, copy.sample(5, label="b")[0])
    assert np.array_equal(second, copy.sample(5, label="b")[0])
    seeded = sampler.sample({"c": 4, "b": 3}, random_state=9)
    again = copy.sample({"c": 4, "b": 3}, random_state=9)
    assert np.array_equal(seeded[0], again[0]) and seeded[1].tolist() == ["c"] * 4 + ["b"] * 3
    assert sampler.curation_["c"]["kept"] == 4
    empty, no_labels = sampler.sample(0, label="b")
    assert empty.shape == (0, 4) and len(no_labels) == 0


def test_one_generator_needs_no_label(imbalanced):
    sampler = oversampler().fit(*imbalanced)
    assert sampler.sample()[0].shape == (1, 6)


def test_fit_after_fit_resample_forgets_the_mask(imbalanced):
    sampler = oversampler()
    sampler.fit_resample(pd.DataFrame(imbalanced[0], columns=list("abcdef")), imbalanced[1])
    assert sampler.is_synthetic_.sum() == 220
    sampler.fit(*imbalanced)
    assert not hasattr(sampler, "is_synthetic_") and not hasattr(sampler, "feature_names_in_")


# ---------------------------------------------------------------- pipelines


@pytest.mark.parametrize("routing", [False, True])
def test_a_pipeline_under_grid_search_in_two_processes(imbalanced, routing):
    X, y = imbalanced
    with config_context(enable_metadata_routing=routing):
        pipeline = Pipeline([("scale", StandardScaler()), ("gan", oversampler()), ("tree", DecisionTreeClassifier())])
        grid = {"gan__sampling_strategy": [0.5, 1.0], "gan__generator__max_steps": [2, 3]}
        search = GridSearchCV(pipeline, grid, n_jobs=2, cv=2, error_score="raise").fit(X, y)
    assert set(search.best_params_) == set(grid)
    assert search.predict(X).shape == (300,)


@pytest.mark.usefixtures("whole_judges")  # small ones move a class by chance
def test_the_default_hardly_moves_a_class_that_overlaps_another():
    """A threshold on the votes moves it twice as far, and was the default."""
    rng = np.random.default_rng(0)
    y = (np.arange(1500) % 15 == 0).astype(int)
    X = pd.DataFrame({"a": rng.normal(0.5 * y), "b": rng.normal(size=1500)})
    means = {}
    for name, p in (("default", "auto"), ("threshold", 0.6)):
        own = tabular_gan(max_steps=250, width=64, depth=2, min_probability=p, random_state=None)
        sampler = GANOversampler(generator=own, random_state=0)
        rows, _ = sampler.fit_resample(X, y)
        means[name] = rows["a"][sampler.is_synthetic_].mean() - X["a"][y == 1].mean()
        assert sampler.curation_[1]["other_class"] > 100  # it is thinned out, though
    assert abs(means["default"]) < 0.3 and means["threshold"] > 2 * abs(means["default"]), means


def test_a_pipeline_that_remembers(imbalanced, tmp_path):
    X, y = imbalanced
    seen = []
    for _ in range(2):
        pipeline = make_pipeline(oversampler(), LogisticRegression(), memory=str(tmp_path)).fit(X, y)
        seen.append(pipeline.predict_proba(X))
        assert pipeline[0].is_synthetic_.sum() == 220 and pipeline[0].sample(2)[0].shape == (2, 6)
    assert np.array_equal(*seen)
    Repeater.trainings = 0
    for _ in range(2):
        make_pipeline(oversampler(generator=Repeater()), LogisticRegression(), memory=str(tmp_path)).fit(X, y)
    assert Repeater.trainings == 1


def test_no_warning_in_daily_use(imbalanced):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        oversampler(generator=gan(max_steps=20)).fit_resample(pd.DataFrame(imbalanced[0]), imbalanced[1])


@cases("sizes", [[3, 5], [5, 3], [4, 4], [7, 2, 7, 2], [1, 9, 4]])
def test_the_sizes_of_classes_tell_what_imbalanced_learn_makes_of_them(sizes):
    codes = np.repeat(np.arange(len(sizes)), sizes)
    for given in (*strategy.WORDS, 0.9, 1, np.float32(0.7), {0: max(sizes)}, {1: sizes[1], 0: sizes[0]}):
        found = strategy._of_sizes(given, sizes)
        if found is None:
            with pytest.raises((ValueError, InvalidParameterError)):
                strategy.wanted_rows(given, codes)
        else:
            assert list(found.items()) == list(strategy.wanted_rows(given, codes).items()), given
    assert strategy._of_sizes({0: max(sizes) + 1}, sizes) is None  # of which imbalanced-learn warns


class Rounded(BaseEstimator):
    """Passes on whatever it lacks to the GAN within, and changes its rows."""

    def __init__(self, gan=None):
        self.gan = gan

    def fit(self, X, y):
        self.fitted_ = clone(self.gan).fit(X, y)
        return self

    def sample(self, n, label=None, random_state=None):
        X, y = self.fitted_.sample(n, label=label, random_state=random_state)
        return np.round(X), y

    def __getattr__(self, name):
        if name.startswith("__") or name in ("gan", "fitted_"):
            raise AttributeError(name)
        return getattr(self.__dict__.get("fitted_", self.gan), name)


class Remembering(TabularGAN):
    def sample(self, n=1, label=None, random_state=None, where=None):
        self.asked_ = n
        return super().sample(n, label, random_state, where)


def test_a_sample_of_somebodys_own_is_what_fit_resample_calls():
    X, y = three_classes()
    own = oversampler(generator=Rounded(gan()), sampling_strategy={"b": 40})
    new = own.fit_resample(X, y)[0][len(X) :]
    assert len(new) == 10 and np.array_equal(new, np.round(new))
    own = oversampler(generator=Remembering(max_steps=3), sampling_strategy={"b": 40})
    own.fit_resample(X, y)
    trained = own.generators_["b"]
    assert trained.asked_ == 10 and trained.curation_ == own.curation_
