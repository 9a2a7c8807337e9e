"""Estimators keep the rules of a table: default ones, those of the user, and after every way of storing."""

from __future__ import annotations

import copy
import pickle
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import cases, tabular_gan
from planted import CITIES, DAY, KINDS, curve, together
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ganaug import GANOversampler, SmoothedBootstrap, TabularGAN, find_rules, load
from ganaug.cli import main
from ganaug.exceptions import DataWarning, InvalidDataError, InvalidTypeError, TraceWarning, TrainingWarning
from ganaug.rules import Bound, Custom, MissingWith, Never, OneHot, Order, Rewriter, Rules, Sum, Within

FEW = {"max_steps": 5, "width": 32, "depth": 1, "random_state": 0}
DATA = Path(__file__).parent / "data"
# The curve that is planted is told apart from the one that is found; see `curve_is_kept`.
NOT_CURVE = [kind for kind in KINDS if kind is not curve]


def labels(n, share=4):
    return (np.arange(n) % share == 0).astype(int)


def keeps(frame, rules, X):
    """Every planted rule, with what it takes from the real rows, and no row that breaks it."""
    for rule in rules:
        learnt = rule.learn(X)
        if rule.kind != "monotone":
            assert learnt.exceptions == 0
            assert learnt.holds(frame).all(), (str(learnt), (~learnt.holds(frame)).mean())


def stays_below(frame):
    return np.asarray(frame)[:, 0] + np.asarray(frame)[:, 1] < 1.5


@pytest.fixture(scope="module")
def stays():
    """End after start; one-hot group; a sum."""
    rng = np.random.default_rng(1)
    n = 400
    start, levels = rng.uniform(0, 365, n), rng.integers(0, 3, n)
    X = pd.DataFrame({"start": start, "end": start + rng.gamma(2, 2, n)})
    X["net"], X["vat"] = rng.gamma(2, 50, n).round(2), rng.gamma(2, 8, n).round(2)
    X["gross"] = (X["net"] + X["vat"]).round(2)
    for k in range(3):
        X[f"is_{k}"] = (levels == k).astype(np.int8)
    return X, labels(n)


@pytest.fixture(scope="module")
def stays_gan(stays):
    return TabularGAN(**FEW).fit(*stays)


def stays_kept(frame):
    ends = (frame["end"] >= frame["start"]).all()
    adds = np.allclose(frame["gross"], frame["net"] + frame["vat"], atol=0.005)
    return ends and adds and (frame[["is_0", "is_1", "is_2"]].sum(axis=1) == 1).all()


# ---- found and kept


@cases("kind", NOT_CURVE, ids=lambda kind: kind.__name__)
def test_rows_of_a_barely_trained_generator_keep_each_kind(kind):
    X, rules = kind(np.random.default_rng(0), 500)
    X["noise"] = np.random.default_rng(1).normal(size=500)
    gan = TabularGAN(**FEW).fit(X, labels(500))
    frame, _ = gan.sample({0: 150, 1: 150}, random_state=0)
    assert len(gan.rules_)
    keeps(frame, rules, X)
    assert list(frame.columns) == list(X.columns)
    assert (frame.dtypes == X.dtypes).all()


@pytest.mark.parametrize("n", [300, 3000])
def test_all_kinds_in_one_table(n):
    X, rules = together(n)
    gan = TabularGAN(**FEW).fit(X, labels(n))
    frame, _ = gan.sample({0: 200, 1: 200}, random_state=0)
    keeps(frame, rules, X)
    assert (gan.rules_.check(frame)["broken"] == 0).all()
    by_price = frame.sort_values("size")["price"].to_numpy()  # the curve, whichever knots it has
    assert (np.diff(by_price) >= -0.05).all()
    # what a guard and the ranges of computed columns have to refuse, of a generator that has learnt nothing
    for tally in gan.curation_.values():
        assert tally["rules"] < 0.6 * tally["drawn"]


def test_an_oversampler_keeps_all_kinds():
    X, rules = together(1000, seed=3)
    y = labels(1000, 8)
    sampler = GANOversampler(generator=TabularGAN(max_steps=5), random_state=0)
    X_res, _ = sampler.fit_resample(X, y)
    keeps(X_res[sampler.is_synthetic_], rules, X)
    assert sampler.rules_ == sampler.generators_[1].rules_
    assert len(sampler.rules_) >= 18
    frame, _ = sampler.sample(50, label=1)
    keeps(frame, rules, X)


def test_holes_dates_and_nullable_types():
    rng = np.random.default_rng(5)
    n = 700
    opened = pd.Series(DAY + pd.to_timedelta(rng.integers(0, 9000, n), unit="h"))
    X = pd.DataFrame({"opened": opened, "closed": opened + pd.to_timedelta(rng.integers(0, 400, n), unit="h")})
    X.loc[rng.random(n) < 0.2, "closed"] = pd.NaT
    X["items"] = pd.array(rng.integers(1, 9, n), dtype="Int64")
    X["free"] = pd.array(rng.integers(0, 5, n), dtype="Int64")
    X["all"] = X["items"] + X["free"]
    gone = rng.random(n) < 0.15
    X.loc[gone, ["items", "free", "all"]] = pd.NA
    X["city"] = pd.Categorical(rng.choice(list(CITIES), n))
    X["country"] = X["city"].astype(str).map(CITIES).astype("string")
    gan = TabularGAN(**FEW).fit(X, labels(n))
    frame, _ = gan.sample(400, random_state=0)
    assert (frame.dtypes == X.dtypes).all()
    there = frame["closed"].notna()
    assert 0 < there.mean() < 1
    assert (frame["closed"] >= frame["opened"])[there].all()
    holes = frame[["items", "free", "all"]].isna()
    assert (holes.sum(axis=1).isin([0, 3])).all()
    assert (frame["all"] == frame["items"] + frame["free"]).dropna().all()
    assert (frame["city"].astype(str).map(CITIES) == frame["country"]).all()


@cases("to", [np.asarray, lambda a: a.astype(np.float32), sparse.csr_matrix], ids=["f8", "f4", "csr"])
def test_containers_other_than_frames(to):
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 4, 500)
    plain = np.column_stack([rng.normal(size=500).round(2), *(levels == k for k in range(4))]).astype(float)
    gan = TabularGAN(**FEW).fit(to(plain), labels(500))
    rows, _ = gan.sample(200, random_state=0)
    rows = rows.toarray() if sparse.issparse(rows) else rows
    assert (rows[:, 1:].sum(axis=1) == 1).all()
    assert "exactly one" in str(gan.rules_)


def test_exceptions_come_as_often_as_in_the_real_rows():
    rng = np.random.default_rng(0)
    n = 3000
    net, vat = rng.gamma(2, 50, n).round(2), rng.gamma(2, 8, n).round(2)
    X = pd.DataFrame({"net": net, "vat": vat, "gross": (net + vat).round(2)})
    X.loc[:5, "gross"] = 0.0
    gan = tabular_gan(max_steps=150, width=32, depth=2).fit(X)
    (rule,) = gan.rules_
    assert rule.exceptions == 6
    frame, _ = gan.sample(3000, random_state=0)
    assert (~rule.holds(frame)).mean() <= 4 * 6 / 3000


def test_a_table_without_rules_gives_the_same_rows_with_and_without_looking(imbalanced):
    X, y = imbalanced
    found, none = (TabularGAN(**FEW, rules=rules).fit(X, y) for rules in ("auto", None))
    assert len(found.rules_) == len(none.rules_) == 0
    assert str(found.rules_) == "no rules"
    for one, other in zip(found.sample(100, random_state=1), none.sample(100, random_state=1), strict=True):
        assert one.tobytes() == other.tobytes()
    assert list(none.rules_) == []


def test_rules_can_be_left_alone(stays):
    gan = TabularGAN(**FEW, rules=None).fit(*stays)
    assert len(gan.rules_) == 0
    assert not stays_kept(gan.sample(200, random_state=0)[0])


def test_rules_are_printed_listed_and_counted(stays, stays_gan):
    rules = stays_gan.rules_
    assert isinstance(rules, Rules)
    assert {"end >= start", "gross = net + vat (to 0.01)"} <= {str(rule) for rule in rules}
    assert all(str(rule) in str(rules) for rule in rules)
    assert rules.to_frame()["kept"].isin(["rewritten", "guarded"]).all()
    frame, _ = stays_gan.sample(100)
    assert stays_kept(frame)
    assert all({"rules", "outliers", "copies"} <= set(counts) for counts in stays_gan.curation_.values())


def test_scores_and_features_of_rows_never_seen(stays, stays_gan):
    X = stays[0].iloc[:40].copy()
    X.loc[:10, "end"] = X["start"] - 1  # breaks a rule
    X.loc[5:15, "gross"] = 0
    for scores in (stays_gan.score_samples(X), stays_gan.features(X)):
        assert len(scores) == 40
        assert np.isfinite(scores).all()


# ---- rules of the user


def test_a_list_replaces_what_would_be_found(stays):
    X, y = stays
    gan = TabularGAN(**FEW, rules=[Order("start", "end"), OneHot(["is_0", "is_1", "is_2"])]).fit(X, y)
    assert [rule.kind for rule in gan.rules_] == ["order", "one-hot"]
    frame, _ = gan.sample(200, random_state=0)
    assert (frame["end"] >= frame["start"]).all()
    assert not np.allclose(frame["gross"], frame["net"] + frame["vat"], atol=0.05)


def test_found_rules_and_one_more(stays):
    X, _ = stays
    gan = TabularGAN(**FEW, rules=[*find_rules(X), lambda frame: frame["net"] < 300]).fit(X[X["net"] < 300], None)
    frame, _ = gan.sample(300, random_state=0)
    assert stays_kept(frame)
    assert (frame["net"] < 300).all()
    assert str(gan.rules_[len(gan.rules_) - 1]) == "a function of the table"


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_function_is_kept_by_copies_and_workers(imbalanced, n_jobs):
    X, y = imbalanced
    real = X[stays_below(X)]
    gan = TabularGAN(**FEW, rules=[stays_below])
    if n_jobs is not None:
        y3 = np.repeat([0, 1, 2], [len(real) - 80, 40, 40])
        sampler = GANOversampler(generator=gan, n_jobs=n_jobs, random_state=0)
        X_res, _ = sampler.fit_resample(real, y3)
        assert stays_below(X_res).all()
        assert [str(rule) for rule in sampler.rules_] == ["stays_below"]
        return
    fitted = gan.fit(real, y[stays_below(X)])
    want, _ = fitted.sample(300, random_state=0)
    assert stays_below(want).all()
    assert sum(counts["rules"] for counts in fitted.curation_.values()) > 0
    for other in (copy.deepcopy(fitted), pickle.loads(pickle.dumps(fitted))):
        assert [(str(rule), rule.support, rule.kept) for rule in other.rules_] == [
            ("stays_below", len(real), "guarded")
        ]
        assert other.sample(300, random_state=0)[0].tobytes() == want.tobytes()
    again = clone(fitted).fit(real, y[stays_below(X)])
    assert again.sample(300, random_state=0)[0].tobytes() == want.tobytes()


def test_a_file_holds_no_function_and_says_so(stays, tmp_path):
    X, y = stays
    few = X["net"] + X["start"] < 250
    rule = Custom(lambda frame: frame["net"] + frame["start"] < 250, "small bills")
    gan = TabularGAN(**FEW, rules=[Order("start", "end"), rule]).fit(X[few], y[few])
    want, _ = gan.sample(300, random_state=0)
    with pytest.warns(DataWarning, match=r"'small bills'.*gan\.set_params\(rules=\[\*gan\.rules_, function\]\)"):
        gan.save(tmp_path / "gan.safetensors")
    loaded = load(tmp_path / "gan.safetensors")
    assert [str(one) for one in loaded.rules_] == ["end >= start"]
    frame, _ = loaded.sample(300, random_state=0)
    assert (frame["end"] >= frame["start"]).all()
    assert not rule.holds(frame).all()
    loaded.set_params(rules=[*loaded.rules_, rule])  # as the warning says
    assert [str(one) for one in loaded.rules_] == ["end >= start", "small bills"]
    pd.testing.assert_frame_equal(loaded.sample(300, random_state=0)[0], want)
    with pytest.warns(DataWarning, match="small bills"):
        loaded.save(tmp_path / "again.safetensors")


def test_a_file_of_functions_alone(imbalanced, tmp_path):
    X, _ = imbalanced
    gan = TabularGAN(**FEW, rules=[stays_below]).fit(X[stays_below(X)])
    with pytest.warns(DataWarning, match="stays_below"):
        gan.save(tmp_path / "gan.safetensors")
    loaded = load(tmp_path / "gan.safetensors")
    assert len(loaded.rules_) == 0
    loaded.set_params(rules=[stays_below])
    assert stays_below(loaded.sample(200, random_state=0)[0]).all()


def test_real_rows_that_break_a_rule_of_the_user_are_counted(stays):
    X, y = stays
    late = X.copy()
    late.loc[:7, "end"] = late["start"] - 3
    with pytest.warns(DataWarning, match=r"rule 'end >= start' is broken by 8 of the 400 rows"):
        gan = TabularGAN(**FEW, rules=[Order("start", "end")]).fit(late, y)
    frame, _ = gan.sample(1000, random_state=0)
    assert (frame["end"] < frame["start"]).mean() <= 0.06
    with pytest.warns(DataWarning, match="broken by 400 of the 400"):
        TabularGAN(**FEW, rules=[Sum("net", ["start", "vat"])]).fit(X, y)


@cases("rules", ["all", 3, {"a": 1}, ["start <= end"], [Order], iter([Order("start", "end")])])
def test_what_is_no_list_of_rules_is_refused(stays, rules):
    for estimator in (TabularGAN(rules=rules), SmoothedBootstrap(rules=rules)):
        with pytest.raises(InvalidTypeError, match=r"rules=.* must be 'auto', None, or a list of rules such as Order"):
            estimator.fit(*stays)


# ---- stored


def test_every_way_of_storing_gives_the_same_rows(stays, stays_gan, tmp_path):
    stays_gan.save(tmp_path / "gan.safetensors")
    want, y = stays_gan.sample(200, random_state=4)
    for other in (load(tmp_path / "gan.safetensors"), pickle.loads(pickle.dumps(stays_gan)), copy.deepcopy(stays_gan)):
        frame, labels_ = other.sample(200, random_state=4)
        pd.testing.assert_frame_equal(frame, want)
        assert (labels_ == y).all()
        assert str(other.rules_) == str(stays_gan.rules_)
        assert other.rules_.to_frame().equals(stays_gan.rules_.to_frame())
        assert np.allclose(other.score_samples(stays[0][:20]), stays_gan.score_samples(stays[0][:20]))


def test_given_rules_are_the_parameter_of_a_loaded_model(stays, tmp_path):
    X, y = stays
    TabularGAN(**FEW, rules=[Order("start", "end")]).fit(X, y).save(tmp_path / "gan.safetensors")
    loaded = load(tmp_path / "gan.safetensors")
    assert [str(rule) for rule in loaded.rules] == ["end >= start"]
    again = clone(loaded).fit(X, y)
    assert [str(rule) for rule in again.rules_] == ["end >= start"]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_old_files_have_no_rules(version):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TraceWarning)  # of version 1
        gan = load(DATA / f"golden_{version}.safetensors")
    assert len(gan.rules_) == 0
    rows, _ = gan.sample(5, random_state=0)
    assert len(rows) == 5


# ---- the bootstrap of small classes


def test_a_bootstrap_keeps_all_kinds():
    X, rules = together(600, seed=1)
    bootstrap = SmoothedBootstrap(random_state=0).fit(X, labels(600))
    frame, _ = bootstrap.sample({0: 100, 1: 100})
    keeps(frame, rules, X)
    assert (bootstrap.rules_.check(frame)["broken"] == 0).all()


@pytest.mark.parametrize("copied", [False, True])
def test_noise_of_a_bootstrap_is_drawn_again_where_it_breaks_a_rule(imbalanced, copied):
    X, _ = imbalanced
    real = X[stays_below(X)]
    bootstrap = SmoothedBootstrap(rules=[stays_below], random_state=0).fit(real)
    bootstrap = pickle.loads(pickle.dumps(bootstrap)) if copied else bootstrap
    rows, _ = bootstrap.sample(500, random_state=1)
    counts = bootstrap.curation_["all"]
    assert stays_below(rows).all()
    assert counts["rules"] > 0
    assert counts["drawn"] == counts["kept"] + counts["rules"]
    free, _ = SmoothedBootstrap(rules=None, random_state=0).fit(real).sample(500, random_state=1)
    same = stays_below(free)
    assert np.array_equal(rows[same], free[same])  # only what breaks the rule is another
    assert 0 < (~same).sum() == (rows != free).any(axis=1).sum()


def test_an_oversampler_with_a_tiny_class_keeps_the_rules_of_the_generator(stays):
    X, _ = stays
    y = np.repeat([0, 1], [392, 8])
    with pytest.warns(Warning, match="8"):
        sampler = GANOversampler(random_state=0).fit(X, y)
    assert isinstance(sampler.generators_[1], SmoothedBootstrap)
    assert stays_kept(sampler.sample(100)[0])
    assert "end >= start" in str(sampler.rules_)
    with pytest.warns(Warning, match="8"):
        sampler = GANOversampler(generator=TabularGAN(rules=None), random_state=0).fit(X, y)
    assert len(sampler.rules_) == 0


def test_generators_without_rules_have_none_to_show():
    X = np.random.default_rng(0).normal(size=(40, 2, 16)).astype(np.float32)
    sampler = GANOversampler(sampling_strategy={1: 20}, random_state=0)
    with pytest.warns(Warning, match="8"):
        sampler.fit(X, np.repeat([0, 1], [32, 8]))
    assert len(sampler.rules_) == 0  # a bootstrap of series
    sampler.generators_ = {}
    with pytest.raises(AttributeError, match="no class needs rows"):
        _ = sampler.rules_


@pytest.fixture(scope="module")
def jobs():
    """A tenth of the class has no work: four columns say so, and another one is missing."""
    rng = np.random.default_rng(0)
    n = 3000
    y = (np.arange(n) < 400).astype(int)
    idle = rng.random(n) < np.where(y == 1, 0.1, 0.4)
    X = pd.DataFrame(
        {
            name: pd.Categorical(np.where(idle, "none", rng.choice([f"{name}{k}" for k in range(5)], n)))
            for name in ("job", "branch", "union", "place")
        }
    )
    X["pay"] = np.where(idle, np.nan, rng.gamma(2, 9, n).round(1))
    X["age"] = rng.normal(40, 9, n).round(1)
    return X, y, idle


def test_combinations_that_never_occur_are_not_made_and_not_refused(jobs, tmp_path):
    X, y, idle = jobs
    gan = TabularGAN(max_steps=100, width=32, depth=1, random_state=0, verbose=False).fit(X, y)
    assert {rule.kind for rule in gan.rules_} >= {"never", "missing"}
    new, _ = gan.sample(2000, label=1, random_state=0)
    counts = gan.curation_[1]
    assert counts["rules"] < 0.1 * counts["drawn"], counts
    assert gan.rules_.holds(new).all()
    assert (new["job"] == "none").mean() == pytest.approx(idle[y == 1].mean(), abs=0.03)
    assert (new["pay"].isna() == (new["job"] == "none")).all()
    gan.save(tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors").sample(100, label=1, random_state=1)[0]
    pd.testing.assert_frame_equal(again, gan.sample(100, label=1, random_state=1)[0])
    pd.testing.assert_frame_equal(again, pickle.loads(pickle.dumps(gan)).sample(100, label=1, random_state=1)[0])


def test_columns_that_are_missing_together_where_a_third_says_so_are_not_refused():
    rng = np.random.default_rng(0)
    kind, y = rng.choice(list("abcd"), 900), (rng.random(900) < 0.2).astype(int)
    paid = pd.array(np.where(kind == "b", None, rng.random(900) < 0.5), dtype="boolean")
    amount = np.where(kind == "b", np.nan, np.where(rng.random(900) < 0.3, 0.0, rng.normal(size=900)))
    gan = TabularGAN(max_steps=20, width=16, random_state=0).fit(
        pd.DataFrame({"kind": kind, "paid": paid, "amount": amount}), y
    )
    assert {rule.kind for rule in gan.rules_} >= {"missing"}
    X_new, _ = gan.sample(500, label=1, random_state=1)
    absent = X_new["kind"] == "b"
    assert (absent == X_new["paid"].isna()).all() and (absent == X_new["amount"].isna()).all() and absent.any()
    assert gan.curation_[1]["rules"] < 50  # they were three of four candidates


def test_an_interval_that_the_user_names_is_kept():
    rng = np.random.default_rng(0)
    grade = rng.choice(list("AB"), 400)
    X = pd.DataFrame({"grade": grade, "rate": np.where(grade == "A", 0, 5) + rng.uniform(0, 4, 400)})
    rule = Within("rate", "grade")
    found = TabularGAN(**FEW, rules=[rule]).fit(X).sample(300, random_state=0)[0]
    assert rule.learn(X).holds(found).all()


# ---- what keeping them is for


@pytest.mark.slow
@pytest.mark.parametrize("curate", ["auto", ("copies", "outliers", "rules")])
def test_a_feature_that_is_derived_later_still_ranks(curate):
    rng = np.random.default_rng(0)
    n = 4000
    start, y = rng.uniform(0, 365, n), (rng.random(n) < 0.06).astype(int)
    X = pd.DataFrame({"start": start, "end": start + rng.gamma(2, 2 + 2 * y, n), "x": rng.normal(0.5 * y, 1, n)})

    def derived(frame):
        return frame.assign(stay=frame["end"] - frame["start"])

    # A threshold on rows of an "other_class" would move x and stay apart, which cost 0.03 and more.
    sampler = GANOversampler(curate=curate, random_state=0)
    nothing, ours = [], []
    for train, test in StratifiedKFold(3, shuffle=True, random_state=0).split(X, y):
        real = X.iloc[train].reset_index(drop=True)
        scores = [nothing, ours]
        for (rows, of), into in zip([(real, y[train]), sampler.fit_resample(real, y[train])], scores, strict=True):
            model = make_pipeline(StandardScaler(), LogisticRegression()).fit(derived(rows), of)
            into.append(average_precision_score(y[test], model.predict_proba(derived(X.iloc[test]))[:, 1]))
    assert np.mean(ours) >= np.mean(nothing) - 0.01, (np.mean(nothing), np.mean(ours))


def test_same_seed_same_rows(stays, stays_gan):
    again = TabularGAN(**FEW).fit(*stays)
    one, other = (gan.sample(50, random_state=2)[0] for gan in (stays_gan, again))
    pd.testing.assert_frame_equal(one, other)


def test_a_broken_rule_is_told_once_a_call_with_its_rows_and_what_to_do(tmp_path, capsys, rng):
    n, y = 240, np.arange(240) % 8
    y = np.where(y > 2, 2, y)
    X = pd.DataFrame({"a": rng.normal(size=n), "g": rng.choice(list("xy"), n)})
    X["b"] = X["a"] - rng.random(n)
    table, far = X.assign(y=y), Bound("a", low=50)  # no row keeps it, and no generator learns to
    with pytest.warns(DataWarning, match="broken by 240 of the 240"):
        gan = TabularGAN(**FEW, rules=[far, Order("b", "a")]).fit(X, y)
    with pytest.warns(DataWarning, match="broken by 240 of the 240"):
        sampler = GANOversampler(generator=TabularGAN(**FEW, rules=[far]), random_state=0).fit(table, "y")
    copy_of = copy.deepcopy(gan)
    calls = {  # what is called, and how many rows it returns
        "sample": (lambda: gan.sample({0: 9, 1: 11}), 20),
        "where": (lambda: gan.sample(20, label=1, where={"g": "x"}), 20),
        "iter_samples": (lambda: list(gan.iter_samples({0: 9, 1: 11}, chunk_size=4)), 20),
        "iter_samples, left": (lambda: next(gan.iter_samples(20, chunk_size=4)), 4),
        "a copy": (lambda: copy_of.sample(20), 20),
        "sampler.sample": (lambda: sampler.sample({0: 10, 1: 10}), 20),
        "write": (lambda: sampler.write(table, tmp_path / "out"), 300),
        "fit_resample": (lambda: sampler.fit_resample(X, y), 300),
    }
    for name, (call, rows) in calls.items():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        told = [warning for warning in caught if warning.category is TrainingWarning]
        assert len(told) == 1 and told[0].filename == __file__, (name, [str(w.message) for w in caught])
        said = f"{rows} of the {rows} rows returned break rules of the table, .*'a >= 50' \\({rows}\\).*allows"
        assert re.search(said, str(told[0].message)), (name, str(told[0].message))
    assert gan.curation_[1] == gan.curation_[1] | {"kept": 20, "taken_anyway": 20}  # and not those of rows left out
    with pytest.warns(TrainingWarning, match="20 of the 20"):
        new, _ = gan.sample(20)
    assert not gan.rules_.allows(new).any() and gan.rules_.allows(new.assign(a=60.0)).all()
    assert not TabularGAN(**FEW, rules=[Order("b", "a")], curate=False).fit(X, y).sample(20)[0].empty  # not asked for
    gan.save(tmp_path / "far")
    capsys.readouterr()
    assert (
        main(["sample", str(tmp_path / "far"), "-n", "20", "-o", str(tmp_path / "new.csv"), "--chunk-size", "7"]) == 0
    )
    assert capsys.readouterr().err.count("20 of the 20 rows returned break rules of the table") == 1


def test_copies_that_are_returned_are_told_and_outliers_are_not(monkeypatch):
    X = np.arange(60.0).reshape(30, 2)
    for rule, rows in (("copies", X), ("outliers", X + 1e6)):
        model = TabularGAN(**FEW, curate=[rule], keep_range=False).fit(X)
        encoded = model.codec_.encode(rows)
        monkeypatch.setattr(model, "_generate", lambda _, n, *rest, made=encoded: iter([made[np.arange(n) % 30]]))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.sample(25)
        assert model.curation_["all"]["taken_anyway"] == 25
        assert [str(w.message)[:55] for w in caught] == ["25 of the 25 samples returned are copies of training sa"][
            : rule == "copies"
        ]


def test_rules_of_the_user_that_would_do_nothing_or_harm_are_named(rng):
    X = pd.DataFrame({"a": rng.normal(size=200), "g": rng.choice(list("xy"), 200), "h": rng.choice(list("uv"), 200)})
    X["b"] = X["a"] + rng.random(200)
    before = X.copy()

    def says_text(table):
        return table["g"]

    def changes(table):
        table["a"] = 0.0
        return table["b"] > -100

    def fails(table):
        return table["nowhere"] > 0

    with pytest.raises(
        InvalidDataError, match=r"'says_text' returned an array of shape \(200,\) and dtype \w+ for 200"
    ):
        TabularGAN(**FEW, rules=[says_text]).fit(X)
    with pytest.raises(KeyError, match="nowhere") as error:
        TabularGAN(**FEW, rules=[fails]).fit(X)
    assert "raised by the rule 'fails'" in error.value.__notes__[0]
    gan = TabularGAN(**FEW, rules=[changes]).fit(X)
    pd.testing.assert_frame_equal(X, before)
    assert (gan.sample(20)[0]["a"] != 0).all()
    with pytest.raises(InvalidDataError, match="where: the function for column 'g' returned .* for"):
        gan.sample(2, where={"g": lambda column: column})
    for value, known in (("z", r"\['x', 'y'\]"), (None, r"\['x', 'y'\]")):
        with pytest.warns(DataWarning, match=f"names {value!r}, which no row has in column 'g', .* has {known}"):
            TabularGAN(**FEW, rules=[Never({"g": value, "h": "u"})]).fit(X)
    with pytest.warns(DataWarning, match="'a >= b' is broken by 200 of the 200"):  # the two go round in a circle
        assert (TabularGAN(**FEW, rules=[Order("a", "b"), Order("b", "a")]).fit(X).sample(50)[0].eval("a <= b")).all()


def test_names_of_columns_that_are_missing_empty_or_taken(tmp_path, rng):
    a, b = rng.gamma(2, 9, (2, 300)).round(2)
    total = pd.Series((a + b).round(2))
    for names in (["a", None, "s"], ["", np.nan, "s"], [0, "", 1.5]):
        X = pd.DataFrame(np.stack([a, b, total], 1)).set_axis(names, axis=1)
        gan = TabularGAN(**FEW).fit(X)
        gan.save(tmp_path / "m")
        loaded = load(tmp_path / "m").sample(20, random_state=0)[0]
        pd.testing.assert_frame_equal(loaded, gan.sample(20, random_state=0)[0])
        assert gan.rules_[0].kept == "rewritten" and gan.rules_[0].holds(loaded).all(), names
    # what the rewritten table says of holes and exceptions has names of its own
    total[7], holes = -999.0, rng.random(300) < 0.2
    for other in (rng.normal(size=300), rng.choice(["no", "yes"], 300)):
        X = pd.DataFrame({"a": pd.Series(a).mask(rng.random(300) < 0.1), "b": b, "s": total.mask(holes)})
        X = X.assign(**{"s is missing": other, "s is an exception": other, "m": np.where(holes, "n", "y")})
        rewriter = Rewriter().fit(X, [Sum("s", ["a", "b"])])
        assert rewriter.restore(rewriter.rewrite(X)).equals(X)
        gan = TabularGAN(**FEW, rules=[Sum("s", ["a", "b"]), MissingWith("s", by="m", values=["n"])])
        with pytest.warns(DataWarning, match="broken by 1 of"):
            gan.fit(X)
        gan.save(tmp_path / "m")
        made = load(tmp_path / "m").sample(200)[0]
        assert made.dtypes.equals(X.dtypes) and gan.rules_.check(made)["broken"].sum() <= 6
