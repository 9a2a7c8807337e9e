"""SyntheticSwap and SyntheticMix in albumentations' pipelines, and the remedy for its workers."""

from __future__ import annotations

import functools
import json
import pickle
from itertools import count

import albumentations as A
import numpy as np
import pytest
import torch
from helpers import cases
from test_pools import Painter
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset

from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError, ModelPathNotFoundError
from ganaug.pools import pool as pool_module
from ganaug.transforms import SamplePool, SyntheticMix, SyntheticSwap, seed_worker

IMAGE = np.full((8, 8, 3), 255, np.uint8)  # the painter stays below
BOTH = [SyntheticSwap, SyntheticMix]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A pool of 40 images of each of the classes 0, 1, 2."""
    path = tmp_path_factory.mktemp("pool") / "synthetic.pool"
    SamplePool.generate(Painter(), 40).save(path)
    return str(path)


def number(image):
    """Which image it is: distinct with near certainty."""
    return hash(image.tobytes())


# ------------------------------------------------------------------------------------------------- images


def test_a_swap_is_an_image_of_the_items_class(path):
    swap = A.Compose([SyntheticSwap(path, p=1.0)], seed=0, strict=True)
    seen = set()
    for label in [0, 1, 2, np.int64(1), torch.tensor(2)] * 20:
        out = swap(image=IMAGE, label=label)
        assert out["image"].dtype == np.uint8 and out["image"].shape == (8, 8, 3) and out["label"] is label
        assert (out["image"] // 50 == int(label)).all()
        seen.add(number(out["image"]))
    assert len(seen) > 50 and (IMAGE == 255).all()


def test_p_is_the_share_of_items(path):
    swap = A.Compose([SyntheticSwap(path, p=0.3)], seed=0)
    hits = [not np.array_equal(swap(image=IMAGE, label=0)["image"], IMAGE) for _ in range(500)]
    assert 0.22 < np.mean(hits) < 0.38
    never, always = SyntheticSwap(path, p=0.0), SyntheticSwap(path, p=1.0)
    assert all(never(image=IMAGE, label=0)["image"] is IMAGE for _ in range(20))
    assert all((always(image=IMAGE, label=0)["image"] < 50).all() for _ in range(20))


@cases("transform", BOTH)
@cases("shape", [(8, 8), (8, 8, 1), (8, 8, 3)])
@cases("dtype", [np.uint8, np.float32])
def test_shape_and_dtype_are_the_items(tmp_path, transform, shape, dtype):
    channels = 3 if shape[-1] == 3 else 1
    SamplePool.generate(Painter(shape=(channels, 8, 8)), 5).save(tmp_path / "p")
    image = np.full(shape, 255 if dtype == np.uint8 else 1, dtype)
    for pipeline in (transform(tmp_path / "p", p=1.0), A.Compose([transform(tmp_path / "p", p=1.0)])):
        out = pipeline(image=image, label=1)["image"]
        assert out.shape == shape and out.dtype == dtype and out.flags.c_contiguous
        levels = out.astype(float) * (1 if dtype == np.uint8 else 255)
        assert levels.min() >= 49.9 and (levels.max() < 100.1 or transform is SyntheticMix)


def test_colours_keep_their_places(tmp_path):
    image = np.arange(3 * 64, dtype=np.uint8).reshape(1, 3, 8, 8)
    SamplePool(image, [0]).save(tmp_path / "p")
    out = SyntheticSwap(tmp_path / "p", p=1.0)(image=IMAGE, label=0)["image"]
    assert np.array_equal(out, np.moveaxis(image[0], 0, -1))


def test_a_mixture_lies_between_both(tmp_path):
    SamplePool(np.full((1, 3, 8, 8), 55, np.uint8), [0]).save(tmp_path / "p")
    mix = A.Compose([SyntheticMix(tmp_path / "p", alpha=1.0, p=1.0)], seed=0)
    levels = np.array([mix(image=IMAGE, label=0)["image"][0, 0, 0] for _ in range(300)], float)
    assert levels.min() >= 55 and levels.max() <= 255 and abs(levels.mean() - 155) < 12
    extreme = A.Compose([SyntheticMix(tmp_path / "p", alpha=0.01, p=1.0)], seed=0)
    levels = np.array([extreme(image=IMAGE, label=0)["image"][0, 0, 0] for _ in range(100)], float)
    assert set(levels.astype(int)) >= {55, 255} and np.isin(levels, [55, 255]).mean() > 0.9


def test_several_images_of_one_item_get_one_image(path):
    out = A.Compose([SyntheticSwap(path, p=1.0)])(images=np.stack([IMAGE] * 3), label=2)["images"]
    assert out.shape == (3, 8, 8, 3) and (out // 50 == 2).all() and (out == out[0]).all()


def test_what_shows_the_same_place_is_not_left_beside_another_image(path):
    depth = np.zeros((8, 8), np.float32)
    for beside, kind in ((depth, "mask"), (IMAGE // 2, "image")):
        pipe = A.Compose([SyntheticSwap(path, p=1.0)], additional_targets={"second": kind}, seed=0)
        with pytest.raises(InvalidDataError, match="second would not fit"):
            pipe(image=IMAGE, second=beside, label=0)
    out = pipe(image=IMAGE, second=IMAGE.copy(), label=0, row=np.zeros(3))  # two views of one image
    np.testing.assert_array_equal(out["image"], out["second"])


def test_names_missing_classes_and_sizes(tmp_path):
    SamplePool.generate(Painter(classes=["ant", "bee"]), 5).save(tmp_path / "p")
    path = tmp_path / "p"
    assert (SyntheticSwap(path, p=1.0)(image=IMAGE, label="bee")["image"] // 50 == 1).all()
    named = SyntheticSwap(path, classes=["cat", "ant", "bee"], missing="keep", p=1.0)
    assert (named(image=IMAGE, label=2)["image"] // 50 == 1).all()
    assert (named(image=IMAGE, label=0)["image"] == 255).all()
    with pytest.raises(InvalidDataError, match=r"class 0, only of 'ant', 'bee'; give classes=dataset\.classes"):
        SyntheticSwap(path, p=1.0)(image=IMAGE, label=0)
    with pytest.raises(InvalidDataError, match="class 'cat', only of 'ant', 'bee'"):
        SyntheticSwap(path, p=1.0)(image=IMAGE, label="cat")
    with pytest.raises(InvalidDataError, match="other classes"):
        SyntheticSwap(path, classes=["cat", "dog"], p=1.0)(image=IMAGE, label=0)
    larger = np.zeros((20, 10, 3), np.uint8)
    with pytest.raises(InvalidDataError, match="20 x 10.*8 x 8.*resize=True"):
        SyntheticSwap(path, p=1.0)(image=larger, label="ant")
    assert SyntheticSwap(path, resize=True, p=1.0)(image=larger, label="ant")["image"].shape == (20, 10, 3)


# ------------------------------------------------------------------------------------------ serialisation


@pytest.mark.parametrize(
    "make",
    [
        lambda path: SyntheticSwap(path, class_key="target", classes=[0, 1, 2], missing="keep", resize=True, p=0.7),
        lambda path: SyntheticMix(path, alpha=0.9, pool_size=3, pool_seed=5, p=0.7),
    ],
)
def test_to_dict_and_back_through_json(path, make, tmp_path):
    transform = make(path)
    pipeline = A.Compose([transform, A.HorizontalFlip(p=0.5)], seed=1)
    again = A.from_dict(json.loads(json.dumps(A.to_dict(pipeline))))
    assert A.to_dict(again) == A.to_dict(pipeline) and type(again[0]) is type(transform)
    key = transform.class_key
    for one in (again, pickle.loads(pickle.dumps(pipeline))):
        pipeline.set_random_seed(3)
        one.set_random_seed(3)
        for label in (0, 1, 2) * 5:
            want = pipeline(image=IMAGE, **{key: label})["image"]
            assert np.array_equal(one(image=IMAGE, **{key: label})["image"], want)
    A.save(pipeline, tmp_path / "pipeline.json")
    assert A.to_dict(A.load(tmp_path / "pipeline.json")) == A.to_dict(pipeline)
    assert type(transform).__name__ in repr(pipeline) and path in repr(pipeline)


@cases("transform", BOTH)
def test_replay_gives_the_same_image_from_a_record_of_numbers(path, transform):
    pipeline = A.ReplayCompose([transform(path, p=0.8), A.HorizontalFlip(p=0.5)])
    touched = 0
    for label in (0, 1, 2) * 10:
        out = pipeline(image=IMAGE, label=label)
        record = json.loads(json.dumps(out["replay"]))
        assert len(json.dumps(record)) < 2000
        assert np.array_equal(A.ReplayCompose.replay(record, image=IMAGE)["image"], out["image"])
        assert np.array_equal(A.ReplayCompose.replay(record, image=IMAGE, label=label)["image"], out["image"])
        touched += not np.array_equal(out["image"], IMAGE)
    assert 15 < touched <= 30


def test_a_replay_of_another_pool_says_so(path, tmp_path):
    pipeline = A.ReplayCompose([SyntheticSwap(path, p=1.0)])
    record = pipeline(image=IMAGE, label=2)["replay"]
    SamplePool.generate(Painter(), 1).save(tmp_path / "small")
    record["transforms"][0]["path"] = str(tmp_path / "small")
    with pytest.raises(InvalidDataError, match="has 3 images"):
        A.ReplayCompose.replay(record, image=IMAGE)


def test_a_generators_path_is_loaded_at_the_first_use_and_once(tmp_path, monkeypatch):
    loaded = []
    monkeypatch.setattr(pool_module, "_load", lambda path: loaded.append(path) or Painter())
    path = tmp_path / "gan.safetensors"
    path.write_bytes(b"a generator")
    first, second = SyntheticSwap(path, pool_size=6, p=1.0), SyntheticSwap(path, pool_size=6, p=1.0)
    A.to_dict(first)
    assert loaded == []
    for transform in (first, second):
        for _ in range(3):
            assert (transform(image=IMAGE, label=1)["image"] // 50 == 1).all()
    assert loaded == [str(path)] and len(first.preload()) == 18
    assert first.preload() is second.preload()


# --------------------------------------------------------------------------------------------- bad input


@cases("transform", BOTH)
@cases(
    ("options", "error", "says"),
    [
        ({"p": 1.5}, InvalidParameterError, r"p=1\.5"),
        ({"path": Painter()}, InvalidTypeError, "path is a Painter.*generator.save"),
        ({"class_key": "image"}, InvalidParameterError, "class_key"),
        ({"missing": "ignore"}, InvalidParameterError, "'keep'"),
        ({"pool_size": 0}, InvalidParameterError, "pool_size"),
        ({"pool_seed": -1}, InvalidParameterError, "pool_seed"),
        ({"classes": "abc"}, InvalidTypeError, "list of names"),
    ],
)
def test_bad_parameters_are_named(path, transform, options, error, says):
    with pytest.raises(error, match=says):
        transform(**{"path": path, **options})


def test_bad_alpha_and_missing_file_are_named(path):
    with pytest.raises(InvalidParameterError, match="alpha"):
        SyntheticMix(path, alpha=0.0)
    with pytest.raises(ModelPathNotFoundError, match=r"none\.pool"):
        SyntheticSwap("none.pool", p=1.0)(image=IMAGE, label=0)


@cases("transform", BOTH)
@cases(
    ("item", "error", "says"),
    [
        ({"image": IMAGE}, InvalidDataError, r"transform\(image=image, label="),
        ({"image": IMAGE, "label": [0]}, InvalidTypeError, "a class is"),
        ({"image": IMAGE, "label": 0, "mask": IMAGE[..., 0]}, InvalidDataError, "mask"),
        ({"image": IMAGE[..., 0], "label": 0}, InvalidDataError, "1 channels and the synthetic ones 3"),
        ({"image": IMAGE.astype(np.int32), "label": 0}, InvalidTypeError, "int32"),
        ({"image": IMAGE.astype(np.float32), "label": 0}, InvalidDataError, "before A.Normalize"),
    ],
)
def test_bad_items_are_named(path, transform, item, error, says):
    with pytest.raises(error, match=says):
        transform(path, p=1.0)(**item)


# ------------------------------------------------------------------------------------------------ workers


class Items(Dataset):
    """Item i: the number of the image that it became, and the worker's number where asked."""

    def __init__(self, transform):
        self.transform = transform

    def __len__(self):
        return 16

    def __getitem__(self, i):
        return number(self.transform(image=IMAGE, label=i % 3)["image"])


def epochs(dataset, loader_seed=0, workers=2, **options):
    loader = DataLoader(
        dataset, batch_size=4, num_workers=workers, generator=torch.Generator().manual_seed(loader_seed), **options
    )
    return [torch.cat(list(loader)).tolist() for _ in range(2)]


def epochs_of(pipelines, places=None, **options):
    """Two epochs of one loader for all pipelines, as a worker takes long to start: name -> the epochs of its items."""
    datasets = [(places[name] if places else Items)(pipeline) for name, pipeline in pipelines.items()]
    first, second = epochs(ConcatDataset(datasets), **options)
    return {name: (first[i : i + 16], second[i : i + 16]) for i, name in zip(count(0, 16), pipelines, strict=False)}


@pytest.fixture(scope="module")
def two_epochs(path):
    """Of a loader whose workers are new in each epoch, and of one that keeps them: the epochs of each pipeline."""
    # a share near a half: one near 0 changes nothing, and two items that are left as they were are alike by chance
    mixes = {f"mix, seed {seed}": A.Compose([SyntheticMix(path, alpha=20.0, p=1.0)], seed=seed) for seed in (None, 0)}
    pipelines = {**mixes, "half": A.Compose([SyntheticSwap(path, p=0.5)], seed=0)}
    return {persistent: epochs_of(pipelines, persistent_workers=persistent) for persistent in (False, True)}


@cases("persistent", [False, True])
@cases("name", ["mix, seed None", "mix, seed 0"])
def test_own_transforms_differ_between_workers_and_epochs_without_help(two_epochs, name, persistent):
    first, second = two_epochs[persistent][name]
    assert len({*first, *second}) == 32  # batches 0 and 2 came from one worker, 1 and 3 from the other


@cases("persistent", [False, True])
def test_p_is_decided_anew_by_every_worker_and_epoch(two_epochs, persistent):
    real = number(IMAGE)
    first, second = ([one == real for one in epoch] for epoch in two_epochs[persistent]["half"])
    patterns = {tuple(p[i : i + 4]) for p in (first, second) for i in (0, 4)}  # the workers' first batches
    assert len(patterns) > 1 and first != second


def test_everything_repeats_with_the_loaders_generator(path):
    def run(loader_seed):
        pipeline = A.Compose([SyntheticMix(path, p=0.5), A.RandomBrightnessContrast(p=1.0)], seed=0)
        return epochs(Items(pipeline), loader_seed, workers=1, worker_init_fn=seed_worker)

    assert run(0) == run(0) != run(1)


class Wrapper(Dataset):
    def __init__(self, inner):
        self.inner = inner

    def __len__(self):
        return len(self.inner)

    def __getitem__(self, i):
        return self.inner[i]


def apply(pipeline, image, label):
    return pipeline(image=image, label=label)


PLACES = {
    "an attribute": Items,
    "a list": lambda pipeline: Items(A.Sequential([pipeline], p=1.0)),
    "a closure": lambda pipeline: Items(lambda image, label: pipeline(image=image, label=label)),
    "a partial": lambda pipeline: Items(functools.partial(apply, pipeline)),
    "a bound method": lambda pipeline: Items(pipeline.__call__),
    "a subset": lambda pipeline: Subset(Wrapper(Items(pipeline)), range(16)),
    "a concatenation": lambda pipeline: ConcatDataset([Wrapper(Items(pipeline))]),
    "the class": lambda pipeline: type("Classy", (Items,), {"transform": pipeline, "__init__": lambda self: None})(),
}


@pytest.fixture(scope="module")
def two_epochs_of_places():
    """Pipelines of one seed, each in another place: the epochs of each."""
    noisy = {place: A.Compose([A.GaussNoise(std_range=(0.2, 0.3), p=1.0)], seed=0) for place in PLACES}
    return epochs_of(noisy, PLACES, worker_init_fn=seed_worker)


@cases("place", PLACES)
def test_seed_worker_finds_the_pipeline(two_epochs_of_places, place):
    first, second = two_epochs_of_places[place]
    assert len({*first, *second}) == 32


def test_seed_worker_finds_all_of_several_pipelines(two_epochs_of_places):
    every = [one for epochs in two_epochs_of_places.values() for epoch in epochs for one in epoch]
    assert len(every) == len(set(every)) == 32 * len(PLACES)


def test_seed_worker_says_so_where_it_can_do_nothing():
    with pytest.raises(InvalidParameterError, match="runs in the workers"):
        seed_worker(0)

    def none(image, label):
        return {"image": image}

    with pytest.raises(InvalidParameterError, match="found no albumentations transform in the Items"):
        epochs(Items(none), worker_init_fn=seed_worker)


def test_nothing_global_moves(path, global_state):
    for transform in (SyntheticSwap(path, p=0.5), SyntheticMix(path, p=0.5)):
        for _ in range(5):
            transform(image=IMAGE, label=0)
    global_state.assert_unchanged()
