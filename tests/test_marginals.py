"""Rows of a class have the class's own marginals: numbers, states; and what a file tells of them."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

import ganaug
from ganaug import GANOversampler, TabularGAN
from ganaug.estimators.tabular import ClassMarginals, TableSmoother
from ganaug.exceptions import InvalidParameterError, ModelFileError
from ganaug.utils.types import Block

BLOCKS = (Block("scalar", 0, 2), Block("onehot", 2, 5))
SMALL = {"max_steps": 60, "width": 32, "depth": 1, "random_state": 0, "verbose": False}


def everything(rows):
    return np.ones((len(rows), 2), dtype=bool)


def encoded(n, rng, shares=(0.6, 0.3, 0.1), move=0.0):
    numbers = rng.normal(size=(n, 2)) @ np.array([[1.0, 0.8], [0.0, 0.6]]) + move
    states = rng.choice(3, n, p=shares)
    return np.concatenate([numbers, np.eye(3)[states]], axis=1).astype(np.float32)


def made(n, rng):
    """Numbers that are too narrow and a little off, and logits that prefer the first state."""
    numbers = rng.normal(size=(n, 2)) @ np.array([[0.5, 0.4], [0.0, 0.3]]) + 0.7
    logits = rng.gumbel(size=(n, 3)) + np.array([2.0, 0.0, -3.0]) + numbers[:, :1] * np.array([0, 1, 0])
    return np.concatenate([numbers, logits], axis=1).astype(np.float32)


@pytest.fixture
def fitted():
    rng = np.random.default_rng(0)
    real = encoded(800, rng)
    x, y = np.concatenate([real, encoded(500, rng, move=5.0)]), np.repeat([1, 0], [800, 500])
    return real, ClassMarginals.fit(x, y, [1], BLOCKS, everything, lambda _: made(4000, np.random.default_rng(1)))


def test_numbers_and_states_come_as_in_the_class(fitted):
    real, marginals = fitted
    rows = marginals.moved(made(4000, np.random.default_rng(2)), 1)
    for column in (0, 1):
        assert ks_2samp(rows[:, column], real[:, column]).statistic < 0.04
    shares = np.bincount(rows[:, 2:].argmax(1), minlength=3) / len(rows)
    assert np.abs(shares - real[:, 2:].mean(0)).max() < 0.03


def test_what_columns_have_to_do_with_each_other_stays(fitted):
    _, marginals = fitted
    before = made(4000, np.random.default_rng(2))
    after = marginals.moved(before, 1)
    for column in (0, 1):
        assert (np.argsort(before[:, column]) == np.argsort(after[:, column])).mean() > 0.99
    assert marginals.moved(before, 0) is before  # a class that is not sampled


def test_rows_that_are_refused_are_allowed_for():
    rng = np.random.default_rng(0)
    x = encoded(800, rng)

    def kept(condition, rows):  # of the last state nine tenths are refused
        lots = np.random.default_rng(3).random(len(rows))
        return (rows[:, 2:].argmax(1) != 2) | (lots < 0.1)

    def drawn(condition):
        return made(4000, np.random.default_rng(1))

    marginals = ClassMarginals.fit(x, np.zeros(800, np.int64), [0], BLOCKS, everything, drawn, kept)
    rows = marginals.moved(made(4000, np.random.default_rng(2)), 0)
    rows = rows[kept(0, rows)]
    assert (rows[:, 2:].argmax(1) == 2).mean() == pytest.approx(x[:, 4].mean(), abs=0.04)


def test_states_of_a_few_rows_are_never_made_more_often():
    rng = np.random.default_rng(0)
    x = encoded(800, rng, shares=(0.7, 0.3, 0.0))
    x[:2, 2:] = np.eye(3)[2]
    y = np.zeros(800, np.int64)
    often = np.array([0, 0, 0, 0, 4], np.float32)
    marginals = ClassMarginals.fit(
        x, y, [0], BLOCKS, everything, lambda _: made(4000, np.random.default_rng(1)) + often
    )
    rows = marginals.moved(made(4000, np.random.default_rng(2)) + often, 0)
    assert (rows[:, 2:].argmax(1) == 2).mean() < 0.01
    seldom = ClassMarginals.fit(
        x, y, [0], BLOCKS, everything, lambda _: made(4000, np.random.default_rng(1)) - 9 * often
    )
    assert seldom.offsets[0, 4] <= seldom.offsets[0, 2:4].max()


@pytest.mark.parametrize("n", [1, 2, 15])
def test_classes_of_too_few_rows_keep_the_generators_numbers(n):
    rng = np.random.default_rng(0)
    x, y = encoded(n, rng), np.zeros(n, np.int64)
    marginals = ClassMarginals.fit(x, y, [0], BLOCKS, everything, lambda _: made(500, np.random.default_rng(1)))
    rows = made(100, rng)
    np.testing.assert_array_equal(marginals.moved(rows, 0)[:, :2], rows[:, :2])


def test_knots_are_means_of_at_least_eight_rows(fitted):
    _, marginals = fitted
    assert marginals.wanted.shape[2] <= 64
    rng = np.random.default_rng(0)
    x, y = encoded(40, rng), np.zeros(40, np.int64)
    few = ClassMarginals.fit(x, y, [0], BLOCKS, everything, lambda _: made(500, np.random.default_rng(1)))
    assert few.wanted.shape == (1, 2, 5)
    assert not np.isin(few.wanted.ravel(), x[:, :2].ravel()).any()


def test_state_comes_back_and_a_damaged_one_is_refused(fitted):
    _, marginals = fitted
    again = TableSmoother.of_arrays(marginals.arrays(), BLOCKS, [1])
    rows = made(50, np.random.default_rng(2))
    np.testing.assert_array_equal(again.smoothed(rows, 1, 0), marginals.moved(rows, 1))
    assert again.kernel is None
    bad = {
        "made": marginals.made[..., ::-1].copy(),
        "wanted": np.full_like(marginals.wanted, np.nan),
        "offsets": np.full_like(marginals.offsets, np.inf),
    }
    for name, array in bad.items():
        with pytest.raises(ModelFileError):
            ClassMarginals.of_arrays(marginals.arrays() | {name: array}, BLOCKS, [1])
    with pytest.raises(ModelFileError):
        ClassMarginals.of_arrays(marginals.arrays() | {"made": marginals.made[0]}, BLOCKS, [1])


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    n = 1500
    y = (rng.random(n) < 0.2).astype(int)
    kind = np.where(rng.random(n) < 0.15 + 0.5 * y, "a", rng.choice(["b", "c"], n))
    x = np.where(y == 1, rng.gamma(2, 5, n) + 40, rng.normal(0, 10, n))
    X = pd.DataFrame({"x": x, "kind": kind, "amount": np.where(rng.random(n) < 0.3 * y, 99.99, rng.gamma(2, 9, n))})
    X.loc[(y == 1) & (rng.random(n) < 0.1), "x"] = np.nan
    return X, y


def test_a_generator_that_hardly_trained_has_the_marginals_of_each_class(table, tmp_path):
    X, y = table
    gan = TabularGAN(curate=False, **SMALL).fit(X, y)
    for label in (0, 1):
        own, new = X[y == label], gan.sample(3000, label=label, random_state=1)[0]
        assert ks_2samp(own["x"].dropna(), new["x"].dropna()).statistic < 0.08
        assert new["x"].isna().mean() == pytest.approx(own["x"].isna().mean(), abs=0.03)
        assert (new["kind"] == "a").mean() == pytest.approx((own["kind"] == "a").mean(), abs=0.04)
        assert (new["amount"] == 99.99).mean() == pytest.approx((own["amount"] == 99.99).mean(), abs=0.04)
    gan.save(tmp_path / "model.safetensors")
    again = ganaug.load(tmp_path / "model.safetensors")
    pd.testing.assert_frame_equal(
        again.sample(50, label=1, random_state=2)[0], gan.sample(50, label=1, random_state=2)[0]
    )


def test_auto_keeps_off_where_other_classes_are_refused(table):
    X, y = table
    fits = {
        "like the class": TabularGAN(**SMALL).fit(X, y),
        "helps a classifier": TabularGAN(curate=True, **SMALL).fit(X, y),
        "asked for": TabularGAN(curate=True, match_marginals=True, **SMALL).fit(X, y),
        "not wanted": TabularGAN(match_marginals=False, **SMALL).fit(X, y),
    }
    moved = {name for name, gan in fits.items() if gan.smoother_.marginals is not None}
    assert moved == {"like the class", "asked for"}
    sampler = GANOversampler(generator=TabularGAN(**SMALL), random_state=0).fit(X, y)
    assert all(gan.smoother_.marginals is None for gan in sampler.generators_.values())


@pytest.mark.parametrize("value", ["yes", None, 2, 0.5, [True]])
def test_bad_values_are_told(table, value):
    X, y = table
    with pytest.raises(InvalidParameterError, match="match_marginals=.* must be True or False, or 'auto'"):
        TabularGAN(match_marginals=value, **SMALL).fit(X, y)
