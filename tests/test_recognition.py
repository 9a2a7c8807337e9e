"""`quality_` sees the class: a judge of real samples says how much of it is in a generator's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import numpy_rng, tabular_gan, two_classes
from torch import nn

from ganaug import SeriesGAN, TabularGAN
from ganaug.estimators.fitting import (
    ClassScale,
    even_halves,
    even_rows,
    forest_judge,
    halves_judge,
    rescale_quality,
    snapshot_measure,
)
from ganaug.filtering import AuxiliaryClassifier

CPU = torch.device("cpu")


class Drawing(nn.Module):
    """A generator that draws real samples: of the class that is asked for, or of any."""

    def __init__(self, x, y, *, knows_class):
        super().__init__()
        self.x, self.y, self.knows_class = torch.from_numpy(x), y, knows_class

    def forward(self, z, labels, rng):
        own = torch.Generator().manual_seed(1)
        rows = np.arange(len(self.y))
        # classes evenly, as the training draws them
        of = {int(k): torch.from_numpy(rows[self.y == k]) for k in np.unique(self.y)}
        if not self.knows_class:
            labels = torch.randint(len(of), (len(z),), generator=own)
        places = [of[int(k)][torch.randint(len(of[int(k)]), (1,), generator=own)] for k in labels]
        return self.x[torch.cat(places)]


class Noise(nn.Module):
    """An untrained generator."""

    def __init__(self, x):
        super().__init__()
        self.shape = x.shape[1:]

    def forward(self, z, labels, rng):
        return 0.01 * torch.empty(len(z), *self.shape, dtype=torch.float32).normal_(generator=rng)


def qualities(x, y, judge, other):
    """Of generators of the other samples that know the class and that do not, with a judge and without."""
    n = int(y.max()) + 1
    rows = [np.flatnonzero(y == k) for k in range(n)]
    found = {}
    for name, own in (("with", judge), ("without", None)):
        measure = snapshot_measure(x, rows, range(n), 4, CPU, 0, features=lambda samples: samples.flatten(1), judge=own)
        measure = rescale_quality(measure, lambda: Noise(x))
        found[name] = [measure(Drawing(*other, knows_class=knows))["quality"] for knows in (True, False)]
    return found


# ---- what a judge says ------------------------------------------------------------------------


def test_shares_of_a_class():
    y = np.repeat([0, 1, 2], [40, 40, 20])
    shares = np.where(y[:, None] == [0, 1, 2], 0.8, 0.1)
    scale = ClassScale.of(shares, y, 3)
    assert scale.told.all() and np.allclose(scale.own, 0.8) and np.allclose(scale.mixed, 1 / 3)
    assert scale.share(2, np.full(30, 1 / 3)) == pytest.approx(0)
    assert scale.share(2, np.full(30, 0.05)) == 0.0
    assert scale.share(2, np.full(30, 0.9)) == 1.0
    assert scale.share(2, np.array([0.5, np.nan])) == 0.0


def test_a_class_that_nobody_recognises_is_not_judged():
    rng = numpy_rng()
    y = np.repeat([0, 1, 2], [200, 200, 4])
    shares = rng.dirichlet(np.ones(3), len(y))
    shares[y == 2] = [0.3, 0.3, 0.4]
    scale = ClassScale.of(shares, y, 3)
    assert not scale.told.any()  # two by chance, and four samples are too few
    assert scale.share(2, np.ones(5)) is None


def test_halves_and_rows_are_even():
    y = np.repeat([0, 1], [3000, 31])
    rows = even_rows(y, 2, 0)
    assert np.bincount(y[rows]).tolist() == [1000, 31] and (np.diff(rows) > 0).all()
    half = even_halves(y[rows], 0)
    assert np.bincount(y[rows][half]).tolist() == [500, 16]
    assert np.array_equal(half, even_halves(y[rows], 0)) and not np.array_equal(half, even_halves(y[rows], 1))


# ---- rows -------------------------------------------------------------------------------------


def test_rows_of_any_class_have_no_quality(whole_judges):
    (x, y), other = (
        (X.astype(np.float32), y) for X, y in (two_classes(n=900, rare=0.2, shift=0.5, d=10, seed=i) for i in (0, 1))
    )
    found = qualities(x, y, forest_judge(x, y, 2, seed=0), other)
    assert found["without"][1] > 0.9  # the energy distance alone hardly sees it
    assert found["with"][0] > found["without"][0] - 0.05
    assert found["with"][1] < 0.4


def test_labels_by_chance_and_single_classes_have_no_judge():
    rng = numpy_rng()
    x = rng.normal(size=(300, 5)).astype(np.float32)
    assert forest_judge(x, rng.integers(0, 2, 300), 2, 0) is None
    assert forest_judge(x, np.zeros(300, np.int64), 1, 0) is None
    assert forest_judge(x[:, :0], rng.integers(0, 2, 300), 2, 0) is None


def test_rows_that_are_not_finite_are_of_no_class():
    X, y = two_classes(n=300, shift=3.0, rare=0.5)
    judge = forest_judge(X.astype(np.float32), y, 3, seed=0)  # of the third class there is no row
    given = judge.probabilities(torch.tensor([[torch.nan, 0.0], [torch.inf, 0.0], [3.0, 3.0]]))
    assert given.shape == (3, 3) and torch.isnan(given[:2]).all() and given[2, 1] > 0.9 and given[2, 2] == 0
    assert judge.share(1, [given]) == 0.0


def test_a_fitted_table_says_what_was_recognised():
    X, y = two_classes(n=300, rare=0.3, shift=2.0)
    own = tabular_gan(max_steps=60).fit(X, y)
    looked = own.history_.dropna(subset=["quality"])
    assert looked["recognised"].between(0, 1).all() and own.quality_ <= 1.1
    again = tabular_gan(max_steps=60).fit(X, y)
    assert again.history_.equals(own.history_)
    assert "recognised" not in tabular_gan(max_steps=5).fit(X).history_


@pytest.mark.slow
def test_a_trained_table_is_recognised():
    X, y = two_classes(n=900, rare=0.2, shift=1.0, d=5)
    own = TabularGAN(max_steps=600, random_state=0, verbose=False).fit(X, y)
    assert own.quality_ > 0.9 and own.history_["recognised"].iloc[-1] > 0.95


# ---- images and volumes -----------------------------------------------------------------------


def solids(n, side=8, dims=3, seed=0):
    """Balls and cubes of one volume, anywhere, with noise; a quarter are cubes."""
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], [n - n // 4, n // 4])
    grid = np.stack(np.meshgrid(*[np.arange(side)] * dims, indexing="ij"))
    x = rng.normal(scale=0.05, size=(n, 1, *[side] * dims))
    for i, kind in enumerate(y):
        reach = rng.uniform(2.0, 2.6)
        centre = rng.uniform(reach, side - 1 - reach, dims).reshape(-1, *[1] * dims)
        off = np.abs(grid - centre)
        distance = off.max(0) if kind else np.sqrt((off**2).sum(0)) / 1.24
        x[i, 0] += 1 / (1 + np.exp(4 * (distance - reach)))
    return x.astype(np.float32), y


def test_volumes_of_any_class_have_no_quality():
    x, y = solids(240)

    def fitted(rows, seed):
        return AuxiliaryClassifier.fit(
            x[rows], y[rows], 2, x.shape[1:], decode=torch.Tensor.float, steps=150, at_once=256, seed=seed,
            architecture="dcgan",
        ).probabilities  # fmt: skip

    @torch.inference_mode()
    def asked(probabilities, rows):
        return probabilities(torch.from_numpy(x[rows])).numpy()

    judge = halves_judge(fitted, asked, y, 2, seed=0)
    assert judge is not None and judge.scale.told.all(), "the judge does not tell them apart"
    found = qualities(x, y, judge, solids(240, seed=1))
    assert found["without"][1] > 0.95, found  # what was 0.99 for a coin's throw
    assert found["with"][0] > 0.9 and found["with"][1] < 0.35, found


def test_a_judge_of_halves_needs_two_classes():
    assert halves_judge(lambda *a: None, lambda *a: None, np.zeros(20, np.int64), 1, 0) is None


def test_a_fit_of_volumes_measures_it():
    x, y = solids(40)
    own = SeriesGAN(
        architecture="dcgan", channels=4, max_channels=8, max_steps=30, batch_size=16, random_state=0, verbose=False
    )
    history = own.fit(x, y).history_
    assert "recognised" not in history or history["recognised"].dropna().between(0, 1).all()
