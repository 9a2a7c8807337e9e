"""Each metric against scipy, scikit-learn, pandas, a closed form, or a second implementation that is slow and plain."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import linalg, stats
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.metrics.pairwise import polynomial_kernel

from ganaug.exceptions import InvalidDataError
from ganaug.metrics import (
    authenticity,
    closest_record_ratio,
    contingency_distance,
    correlation_distance,
    correlation_ratio,
    coverage,
    density,
    diagnose,
    distinct_neighbours,
    evaluate,
    frechet_distance,
    kernel_distance,
    ks_distance,
    membership_auc,
    missing_rate_difference,
    near_copies,
    neighbour_distance_ratio,
    precision,
    recall,
    total_variation,
    two_sample_auc,
)
from ganaug.metrics.column_metrics import (
    association,
    correlation_ratios,
    joint_codes,
    ranks,
    squared_association,
    squared_ratios,
)
from ganaug.metrics.features import estimate, mean_estimate, nearest, neighbours_for, uniform, weighted_auc
from ganaug.metrics.privacy import closest, closest_others
from ganaug.metrics.utility import average_precision

EXACT = {"rel": 1e-6, "abs": 1e-9}


@pytest.fixture
def pair(rng):
    real = rng.normal(size=(61, 4)) @ rng.normal(size=(4, 4))
    fake = rng.normal(size=(47, 4)) @ rng.normal(size=(4, 4)) + 0.3
    return real, fake


# ------------------------------------------------------------------------------------------ columns


@pytest.mark.parametrize("decimals", [8, 0])  # with ties too
def test_ks_is_scipys(rng, decimals):
    real, fake = rng.normal(size=200).round(decimals), rng.normal(0.5, 2, size=73).round(decimals)
    assert ks_distance(real, fake) == pytest.approx(stats.ks_2samp(real, fake).statistic, **EXACT)


def test_ks_leaves_missing_values_out(rng):
    real, fake = rng.normal(size=50), rng.normal(size=40)
    holes = real.copy()
    holes[::5] = np.nan
    assert ks_distance(holes, fake) == pytest.approx(ks_distance(holes[~np.isnan(holes)], fake), **EXACT)
    assert ks_distance(holes, np.full(3, np.nan)) == 1.0
    assert ks_distance([np.nan], [np.nan]) == 0.0


def test_total_variation_is_that_of_value_counts(rng):
    real = pd.Series(rng.choice(["a", "b", "c", None], 80, p=[0.5, 0.2, 0.2, 0.1]))
    fake = pd.Series(rng.choice(["b", "c", "d"], 60))
    shares = [s.value_counts(normalize=True) for s in (real, fake)]
    naive = shares[0].sub(shares[1], fill_value=0).abs().sum() / 2
    assert total_variation(real, fake) == pytest.approx(naive, **EXACT)


def test_missing_rate_difference_counts():
    assert missing_rate_difference([None, "a", "b", "c"], ["a", None, None, "b"]) == 0.25


# ------------------------------------------------------------------------------------------ pairs of columns


def test_correlation_distance_is_that_of_scipys_spearman(pair):
    real, fake = (X.round(1) for X in pair)
    rho = [stats.spearmanr(X).statistic[np.triu_indices(4, 1)] for X in (real, fake)]
    assert correlation_distance(real, fake) == pytest.approx(np.abs(rho[0] - rho[1]).mean(), **EXACT)


def test_correlation_distance_with_holes_is_that_of_pandas(pair, rng):
    real, fake = (np.where(rng.random(X.shape) < 0.2, np.nan, X) for X in pair)
    rho = [pd.DataFrame(X).rank().corr().to_numpy()[np.triu_indices(4, 1)] for X in (real, fake)]
    assert correlation_distance(real, fake) == pytest.approx(np.abs(rho[0] - rho[1]).mean(), **EXACT)


def test_correlations_are_exact_far_from_the_origin_and_zero_for_constants(pair):
    real, fake = pair
    far = correlation_distance(real + 1e9, fake)
    assert far == pytest.approx(correlation_distance(real, fake), abs=1e-4)  # 1e9 costs the data itself its digits
    assert correlation_distance(np.c_[real[:, 0], np.ones(61)], np.c_[fake[:, 0], np.ones(47)]) == 0.0


def test_contingency_distance_is_that_of_crosstabs(rng):
    real, fake = rng.integers(0, 3, (90, 3)), rng.integers(0, 4, (70, 3)) // 2
    naive = []
    for i, j in [(0, 1), (0, 2), (1, 2)]:
        a, b = (pd.crosstab(X[:, i], X[:, j], normalize=True).stack() for X in (real, fake))
        naive.append(a.sub(b, fill_value=0).abs().sum() / 2)
    assert contingency_distance(real, fake) == pytest.approx(np.mean(naive), **EXACT)


def test_correlation_ratio_is_the_r_of_a_regression_on_indicators(rng):
    groups = rng.choice(list("abc"), 60)
    y = rng.normal(size=60) + (groups == "b")
    design = np.array([groups == g for g in "abc"]).T.astype(float)
    fitted = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    r = np.sqrt(((fitted - y.mean()) ** 2).sum() / ((y - y.mean()) ** 2).sum())
    assert correlation_ratio(groups, y) == pytest.approx(r, **EXACT)
    assert correlation_ratio(groups, np.ones(60)) == 0.0


def test_correlation_ratios_of_weights_are_those_of_repeated_rows(rng):
    codes, X = rng.integers(0, 3, 20), rng.normal(size=(20, 2))
    times = rng.integers(0, 4, 20)
    weighted = correlation_ratios([codes], X, times / times.sum())
    repeated = correlation_ratios([codes.repeat(times)], X.repeat(times, 0), uniform(times.sum()))
    np.testing.assert_allclose(weighted, repeated, rtol=1e-9)


def test_squared_dependences_are_zero_on_average_where_there_is_none(rng):
    n = 60
    associations, ratios = [], []
    for _ in range(300):
        a, b = rng.integers(0, 4, n), rng.integers(0, 3, n)
        associations.append(squared_association(joint_codes(a, b), 5, 4)(uniform(n)))
        ratios.append(squared_ratios([a], rng.normal(size=(n, 1)), uniform(n))[0, 0])
    assert abs(np.mean(associations)) < 0.006 and abs(np.mean(ratios)) < 0.01
    assert squared_association(joint_codes(a, a), 5, 5)(uniform(n)) == pytest.approx(1 - 3 / (n - 1), **EXACT)
    assert squared_ratios([a], a[:, None].astype(float), uniform(n))[0, 0] == pytest.approx(1, **EXACT)


def test_association_is_scipys_cramer(rng):
    a, b = rng.integers(0, 3, 80), rng.integers(0, 4, 80)
    v = stats.contingency.association(pd.crosstab(a, b).to_numpy(), method="cramer")
    joint = joint_codes(a, b)
    assert association(joint, uniform(80), 4, int(b.max()) + 2) == pytest.approx(v, **EXACT)


def test_ranks_keep_missing_values(rng):
    X = rng.normal(size=(30, 2))
    X[3, 0] = np.nan
    ranked = ranks(X)
    assert np.isnan(ranked[3, 0]) and np.isnan(ranked).sum() == 1
    assert stats.spearmanr(X[:, 1], ranked[:, 1]).statistic == pytest.approx(1)


# ------------------------------------------------------------------------------------------ distances


def test_frechet_is_the_closed_form_with_scipys_square_root(pair):
    real, fake = pair
    means = real.mean(0) - fake.mean(0)
    one, two = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    naive = means @ means + np.trace(one + two - 2 * linalg.sqrtm(one @ two).real)
    assert frechet_distance(real, fake) == pytest.approx(naive, **EXACT)
    assert frechet_distance(real + 1e6, fake + 1e6) == pytest.approx(naive, rel=1e-6)


def test_frechet_of_more_columns_than_rows(rng):
    real, fake = rng.normal(size=(6, 9)), rng.normal(size=(7, 9))
    one, two = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    eigenvalues = linalg.eigvals(one @ two).real
    means = real.mean(0) - fake.mean(0)
    root = np.sqrt(np.clip(eigenvalues, 0, None)).sum()
    assert frechet_distance(real, fake) == pytest.approx(means @ means + np.trace(one + two) - 2 * root, rel=1e-5)
    assert frechet_distance(real, real) == pytest.approx(0, abs=1e-9)


def test_kernel_distance_is_brute_force(pair):
    real, fake = pair
    options = {"degree": 3, "coef0": 1}  # gamma is 1 / columns, as in KID
    xx, yy, xy = (polynomial_kernel(a, b, **options) for a, b in ((real, real), (fake, fake), (real, fake)))
    n, m = len(real), len(fake)
    naive = sum(xx[i, j] for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    naive += sum(yy[i, j] for i in range(m) for j in range(m) if i != j) / (m * (m - 1)) - 2 * xy.mean()
    assert kernel_distance(real, fake) == pytest.approx(naive, **EXACT)


def test_kernel_distance_is_unbiased():
    draws = [np.random.default_rng(s).normal(size=(2, 20, 3)) for s in range(300)]
    values = [kernel_distance(*draw) for draw in draws]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(300)


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
def test_distances_refuse_what_they_cannot_compare(distance):
    with pytest.raises(InvalidDataError, match=r"\(3, 2\) and \(3, 1\)"):
        distance(np.ones((3, 2)), np.ones((3, 1)))


# ------------------------------------------------------------------------------------------ diversity


def apart(a, b):
    return float(np.sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True))))


def plain_radii(rows, k):
    return [sorted(apart(row, other) for j, other in enumerate(rows) if j != i)[k - 1] for i, row in enumerate(rows)]


@pytest.mark.parametrize("k", [1, 3])
def test_prdc_is_brute_force(pair, k):
    real, fake = pair
    around_real, around_fake = plain_radii(real, k), plain_radii(fake, k)
    inside = [[apart(f, r) <= radius for r, radius in zip(real, around_real, strict=True)] for f in fake]
    reached = [[apart(f, r) <= radius for f, radius in zip(fake, around_fake, strict=True)] for r in real]
    assert precision(real, fake, k) == pytest.approx(np.mean([any(row) for row in inside]), **EXACT)
    assert recall(real, fake, k) == pytest.approx(np.mean([any(row) for row in reached]), **EXACT)
    assert density(real, fake, k) == pytest.approx(np.sum(inside) / k / len(fake), **EXACT)
    assert coverage(real, fake, k) == pytest.approx(np.mean(np.any(inside, axis=0)), **EXACT)


def test_coverage_of_the_same_distribution_is_what_theory_says():
    """Naeem et al., equation 9: E = 1 - (m - 1) ... (m - k) / ((2 m - 1) ... (2 m - k)) for n = m."""
    m, k = 60, 2
    expected = 1 - (m - 1) * (m - 2) / ((2 * m - 1) * (2 * m - 2))
    values = [coverage(*np.random.default_rng(s).normal(size=(2, m, 3)), k) for s in range(200)]
    assert np.mean(values) == pytest.approx(expected, abs=0.01)


def test_fewer_rows_have_fewer_neighbours():
    assert [neighbours_for(n) for n in (2, 9, 12, 24, 25, 9999)] == [1, 1, 2, 4, 5, 5]


def test_distinct_neighbours_counts(rng):
    real, unseen = rng.normal(size=(40, 2)), rng.normal(size=(30, 2))
    fake = rng.normal(size=(30, 2))
    hits = [len({min(range(40), key=lambda i: apart(row, real[i])) for row in rows}) for rows in (fake, unseen)]
    assert distinct_neighbours(real, fake, unseen) == pytest.approx(hits[0] / hits[1])


@pytest.mark.parametrize("scale", [1.0, 1e-6])
def test_nearest_is_exact_far_from_the_origin(rng, scale):
    rows = 1000 + scale * rng.normal(size=(300, 5))
    distances, places = nearest(rows, rows, 1, itself=True)
    naive = [min((apart(r, s), j) for j, s in enumerate(rows) if j != i) for i, r in enumerate(rows[:20])]
    np.testing.assert_allclose(distances[:20, 0], [d for d, _ in naive], rtol=1e-2 if scale < 1 else 1e-9)
    assert (places[:, 0] != np.arange(300)).all()


# ------------------------------------------------------------------------------------------ privacy


def test_privacy_is_brute_force(pair, rng):
    train, fake = pair
    fake = np.concatenate([fake, train[:5] + 1e-7])
    unseen = rng.normal(size=(30, 4))
    by_row = [sorted((apart(f, r), i) for i, r in enumerate(train)) for f in fake]
    own = [min(apart(r, s) for j, s in enumerate(train) if j != i) for i, r in enumerate(train)]
    closest = np.array([row[0][0] for row in by_row])
    assert neighbour_distance_ratio(train, fake) == pytest.approx(np.mean([r[0][0] / r[1][0] for r in by_row]), **EXACT)
    assert authenticity(train, fake) == pytest.approx(np.mean([r[0][0] > own[r[0][1]] for r in by_row]), **EXACT)
    of_unseen = [min(apart(u, r) for r in train) for u in unseen]
    ratio = np.median(closest) / np.median(of_unseen)
    assert closest_record_ratio(train, fake, unseen) == pytest.approx(ratio, **EXACT)
    assert closest_record_ratio(train, fake) == pytest.approx(np.median(closest) / np.median(own), **EXACT)
    scores = [-min(apart(r, f) for f in fake) for r in [*train, *unseen]]
    auc = roc_auc_score([1] * len(train) + [0] * len(unseen), scores)
    assert membership_auc(train, unseen, fake) == pytest.approx(auc, **EXACT)
    copies = [(j, r[0][1]) for j, r in enumerate(by_row) if r[0][0] <= 0.1 * own[r[0][1]]]
    found = near_copies(train, fake)
    assert sorted(zip(found.synthetic.tolist(), found.real.tolist(), strict=True)) == copies
    assert {(47 + i, i) for i in range(5)} <= set(copies)
    assert (np.diff(found.distance) >= 0).all()


def test_real_rows_are_looked_at_as_if_held_out(rng):
    train = rng.integers(0, 4, (40, 3)).astype(float)  # with equals
    rows = np.arange(3, 40, 4)
    found = closest_others(train, rows)
    for place, row in enumerate(rows):
        without = closest(np.delete(train, row, 0), train[[row]])
        assert found.distance[place] == pytest.approx(without.distance[0], **EXACT)
        assert found.second[place] == pytest.approx(without.second[0], **EXACT)
    assert (found.row != rows).all()


def test_rows_of_few_values_meet_by_chance(rng):
    """Of all combinations of few values half were trained on: rows drawn column by column repeat many of them."""
    grid = np.stack(np.meshgrid(*[range(4)] * 4), -1).reshape(-1, 4)
    names = list("abcd")
    real = pd.DataFrame(grid[rng.permutation(len(grid))[:128]], columns=names).astype(str)
    drawn = pd.DataFrame(rng.integers(0, 4, (200, 4)), columns=names).astype(str)
    entry = evaluate(real, drawn, metrics=["near_copies"], n_resamples=0)["near_copies"]
    assert 0.3 < entry["value"] < 0.7 and entry["floor"] == pytest.approx(entry["value"], abs=0.12)
    for fake, topic in ((drawn, "good"), (real, "copying")):
        assert diagnose(evaluate(real, fake, metrics="privacy", n_resamples=0))[0].topic == topic


def test_rows_that_real_data_repeats_are_no_copies():
    train = np.repeat([[0.0], [1.0], [5.0]], 4, axis=0)
    assert len(near_copies(train, train).synthetic) == 0
    assert authenticity(train, train) == 1.0
    assert closest_record_ratio(train, train) == 1.0
    assert near_copies([[3.0]], [[3.0]]).synthetic.tolist() == []  # one row has no neighbour to go by


# ------------------------------------------------------------------------------------------ weights, intervals


def test_weighted_auc_and_average_precision_are_scikit_learns(rng):
    truth, score = rng.random(90) < 0.3, rng.normal(size=90).round(1)
    w = rng.integers(0, 4, 90).astype(float)
    auc = weighted_auc(score[truth], score[~truth], w[truth], w[~truth])
    assert auc == pytest.approx(roc_auc_score(truth, score, sample_weight=w), **EXACT)
    ap = average_precision(truth, score)(w)
    assert ap == pytest.approx(average_precision_score(truth, score, sample_weight=w), **EXACT)


def test_interval_of_a_mean_is_that_of_theory(rng):
    values = rng.normal(3, 2, size=400)
    found = mean_estimate(values, seed=0, n_resamples=2000)
    reach = 1.96 * values.std() / 20
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((values.mean() - reach, values.mean() + reach), abs=0.03)


def test_intervals_hold_the_true_value_as_often_as_they_say():
    hits = 0
    for seed in range(100):
        sample = np.random.default_rng(seed).exponential(size=80)
        found = mean_estimate(sample, seed=seed, n_resamples=200)
        hits += found.low <= 1 <= found.high
    assert 87 <= hits <= 100


def test_intervals_are_cut_to_the_range_and_centred_at_the_value(rng):
    values = (rng.random(40) < 0.05).astype(float)
    found = mean_estimate(values, seed=0, n_resamples=200, bounds=(0.0, 1.0))
    assert found.low >= 0 and found.low <= found.value <= found.high
    none = estimate(lambda w: float(w @ values), (40,), seed=0, n_resamples=0)
    assert np.isnan(none.low) and none.value == found.value


# ------------------------------------------------------------------------------------------ evaluate's own


def test_evaluate_gives_the_numbers_of_the_functions(pair):
    """Where nothing is left out, the entry of a table is the function of its columns or features."""
    from ganaug.metrics import as_features

    real, fake = pair
    found = {name: entry["value"] for name, entry in evaluate(real, fake, n_resamples=0).items()}
    a, b = as_features(real, fake)
    expected = {
        "ks_distance": np.mean([stats.ks_2samp(real[:, j], fake[:, j]).statistic for j in range(4)]),
        "missing_rate_difference": 0.0,
        "correlation_distance": correlation_distance(real, fake),
        "frechet_distance": frechet_distance(a, b),
        "kernel_distance": kernel_distance(a, b),
        "precision": precision(a, b),
        "recall": recall(a, b),
        "density": density(a, b),
        "coverage": coverage(a, b),
        "closest_record_ratio": closest_record_ratio(a, b),
        "neighbour_distance_ratio": neighbour_distance_ratio(a, b),
        "near_copies": len(near_copies(a, b).synthetic) / len(b),
        "authenticity": authenticity(a, b),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, **EXACT)
    assert found.keys() - expected.keys() == {"two_sample_auc", "distinct_neighbours"}
    assert found["two_sample_auc"] == pytest.approx(two_sample_auc(a, b), abs=0.1)  # another forest
