"""Images that stay in a file: what is read of it, who reads it, and that trainings do not depend on it."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sys
import tempfile
import threading
import time
import warnings
from functools import partial
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
import torch
from helpers import cases, image_gan, random_images, series_gan
from PIL import Image
from torch.utils.data import Dataset, Subset
from torchvision.datasets import ImageFolder
from torchvision.transforms import Compose, RandomHorizontalFlip, ToTensor
from torchvision.transforms.functional import pil_to_tensor

from ganaug import ImageTranslator, balance, load
from ganaug.cli import main
from ganaug.datasets import store_images
from ganaug.encoding import on_disk, pil_images, sample_arrays, sources
from ganaug.encoding.image_codec import ImageCodec
from ganaug.encoding.pil_images import in_order
from ganaug.encoding.sample_arrays import StoredSamples, from_nchw, open_samples, stack_samples, to_nchw
from ganaug.encoding.sources import resolve_samples
from ganaug.exceptions import (
    DataWarning,
    InvalidDataError,
    InvalidParameterError,
    InvalidTypeError,
    ModelPathError,
)
from ganaug.training import train_state

X, Y = random_images()
COLOURS = np.random.default_rng(1).integers(0, 256, (60, 8, 10, 3), dtype=np.uint8)


@pytest.fixture
def small(monkeypatch):
    """What counts as many images is little."""
    for module in (sample_arrays, train_state, on_disk):
        monkeypatch.setattr(module, "STORED_FROM", 1000)


class Items(Dataset):
    """Images as PIL has them, or tensors."""

    def __init__(self, images, kind="pil"):
        self.images, self.targets, self.kind = images, Y.tolist(), kind

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image = self.images[i]
        return Image.fromarray(image) if self.kind == "pil" else torch.from_numpy(image), self.targets[i]


# ---- Reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rows",
    [slice(None), slice(3, 7), slice(-2, None), slice(50, 90), slice(5, 5), slice(None, None, 7), np.array([5, 0, 59]),
     np.array([], np.int64), np.arange(60) % 3 == 0, [4, 4], np.array([-1]), 7],
)  # fmt: skip
def test_rows_are_those_of_the_array(rows):
    plain = StoredSamples.of(COLOURS)
    assert np.array_equal(plain[rows], COLOURS[rows])
    turned = plain.in_nchw("NHWC")
    assert np.array_equal(turned[rows], to_nchw(COLOURS, "NHWC")[rows]) and turned[rows].flags.c_contiguous
    assert turned.shape == (60, 3, 8, 10) and plain.shape == COLOURS.shape and len(turned) == 60 and turned.ndim == 4
    assert turned.nbytes == COLOURS.nbytes and np.array_equal(np.asarray(turned), to_nchw(COLOURS, "NHWC"))


def test_bytes_before_the_first_sample(tmp_path):
    np.save(tmp_path / "images.npy", X)
    with open(tmp_path / "images.npy", "rb") as file:
        stored = StoredSamples(file, X.shape, os.path.getsize(tmp_path / "images.npy") - X.nbytes)
        assert np.array_equal(stored[10:20], X[10:20])


def test_threads_read_side_by_side(monkeypatch):
    monkeypatch.delattr(os, "preadv", raising=False)  # then they take turns
    stored, wrong = StoredSamples.of(COLOURS), []

    def read(seed):
        for _ in range(50):
            rows = np.random.default_rng(seed).integers(0, 60, 5)
            if not np.array_equal(stored[rows], COLOURS[rows]):
                wrong.append(rows)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_pickle_is_the_array():
    again = pickle.loads(pickle.dumps(StoredSamples.of(COLOURS).in_nchw("NHWC")))
    assert isinstance(again, np.ndarray) and np.array_equal(again, to_nchw(COLOURS, "NHWC"))


def test_the_file_has_no_name(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stored = StoredSamples.of(X)
    assert len(stored) == 60 and not list(tmp_path.iterdir())


def test_a_file_that_became_shorter(tmp_path):
    (tmp_path / "images").write_bytes(X.tobytes())
    with open(tmp_path / "images", "rb") as file:
        stored = StoredSamples(file, X.shape)
        os.truncate(tmp_path / "images", 100)
        with pytest.raises(InvalidDataError, match="became shorter"):
            stored[:]


def test_no_room_is_said(monkeypatch):
    class Full:
        def write(self, data):
            raise OSError(28, "No space left on device")

        def close(self):
            pass

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
    with pytest.raises(ModelPathError, match="cannot be kept in the temporary folder .*No space left"):
        StoredSamples.of(X)


def test_a_temporary_folder_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/no/such/folder")
    with pytest.raises(ModelPathError, match="cannot be kept in the temporary folder /no/such/folder: No such file"):
        StoredSamples.of(X)


def test_errors_of_the_images_themselves_are_no_lack_of_room():
    def images():
        yield X[0]
        raise OSError("a disk that is gone")

    with pytest.raises(OSError, match="^a disk that is gone$"):
        StoredSamples.of(images(), X.shape)


# ---- Who stores, and who takes what is stored -------------------------------------------------------


@pytest.mark.parametrize("kind", ["pil", "tensor"])
def test_many_images_of_a_dataset_stay_in_a_file(small, kind):
    dataset = Items(X, kind)
    stored, _, source = resolve_samples(dataset, stored=True)
    whole, _, same = resolve_samples(dataset)
    assert isinstance(stored, StoredSamples) and not isinstance(whole, StoredSamples) and source == same
    assert np.array_equal(np.asarray(stored), np.asarray(whole)) and stored.tensor == (kind == "tensor")
    few, _, _ = resolve_samples(Items(X[:8][:, :4, :4], kind), Y[:8], stored=True)
    assert not isinstance(few, StoredSamples)


def test_images_that_differ_are_named_as_ever(small):
    images = list(X)
    images[40] = X[0, :7]
    with pytest.raises(InvalidDataError, match=r"item 40 .*7 x 8"):
        resolve_samples(Items(images), stored=True)


@pytest.mark.parametrize("images", [X, COLOURS])
def test_the_codec_is_that_of_the_array(small, images):
    stored, plain = ImageCodec(), ImageCodec()
    x, y = stored.fit_encode(StoredSamples.of(images)), plain.fit_encode(images)
    assert isinstance(x, StoredSamples) and np.array_equal(np.asarray(x), y)
    assert stored.get_state()[0] == plain.get_state()[0]
    assert all(np.array_equal(stored.get_state()[1][name], own) for name, own in plain.get_state()[1].items())
    assert np.array_equal(stored.decode(x[:3]), images[:3])
    assert np.array_equal(plain.encode(StoredSamples.of(images)), y)  # an array, as of any other images


def test_memory_maps_are_read_from_their_files(small, tmp_path):
    np.save(tmp_path / "images.npy", COLOURS)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    found, form = open_samples(mapped, "images", stored=True)
    assert isinstance(found, StoredSamples) and np.array_equal(found[:], COLOURS) and not form.tensor
    others = [mapped[5:], mapped[:, :, ::-1], np.asarray(mapped), np.load(tmp_path / "images.npy", mmap_mode="c")]
    for other in others:
        assert not isinstance(open_samples(other, "images", stored=True)[0], StoredSamples)
    assert not isinstance(open_samples(mapped, "images")[0], StoredSamples)
    changed = np.load(tmp_path / "images.npy", mmap_mode="r+")
    changed[0] = 7
    assert (open_samples(changed, "images", stored=True)[0][:1] == 7).all()


def gone(path):
    path.unlink()


def replaced(path):
    np.save(path.parent / "other.npy", 255 - COLOURS)
    os.replace(path.parent / "other.npy", path)


def replaced_by_fewer(path):
    np.save(path.parent / "other.npy", COLOURS[:9])
    os.replace(path.parent / "other.npy", path)


@pytest.mark.parametrize("happened", [gone, replaced, replaced_by_fewer])
def test_a_map_has_its_own_images_whatever_became_of_its_file(small, tmp_path, happened):
    np.save(tmp_path / "images.npy", COLOURS)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    happened(tmp_path / "images.npy")
    found, _ = open_samples(mapped, "images", stored=True)
    assert not isinstance(found, StoredSamples) and np.array_equal(found, COLOURS)


# ---- Training -----------------------------------------------------------------------------------


def same(one, other):
    assert one.weights_.keys() == other.weights_.keys()
    assert all(np.array_equal(own, other.weights_[name]) for name, own in one.weights_.items())
    assert np.array_equal(one.sample(5, label=1, random_state=0)[0], other.sample(5, label=1, random_state=0)[0])
    assert one.history_.equals(other.history_)


def folder_of(path, images):
    for label in np.unique(Y):
        (path / f"c{label}").mkdir(parents=True)
    for place, (image, label) in enumerate(zip(images, Y, strict=True)):
        Image.fromarray(image).save(path / f"c{label}" / f"{place:03d}.png")
    return path


def test_a_training_is_that_of_the_array(small, tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(
        StoredSamples, "_read_at", lambda self, *of, now=StoredSamples._read_at: read.append(1) or now(self, *of)
    )
    np.save(tmp_path / "images.npy", X)
    gan = {"max_steps": 6, "batch_size": 8}
    of_map = image_gan(**gan).fit(np.load(tmp_path / "images.npy", mmap_mode="r"), Y)
    assert len(read) > 60
    of_dataset = image_gan(**gan).fit(Items(X))
    monkeypatch.setattr(sample_arrays, "STORED_FROM", 2**29)
    monkeypatch.setattr(train_state, "STORED_FROM", 2**29)
    of_array = image_gan(**gan).fit(X, Y)
    same(of_map, of_array)
    same(of_dataset, of_array)


def test_a_training_on_a_folder_is_that_of_its_images(small, tmp_path, monkeypatch):
    folder = folder_of(tmp_path / "images", COLOURS)
    one = image_gan(max_steps=4, checkpoint=tmp_path / "checkpoint").fit(folder)
    monkeypatch.setattr(sample_arrays, "STORED_FROM", 2**29)
    monkeypatch.setattr(train_state, "STORED_FROM", 2**29)
    other = image_gan(max_steps=4, checkpoint=tmp_path / "checkpoint").fit(folder)
    assert one.classes_.tolist() == ["c0", "c1"]
    for name, own in one.weights_.items():
        assert np.array_equal(own, other.weights_[name])


def test_other_codecs_get_arrays(small):
    class Signals(Dataset):
        targets = Y.tolist()

        def __len__(self):
            return 60

        def __getitem__(self, i):
            return COLOURS[i, 0].T.copy(), self.targets[i]

    assert series_gan(max_steps=2).fit(Signals()).n_steps_ == 2


def test_what_is_fitted_further_or_in_a_process_gets_arrays_too(small):
    gan = image_gan(max_steps=3, batch_size=8, warm_start=True).fit(Items(X))
    assert gan.fit(Items(X)).n_steps_ == 6
    prepared = image_gan().prepare(Items(X))
    assert isinstance(prepared.x, StoredSamples)
    again = pickle.loads(pickle.dumps(prepared))
    same(image_gan(max_steps=3).fit_prepared(prepared), image_gan(max_steps=3).fit_prepared(again))


def test_no_second_copy_is_made_of_training_rows(small):
    """On a processor of none; on another device of few, and large arrays go there batch by batch."""
    rows, meta = np.array([3, 5, 9]), torch.device("meta")
    found = train_state.samples_on(X, rows, torch.device("cpu"))
    assert isinstance(found, train_state.FetchedRows) and np.array_equal(found[torch.tensor([2, 0])], X[[9, 3]])
    assert found.x is X and isinstance(train_state.samples_on(X, rows, meta), train_state.FetchedRows)
    assert isinstance(train_state.samples_on(X[:3], np.array([0]), meta), torch.Tensor)


def test_layouts_go_to_and_fro():
    assert np.array_equal(from_nchw(StoredSamples.of(COLOURS).in_nchw("NHWC")[:2], "NHWC"), COLOURS[:2])


# ---- Floats that are bytes ------------------------------------------------------------------------


WAYS = {
    "divided": lambda x: x.astype(np.float32) / np.float32(255),
    "as they are": lambda x: x.astype(np.float64),
    "normalised": lambda x: ((x.astype(np.float32) / np.float32(255)) - np.float32(0.5)) / np.float32(0.5),
    "with outliers": lambda x: np.where(x == 255, 4000, x).astype(np.float32),
    "halves": lambda x: (x / 255).astype(np.float16),
}


@cases("name", WAYS)
def test_floats_with_few_values_are_bytes_in_a_file(monkeypatch, name):
    values = WAYS[name](np.where(np.arange(COLOURS.size).reshape(COLOURS.shape) % 900, COLOURS // 2, 255))
    plain = ImageCodec()
    expected = plain.fit_encode(values)
    monkeypatch.setattr(sample_arrays, "STORED_FROM", 1000)
    codec = ImageCodec()
    x = codec.fit_encode(values)
    assert isinstance(x, StoredSamples) and x.nbytes == values.size and x.dtype == np.float32
    assert np.array_equal(x[:], expected) and np.array_equal(x[[7, 3]], expected[[7, 3]])
    assert codec.get_state()[0] == plain.get_state()[0]
    assert all(np.array_equal(codec.get_state()[1][name], own) for name, own in plain.get_state()[1].items())
    read = open_samples(values, "images", stored=True)[0]
    assert read.dtype == values.dtype and np.array_equal(read[:], values)
    assert np.array_equal(np.asarray(pickle.loads(pickle.dumps(x))), expected)


def test_floats_of_many_values_stay_floats(small):
    own = np.random.default_rng(0).random((40, 8, 8)).astype(np.float32)
    assert open_samples(own, "images", stored=True)[0] is own
    few = np.round(own * 200) / np.float32(200)
    few[30] = own[30]  # then there are more than 256
    found = stack_samples(list(few), 40, "images", stored=True)
    assert isinstance(found, np.ndarray) and found.dtype == np.float32 and np.array_equal(found, few)
    half = torch.from_numpy(few[:30]).bfloat16()
    assert isinstance(stack_samples(list(half), 30, "images", stored=True), torch.Tensor)
    few[30] = few[29]
    few[35, 2, 2] = np.nan
    with pytest.raises(InvalidDataError, match=r"NaN: image 35 at \(2, 2\)"):
        ImageCodec().fit(few)


def test_a_training_on_tensors_of_floats_is_that_of_the_array(small, monkeypatch):
    gan = {"max_steps": 6, "batch_size": 8}

    class Floats(Items):
        def __getitem__(self, i):
            image, label = super().__getitem__(i)
            return image[None] / 255, label  # as torchvision's ToTensor has them

    kept = resolve_samples(Floats(X, "tensor"), stored=True)[0]
    assert isinstance(kept, StoredSamples) and kept.dtype == np.float32 and kept.tensor
    of_dataset = image_gan(**gan).fit(Floats(X, "tensor"))
    monkeypatch.setattr(sample_arrays, "STORED_FROM", 2**29)
    of_tensor = image_gan(**gan).fit(torch.from_numpy(X)[:, None] / 255, Y)
    assert of_dataset.history_.equals(of_tensor.history_)
    assert all(np.array_equal(own, of_tensor.weights_[name]) for name, own in of_dataset.weights_.items())
    drawn = [gan.sample(5, label=1, random_state=0)[0] for gan in (of_dataset, of_tensor)]
    assert drawn[0].dtype == torch.float32 and torch.equal(*drawn)


# ---- Images that are read side by side, and decoded into a file --------------------------------------


@pytest.mark.parametrize("backend", [pytest.param("loky", marks=pytest.mark.slow), "threading"])
def test_what_is_read_side_by_side_comes_in_order(backend):
    found = []

    def squared(i):
        if i == 70:
            raise InvalidDataError("number 70")
        if i % 50 == 3:
            warnings.warn(f"number {i}", DataWarning, stacklevel=2)
        return i * i

    with joblib.parallel_config(backend, n_jobs=2), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(InvalidDataError, match="number 70"):
            for one in in_order(squared, range(200)):
                found.append(one)  # noqa: PERF402, what came before the error counts
    assert found == [i * i for i in range(70)]
    assert {str(one.message) for one in told} >= {"number 3", "number 53"}


def test_few_images_and_clusters_have_no_workers(monkeypatch):
    here = threading.get_ident()
    reader = lambda i: threading.get_ident()  # noqa: E731
    with joblib.parallel_config("threading", n_jobs=2):
        assert set(in_order(reader, range(10))) == {here} and here not in set(in_order(reader, range(100)))
        assert set(in_order(reader, range(100), 1)) == {here}
    with pytest.raises(InvalidTypeError, match=r"cannot be sent to workers \(TypeError: .*\); .*n_jobs=1"):
        list(in_order(partial(lambda lock, i: i, threading.Lock()), range(100), 2))
    monkeypatch.setattr(joblib.parallel, "get_active_backend", lambda: (np.random.default_rng(), 2))
    assert set(in_order(reader, range(100), 2)) == {here}


@pytest.mark.parametrize("of", ["folder", "dataset"])
def test_many_workers_read_what_one_reads(tmp_path, monkeypatch, of):
    monkeypatch.setattr(pil_images, "TOGETHER", 8)
    folder = folder_of(tmp_path / "images", COLOURS)
    whole, labels, source = resolve_samples(folder if of == "folder" else ImageFolder(folder))
    with joblib.parallel_config("threading", n_jobs=3):
        again = resolve_samples(folder if of == "folder" else ImageFolder(folder))
        assert np.array_equal(again[0], whole) and np.array_equal(again[1], labels) and again[2] == source
        (folder / "c1" / "050.png").write_bytes(b"nothing")
        with pytest.raises(InvalidDataError, match=r"050\.png.* cannot be read"):
            resolve_samples(folder if of == "folder" else ImageFolder(folder))


@pytest.fixture
def parts(monkeypatch):
    """Ten images have a checksum of their own."""
    monkeypatch.setattr(on_disk, "PART", 10 * COLOURS[0].nbytes)


@pytest.mark.parametrize("of", ["folder", "dataset"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_images_are_decoded_once(tmp_path, parts, monkeypatch, of, n_jobs):
    monkeypatch.setattr(pil_images, "TOGETHER", 8)
    folder, read = folder_of(tmp_path / "images", COLOURS), []
    monkeypatch.setattr(pil_images, "_with_image", lambda *of, now=pil_images._with_image: read.append(1) or now(*of))
    own = folder if of == "folder" else ImageFolder(folder)
    with joblib.parallel_config("threading"):
        images, labels = store_images(own, tmp_path / "images.npy", n_jobs=n_jobs)
        assert isinstance(images, np.memmap) and np.array_equal(images, COLOURS)
        assert labels.tolist() == [f"c{y}" if of == "folder" else y for y in Y]
        assert {path.name for path in tmp_path.iterdir()} == {"images", "images.npy", "images.npy.json"}
        read.clear()
        again, _ = store_images(own, tmp_path / "images.npy")
    assert not read and np.array_equal(again, COLOURS)
    assert np.array_equal(np.load(tmp_path / "images.npy"), COLOURS)


def test_decoding_goes_on_where_it_was(tmp_path, parts, monkeypatch):
    folder, target, read = folder_of(tmp_path / "images", COLOURS), tmp_path / "images.npy", []

    def cut(file, mode=None, now=pil_images.open_image):
        read.append(file.name)
        if read.count("037.png") == 1 and file.name == "037.png":
            raise KeyboardInterrupt
        return now(file, mode)

    monkeypatch.setattr("ganaug.encoding.sources.open_image", cut)
    with pytest.raises(KeyboardInterrupt):
        store_images(folder, target)
    assert not target.exists() and (tmp_path / "images.npy.part").exists()
    assert sum(map(bool, json.loads((tmp_path / "images.npy.json").read_text())["parts"])) == 3
    done = len(read)
    images, _ = store_images(folder, target)
    assert np.array_equal(images, COLOURS) and not (tmp_path / "images.npy.part").exists()
    assert "029.png" not in read[done:] and len(read) == done + 1 + 30


@pytest.mark.parametrize("finished", [True, False])
def test_damage_is_found_and_named_and_mended(tmp_path, parts, finished):
    folder, target = folder_of(tmp_path / "images", COLOURS), tmp_path / "images.npy"
    store_images(folder, target)
    if not finished:
        target.rename(tmp_path / "images.npy.part")
    where = target if finished else tmp_path / "images.npy.part"
    whole = where.read_bytes()
    for at, told in (
        (len(whole) - 1, r"images 50 to 59 \(.*050\.png and on\)"),
        (50, "its header"),
        (2000, r"images 0 to 9 \(.*000\.png and on\)"),
    ):
        where.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.warns(
            DataWarning, match=f"was damaged: {told} did not match the checksum, and (are|is) made again"
        ):
            assert np.array_equal(store_images(folder, target)[0], COLOURS)
        where = target
    target.write_bytes(whole[: len(whole) // 2])
    with pytest.warns(DataWarning, match=r"images 20 to 29 .*, images 30 to 39 .* and 1 more parts"):
        store_images(folder, target)
    assert target.read_bytes() == whole


def test_files_of_other_images_are_left_as_they_are(tmp_path, parts):
    folder, target = folder_of(tmp_path / "images", COLOURS), tmp_path / "images.npy"
    target.write_bytes(b"mine")
    with pytest.raises(InvalidDataError, match=r"images\.npy is there, and not of store_images"):
        store_images(folder, target)
    target.unlink()
    store_images(folder, target)
    with pytest.raises(InvalidDataError, match="holds other images: .* or of another image_size"):
        store_images(folder, target, image_size=(9, 9))
    Image.fromarray(COLOURS[1]).save(folder / "c0" / "000.png")
    with pytest.raises(InvalidDataError, match="holds other images: .* files that were changed"):
        store_images(folder, target)
    (tmp_path / "images.npy.json").write_text("{}")
    with pytest.raises(InvalidDataError, match=r"images\.npy\.json is damaged .*remove images\.npy\* in"):
        store_images(folder, target)
    with pytest.raises(InvalidTypeError, match="X is a ndarray; give a folder"):
        store_images(COLOURS, target)
    Image.fromarray(COLOURS[1][:5]).save(folder / "c0" / "007.png")
    with pytest.raises(InvalidDataError, match=r"000\.png is 8 x 10 RGB, .*007\.png is 5 x 10 RGB"):
        store_images(folder, tmp_path / "others.npy")


def test_tensors_are_stored_as_they_are(tmp_path, small):
    images, labels = store_images(Items(X, "tensor"), tmp_path / "images.npy")
    assert np.array_equal(images, X) and np.array_equal(labels, Y)
    same(image_gan(max_steps=3).fit(images, labels), image_gan(max_steps=3).fit(np.array(images), labels))


@pytest.mark.parametrize("n_jobs", [0, 1.5, "two", True])
def test_a_bad_number_of_workers_is_named(tmp_path, n_jobs):
    with pytest.raises(InvalidParameterError, match=f"n_jobs={n_jobs!r} must be None"):
        store_images(Items(X, "tensor"), tmp_path / "images.npy", n_jobs=n_jobs)
    assert not list(tmp_path.iterdir())


def test_a_dataset_that_became_another_is_refused(tmp_path):
    target = tmp_path / "images.npy"
    images, _ = store_images(Items(COLOURS), target)
    before = images.tobytes()
    random = np.random.default_rng(0)
    for other in (255 - COLOURS, COLOURS[:, :7], COLOURS[..., 0], random.permutation(COLOURS)):
        with pytest.raises(InvalidDataError, match="holds other images: .* of another transform or one that is random"):
            store_images(Items(other), target)
    assert np.array_equal(store_images(Items(COLOURS), target)[0], images) and images.tobytes() == before
    for file in tmp_path.glob("images.npy*"):  # the remedy
        file.unlink()
    assert np.array_equal(store_images(Items(255 - COLOURS), target)[0], 255 - COLOURS)


def test_a_file_of_a_dataset_that_is_gone_is_named(tmp_path):
    images = ImageFolder(folder_of(tmp_path / "images", COLOURS))
    os.remove(images.samples[31][0])
    with pytest.raises(InvalidDataError, match=r"\.png cannot be read: No such file.*; restore it, or leave it out"):
        store_images(images, tmp_path / "images.npy")


def test_items_without_rows_and_columns_are_no_images(tmp_path):
    with pytest.raises(InvalidDataError, match=r"item 0 of the Items has shape \(50,\); images are \(H, W\)"):
        store_images(Items(X.reshape(len(X), -1)[:, :50], "tensor"), tmp_path / "images.npy")
    with pytest.raises(InvalidDataError, match=r"item 0 of the Items has shape \(0, "):
        store_images(Items(X[:, :0], "tensor"), tmp_path / "images.npy")
    assert not list(tmp_path.iterdir())


def test_pixels_too_large_are_refused_in_a_file_as_in_memory(small):
    with pytest.raises(InvalidDataError, match="contains the value"):
        ImageCodec().fit(COLOURS / 255 * 1e305)


def test_floats_stay_in_memory_where_there_is_no_room(small, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    images = COLOURS / 255
    assert open_samples(images, "images", stored=True)[0] is images


def test_through_a_link_the_images_go_where_it_points(tmp_path):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "link.npy").symlink_to(tmp_path / "scratch" / "images.npy")
    for _ in range(2):
        assert np.array_equal(store_images(Items(COLOURS), tmp_path / "link.npy")[0], COLOURS)
    assert (tmp_path / "link.npy").is_symlink() and (tmp_path / "scratch" / "images.npy.json").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"link.npy", "scratch"}


def test_a_killed_fit_on_a_folder_decodes_the_rest_only(tmp_path, parts, small, monkeypatch):
    folder, read = folder_of(tmp_path / "images", COLOURS), []
    kept = tmp_path / "runs" / "run.ckpt"
    kept.parent.mkdir()
    gan = partial(image_gan, max_steps=4, batch_size=8)
    plain = gan().fit(folder)

    def cut(file, mode=None, now=pil_images.open_image):
        read.append(file.name)
        if len(read) == 40:
            raise KeyboardInterrupt
        return now(file, mode)

    monkeypatch.setattr(on_disk, "open_image", lambda *of: pil_images.open_image(*of))  # one, to see how large they are
    monkeypatch.setattr("ganaug.encoding.sources.open_image", cut)
    with pytest.raises(KeyboardInterrupt):
        gan(checkpoint=kept).fit(folder)
    assert {path.name for path in kept.parent.iterdir()} == {"run.ckpt.images.npy.json", "run.ckpt.images.npy.part"}

    class Killed(Exception):
        pass

    def kill(event):
        raise Killed

    with pytest.raises(Killed):
        gan(checkpoint=kept, callbacks=[kill]).fit(folder)
    assert len(read) == 40 + 31 and (kept.parent / "run.ckpt.images.npy").exists()
    resumed = gan(checkpoint=kept).fit(folder)
    assert len(read) == 40 + 31 and not list(kept.parent.iterdir())
    for name, own in plain.weights_.items():
        assert np.array_equal(own, resumed.weights_[name])
    assert resumed.codec_.get_state()[0] == plain.codec_.get_state()[0] and resumed.classes_.tolist() == ["c0", "c1"]


def read_png(file):
    with Image.open(file) as image:
        return np.array(image)


# ---- Every door that takes a checkpoint goes on with the decoding -----------------------------------------------


class Counted(ImageFolder):
    """A folder whose files are read by a function of the test."""

    def __init__(self, root, transform=None):
        super().__init__(root, transform, loader=lambda path: pil_images.open_image(path).convert("RGB"))


def _dataset(folder, kept):
    return image_gan(max_steps=2, checkpoint=kept).fit(Counted(folder))


def _tensors(folder, kept):
    return image_gan(max_steps=2, checkpoint=kept).fit(Counted(folder, pil_to_tensor))


def _floats(folder, kept):
    return image_gan(max_steps=2, checkpoint=kept).fit(Counted(folder, ToTensor()))


def _balance(folder, kept):
    data = Subset(Counted(folder, Compose([RandomHorizontalFlip(), ToTensor()])), range(5, 60))
    return balance(data, image_gan(max_steps=2, checkpoint=kept)).generator


def _translator(folder, kept):
    own = {"width": 4, "depth": 1, "verbose": False, "random_state": 0, "max_steps": 2}
    return ImageTranslator(paired=True, task="inpaint", checkpoint=kept, **own).fit(folder)


def _pairs(folder, kept):
    own = {"width": 4, "depth": 1, "verbose": False, "random_state": 0, "max_steps": 2}
    return ImageTranslator(paired=True, checkpoint=kept, **own).fit(folder / "c0", folder.parent / "targets")


SET = [f"--set={name}={value}" for name, value in (("channels", 2), ("max_channels", 4), ("batch_size", 8))]


def _fit_words(folder, kept):
    words = ["fit", folder, "-o", f"{kept}.model", "--max-steps", 2, "--seed", 0, "--image-size", "9x8", "--force"]
    assert main([str(word) for word in (*words, *SET, f"--set=checkpoint={kept}")]) == 0
    return load(f"{kept}.model")


def _resample_words(folder, kept):
    output = folder.parent / f"new-{time.time_ns()}"
    words = ["resample", folder, "-o", output, "--max-steps", 2, "--seed", 0, *SET, f"--set=checkpoint={kept}"]
    assert main([str(word) for word in words]) == 0
    return SimpleNamespace(weights_={str(file.relative_to(output)): read_png(file) for file in output.glob("*/*")})


DOORS = [_dataset, _tensors, _floats, _balance, _translator, _pairs, _fit_words, _resample_words]


@pytest.mark.parametrize("door", DOORS)
def test_every_door_with_a_checkpoint_decodes_the_rest_only(door, tmp_path, parts, small, monkeypatch):
    folder = folder_of(tmp_path / "images", COLOURS)
    if door is _resample_words:
        for file in sorted((folder / "c1").iterdir())[:10]:
            file.unlink()
    runs, read, most = tmp_path / "runs", [], 42
    runs.mkdir()
    shutil.copytree(folder / "c0", tmp_path / "targets")
    plain = door(folder, runs / "plain")

    def cut(file, mode=None, now=pil_images.open_image):
        read.append(str(file))
        if len(set(read)) > most:
            raise KeyboardInterrupt
        return now(file, mode)

    for module in (pil_images, sources):
        monkeypatch.setattr(module, "open_image", cut)
    before = set(runs.iterdir())
    try:
        code = door(folder, runs / "run.ckpt")
    except (KeyboardInterrupt, AssertionError) as error:  # the command line returns a code of its own
        code = error
    assert isinstance(code, BaseException)
    assert {file.suffix for file in set(runs.iterdir()) - before} >= {".json", ".part"}
    first, most = set(read), 1000
    read.clear()
    resumed = door(folder, runs / "run.ckpt")
    again = first & set(read)
    assert len(again) <= len(first) // 2, f"{len(again)} of {len(first)} images were decoded again"
    assert {file.name for file in set(runs.iterdir()) - before} <= {"run.ckpt.model"}
    for name, own in plain.weights_.items():
        assert np.array_equal(own, resumed.weights_[name]), name


def test_where_decoded_images_cannot_lie_beside_the_checkpoint(tmp_path, parts, small, monkeypatch):
    folder, kept = folder_of(tmp_path / "images", COLOURS), tmp_path / "run.ckpt"

    def full(self):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(on_disk._ImageStore, "_note", full)
    with pytest.warns(DataWarning, match=r"run\.ckpt\.images\.npy: No space left.*; they stay in a temporary file"):
        own = image_gan(max_steps=2, checkpoint=kept).fit(folder)
    assert own.n_steps_ == 2 and {path.name for path in tmp_path.iterdir()} == {"images"}


def test_few_images_and_datasets_have_no_file_beside_the_checkpoint(tmp_path):
    for given in (folder_of(tmp_path / "images", COLOURS), Items(COLOURS), COLOURS):
        seen = []
        look = [lambda event, seen=seen: seen.extend(os.listdir(tmp_path))]
        own = image_gan(max_steps=2, checkpoint=tmp_path / "c", callbacks=look)
        own.fit(given, Y if given is COLOURS else None)
        assert seen and not any("npy" in name for name in seen)


def test_other_images_beside_a_checkpoint_are_left_as_they_are(tmp_path, parts, small):
    folder, kept = folder_of(tmp_path / "images", COLOURS), tmp_path / "run.ckpt"
    theirs = tmp_path / "run.ckpt.images.npy"
    store_images(folder, theirs, image_size=(9, 9))
    with pytest.raises(InvalidDataError, match=r"holds other images: .*remove run\.ckpt\.images\.npy\* in"):
        image_gan(max_steps=2, checkpoint=kept).fit(folder)
    assert np.load(theirs).shape == (60, 9, 9, 3)


def test_files_that_are_left_out_of_a_store_are_named(tmp_path):
    folder = folder_of(tmp_path / "images", COLOURS)
    (folder / "loose.png").write_bytes(b"")
    with pytest.warns(DataWarning, match=r"1 image\(s\) outside of the class folders left out: .*loose\.png"):
        store_images(folder, tmp_path / "images.npy")


def _as_on_windows(monkeypatch):
    """No fcntl, and a lock of a byte of a file, which lasts until it is closed."""
    import fcntl

    def locking(file, mode, n):
        assert (mode, n) == (2, 1)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK=2))


def test_without_fcntl_they_take_turns_as_well(tmp_path, monkeypatch):
    _as_on_windows(monkeypatch)
    now, most, turns = [], [], []

    def complete(self, n_jobs, before=on_disk._ImageStore.complete):
        now.append(1)
        most.append(len(now))
        time.sleep(0.02)
        before(self, n_jobs)
        now.pop()

    monkeypatch.setattr(on_disk._ImageStore, "complete", complete)

    def store():
        turns.append(store_images(Items(COLOURS), tmp_path / "images.npy")[0])

    threads = [threading.Thread(target=store) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 5 and len(turns) == 5 and all(np.array_equal(own, COLOURS) for own in turns)
    assert {path.name for path in tmp_path.iterdir()} == {"images.npy", "images.npy.json"}


def test_a_lock_that_a_dead_process_left_does_not_hold(tmp_path, monkeypatch):
    _as_on_windows(monkeypatch)
    (tmp_path / "images.npy.lock").write_bytes(b"")
    assert np.array_equal(store_images(Items(COLOURS), tmp_path / "images.npy")[0], COLOURS)
    monkeypatch.setitem(sys.modules, "msvcrt", None)  # and where nothing can be locked
    assert np.array_equal(store_images(Items(COLOURS), tmp_path / "images.npy")[0], COLOURS)


@cases(
    ("y", "words"),
    [
        (np.where(Y, np.nan, 0), r"targets: the label of item \d+ is missing \(nan\), as \d+ of 60 are; drop these"),
        ([None, *Y[1:].tolist()], "targets: the label of item 0 is None"),
        (np.array(["NaT", *["2020-01-01"] * 59], "datetime64[D]"), r"label of item 0 is missing \(NaT\), as 1 of 60"),
        (np.where(Y, np.inf, 0), "y contains infinity"),
        (Y + 0.5, "Unknown label type: continuous.* make classes of them first"),
        (Y[1:], "targets holds 59 labels, but the dataset has 60 items"),
        (["a", *Y[1:].tolist()], "labels of types int, str cannot be sorted"),
    ],
)
def test_labels_that_no_fit_takes_are_refused_before_decoding(tmp_path, y, words):
    with pytest.raises((InvalidDataError, InvalidTypeError), match=words):
        store_images(Items(COLOURS), tmp_path / "images.npy", y)
    own = Items(COLOURS)
    own.targets = y
    if len(y) == 60:
        with pytest.raises(
            (InvalidDataError, InvalidTypeError), match=words.replace("targets:", "the labels of the Items:")
        ):
            store_images(own, tmp_path / "images.npy")
    assert not list(tmp_path.glob("images*"))


def test_labels_of_plus_and_minus_one_are_labels(tmp_path):
    assert store_images(Items(COLOURS), tmp_path / "images.npy", np.where(Y, 1, -1))[1].tolist() == (2 * Y - 1).tolist()
