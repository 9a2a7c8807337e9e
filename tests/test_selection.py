"""AugmentedClassifier: one fit a fold, none unless it helps, thresholds, calibration, and the evidence."""

from __future__ import annotations

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from helpers import two_classes as rows
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from imblearn.under_sampling import RandomUnderSampler
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
    train_test_split,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

from ganaug import AugmentedClassifier, GanaugError, GANOversampler, TabularGAN
from ganaug.exceptions import InvalidDataError
from ganaug.selection import Blend, choosing
from ganaug.selection.calibration import fit_calibrator, fit_sigmoid
from ganaug.selection.candidates import blend_rows, candidates, pool_samples
from ganaug.selection.choosing import EXPECTED, UNEXPECTED, best_blend, evidence
from ganaug.selection.fold_predictions import ClassifierOutput, ScorerAdapter, Weighting, split_folds


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch, request):
    monkeypatch.setattr(choosing, "RESAMPLES", 2 if "check" in request.fixturenames else 12)


class Fake(BaseEstimator):
    """Balances two classes by rows of class 1 around ``centre``; counts its fits."""

    fits: list[int] = []  # noqa: RUF012

    def __init__(self, centre=0.0, spread=1.0, ordered=False, random_state=None):
        self.centre = centre
        self.spread = spread
        self.ordered = ordered
        self.random_state = random_state

    def fit_resample(self, X, y):
        Fake.fits.append(len(y))
        rng = np.random.default_rng(self.random_state)
        n = int((y == 0).sum() - (y == 1).sum())
        new = self.centre + self.spread * rng.normal(size=(n, X.shape[1]))
        if self.ordered:
            new = np.sort(new, axis=0)
        return np.vstack([X, new]), np.concatenate([y, np.ones(n, y.dtype)])


@pytest.fixture
def fits():
    Fake.fits.clear()
    return Fake.fits


def model(estimator=None, oversampler=None, **parameters):
    estimator = LogisticRegression() if estimator is None else estimator
    oversampler = Fake(1.0) if oversampler is None else oversampler
    parameters = {"random_state": 0, "cv": 2, "treatments": None, **parameters}
    return AugmentedClassifier(estimator, oversampler, **parameters)


def tiny_gan():
    return GANOversampler(generator=TabularGAN(max_steps=3, width=16, depth=1, verbose=False))


# ---- what scikit-learn asks for -----------------------------------------------------------------


@parametrize_with_checks(
    [AugmentedClassifier(DecisionTreeClassifier(), RandomOverSampler(), scoring="accuracy", cv=2, random_state=0)]
)
def test_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("oversampler", [None, "gan"])
def test_defaults_and_clone(oversampler):
    estimator = AugmentedClassifier(oversampler=tiny_gan() if oversampler else None)
    assert clone(estimator).get_params().keys() == estimator.get_params().keys()
    assert set(vars(estimator)) == set(estimator.get_params(deep=False))
    assert repr(AugmentedClassifier()) == "AugmentedClassifier()"


# ---- one fit, several blends --------------------------------------------------------------------


def test_the_oversampler_is_fitted_once_in_each_fold(fits):
    X, y = rows()
    fitted = model(blend="auto", cv=3).fit(X, y)
    assert len(fitted.evidence_) == 8  # none, class weights, three shares at two weights
    used = fitted.blend_.share > 0
    assert len(fits) == 3 + used and max(fits[:3]) < len(y)
    assert (fitted.oversampler_ is not None) == used


def test_an_order_is_carried_out_without_folds(fits):
    X, y = rows()
    fitted = model(blend=0.5).fit(X, y)
    assert fits == [400] and fitted.blend_ == Blend(0.5) and fitted.n_splits_ == 0
    assert fitted.evidence_["score"].isna().all() and fitted.evidence_["chosen"].tolist() == [False, True]
    assert fitted.verdict_ == "0.5 of full balance: as asked, and nothing was judged."
    assert model(blend=0).fit(X, y).verdict_.startswith("None: as asked")
    assert len(fits) == 1
    assert model(blend=1.0, calibrate=True).fit(X, y).n_splits_ == 2
    assert len(fits) == 1 + 3


def test_blends_are_nested_and_fair():
    X, y = rows()
    pool = pool_samples(Fake(ordered=True, random_state=0), X, y, seed=0)
    some = {share: blend_rows(pool, Blend(share))[0][len(y) :] for share in (0.25, 0.5, 1.0)}
    new = len(some[1.0])
    assert [len(part) for part in some.values()] == [round(new * share) for share in some]
    for small, large in [(0.25, 0.5), (0.5, 1.0)]:
        assert {tuple(row) for row in some[small]} < {tuple(row) for row in some[large]}
    assert abs(some[0.25].mean() - some[1.0].mean()) < 0.3  # not the first, smallest ones
    kept, _, weights = blend_rows(pool, Blend(0.0))
    assert np.array_equal(kept, X) and weights is None
    assert set(blend_rows(pool, Blend(0.5, 0.5))[2][len(y) :]) == {0.5}
    _, labels, weights = blend_rows(pool, Blend(0.0, 1.0, "balanced"))
    assert weights[labels == 1].sum() == pytest.approx(weights[labels == 0].sum())


def test_weights_only_where_the_estimator_takes_them():
    X, y = rows(200)
    auto = model(KNeighborsClassifier()).fit(X, y).evidence_
    assert auto["share"].tolist() == [0, 0.25, 0.5, 1] and set(auto["weight"]) == {1}
    assert len(candidates([0.3, 0.6], weighs=True)[0]) == 5
    assert candidates([0, Blend(0.5, 0.2)], weighs=True) == ([Blend(0.0), Blend(0.5, 0.2)], False)
    piped = model(make_pipeline(StandardScaler(), LogisticRegression())).fit(X, y)
    assert set(piped.evidence_["weight"]) == {0.5, 1} and "balanced" in set(piped.evidence_["class_weight"])


@pytest.mark.parametrize(
    ("estimator", "weighting"),
    [
        (LogisticRegression(), ("sample_weight", "class_weight")),
        (KNeighborsClassifier(), (None, None)),
        (LinearDiscriminantAnalysis(), (None, None)),
        (HistGradientBoostingClassifier(), ("sample_weight", "class_weight")),
        (
            make_pipeline(StandardScaler(), LogisticRegression()),
            ("logisticregression__sample_weight", "logisticregression__class_weight"),
        ),
        (
            make_pipeline(StandardScaler(), make_pipeline(PCA(), GaussianNB())),
            ("pipeline__gaussiannb__sample_weight", None),
        ),
        (make_imblearn_pipeline(RandomOverSampler(), LogisticRegression()), (None, "logisticregression__class_weight")),
        (make_pipeline(StandardScaler(), "passthrough"), (None, None)),
        (GridSearchCV(LogisticRegression(), {"C": [1.0]}), (None, None)),
    ],
    ids=lambda given: type(given).__name__,
)
def test_where_weights_go(estimator, weighting):
    found = Weighting.of(estimator)
    assert tuple(found)[: len(weighting)] == weighting


@pytest.mark.parametrize("routing", [False, True])
def test_class_weights_reach_the_last_step_of_a_pipeline(routing):
    X, y = rows(shift=0.7)
    with config_context(enable_metadata_routing=routing):
        piped = model(make_pipeline(StandardScaler(), LogisticRegression()), blend=Blend(0.0, 1.0, "balanced")).fit(
            X, y
        )
    by_hand = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced")).fit(X, y)
    np.testing.assert_allclose(piped.predict_proba(X), by_hand.predict_proba(X), atol=1e-4)


def test_class_weights_by_the_parameter_where_rows_cannot_be_weighted():
    X, y = rows(shift=0.7)
    tree = make_imblearn_pipeline(StandardScaler(), RandomUnderSampler(random_state=0), DecisionTreeClassifier())
    found = model(tree).fit(X, y).evidence_
    assert "balanced" in set(found["class_weight"]) and set(found["weight"]) == {1}
    chosen = model(tree, blend=Blend(0.0, 1.0, "balanced")).fit(X, y)
    assert chosen.estimator_[-1].class_weight == "balanced" and tree[-1].class_weight is None


# ---- weights and groups of the user's -----------------------------------------------------------


def test_weights_of_rows_reach_the_classifier():
    X, y = rows(300)
    weights = np.random.default_rng(0).integers(0, 4, 300).astype(float)
    for estimator in (LogisticRegression(), make_pipeline(StandardScaler(), LogisticRegression())):
        own = model(estimator, blend=0).fit(X, y, sample_weight=weights)
        kept = weights > 0
        by_hand = clone(estimator).fit(X[kept], y[kept], **{str(Weighting.of(estimator).rows): weights[kept]})
        np.testing.assert_allclose(own.predict_proba(X), by_hand.predict_proba(X))


def test_a_row_of_weight_zero_is_as_if_it_were_not_there(fits):
    X, y = rows(300)
    gone = np.arange(300) % 5 == 0
    splits = [(np.arange(0, 200), np.arange(200, 300)), (np.arange(100, 300), np.arange(0, 100))]
    place = np.cumsum(~gone) - 1
    others = [tuple(place[part[~gone[part]]] for part in split) for split in splits]
    left = model(cv=splits).fit(X, y, sample_weight=np.where(gone, 0.0, 1.0))
    counts = list(fits)
    fits.clear()
    without = model(cv=others).fit(X[~gone], y[~gone], sample_weight=np.ones(240))
    pd.testing.assert_frame_equal(left.evidence_, without.evidence_)
    assert counts == fits
    np.testing.assert_array_equal(left.predict(X), without.predict(X))


def test_a_synthetic_row_weighs_what_its_class_does():
    X, y = rows(200)
    weights = np.where(y == 1, 3.0, 0.5)
    pool = pool_samples(Fake(1.0), X, y, 0, weights)
    found = blend_rows(pool, Blend(1.0, 0.5))[2]
    assert set(found[200:]) == {1.5}
    np.testing.assert_array_equal(found[:200], weights)


def test_groups_stay_together():
    X, y = rows(300, rare=0.3)
    groups = np.random.default_rng(0).integers(0, 12, 300)
    for given in (groups, [f"person {g}" for g in groups], pd.Series(groups)):
        parts = split_folds(3, X, y, np.bincount(y), 0, choosing.groups(given, 300))
        assert len(parts) == 3
        assert all(not set(groups[train]) & set(groups[test]) for train, test in parts)
    # one row repeated in each group: without groups, neighbours of the held-out rows are trained on
    twins = np.repeat(np.random.default_rng(1).normal(size=(60, 2)), 5, axis=0)
    label, group = np.repeat(np.arange(60) % 3 == 0, 5).astype(int), np.repeat(np.arange(60), 5)
    nearest = KNeighborsClassifier(1)
    apart = model(nearest, scoring="accuracy", blend=[1.0]).fit(twins, label, groups=group).evidence_["score"][0]
    mixed = model(nearest, scoring="accuracy", blend=[1.0]).fit(twins, label).evidence_["score"][0]
    assert mixed > 0.9 > 0.75 > apart


def test_groups_that_hold_a_class_alone():
    X, y = rows(100, rare=0.3)
    found = model().fit(X, y, groups=np.where(y == 1, 0, np.arange(100) % 4))
    assert found.n_splits_ == 0 and "in one group only" in found.verdict_


@pytest.mark.parametrize("kind", [GroupKFold, StratifiedGroupKFold, lambda n: GroupShuffleSplit(n, random_state=0)])
def test_splitters_that_need_groups(kind):
    X, y = rows(200, rare=0.3)
    groups = np.arange(200) % 10
    assert model(cv=kind(2)).fit(X, y, groups=groups).n_splits_ == 2
    with pytest.raises(GanaugError, match="groups") as error:
        model(cv=kind(2)).fit(X, y)
    assert "fit(X, y, groups=...)" in str(error.value)


def test_a_list_of_splits_in_an_outer_cross_validation_is_told_apart():
    X, y = rows(120, rare=0.3)
    inner = list(StratifiedKFold(2).split(X, y))
    assert model(cv=inner).fit(X, y).n_splits_ == 2
    with pytest.raises(GanaugError, match=r"made for other rows.*StratifiedKFold\(3\)"):
        cross_val_score(model(cv=inner), X, y, cv=3, error_score="raise")
    assert len(cross_val_score(model(cv=StratifiedKFold(3)), X, y, cv=3)) == 3  # the advice, followed
    masks = [(np.isin(np.arange(120), train), np.isin(np.arange(120), test)) for train, test in inner]
    pd.testing.assert_frame_equal(model(cv=masks).fit(X, y).evidence_, model(cv=inner).fit(X, y).evidence_)


def test_weights_and_groups_are_routed():
    X, y = rows(200, rare=0.3)
    groups, weights = np.arange(200) % 10, np.random.default_rng(0).uniform(1, 2, 200)
    with config_context(enable_metadata_routing=True):
        own = model(cv=GroupKFold(2), blend=[1.0]).set_fit_request(sample_weight=True, groups=True)
        own.set_score_request(sample_weight=False)
        params = {"groups": groups, "sample_weight": weights}
        found = cross_validate(own, X, y, cv=GroupKFold(2), params=params, return_estimator=True)
        piped = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), own).fit(X, y, **params)
    train = next(GroupKFold(2).split(X, y, groups))[0]
    by_hand = model(cv=GroupKFold(2), blend=[1.0]).fit(X[train], y[train], weights[train], groups[train])
    np.testing.assert_array_equal(found["estimator"][0].predict_proba(X), by_hand.predict_proba(X))
    assert piped[-1].n_splits_ == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"sample_weight": [1.0]}, "sample_weight"),
        ({"sample_weight": np.full(60, -1.0)}, "sample_weight"),
        ({"sample_weight": np.zeros(60)}, "sample_weight: "),
        ({"sample_weight": np.full(60, np.nan)}, "sample_weight"),
        ({"sample_weight": ["much"] * 60}, "sample_weight"),
        ({"groups": [1, 2]}, "groups has shape"),
        ({"groups": [None] * 60}, "groups: 60 rows have none"),
        ({"groups": np.zeros((60, 2))}, "groups has shape"),
    ],
)
def test_bad_weights_and_groups_are_named(given, said):
    with pytest.raises(GanaugError, match=said):
        model().fit(*rows(60, rare=0.3), **given)


def test_weights_for_who_takes_none():
    with pytest.raises(GanaugError, match="KNeighborsClassifier takes no weights"):
        model(KNeighborsClassifier()).fit(*rows(60, rare=0.3), sample_weight=np.ones(60))


def test_a_blend_trains_on_the_weights():
    X, y = rows()
    half = model(blend=Blend(1.0, 0.5)).fit(X, y)
    X_all, y_all = half.oversampler_.fit_resample(X, y)
    by_hand = LogisticRegression().fit(X_all, y_all, sample_weight=np.where(np.arange(len(y_all)) < 400, 1, 0.5))
    np.testing.assert_allclose(half.estimator_.coef_, by_hand.coef_, rtol=1e-2)


# ---- the choice ---------------------------------------------------------------------------------


def test_noise_keeps_none_and_is_the_bare_classifier(fits):
    X, y = rows(300, rare=0.3, shift=0.0)
    fitted = model(DecisionTreeClassifier(max_depth=3, random_state=0), Fake(centre=-3.0), cv=3).fit(X, y)
    assert fitted.blend_ == (0.0, 1.0, None) and fitted.oversampler_ is None and len(fits) == 3
    assert fitted.verdict_.startswith("None: no treatment beat the bare classifier's average precision (")
    bare = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, y)
    assert np.array_equal(bare.predict_proba(X), fitted.predict_proba(X))


def test_garbage_is_refused():
    X, y = rows(400, shift=2.0)
    fitted = model(GaussianNB(), Fake(centre=-5.0, spread=4.0), blend=[0.5, 1.0]).fit(X, y)
    assert fitted.blend_.share == 0


def test_help_is_taken():
    # a few rare rows, and a sampler that knows where they are from
    X, y = rows(600, rare=0.03, shift=1.5, d=8)
    fitted = model(KNeighborsClassifier(), Fake(centre=1.5), scoring="balanced_accuracy", cv=3, threshold=False)
    fitted.set_params(shrink=False).fit(X, y)
    table = fitted.evidence_.loc[fitted.evidence_["chosen"]].iloc[0]
    assert fitted.blend_.share > 0 and table["share"] == fitted.blend_.share
    assert table["gain"] > table["needed"] >= table["gain_error"] > 0
    assert fitted.verdict_.startswith(
        f"{'Full balance' if fitted.blend_.share == 1 else f'{fitted.blend_.share:g} of full balance'}: balanced "
        f"accuracy {table['score']:.3f} +- {table['score_error']:.3f} against {table['score'] - table['gain']:.3f} "
        f"of the bare classifier (gain {table['gain']:.3f}, standard error {table['gain_error']:.3f}; expected "
        f"{table['gain']:.3f}, 95 % interval {table['gain'] - 1.96 * table['gain_error']:.3f} to "
    )
    assert "Half as wide an interval takes about" in fitted.verdict_
    X_new, y_new = rows(2000, rare=0.03, shift=1.5, seed=1, d=8)
    bare = KNeighborsClassifier().fit(X, y)
    assert balanced_accuracy_score(y_new, fitted.predict(X_new)) > balanced_accuracy_score(y_new, bare.predict(X_new))


def test_evidence():
    X, y = rows(200)
    table = model(blend=[0.5]).fit(X, y).evidence_
    numbers = ["score", "score_error", "gain", "gain_error", "needed"]
    assert list(table)[:9] == ["share", "weight", "class_weight", *numbers, "chosen"]
    more = ["treatment", "sampler", "threshold", "expected", "expected_error", "folds", "note"]
    assert list(table)[9:] == more and set(table["folds"]) == {2} and set(table["note"]) == {""}
    assert table[numbers].notna().all(axis=None) and table["chosen"].sum() == 1
    assert (table.loc[0, ["gain", "gain_error", "needed"]] == 0).all()
    np.testing.assert_allclose(table["gain"], table["score"] - table.loc[0, "score"])


def test_the_rule():
    blends = [Blend(0.0), Blend(0.5), Blend(1.0)]
    rng = np.random.default_rng(0)
    folds = np.array([[0.5, 0.53, 0.9], [0.5, 0.53, 0.2], [0.5, 0.53, 0.7]])  # steady, and better on average but not
    drawn = folds[:, None, :] + 0.01 * rng.normal(size=(3, 50, 3))
    table = evidence(blends, folds, drawn, rarest=40)
    assert table["gain"].tolist() == pytest.approx([0, 0.03, 0.1])
    assert table["gain_error"][2] == pytest.approx(folds[:, 2].std(ddof=1) / 3**0.5)  # the folds disagree
    # where they agree by luck, the rows say how far it reaches
    assert table["gain_error"][1] == pytest.approx(
        (drawn[..., 1] - drawn[..., 0]).mean(0).std(ddof=1) * (40 / 39) ** 0.5
    )
    assert (table["needed"] >= table["gain_error"]).all() and best_blend(table) == 1
    assert evidence(blends, folds, drawn, rarest=2)["gain_error"][1] > 1.3 * table["gain_error"][1]
    assert best_blend(evidence(blends, folds[:, [0, 0, 0]], drawn[:, :, [0, 0, 0]], rarest=9)) == 0
    strict = evidence(blends, folds, drawn, rarest=40, demand=1.5)
    np.testing.assert_allclose(strict["needed"], 1.5 * table["needed"])


@pytest.mark.parametrize(
    ("scoring", "threshold", "demand"),
    [
        ("balanced_accuracy", False, EXPECTED),
        ("average_precision", False, UNEXPECTED),
        ("neg_log_loss", False, UNEXPECTED),
        ("balanced_accuracy", "tune", UNEXPECTED),  # the threshold has moved the decisions
    ],
)
def test_more_is_asked_where_no_gain_is_expected(scoring, threshold, demand):
    X, y = rows(200)
    table = model(blend=[0.5], scoring=scoring, threshold=threshold, shrink=False).fit(X, y).evidence_
    # a single blend: c is near 1
    assert demand <= table["needed"][1] / table["gain_error"][1] < 1.35 * demand


def test_repeated_folds_and_any_splitter():
    X, y = rows(200)
    cv = RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0)
    assert model(blend=[1.0], cv=cv, calibrate=True).fit(X, y).n_splits_ == 4
    parts = list(cv.split(X, y))[:1]
    assert model(blend=[1.0], cv=parts, threshold="tune", scoring="f1").fit(X, y).n_splits_ == 1


# ---- few rows, one class ------------------------------------------------------------------------


def test_few_rows_make_fewer_folds():
    X, y = rows(60, rare=0.0)
    y[:2] = 1
    assert model(cv=5).fit(X, y).n_splits_ == 2
    y[1] = 0
    alone = model(cv=5, threshold="tune", calibrate=True).fit(X, y)
    assert alone.blend_.share == 0 and alone.n_splits_ == 0 and alone.threshold_ is None
    assert alone.verdict_ == "None: class 1 has 1 row, so that no fold can hold one out, and nothing was judged."
    assert alone.predict_proba(X).shape == (60, 2)


def test_one_class():
    X, _ = rows(40)
    one = model(DecisionTreeClassifier()).fit(X, np.ones(40, int))
    assert one.predict(X).tolist() == [1] * 40 and "one class only" in one.verdict_


def test_nothing_to_add():
    X, y = make_blobs(60, centers=2, cluster_std=4.0, random_state=0)
    fitted = model(oversampler=RandomOverSampler(), blend=[0.5, 1.0]).fit(X, y)
    assert fitted.blend_.share == 0 and "may be balanced already" in fitted.verdict_
    X, y = make_blobs([30, 6], centers=[[0, 0], [99, 99]], random_state=0)
    fitted = model(oversampler=RandomOverSampler(), blend=[0.5, 1.0]).fit(X, y)
    assert "(1.000); there is nothing left to gain" in fitted.verdict_


# ---- threshold and calibration ------------------------------------------------------------------


def expected_calibration_error(y, p, bins=10):
    place = np.minimum((p * bins).astype(int), bins - 1)
    return sum(abs(y[place == b].mean() - p[place == b].mean()) * (place == b).mean() for b in np.unique(place))


@pytest.mark.parametrize("calibrate", [True, "isotonic"])
def test_calibration_undoes_balancing(calibrate):
    X, y = rows(3000, rare=0.08, shift=1.0)
    X, X_new, y, y_new = train_test_split(X, y, random_state=0, stratify=y)
    raw = model(blend=1.0).fit(X, y)
    mended = model(blend=1.0, calibrate=calibrate).fit(X, y)
    errors = [expected_calibration_error(y_new, m.predict_proba(X_new)[:, 1]) for m in (raw, mended)]
    assert errors[0] > 0.1 and errors[1] < 0.04
    p, q = raw.predict_proba(X_new)[:, 1], mended.predict_proba(X_new)[:, 1]
    np.testing.assert_allclose(mended.predict_proba(X_new).sum(1), 1)
    assert (np.diff(q[np.argsort(p)]) >= 0).all()
    if calibrate is True:
        assert np.array_equal(np.argsort(p), np.argsort(q))
    assert np.array_equal(mended.predict(X_new), (q > 0.5).astype(int))


@pytest.mark.parametrize("turned", [False, True])
def test_the_sigmoid_is_the_most_likely_one(turned):
    rng = np.random.default_rng(0)
    s = 1000 + 50 * rng.normal(size=4000)
    hit = rng.random(4000) < 1 / (1 + np.exp(-(0.04 * (s - 1000) - 2)))
    found = fit_sigmoid(-s if turned else s, hit)
    if turned:  # a ranking that is wrong is flattened, not turned round
        assert 0 < found.slope < 1e-4 and found(-s).mean() == pytest.approx(hit.mean(), abs=1e-3)
    else:
        assert found.slope == pytest.approx(0.04, abs=0.004)
        assert found.intercept + 1000 * found.slope == pytest.approx(-2, abs=0.15)
    apart = fit_sigmoid(np.repeat([0.0, 1.0], 20), np.repeat([False, True], 20))
    assert apart(np.array([0.0, 1.0])) == pytest.approx([1 / 22, 21 / 22], abs=1e-3)
    assert fit_sigmoid(np.zeros(10), np.arange(10) < 3)(np.zeros(1))[0] == pytest.approx(0.35, abs=0.1)


def test_calibration_of_several_classes():
    X, kind = make_blobs([300, 60, 30], centers=[[0, 0], [2, 0], [0, 2]], cluster_std=1.2, random_state=0)
    y = np.array(["a", "b", "c"])[kind]
    raw = model(oversampler=RandomOverSampler(), blend=1.0, cv=3).fit(X, y)
    mended = clone(raw).set_params(calibrate=True).fit(X, y)
    p = mended.predict_proba(X)
    np.testing.assert_allclose(p.sum(1), 1)
    shares = np.array([300, 60, 30]) / 390
    assert abs(p.mean(0) - shares).max() < 0.03 < abs(raw.predict_proba(X).mean(0) - shares).max()


def test_decisions_become_probabilities():
    X, y = rows()
    assert not hasattr(model(LinearSVC(), blend=0), "predict_proba")
    fitted = model(LinearSVC(), blend=0, calibrate=True).fit(X, y)
    p = fitted.predict_proba(X)
    assert abs(p[:, 1].mean() - y.mean()) < 0.03
    assert (np.diff(p[np.argsort(fitted.decision_function(X)), 1]) >= 0).all()


def test_threshold_is_tuned_for_the_metric():
    X, y = rows(2000, rare=0.08)
    X_new, y_new = rows(4000, rare=0.08, seed=1)
    bare = model(blend=0).fit(X, y)
    moved = model(blend=0, threshold="tune", scoring="balanced_accuracy").fit(X, y)
    assert bare.threshold_ is None and moved.threshold_ == pytest.approx(0.08, abs=0.05)
    assert np.array_equal(moved.predict(X), (moved.predict_proba(X)[:, 1] >= moved.threshold_).astype(int))
    better = [balanced_accuracy_score(y_new, m.predict(X_new)) for m in (moved, bare)]
    assert better[0] > better[1] + 0.1
    assert abs(moved.evidence_["score"][0] - better[0]) < 0.05 and better[1] + 0.1 < moved.evidence_["score"][0]
    # a metric that sees no labels leaves the threshold to balanced accuracy, or to the one named
    assert model(blend=0, threshold="tune").fit(X, y).threshold_ == moved.threshold_
    assert model(blend=0, threshold="f1").fit(X, y).threshold_ > moved.threshold_
    svm = model(LinearSVC(), blend=0, threshold="tune").fit(X, y)
    assert svm.threshold_ < 0 and svm.predict(X).mean() > 0.1


def test_threshold_makes_balancing_unnecessary():
    X, y = rows(600, rare=0.1)
    plain, tuned = (
        model(scoring="balanced_accuracy", blend=[1.0], cv=3, threshold=threshold).fit(X, y)
        for threshold in (False, "tune")
    )
    assert plain.evidence_["gain"].max() > 0.1
    assert abs(tuned.evidence_["gain"]).max() < 0.05 < 0.1 < tuned.evidence_["score"][0] - plain.evidence_["score"][0]


def test_threshold_among_equal_scores_is_the_middle():
    y = np.repeat([0, 1], [6, 4])
    p = np.repeat([0.1, 0.3], [6, 4])
    said = ClassifierOutput(np.array([0, 1]), y * 0, np.column_stack([1 - p, p]), None)
    metric = ScorerAdapter("threshold", "f1", said.classes, np.array([6, 4]))
    finish = fit_calibrator(said, y, y, None, metric)
    assert finish.threshold == pytest.approx(0.2) and np.array_equal(finish(said).labels, y)


# ---- labels, containers -------------------------------------------------------------------------


def test_the_rarer_class_is_the_positive_one():
    X, y = rows(300)
    words = np.array(["normal", "fraud"])[y]  # fraud comes first in the alphabet
    sampler = RandomOverSampler()
    numbers = model(oversampler=sampler, blend=[1.0]).fit(X, y)
    named = model(oversampler=sampler, blend=[1.0]).fit(X, words)
    assert named.evidence_["score"][0] == pytest.approx(numbers.evidence_["score"][0], abs=0.05)
    assert set(named.predict(X)) <= {"fraud", "normal"}
    assert model(oversampler=sampler, blend=1.0, threshold="f1").fit(X, words).predict(X).dtype == words.dtype


def mixed(n=160):
    rng = np.random.default_rng(0)
    y = pd.Series((rng.random(n) < 0.25).astype(int), index=np.arange(n) + 7)
    X = pd.DataFrame(
        {
            "number": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n) + y),
            "kind": pd.Categorical(rng.choice(["a", "b", None], n)),
            "count": rng.integers(0, 9, n),
        },
        index=y.index,
    )
    return X, y


@pytest.mark.parametrize("native", [False, True])
def test_frames_reach_the_estimator_as_they_are(native, global_state):
    X, y = mixed()
    before = X.copy()
    if native:
        estimator = HistGradientBoostingClassifier(max_iter=3)
    else:
        encode = make_column_transformer((OneHotEncoder(), ["kind"]), remainder="passthrough")
        estimator = make_pipeline(encode, DecisionTreeClassifier())
    with threadpool_limits(1):  # on a busy machine, boosting's threads wait for one another
        fitted = model(estimator, tiny_gan(), blend=[Blend(1.0)], threshold="f1").fit(X, y)
    assert fitted.feature_names_in_.tolist() == ["number", "kind", "count"] and fitted.n_features_in_ == 3
    assert fitted.predict(X).shape == (160,)
    pd.testing.assert_frame_equal(X, before)
    global_state.assert_unchanged()


def test_sparse():
    X, y = rows(100, rare=0.3)
    X = sparse.coo_matrix(np.where(X > 0.5, X, 0))
    fitted = model(oversampler=RandomOverSampler(), blend=[0.5], calibrate=True).fit(X, y)
    assert fitted.predict_proba(X.tocsr()).shape == (100, 2)


def test_a_gan():
    X, y = rows(150, rare=0.3)
    fitted = model(oversampler=tiny_gan(), blend=1.0).fit(X, y)
    assert fitted.oversampler_.is_synthetic_.sum() == (y == 0).sum() - (y == 1).sum()


# ---- repeatable ---------------------------------------------------------------------------------


def test_repeatable_whatever_n_jobs(global_state):
    X, y = rows(150, rare=0.25)
    own = model(DecisionTreeClassifier(max_features=1), tiny_gan(), blend=[0.5, 1.0], calibrate=True)
    first = own.fit(X, y)
    with joblib.parallel_config("threading"):
        second = clone(own).set_params(n_jobs=2).fit(X, y)
    pd.testing.assert_frame_equal(first.evidence_, second.evidence_)
    third = pickle.loads(pickle.dumps(second))
    assert np.array_equal(first.predict_proba(X), third.predict_proba(X))
    assert not clone(own).set_params(random_state=1).fit(X, y).evidence_.equals(first.evidence_)
    global_state.assert_unchanged()


def test_seeds_given_are_kept():
    X, y = rows(100)
    fitted = model(DecisionTreeClassifier(random_state=7), Fake(random_state=8), blend=1.0).fit(X, y)
    assert (fitted.estimator_.random_state, fitted.oversampler_.random_state) == (7, 8)


# ---- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"scoring": "precison"}, "scoring: 'precison' is not a valid scoring"),
        ({"scoring": balanced_accuracy_score}, "scoring: .*make_scorer"),
        ({"scoring": 3}, "scoring=3"),
        ({"scoring": lambda estimator, X, y: "much"}, "scoring=.*cannot judge"),
        ({"scoring": lambda estimator, X, y: np.nan}, "is nan on an inner fold"),
        ({"threshold": "f11"}, "threshold: 'f11'"),
        ({"threshold": True}, "threshold=True"),
        ({"calibrate": "plat"}, "calibrate='plat'"),
        ({"blend": "best"}, "blend='best'"),
        ({"blend": 1.5}, "blend=1.5"),
        ({"blend": [0.5, -1]}, "blend=-1"),
        ({"blend": []}, "blend is empty"),
        ({"blend": None}, "blend=None"),
        ({"blend": True}, "blend=True"),
        ({"blend": Blend(0.5, 0.0)}, "weight=0.0"),
        ({"blend": Blend(0.5, 0.5), "estimator": KNeighborsClassifier()}, "sample_weight"),
        ({"cv": 1}, "cv=1"),
        ({"cv": "many"}, "cv='many'"),
        ({"cv": [(np.flatnonzero(rows(60, rare=0.3)[1] == 0), np.arange(5))]}, "cv: every training part"),
        ({"oversampler": RandomOverSampler}, "oversampler="),
        ({"estimator": LogisticRegression}, r"write estimator=LogisticRegression\(\)"),
        ({"estimator": "forest"}, "estimator='forest'"),
        ({"n_jobs": 0}, "n_jobs=0"),
        ({"treatments": "all"}, "treatments='all'"),
        ({"treatments": ["tune"]}, "treatments='tune'"),
        ({"treatments": []}, "treatments is empty"),
        ({"treatments": 3}, "treatments=3"),
        ({"treatments": ["tuned"], "threshold": False}, "treatments has 'tuned', which needs threshold='auto'"),
        ({"shrink": "yes"}, "shrink='yes'"),
        ({"max_time": -1}, "max_time=-1"),
        ({"oversampler": []}, "oversampler is empty"),
        ({"random_state": -1}, "random_state=-1"),
    ],
)
def test_errors_name_the_parameter(parameters, said):
    X, y = rows(60, rare=0.3)
    with pytest.raises(GanaugError, match=said):
        model(**{"blend": [1.0], **parameters}).fit(X, y)


def test_labels_that_are_a_kind_of_str_in_an_object_array():
    X, kind = make_blobs(60, centers=2, random_state=0)
    labels = np.array([np.str_("pn"[one]) for one in kind], dtype=object)
    assert model(treatments=["class_weight"]).fit(X, labels).classes_.tolist() == ["n", "p"]


def test_more_errors():
    X, kind = make_blobs(60, centers=3, random_state=0)
    with pytest.raises(GanaugError, match="two classes"):
        model(threshold="tune").fit(X, kind)
    with pytest.raises(GanaugError, match="scoring='roc_auc' cannot judge LogisticRegression on 3 classes"):
        model(oversampler=RandomOverSampler(), scoring="roc_auc").fit(X, kind)
    with pytest.raises(GanaugError, match="must return the rows it was given"):
        model(oversampler=Shuffling(), blend=1.0).fit(*rows(60))
    texts = pd.DataFrame({"a": X[:, 0], "k": ["u", "v", "w"] * 20})
    numbers = make_pipeline(FunctionTransformer(lambda frame: frame[["a"]]), LogisticRegression())
    with pytest.raises(InvalidDataError, match=r"oversampler=SMOTE could not resample.*float.*GANOversampler\(\)"):
        model(numbers, SMOTE(k_neighbors=2)).fit(texts, kind % 2)
    for labels, said in [
        (np.array([1, "x"], dtype=object)[kind % 2], r"type int, str in an object array.*y\.astype\(str\)"),
        (kind.astype(object), r"type int in an object array.*y\.astype\(int\)"),
    ]:
        with pytest.raises(InvalidDataError, match=said):
            model().fit(X, labels)
    scorer = make_scorer(balanced_accuracy_score)
    assert "score" in model(oversampler=RandomOverSampler(), scoring=scorer, blend=[1.0]).fit(X, kind).verdict_


class Shuffling(Fake):
    def fit_resample(self, X, y):
        X, y = super().fit_resample(X, y)
        return X[::-1], y[::-1]


def test_a_table_that_the_classifier_cannot_take_is_told_with_the_encoders_to_write():
    X = pd.DataFrame({"n": np.arange(40.0), "kind": ["a", "b"] * 20, "day": pd.date_range("2024-01-01", periods=40)})
    y = np.arange(40) % 4 == 0
    for columns, named in ((["n", "kind"], "1 of its columns"), (["n", "kind", "day"], "'kind', 'day'")):
        with pytest.raises((TypeError, ValueError)) as told:
            model(DecisionTreeClassifier(), oversampler=RandomOverSampler()).fit(X[columns], y)
        assert named in told.value.__notes__[0] and "OneHotEncoder" in told.value.__notes__[0]
    with pytest.raises(ValueError, match="max_depth") as other:  # not the table's fault
        model(DecisionTreeClassifier(max_depth=-5), oversampler=RandomOverSampler()).fit(X[["n"]], y)
    assert not getattr(other.value, "__notes__", [])
