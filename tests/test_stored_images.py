"""Images that stay in a file: what is read of it, who reads it, and that trainings do not depend on it."""

from __future__ import annotations

import os
import pickle
import tempfile
import threading

import numpy as np
import pytest
import torch
from helpers import image_gan, random_images, series_gan
from PIL import Image
from torch.utils.data import Dataset

from ganaug.encoding import sample_arrays
from ganaug.encoding.image_codec import ImageCodec
from ganaug.encoding.sample_arrays import StoredSamples, from_nchw, open_samples, to_nchw
from ganaug.encoding.sources import resolve_samples
from ganaug.exceptions import InvalidDataError, ModelPathError
from ganaug.training import train_state

X, Y = random_images()
COLOURS = np.random.default_rng(1).integers(0, 256, (60, 8, 10, 3), dtype=np.uint8)


@pytest.fixture
def small(monkeypatch):
    """What counts as many images is little."""
    for module in (sample_arrays, train_state):
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
