"""Every objective and every conditioning learns a real table, and a wrong one is seen not to.

Wisconsin breast cancer (569 rows, shipped with scikit-learn): 60 % to train on, the rest to judge by.
"""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
import torch
from helpers import cases
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from ganaug import TabularGAN
from ganaug.exceptions import TrainingWarning
from ganaug.metrics import energy_quality
from ganaug.metrics.distributions import held_out_scores
from ganaug.networks import CONDITIONINGS
from ganaug.objectives import OBJECTIVES

pytestmark = pytest.mark.usefixtures("small_forests")

STEPS = 300


@dataclasses.dataclass
class Learnt:
    """How samples compare with rows that the training never saw."""

    auc: float  # of a forest that tells samples from real rows: 0.5 is perfect, 1 is hopeless
    energy: float  # energy quality: 1 is perfect
    right_class: float  # samples that a classifier of real rows gives the class that was asked for

    def well(self) -> bool:
        # Untrained: 0.99, 0.78 to 0.91, 0.1 to 0.5. Trained: 0.65 to 0.81, 0.993 to 1, 0.88 to 1.
        return self.auc < 0.86 and self.energy > 0.98 and self.right_class > 0.8


@pytest.fixture(scope="module")
def data():
    X, y = load_breast_cancer(return_X_y=True)
    parts = train_test_split(X[:, :10], y, test_size=0.4, stratify=y, random_state=0)
    classifier = RandomForestClassifier(20, random_state=0).fit(parts[0], parts[2])
    return *parts, classifier


def two_sample_auc(real, fake):
    """That of `ganaug.metrics`, by a forest of fewer trees."""
    guess = held_out_scores(real, fake, n_trees=25)
    return float(roc_auc_score(np.arange(len(guess)) < len(real), guess))


def learn(data, **parameters) -> Learnt:
    X, unseen, y, unseen_y, classifier = data
    small = {"max_steps": STEPS, "width": 64, "depth": 2, "random_state": 0, "verbose": False}
    # what the training learnt, and not what is done to its rows afterwards
    gan = TabularGAN(**small | {"curate": False, "match_marginals": False} | parameters)
    gan.fit(X, y)
    fake, asked = gan.sample({label: int((unseen_y == label).sum()) for label in (0, 1)}, random_state=0)
    of_real, of_fake = gan.codec_.encode(unseen), gan.codec_.encode(fake)
    return Learnt(
        two_sample_auc(of_real, of_fake),
        energy_quality(torch.from_numpy(of_real), torch.from_numpy(of_fake)),
        float(np.mean([(classifier.predict(fake[asked == c]) == c).mean() for c in (0, 1)])),
    )


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_learns(data, objective):
    learnt = learn(data, objective=objective)
    assert learnt.well(), learnt


@cases("conditioning", sorted({*CONDITIONINGS} - {"projection"}))  # the default is every objective's above
def test_every_conditioning_learns(data, conditioning):
    learnt = learn(data, conditioning=conditioning)
    assert learnt.well(), learnt


@cases("objective", OBJECTIVES)
def test_an_untrained_generator_is_seen_not_to_have_learnt(data, objective):
    learnt = learn(data, objective=objective, max_steps=1)
    assert not learnt.well() and learnt.auc > 0.95 and learnt.energy < 0.95, learnt


def broken(name, side):
    """The objective with the sign of one player's loss turned."""
    loss = getattr(OBJECTIVES[name], side)
    return dataclasses.replace(OBJECTIVES[name], **{side: lambda real, fake: -loss(real, fake)})


@pytest.mark.parametrize("side", ["generator", "discriminator"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_wrong_sign_is_seen_not_to_learn(data, monkeypatch, objective, side):
    monkeypatch.setitem(OBJECTIVES, objective, broken(objective, side))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)  # some of them diverge, and may say so
        learnt = learn(data, objective=objective, max_steps=STEPS // 3)
    assert not learnt.well() and learnt.auc > 0.92, learnt


def test_labels_that_mean_nothing_are_seen_not_to_be_learnt(data):
    X, unseen, y, unseen_y, classifier = data
    learnt = learn((X, unseen, np.random.default_rng(0).permutation(y), unseen_y, classifier))
    assert learnt.right_class < 0.7 and not learnt.well(), learnt
