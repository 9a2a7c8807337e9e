"""Synthetic items: the same for every caller, in whatever order; pools that are written whole, renewed and removed."""

from __future__ import annotations

import copy
import errno
import gc
import multiprocessing
import os
import pickle
import resource
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import cases
from PIL import Image
from sklearn.base import BaseEstimator
from torch.utils.data import DataLoader, RandomSampler, Subset
from torchvision import tv_tensors
from torchvision.datasets import VisionDataset
from torchvision.transforms import v2

from ganaug import SmoothedBootstrap, SyntheticDataset
from ganaug.exceptions import GanaugError, InvalidDataError, InvalidParameterError, InvalidTypeError, ModelPathError
from ganaug.pools import formats, pool
from ganaug.pools.generators import draw_blocks


class FakeGAN:
    """Images whose first pixel tells the label and whose others are random; it counts its calls, and who made them."""

    def __init__(self, classes=(0, 1, 2), counts=(10, 20, 70), shape=(8, 8, 3), dtype=np.uint8):
        self.classes_ = np.array(classes)
        self.class_counts_ = np.array(counts)
        self.shape, self.dtype = shape, dtype
        self.calls, self.process = [], os.getpid()

    def fit(self, X, y):
        return self

    def sample(self, n=1, label=None, random_state=None):
        assert os.getpid() == self.process, "the generator is called in a worker"
        assert isinstance(n, int) and 0 <= random_state < 2**31
        self.calls.append((label, n))
        rng = np.random.default_rng(random_state)
        if self.dtype == np.uint8:
            X = rng.integers(0, 256, (n, *self.shape), np.uint8)
        else:
            X = rng.random((n, *self.shape)).astype(self.dtype)
        X[(slice(None), *(0,) * len(self.shape))] = list(self.classes_).index(label)
        return X, np.full(n, label)


class AnyProcessGAN(FakeGAN):
    """One that may be called in workers."""

    @property
    def process(self):
        return os.getpid()

    @process.setter
    def process(self, value):
        pass


def bytes_of(samples):
    return [np.asarray(sample).tobytes() for sample in samples]


def items_of(dataset, **options):
    """Index -> bytes of the item, as a loader brings it."""
    order = list(RandomSampler(range(len(dataset)), generator=torch.Generator().manual_seed(1)))
    loader = DataLoader(dataset, sampler=order, **options)
    samples = torch.cat([x for x, _ in loader])
    return dict(zip(order, bytes_of(samples.numpy()), strict=True))


# ---- an item depends on the seed and its index ---------------------------------------------------


@pytest.mark.filterwarnings("ignore:This DataLoader will create 4 worker processes")  # on 2 cores
@pytest.mark.parametrize("pool", [True, False])
def test_items_do_not_depend_on_workers_batches_or_order(pool):
    data = SyntheticDataset(AnyProcessGAN(), {2: 30, 0: 11, 1: 0}, seed=3, block_size=8, pool=pool)
    expected = dict(enumerate(bytes_of([data[i][0] for i in range(41)])))
    assert len(set(expected.values())) == 41
    assert items_of(data, batch_size=5) == expected
    assert items_of(data, batch_size=41) == expected
    for workers in (2, 4):
        options = {"num_workers": workers, "multiprocessing_context": "fork"}
        assert items_of(data, batch_size=7, **options) == expected
    again = SyntheticDataset(AnyProcessGAN(), {2: 30, 0: 11}, seed=3, block_size=8, pool=not pool)
    assert dict(enumerate(bytes_of([x for x, _ in again]))) == expected
    other = SyntheticDataset(AnyProcessGAN(), {2: 30, 0: 11}, seed=4, block_size=8, pool=pool)
    assert not set(bytes_of([x for x, _ in other])) & set(expected.values())


def test_more_items_leave_whole_pieces_as_they_are():
    few, many = (SyntheticDataset(FakeGAN(), {1: n}, block_size=8) for n in (16, 40))
    assert bytes_of([x for x, _ in few]) == bytes_of([many[i][0] for i in range(16)])


def test_workers_that_share_no_memory_and_persist_read_the_pool_and_see_it_renewed():
    # the generator cannot be pickled, and would not let itself be called
    generator = FakeGAN()
    generator.lock = lambda: None
    data = SyntheticDataset(generator, {0: 12, 1: 4}, seed=3, refresh_every=1)
    loader = DataLoader(
        data,
        batch_size=4,
        num_workers=1,
        persistent_workers=True,
        multiprocessing_context=multiprocessing.get_context("forkserver"),
    )
    for epoch in (0, 1):
        data.set_epoch(epoch)
        samples = torch.cat([x for x, _ in loader])
        assert bytes_of(samples.numpy()) == bytes_of([x for x, _ in data])


def test_a_batch_is_read_at_once_or_drawn_in_one_call():
    generator = FakeGAN()
    pooled = SyntheticDataset(generator, {1: 64})
    generator.calls.clear()
    pooled.__getitems__(list(range(64)))
    assert generator.calls == []
    direct = SyntheticDataset(generator, {1: 128}, pool=False)
    generator.calls.clear()
    direct.__getitems__(list(range(63, -1, -1)))
    assert generator.calls == [(1, 64)]
    direct.__getitems__([5, 3])
    assert len(generator.calls) == 1
    direct.__getitems__([100])
    assert len(generator.calls) == 2


def test_pieces_kept_without_a_pool_are_bounded(monkeypatch):
    monkeypatch.setattr(pool, "KEPT_BYTES", 3 * 8 * 192)
    data = SyntheticDataset(FakeGAN(), {1: 80}, pool=False, block_size=8)
    before = bytes_of([x for x, _ in data])
    assert len(data._pool._kept) == 3
    assert bytes_of([data[i][0] for i in range(80)]) == before


def test_nothing_global_is_touched(global_state):
    data = SyntheticDataset(FakeGAN(), 20, refresh_every=1)
    data.set_epoch(2)
    list(data)
    global_state.assert_unchanged()


# ---- what an item is -----------------------------------------------------------------------------


def test_a_vision_dataset_of_images():
    data = SyntheticDataset(FakeGAN(("cat", "dog", "emu")), {"dog": 2, "cat": 1})
    assert isinstance(data, VisionDataset) and len(data) == 3
    sample, target = data[0]
    assert isinstance(sample, tv_tensors.Image) and sample.shape == (3, 8, 8) and sample.dtype == torch.uint8
    assert type(target) is int and [y for _, y in data] == data.targets.tolist() == [1, 1, 0]
    assert data.classes == ["cat", "dog", "emu"] and data.class_to_idx == {"cat": 0, "dog": 1, "emu": 2}
    assert sample[0, 0, 0] == 1 and data[-1][0][0, 0, 0] == 0
    assert "Number of datapoints: 3" in repr(data) and "Seed: 0" in repr(data)
    with pytest.raises(IndexError, match="3 items"):
        data[3]
    own = SyntheticDataset(FakeGAN(("cat", "dog", "emu")), {"dog": 2}, class_to_idx={"dog": 7})
    assert own.targets.tolist() == [7, 7] and own.class_to_idx == {"dog": 7}


def test_a_number_is_divided_by_the_training_frequencies():
    data = SyntheticDataset(FakeGAN(), 1000)
    assert sum(data.counts.values()) == len(data) == 1000
    assert 50 < data.counts[0] < 150 and 620 < data.counts[2] < 780
    assert data.counts == SyntheticDataset(FakeGAN(), 1000, pool=False).counts


@cases(
    ("output", "kind", "shape"),
    [("tensor", torch.Tensor, (3, 8, 9)), ("image", tv_tensors.Image, (3, 8, 9)), ("array", np.ndarray, (8, 9, 3))],
)
def test_outputs(output, kind, shape):
    generator = FakeGAN(shape=(8, 9, 3))
    sample = SyntheticDataset(generator, {1: 1}, output=output)[0][0]
    assert type(sample) is kind and tuple(sample.shape) == shape
    pixels = np.asarray(sample) if output == "array" else sample.numpy().transpose(1, 2, 0)
    picture = SyntheticDataset(generator, {1: 1}, output="pil")[0][0]
    assert isinstance(picture, Image.Image) and picture.mode == "RGB" and picture.size == (9, 8)
    assert (np.asarray(picture) == pixels).all()


@cases("shape", [(8, 9), (8, 9, 1), (1, 8, 9)])
def test_grey_images_of_any_layout(shape):
    generator = FakeGAN(shape=shape)
    assert SyntheticDataset(generator, {1: 1})[0][0].shape == (1, 8, 9)
    assert SyntheticDataset(generator, {1: 1}, output="pil")[0][0].mode == "L"


def test_transforms_see_what_output_says():
    seen = []

    def transform(sample):
        seen.append(type(sample))
        return v2.functional.to_dtype(v2.functional.to_image(sample), torch.float32, scale=True)

    data = SyntheticDataset(FakeGAN(), {1: 3}, transform, lambda target: target + 10, output="pil")
    samples, targets = next(iter(DataLoader(data, batch_size=3)))
    assert seen == [Image.Image] * 3
    assert samples.dtype == torch.float32 and samples.max() <= 1 and targets.tolist() == [11] * 3


def test_series_volumes_and_tables():
    series = SyntheticDataset(FakeGAN(shape=(2, 30), dtype=np.float64), {1: 2})[0][0]
    assert type(series) is torch.Tensor and series.shape == (2, 30) and series.dtype == torch.float32
    assert SyntheticDataset(FakeGAN(shape=(1, 8, 8, 8), dtype=np.float32), {1: 2})[0][0].shape == (1, 8, 8, 8)
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.repeat(["a", "b"], [30, 10])
    table = SyntheticDataset(SmoothedBootstrap(random_state=0).fit(X, y), {"b": 5})
    assert table[0][0].shape == (3,) and table[0][1] == 1
    unlabelled = SyntheticDataset(SmoothedBootstrap(random_state=0).fit(X), 5)
    assert unlabelled.targets.tolist() == [-1] * 5 and unlabelled.classes == []


def test_float_images_are_told_by_the_codec_or_the_layout():
    generator = FakeGAN(shape=(8, 9), dtype=np.float32)
    assert not SyntheticDataset(generator, {1: 1}).is_image
    assert SyntheticDataset(generator, {1: 1}, layout="NHW")[0][0].shape == (1, 8, 9)
    generator.codec_ = SimpleNamespace(shape=(1, 8, 9))
    assert SyntheticDataset(generator, {1: 1})[0][0].shape == (1, 8, 9)
    generator.codec_ = SimpleNamespace(shape=(8, 9))
    assert not SyntheticDataset(generator, {1: 1}).is_image


def test_a_dict_of_generators():
    rng = np.random.default_rng(0)
    alone = SmoothedBootstrap(random_state=0).fit(rng.normal(size=(20, 3)) + 50)
    both = SmoothedBootstrap(random_state=0).fit(rng.normal(size=(20, 3)), np.repeat([0, 1], 10))
    data = SyntheticDataset({5: alone, 1: both}, {1: 4, 5: 4})
    assert data.targets.tolist() == [1] * 4 + [5] * 4
    assert data[0][0].mean() < 10 < data[7][0].mean()


def test_samples_are_the_users_own():
    data = SyntheticDataset(FakeGAN(), {1: 3})
    before = data[1][0].clone()
    data[1][0].zero_()
    assert torch.equal(data[1][0], before)


# ---- the pool ------------------------------------------------------------------------------------


def test_a_temporary_pool_goes_with_its_dataset():
    data = SyntheticDataset(FakeGAN(), {1: 30})
    path = data.pool_path
    assert np.load(path).shape == (30, 3, 8, 8) and path.stat().st_mode & 0o077 == 0
    list(DataLoader(data, num_workers=2, multiprocessing_context="fork"))
    gc.collect()
    assert path.exists()
    twin = pickle.loads(pickle.dumps(data))
    assert len(pickle.dumps(data)) < 8_000 and bytes_of([x for x, _ in twin]) == bytes_of([x for x, _ in data])
    copied = copy.deepcopy(data)
    late = pickle.loads(pickle.dumps(data))
    with pytest.raises(InvalidParameterError, match="copy"):
        copied.refresh()
    del data
    gc.collect()
    assert not path.exists()
    assert len(twin[0]) == 2  # it holds the file open
    with pytest.raises(ModelPathError, match="cache_dir"):
        late[0]


def test_another_process_does_not_remove_the_pool():
    data = SyntheticDataset(FakeGAN(), {1: 3})
    child = multiprocessing.get_context("fork").Process(target=data._pool._file[1].finalizer)
    child.start()
    child.join()
    assert child.exitcode == 0 and data.pool_path.exists()


def test_a_pool_in_a_folder_stays_and_is_used_again(tmp_path):
    def made(**options):
        generator = FakeGAN()
        data = SyntheticDataset(generator, {1: 30, 0: 3}, cache_dir=tmp_path / "new" / "pools", **options)
        return bytes_of([x for x, _ in data]), len(generator.calls)

    first, calls = made()
    second, fewer = made()
    assert first == second and fewer < calls
    assert made(seed=1)[0] != first
    assert len(list((tmp_path / "new" / "pools").iterdir())) == 2
    with pytest.raises(GanaugError, match="cache_dir"):
        SyntheticDataset(FakeGAN(), 3, cache_dir=__file__)


def test_refresh_makes_new_items_and_removes_the_old(tmp_path):
    data = SyntheticDataset(FakeGAN(), {1: 30}, refresh_every=2)
    generations = {}
    for epoch in (0, 1, 2, 3, 4):
        data.set_epoch(epoch)
        generations[epoch] = bytes_of([x for x, _ in data])
    assert generations[0] == generations[1] and generations[2] == generations[3]
    assert len(set(generations[0]) | set(generations[2]) | set(generations[4])) == 90
    path = data.pool_path
    data.set_epoch(1)  # back again: the same items as then
    assert bytes_of([x for x, _ in data]) == generations[0] and not path.exists()
    data.refresh()
    assert data.generation == 1 and bytes_of([x for x, _ in data]) == generations[2]
    still = SyntheticDataset(FakeGAN(), {1: 30})
    still.set_epoch(7)
    assert still.generation == 0


@pytest.mark.parametrize("pool", [True, False])
def test_forked_workers_that_persist_see_new_items(pool):
    data = SyntheticDataset(AnyProcessGAN(), {1: 30}, refresh_every=1, pool=pool)
    loader = DataLoader(data, batch_size=8, num_workers=2, persistent_workers=True, multiprocessing_context="fork")
    seen = []
    for epoch in range(3):
        data.set_epoch(epoch)
        seen.append(bytes_of(torch.cat([x for x, _ in loader]).numpy()))
        assert seen[-1] == bytes_of([x for x, _ in data])
    assert len({tuple(one) for one in seen}) == 3


def full_at(monkeypatch, number):
    """The disk is full at the so-manieth part."""
    write, calls = formats._write, []

    def limited(file, part):
        calls.append(1)
        if len(calls) == number:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(file, part)

    monkeypatch.setattr("ganaug.pools.formats._write", limited)


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    full_at(monkeypatch, 3)
    with pytest.raises(ModelPathError, match=r"30 synthetic items .* cache_dir=") as error:
        SyntheticDataset(FakeGAN(), {1: 30}, cache_dir=tmp_path, block_size=8)
    assert error.value.errno == errno.ENOSPC and list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_earlier_pool(tmp_path, monkeypatch):
    data = SyntheticDataset(FakeGAN(), {1: 30}, cache_dir=tmp_path, block_size=8, refresh_every=1)
    before, path = bytes_of([x for x, _ in data]), data.pool_path
    with monkeypatch.context() as patch:
        full_at(patch, 2)
        with pytest.raises(ModelPathError):
            data.set_epoch(1)
    assert bytes_of([x for x, _ in data]) == before and data.generation == 0 and data.pool_path == path
    assert list(tmp_path.iterdir()) == [path]
    data.set_epoch(1)
    assert bytes_of([x for x, _ in data]) != before


def test_a_file_that_cannot_grow(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, hard))
    try:
        with pytest.raises(ModelPathError) as error:
            SyntheticDataset(FakeGAN(), {1: 30}, cache_dir=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert error.value.errno == errno.EFBIG and list(tmp_path.iterdir()) == []


def test_too_large_a_pool_is_refused_before_anything_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=5_000))
    generator = FakeGAN()
    with pytest.raises(ModelPathError, match="No space left"):
        SyntheticDataset(generator, {1: 30})
    assert sum(n for _, n in generator.calls) < 30


# ---- bad input -----------------------------------------------------------------------------------


class Unfitted(BaseEstimator):
    def fit(self, X, y):
        self.classes_ = [0]
        return self

    def sample(self, n, label=None, random_state=None):
        raise AssertionError


class Short(FakeGAN):
    def sample(self, n=1, label=None, random_state=None):
        X, y = super().sample(n, label, random_state)
        return X[: n - 1], y[: n - 1]


class Growing(FakeGAN):
    def sample(self, n=1, label=None, random_state=None):
        X, y = super().sample(n, label, random_state)
        return (X[:, :, :, :1], y) if label == 2 else (X, y)


class OnGPU(FakeGAN):
    def sample(self, n=1, label=None, random_state=None):
        if n > 1:
            raise RuntimeError("Cannot re-initialize CUDA in forked subprocess.")
        return super().sample(n, label, random_state)


@cases(
    ("generator", "counts", "error", "message"),
    [
        (FakeGAN, 3, InvalidTypeError, "is a class"),
        (object(), 3, InvalidTypeError, "no sample"),
        ({}, 3, InvalidParameterError, "empty dict"),
        ({0: 1}, 3, InvalidTypeError, r"generator\[0\] is a int"),
        (Unfitted(), 3, InvalidParameterError, "not fitted.*balance"),
        (FakeGAN(), -1, InvalidParameterError, "n_or_counts=-1"),
        (FakeGAN(), {0: 1.5}, InvalidParameterError, "count of 0"),
        (FakeGAN(), {9: 3}, InvalidParameterError, "FakeGAN cannot make 9: .* 0, 1, 2"),
        ({0: FakeGAN()}, 3, InvalidParameterError, "give a dict of label to number"),
        (Short(), {0: 3}, InvalidDataError, "returned 0 samples of 0 when asked for 1"),
        (Growing(), {0: 3, 2: 3}, InvalidDataError, r"samples of 2 have shape \(1, 8, 8\)"),
        (OnGPU(), {0: 3}, InvalidParameterError, "forked worker; leave pool=True"),
    ],
)
def test_bad_generators_and_counts(generator, counts, error, message):
    with pytest.raises(error, match=message):
        SyntheticDataset(generator, counts)


def test_bad_options():
    for options, message in [
        ({"output": "jpeg"}, "output='jpeg'"),
        ({"layout": "CHW"}, "layout='CHW'"),
        ({"block_size": 0}, "block_size=0"),
        ({"refresh_every": 0}, "refresh_every=0"),
        ({"seed": -1}, "-1 is not a seed"),
        ({"class_to_idx": {0: 0}}, "no target for 1"),
    ]:
        with pytest.raises(InvalidParameterError, match=message):
            SyntheticDataset(FakeGAN(), {1: 3}, **options)
    with pytest.raises(InvalidDataError, match="output='pil'"):
        SyntheticDataset(FakeGAN(shape=(2, 30), dtype=np.float32), {1: 3}, output="pil")
    text = SmoothedBootstrap(random_state=0).fit(np.array([["a"], ["b"], ["a"]], dtype=object))
    with pytest.raises(InvalidTypeError, match="dtype object"):
        SyntheticDataset(text, 3)


def test_no_items_at_all():
    data = SyntheticDataset(FakeGAN(), 0)
    assert len(data) == 0 and data.pool_path is None and list(data) == []


def test_a_focused_generator_draws_its_class_only():
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.repeat([0, 1], [30, 10])
    data = SyntheticDataset(SmoothedBootstrap(random_state=0).fit(X, y, focus=1), 12)
    assert data.counts == {0: 0, 1: 12}
    assert list(draw_blocks({0: 0, 1: 12}, 8))[1].start == 8


def test_a_subset_of_it_is_a_dataset_too():
    data = SyntheticDataset(FakeGAN(), {1: 30})
    loader = DataLoader(Subset(data, [3, 5]), batch_size=2, num_workers=1, multiprocessing_context="fork")
    assert torch.equal(next(iter(loader))[0], torch.stack([data[3][0], data[5][0]]))
