"""Measures against slow and obvious versions of themselves, and at their extremes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from helpers import cases

from ganaug.metrics import energy_quality, mean_distance, two_sample_auc


def naive_mean_distance(a, b=None):
    if b is not None:
        return float(np.mean([math.dist(p, q) for p in a for q in b]))
    return float(np.mean([math.dist(a[i], a[j]) for i in range(len(a)) for j in range(len(a)) if i != j]))


def normal(n, d, shift=0.0, scale=1.0, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(shift, scale, (n, d)).astype(np.float32))


def test_mean_distance_is_the_double_loop():
    a, b = normal(11, 3), normal(7, 3, shift=1, seed=1)
    assert mean_distance(a, b) == pytest.approx(naive_mean_distance(a.tolist(), b.tolist()), rel=1e-5)
    # a row with itself is no pair
    assert mean_distance(a) == pytest.approx(naive_mean_distance(a.tolist()), rel=1e-5)


def test_energy_quality_is_the_double_loop():
    real, fake = normal(13, 4), normal(9, 4, shift=0.5, scale=2, seed=1)
    r, f = real.tolist(), fake.tolist()
    across = 2 * naive_mean_distance(r, f)
    expected = 1 - (across - naive_mean_distance(r) - naive_mean_distance(f)) / across
    assert energy_quality(real, fake) == pytest.approx(expected, rel=1e-5)
    assert energy_quality(real, fake, real_spread=mean_distance(real)) == pytest.approx(expected, rel=1e-5)


def test_distances_are_right_far_from_the_origin():
    """A distance by |a|^2 - 2ab + |b|^2 in float32 would lose all digits here."""
    a = normal(60, 3) + 5000
    assert mean_distance(a) == pytest.approx(naive_mean_distance(a.tolist()), rel=1e-3)


def test_energy_quality_orders_what_an_eye_would_order():
    real = normal(300, 3)
    same, moved, far = (normal(300, 3, shift=s, seed=1) for s in (0, 0.5, 20))
    narrow = normal(300, 3, scale=0.3, seed=1)
    collapsed = torch.zeros(300, 3)
    qualities = [energy_quality(real, fake) for fake in (same, moved, narrow, collapsed, far)]
    assert qualities == sorted(qualities, reverse=True)
    assert qualities[0] == pytest.approx(1, abs=0.02) and qualities[-1] < 0.1


def test_energy_quality_sees_dependence_between_columns():
    real = normal(400, 1).repeat(1, 2)
    fake = normal(400, 2, seed=1)  # the same marginals, independent
    assert energy_quality(real, fake) < 0.97


def test_energy_quality_is_centred_at_one_for_equal_distributions():
    values = [energy_quality(normal(30, 5, seed=2 * s), normal(30, 5, seed=2 * s + 1)) for s in range(60)]
    assert np.mean(values) == pytest.approx(1, abs=0.01)


@cases(("n", "m"), [(1, 1), (1, 5), (5, 1), (2, 2)])
def test_a_few_rows_give_a_number(n, m):
    assert math.isfinite(energy_quality(normal(n, 2), normal(m, 2, seed=1)))


def test_equal_constants_are_perfect():
    assert energy_quality(torch.ones(5, 2), torch.ones(4, 2)) == 1.0
    assert energy_quality(torch.ones(5, 0), torch.ones(4, 0)) == 1.0


def test_two_sample_auc_extremes():
    real = normal(120, 3)
    assert two_sample_auc(real, normal(120, 3, shift=9, seed=1)) == 1.0
    assert two_sample_auc(real, normal(120, 3, seed=1)) == pytest.approx(0.5, abs=0.12)


def test_two_sample_auc_is_fair_to_unequal_sizes_and_repeats():
    real, fake = normal(60, 3), normal(300, 3, seed=1)
    auc = two_sample_auc(real, fake)
    assert auc == pytest.approx(0.5, abs=0.15)
    assert auc == two_sample_auc(real, fake) and auc != two_sample_auc(real, fake, random_state=1)


def test_two_sample_auc_sees_dependence_between_columns():
    real = normal(200, 1).repeat(1, 2)
    assert two_sample_auc(real, normal(200, 2, seed=1)) > 0.9


def test_measures_touch_no_global_generator(global_state):
    two_sample_auc(normal(30, 2), normal(30, 2, seed=1))
    energy_quality(normal(30, 2), normal(30, 2, seed=1))
    global_state.assert_unchanged()
