"""AugmentedClassifier: all treatments of imbalance, the cheap ones first, and what is known of them before."""

from __future__ import annotations

import pickle
import time

import numpy as np
import pandas as pd
import pytest
from helpers import cases
from helpers import two_classes as rows
from imblearn.over_sampling import RandomOverSampler
from scipy.special import expit
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import balanced_accuracy_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    TimeSeriesSplit,
    cross_val_score,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from ganaug import AugmentedClassifier, GanaugError, GANOversampler, TabularGAN, plots
from ganaug.callbacks import Deadline
from ganaug.exceptions import InvalidParameterError, InvalidTypeError
from ganaug.selection import Blend, stages
from ganaug.selection.calibration import Calibrator, fit_calibrator, steady_threshold
from ganaug.selection.candidates import NEGLIGIBLE, Belief, beliefs_of, family_of, with_prior
from ganaug.selection.fold_predictions import ClassifierOutput, ScorerAdapter
from ganaug.selection.probabilities import balanced_draws

BASES = ["average", "class_weight", "draws", "rows", "rows average", "gan", "gan average"]
KINDS = ["prior", "tuned", *BASES, *(f"{base}+tuned" for base in BASES)]


class Around(BaseEstimator):
    """Balances two classes by rows of class 1 around ``centre``; counts its fits."""

    fits: list[int] = []  # noqa: RUF012

    def __init__(self, centre=1.0, spread=1.0, random_state=None):
        self.centre = centre
        self.spread = spread
        self.random_state = random_state

    def fit_resample(self, X, y):
        Around.fits.append(len(y))
        n = int((y == 0).sum() - (y == 1).sum())
        new = self.centre + self.spread * np.random.default_rng(self.random_state).normal(size=(n, X.shape[1]))
        return np.vstack([X, new]), np.concatenate([y, np.ones(n, y.dtype)])


@pytest.fixture
def fits():
    Around.fits.clear()
    return Around.fits


def model(estimator=None, oversampler=None, **parameters):
    estimator = LogisticRegression() if estimator is None else estimator
    oversampler = Around() if oversampler is None else oversampler
    return AugmentedClassifier(estimator, oversampler, **{"random_state": 0, "cv": 2, **parameters})


def test_thresholds_are_judged_where_labels_matter():
    X, y = rows(800, rare=0.1)
    found = model(oversampler=RandomOverSampler(), scoring="balanced_accuracy", blend=[1.0]).fit(X, y)
    table = found.evidence_
    assert table["treatment"].tolist() == [
        "None",
        "Threshold at the class's share",
        "Tuned threshold",
        "Full balance",
        "Full balance, tuned threshold",
        "Full balance with synthetic rows at weight 0.5",
        "Full balance with synthetic rows at weight 0.5, tuned threshold",
    ]
    assert (table["gain"][1:4] > 0.1).all() and found.verdict_.startswith(table["treatment"][table["chosen"]].iloc[0])
    # a ranking does not see a threshold, False never moves one, and several classes have none
    assert set(model(blend=[1.0]).fit(X, y).evidence_["threshold"]) == {""}
    fixed = model(blend=[1.0], scoring="balanced_accuracy", threshold=False).fit(X, y)
    assert set(fixed.evidence_["threshold"]) == {""} and fixed.threshold_ is None
    X, y = make_blobs([60, 30, 20], random_state=0, cluster_std=4.0)
    many = model(oversampler=RandomOverSampler(), scoring="balanced_accuracy").fit(X, y)
    assert set(many.evidence_["threshold"]) == {""} and "balanced" in set(many.evidence_["class_weight"])


@pytest.mark.parametrize("kind", ["prior", "tuned"])
def test_a_moved_threshold_is_the_bare_classifier_moved(kind):
    X, y = rows(1000, rare=0.1)
    X_new, y_new = rows(2000, rare=0.1, seed=1)
    found = model(scoring="balanced_accuracy", treatments=[kind]).fit(X, y)
    bare = LogisticRegression().fit(X, y)
    assert found.blend_ == Blend(0.0) and found.oversampler_ is None and len(found.evidence_) == 2
    assert found.evidence_["threshold"].tolist() == ["", kind] and found.evidence_["chosen"].tolist() == [False, True]
    np.testing.assert_array_equal(found.predict_proba(X_new), bare.predict_proba(X_new))
    moved = bare.predict_proba(X_new)[:, 1] >= found.threshold_
    np.testing.assert_array_equal(found.predict(X_new), moved.astype(int))
    assert found.threshold_ == pytest.approx(y.mean(), abs=1e-12 if kind == "prior" else 0.1)
    gain = balanced_accuracy_score(y_new, moved) - balanced_accuracy_score(y_new, bare.predict(X_new))
    assert gain == pytest.approx(found.evidence_["gain"][1], abs=0.08) and gain > 0.1
    svm = model(LinearSVC(), scoring="balanced_accuracy", treatments=["prior", "tuned"]).fit(X, y)
    assert svm.evidence_["threshold"].tolist() == ["", "tuned"]  # a share needs probabilities


def test_treatments_that_are_named_are_judged():
    X, y = rows(200)
    kinds = {
        "class_weight": [(0.0, ""), (0.0, "balanced")],
        "oversampling": [(0.0, ""), *[(share, "") for share in (0.25, 0.25, 0.5, 0.5, 1.0, 1.0)]],
    }
    for name, wanted in kinds.items():
        table = model(treatments=[name]).fit(X, y).evidence_
        assert list(table[["share", "class_weight"]].itertuples(index=False, name=None)) == wanted
    assert len(model(treatments=["class_weight"], blend=[0.5]).fit(X, y).evidence_) == 2


def test_without_treatments_only_blends_and_weights_are_judged_by_the_folds_alone():
    X, y = rows(200)
    table = model(treatments=None, scoring="balanced_accuracy").fit(X, y).evidence_
    assert len(table) == 8 and set(table["threshold"]) == {""}
    assert table["expected"].tolist() == table["gain"].tolist()
    same = model(treatments=["class_weight", "oversampling"], scoring="balanced_accuracy", shrink=False).fit(X, y)
    pd.testing.assert_frame_equal(table, same.evidence_)


def test_several_oversamplers(fits):
    X, y = rows(600, rare=0.03, shift=1.5, d=8)
    both = [("bad", Around(-5.0)), Around(1.5)]
    plain = {"scoring": "balanced_accuracy", "threshold": False, "shrink": False}
    found = model(KNeighborsClassifier(), both, blend=[1.0], cv=3, **plain).fit(X, y)
    assert found.evidence_["sampler"].tolist() == ["", "bad", "Around"] and len(fits) == 6 + 1
    assert found.evidence_["treatment"].tolist() == ["None", "Full balance by bad", "Full balance by Around"]
    assert found.blend_ == Blend(1.0) and found.oversampler_.centre == 1.5 and "by Around" in found.verdict_
    assert found.evidence_["chosen"].tolist() == [False, False, True]
    assert clone(found).oversampler[0][0] == "bad"
    with pytest.raises(GanaugError, match=r"give one of them, or blend=\[1.0\]"):
        model(oversampler=both, blend=1.0).fit(X, y)


class SlowGan(GANOversampler):
    """A GAN that need not be trained, and counts."""

    def fit_resample(self, X, y):
        return Around(-4.0, 0.1, random_state=0).fit_resample(X, y)


def test_a_gan_waits_for_the_cheap_treatments(fits, monkeypatch):
    known = {"added by gan": Belief(0.05, 0.1), "added by gan to rows": Belief(0.0, 0.1)}
    monkeypatch.setattr(stages, "beliefs_of", lambda *_: {kind: Belief(0.0, 0.02) for kind in KINDS} | known)
    X, y = rows(300, rare=0.3, shift=6.0)  # nothing is left to gain
    found = model(oversampler=[SlowGan(), Around(6.0)], cv=3).fit(X, y)
    folds = found.evidence_.groupby("sampler", sort=False)["folds"].agg(list).to_dict()
    assert folds == {"": [3] * 4, "SlowGan": [0] * 3, "Around": [3] * 3} and len(fits) == 3
    skipped = found.evidence_[found.evidence_["sampler"] == "SlowGan"]
    assert skipped["note"].str.startswith("not tried: less than").all() and skipped["gain"].isna().all()
    assert "SlowGan: not tried" in found.verdict_
    fits.clear()  # much is left, and the first fold shows that this GAN is not the way to it
    X, y = rows(2000, rare=0.1, shift=1.2)
    found = model(oversampler=SlowGan(), cv=3, blend=[Blend(1.0)], scoring="roc_auc").fit(X, y)
    assert found.evidence_["folds"].tolist() == [3, 1] and len(fits) == 1
    assert found.evidence_["note"][1].startswith("tried on 1 of 3 folds") and not found.evidence_["chosen"][1]
    fits.clear()
    whole = model(oversampler=SlowGan(), cv=3, blend=[Blend(1.0)], scoring="roc_auc", shrink=False).fit(X, y)
    assert whole.evidence_["folds"].tolist() == [3, 3] and len(fits) == 3


@pytest.mark.parametrize(
    ("mean", "spread", "scoring", "folds"),
    [(0.2, 0.005, "roc_auc", [3, 1]), (0.0, 0.5, "roc_auc", [3, 3]), (0.2, 0.005, "balanced_accuracy", [3] * 5)],
)
def test_a_gan_is_trained_once_where_more_would_change_nothing(fits, monkeypatch, mean, spread, scoring, folds):
    known = {kind: Belief(mean, spread) if "gan" in kind else Belief(0.0, 0.005) for kind in KINDS}
    known |= {"added by gan": Belief(0.2, 0.1)}
    monkeypatch.setattr(stages, "beliefs_of", lambda *_: known)
    X, y = rows(300, rare=0.1, shift=0.6)
    sampler = type("GoodGan", (GANOversampler,), {"fit_resample": lambda self, X, y: Around(0.6).fit_resample(X, y)})
    found = model(oversampler=sampler(), cv=3, blend=[Blend(1.0)], scoring=scoring).fit(X, y)
    assert found.evidence_["folds"].tolist() == folds and fits.count(200) == folds[-1]
    once = folds[-1] == 1
    assert ("hardly change the choice" in found.verdict_) == once
    assert found.evidence_["chosen"].iloc[-1] or not once  # what one fold said of it counts


@pytest.mark.parametrize("scoring", ["average_precision", "balanced_accuracy"])
def test_averages_are_what_their_parts_say(fits, monkeypatch, scoring):
    kind = "rows average+tuned" if scoring == "balanced_accuracy" else "rows average"
    known = {kind: Belief(0.2, 1e-6), "prior": Belief(-0.2, 1e-6)}  # so that it is taken
    monkeypatch.setattr(stages, "beliefs_of", lambda *_: {one: Belief(-0.2, 1e-6) for one in KINDS} | known)
    X, y = rows(600, rare=0.1)
    X_new, _ = rows(300, rare=0.1, seed=1)
    found = model(GaussianNB(), RandomOverSampler(), scoring=scoring, cv=3).fit(X, y)
    line = found.evidence_[found.evidence_["chosen"]].iloc[0]
    assert line["treatment"].startswith(
        "Average of none, class weights, undersampling, 0.5 of full balance and full balance"
    )
    assert found.verdict_.startswith(line["treatment"]) and line["share"] == found.blend_.share == 0.3
    assert str(found.blend_) == "Average of several classifiers, 0.3 of full balance in the mean"
    with pytest.raises(GanaugError, match="the mean share of an average, which no single classifier is"):
        model(blend=[found.blend_]).fit(X, y)
    members = found.estimator_.members
    assert len(members) == 5 and len(members[2].members) == 6
    mean = np.mean([one.predict_proba(X_new) for one in members], axis=0)
    np.testing.assert_allclose(found.predict_proba(X_new), mean, atol=1e-12)
    np.testing.assert_allclose(members[0].predict_proba(X_new), GaussianNB().fit(X, y).predict_proba(X_new))
    assert isinstance(found.oversampler_, RandomOverSampler)
    legend = {text.get_text() for text in plots.blend_curve(found).get_legend().get_texts()}
    tail = ", tuned threshold" if scoring == "balanced_accuracy" else ""
    named = ["average with no rows", "average with RandomOverSampler rows", "undersampling", "synthetic rows"]
    assert {name + tail for name in named} <= legend
    cut = 0.5 if found.threshold_ is None else found.threshold_
    assert (found.threshold_ is None) == (scoring == "average_precision")
    np.testing.assert_array_equal(found.predict(X_new), (mean[:, 1] >= cut).astype(int))
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.predict_proba(X_new), found.predict_proba(X_new))
    assert found.n_features_in_ == again.estimator_.n_features_in_ == X.shape[1]


def test_undersampled_draws():
    X, y = rows(600, rare=0.1)
    for rows_of_draw in (draws := balanced_draws(y, 6, seed=3)):
        assert len(rows_of_draw) == len(set(rows_of_draw)) == 2 * (y == 1).sum()
        assert y[rows_of_draw].mean() == 0.5 and (np.diff(rows_of_draw) > 0).all()
    assert not np.array_equal(draws[0], draws[1])
    np.testing.assert_array_equal(draws[5], balanced_draws(y, 6, seed=3)[5])
    bag = Blend(0.0, 1.0, "undersampled")
    found = model(blend=bag, treatments=None).fit(X, y)
    assert len(found.estimator_.members) == 6 and found.blend_ == bag and found.oversampler_ is None
    assert 0.35 < found.predict(X).mean() < 0.65 or found.predict(X).mean() > y.mean()
    np.testing.assert_allclose(expit(found.decision_function(X)), found.predict_proba(X)[:, 1], atol=1e-9)
    weighted = model(treatments=["undersampling"]).fit(X, y, sample_weight=np.where(np.arange(600) % 2, 1.0, 0.0))
    half = model(treatments=["undersampling"]).fit(X[1::2], y[1::2], sample_weight=np.ones(300))
    np.testing.assert_array_equal(weighted.predict_proba(X), half.predict_proba(X))
    with pytest.raises(GanaugError, match="predict_proba"):
        model(LinearSVC(), blend=bag, treatments=None).fit(X, y)
    with pytest.raises(GanaugError, match="draws are of real rows"):
        model(blend=[Blend(0.5, 1.0, "undersampled")]).fit(X, y)
    table = model(LinearSVC(), treatments="auto").fit(X, y).evidence_
    assert "undersampled" not in set(table["class_weight"]) and not table["treatment"].str.contains("average").any()


def test_draws_on_which_a_classifier_cannot_be_trained_are_told():
    X, y = rows(100, rare=0.1)  # about 5 rows of the class in each fold, and 10 in each draw
    found = model(KNeighborsClassifier(13), RandomOverSampler(), cv=2).fit(X, y)
    assert "Undersampling: not tried, the classifier cannot be trained on so few rows" in found.verdict_
    assert "undersampled" not in set(found.evidence_["class_weight"])


@cases("scoring", ["balanced_accuracy", "f1", "accuracy"])
@cases("labels", [(0, 1), ("rare", "usual")])
def test_steady_thresholds(scoring, labels):
    rng = np.random.default_rng(0)
    codes = (rng.random(4000) < (0.1 if labels[0] == 0 else 0.9)).astype(int)
    z = rng.normal(codes * 2.0, 1.0)
    p = expit(2 * z - 2)[:, None]
    y = np.array(labels)[codes]
    said = ClassifierOutput(np.array(labels), y, np.hstack([1 - p, p]), None)
    metric = ScorerAdapter("scoring", scoring, said.classes, np.bincount(codes))
    at = steady_threshold(said, y, metric)
    tried = np.linspace(0.02, 0.98, 97)
    scores = metric.of_thresholds(said, y, np.append(tried, at))
    assert scores[-1] > scores[:-1].max() - 0.01
    # a tenth of the rows moves it less than the best cut of these rows
    moved = {True: [], False: []}
    for start in range(10):
        some = slice(start, None, 10)
        part = ClassifierOutput(said.classes, y[some], said.probabilities[some], None)
        for steady, found in moved.items():
            found.append(fit_calibrator(part, None, y[some], None, metric, steady=steady).threshold)
    assert np.std(moved[True]) < np.std(moved[False])
    one = ClassifierOutput(said.classes, y, np.full((4000, 2), 0.5), None)
    assert steady_threshold(one, y, metric) is None
    assert steady_threshold(said, y, ScorerAdapter("scoring", "roc_auc", said.classes, np.bincount(codes))) is None
    decided = ClassifierOutput(said.classes, y, None, 2 * z - 2)
    scores = metric.of_thresholds(decided, y, np.array([steady_threshold(decided, y, metric)]))
    assert scores[0] > metric.of_thresholds(said, y, tried).max() - 0.005


def test_splits_weights_and_groups_with_all_treatments(fits):
    X, y = rows(600, rare=0.2)
    order = np.arange(600)
    groups = order // 6
    splitters = [
        TimeSeriesSplit(3),
        StratifiedGroupKFold(2),
        [(order[:300], order[300:450]), (order[:450], order[450:])],
        ShuffleSplit(1, random_state=0),
    ]
    for cv, scoring in zip(splitters, ["balanced_accuracy", "average_precision"] * 2, strict=True):
        own = groups if isinstance(cv, StratifiedGroupKFold) else None
        found = model(cv=cv, scoring=scoring).fit(X, y, sample_weight=1.0 + order % 2, groups=own)
        table = found.evidence_
        assert table["score"].notna().all() and table["chosen"].sum() == 1
        assert np.isfinite(found.predict_proba(X)).all()
        assert table["treatment"].str.startswith("Average").any()
    with config_context(enable_metadata_routing=True):
        routed = model(cv=GroupKFold(3)).set_fit_request(sample_weight=True, groups=True)
        blind = make_scorer(balanced_accuracy_score).set_score_request(sample_weight=False)
        asked = {"groups": groups, "sample_weight": np.ones(600)}
        scores = cross_val_score(routed, X, y, cv=GroupKFold(3), params=asked, scoring=blind)
    assert np.isfinite(scores).all()
    X, y = make_blobs([60, 40, 30], random_state=0, cluster_std=4.0)
    many = model(oversampler=RandomOverSampler(), scoring="balanced_accuracy").fit(X, y)
    assert many.predict_proba(X).shape == (130, 3) and many.evidence_["treatment"].str.startswith("Average").any()


def test_the_loss_of_calibrated_answers_has_a_record_of_its_own():
    X, y = rows(800, rare=0.1)
    assert beliefs_of("neg_log_loss", LogisticRegression()) is None
    assert beliefs_of("neg_log_loss", LogisticRegression(), True) is not None
    assert beliefs_of("f1", LogisticRegression(), True) is None
    assert beliefs_of("roc_auc", LogisticRegression(), True) == beliefs_of("roc_auc", LogisticRegression())
    found = model(GaussianNB(), RandomOverSampler(), scoring="neg_log_loss", calibrate=True, cv=3).fit(X, y)
    line = found.evidence_[found.evidence_["chosen"]].iloc[0]
    assert line["expected"] != line["gain"] or line["treatment"] == "None"
    # what brings next to nothing is left alone, though it may be the best
    assert line["expected"] == (best if (best := found.evidence_["expected"].max()) >= NEGLIGIBLE else 0)


def test_time_is_kept_and_told(fits):
    X, y = rows(300, rare=0.2)
    none = model(max_time=1e-6, scoring="balanced_accuracy").fit(X, y)
    rest = none.evidence_["share"] > 0
    assert not fits or none.blend_.share > 0
    assert set(none.evidence_["note"][rest]) == {"not tried: max_time was reached"}
    assert none.evidence_["gain"][~rest].notna().all() and "max_time was reached" in none.verdict_
    ample = model(max_time="1h").fit(X, y)
    pd.testing.assert_frame_equal(ample.evidence_, model().fit(X, y).evidence_)


def test_evidence_is_drawn_towards_what_is_known():
    table = pd.DataFrame({"score": [0.6] * 4, "gain": [0, 0.02, 0.02, 0.0], "gain_error": [0, 0.02, 0.02, 0.0]})
    table["needed"] = 1.5 * table["gain_error"]
    known = {"good": Belief(0.1, 0.05), "bad": Belief(-0.1, 0.05)}
    found = with_prior(table, ["", "good", "bad", "good"], known, "roc_auc")
    # two equally sure opinions, 0.02 and 0.4 * 0.1
    assert found["expected"].tolist() == pytest.approx([0, 0.03, -0.01, 0])
    assert found["expected_error"].tolist() == pytest.approx([0, 0.02 / 2**0.5, 0.02 / 2**0.5, 0])
    assert 0 <= found["needed"][1] < 0.02 < found["needed"][2]
    at = table.assign(gain=found["needed"][2], gain_error=0.02)
    again = with_prior(at, ["bad"] * 4, known, "roc_auc")
    assert again["expected"].tolist() == pytest.approx([NEGLIGIBLE] * 4)
    wide = with_prior(table, [""] * 4, {"": Belief(0.0, 1e6)}, "roc_auc")
    np.testing.assert_allclose(wide["expected"], table["gain"], atol=1e-9)
    np.testing.assert_allclose(wide["needed"], [0, *[NEGLIGIBLE] * 3], atol=1e-9)
    alone = with_prior(table, [""] * 4, None, "roc_auc")
    assert alone["expected"].tolist() == table["gain"].tolist() and alone["needed"].tolist() == table["needed"].tolist()


@cases(
    ("estimator", "family"),
    [
        (make_pipeline(StandardScaler(), LogisticRegression()), "linear"),
        (GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [3]}), "neighbors"),
        (HistGradientBoostingClassifier(), "boosting"),
        (GaussianNB(), "other"),
    ],
)
def test_priors_by_kind_of_classifier(estimator, family):
    assert family_of(estimator) == family
    for metric in ("average_precision", "balanced_accuracy", "f1", "roc_auc", "accuracy"):
        found = beliefs_of(metric, estimator)
        assert {"gan", "rows"} <= set(found)
        assert ("class_weight" in found) == (family != "neighbors")
        assert all(-3 < one.mean < 1 and 0 < one.spread < 3 for one in found.values())
        assert {"gan average", "rows average", "draws", "average", "added by gan", "added by gan to rows"} <= set(found)
    assert beliefs_of("neg_log_loss", estimator) is None and beliefs_of(balanced_accuracy_score, estimator) is None


@cases(
    "scoring",
    ["accuracy", "balanced_accuracy", "f1", "average_precision", "roc_auc", "neg_log_loss", "neg_brier_score"],
)
@cases("labels", [(0, 1), ("rare", "usual")])
def test_quick_scores_are_those_of_scikit_learn(scoring, labels):
    rng = np.random.default_rng(0)
    codes = (rng.random(80) < 0.3).astype(int)
    p = (codes * 0.2 + rng.random(80) * 0.8).round(1)  # many ties
    if labels[0] == "rare":
        codes, p = 1 - codes, 1 - p
    y = np.array(labels)[codes]
    said = ClassifierOutput(
        np.array(labels), np.array(labels)[(p > 0.5).astype(int)], np.column_stack([1 - p, p]), None
    )
    metric = ScorerAdapter("scoring", scoring, said.classes, np.bincount(codes))
    times = rng.integers(0, 3, (6, 80))
    found = metric.of_resamples(said, y, times.astype(float))
    picked = [np.repeat(np.arange(80), one) for one in times]
    np.testing.assert_allclose(found, [metric(said.take(one), y[one], y[one]) for one in picked], atol=1e-12)
    thresholds = np.array([0.25, 0.55])
    quick = metric.of_thresholds(said, y, thresholds)
    if scoring not in ("accuracy", "balanced_accuracy", "f1"):
        assert quick is None
    else:
        slow = [metric(Calibrator(80, (), t)(said), y, y) for t in thresholds]
        np.testing.assert_allclose(quick, slow, atol=1e-12)
    three = ClassifierOutput(np.arange(3), y, np.zeros((80, 3)), None)
    assert metric.of_resamples(three, y, times.astype(float)) is None


def test_harmless_and_helpful_under_the_priors():
    # what helps is taken, under a prior too; noise is not
    X, y = rows(1500, rare=0.06, shift=1.2)
    X_new, y_new = rows(4000, rare=0.06, shift=1.2, seed=1)
    for estimator in (LogisticRegression(), GaussianNB()):
        found = model(estimator, Around(1.2), scoring="balanced_accuracy", cv=3).fit(X, y)
        bare = clone(estimator).fit(X, y)
        gains = balanced_accuracy_score(y_new, found.predict(X_new)) - balanced_accuracy_score(
            y_new, bare.predict(X_new)
        )
        assert gains > 0.1
        row = found.evidence_[found.evidence_["chosen"]].iloc[0]
        assert row["expected"] > 0 and row["gain"] > row["needed"]


# ---- what cannot be judged is said -------------------------------------------------------------


@cases(
    ("estimator", "said"),
    [
        (LinearRegression(), r"estimator=LinearRegression\(\) is a regressor; give a classifier"),
        (make_pipeline(StandardScaler(), LinearRegression()), r"estimator=Pipeline\(\) is a regressor"),
        (KMeans(2), r"estimator=KMeans\(\) is a clusterer; give a classifier"),
    ],
)
def test_what_is_no_classifier_is_refused_by_fit(estimator, said):
    X, y = rows(100)
    for parameters in ({}, {"blend": 0.5}):
        with pytest.raises(InvalidTypeError, match=said):
            model(estimator, **parameters).fit(X, y)
    assert "LinearRegression" in repr(model(LinearRegression()))


def test_treatments_that_cannot_be_judged_are_refused():
    X, y = rows(200)
    for named in (["average"], ["average", "prior"]):
        with pytest.raises(InvalidParameterError, match="treatments=.*nothing to average.*add 'class_weight'"):
            model(treatments=named, scoring="balanced_accuracy").fit(X, y)
    for named in (["prior"], ["tuned"], ["prior", "tuned"]):
        with pytest.raises(InvalidParameterError, match=r"treatments=\[.*average precision does not look at; add"):
            model(treatments=named).fit(X, y)
        with pytest.raises(InvalidParameterError, match="between two classes, and y has 3"):
            model(treatments=named, scoring="balanced_accuracy").fit(X, np.arange(200) % 3)
    with pytest.raises(InvalidParameterError, match="LinearSVC has no predict_proba, which a share needs"):
        model(LinearSVC(), treatments=["prior"], scoring="balanced_accuracy").fit(X, y)


def test_a_verdict_tells_that_nothing_was_judged_from_that_nothing_changed(monkeypatch):
    X, y = rows(200)
    monkeypatch.setattr(stages, "WORTH", 10.0)
    named = ["oversampling", "prior", "average", "class_weight"]
    found = model(KNeighborsClassifier(), GANOversampler(), treatments=named).fit(X, y)
    said = found.verdict_
    assert said.startswith("None: no treatment was judged beside the bare classifier (average precision 0.")
    assert "prior: not judged, a threshold moves decisions only, which average precision does not look at." in said
    assert "class_weight: not judged, KNeighborsClassifier takes no weights" in said
    assert "average: not judged, needs others beside it." in said
    assert "GANOversampler: not tried: less than 10 more" in said
    assert "balanced already" not in said and "tuned:" not in said and "undersampling" not in said
    balanced = model(treatments=["class_weight"]).fit(np.tile(X, (2, 1)), np.repeat([0, 1], 200))
    assert "no treatment changed" in balanced.verdict_ and "balanced already" in balanced.verdict_


def test_a_metric_of_probabilities_names_the_classifier_that_has_none_and_calibration_gives_them():
    X, y = rows(300)
    for labels in (y, np.arange(300) % 3):
        svm = model(LinearSVC(), RandomOverSampler(random_state=0), scoring="neg_log_loss")
        with pytest.raises(
            InvalidParameterError, match="scoring='neg_log_loss' cannot judge LinearSVC.*calibrate=True"
        ) as told:
            svm.fit(X, labels)
        assert "Recorded" not in str(told.value)
        found = svm.set_params(calibrate=True).fit(X, labels)
        assert (found.evidence_["score"] < 0).all() and found.predict_proba(X).shape == (300, len(np.unique(labels)))
    with pytest.raises(InvalidParameterError, match="threshold='tune' needs two classes, and y has 3; leave it 'auto'"):
        model(threshold="tune").fit(X, np.arange(300) % 3)


@pytest.mark.parametrize("folds", [0, 1])
def test_a_gan_that_takes_too_long_is_broken_off(monkeypatch, folds):
    X, y = rows(200, rare=0.2)
    seen = []

    class Slow(Deadline):
        def __call__(self, event):
            assert 0 < self.at - time.time() <= 1.2 * 3600
            seen.append(event.step)
            self.at -= 1.3 * 3600 * (seen.count(1) > folds)
            super().__call__(event)

    monkeypatch.setattr(stages, "Deadline", Slow)
    sampler = GANOversampler(generator=TabularGAN(max_steps=1, verbose=False))
    found = model(oversampler=sampler, max_time=3600, shrink=False).fit(X, y)
    own = found.evidence_["share"] > 0
    said = ["not tried: max_time was exceeded while its first GAN", "tried on 1 of 2 folds: max_time was exceeded"]
    assert set(found.evidence_["folds"][own]) == {folds} and said[folds] in found.verdict_
    assert found.evidence_["gain"][own].notna().all() == bool(folds)
    assert sampler.generator.callbacks is None
