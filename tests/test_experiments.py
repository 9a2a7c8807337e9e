"""Comparisons: what is computed once, what is recorded, and that the statistics are the published ones."""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import sys
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import imblearn
import joblib
import numpy as np
import pandas as pd
import pytest
from imblearn.ensemble import BalancedRandomForestClassifier
from imblearn.over_sampling import RandomOverSampler
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold, TunedThresholdClassifierCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import ganaug
from ganaug.exceptions import (
    DataWarning,
    FewSamplesWarning,
    InvalidDataError,
    InvalidParameterError,
    InvalidTypeError,
    MissingDependencyError,
)
from ganaug.experiments import (
    TREATMENTS,
    Arm,
    Comparison,
    NeighborSampler,
    Treatment,
    calibration_error,
    compare,
    default_classifiers,
    scores,
    to_markdown,
)
from ganaug.experiments.comparison import cliques, frontier, score_against_cost
from ganaug.experiments.harness import Batch, Trial, data_digest, described, run_trials, trial_path
from ganaug.experiments.scores import METRICS, Predictions, best_threshold, scored
from ganaug.experiments.treatments import METHODS, gaussian_rows, geometric_rows, mesh_rows, proximity_rows

JUDGES = {"lr": LogisticRegression(), "tree": DecisionTreeClassifier()}
SAMPLERS = {"none": None, "class weights": "class_weight", "random": RandomOverSampler(), "SMOTE": NeighborSampler()}


@pytest.fixture
def numbers():
    return make_classification(n_samples=150, weights=[0.85], flip_y=0.05, random_state=0)


@pytest.fixture
def mixed():
    """Every kind of column, with missing values; three classes, one of two rows."""
    rng = np.random.default_rng(0)
    n = 120
    X = pd.DataFrame({"x": rng.normal(size=n), "count": rng.integers(0, 9, n), "flag": rng.random(n) < 0.5})
    X["colour"] = pd.Categorical(rng.choice(["red", "blue", None], n), categories=["red", "blue", "never"])
    X["word"] = rng.choice(["a", "b", "c"], n)
    X["nullable"] = pd.array(rng.integers(0, 5, n), dtype="Int64")
    X["when"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 1000, n), unit="h")
    X.loc[:9, "x"] = np.nan
    X.loc[5:14, "nullable"] = pd.NA
    X.loc[3:7, "when"] = pd.NaT
    return X, pd.Series(np.repeat(["many", "few", "two"], [88, 30, 2]))


class Counting(RandomOverSampler):
    """Says on disk that it was called, and with which rows: workers share no memory."""

    def __init__(self, log=None, random_state=None):
        super().__init__(random_state=random_state)
        self.log = log

    def fit_resample(self, X, y):
        seen = np.asarray(X)[:, 0].tolist()
        with open(self.log, "a", encoding="utf-8") as file:
            file.write(json.dumps(seen) + "\n")
        return super().fit_resample(X, y)

    def calls(self):
        with open(self.log, encoding="utf-8") as file:
            return [json.loads(line) for line in file]


class Broken(BaseEstimator):
    def fit_resample(self, X, y):
        raise RuntimeError("no rows today")


class Warns(RandomOverSampler):
    def fit_resample(self, X, y):
        warnings.warn("a tiny class", FewSamplesWarning, stacklevel=2)
        warnings.warn("of no interest", UserWarning, stacklevel=2)
        return super().fit_resample(X, y)


class Interrupted(RandomOverSampler):
    def fit_resample(self, X, y):
        os.kill(os.getpid(), signal.SIGINT)
        return super().fit_resample(X, y)


def figures(found):
    return found.results.drop(columns=["seconds_resample", "seconds_fit"])


# ---- Runs ----------------------------------------------------------------------------------------


def test_every_combination_is_a_row(numbers):
    found = compare({"a": numbers, "b": lambda: numbers}, SAMPLERS, JUDGES, n_splits=2)
    results = found.results
    assert len(results) == 2 * 4 * 2 * 2 * 2
    assert not found.failures.size
    assert results[list(METRICS)].notna().all().all()
    assert results.groupby(["dataset", "oversampler", "classifier"]).size().eq(4).all()
    assert results["rows_train"][results["oversampler"] == "none"].eq(75).all()
    assert (results["seconds_resample"][results["oversampler"] == "SMOTE"] > 0).all()
    assert "2 datasets, 4 oversamplers, 2 classifiers" in repr(found)
    # the sets are the same, their folds are not
    assert results["roc_auc"][:8].tolist() != results["roc_auc"][32:40].tolist()


def test_module_is_reached_through_the_package():
    assert ganaug.experiments.compare is compare
    assert "experiments" in dir(ganaug)


def test_a_second_run_computes_nothing_and_an_interrupted_one_goes_on(numbers, tmp_path):
    sampler = Counting(str(tmp_path / "log"))
    cache = tmp_path / "cells"
    settings = {"metrics": ["roc_auc"], "n_repeats": 1, "cache": cache}
    first = compare({"a": numbers}, {"none": None, "s": sampler}, JUDGES, **settings)
    assert len(sampler.calls()) == 3 and len(list(cache.iterdir())) == 6
    again = compare({"a": numbers}, {"none": None, "s": sampler}, JUDGES, **settings)
    assert len(sampler.calls()) == 3
    pd.testing.assert_frame_equal(first.results, again.results)

    lost, torn, *_ = sorted(cache.glob("a-s-*"))
    lost.unlink()
    torn.write_text(torn.read_text()[:50])
    with pytest.warns(DataWarning, match="damaged or altered .* computed again"):
        look = compare({"a": numbers}, {"none": None, "s": sampler}, JUDGES, finished_only=True, **settings)
    assert len(look.results) == 8 and len(sampler.calls()) == 3
    with pytest.warns(DataWarning, match=torn.name):
        whole = compare({"a": numbers}, {"none": None, "s": sampler}, JUDGES, **settings)
    assert len(sampler.calls()) == 5
    pd.testing.assert_frame_equal(figures(first), figures(whole))


@pytest.mark.parametrize("change", ["data", "sampler", "classifier", "seed"])
def test_what_changes_the_figures_is_computed_anew(numbers, tmp_path, change):
    sampler = Counting(str(tmp_path / "log"))
    settings = {"metrics": ["f1"], "n_repeats": 1, "n_splits": 2, "cache": tmp_path / "cells"}
    X, y = numbers
    compare({"a": (X, y)}, {"s": sampler}, {"tree": DecisionTreeClassifier()}, **settings)
    if change == "data":
        X = X + 1
    elif change == "sampler":
        sampler = Counting(sampler.log, random_state=3)
    elif change == "seed":
        settings["random_state"] = 1
    depth = 2 if change == "classifier" else None
    compare({"a": (X, y)}, {"s": sampler}, {"tree": DecisionTreeClassifier(max_depth=depth)}, **settings)
    assert len(sampler.calls()) == 4


def test_failures_are_rows(numbers, tmp_path):
    def gone():
        raise FileNotFoundError("no such table")

    X, y = numbers
    sets = {"good": numbers, "gone": gone, "one class": (X, 0 * y), "lists": (X.tolist(), y)}
    samplers = {"none": None, "broken": Broken()}
    found = compare(sets, samplers, JUDGES, metrics=["f1"], n_repeats=1, cache=tmp_path / "new" / "cells")
    assert len(found.results) == 4 * 2 * 3 * 2
    errors = found.failures.groupby("dataset")["error"].unique().map(list)
    assert errors["good"] == ["RuntimeError: no rows today"]
    assert errors["gone"] == ["FileNotFoundError: no such table"]
    assert "single class" in errors["one class"][0] and "DataFrame" in errors["lists"][0]
    assert found.failures["f1"].isna().all()
    assert found.summary()["failed", "rows"].to_dict() == {"none": 18, "broken": 24}
    assert found.ranks("f1").mean().to_dict() == {"none": 1.0, "broken": 2.0}
    assert found.wilcoxon("f1").loc["broken", ["n", "missing"]].tolist() == [0, 2]


def test_a_classifier_that_fails_leaves_the_others(numbers):
    judges = {"lr": LogisticRegression(), "broken": LogisticRegression(C=-1)}
    found = compare({"a": numbers}, {"none": None}, judges, metrics=["f1"], n_repeats=1)
    assert set(found.failures["classifier"]) == {"broken"} and len(found.failures) == 3


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_the_figures_do_not_depend_on_the_number_of_jobs(numbers, backend):
    sets, settings = {"a": numbers}, {"metrics": ["log_loss", "f1"], "n_splits": 2, "n_repeats": 1}
    one = compare(sets, SAMPLERS, JUDGES, **settings)
    with joblib.parallel_config(backend):
        two = compare(sets, SAMPLERS, JUDGES, n_jobs=2, **settings)
    pd.testing.assert_frame_equal(figures(one), figures(two), check_exact=True)
    # nor on what else is compared
    alone = compare(sets, {"SMOTE": NeighborSampler()}, {"tree": DecisionTreeClassifier()}, **settings)
    part = one.select(oversampler="SMOTE", classifier="tree")
    pd.testing.assert_frame_equal(figures(alone), figures(part), check_exact=True)


def test_no_test_row_reaches_a_sampler(numbers, tmp_path):
    X, y = numbers
    X = np.column_stack([np.arange(len(X)), X])  # the row's number
    sampler = Counting(str(tmp_path / "log"))
    compare({"a": (X, y)}, {"s": sampler}, {"tree": DecisionTreeClassifier()}, n_repeats=1)
    calls = sampler.calls()
    assert len(calls) == 6
    for outer, inner in zip(calls[::2], calls[1::2], strict=True):
        assert len(outer) == len(set(outer)) == 100
        assert set(inner) < set(outer) and len(inner) == 75  # the quarter that tunes the threshold stays out
    seen = [set(range(150)) - set(map(int, outer)) for outer in calls[::2]]
    assert set.union(*seen) == set(range(150)) and sum(map(len, seen)) == 150


def test_global_state_is_left_alone(numbers, global_state):
    compare({"a": numbers}, SAMPLERS, JUDGES, n_splits=2, n_repeats=1)
    global_state.assert_unchanged()


def test_ctrl_c_ends_the_run_and_stores_no_unfinished_cell(numbers, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        compare({"a": numbers}, {"none": None, "s": Interrupted()}, JUDGES, metrics=["f1"], cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_bar_is_shown_if_asked(numbers, capfd):
    compare({"a": numbers}, {"none": None}, {"lr": LogisticRegression()}, n_splits=2, n_repeats=1, verbose=True)
    assert "2/2" in capfd.readouterr().err


def test_what_ganaug_warns_of_is_noted(numbers):
    found = compare({"a": numbers}, {"s": Warns()}, JUDGES, metrics=["f1"], n_splits=2, n_repeats=1)
    assert set(found.results["note"]) == {"FewSamplesWarning: a tiny class"}


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"datasets": {}}, InvalidParameterError, "datasets is empty"),
        ({"oversamplers": {"s": RandomOverSampler}}, InvalidTypeError, "instance"),
        ({"oversamplers": {"s": "smote"}}, InvalidTypeError, "class_weight"),
        ({"classifiers": {"c": 3}}, InvalidTypeError, "classifier"),
        ({"metrics": ["auc"]}, InvalidParameterError, "roc_auc"),
        ({"train_on": "real"}, InvalidParameterError, "synthetic"),
        ({"n_splits": 1}, InvalidParameterError, "n_splits=1"),
        ({"n_jobs": 0}, InvalidParameterError, "n_jobs"),
        ({"finished_only": True}, InvalidParameterError, "cache"),
    ],
)
def test_bad_parameters_are_refused(numbers, settings, error, said):
    with pytest.raises(error, match=said):
        compare(**({"datasets": {"a": numbers}, "oversamplers": SAMPLERS, "classifiers": JUDGES} | settings))


# ---- Tables, class weights, modes ----------------------------------------------------------------


def test_adasyn_without_neighbours_of_other_classes_is_refused_with_the_way_on(rng):
    X, y = np.vstack([rng.normal(size=(40, 2)), rng.normal(50, 1, (9, 2))]), np.repeat(["a", "b"], [40, 9])
    with pytest.raises(InvalidDataError, match="no row of class 'b' has a row of another class among its 5 nearest"):
        NeighborSampler("adasyn").fit_resample(X, y)
    assert len(NeighborSampler("smote", random_state=0).fit_resample(X, y)[0]) == 80


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kinds", ["all", "numbers", "categories"])
def test_neighbours_of_any_table(mixed, method, kinds):
    X, y = mixed
    X = {"all": X, "numbers": X[["count", "x"]], "categories": X[["colour", "word", "flag"]]}[kinds]
    before = X.copy()
    X_res, y_res = NeighborSampler(method, random_state=0).fit_resample(X, y)
    pd.testing.assert_frame_equal(X, before)
    pd.testing.assert_frame_equal(X_res.iloc[: len(X)], X)
    assert (X_res.dtypes == X.dtypes).all() and len(y_res) == len(X_res)
    counts = pd.Series(y_res[len(X) :]).value_counts()
    if method not in ("borderline", "adasyn"):
        assert counts.to_dict() == {"two": 86, "few": 58}
    new = X_res.iloc[len(X) :]
    outwards = {"x"} if method in ("geometric", "gaussian") else set()  # but no whole number and no date
    for name in set(X) & {"count", "x", "nullable", "when"} - outwards:
        assert new[name].dropna().between(X[name].min(), X[name].max()).all()
    for name in set(X) & {"colour", "word", "flag"}:
        assert set(new[name].dropna()) <= set(X[name].dropna())
    again, _ = NeighborSampler(method, random_state=0).fit_resample(X, y)
    pd.testing.assert_frame_equal(X_res, again)


def test_neighbours_of_a_single_row_are_itself():
    X, y = np.arange(12.0).reshape(6, 2), np.array([0, 0, 0, 0, 0, 1])
    X_res, y_res = NeighborSampler().fit_resample(X, y)
    assert isinstance(X_res, np.ndarray) and (X_res[6:] == X[5]).all() and y_res.tolist()[6:] == [1] * 4
    with pytest.raises(InvalidParameterError, match="smote"):
        NeighborSampler("svm").fit_resample(X, y)
    for method, k in [("geometric", 0), ("smote", "x"), ("prowsyn", 2.5), ("mesh", True)]:
        with pytest.raises(InvalidParameterError, match=f"k_neighbors={k!r} must be a positive integer"):
            NeighborSampler(method, k_neighbors=k).fit_resample(X, y)


def test_plain_smote_on_numbers():
    """On columns of equal spread it is imbalanced-learn's."""
    X, y = make_classification(n_samples=80, weights=[0.8], random_state=0)
    X = (X - np.median(X, axis=0)) / X.std(axis=0)
    ours, _ = NeighborSampler(random_state=0).fit_resample(X, y)
    few = X[y == 1]
    gaps = ours[80:, None, :] - few[None, :, :]
    on_a_line = []
    for row in gaps:  # each new row lies between two real ones of its class
        along = few[:, None, :] - few[None, :, :]
        inside = np.linalg.norm(row[:, None] - 0, axis=2) + np.linalg.norm(row[None, :] - 0, axis=2)
        on_a_line.append((inside - np.linalg.norm(along, axis=2) < 1e-9).any())
    assert all(on_a_line)


def test_geometric_rows_lie_in_the_half_ball_that_faces_the_neighbour(rng):
    few, far = np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[50.0, 0.0]])
    new = geometric_rows(few, far, 2000, 1, rng)
    assert (np.abs(new[:, 0] - 0.5) <= 0.5).all() and (np.abs(new[:, 1]) <= 1).all()
    assert (np.minimum(np.linalg.norm(new, axis=1), np.linalg.norm(new - few[1], axis=1)) <= 1).all()
    # uniform in a half disc of radius 1: E x = 4 / (3 pi), E y^2 = 1 / 4
    assert np.abs(new[:, 0] - 0.5).max() > 0.45 and new[:, 1].std() == pytest.approx(0.5, abs=0.03)
    near = geometric_rows(few, np.array([[-0.1, 0.0]]), 2000, 1, rng)  # a row of the rest is nearer to the first
    first = near[near[:, 0] <= 0]
    assert len(first) == pytest.approx(1000, abs=100) and (np.linalg.norm(first, axis=1) <= 0.1 + 1e-12).all()
    twins = geometric_rows(np.zeros((3, 2)), far, 5, 2, rng)
    assert (twins == 0).all()


def test_gaussian_rows_have_the_moments_of_the_neighbourhood(rng):
    few = np.array([[0.0, 0.0], [3.0, 1.0], [1.0, 4.0]])
    new = gaussian_rows(few, few, 40_000, 5, rng)
    np.testing.assert_allclose(new.mean(axis=0), few.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(np.cov(new.T, bias=True), np.cov(few.T, bias=True), atol=0.06)


def test_proximity_rows_are_more_where_the_rest_is_near(rng):
    near, far = rng.normal(size=(5, 2)) * 0.1, rng.normal(size=(5, 2)) * 0.1 + 10
    new = proximity_rows(np.vstack([far, near]), rng.normal(size=(30, 2)) * 0.1 - 1, 4000, 5, rng)
    is_near = new[:, 0] < 5
    assert is_near.mean() == pytest.approx(1 / (1 + np.exp(-1)), abs=0.03)
    assert (np.abs(new[is_near]) < 0.5).all() and (np.abs(new[~is_near] - 10) < 0.5).all()  # nothing between levels
    assert len(proximity_rows(near, near[:0], 7, 5, rng)) == 7


def test_mesh_rows_lie_at_equal_steps_between_all_pairs(rng):
    few = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])
    middles = {(3.0, 0.0), (0.0, 3.0), (3.0, 3.0)}
    assert set(map(tuple, mesh_rows(few, few, 3, 5, rng))) == middles
    thirds = {(2.0, 0.0), (4.0, 0.0), (0.0, 2.0), (0.0, 4.0), (4.0, 2.0), (2.0, 4.0)}
    assert set(map(tuple, mesh_rows(few, few, 6, 5, rng).round(9))) == thirds


def test_whole_numbers_stay_in_their_range():
    """A step outwards from 0 of an unsigned column would come back as 255."""
    X = pd.DataFrame({"a": np.append(np.repeat([0, 9], 60), [0, 2, 0, 2]).astype("uint8"), "b": np.zeros(124)})
    X.loc[120:, "b"] = 9.0
    new = NeighborSampler("gaussian", random_state=0).fit_resample(X, np.repeat([0, 1], [120, 4]))[0].iloc[124:]
    assert new["a"].dtype == "uint8" and set(new["a"]) >= {0, 1, 2, 3} and new["a"].max() < 9


def test_boosters_where_they_are_installed(monkeypatch):
    names = {"catboost": "CatBoostClassifier", "lightgbm": "LGBMClassifier", "xgboost": "XGBClassifier"}
    for module, name in names.items():
        monkeypatch.setitem(sys.modules, module, SimpleNamespace(**{name: lambda **given: given}))
    found = default_classifiers(boosters=True)
    assert [*found][6:] == ["LightGBM", "XGBoost", "CatBoost"] and len(default_classifiers()) == 6
    assert [found[name].get("n_jobs", found[name].get("thread_count")) for name in [*found][6:]] == [1, 1, 1]
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(MissingDependencyError, match=r"lightgbm, which is not installed; .*ganaug\[boosters\]"):
        default_classifiers(boosters=True)


def test_real_boosters_are_judged(numbers):
    for module in ("catboost", "lightgbm", "xgboost"):
        pytest.importorskip(module)
    judges = {name: one for name, one in default_classifiers(boosters=True).items() if name in ("LightGBM", "XGBoost")}
    found = compare({"a": numbers}, {"w": "class_weight"}, judges, metrics=["roc_auc"], n_splits=2, n_repeats=1)
    assert not found.failures.size and set(found.results["note"]) == {""}


def test_more_classes_and_every_kind_of_column(mixed):
    found = compare({"m": mixed}, SAMPLERS, JUDGES, n_repeats=1)
    assert not found.failures.size, found.failures["error"].unique()
    results = found.results
    tuned = [name for name in METRICS if name.endswith("_tuned")]
    assert len(tuned) == 3 and results.drop(columns=tuned).notna().all().all()
    assert results[tuned].isna().all().all()  # two classes only
    assert ("f1_tuned", "mean") not in found.summary()


def test_class_weights_where_a_classifier_takes_them(numbers):
    judges = {
        "lr": LogisticRegression(),
        "pipe": make_pipeline(StandardScaler(), LogisticRegression()),
        "bayes": make_pipeline(StandardScaler(), GaussianNB()),
        "kNN": KNeighborsClassifier(),
    }
    found = compare({"a": numbers}, {"none": None, "w": "class_weight"}, judges, metrics=["log_loss"], n_repeats=1)
    values = found.values("log_loss")
    changed = (values["none"] != values["w"]).groupby("classifier").all()
    assert changed.to_dict() == {"lr": True, "pipe": True, "bayes": True, "kNN": False}
    assert values.loc[("a", "lr")].equals(values.loc[("a", "pipe")])
    notes = found.select(oversampler="w").results.groupby("classifier")["note"].first()
    assert notes["kNN"].startswith("not applicable: KNeighborsClassifier") and not notes["lr"]


def test_a_threshold_at_the_prior():
    """Rankings stay; the positive class is predicted where its probability is at least its share."""
    X, y = make_classification(n_samples=300, weights=[0.9], flip_y=0.1, random_state=1)
    found = compare({"a": (X, y)}, {"none": None, "p": "prior"}, {"lr": LogisticRegression()}, n_repeats=1)
    assert not found.failures.size
    for metric in ("roc_auc", "log_loss", "f1_tuned", "balanced_accuracy_tuned", "g_mean_tuned"):
        assert (found.values(metric)["p"] == found.values(metric)["none"]).all()
    assert (found.values("balanced_accuracy")["p"] > found.values("balanced_accuracy")["none"] + 0.02).all()
    fitted, note = TREATMENTS["prior"].fit(LogisticRegression(), X, y, 0)
    assert not note and ((fitted.predict_proba(X)[:, 1] >= y.mean()) == fitted.predict(X)).all()


def test_a_threshold_at_the_prior_of_more_classes(rng):
    X, y = rng.normal(size=(300, 2)), np.repeat(["a", "b", "c"], [200, 80, 20])
    fitted, _ = TREATMENTS["prior"].fit(LogisticRegression(), X, y, 0)
    assert len(set(LogisticRegression().fit(X, y).predict(X))) == 1  # noise: the largest class wins everywhere
    counts = pd.Series(fitted.predict(X)).value_counts()
    assert set(counts.index) == {"a", "b", "c"}
    ratios = fitted.predict_proba(X) / np.array([200, 80, 20])
    assert (fitted.classes_[ratios.argmax(axis=1)] == fitted.predict(X)).all()


def test_a_tuned_threshold_is_scikit_learns():
    X, y = make_classification(n_samples=300, weights=[0.9], flip_y=0.1, random_state=1)
    fitted, note = TREATMENTS["tuned"].fit(LogisticRegression(), X, y, 3)
    folds = StratifiedKFold(5, shuffle=True, random_state=3)
    theirs = TunedThresholdClassifierCV(LogisticRegression(), scoring="balanced_accuracy", cv=folds).fit(X, y)
    assert not note and fitted.best_threshold_ == theirs.best_threshold_ < 0.5
    assert fitted.best_score_ == theirs.best_score_
    settings = {"metrics": ["roc_auc", "balanced_accuracy"], "n_repeats": 1}
    found = compare({"a": (X, y)}, {"none": None, "t": "tuned"}, {"lr": LogisticRegression()}, **settings)
    assert (found.values("roc_auc")["t"] == found.values("roc_auc")["none"]).all()
    assert (found.values("balanced_accuracy")["t"] > found.values("balanced_accuracy")["none"]).all()


def test_treatments_say_where_they_do_nothing(numbers, mixed):
    judges = {"ridge": RidgeClassifier(), "tree": DecisionTreeClassifier(max_depth=3)}
    ways = {"none": None, "p": "prior", "t": "tuned"}
    found = compare({"m": mixed, "a": numbers}, ways, judges, metrics=["f1"], n_splits=2, n_repeats=1)
    assert not found.failures.size
    notes = found.results.groupby(["dataset", "oversampler", "classifier"])["note"].first()
    assert (
        "ridge" in notes["a", "p"]
        and notes["a", "p", "ridge"] == "not applicable: RidgeClassifier has no probabilities"
    )
    assert notes["m", "t", "tree"].startswith("not applicable: a threshold is tuned for two classes")
    assert notes["a", "t", "ridge"] == notes["a", "t", "tree"] == notes["m", "p", "tree"] == ""
    values = found.values("f1")
    assert (values.loc["m"]["t"] == values.loc["m"]["none"]).all()
    assert (values.loc["a"]["t"] != values.loc["a"]["none"]).all()


def test_a_treatment_of_ones_own(numbers, tmp_path):
    """A line in a dict: another model, or a sampler and a way to fit, cached by what the function does."""

    def forest(classifier, X, y, seed):
        return BalancedRandomForestClassifier(5, random_state=seed % 2**31).fit(X, y), "a forest instead"

    ways = {"none": None, "forest": Treatment(forest), "SMOTE": Treatment(sampler=NeighborSampler())}
    settings = {"metrics": ["roc_auc"], "n_splits": 2, "n_repeats": 1, "cache": tmp_path}
    found = compare({"a": numbers}, ways, JUDGES, n_jobs=2, **settings)
    assert not found.failures.size
    assert set(found.select(oversampler="forest").results["note"]) == {"a forest instead"}
    plain = compare({"a": numbers}, {"SMOTE": NeighborSampler()}, JUDGES, **settings)
    assert plain.values("roc_auc")["SMOTE"].equals(found.values("roc_auc")["SMOTE"])
    before = sorted(tmp_path.iterdir())
    again = compare({"a": numbers}, ways, JUDGES, **settings)
    assert sorted(tmp_path.iterdir()) == before and again.results.equals(found.results)

    def forest(classifier, X, y, seed):
        return BalancedRandomForestClassifier(7, random_state=seed % 2**31).fit(X, y), ""

    other = compare({"a": numbers}, {"forest": Treatment(forest)}, JUDGES, **settings)
    assert set(other.results["note"]) == {""}


def test_a_treatment_that_is_registered(numbers, monkeypatch, tmp_path):
    def seven(classifier, X, y, seed):
        return DecisionTreeClassifier(max_depth=1).fit(X, y), "registered"

    monkeypatch.setitem(TREATMENTS, "stump", Treatment(seven))
    found = compare(
        {"a": numbers}, {"s": "stump"}, {"lr": LogisticRegression()}, metrics=["f1"], n_jobs=2, cache=tmp_path
    )
    assert set(found.results["note"]) == {"registered"}


def test_training_on_synthetic_rows_alone(numbers):
    modes = ["both", "synthetic"]
    found = compare({"a": numbers}, SAMPLERS, JUDGES, metrics=["roc_auc"], n_repeats=1, train_on=modes)
    y = numbers[1]
    few, many = round((y == 1).sum() * 2 / 3), round((y == 0).sum() * 2 / 3)
    rows = found.results.groupby(["oversampler", "train_on"])["rows_train"].mean()
    assert abs(rows["SMOTE", "both"] - 2 * many) < 1.5
    assert abs(rows["SMOTE", "synthetic"] - (2 * many - few)) < 2.5
    assert rows["none", "synthetic"] == rows["none", "both"] == 100
    with pytest.raises(InvalidParameterError, match=r"select\(train_on"):
        found.summary()
    alone = found.select(train_on="synthetic")
    both = found.select(train_on="both")
    assert alone.values("roc_auc")["none"].equals(both.values("roc_auc")["none"])
    assert not alone.values("roc_auc")["SMOTE"].equals(both.values("roc_auc")["SMOTE"])


def test_labels_that_look_like_numbers(numbers):
    X, y = numbers
    texts = pd.Series(y + 1).astype(str).astype("category")
    judges = {"forest": RandomForestClassifier(3)}
    found = compare({"a": (X, texts)}, {"w": "class_weight"}, judges, metrics=["f1"], n_splits=2, n_repeats=1)
    assert not found.failures.size


def test_classifiers_without_probabilities(numbers):
    found = compare({"a": numbers}, {"none": None}, {"ridge": RidgeClassifier()}, n_repeats=1)
    missing = set(found.results[list(METRICS)].columns[found.results[list(METRICS)].isna().any()])
    assert missing == {"log_loss", "calibration_error"} and not found.failures.size


# ---- Metrics -------------------------------------------------------------------------------------


def test_metrics_are_scikit_learns(rng):
    truth = rng.integers(0, 2, 200)
    score = np.clip(0.5 * truth + 0.5 * rng.random(200), 0.001, 0.999).round(2)
    proba = np.column_stack([1 - score, score])
    predicted = proba.argmax(axis=1)
    tuned = {"f1": 0.6, "balanced_accuracy": 0.4, "g_mean": 0.5}
    found = scored(Predictions(truth, predicted, proba, proba, 1, tuned), tuple(METRICS))
    recalls = [(predicted[truth == k] == k).mean() for k in (0, 1)]
    assert found["average_precision"] == pytest.approx(average_precision_score(truth, score))
    assert found["roc_auc"] == pytest.approx(roc_auc_score(truth, score))
    assert found["log_loss"] == pytest.approx(log_loss(truth, proba))
    assert found["f1"] == pytest.approx(f1_score(truth, predicted))
    assert found["f1_tuned"] == pytest.approx(f1_score(truth, score >= 0.6))
    assert found["balanced_accuracy_tuned"] == pytest.approx(balanced_accuracy_score(truth, score >= 0.4))
    rates = [(score[truth == 1] >= 0.5).mean(), (score[truth == 0] < 0.5).mean()]
    assert found["g_mean_tuned"] == pytest.approx(np.sqrt(np.prod(rates)))
    # the rarer class may be the first one
    turned = Predictions(1 - truth, 1 - predicted, proba[:, ::-1], proba[:, ::-1], 0, tuned)
    assert scored(turned, tuple(METRICS)) == pytest.approx(found)
    assert np.isnan(scored(replace(turned, thresholds={"f1": 0.6}), ("g_mean_tuned",))["g_mean_tuned"])
    assert found["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    assert found["g_mean"] == pytest.approx(np.sqrt(recalls[0] * recalls[1]))


def test_metrics_of_more_classes(rng):
    truth = rng.integers(0, 3, 300)
    proba = rng.dirichlet(np.ones(3), 300) * 0.5 + 0.5 * np.eye(3)[rng.integers(0, 3, 300)]
    predicted = proba.argmax(axis=1)
    found = scored(Predictions(truth, predicted, proba, proba, None), tuple(METRICS))
    assert found["roc_auc"] == pytest.approx(roc_auc_score(truth, proba, multi_class="ovr"))
    assert found["average_precision"] == pytest.approx(average_precision_score(truth, proba))
    assert found["f1"] == pytest.approx(f1_score(truth, predicted, average="macro"))
    recalls = np.array([(predicted[truth == k] == k).mean() for k in range(3)])
    assert found["g_mean"] == pytest.approx(recalls.prod() ** (1 / 3))
    assert np.isnan(found["f1_tuned"])


def test_calibration_error_in_closed_form():
    # bins (0.2, 0.267] and (0.733, 0.8]: 4 rows of which 1 happened, 6 of which 6 did
    happened = [1, 0, 0, 0, 1, 1, 1, 1, 1, 1]
    probability = [0.22, 0.22, 0.26, 0.26, *[0.75] * 6]
    expected = 0.4 * abs(0.25 - 0.24) + 0.6 * abs(1 - 0.75)
    assert calibration_error(happened, probability) == pytest.approx(expected)
    assert calibration_error([0, 1], [0.0, 1.0]) == 0
    assert calibration_error([1, 0], [0.0, 1.0]) == 1
    assert calibration_error([1, 0], [0.3, 0.7], n_bins=1) == pytest.approx(0)


@pytest.mark.parametrize("metric", ["f1", "balanced_accuracy", "g_mean"])
def test_the_threshold_is_the_best_one(rng, metric):
    def by_hand(positive, chosen):
        if metric == "f1":
            return f1_score(positive, chosen)
        rates = [chosen[positive].mean(), (~chosen[~positive]).mean()]
        return np.mean(rates) if metric == "balanced_accuracy" else np.prod(rates) ** 0.5

    for _ in range(20):
        positive = rng.random(60) < 0.3
        score = (rng.random(60) + 0.5 * positive).round(1)  # with ties
        found = by_hand(positive, score >= best_threshold(positive, score, metric))
        assert found == pytest.approx(max(by_hand(positive, score >= t) for t in np.unique(score)))
    assert np.isnan(best_threshold(np.zeros(3, bool), np.arange(3.0), metric))
    if metric != "f1":
        assert np.isnan(best_threshold(np.ones(3, bool), np.arange(3.0), metric))


# ---- Statistics ----------------------------------------------------------------------------------


@pytest.fixture
def comparison(rng):
    """3 sets, 2 classifiers, 4 oversamplers; AUC by hand, loss at random."""
    auc = {"none": 0.7, "A": 0.8, "B": 0.8, "C": 0.6}
    rows = [
        {"dataset": d, "oversampler": o, "classifier": c, "train_on": "both", "repeat": 0, "fold": f}
        | {"roc_auc": auc[o] + (0.2 if (d, o) == ("z", "C") else 0.0), "log_loss": rng.random()}
        | {"seconds_resample": 1.0, "seconds_fit": 2.0, "error": ""}
        for d in "zxy"
        for o in auc
        for c in ("lr", "tree")
        for f in range(3)
    ]
    return Comparison(rows)


def test_ranks_share_ties_and_follow_the_direction(comparison):
    ranks = comparison.ranks("roc_auc")
    assert list(ranks.columns) == ["none", "A", "B", "C"] and len(ranks) == 6
    assert ranks.loc[("x", "lr")].tolist() == [3.0, 1.5, 1.5, 4.0]
    assert ranks.loc[("z", "tree")].tolist() == [4.0, 2.0, 2.0, 2.0]
    assert list(comparison.ranks("roc_auc", unit="dataset").index) == ["z", "x", "y"]
    loss = comparison.values("log_loss")
    assert (comparison.ranks("log_loss").to_numpy() == stats.rankdata(loss, axis=1)).all()
    summary = comparison.summary()
    assert summary["roc_auc", "rank"].to_dict() == {"none": 10 / 3, "A": 5 / 3, "B": 5 / 3, "C": 10 / 3}
    assert summary["seconds", "fit"].eq(2).all()


def test_friedman_is_scipys(comparison):
    for metric in ("roc_auc", "log_loss"):
        values = comparison.values(metric)
        theirs = stats.friedmanchisquare(*values.to_numpy().T.round(9))
        ours = comparison.friedman(metric)
        assert ours["chi2"] == pytest.approx(theirs.statistic) and ours["p"] == pytest.approx(theirs.pvalue)
    ours = comparison.friedman("log_loss")
    chi2 = ours["chi2"]
    assert ours["F"] == pytest.approx(5 * chi2 / (6 * 3 - chi2))
    equal = pd.DataFrame(np.full((4, 3), 2.0), columns=list("abc"))
    assert scores.friedman(equal)["p"] == 1
    with pytest.raises(InvalidParameterError, match="3 oversamplers"):
        scores.friedman(equal[["a", "b"]])


def test_nemenyi_is_demsars():
    ranks = pd.DataFrame(np.tile([1.0, 2.0, 3.0], (10, 1)), columns=list("abc"))
    found = scores.nemenyi(ranks)
    assert found["q"] == pytest.approx(2.343, abs=1e-3)
    assert found["critical_difference"] == pytest.approx(2.343 * np.sqrt(3 * 4 / 60), abs=1e-3)
    assert scores.nemenyi(ranks, 0.1)["q"] == pytest.approx(2.052, abs=1e-3)
    # two means exactly the critical difference apart have p = alpha
    q, unit = found["q"], np.sqrt(3 * 4 / 60)
    assert found["p_values"].loc["a", "b"] == pytest.approx(stats.studentized_range.sf(np.sqrt(2) / unit, 3, np.inf))
    assert (1 / unit < q) == (found["p_values"].loc["a", "b"] > 0.05)
    # Demsar (2006), section 3.2.2: k = 4, N = 14 gives 1.25
    demsar = scores.nemenyi(pd.DataFrame(np.tile([1.0, 2.0, 3.0, 4.0], (14, 1))))
    assert demsar["critical_difference"] == pytest.approx(1.25, abs=5e-3)


def test_holm_by_hand():
    assert scores.holm([0.01, 0.02, 0.03, 0.5]).tolist() == pytest.approx([0.04, 0.06, 0.06, 0.5])
    assert scores.holm([0.6, 0.5]).tolist() == [1.0, 1.0]
    corrected = scores.holm([np.nan, 0.02, 0.03])
    assert np.isnan(corrected[0]) and corrected[1:].tolist() == [0.04, 0.04]


def test_wilcoxon_against_a_baseline(comparison):
    found = comparison.wilcoxon("log_loss", "A")
    values = comparison.values("log_loss")
    for name in ("none", "B", "C"):
        difference = values[name] - values["A"]
        assert found.loc[name, "difference"] == pytest.approx(difference.mean())
        assert found.loc[name, "p"] == pytest.approx(stats.wilcoxon(difference).pvalue)
        assert found.loc[name, "wins"] == (difference < 0).sum()  # a lower loss is better
    assert found["p_holm"].tolist() == scores.holm(found["p"]).tolist()
    auc = comparison.wilcoxon("roc_auc", "A")
    assert auc.loc["B", ["wins", "ties", "losses"]].tolist() == [0, 6, 0] and auc.loc["B", "p"] == 1
    assert auc.loc["C", "difference"] == pytest.approx(-0.4 / 3)
    assert comparison.by_classifier("roc_auc", "A").loc["lr", "C"] == pytest.approx(-0.4 / 3)
    assert comparison.by_dataset("roc_auc", "A")["C"].tolist() == pytest.approx([0.0, -0.2, -0.2])
    with pytest.raises(InvalidParameterError, match="choose from none, A, B, C"):
        comparison.wilcoxon("roc_auc", "nothing")
    with pytest.raises(InvalidParameterError, match="roc_auc"):
        comparison.ranks("auc")


def test_a_failed_fold_ranks_last_and_makes_no_difference(comparison):
    results = comparison.results.copy()
    lost = results.index[(results["dataset"] == "x") & (results["oversampler"] == "A")][0]
    results.loc[lost, ["roc_auc", "error"]] = [np.nan, "boom"]
    found = Comparison(results)
    assert found.ranks("roc_auc").loc[("x", "lr")].tolist() == [2.0, 4.0, 1.0, 3.0]
    assert found.wilcoxon("roc_auc").loc["A", ["n", "missing"]].tolist() == [5, 1]
    assert found.ranks("roc_auc", unit="dataset").loc["x", "A"] == 4
    assert found.summary()["failed", "rows"].sum() == 1


# ---- Pictures and tables -------------------------------------------------------------------------


def test_pictures_are_drawn_into_axes(comparison, tmp_path):
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    own = Figure().subplots()
    assert comparison.plot_critical_difference("roc_auc", ax=own) is own
    words = " ".join(text.get_text() for text in own.texts)
    assert all(name in words for name in ("none", "A (1.67)", "B (1.67)", "C", "critical difference"))
    heat = comparison.plot_differences("roc_auc", "C", baseline="A")
    assert heat.images[0].get_array().shape == (3, 2)
    assert heat.images[0].get_array()[0, 0] == pytest.approx(0.0)
    cost = comparison.plot_cost("log_loss")
    assert len(cost.collections[0].get_offsets()) == 4
    for ax in (own, heat, cost):
        ax.figure.savefig(tmp_path / "picture.png", dpi=40)
    with pytest.raises(InvalidParameterError, match="no oversampler .D."):
        comparison.plot_differences("roc_auc", "D")


def test_the_frontier_is_what_nothing_quicker_reaches():
    pytest.importorskip("matplotlib")
    scores = pd.Series({"quick": 0.5, "worse": 0.4, "slow": 0.9, "as good": 0.9, "dear": 0.8, "missing": np.nan})
    seconds = pd.Series({"slow": 2.0, "quick": 1.0, "worse": 1.5, "as good": 3.0, "dear": 9.0, "missing": 0.1})
    assert frontier(scores.dropna(), seconds.drop("missing")) == ["quick", "slow"]
    for metric, sign in {"roc_auc": 1, "log_loss": -1}.items():
        ax = score_against_cost(sign * scores, seconds, metric)
        assert sorted(ax.lines[0].get_xdata()) == [1.0, 2.0]
        boxes = [text.get_window_extent() for text in ax.texts]
        assert [text.get_text() for text in ax.texts].count("dear") == 1 and len(boxes) == 5
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_cliques_are_the_longest_runs():
    assert cliques(np.array([1.0, 1.5, 2.4, 4.0]), 1.0) == [(0, 1), (1, 2)]
    assert cliques(np.array([1.0, 3.0]), 1.0) == []
    assert cliques(np.array([1.0, 1.2, 1.4]), 1.0) == [(0, 2)]


def test_without_matplotlib_it_says_what_to_install(comparison, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match=r"ganaug\[plot\]"):
        comparison.plot_cost("roc_auc")


def test_markdown(comparison):
    text = to_markdown(comparison.summary().round(3))
    assert text.splitlines()[0].startswith("| oversampler | roc_auc mean | roc_auc rank |")
    assert "| 0.80 |" not in text and "| 0.800 |" in text
    tests = to_markdown(comparison.wilcoxon("roc_auc"))
    assert tests.startswith("| against none | difference |")
    assert to_markdown(pd.DataFrame({"a|b": ["x|y"], "v": [np.nan]})).endswith("| x\\|y |  |")


# ---- Keys of the cache ---------------------------------------------------------------------------


def test_digests_follow_values_and_not_addresses(mixed):
    X, y = mixed
    assert data_digest(X, y) == data_digest(X.copy(), y.copy())
    assert data_digest(X, y) != data_digest(X.assign(x=X["x"] * 2), y)
    assert data_digest(X) != data_digest(X.rename(columns={"x": "z"}))
    assert data_digest(X) != data_digest(X.astype({"count": "int32"}))
    array = np.arange(6.0)
    assert data_digest(array.reshape(2, 3)) != data_digest(array.reshape(3, 2))
    pipe = make_pipeline(StandardScaler(), LogisticRegression())
    assert described(pipe) == described(make_pipeline(StandardScaler(), LogisticRegression()))
    assert described(pipe) != described(make_pipeline(StandardScaler(), LogisticRegression(C=2)))
    assert described(RandomOverSampler())[0].endswith(imblearn.__version__)
    # what comes from ganaug is known by its sources, without those that cannot change what it makes
    parts = {thing.__name__: described(thing)[-12:] for thing in (ganaug.GANOversampler, ganaug.TabularGAN)}
    assert parts["GANOversampler"] == parts["TabularGAN"] != described(NeighborSampler)[-12:]
    assert json.dumps(described({"f": len, "a": [1, array], "c": Counting, "s": Broken()}))


def test_files_of_earlier_versions_are_found():
    """The keys of the cache are those of the first version: names, fields and their order."""
    path = trial_path(Path("cells"), "data 1", "SMOTE", 0, 2, [["None"], 3, 0])
    assert str(path) == "cells/data_1-SMOTE-0-2-3f632b6bd58f3e8f5501.json"
    assert described(NeighborSampler())[0] == "ganaug.experiments.samplers.NeighborSampler"
    name, fields = described(Arm(share=0.5))
    assert name == "ganaug.experiments.pixels.arms.Arm" and fields["share"] == "0.5"
    assert set(fields) == {
        *("adjust", "augment", "every_class", "late_sampler", "maker", "mixup", "real", "reweight_from", "sampler"),
        *("share", "synthetic_until", "weight"),
    }


# ---- The harness ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Square(Trial):
    number: int

    def rows(self):
        if self.number < 0:
            raise ValueError("negative")
        return [{"number": self.number, "square": self.number**2, "error": ""}]

    def failed(self, error):
        return [{"number": self.number, "square": float("nan"), "error": error}]


def test_trials_are_computed_once_in_their_order(tmp_path):
    def trials(*numbers):
        return [Square(number=n, path=tmp_path / f"{n}.json") for n in numbers]

    given, order = [], []

    def prepare(unfinished):
        given.append([trial.number for trial in unfinished])
        return [replace(trial, error="not today" if trial.number == 5 else "") for trial in unfinished]

    def batches():
        yield Batch(trials(3, -1, 2))
        order.append(sorted(path.name for path in tmp_path.iterdir()))
        yield Batch([*trials(5, 4, 3), Square(number=9, path=None, error="no data")], prepare)

    rows = run_trials(batches(), 7)
    assert order == [["-1.json", "2.json", "3.json"]]  # the second batch is asked for after the first
    assert given == [[5, 4]]  # what is finished, or cannot be computed, needs no preparation
    assert [row["number"] for row in rows] == [3, -1, 2, 5, 4, 3, 9]
    errors = [row["error"] for row in rows]
    assert errors == ["", "ValueError: negative", "", "not today", "", "", "no data"]
    assert not (tmp_path / "5.json").exists() and (tmp_path / "-1.json").exists()
    seen = run_trials([Batch(trials(5, 4), prepare)], 2, finished_only=True)
    assert [row["number"] for row in seen] == [4] and len(given) == 1


# ---- The benchmark -------------------------------------------------------------------------------


@pytest.fixture
def benchmark(monkeypatch):
    folder = Path(__file__).resolve().parents[1] / "examples" / "benchmarks"
    monkeypatch.syspath_prepend(str(folder))
    for name in ("common", "datasets", "compare"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("compare")


def test_the_page_is_written_from_results(benchmark, monkeypatch, tmp_path, rng):
    pytest.importorskip("matplotlib")
    gain = {"none": 0, "class weights": 0.01, "random": 0.01, "SMOTE": 0.02, "ADASYN": 0.015, "GANOversampler": 0.04}
    rows = [
        {"dataset": d, "oversampler": o, "classifier": c, "train_on": mode, "repeat": 0, "fold": f}
        | {m: 0.5 + gain[o] + 0.02 * rng.random() for m in METRICS}
        | {"seconds_resample": 1.0, "seconds_fit": 2.0, "error": "", "note": ""}
        for d in ("one", "two", "three", "half")
        for o in gain
        for c in benchmark.classifiers()
        for mode in ("both", "synthetic")
        for f in range(3)
    ]
    rows = [row for row in rows if (row["dataset"], row["oversampler"]) != ("half", "GANOversampler")]
    options = SimpleNamespace(sets=["one", "two", "three", "half"], repeats=1, train_on=["both", "synthetic"], jobs=2)
    options.rows = 100
    found, left_out = benchmark.complete(Comparison(rows), options)
    assert left_out == ["half"] and found.results["dataset"].nunique() == 3
    monkeypatch.setattr(benchmark, "IMAGES", tmp_path / "images")
    table = pd.DataFrame({"a": [1.0, 2.0, 3.0]}), pd.Series([0, 0, 1])
    monkeypatch.setattr(benchmark, "load", lambda name, rows: table)
    text = benchmark.page(found, left_out, options, "python it.py")
    assert "- ahead: best mean rank on AUC: 1.00" in text and "Not finished, and not in the figures: half." in text
    assert "## Trained on synthetic rows alone" in text and "| three | 3 | 1 (0) | 2 | 1 |" in text
    for name in re.findall(r"\(images/(.*?)\)", text):
        assert (tmp_path / "images" / name).stat().st_size > 1000


def test_large_sets_are_drawn_down_and_keep_their_classes(benchmark, shared_data, monkeypatch):
    monkeypatch.setattr(benchmark, "reader", lambda: shared_data)
    X, y = benchmark.load("mammography", 1_000)
    whole = shared_data.load_tabular("mammography")[1].mean()
    assert 1_000 <= len(X) == len(y) < 1_010 and y.sum() == 30 and whole * 1_000 < 30
    assert len(benchmark.set_names()) == 43
    assert benchmark.load("mammography", 1_000)[0].equals(X)
