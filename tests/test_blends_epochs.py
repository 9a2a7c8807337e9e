"""Who tells a blend the epoch, who asks for its labels, and who splits it."""

from __future__ import annotations

import collections
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import cases
from sklearn.model_selection import KFold, train_test_split
from torch.utils.data import (
    DataLoader,
    RandomSampler,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
    random_split,
)

from ganaug import BlendedDataset, SmoothedBootstrap, SyntheticDataset
from ganaug.datasets import ShareBatchSampler, split_real
from ganaug.encoding.targets import resolve_targets
from ganaug.exceptions import DataWarning, InvalidParameterError, InvalidTypeError

# ---- H5: epochs ----------------------------------------------------------------------------------


def plain(**options):
    X, y = torch.zeros(40, 3) + torch.arange(40.0)[:, None], torch.arange(40) // 30
    return BlendedDataset(TensorDataset(X, y), SmoothedBootstrap(random_state=0).fit(X, y), **options)


def passes(loader, count):
    """Items of so many passes."""
    return [sum(len(x) for x, _ in loader) for _ in range(count)]


SCHEDULE = {"schedule": "linear", "schedule_epochs": 4}
NEVER = "gone through twice .* set_epoch was never called"


@cases(
    "loader",
    [
        {"shuffle": True},
        {"batch_size": 7},
        {"num_workers": 2, "shuffle": True},
        {"num_workers": 1, "persistent_workers": True},
    ],
)
@cases("options", [SCHEDULE, {"refresh_every": 1}, {"schedule": lambda epoch: 1 / (1 + epoch)}])
def test_a_schedule_that_never_moves_is_told_once(options, loader):
    blend = plain(**options)
    batches = DataLoader(
        blend, **{"batch_size": 8, "multiprocessing_context": "fork" if "num_workers" in loader else None, **loader}
    )
    assert sum(len(x) for x, _ in batches) == 60 and len(blend) == 60 and len(batches)
    with pytest.warns(DataWarning, match=NEVER) as told:
        assert passes(batches, 2) == [60, 60]
    assert len(told) == 1


def test_whoever_sets_the_epoch_hears_nothing():
    blend = plain(**SCHEDULE)
    loader = DataLoader(blend, batch_size=8, shuffle=True)
    for epoch in range(5):
        blend.set_epoch(epoch)
        assert sum(len(x) for x, _ in loader) == (60, 55, 50, 45, 40)[epoch]
        assert sum(len(x) for x, _ in DataLoader(blend, batch_size=9)) == len(blend)
    constant = plain()
    for _ in range(4):
        assert sum(len(x) for x, _ in DataLoader(constant, batch_size=8)) == 60


def test_one_pass_and_looking_around_is_not_two():
    blend = plain(**SCHEDULE)
    assert blend[0] and blend[-1] and len(blend) == 60
    assert sum(len(x) for x, _ in DataLoader(blend, batch_size=8, shuffle=True)) == 60
    for _ in range(3):
        assert len(blend) == 60 and blend[3]
    drawn = WeightedRandomSampler(plain(**SCHEDULE).sample_weights(), 90)
    assert sum(len(x) for x, _ in DataLoader(plain(**SCHEDULE), sampler=drawn, batch_size=9)) == 90
    blend = plain(**SCHEDULE)  # in such a pass each synthetic item comes twice
    assert sum(len(x) for x, _ in DataLoader(blend, batch_sampler=ShareBatchSampler(blend, 10, 0.5))) == 80


def test_weighted_samplers_are_told_too():
    blend = plain(**SCHEDULE)
    loader = DataLoader(blend, sampler=WeightedRandomSampler(blend.sample_weights(), 60), batch_size=6)
    with pytest.warns(DataWarning, match=NEVER):
        assert passes(loader, 20) == [60] * 20


def test_the_advice_for_frameworks_works():
    blend = plain(**SCHEDULE)
    loader = DataLoader(blend, batch_sampler=ShareBatchSampler(blend, 10))
    with pytest.warns(DataWarning, match=r"trainer.current_epoch \+ 1.*batch_sampler=ShareBatchSampler"):
        passes(loader, 2)
    blend = plain(**SCHEDULE)
    loader = DataLoader(blend, batch_sampler=ShareBatchSampler(blend, 10))
    lengths = []
    for epoch in range(4):
        as_lightning_does(loader, epoch)
        lengths.append(sum(len(x) for x, _ in loader))
    assert blend.epoch == 3 and lengths[0] > lengths[2] > lengths[3] > 40

    class Callback:  # the other advice
        def on_train_epoch_end(self, trainer, module):
            blend.set_epoch(trainer.current_epoch + 1)

    blend = plain(**SCHEDULE)
    seen = []
    for epoch in range(3):
        seen.append(sum(len(x) for x, _ in DataLoader(blend, batch_size=8, shuffle=True)))
        Callback().on_train_epoch_end(SimpleNamespace(current_epoch=epoch), None)
    assert seen == [60, 55, 50]


def as_lightning_does(loader, epoch):
    """Lightning 2: the samplers of a loader are told the epoch, where they want to know it."""
    for sampler in (loader.sampler, getattr(loader.batch_sampler, "sampler", None)):
        if callable(getattr(sampler, "set_epoch", None)):
            sampler.set_epoch(epoch)


def test_synthetic_datasets_that_are_never_renewed():
    X, y = torch.randn(20, 3), torch.arange(20) // 10
    data = SyntheticDataset(SmoothedBootstrap(random_state=0).fit(X, y), {1: 16}, refresh_every=1)
    with pytest.warns(DataWarning, match=NEVER):
        passes(DataLoader(data, batch_size=4), 2)
    data = SyntheticDataset(SmoothedBootstrap(random_state=0).fit(X, y), {1: 16}, refresh_every=1)
    for epoch in range(3):
        data.set_epoch(epoch)
        list(DataLoader(data, batch_size=4))


# ---- labels for samplers, splits -----------------------------------------------------------------


class AsksForLabels(WeightedRandomSampler):
    """As ImbalancedDatasetSampler finds labels."""

    def __init__(self, dataset):
        labels = dataset.get_labels()
        counts = collections.Counter(list(labels))
        super().__init__([1 / counts[label] for label in labels], len(labels))


def test_samplers_that_ask_for_labels():
    blend = plain(sampling_strategy={1: 15})
    assert blend.get_labels().tolist() == blend.targets.tolist() == [0] * 30 + [1] * 15
    assert len(list(AsksForLabels(blend))) == 45
    synthetic = blend.synthetic
    assert synthetic.get_labels().tolist() == synthetic.targets.tolist() and len(list(AsksForLabels(synthetic))) == 5


def test_random_split_is_told_and_ordinary_use_is_not():
    blend = plain()
    for split in (
        lambda data: random_split(data, [50, 10]),
        lambda data: random_split(data, [0.8, 0.2]),
        lambda data: train_test_split(data, test_size=0.2),
        lambda data: list(KFold(5).split(data)),
    ):
        with pytest.warns(DataWarning, match=r"random_split .* every part.*split_real\(blend, fractions\)") as told:
            split(plain())
        assert len(told) == 1
    random_split(plain(sampling_strategy={1: 10}), [30, 10])  # nothing synthetic
    random_split(blend.real, [30, 10])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for loader in (
            DataLoader(blend, batch_size=8, shuffle=True),
            DataLoader(Subset(blend, range(50)), batch_size=8),
            DataLoader(
                blend, sampler=RandomSampler(blend), batch_size=8, num_workers=1, multiprocessing_context="fork"
            ),
        ):
            assert len(loader) and sum(len(x) for x, _ in loader)


@pytest.mark.parametrize("stratify", [True, False])
def test_split_real(stratify):
    blend = plain(schedule="stop", schedule_epochs=1)
    train, validation, test = split_real(blend, [0.6, 0.2, 0.2], seed=1, stratify=stratify)
    assert len(train) == 24 + 20 and len(validation) == len(test) == 8
    own = [[i for i in part.indices if i < blend.n_real] for part in (train, validation, test)]
    assert sorted([i for part in own for i in part]) == list(range(40))
    assert not any(blend.is_synthetic[list(part.indices)].any() for part in (validation, test))
    assert blend.is_synthetic[list(train.indices)].sum() == 20
    assert sum(len(x) for x, _ in DataLoader(train, batch_size=8, shuffle=True)) == 44
    assert torch.equal(train[-1][0], blend[59][0]) and torch.equal(train[0][0], blend[train.indices[0]][0])
    assert resolve_targets(train).tolist() == [int(label) for _, label in train]
    if stratify:
        assert np.bincount(resolve_targets(validation)).tolist() == [6, 2]
    train.set_epoch(1)
    assert len(train) == 24 and sum(len(x) for x, _ in DataLoader(train, batch_size=8)) == 24
    with pytest.raises(IndexError, match="24 items"):
        train[24]
    again = split_real(plain(), [0.6, 0.2, 0.2], seed=1, stratify=stratify)
    assert again[1].indices == validation.indices
    assert split_real(plain(), [0.6, 0.2, 0.2], seed=2, stratify=stratify)[1].indices != validation.indices


def test_bad_splits():
    for fractions in ([0.5, 0.6], [1.0], [0.5, -0.5, 1.0], 3, ["a", "b"]):
        with pytest.raises(InvalidParameterError, match="sum to 1"):
            split_real(plain(), fractions)
    with pytest.raises(InvalidParameterError, match="part 1 without an item"):
        split_real(plain(), [0.999, 0.001])
    with pytest.raises(InvalidTypeError, match="give a BlendedDataset"):
        split_real(plain().real, [0.5, 0.5])
