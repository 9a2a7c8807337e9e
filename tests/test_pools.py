"""The pool of images that every transform draws from, and its file."""

from __future__ import annotations

import errno
import pickle
import resource
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import cases, printed_by

import ganaug
from ganaug.exceptions import (
    InvalidDataError,
    InvalidParameterError,
    InvalidTypeError,
    ModelFileError,
    ModelPathError,
    ModelPathNotFoundError,
)
from ganaug.pools import pool as pool_module
from ganaug.pools.formats import fitted_to, to_bytes
from ganaug.transforms import SamplePool


class Painter:
    """A fitted generator whose images tell their class: class k has values from 50 k to 50 k + 49."""

    def __init__(self, classes=(0, 1, 2), shape=(3, 8, 8), paint=lambda images: images):
        self.classes_ = np.asarray(classes)
        self.shape, self.paint, self.asked = shape, paint, []

    def sample(self, n, label=None, random_state=None):
        self.asked.append((n, label, random_state))
        place = self.classes_.tolist().index(label)
        drawn = np.random.default_rng(random_state).integers(50, size=(n, *self.shape)) + 50 * place
        return self.paint(drawn.astype(np.uint8)), np.full(n, label)


def test_a_pool_holds_as_many_of_each_class_as_asked():
    pool = SamplePool.generate(Painter(), {0: 3, 2: 5})
    assert pool.labels == (0, 2) and pool.counts.tolist() == [3, 5] and pool.shape == (3, 8, 8) and len(pool) == 8
    rows = pool.pick([1] * 200, np.random.default_rng(0))
    assert set(rows.tolist()) == {3, 4, 5, 6, 7}  # every image of the class comes up, and none of the other
    assert (pool.take(rows) // 50 == 2).all()


def test_large_pools_are_drawn_in_pieces_that_differ():
    painter = Painter(classes=["a"], shape=(1, 8, 8))
    pool = SamplePool.generate(painter, 1100)
    assert [n for n, _, _ in painter.asked] == [512, 512, 76]
    assert len(np.unique(pool.take(np.arange(1100)).reshape(1100, -1), axis=0)) == 1100


def test_the_seed_decides_the_pool():
    first, again, other = (SamplePool.generate(Painter(), 4, seed=s).take(np.arange(12)) for s in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    # a class has the same images whichever others are drawn
    alone = SamplePool.generate(Painter(), 4, labels=[2], seed=1).take(np.arange(4))
    assert np.array_equal(alone, first[8:])


def test_images_of_every_layout_and_range_become_the_same_bytes():
    want = SamplePool.generate(Painter(), 4).take(np.arange(12))
    for paint, options in [
        (lambda x: np.moveaxis(x, 1, -1), {}),
        (lambda x: x / np.float32(255), {}),
        (lambda x: torch.from_numpy(x), {}),
        (lambda x: x / 127.5 - 1, {"value_range": (-1, 1)}),
        (lambda x: x.astype(np.int32), {"value_range": (0, 255)}),
    ]:
        assert np.array_equal(SamplePool.generate(Painter(paint=paint), 4, **options).take(np.arange(12)), want)
    grey = SamplePool.generate(Painter(shape=(8, 9)), 2)
    assert grey.shape == (1, 8, 9)


def test_the_generators_own_shape_settles_the_layout():
    images = np.zeros((2, 3, 8, 4), np.uint8)
    assert to_bytes(images, shape=(3, 8, 4)).shape == (2, 3, 8, 4)
    assert to_bytes(images, shape=(4, 3, 8)).shape == (2, 4, 3, 8)
    assert to_bytes(images, layout="NHWC").shape == (2, 4, 3, 8)
    with pytest.raises(InvalidDataError, match="layout="):
        to_bytes(images)
    with pytest.raises(InvalidDataError, match="layout="):
        to_bytes(np.zeros((2, 8, 8, 8), np.uint8))


@cases(
    ("paint", "options", "error", "says"),
    [
        (lambda x: x.astype(np.float32), {}, InvalidDataError, "value_range"),
        (lambda x: x.astype(np.int64), {}, InvalidDataError, "value_range"),
        (lambda x: x * np.float32(np.nan), {}, InvalidDataError, "not finite"),
        (lambda x: x[:, 0, 0], {}, InvalidDataError, "take images"),
        (lambda x: x, {"layout": "HWC"}, InvalidParameterError, "NHWC"),
        (lambda x: x, {"value_range": (1, 0)}, InvalidParameterError, "low below high"),
        (lambda x: x, {"n": 0}, InvalidParameterError, "at least 1"),
        (lambda x: x, {"n": {7: 3}}, InvalidParameterError, "class 7"),
        (lambda x: x, {"labels": []}, InvalidParameterError, "no class"),
    ],
)
def test_what_cannot_become_a_pool_is_refused(paint, options, error, says):
    with pytest.raises(error, match=says):
        SamplePool.generate(Painter(paint=paint), **{"n": 2, **options})


class Unnamed(Painter):
    """Does not say what it can make."""

    def __init__(self):
        super().__init__()
        self.known, self.classes_ = self.classes_, None

    def sample(self, n, label=None, random_state=None):
        return Painter(self.known).sample(n, label, random_state)


def test_a_generator_of_each_class_makes_a_pool_of_all(tmp_path):
    each = {2: Painter(), 0: Painter()}
    pool = SamplePool.generate(each, 4)
    assert pool.labels == (2, 0) and each[2].asked[0][1] == 2 and len(each[2].asked) == 1
    assert np.array_equal(pool_module.as_pool(each, 4, 0).take(np.arange(8)), pool.take(np.arange(8)))
    sampler = SimpleNamespace(generators_=each, sample=None)  # as GANOversampler has them
    assert SamplePool.generate(sampler, 4).labels == (2, 0)
    with pytest.raises(InvalidParameterError, match=r"class 1; the generator makes \[2, 0\]"):
        SamplePool.generate(each, labels=[1])
    with pytest.raises(InvalidDataError, match="several shapes"):
        SamplePool.generate({0: Painter(), 1: Painter(shape=(1, 8, 8))}, 2)


def test_a_generator_with_a_class_in_focus_makes_a_pool_of_that():
    painter = Painter()
    painter.conditions_ = SimpleNamespace(sampled=lambda: [1])
    assert SamplePool.generate(painter, 2).labels == (1,)


def test_a_generator_without_classes_or_sample_is_refused():
    painter = Painter()
    painter.classes_ = None
    with pytest.raises(InvalidDataError, match="knows no classes"):
        SamplePool.generate(painter)
    assert SamplePool.generate(Unnamed(), 3, labels=[1]).labels == (1,)
    for other in (object(), Painter, {0: "gan"}):
        with pytest.raises(InvalidTypeError, match="has no sample"):
            SamplePool.generate(other)
    with pytest.raises(InvalidTypeError, match="uint8 array"):
        SamplePool(np.zeros((2, 1, 8, 8)), [0, 1])
    with pytest.raises(InvalidDataError, match="label for each"):
        SamplePool(np.zeros((2, 1, 8, 8), np.uint8), [0])


# ------------------------------------------------------------------------------------------------- the file


@cases("labels", [(0, 1, 2), ("a", "bb", "ç"), (False, True)])
def test_a_file_gives_the_pool_back_mapped(tmp_path, labels):
    pool = SamplePool.generate(Painter(classes=labels), 300)
    mapped = pool.save(tmp_path / "synthetic.pool")
    assert mapped.labels == pool.labels == labels and type(mapped.labels[0]) is type(labels[0])
    assert isinstance(mapped._images, np.memmap)
    rows = np.arange(len(pool))
    assert np.array_equal(mapped.take(rows), pool.take(rows))
    assert np.array_equal(
        mapped.pick([0, 1] * 50, np.random.default_rng(0)), pool.pick([0, 1] * 50, np.random.default_rng(0))
    )


def test_a_pickle_of_a_mapped_pool_holds_its_path_and_of_another_its_images(tmp_path):
    pool = SamplePool.generate(Painter(), 50)
    mapped = pool.save(tmp_path / "synthetic.pool")
    assert len(pickle.dumps(mapped)) < 1000 < 50 * 3 * 192 < len(pickle.dumps(pool))
    for one in (pool, mapped):
        again = pickle.loads(pickle.dumps(one))
        assert np.array_equal(again.take(np.arange(150)), pool.take(np.arange(150))) and again.path == one.path


def test_a_pickle_of_a_mapped_pool_keeps_the_names_of_its_classes(tmp_path):
    images = np.arange(3, dtype=np.uint8).repeat(64).reshape(3, 1, 8, 8)
    mapped = SamplePool(images, [0, 1, 2], {0: "ant", 1: "bee", 2: "cat"}).save(tmp_path / "named.pool")
    again = pickle.loads(pickle.dumps(mapped))
    assert again.class_names == {0: "ant", 1: "bee", 2: "cat"} and again.labels == (0, 1, 2)
    assert again.code_of("cat") == 2 and again.path == mapped.path and np.array_equal(again.take([2]), images[2:])


def test_a_damaged_or_foreign_file_is_named(tmp_path):
    path = tmp_path / "synthetic.pool"
    SamplePool.generate(Painter(), 20).save(path)
    whole = path.read_bytes()
    for data in (whole[:-1], whole[:200], whole[:100], b"no pool", b"", whole[:6]):
        path.write_bytes(data)
        with pytest.raises(ModelFileError, match=r"synthetic\.pool"):
            SamplePool.open(path)
    with open(path, "wb") as file:
        np.save(file, np.arange(2))
        np.save(file, np.zeros((2, 3)))
    with pytest.raises(ModelFileError, match="float64"):
        SamplePool.open(path)
    with pytest.raises(ModelPathNotFoundError):
        SamplePool.open(tmp_path / "none.pool")


def test_what_cannot_be_written_leaves_everything_as_it_was(tmp_path):
    path = tmp_path / "synthetic.pool"
    pool = SamplePool.generate(Painter(), 20)
    pool.save(path)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))  # a disk that is full after 10 kB
    try:
        with pytest.raises(ModelPathError, match="the file that was there is as it was") as caught:
            SamplePool.generate(Painter(), 300).save(path)
        with pytest.raises(ModelPathError, match="nothing was written"):
            SamplePool.generate(Painter(), 300).save(tmp_path / "new.pool")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.errno == errno.EFBIG
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["synthetic.pool"]
    with pytest.raises(ModelPathNotFoundError, match="create it first"):
        pool.save(tmp_path / "none" / "synthetic.pool")
    with pytest.raises(InvalidTypeError, match="one kind"):
        SamplePool(np.zeros((2, 1, 8, 8), np.uint8), [0, "a"]).save(path)
    assert path.read_bytes() == before


# ------------------------------------------------------------------------------------------- sizes, imports


def test_sizes_and_channels_that_differ_are_named_or_resized():
    images = np.arange(2 * 64, dtype=np.uint8).reshape(2, 1, 8, 8)
    with pytest.raises(InvalidDataError, match="12 x 8.*8 x 8"):
        fitted_to(images, (1, 12, 8), False)
    with pytest.raises(InvalidDataError, match="3 channels.*1"):
        fitted_to(images, (3, 8, 8), True)
    assert fitted_to(images, (1, 8, 8), False) is images
    larger = fitted_to(images, (1, 16, 16), True)
    assert larger.shape == (2, 1, 16, 16) and larger.dtype == np.uint8
    assert abs(float(larger.mean()) - float(images.mean())) < 1


def test_the_names_are_lazy():
    """In a new interpreter, but nothing slow is imported."""
    code = (
        "import sys\nimport ganaug; ganaug.transforms; dir(ganaug.transforms)\n"
        "print([m for m in ('torch', 'torchvision', 'albumentations') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_absent_albumentations_says_what_to_install_and_comes_last(tmp_path):
    code = (
        "import os, sys\nos.environ.pop('NO_ALBUMENTATIONS_UPDATE', None)\n"
        "import ganaug; ganaug.transforms; assert not {'torchvision', 'albumentations'} & set(sys.modules)\n"
        "sys.modules['albumentations'] = None\n"
        "try:\n    ganaug.transforms.SyntheticSwap\n"
        "except ganaug.GanaugError as error:\n    print(isinstance(error, ImportError), error)\n"
        "del sys.modules['albumentations']\n"
        "ganaug.transforms.SyntheticBlend; print('torchvision' in sys.modules, 'albumentations' in sys.modules)\n"
        "ganaug.transforms.SyntheticSwap\n"
        "print('albumentations' in sys.modules, os.environ.get('NO_ALBUMENTATIONS_UPDATE'))"
    )
    absent, batches, items = printed_by(code, tmp_path).splitlines()
    assert absent.startswith("True") and "pip install 'albumentations>=2.0,<3'" in absent
    assert batches == "True False" and items == "True None"


def test_an_unknown_name_is_an_attribute_error():
    import ganaug.transforms

    with pytest.raises(AttributeError, match="SyntheticBlnd"):
        ganaug.transforms.SyntheticBlnd  # noqa: B018


# ---------------------------------------------------------------------------------------- saved generators


def test_a_generator_of_rows_is_loaded_and_refused(tmp_path):
    X = np.random.default_rng(0).normal(size=(40, 3))
    gan = ganaug.TabularGAN(max_steps=1, random_state=0, verbose=0).fit(X, np.repeat([0, 1], 20))
    gan.save(tmp_path / "gan.safetensors")
    with pytest.raises(InvalidDataError, match=r"samples of shape \(4, 3\); these transforms take images"):
        pool_module.as_pool(tmp_path / "gan.safetensors", 4, 0)


def test_a_worker_never_asks_for_the_gpu_of_its_parent(tmp_path, monkeypatch):
    X = np.random.default_rng(0).normal(size=(40, 3))
    path = tmp_path / "gan.safetensors"
    gan = ganaug.TabularGAN(max_steps=1, random_state=0, verbose=0).fit(X, np.repeat([0, 1], 20))
    default = gan.device
    gan.save(path)
    assert pool_module._load(path).device == default != "cpu"
    monkeypatch.setattr(pool_module, "get_worker_info", lambda: object())
    assert pool_module._load(path).device == "cpu"


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 3)])
def test_a_saved_image_gan_serves_both_libraries(tmp_path, shape):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 20)
    X = (rng.integers(0, 60, (40, *shape)) + 150 * y.reshape(-1, *[1] * len(shape))).astype(np.uint8)
    gan = ganaug.ImageGAN(max_steps=2, random_state=0, verbose=0).fit(X, y)
    gan.save(tmp_path / "gan.safetensors")
    channels = 1 if len(shape) == 2 else 3
    blend = ganaug.transforms.SyntheticBlend(tmp_path / "gan.safetensors", 1.0, pool_size=6)
    assert blend.pool.shape == (channels, 8, 8) and blend.pool.counts.tolist() == [6, 6]
    want = SamplePool.generate(gan, 6, seed=0)
    assert np.array_equal(blend.pool.take(np.arange(12)), want.take(np.arange(12)))
    images, _ = blend(torch.zeros(5, channels, 8, 8), torch.tensor([0, 1, 0, 1, 1]))
    assert images.shape == (5, channels, 8, 8) and images.max() > 0
    swap = ganaug.transforms.SyntheticSwap(tmp_path / "gan.safetensors", pool_size=6, p=1.0)
    out = swap(image=X[0], label=0)["image"]
    assert out.shape == shape and any(
        np.array_equal(out, one) for one in np.moveaxis(want.take(np.arange(6)), 1, -1).reshape(6, *shape)
    )
