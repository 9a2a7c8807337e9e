"""Real items first and untouched, synthetic ones like them, over every kind of dataset; schedules, weights, batches."""

from __future__ import annotations

import collections
import pickle
from collections import Counter

import numpy as np
import pytest
import torch
from helpers import cases
from PIL import Image
from sklearn.base import BaseEstimator
from test_datasets import AnyProcessGAN, FakeGAN, Unfitted, bytes_of, full_at
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    DistributedSampler,
    StackDataset,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
)
from torchvision import tv_tensors
from torchvision.datasets import ImageFolder, VisionDataset
from torchvision.transforms import v2

from ganaug import BlendedDataset, GANOversampler, ImageGAN, SmoothedBootstrap, SyntheticDataset, TabularGAN, balance
from ganaug.datasets import ShareBatchSampler
from ganaug.encoding.sources import resolve_samples
from ganaug.exceptions import DataWarning, InvalidDataError, InvalidParameterError, InvalidTypeError, ModelPathError

LABELS = [0, 2, 0, 1, 0, 0, 1, 0]  # 5, 2 and 1
WANTED = {1: 3, 2: 4}
TO_FLOAT = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])


def pixels(n=8, shape=(8, 8, 3)):
    X = np.random.default_rng(1).integers(0, 256, (n, *shape), np.uint8)
    X[(slice(None), *(0,) * len(shape))] = 100
    return X


class Likeness(VisionDataset):
    """As torchvision's MNIST and CIFAR: arrays in memory, handed to the transform as PIL images."""

    classes = ("zero", "one", "two")

    def __init__(self, X=None, transform=None, target_transform=None, **more):
        super().__init__(None, transform=transform, target_transform=target_transform)
        self.data, self.targets = pixels() if X is None else X, list(LABELS)
        self.classes = list(type(self).classes)
        self.__dict__.update(more)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        sample, target = Image.fromarray(self.data[index]), self.targets[index]
        if self.transform is not None:
            sample = self.transform(sample)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return sample, target


class Bare(Dataset):
    """Samples of any kind with labels that nothing but the items tells."""

    def __init__(self, samples, labels=LABELS, make=lambda x, y: (x, y), transform=None):
        self.samples_, self.labels_, self.make, self.transform = samples, labels, make, transform

    def __len__(self):
        return len(self.samples_)

    def __getitem__(self, index):
        sample = self.samples_[index]
        if self.transform is not None:
            sample = self.transform(image=sample)["image"]
        return self.make(sample, self.labels_[index])


@pytest.fixture
def folder(tmp_path):
    for i, (label, image) in enumerate(zip(LABELS, pixels(), strict=True)):
        place = tmp_path / Likeness.classes[label]
        place.mkdir(exist_ok=True)
        Image.fromarray(image).save(place / f"{i}.png")
    return tmp_path


def loaded(dataset, **options):
    parts = list(DataLoader(dataset, **{"batch_size": 4, **options}))
    return [torch.cat([part[i] for part in parts]) for i in range(len(parts[0]))]


# ---- what comes out ------------------------------------------------------------------------------


def test_real_items_first_and_unchanged():
    real = Likeness(transform=TO_FLOAT)
    blend = BlendedDataset(real, FakeGAN())
    assert isinstance(blend, VisionDataset) and len(blend) == 15 and blend.n_real == 8
    assert blend.counts == WANTED and blend.is_synthetic.tolist() == [False] * 8 + [True] * 7
    assert Counter(blend.targets.tolist()) == {0: 5, 1: 5, 2: 5}
    assert blend.classes == ["zero", "one", "two"] and blend.class_to_idx == {"zero": 0, "one": 1, "two": 2}
    samples, targets = loaded(blend)
    assert torch.equal(samples[:8], torch.stack([real[i][0] for i in range(8)]))
    assert targets.tolist() == blend.targets.tolist() and targets[:8].tolist() == LABELS
    # the fake writes the label into the first pixel, which the real dataset's own transform divides by 255
    assert (samples[8:, 0, 0, 0] * 255).round().tolist() == targets[8:].tolist()
    assert real.transform is TO_FLOAT and "Real: 8 of Likeness" in repr(blend)


def test_the_very_same_objects():
    samples = [torch.zeros(3, 8, 8, dtype=torch.uint8) for _ in LABELS]
    blend = BlendedDataset(Bare(samples), FakeGAN())
    assert all(blend[i][0] is samples[i] for i in range(8))
    assert all(item[0] is sample for item, sample in zip(blend.__getitems__(list(range(8))), samples, strict=True))
    assert blend[-1][1] == blend[14][1]
    for index in (15, -16):
        with pytest.raises(IndexError, match="15 items"):
            blend[index]
        with pytest.raises(IndexError, match="15 items"):
            blend.__getitems__([0, index])
    for index in (slice(2, 5), 1.0):
        with pytest.raises(InvalidTypeError, match=r"one at a time, and several with torch.utils.data.Subset"):
            blend[index]


def test_items_do_not_depend_on_workers_and_are_in_the_order_asked_for():
    blend = BlendedDataset(Likeness(transform=TO_FLOAT), AnyProcessGAN(), seed=5)
    order = np.random.default_rng(0).permutation(15).tolist()
    whole = loaded(blend)
    for options in (
        {"sampler": order},
        {"sampler": order, "batch_size": 3, "num_workers": 2, "multiprocessing_context": "fork"},
        {"sampler": order, "num_workers": 1, "persistent_workers": True, "multiprocessing_context": "fork"},
    ):
        samples, targets = loaded(blend, **options)
        assert torch.equal(samples, whole[0][order]) and torch.equal(targets, whole[1][order])
    direct = BlendedDataset(Likeness(transform=TO_FLOAT), AnyProcessGAN(), seed=5, pool=False)
    assert torch.equal(loaded(direct)[0], whole[0])
    assert not torch.equal(loaded(BlendedDataset(direct.real, FakeGAN(), seed=6))[0][8:], whole[0][8:])


def test_a_copy_for_a_worker():
    blend = BlendedDataset(Likeness(transform=TO_FLOAT), FakeGAN(), schedule=lambda epoch: 1.0)
    copied = pickle.loads(pickle.dumps(blend))
    assert torch.equal(loaded(copied)[0], loaded(blend)[0]) and copied.generator is None
    with pytest.raises(InvalidParameterError, match="main process"):
        copied.set_epoch(1)


# ---- every kind of dataset -----------------------------------------------------------------------


def test_image_folder(folder):
    real = ImageFolder(folder, transform=TO_FLOAT)
    blend = BlendedDataset(real, FakeGAN(("zero", "one", "two")))  # trained on the names
    assert blend.counts == {0: 3, 1: 4} and real.classes == ["one", "two", "zero"]
    assert blend.class_to_idx == real.class_to_idx
    samples, targets = loaded(blend)
    # the fake's code of a label is its place in ("zero", "one", "two")
    names = [blend.classes[target] for target in targets[8:].tolist()]
    assert (samples[8:, 0, 0, 0] * 255).round().tolist() == [Likeness.classes.index(name) for name in names]
    own = BlendedDataset(real, FakeGAN(), sampling_strategy={"zero": 9})
    assert own.counts == {2: 4}
    untransformed = BlendedDataset(ImageFolder(folder), FakeGAN())
    assert isinstance(untransformed[-1][0], Image.Image) and untransformed[-1][0].mode == "RGB"


def test_subset_and_concat():
    real = Likeness(transform=TO_FLOAT)
    nested = ConcatDataset(
        [Subset(real, [1, 3, 0]), Subset(ConcatDataset([real, Likeness(transform=TO_FLOAT)]), range(9))]
    )
    blend = BlendedDataset(nested, FakeGAN())
    assert blend.n_real == 12 and len(set(Counter(blend.targets.tolist()).values())) == 1
    samples, targets = loaded(blend)
    assert torch.equal(samples[:12], torch.stack([nested[i][0] for i in range(12)]))
    assert (samples[12:, 0, 0, 0] * 255).round().tolist() == targets[12:].tolist()
    assert blend.classes == ["zero", "one", "two"]


def test_concat_of_different_transforms():
    other = v2.Compose([v2.ToImage()])
    mixed = ConcatDataset([Likeness(transform=TO_FLOAT), Likeness(transform=other)])
    with pytest.raises(InvalidParameterError, match="different transforms; say with transform="):
        BlendedDataset(mixed, FakeGAN())


@cases("kind", [torch.int64, torch.uint8, torch.float32])
def test_tensor_dataset(kind):
    X, y = torch.from_numpy(pixels().transpose(0, 3, 1, 2).copy()), torch.tensor(LABELS, dtype=kind)
    blend = BlendedDataset(TensorDataset(X, y), FakeGAN())
    samples, targets = loaded(blend)
    assert samples.dtype == torch.uint8 and targets.dtype == kind and targets.shape == (15,)
    assert samples[8:, 0, 0, 0].tolist() == targets[8:].tolist()
    assert type(blend[-1][0]) is torch.Tensor


def test_stack_datasets():
    X = torch.from_numpy(pixels().transpose(0, 3, 1, 2).copy())
    pair = BlendedDataset(StackDataset(X, torch.tensor(LABELS)), FakeGAN())
    assert [x.shape for x in loaded(pair)] == [(15, 3, 8, 8), (15,)]
    named = BlendedDataset(StackDataset(image=X, label=torch.tensor(LABELS)), FakeGAN(), weight=0.5)
    batch = next(iter(DataLoader(named, batch_size=15)))
    assert batch["image"].shape == (15, 3, 8, 8) and batch["label"].tolist() == named.targets.tolist()
    assert batch["weight"].tolist() == named.weights.tolist()


def test_items_of_any_make():
    images = [tv_tensors.Image(torch.zeros(3, 8, 8, dtype=torch.uint8)) for _ in LABELS]
    Pair = collections.namedtuple("Pair", "x y")
    for make, kind in ((lambda x, y: [x, y], list), (lambda x, y: Pair(x, y), Pair)):
        item = BlendedDataset(Bare(images, make=make), FakeGAN())[-1]
        assert type(item) is kind and isinstance(item[0], tv_tensors.Image)
    item = BlendedDataset(Bare(images, make=lambda x, y: {"label": y, "pixels": x}), FakeGAN())[-1]
    assert isinstance(item["pixels"], tv_tensors.Image) and item["label"] == 2
    text = BlendedDataset(Bare(images, labels=list("abacaacaa"[:8])), FakeGAN(("a", "b", "c")))
    assert text[-1][1] in ("b", "c") and text.classes == ["a", "b", "c"] and text.class_to_idx["c"] == 2
    numbers = BlendedDataset(Bare(images, labels=np.array(LABELS, np.int16)), FakeGAN())
    assert type(numbers[-1][1]) is np.int16


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1)])
def test_arrays_and_transforms_by_keyword(shape):
    seen = []

    def transform(image):  # as albumentations' are called
        seen.append((type(image), image.shape))
        return {"image": torch.from_numpy(image.astype(np.float32))}

    blend = BlendedDataset(Bare(pixels(shape=shape), transform=transform), FakeGAN(shape=(8, 8)))
    assert loaded(blend)[0].shape == (15, *shape) and set(seen) == {(np.ndarray, shape)}


def test_series_and_tables():
    series = TensorDataset(torch.zeros(8, 2, 30, dtype=torch.float64), torch.tensor(LABELS))
    blend = BlendedDataset(series, FakeGAN(shape=(2, 30), dtype=np.float64))
    assert loaded(blend)[0].shape == (15, 2, 30) and loaded(blend)[0].dtype == torch.float64
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.repeat([0, 1], [30, 10])
    sampler = GANOversampler(generator=SmoothedBootstrap(), min_class_size=5, random_state=0).fit(X, y)
    for generator in (sampler, sampler.generators_):
        table = BlendedDataset(TensorDataset(torch.from_numpy(X), torch.from_numpy(y)), generator)
        assert table.counts == {1: 20} and loaded(table)[0].shape == (60, 3)


def test_a_generator_that_learnt_transformed_samples_goes_without_the_transform():
    blend = BlendedDataset(Likeness(transform=TO_FLOAT), FakeGAN(shape=(3, 8, 8), dtype=np.float32))
    assert blend.transform is None
    samples, _ = loaded(blend)
    assert samples.dtype == torch.float32 and 0.4 < samples[8:, 1:].mean() < 0.6


def test_transforms_of_ones_own():
    real = TensorDataset(torch.zeros(8, 3, 8, 8), torch.tensor(LABELS))
    with pytest.raises(InvalidDataError, match=r"samples are a Tensor .* float32, .* generator makes .* uint8"):
        BlendedDataset(real, FakeGAN())
    blend = BlendedDataset(
        real, FakeGAN(), transform=lambda image: image.float().as_subclass(torch.Tensor), target_transform=torch.tensor
    )
    assert loaded(blend)[0].dtype == torch.float32 and loaded(blend)[1].tolist() == blend.targets.tolist()


def test_labels_go_through_the_real_target_transform():
    real = Likeness(transform=TO_FLOAT, target_transform=lambda target: 10 * target)
    blend = BlendedDataset(real, FakeGAN((0, 10, 20)))
    assert blend.counts == {10: 3, 20: 4} and blend.classes == ["0", "10", "20"]
    assert loaded(blend)[1].tolist() == blend.targets.tolist()
    assert blend.class_to_idx == {"0": 0, "10": 10, "20": 20}


def test_mixed_sizes_are_brought_to_one_by_the_transform():
    class Mixed(Likeness):
        def __getitem__(self, index):
            image = Image.fromarray(self.data[index]).resize((9 + index, 12))
            return self.transform(image) if self.transform else image, self.targets[index]

    same = v2.Compose([v2.Resize((10, 10)), TO_FLOAT])
    assert loaded(BlendedDataset(Mixed(transform=same), FakeGAN()))[0].shape == (15, 3, 10, 10)
    BlendedDataset(Mixed(transform=TO_FLOAT), FakeGAN())  # the collate function's business
    with pytest.raises(InvalidDataError, match=r"one batch: .* \(3, 9, 9\) .* synthetic one .* \(3, 8, 8\)"):
        BlendedDataset(Likeness(pixels(shape=(9, 9, 3)), transform=TO_FLOAT), FakeGAN())


def test_looking_at_a_real_item_changes_nothing(global_state):
    class Counted(Likeness):
        def __getitem__(self, index):
            self.seen.append(index)
            return super().__getitem__(index)

    real = Counted(transform=TO_FLOAT, seen=[])
    before = dict(vars(real))
    BlendedDataset(real, FakeGAN())
    assert vars(real) == before and real.seen == [0]
    global_state.assert_unchanged()


# ---- how many ------------------------------------------------------------------------------------


@cases(
    ("strategy", "counts"),
    [
        ("auto", WANTED),
        ("minority", {2: 4}),
        ("not minority", {1: 3}),
        ({2: 3}, {2: 2}),
        ({"one": 2}, {}),
        ({0: 5, 1: 4}, {1: 2}),
        (lambda y: {2: 2}, {2: 1}),
    ],
)
def test_sampling_strategy(strategy, counts):
    blend = BlendedDataset(Likeness(transform=TO_FLOAT), FakeGAN(), strategy)
    assert blend.counts == counts and len(blend) == 8 + sum(counts.values())
    assert len(loaded(blend)[0]) == len(blend)


def test_given_targets():
    images = [torch.zeros(3, 8, 8, dtype=torch.uint8) for _ in LABELS]
    hidden = Bare(images, make=lambda x, y: (x, y))
    assert BlendedDataset(hidden, FakeGAN(), targets=LABELS).counts == WANTED
    with pytest.raises(InvalidDataError, match="no label"):
        BlendedDataset(Bare(images, make=lambda x, y: x), FakeGAN())
    with pytest.raises(InvalidDataError, match="holds 3 labels"):
        BlendedDataset(hidden, FakeGAN(), targets=[0, 1, 2])
    with pytest.raises(InvalidDataError, match="3 entries"):
        BlendedDataset(Bare(images, make=lambda x, y: (x, y, 0)), FakeGAN())
    with pytest.raises(InvalidDataError, match=r"\(0\), .*target 'b'; give target_transform="):
        BlendedDataset(hidden, FakeGAN(("a", "b")), targets=list("ababaaaa"))


# ---- epochs --------------------------------------------------------------------------------------


@cases(
    ("schedule", "lengths"),
    [
        (None, [15, 15, 15, 15, 15, 15]),
        ("constant", [15, 15, 15, 15, 15, 15]),
        ("linear", [15, 13, 12, 10, 8, 8]),
        ("cosine", [15, 14, 12, 9, 8, 8]),
        ("stop", [15, 15, 15, 15, 8, 8]),
        (lambda epoch: epoch / 10, [8, 9, 9, 10, 11, 12]),
    ],
)
def test_schedules(schedule, lengths):
    blend = BlendedDataset(Likeness(transform=TO_FLOAT), FakeGAN(), schedule=schedule, schedule_epochs=4)
    whole = [] if callable(schedule) else bytes_of(loaded(blend)[0].numpy())
    loader = DataLoader(blend, batch_size=4, shuffle=True, generator=torch.Generator().manual_seed(0))
    for epoch, length in enumerate(lengths):
        blend.set_epoch(epoch)
        assert len(blend) == len(blend.targets) == len(blend.is_synthetic) == len(blend.weights) == length
        assert sum(len(y) for _, y in loader) == length  # one loader sees it change
        if whole:
            assert bytes_of(loaded(blend)[0].numpy()) == whole[:length]
        with pytest.raises(IndexError):
            blend[length]


def test_a_smaller_share_keeps_the_proportions_of_the_classes():
    X, y = torch.zeros(311, 3), torch.tensor([0] * 200 + [1] * 100 + [2] * 11)
    generator = SmoothedBootstrap(random_state=0).fit(X, y)
    blend = BlendedDataset(TensorDataset(X, y), generator, schedule=lambda epoch: 0.1 * epoch)
    for epoch in range(11):
        blend.set_epoch(epoch)
        found = Counter(blend.targets[blend.is_synthetic].tolist())
        assert abs(found[1] - 10 * epoch) <= 1 and abs(found[2] - 18.9 * epoch) <= 1


def test_bad_schedules():
    real = Likeness(transform=TO_FLOAT)
    for options, message in [
        ({"schedule": "linear"}, "needs schedule_epochs"),
        ({"schedule": "sawtooth"}, "'constant', 'cosine', 'linear', 'stop'"),
        ({"schedule": "stop", "schedule_epochs": 0}, "schedule_epochs=0"),
        ({"schedule": lambda epoch: 2}, "share in epoch 0=2"),
        ({"weight": -1}, "weight=-1"),
    ]:
        with pytest.raises(InvalidParameterError, match=message):
            BlendedDataset(real, FakeGAN(), **options)
    with pytest.raises(InvalidParameterError, match="epoch=-1"):
        BlendedDataset(real, FakeGAN()).set_epoch(-1)


def test_workers_that_persist_see_new_items_and_lengths():
    blend = BlendedDataset(
        Likeness(transform=TO_FLOAT), FakeGAN(), schedule=lambda epoch: (0.5, 1, 0)[epoch], refresh_every=1
    )
    options = {"num_workers": 2, "persistent_workers": True, "multiprocessing_context": "fork"}
    loader, seen = DataLoader(blend, batch_size=4, **options), []
    for epoch in range(3):
        blend.set_epoch(epoch)
        samples = torch.cat([x for x, _ in loader])
        assert torch.equal(samples, loaded(blend)[0])
        seen.append(samples)
    assert [len(samples) for samples in seen] == [12, 15, 8]
    assert torch.equal(seen[0][:8], seen[1][:8]) and not torch.equal(seen[0], seen[1][:12])


# ---- weights, samplers, batches ------------------------------------------------------------------


def test_loss_weights():
    blend = BlendedDataset(Likeness(transform=TO_FLOAT), FakeGAN(), weight=0.25)
    _, targets, weights = loaded(blend)
    assert weights.dtype == torch.float32 and weights.tolist() == [1.0] * 8 + [0.25] * 7 == blend.weights.tolist()
    assert targets.tolist() == blend.targets.tolist() and len(blend[0]) == len(blend[-1]) == 3
    assert len(BlendedDataset(blend.real, FakeGAN(), weight=0.25, return_weight=False)[-1]) == 2
    assert BlendedDataset(blend.real, FakeGAN(), return_weight=True)[-1][2] == 1


def test_weighted_random_sampler():
    blend = BlendedDataset(Likeness(transform=TO_FLOAT), FakeGAN(), sampling_strategy={2: 3})
    weights = blend.sample_weights()
    for label in (0, 1, 2):
        assert np.isclose(weights[blend.targets == label].sum(), 1 / 3)
    assert np.isclose(blend.sample_weights(class_balanced=False), 0.1).all()
    half = blend.sample_weights(synthetic_share=0.5)
    assert np.isclose(half[blend.is_synthetic].sum(), 0.5) and np.isclose(half.sum(), 1)
    drawn = WeightedRandomSampler(weights, 600, generator=torch.Generator().manual_seed(0))
    found = Counter(loaded(blend, sampler=drawn)[1].tolist())
    assert all(150 < found[label] < 250 for label in (0, 1, 2))
    real = BlendedDataset(blend.real, FakeGAN(), sampling_strategy={2: 1})
    with pytest.raises(InvalidParameterError, match="no synthetic items"):
        real.sample_weights(synthetic_share=0.5)


def test_distributed_sampler():
    blend = BlendedDataset(Likeness(transform=TO_FLOAT), FakeGAN())
    found = [i for rank in (0, 1) for i in DistributedSampler(blend, num_replicas=2, rank=rank, seed=3)]
    assert len(found) == 16 and set(found) == set(range(15))


def test_every_batch_has_its_share():
    blend = BlendedDataset(Likeness(transform=TO_FLOAT), FakeGAN())
    sampler = ShareBatchSampler(blend, 4, share=0.5, seed=1)
    epochs = [list(sampler) for _ in range(2)]
    for batches in epochs:
        assert len(batches) == len(sampler) == 4
        assert all(blend.is_synthetic[batch].sum() == 2 and len(batch) == 4 for batch in batches)
        drawn = Counter(i for batch in batches for i in batch)
        assert all(drawn[i] == 1 for i in range(8))
        assert {drawn[i] for i in range(8, 15)} <= {1, 2}  # without replacement until all were drawn
    assert epochs[0] != epochs[1]
    sampler.set_epoch(0)
    assert list(sampler) == epochs[0] and list(ShareBatchSampler(blend, 4, share=0.5, seed=2)) != epochs[0]
    samples, _ = zip(*DataLoader(blend, batch_sampler=sampler), strict=True)
    assert [len(x) for x in samples] == [4] * 4


def test_batches_at_the_ends():
    blend = BlendedDataset(Likeness(transform=TO_FLOAT), FakeGAN(), schedule="stop", schedule_epochs=1)
    assert [len(batch) for batch in ShareBatchSampler(blend, 5, share=0.4)] == [5, 5, 3]
    short = list(ShareBatchSampler(blend, 5, share=0.4, drop_last=True))
    assert [len(batch) for batch in short] == [5, 5]
    own = ShareBatchSampler(blend, 5)  # 7 of 15
    assert [int(blend.is_synthetic[batch].sum()) for batch in own] == [2, 2, 1]
    assert all(blend.is_synthetic[batch].sum() == 1 for batch in ShareBatchSampler(blend, 2, share=0.99))
    parts = [list(ShareBatchSampler(blend, 5, 0.4, num_replicas=2, rank=rank)) for rank in (0, 1)]
    whole = list(ShareBatchSampler(blend, 5, 0.4))
    assert parts == [[whole[0]], [whole[1]]]
    assert not any(blend.is_synthetic[batch].any() for batch in ShareBatchSampler(blend, 5, share=0))
    blend.set_epoch(1)
    assert [len(batch) for batch in ShareBatchSampler(blend, 5, share=0.4)] == [5, 3]
    for options in ({"share": 1}, {"batch_size": 0}, {"num_replicas": 2, "rank": 2}):
        with pytest.raises(InvalidParameterError):
            ShareBatchSampler(blend, **{"batch_size": 4, **options})
    with pytest.raises(InvalidTypeError, match="BlendedDataset"):
        ShareBatchSampler(blend.real, 4)


# ---- generators that do not fit ------------------------------------------------------------------


@cases(
    ("generator", "error", "message"),
    [
        (FakeGAN((0, 1)), InvalidParameterError, r"FakeGAN cannot make class 2 \(two\), .* learnt are 0, 1\."),
        ({1: FakeGAN()}, InvalidParameterError, r"the dict of generators cannot make class 2 \(two\)"),
        (FakeGAN(shape=(8, 8)), InvalidDataError, r"3 channel\(s\): a PIL image of mode RGB .* makes 1"),
        (
            FakeGAN(shape=(2, 30), dtype=np.float64),
            InvalidDataError,
            r"sample is an Image .* synthetic one an Image of shape \(2, 30\)",
        ),
        (Unfitted(), InvalidParameterError, "is a Unfitted that is not fitted; .*balance"),
        (TabularGAN, InvalidTypeError, "is a class"),
        (None, InvalidTypeError, "no sample"),
    ],
)
def test_generators_that_do_not_fit(generator, error, message):
    with pytest.raises(error, match=message):
        BlendedDataset(Likeness(transform=TO_FLOAT), generator)


def test_one_class_or_none_at_all():
    with pytest.raises(InvalidDataError, match="1 class only"):
        BlendedDataset(TensorDataset(torch.zeros(4, 3), torch.zeros(4)), FakeGAN())
    with pytest.raises(InvalidTypeError, match="cannot be indexed"):
        BlendedDataset(object(), FakeGAN())
    with pytest.raises(InvalidParameterError, match="cannot be met"):
        BlendedDataset(Likeness(), FakeGAN(), {"seven": 9})


def test_a_full_disk_on_refresh_leaves_the_blend_as_it_was(tmp_path, monkeypatch):
    blend = BlendedDataset(Likeness(transform=TO_FLOAT), FakeGAN(), cache_dir=tmp_path, refresh_every=1)
    before = loaded(blend)[0]
    full_at(monkeypatch, 1)
    with pytest.raises(ModelPathError, match="No space left"):
        blend.set_epoch(1)
    assert blend.epoch == 0 and torch.equal(loaded(blend)[0], before)


# ---- balance -------------------------------------------------------------------------------------


class Learner(BaseEstimator):
    """Remembers what it was given, and makes more of the like."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        self.X_, self.y_ = X, np.asarray(y)
        self.classes_ = np.unique(self.y_)
        self.class_counts_ = np.bincount(self.y_)
        return self

    def sample(self, n, label=None, random_state=None):
        own = np.flatnonzero(self.y_ == label)
        return self.X_[own[np.random.default_rng(random_state).integers(len(own), size=n)]], np.full(n, label)


def test_balance_learns_what_the_transform_is_given(folder):
    generator = Learner()
    blend = balance(ImageFolder(folder, transform=TO_FLOAT), generator, seed=4, weight=0.5)
    assert isinstance(blend, BlendedDataset) and not hasattr(generator, "X_")
    assert blend.generator.X_.dtype == np.uint8 and blend.generator.X_.shape == (8, 8, 8, 3)
    assert isinstance(blend.generator.random_state, int) and blend.synthetic.seed == 4
    assert len(blend) == 15 and loaded(blend)[2].sum() == 8 + 3.5
    resized = balance(ImageFolder(folder, transform=v2.Compose([v2.Resize((9, 10)), TO_FLOAT])), generator)
    assert resized.generator.X_.shape == (8, 9, 10, 3) and loaded(resized)[0].shape == (15, 3, 9, 10)
    small = balance(
        ImageFolder(folder, transform=v2.Compose([v2.Resize((9, 10)), TO_FLOAT])), generator, image_size=(8, 9)
    )
    assert small.generator.X_.shape == (8, 8, 9, 3) and loaded(small)[0].shape == (15, 3, 9, 10)


def test_balance_of_tables_and_of_nothing_that_can_be_learnt():
    X = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    blend = balance(TensorDataset(X, torch.arange(60) // 40), TabularGAN(max_steps=5, verbose=False), seed=1)
    again = balance(TensorDataset(X, torch.arange(60) // 40), TabularGAN(max_steps=5, verbose=False), seed=1)
    assert torch.equal(loaded(blend)[0], loaded(again)[0]) and blend.counts == {1: 20}
    with pytest.raises(InvalidTypeError, match="is a class; write"):
        balance(TensorDataset(X, torch.arange(60) // 40), TabularGAN)
    with pytest.raises(InvalidTypeError, match="needs fit"):
        balance(TensorDataset(X, torch.arange(60) // 40), FakeGAN.sample)
    with pytest.raises(InvalidDataError, match="no label"):
        balance(TensorDataset(X), TabularGAN())
    with pytest.raises(InvalidDataError, match="give a generator"):
        balance(Bare(list("abcdefgh")))


def test_balance_of_images_larger_than_one_another():
    images = [Image.fromarray(image).resize((8 + i, 9)) for i, image in enumerate(pixels())]
    with pytest.raises(InvalidDataError, match="8 RGB|9 x 8"):
        balance(Bare(images), Learner())


def test_synthetic_of_a_blend_stands_class_by_class():
    blend = BlendedDataset(Likeness(transform=TO_FLOAT), FakeGAN())
    assert isinstance(blend.synthetic, SyntheticDataset)
    assert blend.synthetic.targets.tolist() == [1] * 3 + [2] * 4


def test_synthetic_items_that_are_taken_for_real_ones_are_told():
    blend = BlendedDataset(Bare([torch.zeros(3, 8, 8, dtype=torch.uint8) for _ in LABELS]), FakeGAN())
    real = torch.utils.data.Subset(blend, range(8))
    for again, several in ((blend, 7), (torch.utils.data.Subset(blend, range(7, 10)), 2)):
        with pytest.warns(DataWarning, match=f"holds {several} synthetic items, which are taken for real ones here"):
            BlendedDataset(again, FakeGAN(), sampling_strategy={})
        with pytest.warns(DataWarning, match=f"holds {several} synthetic items, which are taken for real ones here"):
            resolve_samples(again)
    BlendedDataset(real, FakeGAN(), sampling_strategy={})


def test_a_seed_that_is_none_is_told_by_its_name():
    with pytest.raises(InvalidParameterError, match="seed=-1 is not a seed"):
        BlendedDataset(Bare([torch.zeros(3, 8, 8, dtype=torch.uint8) for _ in LABELS]), FakeGAN(), seed=-1)


def test_an_image_gan_from_a_folder_to_a_loader(tmp_path):
    for i, image in enumerate(pixels(36)):
        place = tmp_path / ("rare" if i < 12 else "plenty")
        place.mkdir(exist_ok=True)
        Image.fromarray(image).save(place / f"{i}.png")
    real = ImageFolder(tmp_path, transform=v2.Compose([v2.RandomHorizontalFlip(), TO_FLOAT]))
    gan = ImageGAN(max_steps=2, channels=4, max_channels=8, batch_size=8, curate=False, device="cpu", verbose=False)
    blend = balance(real, gan, seed=1)
    assert blend.counts == {1: 12} and isinstance(blend.generator, ImageGAN)
    workers = {"num_workers": 2, "multiprocessing_context": "fork"}
    samples, targets = loaded(blend, shuffle=True, **workers)
    assert samples.shape == (48, 3, 8, 8) and targets.float().mean() == 0.5
    pooled, direct = (SyntheticDataset(blend.generator, {1: 12}, seed=1, pool=pool) for pool in (True, False))
    drawn = bytes_of([sample for sample, _ in pooled])
    assert drawn == bytes_of([sample for sample, _ in direct]) and len(set(drawn)) > 1
    assert drawn == bytes_of(blend.synthetic.stored(np.arange(12)))
