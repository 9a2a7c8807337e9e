"""One seed, one result: whatever runs beside it, and leaving the process's own random states alone."""

from __future__ import annotations

import random
from functools import partial

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from helpers import cases, tabular_gan
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.backend import context as loky_context

from ganaug import FewSamplesWarning, GANOversampler, SmoothedBootstrap

gan = partial(tabular_gan, max_steps=6, random_state=None)


def oversampler(**parameters):
    return GANOversampler(**{"generator": gan(), "scope": "per-class", "random_state": 0, **parameters})


def frame():
    """120 rows of "a", 40 of "b", 40 of "c", 5 of "d", mixed columns."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat(["a", "b", "c", "d"], [120, 40, 40, 5]))
    X = pd.DataFrame({"x": rng.normal(size=205), "y": rng.gamma(2, size=205), "n": rng.integers(0, 50, 205)})
    X["kind"] = pd.Categorical(rng.choice(["p", "q", "r"], 205))
    X.loc[::7, "y"] = np.nan
    return X, y


def resampled(**parameters):
    X, y = frame()
    with pytest.warns(FewSamplesWarning, match="class 'd'"):
        return oversampler(**parameters).fit_resample(X, y)


@pytest.fixture(scope="module")
def alone():
    return resampled()


def assert_same(one, other):
    pd.testing.assert_frame_equal(one[0], other[0], check_exact=True)
    assert np.array_equal(one[1], other[1])


def test_two_runs_are_identical(alone):
    assert_same(resampled(), alone)


def test_another_seed_is_another_result(alone):
    assert not resampled(random_state=1)[0].equals(alone[0])


def test_processes(whole_judges):
    one = resampled(n_jobs=1)
    assert_same(resampled(n_jobs=2), one)


@pytest.mark.slow
def test_processes_of_new_interpreters(monkeypatch):
    """As joblib starts them for users; `helpers` forks them from a process that has imported torch."""
    one = resampled(n_jobs=1)
    get_reusable_executor().shutdown(wait=True)
    monkeypatch.setattr(loky_context, "_DEFAULT_START_METHOD", None)
    assert_same(resampled(n_jobs=2), one)
    get_reusable_executor().shutdown(wait=True)


@pytest.mark.parametrize("backend", ["threading", "sequential"])
def test_backends(alone, backend):
    with joblib.parallel_config(backend, n_jobs=2):
        assert_same(resampled(), alone)


def test_the_thread_count_of_the_process_does_not_matter(alone):
    before = torch.get_num_threads()
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            assert_same(resampled(), alone)
    finally:
        torch.set_num_threads(before)


def test_global_seeds_do_not_matter(alone):
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    try:
        random.seed(5), np.random.seed(5), torch.manual_seed(5)  # noqa: NPY002
        assert_same(resampled(), alone)
    finally:
        random.setstate(states[0]), np.random.set_state(states[1]), torch.set_rng_state(states[2])  # noqa: NPY002


@pytest.mark.parametrize("make", [np.random.RandomState, np.random.default_rng])
def test_generators_of_numpy_as_seeds(make, imbalanced):
    rng = make(3)
    first, _ = oversampler(random_state=rng).fit_resample(*imbalanced)
    second, _ = oversampler(random_state=rng).fit_resample(*imbalanced)
    again, _ = oversampler(random_state=make(3)).fit_resample(*imbalanced)
    assert np.array_equal(first, again) and not np.array_equal(first, second)


def test_without_a_seed_two_runs_differ(imbalanced):
    first, second = (oversampler(random_state=None).fit_resample(*imbalanced)[0] for _ in range(2))
    assert not np.array_equal(first, second)


@cases("scope", ["per-class", "shared"])
@cases("rows", [30, 8])
@pytest.mark.filterwarnings("ignore::ganaug.FewSamplesWarning")
def test_two_classes_with_equal_data_get_different_samples(rng, scope, rows):
    same = rng.normal(size=(rows, 3))
    X = np.concatenate([rng.normal(size=(60, 3)), same, same])
    y = np.repeat(["plenty", "one", "two"], [60, rows, rows])
    X_res, y_res = oversampler(scope=scope).fit_resample(X, y)
    one, two = (X_res[60 + 2 * rows :][y_res[60 + 2 * rows :] == label] for label in ("one", "two"))
    assert len(one) == len(two) == 60 - rows
    assert not np.isin(one, two).any()


@pytest.mark.parametrize("seed", [0, None])
@pytest.mark.filterwarnings("ignore::ganaug.FewSamplesWarning")
def test_the_process_is_left_as_it_was(global_state, seed):
    X, y = frame()
    own = gan(random_state=seed, max_steps=4).fit(X, y)
    global_state.assert_unchanged()
    own.sample(5), own.score_samples(X), own.features(X), list(own.iter_samples(5))
    global_state.assert_unchanged()
    SmoothedBootstrap(random_state=seed).fit(X, y).sample(5)
    global_state.assert_unchanged()
    sampler = oversampler(random_state=seed, generator=gan(max_steps=4))
    sampler.fit_resample(X, y)
    sampler.sample(3, label="b")
    global_state.assert_unchanged()


@pytest.mark.parametrize("make", [gan, SmoothedBootstrap])
def test_generators_repeat_and_go_on(make, imbalanced):
    X, y = imbalanced
    one, two = (make(random_state=0).fit(X, y) for _ in range(2))
    first = one.sample(20)
    assert np.array_equal(first[0], two.sample(20)[0]) and np.array_equal(one.sample(20)[0], two.sample(20)[0])
    assert not np.array_equal(first[0], one.sample(20)[0])
    assert np.array_equal(one.sample(20, random_state=4)[0], two.sample(20, random_state=4)[0])


def test_rows_do_not_depend_on_how_many_are_scored_with_them(imbalanced):
    X, y = imbalanced
    own = gan(random_state=0).fit(X, y)
    assert np.array_equal(own.score_samples(X)[:7], own.score_samples(X[:7]))
    assert np.array_equal(own.score_samples(X, y)[:7], own.score_samples(X[:7], y[:7]))
