"""Kernels in the shape of a class."""

from __future__ import annotations

import numpy as np
import pytest

import ganaug
from ganaug import SmoothedBootstrap, TabularGAN
from ganaug.estimators.smoothing import ClassKernel
from ganaug.exceptions import ModelFileError
from ganaug.utils.types import Block

BLOCKS = [Block("scalar", 0, 2), Block("onehot", 2, 4), Block("scalar", 4, 5)]


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    x = np.zeros((4000, 5), np.float32)
    x[:, 0] = rng.normal(size=4000)
    x[:, 1] = 2 * x[:, 0] + 1
    x[:, 2] = 1
    x[:, 4] = rng.normal(3, 0.5, 4000)
    return x, np.repeat([0, 1], [1000, 3000])


def test_covariance_and_centre_stay_and_other_columns_are_left_alone(rows):
    x, y = rows
    kernel = ClassKernel.fit(x, y, [1], BLOCKS, bandwidth=2.0)
    own = x[y == 1]
    moved = kernel.smoothed(own, 1, 1)
    assert np.array_equal(moved[:, 2:4], own[:, 2:4])
    assert np.abs(moved - own)[:, [0, 1, 4]].mean(0).min() > 0.1
    assert np.allclose(moved.mean(0), own.mean(0), atol=0.05)
    assert np.allclose(np.cov(moved[:, [0, 4]].T), np.cov(own[:, [0, 4]].T), atol=0.06)


def test_what_belongs_together_stays_together(rows):
    x, y = rows
    moved = ClassKernel.fit(x, y, [0, 1], BLOCKS, bandwidth=1.0).smoothed(x[:500], 0, 1)
    assert np.allclose(moved[:, 1], 2 * moved[:, 0] + 1, atol=1e-3)


def test_the_width_is_silvermans(rows):
    x, y = rows
    widths = ClassKernel.fit(x, y, [0, 1], BLOCKS, bandwidth=0.5).widths
    assert np.allclose(widths, [0.5 * (4 / (5 * n)) ** (1 / 7) for n in (1000, 3000)])


def test_a_class_of_one_row_takes_the_covariance_of_all(rows):
    x, _ = rows
    y = np.ones(len(x), int)
    y[7] = 0
    kernel = ClassKernel.fit(x, y, [0], BLOCKS, bandwidth=1.0)
    moved = kernel.smoothed(np.repeat(x[7:8], 500, axis=0), 0, 1)
    assert moved[:, 0].std() > 0.3 and abs(moved[:, 0].mean() - x[7, 0]) < 0.2


def test_nothing_to_smear(rows):
    x, y = rows
    assert ClassKernel.fit(x, y, [0], BLOCKS, bandwidth=0.0) is None
    assert ClassKernel.fit(x[:, 2:4], y, [0], [Block("onehot", 0, 2)], bandwidth=1.0) is None


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("columns", lambda a: a + 1),
        ("conditions", lambda a: a + 1),
        ("roots", lambda a: a[:, :2]),
        ("widths", lambda a: a * np.float32(np.nan)),
    ],
)
def test_arrays_that_do_not_fit_are_refused(rows, name, change):
    x, y = rows
    arrays = ClassKernel.fit(x, y, [1], BLOCKS, bandwidth=1.0).arrays()
    ClassKernel.of_arrays(arrays, BLOCKS, [1])
    with pytest.raises(ModelFileError):
        ClassKernel.of_arrays(arrays | {name: change(arrays[name])}, BLOCKS, [1])


def test_a_gan_smooths_unless_told_not_to_and_a_file_remembers(tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 4)), np.repeat([0, 1], [260, 40])
    made = {}
    for smoothing in (0.0, 0.5):
        gan = TabularGAN(max_steps=10, smoothing=smoothing, curate=False, random_state=0, verbose=False).fit(X, y)
        made[smoothing] = gan.sample(50, label=1, random_state=0)[0]
        gan.save(tmp_path / "gan.safetensors")
        again = ganaug.load(tmp_path / "gan.safetensors").sample(50, label=1, random_state=0)[0]
        assert np.array_equal(made[smoothing], again)
    assert not np.allclose(made[0.0], made[0.5])


def test_a_bootstrap_keeps_a_functional_relation():
    a = np.random.default_rng(0).normal(size=30)
    X = np.column_stack([a, -a])
    new, _ = SmoothedBootstrap(random_state=0).fit(X).sample(200)
    assert np.corrcoef(new.T)[0, 1] < -0.98 and len(np.unique(new[:, 0])) > 100


def test_a_smeared_row_is_judged_as_it_will_be_seen():
    """Numbers of few decimals: what is smeared lies beside every training row, and is rounded to some of them."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(600, 2))
    X = np.stack([3 * z[:, 0] + 20, 4 * z[:, 1], 5 * (z.sum(1) + 0.5 * rng.normal(size=600))], axis=1).round()
    y = (z[:, 0] + rng.normal(size=600) > 1.8).astype(int)
    gan = TabularGAN(max_steps=60, random_state=0, verbose=False).fit(X, y, focus=1)
    new, _ = gan.sample(1000, random_state=0)
    real = set(map(tuple, X[y == 1]))
    assert gan.smoother_ is not None and gan.curation_[1]["copies"] > 0
    assert not any(tuple(row) in real for row in new)
