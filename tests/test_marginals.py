"""Rows of a class have the class's own marginals: numbers, states; and what a file tells of them."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

import ganaug
from ganaug import GANOversampler, TabularGAN
from ganaug.encoding import CompactTableCodec
from ganaug.encoding.quantiles import quantile_pairs
from ganaug.estimators.tabular import ClassMarginals, TableSmoother
from ganaug.exceptions import InvalidParameterError, ModelFileError
from ganaug.rules.codec import without_pairs
from ganaug.utils.state import read_state
from ganaug.utils.types import Block

BLOCKS = (Block("scalar", 0, 2), Block("onehot", 2, 5))
SMALL = {"max_steps": 60, "width": 32, "depth": 1, "random_state": 0, "verbose": False}


def everything(rows):
    return np.ones((len(rows), 2), dtype=bool)


def all_kept(condition, rows):
    return np.ones(len(rows), dtype=bool)


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


def test_a_value_that_eight_rows_share_comes_exactly_as_often():
    rng = np.random.default_rng(0)
    x, y = encoded(200, rng), np.zeros(200, np.int64)
    x[:30, 0], x[30:38, 0], x[38:45, 0] = 0.25, -0.5, 1.5  # 15 %, eight rows, seven
    marginals = ClassMarginals.fit(x, y, [0], BLOCKS, everything, lambda _: made(4000, np.random.default_rng(1)))
    rows = marginals.moved(made(4000, np.random.default_rng(2)), 0)
    for value, share in ((0.25, 0.15), (-0.5, 0.04), (1.5, 0.0)):
        assert (rows[:, 0] == np.float32(value)).mean() == pytest.approx(share, abs=0.01 if share else 0)
    assert ks_2samp(rows[:, 0], x[:, 0]).statistic < 0.04
    assert np.isin(marginals.wanted, x[:, 0]).sum() == 4  # two knots of either value, no other one of any row


def test_values_that_a_class_shares_come_back_exactly(tmp_path):
    rng = np.random.default_rng(0)
    n = 1200
    y = (np.arange(n) < 300).astype(int)
    X = pd.DataFrame(
        {"any": rng.lognormal(3, 1, n), "cents": rng.lognormal(3, 1, n).round(2), "few": rng.normal(size=n)}
    )
    X.loc[:8, ["any", "cents"]] = 12.34567890123, 99.99  # nine of the class: 3 %
    X.loc[20:24, "few"] = 0.123456789  # five
    gan = TabularGAN(**SMALL).fit(X, y)
    new = gan.sample(3000, label=1, random_state=0)[0]
    assert (new["any"] == 12.34567890123).mean() == pytest.approx(0.03, abs=0.015)
    assert (new["cents"] == 99.99).mean() == pytest.approx(0.03, abs=0.015)
    assert not (new["few"] == 0.123456789).any()
    gan.save(tmp_path / "model.safetensors")
    stored = {float(v) for a in read_state(tmp_path / "model.safetensors").arrays.values() for v in np.unique(a)}
    single = set(X.loc[9:, "any"]) | set(X["few"]) - {0.123456789}
    assert 12.34567890123 in stored and not stored & single


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_value_of_fewer_than_four_rows_is_never_exact_however_small_the_class(rows):
    rng = np.random.default_rng(0)
    for n in (rows, 16, 40):
        x, y = encoded(n, rng), np.zeros(n, np.int64)
        x[:rows, 0] = 0.25
        marginals = ClassMarginals.fit(x, y, [0], BLOCKS, everything, lambda _: made(500, np.random.default_rng(1)))
        assert not np.isin(marginals.wanted, x[:, :2]).any()
        assert not (marginals.moved(made(2000, rng), 0)[:, 0] == np.float32(0.25)).any()
        values = np.append(rng.normal(size=300), np.full(rows, 0.123456789))
        codec = CompactTableCodec().fit(values[:, None], np.arange(len(values)) >= 300)
        assert not any((array == 0.123456789).any() for array in codec.get_state()[1].values())


NEVER = np.array([[2, 5], [3, 6], [5, 8]])
GROUPS = [slice(2, 5), slice(5, 8), slice(8, 10)]


def test_states_that_never_stand_together_are_taken_apart_the_clearest_first():
    rows = np.array(
        [
            [0.1, 0.2, 9, 1, 0, 5, 1, 0, 0, 1],  # 2 with 5: the first group is clearer
            [0.3, 0.4, 3, 2, 1, 9, 0, 2, 0, 1],  # 2 with 5: the second is
            [0.5, 0.6, 0, 9, 0, 3, 1, 0, 4, 0],  # 5 with 8: the third is
            [0.7, 0.8, 9, 0, 0, 0, 7, 0, 5, 0],  # nothing wrong
        ],
        np.float32,
    )
    found = without_pairs(rows, NEVER, GROUPS)
    states = np.stack([g.start + found[:, g].argmax(1) for g in GROUPS], 1)
    assert states.tolist() == [[2, 6, 9], [3, 5, 9], [3, 7, 8], [2, 6, 8]]
    np.testing.assert_array_equal(found[:, :2], rows[:, :2])
    np.testing.assert_array_equal(np.sort(found, axis=1), np.sort(rows, axis=1))  # logits are exchanged
    np.testing.assert_array_equal(without_pairs(rows[3:], NEVER, GROUPS), rows[3:])


def test_a_group_that_has_no_state_left_comes_first_and_a_row_that_nothing_mends_stays_as_it_is():
    rows = np.array([[0, 0, 9, 1, 0, 5, 4, 3, 0, 1]], np.float32)
    found = without_pairs(rows, np.array([[2, 5], [2, 6], [2, 7]]), GROUPS)
    assert (found[0, 2:5].argmax(), found[0, 5:8].argmax()) == (1, 0)
    every = np.array([[a, b] for a in (2, 3, 4) for b in (5, 6, 7)])
    np.testing.assert_array_equal(without_pairs(rows, every, GROUPS), rows)


def test_the_states_come_as_often_as_in_the_class_where_some_never_stand_together():
    rng = np.random.default_rng(0)
    first = rng.choice(3, 800, p=(0.7, 0.2, 0.1))
    second = np.where(first == 2, 2, rng.choice(2, 800))  # the third states stand together or not at all
    x = np.concatenate([encoded(800, rng)[:, :2], np.eye(3)[first], np.eye(3)[second]], axis=1).astype(np.float32)
    blocks = (*BLOCKS, Block("onehot", 5, 8))
    never = np.array([[4, 5], [4, 6], [2, 7], [3, 7]])

    def drawn(seed):
        random = np.random.default_rng(seed)
        more = random.gumbel(size=(4000, 3)) - np.array([0, 0, 3])
        return np.concatenate([made(4000, random), more], axis=1).astype(np.float32)

    y = np.zeros(800, np.int64)
    marginals = ClassMarginals.fit(x, y, [0], blocks, everything, lambda _: drawn(1), kept=all_kept, never=never)
    rows = marginals.moved(drawn(2), 0)
    states = rows[:, 2:5].argmax(1), rows[:, 5:].argmax(1)
    assert ((states[0] == 2) == (states[1] == 2)).all()
    assert (states[0] == 2).mean() == pytest.approx((first == 2).mean(), abs=0.03)
    again = TableSmoother.of_arrays(marginals.arrays(), blocks, [0])
    np.testing.assert_array_equal(again.smoothed(drawn(3), 0, 0), marginals.moved(drawn(3), 0))
    for bad in (never.astype(np.int32), never[:, :1], never + 9, never - 3):
        with pytest.raises(ModelFileError):
            ClassMarginals.of_arrays(marginals.arrays() | {"never": bad}, blocks, [0])


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


def test_a_generator_that_hardly_trained_has_the_marginals_of_each_class(table, tmp_path, whole_judges):
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


def test_what_a_class_of_a_dozen_rows_shares_comes_as_often():
    made = np.random.default_rng(0).normal(size=4000).astype(np.float32)
    pairs = quantile_pairs(made, np.repeat([0.25, 0.5], [3, 9]).astype(np.float32))
    assert pairs[1].tolist() == [0.5, 0.5]  # the value of three rows is none
    assert (made >= pairs[0, 0]).mean() == pytest.approx(0.75, abs=0.01) and pairs[0, 1] == made.max()
    assert not quantile_pairs(made, np.arange(12, dtype=np.float32)).size

    rng = np.random.default_rng(0)
    X = pd.DataFrame({name: rng.normal(size=212) for name in "abcd"})
    X["e"], y = np.append(X["a"][:200] ** 2, np.repeat([0.25, 0.5], [3, 9])), np.repeat([0, 1], [200, 12])
    new = TabularGAN(**SMALL).fit(X, y).sample(1000, label=1, random_state=1)[0]
    assert 0.6 < (new["e"] == 0.5).mean() < 0.9


def test_auto_moves_rows_for_a_classifier_too(table):
    X, y = table
    fits = {
        "like the class": TabularGAN(**SMALL).fit(X, y),
        "helps a classifier": TabularGAN(curate=True, **SMALL).fit(X, y),
        "asked for": TabularGAN(curate=True, match_marginals=True, **SMALL).fit(X, y),
        "not wanted": TabularGAN(match_marginals=False, **SMALL).fit(X, y),
    }
    moved = {name for name, gan in fits.items() if gan.smoother_.marginals is not None}
    assert moved == {"like the class", "helps a classifier", "asked for"}
    sampler = GANOversampler(generator=TabularGAN(**SMALL), random_state=0).fit(X, y)
    assert all(gan.smoother_.marginals is not None for gan in sampler.generators_.values())


@pytest.mark.parametrize("value", ["yes", None, 2, 0.5, [True]])
def test_bad_values_are_told(table, value):
    X, y = table
    with pytest.raises(InvalidParameterError, match="match_marginals=.* must be True or False, or 'auto'"):
        TabularGAN(match_marginals=value, **SMALL).fit(X, y)
