"""TabularGAN from the outside: what is drawn, how rows are judged, what a fit leaves behind."""

from __future__ import annotations

import dataclasses
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import cases
from helpers import tabular_gan as gan
from sklearn.datasets import load_breast_cancer

from ganaug.estimators import gan as gan_module
from ganaug.estimators.fitting import HOLD_OUT_FROM, VALIDATION_ROWS, hold_out, snapshot_measure
from ganaug.exceptions import (
    GanaugError,
    InvalidDataError,
    InvalidParameterError,
    InvalidTypeError,
    TrainingWarning,
)


@pytest.fixture(scope="module")
def table():
    """300 rows of three classes with text labels, as frame and series."""
    rng = np.random.default_rng(0)
    y = pd.Series(np.repeat(["fine", "fraud", "error"], [200, 60, 40]), name="what")
    shift = y.map({"fine": 0.0, "fraud": 3.0, "error": -3.0}).to_numpy()
    X = pd.DataFrame({"amount": rng.normal(size=300) + shift, "n": rng.integers(0, 9, 300), "day": rng.random(300)})
    return X, y


@pytest.fixture(scope="module")
def fitted(table):
    return gan().fit(*table)


def counts(y):
    return pd.Series(y).value_counts().to_dict()


def same(a, b):
    pd.testing.assert_frame_equal(a[0], b[0])
    pd.testing.assert_series_equal(a[1], b[1])


# ------------------------------------------------------------------------------------------ sample


def test_a_number_follows_the_training_frequencies(fitted):
    X, y = fitted.sample(3000, random_state=0)
    assert len(X) == len(y) == 3000
    got = counts(y)
    for label, share in {"fine": 2 / 3, "fraud": 0.2, "error": 2 / 15}.items():
        assert abs(got[label] / 3000 - share) < 4 * (share * (1 - share) / 3000) ** 0.5
    # grouped by class, in the order of classes_
    assert pd.unique(y).tolist() == list(fitted.classes_) == ["error", "fine", "fraud"]


def test_a_number_and_a_label(fitted):
    X, y = fitted.sample(7, label="fraud")
    assert len(X) == 7 and counts(y) == {"fraud": 7}


def test_a_dict_gives_exact_counts_in_its_order(fitted):
    X, y = fitted.sample({"fraud": 5, "error": 0, "fine": 2})
    assert y.tolist() == ["fraud"] * 5 + ["fine"] * 2 and len(X) == 7
    assert list(fitted.curation_) == ["fraud", "error", "fine"]


def test_one_by_default(fitted):
    X, y = fitted.sample()
    assert len(X) == len(y) == 1


@cases("request_", [{"n": 0}, {"n": 0, "label": "fraud"}, {"n": {"fraud": 0}}, {"n": {}}])
def test_none_at_all_is_an_empty_table_like_the_real_one(fitted, table, request_):
    X, y = fitted.sample(**request_)
    assert len(X) == len(y) == 0
    assert X.dtypes.to_dict() == table[0].dtypes.to_dict() and y.dtype == table[1].dtype


def test_container_columns_and_dtypes_are_those_of_fit(fitted, table):
    X, y = fitted.sample(9)
    assert isinstance(X, pd.DataFrame) and X.dtypes.to_dict() == table[0].dtypes.to_dict()
    assert list(X.columns) == list(table[0].columns)
    assert isinstance(y, pd.Series) and y.name == "what" and y.dtype == table[1].dtype


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_arrays_give_arrays(imbalanced, kind):
    X, y = imbalanced
    X_new, y_new = gan().fit(X.astype(kind), y).sample(4)
    assert type(X_new) is np.ndarray and X_new.dtype == kind and X_new.shape == (4, 6)
    assert type(y_new) is np.ndarray and y_new.dtype == y.dtype


@pytest.fixture(scope="module")
def twins(table):
    """Two fits that are one: what both are asked for, both give."""
    return gan().fit(*table), gan().fit(*table)


@cases(
    ("args", "message"),
    [
        ((-1,), "n is -1; it must be an integer of at least 0"),
        ((2.5,), "n is 2.5"),
        ((True,), "n is True"),
        (({"fraud": -2},), "count of class 'fraud' is -2"),
        (({"fraud": "3"},), "count of class 'fraud' is '3'"),
        (({"fruad": 2},), "fruad"),
        ((3, "fruad"), "fruad"),
        (({"fraud": 1}, "fraud"), "either a dict of counts or a label"),
    ],
)
def test_impossible_requests_are_named_and_change_nothing(twins, args, message):
    one, other = twins
    with pytest.raises(GanaugError, match=message):
        one.sample(*args)
    same(one.sample(5), other.sample(5))  # the stream did not move


def test_the_stream_goes_on_without_a_seed_and_repeats_with_one(table):
    one, other = gan().fit(*table), gan().fit(*table)
    first, second = one.sample(20, "fraud"), one.sample(20, "fraud")
    assert not first[0].equals(second[0])
    same(other.sample(20, "fraud"), first)
    same(other.sample(20, "fraud"), second)
    same(one.sample(20, "fraud", random_state=5), one.sample(20, "fraud", random_state=5))
    assert not one.sample(20, random_state=5)[0].equals(one.sample(20, random_state=6)[0])


def test_a_seed_of_ones_own_does_not_move_the_stream(table):
    one, other = gan().fit(*table), gan().fit(*table)
    one.sample(3, random_state=1)
    same(one.sample(8), other.sample(8))


def test_a_numpy_generator_moves_on(fitted):
    source = np.random.default_rng(0)
    assert not fitted.sample(9, random_state=source)[0].equals(fitted.sample(9, random_state=source)[0])
    same(
        fitted.sample(9, random_state=np.random.default_rng(0)), fitted.sample(9, random_state=np.random.default_rng(0))
    )


def test_a_class_gets_the_same_rows_whoever_else_is_asked_for(fitted):
    alone = fitted.sample({"fraud": 6}, random_state=3)[0]
    beside = fitted.sample({"error": 4, "fraud": 6}, random_state=3)[0].iloc[4:]
    pd.testing.assert_frame_equal(alone, beside.reset_index(drop=True))


def test_fit_and_sample_touch_nothing_global(table, global_state):
    gan().fit(*table).sample(5)
    global_state.assert_unchanged()


def test_large_draws_do_not_depend_on_the_rows_per_pass(table, monkeypatch):
    """Rows come in passes; a pass is a pass whatever comes after it."""
    monkeypatch.setattr(gan_module, "AT_ONCE", 16)
    model = gan(curate=False).fit(*table)
    few, many = (model.sample(n, "fine", random_state=0)[0] for n in (32, 50))
    pd.testing.assert_frame_equal(few, many.iloc[:32])
    assert len(many.drop_duplicates()) > 45  # no pass repeats another


# ------------------------------------------------------------------------------------------ curation


def test_curation_tells_what_became_of_the_candidates(fitted):
    fitted.sample({"fraud": 50, "error": 20})
    assert list(fitted.curation_) == ["fraud", "error"]
    for label, n in {"fraud": 50, "error": 20}.items():
        row = fitted.curation_[label]
        assert row["kept"] == n
        assert row["drawn"] + row["taken_anyway"] == n + row["copies"] + row["outliers"] + row["other_class"]


@cases("rule", ["copies", "outliers", "other_class"])
def test_each_rule_can_be_turned_off(table, rule):
    rest = [r for r in ("copies", "outliers", "other_class") if r != rule]
    model = gan(curate=rest, max_steps=2).fit(*table)
    model.sample(100)
    assert all(row[rule] == 0 for row in model.curation_.values())
    assert sum(row[r] for row in model.curation_.values() for r in rest) > 0  # an untrained generator is refused much


def test_no_curation_keeps_the_first_draw(table):
    model = gan(curate=False).fit(*table)
    model.sample({"fraud": 30})
    assert model.curation_["fraud"] == {
        "drawn": 30, "kept": 30, "copies": 0, "rules": 0, "outliers": 0, "other_class": 0, "taken_anyway": 0,
    }  # fmt: skip


def test_copies_without_end_still_give_the_count(monkeypatch):
    """A generator that only ever makes training rows."""
    X = np.arange(60, dtype=float).reshape(30, 2)
    model = gan(curate=["copies"]).fit(X)
    encoded = model.codec_.encode(X)
    asked = []

    def copying(condition, n, seed, device, work, truncation):
        asked.append(n)
        yield encoded[np.arange(n) % 30]

    monkeypatch.setattr(model, "_generate", copying)
    with pytest.warns(TrainingWarning, match="25 of the 25 samples returned are copies"):
        rows, _ = model.sample(25)
    assert rows.shape == (25, 2) and sum(asked) <= 30 * 25
    assert model.curation_["all"]["taken_anyway"] == 25 and model.curation_["all"]["copies"] == sum(asked)


def test_rows_of_the_class_asked_for_look_like_it():
    X, y = load_breast_cancer(return_X_y=True)
    X = X[:, :6]
    model = gan(max_steps=150, width=64).fit(X, y)
    for label in (0, 1):
        rows, _ = model.sample(200, label, random_state=0)
        own, other = (np.abs(rows.mean(0) - X[y == c].mean(0)) / X.std(0) for c in (label, 1 - label))
        assert own.mean() < other.mean() / 2


# ------------------------------------------------------------------------------------------ iter_samples


def test_chunks_have_the_size_asked_for_and_one_class_each(fitted):
    chunks = list(fitted.iter_samples({"fraud": 25, "fine": 10}, chunk_size=10))
    assert [len(X) for X, _ in chunks] == [10, 10, 5, 10]
    assert [set(y) for _, y in chunks] == [{"fraud"}, {"fraud"}, {"fraud"}, {"fine"}]


def test_chunks_repeat_with_a_seed_and_differ_from_one_another(fitted):
    one, other = (list(fitted.iter_samples(40, "fine", chunk_size=10, random_state=4)) for _ in range(2))
    for a, b in zip(one, other, strict=True):
        same(a, b)
    assert not one[0][0].equals(one[1][0])
    stream = [list(fitted.iter_samples(5)) for _ in range(2)]
    assert not stream[0][0][0].equals(stream[1][0][0])


def test_chunks_take_constant_memory(imbalanced):
    model = gan(curate=["outliers"]).fit(*imbalanced)

    def peak(n):
        for _ in model.iter_samples(500, 0, chunk_size=500):  # what is built once
            pass
        tracemalloc.start()
        made = sum(len(X) for X, _ in model.iter_samples(n, 0, chunk_size=500, random_state=0))
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert made == n
        return size

    assert peak(6000) < 1.5 * peak(1000)


def test_wrong_requests_are_refused_before_the_first_chunk(fitted):
    with pytest.raises(InvalidParameterError, match="chunk_size=0"):
        fitted.iter_samples(5, chunk_size=0)
    with pytest.raises(GanaugError, match="nobody"):
        fitted.iter_samples(5, "nobody")


# ------------------------------------------------------------------------------------------ without labels, with focus


def test_without_labels(imbalanced):
    X, _ = imbalanced
    model = gan().fit(X)
    rows, labels = model.sample(12)
    assert rows.shape == (12, 6) and labels is None
    assert model.classes_ is None and list(model.curation_) == ["all"]
    assert model.score_samples(X).shape == (300,)
    for call in (lambda: model.sample(3, label=1), lambda: model.sample({1: 3})):
        with pytest.raises(InvalidParameterError, match="fitted without labels"):
            call()
    with pytest.raises(InvalidParameterError, match="without labels"):
        model.score_samples(X, np.zeros(300))
    with pytest.raises(InvalidParameterError, match="focus=1 needs labels"):
        gan().fit(X, focus=1)


def test_focus_conditions_on_a_class_against_the_rest(table):
    model = gan().fit(*table, focus="fraud")
    assert model.conditions_.count == 2 and model.condition_counts_.tolist() == [240, 60]
    for X, y in (model.sample(8), model.sample(8, "fraud"), model.sample({"fraud": 8})):
        assert len(X) == 8 and counts(y) == {"fraud": 8}
    for wrong in ({"n": 3, "label": "fine"}, {"n": {"fraud": 2, "error": 1}}):
        with pytest.raises(InvalidDataError, match="trained for class 'fraud' against the rest and cannot sample"):
            model.sample(**wrong)
    numbered = gan().fit(table[0], np.asarray(table[1] == "fraud").astype(int), focus=1)
    with pytest.raises(InvalidDataError, match="trained for class 1 against the rest and cannot sample class 0"):
        numbered.sample(3, label=0)  # and not np.int64(1)
    # but it judges rows of every class
    assert np.isfinite(model.score_samples(*table)).all()


def test_an_unknown_focus_is_named(table):
    with pytest.raises(GanaugError, match="thief"):
        gan().fit(*table, focus="thief")


def test_a_table_of_constants_can_be_learnt():
    X = pd.DataFrame({"a": [1.5] * 40, "b": ["x"] * 40})
    rows, _ = gan().fit(X, [0, 1] * 20).sample(5)
    pd.testing.assert_frame_equal(rows, X.iloc[:5])


# ------------------------------------------------------------------------------------------ judging rows


@pytest.fixture(scope="module")
def judge():
    X, y = load_breast_cancer(return_X_y=True)
    X = X[:, :10]
    order = np.random.default_rng(0).permutation(len(X))
    train, test = order[:400], order[400:]
    return gan(max_steps=600, width=64).fit(X[train], y[train]), X[test], y[test]


def test_real_rows_score_above_rows_of_shuffled_columns(judge):
    model, X, _ = judge
    rng = np.random.default_rng(0)
    shuffled = np.stack([rng.permutation(column) for column in X.T], axis=1)
    real, fake = model.score_samples(X), model.score_samples(shuffled)
    assert (real[:, None] > fake[None]).mean() > 0.9  # the area under the curve of an anomaly detector
    assert real.shape == (len(X),) and real.dtype == np.float64


def test_the_label_that_a_row_claims_matters(judge):
    model, X, y = judge
    assert not np.allclose(model.score_samples(X, y), model.score_samples(X, 1 - y), atol=0.01)


def test_without_labels_the_score_is_the_average_over_the_classes(judge):
    model, X, _ = judge
    weights = model.condition_counts_ / model.condition_counts_.sum()
    each = [model.score_samples(X, np.full(len(X), c)) for c in (0, 1)]
    np.testing.assert_allclose(model.score_samples(X), weights @ each, atol=2e-9)  # scores have nine decimals


def test_a_score_does_not_depend_on_the_rows_beside(judge):
    model, X, _ = judge
    np.testing.assert_allclose(model.score_samples(X)[:3], model.score_samples(X[:3]), rtol=1e-9)


def test_features_are_the_last_hidden_layer(judge):
    model, X, y = judge
    features = model.features(X, y)
    assert features.shape == (len(X), 64) and features.dtype == np.float64
    head = {k.rpartition("head.")[2]: v for k, v in model._published_weights().items() if ".head." in k}
    by_hand = features @ head["logit.weight"][0] + head["logit.bias"] + (features * head["classes"][y]).sum(1)
    np.testing.assert_allclose(by_hand, model.score_samples(X, y), rtol=1e-5, atol=1e-6)
    assert np.linalg.matrix_rank(features - features.mean(0)) > 5


def test_lengths_that_differ_are_refused(judge):
    model, X, y = judge
    with pytest.raises(InvalidDataError, match="171|169|must be as many"):
        model.score_samples(X, y[:-1])


# ------------------------------------------------------------------------------------------ what a fit leaves behind


def test_attributes(fitted, table):
    history = fitted.history_
    assert isinstance(history, pd.DataFrame) and history["step"].dtype == np.int64
    assert set(history.columns) >= {
        "step", "discriminator_loss", "generator_loss", "real_logit", "fake_logit", "discriminator_gradient_norm",
        "generator_gradient_norm", "quality", "diversity",
    }  # fmt: skip
    assert (fitted.n_steps_, fitted.stop_reason_) == (10, "max_steps")
    assert 0 < fitted.quality_ <= 1.1 and 0 <= fitted.best_step_ <= 10
    assert fitted.n_features_in_ == 3 and fitted.feature_names_in_.tolist() == ["amount", "n", "day"]
    assert fitted.classes_.tolist() == ["error", "fine", "fraud"]


def test_the_same_seed_gives_the_same_generator(table):
    one, same_, other = gan().fit(*table), gan().fit(*table), gan(random_state=1).fit(*table)
    assert all(np.array_equal(v, same_.weights_[k]) for k, v in one.weights_.items())
    assert not all(np.array_equal(v, other.weights_[k]) for k, v in one.weights_.items())
    pd.testing.assert_frame_equal(one.history_, same_.history_)


def test_fit_changes_neither_data_nor_parameters(table):
    X, y = table[0].copy(), table[1].copy()
    model = gan()
    before = model.get_params()
    model.fit(X, y)
    pd.testing.assert_frame_equal(X, table[0])
    pd.testing.assert_series_equal(y, table[1])
    assert model.get_params() == before


# ------------------------------------------------------------------------------------------ held-out rows


def test_rows_to_judge_by_are_kept_from_training(rng):
    y = rng.permutation(np.repeat([0, 1, 2], [1000, 150, HOLD_OUT_FROM - 1]))
    train, judge = hold_out(y, 0.2, rng)
    assert [len(rows) for rows in judge] == [200, 30, HOLD_OUT_FROM - 1]
    assert all((y[rows] == c).all() for c, rows in enumerate(judge))
    held = np.concatenate(judge[:2])
    assert not set(held) & set(train) and len(train) + len(held) == len(y)
    assert set(np.flatnonzero(y == 2)) <= set(train)  # a small class trains on all of its rows
    assert (np.diff(train) > 0).all()


def test_no_more_rows_are_held_out_than_are_looked_at(rng):
    train, judge = hold_out(np.zeros(10_000, np.int64), 0.2, rng)
    assert len(judge[0]) == VALIDATION_ROWS and len(train) == 10_000 - VALIDATION_ROWS
    train, judge = hold_out(np.zeros(10_000, np.int64), 0.0, rng)
    assert len(train) == 10_000 and len(judge[0]) == VALIDATION_ROWS


def test_held_out_rows_never_reach_the_training(monkeypatch, imbalanced):
    tables = []
    original = gan_module.ClassBatches
    monkeypatch.setattr(gan_module, "ClassBatches", lambda *a, **k: tables.append(original(*a, **k)) or tables[-1])
    X, y = imbalanced
    model = gan().fit(X, y)
    drawn = tables[0].x
    rows = {tuple(row) for row in drawn[torch.arange(len(drawn.rows))].tolist()}
    encoded = {tuple(row) for row in model.codec_.encode(X).tolist()}
    assert len(rows) == 300 - 260 // 5 and rows < encoded
    assert tables[0].counts.tolist() == [208, 40] and tables[0].class_weights.tolist() == [0.5, 0.5]


def test_a_snapshot_is_measured_with_the_same_noise_each_time(rng):
    x = rng.normal(size=(50, 3)).astype(np.float32)
    measure = snapshot_measure(x, [np.arange(50)], [0], 3, torch.device("cpu"), 7)
    perfect = lambda z, labels, heads: z  # noqa: E731
    narrow = lambda z, labels, heads: z * 0.1  # noqa: E731
    assert measure(perfect) == measure(perfect)
    good, bad = measure(perfect), measure(narrow)
    assert good["quality"] > 0.95 > bad["quality"]
    assert good["diversity"] == pytest.approx(1, abs=0.2) and bad["diversity"] == pytest.approx(0.1, abs=0.02)


# ------------------------------------------------------------------------------------------ warm start


def test_warm_start_goes_on(table):
    model = gan(warm_start=True).fit(*table)
    first, quality, weights = model.history_, model.quality_, model.weights_
    model.fit(*table)
    assert model.n_steps_ == 20 and model.history_["step"].iloc[-1] == 20
    pd.testing.assert_frame_equal(model.history_.iloc[: len(first)], first)  # appended
    assert model.quality_ >= quality - 1e-6  # what there was is kept if nothing better came
    assert not all(np.array_equal(v, weights[k]) for k, v in model.weights_.items())
    model.set_params(warm_start=False).fit(*table)
    assert model.n_steps_ == 10 and len(model.history_) == len(first)
    assert all(np.array_equal(v, weights[k]) for k, v in model.weights_.items())


def test_warm_start_twice_is_not_worse_than_once_as_long():
    """Short fits one after the other learn, too: each has its own schedule."""
    X, y = load_breast_cancer(return_X_y=True)
    X = X[:, :6]
    model = gan(max_steps=30, width=32, warm_start=True, curate=False)
    qualities = [model.fit(X, y).quality_ for _ in range(5)]
    assert qualities == sorted(qualities) and qualities[-1] > qualities[0] + 0.02


def test_warm_start_wants_what_it_began_with(table):
    X, y = table
    model = gan(warm_start=True).fit(X, y)
    state = dict(model.weights_)
    with pytest.raises(InvalidDataError, match="warm_start=True needs y as in the earlier fit"):
        model.fit(X)
    with pytest.raises(InvalidParameterError, match="focus of the earlier fit"):
        model.fit(X, y, focus="fraud")
    with pytest.raises(InvalidParameterError, match="networks of the earlier fit.*width"):
        model.set_params(width=8).fit(X, y)
    assert model.weights_.keys() == state.keys() and all(v is state[k] for k, v in model.weights_.items())
    unlabelled = gan(warm_start=True).fit(X)
    with pytest.raises(InvalidDataError, match="warm_start=True needs y"):
        unlabelled.fit(X, y)


@cases(
    ("parameters", "error", "message"),
    [
        ({"max_time": "soon"}, InvalidParameterError, "max_time='soon'.*'90s'"),
        ({"max_time": 0}, InvalidParameterError, "max_time=0"),
        ({"max_steps": 0}, InvalidParameterError, "max_steps=0"),
        ({"patience": 0}, InvalidParameterError, "patience=0"),
        ({"class_power": 2}, InvalidParameterError, "class_power=2"),
        ({"callbacks": ["print"]}, InvalidTypeError, "callbacks must be a list of callables"),
        ({"curate": "novelty"}, InvalidParameterError, "novelty"),
        ({"objective": "hinged"}, InvalidParameterError, "'relativistic'"),
    ],
)
def test_wrong_parameters_are_named(table, parameters, error, message):
    with pytest.raises(error, match=message):
        gan(**parameters).fit(*table)


@cases("prepared, left", [(0.0, 5.0), (4.0, 1.0), (60.0, 0.5)])
def test_the_clock_counts_what_came_before_the_training(monkeypatch, prepared, left):
    given = []

    def run_training(state, table, objective, config, **_):
        given.append(config.max_time)
        raise ZeroDivisionError

    monkeypatch.setattr(gan_module, "run_training", run_training)
    own = gan(max_time=5)
    ready = own.prepare(np.random.default_rng(0).normal(size=(40, 2)))
    assert ready.seconds > 0
    with pytest.raises(ZeroDivisionError):
        own.fit_prepared(dataclasses.replace(ready, seconds=prepared))
    assert given == [pytest.approx(left, abs=0.45)]
